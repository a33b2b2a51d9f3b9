"""Scripts as the manuals of other libraries have them, read by scaffold, and run by those libraries."""
import os
import shutil
import sys
import tempfile
import unittest

from engine import ROOT, SKELEBOT, call

SCRIPTS = os.path.join(ROOT, "tests", "projects", "scripts")
PROGRAMS = {".py": "python3", ".R": "Rscript", ".sh": "bash"}
LIBRARIES = os.environ.get("SKELEBOT_TEST_SCRIPTS", "")     # a python3 with click, typer, fire, docopt

# (what follows skelebot -n, the script and what follows it)
RUNS = [
    (["sums", "--", "1", "2", "3"], ["sums.py", "1", "2", "3"]),
    (["sums", "--sum", "--", "1", "2"], ["sums.py", "--sum", "1", "2"]),
    (["mnist"], ["mnist.py"]),
    (["mnist", "-e", "3", "--batch-size", "8", "--optimizer", "adam", "--no-accel", "--layers", "1", "2"],
     ["mnist.py", "-e", "3", "--batch-size", "8", "--optimizer", "adam", "--no-accel", "--layers", "1", "2"]),
    (["git_like-a", "7"], ["git_like.py", "a", "7"]),
    (["git_like-b", "--baz", "Y", "-q"], ["git_like.py", "b", "--baz", "Y", "-q"]),
    (["git_like-b", "--level", "4"], ["git_like.py", "b", "--level", "4"]),
    (["constants", "--", "x"], ["constants.py", "x"]),
    (["constants", "-m", "forest", "--size", "large", "--day", "2", "-v", "-w", "1.5", "--pair", "1", "2", "--", "x"],
     ["constants.py", "x", "-m", "forest", "--size", "large", "--day", "2", "-v", "-w", "1.5", "--pair", "1", "2"]),
    (["constants", "--learning_rate", "1e-4", "--", "x", "y"], ["constants.py", "x", "y", "--learning_rate", "1e-4"]),
    (["old", "-f", "x", "-q", "--", "y"], ["old.py", "-f", "x", "-q", "y"]),
    (["hello", "f", "--name", "Zoë"], ["hello.py", "f", "--name", "Zoë"]),
    (["hello", "f", "--count", "2", "--name", "A B", "-S", "--hash-type", "md5", "--pos", "1", "2"],
     ["hello.py", "f", "--count", "2", "--name", "A B", "-S", "--hash-type", "md5", "--pos", "1", "2"]),
    (["database-initdb", "--force", "--", "a", "b"], ["database.py", "initdb", "--force", "a", "b"]),
    (["database-drop"], ["database.py", "drop"]),
    (["database-user-add", "Zoë"], ["database.py", "user", "add", "Zoë"]),
    (["greet", "Zoë", "--lastname", "O'Neil", "--formal"], ["greet.py", "Zoë", "--lastname", "O'Neil", "--formal"]),
    (["greet", "Zoë"], ["greet.py", "Zoë"]),
    (["network-train", "c.toml", "--network", "lstm", "-r", "0.5", "--tags", "a", "--no-use-gpu"],
     ["network.py", "train", "c.toml", "--network", "lstm", "-r", "0.5", "--tags", "a", "--no-use-gpu"]),
    (["network-check-it", "-f", "--", "a", "b"], ["network.py", "check-it", "-f", "a", "b"]),
    (["fire_hello", "Hi"], ["fire_hello.py", "Hi"]),
    (["fire_hello", "Hi", "--name", "Zoë", "--times", "1", "--loud"],
     ["fire_hello.py", "Hi", "--name", "Zoë", "--times", "1", "--loud"]),
    (["calculator-double", "15"], ["calculator.py", "double", "15"]),
    (["calculator-power", "2", "--exponent", "5"], ["calculator.py", "power", "2", "--exponent", "5"]),
    (["words-py", "p", "3"], ["words.py", "p", "3"]),
    (["words-py", "p", "3", "--", "csv"], ["words.py", "p", "3", "csv"]),
    (["usage", "a b", "c"], ["usage.py", "a b", "c"]),
    (["naval-ship-new", "--", "Titanic", "Mary"], ["naval.py", "ship", "new", "Titanic", "Mary"]),
    (["naval-ship-move", "Titanic", "1", "2"], ["naval.py", "ship", "move", "Titanic", "1", "2"]),
    (["naval-ship-move", "Titanic", "1", "2", "--speed", "15"],
     ["naval.py", "ship", "move", "Titanic", "1", "2", "--speed=15"]),
    (["naval-mine-set", "1", "2", "--drifting"], ["naval.py", "mine", "set", "1", "2", "--drifting"]),
    (["optparse"], ["optparse.R"]),
    (["optparse", "-q", "-c", "3", "--mean", "1.5", "--generator", "runif"],
     ["optparse.R", "-q", "-c", "3", "--mean", "1.5", "--generator", "runif"]),
    (["argparse", "x", "-v", "--count", "2", "--sd", "0.5"], ["argparse.R", "x", "-v", "--count", "2", "--sd", "0.5"]),
    (["docopt", "Bern", "-n", "7", "--quiet"], ["docopt.R", "-n", "7", "--quiet", "Bern"]),
    (["words", "x", "2"], ["words.R", "x", "2"]),
    (["words", "x", "2", "--", "?"], ["words.R", "x", "2", "?"]),
    (["getopts", "-n", "Zoë", "-v", "-t", "2", "--", "a", "b"], ["getopts.sh", "-n", "Zoë", "-v", "-t", "2", "a", "b"]),
    (["getopts"], ["getopts.sh"]),
    (["long-options", "-e", "test", "--dry-run", "--", "x"], ["long options.sh", "-e", "test", "--dry-run", "x"]),
    (["backup", "a", "b"], ["backup.sh", "a", "b"]),
    (["backup", "a", "b", "--", "old"], ["backup.sh", "a", "b", "old"]),
]


@unittest.skipUnless(LIBRARIES, "needs what tests/services.sh installs")
class Script(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="skelebot-scripts-")
        cls.folder = os.path.join(cls.top, "project")
        shutil.copytree(SCRIPTS, cls.folder)
        done = call([sys.executable, SKELEBOT, "scaffold", "--existing", "--yes", "--name", "scripts"], cls.folder)
        if done.status:
            raise AssertionError(done.stderr)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.top)

    def call(self, *argv):
        path = os.pathsep.join([LIBRARIES, os.environ["PATH"]])
        done = call(argv, self.folder, PATH=path, NO_COLOR="1", PAGER="cat")
        return done.status, done.stdout.decode(), done.stderr

    def test_runs_with_the_same_words_as_a_job(self):
        for words, script in RUNS:
            with self.subTest(words):
                expected = self.call(PROGRAMS[os.path.splitext(script[0])[1]], *script)
                self.assertEqual(expected[0], 0, expected)
                self.assertEqual(self.call(sys.executable, SKELEBOT, "-n", *words), expected)

    def test_is_there_for_each_of_these_runs(self):
        with_runs = {script for _, (script, *_) in RUNS}
        self.assertEqual(sorted(with_runs), sorted(set(os.listdir(SCRIPTS)) - {"helpers.py"}))


if __name__ == "__main__":
    unittest.main()
