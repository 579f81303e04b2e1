//! How proposals become a decision.
//!
//! | kind | rule |
//! |---|---|
//! | destination, listening, intent, language | first in the pipeline's order wins; a later, different one is a conflict |
//! | priority | highest wins |
//! | deadline, timers of one key | earliest wins; a cancel beats a timer proposed before it |
//! | timers of one policy | at most 32 at once in one conversation; further ones are invalid |
//! | tags, notes | all, within the conversation's and the decision's quotas |
//! | attribute | by key, first wins; a different value is a conflict |
//! | escalate | highest level wins; fires once per level while the customer waits; over what people decided |
//! | spam | from `qualify`: ends the run and goes to the junk queue; later: kept as a note |
//! | no destination, and none yet | the inbox's operator queue |
//! | a policy failed that is to be waited for | the inbox's operator queue, unless a person decided |
//!
//! **Invariant:** total: every proposal that is recorded gets exactly one verdict, whatever it says.
//! **Invariant:** pure: the same contributions in the same order give the same outcome.
//! **Invariant:** an open conversation has a place afterwards.

use std::collections::{BTreeSet, HashMap};

use super::activation::{Mode, Phase, Reach};
use super::conversation::limits::ConversationLimits;
use super::conversation::{Conversation, Status};
use super::decision::record::{RECORDED_MAX, json_bytes};
use super::decision::{EscalationFired, Judged, Outcome, Remark, Routing, TimerSet, Verdict};
use super::ids::{ActivationId, DepartmentId};
use super::item::Attribute;
use super::organisation::{Directory, Inbox, Place};
use super::proposal::{
    Action, Destination, Escalation, Listening, Priority, Proposal, ProposalKind, TimerRequest,
};
use super::time::Timestamp;
use super::timer::OpenTimer;

pub mod limits;
mod totals;

use limits::{OPEN_TIMERS_MAX, PROPOSALS_MAX, broken_limit};
use totals::Totals;

/// The reason recorded when nobody routed an item.
pub const NO_ROUTE: &str = "no policy routed this item";

/// What one policy said, and who it is.
#[derive(Clone, Debug)]
pub struct Voice<'a> {
    /// The activation.
    pub activation: ActivationId,
    /// Its name.
    pub name: &'a str,
    /// Its phase.
    pub phase: Phase,
    /// Whether it counts.
    pub mode: Mode,
    /// Where it may send conversations.
    pub reach: Reach,
    /// The department whose rule it is.
    pub owner: Option<DepartmentId>,
    /// The kinds its manifest declares.
    pub declared: &'a [ProposalKind],
    /// What it proposed.
    pub proposals: &'a [Proposal],
}

/// What the merge reads besides the proposals.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The conversation before the decision.
    pub conversation: &'a Conversation,
    /// Its inbox.
    pub inbox: &'a Inbox,
    /// Where names lead.
    pub directory: &'a Directory,
    /// What the policies are to be asked again about already.
    pub open_timers: &'a [OpenTimer],
    /// When it is decided.
    pub now: Timestamp,
    /// Why the conversation goes to the operator whatever is proposed, if it does.
    pub parked: Option<&'a str>,
}

/// The outcome, and one verdict for each proposal of each voice that is recorded, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What changes.
    pub outcome: Outcome,
    /// What became of the proposals: as many lists as voices, each with the first [`RECORDED_MAX`] of that
    /// voice's proposals. What breaks a limit is there with the beginnings of its texts.
    pub judged: Vec<Vec<Judged>>,
}

/// Merges what the policies said, in the pipeline's order.
pub fn merge(circumstances: Circumstances<'_>, voices: &[Voice<'_>]) -> Merged {
    let mut merge = Merge::new(circumstances);
    let judged = voices.iter().map(|voice| merge.hear(voice)).collect();
    Merged { outcome: merge.finish(), judged }
}

/// Whether one of the valid proposals ends the run: nothing after it needs to be asked.
pub fn ends_run<'a>(phase: Phase, mode: Mode, mut valid: impl Iterator<Item = &'a Proposal>) -> bool {
    phase == Phase::Qualify && mode == Mode::Active && valid.any(|proposal| proposal.action == Action::Spam)
}

/// The first proposal of a kind, and who made it.
struct First<T> {
    value: T,
    by: String,
}

struct Merge<'a> {
    around: Circumstances<'a>,
    outcome: Outcome,
    routing: Option<First<Place>>,
    listening: Option<First<Listening>>,
    intent: Option<First<String>>,
    language: Option<First<String>>,
    attributes: HashMap<String, First<String>>,
    priority: Option<First<Priority>>,
    deadline: Option<First<Timestamp>>,
    tags: BTreeSet<String>,
    totals: Totals,
}

