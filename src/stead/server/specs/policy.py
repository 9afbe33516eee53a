"""Settings in effect, and whether a specification keeps to them.

Settings of an environment win over its namespace's, those over the global ones. Nothing
is changed in place: what is merged, and what a specification becomes, are new values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stead.server.specs.addresses import HOST, name_in, private_of, refusal
from stead.server.specs.checks import SpecError
from stead.server.specs.reading import LOCK, lock_of
from stead.server.values import (
    SettingLevel,
    Specification,
    SpecificationKind,
    canonical,
    sha256_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Answers = Mapping[str, tuple[str, ...]]

NO_DEFAULTS = "nodefaults"
"""What may stand among channels and is none."""

ALIAS = ""
"""Where channels lie that are given by a name alone; empty: where conda's own tools look."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that bear on specifications, under the names that the API gives them."""

    conda_channel_alias: str = ALIAS
    conda_default_channels: tuple[str, ...] = ()
    conda_allowed_channels: tuple[str, ...] = ()
    """Empty allows all."""
    conda_default_packages: tuple[str, ...] = ()
    """What an environment gets that asks for nothing."""
    conda_required_packages: tuple[str, ...] = ()
    """What must be asked for."""
    conda_included_packages: tuple[str, ...] = ()
    """What is added wherever it is not asked for."""
    pypi_default_packages: tuple[str, ...] = ()
    pypi_required_packages: tuple[str, ...] = ()
    pypi_included_packages: tuple[str, ...] = ()
    allow_private_addresses: bool = True
    """Whether channels may lie on this machine, in its network, or in files."""
    required_channels: tuple[str, ...] = ()
    """What must be among the places that conda packages are asked from."""
    allowed_packages: tuple[str, ...] = ()
    """What may be asked for, of either kind; empty allows all."""

    @property
    def digest(self) -> str:
        """Digest what is part of what a build is asked for."""
        values = [getattr(self, f.name) for f in fields(self)]
        while values[-1] == ():
            values.pop()  # what was asked for before there were the last ones is still the same
        return sha256_of(canonical(values))


_URL = re.compile(
    r"([a-z][a-z0-9+.-]*):(?:[/\\]+|(?<=http:)|(?<=https:))((?:\[[^\]\s]*\]|[^\s\"'<>,\[\]])+)",
    re.IGNORECASE,
)
"""An address, also as some read it: ``http:/HOST``, ``http:HOST``, with ``\\`` for ``/``."""


class ForbiddenError(SpecError):
    """The settings do not allow this."""


def merged(layers: Mapping[SettingLevel, Mapping[str, Any]]) -> dict[str, Any]:
    """Give the settings in effect: of each name the value of the last level that has it.

    None is no value.
    """
    found: dict[str, Any] = {}
    for level in SettingLevel:
        found |= {k: v for k, v in layers.get(level, {}).items() if v is not None}
    return found


def policy_of(settings: Mapping[str, Any]) -> Policy:
    """Take what bears on specifications. Raises SpecError for a value of the wrong kind."""
    given: dict[str, Any] = {}
    for one in fields(Policy):
        if one.name not in settings:
            continue
        value = settings[one.name]
        if isinstance(one.default, tuple):
            if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
                raise SpecError(f"the setting {one.name} must be a list of texts")
            value = tuple(value)
        elif not isinstance(value, type(one.default)):
            raise SpecError(f"the setting {one.name} must be {type(one.default).__name__}")
        given[one.name] = value
    return Policy(**given)


def applied(
    specification: Specification, policy: Policy, answers: Answers = MappingProxyType({})
) -> Specification:
    """Give a specification as it is built under a policy; what was given stays as it is.

    ``answers`` has the addresses of its :func:`names`, those that are known. Raises
    ForbiddenError with what is not allowed, all of it at once.
    """
    # What settings add themselves is allowed.
    reasons = _not_allowed(specification, policy)
    specification = _completed(specification, policy)
    reasons += [
        *_channels(specification, policy, answers),
        *_required_channels(specification, policy),
        *_required(specification, policy),
    ]
    if reasons:
        raise ForbiddenError(
            reasons[0], details=reasons[1:], remedy="ask whoever manages the store"
        )
    return specification


def names(specification: Specification, policy: Policy) -> tuple[str, ...]:
    """Give the names whose addresses decide whether a policy allows a specification.

    There are none where it allows private addresses. Raises SpecError.
    """
    if policy.allow_private_addresses:
        return ()
    specification = _completed(specification, policy)
    places = [c for c in _all_channels(specification) if c != NO_DEFAULTS]
    channels = [_address(c, _without_alias(policy)) for c in places]
    found = map(name_in, [*channels, *_other_addresses(specification)])
    return tuple(dict.fromkeys(filter(None, found)))


