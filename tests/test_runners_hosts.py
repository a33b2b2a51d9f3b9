"""Hosts by name: what `hosts` may say, whose names win, what -d and `host` take, and what lists and asks them."""
import json
import os
import unittest
from unittest import mock

from support import Look, call, drive, environment, folder, job, project, read, skelebot, two_lines
from skelebot import Call, Hosts, Outcome, Parser, Resources, Runner, SkelebotError
from test_runners import ADA, driven, one

HOSTS = {"gpu-box": "ssh://ada@gpu-box", "big": {"docker": "tcp://big:2375", "resources": {"memory": "64g", "cpus": 8}},
         "here": {"native": True, "resources": {"time": "2s"}}}
TEXT = ("name: churn\nhost: gpu-box\nhosts:\n  gpu-box: ssh://ada@gpu-box\n  here: {native: true}\n"
        "jobs:\n- {name: a, source: 'true'}\n- {name: b, source: echo b, host: gpubox}\n")


def chosen(call=ADA, its_job=None, host=None, **keys):
    """(kind, address) of where something would run."""
    host = Hosts(call, project(host=host, **keys)).chosen(its_job)
    return host.kind, host.docker


class Entries(unittest.TestCase):
    maxDiff = None

    def test_are_addresses_or_have_one_key_for_their_kind(self):
        hosts = dict(project(hosts={**HOSTS, "own": "native:", "empty": {"native": None}}).hosts)
        self.assertEqual({name: (one.kind, one.docker, one.engine) for name, one in hosts.items()}, {
            "gpu-box": ("docker", "ssh://ada@gpu-box", "ssh://ada@gpu-box"), "big": ("docker", "tcp://big:2375", "tcp://big:2375"),
            "here": ("native", "", ""), "own": ("native", "native:", ""), "empty": ("native", "", "")})

    def test_of_slurm_take_other_options_of_sbatch(self):
        words = ["--wait-all-nodes=1", "--exclusive", "--error=e", "-N1"]
        self.assertEqual(dict(project(hosts={"a": {"slurm": {"options": words}}}).hosts)["a"].slurm.options, tuple(words))

    def test_that_do_not_fit_are_told_with_their_place(self):
        at = "skelebot.yaml:3: hosts."
        for text, message, hint in (
                ("a: {cluster: {context: prod}}", at + "a.cluster: unknown key", "known are: docker, kubernetes, native, resources, slurm"),
                ("a: {kubernetes: {context: prod}}", at + "a.kubernetes: needs the key namespace", "add a line such as namespace: ..."),
                ("a: {dokcer: ssh://b}", at + "a.dokcer: unknown key", "did you mean docker?"),
                ("a: {resources: {cpus: 1}}", at + "a: needs one kind of host, found none", "choose one of: docker, native, kubernetes, slurm"),
                ("a: {docker: ssh://b, native: true}", at + "a: needs one kind of host, found docker and native",
                 "choose one of: docker, native, kubernetes, slurm"),
                ("a: {native: b}", at + "a.native: expected true or false, found 'b'", "write true or false"),
                ("a: [b]", at + "a: expected a mapping, found a list", "write KEY: VALUE, one on a line"),
                ("a: ssh://-oProxyCommand=x", at + "a: expected a Docker host, found 'ssh://-oProxyCommand=x'",
                 "for example ssh://user@box"),
                *((f"a: {{slurm: {{options: [{word}]}}}}", at + "a.slurm.options[0]: expected an option for sbatch that leaves its output,"
                   f" array, folder and waiting to skelebot, found '{word}'", "for example --exclusive") for word in (
                       "--output=x", "-ox", "--array=1-3", "--wait", "--chdir=/", "--test-only", "--outp=x", "--arr=1-3", "--ch=/", "--te")),
                ("local: ssh://b", at + "local: expected a name of letters, digits, _ . and -, and not local or native, found 'local'",
                 "as in gpu-box"),
                ("a b: ssh://b", at + "a b: expected a name of letters, digits, _ . and -, and not local or native, found 'a b'",
                 "as in gpu-box"),
                ("a: {docker: ssh://b, resources: {gpu: 1}}", at + "a.resources.gpu: unknown key", "did you mean gpus?")):
            with self.subTest(text), self.assertRaises(SkelebotError) as caught:
                read(f"name: x\nhosts:\n  {text}\n")
            self.assertEqual(f"{caught.exception}\n", two_lines(message, hint))

    def test_of_an_environment_replace_those_below(self):
        it = read("name: x\nhosts: {a: ssh://a, b: ssh://b}\n", "dev", **{"skelebot-dev.yaml": "hosts: {a: ssh://c}\n"})
        self.assertEqual([(name, one.docker) for name, one in it.hosts], [("a", "ssh://c")])

    def test_of_a_new_kind_are_one_class_and_one_row(self):
        class Cluster(skelebot.Record):
            context: skelebot.Line
            namespace: skelebot.Line = "default"
            address = property(lambda self: f"//{self.context}/{self.namespace}")

        class OnCluster(Runner):
            settings = Cluster

            @classmethod
            def plan_answers(cls, call, host):
                yield from ()
                raise SkelebotError("no such context", "look at kubectl config")

        rows = {**skelebot.RUNNERS, "cluster": OnCluster}
        record = type("HostEntry", (skelebot.HostEntry,), {**dict.fromkeys(rows, ""), "__annotations__": {
            **{name: kind.settings for name, kind in rows.items()}, **skelebot.HostEntry.__annotations__}})
        with mock.patch.multiple(skelebot, RUNNERS=rows, HostRecord=record):
            it = project(hosts={"prod": {"cluster": {"context": "p"}, "resources": {"gpus": 1}}}, host="prod")
            runner = drive(skelebot.plan_runner(ADA, it, it.jobs[0])).status
            self.assertEqual((type(runner), runner.project.resources.gpus), (OnCluster, "1"))
            self.assertEqual(dict(it.hosts)["prod"].cluster.context, "p")
            self.assertEqual(Hosts(ADA, it).at("cluster://p/q").kind, "cluster")
            listed = drive(Hosts(ADA, it).plan(skelebot.Words({"check": ("true",), "json": ("true",)})))
            row = json.loads(listed.steps[-1].text)[-1]
            self.assertEqual((listed.status, row["address"], row["fault"]), (
                1, "cluster://p/default", "no such context; look at kubectl config"))
            with self.assertRaisesRegex(SkelebotError, "prod.cluster: needs the key context"):
                project(hosts={"prod": {"cluster": {}}})


