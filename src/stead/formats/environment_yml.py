"""``environment.yml``: what conda's ``env create`` reads.

``name`` and ``prefix`` say where conda would put it and are passed over, as are
keys of other tools. A key that is nearly one of conda's is an error. ``nodefaults``
among the channels asks for what is the case here anyway.

The exporter writes each package with its version and build.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from stead.formats import _conda_spec, _yaml, requirements_txt
from stead.formats._reserved import RESERVED, is_reserved
from stead.formats._static_name import unique
from stead.values.errors import ManifestError
from stead.values.manifest import Channel, Layer, Manifest, Variable
from stead.values.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stead.values.lock import Artifact, File, LockedEnvironment
    from stead.values.requirement import Requirement

FORMAT = "environment.yml"
KEYS = ("name", "channels", "dependencies", "variables", "prefix")


def read(file: str, load: Callable[[str], str], layer: str = "") -> Manifest:
    """Read an ``environment.yml`` (absolute path) as the given layer.

    Raises ManifestError with file and line.
    """
    root = _yaml.compose(load(file), file)
    directory = os.path.dirname(file)
    channels: list[Channel] = []
    variables: list[Variable] = []
    conda: list[Requirement] = []
    pip = requirements_txt.Collected()
    for key, value, origin in _yaml.pairs(root, file, "the file"):
        if key == "channels":
            for item, at in _yaml.items(value, file, "channels"):
                name = _yaml.text(item, at, "a channel").strip()
                if name != "nodefaults":
                    channels.append(Channel(name, base=directory, origin=at))
        elif key == "dependencies":
            for item, at in _yaml.items(value, file, "dependencies"):
                if _yaml.kind(item) == "mapping":
                    _pip(item, file, load, pip)
                else:
                    text = _yaml.text(item, at, "a dependency")
                    conda.append(_conda_spec.parse(text, at))
        elif key == "variables":
            for name, node, at in _yaml.pairs(value, file, "variables"):
                if is_reserved(name):
                    raise ManifestError(
                        f"variables that begin with {RESERVED} are Stead's own",
                        where=at,
                        remedy=f"call {name} otherwise",
                    )
                text = _yaml.text(node, at, f"the variable {name}")
                variables.append(Variable(name, text, at))
        else:
            _check_key(key, origin)
    by_pip = pip.layer(layer, Origin(file))
    declared = Layer(
        layer,
        requirements=(*conda, *by_pip.requirements),
        constraints=by_pip.constraints,
        channels=tuple(channels),
        indexes=by_pip.indexes,
        variables=tuple(variables),
        origin=Origin(file),
    )
    return Manifest(
        file=file,
        format=FORMAT,
        directory=directory,
        layers=(Layer(), declared) if layer else (declared,),
        reads=unique(pip.reads),
    )


def _pip(
    node: Any, file: str, load: Callable[[str], str], into: requirements_txt.Collected
) -> None:
    for key, value, origin in _yaml.pairs(node, file, "an entry of dependencies"):
        if key != "pip":
            raise ManifestError(
                f"no packages can be had by {key!r}",
                where=origin,
                remedy="only pip: may stand there, or write the requirement without a colon",
            )
        for item, at in _yaml.items(value, file, "pip"):
            text = _yaml.text(item, at, "an entry of pip")
            requirements_txt.collect(text, file, load, into, line=at.line)


def _check_key(key: str, origin: Origin) -> None:
    close = difflib.get_close_matches(key.lower(), KEYS, n=1, cutoff=0.8)
    if key not in KEYS and close:
        raise ManifestError(
            f"unknown key {key!r}", where=origin, remedy=f"did you mean {close[0]}?"
        )


def write(
    envs: Sequence[LockedEnvironment],
    address: Callable[[Artifact, File], str],  # noqa: ARG001 (the writers' form: no URL is needed)
    *,
    name: str = "",
    builds: bool = True,
    channel: Callable[[str], str] = lambda name: name,
    pip_options: Sequence[str] = (),
) -> str:
    """Write one locked environment as an ``environment.yml``.

    The format knows no platforms: ``envs`` must hold one environment. ``builds``
    False leaves out conda's build strings, for use on other platforms. ``channel``
    gives the name or address of a channel that an artifact names; ``pip_options`` are
    lines that say where pip is to look.
    """
    from stead.formats._artifacts import single

    env = single(envs, FORMAT)
    conda = env.of("conda")
    channels = unique(channel(a.index) for a in conda if a.index) or ("conda-forge",)
    dependencies: list[Any] = []
    for artifact in sorted(conda, key=lambda a: a.name):
        build = f"={artifact.get('build')}" if builds and artifact.get("build") else ""
        dependencies.append(f"{artifact.name}={artifact.version}{build}")
    pypi = [requirements_txt.pinned(a) for a in sorted(env.of("pypi"), key=lambda a: a.name)]
    if pypi:
        if not any(a.name == "pip" for a in conda):
            dependencies.append("pip")
        if not any(a.name == "python" for a in conda) and env.python:
            dependencies.insert(0, f"python={env.python}")
        dependencies.append({"pip": [*pip_options, *(p for p in pypi if p)]})
    elif not conda and env.python:
        dependencies.append(f"python={env.python}")
    return _yaml.dump(
        {
            "name": name or env.environment or "default",
            "channels": list(channels),
            "dependencies": dependencies,
        }
    )
