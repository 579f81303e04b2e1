//! The plugins that Switchboard brings along: the standard part of the marketplace.
//!
//! They are published and enabled through the same path as anybody's.

/// Name and component of each.
pub const BUNDLED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::digest;

    #[test]
    fn bundled_plugins_are_components() {
        for (name, component) in BUNDLED {
            println!("{name}: {} bytes, sha256 {}", component.len(), digest::digest(component));
            assert!(component.starts_with(b"\0asm\x0d\0\x01\0"), "{name}");
        }
    }
}
