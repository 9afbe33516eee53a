"""The link that editors look for (``link = ".venv"``)."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from stead.store.atomic import inside
from stead.store.layout import Layout
from stead.store.roots import add_link
from stead.values.errors import StoreError
from stead.values.names import DEFAULT

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.spec import Spec


def update_link(spec: Spec, build: str, context: Context) -> None:
    """Point the place's link at a build of its default environment.

    What stands there and is not a link into the store is left alone, and said;
    so is a directory where no link can be made. Other environments leave it be.
    """
    if spec.environment != DEFAULT:
        return
    try:
        path = str(inside(spec.place, spec.link))
    except StoreError:
        context.progress.note(f"link {spec.link!r} leaves the place, so it is not made")
        return
    store = os.path.join(str(context.home), "store") + os.sep
    if os.path.lexists(path):
        if not os.path.islink(path) or not os.readlink(path).startswith(store):
            context.progress.note(f"{path} is not Stead's, so it stays as it is")
            return
        if os.readlink(path) == build:
            return
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(build, temporary)
        os.replace(temporary, path)
        # What it leads to stays, whatever the place uses besides.
        add_link(Layout(context.home), path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        context.progress.note(f"{path} cannot be made: {exc.strerror}")
