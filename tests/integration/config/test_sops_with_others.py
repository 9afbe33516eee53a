"""Files of sops as other programs write and read them: what is read here is what they mean.

No registry has the sops program itself. There are the package ``sops-age`` of
npm, which reads such files, and ``sops`` 1.18 of PyPI, Mozilla's own first
version, which writes them (for other keys than age's: its data key is wrapped
for an age key here).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pyrage
import pytest

from stead.config.secrets import resolve
from stead.testing.sops import sops_file
from stead.testing.world import make_context
from stead.values.errors import SecretError
from stead.values.secret import parse_reference

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.slow]

TREE = {
    "text": "hunter2 ü $x # y",
    "number": 5432,
    "half": 0.5,
    "yes": True,
    "no": False,
    "table": {"deep": {"value": "v"}, "list": ["a", "b", {"c": "d"}]},
    "clear_unencrypted": {"n": 7, "f": 2.25, "t": True, "s": "in clear"},
}
KEYS = {
    "text": "hunter2 ü $x # y",
    "number": "5432",
    "half": "0.5",
    "yes": "true",
    "no": "false",
    "table.deep.value": "v",
    "table.list.1": "b",
    "table.list.2.c": "d",
    "clear_unencrypted.n": "7",
    "clear_unencrypted.s": "in clear",
}

WRITER = """
import json, sys, types
sys.modules["boto3"] = types.ModuleType("boto3")  # for keys of Amazon's, which take no part
import sops, ruamel.yaml
tree, key, out = json.loads(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3]
tree["sops"] = {"version": "1.18", "unencrypted_suffix": "_unencrypted", "age": json.loads(sys.argv[4])}
tree = sops.walk_and_encrypt(tree, key)
with open(out, "w", encoding="utf-8") as file:
    if out.endswith(".json"):
        json.dump(tree, file, indent=4)
    else:
        ruamel.yaml.YAML().dump(tree, file)
"""


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has Mozilla's sops 1.18, with only what writing needs."""
    venv = tmp_path_factory.mktemp("sops")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    uv = [os.path.join(sys.prefix, "bin", "uv"), "pip", "install", "-q", "--no-deps"]
    wanted = ["sops==1.18", "ruamel.yaml", "cryptography", "cffi", "pycparser", "setuptools"]
    # By name: a session may have said with UV_PYTHON where uv installs to.
    python = venv / "bin" / "python"
    subprocess.run([*uv, "--python", str(python), *wanted], check=True)
    return python


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory):
    """What npm's ``sops-age`` makes of a file."""
    root = tmp_path_factory.mktemp("sops-age")
    (root / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    quiet = ["--no-audit", "--no-fund", "--silent"]
    subprocess.run(["npm", "install", *quiet, "sops-age@4.0.2"], cwd=root, check=True)
    (root / "read.mjs").write_text(
        'import { decryptSops } from "sops-age";\n'
        "const found = await decryptSops({ path: process.argv[2], secretKey: process.env.KEY });\n"
        "console.log(JSON.stringify(found));\n",
        encoding="utf-8",
    )

    def read(path: Path, identity) -> dict:
        done = subprocess.run(
            ["node", "read.mjs", str(path)],
            cwd=root,
            env={"PATH": os.environ["PATH"], "KEY": str(identity)},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return read


@pytest.fixture
def identity():
    return pyrage.x25519.Identity.generate()


def get(path: Path, identity, keys) -> dict[str, str]:
    context = make_context(path.parent, environ={"SOPS_AGE_KEY": str(identity)})
    references = {k: parse_reference(f"sops:{path.name}#{k}", str(path.parent)) for k in keys}
    found = resolve(references.values(), context=context)
    return {key: found[reference].reveal() for key, reference in references.items()}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_mozillas_sops_wrote_is_read_and_authenticated(writer, identity, tmp_path, form):
    key = os.urandom(32)
    recipient = identity.to_public()
    wrapped = pyrage.encrypt(key, [recipient], armored=True).decode()
    entries = json.dumps([{"recipient": str(recipient), "enc": wrapped}])
    path = tmp_path / f"s.{form}"
    argv = [str(writer), "-W", "ignore", "-c", WRITER, json.dumps(TREE), key.hex(), str(path)]
    subprocess.run([*argv, entries], check=True)
    text = path.read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert get(path, identity, KEYS) == KEYS
    path.write_text(text.replace("in clear", "In clear"), encoding="utf-8")
    with pytest.raises(SecretError, match="was changed without sops"):
        get(path, identity, KEYS)


@pytest.mark.needs("npm")
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_what_the_tests_write_is_read_by_others_alike(reader, identity, tmp_path, form):
    path = tmp_path / f"s.{form}"
    text = sops_file(TREE, [str(identity.to_public())], form)
    path.write_text(text, encoding="utf-8")
    assert reader(path, identity) == TREE
    assert get(path, identity, KEYS) == KEYS


@pytest.mark.needs("npm")
def test_dotenv_too(reader, identity, tmp_path):
    tree = {"A": "hunter2 ü $x # y", "LINES": "a\nb", "N": "7"}
    path = tmp_path / "s.env"
    text = sops_file(tree, [str(identity.to_public())], "dotenv")
    path.write_text(text, encoding="utf-8")
    assert reader(path, identity) == tree
    assert get(path, identity, tree) == tree
