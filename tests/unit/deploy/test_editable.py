"""Packages that are used where they lie."""

from __future__ import annotations

import pytest

from stead.deploy.editable import directories, nowhere
from stead.deploy.places import places

WHERE = places("/n", "r", "k" * 20, (("/w", ""), ("/lib", ".modules/lib")), ())


@pytest.fixture
def build(tmp_path):
    site = tmp_path / "lib/python3.11/site-packages"
    site.mkdir(parents=True)

    def write(**files):
        for name, text in files.items():
            ending = ".py" if name.endswith("_finder") else ".pth"
            (site / f"{name}{ending}").write_text(text)
        return str(tmp_path)

    return write


FINDER = "import sys\nMAPPING: dict[str, str] = {%s}\nNAMESPACES = {}\n"
INSTALL = "import __editable___x_finder; __editable___x_finder.install()"


def test_lines_name_directories(build):
    made = build(a="/w/src\n# not this\n/elsewhere\n", b="import os; os.x()\n/lib\n/w/src\n")
    assert directories(made, WHERE) == ("/w/src", "/lib")


def test_a_finder_has_packages_and_modules(build):
    made = build(
        a=INSTALL,
        __editable___x_finder=FINDER % "'pkg': '/w/src/pkg', 'one': '/w/one.py', 'far': '/y/far'",
    )
    assert directories(made, WHERE) == ("/w/src", "/w")


def test_a_package_under_another_name_is_told_by_no_directory(build):
    made = build(a=INSTALL, __editable___x_finder=FINDER % "'pkg': '/w/source'")
    assert directories(made, WHERE) is None


def test_environments_name_what_is_not_there_and_never_changes():
    other = places("/n", "r", "l" * 20, (("/w", ""), ("/lib", ".modules/lib")), ())
    assert nowhere(WHERE) == nowhere(other) == {"/w": "/n/code", "/lib": "/n/code/.modules/lib"}
