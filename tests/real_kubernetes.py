"""Jobs on Kubernetes, a real cluster of two nodes, by the oldest kubectl and a newest one."""
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import time
import unittest

import cluster
import support
from engine import Tests, deadline, on, tree, write
from real_jupyter import IMAGE, Server, free_port, make_jupyter, words_of
from real_kerberos import CLIENT, kerberos, make_client, project_files
from real_run import DASHED, PLAIN, Proxy, arrived


def setUpModule():
    cluster.wait_for("kubernetes")


def host(context="test", namespace="ml", **more):
    resources = more.pop("resources", {})
    return {"kubernetes": {"context": context, "namespace": namespace, "pullSecrets": [cluster.PULL_SECRET], **more},
            "resources": resources}


QUOTA, LOW = f"quota-{os.getpid()}", f"low-{os.getpid()}"
HOSTS = {"ml": host(), "restricted": host(namespace="restricted"),
         **{name: host(name) for name in ("no-exec", "no-secrets", "forbidden", "expired", "gone", "nowhere")}, "nothing": host("admin", "nothing"), "full": host("admin", QUOTA), "root": host(namespace="restricted", user="0"),
         "loaded": host(image="loaded"), "stranger": host(pullSecrets=[]), "claim": host(claims={"nothing": "/data"}), "priority": host(priorityClass="nothing"),
         "account": host(serviceAccount="nothing"), "odd": host(pod={"frobnicate": 1}), "any": host(resources={"gpus": "all"}),
         "cards": host(resources={"gpus": "4"}), "node": host(nodeSelector={"kubernetes.io/hostname": "node9"}),
         "little": host(resources={"memory": "64m"}),
         "none": host(user="none", pod={"securityContext": {"runAsUser": 4321}}), "own": host(claims={"datasets": "/data"}, nodeSelector={"kubernetes.io/hostname": "node1"}, tolerations=["sku=gpu:NoSchedule"],
                     labels={"team": "a"}, queue="own", priorityClass=LOW, serviceAccount="default", user="12345",
                     pod={"terminationGracePeriodSeconds": 33, "containers": [{"name": "main", "env": [{"name": "OVER", "value": "laid"}]}]},
                     resources={"cpus": "0.2", "memory": "200m", "gpus": "1", "shm": "30m"})}
SCRIPT = """mkdir -p out/inner && cat data/in > out/word && echo "$A" >> out/word && printf '%s' "$TOKEN" > out/token
echo '{"loss": 0.5}' >> "$SKELEBOT_METRICS"; printf '%s\\0' "$@" > out/words; pwd > out/pwd; test ! -e data/none && exit 3
"""


class Cutting(Proxy):
    """A port that leads to the cluster; what has carried a MiB is cut, so many times each way."""

    def __init__(self, address, times):
        self.left = {"in": times, "out": times}
        super().__init__(address)

    def there(self):
        return socket.create_connection(self.path)

    def copy(self, source, target):
        way, seen = "in" if source.getsockname()[1] == self.port else "out", 0
        with contextlib.suppress(OSError):
            while seen < 2 ** 20 or not self.left[way]:
                data = source.recv(65536)
                if not data:
                    return target.shutdown(socket.SHUT_WR)
                target.sendall(data)
                seen += len(data)
            self.left[way] -= 1
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RD)
                one.close()


def manifests(shown):
    """What a dry run would create."""
    texts = re.findall(r"printf %s '(\{\n.*?)' \| kubectl", shown, re.S)
    return [json.loads(text.replace("'\"'\"'", "'")) for text in texts]


