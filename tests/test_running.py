"""How programs are run: real ones, with what they say and how they end."""
import contextlib
import os
import signal
import sys
import tempfile
import unittest

import support
import skelebot
from skelebot import Command, Outcome


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
        with stderr() as said:
            skelebot.run_program(sh("echo step 1; sleep 0.3; exit 2", aside=True, quiet=True, title="building churn"))
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
