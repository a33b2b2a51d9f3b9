"""Push and pull: the same promises on every server, and who skelebot says it is there."""
import base64
import functools
import hashlib
import http.client
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
import warnings

from artifactory import Answer, Artifactory, User
from engine import SKELEBOT, Running, write
from support import call, contents, skelebot, two_lines

HERE = os.path.dirname(os.path.abspath(__file__))
BUCKET = "skelebot-test"
ADA = User("ada", "secret word", tokens=("t0ken/1",), keys=("k3y+1",))
OURS = r"(AWS|ARTIFACTORY)_|SSL_CERT_|REQUESTS_CA_BUNDLE$|HOME$|(.*_)?proxy$"    # each test has its own

MODEL = bytes(range(256)) * 100
VOCABULARY = b"one\ntwo\n"
BERT = {"": None, "config.json": b"{}", "layers/": None, "layers/0.bin": MODEL[:999], "layers/more/": None,
        "layers/more/1.bin": b"", "run.sh": b"#!/bin/sh\necho hello\n", "cache/": None}
FILES = {"models/model.tar.gz": MODEL, "models/vocabulary.txt": VOCABULARY,
         **{"models/bert/" + name: data for name, data in BERT.items() if data is not None}}
MODELS = [{"name": "model", "file": "models/model.tar.gz"},
          {"name": "vocabulary", "file": "models/vocabulary.txt", "singular": True},
          {"name": "bert", "file": "models/bert/"}]


def setUpModule():
    """What the caller has set for skelebot's own use is no part of a test."""
    global before
    before = dict(os.environ)
    for name in list(os.environ):
        if re.match(OURS, name, re.IGNORECASE):
            del os.environ[name]


def tearDownModule():
    os.environ.clear()
    os.environ.update(before)
    if s3_client.cache_info().currsize:
        s3_client().stdin.close()
        s3_client().stdout.close()
        s3_client().wait(30)


# ---- Projects ---------------------------------------------------------------

