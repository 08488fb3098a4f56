//! How many connections each peer has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The peers that have connections, and how many. As large as the connections are many.
#[derive(Clone, Default)]
pub(super) struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among its peer's; dropped with it.
pub(super) struct Place {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// A place for one more connection of a peer; `None` where it has so many already.
    pub fn take(&self, address: IpAddr, most: usize) -> Option<Place> {
        let peer = peer(address);
        let mut all = self.0.lock();
        let count = all.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { peers: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.peers.0.lock();
        match all.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(all.remove(&self.peer)),
        }
    }
}

/// Who has an address: of IPv6 whoever has its first half, since that is the least that anybody is given.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_share_and_no_more() {
        let peers = Peers::default();
        let take = |address: &str| peers.take(address.parse().expect("an address"), 2);
        let (one, two) = (take("10.0.0.1"), take("::ffff:10.0.0.1"));
        assert!(one.is_some() && two.is_some() && take("10.0.0.1").is_none());
        assert!(take("10.0.0.2").is_some(), "others have theirs");
        drop(one);
        assert!(take("10.0.0.1").is_some());
        drop(two);
        assert!(peers.0.lock().is_empty(), "who has none is not remembered");
        let (_one, _two) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(take("2001:db8::3").is_none() && take("2001:db8:0:1::1").is_some());
    }
}
