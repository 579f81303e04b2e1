//! What is granted, hidden and believed.

use serde_json::Value;

use super::*;
use crate::domain::ids::SecretId;
use crate::domain::release::PluginKind;
use crate::domain::secret::SecretNeed;
use crate::domain::time::Timestamp;

const TOKEN: &str = "tok/en+with=signs";

fn granted(declared: &[SecretUse], uses: &[SecretUse], values: &[&str]) -> Granted {
    let need = SecretNeed { name: "token".to_owned(), purpose: "p".to_owned(), uses: declared.to_vec() };
    let manifest = Manifest {
        name: "a".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "s".to_owned(),
        kind: PluginKind::ChannelAdapter,
        settings_schema: Value::Null,
        events: vec![],
        proposals: vec![],
        needs: vec![],
        secrets: vec![need],
    };
    let secret = Secret {
        id: SecretId(1),
        name: "stored".to_owned(),
        department: None,
        uses: uses.to_vec(),
        hosts: vec![],
        created_at: Timestamp::from_ms(0),
        revision: 1,
    };
    let open = |it: &&str| OpenValue::new(SecretValueId(1), Some(SecretValue::new(it.as_bytes().to_vec())));
    let values = values.iter().map(open).collect();
    let bound = vec![("token".to_owned(), Arc::new(OpenSecret { secret, values }))];
    Granted::new(Some(Arc::new(manifest)), bound).reading(DeliveryId(7), &cipher(7))
}

fn cipher(key: u8) -> Arc<Cipher> {
    Arc::new(Cipher::new(&[key; 32]).unwrap())
}

fn shows(granted: &Granted, shown: &str) -> bool {
    granted.verify("token", Algorithm::SharedToken, b"", shown.as_bytes()).unwrap()
}

fn delivery(header: &str, query: &str) -> RawDelivery {
    RawDelivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: Some(query.to_owned()),
        headers: vec![Header { name: "x-token".to_owned(), value: header.to_owned() }],
        body: vec![],
        received_at: Timestamp::from_ms(0),
    }
}

#[test]
fn a_secret_is_used_as_declared_and_as_granted_and_not_otherwise() {
    use SecretUse::{Challenge, Send, Verify};
    let both = granted(&[Verify, Send], &[Verify, Challenge], &[TOKEN]);
    assert!(both.of("token", Verify).is_ok());
    assert_eq!(both.of("token", Challenge).unwrap_err(), Denial::Undeclared);
    assert_eq!(both.of("token", Send).unwrap_err(), Denial::Unset);
    assert_eq!(both.of("other", Verify).unwrap_err(), Denial::Undeclared);
    assert_eq!(granted(&[Verify], &[Verify], &[]).of("token", Verify).unwrap_err(), Denial::Unset);
    assert_eq!(Granted::nothing().of("token", Verify).unwrap_err(), Denial::Undeclared);
}

#[test]
fn a_value_shown_in_a_header_or_a_query_is_hidden_and_still_counts() {
    let granted = granted(&[SecretUse::Verify], &[SecretUse::Verify], &[TOKEN]);
    let mut shown = delivery(TOKEN, "a=1&token=tok%2Fen%2Bwith%3Dsigns&b=%20");
    assert!(granted.hide_in_delivery(&mut shown));
    let stand_in = shown.headers[0].value.clone();
    assert!(stand_in.starts_with("[secret:token:") && shows(&granted, &stand_in), "{stand_in}");
    assert_eq!(shown.query.as_deref(), Some(format!("a=1&token={stand_in}&b=%20").as_str()));
    assert!(!granted.hide_in_delivery(&mut shown), "there is nothing left to hide");
}

