"""Sweeps: what their points are, how they are typed, and what each of them runs by."""
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import unittest

import skelebot
from skelebot import Call, Outcome, Points, RunRecord, SkelebotError, SweepParser, Sweeping
from support import call, drive, folder, process, read, two_lines

JOB = """
name: x
params: [{name: shared}]
jobs:
- name: train
  source: train.py
  args: [data]
  params:
  - {name: lr, accepts: float, default: 0.1}
  - {name: epochs, accepts: int, alt: e}
  - {name: fast, accepts: boolean}
  - {name: layers, accepts: list}
  - {name: kind, choices: [tree, net]}
"""


def words(project, *typed):
    return SweepParser(project, skelebot.COMMANDS["sweep"]).parse(typed)


def points(*typed, rows=(), text=JOB):
    """The words of each point."""
    it = read(text)
    asked = Points(it, words(it, "train", *typed), rows)
    return [asked.typed(index) for index in asked.chosen(7)]


class ThePoints(unittest.TestCase):
    """The points of a sweep."""
    maxDiff = None

    def test_are_each_value_with_each_the_last_changing_first(self):
        self.assertEqual(points("a.csv", "--each", "lr", "0.1", "-1e-3", "--each", "epochs", "1", "2", "--fast"), [
            ("a.csv", "--lr=0.1", "--epochs=1", "--fast=true"), ("a.csv", "--lr=0.1", "--epochs=2", "--fast=true"),
            ("a.csv", "--lr=-1e-3", "--epochs=1", "--fast=true"), ("a.csv", "--lr=-1e-3", "--epochs=2", "--fast=true")])

    def test_may_vary_arguments_flags_lists_and_what_all_jobs_take(self):
        self.assertEqual(points("--each", "data", "a b", "it's\n$x", "--each", "fast", "true", "no"), [
            ("a b", "--fast=true"), ("a b", "--fast=no"), ("it's\n$x", "--fast=true"), ("it's\n$x", "--fast=no")])
        self.assertEqual(points("a", "--each", "layers", "64 32", "8", "--each", "shared", "s"), [
            ("a", "--layers=64", "--layers=32", "--shared=s"), ("a", "--layers=8", "--shared=s")])

    def test_keep_what_may_look_like_an_option_behind_dashes(self):
        self.assertEqual(points("--each", "lr", "1", "--", "-a", "-b"), [("--lr=1", "--", "-a", "-b")])

    def test_are_what_the_job_gets(self):
        it = read(JOB)
        parser = skelebot.job_parser(it, it.jobs[0])
        for typed in points("--each", "data", "a b", "-1", "--each", "layers", "1 2", "--each", "fast", "yes", "off", "--", "-z"):
            values = parser.parse(typed).values
            self.assertEqual((values["layers"], parser.parse(typed).extra), (("1", "2"), ("-z",)))
        self.assertEqual(points("a", "--fast=false", "--each", "lr", "1"), [("a", "--lr=1", "--fast=false")])

    def test_of_the_file_are_those_that_nothing_typed_replaces(self):
        text = JOB + "  sweep: {each: {lr: [0.10, 1e-2], epochs: 3}, parallel: 4, best: {max: accuracy}}\n"
        self.assertEqual(points("a", text=text), [("a", "--lr=0.10", "--epochs=3"), ("a", "--lr=1e-2", "--epochs=3")])
        self.assertEqual(points("a", "--lr", "5", text=text), [("a", "--lr=5", "--epochs=3")])
        self.assertEqual(points("a", "--each", "lr", "7", text=text), [("a", "--lr=7", "--epochs=3")])
        sweep = read(text).jobs[0].sweep
        self.assertEqual((sweep.parallel, sweep.best.max), ("4", "accuracy"))

    def test_of_a_table_are_its_rows(self):
        rows = [{"lr": "1", "epochs": "2"}, {"lr": "3", "epochs": "4"}]
        text = JOB + "  sweep: {each: {kind: [tree, net]}}\n"
        self.assertEqual(points("a", "--from", "t.csv", rows=rows, text=text),
                         [("a", "--lr=1", "--epochs=2"), ("a", "--lr=3", "--epochs=4")])
        self.assertEqual(points("a", "--each", "fast", "on", rows=rows), [
            ("a", "--lr=1", "--epochs=2", "--fast=on"), ("a", "--lr=3", "--epochs=4", "--fast=on")])

    def test_drawn_by_lot_are_the_same_for_one_seed_on_every_python(self):
        each = ("--each", "epochs", *map(str, range(30)), "--each", "lr", *map(str, range(30)))
        drawn = points("a", "--random", "5", *each)
        self.assertEqual(drawn, [
            ("a", f"--lr={lr}", f"--epochs={epochs}") for epochs, lr in ((9, 21), (4, 16), (19, 16), (2, 7), (16, 4))])
        everyone = points("a", "--random", "900", *each)
        self.assertEqual((len(set(everyone)), everyone[:5]), (900, drawn))

    def test_a_million_of_them_cost_nothing_until_they_are_taken(self):
        it = read(JOB)
        each = [word for name in ("epochs", "lr", "data") for word in ("--each", name, *map(str, range(1000)))]
        asked = Points(it, words(it, "train", *each, "--random", "2"))
        self.assertEqual((asked.count, len(asked.chosen(1))), (10 ** 9, 2))

    def test_that_make_no_sense_are_refused(self):
        for typed, message in (
                (("a",), "sweep: nothing says which values to try"),
                (("a", "--each", "lr"), "sweep: --each lr needs a value"),
                (("a", "--each", "lr", "x"), "sweep: --each lr: expected a number, found 'x'"),
                (("a", "--each", "lr", ""), "sweep: --each lr: expected a number, found ''"),
                (("a", "--each", "kind", "nut"), "sweep: --each kind: expected tree or net, found 'nut'"),
                (("a", "--each", "fast", "2"), "sweep: --each fast: expected true or false, found '2'"),
                (("a", "--each", "rate", "1"), "sweep: --each 'rate': train has no such parameter"),
                (("a", "--each", "help", "1"), "sweep: --each 'help': train has no such parameter"),
                (("a", "--each", "lr", "1", "--each", "lr", "2"), "sweep: lr: given twice"),
                (("a", "--each", "lr", "1", "--lr", "2"), "sweep: lr: given twice"),
                (("a", "--each", "lr", "1", "--random", "2"), "sweep: --random: there are 1 points only"),
                (("a", "--each", "lr", "1", "--random", "0"), "sweep: --random: expected a number from 1 to 999999, found '0'"),
                (("a", "--each", "lr", "1", "-j", "x"), "sweep: --parallel: expected a number from 1 to 999999, found 'x'"),
                (("--each", "lr", "1"), "train: needs DATA"),
                (("a", "b", "--each", "lr", "1"), "train: cannot place 'b'"),
                (("a", "--epochs", "x", "--each", "lr", "1"), "train: --epochs: expected a whole number, found 'x'")):
            with self.subTest(typed=typed):
                with self.assertRaises(SkelebotError) as fault:
                    points(*typed)
                self.assertEqual((fault.exception.message, fault.exception.status), (message, 2))

    def test_in_the_file_are_checked_there(self):
        for sweep, message in (
                ("{each: {lr: []}}", "skelebot.yaml:14: jobs[0].sweep.each.lr: lr needs a value"),
                ("{each: {rate: 1}}", "skelebot.yaml:14: jobs[0].sweep.each.rate: 'rate': train has no such parameter"),
                ("{each: {epochs: [1, 1.5]}}", "skelebot.yaml:14: jobs[0].sweep.each.epochs: epochs: expected a whole number, found '1.5'"),
                ("{each: [lr]}", "skelebot.yaml:14: jobs[0].sweep.each: expected a mapping, found a list"),
                ("{parallel: 0}", "skelebot.yaml:14: jobs[0].sweep.parallel: expected a number from 1 to 999999, found '0'"),
                ("{best: {}}", "skelebot.yaml:14: jobs[0].sweep.best: needs either max or min"),
                ("{best: {max: a, min: b}}", "skelebot.yaml:14: jobs[0].sweep.best: needs either max or min"),
                ("{eech: {lr: 1}}", "skelebot.yaml:14: jobs[0].sweep.eech: unknown key")):
            with self.subTest(sweep=sweep):
                with self.assertRaises(SkelebotError) as fault:
                    read(f"{JOB}  sweep: {sweep}\n")
                self.assertEqual(fault.exception.message, message)


