"""What tests use stays in the store as long as their project does, and no longer."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stead.matrix import contents
from stead.store.builds import Builds, release_leases
from stead.store.gc import collect
from stead.store.layout import Layout
from stead.values.frozen import replace
from stead.values.requirement import Requirement
from stead.values.suite import Contents, Environment

if TYPE_CHECKING:
    from stead.values.context import Context
    from stead.values.interpreter import Interpreter
    from stead.values.spec import PackagesSpec

LONG = 400 * 86_400


def test_a_collection_leaves_what_tests_use_until_their_project_is_gone(
    tmp_path: Path, interpreter: Interpreter, packages: PackagesSpec, context: Context
) -> None:
    root = tmp_path / "project"
    root.mkdir()
    asked = replace(packages, requirements=(Requirement("pypi", "dep"),))
    shared = Environment("py", interpreter=interpreter, contents=Contents(asked))
    own = replace(shared, name="own", contents=replace(shared.contents, own=True))
    made = [contents.ready(one, None, str(root), context) for one in (shared, own)]
    release_leases()
    layout = Layout(Path(context.home))
    collect(layout, now=time.time() + LONG)
    for one, ready in zip((shared, own), made, strict=True):
        assert contents.ready(one, None, str(root), context) == replace(ready, reused=True)
    assert Builds(layout).all()
    shutil.rmtree(root)
    release_leases()
    collect(layout, now=time.time() + LONG)
    collect(layout, now=time.time() + 2 * LONG)
    assert Builds(layout).all() == []
    assert os.listdir(layout.tests) == []