impl<'a> Merge<'a> {
    fn new(around: Circumstances<'a>) -> Self {
        Self {
            around,
            outcome: Outcome::default(),
            routing: None,
            listening: None,
            intent: None,
            language: None,
            attributes: HashMap::new(),
            priority: None,
            deadline: None,
            tags: BTreeSet::new(),
            totals: Totals::of(around.directory.quotas(), around.inbox.department),
        }
    }

    fn hear(&mut self, voice: &Voice<'_>) -> Vec<Judged> {
        let judge = |(index, proposal): (usize, &Proposal)| {
            let verdict = self.judge(voice, index, proposal);
            // Only what breaks no limit has a bounded size.
            let proposal = match verdict {
                Verdict::Invalid { .. } | Verdict::Undeclared => proposal.shortened(),
                _ => proposal.clone(),
            };
            Judged { proposal, verdict }
        };
        voice.proposals.iter().take(RECORDED_MAX).enumerate().map(judge).collect()
    }

    fn judge(&mut self, voice: &Voice<'_>, index: usize, proposal: &Proposal) -> Verdict {
        if index >= PROPOSALS_MAX {
            return invalid(format!("more than {PROPOSALS_MAX} proposals for one case"));
        }
        if !voice.declared.contains(&proposal.action.kind()) {
            return Verdict::Undeclared;
        }
        if let Some(reason) = broken_limit(proposal, self.around.now) {
            return invalid(reason);
        }
        match voice.mode {
            Mode::Active => {}
            Mode::Shadow | Mode::Disabled => return Verdict::Shadow,
        }
        if self.outcome.spam.is_some() {
            return Verdict::RunEnded;
        }
        let bytes = json_bytes(proposal);
        if let Err(reason) = self.totals.check(voice.owner, bytes) {
            return invalid(reason);
        }
        let verdict = self.weigh(voice, proposal);
        if matches!(verdict, Verdict::Applied | Verdict::KeptAsNote) {
            self.totals.add(voice.owner, bytes);
        }
        verdict
    }

    fn weigh(&mut self, voice: &Voice<'_>, proposal: &Proposal) -> Verdict {
        let person = self.around.conversation.person_set;
        match &proposal.action {
            Action::Destination(destination) => self.destination(voice, destination, &proposal.why),
            Action::Priority { priority } => self.raise(voice, *priority),
            Action::Deadline { at } => self.hasten(voice, *at),
            Action::Timer(timer) => self.set_timer(voice, timer),
            Action::CancelTimer { key } => self.cancel_timer(voice, key),
            Action::Escalate(escalation) => self.escalate(voice, escalation, &proposal.why),
            Action::Tags { tags } => self.add_tags(tags),
            Action::Attribute { attribute } => self.attribute(voice, attribute),
            Action::Listening { listening } => {
                first(&mut self.listening, listening, voice.name, person.listening)
            }
            Action::Intent { intent } => first(&mut self.intent, intent, voice.name, person.intent),
            Action::Language { language } => first(&mut self.language, language, voice.name, person.language),
            Action::Note { text } => self.note(voice, text.clone()),
            Action::Spam => self.spam(voice, &proposal.why),
            Action::Abstain => Verdict::Applied,
        }
    }

    fn destination(&mut self, voice: &Voice<'_>, destination: &Destination, why: &str) -> Verdict {
        if self.around.conversation.person_set.destination {
            return Verdict::SupersededByPerson;
        }
        if self.around.parked.is_some() {
            return Verdict::Parked;
        }
        let place = match self.reachable(voice, destination) {
            Ok(place) => place,
            Err(verdict) => return verdict,
        };
        if let Some(standing) = &self.routing {
            return later(&standing.value, &place, &standing.by);
        }
        self.routing = Some(First { value: place, by: voice.name.to_owned() });
        self.outcome.routing = self.routing_to(place, voice.name, why);
        Verdict::Applied
    }

    fn reachable(&self, voice: &Voice<'_>, destination: &Destination) -> Result<Place, Verdict> {
        let place = self
            .around
            .directory
            .resolve(destination)
            .map_err(|unknown| Verdict::UnknownPlace { detail: unknown.to_string() })?;
        let confined = voice.reach == Reach::OwnDepartment
            && (voice.owner != Some(place.department) || !self.is_within(voice.owner));
        if confined { Err(Verdict::OutOfReach) } else { Ok(place) }
    }

    /// Whether a conversation is this department's to move: nobody has it yet, or the department has it, or
    /// the operator, who asks whose it is.
    fn is_within(&self, department: Option<DepartmentId>) -> bool {
        let place = self.around.conversation.place;
        place.is_none_or(|it| {
            department == Some(it.department) || it.queue == self.around.inbox.operator_queue
        })
    }

