//! What Switchboard knows, and the rules that need no I/O.
//!
//! Called by every other room; calls nobody. Every function here gives the same answer for the
//! same arguments, so decisions can be replayed and rules can be tested by table and property.
//!
//! **Invariant:** no I/O, no async, no clock and no randomness: both enter through [`clock`].
//! **Invariant:** no foreign crate but `serde` (with `serde_json` values for settings), `jiff`, and
//! the derives of `thiserror` and of `schemars`, from which the public JSON schemas come.
//!
//! | module | holds |
//! |---|---|
//! | [`ids`], [`clock`], [`time`] | identifiers, the two sources of chance, points in time |
//! | [`organisation`] | departments, agents, queues, inboxes, and the directory that resolves names |
//! | [`item`], [`arrival`], [`delivery`] | what channels bring |
//! | [`contact`], [`conversation`] | whom we talk to, and about what |
//! | [`threading`], [`merging`] | which conversation an item belongs to, and how two become one and two again |
//! | [`case`], [`proposal`] | what a policy sees and says |
//! | [`merge`], [`decision`], [`apply`] | how proposals become a decision and a decision takes effect |
//! | [`promise`], [`timer`], [`timer_room`] | the response clock, and what is due |
//! | [`breaker`], [`failure_policy`] | what becomes of plugins that fail |
//! | [`release`], [`signing`], [`activation`], [`generation`] | plugins: published, by whom, enabled, in which order |
//! | [`outbox`] | answers on their way out |
//! | [`principal`], [`token`], [`allowance`] | who asks, what they show, how much they may ask for |
//! | [`fair_share`], [`caller`] | how several parties share one resource, and whose share a request takes |
//! | [`secret`] | what is known of a secret, without its value |
//! | [`erasure`], [`retention`] | what is about a person and goes, at once or in time |
//! | [`visible_text`], [`look_alike`] | texts and names that say what they seem to say |
//! | [`installation`] | what holds for the whole installation |
//! | [`quota`] | how much of each shared thing one department may have |

pub mod activation;
pub mod allowance;
pub mod apply;
pub mod arrival;
pub mod breaker;
pub mod caller;
pub mod case;
pub mod clock;
pub mod contact;
pub mod conversation;
pub mod decision;
pub mod delivery;
pub mod erasure;
pub mod failure_policy;
pub mod fair_share;
pub mod generation;
pub mod ids;
pub mod installation;
pub mod item;
pub mod look_alike;
pub mod marks;
pub mod merge;
pub mod merging;
pub mod organisation;
pub mod outbox;
pub mod principal;
pub mod promise;
pub mod proposal;
pub mod quota;
pub mod release;
pub mod retention;
pub mod secret;
pub mod signing;
pub mod threading;
pub mod time;
pub mod timer;
pub mod timer_room;
pub mod token;
pub mod visible_text;
