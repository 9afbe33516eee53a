"""Version requests as people write them, made into their ecosystem's own language.

Common forms are recognised by regular expressions; what is unusual goes to
``packaging``, which costs its import only then.
"""

from __future__ import annotations

import functools
import re

# A regular expression is compiled when it is first needed: together they would
# take 5 ms of every start.
_cached = functools.cache(re.compile)

_VERSION = r"v?[0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc|\.dev|\.post)[0-9]+)*(?:\+[a-z0-9.]+)?"
_CLAUSE = rf"(?:(?:>=|<=|>|<|~=|==|!=)\s*{_VERSION}|(?:==|!=)\s*{_VERSION}\.\*)"
_CARET = r"([\^~])\s*([0-9]+(?:\.[0-9]+)*)\s*"
_TURNED = r"=\s*([<>!~])([^=<>!~,]+)"
_FULL = r"[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:(?:a|b|rc)[0-9]+)?"
_MINOR = r"([0-9]+(?:\.[0-9]+)?)(?:\.\*)?"

_NAMES = (
    "python_version|python_full_version|sys_platform|platform_system|platform_machine|os_name"
    "|implementation_name|implementation_version|platform_python_implementation"
    "|platform_release|platform_version"
)
_TERM = rf"""\s*(?:{_NAMES})\s*(?:==|!=|>=|<=|>|<|in|not\s+in)\s*(?:'[^'"]*'|"[^'"]*")\s*"""

_CONDA_ATOM = r"(?:==|!=|>=|<=|>|<|~=|=)?\s*(?:[0-9]+!)?[A-Za-z0-9][A-Za-z0-9._+!-]*\*?|\*"
_CONDA_BARE = r"[0-9][A-Za-z0-9._+!-]*"
_BUILD = r"[A-Za-z0-9_.*+-]+"


def _full(pattern: str, text: str) -> re.Match[str] | None:
    return _cached(pattern).fullmatch(text)


class SpecError(ValueError):
    """A request that its ecosystem does not understand."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message)


def pypi(text: str) -> str:
    """Give PEP 440 specifiers: ``2.1`` is ``==2.1``, ``*`` is nothing.

    Raises :class:`SpecError`.
    """
    text = text.strip()
    if text in ("", "*"):
        return ""
    clauses = [clause.strip() for clause in text.split(",")]
    if all(_full(_CLAUSE, clause) for clause in clauses):
        return ",".join("".join(clause.split()) for clause in clauses)
    if _full(rf"{_VERSION}(?:\.\*)?", text):
        return f"=={text}"
    _refuse_foreign(text)
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier as exc:
        raise SpecError(
            f'"{text}" is no request for versions', 'for example ">=2,<3", "==2.1" or "*"'
        ) from exc
    return ",".join("".join(clause.split()) for clause in clauses if clause)


def python(text: str) -> str:
    """Give PEP 440 specifiers for an interpreter: ``3.12`` is ``==3.12.*``.

    A ``t`` at the end asks for the free-threaded build and stays: ``3.13t`` is
    ``==3.13.*t``. Raises :class:`SpecError`.
    """
    text = text.strip()
    if found := _full(rf"(?:{_MINOR}|(?:==)?({_FULL}(?:\.\*)?))t", text):
        return f"=={found[1]}.*t" if found[1] else f"=={found[2]}t"
    if found := _full(_MINOR, text):
        return f"=={found[1]}.*"
    if text == "":
        raise SpecError("no version is named", 'for example "3.12", or "*" for any')
    return pypi(text)


def _refuse_foreign(text: str) -> None:
    if found := _full(_CARET, text):
        sign, version = found.groups()
        numbers = [int(n) for n in version.split(".")]
        if sign == "~":
            keep = numbers[:2] if len(numbers) > 1 else numbers[:1]
        else:
            first = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
            keep = numbers[: first + 1]
        keep = [*keep[:-1], keep[-1] + 1]
        below = ".".join(str(n) for n in keep)
        raise SpecError(
            f'"{text}" is not a PEP 440 request',
            f'write ">={version},<{below}", which means the same',
        )
    if ";" in text:
        before, _, after = text.partition(";")
        raise SpecError(
            "a marker does not stand in the version",
            f'write {{ version = "{before.strip()}", marker = "{after.strip()}" }}',
        )
    if "@" in text or "://" in text:
        raise SpecError(
            f'"{text}" is an address, not a version',
            'write { url = "…" }, { git = "…" } or { path = "…" }',
        )
    if found := _full(_TURNED, text):
        raise SpecError(
            f'"{text}" is not a PEP 440 request', f'write "{found[1]}={found[2].strip()}"'
        )
    if text.startswith("=") and not text.startswith("=="):
        raise SpecError(f'"{text}" is not a PEP 440 request', f'write "={text}"')


def marker(text: str) -> str:
    """Check a PEP 508 marker. Raises :class:`SpecError`."""
    text = text.strip()
    if not text or _full(rf"{_TERM}(?:(?:and|or){_TERM})*", text):
        return text
    from packaging.markers import InvalidMarker, Marker

    try:
        Marker(text)
    except InvalidMarker as exc:
        raise SpecError(
            f'"{text}" is no marker', "for example: marker = \"python_version < '3.12'\""
        ) from exc
    return text


def conda(text: str) -> str:
    """Give the part of a MatchSpec after the name: ``3.12`` is ``3.12.*``, ``*`` is nothing.

    A build may follow after a space. Raises :class:`SpecError`.
    """
    text = text.strip()
    if text in ("", "*"):
        return ""
    version, build = _split_build(text)
    parts = re.split(r"([,|()])", version)
    made: list[str] = []
    for raw in parts:
        part = raw.strip()
        if part in ("", ",", "|", "(", ")"):
            made.append(part)
        elif _full(_CONDA_BARE, part):
            made.append(f"{part}.*")
        elif _full(_CONDA_ATOM, part):
            part = "".join(part.split())
            # "=3.12" is conda's own sign for "3.12.*"
            single = part.startswith("=") and not part.startswith("==")
            made.append(f"{part[1:].rstrip('*').rstrip('.')}.*" if single else part)
        else:
            raise _bad_conda(text, part)
    joined = "".join(made)
    if re.search(r"^[,|]|[,|]$|[,|]{2}|\($|\)[^,|)]", joined) or joined.count("(") != joined.count(
        ")"
    ):
        raise _bad_conda(text, text)
    if build and not _full(_BUILD, build):
        raise SpecError(f'"{build}" is no build string', 'for example "py312*"')
    return f"{joined} {build}" if build else joined


def _split_build(text: str) -> tuple[str, str]:
    """Split ``>=2,<3 py312*`` at the space that ends the version."""
    squeezed = re.sub(r"\s*([,|()])\s*", r"\1", text)
    squeezed = re.sub(r"(==|!=|>=|<=|~=|>|<|(?<![=!<>~])=)\s+", r"\1", squeezed)
    version, _, build = squeezed.partition(" ")
    return version, build.strip()


def _bad_conda(text: str, part: str) -> SpecError:
    if found := _full(_CARET, part):
        try:
            _refuse_foreign(found[0])
        except SpecError as exc:
            return SpecError(f'"{text}" is no conda request', exc.remedy)
    return SpecError(
        f'"{text}" is no request for versions', 'for example ">=2,<3", "3.12", "==2.1" or "*"'
    )
