//! Which hosts a request may go to.

use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

use super::EgressError;

/// A target that an inbox's list allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The parsed URL.
    pub url: Url,
    /// Whether the list names an IP address, which may then be a private one.
    pub named_address: bool,
}

/// Checks a URL against a list of hosts: names or addresses, optionally with a port.
///
/// Without a port the scheme's own port is meant.
pub fn check(url: &str, allowed_hosts: &[String]) -> Result<Allowed, EgressError> {
    let url = Url::parse(url).map_err(|error| EgressError::Refused(format!("`{url}` is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EgressError::Refused(format!("the scheme `{}` is neither http nor https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::Refused("a URL may not carry a user name or password".to_owned()));
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(EgressError::Refused(format!("`{url}` has no host")));
    };
    let name = host.to_string();
    let default_port = url.port().is_none();
    let listed = allowed_hosts.iter().any(|entry| {
        let entry = entry.to_ascii_lowercase();
        (default_port && entry == name) || entry == format!("{name}:{port}")
    });
    if !listed {
        let wanted = if default_port { name } else { format!("{name}:{port}") };
        return Err(EgressError::Refused(format!(
            "`{wanted}` is not among the inbox's reply_hosts; add it there"
        )));
    }
    let named_address = !matches!(url.host(), Some(Host::Domain(_)));
    Ok(Allowed { url, named_address })
}

/// Whether an address leads into the company's own network or to the machine itself.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                // Shared address space, RFC 6598.
                || (a == 100 && (64..128).contains(&b))
                || a == 0
                || a >= 240
        }
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_private(IpAddr::V4(v4));
    }
    let first = address.segments()[0];
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        // Unique local, RFC 4193, and link local, RFC 4291.
        || (first & 0xfe00) == 0xfc00
        || (first & 0xffc0) == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn only_listed_hosts_pass() {
        let list = hosts(&["hooks.example.com", "relay.example.com:8025"]);
        assert!(check("https://hooks.example.com/a", &list).is_ok());
        assert!(check("http://relay.example.com:8025/", &list).is_ok());
        for bad in [
            "https://relay.example.com/",
            "https://hooks.example.com:444/",
            "https://hooks.example.com.evil.example/",
            "https://user@hooks.example.com/",
            "ftp://hooks.example.com/",
            "hooks.example.com",
        ] {
            assert!(check(bad, &list).is_err(), "{bad}");
        }
    }

    #[test]
    fn private_addresses_are_known() {
        for private in
            ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
        {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        assert!(!is_private("8.8.8.8".parse().unwrap()));
        assert!(!is_private("2001:4860:4860::8888".parse().unwrap()));
    }
}
