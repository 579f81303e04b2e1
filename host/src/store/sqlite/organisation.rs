//! Departments, agents, queues, inboxes.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection, SqliteExecutor};

use super::error::{Explain, refuse_look_alike};
use super::words::{case, word};
use super::{SqliteStore, audit, quotas, tokens};
use crate::domain::ids::TokenId;
use crate::domain::installation::InstallationSettings;
use crate::domain::organisation::{Agent, Department, Directory, Inbox, Queue};
use crate::domain::quota::Quota;
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::store::{AuditEntry, ChannelScope, OrganisationStore, StoreError, StoreResult};

/// Under which name the installation's settings are kept.
const SETTINGS: &str = "settings";

#[async_trait]
impl OrganisationStore for SqliteStore {
    async fn directory(&self) -> StoreResult<Directory> {
        let mut reader = self.renewing_reader().await?;
        let mut tx = reader.begin().await?;
        let departments =
            sqlx::query("SELECT id, name, title, created_at FROM departments").fetch_all(&mut *tx).await?;
        let queues = sqlx::query("SELECT id, department, name, title, kind, created_at FROM queues")
            .fetch_all(&mut *tx)
            .await?;
        let agents = sqlx::query("SELECT id, department, name, title, created_at FROM agents")
            .fetch_all(&mut *tx)
            .await?;
        let inboxes = sqlx::query(
            "SELECT
                 id, name, department, channel, adapter, settings, operator_queue, junk_queue, promise,
                 access, reply_hosts, created_at, revision, allowance, secrets, retention
             FROM inboxes",
        )
        .fetch_all(&mut *tx)
        .await?;
        let quotas = quotas::set(&mut tx).await?;
        let directory = Directory::new(
            read_all(&departments, read_department)?,
            read_all(&queues, read_queue)?,
            read_all(&agents, read_agent)?,
            read_all(&inboxes, read_inbox)?,
        );
        Ok(directory.with_quotas(quotas))
    }

