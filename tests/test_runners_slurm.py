"""Slurm: the script of a batch job, by which argv it gets there, and what its cluster's words mean."""
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
import unittest

from support import Look, drive, inside, project, skelebot
from skelebot import Call, Command, Copy, Job, Launch, Outcome, Run, SkelebotError, Slurm, SlurmHost, Source
from test_runners import ADA, driven, one

LAB = {"slurm": {"login": "ada@lab", "folder": "/scratch/ada", "partition": "gpu", "container": "none",
                 "setup": ["module load R"], "options": ["--exclusive"]}, "resources": {"time": "90s"}}


def scripts(done):
    """The scripts for sbatch among the steps of a plan."""
    return [step.given for step in done.steps if isinstance(step, Command) and "#SBATCH" in step.given]


def slurm(**settings):
    runner = Slurm(Call(home="/home/ada"), project(), None)
    runner.slurm, runner.folder, runner.socket = SlurmHost(**settings), "f", "/home/ada/.skelebot/ssh/0a"
    return runner


class Addresses(unittest.TestCase):
    def test_are_here_or_behind_a_login_node(self):
        for text, expected in (("slurm:", ("", ".skelebot/slurm")), ("slurm://ada@lab", ("ada@lab", ".skelebot/slurm")),
                               ("slurm://ada@lab/scratch/ada", ("ada@lab", "/scratch/ada"))):
            self.assertEqual(SlurmHost.at(text)[:2], expected)
        for text in ("slurm:lab", "slurm://-oProxyCommand=x", "slurm://ada@-oProxyCommand=x/f", "slurm://la b"):
            with self.assertRaises(SkelebotError) as caught:
                SlurmHost.at(text)
            self.assertIn(f"{text}' is no address of a Slurm cluster", str(caught.exception))
        self.assertFalse(skelebot.SlurmLogin.fits("ada@-oProxyCommand=x"))


class Scripts(unittest.TestCase):
    maxDiff = None

    def test_have_words_variables_and_resources_and_end_as_every_job(self):
        job = one("echo", resources={"cpus": 1.5, "memory": "2g", "gpus": "a100:2"}, environment={"A": "it's\r\n"})
        done = driven(call=ADA._replace(host="lab"), hosts={"lab": LAB}, **job)
        script, = scripts(done)
        head, end = script[:script.index("# The words")], script[script.index("# The words"):]
        self.assertEqual(end, skelebot.template_bytes("slurm", "job.sh").decode())
        self.assertEqual(head.split("\n")[:13], [
            "#!/bin/bash -l", "#SBATCH --job-name=churn-train-0a1b", "#SBATCH --output=log", "#SBATCH --partition=gpu",
            "#SBATCH --cpus-per-task=2", "#SBATCH --mem=2G", "#SBATCH --gpus-per-node=a100:2", "#SBATCH --time=2",
            "#SBATCH --no-requeue", "#SBATCH --exclusive", "module load R", "KIND=none", "NAME=churn-train-0a1b"])
        self.assertNotIn("\r", script)          # sbatch takes no script that has one
        self.assertEqual(re.search("(?m)^LIMIT=.*$", head).group(), "LIMIT=90")

    def test_quote_an_option_that_has_blanks(self):
        lab = {"slurm": {"login": "lab", "container": "none", "options": ["--comment=it's a", "--exclusive"]}}
        script, = scripts(driven(call=ADA._replace(host="lab"), hosts={"lab": lab}, **one("echo")))
        self.assertIn("\n#SBATCH '--comment=it'\"'\"'s a'\n#SBATCH --exclusive\n", script)

    def test_call_python_what_every_machine_calls_it(self):
        job = one("src/train.py", params=[{"name": "data", "default": "$HOME/x"}])
        script, = scripts(driven(call=ADA._replace(host="lab"), hosts={"lab": LAB}, **job))
        self.assertRegex(script, "(?m)^set -- .* sh -c .* sh python3 ")

    def test_never_have_a_secret(self):
        done = driven(call=ADA._replace(host="lab", environ={"KEY": "hidden"}), hosts={"lab": LAB}, **one("echo"),
                      secrets=[{"name": "TOKEN", "env": "KEY"}])
        given = [step for step in done.steps if isinstance(step, Command) and "hidden" in step.given]
        self.assertEqual([type(step.given).__name__ for step in given], ["Secret"])
        self.assertEqual([step for step in done.steps if "hidden" in " ".join(getattr(step, "argv", ()))], [])

    def test_have_no_variable_that_everybody_on_a_node_could_read_in_an_argv(self):
        for lab in (LAB, {"slurm": {"login": "lab", "container": "podman"}}):
            job = one("echo", environment=["KEY", "B-C=typed"])
            done = driven(call=ADA._replace(host="lab", environ={"KEY": "passed on"}), hosts={"lab": lab}, **job)
            given = [step.given for step in done.steps if isinstance(step, Command) and "passed on" in step.given]
            self.assertEqual(given, ["export KEY='passed on'\nset -- env B-C=typed \"$@\""])
            self.assertIsInstance(given[0], skelebot.Secret)
            self.assertNotIn("typed", scripts(done)[0])

    def test_in_a_dry_run_bring_back_what_is_written_by_lines_that_can_be_pasted(self):
        done = driven(call=ADA._replace(host="lab", dry_run=True), hosts={"lab": LAB}, results={Look: None}, **one("echo", mappings=["out/"]))
        self.assertIn("cp -R -p -P -- /tmp/scratch/new/app/out/. out", [step.line for step in done.steps if isinstance(step, skelebot.Merge)])


