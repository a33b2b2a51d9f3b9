"""Operations that are stopped, at random moments, by each signal.

Whatever the moment: skelebot ends with the signal's status or has come to its end, what was there
before is whole, and the next call of the same command leaves what it would have left anyway.

SKELEBOT_TEST_STOPS=30 stops each operation as often by each signal (40 minutes), instead of once;
SKELEBOT_TEST_SEED=N chooses other moments.
"""
import fcntl
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

import cluster
from artifactory import Artifactory
from engine import ROOT, TIMEOUT, Tests, call, environment, on, shell_status, write
from program import SOURCE

ROUNDS = int(os.environ.get("SKELEBOT_TEST_STOPS", "1"))
SEED = os.environ.get("SKELEBOT_TEST_SEED", "1")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGKILL")
MEBI = 1 << 20


def content(path):
    """What a file holds; of a zip file what is in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [(one.filename, one.CRC, one.external_attr) for one in archive.infolist()]
    except zipfile.BadZipFile:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()


def listing(folder):
    """path -> what is there, of all below a folder, but for what is only remembered, or a builder's (112233)."""
    found = {}
    for top, names, files in os.walk(folder):
        names[:] = [name for name in names if name != ".docker" and not name.isdigit() and
                    (os.path.basename(top) != ".skelebot" or name.startswith("plugins"))]
        found.update({os.path.join(top, name): "folder" for name in names})
        found.update({os.path.join(top, name): content(os.path.join(top, name)) for name in files})
    return found


def below(found, folder):
    return {path: what for path, what in found.items() if path.startswith(os.path.join(folder, ""))}


