"""What a run has measured: where metrics come from, and what is kept of them."""
import json
import os
import tempfile
import unittest

import skelebot
from skelebot import Metrics, SkelebotError
from support import job


class Key(unittest.TestCase):
    """`metrics` of a job."""

    def test_is_one_or_several(self):
        for given, read in (("output/score.json", ("output/score.json",)), (["loss", "val/loss"], ("loss", "val/loss")),
                            (["top 5", "s.json"], ("top 5", "s.json")), (None, ())):
            with self.subTest(given=given):
                self.assertEqual(job(metrics=given).metrics, read)

    def test_has_no_file_outside_of_the_project_and_no_blank_name(self):
        for given in ("/tmp/score.json", "../score.json", "~/a.json", "a/../../b.json", " ", "", "a\nb"):
            with self.subTest(given=given), self.assertRaises(SkelebotError) as raised:
                job(metrics=given)
            self.assertIn("expected the name of a metric, or a JSON file of the project", raised.exception.message)


class OfRun(unittest.TestCase):
    """Metrics of a folder with files of a run in it."""
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "shared"))

    def write(self, data, *names):
        with open(os.path.join(self.folder, *names), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode("utf-8"))

    def read(self, log="", lines="", metrics=(), **files):
        self.write(log, "log")
        self.write(lines, "shared", "metrics.jsonl")
        for name, data in files.items():
            self.write(data, name + ".json")
        return Metrics(self.folder, metrics, self.folder)

    def last(self, *given, **files):
        return {name: one["last"] for name, one in self.read(*given, **files).summary.items()}


class Printed(OfRun):
    """Lines of the output."""

    def test_are_whole_lines_with_a_name_that_the_job_has(self):
        log = ("loss: 0.5\n  accuracy=0.9  \r\nother: 1\nepoch 3: loss=0.1\nloss: 0.1 now\nval_loss: 7\nloss:\nloss\nloss0.7\n"
               "max = x: 1e-3\nloss : +.25\n")
        self.assertEqual(self.last(log, metrics=("loss", "accuracy", "max = x")), {"loss": 0.25, "accuracy": 0.9, "max = x": 0.001})

    def test_that_come_again_are_the_steps_of_a_curve(self):
        it = self.read("loss: 3\rloss: 1\r\nloss: 2\n", metrics=("loss",))
        self.assertEqual(it.summary, {"loss": {"last": 2.0, "min": [1.0, 2], "max": [3.0, 1], "steps": 3}})
        self.assertEqual(it.curves, {"loss": [[1, 3.0], [2, 1.0], [3, 2.0]]})

    def test_have_numbers_that_are_finite(self):
        self.assertEqual(self.last("a: nan\na: 1\na: inf\na: -Infinity\na: true\na: 1e999\na: 0x1\na: \xff\n", metrics=("a",)), {"a": 1.0})

    def test_may_have_any_name_and_be_binary(self):
        self.write(b"\0\xff\xfe: 1\n\xff: 2\nmass \xc2\xb5: 3\n" + b"x" * 10 ** 6 + b"\nb: 4", "log")
        self.assertEqual({name: one["last"] for name, one in Metrics(self.folder, ("mass µ", "\udcff", "b")).summary.items()},
                         {"\udcff": 2.0, "mass µ": 3.0, "b": 4.0})

    def test_are_none_without_a_name(self):
        self.assertEqual(self.last("loss: 1\n"), {})


class Lines(OfRun):
    """Lines of metrics.jsonl."""

    def test_are_objects_whose_numbers_are_metrics_and_whose_step_is_a_step(self):
        it = self.read("", '{"step": 10, "loss": 1, "name": "x", "ok": true, "none": null, "in": {"a": 1}}\n{"step": 20, "loss": 0.5}\n')
        self.assertEqual(it.summary, {"loss": {"last": 0.5, "min": [0.5, 20], "max": [1.0, 10], "steps": 2}})
        self.assertEqual(it.curves, {"loss": [[10, 1.0], [20, 0.5]]})

    def test_may_have_an_epoch_or_count_for_themselves(self):
        for lines, curve in (('{"epoch": 0.5, "a": 1}\n{"epoch": 1, "a": 2}', [[0.5, 1.0], [1, 2.0]]),
                             ('{"a": 1}\n{"a": 2}\n', [[1, 1.0], [2, 2.0]]),
                             ('{"step": "x", "a": 1}\n{"step": NaN, "a": 2}\n', [[1, 1.0], [2, 2.0]])):
            with self.subTest(lines=lines):
                self.assertEqual(self.read("", lines).curves, {"a": curve})

    def test_that_are_damaged_are_passed_over(self):
        for line in (b"{", b"[1]", b"1", b"\xff\0", b"", b"  ", b"null", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}',
                     b'{"a": ' + b"9" * 6000 + b"}", b'{"a": 3}, {"a": 4}', b"[" * 10 ** 5, b'"' + b"x" * 10 ** 6 + b'"', b'{"a": 1'):
            with self.subTest(line=line[:20]):
                self.write(b'{"a": 1}\n' + line + b'\r\n{"a": 2}', "shared", "metrics.jsonl")
                self.assertEqual(Metrics(self.folder).summary["a"], {"last": 2.0, "min": [1.0, 1], "max": [2.0, 2], "steps": 2})

    def test_may_have_any_name(self):
        name = "a 'b' \"c\"\n\0<&>\u2028é"
        self.assertEqual(self.last("", json.dumps({name: 1, "": 2, "x" * 201: 3})), {name: 1.0})

    def test_have_at_most_a_thousand_names_and_it_is_said(self):
        it = self.read("", json.dumps(dict.fromkeys(map(str, range(1200)), 1)))
        self.assertEqual((len(it.summary), it.notes), (1000, ["a run has 1000 metrics at most: others are passed over"]))

    def test_of_a_very_long_file_are_those_of_its_begin_and_end(self):
        most, skelebot.MOST_LINES = skelebot.MOST_LINES, 40
        self.addCleanup(setattr, skelebot, "MOST_LINES", most)
        self.assertEqual(self.read("", "".join('{"a": %d}\n' % one for one in range(10))).curves["a"], [[1, 0.0], [2, 1.0], [3, 2.0], [4, 8.0], [5, 9.0]])

    def test_are_none_where_something_else_has_their_place(self):
        os.mkdir(os.path.join(self.folder, "shared", "metrics.jsonl"))
        it = Metrics(self.folder)
        self.assertEqual((it.summary, it.notes), ({}, []))


