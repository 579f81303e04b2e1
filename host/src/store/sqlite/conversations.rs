//! What people see and do.

mod change;
mod list;

pub(super) use self::list::has_to_do_with;
use async_trait::async_trait;
use sqlx::Row as _;

use super::{SqliteStore, audit, contacts, conversation_row, counts, decisions, item_row, notes, search};
use crate::domain::contact::{Contact, Identity};
use crate::domain::conversation::Conversation;
use crate::domain::decision::Decision;
use crate::domain::ids::{ContactId, ConversationId, DecisionId, DepartmentId, IdentityId, ItemId, QueueId};
use crate::domain::item::StoredItem;
use crate::domain::time::Timestamp;
use crate::store::sqlite::words::priority_of;
use crate::store::{
    AuditEntry, AuditVerification, ConversationFilter, ConversationStore, Counts, Note, Page, PageRequest,
    PersonChange, QueueLoad, SearchHit, StoreResult,
};

#[async_trait]
impl ConversationStore for SqliteStore {
    async fn conversation(&self, id: ConversationId) -> StoreResult<Option<Conversation>> {
        let mut reader = self.reader().await?;
        Ok(conversation_row::load([id], &mut reader).await?.pop())
    }

    async fn conversations(
        &self,
        filter: &ConversationFilter,
        page: PageRequest,
    ) -> StoreResult<Page<Conversation>> {
        list::page(self, filter, page).await
    }

    async fn items(&self, conversation: ConversationId, page: PageRequest) -> StoreResult<Page<StoredItem>> {
        item_row::page(conversation, page, &mut *self.reader().await?).await
    }

    async fn latest_inbound(&self, conversation: ConversationId) -> StoreResult<Option<StoredItem>> {
        let mut reader = self.reader().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM items
             WHERE conversation = ? AND direction = 'inbound' AND erased_at IS NULL
             ORDER BY id DESC
             LIMIT 1",
        )
        .bind(conversation.0)
        .fetch_optional(&mut *reader)
        .await?;
        Ok(item_row::load_listed(id.as_slice(), &mut reader).await?.pop())
    }

    async fn item_listed(&self, id: ItemId) -> StoreResult<Option<StoredItem>> {
        Ok(item_row::load_listed(&[id.0], &mut *self.reader().await?).await?.pop())
    }

    async fn item(&self, id: ItemId) -> StoreResult<Option<StoredItem>> {
        item_row::load_one(id, &mut *self.reader().await?).await
    }

    async fn search(
        &self,
        query: &str,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<SearchHit>> {
        search::page(self, query, department, page).await
    }

    async fn contact(&self, id: ContactId) -> StoreResult<Option<(Contact, Vec<Identity>)>> {
        contacts::with_identities(self, id).await
    }

    async fn knows_contact(&self, department: DepartmentId, contact: ContactId) -> StoreResult<bool> {
        contacts::is_known_to(self, department, contact).await
    }

    async fn set_vip(&self, id: ContactId, vip: bool, audit: &AuditEntry) -> StoreResult<()> {
        contacts::set_vip(self, id, vip, audit).await
    }

    async fn identity(&self, id: IdentityId) -> StoreResult<Option<Identity>> {
        contacts::identity(id, &mut *self.reader().await?).await
    }

    async fn notes(&self, conversation: ConversationId) -> StoreResult<Vec<Note>> {
        notes::of(self, conversation).await
    }

    async fn notes_page(&self, conversation: ConversationId, page: PageRequest) -> StoreResult<Page<Note>> {
        notes::page(self, conversation, page).await
    }

    async fn decisions(
        &self,
        conversation: Option<ConversationId>,
        department: Option<DepartmentId>,
        page: PageRequest,
    ) -> StoreResult<Page<Decision>> {
        decisions::page(self, conversation, department, page).await
    }

    async fn decision(&self, id: DecisionId) -> StoreResult<Option<Decision>> {
        decisions::by_id(self, id).await
    }

    async fn change_conversation(&self, change: &PersonChange) -> StoreResult<Conversation> {
        change::carry_out(self, change).await
    }

    async fn queue_loads(&self) -> StoreResult<Vec<QueueLoad>> {
        let rows = sqlx::query(
            "SELECT queue, priority, count(*), min(waiting_since)
             FROM conversations
             WHERE queue IS NOT NULL AND merged_into IS NULL AND status = 'open'
             GROUP BY queue, priority
             ORDER BY queue, priority DESC",
        )
        .fetch_all(&mut *self.reader().await?)
        .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| -> StoreResult<QueueLoad> {
            Ok(QueueLoad {
                queue: QueueId(row.try_get(0)?),
                priority: priority_of(row.try_get(1)?)?,
                open: row.try_get::<i64, _>(2)?.unsigned_abs(),
                oldest_waiting_since: row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_ms),
            })
        };
        rows.iter().map(read).collect()
    }

    async fn counts(&self) -> StoreResult<Counts> {
        counts::read(self).await
    }

    async fn verify_audit(&self) -> StoreResult<AuditVerification> {
        audit::verify(&mut *self.reader().await?).await
    }

    async fn audit(&self, page: PageRequest) -> StoreResult<Page<AuditEntry>> {
        audit::page(self, page).await
    }
}
