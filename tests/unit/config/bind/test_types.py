"""What each type takes, what a process gets of it, and what it means."""

from __future__ import annotations

import math
import ntpath
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stead.config.types import TypeFault, check_everywhere, check_type, parse, value
from stead.values.kinds import TYPES, Type
from stead.values.platform import Platform

LINUX, MAC, WINDOWS = Platform("linux-64"), Platform("osx-arm64"), Platform("win-64")
ENUM = Type("enum", choices=("debug", "info"))


def text(kind, raw, platform=LINUX, base="/p"):
    return parse(Type(kind) if isinstance(kind, str) else kind, raw, platform, base)


def fault(kind, raw, platform=LINUX, base="/p"):
    with pytest.raises(TypeFault) as caught:
        text(kind, raw, platform, base)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("str", "", ""), ("str", " any \n text ", " any \n text "),
        ("int", "8", "8"), ("int", "-8", "-8"), ("int", "+8", "8"), ("int", "1_000", "1000"),
        ("int", "0x1F", "31"), ("int", "0o17", "15"), ("int", "0b11", "3"), ("int", "0", "0"),
        ("float", "1.50", "1.5"), ("float", "1e3", "1000.0"), ("float", "-2", "-2.0"),
        ("float", "inf", "inf"), ("float", "nan", "nan"),
        ("bool", "TRUE", "true"), ("bool", "1", "true"), ("bool", "Yes", "true"),
        ("bool", "on", "true"), ("bool", "0", "false"), ("bool", "No", "false"),
        ("bool", "off", "false"), ("bool", "False", "false"),
        (ENUM, "debug", "debug"),
        ("url", "https://u:p%20w@h.example:8080/a?b#c", "https://u:p%20w@h.example:8080/a?b#c"),
        ("url", "http://[::1]:80/", "http://[::1]:80/"), ("url", "sqlite:///x.db", "sqlite:///x.db"),
        ("url", "mongodb://a:1,b:2/x", "mongodb://a:1,b:2/x"), ("url", "file:///x", "file:///x"),
        ("url", "postgresql+asyncpg://h_1/x", "postgresql+asyncpg://h_1/x"),
        ("url", "postgres://%2Fvar%2Frun/x", "postgres://%2Fvar%2Frun/x"),
        ("host", "db.office.lan", "db.office.lan"), ("host", "my_service", "my_service"),
        ("host", "10.0.0.1", "10.0.0.1"), ("host", "::1", "::1"), ("host", "[fe80::1]", "fe80::1"),
        ("host", "example.org.", "example.org."), ("host", "bücher.example", "bücher.example"),
        ("port", "1", "1"), ("port", "65535", "65535"),
        ("duration", "5s", "5s"), ("duration", "1m30s", "90s"), ("duration", "250ms", "250ms"),
        ("duration", "2h", "7200s"), ("duration", "1.5s", "1500ms"), ("duration", "PT5S", "5s"),
        ("duration", "P1DT2H", "93600s"), ("duration", "P2W", "1209600s"), ("duration", "0", "0s"),
        ("duration", "PT0.25S", "250ms"), ("duration", "1h 5m", "3900s"), ("duration", "3us", "3us"),
        ("duration", "1ns", "1ns"), ("duration", "2min", "120s"),
        ("bytes", "10 GiB", "10737418240"), ("bytes", "5MB", "5000000"), ("bytes", "12", "12"),
        ("bytes", "1.5KiB", "1536"), ("bytes", "1 kB", "1000"), ("bytes", "3B", "3"),
        ("json", '{"b": [1, 2.50, null], "a": "ü"}', '{"b":[1,2.5,null],"a":"ü"}'),
        ("json", ("a", "b"), '["a","b"]'), ("json", "1", "1"),
        ("path", "data/x", "/p/data/x"), ("path", "../x", "/x"), ("path", "/srv/./x/", "/srv/x"),
        ("path", ".", "/p"), ("path", "a:b", "/p/a:b"),
        ("paths", "a:/b", "/p/a:/b"), ("paths", ("a", "/b"), "/p/a:/b"), ("paths", (), ""),
        ("data", "/srv/scans", "/srv/scans"), ("secret", "any thing", "any thing"),
    ],
)  # fmt: skip
def test_a_process_gets_the_canonical_text(kind, raw, expected):
    assert text(kind, raw) == expected
    if isinstance(raw, str):
        assert text(kind, expected) == expected


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("str", "a\0b"), ("str", ("a",)), ("int", ""), ("int", "five"), ("int", "1.0"), ("int", " 8"),
        ("int", "08"), ("int", "1__0"), ("int", "0x"), ("int", "9" * 5000), ("int", "٣"),
        ("float", ""), ("float", "1."), ("float", ".5"), ("float", "1e999"), ("float", "x"),
        ("bool", ""), ("bool", "2"), ("bool", "truee"), (ENUM, "warn"), (ENUM, ""),
        ("url", ""), ("url", "example.org"), ("url", "https://"), ("url", "https:///x"),
        ("url", "https://h/ x"), ("url", "https://h/%zz"), ("url", "https://h:0/"),
        ("url", "https://h:99999/"), ("url", "https://h:/"), ("url", "https://h:x/"),
        ("url", "http://[::1/"), ("url", "http://[nope]/"), ("url", "1://h"), ("url", "http://a..b/"),
        ("url", "x://h/\nSet-Cookie: a"), ("url", "http://300.1.1.1/"),
        ("host", ""), ("host", "a b"), ("host", "h:80"), ("host", "https://h"), ("host", "-x"),
        ("host", "a" * 64), ("host", "300.1.1.1"), ("host", "1.2.3.4.5"[:7] + "999"),
        ("port", "0"), ("port", "65536"), ("port", "http"), ("port", "-1"), ("port", ""),
        ("duration", ""), ("duration", "5"), ("duration", "5 parsecs"), ("duration", "s"),
        ("duration", "30s1m"), ("duration", "P"), ("duration", "PT"), ("duration", "P1M"),
        ("duration", "-5s"), ("duration", "5s "), ("duration", "0.1234567891ns"),
        ("duration", "0.5ns"),
        ("bytes", ""), ("bytes", "10G"), ("bytes", "1 XB"), ("bytes", "-1"), ("bytes", "0.5"),
        ("json", ""), ("json", "{"), ("json", "NaN"), ("json", '{"a":1,"a":2}'), ("json", "[" * 99999),
        ("path", ""), ("path", "~"), ("path", "~/x"), ("path", "C:/x"), ("path", "a\0"),
        ("paths", ("a:b",)), ("paths", ("",)), ("paths", ("a\0",)), ("path", ("a",)),
    ],
)  # fmt: skip
def test_what_is_not_of_the_type_is_refused(kind, raw):
    found = fault(kind, raw)
    assert found.message.startswith("expected")


