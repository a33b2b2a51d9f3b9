"""Plugins, by real calls: installed, refused, loaded, put into quarantine, and those of earlier releases."""
import contextlib
import http.server
import io
import itertools
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
import unittest
import zipfile

import support  # noqa: F401  (puts skelebot on the path)
import skelebot
import yaml
from program import SKELEBOT
from support import HERE, ROOT, Ending, contents, two_lines

PLUGINS = os.path.join(HERE, "plugins")
ROOM = "look at the folder's permissions and the free disk space"
UNCHANGED = "ask its author for a corrected one; nothing was changed"
PLAIN = "from skelebot import Component\n\n\nclass Plain(Component):\n    pass\n"
CHURN = "name: churn\njobs:\n- {name: train, source: echo trained}\n"


# ---- Places, plugins and calls ----------------------------------------------

def write(top, files):
    """Write files (path -> text or bytes) below a folder."""
    for name, content in files.items():
        path = os.path.join(top, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8"))


def zipped(*entries, method=zipfile.ZIP_STORED):
    """The bytes of a zip file of (name or ZipInfo, data)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return file.getvalue()


def begun(function):
    """Call a function in a process of its own, which has two minutes; returns what waits for its exit status."""
    child = os.fork()
    if not child:
        signal.alarm(120)
        os._exit(function())
    return lambda: wait_status(os.waitpid(child, 0)[1])


def wait_status(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def forked(words, folder, typed=""):
    """One call of skelebot in a process of its own, which needs not compile it, and whose programs' output is seen."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        files[0].write(typed.encode("utf-8"))
        files[0].seek(0)
        status = begun(lambda: main(words, folder, files))()
        for file in files:
            file.seek(0)
        return Ending(status, *(file.read().decode("utf-8") for file in files[1:]))


def main(words, folder, files):
    """What `python skelebot.py WORDS` does, with these files as its stdin, stdout and stderr."""
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))
    sys.dont_write_bytecode = True
    os.chdir(folder)
    try:
        return skelebot.main(list(words))
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


