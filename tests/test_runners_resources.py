"""What a job may take, words for `docker run`, and files with variables."""
import contextlib
import os
import signal
import unittest

import support
from support import call, project, skelebot, two_lines
from skelebot import Call, Command, Launch, Outcome

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b")
SIZE, TIME = "such as 512m or 8g", "such as 90s, 30m, 4h, 2d"
WORDS = "write each word as an item, values too: [--network=host, --tmpfs, /run]"
LONG = "expected long options of docker run that no key has, found "

# A line of skelebot.yaml -> the key where its fault is, the fault, and what to do.
WRONG = {
    "resources: 8g": ("resources", "expected a mapping, found '8g'", "write KEY: VALUE, one on a line"),
    "resources: {memory: 8}": ("resources.memory", "expected a size with its unit, found '8'", SIZE),
    "resources: {memory: 8GB}": ("resources.memory", "expected a size with its unit, found '8GB'", SIZE),
    "resources: {memory: 1.5g}": ("resources.memory", "expected a size with its unit, found '1.5g'", SIZE),
    "resources: {shm: 0m}": ("resources.shm", "expected a size with its unit, found '0m'", SIZE),
    "resources: {time: 90}": ("resources.time", "expected a time with its unit, found '90'", TIME),
    "resources: {time: 1:30:00}": ("resources.time", "expected a time with its unit, found '1:30:00'", TIME),
    "resources: {time: [4h]}": ("resources.time", "expected a time with its unit, found a list", TIME),
    "resources: {cpus: 0}": ("resources.cpus", "expected a number above 0, found '0'", "such as 2 or 0.5"),
    "resources: {cpus: 500m}": ("resources.cpus", "expected a number above 0, found '500m'", "such as 2 or 0.5"),
    "resources: {gpus: two}": ("resources.gpus", "expected a number, all, KIND:NUMBER or device=NUMBER, found 'two'",
                               "such as 1, all or a100:2"),
    "resources: {gpu: 1}": ("resources.gpu", "unknown key", "did you mean gpus?"),
    "memory: 8g": ("memory", "unknown key", "did you mean resources?"),
    "docker: [--rm]": ("docker", LONG + "'--rm'", "leave it to skelebot"),
    "docker: [--label, skelebot.job=x]": ("docker", LONG + "'--label'", "leave it to skelebot"),
    "docker: [--entrypoint=sh]": ("docker", LONG + "'--entrypoint'",
                                  "source is the command, which runs in /app: write cd DIR && COMMAND"),
    "docker: --detach": ("docker", LONG + "'--detach'", "write mode: i, d or it"),
    "docker: [--volume, ./data:/data]": ("docker", LONG + "'--volume'", "write mappings: [SRC:DEST]"),
    "docker: ['--mount=type=bind,source=/a,target=/b']": ("docker", LONG + "'--mount'", "write mappings: [SRC:DEST]"),
    "docker: [--env-file=.env]": ("docker", LONG + "'--env-file'",
                                  "write environment: {NAME: VALUE}, or envFiles: [FILE]"),
    "docker: [--publish, '80:80']": ("docker", LONG + "'--publish'", "write ports: [HOST:CONTAINER]"),
    "docker: [--user, '0']": ("docker", LONG + "'--user'", "write user: host for yours, or user: root"),
    "docker: [--help=true]": ("docker", LONG + "'--help'", "leave it to skelebot"),
    "docker: [--memory=8g]": ("docker", LONG + "'--memory'", "write resources, as in resources: {memory: 8g}"),
    "docker: [--gpus, all]": ("docker", LONG + "'--gpus'", "write resources, as in resources: {memory: 8g}"),
    "docker: [-it]": ("docker", LONG + "'-it'", WORDS),
    "docker: [--]": ("docker", LONG + "'--'", WORDS),
    "docker: [--network]": ("docker", LONG + "'--network'", WORDS),
    "docker: [--network, --privileged]": ("docker", LONG + "'--network'", WORDS),
    "docker: [--privileged, debian]": ("docker", LONG + "'debian'", WORDS),
    "docker: [--network=host, debian]": ("docker", LONG + "'debian'", WORDS),
    "docker: --network host --privileged": ("docker", LONG + "'--network host --privileged'", WORDS),
    "docker: {network: host}": ("docker", "expected a word for docker run, found a mapping", "for example --network=host"),
    "envFiles: [{path: .env, require: false}]": ("envFiles[0].require", "unknown key", "did you mean required?"),
    "envFiles: [{path: .env, required: maybe}]": ("envFiles[0].required", "expected true or false, found 'maybe'",
                                                  "write true or false"),
    "envFiles: [[.env]]": ("envFiles[0]", "expected a mapping, found a list", "write KEY: VALUE, one on a line"),
    "env_file: .env": ("env_file", "unknown key", "did you mean envFiles?"),
}
OPTIONS = {
    "cpus": ("cpus: expected a number above 0, found ''", "such as 2 or 0.5"),
    "cpus=2,memory=8": ("memory: expected a size with its unit, found '8'", SIZE),
    "time=": ("time: expected a time with its unit, found ''", TIME),
    "time=9\u0663s": ("time: expected a time with its unit, found '9\u0663s'", TIME),
    "mem=8g": ("'mem': unknown key", "did you mean memory?"),
    "=": ("'': unknown key", "known are: cpus, gpus, memory, shm, time"),
}


