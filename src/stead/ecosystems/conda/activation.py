"""What conda packages want set: their activation scripts, run once and turned into data.

The scripts of ``etc/conda/activate.d`` run in a scratch shell three times: in a
clean environment, with every name they mention preset to a sentinel, and clean
again. What a name was and became tells what was meant: set, prepended,
appended, set if unset, unset. A name that differs between the two clean runs
cannot be replayed, nor can functions or files; these are reported.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from typing import TYPE_CHECKING

from stead.values.activation import Change
from stead.values.frozen import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from stead.values.context import Context

SCRIPTS = "etc/conda/activate.d"
VARIABLES = "etc/conda/env_vars.d"
STATE = "conda-meta/state"

_MENTIONED = re.compile(
    r"\$\{?!?([A-Za-z_]\w*)|(?<![\w$])([A-Za-z_]\w*)\+?=|\b(?:unset|export|local)\s+([A-Za-z_]\w*)"
)
# The shell's own, those that conda itself sets, and those without which nothing would run.
_OWN = frozenset(
    {
        *("_", "PWD", "OLDPWD", "SHLVL", "PATH", "HOME", "IFS", "PS1", "SHELL", "TERM", "TMPDIR"),
        *("LANG", "LC_ALL", "LD_PRELOAD", "PROMPT_COMMAND", "RANDOM", "SECONDS", "LINENO"),
        *("CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL"),
    }
)
_IGNORED = ("CONDA_BACKUP_", "BASH_FUNC_", "BASH_")
"""Beginnings of names that only serve a shell's way back."""

_SEPARATORS = (":", ";", " ", ",")


def activation(prefix: Path, context: Context) -> tuple[Change, ...]:
    """Say what a process in a finished prefix needs, besides its programs on ``PATH``.

    A prefix without conda packages needs nothing; one without scripts starts no
    process. What cannot be replayed is said through ``context.progress.note``.
    """
    root = os.fspath(prefix)
    if not os.path.isdir(os.path.join(root, "conda-meta")):
        return ()
    changes = [
        Change("set", "CONDA_PREFIX", root),
        # conda, too, calls an environment without a name by its path.
        Change("set", "CONDA_DEFAULT_ENV", root),
    ]
    variables = _variables(root, context)
    changes += [Change("set", name, value) for name, value in variables.items()]
    scripts = _scripts(root)
    if scripts:
        given = {c.name: c.value for c in changes}
        changes += _replay(root, scripts, given, context)
    return tuple(changes)


def _variables(root: str, context: Context) -> dict[str, str]:
    """Read the variables that packages and ``conda env config vars`` want set."""
    found: dict[str, str] = {}
    directory = os.path.join(root, VARIABLES)
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    files = [(os.path.join(directory, n), False) for n in names if n.endswith(".json")]
    for path, is_state in (*files, (os.path.join(root, STATE), True)):
        try:
            with open(path, encoding="utf-8") as stream:
                content = json.load(stream)
            entries = content.get("env_vars", {}) if is_state else content
            found.update({str(k): str(v) for k, v in entries.items()})
        except FileNotFoundError:
            continue
        except (OSError, ValueError, AttributeError) as exc:
            context.progress.note(f"{path} cannot be read and sets nothing: {exc}")
    return found


