"""Client addresses: IPv4, IPv6 by its /64, IPv4-mapped, and what is no address."""

import pytest

from backend.client_addresses import limit_key, parse_address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:0DB8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_limits_count_ipv6_clients_by_their_network(address: str, key: str) -> None:
    assert limit_key(address) == key


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    assert str(parse_address("::ffff:192.0.2.1")) == "192.0.2.1"
    assert parse_address("192.0.2.1:80") is None
