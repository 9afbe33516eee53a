"""Files that are made from the table, on a node.

One without a secret is part of a tree of its own, beside the code, so that code finds it
where it was asked for. In place of one that holds a secret there is a link to where the
node keeps it: with its generation, mode 0600. The tree then lies with the generation as
well (``own``), so that what runs before the switch, what runs, and what runs again after a
way back each read their own.
"""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING

from stead.deploy.targets import generation_directory, tree_directory
from stead.pipeline import rendering
from stead.values.deployment import Member, PlacedFile
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.deploy.places import Places
    from stead.values.platform import Platform
    from stead.values.secret import Secret, SecretReference
    from stead.values.table import LiteralSecret, Table


@dataclass(frozen=True, slots=True)
class Rendered:
    """What becomes of the files of one app."""

    members: tuple[Member, ...] = ()
    """Of its tree, sorted by path."""
    placed: tuple[PlacedFile, ...] = ()
    """Those that hold a secret."""


def references(table: Table) -> tuple[SecretReference | LiteralSecret, ...]:
    """Name the secrets that the files of a table need."""
    return tuple(
        dict.fromkeys(r for plan in rendering.planned(table) for r in rendering.needed(plan, table))
    )


def rendered(
    table: Table,
    where: Places,
    *,
    name: str,
    code: str,
    platform: Platform,
    resolved: Mapping[SecretReference | LiteralSecret, Secret] | None,
    own: bool = True,
) -> Rendered:
    """Make the files of an app; ``name`` is its service's, ``code`` the key of the code's tree.

    ``own`` is false of an image, which holds trees alone: what starts it brings the rest.
    Without ``resolved`` those with a secret have no content. Raises ManifestError.
    """
    plans = rendering.planned(table)
    if not plans:
        return Rendered()
    tree = tree_directory(where.root, code)
    open_plans = [p for p in plans if resolved is not None or not p.secret]
    texts = rendering.all_contents(open_plans, table, platform, resolved)
    made = {p.path: t.encode("utf-8", "surrogateescape") for p, t in zip(open_plans, texts, strict=True)}  # fmt: skip
    members: dict[str, Member] = {}
    placed = []
    for plan in plans:
        inside = os.path.relpath(where.there(plan.path), tree)
        if plan.secret:
            kept = f"files/{name}/{inside}"
            path = f"{generation_directory(where.root, where.recipe)}/{kept}"
            placed.append(PlacedFile(path, made.get(plan.path), secret=True, mode=0o600))
            up = "../" * (2 + inside.count("/"))
            link = up + (kept if own else f"recipes/{where.recipe}/current/{kept}")
            members[inside] = Member(inside, "link", 0o777, link)
        else:
            content = made[plan.path]
            members[inside] = Member(inside, "file", 0o644, content=content, size=len(content))
        at = os.path.dirname(inside)
        while at and at not in members:
            members[at] = Member(at, "directory", 0o755)
            at = os.path.dirname(at)
    return Rendered(tuple(members[path] for path in sorted(members)), tuple(placed))
