"""Builds that are left out: what an image is built of, what is remembered of it, and when it is built again."""
import contextlib
import hashlib
import io
import marshal
import os
import random
import re
import time
import unittest
from types import SimpleNamespace

from support import Driven, Index, folder, inside, project, skelebot, two_lines
from skelebot import (Built, Call, Command, Hold, ImageIds, Note, Outcome, Recipe, Words, context_line,
                      plan_chain, plan_job)

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b", python="/usr/bin/python3")
SECOND = 10 ** 9
WINDOWS = os.name == "nt"


def sha(name):
    """An image's id, which a name stands for here."""
    return "sha256:" + hashlib.sha256(str(name).encode()).hexdigest()


def settle():
    """Wait until the files' times tell of the next change."""
    time.sleep(skelebot.RECENT / SECOND + 0.01)


def put(path, text):
    with open(path, "w") as file:
        file.write(text)


def put_unseen(path, text):
    """Another text at the same time, as far as one can ask for that."""
    before = os.stat(path)
    put(path, text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(one, other):
    os.rename(one, "swapped")
    os.rename(other, one)
    os.rename("swapped", other)


def instead(path, make, *words):
    """Something else where a file or link was."""
    os.unlink(path)
    make(*words)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- The build context ------------------------------------------------------

TREE = {"f": "a", "g": "b", "d/h": "c", "d/deep/i": "", "d/Dockerfile": "", "x.log": "", "data/big": "",
        "data/keep": "k", "data/deep/er": "", "Dockerfile": "FROM a", ".dockerignore": "", ".skelebot/builds/x": ""}
IGNORES = skelebot.Ignores("*.log\ndata\n!data/keep\n")
OURS = ("Dockerfile", ".dockerignore", ".skelebot")

# What is done in that tree -> what is said of it.
CHANGES = {
    "content of another size": (lambda: put("f", "aa"), "f was changed"),
    "content of the same size": (lambda: put("f", "b"), "f was changed"),
    "content of the same size and time": (lambda: put_unseen("f", "b"), "f was changed"),
    "content of a file further down": (lambda: put_unseen("d/deep/i", "x"), "d/deep/i was changed"),
    "a time": (lambda: os.utime("f", (1, 1)), "f was changed"),
    "a mode": (lambda: os.chmod("f", 0o755), "the mode of f has changed"),
    "a new file": (lambda: put("new", ""), "new is new"),
    "a new file in a folder": (lambda: put("d/deep/new", ""), "d/deep/new is new"),
    "a removed file": (lambda: os.unlink("f"), "f is gone"),
    "a renamed file": (lambda: os.rename("f", "r"), "f is gone"),
    "files that change places": (lambda: swap("f", "g"), "f was changed"),
    "a file that moves to another folder": (lambda: os.rename("f", "d/f"), "d/f is new"),
    "a new folder": (lambda: os.mkdir("new"), "new is new"),
    "a removed empty folder": (lambda: os.rmdir("empty"), "empty is gone"),
    "a renamed folder": (lambda: os.rename("d", "e"), "d is gone"),
    "a folder's mode": (lambda: os.chmod("empty", 0o711), "the mode of empty has changed"),
    "a link's target": (lambda: instead("link", os.symlink, "g", "link"), "link was changed"),
    "a link to a folder that leads elsewhere": (lambda: instead("to", os.symlink, "empty", "to"), "to was changed"),
    "a file that becomes a link": (lambda: instead("f", os.symlink, "g", "f"), "the mode of f has changed"),
    "a file that becomes a folder": (lambda: instead("f", os.mkdir, "f"), "the mode of f has changed"),
    "a link that becomes what it led to": (lambda: instead("link", put, "link", "a"), "the mode of link has changed"),
    "a link that becomes a folder": (lambda: instead("to", os.mkdir, "to"), "the mode of to has changed"),
    "a link to nothing": (lambda: os.symlink("nothing", "new"), "new is new"),
    "a pipe": (lambda: os.mkfifo("new"), "new is new"),
    "a file that is let in again": (lambda: put_unseen("data/keep", "K"), "data/keep was changed"),
    "a Dockerfile further down": (lambda: put("d/Dockerfile", "FROM b"), "d/Dockerfile was changed"),
}

# What may happen there, and changes no image.
NO_CHANGES = {
    "nothing": lambda: None,
    "a file that is read": lambda: read("f"),
    "a folder's time": lambda: os.utime("d", (1, 1)),
    "what came and went": lambda: (put("new", ""), os.unlink("new")),
    "what a link out of the project leads to": lambda: put("outer/f", "b"),
    "an ignored file that is changed": lambda: put("x.log", "a"),
    "an ignored file's mode": lambda: os.chmod("x.log", 0o755),
    "a new ignored file": lambda: put("y.log", ""),
    "an ignored file that is gone": lambda: os.unlink("x.log"),
    "files in an ignored folder": lambda: (put("data/big", "a"), put("data/new", ""), put("data/deep/er", "a")),
    "a new folder in an ignored one": lambda: os.mkdir("data/new"),
    "a Dockerfile that is written anew": lambda: instead("Dockerfile", put, "Dockerfile", "FROM b"),
    "a Dockerfile that is gone": lambda: os.unlink("Dockerfile"),
    "a .dockerignore that is written anew": lambda: put(".dockerignore", "*.log"),
    "what is remembered": lambda: (put(".skelebot/builds/x", "x"), os.mkdir(".skelebot/plugins")),
}


@unittest.skipIf(WINDOWS, "modes, links and pipes")
class BuildContext(unittest.TestCase):
    """The files of a recipe, before and after each of the cases."""

    @classmethod
    def setUpClass(cls):
        cases = {**{case: act for case, (act, _) in CHANGES.items()}, **NO_CHANGES}
        files = {f"{number}/{name}": text for number in range(len(cases)) for name, text in TREE.items()}
        with inside({**files, **{f"outer/{number}/f": "a" for number in range(len(cases))}}) as top:
            folders = [os.path.join(top, str(number)) for number in range(len(cases))]
            for number, path in enumerate(folders):
                os.chdir(path)
                os.mkdir("empty")
                os.symlink("f", "link")
                os.symlink("d", "to")
                os.symlink(f"../outer/{number}", "outer")
            settle()
            before = cls.indexes(folders)
            for path, act in zip(folders, cases.values()):
                os.chdir(path)
                act()
            settle()
            cls.found = dict(zip(cases, zip(before, cls.indexes(folders))))

    @staticmethod
    def indexes(folders):
        found = []
        for path in folders:
            os.chdir(path)
            found.append(Recipe(files=skelebot.context_index(IGNORES, OURS)))
        return found

    def test_is_another_one_with(self):
        for case, (_, words) in CHANGES.items():
            with self.subTest(case):
                self.assertNotEqual(*self.found[case])
                self.assertEqual(self.found[case][0].change(self.found[case][1]), words)

    def test_is_the_same_with(self):
        for case in NO_CHANGES:
            with self.subTest(case):
                self.assertEqual(*self.found[case])

    def test_is_closed_if_it_holds_what_others_may_not_read(self):
        for closed, modes in ((False, ("100644", "100755", "100604 7", "40755", "40705", "120777 'a'", "10644")),
                              (True, ("100600 7 1", "100640", "100750 1", "40700", "40750", "40751", "40754"))):
            for mode in modes:
                with self.subTest(mode):
                    self.assertEqual(Recipe(files=f"a//100644 1\nb c//{mode}\nd//100755 9").is_closed, closed)

    def test_has_its_files_links_and_folders_in_order_but_none_that_is_left_out(self):
        paths = [line.partition("//")[0] for line in self.found["nothing"][0].files.split("\n")]
        self.assertEqual(paths, ["d", "d/Dockerfile", "d/deep", "d/deep/i", "d/h", "data/keep", "empty", "f", "g",
                                 "link", "outer", "to"])


def status(**changes):
    """What os.stat says of a plain file, but for `changes`."""
    return SimpleNamespace(**{
        "st_mode": 0o100644, "st_ino": 1, "st_dev": 1, "st_nlink": 1, "st_uid": 0, "st_gid": 0, "st_size": 7,
        "st_atime_ns": SECOND + 1, "st_mtime_ns": SECOND + 1, "st_ctime_ns": SECOND + 1, **changes})


class ContextLine(unittest.TestCase):
    NOW = 100 * SECOND

    def line(self, path="f", now=NOW, **changes):
        return context_line(path, path, status(**changes), now)

    def test_tells_files_apart_by_mode_size_inode_and_both_times_to_the_nanosecond(self):
        for changes in ({"st_mode": 0o100755}, {"st_mode": 0o104644}, {"st_size": 8}, {"st_mtime_ns": SECOND + 2},
                        {"st_ctime_ns": SECOND + 2}, {"st_ino": 2}, {"st_mode": 0o40644}, {"path": "g"}):
            with self.subTest(changes):
                self.assertNotEqual(self.line(**changes), self.line())

    def test_says_nothing_of_an_owner_who_is_in_no_image(self):
        for name in ("st_uid", "st_gid", "st_dev", "st_nlink", "st_atime_ns"):
            with self.subTest(name):
                self.assertEqual(self.line(**{name: 7}), self.line())

    def test_tells_folders_apart_by_name_and_mode_only(self):
        at = {"st_mode": 0o40755}
        for changes in ({"st_mtime_ns": self.NOW}, {"st_ctime_ns": self.NOW}, {"st_size": 8}, {"st_nlink": 9}):
            with self.subTest(changes):
                self.assertEqual(self.line(**at, **changes), self.line(**at))
        self.assertNotEqual(self.line(st_mode=0o40700), self.line(**at))

    @unittest.skipIf(WINDOWS, "links")
    def test_tells_links_apart_by_where_they_lead(self):
        with inside({}):
            targets = {"one": "a", "other": "b", "third": "a"}
            for path, target in targets.items():
                os.symlink(target, path)
            found = {path: context_line(path, "name", os.lstat(path), self.NOW) for path in targets}
        self.assertNotEqual(found["one"], found["other"])
        self.assertEqual(found["one"], found["third"])

    def test_is_unique_for_a_file_that_was_changed_a_moment_ago(self):
        new = self.NOW - 10 ** 6 - 1
        self.assertNotEqual(self.line(st_ctime_ns=new), self.line(st_ctime_ns=new, now=self.NOW + 1))
        self.assertEqual(self.line(), self.line(now=self.NOW + 1))

    def test_is_so_on_disk_as_well(self):
        with inside({}):
            unique = 0
            for _ in range(20):         # the machine may be busy for longer than a moment
                put("f", "a")
                unique += len({skelebot.context_index(skelebot.Ignores()) for _ in range(2)}) == 2
            settle()
            settled, unchanged = (skelebot.context_index(skelebot.Ignores()) for _ in range(2))
        self.assertGreater(unique, 0)
        self.assertEqual(settled, unchanged)


class Recent(unittest.TestCase):
    MILLI = 10 ** 6

    @staticmethod
    def is_unique(changed, now):
        status = SimpleNamespace(st_mode=0o100644, st_size=1, st_mtime_ns=2, st_ctime_ns=changed, st_ino=3)
        return context_line("a", "a", status, now).endswith(f" {now}")

    def test_is_what_could_be_changed_again_without_a_trace(self):
        now = 1700000000 * SECOND + 123456789
        for age, recent in ((0, True), (self.MILLI + 1, True), (49 * self.MILLI, True), (51 * self.MILLI, False),
                            (SECOND, False), (-SECOND, True), (-3600 * SECOND, True)):
            with self.subTest(age):
                self.assertEqual(self.is_unique(now - age, now), recent)

    def test_is_longer_on_a_disk_that_counts_seconds(self):
        changed = 1700000000 * SECOND
        for later, recent in ((0, True), (SECOND // 2, True), (2 * SECOND, True), (2 * SECOND + 99 * self.MILLI, True),
                              (2 * SECOND + 101 * self.MILLI, False), (9 * SECOND, False)):
            with self.subTest(later):
                self.assertEqual(self.is_unique(changed, changed + later), recent)


NAMES = (b"a", b"b", b"a\nb", b"\n", b" ", b"a b", b"a\n", b"\nb", b"a\\nb", b"'", b'"', b"\\\\", b"\xff", b"\xfe",
         b"\xc3\xbc", b"u\xcc\x88", b"\xe2\x80\xa8", b"\r", b"\x0b", b"\x1c", b"\xc2\x85", b"-", b"40755", b"b 40755",
         b"a\nb 40755", b"...")
TARGETS = (b"x", b"b\nc", b"b\\nc", b"x' y", b"a//40755", b"x'\nb//120777 'x", b"\xff", b"..")


def trees(count, seed=7):
    """Folders (None) and links (target) below odd names, the same trees at every call."""
    chance = random.Random(seed)
    for _ in range(count):
        tree = {}
        for name in chance.sample(NAMES, chance.randint(1, 3)):
            tree[name] = chance.choice((None, None, *TARGETS))
            if tree[name] is None and chance.random() < 0.5:
                tree[name + b"/" + chance.choice(NAMES)] = chance.choice((None, *TARGETS))
        yield tree


@unittest.skipIf(WINDOWS, "names that only POSIX has")
class OddNames(unittest.TestCase):
    """Trees of folders and links, which have no times: so only what they are tells them apart."""

    @classmethod
    def setUpClass(cls):
        cls.trees = list(trees(250))
        cls.found = list(map(cls.indexed, cls.trees))

    @staticmethod
    def indexed(tree):
        with inside({}) as path:
            os.chmod(path, 0o755)
            for name, target in tree.items():
                os.mkdir(name, 0o755) if target is None else os.symlink(target, name)
            return skelebot.context_index(skelebot.Ignores())

    def test_make_no_two_trees_alike(self):
        alike = {}
        for tree, text in zip(self.trees, self.found):
            self.assertEqual(alike.setdefault(text, tree), tree)
        self.assertGreater(len(alike), 200)

    def test_in_a_links_target_are_no_file(self):
        linked, other = ({b"a": b"x\nb//40755"}, {b"a": b"x", b"b": None})
        self.assertNotEqual(*map(self.indexed, (linked, other)))

    def test_are_kept_as_they_are(self):
        for text in self.found:
            built = Built("k", sha("1"), "0a", Recipe(files=text))
            kept = built.cache_text.encode("utf-8", "surrogatepass")
            self.assertEqual(Built.read(kept.decode("utf-8", "surrogatepass"), "k"), built)

    def test_are_no_hindrance_to_say_what_was_changed(self):
        for one, other in zip(self.found, self.found[1:]):
            words = Recipe(files=one).change(Recipe(files=other))
            self.assertTrue(words if one != other else not words)


class NamesOfAnyLanguage(unittest.TestCase):
    """Also for Python 3.6 in the C locale, which has other characters for them."""

    def test_are_compared_as_they_are_written(self):
        with inside({"ü.log": "", "lü/x": "", "a": ""}):
            for values, paths in (((skelebot.Ignores("*\n!ü.log\n"),), {"ü.log"}),
                                  ((skelebot.Ignores("lü\n*.log"),), {"a"}),
                                  ((skelebot.Ignores(), (), ("lü",)), {"lü", "lü/x"}),
                                  ((skelebot.Ignores(), ("lü",)), {"a", "ü.log"})):
                found = Recipe(files=skelebot.context_index(*values)).facts
                self.assertEqual({*found}, paths)


@unittest.skipIf(WINDOWS, "modes")
class UnreadableFolder(unittest.TestCase):
    @contextlib.contextmanager
    def nobody(self):
        """As somebody whom modes concern."""
        root = not os.geteuid()
        if root:
            os.seteuid(65534)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    def test_is_no_fault_but_counts_as_such(self):
        with inside({"d/f": "", "g": ""}) as path:
            os.chmod(path, 0o755)
            settle()
            readable = skelebot.context_index(skelebot.Ignores())
            os.chmod("d", 0)
            try:
                with self.nobody():
                    closed = skelebot.context_index(skelebot.Ignores())
            finally:
                os.chmod("d", 0o755)
        self.assertIn("d/f//", readable)
        self.assertNotIn("d/f//", closed)
        self.assertEqual(readable.split("\n")[-1], closed.split("\n")[-1])
        self.assertTrue(Recipe(files=readable).change(Recipe(files=closed)))


# ---- Jobs, and Docker by hand -----------------------------------------------

BASE = project().base


class Engine:
    """Docker by hand: name -> id of its images, the ids of those that are there, and the texts they were built from.

    ended   word of a command -> the Outcome that it has, or the exception that comes
    during  what is done while a lock is waited for
    pruned  how many containers are yet to find that their image has gone just before
    silent  the ids of what is built are not told
    pulled  the id of the newest base image, which a build with --pull fetches
    """

    def __init__(self):
        self.ids, self.there, self.texts = {BASE: sha("base")}, {sha("base")}, []
        self.ended, self.during, self.pruned, self.silent, self.pulled = {}, None, 0, False, ""

    def answer(self, step):
        if isinstance(step, Note):
            return None
        if isinstance(step, ImageIds):
            return tuple(map(self.id, step.names))
        word = next((word for word in step.argv if word in ("build", "run", "image", "context", "info")), "")
        return self.ended[word] if word in self.ended else getattr(self, word, self.version)(step.argv, step.given)

    def id(self, name):
        found = self.ids.get(name, name)
        return found if found in self.there else ""

    def tag(self, name, image):
        self.ids[name] = image
        self.there.add(image)

    def version(self, argv, given):
        return Outcome(0, "Docker version 20.10.24, build 297\n")

    def image(self, argv, given):
        names = argv[argv.index("inspect") + 1:]
        found = [self.id(name) for name in (names[2:] if names[0] == "--format" else names)]
        return Outcome(0 if all(found) else 1, "".join(one + "\n" for one in found if one))

    def build(self, argv, given):
        tag, file = (argv[argv.index(flag) + 1] for flag in ("--tag", "--file"))
        self.texts.append(given or read(file).decode())
        if self.pulled and "--pull" in argv:
            self.tag(BASE, self.pulled)
        self.tag(tag, sha(len(self.texts)))
        if not self.silent and "--iidfile" in argv:
            put(argv[argv.index("--iidfile") + 1], self.ids[tag])
        return Outcome()

    def run(self, argv, given):
        name = argv[-4]                 # IMAGE python -u FILE
        if self.pruned:
            self.pruned -= 1
            self.there.discard(self.id(name))
        return Outcome(0 if self.id(name) else 125)


def performed(plan, call, engine):
    """Do the steps of a plan in the current folder, but ask an Engine instead of Docker."""
    steps, go, result = [], plan.send, None
    try:
        while True:
            step = go(result)
            steps.append(step)
            if isinstance(step, Hold) and engine.during:
                during, engine.during = engine.during, None
                during()
            try:
                shown = call.dry_run and hasattr(step, "line") and not getattr(step, "looks", False)
                asked = isinstance(step, (Command, ImageIds, Note)) and not shown
                go, result = plan.send, engine.answer(step) if asked else skelebot.do(step, call)
                if isinstance(result, BaseException):
                    go = plan.throw
            except skelebot.SkelebotError as fault:
                go, result = plan.throw, fault
    except StopIteration as end:
        return Driven(steps, end.value)
    except (skelebot.SkelebotError, KeyboardInterrupt) as fault:
        return Driven(steps, fault=fault)


def commands(done):
    return [step for step in done.steps if isinstance(step, Command)]


def told(done):
    """What Docker was told to build and run: `build`, `rebuild` or `run`."""
    words = [next((word for word in step.argv if word in ("build", "run")), "") for step in commands(done)]
    return ["rebuild" if word == "build" and {"--pull", "--no-cache"} <= {*step.argv} else word
            for word, step in zip(words, commands(done)) if word]


def notes(done):
    return [step.text for step in done.steps if isinstance(step, Note)]


def images(done):
    """The images that jobs were run in."""
    return [step.argv[-4] for step in commands(done) if "run" in step.argv]


FILES = {"skelebot.yaml": "", "src/train.py": "1", "src/score.py": "2", "limits.txt": "x", "libs/a/setup.py": "",
         "x.log": "", "pyproject.toml": "[project]\ndependencies = []\n", "own": "FROM python\nCOPY limits.txt /\nCOPY . /app\n", "config.ini": ""}
JOBS = {"jobs": [{"name": "train", "source": "src/train.py"}, {"name": "score", "source": "src/score.py"},
                 {"name": "small", "source": "src/train.py", "ignores": ["libs/"]}]}


class JobCase(unittest.TestCase):
    """Jobs of a project in a real folder, with a real home, and Docker by hand."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.folder = cls.stack.enter_context(inside(FILES))
        settle()

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def setUp(self):
        home = contextlib.ExitStack()
        self.home = home.enter_context(folder({}))
        self.builds = os.path.join(self.home, ".skelebot", "builds")
        self.addCleanup(home.close)
        self.engine = Engine()

    def perform(self, plan, call=ADA, **keys):
        """A plan of (call, project)."""
        it = project(**{"folder": os.getcwd(), **JOBS, **keys})
        call = call._replace(home=self.home)
        return performed(plan(call, it), call, self.engine)

    def job(self, call=ADA, name="train", **keys):
        return self.perform(lambda call, it: plan_job(call, it, it.job(name), Words()), call, **keys)

    def build(self, call=ADA, job=None, **keys):
        """The Build of the image, which is not built."""
        def plan(call, it):
            own = job and it.job(job)
            engine = yield from skelebot.plan_engine(call, call.host or it.host)
            return (yield from skelebot.Image(engine, it, own).plan_build())
        return self.perform(plan, call, **keys).status

    def edit(self, path, text):
        """Change a file of the project for one test."""
        before = read(path)
        self.addCleanup(settle)
        self.addCleanup(put, path, before.decode())
        put(path, text)
        settle()

    def remembered(self):
        """The files in which something is remembered of images."""
        return sorted(os.path.join(self.builds, name) for name in os.listdir(self.builds) if name.startswith("churn"))


class SameRecipe(JobCase):
    """A job whose image was built of the same before."""

    def test_is_run_by_the_images_id_and_nothing_else_is_done(self):
        first, again = self.job(), self.job()
        self.assertEqual((told(first), told(again)), (["build", "run"], ["run"]))
        self.assertEqual(images(first) + images(again), [sha("1"), sha("1")])
        self.assertEqual(len(commands(again)), 1)
        acts = {type(step).__name__ for step in again.steps} - {"Look", "Read", "Index", "ImageIds", "Command"}
        self.assertEqual(acts, set())

    def test_is_any_job_with_the_same_image(self):
        self.job()
        self.assertEqual(told(self.job(name="score")), ["run"])
        self.assertEqual(told(self.job(name="small")), ["build", "run"])
        self.assertEqual(told(self.job()) + told(self.job(name="small")), ["run", "run"])

    def test_is_so_whoever_calls_and_whenever(self):
        self.job()
        for changes in ({"token": "ffff"}, {"uid": 7, "login": "bob"}, {"terminal": True}, {"verbose": True},
                        {"environ": {"LANG": "C"}}, {"python": "/opt/python3"}):
            with self.subTest(changes):
                self.assertEqual(told(self.job(ADA._replace(**changes))), ["run"])

    def test_is_so_when_the_home_is_in_the_project(self):
        os.mkdir("home")
        self.home = os.path.join(self.folder, "home")
        self.addCleanup(skelebot.remove, skelebot.Remove(self.home))
        self.job()
        self.assertEqual(told(self.job()), ["run"])

    def test_is_so_with_podman_which_is_asked_by_its_command_line(self):
        podman = ADA._replace(engine="podman")
        self.job(podman)
        done = self.job(podman)
        self.assertEqual(told(done), ["run"])
        self.assertEqual(images(done), [sha("1")])

    def test_is_run_by_name_where_the_engine_told_no_id(self):
        self.engine.silent = True
        for _ in "12":
            done = self.job()
            self.assertEqual((told(done), images(done)), (["build", "run"], ["churn"]))
            self.assertEqual(self.remembered(), [])

    def test_is_so_with_a_docker_that_cannot_write_the_id_where_we_could_read_it(self):
        self.engine.silent = True
        confined = ADA._replace(confined=True)
        self.assertNotIn("--iidfile", commands(self.job(confined))[-2].argv)
        self.assertEqual(images(self.job(confined)), [sha("1")])

    def test_writes_no_file_anew_for_an_ephemeral_project(self):
        self.job(ephemeral=True)
        self.assertFalse(os.path.exists("Dockerfile"))
        self.assertEqual(told(self.job(ephemeral=True)), ["run"])
        self.assertFalse(os.path.exists("Dockerfile"))

    def test_is_so_also_when_the_base_image_came_only_with_the_build(self):
        del self.engine.ids[BASE]
        self.engine.during = lambda: self.engine.tag(BASE, sha("base"))
        self.job()
        self.assertEqual(told(self.job()), ["run"])


class OtherRecipe(JobCase):
    """What an image is built of, beside the files that BuildContext is about."""
    MEANT = {
        "another platform": ({"environ": {"DOCKER_DEFAULT_PLATFORM": "linux/arm64"}}, {}),
        "ignores": ({}, {"ignores": ["*.txt"]}),
        "ignores of nothing that is there": ({}, {"ignores": ["nothing"]}),
        "a dependency": ({}, {"dependencies": ["numpy"]}),
        "another base image": ({}, {"baseImage": "debian"}),
        "a command": ({}, {"commands": ["make"]}),
        "a version": ({}, {"version": "1"}),
        "a primary job": ({}, {"primaryJob": "train"}),
        "what is copied": ({}, {"copy": ["config.ini:/etc/x"]}),
        "a Dockerfile of one's own": ({}, {"dockerfile": "own"}),
    }
    APART = {
        "an environment": ({}, {"env": "dev"}),
        "a host": ({"host": "ssh://box"}, {}),
        "the project's host": ({}, {"host": "ssh://box"}),
        "the variables' host": ({"environ": {"DOCKER_HOST": "ssh://box"}}, {}),
        "a Docker context": ({"context": "far"}, {}),
        "another engine": ({"engine": "podman"}, {}),
        "another project": ({}, {"name": "other"}),
        "another folder": ({}, {"folder": "/srv/churn"}),
        "a job's own ignores": ({}, {"job": "small"}),
    }

    def test_is_another_with(self):
        usual = self.build().recipe
        for case, (changes, keys) in self.MEANT.items():
            with self.subTest(case):
                self.assertNotEqual(self.build(ADA._replace(**changes), **keys).recipe, usual)

    def test_is_another_when_the_base_image_is(self):
        usual = self.build().recipe
        self.engine.tag(BASE, sha("newer"))
        self.assertNotEqual(self.build().recipe, usual)
        del self.engine.ids[BASE]
        self.assertNotEqual(self.build().recipe, usual)

    def test_is_never_the_same_when_only_a_build_can_know_what_is_fetched(self):
        self.edit("own", "FROM python\nADD https://example.com/x /x\n")
        self.assertEqual(told(self.job(dockerfile="own")), ["build", "run"])
        done = self.job(ADA._replace(token="ffff", verbose=True), dockerfile="own")
        self.assertEqual(told(done), ["build", "run"])
        self.assertIn("building churn: only a build can know what the Dockerfile fetches", notes(done))

    def test_is_kept_apart_for(self):
        self.engine.ended["context"] = Outcome(0, "ssh://box")
        usual = self.build()
        for case, (changes, keys) in self.APART.items():
            with self.subTest(case):
                other = self.build(ADA._replace(**changes), **keys)
                self.assertNotEqual(other.seen[0][0], usual.seen[0][0])

    def test_of_one_host_builds_nothing_on_another(self):
        self.job()
        self.assertEqual(told(self.job(host="tcp://box:1")), ["build", "run"])
        self.assertEqual(told(self.job()), ["run"])

    def test_of_one_environment_is_not_that_of_another(self):
        self.job()
        done = self.job(env="dev")
        self.assertEqual((told(done), images(done)), (["build", "run"], [sha("2")]))
        self.assertEqual(told(self.job(env="dev")) + told(self.job()), ["run", "run"])

    def test_has_the_text_of_the_file_that_takes_the_place_of_dockerignore(self):
        usual = self.build(ignores=["*.log"]).recipe
        self.addCleanup(os.unlink, "Dockerfile.dockerignore")
        put("Dockerfile.dockerignore", "*.txt")
        settle()
        other = self.build(ignores=["*.log"]).recipe
        self.assertIn("*.txt", other.ignored)
        self.assertIn("x.log//", other.files)
        self.assertNotIn("x.log//", usual.files)
        self.assertNotEqual(self.build(ignores=["*.csv"]).recipe, other)

    def test_has_a_dockerfile_that_the_image_is_not_built_from(self):
        self.addCleanup(os.unlink, "Dockerfile")
        put("Dockerfile", "FROM a")
        settle()
        self.assertIn("Dockerfile//", self.build(dockerfile="own").recipe.files)


class Rebuilding(JobCase):
    """When an image is built again, and what -V says of it."""
    LOUD = ADA._replace(verbose=True)

    def reason(self, call=LOUD, **keys):
        done = self.job(call, **keys)
        self.assertIn("run", told(done))
        return [note.partition("building churn: ")[2] for note in notes(done) if note.startswith("building ")]

    def test_is_said_with_its_reason(self):
        self.assertEqual(self.reason(), ["it was not built here before"])
        self.assertEqual(self.reason(), [])
        self.edit("src/train.py", "3")
        self.assertEqual(self.reason(), ["src/train.py was changed"])
        self.engine.tag(BASE, sha("newer"))
        self.assertEqual(self.reason(), [f"the base image {BASE} has changed"])
        self.assertRegex(self.reason(version="7")[0], r"line \d+ of the Dockerfile is .*version.*7")
        anew = self.LOUD._replace(rebuild=True, token="ffff")
        self.assertEqual(self.reason(anew, version="7"), ["--rebuild asks for it"])
        self.engine.there.clear()
        self.engine.tag(BASE, sha("newer"))
        self.assertEqual(self.reason(version="7"), ["its image is gone"])
        self.assertEqual(self.reason(version="7"), [])

    def test_is_said_with_v_only(self):
        self.assertEqual(notes(self.job()), [])

    def test_comes_once_when_the_image_is_gone(self):
        self.job()
        self.engine.there.remove(sha("1"))
        again = self.job()
        self.assertEqual((told(again), images(again)), (["build", "run"], [sha("2")]))
        self.assertEqual(told(self.job()), ["run"])

    def test_does_not_come_when_only_the_name_is_another_images(self):
        self.job()
        self.engine.tag("churn", sha("foreign"))
        done = self.job()
        self.assertEqual((told(done), images(done)), (["run"], [sha("1")]))
        self.assertIn(("docker", "tag", sha("1"), "churn"), [step.argv for step in commands(done)])

    def test_comes_once_more_when_the_image_goes_just_before_it_is_run(self):
        self.job()
        self.engine.pruned = 1
        done = self.job()
        self.assertEqual((told(done), done.status), (["run", "build", "run"], 0))
        self.assertEqual(notes(done), ["its image is gone, so it is built again"])
        self.assertEqual(images(done), [sha("1"), sha("2")])

    def test_comes_not_twice_when_it_goes_again(self):
        self.job()
        self.engine.pruned = 2
        done = self.job()
        self.assertEqual(told(done), ["run", "build", "run"])
        self.assertIsInstance(done.fault, skelebot.NoImage)

    def test_does_not_come_when_a_job_itself_ends_with_125_or_docker_cannot_run_it(self):
        self.job()
        self.engine.ended["run"] = Outcome(125)
        done = self.job()
        self.assertEqual((told(done), done.status, done.fault), (["run"], 125, None))

    def test_by_rebuild_pulls_and_caches_nothing(self):
        self.job()
        self.assertEqual(told(self.job(ADA._replace(rebuild=True, token="ffff"))), ["rebuild", "run"])
        self.assertEqual(told(self.job()), ["run"])

    def test_by_rebuild_is_of_the_base_image_that_came_with_it(self):
        self.job()
        self.engine.pulled = sha("newest")
        anew = ADA._replace(rebuild=True, token="ffff")
        self.assertEqual((told(self.job(anew)), told(self.job(anew, name="score")), told(self.job())),
                         (["rebuild", "run"], ["run"], ["run"]))

    def test_by_rebuild_comes_once_in_a_chain_for_each_image(self):
        def plan(call, it):
            names = ("train", "score", "small", "train")
            return plan_chain(plan_job(call, it, it.job(name), Words()) for name in names)
        self.job()
        done = self.perform(plan, ADA._replace(rebuild=True, token="ffff"))
        self.assertEqual(told(done), ["rebuild", "run", "run", "rebuild", "run", "run"])

    def test_comes_again_after_a_build_that_failed_or_was_interrupted(self):
        for ended, fault in ((Outcome(1), skelebot.SkelebotError), (KeyboardInterrupt(), KeyboardInterrupt)):
            with self.subTest(fault):
                self.engine.ended["build"] = ended
                for _ in "12":
                    done = self.job()
                    self.assertEqual(told(done), ["build"])
                    self.assertIsInstance(done.fault, fault)

    def test_does_not_come_with_skip_build_which_takes_the_image_by_name(self):
        self.engine.tag("churn", sha("1"))
        self.job(ADA._replace(skip_build=True))         # then it is known what it writes
        done = self.job(ADA._replace(skip_build=True))
        self.assertEqual((told(done), images(done)), (["run"], ["churn"]))
        self.assertEqual([type(step).__name__ for step in done.steps], ["Command"])

    def test_does_not_come_with_skip_build_when_there_is_no_image(self):
        done = self.job(ADA._replace(skip_build=True))
        self.assertEqual(told(done), ["run"])
        self.assertEqual(f"{done.fault}\n", two_lines("there is no image churn", "leave -s out, so that it is built"))

    def test_by_prime_always_comes_and_is_remembered(self):
        for _ in "12":
            done = self.perform(lambda call, it: skelebot.plan_prime(call, it, Words()), self.LOUD)
            self.assertEqual(told(done), ["build"])
            self.assertNotIn("gone", " ".join(notes(done)))
        self.assertEqual(told(self.job()), ["run"])

    def test_is_left_to_the_other_of_two_runs_at_once(self):
        others = []
        self.engine.during = lambda: others.append(self.job(ADA._replace(token="ffff")))
        done = self.job()
        self.assertEqual((told(done), told(others[0])), (["run"], ["build", "run"]))
        self.assertEqual(images(done), [sha("1")])

    def test_is_left_to_the_other_also_when_its_image_went(self):
        self.job()
        self.engine.pruned = 1
        others = []
        self.engine.during = lambda: others.append(self.job(ADA._replace(token="ffff")))
        done = self.job()
        self.assertEqual((told(done), told(others[0])), (["run", "run"], ["build", "run"]))
        self.assertEqual(images(done), [sha("1"), sha("2")])

    def test_is_of_the_files_as_they_are_meant_also_when_another_run_wrote_its_own(self):
        self.job()
        right = self.engine.texts[-1]
        self.edit("src/train.py", "other")
        self.engine.during = lambda: self.perform(
            lambda call, it: plan_job(call, it, it.job("small"), Words()), commands=["true"])
        self.assertEqual(told(self.job()), ["build", "run"])
        self.assertEqual((self.engine.texts[-1], read(".dockerignore").decode().count("libs/")), (right, 0))

    def test_keeps_what_somebody_adds_to_dockerignore_while_it_waits(self):
        put(".dockerignore", "*.log\n")
        self.addCleanup(os.unlink, ".dockerignore")
        self.job()
        self.engine.during = lambda: put(".dockerignore", "*.log\nsecret.pem\n")
        self.assertEqual(told(self.job(name="small")), ["build", "run"])
        self.assertEqual(read(".dockerignore").decode().split("\n")[:2], ["*.log", "secret.pem"])

    def test_is_not_left_to_a_run_of_something_else(self):
        self.job()
        others = []
        self.engine.during = lambda: others.append(self.job(name="small"))
        done = self.job(version="2")
        self.assertEqual((told(done), told(others[0])), (["build", "run"], ["build", "run"]))

    def test_is_not_left_to_a_run_that_built_something_else_under_the_name(self):
        others = []
        self.engine.during = lambda: others.append(self.job(version="2"))
        self.assertEqual(told(self.job()), ["build", "run"])
        self.assertEqual(told(others[0]), ["build", "run"])
        self.assertEqual(told(self.job()), ["run"])


class Memory(JobCase):
    """What is remembered of an image in the home's folder .skelebot/builds."""

    def test_is_two_small_files_for_an_image(self):
        self.job()
        self.assertEqual(len(self.remembered()), 2)

    def test_has_the_nodes_of_the_projects_files_which_need_not_be_parsed_again(self):
        self.job()
        text = "name: churn\njobs: [{name: train, source: src/train.py}]\n"
        self.edit("skelebot.yaml", text)
        self.job()
        self.assertEqual(len([name for name in os.listdir(self.builds) if name.startswith("nodes-")]), 1)
        path = skelebot.cache_file({}, self.home, "nodes", os.path.abspath("skelebot.yaml"))
        node = skelebot.KnownNodes(text.encode(), "skelebot.yaml").root(read(path))
        entries = skelebot.Value(node, skelebot.Place("skelebot.yaml", 1)).entries()
        self.assertEqual(entries["name"].node.value, "churn")
        written = os.stat(path).st_mtime_ns
        settle()
        self.job()
        self.assertEqual(os.stat(path).st_mtime_ns, written)
        self.edit("skelebot.yaml", text.replace("churn", "shirt"))
        self.job(ADA._replace(native=True))
        self.assertIn(b"shirt", read(path))

    def test_may_be_removed_at_any_time(self):
        self.job()
        for path in self.remembered():
            os.unlink(path)
        self.assertEqual(told(self.job()) + told(self.job()), ["build", "run", "run"])

    def test_that_is_broken_is_as_good_as_none(self):
        self.job(dependencies=["numpy"])
        self.job(dependencies=["numpy", "pandas"])
        kept = {path: read(path) for path in self.remembered()}
        for path, data in kept.items():
            for broken in self.broken(data):
                with self.subTest(os.path.basename(path), broken=broken[:40], size=len(broken)):
                    self.restore({**kept, path: broken})
                    done = self.job(dependencies=["numpy", "pandas"])
                    self.assertEqual((done.status, done.fault), (0, None))
                    self.assertTrue("installs" in path or told(done) == ["build", "run"])
                    self.assertEqual(told(self.job(dependencies=["numpy", "pandas"])), ["run"])

    @staticmethod
    def broken(data):
        """Contents that are not those of a file of this memory."""
        cuts = [data[:count] for count in (*range(0, len(data) - 1, max(1, len(data) // 15)), len(data) - 1)]
        foreign = data.replace(b"churn", b"other", 1)
        return [*cuts, foreign, b"\xff\xfe\0\x80", data + b"\xff", b"\xff" + data, data + b"\0", b"\0" + data,
                data.replace(b"\0", b"\n"), b"\0" * 3, b"\0" * 7, bytes(range(256))]

    @staticmethod
    def restore(files):
        for path, data in files.items():
            with open(path, "wb") as file:
                file.write(data)

    def test_that_somebody_made_up_is_as_good_as_none(self):
        data = b"name: churn\n"
        for body in (b"", *(marshal.dumps(data) + body for body in (
                b"", b"i", marshal.dumps(7), marshal.dumps(()),
                marshal.dumps(("mapping", "", [7], "", (0, 0, 0), (0, 0, 0)))))):
            with self.subTest(body):
                known = skelebot.KnownNodes(data, "skelebot.yaml")
                self.assertIsNone(known.root(known.stamp(body) + body))

    def test_of_another_image_is_not_taken_for_that_of_this_one(self):
        self.job()
        kept = {path: read(path) for path in self.remembered()}
        self.job(env="dev")
        for path in self.remembered():
            if path not in kept:
                os.unlink(path)
                os.rename(next(one for one in kept if ("installs" in one) == ("installs" in path)), path)
        self.assertEqual(told(self.job(env="dev")), ["build", "run"])

    def test_that_cannot_be_kept_changes_nothing_else_and_is_said_with_v_only(self):
        put(os.path.join(self.home, ".skelebot"), "")
        self.assertIsNotRemembered()

    def test_that_can_be_neither_read_nor_written_is_as_good_as_none(self):
        self.job()
        for path in self.remembered():
            os.unlink(path)
            os.mkdir(path)
        self.assertIsNotRemembered()

    def assertIsNotRemembered(self):
        for call, said in ((ADA, []), (ADA._replace(verbose=True), ["what was built is not kept in the cache: "])):
            with self.subTest(call.verbose):
                done = self.job(call)
                self.assertEqual((told(done), done.status, done.fault), (["build", "run"], 0, None))
                self.assertEqual(images(done), [self.engine.ids["churn"]])
                self.assertEqual(sorted({note[:41] for note in notes(done) if "cache" in note}), said)

    def test_of_the_engine_counts_only_if_it_is_something_that_could_be_found_out(self):
        self.engine.ended["info"] = Outcome(0, "[name=rootless]")
        for broken in (None, "", "roo", "\0"):
            if broken is not None:
                path, = [name for name in os.listdir(self.builds) if name.startswith("rootless")]
                put(os.path.join(self.builds, path), broken)
            with self.subTest(broken):
                self.assertNotIn("--user", commands(self.job(user="host"))[-1].argv)

    @unittest.skipIf(WINDOWS, "lines for a POSIX shell")
    def test_is_not_touched_by_a_dry_run(self):
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            done = self.job(ADA._replace(dry_run=True))
        self.assertIsNone(done.fault)
        self.assertRegex(shown.getvalue(), r"(?s)docker build .*docker run ")
        self.assertNotIn(self.home, shown.getvalue())
        self.assertEqual(os.listdir(self.home), [])
        self.assertEqual(told(self.job()), ["build", "run"])

    def test_serves_a_dry_run(self):
        self.job()
        with contextlib.redirect_stdout(io.StringIO()):
            done = self.job(ADA._replace(dry_run=True))
        self.assertEqual((told(done), images(done)), (["run"], [sha("1")]))

    def test_is_forgotten_when_it_is_old(self):
        self.job()
        old = self.remembered()
        for path in old:
            os.utime(path, (1, 1))
        self.job(env="dev")
        self.assertEqual([path for path in old if os.path.exists(path)], [])
        self.assertEqual(len(self.remembered()), 2)


class Live(JobCase):
    """--live: the project as it is over its copy in the image."""
    LIVE = ADA._replace(live=True)
    KEYS = {"dependencies": ["numpy", "req:limits.txt"], "copy": ["config.ini:/etc/x"]}

    def mounts(self, done):
        argv = [step.argv for step in commands(done) if "run" in step.argv][-1]
        return [argv[at + 1] for at, word in enumerate(argv) if word == "--mount"]

    def test_maps_the_project_first_and_what_the_job_maps_over_that(self):
        jobs = [{"name": "train", "source": "src/train.py", "mappings": ["libs/", "/srv/x"]}]
        done = self.job(self.LIVE, jobs=jobs)
        self.assertEqual(self.mounts(done), [
            f"type=bind,source={self.folder},target=/app", f"type=bind,source={self.folder}/libs,target=/app/libs/",
            "type=bind,source=/srv/x,target=/srv/x"])
        self.assertEqual(len(self.mounts(self.job(jobs=jobs))), 2)

    def test_leaves_it_to_a_job_that_maps_something_there_itself(self):
        jobs = [{"name": "train", "source": "src/train.py", "mappings": ["libs:/app/"]}]
        self.assertEqual(len(self.mounts(self.job(self.LIVE, jobs=jobs))), 1)

    def test_builds_nothing_for_an_edited_source(self):
        self.job(**self.KEYS)
        self.edit("src/train.py", "live")
        self.assertEqual(told(self.job(self.LIVE, **self.KEYS)), ["run"])
        self.assertEqual(told(self.job(**self.KEYS)), ["build", "run"])

    def test_builds_for_a_file_that_dependencies_are_installed_from(self):
        self.job(**self.KEYS)
        for path in ("limits.txt", "config.ini"):
            with self.subTest(path):
                self.edit(path, "live")
                self.assertEqual(told(self.job(self.LIVE, **self.KEYS)), ["build", "run"])
                self.assertEqual(told(self.job(self.LIVE, **self.KEYS)), ["run"])

    def test_builds_for_all_else_that_the_image_has(self):
        for keys in ({"dependencies": ["numpy"]}, {"baseImage": "debian"}, {"commands": ["make"]}, {"timezone": "UTC"}):
            with self.subTest(keys):
                self.job()
                self.assertEqual(told(self.job(self.LIVE, **keys)), ["build", "run"])

    def test_builds_nothing_for_a_version_a_primary_job_or_ignores(self):
        for keys in ({"ignores": ["x"]}, {"version": "9"}, {"primaryJob": "train"}):
            for all_keys in ({}, self.KEYS):
                with self.subTest(keys, more=all_keys):
                    self.job(**all_keys)
                    self.assertEqual(told(self.job(self.LIVE, **all_keys, **keys)), ["run"])

    def test_looks_at_no_file_where_none_matters(self):
        self.job()
        self.assertFalse([step for step in self.job(self.LIVE).steps if isinstance(step, Index)])

    @unittest.skipIf(WINDOWS, "links")
    def test_builds_for_every_file_when_a_link_is_copied(self):
        os.symlink("limits.txt", "link.txt")
        os.symlink("libs", "linked")
        self.addCleanup(lambda: (os.unlink("link.txt"), os.unlink("linked")))
        for pair in ("link.txt:/etc/x", "linked:/opt/x", "linked/a:/opt/x"):
            with self.subTest(pair):
                self.job(copy=[pair])
                self.assertEqual(told(self.job(self.LIVE, copy=[pair])), ["run"])
                self.edit("limits.txt", pair)
                self.assertEqual(told(self.job(self.LIVE, copy=[pair])), ["build", "run"])

    def test_builds_for_every_file_when_a_dockerfile_of_others_goes_by_its_bases_folder(self):
        self.edit("own", "FROM python\nCOPY . app\n")
        self.job(dockerfile="own")
        self.edit("src/train.py", "elsewhere")
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["build", "run"])

    def test_names_the_line_that_is_in_the_dockerfile(self):
        loud = self.LIVE._replace(verbose=True)
        self.job(dependencies=["numpy"])
        done = self.job(loud, dependencies=["scipy"])
        number = next(number for number, line in enumerate(read("Dockerfile").decode().split("\n"), 1) if "scipy" in line)
        self.assertRegex(notes(done)[0], f"^building churn: line {number} of the Dockerfile is .*scipy$")

    def test_builds_for_a_base_image_that_is_another_one(self):
        self.job()
        self.engine.tag(BASE, sha("newer"))
        self.assertEqual(told(self.job(self.LIVE)), ["build", "run"])

    def test_builds_the_whole_image_so_that_it_serves_without_as_well(self):
        self.assertEqual(told(self.job(self.LIVE, **self.KEYS)), ["build", "run"])
        self.assertEqual(told(self.job(**self.KEYS)), ["run"])

    def test_builds_for_every_file_that_a_dockerfile_of_others_may_need(self):
        self.edit("own", "FROM python\nCOPY *.py /\nCOPY . /app\n")
        self.job(dockerfile="own")
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["run"])
        self.edit("src/train.py", "live")
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["build", "run"])

    def test_builds_for_a_file_that_a_dockerfile_of_others_names(self):
        self.job(dockerfile="own")
        self.edit("src/train.py", "live")
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["run"])
        self.edit("limits.txt", "live")
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["build", "run"])

    def test_builds_for_another_entrypoint_which_every_job_goes_through(self):
        self.job(primaryJob="train", primaryExe="ENTRYPOINT")
        self.assertEqual(told(self.job(self.LIVE)), ["build", "run"])
        self.job(dockerfile="own")
        self.edit("own", FILES["own"] + 'ENTRYPOINT ["env"]\n')
        self.assertEqual(told(self.job(self.LIVE, dockerfile="own")), ["build", "run"])

    def test_is_refused_on_another_host_before_anything_is_built(self):
        for call, keys, host in ((self.LIVE._replace(host="ssh://box"), {}, "ssh://box"),
                                 (self.LIVE, {"host": "tcp://b:1"}, "tcp://b:1"),
                                 (self.LIVE._replace(environ={"DOCKER_HOST": "tcp://b:1"}), {}, "tcp://b:1")):
            with self.subTest(host):
                done = self.job(call, **keys)
                self.assertEqual(f"{done.fault}\n", two_lines(f"--live cannot map this machine's folder on {host}",
                                                              "leave --live out: the image has a copy"))
                self.assertEqual(commands(done), [])

    def test_is_not_refused_at_a_socket_of_this_machine(self):
        done = self.job(self.LIVE._replace(environ={"DOCKER_HOST": "unix:///run/docker.sock"}))
        self.assertEqual(told(done), ["build", "run"])

    def test_counts_files_with_odd_names_below_what_is_copied(self):
        before, now = (Recipe(files=f"libs//40755\nlibs/a\nb//100644 {size}\nx//100644 {size}") for size in (1, 2))
        one, other = (recipe.live({"libs"}) for recipe in (before, now))
        self.assertEqual(one.change(other), "libs/a\nb was changed")
        one, other = (recipe.live({"lib", "y"}) for recipe in (before, now))
        self.assertEqual(one, other)


# ---- Dependencies -----------------------------------------------------------

NAMED = r"(?<![\w/])(?:p\d+|dplyr|ggplot2)\b|limits\.txt|libs/a|acme/tools|pyproject\.toml"


def installed(text):
    """What each RUN of a Dockerfile installs, as far as it is named above."""
    runs = re.findall(r"(?m)^RUN ((?:.*\\\n)*.*)$", text)
    return [names for names in (re.findall(NAMED, run) for run in runs) if names]


class Dependencies(JobCase):
    """RUNs for what was installed together, and for what was appended since."""

    def built(self, *names, call=ADA, **keys):
        """What the RUNs of the image install after a job; `names` are those of Python."""
        done = self.job(call, **{"dependencies": list(names), **keys})
        self.assertIsNone(done.fault)
        return installed(self.engine.texts[-1])

    def test_are_installed_by_one_run_at_first(self):
        self.assertEqual(self.built("p1", "p2", "p3"), [["p1", "p2", "p3"]])

    def test_that_are_appended_have_a_run_of_their_own_that_names_what_stands_above(self):
        self.built("p1", "p2")
        first = self.engine.texts[-1]
        self.assertEqual(self.built("p1", "p2", "p3"), [["p1", "p2"], ["p1", "p2", "p3"]])
        self.assertTrue(self.engine.texts[-1].startswith(first.partition("COPY . /app")[0].rstrip("\n") + "\n"))
        self.assertEqual(self.built("p1", "p2", "p3", "p4", "p5"),
                         [["p1", "p2"], ["p1", "p2", "p3"], ["p1", "p2", "p3", "p4", "p5"]])

    def test_stay_as_they_are_while_nothing_changes(self):
        self.built("p1")
        self.built("p1", "p2")
        done = self.job(dependencies=["p1", "p2"])
        self.assertEqual(told(done), ["run"])

    def test_stay_grouped_when_something_else_changes(self):
        self.built("p1")
        self.built("p1", "p2")
        self.assertEqual(self.built("p1", "p2", version="3", commands=["make"]), [["p1"], ["p1", "p2"]])

    def test_that_were_the_first_to_come_are_plain_when_one_goes_or_changes(self):
        for now in (["p2"], ["p1"], ["p1", "p3"], ["p2", "p1"], ["p0", "p1", "p2"], ["p1", "p0", "p2"], ["p1=2", "p2"]):
            with self.subTest(now):
                self.built("p1", "p2", call=ADA._replace(rebuild=True, token=str(now)))
                self.assertEqual(self.built(*now), [[name.partition("=")[0] for name in now]])

    def test_that_were_appended_are_installed_anew_when_they_change(self):
        for now, runs in ((["p1", "p3"], [["p1"], ["p1", "p3"]]), (["p1", "p0", "p2"], [["p1"], ["p1", "p0", "p2"]]),
                          (["p1"], [["p1"]])):
            with self.subTest(now):
                self.built("p1", call=ADA._replace(rebuild=True, token=str(now)))
                self.built("p1", "p2")
                self.assertEqual(self.built(*now), runs)

    def test_are_plain_on_another_base_image_or_below_another_head(self):
        for keys in ({"baseImage": "debian"}, {"timezone": "UTC"}, {"description": "other"}, {"pythonVersion": "3.9"}):
            with self.subTest(keys):
                self.built("p1", call=ADA._replace(rebuild=True, token=str(keys)))
                self.assertEqual(self.built("p1", "p2", **keys), [["p1", "p2"]])

    def test_are_plain_when_the_base_image_has_been_replaced(self):
        self.built("p1")
        self.engine.tag(BASE, sha("newer"))
        self.assertEqual(self.built("p1", "p2"), [["p1", "p2"]])

    def test_are_grouped_also_when_the_base_image_came_only_with_the_first_build(self):
        del self.engine.ids[BASE]
        self.engine.during = lambda: self.engine.tag(BASE, sha("base"))
        self.built("p1")
        self.assertEqual(self.built("p1", "p2"), [["p1"], ["p1", "p2"]])

    def test_are_plain_after_rebuild_and_stay_so(self):
        self.built("p1")
        self.built("p1", "p2")
        self.assertEqual(self.built("p1", "p2", call=ADA._replace(rebuild=True, token="ffff")), [["p1", "p2"]])
        self.assertEqual(told(self.job(dependencies=["p1", "p2"])), ["run"])

    def test_are_plain_in_an_image_to_be_published(self):
        self.built("p1")
        self.built("p1", "p2")
        self.perform(lambda call, it: skelebot.Image(skelebot.Engine(call), it, plain=True).plan_ready(), dependencies=["p1", "p2"])
        self.assertEqual(installed(self.engine.texts[-1]), [["p1", "p2"]])
        self.assertEqual(read("Dockerfile").decode().count(skelebot.APPENDED), 0)
        self.assertEqual(told(self.job(dependencies=["p1", "p2"])), ["run"])

    def test_are_plain_in_a_clean_checkout(self):
        self.built("p1")
        grouped = self.built("p1", "p2")
        for path in self.remembered():
            os.unlink(path)
        self.assertEqual((grouped, self.built("p1", "p2")), ([["p1"], ["p1", "p2"]], [["p1", "p2"]]))

    def test_are_grouped_in_each_language(self):
        def both(python, r):
            return self.built(language="R+Python", dependencies={"Python": python, "R": r})
        self.assertEqual(both(["p1"], ["dplyr"]), [["p1"], ["dplyr"]])
        self.assertEqual(both(["p1", "p2"], ["dplyr"]), [["p1"], ["dplyr"], ["p1", "p2"]])
        self.assertEqual(both(["p1", "p2"], ["dplyr", "ggplot2"]), [["p1"], ["dplyr"], ["p1", "p2"], ["ggplot2"]])
        self.assertEqual(both(["p2"], ["dplyr", "ggplot2"]), [["p2"], ["dplyr", "ggplot2"]])

    def test_are_plain_when_a_language_comes_or_goes(self):
        def both(python, r):
            return self.built(language="R+Python", dependencies={"Python": python, "R": r})
        both(["p1"], [])
        self.assertEqual(both(["p1", "p2"], ["dplyr"]), [["p1", "p2"], ["dplyr"]])
        self.assertEqual(both([], ["dplyr", "ggplot2"]), [["dplyr", "ggplot2"]])

    def test_of_every_form_may_be_appended(self):
        forms = ("p1", "req:limits.txt", "file:libs/a/", "github:acme/tools", "proj:pyproject.toml", "p2")
        for count in range(1, len(forms)):
            with self.subTest(forms[count]):
                self.built(*forms[:count], call=ADA._replace(rebuild=True, token=str(count)))
                above = self.engine.texts[-1].partition("COPY . /app")[0].rstrip("\n")
                runs = self.built(*forms[:count + 1])
                text = self.engine.texts[-1]
                self.assertTrue(text.startswith(above + "\n"))
                self.assertIn(re.sub(r"^\w+:|/$", "", forms[count]), runs[-1])
                self.assertIn("p1", runs[-1])
                self.assertIn(skelebot.APPENDED, text[len(above):])

    def test_with_files_in_between_are_named_again_if_pip_can_hold_on_to_them(self):
        self.built("p1", "req:limits.txt", "file:libs/a/", "p2")
        runs = self.built("p1", "req:limits.txt", "file:libs/a/", "p2", "p3")
        self.assertEqual(runs[-1], ["p1", "limits.txt", "p2", "p3"])

    def test_that_are_too_many_groups_are_plain_again(self):
        names = ["p0"]
        self.built(*names)
        counts = []
        for number in range(1, skelebot.MOST_GROUPS + 3):
            names.append(f"p{number}")
            counts.append(len(self.built(*names)))
        most = skelebot.MOST_GROUPS
        self.assertEqual(counts, [*range(2, most + 1), 1, 2, 3])

    def test_that_were_appended_are_named_with_v(self):
        def said(*names):
            done = self.job(ADA._replace(verbose=True), dependencies=list(names))
            return [note for note in notes(done) if "appended" in note]
        self.assertEqual(said("p1"), [])
        self.assertEqual(said("p1", "p2", "p3"),
                         ["appended since the first build here, and installed on top of it: p2, p3"])
        self.assertEqual(said("p1", "p2", "p3"), [])
        self.assertEqual(said("p2"), [])


class PipFault(unittest.TestCase):
    """What pip has said, with the line where the package is named."""
    MISSING = ("#8 1.2 ERROR: Could not find a version that satisfies the requirement {0} (from versions: {1})\n"
               "#8 1.3 ERROR: No matching distribution found for {0}\n")
    CLASH = ("ERROR: Cannot install python-dateutil==2.9.0 and six<1.5 because these package versions have conflicting "
             "dependencies.\n\nThe conflict is caused by:\n    The user requested six<1.5\n    python-dateutil 2.9.0 depends on six>=1.5\n")

    def test_names_the_package_and_its_line(self):
        yaml = "name: x\ndependencies:\n- numpy\n- nosuch.thing==1.0\n- cv2\n- req:more.txt\n- six<1.5\n- python_dateutil=2.9.0\n"
        spelling = "correct the name, or name the index that has it in a requirements file"
        for log, message, hint in (
                (self.MISSING.format("nosuch-thing==1.0", "none"), "skelebot.yaml:4: pip finds no package nosuch-thing", spelling),
                (self.MISSING.format("cv2", "none"), "skelebot.yaml:5: pip finds no package cv2", "it is called opencv-python-headless"),
                (self.MISSING.format("numpy==9", "1.0, 2.0, 2.1, 2.2"), "skelebot.yaml:3: pip finds no numpy==9", "there is 2.0, 2.1 or 2.2"),
                (self.MISSING.format("deep", "none"), "more.txt:2: pip finds no package deep", spelling),
                (self.MISSING.format("of-another", "none"), "skelebot.yaml:2: dependencies: pip finds no package of-another", spelling),
                ("ERROR: Ignored the following versions that require a different python version: 2.3 Requires-Python >=3.11\n"
                 + self.MISSING.format("numpy==2.3", "2.0"), "skelebot.yaml:3: pip finds no numpy==2.3",
                 "there is 2.0; others need another pythonVersion"),
                (self.CLASH, "skelebot.yaml:8: python-dateutil==2.9.0 and six<1.5 contradict each other",
                 "leave one of them out, or let its version be any: The user requested six<1.5; "
                 "python-dateutil 2.9.0 depends on six>=1.5")):
            with self.subTest(message), inside({"skelebot.yaml": yaml, "more.txt": "# x\ndeep>=1\n"}):
                entries = skelebot.Value(skelebot.YamlText(yaml, "skelebot.yaml").root(), skelebot.Place("skelebot.yaml", 1)).entries()
                it = skelebot.read_project(entries, skelebot.Place("skelebot.yaml", 1))
                fault = skelebot.pip_fault(it, log)
                self.assertEqual((fault.message, fault.hint), (message, hint))

    def test_is_none_without_a_network_or_in_other_words(self):
        for log in ("WARNING: Retrying (Retry(total=0)) after connection broken\n" + self.MISSING.format("six", "none"),
                    "E: Unable to locate package x\n", ""):
            self.assertIsNone(skelebot.pip_fault(project(dependencies=["six"]), log))


if __name__ == "__main__":
    unittest.main()
