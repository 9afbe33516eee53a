"""A planted secret reaches the process that declares it, and is found nowhere else."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

PLANTED = "pl4nted-s3cret-value"

MANIFEST = """\
[workspace]
name = "x"

[packages]
python = ">=3.11"

[secrets]
recipients = ["{public}"]

[vars]
FROM_AGE = {{ type = "secret", value = "age:secrets.age#planted" }}
FROM_SOPS = {{ type = "secret", value = "sops:s.yaml#deep.planted" }}
FROM_ENV = {{ type = "secret", value = "env:CALLERS" }}
FROM_COMMAND = {{ type = "secret", value = "command:sh -c 'cat $KEPT'" }}
FROM_DOTENV = {{ type = "secret" }}
PLAIN = "shown"
"""

NAMES = ("FROM_AGE", "FROM_SOPS", "FROM_ENV", "FROM_COMMAND", "FROM_DOTENV")
SHOW = ["sh", "-c", " ".join(["echo", *(f'"${name}"' for name in NAMES)])]


@pytest.fixture
def place(machine, project, tmp_path):
    from stead.testing.sops import sops_file

    root = project({"stead.toml": "[workspace]\n"})
    public = machine.ok("secret", "keygen", cwd=root).strip()
    (root / "stead.toml").write_text(MANIFEST.format(public=public), encoding="utf-8")
    machine.run("secret", "set", "planted", cwd=root, stdin=PLANTED)
    sealed = sops_file({"deep": {"planted": PLANTED}}, [public])
    (root / "s.yaml").write_text(sealed, encoding="utf-8")
    (root / ".env").write_text(f"FROM_DOTENV={PLANTED}\n", encoding="utf-8")
    (root / ".env").chmod(0o600)
    kept = tmp_path / "kept"
    kept.write_text(f"{PLANTED}\n", encoding="utf-8")
    machine.environ |= {"CALLERS": PLANTED, "KEPT": str(kept)}
    return root


def holders(machine, root) -> list[str]:
    """All files of the account and of the project that hold it, but for the ``.env`` itself."""
    found = machine.tree(machine.home, root)
    return [
        path
        for path, (_, _, content) in found.items()
        if PLANTED.encode() in content and path != str(root / ".env")
    ]


def test_the_process_gets_it_every_time(machine, place):
    expected = " ".join([PLANTED] * len(NAMES)) + "\n"
    assert machine.ok("run", *SHOW, cwd=place) == expected
    assert machine.ok("run", *SHOW, cwd=place) == expected
    assert holders(machine, place) == []


def test_no_answer_shows_it(machine, place):
    machine.ok("run", "true", cwd=place)
    asked = [
        ("status",),
        ("status", "--json"),
        ("env", "vars"),
        ("env", "vars", "--json"),
        ("env", "vars", "--shell", "sh"),
        ("env", "show"),
        ("check",),
        ("check", "--json"),
        ("config", "list"),
        ("config", "list", "--json"),
        ("config", "diff", "default", "default"),
        ("trust", "--show"),
        ("secret", "list"),
        ("tree",),
        *(("explain", name, *more) for name in NAMES for more in ((), ("--json",))),
    ]
    for words in asked:
        done = machine.run(*words, cwd=place)
        assert PLANTED not in done.stdout + done.stderr, words
        assert "Traceback" not in done.stderr, words
    assert "shown" in machine.ok("env", "vars", cwd=place)
    machine.ok("lock", cwd=place)
    assert PLANTED not in (place / "stead.lock").read_text(encoding="utf-8")
    assert holders(machine, place) == []


def test_no_failure_shows_it_even_with_its_traceback(machine, place):
    text = (place / "s.yaml").read_text(encoding="utf-8")
    (place / "s.yaml").write_text(text.replace("planted:", "moved:"), encoding="utf-8")
    done = machine.run("run", *SHOW, cwd=place, env={"STEAD_DEBUG": "1"})
    assert done.returncode == 1
    assert "SecretError" in done.stderr
    assert "stead.toml:12" in done.stderr
    assert PLANTED not in done.stdout + done.stderr
    assert holders(machine, place) == []


@pytest.mark.needs("strace")
def test_no_process_has_it_among_its_arguments(machine, place, tmp_path):
    trace = tmp_path / "trace"
    argv = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", str(trace)]
    done = subprocess.run(
        [*argv, str(machine.program), "run", *SHOW],
        cwd=place,
        env={**machine.environ, "PWD": str(place)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert PLANTED in done.stdout
    calls = trace.read_text(encoding="utf-8", errors="replace")
    assert "cat $KEPT" in calls
    assert PLANTED not in calls


def test_a_crash_leaves_no_core_and_no_report_of_it(machine, place, tmp_path):
    # A command that never ends keeps Stead waiting, with the other secrets in its memory.
    ready = tmp_path / "ready"
    text = (place / "stead.toml").read_text(encoding="utf-8")
    text = text.replace("'cat $KEPT'", f"'echo x > {ready}; exec sleep 30'")
    (place / "stead.toml").write_text(text, encoding="utf-8")
    program = str(machine.program)
    stead = subprocess.Popen(
        ["sh", "-c", 'ulimit -c "$(ulimit -Hc)"; exec "$@"', "sh", program, "run", *SHOW],
        cwd=place,
        env={**machine.environ, "PWD": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    end = time.monotonic() + 60
    while not ready.exists():
        assert stead.poll() is None, stead.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)
    waits = int(subprocess.check_output(["pgrep", "-P", str(stead.pid)]).split()[0])
    stead.send_signal(signal.SIGABRT)
    said, _ = stead.communicate(timeout=60)
    os.kill(waits, signal.SIGKILL)
    assert stead.returncode == -signal.SIGABRT
    assert PLANTED not in said
    assert [p.name for p in place.iterdir() if p.name.startswith("core")] == []
    assert holders(machine, place) == []


def test_the_hook_never_has_it(machine, place):
    machine.ok("trust", "--yes", cwd=place)
    machine.ok("run", "true", cwd=place)
    done = machine.run("env", "vars", "--json", cwd=place)
    assert json.loads(done.stdout)
    evaluated = machine.run("hook", "--evaluate", "bash", cwd=place)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "PLAIN" in evaluated.stdout
    assert PLANTED not in evaluated.stdout + evaluated.stderr
    assert holders(machine, place) == []


# The same with everything that can make use of a secret, and with one whose text has to be
# written otherwise in addresses, JSON and shells.

CORE = "pl4nted?s3cret&v@lue"
HARD = f'{CORE}/+"\\%'


def spellings() -> tuple[bytes, ...]:
    """Give what shows the secret, however it is written: one of these is then among the bytes."""
    raw = CORE.encode()
    found = {raw, b"pl4nted", quote(CORE, safe="").encode(), raw.hex().encode()}
    found |= {raw.hex().upper().encode(), json.dumps(HARD).strip('"').encode()}
    for shift in range(3):  # base64 of a text that holds it, wherever in threes it begins
        whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        found.add(whole[4 if shift else 0 : -2])
    return tuple(found)


SPELLINGS = spellings()


def shows(data: bytes | str) -> bool:
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    return any(s in data for s in SPELLINGS)


EVERYTHING = """\
[workspace]
name = "x"

