"""What ran: the record of a run, as its folder has it, and how a person names it."""
import os
import tempfile
import unittest

import skelebot
from skelebot import Call, Recording, Resources, RunRecord, Runs, SkelebotError, TakenUp, Words
from support import drive, inside, project


class Record(unittest.TestCase):
    """RunRecord, and run.json."""
    maxDiff = None
    FULL = RunRecord(
        number=12, job="train", words=["--lr", "0.1 'x'\n\udcff"], values={"lr": "0.1 'x'\n\udcff", "many": ["a", "b"]},
        typed=["lr"], clean=False, started=1.5, status=0, state="done", resources={"cpus": "2"},
        metrics={"loss": {"last": 0.25, "min": [0.25, 3], "max": [1.5, 1], "steps": 3}}, outputs=[["models/m.pkl", 12, 1.5]])

    def test_comes_back_from_its_text_as_it_was(self):
        self.assertEqual(RunRecord.of(self.FULL.text, 12), self.FULL)

    def test_has_null_for_numbers_that_json_lacks(self):
        self.assertEqual(skelebot.as_json([float("nan"), float("inf"), True, None, 1e300]), "[null, null, true, null, 1e+300]")

    def test_is_damaged_where_something_of_it_is(self):
        for text in ("", "{", "[]", "{}", '{"format": "x"}', '{"format": 1, "words": "x"}', '{"format": 1, "words": [1]}',
                     '{"format": 1, "state": "odd"}', '{"format": 1, "metrics": {"loss": 1}}', '{"format": 1, "outputs": [1]}',
                     '{"format": 1, "metrics": {"loss": {"last": "x"}}}', "[" * 100000,
                     '{"format": 1, "metrics": {"loss": {"last": 1, "min": [], "max": [1, 1], "steps": 1}}}',
                     '{"format": 1, "metrics": {"loss": {"last": 1, "min": [1, 1], "max": [1, 1], "steps": Infinity}}}',
                     '{"format": 1, "values": {"lr": %s}}' % ("[" * 900 + "]" * 900), '{"format": 1, "values": {"lr": 1}}',
                     '{"format": 1, "resources": {"cpus": [1]}}', '{"format": 1, "options": [1]}', '{"format": 1, "made": 1%s}' % ("0" * 400),
                     '{"format": 1, "started": 1e400}', '{"format": 1, "ended": NaN}', '{"format": 1, "outputs": [["a", 1e400, 1]]}',
                     '{"format": 1, "metrics": {"loss": {"last": 1e400, "min": [1, 1], "max": [1, 1], "steps": 1}}}',
                     '{"format": 1, "metrics": {"loss": {"last": "1", "min": [1, 1], "max": [1, 1], "steps": 1}}}'):
            with self.subTest(text=text[:40]):
                self.assertEqual(RunRecord.of(text, 3).state, "damaged")

    def test_of_a_later_version_says_so(self):
        record = RunRecord.of('{"format": 2, "job": "train", "state": {"new": 1}}', 3)
        self.assertEqual((record.number, record.job, record.state), (3, "train", "later"))

    def test_has_for_artifacts_what_was_typed_and_measured_and_no_secret(self):
        record = self.FULL._replace(
            commit="4f", typed=["lr", "many", "run", "db_password"], values={
                **self.FULL.values, "run": "x", "db_password": "hidden", "url": "http://ada:pw@host/", "seed": "1"})
        self.assertEqual(record.facts, {"run": "12", "job": "train", "commit": "4f", "loss": "0.25",
                                        "lr": "0.1 'x'\n\udcff", "many": "a b"})
        self.assertEqual(record._replace(typed=["url"]).facts["url"], "http://...@host/")

    def test_has_no_more_for_artifacts_than_a_header_takes(self):
        names = [f"p{number}" for number in range(100)]
        record = RunRecord(number=12, typed=["long", *names], values={"long": "x" * 500, **{name: "ä" * 50 for name in names}})
        self.assertEqual(list(record.facts), ["run", "p0", "p1", "p2", "p3", "p4"])

    def test_passes_over_what_it_does_not_know(self):
        self.assertEqual(RunRecord.of('{"format": 1, "state": "done", "more": 1}', 3), RunRecord(number=3, state="done"))


class OnceMore(unittest.TestCase):
    """What was typed before the job, when it is run again: rerun, sweep --failed."""
    TYPED = {"native": True, "live": True, "skip_build": True, "hosts": ("ssh://a", "ssh://b"), "host": "ssh://a",
             "resources": Resources(memory="1g")}

    def again(self, record, **typed):
        """The part of the Call that is had, of what is in TYPED."""
        call, _ = TakenUp(Call(**typed), project(), Words(), ()).again(record)
        return {name: getattr(call, name) for name in self.TYPED}

    def recorded(self, **typed):
        it = project(runs=True)
        return Recording.of(Call(**typed), it, it.jobs[0], Words()).record

    def test_is_as_it_was_typed(self):
        self.assertEqual(self.again(self.recorded(**self.TYPED)), self.TYPED)
        self.assertEqual(self.again(self.recorded()), {
            "native": False, "live": False, "skip_build": False, "hosts": (), "host": "", "resources": Resources()})

    def test_is_what_is_typed_now_instead(self):
        now = self.again(self.recorded(**self.TYPED), rebuild=True, hosts=("ssh://c",), host="ssh://c", resources=Resources(memory="2g"))
        self.assertEqual(now, {"native": False, "live": True, "skip_build": False, "hosts": ("ssh://c",), "host": "ssh://c",
                               "resources": Resources(memory="2g")})

    def test_of_a_point_is_where_that_has_run(self):
        now = self.again(self.recorded(hosts=("ssh://a", "ssh://b"), host="ssh://a")._replace(point=2, host="ssh://b"))
        self.assertEqual((now["hosts"], now["host"]), (("ssh://b",), "ssh://b"))


    def test_says_where_options_of_skelebot_go(self):
        it = project()
        with self.assertRaises(SkelebotError) as caught:
            TakenUp.words_again(it, it.jobs[0], (), ["-d", "box"])
        self.assertEqual(caught.exception.hint, "skelebot's own options go before the job: skelebot -d HOST rerun RUN")


