"""Running jobs: what a job is given, what it gives back, and that nothing is left behind."""
import contextlib
import glob
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from engine import SKELEBOT, TIMEOUT, Running, Tests, call, deadline, environment, on, shell_status, tree, write
from program import copy_for
from support import skelebot

# What a person may type. A word that starts with a dash is typed as --name=VALUE or after --.
PLAIN = ["two words", " ", "it's", 'say "so"', "$HOME", "${HOME}", "$(id)", "`id`", "a;b", "a&b|c>d", "*", "?", "[a-z]",
         "{a,b}", "~", "#x", "!!", "a\nb", "\n", "tab\there", "", "-", "+x", "Zürich €😀", "%s%n", "\\", "\\n", "a\\", "=",
         "name=value", "@file", "~+~", "x" * 100000]
DASHED = ["-x", "--", "---", "--zzz", "-e", "-g", "--gui", "--args", "--version", "--help", "--file=x", "--encoding=latin1"]

ECHO = {
    "echo.py": "import os, sys\nsys.stdout.buffer.write(b''.join(os.fsencode(word) + b'\\0' for word in sys.argv[1:]))\n",
    "echo.sh": "printf '%s\\0' \"$@\"\n",
    "echo.R": "out <- pipe('cat', 'wb')\n"
              "for (word in commandArgs(TRUE)) writeBin(c(charToRaw(word), as.raw(0)), out)\nclose(out)\n",
}
SOURCES = {"python": "echo.py", "bash": "echo.sh", "r": "echo.R", "shell": "printf '%s\\0'", "at": "printf '%s\\0' \"$@\""}
FEW = {name: SOURCES[name] for name in ("python", "shell")}     # the others differ in ways that no engine is part of


def arrived(done):
    """The words that an echo job was given."""
    return [word.decode("utf-8", "surrogateescape") for word in done.stdout.split(b"\0")[:-1]]


OTHERS = "podman" in os.environ.get("SKELEBOT_TEST_ENGINES", "")
PORT = 24000 + (os.getpid() % 1000 * 2 + OTHERS) * 4    # with the next three; another process tests other engines meanwhile


# ---- Words ------------------------------------------------------------------

class Words(Tests):
    """Every hostile word, in every place where one can be typed, in every kind of script."""
    files = ECHO
    options = ("--skip-build",)
    sources = SOURCES
    params = [*({"name": f"p{i}"} for i in range(len(PLAIN + DASHED))), {"name": "many", "alt": "m", "accepts": "list"}]
    config = {
        "environment": {"GREETING": "hello  *"},
        "params": params,
        "jobs": [job for name, source in SOURCES.items() for job in (
            {"name": name, "source": source, "args": [f"arg{i}" for i in range(len(PLAIN))]},
            {"name": name + "-default", "source": source, "args": ["arg"],
             "params": [{"name": "greeting", "default": "<$GREETING>"}]})],
    }

    def words(self, *words):
        return arrived(self.skelebot(*self.options, *words))

    def test_arrive_as_arguments_parameters_items_of_a_list_and_extra_words(self):
        values = list(enumerate(PLAIN + DASHED))
        typed = [*PLAIN, *(f"--p{i}={value}" for i, value in values),
                 "-m", *PLAIN, *(f"--many={value}" for value in DASHED), "--", *PLAIN, *DASHED]
        wanted = [*PLAIN, *(word for i, value in values for word in (f"--p{i}", value)),
                  "--many", *PLAIN, *DASHED, *PLAIN, *DASHED]
        for name in self.sources:
            with self.subTest(source=SOURCES[name]):
                self.assertEqual(self.words(name, *typed), wanted)

    def test_stay_as_they_are_beside_a_default_that_names_a_variable(self):
        for name in self.sources:
            with self.subTest(source=SOURCES[name]):
                self.assertEqual(self.words(name + "-default", "$(id) '\"", "--p0", "$GREETING", "--", *PLAIN, *DASHED),
                                 ["$(id) '\"", "--greeting", "<hello  *>", "--p0", "$GREETING", *PLAIN, *DASHED])

    def test_a_dash_may_begin_an_argument_after_two_dashes(self):
        self.assertEqual(self.words("at-default", "--", "-x", "extra"), ["-x", "--greeting", "<hello  *>", "extra"])


on("BuildKit")(Words)


@on("new-cli", "podman")
class FewerWords(Words):
    """The same, by other command lines of an engine."""
    sources = FEW


class WordsNatively(Words):
    """The same, without an engine."""
    options = ("--native",)
    build = False


on("BuildKit")(WordsNatively)


# ---- What comes back --------------------------------------------------------

class Returning(Tests):
    """A job's exit status and output are skelebot's."""
    options = ("-s",)
    statuses = 0, 3, 137
    files = {"say.py": "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1024)\nsys.stderr.write('aside')\n"}
    config = {"jobs": [
        {"name": "exit", "source": "exit $1", "args": ["status"]},
        {"name": "say", "source": "say.py"},
        {"name": "cat", "source": "cat"},
        {"name": "killed", "source": "kill -KILL $$"},
        {"name": "tty", "source": "test -t 0 && test -t 1 && echo terminal || echo none", "mode": "it"},
        {"name": "out", "source": "echo $1 | tee out/$1", "args": ["word"], "mappings": ["out/"]},
    ]}

    def test_exit_status_is_the_jobs(self):
        for status in self.statuses:
            with self.subTest(status=status):
                self.skelebot(*self.options, "exit", str(status), status=status)

    def test_exit_status_of_a_killed_job_is_128_and_its_signal(self):
        self.skelebot(*self.options, "killed", status=137)

    def test_stdout_is_the_jobs_bytes_and_nothing_else(self):
        done = self.skelebot(*self.options[1:], "say")     # with a build before it
        self.assertEqual(done.stdout, bytes(range(256)) * 1024)
        self.assertIn("aside", done.stderr)

    def test_stdin_is_the_callers(self):
        self.assertEqual(self.skelebot(*self.options, "cat", stdin=bytes(range(256)) * 512).stdout, bytes(range(256)) * 512)

    def test_mode_it_works_without_a_terminal(self):
        self.assertEqual(self.skelebot(*self.options, "tty").stdout, b"none\n")

    def test_mode_it_gives_the_job_the_terminal(self):
        running = self.start(*self.options, "tty", terminal=True)
        self.assertEqual((running.ends(), running.said.strip()), (0, b"terminal"))

    def test_a_chain_ends_with_the_first_job_that_fails(self):
        done = self.skelebot(*self.options, "out", "1", "+", "exit", "3", "+", "out", "2", status=3)
        self.assertEqual(done.stdout, b"1\n")

    def test_two_runs_of_one_job_go_side_by_side(self):
        both = [self.start(*self.options, "out", word) for word in ("left", "right")]
        self.assertEqual([running.ends() for running in both], [0, 0])
        made = tree(os.path.join(self.folder, "out"))
        self.assertEqual((made["left"], made["right"]), (b"left\n", b"right\n"))


