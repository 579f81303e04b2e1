//! What was decided about a conversation, by whom and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::activation::{Mode, Phase};
use super::case::shown::proposal_bytes;
use super::case::{ContactView, ConversationView, Event, InboxView};
use super::ids::{ActivationId, ConversationId, DecisionId, GenerationId, ItemId};
use super::organisation::Place;
use super::proposal::{Destination, Listening, Priority, Proposal, TimerRequest};
use super::time::Timestamp;

pub mod record;

/// What the host did with a proposal.
///
/// In JSON its fields stand beside the proposal's own (see [`Judged`]), so no field here may have the
/// name of one of an [`Action`](super::proposal::Action)'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It takes effect, or agrees with what does.
    Applied,
    /// Another activation's proposal stands instead.
    Lost {
        /// Whose.
        winner: String,
        /// Whether the two contradict each other: these make the ledger of conflicts.
        conflict: bool,
    },
    /// A person decided otherwise.
    SupersededByPerson,
    /// That level was reached before, while the customer waits.
    AlreadyEscalated,
    /// The conversation is closed, or nobody waits.
    NotWaiting,
    /// The destination leads nowhere; the remedy is in the text.
    UnknownPlace {
        /// What is missing.
        detail: String,
    },
    /// The activation may not send conversations there.
    OutOfReach,
    /// The manifest does not declare this kind.
    #[serde(rename = "undeclared-proposal", alias = "undeclared")]
    Undeclared,
    /// The content breaks a limit of the contract.
    Invalid {
        /// Which.
        detail: String,
    },
    /// Spam, said after the `qualify` phase: kept as a note.
    KeptAsNote,
    /// The activation is in shadow.
    Shadow,
    /// An earlier policy called it spam, which ended the run.
    RunEnded,
    /// A policy failed for which the conversation goes to the operator.
    Parked,
}

/// A proposal and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// The proposal.
    #[serde(flatten)]
    pub proposal: Proposal,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What one policy contributed to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contribution {
    /// The activation.
    pub activation: ActivationId,
    /// Its name.
    pub name: Arc<str>,
    /// The release, `name@version`.
    pub release: Arc<str>,
    /// SHA-256 of the release, hexadecimal.
    pub digest: Arc<str>,
    /// SHA-256 of the settings, hexadecimal.
    pub settings_digest: Arc<str>,
    /// Its phase.
    pub phase: Phase,
    /// Whether it counted.
    pub mode: Mode,
    /// What it proposed, in order.
    pub proposals: Vec<Judged>,
    /// How many proposals beyond these were made and are not recorded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub proposals_dropped: u64,
    /// Why it has none, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// Fuel it used.
    pub fuel: u64,
    /// How long it took, in microseconds; not part of a replay.
    pub micros: u64,
    /// What it logged, `level: line`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// How many lines beyond these were not kept: at most 64 KiB of one call are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub log_dropped: u64,
    /// Whether texts, proposals or log lines of it were left out because the decision had no room for them.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shortened: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a failure is called when an activation was not asked because it had failed too often.
pub const SUSPENDED: &str = "suspended";

/// What a failure is called when a policy was not called because its owner's policies had used up their
/// time for the case.
pub const OVER_BUDGET: &str = "over-budget";

/// What a proposal is called in metrics that the manifest does not declare.
pub const UNDECLARED_PROPOSAL: &str = "undeclared-proposal";

/// A failure of a plugin, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// Its name: `trap`, `fuel`, `deadline`, `memory`, `stack`, `output-too-large`, `refused`,
    /// `bad-output`, `unavailable`; `suspended` when it was not called because it had failed too often, and
    /// `over-budget` when it was not because its owner's policies had used up their time for the case.
    pub name: String,
    /// What happened, cut to 4 KiB.
    pub detail: String,
}

/// Where the conversation goes, and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Routing {
    /// The place.
    pub place: Place,
    /// Its names.
    pub destination: Destination,
    /// The activation that proposed it; absent when the host's own rule did.
    pub by: Option<String>,
    /// Why.
    pub why: String,
}

impl Routing {
    fn forget_words(&mut self) {
        let Self { place: _, destination: _, by: _, why } = self;
        why.clear();
    }
}

