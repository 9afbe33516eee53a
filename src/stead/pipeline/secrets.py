"""Encrypted files of secrets that are kept with a project: read, changed, re-encrypted.

A file is changed under a lock and replaced as a whole, so that two changes at once
do not lose each other. Values are in memory only; for an editor, in a private
directory that is wiped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.config.secrets import Identities
from stead.config.secrets._age_header import is_age
from stead.config.secrets.age import encrypt, open_file, recipient
from stead.config.secrets.failure import UnopenedError
from stead.config.secrets.keys import identity_file
from stead.formats import strings_toml
from stead.store import locking
from stead.store.atomic import stage, storage, write_file
from stead.store.edits import edit_files
from stead.store.layout import Layout
from stead.values.errors import ManifestError, SecretError, SteadError
from stead.values.frozen import compared, dataclass
from stead.values.origin import NOWHERE, Origin
from stead.values.secret import SecretReference, parse_reference
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from stead.values.context import Context
    from stead.values.manifest import Manifest

DEFAULT_FILE = "secrets.age"

NOT_YOURS = "none of your own keys can read this now; whoever is among the recipients can"


@dataclass(frozen=True, slots=True)
class Kept:
    """One encrypted file, who may read it, and the manifest line that says so."""

    path: str
    recipients: tuple[str, ...] = ()
    manifest: str = ""
    """The manifest that names the recipients; empty where none does."""
    origin: Origin = NOWHERE


def kept_in(manifests: Sequence[Manifest], cwd: str, file: str = "", place: str = "") -> Kept:
    """Say which file is meant: ``file`` (relative to ``cwd``), else the manifests' own.

    ``manifests`` are ordered from the root down; the nearest that has ``[secrets]``
    counts. Without any, the file is the default one of ``place``, for nobody yet.
    """
    for manifest in reversed(manifests):
        table = manifest.secrets
        if table is not None:
            base = table.base or os.path.dirname(manifest.file)
            own = os.path.join(base, table.file or DEFAULT_FILE)
            path = os.path.join(cwd, file) if file else own
            return Kept(os.path.normpath(path), table.recipients, manifest.file, table.origin)
    path = os.path.join(cwd, file) if file else os.path.join(place or cwd, DEFAULT_FILE)
    return Kept(os.path.normpath(path))


def identities_of(context: Context, cwd: str) -> Identities:
    """Give the caller's keys; relative paths in her variables are relative to ``cwd``."""
    return Identities(context.environ, cwd=cwd, ask=context.ask)


def read(kept: Kept, identities: Identities) -> str:
    """Decrypt a file; empty where there is none yet. Raises SecretError."""
    if not os.path.lexists(kept.path):
        return ""
    try:
        return open_file(kept.path, identities)
    except UnopenedError as error:
        details = [f"tried {line}" for line in error.tried]
        failed = SecretError(error.reason, details=details, remedy=error.remedy)
    raise failed


def values(kept: Kept, identities: Identities) -> dict[str, str]:
    """Decrypt a file of names and values. Raises SecretError."""
    text = read(kept, identities)
    try:
        return strings_toml.read(text)
    except strings_toml.StringsError as error:
        why = str(error)
    raise SecretError(f"it holds no names with strings: {why}", where=kept.path)


def change(
    kept: Kept,
    edit: Callable[[str], str],
    context: Context,
    identities: Identities,
    *,
    why: str,
) -> bool:
    """Decrypt, change and encrypt again; False where ``edit`` gives the text it got.

    ``edit`` is called while the file is locked. Then the file is not touched at all.
    Raises SecretError, ManifestError (no or wrong recipients), StoreError, and
    whatever ``edit`` raises; then nothing has changed.
    """
    with _alone(kept.path, context, why):
        before = _bytes(kept.path)
        text = read(kept, identities)
        changed = edit(text)
        if changed == text:
            return False
        new = encrypt(changed, kept.recipients, _where(kept))
        _write({kept.path: new}, {kept.path: before}, context, why)
        if not identities.fits(new):
            context.progress.note(NOT_YOURS)
    return True


