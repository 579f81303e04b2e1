//! The plugins that Switchboard brings along: the standard part of the marketplace.
//!
//! They are published and enabled through the same path as anybody's.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::plugin::digest;

/// Name and component of each.
pub const BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// Whether the component of this digest comes with Switchboard.
pub fn contains(digest: &str) -> bool {
    static DIGESTS: LazyLock<HashSet<String>> =
        LazyLock::new(|| BUNDLED.iter().map(|(_, component)| digest::digest(component)).collect());
    DIGESTS.contains(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_plugins_are_components() {
        for (name, component) in BUNDLED {
            println!("{name}: {} bytes, sha256 {}", component.len(), digest::digest(component));
            assert!(component.starts_with(b"\0asm\x0d\0\x01\0"), "{name}");
        }
    }
}
