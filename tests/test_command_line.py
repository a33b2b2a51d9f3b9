"""How skelebot is started, what a signal does then, and what a shell's Tab asks for."""
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
from support import ROOT, call, folder, process, two_lines

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


TYPED = """
name: churn
jobs:
- name: load
  source: load.py
  help: |
    Load the customers
    of a day
  args: [{name: share, choices: [all, one half]}, day]
  params:
  - {name: kind, alt: k, choices: [forest, tree]}
  - {name: columns, accepts: list, choices: [age, sex]}
  - {name: fast, accepts: boolean}
- {name: bump, source: bump.sh}
components:
  repository: {artifacts: [{name: model, file: model.tar}, {name: bert, file: bert/}]}
"""
FILES = {"skelebot.yaml": TYPED, "skelebot-dev.yaml": "jobs: [{name: fit, source: fit.py}]\n", "skelebot-prod.yaml": "",
         "other/skelebot.yaml": "name: b\njobs: [{name: bake, source: b.py}]\n", "broken/skelebot.yaml": "nam: b\n"}


class TheEnd(unittest.TestCase):
    """Of the program, which is quicker than Python's own."""
    LATER = ("import atexit, threading\natexit.register(lambda: print('at exit'))\n"
             "threading.Thread(target=lambda: (threading.main_thread().join(), print('a thread'))).start()\n")
    ABOVE = ("import runpy, sys\nsys.argv = [sys.argv[1], '--version']\ntry:\n    runpy.run_path(sys.argv[0], run_name='__main__')"
             "\nfinally:\n    print('above')\n")
    PLUGIN = ("from skelebot import Activation, Component\nfile = open('kept', 'w')\nfile.write('all')\n\n\n"
              "class Open(Component):\n    activation = Activation.ALWAYS\n")

    def test_waits_for_threads_and_does_what_is_left_for_it(self):
        with folder({"sitecustomize.py": self.LATER}) as path:
            for argv in ([skelebot.__file__], ["-m", "skelebot"]):
                with self.subTest(argv=argv):
                    ended = subprocess.run([sys.executable, *argv, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           env={**os.environ, "PYTHONPATH": path + os.pathsep + ROOT})
                    self.assertEqual((ended.returncode, ended.stdout.split(b"\n")[1:], ended.stderr),
                                     (0, [b"a thread", b"at exit", b""], b""))

    def test_leaves_a_program_that_runs_it_alone(self):
        ended = subprocess.run([sys.executable, "-c", self.ABOVE, skelebot.__file__], stdout=subprocess.PIPE)
        self.assertEqual(ended.stdout.split(), [b"skelebot", skelebot.__version__.encode(), b"above"])

    def test_writes_what_a_plugin_has_not_closed(self):
        with folder({"home/plugins/open/open.py": self.PLUGIN, "p/skelebot.yaml": "name: p\n"}) as path:
            top = os.path.join(path, "p")
            self.assertEqual(process("envs", folder=top, SKELEBOT_HOME=os.path.join(path, "home")).status, 0)
            with open(os.path.join(top, "kept")) as file:
                self.assertEqual(file.read(), "all")

    def test_that_fails_is_what_python_says_of_it(self):
        with folder({"sitecustomize.py": "import atexit\natexit.register(lambda: 1 / 0)\n"}) as path:
            ended = process("unknown", PYTHONPATH=path, folder=path)
            self.assertEqual((ended.status, ended.stderr.count("ZeroDivisionError")), (2, 1))


class Completion(unittest.TestCase):
    maxDiff = None

    def rows(self, line, where=""):
        """The lines that answer a Tab at the end of a line; None where any file may come."""
        with folder(FILES) as path:
            ending = call("--complete", "skelebot " + line, folder=os.path.join(path, where))
        self.assertEqual(bool(ending.stdout), ending.status == 0, ending)
        return [row.split("\t") for row in ending.stdout.splitlines()] if not ending.status else None

    def words(self, line, where=""):
        rows = self.rows(line, where)
        return rows and [word for word, _ in rows]

    def test_begins_with_the_jobs_and_what_they_are_for_then_the_commands(self):
        rows = self.rows("")
        self.assertEqual(rows[:3], [["load", "Load the customers of a day"], ["bump", "bump.sh"], [
            "scaffold", "make a new project, or turn what is here into one (--existing)"]])
        self.assertEqual(len([word for word, _ in rows if word == "bump"]), 1)

    def test_offers_what_begins_as_it_was_typed(self):
        for line, words in (
                ("lo", ["load", "logs"]), ("pu", ["push", "pull", "publish"]), ("--ver", ["--version", "--verbose"]), ("'lo", ["load", "logs"]),
                ("-e ", ["dev", "prod"]), ("--env p", ["prod"]), ("--env=d", ["--env=dev"]), ("-n lo", ["load", "logs"]),
                ("load ", ["all", "one half"]), ("load 'one", ["one half"]), ("load one\\ ", ["one half"]),
                ("load -k f", ["forest"]), ("load --kind=", ["--kind=forest", "--kind=tree"]), ("load --k", ["--kind"]),
                ("load --columns age ", ["age", "sex"]), ("load --fast a", ["all"]), ("load --fa", ["--fast"]),
                ("load all 1 ", ["+"]), ("load all 1 + lo", ["load", "logs"]), ("load all 1 + load ", ["all", "one half"]),
                ("push ", ["model", "bert", "ALL"]), ("load + pull m", ["model"]), ("pull model L", ["LATEST", "LATEST!"]),
                ("-C other ba", ["bake"]), ("-C other -n ba", ["bake"]), ("-e dev fi", ["fit"]), ("jupyter --l", ["--lab"]),
                ("scaffold --language R", ["R", "R+Python"]), ("plugin i", ["install"]), ("completion ", ["bash", "zsh", "fish"]),
                ("help exit", ["exit-status"]), ("help lo", ["logs", "load"]), ("help sca", ["scaffold"]), ("publish --o", ["--omit-version", "--omit-latest"])):
            with self.subTest(line):
                self.assertEqual(self.words(line), words)

    def test_leaves_the_rest_to_the_names_of_files(self):
        for line in ("-C ", "load all ", "load -- ", "exec -- ", "load --unknown ", "unknown ", "load + + ", "prime -o ", "load x --columns y",
                     "-e unknown lo", "-C unknown lo", "load all 1 + -", "\"'", "bump m"):
            with self.subTest(line):
                self.assertIsNone(self.words(line))

    def test_offers_outside_of_a_project_and_beside_a_faulty_one_what_needs_none(self):
        with folder({}) as path:
            outside = [row.split("\t")[0] for row in call("--complete", "skelebot ", folder=path).stdout.splitlines()]
        self.assertIn("scaffold", outside)
        self.assertNotIn("push", outside)
        self.assertEqual(self.words("", "broken"), outside)
        self.assertEqual(self.words("--", "broken"), ["--help", "--version", "--directory", "--offline", "--verbose", "--dry-run"])

    def test_takes_a_line_without_a_word_for_an_empty_one(self):
        with folder(FILES) as path:
            for words in ((), ("",), ("skelebot",)):
                self.assertIn(call("--complete", *words, folder=path).status, (0, 1))

    def test_gives_the_commands_of_plugins(self):
        plugin = ("from skelebot import Activation, Builtin, Component\n\n\nclass Chat(Component):\n    activation = Activation.ALWAYS\n\n"
                  "    def commands(self):\n        return {'chat': Builtin('talk', None)}\n")
        with folder({"plugins/chat/chat.py": plugin, "skelebot.yaml": TYPED}) as path:
            with support.environment(SKELEBOT_HOME=path):
                self.assertEqual(call("--complete", "skelebot ch", folder=path), (0, "chat\ttalk\n", ""))


class CompletedWords(unittest.TestCase):
    def test_that_cannot_be_shown_as_they_are_are_left_out(self):
        text = 'name: x\njobs: [{name: a, source: a, args: [{name: k, choices: [b, "c\\nd", "e\\tf", "\\e[1m", "$(id)"]}]}]\n'
        with folder({"skelebot.yaml": text}) as path:
            self.assertEqual(call("--complete", "skelebot a ", folder=path), (0, "b\t\n$(id)\t\n", ""))


class Scripts(unittest.TestCase):
    def test_are_printed_for_bash_zsh_and_fish_and_no_other_shell(self):
        with folder({}) as path:
            for shell in ("bash", "zsh", "fish"):
                with open(os.path.join(support.ROOT, "templates", "completion", "skelebot." + shell)) as file:
                    self.assertEqual(call("completion", shell, folder=path), (0, file.read(), ""))
            self.assertEqual(call("completion", folder=path), (2, "", two_lines(
                "completion: needs SHELL (whose script it is)",
                "skelebot completion --help shows what it takes; words after -- may start with -")))
            self.assertEqual(call("completion", "fsh", folder=path), (2, "", two_lines(
                "completion: shell: expected bash, zsh or fish, found 'fsh'", "did you mean fish?")))


if __name__ == "__main__":
    unittest.main()
