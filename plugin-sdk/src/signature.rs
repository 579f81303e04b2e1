//! How channels sign what they deliver: a part of an inbox's settings, and its check.
//!
//! An adapter takes a [`Signature`] among its settings, declares [`SIGNING`] among its secrets, and
//! calls [`Signature::check`] before it reads anything.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secrets::{self, Algorithm, Denial, SecretUse, WantedSecret};
use crate::types::{Delivery, Rejection, SettingError, TimestampMs};

/// The secret that deliveries are signed with.
pub const SIGNING: WantedSecret = WantedSecret {
    name: "signing",
    purpose: "What the channel signs deliveries with: its signing secret, public key or token.",
    uses: SecretUse::VERIFY,
};

/// How a channel signs what it delivers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "scheme", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Signature {
    /// Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. The secret is
    /// what follows `whsec_`, in base64, or the public key that follows `whpk_`.
    StandardWebhooks {
        /// How many seconds may lie between signing and receipt.
        #[serde(default = "five_minutes")]
        window_s: u64,
    },
    /// GitHub's and Meta's: `X-Hub-Signature-256` holds the body's HMAC-SHA256 in hexadecimal
    /// (GitHub, "Validating webhook deliveries").
    Github,
    /// WebSub's: `X-Hub-Signature` names the method before the body's HMAC (W3C WebSub, section 8).
    Websub,
    /// Slack's: `X-Slack-Signature` over version, time and body (Slack, "Verifying requests").
    Slack {
        /// How many seconds may lie between signing and receipt.
        #[serde(default = "five_minutes")]
        window_s: u64,
    },
    /// Discord's: `X-Signature-Ed25519` over time and body; the secret is the public key.
    Discord {
        /// How many seconds may lie between signing and receipt.
        #[serde(default = "five_minutes")]
        window_s: u64,
    },
    /// A header field that holds the body's HMAC, as LINE, X and many others send it.
    Hmac {
        /// The field's name.
        header: String,
        /// The hash.
        #[serde(default)]
        hash: Hash,
        /// How the code is written.
        #[serde(default)]
        encoding: Encoding,
        /// What stands before it, such as `sha256=`.
        #[serde(default)]
        prefix: String,
    },
    /// A header field that holds the secret itself, as GitLab's `X-Gitlab-Token`.
    Token {
        /// The field's name.
        header: String,
    },
}

/// The hash of an HMAC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    #[default]
    Sha256,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal.
    #[default]
    Hex,
    /// Base64 (RFC 4648, section 4).
    Base64,
}

fn five_minutes() -> u64 {
    300
}

impl Hash {
    fn hmac(self) -> Algorithm {
        match self {
            Self::Sha1 => Algorithm::HmacSha1,
            Self::Sha256 => Algorithm::HmacSha256,
        }
    }
}

/// Fields that no adapter ever sees: the host takes them as credentials of its own.
const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-switchboard-token"];

impl Signature {
    /// Whether it can be checked at all.
    ///
    /// # Errors
    /// What is wrong, where the settings of the adapter hold it under `signature`.
    pub fn check_settings(&self) -> Result<(), SettingError> {
        let (Self::Hmac { header, .. } | Self::Token { header }) = self else { return Ok(()) };
        match CREDENTIALS.iter().find(|it| header.eq_ignore_ascii_case(it)) {
            None => Ok(()),
            Some(name) => Err(SettingError::at(
                "/signature/header",
                format!(
                    "the host keeps `{name}` from adapters; have the channel use another header field, or give \
                     the inbox a token of its own (`\"access\": \"token\"`)"
                ),
            )),
        }
    }

    /// Whether somebody who saw a delivery could send its body again with other header fields. Whoever saw
    /// a token can do anything.
    pub fn covers_the_body_alone(&self) -> bool {
        !matches!(self, Self::Token { .. })
    }

    /// Whether the delivery comes from whoever has the secret [`SIGNING`].
    ///
    /// # Errors
    /// What is missing, wrong or too old, by the name of its header field.
    pub fn check(&self, delivery: &Delivery) -> Result<(), Rejection> {
        match self {
            Self::StandardWebhooks { window_s } => standard_webhooks(delivery, *window_s),
            Self::Github => body(delivery, "x-hub-signature-256", "sha256=", Hash::Sha256, Encoding::Hex),
            Self::Websub => websub(delivery),
            Self::Slack { window_s } => {
                let time = signed_at(delivery, "x-slack-request-timestamp", *window_s)?;
                let message = [b"v0:", time.as_bytes(), b":", &delivery.body].concat();
                let name = "x-slack-signature";
                let code = decoded(name, after(name, field(delivery, name)?, "v0=")?, Encoding::Hex)?;
                verify(name, Algorithm::HmacSha256, &message, &code)
            }
            Self::Discord { window_s } => {
                let time = signed_at(delivery, "x-signature-timestamp", *window_s)?;
                let message = [time.as_bytes(), &delivery.body].concat();
                let name = "x-signature-ed25519";
                let signature = decoded(name, field(delivery, name)?, Encoding::Hex)?;
                verify(name, Algorithm::Ed25519, &message, &signature)
            }
            Self::Hmac { header, hash, encoding, prefix } => {
                body(delivery, &header.to_ascii_lowercase(), prefix, *hash, *encoding)
            }
            Self::Token { header } => {
                let name = header.to_ascii_lowercase();
                verify(&name, Algorithm::SharedToken, &[], field(delivery, &name)?.as_bytes())
            }
        }
    }
}

