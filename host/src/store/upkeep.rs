//! What the repository offers to whoever starts and stops on it.

use async_trait::async_trait;

use super::error::StoreResult;

/// How the host ended that had the repository open before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastEnd {
    /// In order; or there was none.
    Orderly,
    /// By a crash, a kill or a loss of power.
    Sudden,
}

/// What a look at the whole repository found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Something is gone or not what was written: nobody should work on this.
    pub damage: Vec<String>,
    /// Something waits for nothing, and a person can set it going again.
    pub stuck: Vec<String>,
}

/// Whether more texts are to be indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indexing {
    /// At once, when others had the writer for a while.
    More,
    /// Not until more come.
    Done,
}

/// Starting and stopping.
#[async_trait]
pub trait UpkeepStore: Send + Sync {
    /// How the host before this one ended.
    fn last_end(&self) -> LastEnd;
    /// Looks through the whole repository; others work meanwhile. Takes the longer the larger it is.
    async fn inspect(&self) -> StoreResult<Findings>;
    /// Somebody met damage at work: however this host ends, the next one inspects.
    fn note_damage(&self);
    /// Writes, as a delivery would, and changes nothing: whether it can be written again.
    async fn check_writable(&self) -> StoreResult<()>;
    /// Indexes some texts for the search, and holds the writer no longer than others can wait.
    async fn index_some(&self) -> StoreResult<Indexing>;
    /// Gives the writer's cache back to the system; it fills again from what is asked for.
    async fn give_back_cache(&self) -> StoreResult<()>;
    /// Notes that this host ended in order: the next one need not inspect. Nothing is noted where damage was.
    async fn note_orderly_end(&self) -> StoreResult<()>;
}
