"""How skelebot is started: whatever the current folder holds, and that a signal ends it without a word."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import support
import skelebot

PROJECT = {"skelebot.yaml": "name: churn\njobs:\n- {name: hi, source: echo hi}\n"}
HOSTILE = ("signal", "shlex", "json", "yaml", "subprocess", "tempfile", "threading", "glob", "gc", "stat",
           *(() if sys.version_info[:2] == (3, 9) else ("enum",)))     # 3.9 imports it for -m, before it comes to us
SIGNALLING = """import os, signal, sys
class Finder:
    def find_spec(self, name, *others):
        if name == os.environ["AT"]:
            os.kill(os.getpid(), getattr(signal, os.environ["SIGNAL"]))
sys.meta_path.insert(0, Finder())
"""


def paths(*first):
    """PYTHONPATH with these folders before those that the tests have."""
    return os.pathsep.join([*first, *filter(None, [os.environ.get("PYTHONPATH")])])


def python(*words, folder, **environ):
    """(exit status, stdout, stderr) of this Python."""
    done = subprocess.run([sys.executable, *words], cwd=folder, env={**os.environ, **environ}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def copy(folder):
    """A copy of skelebot in a folder."""
    shutil.copy(os.path.join(support.ROOT, "skelebot.py"), folder)
    shutil.copytree(os.path.join(support.ROOT, "templates"), os.path.join(folder, "templates"))


class Modules(unittest.TestCase):
    """What is imported is Python's own."""
    files = {**PROJECT, **{f"{name}.py": "raise SystemExit('a module of the project')\n" for name in HOSTILE}}

    def test_and_none_of_the_current_folder(self):
        with support.folder(self.files) as folder:
            for words in (("-n", "hi"), ("--dry-run", "hi"), ("--help",)):
                with self.subTest(words):
                    status, _, errors = python("-m", "skelebot", *words, folder=folder, PYTHONPATH=paths(support.ROOT))
                    self.assertEqual((status, errors), (0, ""))

    def test_also_where_skelebot_lies_among_them(self):
        with support.folder(self.files) as folder:
            copy(folder)
            os.unlink(os.path.join(folder, "yaml.py"))
            for words in (("-m", "skelebot"), ("skelebot.py",)):
                with self.subTest(words):
                    self.assertEqual(python(*words, "-n", "hi", folder=folder), (0, "hi\n", ""))

    if sys.version_info >= (3, 11):
        def test_also_where_python_leaves_the_current_folder_out_itself(self):
            with support.folder(self.files) as folder:
                for words in (("-P", "-m", "skelebot"), ("-P", os.path.join(support.ROOT, "skelebot.py"))):
                    with self.subTest(words):
                        self.assertEqual(python(*words, "-n", "hi", folder=folder, PYTHONPATH=paths(support.ROOT)),
                                         (0, "hi\n", ""))

    def test_come_last_from_our_own_folder_and_from_what_pythonpath_names_as_well(self):
        own = support.ROOT
        self.assertEqual(skelebot.search_path("/project", "/lib"), ["/lib", own])
        self.assertEqual(skelebot.search_path("/project", "/project", "/lib"), ["/lib", "/project", own])
        self.assertEqual(skelebot.search_path(own, "/lib"), ["/lib", own, own])
        self.assertEqual(skelebot.search_path("/project", own, "/lib"), [own, "/lib", own])

    def test_are_found_beside_the_script_that_a_link_leads_to(self):
        with support.folder(PROJECT) as folder, tempfile.TemporaryDirectory() as elsewhere:
            copy(elsewhere)
            os.symlink(os.path.join(elsewhere, "skelebot.py"), os.path.join(folder, "link.py"))
            for words in (("link.py",), (os.path.join("..", os.path.basename(folder), "link.py"),)):
                with self.subTest(words):
                    status, output, errors = python(*words, "--dry-run", "prime", folder=folder)
                    self.assertEqual((status, errors), (0, ""))
                    self.assertIn("docker build", output)


@unittest.skipIf(os.name == "nt", "signals are another matter there")
class Signals(unittest.TestCase):
    """Before there is something to end, a signal ends skelebot as it ends any program: without a word."""

    def test_while_modules_are_imported(self):
        with support.folder({**PROJECT, "sitecustomize.py": SIGNALLING}) as folder:
            for at in ("gc", "yaml", "difflib"):
                for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                    with self.subTest(f"{name} at {at}"):
                        ended = python("-m", "skelebot", "hi?", folder=folder, PYTHONPATH=paths(folder, support.ROOT),
                                       AT=at, SIGNAL=name)
                        self.assertEqual(ended, (-getattr(signal, name), "", ""))

    def test_at_any_moment(self):
        argv = [sys.executable, "-m", "skelebot", "--help"]
        for pause in range(0, 100, 4):
            with self.subTest(pause):
                process = subprocess.Popen(argv, cwd=support.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, universal_newlines=True)
                time.sleep(pause / 1000)
                process.send_signal(signal.SIGINT)
                self.assertNotIn("skelebot.py", process.communicate()[1])     # Python itself may have said something

    def test_that_is_ignored_stays_ignored(self):
        with support.folder({**PROJECT, "sitecustomize.py": SIGNALLING}) as folder:
            script = f"trap '' INT; exec '{sys.executable}' -m skelebot -n hi"
            done = subprocess.run(["sh", "-c", script], cwd=folder, stdout=subprocess.PIPE, universal_newlines=True, env={
                **os.environ, "PYTHONPATH": paths(folder, support.ROOT), "AT": "yaml", "SIGNAL": "SIGINT"})
            self.assertEqual((done.returncode, done.stdout), (0, "hi\n"))

    def test_are_those_of_a_program_that_imports_it(self):
        code = "import signal, skelebot; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
        self.assertEqual(python("-c", code, folder=support.ROOT), (0, "True\n", ""))
