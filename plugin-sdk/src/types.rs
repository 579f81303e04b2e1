//! The contract's types under one roof.
//!
//! Both kinds of plugin speak of items; policies also of cases, adapters also of deliveries. The
//! contract has an `inbox` in either interface: the one of a case is [`CaseInbox`] here, the one an
//! adapter works for is [`Inbox`](crate::Inbox), with typed settings.

pub use crate::bindings::adapter::exports::switchboard::plugin::adapter::{
    Arrival, Deletion, Delivery, DeliveryState, DeliveryStatus, Edit, Exchange, Intake, Outbound, Outcome,
    Piece, Rejection, ReplyReceived, Request, RequestHeader, Response, Step, Task, TaskError,
};
pub use crate::bindings::base::exports::switchboard::plugin::plugin::{
    CaseField, EventKind, Manifest, PluginKind, ProposalKind, SecretNeed, SettingError,
};
pub use crate::bindings::base::switchboard::plugin::types::{
    Attachment, AttachmentSource, Attribute, Author, Automatic, DeliveryPart, Direction, DurationMs, Header,
    Item, ItemKind, Listening, Metric, Priority, TimestampMs, TransferEncoding, Visibility,
};
pub use crate::bindings::policy::exports::switchboard::plugin::policy::{
    Action, Case, Contact, Conversation, Destination, EarlierProposal, Escalation, Event, Inbox as CaseInbox,
    Occasion, PastItem, PersonSet, Promise, Proposal, Refusal, Status, Timer,
};
