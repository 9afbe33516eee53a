"""The pages of the shipped items in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from stead.testing.browser import browser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.network]


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


@pytest.mark.needs("chromium")
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


def done(words: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> str:
    """Run a program to its end; give what it prints. Fails with all that it said."""
    ran = subprocess.run(
        words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=600
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.needs("npm")
def test_the_remix_apps_types_hold(remix):
    done(["npm", "run", "typecheck"], *remix)


@pytest.mark.needs("npm")
def test_the_remix_apps_lock_names_no_registry(remix):
    module, _ = remix
    lock = json.loads((module / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert len(packages) > 100
    assert not [name for name, one in packages.items() if "resolved" in one]
    assert not [name for name, one in packages.items() if "integrity" not in one]


@pytest.mark.needs("chromium", "npm")
def test_the_remix_app_shows_what_is_asked_for_and_keeps_a_note(remix, tmp_path):
    module, environ = remix
    kept = tmp_path / "notes.jsonl"
    words = ["node", "bin/remix-app.mjs", "run", "--notes", str(kept)]
    with serving(words, module, environ) as address, browser(tmp_path) as page:
        page.open(f"{address}/?least=6")
        rows = "document.querySelectorAll('tbody tr').length"
        assert page.wait(rows) == 5
        # What the browser does itself shows that its part of the app runs.
        page.wait("window.__reactRouterRouteModules?.['routes/home']")
        # React has taken the page over once its elements bear what it keeps of them.
        form = "document.querySelector('#us1000chhc form')"
        page.wait(f"Object.keys({form} || {{}}).some(key => key.startsWith('__reactProps'))")
        page.evaluate("window.here = true")
        page.wait(
            """(() => {
                const field = document.querySelector('#us1000chhc input[name=text]');
                if (!field) return false;
                field.value = '<felt> it';
                field.form.requestSubmit();
                return true;
            })()"""
        )
        note = "document.querySelector('#us1000chhc .note')?.innerText"
        assert page.wait(note) == "<felt> it"
        assert page.evaluate("window.here") is True, "the page was loaded anew"
        page.open(f"{address}/?least=6&order=magnitude")
        assert page.wait(f"document.querySelectorAll('tbody td')[1]?.innerText == '6.4' && {note}")
        page.open(f"{address}/?least=nonsense")
        told = "document.querySelector('[role=alert]')?.innerText"
        assert "Expected: least (a magnitude" in page.wait(told)
    (one,) = kept.read_text(encoding="utf-8").splitlines()
    assert json.loads(one)["text"] == "<felt> it"