class Case(unittest.TestCase):
    """A home, a project and what is said of it.

    repository  the section of skelebot.yaml that names the place
    environ     variables, mostly those that tell the server who asks
    secrets     texts that skelebot may show to nobody
    """
    repository = {}
    environ = {}
    secrets = ()

    def setUp(self):
        super().setUp()
        self.top = os.path.realpath(tempfile.mkdtemp(prefix="skelebot-artifacts-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.environ = {"HOME": os.path.join(self.top, "home"), **self.environ}
        os.mkdir(self.environ["HOME"])
        self.unique = os.urandom(6).hex()
        self.open()
        self.folder = self.project("mine")
        write(self.folder, FILES)
        os.mkdir(os.path.join(self.folder, "models", "bert", "cache"))
        os.chmod(os.path.join(self.folder, "models", "bert", "run.sh"), 0o755)

    def open(self):
        """Make a place of this test's own."""

    def config(self, artifacts):
        """The keys of skelebot.yaml that say what is kept where."""
        return {"components": {"repository": {**self.repository, "artifacts": artifacts}}}

    def project(self, name, version="1.2.0", artifacts=MODELS):
        """The folder of a project, with a skelebot.yaml and nothing else."""
        folder = os.path.join(self.top, name)
        keys = {"name": "churn", "version": version, **self.config(artifacts)}
        write(folder, {"skelebot.yaml": json.dumps(keys)})
        return folder

    def call(self, *words, folder=None, **environ):
        """A call in this process; nothing that it says may be a secret."""
        given = {**self.environ, **environ}
        saved = {name: os.environ.get(name) for name in given}
        os.environ.update(given)
        skelebot.opener.cache_clear()   # it knows the certificates and proxies of the call before
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)    # what a process would close by its end
                done = call(*words, folder=folder or self.folder)
        finally:
            for name, value in saved.items():
                os.environ.pop(name)
                os.environ.update({} if value is None else {name: value})
        self.assertHidden(done.stdout + done.stderr)
        return done

    def skelebot(self, *words, status=0, **options):
        """A call that has to end with this status."""
        done = self.call(*words, **options)
        self.assertEqual(done.status, status, f"skelebot {words}: {done.stderr}")
        return done

    def start(self, *words, **environ):
        """A call on a terminal of its own."""
        running = Running([sys.executable, SKELEBOT, *words], self.folder, terminal=True, **{**self.environ, **environ})
        self.addCleanup(running.stop)
        return running

    def ran(self, file, **facts):
        """Run 12, which has written a file just as it is."""
        status = os.stat(os.path.join(self.folder, file))
        record = skelebot.RunRecord(number=12, job="train", state="done", outputs=[[file, status.st_size, status.st_mtime]], **facts)
        write(self.folder, {".skelebot/runs/12/run.json": record.text})

    def assertHidden(self, text):
        for secret in self.secrets:
            for form in (secret, urllib.parse.quote(secret, ""), base64.b64encode(secret.encode()).decode(),
                         base64.b64encode(f"ada:{secret}".encode()).decode()):
                self.assertNotIn(form, text)

    def files(self, folder):
        """What is in a project's folder beside skelebot.yaml."""
        return {name: data for name, data in contents(folder).items() if name != "skelebot.yaml"}


# ---- Places -----------------------------------------------------------------

def wanted(*variables):
    """The value of the first of these variables; the class is skipped unless all are set."""
    missing = [name for name in variables if not os.environ.get(name)]
    if missing:
        raise unittest.SkipTest(f"{' and '.join(missing)} not set: tests/services.sh starts the servers")
    return os.environ[variables[0]]


class OnArtifactory(Case):
    """The stand-in, with a user."""
    environ = {"ARTIFACTORY_USER": ADA.name, "ARTIFACTORY_TOKEN": ADA.password}
    secrets = (ADA.password, *ADA.tokens, *ADA.keys)
    users = (ADA,)

    def open(self):
        root = os.path.join(self.top, "server")
        self.server = Artifactory(root, users=self.users)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.inside = os.path.join(root, "generic-local", "team", "my model")
        self.address = self.server.url + "/generic-local/team/my%20model/"
        self.repository = {"artifactory": {"url": self.server.url, "repo": "generic-local", "path": "team/my model"}}

    def kept(self):
        return {name: data for name, data in contents(self.inside).items() if not name.endswith(".sha256")}

    def keep(self, files):
        write(self.inside, files)


class In1x:
    """The spelling of the 1.x releases."""

    def config(self, artifacts):
        return {"components": {"artifactory": {**self.repository["artifactory"], "artifacts": artifacts}}}


class In2019:
    """The spelling of 2019."""

    def config(self, artifacts):
        deploy = {"type": "Artifactory", **self.repository["artifactory"]}
        return {"artifacts": [{**artifact, "deploy": deploy} for artifact in artifacts]}


class OnFolder(Case):
    """A folder below the caller's home."""

    def open(self):
        self.inside = os.path.join(self.environ["HOME"], "a folder")
        self.address = self.inside + "/"
        self.repository = {"folder": {"path": "~/a folder"}}

    kept, keep = OnArtifactory.kept, OnArtifactory.keep


class AtHome(OnFolder):
    """Where a project's artifacts go that names no place."""

    def open(self):
        self.inside = os.path.join(self.environ["HOME"], ".skelebot", "artifacts", "churn")
        self.address = self.inside + "/"


@functools.lru_cache(None)
def s3_client():
    """A Python that has boto3 and answers as clients/s3.py says."""
    argv = [os.environ["SKELEBOT_TEST_BOTO"], "-I", os.path.join(HERE, "clients", "s3.py")]
    return subprocess.Popen(argv, universal_newlines=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class OnS3(Case):
    """A bucket, seen from outside by boto3.

    variable  has the server's URL
    """
    variable = ""
    key = ("", "")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.url = wanted(cls.variable, "SKELEBOT_TEST_BOTO")

    def open(self):
        self.environ.update(AWS_ACCESS_KEY_ID=self.key[0], AWS_SECRET_ACCESS_KEY=self.key[1])
        self.prefix = f"real artifacts/{self.unique}/"
        self.address = f"{self.url}/{BUCKET}/{urllib.parse.quote(self.prefix)}"
        self.repository = {"s3": {"bucket": f"{BUCKET}/{self.prefix}", "endpoint": self.url}}
        self.addCleanup(self.ask, "clear", prefix=self.prefix)

    def ask(self, do, **question):
        program = s3_client()
        asked = {"do": do, "url": self.url, "key": self.key, "bucket": BUCKET, **question}
        print(json.dumps(asked), file=program.stdin, flush=True)
        return json.loads(program.stdout.readline())

    def kept(self):
        names = self.ask("names", prefix=self.prefix)
        return {name[len(self.prefix):]: base64.b64decode(self.ask("read", name=name)) for name in names}

    def keep(self, files):
        coded = {self.prefix + name: base64.b64encode(data).decode() for name, data in files.items()}
        self.ask("put", files=coded)


class OnS3rver(OnS3):
    variable, key = "SKELEBOT_TEST_S3RVER", ("S3RVER", "S3RVER")


class OnMoto(OnS3):
    variable, key, secrets = "SKELEBOT_TEST_MOTO", ("ADA", "moto/secret"), ("moto/secret",)


class OnSigned(OnS3):
    variable, key, secrets = "SKELEBOT_TEST_SIGNED", ("SIGNED", "signed/secret"), ("signed/secret",)


class OnNginx(Case):
    """WebDAV and nothing more."""
    variable = "SKELEBOT_TEST_NGINX"
    environ = {"ARTIFACTORY_USER": "", "ARTIFACTORY_TOKEN": ""}     # nobody
    top_path = ""
    headers = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.url = wanted(cls.variable, "SKELEBOT_TEST_CA")

    def open(self):
        self.path = f"/{self.top_path}real%20artifacts/{self.unique}/"
        self.address = self.url + self.path
        self.repository = {"artifactory": {
            "url": self.url + "/" + self.top_path, "repo": "real artifacts", "path": self.unique}}
        host = urllib.parse.urlsplit(self.url)
        if host.scheme == "https":
            trusted = ssl.create_default_context(cafile=os.environ["SKELEBOT_TEST_CA"])
            self.connection = http.client.HTTPSConnection(host.netloc, context=trusted)
        else:
            self.connection = http.client.HTTPConnection(host.netloc)
        self.addCleanup(self.connection.close)
        self.addCleanup(self.ask, "DELETE", "")

    def ask(self, method, name, body=None):
        self.connection.request(method, self.path + name, body, self.headers)
        answer = self.connection.getresponse()
        data = answer.read()
        return data if answer.status < 300 else b""

    def kept(self):
        names = re.findall('<a href="([^"]*[^"/])"', self.ask("GET", "").decode())
        return {urllib.parse.unquote(name): self.ask("GET", name) for name in names if not name.endswith(".sha256")}

    def keep(self, files):
        for name, data in files.items():
            self.ask("PUT", urllib.parse.quote(name), data)


class OnNginxTls(OnNginx):
    """The same, encrypted, and for ada only."""
    variable, top_path, secrets = "SKELEBOT_TEST_NGINX_TLS", "private/", ("secret",)
    headers = {"Authorization": "Basic " + base64.b64encode(b"ada:secret").decode()}

    def open(self):
        super().open()
        self.environ.update(ARTIFACTORY_USER="ada", ARTIFACTORY_TOKEN="secret",
                            REQUESTS_CA_BUNDLE=os.environ["SKELEBOT_TEST_CA"])


PLACES = {
    "Artifactory": (OnArtifactory,),
    "Artifactory_in_1x": (In1x, OnArtifactory), "Artifactory_in_2019": (In2019, OnArtifactory),
    "s3rver": (OnS3rver,), "moto": (OnMoto,), "signed": (OnSigned,),
    "nginx": (OnNginx,), "nginx_in_1x": (In1x, OnNginx), "nginx_in_2019": (In2019, OnNginx), "nginx_TLS": (OnNginxTls,),
    "folder": (OnFolder,), "home": (AtHome,),
}


def on(*names):
    """The class at each of these places, as CLASS_on_PLACE in its module."""
    def spread(tests):
        for name in names:
            title = f"{tests.__name__}_on_{name}"
            place = {"__module__": tests.__module__, "__doc__": tests.__doc__}
            setattr(sys.modules[tests.__module__], title, type(title, (tests, *PLACES[name]), place))
        return tests
    return spread


# ---- Push and pull ----------------------------------------------------------

@on(*PLACES)
class Pushing:
    def test_keeps_the_file_under_its_name_and_version(self):
        done = self.skelebot("push", "model")
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL})
        self.assertEqual(done.stderr.splitlines()[-1],
                         f"skelebot: pushed model_v1.2.0.tar.gz to {self.address}model_v1.2.0.tar.gz")

    def test_keeps_a_singular_file_under_its_name(self):
        self.skelebot("push", "vocabulary")
        self.assertEqual(self.kept(), {"vocabulary.txt": VOCABULARY})

    def test_of_all_leaves_a_singular_file_that_is_there_as_it_is(self):
        self.skelebot("push", "vocabulary")
        done = self.skelebot("push", "ALL")
        self.assertIn(f"skelebot: vocabulary.txt is stored already, with the same content: {self.address}vocabulary.txt\n",
                      done.stderr)
        self.assertEqual(sorted(self.kept()), ["bert_v1.2.0.tar.gz", "model_v1.2.0.tar.gz", "vocabulary.txt"])

    def test_puts_a_prefix_before_the_name(self):
        self.skelebot("push", "model", "--prefix", "team-")
        self.skelebot("push", "vocabulary", "-p", "team-")
        self.assertEqual(self.kept(), {"team-model_v1.2.0.tar.gz": MODEL, "team-vocabulary.txt": VOCABULARY})

    def test_keeps_all_of_them(self):
        self.skelebot("push", "ALL")
        self.assertEqual(sorted(self.kept()), ["bert_v1.2.0.tar.gz", "model_v1.2.0.tar.gz", "vocabulary.txt"])

    def test_replaces_what_is_there_only_when_forced(self):
        self.keep({"model_v1.2.0.tar.gz": b"old"})
        done = self.skelebot("push", "model", status=1)
        self.assertEqual(done.stderr, two_lines(
            f"model_v1.2.0.tar.gz exists already: {self.address}model_v1.2.0.tar.gz",
            "bump the version, or add -f to replace it"))
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": b"old"})
        self.skelebot("push", "model", "--force")
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL})
        self.skelebot("pull", "model", "1.2.0")

    def test_of_all_sends_nothing_while_one_file_is_missing(self):
        shutil.rmtree(os.path.join(self.folder, "models", "bert"))
        done = self.skelebot("push", "ALL", status=1)
        self.assertIn("artifacts[2].file: 'models/bert' does not exist", done.stderr)
        self.assertEqual(self.kept(), {})

    def test_of_all_sends_nothing_while_one_version_is_there(self):
        self.keep({"bert_v1.2.0.tar.gz": b"old"})
        done = self.skelebot("push", "ALL", status=1)
        self.assertIn("bert_v1.2.0.tar.gz exists already", done.stderr)
        self.assertEqual(self.kept(), {"bert_v1.2.0.tar.gz": b"old"})

    def test_takes_names_as_people_write_them(self):
        name = "Modell ü+%41 #1;a=b&c'd"
        theirs = self.project("theirs", artifacts=[{"name": name, "file": "models/model.tar.gz"}])
        write(theirs, {"models/model.tar.gz": MODEL})
        self.skelebot("push", name, "-p", "von Ada, ", folder=theirs)
        self.assertEqual(self.kept(), {f"von Ada, {name}_v1.2.0.tar.gz": MODEL})
        self.skelebot("pull", name, "LATEST", "-p", "von Ada, ", folder=theirs)
        self.assertEqual(self.files(theirs)[f"von Ada, {name}_v1.2.0.tar.gz"], MODEL)

    def test_only_shown_sends_nothing(self):
        done = self.skelebot("--dry-run", "push", "ALL")
        self.assertEqual(self.kept(), {})
        self.assertIn(f"{self.address}model_v1.2.0.tar.gz", done.stdout)


