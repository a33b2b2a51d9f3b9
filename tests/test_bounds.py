"""What others wrote has bounds: depth, size, count and seconds; and what is no file is none."""
import gzip
import os
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import unittest
import unittest.mock

import support
import skelebot
from program import SKELEBOT
from skelebot import SkelebotError
from test_reading import message

HOSTILE_YAML = {
    "brackets": "[" * 30000, "braces": "{a: " * 15000, "dashes": "- " * 30000, "questions": "? " * 30000,
    "closed brackets": "[" * 30000 + "]" * 30000, "a tab": "#\t\n" + "[" * 30000,
    "indentation": "".join(" " * depth + "a:\n" for depth in range(960)),
}


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (768 << 20, 768 << 20))    # addresses, of which a third may be in use
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))       # however much else the machine has to do


def ending(*words, folder, home=None):
    """(status, stderr) of a call in a process of its own, with little memory and time."""
    argv = [sys.executable, SKELEBOT, *words]
    environ = {**os.environ, "HOME": home or folder, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=280, preexec_fn=limited)
    return done.returncode, done.stderr.decode("utf-8", "replace")


class Nesting(unittest.TestCase):
    def test_a_file_that_is_nested_too_deeply_is_a_fault_of_that_file(self):
        for name, text in HOSTILE_YAML.items():
            with self.subTest(name), support.folder({"skelebot.yaml": text}) as path:
                self.assertEqual(ending("envs", folder=path), (
                    1, "skelebot: skelebot.yaml:1: is nested too deeply\n  hint: use fewer brackets inside each other\n"))

    def test_an_environment_as_well(self):
        files = {"skelebot.yaml": "name: churn\n", "skelebot-q.yaml": "jobs: " + "[" * 30000}
        with support.folder(files) as path:
            status, stderr = ending("-e", "q", "envs", folder=path)
            self.assertEqual((status, stderr.split(": ")[1:3]), (1, ["skelebot-q.yaml:1", "is nested too deeply\n  hint"]))

    def test_what_people_write_is_not(self):
        text = "name: churn\nx-deep: " + "[" * 90 + "]" * 90 + "\n"
        self.assertEqual(support.read(text).name, "churn")


class Aliases(unittest.TestCase):
    def test_aliases_that_become_too_much_are_a_fault(self):
        doubled = "".join(f"  - &a{one + 1} [*a{one}, *a{one}]\n" for one in range(25))
        merged = "".join(f"  - &a{one + 1} {{<<: [*a{one}, *a{one}]}}\n" for one in range(25))
        for name, text in {"lists": "- &a0 [b]\n  " + doubled.strip(), "merges": "- &a0 {b: c}\n  " + merged.strip()}.items():
            with self.subTest(name):
                said = message(f"name: churn\nx-more:\n  {text}\n")
                self.assertRegex(said, r"^skelebot: skelebot.yaml:\d+: has more than 100000 values when its aliases are")

    def test_what_is_shared_is_no_fault(self):
        text = "name: churn\nx-a: &a {mode: i}\nx-b: [*a, *a, *a]\njobs:\n- {name: b, source: b.py, <<: [*a, *a]}\n"
        self.assertEqual(support.read(text).jobs[0].mode, "i")


class Sizes(unittest.TestCase):
    def test_a_large_file_is_none_of_ours(self):
        self.assertEqual(message("name: churn\n#" + " " * 500000),
                         "skelebot: skelebot.yaml:1: is larger than 500.0 kB\n  hint: check that this is the right file")

    def test_a_file_as_large_as_may_be_is_read_in_seconds(self):
        for name, text in {"dense": "[" + "a," * 240000 + "]", "broken": "[" + "a," * 240000, "tab": "\t[" + "a," * 240000,
                           "no-break spaces": "a:\n" + "\u00a0\n" * 160000}.items():
            with self.subTest(name), support.folder({"skelebot.yaml": text}) as path:
                self.assertEqual(ending("envs", folder=path)[0], 1)


