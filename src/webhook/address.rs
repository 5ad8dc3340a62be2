//! Which addresses webhooks may go to.
//!
//! An address is judged by what it leads to, in whatever form: `::ffff:a.b.c.d` is `a.b.c.d`, and an IPv6 address that
//! carries an IPv4 one (IPv4-compatible, NAT64 of RFC 6052, 6to4 of RFC 3056) is of the kind of what it carries. The
//! ranges are those of the IANA special-purpose address registries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::config::{Network, Webhooks, unify_address};

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On the internet.
    Public,
    /// RFC 1918, RFC 6598 (shared by a provider's customers), RFC 4193 (unique local).
    Private,
    /// This machine.
    Loopback,
    /// Any other range that is not for everyday use.
    Special,
    /// `0.0.0.0/8` and `::`.
    Unspecified,
    /// RFC 3927, RFC 4291.
    LinkLocal,
    /// Where clouds hand out their machines' credentials.
    Metadata,
    /// To many.
    Multicast,
    /// To all on a network.
    Broadcast,
}

/// Why an address is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    address: IpAddr,
    kind: Kind,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match self.kind {
            Kind::Public => write!(formatter, "{address} is a public address: use https there"),
            Kind::Private => {
                write!(formatter, "{address} is a private address, and webhooks.allow_private is off")
            }
            Kind::Loopback => {
                write!(formatter, "{address} is this machine itself, which webhooks.allow_networks does not name")
            }
            Kind::Special => {
                write!(formatter, "{address} is of a special range, which webhooks.allow_networks does not name")
            }
            Kind::Unspecified => write!(formatter, "{address} is no machine's address: webhooks never go there"),
            Kind::LinkLocal => write!(formatter, "{address} is a link-local address: webhooks never go there"),
            Kind::Metadata => write!(formatter, "{address} is a cloud's metadata service: webhooks never go there"),
            Kind::Multicast => write!(formatter, "{address} is a multicast address: webhooks never go there"),
            Kind::Broadcast => write!(formatter, "{address} is a broadcast address: webhooks never go there"),
        }
    }
}

impl std::error::Error for Forbidden {}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// The first that contains an address says its kind; none = public.
const V4: &[(Ipv4Net, Kind)] = &[
    (v4(169, 254, 169, 254, 32), Kind::Metadata),
    (v4(169, 254, 170, 2, 32), Kind::Metadata),
    (v4(100, 100, 100, 200, 32), Kind::Metadata),
    (v4(168, 63, 129, 16, 32), Kind::Metadata),
    (v4(192, 0, 0, 192, 32), Kind::Metadata),
    (v4(255, 255, 255, 255, 32), Kind::Broadcast),
    (v4(0, 0, 0, 0, 8), Kind::Unspecified),
    (v4(127, 0, 0, 0, 8), Kind::Loopback),
    (v4(169, 254, 0, 0, 16), Kind::LinkLocal),
    (v4(10, 0, 0, 0, 8), Kind::Private),
    (v4(172, 16, 0, 0, 12), Kind::Private),
    (v4(192, 168, 0, 0, 16), Kind::Private),
    (v4(100, 64, 0, 0, 10), Kind::Private),
    (v4(224, 0, 0, 0, 4), Kind::Multicast),
    (v4(192, 0, 0, 0, 24), Kind::Special),
    (v4(192, 0, 2, 0, 24), Kind::Special),
    (v4(192, 88, 99, 0, 24), Kind::Special),
    (v4(198, 18, 0, 0, 15), Kind::Special),
    (v4(198, 51, 100, 0, 24), Kind::Special),
    (v4(203, 0, 113, 0, 24), Kind::Special),
    (v4(240, 0, 0, 0, 4), Kind::Special),
];

/// The same; what is not of 2000::/3 is special.
const V6: &[(Ipv6Net, Kind)] = &[
    // Amazon's metadata, names, time and credentials; Scaleway's; Oracle's and others'; Google's.
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), Kind::Metadata),
    (v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128), Kind::Metadata),
    (v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128), Kind::Metadata),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), Kind::Metadata),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Kind::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Kind::Loopback),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Kind::LinkLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Kind::Multicast),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Kind::Private),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Kind::Special),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Kind::Special),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Kind::Special),
    (v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3), Kind::Public),
];

