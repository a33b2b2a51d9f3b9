"""What is asked about runs: the list, one of them, a comparison, a log."""
import csv
import io
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import skelebot
from skelebot import RunRecord, Runs
from program import SKELEBOT
from support import call, project, two_lines

NOW = time.mktime((2026, 11, 30, 12, 0, 0, 0, 0, -1))
LOSS = {"last": 0.25, "min": [0.25, 3], "max": [1.5, 1], "steps": 3}


def measured(**metrics):
    return {name: {**LOSS, "last": value} for name, value in metrics.items()}


def run(number, point=0, **changes):
    return RunRecord(**{**dict(number=number, point=point, job="train", state="done", made=NOW, started=NOW, ended=NOW + 192), **changes})


class Asked(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = os.path.realpath(folder.name)
        self.runs = Runs(self.top)
        self.write("skelebot.yaml", "name: x\njobs:\n- {name: train, source: a.sh}\n- {name: score, source: a.sh}\n")

    def write(self, name, data):
        path = os.path.join(self.top, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode("utf-8"))

    def record(self, *records):
        for record in records:
            if record.goes_on and not self.runs.mark:
                self.write(".skelebot/runs/mark", "")
            record = record._replace(mark=self.runs.mark)
            self.write(record.folder + "/run.json", record.text)

    def ask(self, *words):
        ending = call(*words, folder=self.top)
        self.assertEqual((ending.status, ending.stderr), (0, ""), ending)
        return ending.stdout

    def first_words(self, *words):
        return [line.split()[0] for line in self.ask(*words).splitlines()[1:]]

    def refuse(self, *words):
        ending = call(*words, folder=self.top)
        self.assertEqual(ending.stdout, "")
        self.assertIn(ending.status, (1, 2))
        return ending.stderr


class List(Asked):
    """runs, ps."""

    def test_has_a_line_for_each_run_the_newest_first(self):
        self.record(run(1, typed=["lr"], values={"lr": "0.1", "epochs": "20"}, metrics=measured(loss=0.25, f1=1e-9)),
                    run(2, job="score", state="failed", reason="exit status 3", ended=NOW + 100000))
        self.assertEqual(self.ask("runs"), (
            "RUN  WHEN              JOB    STATE   TIME            SET     METRICS\n"
            "2    2026-11-30 12:00  score  failed  1 day, 3:46:40          exit status 3\n"
            "1    2026-11-30 12:00  train  done    0:03:12         lr=0.1  loss=0.25 f1=1e-09\n"))

    def test_has_twenty_or_all(self):
        self.record(*(run(number, state="failed" if number % 2 else "done") for number in range(1, 51)))
        self.assertEqual(self.first_words("runs"), [str(number) for number in range(50, 30, -1)])
        self.assertEqual(len(self.first_words("runs", "--all")), 50)
        self.assertEqual(self.first_words("runs", "--failed"), [str(number) for number in range(49, 9, -2)])
        self.assertEqual(len(self.first_words("runs", "--failed", "--all")), 25)
        self.assertEqual(len(json.loads(self.ask("runs", "--json"))), 50)

    def test_shows_damaged_and_later_runs_as_such_and_the_others_as_they_are(self):
        self.record(run(1), run(4))
        self.write(".skelebot/runs/2/run.json", b"\xff{")
        self.write(".skelebot/runs/3/run.json", '{"format": 9, "job": "new"}')
        os.mkdir(os.path.join(self.top, ".skelebot/runs/5"))
        self.write(".skelebot/runs/odd/run.json", "")
        self.write(".skelebot/runs/last", "5")
        self.assertEqual([(line.split()[0], line.split()[-1] if "damaged" not in line else "damaged") for line in self.ask("runs").splitlines()[1:]],
                         [("5", "damaged"), ("4", "0:03:12"), ("3", "it"), ("2", "damaged"), ("1", "0:03:12")])

    def test_of_a_project_without_runs_has_none(self):
        for words in (("runs",), ("ps",), ("runs", "--failed")):
            with self.subTest(words=words):
                self.assertEqual(self.ask(*words), "RUN  WHEN  JOB  STATE  TIME  SET  METRICS\n")
        self.assertEqual(self.ask("runs", "--json"), "[]\n")

    def test_of_what_is_running_has_those_whose_end_nobody_has_recorded(self):
        self.record(run(1), run(2, state="running", ended=0.0), run(3, state="running", ended=0.0), run(4))
        for name in ("2", "3", "4"):
            self.write(".skelebot/runs/going/" + name, "")
        self.assertEqual(self.first_words("ps"), ["3", "2"])
        self.assertEqual([one["run"] for one in json.loads(self.ask("ps", "--json"))], ["3", "2"])

    def test_keeps_odd_values_on_one_line_and_shows_no_password(self):
        self.record(run(1, typed=["a", "many"], values={"a": "x'\n\033[31m\udcff", "many": ["http://u:geheim@h/", "y" * 99]}))
        line = self.ask("runs").splitlines()[1]
        self.assertIn("a=x'\\n\\x1b[31m", line)
        self.assertIn("many=http://...@h/ " + "y" * 13 + "...", line)
        for words in (("runs",), ("runs", "1"), ("runs", "--json"), ("runs", "1", "--json"), ("compare",), ("compare", "--csv"), ("compare", "--md"),
                      ("compare", "--json")):
            with self.subTest(words=words):
                self.assertNotIn("geheim", self.ask(*words))

    def test_bears_times_that_make_no_sense(self):
        self.record(run(1, made=-5.0, started=1e300, ended=1.0), run(2, started=5.0, ended=1e300), run(3, started=NOW, ended=NOW - 9))
        self.assertEqual(len(self.first_words("runs")), 3)
        self.assertIn("state", self.ask("runs", "1"))

    def test_is_cut_to_the_width_of_a_terminal(self):
        self.record(run(1, typed=["a"], values={"a": "x" * 29}, metrics=measured(**{"metric%d" % number: 0.5 for number in range(9)})))
        lines = terminal(self.top, "runs", columns=70).splitlines()
        self.assertEqual({len(line) <= 70 for line in lines}, {True})
        self.assertTrue(lines[1].endswith("..."), lines)
        self.assertTrue(len(terminal(self.top, "runs", columns=0).splitlines()[1]) == 80)   # one that does not know its own


class One(Asked):
    """runs RUN."""

    def test_has_all_that_is_known(self):
        self.record(run(7, values={"lr": "0.1", "many": ["a", "b c"]}, words=["--lr", "0.1"], typed=["lr"], clean=False, status=0, resources={"cpus": "2"},
                        commit="ab" * 20, image="sha256:12", host="ssh://box", chain="c", metrics=measured(loss=0.5), outputs=[["models/m.pkl", 123456, 1.5]]))
        said = dict(line.split(None, 1) if not line.startswith(("values", "metrics", "outputs", "resources")) else
                    (" ".join(line.split()[:2]), " ".join(line.split()[2:])) for line in self.ask("runs", "train").splitlines())
        self.assertEqual({name: said.get(name) for name in (
            "number", "job", "values lr", "values many", "words", "clean", "status", "commit", "image", "host", "chain", "resources cpus", "started",
            "metrics loss", "outputs models/m.pkl")}, {
            "number": "7", "job": "train", "values lr": "0.1", "values many": "a b c", "words": "--lr 0.1", "clean": "False", "status": "0",
            "commit": "ab" * 20, "image": "sha256:12", "host": "ssh://box", "chain": "c", "resources cpus": "2", "started": "2026-11-30 12:00",
            "metrics loss": "last=0.5 min=0.25 3 max=1.5 1 steps=3", "outputs models/m.pkl": "123.5 kB"})

    def test_that_is_a_sweep_has_its_points(self):
        self.record(run(3, sweep={"points": 2}), run(3, 1), run(3, 2, state="failed"), run(4))
        lines = self.ask("runs", "3").splitlines()
        self.assertIn("sweep points  2", lines)
        self.assertEqual([line.split()[0] for line in lines[-3:]], ["RUN", "3.1", "3.2"])
        self.assertEqual([one["run"] for one in json.loads(self.ask("runs", "3", "4", "--json"))], ["3", "4", "3.1", "3.2"])
        self.assertEqual(self.ask("runs", "3", "--failed").splitlines()[-1].split()[0], "3.2")
        self.assertIn("point", self.ask("runs", "3.2"))

    def test_that_is_damaged_says_why(self):
        self.write(".skelebot/runs/1/run.json", "{")
        self.assertIn("its run.json is damaged (JSONDecodeError)", self.ask("runs", "1"))

    def test_that_does_not_exist_is_refused(self):
        self.record(run(1))
        for words in (("runs", "2"), ("compare", "1", "2"), ("logs", "2")):
            with self.subTest(words=words):
                self.assertEqual(self.refuse(*words), two_lines("there is no run 2", "skelebot runs --all lists them"))


class Json(Asked):
    """--json."""

    def test_is_complete_and_valid(self):
        record = run(1, values={"a": "'\"\n\\\udcff", "n": ["é"]}, metrics=measured(loss=0.5), endpoint="unix:///var/run/docker.sock")
        self.record(record)
        self.assertEqual(json.loads(self.ask("runs", "--json")), [{"run": "1", **record._asdict()}])

    def test_has_no_number_that_is_none_for_others(self):
        text = run(1, metrics=measured(loss=0.5)).text.replace('"last": 0.5', '"last": NaN')
        self.write(".skelebot/runs/1/run.json", text)
        self.assertEqual([one["state"] for one in json.loads(self.ask("runs", "--json"), parse_constant=self.fail)], ["damaged"])

    def test_is_read_by_another_program(self):
        self.record(run(1, metrics=measured(loss=0.5)), run(2, metrics=measured(loss=0.25)))
        for words, path, value in (("runs", ".[0].metrics.loss.last", "0.25"), ("compare", ".[1].loss", "0.5")):
            try:
                told = subprocess.run(["jq", path], input=self.ask(words, "--json").encode(), stdout=subprocess.PIPE).stdout
            except FileNotFoundError:
                self.skipTest("there is no jq")
            self.assertEqual(told.decode().strip(), value)


class Prune(Asked):
    """runs --prune AGE."""

    def setUp(self):
        super().setUp()
        old = time.time() - 3 * 86400
        self.record(run(1, ended=old), run(1, 1, ended=old), run(2, state="running", ended=0.0, started=old, made=old), run(3, ended=time.time() - 86400),
                    run(4, state="lost", made=old, ended=0.0))
        for number in ("5", "6"):
            self.write(".skelebot/runs/%s/run.json" % number, "{")
        os.utime(os.path.join(self.top, ".skelebot/runs/5"), (old, old))

    def test_removes_what_ended_longer_ago_and_says_so_before(self):
        ending = call("runs", "--prune", "2d", folder=self.top)
        self.assertEqual(ending, (0, "", "skelebot: removing the runs that ended more than 2d ago: 5 4 1\n"))
        self.assertEqual(sorted(os.listdir(os.path.join(self.top, ".skelebot/runs"))), ["2", "3", "6", "mark"])

    def test_removes_nothing_in_a_dry_run(self):
        ending = call("--dry-run", "runs", "--prune", "2d", folder=self.top)
        self.assertEqual((ending.status, ending.stdout.count("rm -rf -- .skelebot/runs/")), (0, 3), ending)
        self.assertEqual(len(self.runs.numbers()), 6)

    def test_needs_a_time_with_its_unit(self):
        for age in ("3", "", "d", "-1d", "1w", "99999999d"):
            with self.subTest(age=age):
                self.assertEqual(self.refuse("runs", "--prune=" + age), two_lines(
                    f"runs: --prune: expected a time with its unit, found {age!r}", "such as 90s, 30m, 4h, 2d"))


class Compare(Asked):
    """compare."""

    def rows(self, *words):
        return [line.split() for line in self.ask("compare", *words).splitlines()]

    def test_shows_only_what_differs(self):
        self.record(run(1, values={"lr": "0.1", "epochs": "20"}, commit="aa" * 20, clean=True, metrics=measured(loss=0.5, f1=1.0)),
                    run(2, values={"lr": "0.2", "epochs": "20"}, commit="aa" * 20, clean=False, metrics=measured(loss=0.25, f1=1.0)))
        self.assertEqual(self.ask("compare"), ("run  commit       lr   loss\n"
                                               "2    aaaaaaaaaa+  0.2  0.25\n"
                                               "1    aaaaaaaaaa   0.1  0.5\n"))

    def test_has_the_best_first_by_a_metric_and_those_without_it_last(self):
        self.record(*(run(number, metrics=measured(loss=value) if value else {}) for number, value in ((1, 0.5), (2, None), (3, 0.75), (4, 0.25))))
        for words, order in (((), "4321"), (("--max", "loss"), "3142"), (("--min", "loss"), "4132")):
            with self.subTest(words=words):
                self.assertEqual("".join(row[0] for row in self.rows(*words)[1:]), order)

    def test_of_a_sweep_compares_its_points_by_what_it_calls_best(self):
        self.record(run(2, sweep={"points": 3, "best": {"max": "f1"}}), *(run(2, point, metrics=measured(f1=value)) for point, value in (
            (1, 0.5), (2, 0.9), (3, 0.7))), run(1, metrics=measured(f1=0.8)))
        self.assertEqual([row[0] for row in self.rows()[1:]], ["2.2", "2.3", "2.1"])
        self.assertEqual([row[0] for row in self.rows("2", "1")[1:]], ["2.2", "1", "2.3", "2.1"])
        self.assertEqual([row[0] for row in self.rows("2", "--min", "f1")[1:]], ["2.1", "2.3", "2.2"])

    def test_without_a_run_or_of_a_job_compares_its_ten_newest(self):
        self.record(*(run(number, job="train" if number % 2 else "score", values={"n": str(number)}) for number in range(1, 32)))
        self.assertEqual([row[0] for row in self.rows()[1:]], [str(number) for number in range(31, 11, -2)])
        self.assertEqual([row[0] for row in self.rows("score")[1:]], [str(number) for number in range(30, 10, -2)])
        self.assertEqual([row[0] for row in self.rows("3", "2")[1:]], ["3", "2"])

    def test_of_one_run_shows_all_of_it(self):
        self.record(run(1, values={"lr": "0.1"}, metrics=measured(loss=0.5)))
        self.assertEqual(self.rows(), [["run", "job", "state", "env", "version", "commit", "lr", "loss"], ["1", "train", "done", "0.1", "0.5"]])

    def test_tells_a_parameter_from_a_metric_of_the_same_name(self):
        self.record(run(1, values={"loss": "mse", "run": "a"}, metrics=measured(loss=0.5)), run(2, values={"loss": "mae", "run": "b"}, metrics=measured(loss=0.25)))
        self.assertEqual(self.rows(), [["run", "loss", "values.run", "metrics.loss"], ["2", "mae", "b", "0.25"], ["1", "mse", "a", "0.5"]])

    def test_refuses_a_metric_that_none_has(self):
        self.record(run(1, metrics=measured(loss=0.5, accuracy=1.0)))
        self.assertEqual(self.refuse("compare", "--max", "los"), two_lines(
            "compare: none of these runs has measured 'los'", "did you mean loss?"))
        self.assertEqual(self.refuse("compare", "--min", "zzz"), two_lines(
            "compare: none of these runs has measured 'zzz'", "measured are: accuracy, loss"))

    def test_is_printed_for_other_programs(self):
        odd = "a|b, \"c\"\nd"
        self.record(run(1, values={"v": odd}, metrics=measured(loss=1 / 3)), run(2, values={"v": "x"}))
        self.assertEqual(list(csv.reader(io.StringIO(self.ask("compare", "--csv")))), [
            ["run", "v", "loss"], ["2", "x", ""], ["1", odd.replace("\n", "\\n"), repr(1 / 3)]])
        self.assertEqual(json.loads(self.ask("compare", "--json")), [
            {"run": "2", "v": "x", "loss": None}, {"run": "1", "v": odd.replace("\n", "\\n"), "loss": 1 / 3}])
        self.assertEqual(self.ask("compare", "--md"), ("| run | v | loss |\n| --- | --- | --- |\n| 2 | x |  |\n"
                                                       "| 1 | a\\|b, \"c\"\\nd | 0.333333 |\n"))

    def test_has_damaged_runs_without_values(self):
        self.record(run(1, values={"v": "1"}), run(2, values={"v": "2"}))
        self.write(".skelebot/runs/3/run.json", "{")
        self.assertEqual([row[0] for row in self.rows("1", "2", "3")[1:]], ["3", "2", "1"])


def terminal(folder, *words, columns=80):
    """What a terminal of that width gets of one call."""
    import fcntl
    import pty
    import struct
    import termios
    handle, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    program = subprocess.Popen([sys.executable, SKELEBOT, *words], cwd=folder, stdin=other, stdout=other, stderr=other,
                               env={**os.environ, "PAGER": ""})
    os.close(other)
    data = b""
    while True:
        try:
            more = os.read(handle, 65536)
        except OSError:         # Linux's way to say that it is closed
            break
        if not more:
            break
        data += more
    program.wait()
    os.close(handle)
    return data.replace(b"\r\n", b"\n").decode()


class Logs(Asked):
    """logs."""
    LOG = b"\r 10%\r 50%\r100%\n\x1b[31mred\x1b[0m\r\nend \xff\x07"

    def setUp(self):
        super().setUp()
        self.record(run(1), run(2, job="score"), run(3, sweep={"points": 1}), run(3, 1))
        self.write(".skelebot/runs/1/log", self.LOG)
        self.write(".skelebot/runs/2/log", b"other\n")

    def piped(self, *words):
        return subprocess.run([sys.executable, SKELEBOT, "logs", *words], cwd=self.top, stdout=subprocess.PIPE).stdout

    def test_are_the_bytes_of_the_file_in_a_pipe(self):
        self.assertEqual(self.piped("1"), self.LOG)
        self.assertEqual(self.piped("score", "1"), b"other\n" + self.LOG)

    @unittest.skipUnless(os.path.exists("/dev/full"), "a device of Linux")
    def test_that_cannot_be_written_are_a_fault(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, SKELEBOT, "logs", "1"], cwd=self.top, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr.decode()), (1, two_lines(
            "the output cannot be written: no space left on device", "free some disk space, or redirect the output")))

    def test_have_the_last_state_of_each_line_on_a_terminal(self):
        self.assertEqual(terminal(self.top, "logs", "1"), "100%\nred\nend \ufffd\\x07\n")

    def test_that_do_not_exist_are_refused(self):
        self.assertEqual(self.refuse("logs", "3"), two_lines(
            ".skelebot/runs/3/log does not exist", "a job that has the terminal has no log; of a sweep its points have one, as 12.1"))


