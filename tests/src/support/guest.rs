//! Guests written by hand, each of which does exactly one thing.
//!
//! A guest is a core module whose functions have the canonical ABI's flat signatures; the contract's
//! own WIT makes it a component. An answer lies at [`ANSWER`]: zeros read as success with nothing in
//! it. What the answer points to lies behind [`CONTENT`].

use std::path::Path;

pub use self::bodies::{
    DONE, LOOP, SENT, TRAP, answering_list, burning, burning_some, filling, refusing, sending,
};
pub use self::bytes::{
    body_of, module_of, with_idle_modules, with_modules, with_nested_components, with_other_bytes,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[path = "guest/bodies.rs"]
mod bodies;
#[path = "guest/bytes.rs"]
mod bytes;

/// Where the answers are.
pub const ANSWER: u32 = 512;
/// Where the manifest is.
const MANIFEST: u32 = 1_024;
/// Where the texts of a manifest are that are too long to stand behind it.
const LONG_TEXTS: u32 = 3 << 20;
/// The most bytes that stand behind the manifest.
const SHORT_TEXTS_BYTES_MAX: usize = 2_048;
/// Where an answer's contents are.
pub const CONTENT: u32 = 4_096;

/// Where an adapter made here wants its requests sent.
pub const REPLIES: &str = "https://hooks.example.com/replies";

/// The contract's world for policies, and the secrets that are for adapters alone.
const SECRETS_WORLD: &str = "package hostile:guest;
    world hostile { include switchboard:plugin/policy-plugin@0.2.0; import switchboard:plugin/secrets@0.2.0; }";

/// The contract's world for policies, and a resource of the guest's own.
const HANDLES_WORLD: &str = "package hostile:guest;
    interface things { resource thing; }
    world hostile { include switchboard:plugin/policy-plugin@0.2.0; export things; }";

/// The kinds of proposal by their place in the contract's list.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Send it somewhere.
    Destination = 0,
    /// Be asked again.
    Timer = 3,
    /// Add a label.
    Tags = 6,
    /// Set a fact.
    Attribute = 7,
    /// Say what is wanted.
    Intent = 9,
    /// Leave a remark.
    Note = 11,
    /// Call it spam.
    Spam = 12,
    /// Say nothing, with a reason.
    Abstain = 13,
}

