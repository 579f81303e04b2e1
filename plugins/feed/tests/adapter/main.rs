//! The adapter as the host calls it.

mod atom;
mod hostile;
mod json;
mod real;
mod rss;

use switchboard_plugin_feed::FeedAdapter;
use switchboard_plugin_sdk::testing::{self, AdapterUnderTest};
use switchboard_plugin_sdk::{Arrival, Delivery, Item, Rejection};

fn inbox() -> AdapterUnderTest<FeedAdapter> {
    testing::adapter(serde_json::json!({})).expect("no settings are fine")
}

fn items_of(delivery: &Delivery) -> Vec<Item> {
    let intake = inbox().receive(delivery).expect("accepted");
    intake
        .arrivals
        .into_iter()
        .map(|arrival| match arrival {
            Arrival::Item(item) => item,
            other => panic!("not an item: {other:?}"),
        })
        .collect()
}

fn items(body: &str) -> Vec<Item> {
    items_of(&testing::delivery(body))
}

fn item(body: &str) -> Item {
    let mut items = items(body);
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

fn malformed(body: &str) -> String {
    match inbox().receive(&testing::delivery(body)) {
        Err(Rejection::Malformed(message)) => message,
        other => panic!("not malformed: {other:?}"),
    }
}

fn attribute<'a>(item: &'a Item, key: &str) -> Option<&'a str> {
    let found = item.attributes.iter().find(|attribute| attribute.key == key)?;
    Some(&found.value)
}