    fn routing_to(&self, place: Place, by: &str, why: &str) -> Option<Routing> {
        let destination = self.around.directory.describe(place)?;
        Some(Routing { place, destination, by: Some(by.to_owned()), why: why.to_owned() })
    }

    fn raise(&mut self, voice: &Voice<'_>, priority: Priority) -> Verdict {
        if self.around.conversation.person_set.priority {
            return Verdict::SupersededByPerson;
        }
        match &self.priority {
            Some(standing) if standing.value >= priority => lost_or_same(standing, &priority),
            _ => {
                self.priority = Some(First { value: priority, by: voice.name.to_owned() });
                Verdict::Applied
            }
        }
    }

    fn hasten(&mut self, voice: &Voice<'_>, at: Timestamp) -> Verdict {
        match &self.deadline {
            Some(standing) if standing.value <= at => lost_or_same(standing, &at),
            _ => {
                self.deadline = Some(First { value: at, by: voice.name.to_owned() });
                Verdict::Applied
            }
        }
    }

    fn set_timer(&mut self, voice: &Voice<'_>, timer: &TimerRequest) -> Verdict {
        if timer.until_answered && self.around.conversation.waiting_since.is_none() {
            return Verdict::NotWaiting;
        }
        if !self.has_room(voice.activation, &timer.key) {
            let remedy = "cancel one, or set one again under its own key";
            return invalid(format!("more than {OPEN_TIMERS_MAX} timers in one conversation; {remedy}"));
        }
        let mine = (voice.activation, timer.key.clone());
        self.outcome.cancelled_timers.retain(|cancelled| *cancelled != mine);
        let standing =
            self.outcome.timers.iter_mut().find(|set| set.activation == mine.0 && set.timer.key == mine.1);
        match standing {
            Some(standing) if standing.timer.due_at <= timer.due_at => {
                Verdict::Lost { winner: voice.name.to_owned(), conflict: false }
            }
            Some(standing) => {
                standing.timer = timer.clone();
                Verdict::Applied
            }
            None => {
                self.outcome.timers.push(TimerSet { activation: voice.activation, timer: timer.clone() });
                Verdict::Applied
            }
        }
    }

    /// Whether a policy may have this timer too. One that runs under the same key is replaced; one that was
    /// due already is still to be judged, so it takes its place whatever is cancelled.
    fn has_room(&self, activation: ActivationId, key: &str) -> bool {
        let set = self.outcome.timers.iter().filter(|it| it.activation == activation);
        let is_set = |key: &str| set.clone().any(|it| it.timer.key == key);
        let is_cancelled =
            |key: &str| self.outcome.cancelled_timers.iter().any(|(by, it)| *by == activation && it == key);
        let stays =
            |it: &&OpenTimer| it.is_due || !(is_set(&it.key) || is_cancelled(&it.key) || it.key == key);
        let open = self.around.open_timers.iter().filter(|it| it.activation == activation).filter(stays);
        is_set(key) || set.clone().count() + open.count() < OPEN_TIMERS_MAX
    }

    fn cancel_timer(&mut self, voice: &Voice<'_>, key: &str) -> Verdict {
        let mine = (voice.activation, key.to_owned());
        self.outcome.timers.retain(|set| (set.activation, &set.timer.key) != (mine.0, &mine.1));
        if !self.outcome.cancelled_timers.contains(&mine) {
            self.outcome.cancelled_timers.push(mine);
        }
        Verdict::Applied
    }

    fn escalate(&mut self, voice: &Voice<'_>, escalation: &Escalation, why: &str) -> Verdict {
        let conversation = self.around.conversation;
        if conversation.waiting_since.is_none() || conversation.status == Status::Closed {
            return Verdict::NotWaiting;
        }
        if escalation.level <= conversation.escalation_level {
            return Verdict::AlreadyEscalated;
        }
        if let Some(standing) = &self.outcome.escalation
            && standing.level >= escalation.level
        {
            return Verdict::Lost {
                winner: standing.by.clone(),
                conflict: standing.level == escalation.level,
            };
        }
        let to = match &escalation.to {
            Some(destination) => match self.reachable(voice, destination) {
                Ok(place) => self.routing_to(place, voice.name, why),
                Err(verdict) => return verdict,
            },
            None => None,
        };
        self.outcome.escalation = Some(EscalationFired {
            level: escalation.level,
            to,
            reason: escalation.reason.clone(),
            by: voice.name.to_owned(),
        });
        Verdict::Applied
    }

    fn add_tags(&mut self, tags: &[String]) -> Verdict {
        let added = &self.tags | &tags.iter().cloned().collect();
        let present = &self.around.conversation.tags;
        if let Err(over) = self.limits().check_labels(present.len(), &(present | &added)) {
            return invalid(over.to_string());
        }
        self.tags = added;
        Verdict::Applied
    }

