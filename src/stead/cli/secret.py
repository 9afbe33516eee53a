"""`stead secret`: the encrypted file of secrets that is kept with a project."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from stead.cli import options
from stead.values.errors import SecretError, UsageError
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.cli.app import App
    from stead.config.secrets import Identities
    from stead.pipeline.secrets import Kept
    from stead.values.manifest import Manifest

HELP = """Keep secrets with the project, encrypted for those who may read them.

Who may is listed in stead.toml: `[secrets]` with `recipients = ["age1…"]`. What is
encrypted is referred to as `age:secrets.age#NAME`, and only `stead run` decrypts
it, for the process that declares it. A value is never given on the command line.
"""

_NAME = regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return actions.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.{more}", allow_abbrev=False
        )

    keygen = action(
        "keygen",
        "make a key of your own and print its public half",
        " One that is there already is kept.",
    )
    options.json(keygen)
    set_ = action(
        "set",
        "set one secret",
        " Asks for its value on a terminal, without showing it; else reads standard input.",
    )
    set_.add_argument("name", metavar="NAME")
    set_.add_argument("value", nargs="*", help=argparse.SUPPRESS)
    _file(set_)
    edit = action(
        "edit",
        "change a file of secrets in your editor ($VISUAL, $EDITOR)",
        " It sees a private copy, which is wiped afterwards.",
    )
    edit.add_argument("path", nargs="?", metavar="FILE", help="the encrypted file")
    show = action(
        "show",
        "print one secret, on a terminal",
        " Elsewhere only with --reveal: what is printed there is kept, often, by others.",
    )
    show.add_argument("name", metavar="NAME")
    show.add_argument("--reveal", action="store_true", help="print it wherever output goes")
    _file(show)
    list_ = action("list", "list the names of the secrets, and who may read them")
    _file(list_)
    options.json(list_)
    rotate = action(
        "rotate",
        "encrypt anew for those who are listed",
        " Without FILE: every age file that the manifests name.",
    )
    rotate.add_argument("paths", nargs="*", metavar="FILE", help="encrypted files")
    rotate.add_argument(
        "--add-recipient",
        action="append",
        default=[],
        metavar="KEY",
        help="also list this public key in stead.toml (`age1…`, `ssh-ed25519 …`)",
    )
    rotate.add_argument(
        "--remove-recipient",
        action="append",
        default=[],
        metavar="KEY",
        help="take this public key off the list",
    )
    options.json(rotate)


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--file",
        default="",
        metavar="FILE",
        help="the encrypted file (default: as stead.toml says)",
    )


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.config.secrets.memory import keep_from_dumps

    keep_from_dumps()
    actions = {
        "keygen": _keygen,
        "set": _set,
        "edit": _edit,
        "show": _show,
        "list": _list,
        "rotate": _rotate,
    }
    return actions[args.action](args, app)


def _keygen(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.secrets import make_identity

    path, public, made = make_identity(app.context)
    if args.json:
        app.out_json({"file": path, "public": list(public), "made": made})
        return 0
    app.err(f"stead: {'wrote' if made else 'there is a key already in'} {path}")
    if made:
        app.err("stead: list this public half among the `recipients` of `[secrets]` in stead.toml:")
    for key in public:
        app.out(key)
    return 0


def _set(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import secrets

    if "=" in args.name or args.value:
        raise UsageError(
            "a secret's value is not given on the command line: others see it there, and "
            "shells keep it",
            remedy=f"`stead secret set {args.name.partition('=')[0]}` asks for it",
        )
    if not _NAME.match(args.name):
        raise UsageError(
            f"{args.name!r} cannot name a secret", remedy="use letters, digits, `_`, `-` and `.`"
        )
    kept, identities = _kept(app, args.file)
    _recipients_known(kept, identities)
    value = _value(args.name)
    changed = secrets.put(kept, args.name, value, app.context, identities)
    shown = os.path.relpath(kept.path, app.cwd)
    if not changed:
        app.err(f"stead: {args.name} in {shown} was so already")
        return 0
    where = os.path.dirname(kept.manifest) or app.cwd
    reference = f"age:{os.path.relpath(kept.path, where)}#{args.name}".replace(os.sep, "/")
    app.err(f"stead: set {args.name} in {shown}; refer to it as {reference}")
    return 0


def _value(name: str) -> str:
    """Ask for a value, or read it from standard input, less one line end."""
    if sys.stdin.isatty():
        import getpass

        value = getpass.getpass(f"value of {name}: ")
    else:
        raw = sys.stdin.buffer.read()
        try:
            value = raw.decode("utf-8")
        except UnicodeDecodeError:
            value = "\0"
        value = value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value
    if "\0" in value:
        raise UsageError("this value is not text", remedy="give it as UTF-8, without NUL bytes")
    if not value:
        raise UsageError("the value is empty", remedy="type it, or pipe it to standard input")
    return value


def _edit(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import secrets

    editor = _editor(app)
    kept, identities = _kept(app, args.path or "")
    _recipients_known(kept, identities)

    def edit(text: str) -> str:
        draft = secrets.draft(kept, text, app.context, identities)
        if draft is not None:
            app.err("stead: this goes on with what you wrote last time, and could not be taken")
        return _edited(text, draft, editor, kept, app)

    changed = secrets.change(kept, edit, app.context, identities, why="editing secrets")
    secrets.drop_draft(kept, app.context)
    app.err(f"stead: {os.path.relpath(kept.path, app.cwd)} {'changed' if changed else 'unchanged'}")
    return 0


def _edited(text: str, draft: str | None, editor: list[str], kept: Kept, app: App) -> str:
    """Have a text edited until it can be taken, or the user gives up: then SecretError.

    ``draft`` is what to start from in place of ``text``. What was no list of names with
    strings before need not be one now.
    """
    from stead.pipeline import secrets
    from stead.store.private import private_directory

    free = bool(text) and bool(secrets.is_strings(text))
    name = os.path.basename(kept.path).removesuffix(".age") + ("" if free else ".toml")
    with private_directory(app.context.home, app.context.environ, "edit") as directory:
        path = os.path.join(directory, name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text if draft is None else draft)
        while True:
            code = _run_editor([*editor, path], app)
            new, wrong = _read_back(path)
            if code:
                if new and new != text:
                    secrets.keep_draft(kept, text, new, app.context)
                raise SecretError(
                    f"the editor ended with code {code}; nothing was changed",
                    remedy="`stead secret edit` starts it again, with what you wrote",
                )
            if not wrong and not free:
                wrong = secrets.is_strings(new)
            if not wrong:
                return new
            app.err(f"stead: {wrong}")
            if _again(app):
                continue
            if new:
                secrets.keep_draft(kept, text, new, app.context)
            raise SecretError(
                f"what was written cannot be taken: {wrong}",
                where=kept.path,
                details=["the file is as it was; what you wrote is kept, encrypted"],
                remedy='`stead secret edit` goes on with it; write NAME = "value" lines',
            )


def _read_back(path: str) -> tuple[str, str]:
    """Give what the editor left, and what is wrong with it."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8"), ""
    except FileNotFoundError:
        return "", "the editor removed the file"
    except UnicodeDecodeError:
        pass
    return "", "this is not text in UTF-8"


