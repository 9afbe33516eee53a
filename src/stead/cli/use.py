"""`stead use`: use a module, or another revision of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stead.cli import options
from stead.cli.add import building, report
from stead.values.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from stead.cli.app import App
    from stead.pipeline.using import Used

HELP = """Use modules, or other revisions of them: edit [uses], lock, and make the environment.

  NAME@REV                 another branch, tag or commit of a module that is used
  NAME                     what its revision means now: a branch may have moved on
  NAME=PATH                a directory on this machine, used where it lies
  NAME=git+URL@REV         a git repository, without @REV its default branch;
                           #subdirectory=DIR names a directory in it
  registry:NAME@VERSION    an item of a registry, without @VERSION the newest;
                           registry:REGISTRY/NAME where several have it

A source without NAME= is called as its directory or repository is, or by --as.
Without arguments this lists what is used. If it cannot be locked, nothing is changed.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "module", nargs="*", help="NAME@REV, NAME=PATH, NAME=git+URL@REV or registry:NAME"
    )
    parser.add_argument("--as", dest="name", metavar="NAME", help="what to call the module here")
    parser.add_argument("--drop", action="store_true", help="use the named modules no more")
    options.environment(parser)
    building(parser)


def execute(args: argparse.Namespace, app: App) -> int:
    from stead.pipeline import using

    request = app.request(args.environment)
    if not args.module:
        if args.drop or args.name:
            raise UsageError("which module?", remedy="see `stead use --help`")
        return _list(using.used(request, app.context), args.json, app)
    if args.name and (args.drop or len(args.module) > 1):
        raise UsageError("--as names one source", remedy="write NAME=PATH or NAME=git+URL instead")
    if args.drop:
        app.record_edits(args.environment)
        changed = using.drop(request, app.context, args.module)
    else:
        wishes = [using.parse_wish(text, app.cwd, args.name or "") for text in args.module]
        if args.name and wishes[0].name != args.name:
            raise UsageError(
                f"--as {args.name} does not go with {args.module[0]}",
                remedy=f"write {args.name}=PATH or {args.name}=git+URL",
            )
        app.record_edits(args.environment)
        changed = using.use(request, app.context, wishes)
    return report(args, app, changed, args.environment)


def _list(used: tuple[Used, ...], json: bool, app: App) -> int:
    if json:
        app.out_json([_value(one) for one in used])
        return 0
    for one in used:
        use = one.use
        where = use.location + (f"#{use.subdirectory}" if use.subdirectory else "")
        state = "" if use.kind == "path" else f" {one.pin or f'{use.revision} (not locked)'}"
        app.out(f"{use.name}: {where}{state}")
    if not used:
        app.err("stead: no modules are used here")
    return 0


def _value(one: Used) -> dict[str, object]:
    use, pin = one.use, one.pin
    return {
        "name": use.name,
        "kind": use.kind,
        "location": use.location,
        "revision": use.revision,
        "subdirectory": use.subdirectory,
        "where": str(use.origin),
        "commit": pin.commit if pin else None,
        "version": pin.version if pin else "",
        "integrity": pin.integrity if pin else "",
        "working": pin.working if pin else "",
    }
