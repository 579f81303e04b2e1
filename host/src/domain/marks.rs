//! Marks: the words that are put on a conversation (labels, facts, what is wanted, the language, the
//! names of timers), and by whose items they came about.
//!
//! Every type that carries some is taken apart here field by field, so that a new field does not compile
//! until somebody has decided whether it can say something about a person.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{ConversationView, Occasion};
use super::conversation::Conversation;
use super::decision::Outcome;
use super::ids::ActivationId;

/// A word on a conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// A label.
    Tag(String),
    /// A named fact, and what it is.
    Attribute(String, String),
    /// What is wanted.
    Intent(String),
    /// The language.
    Language(String),
    /// A policy's timer: whose, and its name for it.
    Timer(ActivationId, String),
}

/// The marks that a decision put on its conversation.
pub fn of_outcome(outcome: &Outcome) -> Vec<Mark> {
    let Outcome {
        routing: _,
        priority: _,
        deadline: _,
        timers,
        cancelled_timers: _,
        escalation: _,
        tags,
        attributes,
        listening: _,
        intent,
        language,
        notes: _,
        spam: _,
    } = outcome;
    let mut marks = of_words(tags, attributes.iter(), intent.as_ref(), language.as_ref());
    marks.extend(timers.iter().map(|it| Mark::Timer(it.activation, it.timer.key.clone())));
    marks
}

/// The marks that a policy saw on the conversation.
pub fn of_view(view: &ConversationView) -> Vec<Mark> {
    let ConversationView {
        id: _,
        status: _,
        priority: _,
        destination: _,
        tags,
        attributes,
        intent,
        listening: _,
        language,
        deadline: _,
        waiting_since: _,
        opened_at: _,
        item_count: _,
        reopened_count: _,
        handed_over_count: _,
        escalation_level: _,
        person_set: _,
    } = view;
    let attributes = attributes.iter().map(|it| (&it.key, &it.value));
    of_words(tags, attributes, intent.as_ref(), language.as_ref())
}

/// The marks on a conversation.
pub fn of_conversation(conversation: &Conversation) -> Vec<Mark> {
    let Conversation {
        id: _,
        inbox: _,
        thread_key: _,
        contact: _,
        identity: _,
        subject: _,
        status: _,
        place: _,
        priority: _,
        tags,
        attributes,
        intent,
        listening: _,
        language,
        deadline: _,
        waiting_since: _,
        promise_started_for: _,
        first_answered_at: _,
        opened_at: _,
        updated_at: _,
        item_count: _,
        reopened_count: _,
        handed_over_count: _,
        escalation_level: _,
        person_set: _,
        disposition: _,
        merged_into: _,
        erased_at: _,
        revision: _,
    } = conversation;
    of_words(tags, attributes.iter(), intent.as_ref(), language.as_ref())
}

/// The mark that an occasion names.
pub fn of_occasion(occasion: &Occasion) -> Option<Mark> {
    match occasion {
        Occasion::TimerDue { activation, key } => Some(Mark::Timer((*activation)?, key.clone())),
        Occasion::ItemReceived
        | Occasion::ItemEdited
        | Occasion::ConversationReopened
        | Occasion::PromiseWarning { .. }
        | Occasion::PromiseBreached { .. }
        | Occasion::AskedByHand => None,
    }
}

fn of_words<'a>(
    tags: impl IntoIterator<Item = &'a String>,
    attributes: impl Iterator<Item = (&'a String, &'a String)>,
    intent: Option<&String>,
    language: Option<&String>,
) -> Vec<Mark> {
    let mut marks: Vec<Mark> = tags.into_iter().cloned().map(Mark::Tag).collect();
    marks.extend(attributes.map(|(key, value)| Mark::Attribute(key.clone(), value.clone())));
    marks.extend(intent.cloned().map(Mark::Intent));
    marks.extend(language.cloned().map(Mark::Language));
    marks
}

/// By whose items the marks of one conversation came about: of somebody who is erased, or of others.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    theirs: BTreeSet<Mark>,
    /// Each with its place in the order in which they were said last.
    others: BTreeMap<Mark, usize>,
    said: usize,
}

impl Origins {
    /// These came about by items of who is erased.
    pub fn add_theirs(&mut self, marks: impl IntoIterator<Item = Mark>) {
        self.theirs.extend(marks);
    }

    /// These came about by items of others.
    pub fn add_others(&mut self, marks: impl IntoIterator<Item = Mark>) {
        for mark in marks {
            self.said += 1;
            let _ = self.others.insert(mark, self.said);
        }
    }

    /// Takes over what another conversation brought with it.
    pub fn join(&mut self, other: &Self) {
        self.theirs.extend(other.theirs.iter().cloned());
        let mut others: Vec<_> = other.others.iter().collect();
        others.sort_unstable_by_key(|(_, said)| **said);
        self.add_others(others.into_iter().map(|(mark, _)| mark.clone()));
    }

    /// Whether it came about by who is erased, and by nobody else.
    pub fn is_theirs(&self, mark: &Mark) -> bool {
        self.theirs.contains(mark) && !self.others.contains_key(mark)
    }

    /// The timers that go.
    pub fn timers(&self) -> impl Iterator<Item = (ActivationId, &str)> {
        self.theirs.iter().filter(|it| self.is_theirs(it)).filter_map(|it| match it {
            Mark::Timer(activation, key) => Some((*activation, key.as_str())),
            Mark::Tag(_) | Mark::Attribute(..) | Mark::Intent(_) | Mark::Language(_) => None,
        })
    }

    /// Takes off what goes. Where others had said something in its place before, that stands again.
    pub fn take_off(&self, conversation: &mut Conversation) {
        conversation.tags.retain(|it| !self.is_theirs(&Mark::Tag(it.clone())));
        let facts = std::mem::take(&mut conversation.attributes);
        for (key, value) in facts {
            let mark = Mark::Attribute(key.clone(), value.clone());
            let kept = if self.is_theirs(&mark) { self.last_fact(&key) } else { Some(value) };
            conversation.attributes.extend(kept.map(|it| (key, it)));
        }
        // What a person has set is that person's word.
        if !conversation.person_set.intent {
            let is_gone = |it: &String| self.is_theirs(&Mark::Intent(it.clone()));
            if conversation.intent.as_ref().is_some_and(is_gone) {
                conversation.intent = self.last(|it| match it {
                    Mark::Intent(intent) => Some(intent),
                    _ => None,
                });
            }
        }
        if !conversation.person_set.language {
            let is_gone = |it: &String| self.is_theirs(&Mark::Language(it.clone()));
            if conversation.language.as_ref().is_some_and(is_gone) {
                conversation.language = self.last(|it| match it {
                    Mark::Language(language) => Some(language),
                    _ => None,
                });
            }
        }
    }

    fn last_fact(&self, wanted: &str) -> Option<String> {
        self.last(|it| match it {
            Mark::Attribute(key, value) if key == wanted => Some(value),
            _ => None,
        })
    }

    /// What others said last of this sort.
    fn last(&self, of_sort: impl Fn(&Mark) -> Option<&String>) -> Option<String> {
        let said = self.others.iter().filter_map(|(mark, said)| Some((said, of_sort(mark)?)));
        said.max_by_key(|(said, _)| **said).map(|(_, it)| it.clone())
    }
}
