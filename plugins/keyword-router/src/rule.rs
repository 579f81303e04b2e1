//! Judges a case by the rules.
//!
//! A field is searched when the first rule asks for it, and not again. Rules are cheap after that: a
//! condition is a few bits.

use std::cell::OnceCell;

use switchboard_plugin_sdk::{
    Action, Case, Destination, ItemKind, Listening, Priority, Proposal, Visibility,
};

use crate::find::{Finder, Found, Needle};
use crate::settings::{Field, Mode};

/// The longest reason, in characters; the contract's number.
const WHY_CHARACTERS_MAX: usize = 1_000;
/// How many findings a reason names; people read no more.
const FINDINGS_MAX: usize = 5;

/// Rules, ready to be asked.
#[derive(Debug)]
pub struct Rules {
    pub(crate) mode: Mode,
    pub(crate) finder: Finder,
    /// Every field that any condition looks into.
    pub(crate) fields: Vec<Field>,
    pub(crate) rules: Vec<Rule>,
}

/// A rule, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rule {
    pub name: String,
    pub circumstances: Circumstances,
    pub any: Vec<Condition>,
    pub all: Vec<Condition>,
    pub none: Vec<Condition>,
    pub outcome: Outcome,
}

/// Things to look for, of which one suffices, and the fields to look into.
#[derive(Debug)]
pub(crate) struct Condition {
    pub sought: Vec<Sought>,
    /// Places in [`Rules::fields`].
    pub fields: Vec<usize>,
}

/// A thing to look for, and how a reason calls it.
#[derive(Debug)]
pub(crate) struct Sought {
    pub needle: Needle,
    pub label: String,
}

/// What a rule asks of a case besides its texts. Names are lower case.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub channels: Vec<String>,
    pub languages: Vec<String>,
    pub kinds: Vec<ItemKind>,
    pub visibility: Option<Visibility>,
    pub tagged: Vec<String>,
    /// How a reason tells them.
    pub label: String,
}

/// What a rule says.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub destination: Option<Destination>,
    pub priority: Option<Priority>,
    pub tags: Vec<String>,
    pub intent: Option<String>,
    pub listening: Option<Listening>,
    pub spam: bool,
}

/// A thing that was found, and the field it stands in.
type Finding<'r> = (&'r Sought, &'r Field);

impl Rules {
    /// What the rules say of a case.
    pub fn judge(&self, case: &Case) -> Vec<Proposal> {
        let texts = Texts::of(self, case);
        let mut said = Said::default();
        for rule in &self.rules {
            let Some(findings) = rule.holds(&texts) else {
                continue;
            };
            said.say(&rule.outcome, &rule.why(&findings));
            if self.mode == Mode::First {
                break;
            }
        }
        said.proposals()
    }
}

/// The texts of a case, searched on demand.
struct Texts<'r> {
    rules: &'r Rules,
    case: &'r Case,
    /// For each of the rules' fields what it holds; nothing where the case has no such field.
    found: Vec<OnceCell<Option<Found>>>,
}

impl<'r> Texts<'r> {
    fn of(rules: &'r Rules, case: &'r Case) -> Self {
        Self { rules, case, found: vec![OnceCell::new(); rules.fields.len()] }
    }

    /// The first thing of a condition that is found.
    fn find(&self, condition: &'r Condition) -> Option<Finding<'r>> {
        condition.fields.iter().find_map(|&place| {
            let field = &self.rules.fields[place];
            let found = self.found[place].get_or_init(|| {
                let text = field.of(self.case)?;
                Some(self.rules.finder.find(text))
            });
            let found = found.as_ref()?;
            let sought = condition.sought.iter();
            let sought = sought.clone().find(|sought| self.rules.finder.contains(found, sought.needle));
            sought.map(|sought| (sought, field))
        })
    }
}

impl Rule {
    /// What was found, when the rule holds.
    fn holds<'r>(&'r self, texts: &Texts<'r>) -> Option<Vec<Finding<'r>>> {
        if !self.circumstances.hold(texts.case) {
            return None;
        }
        if self.none.iter().any(|condition| texts.find(condition).is_some()) {
            return None;
        }
        let mut findings = Vec::with_capacity(FINDINGS_MAX);
        for condition in &self.all {
            findings.push(texts.find(condition)?);
        }
        let any: Vec<Finding> =
            self.any.iter().filter_map(|condition| texts.find(condition)).take(FINDINGS_MAX).collect();
        if any.is_empty() && !self.any.is_empty() {
            return None;
        }
        findings.extend(any);
        Some(findings)
    }

