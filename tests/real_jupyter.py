"""Jupyter from PyPI in real containers: asked over HTTP, and used by a real Chromium."""
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from browser import Browser, run_cell
from engine import (BASE, ROOT, SKELEBOT, TIMEOUT, Running, Tests, call, deadline, engines, environment, missing, on, prints,
                    write)
from program import SOURCE

PROJECT = "skelebot-test-jupyter"   # its image with Jupyter stays, so that only a machine's first run installs it
IMAGE = PROJECT + ":jupyter"
KDC = os.environ.get("SKELEBOT_TEST_KDC", "")


def two_lines(message, hint):
    return f"skelebot: {message}\n  hint: {hint}\n"


def content(path):
    with open(path, "rb") as file:
        return file.read()


def notebook(code, kernel="python3"):
    """A notebook with one cell."""
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": {"name": kernel, "display_name": kernel}},
                       "nbformat": 4, "nbformat_minor": 5})


# ---- A server ---------------------------------------------------------------

class Server:
    """A `skelebot jupyter`: what it printed, and what its server says then."""

    def __init__(self, argv, folder, terminal=False, **environ):
        handle, self.errors = tempfile.mkstemp(dir=os.path.dirname(folder))
        os.close(handle)
        apart = [] if terminal else ["sh", "-c", 'exec "$@" 2> "$0"', self.errors]
        self.running = Running([*apart, *argv], folder, terminal, **environ)

    def announced(self):
        """Wait for the URL; the first run on an engine has Jupyter to install before."""
        for _ in deadline(200):
            more = self.running.read(1)
            url = re.search(rb"(http://\S+)\r?\n", self.running.said)
            if url:
                break
            if not more:
                raise AssertionError(f"ended without a URL:\n{self.running.said.decode()}{self.stderr}")
        self.url = url.group(1).decode()
        address = urllib.parse.urlsplit(self.url)
        self.port, self.token = address.port, urllib.parse.parse_qs(address.query)["token"][0]
        self.first = self.ask("/api/status")[0]
        return self

    @property
    def stderr(self):
        return content(self.errors).decode()

    def ask(self, path, method="GET", token=None, body=None, host="127.0.0.1"):
        """(status, text) that the server answers; `token` is its own, unless it is given."""
        connection = http.client.HTTPConnection(host, self.port, timeout=30)
        token = self.token if token is None else token
        try:
            connection.request(method, path, body, {"Authorization": "token " + token} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def write(self, path, text):
        """Write a file as a notebook's page does."""
        words = json.dumps({"type": "file", "format": "text", "content": text})
        return self.ask("/api/contents/" + path, "PUT", body=words)[0]

    def page(self, path):
        """The URL of a notebook, as the one that was printed but for its path."""
        return re.sub(r"/lab\?", f"/lab/tree/{path}?", re.sub(r"/tree\?", f"/notebooks/{path}?", self.url))

    def end(self):
        """Ctrl-C; returns the exit status."""
        return self.running.signal(signal.SIGINT).ends()


def free_port():
    """A port that nobody listens at, and that no connection of other tests is given meanwhile, as those from 32768 are."""
    for port in random.sample(range(12000, 22000), 1000):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("", port))
            return port


