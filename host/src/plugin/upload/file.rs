//! What sort of file it is, from its first bytes and a full validation.

use wasmparser::{Validator, WasmFeatures};

use super::{Refusal, RefusalKind};
use crate::plugin::budget::UPLOAD_BYTES_MAX;

const WASM_MAGIC: &[u8] = b"\0asm";
const ELF_MAGIC: &[u8] = b"\x7fELF";
const CORE_LAYER: [u8; 2] = [0, 0];
const PREAMBLE_BYTES: usize = 8;

/// Refuses everything but a whole, valid component.
pub(in crate::plugin) fn check_file(bytes: &[u8]) -> Result<(), Refusal> {
    check_size(bytes)?;
    check_preamble(bytes)?;
    Validator::new_with_features(features()).validate_all(bytes).map(drop).map_err(|error| {
        let message = error.message();
        let kind =
            if message.contains("unexpected end") { RefusalKind::Truncated } else { RefusalKind::Invalid };
        Refusal::new(kind, format!("{message} (at byte {})", error.offset()))
    })
}

fn check_size(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > UPLOAD_BYTES_MAX {
        let found = format!("the file has {} bytes", bytes.len());
        return Err(Refusal::new(RefusalKind::TooLarge, found));
    }
    Ok(())
}

fn check_preamble(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.starts_with(ELF_MAGIC) {
        return Err(Refusal::new(RefusalKind::Precompiled, "the file is compiled machine code"));
    }
    if !bytes.starts_with(WASM_MAGIC) {
        return Err(not_wasm(bytes));
    }
    if bytes.len() < PREAMBLE_BYTES {
        return Err(Refusal::new(RefusalKind::Truncated, "the file ends within its first eight bytes"));
    }
    if bytes[6..8] == CORE_LAYER {
        return Err(Refusal::new(RefusalKind::CoreModule, "the file is a core module, not a component"));
    }
    Ok(())
}

fn not_wasm(bytes: &[u8]) -> Refusal {
    if bytes.is_empty() {
        return Refusal::new(RefusalKind::Truncated, "the file is empty");
    }
    if WASM_MAGIC.starts_with(bytes) {
        return Refusal::new(RefusalKind::Truncated, "the file ends within its first four bytes");
    }
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"(") || text.starts_with(b";;") {
        return Refusal::new(RefusalKind::TextFormat, "the file is WebAssembly in text form");
    }
    Refusal::new(RefusalKind::NotWasm, "the file does not begin like WebAssembly")
}

/// What the engine compiles; a component beyond it is refused here, with a place.
fn features() -> WasmFeatures {
    WasmFeatures::default()
        - WasmFeatures::THREADS
        - WasmFeatures::MEMORY64
        - WasmFeatures::MULTI_MEMORY
        - WasmFeatures::RELAXED_SIMD
        - WasmFeatures::GC
        - WasmFeatures::EXCEPTIONS
        - WasmFeatures::CUSTOM_PAGE_SIZES
        - WasmFeatures::CM_ASYNC
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> &'static str {
        check_file(bytes).unwrap_err().name.name()
    }

    #[test]
    fn each_sort_of_wrong_file_has_its_name() {
        assert_eq!(name(b""), "truncated");
        assert_eq!(name(b"\0as"), "truncated");
        assert_eq!(name(b"\0asm\x0d\0"), "truncated");
        assert_eq!(name(b"GIF89a"), "not-wasm");
        assert_eq!(name(b"  (component)"), "text-format");
        assert_eq!(name(b"\x7fELF\x02\x01"), "precompiled");
        assert_eq!(name(b"\0asm\x01\0\0\0"), "core-module");
        assert_eq!(name(&vec![0; UPLOAD_BYTES_MAX + 1]), "too-large");
    }

    #[test]
    fn garbage_after_the_preamble_is_refused() {
        assert_eq!(name(b"\0asm\x0d\0\x01\0\xff\xff\xff"), "invalid");
    }
}
