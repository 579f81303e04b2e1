//! Agents: the people who answer.

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
use super::view::department_name;
use crate::domain::organisation::{Agent, Directory};
use crate::flow::FlowError;
use crate::flow::organise::{self, NewAgent};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/agents", permission::ALL, "Lists the agents by name", list),
        Route::post("/v1/agents", permission::ADMIN, "Adds an agent to a department", add)
            .with_success(StatusCode::CREATED),
        Route::get("/v1/agents/{name}", permission::ALL, "Shows an agent", show),
    ]
}

/// An agent with the department's name.
#[derive(Serialize, JsonSchema)]
struct AgentEntry {
    /// The agent.
    #[serde(flatten)]
    agent: Agent,
    /// The department's name.
    department_name: String,
}

impl AgentEntry {
    fn of(agent: Agent, directory: &Directory) -> Self {
        Self { department_name: department_name(directory, agent.department), agent }
    }
}

async fn list(call: Call, (): ()) -> Result<Answer<Entries<AgentEntry>>, Problem> {
    let directory = call.flow().directory.load();
    let agents = directory.agents().into_iter().cloned();
    Ok(Answer::of(Entries::all(agents.map(|agent| AgentEntry::of(agent, &directory)))))
}

async fn add(call: Call, Json(new): Json<NewAgent>) -> Result<Answer<AgentEntry>, Problem> {
    let agent = organise::add_agent(call.flow(), call.principal()?, new).await?;
    Ok(Answer::of(AgentEntry::of(agent, &call.flow().directory.load())))
}

async fn show(call: Call, (): ()) -> Result<Answer<AgentEntry>, Problem> {
    let directory = call.flow().directory.load();
    let name = call.segment("name");
    let found = directory.agent_named(name).cloned().ok_or_else(|| {
        let known = directory.agents();
        FlowError::unknown("agent", name, known.iter().map(|it| it.name.as_str()))
    })?;
    Ok(Answer::of(AgentEntry::of(found, &directory)))
}
