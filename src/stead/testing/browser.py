"""Chromium without a screen, told what to do over a pipe."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Without these it looks for its maker's hosts at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1500,1000",
    "--remote-debugging-pipe",
)
PATIENCE = 120
"""Seconds that something on a page may take, on a machine that does other things too."""


class Browser:
    """One page. Its methods speak the DevTools protocol: JSON, each message ended by NUL."""

    def __init__(self, told: int, tells: int) -> None:
        self._told, self._tells = told, tells
        self._last = 0
        self._read = b""
        self._session: str | None = None
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What the page told of itself so far: the protocol's events, once :meth:`listen` was called."""

    def listen(self, *domains: str) -> None:
        """Collect the events of ``Network``, ``Runtime``, …; they come with later answers."""
        for domain in domains:
            self._do(f"{domain}.enable")

    def type(self, text: str) -> None:
        """Write into what has the focus, as a keyboard does."""
        self._do("Input.insertText", text=text)

    def click(self, element: str) -> None:
        """Click with the mouse in the middle of an element, once the expression gives one."""
        middle = (
            "(e => { if (!e) return null; e.scrollIntoView({block: 'center'}); const box = "
            "e.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2] })"
        )
        x, y = self.wait(f"{middle}({element})")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            more = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self._do("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def picture(self, path: Path) -> None:
        """Write what the page looks like as PNG."""
        path.write_bytes(base64.b64decode(self._do("Page.captureScreenshot")["data"]))

    def open(self, address: str) -> None:
        """Go to an address."""
        answer = self._do("Page.navigate", url=address)
        assert "errorText" not in answer, answer

    def evaluate(self, script: str) -> Any:
        """Give the value of an expression in the page; what it promises is waited for."""
        answer = self._do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Ask again until the expression is true in the page; give its value."""
        end = time.monotonic() + PATIENCE
        found = None
        while time.monotonic() < end:
            # The page may be one that is about to be left.
            with contextlib.suppress(AssertionError):
                if found := self.evaluate(script):
                    return found
            time.sleep(0.05)
        text = self.evaluate("location.href + '\\n' + document.body.innerText")
        whole = self.evaluate("document.body.innerHTML")
        raise AssertionError(f"{script} stays {found!r} in:\n{text[:5000]}\n{whole[:5000]}")

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        asked: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._tells, json.dumps(asked).encode() + b"\0")
        while True:
            while b"\0" not in self._read:
                part = os.read(self._told, 1 << 16)
                assert part, "the browser ended"
                self._read += part
            text, _, self._read = self._read.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer and self._session:
                self.events.append((answer["method"], answer["params"]))


@contextlib.contextmanager
def browser(home: Path) -> Iterator[Browser]:
    """Start a browser whose profile is below ``home``; it ends with the block."""
    tells_in, tells = os.pipe()
    told, told_out = os.pipe()
    # It reads from descriptor 3 and writes to 4.
    script = f'exec chromium "$@" 3<&{tells_in} 4>&{told_out}'
    process = subprocess.Popen(
        ["bash", "-c", script, "bash", *FLAGS, f"--user-data-dir={home}/profile"],
        pass_fds=(tells_in, told_out),
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(tells_in)
    os.close(told_out)
    try:
        yield Browser(told, tells)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(tells)
        os.close(told)
