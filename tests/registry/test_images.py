"""The image of each shipped item is built from its Dockerfile, offline, and does its work.

The images that the Dockerfiles start from are stood in for by one root of Debian's packages that
has Python, Node and Rust, imported under each name that is asked for. Packages come from mounted
directories; the builds have no network.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.registry.variants import ITEMS

from stead.testing.roots import made_once

# The one that Debian's root has.
PYTHON = "3.11"
# In a file, pip takes `no-compile` for the setting of what it would turn off.
PIP_CONF = """\
[global]
break-system-packages = true
disable-pip-version-check = true
root-user-action = ignore
[install]
no-compile = false
"""


ROOT = [
    "mmdebstrap", "--quiet", "--mode=root", "--variant=apt",
    "--include=python3,python3-pip,cargo,ca-certificates",
    "--aptopt=APT::Install-Recommends false",
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
]  # fmt: skip


def buildah(home: Path, *words: str | Path, store: str = "") -> list[str]:
    """Give the words that call buildah with a storage of its own, and one that it only reads."""
    more = ["--storage-driver", "overlay", "--storage-opt", f"additionalimagestore={store}"]
    places = ["--root", str(home / "storage"), "--runroot", str(home / "run")]
    # What it leaves behind when it is killed is below its home, too.
    (home / "tmp").mkdir(exist_ok=True)
    tmp = ["env", f"TMPDIR={home}/tmp"]
    return [*tmp, "buildah", *places, *(more if store else []), *map(str, words)]


def run(words: list[str], cwd: Path) -> str:
    """Run a program; give what it prints. Fails with all that it said."""
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def base_store(names: set[str]) -> str:
    """Give a storage that has the root under each name. It is made once per machine."""
    versions = [run([program, "--version"], Path("/")) for program in ("node", "npm", "buildah")]
    recipe = json.dumps([ROOT, PIP_CONF, versions, sorted(names)])
    name = f"images-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"

    def make(target: str) -> None:
        home = Path(target).with_name("making")
        home.mkdir()
        write_layout(home)
        # Of its path a name is made, in which a temporary directory's need not be allowed.
        image = run(buildah(home, "pull", "--quiet", "oci:layout"), home)
        for name in sorted(names):
            run(buildah(home, "tag", image, name), home)
        (home / "storage").rename(target)

    return made_once(name, make)


def write_layout(home: Path) -> None:
    """Make the root, as an image in ``home/layout``."""
    layout = home / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    npm = Path(shutil.which("npm") or "").resolve().parents[1]
    added = home / "added"
    # Where an official image has it; Debian has an older one.
    for source, place in (
        (Path(shutil.which("node") or "").resolve(), "usr/local/bin/node"),
        (npm, "usr/local/lib/node_modules/npm"),
    ):
        (added / place).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, added / place)
    for name in ("npm", "npx"):
        link = f"../lib/node_modules/npm/bin/{name}-cli.js"
        (added / "usr/local/bin" / name).symlink_to(link)
    (added / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (added / "etc").mkdir()
    (added / "etc/pip.conf").write_text(PIP_CONF)
    tar = home / "root.tar"
    copying = f'--customize-hook=cp -a {shlex.quote(str(added))}/. "$1"'
    run([*ROOT, copying, "bookworm", str(tar)], home)

    def blob(content: bytes) -> tuple[str, int]:
        found = hashlib.sha256(content).hexdigest()
        (blobs / found).write_bytes(content)
        return f"sha256:{found}", len(content)

    with tar.open("rb") as stream:
        layer = hashlib.file_digest(stream, "sha256").hexdigest()
    size = tar.stat().st_size
    tar.rename(blobs / layer)
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
        "os": "linux",
        "config": {"Env": [path]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
    }
    kind = "application/vnd.oci.image"

    def described(what: str, digest: str, length: int) -> dict[str, object]:
        return {"mediaType": f"{kind}.{what}", "digest": digest, "size": length}

    manifest = {
        "schemaVersion": 2,
        "config": described("config.v1+json", *blob(json.dumps(config).encode())),
        "layers": [described("layer.v1.tar", f"sha256:{layer}", size)],
    }
    listed = described("manifest.v1+json", *blob(json.dumps(manifest).encode()))
    index = {"schemaVersion": 2, "manifests": [listed]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


class Builder:
    """Buildah with a storage of its own, the items as they land, and what is mounted."""

    def __init__(self, home: Path, npm: Path) -> None:
        self.home = home
        self.items = home / "items"
        for item in ITEMS:
            item.write(self.items / str(item))
        self.wheels = home / "wheels"
        self.npm = npm
        self.store = ""

    def words(self, *words: str | Path) -> list[str]:
        """Give the words that call buildah."""
        return buildah(self.home, *words, store=self.store)

    def buildah(self, *words: str | Path) -> str:
        """Run buildah without the network; give what it prints. Fails with all that it said."""
        return run(["unshare", "--net", *self.words(*words)], self.home)

    def base(self, names: set[str]) -> None:
        """Let the root be there under each name."""
        self.store = base_store(names)

    def fetch_wheels(self) -> None:
        """Fetch what the Python items need, for the root's Python."""
        wanted = ["setuptools>=77", "wheel"]
        for project in self.items.glob("*/pyproject.toml"):
            wanted += tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
        listed = self.home / "wanted.txt"
        listed.write_text("\n".join(wanted))
        locked = self.home / "locked.txt"
        system = f"{platform.machine()}-manylinux_2_28"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [
                *uv, "pip", "compile", "-q", "--no-header", "--no-annotate", "--only-binary=:all:",
                "--python-version", PYTHON, "--python-platform", system,
                "-o", str(locked), str(listed),
            ],
            check=True,
        )  # fmt: skip
        seeded = self.home / "seeded"
        subprocess.run([*uv, "venv", "-q", "--seed", "-p", sys.executable, seeded], check=True)
        tags = [f"manylinux_2_{minor}_{platform.machine()}" for minor in (17, 27, 28)]
        subprocess.run(
            [
                seeded / "bin" / "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
                "--python-version", PYTHON, "--implementation", "cp",
                *(f"--abi={abi}" for abi in ("cp311", "abi3", "none")),
                f"--platform=manylinux2014_{platform.machine()}", "--platform=any",
                *(f"--platform={tag}" for tag in tags),
                "-d", str(self.wheels), "-r", str(locked),
            ],
            check=True,
            env={**os.environ, "PIP_NO_WARN_SCRIPT_LOCATION": "1"},
        )  # fmt: skip

    def build_and_run(self, name: str, listens: bool) -> None:
        """Build an item's image and run what it runs. Fails with what is wrong."""
        directory = self.items / name
        self.buildah(
            "bud", "--quiet", "--isolation=chroot", "--pull=never",
            "--volume", f"{self.wheels}:/wheels:ro", "--volume", f"{self.npm}:/npm:O",
            "--file", directory / f"Dockerfile.{name}", "--tag", f"module/{name}", directory,
        )  # fmt: skip
        image = json.loads(self.buildah("inspect", "--type=image", f"module/{name}"))
        config = image["OCIv1"]["config"]
        assert config["User"] not in ("", "0", "root"), "it runs as root"
        container = self.buildah("from", "--pull=never", f"module/{name}")
        words = self.words(
            "run", "--isolation=chroot",
            *(["--env=PORT=0", "--env=HOST=127.0.0.1"] if listens else []),
            container, "--", *config.get("Entrypoint", []), *config.get("Cmd", []),
        )  # fmt: skip
        running = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            if listens:
                address = running.stdout.readline().strip()
                assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address), running.communicate()
                with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
                    assert json.load(answer)["status"] == "ok"
            else:
                out, err = running.communicate(timeout=300)
                assert (running.returncode, err) == (0, ""), err
                assert out
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.communicate()