def environ_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes(mark):
    """The command lines of the processes that have a mark among their variables."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if mark.encode() in environ_of(pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    found += [f"{pid} {file.read().decode('utf-8', 'replace')}"]
            except OSError:
                pass
    return [line for line in found if line.partition(" ")[2]]       # without one it has ended


class Stops:
    """An operation, and what has to hold when it was stopped.

    words     of the call
    places    folders, below the case's, that have a state before and after: `whole` ones are as before or as after
    config    of skelebot.yaml
    """
    words = ()
    whole = ()
    config = {}
    environ = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ground = os.path.realpath(tempfile.mkdtemp(prefix="skelebot-stops-"))
        cls.before_folder, cls.top = os.path.join(cls.ground, "before"), os.path.join(cls.ground, "now")
        for name in ("project", "home", "tmp", "store"):
            os.makedirs(os.path.join(cls.before_folder, name))
        cls.prepare()
        cls.restore()
        cls.before = listing(cls.top)
        start = time.monotonic()
        done = cls.go_on("whole")
        cls.seconds = time.monotonic() - start
        if done.status:
            raise AssertionError(f"{cls.words} ended with {done.status}: {done.stderr}")
        cls.after = listing(cls.top)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.ground, ignore_errors=True)
        super().tearDownClass()

    @classmethod
    def prepare(cls):
        """Make the state that there is before each call."""
        write(os.path.join(cls.before_folder, "project"),
              {"skelebot.yaml": json.dumps({"name": "stopped", **cls.config}),
                                                           "VERSION": "1.0.0\n"})

    @classmethod
    def restore(cls):
        shutil.rmtree(cls.top, ignore_errors=True)
        shutil.copytree(cls.before_folder, cls.top, symlinks=True)

    @classmethod
    def variables(cls, mark):
        paths = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
        return environment(**{**cls.environ, "HOME": os.path.join(cls.top, "home"),
                              "TMPDIR": os.path.join(cls.top, "tmp"), "STOPS": mark,
                              "PYTHONPATH": paths,
                              "SKELEBOT_HOME": os.path.join(cls.top, "home", ".skelebot")})

    @classmethod
    def argv(cls, *words):
        return [sys.executable, "-m", "skelebot", *words]

    @classmethod
    def go_on(cls, mark):
        """The call, to its end."""
        variables = cls.variables(mark)
        return call(cls.argv(*cls.words), os.path.join(cls.top, "project"), **variables)

    def stopped(self, number, moment, group, mark):
        """(status, stderr) of a call that gets a signal after some seconds; 0 if it was done by then."""
        with open(os.path.join(self.ground, "said"), "w+b") as said:
            process = subprocess.Popen(self.argv(*self.words),
                                       cwd=os.path.join(self.top, "project"),
                                       env=self.variables(mark),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=said, start_new_session=True)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                (os.killpg if group else os.kill)(process.pid, number)
            try:
                status = shell_status(process.wait(TIMEOUT))
            finally:
                process.kill()
            said.seek(0)
            return status, said.read().decode("utf-8", "replace")

    def left_running(self, mark, seconds):
        """What still runs of a call, or has only started to end."""
        until = time.monotonic() + seconds
        while processes(mark) and time.monotonic() < until:
            time.sleep(0.05)
        return processes(mark)

    def faults(self, number, moment, group):
        """What is wrong after a stop, and after the next call."""
        mark = f"stop-{os.urandom(8).hex()}"
        self.restore()
        status, said = self.stopped(number, moment, group, mark)
        starting = number == signal.SIGINT and "KeyboardInterrupt" in said and SOURCE not in said
        if not starting and status not in (0, 128 + number):
            yield f"ended with {status}: {said[-1500:]}"
        if not starting and "Traceback" in said:    # else it is Python's own, which was only starting
            yield f"a traceback: {said[-1500:]}"
        left = self.left_running(mark, 20 if number == signal.SIGKILL else 10)
        if left:
            yield f"still runs: {left}"
        now = listing(self.top)
        for folder in self.whole:
            path = os.path.join(self.top, folder)
            if now.get(path, below(now, path)) not in [(state.get(path, below(state, path))) for state in (self.before, self.after)]:
                yield f"{folder} is neither as before nor as after: {self.difference(below(self.after, path), below(now, path))}"
        if status == 0 or now == self.after:
            yield from self.compared(now)
            return
        left = sorted(below(now, os.path.join(self.top, "tmp")))
        if left and number != signal.SIGKILL:
            yield f"left in TMPDIR: {left}"
        done = self.go_on(mark)
        if done.status:
            yield f"the next call ended with {done.status}: {done.stderr[-1500:]}"
        yield from self.compared(listing(self.top))

    @staticmethod
    def difference(wanted, found):
        return [f"{'-' if path not in found else '+' if path not in wanted else '!'}{path}" for path in sorted({*wanted, *found})
                if wanted.get(path) != found.get(path)][:12]

    def compared(self, found):
        difference = self.difference(self.after, found)
        if difference:
            yield f"in the end it is not as after an undisturbed call: {difference}"

    def stops(self, name):
        number, rng = getattr(signal, name), random.Random(f"{SEED} {type(self).__name__} {name}")
        for _ in range(ROUNDS):
            moment, group = rng.uniform(0, 1.1 * self.seconds), rng.random() < 0.4 and name != "SIGKILL"
            with self.subTest(f"{name} to its {'group' if group else 'pid'} after {moment:.3f} s of {self.seconds:.2f} s"):
                self.assertEqual(list(self.faults(number, moment, group)), [])

    def test_is_stopped_by_Ctrl_C(self):
        self.stops("SIGINT")

    def test_is_stopped_by_SIGTERM(self):
        self.stops("SIGTERM")

    def test_is_stopped_when_its_terminal_goes(self):
        self.stops("SIGHUP")

    def test_is_stopped_by_SIGQUIT(self):
        self.stops("SIGQUIT")

    def test_is_killed(self):
        self.stops("SIGKILL")


# ---- Jobs and builds --------------------------------------------------------

class NativeJob(Stops, unittest.TestCase):
    """A job on this machine: with it ends what it has started."""
    words = ("-n", "work")
    config = {"jobs": [{"name": "work", "source": "sleep 0.6; sleep 0.2; echo done > out.txt"}]}


class OnEngine(Stops, Tests):
    """What runs in an engine; its containers are gone as well."""
    build = False

    @classmethod
    def prepare(cls):
        cls.environ = cls.engine.environ
        cls.write_project(os.path.join(cls.before_folder, "project"), **cls.config)

    def faults(self, number, moment, group):
        yield from super().faults(number, moment, group)
        left = self.containers_left()
        if left:
            yield f"containers are left: {[(name, self.inspect(name)['State']) for name in left]}"


@on("legacy", "podman")
class DockerJob(OnEngine):
    words = ("work",)
    config = {"jobs": [{"name": "work", "source": "sleep 0.8; echo done > out/out.txt",
                        "mappings": ["out/"]}], "user": "host"}


@on("legacy", "BuildKit")
class ABuild(OnEngine):
    """A build, of a project that is another one each time."""
    words = ("prime",)
    config = {"commands": ["sleep 0.5", "sleep 0.3"]}

    @classmethod
    def restore(cls):
        super().restore()
        write(os.path.join(cls.top, "project"), {"data.txt": os.urandom(8).hex()})

    def compared(self, found):
        path = os.path.join(self.top, "project", "data.txt")
        yield from super().compared({**found, path: self.after[path]})


# ---- Clusters ---------------------------------------------------------------

class JobOnSlurm(Stops, unittest.TestCase):
    """A job on Slurm. Stopped, it leaves nothing there, and what it wrote is here; killed, it goes on, and the next call
    of wait or stop, or of runs --prune when it has ended, sees to the same.

    SKELEBOT_TEST_STOPS_ON=here or =lab does it on this machine's or the lab's, instead of by ssh.
    """
    host = os.environ.get("SKELEBOT_TEST_STOPS_ON", "login")
    folder, disk = ("/scratch/ada/stops", "/var/tmp/skelebot-tests/lab/root") if host == "lab" else (
        "/var/tmp/skelebot-stops-slurm", "")        # what jobs and the login node have, and where that is here
    words = ("-d", "there", "work")

    @classmethod
    def prepare(cls):
        cls.name, cls.environ = f"skelebot-stops-{os.urandom(4).hex()}", cluster.slurm()
        cls.seen = f"{cls.disk}{cls.folder}/{cls.name}/seen"
        there = {"folder": cls.folder, "options": ["--begin=now+1"], "container": "none",
                 **({"login": cls.host} if cls.host != "here" else {})}
        source = f"echo begun > out/begun; touch {cls.folder}/{cls.name}/seen; sleep 0.6; head -c 9000000 /dev/zero > out/large"
        cls.config = {"name": cls.name, "language": "NA", "hosts": {"there": {"slurm": there}}, "jobs": [
            {"name": "work", "source": source, "mappings": ["out/", "data/:data/:ro"]}]}
        super().prepare()
        write(os.path.join(cls.before_folder, "project"), {"data/large": bytes(6 * MEBI)})

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(os.path.dirname(cls.seen), ignore_errors=True)

    def there(self):
        """What there is of it: jobs, and files but for what Slurm has last said."""
        jobs = cluster.ended(["ssh", self.host.replace("here", "login"), f"squeue --noheader --format %j | grep -F {self.name}"], **self.environ)
        top = os.path.dirname(self.seen)
        return jobs.stdout.decode().split(), sorted(set(os.listdir(top)) - {"seen", ".states"}) if os.path.isdir(top) else []

    def nothing_there(self, seconds):
        until = time.monotonic() + seconds
        while self.there() != ([], []) and time.monotonic() < until:
            time.sleep(0.2)
        return self.there() == ([], [])

    def take_up(self, mark, number, moment):
        """After a kill: one of the ways in which that is done."""
        way = random.Random(f"{SEED} {moment}").choice((("wait",), ("stop",), ("runs", "--prune", "1s")))
        if way[0] == "runs":
            while self.there()[0]:
                time.sleep(0.2)
            call(self.argv("runs"), os.path.join(self.top, "project"), **self.variables(mark))
            time.sleep(1.1)
        done = call(self.argv(*way), os.path.join(self.top, "project"), **self.variables(mark))
        return way[0], done

    def faults(self, number, moment, group):
        with cluster.controller(fcntl.LOCK_SH):
            yield from self.faults_there(number, moment, group)

    def faults_there(self, number, moment, group):
        mark = f"stop-{os.urandom(8).hex()}"
        self.restore()
        if os.path.exists(self.seen):
            os.remove(self.seen)
        status, said = self.stopped(number, moment, group, mark)
        starting = number == signal.SIGINT and "KeyboardInterrupt" in said and SOURCE not in said
        if not starting and (status not in (0, 128 + number) or "Traceback" in said):
            yield f"ended with {status}: {said[-1500:]}"
        way = ""
        if number == signal.SIGKILL:
            way, done = self.take_up(mark, number, moment)
            if "Traceback" in done.stderr:
                yield f"{way} {done.stderr}"
            said += f"{way}: {done.status} {done.stderr}"
        if "skelebot fetch 1 brings it back" in said:       # it was stopped while that came
            call(self.argv("fetch", "1"), os.path.join(self.top, "project"), **self.variables(mark))
        if not self.nothing_there(20):
            yield f"left there {way}: {self.there()} {said}"
            shutil.rmtree(os.path.dirname(self.seen), ignore_errors=True)
        until = time.monotonic() + 10
        while [one for one in processes(mark) if "[mux]" not in one] and time.monotonic() < until:
            time.sleep(0.1)
        left = [one for one in processes(mark) if "[mux]" not in one]
        if left:
            yield f"still runs: {left}"
        if os.path.exists(self.seen) and not os.path.exists(os.path.join(self.top, "project", "out", "begun")):
            yield f"what it wrote did not come back {way}: {said}"


# ---- Artifacts --------------------------------------------------------------

class OfArtifacts(Stops):
    file = "model.bin"

    @classmethod
    def prepare(cls):
        cls.config = {"components": {"repository": {**cls.repository(), "artifacts": [{"name": "model", "file": cls.file}]}}}
        super().prepare()

    @classmethod
    def repository(cls):
        return {"folder": {"path": os.path.join(cls.top, "store")}}

    @classmethod
    def push(cls, files):
        """Let the store have these files as version 1.0.0 of the artifact."""
        folder = os.path.join(cls.ground, "pushing")
        shutil.copytree(os.path.join(cls.before_folder, "project"), folder)
        write(folder, files)
        cls.restore()
        done = call(cls.argv("push", "model"), folder, **cls.variables("push"))
        if done.status:
            raise AssertionError(done.stderr)
        if os.path.isdir(os.path.join(cls.top, "store")):
            shutil.rmtree(os.path.join(cls.before_folder, "store"))
            shutil.move(os.path.join(cls.top, "store"), os.path.join(cls.before_folder, "store"))


class PullOfAFile(OfArtifacts, unittest.TestCase):
    words, whole = ("pull", "model", "1.0.0", "-o"), ("project/model.bin",)

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.push({"model.bin": bytes(64 * MEBI)})
        write(os.path.join(cls.before_folder, "project"), {"model.bin": b"earlier" * MEBI})


class PullOfAFolder(OfArtifacts, unittest.TestCase):
    words, whole, file = ("pull", "model", "1.0.0", "-o"), ("project/out",), "out/"

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.push({f"out/{number % 20}/{number}.txt": str(number) * 50 for number in range(1500)})
        write(os.path.join(cls.before_folder, "project"),
              {f"out/{number}.txt": "earlier" for number in range(300)})


class OnAServer(OfArtifacts):
    """The same with a server of artifacts."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="skelebot-artifactory-")
        cls.server = Artifactory(cls.root).__enter__()
        cls.environ = {"ARTIFACTORY_USER": "ada", "ARTIFACTORY_TOKEN": "s"}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.server.__exit__()
        shutil.rmtree(cls.root, ignore_errors=True)

    @classmethod
    def repository(cls):
        return {"artifactory": {"url": cls.server.url, "repo": "generic-local", "path": "churn"}}


