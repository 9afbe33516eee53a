"""How a generation's entry holds its texts.

The texts of manifests, lock and variables are known by their sha256. The entry
that first has a text holds it, as its difference from an earlier one where that is
much shorter; later entries of the same hundred say which entry that is. So a change costs
what is new in it, going back reads the same few entries however long the history is, and
each pack can be read by itself.
"""

from __future__ import annotations

import binascii
import contextlib
import json
import zlib

from stead.store.generations import PACKED
from stead.values.errors import StoreError
from stead.values.sha import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from stead.store.generations import History
    from stead.values.generation import Generation

_VARIABLES, _LOCK, _ABSENT = "@variables", "@lock", "@absent"


def encoded(
    history: History,
    generation: Generation,
    texts: Mapping[str, bytes],
    before: Mapping[str, Any],
    like: Mapping[str, Any],
) -> dict[str, Any]:
    """Make the entry of a generation.

    ``texts`` are by name of the manifest, ``@lock``, and ``@absent``; ``before`` is the
    entry before it, and ``like`` the one whose texts it may have too.
    """
    data = generation.as_json()
    del data["pinned"]
    variables = json.dumps(dict(generation.variables), sort_keys=True, ensure_ascii=False, indent=0)
    texts = {**texts, _VARIABLES: variables.encode("utf-8", "surrogateescape")}
    # What goes into one pack refers to nothing outside of it: a pack that is lost takes
    # only its own with it.
    first = generation.number - (generation.number - 1) % PACKED
    elsewhere: dict[str, int] = {**like.get("held", {}), **before.get("held", {})}
    known = {sha: number for sha, number in elsewhere.items() if number >= first}
    data["variables"] = sha256(texts[_VARIABLES]).hexdigest()
    data["absent"] = like.get("absent", "")
    if _ABSENT in texts:
        data["absent"] = sha256(texts[_ABSENT]).hexdigest()
    contents: dict[str, tuple[str, str]] = {}
    bases: dict[str, int] = {}
    former = {
        **before.get("files", {}),
        _VARIABLES: before.get("variables", ""),
        _LOCK: before.get("lock_file", ""),
    }
    for name, text in texts.items():
        sha = sha256(text).hexdigest()
        if sha in known or sha in contents:
            continue
        full = zlib.compress(text, 6)
        basis = _basis(history, before, former.get(name, ""), first)
        if basis is not None and basis[0] == sha:  # it came back
            known[sha] = basis[2]
            continue
        if basis is not None:
            pack = zlib.compressobj(6, zdict=basis[1])
            short = pack.compress(text) + pack.flush()
            if len(short) * 2 < len(full):
                contents[sha] = (basis[0], _text(short))
                bases[basis[0]] = basis[2]
                continue
        contents[sha] = ("", _text(full))
    needed = {
        *generation.files.values(),
        generation.lock_file,
        data["variables"],
        data["absent"],
    } - {""}
    for sha in needed.difference(known, contents) & elsewhere.keys():
        with contextlib.suppress(StoreError):
            text = history.content(elsewhere[sha], sha)
            contents[sha] = ("", _text(zlib.compress(text, 6)))
    held = dict.fromkeys(contents, generation.number)
    held |= {sha: known[sha] for sha in needed if sha not in held and sha in known}
    return {**data, "held": {**bases, **held}, "contents": contents}


def _basis(
    history: History, before: Mapping[str, Any], sha: str, first: int
) -> tuple[str, bytes, int] | None:
    """Give the whole text that the next one of a name is told apart from, and who holds it.

    None where that is held by a number before ``first``.
    """
    holder = history.entry(int(before.get("held", {}).get(sha, 0)))
    if not sha or holder is None or sha not in holder["contents"]:
        return None
    whole = holder["contents"][sha][0] or sha
    number = int(holder["held"][whole])
    try:
        return (
            (whole, history.content(holder["number"], whole), number) if number >= first else None
        )
    except StoreError:
        return None


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