/// The IPv4 address that an IPv6 one carries.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // `::` and `::1` are what they are.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        // IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// What kind of address it is.
pub fn kind(address: IpAddr) -> Kind {
    match unify_address(address) {
        IpAddr::V4(address) => {
            V4.iter().find(|(net, _)| net.contains(&address)).map_or(Kind::Public, |(_, kind)| *kind)
        }
        IpAddr::V6(address) => match carried(address) {
            Some(carried) => kind(IpAddr::V4(carried)),
            None => V6.iter().find(|(net, _)| net.contains(&address)).map_or(Kind::Special, |(_, kind)| *kind),
        },
    }
}

/// The rules of `[webhooks]`.
#[derive(Clone, Debug)]
pub struct AddressRules {
    allow_private: bool,
    allow_networks: Vec<Network>,
}

impl AddressRules {
    /// The rules that the configuration has.
    pub fn of(settings: &Webhooks) -> Self {
        AddressRules { allow_private: settings.allow_private, allow_networks: settings.allow_networks.clone() }
    }

    /// Judges one address; `plain` = without TLS.
    pub fn judge(&self, address: IpAddr, plain: bool) -> Result<(), Forbidden> {
        let kind = kind(address);
        let named = || self.allow_networks.iter().any(|network| network.contains(unify_address(address)));
        let allowed = match kind {
            Kind::Public => !plain,
            Kind::Private => self.allow_private || named(),
            Kind::Loopback | Kind::Special => named(),
            Kind::Unspecified | Kind::LinkLocal | Kind::Metadata | Kind::Multicast | Kind::Broadcast => false,
        };
        if allowed { Ok(()) } else { Err(Forbidden { address, kind }) }
    }

