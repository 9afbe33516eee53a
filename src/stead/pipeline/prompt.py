"""What the hook's one question is answered with, and the files that spare the question.

The hook of a shell asks when it stands in a place without a record that holds.
The answer is text in the shell's language: an environment to apply, or one line
to say. Nothing here evaluates anything of the place.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from typing import TYPE_CHECKING, Literal

from stead.shells import hook_bash
from stead.shells.hook_record import Watch, hook_record
from stead.shells.state import undo
from stead.store import places, trust
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import SteadError
from stead.values.frozen import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

    from stead.values.activation import Activation
    from stead.values.context import Context

SHELLS = {
    "bash": "hook_bash",
    "zsh": "hook_zsh",
    "fish": "hook_fish",
    "pwsh": "hook_powershell",
}
"""The hook's shells by the names that ``stead hook`` takes, with their templates."""


def template(shell: str) -> ModuleType:
    """Give the module that puts things in a shell's words."""
    return importlib.import_module(f"stead.shells.{SHELLS[shell]}")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How the environment of a directory stands, found out by reading alone.

    ``activation`` is there when the state is ``ready``. ``message`` is the line to
    say otherwise; ``digest`` tells two states with the same message apart.
    """

    activation: Activation | None
    state: Literal["ready", "unbuilt", "untrusted", "broken", "none"]
    message: str = ""
    digest: str = ""
    place: str = ""
    """The place, where it could be told."""
    inputs: tuple[str, ...] = ()
    """Files besides the manifests on the way up whose change is worth a new look."""


def hook_files(
    activation: Activation, quiet: tuple[str, ...] = ()
) -> dict[str, Callable[[str], str]]:
    """Give the hook's files of a record: name → function of the record's directory.

    ``quiet`` are directories that the record has references of.
    Meant for a trusted place alone. A shell that cannot set one of the variables
    gets no file, and says so when it asks.
    """
    files: dict[str, Callable[[str], str]] = {}
    for module in map(template, SHELLS):
        record = hook_record(activation, "")
        try:
            module.render(record, "")
        except SteadError:
            continue
        files[module.FILE] = _renderer(module, activation, quiet)
        if module.FILE == hook_bash.FILE:
            for name, text in hook_bash.files(record).items():
                files[name] = _constant(text)
    return files


def _constant(text: str) -> Callable[[str], str]:
    return lambda _directory: text


def _renderer(
    module: ModuleType, activation: Activation, quiet: tuple[str, ...]
) -> Callable[[str], str]:
    def render(directory: str) -> str:
        text: str = module.render(hook_record(activation, directory, quiet), directory)
        return text

    return render


def rc_code(shell: str, *, home: str, program: str, names: Sequence[str]) -> str:
    """Give the code that a shell's rc file evaluates."""
    text: str = template(shell).code(home, program, names)
    return text


def answer(
    evaluation: Evaluation,
    shell: str,
    *,
    place: str = "",
    keep: bool = True,
    watch: Watch | None = None,
) -> str:
    """Put an evaluation in a shell's words.

    ``place`` is the place as far as the caller can tell where the evaluation does
    not say. ``keep`` lets what the same place has applied already stay while there
    is nothing new. ``watch`` is what a new look is worth for.
    """
    module = template(shell)
    watch = watch or Watch()
    activation = evaluation.activation
    place = evaluation.place or place
    if activation is not None:
        try:
            text = module.render(hook_record(activation, ""), "")
        except SteadError as exc:
            evaluation = Evaluation(None, "broken", exc.message, evaluation.digest)
        else:
            return _lines([*module.watch(watch), *module.again(activation.place, text)])
    watch = replace(watch, past=()) if evaluation.state != "none" else watch
    if evaluation.state == "none":
        return _lines([*module.watch(watch), *module.none()])
    key = short_key([place, evaluation.state, evaluation.message, evaluation.digest])
    return _lines([*module.watch(watch), *module.pend(place, keep, key, evaluation.message)])


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The files that decide over a directory, as they were before it was evaluated."""

    manifests: tuple[tuple[str, int], ...]
    """Manifests upwards, nearest first, with their modification times in nanoseconds."""
    others: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]

    @property
    def nearest(self) -> str:
        """The nearest directory with a manifest; empty without one."""
        return os.path.dirname(self.manifests[0][0]) if self.manifests else ""

    def also(self, paths: Iterable[str]) -> Surroundings:
        """Give this with further files looked at."""
        known = {p for p, _ in (*self.manifests, *self.others)} | set(self.absent)
        others, absent = list(self.others), list(self.absent)
        _look((p for p in paths if p not in known), others, absent)
        return Surroundings(self.manifests, tuple(others), tuple(absent))


def look_around(
    directory: str,
    names: Sequence[str],
    user_home: str,
    context: Context,
    *,
    environment: str,
    shell: str,
) -> Surroundings:
    """Look at the files on which a directory's evaluation depends.

    They are the manifests and locks upwards, ending before the user's home
    directory as the hook does, and for the nearest place what is kept about it:
    its trust, its record, how its last background build ended.
    """
    manifests: list[tuple[str, int]] = []
    others: list[tuple[str, int]] = []
    absent: list[str] = []
    while directory != user_home and os.path.dirname(directory) != directory:
        _look((os.path.join(directory, n) for n in names), manifests, absent)
        _look([os.path.join(directory, "stead.lock")], others, absent)
        directory = os.path.dirname(directory)
    seen = Surroundings(tuple(manifests), tuple(others), tuple(absent))
    if not seen.nearest:
        return seen
    kept = places.environment_directory(context.home, seen.nearest, environment)
    return seen.also(
        [
            trust.record_file(context.home, seen.nearest),
            trust.settings_file(context.environ),
            os.path.join(kept, "current", template(shell).FILE),
            os.path.join(build_directory(context, seen.nearest, environment), "failed"),
        ]
    )


def _look(paths: Iterable[str], present: list[tuple[str, int]], absent: list[str]) -> None:
    for path in paths:
        try:
            present.append((path, os.stat(path).st_mtime_ns))
        except (OSError, ValueError):
            absent.append(path)


def settled(seen: Surroundings, now: float) -> bool:
    """Say whether a change after this look is sure to show in a file's time."""
    return all(now - mtime / 1e9 > SETTLE for _, mtime in (*seen.manifests, *seen.others))


