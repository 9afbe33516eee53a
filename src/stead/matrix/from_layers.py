"""Environments of layers with commands, as a suite."""

from __future__ import annotations

import os
import re
import shlex
from functools import cached_property
from typing import TYPE_CHECKING

from stead.formats.known import layer_files
from stead.matrix.goals import default_environments, definitions, goal
from stead.matrix.select import expanded, nobody
from stead.matrix.writes import writes
from stead.pipeline import lockfile
from stead.pipeline.compose import (
    PLATFORM_LAYERS,
    compose,
    is_implicit,
    layer_candidates,
    package_layers,
    split_environment,
)
from stead.pipeline.discover import discover
from stead.pipeline.lock import plan
from stead.pipeline.uses import Modules
from stead.store.layout import Layout
from stead.values.digest import short_key
from stead.values.errors import ManifestError, UsageError
from stead.values.frozen import replace
from stead.values.names import DEFAULT, nearest
from stead.values.platform import platform_named
from stead.values.registry import registries_of
from stead.values.suite import Contents, Environment, Suite, Work
from stead.values.testenv import TestCommand

if TYPE_CHECKING:
    from stead.matrix.asking import Asked, Further
    from stead.matrix.goals import Goal
    from stead.matrix.pythons import Pythons
    from stead.pipeline.discover import Found
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.lock import Pin
    from stead.values.manifest import Manifest
    from stead.values.package import PackageDefinition
    from stead.values.platform import Platform
    from stead.values.spec import Spec


_PLATFORMS = {"linux": "linux-64", "darwin": "osx-arm64", "win32": "win-64"}


def read(asked: Asked, context: Context, pythons: Pythons, directory: str) -> LayerTests | None:
    """Read the manifests of a place; None where those of ``directory`` say nothing of testing.

    Without a directory none of them has to: there are goals besides.
    """
    found = discover(asked.directory, home=asked.user_home)
    speaking = [m for m in found.manifests if m.directory == directory and _speaks(m)]
    if not speaking and directory:
        return None
    if asked.overrides or asked.work_dir:
        raise UsageError(
            f"{'--override' if asked.overrides else '--workdir'} is for tox's files",
            where=(speaking or found.manifests)[0].file,
            remedy="change this file, which describes the tests here",
        )
    return LayerTests(found, asked, context, pythons)


def _speaks(manifest: Manifest) -> bool:
    return bool(
        manifest.test
        or manifest.packages
        or any(layer.goal and layer.goal.commands for layer in manifest.layers)
    )


