//! A whole Switchboard for one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use switchboard::app::{App, Parts, Stopped};
use switchboard::domain::time::Timestamp;
use switchboard::flow::{Flow, deliver, escalate, route};
use switchboard::http as interface;
use switchboard::plugin::{ChildLimits, PluginConfig};
use switchboard::store::sqlite::StorePath;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::clock::TestClock;
use super::egress::RecordingEgress;
use super::program;
use super::reply::{Reply, entries};
use super::template::{self, Stage};

/// When every test begins.
pub const START: &str = "2026-03-02T09:00:00Z";

/// More rounds than any story here takes; beyond it, something causes itself.
const ROUNDS_MAX: usize = 1_000;

/// A Switchboard with a database of its own, a clock that stands, and a way out that records.
///
/// Nothing happens in the background: a test says when the workers get their turn, by
/// [`TestApp::settle`].
pub struct TestApp {
    /// The time.
    pub clock: Arc<TestClock>,
    /// What went out.
    pub egress: Arc<RecordingEgress>,
    /// The admin's token.
    pub token: String,
    app: App,
    folder: Arc<TempDir>,
    place: Place,
    said: AtomicUsize,
    /// What deliveries show, once the channel vouches for itself.
    /// What the channel of `chat` proves itself with, once it does: see [`TestApp::vouch`].
    pub channel_token: OnceLock<String>,
}

impl TestApp {
    /// The example company with its inboxes and no policies.
    pub async fn company() -> Self {
        Self::from_template(Stage::Company).await
    }

    /// The example company with the three bundled policies at work.
    pub async fn staffed() -> Self {
        Self::from_template(Stage::Staffed).await
    }

    async fn from_template(stage: Stage) -> Self {
        Self::furnished(stage, Place::default()).await
    }

    async fn furnished(stage: Stage, place: Place) -> Self {
        let template = template::shared().await;
        let folder = new_folder();
        template.furnish(stage, folder.path());
        Self::open(Arc::new(folder), place, template.token.clone()).await
    }

    /// The example company, whose compile children may use no more than this, and whose compiled
    /// plugins nobody else has made.
    pub async fn company_within(limits: ChildLimits) -> Self {
        let place = Place { limits, shelf: None, ..Place::default() };
        Self::furnished(Stage::Company, place).await
    }

    /// The example company with its policies at work and a shelf of its own.
    pub async fn staffed_with_shelf(shelf: &Path) -> Self {
        let place = Place { shelf: Some(shelf.to_owned()), ..Place::default() };
        Self::furnished(Stage::Staffed, place).await
    }

    /// A repository that is empty but for the admin's token.
    pub async fn empty() -> Self {
        let app = Self::open(Arc::new(new_folder()), Place::default(), String::new()).await;
        let token = switchboard::flow::organise::ensure_admin_token(app.flow()).await.unwrap();
        Self { token: token.expect("a new repository has no token"), ..app }
    }

    async fn open(folder: Arc<TempDir>, place: Place, token: String) -> Self {
        let Place { clock, egress, program, limits, shelf } = place.clone();
        let app = App::open(Parts {
            repository: StorePath::File(database(folder.path())),
            artefact_shelf: shelf,
            plugins: PluginConfig { threads: 2, child_limits: limits, ..PluginConfig::new(program) },
            secrets_key: None,
            clock: clock.clone(),
            egress: egress.clone(),
        })
        .await
        .unwrap_or_else(|error| panic!("the app does not open: {error:#}"));
        let (said, channel_token) = (AtomicUsize::new(0), OnceLock::new());
        Self { clock, egress, token, app, folder, place, said, channel_token }
    }

    /// Stops, and starts again on the same repository at the same time.
    pub async fn restart(self) -> Self {
        self.restart_with(|place| Place { program: program(), ..place }).await
    }

    /// The same, with compile children that may use no more than this.
    pub async fn restart_within(self, limits: ChildLimits) -> Self {
        self.restart_with(|place| Place { limits, ..place }).await
    }

    /// The same, with a program that cannot compile anything because it does not exist.
    pub async fn restart_without_compiler(self) -> Self {
        self.restart_with(|place| Place { program: "/nonexistent/compile-child".into(), ..place }).await
    }

    /// The same, with this program as the compile child.
    pub async fn restart_with_compiler(self, program: PathBuf) -> Self {
        self.restart_with(|place| Place { program, shelf: None, ..place }).await
    }

    async fn restart_with(self, change: impl FnOnce(Place) -> Place) -> Self {
        let Self { token, app, folder, place, said, channel_token, .. } = self;
        app.stop().await;
        Self { said, channel_token, ..Self::open(folder, change(place), token).await }
    }

    /// Stops, lets something happen to the folder of the repository, and starts again.
    pub async fn meanwhile(self, happens: impl AsyncFnOnce(&Path)) -> Self {
        let Self { token, app, folder, place, said, channel_token, .. } = self;
        app.stop().await;
        happens(folder.path()).await;
        Self { said, channel_token, ..Self::open(folder, place, token).await }
    }

    /// Stops without starting again; the repository's file.
    pub async fn stop(self) -> (Arc<TempDir>, PathBuf) {
        self.app.stop().await;
        let file = database(self.folder.path());
        (self.folder, file)
    }

    /// Stops without starting again; how that ended.
    pub async fn stopped(self) -> (Arc<TempDir>, Stopped) {
        (self.folder, self.app.stop().await)
    }

    /// The story's verbs, for what has no address.
    pub fn flow(&self) -> &Flow {
        &self.app.flow
    }

    /// The whole installation.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Where the repository is.
    pub fn file(&self) -> PathBuf {
        database(self.folder.path())
    }