def other_address():
    """An address of this machine that is not its loopback; nothing is sent there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect(("203.0.113.1", 9))
        return outward.getsockname()[0]


def copy_image(image, source, target):
    """Give an engine the image of another one."""
    with subprocess.Popen([*source.cli, "save", image], env=environment(**source.environ),
                          stdout=subprocess.PIPE) as save:
        subprocess.run([*target.cli, "load"], env=environment(**target.environ), stdin=save.stdout,
                       stdout=subprocess.DEVNULL, check=True, timeout=TIMEOUT)


def make_jupyter(engine):
    """Have an image that skelebot has put Jupyter into: made once for all Docker engines, since it takes its time."""
    if engine.name in ("legacy", "remote"):
        make_jupyter(engines()["BuildKit"])
    if not prints(*engine.cli, "image", "inspect", IMAGE, **engine.environ) and engine.name == "remote":
        copy_image(IMAGE, engines()["BuildKit"], engine)
    if not prints(*engine.cli, "image", "inspect", IMAGE, **engine.environ):
        with tempfile.TemporaryDirectory() as top:
            folder = os.path.join(top, "project")
            write(folder, {"skelebot.yaml": json.dumps({"name": PROJECT, "baseImage": BASE})})
            server = Server([sys.executable, SKELEBOT, "jupyter"], folder, **engine.environ)
            try:
                server.announced().end()
            finally:
                server.running.stop()


class JupyterTests(Tests):
    """A project whose base image has Jupyter already."""
    base = IMAGE
    build = False

    @classmethod
    def setUpClass(cls):
        if cls.base == IMAGE and not missing(cls.engine.name):
            make_jupyter(cls.engine)
        super().setUpClass()

    @classmethod
    def write_project(cls, folder, **config):
        super().write_project(folder, **{"baseImage": cls.base, **config})

    @classmethod
    def launched(cls, *words, folder=None, terminal=False, **environ):
        return Server(cls.argv(*words), folder or cls.folder, terminal, **{**cls.engine.environ, **environ})

    def jupyter(self, *words, **options):
        """A server of this test."""
        server = self.launched(*words, **options)
        self.addCleanup(server.running.stop)
        return server


class SharedTests(JupyterTests):
    """Tests that ask the same server, in the container `own`."""
    server = own = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.server = cls.begun()
            cls.server.announced()
            cls.own, = cls.containers()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def begun(cls):
        """The server, just started."""
        return cls.launched("jupyter")

    @classmethod
    def tearDownClass(cls):
        if cls.server:
            cls.server.end()
            cls.server.running.stop()
        cls.own, left = None, cls.containers()
        for name in left:
            prints(*cls.engine.cli, "rm", "--force", name, **cls.engine.environ)
        super().tearDownClass()
        if left:
            raise AssertionError(f"{left} was left behind")

    @classmethod
    def containers(cls):
        """Those of a test: the class's own one stays until the last is over."""
        return [name for name in super().containers() if name != cls.own]


# ---- What it is for ---------------------------------------------------------

CELL = "total = sum(map(int, open('data.txt')))\nopen('total.txt', 'w').write(str(total))\nprint('the total is', total)"
PAGES = {"legacy": ("--lab", "/lab"), "BuildKit": ("--lab", "/lab"), "podman": ("--notebook", "/tree")}


