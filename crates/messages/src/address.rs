//! Which addresses a webhook may go to: those that anybody on the internet could reach.
//!
//! Strangers say where webhooks go. From the manager's place in the network they could otherwise
//! reach what is closed to them: services of its own machine, of its network, of its cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is a public one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// What the registry of special addresses (RFC 6890 and later) leaves.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (b == 18 || b == 19);
    let relays = a == 192 && b == 88 && c == 99;
    let reserved = a == 0 || a >= 240;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol
        || benchmark
        || relays
        || reserved)
}

/// Only global unicast is given out (2000::/3); of that, not what leads somewhere else.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Addresses of version 4 behind a translator.
    if parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let global = parts[0] & 0xe000 == 0x2000;
    // 2001::/23: protocols, tunnels; 2001:db8::/32 and 3fff::/20: documents; 2002::/16: tunnels.
    let protocols = parts[0] == 0x2001 && parts[1] < 0x200;
    let documents =
        (parts[0] == 0x2001 && parts[1] == 0xdb8) || (parts[0] == 0x3fff && parts[1] & 0xf000 == 0);
    let tunnels = parts[0] == 0x2002;
    global && !protocols && !documents && !tunnels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_anybody_could_reach_are_public() {
        let check = |text: &str, want| {
            assert_eq!(is_public(text.parse().unwrap()), want, "{text}");
        };
        for public in ["1.1.1.1", "93.184.216.34", "100.63.0.1", "100.128.0.1", "172.32.0.1"] {
            check(public, true);
        }
        check("2606:4700:4700::1111", true);
        check("2a00:1450:4001:81b::200e", true);
        check("::ffff:1.1.1.1", true);
        check("64:ff9b::101:101", true);
        for private in [
            "127.0.0.1",
            "127.255.0.3",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "192.88.99.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
        ] {
            check(private, false);
            check(&format!("::ffff:{private}"), false);
        }
        for private in [
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "5f00::1",
        ] {
            check(private, false);
        }
    }
}
