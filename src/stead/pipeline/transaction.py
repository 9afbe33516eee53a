"""What the steps know of a transaction: where writes go, and what its shell gets."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Protocol

from stead.pipeline.prompt import hook_files
from stead.shells import script
from stead.shells.hook_record import reduce
from stead.shells.quote import posix
from stead.store.atomic import write_file
from stead.values.activation import Change
from stead.values.errors import SteadError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.activation import Activation

RECORD, TURN, APPLIED, SCRIPT = "record", "turn", "applied.json", "env.sh"


class Staging(Protocol):
    """Takes what commands in a transaction would write to the place."""

    def overlay(self) -> dict[str, str | None]:
        """Give all that is staged by now, as text. Raises as :meth:`content`."""

    def content(self, path: str) -> bytes | None:
        """Give what a file holds, as the transaction has it; None for no file.

        Raises ManifestError where what is staged and what the place holds by now
        contradict each other.
        """

    def stage(self, files: Mapping[str, bytes | None], expect: Mapping[str, bytes | None]) -> None:
        """Take new contents, or None for removal. Raises StoreError; then nothing is taken.

        ``expect`` are contents as the caller read them: where one is different by
        now, that is an error.
        """


def write_record(directory: str, activation: Activation) -> bool:
    """Write the environment that a transaction's shell is to have; says whether it is another.

    ``turn`` comes last: who sees its new content sees everything. The files name no
    inputs, so they always hold. Raises StoreError.
    """
    record = os.path.join(directory, RECORD)
    plain = replace(activation, inputs=(), absent=(), requires=())
    texts = {name: render(record) for name, render in hook_files(plain).items()}
    try:
        texts[SCRIPT] = script.render(activation.changes)
    except SteadError as exc:
        # A shell that cannot have it says so when it comes to this.
        texts[SCRIPT] = f"printf '%s\\n' {posix(f'stead: {exc.message}')} >&2; false\n"
    wanted = {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()}
    sets, unsets, relative = reduce(activation.changes)
    applied = {
        "place": activation.place,
        "environment": activation.environment,
        "sets": dict(sets),
        "unsets": unsets,
        "relative": [[c.kind, c.name, c.value, c.separator] for c in relative],
    }
    wanted[os.path.join(os.pardir, APPLIED)] = json.dumps(applied, ensure_ascii=False).encode(
        "utf-8", "surrogateescape"
    )
    same = all(_read(os.path.join(record, name)) == text for name, text in wanted.items())
    if same and turn(directory):
        return False
    for name, text in wanted.items():
        write_file(os.path.normpath(os.path.join(record, name)), text, 0o600)
    write_file(os.path.join(directory, TURN), f"{turn(directory) + 1}\n".encode(), 0o600)
    return True


def staged_changes(directory: str) -> tuple[Change, ...]:
    """Read what the environment that a transaction's shell is to have changes; else nothing."""
    try:
        text = _read(os.path.join(directory, APPLIED)) or b""
        data = json.loads(text.decode("utf-8", "surrogateescape"))
        return (
            *(Change("set", name, value) for name, value in data["sets"].items()),
            *(Change("unset", name) for name in data["unsets"]),
            *(Change(*change) for change in data["relative"]),
        )
    except (ValueError, TypeError, KeyError):
        return ()


def turn(directory: str) -> int:
    """Give the number of the environment in ``record/``; 0 before there is one."""
    try:
        return int(_read(os.path.join(directory, TURN)) or b"0")
    except ValueError:
        return 0


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