class TheTable(unittest.TestCase):
    """--from FILE.csv."""

    def rows(self, data):
        it = read(JOB)
        with folder({"t.csv": ""}) as path:
            with open(os.path.join(path, "t.csv"), "wb") as file:
                file.write(data)
            return Points.table(os.path.join(path, "t.csv"), skelebot.job_parser(it, it.jobs[0]))

    def test_has_a_row_for_each_point(self):
        self.assertEqual(self.rows(b'\xef\xbb\xbflr,kind\r\n1,tree\r\n\r\n2,"net"\r\n'), [
            {"lr": "1", "kind": "tree"}, {"lr": "2", "kind": "net"}])

    def test_names_the_line_of_what_it_cannot_have(self):
        for data, message in ((b"lr,kind\n1,tree\n1\n", ":3: has another number of values than the first line"),
                              (b"lr\n1,2\n", ":2: has another number of values than the first line"),
                              (b"lr\n1\nx\n", ":3: lr: expected a number, found 'x'"),
                              (b"rate\n1\n", ":2: 'rate': train has no such parameter"),
                              (b"lr\n", ": has no rows"), (b"", ": has no rows"),
                              (b"lr\n\xff\n", ": is no table: "), (b'lr\n"1\n', ": is no table: ")):
            with self.subTest(data=data):
                with self.assertRaises(SkelebotError) as fault:
                    self.rows(data)
                self.assertIn(".csv" + message, fault.exception.message)