@contextlib.contextmanager
def kept_python():
    """Leave the modules and paths of this process as they are now."""
    modules, paths, writes = dict(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        for name in set(sys.modules) - set(modules):
            del sys.modules[name]
        sys.modules.update(modules)
        sys.path[:], sys.dont_write_bytecode = paths, writes


class Home(unittest.TestCase):
    """A home, a folder to work in and a project, in a folder that is compared as a whole.

    apart  each call is a process of its own; it is one anyway where the output of a job is looked at
    """
    apart = False

    def setUp(self):
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="skelebot-plugins-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.home, self.work, self.project = (os.path.join(self.top, name) for name in ("home", "work", "churn"))
        self.own = os.path.join(self.home, ".skelebot")
        for folder in (self.home, self.work):
            os.mkdir(folder)
        write(self.project, {"skelebot.yaml": CHURN})

    @contextlib.contextmanager
    def variables(self, **changes):
        before = dict(os.environ)
        os.environ.pop("SKELEBOT_HOME", None)
        os.environ.update({"HOME": self.home, "NO_COLOR": "1", **changes})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def skelebot(self, *words, folder=None, typed="", **environ):
        """A call of skelebot in the folder to work in, with the home of this test."""
        with self.variables(**environ):
            if self.apart or "-n" in words:
                return forked(words, folder or self.work, typed)
            with kept_python():
                return support.call(*words, folder=folder or self.work, typed=typed)

    def place(self, name):
        return os.path.join(self.own, "plugins", name)

    def plugins(self, own=None):
        """path -> bytes of all that is where plugins are, but for the lock."""
        found = contents(os.path.join(own or self.own, "plugins"))
        return {path: data for path, data in found.items() if path != ".lock"}

    def put(self, name, **files):
        """Put a plugin of tests/plugins, or one of these files, where installed ones are."""
        if not files:
            shutil.copytree(os.path.join(PLUGINS, name), self.place(name))
        write(self.place(name), {path.replace("__", "/") + ".py": text for path, text in files.items()})

    def forget(self):
        """Remove all that is installed."""
        shutil.rmtree(self.own, ignore_errors=True)

    def zip_file(self, data, name="plugin.zip"):
        write(self.work, {name: data})
        return os.path.join(self.work, name)

    def assert_refused(self, ending, message, hint, status=1):
        self.assertEqual(ending, Ending(status, "", two_lines(message, hint)))


# ---- Installing -------------------------------------------------------------

class Installing(Home):
    def assert_installed(self, ending, own=None, more=""):
        place = os.path.join(own or self.own, "plugins", "plain")
        self.assertEqual(ending, Ending(0, "", f"skelebot: installed the plugin plain in {place}{more}\n"))
        self.assertEqual(self.plugins(own),
                         {"plain/": None, "plain/plain.py": PLAIN.encode(), "plain/data/": None,
                          "plain/data/words.txt": b"one\r\ntwo\0"})

    def files(self):
        return {"plain/plain.py": PLAIN, "plain/data/words.txt": b"one\r\ntwo\0"}

    def archive(self, **options):
        return self.zip_file(zipped(*self.files().items(), **options))

    def folder(self):
        write(self.work, self.files())
        return os.path.join(self.work, "plain")

    def test_takes_a_zip_file_packed_by_any_method(self):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            with self.subTest(method):
                self.forget()
                self.archive(method=method)
                self.assert_installed(self.skelebot("plugin", "install", "plugin.zip"))

    def test_takes_a_zip_file_with_entries_for_folders_and_modes(self):
        folder, file = zipfile.ZipInfo("plain/data/"), zipfile.ZipInfo("plain/plain.py")
        folder.external_attr, file.external_attr = 0o40755 << 16 | 0x10, 0o100644 << 16
        files = self.files()
        self.zip_file(zipped(("plain/", ""), (file, files.pop("plain/plain.py")), (folder, ""), *files.items()))
        self.assert_installed(self.skelebot("plugin", "install", "plugin.zip"))

    def test_takes_a_zip_file_as_macos_makes_it(self):
        self.zip_file(zipped(*self.files().items(), ("__MACOSX/plain/._plain.py", "\0\5\26\7"),
                             ("plain/.DS_Store", "")))
        self.assert_installed(self.skelebot("plugin", "install", "plugin.zip"))

    def test_takes_a_folder_by_any_path(self):
        self.folder()
        for path in ("plain", "./plain/", "../work/plain", os.path.join(self.work, "plain")):
            with self.subTest(path):
                self.forget()
                self.assert_installed(self.skelebot("plugin", "install", path))

    def test_takes_the_current_folder(self):
        self.assert_installed(self.skelebot("plugin", "install", ".", folder=self.folder()))

    def test_takes_a_path_in_the_home(self):
        write(self.home, {"plugin.zip": zipped(*self.files().items())})
        self.assert_installed(self.skelebot("plugin", "install", "~/plugin.zip"))

    def test_takes_a_path_from_the_folder_after_C(self):
        self.archive()
        self.assert_installed(self.skelebot("-C", "work", "plugin", "install", "plugin.zip", folder=self.top))

    def test_leaves_byte_code_and_git_of_a_folder_out(self):
        self.folder()
        write(self.work, {"plain/__pycache__/plain.cpython-36.pyc": b"\0", "plain/.git/config": ""})
        self.assert_installed(self.skelebot("plugin", "install", "plain"))

    def test_keeps_that_a_file_can_be_run(self):
        os.chmod(os.path.join(self.folder(), "data", "words.txt"), 0o755)
        self.skelebot("plugin", "install", "plain")
        self.assertTrue(os.access(os.path.join(self.place("plain"), "data", "words.txt"), os.X_OK))

    def test_takes_a_zip_file_without_the_word_install_as_earlier_releases_did(self):
        self.archive()
        self.assert_installed(self.skelebot("plugin", "plugin.zip"))

    def test_takes_a_folder_that_is_called_like_an_action(self):
        self.zip_file(zipped(*self.files().items()), "list")
        self.assert_installed(self.skelebot("plugin", "install", "list"))

    def test_needs_no_project_nor_one_that_is_sound(self):
        self.archive()
        for text in (CHURN, "name: [", "nam: churn\n", "name: churn\ncomponents: {plain: {a: 1}}\n", "\0"):
            write(self.project, {"skelebot.yaml": text})
            with self.subTest(text):
                self.forget()
                self.assert_installed(self.skelebot("plugin", "install", "../work/plugin.zip", folder=self.project))

    def test_puts_it_into_SKELEBOT_HOME(self):
        self.archive()
        for path, own in ((os.path.join(self.top, "mine"), os.path.join(self.top, "mine")),
                          ("~/mine", os.path.join(self.home, "mine")), ("", self.own)):
            with self.subTest(path):
                self.assert_installed(self.skelebot("plugin", "install", "plugin.zip", SKELEBOT_HOME=path), own)
                self.assertEqual(self.skelebot("plugin", "list", SKELEBOT_HOME=path).stdout, "plain\n")
                self.assertEqual(self.skelebot("plugin", "remove", "plain", SKELEBOT_HOME=path).status, 0)

    def test_replaces_an_old_one_as_a_whole(self):
        self.put("plain", plain="import gone", old__file="x")
        self.archive()
        self.assert_installed(self.skelebot("plugin", "install", "plugin.zip"),
                              more=", replacing an earlier one")

    def test_replaces_one_that_it_is_installed_from(self):
        write(self.own + "/plugins", self.files())
        self.assertEqual(self.skelebot("plugin", "install", self.place("plain")).status, 0)
        self.assertEqual(self.skelebot("plugin", "list").stdout, "plain\n")

    def test_changes_nothing_in_a_dry_run(self):
        self.archive()
        self.folder()
        before = contents(self.top)
        for source in ("plugin.zip", "plain"):
            with self.subTest(source):
                ending = self.skelebot("--dry-run", "plugin", "install", source)
                self.assertEqual((ending.status, ending.stderr), (0, ""))
                self.assertEqual(contents(self.top), before)

    def test_shows_a_dry_run_as_lines_that_do_it(self):
        self.archive()
        lines = self.skelebot("--dry-run", "plugin", "install", "plugin.zip").stdout
        subprocess.run(["sh", "-ec", lines], check=True, cwd=self.work)
        self.assertEqual(skelebot.read_bytes(os.path.join(self.place("plain"), "plain.py")), PLAIN.encode())

    def test_says_what_is_missing(self):
        cases = [
            (["install"], "plugin install: needs ZIP, FOLDER or URL", "skelebot plugin list shows what is installed"),
            (["remove"], "plugin remove: needs NAME", "skelebot plugin list shows what is installed"),
            (["list", "x"], "plugin: cannot place 'x'", "did you mean list?"),
            (["instal", "x.zip"], "plugin: cannot place 'x.zip'", "did you mean install?"),
            (["x.zip", "y.zip"], "plugin: cannot place 'y.zip'", "known are: install, list, remove"),
            (["lst"], "plugin: there is no file or folder 'lst'", "did you mean list?"),
            (["install", "x.zip"], "plugin: there is no file or folder 'x.zip'",
             "name a zip file or folder; or say: install, list, remove"),
            (["install", ""], "plugin install: needs ZIP, FOLDER or URL", "skelebot plugin list shows what is installed"),
            (["install", "http://example.com/x.zip"], "plugin: expected https://..., found 'http://example.com/x.zip'",
             "a plugin is code that you will run: it has to come encrypted"),
            (["install", "https://ada:s3cret@exam ple.com/x.zip?key=s3cret"], "plugin: expected https://..., found "
             "'https://exam ple.com/x.zip'", "a plugin is code that you will run: it has to come encrypted"),
            (["install", "ftp://example.com/x.zip"], "plugin: there is no file or folder 'ftp://example.com/x.zip'",
             "name a zip file or folder; or say: install, list, remove"),
        ]
        for words, message, hint in cases:
            with self.subTest(words):
                self.assert_refused(self.skelebot("plugin", *words), message, hint, 2)
        self.assertEqual(contents(self.top), {"home/": None, "work/": None, "churn/": None,
                                              "churn/skelebot.yaml": CHURN.encode()})


class Listing(Home):
    def test_names_what_is_installed_one_a_line(self):
        self.put("plain", plain=PLAIN)
        self.put("hello")
        self.assertEqual(self.skelebot("plugin", "list"), Ending(0, "hello\nplain\n", ""))
        self.assertEqual(self.skelebot("plugin"), Ending(0, "hello\nplain\n", ""))

    def test_says_where_it_looked_if_there_is_none(self):
        self.assertEqual(self.skelebot("plugin", "list"),
                         Ending(0, "", f"skelebot: there are no plugins in {self.place('').rstrip('/')}\n"))

    def test_runs_no_plugin(self):
        self.put("plain", plain="print('no')\nraise SystemExit(7)\n")
        self.assertEqual(self.skelebot("plugin", "list"), Ending(0, "plain\n", ""))

    def test_shows_what_is_in_quarantine(self):
        self.put("plain", plain=PLAIN)
        self.put("broken", broken="import gone\n")
        self.skelebot("--help")
        self.assertEqual(self.skelebot("plugin", "list").stdout,
                         "broken  (in quarantine, since it could not be imported)\nplain\n")


class Removing(Home):
    def test_removes_it_with_all_its_files(self):
        self.put("plain", plain=PLAIN, data__more="")
        self.put("hello")
        self.assertEqual(self.skelebot("plugin", "remove", "plain"),
                         Ending(0, "", "skelebot: removed the plugin plain\n"))
        self.assertEqual(os.listdir(self.place("")), ["hello"])

    def test_removes_a_link_and_not_what_it_leads_to(self):
        write(self.work, {"plain/plain.py": PLAIN})
        os.makedirs(self.place(""))
        os.symlink(os.path.join(self.work, "plain"), self.place("plain"))
        self.assertEqual(self.skelebot("plugin", "remove", "plain").status, 0)
        self.assertEqual((os.listdir(self.place("")), os.listdir(self.work + "/plain")), ([], ["plain.py"]))

    def test_removes_one_that_is_in_quarantine(self):
        self.put("broken", broken="import gone\n")
        self.skelebot("--help")
        self.assertEqual(self.skelebot("plugin", "remove", "broken").status, 0)
        self.assertEqual(os.listdir(os.path.join(self.own, "plugins-quarantine")), [])

    def test_removes_nothing_in_a_dry_run(self):
        self.put("plain", plain=PLAIN)
        self.assertEqual(self.skelebot("--dry-run", "plugin", "remove", "plain"),
                         Ending(0, f"rm -rf -- {self.place('plain')}\n", ""))
        self.assertEqual(os.listdir(self.place("")), ["plain"])

    def test_knows_no_other_names(self):
        self.put("plain", plain=PLAIN)
        write(self.own, {"x/x.py": "", "plugins/.hidden/x": "", "plugins/note.txt": ""})
        before = contents(self.top)
        cases = [
            ("there are: plain", ("../x", "..", ".", ".hidden", "note.txt", "*", "plain/../plain", "quite-another")),
            ("did you mean plain?", ("plain/", "./plain", "pla\0in", "Plain", "plane", "plain.py")),
        ]
        for hint, names in cases:
            for name in names:
                with self.subTest(name):
                    self.assert_refused(self.skelebot("plugin", "remove", name), f"there is no plugin {name!r}", hint)
                    self.assertEqual(contents(self.top), before)


@contextlib.contextmanager
def served(answers):
    """The address of a web server on loopback; path -> (status, headers, body) of its answers."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers.get(self.path, (404, {}, b"no such page"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                pass                    # the other side has heard enough

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class InstallingFromAServer(Home):
    def answers(self):
        good = zipped(("plain/plain.py", PLAIN))
        return {
            "/plain.zip": (200, {}, good),
            "/p%C3%A9.zip?key=a%20b": (200, {}, good),
            "/moved": (302, {"Location": "/plain.zip"}, b""),
            "/page": (200, {"Content-Type": "text/html"}, b"<html><title>Log in</title></html>"),
            "/empty": (200, {}, b""),
            "/cut": (200, {}, good[:-30]),
            "/denied": (403, {}, b"not for you"),
            "/large": (200, {}, b"PK" + b"\0" * (51 * 1000 * 1000)),
        }

    def test_takes_what_it_answers(self):
        with served(self.answers()) as url:
            for path in ("/plain.zip", "/p\u00e9.zip?key=a%20b", "/moved"):
                with self.subTest(path):
                    self.forget()
                    self.assertEqual(self.skelebot("plugin", "install", url + path), Ending(
                        0, "", f"skelebot: installed the plugin plain in {self.place('plain')}\n"))
                    self.assertEqual(self.plugins(), {"plain/": None, "plain/plain.py": PLAIN.encode()})

    def test_takes_an_address_without_the_word_install(self):
        with served(self.answers()) as url:
            self.assertEqual(self.skelebot("plugin", url + "/plain.zip").status, 0)

    def test_refuses_what_is_no_plugin(self):
        self.put("plain", plain="old")
        before = contents(self.top)
        damaged = "not a plugin that can be installed: it is not a zip file, or is damaged: File is not a zip file"
        cases = [("/page", damaged, "name a zip file or a folder"), ("/empty", damaged, "name a zip file or a folder"),
                 ("/cut", damaged, "name a zip file or a folder"),
                 ("/large", "not a plugin that can be installed: it is larger than 50.0 MB", UNCHANGED)]
        with served(self.answers()) as url:
            for path, message, hint in cases:
                with self.subTest(path):
                    self.assert_refused(self.skelebot("plugin", "install", url + path), message, hint)
                    self.assertEqual(contents(self.top), before)

    def test_tells_what_the_server_refuses(self):
        cases = [("/denied", "403 Forbidden: not for you"), ("/gone", "404 Not Found: no such page")]
        with served(self.answers()) as url:
            for path, answer in cases:
                with self.subTest(path):
                    ending = self.skelebot("plugin", "install", url + path)
                    self.assert_refused(ending, f"GET {url}{path}: {answer}", "look at the plugin's address")
        self.assertEqual(os.listdir(self.home), [])

    def test_shows_the_request_in_a_dry_run(self):
        self.assertEqual(self.skelebot("--dry-run", "plugin", "install", "https://example.com/x.zip"), Ending(
            0, "curl --fail --request GET https://example.com/x.zip\n",
            "skelebot: what follows depends on the plugin\n"))


# ---- Whole or nothing -------------------------------------------------------

def limited():
    """In a process that is about to start: files of 1000 bytes at most, as on a place that is full."""
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def unprivileged():
    """In a process that is about to start: root asks for permissions as well. Source: prctl(2), capabilities(7)."""
    import ctypes
    for capability in (1, 2):       # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)    # PR_CAPBSET_DROP


def in_process(function):
    return begun(function)()


CHANGES = (skelebot.File, skelebot.MakeFolder, skelebot.Move, skelebot.Remove)


class WholeOrNothing(Home):
    """What was there stays as it was until the new one is whole."""

    def setUp(self):
        super().setUp()
        self.put("plain", plain="old", data__more="old, too")
        self.zip_file(zipped(("plain/plain.py", PLAIN), ("plain/data/big.txt", "1" * 2000)))
        self.old = self.plugins()
        self.new = {"plain/": None, "plain/data/": None, "plain/plain.py": PLAIN.encode(),
                    "plain/data/big.txt": b"1" * 2000}

    def in_child(self, prepare):
        """An install in a process of its own, which `prepare` makes poorer."""
        argv = [sys.executable, SKELEBOT, "plugin", "install", "plugin.zip"]
        with self.variables():
            done = subprocess.run(argv, cwd=self.work, preexec_fn=prepare, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return Ending(done.returncode, done.stdout.decode(), done.stderr.decode())

    def test_a_place_that_is_full(self):
        ending = self.in_child(limited)
        self.assertRegex(ending.stderr, f"^skelebot: {self.place('')}[.]skelebot-.*/data/big.txt: file too large\n"
                                        f"  hint: {ROOM}\n$")
        self.assertEqual((ending.status, ending.stdout), (1, ""))
        self.assertEqual(self.plugins(), self.old)

    def test_a_place_that_cannot_be_written(self):
        os.chmod(self.place(""), 0o555)
        self.addCleanup(os.chmod, self.place(""), 0o755)
        ending = self.in_child(unprivileged)
        self.assertRegex(ending.stderr, f"^skelebot: {self.place('')}.*: permission denied\n  hint: {ROOM}\n$")
        self.assertEqual((ending.status, ending.stdout), (1, ""))
        self.assertEqual(self.plugins(), self.old)

    def test_a_home_that_is_a_file(self):
        write(self.work, {"file": "x"})
        before = contents(self.top)
        self.assert_refused(self.skelebot("plugin", "install", "plugin.zip", SKELEBOT_HOME="file"),
                            "file/plugins: not a directory", ROOM)
        self.assertEqual(contents(self.top), before)

    def install(self, end, count):
        """Install; `end` is called before the step of that count which changes something. Returns whether it was."""
        left = [count]

        def counted(do):
            def step(step):
                left[0] -= 1
                if left[0] == 0:
                    end()
                return do(step)
            return step
        skelebot.DOING.update((kind, counted(skelebot.DOING[kind])) for kind in CHANGES)
        with self.variables():
            support.call("plugin", "install", "plugin.zip", folder=self.work)
        return left[0] <= 0

    def installs(self, end):
        """One after the other, each in a process of its own over the old plugin, with one more step before `end`."""
        for count in itertools.count(1):
            self.forget()
            self.put("plain", plain="old", data__more="old, too")
            ended = in_process(lambda: self.install(end, count))
            yield count
            if not ended:
                break
        self.assertGreater(count, 5)

    def shown(self):
        return {path: data for path, data in self.plugins().items() if path[0] != "."}

    def assert_whole(self):
        """The old one or the new one is there, and the next install leaves nothing else behind."""
        self.assertEqual(self.skelebot("plugin", "list").stdout, "plain\n")
        self.assertIn(self.shown(), (self.old, self.new))
        self.assertEqual(self.skelebot("plugin", "install", "plugin.zip").status, 0)
        self.assertEqual(self.plugins(), self.new)

    def break_off(self):
        raise skelebot.SkelebotError("disk on fire", "leave the house")

    def test_a_failure_at_any_step(self):
        for count in self.installs(self.break_off):
            with self.subTest(count):
                self.assertIn(self.shown(), (self.old, self.new))
                self.assert_whole()

    def test_a_kill_before_any_step(self):
        for count in self.installs(lambda: os._exit(9)):
            with self.subTest(count):
                self.assert_whole()

    def test_ten_at_once(self):
        shutil.rmtree(self.own)
        ends = [begun(lambda: self.skelebot("plugin", "install", "plugin.zip").status) for _ in range(10)]
        self.assertEqual([end() for end in ends], [0] * 10)
        self.assertEqual(self.plugins(), self.new)


# ---- Hostile zip files ------------------------------------------------------

def entry(name, mode=0o100644, **fields):
    """A ZipInfo with a Unix mode, and a name that is left as it is."""
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.external_attr, info.create_system = mode << 16, 3
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def with_flag(data, bit):
    """A zip file whose entries all have this flag. Source: PKWARE, APPNOTE 4.3.7, 4.3.12."""
    data = bytearray(data)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= bit
            at = data.find(signature, at + 1)
    return bytes(data)


def with_size(data, size):
    """A zip file of one entry which claims to have this size when unpacked."""
    data = bytearray(data)
    struct.pack_into("<L", data, data.find(b"PK\3\4") + 22, size)
    struct.pack_into("<L", data, data.find(b"PK\1\2") + 24, size)
    return bytes(data)


def with_zip64(data, extra):
    """A zip file of one entry whose sizes and offset are said to be in a zip64 field that holds `extra`."""
    start, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    central = bytearray(data[start:end])
    struct.pack_into("<LL", central, 20, 0xffffffff, 0xffffffff)
    struct.pack_into("<L", central, 42, 0xffffffff)
    name, before = struct.unpack_from("<HH", central, 28)
    field = struct.pack("<HH", 1, len(extra)) + extra
    struct.pack_into("<H", central, 30, before + len(field))
    central[46 + name:46 + name] = field
    ending = bytearray(data[end:])
    struct.pack_into("<L", ending, 12, len(central))
    return data[:start] + bytes(central) + bytes(ending)


MB = 1000 * 1000
GOOD = ("plain/plain.py", PLAIN)
LEADS = "{!r} leads out of its folder, or is no plain path"
TWICE = "{!r} appears twice"
ODD = "{!r} is a link, or not a plain file"
DAMAGED = "it is not a zip file, or is damaged: "
NAMES = "letters, digits, _ and -, and none of: jupyter, kerberos, repository, registry, package"
FORM = "a plugin is a folder NAME with a file NAME.py in it"
AS_ZIP = "name a zip file or a folder"
LARGE = "it is larger than 50.0 MB when unpacked"

LEADING_OUT = (
    "../evil.py", "plain/../../evil.py", "plain/../plain/evil.py", "plain/./x.py", "/tmp/evil.py", "//host/share/x.py",
    "C:/evil.py", "C:evil.py", "plain/x.py:stream", "plain\\evil.py", "..\\evil.py", "plain/..", "plain/.. /x.py",
    "plain/... /x.py", "plain/x.py.", "plain/x.py ", "plain//x.py", "plain/\nx.py", "plain/\x1b[2Jx.py", "", "/",
)
ODD_KINDS = {"link": 0o120777, "device": 0o020644, "disk": 0o060644, "pipe": 0o010644, "socket": 0o140755}
BAD_NAMES = ("jupyter", "kerberos", "repository", "registry", "package", "my plugin", "-plain", "plain.d", "1st",
             "pl\u00e4in", "p\u0430lain", "plain\u202e", "\uff50lain", "plain*", "$HOME", "~", "%2e%2e")


class HostileZipFiles(Home):
    """Each is refused with its own message; nothing is written, and what was there stays as it was."""

    def setUp(self):
        super().setUp()
        self.put("plain", plain="old")

    def assert_hostile(self, data, message, hint=UNCHANGED):
        path = self.zip_file(data)
        before = contents(self.top)
        ending = self.skelebot("plugin", "install", path)
        self.assert_refused(ending, "not a plugin that can be installed: " + message, hint)
        self.assertEqual(contents(self.top), before)

    def test_a_path_that_leads_out_or_is_not_plain(self):
        for name in LEADING_OUT:
            with self.subTest(name):
                self.assert_hostile(zipped(GOOD, (entry(name), "evil")), LEADS.format(name))

    def test_a_path_with_NUL_behind_which_another_name_stands(self):
        data = zipped(GOOD, (entry("plain/x.py#/../../evil"), "evil")).replace(b"x.py#", b"x.py\0")
        self.assert_hostile(data, LEADS.format("plain/x.py\0/../../evil"))

    def test_a_link_or_a_device(self):
        for kind, mode in ODD_KINDS.items():
            with self.subTest(kind):
                self.assert_hostile(zipped(GOOD, (entry("plain/x", mode), "/etc/passwd")), ODD.format("plain/x"))

    def test_a_link_and_a_file_through_it(self):
        self.assert_hostile(zipped(GOOD, (entry("plain/x", 0o120777), "../../.."), ("plain/x/evil.py", "evil")),
                            ODD.format("plain/x"))

    def test_a_link_in_place_of_the_folder_itself(self):
        self.assert_hostile(zipped((entry("plain", 0o120777), "/etc"), GOOD), ODD.format("plain"))

    def test_one_name_twice(self):
        cases = [
            (["plain/x.py", "plain/x.py"], "plain/x.py"), (["plain/x.py", "plain/X.py"], "plain/X.py"),
            (["plain/a/x.py", "plain/A/y.py"], "plain/A"), (["plain/x", "plain/x/y"], "plain/x"),
            (["plain/x/y", "plain/x"], "plain/x"),
            (["plain/\u00e9.py", "plain/e\u0301.py"], "plain/e\u0301.py"),
            (["plain/stra\u00dfe", "plain/strasse"], "plain/strasse"),
        ]
        for names, name in cases:
            with self.subTest(names), self.ignored():
                self.assert_hostile(zipped(GOOD, *((entry(name), "") for name in names)), TWICE.format(name))

    @contextlib.contextmanager
    def ignored(self):
        """Without zipfile's own warning about a name that appears twice."""
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def test_more_than_there_may_be_unpacked(self):
        deflated = zipfile.ZIP_DEFLATED
        cases = {
            "one file": zipped(GOOD, ("plain/zeros", b"\0" * (50 * MB + 1)), method=deflated),
            "two files": zipped(GOOD, *((f"plain/{n}", b"\0" * (25 * MB)) for n in range(2)), method=deflated),
        }
        for case, data in cases.items():
            with self.subTest(case):
                self.assertLess(len(data), 100 * 1000)
                self.assert_hostile(data, LARGE)

    def test_more_than_there_may_be_packed(self):
        self.assert_hostile(b"\0" * (50 * MB + 1), "it is larger than 50.0 MB")

    def test_more_files_than_there_may_be(self):
        self.assert_hostile(zipped(GOOD, *((f"plain/{n}", "") for n in range(10000))), "it has more than 10000 files")

    def test_a_size_that_is_a_lie(self):
        bomb = zipped(("plain/plain.py", b"\0" * MB), method=zipfile.ZIP_DEFLATED)
        self.assert_hostile(with_size(bomb, 10), DAMAGED + "Bad CRC-32 for file 'plain/plain.py'", AS_ZIP)
        self.assert_hostile(with_size(zipped(GOOD), 10), DAMAGED + "Bad CRC-32 for file 'plain/plain.py'", AS_ZIP)

    def test_zip64_fields_that_lie(self):
        size = len(PLAIN)
        for case, extra in {
                "nothing": b"", "half": struct.pack("<Q", size), "far": struct.pack("<QQQ", size, size, 2 ** 63),
                "farther": struct.pack("<QQQ", size, size, 2 ** 64 - 1),
                "large": struct.pack("<QQQ", 2 ** 62, 2 ** 62, 0)}.items():
            with self.subTest(case):
                ending = self.skelebot("plugin", "install", self.zip_file(with_zip64(zipped(GOOD), extra)))
                self.assertRegex(ending.stderr, "^skelebot: not a plugin that can be installed: it is not a zip file, "
                                                f"or is damaged: .*\n  hint: {AS_ZIP}\n$")

    def test_what_is_damaged(self):
        whole = zipped(GOOD)
        local = whole.replace(b"plain/plain.py", b"plain/other.py", 1)
        cases = {
            "no zip file": (b"#!/bin/sh\nrm -rf /\n", "File is not a zip file"),
            "nothing at all": (b"", "File is not a zip file"),
            "cut": (whole[:-10], "File is not a zip file"),
            "half": (whole[:40], "File is not a zip file"),
            "changed": (whole.replace(b"pass", b"fail"), "Bad CRC-32 for file 'plain/plain.py'"),
            "two names": (local, "File name in directory 'plain/plain.py' and header b'plain/other.py' differ."),
        }
        for case, (data, message) in cases.items():
            with self.subTest(case):
                self.assert_hostile(data, DAMAGED + message, AS_ZIP)

    def test_what_is_damaged_within_any_method(self):
        for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            with self.subTest(method):
                data = bytearray(zipped(("plain/plain.py", PLAIN * 9), method=method))
                data[60:80] = b"\xff" * 20
                ending = self.skelebot("plugin", "install", self.zip_file(bytes(data)))
                self.assertRegex(ending.stderr, "^skelebot: not a plugin that can be installed: " + DAMAGED + ".+\n"
                                                f"  hint: {AS_ZIP}\n$")

    def test_what_is_encrypted(self):
        for bits in (1, 0x41):
            self.assert_hostile(with_flag(zipped(GOOD), bits), "'plain/plain.py' is encrypted")

    def test_what_is_packed_by_a_method_that_nobody_knows(self):
        data = zipped(GOOD)
        for at in (8, data.find(b"PK\1\2") + 10):
            data = data[:at] + b"\x63" + data[at + 1:]
        ending = self.skelebot("plugin", "install", self.zip_file(data))     # zipfile's words differ between Pythons
        self.assertRegex(ending.stderr, f"^skelebot: not a plugin that can be installed: {DAMAGED}.+\\n"
                                        f"  hint: {AS_ZIP}\\n$")

    def test_another_form_than_a_plugins(self):
        one = "expected one folder, found "
        cases = {
            "no files": ([], one + "nothing", UNCHANGED),
            "an empty folder": ([("plain/", "")], one + "nothing", UNCHANGED),
            "two folders": ([GOOD, ("other/other.py", "")], one + "other and plain", UNCHANGED),
            "no folder": ([("plain.py", PLAIN), ("setup.py", "")], one + "plain.py and setup.py", UNCHANGED),
            "one file": ([("plain.py", PLAIN)], "'plain.py' is in no folder",
                         "a plugin is a folder NAME with a file NAME.py in it"),
            "another file": ([("plain/main.py", PLAIN)], "it has no plain/plain.py", FORM),
            "a folder deeper": ([("plain/plain/plain.py", PLAIN)], "it has no plain/plain.py", FORM),
            "other case": ([("plain/Plain.py", PLAIN)], "it has no plain/plain.py", FORM),
            "folder of that name": ([("plain/plain.py/x", PLAIN)], "it has no plain/plain.py", FORM),
        }
        for case, (entries, message, hint) in cases.items():
            with self.subTest(case):
                self.assert_hostile(zipped(*entries), message, hint)

    def test_a_name_that_no_plugin_can_have(self):
        for name in BAD_NAMES:
            with self.subTest(name):
                self.assert_hostile(zipped((entry(f"{name}/{name}.py"), PLAIN)),
                                    f"{name!r} cannot be the name of a plugin", NAMES)

    def test_damage_of_any_kind_is_no_traceback(self):
        whole, chance = zipped(GOOD, ("plain/x/y", "z" * 99), method=zipfile.ZIP_DEFLATED), random.Random(4)
        for count in range(60):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 5)):
                data[chance.randrange(len(data))] = chance.choice((0, 255, chance.randrange(256)))
            with self.subTest(count):
                self.forget()
                self.assertIn(self.skelebot("plugin", "install", self.zip_file(bytes(data))).status, (0, 1))
                self.assertEqual(os.listdir(self.home), [".skelebot"] if os.path.exists(self.own) else [])


