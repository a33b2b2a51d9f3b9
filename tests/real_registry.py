"""Publishing images to a real registry, which knows the user ada with the password secret."""
import base64
import contextlib
import http.server
import json
import os
import shutil
import socket
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from engine import Tests, call, on, prints, write

REGISTRY = os.environ.get("SKELEBOT_TEST_REGISTRY", "")
HOST, _, PORT = REGISTRY.partition(":")
AUTH = base64.b64encode(b"ada:secret").decode()
LOGGED_IN = {"auths": {REGISTRY: {"auth": AUTH}}}
SMALL = "skelebot-test/small"           # one program without libraries: pushed in no time
PROGRAM = shutil.which("docker-init") or shutil.which("catatonit") or ""
WRONG = "wr0ng-w0rd"
WAYS = "log in first, with docker login, or set SKELEBOT_REGISTRY_USER and SKELEBOT_REGISTRY_PASSWORD"


def asked(path, method="GET"):
    """The registry's answer: (headers, JSON); None where it has no such thing."""
    accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(f"http://{REGISTRY}/v2/{path}", method=method,
                                     headers={"Authorization": "Basic " + AUTH, "Accept": accept})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            return answer.headers, json.loads(answer.read().decode() or "null")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def pushed_tags(name):
    """The tags that the registry has of an image."""
    found = asked(f"acme/{name}/tags/list")
    return sorted(found[1]["tags"] or []) if found else []


def pushed_lines(name, *tags):
    """What `publish` prints, by what the registry knows."""
    digests = [asked(f"acme/{name}/manifests/{tag}", "HEAD")[0]["Docker-Content-Digest"] for tag in tags]
    return [f"{REGISTRY}/acme/{name}:{tag}@{digest}" for tag, digest in zip(tags, digests)]


def two_lines(message, hint):
    return f"skelebot: {message}\n  hint: {hint}\n"


def make_small(engine):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PROGRAM, os.path.join(folder, "program"))
        write(folder, {"Dockerfile": "FROM scratch\nCOPY program /program\n"})
        done = call([*engine.cli, "build", "--tag", SMALL, "."], folder, **engine.environ)
        if done.status:
            raise AssertionError(f"{SMALL} was not built:\n{done.stderr}")


class RegistryTests(Tests):
    """Every test has a project of its own name, and a configuration of docker that nobody else has."""
    build = False
    section = {"host": HOST, "port": int(PORT or 1), "user": "acme"}

    @classmethod
    def setUpClass(cls):
        if not (REGISTRY and PROGRAM):
            raise unittest.SkipTest("SKELEBOT_TEST_REGISTRY is not set; tests/services.sh starts a registry")
        super().setUpClass()
        make_small(cls.engine)

    def setUp(self):
        self.logins = os.path.join(self.top, os.urandom(4).hex())
        self.log_in(LOGGED_IN)
        self.project(self.id().rpartition("_")[2].lower() + os.urandom(2).hex())

    def log_in(self, config):
        write(self.logins, {"config.json": json.dumps(config)})

    def project(self, name, registry=None, components=None, files=None, **config):
        """Make the test's project."""
        self.image = f"{self.name}-{name}"
        self.place = os.path.join(self.top, name)
        self.reference = f"{REGISTRY}/acme/{self.image}"
        write(self.place, {"VERSION": "0.1.0\n", **(files or {})})
        self.write_project(self.place, name=self.image, baseImage=SMALL, language="NA",
                           components={"registry": registry or self.section, **(components or {})}, **config)
        self.addCleanup(self.remove_images, self.image)

    def remove_images(self, name):
        for line in self.engine.ask("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter",
                                    f"label=org.opencontainers.image.title={name}"):
            prints(*self.engine.cli, "rmi", "--force", line, **self.engine.environ)

    def variables(self, environ):
        return {"DOCKER_CONFIG": self.logins, "REGISTRY_AUTH_FILE": os.path.join(self.logins, "config.json"), **environ}

    def skelebot(self, *words, status=0, **options):
        return super().skelebot(*words, status=status, folder=self.place, **self.variables(options))

    def start(self, *words, **options):
        return super().start(*words, folder=self.place, **self.variables(options))

    def refused(self, message, hint, *words, status=1, **options):
        """Nothing was pushed, and stderr ends with these two lines."""
        done = self.skelebot(*words, status=status, **options)
        self.assertEqual((done.stdout, done.stderr, pushed_tags(self.image)), (b"", two_lines(message, hint), []))


