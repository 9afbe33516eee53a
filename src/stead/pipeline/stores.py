"""Asking one store server, within bounds: of time, of bytes, and of how often it is told of."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from stead.remote.http import reason
from stead.store.atomic import write_file
from stead.store.parts import PartError
from stead.values.digest import short_key
from stead.values.errors import NetworkError, SteadError, StoreError
from stead.values.parts import closure_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any
    from urllib.request import OpenerDirector

    from stead.values.context import Context
    from stead.values.parts import Closure, PackedPart
    from stead.values.substitute import StoreAddress

TIMEOUT = 4.0
"""Seconds in which a store must begin to answer, and in which something more must come."""
LONGEST = 20.0
"""Seconds that an answer may take, besides those for its bytes."""
SLOWEST = 256 * 1024
"""Bytes a second that a part must come at, taken over the whole of it."""
PAUSE = 60.0
"""Seconds in which a store that was gone is not asked again."""
LARGEST = 64 * 2**20
"""Bytes of a closure or of a lock."""
AGAIN = (0.1, 0.5, 2.0)
"""Seconds after which the rest of a part that was cut off is asked for."""
_CHUNK = 1 << 18

_OPENING = ("_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Ends of the variables that say how addresses are opened."""

_told: set[str] = set()
"""What this command has said of stores."""
_openers: dict[tuple[object, ...], OpenerDirector] = {}
"""What opens addresses, by what it depends on: to make one reads all certificates."""


class _CutError(NetworkError):
    """The connection ended in the middle of an answer."""