class Serving(SharedTests):
    """A server in an image that has Jupyter; of its options only the port is in the file, and another one is typed."""
    files = {"data.txt": "1\n2\n39\n", "work.ipynb": notebook(CELL)}
    config = {"components": {"jupyter": {"port": 1, "lab": True}}}

    @classmethod
    def begun(cls):
        """With a docker first on PATH that notes its words, and then runs the real one."""
        cls.noted, program = os.path.join(cls.top, "noted"), shutil.which(cls.engine.cli[0])
        folder = os.path.join(cls.top, "bin")
        fake = os.path.join(folder, cls.engine.environ.get("SKELEBOT_DOCKER", "docker"))
        write(folder, {fake: f"#!/bin/sh\nprintf '%s\\n' \"$@\" >> '{cls.noted}'\nexec '{program}' \"$@\"\n"})
        os.chmod(fake, 0o755)
        cls.asked = free_port()
        cls.option, cls.path = PAGES[cls.engine.name]
        path = os.pathsep.join([folder, cls.engine.environ.get("PATH", os.environ["PATH"])])
        return cls.launched("-V", "jupyter", cls.option, "--port", str(cls.asked), PATH=path)

    def test_prints_the_url_once_it_answers_and_nothing_else(self):
        self.assertEqual(self.server.running.said.decode(),
                         f"http://127.0.0.1:{self.asked}{self.path}?token={self.server.token}\n")
        self.assertEqual(self.server.first, 200)
        self.assertIn("\nskelebot: Ctrl-C ends it\n", self.server.stderr)

    def test_answers_only_who_has_the_token(self):
        for token, statuses in (("", [302, 403, 403]), ("0" * 48, [302, 403, 403]), (None, [200, 200, 200])):
            with self.subTest(token=token):
                paths = (self.path, "/api/contents", "/api/kernelspecs")
                self.assertEqual([self.server.ask(path, token=token)[0] for path in paths], statuses)

    def test_is_published_on_this_machine_only(self):
        known = self.inspect(self.own)["HostConfig"]["PortBindings"]
        self.assertEqual(known, {"8888/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self.asked)}]})
        with self.assertRaises(ConnectionRefusedError):
            self.server.ask("/api/status", host=other_address())

    def test_keeps_the_token_out_of_every_argv(self):
        token = self.server.token.encode()
        self.assertIn(b"\n--publish\n", content(self.noted))
        self.assertNotIn(token, content(self.noted))
        self.assertEqual([pid for pid in filter(str.isdigit, os.listdir("/proc")) if token in words_of(pid)], [])
        known = self.inspect(self.own)
        self.assertIn("jupyter", known["Config"]["Cmd"])
        self.assertNotIn(self.server.token, json.dumps([known["Config"]["Cmd"], known["Args"], known["Path"]]))

    def test_keeps_the_token_out_of_what_it_shows(self):
        self.assertRegex(self.server.stderr, r"(?m)^\+ .* create .*--env JUPYTER_TOKEN .* jupyter (lab|notebook) ")
        shown = self.skelebot("--dry-run", "jupyter")
        self.assertIn("env JUPYTER_TOKEN=... ", shown.stdout.decode())
        self.assertNotIn(self.server.token, self.server.stderr + shown.stdout.decode() + shown.stderr)
        self.assertIsNone(re.search(r"(?<!sha256:)(?<![0-9a-f])[0-9a-f]{32}", shown.stdout.decode()))

    def test_starts_in_the_projects_folder(self):
        entries = json.loads(self.server.ask("/api/contents")[1])["content"]
        self.assertEqual({entry["name"] for entry in entries} & {"data.txt", "work.ipynb"}, {"data.txt", "work.ipynb"})
        self.assertEqual(self.server.write("new.txt", "written\n"), 201)
        self.assertEqual(content(os.path.join(self.folder, "new.txt")), b"written\n")


@on("legacy")
class ServingAtOnce(Serving):
    """The same, when the image has Jupyter."""

    def test_uses_the_projects_image_and_makes_no_other(self):
        tags = [name.rpartition("/")[2] for name in self.images()]
        self.assertEqual(tags, [self.name + ":latest"])
        self.assertEqual(self.inspect(self.own)["Image"], self.inspect(self.name)["Id"])


def words_of(pid):
    """The command line of a process, if it is still there."""
    try:
        return content(f"/proc/{pid}/cmdline")
    except OSError:
        return b""


class KeptTests(JupyterTests):
    """A project that has Jupyter in an image on top, which stays for the next run."""
    base = BASE

    @classmethod
    def setUpClass(cls):
        if not missing(cls.engine.name):
            make_jupyter(cls.engine)
        super().setUpClass()

    @classmethod
    def write_project(cls, folder, **config):
        cls.name = PROJECT
        super().write_project(folder, **config)

    @classmethod
    def images(cls):
        """What is removed: those with names stay."""
        return [image for image in super().images() if PROJECT not in image]


@on("BuildKit", "podman")
class Installing(KeptTests, Serving):
    """The same, when the image has no Jupyter: it gets it from PyPI, in an image of its own on top."""

    @classmethod
    def begun(cls):
        """Not for the first time, but since then a file was edited."""
        first = cls.launched("jupyter")
        try:
            first.announced().end()
        finally:
            first.running.stop()
        write(cls.folder, {"mark": os.urandom(8).hex()})
        done = cls.call("prime")
        if done.status:
            raise AssertionError(done.stderr)
        cls.before = cls.engine.ask("image", "inspect", "--format", "{{.Id}}", PROJECT)
        return super().begun()

    def test_leaves_the_projects_image_as_it_is(self):
        self.assertEqual(self.engine.ask("image", "inspect", "--format", "{{.Id}}", PROJECT), self.before)
        self.assertEqual(self.inspect(self.own)["Image"], self.inspect(IMAGE)["Id"])
        argv = [*self.engine.cli, "run", "--rm", PROJECT, "sh", "-c", "command -v jupyter jupyter-lab jupyter-notebook"]
        self.assertEqual(call(argv, "/", **self.engine.environ).stdout, b"")

    def test_is_not_repeated_for_a_file_that_was_edited(self):
        self.assertRegex(self.server.stderr, r"(?i)pip install --(?:no-)?cache-dir (?:.* )?jupyterlab notebook\n[^+]*\bcached?\b")
        self.assertNotIn("Collecting ", self.server.stderr)

    def test_shows_notebooks_to_a_browser(self):
        with Browser() as browser:
            self.assertEqual(run_cell(browser, self.server.page("work.ipynb")).strip(), "the total is 42")
        self.assertEqual(content(os.path.join(self.folder, "total.txt")), b"42")


# ---- Settings ---------------------------------------------------------------

@on("legacy")
class Settings(SharedTests):
    """What the section says."""
    files = {"data.txt": "1\n", "outside/x.txt": "mapped\n"}

    @classmethod
    def begun(cls):
        """On a port that is taken, but not on the next one."""
        for _ in deadline():
            cls.taken = socket.socket()
            cls.taken.bind(("127.0.0.1", free_port()))
            cls.taken.listen(1)
            cls.first = cls.taken.getsockname()[1]
            with socket.socket() as following:
                if cls.first < 65535 and following.connect_ex(("127.0.0.1", cls.first + 1)):
                    break
            cls.taken.close()
        write(cls.top, {"home/own.txt": "at home\n"})
        cls.write_project(cls.folder, ports=[f"127.0.0.1:{cls.first + 1}:80"], components={"jupyter": {
            "port": cls.first, "folder": "work/notebooks", "lab": True, "address": "0.0.0.0",
            "mappings": ["made/deep/", "~/own.txt:/mnt/own.txt:ro"]}})
        return cls.launched("jupyter", HOME=os.path.join(cls.top, "home"))

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.taken.close()

    def test_name_a_port_and_the_next_one_is_used_where_it_is_taken(self):
        self.assertEqual(self.server.url, f"http://127.0.0.1:{self.first + 1}/lab?token={self.server.token}")
        self.assertIn(f"skelebot: port {self.first} is taken, so {self.first + 1} is tried\n", self.server.stderr)

    def test_name_a_folder_which_is_made_and_where_the_server_starts(self):
        self.assertEqual(self.server.write("new.txt", "written\n"), 201)
        self.assertEqual(content(os.path.join(self.folder, "work/notebooks/new.txt")), b"written\n")
        self.assertEqual(self.engine.ask("exec", self.own, "cat", "/app/data.txt"), ["1"])

    def test_name_more_mappings(self):
        self.engine.ask("exec", self.own, "touch", "/app/made/deep/file")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "made/deep/file")))
        script = "cat /mnt/own.txt; touch /mnt/own.txt 2> /dev/null || echo refused"
        self.assertEqual(self.engine.ask("exec", self.own, "sh", "-c", script), ["at home", "refused"])

    def test_name_an_address_with_a_warning(self):
        self.assertEqual(self.server.ask("/api/status", host=other_address())[0], 200)
        self.assertIn("skelebot: warning: everyone who can reach 0.0.0.0 finds Jupyter there; only its token keeps them out\n",
                      self.server.stderr)