def put(kept: Kept, name: str, value: str, context: Context, identities: Identities) -> bool:
    """Set one secret; False where it was so already. Raises like :func:`change`."""

    def edit(text: str) -> str:
        try:
            return strings_toml.put(text, name, value)
        except strings_toml.StringsError as error:
            why = str(error)
        raise SecretError(
            f"a value cannot be set in this file: {why}",
            where=kept.path,
            remedy="correct it with `stead secret edit`",
        )

    return change(kept, edit, context, identities, why=f"setting the secret {name}")


@dataclass(frozen=True, slots=True)
class Rotation:
    """What was re-encrypted, and for whom."""

    files: tuple[str, ...]
    recipients: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def rotate(
    kept: Kept,
    files: Sequence[str],
    context: Context,
    identities: Identities,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> Rotation:
    """Encrypt files anew for the manifest's recipients, after adding or taking away some.

    The manifest and all files change together, or none does. Raises SecretError,
    ManifestError, StoreError.
    """
    from stead.formats import recipients as listed

    for text in add:
        recipient(text)
    each_once = {os.path.realpath(path): path for path in files}
    for path in each_once.values():
        if not os.path.isfile(path):
            raise SecretError(
                "there is no such file to encrypt anew",
                where=path,
                remedy="correct its path, or leave it out: then the manifests' files are taken",
            )
    contents: dict[str, bytes | None] = {}
    before: dict[str, bytes | None] = {}
    wanted = kept.recipients
    if add or remove:
        if not kept.manifest:
            raise ManifestError(
                "no manifest here has a table `[secrets]`",
                remedy='add one to stead.toml: `[secrets]`, `recipients = ["age1…"]`',
            )
        held = _bytes(kept.manifest) or b""
        before[kept.manifest] = held
        changed, wanted = listed.change(kept.manifest, held.decode(), add, remove)
        contents[kept.manifest] = changed.encode()
    why = "re-encrypting secrets"
    with _all_alone([path for _, path in sorted(each_once.items())], context, why):
        for path in each_once.values():
            each = Kept(path, wanted, kept.manifest, kept.origin)
            before[path] = _bytes(path)
            contents[path] = encrypt(read(each, identities), wanted, _where(kept))
        _write(contents, before, context, why)
        if not all(identities.fits(new) for new in contents.values() if new and is_age(new)):
            context.progress.note(NOT_YOURS)
    added = tuple(r for r in wanted if r not in kept.recipients)
    removed = tuple(r for r in kept.recipients if r not in wanted)
    return Rotation(tuple(each_once.values()), wanted, added, removed)


def encrypted_files(manifests: Sequence[Manifest], kept: Kept, root: str) -> tuple[str, ...]:
    """List the age files that the manifests name and that are there, within ``root``."""
    found = {kept.path}
    for manifest in manifests:
        found.update(_named(manifest, os.path.dirname(manifest.file)))
    inside = root.rstrip(os.sep) + os.sep
    return tuple(sorted(p for p in found if os.path.isfile(p) and p.startswith(inside)))


def keep_draft(kept: Kept, before: str, text: str, context: Context) -> None:
    """Keep what somebody made of ``before`` and could not be taken, encrypted, for the next time."""
    content = f"{_digest(before)}\n{text}"
    write_file(_draft(kept, context), encrypt(content, kept.recipients, _where(kept)), 0o600)


def draft(kept: Kept, now: str, context: Context, identities: Identities) -> str | None:
    """Give what was kept so, to go on with; None where there is nothing that can be opened.

    Where the file has changed since, it is what the file holds ``now``, followed by
    what was kept as comments: neither may be lost by saving the other.
    """
    try:
        content = open_file(_draft(kept, context), identities)
    except UnopenedError:
        return None
    base, _, text = content.partition("\n")
    if base == _digest(now):
        return text
    lines = "".join(f"# {line}\n" for line in text.splitlines())
    return f"{now}\n# What you wrote last time; the file has changed since:\n{lines}"


def drop_draft(kept: Kept, context: Context) -> None:
    """Forget what was kept so."""
    path = _draft(kept, context)
    with storage(path):
        if os.path.lexists(path):
            os.unlink(path)


def is_strings(text: str) -> str:
    """Say what keeps a text from being names with strings; empty if nothing does."""
    try:
        strings_toml.read(text)
    except strings_toml.StringsError as error:
        return str(error)
    return ""


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _draft(kept: Kept, context: Context) -> str:
    return os.path.join(context.home, "drafts", f"{_name(kept.path)}.age")


def _named(value: object, base: str) -> Iterator[str]:
    """Give the age files that anything in a manifest refers to, wherever it stands there."""
    if isinstance(value, SecretReference):
        if value.scheme == "age":
            yield value.file
    elif isinstance(value, str):
        if value.startswith("age:"):
            try:
                reference = parse_reference(value, base)
            except ManifestError:
                return
            if reference is not None:
                yield reference.file
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named(item, base)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _named(item, base)
    else:
        for name in compared(value) or ():
            yield from _named(getattr(value, name), base)


def _write(
    contents: Mapping[str, bytes | None],
    before: Mapping[str, bytes | None],
    context: Context,
    why: str,
) -> None:
    edits = {path: (before[path], new) for path, new in contents.items()}
    edit_files(Layout(context.home), edits, why, note=context.progress.note)


def _bytes(path: str) -> bytes | None:
    try:
        with storage(path), open(path, "rb") as file:
            return file.read()
    except SteadError:
        if os.path.lexists(path):
            raise
        return None


def _where(kept: Kept) -> Origin | None:
    return kept.origin if kept.origin.file else None


def _alone(path: str, context: Context, why: str) -> AbstractContextManager[object]:
    lock = Layout(context.home).locks / f"secrets-{_name(path)}"
    return locking.exclusive(lock, note=context.progress.note, description=why, remove=True)


def _name(path: str) -> str:
    return sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:20]


