"""`stead restore`: put back what is declared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stead.cli import _drift, options
from stead.cli.nearby import near
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from stead.cli._drift import Meant
    from stead.cli.app import App
    from stead.pipeline.restore import Restored
    from stead.values.drift import Drift

HELP = """Put back what is declared where something was changed behind Stead's back.

Packages of a writable copy are put back one by one, and what else is in it stays; with the copy's
directory as WHAT the whole copy is made anew, and the former one is kept beside it. A changed
build is set aside and made again. Rendered files are rendered again; what was written by hand is
kept, and it is said where. Variables come back, all of them, at the hook's next prompt.
What would be gone for good is asked about first.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    _drift.arguments(parser)
    options.environment(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    meant = _drift.meant(args, app)
    drift = [d for d in meant.drift if d.where not in meant.copies]
    if args.dry_run or not (drift or meant.copies):
        return _planned(args, app, drift, meant)
    if not args.yes and not _agreed(app, drift):
        app.err("stead: nothing changed")
        return 1
    from stead.pipeline.restore import Restored

    done = _restored(args, app, meant, drift)
    _recorded(args, app, meant, done)
    return _report(args, app, done) if isinstance(done, Restored) else 0


def _planned(args: argparse.Namespace, app: App, drift: Sequence[Drift], meant: Meant) -> int:
    if args.json:
        app.out_json(
            {
                "dry_run": args.dry_run,
                "restored": [d.as_json() for d in drift],
                "copies": meant.copies,
                "kept": [],
                "failed": [],
            }
        )
        return 0
    for one in drift:
        app.out(f"would restore: {one}")
    for copy in meant.copies:
        app.out(f"would make {near(copy, app.cwd)} anew, and keep the former one beside it")
    if not drift and not meant.copies:
        app.out("nothing to restore: all is as declared")
    return 0


def _agreed(app: App, drift: Sequence[Drift]) -> bool:
    """Ask about what would be gone for good."""
    from stead.pipeline.restore import lost

    gone = [text for text in map(lost, drift) if text]
    if not gone:
        return True
    if not app.interactive:
        raise UsageError(
            f"{len(gone)} package{'s' if len(gone) > 1 else ''} would be taken away, and there is "
            "no terminal to ask on",
            remedy="look at it with `stead restore --dry-run`, then say `stead restore --yes`",
        )
    for text in gone:
        app.err(text)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _restored(args: argparse.Namespace, app: App, meant: Meant, drift: Sequence[Drift]) -> Restored:
    from stead.pipeline import restore
    from stead.store.layout import Layout
    from stead.values.errors import StoreError

    done: list[Drift] = []
    kept: list[tuple[str, str]] = []
    failed: list[tuple[Drift, str, str]] = []

    def of(kind: str) -> list[Drift]:
        return [d for d in drift if d.kind == kind]

    if of("build"):
        kept += restore.build(of("build"), app.context)
        done += of("build")
    files = restore.files(of("file"), meant.state.composed.spec.place, app.context)
    done += files.done
    kept += files.kept
    failed += files.failed
    prepared = None
    if done or of("variable") or meant.copies:
        prepared = app.prepared(args.environment)
    build = prepared.activation.build if prepared else str(meant.state.build or "")
    for copy in meant.looked.copies:
        mine = [d for d in of("package") if d.where == copy.directory]
        if copy.directory in meant.copies:
            kept.append((copy.directory, restore.anew(copy, Path(build), app.context)))
        elif mine:
            made_from = Layout(app.context.home).store / copy.build
            builds = [made_from, *([Path(build)] if build else [])]
            try:
                restore.packages(mine, copy, builds, app.context)
                done += mine
            except StoreError as exc:
                failed += [(d, exc.message, exc.remedy) for d in mine]
    if of("variable"):
        assert prepared is not None
        # The hook sets all of them or none.
        all_of_them = [d for d in meant.looked.drift if d.kind == "variable"]
        if restore.variables(prepared, app.context):
            done += all_of_them
        else:
            mend = "`stead trust` lets the hook apply it"
            failed += [(d, "the hook does not apply this place", mend) for d in all_of_them]
    return restore.Restored(tuple(done), tuple(kept), tuple(failed))


def _recorded(args: argparse.Namespace, app: App, meant: Meant, done: Restored) -> None:
    from stead.history.record import record_restored

    what = [*_drift.names(done.done), *(near(c, app.cwd) for c in meant.copies)]
    if what:
        cause = app.cause
        from stead.values.frozen import replace

        cause = replace(cause, reason=cause.reason or f"restored {', '.join(what)}")
        record_restored(app.history(args.environment), app.context, cause)


def _report(args: argparse.Namespace, app: App, done: Restored) -> int:
    if args.json:
        app.out_json(
            {
                "dry_run": False,
                "restored": [d.as_json() for d in done.done],
                "kept": [{"what": name, "now": path} for name, path in done.kept],
                "failed": [{**d.as_json(), "why": why, "mend": m} for d, why, m in done.failed],
            }
        )
        return 1 if done.failed else 0
    for one in done.done:
        app.out(_said(one))
    for name, path in done.kept:
        app.out(f"kept: {near(name, app.cwd)} as it was is now {near(path, app.cwd)}")
    for one, why, mend in done.failed:
        app.err(f"not restored: {one}: {why}")
        if mend:
            app.err(f"  → {mend}")
    return 1 if done.failed else 0


def _said(drift: Drift) -> str:
    """Say what was done about a drift."""
    if drift.kind == "variable":
        return f"{drift.name} is set again at this shell's next prompt"
    if drift.kind == "file":
        return f"rendered {drift.name} again"
    if drift.kind == "build":
        return f"made the build again, in which {drift.name} was {drift.what}"
    package = f"{drift.ecosystem} {drift.name}"
    if drift.what == "added":
        return f"took {package} {drift.found} away"
    instead = f" instead of {drift.found}" if drift.what == "changed" else ""
    return f"put {package} {drift.declared} back{instead}"