class LayerTests:
    """Goals of a place."""

    def __init__(self, found: Found, asked: Asked, context: Context, pythons: Pythons) -> None:
        self.pythons = pythons
        self._asked = asked
        self._context = context
        self._found = found
        self._goals: dict[str, Goal | None] = {}
        self._further = {one.name: one for one in asked.further}
        self._specs: dict[tuple[str, Platform], Spec] = {}
        # Files that are layers by their name can be told only once names are known.
        names = (*self.names, *expanded(asked.wanted.names))
        candidates = {c for name in names for c in layer_candidates(name)}
        places = {m.directory for m in found.manifests}
        files = {file for one in candidates for file in layer_files(one)}
        if any(os.path.exists(os.path.join(place, file)) for place in places for file in files):
            self._found = discover(asked.directory, sorted(candidates), home=asked.user_home)

    @property
    def _manifests(self) -> tuple[Manifest, ...]:
        return self._found.manifests

    # -- names

    @property
    def default(self) -> tuple[str, ...]:
        """Those of the list; without one, every layer that has commands, and what is besides."""
        every = dict.fromkeys((*self._with_commands, *self._further))
        return default_environments(self._manifests) or tuple(every)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.default, *self._with_commands, *self._further)))

    @property
    def every(self) -> tuple[str, ...]:
        return self.names

    @cached_property
    def _with_commands(self) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(
                layer.name
                for m in self._manifests
                for layer in m.layers
                if layer.name and layer.goal is not None and layer.goal.commands
            )
        )

    def known(self, name: str) -> bool:
        if name in self._further:
            return True
        declared = self._declared
        parts = split_environment(name, self._manifests)
        return all(p in declared or is_implicit(p) for p in parts)

    @cached_property
    def _declared(self) -> frozenset[str]:
        named = {layer.name for m in self._manifests for layer in m.layers}
        return frozenset(named | {p.name for m in self._manifests for p in m.packages})

    def alike(self, name: str) -> str:
        return nearest(name, self.names) or ""

    def labels(self, name: str) -> tuple[str, ...]:
        if self._is_further(name):
            return self._further[name].labels
        found = self._goal(name)
        return found.labels if found else ()

    def _goal(self, name: str) -> Goal | None:
        if name not in self._goals:
            self._goals[name] = goal(self._manifests, name)
        return self._goals[name]

    def _is_further(self, name: str) -> bool:
        """Say whether a goal is none of the layers': these come first."""
        return name in self._further and name not in self._with_commands

    def systems(self, name: str) -> tuple[str, ...]:
        if self._is_further(name):
            return tuple(_PLATFORMS)
        parts = split_environment(name, self._manifests)
        families = {PLATFORM_LAYERS[p] for p in parts if p in PLATFORM_LAYERS}
        names = {"linux": "linux", "osx": "darwin", "windows": "win32"}
        return tuple(names[f] for f in names if not families or families == {f})

    def version(self, name: str) -> str:
        if self._is_further(name):
            return "3.x"
        spec = self._spec(name, here=False)
        request = plan(spec.packages, has_code=True).outside_python
        if request is None:
            return ""
        exact = re.fullmatch(r"==(\d+\.\d+)\.\*(t?)", request)
        if exact:
            return "".join(exact.groups())
        found = self.pythons.fitting(request)
        return found.minor if found else "3.x"

    # -- environments

    def outline(self, name: str) -> Environment:
        if self._is_further(name):
            return self._besides(self._further[name])
        found = self._goal(name)
        if found is None:
            raise self._nothing(name)
        self._check_depends(name, found)
        systems = self.systems(name)
        if self._asked.here.sys_platform not in systems:
            skip = f"it is for {' and '.join(systems) or 'no one platform'}"
            skip += f", and this is {self._asked.here.sys_platform}"
            return replace(_of(name, found, self.default), skip=skip)
        spec = self._spec(name)
        request = plan(spec.packages, has_code=True).outside_python
        interpreter: Interpreter | None = None
        missing = ""
        if request is not None:
            only = ("pyenv",) if spec.packages.python_from == "pyenv" else ()
            interpreter = self.pythons.fitting(request, only=only)
            missing = "" if interpreter else self.pythons.explained(f"Python {request}")
        return replace(
            _of(name, found, self.default),
            kind=found.kind or ("conda" if request is None else "venv"),
            interpreter=interpreter,
            missing=missing,
            skip=f"no interpreter answers {missing}" if missing else "",
            contents=Contents(packages=spec.packages),
        )

    def _nothing(self, name: str) -> ManifestError:
        """Say what an environment without commands lacks, and where it was asked for."""
        listed = next((m.test for m in reversed(self._manifests) if m.test), None)
        where = listed.origin if listed and name in listed.environments else None
        parts = split_environment(name, self._manifests)
        strange = [p for p in parts if p not in self._declared and not is_implicit(p)]
        longer = (one for one in sorted(self._declared) if one.startswith(f"{name}-"))
        like = nearest(strange[0], self._declared) if strange else next(longer, None)
        said = f"no layer is called {strange[0]}" if strange else "none of its layers has commands"
        return ManifestError(
            f"the environment {name} has nothing to run: {said}",
            where=where or self._manifests[-1].file,
            remedy=f"did you mean {like}?" if like else "give one of its layers commands = [[…]]",
        )

    def _check_depends(self, name: str, found: Goal) -> None:
        """Raise ManifestError for a name that an environment is to wait for, and nothing has."""
        for text, where in found.depends_origins:
            for one in nobody(text, self):
                like = self.alike(one)
                raise ManifestError(
                    f"{name} waits for {one}, which is no environment",
                    where=where,
                    remedy=f"did you mean {like}?" if like else "take it out of depends",
                )

    def _besides(self, one: Further) -> Environment:
        """Describe a goal that is none of the layers'."""
        interpreter = self.pythons.host
        return Environment(
            name=one.name,
            default=one.name in self.default,
            description=one.description,
            labels=one.labels,
            packages=(),
            interpreter=interpreter,
            missing="" if interpreter else self.pythons.explained("Python"),
            work=Work(
                commands=(TestCommand(one.command, origin=one.origin),),
                directory=one.directory,
                elsewhere=True,
            ),
            origin=one.origin,
        )

    def environment(self, name: str) -> Environment:
        outline = self.outline(name)
        if self._is_further(name):
            return outline
        found = self._goal(name)
        assert found is not None
        if outline.skip or outline.missing:
            return outline
        spec = self._spec(name)
        commands = tuple(self._filled(one) for one in found.commands)
        contents = replace(outline.contents, own=any(writes(c.arguments) for c in commands))
        return replace(
            outline,
            contents=contents,
            configuration=spec.configuration,
            lock_file=self._lock_file,
            lock_place=lockfile.slot_place(spec.place, spec.root),
            lock_environment="-".join(package_layers(self._manifests, spec.layers)) or DEFAULT,
            workspace=spec.root,
            work=Work(
                commands=commands,
                directory=found.directory or spec.place,
                timeout=found.timeout,
                retries=found.retries,
                resources=found.resources,
            ),
        )

    def suite(self, environments: tuple[Environment, ...]) -> Suite:
        work = Layout(self._context.home).home / "tests" / short_key(self._found.place)
        return Suite(
            root=self._found.place,
            source="layers",
            file=next(
                (m.file for m in reversed(self._manifests) if _speaks(m)), self._manifests[-1].file
            ),
            environments=environments,
            definitions=self._definitions,
            work_directory=str(work),
        )

    @cached_property
    def _definitions(self) -> tuple[PackageDefinition, ...]:
        """Those declared; what they need comes from where the place's own packages do."""
        declared = definitions(self._manifests)
        if not declared:
            return ()
        packages = self._spec(DEFAULT).packages
        return tuple(
            replace(
                one,
                indexes=packages.indexes,
                channels=packages.channels,
                exclude_newer=packages.exclude_newer,
            )
            for one in declared
        )

    def _spec(self, name: str, *, here: bool = True) -> Spec:
        """Compose an environment, for this machine, or for one that it is for."""
        platform = self._asked.here
        systems = self.systems(name)
        if not here and systems and platform.sys_platform not in systems:
            platform = platform_named(_PLATFORMS[systems[0]])
        if (name, platform) not in self._specs:
            found = self._found
            self._specs[name, platform] = compose(
                found.manifests,
                place=found.place,
                root=found.root,
                environment=name,
                platform=platform,
                module=self._modules,
                absent=found.absent,
            )
        return self._specs[name, platform]

    @cached_property
    def _lock_file(self) -> str:
        found, home = self._found, self._context.home
        return lockfile.lock_file(found.root, found.place, bare=found.bare, home=home)

    @cached_property
    def _modules(self) -> Modules:
        found, context = self._found, self._context
        pins: tuple[Pin, ...] = ()
        if any(m.uses for m in found.manifests):
            pins = lockfile.read_to_build_on(self._lock_file).pins
        return Modules(
            context,
            pins=pins,
            fetch=False,
            root=found.root,
            registries=registries_of(found.manifests),
        )

    def _filled(self, command: TestCommand) -> TestCommand:
        """Put the arguments after ``--`` in place of ``{posargs}``, or what stands there instead."""
        given = self._asked.posargs
        words: list[str] = []
        for word in command.arguments:
            if word.startswith("{posargs") and word.endswith("}") and word[8] in ":}":
                words += shlex.split(word[9:-1]) if given is None else given
            else:
                words.append(word.replace("\\{", "{").replace("\\}", "}"))
        return replace(command, arguments=tuple(words))


def _of(name: str, found: Goal, default: tuple[str, ...]) -> Environment:
    return Environment(
        name=name,
        default=name in default,
        labels=found.labels,
        depends=found.depends,
        packages=found.packages,
        origin=found.origin,
        packages_origin=found.packages_origin,
    )
