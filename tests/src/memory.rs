//! What the shipped program holds in memory, however large what it is sent and asked for, and whether anybody
//! reads the responses.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::host::furnished;
use crate::support::host::{Caller, Host};
use crate::support::reply::{entries, text};
use crate::support::template::Stage;

const MIB: usize = 1024 * 1024;

/// A host on a company's folder.
async fn host(data: &Path, token: &str) -> Host {
    Host::start(data, token).await
}

fn said(id: &str, bytes: usize) -> Value {
    json!({ "id": id, "author": "u-1", "text": "a refund ".repeat(bytes / 9), "in_reply_to": ["m-0"] })
}

/// A conversation with so many items of so many bytes; its id and those of the items.
async fn conversation(caller: &Caller, items: usize, bytes: usize) -> (String, Vec<String>) {
    let (mut conversation, mut ids) = (String::new(), Vec::new());
    for number in 0..items {
        let received = caller.post("/in/chat", said(&format!("m-{number}"), bytes)).await;
        conversation = text(&received, "/items/0/conversation").to_owned();
        ids.push(text(&received, "/items/0/item").to_owned());
    }
    (conversation, ids)
}

/// A client that asks for something and reads no more than whether it gets it.
async fn ask_and_read_nothing(address: &str, token: &str, path: &str) -> (TcpStream, bool) {
    let socket = TcpSocket::new_v4().unwrap();
    // What the system takes off the host's hands is not the host's to hold.
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: it\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    let answered = &status[9..];
    assert!([b"200", b"503"].iter().any(|it| *it == answered), "{}", String::from_utf8_lossy(&status));
    (stream, answered == b"200")
}

#[tokio::test]
async fn a_conversation_of_large_items_is_listed_in_little_memory() {
    let (data, token) = furnished(Stage::Company).await;
    let host = host(data.path(), &token).await;
    let caller = host.caller();
    let (conversation, _) = conversation(caller, 12, 4 * MIB).await;
    let before = host.settled_bytes().await;
    host.forget_peak();
    for _ in 0..4 {
        let shown = caller.get(&format!("/v1/conversations/{conversation}")).await;
        assert_eq!(entries(&shown["items"]).len(), 12);
        assert_eq!(entries(&caller.get("/v1/search?q=refund&limit=1").await).len(), 1);
    }
    let grown = host.peak_bytes().saturating_sub(before);
    assert!(grown < 48 * MIB, "it has 48 MiB of texts, and grew by {} MiB", grown / MIB);
    host.kill().await;
}

#[tokio::test]
async fn clients_that_do_not_read_hold_their_own_tokens_share_and_no_more() {
    let (data, token) = furnished(Stage::Company).await;
    let host = host(data.path(), &token).await;
    let caller = host.caller().clone();
    let (_, ids) = conversation(&caller, 2, 12 * MIB).await;
    let other = caller.post("/v1/tokens", json!({ "role": "admin" })).await;
    let other = caller.with_token(text(&other, "/secret"));
    let before = host.settled_bytes().await;
    host.forget_peak();
    let mut clients = JoinSet::new();
    for number in 0..64 {
        let (address, token) = (host.address().to_owned(), token.clone());
        let path = format!("/v1/items/{}", ids[number % 2]);
        clients.spawn(async move { ask_and_read_nothing(&address, &token, &path).await });
    }
    let mut served = Vec::new();
    while let Some(client) = clients.join_next().await {
        served.push(client.unwrap());
    }
    let count = served.iter().filter(|(_, is_served)| *is_served).count();
    assert!((1..=8).contains(&count), "{count} responses of 12 MiB are under way");
    // Another token has its own share.
    assert_eq!(text(&other.get(&format!("/v1/items/{}", ids[0])).await, "/id"), ids[0]);
    let grown = host.peak_bytes().saturating_sub(before);
    assert!(grown < 256 * MIB, "it grew by {} MiB", grown / MIB);
    drop(served);
    host.until_small(before + 100 * MIB).await;
    host.kill().await;
}

#[tokio::test]
async fn large_deliveries_at_once_take_the_promised_room_and_give_it_back() {
    let (data, token) = furnished(Stage::Company).await;
    let host = host(data.path(), &token).await;
    let caller = host.caller().clone();
    for number in 0..8 {
        let inbox = json!({
            "name": format!("chat-{number}"), "department": "service", "adapter": "cloudevents",
            "access": "open",
        });
        caller.post("/v1/inboxes", inbox).await;
    }
    let before = host.settled_bytes().await;
    host.forget_peak();
    let mut deliveries = JoinSet::new();
    for number in 0..16 {
        let caller = caller.clone();
        let path = format!("/in/chat-{}", number % 8);
        let item = said(&format!("m-{number}"), 15 * MIB);
        deliveries.spawn(async move {
            // A host that has no room says so before it has read the body, and closes: a client that still
            // writes may see that first.
            caller.try_post(&path, &item).await.map_or(503, |it| it.status().as_u16())
        });
    }
    let mut statuses = Vec::new();
    while let Some(status) = deliveries.join_next().await {
        statuses.push(status.unwrap());
    }
    assert!(statuses.contains(&202) && statuses.iter().all(|it| [202, 503].contains(it)), "{statuses:?}");
    let grown = host.peak_bytes().saturating_sub(before);
    assert!(grown < 640 * MIB, "512 MiB are promised, and it grew by {} MiB", grown / MIB);
    host.until_small(before + 100 * MIB).await;
    host.kill().await;
}
