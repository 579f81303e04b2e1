//! Signing releases and verifying signatures: ed25519 (RFC 8032), keys as PKCS #8 (RFC 5958) in PEM
//! (RFC 7468).
//!
//! What is signed is the component's digest behind a word that says what it is for, so that a signature
//! given for something else is none of a release. The name and the version stand in the component itself.
//!
//! To register a key, its owner signs the key statement: the bytes
//! `switchboard signing key`, the installation's id, the department's name (empty for the company) and the
//! public key in base64, with a zero byte between each two. So a key is registered only by an admin to whom its
//! owner gave the proof, for this installation and this department.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::domain::signing::Signature;

const PUBLIC_KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";
/// RFC 7468 wraps lines after 64 characters.
const PEM_LINE: usize = 64;

/// What is wrong with a key or a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// It is no private key.
    #[error("that is no ed25519 private key in PEM (`switchboard plugin keygen` makes one)")]
    NotAPrivateKey,
    /// It is no public key.
    #[error("that is no ed25519 public key: 32 bytes in base64, not of low order")]
    NotAPublicKey,
    /// It is no signature.
    #[error("that is no ed25519 signature: 64 bytes in base64")]
    NotASignature,
    /// The key did not sign this.
    #[error("the key did not sign this component")]
    Forged,
    /// The key did not sign the statement that it is to be registered here.
    #[error("the key did not sign the statement for this installation and this department")]
    Unproven,
}

/// A key that signs.
pub struct PrivateKey {
    pair: Ed25519KeyPair,
    pem: String,
}

impl PrivateKey {
    /// Makes a key.
    pub fn generate() -> Result<Self, SigningError> {
        let made =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SigningError::NoRandomness)?;
        Self::read(&pem(made.as_ref()))
    }

    /// Reads a key in PEM; one that another program made has its public half worked out.
    pub fn read(text: &str) -> Result<Self, SigningError> {
        let base64 = text
            .split_once(PEM_BEGIN)
            .and_then(|(_, rest)| rest.split_once(PEM_END))
            .map(|(inside, _)| inside.split_whitespace().collect::<String>());
        let der = base64.and_then(|it| STANDARD.decode(it).ok()).ok_or(SigningError::NotAPrivateKey)?;
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| SigningError::NotAPrivateKey)?;
        Ok(Self { pair, pem: pem(&der) })
    }

    /// The key in PEM: a secret.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The public half, in base64.
    pub fn public_key(&self) -> String {
        STANDARD.encode(self.pair.public_key())
    }

    /// Signs the component of this digest.
    pub fn sign(&self, digest: &str) -> Signature {
        let signature = self.pair.sign(&signed(digest));
        Signature { public_key: self.public_key(), signature: STANDARD.encode(signature) }
    }

    /// The proof, in base64, with which a department of this installation registers the key; the company does
    /// where no department is named.
    pub fn prove(&self, installation: &str, department: Option<&str>) -> String {
        STANDARD.encode(self.pair.sign(&key_statement(installation, department, &self.public_key())))
    }
}

/// Checks that the signature is one, of the component of this digest, by the key it names.
pub fn verify(digest: &str, signature: &Signature) -> Result<(), SigningError> {
    let key = public_key(&signature.public_key)?;
    let bytes = decoded::<SIGNATURE_BYTES>(&signature.signature).ok_or(SigningError::NotASignature)?;
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(&signed(digest), &bytes).map_err(|_| SigningError::Forged)
}

/// Checks that the owner of this public key signed its statement for this installation and department.
pub fn verify_proof(
    public_key: &str,
    proof: &str,
    installation: &str,
    department: Option<&str>,
) -> Result<(), SigningError> {
    let key = self::public_key(public_key)?;
    let bytes = decoded::<SIGNATURE_BYTES>(proof).ok_or(SigningError::NotASignature)?;
    let statement = key_statement(installation, department, public_key);
    UnparsedPublicKey::new(&ED25519, key).verify(&statement, &bytes).map_err(|_| SigningError::Unproven)
}

/// Checks that the text is a public key.
pub fn check_public_key(text: &str) -> Result<(), SigningError> {
    public_key(text).map(drop)
}

