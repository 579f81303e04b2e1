//! The adapter as the host calls it.

mod hostile;
mod meanings;
mod modes;
mod plain;
mod replies;
mod signed;

use switchboard_plugin_cloudevents::CloudEvents;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest, With as _};
use switchboard_plugin_sdk::{Arrival, Delivery, Header, Item, Rejection};

/// An inbox without settings.
fn inbox() -> AdapterUnderTest<CloudEvents> {
    testing::adapter(serde_json::json!({})).expect("no settings are fine")
}

fn delivery(content_type: &str, body: impl Into<Vec<u8>>) -> Delivery {
    testing::delivery(body).with(|delivery| {
        delivery.headers.push(Header::new("content-type", content_type));
    })
}

fn event(json: serde_json::Value) -> Delivery {
    delivery("application/cloudevents+json", json.to_string())
}

fn plain(json: serde_json::Value) -> Delivery {
    delivery("application/json", json.to_string())
}

fn received(delivery: &Delivery) -> Vec<Arrival> {
    inbox().receive(delivery).expect("accepted").arrivals
}

fn item(delivery: &Delivery) -> Item {
    match received(delivery).as_slice() {
        [Arrival::Item(item)] => item.clone(),
        other => panic!("not one item: {other:?}"),
    }
}

fn malformed(delivery: &Delivery) -> String {
    match inbox().receive(delivery) {
        Err(Rejection::Malformed(message)) => message,
        other => panic!("not malformed: {other:?}"),
    }
}

fn unsupported(delivery: &Delivery) -> String {
    match inbox().receive(delivery) {
        Err(Rejection::Unsupported(message)) => message,
        other => panic!("not unsupported: {other:?}"),
    }
}

fn attribute<'a>(item: &'a Item, key: &str) -> Option<&'a str> {
    let found = item.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(&found.value)
}