@on(*PLACES)
class Pulling:
    def setUp(self):
        super().setUp()
        self.theirs = self.project("theirs")

    def pulled(self, *words, folder=None, **options):
        """What a pull leaves in the folder of a project that had nothing but its skelebot.yaml."""
        folder = folder or self.theirs
        self.skelebot("pull", *words, folder=folder, **options)
        return self.files(folder)

    def latest(self, version, asked="LATEST"):
        """The content of the model that this asks for in a project of this version."""
        return self.pulled("model", asked, folder=self.project(version, version))

    def test_fetches_a_version_to_the_projects_folder(self):
        self.skelebot("push", "model")
        self.assertEqual(self.pulled("model", "1.2.0"), {"model_v1.2.0.tar.gz": MODEL})

    def test_fetches_a_singular_file_without_a_version(self):
        self.skelebot("push", "vocabulary")
        self.assertEqual(self.pulled("vocabulary"), {"vocabulary.txt": VOCABULARY})

    def test_fetches_with_the_prefix(self):
        self.keep({"team-model_v1.1.0.tar.gz": b"theirs", "model_v1.2.0.tar.gz": b"ours"})
        self.assertEqual(self.pulled("model", "LATEST", "--prefix", "team-"), {"team-model_v1.1.0.tar.gz": b"theirs"})

    def test_puts_it_to_its_own_place_to_override(self):
        self.skelebot("push", "model")
        write(self.theirs, {"models/model.tar.gz": "old", "models/other": "other"})
        self.assertEqual(self.pulled("model", "1.2.0", "--override"),
                         {"models/": None, "models/model.tar.gz": MODEL, "models/other": b"other"})

    def test_makes_the_folders_of_its_own_place(self):
        self.skelebot("push", "model")
        self.assertEqual(self.pulled("model", "LATEST", "-o"), {"models/": None, "models/model.tar.gz": MODEL})

    def test_brings_a_folder_back_as_it_was(self):
        self.skelebot("push", "bert")
        self.assertEqual(self.pulled("bert", "1.2.0"), {"bert_v1.2.0/" + name: data for name, data in BERT.items()})
        files = [name for name, data in BERT.items() if data is not None]
        self.assertEqual([name for name in files if os.access(os.path.join(self.theirs, "bert_v1.2.0", name), os.X_OK)],
                         ["run.sh"])

    def test_replaces_a_folder_by_what_was_pushed(self):
        self.skelebot("push", "bert")
        write(self.theirs, {"models/bert/config.json": "old", "models/bert/old": "old"})
        self.assertEqual(self.pulled("bert", "LATEST", "-o"),
                         {"models/": None, **{"models/bert/" + name: data for name, data in BERT.items()}})

    def test_fetches_all_of_them(self):
        self.skelebot("push", "ALL")
        self.pulled("ALL", "LATEST", "--override")
        self.assertEqual(self.files(self.theirs), self.files(self.folder))

    def test_of_all_fetches_nothing_while_one_is_missing(self):
        self.keep({"model_v1.2.0.tar.gz": MODEL, "vocabulary.txt": VOCABULARY})
        self.assertEqual(self.pulled("ALL", "1.2.0", status=1), {})

    def test_takes_the_latest_version_that_fits(self):
        versions = ["0.9.0", "1.2.0", "1.9.0", "1.10.0", "1.10.1-rc.2", "1.10.1-rc.10", "1.11.0", "2.0.0", "2.1.0-rc.1"]
        self.keep({f"model_v{version}.tar.gz": version.encode() for version in versions})
        self.assertLatest({
            "1.10.0": "1.10.0", "1.10.5": "1.10.0", "1.9.9": "1.9.0", "0.10.0": "0.9.0", "2.9.0": "2.0.0",
            "1.10.1-rc.9": "1.10.1-rc.2", "1.10.1-rc.11": "1.10.1-rc.10", "3.0.0": ""})
        self.assertEqual(self.latest("1.0.0", "LATEST!"), {"model_v2.0.0.tar.gz": b"2.0.0"})

    def assertLatest(self, wanted):
        for own, version in wanted.items():
            with self.subTest(own):
                if version:
                    self.assertEqual(self.latest(own), {f"model_v{version}.tar.gz": version.encode()})
                else:
                    self.assertEqual(self.pulled("model", "LATEST", folder=self.project(own, own), status=1), {})

    def test_takes_no_neighbour_for_the_latest(self):
        neighbours = [
            "model_v2_old.tar.gz", "model_v2_old_v1.1.9.tar.gz", "a-model_v1.1.9.tar.gz", "Model_v1.1.9.tar.gz",
            "model_v1.1.9.zip", "model_v1.1.9.tar.gz.old", "model_v1.1.9", "model_v.tar.gz", "model_vnew.tar.gz"]
        self.keep({**{name: b"neighbour" for name in neighbours}, "model_v1.1.0.tar.gz": b"1.1.0"})
        self.assertLatest({"1.2.0": "1.1.0"})

    def test_finds_the_latest_among_1003(self):
        versions = [*(f"1.0.{number}" for number in range(1000)), "1.9.0", "1.10.0", "2.0.0"]
        self.keep({f"model_v{version}.tar.gz": version.encode() for version in versions})
        self.assertLatest({"1.10.0": "1.10.0"})

    def test_fetches_nothing_that_is_there_already(self):
        self.skelebot("push", "ALL")
        for words in (("ALL", "1.2.0"), ("ALL", "1.2.0", "--override")):
            with self.subTest(words):
                self.pulled(*words)
                done = self.skelebot("-V", "pull", *words, folder=self.theirs)
                said = [done.stderr.count(words) for words in ("is up to date", "fetching")]
                self.assertEqual(said, [3, 0])

    def test_leaves_nothing_of_what_is_not_there(self):
        self.keep({"model_v0.1.0.tar.gz": b"old"})
        done = self.skelebot("pull", "model", "1.2.0", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines(f"model_v1.2.0.tar.gz does not exist: {self.address}model_v1.2.0.tar.gz",
                                                "known versions: 0.1.0"))
        done = self.skelebot("pull", "model", "LATEST", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines("no version of model fits 1.2.0", "known versions: 0.1.0"))
        self.assertEqual(self.files(self.theirs), {})

    def test_says_so_when_nothing_is_there_at_all(self):
        done = self.skelebot("pull", "model", "LATEST", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines("no version of model fits 1.2.0",
                                                f"nothing of that name is stored at {self.address}: check the address in "
                                                "skelebot.yaml, or push it"))

    def test_replaces_no_folder_by_a_file_and_no_file_by_a_folder(self):
        self.skelebot("push", "ALL")
        write(self.theirs, {"model_v1.2.0.tar.gz/mine": "mine", "models/bert": "mine"})
        before = self.files(self.theirs)
        for words in (("model", "1.2.0"), ("bert", "LATEST", "-o"), ("ALL", "1.2.0")):
            with self.subTest(words):
                done = self.skelebot("pull", *words, folder=self.theirs, status=1)
                self.assertRegex(done.stderr, "^skelebot: .*: is a (file|folder), which .* cannot replace\n")
                self.assertEqual(self.files(self.theirs), before)

    def test_only_shown_fetches_nothing(self):
        self.skelebot("push", "model")
        done = self.skelebot("--dry-run", "pull", "model", "1.2.0", folder=self.theirs)
        self.assertIn(f"{self.address}model_v1.2.0.tar.gz", done.stdout)
        self.assertEqual(self.files(self.theirs), {})


