//! What people do to a conversation, one verb a file.
//!
//! | verb | effect |
//! |---|---|
//! | [`claim`](fn@claim), [`release`](fn@release) | one agent has it, or nobody |
//! | [`note`](fn@note) | a remark that colleagues see |
//! | [`reply`](fn@reply) | an answer on its way out; the customer waits no longer |
//! | [`hand_off`](fn@hand_off) | another department's or queue's now |
//! | [`set`](fn@set) | priority, intent, listening, language, labels, by a person's word |
//! | [`close`](fn@close), [`reopen`](fn@reopen) | ended with what was learned, or taken up again |
//! | [`ask_again`](fn@ask_again) | the policies judge it once more |
//! | [`merge`](fn@merge), [`unmerge`](fn@unmerge) | two conversations are one, or two again |
//! | [`dismiss_suggestion`] | the two that were suggested stay two |
//!
//! Called by `http`; calls `store`. Each verb loads the conversation, plans the change, and writes it
//! together with its audit entry on the condition that nobody changed it meanwhile. A caller who says
//! which revision it saw is told when that is no longer so; for one who does not, the verb is planned
//! again on what is there now, a bounded number of times.
//!
//! **Invariant:** what a person decides is marked in `person_set`, and policies leave it alone.
//! **Invariant:** a conversation whose customer waits does not end without a disposition.

use serde_json::json;

use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::{AgentId, ConversationId};
use crate::domain::merge::limits::LABEL_CHARS_MAX;
use crate::domain::organisation::Agent;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::domain::visible_text::{check_line, check_paragraphs};
use crate::flow::{Flow, FlowError, access};
use crate::store::{Note, PersonChange, StoreError};

mod ask_again;
mod claim;
mod close;
mod contact;
mod hand_off;
mod merge;
mod note;
mod release;
mod reopen;
mod reply;
mod set;
mod unmerge;

pub use ask_again::ask_again;
pub use claim::{Claiming, claim};
pub use close::close;
pub use contact::{ContactChange, change_contact};
pub use hand_off::{HAND_OFFS_MAX, HandOff, hand_off};
pub use merge::{MergeSuggestion, dismiss_suggestion, merge, suggestions};
pub use note::note;
pub use release::release;
pub use reopen::reopen;
pub use reply::{REPLY_CHARS_MAX, Reply, reply};
pub use set::{Facts, set};
pub use unmerge::unmerge;

/// How often a verb is planned again on a conversation that changes under it: more writers than
/// that at one conversation within milliseconds means that something is wrong.
const PLANS_MAX: u32 = 8;

/// Who does something to which conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Who asks.
    pub principal: Principal,
    /// The conversation.
    pub conversation: ConversationId,
    /// The name of the agent it is done for; absent when the principal is the agent, or nobody is.
    pub agent: Option<String>,
    /// The revision that was seen; absent to do it whatever happened meanwhile.
    pub revision: Option<i64>,
}

/// The person behind an [`Act`].
struct Actor {
    principal: Principal,
    agent: Option<Agent>,
}

impl Actor {
    fn of(flow: &Flow, act: &Act) -> Result<Self, FlowError> {
        let directory = flow.directory.load();
        let known = directory.agents().into_iter().filter(|it| act.principal.covers(it.department));
        let agent = match (&act.agent, act.principal.agent) {
            (Some(name), _) => Some(known.clone().find(|it| it.name == *name).cloned().ok_or_else(|| {
                let unknown = FlowError::unknown("agent", name, known.map(|it| it.name.as_str()));
                FlowError::invalid("/agent", unknown.to_string())
            })?),
            (None, Some(id)) => directory.agent(id).cloned(),
            (None, None) => None,
        };
        let own = act.principal.agent;
        if own.is_some() && own != agent.as_ref().map(|it| it.id) {
            return Err(FlowError::Forbidden("an agent acts for nobody else".to_owned()));
        }
        let principal = Principal { agent: agent.as_ref().map(|it| it.id), ..act.principal.clone() };
        Ok(Self { principal, agent })
    }

    /// The agent, for what only a person can have.
    fn required(&self) -> Result<&Agent, FlowError> {
        self.agent
            .as_ref()
            .ok_or_else(|| FlowError::invalid("/agent", "say the name of the agent this is done for"))
    }

    /// The name that remarks are signed with.
    fn name(&self) -> String {
        self.agent.as_ref().map_or_else(|| "admin".to_owned(), |it| it.name.clone())
    }
}

/// A change being planned.
struct Plan<'a> {
    flow: &'a Flow,
    actor: &'a Actor,
    now: Timestamp,
    change: PersonChange,
}

