//! Guests that misbehave, and files that are none: each test is one way to do harm, and each ends with
//! the same questions (see [`aftermath`]).

pub mod aftermath;
mod arrivals;
mod checks;
mod confinement;
mod cpu;
mod lifting;
mod memory;
mod network;
mod record;
mod returns;
mod sending;
mod settings;
mod setup;
mod state;
mod upload;
