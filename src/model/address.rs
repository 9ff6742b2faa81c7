//! What is asked of addresses in more than one place.

use url::{Host, Url};

/// Says whether an address is of this very machine, by what it says: no name is looked up.
pub fn is_of_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Appends a text with all but the unreserved characters percent-encoded (RFC 3986, section 2.3): nobody reads that in two
/// ways.
pub fn percent_encode(text: &str, address: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(HEX[usize::from(nibble)]);
            address.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}
