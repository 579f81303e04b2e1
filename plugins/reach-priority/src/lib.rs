//! Raises the priority and shortens the deadline of what many people see, or what somebody important
//! wrote.
//!
//! - [`settings`]: what an admin sets.
//! - [`rule`]: what an item is worth; pure.

pub mod rule;
pub mod settings;

use std::collections::BTreeSet;

use switchboard_plugin_sdk::prelude::*;

use crate::settings::Settings;

/// The policy.
#[derive(Debug)]
pub struct ReachPriority {
    settings: Settings,
    vips: BTreeSet<String>,
}

impl Policy for ReachPriority {
    type Settings = Settings;
    const EVENTS: &'static [EventKind] = &[
        EventKind::ItemReceived,
        EventKind::ItemEdited,
        EventKind::ConversationReopened,
        EventKind::AskedByHand,
    ];
    const PROPOSALS: &'static [ProposalKind] =
        &[ProposalKind::Priority, ProposalKind::Deadline, ProposalKind::Tags];
    const NEEDS: &'static [CaseField] = &[CaseField::Contact];

    fn configure(settings: Settings) -> Result<Self, Vec<SettingError>> {
        let errors = rule::check(&settings);
        if !errors.is_empty() {
            return Err(errors);
        }
        let vips = settings.vip_identities.iter();
        let vips = vips.map(|identity| rule::identity(identity)).collect();
        Ok(Self { settings, vips })
    }

    fn evaluate(&self, _: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal> {
        Ok(rule::proposals(&self.settings, &self.vips, case))
    }
}

export_policy!(ReachPriority);
