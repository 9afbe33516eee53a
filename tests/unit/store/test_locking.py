from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from stead.store import locking

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys, time
from stead.store import locking
lock = locking.acquire(sys.argv[1], shared=sys.argv[2] == "shared", description=sys.argv[3])
print("held", flush=True)
time.sleep(60)
"""


def hold(path: Path, *, shared: bool = False, doing: str = "") -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), "shared" if shared else "alone", doing],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def end(child: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    child.send_signal(number)
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one"
    child = hold(path, doing="making the build x")
    assert locking.try_exclusive(path) is None

    end(child)

    lock = locking.try_exclusive(path)
    assert lock is not None
    lock.release()


def test_what_a_killed_holder_has_started_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "one"
    code = f"""
from stead.cli.runner import run
from stead.store import locking
with locking.exclusive({str(path)!r}, note=print, description="", hand_on=True):
    run(["sh", "-c", "echo $$ >&2; exec sleep 1000"], on_line=print)
"""
    child = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    program = int(child.stdout.readline())
    os.kill(program, signal.SIGSTOP)
    end(child)
    # Its guard kills the program, which has ended when the lock is free.
    with locking.exclusive(path, note=print, description=""):
        assert not locking.is_alive(program) or "State:\tZ" in status(program)


def status(pid: int) -> str:
    with open(f"/proc/{pid}/status") as file:
        return file.read()


def test_a_lock_is_given_back_whoever_holds_it_as_well(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with locking.exclusive(path, note=print, description="", hand_on=True):
        assert len(locking.handed_on()) == 1
        child = subprocess.Popen(["sleep", "60"], pass_fds=locking.handed_on())
    try:
        assert locking.handed_on() == ()
        lock = locking.try_exclusive(path)
        assert lock is not None
        lock.release()
    finally:
        child.kill()
        child.wait()


def test_one_is_told_who_holds_the_lock_and_what_for(tmp_path: Path) -> None:
    path = tmp_path / "one"
    child = hold(path, doing="making the build x")
    notes: list[str] = []

    def said(text: str) -> None:
        notes.append(text)
        end(child)

    with locking.exclusive(path, note=said, description="me"):
        pass

    assert len(notes) == 1
    assert f"process {child.pid}, making the build x" in notes[0]


def test_a_thread_of_the_same_process_is_waited_for_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = locking.acquire(path, description="the other half")
    assert lock is not None
    notes: list[str] = []

    def wait() -> None:
        other = locking.acquire(path, note=notes.append)
        assert other is not None
        other.release()

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    lock.release()
    thread.join()
    assert notes == []


def test_what_a_dead_holder_wrote_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "one"
    end(hold(path, doing="long ago"))
    child = hold(path, shared=True)
    notes: list[str] = []

    def said(text: str) -> None:
        notes.append(text)
        end(child)

    with locking.exclusive(path, note=said, description="me"):
        pass

    assert notes == ["waiting for another process that is at work in the store"]


def test_shared_holders_keep_out_only_who_wants_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "one"
    child = hold(path, shared=True)

    with locking.shared(path, note=print, description=""):
        assert locking.try_exclusive(path) is None
    end(child)
    with locking.exclusive(path, note=print, description=""):
        assert locking.acquire(path, shared=True, wait=False) is None


def test_a_waiter_is_not_fooled_by_a_removed_file(tmp_path: Path) -> None:
    """Whoever waited on a file that went away competes for the new one."""
    path = tmp_path / "one"
    first = locking.acquire(path)
    assert first is not None
    inside = []

    def wait() -> None:
        with locking.exclusive(path, note=lambda _: None, description="", remove=True):
            inside.append(os.stat(path).st_ino)
            time.sleep(0.02)
            inside.append(os.stat(path).st_ino)

    threads = [threading.Thread(target=wait) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    first.release(remove=True)
    for thread in threads:
        thread.join()

    assert len(inside) == 12
    assert all(a == b for a, b in zip(inside[::2], inside[1::2], strict=True))
    assert not path.exists()


def test_without_create_a_missing_file_is_an_error(tmp_path: Path) -> None:
    import pytest

    from stead.values.errors import StoreError

    with pytest.raises(StoreError):
        locking.acquire(tmp_path / "none", create=False)
    assert os.listdir(tmp_path) == []


def test_who_holds_a_lock_is_told_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert locking.holder(path) == ""
    child = hold(path, doing="sweeping")
    assert locking.holder(path) == "sweeping"
    end(child)
    assert locking.holder(path) == ""
