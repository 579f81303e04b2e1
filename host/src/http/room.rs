//! Room for what is being received: a bounded number of bytes for all bodies together and what becomes of them
//! while they are worked on, so that many callers at once cannot fill the memory. Who finds no room is told to come back, before anything of it
//! was accepted. No caller has more than a share of it, so that one cannot take it from all others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::problem::{Problem, ProblemKind};
use crate::domain::quota::ReachedLimit;

/// Bytes of one piece of room.
const PIECE: usize = 64 * 1024;

/// Room for all bodies together, each counted as often as it is in memory: 512 MiB, a piece for each connection
/// there may be and as much again for large ones.
const PIECES_MAX: usize = 8_192;

/// One caller has a quarter of the room at most: one upload or delivery of the largest size, and three more
/// callers as greedy find as much.
const SHARES: usize = 4;

/// The room of a host.
#[derive(Debug)]
pub struct Room {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pieces: usize,
    taken: Mutex<Pieces>,
}

/// The pieces that are taken.
#[derive(Debug, Default)]
struct Pieces {
    by_all: usize,
    by_caller: HashMap<i64, usize>,
}

/// The part of the room that one body takes, until this goes.
#[derive(Debug)]
pub struct Taken {
    shared: Arc<Shared>,
    caller: i64,
    /// How many times the body is in memory at once.
    copies: usize,
    pieces: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(PIECES_MAX)
    }
}

impl Room {
    /// Room for that many pieces of 64 KiB.
    pub fn of(pieces: usize) -> Self {
        Self { shared: Arc::new(Shared { pieces, taken: Mutex::default() }) }
    }

    /// A part that holds nothing yet, for the token or the inbox of this number.
    /// Its body will be in memory so many times at once.
    pub fn enter(&self, caller: i64, copies: usize) -> Taken {
        Taken { shared: Arc::clone(&self.shared), caller, copies, pieces: 0 }
    }
}

impl Shared {
    /// Nothing that holds the lock leaves the counts half done.
    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, caller: i64, more: usize) -> Result<(), Problem> {
        let mut taken = self.lock();
        if more > self.pieces.saturating_sub(taken.by_all) {
            return Err(self.no_room("too much is being received"));
        }
        let own = taken.by_caller.get(&caller).copied().unwrap_or_default();
        if more > self.pieces.div_ceil(SHARES).saturating_sub(own) {
            return Err(
                self.no_room("what this token or this inbox has under way fills its share of the room")
            );
        }
        taken.by_all += more;
        taken.by_caller.insert(caller, own + more);
        Ok(())
    }

    fn no_room(&self, why: &str) -> Problem {
        let bytes = (self.pieces * PIECE) as u64;
        let detail = format!("{why}: there is room for {bytes} bytes, and for a quarter of it of one caller");
        Problem::new(ProblemKind::Unavailable, detail)
            .limited_by(ReachedLimit::full("bodies-under-way", bytes, "bytes"))
            .with_remedy(
                "nothing was accepted: send it again after the seconds in `retry-after`, fewer at once",
            )
    }

    fn give_back(&self, caller: i64, pieces: usize) {
        let mut taken = self.lock();
        taken.by_all = taken.by_all.saturating_sub(pieces);
        let left = taken.by_caller.get(&caller).map_or(0, |own| own.saturating_sub(pieces));
        // Whoever has nothing under way is forgotten, or there would be an entry for every caller ever.
        match left {
            0 => taken.by_caller.remove(&caller),
            left => taken.by_caller.insert(caller, left),
        };
    }
}

impl Taken {
    /// Makes the part large enough for a body of so many bytes.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let wanted = bytes.saturating_mul(self.copies).div_ceil(PIECE);
        let Some(more) = wanted.checked_sub(self.pieces).filter(|it| *it > 0) else { return Ok(()) };
        self.shared.take(self.caller, more)?;
        self.pieces = wanted;
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.pieces > 0 {
            self.shared.give_back(self.caller, self.pieces);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let room = Room::of(12);
        let mut first = room.enter(1, 1);
        first.grow_to(1).unwrap();
        first.grow_to(PIECE).unwrap();
        first.grow_to(PIECE + 1).unwrap();
        let mut second = room.enter(1, 1);
        assert!(second.grow_to(2 * PIECE).is_err());
        second.grow_to(PIECE).unwrap();
        drop(first);
        second.grow_to(3 * PIECE).unwrap();
        drop(second);
        assert!(room.shared.lock().by_caller.is_empty());
    }

    #[test]
    fn one_caller_has_its_share_and_leaves_the_rest_to_others() {
        let room = Room::of(8);
        let mut greedy: Vec<_> = (0..8).map(|_| room.enter(1, 1)).collect();
        let got = greedy.iter_mut().filter_map(|it| it.grow_to(PIECE).ok()).count();
        assert_eq!(got, 2, "a quarter, in however many bodies");
        for other in 2..5 {
            let mut body = room.enter(other, 1);
            body.grow_to(2 * PIECE).unwrap();
            assert!(body.grow_to(3 * PIECE).is_err());
            greedy.push(body);
        }
        assert!(room.enter(5, 1).grow_to(1).is_err(), "the room as a whole is full");
    }

    #[test]
    fn a_body_takes_room_for_what_becomes_of_it() {
        let room = Room::of(32);
        let mut body = room.enter(1, 8);
        body.grow_to(PIECE / 8).unwrap();
        assert_eq!(body.pieces, 1);
        body.grow_to(PIECE).unwrap();
        assert_eq!(body.pieces, 8, "a caller's share");
        assert!(body.grow_to(PIECE + 1).is_err());
    }

    #[test]
    fn nothing_needs_no_room() {
        assert!(Room::of(0).enter(1, 1).grow_to(0).is_ok());
    }
}
