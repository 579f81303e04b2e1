//! Room for what is being received: a bounded number of bytes for all bodies together and what becomes of them
//! while they are worked on, so that many callers at once cannot fill the memory. Who finds no room is told to come back, before anything of it
//! was accepted. No token or inbox has more than a share of it, and no owner of these more than is free, so that
//! one cannot take it from all others.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::problem::{Problem, ProblemKind};
use crate::domain::caller::{Caller, ShareOwner};
use crate::domain::fair_share::may_take;
use crate::domain::quota::ReachedLimit;

/// Bytes of one piece of room.
const PIECE: usize = 64 * 1024;

/// Room for all bodies together, each counted as often as it is in memory: 512 MiB, a piece for each connection
/// there may be and as much again for large ones.
const PIECES_MAX: usize = 8_192;

/// One token or inbox has a quarter of the room at most: one upload or delivery of the largest size. All of a
/// department together have half while no other owner uses any.
const SHARES: usize = 4;

/// How long a caller's oldest body waits for the others to be refused.
const WAIT: Duration = Duration::from_secs(5);

/// The room of a host.
#[derive(Debug)]
pub struct Room {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pieces: usize,
    taken: Mutex<Pieces>,
    given_back: Notify,
}

/// The pieces that are taken.
#[derive(Debug, Default)]
struct Pieces {
    by_all: usize,
    by_owner: HashMap<ShareOwner, usize>,
    by_caller: HashMap<Caller, usize>,
    /// The bodies of each caller that have room, oldest first.
    bodies: HashMap<Caller, BTreeSet<u64>>,
    last_body: u64,
}

/// The part of the room that one body takes, until this goes.
#[derive(Debug)]
pub struct Taken {
    shared: Arc<Shared>,
    caller: Caller,
    /// How many times the body is in memory at once.
    copies: usize,
    pieces: usize,
    /// Its number, once it has room.
    number: Option<u64>,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(PIECES_MAX)
    }
}

impl Room {
    /// Room for that many pieces of 64 KiB.
    pub fn of(pieces: usize) -> Self {
        Self { shared: Arc::new(Shared { pieces, taken: Mutex::default(), given_back: Notify::new() }) }
    }

    /// A part that holds nothing yet, for this token or inbox.
    /// Its body will be in memory so many times at once.
    pub fn enter(&self, caller: Caller, copies: usize) -> Taken {
        Taken { shared: Arc::clone(&self.shared), caller, copies, pieces: 0, number: None }
    }
}

impl Shared {
    /// Nothing that holds the lock leaves the counts half done.
    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, caller: Caller, more: usize) -> Result<(), Problem> {
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
        let of_owner = taken.by_owner.get(&caller.owner).copied().unwrap_or_default();
        if !may_take(more, of_owner, taken.by_all, self.pieces) {
            return Err(self.no_room("what this department has under way fills its share of the room"));
        }
        taken.by_all += more;
        taken.by_caller.insert(caller, own + more);
        taken.by_owner.insert(caller.owner, of_owner + more);
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

    fn give_back(&self, caller: Caller, pieces: usize, number: Option<u64>) {
        let mut taken = self.lock();
        if let (Some(bodies), Some(number)) = (taken.bodies.get_mut(&caller), number) {
            bodies.remove(&number);
            if bodies.is_empty() {
                taken.bodies.remove(&caller);
            }
        }
        taken.by_all = taken.by_all.saturating_sub(pieces);
        lessen(&mut taken.by_owner, caller.owner, pieces);
        lessen(&mut taken.by_caller, caller, pieces);
        drop(taken);
        self.given_back.notify_waiters();
    }

    /// A number for a caller's body that has room now.
    fn number(&self, caller: Caller) -> u64 {
        let mut taken = self.lock();
        taken.last_body += 1;
        let number = taken.last_body;
        taken.bodies.entry(caller).or_default().insert(number);
        number
    }

    fn is_oldest(&self, caller: Caller, number: Option<u64>) -> bool {
        self.lock().bodies.get(&caller).and_then(|it| it.first().copied()) == number
    }
}

/// A party that has nothing under way is forgotten, or there would be an entry for each there ever was.
fn lessen<K: Eq + Hash>(taken: &mut HashMap<K, usize>, party: K, pieces: usize) {
    match taken.get(&party).map_or(0, |own| own.saturating_sub(pieces)) {
        0 => taken.remove(&party),
        left => taken.insert(party, left),
    };
}

