//! Which addresses may be connected to.
//!
//! The default permits what GitOps needs (public, private and loopback addresses) and refuses
//! what only an attacker would name in a URL: link-local addresses with the clouds' metadata
//! services, unspecified and multicast addresses (INV-NET-1). The check is made on the resolved
//! addresses, and what was checked is what is connected to, so a name that resolves differently
//! the second time gains nothing.

use crate::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Policy on the addresses of outbound connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Egress {
    /// Whether this machine itself may be connected to (`127.0.0.0/8`, `::1`).
    pub loopback: bool,
    /// Whether private networks may be connected to (RFC 1918, RFC 6598, RFC 4193).
    pub private: bool,
    /// Addresses that are allowed whatever class they are of.
    pub exempt: Vec<IpAddr>,
}

impl Default for Egress {
    fn default() -> Egress {
        Egress { loopback: true, private: true, exempt: Vec::new() }
    }
}

/// Metadata services outside the link-local ranges: Alibaba Cloud's, and AWS's over IPv6.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254))];

impl Egress {
    /// Refuses an address that the policy forbids.
    pub fn check(&self, address: IpAddr) -> Result<(), Error> {
        let address = embedded(address);
        let why = match address {
            address if self.exempt.contains(&address) => return Ok(()),
            address if METADATA.contains(&address) => "a metadata service",
            IpAddr::V4(v4) if v4.is_link_local() => "a link-local address",
            IpAddr::V6(v6) if v6.is_unicast_link_local() => "a link-local address",
            address if address.is_unspecified() => "the unspecified address",
            address if address.is_multicast() => "a multicast address",
            IpAddr::V4(v4) if v4.is_broadcast() => "a broadcast address",
            address if address.is_loopback() && !self.loopback => "a loopback address",
            address if is_private(address) && !self.private => "a private address",
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Forbidden, format!("connecting to {address} is not allowed: it is {why}")))
    }

    /// Refuses a URL whose host is written as an address that the policy forbids.
    pub(crate) fn check_url(&self, url: &reqwest::Url) -> Result<(), Error> {
        // The parser has normalised every spelling (decimal, octal, hexadecimal) by this time.
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => self.check(address),
            Err(_) => Ok(()),
        }
    }

    /// Resolves a name to the addresses that are allowed; an error if none is.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<std::net::SocketAddr>, Error> {
        let found = tokio::net::lookup_host((host, port))
            .await
            .map_err(|error| Error::new(ErrorKind::Unreachable, format!("lookup {host}: {error}")))?;
        let mut allowed = Vec::new();
        let mut refused = None;
        for address in found {
            match self.check(address.ip()) {
                Ok(()) => allowed.push(address),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if allowed.is_empty() => Err(error),
            _ if allowed.is_empty() => Err(Error::new(ErrorKind::Unreachable, format!("lookup {host}: no such host"))),
            _ => Ok(allowed),
        }
    }
}

/// The IPv4 address that an IPv6 one stands for (mapped, or NAT64's well-known prefix).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    let octets = v6.octets();
    match octets.strip_prefix(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
        Some(&[a, b, c, d]) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => address,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
