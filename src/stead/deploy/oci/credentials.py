"""Who one is to a registry of images: as Docker, podman and skopeo keep it, or from variables.

Looked for in this order; a helper is asked by its own protocol, over standard input:

- ``STEAD_IMAGE_USER`` and ``STEAD_IMAGE_PASSWORD``
- ``$REGISTRY_AUTH_FILE``, ``$XDG_RUNTIME_DIR/containers/auth.json``,
  ``~/.config/containers/auth.json``, ``$DOCKER_CONFIG/config.json``, ``~/.docker/config.json``

None of it is ever shown.
"""

from __future__ import annotations

import base64
import binascii
import json
import os

from stead.values.errors import DeployError
from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from stead.values.context import Context


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name with a password, or a token that stands for both."""

    user: str = ""
    password: str = ""
    identity: str = ""
    """A token that others are had for."""

    def __repr__(self) -> str:
        return "Credentials(…)"

    @property
    def basic(self) -> str:
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def find(host: str, repository: str, context: Context) -> Credentials | None:
    """Give what is kept for ``host/repository``; None for nobody in particular.

    Raises DeployError where a file or a helper cannot be understood.
    """
    user = context.environ.get("STEAD_IMAGE_USER")
    if user:
        return Credentials(user, context.environ.get("STEAD_IMAGE_PASSWORD", ""))
    for path in _files(context.environ.get):
        try:
            with open(path, "rb") as file:
                value = json.loads(file.read())
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as exc:
            raise DeployError(
                "the credentials for registries cannot be read", where=path, remedy="log in again"
            ) from exc
        found = _in_file(value, host, repository, path, context)
        if found is not None:
            return found
    return None


def _files(get: Any) -> Iterator[str]:
    home = get("HOME") or ""
    for variable, name in (
        ("REGISTRY_AUTH_FILE", ""),
        ("XDG_RUNTIME_DIR", "containers/auth.json"),
        ("DOCKER_CONFIG", "config.json"),
    ):
        if get(variable):
            yield os.path.join(get(variable), name) if name else get(variable)
    if home:
        yield os.path.join(home, ".config", "containers", "auth.json")
        yield os.path.join(home, ".docker", "config.json")


def _in_file(
    value: object, host: str, repository: str, path: str, context: Context
) -> Credentials | None:
    if not isinstance(value, dict):
        return None
    helper = (value.get("credHelpers") or {}).get(host)
    auths = value.get("auths") or {}
    pieces = [host, *repository.split("/")]
    for length in range(len(pieces), 0, -1):
        # The longest name says most; Docker writes addresses for some.
        for name in (
            "/".join(pieces[:length]),
            *(
                (f"https://{host}", f"https://{host}/", f"https://{host}/v2/")
                if length == 1
                else ()
            ),
        ):
            entry = auths.get(name)
            if isinstance(entry, dict) and entry:
                return _entry(entry, path)
    helper = helper or value.get("credsStore")
    return _helped(str(helper), host, context) if helper else None


def _entry(entry: dict[str, Any], path: str) -> Credentials:
    identity = str(entry.get("identitytoken") or "")
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise DeployError(
                "the credentials for registries cannot be read", where=path, remedy="log in again"
            ) from exc
        user, _, password = text.partition(":")
    return Credentials(user, password.rstrip("\0"), identity)


def _helped(helper: str, host: str, context: Context) -> Credentials | None:
    done = context.run([f"docker-credential-{helper}", "get"], stdin=host)
    try:
        said = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError as exc:
        raise DeployError(
            f"docker-credential-{helper} gave an answer that cannot be read", where=host
        ) from exc
    if not isinstance(said, dict) or not said.get("Secret"):
        return None
    user, secret = str(said.get("Username") or ""), str(said["Secret"])
    return Credentials(identity=secret) if user == "<token>" else Credentials(user, secret)
