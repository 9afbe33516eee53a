"""Who asks a registry: variables of the caller, else the keyring.

``STEAD_REGISTRY_<NAME>_TOKEN``, or ``_USER`` and ``_PASSWORD``; in the keyring a password for the
registry's address, of the user ``token`` or of ``_USER``. They are sent to the registry's own origin
alone, and neither shown nor kept.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from stead.remote.origins import is_clear, origin
from stead.values.errors import UsageError
from stead.values.frozen import dataclass, field
from stead.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYRING_TIMEOUT = 10.0
_TOKEN = "token"  # noqa: S105 (what a token is filed under)


@dataclass(frozen=True, slots=True)
class Login:
    """A token, or a user's password."""

    secret: Secret = field(compare=False)
    user: str = ""

    def bearer(self) -> str:
        """Give what a registry gets as ``Authorization``."""
        return self.basic() if self.user else f"Bearer {self.secret.reveal()}"

    def basic(self) -> str:
        """Give what a server of git repositories gets."""
        pair = f"{self.user or _TOKEN}:{self.secret.reveal()}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


def variable(name: str, what: str) -> str:
    """Name the variable that holds a registry's token, user or password."""
    return f"STEAD_REGISTRY_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{what}"


def login_for(
    name: str, address: str, environ: Mapping[str, str], *, refused: bool = False
) -> Login | None:
    """Find who asks a registry; None for nobody in particular.

    The keyring may ask the person, and so is only asked once the registry has ``refused``.
    Raises UsageError where a password would go over the network in clear.
    """
    found = _from_keyring(name, address, environ) if refused else _login(name, environ)
    if found and is_clear(address):
        raise UsageError(
            f"the token or password of registry {name} would go over the network in clear",
            where=address,
            remedy="use an address that begins with https://",
        )
    return found


def _login(name: str, environ: Mapping[str, str]) -> Login | None:
    if token := environ.get(variable(name, "TOKEN")):
        return Login(Secret(token), environ.get(variable(name, "USER"), ""))
    user = environ.get(variable(name, "USER"), "")
    if password := environ.get(variable(name, "PASSWORD")):
        if not user:
            raise UsageError(
                f"{variable(name, 'PASSWORD')} is set, and {variable(name, 'USER')} is not",
                remedy="set both, or a token alone",
            )
        return Login(Secret(password), user)
    return None


def _from_keyring(name: str, address: str, environ: Mapping[str, str]) -> Login | None:
    """Ask the person's keyring; None where there is none, or it has nothing."""
    from importlib.util import find_spec

    if find_spec("keyring") is None:
        return None
    from stead.config.secrets.failure import UnopenedError
    from stead.config.secrets.outside import from_keyring
    from stead.values.secret import SecretReference

    user = environ.get(variable(name, "USER"), "")
    reference = SecretReference("keyring", f"{origin(address)}#{user or _TOKEN}", "")
    try:
        return Login(Secret(from_keyring(reference, _KEYRING_TIMEOUT)), user)
    except UnopenedError:
        return None


def for_git(login: Login, address: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables by which git sends a login to one origin, which it must not leave.

    What the caller's variables configure already stays.
    """
    count = environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdigit() else 0
    settings = (
        (f"http.{origin(address)}/.extraHeader", f"Authorization: {login.basic()}"),
        ("http.followRedirects", "false"),
    )
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for at, (key, value) in enumerate(settings, first):
        variables[f"GIT_CONFIG_KEY_{at}"] = key
        variables[f"GIT_CONFIG_VALUE_{at}"] = value
    return variables
