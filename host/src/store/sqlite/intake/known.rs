//! What the repository knows already of the external ids in a batch.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use sqlx::{Row as _, SqliteConnection};

use super::entry::{Fresh, arrivals, storable};
use super::evidence;
use crate::domain::arrival::Arrival;
use crate::domain::ids::{ContactId, ConversationId, InboxId, ItemId};
use crate::domain::item::Direction;
use crate::domain::threading::{Evidence, KnownThreads, Lead, Reference, Standing, nearest_of};
use crate::store::sqlite::deliveries::Keep;
use crate::store::sqlite::erased_keys::ErasedKeys;
use crate::store::sqlite::rows::Rows;
use crate::store::{IntakeEntry, StoreResult};

/// An item that is in the repository.
#[derive(Clone, Copy)]
pub(super) struct KnownItem {
    pub(super) id: ItemId,
    pub(super) conversation: ConversationId,
    pub(super) direction: Direction,
}

/// How many of those who named an id are looked up: the longest known. Where more did, the writers of the
/// batch are looked up by themselves.
const NAMED_MAX: usize = 8;

/// An item as it is looked up: inbox, external id, id, conversation, direction, its writer, with whom the
/// conversation is, how many items that has, whether it was sent from here.
#[derive(Deserialize)]
struct ItemRow(i64, String, i64, i64, Direction, Option<i64>, i64, u32, i64);

/// A reference as it is looked up: inbox, external id, who named it, conversation, with whom that is, how
/// many items it has.
#[derive(Deserialize)]
struct NamedRow(i64, String, i64, i64, i64, u32);

/// What is known of a batch's external ids.
#[derive(Default)]
pub(super) struct Known {
    /// Items by their key.
    pub(super) items: HashMap<Reference, KnownItem>,
    /// Where external ids lead.
    pub(super) threads: KnownThreads,
    /// Ids that more writers named than were looked up.
    crowded: Vec<Reference>,
    /// Items that were here and are erased.
    pub(super) erased: HashSet<Reference>,
}

