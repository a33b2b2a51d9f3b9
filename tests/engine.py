"""The engines that the real tests talk to, and a project's folder to talk to them from.

A class of tests is written once and stands on several engines:

    @on("BuildKit", "podman")
    class Greeting(Tests):
        config = {"jobs": [{"name": "greet", "source": "echo hello"}]}

        def test_says_hello(self):
            self.assertEqual(self.skelebot("greet").stdout, b"hello\n")
"""
import atexit
import fcntl
import functools
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from typing import Dict, NamedTuple, Tuple

from program import ROOT, SKELEBOT

BASE = "skelebot-test/base"     # tests/services.sh makes it: Python, pip, R, git, and what can be installed offline
TIMEOUT = 240                   # seconds for one call of anything
OURS = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_BUILDKIT", "SKELEBOT_DOCKER", "COLUMNS", "NO_COLOR")


# ---- Engines ----------------------------------------------------------------

class Engine(NamedTuple):
    """A command line, the engine behind it, and the way in which it builds.

    cli      the words before `ps` and `images`
    environ  what makes skelebot use it
    """
    name: str
    cli: Tuple[str, ...]
    environ: Dict[str, str]

    def ask(self, *words):
        """The lines that the engine prints."""
        return output([*self.cli, *words], env=environment(**self.environ)).splitlines()


def output(argv, **options):
    """What a program prints on stdout; its stderr is the failure's message when it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, timeout=TIMEOUT, **options)
    if done.returncode:
        raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


MEMORY = tempfile.mkdtemp(prefix="skelebot-memory-")
"""What the calls of these tests remember, instead of ~/.skelebot."""
os.chmod(MEMORY, 0o777)
atexit.register(shutil.rmtree, MEMORY, ignore_errors=True)


def environment(**changes):
    """The variables around us, without those that choose an engine."""
    around = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**around, "SKELEBOT_HOME": MEMORY, **changes}


def first_on_path(program):
    return os.pathsep.join([os.path.dirname(program), os.environ["PATH"]])


def prints(*argv, **environ):
    """What a program prints, or "" when it fails."""
    try:
        return output(argv, env=environment(**environ))
    except (AssertionError, OSError):
        return ""


@functools.lru_cache(None)
def docker_clis():
    """Every docker on PATH, in its order: (path, whether it has BuildKit, built in or by buildx)."""
    paths = [os.path.join(folder, "docker") for folder in os.environ["PATH"].split(os.pathsep)]
    found = []
    for path in dict.fromkeys(map(os.path.realpath, paths)):
        version = re.search(r"version (\d+)", prints(path, "--version") if os.access(path, os.X_OK) else "")
        if version:
            found.append((path, int(version.group(1)) < 23 or bool(prints(path, "buildx", "version"))))
    return found


def docker(name, path, **environ):
    return Engine(name, (path,), dict(environ, PATH=first_on_path(path)))


@functools.lru_cache(None)
def engines():
    """name -> Engine. A CLI without buildx is one more to test, not one that has to be there."""
    clis = docker_clis()
    capable = [path for path, buildkit in clis if buildkit]
    lacking = [path for path, buildkit in clis if not buildkit]
    oldest, able = (capable or lacking or ["docker"])[-1], (capable or ["docker"])[0]
    host = os.environ.get("SKELEBOT_TEST_REMOTE", "")
    known = [
        docker("legacy", oldest, DOCKER_BUILDKIT="0"),
        docker("BuildKit", able, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="plain"),
        *(docker("new-cli", path) for path in lacking[:1]),
        Engine("podman", ("podman",), {"SKELEBOT_DOCKER": "podman"}),
        docker("remote", oldest, DOCKER_BUILDKIT="0", DOCKER_HOST=host or "tcp://SKELEBOT_TEST_REMOTE-is-not-set:1"),
    ]
    return {engine.name: engine for engine in known}


@functools.lru_cache(None)
def missing(name):
    """Why the tests on an engine have to be skipped, or ""."""
    engine = engines()[name]
    for words, fault in ((("version",), "no engine answers"), (("image", "inspect", BASE), f"{BASE} is not in")):
        try:
            engine.ask(*words)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            why = str(error).strip().split("\n")[-1]
            return f"{fault} {' '.join(engine.cli)} ({name}): {why}; tests/services.sh starts one"
    return ""


def on(*names):
    """The class on each of these engines, as CLASS_on_ENGINE in its module.

    Where SKELEBOT_TEST_ENGINES names engines, on these alone.
    """
    def spread(tests):
        module, wanted = sys.modules[tests.__module__], os.environ.get("SKELEBOT_TEST_ENGINES", "").split() or engines()
        for name in names:
            if name in engines() and name in wanted:
                title = f"{tests.__name__}_on_{name.replace('-', '_')}"
                place = {"engine": engines()[name], "__module__": tests.__module__, "__doc__": tests.__doc__}
                setattr(module, title, type(title, (tests, unittest.TestCase), place))
        return tests
    return spread


# ---- Calls ------------------------------------------------------------------

class Done(NamedTuple):
    """How a call ended: its exit status as a shell has it, and its bytes."""
    status: int
    stdout: bytes
    stderr: str


def shell_status(status):
    return status if status >= 0 else 128 - status


def call(argv, folder, stdin=b"", **environ):
    done = subprocess.run(argv, cwd=folder, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(**environ), timeout=TIMEOUT)
    return Done(shell_status(done.returncode), done.stdout, done.stderr.decode("utf-8", "replace"))


def deadline(seconds=120):
    """True again and again, until the time is over: then the test fails."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield True
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} seconds")