/// Several signatures may stand side by side, with a version before each: `v1` is an HMAC, `v1a` is
/// Ed25519 (Standard Webhooks 1.0, "Signature scheme"). One that is right is enough.
fn standard_webhooks(delivery: &Delivery, window_s: u64) -> Result<(), Rejection> {
    let name = "webhook-signature";
    let id = field(delivery, "webhook-id")?;
    let time = signed_at(delivery, "webhook-timestamp", window_s)?;
    let message = [id.as_bytes(), b".", time.as_bytes(), b".", &delivery.body].concat();
    // As many as the host checks in one call, and some to spare.
    for signature in field(delivery, name)?.split(' ').take(16) {
        let (algorithm, text) = match signature.split_once(',') {
            Some(("v1", text)) => (Algorithm::HmacSha256, text),
            Some(("v1a", text)) => (Algorithm::Ed25519, text),
            _ => continue,
        };
        let Ok(signature) = decoded(name, text, Encoding::Base64) else { continue };
        if holds(algorithm, &message, &signature)? {
            return Ok(());
        }
    }
    Err(unauthentic(name, "no signature of the versions v1 and v1a is right"))
}

fn websub(delivery: &Delivery) -> Result<(), Rejection> {
    let name = "x-hub-signature";
    let (hash, prefix) = match field(delivery, name)?.split_once('=') {
        Some(("sha1", _)) => (Hash::Sha1, "sha1="),
        Some(("sha256", _)) => (Hash::Sha256, "sha256="),
        _ => return Err(unauthentic(name, "its method is neither sha1 nor sha256")),
    };
    body(delivery, name, prefix, hash, Encoding::Hex)
}

fn body(
    delivery: &Delivery,
    name: &str,
    prefix: &str,
    hash: Hash,
    encoding: Encoding,
) -> Result<(), Rejection> {
    let code = decoded(name, after(name, field(delivery, name)?, prefix)?, encoding)?;
    verify(name, hash.hmac(), &delivery.body, &code)
}

fn verify(name: &str, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Rejection> {
    match holds(algorithm, message, signature)? {
        true => Ok(()),
        false => Err(unauthentic(name, "the signature is wrong")),
    }
}

fn holds(algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<bool, Rejection> {
    secrets::verify(SIGNING.name, algorithm, message, signature).map_err(|denial| {
        let why = match denial {
            Denial::Unset => {
                "the inbox has no secret for it: name one in its `secrets`, to be used to verify"
            }
            Denial::Undeclared => "the adapter does not declare it",
            Denial::Malformed => "it is not of the form that is asked for",
            Denial::TooMuch => "the delivery is too large to be checked",
        };
        Rejection::Unauthentic(format!("secret `{}`: {why}", SIGNING.name))
    })
}

/// The seconds since 1970 in a header field, as they stand there, if they lie close to the receipt.
fn signed_at<'a>(delivery: &'a Delivery, name: &str, window_s: u64) -> Result<&'a str, Rejection> {
    let text = field(delivery, name)?;
    let seconds: TimestampMs =
        text.parse().map_err(|_| unauthentic(name, "it does not hold seconds since 1970"))?;
    let apart_ms = seconds.saturating_mul(1_000).abs_diff(delivery.received_at_ms);
    match apart_ms <= window_s.saturating_mul(1_000) {
        true => Ok(text),
        false => {
            let found =
                format!("signed {} s away from its receipt, at most {window_s} count", apart_ms / 1_000);
            Err(unauthentic(name, found))
        }
    }
}

fn field<'a>(delivery: &'a Delivery, name: &str) -> Result<&'a str, Rejection> {
    delivery.header(name).map(str::trim).ok_or_else(|| unauthentic(name, "it is missing"))
}

fn after<'a>(name: &str, value: &'a str, prefix: &str) -> Result<&'a str, Rejection> {
    value.strip_prefix(prefix).ok_or_else(|| unauthentic(name, format!("it does not begin with `{prefix}`")))
}

fn decoded(name: &str, text: &str, encoding: Encoding) -> Result<Vec<u8>, Rejection> {
    let bytes = match encoding {
        Encoding::Hex => unhex(text),
        Encoding::Base64 => STANDARD.decode(text).ok(),
    };
    bytes.ok_or_else(|| unauthentic(name, format!("it is not {encoding:?}").to_lowercase()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
    if rest.is_empty() { bytes.collect() } else { None }
}

fn unauthentic(name: &str, what: impl Display) -> Rejection {
    Rejection::Unauthentic(format!("header field `{name}`: {what}"))
}
