"""Images without an engine: real readers read them, programs run in them, layers are shared."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stead.deploy.cache import Cache
from stead.deploy.oci import layers, layout
from stead.store.atomic import remove_tree
from stead.values.deployment import OneOff, PlacedFile
from stead.values.errors import DeployError
from stead.values.frozen import replace


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()
    }


def manifest(directory: Path, tag: str) -> dict:
    index = json.loads((directory / "index.json").read_bytes())
    (found,) = [m for m in index["manifests"] if m["annotations"][layout.REF_NAME] == tag]
    return json.loads((directory / "blobs" / found["digest"].replace(":", "/")).read_bytes())


def skopeo(*words: object) -> str:
    done = subprocess.run(["skopeo", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.needs("skopeo")
def test_skopeo_reads_and_copies_what_was_written(maker, environment, tmp_path) -> None:
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    for output in (f"oci:{tmp_path}/image", f"oci-archive:{tmp_path}/image.tar"):
        applied = maker.target(output).apply(delivery)
        assert applied.changed
        tag = ":web" if output.startswith("oci:") else ""
        said = json.loads(skopeo("inspect", "--config", f"{output}{tag}"))
        assert said["created"] == "1970-01-01T00:00:00Z"
        assert said["config"]["ExposedPorts"] == {"8000/tcp": {}}
        assert "GREETING=good day" in said["config"]["Env"]
        assert "Cmd" not in said["config"]
        # It reads each layer and checks its digests.
        skopeo("copy", f"{output}{tag}", f"dir:{tmp_path}/copy{len(output)}")


@pytest.mark.slow
@pytest.mark.needs("buildah")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root directory")
def test_the_program_runs_in_the_image(maker, environment, tmp_path) -> None:
    code = "import leaf, os, sys\nprint(leaf.__version__, os.environ['GREETING'], sys.prefix)\n"
    trees = maker.trees(environment, code)
    maker.target(f"oci:{tmp_path}/image").apply(maker.delivery(maker.payload(trees)))
    store = tmp_path / "storage"
    buildah = ["buildah", "--root", f"{store}/a", "--runroot", f"{store}/b"]
    buildah += ["--storage-driver", "vfs"]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*buildah, *words], capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def said(container: str, *words: str) -> str:
        # By way of a file: what a short-lived program prints, buildah may lose at its end.
        script = 'exec "$@" > /tmp/said'
        run("run", "--isolation", "chroot", container, "--", "/bin/sh", "-c", script, "sh", *words)
        return Path(run("mount", container), "tmp/said").read_text(encoding="utf-8").strip()

    try:
        container = run("from", f"oci:{tmp_path}/image:web")
        entry = json.loads(run("inspect", container))["OCIv1"]["config"]["Entrypoint"]
        at = f"{layers.ROOT}/trees/environment-00000001"
        assert said(container, *entry) == f"1.0 good day {at}"
        assert said(container, f"{at}/bin/tool").startswith(f"hello from {at}/lib/")
        run("umount", container)
        run("rm", container)
    finally:
        subprocess.run([*buildah, "rmi", "--all"], capture_output=True, check=False)
        remove_tree(store)


def test_the_same_payload_gives_the_same_bytes(maker, environment, tmp_path) -> None:
    for number in ("one", "two"):
        # Another cache, so all of it is made anew; no interpreter, which takes long.
        fresh = replace_home(maker, tmp_path / f"home-{number}")
        environment_, _, code = fresh.trees(environment)
        delivery = fresh.delivery(fresh.payload((environment_, code)))
        fresh.target(f"oci:{tmp_path}/{number}").apply(delivery)
        fresh.target(f"oci-archive:{tmp_path}/{number}.tar").apply(delivery)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def replace_home(maker, home):
    from dataclasses import replace as changed

    return changed(maker, home=home)


def test_blobs_are_what_their_names_say(maker, environment, tmp_path) -> None:
    maker.target(f"oci:{tmp_path}/image").apply(
        maker.delivery(maker.payload(maker.trees(environment)))
    )
    for path, data in files(tmp_path / "image" / "blobs" / "sha256").items():
        assert hashlib.sha256(data).hexdigest() == path


def test_after_one_package_changed_only_its_layer_differs(maker, shared, tmp_path) -> None:
    for name, version in (("one", "1.0"), ("two", "2.0")):
        build = shared.pypi("branch", f"leaf=={version}", "tool", "twig", name=name)
        payload = maker.payload(maker.trees(build))
        maker.target(f"oci:{tmp_path}/{name}").apply(maker.delivery(payload))
    one, two = (
        [layer["digest"] for layer in manifest(tmp_path / name, "web")["layers"]]
        for name in ("one", "two")
    )
    assert len(one) == len(two)
    assert [a == b for a, b in zip(one, two, strict=True)].count(False) == 1


def test_two_recipes_share_the_layers_of_their_packages(maker, shared, tmp_path) -> None:
    small = maker.payload(maker.trees(shared.pypi("tool", "twig", name="small")))
    large = maker.payload(maker.trees(shared.pypi("branch", "tool", "twig", name="large")))
    maker.target(f"oci:{tmp_path}/image:small").apply(maker.delivery(small))
    maker.target(f"oci:{tmp_path}/image:large").apply(maker.delivery(large))
    first, second = (
        {layer["digest"] for layer in manifest(tmp_path / "image", tag)["layers"]}
        for tag in ("small", "large")
    )
    # The base, Python, tool, twig, the environment's own files and the code.
    assert len(first) == 6
    assert first < second


def test_an_unchanged_deploy_changes_nothing(maker, environment, tmp_path) -> None:
    target = maker.target(f"oci:{tmp_path}/image")
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    assert target.facts().running == ""
    assert target.apply(delivery).changed
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "image").rglob("*")}
    again = maker.target(f"oci:{tmp_path}/image")
    assert again.facts().running == delivery.digest
    assert again.running() == delivery.record
    assert not again.apply(delivery).changed
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "image").rglob("*")} == before


def test_another_base_is_a_change(maker, environment, tmp_path) -> None:
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    maker.target(f"oci:{tmp_path}/image").apply(delivery)
    other = layout.read(layout.parse(maker.base), ("linux", "amd64"))
    config = json.dumps({**other.config, "author": "somebody"}).encode()
    layout.write(
        layout.Reference(False, str(tmp_path / "base")),
        [layout_image(other, config)],
    )
    target = maker.target(f"oci:{tmp_path}/image", base=f"oci:{tmp_path}/base:base")
    assert target.facts().running == ""
    assert target.apply(delivery).changed


def layout_image(base, config):
    from stead.deploy.oci.model import Image

    return Image("base", base.layers, config, base)


def test_what_an_older_image_alone_needed_goes_and_others_stay(
    maker, environment, tmp_path
) -> None:
    def deploy(code: str, tag: str) -> set[str]:
        trees = maker.trees(environment, code)
        target = maker.target(f"oci:{tmp_path}/image:{tag}")
        target.apply(maker.delivery(maker.payload(trees)))
        return set(os.listdir(tmp_path / "image/blobs/sha256"))

    first = deploy("print('the first')\n", "a")
    both = deploy("print('the second')\n", "b")
    assert first < both
    third = deploy("print('the third')\n", "a")
    assert len(both - third) == 3  # the first's code, configuration and manifest
    assert layout_is_whole(tmp_path / "image", "b")


def layout_is_whole(directory: Path, tag: str) -> bool:
    found = manifest(directory, tag)
    return all(
        (directory / "blobs" / blob["digest"].replace(":", "/")).is_file()
        for blob in (found["config"], *found["layers"])
    )


def test_several_processes_are_images_that_share_all_layers(maker, environment, tmp_path) -> None:
    payload = maker.payload(maker.trees(environment))
    (web,) = payload.services
    worker = replace(web, name="web-worker", argv=(*web.argv, "--work"), ports=())
    more = replace(web, name="web-2", ports=())
    migrate = OneOff("web:migrate", replace(web, name="migrate", argv=(*web.argv, "--migrate")))
    payload = replace(payload, services=(web, more, worker), commands=(migrate,))
    maker.target(f"oci:{tmp_path}/image:1.0").apply(maker.delivery(payload))
    index = json.loads((tmp_path / "image/index.json").read_bytes())
    tags = sorted(m["annotations"][layout.REF_NAME] for m in index["manifests"])
    assert tags == ["1.0-web", "1.0-web-migrate", "1.0-web-worker"]
    listed = [manifest(tmp_path / "image", tag)["layers"] for tag in tags]
    assert listed[0] == listed[1] == listed[2]


def test_rendered_files_stand_where_the_program_looks_for_them(
    maker, environment, tmp_path
) -> None:
    trees = maker.trees(environment)
    key = trees[0].key
    path = f"{layers.ROOT}/recipes/demo/generations/@GENERATION@/files/app.toml"
    payload = maker.payload(
        trees,
        files=(PlacedFile(path, f"python = '{layers.ROOT}/trees/{key}'\n".encode(), mode=0o644),),
    )
    (web,) = payload.services
    web = replace(web, environment=(*web.environment, ("SETTINGS", path)))
    maker.target(f"oci:{tmp_path}/image").apply(maker.delivery(replace(payload, services=(web,))))
    found = manifest(tmp_path / "image", "web")
    config = json.loads(
        (tmp_path / "image/blobs" / found["config"]["digest"].replace(":", "/")).read_bytes()
    )
    settings = dict(e.split("=", 1) for e in config["config"]["Env"])["SETTINGS"]
    blob = tmp_path / "image/blobs" / found["layers"][-1]["digest"].replace(":", "/")
    said = subprocess.run(
        ["tar", "-xzOf", blob, settings.lstrip("/")], capture_output=True, check=True
    )
    assert said.stdout.decode() == f"python = '{layers.ROOT}/trees/environment-00000001'\n"


def test_no_secret_comes_into_an_image(maker, environment, tmp_path) -> None:
    payload = maker.payload(maker.trees(environment))
    (web,) = payload.services
    known = replace(
        payload,
        services=(replace(web, secrets=("PASSWORD",)),),
        secrets=(("web", "PASSWORD", "correct-horse"),),
    )
    applied = maker.target(f"oci:{tmp_path}/image").apply(maker.delivery(known))
    assert "--env PASSWORD" in applied.warnings[0]
    assert not any(b"correct-horse" in data for data in files(tmp_path / "image").values())
    path = f"{layers.ROOT}/recipes/demo/files/x"
    for worse in (
        replace(known, files=(PlacedFile(path, b"password = correct-horse"),)),
        replace(known, files=(PlacedFile(path, b"anything", secret=True),)),
        replace(known, services=(replace(web, argv=(*web.argv, "--password=correct-horse")),)),
        replace(known, services=(replace(web, environment=(("URL", "db:correct-horse@h"),)),)),
    ):
        with pytest.raises(DeployError, match="holds a secret") as caught:
            maker.target(f"oci:{tmp_path}/other").apply(maker.delivery(worse))
        assert "--env NAME" in caught.value.remedy
        assert "correct-horse" not in str(caught.value)
    assert not (tmp_path / "other").exists()


def test_a_base_without_what_is_needed_is_refused_before_anything_is_written(
    maker, environment, tmp_path
) -> None:
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    with pytest.raises(DeployError, match="needs a base"):
        maker.target(f"oci:{tmp_path}/image", base="").apply(delivery)
    base = layout.read(layout.parse(maker.base), ("linux", "amd64"))
    empty = layers.made(Cache(maker.home), "empty", (), "", ["empty"])
    config = json.dumps(
        {**base.config, "rootfs": {"type": "layers", "diff_ids": [empty.diff_id]}}
    ).encode()
    layout.write(
        layout.Reference(False, str(tmp_path / "bare")),
        [replace(layout_image(base, config), layers=(empty,))],
    )
    with pytest.raises(DeployError, match="cannot run upon this base") as caught:
        maker.target(f"oci:{tmp_path}/image", base=f"oci:{tmp_path}/bare").apply(delivery)
    assert "glibc" in caught.value.details[0]
    assert not (tmp_path / "image").exists()


def test_the_base_is_looked_at_as_a_machine_would_be(maker) -> None:
    facts = maker.target("oci:/nowhere").facts()
    assert facts.system == "Linux"
    assert facts.machine == os.uname().machine
    assert facts.glibc == os.confstr("CS_GNU_LIBC_VERSION").split()[1]
    assert "libc.so.6" in facts.libraries
    assert "libssl.so.3" not in facts.libraries
    assert facts.programs is not None
    assert "sh" in facts.programs
    assert "perl" not in facts.programs


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", "where the image goes"),
        ("just-a-name", "which registry is meant"),
        ("localhost:5000/Upper", "cannot be the name"),
        ("localhost:5000/a@sha256:12", "cannot be the name"),
    ],
)
def test_an_output_that_makes_no_sense_is_refused(maker, output, said) -> None:
    with pytest.raises(DeployError, match=said):
        maker.target(output)


def test_a_directory_with_other_things_is_left_alone(maker, environment, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("mine", encoding="utf-8")
    delivery = maker.delivery(maker.payload(maker.trees(environment)))
    with pytest.raises(DeployError, match="something else"):
        maker.target(f"oci:{tmp_path}/mine").apply(delivery)
    assert os.listdir(tmp_path / "mine") == ["precious"]


def test_a_missing_or_damaged_base_is_named(maker, tmp_path) -> None:
    with pytest.raises(DeployError, match="no image here"):
        maker.target("oci:/nowhere", base=f"oci:{tmp_path}/none").facts()
    with pytest.raises(DeployError, match="no image none here") as caught:
        maker.target("oci:/nowhere", base=maker.base.removesuffix(":base") + ":none").facts()
    assert caught.value.details == ("there are: base",)
    path = tmp_path / "damaged"
    subprocess.run(["cp", "-r", maker.base.split(":")[1], path], check=True)
    for blob in (path / "blobs/sha256").iterdir():
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    with pytest.raises(DeployError, match="damaged"):
        maker.target("oci:/nowhere", base=f"oci:{path}:base").facts()


def test_an_image_for_another_system_is_refused(maker) -> None:
    from stead.values.platform import platform_named

    with pytest.raises(DeployError, match="osx-arm64"):
        maker.target("oci:/nowhere", platform=platform_named("osx-arm64"))
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        with pytest.raises(DeployError, match="linux/arm64"):
            maker.target("oci:/nowhere", platform=platform_named("linux-aarch64")).facts()


def test_removing_takes_what_belongs_to_the_recipe(maker, environment, tmp_path) -> None:
    maker.target(f"oci:{tmp_path}/image").apply(
        maker.delivery(maker.payload(maker.trees(environment)))
    )
    target = maker.target(f"oci:{tmp_path}/image")
    assert target.status().generation == 1
    target.remove()
    assert target.status().generation == 0
    assert os.listdir(tmp_path / "image/blobs/sha256") == []
    with pytest.raises(DeployError, match="does not run by itself"):
        target.logs()
