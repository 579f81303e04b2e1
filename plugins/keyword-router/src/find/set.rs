//! A set of small numbers.

/// Which of the things to look for were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    blocks: Vec<u64>,
}

impl Found {
    /// The empty set, with room for so many numbers.
    pub fn none_of(count: usize) -> Self {
        let blocks = vec![0; count.div_ceil(u64::BITS as usize)];
        Self { blocks }
    }

    pub(super) fn insert(&mut self, number: usize) {
        let (block, bit) = place(number);
        self.blocks[block] |= bit;
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        let (block, bit) = place(number);
        self.blocks[block] & bit != 0
    }
}

fn place(number: usize) -> (usize, u64) {
    let bits = u64::BITS as usize;
    (number / bits, 1 << (number % bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_one_block_are_kept_apart() {
        let mut found = Found::none_of(130);
        found.insert(0);
        found.insert(129);
        let held: Vec<usize> = (0..130).filter(|number| found.contains(*number)).collect();
        assert_eq!(held, [0, 129]);
    }
}
