"""`stead remote settings`: what a store server allows, requires and adds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stead.cli import _remote_common as common
from stead.cli import options
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from stead.cli.app import App

MORE = {
    "settings": """\
Without a scope they are those of the whole server; those of a namespace win over them, those of
an environment over both. NAME=VALUE changes one, or several at once: all of them or none. The
items of a list are joined by commas; NAME= takes a bound away, or empties a list or text."""
}


def configure(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "given",
        nargs="*",
        metavar="WORD",
        help="NAMESPACE or NAMESPACE/NAME first, for the settings there; then NAME=VALUE …",
    )
    common.server(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.remote import api

    words = list(args.given)
    scope = _scope(words.pop(0)) if words and "=" not in words[0] else ()
    for word in words:
        name, sign, _ = word.partition("=")
        if not sign or not name:
            raise UsageError(
                f"{word!r} is not NAME=VALUE", remedy="see `stead remote settings --help`"
            )
    client = common.client_for(args, app)
    held = api.settings(client, scope)
    if words:
        given = dict(word.split("=", 1) for word in words)
        api.set_settings(client, scope, {n: value_of(t, held.get(n)) for n, t in given.items()})
        held = api.settings(client, scope)
        shown = {name: held.get(name) for name in given}
    else:
        shown = held
    if args.json:
        app.out_json([{"name": name, "value": value} for name, value in sorted(shown.items())])
        return 0
    for name, value in sorted(shown.items()):
        app.out(common.clean(f"{name} = {json.dumps(value, ensure_ascii=False)}"))
    return 0


def _scope(word: str) -> tuple[str, ...]:
    from stead.values import served

    if "/" in word:
        named = served.parse(word)
        return (named.namespace, named.name)
    return (served.checked(word, "namespace"),)


def value_of(text: str, now: Any) -> Any:
    """Read a value as the kind that it has now; one that has none yet by how it looks."""
    if isinstance(now, list):
        if text.lstrip().startswith("["):
            try:
                return json.loads(text)
            except ValueError as exc:
                raise UsageError(f"{text!r} is no list", remedy="join its items by commas") from exc
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(now, str):
        return text
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
