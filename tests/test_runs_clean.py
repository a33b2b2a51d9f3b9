"""What `skelebot clean` removes, and what it says of what a job wrote outside of its mappings."""
import os
import time
import unittest

from support import drive, inside, project, skelebot
from skelebot import (Answer, Ask, Call, Clean, Command, Job, Launch, Note, OnEngine, Outcome, Remove, Run, RunRecord, SkelebotError,
                      Words)

CALL = Call(home="/home/ada", uid=1000, token="0a1b", terminal=True)
ID = "sha256:" + "a" * 64


def clean(results=None, call=CALL, words=("yes",), **keys):
    return drive(Clean(call, project(**keys), Words({word: ("true",) for word in words})).plan(), results)


def kept(folder, tag, digit):
    return f"docker\n\n{folder}\n{tag}\0sha256:{digit * 64}\0"


class Cleaning(unittest.TestCase):
    PS = ("1a|Exited (0) 2 hours ago|churn-train-1f, 12kB (virtual 457MB)\n2b|Exited (1) 5 seconds ago|churn-prep-2f, 0B\n"
          "3c|Exited (0) 3 days ago|churn-serve, 0B\n")

    def test_asks_only_for_containers_and_images_of_this_project(self):
        lines = [step.line for step in clean().steps if isinstance(step, Command)]
        self.assertEqual([line for line in lines if " ps " in line or " images " in line], [
            "docker ps --all --size --filter label=skelebot.project=churn --filter status=exited "
            "--format '{{.ID}}|{{.Status}}|{{.Names}}, {{.Size}}'",
            "docker images --quiet --no-trunc --filter dangling=true --filter label=org.opencontainers.image.title=churn"])

    def test_says_what_goes_with_its_size_then_removes_it(self):
        done = clean({"ps": Outcome(0, self.PS), "images": Outcome(0, ID), "inspect": Outcome(0, ID + " 457000000\n")})
        self.assertEqual([step.text for step in done.steps if isinstance(step, Answer)], [
            "container churn-train-1f, 12kB (virtual 457MB), Exited (0) 2 hours ago",
            "container churn-serve, 0B, Exited (0) 3 days ago", "image aaaaaaaaaaaa, up to 457.0 MB"])
        self.assertEqual([step.line for step in done.steps if {"rm", "rmi"} & {*getattr(step, "argv", ())}], [
            "docker rm --volumes 1a", "docker rm --volumes 3c", f"docker rmi {ID}"])
        self.assertEqual(done.status, 0)

    def test_asks_at_a_terminal_and_wants_yes_elsewhere(self):
        found = {"ps": Outcome(0, self.PS)}
        for answer, removed in (("", 0), ("no", 0), ("y", 2), ("yes", 2)):
            steps = clean({**found, Ask: answer}, words=()).steps
            self.assertEqual(sum("rm" in getattr(step, "argv", ()) for step in steps), removed)
        done = clean(found, CALL._replace(terminal=False), ())
        self.assertEqual(str(done.fault), "skelebot: nothing was removed: there is no terminal to ask at\n  hint: add --yes")

    def test_says_what_stays_and_goes_on(self):
        done = clean({"ps": Outcome(0, self.PS), "rm": Outcome(1, "", "it is in use")})
        self.assertEqual([step.text.rpartition(": ")[2] for step in done.steps if isinstance(step, Note)],
                         ["it stays, as it is in use"] * 2)
        self.assertEqual(done.status, 1)

    def test_leaves_a_container_whose_end_nobody_has_recorded(self):
        record = RunRecord(number=7, job="serve", container="churn-serve", state="running")
        with inside({".skelebot/runs/going/7": "", ".skelebot/runs/7/run.json": record.text}):
            it = Clean(CALL, project(folder="."), Words({"all": ("true",)}))
            engine = skelebot.Engine(CALL)
            done = drive(it.plan_of_engine(), {"ps": Outcome(0, self.PS),
                                               ".skelebot/runs/7/run.json": record.text.encode()})
        self.assertIsNone(done.fault)
        self.assertEqual([what.split(",")[0] for what, _ in it.rows], ["container churn-train-1f"])

    def test_leaves_images_that_the_project_or_another_folder_has_a_use_for(self):
        names = {"now": ("/p", "churn", "1"), "job": ("/p", "churn:own", "2"), "jupyter": ("/p", "churn:jupyter", "3"),
                 "dev": ("/p", "churn-dev:special", "4"), "former-job": ("/p", "churn:former", "5"),
                 "former-env": ("/p", "churn-test", "6"), "elsewhere": ("/q", "churn:former", "7")}
        it = Clean(CALL, project(folder="/p", envs=("dev",), jobs=[
            {"name": "own", "source": "a", "ignores": ["b"]}, {"name": "former", "source": "a"}]), Words())
        gone = [name for name, (folder, tag, _) in names.items() if it.can_go(folder, tag)]
        self.assertEqual(gone, ["former-job", "former-env"])
        it.whole = True
        self.assertEqual([name for name, (folder, tag, _) in names.items() if it.can_go(folder, tag)], [*list(names)[:-1]])

    def test_knows_builds_of_this_engine_alone(self):
        with inside({"builds/a": kept("/p", "churn", "1"), "builds/b": kept("/p", "churn", "2").replace("docker", "podman"),
                     "builds/c": "\xff", "builds/d": "docker\n\n/p\nchurn\0no image"}) as home:
            found = list(Clean.builds(skelebot.Engine(CALL), home))
            self.assertEqual(found, [(home + "/builds/a", "/p", "churn", "1" * 64), (home + "/builds/d", "/p", "churn", "")])

    def test_removes_old_runs_natively_too_and_with_all_each_that_has_ended(self):
        now = time.time()
        ends = {1: ("done", 1.0), 2: ("failed", now - 29 * 86400), 3: ("running", 0.0), 4: ("lost", now + 9e9), 5: ("stopped", now),
                6: ("done", now - 31 * 86400)}
        files = {f".skelebot/runs/{number}/run.json": RunRecord(number=number, state=state, ended=ended, made=1.0).text
                 for number, (state, ended) in ends.items()}
        with inside({**files, ".skelebot/runs/going/5": "", ".skelebot/runs/8/run.json": '{"format": 9}',
                     ".skelebot/runs/9/run.json": "{"}):
            for words, gone in (((), [6, 1]), (("all",), [6, 4, 2, 1])):
                it = Clean(CALL._replace(native=True), project(), Words({word: ("true",) for word in (*words, "yes")}))
                steps = list(it.plan())
                self.assertEqual(steps[0].text, "natively only the disk is cleaned: images and containers stay")
                self.assertEqual([step.path for step in steps if isinstance(step, Remove)],
                                 [os.path.join(".skelebot", "runs", str(number)) for number in gone])
                self.assertRegex([step.text for step in steps if isinstance(step, Answer)][0], rf"^ended runs: {len(gone)}, \d")