@pytest.mark.parametrize("kind", TYPES)
@given(raw=st.text(max_size=40))
def test_no_text_breaks_a_type(kind, raw):
    made = Type(kind, choices=("a",) if kind == "enum" else ())
    for platform in (LINUX, MAC, WINDOWS):
        try:
            found = parse(made, raw, platform, "C:\\p" if platform.is_windows else "/p")
        except TypeFault:
            continue
        assert "\0" not in found
        value(made, found, platform)


@pytest.mark.parametrize("kind", TYPES)
@given(before=st.text(max_size=20), after=st.text(max_size=9))
def test_no_message_quotes_the_text(kind, before, after):
    raw = f"{before}§{after}"
    for limits in (Type(kind, choices=("a",)), Type(kind)):
        try:
            parse(limits, raw, WINDOWS, "C:\\p")
        except TypeFault as caught:
            found = caught
        else:
            continue
        assert "§" not in found.message + found.remedy


@given(st.integers(-(10**30), 10**30))
def test_whole_numbers_mean_themselves(number):
    assert value(Type("int"), text("int", str(number)), LINUX) == number


@given(st.floats(allow_nan=False))
def test_numbers_mean_themselves(number):
    assert value(Type("float"), text("float", repr(number)), LINUX) == number


@given(st.integers(0, 10**18 - 1))
def test_durations_are_exact(nanoseconds):
    assert text("duration", f"{nanoseconds}ns") == text(
        "duration", text("duration", f"{nanoseconds}ns")
    )
    seconds = value(Type("duration"), text("duration", f"{nanoseconds}ns"), LINUX)
    assert math.isclose(seconds, nanoseconds / 1e9)


def test_what_texts_mean():
    assert value(Type("bool"), "true", LINUX) is True
    assert value(Type("duration"), "1500ms", LINUX) == 1.5
    assert value(Type("paths"), "/a:/b", LINUX) == ["/a", "/b"]
    assert value(Type("paths"), "C:\\a;D:\\b", WINDOWS) == ["C:\\a", "D:\\b"]
    assert value(Type("json"), '{"a":1}', LINUX) == {"a": 1}
    assert value(Type("port"), "80", LINUX) == 80
    assert value(Type("bytes"), "12", LINUX) == 12


def test_limits_are_held():
    assert fault(Type("int", minimum="1"), "0").message == "expected at least 1"
    assert fault(Type("duration", maximum="1m"), "61s").message == "expected at most 1m"
    assert text(Type("bytes", maximum="1 GiB"), "1024 MiB") == "1073741824"
    assert fault(Type("float", maximum="1"), "nan").message == "expected at most 1"
    assert fault(ENUM, "Debug").remedy == "did you mean debug?"
    assert fault(ENUM, "inof").remedy == "did you mean info?"
    assert fault(Type("url", schemes=("https", "http")), "ftp://h/").message == (
        "expected an address that begins with https:// or http://"
    )
    assert text(Type("str", pattern="[a-z]+"), "abc") == "abc"
    assert "matches [a-z]+" in fault(Type("str", pattern="[a-z]+"), "abc\n").message


