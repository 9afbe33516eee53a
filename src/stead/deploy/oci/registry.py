"""Registries of images, by the OCI's distribution specification: what is missing is sent.

``HOST[:PORT]/NAME[:TAG]`` names an image; the host is never guessed. One of this machine
(``localhost``, ``127.…``) is spoken to without TLS, every other with.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode, urljoin, urlsplit

from stead.config.checks.network import opener_for
from stead.deploy.oci import credentials
from stead.deploy.oci.layout import document_of, open_base
from stead.deploy.oci.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
    damaged,
    descriptor,
    digest_of,
)
from stead.deploy.tar import CHUNK
from stead.values.errors import DeployError, NetworkError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO, Any

    from stead.deploy.oci.model import Base, Chunks, Image, Layer
    from stead.values.context import Context

TRIES = 5
_PATIENCE = 60.0
_PAUSE = 0.5
_KINDS = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_LIST}"
_NAME = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*\Z"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOCAL = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?\Z")


@dataclass(frozen=True, slots=True)
class Name:
    """An image in a registry."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        end = f"@{self.digest}" if self.digest else f":{self.tag}" if self.tag else ""
        return f"{self.host}/{self.repository}{end}"


def parse(text: str) -> Name:
    """Read ``HOST[:PORT]/NAME[:TAG][@DIGEST]``. Raises DeployError."""
    rest, _, digest = text.removeprefix("docker://").partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise DeployError(
            f"{text!r} does not say which registry is meant",
            remedy="write HOST/NAME:TAG, `oci:DIRECTORY` or `oci-archive:FILE`",
        )
    repository, _, tag = path.partition(":")
    sound = _NAME.match(repository) and (not tag or _TAG.match(tag))
    if not sound or (digest and not re.match(r"sha256:[0-9a-f]{64}\Z", digest)):
        raise DeployError(
            f"{text!r} cannot be the name of an image",
            remedy="names are of lower-case letters, digits and . _ - between /",
        )
    return Name(host, repository, tag, digest)