# ---- The run that wrote an artifact -----------------------------------------

@on("Artifactory", "s3rver", "moto", "signed", "nginx", "folder")
class OfARun:
    def test_goes_along_with_its_values(self):
        self.ran("models/model.tar.gz", commit="4f" * 20, values={"lr": "0.1 ä;=,\n", "url": "https://ada:secret@host/x", "seed": "1"},
                 typed=["lr", "url"], metrics={"loss": {"last": 0.25, "min": [0.25, 3], "max": [1.5, 1], "steps": 3}})
        done = self.skelebot("push", "model")
        self.assertIn("model_v1.2.0.tar.gz, run 12\n", done.stderr)
        said = self.skelebot("pull", "model", "1.2.0").stderr
        known = f": run 12, job train, commit {'4f' * 20}, loss 0.25, lr 0.1 ä;=,\\n, url https://...@host/x"
        self.assertEqual(self.facts(said), self.facts(known if not self.id().count("nginx") else ""))
        self.assertEqual(self.skelebot("pull", "model").stdout, "1.2.0\n")

    @staticmethod
    def facts(text):
        return sorted(text.strip().partition(": run ")[2].split(", "))

    def test_is_not_named_once_the_file_is_another(self):
        self.ran("models/model.tar.gz")
        self.skelebot("push", "model")
        write(self.folder, {"models/model.tar.gz": MODEL + b"."})
        self.assertNotIn(", run", self.skelebot("push", "model", "-f").stderr)
        self.assertNotIn("run 12", self.skelebot("pull", "model", "1.2.0").stderr)


# ---- Large files, in parts --------------------------------------------------

@on("s3rver", "moto", "signed")
class InParts:
    def test_goes_to_s3_and_comes_back_as_it_was(self):
        large = os.urandom(70 << 20)
        write(self.folder, {"models/model.tar.gz": large})
        self.ran("models/model.tar.gz")
        self.skelebot("push", "model")
        self.assertEqual((self.ask("names", prefix=self.prefix), self.ask("uploads", prefix=self.prefix)),
                         ([self.prefix + "model_v1.2.0.tar.gz"], []))
        theirs = self.project("theirs")
        done = self.skelebot("pull", "model", "LATEST", folder=theirs)
        self.assertTrue(self.files(theirs) == {"model_v1.2.0.tar.gz": large}, "it came back as something else")
        self.assertNotIn("no checksum", done.stderr)
        self.assertIn("run 12, job train\n", done.stderr)

    def test_replaces_nothing_unless_forced(self):
        self.keep({"model_v1.2.0.tar.gz": b"old"})
        write(self.folder, {"models/model.tar.gz": bytes(65 << 20)})
        self.skelebot("push", "model", status=1)
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": b"old"})
        self.skelebot("push", "model", "-f")
        self.skelebot("pull", "model", "1.2.0")
        self.assertEqual(os.path.getsize(os.path.join(self.folder, "model_v1.2.0.tar.gz")), 65 << 20)


# ---- What is sent to Artifactory --------------------------------------------

