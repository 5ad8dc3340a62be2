//! Who the client is: its address and scheme, through the proxies that are trusted.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use actix_web::http::header::HeaderMap;

use super::{App, header_names};
use crate::config::{Network, unify_address};

/// The client as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The TCP peer.
    pub peer: IpAddr,
    /// Whether the peer is one of `server.trusted_proxies`.
    pub through_proxy: bool,
    /// The client's address.
    pub address: IpAddr,
    /// Whether it came over HTTPS.
    pub https: bool,
}

impl Client {
    /// Whether `server.require_https` lets this client pass.
    pub fn may_pass(&self, require_https: bool) -> bool {
        !require_https || self.https || self.address.is_loopback()
    }
}

/// Reads the forwarding headers, if the peer may speak for others.
pub fn resolve(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> Client {
    // A request without a peer came through a socket on this machine.
    let peer = peer.map_or(IpAddr::from([127, 0, 0, 1]), unify_address);
    let trusted = &app.config.server.trusted_proxies;
    let client = walk(trusted, peer, headers);
    if !client.through_proxy
        && (headers.contains_key(&header_names::X_FORWARDED_FOR) || headers.contains_key(&header_names::X_REAL_IP))
        && !app.warned_of_proxy.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            peer = %peer,
            "X-Forwarded-For from a peer that is not trusted was ignored; if it is your proxy, add its address to \
             server.trusted_proxies"
        );
    }
    client
}

fn walk(trusted: &[Network], peer: IpAddr, headers: &HeaderMap) -> Client {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return Client { peer, through_proxy: false, address: peer, https: false };
    }
    let mut address = peer;
    let lines: Vec<&[u8]> = headers.get_all(&header_names::X_FORWARDED_FOR).map(|value| value.as_bytes()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        match std::str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim())) {
            Some(hop) => address = hop,
            // What cannot be parsed ends the walk: what stands further left was written by whoever wrote this.
            None => break,
        }
        if !is_trusted(address) {
            break;
        }
    }
    let scheme = headers.get_all(&header_names::X_FORWARDED_PROTO).last().and_then(|value| value.to_str().ok());
    let https = scheme.is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"));
    Client { peer, through_proxy: true, address, https }
}

/// An address, perhaps with a port, perhaps in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let parsed = match bare {
        Some(address) => address.parse().ok(),
        None => hop.parse().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip())),
    };
    parsed.map(unify_address)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded_for: &[&str]) -> Client {
        let trusted: Vec<Network> = trusted.iter().map(|text| Network::try_from(text.to_string()).unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded_for {
            headers
                .append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers.append(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"));
        walk(&trusted, peer.parse().unwrap(), &headers)
    }

    #[test]
    fn a_peer_that_is_not_trusted_speaks_for_itself_alone() {
        let found = client(&["10.0.0.0/8"], "192.0.2.1", &["203.0.113.9"]);
        assert_eq!((found.address.to_string().as_str(), found.https), ("192.0.2.1", false));
    }

    #[test]
    fn addresses_are_read_from_the_right_skipping_trusted_ones() {
        let address = |lines: &[&str]| client(&["10.0.0.0/8"], "10.0.0.1", lines).address.to_string();
        assert_eq!(address(&["1.1.1.1, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(address(&["1.1.1.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(address(&["203.0.113.9, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(address(&["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(address(&["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(address(&["203.0.113.9:1234"]), "203.0.113.9");
        assert_eq!(address(&["\u{ff}, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(address(&["203.0.113.9, \u{ff}, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(address(&["10.0.0.3"]), "10.0.0.3");
        assert_eq!(address(&[]), "10.0.0.1");
    }

    #[test]
    fn plain_http_passes_from_this_machine_only() {
        let near = client(&[], "127.0.0.1", &[]);
        let far = client(&[], "192.0.2.1", &[]);
        let secure = client(&["127.0.0.1"], "127.0.0.1", &["203.0.113.9"]);
        assert!(near.may_pass(true) && !far.may_pass(true) && far.may_pass(false) && secure.may_pass(true));
    }
}
