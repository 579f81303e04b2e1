//! External ids that were erased: kept as keyed digests, so that a repetition brings nothing back.
//!
//! An external id can be about a person itself (a mail's `Message-ID` names its sender's host, or the
//! sender). The key is the installation's and lies in the same file: whoever has the file can ask whether
//! an id that is known already was here, and learns no other.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sqlx::{Row as _, SqliteConnection};

use super::rows::Rows;
use crate::domain::ids::InboxId;
use crate::domain::threading::Reference;
use crate::store::StoreResult;

/// What a digest is of.
#[derive(Clone, Copy)]
pub(super) enum KeyKind {
    /// An item's external id.
    Item,
    /// The key of a record of an import, which is made of its bytes.
    Import,
}

/// Makes and looks up digests.
#[derive(Clone)]
pub(super) struct ErasedKeys {
    secret: Vec<u8>,
    /// Nobody looks anything up before the first one.
    any: bool,
    /// Whether there was a change of an item that was not here.
    any_unknown: bool,
}

impl ErasedKeys {
    pub(super) async fn load(connection: &mut SqliteConnection) -> StoreResult<Self> {
        let (secret, any, any_unknown): (String, bool, bool) = sqlx::query_as(
            "SELECT
                 value, EXISTS (SELECT 1 FROM erased_keys), EXISTS (SELECT 1 FROM unknown_changes)
             FROM installation
             WHERE name = 'erased-keys-secret'",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self { secret: secret.into_bytes(), any, any_unknown })
    }

    /// From now on there are some.
    pub(super) fn there_are_some(&mut self) {
        self.any = true;
    }

    /// From now on there was a change of an item that was not here.
    pub(super) fn there_are_unknown(&mut self) {
        self.any_unknown = true;
    }

    /// Whether an item that arrives may have been changed before.
    pub(super) fn any_unknown(&self) -> bool {
        self.any_unknown
    }

    /// The digest of an external id within an inbox.
    pub(super) fn digest(&self, kind: KeyKind, inbox: InboxId, key: &str) -> String {
        let kind = match kind {
            KeyKind::Item => "item",
            KeyKind::Import => "import",
        };
        // HMAC takes keys of any length.
        let Ok(mut code) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return String::new() };
        code.update(format!("{kind}\0{}\0{key}", inbox.0).as_bytes());
        URL_SAFE_NO_PAD.encode(code.finalize().into_bytes())
    }

    /// Keeps the digest of one.
    pub(super) async fn keep(
        &self,
        kind: KeyKind,
        inbox: InboxId,
        key: &str,
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        sqlx::query("INSERT OR IGNORE INTO erased_keys (digest) VALUES (?)")
            .bind(self.digest(kind, inbox, key))
            .execute(connection)
            .await?;
        Ok(())
    }

    /// The digest as it stands in place of the key.
    pub(super) fn in_place_of(&self, kind: KeyKind, inbox: InboxId, key: &str) -> String {
        format!("erased:{}", self.digest(kind, inbox, key))
    }

    /// Which of these are of erased items.
    pub(super) async fn among<'a>(
        &self,
        keys: impl IntoIterator<Item = (InboxId, &'a str)>,
        connection: &mut SqliteConnection,
    ) -> StoreResult<HashSet<Reference>> {
        if !self.any {
            return Ok(HashSet::new());
        }
        let keys: Vec<_> = keys.into_iter().collect();
        let mut rows = Rows::default();
        for (index, (inbox, key)) in keys.iter().enumerate() {
            let _ = rows.row().int(index as i64).text(&self.digest(KeyKind::Item, *inbox, key));
        }
        let sql = "SELECT k.value ->> 0
            FROM jsonb_each(?1) AS k
            CROSS JOIN erased_keys AS e ON e.digest = k.value ->> 1";
        let mut found = HashSet::new();
        for row in rows.fetch(sql, connection).await? {
            let (inbox, key) = keys[row.try_get::<i64, _>(0)? as usize];
            found.insert((inbox, key.to_owned()));
        }
        Ok(found)
    }
}
