//! The contract's versions, one module each.

pub mod v0_2;
