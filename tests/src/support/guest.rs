//! Guests written by hand, each of which does exactly one thing.
//!
//! A guest is a core module whose functions have the canonical ABI's flat signatures; the contract's
//! own WIT makes it a component. An answer lies at [`ANSWER`]: zeros read as success with nothing in
//! it. What the answer points to lies behind [`CONTENT`].

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where the answers are.
const ANSWER: u32 = 512;
/// Where the manifest is.
const MANIFEST: u32 = 1_024;
/// Where an answer's contents are.
const CONTENT: u32 = 4_096;

/// The body of a function that answers what lies at [`ANSWER`].
const DONE: &str = "i32.const 512";
/// A body that traps.
pub const TRAP: &str = "unreachable";
/// A body that never ends.
pub const LOOP: &str = "(loop $again (br $again)) unreachable";
/// A body that takes memory until there is none.
pub const GROW: &str =
    "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";

/// The kinds of proposal by their place in the contract's list.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Send it somewhere.
    Destination = 0,
    /// Call it spam.
    Spam = 12,
    /// Say nothing, with a reason.
    Abstain = 13,
}

/// A plugin that does one thing.
pub struct Guest {
    name: String,
    version: String,
    world: &'static str,
    declares: Vec<u8>,
    configure: String,
    body: String,
    content: Vec<u8>,
}

impl Guest {
    /// A policy of this name whose `evaluate` has this body.
    pub fn policy(name: &str, body: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            world: "policy-plugin",
            declares: vec![Kind::Destination as u8],
            configure: DONE.to_owned(),
            body: body.to_owned(),
            content: Vec::new(),
        }
    }

    /// A policy that always proposes this one thing, which has no parts.
    pub fn proposing(name: &str, kind: Kind, why: &str) -> Self {
        // A proposal has 64 bytes: the action's kind, then from 8 on its parts, from 56 on the reason.
        let mut content = vec![0; 64];
        content[0] = kind as u8;
        content[56..60].copy_from_slice(&(CONTENT + 64).to_le_bytes());
        content[60..64].copy_from_slice(&(why.len() as u32).to_le_bytes());
        content.extend_from_slice(why.as_bytes());
        Self { declares: vec![kind as u8], content, ..Self::policy(name, &answer_list()) }
    }

    /// An adapter of this name whose `receive` has this body.
    pub fn adapter(name: &str, body: &str) -> Self {
        Self { world: "channel-adapter", declares: Vec::new(), ..Self::policy(name, body) }
    }

    /// An adapter that finds the removal of an item in every delivery.
    pub fn adapter_that_reads(name: &str) -> Self {
        let id = "gone";
        // An arrival has its kind first; from 8 on a removal has the item's id, then the moment.
        let mut content = vec![0; 512];
        content[0] = 3;
        content[8..12].copy_from_slice(&(CONTENT + 512).to_le_bytes());
        content[12..16].copy_from_slice(&(id.len() as u32).to_le_bytes());
        content.extend_from_slice(id.as_bytes());
        Self { content, ..Self::adapter(name, &answer_list()) }
    }

    /// The same with another version.
    pub fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    /// The same, declaring proposals of this kind alone.
    pub fn declaring(self, kind: Kind) -> Self {
        Self { declares: vec![kind as u8], ..self }
    }

    /// The same, trapping on any settings but `{}`.
    pub fn refusing_settings(self) -> Self {
        let configure = format!("(if (i32.gt_u (local.get 1) (i32.const 2)) (then unreachable)) {DONE}");
        Self { configure, ..self }
    }

    /// Its component.
    pub fn component(&self) -> Vec<u8> {
        let mut module = self.core_module();
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        let world = resolve.select_world(&[package], Some(self.world)).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// Its core module, which is no component yet.
    pub fn core_module(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }

    /// Its text.
    pub fn text(&self) -> String {
        let (configure, manifest, content) = (&self.configure, self.manifest(), escaped(&self.content));
        let functions = match self.world {
            "channel-adapter" => self.adapter_functions(),
            _ => self.policy_functions(),
        };
        format!(
            r#"(module
                (memory (export "memory") 80)
                (global $next (mut i32) (i32.const 65536))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    local.get $at)
                (func (export "switchboard:plugin/plugin@0.1.0#describe") (result i32) i32.const {MANIFEST})
                (func (export "switchboard:plugin/plugin@0.1.0#configure") (param i32 i32) (result i32)
                    {configure})
                {functions}
                {manifest}
                (data (i32.const {CONTENT}) "{content}"))"#
        )
    }

    fn policy_functions(&self) -> String {
        let body = &self.body;
        format!(
            r#"(func (export "switchboard:plugin/policy@0.1.0#evaluate") (param i32) (result i32) {body})"#
        )
    }

    fn adapter_functions(&self) -> String {
        let body = &self.body;
        let flat = "i32 ".repeat(13);
        format!(
            r#"(func (export "switchboard:plugin/adapter@0.1.0#receive") (param i32) (result i32) {body})
               (func (export "switchboard:plugin/adapter@0.1.0#begin") (param i32) (result i32) {DONE})
               (func (export "switchboard:plugin/adapter@0.1.0#resume") (param {flat}) (result i32) {DONE})"#
        )
    }

    /// The manifest's record, and behind it what it points to.
    fn manifest(&self) -> String {
        let is_policy = self.world == "policy-plugin";
        let mut behind = Vec::new();
        let mut place = |bytes: &[u8]| {
            let at = MANIFEST + 256 + behind.len() as u32;
            behind.extend_from_slice(bytes);
            [at, bytes.len() as u32].map(u32::to_le_bytes).concat()
        };
        let texts = [self.name.as_str(), self.version.as_str(), "Does exactly one thing."];
        let texts = texts.map(|text| place(text.as_bytes())).concat();
        let kind = vec![u8::from(is_policy), 0, 0, 0];
        let schema = place(b"{}");
        // A policy is asked about the first kind of event, new items.
        let events: &[u8] = if is_policy { &[0] } else { &[] };
        let lists = [place(events), place(&self.declares), place(&[])].concat();
        let record = [texts, kind, schema, lists].concat();
        format!(
            "(data (i32.const {MANIFEST}) \"{}\") (data (i32.const {}) \"{}\")",
            escaped(&record),
            MANIFEST + 256,
            escaped(&behind)
        )
    }
}

/// A body that answers with a list of the one element at [`CONTENT`].
fn answer_list() -> String {
    let (list, length) = (ANSWER + 4, ANSWER + 8);
    format!(
        "(i32.store (i32.const {list}) (i32.const {CONTENT}))
         (i32.store (i32.const {length}) (i32.const 1)) {DONE}"
    )
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// The same component with other bytes: a section of its own says nothing, but is there.
pub fn with_other_bytes(component: &[u8]) -> Vec<u8> {
    let name = b"remark";
    let section = [&[0, name.len() as u8 + 1, name.len() as u8][..], name].concat();
    [component, &section].concat()
}