class Json(unittest.TestCase):
    def test_that_would_fill_the_memory_is_not_read(self):
        for data in (b"[" + b"{}," * 21 * 10 ** 6, b"[" + b"{}," * 210000, b"[" * 210000):
            with self.subTest(data[:9], size=len(data)), self.assertRaisesRegex(SkelebotError, "an answer (is larger|has more)"):
                skelebot.json_value(data)

    def test_that_is_nested_or_has_long_numbers_is_nothing_special(self):
        self.assertIsNone(skelebot.json_value(b"[" * 100000))
        self.assertEqual(skelebot.json_value(b"[" + b"9" * 10 ** 6 + b"]"), [99999999999999999999])

    def test_long_numbers_of_characters_are_none(self):
        self.assertEqual(skelebot.shown_text("a&#" + "9" * 10000 + ";b&#65;"), "a\ufffd")


class NoFiles(unittest.TestCase):
    """A pipe waits for ever, a device has no end."""
    KINDS = {"pipe": "a pipe, no file", "folder": "a folder, no file", "device": "a device, no file"}

    def made(self, kind, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: os.symlink("/dev/zero", path)}[kind](path)

    def test_what_is_read_has_to_be_a_file(self):
        files = {"VERSION": ("bump", "patch"), "skelebot-q.yaml": ("-e", "q", "envs"), "Dockerfile": ("--dry-run", "train"),
                 ".dockerignore": ("--dry-run", "train"),
                 "requirements.txt": ("--dry-run", "train")}
        yaml = "name: churn\ndependencies: ['req:requirements.txt']\njobs:\n- {name: train, source: train.py}\n"
        for kind, said in self.KINDS.items():
            for name, words in files.items():
                with self.subTest(kind, name=name), tempfile.TemporaryDirectory() as home, \
                        support.folder({"skelebot.yaml": yaml, "train.py": ""}) as path:
                    self.made(kind, os.path.join(path, name))
                    status, stderr = ending(*words, folder=path, home=home)
                    self.assertIn(f"{os.path.basename(name)}: is {said}\n  hint: put a plain file there, or remove it\n", stderr)
                    self.assertEqual(status, 1)


class Plugins(unittest.TestCase):
    def test_whose_file_is_a_pipe_are_moved_away(self):
        with support.folder({"p/skelebot.yaml": "name: churn\n", "h/.skelebot/plugins/foo/x": ""}) as path:
            os.mkfifo(os.path.join(path, "h/.skelebot/plugins/foo/foo.py"))
            status, stderr = ending("envs", folder=os.path.join(path, "p"), home=os.path.join(path, "h"))
            self.assertIn("plugin foo: foo.py: ImportError: foo.py is not a file; it was moved to", stderr)
            self.assertEqual(status, 0)


def header(name, size=0, kind=b"0", **fields):
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry.tobuf(tarfile.PAX_FORMAT)


def filled(data):
    return data + bytes(-len(data) % 512)


def pax(kind, **values):
    lines = b"".join(b"%d %s=%s\n" % (len(name) + len(value) + 5, name.encode(), value)    # of two digits
                     for name, value in values.items())
    return header("x", len(lines), kind) + filled(lines)


