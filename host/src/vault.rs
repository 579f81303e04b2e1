//! The vault: secrets, sealed where they are kept, computed with where they are needed, shown nowhere.
//!
//! Called by `flow`, `plugin`, `config`, `cli` and `app`; calls `domain` alone.
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | a value in memory: never printed, wiped when it goes |
//! | [`cipher`], [`key`] | how values are sealed, and with which key |
//! | [`key_file`] | a file that holds a key |
//! | [`compute`] | signatures and challenges |
//! | [`granted`] | what one call may do with which secret, and what is hidden from it |
//! | `hiding` | where a value stands in what others write |
//!
//! **Invariant:** a value leaves this room only inside a request on its way out, or sealed.

pub mod cipher;
pub mod compute;
pub mod granted;
mod hiding;
pub mod key;
pub mod key_file;
pub mod value;

pub use cipher::{Cipher, Unreadable};
pub use compute::Algorithm;
pub use granted::{Denial, Granted, OpenSecret, OpenValue};
pub use key::{KeyError, KeySource};
pub use value::SecretValue;
