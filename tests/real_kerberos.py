"""Jobs with a Kerberos ticket from a real KDC: whose it is, that it lasts, that the keytab is in no image."""
import contextlib
import json
import os
import shutil
import signal
import sys
import tarfile
import time
import unittest

from engine import (BASE, Running, Tests, call, deadline, engines, environment, missing, on, output, prints,
                    tree, write)
from program import copy_for

KDC = os.environ.get("SKELEBOT_TEST_KDC", "")
CLIENT = "skelebot-test/kerberos"       # the base image with a client, so that not every image installs one
TICKET_OF = "Default principal: {}@SKELEBOT.TEST\n"
MARK = "SKELEBOT_TEST_MARK"             # a variable by which a job's processes are known


def kdc_file(name):
    """One of the files that tests/services.sh has made."""
    if not KDC:
        return b""
    return content(os.path.join(KDC, name))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def two_lines(message, hint):
    return f"skelebot: {message}\n  hint: {hint}\n"


def kerberos(keytab="krb/bob.keytab", principal="bob", conf="krb/krb5.conf"):
    return {"kerberos": {"krbConf": conf, "keytab": keytab, "hdfsUser": principal}}


def project_files(*keytabs):
    return {"krb/krb5.conf": kdc_file("krb5.conf"), **{f"krb/{name}.keytab": kdc_file(f"{name}.keytab") for name in keytabs}}


def make_client(engine, tag=CLIENT, base=BASE):
    """An image with a client on an engine: the same layers as last time."""
    text = f"FROM {base}\nRUN apt-get update && apt-get install --yes --no-install-recommends krb5-user\n"
    done = call([*engine.cli, "build", "--tag", tag, "--force-rm", "-"], "/", text.encode(), **engine.environ)
    if done.status:
        raise AssertionError(f"{tag} was not built:\n{done.stderr}")


class KerberosTests(Tests):
    """A project with a keytab; skelebot has a folder of its own for what is temporary, which has to stay empty."""
    files = project_files("bob")
    base = CLIENT

    @classmethod
    def setUpClass(cls):
        if not KDC:
            raise unittest.SkipTest("SKELEBOT_TEST_KDC is not set; tests/services.sh starts a KDC")
        if cls.base == CLIENT:
            make_client(cls.engine)
        super().setUpClass()
        cls.temp = os.path.join(cls.top, "temp")
        os.makedirs(cls.temp)

    @classmethod
    def write_project(cls, folder, **config):
        super().write_project(folder, **{"baseImage": cls.base, "components": kerberos(), **config})

    def variables(self, environ):
        return {"TMPDIR": self.temp, MARK: self.name, **environ}

    def skelebot(self, *words, status=0, **options):
        return super().skelebot(*words, status=status, **self.variables(options))

    def start(self, *words, **options):
        return super().start(*words, **self.variables(options))

    def tearDown(self):
        super().tearDown()
        until, left = time.monotonic() + 20, True
        while left and time.monotonic() < until:        # what ends may take a moment for it
            left = [*processes_with(f"{MARK}={self.name}"), *os.listdir(self.temp)]
        self.assertEqual(left, [], "was left behind")

    def variant(self, **config):
        """A folder beside the project's, of the same name and with the same files, but for `config`."""
        folder = os.path.join(self.top, os.urandom(4).hex())
        shutil.copytree(self.folder, folder, symlinks=True)
        self.write_project(folder, **{**self.config, **config})
        return folder

    def refused(self, message, hint, *words, **options):
        """The job was not run (it would have said so), and stderr is these two lines and nothing else."""
        done = self.skelebot(*words, status=1, **options)
        self.assertEqual((done.stdout, done.stderr), (b"", two_lines(message, hint)))


def open_to_all(folder):
    """The folder, which another user can write to, as one can read what is in it."""
    os.chmod(folder, 0o777)
    os.chmod(os.path.dirname(folder), 0o755)
    return folder


