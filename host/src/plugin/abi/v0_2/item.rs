//! Items, from an adapter's words to the domain's.

use super::adapter_world::switchboard::plugin::types as abi;
use super::words::moment;
use crate::domain::item::{Attachment, AttachmentSource, Attribute, Author, Item};

/// An item as an adapter reports it.
pub(super) fn raise_item(told: abi::Item) -> Item {
    Item {
        external_id: told.external_id,
        in_reply_to: told.in_reply_to,
        kind: told.kind.into(),
        visibility: told.visibility.into(),
        author: raise_author(told.author),
        subject: told.subject,
        text: told.text,
        quoted: told.quoted,
        html: told.html,
        language: told.language,
        permalink: told.permalink,
        attachments: told.attachments.into_iter().map(raise_attachment).collect(),
        occurred_at: moment(told.occurred_at_ms),
        automatic: told.automatic.map(Into::into),
        attributes: told.attributes.into_iter().map(raise_attribute).collect(),
    }
}

fn raise_author(told: abi::AuthorResult) -> Author {
    Author {
        external_id: told.external_id,
        handle: told.handle,
        name: told.name,
        followers: told.followers,
        verified: told.verified,
    }
}

fn raise_attribute(told: abi::AttributeResult) -> Attribute {
    Attribute { key: told.key, value: told.value }
}

fn raise_attachment(told: abi::Attachment) -> Attachment {
    Attachment {
        name: told.name,
        media_type: told.media_type,
        source: match told.source {
            abi::AttachmentSource::Remote(url) => AttachmentSource::Remote { url },
            abi::AttachmentSource::Part(part) => AttachmentSource::Part {
                offset_bytes: part.offset_bytes,
                length_bytes: part.length_bytes,
                encoding: part.encoding.into(),
            },
        },
    }
}
