"""``[package.NAME]``, ``[test]`` and what layers say of testing: tables to values."""

from __future__ import annotations

import os.path
from typing import TYPE_CHECKING, cast

from stead.formats._packages import Checks, leaves
from stead.formats._words import bare_or_quoted
from stead.values.names import BUILDER_PLUGINS, nearest
from stead.values.package import FORMATS, GoalPart, PackageDefinition, TestDefaults
from stead.values.patterns import regex
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.formats._grammar import LayerTable
    from stead.formats._grammar_matrix import PackageTable, TestTable
    from stead.values.package import Builder, Format

Path = tuple["str | int", ...]

# A brace behind a dollar is a shell's, one behind a backslash or another brace a brace.
_SUBSTITUTION = regex(r"(?<![\\${])\{([A-Za-z_][A-Za-z0-9_]*)([:}])")

_BUILT: tuple[Builder, ...] = ("sdist", "wheel", "conda", "command")
_ENDINGS: tuple[tuple[str, Format], ...] = (
    (".whl", "wheel"),
    (".tar.gz", "sdist"),
    (".conda", "conda"),
    (".tar.bz2", "conda"),
)
_ONLY: dict[str, tuple[Builder, ...]] = {
    "recipe": ("conda",),
    "command": ("command",),
    "outputs": ("command",),
    "format": ("command", "file", "release"),
    "distribution": ("release",),
    "python": _BUILT,
    "environment": _BUILT,
    "universal": ("wheel", "conda", "command"),
    "inputs": _BUILT,
    "pass_env": _BUILT,
    "path": _BUILT,
}
"""The builders that each key means something to."""


