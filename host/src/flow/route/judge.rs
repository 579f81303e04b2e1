//! Judging: cases are spread over the executor's threads, and each is decided on what the policies say.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::ask::Counted;
use super::decide::{Decided, Situation, concerned, decide};
use crate::domain::apply::{self, TimerChanges};
use crate::domain::breaker::scopes::Origin;
use crate::domain::case::{Case, ContactView, shown};
use crate::domain::clock::{Clock, IdGenerator};
use crate::domain::decision::{Decision, Receipt};
use crate::domain::ids::ItemId;
use crate::domain::item::Item;
use crate::domain::organisation::Directory;
use crate::domain::time::Timestamp;
use crate::flow::FlowError;
use crate::flow::pipeline::Pipeline;
use crate::plugin::{Lane, Plugins};
use crate::store::{ClaimedCase, Routed};
use crate::telemetry::Telemetry;

/// How many cases one job of the executor judges at most: deliveries wait for its threads too.
const SHARE_MAX: usize = 64;

/// What judging works with. Cheap to clone.
#[derive(Clone)]
pub struct Judges {
    /// The sandbox.
    pub plugins: Arc<Plugins>,
    /// Everything that has a name.
    pub directory: Arc<ArcSwap<Directory>>,
    /// New identifiers.
    pub ids: Arc<IdGenerator>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What is measured.
    pub telemetry: Arc<Telemetry>,
}

impl Judges {
    /// Spreads the cases over the executor's threads; the answer keeps their order. What nobody has
    /// begun with at `until` is left out.
    pub(super) async fn judge(
        &self,
        pipeline: Arc<Pipeline>,
        claimed: Vec<ClaimedCase>,
        until: Option<Instant>,
    ) -> Result<Vec<Judged>, FlowError> {
        let bench = Arc::new(Bench {
            pipeline,
            directory: self.directory.load_full(),
            ids: Arc::clone(&self.ids),
            telemetry: Arc::clone(&self.telemetry),
            engine: self.plugins.fingerprint().to_owned(),
            now: self.clock.now(),
            until,
        });
        let executor = self.plugins.executor();
        let share = claimed.len().div_ceil(executor.threads()).clamp(1, SHARE_MAX);
        let shares = in_shares(claimed, share).into_iter().map(|share| {
            let bench = Arc::clone(&bench);
            executor.run(Lane::Judging, move || bench.judge_all(share))
        });
        let judged = futures::future::try_join_all(shares).await;
        let judged = judged.map_err(|error| FlowError::Unavailable(error.to_string()))?;
        Ok(judged.into_iter().flatten().collect())
    }
}

/// In order, so many each (the first may have fewer). Cases are large, and moved once.
fn in_shares(mut claimed: Vec<ClaimedCase>, most: usize) -> VecDeque<Vec<ClaimedCase>> {
    let mut shares = VecDeque::new();
    while !claimed.is_empty() {
        shares.push_front(claimed.split_off(claimed.len().saturating_sub(most)));
    }
    shares
}

/// A decision, and whether its event should rather wait.
pub(super) struct Judged {
    pub(super) routed: Routed,
    pub(super) is_to_wait: bool,
}

/// What every case of a batch is judged with.
struct Bench {
    pipeline: Arc<Pipeline>,
    directory: Arc<Directory>,
    ids: Arc<IdGenerator>,
    telemetry: Arc<Telemetry>,
    engine: String,
    now: Timestamp,
    until: Option<Instant>,
}

impl Bench {
    fn judge_all(&self, share: Vec<ClaimedCase>) -> Vec<Judged> {
        let in_time = |_: &ClaimedCase| self.until.is_none_or(|until| Instant::now() < until);
        share.into_iter().take_while(in_time).filter_map(|case| self.judge(case)).collect()
    }

    /// Asks the policies about one case and works out what changes.
    ///
    /// Absent only when the conversation's inbox is not known to this host yet: its event waits.
    fn judge(&self, claimed: ClaimedCase) -> Option<Judged> {
        let inbox = Arc::clone(self.directory.inbox(claimed.conversation.inbox)?);
        let generation = self.pipeline.generation?;
        let ClaimedCase {
            claim,
            mut conversation,
            item,
            history,
            contact,
            other_open_conversations,
            open_timers,
        } = claimed;
        let event = &claim.event;
        let (item_id, revision) = (item.id, item.revision);
        let origin =
            Origin { sender: item.identity, inbox: inbox.id, department: inbox.department, item: item_id };
        let (history_ids, history) = history.into_iter().map(|it| ((it.item, it.revision), it.view)).unzip();
        let mut case = Case {
            now: self.now,
            item: item.item,
            conversation: conversation.view(&self.directory),
            inbox: conversation.inbox_view(&inbox, &self.directory),
            history,
            contact: Some(ContactView {
                id: contact.id,
                name: contact.name,
                vip: contact.vip,
                other_open_conversations,
            }),
            earlier: Vec::new(),
        };
        let situation = Situation {
            conversation: &conversation,
            inbox: &inbox,
            directory: &self.directory,
            open_timers: &open_timers,
            telemetry: &self.telemetry,
            counted: Counted::At(origin),
        };
        let asked = concerned(&self.pipeline, event, &inbox, &self.directory);
        let Decided { outcome, contributions, is_to_wait } = decide(asked, event, &mut case, &situation);
        let seen_revision = conversation.revision;
        let timers: TimerChanges = apply::apply(&mut conversation, &outcome, &inbox, self.now, event.depth);
        let decision = Decision {
            erased_at: None,
            id: self.ids.next(self.now),
            conversation: conversation.id,
            item: item_id,
            event: event.clone(),
            generation,
            at: self.now,
            outcome,
            contributions,
            receipt: self.receipt(case, (item_id, revision), history_ids),
        };
        let routed = Routed { claim, seen_revision, conversation, timers, decision };
        Some(Judged { routed, is_to_wait })
    }

    /// What was shown, without the texts.
    fn receipt(&self, case: Case, item: (ItemId, i64), history: Vec<(ItemId, i64)>) -> Receipt {
        let Case { item: Item { author, .. }, conversation, inbox, contact, .. } = case;
        Receipt {
            engine: self.engine.clone(),
            now: self.now,
            item,
            history,
            cut: shown::VERSION,
            conversation,
            inbox,
            contact: contact.map(|it| ContactView { name: None, ..it }),
            author: (author.followers, author.verified),
        }
    }
}
