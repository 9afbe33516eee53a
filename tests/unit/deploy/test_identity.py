"""By what a project is known on machines."""

from __future__ import annotations

import pytest

from stead.deploy import identity
from stead.values.errors import DeployError


def test_what_stands_beside_the_manifest_is_kept(tmp_path):
    root = str(tmp_path)
    assert identity.known(root) == ""
    project = identity.fresh(root)
    assert identity.keep(root, project) == str(tmp_path / "stead.id")
    assert identity.known(root) == project
    with pytest.raises(DeployError, match="made meanwhile"):
        identity.keep(root, identity.fresh(root))
    assert identity.known(root) == project


def test_no_two_are_the_same_and_people_see_the_directory(tmp_path):
    place = tmp_path / "Mein Läden"
    made = {identity.fresh(str(place)) for _ in range(100)}
    assert len(made) == 100
    assert all(one.startswith("mein-l-den-") for one in made)
    assert identity.fresh("/").startswith("project-")
    assert identity.fresh(str(place), "The shop").startswith("the-shop-")


@pytest.mark.parametrize("text", ["", "# only words\n", "x" * 101, "a\x1bb\n"])
def test_one_that_says_nothing_is_refused(tmp_path, text):
    (tmp_path / "stead.id").write_text(text)
    with pytest.raises(DeployError, match="does not say"):
        identity.known(str(tmp_path))


def test_where_it_cannot_be_written_what_to_write_is_said(tmp_path):
    with pytest.raises(DeployError, match="cannot be written") as error:
        identity.keep(str(tmp_path / "gone"), "shop")
    assert "such as shop" in error.value.remedy
