//! Tests through the whole of Switchboard: a real database, real WebAssembly, the real router; only
//! time and the way out are ours.
//!
//! | module | holds |
//! |---|---|
//! | `support` | [`TestApp`](support::TestApp) and what it is made of |
//! | `story` | ingest, routing, escalation, replies, the rules that change: one step a file |
//! | `api` | one resource of the HTTP interface a file |
//! | `plugins` | one bundled plugin a file, as WebAssembly |
//! | `hostile` | guests that misbehave, and files that are none |
//! | `canary` | secrets, looked for in all that the shipped program writes and answers |
//! | `crash` | the shipped program, killed and its power cut under load |
//! | `disk_full` | the shipped program on a disk without room |
//! | `fuzz` | whatever comes from outside, changed at random |
//! | `demo` | what the demonstration promises, by the shipped program |
//! | `import` | what was written before, out of files, by the shipped program |
//! | `limits` | the shipped program, where the system gives it little |
//! | `memory` | what the shipped program holds in memory |
//! | `modes` | whom the shipped program lets read its files |
//! | `output` | the shipped program, whose output has no reader or no room |
//! | `overload` | more than can be taken, or nothing that takes it |
//! | `personal` | a person is erased, handed out everything, and kept no longer than agreed |
//! | `refusals` | what the shipped program refuses at the command line, and what it says to do |
//! | `spine` | the shipped program, killed and started again |
//! | `stopping` | the shipped program, asked to stop or stopped with something under way |
//! | `real_data` | what real channels send, where it is at hand |
//! | `walls` | which room may know what |

#[path = "api/api.rs"]
mod api;
mod bench;
mod canary;
#[path = "crash/crash.rs"]
mod crash;
mod demo;
mod disk_full;
#[path = "fuzz/fuzz.rs"]
mod fuzz;
#[path = "hostile/hostile.rs"]
mod hostile;
mod import;
mod limits;
mod memory;
mod modes;
mod output;
mod overload;
#[path = "personal/personal.rs"]
mod personal;
#[path = "plugins/plugins.rs"]
mod plugins;
mod real_data;
mod refusals;
mod spine;
mod stopping;
#[path = "story/story.rs"]
mod story;
mod support;
mod walls;
