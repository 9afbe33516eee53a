"""Exported files, judged by the tools they are for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from stead.formats import conda_lock, environment_yml, explicit, pixi_lock, pylock, requirements_txt
from stead.values.errors import LockError, UsageError
from stead.values.lock import Artifact, File, LockedEnvironment
from stead.values.platform import Platform
from stead.values.requirement import Source

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
LINUX = Platform("linux-64")


def loader(files: dict[str, str]):
    def load(path: str) -> str:
        if path in files:
            return files[path]
        raise FileNotFoundError(path)

    return load


def wheel(directory: Path, name: str, version: str, *needs: str) -> File:
    """Make a real wheel of one module, and give it as a file of a lock."""
    path = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(
            f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {n}\n" for n in needs)
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    content = path.read_bytes()
    return File(path.name, hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def wheels(tmp_path):
    directory = tmp_path / "wheels"
    directory.mkdir()
    return directory


@pytest.fixture
def locked(wheels):
    return LockedEnvironment(
        ".",
        "",
        "linux-64",
        python=PYTHON,
        artifacts=(
            Artifact(
                "pypi",
                "alpha",
                "1.0",
                "pypi",
                (wheel(wheels, "alpha", "1.0", "beta>=2"),),
                ("beta>=2",),
            ),
            Artifact("pypi", "beta", "2.5", "pypi", (wheel(wheels, "beta", "2.5"),)),
        ),
    )


@pytest.fixture
def address(wheels):
    return lambda artifact, file: (wheels / file.name).as_uri()


@pytest.fixture
def uv(tmp_path):
    from uv import find_uv_bin

    environment = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [find_uv_bin(), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def versions(prefix: Path) -> dict[str, str]:
    purelib = sysconfig.get_path("purelib", vars={"base": str(prefix)})
    code = "import alpha, beta, json; print(json.dumps([alpha.VERSION, beta.VERSION]))"
    done = subprocess.run(
        [prefix / "bin" / "python", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert Path(purelib).is_dir()
    alpha, beta = json.loads(done.stdout)
    return {"alpha": alpha, "beta": beta}


def test_uv_installs_an_exported_pylock(uv, locked, address, tmp_path):
    (tmp_path / "pylock.toml").write_text(pylock.write([locked], address))
    assert uv("venv", "--python", sys.executable, "env").returncode == 0
    done = uv("pip", "sync", "--python", "env", "pylock.toml")
    assert done.returncode == 0, done.stderr
    assert versions(tmp_path / "env") == {"alpha": "1.0", "beta": "2.5"}


def test_uv_refuses_an_exported_pylock_whose_file_was_changed(
    uv, locked, address, wheels, tmp_path
):
    (tmp_path / "pylock.toml").write_text(pylock.write([locked], address))
    wheel(wheels, "beta", "2.5", "changed")
    assert uv("venv", "--python", sys.executable, "env").returncode == 0
    done = uv("pip", "sync", "--python", "env", "pylock.toml")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


def test_packaging_accepts_an_exported_pylock(locked, address):
    import tomllib

    from packaging.pylock import Pylock

    git = Artifact(
        "pypi",
        "gitted",
        "1",
        source=Source("git", "https://example.org/g", revision="d" * 40, subdirectory="s"),
        extra=(("requested", "main"),),
    )
    path = Artifact("pypi", "mine", "", source=Source("path", "lib/mine", editable=True))
    url = Artifact(
        "pypi",
        "zipped",
        "1",
        files=(File("z.zip", "a" * 64),),
        source=Source("url", "https://example.org/z.zip"),
    )
    sdist = Artifact("pypi", "odd", "1", "pypi", (File("odd-1.tar.gz", "a" * 64),))
    env = LockedEnvironment(
        ".", "", "linux-64", python="3.12", artifacts=(*locked.artifacts, git, path, url, sdist)
    )
    text = pylock.write([env], lambda a, f: f"https://example.org/{f.name}")
    parsed = Pylock.from_dict(tomllib.loads(text))
    assert [str(p.name) for p in parsed.packages] == [
        "alpha",
        "beta",
        "gitted",
        "mine",
        "odd",
        "zipped",
    ]
    back = {a.name: a for a in pylock.artifacts("/w/pylock.toml", text, LINUX, "3.12", root="/w")}
    assert {n: (a.version, a.files, a.source) for n, a in back.items()} == {
        a.name: (a.version, a.files, a.source) for a in env.artifacts
    }


def test_uv_installs_exported_requirements_and_checks_their_hashes(
    uv, locked, address, wheels, tmp_path
):
    (tmp_path / "requirements.txt").write_text(requirements_txt.write([locked], address))
    assert uv("venv", "--python", sys.executable, "env").returncode == 0
    install = (
        "pip", "install", "--python", "env", "--no-index", "--find-links", str(wheels),
        "--require-hashes", "-r", "requirements.txt",
    )  # fmt: skip
    done = uv(*install, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert uv(*install).returncode == 0
    assert versions(tmp_path / "env") == {"alpha": "1.0", "beta": "2.5"}
    text = (tmp_path / "requirements.txt").read_text()
    (tmp_path / "requirements.txt").write_text(
        text.replace(locked.artifacts[0].files[0].sha256, "0" * 64)
    )
    done = uv(*install, "--reinstall", "--refresh")
    assert done.returncode != 0


def test_exported_requirements_are_read_back(locked, address):
    text = requirements_txt.write([locked], address)
    manifest = requirements_txt.read("/p/requirements.txt", loader({"/p/requirements.txt": text}))
    assert [(r.name, r.spec, r.hashes) for r in manifest.layers[0].requirements] == [
        (a.name, f"=={a.version}", (f"sha256:{a.files[0].sha256}",)) for a in locked.artifacts
    ]


CHANNEL = "https://example.org/ch"


def conda(
    name: str,
    version: str,
    build: str,
    *depends: str,
    subdir: str = "linux-64",
    md5: str = "c" * 32,
):
    extra = {"build": build, "build_number": 0, "subdir": subdir, "license": "MIT"}
    if md5:
        extra["md5"] = md5
    if subdir == "noarch":
        extra["noarch"] = "python"
    file = File(f"{name}-{version}-{build}.conda", hashlib.sha256(name.encode()).hexdigest(), 9)
    return Artifact(
        "conda", name, version, f"{CHANNEL}/", (file,), depends, extra=tuple(sorted(extra.items()))
    )


def mixed(platform: str = "linux-64", environment: str = "") -> LockedEnvironment:
    tag = {"linux-64": "manylinux_2_17_x86_64", "osx-arm64": "macosx_11_0_arm64"}[platform]
    files = (
        File("fast-1.0-cp311-cp311-" + tag + ".whl", "1" * 64),
        File("fast-1.0-cp312-cp312-win_amd64.whl", "2" * 64),
        File("fast-1.0-cp312-cp312-" + tag + ".whl", "3" * 64),
        File("fast-1.0-py3-none-any.whl", "4" * 64),
        File("fast-1.0.tar.gz", "5" * 64),
    )
    return LockedEnvironment(
        ".",
        environment,
        platform,
        requests=("conda python 3.12.*",),
        python="3.12",
        artifacts=(
            conda("aaa", "1.0", "py_0", "python >=3.12", subdir="noarch"),
            conda("python", "3.12.1", "h0_0", "zlib", "__glibc >=2.17", subdir=platform),
            conda("zlib", "1.10", "h1_0", subdir=platform),
            Artifact("pypi", "fast", "1.0", "pypi", files, ("idna>=2 ; extra == 'x'",)),
            Artifact("pypi", "mine", "0.1", source=Source("path", "lib", editable=True)),
        ),
    )


def places(artifact: Artifact, file: File) -> str:
    if artifact.ecosystem == "conda":
        return f"{CHANNEL}/{artifact.get('subdir')}/{file.name}"
    return f"https://files.example/{file.name}"


def identity(artifact: Artifact) -> tuple[object, ...]:
    return (artifact.id, artifact.files[0].name if artifact.files else "", artifact.source)


def test_rattler_reads_an_exported_pixi_lock(tmp_path):
    from rattler import LockFile

    text = pixi_lock.write(
        [mixed(), mixed("osx-arm64"), mixed(environment="test")],
        places,
        indexes=["https://example.org/simple"],
    )
    (tmp_path / "pixi.lock").write_text(text)
    lock = LockFile.from_path(tmp_path / "pixi.lock")
    assert sorted(name for name, _ in lock.environments()) == ["default", "test"]
    default = lock.default_environment()
    platforms = {p.name: p for p in default.platforms()}
    assert sorted(platforms) == ["linux-64", "osx-arm64"]
    assert [str(c) for c in default.channels()] == [f"{CHANNEL}/"]
    found = {p.name: p for p in default.packages(platforms["linux-64"])}
    assert sorted(found) == ["aaa", "fast", "mine", "python", "zlib"]
    assert (
        found["fast"].location
        == "https://files.example/fast-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    )
    assert found["fast"].hashes.sha256.hex() == "3" * 64
    record = found["python"].package_record
    assert str(record.version) == "3.12.1"
    assert list(record.depends) == ["zlib", "__glibc >=2.17"]
    assert record.sha256.hex() == hashlib.sha256(b"python").hexdigest()
    assert str(found["zlib"].version) == "1.10"
    assert found["aaa"].package_record.noarch.python


def test_an_exported_pixi_lock_is_read_back():
    text = pixi_lock.write([mixed()], places)
    back = pixi_lock.artifacts(text, "", LINUX, file="/w/pixi.lock", root="/w")
    assert [identity(a) for a in back if a.name != "fast"] == [
        identity(a) for a in mixed().artifacts if a.name != "fast"
    ]
    originals = {a.name: a for a in mixed().of("conda")}
    for artifact in back:
        if artifact.ecosystem == "conda":
            assert artifact == originals[artifact.name]


def test_rattler_reads_an_exported_explicit_list(tmp_path):
    from rattler.explicit_environment import ExplicitEnvironmentSpec

    text = explicit.write([mixed()], places)
    (tmp_path / "explicit.txt").write_text(text)
    spec = ExplicitEnvironmentSpec.from_path(tmp_path / "explicit.txt")
    assert spec.platform is not None
    urls = [str(p.url).partition("#")[0].rpartition("/")[2] for p in spec.packages]
    # what others depend on comes first
    assert urls == ["zlib-1.10-h1_0.conda", "python-3.12.1-h0_0.conda", "aaa-1.0-py_0.conda"]
    back = explicit.artifacts("/p/explicit.txt", text, LINUX)
    assert [a.id for a in back] == [a.id for a in mixed().artifacts if a.name != "mine"]
    assert back[-1].files == (File("fast-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "3" * 64),)


# The fields of conda-lock's schema, version 1; it refuses others.
_PACKAGE = {
    "name", "version", "manager", "platform", "dependencies", "url", "hash", "category", "optional",
}  # fmt: skip


def test_an_exported_conda_lock_has_the_documented_structure():
    import yaml

    text = conda_lock.write([mixed(), mixed("osx-arm64")], places)
    data = yaml.safe_load(text)
    assert data.keys() == {"version", "metadata", "package"}
    assert data["version"] == 1
    metadata = data["metadata"]
    assert metadata.keys() == {"content_hash", "channels", "platforms", "sources"}
    assert metadata["content_hash"].keys() == {"linux-64", "osx-arm64"}
    assert metadata["channels"] == [{"url": CHANNEL, "used_env_vars": []}]
    assert metadata["platforms"] == ["linux-64", "osx-arm64"]
    for package in data["package"]:
        assert package.keys() == _PACKAGE
        assert package["manager"] in ("conda", "pip")
        assert isinstance(package["version"], str)
        assert all(isinstance(v, str) for v in package["dependencies"].values())
        assert package["manager"] == "pip" or package["hash"]["md5"]
    for platform in ("linux-64", "osx-arm64"):
        back = conda_lock.artifacts("/p/conda-lock.yml", text, Platform(platform))
        assert [a.id for a in back] == [a.id for a in mixed(platform).artifacts if a.name != "mine"]
        python = next(a for a in back if a.name == "python")
        assert python.depends == ("__glibc >=2.17", "zlib")
    env = LockedEnvironment(".", "", "linux-64", artifacts=(conda("a", "1", "0", md5=""),))
    with pytest.raises(LockError, match="md5"):
        conda_lock.write([env], places)


def test_an_exported_environment_yml_asks_for_what_is_locked():
    text = environment_yml.write([mixed()], places, name="mine")
    manifest = environment_yml.read("/w/environment.yml", loader({"/w/environment.yml": text}))
    layer = manifest.layers[0]
    assert [c.name for c in layer.channels] == [f"{CHANNEL}/"]
    assert [str(r) for r in layer.requirements] == [
        "conda aaa ==1.0 py_0",
        "conda python ==3.12.1 h0_0",
        "conda zlib ==1.10 h1_0",
        "conda pip",
        "pypi fast ==1.0",
        "pypi  @ /w/lib (editable)",
    ]
    assert "=h1_0" not in environment_yml.write([mixed()], places, builds=False)


@pytest.mark.parametrize(
    "write", [pylock.write, requirements_txt.write, explicit.write, environment_yml.write]
)
def test_formats_of_one_environment_refuse_several(write):
    with pytest.raises(UsageError, match="not 2") as caught:
        write([mixed(), mixed("osx-arm64")], places)
    assert "--platform" in caught.value.remedy


def test_a_platform_without_a_file_is_named():
    env = LockedEnvironment(
        ".",
        "",
        "osx-64",
        python="3.12",
        artifacts=(
            Artifact(
                "pypi",
                "fast",
                "1.0",
                "pypi",
                (File("fast-1.0-cp312-cp312-win_amd64.whl", "2" * 64),),
            ),
        ),
    )
    for write in (pixi_lock.write, conda_lock.write):
        with pytest.raises(LockError, match=r"no file of fast 1\.0 is for osx-64"):
            write([env], places)
