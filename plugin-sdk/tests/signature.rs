//! Deliveries with the signatures of several channels.

use serde_json::json;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::signature::{SIGNING, Signature};
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest, NOW_MS, With as _};

/// Takes whatever is signed.
#[derive(Debug)]
struct Signed;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Settings {
    signature: Signature,
}

impl Adapter for Signed {
    type Settings = Settings;

    const SECRETS: &'static [WantedSecret] = &[SIGNING];

    fn receive(inbox: &Inbox<Settings>, delivery: &Delivery) -> Result<Intake, Rejection> {
        inbox.settings.signature.check(delivery)?;
        Ok(Intake { arrivals: Vec::new(), response: None })
    }
}

export_adapter!(Signed, name = "signed", summary = "Takes whatever is signed.");

fn signed_by(scheme: serde_json::Value, secret: impl AsRef<[u8]>) -> AdapterUnderTest<Signed> {
    testing::adapter(json!({ "signature": scheme })).unwrap().with_secret("signing", secret)
}

fn delivery(body: &str, headers: &[(&str, &str)]) -> Delivery {
    testing::delivery(body).with(|delivery| {
        delivery.headers = headers.iter().map(|(name, value)| Header::new(*name, *value)).collect();
    })
}

#[track_caller]
fn refused(adapter: &AdapterUnderTest<Signed>, delivery: &Delivery, what: &str) {
    match adapter.receive(delivery) {
        Err(Rejection::Unauthentic(why)) => assert!(why.contains(what), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// The example of GitHub's own documentation, "Validating webhook deliveries".
#[test]
fn github_signs_the_body() {
    let github = signed_by(json!({ "scheme": "github" }), "It's a Secret to Everybody");
    let code = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let good = delivery("Hello, World!", &[("x-hub-signature-256", code)]);
    assert!(github.receive(&good).is_ok());
    refused(&github, &delivery("Hello, World?", &[("x-hub-signature-256", code)]), "the signature is wrong");
    refused(&github, &delivery("Hello, World!", &[]), "`x-hub-signature-256`: it is missing");
    refused(&github, &delivery("", &[("x-hub-signature-256", "757107")]), "it does not begin with `sha256=`");
    refused(&github, &delivery("", &[("x-hub-signature-256", "sha256=zz")]), "it is not hex");
    let unset = testing::adapter::<Signed>(json!({ "signature": { "scheme": "github" } })).unwrap();
    refused(&unset, &good, "the inbox has no secret");
}

/// W3C WebSub, section 8: the method stands before the code.
#[test]
fn a_hub_signs_with_the_method_it_names() {
    let hub = signed_by(json!({ "scheme": "websub" }), "Jefe");
    let body = "what do ya want for nothing?";
    // RFC 2202, section 3, and RFC 4231, section 4.3.
    for code in [
        "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ] {
        assert!(hub.receive(&delivery(body, &[("x-hub-signature", code)])).is_ok(), "{code}");
    }
    refused(&hub, &delivery(body, &[("x-hub-signature", "md5=00")]), "neither sha1 nor sha256");
}

/// The example of Slack's own documentation, "Verifying requests from Slack".
#[test]
fn slack_signs_version_time_and_body_within_a_window() {
    let slack = signed_by(json!({ "scheme": "slack" }), "8f742231b10e8888abcd99yyyzzz85a5");
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let time = 1_531_420_618;
    let signed = |at_ms: u64| {
        let headers = [
            ("x-slack-request-timestamp", "1531420618"),
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ];
        delivery(body, &headers).with(|delivery| delivery.received_at_ms = at_ms)
    };
    for seconds in [time - 300, time, time + 300] {
        assert!(slack.receive(&signed(seconds * 1_000)).is_ok(), "{seconds}");
    }
    for seconds in [time - 301, time + 301] {
        refused(&slack, &signed(seconds * 1_000), "at most 300 count");
    }
    let late = delivery(body, &[("x-slack-request-timestamp", "soon")]);
    refused(&slack, &late, "seconds since 1970");
}

/// Standard Webhooks 1.0: a signature that is right among others is enough.
#[test]
fn a_standard_webhook_may_carry_several_signatures() {
    let secret = b"a secret of twenty-four!";
    let webhook = signed_by(json!({ "scheme": "standard-webhooks" }), secret);
    let (id, seconds, body) = ("msg_1", NOW_MS / 1_000, r#"{"a":1}"#);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let code = ring::hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    let right = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, code);
    let signed = |signatures: &str| {
        let seconds = seconds.to_string();
        delivery(
            body,
            &[("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", signatures)],
        )
    };
    assert!(webhook.receive(&signed(&format!("v1,{right}"))).is_ok());
    assert!(webhook.receive(&signed(&format!("v2,x v1,AAAA v1,{right}"))).is_ok());
    refused(&webhook, &signed(&format!("v2,{right} v1,AAAA")), "no signature");
    let moved = signed(&format!("v1,{right}")).with(|it| it.headers[0].value = "msg_2".to_owned());
    refused(&webhook, &moved, "no signature");
}

/// RFC 8032, section 7.1, test 3, with the message `af82` split into time and body is not possible:
/// the time is digits. So the pair is made here.
#[test]
fn discord_signs_time_and_body_with_a_private_key() {
    use ring::signature::KeyPair as _;

    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let discord = signed_by(json!({ "scheme": "discord" }), pair.public_key());
    let seconds = (NOW_MS / 1_000).to_string();
    let signature = pair.sign(format!("{seconds}body").as_bytes());
    let hex: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [("x-signature-timestamp", seconds.as_str()), ("x-signature-ed25519", hex.as_str())];
    assert!(discord.receive(&delivery("body", &headers)).is_ok());
    refused(&discord, &delivery("Body", &headers), "the signature is wrong");
}

#[test]
fn a_code_may_stand_in_any_field_and_form() {
    let body = "what do ya want for nothing?";
    let scheme = json!({
        "scheme": "hmac", "header": "X-Example-Signature", "hash": "sha1", "encoding": "base64", "prefix": "mac:",
    });
    let any = signed_by(scheme, "Jefe");
    let good = delivery(body, &[("x-example-signature", "mac:7/zfauXrL6LSdBbV8YTfnCWafHk=")]);
    assert!(any.receive(&good).is_ok());
    let token = signed_by(json!({ "scheme": "token", "header": "X-Gitlab-Token" }), "the token");
    assert!(token.receive(&delivery(body, &[("x-gitlab-token", "the token")])).is_ok());
    refused(&token, &delivery(body, &[("x-gitlab-token", "a token")]), "the signature is wrong");
}

#[test]
fn a_scheme_is_known_or_refused_with_its_place() {
    let wrong = testing::adapter::<Signed>(json!({ "signature": { "scheme": "guesswork" } })).unwrap_err();
    assert!(wrong[0].message.contains("guesswork"), "{wrong:?}");
    let wrong = testing::adapter::<Signed>(json!({ "signature": { "scheme": "slack", "window": 1 } }));
    assert!(wrong.is_err());
}

/// Examples that vendors give in their documentation and test suites, where a collection of them is at
/// hand beside the project.
#[test]
fn vendors_examples_are_right_and_none_of_them_is_with_one_byte_changed() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/signature-vectors/vectors.json");
    let Ok(text) = std::fs::read(file) else {
        println!(
            "skipped: there is no file ../shared/data/signature-vectors/vectors.json beside the project"
        );
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let mut checked = 0;
    for vector in &vectors {
        let name = vector["scheme"].as_str().unwrap();
        let scheme = match name.split(' ').next().unwrap() {
            "github/meta" => json!({ "scheme": "github" }),
            "slack" => json!({ "scheme": "slack" }),
            "standard-webhooks" => json!({ "scheme": "standard-webhooks" }),
            "line" => json!({ "scheme": "hmac", "header": "x-line-signature", "encoding": "base64" }),
            // Signs the address and the form's fields: for an adapter of its own.
            "twilio" => continue,
            other => panic!("{other}"),
        };
        let secret = vector["secret"].as_str().unwrap();
        let secret = match secret.strip_prefix("whsec_") {
            Some(coded) => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, coded).unwrap(),
            None => secret.as_bytes().to_vec(),
        };
        let adapter = signed_by(scheme, secret);
        let headers = vector["header"].as_object().unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| Header::new(name.to_ascii_lowercase(), value.as_str().unwrap()));
        let headers: Vec<Header> = headers.collect();
        let seconds = headers.iter().find(|it| it.name.ends_with("timestamp")).map(|it| it.value.clone());
        let good = testing::delivery(vector["body"].as_str().unwrap()).with(|delivery| {
            delivery.headers = headers;
            if let Some(seconds) = seconds {
                delivery.received_at_ms = seconds.parse::<u64>().unwrap() * 1_000;
            }
        });
        assert!(adapter.receive(&good).is_ok(), "{name}");
        refused(&adapter, &good.with(|delivery| delivery.body[0] ^= 1), "signature");
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} of {}", vectors.len());
}
