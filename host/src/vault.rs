//! The vault: secrets, sealed where they are kept, computed with where they are needed, shown nowhere.
//!
//! Called by `flow`, `plugin`, `config`, `cli` and `app`; calls `domain` alone.
//!
//! | module | holds |
//! |---|---|
//! | [`value`] | a value in memory: never printed, wiped when it goes |
//! | [`cipher`], [`key`] | how values are sealed, and with which key |
//! | [`compute`] | signatures and challenges |
//! | [`granted`] | what one call may do with which secret, and what is hidden from it |
//!
//! **Invariant:** a value leaves this room only inside a request on its way out, or sealed.

pub mod cipher;
pub mod compute;
pub mod granted;
pub mod key;
pub mod value;

pub use cipher::{Cipher, Unreadable};
pub use compute::Algorithm;
pub use granted::{Denial, Granted, OpenSecret};
pub use key::{KeyError, KeySource};
pub use value::SecretValue;