impl Known {
    /// Looks everything up that the batch names.
    pub(super) async fn load(
        entries: &[IntakeEntry],
        erased_keys: &ErasedKeys,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        // Both at once: each statement costs a change of threads.
        let sql = "SELECT json_array(
                (
                    SELECT json_group_array(
                        json_array(
                            i.inbox, i.external_id, i.id, i.conversation, i.direction, d.contact, c.contact,
                            c.item_count,
                            i.direction = 'outbound' AND EXISTS (SELECT 1 FROM outbox AS o WHERE o.item = i.id)
                        )
                    )
                    FROM jsonb_each(?1) AS k
                    CROSS JOIN items AS i ON i.inbox = k.value ->> 0 AND i.external_id = k.value ->> 1
                    CROSS JOIN conversations AS c ON c.id = i.conversation
                    LEFT JOIN identities AS d ON d.id = i.identity
                ),
                (
                    SELECT json_group_array(
                        json_array(
                            t.inbox, t.reference, t.contact, t.conversation, c.contact, c.item_count
                        )
                    )
                    FROM jsonb_each(?1) AS k
                    CROSS JOIN thread_references AS t
                        ON t.inbox = k.value ->> 0 AND t.reference = k.value ->> 1
                            AND t.contact IN (
                                SELECT n.contact
                                FROM thread_references AS n
                                WHERE n.inbox = k.value ->> 0 AND n.reference = k.value ->> 1
                                ORDER BY n.contact
                                LIMIT 8
                            )
                    CROSS JOIN conversations AS c ON c.id = t.conversation
                )
            )";
        let named = named_in(entries);
        let found = rows_of(&named).fetch_json::<(Vec<ItemRow>, Vec<NamedRow>)>(sql, connection).await?;
        let (items, references) = found.unwrap_or_default();
        let keys = named.iter().map(|(inbox, key)| (*inbox, &**key));
        let erased = erased_keys.among(keys, connection).await?;
        let mut known = Self { erased, ..Self::default() };
        for row in items {
            known.add_item(row);
        }
        for row in references {
            known.add_reference(row);
        }
        known.crowded = known.find_crowded();
        Ok(known)
    }

    /// Looks up where ids that many writers named lead for the writers of the batch's items themselves.
    pub(super) async fn load_crowded(
        &mut self,
        fresh: &[Fresh<'_>],
        entries: &[IntakeEntry],
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        if self.crowded.is_empty() {
            return Ok(());
        }
        let crowded: HashSet<Reference> = std::mem::take(&mut self.crowded).into_iter().collect();
        let mut rows = Rows::default();
        for item in fresh {
            let Some((_, contact)) = item.author else { continue };
            for reference in item.thread_item(entries).references().filter(|it| crowded.contains(it)) {
                let _ = rows.row().int(reference.0.0).text(&reference.1).int(contact.0);
            }
        }
        let sql = "SELECT json_group_array(
                json_array(t.inbox, t.reference, t.contact, t.conversation, c.contact, c.item_count)
            )
            FROM jsonb_each(?1) AS k
            CROSS JOIN thread_references AS t
                ON t.inbox = k.value ->> 0 AND t.reference = k.value ->> 1 AND t.contact = k.value ->> 2
            CROSS JOIN conversations AS c ON c.id = t.conversation";
        for row in rows.fetch_all_at_once::<NamedRow>(sql, connection).await? {
            self.add_reference(row);
        }
        Ok(())
    }

    fn add_item(&mut self, row: ItemRow) {
        let ItemRow(inbox, external_id, id, conversation, direction, author, contact, items, is_sent) = row;
        let (key, conversation) = ((InboxId(inbox), external_id), ConversationId(conversation));
        let evidence = match (direction, author) {
            (Direction::Outbound, _) if is_sent != 0 => Evidence::Sent,
            // Of the company's words seen on a channel, `thread_references` says which are as good.
            (Direction::Inbound, Some(author)) => Evidence::Contact(ContactId(author)),
            (Direction::Outbound | Direction::Inbound, _) => Evidence::Named,
        };
        self.threads
            .conversations
            .insert(conversation, Standing { contact: ContactId(contact), rows: items });
        self.threads.leads.entry(key.clone()).or_default().push(Lead { conversation, evidence });
        self.items.insert(key, KnownItem { id: ItemId(id), conversation, direction });
    }

    fn add_reference(&mut self, row: NamedRow) {
        let NamedRow(inbox, reference, named_by, conversation, contact, items) = row;
        let lead =
            Lead { conversation: ConversationId(conversation), evidence: evidence::of_column(named_by) };
        let standing = Standing { contact: ContactId(contact), rows: items };
        self.threads.conversations.insert(lead.conversation, standing);
        let leads = self.threads.leads.entry((InboxId(inbox), reference)).or_default();
        if !leads.contains(&lead) {
            leads.push(lead);
        }
    }

    fn find_crowded(&self) -> Vec<Reference> {
        let crowded = self.threads.leads.iter().filter(|it| it.1.len() >= NAMED_MAX);
        crowded.map(|it| it.0.clone()).collect()
    }

    /// What to keep of a delivery's bytes: nothing, if any of what it tells of is erased.
    pub(super) fn keep_of(&self, entry: &IntakeEntry) -> Keep {
        let is_erased = |it: &Arrival| self.erased.contains(&key_of(entry.inbox.id, it.external_id()));
        match !self.erased.is_empty() && arrivals(entry).iter().any(is_erased) {
            true => Keep::Nothing,
            false => Keep::Everything,
        }
    }
}

/// Those of the conversations in which nobody outside has written.
pub(super) async fn without_inbound(
    conversations: &[ConversationId],
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<ConversationId>> {
    let mut rows = Rows::default();
    for conversation in conversations {
        let _ = rows.row().int(conversation.0);
    }
    let sql = "SELECT k.value ->> 0
        FROM jsonb_each(?1) AS k
        WHERE NOT EXISTS (
            SELECT 1 FROM items AS i WHERE i.conversation = k.value ->> 0 AND i.direction = 'inbound'
        )";
    let found = rows.fetch(sql, connection).await?;
    found.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect()
}

/// An external id as it is stored.
type Named<'a> = (InboxId, Cow<'a, str>);

fn rows_of(named: &HashSet<Named<'_>>) -> Rows {
    let mut rows = Rows::default();
    for (inbox, external_id) in named {
        let _ = rows.row().int(inbox.0).text(external_id);
    }
    rows
}

/// Every external id that the batch names.
fn named_in(entries: &[IntakeEntry]) -> HashSet<Named<'_>> {
    let mut named = HashSet::new();
    for entry in entries {
        let (inbox, nearest) = (entry.inbox.id, nearest_of(arrivals(entry).len()));
        for arrival in arrivals(entry) {
            let _ = named.insert((inbox, storable(arrival.external_id())));
            if let Arrival::Item(item) | Arrival::Echo(item) = arrival {
                let references = item.in_reply_to.iter().take(nearest);
                named.extend(references.map(|it| (inbox, storable(it))));
            }
        }
    }
    named
}

/// The key of an edit, a deletion or a status.
pub(super) fn key_of(inbox: InboxId, external_id: &str) -> Reference {
    (inbox, storable(external_id).into_owned())
}