@contextlib.contextmanager
def files(**texts):
    with support.inside({"skelebot.yaml": "name: x\n", **{name.replace("_", "."): text for name, text in texts.items()}}) as path:
        yield path


def words(call=ADA, option="", job=None, **keys):
    """The words of `docker run` of a job between its labels and the image."""
    it = project(jobs=[{"name": "train", "source": "src/train.py", **(job or {})}], **keys)
    call = call._replace(resources=skelebot.typed_resources(option))
    runner = support.drive(skelebot.plan_runner(call, it, it.jobs[0])).status
    run = skelebot.Run(it.jobs[0], Launch(("python",)), "churn", "NAME", resources=runner.project.resources)
    argv = runner.container_argv(("run", "--rm"), run)
    return " ".join(argv[argv.index("--interactive") + 1:argv.index("churn")])


class WrongSpellings(unittest.TestCase):
    maxDiff = None

    def test_are_told_with_file_line_key_and_what_to_do_at_the_top_and_in_a_job(self):
        for line, (key, message, hint) in WRONG.items():
            with self.subTest(line), support.folder({"skelebot.yaml": f"name: x\n{line}\n"}) as path:
                self.assertEqual(call("--help", folder=path),
                                 (1, "", two_lines(f"skelebot.yaml:2: {key}: {message}", hint)))
            text = f"name: x\njobs:\n- name: a\n  source: a\n  {line}\n"
            with self.subTest(line, job=True), support.folder({"skelebot.yaml": text}) as path:
                self.assertEqual(call("--help", folder=path),
                                 (1, "", two_lines(f"skelebot.yaml:5: jobs[0].{key}: {message}", hint)))

    def test_of_the_option_are_wrong_usage(self):
        text = "name: x\njobs:\n- {name: a, source: a}\n"
        for typed, (message, hint) in OPTIONS.items():
            with self.subTest(typed), support.folder({"skelebot.yaml": text}) as path:
                self.assertEqual(call("--resources", typed, "--dry-run", "-n", "a", folder=path),
                                 (2, "", two_lines(f"--resources: {message}", hint)))


class Words(unittest.TestCase):
    def test_are_none_without_resources(self):
        self.assertEqual((words(), words(PODMAN)), ("", ""))

    def test_of_all_resources(self):
        resources = {"cpus": "1.5", "memory": "8g", "shm": "2G", "gpus": "2", "time": "4h"}
        self.assertEqual(words(resources=resources),
                         "--cpus 1.5 --memory 8g --memory-swap 8g --shm-size 2G --gpus 2")
        self.assertEqual(words(PODMAN, resources=resources), "--cpus 1.5 --memory 8g --memory-swap 8g --shm-size 2G "
                                                             "--device nvidia.com/gpu=0 --device nvidia.com/gpu=1")

    def test_are_those_of_the_option_before_the_jobs_before_the_projects_key_by_key(self):
        self.assertEqual(words(option="memory=3g", resources={"cpus": "1", "memory": "1g", "shm": "1g"},
                               job={"resources": {"memory": "2g", "shm": "2g"}}),
                         "--cpus 1 --memory 3g --memory-swap 3g --shm-size 2g")

    def test_of_gpus(self):
        for gpus, docker, podman in (
                ("0", "", ""), ("all", "--gpus all", "--device nvidia.com/gpu=all"),
                ("a100:1", "--gpus 1", "--device nvidia.com/gpu=0"),
                ("device=1", "--gpus device=1", "--device nvidia.com/gpu=1"),
                ("device=0,GPU-1a", '--gpus "device=0,GPU-1a"', "--device nvidia.com/gpu=0 --device nvidia.com/gpu=GPU-1a")):
            with self.subTest(gpus):
                self.assertEqual((words(resources={"gpus": gpus}), words(PODMAN, option=f"cpus=1,gpus={gpus}")),
                                 (docker, f"--cpus 1 {podman}".strip()))

    def test_of_gpu_true_yield_to_resources(self):
        self.assertEqual(words(gpu=True), "--gpus all --ipc=host")
        self.assertEqual(words(PODMAN, gpu=True), "--device nvidia.com/gpu=all --ipc=host")
        self.assertEqual(words(gpu=True, resources={"gpus": "1"}), "--gpus 1 --ipc=host")
        self.assertEqual(words(gpu=True, resources={"shm": "2g"}), "--shm-size 2g --gpus all")

    def test_of_docker_are_the_projects_then_the_jobs(self):
        named = ["--volume=cache:/root/.cache", "--mount", "type=tmpfs,target=/t", "--label=team=a", "--privileged"]
        self.assertEqual(words(docker=["--network", "host"], job={"docker": named}), "--network host " + " ".join(named))

    def test_of_docker_may_be_one_alone(self):
        self.assertEqual(words(docker="--network=host"), "--network=host")