class Sparing(OnArtifactory):
    """What the server is asked, and what it is not."""

    def asked(self, *words, **options):
        """(method, name, bytes of the body) of what a call sends."""
        self.server.requests.clear()
        self.skelebot(*words, **options)
        return [(request.method, request.path.rpartition("/")[2], request.length) for request in self.server.requests]

    def test_a_push_looks_first_then_tries_without_the_bytes_then_sends_them(self):
        name = "model_v1.2.0.tar.gz"
        self.assertEqual(self.asked("push", "model"),
                         [("HEAD", name, 0), ("GET", name, 0), ("PUT", name, 0), ("PUT", name, len(MODEL))])

    def test_the_same_bytes_under_a_new_version_are_not_sent_again(self):
        self.skelebot("push", "model")
        name, self.folder = "model_v1.3.0.tar.gz", self.project("mine", "1.3.0")
        self.assertEqual(self.asked("push", "model"), [("HEAD", name, 0), ("GET", name, 0), ("PUT", name, 0)])
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL, name: MODEL})

    def test_what_is_there_already_is_not_fetched_again(self):
        self.skelebot("push", "ALL")
        self.skelebot("pull", "ALL", "1.2.0", "-o")
        self.assertEqual([method for method, _, _ in self.asked("pull", "ALL", "1.2.0", "-o")], ["HEAD"] * 3)

    def test_what_is_only_shown_is_not_asked_for(self):
        for words in ("push ALL", "push ALL -f", "pull ALL LATEST", "pull ALL 1.2.0 -o"):
            with self.subTest(words):
                self.assertEqual(self.asked("--dry-run", *words.split()), [])

    def test_what_is_only_shown_is_what_would_be_sent(self):
        name = self.address + "model_v1.2.0.tar.gz"
        sha = hashlib.sha256(self.files(self.folder)["models/model.tar.gz"]).hexdigest()
        checksum = f"--header 'X-Checksum-Sha256: {sha}'"
        self.assertEqual(self.skelebot("--dry-run", "push", "model").stdout, "".join(line + "\n" for line in (
            f"cd {self.folder}", f"curl --fail --request HEAD --head {name}",
            f"curl --fail --request GET {name.replace('/generic-local/', '/api/storage/generic-local/')}",
            f"curl --fail --request PUT {checksum} --header 'X-Checksum-Deploy: true' {name}",
            f"curl --fail --request PUT {checksum} --upload-file models/model.tar.gz {name}")))
        self.assertEqual(self.skelebot("--dry-run", "pull", "model", "1.2.0").stdout, "".join(line + "\n" for line in (
            f"cd {self.folder}", f"curl --fail --request HEAD --head {name}", f"curl --fail --request GET --output model_v1.2.0.tar.gz {name}")))

    def test_nothing_is_sent_while_one_file_is_missing_or_one_version_is_there(self):
        self.keep({"bert_v1.2.0.tar.gz": b"old"})
        self.assertEqual({method for method, _, _ in self.asked("push", "ALL", status=1)}, {"HEAD"})
        os.remove(os.path.join(self.folder, "models", "vocabulary.txt"))
        self.assertEqual(self.asked("push", "ALL", "-f", status=1), [])


class Apart(OnArtifactory):
    """Artifacts of 2019 with a place each."""

    def config(self, artifacts):
        place = {"type": "artifactory", "url": self.server.url, "repo": "generic-local"}
        return {"artifacts": [{**artifact, "deploy": {**place, "path": artifact["name"]}} for artifact in artifacts]}

    def test_go_to_and_come_from_their_own_place(self):
        self.skelebot("push", "ALL")
        self.inside = os.path.dirname(os.path.dirname(self.inside))
        self.assertEqual([name for name in sorted(self.kept()) if name[-1] != "/"],
                         ["bert/bert_v1.2.0.tar.gz", "model/model_v1.2.0.tar.gz", "vocabulary/vocabulary.txt"])
        theirs = self.project("theirs")
        self.skelebot("pull", "ALL", "LATEST", "-o", folder=theirs)
        self.assertEqual(self.files(theirs), self.files(self.folder))

    def test_ask_only_once_who_it_is_at_one_place(self):
        del self.environ["ARTIFACTORY_TOKEN"]
        asking = self.start("push", "model")
        asking.says("Token or password at 127.0.0.1: ").type(b"secret word\n")
        self.assertEqual(asking.ends(), 0)


# ---- Refusals ---------------------------------------------------------------

