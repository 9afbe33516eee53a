"""Setting single variables: in the place's manifest, or in its untracked ``.env``.

What would be there afterwards is read and composed first; where that fails, nothing
is written. A ``.env`` never passes through the journal, which keeps what it replaces.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from stead.formats import dotenv, edit
from stead.formats._reserved import RESERVED, is_reserved
from stead.pipeline import steps, writing
from stead.pipeline.files import is_file, is_ours, load_exact
from stead.pipeline.unread import DOTENV, parents, private_unread
from stead.store.atomic import storage, write_file
from stead.values.errors import ManifestError, SteadError, UsageError
from stead.values.frozen import dataclass, replace
from stead.values.names import DEFAULT
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stead.pipeline.discover import Found
    from stead.pipeline.request import Request
    from stead.values.context import Context
    from stead.values.table import Table

PRIVATE = 0o600
_LINE = regex(r":[0-9]+")
"""What an edit changes in messages about other lines."""
_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Edited:
    """Which file was changed, empty where it said that already; and what to tell the user."""

    file: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """Directories, absolute, to put before and behind the list that a variable is."""

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


def change(
    request: Request,
    context: Context,
    values: Mapping[str, str | Added | bool | None],
    *,
    layer: str = "",
) -> Edited:
    """Set variables of the place's manifest, or take them out (None).

    False takes one away that is inherited from a manifest above.

    Raises ManifestError for a name or a value that cannot be, and whatever composing the
    result raises; then nothing has changed.
    """
    _check_names(values)
    found = _found(request)
    file = own_manifest(found)
    with writing.alone(file, os.path.basename(file), context):
        request = writing.renewed(request)
        held = writing.held_by(request, file)
        text = ""
        if held is not None:
            staged = request.overlay.get(file)
            text = load_exact(file) if staged is None else staged
        for name, value in values.items():
            text = _changed(file, text, name, value, request, layer=layer)
        for environment in dict.fromkeys((request.environment, layer or request.environment)):
            check(replace(request, environment=environment), {file: text}, context)
        written = writing.write_files(
            {file: text.encode()},
            writing.layout_of(context),
            f"set variables in {file}",
            expect={file: held},
            noting=request.noting,
            staging=request.staging,
        )
    return Edited(file if written else "", tuple(_of_this_machine(values, file)))


def _changed(
    file: str,
    text: str,
    name: str,
    value: str | Added | bool | None,
    request: Request,
    *,
    layer: str,
) -> str:
    if value is None:
        return edit.unset(file, text, name, layer=layer)
    if not isinstance(value, Added):
        return edit.set_variable(file, text, name, value, layer=layer)
    from stead.config.references import escape

    ends = [(path, False) for path in reversed(value.first)] + [(p, True) for p in value.last]
    for path, last in ends:
        text = edit.put_path(
            file,
            text,
            name,
            escape(_relative(path, file) or path),
            absolute=escape(path),
            separator=request.platform.path_separator,
            last=last,
            layer=layer,
        )
    return text


def _relative(path: str, file: str) -> str:
    """Give a path as a manifest writes it, relative to itself; empty for one that is not below it."""
    above = os.path.join(os.path.dirname(file), "")
    return path.removeprefix(above).replace(os.sep, "/") if path.startswith(above) else ""


def _of_this_machine(values: Mapping[str, str | Added | bool | None], file: str) -> Iterator[str]:
    """Tell of directories that a manifest now names, and that others may not have there."""
    for value in values.values():
        for path in (*value.first, *value.last) if isinstance(value, Added) else ():
            if os.path.isabs(path) and not _relative(path, file):
                said = f"{path} is a path of this machine alone"
                with contextlib.suppress(ValueError):  # another drive
                    near = os.path.relpath(path, os.path.dirname(file)).replace(os.sep, "/")
                    said += f"; relative to {os.path.basename(file)} it is {near}"
                yield said


def change_private(request: Request, context: Context, values: Mapping[str, str | None]) -> Edited:
    """Set variables of the place's ``.env``, or take them out (None).

    The file is made with mode 0600; one that is there keeps its own. Raises
    ManifestError where git tracks it, and where it would not be read alike by all
    programs afterwards; then nothing has changed.
    """
    _check_names(values)
    place = place_of(request)
    file = os.path.join(place, DOTENV)
    target = os.path.realpath(file)
    with writing.alone(target, DOTENV, context):
        request = writing.renewed(request)
        old = _dotenv_text(file) if request.staging is None else _staged_text(request, file)
        text = old or ""
        for name, value in values.items():
            if value is None and name not in _names(text, file):
                raise ManifestError(
                    f"{name} is not set in {DOTENV}",
                    where=file,
                    remedy="`stead explain` says where a value comes from",
                )
            text = dotenv.edit(text, name, value)
        check(request, {file: text}, context)
        notes = _check_git(file, place, context)
        if text == old:
            return Edited("", notes)
        if request.staging is not None:
            held = None if old is None else old.encode()
            request.staging.stage({file: text.encode()}, {file: held})
        else:
            notes += _write_private(target, text)
    return Edited(file, notes)


def write_new_private(file: str, text: str) -> None:
    """Write a ``.env`` that was not there, mode 0600. Raises UsageError where one is."""
    if os.path.lexists(file):
        raise UsageError(f"{file} exists", remedy="take it away first")
    _write_private(file, text)


def _write_private(target: str, text: str) -> tuple[str, ...]:
    """Replace a file as a whole, so that no reader sees a part of it."""
    mode = PRIVATE
    if is_file(target):
        mode = stat.S_IMODE(os.stat(target).st_mode)
    with storage(target):
        write_file(target, text.encode("utf-8"), mode)
    if mode & 0o077 and os.name == "posix":
        return (f"{target} can be read by others: `chmod 600 {DOTENV}` keeps it to yourself",)
    return ()


def _dotenv_text(file: str) -> str | None:
    if not os.path.lexists(file):
        return None
    if not is_ours(file):
        raise ManifestError(
            "this .env belongs to somebody else", where=file, remedy="take it over, or remove it"
        )
    if not is_file(file):
        raise ManifestError(
            "this .env is not a regular file", where=file, remedy="put a file in its place"
        )
    with storage(file), open(file, "rb") as opened:
        held = opened.read()
    try:
        return held.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = held[: exc.start].count(b"\n") + 1
        # The cause holds the file's content, which must not be shown.
        raise ManifestError(
            "the file is not UTF-8 text", where=f"{file}:{line}", remedy="save it as UTF-8"
        ) from None


def _staged_text(request: Request, file: str) -> str | None:
    return request.overlay[file] if file in request.overlay else _dotenv_text(file)


def _names(text: str, file: str) -> set[str]:
    return {entry.name for entry in dotenv.read(text, file)}


def _check_names(values: Mapping[str, str | Added | bool | None]) -> None:
    for name, value in values.items():
        if not _NAME.match(name):
            raise UsageError(
                f"{name!r} cannot name a variable",
                remedy="use letters, digits and `_`, not beginning with a digit",
            )
        if is_reserved(name) and value is not None:
            raise UsageError(
                f"variables that begin with {RESERVED} are Stead's own",
                remedy=f"call {name} otherwise",
            )


def place_of(request: Request) -> str:
    """Give the place, whatever its ``.env`` holds."""
    overlay = {**private_unread(request), **request.overlay}
    return _found(replace(request, overlay=overlay)).place


def _found(request: Request) -> Found:
    from stead.pipeline.discover import discover

    return discover(request.directory, home=request.user_home, overlay=request.overlay)


def check(request: Request, texts: Mapping[str, str], context: Context) -> None:
    """Compose what would be; raise what is wrong with it that is not wrong already."""
    from stead.pipeline.configure import require

    def table(asked: Request, overlay: Mapping[str, str]) -> Table:
        wanted = replace(asked, overlay={**asked.overlay, **overlay})
        return steps.configured(steps.composed_for(wanted, context, fetch=True), context)

    after = table(request, texts)
    if not after.errors:
        return
    before: set[str] = set()
    # An environment that comes with the edit is compared with the default one.
    for environment in dict.fromkeys((request.environment, DEFAULT)):
        try:
            found = table(replace(request, environment=environment), {}).errors
        except SteadError:
            continue
        before = {_LINE.sub("", finding.message) for finding in found}
        break
    new = tuple(f for f in after.errors if _LINE.sub("", f.message) not in before)
    if new:
        require(replace(after, findings=new))


def own_manifest(found: Found) -> str:
    """Choose the file of the place to write into: as for packages, but only Stead's own."""
    mine = {m.format: m for m in found.manifests if m.directory == found.place}
    if "stead.toml" not in mine and "pyproject.toml" in mine and mine["pyproject.toml"].own:
        return mine["pyproject.toml"].file
    return os.path.join(found.place, "stead.toml")


def _check_git(file: str, place: str, context: Context) -> tuple[str, ...]:
    """Refuse a ``.env`` that git tracks; say of one that git would take."""
    import shutil  # brings compression along

    if not repository_of(place) or not shutil.which("git", path=context.environ.get("PATH")):
        return ()

    def git(*words: str) -> int:
        environ = {n: v for n, v in context.environ.items() if not n.startswith("GIT_")}
        done = context.run(["git", "-C", place, *words], env={**environ, "GIT_OPTIONAL_LOCKS": "0"})
        return done.returncode

    if git("ls-files", "--error-unmatch", "--", DOTENV) == 0:
        raise ManifestError(
            f"git tracks this file: what is private would be in the next commit's {DOTENV}",
            where=file,
            remedy=f"`git rm --cached {DOTENV}` and a line `{DOTENV}` in .gitignore keep it out",
        )
    if git("check-ignore", "-q", "--", DOTENV) == 1:
        return (f"git does not ignore {DOTENV}: add it to .gitignore, as `stead init` does",)
    return ()


def repository_of(directory: str) -> str:
    """Give the git working tree that a directory lies in; empty without one."""
    for above in parents(directory):
        if os.path.lexists(os.path.join(above, ".git")):
            return above
    return ""
