"""Finding real interpreters."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from stead.ecosystems.interpreters import discovered, find
from stead.values.errors import InterpreterError, SteadError
from stead.values.origin import Origin

OWN = os.path.realpath(sys._base_executable)
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = platform.python_version()


def memory(context):
    return json.loads((context.home / "interpreters.json").read_text())["interpreters"]


def test_steads_own_interpreter_is_known_by_its_real_path(context):
    found = next(i for i in discovered(context) if i.path == OWN)
    assert (found.version, found.minor) == (VERSION, MINOR)
    assert found.tag == f"cp{MINOR.replace('.', '')}{sys.abiflags}"


def test_what_is_found_is_what_it_says(context):
    for interpreter in discovered(context):
        said = subprocess.run(
            [interpreter.path, "-I", "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        assert said == interpreter.version


def test_a_version_of_pyenv(context, with_environ, install, tmp_path):
    python = install(tmp_path / "pyenv" / "versions" / VERSION)
    world = with_environ(PYENV_ROOT=str(tmp_path / "pyenv"))
    found = find(MINOR, context=world, only=("pyenv",))
    assert (found.path, found.version, found.found) == (str(python), VERSION, "pyenv")
    assert find(MINOR, context=world, prefer=("pyenv",)) == found


def test_an_alias_of_a_version_is_the_version_itself(with_environ, install, tmp_path):
    python = install(tmp_path / "uv" / f"cpython-{VERSION}")
    (tmp_path / "uv" / f"cpython-{MINOR}").symlink_to(f"cpython-{VERSION}")
    world = with_environ(UV_PYTHON_INSTALL_DIR=str(tmp_path / "uv"))
    assert [i.path for i in discovered(world) if i.found == "uv"] == [str(python)]


def test_conda_is_told_from_others(with_environ, install, tmp_path):
    base, environment = tmp_path / "conda", tmp_path / "elsewhere"
    for prefix in (base, environment):
        install(prefix)
        (prefix / "conda-meta").mkdir()
    world = with_environ(CONDA_EXE=f"{base}/bin/conda", PATH=f"{environment}/bin")
    found = {i.path for i in discovered(world) if i.found == "conda"}
    assert found == {f"{p}/bin/python{MINOR}" for p in (base, environment)}


SPY = '#!/bin/sh\necho ran >> {marker}\nexec {python} "$@"\n'


def test_shims_and_scripts_are_never_run(with_environ, tmp_path):
    marker = tmp_path / "marker"
    directories = [tmp_path / "shims", tmp_path / "wrappers"]
    for directory in directories:
        directory.mkdir()
        for name in ("python3", f"python{MINOR}", "python3.99"):
            (directory / name).write_text(SPY.format(marker=marker, python=OWN))
            (directory / name).chmod(0o755)
    world = with_environ(PATH=":".join(map(str, directories)))
    assert not any(str(tmp_path) in i.path for i in discovered(world))
    assert not marker.exists()


def test_a_relative_entry_of_path_is_not_looked_into(with_environ, install, tmp_path, monkeypatch):
    install(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert not any(str(tmp_path) in i.path for i in discovered(with_environ(PATH="bin:.:")))


@pytest.mark.parametrize("options", [[], ["--copies"]])
def test_a_virtual_environment_is_not_an_interpreter(with_environ, tmp_path, options):
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", *options, str(tmp_path / "v")], check=True
    )
    world = with_environ(PATH=f"{tmp_path}/v/bin")
    assert not any(str(tmp_path) in i.path for i in discovered(world))


@pytest.mark.parametrize("content", [b"", b"\x7fELF broken", b"\0" * 100, b"#!/bin/sh\nexit 3\n"])
def test_what_does_not_run_is_passed_over_and_remembered(with_environ, runner, tmp_path, content):
    (tmp_path / "python3").write_bytes(content)
    (tmp_path / "python3").chmod(0o755)
    world = with_environ(PATH=str(tmp_path))
    assert not any(str(tmp_path) in i.path for i in discovered(world))
    runner.ran.clear()
    discovered(world)
    assert runner.ran == []


@pytest.mark.parametrize("fails", ["by its exit code", "by a signal", "to start"])
def test_what_failed_once_is_asked_again(with_environ, runner, install, tmp_path, fails):
    python = install(tmp_path / "x")
    world = with_environ(PATH=str(python.parent))

    def failing(argv, **options):
        if argv[0] != str(python):
            return runner(argv, **options)
        if fails == "to start":
            # As where there are too many processes.
            raise SteadError("cannot run") from OSError(errno.EAGAIN, "")
        return runner(["sh", "-c", "exit 1" if "exit" in fails else "kill -9 $$"])

    before = discovered(replace(world, run=failing))
    assert not any(i.path == str(python) for i in before)
    assert str(python) not in memory(world)
    assert any(i.path == str(python) for i in discovered(world))
    runner.ran.clear()
    assert any(i.path == str(python) for i in discovered(world))
    assert runner.ran == []


def test_what_may_be_run_now_is_asked(with_environ, install, tmp_path):
    python = install(tmp_path / "x")
    python.chmod(0o644)
    world = with_environ(PATH=str(python.parent))
    assert not any(i.path == str(python) for i in discovered(world))
    python.chmod(0o755)  # which changes neither size nor time
    assert any(i.path == str(python) for i in discovered(world))


def test_a_file_that_may_not_be_run_and_a_directory_are_passed_over(with_environ, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "python3").write_bytes(b"\x7fELF")
    (tmp_path / "b" / "python3").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "python3").symlink_to("python3")
    world = with_environ(PATH=":".join(f"{tmp_path}/{n}" for n in "abc"))
    assert not any(str(tmp_path) in i.path for i in discovered(world))


def test_a_known_answer_starts_no_process(context, runner):
    first = find("", context=context)
    assert runner.ran
    runner.ran.clear()
    assert find("", context=context) == first
    assert runner.ran == []


def test_names_that_cannot_fit_are_not_run(with_environ, runner, install, tmp_path):
    install(tmp_path / "x")
    os.rename(tmp_path / "x" / "bin" / f"python{MINOR}", tmp_path / "x" / "bin" / "python3.99")
    (tmp_path / "x" / "bin" / "python3").unlink()
    find(MINOR, context=with_environ(PATH=f"{tmp_path}/x/bin"))
    assert not any("python3.99" in argv[0] for argv in runner.ran)


def test_a_changed_file_is_asked_again(with_environ, runner, install, tmp_path):
    python = install(tmp_path / "pyenv" / "versions" / "x")
    world = with_environ(PYENV_ROOT=str(tmp_path / "pyenv"))
    assert find(str(python), context=world).version == VERSION
    content = python.read_bytes()
    python.unlink()
    python.write_bytes(b"\x7fELF no more")
    python.chmod(0o755)
    with pytest.raises(InterpreterError, match="is no working Python"):
        find(str(python), context=world)
    python.unlink()
    python.write_bytes(content)
    python.chmod(0o755)
    assert find(str(python), context=world).version == VERSION


def test_a_link_that_leads_elsewhere_now_gives_the_new_path(
    with_environ, context, install, tmp_path
):
    one, two = install(tmp_path / "one"), install(tmp_path / "two")
    link = tmp_path / "python"
    link.symlink_to(one)
    assert find(str(link), context=context).path == str(one)
    link.unlink()
    link.symlink_to(two)
    assert find(str(link), context=context).path == str(two)


def test_a_moved_installation_is_not_remembered_at_its_old_place(context, install, tmp_path):
    install(tmp_path / "one")
    (tmp_path / "current").symlink_to("one")
    path = str(tmp_path / "current" / "bin" / f"python{MINOR}")
    assert find(path, context=context).path == f"{tmp_path}/one/bin/python{MINOR}"
    os.rename(tmp_path / "one", tmp_path / "two")  # the same file, by inode and time
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("two")
    assert find(path, context=context).path == f"{tmp_path}/two/bin/python{MINOR}"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 99}', '{"format": 1, "interpreters": {"/x": 3}}']
)
def test_a_damaged_memory_is_made_anew(context, text):
    context.home.mkdir()
    (context.home / "interpreters.json").write_text(text)
    find("", context=context)
    assert OWN in memory(context)


def test_a_memory_that_cannot_be_kept_is_no_error(context, tmp_path):
    (tmp_path / "file").touch()
    world = replace(context, home=tmp_path / "file" / "stead")
    assert find("", context=world).minor == MINOR


def test_what_is_gone_is_forgotten(with_environ, context, install, tmp_path):
    python = install(tmp_path / "one")
    find(str(python), context=context)
    assert str(python) in memory(context)
    python.unlink()
    find(str(install(tmp_path / "two")), context=context)
    assert str(python) not in memory(context)


def test_several_writers_leave_a_whole_memory(context, install, tmp_path):
    pythons = [str(install(tmp_path / f"p{n}")) for n in range(6)]
    errors = []

    def work(python):
        try:
            for _ in range(3):
                find(python, context=context)
                memory(context)
        except Exception as exc:  # noqa: BLE001
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(p,)) for p in pythons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert set(memory(context)) <= set(pythons)
    assert sorted(p.name for p in context.home.iterdir()) == ["interpreters.json"]


def test_the_callers_python_variables_have_no_say(with_environ, tmp_path):
    (tmp_path / "sys.py").write_text("raise SystemExit(9)")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(9)")
    world = with_environ(PYTHONPATH=str(tmp_path), PYTHONHOME=str(tmp_path))
    assert find("", context=world).minor == MINOR


def test_a_path_with_a_tilde(with_environ, install, context, tmp_path):
    install(tmp_path / "user" / "py")
    found = find(f"~/py/bin/python{MINOR}", context=context)
    assert found.path == f"{tmp_path}/user/py/bin/python{MINOR}"


def test_a_path_to_nothing_says_where_it_was_asked(context):
    with pytest.raises(InterpreterError, match="does not exist") as caught:
        find("/no/python", context=context, where=Origin("/p/stead.toml", 4))
    assert str(caught.value).startswith("/p/stead.toml:4: ")


def test_an_error_lists_what_was_found_and_what_to_do(context):
    with pytest.raises(InterpreterError) as caught:
        find("3.99", context=context, where=Origin("/p/.python-version", 1))
    text = str(caught.value)
    assert text.startswith("/p/.python-version:1: no Python interpreter fits '3.99'")
    assert f"{VERSION}  {OWN} (" in text
    assert "--no-python-downloads" in caught.value.remedy


def test_the_remedy_fits_the_reason(context):
    def remedy(request, world=context, **options):
        with pytest.raises(InterpreterError) as caught:
            find(request, context=world, **options)
        return caught.value.remedy

    offline = replace(context, offline=True, python_downloads=True)
    assert "--offline" in remedy("3.99", offline)
    assert "by way of conda" in remedy("3.99", only=("conda",))
    assert "3.6 or newer" in remedy("2.7")