def _all_alone(paths: Sequence[str], context: Context, why: str) -> AbstractContextManager[object]:
    import contextlib

    stack = contextlib.ExitStack()
    try:
        for path in paths:
            stack.enter_context(_alone(path, context, why))
    except BaseException:
        stack.close()
        raise
    return stack


def make_identity(context: Context) -> tuple[str, tuple[str, ...], bool]:
    """Make a key of the user's own, unless there is one.

    Gives its file, the public halves of the keys in it, and whether it is new. The file is
    for the user alone. Raises StoreError, and SecretError for a file that holds no key.
    """
    import time

    import pyrage

    path = identity_file(context.environ)
    if not path:
        raise SecretError(
            "there is no place for a key: neither HOME nor XDG_CONFIG_HOME is set",
            remedy="set HOME",
        )
    directory = os.path.dirname(path)
    with storage(path):
        os.makedirs(directory, mode=0o700, exist_ok=True)
    if not os.path.lexists(path):
        identity = pyrage.x25519.Identity.generate()
        public = str(identity.to_public())
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(context.now()))
        text = f"# created: {made}\n# public key: {public}\n{identity}\n"
        staged = None
        with storage(path):
            staged = stage(path, text.encode(), 0o600)
            try:
                os.link(staged, path)  # unlike a rename, never over one that appeared meanwhile
                return path, (public,), True
            except FileExistsError:
                pass
            finally:
                os.unlink(staged)
    found = Identities({"SOPS_AGE_KEY_FILE": path}).public
    if not found:
        raise SecretError(
            "this file holds no key that can be read without a passphrase",
            where=path,
            remedy="look at it; nothing was changed",
        )
    return path, found, False
