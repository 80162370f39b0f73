"""A headless Chromium driven through a pipe, as the DevTools protocol describes it; no port, no network.

What the page asks for and what it says on its console is kept for the tests.
"""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-default-apps", "--disable-extensions", "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
_PATIENCE_S = 60.0
# The protocol fixes the numbers: the browser reads from 3 and writes to 4.
_START = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])"""
# Events that mean that the page, its script or its policy is at fault.
_FAULTS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


class BrowserFailed(Exception):
    """The browser ended, did not answer, or refused a command."""


def browser_path() -> str | None:
    """Where a Chromium is; `LATPROF_BROWSER` names another one."""
    return os.environ.get("LATPROF_BROWSER") or next((found for name in _NAMES if (found := shutil.which(name))), None)


class Browser:
    """One tab. `requests` holds every address that it asked for, `complaints` what went to its console."""

    def __init__(self, process: subprocess.Popen[bytes], write_to: int, read_from: int) -> None:
        self._process, self._out, self._in = process, write_to, read_from
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self._events: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def start(self) -> None:
        """Open a tab and listen to it."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its answer. Raises BrowserFailed."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda item: item.get("id") == number)
        if "error" in answer:
            raise BrowserFailed(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(
        self, path: Path, *, width: int = 1000, height: int = 900, dark: bool = False, script: bool = True
    ) -> None:
        """Show a file in a window of this size."""
        self._events.clear()
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self.size(width, height, phone=width < 600)
        self.media(dark=dark)
        self.send("Page.navigate", url=path.absolute().as_uri())
        loaded = "Page.loadEventFired"
        if not any(event.get("method") == loaded for event in self._events):
            self._until(lambda item: item.get("method") == loaded)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """The window's size in CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )  # fmt: skip

    def media(self, *, dark: bool = False, printed: bool = False) -> None:
        """Light or dark, on a screen or on paper."""
        wanted = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", media="print" if printed else "", features=wanted)

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression. Raises BrowserFailed when it throws."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self, path: Path, *, top: float = 0, height: float | None = None) -> None:
        """The page as PNG, whole or a strip of it."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": top, "width": size["width"], "height": height or size["height"] - top, "scale": 1}
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it is printed on A4."""
        printed = self.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        path.write_bytes(base64.b64decode(printed["data"]))

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            message = self._next(deadline)
            self._keep(message)
            if wanted(message):
                return message

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self._in, 1 << 16) if ready else b""
            if not piece:
                raise BrowserFailed(f"no answer; ended with {self._process.poll()}")
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _keep(self, message: dict[str, Any]) -> None:
        method = message.get("method", "")
        self._events.append(message)
        if method == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if method in _FAULTS:
            self.complaints.append(json.dumps(message["params"])[:500])


def _out_of_the_way(pipe: int) -> int:
    """The same end of a pipe under a number that is not 3 or 4."""
    moved: int = fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(pipe)
    return moved


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """A browser with a folder of its own, ended with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        its_in, my_out = map(_out_of_the_way, os.pipe())
        my_in, its_out = map(_out_of_the_way, os.pipe())
        process = subprocess.Popen(
            [sys.executable, "-c", _START, str(its_in), str(its_out), path, *_OPTIONS, f"--user-data-dir={folder}"],
            pass_fds=(its_in, its_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": folder},
        )  # fmt: skip
        os.close(its_in)
        os.close(its_out)
        try:
            found = Browser(process, my_out, my_in)
            found.start()
            yield found
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(my_out)
            os.close(my_in)