def _again(app: App) -> bool:
    if not app.interactive:
        return False
    print("Edit again? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() not in ("n", "no")


def _editor(app: App) -> list[str]:
    import shlex
    import shutil

    environ = app.context.environ
    given = environ.get("VISUAL") or environ.get("EDITOR")
    if given:
        try:
            words = shlex.split(given)
        except ValueError as exc:
            raise UsageError(
                f"$EDITOR cannot be read: {exc}", remedy="close the quote in it"
            ) from exc
        if words:
            return words
    for name in ("editor", "vi", "nano", "notepad"):
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            return [found]
    raise UsageError("no editor is known", remedy="set VISUAL or EDITOR to one")


def _run_editor(argv: list[str], app: App) -> int:
    """Let the editor have the terminal; a Ctrl-C there is the editor's."""
    import signal
    import subprocess

    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # In the caller's session, unlike what the runner starts: it needs the terminal.
        return subprocess.call(argv, env=dict(app.context.environ), cwd=app.cwd)
    except OSError as exc:
        raise UsageError(
            f"the editor {argv[0]!r} cannot be started: {exc.strerror}",
            remedy="set VISUAL or EDITOR to one that is there",
        ) from exc
    finally:
        signal.signal(signal.SIGINT, former)


def _show(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import secrets
    from stead.values.names import nearest

    if not args.reveal and not sys.stdout.isatty():
        raise UsageError(
            "a secret is printed on a terminal only",
            remedy="say --reveal if it may go where this output goes",
        )
    kept, identities = _kept(app, args.file)
    values = secrets.values(kept, identities)
    if args.name not in values:
        close = nearest(args.name, values)
        raise SecretError(
            f"there is no secret {args.name!r}" + (f"; did you mean {close!r}?" if close else ""),
            where=kept.path,
            remedy="`stead secret list` shows which there are",
        )
    app.out(values[args.name])
    return 0


def _list(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import secrets

    kept, identities = _kept(app, args.file)
    names = list(secrets.values(kept, identities))
    if args.json:
        app.out_json({"file": kept.path, "names": names, "recipients": list(kept.recipients)})
        return 0
    for name in names:
        app.out(name)
    if not names:
        app.err(f"stead: {os.path.relpath(kept.path, app.cwd)} holds no secrets")
    for recipient in kept.recipients:
        app.err(f"stead: may be read by {recipient}")
    return 0


def _rotate(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import secrets

    manifests, root, place = _manifests(app)
    kept = secrets.kept_in(manifests, app.cwd, place=place)
    paths = [os.path.normpath(os.path.join(app.cwd, path)) for path in args.paths]
    files = paths or list(secrets.encrypted_files(manifests, kept, root))
    if not files and not (args.add_recipient or args.remove_recipient):
        raise SecretError(
            "there is nothing to encrypt anew",
            where=kept.path,
            remedy="`stead secret set NAME` makes the file",
        )
    done = secrets.rotate(
        kept,
        files,
        app.context,
        secrets.identities_of(app.context, app.cwd),
        add=args.add_recipient,
        remove=args.remove_recipient,
    )
    if args.json:
        app.out_json(done)
    else:
        for path in done.files:
            app.err(
                f"stead: encrypted {os.path.relpath(path, app.cwd)} "
                f"for {len(done.recipients)} recipients"
            )
    if done.removed:
        app.err(
            "stead: whoever was taken off the list may have kept the values, and finds them in the "
            "history: change the values themselves too (`stead secret set NAME`)"
        )
    return 0


def _kept(app: App, file: str) -> tuple[Kept, Identities]:
    from stead.pipeline import secrets

    manifests, _, place = _manifests(app)
    kept = secrets.kept_in(manifests, app.cwd, file, place)
    return kept, secrets.identities_of(app.context, app.cwd)


def _manifests(app: App) -> tuple[Sequence[Manifest], str, str]:
    from stead.pipeline.discover import discover

    found = discover(app.cwd, home=os.path.realpath(os.path.expanduser("~")))
    return found.manifests, found.root, found.place


def _recipients_known(kept: Kept, identities: Identities) -> None:
    """Refuse to start where nobody could read the result, before anything is typed."""
    if kept.recipients:
        return
    own = identities.public[:1] or ("age1…",)
    remedy = f'add to stead.toml: `[secrets]`, `recipients = ["{own[0]}"]`'
    if own[0] == "age1…":
        remedy += " (`stead secret keygen` makes a key)"
    raise SecretError(
        "nobody is named who may read these secrets",
        where=kept.manifest or None,
        remedy=remedy,
    )
