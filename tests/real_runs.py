"""Runs on real engines: what is recorded of them, and that it is true whatever becomes of them."""
import json
import os
import signal
import stat
import sys
import time
import unittest

from engine import Running, Tests, deadline, environment, on, write
from support import skelebot

TRAIN = """
import json, os, sys, time
sys.stdout.buffer.write(b'epoch\\xff 1\\r\\n')
sys.stdout.flush()
print('to stderr', file=sys.stderr)
with open(os.environ['SKELEBOT_METRICS'], 'a') as file:
    for step in range(3):
        file.write(json.dumps({'step': step, 'loss': 1 / (step + 1)}) + '\\n')
with open('out/model.bin', 'wb') as file:
    file.write(b'x' * 1000)
print('run', os.environ['SKELEBOT_RUN'])
sys.exit(int(sys.argv[1]))
"""


class Runs(Tests):
    """What can be asked of a project's runs."""

    def folder_of(self, number):
        return os.path.join(self.folder, ".skelebot", "runs", str(number))

    def record(self, number):
        """run.json of a run, as it is."""
        with open(os.path.join(self.folder_of(number), "run.json"), encoding="utf-8") as file:
            return json.load(file)

    def log(self, number):
        with open(os.path.join(self.folder_of(number), "log"), "rb") as file:
            return file.read()

    def newest(self):
        with open(os.path.join(self.folder, ".skelebot", "runs", "last")) as file:
            return int(file.read())


@on("legacy", "BuildKit", "podman", "remote")
class Recorded(Runs):
    """A run that is followed."""
    files = {"train.py": TRAIN}
    config = {"jobs": [{"name": "train", "source": "train.py", "mappings": ["out/"], "args": ["status"],
                        "params": [{"name": "lr", "default": "0.1"}, "note"]}]}

    def test_has_what_ran_how_it_ended_and_what_it_wrote(self):
        done = self.skelebot("-s", "train", "3", "--note", "a b'\n$x", status=3)
        self.assertEqual(done.stdout, b"epoch\xff 1\r\nrun %d\n" % self.newest())
        record = self.record(self.newest())
        self.assertEqual(record["values"], {"status": "3", "lr": "0.1", "note": "a b'\n$x"})
        self.assertEqual((record["job"], record["state"], record["status"], record["typed"], record["words"]),
                         ("train", "failed", 3, ["note", "status"], ["3", "--note", "a b'\n$x"]))
        self.assertEqual([(path, size) for path, size, _ in record["outputs"]], [("out/model.bin", 1000)])
        self.assertLess(record["made"], record["ended"])
        self.assertEqual(sorted(self.log(self.newest()).split(b"\n")),
                         sorted((b"epoch\xff 1\r\nto stderr\nrun %d\n" % self.newest()).split(b"\n")))
        with open(os.path.join(self.folder_of(self.newest()), "shared", "metrics.jsonl")) as file:
            self.assertEqual(len(file.readlines()), 3)
        for name in ("run.json", "log"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder_of(self.newest()), name)).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.folder_of(self.newest())).st_mode), 0o700)
        self.assertEqual(os.listdir(os.path.join(self.folder, ".skelebot", "runs", "going")), [])

    def test_is_no_reason_for_another_image(self):
        self.skelebot("train", "0")
        image = self.record(self.newest())["image"]
        self.skelebot("train", "0")
        self.assertEqual(self.record(self.newest())["image"], image)

    def test_there_is_none_where_nobody_wants_it(self):
        self.skelebot("-s", "train", "0")
        before = self.newest()
        done = self.skelebot("-s", "train", "0", status=1, SKELEBOT_RUNS="0")
        self.assertIn("KeyError: 'SKELEBOT_METRICS'", done.stderr)
        self.assertEqual(self.newest(), before)


