"""What the documentation names exists, and what exists is in it."""

from __future__ import annotations

import argparse
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING

import generate
import pytest
from pages import PAGES, ROOT, blocks, name_of, stead_commands

from stead.cli import main as program
from stead.formats import stead_toml
from stead.modules.registry.opening import shipped

if TYPE_CHECKING:
    from pathlib import Path

TEXT = {page: page.read_text("utf-8") for page in PAGES}
REFERENCE = ROOT / "docs" / "reference"
GUIDES = [p for p in PAGES if p.parent != REFERENCE and p.parent != ROOT]
SOURCES = [
    p
    for p in (ROOT / "src").rglob("*")
    if p.is_file() and p.suffix in (".py", "") and ROOT / "src/stead/registry" not in p.parents
]


@pytest.mark.parametrize("page", generate.pages(), ids=lambda p: p.name)
def test_generated_pages_are_current(page: Path):
    assert page.read_text("utf-8") == generate.pages()[page], "run `nox -s docs`"


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Give the parser of each command and subcommand, by its words."""
    found = {}
    for name in program.COMMANDS:
        parser = program.parser_of(name)
        found[name] = parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                found |= {f"{name} {sub}": p for sub, p in action.choices.items()}
    return found


PARSERS = parsers()


def options_of(name: str) -> set[str]:
    return {o for action in program.shown_of(PARSERS[name]) for o in action.option_strings}


def test_each_command_and_option_is_in_the_reference():
    text = TEXT[REFERENCE / "commands.md"]
    sections = dict(
        re.findall(r"^#+ `stead ([\w ]+)`\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    assert set(sections) == set(PARSERS)
    for name, section in sections.items():
        shown = set(re.findall(r"`(--?[a-zA-Z][\w-]*)", section))
        assert options_of(name) - {"-h", "--help"} <= shown, name


def mentions(page: Path) -> list[tuple[str, list[str]]]:
    """Give each ``stead …`` of a page in code: where it stands, and its words."""
    found = [(f"{name_of(page)}:{line}", text) for line, text in stead_commands(page)]
    found += [(name_of(page), text) for text in re.findall(r"`(stead [^`\n]+)`", TEXT[page])]
    result = []
    for where, text in found:
        for match in re.finditer(
            r"(?:^|[\s(\"/;&])stead((?:\s+-C\s+\S+)?\s+[a-z](?:[^|;&)\n]|(?<=\\)\n)*)", text
        ):
            try:
                words = shlex.split(match[1].replace("…", " "), comments=True)
            except ValueError:
                words = match[1].replace("…", " ").split()
            result.append((where, words))
    return result


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_option_that_a_page_names_exists(page: Path):
    for where, words in mentions(page):
        if words[:1] == ["-C"]:
            del words[:2]
        if not words or words[0] == "COMMAND" or words[0] == "help":
            continue
        assert words[0] in program.COMMANDS, f"{where}: there is no command `stead {words[0]}`"
        name = " ".join(words[:2]) if " ".join(words[:2]) in PARSERS else words[0]
        for option in asked_options(name, words[1:]):
            own = of_items() if name in ("module add", "module swap") else set()
            assert option in options_of(name) | own, f"{where}: `stead {name}` has no {option}"


@cache
def of_items() -> set[str]:
    """Give the options that items of the shipped registry have of their own."""
    here = shipped()
    return {f"--{option.name}" for name in here.names() for option in here.item(name).options}


def asked_options(name: str, words: list[str]) -> list[str]:
    """Give the options among a command's words; what `run` runs has its own."""
    found = []
    for before, word in zip(["", *words], words, strict=False):
        if word == "--":
            break
        if word.startswith("-") and word != "-":
            found.append(word.split("=")[0])
        elif name in ("run", "launcher") and before not in ("-e", "-o", "--name"):
            break
    return found


# What these two say of pip's options is about requirements files.
ABOUT_PIP = (ROOT / "docs" / "existing-projects.md", REFERENCE / "files.md")


@pytest.mark.parametrize("page", [p for p in GUIDES if p not in ABOUT_PIP], ids=name_of)
def test_each_option_that_a_page_names_alone_exists(page: Path):
    known = set().union(*map(options_of, PARSERS), ["--help", "--version"], of_items())
    named = set(re.findall(r"`(--[a-z][\w-]*)[^`\n]*`", TEXT[page]))
    assert named - known == set()


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_each_manifest_on_a_page_can_be_read(page: Path):
    for block in blocks(page):
        if (
            block.remark("not a manifest")
            or block.language != "toml"
            or (block.remark("file") or "stead.toml") != "stead.toml"
        ):
            continue
        text = "\n".join(block.lines)
        file = f"{page.parent}/stead.toml"
        assert stead_toml.read(file, lambda _, text=text: text), f"{name_of(page)}:{block.line}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT[page]):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{name_of(page)}: {target} is not there"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{name_of(page)}: {target} names no heading"


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as they are made for the web."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_each_page_can_be_reached_from_the_readme():
    reached, wanted = set(), [ROOT / "README.md"]
    while wanted:
        page = wanted.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+)", page.read_text("utf-8"))
        wanted += [(page.parent / link).resolve() for link in links if "://" not in link]
    lost = [name_of(p) for p in PAGES if p not in reached]
    assert not lost, f"no link leads to {lost}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_the_host_of_a_package_registry(page: Path):
    hosts = ("pypi", "pythonhosted", "anaconda", "npmjs", "debian", "prefix")
    found = re.findall(rf"[\w.-]*\b(?:{'|'.join(hosts)})\.(?:org|com|dev|net)\b", TEXT[page])
    assert not found


def test_each_variable_that_the_program_reads_is_documented():
    page = TEXT[REFERENCE / "environment-variables.md"]
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)(?:<NAME>\w*)?`", page))
    used = set()
    for source in SOURCES:
        used |= set(re.findall(r"\bSTEAD_[A-Z_]*[A-Z_]", source.read_text("utf-8", "replace")))
    prefixes = tuple(name for name in documented if name.endswith("_"))
    assert {name for name in used - documented if not name.startswith(prefixes)} == set()


def test_each_foreign_variable_that_the_program_reads_is_documented():
    page = TEXT[REFERENCE / "environment-variables.md"]
    documented = set(re.findall(r"`\$?([A-Z][A-Z0-9_]+)", page))
    read = set()
    for source in SOURCES:
        text = source.read_text("utf-8", "replace")
        read |= set(re.findall(r"\benviron(?:\.get\(|\[)\"([A-Z][A-Z0-9_]+)\"", text))
        read |= set(re.findall(r"\bat\(\s*\"([A-Z][A-Z0-9_]+)\"", text))
    assert {"PIP_INDEX_URL", "PYENV_ROOT"} <= read, "the search finds nothing any more"
    assert read - documented == set()


def test_what_the_architecture_names_is_there():
    """Files by their path in the package, and functions and tables in them."""
    text = TEXT[ROOT / "docs" / "architecture.md"]
    package = ROOT / "src" / "stead"
    files = set(re.findall(r"`([a-z_]+/[a-z_/*]+\.(?:py|\*))`", text))
    assert len(files) > 50
    assert [f for f in sorted(files) if not [*package.glob(f), *ROOT.glob(f)]] == []
    named = re.findall(r"`(\w+)` in\s`([a-z_/]+\.py)`", text)
    assert len(named) > 10
    gone = [
        (name, file)
        for name, file in named
        for found in [*package.glob(file), *ROOT.glob(file)]
        if not re.search(rf"\b{name}\b", found.read_text("utf-8"))
    ]
    assert gone == []
