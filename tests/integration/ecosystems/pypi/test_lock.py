from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import replace

import pytest

from stead.testing.index import Sdist, Wheel, make_index, make_project
from stead.testing.server import serve
from stead.values.digest import canonical
from stead.values.errors import (
    ArtifactError,
    ContradictionError,
    HashMismatchError,
    ManifestError,
    NetworkError,
    UnsatisfiableError,
)
from stead.values.manifest import Index
from stead.values.origin import Origin
from stead.values.platform import Platform
from stead.values.requirement import Requirement, Source


def ask(name, spec="", **fields):
    return Requirement("pypi", name, spec, **fields)


SPAM = (
    Wheel("spam", "1.0", requires=("eggs>=1",)),
    Wheel("spam", "2.0", requires=("eggs>=2", 'tomli>=1 ; python_version < "3.0"')),
    Wheel("Eggs", "1.0"),
    Wheel("Eggs", "2.0"),
)


def test_artifacts_have_normalised_names_files_with_hashes_and_needs(world):
    world.publish(*SPAM)
    eggs, spam = world.lock("spam")
    assert (eggs.ecosystem, eggs.name, eggs.version, eggs.index) == ("pypi", "eggs", "2.0", "main")
    [file] = spam.files
    assert file.name == "spam-2.0-py3-none-any.whl"
    assert file.sha256 == hashlib.sha256(SPAM[1].content()).hexdigest()
    assert spam.depends == ("eggs>=2",)


def test_a_lock_holds_no_path_of_this_machine_and_no_address(world):
    world.publish(*SPAM)
    project = make_project(world.root / "libs" / "viewer", Sdist("viewer", "0.3", ("spam",)))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        artifacts = world.lock(
            ask("viewer", source=Source("path", str(project), editable=True)),
        )
    text = canonical(list(artifacts)).decode()
    assert "127.0.0.1" not in text
    assert str(world.root.parent) not in text
    viewer = artifacts[-1]
    assert viewer.source == Source("path", "libs/viewer", editable=True)
    assert (viewer.version, viewer.depends) == ("0.3", ("spam",))
    json.loads(text)


def test_old_pins_are_kept_where_they_satisfy(world):
    world.publish(*SPAM)
    old = world.lock("spam", ask("eggs", "<2"))
    assert {a.name: a.version for a in old} == {"eggs": "1.0", "spam": "1.0"}
    assert world.lock("spam", "eggs", old=old) == old
    # Just what must change does.
    assert world.versions("spam", ask("eggs", ">=2"), old=old) == {"eggs": "2.0", "spam": "1.0"}


def test_upgrade_takes_the_named_package_or_all_afresh(world):
    world.publish(*SPAM)
    old = world.lock("spam", ask("eggs", "<2"))
    one = world.context(upgrade=frozenset({"eggs"}))
    assert world.versions("spam", "eggs", old=old, context=one) == {"eggs": "2.0", "spam": "1.0"}
    everything = world.context(upgrade=frozenset({"*"}))
    assert world.versions("spam", "eggs", old=old, context=everything)["spam"] == "2.0"
    offline = world.context(upgrade=frozenset({"*"}), offline=True)
    assert world.versions("spam", "eggs", old=old, context=offline)["spam"] == "2.0"


def test_constraints_bind_without_asking(world):
    world.publish(*SPAM, Wheel("ham"))
    assert world.versions("spam", constraints=(ask("eggs", "<2"), ask("ham", "<1"))) == {
        "eggs": "1.0",
        "spam": "1.0",
    }
    [_, spam] = world.lock("spam", constraints=(ask("eggs", "<2"),))
    assert spam.depends == ("eggs>=1",)  # not what the constraint says


def test_markers_are_those_of_the_platform_locked_for(world):
    world.publish(Wheel("win"), Wheel("lin"), Wheel("old"))
    requirements = (
        ask("win", marker="sys_platform == 'win32'"),
        ask("lin", marker="sys_platform == 'linux'"),
        ask("old", marker="python_version < '3.9'"),
    )
    assert set(world.versions(*requirements, platform=Platform("linux-64"))) == {"lin"}
    assert set(world.versions(*requirements, platform=Platform("win-64"))) == {"win"}
    assert set(world.versions(*requirements, platform=Platform("osx-64"), python="3.8")) == {"old"}


