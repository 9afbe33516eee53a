"""JSON Schemas of what ``stead remote``, ``push`` and ``pull`` print with ``--json``.

The reference page is made from them, and tests hold what is printed to them. A field
is never taken away; further ones may come.
"""

from __future__ import annotations

from typing import Any

from stead.formats.json_schemas import DRAFT, described, flag, number, table, tables, text, texts


def _schema(title: str, made: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DRAFT, "title": title, **made}


_ENVIRONMENT = text("The environment, `NAMESPACE/NAME`.")
_BUILD = number("The build's number.")
_STATUS = text(
    "How the build stands.", enum=["QUEUED", "BUILDING", "COMPLETED", "FAILED", "CANCELED"]
)
_MOMENT = "in UTC, as ISO 8601; empty where it has not come to that."
_LISTED = {
    "environment": _ENVIRONMENT,
    "build": number("Its current build; 0 for none."),
    "description": text("What it is for."),
}
_TAGS = texts("Its tags.")
_HANDED_IN = table(
    "What became of what was handed in.",
    environment=_ENVIRONMENT,
    build=_BUILD,
    attached=flag("Whether the same had been asked for before."),
    status=_STATUS,
    reason=text("Why the build stands so, where the server says."),
)

SCHEMAS: dict[str, dict[str, Any]] = {
    "remote-list": _schema(
        "stead remote list --json",
        tables(
            "The servers that are known here.",
            name=text("What it is called here."),
            address=text("Its address."),
            default=flag("Whether it is asked where none is named."),
            token=text("Where its token lies; empty for no token.", enum=["file", "keyring", ""]),
        ),
    ),
    "remote-whoami": _schema(
        "stead remote whoami --json",
        table(
            "Who asks, as the server knows them.",
            server=text("The server's name here."),
            address=text("Its address."),
            authenticated=flag("Whether there is a token that it knows."),
            namespace=text("Their own namespace."),
            roles={
                "type": "object",
                "description": "By globs over `NAMESPACE/NAME`: the roles there.",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
            expires=text("Until when the token is valid; empty for ever."),
        ),
    ),
    "remote-namespace-list": _schema(
        "stead remote namespace list --json",
        tables(
            "The namespaces that may be seen.",
            name=text("The name."),
            environments=number("How many environments it holds."),
            builds=number("How many builds."),
            bytes=number("How many bytes they have."),
        ),
    ),
    "remote-namespace": _schema(
        "stead remote namespace create | delete NAME --json",
        table(
            "What became of it.",
            namespace=text("The name."),
            done=text("What was done.", enum=["created", "deleted"]),
        ),
    ),
    "remote-env-list": _schema(
        "stead remote env list --json", tables("The environments that may be seen.", **_LISTED)
    ),
    "remote-env-show": _schema(
        "stead remote env show NAMESPACE/NAME --json",
        table(
            "One environment.",
            **_LISTED,
            tags=_TAGS,
            newest=number("Its newest build, whatever became of it; 0 for none."),
            status=text("How that one stands; empty for none."),
            reason=text("Why."),
            packages=tables(
                "What the current build holds.",
                name=text("The package."),
                version=text("Its version."),
            ),
        ),
    ),
    "remote-env-describe": _schema(
        "stead remote env describe NAMESPACE/NAME --json",
        table(
            "What is said of it now.",
            environment=_ENVIRONMENT,
            description=text("What it is for."),
            tags=_TAGS,
        ),
    ),
    "remote-env-delete": _schema(
        "stead remote env delete NAMESPACE/NAME --json",
        table(
            "What became of it.",
            environment=_ENVIRONMENT,
            done=text("What was done.", enum=["deleted"]),
            builds=number("How many builds it had."),
        ),
    ),
    "push": _schema("stead push --json", _HANDED_IN),
    "remote-builds": _schema(
        "stead remote builds --json",
        tables(
            "Builds, the newest first.",
            build=_BUILD,
            environment=text("The environment; empty where it is deleted."),
            status=_STATUS,
            current=flag("Whether it is its environment's current one."),
            reason=text("Why it stands so."),
            bytes=number("How large it is."),
            scheduled=text(f"When it was asked for, {_MOMENT}"),
            started=text(f"When it was begun, {_MOMENT}"),
            ended=text(f"When it ended, {_MOMENT}"),
        ),
    ),
    "remote-cancel": _schema(
        "stead remote cancel --json",
        table("What became of it.", build=_BUILD, status=_STATUS),
    ),
    "remote-rollback": _schema(
        "stead remote rollback --json",
        table(
            "What is current now.",
            environment=_ENVIRONMENT,
            build=number("The build that is current now."),
            before=number("The one that was before; 0 for none."),
        ),
    ),
    "remote-delete": _schema(
        "stead remote delete --json",
        tables("What became of each.", build=_BUILD, done=text("What was done.", enum=["deleted"])),
    ),
    "remote-settings": _schema(
        "stead remote settings --json",
        tables(
            "The settings that hold, or those that were changed.",
            name=text("The setting."),
            value={"description": "Its value: a text, number, flag or list; null for no bound."},
        ),
    ),
    "pull": _schema(
        "stead pull --json",
        table(
            "What was brought.",
            environment=_ENVIRONMENT,
            build=_BUILD,
            server=text("The server's address."),
            written=texts("Files that were written, absolute; others were the same already."),
            removed=texts("Files of an earlier pull that were removed, absolute."),
            notes=texts("What a person should know."),
        ),
    ),
}
"""By the command's words."""


def markdown() -> str:
    """Write the reference page."""
    parts = [
        "# What `stead remote`, `stead push` and `stead pull` print as JSON",
        "<!-- Generated from the schemas: python docs/generate.py -->",
        "`stead schema NAME` prints each as a JSON Schema.",
    ]
    for name, schema in SCHEMAS.items():
        listed = schema["type"] == "array"
        about = f"A list. {schema['description']}" if listed else schema["description"]
        parts += [f"## `{schema['title']}`", f"{about} `stead schema {name}`."]
        parts += described(schema["items"] if listed else schema)
    return "\n\n".join(parts) + "\n"
