//! Tests through the whole of Switchboard: a real database, real WebAssembly, the real router; only
//! time and the way out are ours.
//!
//! | module | holds |
//! |---|---|
//! | `support` | [`TestApp`](support::TestApp) and what it is made of |
//! | `story` | ingest, routing, escalation, replies, the rules that change: one step a file |

#[path = "story/story.rs"]
mod story;
mod support;
