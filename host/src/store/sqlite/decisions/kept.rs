//! A decision as it is kept: without what the generation it names says already.
//!
//! What identifies a policy (names, digests, its place) is the same for every decision of a
//! generation and half of a decision's bytes; it is left out where the generation has it, and put
//! back when the decision is read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::activation::{Mode, Phase};
use crate::domain::case::Event;
use crate::domain::decision::{Contribution, Decision, FailureRecord, Judged, Outcome, Receipt};
use crate::domain::generation::{Generation, GenerationEntry};
use crate::domain::ids::{ActivationId, ConversationId, DecisionId, GenerationId, ItemId};
use crate::domain::marks::{self, Mark};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::error::surprise;

/// Generations by their ids.
pub(in crate::store::sqlite) type Generations = HashMap<GenerationId, Arc<Generation>>;

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    id: DecisionId,
    conversation: ConversationId,
    item: ItemId,
    event: Cow<'a, Event>,
    generation: GenerationId,
    at: Timestamp,
    outcome: Cow<'a, Outcome>,
    contributions: Vec<KeptContribution<'a>>,
    receipt: Cow<'a, Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct KeptContribution<'a> {
    activation: ActivationId,
    #[serde(flatten)]
    policy: Option<KeptPolicy<'a>>,
    #[serde(default, skip_serializing_if = "<[Judged]>::is_empty")]
    proposals: Cow<'a, [Judged]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<Cow<'a, FailureRecord>>,
    fuel: u64,
    micros: u64,
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    log: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "is_zero")]
    log_dropped: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    proposals_dropped: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    shortened: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a generation says of a policy.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct KeptPolicy<'a> {
    name: Cow<'a, str>,
    release: Cow<'a, str>,
    digest: Cow<'a, str>,
    settings_digest: Cow<'a, str>,
    phase: Phase,
    mode: Mode,
}

impl<'a> KeptPolicy<'a> {
    fn of(entry: &'a GenerationEntry) -> Self {
        Self {
            name: (&*entry.name).into(),
            release: (&*entry.release).into(),
            digest: (&*entry.digest).into(),
            settings_digest: (&*entry.settings_digest).into(),
            phase: entry.phase,
            mode: entry.mode,
        }
    }

    fn in_decision(contribution: &'a Contribution) -> Self {
        Self {
            name: (&*contribution.name).into(),
            release: (&*contribution.release).into(),
            digest: (&*contribution.digest).into(),
            settings_digest: (&*contribution.settings_digest).into(),
            phase: contribution.phase,
            mode: contribution.mode,
        }
    }
}

fn entry(generation: Option<&Generation>, activation: ActivationId) -> Option<&GenerationEntry> {
    generation?.entries.iter().find(|it| it.activation == activation)
}

fn unless_known<'a>(
    contribution: &'a Contribution,
    generation: Option<&Generation>,
) -> Option<KeptPolicy<'a>> {
    let said = KeptPolicy::in_decision(contribution);
    let known = entry(generation, contribution.activation).is_some_and(|it| KeptPolicy::of(it) == said);
    (!known).then_some(said)
}

/// The decision as it is kept.
pub(super) fn kept<'a>(decision: &'a Decision, generations: &'a Generations) -> impl Serialize + 'a {
    let generation = generations.get(&decision.generation).map(|it| &**it);
    let contributions = decision.contributions.iter().map(|it| KeptContribution {
        activation: it.activation,
        policy: unless_known(it, generation),
        proposals: (&it.proposals).into(),
        failure: it.failure.as_ref().map(Cow::Borrowed),
        fuel: it.fuel,
        micros: it.micros,
        log: (&it.log).into(),
        log_dropped: it.log_dropped,
        proposals_dropped: it.proposals_dropped,
        shortened: it.shortened,
    });
    Kept {
        id: decision.id,
        conversation: decision.conversation,
        item: decision.item,
        event: Cow::Borrowed(&decision.event),
        generation: decision.generation,
        at: decision.at,
        outcome: Cow::Borrowed(&decision.outcome),
        contributions: contributions.collect(),
        receipt: Cow::Borrowed(&decision.receipt),
        erased_at: decision.erased_at,
    }
}

