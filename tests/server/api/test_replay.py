"""The requests that were recorded from conda-store, asked again in their order."""

from __future__ import annotations

import json
from pathlib import Path

FACTS = Path(__file__).parents[1] / "facts"
RECORDED = json.loads((FACTS / "requests.json").read_text())["requests"]
PATHS = json.loads((FACTS / "paths.json").read_text())["paths"]

FREE = {"metadata_", "spec", "entity_permissions", "entity_roles"}
"""Tables whose keys are content, not shape."""


def shape(value: object, *, free: bool = False) -> object:
    """Give a value with its keys, and the kinds of what is in it."""
    if isinstance(value, dict):
        return {k: shape(v, free=k in FREE) for k, v in value.items()} if not free else "object"
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_recorded_requests_are_answered_alike(client):
    asked = 0
    for number, recorded in enumerate(RECORDED):
        path = recorded["path"]
        if path == RECORDED[number - 1]["path"] == "/api/v1/build/1/":
            client.complete(1, FILES)
        answer = client.ask(
            recorded["method"],
            path,
            token="" if recorded["as"] == "anonymous" else None,
            **recorded.get("request", {}),
        )
        told = f"{recorded['method']} {path}: {answer.text}"
        assert answer.status_code == recorded["status"], told
        expected = recorded["body"]
        if answer.headers["content-type"].startswith("text/plain"):
            assert answer.text == _text(expected)
            asked += 1
            continue
        given = answer.json()
        if path == "/api/v1/permission/" and recorded["as"] == "admin":
            assert given["data"].pop("expiration") is None
            expected["data"].pop("expiration")
            assert given == expected
        elif path == "/api/v1/channel/":
            # Here channels are those that builds took packages from.
            expected["data"][0]["last_update"] = None
            assert shape(given) == shape(expected)
        elif path.startswith("/api/v1/setting/"):
            # No channel is indexed, or taken from where none is named, unless it is set.
            assert {k: type(v) for k, v in given["data"].items()} == {
                k: type(v) for k, v in expected["data"].items()
            }
        elif path == "/api/v1/usage/":
            assert given["data"]["team"] == expected["data"]["team"]
        else:
            if (
                "data" in given
                and path.endswith("build/1/")
                and given["data"].get("build_artifacts")
            ):
                assert given["data"]["status"] == expected["data"]["status"]
            assert shape(given) == shape(expected), told
        asked += 1
    assert asked == len(RECORDED)


def _text(body: object) -> str:
    return body if isinstance(body, str) else json.dumps(body)


def _body(path: str) -> bytes:
    return _text(next(r["body"] for r in RECORDED if r["path"] == path)).encode()


FILES = {
    "LOGS": b"",
    "LOCKFILE": _body("/api/v1/build/1/lockfile/"),
    "YAML": _body("/api/v1/build/1/yaml/"),
    "CONDA_PACK": b"",
}
