"""The JSON Schema of what ``stead module update --json`` prints.

A field is never taken away within one ``format``; further ones may come.
"""

from __future__ import annotations

from typing import Any

from stead.formats.json_schemas import DRAFT, flag, table, tables, text, texts

ACTIONS = (
    "same",
    "replaced",
    "added",
    "kept",
    "merged",
    "conflict",
    "deleted",
    "dropped",
    "removed",
    "own",
)
STATES = ("current", "update", "conflicts", "unsettled", "settled", "failed")


_CAME = table(
    "Where the module's source came from.",
    registry=text("The registry's name in this project."),
    location=text("Its address, without credentials."),
    commit=text("Of a git registry: the commit that was read."),
    item=text("The item."),
    version=text("Its version."),
    integrity=text("`sha256:…` of the item."),
)

UPDATE: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead module update --json",
    **table(
        "What an update does, or with `--plan` would do.",
        format={"const": 1, "description": "The number of this format."},
        planned=flag("Whether nothing was done."),
        modules=tables(
            "The modules, in the order in which they are updated.",
            ["name", "state"],
            name=text("The module."),
            directory=text("Its directory, absolute."),
            state=text(
                "`current`: nothing to do. `update`: all is merged. `conflicts`: some files are"
                " to be settled. `unsettled`: those of the last update are. `settled`: they are"
                " not any more, and the record moves. `failed`: see `error`.",
                enum=list(STATES),
            ),
            error=text("Why it could not be updated."),
            **{"from": _CAME, "to": _CAME},
            files=tables(
                "What becomes of each file.",
                path=text("Relative to the module's directory."),
                action=text(
                    "`dropped` files are upstream's no more and stay, `own` ones were"
                    " changed too; `deleted` ones stay away; `removed` ones are pruned.",
                    enum=list(ACTIONS),
                ),
                beside=text("Where upstream's version is put; empty for nowhere."),
                markers=flag("Whether the file gets conflict markers."),
                note=text("What a person should know."),
            ),
            root=tables(
                "Entries of the root's files that change, or that would if they were as they"
                " were written.",
                entry=text("`FILE:KEY`."),
                action=text(
                    "`kept` and `deleted` ones were changed by the user and stay so.",
                    enum=["replaced", "added", "kept", "deleted", "dropped"],
                ),
                lines=texts("What upstream's version would write."),
            ),
            unsettled=tables(
                "Conflicts that are open.",
                path=text("The file."),
                beside=text("It is settled when this file is gone; empty for none."),
                markers={
                    "type": "integer",
                    "description": "It is settled when no line begins with so many `<`.",
                },
            ),
            notes=texts("What a person should know."),
        ),
    ),
}
