"""Nothing of rattler is loaded before it is needed: its import takes longer than a command may."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def loaded(code: str, tmp_path: Path) -> set[str]:
    program = f"import sys\nhome = {str(tmp_path)!r}\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_ecosystem_loads_without_rattler(tmp_path: Path) -> None:
    names = loaded("from stead.ecosystems.conda import Conda; Conda()", tmp_path)
    assert not names & {"rattler", "asyncio", "rich", "packaging", "tomlkit"}


def test_activation_and_verification_do_not_load_it_either(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    code = (
        "from stead.ecosystems.conda import Conda\n"
        "from pathlib import Path\n"
        "Conda().verify(Path(home), None)\n"
        "Conda().activation(Path(home), None)\n"
    )
    assert "rattler" not in loaded(code, tmp_path)
