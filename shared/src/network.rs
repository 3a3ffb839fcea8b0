//! Client addresses and allowlists.
//!
//! IPv4 is held as its IPv4-mapped IPv6 form (`::ffff:a.b.c.d`), so an address and a network compare the same way
//! however either was written, and there is one comparison instead of four.

use alloc::{format, string::String};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Prefix length, in 128-bit form, of the whole of IPv4.
const IPV4_PREFIX: u8 = 96;

/// Prefix length of what one IPv6 client is given, and may pick its address from (RFC 6177).
const IPV6_CLIENT_PREFIX: u8 = 64;

/// A network in CIDR notation (RFC 4632, RFC 4291), or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The first address; bits beyond the prefix are zero.
    network: u128,
    /// 0 to 128.
    prefix: u8,
}

impl Cidr {
    /// What counts as one client: an IPv4 address, or the /64 of an IPv6 address.
    pub fn of_client(address: IpAddr) -> Self {
        let prefix = match address.to_canonical() {
            IpAddr::V4(_) => 128,
            IpAddr::V6(_) => IPV6_CLIENT_PREFIX,
        };
        Self {
            network: to_bits(address) & mask(prefix),
            prefix,
        }
    }

    /// Whether the address lies in the network. An IPv4-mapped IPv6 address counts as the IPv4 address it maps.
    pub fn contains(&self, address: IpAddr) -> bool {
        to_bits(address) & mask(self.prefix) == self.network
    }
}

/// The address as 128 bits, IPv4 mapped.
fn to_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

/// What is wrong with the text of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash is no IP address.
    #[error(
        "must be an IP address or a network in CIDR notation, for example 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"
    )]
    Address,
    /// The part after the slash is no prefix length of that address family.
    #[error("has a prefix length that is not a whole number from 0 to 32 (IPv4) or 128 (IPv6)")]
    Prefix,
    /// Bits are set beyond the prefix: probably a typing error in either part.
    #[error(
        "has address bits set beyond its prefix length; write the network's first address, or the single address without a slash"
    )]
    HostBits,
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let (offset, most) = if address.is_ipv4() {
            (IPV4_PREFIX, 32)
        } else {
            (0, 128)
        };
        let prefix = match length {
            None => most,
            Some(digits) => prefix_length(digits, most)?,
        } + offset;
        let bits = to_bits(address);
        if bits & mask(prefix) != bits {
            return Err(CidrError::HostBits);
        }
        Ok(Self {
            network: bits,
            prefix,
        })
    }
}

/// Digits only: `u8::from_str` would take a sign, and a leading zero is more likely a slip than a number.
fn prefix_length(digits: &str, most: u8) -> Result<u8, CidrError> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits
        .parse()
        .ok()
        .filter(|length| plain && *length <= most)
        .ok_or(CidrError::Prefix)
}

impl fmt::Display for Cidr {
    /// The canonical text: IPv4 where it is IPv4, and no slash for a single address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.network);
        let mapped = address.to_ipv4_mapped().filter(|_| self.prefix >= IPV4_PREFIX);
        let (address, prefix, most) = match mapped {
            Some(v4) => (IpAddr::V4(v4), self.prefix - IPV4_PREFIX, 32),
            None => (IpAddr::V6(address), self.prefix, 128),
        };
        if prefix == most {
            write!(f, "{address}")
        } else {
            write!(f, "{address}/{prefix}")
        }
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|error| D::Error::custom(format!("`{text}` {error}")))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        network
            .parse::<Cidr>()
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn matches_by_prefix() {
        assert!(contains("203.0.113.0/24", "203.0.113.255"));
        assert!(!contains("203.0.113.0/24", "203.0.114.0"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::"));
        assert!(contains("0.0.0.0/0", "255.1.2.3"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert!(contains("203.0.113.0/24", "::ffff:203.0.113.9"));
        assert!(contains("::ffff:203.0.113.0/120", "203.0.113.9"));
        assert!(!contains("203.0.113.0/24", "::203.0.113.9"));
    }

    #[test]
    fn text_is_canonical() {
        for (given, shown) in [
            ("203.0.113.7/32", "203.0.113.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(given.parse::<Cidr>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn faults_are_named() {
        for (text, error) in [
            ("", CidrError::Address),
            ("300.1.1.1", CidrError::Address),
            ("10.0.0.0/", CidrError::Prefix),
            ("10.0.0.0/33", CidrError::Prefix),
            ("10.0.0.0/+8", CidrError::Prefix),
            ("10.0.0.0/08", CidrError::Prefix),
            ("::/129", CidrError::Prefix),
            ("10.0.0.1/8", CidrError::HostBits),
            ("fe80::1%eth0", CidrError::Address),
            ("010.0.0.1", CidrError::Address),
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(error), "{text:?}");
        }
    }
}
