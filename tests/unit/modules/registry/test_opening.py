"""Which registries there are: the project's, the person's, and the shipped one."""

from __future__ import annotations

import os

import pytest

from stead.modules.registry import opening
from stead.values.errors import ContradictionError, ManifestError, RegistryError
from stead.values.frozen import replace
from stead.values.origin import Origin
from stead.values.registry import Registry

TEAM = Registry("team", "path", "registry", base="/work", origin=Origin("/work/stead.toml", 3))


def settings(context, text):
    file = context.home.parent / "person" / ".config" / "stead" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_the_shipped_registry_is_always_known(context):
    known = opening.sources([TEAM], context)
    assert [(s.name, s.location) for s in known] == [("team", "registry"), ("stead", "shipped")]
    with pytest.raises(RegistryError, match="did you mean team") as caught:
        opening.named(known, "taem")
    assert "team, stead" in caught.value.remedy


def test_a_persons_own_are_known_everywhere(context):
    settings(
        context,
        '[trust]\npaths = ["/srv"]\n'
        '[registries]\nmine = "/srv/registry"\nteam = "/work/registry"\n',
    )
    known = opening.sources([TEAM], context)
    assert [s.name for s in known] == ["team", "mine", "stead"]


def test_settings_of_somebody_else_do_not_count(context):
    file = settings(context, '[registries]\nmine = "/srv/registry"\n')
    os.chown(file, 12345, -1)
    assert [s.name for s in opening.sources([], context)] == ["stead"]


def test_settings_lie_where_the_system_says(context, tmp_path):
    (tmp_path / "stead").mkdir()
    (tmp_path / "stead" / "config.toml").write_text('registries.mine = "r"\n')
    context = replace(context, environ={**context.environ, "XDG_CONFIG_HOME": str(tmp_path)})
    assert [s.name for s in opening.sources([], context)] == ["mine", "stead"]


def test_one_name_for_two_registries_is_refused(context):
    """A token for the person's registry must not go to one that a project calls the same."""
    file = settings(context, '[registries]\nteam = "https://example.org/registry"\n')
    evil = replace(TEAM, kind="url", location="https://evil.example/registry")
    with pytest.raises(ContradictionError, match="team is another one here") as caught:
        opening.sources([evil], context)
    assert str(file) in caught.value.details[0]
    assert str(caught.value.where) == "/work/stead.toml:3"


def test_settings_that_cannot_be_read_are_told_with_their_line(context):
    file = settings(context, "[registries]\nteam = 3\n")
    with pytest.raises(ManifestError) as caught:
        opening.sources([], context)
    assert str(caught.value.where) == f"{file}:2"
