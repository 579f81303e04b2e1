//! Memory of one call: the sum over all memories and tables of the store.

use wasmtime::ResourceLimiter;

/// One table element is a pointer in the host.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// Refuses growth past a sum. wasmtime's own limits count each memory by itself, so that a guest
/// with many memories would have many times the limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    bytes_max: usize,
    bytes: usize,
    refused: bool,
}

impl Limiter {
    /// A limiter for one store.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, refused: false }
    }

    /// Whether growth was refused at least once. A guest may survive that; if it then traps, memory
    /// is the reason.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Raises the limit, for the host's own read of the memory.
    pub(crate) fn raise(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    fn grow(&mut self, current_bytes: usize, desired_bytes: usize) -> bool {
        let bytes = self.bytes.saturating_add(desired_bytes.saturating_sub(current_bytes));
        if bytes > self.bytes_max {
            self.refused = true;
            return false;
        }
        self.bytes = bytes;
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired)))
    }

    // What the limit would have allowed the pool's slots may still be too small for.

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.refused());
    }

    #[test]
    fn tables_count_with_the_memories() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(!limiter.table_growing(0, 6, None).unwrap());
        assert!(limiter.table_growing(0, 5, None).unwrap());
    }
}
