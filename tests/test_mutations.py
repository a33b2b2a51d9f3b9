"""The first mutations of each kind, and that whoever watches them sees what is wrong."""
import json
import os
import sys
import tempfile
import unittest

import mutate

PYTHON = json.dumps(sys.executable)


def native(source, **more):
    """A case whose one job, on this machine, is this."""
    files = {"project/skelebot.yaml": json.dumps({"name": "a", "jobs": [{"name": "work", "source": source}]}).encode()}
    return mutate.Case(calls=(("-n", "work"),), files=files, runs=True, **more)


class Watching(unittest.TestCase):
    """What a case may not do."""

    def faults(self, case):
        with tempfile.TemporaryDirectory() as folder:
            return mutate.apart(lambda: mutate.run(case, os.path.join(folder, "case"), mutate.traps(folder)))

    def test_finds_nothing_wrong_with_what_is_right(self):
        self.assertEqual(self.faults(native("echo fine")), [])

    def test_sees_what_is_wrong(self):
        for source, fault in (
                ("exit 3", "ended with 3"),
                ("kill -SEGV $PPID", "ended by signal 11"),
                ("printf '\\033[2J'", "raw on the terminal"),
                ("echo Traceback >&2", "a traceback"),
                (f"{PYTHON} -c 'print(len(\"a\" * (300 << 20)))'", "took 3"),
                ("touch \"$TMPDIR/x\"", "left in TMPDIR: ['x']"),
                ("touch ../x", "wrote elsewhere: ['x']"),
                ("mkdir .skelebot-x", "left in the project: ['.skelebot-x']")):
            with self.subTest(source):
                self.assertIn(fault, "; ".join(self.faults(native(source))))

    def test_sees_what_does_not_end(self):
        self.addCleanup(setattr, mutate, "SECONDS", mutate.SECONDS)
        mutate.SECONDS = 1
        self.assertIn("no end within", "; ".join(self.faults(native("sleep 987"))))

    def test_sees_a_word_that_docker_may_not_have(self):
        case = native("docker run --env-file=HIDDEN", hidden="HIDDEN", programs={"docker": mutate.FAKE_DOCKER.encode()})
        case.files.update({"fake/" + name: b"" for name in ("argv", *mutate.SAID)})
        self.assertIn("a word of docker's: '--env-file=", "; ".join(self.faults(case)))

    def test_sees_a_program_that_nobody_was_to_start(self):
        self.assertIn("has run ", "; ".join(self.faults(native("true")._replace(runs=False))))


class Mutating(unittest.TestCase):
    """Few of many: real_mutations goes on with them."""

    def test_makes_the_same_case_of_the_same_seed(self):
        for kind in mutate.KINDS:
            first, again, other = (mutate.made(kind, seed, 5)[:2] for seed in (1, 1, 2))
            self.assertEqual(first, again)
            self.assertNotEqual(first, other)

    def test_comes_to_an_end_whatever_it_is_given(self):
        for kind in mutate.KINDS:
            with self.subTest(kind):
                total, faults = mutate.mutate(kind, seed=1, count=8, seconds=20)
                self.assertEqual(list(map(str, faults)), [])
                self.assertGreater(total, 0)


if __name__ == "__main__":
    unittest.main()
