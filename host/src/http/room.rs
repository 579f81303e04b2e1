//! Room for what is being received: a bounded number of bytes for all bodies together, so that many
//! callers at once cannot fill the memory. Who finds no room is told to come back, before anything of it
//! was accepted.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Problem, ProblemKind};

/// Bytes of one piece of room.
const PIECE: usize = 64 * 1024;

/// Room for all bodies together: 512 MiB, a piece for each connection there may be and as much again for
/// large ones.
const PIECES_MAX: usize = 8_192;

/// The room of a host.
#[derive(Debug)]
pub struct Room {
    pieces: Arc<Semaphore>,
}

/// The part of the room that one body takes, until this goes.
#[derive(Debug)]
pub struct Taken {
    pieces: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(PIECES_MAX)
    }
}

impl Room {
    /// Room for that many pieces of 64 KiB.
    pub fn of(pieces: usize) -> Self {
        Self { pieces: Arc::new(Semaphore::new(pieces)) }
    }

    /// A part that holds nothing yet.
    pub fn enter(&self) -> Taken {
        Taken { pieces: Arc::clone(&self.pieces), held: None }
    }
}

impl Taken {
    /// Makes the part large enough for so many bytes.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let wanted = bytes.div_ceil(PIECE);
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = wanted.checked_sub(held).filter(|it| *it > 0) else { return Ok(()) };
        let full = || Problem::new(ProblemKind::Unavailable, "too much is being received; try again shortly");
        let more = u32::try_from(more).map_err(|_| full())?;
        let permit = Arc::clone(&self.pieces).try_acquire_many_owned(more).map_err(|_| full())?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let room = Room::of(3);
        let mut first = room.enter();
        first.grow_to(1).unwrap();
        first.grow_to(PIECE).unwrap();
        first.grow_to(PIECE + 1).unwrap();
        let mut second = room.enter();
        assert!(second.grow_to(2 * PIECE).is_err());
        second.grow_to(PIECE).unwrap();
        drop(first);
        second.grow_to(3 * PIECE).unwrap();
    }

    #[test]
    fn nothing_needs_no_room() {
        assert!(Room::of(0).enter().grow_to(0).is_ok());
    }
}
