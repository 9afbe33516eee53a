"""The published JupyterLab extension, from the package index, in a browser, against a server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from stead.store.atomic import remove_tree
from stead.testing.browser import PATIENCE, browser
from stead.testing.channel import Package, make_channel, text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.network, pytest.mark.needs("chromium")]

EXTENSION = "jupyterlab-conda-store==2024.11.1"
LAB = "jupyterlab==4.6.6"
SETTINGS = {
    "jupyterlab-conda-store/plugin": {"authMethod": "cookie"},
    # Nothing asks for news, and nothing lies over what is clicked on.
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("lab") / "venv"
    uv = shutil.which("uv") or str(os.path.join(os.path.dirname(sys.executable), "uv"))
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, directory], check=True)
    subprocess.run([uv, "pip", "install", "-q", "-p", directory, LAB, EXTENSION], check=True)
    return directory


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def serving(directory: Path, origin: str) -> Iterator[tuple[str, str]]:
    """Serve with a worker; give the address and the administrator's token."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("STEAD_", "CONDA_"))}
    words = ["serve", "--port", "0", "--workers", "1", "--cors", origin]
    with (
        (directory / "serve.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "stead", *words],
            env=environ | {"STEAD_HOME": str(directory / "home")},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            token = server.stdout.readline().split()[-1]
            yield server.stdout.readline().split()[-1], token
            server.terminate()
            assert server.wait(120) == 0, (directory / "serve.log").read_text()
        finally:
            server.kill()
            remove_tree(directory / "home")


@contextlib.contextmanager
def laboratory(program: Path, directory: Path, port: int, url: str) -> Iterator[str]:
    """Run JupyterLab whose extension is told of the server; give its page's address."""
    known = {"apiUrl": f"{url}/", "loginUrl": f"{url}/login?next="}
    for name, values in SETTINGS.items():
        file = directory / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        more = known if "conda-store" in name else {}
        file.write_text(json.dumps(values | more))
    work = directory / "work"
    work.mkdir()
    environ = {
        "HOME": str(directory),
        "JUPYTERLAB_SETTINGS_DIR": str(directory / "settings"),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "LANG": "C.UTF-8",
        "PATH": f"{program}/bin:{os.environ['PATH']}",
    }
    words = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    with (
        (directory / "lab.log").open("w") as log,
        subprocess.Popen(
            [
                program / "bin/jupyter-lab",
                *words,
                "--IdentityProvider.token=",
                f"--notebook-dir={work}",
            ],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as lab,
    ):
        try:
            end = time.monotonic() + PATIENCE
            while not answers(port):
                assert lab.poll() is None, (directory / "lab.log").read_text()
                assert time.monotonic() < end, (directory / "lab.log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            lab.terminate()
            lab.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Extension:
    """The extension's page, by what a person sees of it."""

    def __init__(self, page, lab: str, url: str) -> None:
        self.page = page
        self.lab = lab
        self.url = url

    def open(self) -> None:
        """Open JupyterLab, and in it the extension by its menu."""
        self.page.open(self.lab)
        self.find_menu()

    def find_menu(self) -> None:
        bar = "[...document.querySelectorAll('.lm-MenuBar-item')].find(e => e.innerText == 'Conda-Store')"
        item = "[...document.querySelectorAll('.lm-Menu-item')].find(e => e.innerText.includes('Conda Store'))"
        self.page.wait(f"!!{bar} && !document.querySelector('#jupyterlab-splash')")
        self.page.click(bar)
        self.page.click(item)
        self.see("Package Manager")

    def see(self, *words: str) -> None:
        """Wait until all of this is to be read in it."""
        seen = "document.querySelector('#jp-conda-store')?.innerText"
        self.page.wait(f"{json.dumps(words)}.every(each => {seen}?.includes(each))")

    def press(self, name: str) -> None:
        """Click on the last of what is called so, when it can be clicked."""
        self.page.wait(
            "(name => { const found = [...document.querySelectorAll('button, a, p')].filter(e =>"
            " e.innerText.trim() == name && !e.disabled).at(-1); found?.click(); return !!found })"
            f"({json.dumps(name)})"
        )

    def write(self, element: str, words: str) -> None:
        """Write into a field that is empty."""
        field = f"document.querySelector({json.dumps(element)})"
        self.page.click(field)
        self.page.wait(f"document.activeElement == {field}")
        self.page.type(words)
        self.page.wait(f"{field}.value == {json.dumps(words)}")

    def calls(self) -> list[tuple[str, str, object]]:
        """Give what it asked of the server: method, path, and status or what went wrong."""
        asked: dict[str, tuple[str, str, object]] = {}
        self.page.evaluate("1")
        for kind, told in self.page.events:
            one = told.get("requestId", "")
            if kind == "Network.requestWillBeSent" and told["request"]["url"].startswith(self.url):
                path = told["request"]["url"].removeprefix(self.url)
                asked[one] = (told["request"]["method"], path, None)
            elif one in asked and kind == "Network.responseReceived":
                asked[one] = (*asked[one][:2], told["response"]["status"])
            elif one in asked and kind == "Network.loadingFailed" and not told.get("canceled"):
                asked[one] = (*asked[one][:2], told["errorText"])
        return list(asked.values())


def build(url: str, token: str, channel: Path) -> None:
    """Have an environment built."""
    text = f"name: lab\nchannels: ['file://{channel}']\ndependencies: [tiny=1.0]\n"
    asked = {"namespace": "default", "specification": text}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps(asked).encode()
    request = urllib.request.Request(f"{url}/api/v1/specification/", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        made = json.load(answer)["data"]["build_id"]
    end = time.monotonic() + PATIENCE
    while True:
        request = urllib.request.Request(f"{url}/api/v1/build/{made}/", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            status = json.load(answer)["data"]["status"]
        if status == "COMPLETED":
            return
        assert status != "FAILED"
        assert time.monotonic() < end, status
        time.sleep(0.1)


def test_its_reader_logs_in_and_sees_an_environment(program, here, tmp_path):
    made = [Package("tiny", "1.0", entries=(text("share/tiny.txt", "tiny\n"),))]
    channel = make_channel(tmp_path / "channel", made, here.name)
    port = free_port()
    with (
        serving(tmp_path, f"http://127.0.0.1:{port}") as (url, token),
        laboratory(program, tmp_path, port, url) as lab,
        browser(tmp_path) as page,
    ):
        page.listen("Network", "Runtime", "Log")
        extension = Extension(page, lab, url)
        build(url, token, channel)
        extension.open()
        log_in(extension, token)
        look(extension)
        calls = extension.calls()
        thrown = [told for kind, told in page.events if kind == "Runtime.exceptionThrown"]
    assert [call for call in calls if call[2] not in (200, None)] == []
    assert thrown == []


def log_in(extension: Extension, token: str) -> None:
    extension.see("default")
    extension.press("Log in")
    extension.page.wait("!!document.querySelector('input[name=token]')")
    extension.write("input[name=token]", token)
    extension.page.click("document.querySelector('button')")
    extension.page.wait(f"location.href.startsWith({json.dumps(extension.lab)})")
    extension.find_menu()
    # Whose environments are their own stand apart from those that are shared.
    extension.see("Log out", "admin", "Shared Environments")


def look(extension: Extension) -> None:
    """Unfold the namespace, and open its environment."""
    extension.page.click(
        "[...document.querySelectorAll('#jp-conda-store .MuiAccordionSummary-root')].at(-1)"
    )
    extension.press("lab")
    extension.see("Status: Completed", "- Active", "=1.0", "tiny\t\n\n1.0", "Show lockfile")