# ---- Pushing ----------------------------------------------------------------

@on("BuildKit", "podman")
class Publishing(RegistryTests):
    """What arrives in the registry, and what is printed."""

    def published(self, *words, tags, **options):
        """The lines of a publish that has to push these tags."""
        lines = self.skelebot(*words, **options).stdout.decode().splitlines()
        self.assertEqual((lines, pushed_tags(self.image)), (pushed_lines(self.image, *tags), sorted(tags)))
        return lines

    def test_pushes_version_latest_and_the_given_tags_and_the_same_again(self):
        tags = ["0.1.0", "latest", "stable", "v0"]
        first = self.published("publish", "-t", "stable", "v0", tags=tags)
        self.assertEqual(self.published("publish", "-t", "stable", "v0", tags=tags), first)

    def test_leaves_version_or_latest_out(self):
        self.published("publish", "-l", tags=["0.1.0"])
        self.project("second" + os.urandom(2).hex())
        self.published("publish", "-v", "--tag", "0.1.0-rc.1", tags=["latest", "0.1.0-rc.1"])

    def test_pushes_what_can_be_pulled_by_its_digest_and_run(self):
        line, _ = self.published("publish", tags=["0.1.0", "latest"])
        name, _, digest = line.partition("@")
        self.remove_images(self.image)
        self.assertEqual(self.engine.ask("images", "--quiet", self.reference), [])
        done = call([*self.engine.cli, "run", "--rm", f"{self.reference}@{digest}", "/program", "--version"], "/",
                    **self.variables(self.engine.environ))
        self.addCleanup(prints, *self.engine.cli, "rmi", "--force", f"{self.reference}@{digest}", **self.engine.environ)
        self.assertEqual((done.status, b"version" in done.stdout), (0, True), done.stderr)

    def test_pushes_with_s_what_is_there(self):
        self.skelebot("prime")
        write(self.place, {"new.txt": "not in the image"})
        done = self.skelebot("-s", "-V", "publish", "-v")
        self.assertNotIn(" build ", done.stderr)
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "latest"))


@on("remote")
class PublishingElsewhere(RegistryTests):
    """-d names the host whose images are pushed, with a login that this machine has."""

    def test_pushes_from_there(self):
        self.log_in({})
        done = self.skelebot("-d", self.engine.environ["DOCKER_HOST"], "publish", DOCKER_HOST="",
                             SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD="secret")
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "0.1.0", "latest"))


@on("legacy")
class NotPublishing(RegistryTests):
    """What is refused before anything is pushed."""

    def test_tags_that_are_none(self):
        hint = "a tag has up to 128 letters, digits, _ . and -, and does not start with . or -"
        for tag in (".hidden", "a/b", "", "x" * 129, "-x", "Zürich"):
            with self.subTest(tag=tag):
                shown = repr(tag) if len(tag) < 60 else repr(tag)[:56] + "...'"
                self.refused(f"publish: --tag: {shown} is not a tag", hint, "publish", f"--tag={tag}", status=2)

    def test_a_version_that_is_no_tag(self):
        write(self.place, {"VERSION": "1.0.0+build.5\n"})
        self.refused("publish: VERSION: '1.0.0+build.5' is not a tag",
                     "a tag has up to 128 letters, digits, _ . and -, and does not start with . or -; "
                     "-v leaves the version out", "publish", status=2)

    def test_no_tag_at_all(self):
        self.refused("publish: no tag is left", "give one with --tag, or leave --omit-latest out",
                     "publish", "-v", "-l", status=2)

    def test_with_s_an_image_that_is_not_there(self):
        self.refused(f"there is no image {self.image}", "leave -s out, so that it is built", "-s", "publish")


