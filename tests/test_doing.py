"""What acts: how programs run and end, and what one process has for itself."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import support
import skelebot
from program import SKELEBOT
from support import ROOT, call, contents, folder, inside, process
from skelebot import Command, File, MakeFolder, Move, Outcome, Remove, Scratch, SkelebotError


@contextlib.contextmanager
def stderr():
    """A file that is stderr, for programs as well; its content afterwards is in the list."""
    said = []
    with tempfile.TemporaryFile("w+") as file:
        with contextlib.redirect_stderr(file):
            yield said
        file.seek(0)
        said.append(file.read())


def on_terminal(code):
    """What lines of Python print in a terminal of their own."""
    import pty
    child, end = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", f"import sys; sys.path.insert(0, {support.ROOT!r}); "
                                                        f"import skelebot; {code}"])
    said = b""
    while True:
        try:
            chunk = os.read(end, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            os.close(end)
            os.waitpid(child, 0)
            return said.decode()
        said += chunk


def sh(text, **others):
    return Command(("sh", "-c", text), **others)


class Quiet(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, skelebot, "PATIENCE", skelebot.PATIENCE)

    def test_a_program_that_is_quick_and_succeeds_says_nothing(self):
        skelebot.PATIENCE = 60
        with stderr() as said:
            self.assertEqual(skelebot.run_program(sh("echo built; echo warning >&2", aside=True, quiet=True)), Outcome(0))
        self.assertEqual(said, [""])

    def test_a_program_that_fails_says_all(self):
        skelebot.PATIENCE = 60
        with stderr() as said:
            self.assertEqual(skelebot.run_program(sh("echo step 1; echo no >&2; exit 3", aside=True, quiet=True)),
                             Outcome(3, "", "step 1\nno\n"))
        self.assertEqual(said, ["step 1\nno\n"])

    def test_a_program_that_takes_long_says_all(self):
        skelebot.PATIENCE = 0.01
        with stderr() as said:
            skelebot.run_program(sh("echo step 1; sleep 0.5; echo step 2", aside=True, quiet=True))
        self.assertEqual(said, ["step 1\nstep 2\n"])

    def test_a_build_that_takes_long_says_so_and_how_long_it_took(self):
        skelebot.PATIENCE = 0.01
        with stderr() as said:
            skelebot.run_program(sh("echo step 1; sleep 0.3; echo step 2", aside=True, quiet=True, title="building churn"))
        self.assertRegex(said[0], r"\Askelebot: building churn\nstep 1\nstep 2\n"
                                  r"skelebot: building churn: done in \d+ s\n\Z")

    def test_a_build_that_takes_long_and_fails_says_all_and_no_time(self):
        skelebot.PATIENCE = 0.01
        for way in ({"aside": True}, {"kept": True}):
            with stderr() as said:
                skelebot.run_program(sh("echo step 1; sleep 0.3; exit 2", quiet=True, title="building churn", **way))
            self.assertEqual(said, ["skelebot: building churn\nstep 1\n"])

    def test_a_build_that_is_quick_says_nothing_of_itself(self):
        skelebot.PATIENCE = 60
        with stderr() as said:
            skelebot.run_program(sh("echo built", aside=True, quiet=True, title="building churn"))
        self.assertEqual(said, [""])

    @unittest.skipIf(os.name == "nt", "has terminals of another kind")
    def test_on_a_terminal_a_builds_log_is_one_line_unless_it_fails(self):
        for status in (0, 3):
            with self.subTest(status):
                said = on_terminal(f"skelebot.PATIENCE = 0.01; skelebot.run_program(skelebot.Command(('sh', '-c', "
                                   f"'echo step 1; sleep 0.5; echo step 2; sleep 0.6; exit {status}'), aside=True, "
                                   f"quiet=True, title='building churn'))")
                self.assertTrue(said.startswith("skelebot: building churn\r\n\r\033[Kstep 1\r\033[Kstep 2"), said)
                self.assertRegex(said, r"\r\x1b\[Kskelebot: building churn: done in \d+ s\r\n\Z" if not status
                                 else r"\r\x1b\[Kstep 1\r\nstep 2\r\n\Z")

    def test_its_log_is_removed(self):
        with tempfile.TemporaryDirectory() as folder, support.environment(TMPDIR=folder), stderr() as said:
            skelebot.run_program(sh(f"ls -A '{folder}'; exit 1", aside=True, quiet=True))
            self.assertEqual(os.listdir(folder), [])
        self.assertRegex(said[0], r"\Askelebot-\w+\n\Z")


class Waiting(unittest.TestCase):
    def test_goes_on_until_the_command_ends_well_and_says_what_it_is_to_say(self):
        with support.folder({}) as folder:
            count = sh(f"echo >> '{folder}/n'; wc -l < '{folder}/n'", kept=True)
            done = skelebot.try_until(skelebot.Wait(count, None, "never", until="^ *3"))
            self.assertEqual((done.status, done.output.strip()), (0, "3"))

    def test_ends_when_trying_again_makes_no_sense(self):
        command = sh("echo no such pod >&2; exit 1", kept=True)
        self.assertEqual(skelebot.try_until(skelebot.Wait(command, None, "no such pod")).status, 1)

    def test_ends_when_its_time_is_over(self):
        self.assertEqual(skelebot.try_until(skelebot.Wait(sh("exit 4", kept=True), 0, "never")).status, 4)


class Temporary(unittest.TestCase):
    def test_folders_are_below_tmpdir_and_ours_alone(self):
        with tempfile.TemporaryDirectory() as folder, support.environment(TMPDIR=folder):
            paths = {skelebot.make_scratch(skelebot.Scratch()), skelebot.make_scratch(skelebot.Scratch())}
            self.assertEqual(paths, {os.path.join(folder, name) for name in os.listdir(folder)})
            self.assertEqual([os.stat(path).st_mode & 0o777 for path in paths], [0o700, 0o700])

    def test_files_are_ours_alone_and_new(self):
        with tempfile.TemporaryDirectory() as folder:
            handle, path = skelebot.Ours(folder).new_file()
            os.close(handle)
            self.assertEqual((os.stat(path).st_mode & 0o777, os.listdir(folder)), (0o600, [os.path.basename(path)]))

    def test_folders_are_elsewhere_where_tmpdir_will_not_do(self):
        with support.environment(TMPDIR="/nowhere/at all"):
            path = skelebot.make_scratch(skelebot.Scratch())
            skelebot.remove(skelebot.Remove(path))
        self.assertFalse(path.startswith("/nowhere"))

    def test_folders_that_can_be_nowhere_are_a_fault(self):
        self.addCleanup(setattr, tempfile, "tempdir", tempfile.tempdir)
        tempfile.tempdir = "/nowhere"
        with support.environment(TMPDIR="/nowhere"), self.assertRaises(skelebot.SkelebotError) as caught:
            skelebot.make_scratch(skelebot.Scratch())
        self.assertEqual(caught.exception.message, "/nowhere: no such file or directory")

    def test_folders_go_with_all_that_is_in_them(self):
        with support.inside({"a/1": "", "a/b/c/2": ""}) as folder:
            skelebot.remove(skelebot.Remove("a"))
            self.assertEqual(os.listdir(folder), [])


class Endings(unittest.TestCase):
    def test_a_status_is_the_programs(self):
        for status in (0, 1, 3, 77, 137, 255):
            with self.subTest(status):
                self.assertEqual(skelebot.run_program(sh(f"exit {status}")).status, status)

    def test_a_signal_is_128_and_its_number(self):
        self.assertEqual(skelebot.run_program(sh("kill -9 $$")).status, 137)

    def test_what_is_kept_is_not_shown(self):
        self.assertEqual(skelebot.run_program(sh("echo out; echo err >&2", kept=True)), Outcome(0, "out\n", "err\n"))

    def test_a_packed_folder_arrives_as_an_archive(self):
        with support.folder({"a.txt": "a", "b/c.txt": "c"}) as folder:
            names = skelebot.run_program(Command(("tar", "-t", "-f", "-"), kept=True, packed=(folder, "data"))).output.split()
        self.assertEqual(sorted(name.rstrip("/") for name in names), ["data", "data/a.txt", "data/b", "data/b/c.txt"])

    def test_a_program_that_is_missing_is_named(self):
        with self.assertRaises(skelebot.SkelebotError) as caught:
            skelebot.run_program(Command(("no-such-program",)))
        self.assertEqual(caught.exception.message, "no-such-program: not found on PATH")

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_a_packed_folder_may_be_a_link_and_is_what_it_leads_to(self):
        with support.inside({"real/a.txt": "a"}):
            os.symlink("real", "data")
            step = Command(("tar", "-t", "-f", "-"), kept=True, packed=("data", "data"))
            self.assertEqual(skelebot.run_program(step).output, "data/\ndata/a.txt\n")


class Limits(unittest.TestCase):
    def test_end_what_is_only_asked_and_answers_nothing(self):
        self.addCleanup(setattr, skelebot, "ANSWERED", skelebot.ANSWERED)
        skelebot.ANSWERED = 0.3
        for text in ("sleep 60", "trap '' TERM; sleep 60; :", "exec >&- 2>&-; sleep 60"):
            with self.subTest(text):
                self.assertEqual(skelebot.run_program(sh(text, kept=True, looks=True)), skelebot.UNANSWERED)

    def test_are_none_for_what_is_done(self):
        self.addCleanup(setattr, skelebot, "ANSWERED", skelebot.ANSWERED)
        skelebot.ANSWERED = 0.1
        self.assertEqual(skelebot.run_program(sh("sleep 0.5; echo done", kept=True)), Outcome(0, "done\n"))

    def test_leave_what_does_not_answer_after_a_signal_and_ask_it_no_more(self):
        for number in skelebot.stop_signals():
            self.addCleanup(signal.signal, number, signal.getsignal(number))

        def plan():
            try:
                yield sh("sleep 0.2; kill -INT $PPID; sleep 60")
            finally:
                yield sh("trap '' TERM; sleep 60", kept=True, limit=0.3)
                yield sh("echo asked >&2", aside=True)

        with stderr() as said, self.assertRaises((KeyboardInterrupt, skelebot.Stopped)):
            skelebot.perform(plan(), skelebot.Call())
        self.assertEqual(said[0].count("no answer in time"), 2)
        self.assertNotIn("asked\n", said[0].replace("asked >&2", ""))


class Caller(unittest.TestCase):
    def test_with_an_empty_docker_host_has_none_nor_has_what_it_starts(self):
        with support.environment(DOCKER_HOST=""):
            self.assertNotIn("DOCKER_HOST", skelebot.caller_call(skelebot.Words()).environ)
            self.assertEqual(skelebot.run_program(sh("echo ${DOCKER_HOST-none}", kept=True)).output, "none\n")


@unittest.skipIf(os.name == "nt", "it has no such locale")
class InAnotherLocale(unittest.TestCase):
    def test_words_and_folders_that_are_not_ascii_are_what_they_are(self):
        config = "name: x\njobs: [{name: a, source: 'printf %s > dätä/b', args: [w], mappings: [dätä/]}]\n"
        with folder({"skelebot.yaml": config}) as path:
            done = process("-n", "a", "wörd", folder=path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertEqual(contents(path)["dätä/b"].decode("utf-8"), "wörd")


LEFT = ".skelebot-0123456789abcdef"
NOTHING_WRITTEN = "nothing was written; remove the link, or name the place that it leads to"


def in_a_process(text, *words):
    """A process that runs this text with the module, and says `ready`."""
    return subprocess.Popen([sys.executable, "-c", "import sys, os, time; sys.path.insert(0, %r); import skelebot; %s"
                             % (ROOT, text), *words], stdout=subprocess.PIPE)


@unittest.skipIf(os.name == "nt", "there are no locks")
class Tidying(unittest.TestCase):
    def test_removes_what_nobody_owns(self):
        with inside({LEFT: "half", LEFT[:-1] + "0/new/x": "", "skelebot-" + "a" * 16: ""}):
            skelebot.Ours("").tidy()
            self.assertEqual(contents("."), {})

    def test_leaves_alone_what_is_called_otherwise(self):
        with inside({".skelebot-notes": "", ".skelebot": "", LEFT + "0": "", "x" + LEFT: ""}):
            before = contents(".")
            skelebot.Ours(".").tidy()
            self.assertEqual(contents("."), before)

    def test_leaves_alone_what_somebody_has_locked(self):
        with inside({LEFT: ""}):
            lock = skelebot.Lock.acquire(LEFT)
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [LEFT])
            lock.close()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [])

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "only root gives files away")
    def test_leaves_alone_what_is_somebody_elses(self):
        with inside({LEFT: ""}):
            os.chown(LEFT, 12345, 12345)
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [LEFT])

    def test_follows_no_link(self):
        with folder({"x": ""}) as outside, inside({LEFT + "/new/x": ""}):
            os.symlink(outside, LEFT[:-1] + "0")
            os.symlink(outside, LEFT + "/old")
            skelebot.Ours(".").tidy()
            self.assertEqual((os.listdir(outside), os.listdir(".")), (["x"], [LEFT[:-1] + "0"]))

    def test_a_folder_that_made_room_goes_back(self):
        for files, after in (({"new/a": "2", "old/data/a": "1"}, {"data/": None, "data/a": b"1"}),
                             ({"old/data/a": "1"}, {}), ({"new/a": "2"}, {})):
            with self.subTest(files), inside({f"{LEFT}/{path}": data for path, data in files.items()}):
                skelebot.Ours(".").tidy()
                self.assertEqual(contents("."), after)

    def test_of_half_a_project_only_goes_what_is_as_it_was_written(self):
        made = skelebot.Scaffold.note_of([("src", None), ("src/a", b"a"), ("src/b", b"b"), ("../out", b"out"), ("VERSION", b"1")])
        with inside({"p/src/a": "a", "p/src/b": "mine", "p/VERSION": "1", "out": "out", f"p/{LEFT}/made": made}):
            skelebot.Ours("p").tidy()
            self.assertEqual(contents("."), {"p/": None, "p/src/": None, "p/src/b": b"mine", "out": b"out"})

    def test_a_project_that_is_whole_stays(self):
        with inside({"VERSION": "1", "skelebot.yaml": "name: x", f"{LEFT}/made": skelebot.Scaffold.note_of([("VERSION", b"1")])}):
            skelebot.Ours(".").tidy()
            self.assertEqual(sorted(contents(".")), ["VERSION", "skelebot.yaml"])

    def test_comes_with_the_next_that_writes_there(self):
        config = "name: churn\ncomponents: {package: {path: churn.zip}}\n"
        with folder({}) as temporary, inside({"skelebot.yaml": config, "VERSION": "1.0.0\n"}):
            for words in (("bump", "patch"), ("package",)):
                os.makedirs(LEFT)
                os.makedirs(os.path.join(temporary, LEFT[1:]), exist_ok=True)
                self.assertEqual(process(*words, TMPDIR=temporary).status, 0)
                self.assertFalse(os.path.exists(LEFT))
            self.assertEqual(process("-n", "scaffold", "--template", "file:///nowhere", "--yes", folder=temporary,
                                     TMPDIR=temporary).status, 1)
            self.assertEqual(os.listdir(temporary), [])

    def test_has_nothing_to_do_for_one_that_lives(self):
        with inside({}) as path:
            child = in_a_process("print(skelebot.make_scratch(skelebot.Scratch('', 'data')), flush=True); time.sleep(60)")
            own = child.stdout.readline().decode().strip()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir(path), [own])
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir(path), [])


@unittest.skipIf(os.name == "nt", "there are no locks")
class AFolderBeside(unittest.TestCase):
    def test_is_one_processes_until_it_has_gone(self):
        with inside({}):
            child = in_a_process("it = skelebot.make_scratch(skelebot.Scratch('', 'data')); print(flush=True); time.sleep(0.5); "
                                 "open('done', 'w').close(); skelebot.remove(skelebot.Remove(it)); time.sleep(60)")
            child.stdout.readline()
            own = skelebot.make_scratch(Scratch("", "data"))
            self.assertEqual(sorted(os.listdir(".")), [own, "done"])
            skelebot.remove(Remove(own))
            child.kill()
            child.wait()
            child.stdout.close()

    def test_of_another_path_is_another(self):
        with inside({}):
            paths = [skelebot.make_scratch(Scratch("", name)) for name in ("data", "model", "data/x"[:4] + "2")]
            self.assertEqual(len(set(paths)), 3)
            for path in paths:
                skelebot.remove(Remove(path))

    def test_takes_the_place_of_whatever_lies_there(self):
        with folder({}) as outside:
            for make in (lambda path: open(path, "w").close(), lambda path: os.symlink(outside, path), os.mkdir,
                         lambda path: os.makedirs(path + "/new/x")):
                with inside({}):
                    own = skelebot.make_scratch(Scratch("", "data"))
                    skelebot.remove(Remove(own))
                    make(own)
                    self.assertEqual(skelebot.make_scratch(Scratch("", "data")), own)
                    self.assertEqual((os.path.islink(own), os.listdir(own), os.listdir(outside)), (False, [], []))
                    skelebot.remove(Remove(own))

    def test_that_cannot_be_is_a_fault(self):
        with inside({"file": ""}), self.assertRaises(SkelebotError) as caught:
            skelebot.do(Scratch("", "file/data"), skelebot.Call())
        self.assertEqual(caught.exception.message, "file/data: not a directory")

    def test_gives_a_folder_its_place_and_the_old_one_back(self):
        with inside({"data/a": "1"}):
            own = skelebot.make_scratch(Scratch("", "data"))
            os.mkdir(os.path.join(own, "new"))
            skelebot.move(Move(os.path.join(own, "new"), "data"))
            self.assertEqual(os.listdir("data"), [])
            shutil.rmtree("data")
            os.mkdir(os.path.join(own, "new"))
            skelebot.remove(Remove(own))
            self.assertEqual(contents("."), {"data/": None, "data/a": b"1"})


class ALock(unittest.TestCase):
    @unittest.skipIf(os.name == "nt", "there are no locks")
    def test_is_that_of_the_file_that_is_there_then(self):
        with inside({"VERSION": "1"}):
            child = in_a_process("it = skelebot.Lock.acquire('VERSION'); print(flush=True); time.sleep(0.5); "
                                 "skelebot.write(skelebot.File('VERSION', b'2')); it.close(); time.sleep(60)")
            child.stdout.readline()
            lock = skelebot.Lock.acquire("VERSION")
            self.assertTrue(lock.is_at("VERSION"))
            self.assertEqual(contents("."), {"VERSION": b"2"})
            lock.close()
            child.kill()
            child.wait()
            child.stdout.close()

    def test_of_nothing_is_none(self):
        with inside({}):
            self.assertIsNone(skelebot.Lock.acquire("VERSION").handle)

    @unittest.skipIf(os.name == "nt", "there are no locks")
    def test_is_had_of_a_folder_that_another_removes_and_a_third_makes_again(self):
        with inside({}):
            lock, own = skelebot.Ours(".").folder_for("data")
            lock.close()
            for first in (False, True):     # somebody else, or we, had made the one that is removed
                times = []

                def on(path, flags=0, times=times, on=skelebot.Lock.on):
                    times += [] if flags else [path]        # with flags it is to be tidied
                    if times[1:] or flags:
                        return on(path, flags)
                    os.rmdir(path)
                    lock = on(path)
                    os.mkdir(path)
                    return lock
                if first:
                    os.rmdir(own)
                with mock.patch.object(skelebot.Lock, "on", on), mock.patch.object(skelebot.Ours, "tidy"):
                    lock, path = skelebot.Ours(".").folder_for("data")
                self.assertEqual((path, lock.is_ours(), times), (own, True, [own, own]))
                lock.close()


@unittest.skipIf(os.name == "nt", "links need a right of their own there")
class LinksOut(unittest.TestCase):
    CONFIG = ("name: churn\ncomponents:\n  package: {path: dist/churn.zip}\n  repository:\n    folder: {path: STORE}\n"
              "    artifacts: [{name: m, file: models/m.bin}, {name: d, file: models/d/}, {name: far, file: FAR/m.bin}]\n")

    def setUp(self):
        top = folder({"p/VERSION": "1.0.0\n", "p/models/m.bin": "m", "p/models/d/x": "x", "out/m.bin": "far",
                      "out/victim": "secret"})
        self.top = top.__enter__()
        self.addCleanup(top.__exit__, None, None, None)
        self.path, self.out = os.path.join(self.top, "p"), os.path.join(self.top, "out")
        with open(os.path.join(self.path, "skelebot.yaml"), "w") as file:
            file.write(self.CONFIG.replace("STORE", self.top + "/store").replace("FAR", self.out))
        self.assertEqual(call("push", "ALL", folder=self.path).status, 0)

    def link(self, target, path):
        path = os.path.join(self.path, path)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def assert_refused(self, path, *words):
        before = contents(self.top)
        ending = call(*words, folder=self.path)
        self.assertEqual(ending.stderr.split("skelebot: ")[-1],
                         f"{path}: leads outside of the project, by a link\n  hint: {NOTHING_WRITTEN}\n")
        self.assertEqual((ending.status, contents(self.top)), (1, before))

    def test_are_not_written_through(self):
        for target, link, path, words in (
                ("victim", "m_v1.0.0.bin", "m_v1.0.0.bin", ("pull", "m", "1.0.0")),
                ("new", "m_v1.0.0.bin", "m_v1.0.0.bin", ("pull", "m", "1.0.0")),
                ("", "d_v1.0.0", "d_v1.0.0", ("pull", "d", "1.0.0")),
                ("victim", "models/m.bin", "models/m.bin", ("pull", "m", "1.0.0", "-o")),
                ("", "models", "models/m.bin", ("pull", "m", "1.0.0", "-o")),
                ("", "models", os.path.join("models", "d"), ("pull", "d", "1.0.0", "-o")),
                ("new.zip", "dist/churn.zip", "dist/churn.zip", ("package",)),
                ("", "dist", "dist/churn.zip", ("package",)),
                ("VERSION", "VERSION", "VERSION", ("bump", "2.0.0"))):
            with self.subTest(link, words=words):
                self.link(os.path.join(self.out, target), link)
                self.assert_refused(path, *words)
                os.unlink(os.path.join(self.path, link))

    def test_of_nothing_are_fetched_all(self):
        self.link("../out/victim", "d_v1.0.0")
        self.assertEqual(call("pull", "ALL", "1.0.0", folder=self.path).status, 1)
        self.assertFalse(os.path.exists(os.path.join(self.path, "m_v1.0.0.bin")))

    def test_to_a_version_file_are_refused(self):
        with open(os.path.join(self.out, "victim"), "w") as file:
            file.write("1.0.0\n")
        self.link("../out/victim", "VERSION")
        self.assert_refused("VERSION", "bump", "patch")

    def test_of_other_files_that_are_written_are_refused(self):
        with inside({"p/x": "", "out/x": ""}):
            os.chdir("p")
            os.symlink("../out", "link")
            os.symlink("../out/x", "Dockerfile")
            for do, step in ((skelebot.write, File("Dockerfile", b"1")), (skelebot.write, File("link/x", b"1")),
                             (skelebot.make_folder, MakeFolder("link/new")), (skelebot.move, Move("x", "link/new")),
                             (skelebot.make_scratch, Scratch("", "link/new"))):
                with self.subTest(step), self.assertRaises(SkelebotError) as caught:
                    do(step)
                self.assertIn("leads outside of the project, by a link", caught.exception.message)
            self.assertEqual(os.listdir("../out"), ["x"])

    def test_of_mapped_folders_stay_as_they_are(self):
        with inside({"p/x": "", "out/x": ""}):
            os.chdir("p")
            os.symlink("../out", "data")
            skelebot.make_folder(MakeFolder("data"))
            self.assertTrue(os.path.islink("data"))

    def test_inside_are_followed(self):
        self.link("../models/m.bin", "elsewhere/m")
        self.link("elsewhere/m", "m_v1.0.0.bin")
        os.truncate(os.path.join(self.path, "models", "m.bin"), 0)
        self.assertEqual(call("pull", "m", "1.0.0", folder=self.path).status, 0)
        self.assertEqual(contents(self.path)["models/m.bin"], b"m")

    def test_to_where_the_person_says_are_followed(self):
        os.rename(self.out, self.out + "2")
        os.symlink("out2", self.out)
        os.unlink(os.path.join(self.out, "m.bin"))
        self.assertEqual(call("pull", "far", "1.0.0", "-o", folder=self.path).status, 0)
        self.assertEqual(contents(self.out)["m.bin"], b"far")


@unittest.skipIf(os.name == "nt", "it has no such limit")
class Many(unittest.TestCase):
    def test_artifacts_need_few_open_files(self):
        import resource
        files = {f"models/{number}": str(number) for number in range(300)}
        artifacts = ", ".join(f"{{name: m{number}, file: models/{number}}}" for number in range(300))
        with folder({"skelebot.yaml": f"name: x\ncomponents: {{repository: {{folder: {{path: STORE}}, artifacts: [{artifacts}]}}}}\n",
                     "VERSION": "1.0.0\n", **files}) as path:
            for words in (("push", "ALL"), ("pull", "ALL", "1.0.0")):
                ended = subprocess.run([sys.executable, SKELEBOT, *words], cwd=path, timeout=120,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
                self.assertEqual(ended.returncode, 0, ended.stderr[-300:])
            self.assertEqual(len(os.listdir(os.path.join(path, "STORE"))), 600)

    def test_are_all_looked_at_before_the_first_is_sent(self):
        config = ("name: x\ncomponents: {repository: {folder: {path: STORE}, "
                  "artifacts: [{name: a, file: a}, {name: d, file: d/}]}}\n")
        with folder({"skelebot.yaml": config, "VERSION": "1.0.0\n", "a": "1", "d/x": "1"}) as path:
            os.symlink("..", os.path.join(path, "d", "up"))
            ending = call("push", "ALL", folder=path)
            self.assertEqual((ending.status, os.path.exists(os.path.join(path, "STORE"))), (1, False), ending)


@unittest.skipIf(os.name == "nt", "there is no such signal")
class Killed(unittest.TestCase):
    def test_scaffold_leaves_nothing_that_the_next_does_not_tidy(self):
        words = ("scaffold", "new", "--yes", "--name", "x", "--description", "x", "--maintainer", "x", "--contact", "x")
        with folder({}) as alone:
            process(*words, "--template", "default", folder=alone)
            right = contents(alone)
        for number in range(6):
            with self.subTest(number), folder({}) as path:
                running = subprocess.Popen([sys.executable, SKELEBOT, *words, "--template", "iris"],
                                           cwd=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                until = time.monotonic() + 60
                while running.poll() is None and len(contents(path)) < 2 * number and time.monotonic() < until:
                    pass
                running.kill()
                running.wait()
                if os.path.exists(os.path.join(path, "new", "skelebot.yaml")):
                    continue            # it had been faster
                self.assertEqual(process(*words, "--template", "default", folder=path).status, 0)
                self.assertEqual(contents(path), right)


if __name__ == "__main__":
    unittest.main()