class Chosen(unittest.TestCase):
    def test_are_by_name_or_address_that_of_the_option_then_the_jobs_then_the_projects(self):
        its_job = job(host="big")
        for call, one_job, host, expected in (
                (ADA, its_job, "gpu-box", ("docker", "tcp://big:2375")), (ADA, job(), "gpu-box", ("docker", "ssh://ada@gpu-box")),
                (ADA._replace(host="here"), its_job, "gpu-box", ("native", "")), (ADA, None, "gpu-box", ("docker", "ssh://ada@gpu-box")),
                (ADA._replace(host="local"), its_job, "gpu-box", ("docker", "local")), (ADA, None, None, ("docker", "")),
                (ADA._replace(host="native"), its_job, "gpu-box", ("native", "native")), (ADA, None, "native:", ("native", "native:")),
                (ADA, None, "box:2375", ("docker", "box:2375")), (ADA, None, "gpu.example.com", ("docker", "gpu.example.com"))):
            with self.subTest(call.host or host, job=one_job and one_job.host):
                self.assertEqual(chosen(call, one_job, host=host, hosts=HOSTS), expected)

    def test_of_a_cluster_have_an_address_to_show(self):
        hosts = dict(project(hosts={"s": {"slurm": {"login": "lab"}}, "k": {"kubernetes": {"context": "prod", "namespace": "ml"}}}).hosts)
        self.assertEqual([hosts["s"].slurm.address, hosts["k"].kubernetes.address, skelebot.SlurmHost().address], ["//lab", "//prod/ml", ""])

    def test_that_are_an_address_of_a_cluster_stay_that_by_their_name(self):
        self.assertEqual(chosen(ADA, None, "k", hosts={"k": "kubernetes://prod/ml"}), ("kubernetes", "kubernetes://prod/ml"))
        self.assertEqual(chosen(ADA, None, "s", hosts={"s": {"slurm": {"login": "lab"}}}), ("slurm", "s"))

    def test_are_the_projects_above_those_of_the_persons_file(self):
        for own in ("gpu-box: ssh://b\nmine: {docker: ssh://m}\n", "hosts:\n  gpu-box: ssh://b\n  mine: {docker: ssh://m}\n"):
            with folder({"hosts.yaml": own}) as home:
                call = ADA._replace(environ={"SKELEBOT_HOME": home})
                self.assertEqual(list(Hosts(call, project(hosts=HOSTS)).known()), ["local", "gpu-box", "mine", "big", "here"])
                self.assertEqual(chosen(call, host="mine", hosts=HOSTS), ("docker", "ssh://m"))
                self.assertEqual(chosen(call, host="gpu-box", hosts=HOSTS), ("docker", "ssh://ada@gpu-box"))
        for own, fault in (("a: {b: c}\n", "hosts.yaml:1: a.b: unknown key"), ("- a\n", "hosts.yaml:1: expected a mapping, found a list"),
                           ("a: [\n", "hosts.yaml:")):
            with folder({"hosts.yaml": own}) as home, self.assertRaisesRegex(SkelebotError, fault):
                chosen(ADA._replace(environ={"SKELEBOT_HOME": home}), host="a")
        with folder({"hosts.yaml": "\n"}) as home:
            self.assertEqual(list(Hosts(ADA._replace(environ={"SKELEBOT_HOME": home}), None).known()), ["local"])

    def test_that_nobody_knows_are_a_fault_with_its_place_and_the_names(self):
        addresses = " (addresses: ssh://user@box, kubernetes://CONTEXT/NAMESPACE, slurm:)"
        for typed, keys, message, hint, status in (
                ("gpubox", {}, "-d: there is no host 'gpubox'", "did you mean gpu-box?" + addresses, 2),
                ("natve", {}, "-d: there is no host 'natve'", "did you mean native?" + addresses, 2),
                ("", {"host": "xyz"}, "skelebot.yaml:1: host: there is no host 'xyz'",
                 "known are: big, gpu-box, here, local, native" + addresses, 1),
                ("", one(host="ada@box"), "skelebot.yaml:1: jobs[0].host: there is no host 'ada@box'",
                 "known are: big, gpu-box, here, local, native" + addresses, 1)):
            done = driven({Look: None, "src/train.py": "file"}, ADA._replace(host=typed), hosts=HOSTS, **keys)
            self.assertEqual((f"{done.fault}\n", done.fault.status), (two_lines(message, hint), status))
            self.assertNotIn("Command", done.outline)

    def test_of_a_chain_are_known_before_its_first_job_runs(self):
        with folder({"skelebot.yaml": TEXT}) as path, environment(SKELEBOT_HOME=path):
            ending = call("-d", "here", "a", folder=path)
            self.assertEqual((ending.status, ending.stderr), (0, ""))
            ending = call("-n", "a", "+", "a", folder=path)
            self.assertEqual((ending.status, ending.stderr), (0, ""))
            ending = call("-d", "her", "a", "+", "a", folder=path)
            self.assertEqual((ending.status, ending.stderr.split("\n")[0]), (2, "skelebot: -d: there is no host 'her'"))

    def test_are_a_docker_context_of_that_name(self):
        file = skelebot.Engine(ADA, "context:far").context_file
        meta = {file: b'{"Endpoints":{"docker":{"Host":"ssh://ada@far"}}}'}
        done = driven(meta, call=ADA._replace(host="far", skip_build=True), hosts=HOSTS, **one(mappings=["data/"]))
        lines = [line for line in done.outline if "docker " in line]
        self.assertEqual([line for line in lines if "docker --context far " not in line], [], "and its files travel")
        self.assertIn("docker --context far cp - churn-train-0a1b:/", lines[1])
        self.assertIn("there is no host 'far'", driven(call=ADA._replace(host="far", engine="podman")).fault.message)

    def test_are_this_machines_engine_for_local_whatever_else_is_said(self):
        for engine, variable, there, argv in (
                ("docker", "DOCKER_HOST", "", ("docker",)), ("docker", "DOCKER_HOST", "unix:///run/x", ("docker",)),
                ("docker", "DOCKER_HOST", "tcp://b:1", ("docker", "--host", "unix:///var/run/docker.sock")),
                ("podman", "CONTAINER_HOST", "ssh://b", ("podman", "--remote=false"))):
            call = ADA._replace(engine=engine, environ={variable: there}, host="local")
            it = project(host="ssh://far", hosts=HOSTS)
            runner = drive(skelebot.plan_runner(call, it, it.jobs[0])).status
            self.assertEqual((type(runner), runner.engine.argv), (skelebot.OnEngine, argv))

    def test_give_resources_below_those_of_the_call_the_job_and_the_project(self):
        call = ADA._replace(resources=Resources(shm="1g"))
        it = project(hosts=HOSTS, host="big", resources={"memory": "2g"}, **one(resources={"time": "1h"}))
        runner = drive(skelebot.plan_runner(call, it, it.jobs[0])).status
        self.assertEqual(runner.project.resources, Resources("8", "2g", "", "1g", "1h"))

    def test_that_run_nothing_of_the_image_leave_exec_and_builds_to_the_engine(self):
        for plan in (skelebot.plan_exec(ADA, project(hosts=HOSTS, host="here"), skelebot.Words(extra=("ls",))),
                     skelebot.plan_prime(ADA, project(hosts=HOSTS, host="here"), skelebot.Words())):
            lines = [line for line in drive(plan).outline if line.startswith("docker ")]
            self.assertRegex(lines[-1], "^docker (run|build) ")

    def test_that_are_a_cluster_have_no_terminal_and_the_hint_says_where_there_is_one(self):
        it = project(hosts={"lab": {"slurm": {}}}, host="lab")
        self.assertEqual(f"{drive(skelebot.plan_exec(ADA, it, skelebot.Words(extra=('ls',)))).fault}\n",
                         two_lines("lab has no terminal for exec", "this machine has one: skelebot -d local exec"))

    def test_are_one_for_all_but_what_takes_several(self):
        typed = Parser("", (), skelebot.OPTIONS).options(["-d", "a", "--host=b", "--docker-host", "c"])[0]
        self.assertEqual(typed, {"host": ("a", "b", "c")})
        with self.assertRaises(SkelebotError) as caught:
            chosen(Call(host="a", hosts=("a", "b")), hosts=HOSTS)
        self.assertEqual(f"{caught.exception}\n", two_lines("-d: expected one host, found a and b", "name one"))
        calls = skelebot.caller_call(skelebot.Words({"host": ("a", "b")}), project=project())
        self.assertEqual((calls.host, calls.hosts), ("a", ("a", "b")))
        self.assertEqual(skelebot.caller_call(skelebot.Words(), project=project()).hosts, ())


