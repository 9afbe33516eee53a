from __future__ import annotations

import pytest
from packaging.requirements import Requirement as Parsed

from stead.ecosystems.pypi.question import direct_url, git_address, requirement_line
from stead.ecosystems.pypi.stubs import make_stubs
from stead.values.distribution import Distribution
from stead.values.requirement import Requirement, Source


@pytest.mark.parametrize(
    ("requirement", "line"),
    [
        (Requirement("pypi", "a"), "a"),
        (Requirement("pypi", "a", "*"), "a"),
        (Requirement("pypi", "a", ">=1,<2"), "a>=1,<2"),
        (Requirement("pypi", "a", "1.0"), "a==1.0"),
        (Requirement("pypi", "a", "1.*"), "a==1.*"),
        (Requirement("pypi", "a", "~=1.0", extras=("x", "y")), "a[x,y]~=1.0"),
        (
            Requirement("pypi", "a", source=Source("url", "https://h.example/a.tar.gz")),
            "a @ https://h.example/a.tar.gz",
        ),
        (
            Requirement("pypi", "a", source=Source("git", "https://h.example/a", revision="v1")),
            "a @ git+https://h.example/a@v1",
        ),
    ],
)
def test_requirements_are_written_as_the_standard_has_them(requirement, line):
    assert requirement_line(requirement) == line
    Parsed(line)


def test_subdirectories_join_other_fragments():
    source = Source("url", "https://h.example/a.zip#sha256=00", subdirectory="py")
    assert direct_url(source) == "https://h.example/a.zip#sha256=00&subdirectory=py"
    source = Source("git", "https://h.example/a", subdirectory="py")
    assert direct_url(source) == "git+https://h.example/a#subdirectory=py"


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("https://h.example/a", "https://h.example/a"),
        ("git@h.example:group/a.git", "ssh://git@h.example/group/a.git"),
        ("/srv/a", "file:///srv/a"),
    ],
)
def test_addresses_of_repositories_become_urls(location, address):
    assert git_address(location) == address


def test_stubs_of_the_same_distributions_are_made_once(tmp_path):
    found = (Distribution("A.b", "1.0", "Name: A.b\nVersion: 1.0\n\nRequires-Dist: no\n", "x"),)
    first, second = make_stubs(str(tmp_path), found), make_stubs(str(tmp_path), found)
    assert first == second
    assert [p.name for p in tmp_path.iterdir()] == [first.place.url.rsplit("/", 1)[1]]
    assert set(first.provided) == {"a-b"}
    assert first.constraints == {}


def test_only_unconditional_needs_that_conda_lacks_become_constraints(tmp_path):
    metadata = (
        "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b>=2\n"
        "Requires-Dist: c[x]>=3; python_version\n > '3'\nRequires-Dist: d @ https://h.example/d.whl\n"
        'Requires-Dist: e ; extra == "y"\nRequires-Dist: not a requirement !\n'
    )
    stubs = make_stubs(
        str(tmp_path),
        (Distribution("a", "1", metadata, "x"), Distribution("b", "1", "Name: b\n", "y")),
    )
    assert list(stubs.constraints) == ['c>=3; python_version > "3"']