class OnCluster(Tests):
    """A project that has a namespace of the cluster, where nothing of it may be left after a test."""
    build = False
    config = {"language": "NA", "baseImage": cluster.LOADED, "hosts": HOSTS, "host": "ml", "user": "host",
              "secrets": [{"name": "TOKEN", "env": "A_TOKEN"}]}

    @classmethod
    def setUpClass(cls):
        address = cluster.setting("SKELEBOT_TEST_REGISTRY")
        registry = dict(zip(("host", "port"), address.split(":")), user="clusters")
        cls.config = {**cls.config, "components": {"registry": registry}}
        cls.kubectls = cluster.clients()
        super().setUpClass()
        login = base64.b64encode(b"ada:secret").decode()
        write(cls.top, {"docker/config.json": json.dumps({"auths": {address: {"auth": login}}})})
        cls.engine = cls.engine._replace(environ={
            **cls.engine.environ, "DOCKER_CONFIG": os.path.join(cls.top, "docker"), "A_TOKEN": "s3cret'", **cls.around("oldest")})

    @classmethod
    def around(cls, client):
        own = cls.kubectls[client]
        return {**own, "PATH": os.pathsep.join([own["PATH"].split(os.pathsep)[0], cls.engine.environ["PATH"]])}

    def tearDown(self):
        super().tearDown()
        until = time.monotonic() + 30   # a cluster removes in its own time what a Job had
        while self.left() and time.monotonic() < until:
            time.sleep(0.5)
        left = self.left()
        for name in set(left):
            cluster.Namespace("ml").kubectl("delete", "job", name, "--wait=false")
        self.assertEqual(left, [], "something was left behind")

    def left(self):
        return [one["metadata"]["name"] for namespace in cluster.NAMESPACES for one in cluster.Namespace(namespace).look(
            "jobs,secrets", "--selector", "skelebot.project=" + self.name)["items"] if not one["metadata"].get("deletionTimestamp")]

    def out(self):
        found = {name: data for name, data in tree(os.path.join(self.folder, "out")).items() if name != "pwd"}
        shutil.rmtree(os.path.join(self.folder, "out"))
        return found


