//! Switchboard: the missing operator.
pub mod domain;
pub mod store;