class Running:
    """A program that runs beside the test in a session of its own, maybe on a terminal of its own."""

    def __init__(self, argv, folder, terminal=False, **environ):
        self.end, inner = pty.openpty() if terminal else os.pipe()
        self.said = b""
        self.process = subprocess.Popen(
            argv, cwd=folder, env=environment(**environ), stdout=inner, stderr=inner, start_new_session=True,
            stdin=inner if terminal else subprocess.DEVNULL,
            preexec_fn=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if terminal else None)
        os.close(inner)

    def read(self, seconds):
        """Take what it prints; False at its end."""
        if not select.select([self.end], [], [], seconds)[0]:
            return True
        try:
            chunk = os.read(self.end, 65536)
        except OSError:     # the terminal's other side was closed
            chunk = b""
        self.said += chunk
        return bool(chunk)

    def says(self, words):
        """Wait until it has printed these words."""
        for _ in deadline():
            more = self.read(1)
            if words.encode() in self.said:
                return self
            if not more:
                raise AssertionError(f"ended without saying {words!r}:\n{self.said.decode()}")

    def type(self, keys):
        os.write(self.end, keys)
        return self

    def signal(self, number):
        self.process.send_signal(number)
        return self

    def ends(self):
        """Wait for its end; returns its exit status as a shell has it."""
        try:
            for _ in deadline(120):
                if not self.read(0.2) or self.process.poll() is not None:
                    return shell_status(self.process.wait(TIMEOUT))
        except AssertionError as late:
            raise AssertionError(f"{late}; it has said:\n{self.said.decode()}")

    def stop(self):
        """End it, whatever the test has come to."""
        self.process.kill()
        self.process.wait()
        os.close(self.end)


# ---- A project --------------------------------------------------------------

def write(folder, files):
    """Write files (path -> text or bytes) below a folder."""
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8"))


def tree(folder):
    """path -> bytes of every file below a folder, without byte code."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if "__pycache__" not in path:
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


class Tests:
    """Tests of one project; its image is built once, and no test may leave a container behind.

    config  skelebot.yaml, but for the name and the base image
    files   path -> text, beside it
    """
    engine = None
    config = {}
    files = {}
    build = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if missing(cls.engine.name):
            raise unittest.SkipTest(missing(cls.engine.name))
        cls.name = f"skelebot-real-{os.urandom(4).hex()}"
        cls.top = tempfile.mkdtemp(prefix=cls.name + "-")
        cls.folder = os.path.join(cls.top, "project")
        cls.write_project(cls.folder, **cls.config)
        write(cls.folder, cls.files)
        if cls.build:
            done = cls.call("prime")
            if done.status:
                cls.tearDownClass()
                raise AssertionError(f"{cls.config} was not built:\n{done.stderr}")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for image in cls.images():
            prints(*cls.engine.cli, "rmi", "--force", image, **cls.engine.environ)
        shutil.rmtree(cls.top, ignore_errors=True)

    def tearDown(self):
        super().tearDown()
        left = self.containers_left()
        for name in left:
            prints(*self.engine.cli, "rm", "--force", name, **self.engine.environ)
        self.assertEqual(left, [], "containers were left behind")

    def containers_left(self):
        """What is still there when the engine has had the time to end what it is about to remove."""
        for _ in range(60):
            if not self.containers():
                return []
            time.sleep(0.5)
        return self.containers()

    @classmethod
    def write_project(cls, folder, **config):
        """A skelebot.yaml: JSON, which is YAML."""
        whole = {"name": cls.name, "baseImage": BASE, **config}
        write(folder, {"skelebot.yaml": json.dumps({key: value for key, value in whole.items() if value is not None})})

    @classmethod
    def argv(cls, *words):
        return [sys.executable, SKELEBOT, *words]

    @classmethod
    def call(cls, *words, folder=None, stdin=b"", **environ):
        return call(cls.argv(*words), folder or cls.folder, stdin, **{**cls.engine.environ, **environ})

    def skelebot(self, *words, status=0, **options):
        """A call of skelebot that has to end with this status."""
        done = self.call(*words, **options)
        self.assertEqual(done.status, status, f"skelebot {words}: {done.stderr}\n{done.stdout[-2000:]}")
        return done

    def start(self, *words, terminal=False, folder=None, **environ):
        """A call of skelebot beside the test."""
        running = Running(self.argv(*words), folder or self.folder, terminal, **{**self.engine.environ, **environ})
        self.addCleanup(running.stop)
        return running

    @classmethod
    def containers(cls):
        """The names of the project's containers and of those that build its images."""
        own = re.compile(r"\b(skelebot\.project|org\.opencontainers\.image\.title)[=:]" + re.escape(cls.name) + r"(?![\w-])")
        lines = cls.engine.ask("ps", "--all", "--format", "{{.Names}}\t{{.Labels}}")     # as a=b,c=d or map[a:b c:d]
        return sorted({line.partition("\t")[0] for line in lines if own.search(line)})

    @classmethod
    def external_containers(cls):
        """The ids of the containers that podman builds with, whoever builds: it gives them no labels."""
        if cls.engine.name != "podman":
            return set()
        every = {external: set(cls.engine.ask("ps", "--all", *external, "--format", "{{.ID}}"))
                 for external in ((), ("--external",))}
        return every["--external",] - every[()]

    @classmethod
    def images(cls):
        label = f"label=org.opencontainers.image.title={cls.name}"
        lines = cls.engine.ask("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "--filter", label)
        names = [line.split() for line in lines]
        return sorted({image if "<none>" in name else name for name, image in names})

    def inspect(self, name):
        """What the engine knows about an image or a container."""
        return json.loads("\n".join(self.engine.ask("inspect", name)))[0]