def as_other_user(top, *words):
    """The words that run a copy of skelebot as a user who is not root, in the group of Docker's socket."""
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable
    copy = os.path.join(top, "skelebot", "skelebot.pyc")
    if not os.path.exists(copy):
        copy_for(python, os.path.dirname(copy))
    return ["setpriv", "--reuid", "12345", "--regid", "12346", "--groups", str(os.stat("/var/run/docker.sock").st_gid),
            "--", python, copy, *words]


def processes_with(variable):
    """The command lines of the processes that have this variable."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/cmdline", "rb") as words:
                if variable.encode() in environ.read().split(b"\0"):
                    found.append(words.read().replace(b"\0", b" ").decode())
    return found


# ---- A ticket ---------------------------------------------------------------

JOBS = [
    {"name": "list", "source": "klist"},
    {"name": "exit", "source": "klist -s && exit $1", "args": ["status"]},
    {"name": "cat", "source": "cat"},
    {"name": "killed", "source": "kill -KILL $$"},
    {"name": "children", "source": "ps -o comm= --ppid $$; jobs; wait; echo waited"},
    {"name": "trap", "source": "trap 'echo got SIGTERM; exit 7' TERM; echo ready; while :; do sleep 0.1; done"},
    {"name": "sleep", "source": "echo ready; sleep 300"},
    {"name": "out", "source": "klist -s && echo $1 | tee out/$1", "args": ["word"], "mappings": ["out/"]},
]


class Tickets(KerberosTests):
    """A job has a ticket, and is otherwise as it is without one."""
    options = ("-s",)
    config = {"jobs": JOBS}

    def test_are_the_principals(self):
        self.assertIn(TICKET_OF.format("bob"), self.skelebot(*self.options, "list").stdout.decode())

    def test_leave_the_exit_status_to_the_job(self):
        for status in (0, 77):
            with self.subTest(status=status):
                self.skelebot(*self.options, "exit", str(status), status=status)

    def test_leave_stdin_to_the_job(self):
        done = self.skelebot(*self.options, "cat", stdin=bytes(range(256)) * 512)
        self.assertEqual(done.stdout, bytes(range(256)) * 512)

    def test_end_with_a_job_that_is_killed(self):
        self.skelebot(*self.options, "killed", status=137)

    def test_are_kept_by_no_child_of_the_jobs_shell(self):
        self.assertEqual(self.skelebot(*self.options, "children").stdout, b"ps\nwaited\n")

    def test_let_the_job_have_its_signals(self):
        running = self.start(*self.options, "trap").says("ready").signal(signal.SIGTERM)
        self.assertEqual((running.ends(), running.said), (143, b"ready\ngot SIGTERM\n"))

    def test_end_when_skelebot_is_stopped(self):
        running = [(130, self.start(*self.options, "sleep", terminal=True)), (130, self.start(*self.options, "sleep")),
                   (143, self.start(*self.options, "sleep")), (129, self.start(*self.options, "sleep"))]
        for _, one in running:
            one.says("ready")
        running[0][1].type(b"\x03")
        for number, (_, one) in zip((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), running[1:]):
            one.signal(number)
        self.assertEqual([one.ends() for _, one in running], [status for status, _ in running])

    def test_are_there_for_each_job_of_a_chain(self):
        done = self.skelebot(*self.options, "out", "1", "+", "out", "2", "+", "exit", "3", "+", "list", status=3)
        self.assertEqual(done.stdout, b"1\n2\n")

    def test_are_there_for_two_jobs_at_once(self):
        both = [self.start(*self.options, "out", word) for word in ("left", "right")]
        self.assertEqual([running.ends() for running in both], [0, 0])
        made = tree(os.path.join(self.folder, "out"))
        self.assertEqual((made["left"], made["right"]), (b"left\n", b"right\n"))


on("legacy")(Tickets)


class TicketsNatively(Tickets):
    """The same, without an engine."""
    options = ("-n", "-n")
    build = False
    files = {**Tickets.files, "out/.keep": ""}
    config = {"jobs": [*JOBS, {
        "name": "cache", "source": "f=${KRB5CCNAME#FILE:}; echo $f; stat -c %a $f $(dirname $f); stat -c %u $f"}]}

    def test_lie_in_a_private_cache(self):
        path, *modes, owner = self.skelebot("-n", "cache").stdout.decode().split()
        self.assertEqual((os.path.dirname(os.path.dirname(path)), modes, owner),
                         (self.temp, ["600", "700"], str(os.geteuid())))

    def test_end_within_seconds_when_skelebot_is_killed_but_not_its_job(self):
        running = self.start("-n", "sleep").says("ready")
        self.assertEqual(len(os.listdir(self.temp)), 1)
        running.process.kill()
        for _ in deadline(20):
            if not os.listdir(self.temp) and not [words for words in processes_with(f"{MARK}={self.name}") if "ticket" in words]:
                break
        os.killpg(running.process.pid, signal.SIGKILL)
        for _ in deadline(20):
            if not processes_with(f"{MARK}={self.name}"):
                break

    def test_are_not_the_callers_own(self):
        own = os.path.join(self.top, "own-cache")
        environ = {"KRB5CCNAME": "FILE:" + own, "KRB5_CONFIG": os.path.join(KDC, "krb5.conf")}
        output(["kinit", "-k", "-t", os.path.join(KDC, "ada.keytab"), "ada"], env=environment(**environ))
        before = content(own)
        self.assertIn(TICKET_OF.format("bob"), self.skelebot("-n", "list", **environ).stdout.decode())
        self.assertEqual(content(own), before)


on("BuildKit")(TicketsNatively)


@on("BuildKit", "podman", "remote")
class TicketsOfEngines(KerberosTests):
    """The ways in which a job can be run in a container, on each engine."""
    config = {"jobs": [
        {"name": "out", "source": "klist > out/list; exit 77", "mappings": ["out/"]},
        {"name": "sleep", "source": "klist; echo ready; sleep 300"},
        {"name": "detached", "source": "klist; echo ready; sleep 300", "mode": "d"}]}

    def test_are_there_in_a_job_with_mappings(self):
        self.skelebot("-s", "out", status=77)
        self.assertIn(TICKET_OF.format("bob").encode(), content(os.path.join(self.folder, "out", "list")))

    def test_are_there_in_exec_with_a_keytab_and_krb5_conf_anywhere(self):
        folder = self.variant(components=kerberos(os.path.join(KDC, "ada.keytab"), "ada", os.path.join(KDC, "krb5.conf")))
        done = self.skelebot("exec", "--", "klist", folder=folder)
        self.assertIn(TICKET_OF.format("ada"), done.stdout.decode())
        self.assertEqual(set(os.listdir(os.path.join(folder, ".skelebot"))) - {"runs"}, {"krb5.conf"})

    def test_end_when_skelebot_is_stopped(self):
        running = {signal.SIGINT: self.start("-s", "sleep"), signal.SIGTERM: self.start("-s", "sleep")}
        for number, one in running.items():
            one.says("ready").signal(number)
        self.assertEqual([one.ends() for one in running.values()], [130, 143])

    def test_are_got_before_the_job_or_not_at_all(self):
        words, hint = WRONG["no keytab"][2:]
        self.refused(NO_TICKET.format("bob", words), hint, "-s", "sleep",
                     folder=self.variant(components=kerberos("krb/krb5.conf")))

    def test_are_there_in_a_detached_job(self):
        words, hint = WRONG["no keytab"][2:]
        self.refused(NO_TICKET.format("bob", words), hint, "-s", "detached",
                     folder=self.variant(components=kerberos("krb/krb5.conf")))
        name = self.skelebot("-s", "detached").stdout.decode().strip()
        self.addCleanup(prints, *self.engine.cli, "rm", "--force", name, **self.engine.environ)
        for _ in deadline():
            said = "\n".join(self.engine.ask("logs", name))
            if "ready" in said:
                break
        self.assertIn(TICKET_OF.format("bob"), said + "\n")
        self.engine.ask("rm", "--force", name)


@on("legacy")
class Installing(KerberosTests):
    """An image that has no client gets one; krb5.conf is put where it belongs."""
    base = BASE
    config = {"jobs": [{"name": "list", "source": "klist; ls -d /etc/krb5.conf.d; cat /etc/krb5.conf"}]}

    def test_the_client(self):
        done = self.skelebot("-s", "list")
        self.assertRegex(done.stdout.decode(), TICKET_OF.format("bob") + r"(?s:.*)\n/etc/krb5.conf.d\n")
        self.assertTrue(done.stdout.endswith(kdc_file("krb5.conf")))

    def test_krb5_conf_from_elsewhere_as_it_is_now(self):
        folder = self.variant(components=kerberos(conf="../krb5.conf"))
        for line in (b"includedir /etc/krb5.conf.d\n", b"# changed since\n"):
            write(self.top, {"krb5.conf": line + kdc_file("krb5.conf")})
            done = self.skelebot("list", folder=folder)
            self.assertIn(TICKET_OF.format("bob"), done.stdout.decode())
            self.assertTrue(done.stdout.endswith(b"\n" + line + kdc_file("krb5.conf")))

    def test_no_client_with_s_and_is_told(self):
        folder = self.variant(name=self.name + "-bare", components={})
        self.skelebot("prime", folder=folder)
        self.addCleanup(self.engine.ask, "rmi", "--force", self.name + "-bare")
        self.write_project(folder, **{**self.config, "name": self.name + "-bare"})
        done = self.skelebot("-s", "list", folder=folder, status=1)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr, r"^skelebot: no Kerberos ticket for bob: .*kinit: not found\n"
                                      r"  hint: .*in Docker, build the image again\n$")


# ---- Tickets that end before the job does -----------------------------------

# Every second of 40: is there a valid ticket, and until when? Tickets of ada have 15 seconds.
WATCH = "for i in $(seq 40); do klist -s || echo none in second $i; klist | grep krbtgt >> $seen; sleep 1; done"


class Watching(KerberosTests):
    """A job of 40 seconds always has a ticket, though none lasts longer than 15.

    The runs on all engines go on beside the other tests of the module: these classes are the last ones.
    """
    files = project_files("ada")
    config = {"components": kerberos("krb/ada.keytab", "ada"), "jobs": [
        {"name": "watch", "source": f"seen=$(mktemp); {WATCH}; echo; sort -u $seen | wc -l; rm $seen"}]}

    @classmethod
    def begin(cls):
        """Build the image and start the job."""
        super().setUpClass()
        environ = {"TMPDIR": cls.temp, MARK: cls.name, **cls.engine.environ}
        cls.runs = [Running(cls.argv(option, "watch"), cls.folder, **environ)
                    for option in (("-s", "-n") if cls.engine.name == "legacy" else ("-s",))]

    @classmethod
    def end(cls):
        for run in cls.runs:
            run.signal(signal.SIGTERM).ends()
            run.stop()
        super().tearDownClass()

    @classmethod
    def setUpClass(cls):
        if not KDC or missing(cls.engine.name):
            raise unittest.SkipTest(missing(cls.engine.name) or "SKELEBOT_TEST_KDC is not set")

    @classmethod
    def tearDownClass(cls):
        pass

    def test_finds_a_ticket_in_every_second(self):
        for number, run in enumerate(self.runs):
            with self.subTest(number):
                self.assertEqual(run.ends(), 0)
                self.assertNotIn(b"none in second", run.said)
                self.assertRegex(run.said.decode(), r"\n[4-9]\n$")      # so many tickets it has had


on("legacy", "podman", "remote")(Watching)
WATCHING = [kind for name, kind in sorted(globals().items()) if name.startswith("Watching_on_")]


def setUpModule():
    for kind in WATCHING:
        if KDC and not missing(kind.engine.name):
            kind.begin()


def tearDownModule():
    for kind in WATCHING:
        if KDC and not missing(kind.engine.name):
            kind.end()


# ---- Faults -----------------------------------------------------------------

NO_TICKET = "no Kerberos ticket for {}: kinit: {} while getting initial credentials"
WRONG = {       # keytab, principal, kinit's words, hint
    "another principal's keytab": (
        "krb/ada.keytab", "bob", "Keytab contains no suitable keys for bob@SKELEBOT.TEST",
        "the keytab has no key for hdfsUser; klist -k KEYTAB lists whose it has"),
    "a key that was changed": (
        "krb/stale.keytab", "ada", "Preauthentication failed", "the key has been changed since: ask for a new keytab"),
    "no keytab": (
        "krb/krb5.conf", "ada", "Pre-authentication failed: Unsupported key table format version number",
        "the file is not a keytab"),
    "an unknown principal": (
        "krb/eve.keytab", "eve", "Client 'eve@SKELEBOT.TEST' not found in Kerberos database",
        "the realm knows no such principal: look at hdfsUser"),
}
GONE = "'/nowhere/x' does not exist", "correct the path, or put the file there"


def eve_keytab():
    """ada's keytab with another name in it, of the same length."""
    return kdc_file("ada.keytab").replace(b"\0\3ada", b"\0\3eve")