class PullFromAServer(OnAServer, unittest.TestCase):
    words, whole = ("pull", "model", "1.0.0", "-o"), ("project/model.bin",)

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.push({"model.bin": os.urandom(MEBI) * 64})
        write(os.path.join(cls.before_folder, "project"), {"model.bin": b"earlier" * MEBI})


class Push(OfArtifacts, unittest.TestCase):
    """A push that replaces what is there: a store has the earlier file or the new one."""
    words, whole = ("push", "model", "-f"), ("store/model_v1.0.0.bin",)

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.push({"model.bin": b"earlier" * MEBI})
        write(os.path.join(cls.before_folder, "project"), {"model.bin": bytes(64 * MEBI)})


class PushToAServer(OnAServer, unittest.TestCase):
    words = ("push", "model", "-f")

    @classmethod
    def prepare(cls):
        super().prepare()
        write(os.path.join(cls.before_folder, "project"), {"model.bin": os.urandom(MEBI) * 64})

    def compared(self, found):
        yield from super().compared(found)
        files = {content(os.path.join(top, name)) for top, _,
                 names in os.walk(self.root) for name in names if name == "model_v1.0.0.bin"}
        if files != {content(os.path.join(self.top, "project", "model.bin"))}:
            yield f"the server has {files}"


# ---- Files ------------------------------------------------------------------

