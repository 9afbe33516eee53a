from __future__ import annotations

import pytest

from stead.formats import conda_lock, explicit, known, pixi_lock, pylock
from stead.values.errors import LockError, ManifestError
from stead.values.lock import File
from stead.values.manifest import TakenLock
from stead.values.platform import Platform
from stead.values.requirement import Source

LINUX, WINDOWS, MAC = Platform("linux-64"), Platform("win-64"), Platform("osx-arm64")
A, B, M = "a" * 64, "b" * 64, "c" * 32
COMMIT = "d" * 40

PYLOCK = f"""\
lock-version = "1.0"
requires-python = ">=3.11"
extras = ["plot"]
dependency-groups = ["dev", "usual"]
default-groups = ["usual"]
created-by = "somebody"

[[packages]]
name = "Numpy"
version = "2.1.0"
dependencies = [{{ name = "zzz" }}]
index = "https://example.org/simple"
sdist = {{ url = "https://files.example/numpy-2.1.0.tar.gz#frag", hashes = {{ sha256 = "{B}" }} }}
[[packages.wheels]]
url = "https://files.example/numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
size = 7
hashes = {{ sha256 = "{A}" }}

[[packages]]
name = "colorama"
version = "1"
marker = "sys_platform == 'win32'"
wheels = [{{ name = "colorama-1-py3-none-any.whl", path = "wheels/colorama-1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "tomli"
version = "1"
requires-python = "<3.11"
wheels = [{{ name = "tomli-1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "indexed"
version = "1"
wheels = [{{ name = "indexed-1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "pytest"
version = "8"
marker = "'dev' in dependency_groups or 'plot' in extras"
wheels = [{{ name = "pytest-8-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]

[[packages]]
name = "usual"
version = "8"
marker = "'usual' in dependency_groups"
archive = {{ url = "https://example.org/usual.zip", hashes = {{ sha256 = "{A}" }}, subdirectory = "s" }}

[[packages]]
name = "mine"
directory = {{ path = "../mine", editable = true }}

[[packages]]
name = "git"
version = "3"
vcs = {{ type = "git", url = "https://example.org/git", requested-revision = "main", commit-id = "{COMMIT}" }}
"""


def test_pylock_as_a_manifest(tree):
    manifest = pylock.read("/p/pylock.toml", tree({"pylock.toml": PYLOCK}).load)
    assert [layer.name for layer in manifest.layers] == ["", "plot", "dev"]
    assert [t.layer for t in manifest.taken] == ["", "plot", "dev"]
    (python,) = manifest.layers[0].requirements
    assert (str(python), str(python.origin)) == ("python >=3.11", "/p/pylock.toml:2")


def test_pylock_packages():
    found = {
        a.name: a for a in pylock.artifacts("/w/p/pylock.toml", PYLOCK, LINUX, "3.12", root="/w/p")
    }
    assert sorted(found) == ["git", "indexed", "mine", "numpy", "usual"]
    numpy = found["numpy"]
    assert numpy.files == (
        File("numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl", A, 7),
        File("numpy-2.1.0.tar.gz", B),
    )
    assert numpy.depends == ("zzz",)
    assert numpy.get("urls")["numpy-2.1.0.tar.gz"] == "https://files.example/numpy-2.1.0.tar.gz"
    assert numpy.index == ""
    assert (found["indexed"].index, found["indexed"].extra) == ("pypi", ())
    assert found["mine"].source == Source("path", "../mine", editable=True)
    assert found["git"].source == Source("git", "https://example.org/git", revision=COMMIT)
    assert found["git"].get("requested") == "main"
    assert found["usual"].source == Source("url", "https://example.org/usual.zip", subdirectory="s")
    assert found["usual"].files == (File("usual.zip", A),)


def test_pylock_markers_follow_platform_python_and_layer():
    windows = {
        a.name: a
        for a in pylock.artifacts("/w/p/pylock.toml", PYLOCK, WINDOWS, "3.12.1", root="/w")
    }
    assert windows["colorama"].get("urls") == {
        "colorama-1-py3-none-any.whl": "p/wheels/colorama-1-py3-none-any.whl"
    }
    for layer in ("dev", "plot"):
        taken = TakenLock("/p/pylock.toml", "pylock", layer)
        assert "pytest" in {a.name for a in known.artifacts(taken, PYLOCK, LINUX, "3.12")}


