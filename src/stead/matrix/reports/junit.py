"""JUnit XML, as CI services read it.

Held to the schema that Jenkins publishes, which is what most readers accept: a suite
for each package that was tested against, a case for each cell. A package that could
not be built, and an environment that could not be made, are cases too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stead.matrix.reports import logs, summary
from stead.matrix.reports.text import attribute, xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stead.matrix.reports.facts import About
    from stead.values.suite import Result

LOG_BYTES = 1 << 16
"""What is kept of a case's log: its end."""

ALL_LOGS_BYTES = 1 << 24
"""What is kept of all logs together."""


def report(results: Iterable[Result], about: About) -> str:
    """Write the report. Logs are read, and cut where they are long."""
    shown = summary.cells(results)
    most = logs.share(len(shown), LOG_BYTES, ALL_LOGS_BYTES)
    suites: dict[str, list[Result]] = {}
    for one in shown:
        suites.setdefault(_suite(one), []).append(one)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    whole = {"name": about.name or "stead", **_numbers(shown, about.seconds, skipped=False)}
    lines.append(f"<testsuites{_attributes(whole)}>")
    for name, own in suites.items():
        lines += _suite_lines(name, own, about, most)
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _suite(one: Result) -> str:
    if one.kind != "cell":
        return f"{summary.KINDS[one.kind]}s"
    return one.definition or "no package"


def _suite_lines(name: str, own: Sequence[Result], about: About, most: int) -> Iterator[str]:
    given = {"name": name, **_numbers(own, sum(one.seconds for one in own), skipped=True)}
    given["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(about.started))
    if about.machine:
        given["hostname"] = about.machine
    yield f"  <testsuite{_attributes(given)}>"
    for one in own:
        yield from _case(name, one, most)
    yield "  </testsuite>"


def _case(suite: str, one: Result, most: int) -> Iterator[str]:
    given = {
        "classname": suite,
        "name": one.environment or one.job,
        "time": f"{one.seconds:.3f}",
    }
    inner = []
    why = summary.remark(one)
    if one.status == "skipped":
        inner.append(f"<skipped{_attributes({'message': why})}/>")
    elif one.status == "flaky":
        inner.append(f"<flakyFailure{_attributes({'type': 'flaky', 'message': why})}/>")
    elif one.status not in summary.GOOD:
        told = {"type": one.status, "message": why or one.status}
        inner.append(f"<failure{_attributes(told)}>{xml(_commands(one))}</failure>")
    tail = logs.tail(one.log, most)
    if tail.text:
        before = f"[{tail.omitted} bytes before this]\n" if tail.omitted else ""
        inner.append(f"<system-out>{xml(before + tail.text)}</system-out>")
    start = f"    <testcase{_attributes(given)}"
    if not inner:
        yield f"{start}/>"
        return
    yield f"{start}>"
    for element in inner:
        yield f"      {element}"
    yield "    </testcase>"


def _commands(one: Result) -> str:
    return "\n".join(f"{ran.code}\t{summary.command(ran)}" for ran in one.commands)


def _numbers(shown: Sequence[Result], seconds: float, *, skipped: bool) -> dict[str, str]:
    found = {
        "tests": str(len(shown)),
        "failures": str(sum(1 for one in shown if one.status not in summary.GOOD)),
        "errors": "0",
        "time": f"{seconds:.3f}",
    }
    if skipped:
        found["skipped"] = str(sum(1 for one in shown if one.status == "skipped"))
    return found


def _attributes(given: Mapping[str, str]) -> str:
    return "".join(f' {name}="{attribute(value)}"' for name, value in given.items())
