"""The record of native runs, by real processes: numbers, logs, ends, and what becomes of them by force."""
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

import skelebot
from engine import deadline
from program import PATIENT, SKELEBOT
from support import ROOT, folder

JOBS = """name: churn
jobs:
- {name: fail, source: "echo out; echo err >&2; exit 3"}
- {name: made, source: "mkdir -p models .hidden; echo 1 > models/m; echo 1 > .hidden/x", mappings: [models/]}
- {name: sleep, source: "echo begin; sleep 60"}
- {name: told, source: "echo $SKELEBOT_RUN; basename $SKELEBOT_METRICS"}
- {name: big, source: "printf first; head -c 70000000 /dev/zero; printf last"}
- {name: daemon, source: "(sleep 4; echo late) & echo soon"}
- {name: quick, source: "true"}
- {name: full, source: "head -c 3000000 /dev/zero; exit 3"}
- {name: slow, source: "sleep", args: [seconds]}
- {name: talks, source: "trap '' PIPE; echo out; for i in 1 2 3; do sleep 0.3; echo more 2> /dev/null; done; echo last words >&2; exit 5"}
"""


class Natively(unittest.TestCase):
    """A project, and what can be asked of its runs."""

    def setUp(self):
        self.context = folder({"skelebot.yaml": JOBS})
        self.folder = self.context.__enter__()
        self.addCleanup(self.context.__exit__, None, None, None)

    def begin(self, *words, **options):
        environ = {**os.environ, "SKELEBOT_HOME": os.path.join(self.folder, "home"), **options.pop("environ", {})}
        return subprocess.Popen([*options.pop("program", (sys.executable, SKELEBOT)), *words], cwd=self.folder, env=environ,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def skelebot(self, *words, **options):
        """(status, stdout, stderr) of a call."""
        process = self.begin(*words, **options)
        said = [text.decode("utf-8", "replace") for text in process.communicate(timeout=120)]
        return (process.returncode, *said)

    def record(self, number):
        return skelebot.Runs(self.folder).read(number)

    def read(self, number, name):
        with open(os.path.join(self.folder, ".skelebot", "runs", str(number), name), "rb") as file:
            return file.read()

    def go_on(self, number, **changes):
        """Let a run that has ended be one that nobody has seen the end of."""
        record = self.record(number)._replace(**{"state": "running", "status": None, "ended": 0.0, **changes})
        for name, text in ((f"{number}/run.json", record.text), (f"going/{number}", "")):
            with open(os.path.join(self.folder, ".skelebot", "runs", name), "w") as file:
                file.write(text)

    def wait_for(self, number, state):
        for _ in range(600):
            if self.record(number).state == state:
                return self.record(number)
            time.sleep(0.05)
        self.fail(f"run {number} is {self.record(number)}")


@unittest.skipIf(os.name == "nt", "processes of POSIX")
class Recording(Natively):
    """A native run."""

    def test_has_its_streams_in_its_log_and_its_status(self):
        self.assertEqual(self.skelebot("-n", "fail"), (3, "out\n", "err\n"))
        self.assertEqual((self.record(1).state, self.record(1).status), ("failed", 3))
        self.assertEqual(sorted(self.read(1, "log").split()), [b"err", b"out"])

    def test_is_for_its_owner_only_and_not_for_git(self):
        self.skelebot("-n", "quick")
        top = os.path.join(self.folder, ".skelebot", "runs")
        modes = [stat.S_IMODE(os.stat(os.path.join(top, *names)).st_mode) for names in ((), ("1",), ("1", "run.json"), ("1", "log"))]
        self.assertEqual(modes, [0o700, 0o700, 0o600, 0o600])
        subprocess.run(["git", "init", "--quiet", self.folder], check=True)
        told = subprocess.run(["git", "status", "--porcelain", "--untracked-files=all"], cwd=self.folder, stdout=subprocess.PIPE, check=True)
        self.assertNotIn(b"runs", told.stdout)

    def test_knows_what_was_written(self):
        self.skelebot("-n", "made")
        self.assertEqual([path for path, _, _ in self.record(1).outputs if path.startswith("models")], ["models/m"])
        self.assertFalse([path for path, _, _ in self.record(1).outputs if ".hidden" in path])

    def test_is_told_its_number_and_where_its_metrics_go(self):
        self.assertEqual(self.skelebot("-n", "told"), (0, "1\nmetrics.jsonl\n", ""))
        self.assertEqual(self.skelebot("-n", "told", environ={"SKELEBOT_RUNS": "0"})[:2], (1, "\n"))

    def test_runs_of_one_call_have_a_common_mark(self):
        self.skelebot("-n", "quick", "+", "quick")
        self.assertEqual(self.record(1).chain, self.record(2).chain)

    def test_that_begin_at_once_have_a_number_each(self):
        processes = [self.begin("-n", "quick") for _ in range(20)]
        self.assertEqual([process.communicate(timeout=120) and process.returncode for process in processes], [0] * 20)
        self.assertEqual(skelebot.Runs(self.folder).numbers(), list(range(20, 0, -1)))
        self.assertEqual({record.state for record in skelebot.Runs(self.folder).all()}, {"done"})

    def test_begins_beside_one_that_cannot_be_read(self):
        self.skelebot("-n", "quick")
        for name in ("last", "1/run.json"):         # as what root has left
            path = os.path.join(self.folder, ".skelebot", "runs", name)
            os.unlink(path), os.symlink(path, path)
        self.skelebot("-n", "quick")
        self.assertEqual(([(one.name, one.state) for one in skelebot.Runs(self.folder).all()], self.record(1).reason), (
            [("2", "done"), ("1", "damaged")], "its run.json cannot be read: is it another's?"))

    def test_has_no_more_than_64_mib_of_log_and_says_what_is_left_out(self):
        process = self.begin("-n", "big")
        said = process.communicate(timeout=120)[0]
        self.assertEqual((len(said), said[:5], said[-4:]), (70000009, b"first", b"last"))
        log = self.read(1, "log")
        self.assertLess(len(log), 2 ** 26 + 100)
        self.assertEqual((log[:5], log[-4:]), (b"first", b"last"))
        self.assertRegex(log, rb"\n\[skelebot: +\d+ bytes are left out here\]\n")

    def test_says_its_last_words_though_nobody_reads_its_output(self):
        process = self.begin("-n", "talks")
        self.assertEqual(process.stdout.readline(), b"out\n")
        process.stdout.close()
        self.assertEqual((process.stderr.read(), process.wait(60)), (b"last words\n", 5))
        process.stderr.close()

    @unittest.skipUnless(os.path.exists("/dev/full"), "a device of Linux")
    def test_names_why_its_output_cannot_be_written(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, SKELEBOT, "-n", "fail"], cwd=self.folder, stdout=full,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        self.assertIn(b"skelebot: the output cannot be written: no space left on device\n", done.stderr)
        self.assertIn(b"err\n", done.stderr)

    def test_is_over_when_the_job_is_though_it_has_left_something_running(self):
        process = self.begin("-n", "daemon")
        self.assertEqual(process.stdout.readline(), b"soon\n")
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(self.record(1).state, "done")
        self.assertEqual(process.communicate(timeout=30)[0], b"late\n")
        self.assertEqual(self.read(1, "log"), b"soon\nlate\n")

    def test_is_stopped_by_a_signal(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.begin("-n", "sleep", start_new_session=True)
            process.stdout.readline()
            process.send_signal(number)
            process.communicate(timeout=60)
            record = next(skelebot.Runs(self.folder).all())
            self.assertEqual((process.returncode, record.state, record.status), (status, "stopped", status))

    def test_goes_on_though_skelebot_was_killed_and_is_then_lost(self):
        process = self.begin("-n", "sleep", start_new_session=True)
        process.stdout.readline()
        process.kill()
        process.wait(60)
        self.assertEqual(self.record(1).state, "running")
        self.assertEqual(self.skelebot("stop", "1")[::2], (0, "skelebot: run 1 was stopped\n"))
        process.communicate(timeout=20)         # what the job had started has ended as well
        self.assertEqual(self.record(1).state, "stopped")
        self.assertEqual(self.read(1, "log"), b"begin\n")

    def test_of_a_machine_that_went_down_is_lost(self):
        self.skelebot("-n", "quick")
        self.go_on(1, pid=2 ** 22 - 1, begun="1")
        os.unlink(os.path.join(self.folder, ".skelebot/runs/1/pid"))
        status, _, errors = self.skelebot("wait", "1")
        self.assertEqual((status, errors), (1, "skelebot: run 1 is lost: skelebot was ended by force, and nobody has seen "
                                               "how it ended\n"))
        self.assertEqual(self.record(1).state, "lost")

    def test_with_detach_goes_on_by_itself_and_is_taken_up(self):
        status, output, errors = self.skelebot("-n", "--detach", "sleep")
        self.assertEqual((status, output), (0, ""))
        self.assertIn("sleep is run 1, and goes on", errors)
        self.wait_for(1, "running")
        self.assertEqual(self.skelebot("stop")[0], 0)
        self.assertEqual(self.wait_for(1, "stopped").status, 143)
        self.assertEqual(self.skelebot("wait", "1")[1], "begin\n")

    def test_with_detach_and_no_record_says_that_it_cannot_go_on_by_itself(self):
        self.assertEqual(self.skelebot("-n", "--detach", "fail", environ={"SKELEBOT_RUNS": "0"}), (
            3, "out\n", "skelebot: fail is not recorded, so it cannot go on by itself, and runs to its end\nerr\n"))

    def test_with_detach_that_fails_at_once_says_why(self):
        status, output, errors = self.skelebot("-n", "--detach", "fail", program=PATIENT)
        self.assertEqual((status, output), (3, ""))
        self.assertIn("skelebot: fail ended with 3 as soon as it had started\n", errors)
        self.assertIn("skelebot: out\n", errors)

    def test_is_no_reason_to_stop_where_it_cannot_be_written(self):
        with open(os.path.join(self.folder, ".skelebot"), "w"):
            pass
        self.assertEqual(self.skelebot("-n", "fail"), (3, "out\n", "err\n"))

    def test_follows_no_link_out_of_the_project(self):
        with folder({}) as other:
            os.symlink(other, os.path.join(self.folder, ".skelebot"))
            self.assertEqual(self.skelebot("-n", "fail"), (3, "out\n", "err\n"))
            self.assertEqual(os.listdir(other), [])

    def test_writes_through_no_link_that_lies_in_the_way(self):
        with folder({"mine": "mine"}) as other:
            for target, name in ((".", "going"), ("new", "mark"), ("new", "going/1")):
                with self.subTest(name=name):
                    path = os.path.join(self.folder, ".skelebot", "runs", name)
                    os.makedirs(os.path.dirname(path))
                    os.symlink(os.path.join(other, target), path)
                    self.assertEqual(self.skelebot("-n", "fail"), (3, "out\n", "err\n"))
                    self.assertEqual(os.listdir(other), ["mine"])
                    shutil.rmtree(os.path.join(self.folder, ".skelebot"))

    def test_has_a_number_whatever_its_neighbours_are(self):
        for last, folders, number in (("9" * 400, (), 1), ("x", (7,), 8), ("999999999", (999999999,), 1), ("-1", (), 1)):
            with self.subTest(last=last):
                top = os.path.join(self.folder, ".skelebot", "runs")
                for name in ("going", *map(str, folders)):
                    os.makedirs(os.path.join(top, name))
                with open(os.path.join(top, "last"), "w") as file:
                    file.write(last)
                self.skelebot("-n", "quick")
                self.assertEqual(self.record(number).state, "done")
                shutil.rmtree(top)

    def test_has_a_full_disk_without_a_word(self):
        code = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
                "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); sys.path.insert(0, sys.argv[1]); "
                "import skelebot; sys.exit(skelebot.main(['-n', 'fail']))")
        done = subprocess.run([sys.executable, "-c", code, ROOT], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, b"out\n", b"err\n"))
        self.assertEqual(list(skelebot.Runs(self.folder).all()), [])

    @unittest.skipIf(os.getuid(), "only root can mount a small disk")
    def test_has_its_end_though_its_log_has_filled_the_disk(self):
        code = ('mount -t tmpfs -o size=1m none "$0"; cp skelebot.yaml "$0"; cd "$0"; "$@" -n full | wc -c; "$@" -n quick; '
                '"$@" runs | tail -n +2')
        argv = ["unshare", "-m", "sh", "-c", code, os.path.join(self.folder, "small"), sys.executable, os.path.join(ROOT, "skelebot.py")]
        os.mkdir(argv[5])
        done = subprocess.run(argv, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        size, row = done.stdout.decode().splitlines()
        self.assertEqual((size, row.split()[0], row.split()[4]), ("3000000", "1", "failed"))

    def test_of_a_sweep_is_followed_point_by_point(self):
        sweep = self.begin("-n", "sweep", "slow", "--each", "seconds", "0", "4", "-j", "2")
        while len(skelebot.Runs(self.folder).points(1)) < 2:
            time.sleep(0.01)
        status, output, errors = self.skelebot("wait")
        self.assertEqual((status, output, errors), (0, sweep.communicate(timeout=60)[0].decode(), ""))
        self.assertEqual([line.split()[:2] for line in output.splitlines()], [
            ["1.1", "seconds=0"], ["1.2", "seconds=4"], ["run", "seconds"], ["1.1", "0"], ["1.2", "4"]])
        self.assertEqual(self.skelebot("sweep", "--failed", "1"), (0, "", "skelebot: all points of run 1 are done\n"))
        self.assertEqual(self.skelebot("fetch", "1.1"), (0, "", "skelebot: nothing is known that run 1.1 wrote\n"))

    def test_is_as_its_git_has_it(self):
        git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@localhost", "-C", self.folder]
        for words in (["init", "--quiet"], ["add", "skelebot.yaml"], ["commit", "--quiet", "-m", "first"]):
            subprocess.run([*git, *words], check=True)
        with open(os.path.join(self.folder, "skelebot.yaml"), "a") as file:
            file.write("# changed\n")
        self.skelebot("-n", "told")
        for _ in deadline():            # nobody has waited for what git says
            if os.path.exists(os.path.join(self.folder, ".skelebot/runs/1/diff.patch")) and b"+# changed" in self.read(1, "diff.patch"):
                break
        record = skelebot.Runs(self.folder).with_commit(self.record(1))
        commit = subprocess.run([*git, "rev-parse", "HEAD"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        self.assertEqual((record.commit, record.clean), (commit, False))


@unittest.skipIf(os.name == "nt", "processes of POSIX")
class OfSomebodyElse(Natively):
    """A run that came with a project, as from git."""

    def bring(self, **changes):
        """Run 1 as it would come; each of its times is another one then."""
        self.skelebot("-n", "quick")
        self.go_on(1, **changes)
        os.rename(os.path.join(self.folder, ".skelebot"), os.path.join(self.folder, "sent"))
        shutil.copytree(os.path.join(self.folder, "sent"), os.path.join(self.folder, ".skelebot"))

    def test_ends_no_process(self):
        with subprocess.Popen(["sleep", "60"]) as other:
            self.bring(pid=other.pid, begun="")
            with open(os.path.join(self.folder, ".skelebot", "runs", "1", "pid"), "w") as file:
                file.write(f"{other.pid} -")
            self.assertEqual(self.skelebot("stop", "1"), (0, "", "skelebot: there is nothing to stop: run 1 is unknown\n"))
            self.assertIsNone(other.poll())
            other.kill()

    def test_asks_no_host(self):
        self.bring(state="done", runner="engine", host="ssh://nobody.invalid", endpoint="ssh://nobody.invalid", container="x", detached=True)
        path = os.path.join(self.folder, ".skelebot", "runs", "1", "run.json")
        for state in ("done", "running"):
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(text.replace('"state": "done"', f'"state": "{state}"'))
            for words in (("runs",), ("wait", "1"), ("logs", "1"), ("stop", "1"), ("compare",), ("ps",), ("-n", "quick")):
                self.assertNotIn("nobody.invalid", "".join(self.skelebot("--verbose", *words)[1:]))

    def test_is_compared_though_its_best_is_no_name(self):
        self.bring(state="done", sweep={"best": {"max": ["x"]}})
        self.assertEqual(self.skelebot("compare", "1")[0], 0)

    def test_prints_no_control_characters_at_a_terminal(self):
        self.bring(state="done", status=0)
        with open(os.path.join(self.folder, ".skelebot", "runs", "1", "log"), "w") as file:
            file.write("a\033]0;title\007\033[31mb\033cc\n")
        for words in (("wait", "1"), ("logs", "1")):
            end, inner = os.openpty()
            argv = [sys.executable, SKELEBOT, *words]
            done = subprocess.run(argv, cwd=self.folder, stdout=inner, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=60)
            os.close(inner)
            shown = b""
            for _ in deadline():
                shown += os.read(end, 100)
                if b"\n" in shown:
                    break
            self.assertEqual((shown, done.stderr, done.returncode), (b"ab\\x1bcc\r\n", b"", 0))
            os.close(end)

    def test_has_no_pipe_as_its_log(self):
        self.bring()
        path = os.path.join(self.folder, ".skelebot", "runs", "1", "log")
        os.path.exists(path) and os.unlink(path)
        os.mkfifo(path)
        for words in (("wait", "1"), ("logs", "1")):
            status, output, errors = self.skelebot(*words)
            self.assertEqual((status, output), (1, ""))
            self.assertIn("is a pipe, no file", errors)


class WithoutRecord(unittest.TestCase):
    def test_is_a_run_whose_project_or_caller_wants_none(self):
        for text, environ in ((JOBS + "runs: false\n", {}), (JOBS, {"SKELEBOT_RUNS": "0"})):
            with folder({"skelebot.yaml": text}) as path:
                subprocess.run([sys.executable, SKELEBOT, "-n", "quick"], cwd=path, check=True,
                               env={**os.environ, **environ}, timeout=60)
                self.assertFalse(os.path.exists(os.path.join(path, ".skelebot")))

    def test_is_a_dry_run(self):
        with folder({"skelebot.yaml": JOBS}) as path:
            subprocess.run([sys.executable, SKELEBOT, "-n", "--dry-run", "quick"], cwd=path, check=True,
                           stdout=subprocess.DEVNULL, timeout=60)
            self.assertFalse(os.path.exists(os.path.join(path, ".skelebot")))


if __name__ == "__main__":
    unittest.main()
