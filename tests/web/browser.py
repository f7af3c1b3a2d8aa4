"""A real Chromium, driven over its DevTools protocol: opens a page at a size and a colour scheme, and says what it complained of."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websocket

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)  # fmt: skip


class Browser:
    """One tab. `complaints` are what the page was refused or failed at since `open` was called."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=30)
        self._number = 0
        self.complaints: list[str] = []
        for domain in ("Page", "Log", "Runtime", "Network"):
            self._ask(f"{domain}.enable")

    def open(self, url: str, width: int = 1280, *, dark: bool = False) -> None:
        """Loads a page and waits until all of it is there."""
        self.complaints.clear()
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=scheme)
        self._ask("Page.navigate", url=url)
        self._until("Page.loadEventFired")
        self.value("1")  # what the page complained of has arrived before the answer to this

    def value(self, expression: str) -> Any:
        """Of an expression, in the page; its policy does not bind the one who asks."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def picture(self, file: Path) -> None:
        answer = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        self._socket.close()

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = self._next()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def _until(self, event: str) -> None:
        while self._next().get("method") != event:
            pass

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv())
        params = message.get("params", {})
        # the browser's own wish, of whichever page came before, not of the page
        wish = str(params.get("entry", {}).get("url", "")).endswith("/favicon.ico")
        if message.get("method") == "Log.entryAdded" and not wish:
            self.complaints.append(f"{params['entry']['source']}: {params['entry']['text']}")
        if message.get("method") in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
            self.complaints.append(str(params))
        if message.get("method") == "Runtime.consoleAPICalled":
            self.complaints.append(f"console: {params['args']}")
        return message


@contextlib.contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Chromium with a profile of its own; skips or fails where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        from tests.components import need

        need("chromium", remedy="apt-get install chromium")
    assert program
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        tab = Browser(_address(profile / "DevToolsActivePort", process))
        try:
            yield tab
        finally:
            tab.close()
    finally:
        process.terminate()
        process.wait(20)


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Of the first tab: Chromium writes its port into its profile once it listens."""
    import urllib.request

    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if file.exists() and len(lines := file.read_text().split()) > 1:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10) as response:
                tabs = [tab for tab in json.load(response) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise AssertionError("Chromium did not say its port within 30 s")
