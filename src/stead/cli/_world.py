"""Collecting the world for one invocation: the only reader of ``os.environ``."""

from __future__ import annotations

import os
import sys
import time
from functools import cached_property

from stead.cli.app import App
from stead.cli.options import chosen
from stead.values.context import Context
from stead.values.errors import UsageError
from stead.values.frozen import replace
from stead.values.paths import Directory
from stead.values.platform import platform_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from stead.values.context import Progress, Task
    from stead.values.item import ItemFile
    from stead.values.lock import Pin
    from stead.values.manifest import Use
    from stead.values.registry import Registry


class _Progress:
    """Progress on standard error; what draws it is imported when there is some."""

    @cached_property
    def _shown(self) -> Progress:
        from stead.cli.progress import progress_for

        return progress_for(sys.stderr, is_tty=sys.stderr.isatty())

    def task(self, title: str, *, unit: str = "") -> AbstractContextManager[Task]:
        return self._shown.task(title, unit=unit)

    def note(self, text: str) -> None:
        self._shown.note(text)


class _Registries:
    """Reads registries of modules; what does is loaded when one is read."""

    def pin(self, use: Use, known: Sequence[Registry], context: Context) -> Pin:
        from stead.modules.registry import pinning

        return pinning.pin(use, known, context)

    def files(
        self, use: Use, pin: Pin, known: Sequence[Registry], context: Context
    ) -> Sequence[ItemFile]:
        from stead.modules.registry import pinning

        return pinning.files(use, pin, known, context)


def _ask(prompt: str) -> str | None:
    from stead.cli.passphrase import ask

    return ask(prompt)


def _machine() -> str:
    """Give the processor's architecture, as the operating system calls it."""
    if sys.platform == "win32":
        import platform

        return platform.machine()
    return os.uname().machine


def make_app(args: argparse.Namespace) -> App:
    """Give what a command gets, by its arguments and the caller's environment."""
    from stead.cli import runner
    from stead.shells.state import caller, with_settings
    from stead.store.layout import check_home
    from stead.store.places import default_home

    environ = with_settings(caller(os.environ))
    home = environ.get("STEAD_HOME") or default_home(environ, sys.platform)
    check_home(home)
    context = Context(
        home=Directory(os.path.abspath(home)),
        environ=environ,
        run=runner.run,
        progress=_Progress(),
        now=time.time,
        offline=getattr(args, "offline", False),
        python_downloads=not getattr(args, "no_python_downloads", False),
        ask=_ask if sys.stderr.isatty() else None,
        registries=_Registries(),
    )
    app = App(
        context=context,
        cwd=_directory(args, environ),
        platform=platform_of(sys.platform, _machine()),
        locked=getattr(args, "locked", False),
        released=getattr(args, "locked", False),
        selection=chosen(args),
        strict=getattr(args, "strict", False),
        words=getattr(args, "words", ()),
        reason=getattr(args, "reason", ""),
    )
    target = getattr(args, "platform", None)
    return replace(app, target=target) if isinstance(target, str) else app


def _directory(args: argparse.Namespace, environ: dict[str, str]) -> str:
    """Give the directory to work in, absolute, by the name the user's shell has for it."""
    try:
        current = os.getcwd()
    except FileNotFoundError as exc:
        raise UsageError(
            "the current directory does not exist any more", remedy="change to one that does"
        ) from exc
    logical = environ.get("PWD", "")
    if os.path.isabs(logical) and logical != current:
        try:
            if os.path.samefile(logical, current):
                current = logical
        except OSError:
            pass
    wanted = getattr(args, "directory", None)
    if not wanted:
        return current
    path = os.path.normpath(os.path.join(current, wanted))
    if not os.path.isdir(path):
        raise UsageError(f"there is no directory {path}", remedy="correct the path after -C")
    return path
