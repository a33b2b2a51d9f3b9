"""Run one test module and note how each test came out: run.py MODULE NOTES [PATTERN...]

One line per test is appended to the file NOTES: `passed`, `failed` or `skipped`, a tab, the
test, and for a skip its reason. The last line is `done`: without it, the module did not come to
its end. A test with failed subtests is one failed test. With patterns, only the tests run whose names fit one.
"""
import faulthandler
import os
import signal
import sys
import unittest

TIMEOUT = 600  # seconds for one test, or for one setUpClass
WORST_LAST = ["passed", "skipped", "failed"]


class NotedResult(unittest.TextTestResult):
    """unittest's own result, which writes its notes as soon as a test is over."""

    notes = None  # the open file
    current = None  # the test that is running; None while a class or module is set up
    outcome = None  # (word, text) of that test, the worst so far

    def note(self, test, word, reason=""):
        text = " ".join("{} {}".format(test.id(), reason).split())
        if self.current is None:
            self.write(word, text)
        elif WORST_LAST.index(word) > WORST_LAST.index(self.outcome[0]):
            self.outcome = word, text

    def write(self, word, text):
        self.notes.write("{}\t{}\n".format(word, text))
        self.notes.flush()

    def startTest(self, test):
        super().startTest(test)
        self.current, self.outcome = test, ("passed", test.id())
        faulthandler.dump_traceback_later(TIMEOUT, exit=True)

    def stopTest(self, test):
        super().stopTest(test)
        if self.current is not None:  # 3.12.1 stops skipped tests that it never started
            self.write(*self.outcome)
            self.current = None
        faulthandler.dump_traceback_later(TIMEOUT, exit=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failed")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "failed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failed")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.note(test, "failed")


def main(module, notes, *patterns):
    tests = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(1, os.path.dirname(tests))  # after tests/ itself, which Python put first
    # A shell has what it runs beside it ignore these, nohup the last, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    faulthandler.dump_traceback_later(TIMEOUT, exit=True)
    with open(notes, "a", encoding="utf-8") as NotedResult.notes:
        unittest.defaultTestLoader.testNamePatterns = list(patterns) or None
        suite = unittest.defaultTestLoader.discover(tests, module + ".py")
        # The slow tier names each test as it comes to it; of the fast one, dots are enough.
        verbosity = 2 if module.startswith("real_") else 1
        unittest.TextTestRunner(sys.stdout, verbosity=verbosity, resultclass=NotedResult).run(suite)
        NotedResult.notes.write("done\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
