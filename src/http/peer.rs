//! The address that a request comes from: that of the connection, unless a proxy that the configuration trusts is there.
//!
//! `X-Forwarded-For` is read from its end, and only as far as trusted proxies wrote it: whatever a client put in front of that
//! is what it claims, and a limit that believed it would limit nobody.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use poem::{Addr, Request};

const FORWARDED: &str = "x-forwarded-for";

/// The address to limit and to record.
pub(super) fn peer(request: &Request, trusted: &[IpNet]) -> IpAddr {
    let Addr::SocketAddr(connection) = &request.remote_addr().0 else { return IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    let lines: Vec<_> = request.headers().get_all(FORWARDED).iter().map(|line| line.to_str().unwrap_or("")).collect();
    behind(connection.ip().to_canonical(), &lines, trusted)
}

/// Goes from the connection backwards through what each trusted proxy says it was asked by. A word that is no address ends
/// the walk at the proxy that wrote it.
fn behind(connection: IpAddr, lines: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = connection;
    for word in lines.iter().flat_map(|line| line.split(',')).rev() {
        if !is_proxy(address) {
            break;
        }
        let Ok(before) = word.trim().parse::<IpAddr>() else { break };
        address = before.to_canonical();
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_wrote_is_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let of = |connection: &str, lines: &[&str]| behind(connection.parse().unwrap(), lines, &trusted).to_string();
        assert_eq!(of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "a stranger's header is a claim");
        assert_eq!(of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9", "the client wrote the first");
        assert_eq!(of("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(of("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9", "lines count as one list");
        assert_eq!(of("10.0.0.1", &["evil, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("::1", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }
}
