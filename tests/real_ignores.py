"""What skelebot takes for ignored, against what real engines are sent.

Each pattern file has a folder of its own in one build context, with files of a strange tree, and its lines
are written for that folder: so one build shows what an engine makes of three hundred of them.

A file that is sent although skelebot takes it for ignored is the fault that counts: it could be a secret.
"""
import io
import os
import random
import re
import subprocess
import tarfile
import unittest

from support import inside, skelebot
from engine import TIMEOUT, environment, missing, on, write

FILES = (
    ".env", ".git/config", "Makefile", "README.md", "a", "a+b.txt", "aab.txt", "ab", "abc/abc", "b c/d e.txt",
    "b c/f", "brace{1}.txt", "bracket[1].txt", "bracket1.txt", "data/.keep", "data/a.csv", "data/b.csv",
    "data/data/a.csv", "data/raw/a.csv", "data/raw/deep/er/a.csv", "data/raw/deep/er/z.CSV", "data.csv",
    "datas/a.csv", "dot.txt", "dotxtxt", "dollar$.txt", "keys/(1).pem", "keys/1.pem", "keys/id_rsa",
    "keys/sub/id_rsa", "pipe|x", "-dash/-x", "-dash/y", "plus+", "q?.txt", "qa.txt", "qab.txt", "star*.txt",
    "star.txt", "starry.txt", "x/a", "x/b", "x/y/a", "x/y/b", "x/y/z/a", "x/y/z/w/a", "~home", "#hash", "!bang",
    "ünï/cödé.txt", "ünï/b", "caret^x", "^x", "z]", "back\\slash", "tail ", "...", "..a/b", "c/.d/e", "10.log",
    "1.log", "é.log",
)

PARTS = (
    "*", "**", "?", "a", "x", "y", "z", "data", "raw", "deep", "*.csv", "a.csv", "*.txt", "[a-c]", "[^a]", "[a-c]*",
    "d*", "da?a", "*a", "a*", "keys", "id_rsa", "*.log", "[0-9].log", "?.log", "abc", "b c", "c", ".d", ".*",
    "-dash", "ünï", "c?d*", "star\\*.txt", "star*.txt", "**.csv", "**a", "d**", "w", "[x-z]", "q\\?.txt",
)
"""Names and wildcards that generated patterns are made of."""

WRITTEN = (
    "*", "**", "!**", "*\n!a", "**\n!**/a", "data\n!data/raw", "data/\n!data/raw/a.csv", "data/**\n!data/raw/deep",
    "data/*\n!data/raw", "x\n!x/y\nx/y/z\n!x/y/z/w", "!x\nx", "x\n!x", "*\n!*.txt\nq*", "**/a\n!x/**", "x/**/a",
    "x/**", "x/**/", "**/data\n!data/.keep", "**/[w-x]\n!x/y/b",
    "**/y", "**/y/", "**/y/**", "**/y/*", "**/*.csv", "*/*.csv", "*.csv", "data/**/*.csv",
    "data/**.csv", "/data", "//data", "data//raw", "./data", "data/./raw", "data/../x", "data/raw/../a.csv", "...",
    "..a", "# data\ndata", " # data", "#hash", "\\#hash", "! x", "\\!bang", "  data  ", "data\t", "\n\n  \nx\n",
    "x\r\ny\r\n", "b c", "b c/d e.txt", "b\\ c", "*c/f", "tail ", "tail?", "a?", "?", "??", "x/?", "q?.txt",
    "q\\?.txt", "q[?].txt", "star\\*.txt", "star[*].txt", "star*.txt", "bracket[1].txt", "bracket\\[1\\].txt",
    "bracket[[]1].txt", "bracket\\[1].txt", "[a-c]", "[^a-c]", "[!a-c]", "[a-c]b", "x/[^a]", "x[/]a", "x?a",
    "[0-9].log", "[0-9]*.log", "[é].log", "?.log", "[\\^]x", "[x^]", "^x", "\\^x", "caret^x", "[a\\-c]", "-dash",
    "z]", "z\\]", "[\\]z]", "[[]", "back\\\\slash", "back\\slash", "back?slash", "a\\b", "\\a", "a+b.txt",
    "a\\+b.txt", "a[+]b.txt", "plus+", "plus\\+", "brace{1}.txt", "brace\\{1\\}.txt", "keys/(1).pem",
    "keys/\\(1\\).pem", "pipe\\|x", "dollar$.txt", "dollar\\$.txt", "dot.txt", "do..txt", "DATA", "Data.csv",
    "~home", "~", "$HOME", "ünï", "ün?", "ü*/c*", "?nï", "***", "x/***", "a**", "**a", "**a**", "x**", "x**a",
    "x/**a", "da**csv", "data**csv", "**/**/a", "x/**/**/a", "**/x/**/a", "*/**/a", "**/", "*/", "x/y/../y/a",
    "keys/id_*\n!keys/sub", "**/id_rsa", "*\n!data\ndata/raw\n!data/raw/deep/er/a.csv",
    "**\n!data/**/*.csv\n**/b.csv", "a\n# !a\n", "a\n#!a", "a\n !a", "abc", "abc/abc", "ab", "c/.d", "c/.*", ".*",
    "*/.*", "**/.*", ".git", ".git/", "x/\n!x/y/\n", "!x/y\nx/*", "x/*/a", "x/*/*/a",
)
"""Pattern files by hand: what people write, and the corners of the rules."""

