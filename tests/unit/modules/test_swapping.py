"""What a swap changes in the files of the root, and in the tests that it keeps."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

import pytest

from stead.modules import adding, needs, record, swapping
from stead.modules.registry.opening import shipped

if TYPE_CHECKING:
    from pathlib import Path


def chosen(name: str):
    source = shipped()
    return needs.gather((source,), source, source.item(name), {})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project with two Python modules of the shipped registry, written as they would be."""
    for name in ("elasticity", "etl"):
        plan = adding.plan(chosen(name), str(tmp_path), adding.reader(str(tmp_path)))
        for write in plan.writes:
            path = tmp_path / write.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(write.content)
    return tmp_path


def after(place: Path, old: str, new: str) -> tuple[swapping.Swap, dict[str, str]]:
    directory = f"modules/{old}"
    held = record.read(os.path.join(place, directory))
    assert held is not None
    swap = swapping.plan(str(place), directory, held, chosen(new), workspace=True)
    files = {p: (a or b"").decode("utf-8", "replace") for p, _, a in swap.edits}
    return swap, files


def test_nothing_of_the_old_module_stays_in_the_root(place: Path) -> None:
    _, files = after(place, "elasticity", "service")
    package = tomllib.loads(files["pyproject.toml"])
    assert sorted(package["project"]["optional-dependencies"]) == ["etl", "service"]
    assert sorted(package["project"]["scripts"]) == ["etl", "service"]
    assert package["tool"]["setuptools"]["packages"]["find"]["where"] == [
        "src",
        "modules/etl/src",
        "modules/service/src",
    ]
    manifest = tomllib.loads(files["stead.toml"])
    assert sorted(manifest["app"]) == ["etl", "service"]
    assert sorted(manifest["layer"]) == ["etl", "etl-test", "service", "service-test"]
    assert "elasticity" not in files["stead.toml"]
    assert "graft modules/elasticity/src" not in files["MANIFEST.in"]
    assert "graft modules/service/src" in files["MANIFEST.in"]


def test_all_of_it_goes_and_comes(place: Path) -> None:
    swap, files = after(place, "elasticity", "service")
    there = {
        p.relative_to(place).as_posix()
        for p in (place / "modules" / "elasticity").rglob("*")
        if p.is_file()
    }
    gone = {path for path, _, content in swap.edits if content is None}
    assert gone == there
    assert "modules/service/src/service/main.py" in files
    assert "modules/service/.stead-module/record.toml" in files
    kept = "modules/service/tests/test_elasticity.py"
    assert "from service import" in files[kept]
    assert "from elasticity" not in files[kept]


def test_an_entry_that_was_changed_stays_and_is_told(place: Path) -> None:
    file = place / "stead.toml"
    file.write_text(file.read_text().replace('["elasticity", "run"]', '["elasticity", "run", "x"]'))
    swap, files = after(place, "elasticity", "service")
    assert set(swap.kept) == {
        "stead.toml:tasks.elasticity.run",
        "stead.toml:app.elasticity.commands",
    }
    manifest = tomllib.loads(files["stead.toml"])
    assert manifest["tasks"]["elasticity"] == {"run": ["elasticity", "run", "x"]}
    assert any(line.startswith("stead.toml:") for line in swap.named)


def test_code_that_uses_the_old_module_is_told(place: Path) -> None:
    (place / "report.py").write_text("# elasticity\nfrom elasticity import fit\n")
    swap, _ = after(place, "elasticity", "service")
    assert swap.named == ("report.py:2: from elasticity import fit",)


def test_what_trying_a_module_out_leaves_is_nobodys(place: Path) -> None:
    for path in ("src/elasticity/__pycache__/x.pyc", "elasticity.egg-info/PKG-INFO", "build/x"):
        file = place / "modules" / "elasticity" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    swap, _ = after(place, "elasticity", "service")
    assert swap.mine == ()


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("from old_one import fit", "from new_two import fit"),
        ("import old_one.main as m", "import new_two.main as m"),
        ("x = old_one.fit(1)", "x = new_two.fit(1)"),
        ('run("-m", "old_one")', 'run("-m", "new_two")'),
        ("run(['old-one', 'run'])", "run(['new-two', 'run'])"),
        ("use old_one::places;", "use new_two::places;"),
        ("# what old_one means", "# what old_one means"),
        ("my_old_one.fit()", "my_old_one.fit()"),
        ('"the old_one of it"', '"the old_one of it"'),
        (
            'run([sys.executable, "-m", "old_one.cli"])',
            'run([sys.executable, "-m", "new_two.cli"])',
        ),
        ('import_module("old_one.main")', 'import_module("new_two.main")'),
        ('f"old_one.x {old_one.fit(1)}"', 'f"old_one.x {new_two.fit(1)}"'),
        ("# don't\nold_one.fit('it')", "# don't\nnew_two.fit('it')"),
        ('data["old_one"]', 'data["old_one"]'),
        ('list(x) == ["old_one", "mean"]', 'list(x) == ["old_one", "mean"]'),
        ('open("old_one.csv")', 'open("old_one.csv")'),
        ('"""\nold_one.csv\n"""', '"""\nold_one.csv\n"""'),
        ('run(["old_one.sh"])', 'run(["old_one.sh"])'),
        ("from reports import old_one", "from reports import old_one"),
    ],
)
def test_a_test_speaks_of_the_new_module_where_it_means_it(before: str, now: str) -> None:
    assert swapping.renamed(before.encode(), "old-one", "new-two").decode() == now


@pytest.mark.parametrize(
    ("text", "role", "after"),
    [
        ("", "old", '[recipe.old]\napp = "new"\n'),
        ("", "gone", None),
        ('[recipe.r]\napp = "old"  # ours\n', "r", '[recipe.r]\napp = "new"  # ours\n'),
        ('[recipe.r]\napp = ["old"]\nkeep = 2\n', "r", '[recipe.r]\napp = "new"\nkeep = 2\n'),
        ('[recipe]\nr = { app = "old" }\n', "r", '[recipe]\nr = { app = "new" }\n'),
        ("[recipe.r]\nkeep = 2\n", "r", "[recipe.r]\nkeep = 2\n"),
        ('[recipe.r]\napp = ["old", "b"]\n', "r", None),
        ('[recipe.r]\napp = "old"\ncounts = { "old:w" = 2 }\n', "r", None),
        ('[recipe.r]\napp = "old"\n[recipe.r.target.t.set]\n"old.A" = "1"\n', "r", None),
    ],
)
def test_a_recipe_that_runs_the_old_one_runs_the_new_one(text, role, after):
    """One that says more of the old one than that it runs is the user's to change."""
    done = (text, ()) if after is None else (after, (role,))
    assert swapping.recast(text, "old", "new", [role]) == done
