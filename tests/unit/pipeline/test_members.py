"""What a member's own file says, and what it may not."""

from __future__ import annotations

import pytest

from stead.pipeline.members import fingerprint, with_members
from stead.values.errors import ManifestError
from stead.values.requirement import Requirement

ROOT = "[tool.uv.workspace]\nmembers = ['libs/*']\n"


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"project = []\n", 1, "project must be a table"),
        (
            b"[project]\nname = 'a'\noptional-dependencies = []\n",
            3,
            "optional-dependencies must be a table",
        ),
        (b"[project]\nname = 'a'\ndependencies = 'abc'\n", 3, "must be a list of strings"),
        (b"[project]\nname = 'a'\ndependencies = [1]\n", 3, "must be a list of strings"),
        (b"[project]\nname = 'a'\ndescription = 'caf\xe9'\n", 3, "not UTF-8"),
        (b"[project]\nname = \n", 2, ""),
    ],
)
def test_bad_content_is_named_with_its_line(tmp_path, content, line, says):
    file = tmp_path / "libs" / "a" / "pyproject.toml"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    (tmp_path / "pyproject.toml").write_text(ROOT, encoding="utf-8")
    with pytest.raises(ManifestError) as caught:
        with_members((Requirement("pypi", "a"),), str(tmp_path), str(tmp_path))
    assert str(caught.value.where) == f"{file}:{line}"
    assert says in caught.value.message
    assert caught.value.remedy


def test_a_fingerprint_of_nonsense_is_an_error(tmp_path):
    (tmp_path / "pyproject.toml").write_text("project = []\n", encoding="utf-8")
    with pytest.raises(ManifestError):
        fingerprint(str(tmp_path))
