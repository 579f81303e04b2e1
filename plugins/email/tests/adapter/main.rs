//! The adapter as the host calls it.

mod automatic;
mod hostile;
mod mails;
mod parts;
mod real;
mod replies;
mod reports;

use switchboard_plugin_email::Email;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest};
use switchboard_plugin_sdk::{Arrival, Delivery, Item, Rejection};

/// An inbox that knows its own addresses.
fn inbox() -> AdapterUnderTest<Email> {
    testing::adapter(serde_json::json!({
        "address": "support@example.com",
        "own_addresses": ["sales@example.com"],
    }))
    .expect("the settings are fine")
}

/// A mail written with line feeds, as it travels.
fn mail(lines: &str) -> Delivery {
    testing::delivery(lines.replace('\n', "\r\n"))
}

fn received(delivery: &Delivery) -> Vec<Arrival> {
    inbox().receive(delivery).expect("accepted").arrivals
}

fn item(lines: &str) -> Item {
    match received(&mail(lines)).as_slice() {
        [Arrival::Item(item)] => item.clone(),
        other => panic!("not one item: {other:?}"),
    }
}

fn refused(delivery: &Delivery) -> Rejection {
    inbox().receive(delivery).expect_err("refused")
}

fn attribute<'a>(item: &'a Item, key: &str) -> Option<&'a str> {
    let found = item.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(&found.value)
}
