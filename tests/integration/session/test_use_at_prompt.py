"""`stead use` in the shell of a transaction: in effect at the next prompt, and the place's at commit."""

from __future__ import annotations

import subprocess


def git(world, *words: str) -> None:
    environ = world.environ(
        GIT_CONFIG_COUNT="2",
        GIT_CONFIG_KEY_0="user.name",
        GIT_CONFIG_VALUE_0="Test",
        GIT_CONFIG_KEY_1="user.email",
        GIT_CONFIG_VALUE_1="test@example.invalid",
    )
    where = world.place.parent / "lib"
    where.mkdir(exist_ok=True)
    subprocess.run(["git", *words], cwd=where, env=environ, check=True, capture_output=True)


def test_a_module_is_used_at_the_next_prompt(world, shell):
    module = world.place.parent / "lib" / "stead.toml"
    git(world, "init", "-q")
    for depth in ("3", "4"):
        module.write_text(f"[vars]\nDEPTH = '{depth}'\n", encoding="utf-8")
        git(world, "add", "-A")
        git(world, "commit", "-qm", depth)
        git(world, "tag", f"v{depth}")
    before = world.manifest.read_bytes()
    terminal = world.enter(shell)
    try:
        terminal.run("stead use lib=git+../lib@v3 --no-build")
        assert terminal.value("DEPTH") == "3"
        terminal.run("stead use lib@v4")
        assert terminal.value("DEPTH") == "4"
        assert terminal.marked == "(scans*)"
        assert world.manifest.read_bytes() == before
        terminal.run("stead commit -m 'the deeper one'")
        assert terminal.marked == "(scans)"
        text = world.manifest.read_text(encoding="utf-8")
        assert text.endswith('[uses]\nlib = { git = "../lib", rev = "v4" }\n')
        terminal.run("stead use --drop lib")
        assert terminal.value("DEPTH") == ""
        terminal.run("stead abort")
        assert terminal.value("DEPTH") == "4"
        assert world.manifest.read_text(encoding="utf-8") == text
    finally:
        terminal.child.close(force=True)
