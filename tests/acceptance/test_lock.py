"""One lock for all environments and platforms, that changes as little as it can."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from stead.testing.channel import EPOCH, Package, make_channel, text
from stead.testing.index import Wheel, make_index

YEAR = 365 * 86_400_000


@pytest.fixture(scope="module")
def channel(tmp_path_factory, here):
    """A channel for two platforms, whose packages have ages."""

    def package(name, version, platform="", age=0, depends=()):
        entry = text(f"share/{name}", f"{version} {platform}\n")
        when = EPOCH - age * YEAR
        noarch = "" if platform else "generic"
        return Package(
            name, version, entries=(entry,), subdir=platform, noarch=noarch, timestamp=when,
            depends=depends,
        )  # fmt: skip

    return make_channel(
        tmp_path_factory.mktemp("lock") / "channel",
        [
            package("common", "1.0", age=2),
            package("common", "2.0"),
            package("native", "1.0", here.name, depends=("common",)),
            package("native", "1.1", "osx-arm64"),
        ],
        here.name,
    )


@pytest.fixture
def growing(machine, tmp_path):
    """An index of the test's own, to which packages come; gives a function that adds them."""
    directory = tmp_path / "growing"
    machine.environ["UV_DEFAULT_INDEX"] = f"{directory.as_uri()}/simple"

    def add(*packages):
        make_index(directory, packages)

    add(Wheel("leaf", "1.0"), Wheel("tool", "1.0"), Wheel("other", "1.0"))
    return add


def manifest(channel, rest):
    return f"[packages.conda]\nchannels = ['{channel.as_uri()}']\n{rest}"


def locked(machine, root, *options):
    """Lock, and give package ids by environment and platform."""
    rows = machine.json("lock", *options, cwd=root)
    return {(r["environment"], r["platform"]): set(r["packages"]) for r in rows}


def versions(machine, root, *options):
    return {i.split("/")[1] for i in locked(machine, root, *options)["default", HERE]}


HERE = ""


@pytest.fixture(autouse=True)
def _platform(here, monkeypatch):
    monkeypatch.setitem(globals(), "HERE", here.name)


def test_platforms_and_environments_in_one_file(machine, project, channel, here):
    root = project(
        {
            "stead.toml": f"[workspace]\nplatforms = ['{here.name}', 'osx-arm64']\n"
            + manifest(channel, "native = '*'\n[layer.test.packages.conda]\ncommon = '<2'\n")
        }
    )
    found = locked(machine, root)
    assert {p.split("-")[1] for p in found["default", here.name]} == {"1.0", "2.0"}
    assert [p.rsplit("-", 1)[0] for p in found["default", "osx-arm64"]] == ["conda/native-1.1"]
    machine.ok("lock", "-e", "test", cwd=root)
    found = locked(machine, root)
    assert set(found) == {(e, p) for e in ("default", "test") for p in (here.name, "osx-arm64")}
    rows = {row["environment"]: row["platforms"] for row in machine.json("env", "list", cwd=root)}
    assert rows == {e: sorted([here.name, "osx-arm64"]) for e in ("default", "test")}
    # An edit of the manifest is answered for all of them.
    manifest_file = root / "stead.toml"
    manifest_file.write_text(
        manifest_file.read_text(encoding="utf-8").replace(
            "native = '*'", "native = '*'\ncommon='*'"
        ),
        encoding="utf-8",
    )
    found = locked(machine, root)
    assert all(any("common" in p for p in packages) for packages in found.values())
    assert any("common-1.0" in p for p in found["test", "osx-arm64"])


def test_platform_option_adds_one_and_it_stays(machine, project, channel, here):
    root = project({"stead.toml": manifest(channel, "native = '*'\n")})
    assert set(locked(machine, root)) == {("default", here.name)}
    for options in (("--platform", "osx-arm64"), ()):
        assert set(locked(machine, root, *options)) == {
            ("default", here.name),
            ("default", "osx-arm64"),
        }
    assert "linux" in machine.fails("lock", "--platform", "linx-64", cwd=root, code=2)


