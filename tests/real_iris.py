"""The iris project: the same score and the same files, wherever its jobs run."""
import os

from engine import Tests, on, tree

JOBS = ("loadData", "+", "train", "+", "score")
TABLE = """\
run  shrinkage  accuracy  loss
4.2  0.03       0.971     0.0763
4.1  0.0        0.971     0.0768
4.3  0.3        0.943     0.0852
"""


class Iris(Tests):
    """Scaffolded, then run natively and on an engine."""
    build = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.remove(os.path.join(cls.folder, "skelebot.yaml"))
        for folder in (cls.folder, cls.folder + "-natively"):
            done = cls.call("scaffold", folder, "--name", cls.name, "--template", "iris", "--yes", folder=cls.top)
            assert not done.status, done.stderr

    def made(self, folder):
        """What the jobs have written below a folder."""
        return {path: data for path, data in tree(folder).items() if path.startswith(("models/", "output/"))}

    def test_has_the_same_score_files_and_best_of_three_as_natively(self):
        here = self.skelebot("-n", *JOBS, folder=self.folder + "-natively")
        there = self.skelebot(*JOBS)
        self.assertEqual(there.stdout, here.stdout)
        self.assertEqual(there.stdout.decode().splitlines()[-1], "accuracy: 1.000")
        made = self.made(self.folder)
        self.assertEqual(made, self.made(self.folder + "-natively"))
        self.assertEqual(sorted(made), ["models/iris.json", "output/predictions.csv", "output/score.json",
                                        "output/test.csv", "output/train.csv"])
        for native, folder in (("-n",), self.folder + "-natively"), ((), self.folder):
            swept = self.skelebot(*native, "sweep", "train", "-j", "2", folder=folder).stdout.decode()
            self.assertEqual(swept.splitlines(True)[3:], TABLE.splitlines(True))
            self.assertEqual(self.skelebot("compare", "4.1", "4.2", "4.3", "--min", "loss", folder=folder).stdout.decode(), TABLE)
            self.assertEqual(self.made(folder), made)
            self.skelebot("fetch", "4.2", folder=folder)
            self.assertNotEqual(self.made(folder)["models/iris.json"], made["models/iris.json"])
        self.assertEqual(self.made(self.folder), self.made(self.folder + "-natively"))

    def test_summary_is_the_same_in_bash_and_in_r(self):
        bash = self.skelebot("summaryBash")
        r = self.skelebot("-e", "r", "summaryR")
        self.assertEqual(r.stdout, bash.stdout)
        self.assertEqual(len(bash.stdout.splitlines()), 4)


on("legacy", "BuildKit", "new-cli", "podman", "remote")(Iris)