class Store:
    """A store server, for one command."""

    def __init__(self, address: StoreAddress, context: Context) -> None:
        self.name = address.name
        self.url = address.url
        self._token = address.token
        self._context = context
        self._mark = os.path.join(context.home, "stores", f"{short_key([address.url])}.gone")
        self._bearer: str | None = None
        self._build = 0

    @property
    def gone(self) -> bool:
        """Whether it could not be reached a moment ago."""
        try:
            age = self._context.now() - os.stat(self._mark).st_mtime
        except OSError:
            return False
        return 0 <= age < PAUSE

    def failed(self, error: SteadError) -> None:
        """Tell that the work is done here; one that cannot be reached is left alone for a while."""
        if isinstance(error, NetworkError):
            now = self._context.now()
            write_file(self._mark, b"", 0o600, sync=False)
            os.utime(self._mark, (now, now))
        told = f"the store {self.name} is not of use, so the work is done here: {error.message}"
        if told not in _told:
            _told.add(told)
            self._context.progress.note(told)

    def closure(self, key: str) -> Closure | None:
        """Say what a build consists of; None where the store has it not. Raises SteadError."""
        found = self._json(f"parts/{key}/")
        if found is None:
            return None
        try:
            self._build = int(found["build_id"])
            closure = closure_of(found["closure"], self.url)
        except (KeyError, TypeError, ValueError) as exc:
            raise _no_store() from exc
        return closure

    def lock(self, question: str) -> str | None:
        """Give the text of the lock that answers a question; None where the store has none."""
        found = self._json(f"lock/{question}/")
        if found is None:
            return None
        try:
            return str(found["lock"])
        except (KeyError, TypeError) as exc:
            raise _no_store() from exc

    def part(self, part: PackedPart) -> Iterator[bytes]:
        """Give the compressed bytes of a part of the build that was asked for. Raises SteadError.

        Where they are cut off, the rest is asked for: what came is not given twice.
        """
        # A part is never much longer when it is compressed.
        most = part.size + part.size // 100 + 4096
        until = time.monotonic() + LONGEST + part.size / SLOWEST
        path = f"build/{self._build}/parts/{part.sha256}/"
        answer = self._open(path)
        if answer is None:
            raise PartError(f"it has no part {part.name}", details=(f"sha256 {part.sha256}",))
        whole, again, taken = answer.length, iter(AGAIN), 0
        while answer is not None:
            cut: NetworkError | None = None
            with answer:
                try:
                    while piece := self._read(answer, until):
                        taken += len(piece)
                        if taken > most:
                            raise PartError(f"its part {part.name} is longer than it should be")
                        yield piece
                except _CutError as exc:
                    cut = exc
            if cut is None and whole is not None and taken < whole:
                cut = _CutError("it ends in the middle of an answer")
            answer = self._rest(path, taken, whole, again, cut) if cut is not None else None

    def _rest(
        self, path: str, taken: int, whole: int | None, again: Iterator[float], cut: NetworkError
    ) -> Any:
        """Ask for what follows the bytes that came; raises ``cut`` where that cannot be had."""
        for seconds in again if whole is not None else ():
            time.sleep(seconds)
            try:
                answer = self._open(path, {"Range": f"bytes={taken}-"} if taken else {})
            except NetworkError:
                continue  # it may be starting anew
            if answer is not None and _follows(answer, taken, whole):
                return answer
            if answer is not None:
                answer.close()
            break
        raise cut

    def _json(self, path: str) -> Any:
        answer = self._open(path)
        if answer is None:
            return None
        until = time.monotonic() + LONGEST
        pieces, taken = [], 0
        with answer:
            while piece := self._read(answer, until):
                taken += len(piece)
                if taken > LARGEST:
                    raise StoreError("it gives more than a store does")
                pieces.append(piece)
        try:
            return json.loads(b"".join(pieces))["data"]
        except (ValueError, KeyError, TypeError) as exc:
            raise _no_store() from exc

    def _read(self, answer: Any, until: float) -> bytes:
        if time.monotonic() > until:
            raise NetworkError("it is too slow")
        try:
            return bytes(answer.read1(_CHUNK))
        except TimeoutError as exc:
            raise NetworkError(reason(exc)) from exc
        except (OSError, http.client.HTTPException) as exc:
            raise _CutError(reason(exc)) from exc

    def _open(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """Ask for something; None where it is not there. Raises SteadError."""
        from stead.config.checks.bounds import MistakeError

        where = f"{self.url}/api/stead/v1/{path}"
        told = {"User-Agent": "stead", **(headers or {})}
        request = urllib.request.Request(where, headers=told)  # noqa: S310
        if bearer := self._authorization():
            # Unredirected: to this address alone, wherever it leads.
            request.add_unredirected_header("Authorization", bearer)
        try:
            return self._opened().open(request, timeout=TIMEOUT)
        except MistakeError as exc:
            raise NetworkError(str(exc)) from exc
        except HTTPError as exc:
            exc.close()
            if exc.code == 404:
                return None
            if exc.code in (401, 403):
                raise StoreError(f"it refuses the token ({exc.code})") from exc
            raise NetworkError(f"it cannot answer ({exc.code})") from exc
        except (URLError, OSError, http.client.HTTPException) as exc:
            raise NetworkError(reason(exc)) from exc

    def _opened(self) -> OpenerDirector:
        """Give what opens addresses, the same for all requests of a command."""
        environ = self._context.environ
        host = urlsplit(self.url).hostname or ""
        told = sorted(i for i in environ.items() if i[0].upper().endswith(_OPENING))
        key = (host, *told)
        if key not in _openers:
            from stead.config.checks.network import opener_for

            _openers[key] = opener_for(environ, host, redirected=True, later=True)
        return _openers[key]

    def _authorization(self) -> str:
        if self._bearer is None:
            self._bearer = ""
            if self._token is not None:
                from stead.config.secrets.resolve import resolve

                found = resolve([self._token], context=self._context)
                self._bearer = f"Bearer {found[self._token].reveal()}"
            else:
                from stead.remote.logins import token_for

                token = token_for(self.url, self._context.environ)
                self._bearer = f"Bearer {token.reveal()}" if token is not None else ""
        return self._bearer


def _follows(answer: Any, taken: int, whole: int | None) -> bool:
    """Say whether an answer is what follows the first bytes of one that was so long as a whole."""
    if not taken:
        return bool(answer.length == whole)
    told = f"bytes {taken}-{(whole or 0) - 1}/{whole}"
    return bool(answer.status == 206 and answer.headers.get("Content-Range") == told)


def _no_store() -> StoreError:
    return StoreError("it does not answer as a store does")
