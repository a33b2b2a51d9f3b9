"""The iris project: the same score and the same files, wherever its jobs run."""
import functools
import os
import shutil
import sys
import tempfile
import unittest

from engine import SKELEBOT, Tests, call, on, tree

JOBS = ("loadData", "+", "train", "+", "score")
TABLE = """\
run  shrinkage  accuracy  loss
4.2  0.03       0.971     0.0763
4.1  0.0        0.971     0.0768
4.3  0.3        0.943     0.0852
"""


def results(skelebot, folder, *options):
    """What the jobs print, what they have written, and what is there after a sweep and one of its points.

    skelebot  a function of words that calls it in the folder, and returns what it prints
    """
    printed, files = skelebot(*options, *JOBS), written(folder)
    swept = skelebot(*options, "sweep", "train", "-j", "2").decode()
    case = unittest.TestCase()
    case.assertEqual(swept.splitlines(True)[3:], TABLE.splitlines(True))
    case.assertEqual(skelebot("compare", "4.1", "4.2", "4.3", "--min", "loss").decode(), TABLE)
    case.assertEqual(written(folder), files)
    skelebot("fetch", "4.2")
    case.assertNotEqual(written(folder)["models/iris.json"], files["models/iris.json"])
    return printed, files, written(folder)


def written(folder):
    """What the jobs have written below a folder."""
    return {path: data for path, data in tree(folder).items() if path.startswith(("models/", "output/"))}


@functools.lru_cache(None)
def natively():
    """The results without an engine, which are the same for all that are compared."""
    folder = tempfile.mkdtemp(prefix="skelebot-iris-")

    def skelebot(*words):
        done = call([sys.executable, SKELEBOT, *words], folder)
        assert not done.status, done.stderr
        return done.stdout
    try:
        skelebot("scaffold", folder, "--name", "iris", "--template", "iris", "--yes")
        return results(skelebot, folder, "-n")
    finally:
        shutil.rmtree(folder)


class Iris(Tests):
    """Scaffolded, then run on an engine."""
    build = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.remove(os.path.join(cls.folder, "skelebot.yaml"))
        done = cls.call("scaffold", cls.folder, "--name", cls.name, "--template", "iris", "--yes", folder=cls.top)
        assert not done.status, done.stderr


@on("legacy", "BuildKit", "new-cli", "podman", "remote")
class Training(Iris):
    def test_has_the_same_score_files_and_best_of_three_as_natively(self):
        printed, files, fetched = results(lambda *words: self.skelebot(*words).stdout, self.folder)
        self.assertEqual((printed, files, fetched), natively())
        self.assertEqual(printed.decode().splitlines()[-1], "accuracy: 1.000")
        self.assertEqual(sorted(files), ["models/iris.json", "output/predictions.csv", "output/score.json",
                                         "output/test.csv", "output/train.csv"])


@on("BuildKit", "podman")
class Summary(Iris):
    def test_is_the_same_in_bash_and_in_r(self):
        bash = self.skelebot("summaryBash")
        r = self.skelebot("-e", "r", "summaryR")
        self.assertEqual(r.stdout, bash.stdout)
        self.assertEqual(len(bash.stdout.splitlines()), 4)