def test_nothing_changed_gives_the_same_bytes(machine, project):
    text_now = (
        "[workspace]\n[packages.pypi]\nleaf = '*'\ntool = '*'\n"
        "[layer.test.packages.pypi]\nbranch = '*'\n"
    )
    root = project({"stead.toml": text_now})
    machine.ok("lock", cwd=root)
    machine.ok("lock", "-e", "test", cwd=root)
    lock = root / "stead.lock"
    before, inode = lock.read_bytes(), lock.stat().st_ino
    for words in (["lock"], ["lock", "-e", "test"], ["run", "true"], ["lock", "--check"]):
        machine.ok(*words, cwd=root)
    assert lock.read_bytes() == before
    assert lock.stat().st_ino == inode
    machine.ok("lock", "--upgrade", cwd=root)
    assert lock.read_bytes() == before
    # The order of entries and comments mean nothing; nor does a lock made from nothing.
    swapped = text_now.replace("leaf = '*'\ntool = '*'\n", "# why\ntool = '*'\nleaf = '*'\n")
    assert swapped != text_now
    (root / "stead.toml").write_text(swapped, encoding="utf-8")
    machine.ok("lock", "--check", cwd=root)
    lock.unlink()
    machine.ok("lock", cwd=root)
    machine.ok("lock", "-e", "test", cwd=root)
    assert lock.read_bytes() == before


def test_least_change(machine, project, growing):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    assert versions(machine, root) == {"leaf-1.0"}
    growing(Wheel("leaf", "2.0"), Wheel("tool", "2.0"))
    assert versions(machine, root) == {"leaf-1.0"}
    project({"stead.toml": "[packages.pypi]\nleaf = '*'\ntool = '<2'\n"})
    assert versions(machine, root) == {"leaf-1.0", "tool-1.0"}
    project({"stead.toml": "[packages.pypi]\nleaf = '*'\ntool = '*'\n"})
    assert versions(machine, root) == {"leaf-1.0", "tool-1.0"}
    assert versions(machine, root, "--upgrade", "tool") == {"leaf-1.0", "tool-2.0"}
    project({"stead.toml": "[packages.pypi]\nleaf = '>1'\ntool = '*'\n"})
    assert versions(machine, root) == {"leaf-2.0", "tool-2.0"}
    project({"stead.toml": "[packages.pypi]\nleaf = '>1'\n"})
    assert versions(machine, root) == {"leaf-2.0"}
    growing(Wheel("leaf", "3.0"))
    assert versions(machine, root, "--upgrade") == {"leaf-3.0"}


def test_what_cannot_be_upgraded_is_said(machine, project, growing):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\nneeds-old-leaf = '*'\n"})
    growing(Wheel("needs-old-leaf", "1.0"))
    versions(machine, root)
    before = (root / "stead.lock").read_bytes()
    growing(Wheel("needs-old-leaf", "2.0", requires=("leaf",)))
    said = machine.fails(
        "lock", "--upgrade", "leef", "--upgrade", "tool", "--upgrade", "leaf", cwd=root, code=2
    )
    assert "leef and tool cannot be upgraded" in said
    assert "did you mean 'leaf' instead of 'leef'?" in said
    assert (root / "stead.lock").read_bytes() == before
    # By any of its spellings, and where only the manifest has it yet.
    found = versions(machine, root, "--upgrade", "pypi:Needs_Old.Leaf")
    assert found == {"leaf-1.0", "needs-old-leaf-2.0"}
    project({"stead.toml": "[packages.pypi]\nleaf = '*'\ntool = '*'\n"})
    assert versions(machine, root, "--upgrade", "tool") == {"leaf-1.0", "tool-1.0"}


def test_another_environment_agrees_with_the_default_one(machine, project, growing):
    root = project(
        {"stead.toml": "[packages.pypi]\nleaf = '*'\n[layer.test.packages.pypi]\ntool = '*'\n"}
    )
    assert versions(machine, root) == {"leaf-1.0"}
    growing(Wheel("leaf", "2.0"))
    found = locked(machine, root, "-e", "test")["test", HERE]
    assert found == {"pypi/leaf-1.0", "pypi/tool-1.0"}


def test_a_member_agrees_with_its_workspace(machine, project, growing):
    root = project(
        {
            "stead.toml": "[workspace]\n[packages.pypi]\nleaf = '*'\n",
            "member/stead.toml": "[packages.pypi]\ntool = '*'\n",
        }
    )
    machine.ok("lock", cwd=root)
    growing(Wheel("leaf", "2.0"))
    assert versions(machine, root / "member") == {"leaf-1.0", "tool-1.0"}