    /// Those of the addresses that may be used; an error where none may, and there is one.
    pub fn choose<T: Copy>(&self, addresses: &[T], ip: impl Fn(T) -> IpAddr, plain: bool) -> Result<Vec<T>, Forbidden> {
        let (mut chosen, mut refused) = (Vec::new(), None);
        for address in addresses {
            match self.judge(ip(*address), plain) {
                Ok(()) => chosen.push(*address),
                Err(forbidden) => drop(refused.get_or_insert(forbidden)),
            }
        }
        match refused {
            Some(forbidden) if chosen.is_empty() => Err(forbidden),
            _ => Ok(chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(allow_private: bool, networks: &[&str]) -> AddressRules {
        let allow_networks = networks.iter().map(|text| Network::try_from((*text).to_owned()).unwrap()).collect();
        AddressRules { allow_private, allow_networks }
    }

    #[test]
    fn every_address_is_of_the_kind_of_what_it_leads_to() {
        for (address, expected) in [
            ("1.1.1.1", Kind::Public),
            ("2606:4700::1111", Kind::Public),
            ("::ffff:1.1.1.1", Kind::Public),
            ("64:ff9b::1.1.1.1", Kind::Public),
            ("10.0.0.1", Kind::Private),
            ("172.16.0.1", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("172.32.0.0", Kind::Public),
            ("192.168.1.1", Kind::Private),
            ("100.64.0.1", Kind::Private),
            ("100.128.0.0", Kind::Public),
            ("fc00::1", Kind::Private),
            ("fdff::1", Kind::Private),
            ("::ffff:10.0.0.1", Kind::Private),
            ("::10.0.0.1", Kind::Private),
            ("64:ff9b::10.0.0.1", Kind::Private),
            ("2002:a00:1::", Kind::Private),
            ("127.0.0.1", Kind::Loopback),
            ("127.255.255.255", Kind::Loopback),
            ("::1", Kind::Loopback),
            ("::ffff:127.0.0.1", Kind::Loopback),
            ("::127.0.0.1", Kind::Loopback),
            ("::ffff:0:127.0.0.1", Kind::Loopback),
            ("64:ff9b::7f00:1", Kind::Loopback),
            ("2002:7f00:1::1", Kind::Loopback),
            ("169.254.1.1", Kind::LinkLocal),
            ("fe80::1", Kind::LinkLocal),
            ("febf::1", Kind::LinkLocal),
            ("169.254.169.254", Kind::Metadata),
            ("::ffff:169.254.169.254", Kind::Metadata),
            ("64:ff9b::a9fe:a9fe", Kind::Metadata),
            ("2002:a9fe:a9fe::", Kind::Metadata),
            ("fd00:ec2::254", Kind::Metadata),
            ("fd00:ec2::23", Kind::Metadata),
            ("fd00:ec2::253", Kind::Metadata),
            ("fd00:ec2:ffff::1", Kind::Metadata),
            ("fd00:ec3::1", Kind::Private),
            ("fd00:42::42", Kind::Metadata),
            ("fd00:42::43", Kind::Private),
            ("fd00:a9fe:a9fe::1", Kind::Metadata),
            ("fd00:a9fe:a9fe::2", Kind::Private),
            ("fd20:ce::254", Kind::Metadata),
            ("100.100.100.200", Kind::Metadata),
            ("168.63.129.16", Kind::Metadata),
            ("224.0.0.1", Kind::Multicast),
            ("239.255.255.255", Kind::Multicast),
            ("ff02::1", Kind::Multicast),
            ("0.0.0.0", Kind::Unspecified),
            ("0.1.2.3", Kind::Unspecified),
            ("::", Kind::Unspecified),
            ("::ffff:0.0.0.0", Kind::Unspecified),
            ("255.255.255.255", Kind::Broadcast),
            ("240.0.0.1", Kind::Special),
            ("198.18.0.1", Kind::Special),
            ("192.0.2.1", Kind::Special),
            ("2001:db8::1", Kind::Special),
            ("2001::1", Kind::Special),
            ("fec0::1", Kind::Special),
            ("64:ff9b:1::1", Kind::Special),
            ("100::1", Kind::Special),
        ] {
            assert_eq!(kind(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn what_is_never_allowed_no_setting_allows_and_the_rest_is_as_it_is_set() {
        let everything = rules(true, &["0.0.0.0/0", "::/0"]);
        for never in
            ["169.254.169.254", "fd00:ec2::254", "169.254.0.1", "fe80::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::"]
        {
            for plain in [false, true] {
                let refused = everything.judge(never.parse().unwrap(), plain).unwrap_err();
                assert!(refused.to_string().contains("never"), "{refused}");
            }
        }
        let judge = |rules: &AddressRules, address: &str, plain| rules.judge(address.parse().unwrap(), plain).is_ok();
        let (default, strict) = (rules(true, &[]), rules(false, &["127.0.0.0/8", "10.1.0.0/16"]));
        for (address, plain, by_default, if_strict) in [
            ("1.1.1.1", false, true, true),
            ("1.1.1.1", true, false, false),
            ("10.0.0.1", true, true, false),
            ("10.0.0.1", false, true, false),
            ("10.1.0.1", true, true, true),
            ("127.0.0.1", true, false, true),
            ("::ffff:127.0.0.1", true, false, true),
            ("::1", false, false, false),
            ("64:ff9b::7f00:1", false, false, false),
            ("198.18.0.1", false, false, false),
        ] {
            assert_eq!(judge(&default, address, plain), by_default, "{address}");
            assert_eq!(judge(&strict, address, plain), if_strict, "{address}");
        }
    }

    #[test]
    fn of_several_addresses_those_that_may_be_used_are_and_none_is_an_error() {
        let rules = rules(true, &[]);
        let choose = |texts: &[&str]| {
            let addresses: Vec<IpAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
            rules.choose(&addresses, |ip| ip, false).map(|chosen| chosen.len())
        };
        assert_eq!(choose(&["127.0.0.1", "1.1.1.1", "::1"]), Ok(1));
        assert!(choose(&["127.0.0.1", "::1"]).unwrap_err().to_string().starts_with("127.0.0.1 is this machine"));
        assert_eq!(choose(&[]), Ok(0));
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_of_one_kind_in_every_spelling(bits: u32) {
            let plain = Ipv4Addr::from(bits);
            let [a, b, c, d] = plain.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let expected = kind(IpAddr::V4(plain));
            for segments in [
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x2002, high, low, 1, 2, 3, 4, 5],
            ] {
                prop_assert_eq!(kind(IpAddr::V6(Ipv6Addr::from(segments))), expected);
            }
        }

        #[test]
        fn nothing_outside_the_internet_s_own_ranges_is_public(bits: u128) {
            let address = Ipv6Addr::from(bits);
            if kind(IpAddr::V6(address)) == Kind::Public {
                let ours = address.segments()[0];
                prop_assert!(ours & 0xe000 == 0x2000 || carried(address).is_some() || address.to_ipv4_mapped().is_some());
            }
        }
    }
}
