"""A page's session at a terminal: typed into a real one, and compared with what the page shows.

Called as a program with a file that holds the lines of the block. What stands behind a
prompt is typed when that very prompt is there, and so is what answers a question.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

import pexpect

_PROMPT = re.compile(r"((?:\([^()]*\) )?\$) ?(.*)\Z")
_QUESTION = re.compile(r"(.*\?) (\S+)\Z")
_SETTINGS = {"PS1": "$ ", "TERM": "dumb", "INPUTRC": os.devnull}


@dataclass
class Step:
    """What must be there, what is then typed, and what the page shows after that."""

    awaited: str
    typed: str
    shown: list[str]


def steps(lines: list[str]) -> list[Step]:
    found: list[Step] = []
    for line in lines:
        match = _PROMPT.match(line) or _QUESTION.match(line)
        if match:
            found.append(Step(match[1], match[2], []))
        else:
            found[-1].shown.append(line)
    return found


def missing(shown: list[str], said: str) -> str:
    """Give the first line that the page shows and the program does not say, in that order."""
    rest = iter(said.splitlines())
    for line in shown:
        if line.strip() in ("", "…"):
            continue
        pattern = ".*".join(re.escape(part) for part in re.split(r"\s*…\s*", line.strip()))
        pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
        if not any(re.fullmatch(pattern, found.strip()) for found in rest):
            return line
    return ""


def play(lines: list[str]) -> str:
    """Type a session into bash; gives what is wrong, with all that was said."""
    child = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        env={**os.environ, **_SETTINGS, "SHELL": "/bin/bash"},
        encoding="utf-8",
        timeout=90,
        dimensions=(50, 250),
    )
    transcript: list[str] = []
    previous: Step | None = None
    for step in [*steps(lines), Step("$", "exit", [])]:
        try:
            child.expect_exact(f"{step.awaited} ")
        except (pexpect.TIMEOUT, pexpect.EOF):
            return f"{step.awaited!r} did not come\n{''.join(transcript)}{child.before}"
        transcript += [child.before, str(child.after)]
        if previous is not None and (line := missing(previous.shown, child.before)):
            return f"the page shows, the program does not say: {line}\n{''.join(transcript)}"
        child.sendline(step.typed)
        previous = step
    child.expect(pexpect.EOF)
    child.close()
    return ""


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        wrong = play(file.read().splitlines())
    print(wrong)
    sys.exit(1 if wrong else 0)
