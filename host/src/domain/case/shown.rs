//! The case as policies are shown it: every text and every list is cut to a documented size.
//!
//! The repository keeps the whole. The cut depends on the case alone, so a replay makes the same one; a
//! receipt names the rule by its [`VERSION`].
//!
//! **Invariant:** a shown case is smaller than [`CASE_BYTES_MAX`].
//! **Invariant:** a second cut changes nothing.

use super::{Case, CaseField, ContactView, ConversationView, EarlierProposal, InboxView, PastItem};
use crate::domain::item::{Attachment, AttachmentSource, Attribute, Author, BEGINNING_TEXT_BYTES_MAX, Item};
use crate::domain::proposal::{Destination, Proposal};

/// Counts the rules of the cut. Decisions from before the first one have version 0: nothing was cut.
pub const VERSION: u16 = 1;

/// Ends a text that was cut. No letters, so that no rule about words finds it.
pub const MARK: &str = " […]";

/// An item's own text: six times the longest letter that a person types, and a whole transcript of an hour's call.
pub const TEXT_BYTES_MAX: usize = 64 * KIB;
/// An item's markup, which says the same once more.
pub const MARKUP_BYTES_MAX: usize = 32 * KIB;
/// Quoted history and signature: the conversation has these texts as items of their own.
pub const QUOTED_BYTES_MAX: usize = 16 * KIB;
/// A subject. Mail folds its lines at 998 bytes (RFC 5322, section 2.1.1).
pub const SUBJECT_BYTES_MAX: usize = KIB;
/// The text of an earlier item; at most ten of them are shown.
pub const HISTORY_TEXT_BYTES_MAX: usize = 8 * KIB;
/// A channel's id of something, or a URL.
pub const ID_BYTES_MAX: usize = KIB;
/// A name of any sort, a label, a language, a key. A label of the contract has 64 characters, at most 256 bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// How many entries of a list are shown.
pub const ENTRIES_MAX: usize = 64;
/// The ids an item answers, together.
pub const REFERENCES_BYTES_MAX: usize = 8 * KIB;
/// What is said of an item's attachments, together.
pub const ATTACHMENTS_BYTES_MAX: usize = 16 * KIB;
/// An item's further facts, together.
pub const ITEM_FACTS_BYTES_MAX: usize = 16 * KIB;
/// A conversation's facts, together: as many as it can have.
pub const CONVERSATION_FACTS_BYTES_MAX: usize = 64 * KIB;
/// Earlier proposals of the run, together.
pub const EARLIER_BYTES_MAX: usize = 64 * KIB;
/// How many earlier proposals of the run are shown: as many as four policies may make.
pub const EARLIER_MAX: usize = 256;

/// What an entry of a list counts for besides its texts: the guest builds a record for it.
pub const ENTRY_BYTES: usize = 64;

/// More than every part's largest size together. A test holds the parts to it.
pub const CASE_BYTES_MAX: usize = 416 * KIB;

const KIB: usize = 1024;

// A history is read from the beginnings of its items.
const _: () = assert!(HISTORY_TEXT_BYTES_MAX + 4 <= BEGINNING_TEXT_BYTES_MAX);

impl Case {
    /// Cuts the case to what is shown.
    pub fn cut(&mut self) {
        let Self { now: _, item, conversation, inbox, history, contact, earlier } = self;
        cut_item(item);
        cut_conversation(conversation);
        let InboxView { name, channel, department, promises } = inbox;
        [name, channel, department].into_iter().for_each(|it| cut(it, NAME_BYTES_MAX));
        promises.truncate(ENTRIES_MAX);
        // The latest are last.
        history.drain(..history.len().saturating_sub(super::HISTORY_MAX));
        history.iter_mut().for_each(PastItem::cut);
        if let Some(ContactView { id: _, name, vip: _, other_open_conversations: _ }) = contact {
            cut_some(name, NAME_BYTES_MAX);
        }
        keep(earlier, EARLIER_MAX, EARLIER_BYTES_MAX, earlier_bytes);
    }

