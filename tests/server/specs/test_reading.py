from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stead.server.specs.checks import MOST_BYTES, SpecError, check_name
from stead.server.specs.reading import kind_of, read, text_of
from stead.server.values import SpecificationKind

TINY = "name: tiny\nchannels:\n  - http://127.0.0.1:18090\ndependencies:\n  - tiny\n"
FACTS = Path(__file__).parents[1] / "facts" / "requests.json"


def refusals():
    """The specifications that were refused in the recorded requests, with what was answered."""
    for one in json.loads(FACTS.read_text())["requests"]:
        sent = (one.get("request") or {}).get("json") or {}
        if "specification" in sent and one["status"] == 400:
            yield sent["specification"], one["body"]["message"]


def test_a_specification_has_all_keys_that_the_api_answers():
    found = read(TINY)
    assert found.name == "tiny"
    assert found.spec == {
        "channels": ["http://127.0.0.1:18090"],
        "dependencies": ["tiny"],
        "description": "",
        "name": "tiny",
        "prefix": None,
        "variables": None,
    }
    # How it is laid out means nothing.
    assert read(TINY.replace("  - ", "- ") + "# end\n").sha256 == found.sha256
    assert read(TINY + "description: a\n").sha256 != found.sha256


def test_what_is_refused_is_refused_in_the_recorded_words():
    recorded = list(refusals())
    assert len(recorded) >= 2
    for text, message in recorded:
        with pytest.raises(SpecError) as caught:
            read(text)
        assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "Invalid YAML"),
        ("name: a\ndependncies: []\n", "dependncies"),
        ("name: a\nchannels: x\n", "valid list"),
        ("name: a\ndependencies: [3]\n", "valid string"),
        ("name: a\ndependencies: [{conda: [x]}]\n", "only one `pip:`"),
        ("name: a\ndependencies: [{pip: [-e .]}]\n", "names files"),
        ("name: a\ndependencies: [{pip: ['x @ file:///etc/passwd']}]\n", "names files"),
        ("name: a\ndependencies: [{pip: [-r/etc/passwd]}]\n", "names files"),
        ("name: a\ndependencies:\n- tiny\n- 'py[thon'\n", "line 4"),
        ("name: a\nname: b\n", "stands twice"),
        ("a: &a [x]\nname: b\nchannels: [*a, *a]\n", "aliases"),
        ("name: ../a\n", "cannot be used"),
        ("name: a..b\n", "cannot be used"),
        ("name: \u0430bc\n", "CYRILLIC SMALL LETTER A"),
        ("name: " + "a" * 129 + "\n", "129 characters"),
        ("name: a\n# " + "x" * MOST_BYTES, "larger than"),
        ("[" * 10_000, "Invalid YAML"),
    ],
)
def test_what_is_no_specification_is_refused(text, said):
    with pytest.raises(SpecError, match=said):
        read(text)


def test_a_lock_is_named_by_whoever_hands_it_in():
    text = "version: 1\nmetadata:\n  channels: [{url: 'https://example.org/c'}]\npackage: []\n"
    found = read(text, "lock", name="env")
    assert (found.kind, found.name) == (SpecificationKind.LOCK, "env")
    assert found.spec["channels"] == ["https://example.org/c"]
    assert found.spec["lockfile"]["version"] == 1
    with pytest.raises(SpecError, match="Field required"):
        read(text, "lock")
    with pytest.raises(SpecError, match="version 2"):
        read(text.replace("version: 1", "version: 2"), "lock", name="env")
    with pytest.raises(SpecError, match="no packages"):
        read(TINY, "lock", name="env")


def test_a_manifest_is_read_as_whoever_builds_it_will():
    text = '[packages]\npython = "3.12.*"\n[packages.conda]\nchannels = ["https://example.org/c"]\n'
    found = read(text, "stead", name="env")
    assert found.spec["channels"] == ["https://example.org/c"]
    assert found.spec["stead"]["packages"]["python"] == "3.12.*"
    for bad in ("[pakages]\n", '[packages]\na = {path = "../a"}\n', "uses = 3\n", "= 1\n"):
        with pytest.raises(SpecError):
            read(bad, "stead", name="env")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x: !!binary aGk=", "no place"),
        ("x: !!set {a, b}", "no place"),
        ("x: .nan", "no place"),
        ("x: 99999999999999999999", "no place"),
        ('x: "\\0"', "NUL"),
        ("x: " + "[" * 200 + "]" * 200, "nested"),
        ("channels: 5", "no list"),
        ("channels: [5]", "valid string"),
    ],
)
def test_a_lock_that_cannot_be_kept_is_refused(line, said):
    with pytest.raises(SpecError, match=said):
        read(f"version: 1\nmetadata: {{{line}}}\npackage: []\n", "lock", name="env")


def test_dates_and_numbers_for_keys_are_taken_as_texts():
    text = "version: 1\nmetadata: {at: 2026-11-22T04:00:00Z, 1: a, b: c}\npackage: []\n"
    found = read(text, "lock", name="env").spec["lockfile"]["metadata"]
    assert found == {"at": "2026-11-22T04:00:00+00:00", "1": "a", "b": "c"}


@pytest.mark.parametrize("bad", ["a = " + "[" * 3000, "a = " + "9" * 5000, 'a = "\\u0000"'])
def test_a_manifest_or_lock_that_breaks_readers_is_refused(bad):
    with pytest.raises(SpecError):
        read(bad, "stead", name="env")
    with pytest.raises(SpecError):
        read('[packages]\nnumpy = "*"\n', "stead", name="env", lock=bad)
    assert kind_of(bad) in SpecificationKind


def test_a_text_tells_what_it_is_written_in():
    assert kind_of(TINY) is SpecificationKind.CONDA
    assert kind_of("version: 1\npackage: []\n") is SpecificationKind.LOCK
    assert kind_of('[packages]\nnumpy = "*"\n') is SpecificationKind.STEAD


def test_what_is_built_reads_as_what_was_asked():
    found = read(TINY + "  - pip:\n    - colorama\nvariables:\n  A: 1\n")
    again = read(text_of(found))
    assert again.spec == found.spec
    assert found.spec["variables"] == {"A": "1"}
    # YAML says what a variable is; whoever builds reads texts.
    switched = read(TINY + "variables:\n  A: yes\n  B: 010\n")
    assert "yes" not in text_of(switched)
    assert switched.spec["variables"] == read(text_of(switched)).spec["variables"]


def test_what_is_built_has_its_owners_lines_unless_settings_changed_it():
    text = "# ours\n" + TINY
    found = read(text)
    assert text_of(found) == text
    changed = replace(found, spec={**found.spec, "channels": ["https://other.example/c"]})
    assert "# ours" not in text_of(changed)
    assert read(text_of(changed)).spec == changed.spec


@pytest.mark.parametrize("name", ["a", "A_b-c.d", "0env", "x+y", "_x"])
def test_names_that_may_be_used(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a/b", "a\n", "a b", "a\x00", "a*"])
def test_names_that_may_not(name):
    with pytest.raises(SpecError):
        check_name(name)