class Files(OfRun):
    """JSON files of the project."""

    def test_have_numbers_inner_ones_with_dots_between(self):
        text = '{"loss": 1, "test": {"f1": 0.5, "by": {"é": 2}}, "ok": true, "n": "3", "many": [3, {"x": 4}, 2], "nan": NaN}'
        it = self.read(metrics=("score.json",), score=text)
        self.assertEqual(it.summary["many"], {"last": 2.0, "min": [2.0, 2], "max": [3.0, 1], "steps": 2})
        self.assertEqual({name: one["last"] for name, one in it.summary.items()},
                         {"loss": 1.0, "test.f1": 0.5, "test.by.é": 2.0, "many": 2.0, "many.x": 4.0})

    def test_that_are_none_are_named(self):
        for data, note in ((b"{", "it is damaged, or too large"), (b"\xff", "it is damaged, or too large"),
                           (b"[" * 10 ** 5, "it is damaged, or too large"), (b'{"a": 1, "b": "' + b"1" * 9 * 10 ** 6 + b'"}', "it is damaged, or too large")):
            with self.subTest(data=data[:9]):
                it = self.read("a: 1", metrics=("a", "score.json"), score=data)
                self.assertEqual((it.notes, list(it.summary)), (["no metrics of %s: %s" % (os.path.join(self.folder, "score.json"), note)], ["a"]))

    def test_that_are_missing_or_older_than_the_run_say_nothing(self):
        self.write('{"a": 1}', "old.json")
        it = Metrics(self.folder, ("gone.json", "old.json"), self.folder, since=os.stat(os.path.join(self.folder, "old.json")).st_mtime + 9)
        self.assertEqual((it.summary, it.notes), ({}, ["no metrics of " + os.path.join(self.folder, text) for text in (
            "gone.json: no such file or directory", "old.json: older than the run")]))

    def test_count_where_nothing_else_says_more_steps_of_that_name(self):
        for log, score, curve in (("a: 1\na: 2", '{"a": 3}', [1.0, 2.0]), ("a: 1", '{"a": 3}', None), ("a: 1\na: 2", '{"a": [3, 4]}', [3.0, 4.0])):
            with self.subTest(log=log, score=score):
                it = self.read(log, metrics=("a", "score.json"), score=score)
                self.assertEqual([value for _, value in it.curves.get("a", [])] or None, curve)
                self.assertEqual(it.summary["a"]["last"], curve[-1] if curve else 3.0)


class Curves(OfRun):
    """curves.json, of many steps."""

    def test_have_at_most_500_points_among_them_first_last_least_and_greatest(self):
        for count in (2, 499, 500, 501, 1000, 12345):
            values = [(one * 7919) % 10007 / 3 for one in range(count)]
            it = self.read("", "".join('{"a": %r}\n' % value for value in values))
            (points,), one = it.curves.values(), it.summary["a"]
            with self.subTest(count=count):
                self.assertLessEqual(len(points), 500)
                self.assertGreaterEqual(len(points), min(count, 247))
                self.assertEqual((points[0], points[-1], one["steps"]), ([1, values[0]], [count, values[-1]], count))
                self.assertEqual([min(values), values.index(min(values)) + 1], one["min"])
                self.assertEqual([max(values), values.index(max(values)) + 1], one["max"])
                self.assertTrue({min(values), max(values)} <= {value for _, value in points})
                self.assertEqual([values[step - 1] for step, _ in points], [value for _, value in points])

    def test_keep_the_order_in_which_they_came(self):
        self.assertEqual(self.read("", '{"step": 2, "a": 1}\n{"step": 1, "a": 2}\n{"step": 1.5, "a": 3}').curves["a"], [[2, 1.0], [1, 2.0], [1.5, 3.0]])


if __name__ == "__main__":
    unittest.main()
