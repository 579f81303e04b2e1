//! Write Switchboard's plugins in Rust.
//!
//! A plugin is a WebAssembly component that the operator of a Switchboard enables: a **policy** says
//! where a conversation goes, a **channel adapter** reads what a channel delivers and writes what it
//! expects. Both are pure: bytes and facts in, proposals and requests out, no network and no clock.
//!
//! This is a whole policy, with its test:
//!
//! ```
//! use switchboard_plugin_sdk::prelude::*;
//!
//! struct Praise;
//!
//! impl Policy for Praise {
//!     type Settings = NoSettings;
//!     const PROPOSALS: &'static [ProposalKind] = &[ProposalKind::Destination];
//!
//!     fn configure(_: NoSettings) -> Result<Self, Vec<SettingError>> {
//!         Ok(Self)
//!     }
//!
//!     fn evaluate(&self, _: &Event, case: &Case) -> Result<Vec<Proposal>, Refusal> {
//!         let praise = case.item.text.contains("thank you");
//!         let marketing = Action::destination("marketing").because("they say thank you");
//!         Ok(praise.then_some(marketing).into_iter().collect())
//!     }
//! }
//!
//! export_policy!(Praise, name = "praise", summary = "Sends praise to marketing.");
//!
//! // The test, as it stands in the plugin's `tests` module:
//! use switchboard_plugin_sdk::testing;
//!
//! let praise = testing::policy::<Praise>(serde_json::json!({})).unwrap();
//! let received = testing::event(Occasion::ItemReceived);
//! let proposals = praise.evaluate(&received, &testing::case("thank you all!")).unwrap();
//! assert_eq!(proposals, [Action::destination("marketing").because("they say thank you")]);
//! ```
//!
//! The crate is a `cdylib` (and an `rlib`, so that its tests can link it):
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//! ```
//!
//! `switchboard plugin build DIR` compiles it for `wasm32-unknown-unknown` and makes the component.
//!
//! An [`Adapter`] is written the same way and exported with [`export_adapter!`]. Settings are a type
//! of the author's own that derives `serde::Deserialize` and `schemars::JsonSchema`; admins see the
//! schema, and what does not fit is answered with the place it stands at.
//!
//! # Map
//! - [`Policy`], [`Adapter`]: what to implement.
//! - [`types`]: the contract's facts, with [short ways to make them](Action::because).
//! - [`content_id`], [`Outcome::of_refusal`]: what nearly every adapter needs.
//! - [`secrets`], [`signature`]: what is checked and sent with secrets that stay in the host.
//! - [`log`]: lines for the people who look after the plugin.
//! - [`testing`]: runs a plugin natively, as strictly as the host.
//! - [`settings`]: from JSON to a settings type, and its schema.

#![deny(missing_docs)]

mod adapter;
#[doc(hidden)]
#[allow(missing_docs, reason = "generated; the contract documents what authors see")]
pub mod bindings;

mod digest;
mod display;
mod duration;
#[doc(hidden)]
pub mod export;
mod kind;
pub mod log;
mod outcome;
mod policy;
pub mod secrets;
pub mod settings;
mod shorthand;
pub mod signature;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod types;

pub use adapter::{Adapter, Inbox};
pub use digest::content_id;
pub use duration::{Duration, DurationError};
pub use policy::Policy;
pub use secrets::{SecretUse, WantedSecret};
pub use settings::NoSettings;
pub use types::*;

/// Everything an author usually names.
pub mod prelude {
    pub use crate::types::*;
    pub use crate::{
        Adapter, Duration, Inbox, NoSettings, Policy, SecretUse, WantedSecret, content_id, export_adapter,
        export_policy, log,
    };
}
