//! Requests with a key, and what was answered.

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::error::{expect_rows, surprise};
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;
use crate::store::{
    Claimed, IdempotencyStore, KEPT_ANSWERS_BYTES_MAX, KEYED_REQUESTS_MAX, KeptAnswer, KeyedRequest,
    StoreResult,
};

/// Which contacts, conversations and items a kept answer names. (A name is one of our ids in its text form.)
const NAMES: &str = "INSERT INTO answer_names (token, key, name)
    SELECT DISTINCT k.token, k.key, t.value
    FROM keyed_requests AS k
    CROSS JOIN json_tree(
        CASE json_valid(CAST(k.body AS TEXT)) WHEN 1 THEN CAST(k.body AS TEXT) ELSE '0' END
    ) AS t
    WHERE
        k.token = ? AND k.key = ? AND t.type = 'text' AND length(t.value) = 17
        AND substr(t.value, 1, 4) IN ('ctc_', 'cnv_', 'itm_')
    ON CONFLICT DO NOTHING";

/// After so long a request that has no answer is under way no more.
const UNDER_WAY_MS: i64 = 600_000;

/// Forgets the oldest requests of a token until there is room for another.
async fn make_room(token: TokenId, now: Timestamp, connection: &mut SqliteConnection) -> StoreResult<()> {
    loop {
        let is_full = "SELECT EXISTS (
            SELECT 1 FROM keyed_request_counts WHERE token = ? AND (requests >= ? OR bytes >= ?)
        )";
        let is_full: bool = sqlx::query_scalar(is_full)
            .bind(token.0)
            .bind(KEYED_REQUESTS_MAX)
            .bind(KEPT_ANSWERS_BYTES_MAX)
            .fetch_one(&mut *connection)
            .await?;
        if !is_full {
            return Ok(());
        }
        let done = sqlx::query(
            "DELETE FROM keyed_requests
             WHERE token = ?1 AND key IN (
                 SELECT key
                 FROM keyed_requests
                 WHERE token = ?1 AND (status IS NOT NULL OR at < ?2)
                 ORDER BY at
                 LIMIT 1
             )",
        )
        .bind(token.0)
        .bind(now.plus_ms(-UNDER_WAY_MS).as_ms())
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
    }
}

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn claim_request(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
        forget_before: Timestamp,
    ) -> StoreResult<Claimed> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM keyed_requests WHERE at < ?")
            .bind(forget_before.as_ms())
            .execute(&mut *tx)
            .await?;
        let found = sqlx::query(
            "SELECT fingerprint, at, status, content_type, etag, body
             FROM keyed_requests
             WHERE token = ? AND key = ?",
        )
        .bind(request.token.0)
        .bind(&request.key)
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = found {
            if row.try_get::<&str, _>(0)? != request.fingerprint {
                return Ok(Claimed::OtherRequest);
            }
            let Some(status) = row.try_get::<Option<i64>, _>(2)? else {
                return Ok(Claimed::Unanswered(Timestamp::from_ms(row.try_get(1)?)));
            };
            return Ok(Claimed::Answered(KeptAnswer {
                status: status.try_into().map_err(|_| surprise(format!("{status} is no status")))?,
                content_type: row.try_get(3)?,
                etag: row.try_get(4)?,
                body: row.try_get(5)?,
            }));
        }
        make_room(request.token, now, &mut tx).await?;
        sqlx::query("INSERT INTO keyed_requests (token, key, fingerprint, at) VALUES (?, ?, ?, ?)")
            .bind(request.token.0)
            .bind(&request.key)
            .bind(&request.fingerprint)
            .bind(now.as_ms())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Claimed::New)
    }

    async fn keep_answer(&self, request: &KeyedRequest, answer: &KeptAnswer) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let done = sqlx::query(
            "UPDATE keyed_requests
             SET status = ?, content_type = ?, etag = ?, body = ?
             WHERE token = ? AND key = ? AND fingerprint = ?",
        )
        .bind(i64::from(answer.status))
        .bind(&answer.content_type)
        .bind(&answer.etag)
        .bind(&answer.body)
        .bind(request.token.0)
        .bind(&request.key)
        .bind(&request.fingerprint)
        .execute(&mut *tx)
        .await?;
        expect_rows("answers kept", 1, done.rows_affected())?;
        sqlx::query(NAMES).bind(request.token.0).bind(&request.key).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn forget_requests(&self, before: Timestamp) -> StoreResult<()> {
        let is_any = "SELECT EXISTS (SELECT 1 FROM keyed_requests WHERE at < ?)";
        let is_any: bool =
            sqlx::query_scalar(is_any).bind(before.as_ms()).fetch_one(&mut *self.reader().await?).await?;
        if !is_any {
            return Ok(());
        }
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM keyed_requests WHERE at < ?").bind(before.as_ms()).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn forget_request(&self, request: &KeyedRequest) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        sqlx::query("DELETE FROM keyed_requests WHERE token = ? AND key = ? AND status IS NULL")
            .bind(request.token.0)
            .bind(&request.key)
            .execute(&mut writer.connection)
            .await?;
        Ok(())
    }
}
