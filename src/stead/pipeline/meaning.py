"""What a place means, as a small value, and what a change of it means in words."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from stead.pipeline.taking_part import templates_and_scripts
from stead.store import trust as store
from stead.values.digest import digest, plain
from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace
from stead.values.kinds import Kinds
from stead.values.names import DEFAULT
from stead.values.patterns import regex
from stead.values.table import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.values.kinds import Check, RenderedFile
    from stead.values.manifest import Task
    from stead.values.requirement import Requirement
    from stead.values.spec import Configuration, Spec
    from stead.values.table import Definition

_HARMLESS = """
    CLICOLOR CLICOLOR_FORCE COLORTERM COLUMNS FORCE_COLOR LANG LANGUAGE LC_ADDRESS LC_ALL LC_COLLATE
    LC_CTYPE LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES LC_MONETARY LC_NAME LC_NUMERIC LC_PAPER
    LC_TELEPHONE LC_TIME LINES LOGLEVEL LOG_LEVEL MKL_NUM_THREADS NO_COLOR NUMEXPR_MAX_THREADS
    NUMEXPR_NUM_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS POLARS_MAX_THREADS PYTHONASYNCIODEBUG
    PYTHONDONTWRITEBYTECODE PYTHONFAULTHANDLER PYTHONHASHSEED PYTHONUNBUFFERED PYTHONUTF8
    RAYON_NUM_THREADS RUST_LOG SOURCE_DATE_EPOCH VERBOSE VERBOSITY
"""
HARMLESS_VARIABLES = frozenset(_HARMLESS.split())
"""Names whose value no program known to us takes for a file, a command or an address.

An allowlist, for no list of dangerous names is ever complete.
"""

_HARMLESS_VALUE = regex(r"[A-Za-z0-9_.,:=+@ -]{0,200}\Z")
"""A harmless name with a path or shell syntax as its value is not harmless any more."""

REDIRECTING = regex(
    r"""(LD_|DYLD_|GLIBC_|MALLOC_|BASH_|GIT_|PYTHON|PERL|RUBY|NODE_|NPM_|PIP_|UV_|CONDA_|JAVA_|GCONV_
    |SSL_|SSH_|CURL_|LOCPATH|NLSPATH|JDK_JAVA_|MAVEN_|GRADLE_|CARGO_|RUSTC|GO|STEAD_|XDG_)
    |(PATH|ENV|HOME|IFS|PS[0-4]|PROMPT|PROMPT_COMMAND|EDITOR|VISUAL|PAGER|MANPAGER|LESSOPEN|BROWSER
    |SHELL|ZDOTDIR|FPATH|CDPATH|CC|CXX|LD|AR|MAKEFLAGS|TERMINFO|TMPDIR|TEMP|TMP|INPUTRC
    |HTTPS?_PROXY|ALL_PROXY|https?_proxy|all_proxy)\Z""",
    re.VERBOSE,
)
"""Names known to make programs run or reach something else; only for wording."""


@dataclass(frozen=True, slots=True)
class TrustSnapshot:
    """What all that takes part in a place means; values that matter as digests.

    ``environments`` maps each declared environment to its parts: for every kind
    (``variable``, ``requirement``, ``channel`` …) names to digests, or to text
    where the text is what the user should see.
    ``files`` maps files whose meaning is not known here (templates, scripts, the
    settings of build back ends) to their sha256; ``lock`` likewise.
    """

    environments: Mapping[str, Mapping[str, Mapping[str, str]]]
    files: Mapping[str, str]
    lock: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "environments": {
                name: {kind: dict(entries) for kind, entries in parts.items()}
                for name, parts in self.environments.items()
            },
            "files": dict(self.files),
            "lock": self.lock,
        }


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that a change does. ``harmless`` ones need no new yes."""

    text: str
    kind: str
    name: str
    harmless: bool = False

    def __str__(self) -> str:
        return self.text