TRAIN = textwrap.dedent("""\
    import os, sys, time
    lr = [word[5:] for word in sys.argv if word[:5] == "--lr="] or [sys.argv[sys.argv.index("--lr") + 1]]
    with open("out/deep/model", "a") as file:
        file.write(lr[0])
    with open("out/deep/model") as file:
        print("model", file.read(), os.environ.get("CUDA_VISIBLE_DEVICES"))
    print("score:", lr[0])
    with open("data/x") as file:
        assert file.read() == "x"
    sys.exit(3 if "bad" in os.environ or lr[0] == "3" and not os.path.exists("mended") else 0)
    """)
MARK = 'echo "$2" >> "$SEEN"; while [ ! -e "$SEEN.go" ]; do sleep 0.05; done'
FILES = {"train.py": TRAIN, "mark.sh": MARK, "out/deep/model": "old", "out/other": "", "data/x": "x", "skelebot.yaml": """
name: x
jobs:
- name: train
  source: train.py
  mappings: [out/deep/, "data/:data/:ro"]
  native: always
  metrics: [score]
  params: [{name: lr, accepts: float}]
  sweep: {each: {lr: [1, 2, 3]}, parallel: 2, best: {max: score}}
- {name: gone, source: train.py, native: always, mappings: ["nope/:nope/:ro"], params: [lr]}
- {name: mark, source: mark.sh, native: always, params: [lr]}
- {name: stay, source: 'sleep 60; echo "$@"', native: always, params: [lr]}
"""}


