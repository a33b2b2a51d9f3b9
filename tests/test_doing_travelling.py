"""Files on their way to and from a cluster, by templates/cluster: whole or not at all, as they are, and nowhere else."""
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import unittest

import support
from support import inside, skelebot
from skelebot import Call, Copy, OnCluster, SkelebotError, perform
from test_doing import stderr

RECEIVE, SEND = (skelebot.template_bytes("cluster", name).decode() for name in ("receive.sh", "send.sh"))
DATA = Copy("data", "/app/data/", True, True)


class Here(OnCluster):
    """A cluster whose other side is this folder; its scripts may be others."""
    row, where = "slurm", "the cluster"

    def __init__(self, script=None):
        self.call, self.script = Call(token="0a"), script

    def there(self, name, *words):
        return tuple(self.script if self.script and word in (RECEIVE, SEND) else word for word in words)

    def work(self, name):
        return os.path.abspath("there")


def send(*copies, script=None, left_out=""):
    """Whether copies were sent."""
    subprocess.call(["rm", "-rf", "there"])
    return perform(Here(script).plan_send("1", copies, left_out), Call())


def fetch(*copies, script=None):
    """0 if copies were fetched, else 1."""
    return perform(Here(script).plan_fetch("1", copies), Call())


def archive(*members):
    """A script that sends an archive of (name, type, what it links to), as a whole one."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, kind, link in (*members, (".skelebot-end", tarfile.REGTYPE, "")):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, 4 * (kind == tarfile.REGTYPE)
            tar.addfile(entry, io.BytesIO(b"evil"))
    with open("archive", "wb") as file:
        file.write(whole.getvalue())
    return f"cat archive; cksum < archive >&2; echo skelebot-tar 0 >&2"


def text_of(path):
    with open(path, "rb") as file:
        return file.read()


def facts(top):
    """name -> (mode, time, what is in it), or where it leads, of all below a folder."""
    told = {}
    for above, folders, files in os.walk(os.fsencode(top)):
        for path in (os.path.join(above, name) for name in folders + files):
            one = os.lstat(path)
            told[os.path.relpath(path, os.fsencode(top))] = os.readlink(path) if os.path.islink(path) else (
                stat.S_IMODE(one.st_mode), int(one.st_mtime), None if os.path.isdir(path) else text_of(path))
    return told


class Travelling(unittest.TestCase):
    maxDiff = None

    def test_keeps_names_modes_times_links_and_empty_folders(self):
        with inside({"data/a b\nc": "1", "data/$(x) 'y'": "2", "data/big": "x" * 300000, "data/inner/file": "3", "one": "4"}):
            with open(b"data/\xff\xfe", "wb") as file:
                file.write(b"\0\xff")
            os.makedirs("data/empty/deep")
            os.symlink("../big", "data/inner/link")
            os.symlink("/etc/hosts", "data/away")
            os.link("data/big", "data/hard")
            for path, mode in (("data/big", 0o640), ("data/$(x) 'y'", 0o755), ("data/empty", 0o555)):
                os.chmod(path, mode)
                os.utime(path, (10 ** 9, 10 ** 9))
            before, one = facts("data"), Copy("one", "/app/one", False, True)
            send(DATA, one)
            self.assertEqual(facts("there/app/data"), before)
            self.assertEqual(os.stat("there/app/data/hard").st_nlink, 2)
            os.chmod("data/empty", 0o755)
            subprocess.check_call(["rm", "-r", "data"])
            os.mkdir("data")
            with open("there/app/one", "w") as file:
                file.write("5")
            self.assertEqual(fetch(DATA, one), 0)
            self.assertEqual((facts("data"), text_of("one")), (before, b"5"))
            self.assertEqual(sorted(os.listdir(".")), ["data", "one", "there"])
            os.chmod("data/empty", 0o755), os.chmod("there/app/data/empty", 0o755)

    def test_leaves_what_is_only_here_and_touches_no_file_that_is_the_same(self):
        with inside({"data/same": "1", "data/other": "2", "data/here": "3"}):
            send(DATA)
            inode = os.stat("data/same").st_ino
            with open("there/app/data/other", "w") as file:
                file.write("4")
            fetch(DATA)
            self.assertEqual({name: facts("data")[name][2] for name in facts("data")},
                             {b"same": b"1", b"other": b"4", b"here": b"3"})
            self.assertEqual(os.stat("data/same").st_ino, inode)

    def test_of_the_project_leaves_out_what_is_ignored(self):
        with inside({"src/a.py": "", "data/big": "", ".git/config": ""}):
            send(Copy(".", "/app", True, False), left_out="data\n.git\nthere*")
            self.assertEqual(sorted(facts("there/app")), [b"src", b"src/a.py"])

    def test_that_was_cut_is_tried_again_and_nothing_of_it_stays(self):
        with inside({"data/big": "Q" + os.urandom(400000).hex()}), stderr() as said:
            once = "if [ -e {0} ]; then {2}\nelse touch {0}; {1}\nfi"
            send(DATA, script=once.format("tried", f"head -c 99999 | {{ {RECEIVE}\n}}", RECEIVE))
            self.assertEqual(facts("there/app/data"), facts("data"))
            with self.assertRaises(SkelebotError) as caught:
                send(DATA, script=f"head -c 102400 | {{ {RECEIVE}\n}}")
            self.assertIn("what is mapped was not sent: ", str(caught.exception))
            self.assertFalse(os.path.exists("there"))
            send(DATA)
            before = facts("data")
            self.assertEqual(fetch(DATA, script=once.format("again", f"{{ {SEND}\n}} | head -c 10240", SEND)), 0)
            self.assertEqual(fetch(DATA, script=f"{{ {SEND}\n}} | tr Q R"), 1)
            self.assertEqual((facts("data"), os.listdir("data")), (before, ["big"]))
            self.assertEqual(fetch(DATA, script="echo 'quota: refused' >&2; exit 1"), 1)
        self.assertIn("skelebot: data: not all was copied back: quota: refused\n", said[0])
        self.assertEqual(said[0].count("skelebot: files did not travel whole, so again: "), 1 + 4 + 1 + 4)
        self.assertIn("skelebot: data: not all was copied back: the stream was cut\n", said[0])

    def test_that_says_nothing_for_long_is_tried_again(self):
        self.addCleanup(setattr, OnCluster, "silent", OnCluster.silent)
        OnCluster.silent = 4
        with inside({"data/big": os.urandom(200000)}), stderr() as said:
            once = "if [ -e {0} ]; then {2}\nelse touch {0}; {1}\nfi"
            send(DATA, script=once.format("tried", "head -c 9999 | wc -c >&2; sleep 100", RECEIVE))
            self.assertEqual((facts("there/app/data"), fetch(DATA, script=once.format("again", f"sleep 100 & {{ {SEND}\n}} | head -c 10240; wait", SEND))),
                             (facts("data"), 0))
        self.assertEqual(said[0].count("skelebot: files did not travel whole, so again: nothing has come or gone for 4 s\n"), 2)

    def test_ends_its_client_when_it_is_ended(self):
        script = skelebot.template_bytes("cluster", "patient.py").decode()
        argv = [sys.executable, "-c", script, "100", "sh", "-c", "trap '' INT TERM HUP; echo $$; exec sleep 100"]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as patient:
                client = patient.stdout.readline().decode().strip()
                patient.send_signal(number)
                self.assertEqual(patient.wait(60), 128 + number)
                for _ in range(600):
                    state = subprocess.run(["ps", "-o", "stat=", "-p", client], stdout=subprocess.PIPE).stdout[:1]
                    if state in (b"", b"Z"):
                        break
                    time.sleep(0.1)
                self.assertIn(state, (b"", b"Z"))

    def test_works_without_a_program_for_checksums(self):
        with inside({"data/a": "1"}), stderr() as said:
            lacks = "command() { false; }; "
            send(DATA, script=lacks + RECEIVE)
            os.remove("data/a")
            self.assertEqual(fetch(DATA, script=lacks + SEND), 0)
            self.assertEqual(text_of("data/a"), b"1")
            self.assertEqual(fetch(DATA, script=f"{lacks}{{ {SEND}\n}} | head -c 1536"), 1)
        self.assertIn("the stream was cut", said[0])

    def test_goes_nowhere_but_to_its_place(self):
        file, link = tarfile.REGTYPE, tarfile.SYMTYPE
        for members in ([("app/data/../../escaped", file, "")], [("/app/data/../escaped", file, "")], [("../escaped", file, "")],
                        [("app/data/l", link, "../../.."), ("app/data/l/escaped", file, "")],
                        [("app/data/l", link, "/tmp"), ("app/data/l/escaped", file, "")],
                        [("app/data/dev", tarfile.CHRTYPE, "")], [("app/data/fifo", tarfile.FIFOTYPE, "")],
                        [("app/data/hard", tarfile.LNKTYPE, "../../escaped")], [("app/data/hard", tarfile.LNKTYPE, "/etc/passwd")]):
            with self.subTest(members), inside({"project/data/own": "", "outside/x": ""}) as top, stderr():
                os.chdir("project")
                os.symlink("../../outside", "data/out")
                script = archive(*members)
                try:
                    fetch(DATA, script=script)
                except SkelebotError:
                    pass
                self.assertEqual([name for _, _, names in os.walk(top) for name in names if name in ("escaped", "dev", "fifo")][1:], [])
                self.assertEqual(os.listdir("../outside"), ["x"])
                os.chdir(top)

    def test_never_writes_to_where_a_link_of_the_folder_leads(self):
        with inside({"data/own": "", "outside/x": "1"}):
            os.symlink("../outside", "data/out")
            self.assertEqual(fetch(DATA, script=archive(("app/data/out/x", tarfile.REGTYPE, ""))), 0)
            self.assertEqual((text_of("outside/x"), text_of("data/out/x")), (b"1", b"evil"))

    def test_lets_no_link_take_the_place_of_what_is_mapped(self):
        own = {"data/file": b"own", "elsewhere/x": b"", "score.json": b"{}"}
        score = Copy("score.json", "/app/score.json", False, True)
        with inside(own):
            os.makedirs("there/app")
            for name, end in (("score.json", "elsewhere/x"), ("data", "elsewhere")):
                os.symlink(os.path.abspath(end), "there/app/" + name)
            with stderr() as said:
                fetch(score, DATA)
            self.assertEqual([os.path.islink(name) for name in ("score.json", "data")], [False, False])
        self.assertEqual(said[0].count("is no file, or leads out of its folder, and stays there"), 2)

    def test_gives_nobody_the_rights_of_a_files_owner(self):
        with inside({"data/own": ""}):
            os.makedirs("there/app/data")
            for name, mode in (("owner", 0o4755), ("group", 0o2755)):
                with open("there/app/data/" + name, "wb"):
                    os.chmod("there/app/data/" + name, mode)
            fetch(DATA)
            self.assertEqual([oct(os.stat("data/" + name).st_mode) for name in ("owner", "group")], [oct(0o100755)] * 2)

    def test_holds_no_file_in_memory(self):
        with inside({"data/a": ""}):
            os.truncate("data/a", 2 ** 27)
            code = ("import test_doing_travelling as t; print(t.send(t.DATA), t.fetch(t.DATA), "
                    "__import__('resource').getrusage(0).ru_maxrss)")
            path = os.pathsep.join([support.ROOT, os.path.join(support.ROOT, "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
            told = subprocess.check_output([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}).split()
            self.assertEqual(told[:2], [b"None", b"0"])
            self.assertLess(int(told[2]), 100000)

    def test_of_what_grows_or_goes_meanwhile_is_no_traceback(self):
        with inside({"data/log": "x" * 100000}), stderr():
            writer = subprocess.Popen(["sh", "-c", "while :; do echo more >> data/log; echo > data/new; rm -f data/new; done"])
            try:
                send(DATA)
            except SkelebotError:
                pass
            finally:
                writer.kill(), writer.wait()

    def test_to_a_full_disk_says_so_at_once(self):
        with inside({"data/a": "1"}), stderr() as said, self.assertRaises(SkelebotError) as caught:
            send(DATA, script="cat > /dev/full; exit 1")
        self.assertIn("what is mapped was not sent: the disk there is full", str(caught.exception))
        self.assertEqual(said, [""])


if __name__ == "__main__":
    unittest.main()
