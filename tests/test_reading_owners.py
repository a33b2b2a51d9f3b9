"""Whose files are obeyed: the caller's and root's, and those that the caller has said to trust."""
import contextlib
import os
import unittest

import skelebot
import support
from support import call, folder, process, two_lines

SOMEBODY, ANOTHER = 54321, 54322
FILES = {"skelebot.yaml": "name: churn\njobs: [{name: a, source: echo done, native: always}]\n",
         "src/deep/x": "", "home/x": ""}
PLUGIN = "from skelebot import Component\n\nprint('imported')\n\n\nclass Hello(Component):\n    pass\n"


@contextlib.contextmanager
def user(uid):
    """Somebody else than root, for a while."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def refusal(path, uid, trusted):
    return 1, "", two_lines(f"{path}: belongs to user {uid}, neither to you nor to root",
                            f"if you trust it: export SKELEBOT_TRUST={trusted}")


@unittest.skipUnless(vars(os).get("geteuid", lambda: 1)() == 0, "only root can give files away")
class Case(unittest.TestCase):
    def setUp(self):
        holder = contextlib.ExitStack()
        self.addCleanup(holder.close)
        self.top = holder.enter_context(folder(FILES))
        os.chmod(self.top, 0o755)
        self.file = os.path.join(self.top, "skelebot.yaml")
        self.below = os.path.join(self.top, "src", "deep")
        self.home = os.path.join(self.top, "home")
        holder.enter_context(support.environment(SKELEBOT_HOME=self.home))
        for name in ("SKELEBOT_TRUST", "SUDO_UID"):
            os.environ.pop(name, None)

    def give(self, uid, *paths):
        for path in paths:
            os.chown(path, uid, uid, follow_symlinks=False)

    def asks(self, path=None, **environ):
        """How a question about the project ends, below its folder."""
        with support.environment(**environ):
            return call("envs", folder=path or self.below)

    DONE = (0, "[default]\n", "")


class ParentFolder(Case):
    def test_is_obeyed_if_it_belongs_to_root_or_the_caller(self):
        self.assertEqual(self.asks(), self.DONE)
        self.give(SOMEBODY, self.top, self.file)
        with user(SOMEBODY):
            self.assertEqual(skelebot.project_folder(self.below), self.top)
        self.give(0, self.top)
        with user(SOMEBODY):
            self.assertEqual(skelebot.project_folder(self.below), self.top)

    def test_of_somebody_else_is_refused_also_by_root(self):
        self.give(SOMEBODY, self.top)
        self.assertEqual(self.asks(), refusal(self.top, SOMEBODY, self.top))
        self.give(SOMEBODY, self.file)
        with user(ANOTHER), self.assertRaises(skelebot.SkelebotError):
            skelebot.project_folder(self.below)

    def test_with_a_file_of_somebody_else_is_refused(self):
        self.give(SOMEBODY, self.file)
        self.assertEqual(self.asks(), refusal(self.file, SOMEBODY, self.top))

    def test_with_a_link_of_somebody_else_or_to_a_file_of_theirs_is_refused(self):
        os.rename(self.file, self.file + ".x")
        os.symlink("skelebot.yaml.x", self.file)
        self.assertEqual(self.asks(), self.DONE)
        for path in (self.file, self.file + ".x"):
            self.give(SOMEBODY, path)
            self.assertEqual(self.asks(), refusal(self.file, SOMEBODY, self.top))
            self.give(0, path)

    def test_is_obeyed_by_root_if_it_belongs_to_who_typed_sudo(self):
        self.give(SOMEBODY, self.top, self.file)
        self.assertEqual(self.asks(SUDO_UID=str(SOMEBODY)), self.DONE)
        for other in (str(ANOTHER), "", "x", "-1", "²"):
            ending = self.asks(SUDO_UID=other)
            self.assertEqual(ending, refusal(self.top, SOMEBODY, self.top), other)

    def test_is_not_obeyed_by_somebody_who_only_says_so(self):
        self.give(SOMEBODY, self.top)
        with user(ANOTHER), support.environment(SUDO_UID=str(SOMEBODY)):
            self.assertRaises(skelebot.SkelebotError, skelebot.project_folder, self.below)

    def test_is_obeyed_if_it_is_trusted(self):
        self.give(SOMEBODY, self.top, self.file)
        link = os.path.join(self.home, "link")
        os.symlink(self.top, link)
        for trust in (self.top, self.top + "/", link, "/else:" + self.top, "*", "/else:*"):
            self.assertEqual(self.asks(SKELEBOT_TRUST=trust), self.DONE, trust)
        for trust in ("", ":", "/else", os.path.dirname(self.top), self.below, self.top + "x"):
            ending = self.asks(SKELEBOT_TRUST=trust)
            self.assertEqual(ending[0], 1, trust)
        self.assertEqual(self.asks(SKELEBOT_TRUST="/else"),
                         refusal(self.top, SOMEBODY, "/else:" + self.top))

    def test_is_trusted_as_the_hint_says_it(self):
        self.give(SOMEBODY, self.top)
        value = self.asks()[2].rpartition("SKELEBOT_TRUST=")[2].strip()
        self.assertEqual(self.asks(SKELEBOT_TRUST=value), self.DONE)

    def test_is_left_alone_by_what_needs_no_project(self):
        self.give(SOMEBODY, self.top)
        message = refusal(self.top, SOMEBODY, "")[2].partition("\n")[0] + "\n"
        warning = message.replace("skelebot: ", "skelebot: warning: ", 1)
        with folder({}) as outside:
            for words in ([], ["-h"], ["-v"], ["plugin", "list"], ["scaffold", "-h"]):
                plain = call(*words, folder=outside)
                self.assertEqual(call(*words, folder=self.below),
                                 plain._replace(stderr=warning + plain.stderr), words)
        self.assertEqual(call("scaffold", "-y", "new", folder=self.below).status, 0)
        self.assertTrue(os.path.exists(os.path.join(self.below, "new", "skelebot.yaml")))

    def test_is_refused_by_what_needs_one(self):
        self.give(SOMEBODY, self.top)
        for words in (["a"], ["a", "-h"], ["-h", "a"], ["envs"], ["-c"], ["-e", "dev"],
                      ["--dry-run", "a"], ["bump", "1.0.0"]):
            ending = call(*words, folder=self.below)
            self.assertEqual(ending, refusal(self.top, SOMEBODY, self.top), words)


class CurrentFolder(Case):
    def test_is_obeyed_whoever_it_belongs_to(self):
        self.give(SOMEBODY, self.top, self.file)
        self.assertEqual(self.asks(self.top), self.DONE)
        self.assertEqual(call("-C", self.top, "envs", folder="/"), self.DONE)
        self.assertEqual(process("-C", self.top, "a", folder="/"), (0, "done\n", ""))

    def test_in_which_everybody_writes_is_refused_with_a_file_of_somebody_else(self):
        os.chmod(self.top, 0o1777)
        self.assertEqual(self.asks(self.top), self.DONE)
        self.give(SOMEBODY, self.file)
        self.assertEqual(self.asks(self.top), refusal(self.file, SOMEBODY, self.top))
        self.assertEqual(self.asks(self.top, SKELEBOT_TRUST=self.top), self.DONE)
        self.assertEqual(call("plugin", "list", folder=self.top).status, 0)


class Plugins(Case):
    def setUp(self):
        super().setUp()
        self.plugin = os.path.join(self.home, "plugins", "hello")
        os.makedirs(self.plugin)
        with open(os.path.join(self.plugin, "hello.py"), "w") as file:
            file.write(PLUGIN)

    def runs(self, **environ):
        return process("a", folder=self.top, **environ)

    def test_of_the_caller_or_root_are_imported(self):
        self.assertEqual(self.runs()[:2], (0, "imported\ndone\n"))

    def test_of_somebody_else_are_refused(self):
        place, file = os.path.dirname(self.plugin), os.path.join(self.plugin, "hello.py")
        for path in (self.home, place, self.plugin, file):
            self.give(SOMEBODY, path)
            self.assertEqual(self.runs(), refusal(path, SOMEBODY, self.home))
            self.assertEqual(self.runs(SKELEBOT_TRUST=self.home)[:2], (0, "imported\ndone\n"))
            self.give(0, path)

    def test_of_somebody_else_can_be_listed_and_removed(self):
        self.give(SOMEBODY, self.plugin)
        self.assertEqual(call("plugin", "list", folder="/"), (0, "hello\n", ""))
        self.assertEqual(call("plugin", "remove", "hello", folder="/").status, 0)

    def test_that_are_none_are_nobodys(self):
        os.remove(os.path.join(self.plugin, "hello.py"))
        os.rmdir(self.plugin)
        self.give(SOMEBODY, self.home)
        self.assertEqual(self.runs(), (0, "done\n", ""))


if __name__ == "__main__":
    unittest.main()
