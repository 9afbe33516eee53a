"""A planted secret is in no message, traceback, argument list or core file."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

from stead.config.secrets import resolve
from stead.testing.sops import sops_file
from stead.values.errors import SecretError

PLANTED = "pl4nted-s3cret-value"


def everything(error: BaseException) -> str:
    """All that any renderer could show of an error, short of its frames' variables."""
    parts = [str(error), repr(error), repr(error.args), repr(vars(error))]
    parts.append("".join(traceback.format_exception(error)))
    seen = error
    while (seen := seen.__cause__ or seen.__context__) is not None:
        parts += [str(seen), repr(seen.args), repr(vars(seen))]
    return "\n".join(parts)


CASES = [
    ("age:lab.age#nope", None),
    ("age:lab.age#number", None),
    ("age:broken.age#a", None),
    ("age:nul.age", None),
    ("sops:s.yaml#nope", None),
    ("sops:s.yaml#deep", None),
    ("sops:moved.yaml#deep.a", None),
    ("command:sh -c 'cat planted; cat planted >&2; exit 1'", None),
    ("command:sh -c 'cat planted; sleep 60'", 0.4),
    ("command:sh -c 'cat planted; printf \"\\\\000\"'", None),
]


@pytest.mark.parametrize(("text", "timeout"), CASES, ids=[c[0][:30] for c in CASES])
def test_no_failure_shows_it(person, caplog, text, timeout):
    caplog.set_level(logging.DEBUG)
    person.has_key()
    person.encrypt("lab.age", f"a = '{PLANTED}'\nnumber = ['{PLANTED}']\n")
    person.encrypt("broken.age", f"a = '{PLANTED}\nb = {PLANTED}")
    person.encrypt("nul.age", f"{PLANTED}\0")
    sealed = sops_file({"deep": {"a": PLANTED, "b": PLANTED}}, [person.public], "yaml")
    (person.place / "s.yaml").write_text(sealed, encoding="utf-8")
    (person.place / "moved.yaml").write_text(sealed.replace("  a: ", "  c: "), encoding="utf-8")
    (person.place / "planted").write_text(f"{PLANTED}\n", encoding="utf-8")
    options = {} if timeout is None else {"timeout": timeout}
    with pytest.raises(SecretError) as caught:
        person.get(text, **options)
    assert PLANTED not in everything(caught.value)
    assert PLANTED not in caplog.text


def test_no_process_gets_it_as_an_argument(person):
    """Every argument list of this process and its children is read, as long as it works."""
    person.has_key()
    person.encrypt("lab.age", f"a = '{PLANTED}'\n")
    sealed = sops_file({"a": PLANTED}, [person.public], "json")
    (person.place / "s.json").write_text(sealed, encoding="utf-8")
    person.environ["VALUE"] = PLANTED
    texts = [
        "age:lab.age#a",
        "sops:s.json#a",
        "env:VALUE",
        "command:sh -c 'echo $VALUE; sleep 0.3'",
    ]
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    try:
                        seen.add(Path("/proc", entry, "cmdline").read_bytes())
                    except OSError:
                        continue
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = resolve([person.reference(t) for t in texts], context=person.context)
    finally:
        over.set()
        watcher.join()
    assert {s.reveal() for s in found.values()} == {PLANTED}
    assert any(b"sleep 0.3" in line for line in seen)
    assert not [line for line in seen if PLANTED.encode() in line]


HOLDS = """
import os, sys
from stead.config.secrets import resolve
from stead.testing.world import make_context
from stead.values.secret import parse_reference
context = make_context("/nonesuch", environ={"VALUE": "x"})
found = resolve([parse_reference("env:VALUE", "/")], context=context)
"""


def dies(program: str, directory: Path) -> list[Path]:
    """Let a program end by SIGABRT with no limit on core files; gives what it left."""
    directory.mkdir()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    )
    assert done.returncode == -signal.SIGABRT, done.stderr
    return list(directory.iterdir())


def test_a_process_that_holds_secrets_leaves_no_core(tmp_path):
    assert dies(f"{HOLDS}os.abort()", tmp_path / "holds") == []
    # Where cores are written at all, the same program leaves one without that.
    pattern = Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8")
    if "/" not in pattern and not pattern.startswith("|"):
        lifted = "import ctypes\nctypes.CDLL(None).prctl(4, 1)\n"
        assert dies(f"{HOLDS}{lifted}os.abort()", tmp_path / "plain") != []


def test_what_stead_starts_afterwards_may_be_dumped_as_before():
    show = (
        "import ctypes, resource; "
        "print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    program = (
        f"{HOLDS}import ctypes\nprint(ctypes.CDLL(None).prctl(3), flush=True)\n"
        "from stead.config.secrets.memory import restore\nrestore()\n"
        f"os.execv(sys.executable, [sys.executable, '-c', {show!r}])"
    )
    plain = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["0", plain.stdout.strip()]
