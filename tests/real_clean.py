"""`skelebot clean` on real engines: what goes, and what stays."""
import json
import os
import re
import shutil
import signal
import unittest

from engine import Tests, on, prints, write


@on("BuildKit", "podman")
class Cleaning(Tests):
    """A project with an image that was replaced, one of a job that it has no more, and runs."""
    config = {"runs": False, "ignores": [".skelebot"], "jobs": [{"name": "greet", "source": "echo hello"}, {"name": "small", "source": "echo", "ignores": ["big"]}]}
    build = False

    def ask(self, *words):
        return prints(*self.engine.cli, *words, **self.engine.environ).strip()

    def clean(self, *words, **options):
        """(status, lines) of what goes."""
        done = self.call("clean", *words, **options)
        return done.status, done.stdout.decode().splitlines() + done.stderr.splitlines()

    def image_id(self, name):
        return self.ask("image", "inspect", "--format", "{{.Id}}", name).rpartition(":")[2]

    def tag(self, job):
        return ("localhost/" if self.engine.name == "podman" else "") + f"{self.name}:{job}"

    def hold(self, name, image, *words):
        """A container of ours that nobody has removed."""
        self.ask("run", "--detach", "--name", f"{self.name}-{name}", "--label", f"skelebot.project={self.name}", "--entrypoint",
                 "", image, *words)
        self.addCleanup(self.ask, "rm", "--force", f"{self.name}-{name}")

    def later(self):
        """The variables with which the engine's containers seem to have ended two hours ago."""
        path, bin = shutil.which(self.engine.cli[0], path=self.engine.environ.get("PATH")), os.path.join(self.top, "bin")
        program = os.path.join(bin, os.path.basename(path))
        write(self.top, {os.path.relpath(program, self.top): f"#!/bin/sh\ncase \" $* \" in *' ps '*) {path} \"$@\" | "
                         f"sed 's/[0-9A-Za-z ]* \\(second\\|minute\\)s* ago/2 hours ago/' ;; *) exec {path} \"$@\" ;; esac\n"})
        os.chmod(program, 0o755)
        return {"PATH": bin + os.pathsep + self.engine.environ.get("PATH", os.environ["PATH"])}

    def test_removes_what_was_replaced_and_with_all_the_rest_but_nothing_that_is_used(self):
        self.skelebot("greet"), self.skelebot("small")
        old, small = self.image_id(self.name), self.image_id(self.name + ":small")
        self.hold("ended", old, "true"), self.hold("runs", old, "sleep", "600")
        self.write_project(self.folder, **{**self.config, "jobs": self.config["jobs"][:1], "commands": ["true"]})
        self.skelebot("greet")
        now = self.image_id(self.name)
        other = os.path.join(self.top, "other")     # the same project elsewhere: its image has no tag then
        self.write_project(other, **{**self.config, "commands": ["echo other"]})
        self.skelebot("greet", folder=other)
        elsewhere = self.image_id(self.name)
        self.skelebot("greet")
        self.assertEqual((self.image_id(self.name), len({old, now, elsewhere, small})), (now, 4))
        for number, ended in ((1, 1.0), (2, 4e9), (3, 0.0)):
            write(self.folder, {f".skelebot/runs/{number}/run.json": json.dumps({"format": 1, "job": "greet", "ended": ended, "state":
                                                                                  "done" if ended else "running"})})
        environ = self.later()

        status, lines = self.clean()
        self.assertEqual((status, lines[-2:]), (1, ["skelebot: nothing was removed: there is no terminal to ask at",
                                                    "  hint: add --yes"]))
        self.assertNotIn("container", str(lines))       # what it has made may be on its way back
        self.assertTrue(self.image_id(old))

        prints(*self.engine.cli, "rm", "--force", f"{self.name}-runs", **self.engine.environ)
        self.hold("runs", now, "sleep", "600")
        status, lines = self.clean("--yes", **environ)
        self.assertEqual((status, [re.split("[, ]", line)[:2] for line in lines]), (0, [
            ["container", f"{self.name}-ended"], *sorted([["image", old[:12]], ["image", self.tag("small")]], key=lambda row:
                                                         {old[:12]: old}.get(row[1], small)),
            ["ended", "runs:"]]), lines)
        self.assertRegex(lines[1], r", up to [0-9.]+ MB$")
        self.assertEqual([bool(self.image_id(one)) for one in (old, small, now, elsewhere)], [False, False, True, True])
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, ".skelebot", "runs"))), ["2", "3"])
        self.assertEqual(self.containers(), [f"{self.name}-runs"])
        self.assertEqual(self.clean("--yes", **environ), (0, ["skelebot: there is nothing to remove"]))

        status, lines = self.clean("--all", "--yes", **environ)
        self.assertEqual(status, 1)
        self.assertRegex("\n".join(lines), r"(?m)^skelebot: image \S+, up to \S+ MB: it stays, as .*(is using|in use)")
        self.assertEqual([bool(self.image_id(one)) for one in (now, elsewhere)], [True, True])
        self.assertEqual(os.listdir(os.path.join(self.folder, ".skelebot", "runs")), ["3"])
        self.ask("rm", "--force", f"{self.name}-runs")
        self.assertNotIn(" build ", self.skelebot("-V", "greet").stderr)
        self.assertEqual(self.clean("--all", "--yes")[0], 0)
        self.assertEqual([self.image_id(one) for one in (self.name, now)], ["", ""])
        self.assertIn(" build ", self.skelebot("-V", "greet").stderr)
        self.skelebot("greet", folder=other)
        self.assertEqual(self.image_id(self.name), elsewhere)


