"""Building: locked artifacts → a tree, linked by uv and then made fit to be moved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stead.ecosystems.pypi import linking, recipes, records
from stead.ecosystems.pypi.scripts import script_at, with_shebang
from stead.ecosystems.pypi.venv import CONFIG, layout_of, make_venv
from stead.values.errors import ArtifactError, CollisionError, InterpreterError, SteadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stead.ecosystems.protocol import BuildTarget
    from stead.ecosystems.pypi.install import Installer
    from stead.ecosystems.pypi.recipes import Recipe
    from stead.ecosystems.pypi.records import Installed
    from stead.ecosystems.pypi.venv import Layout
    from stead.values.context import Context
    from stead.values.lock import Artifact


def build(artifacts: Sequence[Artifact], target: BuildTarget, context: Context) -> None:
    """Build; see :meth:`stead.ecosystems.protocol.Ecosystem.build`.

    With an interpreter in ``target``, the prefix becomes a virtual environment
    of it, even if there is no artifact to install.
    """
    prefix = os.fspath(target.prefix)
    if target.interpreter:
        layout: Layout | None = make_venv(prefix, target.interpreter)
    else:
        layout = layout_of(prefix)
    if not artifacts:
        return
    if layout is None or not os.path.exists(os.path.join(prefix, "bin", "python")):
        raise InterpreterError(
            "PyPI packages are to be installed, but nothing brings a Python to run them",
            remedy='ask for one: [packages] python = "3.12"',
        )
    before = _Before(prefix, layout)
    before.refuse_known(artifacts)

    with context.progress.task("linking PyPI packages", unit="packages") as task:
        task.total(len(artifacts))
        done = _link(artifacts, target, layout, before, context)
        task.advance(len(done))
        rest = [a for a in artifacts if a.name not in done]
        if rest:
            _install(rest, target, layout, before, context)
            task.advance(len(rest))
    before.remove_compiled()
    lock = os.path.join(prefix, ".lock")
    if os.path.exists(lock):
        os.unlink(lock)


def _link(
    artifacts: Sequence[Artifact],
    target: BuildTarget,
    layout: Layout,
    before: _Before,
    context: Context,
) -> set[str]:
    """Link what uv has linked once already, and name it. Collisions are found first."""
    home = os.fspath(context.home)
    known = []
    for artifact in artifacts:
        file = recipes.file_for(artifact, target, layout.site_packages, home)
        recipe = recipes.read(file) if file else None
        if recipe is not None:
            known.append((artifact.name, recipe))
    paths: set[str] = set()
    fit, others = [], False
    for _, recipe in known:
        own = recipe.paths
        if paths.isdisjoint(own) and not before.may_know(own):
            fit.append(recipe)
            paths.update(own)
        else:
            others = True
    if others:
        # One file twice is none too many if it is the same one: uv knows how to do that.
        before.refuse_collisions(linking.installed((r for _, r in known), layout.site_packages))
    linker = linking.Linker(target, layout.site_packages, os.path.join(home, "packages", "uv"))
    linked = {recipe.file for recipe in linker.link(fit)}
    before.linked += [r for _, r in known if r.file in linked]
    return {name for name, recipe in known if recipe.file in linked}


def _install(
    artifacts: Sequence[Artifact],
    target: BuildTarget,
    layout: Layout,
    before: _Before,
    context: Context,
) -> None:
    """Have uv install artifacts, and look at what it did."""
    from stead.ecosystems.pypi.install import Installer
    from stead.ecosystems.pypi.uv import scratch, uv_for

    prefix = os.fspath(target.prefix)
    site = os.path.join(prefix, layout.site_packages)
    known = before.infos | {r.info for r in before.linked}
    with scratch(context) as work:
        installer = Installer(uv_for(context), target, context, work)
        installer.install(artifacts)
        found = records.installed(prefix, layout.site_packages, records.infos(site) - known)
        linked = linking.installed(before.linked, layout.site_packages)
        try:
            refuse_escapes(found)
            before.refuse_collisions([*linked, *found])
        except SteadError:
            _unlink([*linked, *found], prefix)
            raise
        if damaged := _damaged(found, target):
            names = _repair(installer, artifacts, damaged, context)
            # Their scripts were written anew too, so all records are read again.
            found = records.installed(prefix, layout.site_packages, records.infos(site) - known)
            context.progress.note(f"fetched {', '.join(names)} anew: the cached copy was damaged")
    home = os.fspath(context.home)
    by_name = {a.name: a for a in artifacts}
    for dist in found:
        if target.survey is not None and dist.plain:
            target.survey.vouch(
                f"{layout.site_packages}/{dist.info}/RECORD",
                {f[0]: f[2] for f in dist.files if f[1].startswith("sha256=")},
            )
        if dist.name in by_name:
            recipes.learn(dist, by_name[dist.name], target, layout.site_packages, home)
    _relocate(found, target, layout)


class _Before:
    """What stood in the prefix before: nothing in a virtual environment, else conda's."""

    def __init__(self, prefix: str, layout: Layout) -> None:
        self._prefix = prefix
        site = os.path.join(prefix, layout.site_packages)
        self.infos = records.infos(site)
        self._is_venv = os.path.lexists(os.path.join(prefix, CONFIG))
        # Reading conda's own lists takes long: these names say whether they must be read at all.
        self._tops = {f"{layout.site_packages}/{n}" for n in os.listdir(site)}
        self._tops |= {f"bin/{n}" for n in os.listdir(os.path.join(prefix, "bin"))}
        self._inside = (f"{layout.site_packages}/", "bin/")
        self._compiled = set() if self._is_venv else _compiled(prefix)
        self._fresh = not any(top.startswith(self._inside[0]) for top in self._tops)
        self.linked: list[Recipe] = []
        """What has come since, without uv."""

    def refuse_known(self, artifacts: Sequence[Artifact]) -> None:
        """Raise CollisionError for an artifact that another ecosystem has installed."""
        have = {records.name_of(i) for i in self.infos}
        for artifact in artifacts:
            if artifact.name in have:
                raise CollisionError(
                    f"{artifact.name} is installed already, by another ecosystem",
                    remedy=f"ask for {artifact.name} in one ecosystem only, and run `stead lock`",
                )

    def refuse_collisions(self, found: Sequence[Installed]) -> None:
        """Raise CollisionError where two distributions bring different files of one name."""
        owners: dict[str, tuple[str, str]] = {}
        wrong: dict[str, tuple[str, str]] = {}
        suspects: list[tuple[str, str]] = []
        for dist in found:
            name = dist.name
            for path, digest, _ in dist.files:
                other = owners.get(path)
                if other is None:
                    owners[path] = (name, digest)
                elif other[0] != name and (other[1] != digest or not digest):
                    wrong[path] = (other[0], name)
                if self._may_be_known(path):
                    suspects.append((path, name))
        known = self._conda_files() if suspects else {}
        for path, name in suspects:
            if path in known:
                wrong[path] = (known[path], name)
        if wrong:
            pairs = sorted({f"{a} and {b}" for a, b in wrong.values()})
            raise CollisionError(
                f"two packages bring the same file: {'; '.join(pairs)}",
                details=[f"{p} ({a}, {b})" for p, (a, b) in sorted(wrong.items())][:10],
                remedy="remove one of them, or ask for versions that do not collide",
            )

    def remove_compiled(self) -> None:
        """Remove what Python compiled of its own library when uv ran it.

        Such files name the place they were made at. Conda's Python lies in the
        prefix; uv runs it isolated, so that no variable keeps it from writing.
        """
        if not self._is_venv:
            for path in _compiled(self._prefix) - self._compiled:
                os.unlink(path)
                try:
                    os.rmdir(os.path.dirname(path))
                except OSError:
                    pass  # conda brought others

    def may_know(self, paths: Sequence[str]) -> bool:
        """Say whether one of these may have stood there before."""
        site = self._inside[0]
        if self._fresh:
            paths = [path for path in paths if not path.startswith(site)]
        return any(map(self._may_be_known, paths))

    def _may_be_known(self, path: str) -> bool:
        # What goes into an empty site-packages meets nothing there.
        if self._fresh and path.startswith(self._inside[0]):
            return False
        if path.startswith(self._inside):
            inside = path[len(self._inside[1]) :] if path.startswith("bin/") else ""
            if inside:
                return path in self._tops
            head = self._inside[0]
            return head + path[len(head) :].split("/", 1)[0] in self._tops
        return not self._is_venv or path == CONFIG

    def _conda_files(self) -> dict[str, str]:
        """Give who brought each file, from conda's lists and what makes a virtual environment."""
        if self._is_venv:
            return {CONFIG: "Python", **{t: "Python" for t in self._tops if t.startswith("bin/")}}
        return records.conda_files(self._prefix)


