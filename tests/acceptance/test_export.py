"""`stead export`: files that their own tools take, and that hold no secret."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stead.testing.server import serve

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
MANIFEST = f"""\
[packages]
python = "{PYTHON}"
[packages.pypi]
branch = "*"
from-source = "*"
"""


def conda_manifest(channel) -> str:
    return f"""\
[packages.conda]
channels = ["{channel}"]
python = "*"
packaging = "*"
[packages.pypi]
branch = "*"
"""


@pytest.fixture
def uv(machine, tmp_path):
    """Run uv as its user would, without anything of Stead's."""
    from uv import find_uv_bin

    environ = {k: v for k, v in machine.environ.items() if not k.startswith(("STEAD", "UV_"))}
    environ |= {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_NO_CONFIG": "1"}

    def run(*words: str, cwd) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [find_uv_bin(), *words], cwd=cwd, env=environ, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    return run


def installed(directory) -> str:
    code = "import branch, leaf, from_source; print(branch.__version__, leaf.__version__)"
    python = directory / "env" / "bin" / "python"
    done = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=directory
    )
    return done.stdout


def test_uv_syncs_an_exported_pylock(machine, project, uv, tmp_path):
    root = project({"stead.toml": MANIFEST})
    there = tmp_path / "there"
    there.mkdir()
    machine.ok("export", "-o", str(there / "pylock.toml"), cwd=root)
    assert uv("venv", "--python", sys.executable, "env", cwd=there).returncode == 0
    # No index is given: the addresses are in the file.
    done = uv("pip", "sync", "--no-index", "--python", "env", "pylock.toml", cwd=there)
    assert done.returncode == 0, done.stderr
    assert installed(there) == "2.0 2.0\n"


def test_uv_installs_exported_requirements_by_their_hashes(machine, project, uv, index, tmp_path):
    root = project({"stead.toml": MANIFEST})
    there = tmp_path / "there"
    there.mkdir()
    machine.ok("export", "-o", str(there / "requirements.txt"), cwd=root)
    assert uv("venv", "--python", sys.executable, "env", cwd=there).returncode == 0
    words = ["pip", "install", "--require-hashes", "--python", "env", "-r", "requirements.txt"]
    done = uv(*words, "--default-index", f"{index.as_uri()}/simple", cwd=there)
    assert done.returncode == 0, done.stderr
    assert installed(there) == "2.0 2.0\n"


def test_requirements_name_the_manifests_indexes(machine, project, uv, index, tmp_path):
    root = project(
        {
            "stead.toml": "[packages.pypi]\nindexes = ["
            f"{{ name = 'own', url = '{index.as_uri()}/simple' }}]\nleaf = '*'\n"
        }
    )
    text = machine.ok("export", "--format", "requirements", cwd=root)
    assert f"--extra-index-url {index.as_uri()}/simple\n" in text
    there = tmp_path / "there"
    there.mkdir()
    (there / "requirements.txt").write_text(text, encoding="utf-8")
    assert uv("venv", "--python", sys.executable, "env", cwd=there).returncode == 0
    done = uv("pip", "install", "--python", "env", "-r", "requirements.txt", cwd=there)
    assert done.returncode == 0, done.stderr


def test_rattler_reads_an_exported_pixi_lock(machine, project, conda_channel):
    from rattler import LockFile

    root = project({"stead.toml": conda_manifest(conda_channel.as_uri())})
    machine.ok("export", "-o", "pixi.lock", cwd=root)
    lock = LockFile.from_path(root / "pixi.lock")
    found = lock.default_environment()
    assert found is not None
    packages = [p for platform in found.platforms() for p in found.packages(platform)]
    assert {p.name for p in packages} == {"python", "packaging", "branch", "leaf"}
    for package in packages:
        assert package.hashes.sha256 is not None


def test_rattler_reads_an_exported_explicit_list(machine, project, conda_channel, here):
    from rattler.explicit_environment import ExplicitEnvironmentSpec

    root = project({"stead.toml": conda_manifest(conda_channel.as_uri())})
    machine.ok("export", "--format", "explicit", "-o", "list.txt", cwd=root)
    spec = ExplicitEnvironmentSpec.from_path(root / "list.txt")
    assert str(spec.platform) == here.name
    names = [entry.url.rpartition("/")[2].split("-")[0] for entry in spec.packages]
    assert names == ["python", "packaging"]


def test_several_platforms_in_one_file(machine, project):
    root = project({"stead.toml": MANIFEST + "[workspace]\nplatforms = ['osx-arm64', 'win-64']\n"})
    machine.ok("export", "-o", "pixi.lock", cwd=root)
    text = (root / "pixi.lock").read_text(encoding="utf-8")
    assert all(f"- name: {p}\n" in text for p in ("linux-64", "osx-arm64", "win-64"))
    message = machine.fails(
        "export", "--format", "pylock", "--platform", "osx-arm64", "--platform", "win-64",
        cwd=root, code=2,
    )  # fmt: skip
    assert "one environment" in message
    one = machine.ok("export", "--format", "requirements", "--platform", "win-64", cwd=root)
    assert "# For win-64 and Python" in one


def test_no_password_of_the_index_is_exported(machine, project, index, tmp_path):
    root = project({"stead.toml": MANIFEST.replace('from-source = "*"\n', "")})
    with serve(index) as served:
        served.password = ("someone", "s3cret")
        address = served.url.replace("://", "://someone:s3cret@") + "/simple"
        env = {"UV_DEFAULT_INDEX": address}
        machine.ok("build", cwd=root, env=env)
        for name in ("pylock", "pixi", "requirements", "environment.yml"):
            text = machine.ok("export", "--format", name, cwd=root, env=env)
            assert "s3cret" not in text
            assert "someone" not in text
        assert served.url in machine.ok("export", "--format", "pylock", cwd=root, env=env)
    assert "s3cret" not in (root / "stead.lock").read_text(encoding="utf-8")