@pytest.fixture
def builder(remix):
    """One that has npm's cache as installing the item of Node's fills it, of which there is one."""
    assert [str(v) for v in ITEMS if "package-lock.json" in v.files()] == ["remix-app"]
    cache = Path(remix[1]["npm_config_cache"])
    made = Builder(Path(tempfile.mkdtemp(prefix="images-")), cache)
    yield made
    made.buildah("rm", "--all")
    made.buildah("rmi", "--all", "--force")
    shutil.rmtree(made.home)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.needs("buildah", "mmdebstrap", "node", "npm")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter another root directory")
def test_the_image_of_each_item_is_built_offline_and_does_its_work(builder):
    asked = set()
    for item in ITEMS:
        text = item.files()[f"Dockerfile.{item}"].decode()
        asked |= set(re.findall(r"^FROM (\S+)", text, re.MULTILINE))
    with ThreadPoolExecutor(2) as pool:
        fetched = pool.submit(builder.fetch_wheels)
        pool.submit(builder.base, asked).result()
        fetched.result()
        built = {
            str(item): pool.submit(builder.build_and_run, str(item), bool(item.item.listens))
            for item in ITEMS
        }
    failed = {name: str(work.exception()) for name, work in built.items() if work.exception()}
    assert not failed, "\n\n".join(f"{name}: {text}" for name, text in failed.items())