def test_locked_fails_and_says_what_would_change(machine, project, growing):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    machine.ok("lock", cwd=root)
    before = (root / "stead.lock").read_bytes()
    project({"stead.toml": "[packages.pypi]\ntool = '*'\n"})
    for words in (["run", "--locked", "true"], ["lock", "--check"], ["build", "--locked"]):
        message = machine.fails(*words, cwd=root)
        assert "+ pypi tool" in message
        assert "- pypi leaf" in message
        assert "stead lock" in message
    assert (root / "stead.lock").read_bytes() == before


def test_exclude_newer(machine, project, channel):
    root = project({"stead.toml": manifest(channel, "common = '*'\n")})
    old = ("--exclude-newer", "2022-06-01")
    assert versions(machine, root, *old) == {"common-1.0-0"}
    machine.ok("run", "--locked", "true", cwd=root)
    assert versions(machine, root) == {"common-1.0-0"}
    assert versions(machine, root, "--upgrade") == {"common-2.0-0"}
    assert versions(machine, root, *old) == {"common-1.0-0"}
    project(
        {
            "stead.toml": "[workspace]\nexclude-newer = '2022-06-01'\n"
            + manifest(channel, "common='*'\n")
        }
    )
    assert versions(machine, root, "--upgrade") == {"common-1.0-0"}
    assert "2019" in machine.fails("lock", "--exclude-newer", "2019-01-01", cwd=root)
    assert "soon" in machine.fails("lock", "--exclude-newer", "soon", cwd=root)


def git(machine, root, *words, check=True):
    return subprocess.run(
        ["git", *words], cwd=root, env=machine.environ, check=check, capture_output=True, text=True
    )


def branches(machine, project, base, ours, theirs):
    """Lock ``base``, and on two branches of it two other manifests; give the root on the first."""
    root = project({"stead.toml": base})
    git(machine, root, "init", "-q")
    for branch, content in (("main", base), ("theirs", theirs), ("ours", ours)):
        if branch != "main":
            git(machine, root, "checkout", "-q", "-b", branch, "main")
        (root / "stead.toml").write_text(content, encoding="utf-8")
        machine.ok("lock", cwd=root)
        git(machine, root, "add", ".")
        git(machine, root, "commit", "-qm", branch)
    return root


def wheels(growing, *names):
    growing(*(Wheel(name, "1.0") for name in names))


def test_branches_that_add_different_packages_merge(machine, project, growing):
    wheels(growing, "alpha", "beta", "gamma", "delta", "zeta")
    head, tail = "[packages.pypi]\n", "gamma = '*'\nleaf = '*'\nother = '*'\n"
    root = branches(
        machine, project, head + tail, head + "alpha = '*'\n" + tail, head + tail + "zeta = '*'\n"
    )
    done = git(machine, root, "merge", "theirs", "-m", "both", check=False)
    assert done.returncode == 0, done.stdout
    code = "import alpha, gamma, leaf, zeta"
    machine.ok("run", "--locked", "python", "-c", code, cwd=root)
    before = (root / "stead.lock").read_bytes()
    machine.ok("lock", cwd=root)
    assert (root / "stead.lock").read_bytes() == before


def test_conflict_in_the_lock_is_mended(machine, project, growing):
    wheels(growing, "yacht", "zebra")
    growing(Wheel("leaf", "2.0"))
    base = "[packages.pypi]\nleaf = '<2'\n"
    root = branches(machine, project, base, base + "yacht = '*'\n", base + "zebra = '*'\n")
    done = git(machine, root, "merge", "theirs", "-m", "both", check=False)
    assert done.returncode == 1
    marked = (root / "stead.lock").read_text(encoding="utf-8")
    assert "<<<<<<<" in marked
    growing(Wheel("yacht", "2.0"), Wheel("zebra", "2.0"))  # what is locked stays
    (root / "stead.toml").write_text(base + "yacht = '*'\nzebra = '*'\n", encoding="utf-8")
    message = machine.fails("run", "--locked", "true", cwd=root)
    assert "conflict" in message
    assert "stead lock" in message
    machine.fails("status", cwd=root)
    assert (root / "stead.lock").read_text(encoding="utf-8") == marked
    assert versions(machine, root) == {"leaf-1.0", "yacht-1.0", "zebra-1.0"}
    assert "<<<<" not in (root / "stead.lock").read_text(encoding="utf-8")
    machine.ok("run", "--locked", "python", "-c", "import yacht, zebra", cwd=root)