on("BuildKit", "new-cli", "podman", "remote")(Returning)


class ReturningNatively(Returning):
    """The same, without an engine."""
    options = ("-n", "-n")
    statuses = 0, 1, 3, 77, 137
    build = False


on("BuildKit")(ReturningNatively)


# ---- Why a job has failed ---------------------------------------------------

SCRIPTS = {
    "src/train.py": "import os, cv2\nfrom lib import load\n", "src/lib/__init__.py": "",
    "src/lib/load.py": "import sklearn.tree as tree, numbers\nfrom typing import TYPE_CHECKING\n"
                       "if TYPE_CHECKING:\n    import pandas_stubs\ntry:\n    import ujson\nexcept ImportError:\n    import json\n"
                       "def late():\n    import torch_like.nn\n",
    "whole.py": "import json, src.lib\nraise SystemExit(1)\n", "fails.sh": "exit 3\n",
    "windows.sh": "set -e\r\ncd src\r\nexit 3\r\n", "calls.sh": "set -e\n. ./windows.sh\n", "run": "#!/bin/sh\r\necho x\r\n",
    "windows.py": "import sys\r\nsys.exit(3)\r\n"}


class Failing(Tests):
    """What a job that fails cannot say itself is said in a line of skelebot's."""
    options = ("-s",)
    files = SCRIPTS
    lacks = ("src/train.py imports cv2, sklearn and torch_like, which its image lacks: leave -s out, or add "
             "opencv-python-headless, scikit-learn and torch_like to dependencies")
    config = {"jobs": [
        *({"name": name, "source": source} for name, source in {
            "own": "exit $1", "killed": "kill -KILL $$", "crash": "kill -SEGV $$", "lacking": "no-such-program",
            "imports": "src/train.py", "whole": "whole.py", "fails": "fails.sh", "windows": "windows.sh", "calls": "calls.sh",
            "run": "chmod +x run && ./run", "limited": "exit 125", "wpython": "windows.py"}.items()),
        {"name": "sleep", "source": "echo begun; exec sleep 60"},
        {"name": "greedy", "source": "echo begun; until test -e /tmp/go; do sleep 0.1; done; python3 -c 'bytearray(10 ** 9)'", "native": "never"}]}

    def notes(self, *words, status):
        """skelebot's own lines about a job that fails."""
        done = self.skelebot(*self.options, *words, status=status)
        return re.findall(r"(?m)^skelebot: (.*)$", done.stderr)

    def test_is_silent_where_the_job_can_speak(self):
        self.assertEqual(self.notes("fails", status=3) + self.notes("whole", status=1) + self.notes("wpython", status=3), [])

    def test_explains_the_status_of_a_signal_or_of_a_command_that_is_not_there(self):
        for name, status, words in (("killed", 137, "KILL"), ("crash", 139, "SEGV"), ("lacking", 127, "does not exist"),
                                    ("limited", 125, "says why above")):
            note, = self.notes(name, status=status)
            self.assertRegex(note, f"^{name} ended with {status}: .*{words}")

    def test_names_the_modules_that_python_lacks(self):
        note, = self.notes("imports", status=1)
        self.assertRegex(note, f"^{self.lacks}$")

    def test_names_a_script_with_the_line_ends_of_windows(self):
        for name, script, status in (("windows", "windows.sh", None), ("calls", "windows.sh", None), ("run", "run", None)):
            done = self.call(*self.options, name)
            self.assertNotEqual(done.status, 0, done)
            self.assertIn(f"skelebot: {script} has the line ends of Windows", done.stderr)


class FailingNatively(Failing):
    """The same, without an engine."""
    options = ("-n",)
    build = False
    lacks = ("src/train.py imports cv2, sklearn and torch_like, which your \\S+/python3 lacks: -n uses that one; "
             "install opencv-python-headless, scikit-learn and torch_like there, or leave -n out")

    def test_says_which_disk_is_full(self):
        """One of 2 MB, which only this call sees."""
        fill = ('mkdir -p small && mount -t tmpfs -o size=2m none small && cp -R "$1"/* small && cd small && shift && '
                'cat /dev/zero > big; exec "$@"')
        done = call(["unshare", "--mount", "sh", "-c", fill, "sh", self.folder, *self.argv(*self.options, "fails")], self.top,
                    **self.engine.environ)
        self.assertEqual(done.status, 3, done)
        self.assertIn("skelebot: the disk of . is full\n", done.stderr)


on("BuildKit")(FailingNatively)


class FailingForMemory(Failing):
    """Failing in a container whose memory is taken from it."""

    def acted(self, job, *argvs, **environ):
        """How a job ended for whose container the engine was called with words."""
        running = self.start(*self.options, job, **environ).says("begun")
        name, = self.containers()
        for argv in argvs:
            self.engine.ask(*(word.replace("NAME", name) for word in argv))
        return running.ends(), running.said.decode()

    def test_says_that_its_memory_ran_out(self):
        ended, said = self.acted("greedy", ("update", "--memory", "30m", "--memory-swap", "30m", "NAME"), ("exec", "NAME", "touch", "/tmp/go"))
        self.assertEqual(ended, 137, said)
        self.assertIn("greedy ended with 137: its memory ran out", said)


class FailingInContainers(FailingForMemory):
    """Failing where others have a hand in it."""

    test_says_which_disk_is_full = FailingNatively.test_says_which_disk_is_full

    def test_says_that_somebody_has_ended_it(self):
        for argv, status, number in ((("kill", "NAME"), 137, "9"), (("stop", "NAME"), 143, "15"),
                                     (("kill", "--signal", "HUP", "NAME"), 129, "1")):
            ended, said = self.acted("sleep", argv)
            self.assertEqual(ended, status, said)
            self.assertIn(f"sleep ended with {status}: somebody ended its container with signal {number}", said)

    def test_names_what_goes_on_when_the_connection_breaks(self):
        for stays, words in ((True, "the connection broke, and the job goes on: "), (False, "; if its container still runs, ")):
            proxy = Proxy("/var/run/docker.sock")
            running = self.start(*self.options if stays else (), "-d", proxy.url, "sleep").says("begun")
            name, = self.containers()
            proxy.cut(stays)
            running.ends()
            said = running.said.decode()
            self.assertIn(words, said)
            self.assertIn(f"docker --host {proxy.url} stop {name}", said)
            proxy.close()
            self.engine.ask("rm", "--force", name)


on("BuildKit")(FailingInContainers)
on("podman")(FailingForMemory)