def _completed(specification: Specification, policy: Policy) -> Specification:
    if specification.kind is not SpecificationKind.CONDA:
        return specification
    spec = dict(specification.spec)
    conda = [d for d in spec["dependencies"] if isinstance(d, str)]
    pip = [p for d in spec["dependencies"] if isinstance(d, dict) for p in d["pip"]]
    # Whoever builds knows of no alias: a name alone would mean another place there.
    named = spec["channels"] or policy.conda_default_channels
    spec["channels"] = [_placed(one, policy) for one in named]
    if not conda and not pip:
        conda = list(policy.conda_default_packages)
        pip = list(policy.pypi_default_packages)
    conda += _missing(conda, policy.conda_included_packages)
    pip += _missing(pip, policy.pypi_included_packages)
    if pip and not {"pip", "python"} & {name_of(c) for c in conda}:
        conda.append("pip")
    conda = [_placed_requirement(one, policy) for one in conda]
    spec["dependencies"] = [*conda, *([{"pip": pip}] if pip else [])]
    if spec == specification.spec:
        return specification
    digest = sha256_of(canonical([specification.kind.value, spec]))
    return replace(specification, spec=spec, sha256=digest)


def _placed(channel: str, policy: Policy) -> str:
    """Give the address of a channel that has a name alone, where the settings say where those lie."""
    if not policy.conda_channel_alias or channel == NO_DEFAULTS or not _is_named(channel):
        return channel
    return _named(channel, policy.conda_channel_alias)


def _without_alias(policy: Policy) -> Policy:
    """Give the rules for what is built: a name alone lies where whoever builds looks for it."""
    return replace(policy, conda_channel_alias=ALIAS)


def _placed_requirement(requirement: str, policy: Policy) -> str:
    """Do the same for the channel that a requirement names, if it does."""
    channel, named, rest = requirement.rpartition("::")
    return f"{_placed(channel, policy)}{named}{rest}" if named else requirement


def name_of(requirement: str) -> str:
    """Give the name of the package that a requirement is for, in one spelling."""
    text = requirement.rpartition("::")[2].strip()
    found = re.match(r"[A-Za-z0-9._-]+", text)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else text


def _missing(asked: Iterable[str], wanted: Iterable[str]) -> list[str]:
    there = {name_of(one) for one in asked}
    return [one for one in wanted if name_of(one) not in there]


def _asked(specification: Specification) -> tuple[list[str], list[str]]:
    """Give the conda packages that are asked for, and those of PyPI; of a lock all of its."""
    if specification.kind is SpecificationKind.LOCK:
        entries = [e for e in specification.spec["lockfile"]["package"] if isinstance(e, dict)]
        conda = [str(e.get("name")) for e in entries if e.get("manager") == "conda"]
        return conda, [str(e.get("name")) for e in entries if e.get("manager") == "pip"]
    asked = specification.spec["dependencies"]
    texts = [d for d in asked if isinstance(d, str)]
    conda = [d for d in texts if not d.startswith("pypi:")]
    pip = [d.removeprefix("pypi:") for d in texts if d.startswith("pypi:")]
    return conda, pip + [p for d in asked if isinstance(d, dict) for p in d["pip"]]


def _required(specification: Specification, policy: Policy) -> list[str]:
    conda, pip = _asked(specification)
    missing = [
        *_missing(conda, policy.conda_required_packages),
        *_missing(pip, policy.pypi_required_packages),
    ]
    return [f"the package {one} is required here, and not asked for" for one in missing]


def _not_allowed(specification: Specification, policy: Policy) -> list[str]:
    if not policy.allowed_packages:
        return []
    conda, pip = _asked(specification)
    others = dict.fromkeys(
        name_of(one) for one in _missing(policy.allowed_packages, [*conda, *pip])
    )
    allowed = ", ".join(policy.allowed_packages)
    return [f"the package {one} is not allowed here; allowed are {allowed}" for one in others]


def _required_channels(specification: Specification, policy: Policy) -> list[str]:
    if not _asked(specification)[0]:
        return []
    named = {_address(c, _without_alias(policy)) for c in _all_channels(specification)}
    missing = [c for c in policy.required_channels if _address(c, policy) not in named]
    return [f"the channel {one} is required here, and not named" for one in missing]


def _channels(specification: Specification, policy: Policy, answers: Answers) -> list[str]:
    allowed = {_address(c, policy) for c in policy.conda_allowed_channels}
    built = _without_alias(policy)
    reasons = []
    for channel in _all_channels(specification):
        if channel == NO_DEFAULTS:
            continue
        address = _address(channel, built)
        if allowed and address not in allowed:
            reasons.append(
                f"the channel {channel} is not allowed here; allowed are "
                + ", ".join(policy.conda_allowed_channels)
            )
        elif policy.allow_private_addresses:
            continue
        elif (how := private_of(address, answers)) is not None:
            reasons.append(refusal(f"the channel {channel}", how))
    if not policy.allow_private_addresses:
        reasons += [
            refusal(url, how)
            for url in _other_addresses(specification)
            if (how := private_of(url, answers)) is not None
        ]
    return list(dict.fromkeys(reasons))


