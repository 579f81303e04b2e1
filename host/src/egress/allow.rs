//! Which hosts a request may go to.

use std::net::{IpAddr, Ipv6Addr};

use url::{Host, Url};

use super::EgressError;

/// A target that an inbox's list allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The parsed URL.
    pub url: Url,
    /// The IP address that the list names, if it names one, which may then be a private one.
    pub address: Option<IpAddr>,
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
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => None,
    };
    Ok(Allowed { url, address })
}

/// Whether the way to an address leads through nobody else's network: the machine itself, or a network
/// of the company's own (RFC 1918, RFC 4193).
pub fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_own(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unique_local(),
        },
    }
}

/// Whether an address leads into the company's own network or to the machine itself.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                // Shared address space, RFC 6598.
                || (a == 100 && (64..128).contains(&b))
                // Protocols of the network itself, RFC 6890, and measurements, RFC 2544.
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b))
                || a == 0
                || a >= 240
        }
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // What becomes an address of IPv4 on the way: compatible ones (RFC 4291), the translators' prefixes
    // (RFC 6052, RFC 8215), 6to4 (RFC 3056).
    let embeds_v4 = matches!(segments, [0, 0, 0, 0, 0, 0, ..])
        || matches!(segments, [0x64, 0xff9b, ..])
        || segments[0] == 0x2002;
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_private(IpAddr::V4(v4));
    }
    // No name that means a public host needs the others.
    if embeds_v4 {
        return true;
    }
    let first = segments[0];
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        // Unique local, RFC 4193; link local, and what was site local, RFC 4291.
        || (first & 0xfe00) == 0xfc00
        || (first & 0xff80) == 0xfe80
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
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "198.19.255.255",
            "::1",
            "::",
            "::10.0.0.1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "2002:a00:1::1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "192.0.1.1", "198.20.0.1", "2001:4860:4860::8888", "::ffff:8.8.8.8"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_way_that_is_the_companys_own_is_known() {
        for own in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"] {
            assert!(is_own(own.parse().unwrap()), "{own}");
        }
        for other in
            ["8.8.8.8", "203.0.113.7", "100.64.0.1", "169.254.1.1", "0.0.0.0", "2001:4860:4860::8888"]
        {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
    }
}
