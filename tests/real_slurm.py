"""Jobs on Slurm, a real one: here, and on the other side of ssh; natively, by podman, and by Apptainer."""
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

import cluster
import skelebot
from engine import Tests, call, deadline, environment, on, tree, write
from real_run import DASHED, PLAIN, arrived

FOLDER = "/var/tmp/skelebot-real-slurm"         # as the login node sees it, which is this machine
HOSTS = {
    "here": {"slurm": {"container": "none"}},
    "login": {"slurm": {"login": "login", "folder": FOLDER, "container": "none"}},
    "pod": {"slurm": {"login": "login", "folder": FOLDER, "container": "podman"}},
    "lab": {"slurm": {"login": "lab", "folder": "/scratch/ada/real-slurm"}},
    "closed": {"slurm": {"container": "none", "partition": "closed"}},
    "nowhere": {"slurm": {"container": "none", "partition": "nowhere"}},
    "short": {"slurm": {"container": "none", "partition": "short"}}, "held": {"slurm": {"container": "none", "options": ["--hold"]}},
    "cards": {"slurm": {"container": "none"}, "resources": {"gpus": "h100:1"}},
    "large": {"slurm": {"container": "none"}, "resources": {"memory": "900g"}},
    "odd": {"slurm": {"container": "none", "options": ["--frobnicate"]}}, "disk": {"slurm": {"container": "none", "folder": "/mnt/skelebot"}},
    **{name: {"slurm": {"login": name, "container": "none"}} for name in cluster.LOGINS},
}
SCRIPT = """mkdir -p out/inner && cat data/in > out/word && echo "$A" >> out/word && printf '%s' "$TOKEN" > out/token
echo '{"loss": 0.5}' >> "$SKELEBOT_METRICS"; printf '%s\\0' "$@"; pwd > out/pwd; test ! -e data/none && exit 3
"""


POINT = """echo "$2" >> "$SEEN"; echo "$2" > out/n; echo "half: $2"; test "$2" != 3 || exit 3
"""
SEEN = f"/var/tmp/skelebot-real-slurm-seen-{os.getpid()}"


def text_of(path):
    with open(path, "rb") as file:
        return file.read()


