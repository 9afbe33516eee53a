"""Calls the hooks of a build back end; a program for the interpreter that builds.

It runs under every version that packages are built for, so it imports nothing of Stead
and is written for Python 3.6. ``argv[1]`` names a file of JSON that says what to do, and
the answer goes to the file that it names. What a back end prints goes to standard error.
"""

import importlib
import json
import os
import sys
import traceback


def main(path):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Read the request, call the hooks, write the answer."""
    with open(path, encoding="utf-8") as file:
        asked = json.load(file)
    os.dup2(2, 1)
    sys.path[0:1] = asked["path"]
    sys.argv = ["-c"]
    try:
        answer = call(asked)  # type: ignore[no-untyped-call]
    except MissingError as exc:
        answer = {"missing": str(exc)}
        traceback.print_exc()
    except SystemExit as exc:
        answer = {"failed": "it ended with " + repr(exc.code)}
    except BaseException as exc:  # noqa: BLE001 - whatever it raises is to be told
        answer = {"failed": type(exc).__name__ + ": " + str(exc)}
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    with open(asked["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


class MissingError(Exception):
    """The back end cannot be imported, or lacks what is asked of it."""


def call(asked):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Ask for further requirements, then build; answer the first if they are not there yet."""
    backend = load(asked["backend"], asked["path"])  # type: ignore[no-untyped-call]
    what = asked["hook"]
    settings = asked["settings"]
    asks = "get_requires_for_build_" + asked["kind"]
    needs = getattr(backend, asks, None)
    if needs is not None and asked["provided"] is not None:
        wanted = list(needs(settings.get(asks)))
        if not set(wanted) <= set(asked["provided"]):
            return {"requires": sorted(wanted)}
    hook = getattr(backend, what, None)
    if hook is None:
        if not asked["optional"]:
            raise MissingError(asked["backend"] + " has no hook " + what)
        return {"absent": what}
    return {"made": str(hook(asked["out"], settings.get(what)))}


def load(name, path):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Import a back end as its specification says: ``module:object``, from ``path`` if it is given."""
    module, _, inner = name.partition(":")
    try:
        backend = importlib.import_module(module)
    except ImportError as exc:
        raise MissingError(str(exc)) from exc
    if path:
        where = os.path.realpath(getattr(backend, "__file__", "") or "")
        if not any(where.startswith(os.path.realpath(p) + os.sep) for p in path):
            raise MissingError(module + " was not found in backend-path, but at " + where)
    for part in inner.split(".") if inner else ():
        try:
            backend = getattr(backend, part)
        except AttributeError as exc:
            raise MissingError(str(exc)) from exc
    return backend


if __name__ == "__main__":
    main(sys.argv[1])  # type: ignore[no-untyped-call]
