"""Files made from the table: by a template, or written in a format.

A file of the table's values says the same as a process's environment, because
both are made from the same values. Nothing here reads or writes a file: texts
come in, text goes out.
"""

from __future__ import annotations

import os.path
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from stead.values.errors import ManifestError
from stead.values.frozen import replace
from stead.values.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from stead.values.kinds import RenderedFile

    Format = Literal["json", "yaml", "toml", "ini", "env", "properties"]

__all__ = ["format_of", "included", "render", "used"]

_SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".ini": "ini",
    ".cfg": "ini",
    ".env": "env",
    ".properties": "properties",
}


def render(
    file: RenderedFile,
    template_text: str | None,
    variables: Mapping[str, Any],
    paths: Mapping[str, str],
    texts: Mapping[str, str],
    *,
    declared: Collection[str] | None = None,
    known: Collection[str] = (),
    load: Callable[[str], str | None] | None = None,
    dotenv_writer: Callable[[Iterable[tuple[str, str]]], str] | None = None,
) -> str:
    """Give the content of a file.

    ``variables`` are typed values by name, ``texts`` the same as a process gets
    them, ``paths`` the project's locations. ``declared`` are the names that a file
    holds whose own ``names`` are not said (all, if None); ``known`` all names of
    the table, also those without a value. ``load`` gives the text of a template
    by its name relative to the main one's directory, None where there is none;
    ``dotenv_writer`` writes a ``.env`` of pairs (``formats.dotenv.write``).

    Raises ManifestError: with template and line for each name that is unknown,
    or naming each variable that the format cannot hold. It shows no value.
    """
    if file.template:
        from stead.config.render import templates

        if template_text is None:
            raise ManifestError(
                f"the template of {file.path} is not there: {file.template}",
                where=file.origin if file.origin.file else None,
                remedy="write it, or correct the name",
            )
        return templates.render(
            file, template_text, variables, paths, texts, load=load, known=known
        )
    from stead.config.render import writers

    chosen = _chosen(file, variables, declared, known)
    values = {name: variables[name] for name in chosen}
    given = replace(file, format=format_of(file))
    return writers.write(given, values, texts, dotenv_writer)


def used(
    file: RenderedFile,
    template_text: str | None,
    known_names: Collection[str],
    *,
    declared: Collection[str] | None = None,
    load: Callable[[str], str | None] | None = None,
) -> frozenset[str]:
    """Name the variables that may be in a file: what reaches it, and whether a secret does.

    Where that cannot be said (``vars`` as a whole, a template that is not there or
    cannot be read) it is all of ``known_names``. Raises nothing.
    """
    if not file.template:
        if not file.names:
            return frozenset(known_names if declared is None else declared) & set(known_names)
        return frozenset(n for n in known_names if any(fnmatchcase(n, p) for p in file.names))
    if template_text is None:
        return frozenset(known_names)
    from stead.config.render import templates

    return templates.used(file, template_text, known_names, load=load)


def included(
    file: RenderedFile,
    template_text: str | None,
    *,
    load: Callable[[str], str | None] | None = None,
) -> tuple[str, ...]:
    """Name the other templates that a file's template takes in, for freshness and trust.

    Relative to the template's directory, with ``/``. Raises nothing.
    """
    if not file.template or template_text is None:
        return ()
    from stead.config.render import templates

    return templates.included(file, template_text, load=load)


def format_of(file: RenderedFile) -> Format:
    """Give the format of a file without a template: as said, else as its name ends.

    Raises ManifestError where neither tells.
    """
    if file.format:
        return file.format
    name = os.path.basename(file.path)
    if name == ".env" or name.startswith(".env."):
        return "env"
    found = _SUFFIXES.get(os.path.splitext(name)[1].lower())
    if found is None:
        raise ManifestError(
            f"the format of {file.path} does not show in its name, and no template is named",
            where=file.origin if file.origin.file else None,
            remedy=f"add `format`, one of {', '.join(sorted(set(_SUFFIXES.values())))}",
        )
    return found


def _chosen(
    file: RenderedFile,
    variables: Mapping[str, Any],
    declared: Collection[str] | None,
    known: Collection[str],
) -> list[str]:
    """Name the variables that a file holds."""
    if not file.names:
        return [n for n in variables if declared is None or n in declared]
    every = {*variables, *known}
    missing = [n for n in file.names if not set("*?[") & set(n) and n not in every]
    if missing:
        like = [nearest(name, every) for name in missing]
        remedy = f"did you mean {like[0]}?" if like[0] else f"define {missing[0]} under [vars]"
        raise ManifestError(
            f"{file.path} is to hold {' and '.join(missing)}, which is not known"
            if len(missing) == 1
            else f"{file.path} is to hold names that are not known: {', '.join(missing)}",
            where=file.origin if file.origin.file else None,
            remedy=remedy,
        )
    return [n for n in variables if any(fnmatchcase(n, p) for p in file.names)]