def _compiled(prefix: str) -> set[str]:
    """Name all files of compiled modules in a prefix."""
    found: set[str] = set()
    for directory, _, names in os.walk(os.path.join(prefix, "lib")):
        if directory.endswith("__pycache__"):
            found.update(os.path.join(directory, name) for name in names)
    return found


def refuse_escapes(found: Sequence[Installed]) -> None:
    """Raise ArtifactError for a record that lists a file outside of the prefix.

    uv leaves such files out, and their lines; this holds it to that.
    """
    for dist in found:
        for path, _, _ in dist.files:
            if path.startswith(("/", "../")) or path == "..":
                raise ArtifactError(
                    f"{dist.name} {dist.version} has a file outside of the environment: {path}",
                    remedy="do not install it; tell its index",
                )


def _unlink(found: Sequence[Installed], prefix: str) -> None:
    """Take away what was linked: which files collide shows only when uv has unpacked them."""
    for dist in found:
        for path, _, _ in dist.files:
            if not path.startswith(("/", "..")):
                try:
                    os.unlink(os.path.join(prefix, path))
                except OSError:
                    pass  # two records may list it


def _damaged(found: Sequence[Installed], target: BuildTarget) -> dict[str, list[str]]:
    """Name the files that are missing or not as long as listed, per distribution.

    Content is not hashed here: that is for ``verify``.
    """
    wrong: dict[str, list[str]] = {}
    root = os.fspath(target.prefix) + "/"
    lstat = os.lstat
    seen = target.survey.look(target.prefix) if target.survey else {}
    for dist in found:
        for path, _, size in dist.files:
            if size < 0 or seen.get(path) == size:
                continue
            try:  # the record's way of writing the path may be another
                if lstat(root + path).st_size == size:
                    continue
            except OSError:
                pass
            wrong.setdefault(dist.name, []).append(path)
    return wrong