#[test]
fn a_value_is_hidden_wherever_in_a_query_and_however_it_stands() {
    let granted = granted(&[SecretUse::Verify], &[SecretUse::Verify], &[TOKEN, "two words"]);
    for query in [
        format!("token={TOKEN}"),
        TOKEN.to_owned(),
        format!("{TOKEN}=1"),
        format!("a=%ff%fe{TOKEN}"),
        "x=tok%2fen%2bwith%3dsigns".to_owned(),
        "x=two+words".to_owned(),
        "x=two%20words".to_owned(),
    ] {
        let mut shown = delivery("", &query);
        assert!(granted.hide_in_delivery(&mut shown), "{query}");
        let hidden = shown.query.unwrap();
        assert!(hidden.contains("[secret:token:") && !hidden.contains("signs"), "{hidden}");
        assert!(!hidden.contains("words"), "{hidden}");
    }
    let mut named = delivery("", "");
    named.headers[0].name = "x-two words".to_owned();
    assert!(granted.hide_in_delivery(&mut named) && named.headers.is_empty());
}

#[test]
fn nobody_passes_by_sending_a_stand_in() {
    let granted = granted(&[SecretUse::Verify], &[SecretUse::Verify], &[TOKEN]);
    let real = granted.hide(TOKEN).into_owned();
    assert!(shows(&granted, &real));
    let no_code = format!("[secret:token:{}]", "0".repeat(32));
    for forged in ["[secret:token]", "[secret:token:]", "[secret:token", "[secret:]", "]", &no_code] {
        assert!(!shows(&granted, forged), "{forged}");
    }
    // Neither in another delivery, nor where none is read, nor for another value, nor with another key.
    let sending = Granted { reading: None, ..granted.clone() };
    let elsewhere = granted.clone().reading(DeliveryId(8), &cipher(7));
    let other_key = granted.clone().reading(DeliveryId(7), &cipher(8));
    let changed = super::tests::granted(&[SecretUse::Verify], &[SecretUse::Verify], &["another value"]);
    for other in [sending, elsewhere, other_key, changed] {
        assert!(!shows(&other, &real), "{other:?}");
    }
}

#[test]
fn a_stand_in_counts_for_the_secret_under_any_name() {
    use SecretUse::Verify;
    let one = granted(&[Verify], &[Verify], &[TOKEN]);
    let open = Arc::clone(&one.bound[0].1);
    let both = vec![("first".to_owned(), Arc::clone(&open)), ("token".to_owned(), open)];
    let two = Granted { bound: both.into(), ..one };
    let shown = two.hide(TOKEN).into_owned();
    assert!(shown.starts_with("[secret:first:") && shows(&two, &shown), "{shown}");
}

#[test]
fn an_older_value_is_never_sent_in_the_newest_ones_stead() {
    use SecretUse::{Challenge, Send, Verify};
    let uses = [Verify, Challenge, Send];
    let whole = granted(&uses, &uses, &[TOKEN]);
    let mut open = OpenSecret::clone(&whole.bound[0].1);
    open.values.insert(0, OpenValue::new(SecretValueId(2), None));
    let broken = Granted { bound: vec![("token".to_owned(), Arc::new(open))].into(), ..whole };
    assert_eq!(broken.reveal("token"), Err(Denial::Unreadable));
    assert_eq!(broken.answer("token", Algorithm::HmacSha256, "a"), Err(Denial::Unreadable));
    assert!(shows(&broken, TOKEN), "what comes in is still checked with what there is");
}

#[test]
fn what_a_channel_repeats_is_hidden() {
    let granted = granted(&[SecretUse::Send], &[SecretUse::Send], &["first-value", "first-value-2"]);
    let sending = Granted { reading: None, ..granted };
    let echoed = b"\xffyou sent first-value and first-value-2, first%2dvalue, first-va".to_vec();
    let hidden = sending.hide_in_bytes(echoed.clone(), true);
    let expected = b"\xffyou sent [secret:token] and [secret:token], [secret:token], [secret:token]";
    assert_eq!(hidden, expected);
    assert!(sending.hide_in_bytes(echoed, false).ends_with(b", first-va"));
    assert_eq!(sending.hide("nothing here"), "nothing here");
    assert!(sending.is_shown_in_name("x-FIRST-value") && !sending.is_shown_in_name("x-first"));
    assert!(sending.may_send());
}
