"""What may come next on a command line, as a shell's Tab asks for it."""
import os
import unittest

import support
from support import call, folder, two_lines

PROJECT = """
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
FILES = {"skelebot.yaml": PROJECT, "skelebot-dev.yaml": "jobs: [{name: fit, source: fit.py}]\n", "skelebot-prod.yaml": "",
         "other/skelebot.yaml": "name: b\njobs: [{name: bake, source: b.py}]\n", "broken/skelebot.yaml": "nam: b\n"}


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
                ("lo", ["load"]), ("pu", ["push", "pull", "publish"]), ("--ver", ["--version", "--verbose"]), ("'lo", ["load"]),
                ("-e ", ["dev", "prod"]), ("--env p", ["prod"]), ("--env=d", ["--env=dev"]), ("-n lo", ["load"]),
                ("load ", ["all", "one half"]), ("load 'one", ["one half"]), ("load one\\ ", ["one half"]),
                ("load -k f", ["forest"]), ("load --kind=", ["--kind=forest", "--kind=tree"]), ("load --k", ["--kind"]),
                ("load --columns age ", ["age", "sex"]), ("load --fast a", ["all"]), ("load --fa", ["--fast"]),
                ("load all 1 ", ["+"]), ("load all 1 + lo", ["load"]), ("load all 1 + load ", ["all", "one half"]),
                ("push ", ["model", "bert", "ALL"]), ("load + pull m", ["model"]), ("pull model L", ["LATEST", "LATEST!"]),
                ("-C other ba", ["bake"]), ("-C other -n ba", ["bake"]), ("-e dev fi", ["fit"]), ("jupyter --l", ["--lab"]),
                ("scaffold --language R", ["R", "R+Python"]), ("plugin i", ["install"]), ("completion ", ["bash", "zsh", "fish"]),
                ("help exit", ["exit-status"]), ("help lo", ["load"]), ("help sca", ["scaffold"]), ("publish --o", ["--omit-version", "--omit-latest"])):
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
        with folder({"plugins/chat/chat.py": plugin, "skelebot.yaml": PROJECT}) as path:
            with support.environment(SKELEBOT_HOME=path):
                self.assertEqual(call("--complete", "skelebot ch", folder=path), (0, "chat\ttalk\n", ""))


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