    /// How large the case is for a policy that sees these fields, in bytes.
    pub fn bytes(&self, needs: &[CaseField]) -> usize {
        let Self { now: _, item, conversation, inbox, history, contact, earlier } = self;
        let history = history.iter().filter(|_| needs.contains(&CaseField::History));
        let contact = contact.as_ref().filter(|_| needs.contains(&CaseField::Contact));
        let InboxView { name, channel, department, promises } = inbox;
        item_bytes(item)
            + conversation_bytes(conversation)
            + name.len()
            + channel.len()
            + department.len()
            + ENTRY_BYTES * promises.len()
            + history.map(|it| ENTRY_BYTES + it.text.len() + length(&it.author_name)).sum::<usize>()
            + contact.map_or(0, |it| length(&it.name))
            + earlier.iter().map(earlier_bytes).sum::<usize>()
    }

    /// The case without anything that its sender, its contact or a policy said: for asking whether a policy
    /// fails whatever it is shown.
    pub fn neutral(&self) -> Self {
        let Item { kind, visibility, occurred_at, .. } = self.item;
        let conversation = ConversationView {
            tags: Vec::new(),
            attributes: Vec::new(),
            intent: None,
            language: None,
            ..self.conversation.clone()
        };
        let item = Item {
            external_id: "control".to_owned(),
            in_reply_to: Vec::new(),
            kind,
            visibility,
            author: Author { external_id: "control".to_owned(), ..Author::default() },
            subject: None,
            text: "Hello.".to_owned(),
            quoted: None,
            html: None,
            language: None,
            permalink: None,
            attachments: Vec::new(),
            occurred_at,
            automatic: None,
            attributes: Vec::new(),
        };
        let contact = self.contact.clone().map(|it| ContactView { name: None, ..it });
        let (history, earlier) = (Vec::new(), Vec::new());
        Self { now: self.now, item, conversation, inbox: self.inbox.clone(), history, contact, earlier }
    }
}

impl PastItem {
    /// Cuts the item to what is shown of it.
    pub fn cut(&mut self) {
        let Self { direction: _, kind: _, author_name, text, occurred_at: _ } = self;
        cut_some(author_name, NAME_BYTES_MAX);
        cut(text, HISTORY_TEXT_BYTES_MAX);
        // What was cut off is given back, too.
        text.shrink_to_fit();
    }
}

/// What a proposal counts for among the earlier ones.
pub fn earlier_bytes(earlier: &EarlierProposal) -> usize {
    earlier.by.len() + proposal_bytes(&earlier.proposal)
}

/// What a proposal counts for.
pub fn proposal_bytes(proposal: &Proposal) -> usize {
    let entries = ENTRY_BYTES * (1 + proposal.action.entries());
    entries + proposal.texts().map(str::len).sum::<usize>()
}

/// Cuts a text between two characters, and marks it.
pub fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max - MARK.len()));
        text.push_str(MARK);
    }
}

fn cut_some(text: &mut Option<String>, bytes_max: usize) {
    text.iter_mut().for_each(|it| cut(it, bytes_max));
}

/// Keeps the first entries, as many as fit.
fn keep<T>(list: &mut Vec<T>, entries_max: usize, bytes_max: usize, size: impl Fn(&T) -> usize) {
    let mut bytes = 0;
    let fits = |it: &&T| {
        bytes += size(it);
        bytes <= bytes_max
    };
    let kept = list.iter().take(entries_max).take_while(fits).count();
    list.truncate(kept);
}