class HostileFolders(Home):
    """Folders are refused for what zip files are refused for."""

    def setUp(self):
        super().setUp()
        self.put("plain", plain="old")
        write(self.work, {"plain/plain.py": PLAIN})
        self.folder = os.path.join(self.work, "plain")

    def assert_hostile(self, message, hint=UNCHANGED, folder="plain"):
        before = self.plugins()
        self.assert_refused(self.skelebot("plugin", "install", folder), message, hint)
        self.assertEqual(self.plugins(), before)

    def test_links(self):
        for target in ("/etc/passwd", "plain.py", "gone", "..", self.folder):
            with self.subTest(target):
                os.symlink(target, os.path.join(self.folder, "link"))
                self.assert_hostile(f"not a plugin that can be installed: {os.path.join('plain', 'link')} is a link, "
                                    "or not a plain file")
                os.unlink(os.path.join(self.folder, "link"))

    def test_pipes_which_are_not_waited_for(self):
        os.mkfifo(os.path.join(self.folder, "pipe"))
        self.assert_hostile(f"not a plugin that can be installed: {os.path.join('plain', 'pipe')} is a link, "
                            "or not a plain file")

    def test_more_than_there_may_be(self):
        with open(os.path.join(self.folder, "zeros"), "wb") as file:
            file.truncate(50 * MB + 1)
        self.assert_hostile("not a plugin that can be installed: it is larger than 50.0 MB")

    def test_another_form_than_a_plugins(self):
        write(self.work, {"empty/x": "", "jupyter/jupyter.py": PLAIN, "my plugin/my plugin.py": PLAIN})
        for folder, message, hint in (("empty", "it has no empty/empty.py", FORM),
                                      ("jupyter", "'jupyter' cannot be the name of a plugin", NAMES),
                                      ("my plugin", "'my plugin' cannot be the name of a plugin", NAMES)):
            with self.subTest(folder):
                self.assert_hostile("not a plugin that can be installed: " + message, hint, folder)

    def test_names_that_no_zip_file_may_have(self):
        write(self.work, {"plain/a:b": ""})
        self.assert_hostile("not a plugin that can be installed: " + LEADS.format("a:b"))

    def test_a_file_that_cannot_be_read(self):
        write(self.work, {"plain/key.txt": "x"})
        os.chmod(os.path.join(self.folder, "key.txt"), 0)
        argv = [sys.executable, SKELEBOT, "plugin", "install", "plain"]
        with self.variables():
            done = subprocess.run(argv, cwd=self.work, preexec_fn=unprivileged, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stderr.decode()), (1, two_lines(
            f"{os.path.join('plain', 'key.txt')}: cannot be read: Permission denied",
            "look at the file's permissions")))


