//! What calls for one inbox may do with which secrets, and what is hidden from them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use subtle::ConstantTimeEq as _;

use super::cipher::Cipher;
use super::compute::{self, Algorithm};
use super::hiding::{self, Form};
use super::value::SecretValue;
use crate::domain::delivery::{DeliveryHead, Header, RawDelivery};
use crate::domain::ids::{DeliveryId, SecretValueId};
use crate::domain::release::Manifest;
use crate::domain::secret::{Secret, SecretUse};

#[cfg(test)]
mod tests;

/// What a stand-in begins with.
const STAND_IN: &str = "[secret:";

/// A stored secret with the values that count, newest first.
#[derive(Clone, Debug)]
pub struct OpenSecret {
    /// What is known of it.
    pub secret: Secret,
    /// Its values.
    pub values: Vec<OpenValue>,
}

/// A value that counts.
#[derive(Clone)]
pub struct OpenValue {
    /// Its id.
    pub id: SecretValueId,
    /// The value; absent where it was sealed with another key.
    value: Option<SecretValue>,
    /// The ways in which it may be written.
    forms: Vec<Form>,
}

impl OpenValue {
    /// A value that could be opened, or could not.
    pub fn new(id: SecretValueId, value: Option<SecretValue>) -> Self {
        let forms = value.as_ref().map(|it| hiding::forms(it.bytes())).unwrap_or_default();
        Self { id, value, forms }
    }

    /// Whether it could be opened.
    pub fn is_readable(&self) -> bool {
        self.value.is_some()
    }
}

impl fmt::Debug for OpenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenValue").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OpenSecret {
    fn readable(&self) -> impl Iterator<Item = &SecretValue> {
        self.values.iter().filter_map(|it| it.value.as_ref())
    }

    /// The newest value. An older one is never used in its stead: it may be the one that got out.
    fn newest(&self) -> Result<&SecretValue, Denial> {
        self.values.first().ok_or(Denial::Unset)?.value.as_ref().ok_or(Denial::Unreadable)
    }
}

/// Why a secret is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The manifest does not declare it, or not for this use.
    Undeclared,
    /// The inbox has none of this name, or one that is not for this use.
    Unset,
    /// Its newest value was sealed with another key.
    Unreadable,
    /// The form is never right.
    Malformed,
}

/// What calls for one inbox may do. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Granted {
    /// What the adapter declares; nothing without.
    manifest: Option<Arc<Manifest>>,
    /// The adapter's names, and what an admin set for them.
    bound: Arc<[(String, Arc<OpenSecret>)]>,
    /// The delivery that is read, if one is, and what stand-ins in it are made with.
    reading: Option<(DeliveryId, Arc<Cipher>)>,
    /// Whether a signature of it was right.
    verified: Arc<AtomicBool>,
}

impl Granted {
    /// What an adapter with this manifest may do with what an admin set. Without one it may do nothing,
    /// and the same is hidden.
    pub fn new(manifest: Option<Arc<Manifest>>, bound: Vec<(String, Arc<OpenSecret>)>) -> Self {
        Self { manifest, bound: bound.into(), ..Self::default() }
    }

    /// Nothing at all.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The same while a delivery is read: only there do stand-ins count, and each in its own delivery.
    pub fn reading(self, delivery: DeliveryId, cipher: &Arc<Cipher>) -> Self {
        Self { reading: Some((delivery, Arc::clone(cipher))), verified: Arc::default(), ..self }
    }

    /// Whether a delivery is read.
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// The secret of the adapter's name for it, if it is declared and set for this use.
    pub fn of(&self, name: &str, wanted: SecretUse) -> Result<&OpenSecret, Denial> {
        let needs = self.manifest.as_deref().map_or(&[][..], |it| &it.secrets);
        if !needs.iter().any(|need| need.name == name && need.uses.contains(&wanted)) {
            return Err(Denial::Undeclared);
        }
        let found = self.bound.iter().find(|(bound, _)| bound == name).map(|(_, open)| &**open);
        let is_usable = |open: &&OpenSecret| open.secret.is_for(wanted) && open.readable().next().is_some();
        found.filter(is_usable).ok_or(Denial::Unset)
    }

    /// Whether the adapter had a signature of the delivery checked, and it was right.
    pub fn has_verified(&self) -> bool {
        self.verified.load(Ordering::Relaxed)
    }

    /// Whether requests of this inbox may hold any secret.
    pub fn may_send(&self) -> bool {
        self.bound.iter().any(|(name, _)| self.of(name, SecretUse::Send).is_ok())
    }

    /// The newest value, for a request on its way out: for nothing else.
    pub fn reveal(&self, name: &str) -> Result<String, Denial> {
        let newest = self.of(name, SecretUse::Send)?.newest()?;
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
        let is_right = algorithm == Algorithm::SharedToken && self.stands_for(open, signature)
            || compute::verify(open.readable(), algorithm, message, signature);
        self.verified.fetch_or(is_right, Ordering::Relaxed);
        Ok(is_right)
    }