class AScaffold(Stops, unittest.TestCase):
    words = ("scaffold", "new", "-y", "--name", "new", "--template", "dash")


class PluginInstall(Stops, unittest.TestCase):
    words, whole = ("plugin", "install", "stamp.zip"), ("home/.skelebot/plugins/stamp",)
    plugin = "import skelebot\n\n\nclass Stamp(skelebot.Component):\n    pass\n"

    @classmethod
    def prepare(cls):
        super().prepare()
        write(os.path.join(cls.before_folder, "home", ".skelebot", "plugins"),
              {"stamp/stamp.py": cls.plugin, **{f"stamp/old/{number}.txt": "earlier" for number in range(100)}})
        with zipfile.ZipFile(os.path.join(cls.before_folder, "project", "stamp.zip"),
                             "w") as archive:
            archive.writestr("stamp/stamp.py", cls.plugin)
            for number in range(400):
                archive.writestr(f"stamp/new/{number}.txt", "new")


class APackage(Stops, unittest.TestCase):
    words, whole = ("package",), ("project/dist/churn.zip",)
    config = {"components": {"package": {"path": "dist/churn.zip"}}}

    @classmethod
    def prepare(cls):
        super().prepare()
        folder = os.path.join(cls.before_folder, "project")
        write(folder, {f"data/{number}.txt": os.urandom(5000) for number in range(1000)})
        os.makedirs(os.path.join(folder, "dist"))
        with zipfile.ZipFile(os.path.join(folder, "dist", "churn.zip"), "w") as archive:
            archive.writestr("earlier.txt", "earlier")