# ---- Loading ----------------------------------------------------------------

NO_ENGINE = "no-engine-of-this-name"
BY_WHOM = "tell its author, or remove it: skelebot plugin remove {}"


def with_sections(sections, jobs="- {name: train, source: 'echo trained $STAMPED; exit 5'}"):
    """A skelebot.yaml with these lines below `components`."""
    return f"name: churn\njobs:\n{jobs}\n" + (f"components:\n{sections.rstrip()}\n" if sections else "") + "runs: false\n"


class Project(Home):
    """A project with plugins of tests/plugins."""
    put_plugins = ()
    sections = ""

    def setUp(self):
        super().setUp()
        for name in self.put_plugins:
            self.put(name)
        self.configure(self.sections)

    def configure(self, sections):
        write(self.project, {"skelebot.yaml": with_sections(sections)})

    def run_in_project(self, *words, **environ):
        return self.skelebot(*words, folder=self.project, SKELEBOT_DOCKER=NO_ENGINE, **environ)

    def assert_plugin_fault(self, ending, name, message, stdout=""):
        self.assertEqual(ending, Ending(1, stdout, two_lines(f"plugin {name}: {message}", BY_WHOM.format(name))))


class Sections(Project):
    """What is below `components` is read by the plugin's record, as our own sections are."""
    put_plugins = ("hello", "stamp")

    def test_gives_the_values_and_the_defaults(self):
        cases = [("  hello:\n", "hello ada\n"), ("  hello: {}\n", "hello ada\n"),
                 ("  hello: {greeting: 010, rooms: [a, 2]}\n", "010 ada a 2\n"),
                 ("  hello: {times: 2, loud: true}\n", "HELLO ADA\nHELLO ADA\n")]
        for sections, said in cases:
            with self.subTest(sections):
                self.configure(sections)
                self.assertEqual(self.run_in_project("greet", "ada"), Ending(3, said, ""))

    def test_faults_name_line_key_and_what_was_expected(self):
        as_text = "write it as one text, in quotes if it holds ': '"
        cases = [
            ("stamp: {label: x, mod: y}", "stamp.mod: unknown key", "did you mean mode?"),
            ("stamp: {label: x, colour: y}", "stamp.colour: unknown key", "known are: label, mode"),
            ("stamp: {mode: x}", "stamp: needs the key label", "add a line such as label: ..."),
            ("stamp:", "stamp: needs the key label", "add a line such as label: ..."),
            ("stamp: x", "stamp: expected a mapping, found 'x'", "write KEY: VALUE, one on a line"),
            ("stamp: [x]", "stamp: expected a mapping, found a list", "write KEY: VALUE, one on a line"),
            ("stamp: {label: [x]}", "stamp.label: expected text, found a list", as_text),
            ("stamp: {label: }", "stamp.label: expected text, found nothing", as_text),
            ("hello: {times: many}", "hello.times: expected a whole number, found 'many'", "write digits only"),
            ("hello: {times: 1.5}", "hello.times: expected a whole number, found '1.5'", "write digits only"),
            ("hello: {loud: perhaps}", "hello.loud: expected true or false, found 'perhaps'", "write true or false"),
            ("hello: {rooms: [[a]]}", "hello.rooms[0]: expected text, found a list", as_text),
        ]
        for section, message, hint in cases:
            with self.subTest(section):
                self.configure("  " + section + "\n")
                self.assert_refused(self.run_in_project("envs"), "skelebot.yaml:5: components." + message, hint)
        self.assertEqual(sorted(os.listdir(self.place(""))), ["hello", "stamp"])

    def test_one_without_its_plugin_is_a_warning(self):
        for section, near in (("helo: {a: 1}", "; did you mean hello?"), ("slack:", ""), ("other: [x]", "")):
            with self.subTest(section):
                self.configure("  " + section + "\n")
                name = section.partition(":")[0]
                self.assertEqual(self.run_in_project("-n", "train"), Ending(
                    5, "trained\n", f"skelebot: warning: skelebot.yaml:5: components.{name}: "
                                    f"needs a plugin of that name{near}\n"))

    def test_an_environment_may_lay_another_one_over_it(self):
        self.configure("  hello: {greeting: hi}\n")
        write(self.project, {"skelebot-dev.yaml": "components: {hello: {greeting: ahoy}}\n"})
        self.assertEqual(self.run_in_project("-e", "dev", "greet", "ada").stdout, "ahoy ada\n")

    def test_a_plugin_without_a_record_takes_no_keys(self):
        self.put("plain", plain=PLAIN)
        self.configure("  plain:\n")
        self.assertEqual(self.run_in_project("-n", "train").status, 5)
        self.configure("  plain: {a: 1}\n")
        self.assert_refused(self.run_in_project("-n", "train"), "skelebot.yaml:5: components.plain.a: unknown key",
                            "components.plain takes no keys")