def test_files_are_those_that_fit_the_platform_and_python(world):
    world.publish(
        Wheel("fast", tag="cp312-cp312-manylinux_2_17_x86_64"),
        Wheel("fast", tag="cp312-cp312-macosx_11_0_arm64"),
        Wheel("fast", tag="cp311-cp311-manylinux_2_17_x86_64"),
        Sdist("fast"),
    )
    names = lambda platform, python: [  # noqa: E731
        f.name for f in world.lock("fast", platform=Platform(platform), python=python)[0].files
    ]
    assert names("linux-64", "3.12") == [
        "fast-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "fast-1.0.tar.gz",
    ]
    assert names("osx-arm64", "3.12")[0] == "fast-1.0-cp312-cp312-macosx_11_0_arm64.whl"
    assert names("osx-64", "3.12") == ["fast-1.0.tar.gz"]


def test_extras_bring_what_they_need(world):
    world.publish(
        Wheel("spam", requires=("eggs ; extra == 'full'",), extras=("full",)), Wheel("eggs")
    )
    assert set(world.versions("spam")) == {"spam"}
    assert set(world.versions(ask("spam", extras=("full",)))) == {"spam", "eggs"}


def test_an_exact_version_may_be_written_bare_or_with_an_operator(world):
    world.publish(*SPAM)
    assert world.versions(ask("eggs", "1.0")) == world.versions(ask("eggs", "==1.0"))


@pytest.mark.parametrize("kind", ["flat", "simple"])
def test_a_requirement_may_name_its_index(world, tmp_path, kind):
    other = make_index(tmp_path / "other", [Wheel("spam", "0.5", requires=("eggs",))])
    world.publish(*SPAM)
    flat = kind == "flat"
    url = "../other/files" if flat else "../other/simple"
    world.indexes += (Index("corp", url, base=str(world.root), flat=flat, explicit=True),)
    assert world.versions("spam") == {"spam": "2.0", "eggs": "2.0"}
    eggs, spam = world.lock(ask("spam", index="corp"))
    assert (spam.version, spam.index) == ("0.5", "corp")
    assert (eggs.version, eggs.index) == ("2.0", "main")
    assert other.is_dir()


def test_an_open_index_goes_before_the_default_and_is_named_in_the_lock(world, tmp_path):
    make_index(tmp_path / "other", [Wheel("spam", "0.5", requires=("eggs",))])
    world.publish(*SPAM)
    world.indexes += (Index("corp", (tmp_path / "other/simple").as_uri()),)
    eggs, spam = world.lock("spam")
    assert (spam.version, spam.index) == ("0.5", "corp")
    assert (eggs.version, eggs.index) == ("2.0", "main")


def test_a_flat_index_adds_to_the_others(world, tmp_path):
    make_index(tmp_path / "other", [Wheel("spam", "3.0")])
    world.publish(*SPAM)
    world.indexes += (Index("dir", str(tmp_path / "other/files"), flat=True),)
    [spam] = world.lock("spam")
    assert (spam.version, spam.index) == ("3.0", "dir")
    _, spam = world.lock(ask("spam", "<3"))
    assert (spam.version, spam.index) == ("2.0", "main")


def test_an_index_nobody_describes_is_named_with_its_line(world):
    with pytest.raises(ManifestError, match="the index 'corp'") as caught:
        world.lock(ask("spam", index="corp", origin=Origin("/x/stead.toml", 7)))
    assert str(caught.value).startswith("/x/stead.toml:7: ")


def test_variables_stand_in_for_credentials_in_an_address(world):
    world.publish(*SPAM)
    with serve(world.index) as served:
        served.password = ("me", "hush")
        address = served.url.replace("://", "://${USER_NAME}:${TOKEN}@")
        world.indexes = (Index("main", f"{address}/simple", default=True),)
        with pytest.raises(ManifestError, match="the variable USER_NAME"):
            world.lock("spam")
        world.environ |= {"USER_NAME": "me", "TOKEN": "hush"}
        found = world.lock("spam")
        assert "hush" not in repr(found)
        assert len(found) == 2


