"""URLs, hosts and ports: what is well formed, and the pieces that other rules look at."""

from __future__ import annotations

from stead.config.faults import TypeFault
from stead.config.quantities import integer
from stead.values.frozen import dataclass
from stead.values.patterns import regex

_URL = regex(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", 16)  # re.DOTALL
_BAD = regex(r"[\x00-\x20\x7f]")
_PERCENT = regex(r"%(?![0-9A-Fa-f]{2})")
_LABEL = regex(r"(?!-)[A-Za-z0-9_\u00a1-\uffff-]{1,63}(?<!-)")
_NUMERIC = regex(r"[0-9]+(?:\.[0-9]+){3}")
_IPV4 = regex(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!\Z)|\Z)){4}")

_LOCAL = frozenset(
    ["file", "sqlite", "duckdb", "unix", "ldapi", "postgres", "postgresql", "mysql", "mariadb"]
)
"""Schemes whose host may be left out: files, and servers that are reached by a socket."""

_TLS = """
    https wss rediss valkeys amqps ldaps mqtts ftps smtps imaps pop3s nntps ircs sips coaps
    grpcs stomp+ssl mongodb+srv tls ssl
"""
TLS_SCHEMES = frozenset(_TLS.split())
_TLS_QUERY = {
    "sslmode": ("require", "verify-ca", "verify-full"),
    "ssl-mode": ("required", "verify_ca", "verify_identity"),
    "ssl": ("true", "1", "yes", "on", "require", "verify-ca", "verify-full"),
    "tls": ("true", "1", "yes", "on"),
}


@dataclass(frozen=True, slots=True)
class Address:
    """The pieces of a URL, as written."""

    scheme: str
    host: str
    port: str
    path: str
    query: str

    @property
    def speaks_tls(self) -> bool:
        """Whether its scheme or its query ask for TLS."""
        if self.scheme in TLS_SCHEMES or self.scheme.partition("+")[0] in TLS_SCHEMES:
            return True
        for pair in self.query.split("&"):
            name, _, value = pair.lower().partition("=")
            if value in _TLS_QUERY.get(name, ()):
                return True
        return False


def url(text: str) -> Address:
    """Take a URL apart; raises TypeFault for what no program could reach."""
    match = _URL.fullmatch(text)
    if match is None:
        raise TypeFault("expected an address such as https://host/path", _no_scheme(text))
    if _BAD.search(text):
        raise TypeFault(
            "expected an address without spaces and control characters",
            "write a space as %20; what is put in by reference is encoded by itself",
        )
    if _PERCENT.search(text):
        raise TypeFault(
            "expected two hexadecimal digits after each % of an address",
            "write a percent sign as %25",
        )
    scheme, authority, path, query, _ = match.groups()
    scheme = scheme.lower()
    if not authority:
        if scheme.partition("+")[0] not in _LOCAL:
            raise TypeFault("expected an address with a host, such as https://host/path")
        return Address(scheme, "", "", path, (query or "")[1:])
    places = authority.rpartition("@")[2]
    first = ("", "")
    for number, place in enumerate(places.split(",")):
        found = _host_and_port(place, scheme)
        if number == 0:
            first = found
    return Address(scheme, *first, path, (query or "")[1:])


def host(text: str) -> str:
    """Give a host's name or IP address; IPv6 without brackets."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in inner:
        if not _is_ipv6(inner):
            raise TypeFault(
                "expected a host's name or address",
                "a port is a variable of its own, and a URL another type",
            )
        return inner
    if inner == text and _NUMERIC.fullmatch(text):
        if _IPV4.fullmatch(text):
            return text
        raise TypeFault("expected an IP address of four numbers up to 255")
    labels = text.removesuffix(".").split(".")
    if len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels):
        return text
    raise TypeFault("expected a host's name or address")


def port(text: str) -> int:
    """Read a port: 1 to 65535."""
    try:
        number = integer(text)
    except TypeFault:
        number = 0
    if not 1 <= number <= 65535:
        raise TypeFault("expected a port, 1 to 65535")
    return number


def bracketed(host: str) -> str:
    """Write a host as it stands in an address."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _host_and_port(place: str, scheme: str) -> tuple[str, str]:
    if place.startswith("["):
        name, closed, rest = place.partition("]")
        if not closed or not _is_ipv6(name[1:].replace("%25", "%")) or rest[:1] not in ("", ":"):
            raise TypeFault("expected an IPv6 address in brackets, such as [::1]")
        name, colon, digits = name[1:], rest[:1], rest[1:]
    else:
        name, colon, digits = place.partition(":")
        if not name and scheme.partition("+")[0] not in _LOCAL:
            raise TypeFault("expected an address with a host, such as https://host/path")
        if name and "%" not in name:
            host(name)
    if colon:
        port(digits)
    return name, digits


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _no_scheme(text: str) -> str:
    if "\n" in text:
        return "take the line end away"
    return "begin with a scheme and ://" if "://" not in text else ""