class Proxy:
    """A port of this machine that leads to a socket, until it is cut."""

    def __init__(self, path, port=0):
        self.path, self.ends = path, []
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        self.url = "tcp://127.0.0.1:%d" % self.port
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                here, _ = self.server.accept()
            except OSError:
                return
            there = self.there()
            self.ends += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    def there(self):
        there = socket.socket(socket.AF_UNIX)
        there.connect(self.path)
        return there

    def copy(self, source, target):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    return target.shutdown(socket.SHUT_WR)
                target.sendall(data)
        except OSError:
            pass

    def cut(self, stays):
        """Break what is connected, and, unless it stays, take no more."""
        if not stays:
            self.server.shutdown(socket.SHUT_RDWR)
            self.server.close()
        for one in tuple(self.ends):            # and not those that come while we cut
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        for one in (self.server, *self.ends):
            one.close()


class Ports(Tests):
    """Ports of this machine that are in use."""
    port = PORT
    config = {"ports": [f"{port}:80"], "jobs": [
        {"name": "sleep", "source": "echo begun; exec sleep 60"}, {"name": "greet", "source": "echo hello"},
        {"name": "own", "source": "echo hello", "ports": [f"127.0.0.1:{port + 1}:80/tcp"]}]}

    def test_of_the_project_are_those_of_its_first_job(self):
        running = self.start("-s", "sleep").says("begun")
        name, = self.containers()
        done = self.skelebot("-s", "greet")
        self.assertEqual((done.stdout, done.stderr), (
            b"hello\n", f"skelebot: port {self.port} belongs to {name}, which is running: greet starts without it\n"))
        running.signal(signal.SIGTERM).ends()

    def test_that_another_program_has_are_named_with_their_key_and_the_next_free_one(self):
        for job, number, key, instead in (("greet", self.port, "ports", f"{self.port + 1}:80"),
                                          ("own", self.port + 1, "jobs[2].ports", f"127.0.0.1:{self.port + 2}:80/tcp")):
            with socket.create_server(("127.0.0.1", number)):
                done = self.skelebot("-s", job, status=1)
            self.assertIn(f"skelebot: skelebot.yaml:1: {key}: port {number} is in use\n"
                          f"  hint: stop what listens there, or take {instead}\n", done.stderr)


on("BuildKit", "podman")(Ports)


# ---- In the background ------------------------------------------------------

class Background(Tests):
    """A job that somebody has sent to the background of a terminal, or that has no stdin at all."""
    options = ("-s",)
    config = {"jobs": [{"name": "count", "source": "wc -c; test -t 0 && echo terminal", "mode": "it"},
                       {"name": "sleep", "source": "sleep 60"}]}

    def shell(self, line):
        """What an interactive shell shows for a line of it; SKELEBOT stands for the call."""
        shell = Running(["bash", "--norc", "-i"], self.folder, True, **self.engine.environ, PS1="$ ")
        self.addCleanup(shell.stop)
        called = " ".join(map(shlex.quote, [sys.executable, SKELEBOT, *self.options]))
        shell.type(line.replace("SKELEBOT", called).encode() + b"; echo the $((1 + 1))nd\n")
        shell.says("the 2nd")
        return re.sub(r"\r|\x1b\[\?2004.", "", shell.said.decode())

    def test_ends_by_itself(self):
        for line in ("SKELEBOT count & wait; jobs", "(SKELEBOT count &) | cat", "setsid -w SKELEBOT count",
                     "SKELEBOT count <&-", "nohup SKELEBOT count & wait; cat nohup.out; rm nohup.out"):
            with self.subTest(line=line):
                said = self.shell(line)
                self.assertRegex(said, r"(?m)^0$")
                self.assertNotRegex(said, r"(?m)Stopped|^terminal")

    def test_is_ended_by_kill(self):
        said = self.shell("SKELEBOT sleep & sleep 2; kill %1; wait %1; echo status $?")
        self.assertRegex(said, r"(?m)^status 143$")


on("BuildKit", "podman")(Background)


class BackgroundNatively(Background):
    """The same, without an engine."""
    options = ("-n",)
    build = False


on("BuildKit")(BackgroundNatively)


# ---- Being stopped ----------------------------------------------------------

SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


CTRL_C = {"Ctrl-C": 130}


def stopped(running):
    """way -> exit status, for runs that are stopped by a signal or by what is typed; all of them at once."""
    for way, one in running.items():
        one.type(b"\x03") if way in CTRL_C else one.signal(getattr(signal, way))
    return {way: one.ends() for way, one in running.items()}


@on("BuildKit", "new-cli", "podman", "remote")
class StoppingJobs(Tests):
    """However skelebot is stopped, the job ends and nothing stays; tearDown looks for containers."""
    files = {"sleep.py": "import time\nprint('asleep')\ntime.sleep(300)\n"}
    config = {"jobs": [
        {"name": "sleep", "source": "sleep.py"},
        {"name": "mapped", "source": "sleep.py", "mappings": ["out/"]},
        {"name": "stubborn", "source": "trap '' TERM INT HUP; echo asleep; while :; do sleep 1; done"},
    ]}

    def running(self, job, said, ways):
        """way -> a run of the job that has come to say something."""
        running = {way: self.start("-V", "-s", job, terminal=way in CTRL_C) for way in ways}
        return {way: one.says(said) for way, one in running.items()}

    def test_leaves_nothing(self):
        for job in ("mapped", "stubborn"):
            with self.subTest(job=job):
                ways = {**SIGNALS, **CTRL_C}
                self.assertEqual(stopped(self.running(job, "asleep", ways)), ways)

    def test_leaves_nothing_of_one_that_is_just_being_started(self):
        for pause in (0, 0.2):
            running = self.running("sleep", "+ ", SIGNALS)
            time.sleep(pause)
            self.assertEqual(stopped(running), SIGNALS)
            self.assertEqual(self.containers_left(), [], f"{pause} seconds after the start")

    def test_leaves_nothing_when_the_terminal_is_closed(self):
        running = self.start("-s", "sleep", terminal=True).says("asleep")
        os.close(running.end)
        running.end = os.open(os.devnull, os.O_RDONLY)
        self.assertEqual(shell_status(running.process.wait(60)), 129)