class Listing(unittest.TestCase):
    maxDiff = None

    def listed(self, *words, host="gpu-box", results=None, call=ADA):
        it = project(hosts=HOSTS, host=host)
        done = drive(Hosts(call, it).plan(skelebot.Words({word: ("true",) for word in words})), results)
        return done.status, [step.text for step in done.steps if isinstance(step, skelebot.Answer)]

    def test_has_names_kinds_addresses_and_places_and_marks_the_default(self):
        at = "skelebot.yaml:1: hosts."
        self.assertEqual(self.listed(), (0, [
            "  local          docker     local", f"* gpu-box        docker     ssh://ada@gpu-box      {at}gpu-box",
            f"  big            docker     tcp://big:2375         {at}big", f"  here           native     native:                {at}here"]))
        for host, environ, last in (
                ("ssh://b", {}, "* ssh://b        docker     ssh://b                skelebot.yaml:1: host"),
                (None, {"DOCKER_HOST": "tcp://c:1"}, "* tcp://c:1      docker")):
            lines = self.listed(host=host, call=ADA._replace(environ=environ))[1]
            self.assertEqual((len(lines), lines[-1][:len(last)], [line[0] for line in lines].count("*")), (5, last, 1))
        self.assertEqual(self.listed(host=None)[1][0][:9], "* local  ")

    def test_is_for_programs_with_json(self):
        status, (text,) = self.listed("json")
        self.assertEqual((status, json.loads(text)[1]), (0, {
            "name": "gpu-box", "kind": "docker", "address": "ssh://ada@gpu-box", "place": "skelebot.yaml:1: hosts.gpu-box",
            "default": True}))

    def test_asks_each_and_fails_if_one_does_not_answer(self):
        refused = Outcome(1, "", "dial tcp: lookup big: no such host\n")
        status, lines = self.listed("check", results={"tcp://big:2375": refused})
        self.assertEqual((status, lines), (1, [
            "  local          ok", "* gpu-box        ok",
            "  big            no engine answers docker --host tcp://big:2375: dial tcp: lookup big: no such host; no machine has "
            "that name: look at host, -d or DOCKER_HOST, or run the job natively with -n", "  here           ok"]))
        self.assertEqual(self.listed("check")[0], 0)
        asking = drive(skelebot.OnEngine.plan_answers(ADA, Hosts(ADA, None).at("ssh://b"))).steps[-1]
        self.assertEqual((asking.limit, asking.apart, asking.looks), (skelebot.LIMIT, True, True))

    def test_completes_the_names_on_tab(self):
        with folder({"skelebot.yaml": TEXT, "home/hosts.yaml": "mine: ssh://ada:hunter2@m\n"}) as path:
            with environment(SKELEBOT_HOME=os.path.join(path, "home")):
                for line in ("skelebot -d ", "skelebot --host ", "skelebot --docker-host "):
                    self.assertEqual(call("--complete", line, folder=path).stdout,
                                     "local\tlocal\nmine\tssh://...@m\ngpu-box\tssh://ada@gpu-box\nhere\t\n")
                self.assertEqual(call("--complete", "skelebot --host=gp", folder=path).stdout, "--host=gpu-box\tssh://ada@gpu-box\n")
                with open(os.path.join(path, "home", "hosts.yaml"), "w") as file:
                    file.write("a: [\n")
                self.assertIn("a\ttrue\n", call("--complete", "skelebot ", folder=path).stdout)

    def test_schema_has_the_pattern_of_names_and_the_keys_of_each_kind(self):
        hosts = json.loads(skelebot.Schema().text(()))["definitions"]["hosts"]
        self.assertEqual(hosts["propertyNames"]["pattern"], f"^{skelebot.HostName.pattern}$")
        self.assertEqual(list(hosts["additionalProperties"]["anyOf"][0]["properties"]), ["docker", "native", "kubernetes", "slurm", "resources"])


if __name__ == "__main__":
    unittest.main()
