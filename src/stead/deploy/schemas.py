"""JSON Schemas of what ``stead deploy`` and ``stead node`` print with ``--json``.

The reference page is made from them, and tests hold what is printed to them. A field
is never taken away; further ones may come.
"""

from __future__ import annotations

from typing import Any

from stead.formats.json_schemas import DRAFT, described, flag, number, table, tables, text, texts


def _schema(title: str, about: str, **properties: Any) -> dict[str, Any]:
    return {"$schema": DRAFT, "title": title, **table(about, **properties)}


_RECIPE = text("The recipe, or the app that is one by itself.")
_NODE = {
    "target": text("The target."),
    "address": text("The machine; empty for this one, and for an image."),
}
_ERROR = text("What went wrong; empty for nothing.")
_PLAN = {
    **_NODE,
    "root": text("Stead's directory there."),
    "running": number("The generation that runs; 0 for none."),
    "nothing": flag("Whether all of it is there and runs: then nothing changes."),
    "changes": tables(
        "All that will be otherwise.",
        kind=text(
            "What it is.",
            enum=["tree", "service", "command", "variable", "file", "check", "data", "setting"],
        ),
        name=text("Its name."),
        verb=text("What becomes of it.", enum=["add", "change", "remove"]),
        old=text("What it was, for people; of a secret `<secret>`."),
        new=text("What it will be."),
    ),
    "pyinfra": text("The deploy of pyinfra that runs before anything is sent; empty for none."),
    "send": tables(
        "What the machine does not have.",
        name=text("A package with its version, or `code`."),
        size=number("Bytes, uncompressed."),
        digest=text("sha256 of its tar."),
    ),
    "bytes": number("All of that together."),
    "release": texts("Commands that run before the switch, in order."),
    "restarts": texts("Services that run before and after."),
    "checks": texts("What must hold after the switch."),
    "services": texts("All that are to run: as units, `stead-RECIPE-NAME.service`."),
    "units": text(
        "What keeps the services running: `systemd`, `systemd-user`, or `none` for a supervisor;"
        " empty where nothing is started."
    ),
    "notes": texts("What the machine lacks and most programs do not need."),
}
_STATE = text("What became of it.", enum=["done", "unchanged", "failed", "not begun"])

DEPLOY = _schema(
    "stead deploy --json",
    "What was to change on each node, and what became of it.",
    recipe=_RECIPE,
    nodes=tables(
        "The nodes, in the order of targets and machines.",
        **_PLAN,
        state=_STATE,
        generation=number("The generation that runs now; 0 where it failed."),
        sent=number("Bytes that went to the machine."),
        warnings=texts("What a person should know."),
        error=_ERROR,
    ),
)
PLAN = _schema(
    "stead deploy --plan --json",
    "What would change on each node.",
    recipe=_RECIPE,
    nodes=tables("The nodes, in the order of targets and machines.", **_PLAN),
)
STATUS = _schema(
    "stead deploy status --json",
    "What runs on each node. A node that cannot be asked has `error` alone.",
    recipe=_RECIPE,
    nodes=tables(
        "The nodes.",
        **_NODE,
        generation=number("The generation that runs; 0 for none."),
        digest=text("What names it: equal ones are the same."),
        held_by=text("Who deploys there at the moment."),
        services=tables(
            "Its processes.",
            name=text("The name."),
            state=text("How it is.", enum=["running", "stopped", "failed", "restarting"]),
            pid=number("The process's number; 0 for none."),
            restarts=number("How often it was started again."),
        ),
        generations=tables(
            "What is there to go back to.",
            number=number("The number."),
            digest=text("What names it."),
            made=number("When, in seconds since 1970, by the machine's clock."),
            current=flag("Whether it runs."),
            confirmed=flag("Whether its checks have held."),
        ),
        error=_ERROR,
    ),
)
STATUS["properties"]["nodes"]["items"]["required"] = [*_NODE, "error"]
ROLLBACK = _schema(
    "stead deploy rollback --json",
    "What became of each node.",
    recipe=_RECIPE,
    nodes=tables(
        "The nodes.",
        **_NODE,
        state=_STATE,
        generation=number("The generation that runs now; 0 where it failed."),
        error=_ERROR,
    ),
)
MODULES = _schema(
    "stead deploy --module NAME --json",
    "What became of each module.",
    modules=tables(
        "The modules, by name.",
        module=text("The name."),
        how=text("`deploy.py`, `recipe`, or nothing to do.", enum=["deploy.py", "recipe", ""]),
        code=number("0 if it is deployed."),
    ),
)
DOWN = _schema(
    "stead node down --json",
    "What was taken away.",
    recipe=_RECIPE,
    target=text("The target."),
    destroyed=flag("Whether the target's destroy command ran."),
    nodes=tables(
        "The machines.",
        address=text("The machine; empty for this one."),
        removed=flag("Whether anything of the recipe was there."),
        error=_ERROR,
    ),
)

SCHEMAS = {
    "deploy": DEPLOY,
    "deploy-plan": PLAN,
    "deploy-status": STATUS,
    "deploy-rollback": ROLLBACK,
    "deploy-modules": MODULES,
    "node-down": DOWN,
}


def markdown() -> str:
    """Write the reference page."""
    parts = [
        "# What `stead deploy` and `stead node` print as JSON",
        "<!-- Generated from the schemas: python docs/generate.py -->",
        (
            "`stead schema NAME` prints each as a JSON Schema. `stead node up --json` answers as"
            " `stead deploy --json` does."
        ),
    ]
    for name, schema in SCHEMAS.items():
        parts += [f"## `{schema['title']}`", f"{schema['description']} `stead schema {name}`."]
        parts += described(schema)
    return "\n\n".join(parts) + "\n"