PODMAN = ADA._replace(engine="podman")


class EnvFiles(unittest.TestCase):
    """What a line means, and that no value is shown."""
    TEXT = ("\ufeff# a comment\r\n\r\nA=plain # comment\r\n  export B = b#b  \r\nC='$x \"q\" # \\n'\r\n"
            "D=\"two\r\nlines\\n\\t\\\"\\\\ \\$x \\x\" # comment\nE=\nF\nG=it's $HOME `id` \\n\nH=\"\"\nI=#x\nJ= # x\nK=a=b\nK=later")
    VALUES = {"A": "plain", "B": "b#b", "C": '$x "q" # \\n', "D": 'two\nlines\n\t"\\ $x \\x', "E": "", "F": None,
              "G": "it's $HOME `id` \\n", "H": "", "I": "#x", "J": "", "K": "later"}

    def variables(self, **keys):
        it = project(**keys)
        return dict([*skelebot.file_variables(ADA, it, it.jobs[0]), *it.environment])

    def test_are_read_alike_whatever_their_line_ends(self):
        for text in (self.TEXT, self.TEXT.replace("\r\n", "\n"), self.TEXT.replace("\r\n", "\r"), self.TEXT + "\n",
                     self.TEXT.encode("utf-16-le"), self.TEXT.encode("utf-16-be")):
            with files(_env=text):
                self.assertEqual(self.variables(envFiles=".env"), self.VALUES)

    def test_pass_bytes_that_are_no_utf_8(self):
        with files(_env=b"A=\xff\xe9\n"):
            self.assertEqual(os.fsencode(self.variables(envFiles=".env")["A"]), b"\xff\xe9")

    def test_a_later_one_wins_and_environment_over_all(self):
        with files(a_env="A=1\nB=1\nC=1\nD=1", b_env="B=2\nC=2\nD=2"):
            self.assertEqual(self.variables(
                envFiles=["a.env"], environment={"C": "3", "D": None},
                jobs=[{"name": "a", "source": "a", "envFiles": ["b.env", {"path": "no.env", "required": "false"}]}]),
                {"A": "1", "B": "2", "C": "3", "D": None})

    def test_a_name_alone_in_environment_passes_on_the_callers_natively_as_well(self):
        it = project(environment={"A": "1"}, jobs=[{"name": "a", "source": "a", "environment": ["A"]}])
        self.assertEqual(skelebot.Native(ADA, it).variables(it.jobs[0]), {})

    def test_a_wrong_line_is_named_and_not_shown(self):
        for text, line in (("A=1\nsecret word\n", 2), ("A='secret\nB=1\n", 1), ("\n\nA=\"secret\" word", 3), ("=secret", 1),
                           ("A: secret", 1), ("A=s\nsec+ret/\n", 2), ("[secret]\nA=1", 1), ("A='b' 'c'", 1), ("A=secret\0", 1), ("- A=secret", 1), ("A B=secret", 1)):
            with self.subTest(text), files(_env=text):
                self.assertEqual(call("-n", "a", folder=self.project_here())[1:], ("", two_lines(
                    f".env:{line}: expected NAME=VALUE, with quotes around all of the value or none",
                    "write NAME='any text', a # before a comment, or NAME alone to pass on the caller's")))

    def project_here(self):
        with open("skelebot.yaml", "w") as file:
            file.write("name: x\nenvFiles: [.env]\njobs:\n- {name: a, source: 'true'}\n")
        return "."

    def test_one_that_does_not_exist_is_named_before_a_chain_begins(self):
        with files():
            for words in (["-n", "a"], ["--dry-run", "a"], ["-n", "b", "+", "a"]):
                with open("skelebot.yaml", "w") as file:
                    file.write("name: x\njobs:\n- {name: b, source: echo begun}\n- {name: a, source: a, envFiles: [.env]}\n")
                ending = call(*words)
                self.assertEqual((ending.status, ending.stderr), (1, two_lines(
                    "skelebot.yaml:4: jobs[1].envFiles[0]: .env does not exist",
                    "make it, or write {path: FILE, required: false}")))
                self.assertNotIn("begun", ending.stdout)

    def test_values_are_shown_neither_in_a_dry_run_nor_with_V(self):
        long = "-----\n" + "secret " * 200
        text = "name: x\nenvFiles: [.env]\njobs:\n- {name: a, source: 'test', params: [{name: p, default: <$A>}]}\n"
        with files(_env=f"A='{long}'\nHTTP_PROXY=secret\n"):
            with open("skelebot.yaml", "w") as file:
                file.write(text)
            for words in (["--dry-run", "-n"], ["--dry-run", "-s"], ["-V", "-n"]):
                with self.subTest(words):
                    ending = call(*words, "a")
                    self.assertNotIn("secret", ending.stdout + ending.stderr)
                    self.assertIn("...", ending.stdout + ending.stderr)


    def test_values_that_a_snap_of_docker_is_given_as_words_are_not_shown(self):
        it = project(envFiles=".env", jobs=[{"name": "a", "source": "true"}])
        plan = skelebot.plan_job(ADA._replace(confined=True, skip_build=True), it, it.jobs[0], skelebot.Words())
        steps = support.drive(plan, {".env": b"HTTP_PROXY=hidden\n"}).steps
        lines = [step.line for step in steps if isinstance(step, Command)]
        self.assertIn(" --env ... churn bash ", lines[-1])
        self.assertNotIn("hidden", "".join(lines))