@on("BuildKit", "podman", "remote")
class Lost(Tests):
    """What a job writes outside of its mappings, and what is said of it."""
    config = {"jobs": [
        {"name": "fit", "source": "mkdir -p plots models sub/__pycache__ .cache ~/.cache && touch models/m.pkl plots/{a,b,c,d}.png "
         "model.json /root/free.bin sub/x.pyc fit.log ~/.cache/x .cache/x /tmp/t /opt/o sub/__pycache__/x && echo more >> data.csv; "
         "exit ${STATUS:-0}", "mappings": ["models/"], "environment": ["STATUS"]},
        {"name": "top", "source": "echo > model.json; echo ok"}, {"name": "none", "source": "exit 3"},
        {"name": "mapped", "source": "echo > out/model.json", "mappings": ["out/"]},
        {"name": "wait", "source": "touch model.json; echo asleep; exec sleep 60"}]}
    files = {"data.csv": "some\n"}

    def test_is_named_the_first_time_with_a_mapping_for_it(self):
        live = "" if self.engine.name == "remote" else ", or use --live"
        done = self.skelebot("-V", "fit", status=5, STATUS="5")
        self.assertEqual(re.findall("(?m)^skelebot: (fit .*)", done.stderr), [
            "fit wrote data.csv, model.json, plots/a.png and 4 more, gone with its container: "
            f"add mappings: [data.csv, plots/]{live}"])
        again = self.skelebot("-V", "fit").stderr
        self.assertNotIn("gone with", again)
        self.assertNotIn(" diff ", again)
        self.assertIn(" create " if not live else " run --rm ", again)
        done = self.skelebot("top")
        self.assertEqual((done.stdout, re.findall("(?m)^skelebot: (top .*)", done.stderr)), (
            b"ok\n", [f"top wrote model.json, gone with its container: let it write to a mapping{live}"]))

    def test_is_not_looked_for_where_nothing_is_lost_and_looked_for_again_after_a_failure(self):
        for job, status in (("none", 3), ("none", 3), ("mapped", 0)):
            done = self.skelebot("-V", job, status=status)
            self.assertIn(" diff ", done.stderr)
            self.assertNotIn("gone with", done.stderr)
        self.assertNotIn(" diff ", self.skelebot("-V", "mapped").stderr)
        if self.engine.name != "remote":
            self.assertNotIn(" diff ", self.skelebot("-V", "--live", "top").stderr)

    def test_leaves_no_container_when_skelebot_is_killed_after_the_job_but_on_another_engine_until_fetch(self):
        path = shutil.which(self.engine.cli[0], path=self.engine.environ.get("PATH"))
        program = os.path.join(self.top, "bin", os.path.basename(path))
        write(self.top, {os.path.relpath(program, self.top): f"#!/bin/sh\ncase \" $* \" in *' diff '*) kill -KILL $PPID ;; esac\n"
                                                             f"exec {path} \"$@\"\n"})
        os.chmod(program, 0o755)
        folders = os.path.dirname(program) + os.pathsep + self.engine.environ.get("PATH", os.environ["PATH"])
        self.assertEqual(self.call("none", PATH=folders).status, 137)
        if self.engine.name == "remote":        # what it has written stays there, until it is asked for
            self.assertEqual(len(self.containers()), 1)
            self.skelebot("fetch", "none")
        self.assertEqual(self.containers_left(), [])

    def test_leaves_no_container_however_the_job_is_ended(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, 137)):
            if number == signal.SIGKILL and self.engine.name == "remote":
                continue                # what it has written stays there
            with self.subTest(number):
                running = self.start("wait").says("asleep")
                self.assertEqual(running.signal(number).ends(), status)
                self.assertNotIn(b"gone with", running.said)
                if number == signal.SIGKILL:
                    prints(*self.engine.cli, "kill", *self.containers(), **self.engine.environ)
                self.assertEqual(self.containers_left(), [])


if __name__ == "__main__":
    unittest.main()