def _other_addresses(specification: Specification) -> list[str]:
    """Give the addresses of indexes, archives and repositories that stand in a specification."""
    if specification.kind is SpecificationKind.STEAD:
        texts = [specification.text]
    elif specification.kind is SpecificationKind.LOCK:
        texts = [canonical(specification.spec["lockfile"])]
    else:
        asked = specification.spec["dependencies"]
        texts = [p for d in asked if isinstance(d, dict) for p in d["pip"]]
        texts += [d for d in asked if isinstance(d, str)]
    if LOCK in specification.spec:
        texts.append(specification.spec[LOCK])
    found = (match for text in texts for match in _URL.findall(text))
    return [
        *(f"{scheme.rpartition('+')[2]}://{rest}" for scheme, rest in found),
        # Without a scheme it is a directory, or what ssh reads.
        *(one for one in _repositories(specification.spec.get("stead")) if "://" not in one),
    ]


def _repositories(table: object) -> Iterator[str]:
    """Give the repositories that requests of a ``stead.toml`` name."""
    for key, value in table.items() if isinstance(table, dict) else ():
        if key == "git" and isinstance(value, str):
            yield value
        yield from _repositories(value)


def _all_channels(specification: Specification) -> list[str]:
    """Give every place that packages are asked from, those of single packages too."""
    spec = specification.spec
    found = list(spec["channels"])
    for dependency in spec["dependencies"]:
        if isinstance(dependency, str) and "::" in dependency:
            channel = dependency.rpartition("::")[0]
            found.append(re.sub(r"/(linux|osx|win|noarch)[^/]*\Z", "", channel))
    if specification.kind is SpecificationKind.LOCK:
        entries = [e for e in spec["lockfile"]["package"] if isinstance(e, dict)]
        conda = [str(e.get("url", "")) for e in entries if e.get("manager") == "conda"]
        found += map(_channel_of, conda)
    if LOCK in spec:
        found += _channels_of_lock(spec[LOCK], found)
    return found


def _channel_of(url: str) -> str:
    """Give the channel that a package's address lies in; of ``CHANNEL/../FILE`` all of it."""
    channel, _, platform = url.rpartition("/")[0].rpartition("/")
    return channel if re.fullmatch(r"[a-z0-9-]+", platform) else url


def _channels_of_lock(text: str, asked: Iterable[str]) -> list[str]:
    """Give the channels of locked packages, less those that the specification names itself."""
    short = {part for channel in asked for part in (channel, channel.rpartition("/")[2])}
    found: dict[str, None] = {}
    for environment in lock_of(text).environments:
        for artifact in environment.of("conda"):
            if url := artifact.get("url"):
                found[_channel_of(str(url))] = None
            elif artifact.index and artifact.index not in short:
                found[artifact.index] = None
    return list(found)


def check_channel(channel: str) -> None:
    """Raise SpecError for what not everybody reads as the same channel."""
    _address(channel, Policy())


def _address(channel: str, policy: Policy) -> str:
    """Give a channel's address in one spelling, without credentials. Raises SpecError."""
    told = channel
    if _is_named(channel):
        channel = _named(channel, policy.conda_channel_alias)
    try:
        parts = urlsplit(channel)
        host = parts.hostname or ""
    except ValueError:
        raise _no_channel(told) from None
    if not parts.scheme:
        return channel.rstrip("/")
    # What fetches it takes `\` for `/`, and some characters of other scripts for digits.
    odd = any(c == "\\" or ord(c) < 0x20 for c in channel) or any(map(str.isspace, parts.netloc))
    if odd or (":" not in host and HOST.match(host) is None):
        raise _no_channel(told)
    host = host.rstrip(".")
    try:
        port = parts.port
    except ValueError:
        port = None
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    if port is not None and port != usual:
        host = f"{host}:{port}"
    path = re.sub(r"^/t/[^/]+(?=/)", "", parts.path)
    return f"{parts.scheme}://{host}{path}".rstrip("/")


def _is_named(channel: str) -> bool:
    return "://" not in channel and not channel.startswith(("/", ".", "~"))


def _named(channel: str, alias: str) -> str:
    if alias:
        return f"{alias.rstrip('/')}/{channel}"
    from rattler import Channel
    from rattler.exceptions import InvalidChannelError

    try:
        return Channel(channel).base_url
    except InvalidChannelError:
        raise _no_channel(channel) from None


def _no_channel(channel: str) -> SpecError:
    return SpecError(
        f"{channel[:200]!r} is no channel's name or address",
        remedy="write a name, or https://HOST/PATH; a host of other letters as xn--…",
    )