@on("legacy", "BuildKit", "podman", "remote")
class NoReader(Tests):
    """A job whose output nobody reads any more."""
    config = {"jobs": [{"name": "yes", "source": "yes"}, {"name": "slow", "source": "echo a; sleep 1; echo b; sleep 300"},
                       {"name": "back", "source": "yes", "mappings": ["out/"]}, {"name": "fail", "source": "echo a; exit 3"}]}

    def read_a_line(self, *jobs):
        """job -> its exit status, after the first line was read and the pipe closed; all of them at once."""
        running = {job: subprocess.Popen(self.argv("-s", job), cwd=self.folder, env=environment(**self.engine.environ),
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for job in jobs}
        for process in running.values():
            self.addCleanup(process.kill)
            process.stdout.readline()
            process.stdout.close()
        return {job: shell_status(process.wait(60)) for job, process in running.items()}

    def test_is_ended_or_has_its_own_status_if_it_ended_by_itself(self):
        self.assertEqual(self.read_a_line("yes", "slow", "back", "fail"), {"yes": 141, "slow": 141, "back": 141, "fail": 3})
        self.assertEqual(self.containers_left(), [])


FAMILIES = {        # what a job starts -> the seconds that it may take to end
    "exec sleep $1": 9,
    "sleep $1; echo done": 9,
    "sleep $1 & wait; :": 9,
    "(sleep $1 &); sleep $1; :": 9,
    "setsid sleep $1 & wait; :": 9,
    "(setsid nohup sleep $1 >&2 &); sleep $1; :": 9,
    "kill -STOP $$; sleep $1; :": 9,
    "trap '' TERM INT HUP QUIT; sleep $1; sleep $1; :": 14,
}
SINGLY = {"SIGTERM": 143, "SIGHUP": 129, "SIGINT": 130, "SIGQUIT": 131}
TOGETHER = {"group SIGTERM": 143, "group SIGINT": 130}
AT_A_TERMINAL = {**{way: SINGLY[way] for way in SINGLY if way != "SIGINT"}, **TOGETHER, **CTRL_C}


@on("BuildKit")
class StoppingNatively(Tests):
    """However skelebot is stopped, a native job ends with all that it has started."""
    build = False

    def stop(self, way, running):
        if way in CTRL_C:
            running.type(b"\x03")
        elif way in TOGETHER:
            os.killpg(running.process.pid, getattr(signal, way.split()[1]))
        else:
            running.signal(getattr(signal, way))

    def sleeping(self, source, ways, terminal):
        """way -> (a run of a job, the mark of all that it has started)."""
        marks = {way: str(300 + int.from_bytes(os.urandom(4), "big") / 2 ** 32) for way in ways}
        self.write_project(self.folder, jobs=[{"name": "sleep", "source": "echo asleep; " + source, "args": ["mark"]}])
        running = {way: self.start("-n", "sleep", mark, terminal=terminal) for way, mark in marks.items()}
        found = {way: (one.says("asleep"), marks[way]) for way, one in running.items()}
        for _ in deadline():            # until it has started its own, or has stopped itself before that
            if all(processes("sleep", mark) or "STOP" in source for mark in marks.values()):
                break
        time.sleep(0.3)
        return found

    def test_leaves_nothing(self):
        for source, seconds in FAMILIES.items():
            for terminal, ways in ((False, {**SINGLY, **TOGETHER}), (True, AT_A_TERMINAL)):
                with self.subTest(source=source, terminal=terminal):
                    running = self.sleeping(source, ways, terminal)
                    for way, (one, _) in running.items():
                        self.stop(way, one)
                    for _ in deadline(seconds + 15):
                        if all(one.process.poll() is not None for one, _ in running.values()):
                            break
                    self.assertEqual({way: shell_status(one.process.wait()) for way, (one, _) in running.items()}, ways)
                    self.assertEqual([way for way, (_, mark) in running.items() if processes("sleep", mark)], [])

    def test_lets_it_end_by_itself_first(self):
        for way, (one, _) in self.sleeping("trap 'sleep 1; echo cleaned; exit' TERM INT HUP QUIT; sleep $1 & wait; :",
                                           SINGLY, False).items():
            with self.subTest(way):
                self.stop(way, one)
                one.says("cleaned")
                self.assertEqual(one.ends(), SINGLY[way])

    def test_leaves_it_to_the_job_to_end_its_own_first(self):
        (one, mark), = self.sleeping("trap 'kill -0 $! && echo there; exit' TERM; sleep $1 & wait; :", ["SIGTERM"], False).values()
        one.signal(signal.SIGTERM).says("there")
        self.assertEqual((one.ends(), processes("sleep", mark)), (143, []))

    def test_ends_what_a_shell_waits_for_before_it_heeds_a_signal(self):
        (one, mark), = self.sleeping("trap 'echo heeded; exit' TERM; sleep $1; :", ["SIGTERM"], False).values()
        one.signal(signal.SIGTERM).says("heeded")
        self.assertEqual((one.ends(), processes("sleep", mark)), (143, []))

    def test_leaves_nothing_when_only_skelebot_is_interrupted_at_a_terminal(self):
        (one, mark), = self.sleeping("sleep $1; :", ["SIGINT"], True).values()
        one.signal(signal.SIGINT)
        self.assertEqual((one.ends(), processes("sleep", mark)), (130, []))

    def test_is_hurried_by_a_second_ctrl_c(self):
        one, mark = self.sleeping("trap '' TERM INT; sleep $1; :", ["Ctrl-C"], True)["Ctrl-C"]
        one.type(b"\x03").says("^C")
        time.sleep(1)
        one.type(b"\x03")
        for _ in deadline(7):
            if one.process.poll() is not None:
                break
        self.assertEqual((one.process.poll(), processes("sleep", mark)), (130, []))

    def test_leaves_what_a_job_left_that_ended_by_itself(self):
        mark = str(300 + int.from_bytes(os.urandom(4), "big") / 2 ** 32)
        self.write_project(self.folder, jobs=[{"name": "serve", "source": f"sleep {mark} >/dev/null 2>&1 & :"}])
        self.skelebot("-n", "serve")
        left = next(left for _ in deadline() for left in [processes("sleep", mark)] if left)     # a fork may have yet to become sleep
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)
        self.assertEqual(len(left), 1)


# A Docker command line whose engine hangs once a job runs: nothing is answered any more, and no signal heeded.
HANGING = """#!/bin/sh
trap '' TERM INT HUP QUIT
case " $* " in
*" run "*) echo asleep ;;
esac
exec sleep 300
"""


@on("BuildKit")
class HangingEngine(Tests):
    """An engine that answers nothing delays the end by some seconds only, and what it may have left is told."""
    build = False
    config = {"jobs": [{"name": "job", "source": "true"}]}

    def start(self, *words, **options):
        program = os.path.join(self.top, "hanging")
        write(self.top, {"hanging": HANGING})
        os.chmod(program, 0o755)
        return super().start(*words, SKELEBOT_DOCKER=program, **options)

    def ended(self, seconds, one):
        """(status, what it has said) of a run that has to end within some seconds."""
        for _ in deadline(seconds):
            if one.process.poll() is not None:
                while one.read(0.5) and b"later" not in one.said:
                    pass
                return one.process.poll(), one.said.decode().replace("\r\n", "\n")

    def test_ends_within_fifteen_seconds_and_sooner_after_a_second_ctrl_c(self):
        twice, *once = [self.start("-s", "job", terminal=terminal).says("asleep") for terminal in (True, False, False)]
        for one, number in zip(once, (signal.SIGTERM, signal.SIGINT)):
            one.signal(number)
        twice.type(b"\x03")
        time.sleep(1)
        found, said = self.ended(12, twice.type(b"\x03"))
        self.assertEqual((found, "no answer in time" in said), (130, True))
        for one, status in zip(once, (143, 130)):
            found, said = self.ended(20, one)
            self.assertEqual(found, status)
            self.assertRegex(said, r"skelebot: \S+/hanging rm --force --volumes \S+-job-\w+: no answer in time\n"
                                   r"  hint: .* run it by hand later\n")