[packages]
python = ">=3.11"

[secrets]
recipients = ["{public}"]

[vars]
FROM_AGE = {{ type = "secret", value = "age:secrets.age#planted", pattern = "pl4.*" }}
FROM_SOPS = {{ type = "secret", value = "sops:s.json#deep.planted" }}
FROM_COMMAND = {{ type = "secret", value = "command:cat kept.hidden" }}
FROM_DOTENV = {{ type = "secret" }}
WITHIN = "before ${{FROM_AGE}} after"
TWICE = "${{WITHIN}}"
HEX = {{ type = "json", value = '["${{FROM_SOPS}}"]' }}
PLAIN = "shown"

[paths]
raw = "raw"

[files]
"conf/t.ini" = "t.tmpl"
"conf/all.json" = {{ format = "json" }}
"conf/all.yaml" = {{ format = "yaml" }}
"conf/all.toml" = {{ format = "toml" }}
"conf/plain.ini" = {{ format = "ini", names = ["PLAIN"] }}

[checks]
own = {{ run = ["sh", "-c", 'echo "$FROM_AGE $URL $TWICE"; test ! -e fail'] }}
port = {{ variable = "FROM_AGE" }}

[tasks.made]
run = ["sh", "-c", 'echo "$PLAIN" > out.txt; test -n "$FROM_AGE"']
inputs = ["t.tmpl"]
outputs = ["out.txt"]
env = {{ EXTRA = "x" }}