class Meanwhile(unittest.TestCase):
    def test_an_end_that_somebody_else_records_counts(self):
        before = RunRecord(number=1, job="train", runner="native", state="running", started=1.0, machine=skelebot.machine_name(), mark="1")
        after = before._replace(state="done", status=0, ended=2.0)
        with inside({".skelebot/runs/1/run.json": after.text}):
            plan = skelebot.plan_updated(Call(), project(), [before])
            with self.assertRaises(StopIteration) as end:
                next(plan)
            self.assertEqual(end.exception.value, [after])

    def test_a_run_whose_skelebot_is_alive_is_one_of_this_machine_and_goes_on(self):
        ours = RunRecord(number=1, job="train", state="running", pid=os.getpid(), begun=skelebot.process_begun(os.getpid()))
        with inside({}):
            for kind, detached, own in (("engine", False, True), ("engine", True, False), ("slurm", True, True)):
                runner = drive(skelebot.plan_runner_of(Call(), project(), ours._replace(runner=kind, detached=detached, host="slurm:"))).status
                self.assertEqual(type(runner) is skelebot.Native, own, (kind, detached))
            ends = [drive(skelebot.Native(Call(), project()).plan_ends([one])).status for one in (
                ours, ours._replace(pid=0), ours._replace(state="waiting"))]
        self.assertEqual(ends, [{}, {"1": None}, {"1": None}])

    def test_that_its_host_has_no_name_any_more_stops_nothing(self):
        there = RunRecord(number=1, job="train", runner="kubernetes", state="running", host="mine", endpoint="kubernetes://a/b", container="c")
        with inside({}):
            plan = skelebot.plan_updated(Call(), project(hosts={"own": "ssh://b"}), [there])
            self.assertEqual(next(plan).text, "how runs are on mine cannot be told: -d: there is no host 'mine'")
            with self.assertRaises(StopIteration) as end:
                next(plan)
            self.assertEqual(end.exception.value, [there])

    def test_that_this_machine_has_no_program_to_ask_by_stops_nothing(self):
        mine, lab = ({"kubernetes": {"context": "a", "namespace": "b"}}, {"slurm": {"login": "ada@lab"}})
        there = [RunRecord(number=number, job="train", runner=kind, state="running", host=host, endpoint=f"{kind}://a/b", container="c")
                 for number, kind, host in ((1, "kubernetes", "mine"), (2, "slurm", "lab"))]
        lacking = SkelebotError("kubectl: not found on PATH", "install it")
        with inside({}):
            told = drive(skelebot.plan_updated(Call(), project(hosts={"mine": mine, "lab": lab}), there), {"kubectl": lacking, "ssh": lacking})
        self.assertEqual((told.status, [note.text for note in told.steps if isinstance(note, skelebot.Note)]), (there, [
            f"how runs are on {host} cannot be told: kubectl: not found on PATH" for host in ("mine", "lab")]))


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

    def test_knows_who_wrote_a_file_as_it_is_now(self):
        path = os.path.join(self.runs.top, "models", "m.pkl")
        os.makedirs(os.path.dirname(path))
        for number, point, text in ((1, 0, "1"), (2, 0, "22"), (10, 0, "333"), (10, 2, "4444")):
            with open(path, "w") as file:
                file.write(text)
            status = os.stat(path)
            record = RunRecord(number=number, point=point, outputs=[[path, status.st_size, status.st_mtime]],
                               sweep={"points": 2} if number == 10 else {})
            with open(self.runs.path(record, "run.json"), "w") as file:
                file.write(record.text)
        self.assertEqual(self.runs.writer(path).name, "10.2")
        later = record._replace(number=11, point=0, sweep={}, started=status.st_mtime + 0.01)
        with open(self.runs.path(later, "run.json"), "w") as file:
            file.write(later.text)
        self.assertEqual(self.runs.writer(path).name, "10.2")
        self.assertEqual(self.runs.writer(os.path.dirname(path) + "/").name, "10.2")
        self.assertIsNone(self.runs.writer(path[:-1]))
        with open(path, "w") as file:
            file.write("22")
        os.utime(path, (0, self.runs.read(2).outputs[0][2]))
        self.assertEqual(self.runs.writer(path).name, "2")
        os.unlink(path)
        self.assertIsNone(self.runs.writer(path))

    def test_without_any_says_so(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SkelebotError) as raised:
            Runs(folder).named("")
        self.assertEqual(raised.exception.message, "there is no run yet")


if __name__ == "__main__":
    unittest.main()
