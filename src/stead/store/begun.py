"""What a change that is being made will be recorded as.

A change of manifests and lock is recorded once it is done, which may take a build.
What the record is to say (who, with which words, why) is written together with the
files, by the same intent. A process that ends in between leaves it for the next one,
which records the change as if it had made it.
"""

from __future__ import annotations

import contextlib
import json
import os

from stead.values.errors import StoreError
from stead.values.frozen import asdict, dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.store.generations import History

NAME = "begun"
"""Of the file, beside the entries."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The words of a change. ``number`` is that of its entry; with another one it is of the past."""

    number: int
    time: float
    who: str
    command: tuple[str, ...] = ()
    reason: str = ""


def file_of(history: History) -> str:
    return os.path.join(history.directory, NAME)


def encode(begun: Begun) -> bytes:
    return json.dumps(asdict(begun)).encode()


def read(history: History) -> Begun | None:
    """Give what was begun here and is not recorded yet."""
    try:
        with open(file_of(history), "rb") as file:
            data = json.loads(file.read())
        found = Begun(**{**data, "command": tuple(data["command"])})
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"this cannot be read: {exc.strerror}", where=file_of(history)) from exc
    except (ValueError, TypeError, KeyError):  # damaged: the change is recorded without words
        return None
    return found if found.number == history.newest + 1 else None


def clear(history: History) -> None:
    """Forget what was begun: it is recorded, or has come to nothing."""
    with contextlib.suppress(OSError):
        os.unlink(file_of(history))