class LeftOut(unittest.TestCase):
    """A file of envFiles that is inside gets into no image and no zip file, unless that is asked for."""

    def lines(self, **keys):
        it = project(folder=os.getcwd(), **keys)
        return [line for line in skelebot.dockerignore(it, it.jobs[0], None).split("\n") if line and line[0] != "#"]

    def test_a_named_file_and_what_it_leads_to_are_lines_before_ignores(self):
        with files(_env="", real_env=""):
            os.symlink("real.env", "link.env")
            self.assertEqual(self.lines(envFiles=[".env", "/etc/x", "../x", "~/x"], ignores=["!.env"], jobs=[
                {"name": "a", "source": "a", "envFiles": ["link.env"]}]), ["/.env", "/link.env", "/real.env", "!.env"])

    def test_those_of_other_environments_too(self):
        with files() as path:
            for name, text in (("dev", "envFiles: [dev.env]\n"), ("prod", "jobs:\n- {name: b, source: b, envFiles: [prod.env]}\n"),
                               ("wrong", "envFiles: {}\n")):
                with open(f"skelebot-{name}.yaml", "w") as file:
                    file.write(text)
            with open("skelebot.yaml", "w") as file:
                file.write("name: x\nenvFiles: [.env]\n")
            for env in (None, "dev"):
                self.assertEqual(skelebot.env_files_inside(skelebot.read_folder(path, env)), ["/.env", "/dev.env", "/prod.env"])

    def test_one_that_copy_names_is_wanted(self):
        with files(_env="", b_env=""):
            self.assertEqual(self.lines(envFiles=[".env", "b.env"], copy=["./.env:/etc/x"]), ["/b.env"])

    def test_a_note_says_so_once_for_each_that_is_there(self):
        with files(_env="A=1"):
            before, now = skelebot.Recipe(), skelebot.Recipe(ignored="/.env\n")
            lines = ("/.env", "/other")
            self.assertEqual(list(skelebot.context_notes(before, now, lines)),
                             [".env of envFiles is not in the image: ignores: ['!/.env'] lets it in"])
            self.assertEqual(list(skelebot.context_notes(now, now, lines)), [])
            self.assertEqual(list(skelebot.context_notes(before, skelebot.Recipe(ignored="/.env\n!.env"), lines)), [])

    def test_the_zip_file_has_it_if_it_is_asked_for(self):
        for ignores, expected in (("[]", "1 files"), ("['!.env']", "2 files")):
            with support.folder({".env": "A=1", "skelebot.yaml": "name: x\nenvFiles: [.env]\ncomponents:\n"
                                 f"  package: {{path: ../{os.urandom(4).hex()}.zip, ignores: {ignores}}}\n"}) as path:
                ending = call("package", folder=path)
                os.remove(os.path.join(path, ending.stdout.strip()))
                self.assertIn(f"packaged {expected}", ending.stderr)