ACTIVE = """from skelebot import Activation, Answer, Builtin, Component


class Active(Component):
    activation = Activation.{}

    def commands(self):
        return {{"{}": Builtin("say where", self.say)}}

    def say(self, call, project, words):
        yield Answer(project.name if project else "outside")
"""


class Activations(Project):
    def test_say_where_a_plugin_takes_part(self):
        cases = {   # of the words: in a project with its section, in one without, outside
            "EMPTY": ("", "", "outside\n"), "CONFIG": ("churn\n", "", ""),
            "PROJECT": ("churn\n", "churn\n", ""), "ALWAYS": ("churn\n", "churn\n", "outside\n"),
        }
        for name in cases:
            self.put(name.lower(), **{name.lower(): ACTIVE.format(name, name.lower())})
        for number, sections in enumerate((f"  {{{', '.join(map(str.lower, cases))}}}\n", "", None)):
            self.configure(sections)
            for name, answers in cases.items():
                with self.subTest(name, sections=sections):
                    ending = self.skelebot(name.lower(), folder=self.work if sections is None else self.project)
                    self.assertEqual((ending.status, ending.stdout), (0 if answers[number] else 2, answers[number]))


class Commands(Project):
    put_plugins = ("hello",)
    sections = "  hello: {}\n"

    def test_are_on_the_projects_page(self):
        self.assertRegex(self.run_in_project("--help").stdout,
                         "\n  package +zip the project\n  greet +greet somebody\n")

    def test_have_a_page_of_their_own(self):
        for words in (("greet", "--help"), ("--help", "greet"), ("greet", "-h")):
            with self.subTest(words):
                self.assertEqual(self.run_in_project(*words), Ending(0, PAGE, ""))

    def test_take_their_words_as_ours_do(self):
        cases = [
            (["greet"], "greet: needs WHO (whom to greet)",
             "skelebot greet --help shows what it takes; words after -- may start with -"),
            (["greet", "a", "b"], "greet: cannot place 'b'", "skelebot greet --help shows what it takes"),
            (["greet", "a", "--lowd"], "greet: unknown option '--lowd'", "did you mean --loud?"),
            (["gret", "a"], "unknown job or command 'gret'", "did you mean greet?"),
        ]
        for words, message, hint in cases:
            with self.subTest(words):
                self.assert_refused(self.run_in_project(*words), message, hint, 2)

    def test_are_parts_of_a_chain_which_ends_with_the_first_that_fails(self):
        self.assertEqual(self.run_in_project("envs", "+", "greet", "a", "-l", "+", "envs"),
                         Ending(3, "[default]\nHELLO A\n", ""))

    def test_are_shown_in_a_dry_run(self):
        self.assertEqual(self.run_in_project("--dry-run", "greet", "a b"), Ending(
            3, f"cd {self.project}\nprintf '%s\\n' 'hello a b'\n", ""))

    def test_a_job_of_that_name_comes_first(self):
        write(self.project, {"skelebot.yaml": with_sections(self.sections, "- {name: greet, source: echo job}")})
        self.assertEqual(self.run_in_project("-n", "greet"), Ending(0, "job\n", ""))
        self.assertNotIn("greet somebody", self.run_in_project("--help").stdout)

    def test_one_of_ours_comes_first(self):
        self.put("plain", plain=ACTIVE.format("ALWAYS", "envs"))
        self.assertEqual(self.run_in_project("envs").stdout, "[default]\n")

    def test_are_found_by_a_job_named_plugin(self):
        write(self.project, {"skelebot.yaml": with_sections(self.sections, "- {name: plugin, source: echo job}")})
        self.assertEqual(self.run_in_project("-n", "plugin"), Ending(0, "job\n", ""))

    def test_are_not_looked_for_by_the_version(self):
        self.put("plain", plain="raise SystemExit('no')")
        self.assertEqual(self.run_in_project("--version"), Ending(0, f"skelebot {skelebot.__version__}\n", ""))


PAGE = """usage: skelebot [OPTIONS] greet WHO [OPTION]...

greet somebody

Arguments:
  WHO  whom to greet

Options:
  -l, --loud  in capitals
  -h, --help  explain and exit
"""


WRAP = """from skelebot import Activation, Component, Note


class Wrap(Component):
    activation = Activation.PROJECT

    def before(self, call, job, launch):
        yield Note(f"{self.name} before")
        return launch._replace(argv=("sh", "-c", f'echo in {self.name}; exec "$@"', "sh", *launch.argv))

    def after(self, call, job, launch, status):
        yield Note(f"{self.name} after {status}")
"""


class AroundJobs(Project):
    put_plugins = ("stamp",)
    sections = "  stamp: {label: x y}\n"

    def test_steps_before_may_change_how_it_is_launched_and_those_after_get_its_status(self):
        self.assertEqual(self.run_in_project("-n", "train"), Ending(
            5, "trained looked x y\n", "skelebot: before train\nskelebot: after train: 5\n"))

    def test_verbose_shows_what_they_run(self):
        self.assertEqual(self.run_in_project("-V", "-n", "train").stderr, (
            "skelebot: before train\n"
            "+ sh -c 'echo looked; echo aside >&2'\n"
            "+ env 'STAMPED=looked x y' bash -c 'echo trained $STAMPED; exit 5' bash\n"
            "skelebot: after train: 5\n"))

    def test_a_dry_run_shows_image_context_and_container(self):
        ending = self.run_in_project("--dry-run", "train")
        shown = re.sub("(?<=--name churn-train-)[0-9a-f]+", "TOKEN", ending.stdout).replace(self.project, "PROJECT")
        self.assertEqual(shown, support.golden("plugin-dry-run.txt"))

    def test_after_comes_also_when_the_program_is_not_there(self):
        self.put("wrap", wrap=WRAP.replace('"sh", "-c"', '"no-such-program"'))
        self.configure("")
        self.assertEqual(self.run_in_project("-n", "train"), Ending(
            1, "", "skelebot: wrap before\nskelebot: wrap after None\n"
                   + two_lines("no-such-program: not found on PATH", "install it, or correct PATH")))

    def test_plugins_wrap_each_other_in_the_order_of_their_names(self):
        for name in ("b", "a"):
            self.put(name, **{name: WRAP})
        self.configure("")
        self.assertEqual(self.run_in_project("-n", "train"), Ending(
            5, "in b\nin a\ntrained\n", "".join(f"skelebot: {said}\n" for said in (
                "a before", "b before", "b after 5", "a after 5"))))