WHOLE = (
    "\ufeff!data\nx\n!!bang\n../a\ny/../..\n.\n./\n/\n..\n#b\n/../keys\n!..\n!.\n**/a.csv\n",
    "**\n!**/a\n!keys\n!data/raw\nkeys/sub\n",
)
"""Pattern files that say something else in a folder of their own."""

ODD = r"[][(){}|+^\\]|![^\n]*[*?]|\.\."
"""Signs that engines understand differently, and lets-in that they do not look for everywhere."""

OURS = {".dockerignore", "Dockerfile"}
LIKE = {"a+b.txt": "aab.txt", "bracket[1].txt": "bracket1.txt", "keys/(1).pem": "keys/1.pem", "star*.txt": "starry.txt",
        "q?.txt": "qa.txt", "pipe|x": "x", "dot.txt": "dotxtxt", "a": "ab", "data.csv": "data.csv.gz", "tail ": "tail"}
"""Files that a pattern for one name may take by mistake."""


def generated(count, seed=4):
    """Pattern files of one to four lines, the same at every call."""
    chance = random.Random(seed)
    for _ in range(count):
        lines = []
        for number in range(chance.randint(1, 4)):
            pattern = "/".join(chance.choice(PARTS) for _ in range(chance.choice((1, 1, 2, 2, 3))))
            lines.append(("!" if number and chance.random() < 0.5 else "") + pattern + chance.choice(("", "", "", "/")))
        yield "\n".join(lines)


def below(folder, text):
    """The pattern file `text` for what is in a folder."""
    lines = []
    for line in text.split("\n"):
        start = "!" if line.strip().startswith("!") else ""
        pattern = line.strip()[len(start):].strip()
        lines.append(line if line.startswith("#") or not pattern else f"{start}{folder}/{pattern}")
    return "\n".join(lines)


BELOW = {f"t{index:03}": text for index, text in enumerate(dict.fromkeys((*WRITTEN, *generated(110))))}
RULES = {folder: skelebot.Ignores(below(folder, text)) for folder, text in BELOW.items()}


def letters(text):
    return re.sub(r"[\W_]", "", text)


def chosen(folder):
    """Files for a pattern file: those whose letters it has, and of those that match the same lines some."""
    kinds, chance = {}, random.Random(folder)
    for path in chance.sample(FILES, len(FILES)):
        kind = tuple(bool(pattern.fullmatch(f"{folder}/{path}")) for pattern, _, _ in RULES[folder].rules)
        kinds.setdefault(kind, []).append(path)
    near = [path for path in FILES if letters(path) and letters(path) in letters(BELOW[folder])]
    some = [path for kind, paths in kinds.items() for path in paths[:2 if any(kind) else 3]]
    return {f"{folder}/{path}" for path in (*near[:4], *some)}


CHOSEN = {folder: chosen(folder) for folder in BELOW}


LITERAL = {f"l{index:03}/{path}": skelebot.literal_pattern(f"l{index:03}/{path}") for index, path in enumerate(FILES)}
ALIKE = {f"l{index:03}/{LIKE[path]}" for index, path in enumerate(FILES) if path in LIKE}
"""Files that are named by a pattern for one path, and those beside them that it must leave."""