class Time(unittest.TestCase):
    """The end of a command's limit, with the time for its last words."""

    def ended(self, text, grace):
        for number in skelebot.stop_signals():
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.addCleanup(setattr, skelebot, "LAST_WORDS", skelebot.LAST_WORDS)
        skelebot.LAST_WORDS = grace
        step = Command(("sh", "-c", text), limit=0.5, whole=True)
        with support.inside({}):
            outcome = skelebot.run_program(step)
            return outcome, sorted(os.listdir("."))

    def test_is_a_term_that_it_may_answer(self):
        self.assertEqual(self.ended("trap ': > said; exit 3' TERM; sleep 60 & wait", 20), (skelebot.UNANSWERED, ["said"]))

    def test_is_a_kill_for_all_that_it_has_started_when_the_grace_is_over_too(self):
        self.assertEqual(self.ended("trap '' TERM; (sleep 40 && : > late) & sleep 60 && : > later", 1), (skelebot.UNANSWERED, []))

    def test_is_none_for_what_ends_before(self):
        self.assertEqual(self.ended("exit 4", 20)[0], Outcome(4))

    def test_shows_in_a_dry_run_as_timeout(self):
        text = "name: x\njobs:\n- {name: a, source: 'true', resources: {time: 30m, cpus: 1}}\n"
        with support.folder({"skelebot.yaml": text}) as path:
            ending = call("--dry-run", "-n", "a", folder=path)
            detached = call("--dry-run", "-s", "--resources", "time=2s", "a", folder=path)
        self.assertIn("\ntimeout -k 30 1800 bash -c true bash\n", ending.stdout)
        self.assertEqual(ending.stderr, "skelebot: natively a may take more than resources says; only time is kept\n")
        self.assertIn("\ntimeout -k 30 2 docker run ", detached.stdout)


class Gpus(unittest.TestCase):
    """Why there are none, by the words of Docker, NVIDIA's toolkit and podman."""

    def test_are_explained(self):
        for words, hint in (
                ('docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]]',
                 "that engine has no GPUs to give: install NVIDIA's Container Toolkit on its machine, then nvidia-ctk "
                 "runtime configure, and start it again"),
                ("OCI runtime create failed: nvidia-container-cli: device error: 5: unknown device",
                 "no such GPU, or no driver there: see nvidia-smi -L"),
                ("Auto-detected mode as 'legacy'\nnvidia-container-cli: initialization error: nvml error: driver not loaded",
                 "no such GPU, or no driver there: see nvidia-smi -L"),
                ("Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=3",
                 "podman knows no nvidia.com/gpu=3 there: nvidia-ctk cdi list shows its GPUs, nvidia-ctk cdi generate "
                 "--output=/etc/cdi/nvidia.yaml makes them known")):
            with self.subTest(words):
                self.assertEqual(skelebot.refusal_hint(words, ""), hint)


class Page(unittest.TestCase):
    def test_of_a_job_shows_what_it_may_take_and_its_files(self):
        text = ("name: x\nresources: {cpus: 2, memory: 1g}\nenvFiles: [.env]\njobs:\n"
                "- {name: a, source: a, resources: {memory: 2g}, envFiles: [b.env]}\n")
        with support.folder({"skelebot.yaml": text}) as path:
            page = call("a", "--help", folder=path).stdout
        self.assertIn("\nResources:\n  cpus    2\n  memory  2g\n\nFiles with variables:\n  .env\n  b.env\n", page)


class LastLine(unittest.TestCase):
    def test_is_not_dockers_advice_to_ask_for_help(self):
        self.assertEqual(skelebot.last_line("docker: no such thing\n\nRun 'docker run --help' for more information\n"),
                         "docker: no such thing")


if __name__ == "__main__":
    unittest.main()
