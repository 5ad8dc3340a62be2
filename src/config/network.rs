//! Address ranges, as settings and keys have them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address range; a bare address is the range of itself, host bits are dropped, `::ffff:a.b.c.d` is `a.b.c.d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl Network {
    /// Whether `address` (already unified, see [`unify_address`]) lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// The first address of the range.
    pub fn address(&self) -> IpAddr {
        self.0.network()
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an address nor a range such as 10.0.0.0/8");
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| wrong())?)),
            None => (text.as_str(), None),
        };
        let parsed: IpAddr = address.parse().map_err(|_| wrong())?;
        let unified = unify_address(parsed);
        // A range over mapped addresses counts its bits from the IPv6 start.
        let mapped_bits = if parsed.is_ipv6() && unified.is_ipv4() { 96 } else { 0 };
        let full = if unified.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.checked_sub(mapped_bits).ok_or_else(wrong)?,
            None => full,
        };
        IpNet::new(unified, length).map(|net| Network(net.trunc())).map_err(|_| wrong())
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        if network.0.prefix_len() == network.0.max_prefix_len() {
            network.0.addr().to_string()
        } else {
            network.0.to_string()
        }
    }
}

/// `::ffff:a.b.c.d` is `a.b.c.d`; every other address is itself.
pub fn unify_address(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_take_addresses_ranges_and_host_bits_and_unify_mapped_ones() {
        let network = |text: &str| Network::try_from(text.to_owned()).map(String::from);
        assert_eq!(network("10.1.2.3/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("192.0.2.7").as_deref(), Ok("192.0.2.7"));
        assert_eq!(network("::ffff:10.0.0.1").as_deref(), Ok("10.0.0.1"));
        assert_eq!(network("::ffff:10.0.0.0/104").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("2001:db8::5/32").as_deref(), Ok("2001:db8::/32"));
        for wrong in ["", "10.0.0.0/33", "::/129", "localhost", "10.0.0/8", "::ffff:10.0.0.0/8"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
