//! After a restart: everything that was answered is there, once.

use std::sync::Mutex;

use futures::{StreamExt, stream};

use super::findings::Findings;
use super::ledger::{Ledger, Number, reply_text};
use super::load::{Gone, Replied, conversation_of, deliver, reply};
use crate::support::host::Caller;
use crate::support::reply::entries;

/// How many items are asked about at once.
const AT_ONCE: usize = 8;

/// More keys than hosts of one repository die while one reply is settled.
const KEYS_MAX: u8 = 50;

/// Asks after what was answered, and puts what is in doubt out of doubt, as its senders would: it is sent
/// again. `Gone` when the host dies meanwhile: then the next one is asked.
pub async fn check(caller: &Caller, ledger: &Mutex<Ledger>) -> Result<Findings, Gone> {
    let mut findings = Findings::default();
    let unchecked = ledger.lock().unwrap().take_unchecked();
    let checked = ask_after(caller, &unchecked, &mut findings).await;
    if checked.is_err() {
        ledger.lock().unwrap().unchecked.extend(unchecked);
        return Err(Gone);
    }
    let in_doubt = ledger.lock().unwrap().items_in_doubt.clone();
    for number in in_doubt {
        let received = deliver(caller, number).await?.ok_or(Gone)?;
        let mut ledger = ledger.lock().unwrap();
        ledger.items_in_doubt.retain(|it| *it != number);
        // Nobody was told the conversation of what is there already: no agent replies there.
        ledger.answered(number, conversation_of(&received));
    }
    settle_replies(caller, ledger).await?;
    count(caller, ledger, &mut findings).await?;
    Ok(findings)
}

async fn ask_after(caller: &Caller, numbers: &[Number], findings: &mut Findings) -> Result<(), Gone> {
    let again = numbers.iter().map(|it| async { (*it, deliver(caller, *it).await) });
    let mut again = stream::iter(again).buffer_unordered(AT_ONCE);
    while let Some((number, received)) = again.next().await {
        let received = received?.ok_or(Gone)?;
        if received["duplicates"] != 1 {
            findings.lost.push(format!("i-{number} was answered and is gone: {received}"));
        }
    }
    Ok(())
}

/// A reply in doubt is asked for once more under its key. Where the host does not know what became of it,
/// the agent looks, and replies under another key if it is not there.
async fn settle_replies(caller: &Caller, ledger: &Mutex<Ledger>) -> Result<(), Gone> {
    let in_doubt = ledger.lock().unwrap().replies_in_doubt.clone();
    for (number, conversation) in in_doubt {
        let replied = settle(caller, number, &conversation).await?;
        let mut ledger = ledger.lock().unwrap();
        ledger.replies_in_doubt.retain(|it| it.0 != number);
        if replied == Replied::Done {
            ledger.replies.insert(number, conversation);
        }
    }
    Ok(())
}

async fn settle(caller: &Caller, number: Number, conversation: &str) -> Result<Replied, Gone> {
    // The host may have died during the attempts before this, too.
    for key in 1..=KEYS_MAX {
        let replied = reply(caller, number, conversation, key).await?;
        if replied != Replied::Unknown {
            return Ok(replied);
        }
        if has_reply(caller, number, conversation).await? {
            return Ok(Replied::Done);
        }
    }
    panic!("the reply to i-{number} cannot be settled");
}

async fn has_reply(caller: &Caller, number: Number, conversation: &str) -> Result<bool, Gone> {
    let path = format!("/v1/conversations/{conversation}/items?limit=200");
    let items = caller.try_get(&path).await.map_err(|_| Gone)?;
    Ok(entries(&items).iter().any(|it| it["text"] == reply_text(number)))
}

/// Nothing is in doubt now: there is what was answered, and nothing else.
async fn count(caller: &Caller, ledger: &Mutex<Ledger>, findings: &mut Findings) -> Result<(), Gone> {
    let counts = caller.try_get("/v1/counts").await.map_err(|_| Gone)?;
    let there = counts["items"].as_u64().unwrap() as usize;
    let ledger = ledger.lock().unwrap();
    let answered = ledger.items.len() + ledger.replies.len();
    if there > answered {
        findings.doubled.push(format!("{there} items are there, {answered} were answered"));
    } else if there < answered && findings.lost.is_empty() {
        findings.lost.push(format!("{there} items are there, {answered} were answered"));
    }
    Ok(())
}
