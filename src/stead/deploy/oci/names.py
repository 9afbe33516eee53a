"""Names of images in registries: ``HOST[:PORT]/NAME[:TAG][@DIGEST]``; the host is never guessed."""

from __future__ import annotations

import re

from stead.values.errors import DeployError
from stead.values.frozen import dataclass

_NAME = re.compile(
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*\Z"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
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


def is_local(host: str) -> bool:
    """Say whether a registry is on this machine: it is spoken to without TLS, every other with."""
    return bool(_LOCAL.match(host))
