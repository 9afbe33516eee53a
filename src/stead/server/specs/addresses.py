"""Which addresses are private: by how they are written, and by what their names resolve to.

A network address is private where not everybody on the internet reaches the same machine
by it: loopback, private networks, links, multicast, and IPv6 addresses that carry such
an IPv4 address.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECONDS = 2.0
"""How long the names of one submission are asked for, all of them together."""

AT_ONCE = 16
"""How many names of one submission are asked for at once."""

_ASKING = threading.BoundedSemaphore(64)
"""Held by each thread that asks: nobody can stop one whose resolver does not answer."""

HOST = re.compile(r"[A-Za-z0-9._-]*\Z")
"""A host as everybody reads it."""

_LOCAL_NAMES = re.compile(
    r"(?:localhost|.*\.(?:localhost|localdomain|local|internal|intranet|corp|home|lan|home\.arpa))\Z"
)
_NUMBERS = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+))*\Z")

_BUCKETS = ("s3", "gs")
"""Schemes whose hosts are no names of machines."""

_CARRYING = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
)
"""IPv6 networks whose addresses end with the IPv4 address that is meant."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b:1::/48")
"""For translation within one network."""


def is_private(address: str) -> bool:
    """Say whether an address is a file's, this machine's, or within a private network.

    Names are judged by what they say here; for what they resolve to see :func:`look_up`.
    """
    try:
        parts = urlsplit(address.replace("\\", "/"))
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return True
    if parts.scheme not in ("http", "https", "oci", *_BUCKETS):
        return True
    if ":" not in host and HOST.match(host) is None:
        # Some readers take other scripts' digits, and what is percent-encoded, for plain ones.
        return True
    if not host or ("." not in host and ":" not in host and not host.isdigit()):
        return parts.scheme not in _BUCKETS
    if _LOCAL_NAMES.match(host):
        return True
    if re.fullmatch(r"\d+|0x[0-9a-f]+", host):
        try:
            return is_private_ip(str(ipaddress.ip_address(int(host, 0))))
        except ValueError:
            return True
    # Numbers in other bases, or fewer than four of them, are addresses too.
    if ":" not in host and _NUMBERS.match(host) is None:
        return False
    return is_private_ip(host)


def is_private_ip(text: str) -> bool:
    """Say whether an IP address is private; what is none is."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local or ip in _TRANSLATED:
            return True
        if ip.sixtofour is not None:
            ip = ip.sixtofour
        elif any(ip in network for network in _CARRYING):
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return not ip.is_global or ip.is_multicast


def name_in(address: str) -> str:
    """Give the name in an address that must be asked for; empty where how it is written decides."""
    if is_private(address):
        return ""
    parts = urlsplit(address.replace("\\", "/"))
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme in _BUCKETS or ":" in host or _NUMBERS.match(host):
        return ""
    return host


def look_up(names: Iterable[str], seconds: float = SECONDS) -> dict[str, tuple[str, ...]]:
    """Ask what names resolve to, each once and many at once; gives their addresses.

    Waits no longer than ``seconds``: names that have no answer until then are left out, as
    are those that do not resolve.
    """
    pending = deque(dict.fromkeys(names))
    found: dict[str, tuple[str, ...]] = {}
    until = time.monotonic() + seconds

    def ask() -> None:
        try:
            while pending and time.monotonic() < until:
                name = pending.popleft()
                if addresses := addresses_of(name):
                    found[name] = addresses
        except IndexError:
            pass  # another thread took the last one
        finally:
            _ASKING.release()

    asking: list[threading.Thread] = []
    for _ in range(min(len(pending), AT_ONCE)):
        if not _ASKING.acquire(timeout=0 if asking else seconds):
            break
        thread = threading.Thread(target=ask, name="names", daemon=True)
        asking.append(thread)
        thread.start()
    for thread in asking:
        thread.join(max(0.0, until - time.monotonic()))
    return found.copy()


def addresses_of(name: str, port: int | None = None) -> tuple[str, ...]:
    """Ask this machine's resolver for a name's addresses of both kinds; empty where it has none."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def private_of(address: str, answers: Mapping[str, tuple[str, ...]]) -> str | None:
    """Say whether an address is private, with ``answers`` of :func:`look_up`.

    Gives how that is known, which is empty where it is written so; None where it is not private.
    """
    if is_private(address):
        return ""
    name = name_in(address)
    for ip in answers.get(name, ()):
        if is_private_ip(ip):
            return f"{name} is {ip}"
    return None


def refusal(what: str, how: str = "") -> str:
    """Write that something is refused because it lies on a private address."""
    known = f" ({how})" if how else ""
    return (
        f"{what} lies on a private address{known}, "
        "which is not allowed here (setting allow_private_addresses)"
    )