class Refused(OnArtifactory):
    """The server's own words, and something to do; nothing is left behind."""
    url = property(lambda self: self.address + "model_v1.2.0.tar.gz")

    def refuse(self, method, *answer):
        self.server.before = lambda request: Answer(*answer) if request.method == method else None

    def assertRefused(self, words, message, hint, **environ):
        """What a call says, in an empty folder when it is a pull."""
        folder = self.project("theirs") if words[0] == "pull" else self.folder
        before = self.files(folder)
        done = self.skelebot(*words, status=1, folder=folder, **environ)
        self.assertEqual(done.stderr[done.stderr.index("skelebot: " + message[:4]):], two_lines(message, hint))
        self.assertEqual(self.files(folder), before)

    def test_push_says_what_the_server_says(self):
        forbidden = json.dumps({"errors": [{"status": 403, "message": "No quota for ada"}]}).encode()
        faults = [
            (403, forbidden, ": No quota for ada"),
            (407, b"<title>Proxy says no</title>", ": Proxy says no"),
            (409, b'{"error": "Conflict with &lt;x&gt;"}', ": Conflict with <x>"),
            (412, b"", ""),
            (413, b"<html><title>413 Too\nlarge</title></html>", ": 413 Too large"),
            (507, b"disk is full\nat /data", ": disk is full"),
        ]
        for status, body, words in faults:
            with self.subTest(status):
                self.refuse("PUT", status, {}, body)
                said = f"PUT {self.url}: {status} {http.HTTPStatus(status).phrase}{words}"
                self.assertRefused(("push", "model"), said, skelebot.refusal_hint(str(status), "", "http"))
                self.assertEqual(self.kept(), {})

    def test_pull_says_what_the_server_says(self):
        self.skelebot("push", "model")
        self.refuse("GET", 403, {}, json.dumps({"errors": [{"status": 403, "message": "Not today"}]}).encode())
        self.assertRefused(("pull", "model", "1.2.0"), f"GET {self.url}: 403 Forbidden: Not today", skelebot.refusal_hint("403", "", "http"))

    def test_a_stranger_is_told_so(self):
        for words in (("push", "model"), ("pull", "model", "1.2.0"), ("pull", "vocabulary"), ("push", "model", "-f")):
            with self.subTest(words):
                method = "PUT" if "-f" in words else "HEAD"
                url = self.address + "vocabulary.txt" if "vocabulary" in words else self.url
                self.assertRefused(words, f"{method} {url}: 401 Unauthorized: Bad credentials", skelebot.ARTIFACTORY_WAYS,
                                   ARTIFACTORY_TOKEN="wrong")

    def test_who_may_only_read_is_told_so(self):
        self.server.users = (ADA._replace(can_deploy=False),)
        self.assertRefused(
            ("push", "model"), f"PUT {self.url}: 403 Forbidden: User ada is not permitted to deploy 'team/my model/"
            "model_v1.2.0.tar.gz' into 'generic-local:team/my model/model_v1.2.0.tar.gz'.", skelebot.refusal_hint("403", "", "http"))

    def test_who_may_not_replace_is_told_so(self):
        self.skelebot("push", "model")
        self.server.users = (ADA._replace(can_delete=False),)
        write(self.folder, {"models/model.tar.gz": "new"})
        self.assertRefused(
            ("push", "model", "-f"), f"PUT {self.url}: 403 Forbidden: Not enough permissions to delete/overwrite "
            "artifact 'generic-local:team/my model/model_v1.2.0.tar.gz' (user 'ada' needs DELETE permission).",
            skelebot.refusal_hint("403", "", "http"))
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL})

    def test_a_repository_that_is_not_there_is_named(self):
        self.repository["artifactory"]["repo"] = "absent"
        self.folder = self.project("mine")
        self.assertRefused(
            ("push", "model"), f"PUT {self.url.replace('generic-local', 'absent')}: 404 Not Found: "
            "Could not find a local repository named absent to deploy to.", skelebot.refusal_hint("404", "", "http"))

    def test_a_server_that_is_not_there_is_named(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            self.repository["artifactory"]["url"] = f"http://127.0.0.1:{nobody.getsockname()[1]}/artifactory"
            skelebot.PAUSES, pauses = (0,), skelebot.PAUSES
            self.addCleanup(setattr, skelebot, "PAUSES", pauses)
            self.folder = self.project("mine")
            done = self.skelebot("push", "model", status=1)
        self.assertRegex(done.stderr, r"\nskelebot: http://127.0.0.1:\d+/artifactory/generic-local/team/my%20model/"
                                      r"model_v1.2.0.tar.gz: connection refused\n  hint: is the address right")


class RefusedByNginx(OnNginx):
    top_path = "small/"

    def test_a_file_that_is_too_large(self):
        write(self.folder, {"models/model.tar.gz": bytes(3 << 20)})
        done = self.skelebot("push", "model", status=1)
        self.assertTrue(done.stderr.endswith(two_lines(
            f"PUT {self.address}model_v1.2.0.tar.gz: 413 Request Entity Too Large: 413 Request Entity Too Large",
            skelebot.refusal_hint("413", "", "http"))), done.stderr)
        self.assertEqual(self.kept(), {})


class TrustedNginx(OnNginxTls):
    """Whom skelebot believes to be the server."""

    def test_is_known_by_either_variable(self):
        bundle = {"SSL_CERT_FILE": self.environ.pop("REQUESTS_CA_BUNDLE")}
        self.skelebot("push", "model", **bundle)
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL})

    def test_gets_nothing_when_nobody_vouches_for_it(self):
        del self.environ["REQUESTS_CA_BUNDLE"]
        done = self.skelebot("push", "model", "-f", status=1)
        self.assertRegex(done.stderr, "^skelebot: https://localhost:.*: unable to get local issuer certificate\n"
                                      "  hint: set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the certificates of .*\n$")
        self.assertEqual(self.kept(), {})

    def test_may_ask_who_it_is(self):
        done = self.skelebot("push", "model", status=1, ARTIFACTORY_USER="", ARTIFACTORY_TOKEN="")
        url = self.address + "model_v1.2.0.tar.gz"
        self.assertEqual(done.stderr, two_lines(
            f"HEAD {url}: 401 Unauthorized: 401 Authorization Required", skelebot.ARTIFACTORY_WAYS))


