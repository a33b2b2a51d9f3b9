"""What reaches the terminal: text of the project, of files, servers and typed words never commands it."""
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
from skelebot import on_one_line, pasted, visible
from support import folder, inside, process, two_lines

EVIL = "\x1b]0;x\x07\x1b[1mx\x1b[0m\x9b2J\x85\r\x7f\u202e\u2066\u2028z"
OBEYED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]")
COMPONENTS = (
    {"jupyter": {"folder": EVIL}}, {"package": {"path": EVIL + ".zip"}}, {EVIL: {}},
    {"repository": {"folder": {"path": EVIL}, "artifacts": [{"name": "m", "file": EVIL}]}},
    {"repository": {"s3": {"bucket": EVIL, "region": EVIL}, "artifacts": [{"name": "m", "file": "m"}]}},
    {"repository": {"artifactory": {"url": "http://x" + EVIL, "repo": EVIL}, "artifacts": [{"name": "m", "file": "m"}]}},
    {"registry": {"host": EVIL}}, {"kerberos": {"krbConf": EVIL, "keytab": EVIL, "user": EVIL}})
CALLS = (
    [], ["a", "-h"], ["-v"], ["-c"], ["envs"], ["a", EVIL], [EVIL], ["--" + EVIL], ["-e", EVIL, "a"], ["-C", EVIL],
    ["plugin", "install", EVIL], ["plugin", "remove", EVIL], ["scaffold", "x", "-y", "--template", EVIL],
    ["bump", EVIL], ["pull", EVIL, "1"], ["push", "m"], ["pull", "m", "1.0.0", "-o"], ["package"],
    *(["--dry-run", *words] for words in (["a", EVIL], ["-V", "a", EVIL], ["-n", "a", EVIL], ["exec"], ["prime"],
                                          ["publish"], ["package"], ["jupyter"], ["push", "m"], ["pull", "m", "1.0.0"])))


def said(*words, path):
    """What a call says on both streams, as characters of a terminal; its status."""
    ending = support.call(*words, folder=path)
    return ending.status, ending.stdout + ending.stderr


def at_terminal(*words, path):
    """What a call shows on a real terminal."""
    import pty
    end, inner = pty.openpty()
    with subprocess.Popen([sys.executable, os.path.join(support.ROOT, "skelebot.py"), *words], cwd=path,
                          stdin=inner, stdout=inner, stderr=inner) as running:
        os.close(inner)
        data = b""
        try:
            while select.select([end], [], [], 30)[0]:
                data += os.read(end, 65536)
        except OSError:
            pass                        # the other end is closed: Linux says so in this way
        running.kill()
    os.close(end)
    return data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


class Text(unittest.TestCase):
    def test_is_shown_with_what_a_terminal_would_obey_written_out(self):
        for text, shown in (("", ""), ("ü日本🌸 a\tb\n", "ü日本🌸 a\tb\n"), ("\x1b[2J", "\\x1b[2J"), ("a\rb", "a\\rb"),
                            ("\0\x7f\x80\x9f\xa0", "\\x00\\x7f\\x80\\x9f\xa0"), ("\u202eabc\u2069", "\\u202eabc\\u2069"),
                            ("\u200e\u200f\u061c\u2028\u2029", "\\u200e\\u200f\\u061c\\u2028\\u2029"),
                            ("\udcc2\udc9b", "\udcc2\\udc9b"), ("\udca0\udcff", "\udca0\udcff"), ("\ud800", "\\ud800")):
            self.assertEqual(visible(text), shown)

    def test_of_a_message_stays_on_its_line(self):
        self.assertEqual(on_one_line("a\nskelebot: all is well\x1b"), "a\\nskelebot: all is well\\x1b")
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
            ended = subprocess.run([shell], input=line.encode("utf-8", "surrogateescape"), stdout=subprocess.PIPE)
            self.assertEqual(ended.stdout, "".join(f"<{word}>" for word in words).encode("utf-8", "surrogateescape"))