@on("legacy", "BuildKit", "new-cli", "podman", "remote")
class StoppingBuilds(Tests):
    """However skelebot is stopped, the build ends and leaves no container."""
    build = False

    def sleeping(self, terminal):
        """(build, mark): one that has come to a command which takes 5 minutes and holds a mark of its own."""
        folder = tempfile.mkdtemp(dir=self.top)
        mark = str(300 + int.from_bytes(os.urandom(4), "big") / 2 ** 32)
        self.write_project(folder, commands=[f"echo asleep-$((40 + 2)); sleep {mark}"],
                           jobs=[{"name": "job", "source": "true"}])
        return self.start("job", folder=folder, terminal=terminal).says("asleep-42"), mark

    def test_leaves_nothing(self):
        before, ways = self.external_containers(), {**SIGNALS, **CTRL_C}
        builds = {way: self.sleeping(terminal=way in CTRL_C) for way in ways}
        self.assertEqual(stopped({way: build for way, (build, _) in builds.items()}), ways)
        for _ in deadline(30):
            left = [mark for _, mark in builds.values() if processes("sleep", mark)]
            if not (left or self.containers() or self.external_containers() - before):
                return


def processes(*argv):
    """The ids of the processes with this command line."""
    found, wanted = [], "\0".join(argv).encode() + b"\0"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found += [pid] if file.read() == wanted else []
        except OSError:
            pass
    return found


# ---- Detached ---------------------------------------------------------------

@on("BuildKit", "podman", "remote")
class Detached(Tests):
    """mode: d, where no runs are recorded."""
    config = {"runs": False, "jobs": [{"name": "serve", "source": "sleep 300", "mode": "d"}]}

    def test_prints_the_name_of_its_labelled_container_and_returns_and_a_second_one_is_refused(self):
        self.assertEqual(self.skelebot("-s", "serve").stdout.decode(), f"{self.name}-serve\n")
        self.assertEqual(self.containers(), [f"{self.name}-serve"])
        labels = self.inspect(f"{self.name}-serve")["Config"]["Labels"]
        self.assertEqual((labels["skelebot.project"], labels["skelebot.job"]), (self.name, "serve"))
        done = self.skelebot("-s", "serve", status=1)
        cli = self.engine.environ.get("SKELEBOT_DOCKER", "docker")
        self.assertEqual(done.stderr, f"skelebot: serve is running already, as the container {self.name}-serve\n"
                                      f"  hint: {cli} stop {self.name}-serve ends it\n")
        self.engine.ask("stop", "--time", "0", f"{self.name}-serve")
        for _ in deadline():
            if not self.containers():
                return


# ---- The machine around a job -----------------------------------------------

@on("BuildKit", "podman")
class Surroundings(Tests):
    """Folders, variables, ports and users that a job sees."""
    files = {"config/app.ini": "[app]\n", "touch.sh": "set -e\ntouch out/file \"$HOME/file\"\nid -u\n"}
    config = {
        "environment": ["PASSED", "GIVEN=a b"],
        "jobs": [
            {"name": "variables", "source": "printf '%s|' \"$PASSED\" \"$GIVEN\" \"$OWN\" \"${ABSENT-unset}\"",
             "environment": {"OWN": "$HOME 'x'", "ABSENT": None}},
            {"name": "default", "source": "printf '%s|'", "params": [{"name": "who", "default": "${PASSED}-$GIVEN"}]},
            {"name": "mapped", "source": "echo new > made/deep/file; cat /etc/app.ini; touch /etc/app.ini || echo refused",
             "mappings": ["made/deep/", "config/app.ini:/etc/app.ini:ro"]},
            {"name": "home", "source": "cat /home.txt models/home.txt", "mappings": ["~/home.txt:/home.txt", "~:models"]},
            {"name": "serve", "source": "python -m http.server 8000", "mode": "d", "ports": [f"127.0.0.1:{PORT}:8000"]},
            {"name": "param-names", "source": "printf '%s|'",
             "params": ["job", "env", "help", "native", {"name": "version", "alt": "v"}]},
            {"name": "pid", "source": "ps -o comm= -p 1"},
        ]}

    def test_variables_are_given_and_passed_on(self):
        done = self.skelebot("-s", "variables", PASSED="p'\n$x")
        self.assertEqual(done.stdout, b"p'\n$x|a b|$HOME 'x'|unset|")

    def test_a_default_names_variables_of_the_place_where_the_job_runs(self):
        for options in (("-s",), ("-n",)):
            with self.subTest(options=options):
                done = self.skelebot(*options, "default", PASSED="p *")
                self.assertEqual(done.stdout, b"--who|p *-a b|")

    def test_a_mapped_folder_is_made_and_a_read_only_one_stays(self):
        done = self.skelebot("-s", "mapped")
        self.assertEqual(done.stdout, b"[app]\nrefused\n")
        with open(os.path.join(self.folder, "made", "deep", "file")) as file:
            self.assertEqual(file.read(), "new\n")

    def test_the_callers_home_is_mapped(self):
        write(self.top, {"home/home.txt": "at home\n"})
        done = self.skelebot("-s", "home", HOME=os.path.join(self.top, "home"))
        self.assertEqual(done.stdout, b"at home\nat home\n")

    def test_ports_are_published(self):
        self.skelebot("-s", "serve")
        for _ in deadline():
            try:
                with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
                    connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                    if connection.recv(100).startswith(b"HTTP/1.0 200"):
                        break
            except OSError:
                pass
        self.engine.ask("rm", "--force", f"{self.name}-serve")

    def test_a_parameter_may_have_the_name_of_an_option(self):
        done = self.skelebot("-s", "param-names", "--job", "a", "--env=b", "--help", "c", "--native", "d", "-v", "e")
        self.assertEqual(done.stdout, b"--job|a|--env|b|--help|c|--native|d|--version|e|")

    def test_the_job_is_not_the_first_process(self):
        self.assertNotIn(b"bash", self.skelebot("-s", "pid").stdout)


