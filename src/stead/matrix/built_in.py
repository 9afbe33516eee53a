"""The environment that a definition names for its build, made ready as any of the place's."""

from __future__ import annotations

import os

from stead.values.errors import ManifestError
from stead.values.suite import Ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.package import PackageDefinition


def named(definition: PackageDefinition, root: str, context: Context) -> Ready | None:
    """Give the environment that a definition is built in; None where it names none.

    ``root`` is the place. The environment is locked in the place's lock. Raises what locking
    and building raise, ManifestError for one that is empty.
    """
    if not definition.environment:
        return None
    from stead.matrix.resolution import here
    from stead.pipeline.request import Request
    from stead.pipeline.steps import prepare

    platform = here()
    home = context.environ.get("HOME") or os.path.expanduser("~")
    request = Request(
        directory=root,
        environment=definition.environment,
        platform=platform,
        here=platform,
        user_home=os.path.realpath(home),
        named=True,
    )
    return of_build(definition, prepare(request, context).activation.build)


def of_build(definition: PackageDefinition, build: str) -> Ready:
    """Give a build as the environment to build in. Raises ManifestError where there is none."""
    from stead.matrix.resolution import here
    from stead.store.layout import key_of

    if not build:
        raise ManifestError(
            f"the environment {definition.environment} is empty, so nothing can be built in it",
            where=definition.origin,
            remedy="ask for what the build needs in its layers, or correct `environment`",
        )
    programs = os.path.join(build, here().bin_directory)
    return Ready(key_of(os.path.basename(build)) or build, build, build, (programs,))