def take_snapshot(
    spec_of: Callable[[str], Spec],
    participants: Sequence[str],
    *,
    environments: Iterable[str] = (),
) -> TrustSnapshot:
    """Take the meaning of a place: every declared environment, and ``environments``.

    ``spec_of`` composes one environment. One that cannot be composed here (a
    layer of another platform) is known by its files' contents alone.
    """
    default = spec_of(DEFAULT)
    names = dict.fromkeys((DEFAULT, *default.environments, *environments))
    described: dict[str, Mapping[str, Mapping[str, str]]] = {}
    inputs: dict[str, None] = dict.fromkeys(participants)
    unsaid: set[str] = set()
    opaque = False
    for name in names:
        try:
            spec = default if name == DEFAULT else spec_of(name)
        except SteadError:
            opaque = True
            continue
        described[name] = describe(spec)
        inputs |= dict.fromkeys(spec.inputs)
        # A template or script may bear any name, even a manifest's.
        unsaid |= set(templates_and_scripts(spec.configuration))
    root = os.path.realpath(default.place)
    lock = os.path.join(default.root, "stead.lock")
    unsaid |= {f for f in inputs if opaque or not _has_only_our_words(f)}
    return TrustSnapshot(
        described,
        {
            store.relative_name(f, root): _outside_digest(f)
            for f in inputs
            if f in unsaid and f != lock
        },
        store.file_digest(lock) if os.path.exists(lock) else "",
    )


def describe(spec: Spec) -> dict[str, dict[str, str]]:
    """Give what one environment means: kind → name → digest or text."""
    packages, configuration = spec.packages, spec.configuration
    parts: dict[str, dict[str, str]] = {
        "variable": _variables(configuration),
        "harmless": {
            name: ""
            for name, values in _values_by_name(configuration).items()
            if name in HARMLESS_VARIABLES
            and all(_HARMLESS_VALUE.match(str(v or "")) for v in values)
        },
        "module of configuration": {
            f"{kind.removesuffix('s')} {entry.name}": _with_words(
                entry, _of_module(entry, spec), spec
            )
            for kind in Kinds.__match_args__
            for entry in getattr(configuration.kinds, kind)
        },
        "file": {
            _relative(os.path.join(f.base, f.path), spec): _with_words(f, _of_file(f), spec)
            for f in configuration.files
        },
        "check": {c.name: _with_words(c, _of_check(c, spec), spec) for c in configuration.checks},
        "path": {p.name: _short([p.path, _relative(p.base, spec)]) for p in configuration.paths},
        "code": {_relative(m, spec): "" for m in configuration.modules},
        "requirement": {_requirement(r, spec): "" for r in packages.requirements},
        "constraint": {_requirement(r, spec): "" for r in packages.constraints},
        "channel": {
            c.name: f"{i} {_relative(c.base, spec)}" for i, c in enumerate(packages.channels)
        },
        "index": {
            i.url: _short([n, plain(replace(i, base=_relative(i.base, spec)))])
            for n, i in enumerate(packages.indexes)
        },
        "lock of another tool": {_relative(t.file, spec): t.format for t in packages.taken},
        "task": {t.name: _task(t, spec) for t in spec.tasks},
        "module": {
            u.name: _short(plain(replace(u, base=_relative(u.base, spec)))) for u in spec.uses
        },
        "registry": {
            r.name: _short(plain(replace(r, base=_relative(r.base, spec)))) for r in spec.registries
        },
        "option": {
            name: value
            for name, value in (
                ("Python's source", packages.python_from),
                ("exclude-newer", packages.exclude_newer),
                ("channel priority", packages.channel_priority.removeprefix("strict")),
                ("link", spec.link),
            )
            if value
        },
    }
    return {kind: entries for kind, entries in parts.items() if entries}


def _values_by_name(configuration: Configuration) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for definition in configuration.definitions:
        found.setdefault(definition.name, []).append(definition.value)
    return found


def _variables(configuration: Configuration) -> dict[str, str]:
    """Give a digest for each variable, of all that defines it; none for one taken away."""
    found: dict[str, list[Any]] = {}
    strongest: dict[str, Definition] = {}
    for d in configuration.definitions:
        found.setdefault(d.name, []).append([d.rank, d.depth, d.value])
        held = strongest.setdefault(d.name, d)
        if (RANKS.index(d.rank), d.depth) > (RANKS.index(held.rank), held.depth):
            strongest[d.name] = d
    found = {name: said for name, said in found.items() if strongest[name].value is not None}
    for declaration in configuration.declarations:
        said = [plain(declaration.type), declaration.default]
        found.setdefault(declaration.name, []).append(said)
    return {name: _short(said) for name, said in found.items()}


