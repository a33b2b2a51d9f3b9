"""Builds that are skipped: what makes an image anew, how often Docker is called, and what the job then sees.

A docker before the real one on PATH writes down its words. Where a test only asks whether something would be
built, and why, a dry run tells it.
"""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from engine import (
    BASE, ROOT, TIMEOUT, Tests, call, engines, environment, missing, on, prints, tree, write)
from program import PATIENT, SOURCE
from real_run import python_for_all
from support import skelebot

RECORDER = """#!/bin/sh
# Writes down its words, and is the real one, unless a hook says otherwise.
printf '%s\\n' "$*" >> '{folder}/log'
[ ! -e '{folder}/hook' ] || . '{folder}/hook'
exec '{program}' "$@"
"""
VANISHING = """
if [ "$1" = run ]; then
  rm '{folder}/hook'
  '{program}' rmi --force '{image}' > '{folder}/removed'
fi
"""
REFUSING = '[ "$1" != build ] || exit 1\n'
TOKEN = r"(?<=-)[0-9a-f]{8}(?= --label skelebot.project)"   # at the end of a container's name
RECENT = 0.06                               # seconds after which a file's times tell a change


def watched(engine, folder):
    """The engine with a command line that keeps a log in a folder, and nothing remembered of builds."""
    program, name = shutil.which(engine.cli[0]), engine.environ.get("SKELEBOT_DOCKER", "docker")
    write(folder, {f"bin/{name}": RECORDER.format(folder=folder, program=program), "log": ""})
    os.chmod(os.path.join(folder, "bin", name), 0o755)
    path = os.pathsep.join([os.path.join(folder, "bin"), engine.environ.get("PATH", os.environ["PATH"])])
    home, scratch = os.path.join(folder, "home"), os.path.join(folder, "scratch")
    os.mkdir(scratch)
    return engine._replace(cli=(program,), environ={**engine.environ, "PATH": path, "SKELEBOT_HOME": home,
                                                    "TMPDIR": scratch})


