"""The commands in the documentation do what the pages say."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pages import PAGES, Block, Command, blocks, commands, name_of, needs_world
from terminal import missing

from stead.testing.lab import Lab
from stead.testing.roots import base_root

HERE = Path(__file__).parent
RUN = [p for p in PAGES if any(b.language == "console" for b in blocks(p))]


@pytest.mark.parametrize("page", [p for p in RUN if not needs_world(p)], ids=name_of)
def test_each_command_does_what_the_page_says(page: Path, tmp_path: Path, account, channel) -> None:
    _go_through(page, tmp_path, account, channel, patience=400)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.needs("mmdebstrap")
@pytest.mark.parametrize("page", [p for p in RUN if needs_world(p)], ids=name_of)
def test_each_command_does_so_in_the_world(page: Path, tmp_path: Path, account, channel) -> None:
    place = tmp_path / "lab"
    place.mkdir()
    del account["UV_DEFAULT_INDEX"]
    # How the index is reached from here is not the page's matter.
    here = {k: v for k, v in os.environ.items() if k.startswith(("SSL_", "PIP_", "UV_"))}
    with Lab(str(place), base_root()) as lab:
        lab.host("box")
        path = {"PATH": f"{lab.path}{os.pathsep}{account['PATH']}"}
        _go_through(page, tmp_path, {**here, **account, **path}, channel, patience=400)


def _go_through(page: Path, tmp_path: Path, account, channel, *, patience: float) -> None:
    # One interactive bash goes through the page, so that `cd`, variables and the hook
    # mean what they mean to the reader. Nothing of her terminal is needed for that.
    results = tmp_path / "results"
    results.mkdir()
    (tmp_path / "home" / "work").mkdir()
    script, expected = _script(page, results, channel)
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-i"],
        input=script,
        cwd=tmp_path / "home" / "work",
        env={**account, "PWD": str(tmp_path / "home" / "work")},
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
        start_new_session=True,
    )
    for number, (command, code) in enumerate(expected):
        where = f"{name_of(page)}:{command.line}: {command.text}"
        kept = results / f"{number}.code"
        assert kept.exists(), f"{where}: never came to it\n{done.stderr[-2000:]}"
        said = (results / str(number)).read_text("utf-8")
        assert int(kept.read_text()) == code, f"{where}: ended with {kept.read_text()}\n{said}"
        _check_shown(command, said, where)


def _script(page: Path, results: Path, channel) -> tuple[str, list[tuple[Command, int]]]:
    lines = ["set +H; PS1=; PS2=; unset HISTFILE"]
    expected: list[tuple[Command, int]] = []

    def run(command: Command, code: int) -> None:
        at = shlex.quote(str(results / str(len(expected))))
        lines.append(f"{{\n{command.text}\n}} > {at} 2>&1 < /dev/null; echo $? > {at}.code")
        expected.append((command, code))

    for block in blocks(page):
        for name, value in block.remarks:
            if name == "directory":
                path = shlex.quote(value)
                run(Command(f'cd "$HOME/work" && mkdir -p {path} && cd {path}', (), block.line), 0)
            elif name == "setup":
                run(Command(value.strip(), (), block.line), 0)
        if block.remark("file") is not None:
            run(_writing(block, channel), 0)
        elif block.remark("terminal") is not None:
            run(_typing(block, results / f"{len(expected)}.session"), 0)
        elif block.language == "console" and block.remark("not run") is None:
            asked = commands(block)
            for command in asked:
                last = command is asked[-1]
                run(command, int(block.remark("fails") or 0) if last else 0)
    return "\n".join(lines) + "\n", expected


def _writing(block: Block, channel) -> Command:
    """Write a file that the page shows. conda-forge is the test's own channel."""
    name = block.remark("file") or ""
    text = "\n".join(block.lines) + "\n"
    if "conda-forge" in text:
        text = text.replace("conda-forge", channel().as_uri())
    folder = shlex.quote(os.path.dirname(name) or ".")
    made = f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {shlex.quote(name)}"
    return Command(made, (), block.line)


def _typing(block: Block, session: Path) -> Command:
    """Type a block into a terminal."""
    session.write_text("\n".join(block.lines) + "\n", encoding="utf-8")
    words = [sys.executable, str(HERE / "terminal.py"), str(session)]
    return Command(shlex.join(words), (), block.line)


def _check_shown(command: Command, said: str, where: str) -> None:
    """Each line that the page shows is said, in that order; ``…`` stands for anything."""
    line = missing(list(command.shown), said)
    assert not line, f"{where}\nthe page shows, the program does not say: {line}\n{said}"
