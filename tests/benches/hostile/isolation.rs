//! One department floods its inbox, with a policy that burns nearly all of its fuel and sets as many timers as
//! may be; another department's items are to be decided as if nothing were.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::domain::conversation::Conversation;
use switchboard::domain::ids::ConversationId;
use switchboard::flow::organise;
use switchboard::http as interface;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::timing::{Timers, setter};
use crate::{figure, guests, loops, quantile};

/// Items a second that the flood brings.
const RATE: usize = 1_000;
/// How many of them may be under way at once; what is refused beyond that is the flood's loss.
const UNDER_WAY_MAX: usize = 512;
/// How often the flood is added to.
const WAVE: Duration = Duration::from_millis(10);
/// How long the flood lasts before anything is measured, so that there is a backlog and timers are due.
const WARM_UP: Duration = Duration::from_secs(5);
/// The other department's items, and how often one comes.
const PROBES: usize = 400;
const PAUSE: Duration = Duration::from_millis(25);
/// How often it is looked whether one is decided.
const LOOK: Duration = Duration::from_millis(1);
/// How long an item is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the router marks a conversation with.
pub const ROUTED: &str = "routed";
/// How long throughput is measured, with so many items under way.
const STRETCH: Duration = Duration::from_secs(8);
const PARALLEL: usize = 16;

pub async fn measure() {
    println!(
        "\none department floods its inbox with a policy that burns its fuel, beside another department"
    );
    let company = Company::found().await;
    let idle = company.probe("idle").await;
    let idle_rate = company.throughput("idle").await;
    let flood = Flood::start(&company);
    tokio::time::sleep(WARM_UP).await;
    let beside = company.probe("flooded").await;
    let beside_rate = company.throughput("flooded").await;
    let (accepted, refused) = flood.stop().await;
    tell("alone", idle, "");
    tell("beside the flood", beside, " (goal: at most 100)");
    figure("other department alone", idle_rate, "items/s");
    figure("other department beside the flood", beside_rate, "items/s");
    let share = beside_rate / (idle_rate / 2.0);
    println!("{:<64} {share:>12.2} of its share", "other department beside the flood (goal: at least 0.8)");
    figure("flood: accepted, refused", accepted as f64, &format!("items, {refused}"));
    let waiting = company.app.flow.store.pending_events().await.expect("the events that wait");
    figure("flood: events that still wait", waiting as f64, "events");
    company.app.stopping().cancel();
    company.app.stop().await;
}

/// Milliseconds.
#[derive(Default)]
struct Times {
    to_acknowledge: Vec<f64>,
    to_decide: Vec<f64>,
}

fn tell(when: &str, mut times: Times, goal: &str) {
    figure(&format!("{when}: sent to acknowledged, p50"), quantile(&mut times.to_acknowledge, 0.5), "ms");
    figure(&format!("{when}: sent to acknowledged, p99"), quantile(&mut times.to_acknowledge, 0.99), "ms");
    figure(&format!("{when}: acknowledged to decided, p50"), quantile(&mut times.to_decide, 0.5), "ms");
    let what = format!("{when}: acknowledged to decided, p99{goal}");
    figure(&what, quantile(&mut times.to_decide, 0.99), "ms");
    figure(&format!("{when}: acknowledged to decided, longest"), quantile(&mut times.to_decide, 1.0), "ms");
}

/// Two departments with an inbox each.
pub struct Company {
    pub app: App,
    token: String,
}

impl Company {
    pub async fn found() -> Self {
        let app = loops::open().await;
        app.publish_bundled().await.expect("publish what is bundled");
        let token = organise::ensure_admin_token(&app.flow).await.expect("make a token");
        let company = Self { app, token: token.expect("a new repository has none") };
        for name in ["loud", "quiet"] {
            company.post("/v1/departments", &json!({ "name": name })).await;
        }
        let timers = Timers { count: 32, delay_ms: 1_000, other_keys: false };
        company.publish(guests::nearly_all_fuel(setter("burner", timers)).component()).await;
        company.enable(json!({ "plugin": "cloudevents", "mode": "active" })).await;
        company.enable(json!({
            "plugin": "burner", "phase": "qualify", "mode": "active", "applies_to": { "departments": ["loud"] },
        }))
        .await;
        let rules = json!([{ "name": "all", "any": ["parcel"], "destination": { "department": "quiet" }, "tags": [ROUTED] }]);
        company
            .enable(json!({
                "plugin": "keyword-router", "phase": "route", "mode": "active", "settings": { "rules": rules },
            }))
            .await;
        for name in ["loud", "quiet"] {
            let inbox = json!({
                "name": name, "department": name, "adapter": "cloudevents", "channel": "web", "access": "open",
                "promise": { "within_ms": 3_600_000, "warn_before_ms": 600_000 },
            });
            company.post("/v1/inboxes", &inbox).await;
        }
        company.app.work();
        company
    }