class OnSlurm(Tests):
    build = False
    files = {"job.sh": SCRIPT, "say.sh": 'echo "$2"\n', "point.sh": POINT, "data/in": "in\n"}
    config = {"language": "NA", "baseImage": "skelebot-test/debian", "hosts": HOSTS, "ignores": ["big"],
              "secrets": [{"name": "TOKEN", "env": "A_TOKEN"}], "jobs": [
                  {"name": "all", "source": "job.sh", "mappings": ["data/:ro", "out/"], "metrics": ["loss"],
                   "environment": {"A": "it's \"$HOME\"\nZürich\r\n*"}},
                  {"name": "say", "source": "say.sh", "params": [{"name": "word", "default": "hello"}]},
                  # Slurm ends a job from its last program upwards: the shell may see its sleep end before it gets its own TERM.
                  {"name": "trap", "source": "trap 'echo term > out/term; exit 9' TERM; echo begun; sleep 100 & wait; sleep 5", "mappings": ["out/"]},
                  {"name": "slow", "source": "trap : TERM; sleep 2; sleep 60", "resources": {"time": "1s"}},
                  {"name": "point", "source": "point.sh", "params": ["n"], "mappings": ["out/"], "metrics": ["half"],
                   "environment": {"SEEN": SEEN}},
                  {"name": "reads", "source": "stat -c %h data/in; :", "mappings": ["data/:ro"], "params": ["n"]},
                  {"name": "talks", "source": "while sleep 0.1; do echo line; done"},
                  {"name": "long", "source": "true", "resources": {"time": "4h"}}]}

    @classmethod
    def setUpClass(cls):
        around = cluster.slurm()
        path = os.pathsep.join([around["PATH"].split(os.pathsep)[0], cls.engine.environ["PATH"]])
        cls.engine = cls.engine._replace(environ={**cls.engine.environ, **around, "PATH": path, "A_TOKEN": "s3cret'"})
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        for folder in (FOLDER, os.path.expanduser("~/.skelebot/slurm/" + cls.name)):
            shutil.rmtree(folder, ignore_errors=True)
        label = "label=org.opencontainers.image.title=" + cls.name
        loaded = cluster.ended(["podman", "images", "--quiet", "--filter", label]).stdout.decode().split()
        for argv in (["podman", "rmi", "--force", *loaded], ["ssh", cluster.LAB, "rm -rf /scratch/ada/real-slurm"]):
            cluster.ended(argv, **cluster.slurm())

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(os.path.join(self.folder, "out"), ignore_errors=True)
        left = [path for top in (FOLDER, os.path.expanduser("~/.skelebot/slurm")) for path in glob.glob(f"{top}/{self.name}/*")]
        for _ in range(120):            # one whose sbatch had no answer comes late, and ends by itself
            jobs = cluster.ended(["squeue", "--noheader", "--format", "%i %j"], **cluster.slurm()).stdout.decode().splitlines()
            jobs = [line for line in jobs if self.name in line]
            if not jobs:
                break
            time.sleep(0.5)
        for line in jobs:
            cluster.ended(["scancel", line.split()[0]], **cluster.slurm())
        self.assertEqual((left, jobs), ([], []), "something was left behind")

    def out(self):
        return {name: data for name, data in tree(os.path.join(self.folder, "out")).items() if name != "pwd"}

    def all_on(self, *hosts):
        """The same words, variables, secrets, files, metrics and status on each host."""
        words = [word for word in PLAIN + DASHED if len(word) < 10000]
        for host in hosts:
            with self.subTest(host):
                done = self.skelebot("-d", host, "all", "--", *words, status=3)
                self.assertEqual(arrived(done), words)
                self.assertEqual(self.out(), {"word": "in\nit's \"$HOME\"\nZürich\r\n*\n".encode(), "token": b"s3cret'"})
                self.assertNotIn("s3cret", done.stderr)
                for name in self.out():
                    os.remove(os.path.join(self.folder, "out", name))

    def test_a_job_has_its_words_variables_secrets_and_files_and_gives_its_status(self):
        self.all_on("here", "login", "pod")

    def test_a_job_in_an_image_where_nobody_has_rights(self):
        cluster.wait_for("lab")
        self.all_on("lab")

    def test_ctrl_c_ends_it_and_brings_back_what_it_wrote(self):
        for host, number in (("here", signal.SIGINT), ("login", signal.SIGTERM)):
            with self.subTest(host):
                running = self.start("-d", host, "trap")
                running.says("begun")
                self.assertEqual(running.signal(number).ends(), 128 + number)
                self.assertEqual(self.out()["term"], b"term\n")
                os.remove(os.path.join(self.folder, "out", "term"))

    def test_somebody_cancels_it(self):
        running = self.start("-d", "here", "trap")
        running.says("begun")
        names = cluster.ended(["squeue", "--noheader", "--format", "%i %j"], **cluster.slurm()).stdout.decode().splitlines()
        cluster.ended(["scancel", *(line.split()[0] for line in names if self.name in line)], **cluster.slurm())
        running.says("trap ended with 9: somebody cancelled it")
        self.assertEqual((running.ends(), self.out()["term"]), (9, b"term\n"))

    def test_one_that_goes_on_is_followed_stopped_and_taken_up_after_a_kill(self):
        self.skelebot("-d", "login", "--detach", "trap")
        waiting = self.start("wait", "trap")
        waiting.says("begun")
        self.skelebot("stop", "trap")
        self.assertNotEqual(waiting.ends(), 0)
        self.assertEqual(self.out().pop("term"), b"term\n")
        running = self.start("-d", "login", "say", "--word", "taken up")
        for _ in deadline():
            if any(map(os.path.getsize, glob.glob(f"{FOLDER}/{self.name}/*/id"))):      # sbatch has said it
                break
        running.signal(signal.SIGKILL).ends()
        self.assertEqual(self.skelebot("wait").stdout, b"taken up\n")
        self.assertEqual(self.skelebot("logs").stdout, b"taken up\n")
        self.assertRegex(self.skelebot("runs", "say").stdout.decode(), "state +done")

    def test_one_whose_output_nobody_reads_any_more_is_ended(self):
        for host in ("here", "login"):
            with self.subTest(host), subprocess.Popen(
                    self.argv("-d", host, "talks"), cwd=self.folder, env=environment(**self.engine.environ), stdout=subprocess.PIPE) as talks:
                self.assertEqual(talks.stdout.readline(), b"line\n")
                talks.stdout.close()
                self.assertEqual(talks.wait(60), 141)
        self.assertEqual(glob.glob(f"{FOLDER}/{self.name}/*/id"), [])

    def test_its_time_ends_it(self):
        done = self.skelebot("-d", "here", "slow", status=124)
        self.assertRegex(done.stderr, r"\A(skelebot: job \d+ waits: .*\n)*skelebot: slow ended after 1s, as resources.time says\n\Z")
        self.assertRegex(self.skelebot("runs", "slow").stdout.decode(), "state +timeout")

    def test_a_dry_run_shows_a_script_for_sbatch_without_secrets(self):
        shown = self.skelebot("--dry-run", "-d", "here", "all", "--", "x y").stdout.decode()
        self.assertNotIn("s3cret", shown)
        script = re.search(r"printf %s '(#!/bin/sh\n.*?)' \|", shown, re.S).group(1).replace("'\"'\"'", "'")
        self.assertRegex(script, "(?m)^#SBATCH --no-requeue$")
        self.assertIn("x y", script)

    def test_what_fails_says_why(self):
        for host, words in (
                ("nowhere", "say was not submitted: there is no such partition\n  hint: sinfo names those that there are"),
                ("cards", "say was not submitted: no node of the partition has what resources asks for"),
                ("large", "say was not submitted: no node has so much memory"),
                ("odd", "say was not submitted: sbatch does not know --frobnicate\n  hint: correct slurm.options"),
                ("changed", "changed is not reached: its host key is another one than before"),
                ("stranger", "stranger is not reached: its host key is not known"),
                ("refused", "refused is not reached: nothing listens there"),
                ("denied", "denied is not reached: ssh is not let in (publickey)")):
            with self.subTest(host):
                self.assertIn("skelebot: " + words, self.skelebot("-d", host, "say", status=1).stderr)
        lacks = self.skelebot("-d", "here", "say", status=1, PATH="/nowhere" + os.pathsep + self.without("sbatch"))
        self.assertIn("say was not submitted: there is no sbatch\n  hint: load Slurm there, or name its login node", lacks.stderr)

    def test_a_full_disk_and_a_folder_that_no_node_sees_are_told(self):
        for size, words in (("4k", "say was not submitted: the disk there is full\n  hint: remove something there"),
                            ("9m", "say ended with 125: Slurm could not start it (JobLaunchFailure): does its node see /mnt/skelebot/")):
            with self.subTest(size):
                script = 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/skelebot && mount -t tmpfs -o size=$0 tmpfs /mnt/skelebot && exec "$@"'
                argv = ["unshare", "--mount", "sh", "-c", script, size, *self.argv("-d", "disk", "say")]
                done = call(argv, self.folder, **self.engine.environ)
                self.assertIn("skelebot: " + words, done.stderr)

    def test_a_folder_of_somebody_elses_gets_no_script_and_no_image(self):
        for host, folder, doing in (("login", f"{FOLDER}/{self.name}", "say was not submitted"),
                                    ("pod", f"{FOLDER}/images", "the image did not get to pod")):
            with self.subTest(host):
                os.makedirs(folder, exist_ok=True)
                os.chown(folder, 1234, 1234)
                try:
                    refused = self.skelebot("-d", host, "say", status=1)
                finally:
                    os.chown(folder, 0, 0)
                self.assertIn(f"{doing}: {folder} there belongs to somebody else\n  hint: name another folder", refused.stderr)
                self.assertEqual(glob.glob(f"{folder}/*/script") + glob.glob(f"{folder}/*.tar*"), [])

    def test_what_comes_back_may_belong_on_another_disk(self):
        script = 'mkdir -p out && mount -t tmpfs tmpfs out && echo old > out/n && "$@" && cat out/n && ls -A out'
        done = call(["unshare", "--mount", "sh", "-c", script, "sh", *self.argv("-d", "login", "point", "--n", "7")], self.folder,
                    **self.engine.environ)
        self.assertEqual((done.stdout, done.stderr, done.status), (b"half: 7\n7\nn\n", "", 0))

    def test_a_job_that_fills_the_disk_gives_its_status_and_why(self):
        write(self.folder, {"script": "KIND=none TOP=. NAME=x\nset -- sh -c 'cat /dev/zero > all; exit 7'\n" + skelebot.template_bytes("slurm", "job.sh").decode()})
        script = 'mount -t tmpfs -o size=100k tmpfs /mnt && cp script /mnt && cd /mnt && sh ./script; cat status'
        done = call(["unshare", "--mount", "sh", "-c", script], self.folder)
        self.assertEqual(done.stdout.split(), b"7 the disk there is full".split())

    def without(self, program):
        """A PATH of links to all that is on PATH, but for a program."""
        folder = os.path.join(self.top, "without")
        os.mkdir(folder)
        for above in self.engine.environ["PATH"].split(os.pathsep):
            for name in os.listdir(above) if os.path.isdir(above) else ():
                if name != program and not os.path.lexists(os.path.join(folder, name)):
                    os.symlink(os.path.join(above, name), os.path.join(folder, name))
        return folder

    def test_what_waits_says_why(self):
        for host, job, words in (("closed", "say", "waits: its partition takes no jobs (PartitionDown)"),
                                 ("short", "long", "waits: its time is longer than the partition allows"),
                                 ("held", "say", "waits: it is held: scontrol release")):
            with self.subTest(host):
                running = self.start("-d", host, job)
                running.says(words)
                self.assertEqual(running.signal(signal.SIGTERM).ends(), 143)

    def test_a_sweep_is_one_array_of_which_none_is_lost_or_run_twice_when_it_is_killed(self):
        self.addCleanup(lambda: os.path.exists(SEEN) and os.remove(SEEN))
        numbers = [str(number) for number in range(1, 13)]
        running = self.start("-d", "login", "sweep", "point", "--each", "n", *numbers, "-j", "3")
        for _ in deadline():
            if os.path.exists(SEEN) and text_of(SEEN).count(b"\n") > 2:
                break
        running.signal(signal.SIGKILL).ends()
        self.skelebot("wait", "point", status=1)
        records = {int(path.split(os.sep)[-2]): json.loads(text_of(path).decode())
                   for path in glob.glob(self.folder + "/.skelebot/runs/*/*/run.json")}
        self.assertEqual(sorted(text_of(SEEN).split(), key=int), [number.encode() for number in numbers])
        self.assertEqual({point: one["state"] for point, one in records.items()},
                         {int(number): "failed" if number == "3" else "done" for number in numbers})
        outs = glob.glob(self.folder + "/.skelebot/runs/*/12/out/out/n")
        self.assertEqual([text_of(path) for path in outs], [b"12\n"])

    def test_what_a_sweep_only_reads_travels_once(self):
        self.skelebot("-d", "login", "sweep", "reads", "--each", "n", "1", "2", "3", "-j", "1")
        logs = [text_of(path) for path in glob.glob(self.folder + "/.skelebot/runs/*/*/log")
                if "reads" in json.loads(text_of(os.path.dirname(path) + "/run.json").decode())["job"]]
        self.assertEqual((len(logs), max(logs)), (3, b"3\n"), "links, when the first of them runs")

    def test_a_controller_that_is_away_for_a_while_ends_nothing(self):
        lock = cluster.controller(fcntl.LOCK_EX)
        self.addCleanup(lock.close)
        running = self.start("-d", "here", "trap")
        running.says("begun")
        folder = os.path.dirname(cluster.slurm()["SLURM_CONF"])
        with open(os.path.join(folder, "controller", "pid")) as file:
            controller = int(file.read())
        os.kill(controller, signal.SIGSTOP)
        try:
            done = self.skelebot("-d", "here", "say", status=1)
        finally:
            os.kill(controller, signal.SIGCONT)
        self.assertIn("say was not submitted: slurmctld does not answer\n  hint: try again in a while", done.stderr)
        self.assertEqual(running.signal(signal.SIGTERM).ends(), 143)

    def test_a_ticket_travels_and_the_keytab_stays(self):
        folder = os.path.join(self.top, "kerberos")
        keys = {"krbConf": "krb5.conf", "keytab": "ada.keytab", "hdfsUser": "ada"}
        self.write_project(folder, language="NA", hosts=HOSTS, components={"kerberos": keys}, jobs=[
            {"name": "who", "source": "klist | grep Default; stat -c %a ${KRB5CCNAME#FILE:}; find . -name '*.keytab'"}])
        for name in ("krb5.conf", "ada.keytab"):
            write(folder, {name: text_of(os.path.join(cluster.setting("SKELEBOT_TEST_KDC"), name))})
        done = self.skelebot("-d", "login", "who", folder=folder)
        self.assertEqual(done.stdout, b"Default principal: ada@SKELEBOT.TEST\n600\n")

    def test_hosts_are_asked(self):
        done = self.skelebot("hosts", "--check", status=1).stdout.decode()
        self.assertRegex(done, r"(?m)^  login +ok$")
        self.assertRegex(done, r"(?m)^  refused +refused is not reached: nothing listens there; is the address right")


on("legacy")(OnSlurm)
if __name__ == "__main__":
    unittest.main()