class OnKubernetes(OnCluster):
    files = {"job.sh": SCRIPT, "score.sh": 'echo "$2" > out/n; echo "score: 0.$2"; exit "$2"\n',
             "say.sh": 'echo "$2"\n', "point.sh": 'echo "$2" > out/n; echo "half: $2"\n', "data/in": "in\n"}
    config = {**OnCluster.config, "jobs": [
        {"name": "all", "source": "job.sh", "mappings": ["data/:ro", "out/"], "metrics": ["loss"],
         "environment": {"A": "it's \"$HOME\"\nZürich\r\n*$(A)$$", "B-C": "odd", "UID": "7"}},
        {"name": "say", "source": "say.sh", "params": [{"name": "word", "default": "hello"}]},
        {"name": "pieces", "source": "python -c \"import sys; sys.stdout.write('a' * 50000 + '\\n' + 'b' * 16384 + '\\nend')\""},
        {"name": "trap", "source": "trap 'echo term > out/term; exit 9' TERM; echo begun; sleep 100 & wait", "mappings": ["out/"]},
        {"name": "point", "source": "point.sh", "params": ["n"], "mappings": ["out/"], "metrics": ["half"]},
        {"name": "copy", "source": "cp large/file out/ && cksum < large/file", "mappings": ["large/:large/:ro", "out/"]},
        {"name": "eat", "source": "python -c 'print(len(bytearray(10 ** 9)))'"},
        {"name": "files", "source": "cat data/in", "mappings": ["data/"]},
        {"name": "sees", "source": "id -u; echo $OVER; touch sets/mine.$(id -u); ls /data/mine.$(id -u); touch fixed/x 2> /dev/null || echo fixed",
         "mappings": ["/data:sets/", "/data:fixed/:ro"], "docker": ["--label", "acme.com/account=p1/ml"]},
        {"name": "uid", "source": "id -u"},
        {"name": "score", "source": "score.sh", "params": ["n"], "mappings": ["out/"], "metrics": ["score"]},
        {"name": "slow", "source": "trap : TERM; sleep 2; sleep 60", "resources": {"time": "1s"}}]}

    def test_a_job_has_its_words_variables_secrets_and_files_and_gives_its_status_by_every_client(self):
        words = [word for word in PLAIN + DASHED if len(word) < 10000] + ["\udce9t\udc80\n", "$(HOME) $$ $$(A)"]
        for client, name in (("oldest", "ml"), ("newest", "restricted")):
            with self.subTest(client):
                done = self.skelebot("-d", name, "all", "--", *words, status=3, **self.around(client))
                out = self.out()
                self.assertEqual(arrived(done._replace(stdout=out.pop("words"))), words)
                self.assertEqual(out, {"word": "in\nit's \"$HOME\"\nZürich\r\n*$(A)$$\n".encode(), "token": b"s3cret'"})
                self.assertNotIn("s3cret", done.stderr)

    def test_files_that_are_cut_three_times_each_way_arrive_whole(self):
        with open(cluster.setting("SKELEBOT_TEST_KUBECONFIG")) as file:
            config = file.read()
        host, port = re.search("https://(127[^:]*):([0-9]+)", config).groups()
        proxy, data = Cutting((host, int(port)), 3), os.urandom(4 * 2 ** 20)
        self.addCleanup(proxy.close)
        write(self.top, {"cut": config.replace(f"{host}:{port}", f"127.0.0.1:{proxy.port}")})
        write(self.folder, {"large/file": data})
        around = {**self.around("newest"), "KUBECONFIG": os.path.join(self.top, "cut")}
        done = self.skelebot("copy", **around)
        self.assertEqual((self.out(), proxy.left), ({"file": data}, {"in": 0, "out": 0}))
        self.assertEqual(done.stderr.count("skelebot: files did not travel whole, so again: "), 6)

    def test_a_sweep_that_is_killed_is_taken_up_and_no_point_of_it_is_lost_or_run_twice(self):
        numbers, created = range(1, 6), re.compile(self.name + "-point-[0-9a-f]+$")
        running = self.start("sweep", "point", "--each", "n", *map(str, numbers), "-j", "2")
        for _ in deadline():
            jobs = cluster.Namespace("ml").look("jobs", "--selector", "skelebot.sweep,skelebot.project=" + self.name)["items"]
            if len(jobs) == 2:
                break
        running.signal(signal.SIGKILL).ends()
        waiting = self.start("wait", "point")
        waiting.says("was killed: what it has not begun runs now; Ctrl-C ends all")
        self.assertEqual(waiting.ends(), 0, waiting.said)
        points = support.skelebot.Runs(self.folder).points(int(jobs[0]["metadata"]["labels"]["skelebot.sweep"]))
        self.assertEqual([(one.state, one.metrics["half"]["last"]) for one in points], [("done", number) for number in numbers])
        for one in points:
            self.assertEqual(tree(os.path.join(self.folder, one.folder, "out", "out"))["n"], b"%d\n" % one.point)
        events = cluster.Namespace("ml").look("events", "--field-selector", "reason=SuccessfulCreate")["items"]
        names = [one["involvedObject"]["name"] for one in events if created.match(one["involvedObject"]["name"])]
        self.assertEqual(len(names), len(numbers))

    def test_its_output_is_the_same_byte_for_byte(self):
        self.assertEqual(self.skelebot("pieces").stdout, b"a" * 50000 + b"\n" + b"b" * 16384 + b"\nend")

    def test_a_signal_ends_it_and_brings_back_what_it_wrote(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                running = self.start("trap")
                running.says("begun")
                self.assertEqual(running.signal(number).ends(), 128 + number)
                self.assertEqual(self.out()["term"], b"term\n")

    def test_its_time_ends_it(self):
        done = self.skelebot("slow", status=124)
        self.assertIn("skelebot: slow ended after 1s, as resources.time says\n", done.stderr)
        self.assertRegex(self.skelebot("runs", "slow").stdout.decode(), "state +timeout")

    def test_one_that_goes_on_is_followed_stopped_and_taken_up_after_a_kill(self):
        self.skelebot("--detach", "trap")
        waiting = self.start("wait", "trap")
        waiting.says("begun")
        self.assertRegex(self.skelebot("stop", "trap", status=1, KUBECONFIG=self.away()).stderr, r"skelebot: run \d+ is running still\n\Z")
        self.skelebot("stop", "trap")
        self.assertEqual((waiting.ends(), self.skelebot("wait", "trap", status=9).stdout), (9, b"begun\n"))
        self.assertEqual(self.out()["term"], b"term\n")
        self.assertRegex(self.skelebot("runs", "trap").stdout.decode(), "state +stopped\nreason +by skelebot stop")
        running = self.start("say", "--word", "taken up")
        for _ in deadline():
            if cluster.Namespace("ml").look("jobs", "--selector", "skelebot.job=say,skelebot.project=" + self.name)["items"]:
                break
        running.signal(signal.SIGKILL).ends()
        self.assertEqual(self.skelebot("wait").stdout, b"taken up\n")
        self.assertEqual(self.skelebot("logs").stdout, b"taken up\n")
        self.assertRegex(self.skelebot("runs", "say").stdout.decode(), "state +done")

    def test_each_key_of_a_host_is_in_its_pod(self):
        admin = cluster.Namespace("ml", "admin")
        self.addCleanup(admin.kubectl, "delete", "priorityclass", LOW)
        admin.ask("create", "priorityclass", LOW, "--value=-1", "--preemption-policy=Never")
        self.skelebot("-d", "own", "--detach", "sees")
        for _ in deadline():            # the cluster makes it in its own time
            pods = admin.look("pods", "--selector", f"skelebot.job=sees,skelebot.project={self.name},team=a")["items"]
            if pods:
                break
        pod, = pods
        job, = admin.look("jobs", "--selector", f"skelebot.project={self.name},kueue.x-k8s.io/queue-name=own")["items"]
        spec, main = pod["spec"], pod["spec"]["containers"][-1]
        self.assertEqual([spec[key] for key in ("serviceAccountName", "priorityClassName", "nodeSelector", "terminationGracePeriodSeconds")],
                         ["default", LOW, {"kubernetes.io/hostname": "node1"}, 33])
        self.assertEqual([one["metadata"]["labels"]["acme.com/account"] for one in (job, pod)], ["p1-ml", "p1-ml"])
        self.assertEqual((spec["tolerations"][0], job["spec"]["backoffLimit"]), ({"key": "sku", "value": "gpu", "effect": "NoSchedule"}, 0))
        self.assertIn({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "30Mi"}}, spec["volumes"])
        self.assertEqual(main["resources"]["limits"], {"cpu": "200m", "memory": "200Mi", "nvidia.com/gpu": "1"})
        self.assertEqual(self.skelebot("wait").stdout, b"12345\nlaid\n/data/mine.12345\nfixed\n")
        self.assertEqual(self.skelebot("-d", "none", "uid").stdout, b"4321\n")
        self.assertIn("its memory ran out: give it more, or let it take less at once; resources.memory says 64m",
                      self.skelebot("-d", "little", "eat", status=137).stderr)

    def test_what_ran_there_is_had_again_compared_and_run_again_also_when_the_cluster_is_away(self):
        self.skelebot("--detach", "score", "--n", "2")
        self.assertEqual([self.skelebot("wait", "score", status=2).stdout for _ in "12"], [b"score: 0.2\n"] * 2)
        self.skelebot("score", "--n", "1", status=1)
        write(self.folder, {"score.sh": "echo another\n"})
        self.assertEqual(self.skelebot("rerun", "score", "--exact", "--n", "3", status=3).stdout, b"score: 0.3\n")
        write(self.folder, {"score.sh": self.files["score.sh"]})
        done = self.skelebot("fetch", "--to", "got", KUBECONFIG=self.away())
        self.assertRegex(done.stderr, r"skelebot: got/out/n: written by run \d+\n")
        self.assertEqual((tree(self.folder)["got/out/n"], self.out()), (b"3\n", {"n": b"3\n"}))
        told = json.loads(self.skelebot("runs", "--json", KUBECONFIG=self.away()).stdout.decode())
        self.assertEqual([(one["status"], one["metrics"]["score"]["last"], one["detached"]) for one in told if one["job"] == "score"],
                         [(3, 0.3, False), (1, 0.1, False), (2, 0.2, True)])

    def away(self):
        """A kubeconfig of a cluster that does not answer."""
        with open(self.engine.environ["KUBECONFIG"]) as file:
            write(self.top, {"away": re.sub(r"https://127.0.0.1:\d+", "https://127.0.0.1:1", file.read())})
        return os.path.join(self.top, "away")

    def beside(self, base, files, *jobs, **components):
        """A folder of a project of the same name, but with another base image and components."""
        folder = os.path.join(self.top, os.urandom(4).hex())
        write(folder, files)
        self.write_project(folder, **{**self.config, "baseImage": base, "jobs": jobs, "secrets": None,
                                      "components": {**self.config["components"], **components}})
        return folder

    def test_a_ticket_travels_in_a_secret_of_its_job_and_the_keytab_stays(self):
        make_client(self.engine)
        job = {"name": "who", "source": "klist | grep Default; klist -s && echo valid; find . -name '*.keytab'"}
        folder = self.beside(CLIENT, project_files("bob"), job, **kerberos())
        shown = self.skelebot("--dry-run", "who", folder=folder).stdout
        self.skelebot("--detach", "who", folder=folder)
        ours = cluster.Namespace("ml").look("jobs,secrets", "--selector", "skelebot.project=" + self.name)["items"]
        job, secret = sorted(ours, key=lambda one: one["kind"])
        self.assertEqual(secret["metadata"]["ownerReferences"][0]["uid"], job["metadata"]["uid"])
        self.assertEqual(self.skelebot("wait", folder=folder).stdout, b"Default principal: bob@SKELEBOT.TEST\nvalid\n")
        texts = [base64.b64decode(text) for text in secret["data"].values()] + [json.dumps(ours).encode(), shown]
        keytab = project_files("bob")["krb/bob.keytab"]
        self.assertEqual([keytab[-16:] in text or base64.b64encode(keytab)[20:60] in text for text in texts], [False] * len(texts))

    def test_jupyter_is_brought_to_a_port_here_and_what_it_writes_comes_back(self):
        make_jupyter(self.engine)
        folder = self.beside(IMAGE, {"data.txt": "1\n"}, {"name": "none", "source": "true"})
        self.skelebot("none", folder=folder)    # so that its image is there
        server = Server(self.argv("jupyter", "--port", str(free_port())), folder, **self.engine.environ)
        self.addCleanup(server.running.stop)
        self.assertEqual((server.announced().first, server.ask("/api/contents", token="")[0]), (200, 403))
        self.assertEqual(json.loads(server.ask("/api/contents/data.txt")[1])["content"], "1\n")
        own = server.url.rpartition("=")[2].encode()
        shown = [words for words in map(words_of, filter(str.isdigit, os.listdir("/proc"))) if own in words]
        self.assertEqual((server.write("new.txt", "written\n"), server.end(), shown), (201, 130, []))
        self.assertEqual(tree(folder)["new.txt"], b"written\n")
        ours = self.name.encode() + b"-jupyter"
        self.assertEqual([pid for pid in filter(str.isdigit, os.listdir("/proc")) if ours in words_of(pid)], [])

    def test_a_host_is_named_by_the_call_the_job_the_project_or_a_persons_own_file(self):
        home = os.path.join(self.top, "home")
        write(home, {"hosts.yaml": json.dumps({"mine": HOSTS["restricted"], "ml": "kubernetes://nowhere/ml"})})
        said = {"source": "cat /proc/sys/kernel/hostname"}
        folder = self.beside(cluster.LOADED, {}, {"name": "on-mine", "host": "mine", **said}, {"name": "on-own", **said})
        for words, name in ((("on-mine",), "-on-mine-"), (("on-own",), "-on-own-"), (("-d", "mine", "on-own"), "-on-own-")):
            self.assertIn(self.name + name, self.skelebot(*words, folder=folder, SKELEBOT_HOME=home).stdout.decode())
        told = json.loads(self.skelebot("runs", "--json", folder=folder, SKELEBOT_HOME=home).stdout.decode())
        self.assertEqual([one["endpoint"].rpartition("/")[2] for one in told], ["restricted", "ml", "restricted"])
        here = socket.gethostname().encode() + b"\n"
        self.assertEqual(self.skelebot("-n", "on-mine", folder=folder).stdout, here)
        self.assertRegex(self.skelebot("-d", "local", "on-mine", folder=folder).stdout.decode(), r"\A[0-9a-f]{12}\n\Z")

    def test_what_cannot_start_says_why(self):
        admin = cluster.Namespace(QUOTA, "admin")
        self.addCleanup(admin.kubectl, "delete", "namespace", QUOTA, "--wait=false")
        admin.ask("create", "namespace", QUOTA)
        admin.ask("create", "rolebinding", "pods", "--clusterrole", "everything", "--group", "system:serviceaccounts:" + QUOTA)
        admin.ask("create", "quota", "few", "--hard", "pods=0")
        for name, job, words in (
                ("root", "say", "a policy of the cluster forbids such a pod: [spec.containers[0].securityContext.runAsUser: "
                                "Invalid value: 0: running with the root UID is forbidden]\n  hint: look at user and pod of the host"),
                ("loaded", "say", "no node has the image, which image: loaded says is there\n  hint: load it"),
                ("loaded", "files", "no node has the image, which image: loaded says is there\n  hint: load it"),
                ("claim", "say", "there is no claim nothing\n  hint: correct claims"),
                ("priority", "say", "there is no priority class nothing\n  hint: correct priorityClass"),
                ("account", "say", "there is no service account nothing\n  hint: correct serviceAccount"),
                ("no-exec", "files", "what is mapped was not sent: eve may not create pods/exec in ml"),
                ("odd", "say", "it is not valid: ValidationError(Job.spec.template.spec): unknown field \"frobnicate\""),
                ("any", "say", "resources are numbers there\n  hint: gpus: 1, not all")):
            with self.subTest(name):
                self.assertIn(words, self.skelebot("-d", name, job, status=1).stderr)
        new = self.beside(cluster.LOADED, {"new": os.urandom(8).hex()}, {"name": "say", "source": "echo hello"})    # no node has it
        self.assertIn("the nodes may not pull ", self.skelebot("-d", "stranger", "say", folder=new, status=1).stderr)
        for name, words in (("full", "waits for the quota few: requested: pods=1, used: pods=0, limited: pods=0; let other runs end"),
                            ("cards", "waits for a node with enough gpu that is free; kubectl describe nodes"),
                            ("node", "waits for a node that nodeSelector fits; correct nodeSelector")):
            with self.subTest(name):
                running = self.start("-d", name, "say")
                self.assertEqual(running.says(words).signal(signal.SIGINT).ends(), 130)

    def test_a_dry_run_shows_a_manifest_for_kubectl_without_secrets(self):
        shown = self.skelebot("--dry-run", "all", "--", "x y").stdout.decode()
        self.assertNotIn("s3cret", shown)
        job, secret = manifests(shown)
        self.assertEqual(job["spec"]["template"]["spec"]["securityContext"], {
            "runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}})
        self.skelebot("say")            # so that its image is there
        ml, shown = cluster.Namespace("ml"), self.skelebot("--dry-run", "say", "--word", "by hand").stdout.decode()
        texts = [json.dumps(one).encode() for one in manifests(shown)]
        name, secret = [ml.ask("create", "--validate=false", "--filename", "-", "--output", "name", stdin=text).strip() for text in texts]
        self.addCleanup(ml.kubectl, "delete", "--wait=false", name, secret)
        ml.ask("wait", "--for=condition=complete", name, "--timeout=90s")
        self.assertEqual(ml.ask("logs", name), "by hand\n")
        ml.ask("delete", "--wait=false", name, secret)

    def test_what_is_refused_says_why(self):
        for name, words in (
                ("forbidden", "nobody may not create jobs in ml, if there is such a namespace\n  hint: correct namespace, or ask"),
                ("expired", "the cluster does not take the login\n  hint: log in again, as you do for kubectl itself"),
                ("gone", "it does not answer\n  hint: is the cluster up"), ("nowhere", "there is no context nowhere\n  hint: kubectl config"),
                ("nothing", "there is no namespace nothing\n  hint: correct namespace")):
            with self.subTest(name):
                said = self.skelebot("-d", name, "say", status=1).stderr
                self.assertIn(f"skelebot: kubernetes://{HOSTS[name]['kubernetes']['context']}/{HOSTS[name]['kubernetes']['namespace']} "
                              f"has not taken the Job: {words}", said)
        with open(cluster.setting("SKELEBOT_TEST_KUBECONFIG")) as file:
            server = re.search("name: tests, cluster: {server: \"(.*?)\"", file.read()).group(1)
        users = {"ada": {"token": "ada-token"}, "no-secrets": {"token": "admin-token", "as": "kim"}, **{name: {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": command, "args": words}}
                               for name, command, *words in (("absent", "no-login"), ("session", "sh", "-c", "echo It has ended >&2; exit 1"))}}
        write(self.top, {"kubeconfig": json.dumps({
            "apiVersion": "v1", "kind": "Config", "users": [{"name": name, "user": user} for name, user in users.items()],
            "clusters": [{"name": "unknown", "cluster": {"server": server}},
                         {"name": "known", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
            "contexts": [{"name": name, "context": {"user": name, "cluster": "unknown" if name == "ada" else "known"}} for name in users]})})
        for name, words in (("ada", "its certificate is not trusted: certificate signed by unknown authority\n  hint: look at"),
                            ("absent", "there is no no-login, by which kubectl logs in\n  hint: install it"),
                            ("session", "sh, by which kubectl logs in, has said: It has ended\n  hint: log in again")):
            with self.subTest(name):
                self.assertIn(words, self.skelebot("-d", f"kubernetes://{name}/ml", "say", status=1,
                                                   KUBECONFIG=os.path.join(self.top, "kubeconfig")).stderr)
        self.may("kim", [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]}, {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["*"]}])
        way = os.pathsep.join([cluster.setting("SKELEBOT_TEST_KUBECONFIG"), os.path.join(self.top, "kubeconfig")])
        listed = self.skelebot("hosts", "--check", status=1, KUBECONFIG=way).stdout.decode()
        self.assertRegex(listed, r"(?m)^\* ml +ok$")
        self.assertRegex(listed, "(?m)^  no-exec +no files can travel: you may not enter pods")
        self.assertRegex(listed, "(?m)^  no-secrets +no variables can travel: you may not create Secrets there, so jobs with variables, secrets")

    def may(self, name, rules):
        """Let a person do so much in `ml`, for the length of a test."""
        admin, role = cluster.Namespace("ml", "admin"), f"{name}-{os.getpid()}"
        kinds, rbac = ("Role", "RoleBinding"), "rbac.authorization.k8s.io"
        for kind, own in zip(kinds, ({"rules": rules}, {"roleRef": {"apiGroup": rbac, "kind": "Role", "name": role}, "subjects": [{"kind": "User", "name": name}]})):
            self.addCleanup(admin.kubectl, "delete", kind.lower(), role)
            admin.create({"apiVersion": rbac + "/v1", "kind": kind, "metadata": {"name": role}, **own})


on("BuildKit")(OnKubernetes)
if __name__ == "__main__":
    unittest.main()
