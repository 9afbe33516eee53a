"""Images by `stead deploy`: the same from every machine, and nothing where nothing changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.prefix) / "bin" / "stead"

MANIFEST = """\
[workspace]
name = "shop"
[packages]
python = "{minor}"
[packages.pypi]
tool = "*"
[host.here.ports]
web = 8000
[app.web]
run = ["python", "main.py"]
listen = {{ PORT = "host.ports.web" }}
vars = {{ GREETING = "good day", PASSWORD = {{ type = "secret", value = "env:SHOP_PASSWORD" }} }}
[recipe.shop]
app = "web"
[target.img]
kind = "image"
base = "{base}"
output = "oci:out"
"""


@pytest.fixture
def project(tmp_path, base, index):
    place = tmp_path / "project"
    place.mkdir()
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    (place / "stead.toml").write_text(MANIFEST.format(minor=minor, base=base), encoding="utf-8")
    (place / "main.py").write_text("print('hello')\n", encoding="utf-8")

    def stead(*words: str, home: Path, code: int = 0) -> str:
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=place,
            env={
                "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "SHOP_PASSWORD": "correct-horse",
                "STEAD_HOME": str(home),
                "UV_DEFAULT_INDEX": f"{index.as_uri()}/simple",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    return place, stead


def documents(place: Path) -> tuple[str, dict, dict]:
    out = place / "out"
    (found,) = json.loads((out / "index.json").read_bytes())["manifests"]

    def read(digest: str) -> dict:
        return json.loads((out / "blobs" / digest.replace(":", "/")).read_bytes())

    manifest = read(found["digest"])
    return found["digest"], manifest, read(manifest["config"]["digest"])


@pytest.mark.slow
def test_a_recipe_becomes_an_image_and_the_same_one_again(project, shared, tmp_path) -> None:
    place, stead = project
    said = stead("deploy", "shop", "img", home=shared.home)
    assert "--env PASSWORD" in said
    first, manifest, config = documents(place)
    assert first in said
    settings = dict(e.split("=", 1) for e in config["config"]["Env"])
    assert settings["GREETING"] == "good day"
    assert "PASSWORD" not in settings
    assert config["config"]["Labels"]["dev.stead.secrets"] == "PASSWORD"
    assert config["config"]["WorkingDir"].startswith("/opt/stead/trees/code-")
    assert "nothing changes" in stead("deploy", "shop", "img", home=shared.home)
    assert documents(place)[0] == first

    # A secret in the code would be in the image for everybody who has it.
    for name, text in (("main.py", "key = 'correct-horse'"), ("more.txt", "x\0correct-horse")):
        before = (place / name).read_text() if (place / name).exists() else ""
        (place / name).write_text(text, encoding="utf-8")
        refused = stead("deploy", "shop", "img", home=shared.home, code=1)
        assert f"the file {name} holds a secret" in refused
        assert "when the image is started" in refused
        assert "correct-horse" not in refused
        (place / name).write_text(before, encoding="utf-8")
    assert documents(place)[0] == first

    # The image lies in the project, and is none of its code.
    (place / "main.py").write_text("print('good bye')\n", encoding="utf-8")
    stead("deploy", "shop", "img", home=shared.home)
    second, changed, _ = documents(place)
    assert second != first
    pairs = zip(manifest["layers"], changed["layers"], strict=True)
    differ = [after for before, after in pairs if before != after]
    assert len(differ) == 1
    assert differ[0]["size"] < 3000


@pytest.mark.slow
def test_another_home_gives_the_same_image(project, shared, tmp_path) -> None:
    place, stead = project
    stead("deploy", "shop", "img", home=shared.home)
    first = documents(place)
    (place / "out").rename(tmp_path / "before")
    stead("deploy", "shop", "img", home=tmp_path / "another")
    again = documents(place)
    assert again[2] == first[2]
    assert again[1] == first[1]
    assert again[0] == first[0]
