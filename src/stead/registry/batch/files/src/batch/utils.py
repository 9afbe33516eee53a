"""Which files there are, and outputs that are whole or absent."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

EXPECTED = "a directory with at least one file that fits the pattern, and a directory to write to"

PART = ".part"
"""Ends the name of an output that is being written."""


class InputError(ValueError):
    """Input that cannot be used. The message says what was found and what is expected."""

    def __init__(self, problem: str, expected: str = EXPECTED) -> None:
        super().__init__(problem, expected)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem}. Expected: {self.args[1]}"


def example() -> str:
    """Path of the data that come with this module: a directory with a CSV file per decade."""
    return str(files("batch") / "data" / "quarters")


def inputs(directory: str, pattern: str = "*.csv") -> tuple[str, ...]:
    """Paths of the files in a directory whose names fit a pattern of shells, by name.

    Raises InputError where there are none.
    """
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise InputError(f"{directory} cannot be read ({error.strerror})") from error
    paths = [os.path.join(directory, name) for name in fnmatch.filter(names, pattern)]
    found = tuple(path for path in paths if os.path.isfile(path))
    if not found:
        raise InputError(f"{directory} has no file that fits {pattern}")
    return found


def digest(path: str) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def write_result(path: str, key: str, result: Any) -> None:
    """Write an output and the key of what it was made of, so that it is whole or absent.

    Even where the machine loses power: the content is on disk before it has its name.
    """
    part = f"{path}.{os.getpid()}{PART}"
    try:
        with open(part, "w", encoding="utf-8") as file:
            json.dump({"key": key, "result": result}, file, indent=2, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def read_result(path: str) -> Any:
    """The result in an output. Raises InputError where it is none."""
    return _read(path)["result"]


def is_made_of(path: str, key: str) -> bool:
    """Whether there is an output made of what has this key."""
    try:
        return bool(_read(path)["key"] == key)
    except InputError:
        return False


@contextlib.contextmanager
def alone(directory: str) -> Iterator[None]:
    """Make the directory and keep other runs out of it; remove what a killed run left half-written.

    The lock ends with the process. Raises InputError where another run is at work there.
    """
    try:
        os.makedirs(directory, exist_ok=True)
        lock = open(os.path.join(directory, ".lock"), "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{directory} cannot be written ({error.strerror})") from error
    with lock:
        try:
            import fcntl
        except ImportError:  # Windows: who starts two runs at once makes each output twice
            pass
        else:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise InputError(f"another run is at work in {directory}") from error
        for name in os.listdir(directory):
            if name.endswith(PART):
                os.unlink(os.path.join(directory, name))
        yield


def _read(path: str) -> dict[str, Any]:
    expected = "an output that batch wrote"
    try:
        with open(path, encoding="utf-8") as file:
            held = json.load(file)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", expected) from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error})", expected) from error
    if not isinstance(held, dict) or set(held) != {"key", "result"}:
        raise InputError(f"{path} has not the two entries key and result", expected)
    return held
