//! What makes a promise and a list of hosts sound.

use crate::domain::allowance::Allowance;
use crate::domain::organisation::FirstResponsePromise;
use crate::domain::principal::Principal;
use crate::domain::retention::Retention;
use crate::domain::visible_text::quote;
use crate::flow::{FieldError, FlowError};

/// The most hosts that replies of one inbox, or a secret, may go to.
const HOSTS_MAX: usize = 32;
/// The longest host name (RFC 1035, section 2.3.4).
const HOST_BYTES_MAX: usize = 253;
/// Ten years: a longer promise is a mistake in the unit.
const PROMISE_MS_MAX: i64 = 10 * 365 * 24 * 3_600_000;

/// Checks that a promise can be kept and warned of.
pub(super) fn check_promise(promise: Option<FirstResponsePromise>) -> Result<(), FlowError> {
    let Some(promise) = promise else { return Ok(()) };
    if !(1..=PROMISE_MS_MAX).contains(&promise.within_ms) {
        let message = format!("a promise is kept within 1 to {PROMISE_MS_MAX} milliseconds");
        return Err(FlowError::invalid("/promise/within_ms", message));
    }
    if !(0..promise.within_ms).contains(&promise.warn_before_ms) {
        let message = "the warning comes 0 or more milliseconds before the end, and less than `within_ms`";
        return Err(FlowError::invalid("/promise/warn_before_ms", message));
    }
    Ok(())
}

/// Checks that something can be delivered at all.
pub(super) fn check_allowance(allowance: Allowance) -> Result<(), FlowError> {
    allowance.check().map_err(|why| FlowError::invalid("/allowance/requests_per_second", why))
}

/// Checks that what is kept is kept for a time that somebody can mean.
pub(super) fn check_retention(retention: Retention) -> Result<(), FlowError> {
    retention.check().map_err(|(field, why)| FlowError::invalid(&format!("/retention/{field}"), why))
}

/// Checks that each entry is a host name, with or without a port, and no URL.
///
/// Where the host connects to from inside the company's network is for admins of the whole company to say.
pub(super) fn check_hosts(principal: &Principal, pointer: &str, hosts: &[String]) -> Result<(), FlowError> {
    if !hosts.is_empty() && principal.department.is_some() {
        let message = "where something may be sent is for admins of the whole company to say";
        return Err(FlowError::invalid(pointer, message));
    }
    if hosts.len() > HOSTS_MAX {
        return Err(FlowError::invalid(pointer, format!("at most {HOSTS_MAX} hosts")));
    }
    let errors: Vec<_> = hosts
        .iter()
        .enumerate()
        .filter(|(_, host)| !is_host(host))
        .map(|(index, host)| FieldError {
            pointer: format!("{pointer}/{index}"),
            message: format!(
                "`{}` is not a host such as `relay.example.com` or `relay.example.com:8025`",
                quote(host)
            ),
        })
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(FlowError::Invalid { detail: "some hosts are no host names".to_owned(), errors }),
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    name.len() <= HOST_BYTES_MAX
        && name.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_names_are_hosts() {
        for good in ["relay.example.com", "relay.example.com:8025", "localhost:25", "192.0.2.1"] {
            assert!(is_host(good), "{good}");
        }
        let bad =
            ["", "https://example.com", "example.com/path", "a..b", "-a.example", "a:0", "a:b", "user@a"];
        for bad in bad {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn a_warning_comes_before_the_end_of_its_promise() {
        let promise = |within_ms, warn_before_ms| Some(FirstResponsePromise { within_ms, warn_before_ms });
        assert!(check_promise(None).is_ok());
        assert!(check_promise(promise(1_000, 999)).is_ok());
        assert!(check_promise(promise(1_000, 1_000)).is_err());
        assert!(check_promise(promise(0, 0)).is_err());
        assert!(check_promise(promise(i64::MAX, 0)).is_err());
    }
}
