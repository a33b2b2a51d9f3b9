"""Push and pull: the same promises on every server, and who skelebot says it is there."""
import base64
import functools
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

from artifactory import Artifactory, User
from engine import SKELEBOT, Running, write
from support import call, contents, skelebot, two_lines

HERE = os.path.dirname(os.path.abspath(__file__))
BOTO = os.environ.get("SKELEBOT_TEST_BOTO", "")     # a Python that has boto3
BUCKET = "skelebot-test"
ADA = User("ada", "secret word", tokens=("t0ken/1",), keys=("k3y+1",))
OURS = r"(AWS|ARTIFACTORY)_|SSL_CERT_|REQUESTS_CA_BUNDLE$|HOME$|(.*_)?proxy$"    # variables that tests have for themselves

MODEL = bytes(range(256)) * 100
VOCABULARY = b"one\ntwo\n"
BERT = {"config.json": b"{}", "layers/": None, "layers/0.bin": MODEL[:999], "layers/more/": None,
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

    def assertHidden(self, text):
        for secret in self.secrets:
            for form in (secret, urllib.parse.quote(secret, ""), base64.b64encode(secret.encode()).decode(),
                         base64.b64encode(f"ada:{secret}".encode()).decode()):
                self.assertNotIn(form, text)

    def files(self, folder):
        """What is in a project's folder beside skelebot.yaml."""
        return {name: data for name, data in contents(folder).items() if name != "skelebot.yaml"}


# ---- Places -----------------------------------------------------------------

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
    def open(self):
        self.inside = os.path.join(self.top, "a folder")
        self.address = self.inside + "/"
        self.repository = {"folder": {"path": self.inside}}

    kept, keep = OnArtifactory.kept, OnArtifactory.keep


class AtHome(OnFolder):
    """Where a project's artifacts go that names no place."""

    def open(self):
        self.inside = os.path.join(self.environ["HOME"], ".skelebot", "artifacts", "churn")
        self.address = self.inside + "/"


@functools.lru_cache(None)
def s3_client():
    return subprocess.Popen([BOTO, "-I", os.path.join(HERE, "clients", "s3.py")], universal_newlines=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class OnS3(Case):
    """A bucket, seen from outside by boto3.

    variable  has the server's URL
    """
    variable = ""
    key = ("", "")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.url = os.environ.get(cls.variable)
        for variable, value in ((cls.variable, cls.url), ("SKELEBOT_TEST_BOTO", BOTO)):
            if not value:
                raise unittest.SkipTest(f"{variable} is not set; tests/services.sh starts the server")

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
        cls.url = os.environ.get(cls.variable)
        if not cls.url:
            raise unittest.SkipTest(f"{cls.variable} is not set; tests/services.sh starts the server")

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
    "Artifactory": (OnArtifactory,), "Artifactory_in_1x": (In1x, OnArtifactory), "Artifactory_in_2019": (In2019, OnArtifactory),
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
        self.assertEqual(done.stderr.splitlines()[-1], f"skelebot: pushed model_v1.2.0.tar.gz to {self.address}model_v1.2.0.tar.gz")

    def test_keeps_a_singular_file_under_its_name(self):
        self.skelebot("push", "vocabulary")
        self.assertEqual(self.kept(), {"vocabulary.txt": VOCABULARY})

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
            f"model_v1.2.0.tar.gz is there already: {self.address}model_v1.2.0.tar.gz",
            "bump the version, or replace it: skelebot push model -f"))
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": b"old"})
        self.skelebot("push", "model", "--force")
        self.assertEqual(self.kept(), {"model_v1.2.0.tar.gz": MODEL})
        self.skelebot("pull", "model", "1.2.0")

    def test_of_all_sends_nothing_while_one_file_is_missing(self):
        shutil.rmtree(os.path.join(self.folder, "models", "bert"))
        done = self.skelebot("push", "ALL", status=1)
        self.assertIn("models/bert/ is not there", done.stderr)
        self.assertEqual(self.kept(), {})

    def test_of_all_sends_nothing_while_one_version_is_there(self):
        self.keep({"bert_v1.2.0.tar.gz": b"old"})
        done = self.skelebot("push", "ALL", status=1)
        self.assertIn("bert_v1.2.0.tar.gz is there already", done.stderr)
        self.assertEqual(self.kept(), {"bert_v1.2.0.tar.gz": b"old"})

    def test_only_shown_sends_nothing(self):
        done = self.skelebot("--dry-run", "push", "ALL")
        print(done.stdout)
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
        self.assertEqual(self.pulled("bert", "1.2.0"),
                         {"bert_v1.2.0/": None, **{"bert_v1.2.0/" + name: data for name, data in BERT.items()}})
        modes = {name: os.stat(os.path.join(self.theirs, "bert_v1.2.0", name)).st_mode & 0o111 for name in BERT}
        self.assertEqual([name for name, mode in modes.items() if mode and name[-1] != "/"], ["run.sh"])

    def test_replaces_a_folder_by_what_was_pushed(self):
        self.skelebot("push", "bert")
        write(self.theirs, {"models/bert/config.json": "old", "models/bert/old": "old"})
        self.assertEqual(self.pulled("bert", "LATEST", "-o"),
                         {"models/": None, "models/bert/": None, **{"models/bert/" + name: data for name, data in BERT.items()}})

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
        self.assertLatest({"1.10.0": "1.10.0", "1.10.5": "1.10.0", "1.9.9": "1.9.0", "0.10.0": "0.9.0", "2.9.0": "2.0.0",
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
        neighbours = ["model_v2_old.tar.gz", "model_v2_old_v1.1.9.tar.gz", "model_v1.1.9.zip", "model_v1.1.9.tar.gz.old",
                      "a-model_v1.1.9.tar.gz", "Model_v1.1.9.tar.gz", "model_v1.1.9", "model_v.tar.gz", "model_vnew.tar.gz"]
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
                self.assertEqual((done.stderr.count("is there already, as it was pushed"), done.stderr.count("fetching")), (3, 0))

    def test_leaves_nothing_of_what_is_not_there(self):
        self.keep({"model_v0.1.0.tar.gz": b"old"})
        done = self.skelebot("pull", "model", "1.2.0", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines(f"model_v1.2.0.tar.gz is not there: {self.address}model_v1.2.0.tar.gz",
                                                "skelebot pull model LATEST! fetches the highest version that is"))
        done = self.skelebot("pull", "model", "LATEST", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines("no version of model fits 1.2.0", "there are: 0.1.0"))
        self.assertEqual(self.files(self.theirs), {})

    def test_says_so_when_nothing_is_there_at_all(self):
        done = self.skelebot("pull", "model", "LATEST", folder=self.theirs, status=1)
        self.assertEqual(done.stderr, two_lines("no version of model fits 1.2.0",
                                                f"nothing of that name is at {self.address}"))

    def test_only_shown_fetches_nothing(self):
        self.skelebot("push", "model")
        done = self.skelebot("--dry-run", "pull", "model", "1.2.0", folder=self.theirs)
        print(done.stdout)
        self.assertIn(f"{self.address}model_v1.2.0.tar.gz", done.stdout)
        self.assertEqual(self.files(self.theirs), {})