[tasks.fails]
run = ["sh", "-c", 'test -n "$FROM_AGE" && exit 9']

[lib.pg]
prefix = true

[lib.pg.accepts]
URL = {{ type = "url", required = true }}
WORD = {{ type = "secret" }}

[host.here]
ports = {{ web = "8000-8010" }}
secrets = {{ word = "age:secrets.age#planted" }}

[net.near]
db = {{ host = "db.test", port = 5432 }}

[client.store]
uses = "pg"
prefix = "STORE_"
URL = "postgres://me:{{host.secrets.word}}@{{net.db}}/x"
WORD = "{{host.secrets.word}}"

[app.web]
clients = ["store"]
run = ["sh", "-c", 'printf "%s %s" "$STORE_WORD" "$STORE_URL"']

[app.other]
listen = {{ PORT = "host.ports.web" }}
run = ["env"]

[target.far]
host = "here"

[recipe.prod]
app = "web"
host = "here"
net = "near"
targets = ["far"]

[layer.prod.vars]
PLAIN = "prod"
"""

TEMPLATE = """\
{{ FROM_AGE }} {{ WITHIN }} {{ FROM_AGE | urlencode }}
{% if FROM_SOPS == FROM_AGE %}same{% endif %}
"""


@pytest.fixture
def everything(machine, project, tmp_path):
    from stead.testing.sops import sops_file

    root = project({"stead.toml": "[workspace]\n", "t.tmpl": TEMPLATE})
    public = machine.ok("secret", "keygen", cwd=root).strip()
    (root / "stead.toml").write_text(EVERYTHING.format(public=public), encoding="utf-8")
    machine.run("secret", "set", "planted", cwd=root, stdin=HARD)
    sealed = sops_file({"deep": {"planted": HARD}}, [public], "json")
    (root / "s.json").write_text(sealed, encoding="utf-8")
    (root / ".env").write_text(f"FROM_DOTENV='{HARD}'\n", encoding="utf-8")
    (root / ".env").chmod(0o600)
    (root / "kept.hidden").write_text(HARD, encoding="utf-8")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    machine.environ |= {"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    return root


def traces(machine, root) -> list[str]:
    """Name all files that show it: of the account, the project, and what is for the session."""
    others = [Path(machine.environ[name]) for name in ("XDG_RUNTIME_DIR", "TMPDIR")]
    declares = {str(root / ".env"), str(root / "kept.hidden")}
    found = machine.tree(machine.home, root, *others)
    return [
        path
        for path, (_, _, content) in found.items()
        if path not in declares and (shows(content) or shows(path))
    ]


@contextlib.contextmanager
def watched():
    """See the arguments of every process that there is meanwhile; gives those that show it."""
    caught, done = set(), threading.Event()
    # What ran before is of nobody that is watched.
    before = set(os.listdir("/proc"))

    def look():
        while not done.is_set():
            for number in os.listdir("/proc"):
                if number in before or not number.isdigit():
                    continue
                with contextlib.suppress(OSError), open(f"/proc/{number}/cmdline", "rb") as file:
                    words = file.read()
                    if shows(words):
                        caught.add(words)
            done.wait(0.002)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield caught
    finally:
        done.set()
        thread.join()


def test_everything_that_uses_it_works_and_keeps_nothing(machine, everything):
    code = 'cat conf/t.ini conf/all.json conf/all.yaml conf/all.toml; stat -L -c "%a" conf/*'
    with watched() as caught:
        got = machine.ok("run", "--", "sh", "-c", code, cwd=everything)
        assert machine.ok("run", "web", cwd=everything) == (
            f"{HARD} postgres://me:{quote(HARD, safe='')}@db.test:5432/x"
        )
        machine.ok("run", "made", cwd=everything)
        again = machine.run("run", "made", cwd=everything)
        failed = machine.run("run", "fails", cwd=everything)
    assert caught == set()
    assert got.startswith(f"{HARD} before {HARD} after {quote(HARD, safe='')}\nsame\n")
    assert json.loads(got[got.index("{") : got.index("\n}") + 2])["FROM_DOTENV"] == HARD
    assert got.split()[-5:] == ["600", "600", "600", "644", "600"]
    assert "up to date" in again.stderr
    assert failed.returncode == 9
    assert not shows(again.stdout + again.stderr + failed.stdout + failed.stderr)
    assert traces(machine, everything) == []


@pytest.mark.slow
def test_no_command_says_it(machine, everything):
    machine.ok("run", "--", "true", cwd=everything)
    asked = [
        ("status",),
        ("status", "--json"),
        ("env", "vars"),
        ("env", "vars", "--json"),
        *(("env", "vars", "--shell", shell) for shell in ("sh", "bash", "zsh", "fish")),
        ("env", "show"),
        ("env", "export", "--dotenv"),
        ("check",),
        ("check", "--json"),
        ("check", "--check"),
        ("check", "--recipe", "prod", "--target", "far", "--json"),
        *((*words, *more) for words in (("config", "list"),) for more in ((), ("--json",))),
        ("config", "list", "--recipe", "prod", "--json"),
        ("config", "diff", "default", "prod"),
        ("config", "diff", "default", "prod", "--json"),
        *(("explain", n, "--json") for n in ("FROM_AGE", "TWICE", "HEX", "FROM_DOTENV")),
        *(("explain", n) for n in ("FROM_AGE", "WITHIN", "TWICE", "HEX", "FROM_DOTENV")),
        ("explain", "STORE_URL", "--app", "web"),
        ("explain", "STORE_URL", "--app", "web", "--json"),
        ("tree",),
        ("tree", "--json"),
        ("trust", "--show"),
        ("trust", "--yes"),
        ("lock",),
        ("build",),
        ("typings",),
        ("secret", "list"),
        ("hook", "--evaluate", "bash"),
        ("hook", "bash"),
        ("store", "verify"),
        ("schema",),
        ("run", "--", "nonesuch-program"),
        ("run", "--set", "PLAIN=other", "--", "true"),
        ("run", "--strict", "--", "true"),
        ("gc",),
    ]
    with watched() as caught:
        for words in asked:
            done = machine.run(*words, cwd=everything)
            assert not shows(done.stdout + done.stderr), words
            assert "Traceback" not in done.stderr, words
            assert done.returncode in (0, 1, 2, 127), (words, done.stderr)
    assert caught == set()
    assert traces(machine, everything) == []


def test_a_check_that_says_it_is_not_repeated(machine, everything):
    (everything / "fail").write_text("")
    for words in (("run", "--", "true"), ("run", "web"), ("check",), ("check", "--json")):
        done = machine.run(*words, cwd=everything)
        assert done.returncode == 1, words
        assert "own" in done.stdout + done.stderr or "ended with" in done.stdout + done.stderr
        assert not shows(done.stdout + done.stderr), words
    assert traces(machine, everything) == []


def test_only_the_process_that_declares_it_gets_it(machine, everything):
    text = (everything / "stead.toml").read_text(encoding="utf-8")
    # Only the client's own remain.
    lines = [
        line
        for line in text.splitlines()
        if not line.startswith(("FROM_", "WITHIN", "TWICE", "HEX", '"conf/', "own", "port ="))
    ]
    (everything / "stead.toml").write_text("\n".join(lines), encoding="utf-8")
    (everything / ".env").unlink()
    assert HARD in machine.ok("run", "web", cwd=everything)
    other = machine.ok("run", "other", cwd=everything)
    assert "PORT=8000" in other
    assert not shows(other)
    assert not shows(machine.ok("run", "--app", "other", "--", "env", cwd=everything))
    assert traces(machine, everything) == []


def test_an_override_is_kept_nowhere(machine, everything):
    given = "0ther-planted"  # it is among Stead's own arguments, which other tests watch
    words = ("run", "--set", f"FROM_DOTENV={given}", "--", "sh", "-c", "echo ${#FROM_DOTENV}")
    done = machine.run(*words, cwd=everything)
    assert done.stdout == f"{len(given)}\n"
    assert given not in done.stderr
    kept = machine.tree(machine.home, everything, Path(machine.environ["XDG_RUNTIME_DIR"]))
    assert [path for path, (_, _, content) in kept.items() if given.encode() in content] == []


def test_a_launcher_holds_none(machine, everything):
    machine.ok("launcher", "--output", "started", "sh", cwd=everything)
    text = (everything / "started").read_text(encoding="utf-8")
    assert not shows(text)
    started = subprocess.run(
        [str(everything / "started"), "-c", 'printf %s "$FROM_AGE"'],
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert started.stdout == HARD
    assert traces(machine, everything) == []


def test_a_shell_with_the_hook_never_has_it(machine, everything):
    machine.ok("trust", "--yes", cwd=everything)
    machine.ok("run", "--", "true", cwd=everything)
    script = f"""
        eval "$({machine.program} hook bash)"
        cd {everything}
        for each in 1 2 3; do eval "$PROMPT_COMMAND"; sleep 0.2; done
        set
        env
    """
    done = subprocess.run(
        ["bash", "--norc", "-i", "-c", script],
        env=machine.environ,
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert "\nPLAIN=shown\n" in done.stdout
    assert not shows(done.stdout + done.stderr)
    assert traces(machine, everything) == []


FAULTY = """\
import sys
import faulthandler

