//! Words of a record that the SDK does not read itself, and the contract's cases they stand for.

use serde::Deserialize;
use switchboard_plugin_sdk::{Automatic, DeliveryState};

/// Why an item counts as written by a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Machine {
    /// An automatic answer.
    Reply,
    /// A machine's own message.
    Notification,
    /// Something could not be delivered.
    Bounce,
    /// Sent to many.
    Bulk,
}

/// How far an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// The channel delivered it.
    Delivered,
    /// The customer read it.
    Read,
    /// It will never be delivered.
    Failed,
}

impl From<Machine> for Automatic {
    fn from(machine: Machine) -> Self {
        match machine {
            Machine::Reply => Self::Reply,
            Machine::Notification => Self::Notification,
            Machine::Bounce => Self::Bounce,
            Machine::Bulk => Self::Bulk,
        }
    }
}

impl From<Progress> for DeliveryState {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Delivered => Self::Delivered,
            Progress::Read => Self::Read,
            Progress::Failed => Self::Failed,
        }
    }
}
