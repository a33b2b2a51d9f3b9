"""Both clusters of the tests are real: they schedule, refuse, and give exit statuses."""
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import cluster
import engine


def setUpModule():
    cluster.wait_for("kubernetes")
    cluster.wait_for("lab")


# ---- Slurm ------------------------------------------------------------------

class SlurmRuns(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="skelebot-slurm-")
        self.addCleanup(shutil.rmtree, self.folder)

    def submit(self, script, *options):
        engine.write(self.folder, {"script": "#!/bin/sh\n" + script})
        done = cluster.ended(["sbatch", "--parsable", "--wait", "--chdir", self.folder, *options,
                              os.path.join(self.folder, "script")], **cluster.slurm())
        return done.stdout.decode().strip(), done.status

    def test_an_array_whose_tasks_have_statuses_of_their_own(self):
        number, status = self.submit('echo "task $SLURM_ARRAY_TASK_ID"; [ "$SLURM_ARRAY_TASK_ID" != 2 ] || exit 5', "--array=1-3%2")
        for _ in engine.deadline():
            tasks = {task["ArrayTaskId"]: (task["JobState"], task["ExitCode"]) for task in cluster.job(number)}
            if "COMPLETING" not in str(tasks):          # which is an end for sbatch
                break
        self.assertEqual(status, 5)
        self.assertEqual(tasks, {"1": ("COMPLETED", "0:0"), "2": ("FAILED", "5:0"), "3": ("COMPLETED", "0:0")})
        self.assertEqual(engine.tree(self.folder)[f"slurm-{number}_3.out"], b"task 3\n")

    def test_graphics_cards_and_a_container_in_a_job(self):
        number, status = self.submit(f'echo "$CUDA_VISIBLE_DEVICES"; podman run --rm --network none {engine.BASE} sh -c "exit 7"',
                                     "--gpus-per-node=a100:2")
        self.assertEqual((engine.tree(self.folder)[f"slurm-{number}.out"], status), (b"0,1\n", 7))

    def test_what_cannot_start_waits_and_says_why(self):
        for options, reason in ((["--partition=closed"], "PartitionDown"), (["--partition=short", "--time=60"], "PartitionTimeLimit"),
                                (["--hold"], "JobHeldUser")):
            with self.subTest(options):
                done = cluster.ended(["sbatch", "--parsable", *options, "--wrap", "true"], **cluster.slurm())
                number = done.stdout.decode().strip()
                self.addCleanup(cluster.ended, ["scancel", number], **cluster.slurm())
                for _ in engine.deadline():
                    if cluster.job(number)[0]["Reason"] == reason:
                        break

    def test_the_login_node_is_reached_by_ssh_and_others_are_not(self):
        done = cluster.ended(["ssh", "login", "sbatch --parsable --wait --output=/dev/null --wrap 'exit 3'"], **cluster.slurm())
        self.assertEqual(done.status, 3, done.stderr)
        for host, reason in (("changed", "REMOTE HOST IDENTIFICATION HAS CHANGED"), ("stranger", "Host key verification failed"),
                             ("refused", "Connection refused"), ("denied", "Permission denied (publickey)")):
            with self.subTest(host):
                done = cluster.ended(["ssh", host, "true"], **cluster.slurm())
                self.assertEqual(done.status, 255)
                self.assertIn(reason, done.stderr)