# ---- Logging in -------------------------------------------------------------

RECORDING = """#!/bin/sh
# Writes down its words and variables, and is the real docker.
{{ printf '%s\\n' "$*"; env; }} >> {log}
case $1 in
login) {login} ;;
esac
exec {docker} "$@"
"""


class LoginTests(RegistryTests):
    """On an engine whose command line is watched; nobody is logged in."""

    def setUp(self):
        super().setUp()
        self.log_in({})
        self.log = self.recording()

    def recording(self, login=":"):
        """Put a docker before the real one that writes to the file which this returns."""
        log, folder = os.path.join(self.logins, "log"), os.path.join(self.logins, "bin")
        docker = shutil.which(self.engine.cli[0], path=self.engine.environ.get("PATH", os.environ["PATH"]))
        self.program("docker", RECORDING.format(log=log, docker=docker, login=login.format(folder=folder, docker=docker)))
        return log

    def program(self, name, text):
        folder = os.path.join(self.logins, "bin")
        write(folder, {name: text})
        os.chmod(os.path.join(folder, name), 0o755)

    def variables(self, environ):
        path = os.pathsep.join([os.path.join(self.logins, "bin"), self.engine.environ.get("PATH", os.environ["PATH"])])
        return super().variables({"PATH": path, **environ})

    def seen(self, *places):
        """All that was shown, written down and kept."""
        texts = list(places)
        for name in ("log", "config.json"):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self.logins, name)) as file:
                texts.append(file.read())
        return "\n".join(texts)

    def calls(self, word):
        """The words of the calls of docker that begin with one."""
        with open(self.log) as file:
            return [line.rstrip("\n") for line in file if line.split(" ")[0] == word]


@on("legacy")
class LoggingIn(LoginTests):
    """Only when a push is refused; the password is shown nowhere."""

    def test_is_not_needed_by_who_is_logged_in(self):
        self.log_in(LOGGED_IN)
        self.skelebot("publish")
        self.assertEqual(self.calls("login"), [])

    def test_takes_user_and_password_from_variables(self):
        done = self.skelebot("-V", "publish", SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD="secret")
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "0.1.0", "latest"))
        self.assertEqual(self.calls("login"), [f"login --username ada --password-stdin {REGISTRY}"])
        self.assertNotIn("secret", done.stderr)

    def test_refuses_a_wrong_password(self):
        done = self.skelebot("-V", "publish", status=1, SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD=WRONG)
        self.assertRegex(done.stderr, rf"\nskelebot: {REGISTRY} refuses the login of ada: .*401 Unauthorized\n"
                                      r"  hint: look at SKELEBOT_REGISTRY_USER and SKELEBOT_REGISTRY_PASSWORD\n$")
        self.assertEqual((done.stdout, pushed_tags(self.image)), (b"", []))
        words = "\n".join(line for line in self.seen(done.stderr).splitlines()
                          if not line.startswith("SKELEBOT_REGISTRY_PASSWORD="))
        self.assertNotIn(WRONG, words)
        self.assertNotIn(base64.b64encode(f"ada:{WRONG}".encode()).decode(), words)

    def test_asks_on_a_terminal(self):
        running = self.start("publish", terminal=True).says("User at").type(b"ada\n")
        running.says("Password of ada at").type(b"secret\n")
        self.assertEqual(running.ends(), 0)
        self.assertEqual(running.said.decode().split()[-2:], pushed_lines(self.image, "0.1.0", "latest"))
        with open(self.log) as log:
            self.assertNotIn("secret", log.read() + running.said.decode())

    def test_pushes_nothing_when_it_is_stopped(self):
        running = self.start("publish", terminal=True).says("User at").type(b"ada\n").says("Password of").type(b"\x03")
        self.assertEqual((running.ends(), pushed_tags(self.image)), (130, []))

    def test_says_what_to_do_where_nobody_can_be_asked(self):
        done = self.skelebot("publish", status=1)
        words = f":0.1.0 was not pushed: no basic auth credentials\n  hint: {WAYS}\n"
        self.assertTrue(done.stderr.endswith(words), done.stderr)
        done = self.skelebot("publish", status=1, SKELEBOT_REGISTRY_USER="ada")
        self.assertTrue(done.stderr.endswith(words), done.stderr)
        self.assertEqual(pushed_tags(self.image), [])


