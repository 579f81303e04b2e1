//! What a channel answers becomes what an adapter sees: without the secrets that it repeats.

use crate::egress::{self, ANSWER_BYTES_MAX};
use crate::plugin::Answer;
use crate::vault::Granted;

/// Whether secrets can be found in this answer at all; why not.
pub(super) fn check(answer: &egress::Answer, granted: &Granted) -> Result<(), String> {
    let encoding = answer.headers.iter().find(|(name, _)| name == "content-encoding");
    match encoding.filter(|(_, value)| !value.eq_ignore_ascii_case("identity")) {
        Some((_, encoding)) if granted.may_send() => Err(format!(
            "the channel answered in `content-encoding: {encoding}`, which nobody asked for and in which a \
             secret could not be found; it may have been sent"
        )),
        _ => Ok(()),
    }
}

/// The answer as the adapter may see it: a channel may repeat what it was sent.
pub(super) fn as_seen(answer: egress::Answer, granted: &Granted) -> Answer {
    let egress::Answer { status, mut headers, body } = answer;
    headers.retain(|(name, _)| !granted.is_shown_in_name(name));
    let hide = |(name, value): (String, String)| (name, granted.hide(&value).into_owned());
    let headers = headers.into_iter().map(hide).collect();
    let is_cut = body.len() >= ANSWER_BYTES_MAX;
    Answer { status, headers, body: granted.hide_in_bytes(body, is_cut) }
}
