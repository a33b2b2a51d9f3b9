"""Sweeps on real engines: copies of their own, several at once, two engines, and their ends."""
import os
import signal
import unittest

from engine import BASE, deadline, engines, on
from real_runs import Runs
from support import skelebot

TRAIN = """
import os, sys, time
lr = float(sys.argv[sys.argv.index('--lr') + 1])
with open('out/model', 'a') as file:
    file.write('%s\\n' % lr)
with open('out/model') as file:
    print(file.read(), end='')
print('score=%s' % lr)
with open(os.environ['SKELEBOT_METRICS'], 'a') as file:
    file.write('{"loss": %s}' % (1 / lr))
sys.stdout.flush()
time.sleep(300 if lr > 8 else 0.5)
sys.exit(4 if lr == 3 and not os.path.exists('data/mended') else 0)
"""


class Sweeps(Runs):
    files = {"train.py": TRAIN, "out/model": "old\n", "data/x": ""}
    config = {"language": "NA", "baseImage": None, "jobs": [{
        "name": "train", "source": "python3 train.py", "mappings": ["out/", "data/:ro"], "metrics": ["score"], "mode": "it",
        "params": [{"name": "lr", "accepts": "float"}], "sweep": {"each": {"lr": [1, 2, 3, 4]}, "best": {"max": "score"}}}]}

    def points(self, number):
        return skelebot.Runs(self.folder).points(number)

    def model(self, *folder):
        with open(os.path.join(self.folder, *folder, "out", "model")) as file:
            return file.read()


@on("BuildKit", "podman")
class Swept(Sweeps):
    """A sweep on one engine."""
    config = {**Sweeps.config, "language": "Python", "baseImage": BASE}

    def test_has_a_table_copies_of_its_own_and_what_failed_runs_again_in_its_place(self):
        done = self.skelebot("sweep", "train", "-j", "2", status=1)
        number = self.newest()
        table = [line.split() for line in done.stdout.decode().splitlines()]
        self.assertEqual(sorted((row[0], row[1], row[2]) for row in table[:4]), [
            (f"{number}.{lr}", f"lr={lr}", "failed" if lr == 3 else "done") for lr in (1, 2, 3, 4)])
        self.assertEqual([row[0] for row in table[4:]], ["run", *(f"{number}.{lr}" for lr in (4, 3, 2, 1))])
        images = {one.image for one in self.points(number)}
        self.assertEqual(len(images), 1)
        for lr, one in enumerate(self.points(number), 1):
            self.assertEqual(self.model(one.folder, "out"), f"old\n{lr}.0\n")
            self.assertEqual((one.metrics["score"]["last"], one.metrics["loss"]["last"]), (lr, 1 / lr))
            self.assertEqual([path for path, _, _ in one.outputs], [one.folder + "/out/out/model"])
        self.assertEqual(self.model(), "old\n")
        with open(os.path.join(self.folder, "data", "mended"), "w"):
            done = self.skelebot("-s", "sweep", "--failed", str(number))
        os.unlink(os.path.join(self.folder, "data", "mended"))
        self.assertEqual([one.state for one in self.points(number)], ["done"] * 4)
        self.assertEqual(self.model(self.points(number)[2].folder, "out"), "old\n3.0\n")
        self.assertEqual(self.record(number)["state"], "done")

    def ended(self, end, states, status):
        """A sweep that is ended by a function of its process while two points run, and its last state."""
        running = self.start("-s", "sweep", "train", "--each", "lr", "9", "10", "11", "-j", "2")
        for _ in deadline():
            number = (skelebot.Runs(self.folder).numbers() or [0])[0]
            if len(self.containers()) == 2 and [one.state for one in self.points(number)] == ["running", "running", "waiting"]:
                break
        end(running, number)
        self.assertEqual(running.ends(), status)
        self.skelebot("runs", str(number))
        self.assertEqual([one.state for one in self.points(number)], states)
        return number

    def test_ends_all_its_points_with_it(self):
        for end, status in ((lambda running, number: os.kill(running.process.pid, signal.SIGINT), 130),
                            (lambda running, number: self.skelebot("stop", str(number)), 143)):
            number = self.ended(end, ["stopped"] * 3, status)
            self.assertEqual((self.record(number)["state"], self.containers()), ("stopped", []))

    def test_that_is_killed_leaves_points_that_go_on_and_are_ended_by_stop(self):
        number = self.ended(lambda running, number: os.kill(running.process.pid, signal.SIGKILL), ["running", "running", "lost"], 137)
        self.assertEqual(self.record(number)["state"], "lost")
        self.skelebot("stop", str(number))
        self.assertEqual([one.state for one in self.points(number)], ["stopped", "stopped", "lost"])


@on("BuildKit")
class OnTwoEngines(Sweeps):
    """A sweep on this machine's engine and on another one."""
    build = False
    config = {**Swept.config, "hosts": {"far": engines()["remote"].environ["DOCKER_HOST"]}}

    def test_uses_both_and_every_result_comes_back(self):
        self.skelebot("-d", "local", "-d", "far", "sweep", "train", "--each", "lr", "1", "2", "4", "5", "6", "7")
        points = self.points(self.newest())
        self.assertEqual({one.host for one in points}, {"local", engines()["remote"].environ["DOCKER_HOST"]})
        for one in points:
            lr = float(one.values["lr"])
            self.assertEqual((one.state, self.model(one.folder, "out"), one.metrics["loss"]["last"]), ("done", f"old\n{lr}\n", 1 / lr))
        self.assertEqual(self.model(), "old\n")


if __name__ == "__main__":
    unittest.main()
