"""Variables that add to themselves: lists that a process has already."""

from __future__ import annotations

import pytest

from stead.config.bind import resolve
from stead.config.outcome import to_changes
from stead.pipeline.configure import require
from stead.values.activation import Change, apply
from stead.values.errors import ConfigurationError
from stead.values.manifest import PathEntry
from stead.values.origin import Origin
from stead.values.platform import platform_named
from stead.values.selection import Selection
from stead.values.spec import Configuration
from stead.values.table import Definition


def changed(separator=":", **given):
    definitions = tuple(
        Definition(n, v, "vars", base="/p", origin=Origin("/p/stead.toml", line))
        for line, (n, v) in enumerate(given.items(), 1)
    )
    table = resolve(
        Configuration(definitions=definitions, paths=(PathEntry("tools", "tools", "/p"),)),
        Selection(),
        platform=platform_named("win-64" if separator == ";" else "linux-64"),
        ambient={},
        place="/p",
    )
    require(table)
    return to_changes(table, separator)


def test_plain_variables_are_set():
    assert changed(A="1", B="${A}2", C=None) == (Change("set", "A", "1"), Change("set", "B", "12"))


def test_a_list_that_ends_with_itself_is_put_before():
    result = changed(PATH="${paths.tools}:/b:${PATH}")
    assert apply(result, {"PATH": "/usr/bin:/b"})["PATH"] == "/p/tools:/b:/usr/bin"
    assert apply(result, {})["PATH"] == "/p/tools:/b"


def test_a_list_that_begins_with_itself_is_put_after():
    result = changed(MANPATH="${MANPATH}:/a:${paths.tools}")
    assert apply(result, {"MANPATH": "/m"})["MANPATH"] == "/m:/a:/p/tools"


def test_a_list_on_windows_has_its_own_separator():
    (change,) = changed(PATH="C:/t;${PATH}", separator=";")
    assert change == Change("prepend", "PATH", "C:/t", ";")


def test_an_escaped_reference_to_oneself_is_text():
    assert changed(PATH="/a:$${PATH}") == (Change("set", "PATH", "/a:${PATH}"),)


def test_entries_of_a_list_may_refer_to_others():
    assert changed(A="/a", PATH="${A}/bin:${PATH}")[1] == Change("prepend", "PATH", "/a/bin")


@pytest.mark.parametrize("value", ["/a:${PATH}:/b", "${PATH}", "x${PATH}", "${PATH}:${PATH}"])
def test_other_ways_to_name_oneself_stay_cycles(value):
    with pytest.raises(ConfigurationError, match="refers to itself"):
        changed(PATH=value)


def test_a_list_has_no_value_that_others_could_refer_to():
    with pytest.raises(ConfigurationError, match="no value of its own"):
        changed(PATH="/a:${PATH}", X="${PATH}")


def test_two_lists_that_need_each_other_end_in_an_error():
    with pytest.raises(ConfigurationError):
        changed(A="${B}:${A}", B="${A}:${B}")
