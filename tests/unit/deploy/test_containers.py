"""What engines are told and say, and how what is theirs is named."""

from __future__ import annotations

import json
import os
import signal

import pytest

from stead.deploy.containers import engine, generations, switching
from stead.deploy.containers.engine import Engine, Start
from stead.deploy.containers.generations import Generations, Unit
from stead.deploy.containers.watched import Watched
from stead.store import locking
from stead.values.errors import DeployError


def test_names_that_are_put_together_stay_apart() -> None:
    pairs = [("a-b", "c"), ("a", "b-c"), ("a.b", "c"), ("a", "b.c")]
    assert len({Unit(*pair).name for pair in pairs}) == len(pairs)
    assert Unit("shop", "here").name.startswith("shop-here-")


def test_each_project_has_a_volume_of_its_own() -> None:
    units = [Unit("shop", "here", project) for project in ("", "shop", "bakery")]
    assert len({unit.volume for unit in units}) == 3
    assert len({unit.name for unit in units}) == 1


def test_a_secret_is_in_no_argument_and_no_image() -> None:
    start = Start(
        *("image", (("PORT", "80"),), (("TOKEN", "correct-horse"),), (("v", "/data"),)),
        labels=(("a", "b"),),
    )
    said = "--pull never --network host --label a=b --env PORT=80 --env TOKEN --volume v:/data"
    assert engine.shared(start) == said.split()


def test_each_engine_removes_at_once() -> None:
    assert engine.removing("podman") == ["rm", "--force", "--time", "0"]
    assert engine.removing("docker") == ["rm", "--force"]


def test_what_either_engine_says_of_a_container_is_read() -> None:
    """Names, moments and mounts are written in two ways."""
    labels = {"dev.stead.container.service": "web", "dev.stead.container.generation": "3"}
    podman = {
        "Name": "stead-web-3",
        "Config": {"Labels": labels, "Env": ["A=b"]},
        "State": {
            "Status": "running",
            "Pid": 7,
            "StartedAt": "2026-11-21T21:30:00.123456789+02:00",
        },
        "Created": "2026-11-21T19:29:00Z",
        "Mounts": [
            {"Type": "volume", "Name": "kept", "Source": "/x/kept", "Destination": "/data"},
            {"Type": "bind", "Source": "/etc/x", "Destination": "/x"},
        ],
    }
    docker = {
        **podman,
        "Name": "/stead-web-3",
        "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-11-21T19:30:00.123456789Z"},
        "RestartCount": 0,
    }
    first, second = engine.read(json.dumps([podman, docker]))
    assert first == second
    assert (first.name, first.service, first.generation) == ("stead-web-3", "web", 3)
    assert first.started - first.made == pytest.approx(60.123456)
    assert first.mounts == (("kept", "/data"), ("/etc/x", "/x"))


def test_a_container_that_was_never_started_has_not_begun() -> None:
    assert engine.moment("0001-01-01T00:00:00Z") == 0
    assert engine.moment("") == 0


def test_a_secret_that_would_change_the_engine_is_refused() -> None:
    start = Start("image", secrets=(("LD_PRELOAD", "/x.so"),))
    with pytest.raises(DeployError, match="LD_PRELOAD"):
        Engine("podman", {}).create("name", start)


def test_without_an_engine_that_is_said(tmp_path) -> None:
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(DeployError, match="no podman and no docker"):
        engine.find("", environ)
    with pytest.raises(DeployError, match="no docker here"):
        engine.find("docker", environ)
    for name in ("docker", "podman"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
        assert engine.find("", environ).endswith(name)


def test_nobody_waits_for_a_watchdog_that_was_killed(tmp_path, monkeypatch) -> None:
    """Its number stays until somebody has looked after its end."""
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    environ = {"PATH": os.environ["PATH"]}
    place = str(tmp_path / "unit")
    unit = Generations(Engine(str(program), environ), "unit", place)
    waited = []
    monkeypatch.setattr(generations, "_wait_for", lambda group: waited.append(left(group)))
    lock = locking.try_exclusive(f"{place}.lock")
    assert lock is not None
    with lock, Watched(unit, 1, 60, lock, environ) as watched:
        watched.switch()
        pending = unit.pending()
        assert pending is not None
        os.kill(pending.group, signal.SIGKILL)
        with pytest.raises(DeployError, match="watches over the switch has ended"):
            watched.confirm()
        watched.revert()
    assert waited == [False]
    assert unit.pending() is None


def left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def test_an_answer_says_what_did_not_work() -> None:
    wrong = DeployError("no", details=("why",), remedy="do")
    assert json.loads(switching.said("switch")) == {"of": "switch"}
    assert json.loads(switching.said("switch", wrong)) == {
        "of": "switch",
        "message": "no",
        "details": ["why"],
        "remedy": "do",
    }
    assert json.loads(switching.said("revert", OSError("full")))["message"] == "full"
