"""Sixteen processes at once for each command that writes: one right result or a clear refusal, never a mixture.

By hand, for longer: SKELEBOT_TEST_ROUNDS=20 tests/run.sh real_at_once
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import unittest
import zipfile

from program import SKELEBOT
from support import contents, folder, process

ROUNDS = int(os.environ.get("SKELEBOT_TEST_ROUNDS") or 1)
COUNT = 16
CONFIG = """name: churn
components:
  package: {path: dist/churn.zip}
  repository:
    folder: {path: STORE}
    artifacts: [{name: data, file: models/data/}, {name: model, file: models/model.bin}]
"""
PLUGIN = "import skelebot\n\n\nclass Plain(skelebot.Component):\n    number = {}\n"


def started(words, path):
    return subprocess.Popen([sys.executable, SKELEBOT, *words], cwd=path, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, "PYTHONIOENCODING": "utf-8", "SKELEBOT_HOME": os.path.join(path, "..", "home")})


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        top = folder({"p/VERSION": "1.0.0\n", "p/models/model.bin": "1" * 1000})
        self.top = top.__enter__()
        self.addCleanup(top.__exit__, None, None, None)
        self.path, self.store = os.path.join(self.top, "p"), os.path.join(self.top, "store")
        write(os.path.join(self.path, "skelebot.yaml"), CONFIG.replace("STORE", self.store))
        for number in range(300):
            write(os.path.join(self.path, "models", "data", f"{number % 7}", f"{number}"), str(number) * number)

    def one(self, *words):
        ending = process(*words, folder=self.path)
        self.assertEqual(ending.status, 0, ending.stderr)

    def at_once(self, *calls):
        """(status, stdout) of each call; one that does not end well says why, in two lines."""
        running = [started(*call) for call in calls]
        ends = [(each, *each.communicate(timeout=300)) for each in running]
        self.refusals = [errors.decode() for each, _, errors in ends if each.returncode]
        for each, _, errors in ends:
            if each.returncode:
                self.assertRegex(errors.decode(), r"(?s)\A(skelebot: [^\n]*\n)*skelebot: [^\n]+\n  hint: [^\n]+\n\Z")
        return [(each.returncode, output.decode()) for each, output, _ in ends]

    def rounds(self, *words):
        """The endings of each round of the same call in the project."""
        for number in range(ROUNDS):
            with self.subTest(round=number):
                yield self.at_once(*[(words, self.path)] * COUNT)

    def assert_nothing_left(self, *folders):
        left = [name for path in folders or (self.top,) for _, below, names in os.walk(path) for name in (*below, *names)]
        self.assertEqual([name for name in left if re.search(r"skelebot-[0-9a-f]|\.part$", name)], [])


class Pull(Case):
    def setUp(self):
        super().setUp()
        self.one("push", "ALL")
        self.models = contents(os.path.join(self.path, "models"))
        write(os.path.join(self.path, "VERSION"), "2.0.0\n")
        write(os.path.join(self.path, "models", "model.bin"), "2" * 2000)
        shutil.rmtree(os.path.join(self.path, "models", "data", "3"))
        self.one("push", "ALL")
        self.later = contents(os.path.join(self.path, "models"))

    def test_of_a_folder_and_a_file(self):
        for name in ("data", "model"):
            for ends in self.rounds("pull", name, "1.0.0", "-o"):
                self.assertEqual([status for status, _ in ends], [0] * COUNT, self.refusals)
                self.assert_nothing_left()
        self.assertEqual(contents(os.path.join(self.path, "models")), self.models)

    def test_to_where_nothing_is(self):
        for _ in range(ROUNDS):
            shutil.rmtree(os.path.join(self.path, "models"))
            ends = self.at_once(*[(("pull", "ALL", "1.0.0", "-o"), self.path)] * COUNT)
            self.assertEqual([status for status, _ in ends], [0] * COUNT, self.refusals)
            self.assertEqual(contents(os.path.join(self.path, "models")), self.models)

    def test_of_two_versions(self):
        for _ in range(ROUNDS):
            self.at_once(*[(("pull", "ALL", f"{number % 2 + 1}.0.0", "-o"), self.path) for number in range(COUNT)])
            found = contents(os.path.join(self.path, "models"))
            for part in ("data/", "model"):
                self.assertIn({path: data for path, data in found.items() if path.startswith(part)}, [
                    {path: data for path, data in each.items() if path.startswith(part)} for each in (self.models, self.later)])
            self.assert_nothing_left()


class Push(Case):
    def test_one_is_kept(self):
        for ends in self.rounds("push", "ALL"):
            self.assertIn(sorted(status for status, _ in ends), ([0] + [1] * (COUNT - 1), [1] * COUNT))
            self.assertEqual(sorted(os.listdir(self.store))[-2:], ["model_v1.0.0.bin", "model_v1.0.0.bin.sha256"])
            self.assert_nothing_left()
            shutil.rmtree(self.store)

    def test_by_force_the_checksum_is_that_of_the_file(self):
        paths = [os.path.join(self.top, f"p{number}") for number in range(COUNT)]
        for number, path in enumerate(paths):
            write(os.path.join(path, "skelebot.yaml"), CONFIG.replace("STORE", self.store))
            write(os.path.join(path, "VERSION"), "1.0.0\n")
            write(os.path.join(path, "models", "model.bin"), str(number) * 100000)
        for _ in range(ROUNDS):
            ends = self.at_once(*[(("push", "model", "-f"), path) for path in paths])
            self.assertEqual([status for status, _ in ends], [0] * COUNT, self.refusals)
            with open(os.path.join(self.store, "model_v1.0.0.bin"), "rb") as file, \
                    open(os.path.join(self.store, "model_v1.0.0.bin.sha256")) as line:
                self.assertEqual(line.read().split()[0], hashlib.sha256(file.read()).hexdigest())
            self.assertEqual(sorted(os.listdir(self.store)), ["model_v1.0.0.bin", "model_v1.0.0.bin.sha256"])


class Bump(Case):
    def assert_counted(self, ends, before):
        self.assertEqual(sorted(int(output.split(".")[-1]) for _, output in ends), list(range(before + 1, before + COUNT + 1)))

    def test_counts_each_in_the_file_VERSION(self):
        for number, ends in enumerate(self.rounds("bump", "patch")):
            self.assert_counted(ends, number * COUNT)
        self.assertEqual(contents(self.path)["VERSION"].decode(), f"1.0.{ROUNDS * COUNT}\n")
        self.assert_nothing_left()

    def test_counts_each_in_skelebot_yaml(self):
        os.unlink(os.path.join(self.path, "VERSION"))
        text = "# ours\nname: churn\nversion: 1.0.{}  # the last\n"
        write(os.path.join(self.path, "skelebot.yaml"), text.format(0))
        for number, ends in enumerate(self.rounds("bump", "patch")):
            self.assert_counted(ends, number * COUNT)
        self.assertEqual(contents(self.path)["skelebot.yaml"].decode(), text.format(ROUNDS * COUNT))


class Scaffold(Case):
    def scaffold(self, number, place):
        """What makes a project: each has its own name and another template than the next."""
        return (("scaffold", place, "--yes", "--name", f"n{number}", "--template", ("default", "iris", "dash")[number % 3],
                 "--description", "x", "--maintainer", "ada", "--contact", "ada@example.com"), self.top)

    def test_one_makes_the_project(self):
        alone = {}
        for _ in range(ROUNDS):
            ends = self.at_once(*[self.scaffold(number, "new") for number in range(COUNT)])
            won = [number for number, (status, _) in enumerate(ends) if not status]
            self.assertEqual(len(won), 1)
            if won[0] not in alone:
                self.at_once(self.scaffold(won[0], "alone"))
                alone[won[0]] = contents(os.path.join(self.top, "alone"))
                shutil.rmtree(os.path.join(self.top, "alone"))
            self.assertEqual(contents(os.path.join(self.top, "new")), alone[won[0]])
            shutil.rmtree(os.path.join(self.top, "new"))


class Plugin(Case):
    def test_is_one_of_those_that_are_installed(self):
        sources = [os.path.join(self.top, f"s{number}", "plain") for number in range(2)]
        for number, source in enumerate(sources):
            write(os.path.join(source, "plain.py"), PLUGIN.format(number))
            for inner in range(20):
                write(os.path.join(source, "data", f"{inner}{number}"), str(number) * 1000)
        for _ in range(ROUNDS):
            ends = self.at_once(*[(("plugin", "install", sources[number % 2]), self.path) for number in range(COUNT)])
            self.assertEqual([status for status, _ in ends], [0] * COUNT, self.refusals)
            found = contents(os.path.join(self.top, "home", "plugins"))
            self.assertIn({path[len("plain/"):]: data for path, data in found.items() if path != "plain/"},
                          list(map(contents, sources)))


class Package(Case):
    def test_is_whole(self):
        self.one("package")
        path = os.path.join(self.path, "dist", "churn.zip")
        alone = contents(os.path.join(self.path, "dist"))
        for ends in self.rounds("package"):
            self.assertEqual(ends, [(0, "dist/churn.zip\n")] * COUNT)
            self.assertEqual(contents(os.path.join(self.path, "dist")), alone)
        with zipfile.ZipFile(path) as archive:
            self.assertIsNone(archive.testzip())


if __name__ == "__main__":
    unittest.main()
