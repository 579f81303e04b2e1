//! What the functions of guests do, as text.

use super::{ANSWER, CONTENT, REPLIES};

/// The body of a function that answers what lies at [`ANSWER`].
pub const DONE: &str = "i32.const 512";
/// The body of an adapter's step that says that the answer has been sent.
pub const SENT: &str = "(i32.store8 (i32.const 520) (i32.const 1)) i32.const 512";
/// A body that traps.
pub const TRAP: &str = "unreachable";
/// A body that never ends.
pub const LOOP: &str = "(loop $again (br $again)) unreachable";

/// A body that takes memory until there is none, and touches every page of it.
pub fn filling() -> String {
    let touch: String = (0..16)
        .map(|part| format!("(i32.store8 offset={} (local.get $at) (i32.const 7))", part * 4096))
        .collect();
    format!(
        "(local $at i32)
         (loop $again
            (local.set $at (memory.grow (i32.const 1)))
            (if (i32.eq (local.get $at) (i32.const -1)) (then (unreachable)))
            (local.set $at (i32.shl (local.get $at) (i32.const 16)))
            {touch}
            (br $again))
         unreachable"
    )
}

/// A body that uses up whatever fuel there is in less than a second: what it counts for it hardly does.
pub fn burning() -> String {
    format!("(loop $again {} (br $again)) unreachable", "(drop (i32.const 0))".repeat(10_000))
}

/// A part of a body that burns about so much fuel and goes on. It counts in the global `$burnt`, which the guest
/// has to have.
pub fn burning_some(fuel: u32) -> String {
    // Eight instructions go round that count; the loop itself does not.
    let rounds = fuel / 8;
    format!(
        "(loop $burn
            (global.set $burnt (i32.add (global.get $burnt) (i32.const 1)))
            (br_if $burn (i32.lt_u (global.get $burnt) (i32.const {rounds}))))"
    )
}

/// A body of an adapter's step that wants this sent, and that much remembered.
pub fn sending(state_bytes: usize) -> String {
    // The request begins at 528 with its method and its URL; the state is behind the request.
    let (method, url) = (CONTENT, CONTENT + 16);
    format!(
        "(i32.store (i32.const 528) (i32.const {method})) (i32.store (i32.const 532) (i32.const 4))
         (i32.store (i32.const 536) (i32.const {url})) (i32.store (i32.const 540) (i32.const {}))
         (i32.store (i32.const 568) (i32.const 1048576)) (i32.store (i32.const 572) (i32.const {state_bytes}))
         {DONE}",
        REPLIES.len()
    )
}

/// A body that refuses with the text at this place of the memory.
pub fn refusing(pointer: u32, length: u32) -> String {
    format!(
        "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store8 (i32.const 516) (i32.const 1))
         (i32.store (i32.const 520) (i32.const {pointer})) (i32.store (i32.const 524) (i32.const {length}))
         {DONE}"
    )
}

/// A body that answers with a list of that many elements at this place of the memory.
pub fn answering_list(pointer: u32, length: u32) -> String {
    let (list, count) = (ANSWER + 4, ANSWER + 8);
    format!(
        "(i32.store (i32.const {list}) (i32.const {pointer}))
         (i32.store (i32.const {count}) (i32.const {length})) {DONE}"
    )
}
