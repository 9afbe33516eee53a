"""A built registry behind an address: asked conditionally, and kept for when it cannot be asked.

``$STEAD_HOME/registries`` holds the index of each as it was last seen, and archives by their hash.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from stead.modules.registry import index
from stead.modules.registry.built import too_long
from stead.modules.registry.credentials import login_for, variable
from stead.remote.http import Redirects, reason
from stead.remote.origins import origin
from stead.store.atomic import write_file
from stead.store.registries import used
from stead.values.digest import short_key
from stead.values.errors import NetworkError, RegistryError, SteadError
from stead.values.sha import sha256

if TYPE_CHECKING:
    from email.message import Message
    from typing import IO

    from stead.modules.registry.credentials import Login
    from stead.modules.registry.index import Entry
    from stead.values.context import Context

TIMEOUT = 20.0
"""Seconds in which something must arrive."""
LONGEST = 600.0
"""Seconds that one file may take: a server that sends a byte now and then is no server."""
_CHUNK = 1 << 16
_PRIVATE = 0o600
"""Of what is kept: a registry may not be for everybody on this machine."""


class Address:
    """The files of a built registry behind an address."""

    def __init__(self, name: str, address: str, context: Context) -> None:
        self._name = name
        self._address = address
        self._context = context
        self._kept = os.path.join(context.home, "registries", short_key([address]))
        self._login: Login | None = login_for(name, address, context.environ)

    def index(self) -> bytes:
        """Give ``index.json``: the registry's, or as it was last seen where it cannot be asked.

        Raises NetworkError, RegistryError.
        """
        path = os.path.join(self._kept, index.NAME)
        kept = _read(path)
        if self._context.offline:
            if kept is None:
                raise NetworkError(
                    f"the registry {self._name} was never asked, and cannot be offline",
                    where=self._address,
                    remedy="run it once without --offline",
                )
            return kept
        before = _marks(self._kept) if kept is not None else {}
        try:
            found, answer = self._get(index.NAME, index.LARGEST_INDEX, before)
        except NetworkError as exc:
            if kept is None:
                raise
            self._context.progress.note(
                f"{exc.message}: what the registry {self._name} had on "
                f"{time.strftime('%Y-%m-%d', time.localtime(os.stat(path).st_mtime))} counts"
            )
            return kept
        if found is None and kept is not None:
            used(path)
            return kept
        assert found is not None
        index.read(found, f"{self._address}/{index.NAME}")  # what cannot be read is not kept
        write_file(path, found, _PRIVATE, sync=False)
        marks = json.dumps(answer).encode()
        write_file(os.path.join(self._kept, "marks.json"), marks, _PRIVATE, sync=False)
        return found

    def archive(self, entry: Entry) -> bytes:
        """Give an archive, from here where it is known. Raises NetworkError, RegistryError."""
        directory = os.path.join(self._context.home, "registries", "archives")
        path = os.path.join(directory, f"{entry.sha256}.tar.gz")
        kept = _read(path)
        if kept is not None and sha256(kept).hexdigest() == entry.sha256:
            used(path)
            return kept
        if self._context.offline:
            raise NetworkError(
                "this item was never fetched, and cannot be offline",
                where=f"{self._address}/{entry.archive}",
                remedy="run it once without --offline",
            )
        found, _ = self._get(entry.archive, entry.size, {})
        assert found is not None
        if sha256(found).hexdigest() == entry.sha256:
            write_file(path, found, _PRIVATE, sync=False)
        return found

    def _get(
        self, name: str, most: int, marks: dict[str, str]
    ) -> tuple[bytes | None, dict[str, str]]:
        """Fetch a file of at most that many bytes; None where it is as the marks say."""
        try:
            return self._asked(name, most, marks)
        except _RefusedError as exc:
            again = None
            if self._login is None:
                again = login_for(self._name, self._address, self._context.environ, refused=True)
            if again is None:
                raise exc.error from exc.__cause__
            self._login = again
        try:
            return self._asked(name, most, marks)
        except _RefusedError as exc:
            raise exc.error from exc.__cause__

    def _asked(
        self, name: str, most: int, marks: dict[str, str]
    ) -> tuple[bytes | None, dict[str, str]]:
        from stead.config.checks.bounds import MistakeError
        from stead.config.checks.network import opener_for

        where = f"{self._address}/{name}"
        request = urllib.request.Request(where, headers={"User-Agent": "stead", **marks})  # noqa: S310
        authorization = self._login.bearer() if self._login else ""
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        redirects = Redirects(origin(self._address), authorization)
        host = urlsplit(where).hostname or ""
        try:
            opener = opener_for(self._context.environ, host, redirected=True, redirects=redirects)
        except MistakeError as exc:
            raise NetworkError(str(exc), where=where, remedy="correct SSL_CERT_FILE") from exc
        try:
            with opener.open(request, timeout=TIMEOUT) as answer:
                length = answer.headers.get("Content-Length", "")
                if length.isdigit() and int(length) > most:
                    raise too_long(name, most, where)
                return self._streamed(answer, length, most, where), _marks_of(answer.headers)
        except HTTPError as exc:
            exc.close()
            if exc.code == 304:
                return None, {}
            raise self._refusal(exc, name, where) from exc
        except (URLError, OSError, http.client.HTTPException) as exc:
            raise NetworkError(
                f"the registry {self._name} cannot be reached: {reason(exc)}",
                where=where,
                remedy="look at the address and the network; the other registries still work, "
                "and with --offline what this one had when it was last asked",
            ) from exc

    def _streamed(self, answer: IO[bytes], length: str, most: int, where: str) -> bytes:
        """Read an answer to its end, or to the bound, whatever its head says."""
        pieces: list[bytes] = []
        taken, until = 0, time.monotonic() + LONGEST
        while piece := answer.read(_CHUNK):
            taken += len(piece)
            if taken > most:
                raise too_long(where.rpartition("/")[2], most, where)
            if time.monotonic() > until:
                raise TimeoutError(f"it took longer than {LONGEST:.0f} s")
            pieces.append(piece)
        if length.isdigit() and taken < int(length):
            raise http.client.IncompleteRead(b"")
        return b"".join(pieces)

    def _refusal(self, exc: HTTPError, name: str, where: str) -> SteadError:
        if exc.code in (401, 403):
            known = "the token or password that it got" if self._login else "nobody in particular"
            error = RegistryError(
                f"the registry {self._name} refuses {known} ({exc.code})",
                where=where,
                remedy=f"set {variable(self._name, 'TOKEN')}, or {variable(self._name, 'USER')} and "
                f"{variable(self._name, 'PASSWORD')}, or let the keyring have it: "
                f"`keyring set {origin(self._address)} token`",
            )
            return _RefusedError(error)
        if exc.code in (404, 410):
            return RegistryError(
                f"the registry {self._name} has no {name} any more, or never had one",
                where=where,
                remedy="correct the address: it is the directory that `stead registry build` made"
                if name == index.NAME
                else "its index is newer or older than its archives; tell those who keep it",
            )
        if 300 <= exc.code < 400:
            return RegistryError(
                f"the registry {self._name} leads elsewhere, and nowhere that is followed",
                where=where,
                remedy="name the address that it leads to",
            )
        return NetworkError(
            f"the registry {self._name} cannot answer ({exc.code})",
            where=where,
            remedy="try again later; the other registries still work",
        )


class _RefusedError(SteadError):
    """A registry wants to know who asks."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__(error.message)
        self.error = error


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _marks(directory: str) -> dict[str, str]:
    """Give the headers that ask whether an index is still the one that is kept."""
    raw = _read(os.path.join(directory, "marks.json"))
    try:
        data = json.loads(raw or b"{}")
    except ValueError:
        return {}
    names = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
    if not isinstance(data, dict):
        return {}
    return {ask: data[said] for ask, said in names.items() if isinstance(data.get(said), str)}


def _marks_of(headers: Message) -> dict[str, str]:
    found = {name: headers.get(name, "") for name in ("ETag", "Last-Modified")}
    return {name: value for name, value in found.items() if value.isprintable() and value}
