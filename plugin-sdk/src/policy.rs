//! What an author of a policy implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::types::{Case, CaseField, Event, EventKind, Proposal, ProposalKind, Refusal, SettingError};

/// A routing or escalation policy: a case in, proposals out.
///
/// It is configured once; the memory is kept from that moment, and every call starts from it. So
/// whatever is dear (compiling patterns, building tables) belongs into [`configure`](Self::configure),
/// and nothing can be remembered from one case to the next.
pub trait Policy: Sized + 'static {
    /// Settings of an activation; the JSON Schema that admins see comes from this type.
    type Settings: DeserializeOwned + JsonSchema;

    /// The events this policy is asked about.
    const EVENTS: &'static [EventKind] = &[EventKind::ItemReceived];

    /// The kinds of proposal it may make; any other is refused by the host.
    const PROPOSALS: &'static [ProposalKind];

    /// Parts of the case that are only handed over on demand.
    const NEEDS: &'static [CaseField] = &[];

    /// Prepares for settings that already match the schema.
    ///
    /// # Errors
    /// Everything that is wrong with them beyond the schema, each with its place.
    fn configure(settings: Self::Settings) -> Result<Self, Vec<SettingError>>;

    /// Judges one case; an empty list means that there is nothing to say.
    ///
    /// # Errors
    /// Why this case cannot be judged. The host records it and goes on without this policy.
    fn evaluate(&self, event: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal>;
}
