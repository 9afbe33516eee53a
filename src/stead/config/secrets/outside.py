"""``env:``, ``command:`` and ``keyring:`` references: values that others keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stead.config.secrets.failure import UnopenedError, less_last_line_end
from stead.values.errors import SteadError
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stead.values.context import Runner
    from stead.values.secret import SecretReference

LONGEST = 2**20
"""Bytes that a command may print."""

_SHOWN_LINES = 3
_SHOWN_WIDTH = 200


def from_environment(reference: SecretReference, environ: Mapping[str, str]) -> str:
    """Give one of the caller's variables. Raises UnopenedError."""
    name = reference.body
    if name in environ:
        return environ[name]
    close = nearest(name, environ)
    raise UnopenedError(
        f"the variable {name} is not set" + (f"; did you mean {close}?" if close else ""),
        remedy=f"set it before you start Stead (`export {name}=…`)",
    )


def from_command(
    reference: SecretReference, environ: Mapping[str, str], run: Runner, timeout: float
) -> str:
    """Run a command in its manifest's directory; gives what it prints. Raises UnopenedError.

    What it says on standard error is shown when it fails, less what it printed:
    that would have been the secret.
    """
    argv = list(reference.argv)
    if os.path.dirname(argv[0]):
        argv[0] = reference.files[0]
    try:
        done = run(argv, cwd=reference.base, env=environ, timeout=timeout, most_output=LONGEST)
    except TimeoutError:
        done = None
    except SteadError as error:
        raise UnopenedError(error.message, remedy=error.remedy) from None
    if done is None:
        raise UnopenedError(
            f"the command did not end within {timeout:g} seconds",
            remedy="see what it waits for; nothing can be asked for on the terminal",
        )
    if len(done.stdout) > LONGEST:
        raise UnopenedError(f"the command printed more than {LONGEST // 2**20} MiB")
    said = tuple(_said(done.stderr, done.stdout))
    if done.returncode:
        how = f"code {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
        raise UnopenedError(f"the command ended with {how}", tried=said)
    value = less_last_line_end(done.stdout)
    if not value:
        raise UnopenedError("the command printed nothing", tried=said)
    if not value.isprintable() and any("\udc80" <= c <= "\udcff" for c in value):
        raise UnopenedError("what the command printed is not text in UTF-8")
    return value


def _said(stderr: str, stdout: str) -> list[str]:
    """Give the last lines of standard error, without anything that standard output held."""
    hidden = sorted({part for part in stdout.split() if len(part) > 2}, key=len, reverse=True)
    lines = []
    for line in [part for part in stderr.splitlines() if part.strip()][-_SHOWN_LINES:]:
        for part in hidden:
            line = line.replace(part, "…")  # noqa: PLW2901
        lines.append(f"it said: {line.strip()[:_SHOWN_WIDTH]}")
    return lines


def _library() -> Any:
    try:
        import keyring
    except ImportError:
        return None
    return keyring


def from_keyring(reference: SecretReference, timeout: float) -> str:
    """Ask the person's keyring. Raises UnopenedError.

    In a thread, because a keyring that is locked may ask for its password in a
    window that nobody sees.
    """
    keyring = _library()
    if keyring is None:
        raise UnopenedError(
            "the library that speaks to keyrings is not installed",
            remedy="install Stead with it: `stead[keyring]` (`uv tool install 'stead[keyring]'`, "
            "`pipx inject stead keyring`)",
        )
    import threading

    answer: list[str | None] = []
    wrong: list[str] = []

    def ask() -> None:
        try:
            answer.append(keyring.get_password(reference.service, reference.key))
        except Exception as error:  # noqa: BLE001 (every back end has errors of its own)
            wrong.append(f"{type(error).__name__}")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    if wrong:
        raise UnopenedError(
            f"the keyring could not answer ({wrong[0]})",
            remedy="see `keyring --list-backends` for what this machine has, and unlock it",
        )
    if not answer:
        raise UnopenedError(
            f"the keyring did not answer within {timeout:g} seconds", remedy="unlock it first"
        )
    if answer[0] is None:
        raise UnopenedError(
            f"the keyring holds no password of {reference.key!r} for {reference.service!r}",
            remedy=f"`keyring set {reference.service} {reference.key}` adds it",
        )
    return answer[0]
