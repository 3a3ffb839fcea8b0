//! Networks against an oracle that compares 128 bits one by one.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use keyward_shared::{Cidr, network::CidrError};
use proptest::{prelude::*, sample::Index};

use crate::config;

/// 128 bits, the first one first.
type Bits = [bool; 128];

fn bits_of(number: u128) -> Bits {
    core::array::from_fn(|place| number >> (127 - place) & 1 == 1)
}

/// The first 80 bits of a mapped address are zero, the next 16 one (RFC 4291 §2.5.5.2).
fn address_bits(address: IpAddr) -> Bits {
    let mut number = 0u128;
    let octets = match address {
        IpAddr::V4(v4) => [[0; 10].as_slice(), &[255, 255], &v4.octets()].concat(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    for octet in octets {
        number = number * 256 + u128::from(octet);
    }
    bits_of(number)
}

fn oracle(network: IpAddr, length: usize, address: IpAddr) -> bool {
    let length = if network.is_ipv4() { length + 96 } else { length };
    let (network, address) = (address_bits(network), address_bits(address));
    (0..length).all(|place| network[place] == address[place])
}

/// The address with all bits beyond the prefix length zero.
fn first_address(address: IpAddr, length: usize) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let shift = u32::try_from(32 - length).unwrap();
            let kept = u64::from(v4.to_bits()) >> shift << shift;
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(kept).unwrap()))
        }
        IpAddr::V6(v6) => {
            let octets = (0..128).fold(0u128, |number, place| {
                number * 2 + u128::from(place < length && bits_of(v6.to_bits())[place])
            });
            IpAddr::V6(Ipv6Addr::from_bits(octets))
        }
    }
}

/// Addresses of both kinds, and mapped ones often enough to matter.
pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv6Addr>().prop_map(IpAddr::V6),
        any::<Ipv4Addr>().prop_map(|v4| IpAddr::V6(v4.to_ipv6_mapped())),
        any::<u32>().prop_map(|low| IpAddr::V6(Ipv6Addr::from_bits(low.into()))),
    ]
}

/// A network's first address and prefix length.
pub(crate) fn network() -> impl Strategy<Value = (IpAddr, usize)> {
    (address(), 0usize..=128).prop_map(|(address, length)| {
        let length = if address.is_ipv4() { length % 33 } else { length };
        (first_address(address, length), length)
    })
}

/// The address with one bit turned.
fn turned(address: IpAddr, place: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() ^ 1 << (place % 32))),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() ^ 1 << (place % 128))),
    }
}

#[test]
fn every_prefix_length_and_every_bit() {
    let first: IpAddr = "2001:db8:aaaa:5555:aaaa:5555:aaaa:5555".parse().unwrap();
    for length in 0..=128 {
        let network = first_address(first, length);
        let cidr: Cidr = format!("{network}/{length}").parse().unwrap();
        for place in 0..128 {
            let address = turned(network, 127 - place);
            let inside = usize::try_from(place).unwrap() >= length;
            assert_eq!(cidr.contains(address), inside, "{address} in {cidr}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn matching_equals_the_oracle((network, length) in network(), other in address(), place in any::<u32>()) {
        let cidr: Cidr = format!("{network}/{length}").parse().unwrap();
        for address in [network, turned(network, place), other] {
            prop_assert_eq!(cidr.contains(address), oracle(network, length, address), "{} in {}", address, cidr);
            // The mapped form of an IPv4 address is that address.
            if let IpAddr::V4(v4) = address {
                prop_assert_eq!(cidr.contains(IpAddr::V6(v4.to_ipv6_mapped())), cidr.contains(address));
            }
        }
    }

    #[test]
    fn networks_read_back((network, length) in network()) {
        let cidr: Cidr = format!("{network}/{length}").parse().unwrap();
        let text = cidr.to_string();
        prop_assert_eq!(text.parse(), Ok(cidr));
        prop_assert_eq!(text.parse::<Cidr>().map(|again| again.to_string()), Ok(text.clone()));
        let json = serde_json::to_string(&cidr).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<Cidr>(&json).unwrap(), cidr);
    }

    #[test]
    fn a_single_address_holds_itself_alone(one in address(), other in address()) {
        let cidr: Cidr = one.to_string().parse().unwrap();
        prop_assert!(cidr.contains(one));
        prop_assert_eq!(cidr.contains(other), address_bits(one) == address_bits(other));
    }

    #[test]
    fn bits_beyond_the_prefix_are_refused((network, length) in network(), place in any::<Index>()) {
        let beyond = if network.is_ipv4() { 32 } else { 128 } - length;
        if beyond > 0 {
            let place = u32::try_from(place.index(beyond)).unwrap();
            let text = format!("{}/{length}", turned(network, place));
            prop_assert_eq!(text.parse::<Cidr>(), Err(CidrError::HostBits), "{}", text);
        }
    }

    #[test]
    fn any_text_can_be_tried_as_a_network(text in any::<String>(), close in "[0-9a-f:./%]{0,30}") {
        for text in [text, close] {
            if let Ok(cidr) = text.parse::<Cidr>() {
                prop_assert_eq!(cidr.to_string().parse(), Ok(cidr));
            }
        }
    }
}
