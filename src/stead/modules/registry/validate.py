"""Everything that is wrong with a registry, said before anybody takes an item of it."""

from __future__ import annotations

import ast
import json
import keyword
import os
import sys
import tomllib
from typing import TYPE_CHECKING

from stead.formats import item as item_file
from stead.modules.options import settled
from stead.modules.registry.built import is_built
from stead.modules.registry.directory import PASSED_OVER, contents, description
from stead.modules.registry.safe import Intake
from stead.modules.render import written
from stead.values.errors import RegistryError, SteadError
from stead.values.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stead.values.item import Answer, Item, ItemFile, Option

BOOK = "book"
_SAMPLES: dict[str, Answer] = {"str": "example", "int": 1, "float": 1.5, "bool": True}
_OWN = {"stead-registry.toml", BOOK, "archives"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    where: str
    """``FILE:LINE``, or a file."""
    message: str
    remedy: str = ""
    warning: bool = False
    """Whether the item can be used nevertheless: it only looks other than those of Stead's."""

    def __str__(self) -> str:
        sign = "warning: " if self.warning else ""
        return f"{self.where}: {sign}{self.message}" + (f" → {self.remedy}" if self.remedy else "")


def validate(directory: str) -> tuple[tuple[str, ...], tuple[Mistake, ...]]:
    """Give the items of a registry's directory, and all that is wrong with them.

    Raises RegistryError where there is no registry.
    """
    names = _names(directory)
    items: dict[str, Item] = {}
    wrong: list[Mistake] = []
    for name in names:
        at = os.path.join(directory, name)
        try:
            item = item_file.complete(description(at), contents(at))
        except SteadError as exc:
            wrong += _of_error(exc, at)
            continue
        items[name] = item
        wrong += _about(item, at)
    for item in items.values():
        wrong += _needs(item, items, names)
    wrong += _book(directory, items, names)
    return tuple(names), tuple(wrong)


def _names(directory: str) -> list[str]:
    if is_built(directory):
        raise RegistryError(
            "this is a built registry: what it was built from is to be looked at",
            where=directory,
            remedy="name the directory of its items, each with a stead-item.toml",
        )
    try:
        there = sorted(os.listdir(directory))
    except OSError as exc:
        raise RegistryError(
            f"this registry cannot be read: {exc.strerror}",
            where=directory,
            remedy="correct the path",
        ) from exc
    names = [
        n
        for n in there
        if n not in PASSED_OVER and n not in _OWN and not n.startswith(".")
        if os.path.isdir(os.path.join(directory, n))
    ]
    if not names:
        raise RegistryError(
            "this directory has no items",
            where=directory,
            remedy="each lies in a directory of its name: NAME/stead-item.toml and NAME/files/",
        )
    return names


def _of_error(exc: SteadError, at: str) -> Iterator[Mistake]:
    """Give the mistakes of one error, which may tell of several."""
    where = str(exc.where or at)
    several = [d for d in exc.details if " → " in d or d.startswith(where.rpartition(":")[0])]
    if not several:
        yield Mistake(where, " ".join((exc.message, *exc.details)), exc.remedy)
    for line in several:
        place, _, rest = line.partition(": ")
        message, _, remedy = rest.partition(" → ")
        yield Mistake(place, message, remedy)


def _about(item: Item, at: str) -> Iterator[Mistake]:
    """Give what is wrong with one item by itself."""
    file = os.path.join(at, item_file.NAME)
    yield from _name(item, file)
    yield from _layout(item, at)
    yield from _options(item, file)
    seen: set[str] = set()
    for choice in _choices(item):
        try:
            made = written(item, settled(item, choice))
        except SteadError as exc:
            text = ", ".join(f"{k} = {v}" for k, v in choice.items())
            line = str(exc.where or "").rpartition(", line ")[2]
            path = str(exc.where or "").partition(" of ")[0]
            place = os.path.join(at, item_file.FILES, path) + (f":{line}" * line.isdigit())
            message = exc.message + (f" (with {text})" if text else "")
            if message not in seen:
                seen.add(message)
                yield Mistake(place, message, "mend the template, or take it out of render")
            continue
        for mistake in _readable(made, at):
            if str(mistake) not in seen:
                seen.add(str(mistake))
                yield mistake


def _choices(item: Item) -> Iterator[dict[str, Answer]]:
    """Give the answers to render with: the defaults, then each choice of each option."""
    base = {o.name: _usual(o) for o in item.options}
    yield base
    for option in item.options:
        others: Iterable[Answer] = option.choices
        if option.type == "bool":
            others = (True, False)
        for answer in others:
            if answer != base[option.name]:
                yield {**base, option.name: answer}


def _usual(option: Option) -> Answer:
    if option.default is not None:
        return option.default
    return option.choices[0] if option.choices else _SAMPLES[option.type]


def _name(item: Item, file: str) -> Iterator[Mistake]:
    name = item.name.replace("-", "_")
    if item.language == "python" and (name in sys.stdlib_module_names or keyword.iskeyword(name)):
        yield Mistake(file, f"{name} is Python's own name", "choose another one")
    try:
        Intake(file).check(item.name)
    except RegistryError as exc:
        yield Mistake(file, exc.message, "choose another name")


def _layout(item: Item, at: str) -> Iterator[Mistake]:
    """Miss what every module of its language has."""
    paths = {f.path for f in item.files}
    if not paths:
        yield Mistake(at, f"{item.name} has no files", f"they lie in {item_file.FILES}/")
        return
    name = item.name.replace("-", "_")
    needed = ["README.md"]
    if item.language == "python" and item.kind == "app":
        needed += ["pyproject.toml", "main.py", f"Dockerfile.{item.name}"]
        needed += [f"src/{name}/{part}.py" for part in ("__init__", "main", "cli", "utils")]
    for path in needed:
        if path not in paths:
            yield Mistake(
                os.path.join(at, item_file.FILES), f"there is no {path}", "write it", warning=True
            )
    if item.kind == "app" and not any(p.startswith("tests/") or "test" in p for p in paths):
        yield Mistake(
            os.path.join(at, item_file.FILES),
            "there are no tests",
            "they are its interface",
            warning=True,
        )
    if item.language != "python" and item.kind == "app" and not item.commands.test:
        file = os.path.join(at, item_file.NAME)
        yield Mistake(
            file, "nothing says how it is tested", "give it [commands] test", warning=True
        )


def _options(item: Item, file: str) -> Iterator[Mistake]:
    """Miss the use of each option."""
    used = _undeclared(item)
    for option in item.options:
        if option.name.replace("-", "_") not in used:
            line = option.origin.line or 0
            yield Mistake(
                f"{file}:{line}" if line else file,
                f"no template uses the option {option.name}",
                "take it out, or name the file that uses it in render",
            )


def _undeclared(item: Item) -> set[str]:
    from jinja2 import Environment, TemplateSyntaxError, meta

    found: set[str] = set()
    parser = Environment(autoescape=False)  # noqa: S701 (only parsed)
    for file in item.files:
        if file.rendered:
            try:
                found |= meta.find_undeclared_variables(parser.parse(file.content.decode()))
            except (TemplateSyntaxError, UnicodeDecodeError):
                continue  # said when it is rendered
    return found


def _readable(made: Iterable[ItemFile], at: str) -> Iterator[Mistake]:
    """Give what cannot be read of the files as they land."""
    for file in made:
        where = os.path.join(at, item_file.FILES, *file.path.split("/"))
        try:
            if file.path.endswith(".py"):
                ast.parse(file.content, file.path)
            elif file.path.endswith(".toml"):
                tomllib.loads(file.content.decode("utf-8"))
            elif file.path.endswith(".json"):
                data = json.loads(file.content)
                if os.path.basename(file.path) == "package-lock.json":
                    yield from _addresses(data, where)
        except SyntaxError as exc:
            yield Mistake(f"{where}:{exc.lineno or 1}", f"this is not Python: {exc.msg}", "mend it")
        except ValueError as exc:
            yield Mistake(where, f"this cannot be read: {exc}", "mend it")


def _addresses(lock: object, where: str) -> Iterator[Mistake]:
    packages = lock.get("packages", {}) if isinstance(lock, dict) else {}
    for name, entry in packages.items() if isinstance(packages, dict) else ():
        if isinstance(entry, dict) and "://" in str(entry.get("resolved", "")):
            yield Mistake(
                where,
                f"{name} has the address of a registry",
                "write the lock with `npm install --omit-lockfile-registry-resolved`",
            )
            return


def _book(directory: str, items: dict[str, Item], names: list[str]) -> Iterator[Mistake]:
    """Give what is wrong with the pages of the registry's own book."""
    from stead.formats import book_page
    from stead.modules.book import texts

    for name, file, text in texts(os.path.join(directory, BOOK)):
        try:
            page = book_page.read(text, file, name)
        except SteadError as exc:
            yield from _of_error(exc, file)
            continue
        for wanted in page.modules:
            if wanted.registry or wanted.name not in items:
                if not wanted.registry and wanted.name not in names:
                    where = str(wanted.origin)
                    yield Mistake(
                        where, f"there is no item {wanted.name} here", "name its registry"
                    )
                continue
            try:
                settled(items[wanted.name], dict(wanted.options))
            except SteadError as exc:
                yield Mistake(str(wanted.origin), exc.message, exc.remedy)


def _needs(item: Item, items: dict[str, Item], names: list[str]) -> Iterator[Mistake]:
    for need in item.needs:
        if need.registry:
            continue  # another's to say
        where, held = str(need.origin), items.get(need.name)
        if held is None:
            if need.name not in names:
                yield Mistake(where, f"there is no item {need.name} here", "name its registry")
        elif held.version != need.version:
            yield Mistake(
                where,
                f"{need.name} is {held.version} here, not {need.version}",
                "pin what there is",
            )
        elif held.integrity != need.integrity:
            yield Mistake(
                where,
                f"{need.name} {need.version} is {held.integrity} here, not {need.integrity}",
                "pin what there is",
            )
