//! What calls for one inbox may do with which secrets, and what is hidden from them.

use std::borrow::Cow;
use std::sync::Arc;

use super::compute::{self, Algorithm};
use super::value::SecretValue;
use crate::domain::delivery::RawDelivery;
use crate::domain::release::Manifest;
use crate::domain::secret::{Secret, SecretUse};

/// What a stand-in begins with. It is put by the host alone: where it comes in from outside, it is
/// disfigured first, so that nobody passes for having shown the value.
const STAND_IN: &str = "[secret:";
/// What is left of one that came from outside.
const DISFIGURED: &str = "[secret?:";

/// A stored secret with the values that count, newest first.
#[derive(Clone, Debug)]
pub struct OpenSecret {
    /// What is known of it.
    pub secret: Secret,
    /// Its values.
    pub values: Vec<SecretValue>,
}

/// Why a secret is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The manifest does not declare it, or not for this use.
    Undeclared,
    /// The inbox has none of this name, or one that is not for this use.
    Unset,
    /// The form is never right.
    Malformed,
}

/// What calls for one inbox may do. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// What the adapter declares; nothing without.
    manifest: Option<Arc<Manifest>>,
    /// The adapter's names, and what an admin set for them.
    bound: Vec<(String, Arc<OpenSecret>)>,
}

impl Granted {
    /// What an adapter with this manifest may do with what an admin set.
    pub fn new(manifest: Arc<Manifest>, bound: Vec<(String, Arc<OpenSecret>)>) -> Self {
        Self { manifest: Some(manifest), bound }
    }

    /// Nothing at all.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The secret of the adapter's name for it, if it is declared and set for this use.
    pub fn of(&self, name: &str, wanted: SecretUse) -> Result<&OpenSecret, Denial> {
        let needs = self.manifest.as_deref().map_or(&[][..], |it| &it.secrets);
        if !needs.iter().any(|need| need.name == name && need.uses.contains(&wanted)) {
            return Err(Denial::Undeclared);
        }
        let found = self.bound.iter().find(|(bound, _)| bound == name).map(|(_, open)| &**open);
        found.filter(|open| open.secret.is_for(wanted) && !open.values.is_empty()).ok_or(Denial::Unset)
    }

    /// The newest value, for a request on its way out: for nothing else.
    pub fn reveal(&self, name: &str) -> Result<String, Denial> {
        let newest = self.of(name, SecretUse::Send)?.values.first().ok_or(Denial::Unset)?;
        newest.text().map(str::to_owned).ok_or(Denial::Malformed)
    }

    /// Whether a signature is right.
    pub fn verify(
        &self,
        name: &str,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Denial> {
        let open = self.of(name, SecretUse::Verify)?;
        if algorithm == Algorithm::SharedToken && signature == stand_in(name).as_bytes() {
            return Ok(true);
        }
        Ok(compute::verify(&open.values, algorithm, message, signature))
    }

    /// The answer to a challenge.
    pub fn answer(&self, name: &str, algorithm: Algorithm, challenge: &str) -> Result<Vec<u8>, Denial> {
        let open = self.of(name, SecretUse::Challenge)?;
        let newest = open.values.first().ok_or(Denial::Unset)?;
        if !compute::is_challenge(challenge) {
            return Err(Denial::Malformed);
        }
        compute::answer(newest, algorithm, challenge).ok_or(Denial::Malformed)
    }

    /// Puts stand-ins where a delivery shows a value: in its header fields and its query. What is
    /// stored and what the guest sees is this.
    pub fn hide_in_delivery(&self, delivery: &mut RawDelivery) {
        for header in &mut delivery.headers {
            if let Cow::Owned(hidden) = self.stand_ins_for(&header.value) {
                header.value = hidden;
            }
        }
        if let Some(query) = &delivery.query {
            let pairs: Vec<_> = query.split('&').map(|pair| self.hide_in_pair(pair)).collect();
            delivery.query = Some(pairs.join("&"));
        }
    }

    /// A pair of a query may be percent-encoded in many ways: it is decoded to be looked at, and kept
    /// as it came where there is nothing to hide.
    fn hide_in_pair<'a>(&self, pair: &'a str) -> Cow<'a, str> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace('+', " ");
        let Ok(value) = percent_encoding::percent_decode_str(&value).decode_utf8() else {
            return Cow::Borrowed(pair);
        };
        match self.stand_ins_for(&value) {
            Cow::Borrowed(_) => Cow::Borrowed(pair),
            Cow::Owned(hidden) => Cow::Owned(format!("{name}={hidden}")),
        }
    }

    fn stand_ins_for<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = match text.contains(STAND_IN) {
            true => Cow::Owned(text.replace(STAND_IN, DISFIGURED)),
            false => Cow::Borrowed(text),
        };
        match self.hide(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(hidden) => Cow::Owned(hidden),
        }
    }

    /// The text with stand-ins for every value in it.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for (name, value) in self.values() {
            if let Some(value) = value.text().filter(|it| hidden.contains(it)) {
                hidden = Cow::Owned(hidden.replace(value, &stand_in(name)));
            }
        }
        hidden
    }

    /// The bytes with stand-ins for every value in them.
    pub fn hide_in_bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (name, value) in self.values() {
            bytes = replaced(bytes, value.bytes(), stand_in(name).as_bytes());
        }
        bytes
    }

    fn values(&self) -> impl Iterator<Item = (&str, &SecretValue)> {
        self.bound.iter().flat_map(|(name, open)| open.values.iter().map(move |it| (name.as_str(), it)))
    }
}

