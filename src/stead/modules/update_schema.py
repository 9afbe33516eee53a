"""The JSON Schema of what ``stead module update --json`` prints.

A field is never taken away within one ``format``; further ones may come.
"""

from __future__ import annotations

from typing import Any

DRAFT = "http://json-schema.org/draft-07/schema#"
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


def _table(about: str, required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    made = {"type": "object", "properties": properties}
    made["required"] = list(properties) if required is None else required
    return {"description": about, **made} if about else made


def _list(about: str, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": about}


def _text(about: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": about, **more}


_CAME = _table(
    "Where the module's source came from.",
    registry=_text("The registry's name in this project."),
    location=_text("Its address, without credentials."),
    commit=_text("Of a git registry: the commit that was read."),
    item=_text("The item."),
    version=_text("Its version."),
    integrity=_text("`sha256:…` of the item."),
)

UPDATE: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead module update --json",
    **_table(
        "What an update does, or with `--plan` would do.",
        format={"const": 1, "description": "The number of this format."},
        planned={"type": "boolean", "description": "Whether nothing was done."},
        modules=_list(
            "The modules, in the order in which they are updated.",
            _table(
                "",
                ["name", "state"],
                name=_text("The module."),
                directory=_text("Its directory, absolute."),
                state=_text(
                    "`current`: nothing to do. `update`: all is merged. `conflicts`: some files are"
                    " to be settled. `unsettled`: those of the last update are. `settled`: they are"
                    " not any more, and the record moves. `failed`: see `error`.",
                    enum=list(STATES),
                ),
                error=_text("Why it could not be updated."),
                **{"from": _CAME, "to": _CAME},
                files=_list(
                    "What becomes of each file.",
                    _table(
                        "",
                        path=_text("Relative to the module's directory."),
                        action=_text(
                            "`dropped` files are upstream's no more and stay, `own` ones were"
                            " changed too; `deleted` ones stay away; `removed` ones are pruned.",
                            enum=list(ACTIONS),
                        ),
                        beside=_text("Where upstream's version is put; empty for nowhere."),
                        markers={
                            "type": "boolean",
                            "description": "Whether the file gets conflict markers.",
                        },
                        note=_text("What a person should know."),
                    ),
                ),
                root=_list(
                    "Entries of the root's files that change, or that would if they were as they"
                    " were written.",
                    _table(
                        "",
                        entry=_text("`FILE:KEY`."),
                        action=_text(
                            "`kept` and `deleted` ones were changed by the user and stay so.",
                            enum=["replaced", "added", "kept", "deleted", "dropped"],
                        ),
                        lines=_list("What upstream's version would write.", {"type": "string"}),
                    ),
                ),
                unsettled=_list(
                    "Conflicts that are open.",
                    _table(
                        "",
                        path=_text("The file."),
                        beside=_text("It is settled when this file is gone; empty for none."),
                        markers={
                            "type": "integer",
                            "description": "It is settled when no line begins with so many `<`.",
                        },
                    ),
                ),
                notes=_list("What a person should know.", {"type": "string"}),
            ),
        ),
    ),
}
