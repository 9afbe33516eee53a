"""`stead kernel`, with real environments and a real Jupyter client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def stead(tmp_path):
    """Run the program with a store and a user of its own; gives what it did."""
    (tmp_path / "user").mkdir()
    environ = {
        **os.environ,
        "HOME": str(tmp_path / "user"),
        "STEAD_HOME": str(tmp_path / "stead"),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
    }

    def run(*arguments, place=None, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "stead", "-C", str(place or tmp_path / "place"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environ,
            cwd=tmp_path,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    run.environ = environ
    return run


@pytest.fixture
def place(tmp_path):
    """Make a place that asks for something."""

    def make(*packages, name="place"):
        directory = tmp_path / name
        directory.mkdir()
        lines = [
            "[packages]",
            f'python = "{HERE}.*"',
            "[packages.pypi]",
            *(f'{p} = "*"' for p in packages),
            "[vars]",
            'GREETING = "hello $${you}"',
        ]
        (directory / "stead.toml").write_text("\n".join(lines) + "\n")
        return directory

    return make


def kernels(tmp_path):
    directory = tmp_path / "jupyter" / "kernels"
    return sorted(p.name for p in directory.iterdir()) if directory.exists() else []


@pytest.mark.slow
def test_an_environment_without_ipykernel_is_not_registered(stead, place, tmp_path):
    place()
    said = stead("kernel", code=1)
    assert "the environment default has no ipykernel" in said
    assert "stead add ipykernel" in said
    assert kernels(tmp_path) == []


def test_a_file_of_the_place_does_not_pass_for_ipykernel(stead, place, tmp_path):
    directory = place()
    (directory / "ipykernel.py").write_text("__version__ = '7'\n")
    (directory / "ipykernel_launcher.py").write_text("")
    assert "has no ipykernel" in stead("kernel", code=1)


def test_a_bad_name_is_refused(stead, place, tmp_path):
    place()
    assert "cannot name a kernel" in stead("kernel", "--name", "a/b", code=2)
    assert "cannot name a kernel" in stead("kernel", "--name", "../../x", code=2)


@pytest.mark.parametrize("content", [None, "{}", "not json", '{"metadata": {"stead": 3}}'])
def test_a_kernel_that_stead_did_not_make_is_left_alone(stead, place, tmp_path, content):
    place()
    theirs = tmp_path / "jupyter" / "kernels" / "mine"
    theirs.mkdir(parents=True)
    if content is not None:
        (theirs / "kernel.json").write_text(content)
    for more in ([], ["--remove"]):
        said = stead("kernel", "--name", "mine", *more, code=2)
        assert "which Stead did not make" in said
    assert theirs.is_dir()
    if content is not None:
        assert (theirs / "kernel.json").read_text() == content


def test_a_kernel_of_another_place_is_left_alone(stead, place, tmp_path):
    place()
    other = place(name="other")
    theirs = tmp_path / "jupyter" / "kernels" / "mine"
    theirs.mkdir(parents=True)
    owner = {"place": str(other), "environment": "default"}
    (theirs / "kernel.json").write_text(json.dumps({"metadata": {"stead": owner}}))
    said = stead("kernel", "--name", "mine", code=2)
    assert f"belongs to the environment default of {other}" in said
    stead("kernel", "--name", "mine", "--remove", place=other)
    assert kernels(tmp_path) == []


def test_removing_what_is_not_there_is_an_error(stead, place):
    place()
    assert "no kernel 'place'" in stead("kernel", "--remove", code=2)


@pytest.fixture
def sockets():
    """A directory whose name is short: a socket's must be."""
    with tempfile.TemporaryDirectory(prefix="k") as directory:
        yield directory


@pytest.fixture
def started(stead, place, tmp_path, sockets):
    """A running kernel of a registered environment: what it prints for a piece of code."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    place("ipykernel")
    stead("kernel")
    specs = KernelSpecManager(
        kernel_dirs=[str(tmp_path / "jupyter" / "kernels")], ensure_native_kernel=False
    )
    (tmp_path / "notebooks").mkdir()
    manager = KernelManager(
        kernel_name="place",
        kernel_spec_manager=specs,
        transport="ipc",
        ip=f"{sockets}/k",
    )
    leaking = {"PYTHONPATH": "/no/where", "PIP_INDEX_URL": "file:///no/where"}
    manager.start_kernel(cwd=str(tmp_path / "notebooks"), env={**stead.environ, **leaking})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)

        def ask(code):
            said = []
            client.execute_interactive(
                code, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", ""))
            )
            return "".join(said)

        ask.manager, ask.leaking = manager, leaking
        yield ask
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.network
def test_a_notebook_gets_what_a_command_gets(stead, started, tmp_path):
    directory, environ = json.loads(
        started("import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))")
    )
    assert directory == str(tmp_path / "notebooks")
    assert environ["GREETING"] == "hello ${you}"
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    stead.environ.update(started.leaking)
    command = json.loads(stead("run", "--", "python", "-c", code))
    # What Jupyter tells its kernel, what ipykernel sets in itself, and where each runs.
    own = {
        *("JPY_PARENT_PID", "JPY_SESSION_NAME", "PYDEVD_USE_FRAME_EVAL", "MPLBACKEND", "PWD"),
        *("TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER", "OLDPWD", "_"),
        *("DEBUGPY_RUNNING", "PYTHON_FROZEN_MODULES"),
    }
    names = (environ.keys() | command.keys()) - own
    assert {n: environ.get(n) for n in names} == {n: command.get(n) for n in names}


@pytest.mark.slow
@pytest.mark.network
def test_the_process_jupyter_started_is_the_kernel_itself(started):
    """So that its interrupts and its shutdown reach the kernel, and nothing stands between."""
    pid = int(started("import os; print(os.getpid())"))
    assert pid == started.manager.provisioner.process.pid
    assert "site-packages" in started("import ipykernel; print(ipykernel.__file__)")