class Faults(KerberosTests):
    """Without a ticket the job is not run: it would have said so. Two lines tell why."""
    options = ("-s",)
    files = {**project_files("ada", "bob", "stale"), "krb/eve.keytab": eve_keytab()}
    config = {"jobs": [{"name": "job", "source": "echo has run"}]}

    def test_of_the_keytab_are_told_with_the_words_of_kinit(self):
        for fault, (keytab, principal, words, hint) in WRONG.items():
            with self.subTest(fault):
                self.refused(NO_TICKET.format(principal, words), hint, *self.options, "job",
                             folder=self.variant(components=kerberos(keytab, principal)))

    def test_end_a_chain(self):
        self.refused(NO_TICKET.format("ada", WRONG["no keytab"][2]), WRONG["no keytab"][3], *self.options, "job", "+", "job",
                     folder=self.variant(components=kerberos("krb/krb5.conf", "ada")))

    def test_of_files_that_are_not_there(self):
        for key, section in (("keytab", kerberos("/nowhere/x")), ("krbConf", kerberos(conf="/nowhere/x"))):
            with self.subTest(key):
                self.refused(f"skelebot.yaml:1: components.kerberos.{key}: {GONE[0]}", GONE[1], *self.options[1:], "job",
                             folder=self.variant(components=section))

    def test_of_a_kdc_that_nobody_reaches(self):
        write(self.folder, {"krb/unreachable.conf": kdc_file("unreachable.conf")})
        folder = self.variant(components=kerberos(conf="krb/unreachable.conf"))
        if "-n" not in self.options:
            self.skelebot("prime", folder=folder)
            self.addCleanup(self.skelebot, "prime")
        self.refused(NO_TICKET.format("bob", "Cannot contact any KDC for realm 'SKELEBOT.TEST'"),
                     "no KDC was reached: look at krbConf, the network and the VPN", *self.options, "job", folder=folder)