class MatrixReader(Checks):
    """Turns the tables of the test matrix into values."""

    def packages_made(self, tables: dict[str, PackageTable]) -> tuple[PackageDefinition, ...]:
        made = (self.package(name, table) for name, table in tables.items())
        return tuple(one for one in made if one is not None)

    def package(self, name: str, table: PackageTable) -> PackageDefinition | None:
        at = ("package", name)
        builder = self.builder(name, table, at)
        if builder is None:
            return None
        plugin = builder not in (*_BUILT, "file", "release")
        for key, builders in _ONLY.items():
            if getattr(table, key) and builder not in builders and not plugin:
                written = key.replace("_", "-")
                self.wrong(
                    f"{written} means nothing to a package whose builder is {builder}",
                    (*at, written),
                    f"remove {written}",
                )
        if table.python and table.environment:
            self.wrong(
                "python and environment exclude each other: an environment has its own Python",
                (*at, "environment"),
                "keep one of them",
            )
        if builder == "command" and not (table.command and table.outputs):
            missing = "outputs" if table.command else "command"
            self.wrong(f"a package built by a command needs {missing}", at, f"add {missing} = […]")
        for pattern_at, pattern in enumerate(table.outputs):
            if leaves(pattern):
                self.wrong(
                    f'outputs must lie in the project; "{pattern}" does not',
                    (*at, "outputs", pattern_at),
                )
        kind = self.format(builder, table, at)
        if kind is None:
            return None
        return PackageDefinition(
            name=name,
            builder=builder,
            format=kind,
            path=self.absolute(table.path or ".") if builder in _BUILT or plugin else "",
            recipe=self.absolute(table.recipe),
            command=table.command,
            outputs=table.outputs,
            file=self.absolute(table.file),
            version=table.version,
            distribution=table.distribution,
            python=table.python,
            environment=table.environment,
            match=self.expressions(table.match, (*at, "match")),
            universal=table.universal,
            inputs=tuple(map(self.absolute, table.inputs)),
            variables=table.pass_env,
            description=table.description,
            origin=self.where(*at),
        )

    def builder(self, name: str, table: PackageTable, at: Path) -> Builder | None:
        """Say how a package is come by, which one key decides."""
        said: dict[str, Builder] = {}
        if table.builder:
            said["builder"] = cast("Builder", table.builder)
            if table.builder not in _BUILT and not self.brought(table.builder, at):
                return None
        if table.file:
            said["file"] = "file"
        if table.version:
            said["version"] = "release"
        if len(said) > 1:
            first, second = [*said][:2]
            self.wrong(
                f"{first} and {second} exclude each other: a package is built, or is there",
                (*at, second),
                "keep one of them",
            )
            return None
        if said:
            return next(iter(said.values()))
        if table.command:
            return "command"
        if name in _BUILT:
            return name
        if table.recipe:
            return "conda"
        self.wrong(
            f"package.{bare_or_quoted(name)} does not say how it is built",
            at,
            'for example: builder = "wheel"',
        )
        return None

    def brought(self, builder: str, at: Path) -> bool:
        """Say whether a plugin brings a builder; where none does, that is a mistake."""
        from importlib.metadata import entry_points

        plugins = {point.name for point in entry_points(group=BUILDER_PLUGINS)}
        if builder in plugins:
            return True
        known = (*_BUILT, *sorted(plugins))
        like = nearest(builder, known)
        self.wrong(
            f"unknown builder {builder}",
            (*at, "builder"),
            f"did you mean {like}?" if like else f"write one of {', '.join(known)}",
        )
        return False

    def format(self, builder: Builder, table: PackageTable, at: Path) -> Format | None:
        """Say what kind of package it is: as stated, or as names of files show."""
        if builder in FORMATS:
            return builder
        names = (table.file,) if builder == "file" else table.outputs
        shown = {kind for name in names for end, kind in _ENDINGS if name.endswith(end)}
        if table.format:
            if shown and shown != {table.format}:
                self.wrong(
                    f"format is {table.format}, but the name of the file is that of a {min(shown)}",
                    (*at, "format"),
                    "remove format",
                )
            return table.format
        if builder == "release":
            return "wheel"
        if len(shown) == 1:
            return shown.pop()
        self.wrong(
            "the names of the files do not show what kind of package it is"
            if not shown
            else f"one definition makes one kind of package, not {' and '.join(sorted(shown))}",
            at,
            'for example: format = "wheel"' if not shown else "write a definition for each",
        )
        return None

    def absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.directory, path)) if path else ""

    # -- goals

    def goal(self, table: LayerTable, at: Path) -> GoalPart:
        """Read what a layer says of testing."""
        commands = tuple(
            self.command(words, (*at, "commands", number))
            for number, words in enumerate(table.commands)
        )
        if table.retries < 0:
            self.wrong("retries cannot be less than 0", (*at, "retries"))
        return GoalPart(
            commands=commands,
            directory=os.path.normpath(os.path.join(self.directory, table.cwd))
            if table.cwd
            else "",
            packages=self.taken(table),
            depends=self.expressions(table.depends, (*at, "depends")),
            labels=table.labels,
            resources=table.resources,
            timeout=self.timeout(table.timeout, (*at, "timeout")),
            retries=table.retries,
            kind=table.kind,
            origin=self.where(*at, "commands" if table.commands else "package"),
            depends_origin=self.where(*at, "depends"),
            packages_origin=self.where(*at, "package"),
        )

    def command(self, words: tuple[str, ...], at: Path) -> TestCommand:
        ignore, expect = words[:1] == ("-",), words[:1] == ("!",)
        arguments = words[1:] if ignore or expect else words
        if not arguments or not arguments[0].strip():
            self.wrong("a command names no program", at)
        if any("\0" in word for word in words):
            self.wrong("an argument holds a NUL character", at)
        for number, word in enumerate(words):
            self.substitutions(word, (*at, number))
        return TestCommand(arguments, ignore, expect, self.where(*at))

    def substitutions(self, word: str, at: Path) -> None:
        """Refuse what would be replaced if anybody knew by what."""
        if "{posargs}" in word or "{posargs:" in word:
            self.whole(word, at)
        for match in _SUBSTITUTION.finditer(word) if "{" in word else ():
            name = match[1]
            if name != "posargs" and (name != "jobs" or match[2] == ":"):
                like = nearest(name, ("posargs", "jobs"))
                self.wrong(
                    f"unknown substitution {{{name}}}",
                    at,
                    f"did you mean {{{like}}}?"
                    if like
                    else f"{{posargs}} and {{jobs}} are known; write \\{{{name}\\}} for the braces",
                )

    def whole(self, word: str, at: Path) -> None:
        """Check a word that holds ``{posargs}``, or ``{posargs:WORDS}``, and nothing else."""
        import shlex

        if word == "{posargs}":
            return
        if not word.endswith("}") or word.rfind("{posargs:") or "{posargs}" in word:
            self.wrong("{posargs} must be a word of its own", at, "write it as one")
            return
        try:
            shlex.split(word[len("{posargs:") : -1])
        except ValueError:
            self.wrong(f"a quote stays open in {word}", at, "close it")

    def taken(self, table: LayerTable) -> tuple[str, ...] | None:
        if table.package is None:
            return None
        if table.package is False:
            return ()
        return (table.package,) if isinstance(table.package, str) else tuple(table.package)

    def timeout(self, value: str | float, at: Path) -> float:
        if not isinstance(value, str):
            seconds = float(value)
        else:
            seconds = _seconds(value) or -1
        if seconds < 0:
            self.wrong(
                f'timeout must be a duration, not "{value}"', at, 'for example: timeout = "10min"'
            )
        return max(seconds, 0)

    def test(self, table: TestTable | None) -> TestDefaults | None:
        if table is None:
            return None
        from stead.values.factors import expand

        at = ("test", "environments")
        expressions = self.expressions(table.environments, at)
        return TestDefaults(expand("\n".join(expressions)), self.where(*at))

    def expressions(self, value: str | tuple[str, ...], at: Path) -> tuple[str, ...]:
        """Check factor expressions: one text, whose lines count too, or several."""
        from stead.values.factors import parse

        single = isinstance(value, str)
        kept: list[str] = []
        for number, text in enumerate((value,) if isinstance(value, str) else value):
            lines = [line.strip() for line in text.split("\n") if line.strip()]
            if all(parse(line) for line in lines):
                kept += lines
            else:
                self.wrong(
                    f'"{text}" is not a factor expression',
                    at if single else (*at, number),
                    "factors are letters, digits and dots; for example: py3{10-12}-linux,!conda",
                )
        return tuple(kept)


_UNITS = {"ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float | None:
    """Read a duration such as ``90s``, ``10min`` or ``1h30m``; None for what is none."""
    import re

    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|m|h|d)\s*", text)
    if not parts or "".join(n + u for n, u in parts) != re.sub(r"\s", "", text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