/// A plugin that does one thing.
pub struct Guest {
    name: String,
    version: String,
    summary: String,
    schema: String,
    world: &'static str,
    declares: Vec<u8>,
    /// The kinds of event a policy is asked about, by their places in the contract's list.
    events: Vec<u8>,
    /// The name of the secret it wants, and what for, as the contract's flags.
    wants: Option<(&'static str, u8)>,
    /// The bodies of its functions.
    describe: String,
    configure: String,
    body: String,
    /// Of an adapter that sends.
    begin: String,
    resume: String,
    content: Vec<u8>,
    /// Further imports, and further fields.
    imports: String,
    fields: String,
    /// What `cabi_realloc` does first.
    allocate: String,
    pages: u32,
    /// A world beside the contract's, which includes it.
    own_world: Option<&'static str>,
}

impl Guest {
    /// A policy of this name whose `evaluate` has this body.
    pub fn policy(name: &str, body: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            summary: "Does exactly one thing.".to_owned(),
            schema: "{}".to_owned(),
            world: "policy-plugin",
            declares: vec![Kind::Destination as u8],
            // New items.
            events: vec![0],
            wants: None,
            describe: format!("i32.const {MANIFEST}"),
            configure: DONE.to_owned(),
            body: body.to_owned(),
            begin: SENT.to_owned(),
            resume: SENT.to_owned(),
            content: Vec::new(),
            imports: String::new(),
            fields: String::new(),
            allocate: String::new(),
            pages: 80,
            own_world: None,
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

    /// The same, whose reason is in memory only while it is asked, as one is that quotes an item: the
    /// component and what is compiled of it do not hold it.
    pub fn proposing_like_a_quote(name: &str, kind: Kind, why: &str) -> Self {
        let hidden: String = why.bytes().map(|byte| char::from(byte ^ 1)).collect();
        let plain = Self::proposing(name, kind, &hidden);
        plain.revealing(CONTENT + 64, CONTENT + 64 + why.len() as u32)
    }

    /// A policy that puts these words on a conversation, each of which is in memory only while it is asked;
    /// a fact of them is called `quote`.
    pub fn quoting(name: &str, words: &[(Kind, &str)]) -> Self {
        const FACT: &[u8] = b"quote";
        // The proposals, then for each a list of one label, then the fact's name, then the words.
        let lists = 64 * words.len();
        let fact = lists + 8 * words.len();
        let hidden = fact + FACT.len();
        let place = |at: usize| CONTENT + at as u32;
        let list = |at: usize, length: usize| [place(at), length as u32].map(u32::to_le_bytes).concat();
        let mut quoter = Self::policy(name, &answering_list(CONTENT, words.len() as u32));
        quoter.declares = words.iter().map(|(kind, _)| *kind as u8).collect();
        quoter.put(fact, FACT);
        for (index, (kind, word)) in words.iter().enumerate() {
            let (proposal, entry) = (64 * index, lists + 8 * index);
            let said = list(quoter.content.len(), word.len());
            quoter.content.extend(word.bytes().map(|byte| byte ^ 1));
            let parts = match kind {
                Kind::Tags => {
                    quoter.put(entry, &said);
                    list(entry, 1)
                }
                Kind::Attribute => [list(fact, FACT.len()), said.clone()].concat(),
                _ => said.clone(),
            };
            quoter.put(proposal, &[*kind as u8]);
            quoter.put(proposal + 8, &parts);
            quoter.put(proposal + 56, &said);
        }
        let end = place(quoter.content.len());
        quoter.revealing(place(hidden), end)
    }

    /// The same, which turns what is hidden between these places into plain words before it answers.
    fn revealing(self, from: u32, to: u32) -> Self {
        let reveal = format!(
            "(global.set $at (i32.const {from}))
             (loop $next
                (i32.store8 (global.get $at) (i32.xor (i32.load8_u (global.get $at)) (i32.const 1)))
                (global.set $at (i32.add (global.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (global.get $at) (i32.const {to}))))"
        );
        Self { body: reveal + &self.body, ..self }.with("(global $at (mut i32) (i32.const 0))")
    }

    /// A policy that takes memory until there is none, and touches every page of it, so that it would
    /// stay if it were not given back.
    pub fn bomb(name: &str) -> Self {
        Self::policy(name, &filling())
    }

    /// An adapter of this name whose `receive` has this body.
    pub fn adapter(name: &str, body: &str) -> Self {
        Self {
            world: "channel-adapter",
            declares: Vec::new(),
            events: Vec::new(),
            ..Self::policy(name, body)
        }
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

    /// An adapter that finds one new item in every delivery, and works on its answers by these bodies.
    /// Where it wants something sent, that is to [`REPLIES`].
    pub fn adapter_that_answers(name: &str, begin: &str, resume: &str) -> Self {
        let mut guest = Self {
            begin: begin.to_owned(),
            resume: resume.to_owned(),
            ..Self::adapter(name, &answering_list(CONTENT + 128, 1))
        };
        guest.put(0, b"POST");
        guest.put(16, REPLIES.as_bytes());
        // An arrival has its kind first, a new item, which has its id from 8 on, its author's from 32 on
        // and its text from 100 on. One word does for all three.
        let word = CONTENT + 512;
        for at in [8, 32, 100] {
            let text = [word, 4].map(u32::to_le_bytes).concat();
            guest.put(128 + at, &text);
        }
        guest.put(512, b"word");
        guest
    }

    /// The same with another version.
    pub fn version(self, version: &str) -> Self {
        Self { version: version.to_owned(), ..self }
    }

    /// The same, saying this of itself.
    pub fn summed_up(self, summary: &str) -> Self {
        Self { summary: summary.to_owned(), ..self }
    }

    /// The same, whose settings have this schema.
    pub fn with_schema(self, schema: &serde_json::Value) -> Self {
        Self { schema: schema.to_string(), ..self }
    }

    /// The same, declaring a secret of this name for what these flags say.
    pub fn wanting_secret(self, name: &'static str, uses: u8) -> Self {
        Self { wants: Some((name, uses)), ..self }
    }

    /// The same, which may call `$answer`: a secret's name, the algorithm, the challenge, where to.
    pub fn answering_challenges(self) -> Self {
        let import = r#"(import "switchboard:plugin/secrets@0.2.0" "answer-challenge"
            (func $answer (param i32 i32 i32 i32 i32 i32)))"#;
        Self { imports: import.to_owned(), ..self }
    }

    /// Puts bytes into what lies at [`CONTENT`], so far behind its start.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.content.resize(self.content.len().max(at + bytes.len()), 0);
        self.content[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The same, an adapter whose `begin` and `resume` have these bodies.
    pub fn sending(self, begin: &str, resume: &str) -> Self {
        Self { begin: begin.to_owned(), resume: resume.to_owned(), ..self }
    }

    /// The same, a policy that is asked about these kinds of event, by their places in the contract's list.
    pub fn asked_about(self, events: &[u8]) -> Self {
        Self { events: events.to_vec(), ..self }
    }

    /// The same, doing this when it is called.
    pub fn doing(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self }
    }

    /// The same, doing this to describe itself.
    pub fn describing(self, body: &str) -> Self {
        Self { describe: body.to_owned(), ..self }
    }

    /// The same, doing this to take its settings.
    pub fn configuring(self, body: &str) -> Self {
        Self { configure: body.to_owned(), ..self }
    }

    /// The same, which may call `$verify`: a secret's name, the algorithm, the message, the signature,
    /// where to.
    pub fn verifying(self) -> Self {
        let import = r#"(import "switchboard:plugin/secrets@0.2.0" "verify"
            (func $verify (param i32 i32 i32 i32 i32 i32 i32 i32)))"#;
        Self { imports: import.to_owned(), ..self }
    }

    /// The same policy in a world that would have it verify signatures, as if it were an adapter.
    pub fn with_secrets_for_a_policy(self) -> Self {
        Self { own_world: Some(SECRETS_WORLD), ..self.verifying() }
    }

    /// The same, doing this before the rest when it is called.
    pub fn saying_first(self, body: &str) -> Self {
        let (locals, rest) = after_locals(&self.body);
        Self { body: format!("{locals} {body} {rest}"), ..self }
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

    /// The same, whose `$armed` is 1 from `configure` on: it misbehaves in its calls alone.
    pub fn armed(self) -> Self {
        Self { configure: format!("(global.set $armed (i32.const 1)) {DONE}"), ..self }
    }

    /// The same with these fields in its module.
    pub fn with(self, fields: &str) -> Self {
        Self { fields: fields.to_owned(), ..self }
    }

    /// The same, which may call `$log`.
    pub fn logging(self) -> Self {
        let imports = r#"(import "switchboard:plugin/log@0.2.0" "write" (func $log (param i32 i32 i32)))"#;
        Self { imports: imports.to_owned(), ..self }
    }

    /// The same, which does this before it gives memory for an argument.
    pub fn allocating(self, allocate: &str) -> Self {
        Self { allocate: allocate.to_owned(), ..self }
    }

    /// The same with this much memory from the start, in pages of 64 KiB.
    pub fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// The same in a world of its own that exports a resource `thing`, whose handles `$thing` makes.
    pub fn with_handles(self) -> Self {
        let imports = r#"(import "[export]hostile:guest/things" "[resource-new]thing" (func $thing (param i32) (result i32)))"#;
        Self { imports: imports.to_owned(), own_world: Some(HANDLES_WORLD), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its component.
    pub fn component(&self) -> Vec<u8> {
        let mut module = self.core_module();
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (contract, _) = resolve.push_dir(wit).unwrap();
        let (package, world) = match self.own_world {
            Some(world) => (resolve.push_str("hostile.wit", world).unwrap(), "hostile"),
            None => (contract, self.world),
        };
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// Its core module, which is no component yet.
    pub fn core_module(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }

    /// Its text.
    pub fn text(&self) -> String {
        let Self { describe, configure, imports, fields, allocate, pages, .. } = self;
        let (manifest, content) = (self.manifest(), escaped(&self.content));
        let functions = match self.world {
            "channel-adapter" => self.adapter_functions(),
            _ => self.policy_functions(),
        };
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 65536))
                (global $armed (mut i32) (i32.const 0))
                {fields}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    {allocate}
                    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.set $next (i32.add (local.get $at) (local.get 3)))
                    local.get $at)
                (func (export "switchboard:plugin/plugin@0.2.0#describe") (result i32) {describe})
                (func (export "switchboard:plugin/plugin@0.2.0#configure") (param i32 i32) (result i32)
                    {configure})
                {functions}
                {manifest}
                (data (i32.const {CONTENT}) "{content}"))"#
        )
    }

