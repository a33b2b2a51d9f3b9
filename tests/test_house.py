"""How skelebot.py is built: its contents, its width, and where alone it acts."""
import ast
import collections
import glob
import os
import re
import unittest

import skelebot
from support import ROOT

with open(os.path.join(ROOT, "skelebot.py"), encoding="utf-8") as file:
    TEXT = file.read()
TREE = ast.parse(TEXT)
LINES = TEXT.split("\n")
BANNERS = [(number, match.group(1)) for number, line in enumerate(LINES, 1)
           for match in [re.match(r"# ---- (.+?) -+$", line)] if match]
# What changes files, the environment or processes, as it is called.
ACTS = {"os." + name for name in (
    "remove", "unlink", "rename", "replace", "mkdir", "makedirs", "rmdir", "removedirs", "link", "symlink", "chmod",
    "chown", "utime", "truncate", "kill", "killpg", "system", "popen", "fork", "execv", "execvp", "chdir", "putenv",
    "unsetenv", "write", "umask", "dup2", "environ.pop", "environ.update", "environ.setdefault", "environ.clear")} | {
        "shutil." + name for name in ("rmtree", "copyfile", "copy", "copytree", "move")} | {"signal.signal"}
ACROSS = ("backtracking", "bounds", "foreign", "house", "mutations", "readme")     # tests of all sections


def section(number):
    """The section that a line is in."""
    return ([""] + [name for start, name in BANNERS if start <= number])[-1]


def dotted(node):
    """`os.environ.pop` of the nodes that stand for it."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return getattr(node, "id", "")


def writes(call):
    """Whether a call of open() is not for reading alone."""
    mode = next(iter([*call.args[1:2], *[word.value for word in call.keywords if word.arg == "mode"]]), None)
    return mode is not None and not re.match(r"rb?$", str(getattr(mode, "value", getattr(mode, "s", "?"))))


def acts(node):
    """Whether a node of the syntax tree changes something, or starts a program."""
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        return name in ACTS or name.startswith("subprocess.") or (name == "open" and writes(node))
    targets = getattr(node, "targets", [])
    return any(isinstance(target, ast.Subscript) and dotted(target.value) == "os.environ" for target in targets)


class House(unittest.TestCase):
    maxDiff = None

    def test_has_the_sections_that_its_contents_name_in_their_order(self):
        contents = ast.get_docstring(TREE, clean=False).partition("Contents")[2]
        self.assertEqual([name for _, name in BANNERS],
                         [name.strip() for name in re.findall(r"(?m)^ {4}(\S.{14}) ", contents)])

    def test_has_test_files_that_are_named_for_its_sections(self):
        sections = [name.lower().replace(" ", "_") for _, name in BANNERS]
        names = [os.path.basename(path)[len("test_"):-len(".py")]
                 for path in glob.glob(os.path.join(ROOT, "tests", "test_*.py"))]
        self.assertEqual(sorted(name for name in names if name not in ACROSS and not any(
            name == one or name.startswith(one + "_") for one in sections)), [])

    def test_is_no_wider_than_100_columns(self):
        self.assertEqual([number for number, line in enumerate(LINES, 1) if len(line) > 100], [])

    def test_gives_each_name_one_meaning(self):
        names = [name for node in TREE.body for name in ([node.name] if hasattr(node, "name") else [
            one.id for target in getattr(node, "targets", ()) for one in ast.walk(target) if isinstance(one, ast.Name)])]
        self.assertIn("AT_ONCE", names)
        self.assertEqual([name for name, count in collections.Counter(names).items() if count > 1], [])

    def test_acts_only_in_the_section_doing(self):
        found = [(section(node.lineno), node.lineno) for node in ast.walk(TREE) if acts(node)]
        self.assertTrue([one for one in found if one[0] == "Doing"])
        self.assertEqual([one for one in found if one[0] != "Doing"], [])

    def test_calls_modules_by_their_names(self):
        later = ast.parse(TEXT).body
        names = [target.id for node in later if isinstance(node, ast.Assign) and "Later" in ast.dump(node.value)
                 for target in node.targets[0].elts]
        self.assertIn("subprocess", names)
        self.assertEqual([getattr(skelebot, name).__name__ for name in names], names)


if __name__ == "__main__":
    unittest.main()
