//! Queues and how much waits in them.

use std::collections::HashMap;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::cursor::Entries;
use super::input::Json;
use super::output::Answer;
use super::permission;
use super::problem::Problem;
use super::route::Route;
use super::view::{department_name, queue_path};
use crate::domain::ids::QueueId;
use crate::domain::organisation::{Directory, Queue};
use crate::domain::proposal::Priority;
use crate::domain::time::Timestamp;
use crate::flow::organise::{self, NewQueue};
use crate::flow::{Flow, FlowError};
use crate::store::QueueLoad;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/queues", permission::ALL, "Lists the queues by age, with what waits in them", list),
        Route::post("/v1/queues", permission::ADMIN, "Adds a queue to a department", add)
            .with_success(StatusCode::CREATED),
        Route::get(
            "/v1/queues/{department}/{queue}",
            permission::ALL,
            "Shows a queue with what waits in it",
            show,
        ),
    ]
}

/// A queue with its names and its load.
#[derive(Serialize, JsonSchema)]
struct QueueEntry {
    /// The queue.
    #[serde(flatten)]
    queue: Queue,
    /// The department's name.
    department_name: String,
    /// What it is called in requests, `department/queue`.
    path: String,
    /// How many conversations are open in it.
    open: u64,
    /// The same by priority, the most urgent first.
    loads: Vec<Load>,
}

/// What waits with one priority.
#[derive(Serialize, JsonSchema)]
struct Load {
    /// The priority.
    priority: Priority,
    /// How many conversations are open.
    open: u64,
    /// Since when the longest waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_waiting_since: Option<Timestamp>,
}

type Loads = HashMap<QueueId, Vec<QueueLoad>>;

async fn loads(flow: &Flow) -> Result<Loads, Problem> {
    let mut by_queue = Loads::new();
    for load in flow.store.queue_loads().await? {
        by_queue.entry(load.queue).or_default().push(load);
    }
    Ok(by_queue)
}

fn entry(queue: &Queue, directory: &Directory, loads: &mut Loads) -> QueueEntry {
    let mut loads = loads.remove(&queue.id).unwrap_or_default();
    loads.sort_by_key(|load| std::cmp::Reverse(load.priority));
    let load = |it: QueueLoad| Load {
        priority: it.priority,
        open: it.open,
        oldest_waiting_since: it.oldest_waiting_since,
    };
    QueueEntry {
        queue: queue.clone(),
        department_name: department_name(directory, queue.department),
        path: queue_path(directory, queue.id),
        open: loads.iter().map(|load| load.open).sum(),
        loads: loads.into_iter().map(load).collect(),
    }
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<QueueEntry>>, Problem> {
    let mut loads = loads(call.flow()).await?;
    let directory = call.flow().directory.load_full();
    let queues = directory.queues().into_iter();
    Ok(Answer::of(Entries::all(queues.map(|queue| entry(queue, &directory, &mut loads)))))
}

async fn add(call: Call, Json(new): Json<NewQueue>) -> Result<Answer<QueueEntry>, Problem> {
    let queue = organise::add_queue(call.flow(), call.principal()?, new).await?;
    Ok(Answer::of(entry(&queue, &call.flow().directory.load(), &mut Loads::new())))
}

async fn show(call: Call, (): ()) -> Result<Answer<QueueEntry>, Problem> {
    let mut loads = loads(call.flow()).await?;
    let directory = call.flow().directory.load_full();
    let path = format!("{}/{}", call.segment("department"), call.segment("queue"));
    let queue = queue_at(&directory, &path)?;
    Ok(Answer::of(entry(queue, &directory, &mut loads)))
}

/// The queue of this path, `department/queue`.
pub(super) fn queue_at<'a>(directory: &'a Directory, path: &str) -> Result<&'a Queue, FlowError> {
    let found = path.split_once('/').and_then(|(department, queue)| {
        directory.queue_named(directory.department_named(department)?.id, queue)
    });
    found.ok_or_else(|| {
        let known: Vec<_> = directory.queues().iter().map(|queue| queue_path(directory, queue.id)).collect();
        FlowError::unknown("queue", path, known.iter().map(String::as_str))
    })
}
