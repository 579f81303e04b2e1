//! A policy on the bench.

use serde_json::Value;

use super::verdict::{self, Failure};
use crate::types::{Case, CaseField, Event, Proposal, SettingError};
use crate::{Policy, settings};

/// A configured policy, asked the way the host asks.
#[derive(Debug)]
pub struct PolicyUnderTest<P> {
    policy: P,
}

/// Configures a policy.
///
/// # Errors
/// What is wrong with the settings.
#[allow(clippy::needless_pass_by_value, reason = "settings are written in place with serde_json::json!")]
pub fn policy<P: Policy>(settings: Value) -> Result<PolicyUnderTest<P>, Vec<SettingError>> {
    super::demand_object_schema::<P::Settings>()?;
    let settings = settings::parse(&settings.to_string()).map_err(|error| vec![error])?;
    let policy = P::configure(settings)?;
    Ok(PolicyUnderTest { policy })
}

impl<P: Policy> PolicyUnderTest<P> {
    /// Judges a case upon an event.
    ///
    /// # Errors
    /// The failure that the host would record.
    pub fn evaluate(&self, event: &Event, case: &Case) -> Result<Vec<Proposal>, Failure> {
        let kind = event.occasion.kind();
        if !P::EVENTS.contains(&kind) {
            return Err(Failure::UndeclaredEvent(kind));
        }
        let proposals = self.policy.evaluate(event, &granted::<P>(case)).map_err(Failure::Refused)?;
        for proposal in &proposals {
            verdict::check::<P>(proposal)?;
        }
        Ok(proposals)
    }
}

/// The case without what the policy did not declare.
fn granted<P: Policy>(case: &Case) -> Case {
    let mut case = case.clone();
    if !P::NEEDS.contains(&CaseField::History) {
        case.history.clear();
    }
    if !P::NEEDS.contains(&CaseField::Contact) {
        case.contact = None;
    }
    case
}
