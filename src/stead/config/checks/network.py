"""Ports and URLs: does anything answer."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from stead.config.checks import bounds
from stead.config.checks.answer import Answer
from stead.config.checks.bounds import MistakeError
from stead.config.faults import TypeFault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext
    from urllib.parse import SplitResult
    from urllib.request import BaseHandler, OpenerDirector

    from stead.config.checks.answer import World
    from stead.values.kinds import Check

_START = "start it, or correct the address"

_PORTS = {
    "amqp": 5672,
    "amqps": 5671,
    "ldap": 389,
    "ldaps": 636,
    "mariadb": 3306,
    "memcached": 11211,
    "mongodb": 27017,
    "mqtt": 1883,
    "mqtts": 8883,
    "mysql": 3306,
    "nats": 4222,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "smtp": 25,
    "smtps": 465,
    "ssh": 22,
    "valkey": 6379,
}
"""Where servers listen whose URL says no port."""


def address(subject: str) -> tuple[str, int]:
    """Read ``host:port``, ``[::1]:port``, or a port of this machine. Raises MistakeError."""
    from stead.config import addresses

    if subject.isdigit():
        host, port = "localhost", subject
    else:
        host, colon, port = subject.rpartition(":")
        if not colon or not host or (":" in host and not host.startswith("[")):
            raise MistakeError(
                f"{subject!r} is no address of a port: write host:port, or [::1]:port for IPv6"
            )
    try:
        return addresses.host(host), addresses.port(port)
    except TypeFault as exc:
        raise MistakeError(f"{subject!r} is no address of a port: {exc.message}") from exc


def port(check: Check, _world: World, seconds: float) -> Answer:
    """Connect to a port."""
    return _connect(*address(check.subject), seconds)


def url(check: Check, world: World, seconds: float) -> Answer:
    """Ask a URL for its status; of one that is not of the web, connect to its server."""
    parts = split(check.subject)
    wanted = bounds.statuses(check.expect) if check.expect else ()
    if parts.scheme not in ("http", "https"):
        number = parts.port or _PORTS[parts.scheme.partition("+")[0]]
        return _connect(parts.hostname or "localhost", number, seconds)
    return _ask(parts, wanted, world.environ, seconds)


def split(subject: str) -> SplitResult:
    """Take a URL apart. Raises MistakeError for one that cannot be asked; it is not shown."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(subject)
        number, host = parts.port, parts.hostname
    except ValueError as exc:
        raise MistakeError("what is to be asked is no URL") from exc
    if any(char <= " " for char in subject):
        raise MistakeError("the URL holds a space or a control character")
    if parts.scheme in ("http", "https"):
        if not host:
            raise MistakeError("the URL names no host")
    elif number is None and parts.scheme.partition("+")[0] not in _PORTS:
        raise MistakeError(
            "the URL is neither of the web nor says a port: write a check of a port instead"
        )
    return parts


def _connect(host: str, number: int, seconds: float) -> Answer:
    """Connect to any of the addresses that a name has."""
    shown = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    end = time.monotonic() + seconds
    try:
        found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Answer(
            False, f"there is no host {host} ({shown})", "correct the name, or look at the network"
        )
    refused = ""
    for at, (family, kind, protocol, _, where) in enumerate(found):
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            with socket.socket(family, kind, protocol) as one:
                one.settimeout(left / (len(found) - at))
                one.connect(where)
                return Answer(True, f"{shown} accepts connections")
        except TimeoutError:
            continue
        except OSError as exc:
            refused = _reason(exc)
    if refused:
        return Answer(False, f"nothing listens at {shown} ({refused})", _START)
    return Answer(
        False,
        f"{shown} does not answer within {seconds:g} s",
        "look at the network and its firewalls, or give it more `timeout`",
    )


