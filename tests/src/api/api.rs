//! The HTTP interface, one resource a file.

mod access;
mod activations;
mod bodies;
mod conversations;
mod health;
mod idempotency;
mod lists;
mod organisation;
mod plugins;
mod quotas;
mod roles;
mod secrets;
mod signing;
mod tokens;
mod tour;
mod world;
