"""What the tests share: the plainest project, folders with files, one call of skelebot."""
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import NamedTuple

from program import ROOT, SKELEBOT

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, ROOT)

import skelebot  # noqa: E402  (it lies in the folder above)
import yaml  # noqa: E402

TRAIN = {"name": "train", "source": "src/train.py"}


def project(**changes):
    """The plainest project but for `changes`: keys of skelebot.yaml, or what is known beside the file.

    It records no runs.
    """
    known = {"folder": "/home/ada/churn"}
    keys = {"name": "churn", "runs": False, "jobs": [TRAIN]}
    for key, value in changes.items():
        (keys if key in skelebot.fields(skelebot.Project) else known)[key] = value
    text = json.dumps(keys, ensure_ascii=False)     # JSON is YAML in which every text is quoted
    place = skelebot.Place("skelebot.yaml", 1)
    entries = skelebot.Value(skelebot.YamlText(text, "skelebot.yaml").root(), place).entries()
    return skelebot.with_components(skelebot.read_project(entries, place)._replace(**known))


def job(**changes):
    """The plainest job but for `changes`."""
    return project(jobs=[{**TRAIN, **changes}]).jobs[0]


def read(text, env=None, **files):
    """The project of a skelebot.yaml, with other `files` beside it."""
    with folder({"skelebot.yaml": text, **files}) as path:
        return skelebot.read_folder(path, env)


@contextlib.contextmanager
def folder(files):
    """A folder with files (name -> text or bytes), removed afterwards."""
    with tempfile.TemporaryDirectory() as path:
        for name, content in files.items():
            name = name if os.name == "nt" else os.fsdecode(name.encode("utf-8", "surrogateescape"))      # in any locale
            target = os.path.join(path, *name.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode("utf-8"))
        yield os.path.realpath(path)


class Ending(NamedTuple):
    """How a call of skelebot ended."""
    status: int
    stdout: str
    stderr: str


def call(*words, folder=".", typed=""):
    """One call of skelebot in a folder, in this process; `typed` is its stdin, which is no terminal."""
    stdout, stderr = io.StringIO(), io.StringIO()
    before, variables, stdin = os.getcwd(), dict(os.environ), sys.stdin
    handlers = {number: signal.getsignal(number) for number in skelebot.stop_signals()}
    os.chdir(folder)
    sys.stdin = io.StringIO(typed)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = skelebot.main(list(words))
    finally:
        sys.stdin = stdin
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return Ending(status, stdout.getvalue(), stderr.getvalue())


LOADERS = ("libyaml", "pure") if hasattr(yaml, "CSafeLoader") else ("pure",)


@contextlib.contextmanager
def loader(name):
    """PyYAML with libyaml, or as it is where there is none."""
    libyaml = vars(yaml).get("CSafeLoader")
    if name == "pure" and libyaml:
        del yaml.CSafeLoader
    try:
        yield
    finally:
        if libyaml:
            yaml.CSafeLoader = libyaml