def test_a_pylock_of_a_layer_holds_the_layer_as_a_whole():
    text = f"""lock-version = "1.0"
[[packages]]
name = "a"
version = "1"
wheels = [{{ name = "a-1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]
"""
    (found,) = pylock.artifacts("/p/pylock.dev.toml", text, LINUX, "3.12", layer="dev")
    assert found.id == "pypi/a-1"


WHEEL = f'wheels = [{{ name = "a-1-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1", 0, "no lock-version"),
        ('\nlock-version = "2.0"', 2, "version 2.0; Stead reads version 1"),
        ('lock-version = "1.0"\nrequires-python = ">=3.13"', 2, "for Python >=3.13, not 3.12"),
        (
            'lock-version = "1.0"\nenvironments = ["sys_platform == \'win32\'"]',
            2,
            "not for linux-64",
        ),
        ('lock-version = "1.0"\n[[packages]]\nversion = "1"', 2, "a package has no name"),
        ('lock-version = "1.0"\n[[packages]]\nname = "a"', 2, "neither wheels nor"),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "a"\nmarker = "x == 1"\n',
            2,
            "not an environment marker",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "a"\nwheels = [{name="a-1.whl", hashes={md5="x"}}]',
            2,
            "a-1.whl has no sha256",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "a"\nwheels = [{name="../a-1.whl", hashes={}}]',
            2,
            "has no name",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "a"\nvcs = {type="hg", url="x"}',
            2,
            "fetched by hg",
        ),
        (
            'lock-version = "1.0"\n[[packages]]\nname = "a"\nvcs = {type="git", url="x", commit-id="v1"}',
            2,
            "no commit-id",
        ),
        (
            f'lock-version = "1.0"\n[[packages]]\nname = "a"\n{WHEEL}\n[[packages]]\nname = "A"\n{WHEEL}',
            5,
            "two entries of a",
        ),
        ('lock-version = "1.0"\npackages = 3', 2, "array of tables"),
    ],
)
def test_bad_pylocks(text, line, message):
    with pytest.raises(LockError, match=message) as caught:
        pylock.artifacts("/p/pylock.toml", text, LINUX, "3.12")
    assert str(caught.value.where) == f"/p/pylock.toml:{line}".removesuffix(":0")
    assert caught.value.remedy


def test_a_pylock_that_is_not_toml(tree):
    with pytest.raises(ManifestError) as caught:
        pylock.read("/p/pylock.toml", tree({"pylock.toml": 'lock-version = "1.0"\n[[[\n'}).load)
    assert str(caught.value.where) == "/p/pylock.toml:2"


EXPLICIT = f"""\
# platform: linux-64
@EXPLICIT
https://me:pw@example.org/t/tk-1/ch/linux-64/b-lib-1.0-h1_3.conda#{M}
https://example.org/ch/noarch/a-2.0-pyhd8ed1ab_0.tar.bz2#sha256:{A}
file:///srv/ch/noarch/c-1-0.conda#{B}
# pip Requests @ https://files.example/requests-2.0-py3-none-any.whl#sha256={A}
# pip tool @ git+https://example.org/tool@{COMMIT}
"""


def test_an_explicit_list():
    found = explicit.artifacts("/p/explicit.txt", EXPLICIT, LINUX)
    assert [a.id for a in found] == [
        "conda/a-2.0-pyhd8ed1ab_0",
        "conda/b-lib-1.0-h1_3",
        "conda/c-1-0",
        "pypi/requests-2.0",
        "pypi/tool-",
    ]
    a, b, c, requests, tool = found
    assert (a.index, a.files) == (
        "https://example.org/ch/",
        (File("a-2.0-pyhd8ed1ab_0.tar.bz2", A),),
    )
    assert (a.get("noarch"), a.get("subdir"), a.get("build_number")) == ("python", "noarch", 0)
    assert (b.files, b.get("md5"), b.get("build_number")) == (
        (File("b-lib-1.0-h1_3.conda", ""),),
        M,
        3,
    )
    assert b.index == "https://example.org/ch/"
    assert (c.index, c.get("noarch")) == ("file:///srv/ch/", "generic")
    assert requests.get("urls") == {
        "requests-2.0-py3-none-any.whl": "https://files.example/requests-2.0-py3-none-any.whl"
    }
    assert tool.source == Source("git", "https://example.org/tool", revision=COMMIT)
    assert "pw" not in repr(found)
    assert "tk-1" not in repr(found)


