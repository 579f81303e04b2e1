//! Erasing: what is about a person goes in bounded transactions, and then from the disk.
//!
//! First it is noted that it has [`begun`](mod@begun), and recorded. Then each transaction takes some of the person's
//! conversations ([`choice`]), and between two of them everybody else has the writer. A long conversation
//! loses some of its items at a time ([`shorten`]). The last transaction takes whatever is left, what came
//! meanwhile too, and the person. A host that is killed in between goes on with it at its next start.
//!
//! Within a transaction, first [`scope`] works out what it is; then each part overwrites its own tables. What
//! stays are ids, times, states and counts: an erased item keeps its place in its conversation, a decision in
//! its history. Rows are overwritten with `secure_delete`, in the search index too, so the file holds nothing
//! once the write-ahead log is carried over into it and cut to nothing ([`disk`]).
//!
//! | a conversation | what goes |
//! |---|---|
//! | in which nobody else outside wrote | all of it; it is closed and marked |
//! | with the person, in which others wrote too | the person's words, the company's, machines', remarks, subject, labels, facts, all decisions; it goes on as a conversation with the first of the others, is judged again, and whoever waits waits on |
//! | with somebody else | the person's words, the company's answers to them, decisions that saw them, and what came of these: remarks, subject, labels, facts, timers, decisions that saw those ([`origins`]) |

mod answers;
mod begun;
mod choice;
mod conversations;
mod decisions;
mod deliveries;
pub(super) mod disk;
mod items;
mod origins;
mod pages;
pub(super) mod people;
mod scope;
mod shorten;
#[cfg(test)]
mod tests;
mod waits;
pub(super) mod work;

use std::collections::HashSet;

use sqlx::SqliteConnection;

use self::begun::Begun;
pub(super) use self::begun::{all as begun, begin};
pub(super) use self::choice::AtOnce;
use self::choice::Step;
pub(super) use self::pages::PAGES_MAX as WIPED_PAGES_MAX;
use super::erased_keys::ErasedKeys;
use super::{Books, SqliteStore, audit};
use crate::domain::clock::IdGenerator;
use crate::domain::erasure::{Erased, Erasing, Erasure};
use crate::domain::ids::ContactId;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, EndedPage, StoreError, StoreResult};

/// What a transaction did.
struct Done {
    erased: Erased,
    /// Rows of `item_revisions` that are not to be indexed any more.
    contents: HashSet<i64>,
}

/// With what it is erased.
struct Means<'a> {
    /// Since when it is gone.
    at: Timestamp,
    erased_keys: &'a ErasedKeys,
    ids: &'a IdGenerator,
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

/// Erases some more of a contact whose erasure has begun.
pub(super) async fn some(store: &SqliteStore, id: ContactId, now: Timestamp) -> StoreResult<Erasing> {
    let mut writer = store.writer.lock().await;
    let erased_keys = writer.books.erased_keys.clone();
    let mut tx = writer.begin().await?;
    let Some(mut begun) = begun::load(id, &mut tx).await? else {
        let over = people::erasure(id, &mut tx).await?;
        return over.map(Erasing::Over).ok_or_else(|| StoreError::Missing(format!("erasure of {id}")));
    };
    let means = Means { at: now, erased_keys: &erased_keys, ids: &store.ids };
    let (done, erasing) = step(&mut begun, &means, store.erased_at_once, &mut tx).await?;
    // Each anew: a walk through the pages that has begun already wipes nothing of this.
    disk::mark(&mut tx).await?;
    tx.commit().await?;
    writer.books.take_over(&done);
    store.recent().clear();
    Ok(erasing)
}

/// The next step of an erasure.
async fn step(
    begun: &mut Begun,
    means: &Means<'_>,
    at_once: AtOnce,
    connection: &mut SqliteConnection,
) -> StoreResult<(Done, Erasing)> {
    let done = match choice::next(begun, at_once, connection).await? {
        Step::Shorten(mut from) => {
            let done = shorten::carry_out(begun, &mut from, at_once.items, means, connection).await?;
            begun.progress.shortened = Some(from);
            done
        }
        Step::Some(conversations, progress) => {
            let done = of_contact(begun, Some(&conversations), means, connection).await?;
            begun.progress = progress;
            done
        }
        Step::Last => return last_step(begun, means, connection).await,
    };
    begun.erased.add(&done.erased);
    begun::keep(begun, connection).await?;
    Ok((done, Erasing::More))
}

/// Whatever is left goes, and the person.
async fn last_step(
    begun: &mut Begun,
    means: &Means<'_>,
    connection: &mut SqliteConnection,
) -> StoreResult<(Done, Erasing)> {
    let mut done = of_contact(begun, None, means, connection).await?;
    done.erased.contacts = people::erase(means.at, connection).await?;
    begun.erased.add(&done.erased);
    people::keep_erased(&begun.erased, means.at, connection).await?;
    begun::end(begun, connection).await?;
    let erasure =
        Erasure { contact: begun.contact, erased_at: Some(means.at), wiped_at: None, erased: begun.erased };
    Ok((done, Erasing::Ended(erasure)))
}

/// Erases what is about a contact in these conversations, or in all that are left. Nothing of it is in them
/// after that, so that they are not looked at again.
async fn of_contact(
    begun: &Begun,
    conversations: Option<&[i64]>,
    means: &Means<'_>,
    connection: &mut SqliteConnection,
) -> StoreResult<Done> {
    let shortened = begun.progress.shortened.as_ref();
    scope::of_contact(begun.contact, conversations, shortened, connection).await?;
    let done = carry_out(means, connection).await?;
    people::forget_participation(begun.contact, connection).await?;
    Ok(done)
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
    let means = Means { at: entry.at, erased_keys: &erased_keys, ids: &store.ids };
    let mut done = carry_out(&means, &mut tx).await?;
    if done.erased.conversations == 0 {
        return Ok(EndedPage { erased: Erased::default(), has_more: false });
    }
    done.erased.contacts = people::erase(entry.at, &mut tx).await?;
    people::keep_erased(&done.erased, entry.at, &mut tx).await?;
    audit::record(entry, &mut tx).await?;
    disk::mark(&mut tx).await?;
    tx.commit().await?;
    writer.books.take_over(&done);
    store.recent().clear();
    Ok(EndedPage { erased: done.erased, has_more: true })
}

/// Overwrites everything in the scope but people. Items come last but conversations: the others are found by
/// them.
async fn carry_out(means: &Means<'_>, connection: &mut SqliteConnection) -> StoreResult<Done> {
    let Means { at, erased_keys, ids } = *means;
    let kept_answers = answers::erase(connection).await?;
    let deliveries = deliveries::erase(at, erased_keys, connection).await?;
    let (decisions, walk) = decisions::erase(at, connection).await?;
    let notes = work::erase_notes(connection).await?;
    let replies_cancelled = work::cancel_replies(connection).await?;
    let stopped = work::erase_events(&walk, connection).await?;
    let items = items::erase(at, erased_keys, connection).await?;
    items::forget_answered(connection).await?;
    let conversations = conversations::erase(at, &walk, &stopped, connection).await?;
    waits::judge_again(&conversations.to_be_judged, at, ids, connection).await?;
    let erased = Erased {
        contacts: 0,
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