class Registry:
    """One repository of a registry."""

    def __init__(
        self, name: Name, context: Context, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Open it; nothing is asked yet."""
        self.name = name
        self._context = context
        self._sleep = sleep
        scheme = "http" if _LOCAL.match(name.host) else "https"
        self._base = f"{scheme}://{name.host}/v2/{name.repository}/"
        self._opener = opener_for(
            context.environ, urlsplit(self._base).hostname or "", redirected=True
        )
        self._authorization = ""
        self._known: credentials.Credentials | None = None
        self._looked = False

    # -- reading

    def base(self, platform: tuple[str, str]) -> Base:
        """Read the image to make others upon. Raises DeployError, NetworkError."""
        reference = self.name.digest or self.name.tag or "latest"
        found = self._manifest(reference)
        if found is None:
            raise DeployError(
                "there is no such image, or it may not be read",
                where=str(self.name),
                remedy="correct the name, or log in with `podman login` or `docker login`",
            )
        data, kind = found
        blob = Descriptor(kind, self.name.digest or digest_of(data), len(data))
        repository = f"{self.name.host}/{self.name.repository}"
        return open_base(self, blob, platform, str(self.name), repository)

    def there(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Give tag, digest and configuration of each image whose tag begins with the name's.

        Raises DeployError, NetworkError.
        """
        answer = self._ask("GET", "tags/list?n=1000")
        if answer is None:
            return
        with answer:
            tags = json.loads(_all(answer)).get("tags") or []
        start = self.name.tag or "latest"
        for tag in sorted(t for t in tags if t == start or t.startswith(f"{start}-")):
            found = self._manifest(tag)
            if found is None or found[1] != MANIFEST:
                continue
            described = descriptor(json.loads(found[0]).get("config"), str(self.name))
            yield tag, digest_of(found[0]), document_of(self, described, str(self.name))

    @contextlib.contextmanager
    def open(self, blob: Descriptor) -> Iterator[Chunks]:
        kind = "manifests" if blob.media_type in _KINDS else "blobs"
        answer = self._ask("GET", f"{kind}/{blob.digest}", {"Accept": _KINDS})
        if answer is None:
            raise damaged(str(self.name))
        with answer:
            yield answer

    def _manifest(self, reference: str) -> tuple[bytes, str] | None:
        answer = self._ask("GET", f"manifests/{reference}", {"Accept": _KINDS})
        if answer is None:
            return None
        with answer:
            kind = str(answer.headers.get("Content-Type") or MANIFEST).partition(";")[0]
            return _all(answer), kind

    # -- writing

    def push(self, image: Image, tag: str) -> int:
        """Send an image's blobs that are missing, then name it. Gives the bytes that were sent.

        Nobody sees the image before all of it is there. Raises DeployError, NetworkError.
        """
        layers = list(image.blobs())
        missing = [layer for layer in layers if not self._has(layer.blob.digest)]
        sent = 0
        with self._context.progress.task(f"pushing to {self.name.host}", unit="B") as task:
            task.total(sum(layer.blob.size for layer in missing))
            for layer in missing:
                sent += self._push_layer(layer, image)
                task.advance(layer.blob.size)
        config = image.config_blob
        if not self._has(config.digest):
            self._upload(config.digest, len(image.config), lambda: io.BytesIO(image.config))
            sent += len(image.config)
        manifest = image.manifest
        self._ask(
            "PUT", f"manifests/{tag}", {"Content-Type": MANIFEST}, data=lambda: io.BytesIO(manifest)
        )
        return sent + len(manifest)

    def _has(self, digest: str) -> bool:
        answer = self._ask("HEAD", f"blobs/{digest}")
        if answer is None:
            return False
        answer.close()
        return True

    def _push_layer(self, layer: Layer, image: Image) -> int:
        blob, base = layer.blob, image.base
        if layer.path:
            return self._upload(blob.digest, blob.size, lambda: open(layer.path, "rb"))
        assert base is not None
        host, _, source = base.repository.partition("/")
        if host == self.name.host and source:
            where = f"blobs/uploads/?{urlencode({'mount': blob.digest, 'from': source})}"
            answer = self._ask("POST", where, also=source)
            if answer is not None:
                answer.close()
                if answer.status == 201:
                    return 0
        from tempfile import TemporaryDirectory

        from stead.deploy.oci.layout import fetch

        with TemporaryDirectory(prefix="stead-") as work:
            path = os.path.join(work, "blob")
            fetch(base.blobs, blob, path, base.name)
            return self._upload(blob.digest, blob.size, lambda: open(path, "rb"))

    def _upload(self, digest: str, size: int, content: Callable[[], IO[bytes]]) -> int:
        """Send a blob; after an interruption, on from where the registry has it."""
        where = self._location(self._ask("POST", "blobs/uploads/", data=lambda: io.BytesIO(b"")))
        at, tries = 0, 0
        while at < size:
            try:
                where = self._location(self._patch(where, content, at, size))
                at = size
            except _InterruptedError as exc:
                tries += 1
                if tries >= TRIES:
                    raise NetworkError(
                        f"the registry broke off {tries} times: {exc}",
                        where=self.name.host,
                        remedy="push again; what has arrived whole is not sent twice",
                    ) from exc
                self._sleep(_PAUSE * 2**tries)
                where, at = self._reached(where)
        joined = f"{where}{'&' if '?' in where else '?'}{urlencode({'digest': digest})}"
        answer = self._ask("PUT", joined, data=lambda: io.BytesIO(b""))
        if answer is not None:
            answer.close()
        return size

    def _patch(
        self, where: str, content: Callable[[], IO[bytes]], at: int, size: int
    ) -> http.client.HTTPResponse | None:
        with content() as file:
            file.seek(at)
            headers = {"Content-Type": "application/octet-stream"}
            if at:
                headers["Content-Range"] = f"{at}-{size - 1}"
            return self._once("PATCH", where, headers, file, size - at)

    def _reached(self, where: str) -> tuple[str, int]:
        """Ask how much of an upload has arrived; begin it anew where that is forgotten."""
        answer = self._ask("GET", where)
        if answer is None:
            return self._location(
                self._ask("POST", "blobs/uploads/", data=lambda: io.BytesIO(b""))
            ), 0
        with answer:
            last = str(answer.headers.get("Range") or "0-0").rpartition("-")[2]
            at = int(last) + 1 if last.isdecimal() and last != "0" else 0
            return self._location(answer) or where, at

    def _location(self, answer: http.client.HTTPResponse | None) -> str:
        if answer is None or not answer.headers.get("Location"):
            raise DeployError(
                "the registry takes no uploads", where=str(self.name), remedy="correct the name"
            )
        answer.close()
        return urljoin(self._base, str(answer.headers["Location"]))

    # -- asking

    def _ask(
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
                return self._once(method, where, dict(headers or {}), body, length, also=also)
            except _InterruptedError as exc:
                tries += 1
                if tries >= TRIES:
                    raise NetworkError(
                        f"the registry does not answer: {exc}",
                        where=self.name.host,
                        remedy="look at the network, or try again later",
                    ) from exc
                self._sleep(max(exc.after, _PAUSE * 2**tries))

    def _once(
        self,
        method: str,
        where: str,
        headers: dict[str, str],
        body: IO[bytes] | None = None,
        length: int = 0,
        *,
        also: str = "",
    ) -> http.client.HTTPResponse | None:
        url = urljoin(self._base, where)
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
                raise _InterruptedError(str(reason) or type(exc).__name__) from exc
            return answer
        raise AssertionError

    def _refused(self, exc: urllib.error.HTTPError, method: str) -> Exception:
        # 499: to the server it seemed that the client broke off; 416: it has another length of it.
        if exc.code in (408, 416, 429, 499) or exc.code >= 500:
            after = str(exc.headers.get("Retry-After") or "")
            return _InterruptedError(
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
        if parts.scheme != "https" and not (parts.scheme == "http" and _LOCAL.match(parts.netloc)):
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
                value = json.loads(_all(answer))
        except urllib.error.HTTPError as exc:
            with exc:
                raise self._refused(exc, "token") from exc
        except (OSError, http.client.HTTPException) as exc:
            raise _InterruptedError(str(getattr(exc, "reason", exc))) from exc
        except ValueError as exc:
            raise DeployError("the registry gave no token", where=realm) from exc
        return str(value.get("token") or value.get("access_token") or "")


class _InterruptedError(Exception):
    """What may succeed when it is done again; ``after`` so many seconds."""

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after


def _all(file: Chunks) -> bytes:
    data = b""
    while len(data) < 16 * CHUNK and (more := file.read(CHUNK)):
        data += more
    return data
