from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace

import pytest

from stead.ecosystems.pypi import PyPI
from stead.ecosystems.pypi.records import infos
from stead.testing.index import Sdist, Wheel, make_index, make_project
from stead.testing.server import serve
from stead.values.activation import Change
from stead.values.errors import (
    ArtifactError,
    CollisionError,
    HashMismatchError,
    InterpreterError,
    LockError,
    NetworkError,
    StoreError,
)
from stead.values.lock import Artifact, File
from stead.values.manifest import Index
from stead.values.requirement import Requirement, Source


def ask(name, spec="", **fields):
    return Requirement("pypi", name, spec, **fields)


SPAM = Wheel("spam", "2.0", requires=("eggs",), scripts={"spam": "spam:main"})


def output(*argv) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def site_of(prefix):
    [site] = prefix.glob("lib/python3*/site-packages")
    return site


def files_with(prefix, text: str) -> list[str]:
    found = []
    for directory, _, names in os.walk(prefix):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path):
                if text in os.readlink(path):
                    found.append(path)
            else:
                with open(path, "rb") as file:
                    if text.encode() in file.read():
                        found.append(path)
    return found


def test_the_build_runs_from_its_final_place_and_names_no_other(world):
    world.publish(SPAM, Wheel("eggs"))
    final = world.build(world.lock("spam"))
    assert output(final / "bin" / "spam") == "spam 2.0"
    python = final / "bin" / "python"
    assert output(python, "-c", "import sys; print(sys.prefix)") == str(final)
    assert output(python, "-c", "import sys; print(sys.prefix != sys.base_prefix)") == "True"
    assert output(python, "-c", "import spam; print(spam.__file__)").startswith(str(final))
    assert files_with(final, ".tmp-build") == []
    assert sorted(p.name for p in final.iterdir()) == [
        "bin",
        "include",
        "lib",
        *(["lib64"] if os.path.isdir("/usr/lib64") else []),
        "pyvenv.cfg",
    ]


def test_records_agree_with_the_files_after_scripts_were_rewritten(world):
    world.publish(SPAM, Wheel("eggs"))
    final = world.build(world.lock("spam"))
    assert PyPI().verify(final, world.context()) == ()
    record = next(site_of(final).glob("spam-*.dist-info/RECORD")).read_text("utf-8")
    assert re.search(r"\.\./\.\./\.\./bin/spam,sha256=", record)


def test_verify_names_what_is_changed_and_what_is_missing(world):
    world.publish(SPAM, Wheel("eggs"))
    final = world.build(world.lock("spam"))
    changed = site_of(final) / "eggs" / "__init__.py"
    text = changed.read_text("utf-8")
    changed.unlink()
    changed.write_text(text.replace("1.0", "1.1"), "utf-8")
    (final / "bin" / "spam").unlink()
    shutil.copy(final / "pyvenv.cfg", site_of(final) / "unlisted")
    where = site_of(final).relative_to(final)
    assert PyPI().verify(final, world.context()) == (
        f"eggs 1.0: {where}/eggs/__init__.py is changed",
        "spam 2.0: bin/spam is missing",
    )


def test_an_environment_without_packages_is_python_alone(world):
    final = world.build(())
    assert output(final / "bin" / "python3", "-c", "print(1)") == "1"
    assert PyPI().activation(final, world.context()) == (Change("set", "VIRTUAL_ENV", str(final)),)
    assert PyPI().verify(final, world.context()) == ()


def test_a_tree_that_is_no_virtual_environment_activates_nothing(world, tmp_path):
    assert PyPI().activation(tmp_path, world.context()) == ()
    assert PyPI().verify(tmp_path, world.context()) == ()