on("legacy")(Faults)


def programs(folder, *names):
    """A folder for PATH that has these programs and no others."""
    os.makedirs(folder)
    for name in names:
        os.symlink(shutil.which(name), os.path.join(folder, name))
    return folder


class FaultsNatively(Faults):
    """The same, without an engine."""
    options = ("-n", "-n")
    build = False

    def test_of_a_machine_without_a_client(self):
        path = programs(os.path.join(self.top, "bin"), "sh", "bash", "mv")
        done = self.skelebot("-n", "job", status=1, PATH=path)
        self.assertEqual(done.stdout, b"")
        self.assertRegex(done.stderr, r"^skelebot: no Kerberos ticket for bob: .*kinit: not found\n"
                                      r"  hint: install a Kerberos client \(Debian: krb5-user\).*\n$")

    @unittest.skipUnless(shutil.which("faketime"), "faketime is not there")
    def test_of_a_clock_that_is_wrong(self):
        conf = kdc_file("krb5.conf").replace(b"[libdefaults]\n", b"[libdefaults]\n  kdc_timesync = 0\n")
        write(self.folder, {"krb/strict.conf": conf})
        folder = self.variant(components=kerberos(conf="krb/strict.conf"))
        done = call(["faketime", "-f", "+1h", *self.argv("-n", "job")], folder, **self.variables({}))
        self.assertEqual((done.status, done.stdout, done.stderr), (
            1, b"", two_lines(NO_TICKET.format("bob", "Clock skew too great"),
                              "set the clock: it differs too much from the KDC's")))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
    def test_of_a_keytab_that_belongs_to_another_user(self):
        folder = open_to_all(self.variant())
        os.chmod(os.path.join(folder, "krb/bob.keytab"), 0o600)
        done = call(as_other_user(self.top, "-n", "job"), folder, HOME="/tmp", **{**self.variables({}), "TMPDIR": folder})
        self.assertEqual((done.status, done.stdout, done.stderr), (
            1, b"", two_lines(NO_TICKET.format("bob", "Pre-authentication failed: Permission denied"),
                              "make the keytab readable for the user that the job runs as")))


