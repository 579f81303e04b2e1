//! Words that mean the same on both sides: enumerations, one arm each.

use super::adapter_world::switchboard::plugin::types as from_adapter;
use super::plugin_world::exports::switchboard::plugin::plugin as from_plugin;
use super::policy_world::exports::switchboard::plugin::policy;
use super::policy_world::switchboard::plugin::types as for_policy;
use crate::domain::case::{CaseField, EventKind};
use crate::domain::conversation::Status;
use crate::domain::item::{Automatic, Direction, ItemKind, TransferEncoding, Visibility};
use crate::domain::promise::Metric;
use crate::domain::proposal::{Listening, Priority, ProposalKind};
use crate::domain::release::PluginKind;
use crate::domain::time::Timestamp;

/// Writes `impl From<A> for B` for two enumerations with the same cases.
macro_rules! same_words {
    ($($from:path => $to:path { $($case:ident),* $(,)? })*) => {$(
        impl From<$from> for $to {
            fn from(word: $from) -> Self {
                use $from as From;
                use $to as To;
                match word {
                    $(From::$case => To::$case,)*
                }
            }
        }
    )*};
}

same_words! {
    ItemKind => for_policy::ItemKind {
        DirectMessage, Mention, Comment, Post, Review, Email, Sms, Call, Form, Alert,
    }
    from_adapter::ItemKind => ItemKind {
        DirectMessage, Mention, Comment, Post, Review, Email, Sms, Call, Form, Alert,
    }
    Visibility => for_policy::Visibility { Public, Private }
    Visibility => from_adapter::Visibility { Public, Private }
    from_adapter::Visibility => Visibility { Public, Private }
    Direction => for_policy::Direction { Inbound, Outbound }
    Automatic => for_policy::Automatic { Reply, Notification, Bounce, Bulk }
    from_adapter::Automatic => Automatic { Reply, Notification, Bounce, Bulk }
    TransferEncoding => for_policy::TransferEncoding { Identity, Base64, QuotedPrintable }
    from_adapter::TransferEncoding => TransferEncoding { Identity, Base64, QuotedPrintable }
    Priority => for_policy::Priority { Low, Normal, High, Urgent }
    for_policy::Priority => Priority { Low, Normal, High, Urgent }
    Listening => for_policy::Listening { ToUs, AboutUs, Industry, RelatedProducts }
    for_policy::Listening => Listening { ToUs, AboutUs, Industry, RelatedProducts }
    Metric => for_policy::Metric { FirstResponse }
    Status => policy::Status { Open, Pending, Closed }
    from_plugin::PluginKind => PluginKind { ChannelAdapter, Policy }
    from_plugin::CaseField => CaseField { History, Contact }
    from_plugin::EventKind => EventKind {
        ItemReceived, ItemEdited, ConversationReopened, PromiseWarning, PromiseBreached, TimerDue,
        AskedByHand,
    }
    from_plugin::ProposalKind => ProposalKind {
        Destination, Priority, Deadline, Timer, CancelTimer, Escalate, Tags, Attribute, Listening,
        Intent, Language, Note, Spam, Abstain,
    }
}

/// Milliseconds as the contract counts them; moments before 1970 do not exist there.
pub(super) fn ms(at: Timestamp) -> u64 {
    u64::try_from(at.as_ms()).unwrap_or(0)
}

/// The moment a guest names, held within the domain's range: a guest may say anything.
pub(super) fn moment(ms: u64) -> Timestamp {
    Timestamp::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}
