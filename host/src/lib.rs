//! Switchboard: the missing operator.
pub mod bundled;
pub mod config;
pub mod domain;
pub mod egress;
pub mod flow;
pub mod http;
pub mod plugin;
pub mod store;
pub mod telemetry;
pub mod worker;
