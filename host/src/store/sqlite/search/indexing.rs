//! Indexing: apart from the commits that bring the texts, a little at a time.

use sqlx::Connection as _;

use super::Texts;
use crate::store::sqlite::{SqliteStore, Writer};
use crate::store::{Indexing, StoreResult};

/// Indexes some of the texts that wait, if there are enough of them.
pub(in crate::store::sqlite) async fn some(store: &SqliteStore) -> StoreResult<Indexing> {
    let mut writer = store.writer.lock().await;
    if !writer.books.unindexed.are_enough() {
        return Ok(Indexing::Done);
    }
    writer.heal().await?;
    let Writer { connection, books, .. } = &mut *writer;
    if books.unindexed.wait_in_file() {
        books.unindexed = Texts::load(connection).await?;
    }
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let indexed = books.unindexed.index(&mut tx).await?;
    tx.commit().await?;
    books.unindexed.take_out(indexed);
    Ok(match books.unindexed.are_enough() {
        true => Indexing::More,
        false => Indexing::Done,
    })
}