class Waiting(Asked):
    """wait, for a sweep that somebody else runs."""

    def test_tells_each_point_once_and_reads_none_that_goes_on_again(self):
        going = dict(pid=os.getpid(), begun=skelebot.process_begun(os.getpid()), machine=skelebot.machine_name(), state="running", ended=0)
        self.record(run(5, sweep={"points": 2}, **going), run(5, 1), run(5, 2, **going))
        self.write(".skelebot/runs/going/5.2", "")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.top)
        plan = skelebot.Native(skelebot.Call(), project()).plan_watch(Runs().read(5))
        self.assertEqual(self.told(plan), (["5.1"], True))
        self.record(run(5, 2))
        self.assertEqual(self.told(plan, 0), ([], True))
        os.remove(".skelebot/runs/going/5.2")
        self.assertEqual(self.told(plan, 0), (["5.2"], True))
        self.record(run(5, sweep={"points": 2}))
        self.assertEqual(self.told(plan, 0), ([], False))

    def told(self, plan, result=None):
        """The points that a plan tells of, and whether it looks again after a pause."""
        steps = [plan.send(result)]
        while not isinstance(steps[-1], skelebot.Tail):
            steps.append(next(plan))
        return [step.text.split()[0] for step in steps[:-1]], steps[-1].pause > 0


class Folders(Asked):
    """What is there is looked at only."""

    def test_stay_as_they_are(self):
        self.record(run(1), run(2))
        self.write(".skelebot/runs/1/log", "x")
        path = os.path.join(self.top, ".skelebot")
        before = [(folder, names, files) for folder, names, files in os.walk(path)]
        for folder, _, _ in before:
            os.chmod(folder, stat.S_IRUSR | stat.S_IXUSR)
        for words in (("runs",), ("runs", "1"), ("ps",), ("compare",), ("runs", "--json")):
            self.ask(*words)
        for folder, _, _ in before:
            os.chmod(folder, stat.S_IRWXU)
        self.assertEqual([(folder, names, files) for folder, names, files in os.walk(path)], before)


if __name__ == "__main__":
    unittest.main()
