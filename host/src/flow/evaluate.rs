//! A case is judged that is only imagined: the decision, and who proposed what. Nothing is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ingest::Held;
use super::pipeline::EnabledPolicy;
use super::route::ask::Counted;
use super::route::decide::{Decided, Situation, concerned, decide};
use super::{Flow, FlowError, access};
use crate::domain::case::{Case, ConversationView, Event, Occasion};
use crate::domain::conversation::Conversation;
use crate::domain::decision::{Contribution, Outcome};
use crate::domain::ids::{ContactId, GenerationId, IdentityId, InboxId};
use crate::domain::organisation::Directory;
use crate::domain::principal::Principal;
use crate::plugin::Lane;

/// How many activations may be asked by name: more than a department has as a rule, and each name is compared with
/// each policy.
const ACTIVATIONS_MAX: usize = 128;

/// A case to judge.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateRequest {
    /// Why the policies are asked; `item-received` when absent.
    #[serde(default)]
    pub event: Option<Event>,
    /// The case.
    pub case: Case,
    /// Names of the activations to ask, 128 at most, whatever their scope; all that the scope covers when absent.
    #[serde(default)]
    pub activations: Option<Vec<String>>,
}

/// What would be decided.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// The pipeline that was asked.
    pub generation: Option<GenerationId>,
    /// What would change.
    pub outcome: Outcome,
    /// What each policy said, in the pipeline's order.
    pub contributions: Vec<Contribution>,
}

/// Judges a case as the pipeline would now, while the caller waits. `held` is what the case takes until it is
/// judged or given up.
pub async fn evaluate(
    flow: &Flow,
    principal: &Principal,
    request: EvaluateRequest,
    held: Held,
) -> Result<Evaluation, FlowError> {
    let pipeline = flow.pipeline.load_full();
    let directory = flow.directory.load_full();
    let EvaluateRequest { event, mut case, activations } = request;
    let inbox = Arc::clone(access::inbox(&directory, principal, &case.inbox.name)?);
    let event =
        event.unwrap_or(Event { id: flow.id(), occasion: Occasion::ItemReceived, at: case.now, depth: 0 });
    let asked: Vec<Arc<EnabledPolicy>> = match &activations {
        Some(names) => named(&pipeline.policies, principal, names)?,
        None => concerned(&pipeline, &event, &inbox, &directory).cloned().collect(),
    };
    let conversation = imagine(&case.conversation, inbox.id, &directory)?;
    let telemetry = Arc::clone(&flow.telemetry);
    let judged = flow.plugins.executor().run_while_asked(Lane::Trying(principal.department), move || {
        let _held = held;
        // Of what is only imagined nothing waits.
        let situation = Situation {
            conversation: &conversation,
            inbox: &inbox,
            directory: &directory,
            open_timers: &[],
            telemetry: &telemetry,
            counted: Counted::No,
        };
        decide(asked.iter(), &event, &mut case, &situation)
    });
    let decided = judged.await.map_err(|error| FlowError::Unavailable(error.to_string()))?;
    let Decided { outcome, contributions, .. } = decided;
    Ok(Evaluation { generation: pipeline.generation, outcome, contributions })
}

fn named(
    policies: &[Arc<EnabledPolicy>],
    principal: &Principal,
    names: &[String],
) -> Result<Vec<Arc<EnabledPolicy>>, FlowError> {
    if names.len() > ACTIVATIONS_MAX {
        let detail = format!("{} names, the most is {ACTIVATIONS_MAX}", names.len());
        return Err(FlowError::invalid("/activations", detail));
    }
    let seen = policies.iter().filter(|it| principal.covers_owner(it.activation.owner));
    for name in names {
        if !seen.clone().any(|it| it.activation.name == *name) {
            let known = seen.map(|it| it.activation.name.as_str());
            return Err(FlowError::unknown("enabled policy", name, known));
        }
    }
    Ok(seen.filter(|it| names.contains(&it.activation.name)).cloned().collect())
}

/// A conversation that looks like this.
fn imagine(
    view: &ConversationView,
    inbox: InboxId,
    directory: &Directory,
) -> Result<Conversation, FlowError> {
    let place = match &view.destination {
        Some(destination) => Some(
            directory
                .resolve(destination)
                .map_err(|error| FlowError::invalid("/case/conversation/destination", error.to_string()))?,
        ),
        None => None,
    };
    Ok(Conversation {
        id: view.id,
        inbox,
        thread_key: String::new(),
        contact: ContactId(0),
        identity: IdentityId(0),
        subject: None,
        status: view.status,
        place,
        priority: view.priority,
        tags: view.tags.iter().cloned().collect(),
        attributes: view
            .attributes
            .iter()
            .map(|it| (it.key.clone(), it.value.clone()))
            .collect::<BTreeMap<_, _>>(),
        intent: view.intent.clone(),
        listening: view.listening,
        language: view.language.clone(),
        deadline: view.deadline,
        waiting_since: view.waiting_since,
        promise_started_for: None,
        first_answered_at: None,
        opened_at: view.opened_at,
        updated_at: view.opened_at,
        item_count: view.item_count,
        reopened_count: view.reopened_count,
        handed_over_count: view.handed_over_count,
        escalation_level: view.escalation_level,
        person_set: view.person_set,
        disposition: None,
        merged_into: None,
        erased_at: None,
        revision: 0,
    })
}
