"""The caller's private keys: where they are looked for, and how they open an age file.

Looked for, in this order: the variables ``SOPS_AGE_KEY`` (keys) and
``SOPS_AGE_KEY_FILE`` (a path), Stead's own ``identity.txt``, sops' ``keys.txt``,
and the SSH keys ``~/.ssh/id_ed25519`` and ``~/.ssh/id_rsa``. A key that is
protected by a passphrase is unlocked only where nothing else opens the file, it
may fit, and there is a terminal to ask on.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from stead.config.secrets._age_header import is_age, stanzas
from stead.config.secrets.failure import UnopenedError, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.config.secrets._age_header import Stanza

    Ask = Callable[[str], str | None]
    """Asks for a passphrase on the terminal; None where there is none or nothing was given."""

ATTEMPTS = 3
"""How often a passphrase is asked for."""


class _Key:
    """One private key: how it is called, and the identity, or how to unlock it."""

    def __init__(
        self,
        name: str,
        identity: Any = None,
        *,
        tag: str = "",
        unlock: Callable[[str], list[_Key]] | None = None,
    ) -> None:
        self.name = name
        self.identity = identity
        self.tag = tag
        """What an SSH key's stanzas are marked with; empty where that is not known."""
        self.unlock = unlock
        """Gives the keys, for a passphrase. Raises ValueError if that is wrong."""

    def may_open(self, header: tuple[Stanza, ...]) -> bool:
        return not self.tag or any(self.tag in stanza.arguments for stanza in header)


def config_directory(environ: Mapping[str, str]) -> str:
    """Give the directory for settings of the caller; empty if nothing says where."""
    given = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(given):
        return given
    if sys.platform == "win32":
        return environ.get("APPDATA", "")
    home = environ.get("HOME", "")
    return os.path.join(home, ".config") if home else ""


def identity_file(environ: Mapping[str, str]) -> str:
    """Give the path of Stead's own key file; empty if nothing says where."""
    where = config_directory(environ)
    return os.path.join(where, "stead", "identity.txt") if where else ""