impl Plan<'_> {
    fn conversation(&mut self) -> &mut Conversation {
        &mut self.change.conversation
    }

    fn refuse_closed(&self) -> Result<(), FlowError> {
        match self.change.conversation.status {
            Status::Closed => {
                Err(FlowError::Conflict("the conversation is closed; reopen it first".to_owned()))
            }
            Status::Open | Status::Pending => Ok(()),
        }
    }

    fn remark(&mut self, text: String) {
        self.change.note = Some(Note {
            id: self.flow.id(),
            conversation: self.change.conversation.id,
            by: self.actor.name(),
            text,
            at: self.now,
        });
    }

    /// Nobody waits any longer: clocks end, and levels count from the start the next time.
    fn end_waiting(&mut self) {
        self.change.ends_waiting = true;
        let conversation = &mut self.change.conversation;
        conversation.waiting_since = None;
        conversation.deadline = None;
        conversation.escalation_level = 0;
    }
}

/// Changes a conversation that is the caller's department's to deal with.
async fn change(
    flow: &Flow,
    act: &Act,
    action: &str,
    plan: impl Fn(&mut Plan<'_>) -> Result<(), FlowError>,
) -> Result<Conversation, FlowError> {
    change_seen(flow, act, action, |draft| {
        access::check_turn(&flow.directory.load(), &act.principal, &draft.change.conversation)?;
        plan(draft)
    })
    .await
}

/// Loads, plans and writes, and does it again if the conversation changed in between.
async fn change_seen(
    flow: &Flow,
    act: &Act,
    action: &str,
    plan: impl Fn(&mut Plan<'_>) -> Result<(), FlowError>,
) -> Result<Conversation, FlowError> {
    let mut plans = 0;
    loop {
        plans += 1;
        let planned = planned(flow, act, action, &plan).await?;
        match flow.store.change_conversation(&planned).await {
            Err(StoreError::Stale(_)) if act.revision.is_none() && plans < PLANS_MAX => continue,
            Err(error) => return Err(error.into()),
            Ok(conversation) => return Ok(conversation),
        }
    }
}

async fn planned(
    flow: &Flow,
    act: &Act,
    action: &str,
    plan: &impl Fn(&mut Plan<'_>) -> Result<(), FlowError>,
) -> Result<PersonChange, FlowError> {
    // Whoever may not see the conversation hears nothing else.
    let conversation = load(flow, act).await?;
    let actor = Actor::of(flow, act)?;
    let now = flow.now();
    let detail = json!({ "revision": conversation.revision });
    let audit = flow.audit(&actor.principal, action, &conversation.id.to_string(), detail);
    let change = PersonChange {
        seen_revision: conversation.revision,
        conversation,
        note: None,
        reply: None,
        ends_waiting: false,
        event: None,
        audit,
    };
    let mut draft = Plan { flow, actor: &actor, now, change };
    plan(&mut draft)?;
    draft.change.conversation.updated_at = now;
    Ok(draft.change)
}

/// The conversation as it is now, if it can be acted on and is still the one that was seen.
async fn load(flow: &Flow, act: &Act) -> Result<Conversation, FlowError> {
    let id = act.conversation;
    let conversation = access::conversation(flow, &act.principal, id).await?;
    if let Some(into) = conversation.merged_into {
        return Err(FlowError::Conflict(format!("{id} was merged into {into}; act on that one")));
    }
    if conversation.erased_at.is_some() {
        return Err(FlowError::Gone(format!("{id} is erased: there is nobody to deal with any more")));
    }
    if act.revision.is_some_and(|seen| seen != conversation.revision) {
        return Err(FlowError::Stale(format!("conversation {id}")));
    }
    Ok(conversation)
}

/// Checks a text that a person wrote.
fn check_text(pointer: &str, text: &str, chars_max: usize) -> Result<(), FlowError> {
    check_paragraphs(text, chars_max)
        .map_err(|why| FlowError::invalid(pointer, format!("this is no text to be read: {why}")))
}

/// Checks a label that a person wrote: a line on every list.
fn check_label(pointer: &str, label: &str) -> Result<(), FlowError> {
    check_line(label, LABEL_CHARS_MAX)
        .map_err(|why| FlowError::invalid(pointer, format!("this is no label: {why}")))
}

/// An agent's name for people; its id if the agent is gone.
fn agent_name(flow: &Flow, id: AgentId) -> String {
    flow.directory.load().agent(id).map_or_else(|| id.to_string(), |agent| agent.name.clone())
}