on("BuildKit")(FaultsNatively)


# ---- The caller's own user --------------------------------------------------

@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
@on("BuildKit", "remote")
class OtherUser(KerberosTests):
    """`user: host` for a caller who is not root, and whose keytab nobody else may read."""
    build = False
    config = {"user": "host", "jobs": [{"name": "list", "source": "klist; stat -c %u ${KRB5CCNAME#FILE:}; id -u"}]}

    def test_has_a_ticket_with_a_keytab_of_mode_600(self):
        folder = self.variant()
        os.chmod(self.top, 0o755)
        for top, _, names in os.walk(folder):
            for path in (top, *(os.path.join(top, name) for name in names)):
                os.chown(path, 12345, 12346)
        os.chmod(os.path.join(folder, "krb/bob.keytab"), 0o600)
        done = call(as_other_user(self.top, "list"), folder, **{**self.engine.environ, "HOME": folder})
        self.assertEqual(done.status, 0, done.stderr)
        self.assertIn(TICKET_OF.format("bob"), done.stdout.decode())
        self.assertTrue(done.stdout.endswith(b"12345\n12345\n"))


# ---- No keytab in an image --------------------------------------------------

SMALL_CLIENT = "skelebot-test/kerberos-debian"      # it is saved with its layers
HAND_WRITTEN = f"FROM {SMALL_CLIENT}\nWORKDIR /app\nCOPY . /app\nCOPY krb5.conf /etc/krb5.conf\n"
VARIANTS = {        # keytab, more keys of skelebot.yaml, more files (a link is `-> target`)
    "in the project's folder": ("bob.keytab", {}, {}),
    "in a folder": ("krb/bob.keytab", {}, {}),
    "with a name full of wildcards": ("krb/[b]ob*?.keytab", {}, {}),
    "by a link": ("link.keytab", {}, {"link.keytab": "-> krb/bob.keytab", "krb/bob.keytab": kdc_file("bob.keytab")}),
    "in a linked folder": ("link/bob.keytab", {}, {"link": "-> krb", "krb/bob.keytab": kdc_file("bob.keytab")}),
    "that ignores let in again": ("krb/bob.keytab", {"ignores": ["*.keytab", "!krb/", "!krb/bob.keytab", "!**/*.keytab"]}, {}),
    "with a .dockerignore": ("krb/bob.keytab", {}, {".dockerignore": "*\n!control\n!krb\n!krb/*.keytab\n"}),
    "with a dockerfile": ("krb/bob.keytab", {"dockerfile": "own.Dockerfile", "baseImage": None}, {"own.Dockerfile": HAND_WRITTEN}),
    "with a job's own image": ("krb/bob.keytab", {"jobs": [
        {"name": "job", "source": "klist", "ignores": ["*.md", "!krb/"]}]}, {}),
}
BY_BOTH = ("in a folder", "that ignores let in again", "with a .dockerignore")     # builders, which send contexts differently


