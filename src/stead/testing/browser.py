"""Chromium without a screen, told what to do over a pipe."""

from __future__ import annotations

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

_PRESS = """(async find => {
  // A tab that is not shown draws no frames.
  const frame = () => new Promise(on => { requestAnimationFrame(on); setTimeout(on, 1000) });
  const box = e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] };
  const element = find();
  if (!element) return false;
  element.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const before = box(element).join();
  await frame();
  await frame();
  if (find() !== element || box(element).join() !== before) return false;
  if (element.closest(':disabled, [aria-disabled=true]')) return false;
  const [left, top, width, height] = box(element);
  const [x, y] = [left + width / 2, top + height / 2];
  const hit = document.elementFromPoint(x, y);
  if (!hit || !element.contains(hit)) return false;
  const more = {bubbles: true, cancelable: true, composed: true, view: window, clientX: x, clientY: y};
  for (const kind of ['move', 'down', 'up']) {
    const pressed = kind == 'down' ? {...more, buttons: 1} : more;
    hit.dispatchEvent(new PointerEvent('pointer' + kind, {...pressed, isPrimary: true}));
    hit.dispatchEvent(new MouseEvent('mouse' + kind, pressed));
  }
  if (hit.isConnected) hit.dispatchEvent(new MouseEvent('click', more));
  return true;
})"""
_FILL = """((find, words) => {
  const element = find();
  if (!element || element.disabled || element.readOnly) return false;
  element.focus();
  const kind = element instanceof HTMLTextAreaElement ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(element, words);
  element.dispatchEvent(new Event('input', {bubbles: true}));
  return element.value === words;
})"""


class Browser:
    """One page. Its methods speak the DevTools protocol: JSON, each message ended by NUL."""

    def __init__(self, told: int, tells: int) -> None:
        self._told, self._tells = told, tells
        self._last = 0
        self._read = b""
        self._session = self._main = ""
        self.events: list[tuple[str, dict[str, Any]]] = []
        """What the page told of itself so far: the protocol's events, once :meth:`listen` was called."""
        first = self._ask("", "Target.createTarget", url="about:blank")["targetId"]
        self._session = self._main = self._attach(first)

    def listen(self, *domains: str) -> None:
        """Collect the events of ``Network``, ``Runtime``, …; they come with later answers."""
        for domain in domains:
            self._do(f"{domain}.enable")

    def press(self, element: str) -> None:
        """Click on an element once it lies still, can be clicked, and nothing lies over it.

        The page is told itself, in the moment in which that is so: what moves, or comes to lie over it, is never hit
        by mistake, however long the browser takes.
        """
        self.wait(f"{_PRESS}(() => {element})")

    def fill(self, element: str, text: str) -> None:
        """Let a field have this text, as if it had been typed there."""
        self.wait(f"{_FILL}(() => {element}, {json.dumps(text)})")

    @contextlib.contextmanager
    def following(self, link: str) -> Iterator[None]:
        """Press a link that opens in a tab of its own, and be on that tab until the block ends."""
        known = self._tabs()
        self.press(link)
        end = time.monotonic() + PATIENCE
        while not (new := self._tabs() - known):
            assert time.monotonic() < end, f"{link} opened nothing"
            time.sleep(0.05)
        (tab,) = new
        self._session = self._attach(tab)
        try:
            yield
        finally:
            self._session = self._main
            self._ask("", "Target.closeTarget", targetId=tab)
            self._do("Page.bringToFront")

    def open(self, address: str) -> None:
        """Go to an address."""
        answer = self._do("Page.navigate", url=address)
        assert "errorText" not in answer, answer

    def evaluate(self, script: str) -> Any:
        """Give the value of an expression in the page; what it promises is waited for."""
        answer = self._do(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
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

    def _tabs(self) -> set[str]:
        found = self._ask("", "Target.getTargets")["targetInfos"]
        return {each["targetId"] for each in found if each["type"] == "page"}

    def _attach(self, tab: str) -> str:
        asked = self._ask("", "Target.attachToTarget", targetId=tab, flatten=True)
        session: str = asked["sessionId"]
        return session

    def _do(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._ask(self._session, method, **parameters)

    def _ask(self, session: str, method: str, **parameters: Any) -> dict[str, Any]:
        """Ask a tab, or the browser itself, for something; what the page tells meanwhile is kept."""
        self._last += 1
        asked: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session:
            asked["sessionId"] = session
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
            if "method" in answer and answer.get("sessionId", "") == self._main != "":
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