class Lost(unittest.TestCase):
    """What is said of the output of `docker diff`."""

    def said(self, changes, status=0, is_local=True, **keys):
        it = project(jobs=[{"name": "train", "source": "src/train.py", **keys}])
        engine = skelebot.Engine(CALL, "" if is_local else "ssh://box", "" if is_local else "ssh://box")
        run = Run(it.jobs[0], Launch(()), name="churn-train-0a1b", first="/home/ada/.skelebot/builds/wrote-1")
        done = drive(OnEngine(CALL, it, engine).plan_wrote(run, status), {"diff": changes, "model.json": "", "data.csv": "file"})
        self.assertIsNone(done.fault)
        self.kept = any(isinstance(step, skelebot.File) for step in done.steps)
        return [step.text for step in done.steps if isinstance(step, Note)]

    def test_names_files_and_a_mapping_for_them(self):
        for lines, names, remedy in (
                (["A /app/model.json"], "model.json", "let it write to a mapping"),
                (["C /app", "C /app/data.csv"], "data.csv", "add mappings: [data.csv]"),
                (["C /app", "A /app/out", "A /app/out/b", "A /app/out/a"], "out/a and out/b", "add mappings: [out/]"),
                (["A /root/m.pkl", "C /root"], "/root/m.pkl", "let it write to a mapping"),
                ([f"A /app/o/{number}" for number in range(7)], "o/0, o/1, o/2 and 4 more", "add mappings: [o/]")):
            with self.subTest(lines=lines):
                self.assertEqual(self.said(Outcome(0, "\n".join(lines) + "\n")), [
                    f"train wrote {names}, gone with its container: {remedy}, or use --live"])
                self.assertTrue(self.kept)
        self.assertEqual(self.said(Outcome(0, "A /app/o/1\n"), is_local=False),
                         ["train wrote o/1, gone with its container: add mappings: [o/]"])

    def test_names_nothing_that_nobody_wants_or_that_is_kept(self):
        for line in ("A /app/models/m.pkl", "A /app/models", "A /app/a/__pycache__/x.py", "C /app/x.pyc", "A /app/.pytest_cache/v",
                     "A /app/a/.ipynb_checkpoints/x", "A /app/.x", "A /app/run.log", "A /app/x.lock", "D /app/x", "A /tmp/x",
                     "A /opt/x", "A /root/.cache/pip/x", "C /root/.bashrc", "C /root", "A /apple", "", "A", "A /data/x", "A /app/a b/c/x.tmp"):
            with self.subTest(line=line):
                self.assertEqual(self.said(Outcome(0, f"{line}\n"), mappings=["models/", "x:/data"]), [])
                self.assertTrue(self.kept)
        self.assertEqual(self.said(Outcome(0, "A /app/x\n"), mappings=[".:/app"]), [])

    def test_is_looked_for_again_after_a_job_that_failed_before_it_wrote_and_where_it_cannot_be_told(self):
        for outcome, status in ((Outcome(0, ""), 1), (Outcome(1, "", "no such container"), 0), (SkelebotError("too much", ""), 0)):
            self.assertEqual((self.said(outcome, status), self.kept), ([], False))