faulthandler.enable()
import stead.pipeline.run as run
import stead.pipeline.rendering as rendering
import stead.store.private_files as private_files
from stead.__main__ import main


def fault(*given, **named):
    if {hard}:
        faulthandler._sigsegv()
    raise RuntimeError("planted fault")


{where} = fault
sys.argv = ["stead", "run", "--", "env"]
sys.exit(main())
"""


@pytest.mark.parametrize(
    "where",
    [
        "run.replace_process",
        "run.run_child",
        "private_files.private_files",
        "rendering.all_contents",
    ],
)
@pytest.mark.parametrize("hard", [False, True])
def test_a_fault_within_shows_nothing(machine, everything, tmp_path, where, hard):
    driver = tmp_path / "driver.py"
    driver.write_text(FAULTY.format(where=where, hard=hard), encoding="utf-8")
    if where == "run.replace_process":  # that is for those that need not wait
        manifest = everything / "stead.toml"
        kept = [x for x in manifest.read_text(encoding="utf-8").splitlines() if "conf/" not in x]
        manifest.write_text("\n".join(kept), encoding="utf-8")
    cores = tmp_path / "cores"
    cores.mkdir()
    python = str(machine.program.parent / "python")
    done = subprocess.run(
        ["sh", "-c", 'ulimit -c "$(ulimit -Hc)"; exec "$@"', "sh", python, str(driver)],
        cwd=everything,
        env={**machine.environ, "PWD": str(everything), "STEAD_DEBUG": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == (-signal.SIGSEGV if hard else 70), done.stderr.decode()
    assert (b"Segmentation fault" if hard else b"planted fault") in done.stderr
    assert not shows(done.stdout + done.stderr)
    left = [p.name for p in everything.iterdir() if p.name.startswith("core")]
    assert left == []
    if hard:  # what a dead process leaves, the next command takes away
        machine.ok("status", cwd=everything)
        machine.ok("build", cwd=everything)
    assert traces(machine, everything) == []


def test_a_killed_run_leaves_nothing_to_the_next_command(machine, everything, tmp_path):
    said = tmp_path / "pid"
    code = f"echo $$ > {said}.new && mv {said}.new {said}; exec sleep 60"
    stead = subprocess.Popen(
        [str(machine.program), "run", "--", "sh", "-c", code],
        cwd=everything,
        env={**machine.environ, "PWD": str(everything)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not said.exists():
        assert stead.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    holding = traces(machine, everything)
    assert len(holding) == 4, holding  # one for each file that is asked for
    for path in holding:
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) & 0o077 == 0
        assert not path.startswith(str(everything))
        assert "/store/" not in path
    stead.kill()
    stead.wait(60)
    os.kill(int(said.read_text()), signal.SIGKILL)
    machine.ok("build", cwd=everything)
    assert traces(machine, everything) == []


def test_nobody_else_may_read_what_is_private(machine, everything):
    for words in (("run", "--", "true"), ("trust", "--yes"), ("lock",)):
        machine.ok(*words, cwd=everything)
    machine.ok("set", "--private", "PLAIN=0ther-planted", cwd=everything)
    assert machine.ok("run", "--", "sh", "-c", "echo $PLAIN", cwd=everything) == "0ther-planted\n"
    found = machine.tree(machine.home, everything)
    holding = [p for p, (_, _, content) in found.items() if b"0ther-planted" in content]
    assert str(everything / ".env") in holding
    assert stat.S_IMODE(found[str(everything / ".env")][0]) == 0o600
    for path in holding:
        # Itself, or a directory of Stead's above it.
        above = [p for p in Path(path).parents if p.is_relative_to(machine.stead_home)]
        assert any(os.stat(p).st_mode & 0o077 == 0 for p in (path, *above)), path
