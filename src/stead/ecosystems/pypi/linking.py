"""Linking wheels by their recipes: hard links into uv's cache, made here instead of by uv."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.ecosystems.groups import StaleError, link_group, tell
from stead.ecosystems.pypi import records
from stead.ecosystems.pypi.scripts import PLACEHOLDER, with_shebang

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stead.ecosystems.protocol import BuildTarget
    from stead.ecosystems.pypi.recipes import Recipe
    from stead.ecosystems.pypi.records import Installed

_MANY = 500
"""Files from which on a second thread is worth its start: the kernel does most of the work."""


class Linker:
    """Links wheels into one tree. All paths of recipes must differ."""

    def __init__(self, target: BuildTarget, site_packages: str, cache: str) -> None:
        """Prepare; ``cache`` is uv's."""
        self._target = target
        self._prefix = os.fspath(target.prefix)
        self._site = site_packages
        self._cache = cache
        self._made: list[str] = []

    def link(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        """Link what is still as it was; gives the recipes that were, and drops the others."""
        linked: list[Recipe] = []
        first, second = _halves(recipes)
        if second:
            from threading import Thread

            other = Thread(target=self._link_all, args=(second, linked))
            other.start()
            try:
                self._link_all(first, linked)
            finally:
                other.join()
        else:
            self._link_all(first, linked)
        if len(linked) < len(recipes):
            whole = {recipe.file for recipe in linked}
            for recipe in recipes:
                if recipe.file not in whole:
                    self._take_away(recipe)
            # uv would take an empty ``.dist-info`` for something installed.
            self._made = [p for p in sorted(self._made, reverse=True) if not self._was_empty(p)]
        self._tell(linked)
        return linked

    def _link_all(self, recipes: Iterable[Recipe], linked: list[Recipe]) -> None:
        known: set[str] = set()
        for recipe in recipes:
            try:
                self._make_directories(recipe, known)
                self._link_one(recipe)
            except (OSError, ValueError, TypeError, StaleError):
                continue  # it does not fit the cache, or makes no sense
            linked.append(recipe)

    def _make_directories(self, recipe: Recipe, known: set[str]) -> None:
        for path in recipe.directories:
            if path not in known:
                known.add(path)
                try:
                    os.mkdir(f"{self._prefix}/{path}")
                    self._made.append(path)
                except FileExistsError:
                    pass  # what is no directory shows when something is linked into it

    def _link_one(self, recipe: Recipe) -> None:
        for group in recipe.groups:
            link_group(group, f"{self._cache}/{recipe.archive}", self._prefix)
        self._write(recipe)

    def _write(self, recipe: Recipe) -> None:
        """Write what is not linked: scripts, and the record that lists them."""
        python = os.fsencode(os.path.join(os.fspath(self._target.final), "bin", "python"))
        changed: dict[str, bytes] = {}
        record = f"{self._site}/{recipe.info}/RECORD"
        last = None
        for path, mode, text in recipe.written:
            content = text.encode()
            if path == record:
                last = mode, text
                continue
            if content.startswith(b"#!"):
                content = with_shebang(content, {PLACEHOLDER}, os.fsdecode(python))
                changed[path] = content
            _new_file(f"{self._prefix}/{path}", mode, content)
        if last is not None:
            mode, text = last
            content = (records.updated(text, self._site, changed) if changed else text).encode()
            _new_file(f"{self._prefix}/{record}", mode, content)

    def _take_away(self, recipe: Recipe) -> None:
        for path in recipe.paths:
            try:
                os.unlink(f"{self._prefix}/{path}")
            except OSError:
                pass
        try:
            os.unlink(recipe.file)
        except OSError:
            pass

    def _was_empty(self, path: str) -> bool:
        """Remove a directory if nothing is in it; says whether it went."""
        try:
            os.rmdir(f"{self._prefix}/{path}")
        except OSError:
            return False
        return True

    def _tell(self, recipes: Sequence[Recipe]) -> None:
        survey = self._target.survey
        if survey is None:
            return
        # What is written, and what no record vouches for, is to be looked at.
        mixed = {os.path.dirname(path) for r in recipes for path in r.loose}
        mixed.update(os.path.dirname(w[0]) for r in recipes for w in r.written)
        linked = [(f"{self._site}/{r.info}/RECORD", r.groups, r.loose) for r in recipes]
        tell(survey, self._target.prefix, self._made, linked, mixed)


def installed(recipes: Iterable[Recipe], site_packages: str) -> list[Installed]:
    """Give what the wheels' records list, as `records.installed` does of what is linked."""
    found = []
    for recipe in recipes:
        record = f"{site_packages}/{recipe.info}/RECORD"
        text = next((text for path, _, text in recipe.written if path == record), "")
        found.append(records.parsed(recipe.info, text, site_packages))
    return found


def _halves(recipes: Sequence[Recipe]) -> tuple[list[Recipe], list[Recipe]]:
    counted = [(sum(len(g.names) for g in r.groups), r) for r in recipes]
    if sum(count for count, _ in counted) < _MANY or (os.cpu_count() or 1) < 2:
        return list(recipes), []
    halves: tuple[list[Recipe], list[Recipe]] = [], []
    sums = [0, 0]
    for count, recipe in sorted(counted, key=lambda c: -c[0]):
        lesser = 0 if sums[0] <= sums[1] else 1
        sums[lesser] += count
        halves[lesser].append(recipe)
    return halves


def _new_file(path: str, mode: int, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(fd, mode & 0o7777)