class RefusedByS3(OnSigned):
    def fails(self, *words, **options):
        done = self.skelebot(*words, status=1, **options)
        self.assertEqual(self.files(self.project("mine")).keys(), self.files(self.folder).keys())
        return done.stderr.splitlines()[-2:]

    def test_what_is_denied(self):
        self.repository["s3"]["bucket"] = f"{BUCKET}/denied/{self.unique}"
        self.folder = self.project("mine")
        url = f"{self.url}/{BUCKET}/denied/{self.unique}/model_v1.2.0.tar.gz"
        self.assertEqual(self.fails("push", "model"), two_lines(
            f"PUT {url}: 403 FORBIDDEN: AccessDenied: Access Denied", skelebot.refusal_hint("403", "", "http")).splitlines())
        self.assertEqual(self.fails("pull", "model", "1.2.0"), two_lines(
            f"HEAD {url}: 403 FORBIDDEN: AccessDenied: Access Denied", skelebot.refusal_hint("403", "", "http")).splitlines())

    def test_a_bucket_that_is_not_there(self):
        self.repository["s3"]["bucket"] = "no-such-bucket-" + self.unique
        self.folder = self.project("mine")
        message, hint = self.fails("push", "model")
        self.assertIn(": 404 NOT FOUND: NoSuchBucket: ", message)
        self.assertEqual(hint, "  hint: " + skelebot.refusal_hint("NoSuchBucket", "", "s3"))

    def test_keys_that_are_wrong(self):
        wrong = {
            "SignatureDoesNotMatch": {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "InvalidAccessKeyId": {"AWS_ACCESS_KEY_ID": "WRONG"},
            "InvalidToken": {"AWS_ACCESS_KEY_ID": "SIGNEDROLE", "AWS_SECRET_ACCESS_KEY": "role/secret",
                             "AWS_SESSION_TOKEN": "wrong"},
        }
        for code, environ in wrong.items():
            said = "400 BAD REQUEST" if code == "InvalidToken" else "403 FORBIDDEN"
            for words in (("push", "model"), ("pull", "model", "1.2.0"), ("pull", "model", "LATEST")):
                with self.subTest(code, words=words):
                    message, hint = self.fails(*words, **environ)
                    self.assertIn(f": {said}: {code}: ", message)
                    self.assertEqual(hint, "  hint: " + skelebot.refusal_hint(code, "", "s3"))


# ---- Who it is, for Artifactory ---------------------------------------------

class Asked(OnArtifactory):
    """The ways to say who it is, and what the server is told."""
    environ = {}

    def setUp(self):
        super().setUp()
        self.programs = Programs(os.path.join(self.top, "bin"))
        self.environ["PATH"] = self.programs.folder + os.pathsep + os.environ["PATH"]

    def authenticate(self, **auth):
        self.repository["artifactory"]["auth"] = auth
        self.folder = self.project("mine")

    def told(self, *words, **environ):
        """The headers that told the server who asks, of a push."""
        self.server.requests.clear()
        self.skelebot("-V", "push", "model", "-f", *words, **environ)
        told = {(request.headers.get("authorization"), request.headers.get("x-jfrog-art-api"))
                for request in self.server.requests}
        self.assertEqual(len(told), 1, "every request says it, and says the same")
        return told.pop()

    def netrc(self, text):
        write(self.environ["HOME"], {".netrc": text})
        os.chmod(os.path.join(self.environ["HOME"], ".netrc"), 0o600)

    def test_is_told_as_auth_type_says(self):
        basic = "Basic " + base64.b64encode(b"ada:secret word").decode()
        told = [
            ("", "ada", "secret word", (basic, None)),
            ("", "", "t0ken/1", ("Bearer t0ken/1", None)),
            ("user_pass", "ada", "secret word", (basic, None)),
            ("token", "", "t0ken/1", ("Bearer t0ken/1", None)),
            ("token", "ada", "t0ken/1", ("Bearer t0ken/1", None)),
            ("api_key", "", "k3y+1", (None, "k3y+1")),
            ("api_key", "ada", "k3y+1", (None, "k3y+1")),
        ]
        for kind, user, token, wanted in told:
            with self.subTest(kind, user=user):
                self.authenticate(**({"authType": kind} if kind else {}))
                self.assertEqual(self.told(ARTIFACTORY_USER=user, ARTIFACTORY_TOKEN=token), wanted)

    def test_may_be_typed_with_a_warning(self):
        self.server.users, self.secrets = (User("bob", "s3en"),), ("s3en",)
        words = ("-V", "push", "model", "--user", "bob", "--token", "s3en")
        self.skelebot("--dry-run", *words)
        done = self.skelebot(*words, ARTIFACTORY_USER="ada", ARTIFACTORY_TOKEN="x")
        self.assertEqual(
            done.stderr.splitlines()[0], "skelebot: warning: a token on the command line is visible to other users; "
            "ARTIFACTORY_TOKEN keeps it hidden")

    def test_may_be_in_netrc(self):
        self.netrc("machine other login eve password x\nmachine 127.0.0.1\n  login ada password t0ken/1\n")
        self.assertEqual(self.told(), self.told("-u", "ada"))

    def test_is_not_taken_of_netrc_for_another_user(self):
        self.netrc("machine 127.0.0.1 login ada password t0ken/1\n")
        done = self.skelebot("push", "model", "-u", "bob", status=1)
        self.assertEqual(done.stderr, two_lines("token or password at 127.0.0.1: not given", skelebot.ARTIFACTORY_WAYS))

    def test_may_be_in_the_address(self):
        self.repository["artifactory"]["url"] = self.server.url.replace("//", "//ada:secret%20word@")
        self.folder = self.project("mine")
        self.assertEqual(self.told()[0], "Basic " + base64.b64encode(b"ada:secret word").decode())
        self.skelebot("--dry-run", "push", "ALL")
        self.skelebot("pull", "model", "9.9.9", status=1)
        self.assertIn("401 Unauthorized", self.skelebot("push", "model", "-t", "wrong", status=1).stderr)

    def test_may_be_a_secret_of_aws(self):
        secrets = {"t0ken/1": "Bearer t0ken/1", json.dumps({"token": "t0ken/1"}): "Bearer t0ken/1",
                   json.dumps({"user": "ada", "password": ADA.password}):
                       "Basic " + base64.b64encode(b"ada:secret word").decode()}
        self.authenticate(aws=True, awsSecret="team/artifactory", awsProfile="dev", awsRegion="eu-west-1")
        for text, told in secrets.items():
            with self.subTest(text):
                self.programs.write("aws", text)
                self.assertEqual(self.told()[0], told)
                self.assertEqual(self.programs.calls("aws"), [
                    "secretsmanager get-secret-value --secret-id=team/artifactory --query=SecretString --output=text "
                    "--profile=dev --region=eu-west-1"])

    def test_is_not_asked_of_aws_when_only_shown(self):
        self.authenticate(aws=True, awsSecret="team/artifactory")
        self.programs.write("aws", "t0ken/1")
        self.assertIn("aws secretsmanager get-secret-value", self.skelebot("--dry-run", "push", "model").stdout)
        self.assertEqual(self.programs.calls("aws"), [])

    def test_ends_with_the_words_of_aws_when_it_fails(self):
        self.authenticate(aws=True, awsSecret="team/artifactory")
        self.programs.write("aws", "", "An error occurred (AccessDenied): no", 254)
        self.assertIn("An error occurred (AccessDenied): no", self.skelebot("push", "model", status=1).stderr)

    def test_is_asked_for_on_a_terminal_without_an_echo(self):
        asking = self.start("push", "ALL")
        asking.says("User at 127.0.0.1: ").type(b"ada\n")
        asking.says("Token or password at 127.0.0.1: ").type(b"secret word\n")
        self.assertEqual((asking.ends(), len(self.kept())), (0, 3))
        self.assertHidden(asking.said.decode())
        self.assertEqual((asking.said.count(b"User at"), asking.said.count(b"Token or")), (1, 1))

    def test_only_the_secret_is_asked_for_when_the_user_is_known(self):
        asking = self.start("pull", "model", "1.2.0", ARTIFACTORY_USER="ada")
        asking.says("Token or password at 127.0.0.1: ").type(b"secret word\n")
        self.assertEqual(asking.ends(), 1)
        self.assertNotIn(b"User at", asking.said)
        self.assertIn(b"model_v1.2.0.tar.gz does not exist", asking.said)

    def test_only_the_secret_is_asked_for_when_there_is_no_use_for_a_user(self):
        self.authenticate(authType="token")
        asking = self.start("push", "model")
        asking.says("Token or password at 127.0.0.1: ").type(b"t0ken/1\n")
        self.assertEqual((asking.ends(), self.kept()), (0, {"model_v1.2.0.tar.gz": MODEL}))
        self.assertNotIn(b"User at", asking.said)

    def test_may_be_left_open_by_ctrl_c(self):
        asking = self.start("push", "model")
        asking.says("User at").type(b"ada\n").says("Token or password").type(b"sec\x03")
        self.assertEqual((asking.ends(), self.kept()), (130, {}))

    def test_has_to_be_given_without_a_terminal(self):
        done = self.skelebot("push", "model", status=1)
        self.assertEqual(done.stderr, two_lines("user at 127.0.0.1: not given", skelebot.ARTIFACTORY_WAYS))
        self.assertEqual(self.server.requests, [])


# ---- Who it is, for S3 ------------------------------------------------------

class Programs:
    """A folder of programs that answer always the same, and remember their words."""

    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)

    def write(self, name, output, errors="", status=0):
        path = os.path.join(self.folder, name)
        write(self.folder, {
            name: f"#!/bin/sh\necho \"$*\" >>{path}.calls\ncat {path}.output\ncat {path}.errors >&2\nexit {status}\n",
            name + ".output": output + "\n", name + ".errors": errors, name + ".calls": ""})
        os.chmod(path, 0o755)
        return path

    def calls(self, name):
        with open(os.path.join(self.folder, name + ".calls"), encoding="utf-8") as calls:
            return calls.read().splitlines()


