//! Customers and agents who keep a host busy until it dies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use super::ledger::{Ledger, Number, item, reply_text};
use crate::support::host::{Caller, try_read};

/// How many customers speak at once.
const CUSTOMERS: usize = 12;
/// How many agents reply at once.
const AGENTS: usize = 2;

/// What one customer says to one host.
const ITEMS_MAX: usize = 30;
/// How often an agent looks whom to reply to.
const LOOKING: Duration = Duration::from_millis(20);

/// The host is gone.
#[derive(Debug)]
pub struct Gone;

/// Keeps it busy until it is gone; when everybody has said enough, with what is due.
pub async fn load(caller: &Caller, ledger: &Arc<Mutex<Ledger>>) {
    let customers = join_all((0..CUSTOMERS).map(|_| customer(caller, ledger)));
    let agents = join_all((0..AGENTS).map(|_| agent(caller, ledger)));
    tokio::join!(customers, agents);
}

async fn customer(caller: &Caller, ledger: &Mutex<Ledger>) {
    for _ in 0..ITEMS_MAX {
        let number = ledger.lock().unwrap().draw();
        // In doubt until it is answered, whatever becomes of the host and of this.
        ledger.lock().unwrap().items_in_doubt.push(number);
        let Ok(received) = deliver(caller, number).await else { return };
        let mut ledger = ledger.lock().unwrap();
        if let Some(received) = received {
            ledger.items_in_doubt.retain(|it| *it != number);
            ledger.answered(number, conversation_of(&received));
        }
    }
}

/// Delivers an item; what became of it, unless it was refused for now.
pub async fn deliver(caller: &Caller, number: Number) -> Result<Option<Value>, Gone> {
    let answer = caller.try_post("/in/chat", &item(number)).await.map_err(|_| Gone)?;
    let status = answer.status().as_u16();
    let said = try_read(answer).await.map_err(|_| Gone)?;
    match status {
        202 => Ok(Some(said)),
        503 => Ok(None),
        other => panic!("i-{number} was answered {other}: {said}"),
    }
}

/// The conversation of a new item.
pub fn conversation_of(received: &Value) -> Option<String> {
    received["items"][0]["conversation"].as_str().map(str::to_owned)
}

async fn agent(caller: &Caller, ledger: &Mutex<Ledger>) {
    let mut pause = tokio::time::interval(LOOKING);
    loop {
        let next = ledger.lock().unwrap().to_reply.pop();
        let Some((number, conversation)) = next else {
            // Nobody waits: look who has waited longest, as agents do.
            if caller.try_get("/v1/conversations?queue=service/operator&limit=20").await.is_err() {
                return;
            }
            pause.tick().await;
            continue;
        };
        ledger.lock().unwrap().replies_in_doubt.push((number, conversation.clone()));
        let Ok(replied) = reply(caller, number, &conversation, 1).await else { return };
        let mut ledger = ledger.lock().unwrap();
        ledger.replies_in_doubt.retain(|it| it.0 != number);
        match replied {
            Replied::Done => drop(ledger.replies.insert(number, conversation)),
            // A host with a fault: it is found out by the item.
            Replied::Nowhere => {}
            Replied::Unknown => ledger.to_reply.push((number, conversation)),
        }
    }
}

/// What became of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replied {
    /// It is on its way.
    Done,
    /// There is no such conversation.
    Nowhere,
    /// Somebody else changed the conversation again and again, there is no room, or the host does not know
    /// what became of it before.
    Unknown,
}

/// Replies to an item, under the n-th key of this reply.
pub async fn reply(caller: &Caller, number: Number, conversation: &str, key: u8) -> Result<Replied, Gone> {
    let (path, key) = (format!("/v1/conversations/{conversation}/reply"), format!("reply-{number}-{key}"));
    let body = json!({ "agent": "ada", "text": reply_text(number) });
    let answer = caller.try_send("POST", &path, Some(&key), &body).await.map_err(|_| Gone)?;
    let status = answer.status().as_u16();
    let said = try_read(answer).await.map_err(|_| Gone)?;
    match status {
        202 => Ok(Replied::Done),
        404 => Ok(Replied::Nowhere),
        409 | 412 | 503 => Ok(Replied::Unknown),
        other => panic!("the reply to i-{number} was answered {other}: {said}"),
    }
}
