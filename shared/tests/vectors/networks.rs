//! Networks and the addresses in them.

use core::net::IpAddr;

use keyward_shared::{Cidr, network::CidrError};
use serde::Deserialize;

use crate::{check_all, expect, part};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Networks {
    clients: Vec<Client>,
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    address: IpAddr,
    client: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Good {
    text: String,
    canonical: String,
    inside: Vec<IpAddr>,
    outside: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bad {
    text: String,
    error: String,
}

#[test]
fn an_ipv6_client_is_its_64() {
    let networks: Networks = part(|document| document.networks);
    check_all(&networks.clients, |case| {
        let client = Cidr::of_client(case.address).to_string();
        expect(&case.address.to_string(), &case.client, &client)
    });
}

#[test]
fn networks_are_canonical_and_hold_their_addresses() {
    let networks: Networks = part(|document| document.networks);
    check_all(&networks.good, |case| {
        let network: Cidr = case
            .text
            .parse()
            .map_err(|error| format!("{}: {error}", case.text))?;
        expect(&case.text, &case.canonical, &network.to_string())?;
        expect(&case.text, &case.canonical.parse(), &Ok(network))?;
        for address in &case.inside {
            expect(
                &format!("{address} in {}", case.text),
                &true,
                &network.contains(*address),
            )?;
        }
        for address in &case.outside {
            expect(
                &format!("{address} in {}", case.text),
                &false,
                &network.contains(*address),
            )?;
        }
        Ok(())
    });
}

#[test]
fn what_is_no_network_is_refused() {
    let networks: Networks = part(|document| document.networks);
    check_all(&networks.bad, |case| {
        let error = match case.text.parse::<Cidr>() {
            Ok(_) => "none",
            Err(CidrError::Address) => "address",
            Err(CidrError::Prefix) => "prefix",
            Err(CidrError::HostBits) => "host_bits",
        };
        expect(&format!("{:?}", case.text), &case.error.as_str(), &error)
    });
}