/// What stands for the value of the secret of this name.
pub fn stand_in(name: &str) -> String {
    format!("{STAND_IN}{name}]")
}

fn replaced(bytes: Vec<u8>, wanted: &[u8], with: &[u8]) -> Vec<u8> {
    if wanted.is_empty() || !bytes.windows(wanted.len()).any(|it| it == wanted) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Some(&first) = rest.first() {
        match rest.strip_prefix(wanted) {
            Some(after) => {
                out.extend_from_slice(with);
                rest = after;
            }
            None => {
                out.push(first);
                rest = &rest[1..];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::delivery::Header;
    use crate::domain::ids::SecretId;
    use crate::domain::release::PluginKind;
    use crate::domain::secret::SecretNeed;
    use crate::domain::time::Timestamp;

    const TOKEN: &str = "tok/en+with=signs";

    fn granted(declared: &[SecretUse], uses: &[SecretUse], values: &[&str]) -> Granted {
        let need = SecretNeed { name: "token".to_owned(), purpose: "p".to_owned(), uses: declared.to_vec() };
        let manifest = Manifest {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            summary: "s".to_owned(),
            kind: PluginKind::ChannelAdapter,
            settings_schema: Value::Null,
            events: vec![],
            proposals: vec![],
            needs: vec![],
            secrets: vec![need],
        };
        let secret = Secret {
            id: SecretId(1),
            name: "stored".to_owned(),
            department: None,
            uses: uses.to_vec(),
            hosts: vec![],
            created_at: Timestamp::from_ms(0),
            revision: 1,
        };
        let values = values.iter().map(|it| SecretValue::new(it.as_bytes().to_vec())).collect();
        Granted::new(Arc::new(manifest), vec![("token".to_owned(), Arc::new(OpenSecret { secret, values }))])
    }

    fn delivery(header: &str, query: &str) -> RawDelivery {
        RawDelivery {
            method: "POST".to_owned(),
            path: String::new(),
            query: Some(query.to_owned()),
            headers: vec![Header { name: "x-token".to_owned(), value: header.to_owned() }],
            body: vec![],
            received_at: Timestamp::from_ms(0),
        }
    }

    #[test]
    fn a_secret_is_used_as_declared_and_as_granted_and_not_otherwise() {
        use SecretUse::{Challenge, Send, Verify};
        let both = granted(&[Verify, Send], &[Verify, Challenge], &[TOKEN]);
        assert!(both.of("token", Verify).is_ok());
        assert_eq!(both.of("token", Challenge).unwrap_err(), Denial::Undeclared);
        assert_eq!(both.of("token", Send).unwrap_err(), Denial::Unset);
        assert_eq!(both.of("other", Verify).unwrap_err(), Denial::Undeclared);
        assert_eq!(granted(&[Verify], &[Verify], &[]).of("token", Verify).unwrap_err(), Denial::Unset);
        assert_eq!(Granted::nothing().of("token", Verify).unwrap_err(), Denial::Undeclared);
    }

    #[test]
    fn a_value_shown_in_a_header_or_a_query_is_hidden_and_still_counts() {
        let granted = granted(&[SecretUse::Verify], &[SecretUse::Verify], &[TOKEN]);
        let mut shown = delivery(
            &format!("Token {TOKEN}"),
            "a=1&token=tok%2Fen%2Bwith%3Dsigns&other=tok%2fen%2bwith=signs&b=%20",
        );
        granted.hide_in_delivery(&mut shown);
        assert_eq!(shown.headers[0].value, "Token [secret:token]");
        assert_eq!(shown.query.as_deref(), Some("a=1&token=[secret:token]&other=[secret:token]&b=%20"));
        assert_eq!(granted.verify("token", Algorithm::SharedToken, b"", b"[secret:token]"), Ok(true));
    }

    #[test]
    fn nobody_passes_by_sending_a_stand_in() {
        let granted = granted(&[SecretUse::Verify], &[SecretUse::Verify], &[TOKEN]);
        let mut forged = delivery("[secret:token]", "token=[secret:token]&t=%5Bsecret:token%5D");
        granted.hide_in_delivery(&mut forged);
        let shown = [&forged.headers[0].value, forged.query.as_ref().unwrap()];
        assert!(shown.iter().all(|it| !it.contains(&stand_in("token"))), "{shown:?}");
        let verdict =
            granted.verify("token", Algorithm::SharedToken, b"", forged.headers[0].value.as_bytes());
        assert_eq!(verdict, Ok(false));
    }

    #[test]
    fn what_a_channel_repeats_is_hidden() {
        let granted = granted(&[SecretUse::Send], &[SecretUse::Send], &["first-value", "second-value"]);
        let echoed = b"\xffyou sent first-value and second-value, second-value".to_vec();
        let hidden = granted.hide_in_bytes(echoed);
        assert_eq!(hidden, b"\xffyou sent [secret:token] and [secret:token], [secret:token]");
        assert_eq!(granted.hide("nothing here"), "nothing here");
    }
}
