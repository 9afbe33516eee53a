"""Reading the documentation: its pages, code blocks, and the remarks for the tests.

A remark is an HTML comment, which readers do not see:

``<!-- file: PATH -->``      the next block is written to PATH before the page goes on; so is
                           one that begins with ```` ```toml PATH ````
``<!-- directory: NAME -->`` what follows happens in a new directory NAME
``<!-- setup: COMMANDS -->`` run these first
``<!-- world: WHAT -->``      the page needs the package index itself, and a fresh machine that is called box
``<!-- fails: CODE -->``     the last command of the next block ends with CODE
``<!-- terminal: SHELL -->`` the next block is typed into a terminal, prompts and answers included
``<!-- not run: WHY -->``    the next block cannot run in a test
``<!-- not a manifest: WHAT -->``  the next TOML block is something else
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
)
_FENCE = re.compile(r"```(\w*)(?: (\S+))?\s*\Z")
_REMARK = re.compile(
    r"<!-- (file|directory|setup|fails|terminal|not run|not a manifest): (.*?) -->", re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, lines, the line it starts at, and the remarks before it."""

    language: str
    lines: tuple[str, ...]
    line: int
    remarks: tuple[tuple[str, str], ...]

    def remark(self, name: str) -> str | None:
        return dict(self.remarks).get(name)


@dataclass(frozen=True)
class Command:
    """What follows a ``$``, with the lines of output that the page shows."""

    text: str
    shown: tuple[str, ...]
    line: int


def needs_world(page: Path) -> bool:
    """Say whether a page is about the world outside: packages as they are, and a machine."""
    return "<!-- world: " in page.read_text("utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Read the fenced blocks of a page."""
    found: list[Block] = []
    remarks = ""
    language, opened, lines = None, 0, []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if language is None:
            fence = _FENCE.match(line.strip()) if line.lstrip().startswith("```") else None
            if fence:
                language, opened, lines = fence[1], number, []
                remarks += f"<!-- file: {fence[2]} -->" if fence[2] else ""
            else:
                remarks += line + "\n"
        elif line.strip() == "```":
            found.append(Block(language, tuple(lines), opened, tuple(_REMARK.findall(remarks))))
            language, remarks = None, ""
        else:
            lines.append(line)
    assert language is None, f"{name_of(page)}:{opened}: the block does not end"
    return found


def commands(block: Block) -> list[Command]:
    """Take the commands out of a ``console`` block."""
    found: list[Command] = []
    for number, line in enumerate(block.lines, block.line + 1):
        if prompt := re.match(r"(\([^()]*\) )?\$ ", line):
            found.append(Command(line[prompt.end() :], (), number))
        elif re.match(r"> \S", line) and found and not found[-1].shown:
            last = found[-1]
            found[-1] = Command(f"{last.text}\n{line[2:]}", (), last.line)
        else:
            assert found, f"line {number}: output before any command"
            last = found[-1]
            found[-1] = Command(last.text, (*last.shown, line), last.line)
    return found


def stead_commands(page: Path) -> list[tuple[int, str]]:
    """Give line and text of every command of ``stead`` on a page, run or not."""
    return [
        (c.line, c.text)
        for block in blocks(page)
        if block.language == "console"
        for c in commands(block)
        if re.search(r"\bstead\b", c.text)
    ]
