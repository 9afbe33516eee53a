"""Conda packages: built from a recipe, or made of a wheel, by rattler-build.

What is made of a wheel holds its files and asks for what it asks for, under the names
that it has on the index. It is for every platform if the wheel is, and if none of its
requirements depends on where it is installed; else for one platform and one Python.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import zipfile
from typing import TYPE_CHECKING, Any

from stead.matrix import building, carry
from stead.matrix.output import Said
from stead.store.atomic import storage
from stead.values.errors import ArtifactError, SteadError
from stead.values.names import normalize_pypi

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.matrix.building import Order
    from stead.values.context import Context
    from stead.values.suite import Product


def build(order: Order, work: str, base: Product | None) -> str:
    """Build a conda package; gives its path. Raises ArtifactError, SteadError."""
    asked: dict[str, Any] = {
        "do": "build",
        "out": os.path.join(work, "out"),
        "channels": channels(order),
        "variants": {},
    }
    if order.definition.recipe:
        tree = building.copy(order, work)
        asked["recipe"] = _recipe(order, tree)
        asked["variants"] = {"python": [f"{order.interpreter.minor}.*"]}
    else:
        assert base is not None
        asked["given"] = _of_wheel(order, base, work)
    said = Said(order.log)
    variables = {
        **building.environment(order, ""),
        "PATH": order.context.environ.get("PATH", os.defpath),
        "RATTLER_CACHE_DIR": os.path.join(order.context.home, "packages", "rattler-build"),
    }
    answer = process(asked, work, order.context, environ=variables, log=said.line)
    if "failed" in answer:
        raise building.failed(order, str(answer["failed"]), said)
    made = [str(path) for path in answer["made"]]
    if len(made) != 1:
        names = ", ".join(os.path.basename(path) for path in made) or "none"
        raise building.failed(order, f"one package is to come of it, not {names}", said)
    return made[0]


def unpacked(path: str, work: str, context: Context) -> str:
    """Unpack a conda package into ``work``; gives where. Raises ArtifactError."""
    target = os.path.join(work, "package")
    answer = process({"do": "unpack", "path": path, "to": target}, work, context)
    if "failed" in answer:
        raise ArtifactError(
            f"this is no conda package: {answer['failed']}", where=path, remedy="build it anew"
        )
    return target


def index(channel: str, work: str, context: Context) -> None:
    """Write the index of a channel that is a directory. Raises SteadError."""
    answer = process({"do": "index", "channel": channel}, work, context)
    if "failed" in answer:
        raise SteadError(f"the channel cannot be indexed: {answer['failed']}", where=channel)


def channels(order: Order) -> list[str]:
    """Give the addresses of the channels that a definition's build takes packages from."""
    from stead.ecosystems.conda.channels import locate

    return [channel.url for channel in locate(order.definition.channels, order.sources.root)]


