"""Whole files of variables: JSON, YAML, TOML, INI, ``.env`` and Java's properties.

JSON, YAML and TOML hold typed values (a number stays one); the others hold the
text that a process gets. Names are sorted: the same table gives the same file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stead.config.render import embed
from stead.values.errors import ManifestError
from stead.values.patterns import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stead.values.kinds import RenderedFile

    DotenvWriter = Callable[[Iterable[tuple[str, str]]], str]
    """Writes a ``.env``; raises ManifestError that names what it cannot hold in its details."""

INI_SECTION = "DEFAULT"
"""Where values stand in an INI file whose section is not said: every reader wants one."""

_INI_NAME = regex(r"[^\s=:\[\];#%][^\s=:%]*\Z")
_INI_SECTION = regex(r"[^\]\[\x00-\x1f\x7f]+\Z")


def write(
    file: RenderedFile,
    values: Mapping[str, Any],
    texts: Mapping[str, str],
    dotenv_writer: DotenvWriter | None,
) -> str:
    """Write ``values`` in the file's format. Raises ManifestError naming all that do not fit."""
    names = sorted(values)
    return _WRITERS[file.format](_Job(file, names, values, texts, dotenv_writer))


class _Job:
    """One file being written, and what of it could not be."""

    def __init__(
        self,
        file: RenderedFile,
        names: Sequence[str],
        values: Mapping[str, Any],
        texts: Mapping[str, str],
        dotenv_writer: DotenvWriter | None,
    ) -> None:
        self.file = file
        self.names = names
        self.values = values
        self.texts = texts
        self.dotenv_writer = dotenv_writer
        self.wrong: list[tuple[str, str]] = []

    def typed(self, name: str, form: Callable[[Any], str]) -> str:
        return self._formed(name, plain(self.values[name], self.texts.get(name)), form)

    def text(self, name: str, form: Callable[[Any], str]) -> str:
        text = self.texts.get(name)
        return self._formed(name, self.values[name] if text is None else text, form)

    def _formed(self, name: str, value: Any, form: Callable[[Any], str]) -> str:
        try:
            return form(value)
        except embed.UnholdableError as exc:
            self.wrong.append((name, str(exc)))
            return ""

    def refuse(
        self, remedy: str = "leave the variable out, or write the file by a template"
    ) -> None:
        """Raise ManifestError if anything did not fit."""
        if not self.wrong:
            return
        where = self.file.origin if self.file.origin.file else None
        path = self.file.path
        if len(self.wrong) == 1:
            name, why = self.wrong[0]
            raise ManifestError(f"{path} cannot hold {name}: {why}", where=where, remedy=remedy)
        raise ManifestError(
            f"{path} cannot hold {len(self.wrong)} variables",
            where=where,
            details=[f"{name}: {why}" for name, why in self.wrong],
            remedy=remedy,
        )


def plain(value: Any, text: str | None) -> Any:
    """Give a value of the kinds that JSON has; the variable's text for any other."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item, None) for item in value]
    if isinstance(value, dict):
        return {key: plain(item, None) for key, item in value.items()}
    return str(value) if text is None else text


def _json(job: _Job) -> str:
    import json

    for name in job.names:
        job.typed(name, embed.json)
    job.refuse()
    data: Any = {name: plain(job.values[name], job.texts.get(name)) for name in job.names}
    for part in reversed(_sections(job)):
        data = {part: data}
    return json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _yaml(job: _Job) -> str:
    sections = _sections(job)
    lines = ["  " * depth + f"{embed.yaml(part)}:" for depth, part in enumerate(sections)]
    indent = "  " * len(sections)
    lines += [f"{indent}{embed.yaml(name)}: {job.typed(name, embed.yaml)}" for name in job.names]
    job.refuse()
    if not job.names:
        return "{}\n" if not lines else "\n".join(lines) + " {}\n"
    return "\n".join(lines) + "\n"


def _toml(job: _Job) -> str:
    sections = _sections(job)
    lines = [f"[{'.'.join(map(embed.toml_key, sections))}]"] if sections else []
    lines += [f"{embed.toml_key(name)} = {job.typed(name, embed.toml)}" for name in job.names]
    job.refuse()
    return "".join(f"{line}\n" for line in lines)


def _ini(job: _Job) -> str:
    section = job.file.section or INI_SECTION
    if not _INI_SECTION.match(section) or section != section.strip():
        raise _bad_section(job.file, "the name of an INI section holds no brackets or line ends")
    lines = [f"[{section}]"]
    seen: dict[str, str] = {}
    for name in job.names:
        if not _INI_NAME.match(name):
            job.wrong.append((name, "an INI file cannot hold the name"))
        elif seen.setdefault(name.lower(), name) != name:
            job.wrong.append((name, f"most readers take it for {seen[name.lower()]}"))
        value = job.text(name, embed.ini)
        lines.append(f"{name} = {value}" if value else f"{name} =")
    job.refuse()
    return "\n".join(lines) + "\n"


def _properties(job: _Job) -> str:
    prefix = f"{job.file.section}." if job.file.section else ""
    lines = [
        f"{embed.properties_key(prefix + name)}={job.text(name, embed.properties)}"
        for name in job.names
    ]
    job.refuse()
    return "".join(f"{line}\n" for line in lines)


def _env(job: _Job) -> str:
    if job.file.section:
        raise _bad_section(job.file, "a .env file has no sections")
    assert job.dotenv_writer is not None, "the caller gives the writer of .env files"
    texts = [(name, job.text(name, embed.text_of)) for name in job.names]
    job.refuse()
    try:
        return job.dotenv_writer(texts)
    except ManifestError as exc:
        raise ManifestError(
            f"{job.file.path}: {exc.message}",
            where=job.file.origin if job.file.origin.file else exc.where,
            details=exc.details,
            remedy=exc.remedy,
        ) from exc


def _sections(job: _Job) -> list[str]:
    """Split ``a.b`` into the tables that values stand in."""
    if not job.file.section:
        return []
    parts = job.file.section.split(".")
    if not all(part and part == part.strip() for part in parts):
        raise _bad_section(job.file, "the parts between its dots are names")
    return parts


def _bad_section(file: RenderedFile, why: str) -> ManifestError:
    return ManifestError(
        f"{file.path} cannot have the section {file.section!r}: {why}",
        where=file.origin if file.origin.file else None,
        remedy="change or remove `section`",
    )


_WRITERS: dict[str, Callable[[_Job], str]] = {
    "json": _json,
    "yaml": _yaml,
    "toml": _toml,
    "ini": _ini,
    "env": _env,
    "properties": _properties,
}