class Metadata(http.server.ThreadingHTTPServer):
    """What a container or an instance on AWS finds at an address of its own.

    answers  (method, path) -> (name of a header, its text, the answer to a request that has it)
    """

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), self.Exchange)
        self.answers, self.url = answers, f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    class Exchange(http.server.BaseHTTPRequestHandler):
        def exchange(self):
            name, text, body = self.server.answers.get((self.command, self.path), ("Host", "", ""))
            right = self.headers.get(name) == text
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(body.encode() if right else b"not you")

        do_GET = do_PUT = exchange

        def log_message(self, *_):
            """Nobody reads it."""


KEYS = {"aws_access_key_id": "SIGNED", "aws_secret_access_key": "signed/secret"}
ROLE = {"aws_access_key_id": "SIGNEDROLE", "aws_secret_access_key": "role/secret", "aws_session_token": "role/token"}
PROCESS = json.dumps({"Version": 1, "AccessKeyId": "SIGNEDROLE", "SecretAccessKey": "role/secret",
                      "SessionToken": "role/token", "Expiration": "2099-01-01T00:00:00Z"})
METADATA = json.dumps({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "SIGNEDROLE", "Token": "role/token",
                       "SecretAccessKey": "role/secret", "Expiration": "2099-01-01T00:00:00Z"})


class Signing(OnSigned):
    """The ways to the keys that a request to S3 is signed with; this server computes every signature again."""
    secrets = ("signed/secret", "role/secret", "role/token", "t0ken/1")

    def open(self):
        super().open()
        self.programs = Programs(os.path.join(self.top, "bin"))
        self.environ = {"HOME": self.environ["HOME"], "AWS_EC2_METADATA_DISABLED": "true",
                        "PATH": self.programs.folder + os.pathsep + os.environ["PATH"]}

    def aws(self, **sections):
        """~/.aws: file -> section -> settings."""
        write(self.environ["HOME"], {f".aws/{file}": "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())
            for name, settings in given.items()) for file, given in sections.items()})

    def use_profile(self, name):
        self.repository["s3"]["profile"] = name
        self.folder = self.project("mine")

    def serve(self, answers):
        server = Metadata(answers)
        self.addCleanup(server.stop)
        return server.url

    def assertSigned(self, **environ):
        """Push and pull, with everything shown that may be shown."""
        self.skelebot("-V", "push", "ALL", **environ)
        self.skelebot("-V", "pull", "model", "LATEST", **environ)
        self.skelebot("--dry-run", "push", "ALL", **environ)
        self.assertEqual(self.kept()["model_v1.2.0.tar.gz"], MODEL)

    def test_the_environment(self):
        self.assertSigned(AWS_ACCESS_KEY_ID="SIGNED", AWS_SECRET_ACCESS_KEY="signed/secret")

    def test_the_environment_with_a_session_token(self):
        self.assertSigned(**{name.upper(): value for name, value in ROLE.items()})

    def test_the_default_profile(self):
        self.aws(credentials={"default": KEYS, "other": {}})
        self.assertSigned()

    def test_the_profile_that_the_project_names(self):
        self.aws(credentials={"default": {}, "dev": ROLE}, config={"profile dev": {"region": "eu-west-1"}})
        self.use_profile("dev")
        self.assertSigned(AWS_ACCESS_KEY_ID="WRONG", AWS_SECRET_ACCESS_KEY="wrong")

    def test_the_profile_of_the_environment(self):
        self.aws(config={"default": {}, "profile dev": KEYS})
        self.assertSigned(AWS_PROFILE="dev")

    def test_files_that_the_environment_names(self):
        write(self.top, {"keys": "[default]\naws_access_key_id=SIGNED\naws_secret_access_key=signed/secret\n"})
        self.assertSigned(AWS_SHARED_CREDENTIALS_FILE=os.path.join(self.top, "keys"))

    def test_a_program_of_the_config(self):
        program = self.programs.write("get-keys", PROCESS)
        self.aws(config={"profile dev": {"credential_process": f"{program} --for 'two words'"}})
        self.use_profile("dev")
        self.assertSigned()
        self.assertEqual(self.programs.calls("get-keys"), ["--for two words"] * 2)

    def test_the_aws_command_for_what_only_it_can_do(self):
        for settings in ({"sso_session": "corp"}, {"role_arn": "arn:aws:iam::1:role/x", "source_profile": "default"}):
            with self.subTest(**settings):
                self.programs.write("aws", PROCESS)
                self.aws(config={"profile dev": settings})
                self.use_profile("dev")
                self.skelebot("-V", "push", "model", "-f")
                self.assertEqual(self.programs.calls("aws"),
                                 ["configure export-credentials --profile dev --format process"])

    def test_the_words_of_a_program_that_fails(self):
        self.programs.write("aws", "", "Error: the SSO session has expired", 255)
        self.aws(config={"default": {"sso_session": "corp"}})
        self.assertIn("the SSO session has expired", self.skelebot("push", "model", status=1).stderr)

    def test_the_endpoint_of_a_container(self):
        url = self.serve({("GET", "/creds"): ("Authorization", "t0ken/1", METADATA)})
        write(self.top, {"token": "t0ken/1\n"})
        token = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/creds"}
        self.assertSigned(AWS_CONTAINER_AUTHORIZATION_TOKEN="t0ken/1", **token)
        self.skelebot("pull", "model", "LATEST", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=self.top + "/token", **token)

    def test_the_metadata_of_an_instance(self):
        roles, known = "/latest/meta-data/iam/security-credentials/", ("X-aws-ec2-metadata-token", "t0ken/1")
        url = self.serve({
            ("PUT", "/latest/api/token"): ("X-aws-ec2-metadata-token-ttl-seconds", "300", "t0ken/1"),
            ("GET", roles): (*known, "my-role"), ("GET", roles + "my-role"): (*known, METADATA)})
        self.assertSigned(AWS_EC2_METADATA_SERVICE_ENDPOINT=url, AWS_EC2_METADATA_DISABLED="false")

    def test_not_the_token_that_artifactory_would_be_given(self):
        self.aws(credentials={"default": KEYS})
        done = self.skelebot("push", "model", "-u", "ada", "-t", "t0ken/1")
        self.assertIn("skelebot: warning: s3 has no use for --user and --token\n", done.stderr)

    def test_none_at_all(self):
        done = self.skelebot("push", "model", status=1)
        self.assertEqual(done.stderr, two_lines("no AWS credentials were found", skelebot.AWS_WAYS))

    def test_a_profile_that_is_not_there(self):
        self.aws(credentials={"default": KEYS})
        self.use_profile("dve")
        done = self.skelebot("push", "model", status=1)
        self.assertEqual(done.stderr, two_lines(
            "no AWS profile is named 'dve'", "look at ~/.aws/config and ~/.aws/credentials, or at profile: below s3"))
