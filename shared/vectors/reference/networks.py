"""Networks: their canonical text, and which addresses lie in them, by 128-bit arithmetic."""

import ipaddress

NETWORKS = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "203.0.113.0/24",
    "203.0.113.7",
    "203.0.113.7/32",
    "203.0.113.6/31",
    "128.0.0.0/1",
    "255.255.255.255",
    "::ffff:203.0.113.0/120",
    "::FFFF:CB00:7107",
    "::ffff:0:0/96",
    "::ffff:128.0.0.0/97",
    "::fffe:0:0/95",
    "::/0",
    "::/80",
    "::",
    "::1",
    "2001:db8::/32",
    "2001:DB8:0:0::/64",
    "2001:db8:0:1::/64",
    "2001:0db8:0000:0000:0001:0000:0000:0001/128",
    "2001:db8::2:0:0:0/80",
    "8000::/1",
    "fe80::/10",
    "::203.0.113.7",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
ADDRESSES = [
    "0.0.0.0",
    "10.255.255.255",
    "11.0.0.0",
    "127.0.0.1",
    "128.0.0.0",
    "203.0.113.0",
    "203.0.113.6",
    "203.0.113.7",
    "203.0.113.255",
    "203.0.114.0",
    "255.255.255.255",
    "::ffff:203.0.113.7",
    "::ffff:cb00:71ff",
    "::ffff:0.0.0.0",
    "::fffe:203.0.113.7",
    "::203.0.113.7",
    "::",
    "::1",
    "2001:db8::",
    "2001:db8::1:0:0:1",
    "2001:db8:0:1::",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "fe80::1",
    "febf:ffff::",
    "fec0::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
]
BAD = {
    "address": ["", "/", "/8", " 10.0.0.1", "10.0.0.1 ", "10.0.0", "10.0.0.1.2", "300.1.1.1", "010.0.0.1", "1.2.3.4:80", "0x0a.0.0.1",
                "167772161", "localhost", "*", "10.0.0.*", "10.0.0.1-10.0.0.9", "fe80::1%eth0", "[::1]", ":::", "1::2::3", "12345::",
                "\u0661.0.0.1", "::ffff:300.1.1.1", "any"],
    "prefix": ["10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/-8", "10.0.0.0/08", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8",
               "10.0.0.0/255.0.0.0", "10.0.0.0/256", "10.0.0.0/x", "::/129", "::/00", "::/1000", "0.0.0.0/\u0668"],
    "host_bits": ["10.0.0.1/8", "203.0.113.7/31", "0.0.0.1/0", "2001:db8::1/64", "::1/0", "::ffff:203.0.113.7/120", "::ffff:203.0.113.0/24"],
}


def as_bits(address):
    number = int(address)
    return number + (0xFFFF << 32) if address.version == 4 else number


def parsed(text):
    """First address and prefix length, both in 128-bit form."""
    network = ipaddress.ip_network(text)
    return as_bits(network.network_address), network.prefixlen + (96 if network.version == 4 else 0)


def canonical(text):
    first, length = parsed(text)
    if first >> 32 == 0xFFFF and length >= 96:
        network, full = ipaddress.ip_network((first & 0xFFFFFFFF, length - 96)), 32
    else:
        network, full = ipaddress.ip_network((first.to_bytes(16, "big"), length)), 128
    return str(network.network_address) if network.prefixlen == full else str(network)


def contains(text, address):
    first, length = parsed(text)
    return (as_bits(ipaddress.ip_address(address)) ^ first) >> (128 - length) == 0


def client(text):
    """An IPv4 address counts by itself, an IPv6 address as its /64."""
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address) if address.version == 4 else str(ipaddress.ip_network((text, 64), strict=False))


def section():
    return {
        "clients": [{"address": address, "client": client(address)} for address in ADDRESSES],
        "good": [
            {
                "text": text,
                "canonical": canonical(text),
                "inside": [address for address in ADDRESSES if contains(text, address)],
                "outside": [address for address in ADDRESSES if not contains(text, address)],
            }
            for text in NETWORKS
        ],
        "bad": [{"text": text, "error": error} for error, texts in BAD.items() for text in texts],
    }