class Watched(Tests):
    """Tests of one project on an engine whose command line is watched.

    first  the words of the call that builds the project before the tests
    """
    build = False
    first = ("prime",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = watched(cls.engine, cls.top)
        done = cls.call(*cls.first) if cls.first else None
        if done and done.status:
            cls.tearDownClass()
            raise AssertionError(f"{cls.config} was not built:\n{done.stderr}")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def change(self, files):
        """Write files, and wait until they are not new any more."""
        write(self.folder, files)
        time.sleep(RECENT)

    def calls(self, *words, **options):
        """(how skelebot ended, the calls of the engine's command line that it took)."""
        write(self.top, {"log": ""})
        done = self.skelebot(*words, **options)
        return done, re.sub(TOKEN, "TOKEN", tree(self.top)["log"].decode()).splitlines()

    def kinds(self, *words, **options):
        """What skelebot printed, and of its calls the kind, without the questions about the builder and a first run."""
        done, lines = self.calls(*words, **options)
        kinds = [re.match(r"(?:--host \S+ )?(\S+)", line).group(1) for line in lines if "RepoTags" not in line]
        return done.stdout, [kind for kind in kinds if kind not in ("buildx", "--version", "rmi", "diff", "rm")]

    def reason(self, *words, **options):
        """Why a call would build; "" if it would only run an image that is there, by its id."""
        done = self.skelebot("-V", "--dry-run", *words, **options)
        built = re.search(r"(?m)(?:^| \| )(docker|podman) (--host \S+ )?build ", done.stdout.decode())
        why = re.search(r"(?m)^skelebot: building \S+: (.*)$", done.stderr)
        self.assertEqual(bool(built), bool(why), done)
        return why.group(1) if why else ""

    def image(self, name=""):
        return self.inspect(name or self.name)["Id"]

    def run_line(self, job, image, *words, user="", mounts=""):
        """`docker run` of a job, as it is written down."""
        run = skelebot.Runs(self.folder).numbers()[0]
        return (f"run --rm --pull never --init --name {self.name}-{job}-TOKEN --label skelebot.project={self.name} "
                f"--label skelebot.job={job} --label skelebot.run={run} --interactive {user}--env SKELEBOT_RUN "
                f"--env SKELEBOT_METRICS {mounts}--mount type=bind,source={self.path('.skelebot/runs', str(run), 'shared')},"
                f"target=/run/skelebot {image} {' '.join(words)}")


SHOW = {"name": "show", "source": "cat word.txt"}
SHOW_ARGV = ("bash", "-c", SHOW["source"], "bash")


# ---- What is there ----------------------------------------------------------

TREE = {"tree/z.txt": "one\n", "tree/y.sh": "", "tree/x.txt": "", "tree/v.txt": "v\n", "tree/s/in.txt": ""}
LIST = {"name": "list", "source": "find tree -printf '%P %#m %l\\n' | LC_ALL=C sort; cat tree/z.txt"}


@on("BuildKit")
class Built(Watched):
    """A project that was built before."""
    files = {"word.txt": "one\n", **TREE}
    config = {"language": "NA", "jobs": [SHOW, LIST]}

    def is_one_call(self, **environ):
        self.skelebot("show", **environ)        # then it is known what it writes
        done, calls = self.calls("show", **environ)
        self.assertEqual((done.stdout, done.stderr, calls),
                         (b"one\n", "", [self.run_line("show", self.image(), *SHOW_ARGV)]))

    def test_is_run_with_one_call(self):
        self.is_one_call()

    def test_is_built_again_when_its_image_was_removed(self):
        self.engine.ask("rmi", "--force", self.image())
        self.assertEqual(self.reason("show"), "its image is gone")
        self.assertEqual(self.kinds("show"), (b"one\n", ["build", "run"]))
        self.assertEqual(self.reason("show"), "")

    def test_has_its_tag_again_when_another_checkout_took_it(self):
        own, other = self.image(), os.path.join(self.top, "other")
        shutil.copytree(self.folder, other)
        write(other, {"word.txt": "other\n"})
        self.assertEqual(self.skelebot("show", folder=other).stdout, b"other\n")
        self.assertEqual(self.kinds("show"), (b"one\n", ["tag", "run"]))
        self.assertEqual((self.image(), self.skelebot("-s", "show").stdout), (own, b"one\n"))
        self.is_one_call()

    def test_is_built_anew_with_all_that_changed(self):
        write(self.folder, {"tree/z.txt": "two\n", "tree/new.txt": ""})
        os.chmod(self.path("tree", "y.sh"), 0o755)
        os.remove(self.path("tree", "x.txt"))
        shutil.rmtree(self.path("tree", "s"))
        os.rename(self.path("tree", "v.txt"), self.path("tree", "u.txt"))
        os.symlink("u.txt", self.path("tree", "link"))
        self.assertEqual(self.kinds("list"), (
            b" 0755 \nlink 0777 u.txt\nnew.txt 0644 \nu.txt 0644 \ny.sh 0755 \nz.txt 0644 \ntwo\n", ["build", "run"]))


CONFINED = """#!/bin/sh
# A docker whose folder for temporary files is its own.
printf '%s\\n' "$*" >> '{folder}/log'
exec unshare --mount sh -c 'mount -t tmpfs none "$TMPDIR" && exec "$@"' confined '{program}' "$@"
"""


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "only root can give a program a folder of its own")
@on("legacy", "BuildKit")
class BuiltBySnap(Watched):
    """The same by a docker that came as a snap, which sees no file in our folder for temporary ones."""
    files = {"word.txt": "one\n"}
    config = {"language": "NA", "jobs": [SHOW]}
    first = ()

    def test_is_run_with_one_call(self):
        write(self.top, {"bin/snap": CONFINED.format(folder=self.top, program=self.engine.cli[0])})
        os.chmod(os.path.join(self.top, "bin", "snap"), 0o755)
        os.remove(os.path.join(self.top, "bin", "docker"))
        os.symlink("snap", os.path.join(self.top, "bin", "docker"))
        self.assertEqual(self.kinds("show"), (b"one\n", ["build", "run"]))
        done, calls = self.calls("show")
        self.assertEqual((done.stdout, calls), (b"one\n", [self.run_line("show", self.image(), *SHOW_ARGV)]))


@on("podman")
class BuiltByPodman(Watched):
    """The same, where only the command line can be asked for an image."""
    files = {"word.txt": "one\n"}
    config = {"language": "NA", "jobs": [SHOW]}

    def test_is_run_without_a_build(self):
        stdout, kinds = self.kinds("show")
        self.assertEqual((stdout, [kind for kind in kinds if kind != "image"]), (b"one\n", ["run"]))


EVERY_BYTE = bytes(range(256))
TALK = "printf 'name? '\nread -r name\nprintf %s \"$name\"\ncat data/bytes\ncat data/bytes >&2\n"