    fn attribute(&mut self, voice: &Voice<'_>, attribute: &Attribute) -> Verdict {
        match self.attributes.get(&attribute.key) {
            Some(standing) => later(&standing.value, &attribute.value, &standing.by),
            None => {
                let set = self.attributes.iter().map(|(key, first)| (key, &first.value));
                let facts = self.around.conversation.attributes_with(set);
                if let Err(over) = self.limits().check_fact(&facts, &attribute.key, &attribute.value) {
                    return invalid(over.to_string());
                }
                let standing = First { value: attribute.value.clone(), by: voice.name.to_owned() };
                self.attributes.insert(attribute.key.clone(), standing);
                Verdict::Applied
            }
        }
    }

    fn limits(&self) -> ConversationLimits<'a> {
        let Circumstances { directory, inbox, .. } = self.around;
        ConversationLimits { quotas: directory.quotas(), department: inbox.department }
    }

    fn note(&mut self, voice: &Voice<'_>, text: String) -> Verdict {
        self.outcome.notes.push(Remark { by: voice.name.to_owned(), text });
        Verdict::Applied
    }

    fn spam(&mut self, voice: &Voice<'_>, why: &str) -> Verdict {
        if voice.phase != Phase::Qualify {
            self.note(voice, format!("looks like spam: {why}"));
            return Verdict::KeptAsNote;
        }
        if self.around.conversation.person_set.destination {
            return Verdict::SupersededByPerson;
        }
        if self.around.parked.is_some() {
            return Verdict::Parked;
        }
        self.outcome.spam = Some(voice.name.to_owned());
        let junk = self.own_place(self.around.inbox.junk_queue);
        self.outcome.routing = junk.and_then(|place| self.routing_to(place, voice.name, why));
        Verdict::Applied
    }

    /// The place of one of the inbox's own queues.
    fn own_place(&self, queue: super::ids::QueueId) -> Option<Place> {
        let queue = self.around.directory.queue(queue)?;
        Some(Place { department: queue.department, queue: queue.id, assignee: None })
    }

    fn finish(mut self) -> Outcome {
        let conversation = self.around.conversation;
        match self.around.parked {
            // What a person decided stands, if it leads anywhere.
            Some(why) if !conversation.person_set.destination || conversation.place.is_none() => {
                self.outcome.routing = self.to_operator(why);
            }
            _ if self.outcome.routing.is_none() && conversation.place.is_none() => {
                self.outcome.routing = self.to_operator(NO_ROUTE);
            }
            _ => {}
        }
        self.outcome.priority = self.priority.map(|it| it.value);
        self.outcome.deadline = self.deadline.map(|it| it.value);
        self.outcome.listening = self.listening.map(|it| it.value);
        self.outcome.intent = self.intent.map(|it| it.value);
        self.outcome.language = self.language.map(|it| it.value);
        self.outcome.tags = self.tags.into_iter().collect();
        self.outcome.attributes =
            self.attributes.into_iter().map(|(key, first)| (key, first.value)).collect();
        self.outcome
    }

    fn to_operator(&self, why: &str) -> Option<Routing> {
        let place = self.own_place(self.around.inbox.operator_queue)?;
        let destination = self.around.directory.describe(place)?;
        Some(Routing { place, destination, by: None, why: why.to_owned() })
    }
}

/// The rule "first wins": the first is kept, a later one is compared with it.
fn first<T: Clone + PartialEq>(
    standing: &mut Option<First<T>>,
    proposed: &T,
    by: &str,
    set_by_person: bool,
) -> Verdict {
    if set_by_person {
        return Verdict::SupersededByPerson;
    }
    match standing {
        Some(standing) => later(&standing.value, proposed, &standing.by),
        None => {
            *standing = Some(First { value: proposed.clone(), by: by.to_owned() });
            Verdict::Applied
        }
    }
}

/// A later proposal that agrees is applied; one that differs is a conflict.
fn later<T: PartialEq>(standing: &T, proposed: &T, by: &str) -> Verdict {
    if standing == proposed {
        Verdict::Applied
    } else {
        Verdict::Lost { winner: by.to_owned(), conflict: true }
    }
}

/// Where an order decides (highest, earliest), losing is no conflict.
fn lost_or_same<T: PartialEq>(standing: &First<T>, proposed: &T) -> Verdict {
    if standing.value == *proposed {
        Verdict::Applied
    } else {
        Verdict::Lost { winner: standing.by.clone(), conflict: false }
    }
}

fn invalid(detail: String) -> Verdict {
    Verdict::Invalid { detail }
}

#[cfg(test)]
#[path = "merge/tests.rs"]
mod tests;
