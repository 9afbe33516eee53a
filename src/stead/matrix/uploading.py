"""Uploading to an index: one form per file, by the interface that all indexes speak."""

from __future__ import annotations

import base64
import hashlib
import os
import urllib.request
from email.parser import HeaderParser
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit

from stead.matrix.logins import TOKEN_USER
from stead.values.errors import NetworkError, SteadError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.matrix.publishing import Login, Outcome, Place
    from stead.values.context import Context
    from stead.values.suite import Product

_CLEAR = ("127.0.0.1", "localhost", "::1")
"""Hosts to which a password may go over http."""


def upload(
    product: Product, where: Place, login: Login, context: Context, *, skip_existing: bool
) -> Outcome:
    """Upload a wheel or source distribution.

    Raises UsageError where a password would be seen, NetworkError for an index that does not
    answer or does not want the package, SteadError for one that it has.
    """
    parts = urlsplit(where.address)
    if login.password and parts.scheme == "http" and parts.hostname not in _CLEAR:
        raise UsageError(
            "a password would go over the network in clear",
            where=where.shown,
            remedy="use an address that begins with https://",
        )
    if context.offline:
        raise NetworkError("the network is not to be used", remedy="run it without --offline")
    name = os.path.basename(product.path)
    boundary = f"stead-{os.urandom(16).hex()}"
    body = b"".join(_form(product, boundary))
    request = urllib.request.Request(where.address, data=body, method="POST")  # noqa: S310
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    request.add_header("User-Agent", "stead")
    if login.user or login.password:
        secret = login.password.reveal() if login.password else ""
        text = f"{login.user or TOKEN_USER}:{secret}"
        request.add_header("Authorization", f"Basic {base64.b64encode(text.encode()).decode()}")
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=300):
            return "published"
    except HTTPError as exc:
        said = exc.read(4096).decode("utf-8", "replace")
        if _is_there(exc.code, f"{exc.reason} {said}"):
            if skip_existing:
                return "there already"
            raise SteadError(
                f"{name} is there already",
                where=where.shown,
                remedy="raise the version, or pass --skip-existing",
            ) from exc
        raise _refused(name, where, exc, said, login) from exc
    except OSError as exc:
        raise NetworkError(
            f"the index does not answer: {getattr(exc, 'reason', exc)}",
            where=where.shown,
            remedy="look at the address and the network",
        ) from exc


def _is_there(code: int, said: str) -> bool:
    """Say whether an index refuses a file because it has it; each says so in its own way."""
    lower = said.lower()
    words = ("already exist", "already been taken", "cannot be overwritten", "updating asset")
    return code == 409 or (code in (400, 403) and any(word in lower for word in words))


def _refused(file: str, where: Place, error: HTTPError, said: str, login: Login) -> SteadError:
    secret = login.password.reveal() if login.password else ""
    plain = " ".join((said.replace(secret, "…") if secret else said).split())
    return NetworkError(
        f"{file} is refused: {error.code} {error.reason}",
        where=where.shown,
        details=[plain[:500]] if plain else [],
        remedy=_remedy(error.code, known=bool(secret)),
    )


def _remedy(code: int, *, known: bool) -> str:
    if code in (401, 403):
        if known:
            return "look at the token, and whether it may upload this project"
        return "pass --token with a reference such as env:TOKEN, or set STEAD_PUBLISH_TOKEN"
    if code in (301, 302, 303, 307, 308):
        return "name the address that this one leads to"
    if code in (404, 405):
        return "name the index's address for uploads; it is often not the one to install from"
    return "look at what the index says"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A form that is sent on would arrive without its content, and the login at a stranger's."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _form(product: Product, boundary: str) -> Iterator[bytes]:
    """Give the form that uploads a file: metadata first, the content last."""
    with open(product.path, "rb") as file:
        content = file.read()
    for name, value in _fields(product, content):
        yield (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        ).encode()
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; '
        f'filename="{os.path.basename(product.path)}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    ).encode()
    yield content
    yield f"\r\n--{boundary}--\r\n".encode()


_MANY = {
    "Classifier": "classifiers",
    "Requires-Dist": "requires_dist",
    "Provides-Dist": "provides_dist",
    "Obsoletes-Dist": "obsoletes_dist",
    "Requires-External": "requires_external",
    "Project-URL": "project_urls",
    "Provides-Extra": "provides_extra",
    "Platform": "platform",
    "Supported-Platform": "supported_platform",
    "License-File": "license_file",
    "Dynamic": "dynamic",
}
_ONE = (
    "Metadata-Version", "Name", "Version", "Summary", "Description-Content-Type", "Keywords",
    "Home-page", "Download-URL", "Author", "Author-email", "Maintainer", "Maintainer-email", "License",
    "License-Expression", "Requires-Python",
)  # fmt: skip


def _fields(product: Product, content: bytes) -> Iterator[tuple[str, str]]:
    message = HeaderParser().parsestr(_metadata(product))
    wheel = product.format == "wheel"
    yield ":action", "file_upload"
    yield "protocol_version", "1"
    yield "filetype", "bdist_wheel" if wheel else "sdist"
    yield "pyversion", product.tags[0].split("-")[0] if wheel and product.tags else "source"
    yield "sha256_digest", hashlib.sha256(content).hexdigest()
    yield "blake2_256_digest", hashlib.blake2b(content, digest_size=32).hexdigest()
    yield "md5_digest", hashlib.md5(content, usedforsecurity=False).hexdigest()
    for name in _ONE:
        if message.get(name):
            yield name.lower().replace("-", "_"), str(message[name]).strip()
    for name, field in _MANY.items():
        for value in message.get_all(name) or ():
            yield field, str(value).strip()
    description = str(message.get_payload() or message.get("Description") or "")
    if description.strip():
        yield "description", description


def _metadata(product: Product) -> str:
    from stead.matrix.content import texts_of

    if product.format == "sdist":
        text = texts_of(product.path, ("PKG-INFO",))["PKG-INFO"]
    else:
        import zipfile

        with zipfile.ZipFile(product.path) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            text = archive.read(name).decode("utf-8", "replace")
    if text.strip():
        return text
    lines = [f"Name: {product.name}", f"Version: {product.version}"]
    return "\n".join(["Metadata-Version: 2.1", *lines, ""])