def _scripts(root: str) -> list[str]:
    directory = os.path.join(root, SCRIPTS)
    if not os.path.isdir(directory):
        return []
    return sorted(os.path.join(directory, n) for n in os.listdir(directory) if n.endswith(".sh"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one run of the scripts left behind."""

    environ: dict[str, str]
    defined: tuple[str, ...]
    """Functions and aliases."""


@dataclass(slots=True)
class _Effects:
    """What the runs taught."""

    changes: list[Change] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def _replay(
    root: str, scripts: Sequence[str], given: Mapping[str, str], context: Context
) -> list[Change]:
    import shutil
    import tempfile  # hardly any prefix comes to this

    shell = shutil.which("bash") or shutil.which("sh")
    if not shell:
        context.progress.note("no shell is there to run the packages' activation scripts")
        return []
    text = ""
    for script in scripts:
        with contextlib.suppress(OSError), open(script, encoding="utf-8", errors="replace") as file:
            text += file.read()
    before = _listing(root)
    with tempfile.TemporaryDirectory(prefix="stead-activate-") as scratch:
        home = os.path.join(scratch, "home")
        os.mkdir(home)
        base = {
            **given,
            "PATH": os.pathsep.join((os.path.join(root, "bin"), "/usr/bin", "/bin")),
            "HOME": home,
            "TMPDIR": scratch,
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "CONDA_SHLVL": "1",
        }
        runs = _Runs(shell, scripts, scratch, home, context)
        clean = runs.run(base)
        sentinels = {n: _sentinel(n) for n in _names(text, clean.environ, base)}
        passing = _passing(text)
        preset = runs.run({**base, **sentinels})
        again = runs.run(base)
        wrote = sorted(os.listdir(home))
    wrote += _restore(root, before)
    effects = _compare(base, clean, preset, again, sentinels)
    # A name that scripts both fill and clear is their scratch paper.
    effects.changes = [c for c in effects.changes if c.kind != "unset" or c.name not in passing]
    if clean.defined:
        effects.lost.append(f"defines {', '.join(clean.defined)}, which only a shell could use")
    if wrote:
        effects.lost.append(f"writes files ({', '.join(wrote[:5])})")
    shown = ", ".join(os.path.basename(s) for s in scripts)
    for what in effects.lost:
        context.progress.note(f"activation scripts ({shown}): {what}; this is not replayed")
    real = context.environ.get("HOME", "")
    return [_at_home(change, home, real) for change in effects.changes]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs the scripts in one way."""

    shell: str
    scripts: Sequence[str]
    scratch: str
    home: str
    context: Context

    def run(self, environ: Mapping[str, str]) -> _Seen:
        import shutil

        dump = os.path.join(self.scratch, "environ")
        names = os.path.join(self.scratch, "names")
        env = shutil.which("env") or "/usr/bin/env"
        is_bash = os.path.basename(self.shell) == "bash"
        listing = "compgen -A function; compgen -A alias" if is_bash else ":"
        look = f"set +eu; {{ {listing}; }} >{shlex.quote(names)} 2>&1; {shlex.quote(env)} -0 >{shlex.quote(dump)}"
        lines = [
            # On the way out, so that a script that exits is seen as well.
            f"trap {shlex.quote(look)} EXIT",
            *(f". {shlex.quote(script)}" for script in self.scripts),
        ]
        argv = [self.shell, *(("--noprofile", "--norc") if is_bash else ()), "-c", "\n".join(lines)]
        self.context.run(argv, cwd=self.home, env=environ, stdin="")
        return _Seen(_read_environ(dump), tuple(sorted(_read(names).split())))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _read_environ(path: str) -> dict[str, str]:
    entries = (e.partition("=") for e in _read(path).split("\0") if "=" in e)
    return {name: value for name, _, value in entries}


def _sentinel(name: str) -> str:
    return f"stead-was-{name}-here"


def _names(text: str, seen: Mapping[str, str], base: Mapping[str, str]) -> list[str]:
    """Give the names that scripts mention or touch, and that may be preset."""
    mentioned = {name for groups in _MENTIONED.findall(text) for name in groups if name}
    touched = {name for name in seen if seen[name] != base.get(name)}
    return sorted(n for n in mentioned | touched if n not in base and _counts(n))


def _passing(text: str) -> set[str]:
    return {name for _, name, _ in _MENTIONED.findall(text) if name}


def _counts(name: str) -> bool:
    return name not in _OWN and not name.startswith(_IGNORED)


def _compare(
    base: Mapping[str, str],
    clean: _Seen,
    preset: _Seen,
    again: _Seen,
    sentinels: Mapping[str, str],
) -> _Effects:
    effects = _Effects()
    if not clean.environ or not preset.environ:
        effects.lost.append("a script ends the shell in a way that leaves nothing to see")
        return effects
    for name in sorted({*base, *sentinels, *clean.environ}):
        if name != "PATH" and not (_counts(name) or name in ("CONDA_PREFIX", "CONDA_DEFAULT_ENV")):
            continue
        now = clean.environ.get(name)
        if now != again.environ.get(name):
            effects.lost.append(f"{name} differs each time")
        elif name in base:
            _changed_base(name, base[name], now, effects)
        else:
            _changed(name, now, preset.environ.get(name), sentinels, effects)
    return effects


def _changed_base(name: str, was: str, now: str | None, effects: _Effects) -> None:
    """Account for a name that had a value in every run."""
    if now == was:
        return
    if now is None:
        effects.changes.append(Change("unset", name))
    elif was in now and (found := _around(name, now, was, None)):
        effects.changes += found
    elif name == "PATH":
        effects.lost.append("PATH is replaced")
    else:
        effects.changes.append(Change("set", name, now))


def _changed(
    name: str,
    now: str | None,
    preset: str | None,
    sentinels: Mapping[str, str],
    effects: _Effects,
) -> None:
    """Account for a name by what became of nothing and of the sentinel."""
    own = sentinels.get(name, _sentinel(name))
    if preset == own:
        if now is not None:
            effects.changes.append(Change("default", name, now))
        return
    if now is None and preset is None:
        effects.changes.append(Change("unset", name))
        return
    if now is not None and now == preset:
        effects.changes.append(Change("set", name, now))
        return
    others = sorted(n for n, s in sentinels.items() if n != name and s in (preset or ""))
    if now is None and own not in (preset or "") and not others:
        return  # a variable of the script, seen only because it was exported here
    if preset is not None and own in preset and not others:
        found = _around(name, preset, own, now)
        if found:
            effects.changes += found
            return
    why = f"what {', '.join(others)} was" if others else "what it was"
    effects.lost.append(f"{name} depends on {why}")
    if now is not None:
        effects.changes.append(Change("set", name, now))


def _around(name: str, value: str, inner: str, alone: str | None) -> list[Change]:
    """Say what was put before and after ``inner``; nothing when it is not a list.

    ``alone`` is what became of no value at all: what stands in the middle of it
    is a default for the list.
    """
    if value.count(inner) != 1:
        return []
    before, _, after = value.partition(inner)
    separator = (before[-1:] or after[:1]) if before or after else ""
    if separator not in _SEPARATORS or (after and after[0] != separator):
        return []
    changes: list[Change] = []
    if alone is not None and alone.startswith(before) and alone.endswith(after):
        middle = alone[len(before) : len(alone) - len(after)]
        if middle:
            changes.append(Change("default", name, middle))
    changes += [
        Change("prepend", name, piece, separator)
        for piece in reversed(_pieces(before[:-1], separator))
    ]
    changes += [Change("append", name, piece, separator) for piece in _pieces(after[1:], separator)]
    return changes


def _pieces(text: str, separator: str) -> list[str]:
    if separator == " ":
        # Options and their arguments belong together; the order is all they have.
        return [text] if text.strip() else []
    return [piece for piece in text.split(separator) if piece]


def _at_home(change: Change, scratch: str, real: str) -> Change:
    if scratch not in change.value:
        return change
    return Change(change.kind, change.name, change.value.replace(scratch, real), change.separator)


def _listing(root: str) -> dict[str, set[str]]:
    return dict(_walk(root))


def _walk(root: str) -> Iterator[tuple[str, set[str]]]:
    for base, folders, files in os.walk(root):
        yield base, {*folders, *files}


def _restore(root: str, before: Mapping[str, set[str]]) -> list[str]:
    """Remove what scripts put into the prefix, which must stay as it was built; names it."""
    import shutil

    added: list[str] = []
    for base, names in _walk(root):
        if base not in before:
            continue
        for name in sorted(names - before[base]):
            path = os.path.join(base, name)
            added.append(os.path.relpath(path, root))
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(path)
    return added
