"""A session in bash 4.4 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.shells import hook_bash
from stead.shells.hook_record import template
from stead.shells.quote import posix, why_not_name
from stead.shells.session_text import Start, fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stead.shells.session_text import Manifests, Notice, Session
    from stead.values.activation import Change

KIND = "bash"
FILE = "session.bash"
RC = "rc.bash"


def start(session: Session, program: str, environ: Mapping[str, str]) -> Start:  # noqa: ARG001
    """Say how the shell ``program`` is started. The system's own start file it reads by itself."""
    rc = "".join(
        [
            "[[ ! -r ~/.bashrc ]] || builtin source ~/.bashrc\n",
            f"{FOLLOWS}\n",
            session.hook,
            own(template(FILE), session),
        ]
    )
    return Start((program, "--rcfile", f"{session.notes}/{RC}", "-i"), {}, {RC: rc})


FOLLOWS = '[[ "${PROMPT_COMMAND[*]-}" == *_stead_hook* ]] || _stead_alone=1'


def own(code: str, session: Session, *, zsh: bool = False) -> str:
    """Give the session's own part of the start file."""
    manifests = unchanged(session.manifests, zsh=zsh)
    return fill(code, session, manifests, posix, hand="1" if session.hand else "")


def unchanged(manifests: Manifests, *, zsh: bool = False) -> str:
    """Give the tests that hold while the manifests are as they were."""
    tests = ["-n x"]
    for path, reference in manifests.pairs:
        tests.append(hook_bash.there(path, reference, zsh) + hook_bash.same_time(path, reference))
    tests += [f"! -e {posix(path)}" for path in manifests.absent]
    return " && ".join(tests)


def answer(notice: Notice, *, zsh: bool = False) -> str:
    """Give what the prompt evaluates."""
    lines = [
        f"_stead_manifests() {{ [[ {unchanged(notice.manifests, zsh=zsh)} ]]; }}",
        f"_stead_unhand() {{ :; {assign(notice.undo, zsh=zsh)} }}",
        f"_stead_hand={'1' if notice.undo else ''}",
        assign(notice.now, zsh=zsh),
        *(f"builtin printf 'stead: %s\\n' {posix(line)} >&2" for line in notice.say),
        ":",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def assign(changes: Iterable[Change], *, zsh: bool = False) -> str:
    """Set and unset variables; one that the shell keeps for itself or has locked stays."""
    words = []
    for change in changes:
        if why_not_name("zsh" if zsh else "posix", change.name):
            continue
        if change.kind == "unset":
            word = f"builtin unset {'' if zsh else '-v '}{change.name}"
        else:
            word = f"builtin export {posix(f'{change.name}={change.value}')}"
        words.append(f"{word} 2>/dev/null || :;")
    return " ".join(words)