def changes_of_meaning(old: TrustSnapshot, new: TrustSnapshot) -> list[Meaning]:
    """List what a change does, weightiest kinds first, each thing once.

    Nothing in the list means that the change says nothing new: a comment, a
    line that moved.
    """
    found: dict[str, Meaning] = {}
    for name in dict.fromkeys((*old.environments, *new.environments)):
        suffix = "" if name == DEFAULT else f" (environment {name})"
        before, after = old.environments.get(name, {}), new.environments.get(name, {})
        for kind in _KINDS:
            for meaning in _compare(kind, before, after):
                key = f"{meaning.kind}\0{meaning.text}"
                found.setdefault(key, replace(meaning, text=meaning.text + suffix))
        if name not in old.environments and not after.keys() - {"option"}:
            text = f"declares environment {name}"
            found.setdefault(text, Meaning(text, "environment", name, harmless=True))
    for file in sorted({*old.files, *new.files}):
        was, now = old.files.get(file, store.GONE), new.files.get(file, store.GONE)
        if was != now:
            verb = _verb(was != store.GONE, now != store.GONE, "adds", "changes", "removes")
            found[file] = Meaning(f"{verb} {file}", "file", file)
    if old.lock != new.lock:
        verb = _verb(bool(old.lock), bool(new.lock), "adds a", "changes the", "removes the")
        text = f"{verb} lock: other packages may be installed"
        found["stead.lock"] = Meaning(text, "lock", "stead.lock")
    return sorted(found.values(), key=lambda m: m.harmless)


def meanings(snapshot: TrustSnapshot) -> list[Meaning]:
    """Say in words all that a place asks for."""
    nothing = TrustSnapshot({name: {} for name in snapshot.environments}, {})
    return changes_of_meaning(nothing, snapshot)


def from_json(data: Mapping[str, Any] | None) -> TrustSnapshot | None:
    """Read a snapshot as it was kept; None for none, or for one of another shape."""
    if data is None:
        return None
    try:
        return TrustSnapshot(
            {
                str(name): {
                    str(kind): {str(k): str(v) for k, v in entries.items()}
                    for kind, entries in parts.items()
                }
                for name, parts in data["environments"].items()
            },
            {str(k): str(v) for k, v in data["files"].items()},
            str(data["lock"]),
        )
    except (KeyError, AttributeError, TypeError):
        return None


_KINDS = (
    "variable",
    "module of configuration",
    "file",
    "check",
    "task",
    "channel",
    "index",
    "module",
    "registry",
    "code",
    "lock of another tool",
    "requirement",
    "constraint",
    "path",
    "option",
)


def _compare(
    kind: str,
    before: Mapping[str, Mapping[str, str]],
    after: Mapping[str, Mapping[str, str]],
) -> list[Meaning]:
    was, now = before.get(kind, {}), after.get(kind, {})
    meanings = []
    for name in sorted({*was, *now}):
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        harmless = (
            kind == "variable"
            and name in HARMLESS_VARIABLES
            # Where it is gone, only the value before can have been a trick.
            and (new is None or name in after.get("harmless", {}))
        )
        text = _worded(kind, name, old, new)
        meanings.append(Meaning(text, kind, name, harmless))
    return meanings


def _worded(kind: str, name: str, old: str | None, new: str | None) -> str:
    verb = _verb(old is not None, new is not None, "adds", "changes", "removes")
    if kind == "variable":
        known = ", which can make programs run or reach something else"
        return f"{verb} {name}" + (known if REDIRECTING.match(name) and new is not None else "")
    if kind == "task":
        return f"removes task {name}" if new is None else f"task {name} {'now ' if old else ''}runs {new}"  # fmt: skip
    if kind in ("requirement", "constraint"):
        return f"{'asks for' if new is not None else 'no longer asks for'} {name}"
    if kind in ("module of configuration", "file", "check"):
        what = f"{'a file' if old is None else 'the file'} {name}" if kind == "file" else name
        words = new.partition(_AFTER_WORDS)[0] if new is not None else ""
        return f"{verb} {'check ' if kind == 'check' else ''}{what}" + (words and f", {words}")
    if kind == "code":
        return f"{verb} Python code in {name}"
    if kind == "option":
        return f"{name} is now {new or 'unset'}"
    return f"{verb} {kind} {name}"


_AFTER_WORDS = "\0"
"""Ends the words of something; a digest of all that it is follows."""


def _with_words(value: Any, words: str, spec: Spec) -> str:
    return f"{words}{_AFTER_WORDS}{_short(_located(plain(value), spec))}"