@on("podman", "remote")
class LoggingInElsewhere(RegistryTests):
    """The same without a watch."""

    def test_takes_user_and_password_from_variables(self):
        self.log_in({})
        done = self.skelebot("publish", SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD="secret")
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "0.1.0", "latest"))

    def test_refuses_a_wrong_password(self):
        self.log_in({})
        done = self.skelebot("publish", status=1, SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD=WRONG)
        self.assertRegex(done.stderr, rf"skelebot: {REGISTRY} refuses the login of ada: .*\n"
                                      r"  hint: look at SKELEBOT_REGISTRY_USER and SKELEBOT_REGISTRY_PASSWORD\n$")
        self.assertEqual((done.stdout, pushed_tags(self.image), WRONG in done.stderr), (b"", [], False))


# The registry does not know the user AWS: the login is written down, and becomes ada's.
AS_ADA = 'tee {folder}/given | {docker} login --username ada --password-stdin "$5"; exit'
AWS = "#!/bin/sh\necho \"$*\" > {}\n{}\n"


@on("legacy")
class Amazon(LoginTests):
    """A password from a command `aws`, given to docker login."""
    section = {**RegistryTests.section, "aws": {"region": "eu-central-1", "profile": "team"}}

    def aws(self, does):
        self.program("aws", AWS.format(os.path.join(self.logins, "aws.log"), does))

    def test_gives_the_password(self):
        self.recording(AS_ADA)
        self.aws("echo secret")
        done = self.skelebot("-V", "publish")
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "0.1.0", "latest"))
        self.assertEqual(self.calls("login"), [f"login --username AWS --password-stdin {REGISTRY}"])
        with open(os.path.join(self.logins, "aws.log")) as log, open(os.path.join(self.logins, "bin", "given")) as given:
            self.assertEqual((log.read(), given.read()), (
                "ecr get-login-password --region eu-central-1 --profile team\n", "secret"))
        self.assertNotIn("secret", done.stderr)
        with open(self.log) as log:
            self.assertNotIn("secret", log.read())

    def test_is_told_when_it_fails(self):
        self.aws("echo 'Unable to locate credentials. You can configure credentials.' >&2; exit 253")
        done = self.skelebot("publish", status=1)
        self.assertRegex(done.stderr, r"was not pushed: no basic auth credentials; aws ecr get-login-password --region .* failed: Unable to locate "
                                      r"credentials. You can configure credentials.\n  hint: .+\n$")
        self.assertEqual((done.stdout, pushed_tags(self.image)), (b"", []))

    def test_is_told_when_it_is_not_there(self):
        bare = os.path.join(self.logins, "bare")
        os.makedirs(bare)
        for name in ("docker", "sh", "env"):
            os.symlink(shutil.which(name, path=self.variables({})["PATH"]), os.path.join(bare, name))
        done = self.skelebot("publish", status=1, PATH=bare)
        self.assertTrue(done.stderr.endswith("; aws: not found on PATH\n  hint: install the AWS CLI\n"), done.stderr)
        self.assertEqual(pushed_tags(self.image), [])


# ---- Secrets ----------------------------------------------------------------

