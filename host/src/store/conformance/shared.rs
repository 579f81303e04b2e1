//! Somebody is erased who wrote where others wrote too.

use std::collections::BTreeMap;

use super::personal::by;
use super::sending::write;
use super::world::{ALL, World, echo, inbound, item};
use crate::domain::apply::apply;
use crate::domain::arrival::{Arrival, DeliveryState, DeliveryStatus};
use crate::domain::case::Occasion;
use crate::domain::conversation::Status;
use crate::domain::decision::{EscalationFired, Outcome, Remark, TimerSet};
use crate::domain::ids::{ActivationId, ConversationId};
use crate::domain::item::copied::copy;
use crate::domain::item::{Automatic, Item};
use crate::domain::organisation::{FirstResponsePromise, Inbox};
use crate::domain::proposal::TimerRequest;
use crate::domain::time::Timestamp;
use crate::store::{CaseNeeds, ClaimedCase, Note, Routed, SendEnd};

/// A case without a history: what else a decision saw is on the conversation.
const NO_HISTORY: CaseNeeds = CaseNeeds { history: false, contact: false, timers: false };

/// What a policy says of somebody's item that quotes it.
fn quoting(who: &str) -> Outcome {
    let word = |kind: &str| format!("{who}-{kind}");
    let timer = TimerRequest { key: word("timer"), due_at: Timestamp::MAX, until_answered: false };
    Outcome {
        tags: vec!["order".into(), word("tag")],
        attributes: BTreeMap::from([("quote".into(), word("fact"))]),
        intent: Some(word("intent")),
        language: Some(word("language")),
        timers: vec![TimerSet { activation: ActivationId(5), timer }],
        notes: vec![Remark { by: "quoter".into(), text: word("note") }],
        escalation: Some(EscalationFired { level: 1, to: None, reason: word("reason"), by: "quoter".into() }),
        ..Outcome::default()
    }
}

impl World {
    /// The decision on a case that this outcome is.
    fn decided(&self, case: &ClaimedCase, outcome: Outcome, inbox: &Inbox) -> Routed {
        let mut routed = self.judged(case);
        let now = self.now();
        routed.timers = apply(&mut routed.conversation, &outcome, inbox, now, 0);
        routed.decision.outcome = outcome;
        routed
    }

    /// Judges what waits, each item as its author is quoted; those of others say nothing.
    pub(crate) async fn judge_quoting(&self, authors: &[&str]) {
        loop {
            let cases = self.store.claim_cases(self.inbox.department, 10, NO_HISTORY).await.unwrap();
            if cases.is_empty() {
                return;
            }
            for case in &cases {
                let author = case.item.item.author.external_id.as_str();
                let outcome = if authors.contains(&author) { quoting(author) } else { Outcome::default() };
                self.store.commit_routed(&[self.decided(case, outcome, &self.inbox)]).await.unwrap();
            }
        }
    }

    pub(crate) async fn remark(&self, id: ConversationId, text: &str) {
        let mut change = self.change(&self.conversation(id).await);
        let by = self.agent.name.clone();
        let at = self.now();
        change.note = Some(Note { id: self.ids.next(at), conversation: id, by, text: text.into(), at });
        self.store.change_conversation(&change).await.unwrap();
    }

    /// Everything that is said of a conversation.
    async fn told_of(&self, id: ConversationId) -> String {
        let conversation = self.conversation(id).await;
        let notes = self.store.notes(id).await.unwrap();
        let items = self.store.items(id, ALL).await.unwrap().entries;
        let decisions = self.store.decisions(Some(id), None, ALL).await.unwrap().entries;
        format!("{conversation:?} {notes:?} {items:?} {decisions:?}")
    }

    /// The names of the timers that run.
    async fn timers(&self) -> Vec<String> {
        self.store.fire_timers(Timestamp::MAX, 100).await.unwrap();
        let named = self.occasions().await.into_iter().filter_map(|it| match it {
            Occasion::TimerDue { key, .. } => Some(key),
            _ => None,
        });
        named.collect()
    }
}

fn without_subject(id: &str, to: &[&str]) -> Item {
    Item { subject: None, ..item(id, to) }
}

fn with_subject(id: &str, to: &[&str], subject: &str) -> Item {
    Item { subject: Some(subject.into()), ..item(id, to) }
}

#[track_caller]
fn says(told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "{word} is gone: {told}");
    }
}

