"""A build in every state, and its log while the server goes and comes again."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest

from stead.server.database import admission, builds, logs
from stead.server.database.opening import open_database
from stead.server.engine.queue import BuildQueue
from stead.server.values import BuildStatus

pytestmark = pytest.mark.slow

TOML = '[packages.conda]\nchannels = ["https://ours.example/main"]\ntiny = "{}"\n'


class Worker:
    """Does with builds what a worker does, when a test says so."""

    def __init__(self, serving) -> None:
        self.database = open_database(f"sqlite:///{serving.home}/server/stead.sqlite")

    def begin(self, build: int) -> None:
        queue = BuildQueue(self.database)
        with self.database.begin() as connection:
            now = self.database.now()
            admission.admit_within(connection, queue, now, slots=1000)
            attempt = builds.get(connection, build).attempt
            assert builds.begin(connection, build, attempt, now) is not None
        queue.close()

    def say(self, build: int, text: str) -> None:
        with self.database.begin() as connection:
            attempt = builds.get(connection, build).attempt
            assert logs.append(connection, build, attempt, text, self.database.now())

    def end(self, build: int, status: BuildStatus) -> None:
        with self.database.begin() as connection:
            now, attempt = self.database.now(), builds.get(connection, build).attempt
            if status is BuildStatus.COMPLETED:
                builds.finish(connection, build, attempt, now, size=1, packages=[], artifacts=[])
            else:
                builds.fail(connection, build, attempt, now, reason="it is so", status_info="")

    def close(self) -> None:
        self.database.close()


@pytest.fixture
def worker(idle):
    made = Worker(idle)
    yield made
    made.close()


@pytest.fixture
def ann(idle, accounts):
    made = accounts("ann", idle)
    made.machine.environ |= {"STEAD_REMOTE": idle.url, "STEAD_REMOTE_TOKEN": idle.token}
    return made


def push(ann, name: str, version: str) -> int:
    ann.write(stead_toml=TOML.format(version))
    return ann.json("push", name, "--no-wait")["build"]


def test_cancel_and_rollback_in_every_state(ann, worker):
    ann.ok("remote", "namespace", "create", "states")
    made = {}
    for number, status in enumerate(BuildStatus, 1):
        made[status] = push(ann, "states/env", f"{number}.0")
        if status is not BuildStatus.QUEUED:
            worker.begin(made[status])
        if status in (BuildStatus.COMPLETED, BuildStatus.FAILED):
            worker.end(made[status], status)
    first = made[BuildStatus.COMPLETED]
    ann.ok("remote", "cancel", f"states/env@{made[BuildStatus.CANCELED]}")
    for status in BuildStatus:
        done = ann.run("remote", "rollback", "states/env", str(made[status]))
        assert done.returncode == (0 if status is BuildStatus.COMPLETED else 2), done.stderr
        assert f"is {status.value}" in done.stderr or "is current" in done.stdout
    for status in BuildStatus:
        done = ann.run("remote", "cancel", str(made[status]))
        ended = status in (BuildStatus.COMPLETED, BuildStatus.FAILED)
        assert done.returncode == (1 if ended else 0), done.stderr
        said = f"has ended already: {status.value}" if ended else "canceled"
        assert said in done.stderr + done.stdout
    shown = ann.json("remote", "env", "show", "states/env")
    assert (shown["build"], shown["status"]) == (first, "CANCELED")
    # From one that was completed later, and forward again.
    later = push(ann, "states/env", "8.0")
    worker.begin(later)
    worker.end(later, BuildStatus.COMPLETED)
    assert ann.json("remote", "env", "show", "states/env")["build"] == later
    for build in (first, later, first):
        assert "is current" in ann.ok("remote", "rollback", "states/env", str(build))
        assert ann.json("remote", "env", "show", "states/env")["build"] == build
    # Of another environment, or of none.
    other = push(ann, "states/other", "9.0")
    for words in (("rollback", f"states/env@{other}"), ("cancel", f"states/env@{other}")):
        assert f"build {other} is not one of states/env" in ann.fails("remote", *words, code=2)
    assert "does not exist" in ann.fails("remote", "cancel", "999999")


def test_a_log_is_followed_over_the_servers_restart(idle, ann, worker, forwarder):
    ann.ok("remote", "namespace", "create", "following")
    build = push(ann, "following/env", "1.0")
    worker.begin(build)
    worker.say(build, "one ä\ntwo\nhalf of ")
    forwarder.behind = idle.url
    environ = ann.machine.environ | {"STEAD_REMOTE": forwarder.url}
    lines: list[str] = []
    with subprocess.Popen(
        [str(ann.machine.program), "remote", "log", "--follow", "following/env"],
        env=environ,
        cwd=ann.work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        reader = threading.Thread(target=lambda: lines.extend(iter(following.stdout.readline, "")))
        reader.start()
        try:
            _until(lambda: len(lines) == 2, following)
            idle.end()
            worker.say(build, "three\n")
            idle.start()
            forwarder.behind = idle.url
            _until(lambda: len(lines) == 3, following)
            worker.say(build, "four")
            worker.end(build, BuildStatus.FAILED)
            assert following.wait(120) == 1
        finally:
            following.kill()
            reader.join()
    assert lines == ["one ä\n", "two\n", "half of three\n", "four\n"]


def _until(holds, following) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert following.poll() is None, following.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_wait_that_is_broken_off_leaves_the_build(ann, worker):
    ann.ok("remote", "namespace", "create", "waiting")
    ann.write(stead_toml=TOML.format("1.0"))
    with subprocess.Popen(
        [str(ann.machine.program), "push", "waiting/env"],
        env=ann.machine.environ,
        cwd=ann.work,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as pushing:
        said = ""
        for line in pushing.stderr:
            said += line
            if line.startswith("build "):
                break
        pushing.terminate()
        said += pushing.stderr.read()
        assert pushing.wait(120) == 143
    build = ann.json("remote", "builds", "waiting/env")[0]
    assert build["status"] == "QUEUED"
    assert f"`stead remote log --follow {build['build']}` shows it" in said