KEYTAB = b"\5\2" + bytes(range(7, 107))
SECRETS = {         # file, bytes, what it holds
    "copy/of/data.bin": (KEYTAB, "a keytab"),
    "krb/other.keytab": (b"\5\2\0\0\0\x2a", "a keytab"),
    ".netrc": (b"machine x login y password z\n", "passwords"),
    "home/.pypirc": (b"[pypi]\npassword = z\n", "passwords"),
    "a/b/id_rsa": (b"whatever\n", "a private key"),
    "tls/server.pem": (b"# from the CA\nsubject=/CN=x\n\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "a private key"),
    "tls/key.txt": (b"-----BEGIN PRIVATE KEY-----\nMIIE\n", "a private key"),
}
INNOCENT = {"tls/ca.pem": b"-----BEGIN CERTIFICATE-----\nMIIE\n", "id_rsa.pub": b"ssh-rsa AAAA\n", "data.bin": b"\5\2\0\0",
            "docs/netrc": b"see netrc(5)\n"}


@on("legacy")
class Secrets(RegistryTests):
    """What must be in no image that is published."""
    kerberos = {"kerberos": {"krbConf": "krb5.conf", "keytab": "ada.keytab", "hdfsUser": "ada"}}
    krb_files = {"krb5.conf": "[libdefaults]\n", "ada.keytab": KEYTAB}

    def test_are_named_before_anything_is_built(self):
        for number, (path, (data, kind)) in enumerate(SECRETS.items()):
            with self.subTest(path):
                self.project(f"secret{number}", components=self.kerberos, files={**self.krb_files, **INNOCENT, path: data})
                self.refused(f"{path}: holds {kind}, and would be in the image that is published",
                             f"add it to ignores in skelebot.yaml, as - {path}", "publish")
        self.assertEqual(self.engine.ask("images", "--quiet", "--filter", f"reference={self.name}-secret*"), [])

    def test_may_lie_in_the_project_when_they_are_ignored(self):
        files = {path: data for path, (data, _) in SECRETS.items()}
        self.project("ignored", files={**files, **INNOCENT}, ignores=[*files])
        write(self.place, {"copy/of/data.bin": b"no keytab"})
        done = self.skelebot("publish")
        self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(self.image, "0.1.0", "latest"))

    def test_are_found_with_s_in_an_image_that_was_built_before(self):
        self.project("before", files={"a/.netrc": "machine x login y password z\n"})
        self.skelebot("prime")
        os.remove(os.path.join(self.place, "a", ".netrc"))
        self.refused("a/.netrc: holds passwords, and would be in the image that is published",
                     "add it to ignores in skelebot.yaml, as - a/.netrc, and leave -s out", "-s", "publish")


# ---- Registries that are none -----------------------------------------------

class NoRepository(http.server.BaseHTTPRequestHandler):
    """A registry in which every repository has to be made before, as Amazon's."""
    default_request_version = "HTTP/1.1"        # for an answer with a status to what is no HTTP

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def do_GET(self):
        self.answer(*(200, b"{}") if self.path == "/v2/" else (404, NAME_UNKNOWN))

    def do_POST(self):
        self.answer(404, NAME_UNKNOWN)

    do_HEAD = do_GET

    def log_message(self, *words):
        pass


NAME_UNKNOWN = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "The repository with name 'acme/x' does not exist "
                                       "in the registry with id '123456789012'"}]}).encode()


@contextlib.contextmanager
def serving(address):
    """The port of a NoRepository at an address."""
    server = http.server.ThreadingHTTPServer((address, 0), NoRepository)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class NoRegistry(RegistryTests):
    """One message with the engine's own words, and what to do."""

    def not_pushed(self, host, port, words, hint):
        self.project(f"to{port}", registry={"host": host, "port": port, "user": "acme"})
        done = self.skelebot("publish", status=1)
        self.assertRegex(done.stderr, rf"skelebot: {host}:{port}/acme/{self.image}:0\.1\.0 was not pushed: .*{words}.*\n"
                                      rf"  hint: {hint}\n$")
        self.assertEqual(done.stdout, b"")

    def test_answers(self):
        self.not_pushed("127.0.0.1", 1, "refused", "look at host and port below components.registry: 127.0.0.1:1")

    def test_speaks_https(self):
        with serving("172.31.254.1") as port:
            self.not_pushed("172.31.254.1", port, "server gave HTTP response to HTTPS client",
                            "the registry speaks plain http: name it among insecure-registries of the Docker engine")


on("podman")(NoRegistry)


@on("legacy")
class NoRepositories(NoRegistry):
    """A registry that wants each to be made; podman would want HTTPS of it."""

    def test_has_such_a_repository(self):
        with serving("127.0.0.1") as port:
            self.not_pushed("127.0.0.1", port, "does not exist",
                            "make the repository first, as in: aws ecr create-repository --repository-name ...")