def test_credentials_of_uv_reach_a_named_index(world):
    world.publish(*SPAM)
    with serve(world.index) as served:
        served.password = ("me", "hush")
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        with pytest.raises(NetworkError, match="asks for credentials"):
            world.lock("spam")
        world.environ |= {"UV_INDEX_MAIN_USERNAME": "me", "UV_INDEX_MAIN_PASSWORD": "hush"}
        assert len(world.lock("spam")) == 2


@pytest.mark.parametrize("how", ["UV_DEFAULT_INDEX", "PIP_INDEX_URL", "uv.toml", "pip.conf"])
def test_a_mirror_of_the_default_index_is_used_and_not_written_down(world, tmp_path, how):
    world.publish(*SPAM)
    world.indexes = ()
    with serve(world.index) as served:
        mirror = f"{served.url}/simple"
        config = tmp_path / "user" / ".config"
        if how == "uv.toml":
            (config / "uv").mkdir(parents=True)
            (config / "uv" / "uv.toml").write_text(
                f'[[index]]\nurl = "{mirror}"\ndefault = true\n', "utf-8"
            )
        elif how == "pip.conf":
            (config / "pip").mkdir(parents=True)
            (config / "pip" / "pip.conf").write_text(f"[global]\nindex-url = {mirror}\n", "utf-8")
        else:
            world.environ[how] = mirror
        artifacts = world.lock("spam")
        assert {a.index for a in artifacts} == {"pypi"}
        assert "127.0.0.1" not in repr(artifacts)
        assert (world.build(artifacts) / "lib").is_dir()
        assert served.requests


def test_what_else_the_callers_shell_says_of_uv_changes_nothing(world, tmp_path):
    world.publish(*SPAM)
    make_index(tmp_path / "other", [Wheel("spam", "9.0")])
    world.environ |= {
        "UV_FIND_LINKS": str(tmp_path / "other/files"),
        "UV_INDEX": (tmp_path / "other/simple").as_uri(),
        "PIP_FIND_LINKS": str(tmp_path / "other/files"),
        "UV_RESOLUTION": "lowest",
        "UV_CONSTRAINT": str(tmp_path / "missing.txt"),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "not-here"),
        "VIRTUAL_ENV": str(tmp_path / "missing"),
        "FORCE_COLOR": "1",
    }
    assert world.versions("spam") == {"spam": "2.0", "eggs": "2.0"}
    assert not (tmp_path / "not-here").exists()


def test_a_file_at_an_address_is_locked_with_its_hash(world):
    world.publish(*SPAM)
    with serve(world.index) as served:
        url = f"{served.url}/files/{SPAM[0].filename}"
        eggs, spam = world.lock(ask("spam", source=Source("url", url)))
    assert spam.source == Source("url", url)
    assert spam.files[0].sha256 == hashlib.sha256(SPAM[0].content()).hexdigest()
    assert (spam.version, eggs.version) == ("1.0", "2.0")


def test_a_file_of_the_tree_is_locked_relative_to_the_root(world):
    world.publish(*SPAM)
    wheel = world.root / "vendor" / SPAM[0].filename
    wheel.parent.mkdir()
    wheel.write_bytes(SPAM[0].content())
    _, spam = world.lock(ask("spam", source=Source("path", str(wheel))))
    assert spam.source == Source("path", f"vendor/{SPAM[0].filename}")
    assert spam.files[0].name == SPAM[0].filename


def test_the_sibling_of_the_root_is_locked_relative_to_it(world):
    project = make_project(world.root.parent / "sibling", Sdist("sibling"))
    [found] = world.lock(ask("sibling", source=Source("path", str(project))))
    assert found.source == Source("path", "../sibling")


def test_a_path_may_be_asked_for_without_a_name(world):
    world.publish(*SPAM)
    project = make_project(world.root / "viewer", Sdist("viewer", "0.3", ("spam",)))
    found = world.lock(ask("", source=Source("path", str(project), editable=True)))
    assert [a.name for a in found] == ["eggs", "spam", "viewer"]
    assert found[-1].source == Source("path", "viewer", editable=True)


