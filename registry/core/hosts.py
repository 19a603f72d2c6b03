"""Which addresses lie on the open internet: the others are nobody's web server, or somebody's own network."""

from __future__ import annotations

import ipaddress
from typing import Final

_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_NO_HOSTS: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890)
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "2001::/23",  # protocol assignments: Teredo and others (RFC 2928)
        "2002::/16",  # 6to4: stands for an IPv4 address (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""What Python 3.11 takes for global, and where nobody's web server is."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, so that asking there cannot reach into anybody's network.

    Of IPv6 only global unicast, without the blocks that stand for an IPv4 address, since that may be a private one
    (NAT64 and mapped addresses lie outside of 2000::/3).
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _NO_HOSTS)
