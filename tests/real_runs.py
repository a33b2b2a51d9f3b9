"""Runs on real engines: what is recorded of them, and that it is true whatever becomes of them."""
import json
import os
import signal
import stat
import sys
import tempfile
import time
import unittest

from engine import SKELEBOT, Running, Tests, call, deadline, environment, on, output, tree, write
from program import PATIENT
from real_run import Proxy
from support import skelebot, two_lines

GO = "/tmp/go"      # a file in a container that a job waits for
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
    files = {"work.sh": "echo begin; until test -e $1; do sleep 0.1; done; echo end; echo made > out/file; exit $2\n"}
    config = {"jobs": [{"name": "work", "source": "work.sh", "mappings": ["out/"], "args": ["until", "status"]},
                       {"name": "serve", "source": "sleep 300", "mode": "d"},
                       {"name": "port", "source": "sleep 300", "mode": "d", "docker": ["--device", "/dev/none"]}]}

    def test_is_taken_up_with_its_output_and_its_status(self):
        done = self.skelebot("-s", "--detach", "work", GO, "7")
        self.assertEqual(done.stdout.decode(), f"{self.name}-work\n")
        number = self.newest()
        self.assertEqual(self.record(number)["state"], "running")
        waiting = self.start("wait", str(number)).says("begin")
        self.engine.ask("exec", f"{self.name}-work", "touch", GO)
        self.assertEqual((waiting.ends(), waiting.said), (7, b"begin\nend\n"))
        self.assertEqual((self.record(number)["state"], self.record(number)["status"]), ("failed", 7))
        self.assertEqual(self.log(number), b"begin\nend\n")
        self.assertEqual([path for path, _, _ in self.record(number)["outputs"]], ["out/file"])
        self.assertEqual(self.containers(), [])
        again = self.skelebot("wait", str(number), status=7)
        self.assertEqual(again.stdout, b"begin\nend\n")

    def at_once(self, status):
        """The call of a job that ends with a status before it is left alone."""
        done = call([*PATIENT, "-s", "--detach", "work", "/", str(status)], self.folder, **self.engine.environ)
        self.assertEqual(done.status, status, done)
        return done

    def test_that_fails_at_once_says_so(self):
        done = self.at_once(7)
        self.assertEqual(done.stdout, b"")
        self.assertEqual(done.stderr, "skelebot: begin\nskelebot: end\nskelebot: work ended with 7 as soon as it had started\n"
                                      f"  hint: skelebot logs {self.newest()} shows all that it has said\n")
        self.assertEqual(self.containers(), [])

    def test_that_ends_well_at_once_is_done(self):
        self.at_once(0)
        self.assertEqual(self.record(self.newest())["state"], "done")

    def test_that_cannot_be_started_leaves_no_container(self):
        self.skelebot("-s", "port", status=1)
        self.assertEqual((self.record(self.newest())["state"], self.containers()), ("failed", []))

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


@on("BuildKit", "remote")
class Fetched(Runs):
    """What a detached job prints and wrote, which its container may have."""
    files = {"work.sh": f"echo begin; until test -e {GO}; do sleep 0.1; done; mkdir -p out/a; echo made > out/a/file; echo end\n"}
    config = {"jobs": [{"name": "work", "source": "work.sh", "mappings": ["out/"], "mode": "d"}]}

    def test_comes_to_a_folder_and_to_the_project(self):
        self.skelebot("-s", "work")
        number = str(self.newest())
        for _ in deadline():
            if self.skelebot("logs", number).stdout:
                break
        self.assertEqual(self.skelebot("logs", number).stdout, b"begin\n")
        self.assertIn("what it writes is not whole yet", self.skelebot("fetch", number, status=1).stderr)
        self.assertEqual(self.start("logs", "-f").says("begin").signal(signal.SIGINT).ends(), 130)
        followed = self.start("logs", "-f", number).says("begin")
        self.engine.ask("exec", f"{self.name}-work", "touch", GO)
        self.assertEqual((followed.ends(), followed.said), (0, b"begin\nend\n"))
        for _ in deadline():            # that nobody has brought back, though its end is recorded
            if b'"done"' in self.skelebot("runs", number, "--json").stdout:
                break
        self.assertEqual(self.skelebot("logs", number).stdout, b"begin\nend\n")
        self.skelebot("fetch", number, "--to", "copy")
        self.assertEqual(tree(os.path.join(self.folder, "copy", "out")), {"a/file": b"made\n"})
        done = self.skelebot("fetch", number)
        self.assertEqual(done.stderr, f"skelebot: out/a/file: written by run {number}\n")
        self.assertEqual(tree(os.path.join(self.folder, "out")), {"a/file": b"made\n"})
        self.assertEqual(self.containers(), [])


