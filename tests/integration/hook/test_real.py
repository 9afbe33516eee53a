"""The hook with the program it asks: untrusted, unbuilt, broken, built at last."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stead.testing.index import Sdist, Wheel, make_index

PROGRAM = Path(sys.prefix) / "bin" / "stead"


@pytest.fixture
def real(world):
    """The world with the real program."""
    world.answers(str(PROGRAM))
    return world


def stead(world, *words: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [str(PROGRAM), *words],
        cwd=cwd,
        env={
            "HOME": str(world.base),
            "PATH": os.environ["PATH"],
            "STEAD_HOME": str(world.home),
            "XDG_CONFIG_HOME": str(world.base / "rc"),
            **env,
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def lines(said: str) -> list[str]:
    """What the hook said; fish may have painted its mark for a missing line end before it."""
    return [line[line.index("stead: ") :] for line in said.splitlines() if "stead: " in line]


def until(found, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def test_untrusted_then_trusted_then_changed_then_revoked(real, shell, open_terminal):
    place = real.tree / "p"
    write(place / "stead.toml", '[vars]\nA = "1"\n')
    terminal = open_terminal(shell)

    said = lines(terminal.run(f"cd {place}"))
    assert len(said) == 1
    assert "not trusted" in said[0]
    assert terminal.value("A") is None
    assert lines(terminal.run("cd ..")) == []
    assert lines(terminal.run("cd p")) == [], "once is enough"

    stead(real, "trust", "--yes", cwd=place)
    assert terminal.run("true") == ""
    assert terminal.value("A") == "1"

    write(place / "stead.toml", '[vars]\nA = "1"\nLD_PRELOAD = "/evil.so"\n')
    said = lines(terminal.run("true"))
    assert len(said) == 1
    assert "adds LD_PRELOAD" in said[0]
    assert terminal.values("A", "LD_PRELOAD") == {"A": "1", "LD_PRELOAD": None}
    assert lines(terminal.run("true")) == []

    write(place / "stead.toml", '[vars]\nA = "1"\nLOG_LEVEL = "debug"\n')
    assert lines(terminal.run("true")) == []
    assert terminal.values("A", "LOG_LEVEL") == {"A": "1", "LOG_LEVEL": "debug"}

    stead(real, "trust", "--revoke", cwd=place)
    assert len(lines(terminal.run("true"))) == 1
    assert terminal.values("A", "STEAD_APPLIED") == {"A": None, "STEAD_APPLIED": None}


def test_editing_inside_takes_effect_at_the_next_prompt(real, shell, open_terminal):
    place = real.tree / "p"
    write(place / "stead.toml", '[vars]\nLOG_LEVEL = "a"\n')
    stead(real, "trust", "--yes", cwd=place)
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    for level in ("b", "c", "d"):
        terminal.run(f"""printf '[vars]\\nLOG_LEVEL = "{level}"\\n' > stead.toml""")
        assert terminal.value("LOG_LEVEL") == level


def test_a_broken_manifest_keeps_what_was_and_says_so_once(real, shell, open_terminal):
    place = real.tree / "p"
    write(place / "stead.toml", '[vars]\nA = "1"\n')
    stead(real, "trust", "--yes", cwd=place)
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    good = (place / "stead.toml").read_text()
    write(place / "stead.toml", "[vars\n")
    assert len(lines(terminal.run("true"))) == 1
    assert lines(terminal.run("true")) == []
    assert terminal.value("A") == "1"
    write(place / "stead.toml", good)
    assert lines(terminal.run("true")) == []
    assert terminal.value("A") == "1"


def test_files_of_other_tools_that_make_no_place_are_passed(real, shell, open_terminal):
    place = real.tree / "p"
    write(place / "stead.toml", '[vars]\nA = "1"\n')
    write(place / "sub" / "pyproject.toml", "[tool.ruff]\nline-length = 100\n")
    stead(real, "trust", "--yes", cwd=place)
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}/sub")
    assert terminal.value("A") == "1"
    real.answers(None)
    for _ in range(2):
        terminal.run("true")
        terminal.run(f"cd {place}; cd sub")
        terminal.run("cd ..")
        terminal.run("cd sub")
    assert real.asked() == 0
    assert terminal.value("A") == "1"
    write(place / "sub" / "pyproject.toml", '[project]\nname = "x"\nversion = "1"\n')
    terminal.run("true")
    assert real.asked() == 1


def test_a_deleted_directory_with_the_real_program(real, shell, open_terminal):
    place = real.tree / "p"
    write(place / "stead.toml", '[vars]\nA = "1"\n')
    stead(real, "trust", "--yes", cwd=place)
    terminal = open_terminal(shell)
    terminal.run(f"cd {place}")
    shutil.rmtree(place)
    assert lines(terminal.run("true")) == []
    assert terminal.run('echo "[$A]"') == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_unbuilt_place_is_built_behind_the_prompt(real, shell, open_terminal):
    index = make_index(real.base / "index", [Wheel("leaf", "1.0")])
    url = f"{index.as_uri()}/simple"
    place = real.tree / "p"
    write(place / "stead.toml", '[packages.pypi]\nleaf = "*"\n[vars]\nA = "1"\n')
    stead(real, "build", cwd=place, UV_DEFAULT_INDEX=url)
    stead(real, "trust", "--yes", cwd=place)
    [build] = (real.home / "store").glob("*-*")
    subprocess.run(["chmod", "-R", "u+w", build], check=True)
    shutil.rmtree(build)
    # The build waits at this door until the test lets it through: no timing decides.
    gate = real.base / "gate"
    os.mkfifo(gate)
    door = os.open(gate, os.O_RDWR)  # both ends, so that nothing here can wait
    gated = write(
        real.base / "gated",
        f'#!/bin/sh\ncase " $* " in *" --build "*) read x <{gate} ;; esac\nexec {PROGRAM} "$@"\n',
    )
    gated.chmod(0o755)
    terminal = open_terminal(shell, program=gated)
    terminal.run(
        f"set -gx UV_DEFAULT_INDEX {url}" if shell == "fish" else f"export UV_DEFAULT_INDEX={url}"
    )

    said = lines(terminal.run(f"cd {place}"))
    assert len(said) == 1
    assert "background" in said[0]
    assert terminal.value("A") is None, "the prompt came before the build"
    assert lines(terminal.run("cd .; cd ..; cd p")) == [], "one build, said once"

    os.write(door, b"go\n")
    os.close(door)
    until(lambda: list((real.home / "store").glob("*-*")) and terminal.value("A") == "1")
    assert lines(terminal.run("true")) == []
    assert str(build) in (terminal.value("PATH") or "")


def test_a_build_that_fails_is_said_once_and_not_tried_again(real, open_terminal):
    index = make_index(real.base / "index", [Wheel("leaf", "1.0")])
    url = f"{index.as_uri()}/simple"
    place = real.tree / "p"
    write(place / "stead.toml", '[packages.pypi]\nleaf = "*"\n[vars]\nA = "1"\n')
    stead(real, "lock", cwd=place, UV_DEFAULT_INDEX=url)
    stead(real, "trust", "--yes", cwd=place)
    shutil.rmtree(index)
    shutil.rmtree(real.home / "packages", ignore_errors=True)
    terminal = open_terminal("bash")
    terminal.run(f"export UV_DEFAULT_INDEX={url}")
    assert "background" in terminal.run(f"cd {place}")
    said: list[str] = []
    until(lambda: said.extend(lines(terminal.run("true"))) or said)
    assert len(said) == 1
    assert "the build failed" in said[0]
    log = next((real.home / "places" / "builds").glob("*/log"))
    assert "leaf" in log.read_text()
    started = log.stat().st_mtime_ns
    assert lines(terminal.run("cd ..; cd p")) == []
    assert log.stat().st_mtime_ns == started


def test_nothing_of_an_untrusted_place_is_built(real, open_terminal):
    """An untrusted lock builds no source distribution, and indeed nothing."""
    marker = real.base / "ran"
    index = make_index(real.base / "index", [Sdist("from-source", "1.0")])
    place = real.tree / "p"
    write(place / "stead.toml", '[packages.pypi]\nfrom-source = "*"\n')
    stead(real, "lock", cwd=place, UV_DEFAULT_INDEX=f"{index.as_uri()}/simple")
    terminal = open_terminal("bash")
    assert "not trusted" in terminal.run(f"cd {place}")
    assert not (real.home / "places" / "builds").exists()
    assert not marker.exists()
    done = subprocess.run(
        [str(PROGRAM), "hook", "--build"],
        cwd=place,
        env={"HOME": str(real.base), "PATH": os.environ["PATH"], "STEAD_HOME": str(real.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not trusted" in done.stderr
    assert not list((real.home / "store").glob("*-*"))
