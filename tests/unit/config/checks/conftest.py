"""Checks made for real, on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from stead.cli.runner import run
from stead.config.checks import evaluate
from stead.values.kinds import Check
from stead.values.origin import Origin
from stead.values.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from stead.values.checked import Result
    from stead.values.platform import Platform


def check(kind: str, subject: str = "", line: int = 7, **rest: Any) -> Check:
    return Check(rest.pop("name", kind), kind, subject, origin=Origin("stead.toml", line), **rest)


@pytest.fixture
def see(here: Platform) -> Callable[..., Result]:
    """Make one check and give its result."""

    def seen(kind: str, subject: str = "", **rest: Any) -> Result:
        options = {
            name: rest.pop(name)
            for name in ("environ", "table", "secrets", "root", "platform", "run")
            if name in rest
        }
        given = {
            "environ": {"PATH": os.environ["PATH"]},
            "table": Table(),
            "platform": here,
            "run": run,
            **options,
        }
        (result,) = evaluate([check(kind, subject, **rest)], **given)
        return result

    return seen
