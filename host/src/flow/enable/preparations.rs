//! Preparations under way: one for each activation, the newest.
//!
//! A preparation compiles for seconds, and an activation can be changed many times meanwhile. Only the
//! version that was written last can take over, so a newer preparation gives up the older one: one that
//! waits leaves the line, and one that runs has its compile child killed, because dropping the future does
//! that. A host that stops gives up all of them; the next start takes up those that are not finished.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::activation::Activation;
use crate::domain::ids::ActivationId;
use crate::domain::time::Timestamp;

/// The preparations under way.
#[derive(Default)]
pub struct Preparations {
    stop: CancellationToken,
    newest: Mutex<HashMap<ActivationId, Newest>>,
}

/// The newest preparation of an activation.
struct Newest {
    /// When the activation was changed that is prepared: grows with each change, and is never equal.
    changed_at: Timestamp,
    given_up: CancellationToken,
}

/// One preparation; its end is noted when this is dropped.
pub(super) struct Ticket {
    preparations: Arc<Preparations>,
    activation: ActivationId,
    changed_at: Timestamp,
    given_up: CancellationToken,
}

impl Preparations {
    /// Preparations that are given up when this is cancelled.
    pub fn until(stop: CancellationToken) -> Self {
        Self { stop, ..Self::default() }
    }

    /// Begins a preparation, and gives up an older one of the same activation. None if this one or a newer one
    /// has begun: whichever of two changes was written first may come here last.
    pub(super) fn begin(self: &Arc<Self>, activation: &Activation) -> Option<Ticket> {
        let (id, changed_at) = (activation.id, activation.updated_at);
        let given_up = self.stop.child_token();
        let newest = Newest { changed_at, given_up: given_up.clone() };
        match self.newest().entry(id) {
            Entry::Occupied(there) if there.get().changed_at >= changed_at => return None,
            Entry::Occupied(mut there) => there.insert(newest).given_up.cancel(),
            Entry::Vacant(free) => {
                free.insert(newest);
            }
        }
        Some(Ticket { preparations: Arc::clone(self), activation: id, changed_at, given_up })
    }

    /// Gives up the preparation of an activation that is deleted.
    pub(super) fn give_up(&self, activation: ActivationId) {
        if let Some(newest) = self.newest().get(&activation) {
            newest.given_up.cancel();
        }
    }

    /// How many there are.
    pub fn under_way(&self) -> usize {
        self.newest().len()
    }

    fn newest(&self) -> MutexGuard<'_, HashMap<ActivationId, Newest>> {
        // A panic cannot leave it half changed.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The outcome of the work; none if a newer preparation or the end of the host came first, and then
    /// the work is dropped.
    pub(super) async fn unless_given_up<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.given_up.run_until_cancelled(work).await
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut newest = self.preparations.newest();
        if newest.get(&self.activation).is_some_and(|it| it.changed_at == self.changed_at) {
            newest.remove(&self.activation);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;

    fn activation(id: i64, changed_at: i64) -> Activation {
        serde_json::from_value(json!({
            "id": ActivationId(id), "name": "a", "kind": "policy", "plugin": "p", "version": "1.0.0",
            "release": crate::domain::ids::ReleaseId(1), "digest": "d", "settings": {}, "owner": null,
            "applies_to": {}, "reach": "anywhere", "phase": "route", "rank": 0, "mode": "active",
            "preparation": { "state": "preparing" }, "revision": 1,
            "created_at": Timestamp::from_ms(0), "updated_at": Timestamp::from_ms(changed_at),
        }))
        .unwrap()
    }

    /// Whether work under this ticket goes on.
    fn goes_on(ticket: &Ticket) -> bool {
        ticket.unless_given_up(std::future::ready(())).now_or_never().flatten().is_some()
    }

    #[test]
    fn newer_preparation_gives_up_the_older_one_of_its_activation_alone() {
        let all = Arc::new(Preparations::default());
        let (first, other) = (all.begin(&activation(1, 1)).unwrap(), all.begin(&activation(2, 1)).unwrap());
        let second = all.begin(&activation(1, 2)).unwrap();
        assert_eq!([goes_on(&first), goes_on(&second), goes_on(&other)], [false, true, true]);
        assert_eq!(all.under_way(), 2);
        drop(first);
        assert_eq!(all.under_way(), 2, "the end of the older one is not the end of the newer one");
        drop(second);
        assert_eq!(all.under_way(), 1);
    }

    #[test]
    fn older_preparation_that_comes_last_does_not_begin() {
        let all = Arc::new(Preparations::default());
        let newer = all.begin(&activation(1, 2)).unwrap();
        assert!(all.begin(&activation(1, 1)).is_none());
        assert!(goes_on(&newer));
    }

    #[test]
    fn stopping_gives_up_what_is_under_way_and_what_comes() {
        let stop = CancellationToken::new();
        let all = Arc::new(Preparations::until(stop.clone()));
        let running = all.begin(&activation(1, 1)).unwrap();
        stop.cancel();
        assert!(!goes_on(&running));
        assert!(!goes_on(&all.begin(&activation(2, 1)).unwrap()));
    }
}