class Identities:
    """The private keys that one caller has, read when a file first needs them.

    ``ask`` asks for a passphrase; without it, protected keys stay closed. Every key is
    read, and every passphrase asked for, at most once.
    """

    def __init__(
        self, environ: Mapping[str, str], *, cwd: str = "", ask: Ask | None = None
    ) -> None:
        self._environ = environ
        self._cwd = cwd
        self._ask = ask
        self._keys: list[_Key] | None = None
        self._absent: list[str] = []
        self._refused: dict[str, str] = {}

    def decrypt(self, data: bytes) -> bytes:
        """Open an age file. Raises UnopenedError, which lists the keys that were tried."""
        header = stanzas(data)
        if any(stanza.kind == "scrypt" for stanza in header):
            return self._with_passphrase(data)
        if self._keys is None:
            self._keys = list(self._read())
        content = _decrypt(data, [key.identity for key in self._keys if key.identity is not None])
        if content is not None:
            return content
        for key in [k for k in self._keys if k.unlock is not None and k.may_open(header)]:
            opened = self._unlock(key)
            content = _decrypt(data, [k.identity for k in opened])
            if content is not None:
                return content
        raise UnopenedError(
            f"it is encrypted for {_kinds(header)}, and no key here fits",
            tried=self._tried(header),
            remedy=self._remedy(),
        )

    def fits(self, data: bytes) -> bool:
        """Say whether a key here opens a file, or may do so once unlocked. Asks nothing."""
        header = stanzas(data)
        if self._keys is None:
            self._keys = list(self._read())
        if _decrypt(data, [k.identity for k in self._keys if k.identity is not None]) is not None:
            return True
        return any(k.unlock is not None and k.may_open(header) for k in self._keys)

    @property
    def public(self) -> tuple[str, ...]:
        """The public halves of the native keys that are open, as recipients."""
        if self._keys is None:
            self._keys = list(self._read())
        known = (k.identity for k in self._keys if hasattr(k.identity, "to_public"))
        return tuple(dict.fromkeys(str(identity.to_public()) for identity in known))

    def _unlock(self, key: _Key) -> list[_Key]:
        """Ask for a key's passphrase; none where that did not work, and say so in the list."""
        assert self._keys is not None
        if key.name in self._refused:
            return []
        if self._ask is None:
            self._refused[key.name] = "has a passphrase, which is only asked for on a terminal"
            return []
        for _ in range(ATTEMPTS):
            given = self._ask(f"passphrase of {key.name}: ")
            if not given:
                break
            try:
                opened = key.unlock(given) if key.unlock is not None else []
            except ValueError:
                continue
            at = self._keys.index(key)
            self._keys[at : at + 1] = opened
            return opened
        self._refused[key.name] = "its passphrase was not given, or not the right one"
        return []

    def _with_passphrase(self, data: bytes) -> bytes:
        import pyrage

        if self._ask is None:
            raise UnopenedError("it is encrypted with a passphrase, only asked for on a terminal")
        for _ in range(ATTEMPTS):
            given = self._ask("passphrase of the encrypted file: ")
            if not given:
                break
            try:
                return bytes(pyrage.passphrase.decrypt(data, given))
            except pyrage.DecryptError:
                continue
        raise UnopenedError("its passphrase was not given, or not the right one")

    def _tried(self, header: tuple[Stanza, ...]) -> tuple[str, ...]:
        lines = []
        for key in self._keys or ():
            if key.name in self._refused:
                lines.append(f"{key.name}: {self._refused[key.name]}")
            elif key.unlock is not None and not key.may_open(header):
                lines.append(f"{key.name}: is not one of those it is encrypted for")
            else:
                lines.append(f"{key.name}: does not fit")
        return (*lines, *self._absent)

    def _remedy(self) -> str:
        own = identity_file(self._environ)
        into = f" in {own}" if own else ""
        return (
            f"put a key that may read it{into}, or have somebody who can read it add yours "
            "(`stead secret keygen`, then `stead secret rotate --add-recipient …`)"
        )

    def _read(self) -> Iterator[_Key]:
        """Give every key found, and note where there was none."""
        given = self._environ.get("SOPS_AGE_KEY", "")
        if given:
            yield from self._from_text("SOPS_AGE_KEY", given.encode("utf-8", "surrogateescape"))
        named = self._environ.get("SOPS_AGE_KEY_FILE", "")
        if named:
            yield from self._from_file(os.path.join(self._cwd, named), "SOPS_AGE_KEY_FILE=")
        where = config_directory(self._environ)
        if where:
            yield from self._from_file(identity_file(self._environ))
            yield from self._from_file(os.path.join(where, "sops", "age", "keys.txt"))
        home = self._environ.get("HOME") or self._environ.get("USERPROFILE", "")
        if sys.platform == "darwin" and home and not self._environ.get("XDG_CONFIG_HOME"):
            library = os.path.join(home, "Library", "Application Support")
            yield from self._from_file(os.path.join(library, "sops", "age", "keys.txt"))
        if home:
            for name in ("id_ed25519", "id_rsa"):
                yield from self._from_file(os.path.join(home, ".ssh", name))

    def _from_file(self, path: str, prefix: str = "") -> Iterator[_Key]:
        name = prefix + path
        if not os.path.lexists(path):
            self._absent.append(f"{name}: no such file")
            return
        try:
            data = read_file(path)
        except UnopenedError as error:
            self._absent.append(f"{name}: {error.reason.removeprefix(path).strip()}")
            return
        yield from self._from_text(name, data, path)

    def _from_text(self, name: str, data: bytes, path: str = "") -> Iterator[_Key]:
        """Give the keys in a file's content: SSH, native, or native under a passphrase."""
        if b"PRIVATE KEY-----" in data[:4096] and not is_age(data):
            from stead.config.secrets._ssh import read_ssh

            try:
                found = read_ssh(data, path)
            except UnopenedError as error:
                self._absent.append(f"{name}: {error.reason}")
                return
            if found.identity is not None:
                yield _Key(name, found.identity, tag=found.tag)
            else:
                opener = found.unlock
                yield _Key(
                    name,
                    tag=found.tag,
                    unlock=lambda passphrase: [_Key(name, opener(passphrase), tag=found.tag)],
                )
        elif is_age(data):
            yield _Key(name, unlock=lambda passphrase: self._protected(name, data, passphrase))
        else:
            yield from self._native(name, data)

    def _protected(self, name: str, data: bytes, passphrase: str) -> list[_Key]:
        import pyrage

        from stead.config.secrets._age_header import unarmored

        try:
            content = bytes(pyrage.passphrase.decrypt(unarmored(data), passphrase))
        except pyrage.DecryptError:
            content = None
        if content is None:
            raise ValueError("the passphrase is wrong")
        return list(self._native(name, content))

    def _native(self, name: str, data: bytes) -> Iterator[_Key]:
        """Read ``AGE-SECRET-KEY-…`` lines; comments and blank lines are left out."""
        import pyrage

        any_line = False
        for number, raw in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            any_line = True
            try:
                identity = pyrage.x25519.Identity.from_str(line)
            except pyrage.IdentityError:
                identity = None
            if identity is not None:
                yield _Key(f"{name} ({identity.to_public()})", identity)
            elif line.startswith("AGE-PLUGIN-"):
                self._absent.append(f"{name}, line {number}: keys of plugins cannot be used here")
            else:
                self._absent.append(f"{name}, line {number}: is not a private key of age")
        if not any_line:
            self._absent.append(f"{name}: holds no key")


def _decrypt(data: bytes, identities: list[Any]) -> bytes | None:
    """Open a file with whichever key fits; None if none does.

    Raises UnopenedError where one fits and the content is not what was encrypted.
    """
    import pyrage

    if not identities:
        return None
    try:
        return bytes(pyrage.decrypt(data, identities))
    except pyrage.DecryptError as error:
        unknown = "no matching keys" in str(error).lower()
    if unknown:
        return None
    raise UnopenedError(
        "a key fits, but the content was changed or cut off after it was encrypted",
        remedy="take the file from the history (`git checkout -- FILE`), or make it anew",
    )


def _kinds(header: tuple[Stanza, ...]) -> str:
    """Say for which keys a file is encrypted: ``2 X25519 keys and 1 ssh-ed25519 key``."""
    counted: dict[str, int] = {}
    for stanza in header:
        counted[stanza.kind] = counted.get(stanza.kind, 0) + 1
    parts = [f"{n} {kind} key{'s' if n > 1 else ''}" for kind, n in counted.items()]
    return " and ".join(parts) or "nobody"
