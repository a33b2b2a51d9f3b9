"""A headless Chromium and the one page it shows, driven over a pipe by the DevTools protocol.

source  https://chromedevtools.github.io/devtools-protocol
"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,1024",
    "--remote-debugging-pipe",
)
# Chromium reads from the file descriptor 3 and writes to 4.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
ALT, CONTROL, META, SHIFT = 1, 2, 4, 8
KEYS = {"Backspace": 8, "Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
        "ArrowRight": 39, "ArrowDown": 40, "Delete": 46}
SHOWN = 2000      # characters of a page in a failure


class Browser:
    """One Chromium with a page of its own; close it, or use it in a `with`.

    program     what to run; SKELEBOT_TEST_CHROMIUM by default
    seconds     how long each answer may take
    Whatever goes wrong is an AssertionError that says what the page shows.
    """

    def __init__(self, program=None, seconds=100):
        self.seconds, self.last, self.unread, self.session = seconds, 0, b"", None
        self.folder = tempfile.mkdtemp(prefix="browser-")
        self.log = os.path.join(self.folder, "log")
        reader, self.writing = os.pipe()
        self.reading, writer = os.pipe()
        words = [program or os.environ["SKELEBOT_TEST_CHROMIUM"], *OPTIONS, "--user-data-dir=" + self.folder]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(reader), str(writer), *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(reader, writer), start_new_session=True,
                env=dict(os.environ, HOME=self.folder))
        os.close(reader)
        os.close(writer)
        try:
            target = self.command("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self.command("Page.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.close()

    def close(self):
        """End Chromium and every process that it has started, and remove its folder."""
        for descriptor in (self.writing, self.reading):
            os.close(descriptor)
        try:
            self.process.wait(5)       # it ends by itself at the end of its pipe
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- The page -----------------------------------------------------------

    def open(self, url):
        """Show what lies at the URL, and wait until it is loaded."""
        fault = self.command("Page.navigate", url=url).get("errorText")
        assert not fault, f"{url}: {fault}"
        self.until("document.readyState == 'complete'")

    def evaluate(self, javascript):
        """The value of an expression in the page, or what its promise gives, as JSON has it."""
        answer = self.command("Runtime.evaluate", expression=javascript, awaitPromise=True, returnByValue=True)
        fault = answer.get("exceptionDetails")
        if fault:
            raise AssertionError(fault.get("exception", {}).get("description") or fault["text"])
        return answer["result"].get("value")

    def until(self, javascript, seconds=None):
        """The first value of the expression that counts as true; a page may load meanwhile."""
        seconds = seconds or self.seconds
        end = time.monotonic() + seconds
        while True:
            try:
                value = fault = self.evaluate(javascript)
            except AssertionError as raised:
                value, fault = None, raised
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {javascript}\nlast: {fault}\n{self.shown()}")
            time.sleep(0.1)

    def shown(self):
        """What the page shows: its address, title and text."""
        try:
            address, title, text = self.evaluate("[location.href, document.title, document.body.innerText]")
        except AssertionError as fault:
            return f"the page does not answer: {fault}"
        return f"the page {address}, {title!r}, shows:\n{text[:SHOWN]}"

    # ---- Its user -----------------------------------------------------------

    def click(self, selector):
        """Click in the middle of the first element that the CSS selector finds, once there is one to be seen."""
        x, y = self.until(f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            if (!found) return null;
            found.scrollIntoViewIfNeeded();
            const box = found.getBoundingClientRect();
            return box.width && box.height ? [box.x + box.width / 2, box.y + box.height / 2] : null;
        }})()""")
        for kind in "mousePressed", "mouseReleased":
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        """Put in a text where the focus is, as a whole."""
        self.command("Input.insertText", text=text)

    def press(self, key, modifiers=0):
        """Press a letter or one of KEYS, with ALT, CONTROL, META, SHIFT or a sum of them."""
        text = "\r" if key == "Enter" else key if len(key) == 1 and modifiers in (0, SHIFT) else None
        known = {"key": key, "code": key if key in KEYS else "Key" + key.upper(), "modifiers": modifiers,
                 "windowsVirtualKeyCode": KEYS.get(key) or ord(key.upper())}
        pressed = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        self.command("Input.dispatchKeyEvent", **pressed, **known)
        self.command("Input.dispatchKeyEvent", type="keyUp", **known)

    # ---- The protocol -------------------------------------------------------

    def command(self, method, **parameters):
        """The result of a command of the protocol."""
        number = self.send(method, parameters)
        end = time.monotonic() + self.seconds
        while True:
            message = self.message(method, end)
            if message.get("method") == "Page.javascriptDialogOpening":
                self.send("Page.handleJavaScriptDialog", {"accept": True})
            if message.get("id") == number:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']['message']}")
                return message["result"]

    def send(self, method, parameters):
        """Send a command, and say its number."""
        self.last += 1
        words = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            words["sessionId"] = self.session
        unsent = json.dumps(words).encode() + b"\0"
        while unsent:
            try:
                unsent = unsent[os.write(self.writing, unsent):]
            except BrokenPipeError:
                raise AssertionError(self.ended(method))
        return self.last

    def message(self, method, end):
        """The next message of Chromium, which has time until `end`."""
        while b"\0" not in self.unread:
            if not select.select([self.reading], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{method}: no answer within {self.seconds} s")
            received = os.read(self.reading, 1 << 20)
            if not received:
                raise AssertionError(self.ended(method))
            self.unread += received
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message.decode())

    def ended(self, method):
        """How Chromium ended."""
        with open(self.log, errors="replace") as log:
            return f"{method}: Chromium has ended: {log.read()[-SHOWN:]}"


# ---- Jupyter ----------------------------------------------------------------

def run_cell(browser, url, seconds=120):
    """Open a notebook, run its first cell with Shift+Enter, and return the text of its output.

    url     of JupyterLab 4, /lab/tree/work.ipynb?token=..., or of Notebook 7, /notebooks/work.ipynb?token=...;
            a notebook that names its kernel in metadata.kernelspec asks for none, and one that was run before
            counts as run; to a new browser, JupyterLab first shows what the last one had open
    The question whether one wants Jupyter's news covers nothing, and is left open.
    """
    browser.open(url)
    browser.until(READY, seconds)
    browser.click(CELL + " .cm-content")
    browser.until(f"document.querySelector('{CELL}:focus-within .cm-focused') != null")
    browser.press("Enter", SHIFT)
    browser.until(f"/^.[0-9]/.test(document.querySelector('{CELL} .jp-InputPrompt').innerText)", seconds)
    return browser.evaluate(f"document.querySelector('{CELL} .jp-Cell-outputArea').innerText")


# The other notebooks of a workspace lie hidden beside the one that is shown.
CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell"

# A dialog in the way (a kernel to choose, a file that changed) gets the answer that it offers first. The page
# calls a kernel idle that it has not yet asked for, so the server must know the page as one of its connections.
READY = """(async () => {
    const dialog = document.querySelector('.jp-Dialog button.jp-mod-accept');
    if (dialog) dialog.click();
    const sessions = await (await fetch('/api/sessions')).json();
    const shown = session => decodeURI(location.pathname).endsWith('/' + session.path);
    const prompt = document.querySelector('%s .jp-InputPrompt');
    const idle = '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status=idle]';
    return !dialog && sessions.some(session => shown(session) && session.kernel.connections)
        && prompt && prompt.innerText && document.querySelector(idle) != null;
})()""" % CELL