@on("BuildKit", "podman", "remote")
class LeftAlone(Runs):
    """A job that goes on without us."""
    files = {"work.sh": "echo begin; sleep $1; echo end; echo made > out/file; exit $2\n"}
    config = {"jobs": [{"name": "work", "source": "work.sh", "mappings": ["out/"], "args": ["seconds", "status"]},
                       {"name": "serve", "source": "sleep 300", "mode": "d"}]}

    def test_is_taken_up_with_its_output_and_its_status(self):
        done = self.skelebot("-s", "--detach", "work", "3", "7")
        self.assertEqual(done.stdout.decode(), f"{self.name}-work\n")
        number = self.newest()
        self.assertEqual(self.record(number)["state"], "running")
        done = self.skelebot("wait", str(number), status=7)
        self.assertEqual(done.stdout, b"begin\nend\n")
        self.assertEqual((self.record(number)["state"], self.record(number)["status"]), ("failed", 7))
        self.assertEqual(self.log(number), b"begin\nend\n")
        self.assertEqual([path for path, _, _ in self.record(number)["outputs"]], ["out/file"])
        self.assertEqual(self.containers(), [])
        again = self.skelebot("wait", str(number), status=7)
        self.assertEqual(again.stdout, b"begin\nend\n")

    def test_that_fails_at_once_says_so(self):
        done = self.skelebot("-s", "--detach", "work", "0", "7", status=7)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr, "skelebot: begin\nskelebot: end\nskelebot: work ended with 7 as soon as it had started\n"
                                      f"  hint: skelebot logs {self.newest()} shows all that it has said\n")
        self.assertEqual(self.containers(), [])

    def test_that_ends_well_at_once_is_done(self):
        self.skelebot("-s", "--detach", "work", "0", "0")
        self.assertEqual(self.record(self.newest())["state"], "done")

    def test_a_second_one_has_the_number_of_its_run_in_its_name(self):
        self.skelebot("-s", "serve")
        done = self.skelebot("-s", "serve")
        second = self.newest()
        self.assertEqual(done.stdout.decode(), f"{self.name}-serve-{second}\n")
        self.skelebot("stop", str(second), "serve", str(second - 1))
        self.assertEqual([self.record(second - 1)["state"], self.record(second)["state"]], ["stopped", "stopped"])
        self.assertEqual(self.containers(), [])

    def test_one_that_has_ended_gives_its_name_free(self):
        self.skelebot("-s", "serve")
        first = self.newest()
        self.engine.ask("kill", f"{self.name}-serve")
        self.assertEqual(self.skelebot("-s", "serve").stdout.decode(), f"{self.name}-serve\n")
        self.assertEqual((self.record(first)["state"], self.record(first)["status"]), ("failed", 137))
        self.skelebot("stop")


@on("BuildKit", "podman", "remote")
class Killed(Runs):
    """Somebody is killed by force."""
    files = {"work.sh": "echo begin; sleep 300\n"}
    config = {"jobs": [{"name": "work", "source": "work.sh", "mappings": ["out/"]}]}

    def state(self, number):
        self.skelebot("wait", str(number), status=1)
        return self.record(number)["state"]

    def running(self, *options):
        running = self.start("-s", *options, "work").says("begin")
        return running, self.newest()

    def test_skelebot_and_then_the_container(self):
        running, number = self.running()
        running.signal(signal.SIGKILL).ends()
        name = self.record(number)["container"]
        self.assertEqual(self.containers(), [name])
        self.skelebot("stop", str(number))
        self.assertEqual(self.record(number)["state"], "stopped")
        self.assertEqual(self.containers(), [])

    def test_the_container(self):
        running, number = self.running()
        self.engine.ask("kill", self.record(number)["container"])
        self.assertEqual(running.ends(), 137)
        self.assertEqual(self.record(number)["state"], "stopped" if self.engine.name != "podman" else "failed")


class Natively(unittest.TestCase):
    """Runs without Docker."""


if __name__ == "__main__":
    unittest.main()