KEEPS = """from skelebot import Activation, Answer, Builtin, Component, Note


class Keeps(Component):
    activation = Activation.PROJECT
    kept = "nothing"

    def commands(self):
        return {"keep": Builtin("keep the version", self.keep)}

    def keep(self, call, project, words):
        yield Answer(self.kept)
        self.kept = project.version + self.project.version

    def before(self, call, job, launch):
        self.kept += " before"
        return launch

    def run_words(self, job):
        return ["--env", "KEPT=" + self.kept]

    def after(self, call, job, launch, status):
        yield Note(self.kept)
"""


class OneForACall(Project):
    """A component is made once: what it keeps at one hook or command is there at the next."""

    def setUp(self):
        super().setUp()
        self.put("keeps", keeps=KEEPS)
        write(self.project, {"VERSION": "1.0.0\n"})

    def kept(self, *words):
        ending = self.run_in_project(*words)
        return [*re.findall("KEPT=([^']*)", ending.stdout), *ending.stderr.replace("skelebot: ", "").splitlines()]

    def test_from_before_a_job_to_its_words_for_docker_and_to_its_end(self):
        self.assertEqual(self.kept("-n", "train"), ["nothing before"])
        for words in (["train"], ["exec"], ["jupyter"]):
            with self.subTest(words):
                shown = self.kept("--dry-run", *words)
                self.assertEqual([shown[0], shown[-1]], ["nothing before", "nothing before"])

    def test_from_a_command_to_a_job(self):
        self.assertEqual(self.kept("-n", "keep", "+", "train"), ["1.0.01.0.0 before"])
        self.assertEqual(self.run_in_project("keep", "+", "keep").stdout, "nothing\n1.0.01.0.0\n")

    def test_but_not_past_what_changes_the_project(self):
        ending = self.run_in_project("keep", "+", "bump", "2.0.0", "+", "keep", "+", "keep")
        self.assertEqual(ending.stdout, "nothing\n2.0.0\nnothing\n2.0.02.0.0\n")


class Prompts(Home):
    def scaffold(self, typed, *words):
        self.put("stamp")
        options = ("--name", "x", "--description", "", "--maintainer", "", "--contact", "", "--language", "Python")
        return self.skelebot("scaffold", "new", "--template", "default", *options, *words, typed=typed)

    def section(self):
        with open(os.path.join(self.work, "new", "skelebot.yaml"), encoding="utf-8") as file:
            return yaml.safe_load(file).get("components")

    def test_answers_are_in_the_new_project(self):
        for answer in ("red", "a: b # c", "007", "yes", "- x", "\u00e4 'q' \"d\"", "{x}"):
            with self.subTest(answer):
                shutil.rmtree(os.path.join(self.work, "new"), ignore_errors=True)
                self.forget()
                ending = self.scaffold(answer + "\n")
                self.assertEqual((ending.status, ending.stderr.startswith("stamp: What is stamped?: ")), (0, True))
                self.assertEqual(self.section(), {"stamp": {"label": answer}})
                self.assertEqual(self.skelebot("-C", "new", "envs"), Ending(0, "[default]\n", ""))

    def test_without_an_answer_there_is_no_section(self):
        self.assertEqual(self.scaffold("\n").status, 0)
        self.assertIsNone(self.section())

    def test_with_yes_nothing_is_asked(self):
        self.assertEqual(self.scaffold("", "--yes").stderr,
                         "skelebot: made 12 files; next: cd new && skelebot --help\n")
        self.assertIsNone(self.section())


class WrongPlugins(Project):
    """A fault in a plugin's code names plugin, file and line, and ends what it has a part in; never by a traceback."""
    put_plugins = ("wrong",)

    def go_wrong(self, hook, way, *words):
        self.configure(f"  wrong: {{hook: {hook}, way: {way}}}\n")
        ending = self.run_in_project(*words)
        return ending._replace(stdout=ending.stdout.replace(f"cd {self.project}\n", ""))

    def test_a_hook_that_raises(self):
        cases = [("command", ["wrong"], ""), ("tools", ["--dry-run", "prime"], ""),
                 ("dockerfile", ["--dry-run", "prime"], ""), ("ignores", ["--dry-run", "prime"], ""),
                 ("before", ["-n", "train"], ""), ("step before", ["-n", "train"], "")]
        for hook, words, stdout in cases:
            with self.subTest(hook):
                ending = self.go_wrong(hook, "raise", *words)
                self.assert_plugin_fault(ending, "wrong", "wrong.py:20: ZeroDivisionError: division by zero", stdout)

    def test_a_hook_after_a_job_leaves_it_the_status_that_it_failed_with(self):
        self.assertEqual(self.go_wrong("after", "raise", "-n", "train"), (
            5, "trained\n", "skelebot: warning: plugin wrong: wrong.py:20: ZeroDivisionError: division by zero\n"))

    def test_a_hook_that_returns_something_else(self):
        cases = [("tools", 30, "a text, not 7"), ("dockerfile", 33, "a text, not 7"),
                 ("ignores", 36, "a list of texts, not 7")]
        for hook, line, expected in cases:
            with self.subTest(hook):
                self.assert_plugin_fault(self.go_wrong(hook, "number", "--dry-run", "prime"), "wrong",
                                         f"wrong.py:{line}: TypeError: {hook}() has to return {expected}")
        self.assert_plugin_fault(self.go_wrong("before", "text", "-n", "train"), "wrong",
                                 "wrong.py:42: TypeError: before() has to return its launch, not 'garbage'")

    def test_a_plan_that_yields_something_else(self):
        for hook, line, words in (("command", 28, ["wrong"]), ("step before", 44, ["-n", "train"])):
            for dry_run in ([], ["--dry-run"]):
                with self.subTest(hook, dry_run=dry_run):
                    self.assert_plugin_fault(
                        self.go_wrong(hook, "text", *dry_run, *words), "wrong",
                        f"wrong.py:{line}: TypeError: 'garbage' is no step")

    def test_commands_that_cannot_be_asked_for_are_left_out(self):
        for way, fault in (("raise", "20: ZeroDivisionError: division by zero"),
                           ("number", "23: TypeError: commands() has to return a dict, not 7"),
                           ("text", "23: TypeError: commands() has to return a dict, not 'garbage'")):
            with self.subTest(way):
                self.assertEqual(self.go_wrong("commands", way, "-n", "train"), Ending(
                    5, "trained\n", f"skelebot: warning: plugin wrong: wrong.py:{fault}\n"))

    def bad(self, body, *words, section="  bad: {a: 1}\n"):
        """A call with a plugin whose class has these lines."""
        self.put("bad", bad=BAD + "".join(f"    {line}\n" for line in body.split("\n")))
        self.configure(section)
        return self.run_in_project(*words)

    def test_a_record_of_what_cannot_be_read(self):
        self.assert_refused(self.bad("record = NamedTuple('Settings', [('a', set)])", "envs"),
                            "skelebot.yaml:5: components.bad.a: cannot be read as set, which a plugin wants",
                            "tell the plugin's author: str, int, float, bool, list, dict and records can be read")

    def test_a_reader_of_its_own_that_raises(self):
        self.assert_refused(self.bad("@classmethod\ndef read(cls, node, place):\n    raise KeyError('no')", "envs"),
                            "skelebot.yaml:5: components.bad: KeyError: 'no'", "the plugin says so; tell its author")

    def test_a_class_that_is_none_of_ours_goes_to_quarantine(self):
        for body, fault in (("record = int", "record has to be a NamedTuple, not \"<class 'int'>\""),
                            ("activation = 'ALWAYS'",
                             "activation has to be Activation.CONFIG or the like, not 'ALWAYS'")):
            with self.subTest(body):
                self.forget()
                ending = self.bad(body, "envs", section="")
                self.assertEqual(ending, Ending(0, "[default]\n", (
                    f"skelebot: warning: plugin bad: bad.py: TypeError: {fault}; "
                    f"it was moved to {self.own}/plugins-quarantine/bad\n")))

    def test_a_launch_or_command_with_what_is_no_text(self):
        for line in ("return launch._replace(argv='echo')", "return 'launch'", "yield Command('echo')",
                     "yield Command(['echo', 1])",
                     "yield Command(['true'], {'A': 1})", "yield Note(5)", "yield File('x', 'text')"):
            with self.subTest(line):
                self.forget()
                ending = self.bad(f"def before(self, call, job, launch):\n    {line}", "-n", "train", section="")
                self.assertRegex(ending.stderr, "^skelebot: plugin bad: (bad.py:[67]: )?[A-Za-z]+Error: .*\n  hint: "
                                                "tell its author.*\n$")
                self.assertEqual((ending.status, ending.stdout), (1, ""))

    def test_a_number_in_a_launch_is_its_text(self):
        line = "return launch._replace(argv=[*launch.argv, 7], environ={'STAMPED': 1})"
        self.assertEqual(self.bad(f"def before(self, call, job, launch):\n    {line}", "-n", "train", section=""),
                         Ending(5, "trained 1\n", ""))

    def test_a_class_that_cannot_be_made_is_a_fault_only_where_a_job_or_image_needs_it(self):
        body, said = "def __init__(self, project=None, settings=None):\n    1 / 0", "ZeroDivisionError: division by zero"
        for words in (["envs"], ["--help"], ["bump", "2.0.0"]):
            with self.subTest(words):
                ending = self.bad(body, *words, section="")
                self.assertEqual((ending.status, ending.stderr.partition("\n")[0]),
                                 (0, f"skelebot: warning: plugin bad: bad.py:7: {said}"))
        for words in (["-n", "train"], ["--dry-run", "train"], ["--dry-run", "prime"], ["--dry-run", "exec"]):
            with self.subTest(words):
                ending = self.bad(body, *words, section="")
                self.assertEqual((ending.status, ending.stderr.split("\n", 1)[1]), (
                    1, two_lines(f"plugin bad: bad.py:7: {said}", BY_WHOM.format("bad"))))

    def test_a_command_that_no_one_can_type(self):
        for name in ("x y", "-z", "+", ""):
            with self.subTest(name):
                self.forget()
                ending = self.bad(f"def commands(self):\n    return {{{name!r}: Builtin('help', None)}}", "envs",
                                  section="")
                self.assertEqual((ending.status, ending.stdout), (0, "[default]\n"))
                self.assertRegex(ending.stderr, "^skelebot: warning: plugin bad: bad.py:6: TypeError: .*\n$")

    def test_a_plugin_that_ends_the_program_ends_it_with_its_status(self):
        self.apart = True
        body = "def commands(self):\n    return {'x': Builtin('help', lambda *words: sys.exit(4))}"
        self.assertEqual(self.bad(body, "x", section="").status, 4)