@on("BuildKit", "podman", "remote")
class Paths(Tests):
    """A project in a folder with a name that no shell should see."""
    config = {"jobs": [{"name": "write", "source": "echo $((6 * 7)) > 'out, \"1\"/answer'",
                        "mappings": ["out, \"1\"/"]}]}

    def test_work_with_blanks_quotes_and_a_comma(self):
        folder = os.path.join(self.top, "it's, \"my\"  $HOME *")
        self.write_project(folder, **self.config)
        self.skelebot("write", folder=folder)
        with open(os.path.join(folder, 'out, "1"', "answer")) as file:
            self.assertEqual(file.read(), "42\n")


SHOW = "import os\nfor name in sorted(os.listdir('data')): print(name, os.path.exists('data/' + name))\nopen('data/new', 'w')\n"


class Mapped(Tests):
    """What the mappings of a job may name: variables, links, files."""
    config = {"ignores": ["raw/"], "jobs": [
        {"name": "show", "source": "show.py", "mappings": ["data/"]},
        {"name": "raw", "source": "show.py", "mappings": ["data/", "raw/"]},
        {"name": "home", "source": "show.py", "mappings": ["~/$SET/${PART}:data"]},
        {"name": "file", "source": "show.py", "mappings": ["out.csv"]},
        {"name": "given", "source": "cat out.csv && echo more >> out.csv", "mappings": ["out.csv"]},
        {"name": "broken", "source": "show.py", "mappings": ["broken/"]},
        {"name": "pwd", "source": "show.py", "mappings": ["$PWD/data:/app/data", "$(pwd)/raw:/app/raw:ro"]}]}
    KEPT, RAW = ["kept True"], ["raw False"]
    NOTE = "data/raw leads to ../../raw/c, which show will not see: map that place too"
    files = {"show.py": SHOW, "sets/2024/a": "", "sets/2024/sub/b": "", "raw/c": "", "kept/d": ""}

    def setUp(self):
        self.folder = os.path.join(self.top, self.id().rpartition(".")[2][:30])
        self.write_project(self.folder, **self.config)
        write(self.folder, self.files)
        links = {"data": "sets/2024", "sets/2024/raw": "../../raw/c", "sets/2024/kept": "../../kept/d", "sets/2024/near": "a",
                 "sets/2024/image": "/etc/passwd", "broken": "nowhere"}
        for path, text in links.items():
            os.symlink(text, os.path.join(self.folder, path))

    def skelebot(self, *words, **options):
        return super().skelebot(*words, **{"folder": self.folder, **options})

    def test_a_link_to_a_folder_is_that_folder_and_what_is_written_comes_back(self):
        done = self.skelebot("show")
        self.assertEqual(done.stdout.decode().split("\n")[:-1], [
            "a True", "image True", *self.KEPT, "near True", *self.RAW, "sub True"])
        self.assertIn(self.NOTE, done.stderr)
        self.assertTrue(os.path.islink(os.path.join(self.folder, "data")))
        self.assertTrue(os.path.exists(os.path.join(self.folder, "sets/2024/new")))

    def test_a_link_out_of_a_mapped_folder_is_named_before_the_job_misses_it(self):
        self.write_project(self.folder, **{**self.config, "ignores": ["raw/", "sets"]})
        os.remove(os.path.join(self.folder, "data"))
        os.rename(os.path.join(self.folder, "sets/2024"), os.path.join(self.folder, "data"))
        for name, text in (("raw", "../raw/c"), ("kept", "../kept/d")):
            os.remove(os.path.join(self.folder, "data", name))
            os.symlink(text, os.path.join(self.folder, "data", name))
        done = self.skelebot("show")
        self.assertEqual([line for line in done.stdout.decode().split("\n") if line in ("kept True", "raw False")],
                         [*self.KEPT, *self.RAW])
        self.assertIn("which show will not see", done.stderr)

    def test_a_variable_is_the_callers(self):
        home = os.path.join(self.top, "home")
        write(home, {"set one/p/x": ""})
        self.assertEqual(self.skelebot("home", HOME=home, SET="set one", PART="p").stdout,
                         b"x True\n")
        self.assertTrue(os.path.exists(os.path.join(home, "set one/p/new")))

    def test_what_cannot_be_meant_is_refused_and_nothing_is_there_afterwards(self):
        before = sorted(os.listdir(self.folder))
        for job, said in (("home", "jobs[2].mappings[0]: '~/$SET/${PART}:data' names SET, which is not set"),
                          ("file", "jobs[3].mappings[0]: 'out.csv' does not exist, and looks like a file"),
                          ("broken", "is a link to")):
            with self.subTest(job):
                self.assertIn(said, self.skelebot(job, status=1).stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_a_file_that_is_there_is_mapped(self):
        write(self.folder, {"out.csv": "some\n"})
        self.assertEqual(self.skelebot("given").stdout, b"some\n")
        with open(os.path.join(self.folder, "out.csv")) as file:
            self.assertEqual(file.read(), "some\nmore\n")


on("legacy", "BuildKit", "podman")(Mapped)


@on("remote")
class MappedElsewhere(Mapped):
    """There links that lead out of a mapped folder do not come along, and stay here as they are."""
    KEPT, RAW = [], []
    NOTE = "data/kept leads to ../../kept/d, which show will not see (and 1 more): map that place too"
    config = {**Mapped.config, "jobs": [*Mapped.config["jobs"], {
        "name": "trap", "source": "rm out.csv && ln -s /etc/hostname out.csv", "mappings": ["out.csv"]}]}

    def test_a_link_in_the_place_of_a_mapped_file_does_not_come_back(self):
        write(self.folder, {"out.csv": "some\n"})
        self.assertRegex(self.skelebot("trap").stderr, r"out\.csv: the job put a link in its place, which is not kept\n")
        self.assertFalse(os.path.lexists(os.path.join(self.folder, "out.csv")))


@on("legacy", "BuildKit")
class MappedFromHere(Tests):
    """Variables that name the project's own folder."""
    config, files, setUp = Mapped.config, Mapped.files, Mapped.setUp

    def test_pwd_is_the_projects_folder(self):
        self.assertIn(b"a True\n", self.skelebot("pwd", folder=os.path.join(self.folder, "kept"), PWD=self.folder + "/kept").stdout)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
@on("legacy", "BuildKit", "remote")
class OtherUser(Tests):
    """`user: host` for a caller who is not root, has no account in the image, and lets nobody read his files."""
    build = False
    config = {"user": "host", "jobs": [
        {"name": "touch", "source": "touch.sh", "mappings": ["made/out/"]},
        {"name": "who", "source": "who.py"}, {"name": "beside", "source": "lib/beside.py"},
        {"name": "start", "source": "bin/start"}, {"name": "git", "source": "git config --global user.name ada && id -un"},
        {"name": "r", "source": "who.R"}, {"name": "log", "source": "echo x > log.txt && cat results/old.csv"},
        {"name": "other", "source": "who.py", "mappings": ["people:/etc/passwd:ro"]}]}
    files = {"touch.sh": "set -e\necho x > \"$HOME/file\"\necho x > made/out/file\nid -u; id -g\n",
             "who.py": "import getpass, grp, os, pwd\n[os.environ.pop(name, None) for name in ('USER', 'LOGNAME')]\n"
                       "print(getpass.getuser(), grp.getgrgid(os.getgid()).gr_name, pwd.getpwuid(0).pw_name,\n"
                       "      os.access(os.path.expanduser('~'), os.W_OK), os.access(pwd.getpwuid(os.getuid()).pw_dir, os.W_OK))\n",
             "who.R": "cat(Sys.info()[['user']], '\\n')\n",
             "lib/beside.py": "import os\nopen('log.txt', 'w')\nos.makedirs('lightning_logs/version_0')\n"
                              "open('results/old.csv', 'a').write('more')\nopen('results/new.csv', 'w')\n"
                              "os.remove('results/gone.csv')\nprint(open('results/old.csv').read())\n",
             "bin/start": "#!/bin/sh\necho started\n", "results/old.csv": "old, ", "results/gone.csv": "",
             "people": "eve:x:12345:12346::/tmp:/bin/sh\nroot:x:0:0::/root:/bin/sh\n"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.copy = copy_for(python_for_all(), os.path.join(cls.top, "skelebot"))
        os.chmod(os.path.join(cls.folder, "bin/start"), 0o755)
        for top, folders, names in os.walk(cls.folder):
            for path in (top, *(os.path.join(top, name) for name in names)):
                os.chown(path, 12345, 12346)
                os.chmod(path, os.stat(path).st_mode & 0o700)
        os.chown(cls.top, 12345, 12346)
        os.chmod(cls.top, 0o755)

    def as_other(self, *words, uid=12345, gid=12346, folder=None, **environ):
        """A call of skelebot by somebody who may use the engine."""
        group = os.stat("/var/run/docker.sock").st_gid
        done = call(["setpriv", "--reuid", str(uid), "--regid", str(gid), "--groups", str(group), "--",
                     python_for_all(), self.copy, *words], folder or self.folder,
                    **{"HOME": os.path.join(self.top, "home"), "LOGNAME": "ada", **self.engine.environ,
                       "SKELEBOT_HOME": os.path.join(self.top, "home", ".skelebot"), **environ})
        self.assertEqual(done.status, 0, done.stderr)
        return done.stdout.decode()

    def test_owns_what_the_job_writes(self):
        self.assertEqual(self.as_other("touch"), "12345\n12346\n")
        for path in ("made", "made/out", "made/out/file"):
            found = os.stat(os.path.join(self.folder, path))
            self.assertEqual((path, found.st_uid, found.st_gid), (path, 12345, 12346))

    def test_has_a_name_a_group_and_a_home(self):
        self.assertEqual(self.as_other("who"), "ada ada root True True\n")
        self.assertEqual(self.as_other("-s", "who"), "ada ada root True True\n")
        self.assertEqual(self.as_other("who", LOGNAME="eve"), "eve eve root True True\n")
        self.assertEqual(self.as_other("git"), "ada\n")
        self.assertEqual(self.as_other("r"), "ada \n")

    def test_has_the_name_of_accounts_that_the_job_maps_itself(self):
        self.assertEqual(self.as_other("other"), "eve ada root True True\n")

    def test_is_built_no_image_for_what_a_job_has_written_where_it_is_mapped(self):
        os.makedirs(os.path.join(self.folder, "made"), exist_ok=True)   # it is mapped only from out/ on
        os.chown(os.path.join(self.folder, "made"), 12345, 12346)
        self.as_other("touch")
        image = self.inspect(self.name)["Id"]
        self.as_other("touch")
        self.assertEqual(self.inspect(self.name)["Id"], image)

    def test_reads_runs_and_writes_what_is_beside_the_scripts(self):
        self.assertEqual(self.as_other("beside"), "old, more\n")
        self.assertEqual(self.as_other("start"), "started\n")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "log.txt")))

    def test_needs_no_folder_that_he_may_write_to(self):
        folder, scratch = os.path.join(self.top, "read-only"), os.path.join(self.top, "scratch")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("Dockerfile", ".dockerignore", "made"))
        self.write_project(folder, **self.config, ignores=["*.csv", "lib/"])
        os.makedirs(scratch)
        os.chmod(scratch, 0o777)
        for top, folders, names in os.walk(folder):
            os.chmod(top, 0o555)
            for name in names:
                os.chmod(os.path.join(top, name), 0o555 if top.endswith("bin") else 0o444)
        before = tree(folder)
        for words, said in ((("start",), "started\n"), (("start",), "started\n"), (("prime",), ""),
                            (("exec", "--", "ls", "/app"), "Dockerfile\nbin\npeople\nresults\nskelebot.yaml\ntouch.sh\nwho.R\nwho.py\n")):
            self.assertEqual(self.as_other(*words, folder=folder, TMPDIR=scratch), said)
        self.assertEqual((tree(folder), os.listdir(scratch)), (before, []))

    def test_needs_no_image_of_his_own(self):
        self.as_other("start")
        image = self.inspect(self.name)["Id"]
        os.chmod(self.folder, 0o755)
        os.chmod(os.path.join(self.folder, "skelebot.yaml"), 0o644)
        self.assertEqual(self.as_other("-s", "log", uid=54321, gid=54321), "old, ")
        self.assertEqual(self.inspect(self.name)["Id"], image)


