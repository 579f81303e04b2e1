//! What an erasure does next: enough to be worth a transaction, and not so much that everybody else waits
//! for the writer.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::begun::{Begun, Progress, Shortened};
use crate::domain::ids::ContactId;
use crate::store::StoreResult;

/// How much of a contact goes in one transaction. One conversation always may.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct AtOnce {
    /// How many conversations.
    pub(in crate::store::sqlite) conversations: usize,
    /// How many items these may have.
    pub(in crate::store::sqlite) items: i64,
}

impl Default for AtOnce {
    fn default() -> Self {
        // A tenth of a second or two: most of it is spent on the search index, which looks up each piece of
        // each text to overwrite it.
        Self { conversations: 128, items: 128 }
    }
}

/// What is done in a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A long conversation with the contact is shortened, from here on.
    Shorten(Shortened),
    /// These conversations go, and then it is this far.
    Some(Vec<i64>, Progress),
    /// Everything that is left goes, and the contact.
    Last,
}

/// A conversation to be taken.
struct Candidate {
    id: i64,
    items: i64,
    /// With the contact, and merged into no other.
    is_own: bool,
    /// Merged into another, or others into it.
    is_merged: bool,
}

type Row = (i64, i64, bool, bool);

impl From<Row> for Candidate {
    fn from((id, items, is_own, is_merged): Row) -> Self {
        Self { id, items, is_own, is_merged }
    }
}

/// What [`Candidate`] is made of; `c` is its conversation and `?1` the contact.
macro_rules! candidate_columns {
    () => {
        "c.id, c.item_count, c.contact = ?1 AND c.merged_into IS NULL,
         c.merged_into IS NOT NULL
             OR EXISTS (SELECT 1 FROM conversation_merges AS m WHERE m.older = c.id)"
    };
}

/// What is done next.
///
/// Conversations with others come first: the company's answers to the contact are known there by what they
/// answer, wherever that is.
pub(super) async fn next(
    begun: &Begun,
    at_once: AtOnce,
    connection: &mut SqliteConnection,
) -> StoreResult<Step> {
    let others = with_others(begun, at_once, connection).await?;
    let mut taken = Taken { at_once, ids: HashSet::new(), items: 0, progress: begun.progress.clone() };
    let has_more = others.len() == at_once.conversations;
    for candidate in others {
        let id = candidate.id;
        if let Some(step) = taken.take(candidate, begun.contact, connection).await? {
            return Ok(step);
        }
        taken.progress.others_after = id;
    }
    if has_more {
        return Ok(taken.step());
    }
    let own = own(begun, at_once, connection).await?;
    let has_more = own.len() == at_once.conversations;
    for candidate in own {
        let id = candidate.id;
        if let Some(step) = taken.take(candidate, begun.contact, connection).await? {
            return Ok(step);
        }
        taken.progress.own_after = id;
    }
    Ok(if has_more { taken.step() } else { Step::Last })
}

/// Those with others in which the contact wrote, and that are still to be looked at.
async fn with_others(
    begun: &Begun,
    at_once: AtOnce,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Candidate>> {
    let sql = concat!(
        "SELECT ",
        candidate_columns!(),
        " FROM participants AS p
          CROSS JOIN conversations AS c ON c.id = p.conversation
          WHERE
              p.contact = ?1 AND p.conversation > ?2 AND p.conversation <= ?3 AND c.erased_at IS NULL
          ORDER BY p.conversation
          LIMIT ?4"
    );
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(begun.contact.0)
        .bind(begun.progress.others_after)
        .bind(begun.up_to)
        .bind(at_once.conversations as i64)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Candidate::from).collect())
}

/// Those with the contact in one status, which are in the order of their ids in the index.
macro_rules! own_in_status {
    ($status:literal) => {
        concat!(
            "SELECT *
             FROM (
                 SELECT ",
            candidate_columns!(),
            " FROM conversations AS c
                  WHERE
                      c.contact = ?1 AND c.status = '",
            $status,
            "'
                      AND c.id > ?2 AND c.id <= ?3 AND c.erased_at IS NULL
                  ORDER BY c.id
                  LIMIT ?4
              )"
        )
    };
}

