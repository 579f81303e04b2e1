//! Who is connected, and how often: no caller takes all the connections there are.
//!
//! A caller is an address, or the network of 64 bits that an IPv6 address is in: a household or a server
//! has all of those (RFC 6177). Whoever speaks for many others is exempt: this machine itself, and the
//! proxies that the configuration names.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;

/// A sixteenth of all connections: more than any channel's servers open, and whoever wants all of them
/// needs sixteen addresses.
pub const PER_PEER: usize = 256;

/// How many connections one caller may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerLimit {
    /// So many at once.
    pub most: usize,
    /// Networks that have no limit but everybody's.
    pub exempt: Vec<IpNet>,
}

impl Default for PeerLimit {
    fn default() -> Self {
        Self { most: PER_PEER, exempt: Vec::new() }.with_exempt(&[])
    }
}

impl PeerLimit {
    /// The same, with this machine and these networks exempt.
    pub fn with_exempt(self, networks: &[IpNet]) -> Self {
        let this_machine = [IpNet::from(IpAddr::V6(Ipv6Addr::LOCALHOST)), loopback_v4()];
        Self { exempt: this_machine.iter().chain(networks).copied().collect(), ..self }
    }
}

/// 127.0.0.0/8 (RFC 1122, section 3.2.1.3).
fn loopback_v4() -> IpNet {
    ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8).into()
}

/// Everybody who is connected.
#[derive(Debug)]
pub(super) struct Peers {
    limit: PeerLimit,
    connections: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of a caller, counted until this goes.
#[derive(Debug)]
pub(super) struct Seat {
    peers: Arc<Peers>,
    /// None for whoever is exempt.
    peer: Option<IpAddr>,
}

impl Peers {
    pub(super) fn new(limit: PeerLimit) -> Arc<Self> {
        Arc::new(Self { limit, connections: Mutex::default() })
    }

    /// Counts a connection from this address; none if it is one too many.
    pub(super) fn seat(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let address = address.to_canonical();
        if self.limit.exempt.iter().any(|it| it.contains(&address)) {
            return Some(Seat { peers: Arc::clone(self), peer: None });
        }
        let peer = peer_of(address);
        let mut connections = self.lock();
        let own = connections.entry(peer).or_default();
        // At least one, or whoever was refused would stay here with none.
        if *own >= self.limit.most.max(1) {
            return None;
        }
        *own += 1;
        Some(Seat { peers: Arc::clone(self), peer: Some(peer) })
    }

    /// Nothing that holds the lock leaves the counts half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut connections = self.peers.lock();
        // Whoever has gone is forgotten, or there would be an entry for every caller ever.
        match connections.get_mut(&peer) {
            Some(own) if *own > 1 => *own -= 1,
            _ => {
                connections.remove(&peer);
            }
        }
    }
}

fn peer_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_caller_is_an_address_or_a_network_of_64_bits() {
        let peers = Peers::new(PeerLimit { most: 2, exempt: Vec::new() });
        let seats = ["192.0.2.1", "::ffff:192.0.2.1"].map(|it| peers.seat(address(it)).unwrap());
        assert!(peers.seat(address("192.0.2.1")).is_none());
        let other = ["192.0.2.2", "2001:db8::1", "2001:db8::2"].map(|it| peers.seat(address(it)).unwrap());
        assert!(peers.seat(address("2001:db8:0:0:ffff::3")).is_none());
        assert!(peers.seat(address("2001:db8:0:1::1")).is_some());
        drop(seats);
        assert!(peers.seat(address("192.0.2.1")).is_some());
        drop(other);
        assert!(peers.lock().is_empty(), "whoever has gone is remembered");
    }

    #[test]
    fn this_machine_and_the_proxies_that_are_named_are_exempt() {
        let proxies = ["10.1.0.0/16".parse().unwrap()];
        let peers = Peers::new(PeerLimit { most: 1, ..PeerLimit::default() }.with_exempt(&proxies));
        let mut seats = Vec::new();
        for exempt in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3"] {
            seats.extend((0..3).map(|_| peers.seat(address(exempt)).unwrap()));
        }
        seats.push(peers.seat(address("10.2.0.1")).unwrap());
        assert!(peers.seat(address("10.2.0.1")).is_none());
    }
}
