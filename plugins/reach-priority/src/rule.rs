//! What an item is worth.
//!
//! Several reasons may hold at once. The host would take the highest priority and the earliest
//! deadline itself; choosing here leaves one sentence to read instead of four.

use std::collections::BTreeSet;

use switchboard_plugin_sdk::{
    Action, Case, Duration, Priority, Proposal, SettingError, TimestampMs, Visibility,
};

use crate::settings::{Settings, Worth};

/// The longest label, in characters; the contract's number.
const TAG_CHARACTERS_MAX: usize = 64;

/// A reason that holds for a case, and what it is worth.
struct Reason<'s> {
    why: String,
    priority: Option<Priority>,
    within: Option<Duration>,
    tags: &'s [String],
}

impl<'s> Reason<'s> {
    fn new(why: impl Into<String>, worth: &'s Worth) -> Self {
        Self { why: why.into(), priority: worth.priority, within: worth.within, tags: &worth.tags }
    }
}

/// What is wrong with settings beyond their schema.
pub fn check(settings: &Settings) -> Vec<SettingError> {
    let mut errors = Vec::new();
    for (index, step) in settings.followers.iter().enumerate() {
        check_tags(&format!("/followers/{index}/tags"), &step.tags, &mut errors);
    }
    check_tags("/public/tags", &settings.public.tags, &mut errors);
    check_tags("/verified/tags", &settings.verified.tags, &mut errors);
    check_tags("/vip/tags", &settings.vip.tags, &mut errors);
    for (index, identity_set) in settings.vip_identities.iter().enumerate() {
        if identity(identity_set).is_empty() {
            let pointer = format!("/vip-identities/{index}");
            errors.push(SettingError::at(pointer, "must name somebody"));
        }
    }
    errors
}

fn check_tags(pointer: &str, tags: &[String], errors: &mut Vec<SettingError>) {
    for (index, tag) in tags.iter().enumerate() {
        if !(1..=TAG_CHARACTERS_MAX).contains(&tag.chars().count()) {
            let message = format!("a tag has 1 to {TAG_CHARACTERS_MAX} characters");
            errors.push(SettingError::at(format!("{pointer}/{index}"), message));
        }
    }
}

/// An identity in the form in which identities are compared.
pub fn identity(text: &str) -> String {
    text.trim().trim_start_matches('@').to_lowercase()
}

/// Judges a case.
pub fn proposals(settings: &Settings, vips: &BTreeSet<String>, case: &Case) -> Vec<Proposal> {
    // Nobody waits for an answer to what a machine wrote, however many read it.
    if case.item.automatic.is_some() {
        return Vec::new();
    }
    let reasons: Vec<Reason> = [
        very_important(settings, vips, case),
        followed(settings, case),
        verified(settings, case),
        public(settings, case),
    ]
    .into_iter()
    .flatten()
    .collect();
    [priority(&reasons), deadline(&reasons, case), tags(&reasons)].into_iter().flatten().collect()
}

fn very_important<'s>(settings: &'s Settings, vips: &BTreeSet<String>, case: &Case) -> Option<Reason<'s>> {
    if case.contact.as_ref().is_some_and(|contact| contact.vip) {
        return Some(Reason::new("the contact is marked as very important", &settings.vip));
    }
    if vips.is_empty() {
        return None;
    }
    let author = &case.item.author;
    let listed = [Some(&author.external_id), author.handle.as_ref()]
        .into_iter()
        .flatten()
        .find(|name| vips.contains(&identity(name)))?;
    let why = format!("`{listed}` is on the list of very important people");
    Some(Reason::new(why, &settings.vip))
}

fn followed<'s>(settings: &'s Settings, case: &Case) -> Option<Reason<'s>> {
    let followers = case.item.author.followers?;
    let seen_there =
        |visibility: Option<Visibility>| visibility.is_none_or(|wanted| wanted == case.item.visibility);
    let steps = settings.followers.iter();
    let step = steps
        .filter(|step| followers >= step.at_least && seen_there(step.visibility))
        .max_by_key(|step| step.at_least)?;
    Some(Reason {
        why: format!("the author has {followers} followers, {} or more", step.at_least),
        priority: step.priority,
        within: step.within,
        tags: &step.tags,
    })
}

fn verified<'s>(settings: &'s Settings, case: &Case) -> Option<Reason<'s>> {
    let why = "the channel vouches for the author";
    let verified = case.item.author.verified;
    verified.then(|| Reason::new(why, &settings.verified))
}

fn public<'s>(settings: &'s Settings, case: &Case) -> Option<Reason<'s>> {
    let public = case.item.visibility == Visibility::Public;
    public.then(|| Reason::new("anybody can read it", &settings.public))
}

/// The highest priority; of equal ones the first reason's.
fn priority(reasons: &[Reason<'_>]) -> Option<Proposal> {
    let reasons = reasons.iter().rev();
    let (priority, reason) = reasons
        .filter_map(|reason| Some((reason.priority?, reason)))
        .max_by_key(|(priority, _)| *priority)?;
    Some(Action::Priority(priority).because(&reason.why))
}

/// The earliest deadline, where somebody waits.
fn deadline(reasons: &[Reason<'_>], case: &Case) -> Option<Proposal> {
    let since_ms: TimestampMs = case.conversation.waiting_since_ms?;
    let (within, reason) = reasons
        .iter()
        .filter_map(|reason| Some((reason.within?, reason)))
        .min_by_key(|(within, _)| *within)?;
    let due_at_ms = since_ms.saturating_add(within.as_ms());
    let why = format!("answer within {within}: {}", reason.why);
    Some(Action::Deadline(due_at_ms).because(why))
}

/// All labels, each once.
fn tags(reasons: &[Reason<'_>]) -> Option<Proposal> {
    let tagging: Vec<&Reason> = reasons.iter().filter(|reason| !reason.tags.is_empty()).collect();
    let tags: BTreeSet<&String> = tagging.iter().flat_map(|reason| reason.tags).collect();
    let whys: Vec<&str> = tagging.iter().map(|reason| reason.why.as_str()).collect();
    if tags.is_empty() {
        return None;
    }
    Some(Action::tags(tags.into_iter().cloned()).because(whys.join("; ")))
}