class There(unittest.TestCase):
    def test_what_makes_the_image_is_set_up_as_the_job_is(self):
        done = driven(call=ADA._replace(host="here"), hosts={"here": {"slurm": {"setup": ["module load apptainer"]}}},
                      results={'[ -O "${0%/*}" ] && [ -e "$0" ] && touch "$0"': Outcome(1)}, **one("echo"))
        argv, = (step.argv for step in done.steps if getattr(step, "title", "").startswith("bringing"))
        self.assertEqual(argv[argv.index("bash"):argv.index("bash") + 6], (
            "bash", "-l", "-c", '{\nmodule load apptainer\n} < /dev/null\nexec "$@"', "bash", "sh"))

    def test_a_server_without_an_image_needs_no_engine(self):
        it = project(hosts={"lab": LAB}, host="lab")
        done = drive(skelebot.our_components(it)["jupyter"].plan(ADA._replace(token="0a1b"), it, skelebot.Words()),
                     {skelebot.Wait: Outcome()})
        self.assertEqual([line for line in done.outline if line.startswith("docker ")], [])
        self.assertIn("jupyter notebook --ip=", "".join(scripts(done)).replace("'", ""))

    def test_what_came_back_at_the_second_try_after_ctrl_c_is_removed(self):
        runner = slurm(login="lab")
        run = Run(Job("train", Source("true")), Launch(()), name="train-1", copies=(Copy("out", "/app/out", True, True),))
        back = runner.bring_back(run)
        while not isinstance(next(back), Command):
            pass
        back.throw(KeyboardInterrupt())
        self.assertIsInstance(drive(back).fault, KeyboardInterrupt)
        self.assertEqual([step.argv[-2:] for step in drive(runner.clean_up(run, 1)).steps if isinstance(step, Command)],
                         [runner.watch("remove", "train-1")[-2:]])

    def test_words_arrive_whole_by_one_connection_of_ssh(self):
        argv = slurm(login="ada@lab").there("", "sh", "-c", 'echo "$0"', "https://u:p@h/ it's")
        self.assertEqual(argv[:1] + argv[-2:-1], ("ssh", "ada@lab"))
        self.assertIn('ControlPath="/home/ada/.skelebot/ssh/0a"', argv)
        self.assertEqual(shlex.split(argv[-1])[2:], ['echo "$0"', "https://u:p@h/ it's"])
        self.assertEqual(slurm().there("", "true"), ("true",))

    def test_a_socket_with_too_long_a_path_is_none(self):
        runner = slurm(login="lab")
        runner.socket = "/" + "x" * 100
        self.assertNotIn("ControlMaster=auto", runner.there("", "true"))

    def test_what_a_shell_says_beside_the_ends_of_runs_or_a_job_in_its_status_is_no_end(self):
        for said, expected in (("Welcome 5 users\nx 7 why\n", {"1": 7}), ("x goes on: RUNNING\nx goes on: RUNNING\n", {}),
                               ("Welcome goes on\nx 0\n", {"1": 0}), ("x " + "7" * 5000 + "\n", {"1": None}), ("x 7", {"1": 7})):
            runner = slurm(login="lab")
            runner.reasons, plan = {}, runner.plan_ends([skelebot.RunRecord(number=1, container="x")])
            self.assertEqual(drive(plan, {skelebot.Command: Outcome(output=said)}).status, expected)

    def test_two_login_nodes_never_share_a_socket(self):
        names = [{word for step in driven(call=ADA._replace(host="slurm://" + login), **one("echo")).steps
                  for word in getattr(step, "argv", ()) if word.startswith("ControlPath=")}
                 for login in ("plumless", "buckeroo")]     # whose CRC-32 is the same
        self.assertEqual([len(own) for own in (*names, names[0] & names[1])], [1, 1, 0])

    def test_a_socket_is_below_a_home_of_any_name_or_is_none(self):
        runner = slurm(login="login")
        for home, path in (("/ho me", '"/ho me/0a"'), ("/50%off", '"/50%%off/0a"'), ('/q"', None), ("/$x", None)):
            runner.socket = home + "/0a"
            own = [word[12:] for word in runner.ssh("true") if word.startswith("ControlPath=")]
            self.assertEqual(own, [path] if path else [])

    def test_words_of_its_programs_are_told_in_others(self):
        for said, message in (
                ("sh: 1: sbatch: not found", "there is no sbatch"), ("sbatch: error: invalid partition specified: x", "there is no such partition"),
                ("sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
                 "its time is longer than the partition allows"),
                ("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time"
                 " limits)", "a limit of your account or qos forbids it"),
                ("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
                 "the account may not be used there"),
                ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", "slurmctld does not answer"),
                ("sbatch: error: Batch job submission failed: Protocol authentication error", "its munge does not say who you are"),
                ("ssh: Could not resolve hostname lab: Name or service not known", "there is no host lab"),
                ("ssh: connect to host lab port 22: Connection timed out", "it does not answer"),
                ("sbatch: error: Invalid directive found in batch script: exclusive", "sbatch does not know exclusive"),
                ("Can't open user config file /c: Permission denied\r\n", "ssh does not take /c"),
                ("Bad owner or permissions on /home/ada/.ssh/config\r\n", "ssh does not take /home/ada/.ssh/config"),
                ("FATAL: while extracting: mksquashfs not found", "it has no mksquashfs, of which apptainer makes an image"),
                ("cat: write error: No space left on device", "the disk there is full"),
                ("\nstdout: Welcome", "its shell prints on stdout for commands as well: Welcome"), ("first\nlast", "last")):
            with self.subTest(said):
                self.assertEqual(slurm().fault(said, "it failed").message, "it failed: " + message)