class Natively(unittest.TestCase):
    """A sweep without an engine."""
    maxDiff = None

    def setUp(self):
        self.folder = self.enter(folder(FILES))

    def enter(self, context):
        self.addCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def contents(self, *names):
        with open(self.path(*names)) as file:
            return file.read()

    def points(self, number=1):
        return {one.point: one for one in skelebot.Runs(self.folder).points(number)}

    def sweep(self, *typed, status=0, **environ):
        ending = process("sweep", *typed, folder=self.folder, **environ)
        self.assertEqual(ending.status, status, ending)
        return ending

    def test_runs_each_point_with_a_copy_of_its_own_and_ends_with_a_table(self):
        said = self.sweep("train", status=1).stdout.splitlines()
        self.assertEqual(sorted(line.split("  ")[:3] for line in said[:3]), [
            ["1.1", "lr=1", "done"], ["1.2", "lr=2", "done"], ["1.3", "lr=3", "failed"]])
        self.assertEqual([line.split() for line in said[3:]], [
            ["run", "state", "lr", "score"], ["1.3", "failed", "3", "3"], ["1.2", "done", "2", "2"], ["1.1", "done", "1", "1"]])
        self.assertEqual(self.contents("out", "deep", "model"), "old")
        for point, record in self.points().items():
            self.assertEqual(self.contents(record.folder, "out", "out", "deep", "model"), f"old{point}")
            self.assertEqual((record.values, record.runner), ({"lr": str(point)}, "native"))
            self.assertEqual([path for path, _, _ in record.outputs], [record.folder + "/out/out/deep/model"])
        above = skelebot.Runs(self.folder).read(1)
        self.assertEqual((above.state, above.status, above.reason, above.sweep), (
            "failed", 1, "1 of 3 points are not done", {"points": 3, "each": {"lr": ["1", "2", "3"]}, "best": {"max": "score"}}))
        self.assertEqual(os.listdir(self.path(".skelebot", "runs", "going")), [])

    def test_runs_what_failed_again_in_its_place(self):
        self.sweep("train", status=1)
        first = self.points()[1]
        with open(self.path("mended"), "w"):
            said = self.sweep("--failed", "1").stdout
        self.assertIn("1.3  lr=3  done", said)
        self.assertNotIn("1.1  lr=1  done", said)
        self.assertEqual((self.points()[1], self.points()[3].state), (first, "done"))
        self.assertEqual(self.contents(self.points()[3].folder, "out", "out", "deep", "model"), "old3")
        self.assertEqual(skelebot.Runs(self.folder).read(1).state, "done")
        self.assertEqual(self.sweep("--failed", "1").stdout, "")
        self.assertEqual(process("rerun", "1", folder=self.folder).stderr, two_lines(
            "run 1 is a sweep", "name a point of it, as 1.1; or sweep again: skelebot sweep train"))
        self.assertEqual(self.sweep("--failed", "1.1", status=2).stderr, two_lines(
            "sweep: --failed: run 1.1 is no sweep", "name another run"))

    def test_ends_when_its_first_points_fail_at_once_and_says_why(self):
        ending = self.sweep("train", "--each", "lr", "1", "2", "3", "4", "5", "-j", "1", bad="1", status=1)
        self.assertRegex(ending.stderr, r"^skelebot: all of the first points have failed at once, so no more are begun; 1\.3 said:\n"
                                        r"skelebot: model old3 None\nskelebot: score: 3\n")
        self.assertEqual([(one.state, one.reason) for one in self.points().values()],
                         [("failed", "")] * 3 + [("stopped", "its sweep ended before it began")] * 2)

    def test_says_why_a_point_could_not_begin(self):
        os.mkfifo(self.path("out", "deep", "pipe"))
        self.assertIn("1.1  lr=1  failed  out/deep/pipe: a point cannot have a copy of it: ", self.sweep("train", "--each", "lr", "1", status=1).stdout)
        os.unlink(self.path("out", "deep", "pipe"))
        shutil.rmtree(self.path(".skelebot"))
        ending = self.sweep("gone", "--each", "lr", "1", status=1)
        self.assertRegex(ending.stdout, r"1\.1  lr=1  failed  skelebot.yaml:\d+: jobs\[1\]\.mappings\[0\]: 'nope/' does not exist\n")

    def test_tells_the_truth_of_a_point_whose_skelebot_was_ended_by_force(self):
        argv = (sys.executable, skelebot.HERE, "sweep", "stay", "--each", "lr", "1", "--yes")
        sweep = subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while [one.state for one in self.points().values()] != ["running"] or not skelebot.Runs(self.folder).process(self.points()[1])[0]:
            time.sleep(0.05)
        os.kill(self.points()[1].pid, signal.SIGKILL)
        said, _ = sweep.communicate(timeout=60)
        self.assertIn(b"1.1  lr=1  running", said)
        process("stop", "1.1", folder=self.folder)
        self.assertEqual(self.points()[1].state, "stopped")

    def killed(self, values, number="1"):
        """The variables of a sweep that was ended by force when two of its points had begun."""
        environ = {**os.environ, "SEEN": self.path("seen")}
        argv = (sys.executable, skelebot.HERE, "sweep", "mark", "--each", "lr", *values, "-j", "2")
        sweep = subprocess.Popen(argv, cwd=self.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        while not os.path.exists(self.path("seen")) or self.contents("seen").count("\n") < 2:
            time.sleep(0.05)
        sweep.kill(), sweep.wait()
        self.assertIn("lost", process("runs", number, folder=self.folder).stdout)
        return environ

    def killed_and_taken_up(self):
        """(process, environ) of the `wait` that has taken up a sweep of five points, of which two had begun."""
        environ = self.killed("12345")
        waiting = subprocess.Popen((sys.executable, skelebot.HERE, "wait"), cwd=self.folder, env=environ, universal_newlines=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while not os.path.exists(self.path(".skelebot", "runs", "1", "1", "messages")) or skelebot.Runs(self.folder).read(1).pid != waiting.pid:
            time.sleep(0.05)
        return waiting, environ

    def test_that_was_killed_is_taken_up_by_wait_and_none_is_lost_or_run_twice(self):
        waiting, environ = self.killed_and_taken_up()
        second = subprocess.Popen((sys.executable, skelebot.HERE, "wait", "mark"), cwd=self.folder, env=environ, stdout=subprocess.DEVNULL)
        with open(self.path("seen.go"), "w"):
            said, errors = waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, errors, second.wait(60)), (
            0, "skelebot: sweep 1 was killed: what it has not begun runs now; Ctrl-C ends all\n", 0))
        self.assertLessEqual({"1.3", "1.4", "1.5"}, {line.split()[0] for line in said.splitlines() if "lr=" in line})
        self.assertEqual(sorted(self.contents("seen").split()), list("12345"))
        self.assertEqual({one.state for one in [skelebot.Runs(self.folder).read(1), *self.points().values()]}, {"done"})

    def test_that_was_killed_when_its_last_points_ran_ends_as_they_do(self):
        for number, stopped, said in (("1", ["1.2"], "skelebot: run 1 has failed: 1 of 2 points are not done\n"), ("2", [], "")):
            environ = self.killed("12", number)
            for name in stopped:
                process("stop", name, folder=self.folder)
            open(self.path("seen.go"), "w").close()
            for _ in "12":
                waited = process("wait", folder=self.folder, **environ)
                self.assertEqual((waited.status, waited.stderr), (len(stopped), said))
            for name in ("seen", "seen.go"):
                os.unlink(self.path(name))

    def test_that_was_taken_up_ends_all_its_points_with_it(self):
        waiting, _ = self.killed_and_taken_up()
        process("stop", "1", folder=self.folder)
        waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, [one.state for one in self.points().values()]), (143, ["stopped"] * 5))
        self.assertEqual(len(self.contents("seen").split()), 2)

    def test_passes_over_a_point_that_was_stopped_before_it_began(self):
        argv = (sys.executable, skelebot.HERE, "sweep", "stay", "--each", "lr", "1", "2", "-j", "1")
        sweep = subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while [one.state for one in self.points().values()] != ["running", "waiting"]:
            time.sleep(0.05)
        for name in ("1.2", "1.1"):
            process("stop", name, folder=self.folder)
        said, errors = sweep.communicate(timeout=60)
        self.assertEqual((sweep.returncode, errors, said.count(b"lr=")), (1, b"", 1))
        self.assertEqual([(one.state, one.reason) for one in self.points().values()], [("stopped", ""), ("stopped", "by skelebot stop")])

    def test_begins_no_more_points_after_a_failure_if_that_is_wished(self):
        self.sweep("train", "--each", "lr", "1", "3", "2", "4", "-j", "1", "--stop-on-failure", status=1)
        self.assertEqual([one.state for one in self.points().values()], ["done", "failed", "stopped", "stopped"])

    def test_gives_each_point_gpus_of_its_own(self):
        program = self.path("nvidia-smi")
        with open(program, "w") as file:
            file.write("#!/bin/sh\nfor k in 0 1 2; do echo \"GPU $k: Test (UUID: GPU-$k)\"; done\n")
        os.chmod(program, 0o755)
        environ = {"PATH": self.folder + os.pathsep + os.environ["PATH"]}
        ending = process("--resources", "gpus=1", "sweep", "train", "--each", "lr", "1", "2", "4", "5", "6", "-j", "9", folder=self.folder, **environ)
        self.assertEqual(ending.status, 0, ending)
        used = [self.contents(one.folder, "log").split()[2] for one in self.points().values()]
        self.assertEqual((set(used), len(used)), ({"0", "1", "2"}, 5))
        ending = process("--resources", "gpus=4", "sweep", "train", folder=self.folder, **environ)
        self.assertEqual(ending.stderr, two_lines("train needs 4 GPUs, and there are 3", "resources: {gpus: ...} says how many it needs"))

    def test_a_dry_run_shows_each_point_and_writes_nothing_down(self):
        ending = call("--dry-run", "sweep", "train", folder=self.folder)
        self.assertEqual(ending.stdout, f"cd {self.folder}\n" + "".join(f"skelebot train --lr={lr}\n" for lr in (1, 2, 3)))
        self.assertFalse(os.path.exists(self.path(".skelebot", "runs")))

    def test_takes_any_text_for_a_seed(self):
        for seed in ("7", "", "odd"):
            ending = call("--dry-run", "sweep", "train", "--random", "2", "--seed=" + seed, folder=self.folder)
            self.assertEqual((ending.status, ending.stdout.count("\n")), (0, 3), ending)

    def test_many_points_are_asked_about(self):
        ending = call("sweep", "train", "--each", "lr", *map(str, range(1001)), folder=self.folder)
        self.assertEqual((ending.status, ending.stderr), (1, two_lines(
            "1001 points: run them all? (yes or no): not given", "--yes runs them without a question")))

    def test_does_not_go_on_by_itself(self):
        ending = call("--detach", "sweep", "train", folder=self.folder)
        self.assertEqual((ending.status, ending.stderr), (2, two_lines("--detach: a sweep does not go on by itself",
                                                                       "leave it in the background, as in: nohup skelebot sweep ... &")))

    def test_without_records_there_is_none(self):
        self.sweep("train", status=1)
        for typed in (("train",), ("--failed", "1")):
            self.assertIn("the points of a sweep cannot be recorded", self.sweep(*typed, status=1, SKELEBOT_RUNS="0").stderr)
        shutil.rmtree(self.path(".skelebot"))
        open(self.path(".skelebot"), "w").close()
        self.assertIn("the points of a sweep cannot be recorded", self.sweep("train", status=1).stderr)

    def test_follows_a_chain(self):
        ending = call("sweep", "train", "--each", "lr", "1", "+", "sweep", "nope", folder=self.folder)
        self.assertEqual((ending.status, ending.stderr), (2, two_lines("sweep: expected a job first, found 'nope'", "jobs are: gone, mark, stay, train")))
        ending = process("train", "--lr", "1", "+", "sweep", "train", "--each", "lr", "1", "+", "envs", folder=self.folder)
        self.assertTrue(ending.stdout.endswith("[default]\n"), ending)