pub(crate) async fn what_came_of_an_erased_item_goes_where_others_stay(world: World) {
    let id = world.take_one(by("vera", without_subject("a", &[]))).await;
    world.judge_quoting(&["vera"]).await;
    world.alter(id, |it| it.tags.extend(["agents-tag".to_owned()])).await;
    world.remark(id, "agents-note").await;
    world.take_one(by("otto", with_subject("b", &["a"], "otto-subject"))).await;
    world.judge_quoting(&["otto"]).await;
    let detail = Some("otto is unknown".into());
    let failed = |id: &str, detail| DeliveryStatus {
        external_id: id.into(),
        state: DeliveryState::Failed,
        detail,
        at: Timestamp::from_ms(1),
    };
    let to_vera = failed("to-vera", Some("vera is unknown".into()));
    world.take([echo("to-otto", &["b"]), Arrival::Status(failed("to-otto", detail))]).await;
    world.take([echo("to-vera", &["a"]), Arrival::Status(to_vera)]).await;
    // It sees what came of Otto's words, on the conversation.
    world.take_one(by("vera", without_subject("c", &["a"]))).await;
    world.judge_quoting(&[]).await;
    says(&world.told_of(id).await, &["otto-subject", "otto-fact", "otto-note", "otto is unknown"]);

    let otto = world.store.items(id, ALL).await.unwrap().entries.remove(1).identity.unwrap();
    let otto = world.store.identity(otto).await.unwrap().unwrap().contact;
    world.erase(otto).await;
    let told = world.told_of(id).await;
    assert!(!told.contains("otto"), "{told}");
    says(&told, &["agents-tag", "agents-note", "vera-note", "vera-reason", "vera is unknown"]);
    let after = world.conversation(id).await;
    let tags: Vec<_> = after.tags.iter().map(String::as_str).collect();
    assert_eq!(tags, ["agents-tag", "order", "vera-tag"], "one of both of them stays");
    assert_eq!(after.attributes, BTreeMap::from([("quote".into(), "vera-fact".into())]));
    assert_eq!(
        (after.intent.as_deref(), after.language.as_deref()),
        (Some("vera-intent"), Some("vera-language"))
    );
    let decisions = world.store.decisions(Some(id), None, ALL).await.unwrap().entries;
    let erased: Vec<_> = decisions.iter().rev().map(|it| it.erased_at.is_some()).collect();
    assert_eq!(erased, [false, true, true], "the last saw what came of the second");
    assert_eq!(world.timers().await, ["vera-timer"]);
}

pub(crate) async fn a_subject_goes_with_who_gave_it_however_long(world: World) {
    let long = |who: &str| format!("{who} {}", "s".repeat(10_000));
    let id = world.take_one(by("vera", without_subject("a", &[]))).await;
    for (item, who) in [("b", "otto"), ("c", "mia"), ("d", "ida")] {
        assert_eq!(world.take_one(by(who, with_subject(item, &["a"], &long(who)))).await, id);
    }
    let items = world.store.items(id, ALL).await.unwrap().entries;
    let writer = async |index: usize| {
        let identity = items[index].identity.unwrap();
        world.store.identity(identity).await.unwrap().unwrap().contact
    };
    world.erase(writer(2).await).await;
    assert_eq!(world.conversation(id).await.subject, Some(copy(&long("otto"))));
    world.erase(writer(1).await).await;
    assert_eq!(world.conversation(id).await.subject, Some(copy(&long("ida"))));
}

pub(crate) async fn what_came_of_a_merge_that_was_taken_back_goes_with_who_is_erased(world: World) {
    let survivor = world.take_one(by("vera", without_subject("a", &[]))).await;
    let ended = world.take_one(by("otto", without_subject("b", &[]))).await;
    world.judge_quoting(&["vera", "otto"]).await;
    world.merge(ended, survivor).await.unwrap().unwrap();
    // It is decided where he does not write any more after the undo.
    assert_eq!(world.take_one(by("otto", without_subject("c", &["b"]))).await, survivor);
    world.judge_quoting(&["otto"]).await;
    world.undo(ended).await;
    let otto = world.contact_of(ended).await;
    says(&world.told_of(survivor).await, &["otto-fact", "otto-note", "vera-note"]);
    world.erase(otto).await;
    let told = world.told_of(survivor).await;
    assert!(!told.contains("otto"), "{told}");
    says(&told, &["vera-note", "vera-reason"]);
    assert_eq!(world.conversation(survivor).await.erased_at, None);
    assert!(world.conversation(ended).await.erased_at.is_some());
}

