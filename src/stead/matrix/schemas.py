"""JSON Schemas of what ``stead test --list --json`` and ``--plan --json`` print.

The reference page is made from them, and tests hold what is printed to them. A field
is never taken away within one ``format``; further ones may come.
"""

from __future__ import annotations

from typing import Any

DRAFT = "http://json-schema.org/draft-07/schema#"


def _text(about: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": about, **more}


def _flag(about: str) -> dict[str, Any]:
    return {"type": "boolean", "description": about}


def _texts(about: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": about}


def _list(about: str, **properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _table("", **properties), "description": about}


def _table(about: str, **properties: Any) -> dict[str, Any]:
    made = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }
    return {"description": about, **made} if about else made


_WHERE = _text("Where it is written: `FILE:LINE`, or nothing.")
_HEAD = {
    "format": {"const": 1, "description": "The number of this format."},
    "root": _text("The project's directory."),
    "file": _text("The file that describes the tests."),
    "source": _text("Which notation that is.", enum=["tox", "layers"]),
}
_NOTES = _list(
    "What a person should know, and what stops nothing.",
    message=_text("What it is."),
    where=_WHERE,
    remedy=_text("What may be done about it."),
)

PLAN: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead test --plan --json",
    **_table(
        "What a run of the chosen environments would do.",
        **_HEAD,
        platform=_text("The platform of this machine, as conda names it."),
        steps=_list(
            "All steps, each behind those it waits for.",
            id=_text("`KIND NAME`, unlike all others."),
            kind=_text(
                "To build a package, to make an environment, or to run commands.",
                enum=["build", "environment", "run"],
            ),
            name=_text("Of a build its name; else the label of the environment with its package."),
            environment=_text("The environment's name; empty for a build."),
            package=_text("The definition of the package; empty where none is tested."),
            interpreter=_text(
                "The path of the interpreter; empty where the environment brings its own, or where"
                " any will do."
            ),
            key=_text(
                "By what it is found in the store: two steps of one key are the same thing. Empty"
                " for a run, and where it is not known yet."
            ),
            reused=_flag("Whether it is there, so that nothing is done."),
            reason=_text("Why the step is taken."),
            skip=_text("Why it is not taken after all; empty where it is."),
            after=_texts("The steps that it waits for."),
            serves=_texts("The labels of the runs that need it; empty for a run."),
            decided_later=_texts("What is known only once a package is built, or looked up."),
            commands={
                "type": "array",
                "items": {"type": "array", "items": {"type": "string"}},
                "description": "What a run runs: lists of arguments.",
            },
            directory=_text("Where its commands run."),
            where=_WHERE,
        ),
        unused=_texts(
            "Definitions that none of the chosen environments takes: they are not built."
        ),
        unmatched=_texts("Definitions that no environment at all takes."),
        notes=_NOTES,
    ),
}

LISTING: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead test --list --json",
    **_table(
        "What there is to test.",
        **_HEAD,
        environments=_list(
            "The environments, those that run by default first.",
            name=_text("The name."),
            kind=_text("`venv`, `conda`, `existing`, or one of a plugin's."),
            default=_flag("Whether it runs when none is named."),
            description=_text("What its author says of it."),
            labels=_texts("The labels that it bears."),
            depends=_texts("Environments, or patterns of names, that run before it."),
            python=_text("The version of its interpreter; empty where it brings its own."),
            interpreter=_text("The interpreter's path."),
            missing=_text("The interpreter that was looked for and is not there."),
            skip=_text("Why it does not run on this machine."),
            wrong=_text("What is wrong with its description: it fails, where it is to run."),
            where=_WHERE,
            cells=_list(
                "Its runs: one for each package that it is tested against.",
                label=_text("`(PACKAGE) ENVIRONMENT`; for tox's files the environment's name."),
                package=_text("The definition; empty where no package is tested."),
                skip=_text("Why it does not run."),
                after=_texts("The labels of the runs that come before."),
            ),
        ),
        packages=_list(
            "The definitions of packages.",
            name=_text("The name."),
            builder=_text("How it is come by."),
            format=_text("What kind of package it is."),
            description=_text("What its author says of it."),
            builds=_texts("The builds that these environments need of it."),
            unused=_flag("Whether none of these environments takes it."),
            unmatched=_flag("Whether no environment at all takes it."),
            where=_WHERE,
        ),
        notes=_NOTES,
    ),
}

SCHEMAS = {"test-list": LISTING, "test-plan": PLAN}


def markdown() -> str:
    """Write the reference page."""
    parts = [
        "# What `stead test` prints as JSON",
        "<!-- Generated from the schemas: python docs/generate.py -->",
        (
            "`stead schema test-list` and `stead schema test-plan` print these as JSON Schemas. Every"
            " field is always there. Within one `format` none is taken away; others may come."
        ),
    ]
    for schema in SCHEMAS.values():
        parts += [f"## `{schema['title']}`", schema["description"], *_tables(schema, "")]
    parts += [
        "## `stead test --config --json`",
        (
            "`env` has a table for each environment: of tox's files with tox's keys, in the form that"
            " `tox config --format json` gives them; `tox` has the keys of the main section. A"
            " value that is wrong is a table with the one key `error`."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _tables(schema: dict[str, Any], path: str) -> list[str]:
    rows, below = ["| field | type | meaning |", "|---|---|---|"], []
    for name, one in schema["properties"].items():
        rows.append(f"| `{name}` | {_type(one)} | {one['description']} |")
        inner = one.get("items", {})
        if "properties" in inner:
            below += [f"### An entry of `{path}{name}`", *_tables(inner, f"{path}{name}.")]
    return ["\n".join(rows), *below]


def _type(one: dict[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(f"`{word}`" for word in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    if one["type"] == "array":
        inner = one["items"]
        return "list of tables" if "properties" in inner else f"list of {_many(inner)}"
    return {"string": "text", "boolean": "true or false"}[one["type"]]


def _many(one: dict[str, Any]) -> str:
    return "texts" if one["type"] == "string" else "lists of texts"