def _repair(
    installer: Installer,
    artifacts: Sequence[Artifact],
    damaged: dict[str, list[str]],
    context: Context,
) -> list[str]:
    """Fetch anew what the cache has in a damaged state, and name it.

    Some wheels list sizes that their files never had; what is the same after
    fetching it anew is as its author made it.
    """
    names = sorted(damaged)
    if context.offline:
        raise ArtifactError(
            f"the cached copy of {', '.join(names)} is damaged",
            details=[f"{n}: {p}" for n, paths in sorted(damaged.items()) for p in paths[:3]],
            remedy="run it once without --offline, so that it is fetched anew",
        )
    installer.forget(names)
    installer.install([a for a in artifacts if a.name in damaged], again=True)
    return names


def _relocate(found: Sequence[Installed], target: BuildTarget, layout: Layout) -> None:
    """Make scripts name the final place, and records list them as they then are."""
    prefix = os.fspath(target.prefix)
    python = os.path.join(os.fspath(target.final), "bin", "python")
    head = f"{layout.scripts}/"
    for dist in found:
        changed: dict[str, bytes] = {}
        for path, _, _ in dist.files:
            if not path.startswith(head):
                continue
            full = os.path.join(prefix, path)
            content = script_at(full)
            if content is None:
                continue
            old = target.interpreter.path if target.interpreter else ""
            moved = with_shebang(content, {old, prefix}, python)
            if moved != content:
                records.replace_file(full, moved)
                changed[path] = moved
        if changed:
            records.update(prefix, layout.site_packages, dist.info, changed)
