//! Personal data: what is handed out about a contact, and the ways to its erasure.

use async_trait::async_trait;
use sqlx::Row as _;

use super::erase::scope::conversations_of_contact;
use super::{SqliteStore, audit, erase, item_row, paging, retention};
use crate::domain::erasure::Erasure;
use crate::domain::ids::{ContactId, ConversationId, DeliveryId, InboxId, ItemId};
use crate::domain::item::StoredItem;
use crate::domain::time::Timestamp;
use crate::store::{
    AuditEntry, EndedPage, Page, PageRequest, PersonalDataStore, PurgedPage, Revision, StoreResult,
};

#[async_trait]
impl PersonalDataStore for SqliteStore {
    async fn erase_contact(&self, id: ContactId, audit: &AuditEntry) -> StoreResult<Erasure> {
        erase::contact(self, id, audit).await
    }

    async fn finish_erasures(&self, now: Timestamp) -> StoreResult<bool> {
        erase::disk::wipe(self, now).await
    }

    async fn erasure(&self, id: ContactId) -> StoreResult<Option<Erasure>> {
        erase::people::erasure(id, &mut *self.readers.acquire().await?).await
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
        let found: Vec<(i64, bool)> = sqlx::query_as(sql).bind(id.0).fetch_all(&self.readers).await?;
        Ok(found.into_iter().map(|(id, is_with_it)| (ConversationId(id), is_with_it)).collect())
    }

    async fn items_about(
        &self,
        id: ContactId,
        conversation: ConversationId,
        page: PageRequest,
    ) -> StoreResult<Page<StoredItem>> {
        let sql = concat!(
            "SELECT ",
            item_row::item_columns!(),
            " FROM items AS i
              CROSS JOIN item_revisions AS r ON r.id = i.content
              CROSS JOIN conversations AS c ON c.id = i.conversation
              WHERE i.conversation = ?1 AND i.id > ?2 AND (
                  i.identity IN (SELECT id FROM identities WHERE contact = ?4)
                  OR i.direction = 'outbound' AND (
                      c.contact = ?4
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
        let rows = sqlx::query(sql)
            .bind(conversation.0)
            .bind(page.after.unwrap_or(i64::MIN))
            .bind(page.limit)
            .bind(id.0)
            .fetch_all(&self.readers)
            .await?;
        let entries = rows.iter().map(item_row::read).collect::<StoreResult<Vec<_>>>()?;
        Ok(paging::by_id(entries, page, |it| it.id.0))
    }

    async fn revisions(&self, item: ItemId) -> StoreResult<Vec<Revision>> {
        let rows =
            sqlx::query("SELECT revision, content FROM item_revisions WHERE item = ? ORDER BY revision")
                .bind(item.0)
                .fetch_all(&self.readers)
                .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> StoreResult<Revision> {
            Ok(Revision { revision: row.try_get(0)?, item: serde_json::from_str(row.try_get(1)?)? })
        };
        rows.iter().map(read).collect()
    }

    async fn deliveries_of(&self, item: ItemId) -> StoreResult<Vec<DeliveryId>> {
        let sql = "SELECT delivery FROM items WHERE id = ?1 AND delivery IS NOT NULL
            UNION
            SELECT delivery FROM delivery_items WHERE item = ?1
            ORDER BY 1";
        let found: Vec<i64> = sqlx::query_scalar(sql).bind(item.0).fetch_all(&self.readers).await?;
        Ok(found.into_iter().map(DeliveryId).collect())
    }

    async fn record(&self, entry: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        audit::record(entry, &mut tx).await?;
        Ok(tx.commit().await?)
    }
}
