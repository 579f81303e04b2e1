//! Deliveries that no adapter could read: bounded by age and by bytes.

use std::sync::Arc;

use super::world::{ALL, World, inbound};
use crate::domain::ids::{DeliveryId, TokenId};
use crate::domain::retention::UnreadBefore;

use crate::store::{
    Claimed, IntakeContent, IntakeEntry, IntakeOrigin, KEPT_ANSWERS_BYTES_MAX, KeptAnswer, KeyedRequest,
    unread_bytes,
};

const NOT_BELIEVED: &str = "unauthentic: the signature is wrong";
const BROKEN: &str = "malformed: cut off";

impl World {
    fn unread(&self, reason: &str, bytes: usize) -> IntakeEntry {
        let mut entry = self.delivery(Vec::new());
        entry.content = IntakeContent::Unparsed { reason: reason.into() };
        Arc::make_mut(&mut entry.raw).body = vec![b'x'; bytes];
        entry
    }

    async fn keep(&self, entries: &[IntakeEntry]) {
        for answer in self.store.commit_intakes(entries, None).await.unwrap() {
            answer.unwrap();
        }
    }

    /// Which of these have nothing left but their places.
    async fn purged(&self, entries: &[IntakeEntry]) -> Vec<bool> {
        let mut purged = Vec::new();
        for entry in entries {
            let (delivery, raw) = self.store.raw_delivery(entry.delivery).await.unwrap().unwrap();
            assert_eq!(delivery.purged_at.is_some(), raw.body.is_empty() && raw.headers.is_empty());
            purged.push(delivery.purged_at.is_some());
        }
        purged
    }

    async fn room(&self, wanted: u64, bytes_max: u64) -> (u64, u64) {
        let audit = self.audit("inbox.make-room");
        let room = self.store.make_unread_room(self.inbox.id, wanted, bytes_max, &audit).await.unwrap();
        (room.bytes, room.purged)
    }
}

pub(crate) async fn what_is_unread_is_purged_by_age_and_belief(world: World) {
    let early =
        [world.unread(NOT_BELIEVED, 10), world.unread(BROKEN, 10), world.delivery(vec![inbound("a", &[])])];
    let middle = world.now();
    let late = [world.unread(NOT_BELIEVED, 10), world.unread(BROKEN, 10)];
    world.keep(&early).await;
    world.keep(&late).await;
    let end = world.now();
    let purge = async |unread, unauthentic| {
        let audit = world.audit("inbox.purge-unread");
        let before = UnreadBefore { unread, unauthentic };
        world.store.purge_unread(world.inbox.id, &before, 10, &audit).await.unwrap().purged
    };
    let start = crate::domain::time::Timestamp::from_ms(0);
    assert_eq!(purge(start, middle).await, 1);
    assert_eq!(
        (world.purged(&early).await, world.purged(&late).await),
        (vec![true, false, false], vec![false; 2])
    );
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0].action, "inbox.purge-unread");
    assert_eq!(purge(middle, end).await, 2);
    assert_eq!(
        (world.purged(&early).await, world.purged(&late).await),
        (vec![true, true, false], vec![true, false])
    );
    assert_eq!(purge(middle, end).await, 0, "nothing goes twice");
    let (kept, _) = world.store.raw_delivery(early[1].delivery).await.unwrap().unwrap();
    assert_eq!(kept.reason.as_deref(), Some(BROKEN), "the place says what it was");
}

