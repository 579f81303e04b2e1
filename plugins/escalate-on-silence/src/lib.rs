//! Raises conversations level by level while nobody answers.
//!
//! - [`settings`]: what an admin sets.
//! - [`rule`]: which level is reached; pure.

pub mod rule;
pub mod settings;

use switchboard_plugin_sdk::prelude::*;

use crate::settings::Settings;

/// The policy.
#[derive(Debug)]
pub struct EscalateOnSilence {
    settings: Settings,
}

impl Policy for EscalateOnSilence {
    type Settings = Settings;
    const EVENTS: &'static [EventKind] = &[
        EventKind::ItemReceived,
        EventKind::ConversationReopened,
        EventKind::PromiseWarning,
        EventKind::PromiseBreached,
        EventKind::TimerDue,
        EventKind::AskedByHand,
    ];
    const PROPOSALS: &'static [ProposalKind] =
        &[ProposalKind::Escalate, ProposalKind::Priority, ProposalKind::Timer];

    fn configure(settings: Settings) -> Result<Self, Vec<SettingError>> {
        let errors = settings.check();
        if errors.is_empty() { Ok(Self { settings }) } else { Err(errors) }
    }

    fn evaluate(&self, event: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal> {
        Ok(rule::proposals(&self.settings, &event.occasion, case))
    }
}

export_policy!(EscalateOnSilence);
