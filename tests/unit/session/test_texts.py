"""The texts of a session, for all four shells; what can be said without running them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from stead.formats import known
from stead.pipeline import session
from stead.pipeline.prompt import rc_code
from stead.shells.session_text import Manifests, Notice, Session, label
from stead.values.activation import Change

ODD = "a 'b' \"c\" $d `e` \\f;g\nh ä €"
MANIFESTS = Manifests((("/p/it's.toml", "/r/1"),), ("/p/.env",))


def made(shell: str, **more) -> Session:
    hook = rc_code(shell, home="/home/it's", program="/bin/stead", names=known.NAMES)
    fields = {"hook": hook, "directory": "/home/it's/transaction@", "label": "scans"}
    return Session(**fields, owner=42, manifests=MANIFESTS, **more)


def files(shell: str, environ: dict[str, str] | None = None, **more) -> dict[str, str]:
    start = session.texts(shell).start(made(shell, **more), f"/bin/{shell}", environ or {})
    return dict(start.files)


@pytest.mark.parametrize("shell", session.SHELLS)
def test_nothing_is_left_to_fill_in(shell):
    for text in files(shell).values():
        assert not re.findall(r"@[A-Z]+@", text)


@pytest.mark.parametrize("shell", session.SHELLS)
def test_the_users_own_files_come_first_then_the_hook_then_the_session(shell):
    (text,) = (t for n, t in files(shell).items() if "rc" in n)
    assert text.index("_stead_update") < text.index("_stead_notice")
    if shell in ("bash", "zsh"):
        assert text.index(f"{shell}rc") < text.index("_stead_update")


def test_each_shell_is_started_so_that_the_users_files_are_read():
    argv = {s: session.texts(s).start(made(s), f"/bin/{s}", {}).argv for s in session.SHELLS}
    assert argv["bash"][1:] == ("--rcfile", "/home/it's/transaction@/shell/rc.bash", "-i")
    assert argv["zsh"][1:] == ("-i",)
    assert argv["fish"][1:3] == ("-i", "--init-command")
    assert argv["fish"][3] == "source '/home/it\\'s/transaction@/shell/rc.fish'"
    assert argv["pwsh"][1:] == (
        "-NoLogo",
        "-NoExit",
        "-Command",
        ". '/home/it''s/transaction@/shell/rc.ps1'",
    )


def test_zsh_gets_its_own_directory_back():
    here = session.texts("zsh").start(made("zsh"), "zsh", {"ZDOTDIR": "/my dots"})
    assert here.environ == {"ZDOTDIR": "/home/it's/transaction@/shell/zsh"}
    assert here.files["zsh/.zshenv"].startswith("_stead_zdotdir='/my dots'\n")
    assert not files("zsh")["zsh/.zshenv"].startswith("_stead_zdotdir=")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("hand", [False, True])
def test_the_shells_themselves_can_read_it(shell, hand, tmp_path):
    notice = Notice(
        ("it's", ODD),
        (Change("unset", "A"), Change("set", "B", ODD)),
        (Change("set", "A", ODD),),
        MANIFESTS,
    )
    texts = [*files(shell, hand=hand).values(), session.texts(shell).answer(notice)]
    for text in texts:
        file = tmp_path / "text"
        file.write_text(text, encoding="utf-8")
        program = shutil.which(shell)
        assert program
        subprocess.run([program, "-n", str(file)], check=True, capture_output=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_answer_does_what_it_says(shell, tmp_path):
    notice = Notice(
        ("said 'this'",),
        (Change("unset", "A"), Change("set", "B", "back")),
        (Change("set", "A", ODD), Change("unset", "GONE"), Change("set", "PWD", "/never")),
        Manifests((), (str(tmp_path / "appears"),)),
    )
    file = tmp_path / "text"
    file.write_text(session.texts(shell).answer(notice), encoding="utf-8")
    (tmp_path / "show.py").write_text(
        "import os; print(repr([os.environ.get(n) for n in ('A', 'B', 'GONE')]))"
    )
    program = shutil.which(shell)
    assert program
    ask = "_stead_manifests; and echo same" if shell == "fish" else "_stead_manifests && echo same"
    script = (
        f"cd {tmp_path}; . ./text; python3 show.py; {ask}; touch appears; {ask}; "
        "_stead_unhand; python3 show.py; pwd"
    )
    done = subprocess.run(
        [program, "-c", script],
        env={"PATH": "/usr/bin:/bin", "GONE": "1", "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stdout.splitlines() == [
        repr([ODD, None, None]),
        "same",
        repr([None, "back", None]),
        str(tmp_path),
    ]
    assert done.stderr == "stead: said 'this'\n"


def test_powershell_uses_only_what_it_defines():
    notice = Notice(("x",), (Change("set", "A", "1"),), (Change("unset", "A"),), MANIFESTS)
    (text,) = files("pwsh").values()
    code = text + session.texts("pwsh").answer(notice)
    defined = set(re.findall(r"function global:(_stead_\w+)", code)) | {"_stead_prompt_before"}
    # The paths of records are no functions.
    used = set(re.findall(r"(?<![\w'\"/])_stead_\w+", code))
    assert used <= defined | {"_stead_hook"}
    fields = set(re.findall(r"\$Stead\.(\w+)", code))
    table = set(re.findall(r"\b([A-Z]\w+) = ", text)) | {"Keys"}
    assert fields <= table | set(re.findall(r"\$Stead\.(\w+) = ", code))
    assert code.count("{") == code.count("}")


def test_powershell_quotes_what_it_is_told():
    notice = Notice(("it's",), (), (Change("set", "A", "it's"), Change("unset", "B")), Manifests())
    assert session.texts("pwsh").answer(notice).splitlines()[-3:] == [
        "_stead_set 'A' 'it''s'",
        "_stead_set 'B' $null",
        "[Console]::Error.WriteLine('stead: it''s')",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("scans", "scans"),
        ("my project", "my_project"),
        ("$(reboot)`x`%n\\u!", "__reboot__x__n_u_"),
        ("größe", "größe"),
        ("", "stead"),
        ("x" * 50, "x" * 30),
    ],
)
def test_a_label_means_nothing_to_a_shell(name, shown):
    assert label(name) == shown