class Arrays(unittest.TestCase):
    """A sweep, as templates/slurm/array.sh submits it; what scontrol and sbatch say is recorded."""

    def test_are_several_one_after_the_other_where_slurm_does_not_allow_so_many_in_one(self):
        sbatch = 'echo "$*" >> said; ID=$(wc -l < said); shift $(($# - 2)); cat "$2" > array-$ID; echo $ID'
        programs = {"scontrol": "echo 'MaxArraySize            = 4'", "sbatch": sbatch}
        runs = {f"r{number}/script": f"#!/bin/sh\n#SBATCH --output=log\necho {number} >> ../seen\n" for number in range(1, 9)}
        with inside({"names": "\n".join(name[:2] for name in runs), **{"bin/" + name: "#!/bin/sh\n" + text for name, text in programs.items()}, **runs}) as top:
            for name in programs:
                os.chmod("bin/" + name, 0o755)
            path = os.path.join(top, "bin") + os.pathsep + os.environ["PATH"]
            script = skelebot.template_bytes("slurm", "array.sh").decode()
            with open("names") as names:
                subprocess.check_call(["sh", "-c", script, "sh", top, "2"], stdin=names, env={**os.environ, "PATH": path})
            with open("said") as file:
                self.assertEqual([line.split()[1:-1] for line in file], [[], ["--dependency=afterany:1"], ["--dependency=afterany:2"]])
            for array, most in ((1, 3), (2, 3), (3, 2)):
                with open(f"array-{array}") as file:
                    self.assertIn(f"#SBATCH --array=1-{most}%2\n", file.read())
                for task in range(1, most + 1):
                    subprocess.check_call(["sh", f"array-{array}"], env={**os.environ, "SLURM_ARRAY_TASK_ID": str(task)})
            with open("seen") as seen, open("r7/id") as number:
                self.assertEqual((seen.read().split(), number.read()), (list("12345678"), "3_1\n"))


