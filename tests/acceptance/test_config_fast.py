"""Which runs need Python: decided when the environment is made, not when a process starts."""

from __future__ import annotations

import re
import subprocess
import textwrap

import pytest

pytestmark = pytest.mark.needs("strace")

TYPED = "".join(
    f"N{n} = {{ type = 'int', min = 0, value = {n} }}\n"
    f"U{n} = {{ type = 'url', value = 'http://h/${{N{n}}}' }}\n"
    for n in range(50)
)
MANIFEST = f"""\
[lib.l.accepts]
POOL = {{ type = "int", default = 5 }}
[client.c]
uses = "l"
[app.show]
clients = ["c"]
listen = {{ PORT = "host.ports.web" }}
run = ["sh", "-c", "echo $POOL $PORT $N49 $U49"]
[host.here]
ports = {{ web = "8000-8010" }}
[paths]
raw = "data"
[files]
"made.json" = {{ format = "json" }}
[vars]
{TYPED}"""


def programs(machine, root, tmp_path, *words, env=None):
    """Run a command; gives what it said and which programs were started, by their names."""
    trace = tmp_path / "trace"
    done = subprocess.run(
        ["strace", "-f", "-o", str(trace), "-e", "trace=execve", str(machine.program), *words],
        cwd=root,
        env={**machine.environ, "PWD": str(root), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    started = [re.search(r'execve\("([^"]*)"', c) for c in calls if c.endswith("= 0")]
    return done.stdout, [found[1].rpartition("/")[2] for found in started if found]


def uses_python(names) -> bool:
    return any(name.startswith(("python", "stead-python")) for name in names)


def test_the_second_run_with_types_apps_and_files_starts_none(machine, project, tmp_path):
    root = project({"stead.toml": MANIFEST, ".env": "POOL=7\n"})
    said, names = programs(machine, root, tmp_path, "run", "show")
    assert said == "7 8000 49 http://h/49\n"
    assert uses_python(names)
    said, names = programs(machine, root, tmp_path, "run", "show")
    assert said == "7 8000 49 http://h/49\n"
    assert names == ["stead", "sh"]
    # What the caller's shell has otherwise changes nothing of that.
    said, names = programs(machine, root, tmp_path, "run", "show", env={"POOL": "1"})
    assert said == "7 8000 49 http://h/49\n"
    assert names == ["stead", "sh"]


LATE = {
    "a secret": "[vars]\nX = { type = 'secret', value = 'env:HIDDEN' }\n",
    "part of a value is secret": """\
        [vars]
        S = { type = 'secret', value = 'env:HIDDEN' }
        X = '<${S}>'
        """,
    "a check of one's own": "[checks]\nown = { run = ['true'] }\n",
}


@pytest.mark.parametrize("text", [pytest.param(t, id=name) for name, t in LATE.items()])
def test_what_is_known_only_then_starts_it(machine, project, tmp_path, text):
    root = project({"stead.toml": textwrap.dedent(text)})
    for _ in range(2):
        _, names = programs(machine, root, tmp_path, "run", "true", env={"HIDDEN": "x"})
        assert uses_python(names)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--strict", "show"),
        ("run", "--set", "POOL=8", "show"),
        ("run", "--host", "here", "show"),
    ],
)
def test_options_that_are_about_values_start_it(machine, project, tmp_path, words):
    root = project({"stead.toml": MANIFEST})
    programs(machine, root, tmp_path, "run", "show")
    said, names = programs(machine, root, tmp_path, *words)
    assert uses_python(names)
    assert said == f"{8 if '--set' in words else 5} 8000 49 http://h/49\n"
    # The next puts the tree's files back where they were others.
    said, _ = programs(machine, root, tmp_path, "run", "show")
    assert said == "5 8000 49 http://h/49\n"
    said, names = programs(machine, root, tmp_path, "run", "show")
    assert (said, names) == ("5 8000 49 http://h/49\n", ["stead", "sh"])


@pytest.mark.parametrize(
    "changed", ["stead.toml", ".env", "one.tmpl", "libs/l/stead.toml", "made.txt"]
)
def test_a_change_of_whatever_takes_part_counts_at_once(machine, project, tmp_path, changed):
    root = project(
        {
            "stead.toml": "[uses]\nl = { path = 'libs/l' }\n[app.a]\nlibs = ['l']\n"
            "run = ['sh', '-c', 'cat made.txt; echo $X']\n"
            "[files]\n'made.txt' = 'one.tmpl'\n[vars]\nA = '1'\n",
            "libs/l/stead.toml": "[module]\nkind = 'lib'\n[module.accepts]\n"
            "X = { type = 'int', default = 1 }\n",
            ".env": "B=1\n",
            "one.tmpl": "{{ A }}{{ B }}{{ X }}\n",
        }
    )
    expected = {
        "stead.toml": "211\n1\n",
        ".env": "121\n1\n",
        "one.tmpl": "1-1-1\n1\n",
        "libs/l/stead.toml": "112\n2\n",
        "made.txt": "111\n1\n",
    }
    programs(machine, root, tmp_path, "run", "a")
    said, names = programs(machine, root, tmp_path, "run", "a")
    assert (said, names[:2]) == ("111\n1\n", ["stead", "sh"])
    assert not uses_python(names)
    edits = {
        "stead.toml": ("A = '1'", "A = '2'"),
        ".env": ("B=1", "B=2"),
        "one.tmpl": ("}}{{", "}}-{{"),
        "libs/l/stead.toml": ("default = 1", "default = 2"),
    }
    if changed in edits:
        path = root / changed
        path.write_text(path.read_text().replace(*edits[changed]), encoding="utf-8")
    else:
        (root / changed).unlink()
    said, names = programs(machine, root, tmp_path, "run", "a")
    assert said == expected[changed]
    assert uses_python(names)


def test_layers_of_values_alone_share_a_build(machine, project, tmp_path):
    text = "[packages.pypi]\nleaf = '*'\n"
    for name in ("dev", "staging", "prod"):
        text += f"[layer.{name}.vars]\nMODE = '{name}'\n"
    root = project({"stead.toml": text})
    code = ("python", "-c", "import os, leaf, sys; print(os.environ['MODE'], leaf.__file__)")
    files = set()
    for name in ("dev", "staging", "prod", "dev"):
        mode, file = machine.ok("run", "-e", name, *code, cwd=root).split()
        assert mode == name
        files.add(file)
    assert len(files) == 1
    paths = {machine.ok("env", "path", "-e", n, cwd=root) for n in ("dev", "prod", "default")}
    assert len(paths) == 1