BAD = """import sys; from typing import *
from skelebot import *

class Bad(Component):
    activation = Activation.PROJECT
"""


# ---- Quarantine -------------------------------------------------------------

MAYBE = f" (maybe: {sys.executable} -m pip install {{}})"
BROKEN = {      # the text of the plugin: the line that failed and what went wrong
    "x = 1\nimport no_such_module\n": "2: import no_such_module: ModuleNotFoundError: No module named 'no_such_module'"
                                       + MAYBE.format("no_such_module"),
    "\n\nprint(undefined)\n": "3: print(undefined): NameError: name 'undefined' is not defined",
    "from skelebot import Nothing\n": None,
    "import skelebot.systems.gone\n":
        "1: import skelebot.systems.gone: ModuleNotFoundError: No module named 'skelebot.systems.gone'",
    "import broken.gone\n":
        "1: import broken.gone: ModuleNotFoundError: No module named 'broken.gone'",
    "import sys\nsys.exit(3)\n": "2: sys.exit(3): SystemExit: 3",
    "exit('bye')\n": "1: exit('bye'): SystemExit: bye",
    "def f():\n    return 1 / 0\n\n\nf()\n": "2: return 1 / 0: ZeroDivisionError: division by zero",
    "open('/no/such/file')\n":
        "1: open('/no/such/file'): FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'",
    "def f():\n    return f()\n\n\nf()\n": None,
    "def f(:\n": None,
    "\0": None,
    "x = '\udce4'": None,
    "": None,
    "class Broken:\n    pass\n": None,
    "from .gone import x\n":
        "1: from .gone import x: ModuleNotFoundError: No module named 'skelebot_plugin_broken.gone'",
    "raise ValueError('two\\nlines \\x1b[31m')\n": None,
}