@on("legacy")
class Remembered(Built):
    """The same, and what else may happen between two runs; it is all one to the builder."""
    files = {**Built.files, "data/bytes": EVERY_BYTE, "logs/a.txt": "", "talk.sh": TALK, "skelebot-prod.yaml": "{}\n"}
    config = {"language": "NA", "ignores": ["logs/", "**/*.log"], "jobs": [
        SHOW, LIST, {"name": "talk", "source": "talk.sh"}, {"name": "copy", "source": "cat"},
        {"name": "light", "source": "ls", "ignores": ["word.txt"]}]}

    def stays(self, *words, **environ):
        self.assertEqual(self.reason(*words or ["show"], **environ), "")

    def test_stays_when_ignored_files_change_and_others_are_read(self):
        write(self.folder, {"logs/a.txt": "1,2\n", "logs/new/b.txt": "", "tree/new.log": ""})
        os.chmod(self.path("logs"), 0o700)
        tree(self.folder)
        self.stays()

    def test_stays_when_other_jobs_run_and_other_images_are_built(self):
        self.assertEqual(self.kinds("copy", stdin=b"typed"), (b"typed", ["run"]))
        stdout, kinds = self.kinds("light")
        self.assertEqual((b"word.txt" in stdout, kinds), (False, ["build", "run"]))
        self.assertEqual(self.reason("-e", "prod", "show"), "it was not built here before")
        self.skelebot("-e", "prod", "prime")
        for words in (["show"], ["light"], ["-e", "prod", "show"]):
            self.stays(*words)

    # What is remembered

    def test_is_built_when_what_is_remembered_is_garbage(self):
        known = {path: content for path, content in tree(self.top).items() if path.startswith("home/builds/")}
        for cut in (lambda content: b"", lambda content: b"\0" * 7, lambda content: os.urandom(1000),
                    lambda content: content[:-20]):
            write(self.top, {path: cut(content) for path, content in known.items()})
            self.assertNotEqual(self.reason("show"), "")
        write(self.top, known)
        self.stays()

    def test_is_built_when_nothing_can_be_remembered(self):
        home = {"SKELEBOT_HOME": os.path.join(self.top, "log")}     # no folder
        self.assertEqual(self.kinds("prime", **home), (b"", ["build"]))
        self.assertEqual(self.reason("show", **home), "it was not built here before")

    def talk(self):
        """(what the job says before it has got its line, the rest, stderr), after a build of what Docker has."""
        shutil.rmtree(os.path.join(self.top, "home"))
        process = subprocess.Popen([*PATIENT, "talk"], cwd=self.folder, env=environment(**self.engine.environ),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        select.select([process.stdout], [], [], TIMEOUT)
        first = os.read(process.stdout.fileno(), 100)
        return (first, *process.communicate(b"Ada\n", TIMEOUT))

    def test_is_heard_at_once_and_byte_for_byte_after_a_build_in_silence(self):
        self.assertEqual(self.talk(), (b"name? ", b"Ada" + EVERY_BYTE, EVERY_BYTE))
        self.stays()

    def test_is_built_once_more_when_its_image_goes_just_before_the_run(self):
        hook = VANISHING.format(folder=self.top, program=self.engine.cli[0], image=self.image())
        write(self.top, {"hook": hook})
        self.assertEqual(self.kinds("copy", stdin=b"typed"), (b"typed", ["run", "version", "image", "build", "run"]))
        self.stays()

    # Hosts

    def test_is_built_once_on_each_host(self):
        if missing("remote"):
            self.skipTest(missing("remote"))
        there = engines()["remote"].environ["DOCKER_HOST"]
        self.addCleanup(prints, *self.engine.cli, "--host", there, "rmi", "--force", self.name)
        self.assertEqual(self.reason("-d", there, "show"), "it was not built here before")
        self.assertEqual(self.kinds("-d", there, "show"), (b"one\n", ["build", "run"]))
        self.stays()
        self.stays("-d", there, "show")
        self.stays("show", DOCKER_HOST=there)

    def test_is_run_with_one_call_in_a_context(self):
        context = {"DOCKER_CONFIG": os.path.join(self.top, "docker"), "DOCKER_CONTEXT": "here"}
        call([*self.engine.cli, "context", "create", "here", "--docker", "host=unix:///var/run/docker.sock"], self.top,
             DOCKER_CONFIG=context["DOCKER_CONFIG"])
        self.assertEqual(self.kinds("prime", **context), (b"", ["build"]))
        self.is_one_call(**context)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
@on("legacy")
class OtherUser(Watched):
    """`user: host` for a caller who is not root."""
    first = ()
    files = {"word.txt": "one\n"}
    config = {"language": "NA", "user": "host", "jobs": [SHOW]}

    @classmethod
    def argv(cls, *words):
        group = os.stat("/var/run/docker.sock").st_gid
        return ["setpriv", "--reuid", "12345", "--regid", "12346", "--groups", str(group), "--",
                python_for_all(), os.path.join(cls.top, "skelebot", "skelebot.py"), *words]

    def test_is_asked_for_once(self):
        shutil.copytree(os.path.join(ROOT, "templates"), os.path.join(self.top, "skelebot", "templates"))
        shutil.copy(SOURCE, os.path.join(self.top, "skelebot"))
        for top, folders, files in os.walk(self.top):
            for name in ("", *files):
                os.chown(os.path.join(top, name), 12345, 12346)
        stdout, kinds = self.kinds("show", USER="ada", LOGNAME="")
        self.assertEqual((stdout, kinds), (b"one\n", ["build", "info", "run", "run"]))     # one for /etc/passwd
        done, calls = self.calls("show", USER="ada", LOGNAME="")
        accounts = r"--mount type=bind,source=\S+,target=/etc/(?:passwd|group),readonly "
        self.assertEqual(len(re.findall(accounts, calls[0])), 2)
        calls = [re.sub(accounts, "", line) for line in calls]
        user = "--user 12345:12346 --env HOME=/tmp --env USER=ada "
        self.assertEqual((done.stdout, calls),
                         (b"one\n", [self.run_line("show", self.image(), *SHOW_ARGV, user=user)]))


# ---- What makes a build -----------------------------------------------------

@on("legacy")
class Changes(Watched):
    """Each change of what an image is built of, on top of those before; the one that is named is the latest."""
    first = ()
    files = {**TREE, "data/a.csv": ""}
    ignores = ["data/", "*.log"]
    jobs = [{**LIST, "source": "echo $WORD; ls; " + LIST["source"]}]

    def config_now(self, **changes):
        self.write_project(self.folder, **{"baseImage": self.name + "-base", "language": "NA", "ignores": self.ignores,
                                           "jobs": self.jobs, **changes})

    def tag_base(self, text):
        """Let the project's base image be another one."""
        write(self.top, {"base/Dockerfile": f"FROM {BASE}\n{text}\n"})
        self.engine.ask("build", "--quiet", "--tag", self.name + "-base", os.path.join(self.top, "base"))

    def rewrite(self, name, text):
        """Write as many bytes into a file, and give it the time that it had."""
        before = os.stat(self.path(name))
        write(self.folder, {name: text})
        os.utime(self.path(name), ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_are_named_and_arrive(self):
        self.addCleanup(prints, *self.engine.cli, "rmi", "--force", self.name + "-base")
        self.tag_base("ENV WORD=old")
        self.config_now()
        os.symlink("x.txt", self.path("tree", "w"))
        self.skelebot("prime")
        self.assertEqual(self.reason("list"), "")
        for reason, change in self.table():
            change()
            self.assertEqual(self.reason("list"), reason)
        self.assertEqual(self.skelebot("list").stdout.decode(), (
            "new\nDockerfile\ndata\nskelebot.yaml\ntree\n"
            " 0755 \nr 0755 \ns 0700 \ns/in.txt 0644 \nt 0644 \nu.txt 0644 \nw 0777 z.txt\ny.sh 0755 \nz.txt 0644 \n"
            "two\n"))
        self.assertEqual(self.reason("list"), "")

    def table(self):
        """(what is said of a change, what makes it)."""
        link = self.path("tree", "w")
        return (
            ("tree/z.txt was changed", lambda: self.rewrite("tree/z.txt", "two\n")),
            ("the mode of tree/y.sh has changed", lambda: os.chmod(self.path("tree", "y.sh"), 0o755)),
            ("tree/x.txt is gone", lambda: os.remove(self.path("tree", "x.txt"))),
            ("tree/w was changed", lambda: (os.remove(link), os.symlink("z.txt", link))),
            ("tree/u.txt is new", lambda: os.rename(self.path("tree", "v.txt"), self.path("tree", "u.txt"))),
            ("tree/t is new", lambda: write(self.folder, {"tree/t": ""})),
            ("the mode of tree/s has changed", lambda: os.chmod(self.path("tree", "s"), 0o700)),
            ("tree/r is new", lambda: os.mkdir(self.path("tree", "r"))),
            ("line 3 of .dockerignore is *.log", lambda: self.config_now(ignores=self.ignores[1:])),
            ("line 10 of the Dockerfile is RUN true",
             lambda: self.config_now(ignores=self.ignores[1:], commands=["true"])),
            (f"the base image {self.name}-base has changed", lambda: self.tag_base("ENV WORD=new")),
        )

    def test_rebuild_is_asked_for(self):
        self.write_project(self.folder, name=self.name + "-anew", language="NA", jobs=self.jobs)
        self.assertEqual(self.reason("--rebuild", "list"), "--rebuild asks for it")
        shown = self.skelebot("--rebuild", "--dry-run", "list").stdout.decode()
        self.assertRegex(shown, rf"\ndocker build .*--pull --no-cache .*{self.name}-anew ")


# ---- Builds that are disturbed ----------------------------------------------

@on("legacy")
class EnvironmentsAtOnce(Watched):
    """Runs of a project in two environments, which have one Dockerfile and one .dockerignore between them."""
    files = {"word.txt": "", "skelebot-dev.yaml": json.dumps({"commands": ["sleep 1; echo dev > /which"]})}
    config = {"language": "NA", "commands": ["echo default > /which"], "jobs": [{"name": "which", "source": "cat /which"}]}
    first = ()

    def test_are_what_each_of_them_says(self):
        for number in range(3):
            self.change({"word.txt": str(number)})
            running = [self.start(*words, "which") for words in (("-e", "dev"), ())]
            self.assertEqual([one.ends() for one in running], [0, 0])
            self.assertEqual([self.skelebot(*words, "which").stdout for words in (("-e", "dev"), ())],
                             [b"dev\n", b"default\n"])


@on("BuildKit")
class AtOnce(Watched):
    """Several runs of a project that has changed."""
    files = {"word.txt": "one\n", "aside.txt": ""}
    config = {"language": "NA", "jobs": [SHOW, {**SHOW, "name": "light", "ignores": ["aside.txt"]}]}

    def test_see_the_new_content(self):
        self.change({"word.txt": "two\n"})
        for running in [self.start(job) for job in ("show", "show", "light")]:
            self.assertEqual(running.ends(), 0, running.said.decode())
            self.assertIn(b"two\n", running.said)
        self.assertEqual([self.reason("show"), self.reason("light")], ["", ""])


@on("legacy", "BuildKit")
class Broken(Watched):
    """A build that fails."""
    first = ()
    files = {"step.sh": "echo said-$((40 + 2))\necho aside-$((40 + 2)) >&2\nexit 3\n"}
    config = {"language": "NA", "commands": ["sh step.sh"], "jobs": [SHOW]}
    begins = {"legacy": ("Sending build context", "DEPRECATED: "), "BuildKit": ("#0 ", "#1 ", "#2 ")}

    def test_is_shown_whole_and_tried_again(self):
        done = self.skelebot("show", status=1)
        patience = f"skelebot: building {self.name}\n"      # which is said where it takes longer
        log = done.stderr[len(patience):] if done.stderr.startswith(patience) else done.stderr
        self.assertTrue(log.startswith(self.begins[self.engine.name]), done.stderr)
        self.assertRegex(done.stderr, r"\nskelebot: the image was not built .*\n  hint: .*\n$")
        said = [word for word in ("aside-42\n", "said-42\n") if word in done.stderr]
        self.assertEqual((done.stdout, len(said)), (b"", 2), done.stderr)
        self.assertEqual(self.reason("show"), "it was not built here before")


@on("legacy")
class Killed(Watched):
    """A build that is killed, with skelebot."""
    first = ()
    files = {"word.txt": "one\n", "step.sh": "echo asleep-$((40 + 2))\nsleep 100\n"}
    config = {"language": "NA", "commands": ["sh step.sh"], "jobs": [SHOW]}

    def test_leaves_nothing_that_breaks_the_next(self):
        running = self.start("show").says("asleep-42").signal(signal.SIGKILL)
        running.process.wait()
        try:
            self.change({"step.sh": "true\n"})
            self.assertEqual(self.kinds("show"), (b"one\n", ["build", "run"]))
            self.assertEqual(self.reason("show"), "")
        finally:
            os.killpg(running.process.pid, signal.SIGKILL)      # what it has started


# ---- Live -------------------------------------------------------------------

@on("BuildKit")
class Live(Watched):
    """The project as it is, over its copy in the image."""
    files = {"word.txt": "one\n", "old.txt": "", "data/in.txt": "in\n", "requirements.txt": "# none yet\n",
             "work.sh": "set -e\nls *.txt\ncat word.txt data/in.txt\necho made > made.out\necho out > data/out.txt\n"}
    config = {"dependencies": ["req:requirements.txt"], "ignores": ["data/"],
              "jobs": [{"name": "work", "source": "work.sh", "mappings": ["data/"]}]}

    def test_is_run_without_a_build_as_long_as_nothing_else_is_installed(self):
        write(self.folder, {"word.txt": "two\n", "new.txt": ""})
        os.remove(self.path("old.txt"))
        self.skelebot("--live", "work")         # then it is known what it writes
        done, calls = self.calls("--live", "work")
        mounts = "".join(f"--mount type=bind,source={source},target={target} " for source, target in (
            (self.folder, "/app"), (self.path("data"), "/app/data/")))
        self.assertEqual(calls, [self.run_line("work", self.image(), "bash", "work.sh", mounts=mounts)])
        self.assertEqual(done.stdout, b"new.txt\nrequirements.txt\nword.txt\ntwo\nin\n")
        found = tree(self.folder)
        self.assertEqual((found["made.out"], found["data/out.txt"]), (b"made\n", b"out\n"))
        self.is_built_when_what_is_installed_changes()

    def is_built_when_what_is_installed_changes(self):
        self.assertEqual((self.reason("--live", "work"), self.reason("work")), ("", "made.out is new"))
        write(self.folder, {"requirements.txt": "# none at all\n"})
        self.assertEqual(self.reason("--live", "work"), "requirements.txt was changed")

    def test_is_refused_on_another_host(self):
        write(self.top, {"log": ""})
        done = self.skelebot("--live", "-d", "tcp://192.0.2.1:2375", "work", status=1)
        self.assertEqual(done.stderr, "skelebot: --live cannot map this machine's folder on tcp://192.0.2.1:2375\n"
                                      "  hint: leave --live out: the image has a copy\n")
        self.assertEqual(tree(self.top)["log"], b"")


# ---- Large projects ---------------------------------------------------------

LISTING = """cd /app; export LC_ALL=C
find . -printf '%P %#m %y %U:%G %l\\n' | sort; find . -type f -print0 | sort -z | xargs -0 cat"""


@on("BuildKit")
class CopiedByFolder(Watched):
    """A project so large that each of its folders is copied by itself, and one `COPY . /app` of it."""
    config = {"language": "NA", "ignores": ["secret/", "**/*.log"]}
    files = {**{f"data/{number}.csv": f"{number}\n" for number in range(500)},
             "src/a b.py": "1\n", "src/deep/run.sh": "2\n", "notes, old/x": "", "gone/x": "", "job.py": "3\n",
             ".hidden": "4\n", "secret/key": "5\n", "src/x.log": "6\n", "x.log": "7\n"}
    first = ()

    def contents(self):
        """What is in the image, which was built from copies by folder, and in one of `COPY . /app`."""
        self.assertRegex(self.skelebot("-V", "prime").stderr, r'COPY \["data",\s*"/app/data"\]')
        engine, whole = self.engine, self.name + "-whole"
        engine.ask("build", "-q", "--tag", whole, "--file", self.path("Dockerfile"), self.folder)
        return ["\n".join(engine.ask("run", "--rm", image, "bash", "-c", LISTING)) for image in (self.name, whole)]

    def test_is_the_same_in_the_image(self):
        os.makedirs(self.path("src", "empty"))
        os.chmod(self.path("src", "deep"), 0o700)
        os.chmod(self.path("src", "deep", "run.sh"), 0o4750)
        os.symlink("a b.py", self.path("src", "link"))
        os.symlink("nowhere", self.path("src", "deep", "dangling"))
        copied, whole = self.contents()
        self.assertEqual(copied, whole)
        self.assertIn("\nsrc/deep/run.sh 04750 f 0:0 \n", copied)
        self.is_so_when_folders_come_and_go()

    def is_so_when_folders_come_and_go(self):
        shutil.rmtree(self.path("gone"))
        os.remove(self.path("data", "0.csv"))
        os.remove(self.path(".hidden"))
        write(self.folder, {"data/new/x": "8\n", "come/x": "9\n", "job.py": "10\n"})
        copied, whole = self.contents()
        self.assertEqual(copied, whole)
        self.assertNotRegex(copied, r"(?m)^(gone|data/0\.csv|\.hidden|secret|\S*\.log)\b.* 0:0 $")


# ---- Dependencies -----------------------------------------------------------

@on("BuildKit")
class Downloaded(Watched):
    """What apt-get has to fetch for an image whose base lacks it."""
    first = ()

    def fetched(self, timezone):
        self.write_project(self.folder, baseImage=self.name + "-base", language="NA", timezone=timezone, jobs=[SHOW])
        return re.findall(r"Need to get ([\d,.]+ \w+) of archives|Need to get (0 B)/", self.skelebot("-V", "prime").stderr)

    def test_is_fetched_once_for_each_base_image(self):
        self.addCleanup(prints, *self.engine.cli, "rmi", "--force", self.name + "-base")
        write(self.top, {"base/Dockerfile": "FROM skelebot-test/debian\nRUN dpkg --purge --force-depends tzdata\n"
                                            f"LABEL of={self.name}\n"})
        self.engine.ask("build", "--quiet", "--tag", self.name + "-base", os.path.join(self.top, "base"))
        (first, _), = self.fetched("Europe/Berlin")
        (_, second), = self.fetched("America/New_York")
        self.assertEqual((first != "", second), (True, "0 B"))


@on("legacy", "BuildKit")
class Appended(Watched):
    """A dependency that is added at the end of the list."""
    first = ()
    appended = "# Appended since"

    def list(self, *names, folder=None):
        self.write_project(folder or self.folder, dependencies=[f"six!=1.0.{int(self.name[-6:], 16)}", *names],
                           components={"registry": {"host": "127.0.0.1", "port": 1, "user": "acme"}},
                           jobs=[{"name": "job", "source": "true"}])

    def dockerfile(self, folder):
        return tree(folder)["Dockerfile"].decode()

    def refused(self, *words, folder):
        """The Dockerfile that a call leaves whose build is refused."""
        write(self.top, {"hook": REFUSING})
        self.skelebot(*words, folder=folder, status=1)
        os.remove(os.path.join(self.top, "hook"))
        return self.dockerfile(folder)

    def test_is_installed_on_top(self):
        self.list("iniconfig")
        self.skelebot("prime")
        self.list("iniconfig", "toolz")
        said = self.skelebot("-V", "prime").stderr
        self.assertEqual(re.findall(r"Collecting ([\w-]+)", said), ["toolz"])
        self.assertIn("skelebot: appended since the first build here, and installed on top of it: toolz\n", said)
        grouped = self.dockerfile(self.folder)
        self.assertEqual(grouped.count(self.appended), 1)
        self.stays_plain_elsewhere(grouped)

    def stays_plain_elsewhere(self, grouped):
        folder = tempfile.mkdtemp(dir=self.top)
        self.list("iniconfig", "toolz", folder=folder)
        plain = self.refused("prime", folder=folder)
        self.assertEqual((plain.count(self.appended), plain.count("pip install")), (0, 1))
        self.assertEqual(self.refused("publish", folder=self.folder), plain)
        self.assertEqual(self.refused("prime", "-o", os.path.join(self.top, "image.tar"), folder=self.folder), plain)
        self.assertEqual(self.reason("job"), "")


# ---- What jobs write --------------------------------------------------------

TRAIN = {"name": "train", "source": "date +%N > models/net.bin; ls models", "mappings": ["models/"]}
SEE = {"name": "see", "source": "ls models"}
OTHER = {"name": "other", "source": "ls /app/out", "mappings": ["results/:/app/out"]}


@on("BuildKit", "legacy", "podman")
class Mapped(Watched):
    """What a job has mounted over the copy in its image."""
    files = {"models/old.bin": "", "run.sh": "", "out/a.txt": ""}
    config = {"language": "NA", "jobs": [TRAIN, SEE, OTHER]}

    @property
    def runs(self):
        """podman has no socket that could be asked for the image's id."""
        return ["image", "run"] if "podman" in type(self).__name__ else ["run"]

    def test_is_no_reason_to_build_for_that_job(self):
        self.kinds("train")
        self.assertEqual(self.kinds("train"), (b"net.bin\nold.bin\n", self.runs))
        write(self.folder, {"models/new/er.bin": "x", "out/b.txt": ""})
        os.remove(self.path("models", "old.bin"))
        self.assertEqual(self.reason("train"), "out/b.txt is new")
        os.remove(self.path("out", "b.txt"))
        self.assertEqual(self.kinds("train"), (b"net.bin\nnew\n", self.runs))
        self.assertRegex(self.reason("see"), "^models/")
        self.kinds("other")
        write(self.folder, {"out/b.txt": ""})
        self.assertEqual(self.reason("other"), "")
        os.remove(self.path("out", "b.txt"))

    def test_is_one_where_a_command_may_read_it(self):
        folder = os.path.join(self.top, "commands")
        for command, reason in (("ls models", "models"), ("ls . > /tmp/ls", "models"), ("bash ./run.sh", "models"), ("echo hi", "")):
            write(folder, self.files)
            self.write_project(folder, **self.config, commands=[command])
            self.skelebot("see", folder=folder)
            write(folder, {"models/net.bin": str(time.time())})
            with self.subTest(command):
                self.assertEqual(self.reason("train", folder=folder).partition("/")[0], reason)


@on("BuildKit", "legacy", "podman")
class Replaced(Watched):
    """What a build leaves behind."""
    files = {"word.txt": "one\n"}
    config = {"language": "NA", "jobs": [SHOW]}

    def is_there(self, image):
        return bool(prints(*self.engine.cli, "image", "inspect", image, **self.engine.environ))

    def test_image_is_removed_unless_it_has_another_name(self):
        first = self.image()
        self.change({"word.txt": "two\n"})
        self.skelebot("show")
        second = self.image()
        self.engine.ask("tag", second, self.name + ":kept")
        self.change({"word.txt": "three\n"})
        self.assertEqual(self.skelebot("show").stdout, b"three\n")
        self.assertEqual([self.is_there(one) for one in (first, second)], [False, True])


@on("BuildKit", "legacy")
class Told(Watched):
    """What a build says of what it sends."""
    files = {"word.txt": "one\n", ".env": "API_KEY=abcd1234\n", ".env.example": "API_KEY=abcd1234\n"}
    config = {"language": "NA", "jobs": [SHOW], "user": "host"}
    first = ()

    def test_names_secrets_and_large_folders_once(self):
        write(self.folder, {"data/raw.bin": "", "models/net.bin": ""})
        for name, size in (("data/raw.bin", 190), ("models/net.bin", 11)):
            os.truncate(self.path(name), size * 1000 * 1000)
        warned = self.skelebot("show").stderr
        self.assertIn("skelebot: warning: .env holds a password, and goes into the image; to keep it out, "
                      "add to ignores in skelebot.yaml: - .env\n", warned)
        self.assertIn("skelebot: the project sends 201.0 MB to Docker, most of it in data (190.0 MB), models (11.0 MB) and ",
                      warned)
        self.change({"word.txt": "two\n"})
        again = self.skelebot("show")
        self.assertEqual((again.stdout, "holds" in again.stderr, "sends" in again.stderr), (b"two\n", False, False))
        shutil.rmtree(self.path("data"))

    def test_tells_of_a_socket_and_of_a_path_that_is_too_long(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self.path("agent.sock"))
        self.change({"word.txt": "three\n"})
        note = "skelebot: agent.sock is a socket: the image has none, or an empty file\n"
        self.assertIn(note, self.skelebot("show").stderr)
        self.change({"word.txt": "four\n"})
        self.assertNotIn(note, self.skelebot("show").stderr)
        name, folders = "\u00e9" * 60, [os.open(self.folder, os.O_RDONLY)]
        for _ in range(36):                 # of 120 bytes each
            os.mkdir(name, dir_fd=folders[-1])
            folders.append(os.open(name, os.O_RDONLY, dir_fd=folders[-1]))
        self.addCleanup(shutil.rmtree, self.path(name))
        self.addCleanup(lambda: [os.close(one) for one in folders])
        said = self.skelebot("show", status=1).stderr
        self.assertIn(": its path is longer than Docker can read\n", said)
        self.assertIn(f"  hint: add to ignores in skelebot.yaml: - {name}\n", said)

    def test_refuses_what_it_may_not_read(self):
        """A file of mode 600, and a folder of mode 700, of another owner; without the job's own script no line helps."""
        write(self.folder, {"locked/a": "x", "data/raw.csv": "x", "src/show.sh": "echo one\n"})
        self.write_project(self.folder, **{**self.config, "jobs": [SHOW, {"name": "other", "source": "./src/show.sh --all"}]})
        group = str(os.stat("/var/run/docker.sock").st_gid)
        os.chmod(self.top, 0o755)
        or_ignore = "or add to ignores in skelebot.yaml: - {}"
        needed = "no line of ignores helps since the job other needs it"
        for name, mode, hint in (("data/raw.csv", 0o600, ", " + or_ignore), ("locked", 0o700, ", " + or_ignore),
                                 ("src/show.sh", 0o200, "; " + needed), ("src", 0o700, "; " + needed)):
            os.chmod(self.path(name), mode)
            done = call(["setpriv", "--reuid", "4321", "--regid", "4321", "--groups", group, python_for_all(), SOURCE, "show"],
                        self.folder, b"", **{**self.engine.environ, "SKELEBOT_HOME": "/tmp/none", "HOME": "/tmp"})
            os.chmod(self.path(name), 0o755)
            self.assertEqual((done.status, done.stdout, done.stderr.splitlines()), (1, b"", [
                f"skelebot: '{name}': you may not read it, so it cannot get into the image",
                f"  hint: chmod or chown it{hint.format(name)}"]))
