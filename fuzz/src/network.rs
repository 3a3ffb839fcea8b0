//! Allowlists and client addresses against the crate `ipnet`.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use keyward_shared::Cidr;

use crate::texts;

pub(crate) fn run(data: &[u8]) {
    let Some([network, address]) = texts(data) else {
        return;
    };
    let ours = network.parse::<Cidr>().ok();
    let theirs = second(network);
    assert_eq!(ours.is_some(), theirs.is_some(), "{network:?}");
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return;
    };
    // One network has one text.
    let text = ours.to_string();
    assert_eq!(text.parse(), Ok(ours), "{text}");
    for address in addresses(address, &theirs) {
        let contains = theirs.contains(&mapped(address));
        assert_eq!(ours.contains(address), contains, "{address} in {network}");
        let of_client = Cidr::of_client(address);
        assert!(of_client.contains(address), "{address}");
    }
}

/// The network among IPv6 networks, IPv4 in its mapped form.
fn second(text: &str) -> Option<Ipv6Net> {
    let network: IpNet = if text.contains('/') {
        let network: IpNet = text.parse().ok()?;
        // `ipnet` takes a sign and leading zeros; a network has one text here.
        if network.to_string().rsplit_once('/')?.1 != text.rsplit_once('/')?.1 {
            return None;
        }
        network
    } else {
        text.parse::<IpAddr>().ok()?.into()
    };
    // It is laxer about addresses too: zeros before an octet, `::` in the place of nothing. What an address is the standard library says.
    text.split('/').next()?.parse::<IpAddr>().ok()?;
    if network.trunc() != network {
        return None;
    }
    let prefix = match network {
        IpNet::V4(network) => network.prefix_len() + 96,
        IpNet::V6(network) => network.prefix_len(),
    };
    Ipv6Net::new(mapped(network.addr()), prefix).ok()
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The one that the input names, and those at the edges of the network.
fn addresses(text: &str, network: &Ipv6Net) -> Vec<IpAddr> {
    let (first, last) = (network.network().to_bits(), network.broadcast().to_bits());
    let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
    let edges = edges.map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)));
    let canonical = edges.map(|address| address.to_canonical());
    text.parse().into_iter().chain(edges).chain(canonical).collect()
}
