"""The report as one HTML page: the matrix as a grid, then each job with the end of its log.

The page needs no script and loads nothing. All that comes from outside is escaped in
one function (:func:`stead.matrix.reports.text.xml`), and a content policy in the page
forbids what might still get through.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stead.matrix.reports import logs, summary
from stead.matrix.reports.grid import grid
from stead.matrix.reports.text import attribute, one_line, xml
from stead.values.durations import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stead.matrix.reports.facts import About
    from stead.matrix.reports.grid import Row
    from stead.values.suite import Result, Status

LOG_BYTES = 1 << 16
"""What is shown of the log of a job that did not go well: its end."""

GOOD_LOG_BYTES = 1 << 12
"""What is shown of the others."""

ALL_LOGS_BYTES = 1 << 24

_MARKS: Mapping[Status, str] = {
    "passed": "✓",
    "flaky": "≈",
    "skipped": "–",
    "interrupted": "■",
    "timeout": "✗",
    "failed": "✗",
}

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)

_STYLE = """\
:root { color-scheme: light dark; --ground: #fff; --text: #1c2024; --quiet: #5b6470;
  --line: #d5dae0; --raised: #f5f7f9; --passed: #d8f0de; --passed-text: #14532d;
  --flaky: #fdf0c8; --flaky-text: #6b4a00; --skipped: #eceff2; --skipped-text: #4b5560;
  --failed: #fbdcd9; --failed-text: #8a1c13; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --text: #e4e8ec;
  --quiet: #98a2ad; --line: #343b43; --raised: #1c2125; --passed: #173a25; --passed-text: #a8e6bd;
  --flaky: #43350f; --flaky-text: #f2d98b; --skipped: #262c32; --skipped-text: #a9b3bd;
  --failed: #4b1c19; --failed-text: #ffb4ab; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 4rem; background: var(--ground);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .quiet { color: var(--quiet); }
.wide { overflow: auto; max-height: 85vh; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: separate; border-spacing: 0; }
th, td { padding: .35rem .6rem; text-align: left; border-bottom: 1px solid var(--line);
  border-right: 1px solid var(--line); white-space: nowrap; }
th { background: var(--raised); font-weight: 600; }
thead th { position: sticky; top: 0; z-index: 1; }
td a { color: inherit; text-decoration: none; display: block; }
td a:hover, td a:focus { text-decoration: underline; }
small { opacity: .8; margin-left: .4rem; }
.passed { background: var(--passed); color: var(--passed-text); }
.flaky, .interrupted { background: var(--flaky); color: var(--flaky-text); }
.skipped { background: var(--skipped); color: var(--skipped-text); }
.failed, .timeout { background: var(--failed); color: var(--failed-text); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; }
summary { padding: .35rem .6rem; cursor: pointer; }
.status { display: inline-block; min-width: 6.5rem; padding: 0 .4rem; border-radius: 4px; }
.inside { padding: 0 .8rem .6rem; scroll-margin-top: 3rem; }
pre { margin: .5rem 0; padding: .6rem; background: var(--raised); border-radius: 4px;
  overflow: auto; max-height: 40rem; font: 12.5px/1.45 ui-monospace, monospace; }
"""


def report(results: Iterable[Result], about: About) -> str:
    """Write the page. Logs are read, and cut where they are long."""
    listed = list(results)
    number = {id(one): at for at, one in enumerate(listed)}
    name = xml(one_line(about.name or "Tests"))
    totals = xml(summary.totals(listed, about.seconds))
    facts = [
        time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(about.started)) if about.started else "",
        about.machine,
        about.file,
        f"Stead {about.version}" if about.version else "",
    ]
    return (
        "\n".join(
            [
                "<!doctype html>",
                '<html lang="en">',
                "<head>",
                '<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                _POLICY,
                f"<title>{name}: {totals}</title>",
                f"<style>\n{_STYLE}</style>",
                "</head>",
                "<body>",
                f"<h1>{name}</h1>",
                f"<p>{totals}</p>",
                f'<p class="quiet">{xml(one_line(" · ".join(f for f in facts if f)))}</p>',
                *(f'<p class="quiet">{xml(line)}</p>' for line in summary.made(listed)),
                *_grid(listed, number),
                *_jobs(listed, number),
                "</body>",
                "</html>",
            ]
        )
        + "\n"
    )


def _grid(results: Sequence[Result], number: Mapping[int, int]) -> Iterator[str]:
    made = grid(results)
    rows = [*made.rows, *made.alone]
    if not rows:
        return
    packages = any(package for package, _ in rows)
    rest = any(other for _, other in rows)
    heads = [*(["package"] if packages else []), *(["environment"] if rest else []), *made.columns]
    yield '<h2>Matrix</h2>\n<div class="wide">\n<table>'
    titles = "".join(f'<th scope="col">{xml(head)}</th>' for head in heads)
    yield f"<thead><tr>{titles}</tr></thead>"
    yield "<tbody>"
    for row in made.rows:
        cells = [_cell(made.cells.get((row, column), ()), number) for column in made.columns]
        yield _row(row, cells, packages=packages, rest=rest)
    for row, alone in made.alone.items():
        cell = _cell(alone, number, across=len(made.columns))
        yield _row(row, [cell], packages=packages, rest=rest)
    yield "</tbody>\n</table>\n</div>"


def _row(row: Row, cells: Sequence[str], *, packages: bool, rest: bool) -> str:
    shown = [*(row[:1] if packages else ()), *(row[1:] if rest else ())]
    heads = "".join(f'<th scope="row">{xml(one_line(head))}</th>' for head in shown)
    return f"<tr>{heads}{''.join(cells)}</tr>"


def _cell(results: Sequence[Result], number: Mapping[int, int], *, across: int = 1) -> str:
    if not results:
        return "<td></td>"
    worst = max(results, key=lambda one: summary.STATUSES.index(one.status))
    links = "".join(
        f'<a href="#job-{number[id(one)]}" title="{attribute(_hint(one))}">'
        f"{_MARKS[one.status]} {one.status}{_took(one)}</a>"
        for one in results
    )
    span = f' colspan="{across}"' if across > 1 else ""
    return f'<td class="{worst.status}"{span}>{links}</td>'


def _hint(one: Result) -> str:
    why = summary.remark(one)
    return one_line(f"{one.job}: {why}" if why else one.job)


def _took(one: Result) -> str:
    return f"<small>{duration(one.seconds)}</small>" if one.seconds else ""


def _jobs(results: Sequence[Result], number: Mapping[int, int]) -> Iterator[str]:
    bad = [one for one in results if one.status not in summary.GOOD]
    most = logs.share(len(bad), LOG_BYTES, ALL_LOGS_BYTES)
    rest = logs.share(len(results), GOOD_LOG_BYTES, ALL_LOGS_BYTES)
    if results:
        yield "<h2>Jobs</h2>"
    order = sorted(results, key=lambda r: summary.STATUSES.index(r.status), reverse=True)
    for one in order:
        yield from _job(one, number[id(one)], rest if one.status in summary.GOOD else most)


def _job(one: Result, number: int, most: int) -> Iterator[str]:
    is_open = " open" if one.status not in summary.GOOD else ""
    why = summary.remark(one)
    yield f"<details{is_open}>"
    yield (
        f'<summary><span class="status {one.status}">{_MARKS[one.status]} {one.status}</span> '
        f"{xml(one_line(summary.title(one)))}{_took(one)}"
        f"{f' <span class=quiet>{xml(why)}</span>' if why else ''}</summary>"
    )
    yield f'<div class="inside" id="job-{number}">'
    if one.commands:
        ran = "\n".join(f"{c.code:>4}  {summary.command(c)}" for c in one.commands)
        yield f"<pre>{xml(ran)}</pre>"
    tail = logs.tail(one.log, most)
    if tail.omitted:
        yield f'<p class="quiet">{tail.omitted} bytes before this: {xml(one_line(one.log))}</p>'
    if tail.text:
        yield f"<pre>{xml(tail.text)}</pre>"
    elif not one.commands:
        yield '<p class="quiet">nothing was written</p>'
    yield "</div>\n</details>"