    /// Waits until every activation is prepared or failed.
    pub async fn prepared(&self) {
        let tasks = &self.flow().tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    /// Lets everything happen that is due now.
    pub async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            self.prepared().await;
            let fired = escalate::fire_due(self.flow()).await.unwrap();
            let routed = route::route_batch(self.flow()).await.unwrap();
            let sent = deliver::send_due(self.flow(), &CancellationToken::new()).await.unwrap();
            if fired + routed + sent == 0 {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Moves the clock on and lets everything happen that is due then.
    pub async fn advance_ms(&self, ms: i64) {
        self.clock.advance_ms(ms);
        self.settle().await;
    }

    /// Sends a request as it is, without the token.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let asked = format!("{} {}", request.method(), request.uri());
        let router = interface::router(self.flow().clone(), self.app.stopping());
        let response = router.oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { asked, status: parts.status, headers: parts.headers, body }
    }

    /// Asks as the admin, with further header fields and these bytes.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// Makes a token, as the admin.
    pub async fn token_for(&self, wanted: Value) -> String {
        let made = self.post("/v1/tokens", wanted).await.json(201);
        made["secret"].as_str().unwrap_or_else(|| panic!("no secret: {made}")).to_owned()
    }

    /// Asks as whoever this token is; with a body, as JSON.
    pub async fn ask_as(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], Bytes::new()).await
    }

    /// Does.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Changes.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.ask("PATCH", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Uploads a component.
    pub async fn upload(&self, component: impl Into<Bytes>) -> Reply {
        self.ask("POST", "/v1/plugins", &[("content-type", "application/wasm")], component).await
    }

    /// Uploads a component on behalf of a department.
    pub async fn upload_for(&self, department: &str, component: impl Into<Bytes>) -> Reply {
        let path = format!("/v1/plugins?department={department}");
        self.ask("POST", &path, &[("content-type", "application/wasm")], component).await
    }

    /// Has the channel of `chat` prove itself from now on, so that all that it tells is believed.
    pub async fn vouch(&self) {
        if self.channel_token.get().is_some() {
            return;
        }
        let shown = self.patch("/v1/inboxes/chat", serde_json::json!({ "access": "token" })).await.ok();
        let token = shown["token"].as_str().unwrap_or_else(|| panic!("no token: {shown}")).to_owned();
        self.channel_token.set(token).expect("the channel vouches already");
    }

    /// Delivers to an inbox, without any token but the channel's own.
    pub async fn deliver(&self, inbox: &str, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let mut request = Request::post(format!("/in/{inbox}")).header("content-type", content_type);
        if let Some(token) = self.channel_token.get() {
            request = request.header("x-switchboard-token", token);
        }
        self.send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// Delivers a plain JSON item to the inbox `chat`; what became of it.
    pub async fn tell(&self, item: Value) -> Value {
        self.deliver("chat", "application/json", item.to_string()).await.json(202)
    }

    /// Somebody says something new; its conversation.
    pub async fn say(&self, text: &str) -> String {
        let number = self.said.fetch_add(1, Ordering::Relaxed);
        let item = serde_json::json!({ "id": format!("said-{number}"), "author": "u-1", "text": text });
        self.conversation_of(&self.tell(item).await)
    }

    /// The conversation of the first new item of a delivery.
    #[track_caller]
    pub fn conversation_of(&self, received: &Value) -> String {
        let conversation = received["items"][0]["conversation"].as_str();
        conversation.unwrap_or_else(|| panic!("nothing new came in: {received}")).to_owned()
    }

    /// A conversation with everything around it.
    pub async fn conversation(&self, id: &str) -> Value {
        self.get(&format!("/v1/conversations/{id}")).await.json(200)
    }

    /// Where a conversation is, `department/queue`.
    pub async fn place(&self, id: &str) -> String {
        let conversation = self.conversation(id).await;
        let destination = &conversation["destination"];
        let name = |part: &str| destination[part].as_str().unwrap_or("nowhere");
        format!("{}/{}", name("department"), name("queue"))
    }

    /// A conversation's decisions with their conflicts, oldest first.
    pub async fn decisions(&self, conversation: &str) -> Vec<Value> {
        let list = self.get(&format!("/v1/decisions?limit=200&conversation={conversation}")).await.json(200);
        entries(&list).iter().rev().cloned().collect()
    }

    /// The latest decision about a conversation.
    pub async fn decision(&self, conversation: &str) -> Value {
        let decisions = self.decisions(conversation).await;
        decisions.last().cloned().unwrap_or_else(|| panic!("nothing was decided about {conversation}"))
    }

    /// Enables a plugin and waits until it is at work.
    pub async fn enable(&self, activation: Value) -> Value {
        let name = self.post("/v1/activations", activation).await.json(202)["name"].clone();
        self.settle().await;
        let activation = self.get(&format!("/v1/activations/{}", name.as_str().unwrap())).await.json(200);
        assert_eq!(activation["preparation"]["state"], "ready", "{activation}");
        activation
    }
}

/// What a restart keeps.
#[derive(Clone)]
struct Place {
    clock: Arc<TestClock>,
    egress: Arc<RecordingEgress>,
    program: PathBuf,
    limits: ChildLimits,
    shelf: Option<PathBuf>,
}

impl Default for Place {
    fn default() -> Self {
        let start: Timestamp = START.parse().unwrap();
        let clock = Arc::new(TestClock::new(start));
        let limits = ChildLimits::ORDINARY;
        Self { clock, egress: Arc::default(), program: program(), limits, shelf: Some(shelf()) }
    }
}

fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("app-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn database(folder: &Path) -> PathBuf {
    folder.join("switchboard.db")
}

/// Compiled plugins that one run of the tests leaves to the next; an artefact's name holds everything
/// that it depends on.
fn shelf() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("artefacts")
}