/// Those with the contact that are still to be looked at.
async fn own(
    begun: &Begun,
    at_once: AtOnce,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Candidate>> {
    let sql = concat!(
        own_in_status!("open"),
        " UNION ALL ",
        own_in_status!("pending"),
        " UNION ALL ",
        own_in_status!("closed"),
        " ORDER BY 1 LIMIT ?4"
    );
    let rows: Vec<Row> = sqlx::query_as(sql)
        .bind(begun.contact.0)
        .bind(begun.progress.own_after)
        .bind(begun.up_to)
        .bind(at_once.conversations as i64)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(Candidate::from).collect())
}

/// What is taken so far.
struct Taken {
    at_once: AtOnce,
    ids: HashSet<i64>,
    items: i64,
    progress: Progress,
}

impl Taken {
    /// Takes a conversation with what was merged with it. If that is too much, what is done without it.
    async fn take(
        &mut self,
        candidate: Candidate,
        contact: ContactId,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Option<Step>> {
        if self.ids.contains(&candidate.id) {
            return Ok(None);
        }
        let (ids, items) = match candidate.is_merged {
            true => merged_with(candidate.id, contact, connection).await?,
            false => (vec![candidate.id], candidate.items),
        };
        let known = self.progress.shortened.clone().filter(|it| it.conversation == candidate.id);
        let is_shortened = known.as_ref().is_some_and(|it| it.is_done);
        // Of one that was shortened little is left.
        let items = if is_shortened { 1 } else { items };
        let is_room = self.ids.len() + ids.len() <= self.at_once.conversations
            && self.items + items <= self.at_once.items;
        if !self.ids.is_empty() && !is_room {
            return Ok(Some(self.step()));
        }
        if candidate.is_own && items > self.at_once.items {
            let anew = Shortened { conversation: candidate.id, ..Shortened::default() };
            return Ok(Some(Step::Shorten(known.unwrap_or(anew))));
        }
        self.ids.extend(ids);
        self.items += items;
        Ok(None)
    }

    /// What is taken goes.
    fn step(&mut self) -> Step {
        Step::Some(self.ids.drain().collect(), self.progress.clone())
    }
}

/// Those that became one with a conversation and have to do with the contact, or into which such were
/// merged; and how many items there are in all.
async fn merged_with(
    id: i64,
    contact: ContactId,
    connection: &mut SqliteConnection,
) -> StoreResult<(Vec<i64>, i64)> {
    let rows: Vec<(i64, Option<i64>, i64, bool, bool)> = sqlx::query_as(
        "WITH RECURSIVE up (id) AS (
             SELECT ?2
             UNION
             SELECT c.merged_into
             FROM up CROSS JOIN conversations AS c ON c.id = up.id
             WHERE c.merged_into IS NOT NULL
         ),
         tree (id) AS (
             SELECT up.id
             FROM up CROSS JOIN conversations AS c ON c.id = up.id
             WHERE c.merged_into IS NULL
             UNION
             SELECT m.younger
             FROM tree CROSS JOIN conversation_merges AS m ON m.older = tree.id
         )
         SELECT
             c.id, c.merged_into, c.item_count, c.erased_at IS NOT NULL,
             c.contact = ?1
                 OR EXISTS (
                     SELECT 1 FROM participants AS p WHERE p.contact = ?1 AND p.conversation = c.id
                 )
         FROM tree CROSS JOIN conversations AS c ON c.id = tree.id",
    )
    .bind(contact.0)
    .bind(id)
    .fetch_all(connection)
    .await?;
    let into: HashMap<i64, i64> = rows.iter().filter_map(|it| Some((it.0, it.1?))).collect();
    let erased: HashSet<i64> = rows.iter().filter(|it| it.3).map(|it| it.0).collect();
    let mut met = HashSet::new();
    for (id, ..) in rows.iter().filter(|(.., is_erased, is_met)| *is_met && !is_erased) {
        met.extend(std::iter::successors(Some(*id), |it| into.get(it).copied()));
    }
    // The one that goes on counts the items of all.
    let items = rows.iter().map(|it| it.2).max().unwrap_or_default();
    Ok((met.into_iter().filter(|it| !erased.contains(it)).collect(), items))
}