    fn policy_functions(&self) -> String {
        let body = &self.body;
        format!(
            r#"(func (export "switchboard:plugin/policy@0.2.0#evaluate") (param i32) (result i32) {body})"#
        )
    }

    fn adapter_functions(&self) -> String {
        let Self { body, begin, resume, .. } = self;
        let flat = "i32 ".repeat(13);
        format!(
            r#"(func (export "switchboard:plugin/adapter@0.2.0#receive") (param i32) (result i32) {body})
               (func (export "switchboard:plugin/adapter@0.2.0#begin") (param i32) (result i32) {begin})
               (func (export "switchboard:plugin/adapter@0.2.0#resume") (param {flat}) (result i32) {resume})"#
        )
    }

    /// The manifest's record, and behind it what it points to.
    fn manifest(&self) -> String {
        let is_policy = self.world == "policy-plugin";
        let bytes = self.name.len() + self.version.len() + self.summary.len() + self.schema.len();
        let start = if bytes > SHORT_TEXTS_BYTES_MAX { LONG_TEXTS } else { MANIFEST + 256 };
        let mut behind = Vec::new();
        let mut place = |bytes: &[u8]| {
            // Records stand at multiples of their words.
            behind.resize(behind.len().next_multiple_of(4), 0);
            let at = start + behind.len() as u32;
            behind.extend_from_slice(bytes);
            [at, bytes.len() as u32].map(u32::to_le_bytes).concat()
        };
        let texts = [&self.name, &self.version, &self.summary];
        let texts = texts.map(|text| place(text.as_bytes())).concat();
        let kind = vec![u8::from(is_policy), 0, 0, 0];
        let schema = place(self.schema.as_bytes());
        let lists = [place(&self.events), place(&self.declares), place(&[])].concat();
        let secrets = self.wants.map_or_else(Vec::new, |(name, uses)| {
            [place(name.as_bytes()), place(b"To see what happens."), vec![uses, 0, 0, 0]].concat()
        });
        let mut secrets = place(&secrets);
        // The list's length is in records, not in bytes.
        secrets[4..].copy_from_slice(&u32::from(self.wants.is_some()).to_le_bytes());
        let record = [texts, kind, schema, lists, secrets].concat();
        format!(
            "(data (i32.const {MANIFEST}) \"{}\") (data (i32.const {start}) \"{}\")",
            escaped(&record),
            escaped(&behind)
        )
    }
}

/// A body that answers with a list of the one element at [`CONTENT`].
fn answer_list() -> String {
    answering_list(CONTENT, 1)
}

/// A body's locals, which stand before everything else, and the rest of it.
fn after_locals(body: &str) -> (&str, &str) {
    let mut end = 0;
    while body[end..].trim_start().starts_with("(local ") {
        end += body[end..].find(')').unwrap() + 1;
    }
    body.split_at(end)
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
