//! What is about a person: erased, handed out, and kept no longer than agreed. What is erased is looked for
//! in the bytes of every file in the folder of the repository.

mod begun;
pub mod canary;
mod confinement;
mod derived;
mod erase;
mod export;
mod others;
mod retention;
mod unread;