pub(crate) async fn room_is_made_by_the_oldest_that_are_not_believed(world: World) {
    let entries = [
        world.unread(BROKEN, 1_000),
        world.unread(NOT_BELIEVED, 1_000),
        world.unread(NOT_BELIEVED, 1_000),
        world.unread(NOT_BELIEVED, 1_000),
    ];
    world.keep(&entries).await;
    let held: u64 = entries.iter().map(unread_bytes).sum();
    let one = unread_bytes(&entries[1]);
    assert_eq!(world.room(10, held + 10).await, (10, 0), "as many bytes are counted as are kept");
    let (bytes, purged) = world.room(one, held).await;
    assert!(purged >= 1 && bytes >= one, "{bytes} {purged}");
    assert_eq!(world.purged(&entries).await[..2], [false, true]);
    assert_eq!(world.store.audit(ALL).await.unwrap().entries[0].action, "inbox.make-room");
    while world.room(held, held).await.1 > 0 {}
    assert_eq!(world.purged(&entries).await, [false, true, true, true]);
    assert_eq!(
        world.room(held, held).await,
        (held - unread_bytes(&entries[0]), 0),
        "what may be believed stays"
    );
}

pub(crate) async fn what_is_read_takes_no_room_any_more(world: World) {
    let entry = world.unread(NOT_BELIEVED, 1_000);
    world.keep(std::slice::from_ref(&entry)).await;
    let again = |content| IntakeEntry { origin: IntakeOrigin::Retry, content, ..entry.clone() };
    let broken = again(IntakeContent::Unparsed { reason: BROKEN.into() });
    world.keep(std::slice::from_ref(&broken)).await;
    assert_eq!(
        world.room(1_000_000, 1_000_000).await,
        (1_000_000 - unread_bytes(&broken), 0),
        "it is believed now"
    );
    world.keep(&[again(IntakeContent::Arrivals(vec![inbound("a", &[])]))]).await;
    assert_eq!(world.room(1, 1_000_000).await, (1_000_000, 0));
    let id: DeliveryId = entry.delivery;
    assert_eq!(world.store.raw_delivery(id).await.unwrap().unwrap().1.body.len(), 1_000);
}

pub(crate) async fn an_answer_is_forgotten_when_its_time_is_over(world: World) {
    let request = |key: &str| KeyedRequest { token: TokenId(1), key: key.into(), fingerprint: "f".into() };
    let never = crate::domain::time::Timestamp::from_ms(0);
    let claim = async |key| {
        let now = world.now();
        (now, world.store.claim_request(&request(key), now, never).await.unwrap())
    };
    let (early, first) = claim("early").await;
    let (late, second) = claim("late").await;
    assert_eq!((first, second), (Claimed::New, Claimed::New));
    world.store.forget_requests(late).await.unwrap();
    assert_eq!(claim("late").await.1, Claimed::Unanswered(late));
    assert_eq!(claim("early").await.1, Claimed::New, "what was claimed at {early} is forgotten");
}

pub(crate) async fn oldest_answers_of_a_token_make_room_for_its_new_ones(world: World) {
    let request = |token: i64, key: &str| KeyedRequest {
        token: TokenId(token),
        key: key.into(),
        fingerprint: "f".into(),
    };
    let never = crate::domain::time::Timestamp::from_ms(0);
    let claim = async |token, key: &str| {
        world.store.claim_request(&request(token, key), world.now(), never).await.unwrap()
    };
    let answer = async |token, key: &str, bytes: i64| {
        assert_eq!(claim(token, key).await, Claimed::New);
        let body = Some(vec![7; usize::try_from(bytes).unwrap()]);
        let answer = KeptAnswer { status: 200, content_type: None, etag: None, body };
        world.store.keep_answer(&request(token, key), &answer).await.unwrap();
    };
    answer(2, "anothers", KEPT_ANSWERS_BYTES_MAX / 4).await;
    assert_eq!(claim(1, "under way").await, Claimed::New);
    for number in 0..12 {
        answer(1, &number.to_string(), KEPT_ANSWERS_BYTES_MAX / 4).await;
    }
    assert_eq!(claim(1, "0").await, Claimed::New, "it made room");
    assert!(matches!(claim(1, "11").await, Claimed::Answered(_)));
    assert!(matches!(claim(1, "under way").await, Claimed::Unanswered(_)));
    assert!(matches!(claim(2, "anothers").await, Claimed::Answered(_)));
}
