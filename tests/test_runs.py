"""What ran: the record of a run, as its folder has it, and how a person names it."""
import os
import tempfile
import unittest

import skelebot
from skelebot import RunRecord, Runs, SkelebotError


class Record(unittest.TestCase):
    """RunRecord, and run.json."""
    maxDiff = None
    FULL = RunRecord(
        number=12, job="train", words=["--lr", "0.1 'x'\n\udcff"], values={"lr": "0.1 'x'\n\udcff", "many": ["a", "b"]},
        typed=["lr"], clean=False, started=1.5, status=0, state="done", resources={"cpus": "2"},
        metrics={"loss": {"last": 0.25, "min": [0.25, 3], "max": [1.5, 1], "steps": 3}}, outputs=[["models/m.pkl", 12, 1.5]])

    def test_comes_back_from_its_text_as_it_was(self):
        self.assertEqual(RunRecord.of(self.FULL.text.encode(), 12), self.FULL)

    def test_has_null_for_numbers_that_json_lacks(self):
        self.assertEqual(skelebot.as_json([float("nan"), float("inf"), True, None, 1e300]), "[null, null, true, null, 1e+300]")

    def test_is_damaged_where_something_of_it_is(self):
        for text in ("", "{", "[]", "{}", '{"format": "x"}', '{"format": 1, "words": "x"}', '{"format": 1, "words": [1]}',
                     '{"format": 1, "state": "odd"}', '{"format": 1, "metrics": {"loss": 1}}', '{"format": 1, "outputs": [1]}',
                     '{"format": 1, "metrics": {"loss": {"last": "x"}}}', "[" * 100000,
                     '{"format": 1, "metrics": {"loss": {"last": 1, "min": [], "max": [1, 1], "steps": 1}}}',
                     '{"format": 1, "metrics": {"loss": {"last": 1, "min": [1, 1], "max": [1, 1], "steps": Infinity}}}',
                     '{"format": 1, "values": {"lr": %s}}' % ("[" * 900 + "]" * 900), '{"format": 1, "values": {"lr": 1}}',
                     '{"format": 1, "resources": {"cpus": [1]}}'):
            with self.subTest(text=text[:40]):
                self.assertEqual(RunRecord.of(text.encode(), 3).state, "damaged")

    def test_of_a_later_version_says_so(self):
        record = RunRecord.of(b'{"format": 2, "job": "train", "state": {"new": 1}}', 3)
        self.assertEqual((record.number, record.job, record.state), (3, "train", "later"))

    def test_passes_over_what_it_does_not_know(self):
        self.assertEqual(RunRecord.of(b'{"format": 1, "state": "done", "more": 1}', 3), RunRecord(number=3, state="done"))


class Folder(unittest.TestCase):
    """Runs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runs = Runs(folder.name)
        for record in (RunRecord(number=1, job="train"), RunRecord(number=2, job="score"), RunRecord(number=10, job="train"),
                       RunRecord(number=10, point=1, job="train"), RunRecord(number=10, point=2, job="train"),
                       RunRecord(number=11, job="3")):
            os.makedirs(self.runs.path(record))
            with open(self.runs.path(record, "run.json"), "w") as file:
                file.write(record.text)
        os.makedirs(os.path.join(folder.name, ".skelebot", "runs", "going"))

    def test_has_the_newest_first(self):
        self.assertEqual([record.name for record in self.runs.all()], ["11", "10", "2", "1"])

    def test_has_the_points_of_a_sweep_in_their_order(self):
        self.assertEqual([record.name for record in self.runs.points(10)], ["10.1", "10.2"])

    def test_names_a_run_by_number_point_or_job(self):
        jobs = ("train", "score", "3")
        for text, name in (("", "11"), ("1", "1"), ("10", "10"), ("10.2", "10.2"), ("train", "10"), ("score", "2"), ("3", "11")):
            with self.subTest(text=text):
                self.assertEqual(self.runs.named(text, jobs).name, name)

    def test_refuses_what_is_none(self):
        for text, message in (("4", "there is no run 4"), ("10.3", "there is no run 10.3"), ("load", "there is no run of load yet"),
                              ("trian", "'trian' is no run, and no job has that name")):
            with self.subTest(text=text), self.assertRaises(SkelebotError) as raised:
                self.runs.named(text, ("train", "load"))
            self.assertEqual(raised.exception.message, message)

    def test_without_any_says_so(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SkelebotError) as raised:
            Runs(folder).named("")
        self.assertEqual(raised.exception.message, "there is no run yet")


if __name__ == "__main__":
    unittest.main()
