"""A registry, asked: again where the network fails, and with what it wants to know of who asks."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode, urljoin, urlsplit

from stead.config.checks.network import opener_for
from stead.deploy.oci import credentials
from stead.deploy.oci.names import is_local
from stead.deploy.tar import CHUNK
from stead.values.errors import DeployError, NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

    from stead.deploy.oci.model import Chunks
    from stead.deploy.oci.names import Name
    from stead.values.context import Context

TRIES = 5
PAUSE = 0.5
"""Seconds before the second try; twice as many before each further one."""
_PATIENCE = 60.0
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class InterruptionError(Exception):
    """What may succeed when it is done again; ``after`` so many seconds."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


class Asking:
    """One repository of a registry, as requests reach it."""

    def __init__(
        self, name: Name, context: Context, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Open it; nothing is asked yet."""
        self.name = name
        self.sleep = sleep
        scheme = "http" if is_local(name.host) else "https"
        self.base = f"{scheme}://{name.host}/v2/{name.repository}/"
        self._context = context
        self._opener = opener_for(
            context.environ, urlsplit(self.base).hostname or "", redirected=True
        )
        self._authorization = ""
        self._known: credentials.Credentials | None = None
        self._looked = False

    def ask(
        self,
        method: str,
        where: str,
        headers: Mapping[str, str] | None = None,
        data: Callable[[], IO[bytes]] | None = None,
        also: str = "",
    ) -> http.client.HTTPResponse | None:
        """Ask, again after a while where the network or the server fails; None for 404."""
        tries = 0
        while True:
            try:
                body = data() if data else None
                length = body.seek(0, os.SEEK_END) if body else 0
                if body:
                    body.seek(0)
                return self.once(method, where, dict(headers or {}), body, length, also=also)
            except InterruptionError as exc:
                tries += 1
                if tries >= TRIES:
                    raise NetworkError(
                        f"the registry does not answer: {exc}",
                        where=self.name.host,
                        remedy="look at the network, or try again later",
                    ) from exc
                self.sleep(max(exc.after, PAUSE * 2**tries))

    def once(
        self,
        method: str,
        where: str,
        headers: dict[str, str],
        body: IO[bytes] | None = None,
        length: int = 0,
        *,
        also: str = "",
    ) -> http.client.HTTPResponse | None:
        """Ask once; None for 404. Raises InterruptionError where another try may help."""
        url = urljoin(self.base, where)
        start = body.tell() if body else 0
        for attempt in (1, 2):
            request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
            request.add_header("User-Agent", "stead")
            if body is not None:
                body.seek(start)
                request.data = body
                request.add_header("Content-Length", str(length))
            if self._authorization and urlsplit(url).netloc == self.name.host:
                request.add_unredirected_header("Authorization", self._authorization)
            try:
                answer: http.client.HTTPResponse = self._opener.open(request, timeout=_PATIENCE)
            except urllib.error.HTTPError as exc:
                with exc:
                    if exc.code == 404:
                        return None
                    if exc.code == 401 and attempt == 1:
                        self._authorize(exc.headers.get_all("WWW-Authenticate") or [], also)
                        continue
                    raise self._refused(exc, method) from exc
            except (OSError, http.client.HTTPException) as exc:
                reason = getattr(exc, "reason", exc)
                raise InterruptionError(str(reason) or type(exc).__name__) from exc
            return answer
        raise AssertionError

    def _refused(self, exc: urllib.error.HTTPError, method: str) -> Exception:
        # 499: to the server it seemed that the client broke off; 416: it has another length of it.
        if exc.code in (408, 416, 429, 499) or exc.code >= 500:
            after = str(exc.headers.get("Retry-After") or "")
            return InterruptionError(
                f"status {exc.code}", min(float(after), 60.0) if after.isdecimal() else 0.0
            )
        said = ""
        with contextlib.suppress(ValueError, KeyError, TypeError, IndexError, OSError):
            first = json.loads(exc.read(CHUNK))["errors"][0]
            said = f"{first['code']}: {first.get('message', '')}"
        if exc.code in (401, 403):
            return DeployError(
                "the registry does not let you do that"
                if self._known
                else "the registry wants to know who you are",
                where=str(self.name),
                details=[said] if said else [],
                remedy="log in with `podman login` or `docker login`, or set STEAD_IMAGE_USER and "
                "STEAD_IMAGE_PASSWORD",
            )
        return DeployError(
            f"the registry answers {exc.code} to {method}",
            where=str(self.name),
            details=[said] if said else [],
        )

    def _authorize(self, challenges: list[str], also: str) -> None:
        if not self._looked:
            self._looked = True
            self._known = credentials.find(self.name.host, self.name.repository, self._context)
        known = self._known
        for challenge in challenges:
            scheme, _, rest = challenge.partition(" ")
            if scheme.lower() == "bearer":
                self._authorization = f"Bearer {self._token(dict(_CHALLENGE.findall(rest)), also)}"
                return
            if scheme.lower() == "basic" and known is not None:
                self._authorization = known.basic
                return

    def _token(self, challenge: dict[str, str], also: str) -> str:
        """Have a token made that this repository may be written with, and ``also`` read."""
        realm = challenge.get("realm", "")
        parts = urlsplit(realm)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_local(parts.netloc)):
            raise DeployError(
                "the registry sends passwords over a line that others can read",
                where=realm or self.name.host,
            )
        scopes = [f"repository:{self.name.repository}:pull,push"]
        scopes += [f"repository:{also}:pull"] if also else []
        known = self._known
        query = [("service", challenge.get("service", "")), *(("scope", s) for s in scopes)]
        if known is not None and known.identity:
            form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", known.identity),
                ("client_id", "stead"),
                ("service", challenge.get("service", "")),
                ("scope", " ".join(scopes)),
            ]
            request = urllib.request.Request(realm, urlencode(form).encode())  # noqa: S310
        else:
            request = urllib.request.Request(f"{realm}?{urlencode(query)}")  # noqa: S310
            if known is not None:
                request.add_unredirected_header("Authorization", known.basic)
        try:
            opener = opener_for(self._context.environ, parts.hostname or "", redirected=True)
            with opener.open(request, timeout=_PATIENCE) as answer:
                value = json.loads(read_all(answer))
        except urllib.error.HTTPError as exc:
            with exc:
                raise self._refused(exc, "token") from exc
        except (OSError, http.client.HTTPException) as exc:
            raise InterruptionError(str(getattr(exc, "reason", exc))) from exc
        except ValueError as exc:
            raise DeployError("the registry gave no token", where=realm) from exc
        return str(value.get("token") or value.get("access_token") or "")

    def location(self, answer: http.client.HTTPResponse | None) -> str:
        """Give where an upload goes on. Raises DeployError where there is none."""
        if answer is None or not answer.headers.get("Location"):
            raise DeployError(
                "the registry takes no uploads", where=str(self.name), remedy="correct the name"
            )
        answer.close()
        return urljoin(self.base, str(answer.headers["Location"]))


def read_all(file: Chunks) -> bytes:
    """Give what a short answer says."""
    data = b""
    while len(data) < 16 * CHUNK and (more := file.read(CHUNK)):
        data += more
    return data