# ---- Chains -----------------------------------------------------------------

HELPER = "#!/bin/sh\n[ \"$1\" = get ] && {}\n"


@on("BuildKit")
class ChainsSeenBefore(RegistryTests):
    """What a later part can know of logins, ports, hosts and engines it says before the first one starts."""
    jobs = [{"name": "train", "source": "echo begun >&2; touch trained", "native": "always"},
            {"name": "far", "source": "true", "host": "tcp://127.0.0.1:1"}, {"name": "near", "source": "true"},
            {"name": "lost", "source": "true", "host": "ssh://nobody@box.invalid"}]
    warning = f"skelebot: warning: no login at {REGISTRY} is known, if it wants one: {WAYS}\n"

    def ended(self, *words, status, **environ):
        """(stderr, whether the first part was done) of a chain; the project and its name are new."""
        done = self.skelebot("train", "+", *words, status=status, **environ)
        trained = os.path.join(self.place, "trained")
        return done.stderr, os.path.exists(trained) and not os.remove(trained)

    def helpers(self, **scripts):
        write(self.top, {f"bin/docker-credential-{name}": HELPER.format(script) for name, script in scripts.items()})
        for name in scripts:
            os.chmod(os.path.join(self.top, "bin", f"docker-credential-{name}"), 0o755)
        return os.pathsep.join([os.path.join(self.top, "bin"), self.engine.environ["PATH"]])

    def test_is_a_login_that_no_file_and_no_helper_has(self):
        self.project("login" + os.urandom(2).hex(), jobs=self.jobs)
        path = self.helpers(none="{ echo credentials not found in native keychain; exit 1; }",
                            has="echo '{\"Username\": \"ada\", \"Secret\": \"secret\"}'")
        for config in ({"auths": {"other.example.com": {"auth": AUTH}}}, {"credsStore": "has", "credHelpers": {REGISTRY: "none"}}):
            with self.subTest(config):
                self.log_in(config)
                said, trained = self.ended("publish", status=1, PATH=path)
                self.assertEqual((said.startswith(self.warning + "begun\n"), trained), (True, True), said)
        for config in (LOGGED_IN, {"credsStore": "none", "credHelpers": {REGISTRY: "has"}}):
            with self.subTest(config):
                self.log_in(config)
                said, trained = self.ended("publish", status=0, PATH=path)
                self.assertEqual((said.startswith("begun\n"), trained), (True, True), said)
        self.log_in({})
        said, _ = self.ended("publish", status=0, SKELEBOT_REGISTRY_USER="ada", SKELEBOT_REGISTRY_PASSWORD="secret")
        self.assertNotIn("no login", said)

    def test_is_a_host_a_context_or_a_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.project("hosts" + os.urandom(2).hex(), jobs=[*self.jobs, {"name": "serve", "source": "true", "ports": [f"{port}:80"]}])
            for words, message, environ in ((["far"], "no engine answers docker --host tcp://127.0.0.1:1", {}),
                                            (["lost"], "no engine answers docker --host ssh://nobody@box.invalid", {}),
                                            (["-d", "tcp://127.0.0.1:1", "publish"], "", {}),
                                            (["near"], "no engine answers docker", {"DOCKER_CONTEXT": "nosuch"}),
                                            (["near", "+", "serve"], f"jobs[4].ports: port {port} is in use", {})):
                with self.subTest(words):
                    options = words[:2] if words[0] == "-d" else []
                    done = self.skelebot(*options, "train", "+", *words[len(options):], status=1, **environ)
                    self.assertIn(message, done.stderr)
                    self.assertNotIn("begun", done.stderr)

    def test_is_a_gpu_of_which_the_engine_knows_nothing(self):
        self.project("gpu" + os.urandom(2).hex(), jobs=self.jobs, gpu=True)
        said = self.skelebot("train", "+", "near", status=125).stderr
        if "nvidia" not in "".join(self.engine.ask("info", "--format", "{{.Runtimes}}")):
            self.assertTrue(said.startswith("skelebot: warning: the engine names no runtime nvidia, "), said)