# ---- Its end ----------------------------------------------------------------

# Side by side, since servers are slow to start. SIGINT ends those of the other classes.
WAYS = {"Ctrl-C": 130, "SIGTERM": 143, "SIGHUP": 129, "shutdown": 0}


@on("BuildKit")
class Ending(KeptTests):
    """However it ends, the container is gone; several of one project run side by side, -s in the image on top."""

    def test_leaves_nothing(self):
        port = str(free_port())
        self.skelebot("prime")
        servers = {way: self.jupyter("-s", "jupyter", "--port", port, terminal=way == "Ctrl-C") for way in WAYS}
        self.assertEqual({server.announced().first for server in servers.values()}, {200})
        self.assertEqual(len({server.port for server in servers.values()}), len(WAYS))
        for way, server in servers.items():
            end(server, way)
        self.assertEqual({way: server.running.ends() for way, server in servers.items()}, WAYS)
        self.assertEqual(self.containers(), [])


def end(server, way):
    """End a server by what is typed, from within, or by a signal; it is not waited for."""
    if way == "Ctrl-C":
        server.running.type(b"\x03")
    elif way == "shutdown":
        server.ask("/api/shutdown", "POST")
    else:
        server.running.signal(getattr(signal, way))


# ---- Images -----------------------------------------------------------------