def test_what_is_cached_is_built_without_a_request(world):
    world.publish(SPAM, Wheel("eggs"), Sdist("source"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam", "source")
        world.build(locked, "one")
        asked = len(served.requests)
        world.build(locked, "two")
        assert len(served.requests) == asked
    final = world.build(locked, "three", context=world.context(offline=True))
    assert output(final / "bin" / "spam") == "spam 2.0"


def test_what_is_not_cached_cannot_be_built_offline(world):
    world.publish(SPAM, Wheel("eggs"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam")
        shutil.rmtree(world.home / "packages" / "uv")
        with pytest.raises(NetworkError, match="not to be used"):
            world.build(locked, context=world.context(offline=True))
        assert (world.build(locked, "later") / "bin" / "spam").exists()


def test_links_are_made_instead_of_copies(world):
    world.publish(Wheel("eggs"))
    locked = world.lock("eggs")
    one, two = world.build(locked, "one"), world.build(locked, "two")
    same = [(site_of(b) / "eggs" / "__init__.py").stat().st_ino for b in (one, two)]
    assert same[0] == same[1]
    # What is written anew is not linked: the cache must keep it as it was.
    records = [(site_of(b) / "eggs-1.0.dist-info" / "RECORD").stat().st_ino for b in (one, two)]
    assert records[0] != records[1]


def test_a_rewritten_script_leaves_the_cache_as_it_was(world):
    body = "#!python\nprint('hello')\n"
    world.publish(Wheel("spam", files={"spam-1.0.data/scripts/hello": body, "spam.py": ""}))
    locked = world.lock("spam")
    for name in ("one", "two"):
        final = world.build(locked, name)
        assert (final / "bin" / "hello").read_text("utf-8").startswith(f"#!{final}/bin/python\n")
        assert output(final / "bin" / "hello") == "hello"


def test_a_final_place_too_long_for_a_shebang_works(world):
    world.publish(SPAM, Wheel("eggs"))
    final = world.build(world.lock("spam"), "x" * 140)
    assert output(final / "bin" / "spam") == "spam 2.0"
    assert (final / "bin" / "spam").read_text("utf-8").startswith("#!/bin/sh\n")
    assert PyPI().verify(final, world.context()) == ()


def test_a_final_place_with_a_space_and_quotes_works(world):
    world.publish(SPAM, Wheel("eggs"))
    final = world.build(world.lock("spam"), 'it\'s "$HOME" `x`')
    assert output(final / "bin" / "spam") == "spam 2.0"


def test_a_file_that_is_not_the_locked_one_is_refused_by_name_and_origin(world):
    world.publish(SPAM, Wheel("eggs"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam")
        shutil.rmtree(world.home / "packages" / "uv")
        world.publish(Wheel("eggs", files={"eggs.py": "evil = True\n"}))
        with pytest.raises(HashMismatchError) as caught:
            world.build(locked)
    text = str(caught.value)
    assert "eggs==1.0" in text
    assert served.url in text
    assert hashlib.sha256(Wheel("eggs").content()).hexdigest() in text


def test_an_index_that_lies_about_a_hash_is_found_out(world):
    world.publish(Wheel("eggs"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("eggs")
        shutil.rmtree(world.home / "packages" / "uv")
        evil = Wheel("eggs", files={"eggs.py": "evil = True\n"})
        (world.index / "files" / evil.filename).write_bytes(evil.content())
        with pytest.raises(HashMismatchError, match=r"eggs==1\.0.*is not the file that was locked"):
            world.build(locked)


def test_a_file_at_an_address_that_changed_is_refused(world):
    world.publish(Wheel("eggs"))
    with serve(world.index) as served:
        asked = ask("eggs", source=Source("url", f"{served.url}/files/{Wheel('eggs').filename}"))
        locked = world.lock(asked)
        assert (site_of(world.build(locked, "one")) / "eggs").is_dir()
        shutil.rmtree(world.home / "packages" / "uv")
        world.publish(Wheel("eggs", files={"eggs.py": "evil = True\n"}))
        with pytest.raises(HashMismatchError, match="eggs"):
            world.build(locked, "two")


def test_a_connection_that_breaks_is_named_and_mended_later(world):
    world.publish(Wheel("eggs", files={"eggs.py": "#" * 100_000}))
    world.environ |= {"UV_HTTP_RETRIES": "0"}
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("eggs")
        shutil.rmtree(world.home / "packages" / "uv")
        served.truncate = {".whl"}
        with pytest.raises((NetworkError, ArtifactError, HashMismatchError), match=r"eggs|127"):
            world.build(locked, "one")
        served.truncate = set()
        assert (site_of(world.build(locked, "two")) / "eggs.py").exists()


def cached_file(world, name: str):
    [path] = (world.home / "packages" / "uv" / "archive-v0").rglob(name)
    return path


def test_a_truncated_file_in_the_cache_is_fetched_anew(world):
    world.publish(Wheel("eggs", files={"eggs.py": "a = 1\n" * 50}))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("eggs")
        world.build(locked, "one")
        cached_file(world, "eggs.py").write_text("a = 1\n", "utf-8")
        final = world.build(locked, "two")
    assert (site_of(final) / "eggs.py").read_text("utf-8") == "a = 1\n" * 50
    assert any("eggs" in note and "damaged" in note for note in world.progress.notes)
    assert PyPI().verify(final, world.context()) == ()


def test_a_truncated_file_in_the_cache_is_named_offline(world):
    world.publish(Wheel("eggs", files={"eggs.py": "a = 1\n" * 50}))
    locked = world.lock("eggs")
    world.build(locked, "one")
    cached_file(world, "eggs.py").write_text("", "utf-8")
    with pytest.raises(ArtifactError, match="the cached copy of eggs is damaged") as caught:
        world.build(locked, "two", context=world.context(offline=True))
    assert "eggs.py" in str(caught.value)


def test_a_cache_that_lost_its_pointers_is_filled_again(world):
    world.publish(SPAM, Wheel("eggs"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam")
        world.build(locked, "one")
        cache = world.home / "packages" / "uv"
        for path in cache.rglob("*"):
            if path.is_file() and path.suffix in {".msgpack", ".http", ".rkyv"}:
                path.write_bytes(path.read_bytes()[:7])
        assert output(world.build(locked, "two") / "bin" / "spam") == "spam 2.0"
        for archive in (cache / "archive-v0").iterdir():
            shutil.rmtree(archive)
        assert output(world.build(locked, "three") / "bin" / "spam") == "spam 2.0"


def test_a_wheel_whose_own_record_is_wrong_about_sizes_is_built(world):
    record = "odd.py,,999\nodd-1.0.dist-info/METADATA,,\nodd-1.0.dist-info/WHEEL,,\n"
    record += "odd-1.0.dist-info/RECORD,,\n"
    world.publish(Wheel("odd", files={"odd.py": "x = 1\n"}, record=record))
    assert (site_of(world.build(world.lock("odd"))) / "odd.py").exists()


def test_two_packages_with_different_files_of_one_name_collide(world):
    world.publish(
        Wheel("one", files={"shared/data.txt": "one", "one.py": ""}),
        Wheel("two", files={"shared/data.txt": "two", "two.py": ""}),
    )
    with pytest.raises(CollisionError, match="one and two") as caught:
        world.build(world.lock("one", "two"))
    assert "shared/data.txt" in str(caught.value)


def test_two_packages_may_bring_the_same_file(world):
    same = {"shared/__init__.py": "__path__ = []\n"}
    world.publish(
        Wheel("one", files={**same, "one.py": ""}), Wheel("two", files={**same, "two.py": ""})
    )
    assert (site_of(world.build(world.lock("one", "two"))) / "shared").is_dir()


def test_scripts_of_one_name_collide(world):
    world.publish(
        Wheel("one", scripts={"tool": "one:main"}), Wheel("two", scripts={"tool": "two:main"})
    )
    with pytest.raises(CollisionError, match="bin/tool"):
        world.build(world.lock("one", "two"))


REFUSED = {
    "an entry point above the prefix": Wheel("evil", scripts={"../../../out": "evil:main"}),
    "an absolute entry point": Wheel("evil", scripts={"/OUT/out": "evil:main"}),
    "an entry point that is python": Wheel("evil", scripts={"python": "evil:main"}),
    "a script that is python": Wheel("evil", files={"evil-1.0.data/scripts/python": "#!/bin/sh\n"}),
    "the configuration of the environment": Wheel(
        "evil", files={"evil-1.0.data/data/pyvenv.cfg": "home = /evil\n"}
    ),
    "the environment's python as data": Wheel(
        "evil", files={"evil-1.0.data/data/bin/python3": "#!/bin/sh\n"}
    ),
}
CUT = {
    "a member above the prefix": Wheel("evil", files={"../../../../../out": "x"}),
    "an absolute member": Wheel("evil", files={"/OUT/out": "x"}),
    "a script above the prefix": Wheel(
        "evil", files={"evil-1.0.data/scripts/../../../../out": "x"}
    ),
    "data above the prefix": Wheel("evil", files={"evil-1.0.data/data/../../../../../out": "x"}),
    "a record that claims a file outside": Wheel(
        "evil", files={"evil.py": ""}, record="evil.py,,\n../../../../../../etc/passwd,,\n"
    ),
}


@pytest.mark.parametrize("what", [*REFUSED, *CUT])
def test_a_hostile_wheel_writes_nothing_outside(world, tmp_path, what):
    wheel = (REFUSED | CUT)[what]
    outside = tmp_path / "outside"
    outside.mkdir()

    def aimed(mapping):
        return {k.replace("/OUT", str(outside)): v for k, v in mapping.items()}

    world.publish(replace(wheel, scripts=aimed(wheel.scripts), files=aimed(wheel.files)))
    locked = world.lock("evil")
    target = world.target()
    if what in REFUSED:
        with pytest.raises((ArtifactError, CollisionError), match="evil"):
            PyPI().build(locked, target, world.context())
    else:
        PyPI().build(locked, target, world.context())
        # Nothing that is removed by its record may lie elsewhere either.
        assert all(
            ".." not in line.removeprefix("../../../bin/")
            for path in target.prefix.rglob("RECORD")
            for line in path.read_text("utf-8").splitlines()
        )
    inside = (str(target.prefix), str(world.home / "packages" / "uv" / "archive-v0"))
    stray = [p for p in tmp_path.rglob("out") if not str(p).startswith(inside)]
    assert stray == []
    assert list(outside.iterdir()) == []


def test_an_archive_with_a_link_out_of_the_prefix_writes_nothing_there(world, tmp_path):
    world.publish(Wheel("evil", files={"evil.py": ""}))
    path = world.index / "files" / Wheel("evil").filename
    outside = tmp_path / "outside"
    outside.mkdir()
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("door")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(outside))
        archive.writestr("door/out", "x")
    world.publish()
    locked = world.lock("evil")
    with pytest.raises(ArtifactError):
        world.build(locked)
    assert list(outside.iterdir()) == []


def test_two_clones_each_import_their_own_code(world, tmp_path):
    world.publish()
    builds = {}
    for clone in ("first", "second"):
        world.root = tmp_path / clone
        make_project(world.root / "lib", Sdist("viewer", "0.3"))
        (world.root / "lib/src/viewer/__init__.py").write_text(f"name = {clone!r}\n", "utf-8")
        asked = ask("viewer", source=Source("path", str(world.root / "lib"), editable=True))
        builds[clone] = (world.lock(asked), world.build(world.lock(asked), clone))
    # One lock serves both: it holds nothing of where a clone lies.
    assert builds["first"][0] == builds["second"][0]
    for clone, (_, final) in builds.items():
        say = [final / "bin/python", "-c", "import viewer; print(viewer.name)"]
        assert output(*say) == clone
        # Of another length: within a second, bytecode is taken for that of a file as long.
        code = tmp_path / clone / "lib/src/viewer/__init__.py"
        code.write_text("name = 'edited since'\n", "utf-8")
        assert output(*say) == "edited since"


def test_a_copied_path_source_is_copied_as_it_is_now(world):
    world.publish()
    make_project(world.root / "lib", Sdist("viewer", "0.3"))
    code = world.root / "lib/src/viewer/__init__.py"
    locked = world.lock(ask("viewer", source=Source("path", str(world.root / "lib"))))
    for number in (1, 2):
        code.write_text(f"number = {number}\n", "utf-8")
        final = world.build(locked, f"b{number}")
        say = "import viewer; print(viewer.number, viewer.__file__)"
        assert output(final / "bin/python", "-c", say).startswith(f"{number} {final}")


def test_a_locked_commit_is_built_even_when_the_branch_has_moved(world, tmp_path):
    repo = make_project(tmp_path / "repo", Sdist("gitty", "0.7"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(repo)]
    for words in (["init", "-b", "main"], ["add", "."], ["commit", "-m", "one"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    locked = world.lock(ask("gitty", source=Source("git", repo.as_uri(), revision="main")))
    (repo / "src/gitty/__init__.py").write_text("__version__ = 'moved'\n", "utf-8")
    subprocess.run([*git, "commit", "-am", "two"], check=True, capture_output=True)
    final = world.build(locked)
    assert output(final / "bin/python", "-c", "import gitty; print(gitty.__version__)") == "0.7"


def test_nothing_is_built_from_source_where_that_is_not_allowed(world):
    world.publish(Sdist("onlysource"))
    project = make_project(world.root / "viewer", Sdist("viewer"))
    source = world.lock("onlysource")
    path = world.lock(ask("viewer", source=Source("path", str(project), editable=True)))
    careful = world.context(build_sources=False)
    with pytest.raises(ArtifactError, match="onlysource"):
        world.build(source, "one", context=careful)
    with pytest.raises(ArtifactError, match="viewer must be built from source"):
        world.build(path, "two", context=careful)


def test_a_source_that_does_not_build_shows_its_log(world):
    world.publish(Sdist("cruft", broken="fatal: no such thing as libcruft"))
    locked = world.lock("cruft")
    with pytest.raises(ArtifactError, match=r"cruft.* cannot be built from source") as caught:
        world.build(locked)
    assert "libcruft" in "\n".join(caught.value.details)


def test_each_index_is_asked_for_its_own_packages_alone(world, tmp_path):
    make_index(tmp_path / "other", [Wheel("secret"), Wheel("eggs", "9.0")])
    world.publish(Wheel("eggs"))
    with serve(world.index) as public, serve(tmp_path / "other") as private:
        world.indexes = (
            Index("main", f"{public.url}/simple", default=True),
            Index("corp", f"{private.url}/simple", explicit=True),
        )
        locked = world.lock("eggs", ask("secret", index="corp"))
        shutil.rmtree(world.home / "packages" / "uv")
        public.requests.clear()
        private.requests.clear()
        final = world.build(locked)
        assert (site_of(final) / "secret").is_dir()
        assert not [r for r in public.requests if "secret" in r]
        assert not [r for r in private.requests if "eggs" in r]


def test_a_flat_index_serves_a_build(world, tmp_path):
    make_index(tmp_path / "other", [Wheel("spam", "3.0")])
    world.publish(Wheel("spam"), Wheel("eggs"))
    world.indexes += (Index("dir", "../other/files", base=str(world.root), flat=True),)
    final = world.build(world.lock("spam", "eggs"))
    assert infos(str(site_of(final))) == {"spam-3.0.dist-info", "eggs-1.0.dist-info"}


def test_an_index_that_nobody_describes_any_more_is_named(world):
    artifact = Artifact("pypi", "spam", "1.0", "gone", (File("spam.whl", "0" * 64),))
    with pytest.raises(LockError, match="the index 'gone'"):
        world.build([artifact])


def test_an_artifact_without_files_is_refused(world):
    with pytest.raises(LockError, match=r"no file for spam 1\.0"):
        world.build([Artifact("pypi", "spam", "1.0", "main")])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "spam\n--index-url http://evil.example"},
        {"name": "-r /etc/passwd"},
        {"version": "1.0 --no-binary=:all:"},
        {"version": ""},
        {"files": (File("spam.whl", "no hash"),)},
        {"source": Source("url", "http://x.example/a.whl --pre")},
        {"source": Source("path", "a\n-e b")},
    ],
)
def test_a_lock_edited_into_nonsense_never_reaches_uv(world, change):
    artifact = Artifact("pypi", "spam", "1.0", "main", (File("spam.whl", "0" * 64),))
    with pytest.raises(LockError, match="cannot be meant"):
        world.build([replace(artifact, **change)])


def test_a_foreign_lock_brings_its_own_addresses(world):
    world.publish(Wheel("eggs"))
    with serve(world.index) as served:
        name = Wheel("eggs").filename
        file = File(name, hashlib.sha256(Wheel("eggs").content()).hexdigest())
        urls = (("urls", {name: f"{served.url}/files/{name}"}),)
        world.indexes = (Index("main", "http://127.0.0.1:9/simple", default=True),)
        artifact = Artifact("pypi", "eggs", "1.0", files=(file,), extra=urls)
        assert (site_of(world.build([artifact])) / "eggs").is_dir()
        path = (("urls", {name: f"../index/files/{name}"}),)
        assert (site_of(world.build([replace(artifact, extra=path)], "path")) / "eggs").is_dir()
        wrong = replace(artifact, files=(replace(file, sha256="0" * 64),))
        with pytest.raises(HashMismatchError, match="eggs"):
            world.build([wrong], "two")


def test_without_a_python_in_the_tree_nothing_is_installed(world):
    world.publish(Wheel("eggs"))
    with pytest.raises(InterpreterError, match="nothing brings a Python"):
        world.build(world.lock("eggs"), interpreter=None)


def test_builds_at_the_same_time_do_not_disturb_each_other(world):
    from concurrent.futures import ThreadPoolExecutor

    world.publish(SPAM, *(Wheel(f"lib{n}") for n in range(20)), Wheel("eggs"))
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        locked = world.lock("spam", *(f"lib{n}" for n in range(20)))
        with ThreadPoolExecutor(4) as pool:
            builds = list(pool.map(lambda n: world.build(locked, f"b{n}"), range(4)))
    for final in builds:
        assert output(final / "bin" / "spam") == "spam 2.0"
        assert PyPI().verify(final, world.context()) == ()


def test_a_store_that_cannot_be_used_is_named(world):
    world.publish(Wheel("eggs"))
    locked = world.lock("eggs")
    shutil.rmtree(world.home / "packages")
    (world.home / "packages").write_text("", "utf-8")
    with pytest.raises(StoreError, match="packages"):
        world.build(locked)
    with pytest.raises(StoreError, match="packages"):
        world.lock("eggs")


def test_nothing_but_the_caches_is_left_in_the_home(world):
    world.publish(Wheel("eggs"))
    world.build(world.lock("eggs"))
    assert {p.name for p in (world.home / "packages").iterdir()} == {"uv", "wheels"}
    assert all(p.suffix == ".json" for p in (world.home / "packages" / "wheels").iterdir())


def test_what_a_killed_process_left_goes_after_a_day(world):
    world.publish(Wheel("eggs"))
    locked = world.lock("eggs")
    left = [world.home / "packages" / name for name in (".uv-old", ".uv-new")]
    for path in left:
        path.mkdir()
    os.utime(left[0], (1_000_000_000, 1_000_000_000))
    world.build(locked)
    assert [p.exists() for p in left] == [False, True]


def test_progress_counts_what_is_fetched(world):
    world.publish(SPAM, Wheel("eggs"))
    seen = []

    class Progress:
        def task(self, title, *, unit=""):
            from contextlib import contextmanager

            class Task:
                def total(self, amount):
                    seen.append((title, "total", amount))

                def advance(self, amount=1):
                    seen.append((title, "advance", amount))

            @contextmanager
            def opened():
                yield Task()

            return opened()

        def note(self, text):
            pass

    world.progress = Progress()
    with serve(world.index) as served:
        world.indexes = (Index("main", f"{served.url}/simple", default=True),)
        world.build(world.lock("spam"))
    assert ("fetching PyPI packages", "total", 2) in seen
    assert sum(n for t, k, n in seen if k == "advance" and t.startswith("fetching")) == 2
    assert ("linking PyPI packages", "advance", 2) in seen


@pytest.mark.slow
@pytest.mark.network
def test_a_project_of_the_old_kind_is_built_with_its_back_end_fetched(world):
    world.indexes = ()
    world.environ = dict(os.environ) | {"HOME": world.environ["HOME"]}
    project = world.root / "old"
    (project / "oldpkg").mkdir(parents=True)
    (project / "oldpkg" / "__init__.py").write_text("x = 1\n", "utf-8")
    setup = "from setuptools import setup\nsetup(name='oldpkg', version='3', packages=['oldpkg'])\n"
    (project / "setup.py").write_text(setup, "utf-8")
    for editable in (True, False):
        source = Source("path", str(project), editable=editable)
        locked = world.lock(ask("oldpkg", source=source))
        assert locked[0].version == ""  # computed: it may be another one tomorrow
        final = world.build(locked, f"b{editable}")
        say = "import oldpkg; print(oldpkg.__file__)"
        where = project if editable else final
        assert output(final / "bin/python", "-c", say).startswith(str(where))


@pytest.mark.network
def test_real_packages_run(world):
    world.indexes = ()
    world.environ = dict(os.environ) | {"HOME": world.environ["HOME"]}
    final = world.build(world.lock("numpy", "rich"))
    say = "import numpy, rich; print(numpy.arange(3).sum())"
    assert output(final / "bin/python", "-c", say) == "3"
    assert PyPI().verify(final, world.context()) == ()
