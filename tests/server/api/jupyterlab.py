"""JupyterLab with its published extension for environment stores, beside a server; and a person at it.

``@conda-store/conda-store-ui``, which the extension shows, puts off what is typed into its form for some tenths of a
second, so that what is pressed at once goes without it. No call of the network tells when it has come: the form's own
state does, which React keeps with the page's elements.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import IO, TYPE_CHECKING, Any

from stead.store.atomic import remove_tree
from stead.testing.browser import PATIENCE, Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
HOME = "document.querySelector('#jp-conda-store')"
FORM = f"""(() => {{
  const element = {HOME}?.querySelector('[class*=Mui]');
  const key = element && Object.keys(element).find(each => each.startsWith('__reactFiber$'));
  let node = element?.[key];
  while (node && !node.memoizedProps?.store?.getState) node = node.return;
  return node?.memoizedProps.store.getState();
}})()"""
"""What the extension's form holds."""


def install(directory: Path) -> None:
    """Make a virtual environment of both, from the package index."""
    uv = shutil.which("uv") or str(os.path.join(os.path.dirname(sys.executable), "uv"))
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, directory], check=True)
    subprocess.run([uv, "pip", "install", "-q", "-p", directory, LAB, EXTENSION], check=True)


class Store:
    """The server's answers, asked for beside the browser with the administrator's token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def get(self, path: str) -> Any:
        """Give the data of an answer."""
        return self._ask(path)["data"]

    def missing(self, path: str) -> bool:
        """Whether there is nothing at a path."""
        try:
            self._ask(path)
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code == 404
        return False

    def build(self, specification: str) -> int:
        """Have an environment built in the namespace ``default``; give the build's id."""
        asked = {"namespace": "default", "specification": specification}
        made: int = self._ask("specification/", asked)["data"]["build_id"]
        end = time.monotonic() + PATIENCE
        while (status := self.get(f"build/{made}/")["status"]) != "COMPLETED":
            assert status != "FAILED"
            assert time.monotonic() < end, status
            time.sleep(0.1)
        return made

    def _ask(self, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", content, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


@contextlib.contextmanager
def serving(directory: Path, origin: str) -> Iterator[Store]:
    """Serve, for pages of this origin too; nothing is built while nobody is :func:`working`."""
    try:
        with _stead(directory, "serve", "--port", "0", "--workers", "0", "--cors", origin) as told:
            token = told.readline().split()[-1]
            yield Store(told.readline().split()[-1], token)
    finally:
        remove_tree(directory / "home")


@contextlib.contextmanager
def working(directory: Path) -> Iterator[None]:
    """Build what the server there is asked for."""
    with _stead(directory, "worker"):
        yield


@contextlib.contextmanager
def _stead(directory: Path, *words: str) -> Iterator[IO[str]]:
    """Run a command until the block ends; give what it prints. It must end in order then."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("STEAD_", "CONDA_"))}
    path = directory / f"{words[0]}.log"
    with (
        path.open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "stead", *words],
            env=environ | {"STEAD_HOME": str(directory / "home")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield process.stdout
            process.terminate()
            assert process.wait(PATIENCE) == 0, path.read_text()
        finally:
            process.kill()


@contextlib.contextmanager
def laboratory(program: Path, directory: Path, port: int, url: str) -> Iterator[str]:
    """Run JupyterLab whose extension is told of the server; give its page's address."""
    known = {"apiUrl": f"{url}/", "loginUrl": f"{url}/login?next="}
    for name, values in SETTINGS.items():
        file = directory / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        more = known if "conda-store" in name else {}
        file.write_text(json.dumps(values | more))
    (directory / "work").mkdir()
    environ = {
        "HOME": str(directory),
        "JUPYTERLAB_SETTINGS_DIR": str(directory / "settings"),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "LANG": "C.UTF-8",
        "PATH": f"{program}/bin:{os.environ['PATH']}",
    }
    words = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    words += ["--IdentityProvider.token=", f"--notebook-dir={directory / 'work'}"]
    words.append(f"--LabApp.templates_dir={_page(program, directory, url)}")
    with (
        (directory / "lab.log").open("w") as log,
        subprocess.Popen(
            [program / "bin/jupyter-lab", *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        ) as lab,
    ):
        try:
            end = time.monotonic() + PATIENCE
            while not _answers(port):
                assert lab.poll() is None, (directory / "lab.log").read_text()
                assert time.monotonic() < end, (directory / "lab.log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            lab.terminate()
            lab.wait()


def _page(program: Path, directory: Path, url: str) -> Path:
    """Write JupyterLab's page so that it says where to log out, which no setting of the extension says."""
    page = (program / "share/jupyter/lab/static/index.html").read_text()
    known = {"REACT_APP_LOGOUT_PAGE_URL": f"{url}/logout?next=/"}
    script = f"<script>window.condaStoreConfig = {json.dumps(known)}</script>"
    made = directory / "templates" / "index.html"
    made.parent.mkdir()
    made.write_text(page.replace("<head>", f"<head>{script}", 1))
    return made.parent


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


class Extension:
    """The extension's page, by what a person sees of it."""

    def __init__(self, page: Browser, lab: str, url: str) -> None:
        self.page = page
        self.lab = lab
        self.url = url

    def open(self) -> None:
        """Open JupyterLab, and in it the extension by its menu."""
        self.page.open(self.lab)
        self.find_menu()

    def find_menu(self) -> None:
        """Open the extension by its menu, once JupyterLab is there."""
        self.page.wait("!document.querySelector('#jupyterlab-splash')")
        self.page.press(_named(".lm-MenuBar-item", "Conda-Store"))
        self.page.press(_named(".lm-Menu-item", "Conda Store Package Manager"))
        self.see("Package Manager")

    def see(self, *words: str) -> None:
        """Wait until all of this is to be read in it."""
        self.page.wait(f"{json.dumps(words)}.every(each => {HOME}?.innerText.includes(each))")

    def lack(self, *words: str) -> None:
        """Wait until nothing of this is to be read in it."""
        self.page.wait(
            f"{json.dumps(words)}.every(each => {HOME}?.innerText.includes(each) === false)"
        )

    def press(self, name: str, kind: str = "button, a, p") -> None:
        """Press the last of what is called so."""
        self.page.press(_named(kind, name))

    def unfold(self) -> None:
        """Show the environments of the last namespace of the list."""
        folds = f"[...{HOME}.querySelectorAll('.MuiAccordionSummary-root')]"
        self.page.press(f"{folds}.findLast(e => e.querySelector('a'))")

    def switch_editor(self) -> None:
        """Go from the form to the text made of it, or back."""
        self.page.press(f"{HOME}.querySelector('[type=checkbox]')")

    def open_choice(self, chosen: str) -> None:
        """Unfold a list of which this is chosen."""
        lists = f"[...{HOME}.querySelectorAll('[role=combobox], [aria-haspopup=listbox]')]"
        self.page.press(f"{lists}.find(e => e.textContent.includes({json.dumps(chosen)}))")

    @contextlib.contextmanager
    def following(self, link: str) -> Iterator[None]:
        """Be on the page that a link opens."""
        with self.page.following(_named("#jp-conda-store a", link)):
            yield

    def choose(self, name: str) -> None:
        """Choose the last of what a list offers whose name has this."""
        offered = "[...document.querySelectorAll('[role=option]')]"
        self.page.press(f"{offered}.filter(e => e.textContent.includes({json.dumps(name)})).at(-1)")

    def write(self, label: str, words: str) -> None:
        """Let a field have this, by its label or by what stands in it while it is empty."""
        fields = f"[...{HOME}.querySelectorAll('input, textarea:not([aria-hidden])')]"
        self.page.fill(
            f"{fields}.find(e => e.placeholder == {json.dumps(label)} || e.closest('.MuiFormControl-root')"
            f"?.querySelector('label')?.textContent == {json.dumps(label)})",
            words,
        )

    def paste(self, words: str) -> None:
        """Paste a text over all that stands in the editor."""
        self.page.wait(
            "(async words => { const editor = document.querySelector('#jp-conda-store .cm-content');"
            " if (!editor) return false; editor.focus(); getSelection().selectAllChildren(editor);"
            " await new Promise(requestAnimationFrame); await new Promise(requestAnimationFrame);"
            " const clipboardData = new DataTransfer(); clipboardData.setData('text/plain', words);"
            " editor.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true}));"
            " await new Promise(requestAnimationFrame);"
            " return [...editor.querySelectorAll('.cm-line')].map(e => e.textContent).join('\\n') == words })"
            f"({json.dumps(words)})"
        )

    def holds(self, condition: str) -> None:
        """Wait until this is true of what the form holds, as ``form``."""
        self.page.wait(f"(form => form && ({condition}))({FORM})")

    def calls(self) -> list[tuple[str, str, object]]:
        """Give what it asked of the server: method, path, and status or what went wrong."""
        asked: dict[str, tuple[str, str, object]] = {}
        self.page.evaluate("1")
        for number, (kind, told) in enumerate(self.page.events):
            one = told.get("requestId", "")
            if kind == "Network.requestWillBeSent" and told["request"]["url"].startswith(self.url):
                if "redirectResponse" in told and one in asked:
                    status = told["redirectResponse"]["status"]
                    asked[f"{one} {number}"] = (*asked.pop(one)[:2], status)
                path = told["request"]["url"].removeprefix(self.url)
                asked[one] = (told["request"]["method"], path, None)
            elif one in asked and kind == "Network.responseReceived":
                asked[one] = (*asked[one][:2], told["response"]["status"])
            elif one in asked and kind == "Network.loadingFailed" and not told.get("canceled"):
                asked[one] = (*asked[one][:2], told["errorText"])
        return list(asked.values())

    @contextlib.contextmanager
    def asking(self, method: str, path: str, status: int = 200) -> Iterator[None]:
        """Wait at the end of the block until it has asked for this in it, and was answered so."""
        call = (method, path, status)
        before = self.calls().count(call)
        yield
        end = time.monotonic() + PATIENCE
        while self.calls().count(call) == before:
            assert time.monotonic() < end, self.calls()
            time.sleep(0.05)


def _named(kind: str, name: str) -> str:
    """Give an expression for the last element of a kind that has this for its text."""
    found = f"[...document.querySelectorAll({json.dumps(kind)})]"
    return f"{found}.filter(e => e.textContent.trim() == {json.dumps(name)}).at(-1)"