def test_remedies_say_how():
    assert fault("int", "08").remedy == "write it without leading zeros"
    assert fault("duration", "5").remedy == "say of what: 5s, 5m, 5h"
    assert fault("bytes", "10G").remedy == "write GiB for steps of 1024, or GB for steps of 1000"
    assert fault("path", "~/x").remedy == "write ${HOME} in place of ~"
    assert fault("bool", "ture").remedy == "did you mean true?"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Type("bool", minimum="1"), "bool takes no min"),
        (Type("path", choices=("a",)), "path takes no choices"),
        (Type("int", schemes=("x",)), "int takes no scheme"),
        (Type("int", pattern="x"), "int takes no pattern"),
        (Type("enum"), "enum needs choices"),
        (Type("int", minimum="5", maximum="4"), "min 5 is above max 4"),
        (
            Type("duration", minimum="5"),
            "min is '5': expected a duration such as 5s, 1m30s or 250ms",
        ),
        (Type("int", choices=("a",)), "the choice 'a' can never be: expected a whole number"),
        (Type("int", choices=("0x1",)), "the choice '0x1' is not written as a process gets it"),
        (Type("string"), "there is no type 'string'; did you mean str?"),
    ],
)
def test_a_type_that_makes_no_sense_says_why(kind, expected):
    assert check_type(kind) == [expected]


def test_a_pattern_that_is_none_says_why():
    assert "not a regular expression" in check_type(Type("str", pattern="("))[0]
    assert check_type(Type("str", pattern="a+", choices=("a", "aa"))) == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("data/x", "C:\\p\\data\\x"), ("..", "C:\\"), ("D:/x/./y", "D:\\x\\y"),
        ("//server/share/x", "\\\\server\\share\\x"), ("a b/ü", "C:\\p\\a b\\ü"),
    ],
)  # fmt: skip
def test_paths_on_windows_are_written_as_windows_does(raw, expected):
    assert text("path", raw, WINDOWS, "C:\\p") == expected
    assert ntpath.isabs(expected)


@pytest.mark.parametrize(
    "raw",
    [
        "a:b", "a?", "a*", 'a"b', "a<b", "a|b", "nul", "NUL.txt", "x/con/y", "COM1", "lpt¹.log",
        "a.", "a /b", "x/aux ", "/srv/x", "C:x", "a\tb", "CONIN$",
    ],
)  # fmt: skip
def test_what_windows_cannot_hold_is_refused(raw):
    assert "expected a path" in fault("path", raw, WINDOWS, "C:\\p").message


def test_path_lists_are_joined_as_each_platform_does():
    assert text("paths", ("a", "b"), WINDOWS, "C:\\p") == "C:\\p\\a;C:\\p\\b"
    assert text("paths", ("a", "b"), MAC) == "/p/a:/p/b"
    assert "separates" in fault("paths", ("a;b",), WINDOWS, "C:\\p").message
    assert text("paths", ("a;b",), LINUX) == "/p/a;b"


@given(st.text("ab/.\\ :", min_size=1, max_size=12))
def test_a_path_is_absolute_and_normal_wherever_it_is_allowed(raw):
    for platform, base, module in ((LINUX, "/p", posixpath), (WINDOWS, "C:\\p", ntpath)):
        try:
            found = parse(Type("path"), raw, platform, base)
        except TypeFault:
            continue
        assert module.isabs(found)
        assert module.normpath(found) == found


def test_a_path_is_checked_for_every_platform_from_one_machine():
    every = (LINUX, Platform("linux-aarch64"), MAC, WINDOWS)

    def families(raw, kind="path"):
        return [(f, x.kind) for f, x in check_everywhere(Type(kind), raw, "/p", every)]

    assert families("data/raw") == []
    assert families("a:b") == [("osx", "warning"), ("windows", "error")]
    assert families("aux") == [("windows", "error")]
    assert families("/srv/x") == [("windows", "error")]
    assert families("C:/x") == [("linux", "error"), ("osx", "error")]
    assert families(("a", "b;c"), "paths") == [("windows", "error")]
    assert families(("a", "b:c"), "paths") == [
        ("linux", "error"), ("osx", "error"), ("windows", "error")
    ]  # fmt: skip
    assert families("x/" * 140) == [("windows", "warning")]
    assert check_everywhere(Type("path"), "x", "C:\\p", (LINUX, WINDOWS)) == ()


def test_the_paths_of_a_table_are_checked_for_every_platform(composition):
    from stead.config.everywhere import check_paths

    composition.path("raw", "data/raw")
    composition.path("RAW2", "Data/Raw")
    composition.path("odd", "aux/x")
    composition.declare(A="path", B="paths", C="path", N="str")
    composition.vars(A="${paths.raw}/b?c", B=("x", "${paths.raw}", "${B}"), C="/srv", N="a?b")
    table = composition.resolve()
    assert not table.findings
    found = check_paths(table, (LINUX, MAC, WINDOWS), place="/p")
    assert [(f.message.partition(":")[0], f.where.line) for f in found] == [
        ("paths.RAW2 and paths.raw differ in case alone, and are one file on macOS and Windows", 1),
        ("paths.odd is 'aux/x'", 3),
        ("A is 'x/b?c'", 8),
        ("C is '/srv'", 10),
    ]
    assert all("on Windows" in f.message for f in found[1:])
    assert check_paths(table, (LINUX,), place="/p") == ()