@on("BuildKit")
class Again(Runs):
    """A job that is run once more."""
    files = {"say.sh": 'echo "$@"\n', "skelebot-test.yaml": '{"environment": []}'}
    config = {"jobs": [{"name": "say", "source": "say.sh", "args": ["word"], "mode": "i",
                        "params": [{"name": "lr", "default": "0.1"}, {"name": "tags", "accepts": "list"}]}]}

    def test_has_its_words_environment_and_resources_and_with_exact_its_image(self):
        self.skelebot("-e", "test", "--resources", "memory=200m", "say", "a b", "--tags", "x", "y z", "--", "--more")
        first = self.newest()
        write(self.folder, {"say.sh": 'echo "now $@"\n'})
        done = self.skelebot("rerun", "--exact")
        self.assertEqual(done.stdout, b"a b --lr 0.1 --tags x y z --more\n")
        done = self.skelebot("rerun", "say", "--lr", "3", "--tags=-1")
        self.assertEqual(done.stdout, b"now a b --lr 3 --tags -1 --more\n")
        done = self.skelebot("rerun", "c", status=1)
        self.assertEqual(done.stderr, two_lines("'c' is no run, and no job has that name", "skelebot runs --all lists them"))
        done = self.skelebot("rerun", "say", "--", "c")
        self.assertEqual(done.stdout, b"now c --lr 3 --tags -1 --more\n")
        records = [self.record(number) for number in range(first, self.newest() + 1)]
        self.assertEqual({(one["env"], one["resources"]["memory"]) for one in records}, {("test", "200m")})
        self.assertEqual(records[0]["image"], records[1]["image"])
        self.engine.ask("rmi", "--force", records[0]["image"])
        done = self.skelebot("rerun", str(first), "--exact", status=1)
        self.assertIn("no commit of it is known\n  hint: leave --exact out", done.stderr)


@on("BuildKit")
class CutOff(Runs):
    """An engine that does not answer for a while."""
    files = {"work.sh": "echo begin; sleep $1; echo made > out/file; exit 7\n"}
    config = {"jobs": [{"name": "work", "source": "work.sh", "mappings": ["out/"], "args": ["seconds"]}]}
    socket = "/var/run/docker.sock"

    def test_a_run_goes_on_is_not_said_to_be_ended_and_is_taken_up(self):
        proxy = Proxy(self.socket)
        self.addCleanup(proxy.close)
        running = self.start("-s", "-d", proxy.url, "work", "8").says("begin")
        proxy.cut(False)
        running.says("the connection broke, and run 1 may go on: skelebot wait 1 takes it up again")
        self.assertIn(running.ends(), (1, 125))         # docker start has either
        self.assertIn("run 1 is running still\n", self.skelebot("stop", status=1).stderr)
        self.assertEqual(self.record(1)["state"], "running")
        again = Proxy(self.socket, proxy.port)
        self.addCleanup(again.close)
        self.assertEqual(self.skelebot("wait", status=7).stdout, b"begin\n")
        self.assertEqual((self.record(1)["state"], self.record(1)["status"], self.log(1)), ("failed", 7, b"begin\n"))
        self.assertEqual([path for path, _, _ in self.record(1)["outputs"]], ["out/file"])
        self.skelebot("-s", "-d", again.url, "--detach", "work", "300")
        again.cut(False)
        self.skelebot("stop", "2", status=1)
        last = Proxy(self.socket, proxy.port)
        self.addCleanup(last.close)
        self.skelebot("stop", "2")
        self.assertEqual((self.record(2)["state"], self.containers()), ("stopped", []))


