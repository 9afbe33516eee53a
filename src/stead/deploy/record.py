"""What is kept of a payload on the node, ``payload.json``, and what is compared: without a secret."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from stead.deploy.secrets import sealed
from stead.values.digest import canonical
from stead.values.sha import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.values.deployment import Payload, PlacedFile, Service

FORMAT = 1
RENDERED = "files of "
"""Begins the name of a part that holds the rendered files of an app."""

Record = dict[str, Any]


def key_in(running: str) -> str:
    """Give the key by which a node's record tells secrets apart; a new one where it has none."""
    key = read(running).get("key")
    return key if isinstance(key, str) and key else os.urandom(16).hex()


def read(text: str) -> Record:
    """Read what a node keeps; nothing where that is none of ours."""
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and record.get("format") == FORMAT else {}


def record_of(payload: Payload, key: str) -> Record:
    """Describe a payload. Of secrets there are digests with a key, which is kept on the node alone."""
    held = {(service, name): value for service, name, value in payload.secrets}

    def service(one: Service) -> Record:
        return {
            "name": one.name,
            "app": one.app,
            "argv": list(one.argv),
            "directory": one.directory,
            "environment": dict(one.environment),
            "secrets": {
                name: sealed(key, name, held[one.name, name])
                for name in one.secrets
                if (one.name, name) in held
            },
            "ports": list(one.ports),
            "makes": list(one.makes),
        }

    return {
        "format": FORMAT,
        "key": key,
        "recipe": payload.recipe,
        "target": payload.target,
        "root": payload.root,
        "trees": [
            {
                "key": tree.key,
                "name": tree.name,
                "parts": [{"name": p.name, "digest": p.digest, "size": p.size} for p in tree.parts],
            }
            for tree in payload.trees
        ],
        "services": [service(one) for one in payload.services],
        "commands": [
            {**service(one.service), "name": one.name, "release": one.release}
            for one in payload.commands
        ],
        "files": [
            *(
                {"path": f.path, "content": _content(f, key), "secret": f.secret, "mode": f.mode}
                for f in payload.files
            ),
            *_of_trees(payload),
        ],
        "checks": [
            {
                "url": c.url,
                "port": c.port,
                "command": list(c.command),
                "status": c.status,
                "timeout": c.timeout,
                "service": c.service,
            }
            for c in payload.checks
        ],
        "variables": dict(payload.variables),
        "keep": payload.keep,
        "data": {one.name: {"version": one.version, "path": one.path} for one in payload.data},
    }


def written(record: Record) -> str:
    """Write a record as the node keeps it."""
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def digest_of(record: Record) -> str:
    """Name a payload by its record: equal ones change nothing."""
    return sha256(canonical(record)).hexdigest()


def _of_trees(payload: Payload) -> Iterator[Record]:
    """Describe rendered files that are part of a tree, beside the code."""
    for tree in payload.trees:
        for part in tree.parts:
            for member in part.members if part.name.startswith(RENDERED) else ():
                if member.content is not None:
                    path = f"{part.name.removeprefix(RENDERED)}/{member.path}"
                    digest = sha256(member.content).hexdigest()
                    yield {"path": path, "content": digest, "secret": False, "mode": member.mode}


def _content(file: PlacedFile, key: str) -> str:
    if file.content is None:
        return ""
    if file.secret:
        return sealed(key, file.path, file.content)
    return sha256(file.content).hexdigest()
