//! A host without plugins, for the tests of this room: a real repository, a clock that stands.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::permission::MetricsFor;
use super::response_room::ResponseRoom;
use super::room::Room;
use super::router::{router, router_with};
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::organisation::{Inbox, InboxAccess};
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::egress::{self, Egress, EgressError};
use crate::flow::artefact::Artefacts;
use crate::flow::pipeline::Pipeline;
use crate::flow::route::{Door, Judges};
use crate::flow::safe::Safe;
use crate::flow::{Flow, Wake, ingest, organise};
use crate::plugin::{PluginConfig, Plugins, Seal};
use crate::store::sqlite::{SqliteStore, StorePath};
use crate::store::{ChannelScope, Store};
use crate::telemetry::Telemetry;
use crate::vault::{Cipher, KeySource};

/// 2026-03-02T09:00:00Z.
const NOW_MS: i64 = 1_772_442_000_000;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(NOW_MS)
    }
}

struct NoWayOut;

#[async_trait]
impl Egress for NoWayOut {
    async fn send(&self, _: egress::Request, _: &[String]) -> Result<egress::Answer, EgressError> {
        Err(EgressError::Refused("nothing goes out in this test".to_owned()))
    }
}

/// A host to ask.
pub(super) struct Host {
    pub(super) flow: Flow,
    pub(super) draining: CancellationToken,
    router: Router,
    token: String,
}

/// What a host answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Host {
    /// A host with an empty repository, whose pipeline is loaded.
    pub(super) async fn start() -> Self {
        let ids = Arc::new(IdGenerator::new(0));
        let store = SqliteStore::open(StorePath::Temporary, Arc::clone(&ids)).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let telemetry = Arc::new(Telemetry::default());
        let wake = Arc::new(Wake::default());
        let judges = Judges {
            plugins: Plugins::new(PluginConfig { threads: 1, ..PluginConfig::default() }).unwrap(),
            directory: Arc::new(ArcSwap::from_pointee(store.directory().await.unwrap())),
            ids,
            clock: Arc::new(StandingClock),
            telemetry: Arc::clone(&telemetry),
            times: Arc::default(),
            timers: Arc::default(),
        };
        let pipeline = Arc::new(ArcSwap::from_pointee(Pipeline::default()));
        let door = Arc::new(Door::new(judges.clone(), Arc::clone(&pipeline), Arc::clone(&wake)));
        let quarantine = ingest::Quarantine {
            store: Arc::clone(&store),
            ids: Arc::clone(&judges.ids),
            clock: Arc::clone(&judges.clock),
            telemetry: Arc::clone(&telemetry),
        };
        let (intakes, commit_loop) = ingest::Committer::new(ingest::Storing {
            store: Arc::clone(&store),
            telemetry: Arc::clone(&telemetry),
            wake: Arc::clone(&wake),
            door: Arc::clone(&door),
            quarantine,
            liveness: Arc::default(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(commit_loop);
        let Judges { plugins, directory, ids, clock, .. } = judges;
        let flow = Flow {
            directory,
            store,
            plugins,
            egress: Arc::new(NoWayOut),
            clock,
            ids,
            telemetry,
            pipeline,
            keyring: Arc::default(),
            safe: Arc::new(Safe::new(Cipher::new(&KeySource::ThisProcess.key().unwrap()).unwrap())),
            naming: Arc::default(),
            behind: Arc::default(),
            rates: Arc::default(),
            intakes,
            door,
            wake,
            tasks,
            liveness: Arc::default(),
            stop: CancellationToken::new(),
            preparations: Arc::default(),
            retries: Arc::default(),
            artefacts: Arc::new(Artefacts::new(Seal::of_this_process().unwrap(), None).unwrap()),
            refreshing: Arc::new(Mutex::new(())),
        };
        flow.refresh_pipeline("the test began").await.unwrap();
        let token = organise::ensure_admin_token(&flow).await.unwrap().unwrap();
        let draining = CancellationToken::new();
        Self { router: router(flow.clone(), draining.clone()), flow, draining, token }
    }

    /// Adds an inbox of the department `billing`, which has a queue `operator`, straight into the repository: the
    /// tests of this room have no adapter.
    pub(super) async fn add_inbox(&self) -> Arc<Inbox> {
        let flow = &self.flow;
        let directory = flow.directory.load_full();
        let department = directory.department_named("billing").unwrap().id;
        let operator = directory.queue_named(department, "operator").unwrap().id;
        let inbox = Inbox {
            id: flow.id(),
            name: "web".to_owned(),
            department,
            channel: "web".to_owned(),
            adapter: "cloudevents".to_owned(),
            settings: Value::Object(Default::default()),
            operator_queue: operator,
            junk_queue: operator,
            promise: None,
            access: InboxAccess::Closed,
            reply_hosts: Vec::new(),
            allowance: Default::default(),
            secrets: Default::default(),
            retention: Default::default(),
            created_at: flow.now(),
            revision: 1,
        };
        let audit = flow.audit(&Principal::system(), "inbox.add", "web", Value::Null);
        flow.store.add_inbox(&inbox, ChannelScope::Company, &audit).await.unwrap();
        flow.refresh_directory().await.unwrap();
        Arc::new(inbox)
    }

    /// The same host with room for so many pieces of 64 KiB.
    pub(super) fn with_room(&self, pieces: usize) -> Router {
        let rooms = (Room::of(pieces), ResponseRoom::default());
        router_with(self.flow.clone(), self.draining.clone(), rooms, MetricsFor::default())
    }

    /// Sends a request as it is.
    pub(super) async fn send(&self, request: Request<Body>) -> Answered {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answered { status: parts.status, headers: parts.headers, body }
    }

    /// Reads something as admin.
    pub(super) async fn get(&self, path: &str) -> Answered {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    /// Does something as admin.
    pub(super) async fn post(&self, path: &str, body: Value) -> Answered {
        self.send_json("POST", path, None, body).await
    }

    /// Sends JSON as admin, on condition of an entity tag if one is given.
    pub(super) async fn send_json(
        &self,
        method: &str,
        path: &str,
        etag: Option<&str>,
        body: Value,
    ) -> Answered {
        let mut request = self.request(method, path).header("content-type", "application/json");
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A request as admin.
    pub(super) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let authorization = format!("Bearer {}", self.token);
        Request::builder().method(method).uri(path).header("authorization", authorization)
    }
}