/// An escalation that fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EscalationFired {
    /// The level.
    pub level: u8,
    /// Who takes over.
    pub to: Option<Routing>,
    /// What they are told.
    pub reason: String,
    /// The activation.
    pub by: String,
}

impl EscalationFired {
    fn forget_words(&mut self) {
        let Self { level: _, to, reason, by: _ } = self;
        to.iter_mut().for_each(Routing::forget_words);
        reason.clear();
    }
}

/// A timer to set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimerSet {
    /// The activation that is asked again.
    pub activation: ActivationId,
    /// The timer.
    #[serde(flatten)]
    pub timer: TimerRequest,
}

/// A remark to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// The activation that made it.
    pub by: String,
    /// The remark.
    pub text: String,
}

/// The merged result: what changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Outcome {
    /// Where it goes; absent to stay where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// The new priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The new deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Timers to set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<TimerSet>,
    /// Timers to forget: activation and key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cancelled_timers: Vec<(ActivationId, String)>,
    /// The escalation that fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation: Option<EscalationFired>,
    /// Labels to add, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Facts to set, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The kind of listening.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listening: Option<Listening>,
    /// What the customer wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// The language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Remarks to keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Remark>,
    /// The activation that called it spam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spam: Option<String>,
}

impl Outcome {
    /// Takes out every word: policies word what they propose, and may quote. Each field is named, so that
    /// a new one does not compile until somebody has decided.
    pub fn forget_words(&mut self) {
        let Self {
            routing,
            priority: _,
            deadline: _,
            timers,
            cancelled_timers,
            escalation,
            tags,
            attributes,
            listening: _,
            intent,
            language,
            notes,
            spam: _,
        } = self;
        routing.iter_mut().for_each(Routing::forget_words);
        escalation.iter_mut().for_each(EscalationFired::forget_words);
        timers.clear();
        cancelled_timers.clear();
        tags.clear();
        attributes.clear();
        (*intent, *language) = (None, None);
        notes.clear();
    }
}

/// What a replay needs besides the texts, which are kept once, in the items' revisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The engine's fingerprint: version, configuration and limits.
    pub engine: String,
    /// The host's time of the run.
    pub now: Timestamp,
    /// The item that was judged, and its revision.
    pub item: (ItemId, i64),
    /// The earlier items, with their revisions.
    pub history: Vec<(ItemId, i64)>,
    /// Which rule cut the case to what was shown; 0 before there was one.
    #[serde(default)]
    pub cut: u16,
    /// The conversation before the decision, as it was shown.
    pub conversation: ConversationView,
    /// The inbox and its clock.
    pub inbox: InboxView,
    /// The contact, name left out: it is read from the contact again.
    pub contact: Option<ContactView>,
    /// What the channel told of the author's reach at that time: followers and verification.
    pub author: (Option<u64>, bool),
}

impl Receipt {
    /// Takes out every word that was said about a person, and what the channel told of one.
    pub fn forget_words(&mut self) {
        let Self { engine: _, now: _, item: _, history: _, cut: _, conversation, inbox: _, contact, author } =
            self;
        conversation.forget_words();
        (*contact, *author) = (None, (None, false));
    }
}

/// A decision in the repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The item that was judged.
    pub item: ItemId,
    /// Why the policies were asked.
    pub event: Event,
    /// The pipeline they were asked under.
    pub generation: GenerationId,
    /// When.
    pub at: Timestamp,
    /// What changes.
    pub outcome: Outcome,
    /// What each policy said, in the pipeline's order.
    pub contributions: Vec<Contribution>,
    /// What a replay needs.
    pub receipt: Receipt,
    /// Since when it stands here without the texts that it was made of and what was said about them: it
    /// can no longer be replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

impl Decision {
    /// The bytes of what policies said.
    pub fn bytes(&self) -> usize {
        let said = |it: &Contribution| {
            let proposals = it.proposals.iter().map(|it| proposal_bytes(&it.proposal)).sum::<usize>();
            let log = it.log.iter().map(String::len).sum::<usize>();
            proposals + log + it.failure.as_ref().map_or(0, |it| it.detail.len())
        };
        self.outcome.notes.iter().map(|it| it.text.len()).sum::<usize>()
            + self.contributions.iter().map(said).sum::<usize>()
    }