pub(crate) async fn what_a_merge_brought_goes_with_who_is_erased(world: World) {
    let older = world.take_one(by("vera", without_subject("a", &[]))).await;
    let younger = world.take_one(by("otto", with_subject("b", &[], "otto-subject"))).await;
    world.judge_quoting(&["otto"]).await;
    world.alter(older, |it| it.tags.extend(["ours".to_owned(), "both".to_owned()])).await;
    world.alter(younger, |it| it.tags.extend(["otto-agents-tag".to_owned(), "both".to_owned()])).await;
    assert_eq!(world.take_one(by("mia", without_subject("c", &["a", "b"]))).await, older);
    world.judge_quoting(&[]).await;
    says(&world.told_of(older).await, &["otto-tag", "otto-agents-tag", "otto-fact", "otto-subject"]);

    world.erase(world.contact_of(younger).await).await;
    for id in [older, younger] {
        let told = world.told_of(id).await;
        assert!(!told.contains("otto"), "{told}");
    }
    let after = world.conversation(older).await;
    assert_eq!(after.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["both", "ours"]);
    assert_eq!((after.subject, after.attributes.len(), after.erased_at), (None, 0, None));
    assert_eq!(world.timers().await, [""; 0]);
}

/// Somebody's conversation was merged into hers before hers was merged into another.
pub(crate) async fn what_a_chain_of_merges_brought_goes_with_who_is_erased(world: World) {
    let oldest = world.take_one(by("otto", without_subject("a", &[]))).await;
    let of_vera = world.take_one(by("vera", without_subject("b", &[]))).await;
    world.take_one(by("mia", without_subject("c", &[]))).await;
    world.alter(of_vera, |it| it.tags.extend(["vera-agents-tag".to_owned()])).await;
    world.take_one(by("mia", without_subject("d", &["c", "b"]))).await;
    assert_eq!(world.take_one(by("mia", without_subject("e", &["b", "a"]))).await, oldest);
    says(&world.told_of(oldest).await, &["vera-agents-tag"]);
    world.erase(world.contact_of(of_vera).await).await;
    let told = world.told_of(oldest).await;
    assert!(!told.contains("vera"), "{told}");
}

/// As remarks were kept before they said what they come from.
pub(crate) async fn what_says_where_nothing_comes_from_goes_unless_an_agent_said_it(world: World) {
    let id = world.take_one(by("vera", item("a", &[]))).await;
    let joined = world.take([by("otto", item("b", &["a"]))]).await[0].items[0].0;
    for (by, text) in [("quoter", "otto-note"), ("switchboard", "otto-failed"), ("aiko", "agents-note")] {
        let mut change = world.change(&world.conversation(id).await);
        let at = world.now();
        let (by, text) = (by.into(), text.into());
        change.note = Some(Note { id: world.ids.next(at), conversation: id, by, text, at });
        world.store.change_conversation(&change).await.unwrap();
    }
    let otto = world.store.item(joined).await.unwrap().unwrap().identity.unwrap();
    world.erase(world.store.identity(otto).await.unwrap().unwrap().contact).await;
    let notes = world.store.notes(id).await.unwrap();
    assert_eq!(notes.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["", "", "agents-note"]);
}

/// Also where one reason ends as another does: a remark says to which answer it belongs.
pub(crate) async fn why_an_answer_was_not_sent_goes_with_whom_it_was_for(world: World) {
    let vera = world.take([by("vera", item("a", &[]))]).await[0].items[0];
    let otto = world.take([by("otto", item("b", &["a"]))]).await[0].items[0];
    let id = vera.1;
    for ((to, _), named, reason) in [(vera, "a", "is unknown"), (otto, "b", "otto is unknown")] {
        let way_out = write(&world, id, Some(to), &[named]).await.unwrap();
        world.store.claim_outbox(world.inbox.id, world.now(), 10).await.unwrap();
        world.store.end_send(way_out, &SendEnd::Failed(reason.into()), world.now()).await.unwrap();
    }
    let texts = async || {
        let notes = world.store.notes(id).await.unwrap();
        notes.into_iter().map(|it| it.text).collect::<Vec<_>>()
    };
    let begun = "An answer could not be sent:";
    assert_eq!(texts().await, [format!("{begun} is unknown"), format!("{begun} otto is unknown")]);
    let otto = world.store.item(otto.0).await.unwrap().unwrap().identity.unwrap();
    world.erase(world.store.identity(otto).await.unwrap().unwrap().contact).await;
    assert_eq!(texts().await, [format!("{begun} is unknown"), String::new()]);
}