def test_conflict_where_both_sides_chose_is_solved_again(machine, project, growing):
    """Each side took another version of one package; the mended lock holds one of them."""
    base = "[packages.pypi]\nleaf = '*'\n"
    growing(Wheel("leaf", "2.0"), Wheel("leaf", "3.0"))
    root = branches(machine, project, base, base.replace("*", "==2.0"), base.replace("*", "==1.0"))
    assert git(machine, root, "merge", "theirs", check=False).returncode == 1
    (root / "stead.toml").write_text(base.replace("*", "<3"), encoding="utf-8")
    (version,) = versions(machine, root)
    assert version in {"leaf-1.0", "leaf-2.0"}
    machine.ok("lock", "--check", cwd=root)


def test_bare_place_keeps_its_lock_at_home_until_it_is_locked(machine, project, growing):
    root = project({"requirements.txt": "leaf\n"})
    code = "import leaf; print(leaf.__version__)"
    assert machine.ok("run", "python", "-c", code, cwd=root) == "1.0\n"
    assert [p.name for p in root.iterdir()] == ["requirements.txt"]
    growing(Wheel("leaf", "2.0"))
    assert machine.ok("run", "python", "-c", code, cwd=root) == "1.0\n"
    assert versions(machine, root) == {"leaf-1.0"}
    assert (root / "stead.lock").exists()
    assert machine.json("status", cwd=root)["lock"]["file"] == str(root / "stead.lock")
    machine.ok("run", "--locked", "python", "-c", code, cwd=root)


def test_lock_works_elsewhere_unchanged(machine, project, growing, tmp_path, channel):
    """Another clone, another account, an index and a channel at other places."""
    root = project(
        {
            "stead.toml": "[workspace]\nname = 'w'\n[packages.conda]\nchannels = ['./channel']\n"
            "[layer.c.packages.conda]\ncommon = '*'\n[layer.p.packages.pypi]\nleaf = '*'\n"
            "own = { path = 'own', editable = true }\n",
            "own/pyproject.toml": "[project]\nname='own'\nversion='1'\n"
            "[build-system]\nrequires=[]\nbuild-backend='backend'\nbackend-path=['.']\n",
            "own/backend.py": BACKEND,
            "own/own.py": "",
        }
    )
    shutil.copytree(channel, root / "channel")
    for name in ("c", "p"):
        machine.ok("lock", "-e", name, cwd=root)
    text_of = (root / "stead.lock").read_text(encoding="utf-8")
    assert str(tmp_path) not in text_of
    assert "file:" not in text_of
    assert "://" not in text_of
    other = tmp_path / "colleague" / "clone"
    shutil.copytree(root, other)
    shutil.rmtree(root)
    (tmp_path / "growing").rename(tmp_path / "mirror")
    machine.environ["UV_DEFAULT_INDEX"] = f"{(tmp_path / 'mirror').as_uri()}/simple"
    machine.environ["STEAD_HOME"] = str(tmp_path / "colleague" / "home")
    machine.ok("run", "--locked", "-e", "p", "python", "-c", "import leaf, own", cwd=other)
    machine.ok("run", "--locked", "-e", "c", "true", cwd=other)
    assert (other / "stead.lock").read_text(encoding="utf-8") == text_of


BACKEND = """
import os, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    info = "own-1.dist-info"
    files = {
        "own.pth": os.path.abspath(".") + "\\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: own\\nVersion: 1\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{n},,\\n" for n in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(wheel_directory, "own-1-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return "own-1-py3-none-any.whl"

build_wheel = build_editable
"""


def test_removing_the_last_package_empties_the_lock(machine, project, growing):
    root = project({"stead.toml": "[packages.pypi]\nleaf = '*'\n"})
    machine.ok("lock", cwd=root)
    project({"stead.toml": "[vars]\nA = '1'\n"})
    assert versions(machine, root) == set()
    assert "leaf" not in (root / "stead.lock").read_text(encoding="utf-8")
    machine.ok("lock", "--check", cwd=root)