def test_no_password_or_token_of_a_channel_is_exported(machine, project, conda_channel):
    with serve(conda_channel) as served:
        served.password = ("someone", "s3cret")
        address = served.url.replace("://", "://someone:s3cret@")
        root = project(
            {"environment.yml": f"channels: ['{address}']\ndependencies: [python, packaging]\n"}
        )
        for name in ("explicit", "conda-lock", "pixi", "environment.yml"):
            text = machine.ok("export", "--format", name, cwd=root)
            assert served.url in text
            assert "s3cret" not in text
        machine.ok("lock", cwd=root)
        assert "s3cret" not in (root / "stead.lock").read_text(encoding="utf-8")


def test_a_file_of_ones_own_is_not_overwritten(machine, project):
    root = project({"stead.toml": MANIFEST, "requirements-all.txt": "mine\n"})
    message = machine.fails("export", "-o", "requirements-all.txt", cwd=root, code=2)
    assert "requirements-all.txt" in message
    assert "--force" in message
    assert (root / "requirements-all.txt").read_text(encoding="utf-8") == "mine\n"
    machine.ok("export", "-o", "requirements-all.txt", "--force", cwd=root)
    machine.ok("export", "-o", "requirements-all.txt", cwd=root)
    assert "branch==2.0" in (root / "requirements-all.txt").read_text(encoding="utf-8")


def test_an_exported_file_beside_its_manifest_changes_nothing(machine, project):
    root = project({"stead.toml": MANIFEST})
    for name in ("pylock.toml", "requirements.txt", "environment.yml"):
        machine.ok("export", "-o", name, cwd=root)
    report = machine.json("status", cwd=root)
    assert {r["format"] for r in report["read"]} == {"stead.toml"}
    assert report["lock"]["answers"]
    (root / "stead.toml").write_text(MANIFEST + 'tool = "*"\n', encoding="utf-8")
    assert machine.ok("run", "tool", cwd=root) == "tool ran\n"
    (root / "stead.toml").unlink()
    (root / "stead.lock").unlink()
    report = machine.json("status", cwd=root)
    assert {r["format"] for r in report["read"]} >= {"requirements.txt", "pylock.toml"}


def test_a_project_of_the_tree_is_exported_by_its_path(machine, project, uv, tmp_path):
    from stead.testing.index import Sdist, project_files

    files = {f"lib/{k}": v for k, v in project_files(Sdist("mine", "1.0")).items()}
    manifest = "[packages.pypi]\nmine = { path = 'lib', editable = true }\nleaf = '*'\n"
    root = project({"stead.toml": manifest, "out/x": "", **files})
    machine.ok("export", "-o", "out/pylock.toml", cwd=root)
    text = (root / "out" / "pylock.toml").read_text(encoding="utf-8")
    assert 'path = "../lib"' in text
    assert str(root) not in text
    out = root / "out"
    assert uv("venv", "--python", sys.executable, "env", cwd=out).returncode == 0
    done = uv("pip", "sync", "--python", "env", "pylock.toml", cwd=out)
    assert done.returncode == 0, done.stderr
    assert (out / "env" / "bin" / "python").exists()
    note = machine.run("export", "--format", "requirements", cwd=root).stderr
    assert "without a hash: mine" in note


def test_a_file_in_the_tree_is_exported_by_its_path(machine, project, index):
    import hashlib

    (wheel,) = (index / "files").glob("leaf-1.0-*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = (
        'lock-version = "1.0"\ncreated-by = "someone"\n[[packages]]\nname = "leaf"\n'
        f'version = "1.0"\nwheels = [{{ path = "wheels/{wheel.name}", '
        f'hashes = {{ sha256 = "{digest}" }} }}]\n'
    )
    root = project({"pylock.toml": lock, "wheels/x": "", "out/x": ""})
    (root / "wheels" / wheel.name).write_bytes(wheel.read_bytes())
    machine.ok("export", "-o", "out/pylock.toml", cwd=root)
    text = (root / "out" / "pylock.toml").read_text(encoding="utf-8")
    assert f'path = "../wheels/{wheel.name}"' in text
    assert str(root) not in text
    machine.ok("run", "python", "-c", "import leaf", cwd=root / "out")


def test_what_a_format_cannot_hold_is_said(machine, project, conda_channel):
    root = project({"stead.toml": conda_manifest(conda_channel.as_uri())})
    done = machine.run("export", "--format", "pylock", cwd=root)
    assert "left out: 2 conda packages" in done.stderr
    (root / "stead.toml").write_text(MANIFEST, encoding="utf-8")
    message = machine.fails("export", "--format", "explicit", cwd=root, code=2)
    assert "no conda package is locked" in message


def test_the_format_must_be_known(machine, project):
    root = project({"stead.toml": MANIFEST})
    assert "--format" in machine.fails("export", cwd=root, code=2)
    assert "strange.xyz" in machine.fails("export", "-o", "strange.xyz", cwd=root, code=2)
    assert not (root / "strange.xyz").exists()


def test_locked_and_offline_are_respected(machine, project):
    root = project({"stead.toml": MANIFEST})
    machine.fails("export", "--format", "pylock", "--locked", cwd=root)
    assert not (root / "stead.lock").exists()
    machine.ok("build", cwd=root)
    before = (root / "stead.lock").read_bytes()
    first = machine.ok("export", "--format", "pylock", cwd=root)
    assert machine.ok("export", "--format", "pylock", "--locked", "--offline", cwd=root) == first
    assert (root / "stead.lock").read_bytes() == before