ENDS = (" ", "\t", "\r", "\v", "\f", "\x1c", "\x7f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u202f", "\u3000", "\ufeff",
        "\u200b", "!", "#", "\\", "$", "'", '"', "`", ",", "*", "[", "]", "^", "-", "~", ":", "\n", "\udcff", "\u00e9")
KEYTABS = [name for end in ENDS for name in (f"{end}k1", f"k2{end}", f"k{end}3", f"{end}{end}", f"{end}sub{end}/{end}k4{end}")]
"""Names that begin, go on and end with what some program takes for its own."""


@on("legacy", "BuildKit", "new-cli", "podman")
class Ignores:
    """Build contexts, as they arrive at an engine."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if missing(cls.engine.name):
            raise unittest.SkipTest(missing(cls.engine.name))
        cls.image = f"skelebot-ignores-{os.urandom(4).hex()}"
        files = {path for paths in CHOSEN.values() for path in paths} | LITERAL.keys() | ALIKE
        texts = [*(below(*pair) for pair in BELOW.items()), *LITERAL.values()]
        with inside({path: "" for path in files}):
            cls.arrived = cls.sent("\n".join(texts))

    @classmethod
    def ask(cls, *words):
        done = subprocess.run([*cls.engine.cli, *words], env=environment(**cls.engine.environ), timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            raise AssertionError(f"{words}: {done.stderr.decode()}")
        return done.stdout

    @classmethod
    def archive(cls):
        """The image of the current folder as a tar file."""
        if cls.engine.name in ("BuildKit", "podman"):
            return cls.ask("build", "--quiet", "--output", "type=tar,dest=-", ".")
        cls.ask("build", "--quiet", "--tag", cls.image, ".")
        try:
            cls.ask("create", "--name", cls.image, cls.image)
            return cls.ask("export", cls.image)
        finally:
            cls.ask("rm", "--force", cls.image)
            cls.ask("rmi", "--force", cls.image)

    @classmethod
    def sent(cls, text):
        """The files below the current folder that the engine is sent, with this .dockerignore."""
        write(".", {".dockerignore": text, "Dockerfile": 'FROM scratch\nCOPY . /context/\nCMD ["x"]\n'})
        with tarfile.open(fileobj=io.BytesIO(cls.archive())) as archive:
            names = [entry.name.partition("context/") for entry in archive if entry.isreg()]
        return {name for start, middle, name in names if middle and not start.strip("./")} - OURS

    def test_a_file_that_is_taken_for_ignored_is_never_sent(self):
        for folder, text in BELOW.items():
            with self.subTest(text):
                kept = {path for path in CHOSEN[folder] if not RULES[folder].ignores(path)}
                self.compare(self.arrived & CHOSEN[folder], kept, text)

    def test_so_with_patterns_for_the_whole_context(self):
        with inside({path: "" for path in FILES}):
            for text in WHOLE:
                with self.subTest(text):
                    kept = {name for _, name in skelebot.context_files(skelebot.Ignores(text))} - OURS
                    self.compare(self.sent(text), kept, text)

    def compare(self, arrived, kept, text):
        self.assertEqual(sorted(arrived - kept), [], "sent, but taken for ignored")
        if not re.search(ODD, text):
            self.assertEqual(sorted(kept - arrived), [], "not sent, but taken for sent")

    def test_a_literal_pattern_keeps_out_one_file_and_nothing_else(self):
        self.assertEqual(sorted(self.arrived & LITERAL.keys()), [])
        self.assertEqual(sorted(ALIKE - self.arrived), [])

    def test_a_keytab_stays_out_whatever_its_name_begins_and_ends_with(self):
        lines = [skelebot.literal_pattern(name) for name in KEYTABS]
        with inside({**{name: "" for name in KEYTABS}, "k": "", "sub/k": ""}):
            self.assertEqual(self.sent("\n".join(lines)), {"k", "sub/k"})
            kept = {name for _, name in skelebot.context_files(skelebot.Ignores("\n".join(lines)))} - OURS
            self.assertEqual(kept, {"k", "sub/k"})

    def test_one_line_keeps_one_such_name_out_and_no_other(self):
        names = [name for name in KEYTABS if not re.search("[\x01-\x1f\x7f~\udcff]|[^\x01-\x7f].*4", name)]
        some = random.Random(7).sample(names, len(names) // 2)
        with inside({name: "" for name in names}):
            self.assertEqual(self.sent("\n".join(map(skelebot.literal_pattern, some))), set(names) - set(some))


if __name__ == "__main__":
    unittest.main()