class Project(unittest.TestCase):
    """One that somebody else wrote, to take over the terminal of whoever clones it."""
    JOB = {"name": "a", "source": "echo " + EVIL, "help": EVIL, "environment": {"A": EVIL},
           "args": [{"name": "b", "help": EVIL}], "params": [{"name": "c", "default": EVIL, "help": EVIL}]}
    KEYS = {"name": "n" + EVIL, "description": EVIL + "\n" + EVIL, "maintainer": EVIL, "contact": EVIL, "jobs": [JOB]}

    def check(self, keys, calls=CALLS, files=()):
        with folder({"skelebot.yaml": json.dumps(keys), "VERSION": "1.0.0", **dict(files)}) as path:
            with support.environment(SKELEBOT_HOME=os.path.join(path, "home"), SKELEBOT_DOCKER="no-such-engine"):
                for words in calls:
                    text = said(*words, path=path)[1]
                    self.assertNotRegex(text, OBEYED, (words, keys))

    def test_has_pages_answers_and_faults_without_control_characters(self):
        self.check(self.KEYS)
        for name in self.KEYS:
            self.check({"name": "n", name: self.KEYS[name]}, CALLS[:6])

    def test_has_components_without_control_characters(self):
        for components in COMPONENTS:
            self.check({"name": "n", "jobs": [self.JOB], "components": components})

    def test_has_keys_choices_and_values_without_control_characters(self):
        job = self.JOB
        for keys in ({"name": "n", EVIL: 1}, {"name": "n", "gpu": EVIL}, {"name": "n", "language": EVIL},
                     {"name": "n", "jobs": [{**job, EVIL: 1}]}, {"name": "n", "jobs": [{**job, "name": EVIL}]},
                     {"name": "n", "jobs": [{**job, "args": [{"name": "b", "choices": [EVIL, "k"]}]}]},
                     {"name": "n", "dependencies": [EVIL]}, {"name": "n", "copy": [EVIL]}, {"name": "n", "ports": [EVIL]},
                     {"name": "n", "dockerfile": EVIL}, {"name": "n", "primaryJob": EVIL}):
            self.check(keys, ([], ["a"], ["a", "-h"], ["a", "z"], ["prime", "--dry-run"], ["--dry-run", "a", "k"]))

    @unittest.skipIf(os.name == "nt", "names that Windows has not")
    def test_has_environments_without_control_characters(self):
        self.check({"name": "n"}, ([], ["envs"], ["-e", "z", "envs"], ["-e", "\x1b", "-h"]),
                   {"skelebot-\x1b.yaml": "", "skelebot-\u202e.yaml": ""})

    def test_has_bold_headings_on_a_terminal_which_are_skelebots_own(self):
        keys = {"name": "n", "description": "\x1b[1mJobs\x1b[0m:\nx", "jobs": [self.JOB]}
        with folder({"skelebot.yaml": json.dumps(keys)}) as path:
            text = at_terminal("-h", path=path)
            self.assertEqual(re.findall("\033\\[1m(\\w+).*?:\033\\[0m\n", text), ["Jobs", "Commands", "Options"])
            self.assertNotRegex(re.sub("\033\\[[01]m", "", text), OBEYED)
            self.assertIn("\\x1b[1mJobs\\x1b[0m:\n", text)

    def test_has_jobs_whose_own_output_is_left_as_it_is(self):
        text = json.dumps({"name": "n", "jobs": [{"name": "a", "source": "printf '\\033[2J\\r\\302\\233'"}]})
        with folder({"skelebot.yaml": text}) as path:
            self.assertEqual(process("-n", "a", folder=path), (0, "\x1b[2J\r\x9b", ""))

    def test_asks_without_control_characters(self):
        for hidden in (False, True):
            code = ("import skelebot, sys\n"
                    f"skelebot.ask(skelebot.Ask({EVIL!a} + '\\nToken', {EVIL!a}, hidden={hidden}))")
            with inside({}):
                ended = subprocess.run([sys.executable, "-W", "ignore", "-c", code], stdin=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, start_new_session=True,
                                       env={**os.environ, "PYTHONPATH": support.ROOT, "PYTHONIOENCODING": "utf-8"})
            self.assertIn(f"{on_one_line(EVIL)}\\nToken [{on_one_line(EVIL)}]: ", ended.stderr.decode("utf-8"))
            self.assertNotRegex(ended.stderr.decode("utf-8"), OBEYED)


if __name__ == "__main__":
    unittest.main()
