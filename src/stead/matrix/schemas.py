"""JSON Schemas of what ``stead test --list --json`` and ``--plan --json`` print.

The reference page is made from them, and tests hold what is printed to them. A field
is never taken away within one ``format``; further ones may come.
"""

from __future__ import annotations

from typing import Any

from stead.formats.json_schemas import DRAFT, flag, table, tables, text, texts

_WHERE = text("Where it is written: `FILE:LINE`, or nothing.")
_HEAD = {
    "format": {"const": 1, "description": "The number of this format."},
    "root": text("The project's directory."),
    "file": text("The file that describes the tests."),
    "source": text("Which notation that is.", enum=["tox", "layers"]),
}
_NOTES = tables(
    "What a person should know, and what stops nothing.",
    message=text("What it is."),
    where=_WHERE,
    remedy=text("What may be done about it."),
)

PLAN: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead test --plan --json",
    **table(
        "What a run of the chosen environments would do.",
        **_HEAD,
        platform=text("The platform of this machine, as conda names it."),
        steps=tables(
            "All steps, each behind those it waits for.",
            id=text("`KIND NAME`, unlike all others."),
            kind=text(
                "To build a package, to make an environment, or to run commands.",
                enum=["build", "environment", "run"],
            ),
            name=text("Of a build its name; else the label of the environment with its package."),
            environment=text("The environment's name; empty for a build."),
            package=text("The definition of the package; empty where none is tested."),
            interpreter=text(
                "The path of the interpreter; empty where the environment brings its own, or where"
                " any will do."
            ),
            key=text(
                "By what it is found in the store: two steps of one key are the same thing. Empty"
                " for a run, and where it is not known yet."
            ),
            reused=flag("Whether it is there, so that nothing is done."),
            reason=text("Why the step is taken."),
            skip=text("Why it is not taken after all; empty where it is."),
            after=texts("The steps that it waits for."),
            serves=texts("The labels of the runs that need it; empty for a run."),
            decided_later=texts("What is known only once a package is built, or looked up."),
            commands={
                "type": "array",
                "items": {"type": "array", "items": {"type": "string"}},
                "description": "What a run runs: lists of arguments.",
            },
            directory=text("Where its commands run."),
            where=_WHERE,
        ),
        unused=texts("Definitions that none of the chosen environments takes: they are not built."),
        unmatched=texts("Definitions that no environment at all takes."),
        notes=_NOTES,
    ),
}

LISTING: dict[str, Any] = {
    "$schema": DRAFT,
    "title": "stead test --list --json",
    **table(
        "What there is to test.",
        **_HEAD,
        environments=tables(
            "The environments, those that run by default first.",
            name=text("The name."),
            kind=text("`venv`, `conda`, `existing`, or one of a plugin's."),
            default=flag("Whether it runs when none is named."),
            description=text("What its author says of it."),
            labels=texts("The labels that it bears."),
            depends=texts("Environments, or patterns of names, that run before it."),
            python=text("The version of its interpreter; empty where it brings its own."),
            interpreter=text("The interpreter's path."),
            missing=text("The interpreter that was looked for and is not there."),
            skip=text("Why it does not run on this machine."),
            wrong=text("What is wrong with its description: it fails, where it is to run."),
            where=_WHERE,
            cells=tables(
                "Its runs: one for each package that it is tested against.",
                label=text("`(PACKAGE) ENVIRONMENT`; for tox's files the environment's name."),
                package=text("The definition; empty where no package is tested."),
                skip=text("Why it does not run."),
                after=texts("The labels of the runs that come before."),
            ),
        ),
        packages=tables(
            "The definitions of packages.",
            name=text("The name."),
            builder=text("How it is come by."),
            format=text("What kind of package it is."),
            description=text("What its author says of it."),
            builds=texts("The builds that these environments need of it."),
            unused=flag("Whether none of these environments takes it."),
            unmatched=flag("Whether no environment at all takes it."),
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