def own_layers(engine, images, base, path):
    """image -> (name, data) of every file in those of its layers which the base image lacks; `path` is for docker save."""
    engine.ask("save", "--output", path, base, *images)
    with tarfile.open(path) as saved:
        layers = {tag.split("/")[-1] if base in tag else tag: entry["Layers"]
                  for entry in json.load(saved.extractfile("manifest.json")) for tag in entry["RepoTags"] or [entry["Config"]]}
        of_base = layers[base.split("/")[-1] + ":latest"]
        return {image: [file for layer in names if layer not in of_base for file in files_of(saved.extractfile(layer))]
                for image, names in layers.items() if names != of_base}


def files_of(layer):
    with tarfile.open(fileobj=layer) as archive:
        return [(entry.name, archive.extractfile(entry).read() if entry.isreg() else b"") for entry in archive]


@on("BuildKit")
class Layers(KerberosTests):
    """Wherever the keytab lies, neither its name nor its bytes are in a layer, nor in the build context."""
    build = False
    base = SMALL_CLIENT
    files = {"control": "a file that is in every image", "krb5.conf": kdc_file("krb5.conf")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_client(cls.engine, SMALL_CLIENT, "skelebot-test/debian")

    def variant_folder(self, name, keytab, config, files):
        folder = os.path.join(self.top, name)
        made = {keytab: kdc_file("bob.keytab"), **self.files, **files}
        write(folder, {path: data for path, data in made.items() if not is_link(made.get(path.split("/")[0], ""))})
        for path, target in files.items():
            if is_link(target):
                os.symlink(target[3:], os.path.join(folder, path))
        self.write_project(folder, **{"jobs": [{"name": "job", "source": "klist"}], **config, "name": name,
                                      "components": kerberos(keytab, conf="krb5.conf")})
        return folder

    def built(self):
        """image -> title: the variants, built and run, four at a time."""
        images, queue = {}, []
        for number, (title, variant) in enumerate(VARIANTS.items()):
            for builder in ("legacy", "BuildKit") if title in BY_BOTH else ("BuildKit",):
                name = f"{self.name}-{number}-{builder.lower()}"
                images[name + (":job" if "jobs" in variant[1] else ":latest")] = f"{title}, {builder}"
                queue.append((self.variant_folder(name, *variant), engines()[builder].environ))
        self.addCleanup(self.engine.ask, "rmi", "--force", *images)
        while queue:
            runs = [self.start("job", folder=folder, **environ) for folder, environ in queue[:4]]
            del queue[:4]
            for run in runs:
                self.assertEqual((run.ends(), TICKET_OF.format("bob").encode() in run.said), (0, True), run.said.decode())
        return images

    def test_hold_no_keytab(self):
        images = self.built()
        layers = own_layers(self.engine, images, SMALL_CLIENT, os.path.join(self.top, "saved.tar"))
        for image, title in images.items():
            with self.subTest(title):
                files = layers[image]
                self.assertIn(("app/control", self.files["control"].encode()), files)
                self.assertEqual([name for name, data in files if "ob" in name and name.endswith(".keytab")
                                  or kdc_file("bob.keytab") in data], [])

    def test_are_not_made_where_another_file_takes_the_place_of_dockerignore(self):
        for config, file in (({}, "Dockerfile.dockerignore"), ({}, ".containerignore"),
                             ({"dockerfile": "own.Dockerfile", "baseImage": None}, "own.Dockerfile.dockerignore")):
            with self.subTest(file):
                folder = self.variant(components=kerberos("bob.keytab", conf="krb5.conf"), jobs=[], **config)
                write(folder, {file: "*.md\n", "bob.keytab": kdc_file("bob.keytab"), "own.Dockerfile": HAND_WRITTEN})
                self.refused(f"{file}: takes the place of .dockerignore, which keeps the keytab out of the image",
                             "move its lines into .dockerignore, and remove it", "prime", folder=folder)
        self.assertEqual(self.images(), [])


def is_link(data):
    return str(data).startswith("-> ")