/// A decision as it was kept.
pub(in crate::store::sqlite) struct Read(Kept<'static>);

impl Read {
    /// Reads the JSON.
    pub(in crate::store::sqlite) fn from_json(json: &str) -> StoreResult<Self> {
        Ok(Self(serde_json::from_str(json)?))
    }

    /// The generation that says who the policies were.
    pub(in crate::store::sqlite) fn generation(&self) -> GenerationId {
        self.0.generation
    }

    /// When it was made.
    pub(in crate::store::sqlite) fn at(&self) -> Timestamp {
        self.0.at
    }

    /// Whether one of these items was judged, or seen while another was.
    pub(in crate::store::sqlite) fn saw(&self, items: &HashSet<ItemId>) -> bool {
        let receipt = &self.0.receipt;
        items.contains(&self.0.item)
            || items.contains(&receipt.item.0)
            || receipt.history.iter().any(|it| items.contains(&it.0))
    }

    /// Whether its texts are gone already.
    pub(in crate::store::sqlite) fn is_erased(&self) -> bool {
        self.0.erased_at.is_some()
    }

    /// What its policies saw on the conversation, and what they put on it.
    pub(in crate::store::sqlite) fn marks(&self) -> (Vec<Mark>, Vec<Mark>) {
        let mut seen = marks::of_view(&self.0.receipt.conversation);
        seen.extend(marks::of_occasion(&self.0.event.occasion));
        (seen, marks::of_outcome(&self.0.outcome))
    }

    /// Takes every text out: what stays says who was asked, what it cost, and where it led.
    pub(in crate::store::sqlite) fn erase(mut self, at: Timestamp) -> impl Serialize {
        let Kept {
            id: _,
            conversation: _,
            item: _,
            event,
            generation: _,
            at: _,
            outcome,
            contributions,
            receipt,
            erased_at,
        } = &mut self.0;
        *erased_at = Some(at);
        event.to_mut().occasion.forget_words();
        outcome.to_mut().forget_words();
        contributions.iter_mut().for_each(KeptContribution::forget_words);
        receipt.to_mut().forget_words();
        self.0
    }

    /// The whole decision.
    pub(in crate::store::sqlite) fn complete(self, generations: &Generations) -> StoreResult<Decision> {
        let kept = self.0;
        let generation = generations.get(&kept.generation).map(|it| &**it);
        let contributions = kept.contributions.into_iter().map(|it| contribution(it, generation));
        Ok(Decision {
            contributions: contributions.collect::<StoreResult<_>>()?,
            id: kept.id,
            conversation: kept.conversation,
            item: kept.item,
            event: kept.event.into_owned(),
            generation: kept.generation,
            at: kept.at,
            outcome: kept.outcome.into_owned(),
            receipt: kept.receipt.into_owned(),
            erased_at: kept.erased_at,
        })
    }
}

impl KeptContribution<'_> {
    fn forget_words(&mut self) {
        let Self {
            activation: _,
            policy: _,
            proposals,
            failure,
            fuel: _,
            micros: _,
            log,
            log_dropped: _,
            proposals_dropped: _,
            shortened: _,
        } = self;
        *proposals = Cow::default();
        *log = Cow::default();
        if let Some(failure) = failure {
            let FailureRecord { name: _, detail } = failure.to_mut();
            detail.clear();
        }
    }
}

fn contribution(
    kept: KeptContribution<'static>,
    generation: Option<&Generation>,
) -> StoreResult<Contribution> {
    let known = || entry(generation, kept.activation).map(KeptPolicy::of);
    let unknown = || surprise(format!("the generation of a decision by {} is not there", kept.activation));
    let policy = kept.policy.clone().or_else(known).ok_or_else(unknown)?;
    Ok(Contribution {
        name: policy.name.into(),
        release: policy.release.into(),
        digest: policy.digest.into(),
        settings_digest: policy.settings_digest.into(),
        phase: policy.phase,
        mode: policy.mode,
        activation: kept.activation,
        proposals: kept.proposals.into_owned(),
        failure: kept.failure.map(Cow::into_owned),
        fuel: kept.fuel,
        micros: kept.micros,
        log: kept.log.into_owned(),
        log_dropped: kept.log_dropped,
        proposals_dropped: kept.proposals_dropped,
        shortened: kept.shortened,
    })
}
