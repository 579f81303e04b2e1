//! Routes by words and patterns: ordered rules, of which the first that holds speaks, or all.
//!
//! A call starts from the memory as `configure` left it, in a fresh instance, so whatever is written
//! costs a page. All rules together are therefore one automaton for words and few for patterns, built
//! once, read-only from then on, and run over each field at most once.
//!
//! - [`settings`]: what an admin sets.
//! - [`compile`]: from settings to rules, with every error at its place.
//! - [`rule`]: judges a case by the rules; pure.
//! - [`find`]: which words and patterns a text holds.
//! - [`fold`]: the form in which texts are compared.

pub mod compile;
pub mod find;
pub mod fold;
pub mod rule;
pub mod settings;

use switchboard_plugin_sdk::prelude::*;

use crate::rule::Rules;
use crate::settings::Settings;

/// The policy.
#[derive(Debug)]
pub struct KeywordRouter {
    rules: Rules,
}

impl Policy for KeywordRouter {
    type Settings = Settings;
    const EVENTS: &'static [EventKind] = &[
        EventKind::ItemReceived,
        EventKind::ItemEdited,
        EventKind::ConversationReopened,
        EventKind::AskedByHand,
    ];
    const PROPOSALS: &'static [ProposalKind] = &[
        ProposalKind::Destination,
        ProposalKind::Priority,
        ProposalKind::Tags,
        ProposalKind::Intent,
        ProposalKind::Listening,
        ProposalKind::Spam,
    ];

    fn configure(settings: Settings) -> Result<Self, Vec<SettingError>> {
        let rules = compile::rules(settings)?;
        Ok(Self { rules })
    }

    fn evaluate(&self, _: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal> {
        Ok(self.rules.judge(case))
    }
}

export_policy!(KeywordRouter);
