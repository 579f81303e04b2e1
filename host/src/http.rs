//! The HTTP interface: what the outside can ask for, and how it is answered.
//!
//! Called by `app` and `cli`; calls `flow`, and reads by the store's types. Everything that can be asked
//! for stands in one table ([`table::routes`]): the router, the check of permissions, the limits and
//! `/openapi.json` are all made from it, so that none of them can disagree. One resource a file; a resource's types of request
//! and answer stand beside its handlers.
//!
//! | module | holds |
//! |---|---|
//! | [`table`], `route` | the table, and what one line of it says |
//! | [`router`](fn@router), `call`, `auth` | a request's way through: who asks, what was sent, what is answered |
//! | `input`, `output`, `cursor` | what a handler takes and gives, and its shape in OpenAPI |
//! | [`problem`] | the only way to say no (RFC 9457) |
//! | `serve`, [`peers`], `room` | connections and bodies, and how much of them one caller has |
//! | the rest | one resource each |
//!
//! **Invariant:** only this room knows `axum`.
//! **Invariant:** whatever changes something is a verb of the flow and is given the principal; plain
//! reading asks the repository through the flow.
//! **Invariant:** bodies, addresses and tokens are never logged.

mod activations;
mod agents;
mod audit;
mod auth;
mod call;
mod contacts;
mod conversation_acts;
mod conversations;
mod counts;
mod cursor;
mod decisions;
mod deliveries;
mod departments;
mod evaluate;
mod export;
mod generations;
mod health;
mod idempotency;
mod inboxes;
mod ingest;
mod input;
mod items;
mod openapi;
mod output;
pub mod peers;
mod permission;
mod plugins;
pub mod problem;
mod queues;
mod quotas;
mod response_room;
mod room;
mod route;
mod router;
mod search;
mod secrets;
mod serve;
mod settings;
mod signing_keys;
pub mod table;
#[cfg(test)]
mod testing;
mod tokens;
mod view;

pub use openapi::document as openapi_document;
pub use permission::{MetricsFor, Permission};
pub use route::{Method, Route};
pub use router::router;
pub use serve::{CONNECTIONS_MAX, DRAIN_TIMEOUT, ServeOptions, serve};