class Watching(unittest.TestCase):
    """What slurm/watch.sh makes of what Slurm's programs say, as Slurm 22.05 has said it."""

    def told(self, what, *names, **programs):
        """What it prints of `run`, or others, where each program says a recorded answer; a wait ends when squeue was asked."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/run")
            runs = [f"{folder}/{name}" for name in names or ["run"]]
            for name, text in {"bin/squeue": "", "bin/scontrol": "", "bin/sleep": "#!/bin/sh\n[ ! -e ../.states ] || echo 0 > status\n", **programs}.items():
                path = os.path.join(folder, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w") as file:
                    file.write(f"#!/bin/sh\necho {shlex.quote(text)}\n" if "bin" in name and "#!" not in text else text)
                os.chmod(path, 0o755)
            done = subprocess.run(["timeout", "60", "sh", "-c", skelebot.template_bytes("slurm", "watch.sh").decode(), "sh", what,
                                   *runs], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                                  env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"})
            return done.stdout.strip().replace(folder, "")

    def test_a_run_has_ended_as_scontrol_says(self):
        show = "JobId=7 JobState={} Reason={} Dependency=(null) ExitCode=0:{} x"
        for state, reason, signal, files, told in (
                ("FAILED", "JobLaunchFailure", 9, {}, "125 Slurm could not start it (JobLaunchFailure): does its node see ?"),
                ("FAILED", "JobLaunchFailure", 9, {"run/begun": "", "run/log": "error: Exceeded job memory limit\n"},
                 "137 its memory ran out: resources.memory gives it more"),
                ("FAILED", "NonZeroExitCode", 9, {"run/begun": ""}, "137 Slurm killed it (NonZeroExitCode)"),
                ("NODE_FAIL", "None", 0, {"run/begun": ""}, "125 its node failed"),
                ("PREEMPTED", "None", 0, {"run/begun": ""}, "143 another job took its place"),
                ("OUT_OF_MEMORY", "OutOfMemory", 125, {"run/begun": ""}, "137 its memory ran out: resources.memory gives it more")):
            with self.subTest(state, reason=reason):
                self.assertEqual(self.told("ends", **{"run/id": "7", "bin/scontrol": show.format(state, reason, signal), **files}),
                                 "run " + told)

    def test_accounting_is_asked_of_what_scontrol_has_forgotten_where_there_is_any(self):
        for said, told in (("CANCELLED by 1000|0:15", "143 somebody cancelled it"), ("TIMEOUT|0:0", "124 Slurm ended it when its time was over"),
                           ("OUT_OF_MEMORY|0:125", "137 its memory ran out: resources.memory gives it more"),
                           ("FAILED|9:0", "9 Slurm killed it"),
                           ("", "125 Slurm does not know it any more, and its status was not written")):
            with self.subTest(said):
                self.assertEqual(self.told("ends", **{"run/id": "7", "run/begun": "", "bin/sacct": said}), "run " + told)

    def test_many_are_told_by_one_look_at_the_queue(self):
        files = {"a b/1/id": "55_1\n", "a b/2/id": "55_2\n", "a b/3/id": "55_3\n", "a b/3/status": "9\n", "a b/5/log": "", "a b/6/id": "56\n"}
        queue = "printf '%s\\n' '55_1 RUNNING None' '55_2 PENDING Nodes required for job are DOWN' '56 NODE_FAIL None'"
        self.assertEqual(self.told("ends", *(f"a b/{number}" for number in range(1, 7)), **files, **{"bin/squeue": "#!/bin/sh\n" + queue}).split("\n"), [
            "1 goes on: RUNNING None", "2 goes on: PENDING Nodes required for job are DOWN", "3 9", "4 gone",
            "5 125 skelebot was ended by force before it was submitted", "6 125 Slurm does not know it any more, and its status was not written"])


    def test_a_node_that_lacks_what_runs_the_image_says_so(self):
        with inside({"script": "", "secret": "export A=s3cret\n"}):
            script = "KIND=no-such-podman\n" + skelebot.template_bytes("slurm", "job.sh").decode()
            watch = skelebot.template_bytes("slurm", "watch.sh").decode()
            done = [subprocess.run(["sh", "-c", *words], stdout=subprocess.PIPE, universal_newlines=True) for words in (
                [script], [watch, "sh", "follow", os.getcwd()], [watch, "sh", "ends", os.getcwd()])]
            self.assertEqual(([one.returncode for one in done], os.path.exists("secret")), ([127, 127, 0], False))
            self.assertRegex(done[2].stdout, r"\A\S+ 127 its node has no no-such-podman: let setup of the host load it")

    def test_why_it_waits_is_told_whole(self):
        down = "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"
        for reason in (down, "ReqNodeNotAvail, UnavailableNodes:node1"):
            self.assertEqual(self.told("begin", **{"run/id": "7", "bin/squeue": "7 PENDING " + reason}),
                             f"skelebot: job 7 waits: its nodes are down or kept for others ({reason})")

    def test_one_is_stopped_also_where_slurm_does_not_answer_at_first_and_nothing_hears_it_yet(self):
        queue = "[ -e ../asked ] || { : > ../asked; echo 'Unable to contact slurm controller' >&2; exit 1; }; : > begun; echo 7 RUNNING None"
        cancel = 'case "$*" in *USR2*) [ ! -e begun ] || echo 143 | tee status ;; esac'
        programs = {"bin/" + name: "#!/bin/sh\n" + text for name, text in (("squeue", queue), ("scancel", cancel), ("sleep", ""))}
        self.assertEqual(self.told("stop", **{"run/id": "7"}, **programs), "143")

    def test_one_that_sbatch_has_not_taken_is_nothing_to_cancel(self):
        self.assertEqual(self.told("stop", **{"run/id": "", "bin/scancel": "all of them"}), "")


class Signals(unittest.TestCase):
    """What slurm/job.sh makes of a signal, by what slurmstepd 22.05 has written into the log."""

    script = ("KIND=none TOP=. NAME=x\nset -- sh -c 'trap \"exit 9\" TERM; echo $$ > new && mv new ready; sleep 60 & wait'\n"
              + skelebot.template_bytes("slurm", "job.sh").decode())

    def status(self, sent, end="", first="job"):
        """The status and the reason of a job that is sent a signal, after slurmstepd's line of it."""
        with inside({"script": self.script, "log": f"slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2026-11-30T15:08:32{end} ***\n"}):
            job = subprocess.Popen(["sh", "script"])
            while not os.path.exists("ready"):
                time.sleep(0.01)
            with open("ready") as file:
                os.kill({"job": job.pid, "its program": int(file.read())}[first], sent)
            job.wait()
            with open("status") as file:
                return file.read().strip()

    def test_of_slurm_have_their_reason_and_those_of_skelebot_none(self):
        for number, end, status in ((signal.SIGTERM, " DUE TO TIME LIMIT", "124 Slurm ended it when its time was over"),
                                    (signal.SIGTERM, " DUE TO PREEMPTION", "9 another job took its place"),
                                    (signal.SIGTERM, "", "9 somebody cancelled it"), (signal.SIGUSR2, "", "9")):
            with self.subTest(end, number=number):
                self.assertEqual(self.status(number, end), status)

    def test_have_their_reason_if_the_program_has_ended_by_one_before_the_script_has_it(self):
        self.assertEqual(self.status(signal.SIGTERM, first="its program"), "9 somebody cancelled it")

    def test_that_comes_before_the_job_has_begun_ends_it_then(self):
        script = "KIND=none TOP=. NAME=x\nset -- sleep 20\n" + skelebot.template_bytes("slurm", "job.sh").decode()
        files = {"script": script, "log": "", "bin/hostname": "#!/bin/sh\nkill -USR2 $PPID\n"}
        with inside(files) as top:
            os.chmod("bin/hostname", 0o755)
            subprocess.call(["sh", "script"], env={**os.environ, "PATH": os.path.join(top, "bin") + os.pathsep + os.environ["PATH"]})
            with open("status") as file:
                self.assertEqual(file.read().strip(), "143")


class Ends(unittest.TestCase):
    def test_are_told_by_a_line_for_each_run(self):
        names = ("a", "b", "c", "d", "e")
        records = [skelebot.RunRecord(number=number, container=name) for number, name in enumerate(names, 1)]
        runner, said = slurm(), "a 0\nb goes on: RUNNING None\nc gone\nd 143 somebody cancelled it\ne 125 its node failed\n"
        runner.reasons = {}
        plan = runner.plan_ends(records)
        next(plan)
        with self.assertRaises(StopIteration) as ended:
            plan.send(Outcome(0, said))
        self.assertEqual(ended.exception.value, {"1": 0, "3": None, "4": 143, "5": 125})
        self.assertEqual(runner.reasons, {"1": "", "3": "its folder there is gone", "4": "somebody cancelled it", "5": "its node failed"})


if __name__ == "__main__":
    unittest.main()