    /// Cuts what policies said to so many bytes in all, those that came last first; whether anything was cut.
    pub fn cut_to(&mut self, bytes_max: usize) -> bool {
        let mut texts = Texts { left: bytes_max, is_cut: false };
        for note in &mut self.outcome.notes {
            texts.keep(&mut note.text);
        }
        for contribution in &mut self.contributions {
            let proposals = contribution.proposals.len();
            contribution.proposals.retain_mut(|judged| texts.keep_proposal(judged));
            texts.is_cut |= contribution.proposals.len() < proposals;
            contribution.log.iter_mut().for_each(|line| texts.keep(line));
            if let Some(failure) = &mut contribution.failure {
                texts.keep(&mut failure.detail);
            }
        }
        texts.is_cut
    }

    /// Proposals that contradicted the one that stands: who, what, and whose stands.
    pub fn conflicts(&self) -> impl Iterator<Item = (&Contribution, &Judged)> {
        self.contributions.iter().flat_map(|contribution| {
            contribution
                .proposals
                .iter()
                .filter(|judged| matches!(judged.verdict, Verdict::Lost { conflict: true, .. }))
                .map(move |judged| (contribution, judged))
        })
    }
}

/// Texts of which so many bytes are kept.
struct Texts {
    left: usize,
    is_cut: bool,
}

impl Texts {
    fn keep(&mut self, text: &mut String) {
        if text.len() > self.left {
            self.is_cut = true;
            text.truncate(text.floor_char_boundary(self.left));
        }
        self.left -= text.len();
    }

    /// Its reason in part; the proposal itself as a whole, or not at all.
    fn keep_proposal(&mut self, judged: &mut Judged) -> bool {
        let Judged { proposal: Proposal { action, why }, verdict } = judged;
        self.keep(why);
        if let Verdict::Invalid { detail } | Verdict::UnknownPlace { detail } = verdict {
            self.keep(detail);
        }
        let bytes = serde_json::to_string(action).map_or(usize::MAX, |it| it.len());
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::proposal::{Action, Escalation};

    fn texts(left: usize) -> Texts {
        Texts { left, is_cut: false }
    }

    #[test]
    fn texts_are_cut_to_what_is_left_between_characters() {
        let mut texts = texts(5);
        let (mut first, mut second) = ("abc".to_owned(), "éé".to_owned());
        texts.keep(&mut first);
        assert!(!texts.is_cut);
        texts.keep(&mut second);
        assert!(texts.is_cut);
        assert_eq!((first.as_str(), second.as_str()), ("abc", "é"));
    }

    #[test]
    fn a_proposal_that_is_too_long_is_left_out_and_never_another_one() {
        let note = |text: String| {
            let proposal = Proposal { action: Action::Note { text }, why: "why".into() };
            Judged { proposal, verdict: Verdict::Applied }
        };
        let (mut short, mut long) = (note("short".into()), note("x".repeat(2_000)));
        let before = short.clone();
        let mut texts = texts(1_000);
        assert!(!texts.keep_proposal(&mut long));
        assert!(texts.keep_proposal(&mut short));
        assert_eq!(short, before);
    }

    #[test]
    fn an_escalation_reads_back_with_every_verdict() {
        let to = Some(Destination { department: "leads".into(), queue: None, assignee: None });
        let action = Action::Escalate(Escalation { level: 1, to, reason: "silence".into() });
        for verdict in [
            Verdict::Applied,
            Verdict::Undeclared,
            Verdict::Parked,
            Verdict::Lost { winner: "another".into(), conflict: true },
            Verdict::UnknownPlace { detail: "there is no department `leads`".into() },
            Verdict::Invalid { detail: "too long".into() },
        ] {
            let proposal = Proposal { action: action.clone(), why: "nobody answers".into() };
            let judged = Judged { proposal, verdict };
            let text = serde_json::to_string(&judged).unwrap();
            assert_eq!(serde_json::from_str::<Judged>(&text).unwrap(), judged, "{text}");
        }
    }
}