class Natively(unittest.TestCase):
    """Runs without Docker."""

    def setUp(self):
        top = tempfile.TemporaryDirectory()
        self.addCleanup(top.cleanup)
        self.folder = top.name
        job = {"name": "work", "source": "work.sh", "mappings": ["out/"], "args": ["word"], "metrics": ["loss"]}
        write(self.folder, {"work.sh": 'sleep 0.5; echo "$1" > out/file\n', ".gitignore": "/out\n",
                            "skelebot.yaml": json.dumps({"name": "churn", "jobs": [job]})})

    def skelebot(self, *words, status=0):
        done = call([sys.executable, SKELEBOT, *words], self.folder)
        self.assertEqual(done.status, status, done.stderr)
        return done.stderr

    def git(self, *words):
        output(["git", "-c", "user.name=ada", "-c", "user.email=ada@example.com", *words], cwd=self.folder)

    def test_one_is_had_again_exactly_where_the_tree_is_as_it_was(self):
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-qm", "First")
        write(self.folder, {".gitignore": "/out\n\n", "more.py": "1\n"})
        self.skelebot("-n", "work", "one")
        self.skelebot("rerun", "1", "--exact")
        write(self.folder, {"work.sh": 'echo "$1" > out/file\n'})
        said = self.skelebot("rerun", "1", "--exact", status=1)
        self.assertRegex(said, r"hint: git checkout [0-9a-f]{40}, git apply .skelebot/runs/1/diff.patch, bring back more.py\n")
        said = self.skelebot("rerun", "1", "--status", "2", status=2)
        self.assertIn("unknown option '--status'", said)
        write(self.folder, {"skelebot.yaml": '{"name": "churn", "jobs": [{"name": "works", "source": "true"}]}'})
        self.assertEqual(self.skelebot("rerun", status=2),
                         two_lines("'work' is no job of the project any more", "did you mean works?"))
        write(self.folder, {".skelebot/runs/1/run.json": "{"})
        write(self.folder, {".skelebot/runs/2/run.json": '{"format": 2, "job": "works"}'})
        for command in ("rerun", "wait", "stop", "fetch"):
            self.assertIn("run 1: its run.json is damaged", self.skelebot(command, "1", status=2))
            self.assertIn("run 2: a later version of skelebot has recorded it", self.skelebot(command, "2", status=2))

    def test_what_one_wrote_is_named_and_copied_until_it_is_overwritten(self):
        self.skelebot("-n", "work", "one")
        self.assertEqual(self.skelebot("fetch", "--to", "copy"),
                         "skelebot: fetching out/file, 4 B\nskelebot: copy/out/file: written by run 1\n")
        self.assertEqual(self.skelebot("fetch", "--to", "copy"), "skelebot: copy/out/file: written by run 1\n")
        os.unlink(os.path.join(self.folder, "copy", "out", "file"))
        os.rmdir(os.path.join(self.folder, "copy", "out"))
        os.symlink("/tmp", os.path.join(self.folder, "copy", "out"))
        self.assertIn("leads outside of copy, by a link", self.skelebot("fetch", "--to", "copy", status=1))
        self.skelebot("-n", "work", "another")
        self.assertEqual(self.skelebot("fetch", "1", status=1), "skelebot: out/file: written again or removed since run 1\n")
        self.assertEqual(self.skelebot("fetch", "work"), "skelebot: out/file: written by run 2\n")

    def test_what_a_point_wrote_takes_the_place_of_what_is_there(self):
        begun = time.time() - 1
        point = skelebot.RunRecord(number=3, point=1, job="work", state="done", started=begun)
        write(self.folder, {"out/file": "before\n", f"{point.folder}/out/out/file": "point\n", f"{point.folder}/run.json": point.text,
                            ".skelebot/runs/3/run.json": skelebot.RunRecord(number=3, sweep={"points": 1}, state="done").text})
        self.assertEqual(self.skelebot("fetch"), "skelebot: nothing is known that run 3 wrote: its points did, as 3.1\n")
        self.assertEqual(self.skelebot("fetch", "3.1"), "skelebot: fetching out/file, 6 B\nskelebot: out/file was another "
                         "one, and is replaced\nskelebot: out/file: written by run 3.1\n")
        self.assertIn("model_v1.0.0, run 3.1\n", self.pushed())

    def pushed(self):
        keys = {"folder": {"path": "kept"}, "artifacts": [{"name": "model", "file": "out/file"}]}
        write(self.folder, {"skelebot.yaml": json.dumps({"name": "churn", "version": "1.0.0", "components": {"repository": keys}})})
        return self.skelebot("push", "model")


if __name__ == "__main__":
    unittest.main()