def python_for_all():
    """A Python that every user may run, with PyYAML (from the folder that PYTHONPATH names, or its own)."""
    return shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable


# ---- Variables --------------------------------------------------------------

VALUES = ("", "a b", "it's", '"', "$HOME", "a=b", "-x", "\u00fc\nz", "*", " x ", "#x", "\\", "\t", "'x'", '"x"', "\u3000", "x\r")
CLIENTS_OWN = {
    "DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_CONFIG": "/none", "DOCKER_CONTEXT": "none", "PATH": "/usr/bin:/bin:/sbin:/none",
    "HOME": "/none  #", "LD_PRELOAD": "", "LD_LIBRARY_PATH": "/none", "HTTP_PROXY": "http://127.0.0.1:1", "no_proxy": "'x'",
    "SSH_AUTH_SOCK": "/none", "TMPDIR": "/none", "CONTAINER_HOST": "unix:///none", "XDG_RUNTIME_DIR": "/none", "GODEBUG": "x=1",
    "CONTAINERS_CONF": "/none", "STORAGE_DRIVER": "none", "A-b.c": "$x", "DOCKER_API_VERSION": "0.1"}
PASSWORD = "s3cret-" + os.urandom(4).hex()


@on("legacy", "BuildKit", "podman", "remote")
class Variables(Tests):
    """The file's variables, as a job finds them, and as others on the machine do not."""
    values = {**{f"V{index}": value for index, value in enumerate(VALUES)}, **CLIENTS_OWN}
    config = {
        "environment": {**values, "V1": "the project's", "DB_PASSWORD": PASSWORD, "HTTPS_PROXY": f"http://u:{PASSWORD}@h"},
        "jobs": [{"name": name, "source": source, "mode": mode, "environment": {"V1": VALUES[1]}} for name, source, mode in (
            ("show", "env -0", "i"), ("detached", "env -0; echo; sleep 30", "d"), ("wait", "echo begun; read line", "i"))]}

    def check(self, data):
        found = dict(pair.split("=", 1) for pair in data.decode("utf-8").split("\0")[:-1])      # of env -0
        wanted = {**self.values, "DB_PASSWORD": PASSWORD, "HTTPS_PROXY": f"http://u:{PASSWORD}@h"}
        self.assertEqual({name: found.get(name) for name in wanted}, wanted)

    def test_arrive_byte_for_byte_and_change_nothing_for_dockers_command_line(self):
        self.check(self.skelebot("-s", "show").stdout)

    def test_arrive_in_a_detached_job(self):
        name = self.skelebot("-s", "detached").stdout.decode().strip()
        try:
            for _ in range(100):
                logs = call([*self.engine.cli, "logs", name], self.folder, **self.engine.environ).stdout
                if logs.endswith(b"\0\n"):
                    break
                time.sleep(0.1)
            self.check(logs)
        finally:
            self.engine.ask("rm", "--force", name)

    def test_are_in_no_argv_while_a_job_runs(self):
        process = subprocess.Popen(self.argv("-s", "wait"), cwd=self.folder, env=environment(**self.engine.environ),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"begun\n")
            argvs = [skelebot.read_bytes(path) or b"" for path in glob.glob("/proc/[0-9]*/cmdline")]
            self.assertTrue([argv for argv in argvs if b"--env\0DB_PASSWORD\0" in argv])
            self.assertEqual([argv for argv in argvs if PASSWORD.encode() in argv], [])
        finally:
            process.communicate(b"\n", timeout=TIMEOUT)

    def test_are_shown_by_lines_that_can_be_pasted_but_for_passwords_in_addresses(self):
        shown = self.skelebot("--dry-run", "-s", "show").stdout.decode()
        self.assertNotIn(f"u:{PASSWORD}", shown)
        shown = re.sub(r"printf %s \.\.\. > (\S+)", r"printf A-b.c=1 > \1", shown)
        pasted = call(["sh", "-c", shown], "/", **self.engine.environ)
        self.assertIn(f"\0DB_PASSWORD={PASSWORD}\0", pasted.stdout.decode(), pasted.stderr)


