"""Package indexes of PyPI's kind in a directory, made on the spot.

    make_index(tmp_path / "index", [Wheel("spam", "1.0", requires=("eggs>=2",))])

A :class:`Wheel` and an :class:`Sdist` are values. The index that is made of
them is a simple one (``simple/NAME/index.html``) whose files lie in ``files``,
which serves as a flat one too. Served by :func:`stead.testing.server.serve`,
its address is ``URL/simple``; as a directory, ``file://DIRECTORY/simple``.

The same values give the same bytes. An sdist brings its own build back end, so
that nothing need be fetched to build it.
"""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import html
import io
import re
import tarfile
import textwrap
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EPOCH = (2024, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Wheel:
    """One wheel.

    ``files`` are paths in the wheel with their contents; without any, it holds
    the module ``NAME`` with its ``__version__``. ``scripts`` are console entry
    points, name → ``module:function``. ``record`` replaces the record's text.
    """

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requires_python: str = ""
    tag: str = "py3-none-any"
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    record: str | None = None

    @property
    def stem(self) -> str:
        return f"{module_name(self.name)}-{self.version}"

    @property
    def filename(self) -> str:
        return f"{self.stem}-{self.tag}.whl"

    def content(self) -> bytes:
        """Give the wheel's bytes."""
        info = f"{self.stem}.dist-info"
        members: dict[str, bytes] = {}
        module = module_name(self.name)
        for path, content in (self.files or _module(module, self.version)).items():
            members[path] = content.encode() if isinstance(content, str) else content
        members[f"{info}/METADATA"] = self.metadata().encode()
        members[f"{info}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: stead.testing\nRoot-Is-Purelib: true\nTag: {self.tag}\n"
        ).encode()
        if self.scripts:
            lines = ["[console_scripts]", *(f"{k} = {v}" for k, v in self.scripts.items())]
            members[f"{info}/entry_points.txt"] = ("\n".join(lines) + "\n").encode()
        record = self.record if self.record is not None else _record(members, info)
        members[f"{info}/RECORD"] = record.encode()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in members.items():
                member = zipfile.ZipInfo(path, _EPOCH)
                member.external_attr = 0o644 << 16
                archive.writestr(member, content)
        return buffer.getvalue()

    def metadata(self) -> str:
        """Give the text of its core metadata."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        if self.requires_python:
            lines.append(f"Requires-Python: {self.requires_python}")
        lines += [f"Provides-Extra: {extra}" for extra in self.extras]
        lines += [f"Requires-Dist: {need}" for need in self.requires]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Sdist:
    """One source distribution. With ``broken``, building it fails with that message."""

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    broken: str = ""

    requires_python: str = ""

    @property
    def filename(self) -> str:
        return f"{module_name(self.name)}-{self.version}.tar.gz"

    def content(self) -> bytes:
        """Give the archive's bytes."""
        stem = self.filename.removesuffix(".tar.gz")
        buffer = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w") as archive,
        ):
            metadata = Wheel(self.name, self.version, self.requires).metadata()
            for path, text in {**project_files(self), "PKG-INFO": metadata}.items():
                member = tarfile.TarInfo(f"{stem}/{path}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return buffer.getvalue()


def make_index(directory: str | Path, packages: Iterable[Wheel | Sdist]) -> Path:
    """Write packages into ``directory/files`` and list them below ``directory/simple``.

    What lies there already stays and is listed too. Gives the directory.
    """
    root = Path(directory)
    files = root / "files"
    files.mkdir(parents=True, exist_ok=True)
    needs_python: dict[str, str] = {}
    for package in packages:
        (files / package.filename).write_bytes(package.content())
        if package.requires_python:
            needs_python[package.filename] = package.requires_python
    listed: dict[str, list[str]] = {}
    for path in sorted(files.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        stem = path.name.split("-")[0] if path.suffix == ".whl" else path.name.rsplit("-", 1)[0]
        name = re.sub(r"[-_.]+", "-", stem).lower()
        attribute = ""
        if path.name in needs_python:
            attribute = f' data-requires-python="{html.escape(needs_python[path.name])}"'
        listed.setdefault(name, []).append(
            f'<a href="../../files/{path.name}#sha256={digest}"{attribute}>{path.name}</a>'
        )
    for name, links in listed.items():
        page = root / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<!DOCTYPE html>\n" + "<br>\n".join(links) + "\n", "utf-8")
    return root


def make_project(directory: str | Path, project: Sdist) -> Path:
    """Write a project that can be installed, also editable, and give its directory."""
    root = Path(directory)
    for path, text in project_files(project).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return root


def project_files(project: Sdist) -> dict[str, str]:
    """Give the files of a project with a back end of its own."""
    module = module_name(project.name)
    needs = ", ".join(f'"{need}"' for need in project.requires)
    pyproject = f"""\
        [project]
        name = "{project.name}"
        version = "{project.version}"
        dependencies = [{needs}]

        [build-system]
        requires = []
        build-backend = "backend"
        backend-path = ["."]
        """
    settings = (
        f"NAME, VERSION, MODULE = {project.name!r}, {project.version!r}, {module!r}\n"
        f"METADATA = {Wheel(project.name, project.version, project.requires).metadata()!r}\n"
        f"BROKEN = {project.broken!r}\n"
    )
    return {
        "pyproject.toml": textwrap.dedent(pyproject),
        "backend.py": settings + textwrap.dedent(_BACKEND),
        f"src/{module}/__init__.py": f"__version__ = {project.version!r}\n",
    }


def module_name(name: str) -> str:
    """Give the importable form of a distribution's name, which file names use too."""
    return re.sub(r"[-_.]+", "_", name)


def _module(module: str, version: str) -> dict[str, str]:
    return {
        f"{module}/__init__.py": f"__version__ = {version!r}\n\n\ndef main():\n    print({module!r}, __version__)\n"
    }


def _record(members: Mapping[str, bytes], info: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        writer.writerow([path, f"sha256={digest}", len(content)])
    writer.writerow([f"{info}/RECORD", "", ""])
    return out.getvalue()


_BACKEND = """
import io, os, sys, tarfile, zipfile

INFO = f"{NAME.replace('-', '_')}-{VERSION}.dist-info"


def _wheel(directory, files):
    if BROKEN:
        sys.stderr.write(BROKEN + "\\n")
        raise SystemExit(1)
    name = f"{INFO.removesuffix('.dist-info')}-py3-none-any.whl"
    files = {
        **files,
        f"{INFO}/METADATA": METADATA,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[f"{INFO}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{INFO}/RECORD"])
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open(f"src/{MODULE}/__init__.py") as file:
        return _wheel(wheel_directory, {f"{MODULE}/__init__.py": file.read()})


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return _wheel(wheel_directory, {f"_{MODULE}.pth": os.path.abspath("src") + "\\n"})


def build_sdist(sdist_directory, config_settings=None):
    name = f"{INFO.removesuffix('.dist-info')}.tar.gz"
    files = ["pyproject.toml", "backend.py", f"src/{MODULE}/__init__.py"]
    with tarfile.open(os.path.join(sdist_directory, name), "w:gz") as archive:
        for file in files:
            archive.add(file, f"{INFO.removesuffix('.dist-info')}/{file}")
        about = tarfile.TarInfo(f"{INFO.removesuffix('.dist-info')}/PKG-INFO")
        about.size = len(METADATA.encode())
        archive.addfile(about, io.BytesIO(METADATA.encode()))
    return name


def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_editable = get_requires_for_build_wheel
"""
