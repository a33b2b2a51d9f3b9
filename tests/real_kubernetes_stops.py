"""Runs on Kubernetes that are stopped, at random moments, by each signal.

Whatever the moment: after INT, TERM and HUP nothing of a run stays, here or on the cluster, and what it wrote is back.
After KILL, and of one that goes on by itself, its record takes it up. Each signal has one moment;
SKELEBOT_TEST_STOPS=5 gives each so many, spread over the run, and SKELEBOT_TEST_SEED=N chooses others.
"""
import json
import os
import random
import signal
import subprocess
import tempfile
import time

import cluster
import real_kubernetes
from engine import TIMEOUT, deadline, environment, on, shell_status
from real_stops import ROUNDS, SEED, processes

setUpModule = real_kubernetes.setUpModule
HOSTS = {"ml": real_kubernetes.host(keep="40s")}
SOURCE = ("trap 'echo term > out/term; exit 9' TERM; echo begun; echo begun > out/begun; "
          "head -c 3000000 data/in > out/big; sleep 3 & wait; echo done > out/done")
WAYS = (("work",), ("work",), ("work",), ("--detach", "work"), ("sweep", "work", "--each", "n", "1", "2", "-j", "2"))
TAKEN_UP = (("wait",), ("stop",), ("runs", "--prune", "1d"))


@on("BuildKit")
class Stopped(real_kubernetes.OnCluster):
    files = {"data/in": os.urandom(1 << 22)}
    config = {**real_kubernetes.OnCluster.config, "hosts": HOSTS, "jobs": [
        {"name": "work", "source": SOURCE, "mappings": ["data/:data/:ro", "out/"], "params": [{"name": "n"}]}]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for _ in range(2):              # the second finds its image where it has to be
            start = time.monotonic()
            done = cls.call("work")
            cls.seconds = time.monotonic() - start
            if done.status:
                raise AssertionError(done.stderr)

    def ever_left(self):
        """What is still there of the project, also what is about to go."""
        return [one["kind"] + "/" + one["metadata"]["name"] for one in cluster.Namespace("ml").look(
            "jobs,secrets,pods", "--selector", "skelebot.project=" + self.name)["items"]]

    def stopped(self, number, moment, words, mark, folder):
        """(status, stdout, stderr) of a call that gets a signal after some seconds."""
        with open(os.path.join(folder, "out"), "w+b") as out, open(os.path.join(folder, "said"), "w+b") as said:
            process = subprocess.Popen(self.argv(*words), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=said,
                                       env=environment(**{**self.engine.environ, **mark}), start_new_session=True)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
            try:
                status = shell_status(process.wait(TIMEOUT))
            finally:
                process.kill()
            return (status, *(file.seek(0) or file.read().decode() for file in (out, said)))

    def running(self):
        return [one for one in json.loads(self.skelebot("runs", "--json").stdout) if one["state"] in ("waiting", "running")]

    def written(self):
        """The folders in which this run has written."""
        own = os.path.join(self.folder, ".skelebot", "runs")
        return [top for top, _, names in os.walk(self.folder) if os.path.basename(top) == "out" and "begun" in names
                and (top == os.path.join(self.folder, "out") or top.startswith(own))]

    def faults(self, name, moment, words, way):
        number, killed = getattr(signal, name), name == "SIGKILL"
        subprocess.check_call(["rm", "-rf", os.path.join(self.folder, "out"), os.path.join(self.folder, ".skelebot", "runs")])
        with tempfile.TemporaryDirectory() as folder:
            own = os.path.join(folder, "tmp")
            os.mkdir(own)
            mark = {"TMPDIR": own, "STOPS": os.urandom(8).hex()}
            status, out, said = self.stopped(number, moment, words, mark, folder)
            if status not in (0, 128 + number) or "Traceback" in said and "skelebot" in said:
                yield f"ended with {status}: {said[-1500:]}"
            left = self.settled(lambda: processes(mark["STOPS"]), 3) if not killed else []
            if left:
                yield f"still runs: {left}"
            if not killed and os.listdir(own):
                yield f"left in TMPDIR: {os.listdir(own)}"
            if "begun\n" in out and not killed and not self.written():
                yield f"what it wrote is not back: {said[-1500:]}"
            going = self.running()
            if going and not killed and words[0] != "--detach":
                yield f"is said to go on: {going}"
            yield from self.taken_up(going, way)
            if killed or going:         # to ask for runs may have recorded its end, but brings nothing back
                self.call("wait", "1")
            left = self.settled(lambda: processes(mark["STOPS"]), 20)
            if left:
                yield f"still runs in the end: {left}"
        left = self.settled(self.ever_left, 120)     # a pod has 30 to end, and its node is busy
        if left:
            yield f"is left on the cluster: {left}"

    def taken_up(self, going, way):
        """Bring those that go on to their end; its faults."""
        names = [one["run"] for one in going[-1:]]     # of a sweep that itself
        for _ in deadline(150):
            if not going:
                break
            done = self.call(*way, *(names if way[0] != "runs" else []))
            if "Traceback" in done.stderr or way[0] == "stop" and done.status:
                yield f"{way} ended with {done.status}: {done.stderr[-1500:]}"
            going = self.running()

    @staticmethod
    def settled(look, seconds):
        """What is there still, though it had some seconds to go."""
        until = time.monotonic() + seconds
        while look() and time.monotonic() < until:
            time.sleep(0.3)
        return look()

    def stops(self, name):
        rng = random.Random(f"{SEED} {type(self).__name__} {name}")
        for index in range(ROUNDS):
            moment = 1.1 * self.seconds * (index + rng.random()) / ROUNDS
            words, way = rng.choice(WAYS), rng.choice(TAKEN_UP)
            with self.subTest(f"{name} to {' '.join(words)} after {moment:.2f} s of {self.seconds:.2f} s, then {' '.join(way)}"):
                self.assertEqual(list(self.faults(name, moment, words, way)), [])

    def test_by_Ctrl_C(self):
        self.stops("SIGINT")

    def test_by_SIGTERM(self):
        self.stops("SIGTERM")

    def test_when_its_terminal_goes(self):
        self.stops("SIGHUP")

    def test_by_force(self):
        self.stops("SIGKILL")