    async fn enable(&self, activation: Value) {
        self.post("/v1/activations", &activation).await;
        let tasks = &self.app.flow.tasks;
        tasks.close();
        tasks.wait().await;
        tasks.reopen();
    }

    async fn publish(&self, component: Vec<u8>) {
        let (status, said) = self.send("/v1/plugins", "application/wasm", component.into()).await;
        assert_eq!(status, 201, "{said}");
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, said) = self.send(path, "application/json", body.to_string().into()).await;
        assert!((200..300).contains(&status), "{path}: {status} {said}");
        said
    }

    async fn send(&self, path: &str, kind: &str, body: Bytes) -> (u16, Value) {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", kind);
        let request = request.body(Full::new(body)).expect("a request");
        let router = interface::router(self.app.flow.clone(), self.app.stopping());
        let response = router.oneshot(request).await.expect("the router answers");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends items of the quiet department, one at a time, and measures each.
    async fn probe(&self, prefix: &str) -> Times {
        let (mut times, mut pause) = (Times::default(), tokio::time::interval(PAUSE));
        for number in 0..PROBES {
            pause.tick().await;
            let began = Instant::now();
            let said = self.post("/in/quiet", &item(prefix, number)).await;
            times.to_acknowledge.push(millis(began));
            let began = Instant::now();
            self.decided(&said).await;
            times.to_decide.push(millis(began));
        }
        times
    }

    /// Waits until a new item is decided; its conversation.
    pub async fn decided(&self, said: &Value) -> Option<Conversation> {
        let id = said["items"][0]["conversation"].as_str().expect("a new item");
        let id: ConversationId = id.parse().expect("an id");
        let looking = async {
            let mut look = tokio::time::interval(LOOK);
            loop {
                look.tick().await;
                let found = self.app.flow.store.conversation(id).await.expect("the conversation");
                if let Some(decided) = found.filter(|it| it.place.is_some()) {
                    return decided;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.ok()
    }

    /// Items a second that the quiet department has decided, with some under way at any time.
    async fn throughput(&self, prefix: &str) -> f64 {
        let prefix = format!("{prefix}-many");
        let (began, next) = (Instant::now(), AtomicUsize::new(0));
        let one = async || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let said = self.post("/in/quiet", &item(&prefix, number)).await;
            self.decided(&said).await;
        };
        let mut under_way: FuturesUnordered<_> = (0..PARALLEL).map(|_| one()).collect();
        let mut done = 0;
        while began.elapsed() < STRETCH {
            under_way.next().await;
            done += 1;
            under_way.push(one());
        }
        f64::from(done) / began.elapsed().as_secs_f64()
    }
}

pub fn item(prefix: &str, number: usize) -> Value {
    let id = format!("{prefix}-{number}");
    json!({ "id": id, "author": id, "text": "Where is my parcel? It was to be here on Monday." })
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Items of the loud department, however the host gets along with them.
struct Flood {
    stop: Arc<AtomicBool>,
    sending: JoinHandle<(usize, usize)>,
}

impl Flood {
    fn start(company: &Company) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let router = interface::router(company.app.flow.clone(), company.app.stopping());
        let stopping = Arc::clone(&stop);
        let sending = tokio::spawn(async move {
            let (mut wave, mut number) = (tokio::time::interval(WAVE), 0);
            let (mut under_way, mut accepted, mut refused) = (FuturesUnordered::new(), 0, 0);
            while !stopping.load(Ordering::Relaxed) {
                tokio::select! {
                    _ = wave.tick() => {
                        for _ in 0..RATE * WAVE.as_millis() as usize / 1_000 {
                            if under_way.len() < UNDER_WAY_MAX {
                                let body = Full::new(Bytes::from(item("flood", number).to_string()));
                                let request = Request::post("/in/loud").header("content-type", "application/json");
                                let request = request.body(body).expect("a request");
                                under_way.push(router.clone().oneshot(request));
                                number += 1;
                            }
                        }
                    }
                    Some(answer) = under_way.next() => {
                        let is_taken = answer.is_ok_and(|it: http::Response<_>| it.status().is_success());
                        *if is_taken { &mut accepted } else { &mut refused } += 1;
                    }
                }
            }
            (accepted, refused)
        });
        Self { stop, sending }
    }

    async fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.sending.await.expect("the flood")
    }
}
