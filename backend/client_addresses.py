"""Client addresses: reading one, and the key by which limits count it. Pure.

A host with IPv6 has a whole /64 (RFC 4291, 2.5.1; RFC 6177): 2^64 addresses to come from. So IPv6
clients are counted by their /64, as a household or an office behind one IPv4 address is.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_HOST_BITS = 64


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Return the IP address, or None if the text is none. An IPv4-mapped one is that IPv4 address.

    A socket that listens on IPv6 shows IPv4 clients as `::ffff:192.0.2.1`. Remembered, since each
    connection and request asks for the same few, a proxy's or a page's, at 3 us each time.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def limit_key(address: str) -> str:
    """Return the text by which limits count a client: its IPv4 address, or its IPv6 network.

    `2001:db8::7` is `2001:db8::/64`. A text that is no address is its own key; it is empty for all
    clients of a UNIX socket.
    """
    parsed = parse_address(address)
    if parsed is None:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    network = int(parsed) >> _HOST_BITS << _HOST_BITS
    return str(IPv6Network((network, 128 - _HOST_BITS)))