def process(
    asked: dict[str, Any],
    work: str,
    context: Context,
    *,
    environ: dict[str, str] | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Have a process of its own do something with conda packages; gives its answer.

    Raises SteadError where it cannot be done here at all.
    """
    request, answer = (os.path.join(work, f"conda-{name}.json") for name in ("request", "answer"))
    with storage(request), open(request, "w", encoding="utf-8") as file:
        json.dump({**asked, "answer": answer}, file)
    done = context.run(
        [sys.executable, "-I", "-m", "stead.matrix.conda_process", request],
        cwd=work,
        env=environ,
        on_line=log,
    )
    try:
        with open(answer, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        os.unlink(answer)
    except (OSError, ValueError):
        found = {"failed": f"its process ended with {done.returncode}"}
    if "missing" in found:
        raise SteadError(
            f"conda packages cannot be built here: {found['missing']}",
            remedy="install Stead with what builds them: stead[conda-build]",
        )
    return found


def _recipe(order: Order, tree: str) -> str:
    """Give the recipe in the copy of the project; one that lies outside, where it lies."""
    inner = os.path.relpath(order.definition.recipe, order.sources.root)
    recipe = order.definition.recipe
    if not inner.startswith(os.pardir) and os.path.exists(os.path.join(tree, inner)):
        recipe = os.path.join(tree, inner)
    return os.path.join(recipe, "recipe.yaml") if os.path.isdir(recipe) else recipe


# -- of a wheel


def _of_wheel(order: Order, wheel: Product, work: str) -> dict[str, Any]:
    """Write the recipe of a package that holds a wheel's files."""
    tree = os.path.join(work, "wheel")
    entries, metadata = _unzipped(wheel, tree)
    depends, everywhere = _depends(wheel, order.interpreter.version)
    noarch = everywhere and "py3-none-any" in wheel.tags
    minor = order.interpreter.minor
    site = "site-packages" if noarch else f"lib/python{minor}/site-packages"
    python = f"python {wheel.requires_python}".strip()
    if not noarch:
        major, _, number = minor.partition(".")
        python = f"python >={minor},<{major}.{int(number) + 1}.0a0"
    files = os.path.join(work, "files")
    _placed(tree, files, site)
    if not noarch:
        _scripts(files, entries)
    _carried(order, wheel, files)
    build: dict[str, Any] = {
        "number": 0,
        "script": [f'set -e; cp -R {shlex.quote(files)}/. "$PREFIX/"; {_WITH_PREFIX}'],
    }
    if noarch:
        build |= {"noarch": "python", "python": {"entry_points": entries}}
    return {
        "package": {"name": wheel.name, "version": wheel.version.replace("-", "_")},
        "build": build,
        "requirements": {"run": [python, *depends]},
        "about": {name: value for name, value in metadata.items() if value},
    }


_MARK = "@STEAD_PREFIX@"
_WITH_PREFIX = (
    f'if [ -d "$PREFIX/bin" ]; then for f in "$PREFIX"/bin/*; do '
    f'if head -n 1 "$f" | grep -q "^#!{_MARK}"; then '
    f'sed -i.stead-old "1s|{_MARK}|$PREFIX|" "$f"; rm -f "$f.stead-old"; fi; done; fi'
)
"""Scripts name the prefix that rattler-build then replaces by that of an environment."""


def _unzipped(wheel: Product, tree: str) -> tuple[list[str], dict[str, str]]:
    """Unpack a wheel; gives its console entry points, and what its metadata says about it."""
    import configparser
    from email.parser import HeaderParser

    with zipfile.ZipFile(wheel.path) as archive:
        archive.extractall(tree)
        for info in archive.infolist():
            if info.external_attr >> 16 & 0o100:
                os.chmod(os.path.join(tree, info.filename), 0o755)  # noqa: S103 - a program
        names = archive.namelist()
        points = next((n for n in names if n.endswith(".dist-info/entry_points.txt")), "")
        about = next(n for n in names if n.endswith(".dist-info/METADATA"))
        message = HeaderParser().parsestr(archive.read(about).decode("utf-8", "replace"))
        text = archive.read(points).decode("utf-8", "replace") if points else ""
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        raise ArtifactError(
            f"entry_points.txt cannot be read: {exc}",
            where=wheel.path,
            remedy="correct the project's scripts",
        ) from exc
    found = [
        f"{name} = {target.partition('[')[0].strip()}"
        for section in ("console_scripts", "gui_scripts")
        if parser.has_section(section)
        for name, target in parser.items(section)
    ]
    license_ = str(message.get("License-Expression") or "").strip()
    # In a recipe, this would begin an expression.
    summary = str(message.get("Summary") or "").strip().replace("${{", "$ {{")
    return found, {"summary": summary, "license": license_}


def _placed(tree: str, files: str, site: str) -> None:
    """Put a wheel's unpacked files where an installer would put them in a prefix."""
    import shutil

    for name in sorted(os.listdir(tree)):
        if not name.endswith(".data"):
            _merged(os.path.join(tree, name), os.path.join(files, site, name))
            continue
        for kind in sorted(os.listdir(os.path.join(tree, name))):
            where = {"purelib": site, "platlib": site, "scripts": "bin", "data": ""}.get(kind)
            if where is None:
                raise ArtifactError(
                    f"a wheel's {kind} cannot be put into a conda package",
                    where=os.path.join(name, kind),
                    remedy="write a recipe, and name it in the definition (recipe)",
                )
            inner = os.path.join(tree, name, kind)
            for entry in sorted(os.listdir(inner)):
                _merged(os.path.join(inner, entry), os.path.join(files, where, entry))
    bin_ = os.path.join(files, "bin")
    for entry in sorted(os.listdir(bin_)) if os.path.isdir(bin_) else ():
        path = os.path.join(bin_, entry)
        with open(path, "rb") as file:
            content = file.read()
        if content.startswith((b"#!python", b"#!pythonw")):
            _, _, rest = content.partition(b"\n")
            content = f"#!{_MARK}/bin/python\n".encode() + rest
            with open(path, "wb") as file:
                file.write(content)
        os.chmod(path, 0o755)  # noqa: S103 - a program
    shutil.rmtree(tree, ignore_errors=True)


def _merged(source: str, target: str) -> None:
    import shutil

    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
    else:
        shutil.copy2(source, target)


def _scripts(files: str, entries: list[str]) -> None:
    """Write the programs of a package that is for one Python."""
    for entry in entries:
        name, _, target = entry.partition(" = ")
        module, _, function = target.partition(":")
        path = os.path.join(files, "bin", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        top = function.partition(".")[0]
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                f"#!{_MARK}/bin/python\nimport sys\n\nfrom {module} import {top}\n\n"
                f"sys.exit({function}())\n"
            )
        os.chmod(path, 0o755)  # noqa: S103 - a program


def _carried(order: Order, wheel: Product, files: str) -> None:
    """Add what the package carries of its project's configuration."""
    names = [
        os.path.relpath(os.path.join(parent, name), files).replace(os.sep, "/")
        for parent, _, inner in os.walk(files)
        for name in inner
    ]
    more = carry.conda_files(wheel.name, order.sources.root, names, in_wheel=True)
    for name, content in more.items():
        path = os.path.join(files, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def _depends(wheel: Product, python: str) -> tuple[list[str], bool]:
    """Turn a wheel's requirements into conda's; says whether they are the same everywhere.

    Raises ArtifactError for one that conda cannot have.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    from stead.matrix.resolution import here

    environment = here().marker_environment(python)
    found: list[str] = []
    everywhere = True
    for text in wheel.requires:
        try:
            need = Requirement(text)
        except InvalidRequirement as exc:
            raise ArtifactError(
                f"{text!r} is no requirement", where=wheel.path, remedy="correct the project"
            ) from exc
        if need.marker is not None:
            if not need.marker.evaluate(dict(environment)):
                everywhere = everywhere and "extra" in str(need.marker)
                continue
            everywhere = False
        if need.url:
            raise ArtifactError(
                f"a conda package cannot ask for {text}",
                where=wheel.path,
                remedy="ask for a version, or write a recipe (recipe)",
            )
        specs = ",".join(sorted(str(s).replace("===", "==") for s in need.specifier))
        found.append(f"{normalize_pypi(need.name)} {specs}".strip())
    return found, everywhere
