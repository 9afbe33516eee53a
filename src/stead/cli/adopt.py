"""`stead adopt`: take up what was changed by other means."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from stead.cli import _drift, options
from stead.cli.nearby import near
from stead.values.frozen import replace

if TYPE_CHECKING:
    import argparse

    from stead.cli._drift import Meant
    from stead.cli.app import App
    from stead.pipeline.adopt import Adopted, Edit, Refused

HELP = """Turn what was changed behind Stead's back into entries of the manifest, lock and build.

A package that was installed into a writable copy is asked for, locked at the version that was
found and written with it as the lower bound, or with the path or repository it came from; one
that was taken away is no longer asked for. A variable that this shell has otherwise, or that was
edited in a rendered file, gets that value in [vars]. What cannot be taken up is named, with
the reason, and stays as it is; the command then ends with 1. `stead undo` takes all of it back.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    _drift.arguments(parser)
    options.environment(parser)
    parser.add_argument("--layer", default="", metavar="NAME", help="the layer to write into")
    options.reason(parser)
    options.json(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline.adopt import adopt, layer_for, plan
    from stead.pipeline.drift_values import values_in
    from stead.pipeline.steps import configured

    meant = _drift.meant(args, app)
    drift = list(meant.drift)
    drift += [d for d in meant.looked.drift if d.where in meant.copies and d not in drift]
    composed = meant.state.composed
    table = meant.state.table or configured(composed, app.context)
    layer = layer_for(composed, args.layer)
    planned = plan(
        drift,
        composed,
        table,
        meant.looked.copies,
        layer=layer,
        of_file=lambda one: values_in(one, table, composed.spec.platform),
    )
    if not app.reason:
        said = [_said(e) for e in planned.edits if not e.follows]
        app = replace(app, reason=f"adopted {', '.join(dict.fromkeys(said))}")
    if not args.dry_run:
        app.record_edits(args.environment)
    request = app.request(args.environment)
    adopted = adopt(request, app.context, planned, layer=layer, dry=args.dry_run)
    kept: tuple[tuple[str, str], ...] = ()
    if adopted.changed is not None and not args.dry_run:
        kept = _made(adopted, meant, args, app)
    return _report(adopted, kept, args, app)


def _made(
    adopted: Adopted, meant: Meant, args: argparse.Namespace, app: App
) -> tuple[tuple[str, str], ...]:
    """Build what is asked for now, and note that the copies are as declared.

    What is staged in a transaction may be taken back: copies and files stay as they are.
    """
    if app.transaction:
        app.prepared(args.environment)
        return ()
    from stead.pipeline import restore
    from stead.pipeline.adopt import accept

    files = list(dict.fromkeys(e.drift for e in adopted.plan.edits if e.drift.kind == "file"))
    kept = restore.files(files, meant.state.composed.spec.place, app.context).kept
    done = app.prepared(args.environment)
    touched = {e.drift.where for e in adopted.plan.edits if e.drift.kind == "package"}
    copies = [c for c in meant.looked.copies if c.directory in touched]
    if copies:
        accept(copies, done.activation.build, app.context)
    return restore.only_other(kept, files)


def _said(edit: Edit) -> str:
    found = edit.drift.found if edit.ecosystem else ""
    return f"{edit.name} {found}" if found else edit.name


def _report(
    adopted: Adopted, kept: tuple[tuple[str, str], ...], args: argparse.Namespace, app: App
) -> int:
    planned, changed = adopted.plan, adopted.changed
    if args.json:
        app.out_json(
            {
                "dry_run": args.dry_run,
                "adopted": [e.drift.as_json() for e in planned.edits],
                "refused": [
                    {**r.drift.as_json(), "why": r.why, "mend": r.mend, "lines": r.lines}
                    for r in planned.refused
                ],
                "files": list(changed.files) if changed and not args.dry_run else [],
                "environments": [
                    {
                        "environment": c.now.environment,
                        "platform": c.now.platform,
                        "changes": c.lines,
                    }
                    for c in (changed.changes if changed else ())
                ],
                "kept": [{"file": name, "now": path} for name, path in kept],
            }
        )
        return 1 if planned.refused else 0
    if not planned.edits and not planned.refused:
        app.out("nothing to adopt: all is as declared")
    for one in planned.edits:
        verb = "would adopt" if args.dry_run else "adopted"
        text = f"{one.name}, from {one.drift.name}" if one.drift.kind == "file" else str(one.drift)
        app.out(f"{verb}: {text}" + (" (comes with another)" if one.follows else ""))
    for file, (before, after) in adopted.texts.items():
        if args.dry_run:
            for line in _difference(before, after, near(file, app.cwd)):
                app.out(line)
        elif before != after:
            app.out(app.written(file))
    for change in changed.changes if changed else ():
        if change.lines:
            app.out(f"{change.now.environment} on {change.now.platform}")
        for line in change.lines:
            app.out(f"  {line}")
    for name, path in kept:
        app.err(f"what was written into {name} by hand is kept as {path}")
    for refused in planned.refused:
        _refuse(refused, app)
    return 1 if planned.refused else 0


def _refuse(refused: Refused, app: App) -> None:
    app.err(f"not adopted: {refused.drift}: {refused.why}")
    for line in refused.lines:
        app.err(f"  {line}")
    if refused.mend:
        app.err(f"  → {refused.mend}")


def _difference(before: str, after: str, name: str) -> list[str]:
    found = difflib.unified_diff(
        before.splitlines(), after.splitlines(), name, f"{name} then", lineterm="", n=1
    )
    return list(found)
