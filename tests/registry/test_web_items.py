"""The pages of the shipped items in a real browser."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.registry.browser import browser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.needs("chromium")]


@contextlib.contextmanager
def serving(words: Sequence[str | Path], cwd: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Start a server; give the address that it prints. It ends with the block, in silence."""
    with subprocess.Popen(
        words,
        cwd=cwd,
        env={**environ, "PORT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            address = server.stdout.readline().strip()
            if not address.startswith("http://127.0.0.1:"):
                pytest.fail(f"{address}\n{server.stderr.read()}")
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            out, err = server.communicate(timeout=60)
    assert (out, err) == ("", "")


def test_the_dash_app_draws_what_is_chosen(installed, tmp_path):
    app = installed("dash-app")
    with (
        serving([app.bin / "dash-app", "run"], app.directory, app.environment()) as address,
        browser(tmp_path) as page,
    ):
        page.open(address)
        lines = "document.querySelectorAll('#figure .scatterlayer .trace').length"
        assert page.wait(lines) == 4
        rows = "[...document.querySelectorAll('#summary tbody tr')].map(r => r.innerText)"
        first = "construction\t100.0\t"
        assert page.wait(f"{rows}[0]?.startsWith({first!r})")
        page.evaluate("document.querySelectorAll('#mode input')[1].click()")
        assert page.wait(f"{rows}[0]?.includes('7,601.0')")
        title = "document.querySelector('#figure .ytitle').textContent"
        assert page.wait(f"{title} == 'value'")