SETTLE = 0.02
"""Seconds in which two changes of a file may bear the same time."""


def make_watch(seen: Surroundings, place: str, home: str) -> Watch:
    """Make the reference files for what was seen; ``place`` is the place it led to, if any.

    Manifests nearer than the place make no place of their own: the hook passes
    them as long as they stay as they are. Raises StoreError.
    """
    from stead.store.atomic import storage

    directory = os.path.join(home, "places", "seen")
    with storage(directory):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        manifests = [(path, _reference(directory, mtime)) for path, mtime in seen.manifests]
        others = [(path, _reference(directory, mtime)) for path, mtime in seen.others]
        _sweep(directory, {os.path.basename(r) for _, r in (*manifests, *others)})
    above = os.path.join(place, "")
    past = [
        (path, reference)
        for path, reference in manifests
        if not place or (path.startswith(above) and os.path.dirname(path) != place)
    ]
    return Watch((*manifests, *others), seen.absent, tuple(past))


_MOST_REFERENCES = 1000


def _sweep(directory: str, used: set[str]) -> None:
    """Keep the directory small. A shell that misses a reference merely asks again."""
    names = os.listdir(directory)
    if len(names) > _MOST_REFERENCES:
        for name in names:
            if name not in used:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(directory, name))


def _reference(directory: str, mtime: int) -> str:
    """Give an empty file with this modification time, which is its name too."""
    reference = os.path.join(directory, f"{mtime:x}")
    if not os.path.exists(reference):
        with open(reference, "ab"):
            pass
        os.utime(reference, ns=(mtime, mtime))
    return reference


def start_build(context: Context, program: str, place: str, environment: str, digest: str) -> str:
    """Start a build of a trusted place in the background, unless one is at it.

    Gives what to say. A build that failed for this very ``digest`` is not tried
    again; its log is named instead.
    """
    import subprocess

    directory = build_directory(context, place, environment)
    log, failed = os.path.join(directory, "log"), os.path.join(directory, "failed")
    underway = f"{place}: building in the background; {log} shows how far it is"
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        if _content(failed) == digest:
            return f"{place}: the build failed; {log} says why, `stead build` tries again"
        lock = os.open(
            os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as exc:
        return f"{place}: not built; run `stead build` ({exc.strerror})"
    try:
        if not _grab(lock):
            return underway
        with contextlib.suppress(FileNotFoundError):
            os.unlink(failed)
        with open(log, "wb") as output:
            # The child inherits the locked file, and so holds the lock for as long as it lives.
            subprocess.Popen(
                ["/bin/sh", "-c", _BUILD, "stead-build", failed, digest, program, "-C", place,
                 "hook", "--build", "-e", environment],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=undo(context.environ),
                start_new_session=True,
                pass_fds=[lock],
            )  # fmt: skip
    except OSError as exc:
        return f"{place}: not built; run `stead build` ({exc.strerror})"
    finally:
        os.close(lock)
    return underway


_BUILD = 'f=$1 d=$2; shift 2; "$@" || { printf %s "$d" >"$f.new" && mv "$f.new" "$f"; }'


def build_directory(context: Context, place: str, environment: str) -> str:
    """Give the directory of a background build: its log, its lock, the mark of a failure."""
    key = short_key([place, environment])
    return os.path.join(Layout(context.home).places, "builds", key)


def _grab(lock: int) -> bool:
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _content(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""