class Archives(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        small = unittest.mock.patch.object(skelebot, "HONEST", 1 << 20)
        small.start()
        self.addCleanup(small.stop)
        self.top = holder.name
        self.folder = os.path.join(self.top, "folder")

    def said(self, blocks, opened=gzip.open):
        """The message about an archive of these blocks; nothing else is left."""
        skelebot.remove(skelebot.Remove(self.folder))
        scratch = skelebot.make_scratch(skelebot.Scratch("", self.folder))
        packed = os.path.join(scratch, "packed")
        with opened(packed, "wb") as file:
            file.writelines(blocks)
        try:
            skelebot.Unpacker(skelebot.Unpack(packed, self.folder, "data")).run()
        except SkelebotError as error:
            skelebot.remove(skelebot.Remove(scratch))
            self.assertEqual(os.listdir(self.top), [])
            return error.message
        skelebot.remove(skelebot.Remove(scratch))
        return "unpacked"

    def test_what_is_bounded_is_said(self):
        mega = bytes(1 << 20)
        sparse = bytearray(header("s", 512, b"S"))
        large = "unpacks to more than one of its size can hold"
        for blocks, said in (
            ([header("zeros", 64 << 20), *[mega] * 64], large),
            ([header("f"), *[mega] * 64], large),
            ([header("tera", 1 << 40)], large),
            ([bytes(sparse), bytes(512)], "holds a file with holes"),
            ([pax(b"x", **{"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0"}), header("s", 512), bytes(512)],
             "holds a file with holes"),
            ([pax(b"x", **{"GNU.sparse.size": b"1099511627776"}), header("s", 0)], "holds a file with holes"),
            ([header("x", 1500 << 20, b"x"), *[mega] * 20], "says more than 100.0 kB about one of its files"),
            ([header("x", 1500 << 20, b"g"), *[mega] * 20], "says more than 100.0 kB about one of its files"),
            ([header("x", 1500 << 20, b"L"), *[mega] * 20], "says more than 100.0 kB about one of its files"),
            ([header("a/" * 120 + "b"), bytes(1024)], "unpacked"),
            ([header("a/" * 300 + "b"), bytes(1024)],
             f"holds {skelebot.shortened('a/' * 300 + 'b')}, which is in more than 200 folders"),
        ):
            with self.subTest(said):
                self.assertEqual(self.said(blocks), said if said == "unpacked" else "the archive " + said)

    def test_a_folder_of_nothing_but_zeros_comes_back(self):
        os.mkdir(os.path.join(self.top, "zeros"))
        with open(os.path.join(self.top, "zeros", "file"), "wb") as file:
            file.truncate(50 << 20)
        body = skelebot.Packer.body(skelebot.Pack(os.path.join(self.top, "zeros")))
        with body.file:
            body.file.seek(0)
            self.assertEqual(self.said([body.file.read()], open), "unpacked")
        self.assertEqual(os.path.getsize(os.path.join(self.folder, "file")), 50 << 20)

    def test_a_damaged_one_is_a_fault_whatever_is_wrong(self):
        whole = b"".join((pax(b"x", comment=b"more"), header("d/file", 700), filled(b"x" * 700), header("long/" * 30, 9),
                          filled(b"9" * 9), pax(b"g", comment=b"all"), header("other", 3), filled(b"abc"), bytes(1024)))
        chance = random.Random(1)
        for _ in range(400):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 5)):
                block = chance.randrange(len(data) // 512) * 512
                at = block + chance.choice((0, 124, 135, 156, 257, chance.randrange(512)))
                data[at] = chance.choice(b"\0\xff\x80gxSLK9=\n")
                data[block + 148:block + 156] = b" " * 8
                data[block + 148:block + 156] = b"%06o\0 " % sum(data[block:block + 512])
            with self.subTest(bytes(data).hex()):
                said = self.said([bytes(data)])
                self.assertRegex(said, r"^(unpacked$|the archive |data: cannot be unpacked: |.*folder: )")


class Links(unittest.TestCase):
    def test_folders_that_link_to_each_other_are_not_packed_for_ever(self):
        with support.folder({"skelebot.yaml": "name: churn\ncomponents: {package: {path: churn.zip}}\n"}) as path:
            for one in range(10):
                os.mkdir(os.path.join(path, f"d{one}"))
                for other in {*range(10)} - {one}:
                    os.symlink(f"../d{other}", os.path.join(path, f"d{one}", f"to{other}"))
            status, stderr = ending("package", folder=path)
            self.assertRegex(stderr, r"links lead to more than 30000 files\n  hint: remove some of the links\n$")
            self.assertEqual((status, os.path.exists(os.path.join(path, "churn.zip"))), (1, False))


if __name__ == "__main__":
    unittest.main()
