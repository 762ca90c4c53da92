//! Networks, as far as one subscriber holds them: what limits count by, since whoever has one has all of its addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one subscriber has: an IPv4 address, or an IPv6 /64, since whoever has a /64 can use a new address for each attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

/// What lies around a network and is as a rule one provider's, or one customer's of a hoster: an IPv4 /24, an IPv6 /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbourhood(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => first_bits(v6, 64),
        })
    }

    /// The /48 around an IPv6 network.
    pub fn site(self) -> Option<Self> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(Self(first_bits(v6, 48))),
        }
    }

    /// What lies around it.
    pub fn neighbourhood(self) -> Neighbourhood {
        Neighbourhood(match self.0 {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
            IpAddr::V6(v6) => first_bits(v6, 48),
        })
    }
}

fn first_bits(address: Ipv6Addr, bits: u32) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(
        address.to_bits() & !(u128::MAX >> bits),
    ))
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

impl fmt::Display for Neighbourhood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}/24"),
            IpAddr::V6(v6) => write!(f, "{v6}/48"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_network_whichever_address_they_use() {
        for (address, network, around) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
            (
                "2001:db8:1:2:3:4:5:6",
                "2001:db8:1:2::/64",
                "2001:db8:1::/48",
            ),
            ("2001:db8:1:2::", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            let found = Network::of(address.parse().unwrap());
            assert_eq!(found.to_string(), network, "{address}");
            assert_eq!(found.neighbourhood().to_string(), around, "{address}");
        }
    }
}