def _ask(
    parts: SplitResult, wanted: tuple[str, ...], environ: Mapping[str, str], seconds: float
) -> Answer:
    import http.client
    import urllib.error
    import urllib.request
    from urllib.parse import unquote, urlunsplit

    place = parts.netloc.rpartition("@")[2]
    shown = urlunsplit((parts.scheme, place, parts.path, "", ""))
    request = urllib.request.Request(  # noqa: S310 (http and https only, see above)
        urlunsplit((parts.scheme, place, parts.path or "/", parts.query, "")),
        headers={"User-Agent": "stead", "Accept": "*/*"},
    )
    if parts.username is not None:
        import base64

        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        said = base64.b64encode(pair.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {said}")
    redirected = not any(w.startswith("3") for w in wanted)
    opener = opener_for(environ, parts.hostname or "", redirected=redirected)
    try:
        with opener.open(request, timeout=seconds) as answer:
            status = int(answer.status)
    except urllib.error.HTTPError as exc:
        status = exc.code
        exc.close()
        if redirected and 300 <= status < 400:
            said = f"{shown} answers {status} and leads nowhere that can be followed"
            return Answer(False, said, "correct the address")
    except urllib.error.URLError as exc:
        return _unreached(shown, exc.reason, seconds)
    except http.client.HTTPException:
        return Answer(False, f"{shown} does not speak HTTP", "correct the address or the port")
    except OSError as exc:
        return _unreached(shown, exc, seconds)
    if bounds.status_fits(status, wanted):
        return Answer(True, f"{shown} answers {status}")
    expected = f", and {' or '.join(wanted)} is expected" if wanted else ""
    return Answer(False, f"{shown} answers {status}{expected}", "look at what answers there")


def opener_for(
    environ: Mapping[str, str],
    host: str,
    *,
    redirected: bool,
    redirects: BaseHandler | None = None,
    later: bool = False,
) -> OpenerDirector:
    """Give what opens http and https, and nothing else, by the process's own proxies.

    ``redirects`` is what follows where an answer leads, if not the library's own way. With
    ``later`` certificates are read when https is first spoken: to read them takes longer than to
    ask what is near. Raises MistakeError where the process names certificates that cannot be
    read; with ``later`` the opener raises it.
    """
    import urllib.request as lib

    lower = {name.lower(): value for name, value in environ.items() if name.isupper()}
    lower |= {name: value for name, value in environ.items() if name.islower()}
    proxies = {
        scheme: lower[f"{scheme}_proxy"]
        for scheme in ("http", "https")
        if lower.get(f"{scheme}_proxy")
    }
    if _direct(host, lower.get("no_proxy", "")):
        proxies = {}
    opener = lib.OpenerDirector()
    handlers: list[lib.BaseHandler] = [
        lib.ProxyHandler(proxies),
        lib.HTTPHandler(),
        _later(environ) if later else lib.HTTPSHandler(context=_context(environ)),
        lib.HTTPErrorProcessor(),
        lib.HTTPDefaultErrorHandler(),
        lib.UnknownHandler(),
    ]
    if redirected:
        handlers.append(redirects or lib.HTTPRedirectHandler())
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _direct(host: str, no_proxy: str) -> bool:
    """Say whether ``no_proxy`` names a host, a domain it is in, or everything."""
    for entry in no_proxy.lower().replace(",", " ").split():
        name = entry.removeprefix("*").lstrip(".").partition(":")[0]
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False


def _later(environ: Mapping[str, str]) -> BaseHandler:
    import http.client
    import urllib.request as lib
    from functools import cache

    context = cache(lambda: _context(environ))

    class Handler(lib.AbstractHTTPHandler):
        https_request = lib.AbstractHTTPHandler.do_request_

        def https_open(self, request: lib.Request) -> http.client.HTTPResponse:
            return self.do_open(http.client.HTTPSConnection, request, context=context())

    return Handler()


def _context(environ: Mapping[str, str]) -> SSLContext:
    """Trust what the process would: the system's certificates, or those that it is told of."""
    import ssl

    file, directory = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    try:
        return ssl.create_default_context(cafile=file or None, capath=directory or None)
    except (OSError, ssl.SSLError) as exc:
        raise MistakeError(f"the certificates of SSL_CERT_FILE cannot be read: {file}") from exc


def _unreached(shown: str, exc: object, seconds: float) -> Answer:
    import ssl

    if isinstance(exc, TimeoutError):
        return Answer(
            False,
            f"{shown} does not answer within {seconds:g} s",
            "look at the network and its firewalls, or give it more `timeout`",
        )
    if isinstance(exc, ssl.SSLCertVerificationError):
        return Answer(
            False,
            f"the certificate of {shown} is not trusted ({exc.verify_message})",
            "let SSL_CERT_FILE name its authority's certificate, or correct the address",
        )
    if isinstance(exc, ssl.SSLError):
        return Answer(False, f"{shown} does not speak TLS", "correct the scheme or the port")
    if isinstance(exc, socket.gaierror):
        remedy = "correct the name, or look at the network"
        return Answer(False, f"there is no host of that name: {shown}", remedy)
    if isinstance(exc, OSError):
        return Answer(False, f"nothing answers at {shown} ({_reason(exc)})", _START)
    return Answer(False, f"{shown} cannot be asked", "correct the address")


def _reason(exc: OSError) -> str:
    return (exc.strerror or type(exc).__name__).lower()
