//! What a policy is asked, from the domain's words to the guest's.

use super::policy_world::exports::switchboard::plugin::policy as abi;
use super::policy_world::switchboard::plugin::types;
use super::words::ms;
use crate::domain::case::{
    Case, CaseField, ContactView, ConversationView, EarlierProposal, Event, InboxView, Occasion, PastItem,
};
use crate::domain::conversation::PersonSet;
use crate::domain::item::{Attachment, AttachmentSource, Attribute, Author, Item};
use crate::domain::proposal::{Action, Destination};

/// The lists of a case as the bindings want them: borrowed, and standing still while the guest
/// reads them.
///
/// What the policy did not declare to need is left out here, so that it cannot be forgotten later.
pub(crate) struct CaseLists<'a> {
    case: &'a Case,
    conversation_id: String,
    contact_id: String,
    contact: Option<&'a ContactView>,
    in_reply_to: Vec<&'a str>,
    attachments: Vec<types::Attachment<'a>>,
    item_attributes: Vec<types::AttributeParam<'a>>,
    tags: Vec<&'a str>,
    attributes: Vec<types::AttributeParam<'a>>,
    promises: Vec<abi::Promise>,
    history: Vec<abi::PastItem<'a>>,
    earlier_tags: Vec<Vec<&'a str>>,
}

impl<'a> CaseLists<'a> {
    /// The lists of `case` that a policy with these needs may see.
    pub(crate) fn new(case: &'a Case, needs: &[CaseField]) -> Self {
        let contact = case.contact.as_ref().filter(|_| needs.contains(&CaseField::Contact));
        let history: &[PastItem] = if needs.contains(&CaseField::History) { &case.history } else { &[] };
        Self {
            case,
            conversation_id: case.conversation.id.to_string(),
            contact_id: contact.map(|contact| contact.id.to_string()).unwrap_or_default(),
            contact,
            in_reply_to: case.item.in_reply_to.iter().map(String::as_str).collect(),
            attachments: case.item.attachments.iter().map(lower_attachment).collect(),
            item_attributes: case.item.attributes.iter().map(lower_attribute).collect(),
            tags: case.conversation.tags.iter().map(String::as_str).collect(),
            attributes: case.conversation.attributes.iter().map(lower_attribute).collect(),
            promises: case.inbox.promises.iter().map(lower_promise).collect(),
            history: history.iter().map(lower_past_item).collect(),
            earlier_tags: case.earlier.iter().map(tags_of).collect(),
        }
    }

    /// What earlier policies of the run proposed; [`CaseLists::lower`] borrows it.
    pub(crate) fn earlier(&self) -> Vec<abi::EarlierProposal<'_>> {
        self.case
            .earlier
            .iter()
            .zip(&self.earlier_tags)
            .map(|(earlier, tags)| abi::EarlierProposal {
                by: &earlier.by,
                proposal: abi::ProposalParam {
                    action: lower_action(&earlier.proposal.action, tags),
                    why: &earlier.proposal.why,
                },
            })
            .collect()
    }

    /// The case in the guest's words.
    pub(crate) fn lower<'b>(&'b self, earlier: &'b [abi::EarlierProposal<'b>]) -> abi::Case<'b> {
        abi::Case {
            now_ms: ms(self.case.now),
            item: self.item(&self.case.item),
            conversation: self.conversation(&self.case.conversation),
            inbox: self.inbox(&self.case.inbox),
            history: &self.history,
            contact: self.contact.map(|contact| abi::Contact {
                id: &self.contact_id,
                name: contact.name.as_deref(),
                vip: contact.vip,
                other_open_conversations: contact.other_open_conversations,
            }),
            earlier,
        }
    }

    fn item(&self, item: &'a Item) -> types::Item<'_> {
        types::Item {
            external_id: &item.external_id,
            in_reply_to: &self.in_reply_to,
            kind: item.kind.into(),
            visibility: item.visibility.into(),
            author: lower_author(&item.author),
            subject: item.subject.as_deref(),
            text: &item.text,
            quoted: item.quoted.as_deref(),
            html: item.html.as_deref(),
            language: item.language.as_deref(),
            permalink: item.permalink.as_deref(),
            attachments: &self.attachments,
            occurred_at_ms: ms(item.occurred_at),
            automatic: item.automatic.map(Into::into),
            attributes: &self.item_attributes,
        }
    }

    fn conversation(&self, conversation: &'a ConversationView) -> abi::Conversation<'_> {
        abi::Conversation {
            id: &self.conversation_id,
            status: conversation.status.into(),
            priority: conversation.priority.into(),
            destination: conversation.destination.as_ref().map(lower_destination),
            tags: &self.tags,
            attributes: &self.attributes,
            intent: conversation.intent.as_deref(),
            listening: conversation.listening.map(Into::into),
            language: conversation.language.as_deref(),
            deadline_ms: conversation.deadline.map(ms),
            waiting_since_ms: conversation.waiting_since.map(ms),
            opened_at_ms: ms(conversation.opened_at),
            item_count: conversation.item_count,
            reopened_count: conversation.reopened_count,
            handed_over_count: conversation.handed_over_count,
            escalation_level: conversation.escalation_level,
            person_set: lower_person_set(conversation.person_set),
        }
    }

    fn inbox(&self, inbox: &'a InboxView) -> abi::Inbox<'_> {
        abi::Inbox {
            name: &inbox.name,
            channel: &inbox.channel,
            department: &inbox.department,
            promises: &self.promises,
        }
    }
}

/// The event in the guest's words; `id` is its id as text.
pub(crate) fn lower_event<'a>(event: &'a Event, id: &'a str) -> abi::Event<'a> {
    abi::Event { id, occasion: lower_occasion(&event.occasion), at_ms: ms(event.at), depth: event.depth }
}

fn lower_occasion(occasion: &Occasion) -> abi::Occasion<'_> {
    match occasion {
        Occasion::ItemReceived => abi::Occasion::ItemReceived,
        Occasion::ItemEdited => abi::Occasion::ItemEdited,
        Occasion::ConversationReopened => abi::Occasion::ConversationReopened,
        Occasion::PromiseWarning { metric } => abi::Occasion::PromiseWarning((*metric).into()),
        Occasion::PromiseBreached { metric } => abi::Occasion::PromiseBreached((*metric).into()),
        // Whose timer it is stays with the host: only that activation is asked.
        Occasion::TimerDue { activation: _, key } => abi::Occasion::TimerDue(key),
        Occasion::AskedByHand => abi::Occasion::AskedByHand,
    }
}

fn lower_author(author: &Author) -> types::Author<'_> {
    types::Author {
        external_id: &author.external_id,
        handle: author.handle.as_deref(),
        name: author.name.as_deref(),
        followers: author.followers,
        verified: author.verified,
    }
}