@on("legacy")
class HandWritten(JupyterTests):
    """A project with a Dockerfile of its own gets what its image lacks on top: here only IRkernel, which takes no time."""
    files = {"Dockerfile": f"FROM {IMAGE}\nRUN echo mine > /srv/mark\n"}
    config = {"dockerfile": "Dockerfile", "baseImage": None, "language": "R"}

    def test_gets_what_is_missing_on_top(self):
        self.addCleanup(prints, *self.engine.cli, "rmi", "--force", self.name + ":jupyter", self.name, **self.engine.environ)
        server = self.jupyter("jupyter", "--port", str(free_port())).announced()
        name, = self.containers()
        self.assertEqual(self.engine.ask("exec", name, "cat", "/srv/mark"), ["mine"])
        self.assertEqual(self.inspect(name)["Image"], self.inspect(self.name + ":jupyter")["Id"])
        self.assertIn("ir", json.loads(server.ask("/api/kernelspecs")[1])["kernelspecs"])
        self.assertEqual(server.end(), 130)


@on("legacy")
class SkippingTheBuild(JupyterTests):
    """-s takes the image that is there; Elsewhere and Ending show it where one has Jupyter."""
    base = BASE

    def test_without_an_image_is_refused(self):
        done = self.skelebot("-s", "jupyter", status=1)
        self.assertEqual((done.stdout, done.stderr), (b"", two_lines(
            f"there is no image {self.name}", "leave -s out, so that it is built")))

    def test_without_jupyter_is_refused(self):
        self.skelebot("prime")
        done = self.skelebot("-s", "jupyter", status=1)
        self.assertEqual((done.stdout, done.stderr), (b"", two_lines(
            f"the image {self.name} has no Jupyter", "leave -s out, so that one with Jupyter is built")))
        self.engine.ask("rmi", self.name)


R_CELL = "total <- sum(scan('data.txt', quiet = TRUE))\nwrite(total, 'total.txt')\ncat('the total is', total)"


@unittest.skipUnless(KDC, "SKELEBOT_TEST_KDC is not set; tests/services.sh starts a KDC")
@on("legacy")
class Companions(SharedTests):
    """What a project brings along: its language R, and its Kerberos ticket."""
    files = {"data.txt": "1\n2\n39\n", "r.ipynb": notebook(R_CELL, "ir"), "python.ipynb": notebook("!klist")}
    config = {"language": "R", "components": {"kerberos": {
        "krbConf": os.path.join(KDC, "krb5.conf"), "keytab": os.path.join(KDC, "bob.keytab"), "hdfsUser": "bob"}}}

    @classmethod
    def begun(cls):
        return cls.launched("jupyter", "--lab", "--port", str(free_port()))

    def test_are_there_in_a_notebook(self):
        self.assertIn("ir", json.loads(self.server.ask("/api/kernelspecs")[1])["kernelspecs"])
        with Browser() as browser:
            self.assertEqual(run_cell(browser, self.server.page("r.ipynb")).strip(), "the total is 42")
            self.assertIn("Default principal: bob@SKELEBOT.TEST\n", run_cell(browser, self.server.page("python.ipynb")))
        self.assertEqual(content(os.path.join(self.folder, "total.txt")), b"42\n")


# ---- Other users, other machines --------------------------------------------

@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
@on("BuildKit")
class OtherUser(JupyterTests):
    """`user: host` for a caller who is not root."""
    config = {"user": "host", "components": {"jupyter": {"folder": "notebooks"}}}

    def test_owns_what_a_notebook_writes(self):
        copy = os.path.join(self.top, "skelebot")
        shutil.copytree(os.path.join(ROOT, "templates"), os.path.join(copy, "templates"))
        shutil.copy(SOURCE, copy)
        os.chmod(self.top, 0o755)
        for path in (self.folder, os.path.join(self.folder, "skelebot.yaml")):
            os.chown(path, 12345, 12346)
        python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
        group = os.stat("/var/run/docker.sock").st_gid
        server = Server(["setpriv", "--reuid", "12345", "--regid", "12346", "--groups", str(group), "--", python,
                         os.path.join(copy, "skelebot.py"), "jupyter", "--port", str(free_port())],
                        self.folder, HOME=os.path.join(self.top, "home"), **self.engine.environ)
        self.addCleanup(server.running.stop)
        self.assertEqual(server.announced().write("new.txt", "written\n"), 201)
        self.assertEqual(server.end(), 130)
        for path in ("notebooks", "notebooks/new.txt"):
            found = os.stat(os.path.join(self.folder, path))
            self.assertEqual((path, found.st_uid, found.st_gid), (path, 12345, 12346))


