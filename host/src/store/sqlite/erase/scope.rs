//! What an erasure is about, as tables of ids that only the writer's connection sees.
//!
//! | table | holds |
//! |---|---|
//! | `gone_contacts` | people who go |
//! | `gone_conversations` | conversations of which nothing stays |
//! | `freed_conversations` | those that were with somebody who goes, and go on with others |
//! | `met_conversations` | these two, and those in which somebody who goes wrote too; each with the last item and the last decision that are gone already |
//! | `shortened_conversations` | one of these of which much is gone already, and what it was merged into |
//! | `gone_items` | items that go |
//! | `gone_decisions` | decisions that go, once these are gone through |
//! | `gone_notes` | remarks that go |
//! | `gone_references` | what items that go answer |

use sqlx::SqliteConnection;

use super::begun::Shortened;
use crate::domain::ids::ContactId;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::rows::Rows;

/// Makes the tables, empty.
const BEGIN: &str = "
    CREATE TEMP TABLE IF NOT EXISTS gone_contacts (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS gone_conversations (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS freed_conversations (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS met_conversations (
        id INTEGER PRIMARY KEY,
        items_after INTEGER NOT NULL DEFAULT 0,
        decisions_after INTEGER NOT NULL DEFAULT 0
    );
    CREATE TEMP TABLE IF NOT EXISTS shortened_conversations (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS gone_items (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS gone_decisions (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS gone_notes (id INTEGER PRIMARY KEY);
    CREATE TEMP TABLE IF NOT EXISTS gone_references (
        inbox INTEGER NOT NULL,
        reference TEXT NOT NULL,
        PRIMARY KEY (inbox, reference)
    ) WITHOUT ROWID;
    DELETE FROM gone_contacts;
    DELETE FROM gone_conversations;
    DELETE FROM freed_conversations;
    DELETE FROM met_conversations;
    DELETE FROM shortened_conversations;
    DELETE FROM gone_items;
    DELETE FROM gone_decisions;
    DELETE FROM gone_notes;
    DELETE FROM gone_references";

/// Everything that is left of where the contact is or was the customer, or wrote too: of what is erased
/// nothing is left.
const ALL_MET: &str = "INSERT INTO met_conversations (id)
    WITH RECURSIVE met (id) AS (
        SELECT id FROM conversations WHERE contact = ?1 AND erased_at IS NULL
        UNION
        SELECT conversation FROM participants WHERE contact = ?1
        UNION
        SELECT c.merged_into
        FROM met
        CROSS JOIN conversations AS c ON c.id = met.id
        WHERE c.merged_into IS NOT NULL
    )
    SELECT c.id FROM met CROSS JOIN conversations AS c ON c.id = met.id WHERE c.erased_at IS NULL";

/// Whether the item `a` goes, in a conversation of the scope or elsewhere: it is the person's own, or the
/// company said it to the person.
macro_rules! goes {
    () => {
        "(
             a.id IN (SELECT id FROM gone_items)
             OR EXISTS (SELECT 1 FROM identities AS w WHERE w.id = a.identity AND w.contact = ?1)
             OR a.direction = 'outbound' AND EXISTS (
                 SELECT 1 FROM conversations AS t WHERE t.id = a.conversation AND t.contact = ?1
             )
         )"
    };
}

/// For a contact in the conversations that are met, in this order.
const OF_CONTACT: [&str; 7] = [
    // The person's own words.
    "INSERT INTO gone_items (id)
     SELECT i.id
     FROM met_conversations AS m
     CROSS JOIN items AS i ON i.conversation = m.id
     CROSS JOIN identities AS d ON d.id = i.identity
     WHERE d.contact = ?1 AND i.erased_at IS NULL AND i.id > m.items_after",
    // What a machine wrote is nobody's word: a bounce quotes what it could not deliver, and to whom.
    "INSERT INTO gone_conversations (id)
     SELECT c.id
     FROM met_conversations AS m
     CROSS JOIN conversations AS c ON c.id = m.id
     WHERE
         c.contact = ?1
         AND NOT EXISTS (
             SELECT 1
             FROM items AS i
             CROSS JOIN item_revisions AS r ON r.id = i.content
             WHERE
                 i.conversation = c.id AND i.direction = 'inbound' AND i.erased_at IS NULL
                 AND r.content ->> '$.automatic' IS NULL
                 AND i.id NOT IN (SELECT id FROM gone_items)
         )",
    "INSERT INTO freed_conversations (id)
     SELECT c.id
     FROM met_conversations AS m
     CROSS JOIN conversations AS c ON c.id = m.id
     WHERE c.contact = ?1 AND c.id NOT IN (SELECT id FROM gone_conversations)",
    // What the company said in conversations with the person was said to the person, and what machines
    // wrote there answers it.
    "INSERT OR IGNORE INTO gone_items (id)
     SELECT i.id
     FROM (SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations) AS o
     CROSS JOIN met_conversations AS m ON m.id = o.id
     CROSS JOIN items AS i ON i.conversation = m.id
     CROSS JOIN item_revisions AS r ON r.id = i.content
     WHERE
         i.erased_at IS NULL AND i.id > m.items_after
         AND (i.direction = 'outbound' OR r.content ->> '$.automatic' IS NOT NULL)",
    // Elsewhere, what answers the person's words.
    concat!(
        "INSERT OR IGNORE INTO gone_items (id)
         SELECT i.id
         FROM met_conversations AS m
         CROSS JOIN items AS i ON i.conversation = m.id
         CROSS JOIN item_revisions AS r ON r.id = i.content
         CROSS JOIN items AS a ON a.inbox = i.inbox AND a.external_id = r.content ->> '$.in_reply_to[0]'
         WHERE
             i.direction = 'outbound' AND i.erased_at IS NULL AND i.id > m.items_after AND ",
        goes!()
    ),
    // What the company said in a conversation with the person that was merged into another.
    "INSERT OR IGNORE INTO gone_items (id)
     SELECT i.id
     FROM met_conversations AS m
     CROSS JOIN conversations AS c ON c.id = m.id
     CROSS JOIN conversation_merges AS j ON j.younger = c.id
     CROSS JOIN jsonb_each(j.undo, '$.items') AS u
     CROSS JOIN items AS i ON i.id = u.value
     CROSS JOIN item_revisions AS r ON r.id = i.content
     WHERE
         c.contact = ?1 AND i.erased_at IS NULL
         AND (i.direction = 'outbound' OR r.content ->> '$.automatic' IS NOT NULL)",
    // Elsewhere, what machines answered to that.
    concat!(
        "INSERT OR IGNORE INTO gone_items (id)
         SELECT i.id
         FROM met_conversations AS m
         CROSS JOIN items AS i ON i.conversation = m.id
         CROSS JOIN item_revisions AS r ON r.id = i.content
         CROSS JOIN items AS a ON a.inbox = i.inbox AND a.external_id = r.content ->> '$.in_reply_to[0]'
         WHERE
             i.direction = 'inbound' AND i.erased_at IS NULL AND i.id > m.items_after
             AND r.content ->> '$.automatic' IS NOT NULL AND ",
        goes!()
    ),
];

/// Remarks in conversations with the person, wherever a merge moved them.
const NOTES: [&str; 2] = [
    "INSERT INTO gone_notes (id)
     SELECT n.id
     FROM (SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations) AS o
     CROSS JOIN notes AS n ON n.conversation = o.id",
    "INSERT OR IGNORE INTO gone_notes (id)
     SELECT u.value
     FROM met_conversations AS m
     CROSS JOIN conversations AS c ON c.id = m.id
     CROSS JOIN conversation_merges AS j ON j.younger = c.id
     CROSS JOIN jsonb_each(j.undo, '$.notes') AS u
     WHERE c.contact IN (SELECT id FROM gone_contacts)",
];

/// For conversations that go as a whole, in this order.
const OF_CONVERSATIONS: [&str; 3] = [
    "INSERT INTO met_conversations (id) SELECT id FROM gone_conversations",
    "INSERT INTO gone_items (id)
     SELECT i.id
     FROM gone_conversations AS g
     CROSS JOIN items AS i ON i.conversation = g.id
     WHERE i.erased_at IS NULL",
    // Whoever wrote there, or was written to, and has no other conversation. Whose erasure has begun goes at
    // its end.
    "INSERT OR IGNORE INTO gone_contacts (id)
     SELECT p.contact
     FROM (
         SELECT c.contact
         FROM gone_conversations AS g
         CROSS JOIN conversations AS c ON c.id = g.id
         UNION
         SELECT d.contact
         FROM gone_items AS g
         CROSS JOIN items AS i ON i.id = g.id
         CROSS JOIN identities AS d ON d.id = i.identity
     ) AS p
     WHERE
         p.contact NOT IN (SELECT contact FROM begun_erasures)
         AND NOT EXISTS (
             SELECT 1
             FROM conversations AS c
             WHERE
                 c.contact = p.contact AND c.erased_at IS NULL
                 AND c.id NOT IN (SELECT id FROM gone_conversations)
         )
         AND NOT EXISTS (
             SELECT 1
             FROM participants AS w
             CROSS JOIN conversations AS c ON c.id = w.conversation
             WHERE
                 w.contact = p.contact AND c.erased_at IS NULL
                 AND c.id NOT IN (SELECT id FROM gone_conversations)
         )",
];

/// Everything about a contact in these conversations, or in all that are left. One of them may have been
/// shortened before.
pub(super) async fn of_contact(
    id: ContactId,
    conversations: Option<&[i64]>,
    shortened: Option<&Shortened>,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    begin(id, connection).await?;
    meet(id, conversations, connection).await?;
    if let Some(shortened) = shortened {
        mark_shortened(shortened, connection).await?;
    }
    for sql in OF_CONTACT {
        sqlx::query(sql).bind(id.0).execute(&mut *connection).await?;
    }
    run(&NOTES, connection).await
}

/// The contact's and the company's items in a portion of a long conversation that is with the contact.
pub(super) async fn of_portion(
    id: ContactId,
    from: &Shortened,
    to_item: i64,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    begin(id, connection).await?;
    sqlx::query("INSERT INTO met_conversations (id) VALUES (?)")
        .bind(from.conversation)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO gone_items (id)
         SELECT i.id
         FROM items AS i
         CROSS JOIN item_revisions AS r ON r.id = i.content
         WHERE
             i.conversation = ?2 AND i.id > ?3 AND i.id <= ?4 AND i.erased_at IS NULL
             AND (
                 i.direction = 'outbound' OR r.content ->> '$.automatic' IS NOT NULL
                 OR i.identity IN (SELECT d.id FROM identities AS d WHERE d.contact = ?1)
             )",
    )
    .bind(id.0)
    .bind(from.conversation)
    .bind(from.items_after)
    .bind(to_item)
    .execute(connection)
    .await?;
    Ok(())
}

async fn begin(id: ContactId, connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::raw_sql(BEGIN).execute(&mut *connection).await?;
    sqlx::query("INSERT INTO gone_contacts (id) VALUES (?)").bind(id.0).execute(connection).await?;
    Ok(())
}

/// Meets these conversations, or all that are left of the contact's.
async fn meet(
    id: ContactId,
    conversations: Option<&[i64]>,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let Some(conversations) = conversations else {
        sqlx::query(ALL_MET).bind(id.0).execute(connection).await?;
        return Ok(());
    };
    let mut rows = Rows::default();
    for conversation in conversations {
        let _ = rows.row().int(*conversation);
    }
    let sql = "INSERT INTO met_conversations (id) SELECT value ->> 0 FROM jsonb_each(?1)";
    rows.run(sql, connection).await?;
    Ok(())
}

/// What of it is gone need not be looked at again. It may have been merged since.
async fn mark_shortened(shortened: &Shortened, connection: &mut SqliteConnection) -> StoreResult<()> {
    // A merge brings older items along, and no decisions.
    sqlx::query(
        "UPDATE met_conversations
         SET
             items_after = CASE
                 WHEN EXISTS (SELECT 1 FROM conversation_merges AS j WHERE j.older = ?1) THEN 0
                 ELSE ?2
             END,
             decisions_after = ?3
         WHERE id = ?1",
    )
    .bind(shortened.conversation)
    .bind(shortened.items_after)
    .bind(shortened.decisions_after)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO shortened_conversations (id)
         WITH RECURSIVE place (id) AS (
             SELECT id FROM met_conversations WHERE id = ?
             UNION
             SELECT c.merged_into
             FROM place CROSS JOIN conversations AS c ON c.id = place.id
             WHERE c.merged_into IS NOT NULL
         )
         SELECT place.id FROM place CROSS JOIN met_conversations AS m ON m.id = place.id",
    )
    .bind(shortened.conversation)
    .execute(connection)
    .await?;
    Ok(())
}

/// Everything in those of the conversations that are closed and unchanged since before that time, and in
/// those that were merged into them.
pub(super) async fn of_conversations(
    conversations: &[i64],
    before: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::raw_sql(BEGIN).execute(&mut *connection).await?;
    let mut rows = Rows::default();
    for id in conversations {
        let _ = rows.row().int(*id).int(before.as_ms());
    }
    let sql = "INSERT INTO gone_conversations (id)
        WITH RECURSIVE met (id) AS (
            SELECT c.id
            FROM jsonb_each(?1) AS k
            CROSS JOIN conversations AS c ON c.id = k.value ->> 0
            WHERE c.status = 'closed' AND c.erased_at IS NULL AND c.updated_at < k.value ->> 1
            UNION
            SELECT m.younger FROM met CROSS JOIN conversation_merges AS m ON m.older = met.id
        )
        SELECT c.id FROM met CROSS JOIN conversations AS c ON c.id = met.id WHERE c.erased_at IS NULL";
    rows.run(sql, connection).await?;
    run(&OF_CONVERSATIONS, connection).await?;
    run(&NOTES, connection).await
}

async fn run(statements: &[&'static str], connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in statements {
        sqlx::query(*sql).execute(&mut *connection).await?;
    }
    Ok(())
}
