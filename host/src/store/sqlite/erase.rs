//! Erasing: what is about a person goes, in one transaction, and then from the disk.
//!
//! First [`scope`] works out what it is; then each part overwrites its own tables. What stays are ids,
//! times, states and counts: an erased item keeps its place in its conversation, a decision in its
//! history. Rows are overwritten with `secure_delete`, in the search index too, so the file holds nothing
//! once the write-ahead log is carried over into it and cut to nothing ([`disk`]).
//!
//! | a conversation | what goes |
//! |---|---|
//! | in which nobody else outside wrote | all of it; it is closed and marked |
//! | with the person, in which others wrote too | the person's words, the company's, machines', remarks, subject, labels, facts, all decisions; it goes on as a conversation with the first of the others, is judged again, and whoever waits waits on |
//! | with somebody else | the person's words, the company's answers to them, decisions that saw them, and what came of these: remarks, subject, labels, facts, timers, decisions that saw those ([`origins`]) |

mod answers;
mod conversations;
mod decisions;
mod deliveries;
pub(super) mod disk;
mod items;
mod origins;
mod pages;
pub(super) mod people;
pub(super) mod scope;
#[cfg(test)]
mod tests;
mod waits;
pub(super) mod work;

use std::collections::HashSet;

use sqlx::SqliteConnection;

pub(super) use self::pages::PAGES_MAX as WIPED_PAGES_MAX;
use super::erased_keys::ErasedKeys;
use super::error::surprise;
use super::{Books, SqliteStore, audit};
use crate::domain::clock::IdGenerator;
use crate::domain::erasure::{Erased, Erasure};
use crate::domain::ids::ContactId;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, EndedPage, StoreError, StoreResult};

/// What an erasure did.
pub(super) struct Done {
    pub(super) erased: Erased,
    /// Rows of `item_revisions` that are not to be indexed any more.
    contents: HashSet<i64>,
}

impl Books {
    /// Takes over what was erased, once it is committed.
    fn take_over(&mut self, done: &Done) {
        self.unindexed.forget(&done.contents);
        self.erased_keys.there_are_some();
        // Whoever has worked something out from what was there does it again.
        self.arrivals += 1;
    }
}

/// Erases a contact.
pub(super) async fn contact(store: &SqliteStore, id: ContactId, entry: &AuditEntry) -> StoreResult<Erasure> {
    let mut writer = store.writer.lock().await;
    let erased_keys = writer.books.erased_keys.clone();
    let mut tx = writer.begin().await?;
    match people::erased_at(id, &mut tx).await? {
        None => return Err(StoreError::Missing(format!("contact {id}"))),
        Some(Some(_)) => {
            let kept = people::erasure(id, &mut tx).await?;
            return kept.ok_or_else(|| surprise(format!("what was erased with {id} is not there")));
        }
        Some(None) => {}
    }
    scope::of_contact(id, &mut tx).await?;
    let done = carry_out(entry.at, &erased_keys, &store.ids, &mut tx).await?;
    people::keep_erased(&done.erased, entry.at, &mut tx).await?;
    audit::record(entry, &mut tx).await?;
    disk::mark(&mut tx).await?;
    tx.commit().await?;
    writer.books.take_over(&done);
    store.recent().clear();
    Ok(Erasure { contact: id, erased_at: entry.at, wiped_at: None, erased: done.erased })
}

/// Erases what was said in these of the conversations that are as they were before that time, and whoever
/// is left with none.
pub(super) async fn conversations(
    store: &SqliteStore,
    conversations: &[i64],
    before: Timestamp,
    entry: &AuditEntry,
) -> StoreResult<EndedPage> {
    let mut writer = store.writer.lock().await;
    let erased_keys = writer.books.erased_keys.clone();
    let mut tx = writer.begin().await?;
    scope::of_conversations(conversations, before, &mut tx).await?;
    let done = carry_out(entry.at, &erased_keys, &store.ids, &mut tx).await?;
    if done.erased.conversations == 0 {
        return Ok(EndedPage { erased: Erased::default(), has_more: false });
    }
    people::keep_erased(&done.erased, entry.at, &mut tx).await?;
    audit::record(entry, &mut tx).await?;
    disk::mark(&mut tx).await?;
    tx.commit().await?;
    writer.books.take_over(&done);
    store.recent().clear();
    Ok(EndedPage { erased: done.erased, has_more: true })
}

/// Overwrites everything in the scope. Items come last but people: the others are found by them.
async fn carry_out(
    at: Timestamp,
    erased_keys: &ErasedKeys,
    ids: &IdGenerator,
    connection: &mut SqliteConnection,
) -> StoreResult<Done> {
    let kept_answers = answers::erase(connection).await?;
    let deliveries = deliveries::erase(at, erased_keys, connection).await?;
    let (decisions, walk) = decisions::erase(at, connection).await?;
    let notes = work::erase_notes(connection).await?;
    let replies_cancelled = work::cancel_replies(connection).await?;
    let stopped = work::erase_events(&walk, connection).await?;
    let items = items::erase(at, erased_keys, connection).await?;
    let conversations = conversations::erase(at, &walk, &stopped, connection).await?;
    waits::judge_again(&conversations.to_be_judged, at, ids, connection).await?;
    let erased = Erased {
        contacts: people::erase(at, connection).await?,
        conversations: conversations.erased,
        items: items.items,
        revisions: items.contents.len() as u64,
        replies_cancelled,
        notes,
        decisions,
        deliveries,
        kept_answers,
    };
    Ok(Done { erased, contents: items.contents })
}