@on("remote")
class Elsewhere(JupyterTests):
    """On another Docker host the project is copied there, and back when the server ends."""
    files = {"data.txt": "1\n"}
    config = {"components": {"jupyter": {"folder": "work"}}}

    def test_copies_the_project_there_and_back(self):
        self.skelebot("prime")
        server = self.jupyter("-s", "jupyter", "--port", str(free_port())).announced()
        host = self.engine.environ["DOCKER_HOST"]
        tunnel = f"ssh -N -L {server.port}:127.0.0.1:{server.port} {urllib.parse.urlsplit(host).hostname}"
        self.assertIn(f"skelebot: it runs on {host}; {tunnel} brings it here\n", server.stderr)
        name, = self.containers()
        self.assertEqual(self.engine.ask("exec", name, "cat", "/app/data.txt"), ["1"])
        self.assertEqual((server.first, server.write("new.txt", "written\n")), (200, 201))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "work/new.txt")))
        self.assertEqual(server.end(), 130)
        self.assertEqual(content(os.path.join(self.folder, "work/new.txt")), b"written\n")


# ---- Faults -----------------------------------------------------------------

PORT_HINT = "a number from 1 to 65535"
USAGE = (
    (("--port", "0"), "jupyter: --port: expected a port, found '0'", PORT_HINT),
    (("--port", "65536"), "jupyter: --port: expected a port, found '65536'", PORT_HINT),
    (("--port=-1",), "jupyter: --port: expected a port, found '-1'", PORT_HINT),
    (("--port=",), "jupyter: --port: expected a port, found ''", PORT_HINT),
    (("-p", "8080:80"), "jupyter: --port: expected a port, found '8080:80'", PORT_HINT),
    (("--lab", "--notebook"), "jupyter: --lab and --notebook cannot be used together", "leave one of them out"),
    (("-ln",), "jupyter: --lab and --notebook cannot be used together", "leave one of them out"),
)


@on("legacy")
class Faults(JupyterTests):
    """Two lines say what is wrong, and nothing stays."""
    build = True

    def refused(self, message, hint, *words, status=1):
        done = self.skelebot(*words, status=status)
        self.assertEqual((done.stdout, done.stderr), (b"", two_lines(message, hint)))

    def test_of_what_is_typed(self):
        for words, message, hint in USAGE:
            with self.subTest(words=words):
                self.refused(message, hint, "jupyter", *words, status=2)

    def test_of_a_port_that_is_taken_when_there_is_no_next_one(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 65535))
            listener.listen(1)
            done = self.skelebot("-s", "jupyter", "--port", "65535", status=1)
        self.assertEqual(done.stderr, "skelebot: port 65535 is taken\n" + two_lines(
            "port 65535 is taken, and there is none after it", "name another one: skelebot jupyter --port 9000"))

    def test_of_a_job_whose_image_would_have_the_same_name(self):
        folder = os.path.join(self.top, "job")
        job = {"name": "jupyter", "source": "true", "ignores": ["data/"]}
        self.write_project(folder, jobs=[job])
        done = self.skelebot("--help", folder=folder, status=1)
        self.assertRegex(done.stderr, r"^skelebot: skelebot.yaml:1: jobs\[0\].name: jupyter is the name of Jupyter's "
                                      r"image or container\n  hint: give the job another name\n$")

    def test_of_a_server_that_ends_at_once_are_told_with_its_last_words(self):
        for line, status in (("echo 'no luck today' >&2; exit 3", 1), ("echo 'no luck today'; exit 0", 1)):
            with self.subTest(line):
                folder = os.path.join(self.top, str(len(os.listdir(self.top))))
                script = f"printf '#!/bin/sh\\n{line}\\n' > \"$(command -v jupyter-notebook)\""
                self.write_project(folder, commands=[script.replace("'no luck today'", "no luck today")])
                done = self.skelebot("jupyter", folder=folder, status=status)
                self.assertEqual(done.stdout, b"")
                self.assertRegex(done.stderr, r"(?m)^skelebot: Jupyter [^\n]*: no luck today\n  hint: [^\n]*\n\Z")
