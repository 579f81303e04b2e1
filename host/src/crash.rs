//! Points at which a test may have the host die, to see what survives that.
//!
//! Called by whoever has something to lose: `store`, `flow`, `app`; calls nobody.
//!
//! The feature `crash-points` compiles them in, and no release has it: without it a point is nothing, and
//! the host does everything in its order.
//!
//! **Invariant:** nothing here is reached by the environment, a file or a request, only by flags of
//! `serve` that a host without the feature does not have.

#[cfg(feature = "crash-points")]
mod aim;

#[cfg(feature = "crash-points")]
pub use self::aim::CrashArgs;

/// A moment at which something is half done. What is `written` is in a transaction that is not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "crash-points", derive(clap::ValueEnum))]
pub enum Point {
    /// The repository is locked, and its tables are as the host before left them.
    StoreLocked,
    /// Its tables are what this host wants.
    StoreMigrated,
    /// Everything is loaded, nobody is let in.
    AppOpened,
    /// Deliveries were read and are not stored yet.
    IntakeRead,
    /// Deliveries are written.
    IntakeWritten,
    /// Deliveries are stored and not answered yet.
    IntakeCommitted,
    /// Events are claimed and not judged yet.
    RouteClaimed,
    /// Decisions are written.
    RouteWritten,
    /// Decisions are stored, and nobody was told.
    RouteCommitted,
    /// Timers are turned into events.
    TimersWritten,
    /// The events are stored, and nobody was told.
    TimersCommitted,
    /// What a person did is written.
    ActWritten,
    /// What a person did is stored and not answered yet.
    ActCommitted,
    /// It is stored that an answer is about to be sent.
    ReplyBegun,
    /// An answer was sent, and that is not stored yet.
    ReplySent,
    /// It is written that an answer was sent.
    ReplyWritten,
    /// It is stored that an answer was sent.
    ReplyCommitted,
    /// Everything has ended in order, but that is not noted yet.
    Stopping,
}

/// Says that this point is passed.
pub(crate) fn point(here: Point) {
    #[cfg(feature = "crash-points")]
    aim::pass(here);
    #[cfg(not(feature = "crash-points"))]
    let _ = here;
}

/// Whether deliveries are answered before they are stored: a fault on purpose, which tests must find.
pub(crate) fn answers_before_it_stores() -> bool {
    #[cfg(feature = "crash-points")]
    return aim::faults().answer_before_commit;
    #[cfg(not(feature = "crash-points"))]
    false
}

/// How many pages the write-ahead log holds before it is carried over, where a test says so: few, so that
/// carrying over is interrupted often.
pub(crate) fn checkpoint_pages() -> Option<u32> {
    #[cfg(feature = "crash-points")]
    return aim::checkpoint_pages();
    #[cfg(not(feature = "crash-points"))]
    None
}

/// How long a start waits for the inspection of the repository, where a test says so: not at all, as with a
/// repository that is large.
pub(crate) fn inspection_patience() -> Option<std::time::Duration> {
    #[cfg(feature = "crash-points")]
    return aim::inspection_patience();
    #[cfg(not(feature = "crash-points"))]
    None
}

/// Whether a commit waits for no disk: a fault on purpose, which tests must find.
pub(crate) fn waits_for_no_disk() -> bool {
    #[cfg(feature = "crash-points")]
    return aim::faults().no_sync;
    #[cfg(not(feature = "crash-points"))]
    false
}
