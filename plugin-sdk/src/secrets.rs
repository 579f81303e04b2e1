//! Secrets that the host keeps: an adapter has them checked and sent, and never sees one.
//!
//! An adapter lists them in [`Adapter::SECRETS`](crate::Adapter::SECRETS); which stored secret each
//! of them is, an admin says for each inbox. In a native test,
//! [`AdapterUnderTest::with_secret`](crate::testing::AdapterUnderTest::with_secret) says it.

pub use crate::bindings::adapter::switchboard::plugin::secrets::{Algorithm, Denial};
pub use crate::bindings::base::exports::switchboard::plugin::plugin::SecretUse;

/// A secret that an adapter works with.
#[derive(Debug, Clone, Copy)]
pub struct WantedSecret {
    /// The adapter's name for it, as a plugin's name is written.
    pub name: &'static str,
    /// What it is and where an admin finds it: one sentence, at most 200 characters.
    pub purpose: &'static str,
    /// What it is used for.
    pub uses: SecretUse,
}

/// Whether a signature is right under any active value of a secret.
///
/// # Errors
/// Why the secret is not used; [`Denial::Unset`] is to be answered by rejecting the delivery.
pub fn verify(secret: &str, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<bool, Denial> {
    implementation::verify(secret, algorithm, message, signature)
}

/// What a channel wants to hear to know that we have a secret: the HMAC of its challenge.
///
/// # Errors
/// Why it is not answered: among others for a challenge that could be more than one, and for a
/// second one in a call. An intake with arrivals after it is not accepted by the host.
pub fn answer_challenge(secret: &str, algorithm: Algorithm, challenge: &str) -> Result<Vec<u8>, Denial> {
    implementation::answer_challenge(secret, algorithm, challenge)
}

#[cfg(target_arch = "wasm32")]
mod implementation {
    pub use crate::bindings::adapter::switchboard::plugin::secrets::{answer_challenge, verify};
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::secrets as implementation;