impl Taken {
    /// Makes the part large enough for a body of so many bytes.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let wanted = bytes.saturating_mul(self.copies).div_ceil(PIECE);
        let Some(more) = wanted.checked_sub(self.pieces).filter(|it| *it > 0) else { return Ok(()) };
        self.shared.take(self.caller, more)?;
        self.pieces = wanted;
        if self.number.is_none() {
            self.number = Some(self.shared.number(self.caller));
        }
        Ok(())
    }

    /// The same; where there is no room for a caller's oldest body, that one waits a while. The younger ones are
    /// refused and make room for it: else bodies that come in together would all be refused.
    pub async fn grow_in_turn_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let end = tokio::time::Instant::now() + WAIT;
        loop {
            let shared = Arc::clone(&self.shared);
            let mut given_back = std::pin::pin!(shared.given_back.notified());
            given_back.as_mut().enable();
            let full = match self.grow_to(bytes) {
                Ok(()) => return Ok(()),
                Err(full) => full,
            };
            let may_wait = self.number.is_some() && self.shared.is_oldest(self.caller, self.number);
            if !may_wait || tokio::time::timeout_at(end, given_back).await.is_err() {
                return Err(full);
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.pieces > 0 {
            self.shared.give_back(self.caller, self.pieces, self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{DepartmentId, TokenId};

    fn token(number: i64) -> Caller {
        Caller { owner: ShareOwner::CompanyToken(TokenId(number)), credential: number }
    }

    #[test]
    fn what_is_taken_is_given_back() {
        let room = Room::of(12);
        let mut first = room.enter(token(1), 1);
        first.grow_to(1).unwrap();
        first.grow_to(PIECE).unwrap();
        first.grow_to(PIECE + 1).unwrap();
        let mut second = room.enter(token(1), 1);
        assert!(second.grow_to(2 * PIECE).is_err());
        second.grow_to(PIECE).unwrap();
        drop(first);
        second.grow_to(3 * PIECE).unwrap();
        drop(second);
        let left = room.shared.lock();
        assert!(left.by_caller.is_empty() && left.by_owner.is_empty() && left.bodies.is_empty());
    }

    #[test]
    fn tokens_of_one_department_leave_room_to_others_however_many_they_are() {
        let room = Room::of(64);
        let owner = ShareOwner::Department(DepartmentId(1));
        let mut held: Vec<_> =
            (0..64).map(|credential| room.enter(Caller { owner, credential }, 1)).collect();
        let got = held.iter_mut().filter_map(|it| it.grow_to(PIECE).ok()).count();
        assert_eq!(got, 32, "half, in however many tokens");
        let mut other = room.enter(token(100), 1);
        other.grow_to(16 * PIECE).unwrap();
    }

    #[test]
    fn one_caller_has_its_share_and_leaves_the_rest_to_others() {
        let room = Room::of(8);
        let mut greedy: Vec<_> = (0..8).map(|_| room.enter(token(1), 1)).collect();
        let got = greedy.iter_mut().filter_map(|it| it.grow_to(PIECE).ok()).count();
        assert_eq!(got, 2, "a quarter, in however many bodies");
        for other in 2..5 {
            let mut body = room.enter(token(other), 1);
            body.grow_to(2 * PIECE).unwrap();
            assert!(body.grow_to(3 * PIECE).is_err(), "a quarter");
            greedy.push(body);
        }
        assert!(room.enter(token(5), 1).grow_to(1).is_err(), "the room as a whole is full");
    }

    #[test]
    fn a_body_takes_room_for_what_becomes_of_it() {
        let room = Room::of(32);
        let mut body = room.enter(token(1), 8);
        body.grow_to(PIECE / 8).unwrap();
        assert_eq!(body.pieces, 1);
        body.grow_to(PIECE).unwrap();
        assert_eq!(body.pieces, 8, "a caller's share");
        assert!(body.grow_to(PIECE + 1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn of_bodies_that_come_in_together_the_oldest_gets_through() {
        let room = Room::of(32);
        let [mut oldest, mut younger] = [room.enter(token(1), 1), room.enter(token(1), 1)];
        for body in [&mut oldest, &mut younger] {
            body.grow_in_turn_to(4 * PIECE).await.unwrap();
        }
        let (grown, ()) = tokio::join!(oldest.grow_in_turn_to(8 * PIECE), async {
            assert!(younger.grow_in_turn_to(5 * PIECE).await.is_err());
            drop(younger);
        });
        grown.unwrap();
        // It waits no longer than a while, and what has no room yet not at all.
        assert!(oldest.grow_in_turn_to(9 * PIECE).await.is_err());
        assert!(room.enter(token(1), 1).grow_in_turn_to(PIECE).await.is_err());
        drop(oldest);
        assert!(room.shared.lock().bodies.is_empty());
    }

    #[test]
    fn nothing_needs_no_room() {
        assert!(Room::of(0).enter(token(1), 1).grow_to(0).is_ok());
    }
}
