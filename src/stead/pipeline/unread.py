"""Composing what can be composed, where a private file of the tree cannot be read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.pipeline import steps
from stead.values.errors import ManifestError
from stead.values.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stead.pipeline.request import Request
    from stead.pipeline.steps import Composed
    from stead.values.context import Context

DOTENV = ".env"


def composed_at_least(
    request: Request, context: Context, *, fetch: bool
) -> tuple[Composed, ManifestError | None]:
    """Compose what can be: as if ``.env`` files were empty, where one cannot be read.

    Gives what is wrong with that one too. Raises what composing raises.
    """
    try:
        return steps.composed_for(request, context, fetch=fetch), None
    except ManifestError as exc:
        unread = private_unread(request)
        if not unread:
            raise
        try:
            empty = replace(request, overlay={**request.overlay, **unread})
            return steps.composed_for(empty, context, fetch=fetch), exc
        except ManifestError:
            raise exc from None


def private_unread(request: Request) -> dict[str, str]:
    """Give the ``.env`` files that may take part, as if they were empty."""
    files = [os.path.join(directory, DOTENV) for directory in parents(request.directory)]
    return {file: "" for file in files if os.path.lexists(file)}


def parents(directory: str) -> Iterator[str]:
    """Give a directory (absolute) and all above it, nearest first."""
    while True:
        yield directory
        above = os.path.dirname(directory)
        if above == directory:
            return
        directory = above