fn lower_attribute(attribute: &Attribute) -> types::AttributeParam<'_> {
    types::AttributeParam { key: &attribute.key, value: &attribute.value }
}

fn lower_attachment(attachment: &Attachment) -> types::Attachment<'_> {
    types::Attachment {
        name: attachment.name.as_deref(),
        media_type: &attachment.media_type,
        source: match &attachment.source {
            AttachmentSource::Remote { url } => types::AttachmentSource::Remote(url),
            AttachmentSource::Part { offset_bytes, length_bytes, encoding } => {
                types::AttachmentSource::Part(types::DeliveryPart {
                    offset_bytes: *offset_bytes,
                    length_bytes: *length_bytes,
                    encoding: (*encoding).into(),
                })
            }
        },
    }
}

fn lower_promise(promise: &crate::domain::case::PromiseView) -> abi::Promise {
    abi::Promise {
        metric: promise.metric.into(),
        within_ms: u64::try_from(promise.within_ms).unwrap_or(0),
        due_at_ms: promise.due_at.map(ms),
    }
}

fn lower_past_item(past: &PastItem) -> abi::PastItem<'_> {
    abi::PastItem {
        direction: past.direction.into(),
        kind: past.kind.into(),
        author_name: past.author_name.as_deref(),
        text: &past.text,
        occurred_at_ms: ms(past.occurred_at),
    }
}

fn lower_destination(destination: &Destination) -> abi::DestinationParam<'_> {
    abi::DestinationParam {
        department: &destination.department,
        queue: destination.queue.as_deref(),
        assignee: destination.assignee.as_deref(),
    }
}

fn lower_person_set(set: PersonSet) -> abi::PersonSet {
    [
        (set.destination, abi::PersonSet::DESTINATION),
        (set.priority, abi::PersonSet::PRIORITY),
        (set.listening, abi::PersonSet::LISTENING),
        (set.intent, abi::PersonSet::INTENT),
        (set.language, abi::PersonSet::LANGUAGE),
    ]
    .into_iter()
    .filter(|(is_set, _)| *is_set)
    .fold(abi::PersonSet::default(), |flags, (_, flag)| flags | flag)
}

fn tags_of(earlier: &EarlierProposal) -> Vec<&str> {
    match &earlier.proposal.action {
        Action::Tags { tags } => tags.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn lower_action<'a>(action: &'a Action, tags: &'a [&'a str]) -> abi::ActionParam<'a> {
    use abi::ActionParam as Told;
    match action {
        Action::Destination(destination) => Told::Destination(lower_destination(destination)),
        Action::Priority { priority } => Told::Priority((*priority).into()),
        Action::Deadline { at } => Told::Deadline(ms(*at)),
        Action::Timer(timer) => Told::Timer(abi::TimerParam {
            key: &timer.key,
            due_at_ms: ms(timer.due_at),
            until_answered: timer.until_answered,
        }),
        Action::CancelTimer { key } => Told::CancelTimer(key),
        Action::Escalate(escalation) => Told::Escalate(abi::EscalationParam {
            level: escalation.level,
            to: escalation.to.as_ref().map(lower_destination),
            reason: &escalation.reason,
        }),
        Action::Tags { .. } => Told::Tags(tags),
        Action::Attribute { attribute } => Told::Attribute(lower_attribute(attribute)),
        Action::Listening { listening } => Told::Listening((*listening).into()),
        Action::Intent { intent } => Told::Intent(intent),
        Action::Language { language } => Told::Language(language),
        Action::Note { text } => Told::Note(text),
        Action::Spam => Told::Spam,
        Action::Abstain => Told::Abstain,
    }
}