class Quarantine(Project):
    put_plugins = ("hello",)
    sections = "  hello: {}\n"

    def quarantine(self):
        folder = os.path.join(self.own, "plugins-quarantine")
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def warning(self, fault, to="broken"):
        return (f"skelebot: warning: plugin broken: broken.py:{fault}; "
                f"it was moved to {os.path.join(self.own, 'plugins-quarantine', to)}\n")

    def test_takes_what_cannot_be_imported_and_all_else_goes_on(self):
        for text, fault in BROKEN.items():
            with self.subTest(text):
                self.forget()
                self.put("hello")
                write(self.place("broken"), {"broken.py": text.encode("utf-8", "surrogateescape"), "data": "1"})
                ending = self.run_in_project("greet", "ada")
                self.assertEqual((ending.status, ending.stdout), (3, "hello ada\n"))
                self.assertRegex(ending.stderr, "^skelebot: warning: plugin broken: broken.py(:[0-9]+)?(: .+)?: "
                                                r"\w+: [^\0-\x1f]+; it was moved to .*/plugins-quarantine/broken\n$")
                self.assertEqual(ending.stderr, self.warning(fault) if fault else ending.stderr)
                self.assertNotIn("pip install skelebot", ending.stderr)
                self.assertEqual((self.quarantine(), os.listdir(self.place(""))), (["broken"], ["hello"]))
                self.assertEqual(self.run_in_project("greet", "ada"), Ending(3, "hello ada\n", ""))

    def test_names_the_line_in_a_file_beside_it(self):
        self.put("broken", broken="from .parts import more\n", parts__more="x = [\n    1,\n    1 / 0,\n]\n")
        self.assertEqual(self.run_in_project("envs").stderr, (
            "skelebot: warning: plugin broken: more.py:3: 1 / 0,: ZeroDivisionError: division by zero; "
            f"it was moved to {self.own}/plugins-quarantine/broken\n"))

    def test_keeps_what_is_in_there(self):
        for number, name in enumerate(("broken", "broken-1", "broken-2")):
            with self.subTest(name):
                self.put("broken", broken=f"import gone{number}\n")
                fault = f"1: import gone{number}: ModuleNotFoundError: No module named 'gone{number}'" \
                    + MAYBE.format(f"gone{number}")
                self.assertEqual(self.run_in_project("envs"), Ending(0, "[default]\n", self.warning(fault, name)))
        self.assertEqual(self.quarantine(), ["broken", "broken-1", "broken-2"])

    def test_takes_nothing_whose_section_is_wrong(self):
        self.put("stamp")
        self.put("notify")
        for section in ("stamp: {a: 1}", "notify: {servr: x}", "notify: {server: [x]}", "notify: [x]"):
            with self.subTest(section):
                self.configure("  " + section + "\n")
                self.assertEqual(self.run_in_project("envs").status, 1)
                self.assertEqual((self.quarantine(), len(os.listdir(self.place("")))), ([], 3))

    def test_takes_nothing_that_goes_wrong_later(self):
        self.put("wrong")
        self.configure("  wrong: {hook: before}\n")
        self.assertEqual(self.run_in_project("-n", "train").status, 1)
        self.assertEqual(self.quarantine(), [])

    def test_says_so_if_it_cannot_be_moved(self):
        self.put("broken", broken="import gone\n")
        os.chmod(self.place(""), 0o555)
        self.addCleanup(os.chmod, self.place(""), 0o755)
        argv = [sys.executable, SKELEBOT, "envs"]
        with self.variables():
            done = subprocess.run(argv, cwd=self.project, preexec_fn=unprivileged, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(Ending(done.returncode, done.stdout.decode(), done.stderr.decode()), Ending(
            0, "[default]\n", "skelebot: warning: plugin broken: broken.py:1: import gone: ModuleNotFoundError: "
            f"No module named 'gone'{MAYBE.format('gone')}; it could not be moved to "
            f"{self.own}/plugins-quarantine/broken: permission denied\n"))

    def test_a_sound_one_can_be_installed_again(self):
        self.put("plain", plain="import gone\n")
        self.run_in_project("envs")
        self.zip_file(zipped(GOOD))
        self.assertEqual(self.skelebot("plugin", "install", "plugin.zip").status, 0)
        self.assertEqual(self.skelebot("plugin", "list").stdout, "hello\nplain\n")
        self.assertEqual(self.run_in_project("envs"), Ending(0, "[default]\n", ""))

    def test_a_file_that_is_no_plugin_is_let_be(self):
        write(self.own, {"plugins/note.txt": "", "plugins/.hidden/x.py": "", "plugins/__pycache__/x.pyc": ""})
        self.assertEqual(self.run_in_project("envs"), Ending(0, "[default]\n", ""))

    def test_a_plugin_may_export_a_class_of_its_parts(self):
        self.put("parts", parts="from .inner import Parts\n",
                 inner=ACTIVE.format("ALWAYS", "parts").replace("Active(", "Parts("))
        self.assertEqual(self.run_in_project("parts"), Ending(0, "churn\n", ""))


# ---- Plugins of earlier releases --------------------------------------------

JOBS = """- {name: train, source: 'echo trained; exit 5', mode: i, params: [{name: epochs, alt: e}]}
- {name: ok, source: 'echo trained "$@" $TIMED', params: [epochs]}"""
NOTIFY = "  notify: {server: s1, level: info, channels: [{name: a}, {name: b, urgent: true}]}\n"


class EarlierPlugins(Project):
    apart = True
    put_plugins = ("notify",)
    sections = NOTIFY

    def configure(self, sections):
        write(self.project, {"skelebot.yaml": with_sections(sections, JOBS), "VERSION": "1.2.3\n"})

    def test_add_commands_by_argparse(self):
        cases = [
            (["notify", "hello there"], 4, "info churn (1.2.3) on None: hello there\n"),
            (["notify", "a", "--dry", "-n", "2", "-l", "warn"], 0, "warn churn (1.2.3) on None: a\n" * 2),
            (["-d", "ssh://u@h", "notify", "a", "--dry"], 0, "info churn (1.2.3) on ssh://u@h: a\n"),
            (["channels"], 0, "a\nb\n"), (["channels", "--urgent"], 0, "b\n"),
            (["channels", "+", "notify", "x", "+", "channels"], 4, "a\nb\ninfo churn (1.2.3) on None: x\n"),
            (["--dry-run", "notify", "x"], 0, "cd {}\n# here the plugin notify runs code of its own\n"),
        ]
        for words, status, said in cases:
            with self.subTest(words):
                self.assertEqual(self.run_in_project(*words), Ending(status, said.format(self.project), ""))

    def test_explain_their_commands(self):
        page = self.run_in_project("--help").stdout
        self.assertRegex(page, "\n  notify +Send a message to the channels\n  channels +List the channels\n")
        for words in (["notify", "--help"], ["--help", "notify"]):
            ending = self.run_in_project(*words)
            self.assertEqual((ending.status, ending.stdout.partition("\n")[0], ending.stderr), (
                0, "usage: skelebot notify [-h] [-l {info,warn}] [-d] [-n TIMES] message", ""))

    def test_refuse_words_before_anything_runs(self):
        for words, fault in ((["notify"], "the following arguments are required: message"),
                             (["notify", "x", "-n", "two"], "argument -n/--times: invalid int value: 'two'"),
                             (["channels", "+", "notify"], "the following arguments are required: message")):
            with self.subTest(words):
                ending = self.run_in_project(*words)
                self.assertEqual((ending.status, ending.stdout, ending.stderr.splitlines()[-1]),
                                 (2, "", f"skelebot notify: error: {fault}"))

    def test_read_their_sections_and_say_what_is_wrong(self):
        cases = [
            ("{servr: x}", "Wrong key 'servr' in {'servr': 'x'}"),
            ("{server: 5}", "'server' must be str"),
            ("{channels: [{nam: x}]}", "Wrong key 'nam' in {'nam': 'x'}"),
            ("{channels: [{name: x, urgent: 1}]}", "'urgent' must be bool"),
        ]
        for section, message in cases:
            with self.subTest(section):
                self.configure(f"  notify: {section}\n")
                self.assert_refused(self.run_in_project("envs"), f"skelebot.yaml:6: components.notify: {message}",
                                    "the plugin notify says what it takes")

    def test_wrap_the_commands_of_jobs(self):
        self.put("timer")
        cases = [(["-n", "train"], 5, "starting train True\ntrained\n"),
                 (["-n", "ok", "--epochs", "a b"], 0,
                  "starting ok True\ntrained --epochs a b natively\nended ok\ntimed natively\n")]
        for words, status, said in cases:
            with self.subTest(words):
                self.assertEqual(self.run_in_project(*words), Ending(status, said, ""))

    def test_add_to_image_context_and_container(self):
        self.put("timer")
        ending = self.run_in_project("--dry-run", "ok", "--epochs", "1")
        shown = re.sub("(?<=--name churn-ok-)[0-9a-f]+", "TOKEN", ending.stdout).replace(self.project, "PROJECT")
        self.assertEqual(shown, support.golden("earlier-plugin-dry-run.txt"))

    def test_take_no_part_without_their_section(self):
        self.configure("")
        self.assertEqual(self.run_in_project("channels").status, 2)
        self.assertEqual(self.run_in_project("-n", "train"), Ending(5, "trained\n", ""))

    def test_import_what_lies_beside_them_and_run_outside_of_projects(self):
        self.put("helpers")
        self.assertEqual(self.skelebot("words"), Ending(0, "['a', 'b'] [1, 2] from a file None None\n", ""))
        self.assertEqual(self.run_in_project("words").status, 2)

    def test_ask_when_a_project_is_made(self):
        options = ("--name", "x", "--description", "", "--maintainer", "", "--contact", "", "--language", "Python")
        ending = self.skelebot("scaffold", "new", "--template", "default", *options,
                               typed="s 1\nmaybe\ny\nloud\nwarn\n")
        self.assertEqual(ending, Ending(0, "", (
            "Which server: Quietly (Y/N): skelebot: 'maybe' is none of Y and N\nQuietly (Y/N): "
            "Level (info, warn): skelebot: 'loud' is none of info and warn\nLevel (info, warn): "
            "skelebot: made 12 files; next: cd new && skelebot --help\n")))
        with open(os.path.join(self.work, "new", "skelebot.yaml"), encoding="utf-8") as file:
            self.assertEqual(yaml.safe_load(file)["components"], {"notify": {
                "server": "s 1", "quiet": True, "level": "warn", "channels": [{"name": "general", "urgent": True}]}})
        self.assertEqual(self.skelebot("-C", "new", "channels"), Ending(0, "general\n", ""))


class EarlierModules(Project):
    """What those plugins import from `skelebot`."""
    apart = True
    put_plugins = ("runner",)

    def configure(self, sections):
        write(self.project, {"skelebot.yaml": with_sections(sections, JOBS)
                             + "dependencies:\n- numpy\n- 'req:requirements.txt'\n", "VERSION": "1.2.3\n"})

    def test_show_the_project(self):
        self.assertEqual(self.run_in_project("show"), Ending(0, (
            "churn Python 1.2.3 churn\n"
            "[('train', 'echo trained; exit 5', 'i', ['epochs']), "
            "('ok', 'echo trained \"$@\" $TIMED', 'i', ['epochs'])]\n"
            "['numpy', 'req:requirements.txt']  False ['Runner']\n"
            "['description', 'jobs', 'language', 'name']\n"
            f"{skelebot.__version__} True\n"), ""))

    def test_build_and_run(self):
        write(self.project, {"requirements.txt": "numpy\n"})
        self.assert_refused(self.run_in_project("in-image", "ls"), f"{NO_ENGINE}: not found on PATH",
                            "install it, or correct PATH")

    def test_write_the_dockerfile(self):
        write(self.project, {"requirements.txt": "numpy\n"})
        self.assertEqual(self.run_in_project("generate"), Ending(0, "", ""))
        self.assertEqual(sorted(os.listdir(self.project)),
                         [".dockerignore", "Dockerfile", "VERSION", "requirements.txt", "skelebot.yaml"])

    def test_save_only_what_was_changed(self):
        write(self.project, {"skelebot.yaml": with_sections("  notify: {server: s1}\n", JOBS) + "x-team: {a: 1}\n"})
        before = support.plain(skelebot.read_folder(self.project))
        self.assertEqual(self.run_in_project("retitle", "a: new one").status, 0)
        after = support.plain(skelebot.read_folder(self.project))
        changed = {key for key, old, new in zip(after._fields, before, after) if old != new}
        self.assertEqual((changed - {"places", "warnings"}, after.description), ({"description"}, "a: new one"))
        with open(os.path.join(self.project, "skelebot.yaml"), encoding="utf-8") as file:
            self.assertEqual(yaml.safe_load(file)["components"], {"notify": {"server": "s1"}})


class PluginsOf2019(Project):
    apart = True
    put_plugins = ("legacy",)

    def configure(self, sections):
        write(self.project, {"skelebot.yaml": with_sections("", JOBS) + "plugins:\n- name: legacy\n" + sections})

    def test_are_commands_of_their_name(self):
        self.configure("  config: {colour: red}\n")
        self.assertEqual(self.run_in_project("legacy"), Ending(
            6, "churn Python ['train', 'ok'] red {'colour': 'red'}\n", ""))
        self.assertRegex(self.run_in_project("--help").stdout, "\n  legacy +Show what the plugin gets.\n")

    def test_need_no_config(self):
        write(self.place("bare"), {"command.py": "def command(config, pluginConfig):\n    print(pluginConfig)\n"})
        write(self.project, {"skelebot.yaml": with_sections("", JOBS) + "plugins:\n- name: bare\n"})
        self.assertEqual(self.run_in_project("bare").status, 0)

    def test_are_faults_as_others_are(self):
        self.configure("  config: {color: red}\n")
        self.assert_plugin_fault(self.run_in_project("legacy"), "legacy", "command.py:6: KeyError: colour")

    def test_are_installed_as_others_are(self):
        folder = os.path.join(PLUGINS, "legacy")
        self.forget()
        self.assertEqual(self.skelebot("plugin", "install", folder).status, 0)
        self.configure("  config: {colour: blue}\n")
        self.assertEqual(self.run_in_project("legacy").status, 6)

    def test_ask_when_a_project_is_made(self):
        options = ("--name", "x", "--description", "", "--maintainer", "", "--contact", "", "--language", "Python")
        ending = self.skelebot("scaffold", "new", "--template", "default", *options, typed="blue\n")
        self.assertEqual(ending.status, 0)
        self.assertEqual(self.skelebot("-C", "new", "legacy"), Ending(
            6, "x Python ['example'] blue {'colour': 'blue'}\n", ""))


# ---- Every way to start it --------------------------------------------------

class EveryWay(Home):
    """A plugin's `import skelebot` is the module that runs, and no second copy."""

    def assert_one_module(self, argv, **environ):
        with self.variables(PYTHONDONTWRITEBYTECODE="1", **environ):
            done = subprocess.run(argv + ["places"], cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
        self.assertEqual(Ending(done.returncode, done.stdout, done.stderr),
                         Ending(0, "step done\nTrue True True True True 1\n", ""))

    def test_as_a_script(self):
        self.put("places")
        self.assert_one_module([sys.executable, os.path.join(ROOT, "skelebot.py")])

    def test_as_a_module_of_a_copy(self):
        self.put("places")
        shutil.copy(os.path.join(ROOT, "skelebot.py"), self.work)
        shutil.copytree(os.path.join(ROOT, "templates"), os.path.join(self.work, "templates"))
        self.assert_one_module([sys.executable, "-m", "skelebot"])

    def test_as_an_imported_module(self):
        self.put("places")
        code = "import sys, skelebot; sys.exit(skelebot.main(sys.argv[1:]))"
        self.assert_one_module([sys.executable, "-c", code], PYTHONPATH=ROOT)