@contextlib.contextmanager
def environment(**changes):
    """Other environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def without_yaml():
    """A Python that lacks PyYAML."""
    sys.modules["yaml"] = None
    try:
        yield
    finally:
        sys.modules["yaml"] = yaml


def golden(name):
    """The text of a file in tests/golden."""
    with open(os.path.join(HERE, "golden", name), encoding="utf-8") as file:
        return file.read()


def two_lines(message, hint):
    """What a fault looks like on the terminal."""
    return f"skelebot: {message}\n  hint: {hint}\n"


# ---- Plans by hand ----------------------------------------------------------

class Look(NamedTuple):
    path: str
    root: str = ""


class Read(NamedTuple):
    path: str
    most: int = 0


class Listing(NamedTuple):
    path: str
    depth: int = 3


class Index(NamedTuple):
    rules: tuple
    left_out: tuple = ()
    only: tuple = ()


class Open(NamedTuple):
    path: str


class Readable(NamedTuple):
    path: str


class Digest(NamedTuple):
    body: object
    part: int = 0


class Secrets(NamedTuple):
    files: tuple
    keytabs: tuple = ()


class Direct(NamedTuple):
    paths: tuple


class Folders(NamedTuple):
    path: str
    hidden: bool = False


class Netrc(NamedTuple):
    path: str
    host: str


LOOKING = {"look": Look, "read_bytes": Read, "listing": Listing, "context_index": Index, "open_file": Open, "check_readable": Readable,
           "digests_of": Digest, "secrets_in": Secrets, "are_direct": Direct,
           "folder_names": Folders, "netrc_login": Netrc}


@contextlib.contextmanager
def disk(answer):
    """A disk that exists only in a test: answer(Look(path)) is what `look(path)` sees, and so on."""
    before = {name: getattr(skelebot, name) for name in LOOKING}
    for name, kind in LOOKING.items():
        setattr(skelebot, name, lambda *values, kind=kind, **named: answer(kind(*values, **named)))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(skelebot, name, function)


USUAL = {Look: "file", Listing: (), skelebot.Scratch: "/tmp/scratch",
         skelebot.Command: skelebot.Outcome(), "Dockerfile.dockerignore": "", ".containerignore": ""}


class Driven(NamedTuple):
    """What a plan did: its steps, and where it looked; what it returned, and the fault that ended it."""
    steps: list
    status: object = None
    fault: object = None

    @property
    def outline(self):
        """What it did, but for finding out whether a build can be left out, which test_builds is about."""
        return [outlined(step) for step in self.steps if not is_about_builds(step)]


def drive(plan, results=None):
    """Go through a plan and do nothing.

    results  word of a command, path, class of a step, or (class, path) -> the result, or the exception raised there
    """
    given, steps, go, result = {**USUAL, **(results or {})}, [], plan.send, None

    def result_of(step):
        steps.append(step)
        path = getattr(step, "path", None)
        words = [word for word in getattr(step, "argv", ()) if isinstance(given.get(word), (tuple, BaseException))]
        keys = [*words, (type(step), path), path, type(step)]
        return next((given[key] for key in keys if key in given), None)

    def seen(step):
        result = result_of(step)
        if isinstance(result, BaseException):
            raise result
        return result

    try:
        with disk(seen):
            while True:
                result = result_of(go(result))
                go = plan.throw if isinstance(result, BaseException) else plan.send
    except StopIteration as end:
        return Driven(steps, end.value)
    except (skelebot.SkelebotError, KeyboardInterrupt) as fault:
        return Driven(steps, fault=fault)


def is_about_builds(step):
    path = str(getattr(step, "path", ""))
    return (isinstance(step, (Index, skelebot.ImageIds)) or "/.skelebot/builds" in path
            or path == "/tmp/scratch/image" or "{{.Id}}" in getattr(step, "argv", ()) or getattr(step, "argv", ())[1:] in (("--version",),
                                                                                           ("buildx", "version")))


def outlined(step):
    """A step on one line: a command as a shell takes it, of others the kind and what it is about."""
    if isinstance(step, skelebot.Command):
        return step.line
    return " ".join([type(step).__name__, *(field for field in step[:2] if field and isinstance(field, str))])


def shown(plan, **changes):
    """What --dry-run prints for a plan; `changes` are fields of the Call."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        skelebot.perform(plan, skelebot.Call(dry_run=True, **changes))
    return stdout.getvalue()


@contextlib.contextmanager
def inside(files):
    """A folder with files, as the current one."""
    before = os.getcwd()
    with folder(files) as path:
        os.chdir(path)
        try:
            yield path
        finally:
            os.chdir(before)


def process(*words, folder=".", typed="", **environ):
    """One call of `python skelebot.py` in a process of its own; `typed` is its stdin."""
    argv = [sys.executable, SKELEBOT, *words]
    ended = subprocess.run(
        argv if os.name == "nt" else [word.encode("utf-8", "surrogateescape") for word in argv],    # in any locale
        cwd=folder, input=typed if isinstance(typed, bytes) else typed.encode("utf-8"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "utf-8", **environ})
    return Ending(ended.returncode, ended.stdout.decode("utf-8"), ended.stderr.decode("utf-8"))


def whole(path):
    """The bytes of a file of any size; of a pipe or a link to nothing what skelebot reads."""
    with open(path if os.path.isfile(path) else os.devnull, "rb") as file:
        return file.read() or skelebot.read_bytes(path)


def contents(path):
    """Relative path -> bytes of every file below a folder; a folder's own path ends in / and has None.

    What goes while it is read is not there."""
    found = {}
    for parent, folders, files in os.walk(path):
        inner = os.path.relpath(parent, path)
        near = "" if inner == "." else inner.replace(os.sep, "/") + "/"
        found.update((near + name + "/", None) for name in folders)
        for own, name in ((os.path.join(parent, name), name) for name in files):
            with contextlib.suppress(FileNotFoundError):
                found[near + name] = whole(own)
    return found


def plain(value):
    """A record without the places where its parts stood, with plugins' nodes as YAML and of components their settings."""
    if isinstance(value, skelebot.Node):
        value = skelebot.pyyaml_node(value)
    if isinstance(value, yaml.Node):
        return yaml.serialize(value)
    if isinstance(value, skelebot.Place):
        return None
    if isinstance(value, skelebot.Component):
        return type(value), plain(value.settings)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if hasattr(value, "_fields"):
        parts = {name: plain(part) for name, part in zip(value._fields, value)}
        return value._replace(**{**parts, **({"places": None} if "places" in parts else {})})
    return tuple(map(plain, value)) if isinstance(value, tuple) else value