class Lab(unittest.TestCase):
    def ask(self, script, stdin=b""):
        return cluster.ended(["ssh", cluster.LAB, script], stdin, **cluster.slurm())

    def test_a_project_travels_to_a_disk_of_its_own_and_runs_in_an_image_without_rights(self):
        self.ask("rm -rf /scratch/ada/real; mkdir /scratch/ada/real")
        self.addCleanup(self.ask, "rm -rf /scratch/ada/real")
        self.ask("tar -x -C /scratch/ada/real", archive({
            "in.txt": b"hello",
            "script": b"""#!/bin/sh
apptainer --quiet exec --containall --no-home --bind "$PWD:/app" --pwd /app image.sif sh -c 'tr a-z A-Z <in.txt >out.txt; id -u; exit 7'
"""}))
        with subprocess.Popen(["docker", "save", "skelebot-test/debian"], stdout=subprocess.PIPE) as image:
            subprocess.run(["ssh", cluster.LAB, "cat >/scratch/ada/real/image.tar"], stdin=image.stdout, check=True,
                           env=engine.environment(**cluster.slurm()))
        done = self.ask("""cd /scratch/ada/real && apptainer build --mksquashfs-args '-comp lz4' image.sif docker-archive:image.tar >log 2>&1 &&
                           sbatch --parsable --wait --output=log script; echo $?; cat log out.txt""")
        self.assertRegex(done.stdout.decode(), r"\A\d+\n7\n4321\nHELLO\Z")


# ---- Kubernetes -------------------------------------------------------------

def container(name, script, image=cluster.LOADED, **keys):
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script], **keys}


def manifest(*containers, metadata=None, **spec):
    """A Job of one pod that is tried once."""
    pod = {"restartPolicy": "Never", "containers": list(containers), **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "real-", **(metadata or {})},
            "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 300, "template": {"spec": pod}}}


