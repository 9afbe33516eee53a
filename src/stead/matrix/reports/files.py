"""The files that a run leaves, written where the caller wants them."""

from __future__ import annotations

import os

from stead.values.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from stead.matrix.reports.facts import About
    from stead.values.suite import Result


@dataclass(frozen=True, slots=True)
class Files:
    """Paths of reports; empty for those that are not wanted.

    ``job_summary`` is appended to: other steps of a CI job write there too.
    """

    junit: str = ""
    html: str = ""
    json: str = ""
    job_summary: str = ""

    def __bool__(self) -> bool:
        return bool(self.junit or self.html or self.json or self.job_summary)


def write(files: Files, results: Iterable[Result], about: About) -> tuple[str, ...]:
    """Write the reports that are wanted, making directories; gives the paths written.

    A report is whole or not there: it takes the place of an earlier one at the end.
    Raises :class:`~stead.values.errors.StoreError` where one cannot be written.
    """
    listed = list(results)
    written = []
    if files.junit:
        from stead.matrix.reports import junit

        written.append(_replace(files.junit, junit.report(listed, about)))
    if files.json:
        from stead.matrix.reports import as_json

        written.append(_replace(files.json, as_json.report(listed, about)))
    if files.html:
        from stead.matrix.reports import as_html

        written.append(_replace(files.html, as_html.report(listed, about)))
    if files.job_summary:
        from stead.matrix.reports import github

        written.append(_append(files.job_summary, github.job_summary(listed, about)))
    return tuple(written)


def _replace(path: str, text: str) -> str:
    from stead.store.atomic import storage, write_file

    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with storage(path), open(target, "wb") as file:  # a pipe or device, or an error
            file.write(text.encode())
    else:
        write_file(target, text.encode())
    return path


def _append(path: str, text: str) -> str:
    from stead.store.atomic import storage

    with storage(path), open(path, "ab") as file:
        file.write(text.encode())
    return path