# ---- Options ----------------------------------------------------------------

@on("BuildKit", "podman")
class Options(Tests):
    """-V, -s, --dry-run, exec."""
    files = {"data.txt": "in the image\n", "echo.sh": ECHO["echo.sh"]}
    config = {"environment": {"WHO": "the job's"}, "jobs": [
        {"name": "write", "source": "echo.sh", "args": ["word"], "mappings": ["out/"],
         "params": [{"name": "from", "default": "$WHO"}]},
        {"name": "train", "source": "true"}]}

    def test_verbose_shows_every_command_before_it_runs(self):
        done = self.skelebot("-V", "-s", "write", "a b")
        shown = [line for line in done.stderr.splitlines() if line.startswith("+ ")]
        self.assertTrue(any(re.match(r"\+ env .*WHO=the job.* run .* --env WHO .*'a b'", line) for line in shown), shown)

    def test_skip_build_runs_the_image_that_is_there(self):
        done = self.skelebot("-s", "-V", "train")
        self.assertNotIn(" build ", done.stderr)

    def test_skip_build_without_an_image_is_refused(self):
        folder = os.path.join(self.top, "unbuilt")
        self.write_project(folder, name=self.name + "-unbuilt", jobs=[{"name": "train", "source": "true"}])
        for words in (("train",), ("exec", "--", "true")):
            done = self.skelebot("-s", *words, folder=folder, status=1)
            self.assertRegex(done.stderr, r"skelebot: [^\n]*" + self.name + r"-unbuilt[^\n]*\n  hint: [^\n]*-s[^\n]*\n$")

    def test_dry_run_prints_lines_that_do_the_same(self):
        shown = self.skelebot("--dry-run", "write", "$(id) 'x'\n")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "out")))
        pasted = call(["sh", "-c", shown.stdout.decode()], "/", **self.engine.environ)
        self.assertEqual((pasted.status, arrived(pasted)), (0, ["$(id) 'x'\n", "--from", "the job's"]), pasted.stderr)
        self.assertTrue(os.path.isdir(os.path.join(self.folder, "out")))

    def test_exec_runs_the_commands_on_stdin(self):
        self.assertEqual(self.skelebot("-s", "exec", stdin=b"pwd\ncat data.txt\nexit 3\n", status=3).stdout,
                         b"/app\nin the image\n")

    def test_exec_runs_the_command_after_two_dashes(self):
        self.assertEqual(self.skelebot("-s", "exec", "--", "printf", "%s|", "a b", "$HOME").stdout, b"a b|$HOME|")

    def test_exec_maps_the_project(self):
        write(self.folder, {"new.txt": "of the folder\n"})
        self.assertEqual(self.skelebot("-s", "exec", "-m", "--", "cat", "new.txt").stdout, b"of the folder\n")


# ---- No engine --------------------------------------------------------------

@on("BuildKit", "podman")
class NoEngine(Tests):
    """Two lines that say what is wrong; nothing else."""
    config = {"jobs": [{"name": "train", "source": "true"}]}
    build = False
    nowhere = "unix:///tmp/no-such-socket"

    def refused(self, *words, **environ):
        done = self.skelebot(*words, status=1, **environ)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr.splitlines()[-2:]

    def test_that_answers(self):
        for words in (("train",), ("-s", "train"), ("prime",), ("exec", "--", "true")):
            with self.subTest(words=words):
                fault, hint = self.refused("-d", self.nowhere, *words)
                self.assertRegex(fault, "^skelebot: no engine answers .*no-such-socket")
                self.assertEqual(hint, "  hint: start Docker, name another host with -d, or run the job natively with -n")

    def test_that_the_environment_names_answers(self):
        variable = "CONTAINER_HOST" if self.engine.name == "podman" else "DOCKER_HOST"
        fault, _ = self.refused("train", **{variable: self.nowhere})
        self.assertRegex(fault, "^skelebot: no engine answers .*no-such-socket")

    def test_command_on_path(self):
        done = self.skelebot("train", status=1, PATH=os.path.join(self.top, "nothing"), SKELEBOT_DOCKER="")
        self.assertEqual(done.stderr, "skelebot: docker: not found on PATH\n"
                                      "  hint: install Docker or podman, or run the job natively: skelebot -n JOB\n")