class InDocker(unittest.TestCase):
    """Where the points of a sweep run."""

    def places(self, *typed, hosts=("",), told="GPU 0: A (UUID: x)\nGPU 1: A (UUID: y)\nGPU 2: A (UUID: z)\n", **environ):
        it = read(JOB + "  resources: {gpus: 2, memory: 1g}\n")
        caller = Call(environ=environ, skip_build=True, host=hosts[0], hosts=hosts if hosts[0] else ())
        sweep = Sweeping(caller, it, words(it, "train", "a", "--each", "lr", "1", "2", *typed))
        done = drive(sweep.plan_places(), {"nvidia-smi": Outcome(0, told)})
        self.assertIsNone(done.fault)
        return done.status, [step.argv for step in done.steps if "nvidia-smi" in getattr(step, "argv", ())]

    def test_is_one_image_and_gpus_of_their_own(self):
        places, asked = self.places("-j", "4")
        self.assertEqual([(call.resources.gpus, image) for call, image in places], [("device=0,1", "x")])
        self.assertEqual(asked, [("nvidia-smi", "-L")])
        self.assertEqual(skelebot.Engine(Call()).gpu_words(places[0][0].resources.gpus), ("--gpus", '"device=0,1"'))

    def test_are_so_many_at_once_where_nobody_knows_the_gpus(self):
        places, _ = self.places("-j", "2", told="")
        self.assertEqual([call.resources.gpus for call, _ in places], ["", ""])

    def test_has_the_gpus_that_the_caller_may_use(self):
        places, asked = self.places("-j", "2", CUDA_VISIBLE_DEVICES="3,5,6,7")
        self.assertEqual(([call.resources.gpus for call, _ in places], asked), (["device=3,5", "device=6,7"], []))

    def test_are_on_each_host_whose_own_gpus_are_asked_for_there(self):
        places, asked = self.places("-j", "2", hosts=("ssh://a", "ssh://b"))
        self.assertEqual([(call.host, call.hosts, call.resources.gpus) for call, _ in places],
                         [(host, (host,), "device=0,1") for host in ("ssh://a", "ssh://b")])
        self.assertEqual(asked[1], ("docker", "--host", "ssh://b", "run", "--rm", "--pull", "never", "--gpus", "all",
                                    "--entrypoint", "nvidia-smi", "x", "-L"))


class OwnCopies(unittest.TestCase):
    """What a point writes to."""

    def test_are_of_what_is_written_to_in_the_project(self):
        point = RunRecord(number=12, point=3)
        for mapping, own in (("out/", ".skelebot/runs/12/3/out/out:/app/out/"), ("./a/b:/b:rw", ".skelebot/runs/12/3/out/a/b:/b:rw"),
                             ("data/:data/:ro", "data/:data/:ro"), ("~/x:/x", "~/x:/x"), ("/x:/x", "/x:/x"), (".:/app", ".:/app"),
                             ("../x:/x", "../x:/x")):
            with self.subTest(mapping=mapping):
                self.assertEqual((point.own(skelebot.Mapping(mapping)), RunRecord(number=12).own(skelebot.Mapping(mapping))), (own, mapping))


if __name__ == "__main__":
    unittest.main()