class First(unittest.TestCase):
    """Whether it is known what a job writes."""

    def test_is_not_known_until_it_was_looked_at_and_again_when_its_mappings_change(self):
        it = project()
        runner = OnEngine(CALL, it, skelebot.Engine(CALL))
        with inside({}) as home:
            runner.call = CALL._replace(home=home)
            self.assertEqual(runner.unknown(it.jobs[0]), "")        # it could not be remembered
            os.makedirs(os.path.join(home, ".skelebot", "builds"))
            path = runner.unknown(it.jobs[0])
            open(path, "w").close()
            self.assertEqual(runner.unknown(it.jobs[0]), "")
            self.assertNotIn(runner.unknown(it.jobs[0]._replace(mappings=(skelebot.Mapping("out/"),))), ("", path))
            for job in (Job("exec", skelebot.Source()), it.jobs[0]._replace(mode="d", name="other")):
                self.assertEqual(runner.unknown(job), "")
            runner.call = runner.call._replace(dry_run=True)
            self.assertEqual(runner.unknown(it.jobs[0]._replace(name="other")), "")


class Refused(unittest.TestCase):
    """A job whose user may not write beside the scripts."""

    def why(self, own, writes, **keys):
        it = project(**keys)
        runner = OnEngine(CALL, it, skelebot.Engine(CALL))
        user = drive(runner.engine.plan_user(it, it.jobs[0])).status
        done = drive(runner.why(Run(it.jobs[0], Launch(()), image="churn", user=user), 1), {
            "inspect": Outcome(0, own + "\n"), "run": Outcome(0 if writes else 1)})
        return done.status, sum("run" in getattr(step, "argv", ()) for step in done.steps)

    def test_is_told_of_the_user_and_of_mappings(self):
        told = "it runs as jovyan, who may not write there: write user: host, and add what it writes to mappings"
        self.assertEqual(self.why("jovyan", False), (told, 1))
        self.assertEqual(self.why("jovyan", True), ("", 1))
        self.assertEqual(self.why("", False), ("", 0))      # it is root
        self.assertEqual(self.why("jovyan", False, user="host"), ("", 0))


if __name__ == "__main__":
    unittest.main()