pub(crate) async fn one_erasure_leaves_another_what_it_needs(world: World) {
    let older = world.take_one(by("vera", item("a", &[]))).await;
    let of_otto = world.take_one(by("otto", item("b", &[]))).await;
    let of_mia = world.take_one(by("mia", item("m", &[]))).await;
    // The second answers no words of hers.
    world.take([echo("to-mia", &["m"]), echo("to-mia-too", &["to-mia"])]).await;
    world.remark(of_mia, "mia-note").await;
    assert_eq!(world.take_one(by("vera", item("c", &["a", "b", "m"]))).await, older);
    let (otto, mia) = (world.contact_of(of_otto).await, world.contact_of(of_mia).await);
    world.erase(otto).await;
    says(&world.told_of(older).await, &["mia-note", "to-mia-too", "Text of \\\"m\\\""]);
    world.erase(mia).await;
    let told = world.told_of(older).await;
    assert!(!told.contains("mia") && !told.contains("Text of \\\"m\\\""), "{told}");
    says(&told, &["Text of \\\"a\\\"", "Text of \\\"c\\\""]);
}

pub(crate) fn bounce(id: &str, to: &str) -> Arrival {
    let said = Item { automatic: Some(Automatic::Bounce), ..item(id, &[to]) };
    by("mailer-daemon", said)
}

pub(crate) async fn a_bounce_goes_with_what_it_could_not_deliver(world: World) {
    let id = world.take_one(inbound("a", &[])).await;
    world.take([echo("to-her", &["a"])]).await;
    let returned = world.delivery(vec![bounce("undelivered", "to-her")]);
    world.store.commit_intakes(std::slice::from_ref(&returned), None).await.unwrap();
    let others = world.take_one(by("otto", item("b", &[]))).await;
    world.take([inbound("c", &["b"]), echo("to-her-there", &["c"]), echo("to-otto", &["b"])]).await;
    world.take([bounce("undelivered-there", "to-her-there"), bounce("undelivered-to-otto", "to-otto")]).await;
    world.erase(world.contact_of(id).await).await;
    let after = world.conversation(id).await;
    assert!(after.erased_at.is_some() && after.status == Status::Closed, "it is with a machine: {after:?}");
    assert!(world.store.items(id, ALL).await.unwrap().entries.iter().all(|it| it.erased_at.is_some()));
    let (delivery, raw) = world.store.raw_delivery(returned.delivery).await.unwrap().unwrap();
    assert!(delivery.purged_at.is_some() && raw.body.is_empty());
    let left = world.store.items(others, ALL).await.unwrap().entries.into_iter();
    let left: Vec<_> = left.filter(|it| it.erased_at.is_none()).map(|it| it.item.external_id).collect();
    assert_eq!(left, ["b", "to-otto", "undelivered-to-otto"]);
}

pub(crate) async fn whoever_stays_is_promised_the_same(world: World) {
    let mut inbox = Inbox::clone(&world.inbox);
    inbox.promise = Some(FirstResponsePromise { within_ms: 60_000, warn_before_ms: 1_000 });
    let judge = async || {
        let case = world.claim().await.remove(0);
        let routed = world.decided(&case, Outcome::default(), &inbox);
        world.store.commit_routed(&[routed]).await.unwrap();
        case
    };
    let id = world.take_one(by("vera", item("a", &[]))).await;
    world.take_one(by("otto", item("b", &["a"]))).await;
    judge().await;
    judge().await;
    let before = world.conversation(id).await;
    world.erase(before.contact).await;
    let otto = world.store.items(id, ALL).await.unwrap().entries.remove(1);
    let after = world.conversation(id).await;
    assert_eq!(after.waiting_since, Some(otto.received_at));
    assert!(after.waiting_since > before.waiting_since, "it was Vera's wait");
    let case = judge().await;
    assert_eq!((case.claim.event.occasion, case.item.id), (Occasion::ItemReceived, otto.id));
    let due = otto.received_at.plus_ms(60_000);
    assert_eq!(world.conversation(id).await.deadline, Some(due));
    let early = Timestamp::from_ms(due.as_ms() - 1);
    assert_eq!(world.store.fire_timers(early, 10).await.unwrap(), 1, "the warning");
    assert_eq!(world.store.fire_timers(due, 10).await.unwrap(), 1, "the breach");
    judge().await;
    let breach = judge().await;
    assert!(matches!(breach.claim.event.occasion, Occasion::PromiseBreached { .. }));
    assert_eq!(breach.item.id, otto.id, "it is about who stays");
}

pub(crate) async fn what_others_answered_too_leads_to_their_conversation(world: World) {
    let id = world.take_one(by("vera", item("a", &["unseen", "root"]))).await;
    let joined = world.take([by("otto", item("b", &["a", "unseen", "ottos"]))]).await[0].items[0].0;
    let otto = world.store.item(joined).await.unwrap().unwrap().identity.unwrap();
    world.erase(world.store.identity(otto).await.unwrap().unwrap().contact).await;
    assert_eq!(world.take_one(by("mia", item("c", &["unseen"]))).await, id);
    assert_ne!(world.take_one(by("mia", item("d", &["ottos"]))).await, id, "nobody named it who stays");
}
