//! Personal data: what is handed out about a contact, and the ways to its erasure.

use async_trait::async_trait;
use sqlx::Row as _;

use super::{SqliteStore, audit, erase, notes, paging, retention};
use crate::domain::erasure::{Erasing, Erasure, Wiping};
use crate::domain::ids::{ContactId, ConversationId, DeliveryId, InboxId, ItemId};
use crate::domain::time::Timestamp;
use crate::store::{
    AuditEntry, EndedPage, Note, Page, PageRequest, PersonalDataStore, PurgedPage, Revision, StoreResult,
};

/// Where a contact is or was the customer, or wrote too, and what those conversations were merged into.
macro_rules! conversations_of_contact {
    () => {
        "WITH RECURSIVE met (id) AS (
             SELECT id FROM conversations WHERE contact = ?1
             UNION
             SELECT conversation FROM participants WHERE contact = ?1
             UNION
             SELECT c.merged_into
             FROM met
             CROSS JOIN conversations AS c ON c.id = met.id
             WHERE c.merged_into IS NOT NULL
         )"
    };
}

/// What was moved out of conversations with the contact `?4` when those were merged into others'.
macro_rules! moved_by_merges {
    ($what:literal) => {
        concat!(
            "SELECT u.value
             FROM conversations AS y
             CROSS JOIN conversation_merges AS j ON j.younger = y.id
             CROSS JOIN jsonb_each(j.undo, '",
            $what,
            "') AS u
             WHERE y.contact = ?4"
        )
    };
}

#[async_trait]
impl PersonalDataStore for SqliteStore {
    async fn begin_erasure(&self, id: ContactId, audit: &AuditEntry) -> StoreResult<Option<Erasure>> {
        erase::begin(self, id, audit).await
    }

    async fn erase_some(&self, id: ContactId, now: Timestamp) -> StoreResult<Erasing> {
        erase::some(self, id, now).await
    }

    async fn begun_erasures(&self) -> StoreResult<Vec<ContactId>> {
        erase::begun(self).await
    }

    async fn wipe_some(&self, now: Timestamp) -> StoreResult<Wiping> {
        erase::disk::wipe_some(self, now).await
    }

    async fn erasure(&self, id: ContactId) -> StoreResult<Option<Erasure>> {
        erase::people::erasure(id, &mut *self.reader().await?).await
    }

    async fn purge_deliveries(
        &self,
        inbox: InboxId,
        before: Timestamp,
        max: u32,
        audit: &AuditEntry,
    ) -> StoreResult<PurgedPage> {
        retention::purge(self, inbox, before, max, audit).await
    }

    async fn erase_ended(
        &self,
        inbox: InboxId,
        before: Timestamp,
        max: u32,
        audit: &AuditEntry,
    ) -> StoreResult<EndedPage> {
        retention::erase_ended(self, inbox, before, max, audit).await
    }

    async fn conversations_about(&self, id: ContactId) -> StoreResult<Vec<(ConversationId, bool)>> {
        let sql = concat!(
            conversations_of_contact!(),
            " SELECT c.id, c.contact = ?1
              FROM met
              CROSS JOIN conversations AS c ON c.id = met.id
              ORDER BY c.id"
        );
        let found: Vec<(i64, bool)> =
            sqlx::query_as(sql).bind(id.0).fetch_all(&mut *self.reader().await?).await?;
        Ok(found.into_iter().map(|(id, is_with_it)| (ConversationId(id), is_with_it)).collect())
    }

    async fn items_about(
        &self,
        id: ContactId,
        conversation: ConversationId,
        page: PageRequest,
    ) -> StoreResult<Page<ItemId>> {
        let sql = concat!(
            "SELECT i.id
             FROM items AS i
             CROSS JOIN item_revisions AS r ON r.id = i.content
             CROSS JOIN conversations AS c ON c.id = i.conversation
             WHERE i.conversation = ?1 AND i.id > ?2 AND (
                 i.identity IN (SELECT id FROM identities WHERE contact = ?4)
                 OR i.direction = 'outbound' AND (
                     c.contact = ?4
                     OR i.id IN (",
            moved_by_merges!("$.items"),
            ")
                     OR EXISTS (
                         SELECT 1
                         FROM items AS a
                         CROSS JOIN identities AS d ON d.id = a.identity
                         WHERE
                             a.inbox = i.inbox AND a.external_id = r.content ->> '$.in_reply_to[0]'
                             AND d.contact = ?4
                     )
                 )
             )
             ORDER BY i.id
             LIMIT ?3"
        );
        let found: Vec<i64> = sqlx::query_scalar(sql)
            .bind(conversation.0)
            .bind(page.after.unwrap_or(i64::MIN))
            .bind(page.limit)
            .bind(id.0)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(paging::by_id(found.into_iter().map(ItemId).collect(), page, |it| it.0))
    }

    async fn notes_about(&self, id: ContactId, conversation: ConversationId) -> StoreResult<Vec<Note>> {
        let notes = notes::of(self, conversation).await?;
        let sql = concat!(
            "SELECT n.id
             FROM notes AS n
             CROSS JOIN conversations AS c ON c.id = n.conversation
             WHERE n.conversation = ?1 AND (c.contact = ?4 OR n.id IN (",
            moved_by_merges!("$.notes"),
            "))"
        );
        let about: Vec<i64> = sqlx::query_scalar(sql)
            .bind(conversation.0)
            .bind(0)
            .bind(0)
            .bind(id.0)
            .fetch_all(&mut *self.reader().await?)
            .await?;
        Ok(notes.into_iter().filter(|it| about.contains(&it.id.0)).collect())
    }

    async fn revision_after(&self, item: ItemId, revision: i64) -> StoreResult<Option<Revision>> {
        let sql = "SELECT revision, content FROM item_revisions
            WHERE item = ? AND revision > ?
            ORDER BY revision
            LIMIT 1";
        let row =
            sqlx::query(sql).bind(item.0).bind(revision).fetch_optional(&mut *self.reader().await?).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Revision { revision: row.try_get(0)?, item: serde_json::from_str(row.try_get(1)?)? }))
    }

    async fn deliveries_of(&self, item: ItemId) -> StoreResult<Vec<(DeliveryId, i64)>> {
        let sql = "SELECT delivery, sum(times)
            FROM (
                SELECT delivery, 1 AS times FROM items WHERE id = ?1 AND delivery IS NOT NULL
                UNION ALL
                SELECT delivery, times FROM delivery_items WHERE item = ?1
            )
            GROUP BY delivery
            ORDER BY delivery";
        let found: Vec<(i64, i64)> =
            sqlx::query_as(sql).bind(item.0).fetch_all(&mut *self.reader().await?).await?;
        Ok(found.into_iter().map(|(id, times)| (DeliveryId(id), times)).collect())
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        audit::record(entry, &mut tx).await?;
        Ok(tx.commit().await?)
    }
}
