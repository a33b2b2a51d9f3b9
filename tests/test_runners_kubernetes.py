"""Kubernetes: what a pod is, what follows it, and what its cluster's words mean; answers are as clusters have given them."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from skelebot import Call, Component, Job, KubernetesHost, Launch, OnKubernetes, Resources, Run, RunRecord, SkelebotError, Source, Variable, template_bytes
from support import ROOT, drive, project, skelebot
from test_runners import ADA, driven, one

KUBECTL = """#!/bin/sh
cd "$(dirname "$0")" && echo "$*" >> asked
case "$*" in
*"get pods"*) if [ -e log.2 ]; then cat running; else cat ended; fi ;;
*"get events"*) cat events ;;
*"get secret"*) echo 'Error from server (NotFound): secrets "train" not found' >&2; exit 1 ;;
*exec*) exit 137 ;;
*logs*) for n in 1 2 3; do
    [ -e "log.$n" ] || continue
    cat "log.$n"
    rm "log.$n"
    [ "$n" != 1 ] || { echo "error: unexpected EOF" >&2; exit 1; }
    exit 0
done ;;
esac
"""
SECOND = "2026-01-01T00:00:0%sZ "


def kubernetes(**settings):
    host = type("Entry", (), {"kubernetes": KubernetesHost("prod", "ml", **settings), "docker": ""})
    return OnKubernetes(Call(token="0a1b"), project(), None, host)


class Following(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = held.name
        self.write("kubectl", KUBECTL)
        os.chmod(self.path("kubectl"), 0o755)
        self.write("running", "Pod train-x train\nmain running - : \nphase Running\n")
        self.write("ended", "Pod train-x train\nmain terminated 3 Error: \nphase Failed\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", newline="") as file:
            file.write(text)

    def asked(self):
        with open(self.path("asked")) as file:
            return file.read()

    def watch(self, what="follow", other=("", "")):
        texts = [template_bytes("kubernetes", name).decode().replace(*other) for name in ("watch.py", "failures")]
        return subprocess.run([sys.executable, "-c", texts[0], what, "train", texts[1], "FORM", self.path("kubectl")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)

    def test_has_each_line_once_though_the_log_was_cut_and_had_twice(self):
        second, long = [SECOND % text for text in ("0.1", "1.1", "1.2", "2", "2.1", "2.2")], "a" * 16384
        self.write("log.1", "{}one\n{}two\n{}thr".format(*second))
        self.write("log.2", "{}one\n{}two\n{}three\n{}{}{}b\n{}end".format(*second[:4], long, *second[4:]))
        self.write("log.3", "{}two\n{}three\n{}{}{}b\n{}end".format(*second[1:4], long, *second[4:]))
        done = self.watch()
        self.assertEqual(done.stdout.decode(), f"one\ntwo\nthree\n{long}b\nend")
        self.assertEqual((done.returncode, done.stderr), (3, b""))
        logs = [line for line in self.asked().split("\n") if "logs" in line]
        self.assertEqual(["--since-time=2026-01-01T00:00:00Z" in line for line in logs], [False, True, False])
        self.assertEqual(["--follow" in line for line in logs], [True, True, False])

    def test_removes_the_job_itself_after_its_last_line_or_says_that_it_stays(self):
        self.write("kubectl", KUBECTL.replace("*exec*", "*delete*) cat >> asked; [ ! -e refuses ] ;;\n*exec*"))
        for ended, refuses, said in ((3, False, ""), (0, False, ""), (0, True, "skelebot: train stays: {} delete job train --ignore-not-found --wait=false"
                                                                     " removes it\n")):
            with self.subTest(ended=ended, refuses=refuses):
                self.write("asked", "")
                self.write("log.3", SECOND % "0" + "one\n")
                self.write("ended", f"Pod train-x train\nmain terminated {ended} Completed: \nphase Succeeded\n")
                if refuses:
                    self.write("refuses", "")
                done = self.watch(f"run:{os.getpid()}")
                self.assertEqual((done.returncode, done.stdout, done.stderr.decode()), (ended, b"one\n", said.format(self.path("kubectl"))))
                self.assertEqual('"kind": "Job", "metadata": {"name": "train"}' in self.asked(), not ended)

    def test_leaves_the_job_of_a_skelebot_that_was_killed_to_who_takes_it_up(self):
        self.write("kubectl", KUBECTL.replace("*exec*", "*delete*) cat >> asked; echo deleted >> asked ;;\n*exec*"))
        self.write("log.3", SECOND % "0" + "one\n")
        self.write("ended", "Pod train-x train\nmain terminated 0 Completed: \nphase Succeeded\n")
        self.assertEqual(self.watch("run:0").returncode, 0)
        self.assertNotIn("deleted", self.asked())

    def test_passes_on_nothing_of_a_second_pod_which_a_cluster_may_make_for_one_that_has_gone(self):
        self.write("log.2", SECOND % "0" + "one\n")
        self.write("running", "Pod train-x train\nwhy Evicted: \"Pod ephemeral storage\"\nmain running - : \nphase Running\n")
        self.write("ended", "Pod train-x train\ngone now\nmain running - : \nphase Running\nPod train-y train\nmain running - : \nphase Running\n")
        self.assertEqual(self.watch().returncode, 137)
        self.assertEqual([line.split()[-1] for line in self.asked().split("\n") if "logs" in line], ["train-x", "train-x"])

    def test_lets_a_terminal_obey_nothing_that_a_cluster_says(self):
        self.write("kubectl", "#!/bin/sh\nprintf 'denied \\033]0;title\\007\\033[2J\\302\\233m' >&2\nexit 1\n")
        done = self.watch("open")
        self.assertEqual((done.returncode, done.stderr.decode().split("\n")[0]), (
            125, "skelebot: train does not go on: denied \\x1b]0;title\\x07\\x1b[2J\\x9bm"))
        self.write("kubectl", "#!/bin/sh\necho 'Pod'\necho 'main terminated 1 : '\n")
        self.assertNotIn(b"Traceback", self.watch("open").stderr)

    def test_asks_again_where_a_connection_says_nothing(self):
        self.write("ended", "")
        self.write("kubectl", KUBECTL.replace('*"get secret"*', '*"get job"*) [ -e late ] || { touch late; sleep 60; } ;;\n*"get secret"*'))
        done = self.watch("open", ("silent=30", "silent=1"))
        self.assertEqual((done.returncode, done.stderr.decode().split("\n")[:2]), (125, [
            "skelebot: the cluster does not answer, and is asked again", "skelebot: train does not go on: its Job or its node is gone"]))

    def test_ends_at_once_with_a_job_that_a_signal_ends_before_it_has_begun(self):
        self.write("ended", "Pod train-x train\nphase Pending\n")
        self.write("events", "")
        texts = [template_bytes("kubernetes", name).decode() for name in ("watch.py", "failures")]
        with subprocess.Popen([sys.executable, "-c", texts[0], "follow", "train", texts[1], "FORM", self.path("kubectl")],
                              stderr=subprocess.DEVNULL) as watcher:
            self.addCleanup(watcher.kill)
            while not os.path.exists(self.path("asked")):
                time.sleep(0.05)
            watcher.send_signal(signal.SIGINT)
            try:
                self.assertEqual(watcher.wait(20), 137)
            finally:
                watcher.kill()
        self.assertIn("delete job train", self.asked())

    def test_looks_for_the_end_of_what_has_closed_its_output(self):
        self.write("log.2", SECOND % "0" + "one\n")
        self.write("kubectl", KUBECTL.replace("cat running;", "cat running; sleep 9;").replace("cat ended;", "cat running; sleep 0.3; cat ended;"))
        self.assertEqual((self.watch().returncode, self.asked().count("get pods"), self.asked().count("logs")), (3, 2, 2))

    def test_ends_where_no_waiting_helps_and_removes_the_job(self):
        self.write("ended", "Pod train-x train\nmain waiting - ErrImageNeverPull: \nphase Pending\n")
        self.write("events", "")
        done = self.watch()
        self.assertEqual(done.returncode, 125)
        self.assertIn("train does not go on: no node has the image, which image: loaded says is there\n  hint: load it", done.stderr.decode())
        self.assertIn("delete job train", self.asked())

    def test_ends_what_a_kubectl_that_is_a_script_has_started(self):
        self.write("log.1", SECOND % "0" + "one\n")
        self.write("kubectl", KUBECTL.replace("cat ended; fi", "cat ended; fi; sleep 100"))
        self.assertEqual(self.watch().returncode, 3)

    def test_ends_one_whose_secret_was_never_made(self):
        self.write("ended", "Pod train-x train\nmain waiting - ContainerCreating: \nphase Pending\n")
        self.write("events", 'FailedMount: MountVolume.SetUp failed for volume "lent" : secret "train" not found\n')
        done = self.watch()
        self.assertEqual(done.returncode, 125)
        self.assertIn("its Secret train was never made, since skelebot was killed before that\n  hint: run it again", done.stderr.decode())
        self.assertIn("delete job train", self.asked())

    def test_runs_nothing_of_the_project(self):
        self.write("signal.py", "raise SystemExit('it was run')\n")
        argv = [self.path(word) if word == "kubectl" else word for word in kubernetes().watch("end", "train")]
        done = subprocess.run([sys.executable, *argv[1:]], cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertNotIn(b"it was run", done.stderr)
        self.assertIn("kill -TERM 1", self.asked())

    def test_lets_a_job_stay_that_has_ended_while_it_was_told_to(self):
        self.assertEqual(self.watch("end").returncode, 0)
        self.assertIn("kill -TERM 1", self.asked())
        self.assertNotIn("delete", self.asked())


class Creating(unittest.TestCase):
    def test_makes_the_secret_of_a_job_also_when_its_whole_process_group_is_killed_between_the_two(self):
        with tempfile.TemporaryDirectory() as folder:
            kubectl, taken = os.path.join(folder, "kubectl"), os.path.join(folder, "taken")
            with open(kubectl, "w") as file:
                file.write('#!/bin/sh\ncat >> "$0.part"; cp "$0.part" "${0%kubectl}taken"; sleep 1; echo 12-34\n')
            os.chmod(kubectl, 0o755)
            code = ("from test_runners_kubernetes import kubernetes; from skelebot import Call, perform; perform(kubernetes().plan_create("
                    "{'kind': 'Job'}, {'kind': 'Secret', 'uid': 'OWNER'}), Call())")
            path = os.pathsep.join([ROOT, os.path.join(ROOT, "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
            ours = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, env={
                **os.environ, "PYTHONPATH": path, "PATH": os.pathsep.join([folder, os.environ["PATH"]])})
            for size in (1, 2):
                until = time.monotonic() + 60
                while not (os.path.exists(taken) and len(lines(taken)) == size) and time.monotonic() < until:
                    time.sleep(0.05)
                if size == 1:
                    os.killpg(ours.pid, signal.SIGKILL)
                    ours.wait()
            self.assertEqual(lines(taken), ['{"kind": "Job"}', '{"kind": "Secret", "uid": "12-34"}'])
            time.sleep(1)


def lines(path):
    with open(path) as file:
        return file.read().splitlines()


class Words(unittest.TestCase):
    def test_of_a_cluster_are_told_in_others(self):
        for said, message in (
                ('FailedScheduling: 0/3 nodes are available: 3 node(s) had untolerated taint {gpu: yes}.', "waits, since nodes are kept for others"
                 " by the taint gpu: yes"),
                ('Failed: Failed to pull image "r/churn:1": rpc error: unauthorized: authentication required', "the nodes may not pull r/churn:1"),
                ('Failed: Failed to pull image "r/churn:1": manifest for r/churn:1 not found: manifest unknown', "the registry has no image r/churn:1"),
                ('Failed: Failed to pull image "r/churn:1": no matching manifest for linux/arm64/v8 in the manifest list entries',
                 "the image r/churn:1 is not for the processor of the nodes"),
                ("Unable to connect to the server: x509: certificate signed by unknown authority",
                 "its certificate is not trusted: certificate signed by unknown authority"),
                ("error: unable to read certificate-authority /ca.pem for c due to open /ca.pem: no such file or directory",
                 "kubectl cannot read certificate-authority /ca.pem"),
                ("Unable to connect to the server: getting credentials: exec: executable aws not found\n\nIt looks like ...",
                 "there is no aws, by which kubectl logs in"),
                ("Your session has expired\nUnable to connect to the server: getting credentials: exec: executable sh failed with exit code 255",
                 "sh, by which kubectl logs in, has said: Your session has expired"),
                ("create: 4: kubectl: not found", "there is no kubectl on PATH"),
                ("tar: in: Wrote only 8704 of 10240 bytes\ntar: Exiting with failure status due to previous errors\ncommand terminated with "
                 "exit code 2", "there is no space left where its files go"),
                ('in terminated 1 Error: "mkfifo: cannot create fifo: File exists\\n"',
                 "its files were not taken: Error mkfifo: cannot create fifo: File exists (exit status 1)"),
                ("tar: a: strange\ncommand terminated with exit code 2", "tar: a: strange"),
                ("The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?", "it does not answer"),
                ('The Job "a" is invalid: \n* metadata.labels: Invalid value: "1 2": wrong\n* spec: wrong',
                 'it is not valid: metadata.labels: Invalid value: "1 2": wrong'),
                ('error: error validating "STDIN": ValidationError(Job.spec): unknown field "x" in Spec; if you choose to ignore these errors, turn',
                 'it is not valid: ValidationError(Job.spec): unknown field "x" in Spec'),
                ("tar: Error\nerror: cannot exec into a container in a completed pod; current phase is Succeeded",
                 "what it wrote was not fetched in time, and is gone"),
                ('error: unable to upgrade connection: container not found ("out")', "what it wrote was not fetched in time, and is gone"),
                ("nothing has come or gone for 300 s", "it does not answer"),
                ("Please enter Username: error: error reading input for Password", "the cluster does not take the login"),
                ("error: You must be logged in to the server (Unauthorized)", "the cluster does not take the login"),
                ('error: context "prod" does not exist', "there is no context prod"), ("first\nlast", "last")):
            with self.subTest(said):
                self.assertEqual(kubernetes().fault(said, "it failed").message, "it failed: " + message)


class Pods(unittest.TestCase):
    def run_of(self, *argv, **settings):
        run = Run(Job("train", Source("true"), environment=()), Launch(argv), "r/churn@sha256:0", "churn-train-0a1b")
        return kubernetes(**settings).manifest(run)

    def test_end_by_themselves_after_their_time_and_a_server_after_a_week(self):
        for resources, serve, expected in (({}, None, None), ({}, print, 604800), ({"time": "1h"}, None, 3600 + 600 + 7200)):
            run = Run(Job("train", Source("true"), resources=Resources(**resources)), Launch(("true",)), "r/churn", "churn-0a1b", serve=serve)
            spec = kubernetes().manifest(run._replace(resources=run.job.resources))["spec"]["template"]["spec"]
            self.assertEqual(spec.get("activeDeadlineSeconds"), expected)

    def test_are_restricted_and_have_no_token(self):
        pod = self.run_of("true")["spec"]["template"]["spec"]
        self.assertEqual(pod["securityContext"], {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}})
        self.assertEqual(pod["containers"][0]["securityContext"], {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})
        self.assertIs(pod["automountServiceAccountToken"], False)
        self.assertIs(pod["enableServiceLinks"], False)

    def test_have_the_user_that_their_host_names(self):
        for user, expected in (("none", {"runAsNonRoot": True}), ("1000", {"runAsNonRoot": True, "runAsUser": 1000}), ("0", {"runAsUser": 0})):
            told = self.run_of("true", user=user)["spec"]["template"]["spec"]["securityContext"]
            self.assertEqual({name: told[name] for name in told if name != "seccompProfile"}, expected)

    def test_have_no_user_by_name(self):
        self.assertEqual([name for name in ("auto", "none", "0", "12", "root", "01", "-1") if KubernetesHost.__annotations__["user"].fits(name)],
                         ["auto", "none", "0", "12"])

    def test_take_a_dollar_in_a_word_for_itself(self):
        self.assertEqual(self.run_of("echo", "$(HOME) $$(A) $5")["spec"]["template"]["spec"]["containers"][0]["command"][-2:],
                         ["echo", "$$(HOME) $$$$(A) $5"])

    def test_are_overlaid_with_what_no_key_says(self):
        pod = self.run_of("true", pod={"hostNetwork": True, "automountServiceAccountToken": None, "containers": [
            {"name": "main", "stdin": True}, {"name": "beside", "image": "b"}]})["spec"]["template"]["spec"]
        self.assertNotIn("automountServiceAccountToken", pod)
        self.assertEqual([(one["name"], one.get("stdin"), one["image"]) for one in pod["containers"]],
                         [("main", True, "r/churn@sha256:0"), ("beside", None, "b")])

    def test_have_claims_at_absolute_paths_alone(self):
        for path in ("data", None):
            with self.assertRaises(SkelebotError) as caught:
                self.run_of("true", claims=(Variable("datasets", path),))
            self.assertEqual(str(caught.exception), "skelebot: kubernetes://prod/ml: claims: datasets needs an absolute path\n"
                             "  hint: for example claims: {datasets: /data}")

    def test_name_the_image_by_the_tag_that_is_pushed_where_a_dry_run_knows_no_digest(self):
        host = {"kubernetes": {"context": "prod", "namespace": "ml"}}
        done = driven(name="churn-model", call=ADA._replace(host="prod", dry_run=True), hosts={"prod": host}, **one("echo", mappings=["out/"]),
                      components={"registry": {"host": "r.example.com", "user": "team"}})
        manifest, = (step.given for step in done.steps if '"Job"' in getattr(step, "given", ""))
        self.assertEqual(set(re.findall('"image": "(.*?)"', manifest)), {"r.example.com/team/churn-model:run"})
        calls = [step.argv[1:] for step in done.steps if getattr(step, "argv", ("",))[-1] == "r.example.com/team/churn-model:run"]
        self.assertEqual([argv[0] for argv in calls], ["tag", "push", "rmi"])      # else each build would stay under a name of its own

    def test_need_a_registry_before_anything_is_built_and_for_what_was_published(self):
        for words in ({}, {"skip_build": True}):
            done = driven(call=ADA._replace(host="prod", **words), hosts={"prod": {"kubernetes": {"context": "prod", "namespace": "ml"}}}, **one("echo"))
            self.assertEqual((str(done.fault).split("\n")[0], [line for line in done.outline if line.startswith("docker ")]),
                             ("skelebot: skelebot.yaml: names no registry", []))

    def test_have_files_that_are_lent_in_a_secret_of_their_job(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"ticket")
            file.flush()
            runner, run = kubernetes(), Run(Job("train", Source("true")), Launch(("true",)), "r/churn", "churn-0a1b")
            runner.lent_files = [(file.name, "/run/ticket")]
            pod = runner.manifest(run)["spec"]["template"]["spec"]
            texts = runner.lent_texts(run)
        self.assertIn({"name": "lent", "secret": {"secretName": "churn-0a1b"}}, pod["volumes"])
        self.assertIn({"name": "lent", "mountPath": "/run/ticket", "subPath": "file-0", "readOnly": False}, pod["containers"][0]["volumeMounts"])
        secret = runner.secret(run, texts, "uid")
        self.assertEqual((secret["data"]["file-0"], secret["metadata"]["ownerReferences"][0]["uid"]), ("dGlja2V0", "uid"))
        shown = kubernetes()
        shown.call, shown.lent_files = shown.call._replace(dry_run=True), runner.lent_files
        self.assertEqual(shown.lent_texts(run)["file-0"], b"...")

    def test_have_the_labels_that_components_and_docker_name(self):
        class Billing(Component):
            def run_words(self, job):
                return "--label", f"acme.com/account={job.name} of ada", "--ulimit", "core=0"

        runner = kubernetes(labels=(Variable("team", "ml"),))
        runner.project = runner.project._replace(components=(Billing(),))
        docker = ("--label", "team=none", "--label", "skelebot.job=none", "--label", "no name=a", "--label", "bare")
        job = runner.manifest(Run(Job("train", Source("true"), docker=docker), Launch(("true",)), "r/churn", "churn-0a1b"))
        for one in (job, job["spec"]["template"]):
            labels = one["metadata"]["labels"]
            self.assertEqual({name: labels[name] for name in ("acme.com/account", "team", "skelebot.job")},
                             {"acme.com/account": "train-of-ada", "team": "ml", "skelebot.job": "train"})
            self.assertFalse({"no name", "bare", "core"} & set(labels))

    def test_names_and_labels_are_at_most_63_characters(self):
        self.assertEqual(OnKubernetes.label("Zürich " + "x" * 70), "Z-rich-" + "x" * 56)
        self.assertEqual(OnKubernetes.label("-a_b.c-"), "a_b.c")


class Main(unittest.TestCase):
    def test_gives_the_jobs_own_status_though_a_signal_ends_its_wait(self):
        script = template_bytes("kubernetes", "main.sh").decode()
        argv = ["sh", "-c", script, "main", "0", "sh", "-c", "trap 'exit 9' TERM; echo begun; while :; do sleep 0.01; done"]
        early = [word.replace("job=$!\n", "sleep 0.2; job=$!\n") for word in argv]     # a TERM that comes before it knows its job
        for words in [argv] * 20 + [early]:
            with subprocess.Popen(words, stdout=subprocess.PIPE) as main:
                main.stdout.readline()
                main.terminate()
                self.assertEqual(main.wait(60), 9)


    def test_tells_the_job_of_a_signal_that_has_come_before_it(self):
        with tempfile.TemporaryDirectory() as folder:
            env = os.path.join(folder, "env")
            with open(env, "w") as file:
                file.write('#!/bin/sh\n[ "$2" != true ] || kill -TERM "$PPID"\nexec /usr/bin/env "$@"\n')
            os.chmod(env, 0o755)
            script = template_bytes("kubernetes", "main.sh").decode()
            done = subprocess.run(["sh", "-c", script, "main", "0", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.01; done"],
                                  env={**os.environ, "PATH": os.pathsep.join([folder, os.environ["PATH"]])}, timeout=60)
        self.assertEqual(done.returncode, 9)

    def test_gives_the_job_each_variable_under_its_name(self):
        values = {name: f"it's ${name}\n" for name in "A B-C a.b 0x time work job late again status IFS UID OPTIND".split()}
        run = Run(Job("train", Source("true"), environment=tuple(Variable(*pair) for pair in values.items())), Launch(("true",)), "i", "churn")
        show = f"import json, os; print(json.dumps({{name: os.environ.get(name) for name in {list(values)}}}))"
        with tempfile.NamedTemporaryFile() as file:
            file.write(kubernetes().lent_texts(run)["variables"])
            file.flush()
            script = template_bytes("kubernetes", "main.sh").decode().replace("/run/skelebot-variables/variables", file.name)
            said = subprocess.check_output(["sh", "-c", script, "main", "0", sys.executable, "-c", show], timeout=60)
        self.assertEqual(json.loads(said.decode()), values)


class Ends(unittest.TestCase):
    def test_what_could_not_be_put_here_stays_there_for_fetch(self):
        for out, stays in (("out running - : ", True), ("out terminated 0 Completed: ", False)):
            run = Run(Job("train", Source("true")), Launch(()), name="t", recording=skelebot.Recording(RunRecord(number=7)))
            said = f"Pod x t\nmain terminated 0 Completed: \n{out}\nphase Running\n"
            done = drive(kubernetes().clean_up(run, 1), {skelebot.Command: skelebot.Outcome(output=said)})
            kept = [step.record.detached for step in done.steps if isinstance(step, skelebot.KeepRun)]
            removed = [step for step in done.steps if "delete" in getattr(step, "argv", ())]
            self.assertEqual((kept, len(removed)), ([True], 0) if stays else ([], 1))

    def test_of_all_runs_are_asked_with_one_question(self):
        records = [RunRecord(number=number, container=name) for number, name in enumerate("abcd", 1)]
        plan = kubernetes().plan_ends(records)
        command = next(plan)
        self.assertIn("jobs,pods", command.argv)
        with self.assertRaises(StopIteration) as ended:
            plan.send(type("Told", (), {"status": 0, "errors": "", "output":
                      "Job a -\nphase \nJob b -\nphase \nPod a-1 a\nmain terminated 3 Error: \nphase Failed\nPod b-1 b\nmain running - : \n"
                      "phase Running\nJob c -\nphase \nPod c-1 c\nwhy Evicted: \"disk\"\nphase Failed\n"}))
        self.assertEqual(ended.exception.value, {"1": 3, "3": 137, "4": None})

    def test_of_one_that_was_killed_just_now_are_asked_again_until_its_job_is_there(self):
        plan, told = kubernetes().plan_ends([RunRecord(number=1, container="a", pid=1, made=time.time())]), {"status": 0, "errors": ""}
        next(plan)
        self.assertEqual(plan.send(type("Told", (), {**told, "output": ""})).argv, ("sleep", "1"))
        self.assertIn("jobs,pods", plan.send(None).argv)
        with self.assertRaises(StopIteration) as ended:
            plan.send(type("Told", (), {**told, "output": "Job a -\nphase \n"}))
        self.assertEqual(ended.exception.value, {})

    def test_whose_pod_is_over_is_removed_and_lost_if_its_files_never_came(self):
        runner = kubernetes()
        plan = runner.plan_ends([RunRecord(number=1, container="a"), RunRecord(number=2, container="b"), RunRecord(number=3, container="c")])
        next(plan)
        with self.assertRaises(StopIteration) as ended:
            plan.send(type("Told", (), {"status": 0, "errors": "", "output":
                      "Job a -\nphase \nPod a-1 a\nin terminated 1 Error: \nmain waiting - PodInitializing: \nphase Failed\n"
                      "Job b -\nphase \nPod b-1 b\nin terminated 0 Completed: \nmain terminated 0 Completed: \nout running - : \nphase Running\n"
                      "Job c -\nphase \nPod c-1 c\nin terminated 0 Completed: \nmain terminated 0 Completed: \nphase Succeeded\n"}))
        self.assertEqual(ended.exception.value, {"1": None, "2": 0, "3": 0})
        self.assertEqual(runner.over, {"1": {"reason": "skelebot was ended by force before its files were there"}, "3": {}})


if __name__ == "__main__":
    unittest.main()