def test_an_explicit_list_as_a_manifest(tree):
    manifest = explicit.read("/p/explicit.txt", tree({"explicit.txt": EXPLICIT}).load)
    assert manifest.taken == (TakenLock("/p/explicit.txt", "explicit"),)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("numpy=1.26=py312_0\n", 1, "must have a line @EXPLICIT"),
        (
            "@EXPLICIT\nhttps://example.org/ch/osx-64/a-1-0.conda#" + M,
            2,
            "is for osx-64, not for linux-64",
        ),
        ("# platform: win-64\n@EXPLICIT\n", 1, "is for win-64"),
        ("@EXPLICIT\nhttps://example.org/ch/linux-64/a-1-0.conda\n", 2, "no hash stands beside"),
        (
            "@EXPLICIT\nhttps://example.org/ch/linux-64/a-1-0.conda#xyz\n",
            2,
            "no hash stands beside",
        ),
        ("@EXPLICIT\nhttps://example.org/ch/linux-64/a-1-0.conda#md5:12\n", 2, "is not the md5"),
        ("@EXPLICIT\nhttps://example.org/a.txt#" + M, 2, "not the address of a conda package"),
        ("@EXPLICIT\nhttps://example.org/linux-64/..-1-0.conda#" + M, 2, "not the address"),
        (
            f"@EXPLICIT\nhttps://x.org/c/noarch/a-1-0.conda#{M}\nhttps://x.org/c/noarch/a-2-0.conda#{M}",
            0,
            "a is listed twice",
        ),
        (
            "@EXPLICIT\n# pip a @ https://example.org/a-1-py3-none-any.whl",
            2,
            "no sha256 stands beside",
        ),
        ("@EXPLICIT\n# pip a @ git+https://example.org/a@main", 2, "without the commit"),
    ],
)
def test_bad_explicit_lists(text, line, message):
    with pytest.raises(LockError, match=message) as caught:
        explicit.artifacts("/p/explicit.txt", text, LINUX)
    assert str(caught.value.where) == f"/p/explicit.txt:{line}".removesuffix(":0")
    assert caught.value.remedy


CONDA_LOCK = f"""\
version: 1
metadata:
  content_hash: {{linux-64: x}}
  channels: [{{url: conda-forge, used_env_vars: []}}]
  platforms: [linux-64, osx-arm64]
  sources: [environment.yml]
package:
- name: zlib
  version: '1.10'
  manager: conda
  platform: linux-64
  dependencies: {{libgcc: '>=12', __glibc: ''}}
  url: https://example.org/conda-forge/linux-64/zlib-1.10-h4_2.conda
  hash: {{md5: {M}, sha256: {A}}}
  category: main
  optional: false
- name: zlib
  version: '1.10'
  manager: conda
  platform: osx-arm64
  dependencies: {{}}
  url: https://example.org/conda-forge/osx-arm64/zlib-1.10-h5_2.conda
  hash: {{md5: {M}}}
  category: main
  optional: false
- name: requests
  version: '2.0'
  manager: pip
  platform: linux-64
  dependencies: {{idna: '>=2'}}
  url: https://files.example/requests-2.0-py3-none-any.whl
  hash: {{sha256: {B}}}
  category: dev
  optional: true
"""