    /// Names the rule and what made it hold.
    fn why(&self, findings: &[Finding<'_>]) -> String {
        let mut why = format!("rule `{}`: ", self.name);
        for (index, (sought, field)) in findings.iter().take(FINDINGS_MAX).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            why.push_str(&format!("{comma}{} in {field}", sought.label));
        }
        if findings.is_empty() || !self.circumstances.label.is_empty() {
            why.push_str(if findings.is_empty() { "" } else { "; " });
            why.push_str(self.circumstances.or_everything());
        }
        if let Some((end, _)) = why.char_indices().nth(WHY_CHARACTERS_MAX) {
            why.truncate(end);
        }
        why
    }
}

impl Circumstances {
    fn hold(&self, case: &Case) -> bool {
        self.kinds_hold(case)
            && self.visibility.is_none_or(|wanted| wanted == case.item.visibility)
            && one_of(&self.channels, |channel| channel.eq_ignore_ascii_case(&case.inbox.channel))
            && one_of(&self.tagged, |tag| case.conversation.tags.contains(tag))
            && self.language_holds(case)
    }

    fn kinds_hold(&self, case: &Case) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&case.item.kind)
    }

    fn language_holds(&self, case: &Case) -> bool {
        if self.languages.is_empty() {
            return true;
        }
        let stated = case.item.language.as_ref();
        let Some(language) = stated.or(case.conversation.language.as_ref()) else {
            return false;
        };
        let ranges = self.languages.iter();
        ranges.clone().any(|range| is_in_range(language, range))
    }

    fn or_everything(&self) -> &str {
        if self.label.is_empty() { "nothing speaks against it" } else { &self.label }
    }
}

fn one_of(wanted: &[String], fits: impl FnMut(&String) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
}

/// RFC 4647, section 3.3.1: a range matches a tag that equals it or goes on after it with a subtag.
fn is_in_range(tag: &str, range: &str) -> bool {
    let Some(head) = tag.get(..range.len()) else {
        return false;
    };
    head.eq_ignore_ascii_case(range) && matches!(tag.as_bytes().get(range.len()), None | Some(b'-'))
}

/// What was said so far. Of contradictions the earlier counts, so that the host sees none.
#[derive(Default)]
struct Said {
    proposals: Vec<Proposal>,
}

impl Said {
    fn say(&mut self, outcome: &Outcome, why: &str) {
        let once = [
            outcome.destination.clone().map(Action::Destination),
            outcome.intent.clone().map(Action::Intent),
            outcome.listening.map(Action::Listening),
            outcome.spam.then_some(Action::Spam),
        ];
        for action in once.into_iter().flatten() {
            let kind = action.kind();
            if !self.proposals.iter().any(|earlier| earlier.action.kind() == kind) {
                self.proposals.push(action.because(why));
            }
        }
        let priority = outcome.priority.map(Action::Priority);
        let tags = (!outcome.tags.is_empty()).then(|| Action::Tags(outcome.tags.clone()));
        for action in [priority, tags].into_iter().flatten() {
            self.proposals.push(action.because(why));
        }
    }

    /// Everything that was said. Spam ends the run: labels and the like come before it, so that they
    /// still count; destinations after it, so that the record shows them as what did not.
    fn proposals(mut self) -> Vec<Proposal> {
        if self.proposals.iter().any(|proposal| proposal.action == Action::Spam) {
            self.proposals.sort_by_key(|proposal| match proposal.action {
                Action::Destination(_) => 2,
                Action::Spam => 1,
                _ => 0,
            });
        }
        self.proposals
    }
}
