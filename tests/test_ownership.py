"""What one process has for itself: locks, what a killed one leaves, and links that lead out of a project."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from support import ROOT, call, contents, folder, inside, process, skelebot
from skelebot import File, MakeFolder, Move, Remove, Scratch, SkelebotError

LEFT = ".skelebot-0123456789abcdef"
NOTHING_WRITTEN = "nothing was written; remove the link, or name the place that it leads to"


def in_a_process(text, *words):
    """A process that runs this text with the module, and says `ready`."""
    return subprocess.Popen([sys.executable, "-c", "import sys, os, time; sys.path.insert(0, %r); import skelebot; %s"
                             % (ROOT, text), *words], stdout=subprocess.PIPE)


@unittest.skipIf(os.name == "nt", "there are no locks")
class Tidying(unittest.TestCase):
    def test_removes_what_nobody_owns(self):
        with inside({LEFT: "half", LEFT[:-1] + "0/new/x": "", "skelebot-" + "a" * 16: ""}):
            skelebot.Ours("").tidy()
            self.assertEqual(contents("."), {})

    def test_leaves_alone_what_is_called_otherwise(self):
        with inside({".skelebot-notes": "", ".skelebot": "", LEFT + "0": "", "x" + LEFT: ""}):
            before = contents(".")
            skelebot.Ours(".").tidy()
            self.assertEqual(contents("."), before)

    def test_leaves_alone_what_somebody_has_locked(self):
        with inside({LEFT: ""}):
            lock = skelebot.Lock.acquire(LEFT)
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [LEFT])
            lock.close()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [])

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "only root gives files away")
    def test_leaves_alone_what_is_somebody_elses(self):
        with inside({LEFT: ""}):
            os.chown(LEFT, 12345, 12345)
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir("."), [LEFT])

    def test_follows_no_link(self):
        with folder({"x": ""}) as outside, inside({LEFT + "/new/x": ""}):
            os.symlink(outside, LEFT[:-1] + "0")
            os.symlink(outside, LEFT + "/old")
            skelebot.Ours(".").tidy()
            self.assertEqual((os.listdir(outside), os.listdir(".")), (["x"], [LEFT[:-1] + "0"]))

    def test_a_folder_that_made_room_goes_back(self):
        for files, after in (({"new/a": "2", "old/data/a": "1"}, {"data/": None, "data/a": b"1"}),
                             ({"old/data/a": "1"}, {}), ({"new/a": "2"}, {})):
            with self.subTest(files), inside({f"{LEFT}/{path}": data for path, data in files.items()}):
                skelebot.Ours(".").tidy()
                self.assertEqual(contents("."), after)

    def test_of_half_a_project_only_goes_what_is_as_it_was_written(self):
        made = skelebot.Scaffold.note_of([("src", None), ("src/a", b"a"), ("src/b", b"b"), ("../out", b"out"), ("VERSION", b"1")])
        with inside({"p/src/a": "a", "p/src/b": "mine", "p/VERSION": "1", "out": "out", f"p/{LEFT}/made": made}):
            skelebot.Ours("p").tidy()
            self.assertEqual(contents("."), {"p/": None, "p/src/": None, "p/src/b": b"mine", "out": b"out"})

    def test_a_project_that_is_whole_stays(self):
        with inside({"VERSION": "1", "skelebot.yaml": "name: x", f"{LEFT}/made": skelebot.Scaffold.note_of([("VERSION", b"1")])}):
            skelebot.Ours(".").tidy()
            self.assertEqual(sorted(contents(".")), ["VERSION", "skelebot.yaml"])

    def test_comes_with_the_next_that_writes_there(self):
        config = "name: churn\ncomponents: {package: {path: churn.zip}}\n"
        with folder({}) as temporary, inside({"skelebot.yaml": config, "VERSION": "1.0.0\n"}):
            for words in (("bump", "patch"), ("package",)):
                os.makedirs(LEFT)
                os.makedirs(os.path.join(temporary, LEFT[1:]), exist_ok=True)
                self.assertEqual(process(*words, TMPDIR=temporary).status, 0)
                self.assertFalse(os.path.exists(LEFT))
            self.assertEqual(process("-n", "scaffold", "--template", "file:///nowhere", "--yes", folder=temporary,
                                     TMPDIR=temporary).status, 1)
            self.assertEqual(os.listdir(temporary), [])

    def test_has_nothing_to_do_for_one_that_lives(self):
        with inside({}) as path:
            child = in_a_process("print(skelebot.make_scratch(skelebot.Scratch('', 'data')), flush=True); time.sleep(60)")
            own = child.stdout.readline().decode().strip()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir(path), [own])
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
            skelebot.Ours(".").tidy()
            self.assertEqual(os.listdir(path), [])


@unittest.skipIf(os.name == "nt", "there are no locks")
class AFolderBeside(unittest.TestCase):
    def test_is_one_processes_until_it_has_gone(self):
        with inside({}):
            child = in_a_process("it = skelebot.make_scratch(skelebot.Scratch('', 'data')); print(flush=True); time.sleep(0.5); "
                                 "open('done', 'w').close(); skelebot.remove(skelebot.Remove(it)); time.sleep(60)")
            child.stdout.readline()
            own = skelebot.make_scratch(Scratch("", "data"))
            self.assertEqual(sorted(os.listdir(".")), [own, "done"])
            skelebot.remove(Remove(own))
            child.kill()
            child.wait()
            child.stdout.close()

    def test_of_another_path_is_another(self):
        with inside({}):
            paths = [skelebot.make_scratch(Scratch("", name)) for name in ("data", "model", "data/x"[:4] + "2")]
            self.assertEqual(len(set(paths)), 3)
            for path in paths:
                skelebot.remove(Remove(path))

    def test_takes_the_place_of_whatever_lies_there(self):
        with folder({}) as outside:
            for make in (lambda path: open(path, "w").close(), lambda path: os.symlink(outside, path), os.mkdir,
                         lambda path: os.makedirs(path + "/new/x")):
                with inside({}):
                    own = skelebot.make_scratch(Scratch("", "data"))
                    skelebot.remove(Remove(own))
                    make(own)
                    self.assertEqual(skelebot.make_scratch(Scratch("", "data")), own)
                    self.assertEqual((os.path.islink(own), os.listdir(own), os.listdir(outside)), (False, [], []))
                    skelebot.remove(Remove(own))

    def test_that_cannot_be_is_a_fault(self):
        with inside({"file": ""}), self.assertRaises(SkelebotError) as caught:
            skelebot.make_scratch(Scratch("", "file/data"))
        self.assertEqual(caught.exception.message, "file/data: not a directory")

    def test_gives_a_folder_its_place_and_the_old_one_back(self):
        with inside({"data/a": "1"}):
            own = skelebot.make_scratch(Scratch("", "data"))
            os.mkdir(os.path.join(own, "new"))
            skelebot.move(Move(os.path.join(own, "new"), "data"))
            self.assertEqual(os.listdir("data"), [])
            shutil.rmtree("data")
            os.mkdir(os.path.join(own, "new"))
            skelebot.remove(Remove(own))
            self.assertEqual(contents("."), {"data/": None, "data/a": b"1"})


class ALock(unittest.TestCase):
    @unittest.skipIf(os.name == "nt", "there are no locks")
    def test_is_that_of_the_file_that_is_there_then(self):
        with inside({"VERSION": "1"}):
            child = in_a_process("it = skelebot.Lock.acquire('VERSION'); print(flush=True); time.sleep(0.5); "
                                 "skelebot.write(skelebot.File('VERSION', b'2')); it.close(); time.sleep(60)")
            child.stdout.readline()
            lock = skelebot.Lock.acquire("VERSION")
            self.assertTrue(lock.is_at("VERSION"))
            self.assertEqual(contents("."), {"VERSION": b"2"})
            lock.close()
            child.kill()
            child.wait()
            child.stdout.close()

    def test_of_nothing_is_none(self):
        with inside({}):
            self.assertIsNone(skelebot.Lock.acquire("VERSION").handle)


@unittest.skipIf(os.name == "nt", "links need a right of their own there")
class LinksOut(unittest.TestCase):
    CONFIG = ("name: churn\ncomponents:\n  package: {path: dist/churn.zip}\n  repository:\n    folder: {path: STORE}\n"
              "    artifacts: [{name: m, file: models/m.bin}, {name: d, file: models/d/}, {name: far, file: FAR/m.bin}]\n")

    def setUp(self):
        top = folder({"p/VERSION": "1.0.0\n", "p/models/m.bin": "m", "p/models/d/x": "x", "out/m.bin": "far",
                      "out/victim": "secret"})
        self.top = top.__enter__()
        self.addCleanup(top.__exit__, None, None, None)
        self.path, self.out = os.path.join(self.top, "p"), os.path.join(self.top, "out")
        with open(os.path.join(self.path, "skelebot.yaml"), "w") as file:
            file.write(self.CONFIG.replace("STORE", self.top + "/store").replace("FAR", self.out))
        self.assertEqual(call("push", "ALL", folder=self.path).status, 0)

    def link(self, target, path):
        path = os.path.join(self.path, path)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def assert_refused(self, path, *words):
        before = contents(self.top)
        ending = call(*words, folder=self.path)
        self.assertEqual(ending.stderr.split("skelebot: ")[-1],
                         f"{path}: leads outside of the project, by a link\n  hint: {NOTHING_WRITTEN}\n")
        self.assertEqual((ending.status, contents(self.top)), (1, before))

    def test_are_not_written_through(self):
        for target, link, path, words in (
                ("victim", "m_v1.0.0.bin", "m_v1.0.0.bin", ("pull", "m", "1.0.0")),
                ("new", "m_v1.0.0.bin", "m_v1.0.0.bin", ("pull", "m", "1.0.0")),
                ("", "d_v1.0.0", "d_v1.0.0", ("pull", "d", "1.0.0")),
                ("victim", "models/m.bin", "models/m.bin", ("pull", "m", "1.0.0", "-o")),
                ("", "models", "models/m.bin", ("pull", "m", "1.0.0", "-o")),
                ("", "models", os.path.join("models", "d"), ("pull", "d", "1.0.0", "-o")),
                ("new.zip", "dist/churn.zip", "dist/churn.zip", ("package",)),
                ("", "dist", "dist/churn.zip", ("package",)),
                ("VERSION", "VERSION", "VERSION", ("bump", "2.0.0"))):
            with self.subTest(link, words=words):
                self.link(os.path.join(self.out, target), link)
                self.assert_refused(path, *words)
                os.unlink(os.path.join(self.path, link))

    def test_of_nothing_are_fetched_all(self):
        self.link("../out/victim", "d_v1.0.0")
        self.assertEqual(call("pull", "ALL", "1.0.0", folder=self.path).status, 1)
        self.assertFalse(os.path.exists(os.path.join(self.path, "m_v1.0.0.bin")))

    def test_to_a_version_file_are_refused(self):
        with open(os.path.join(self.out, "victim"), "w") as file:
            file.write("1.0.0\n")
        self.link("../out/victim", "VERSION")
        self.assert_refused("VERSION", "bump", "patch")

    def test_of_other_files_that_are_written_are_refused(self):
        with inside({"p/x": "", "out/x": ""}):
            os.chdir("p")
            os.symlink("../out", "link")
            os.symlink("../out/x", "Dockerfile")
            for do, step in ((skelebot.write, File("Dockerfile", b"1")), (skelebot.write, File("link/x", b"1")),
                             (skelebot.make_folder, MakeFolder("link/new")), (skelebot.move, Move("x", "link/new")),
                             (skelebot.make_scratch, Scratch("", "link/new"))):
                with self.subTest(step), self.assertRaises(SkelebotError) as caught:
                    do(step)
                self.assertIn("leads outside of the project, by a link", caught.exception.message)
            self.assertEqual(os.listdir("../out"), ["x"])

    def test_of_mapped_folders_stay_as_they_are(self):
        with inside({"p/x": "", "out/x": ""}):
            os.chdir("p")
            os.symlink("../out", "data")
            skelebot.make_folder(MakeFolder("data"))
            self.assertTrue(os.path.islink("data"))

    def test_inside_are_followed(self):
        self.link("../models/m.bin", "elsewhere/m")
        self.link("elsewhere/m", "m_v1.0.0.bin")
        os.truncate(os.path.join(self.path, "models", "m.bin"), 0)
        self.assertEqual(call("pull", "m", "1.0.0", folder=self.path).status, 0)
        self.assertEqual(contents(self.path)["models/m.bin"], b"m")

    def test_to_where_the_person_says_are_followed(self):
        os.rename(self.out, self.out + "2")
        os.symlink("out2", self.out)
        os.unlink(os.path.join(self.out, "m.bin"))
        self.assertEqual(call("pull", "far", "1.0.0", "-o", folder=self.path).status, 0)
        self.assertEqual(contents(self.out)["m.bin"], b"far")


@unittest.skipIf(os.name == "nt", "it has no such limit")
class Many(unittest.TestCase):
    def test_artifacts_need_few_open_files(self):
        import resource
        files = {f"models/{number}": str(number) for number in range(300)}
        artifacts = ", ".join(f"{{name: m{number}, file: models/{number}}}" for number in range(300))
        with folder({"skelebot.yaml": f"name: x\ncomponents: {{repository: {{folder: {{path: STORE}}, artifacts: [{artifacts}]}}}}\n",
                     "VERSION": "1.0.0\n", **files}) as path:
            for words in (("push", "ALL"), ("pull", "ALL", "1.0.0")):
                ended = subprocess.run([sys.executable, os.path.join(ROOT, "skelebot.py"), *words], cwd=path, timeout=120,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
                self.assertEqual(ended.returncode, 0, ended.stderr[-300:])
            self.assertEqual(len(os.listdir(os.path.join(path, "STORE"))), 600)

    def test_are_all_looked_at_before_the_first_is_sent(self):
        config = ("name: x\ncomponents: {repository: {folder: {path: STORE}, "
                  "artifacts: [{name: a, file: a}, {name: d, file: d/}]}}\n")
        with folder({"skelebot.yaml": config, "VERSION": "1.0.0\n", "a": "1", "d/x": "1"}) as path:
            os.symlink("..", os.path.join(path, "d", "up"))
            ending = call("push", "ALL", folder=path)
            self.assertEqual((ending.status, os.path.exists(os.path.join(path, "STORE"))), (1, False), ending)


@unittest.skipIf(os.name == "nt", "there is no such signal")
class Killed(unittest.TestCase):
    def test_scaffold_leaves_nothing_that_the_next_does_not_tidy(self):
        words = ("scaffold", "new", "--yes", "--name", "x", "--description", "x", "--maintainer", "x", "--contact", "x")
        with folder({}) as alone:
            process(*words, "--template", "default", folder=alone)
            right = contents(alone)
        for number in range(6):
            with self.subTest(number), folder({}) as path:
                running = subprocess.Popen([sys.executable, os.path.join(ROOT, "skelebot.py"), *words, "--template", "iris"],
                                           cwd=path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                until = time.monotonic() + 60
                while running.poll() is None and len(contents(path)) < 2 * number and time.monotonic() < until:
                    pass
                running.kill()
                running.wait()
                if os.path.exists(os.path.join(path, "new", "skelebot.yaml")):
                    continue            # it had been faster
                self.assertEqual(process(*words, "--template", "default", folder=path).status, 0)
                self.assertEqual(contents(path), right)


if __name__ == "__main__":
    unittest.main()
