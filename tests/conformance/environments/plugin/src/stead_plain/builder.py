"""Wheels that are zipped from ``src`` as it lies there, without a back end."""

from __future__ import annotations

import os
import zipfile

from stead.values.errors import ArtifactError


class Zipped:
    """A builder for projects that state their name and version in ``pyproject.toml``."""

    version = "1"

    def build(self, tree, order, bench):
        name, version = order.system.name, order.system.version
        if not name or not version:
            raise ArtifactError("pyproject.toml states no name and version")
        stem = f"{name.replace('-', '_')}-{version}"
        held = {
            f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        top = os.path.join(tree, "src")
        for parent, _, files in os.walk(top):
            for file in files:
                path = os.path.join(parent, file)
                with open(path, encoding="utf-8") as opened:
                    held[os.path.relpath(path, top).replace(os.sep, "/")] = opened.read()
        held[f"{stem}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in held)
        order.log(f"zipping {len(held)} files")
        wheel = os.path.join(bench.work, f"{stem}-py3-none-any.whl")
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in sorted(held.items()):
                archive.writestr(path, text)
        return wheel