def _of_check(check: Check, spec: Spec) -> str:
    """Say what a check does; of a command, all of it."""
    import shlex

    if check.kind in ("command", "run"):
        where = _relative(check.base, spec) if check.base else "."
        return f"which runs `{shlex.join(check.arguments)}`" + (
            f" in {where}" if where != "." else ""
        )
    if check.kind in ("port", "url"):
        return f"which connects to {check.subject}"
    return f"which looks at {check.subject}" if check.subject else "which looks at this machine"


def _of_file(file: RenderedFile) -> str:
    return f"made from {file.template}" if file.template else "made of variables"


def _of_module(entry: Any, spec: Spec) -> str:
    """Say what a module runs and writes."""
    import shlex

    processes = (
        [("", entry.run), *entry.processes, *entry.commands] if hasattr(entry, "processes") else []
    )
    said = [
        f"which runs `{shlex.join(command)}`" + (f" as {name}" if name else "")
        for name, command in processes
        if command
    ]
    cwd = getattr(entry, "cwd", "")
    said += [f"in {_relative(cwd, spec)}"] if cwd else []
    said += [f"with a check {c.name}, {_of_check(c, spec)}" for c in getattr(entry, "checks", ())]
    said += [f"with a file {f.path}, {_of_file(f)}" for f in getattr(entry, "files", ())]
    return "; ".join(said)


def _verb(was: bool, now: bool, added: str, changed: str, removed: str) -> str:
    return changed if was and now else added if now else removed


def _has_only_our_words(path: str) -> bool:
    """Say whether all that a manifest means is in the spec made from it.

    The tables that other tools read from ``pyproject.toml``, and the code in
    ``setup.py``, take effect when the project is built.
    """
    name = os.path.basename(path)
    return name not in ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini")


_OURS_IN_PYPROJECT = ("dependencies", "optional-dependencies", "description", "requires-python")


def _outside_digest(path: str) -> str:
    """Give the digest of a file; of a ``pyproject.toml``, without what the spec already says."""
    if os.path.basename(path) != "pyproject.toml":
        return store.file_digest(path)
    import tomllib

    try:
        with open(path, "rb") as file:
            data = tomllib.load(file)
    except (OSError, ValueError):
        return store.file_digest(path)
    project = data.get("project")
    if isinstance(project, dict):
        for key in _OURS_IN_PYPROJECT:
            project.pop(key, None)
    if isinstance(data.get("tool"), dict):
        data["tool"].pop("stead", None)
    data.pop("dependency-groups", None)
    return digest(_printable(data))


def _printable(value: Any) -> Any:
    """Make TOML values JSON values: dates become text."""
    if isinstance(value, dict):
        return {k: _printable(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_printable(v) for v in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def _short(value: Any) -> str:
    return digest(value)[:32]


def _relative(path: str, spec: Spec) -> str:
    """Name a directory relative to the place, so that a moved checkout means the same."""
    if not os.path.isabs(path):
        return path
    return store.relative_name(path, os.path.realpath(spec.place))


def _located(value: Any, spec: Spec) -> Any:
    """Name the directories in a value of plain JSON relative to the place."""
    if isinstance(value, dict):
        return {
            k: _relative(v, spec) if k == "base" and v else _located(v, spec)
            for k, v in value.items()
            if k != "origin"
        }
    return [_located(v, spec) for v in value] if isinstance(value, list) else value


def _requirement(requirement: Requirement, spec: Spec) -> str:
    text = str(requirement)
    if requirement.source is not None and requirement.source.kind == "path":
        text = text.replace(
            requirement.source.location, _relative(requirement.source.location, spec)
        )
    return text + "".join(f" {h}" for h in requirement.hashes)


def _task(task: Task, spec: Spec) -> str:
    """Word a task; what is not in the words is in the digest at the end."""
    import shlex

    words = shlex.join(task.command) or "nothing itself"
    more = [f"after {', '.join(task.depends)}"] if task.depends else []
    if task.environment:
        more.append(f"in environment {task.environment}")
    if task.cwd and (cwd := _relative(task.cwd, spec)) != ".":
        more.append(f"in {cwd}")
    more += [f"with {v.name}={shlex.quote(str(v.value or ''))}" for v in task.variables]
    return " ".join(["`" + words + "`", *more])
