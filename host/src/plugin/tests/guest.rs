//! Small guests written by hand, so that each misbehaves in exactly one way.
//!
//! A guest is a core module whose functions have the canonical ABI's flat signatures; the contract's
//! own WIT makes it a component. Memory below 64 KiB is the guest's: 512 holds an answer of zeros,
//! which reads as success with nothing in it, and 1024 the manifest.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where the answers' zeros are.
pub(super) const NOTHING: &str = "i32.const 512";

/// What makes up a guest; each part is text of the module.
pub(super) struct Guest {
    /// The body of `evaluate`: `(param i32) (result i32)`.
    pub(super) evaluate: String,
    /// The body of `configure`: `(param i32 i32) (result i32)`.
    pub(super) configure: String,
    /// Further fields of the module.
    pub(super) fields: String,
    /// Pages of memory at the start.
    pub(super) pages: u32,
    /// Parts of the case it needs, as the enumeration's numbers.
    pub(super) needs: Vec<u8>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            evaluate: NOTHING.into(),
            configure: NOTHING.into(),
            fields: String::new(),
            pages: 80,
            needs: Vec::new(),
        }
    }
}

impl Guest {
    /// A policy that does this when asked.
    pub(super) fn evaluating(evaluate: &str) -> Self {
        Self { evaluate: evaluate.into(), ..Self::default() }
    }

    /// Its component.
    pub(super) fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).unwrap();
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (package, _) = resolve.push_dir(wit).unwrap();
        let world = resolve.select_world(&[package], Some("policy-plugin")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    fn module(&self) -> String {
        let Self { evaluate, configure, fields, pages, needs } = self;
        let manifest = manifest(needs);
        format!(
            r#"(module
                (import "switchboard:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                {fields}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at
                        (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    local.get $at)
                (func (export "switchboard:plugin/plugin@0.2.0#describe") (result i32)
                    i32.const 1024)
                (func (export "switchboard:plugin/plugin@0.2.0#configure")
                    (param i32 i32) (result i32) {configure})
                (func (export "switchboard:plugin/policy@0.2.0#evaluate")
                    (param i32) (result i32) {evaluate})
                {manifest})"#
        )
    }
}

/// The manifest's record at 1024, and what it points to behind it.
fn manifest(needs: &[u8]) -> String {
    let texts = ["hostile", "1.0.0", "Misbehaves in one way.", "{}"];
    let mut at = 1100;
    let mut data = String::new();
    let mut place = |bytes: &[u8]| {
        data += &format!("(data (i32.const {at}) \"{}\")", escape(bytes));
        let pair = [at, bytes.len() as u32];
        at += bytes.len() as u32;
        pair.map(u32::to_le_bytes).concat()
    };
    let [name, version, summary, schema] = texts.map(|text| place(text.as_bytes()));
    // Kind 1 is a policy; it is asked about event 0 and may make proposal 0.
    let lists = [place(&[0]), place(&[0]), place(needs)].concat();
    let record = [name, version, summary, vec![1, 0, 0, 0], schema, lists].concat();
    format!("(data (i32.const 1024) \"{}\") {data}", escape(&record))
}

fn escape(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