    async fn add_department(
        &self,
        department: &Department,
        queues: &[Queue],
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        insert_department(department, &mut tx).await?;
        for queue in queues {
            insert_queue(queue, &mut tx).await?;
        }
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn add_agent(&self, agent: &Agent, audit: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let before = quotas::before(Some(agent.department), Quota::Agents, &mut tx).await?;
        insert_agent(agent, &mut tx).await?;
        before.check(&mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn add_queue(&self, queue: &Queue, audit: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let before = quotas::before(Some(queue.department), Quota::Queues, &mut tx).await?;
        insert_queue(queue, &mut tx).await?;
        before.check(&mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn add_inbox(&self, inbox: &Inbox, scope: ChannelScope, audit: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        if scope == ChannelScope::Department && is_channel_of_another(inbox, &mut tx).await? {
            return Err(StoreError::Taken(format!("channel {} of another department", inbox.channel)));
        }
        if scope == ChannelScope::Department {
            refuse_look_alike("inbox", &inbox.name, inboxes_of_others(inbox, &mut tx).await?)?;
        }
        let inboxes = quotas::before(Some(inbox.department), Quota::Inboxes, &mut tx).await?;
        let settings = quotas::before(Some(inbox.department), Quota::SettingBytes, &mut tx).await?;
        insert_inbox(inbox, &mut tx).await?;
        inboxes.check(&mut tx).await?;
        settings.check(&mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn change_inbox(&self, inbox: &Inbox, audit: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let settings = quotas::before(Some(inbox.department), Quota::SettingBytes, &mut tx).await?;
        if update_inbox(inbox, &mut tx).await? == 0 {
            return Err(missing_or_stale(inbox, &mut tx).await?);
        }
        settings.check(&mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn installation_id(&self) -> StoreResult<String> {
        Ok(sqlx::query_scalar("SELECT value FROM installation WHERE name = 'id'")
            .fetch_one(&mut *self.reader().await?)
            .await?)
    }

    async fn settings(&self) -> StoreResult<InstallationSettings> {
        kept_settings(&mut *self.renewing_reader().await?).await
    }

    async fn change_settings(
        &self,
        seen: &InstallationSettings,
        settings: &InstallationSettings,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        if kept_settings(&mut *tx).await? != *seen {
            return Err(StoreError::Stale("what holds for the installation".to_owned()));
        }
        sqlx::query(
            "INSERT INTO installation (name, value) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(SETTINGS)
        .bind(serde_json::to_string(settings)?)
        .execute(&mut *tx)
        .await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn tokens(&self) -> StoreResult<Vec<Token>> {
        tokens::all(self).await
    }

    async fn add_token(&self, token: &Token, audit: &AuditEntry) -> StoreResult<()> {
        tokens::add(self, token, audit).await
    }

    async fn revoke_token(&self, id: TokenId, at: Timestamp, audit: &AuditEntry) -> StoreResult<()> {
        tokens::revoke(self, id, at, audit).await
    }
}

pub(super) async fn kept_settings(database: impl SqliteExecutor<'_>) -> StoreResult<InstallationSettings> {
    let kept: Option<String> = sqlx::query_scalar("SELECT value FROM installation WHERE name = ?")
        .bind(SETTINGS)
        .fetch_optional(database)
        .await?;
    Ok(kept.map(|it| serde_json::from_str(&it)).transpose()?.unwrap_or_default())
}

async fn insert_department(department: &Department, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query("INSERT INTO departments (id, name, title, created_at) VALUES (?, ?, ?, ?)")
        .bind(department.id.0)
        .bind(&department.name)
        .bind(&department.title)
        .bind(department.created_at.as_ms())
        .execute(connection)
        .await;
    done.map(drop).map_err(StoreError::from).or_taken(|| format!("department {}", department.name))
}

async fn insert_queue(queue: &Queue, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query(
        "INSERT INTO queues (id, department, name, title, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(queue.id.0)
    .bind(queue.department.0)
    .bind(&queue.name)
    .bind(&queue.title)
    .bind(word(&queue.kind)?)
    .bind(queue.created_at.as_ms())
    .execute(connection)
    .await;
    done.map(drop)
        .map_err(StoreError::from)
        .or_taken(|| format!("queue {}", queue.name))
        .or_missing(|| format!("department {}", queue.department))
}

async fn insert_agent(agent: &Agent, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done =
        sqlx::query("INSERT INTO agents (id, department, name, title, created_at) VALUES (?, ?, ?, ?, ?)")
            .bind(agent.id.0)
            .bind(agent.department.0)
            .bind(&agent.name)
            .bind(&agent.title)
            .bind(agent.created_at.as_ms())
            .execute(connection)
            .await;
    done.map(drop)
        .map_err(StoreError::from)
        .or_taken(|| format!("agent {}", agent.name))
        .or_missing(|| format!("department {}", agent.department))
}

async fn is_channel_of_another(inbox: &Inbox, connection: &mut SqliteConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM inboxes WHERE channel = ? AND department <> ?)")
        .bind(&inbox.channel)
        .bind(inbox.department.0)
        .fetch_one(connection)
        .await?)
}

async fn inboxes_of_others(inbox: &Inbox, connection: &mut SqliteConnection) -> StoreResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT name FROM inboxes WHERE department <> ?")
        .bind(inbox.department.0)
        .fetch_all(connection)
        .await?)
}

async fn insert_inbox(inbox: &Inbox, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query(
        "INSERT INTO inboxes (
             id, name, department, channel, adapter, settings, operator_queue, junk_queue, promise, access,
             reply_hosts, created_at, revision, allowance, secrets, retention
         )
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(inbox.id.0)
    .bind(&inbox.name)
    .bind(inbox.department.0)
    .bind(&inbox.channel)
    .bind(&inbox.adapter)
    .bind(inbox.settings.to_string())
    .bind(inbox.operator_queue.0)
    .bind(inbox.junk_queue.0)
    .bind(inbox.promise.map(|it| serde_json::to_string(&it)).transpose()?)
    .bind(serde_json::to_string(&inbox.access)?)
    .bind(serde_json::to_string(&inbox.reply_hosts)?)
    .bind(inbox.created_at.as_ms())
    .bind(inbox.revision)
    .bind(serde_json::to_string(&inbox.allowance)?)
    .bind(serde_json::to_string(&inbox.secrets)?)
    .bind(serde_json::to_string(&inbox.retention)?)
    .execute(connection)
    .await;
    done.map(drop)
        .map_err(StoreError::from)
        .or_taken(|| format!("inbox {}", inbox.name))
        .or_missing(|| places_of(inbox))
}

async fn update_inbox(inbox: &Inbox, connection: &mut SqliteConnection) -> StoreResult<u64> {
    let done = sqlx::query(
        "UPDATE inboxes
         SET
             name = ?, department = ?, channel = ?, adapter = ?, settings = ?, operator_queue = ?,
             junk_queue = ?, promise = ?, access = ?, reply_hosts = ?, revision = ?, allowance = ?,
             secrets = ?, retention = ?
         WHERE id = ? AND revision = ?",
    )
    .bind(&inbox.name)
    .bind(inbox.department.0)
    .bind(&inbox.channel)
    .bind(&inbox.adapter)
    .bind(inbox.settings.to_string())
    .bind(inbox.operator_queue.0)
    .bind(inbox.junk_queue.0)
    .bind(inbox.promise.map(|it| serde_json::to_string(&it)).transpose()?)
    .bind(serde_json::to_string(&inbox.access)?)
    .bind(serde_json::to_string(&inbox.reply_hosts)?)
    .bind(inbox.revision)
    .bind(serde_json::to_string(&inbox.allowance)?)
    .bind(serde_json::to_string(&inbox.secrets)?)
    .bind(serde_json::to_string(&inbox.retention)?)
    .bind(inbox.id.0)
    .bind(inbox.revision - 1)
    .execute(connection)
    .await;
    done.map(|it| it.rows_affected())
        .map_err(StoreError::from)
        .or_taken(|| format!("inbox {}", inbox.name))
        .or_missing(|| places_of(inbox))
}

fn places_of(inbox: &Inbox) -> String {
    format!("department {} with queues {} and {}", inbox.department, inbox.operator_queue, inbox.junk_queue)
}

async fn missing_or_stale(inbox: &Inbox, connection: &mut SqliteConnection) -> StoreResult<StoreError> {
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM inboxes WHERE id = ?)")
        .bind(inbox.id.0)
        .fetch_one(connection)
        .await?;
    let what = format!("inbox {}", inbox.name);
    Ok(if known { StoreError::Stale(what) } else { StoreError::Missing(what) })
}

fn read_all<T>(rows: &[SqliteRow], read: impl Fn(&SqliteRow) -> StoreResult<T>) -> StoreResult<Vec<T>> {
    rows.iter().map(read).collect()
}

fn read_department(row: &SqliteRow) -> StoreResult<Department> {
    Ok(Department {
        id: row.try_get::<i64, _>(0)?.into(),
        name: row.try_get(1)?,
        title: row.try_get(2)?,
        created_at: Timestamp::from_ms(row.try_get(3)?),
    })
}

fn read_queue(row: &SqliteRow) -> StoreResult<Queue> {
    Ok(Queue {
        id: row.try_get::<i64, _>(0)?.into(),
        department: row.try_get::<i64, _>(1)?.into(),
        name: row.try_get(2)?,
        title: row.try_get(3)?,
        kind: case(row.try_get(4)?)?,
        created_at: Timestamp::from_ms(row.try_get(5)?),
    })
}

fn read_agent(row: &SqliteRow) -> StoreResult<Agent> {
    Ok(Agent {
        id: row.try_get::<i64, _>(0)?.into(),
        department: row.try_get::<i64, _>(1)?.into(),
        name: row.try_get(2)?,
        title: row.try_get(3)?,
        created_at: Timestamp::from_ms(row.try_get(4)?),
    })
}

fn read_inbox(row: &SqliteRow) -> StoreResult<Inbox> {
    Ok(Inbox {
        id: row.try_get::<i64, _>(0)?.into(),
        name: row.try_get(1)?,
        department: row.try_get::<i64, _>(2)?.into(),
        channel: row.try_get(3)?,
        adapter: row.try_get(4)?,
        settings: serde_json::from_str(row.try_get(5)?)?,
        operator_queue: row.try_get::<i64, _>(6)?.into(),
        junk_queue: row.try_get::<i64, _>(7)?.into(),
        promise: row.try_get::<Option<&str>, _>(8)?.map(serde_json::from_str).transpose()?,
        access: serde_json::from_str(row.try_get(9)?)?,
        reply_hosts: serde_json::from_str(row.try_get(10)?)?,
        created_at: Timestamp::from_ms(row.try_get(11)?),
        revision: row.try_get(12)?,
        allowance: serde_json::from_str(row.try_get(13)?)?,
        secrets: serde_json::from_str(row.try_get(14)?)?,
        retention: serde_json::from_str(row.try_get(15)?)?,
    })
}