def test_a_computed_version_is_not_locked_but_its_needs_are(world):
    world.publish(*SPAM)
    project = make_project(world.root / "viewer", Sdist("viewer", "0.3", ("spam", "eggs")))
    manifest = project / "pyproject.toml"
    text = manifest.read_text("utf-8").replace('version = "0.3"', 'dynamic = ["version"]')
    manifest.write_text(text, "utf-8")
    viewer = world.lock(ask("viewer", source=Source("path", str(project))))[-1]
    assert (viewer.version, viewer.depends) == ("", ("eggs", "spam"))


@pytest.fixture
def repository(tmp_path):
    path = make_project(tmp_path / "repo" / "py", Sdist("gitty", "0.7", ("eggs",))).parent

    def git(*words):
        subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(path), *words],
            check=True,
            capture_output=True,
        )
        return subprocess.run(
            ["git", "-C", str(path), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()

    git("init", "--initial-branch", "main")
    git("add", ".")
    git("commit", "-m", "one")
    return path, git


def test_a_revision_means_a_commit_until_it_is_upgraded(world, repository):
    path, git = repository
    world.publish(*SPAM)
    first = git("commit", "--allow-empty", "-m", "two")
    asked = ask("gitty", source=Source("git", path.as_uri(), revision="main", subdirectory="py"))
    old = world.lock(asked)
    gitty = old[1]
    assert (gitty.name, gitty.version, gitty.depends) == ("gitty", "0.7", ("eggs",))
    assert gitty.source == Source("git", path.as_uri(), revision=first, subdirectory="py")
    second = git("commit", "--allow-empty", "-m", "three")
    assert world.lock(asked, old=old) == old
    upgraded = world.lock(asked, old=old, context=world.context(upgrade=frozenset({"gitty"})))
    assert upgraded[1].source.revision == second


def test_a_repository_may_be_named_by_its_path(world, repository):
    path, git = repository
    world.publish(*SPAM)
    _, gitty = world.lock(ask("gitty", source=Source("git", str(path), subdirectory="py")))
    assert gitty.source.location == str(path)
    assert gitty.source.revision == git("status")


def test_a_missing_revision_is_named(world, repository):
    path, _ = repository
    with pytest.raises(ArtifactError, match="cannot be fetched") as caught:
        world.lock(ask("gitty", source=Source("git", path.as_uri(), revision="nowhere")))
    assert "nowhere" in str(caught.value)


def test_hashes_of_a_requirement_choose_its_files(world):
    world.publish(Wheel("spam", tag="py2.py3-none-any"), Wheel("spam"), Sdist("spam"))
    wanted = hashlib.sha256(Wheel("spam").content()).hexdigest()
    [spam] = world.lock(ask("spam", "==1.0", hashes=(f"sha256:{wanted}",)))
    assert [f.sha256 for f in spam.files] == [wanted]


def test_hashes_that_no_file_has_are_refused_with_the_line(world):
    world.publish(*SPAM)
    asked = ask("eggs", "==1.0", hashes=(f"sha256:{'0' * 64}",), origin=Origin("r.txt", 3))
    with pytest.raises(HashMismatchError, match=r"r\.txt:3: no file of eggs 1\.0"):
        world.lock(asked)


def test_with_a_limit_of_time_what_has_no_time_does_not_count(world):
    world.publish(*SPAM)
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        with pytest.raises(UnsatisfiableError, match="eggs"):
            world.lock("eggs", exclude_newer="2020-01-01")


@pytest.mark.network
def test_what_was_published_later_does_not_count(world):
    world.indexes = ()
    world.environ = dict(os.environ) | {"HOME": world.environ["HOME"]}
    [six] = world.lock("six", exclude_newer="2015-10-01")
    assert six.version == "1.9.0"


def test_two_places_for_one_name_are_a_contradiction(world):
    first = make_project(world.root / "a", Sdist("viewer"))
    second = make_project(world.root / "b", Sdist("viewer"))
    with pytest.raises(ContradictionError, match="viewer is to come from two places") as caught:
        world.lock(
            ask("viewer", source=Source("path", str(first)), origin=Origin("one.toml", 1)),
            ask("viewer", source=Source("path", str(second)), origin=Origin("two.toml", 2)),
        )
    assert "one.toml:1" in str(caught.value)
    assert "two.toml:2" in str(caught.value)


def test_a_request_without_solution_is_explained_without_uvs_words(world):
    world.publish(*SPAM)
    with pytest.raises(UnsatisfiableError) as caught:
        world.lock(ask("spam", "==2.0"), ask("eggs", "<2"))
    text = str(caught.value)
    assert "spam" in text
    assert "eggs>=2" in text
    assert "the manifests ask for" in text
    for word in ("--", "uv", "stead-environment", "pyproject.toml", str(world.home)):
        assert word not in text


def test_a_name_that_no_index_has_is_said(world):
    with pytest.raises(UnsatisfiableError, match="no index has a package 'spamm'"):
        world.lock("spamm")


def test_a_python_that_is_too_old_is_said(world):
    world.publish(Wheel("spam", requires_python=">=3.99"))
    with pytest.raises(UnsatisfiableError, match=r"3\.99"):
        world.lock("spam")


def test_an_index_that_does_not_answer_is_a_matter_of_the_network(world):
    world.environ |= {"UV_HTTP_RETRIES": "0"}
    world.indexes = (Index("main", "http://127.0.0.1:9/simple", default=True),)
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:9.* cannot be reached"):
        world.lock("spam")


def test_a_server_in_trouble_is_a_matter_of_the_network(world):
    world.publish(*SPAM)
    world.environ |= {"UV_HTTP_RETRIES": "0"}
    with serve(world.index) as served:
        served.fail = {"/simple/spam/"}
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        with pytest.raises(NetworkError, match="503"):
            world.lock("spam")


def test_offline_only_what_is_cached_is_a_candidate(world):
    world.publish(*SPAM, Wheel("ham"))
    offline = world.context(offline=True)
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam")
        asked = len(served.requests)
        assert world.lock("spam", context=offline) == locked
        with pytest.raises(NetworkError, match="cached") as caught:
            world.lock("ham", context=offline)
        assert len(served.requests) == asked
    assert "--offline" in caught.value.remedy


def test_a_failed_build_shows_the_end_of_its_log(world):
    sdist = Sdist("cruft", broken="fatal: no such thing as libcruft")
    project = make_project(world.root / "cruft", sdist)
    text = (project / "pyproject.toml").read_text("utf-8")
    dynamic = text.replace('version = "1.0"', 'dynamic = ["version"]')
    (project / "pyproject.toml").write_text(dynamic, "utf-8")
    with pytest.raises(ArtifactError, match="cruft cannot be built") as caught:
        world.lock(ask("cruft", source=Source("path", str(project))))
    assert "no such thing as libcruft" in "\n".join(caught.value.details)


def test_nothing_is_built_where_that_is_not_allowed(world):
    world.publish(Sdist("onlysource"), Wheel("spam"), Sdist("spam", "2.0"))
    careful = world.context(build_sources=False)
    assert world.versions("spam", context=careful) == {"spam": "1.0"}
    with pytest.raises(UnsatisfiableError):
        world.lock("onlysource", context=careful)


def test_no_requirement_gives_no_artifact(world):
    assert world.lock() == ()
    assert world.lock(ask("spam", marker="sys_platform == 'none'")) == ()


def test_a_marker_that_is_none_is_named_with_its_line(world):
    with pytest.raises(ManifestError, match=r"x\.toml:4"):
        world.lock(ask("spam", marker="python >> 3", origin=Origin("x.toml", 4)))


def test_without_python_nothing_can_be_locked(world):
    with pytest.raises(UnsatisfiableError, match="no Python"):
        world.lock("spam", python="", interpreter=None)


def test_a_python_that_is_not_here_can_be_locked_for(world):
    world.publish(Wheel("spam", requires=("eggs ; python_version == '3.10'",)), Wheel("eggs"))
    request = replace(world.request("spam"), python="3.10", interpreter=None)
    from stead.ecosystems.pypi import PyPI

    assert [a.name for a in PyPI().lock(request, world.context())] == ["eggs", "spam"]


@pytest.mark.network
def test_real_packages_are_locked_for_every_platform(world):
    world.indexes = ()
    world.environ = dict(os.environ) | {"HOME": world.environ["HOME"]}
    for platform in ("linux-64", "linux-aarch64", "osx-arm64", "win-64"):
        found = {a.name: a for a in world.lock("numpy", platform=Platform(platform), python="3.12")}
        assert any(f.name.endswith(".whl") for f in found["numpy"].files)
        assert found["numpy"].index == "pypi"