/// The bytes of a public key. One of low order is none: signatures by it need no private key.
fn public_key(text: &str) -> Result<[u8; PUBLIC_KEY_BYTES], SigningError> {
    let key = decoded::<PUBLIC_KEY_BYTES>(text).ok_or(SigningError::NotAPublicKey)?;
    let [first @ .., last] = key;
    // The highest bit is the sign of x.
    let y: Vec<u8> = first.into_iter().chain([last & 0x7f]).collect();
    let is_of_low_order = LOW_ORDER.iter().any(|it| hex(&y) == *it);
    if is_of_low_order { Err(SigningError::NotAPublicKey) } else { Ok(key) }
}

/// The points of low order of edwards25519, by y as keys have it: 1, -1, 0, those of order eight, and the first
/// three beyond the prime.
const LOW_ORDER: [&str; 7] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn signed(digest: &str) -> Vec<u8> {
    format!("switchboard release\0sha256\0{digest}").into_bytes()
}

fn key_statement(installation: &str, department: Option<&str>, public_key: &str) -> Vec<u8> {
    let department = department.unwrap_or_default();
    format!("switchboard signing key\0{installation}\0{department}\0{public_key}").into_bytes()
}

fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(PEM_LINE).map(String::from_utf8_lossy);
    let inside: String = lines.map(|line| format!("{line}\n")).collect();
    format!("{PEM_BEGIN}\n{inside}{PEM_END}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_verified_and_nothing_else() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign("0a1b");
        assert_eq!(verify("0a1b", &signature), Ok(()));
        assert_eq!(verify("0a1c", &signature), Err(SigningError::Forged));
        let other = PrivateKey::generate().unwrap().public_key();
        let of_another = Signature { public_key: other, ..signature.clone() };
        assert_eq!(verify("0a1b", &of_another), Err(SigningError::Forged));
        let cut = Signature { signature: signature.signature[4..].to_owned(), ..signature.clone() };
        assert_eq!(verify("0a1b", &cut), Err(SigningError::NotASignature));
        let no_key = Signature { public_key: "AAAA".to_owned(), ..signature };
        assert_eq!(verify("0a1b", &no_key), Err(SigningError::NotAPublicKey));
    }

    /// The neutral point with a signature of nothing verifies for every statement.
    #[test]
    fn a_key_of_low_order_is_none() {
        for (first, last) in [(1, 0), (1, 0x80), (0, 0)] {
            let mut key = [0; PUBLIC_KEY_BYTES];
            (key[0], key[PUBLIC_KEY_BYTES - 1]) = (first, last);
            let mut proof = [0; SIGNATURE_BYTES];
            proof[0] = 1;
            let (key, proof) = (STANDARD.encode(key), STANDARD.encode(proof));
            assert_eq!(check_public_key(&key), Err(SigningError::NotAPublicKey));
            assert_eq!(verify_proof(&key, &proof, "here", None), Err(SigningError::NotAPublicKey));
        }
    }

    #[test]
    fn proof_counts_for_its_key_installation_and_department_alone() {
        let key = PrivateKey::generate().unwrap();
        let proof = key.prove("here", Some("billing"));
        let verify = |key: &PrivateKey, installation, department| {
            verify_proof(&key.public_key(), &proof, installation, department)
        };
        assert_eq!(verify(&key, "here", Some("billing")), Ok(()));
        let other = PrivateKey::generate().unwrap();
        for wrong in [
            verify(&other, "here", Some("billing")),
            verify(&key, "elsewhere", Some("billing")),
            verify(&key, "here", Some("service")),
            verify(&key, "here", None),
        ] {
            assert_eq!(wrong, Err(SigningError::Unproven));
        }
    }

    #[test]
    fn signature_of_a_release_proves_no_key() {
        let key = PrivateKey::generate().unwrap();
        let signature = key.sign("0a1b").signature;
        let proved = verify_proof(&key.public_key(), &signature, "here", None);
        assert_eq!(proved, Err(SigningError::Unproven));
    }

    #[test]
    fn a_key_that_was_kept_signs_as_before() {
        let key = PrivateKey::generate().unwrap();
        let again = PrivateKey::read(key.pem()).unwrap();
        assert_eq!(again.sign("0a1b"), key.sign("0a1b"));
    }

    /// RFC 8410, section 10.3: a key as other programs write it, without the public half; its public
    /// half is the one of section 10.1.
    #[test]
    fn a_key_of_another_program_is_read() {
        let text = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let key = PrivateKey::read(text).unwrap();
        assert_eq!(key.public_key(), "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", "MC4CAQAwBQYDK2VwBCIEI"]
        {
            assert_eq!(PrivateKey::read(text).err(), Some(SigningError::NotAPrivateKey), "{text}");
        }
    }
}
