"""The page about runs: what it says is what the records say, and nothing of theirs becomes part of it but as a text."""
import base64
import collections
import hashlib
import html.parser
import os
import re
import unittest

import skelebot
import support
from skelebot import Picture, Report, RunRecord, Runs, Scale, as_json
from support import call, folder, two_lines

HOSTILE = "</script></title><img src=x onerror=alert(1)>'\"&amp;\x1b[31m\u202e\udcff"
CHURN = {"skelebot.yaml": "name: churn\nversion: 1.4.0\njobs:\n- {name: train, source: train.sh}\n- {name: score, source: echo}\n",
         "train.sh": "echo\n"}
METRIC = {"last": 0.25, "min": [0.125, 2], "max": [0.5, 1], "steps": 3}


def metric(last):
    return {"last": last, "min": [last, 1], "max": [last, 1], "steps": 1}


def train(number, **facts):
    facts = {"job": "train", "state": "done", "status": 0, "started": 1796000000.0, "ended": 1796000075.0, **facts}
    return RunRecord(number=number, **facts)


def put(top, *records, **files):
    """Records, and `files` (name -> text or bytes) of each, as a project has them."""
    for record in records:
        path = Runs(top).path(record)
        os.makedirs(path, exist_ok=True)
        if record.goes_on:
            open(os.path.join(top, ".skelebot", "runs", "mark"), "a").close()
            record = record._replace(mark=Runs(top).mark)
        for name, text in {"run_json": record.text, **files}.items():
            with open(os.path.join(path, name.replace("_", ".")), "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())


class Page(html.parser.HTMLParser):
    """A page as a browser takes it: its elements, the rows of its first table, and the texts below each id."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.names, self.links, self.rows, self.sections = [], collections.Counter(), [], [], {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.names[tag] += 1
        self.links += [value for name, value in attrs.items() if name in ("href", "src", "data", "srcset", "action")]
        self.bad = [name for name in attrs if name.startswith("on")]
        assert not self.bad, attrs
        if tag != "meta":
            self.open.append((tag, attrs.get("id")))
        if self.names["table"] == 1:
            self.rows += [[]] if tag == "tr" else []
            if tag in ("td", "th"):
                self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open and self.open.pop()[0] == tag, (tag, self.open)

    def handle_data(self, data):
        within = [tag for tag, _ in self.open]
        if self.names["table"] == 1 and ("td" in within or "th" in within):
            self.rows[-1][-1] += data
        for tag, name in self.open:
            if name:
                self.sections[name] = self.sections.get(name, "") + data

    @property
    def table(self):
        """run -> heading -> cell."""
        heads, *rows = self.rows
        return {row[0]: dict(zip(heads, row)) for row in rows}


class Said(unittest.TestCase):
    maxDiff = None

    def page(self, top, *words):
        ending = call("report", "-o", "-", *words, folder=top)
        self.assertEqual((ending.status, ending.stderr), (0, ""))
        return Page(ending.stdout)

    def test_has_a_row_for_each_run_with_what_differs_and_its_metrics(self):
        with folder(CHURN) as top:
            put(top, train(1, values={"lr": "0.1", "data": "a.csv"}, metrics={"loss": METRIC}))
            put(top, train(2, values={"lr": "0.01", "data": "a.csv"}, state="failed", status=3))
            put(top, RunRecord(number=3, job="score", state="running", started=1796000000.0))
            page = self.page(top)
        began = skelebot.when(1796000000.0)
        self.assertEqual(page.table, {
            "3": {"run": "3", "job": "score", "state": "running", "began": began, "took": "", "lr": "", "loss": ""},
            "2": {"run": "2", "job": "train", "state": "failed", "began": began, "took": "0:01:15", "lr": "0.01", "loss": ""},
            "1": {"run": "1", "job": "train", "state": "done", "began": began, "took": "0:01:15", "lr": "0.1", "loss": "0.25"}})
        self.assertEqual(page.open, [])

    def test_has_a_section_for_each_run_with_all_that_is_known(self):
        record = train(7, values={"lr": "0.1", "tags": ["a", "b"]}, typed=["lr"], words=["--lr", "0.1"], commit="4be1f0c", clean=False,
                       image="sha256:12", host="ssh://ada:secret@box", resources={"cpus": "2"}, machine="gpu-box", version="1.4.0",
                       reason="it is over", metrics={"loss": METRIC}, outputs=[["models/m.pkl", 1234567, 1.0]])
        with folder(CHURN) as top:
            put(top, record, log="first\n" + "line\n" * 50 + " 10%\r 50%\r100%\n\x1b[32mgood\x1b[0m </pre>\n")
            said = self.page(top).sections["run-7"]
        for text in ("train", "done", "it is over", "--lr 0.1", "4be1f0c", "changed, and not committed", "sha256:12", "ssh://...@box",
                     "cpus=2", "gpu-box", "1.4.0", "0:01:15", skelebot.when(1796000075.0), "a b", "default", "0.125", "0.5",
                     "models/m.pkl", "1.2 MB", "line\n100%\ngood </pre>"):
            self.assertIn(text, said)
        for text in ("secret", "first", "50%", "\x1b", "None"):
            self.assertNotIn(text, said)

    def test_takes_no_text_of_a_run_for_its_own(self):
        record = train(1, job=HOSTILE, values={HOSTILE: HOSTILE, "many": [HOSTILE]}, words=[HOSTILE], commit=HOSTILE, reason=HOSTILE,
                       image=HOSTILE, env=HOSTILE, machine=HOSTILE, metrics={HOSTILE: METRIC}, outputs=[[HOSTILE, 1, 1.0]],
                       sweep={"best": {"max": HOSTILE, HOSTILE: [1]}, "each": HOSTILE}, resources={HOSTILE: HOSTILE}, typed=[HOSTILE])
        curves = as_json({HOSTILE.replace("\udcff", ""): [[1, 0.5], [2, 0.25]], HOSTILE: [[1, 0.5], [2, 0.25]]})
        with folder(CHURN) as top:
            put(top, record, record._replace(number=2, values={HOSTILE: "0"}), curves_json=curves, log=HOSTILE.encode("utf-8", "surrogateescape"))
            page = self.page(top)
            self.assertEqual(call("report", folder=top).status, 0)
        self.assertEqual((page.names["script"], page.names["img"], page.names["title"] > 1, page.open), (1, 0, True, []))
        self.assertEqual([link for link in page.links if not link.startswith("#run-")], [])
        self.assertIn("</script></title><img src=x onerror=alert(1)>'\"&amp;\\x1b[31m\\u202e", page.sections["run-1"])
        self.assertNotRegex("".join(page.sections.values()), "[\x1b\u202e]")

    def test_shows_damaged_and_later_runs_as_such(self):
        with folder(CHURN) as top:
            put(top, train(1), run_json="{")
            put(top, train(2), run_json='{"format": 9, "job": "train"}')
            put(top, train(3, metrics={"loss": METRIC}), curves_json="[[", log=b"\xff\xfe")
            page = self.page(top)
        self.assertEqual([row["state"] for row in page.table.values()], ["done", "later", "damaged"])
        self.assertIn("its run.json is damaged", page.sections["run-1"])
        self.assertIn("a later version of skelebot", page.sections["run-2"])

    def test_takes_odd_numbers_for_none(self):
        odd = ('{"format": 1, "job": "train", "state": "done", "started": -1e300, "ended": 1e300, "metrics": {'
               '"loss": {"last": NaN, "min": [Infinity, 1], "max": [1e300, 1], "steps": 2}}}')
        with folder(CHURN) as top:
            put(top, train(1), run_json=odd)
            put(top, train(2, metrics={"loss": METRIC}), curves_json='{"loss": [[1, NaN], [2, null], [3, "x"], [4, 0.5], [Infinity, 1], [5, 0.25]]}')
            page = self.page(top)
        self.assertEqual([page.table[run]["loss"] for run in "21"], ["0.25", ""])

    def test_has_the_newest_twenty_and_says_so_all_or_those_that_are_named(self):
        with folder(CHURN) as top:
            put(top, *map(train, range(1, 31)))
            put(top, train(31, sweep={"points": 2, "best": {"max": "accuracy"}}), train(31, point=1), train(31, point=2))
            newest = self.page(top)
            self.assertEqual(list(newest.table), ["31", "31.1", "31.2", *map(str, range(30, 11, -1))])
            self.assertEqual(len(self.page(top, "--all").table), 33)
            self.assertEqual(list(self.page(top, "3", "31.2", "3").table), ["3", "31.2"])
            self.assertEqual(list(self.page(top, "train").table), ["31", "31.1", "31.2"])
            self.assertIn("20 of 31 runs", call("report", "-o", "-", folder=top).stdout)

    def test_marks_the_best_run_where_a_sweep_says_what_is(self):
        with folder(CHURN) as top:
            put(top, train(1, sweep={"best": {"max": "accuracy"}}), train(1, point=1, metrics={"accuracy": metric(0.5)}),
                train(1, point=2, metrics={"accuracy": metric(0.75)}))
            text = call("report", "-o", "-", folder=top).stdout
        self.assertEqual(re.findall("<b>(.*?)</b>", text), ["0.75"])

    def test_tells_long_texts_apart_that_begin_alike(self):
        with folder(CHURN) as top:
            put(top, *(train(number, values={"note": "x" * 3000 + str(number)}) for number in (1, 2)))
            page = self.page(top)
        self.assertEqual([len(page.table[run]["note"]) for run in "12"], [99, 99])

    def test_is_written_whole_and_named(self):
        with folder(CHURN) as top:
            put(top, train(1))
            self.assertEqual(call("report", folder=top), (0, ".skelebot/runs/report.html\n", ""))
            self.assertEqual(call("report", "1", "-o", "report.html", folder=top), (0, "report.html\n", ""))
            before = os.stat(os.path.join(top, "report.html")).st_mtime_ns
            self.assertIn("skelebot report 1 -o - > .skelebot/runs/report.html\n", call("--dry-run", "report", "1", folder=top).stdout)
            self.assertEqual(os.stat(os.path.join(top, "report.html")).st_mtime_ns, before)

    def test_takes_the_place_of_no_other_file(self):
        with folder({**CHURN, "report.html": "<p>mine\n", "docs/x": ""}) as top:
            put(top, train(1))
            for words in (("-o", "report.html"), ("-o", "docs")):
                path = words[-1]
                self.assertEqual(call("report", *words, folder=top), (1, "", two_lines(
                    f"{path}: exists, and is no report of runs", "name another file, as in: -o runs.html")))

    def test_without_a_run_says_so(self):
        with folder(CHURN) as top:
            self.assertEqual(call("report", folder=top), (1, "", two_lines("there is no run yet", "none is recorded here")))

    def test_is_small_for_a_thousand_runs_with_much_to_say(self):
        records = [train(number, values={f"p{one}": str(number * one) for one in range(9)}, words=["--p1", "1"] * 9,
                         metrics={f"m{one}": metric(number / (one + 1)) for one in range(20)},
                         outputs=[[f"models/{one}.pkl", 12345, 1.0] for one in range(60)]) for number in range(1, 1001)]
        page = Report(Runs("/none"), records).html("Runs", "")
        self.assertLess(len(page.encode()), 5 * 10 ** 6)
        self.assertIn("and 12 more", page)
        self.assertIn("has logs of the first 50 runs only: skelebot logs 1000", page)


class Frame(unittest.TestCase):
    def test_runs_one_script_only_and_loads_nothing(self):
        text = Report(Runs("/none"), [train(1)]).html("Runs", "")
        script = re.search("(?s)<script>(.*)</script>", text).group(1)
        allowed = re.search("script-src '(.*?)'", text).group(1)
        self.assertEqual(allowed, "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode())
        self.assertNotRegex(text, r"https?:|url\(|@import|\$[a-z]")


class Axis(unittest.TestCase):
    """Scale."""

    def ticks(self, values, *more):
        scale = Scale(values, 0, 100, *more)
        return [text for _, text in scale.ticks], scale.name

    def test_has_round_ticks_around_all_values(self):
        for values, ticks in (([0.13, 0.87], "0 0.2 0.4 0.6 0.8 1"), ([1, 40], "0 10 20 30 40"), ([1, 3], "1 2 3"), ([-3, 7], "-5 0 5 10"),
                              ([5], "4.5 5 5.5"), ([0, 0], "-1 -0.5 0 0.5 1"), ([1e-9, 3e-9], "1e-09 1.5e-09 2e-09 2.5e-09 3e-09"),
                              ([1000.02, 1000.11], "1000 1000.05 1000.1 1000.15"), ([2e15, 5e15], "2e+15 3e+15 4e+15 5e+15"),
                              ([0, 4e6], "0 1e+06 2e+06 3e+06 4e+06"), ([10000001, 10000003], "10000001 10000002 10000003")):
            with self.subTest(values=values):
                self.assertEqual(" ".join(self.ticks(values, "loss")[0]), ticks)

    def test_holds_whatever_is_a_number(self):
        for values in ([1e99, -1e99], [5e-324, 1e-323], [1.0, 1.0 + 2e-16], [0.0, 5e-324], [1e-99, 1e99, 1]):
            with self.subTest(values=values):
                scale = Scale(values, 0, 100, "x", 20)
                self.assertTrue(all(-1 <= scale.at(one) <= 101 for one in values))
                self.assertLess(len(scale.ticks), 12)

    def test_is_logarithmic_where_values_span_decades_and_crowd_at_the_low_end(self):
        self.assertEqual(self.ticks([0.001, 0.01, 0.1], "lr", 20), (["0.001", "0.01", "0.1"], "lr, log"))
        self.assertEqual([Scale([0.001, 0.01, 0.1], 0, 100, "lr", 20).at(one) for one in (0.001, 0.01, 0.1)], [0, 50, 100])
        for values in ([1, 10, 20, 30], [0, 0.001, 1], [-1, 0.01, 1], [1, 2, 4]):
            self.assertEqual(self.ticks(values, "lr", 20)[1], "lr")

    def test_has_units_where_they_are_known(self):
        for values, name, ticks, title in (
                ([0, 300], "fit_seconds", "0 2 4 6", "fit_seconds, min"), ([0, 10 ** 5], "secs", "0 10 20 30", "secs, h"),
                ([0, 3e6], "model_bytes", "0 1 2 3", "model_bytes, MB"), ([0, 10 ** 6], "time.seconds", "0 5 10 15", "time.seconds, days"),
                ([0, 4], "bytes", "0 1 2 3 4", "bytes"), ([0, 300], "firstseconds", "0 100 200 300", "firstseconds")):
            with self.subTest(name=name):
                self.assertEqual(self.ticks(values, name), (ticks.split(), title))

    def test_has_words_side_by_side(self):
        self.assertEqual(Scale(["rbf", "poly", "rbf"], 0, 100, "kernel").ticks, [(25, "rbf"), (75, "poly")])


class Drawn(unittest.TestCase):
    """Picture."""

    def texts(self, picture):
        return re.findall("<text [^>]*>(.*?)</text>", picture)

    def test_lines_go_through_their_points_and_are_named_the_highest_first(self):
        picture = Picture.graph("loss", "step", {"1": [(0, 0), (10, 1)], "2": [(0, 1), (10, 0)]}, {"1": "line c0 d0", "2": "line c1 d0"}, ["1", "2"])
        self.assertEqual(re.findall('<title>(.*?)</title><path d="(.*?)" class="(line.*?)"', picture), [
            ("1: 1", "M27.0 206.0L359.0 12.0h0", "line c0 d0"), ("2: 0", "M27.0 12.0L359.0 206.0h0", "line c1 d0")])
        self.assertEqual(self.texts(picture), ["0", "1", "0", "5", "10", "step", "1", "2"])

    def test_points_of_numbers_are_dots_the_best_one_on_top(self):
        picture = Picture.graph("accuracy", "lr", {"1": [(0.1, 0.5)], "2": [(0.2, 1.0)]}, {"1": "dot best", "2": "dot"})
        self.assertEqual(re.findall('href="#run-(.*?)".*?class="(dot.*?)"', picture), [("2", "dot"), ("1", "dot best")])
        self.assertNotIn('class="bar"', picture)

    def test_words_have_bars_from_zero_to_the_mean(self):
        picture = Picture.graph("accuracy", "kernel", {"1": [("rbf", 0.5)], "2": [("rbf", 1.0)], "3": [("poly", 1.0)]}, dict.fromkeys("123", "dot"))
        bars = [[float(one) for one in re.findall(r"[\d.]+", line)[:4]] for line in re.findall('d="M([^"]*)" class="bar"', picture)]
        self.assertEqual([(bottom, round(top, 1)) for _, bottom, _, top in bars], [(206.0, 60.5), (206.0, 12.0)])

    def test_all_values_of_a_run_are_one_line(self):
        columns = {"lr": {"1": 0.1, "2": 0.2}, "kernel": {"1": "rbf", "2": "poly"}, "loss": {"1": 1.0, "2": 0.0, "3": 5.0}}
        picture = Picture.parallel(columns, True, "2")
        self.assertEqual(re.findall('href="#run-(.*?)".*?d="(.*?)" class="(.*?)"', picture), [
            ("1", "M100.0 206.0L210.0 163.0L320.0 34.0h0", "line q0"), ("2", "M100.0 34.0L210.0 77.0L320.0 206.0h0", "line best")])

    def test_of_many_runs_the_first_are_named(self):
        records = [train(number, metrics={"loss": METRIC}) for number in range(1, 41)]
        with folder({}) as top:
            put(top, *records, curves_json='{"loss": [[1, 0.5], [2, 0.25]]}')
            picture, _ = Report(Runs(top), records).pictures(records, 100)
        self.assertEqual((picture.count("line other"), picture.count('class="line c')), (26, 28))

    def test_curves_of_many_points_are_thinned_to_the_first_and_the_last(self):
        record = train(1)
        with folder({}) as top:
            put(top, record, curves_json=as_json({"loss": [[one, one / 2] for one in range(500)], "single": [[1, 2]]}))
            curves = Runs(top).curves(record, 100)
        self.assertEqual((list(curves), curves["loss"][0], curves["loss"][-1]), (["loss"], (0, 0), (499, 249.5)))
        self.assertLessEqual(len(curves["loss"]), 101)


if __name__ == "__main__":
    unittest.main()
