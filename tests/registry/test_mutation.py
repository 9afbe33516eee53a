"""Each item's own tests show its interface: change the interface, and they fail.

One change of each item is tried here, another each time; all of them by ``nox -s soak``.
"""

from __future__ import annotations

import ast
import json
import os
import random
from pathlib import Path

import pytest
from tests.registry.mutation import mutants
from tests.registry.variants import INTERFACES

RUNNER = Path(__file__).with_name("run_mutants.py")
FEW = 1

SMALL = {
    "src/m/__init__.py": b"from m.main import A, f\n__all__ = ['A', 'f']\n",
    "src/m/main.py": (
        b"from dataclasses import dataclass\n"
        b"@dataclass\nclass A:\n    x: int\n    y: int = 1\n"
        b"def f(a, b=2, *, c=True):\n    return a - b\n"
        b"def hidden(z=1): return 1\n"
    ),
    "src/m/cli.py": (
        b"import argparse\ndef main():\n    p = argparse.ArgumentParser()\n"
        b"    p.add_argument('file')\n    p.add_argument('--n', default=1, choices=[1, 2])\n"
    ),
}


def test_every_part_of_an_interface_is_changed_once():
    found = {m.name: m for m in mutants(SMALL, "m")}
    assert sorted(found) == [
        "A renamed",
        "attribute x renamed",
        "attribute y renamed",
        "choices of --n 1",
        "default of --n 1",
        "default of A.y",
        "default of b of f",
        "default of c of f",
        "f renamed",
        "option --n 1 dropped",
        "option --n 1 renamed",
        "parameter a of f dropped",
        "parameter b of f dropped",
        "parameter c of f dropped",
        "return 1 of f",
    ]
    main = {name: m.files["src/m/main.py"] for name, m in found.items() if "--n" not in name}
    assert "def f(a, b=3, *, c=True)" in main["default of b of f"]
    assert "def f(a, *, c=True):\n    b = 2" in main["parameter b of f dropped"]
    assert "return a + b" in main["return 1 of f"]
    assert "def f_renamed" in main["f renamed"]
    assert "from m.main import A, f_renamed" in found["f renamed"].files["src/m/__init__.py"]
    cli = found["option --n 1 dropped"].files["src/m/cli.py"]
    assert "p.set_defaults(n=1)" in cli
    for mutant in found.values():
        for text in mutant.files.values():
            ast.parse(text)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("variant", INTERFACES, ids=str)
def test_its_own_tests_fail_where_its_interface_changed(variant, house, tmp_path):
    seed = random.randrange(1 << 32)

    def tried(every: list[str]) -> list[str]:
        return every if "STEAD_SOAK" in os.environ else random.Random(seed).sample(every, FEW)

    names = {}
    pristine = variant.write(tmp_path / "pristine")
    for number, mutant in enumerate(mutants(variant.files(), variant.package, tried)):
        module = variant.write(tmp_path / str(number))
        for path, text in mutant.files.items():
            (module / path).write_text(text, encoding="utf-8")
        names[str(module)] = mutant.name
    ran = house.run(
        *(house.python, str(RUNNER), variant.package, str(pristine), *names),
        cwd=tmp_path, home=tmp_path, timeout=3600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    codes = json.loads(ran.stdout)
    assert codes[str(pristine)] == 0, (pristine / "said.txt").read_text("utf-8")
    survived = [name for module, name in names.items() if codes[module] == 0]
    assert not survived, f"of {len(names)} changes (seed {seed}) its tests do not see: {survived}"