fn cut_item(item: &mut Item) {
    let Item {
        external_id,
        in_reply_to,
        kind: _,
        visibility: _,
        author: Author { external_id: author_id, handle, name, followers: _, verified: _ },
        subject,
        text,
        quoted,
        html,
        language,
        permalink,
        attachments,
        occurred_at: _,
        automatic: _,
        attributes,
    } = item;
    cut(text, TEXT_BYTES_MAX);
    cut_some(html, MARKUP_BYTES_MAX);
    cut_some(quoted, QUOTED_BYTES_MAX);
    cut_some(subject, SUBJECT_BYTES_MAX);
    [external_id, author_id].into_iter().for_each(|it| cut(it, ID_BYTES_MAX));
    cut_some(permalink, ID_BYTES_MAX);
    [handle, name, language].into_iter().for_each(|it| cut_some(it, NAME_BYTES_MAX));
    in_reply_to.truncate(ENTRIES_MAX);
    in_reply_to.iter_mut().for_each(|it| cut(it, ID_BYTES_MAX));
    keep(in_reply_to, ENTRIES_MAX, REFERENCES_BYTES_MAX, String::len);
    attachments.truncate(ENTRIES_MAX);
    attachments.iter_mut().for_each(cut_attachment);
    keep(attachments, ENTRIES_MAX, ATTACHMENTS_BYTES_MAX, attachment_bytes);
    cut_facts(attributes, ITEM_FACTS_BYTES_MAX);
}

fn cut_attachment(attachment: &mut Attachment) {
    let Attachment { name, media_type, source } = attachment;
    cut_some(name, NAME_BYTES_MAX);
    cut(media_type, NAME_BYTES_MAX);
    match source {
        AttachmentSource::Remote { url } => cut(url, ID_BYTES_MAX),
        AttachmentSource::Part { .. } => {}
    }
}

/// A value that is too long by itself is cut; of the facts together the first are shown.
fn cut_facts(facts: &mut Vec<Attribute>, bytes_max: usize) {
    facts.truncate(ENTRIES_MAX);
    for Attribute { key, value } in facts.iter_mut() {
        cut(key, NAME_BYTES_MAX);
        cut(value, bytes_max - NAME_BYTES_MAX);
    }
    keep(facts, ENTRIES_MAX, bytes_max, |it| it.key.len() + it.value.len());
}

fn cut_conversation(conversation: &mut ConversationView) {
    let ConversationView { destination, tags, attributes, intent, language, .. } = conversation;
    if let Some(Destination { department, queue, assignee }) = destination {
        cut(department, NAME_BYTES_MAX);
        [queue, assignee].into_iter().for_each(|it| cut_some(it, NAME_BYTES_MAX));
    }
    tags.truncate(ENTRIES_MAX);
    tags.iter_mut().for_each(|it| cut(it, NAME_BYTES_MAX));
    cut_facts(attributes, CONVERSATION_FACTS_BYTES_MAX);
    [intent, language].into_iter().for_each(|it| cut_some(it, NAME_BYTES_MAX));
}

fn item_bytes(item: &Item) -> usize {
    let author = &item.author;
    let texts = [&item.external_id, &author.external_id, &item.text];
    let some = [
        &author.handle,
        &author.name,
        &item.subject,
        &item.quoted,
        &item.html,
        &item.language,
        &item.permalink,
    ];
    texts.into_iter().map(String::len).sum::<usize>()
        + some.into_iter().map(length).sum::<usize>()
        + item.in_reply_to.iter().map(|it| ENTRY_BYTES + it.len()).sum::<usize>()
        + item.attachments.iter().map(|it| ENTRY_BYTES + attachment_bytes(it)).sum::<usize>()
        + facts_bytes(&item.attributes)
}

fn attachment_bytes(attachment: &Attachment) -> usize {
    let url = match &attachment.source {
        AttachmentSource::Remote { url } => url.len(),
        AttachmentSource::Part { .. } => 0,
    };
    length(&attachment.name) + attachment.media_type.len() + url
}

fn conversation_bytes(conversation: &ConversationView) -> usize {
    let destination = conversation
        .destination
        .as_ref()
        .map_or(0, |it| it.department.len() + length(&it.queue) + length(&it.assignee));
    destination
        + length(&conversation.intent)
        + length(&conversation.language)
        + conversation.tags.iter().map(|it| ENTRY_BYTES + it.len()).sum::<usize>()
        + facts_bytes(&conversation.attributes)
}

fn facts_bytes(facts: &[Attribute]) -> usize {
    facts.iter().map(|it| ENTRY_BYTES + it.key.len() + it.value.len()).sum()
}

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

#[cfg(test)]
#[path = "shown/tests.rs"]
mod tests;