class Kubernetes(unittest.TestCase):
    ml = cluster.Namespace("ml")
    restricted = cluster.Namespace("restricted")

    def create(self, namespace, job):
        """Create a Job, which goes away with the test; returns its name."""
        name = namespace.create(job)
        self.addCleanup(namespace.kubectl, "delete", name, "--ignore-not-found", "--wait=false")
        return name.split("/")[1]

    def pod(self, namespace, job, happens):
        """The Job's pod, as soon as this is true of it."""
        for _ in engine.deadline():
            for pod in namespace.look("pods", "--selector", f"job-name={job}")["items"]:
                if happens(pod):
                    return pod

    def end(self, namespace, job):
        """name of a container -> its exit status, when all have ended."""
        pod = self.pod(namespace, job, lambda pod: pod["status"]["phase"] in ("Succeeded", "Failed"))
        return {status["name"]: status["state"]["terminated"]["exitCode"] for status in pod["status"]["containerStatuses"]}

    def test_a_job_has_a_log_and_an_exit_status_by_every_client(self):
        for client in cluster.clients():
            with self.subTest(client):
                ml = self.ml._replace(client=client)
                job = self.create(ml, manifest(container("main", "echo hello; exit 5")))
                self.assertEqual(self.end(ml, job), {"main": 5})
                self.assertEqual(ml.ask("logs", f"job/{job}"), "hello\n")

    def test_a_pod_on_each_node(self):
        for node in cluster.NODES:
            with self.subTest(node):
                job = self.create(self.ml, manifest(container("main", "true"), nodeSelector={"kubernetes.io/hostname": node}))
                self.assertEqual(self.end(self.ml, job), {"main": 0})

    def test_who_has_no_rights_is_refused(self):
        for context, reason in (("forbidden", 'User "nobody" cannot create resource "jobs"'), ("expired", "Unauthorized"),
                                ("gone", "refused")):
            with self.subTest(context):
                done = self.ml._replace(context=context).kubectl("create", "job", "real-refused", "--image", cluster.LOADED)
                self.assertEqual(done.status, 1)
                self.assertIn(reason, done.stderr)

    def test_who_may_not_enter_a_pod_may_still_start_one(self):
        eve = self.ml._replace(context="no-exec")
        job = self.create(eve, manifest(container("main", "sleep 60")))
        pod = self.pod(eve, job, lambda pod: pod["status"]["phase"] == "Running")["metadata"]["name"]
        self.assertIn('cannot create resource "pods/exec"', eve.kubectl("exec", pod, "--", "true").stderr)

    def test_files_go_in_by_an_init_container_and_come_out_beside_the_job(self):
        share = {"volumeMounts": [{"name": "work", "mountPath": "/w"}]}
        stays = "while [ ! -e /w/{} ]; do sleep 0.2; done; sleep 2".format     # so that who has told it ends first
        job = self.create(self.ml, manifest(
            container("main", "tr a-z A-Z </w/in.txt >/w/out.txt; exit 3", **share),
            container("out", stays("fetched"), **share),
            initContainers=[container("in", stays("filled"), **share)],
            volumes=[{"name": "work", "emptyDir": {}}]))
        name = self.pod(self.ml, job, lambda pod: any("running" in status["state"] for status in
                                                      pod["status"].get("initContainerStatuses", ())))["metadata"]["name"]
        self.ml.ask("exec", "-i", name, "-c", "in", "--", "sh", "-c", "tar -x -C /w && touch /w/filled",
                    stdin=archive({"in.txt": b"hello"}))
        self.pod(self.ml, job, lambda pod: any("terminated" in status["state"] and status["name"] == "main" for status in
                                               pod["status"].get("containerStatuses", ())))
        out = self.ml.kubectl("exec", name, "-c", "out", "--", "tar", "-c", "-C", "/w", "out.txt")
        with tarfile.open(fileobj=io.BytesIO(out.stdout)) as files:
            self.assertEqual(files.extractfile("out.txt").read(), b"HELLO")
        self.ml.ask("exec", name, "-c", "out", "--", "touch", "/w/fetched")
        self.assertEqual(self.end(self.ml, job), {"main": 3, "out": 0})

    def test_a_policy_forbids_root_and_lets_the_restricted_profile_pass(self):
        safe = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
        strict = {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
        job = self.create(self.restricted, manifest(container("main", "id -u", **strict), securityContext=safe))
        self.assertEqual(self.end(self.restricted, job), {"main": 0})
        job = self.create(self.restricted, manifest(container("main", "id -u"), securityContext={"runAsUser": 0}))
        for _ in engine.deadline():
            events = self.restricted.look("events", "--field-selector", f"involvedObject.name={job}")["items"]
            if any(event["reason"] == "FailedCreate" and "running with the root UID is forbidden" in event["message"]
                   for event in events):
                break

    def test_an_image_comes_by_digest_with_a_login_and_not_without(self):
        image = published()
        job = self.create(self.ml, manifest(container("main", "true", image)))
        self.pod(self.ml, job, lambda pod: waits(pod) == "ImagePullBackOff")
        job = self.create(self.ml, manifest(container("main", "true", image), imagePullSecrets=[{"name": cluster.PULL_SECRET}]))
        self.assertEqual(self.end(self.ml, job), {"main": 0})


def waits(pod):
    """Why the pod's first container waits, or ""."""
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    return statuses[0]["state"].get("waiting", {}).get("reason", "")


def archive(files):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def published():
    """A small image in the tests' registry, by its digest."""
    name = f"{cluster.setting('SKELEBOT_TEST_REGISTRY')}/clusters/real:{os.urandom(4).hex()}"
    folder = tempfile.mkdtemp(prefix="skelebot-clusters-")
    around = {"DOCKER_CONFIG": folder}
    try:
        engine.write(folder, {"Dockerfile": f"FROM skelebot-test/debian\nLABEL random={os.urandom(4).hex()}\n"})
        for argv in (["docker", "build", "--quiet", "--tag", name, folder], ["docker", "push", name]):
            if argv[1] == "push":
                login = cluster.ended(["docker", "login", "--username", "ada", "--password-stdin", name.split("/")[0]], b"secret", **around)
                assert login.status == 0, login.stderr
            engine.output(argv, env=engine.environment(DOCKER_BUILDKIT="0", **around))
        return engine.output(["docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", name]).strip()
    finally:
        cluster.ended(["docker", "rmi", name])
        shutil.rmtree(folder)
