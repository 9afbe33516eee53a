"""The page for people who come with a project: every command in it works."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from stead.testing.index import Wheel, make_index

PAGE = Path(__file__).parents[2] / "docs" / "existing-projects.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTEST = "def main():\n    print('no tests')\n"


def sections() -> dict[str, str]:
    parts = re.split(r"^#+ (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(text: str) -> list[str]:
    blocks = [b for kind, _, b in BLOCK.findall(text) if kind == "console"]
    return [line.removeprefix("$ ") for b in blocks for line in b.splitlines() if line[:2] == "$ "]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """An index of packages by the names that the page uses."""
    made = [
        Wheel("rich", "14.0", requires=("pygments",)),
        Wheel("pygments", "2.19"),
        Wheel("packaging", "25.0"),
        Wheel("pytest", "8.4", scripts={"pytest": "pytest:main"}, files={"pytest.py": PYTEST}),
    ]
    return make_index(tmp_path_factory.mktemp("packages"), made)


@pytest.mark.parametrize("name", [n for n, t in sections().items() if commands(t)])
def test_commands_of_a_section_work(machine, project, conda_channel, packages, name):
    text = sections()[name]
    files = {f: body for _, f, body in BLOCK.findall(text) if f}
    files = {f: body.replace("conda-forge", conda_channel.as_uri()) for f, body in files.items()}
    root = project(files or {".python-version": "3\n"})
    (root / "there").mkdir()
    environ = {**machine.environ, "UV_DEFAULT_INDEX": f"{packages.as_uri()}/simple"}
    for command in commands(text):
        done = subprocess.run(
            ["bash", "-c", command], cwd=root, env={**environ, "PWD": str(root)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"


def test_the_page_names_each_option_that_is_passed_over_or_refused():
    from stead.formats.requirements_txt import IGNORED, REFUSED

    text = sections()["requirements.txt"]
    passed, refused = text.split("Refused", 1)
    assert set(IGNORED) <= set(re.findall(r"--[a-z0-9-]+", passed))
    assert set(REFUSED) == set(re.findall(r"--[a-z0-9-]+", refused))


def test_the_page_names_each_format():
    from stead.formats.known import NAMES
    from stead.pipeline.exchange import FORMATS

    text = PAGE.read_text(encoding="utf-8")
    for name in FORMATS:
        assert f"`{name}`" in sections()["Export"]
    for name in NAMES:
        assert name in text or name.startswith("conda-")
