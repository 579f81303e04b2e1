//! Secrets: set and changed by admins, used for what comes in and goes out, shown to nobody.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use ring::hmac;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::egress::header;
use crate::support::guest::{CONTENT, DONE, Guest};
use crate::support::reply::{Reply, entries, text};

const VALUE: &str = "canary-of-the-first-value";
const SECOND: &str = "canary-of-the-second-value";

fn signing(value: &str) -> Value {
    json!({ "name": "webhook", "department": "service", "uses": ["verify"], "value": value })
}

/// The company, whose inbox `chat` wants its deliveries signed.
async fn signed(settings: Value) -> TestApp {
    let app = TestApp::company().await;
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    bind(&app, json!({ "settings": settings, "secrets": { "signing": "webhook" } })).await;
    app
}

async fn bind(app: &TestApp, change: Value) {
    app.patch("/v1/inboxes/chat", change).await.json(200);
}

fn github() -> Value {
    json!({ "signature": { "scheme": "github" } })
}

fn item(id: &str) -> String {
    json!({ "id": id, "author": "u-1", "text": "hello" }).to_string()
}

fn code(value: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, value.as_bytes());
    let code = hmac::sign(&key, body.as_bytes());
    let hex: String = code.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

async fn deliver(app: &TestApp, path: &str, body: &str, header: (&str, &str)) -> Reply {
    let request = Request::post(format!("/in/{path}")).header("content-type", "application/json");
    app.send(request.header(header.0, header.1).body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

async fn deliver_signed(app: &TestApp, id: &str, value: &str) -> Reply {
    let body = item(id);
    deliver(app, "chat", &body, ("x-hub-signature-256", &code(value, &body))).await
}

/// The id of the delivery that was not believed.
async fn not_believed(app: &TestApp, reply: Reply, why: &str) -> String {
    let problem = reply.problem(401);
    assert!(text(&problem, "/detail").contains(why), "{problem}");
    let kept = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    let last = &entries(&kept)[0];
    assert!(text(last, "/reason").starts_with("unauthentic: "), "{last}");
    assert!(text(&problem, "/detail").contains(text(last, "/id")), "{problem}");
    text(last, "/id").to_owned()
}

#[tokio::test]
async fn what_is_signed_is_believed_and_what_is_not_is_kept_and_refused() {
    let app = signed(github()).await;
    let received = deliver_signed(&app, "1", VALUE).await.json(202);
    assert_eq!(received["outcome"], "accepted");
    not_believed(&app, deliver_signed(&app, "2", "another value").await, "the signature is wrong").await;
    not_believed(&app, app.deliver("chat", "application/json", item("3")).await, "it is missing").await;
    let items = app.get("/v1/conversations").await.json(200);
    assert_eq!(entries(&items).len(), 1, "nothing of what was not believed came in");
}

#[tokio::test]
async fn a_signed_body_is_not_dressed_as_another_event() {
    let app = signed(github()).await;
    let body = item("1");
    let request = Request::post("/in/chat").header("content-type", "application/json");
    let request = request.header("x-hub-signature-256", code(VALUE, &body)).header("ce-id", "2");
    let dressed = app.send(request.body(Full::new(Bytes::from(body))).unwrap()).await;
    not_believed(&app, dressed, "send structured events").await;
    deliver_signed(&app, "1", VALUE).await.json(202);
}

#[tokio::test]
async fn what_somebody_forgot_to_set_can_be_set_and_tried_again() {
    let app = TestApp::company().await;
    bind(&app, json!({ "settings": github() })).await;
    let kept = not_believed(&app, deliver_signed(&app, "1", VALUE).await, "no secret").await;
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    bind(&app, json!({ "secrets": { "signing": "webhook" } })).await;
    let again = app.post(&format!("/v1/deliveries/{kept}/retry"), json!({})).await.json(200);
    assert_eq!(again["outcome"], "accepted");
}

#[tokio::test]
async fn every_value_counts_until_it_is_retired_and_then_it_is_gone() {
    let app = signed(github()).await;
    let changed = app.post("/v1/secrets/webhook/values", json!({ "value": SECOND })).await.json(201);
    let first = text(&changed, "/values/0/id").to_owned();
    for (id, value) in [("1", VALUE), ("2", SECOND)] {
        deliver_signed(&app, id, value).await.json(202);
    }
    let retire = format!("/v1/secrets/webhook/values/{first}/retire");
    for _ in 0..2 {
        let retired = app.post(&retire, json!({})).await.json(200);
        assert_eq!(retired["values"][0]["readable"], false);
        assert!(retired["values"][0]["retired_at"].is_string(), "{retired}");
    }
    not_believed(&app, deliver_signed(&app, "3", VALUE).await, "wrong").await;
    deliver_signed(&app, "4", SECOND).await.json(202);
    for _ in 0..3 {
        app.post("/v1/secrets/webhook/values", json!({ "value": SECOND })).await.json(201);
    }
    app.post("/v1/secrets/webhook/values", json!({ "value": SECOND })).await.problem(409);
}

#[tokio::test]
async fn what_was_signed_long_ago_is_not_believed() {
    let app = signed(json!({ "signature": { "scheme": "slack", "window_s": 60 } })).await;
    let body = item("1");
    let seconds = app.flow().now().as_ms() / 1_000;
    let code = code(VALUE, &format!("v0:{seconds}:{body}")).replace("sha256=", "v0=");
    let send = async || {
        let request = Request::post("/in/chat").header("content-type", "application/json");
        let request = request.header("x-slack-request-timestamp", seconds).header("x-slack-signature", &code);
        app.send(request.body(Full::new(Bytes::from(body.clone()))).unwrap()).await
    };
    assert_eq!(send().await.json(202)["items"].as_array().unwrap().len(), 1);
    assert_eq!(send().await.json(202)["duplicates"], 1, "the same once more is nothing new");
    app.clock.advance_ms(61_000);
    not_believed(&app, send().await, "at most 60 count").await;
}

#[tokio::test]
async fn a_token_that_was_shown_is_neither_kept_nor_forged() {
    let app = signed(json!({ "signature": { "scheme": "token", "header": "x-gitlab-token" } })).await;
    let path = format!("chat?token={VALUE}&a=b");
    let shown = deliver(&app, &path, &item("1"), ("x-gitlab-token", VALUE)).await.json(202);
    let raw = app.get(&format!("/v1/deliveries/{}", text(&shown, "/delivery"))).await;
    assert!(!raw.text().contains(VALUE), "{}", raw.text());
    let stood = raw.json(200);
    let stand_in =
        stood["headers"].as_array().unwrap().iter().find(|it| it["name"] == "x-gitlab-token").unwrap();
    let stand_in = text(stand_in, "/value");
    assert!(stand_in.starts_with("[secret:signing:"), "{stand_in}");
    for forged in ["[secret:signing]", "[secret:signing", "nothing", stand_in] {
        let reply = deliver(&app, "chat", &item("2"), ("x-gitlab-token", forged)).await;
        let kept = not_believed(&app, reply, "wrong").await;
        let again = app.post(&format!("/v1/deliveries/{kept}/retry"), json!({})).await.json(200);
        assert_eq!(again["outcome"], "unparsed", "{forged}");
    }
}

fn token_scheme() -> Value {
    json!({ "signature": { "scheme": "token", "header": "x-gitlab-token" } })
}

/// What somebody can send who has only read how secrets are hidden.
const FORGED: [&str; 3] = ["[secret:signing]", "[secret:signing:]", "[secret?:signing]"];

#[tokio::test]
async fn a_stand_in_that_was_sent_before_the_secret_was_set_never_counts() {
    let app = TestApp::company().await;
    bind(&app, json!({ "settings": token_scheme() })).await;
    let mut kept = Vec::new();
    for forged in FORGED {
        let reply = deliver(&app, "chat", &item("1"), ("x-gitlab-token", forged)).await;
        kept.push(not_believed(&app, reply, "no secret").await);
    }
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    bind(&app, json!({ "secrets": { "signing": "webhook" } })).await;
    for delivery in kept {
        let again = app.post(&format!("/v1/deliveries/{delivery}/retry"), json!({})).await.json(200);
        assert_eq!(again["outcome"], "unparsed", "{again}");
    }
}

#[tokio::test]
async fn a_stand_in_that_was_sent_while_the_adapter_was_away_never_counts() {
    let app = signed(token_scheme()).await;
    app.patch("/v1/activations/cloudevents", json!({ "mode": "disabled" })).await.json(202);
    app.settle().await;
    for forged in FORGED {
        let reply = deliver(&app, "chat", &item("1"), ("x-gitlab-token", forged)).await.json(202);
        assert!(text(&reply, "/reason").starts_with("unavailable"), "{reply}");
    }
    // What really is signed is not lost, and its token is not kept.
    let real = deliver(&app, "chat", &item("2"), ("x-gitlab-token", VALUE)).await.json(202);
    let raw = app.get(&format!("/v1/deliveries/{}", text(&real, "/delivery"))).await;
    assert!(!raw.text().contains(VALUE), "{}", raw.text());
    app.patch("/v1/activations/cloudevents", json!({ "mode": "active" })).await.json(202);
    app.settle().await;
    let unparsed = app.get("/v1/deliveries?outcome=unparsed").await.json(200);
    assert_eq!(entries(&unparsed).len(), FORGED.len(), "{unparsed}");
    let accepted = app.get("/v1/deliveries?outcome=accepted").await.json(200);
    assert_eq!(accepted["entries"][0]["id"], real["delivery"], "{accepted}");
}

/// Answers a customer of `chat`; what became of the answer, and of the conversation with its notes.
async fn answered(app: &TestApp) -> Value {
    let conversation = app.say("hello").await;
    app.settle().await;
    let reply = json!({ "agent": "ada", "text": "gladly" });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.settle().await;
    let shown = app.get(&format!("/v1/conversations/{conversation}/items")).await.json(200);
    json!([shown, app.conversation(&conversation).await])
}

fn reply_token(hosts: &[&str]) -> Value {
    json!({ "name": "replies", "uses": ["send"], "hosts": hosts, "value": VALUE })
}

async fn sending(app: &TestApp, hosts: &[&str], url: &str) {
    app.post("/v1/secrets", reply_token(hosts)).await.json(201);
    let settings = json!({ "reply_url": url, "reply_token": true });
    let hosts = ["hooks.example.com", "other.example.com"];
    bind(app, json!({ "settings": settings, "reply_hosts": hosts, "secrets": { "reply-token": "replies" } }))
        .await;
}

#[tokio::test]
async fn a_secret_goes_out_in_its_place_and_never_reaches_the_adapter() {
    let app = TestApp::company().await;
    sending(&app, &["hooks.example.com"], "https://hooks.example.com/replies").await;
    // A channel that repeats what it was sent: the adapter would take it for the answer's id.
    app.egress.answer(200, &json!({ "id": format!("echo {VALUE}") }).to_string());
    let answer = answered(&app).await;
    assert_eq!(header(&app.egress.only(), "authorization"), Some(format!("Bearer {VALUE}").as_str()));
    assert!(answer.to_string().contains("echo [secret:reply-token]"), "{answer}");
    assert!(!answer.to_string().contains(VALUE), "{answer}");
    // The newest value is the one that is sent.
    app.post("/v1/secrets/replies/values", json!({ "value": SECOND })).await.json(201);
    answered(&app).await;
    let last = app.egress.sent().pop().unwrap();
    assert_eq!(header(&last, "authorization"), Some(format!("Bearer {SECOND}").as_str()));
}

#[tokio::test]
async fn a_token_that_was_shown_before_anybody_knew_it_is_hidden_when_it_is_known() {
    let app = TestApp::company().await;
    bind(&app, json!({ "settings": token_scheme() })).await;
    let path = format!("chat?token={VALUE}");
    let shown = async |id: &str, value: &str, why: &str| {
        let reply = deliver(&app, &path, &item(id), ("x-gitlab-token", value)).await;
        not_believed(&app, reply, why).await
    };
    let raw = async |id: &str| app.get(&format!("/v1/deliveries/{id}")).await.text();
    let early = shown("1", VALUE, "no secret").await;
    assert!(raw(&early).await.contains(VALUE), "nobody could know it");
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    bind(&app, json!({ "secrets": { "signing": "webhook" } })).await;
    assert!(!raw(&early).await.contains(VALUE), "it is hidden once it is known");
    // The channel has the new value already, and the host has not.
    let ahead = shown("2", SECOND, "wrong").await;
    assert!(raw(&ahead).await.contains(SECOND));
    app.post("/v1/secrets/webhook/values", json!({ "value": SECOND })).await.json(201);
    assert!(!raw(&ahead).await.contains(SECOND));
    for kept in [early, ahead] {
        let again = app.post(&format!("/v1/deliveries/{kept}/retry"), json!({})).await.json(200);
        assert_eq!(again["outcome"], "accepted", "what stands for it still counts");
    }
}

#[tokio::test]
async fn what_was_granted_is_in_the_audit_log() {
    let app = TestApp::company().await;
    let kept = app.post("/v1/secrets", reply_token(&["hooks.example.com"])).await.json(201);
    let change = json!({ "reply_hosts": ["hooks.example.com"], "secrets": { "reply-token": "replies" } });
    bind(&app, change).await;
    app.patch("/v1/secrets/replies", json!({ "hosts": ["other.example.com"] })).await.json(200);
    let log = app.get("/v1/audit?limit=3").await.json(200);
    let [changed, bound, added] = [0, 1, 2].map(|at| &log["entries"][at]["detail"]);
    assert_eq!(added["hosts"], json!(["hooks.example.com"]), "{log}");
    assert_eq!(changed["hosts"], json!(["other.example.com"]), "{log}");
    assert_eq!(bound["changed"], json!(["reply_hosts", "secrets"]), "{log}");
    assert_eq!(bound["reply_hosts"], json!(["hooks.example.com"]), "{log}");
    assert_eq!(bound["secrets"], json!({ "reply-token": kept["id"] }), "{log}");
    assert!(!log.to_string().contains(VALUE));
}

#[tokio::test]
async fn what_the_company_bound_stays_when_a_department_changes_something_else() {
    let app = TestApp::company().await;
    app.post("/v1/secrets", reply_token(&["hooks.example.com"])).await.json(201);
    bind(&app, json!({ "secrets": { "reply-token": "replies" } })).await;
    let admin = app.token_for(json!({ "role": "admin", "department": "service" })).await;
    let own = json!({ "name": "own", "uses": ["verify"], "value": SECOND });
    app.ask_as(&admin, "POST", "/v1/secrets", Some(&own)).await.json(201);
    let both = json!({ "secrets": { "reply-token": "replies", "signing": "own" } });
    app.ask_as(&admin, "PATCH", "/v1/inboxes/chat", Some(&both)).await.json(200);
    // To bind the company's anew is the company's business.
    let without = json!({ "secrets": {} });
    app.ask_as(&admin, "PATCH", "/v1/inboxes/chat", Some(&without)).await.json(200);
    app.ask_as(&admin, "PATCH", "/v1/inboxes/chat", Some(&both)).await.problem(422);
}

#[tokio::test]
async fn an_answer_in_which_a_secret_could_not_be_found_is_left_to_an_agent() {
    let app = TestApp::company().await;
    sending(&app, &["hooks.example.com"], "https://hooks.example.com/").await;
    app.egress.answer_with(200, &[("content-encoding", "gzip")], "who knows what");
    assert!(answered(&app).await.to_string().contains("content-encoding: gzip"));
    // Without a secret it is the adapter's business.
    let app = TestApp::company().await;
    app.egress.answer_with(200, &[("content-encoding", "gzip")], "who knows what");
    assert!(!answered(&app).await.to_string().contains("content-encoding"));
}

#[tokio::test]
async fn a_secret_goes_nowhere_but_where_it_was_granted() {
    for (hosts, url, why) in [
        (&["hooks.example.com"], "https://other.example.com/", "is not granted for this host"),
        (&["hooks.example.com"], "http://hooks.example.com/", "by https alone"),
        // An address that others may listen to on the way there.
        (&["203.0.113.7"], "http://203.0.113.7/", "by https alone"),
    ] {
        let app = TestApp::company().await;
        sending(&app, hosts, url).await;
        let failed = answered(&app).await.to_string();
        assert!(failed.contains(why), "{failed}");
        assert!(!failed.contains(VALUE) && app.egress.sent().is_empty(), "{failed}");
    }
    let app = TestApp::company().await;
    let settings = json!({ "reply_url": "https://hooks.example.com/", "reply_token": true });
    bind(&app, json!({ "settings": settings })).await;
    assert!(answered(&app).await.to_string().contains("no secret to send as `reply-token`"));
}

#[tokio::test]
async fn a_department_keeps_its_own_secrets_and_uses_no_others() {
    let app = TestApp::company().await;
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    app.post("/v1/secrets", reply_token(&["hooks.example.com"])).await.json(201);
    let billing = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let seen = app.ask_as(&billing, "GET", "/v1/secrets", None).await.json(200);
    assert!(entries(&seen).is_empty(), "{seen}");
    let change = json!({ "uses": ["challenge"] });
    app.ask_as(&billing, "PATCH", "/v1/secrets/webhook", Some(&change)).await.problem(404);
    let inbox = json!({
        "name": "bills", "department": "billing", "adapter": "cloudevents", "channel": "bills",
        "secrets": { "signing": "webhook" },
    });
    let problem = app.ask_as(&billing, "POST", "/v1/inboxes", Some(&inbox)).await.problem(422);
    assert_eq!(text(&problem, "/errors/0/pointer"), "/secrets/signing");
    // Not for the company's admin either: it is the service's.
    app.post("/v1/inboxes", inbox.clone()).await.problem(422);
    let own = json!({ "name": "own", "uses": ["verify"], "value": VALUE });
    let kept = app.ask_as(&billing, "POST", "/v1/secrets", Some(&own)).await.json(201);
    assert_eq!(kept["department_name"], "billing");
    let sent = json!({ "name": "sent", "uses": ["send"], "hosts": ["api.example.com"], "value": VALUE });
    let problem = app.ask_as(&billing, "POST", "/v1/secrets", Some(&sent)).await.problem(422);
    assert_eq!(text(&problem, "/errors/0/pointer"), "/hosts");
}

#[tokio::test]
async fn what_is_wrong_with_a_secret_is_said_at_its_place_and_never_quoted() {
    let app = TestApp::company().await;
    for (secret, pointer) in [
        (json!({ "name": "S", "uses": ["verify"], "value": VALUE }), "/name"),
        (json!({ "name": "some", "uses": [], "value": VALUE }), "/uses"),
        (json!({ "name": "some", "uses": ["send"], "value": VALUE }), "/hosts"),
        (json!({ "name": "some", "uses": ["verify"], "hosts": ["a.example"], "value": VALUE }), "/hosts"),
        (json!({ "name": "some", "uses": ["verify"], "value": "canary" }), "/value"),
        (json!({ "name": "some", "uses": ["verify"], "value": { "canary": 1 } }), "/value"),
        (json!({ "name": "some", "uses": ["verify"], "value": "whsec_canarycanary" }), "/value"),
        (json!({ "name": "some", "uses": ["verify"], "value": VALUE, "encoding": "base64" }), "/value"),
        (
            json!({ "name": "some", "uses": ["send"], "hosts": ["a.example"], "value": "canary in words" }),
            "/value",
        ),
    ] {
        let problem = app.post("/v1/secrets", secret).await.problem(422);
        assert_eq!(text(&problem, "/errors/0/pointer"), pointer, "{problem}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
    }
    app.post("/v1/secrets", signing(VALUE)).await.json(201);
    app.post("/v1/secrets", signing(SECOND)).await.problem(409);
    for (binding, what) in [
        (json!({ "nonsense": "webhook" }), "no secret of the adapter `nonsense`"),
        (json!({ "signing": "nonsense" }), "no secret for this inbox's department `nonsense`"),
        (json!({ "reply-token": "webhook" }), "`webhook` is for"),
    ] {
        let problem = app.patch("/v1/inboxes/chat", json!({ "secrets": binding })).await.problem(422);
        assert!(text(&problem, "/errors/0/message").contains(what), "{problem}");
    }
}

#[tokio::test]
async fn values_that_another_key_sealed_lose_nothing_and_come_back_with_it() {
    let app = signed(github()).await;
    let mut key = Vec::new();
    let app = app
        .meanwhile(async |folder| {
            key = std::fs::read(folder.join("secrets-key")).unwrap();
            std::fs::remove_file(folder.join("secrets-key")).unwrap();
        })
        .await;
    let shown = app.get("/v1/secrets/webhook").await.json(200);
    assert_eq!(shown["values"][0]["readable"], false);
    let kept = not_believed(&app, deliver_signed(&app, "1", VALUE).await, "no secret").await;
    let app = app.meanwhile(async |folder| std::fs::write(folder.join("secrets-key"), &key).unwrap()).await;
    assert_eq!(app.get("/v1/secrets/webhook").await.json(200)["values"][0]["readable"], true);
    let again = app.post(&format!("/v1/deliveries/{kept}/retry"), json!({})).await.json(200);
    assert_eq!(again["outcome"], "accepted");
}

/// Has the challenge `MjAyNg==` answered so many times, and says the last answer.
fn challenged(name: &str, times: usize, ends: &str) -> Guest {
    let (secret, challenge) = (CONTENT + 600, CONTENT + 616);
    let ask = format!(
        "(call $answer (i32.const {secret}) (i32.const 7) (i32.const 1) (i32.const {challenge}) (i32.const 8)
            (i32.const 600))"
    );
    // A denial is said as `unauthentic` with no text; else the answer is the response's body.
    let body = format!(
        "{} (if (i32.load8_u (i32.const 600)) (then (i32.store8 (i32.const 512) (i32.const 1)))
            (else (i32.store8 (i32.const 524) (i32.const 1)) (i32.store16 (i32.const 528) (i32.const 200))
                (i32.store (i32.const 540) (i32.load (i32.const 604)))
                (i32.store (i32.const 544) (i32.load (i32.const 608))) {ends}))
         {DONE}",
        ask.repeat(times)
    );
    let mut guest = Guest::adapter_that_reads(name).wanting_secret("signing", 2).answering_challenges();
    guest.put(600, b"signing");
    guest.put(616, b"MjAyNg==");
    guest.doing(&body)
}

/// The company with an inbox of this adapter, and a secret for challenges.
async fn with_adapter(guest: Guest) -> TestApp {
    let app = TestApp::company().await;
    let name = guest.name().to_owned();
    app.upload_for("service", guest.component()).await.json(201);
    app.enable(json!({ "plugin": name, "mode": "active" })).await;
    let secret = json!({ "name": "challenges", "uses": ["challenge"], "value": VALUE });
    app.post("/v1/secrets", secret).await.json(201);
    let inbox = json!({
        "name": "odd", "department": "service", "adapter": name, "access": "open",
        "secrets": { "signing": "challenges" },
    });
    app.post("/v1/inboxes", inbox).await.json(201);
    app
}

#[tokio::test]
async fn a_channels_challenge_is_answered() {
    let app = with_adapter(challenged("one", 1, "")).await;
    let reply = app.deliver("odd", "application/json", "{}").await;
    let key = hmac::Key::new(hmac::HMAC_SHA256, VALUE.as_bytes());
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, hmac::sign(&key, b"MjAyNg==").as_ref());
}

#[tokio::test]
async fn nobody_has_a_second_thing_signed_nor_an_item_beside_it() {
    let app = with_adapter(challenged("two", 2, "")).await;
    app.deliver("odd", "application/json", "{}").await.problem(401);
    let list = format!(
        "(i32.store (i32.const 516) (i32.const {CONTENT})) (i32.store (i32.const 520) (i32.const 1))"
    );
    let app = with_adapter(challenged("both", 1, &list)).await;
    let kept = app.deliver("odd", "application/json", "{}").await.json(202);
    assert!(text(&kept, "/reason").starts_with("bad-output: "), "{kept}");
}

#[tokio::test]
async fn a_policy_has_no_secrets() {
    let app = TestApp::company().await;
    let guest = Guest::policy("curious", DONE).wanting_secret("signing", 1);
    let problem = app.upload(guest.component()).await.problem(422);
    assert!(problem.to_string().contains("policies have none"), "{problem}");
}