    /// The answer to a challenge.
    pub fn answer(&self, name: &str, algorithm: Algorithm, challenge: &str) -> Result<Vec<u8>, Denial> {
        let newest = self.of(name, SecretUse::Challenge)?.newest()?;
        if !compute::is_challenge(challenge) {
            return Err(Denial::Malformed);
        }
        compute::answer(newest, algorithm, challenge).ok_or(Denial::Malformed)
    }

    /// Puts stand-ins where a delivery shows a value: in its header fields and its query. What is
    /// stored and what the guest sees is this. Whether there was anything to hide.
    pub fn hide_in_delivery(&self, delivery: &mut RawDelivery) -> bool {
        self.hide_in_parts(&mut delivery.query, &mut delivery.headers)
    }

    /// The same for a delivery that is kept already.
    pub fn hide_in_head(&self, head: &mut DeliveryHead) -> bool {
        self.hide_in_parts(&mut head.query, &mut head.headers)
    }

    fn hide_in_parts(&self, query: &mut Option<String>, headers: &mut Vec<Header>) -> bool {
        if self.bound.is_empty() {
            return false;
        }
        let fields = headers.len();
        headers.retain(|header| !self.is_shown_in_name(&header.name));
        let mut hid = headers.len() < fields;
        for text in headers.iter_mut().map(|header| &mut header.value).chain(query) {
            if let Cow::Owned(hidden) = self.hide(text) {
                *text = hidden;
                hid = true;
            }
        }
        hid
    }

    /// The text with stand-ins for every value in it.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.hidden(text.as_bytes(), false) {
            Some(hidden) => Cow::Owned(String::from_utf8_lossy(&hidden).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// The bytes with stand-ins for every value in them; where they were cut off, for its beginning too.
    pub fn hide_in_bytes(&self, bytes: Vec<u8>, are_cut: bool) -> Vec<u8> {
        self.hidden(&bytes, are_cut).unwrap_or(bytes)
    }

    /// Whether the name of a header field shows a value; names are told in lower case.
    pub fn is_shown_in_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let forms: Vec<_> = self.forms().map(|(form, ..)| Form::new(form.to_ascii_lowercase())).collect();
        let forms: Vec<_> = forms.iter().map(|form| form.as_slice()).collect();
        !hiding::find(name.as_bytes(), &forms, false).is_empty()
    }

    fn hidden(&self, bytes: &[u8], are_cut: bool) -> Option<Vec<u8>> {
        let known: Vec<_> = self.forms().collect();
        let forms: Vec<_> = known.iter().map(|(form, ..)| *form).collect();
        let found = hiding::find(bytes, &forms, are_cut);
        if found.is_empty() {
            return None;
        }
        let (mut out, mut from) = (Vec::with_capacity(bytes.len()), 0);
        for (place, which) in found {
            let (_, name, value) = known[which];
            out.extend_from_slice(&bytes[from..place.start]);
            out.extend_from_slice(self.stand_in(name, value).as_bytes());
            from = place.end;
        }
        out.extend_from_slice(&bytes[from..]);
        Some(out)
    }

    /// Every way in which any value is written, with its name and the value.
    fn forms(&self) -> impl Iterator<Item = (&[u8], &str, &SecretValue)> {
        let values = self.bound.iter().flat_map(|(name, open)| open.values.iter().map(move |it| (name, it)));
        values.flat_map(|(name, open)| {
            let written = open.forms.iter();
            written.filter_map(move |form| Some((form.as_slice(), name.as_str(), open.value.as_ref()?)))
        })
    }

    /// What stands for a value. In a delivery it can be made by this host alone, and for this value in
    /// this delivery alone, so that nobody passes for having shown the value by writing it.
    fn stand_in(&self, name: &str, value: &SecretValue) -> String {
        match &self.reading {
            Some((delivery, cipher)) => format!("{STAND_IN}{name}:{}]", cipher.stand_in(*delivery, value)),
            None => format!("{STAND_IN}{name}]"),
        }
    }

    /// Whether this is the stand-in of a value of the secret in the delivery that is read. Under which of
    /// the adapter's names it was put does not matter.
    fn stands_for(&self, open: &OpenSecret, shown: &[u8]) -> bool {
        let Some((delivery, cipher)) = &self.reading else { return false };
        let inner = shown.strip_prefix(STAND_IN.as_bytes()).and_then(|it| it.strip_suffix(b"]"));
        let Some(code) = inner.and_then(|it| it.rsplit(|byte| *byte == b':').next()) else { return false };
        let is_of = |value| u8::from(bool::from(cipher.stand_in(*delivery, value).as_bytes().ct_eq(code)));
        open.readable().map(is_of).fold(0, |found, one| found | one) == 1
    }
}
