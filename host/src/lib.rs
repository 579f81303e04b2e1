//! Switchboard: the missing operator between customers and departments.
//!
//! Items from every channel land in one repository; sandboxed policies decide who answers them, how
//! soon, and what happens when nobody does. The story, in the order it happens:
//!
//! 1. A delivery comes in ([`flow::ingest`]): the inbox's adapter, a WebAssembly plugin, reads it; what
//!    it held is stored, and only then is it answered.
//! 2. Policies judge the conversation ([`flow::route`]); their proposals are merged ([`domain::merge`])
//!    and the result is carried out.
//! 3. What is due becomes an event ([`flow::escalate`]), judged the same way.
//! 4. People answer ([`flow::converse`]); replies go out ([`flow::deliver`]).
//! 5. The rules change ([`flow::publish`], [`flow::enable`]) without anything stopping.
//!
//! | room | holds | may know |
//! |---|---|---|
//! | [`domain`] | the rules, pure | nothing |
//! | [`plugin`] | the sandbox | domain, vault, `wasmtime` |
//! | [`gate`] | shares of what there is a bounded amount of | nothing |
//! | [`store`] | the repository | domain, gate, `sqlx` |
//! | [`egress`] | the way out | an HTTP client |
//! | [`vault`] | secrets | domain, ciphers |
//! | [`telemetry`] | what is measured | domain |
//! | [`bundled`] | the plugins that come with the program | plugin |
//! | [`flow`] | the story, one verb a file | all of these |
//! | [`worker`] | what runs by itself | flow |
//! | [`http`] | the API | flow, gate, the store's types, `axum` |
//! | [`app`] | the composition root | everything |
//! | [`cli`], [`config`] | the command and its settings | everything |
//! | [`crash`] | points at which a test has the host die; nothing in a release | nothing |
//!
//! A test holds every room to this.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they panic when the reader is gone or the disk is full; a command prints by `cli::print`, a host by \
              `telemetry::outlet`"
)]

pub mod app;
pub mod bundled;
pub mod cli;
pub mod config;
pub mod crash;
pub mod domain;
pub mod egress;
pub mod flow;
pub mod gate;
pub mod http;
pub mod plugin;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod worker;