def test_a_lock_of_conda_lock(tree):
    manifest = conda_lock.read("/p/conda-lock.yml", tree({"conda-lock.yml": CONDA_LOCK}).load)
    assert [layer.name for layer in manifest.layers] == ["", "dev"]
    main, dev = (known.artifacts(t, CONDA_LOCK, LINUX) for t in manifest.taken)
    assert [a.id for a in main] == ["conda/zlib-1.10-h4_2"]
    assert main[0].files == (File("zlib-1.10-h4_2.conda", A),)
    assert main[0].depends == ("libgcc >=12", "__glibc")
    assert main[0].index == "https://example.org/conda-forge/"
    assert [(a.id, a.files) for a in dev] == [
        ("pypi/requests-2.0", (File("requests-2.0-py3-none-any.whl", B),))
    ]
    (mac,) = conda_lock.artifacts("/p/conda-lock.yml", CONDA_LOCK, MAC)
    assert mac.get("subdir") == "osx-arm64"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no packages"),
        ("version: 1\npackage: 3", "no packages"),
        ("version: 4\npackages: []", "version 4; Stead reads version 1"),
        ("package: []", "names no version"),
        (CONDA_LOCK.replace("version: 1\n", "version: 9\n"), "version 9; Stead reads version 1"),
        (CONDA_LOCK.replace("linux-64, osx-arm64", "osx-arm64"), "but not linux-64"),
        (CONDA_LOCK.replace("  manager: conda\n", "", 1), "package 1 of the lock lacks 'manager'"),
        (CONDA_LOCK.replace("zlib-1.10-h4_2.conda", "zlib"), "not the address"),
        (CONDA_LOCK.replace(A, "12"), "is not the sha256"),
    ],
)
def test_bad_locks_of_conda_lock(text, message):
    with pytest.raises(LockError, match=message) as caught:
        conda_lock.artifacts("/p/conda-lock.yml", text, LINUX)
    assert str(caught.value.where) == "/p/conda-lock.yml"
    assert caught.value.remedy


def test_a_lock_of_conda_lock_that_is_not_yaml():
    with pytest.raises(ManifestError, match="not YAML") as caught:
        conda_lock.artifacts("/p/conda-lock.yml", "version: 1\n a: b\n", LINUX)
    assert str(caught.value.where) == "/p/conda-lock.yml:2"


PIXI = f"""\
version: 6
environments:
  default:
    channels: [{{url: https://example.org/ch/}}]
    packages:
      linux-64:
      - conda: https://example.org/ch/noarch/a-1.0-pyh_0.conda
      - pypi: https://files.example/b-2-py3-none-any.whl
      - pypi: ./mine
      - pypi: git+https://example.org/g?subdirectory=s&rev=v1#{COMMIT}
packages:
- conda: https://example.org/ch/noarch/a-1.0-pyh_0.conda
  sha256: {A}
  md5: {M}
  depends: [python >=3.9]
  license: MIT
  size: 12
- pypi: https://files.example/b-2-py3-none-any.whl
  name: b
  version: '2'
  sha256: {B}
  requires_dist: [a>=1]
- pypi: ./mine
  name: mine
  version: '0.1'
  editable: true
- pypi: git+https://example.org/g?subdirectory=s&rev=v1#{COMMIT}
  name: g
  version: '3'
"""


def test_a_lock_of_pixi():
    a, b, g, mine = pixi_lock.artifacts(PIXI, "default", LINUX, file="/w/p/pixi.lock", root="/w")
    assert (a.id, a.files, a.depends) == (
        "conda/a-1.0-pyh_0",
        (File("a-1.0-pyh_0.conda", A, 12),),
        ("python >=3.9",),
    )
    assert (a.get("license"), a.get("noarch"), a.get("md5")) == ("MIT", "python", M)
    assert (b.files, b.depends) == ((File("b-2-py3-none-any.whl", B),), ("a>=1",))
    assert g.source == Source("git", "https://example.org/g", revision=COMMIT, subdirectory="s")
    assert mine.source == Source("path", "p/mine", editable=True)


@pytest.mark.parametrize(
    ("change", "environment", "message"),
    [
        (("version: 6", "version: 3"), "", "version 3; Stead reads"),
        (("environments:", "environment:"), "", "no environments"),
        (("", ""), "test", "no environment 'test'"),
        (("linux-64", "osx-64"), "", "locked for osx-64, but not for linux-64"),
        (("- pypi: ./mine\n  name", "- pypi: ./other\n  name"), "", "lacks"),
        ((f"  sha256: {B}\n", ""), "", "no sha256 stands beside"),
    ],
)
def test_bad_locks_of_pixi(change, environment, message):
    with pytest.raises(LockError, match=message) as caught:
        pixi_lock.artifacts(PIXI.replace(*change), environment, LINUX, file="/p/pixi.lock")
    assert str(caught.value.where) == "/p/pixi.lock"
    assert caught.value.remedy
