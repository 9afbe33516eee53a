"""Who publishes: what the command line says, the address, variables, the keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.matrix.publishing import Login
from stead.values.errors import UsageError
from stead.values.secret import Secret, parse_reference

if TYPE_CHECKING:
    from stead.matrix.publishing import Place
    from stead.values.context import Context

TOKEN_USER = "__token__"  # noqa: S105 - it is none
"""The user name that goes with a token."""

VARIABLES = (
    ("STEAD_PUBLISH_USERNAME", "STEAD_PUBLISH_PASSWORD"),
    ("UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD"),
    ("TWINE_USERNAME", "TWINE_PASSWORD"),
)
TOKENS = ("STEAD_PUBLISH_TOKEN", "UV_PUBLISH_TOKEN")


def login_of(
    where: Place, user: str, reference: str, cwd: str, context: Context, *, token: bool
) -> Login:
    """Find who uploads: what the command line says, the address, variables, the keyring.

    ``reference`` is a secret's (``env:NAME``, ``keyring:SERVICE#USER``, ``age:FILE#KEY``,
    ``command:…``) and a ``token`` or a password; empty for none. Raises UsageError for a text
    that is no reference, SecretError for one that cannot be had.
    """
    if reference:
        password = _revealed(reference, cwd, context)
        return Login(user or (TOKEN_USER if token else ""), password)
    if where.directory:
        return Login()
    if where.login:
        return where.login
    environ = context.environ
    for name in TOKENS:
        if environ.get(name) and not user:
            return Login(TOKEN_USER, Secret(environ[name]))
    for name, secret in VARIABLES:
        if environ.get(secret):
            return Login(user or environ.get(name) or TOKEN_USER, Secret(environ[secret]))
    return _from_keyring(where, user) or Login(user)


def _revealed(reference: str, cwd: str, context: Context) -> Secret:
    from stead.config.secrets import resolve

    asked = parse_reference(reference, cwd)
    if asked is None:
        raise UsageError(
            "this is no reference to a secret, and a secret itself has no place in a command line",
            remedy="pass env:NAME, keyring:SERVICE#USER, age:FILE#KEY or command:PROGRAM",
        )
    return resolve([asked], context=context)[asked]


def _from_keyring(where: Place, user: str) -> Login | None:
    """Ask the person's keyring for what it keeps for this address; None where it has nothing."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        found = keyring.get_credential(where.address, user or None)
    except keyring.errors.KeyringError:
        return None
    if found is None or not found.password:
        return None
    return Login(user or found.username or TOKEN_USER, Secret(found.password))
