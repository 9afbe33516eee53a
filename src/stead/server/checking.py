"""Whether all that a store keeps agrees: database, artifact store, workflows, directories.

Each check looks without hindering anybody. What it finds wrong it looks at again, and mends,
in a transaction in which nobody else changes where builds stand: so it may be run beside
servers and workers. What cannot be mended is named with what can be done about it. Run again,
what was mended is not found any more.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import make_url

from stead.server.blobs.store import open_blobs
from stead.server.checks import blobs, events, links, logs, numbers, published, workflows
from stead.server.checks.values import Checked
from stead.server.database.migrations import HEAD, version
from stead.server.database.opening import open_database
from stead.server.engine.queue import BuildQueue
from stead.server.services import blob_options, database_url
from stead.server.values import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stead.server.checks.values import Finding
    from stead.server.config import ServerConfig
    from stead.values.context import Context

CHECKS: Mapping[str, Callable[[Checked], Iterator[Finding]]] = {
    "database": numbers.sound,
    "names": links.names,
    "deleted": links.deleted,
    "links": links.current,
    "workflows": workflows.check,
    "counters": numbers.counters,
    "search": numbers.search,
    "events": events.check,
    "logs": logs.check,
    "blobs": blobs.check,
    "directories": published.check,
}
"""What is looked at, in this order: what is mended first is counted after."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    checked: tuple[str, ...]
    found: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Whether all that was found is mended."""
        return all(one.repaired for one in self.found)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "sound": self.sound,
            "checked": list(self.checked),
            "found": [asdict(one) for one in self.found],
        }


def check(checked: Checked) -> Report:
    """Look at everything, and mend what can be mended. Raises BlobError, and what the database does."""
    found = [finding for each in CHECKS.values() for finding in each(checked)]
    return Report(tuple(CHECKS), tuple(found))


@contextlib.contextmanager
def opened(
    config: ServerConfig,
    secrets: Mapping[str, str],
    *,
    contents: bool = False,
    context: Context | None = None,
) -> Iterator[Checked]:
    """Open a store that is there, as it is. Nothing is made, and nothing brought up to date.

    Raises ServerError where there is none, or one of another version.
    """
    url = database_url(config, secrets)
    file = make_url(url).database if url.startswith("sqlite:") else None
    if file is not None and not os.path.exists(file):
        raise ServerError(
            "there is no store here", where=file, remedy="name its --data or --database"
        )
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(open_database(url))
        if (found := version(database)) != HEAD:
            raise ServerError(
                f"the database is of version {found}, and this program's is {HEAD}",
                remedy="use the version that serves it, or start the server once",
            )
        queue = BuildQueue(database)
        stack.callback(queue.close)
        kept = open_blobs(config.blobs, blob_options(config, secrets))
        yield Checked(database, queue, kept, contents, config.publish, context)
