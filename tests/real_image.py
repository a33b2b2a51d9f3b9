"""Building images: what is in them, what they run by themselves, and what Docker's cache holds."""
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import zipfile

from engine import BASE, TIMEOUT, Tests, call, on, output, prints, tree, write
from program import SOURCE
from real_run import python_for_all

VERSIONS = """\
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
print(json.dumps(found))
"""


def wheel(name, version):
    """The bytes of NAME-VERSION-py3-none-any.whl, with one module."""
    data, info = io.BytesIO(), f"{name}-{version}.dist-info"
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(f"{name}.py", f"VERSION = '{version}'\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return data.getvalue()


class Image(Tests):
    """Tests that build projects of their own, each in a folder of its own, under one name."""
    build = False

    def call_as(self, uid, *words, folder, home="/nonexistent"):
        """A call of a user who may talk to the engine, and who has no home unless one is named."""
        for path in (self.top, folder):
            os.chmod(path, 0o755 if path == self.top else 0o777)
        group = str(os.stat("/var/run/docker.sock").st_gid)
        argv = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--groups", group, python_for_all(), SOURCE, *words]
        return call(argv, folder, **{**self.engine.environ, "SKELEBOT_HOME": "", "HOME": home, "SKELEBOT_TRUST": "*"})

    def folder_of(self, files=(), **config):
        folder = tempfile.mkdtemp(dir=self.top)
        self.write_project(folder, **config)
        write(folder, dict(files))
        return folder


# ---- Python -----------------------------------------------------------------

@on("BuildKit")
class PythonDependencies(Tests):
    """Every kind of Python dependency, in one image."""
    files = {
        "versions.py": VERSIONS,
        "requirements.txt": "-r more/inner.txt\ntoolz==0.12.0  # a comment\n",
        "more/inner.txt": "--requirement innermost.txt\n",
        "more/innermost.txt": "wcwidth==0.2.5\n",
        "pyproject.toml": "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"iniconfig==1.1.1\"]\n",
        "lib/my folder/setup.py": "from setuptools import setup\nsetup(name='mine', version='0.7', py_modules=['mine'])\n",
        "lib/my folder/mine.py": "",
        "lib/handmade-0.1-py3-none-any.whl": wheel("handmade", "0.1"),
    }
    config = {
        "dependencies": ["six==1.16.0", "idna=3.4", "urllib3[socks]>=1.26,<2", "tomli; python_version < \"3\"",
                         "req:requirements.txt", "proj:pyproject.toml", "file:lib/my folder",
                         "file:lib/handmade-0.1-py3-none-any.whl", "github:acme/hello@v1"],
        "jobs": [{"name": "versions", "source": "versions.py"}],
    }

    def test_are_installed(self):
        wanted = {"six": "1.16.0", "idna": "3.4", "PySocks": "1.7.1", "tomli": None, "toolz": "0.12.0", "wcwidth": "0.2.5",
                  "iniconfig": "1.1.1", "mine": "0.7", "handmade": "0.1", "acme-hello": "1"}
        self.assertEqual(json.loads(self.skelebot("-s", "versions", "--", *wanted).stdout), wanted)


@on("legacy", "BuildKit", "podman")
class Cache(Image):
    """What was built is not built again."""
    wheels = {f"wheels/{name}-1-py3-none-any.whl": wheel(name, "1") for name in ("first", "second")}

    def layers(self, count, folder):
        self.write_project(folder, dependencies=[f"file:{path}" for path in self.wheels][:count],
                           jobs=[{"name": "job", "source": "true"}])
        self.skelebot("prime", folder=folder)
        return self.inspect(self.name)["RootFS"]["Layers"]

    def test_holds_what_stands_above_a_dependency_that_was_added_below(self):
        folder = self.folder_of(self.wheels)
        one, two = self.layers(1, folder), self.layers(2, folder)
        self.assertEqual(two[:len(one) - 1], one[:-1])      # the last one is the project's copy
        self.assertEqual(len(two), len(one) + 2)            # the wheel's copy, and its installation

    def test_holds_an_image_that_has_not_changed(self):
        folder = self.folder_of({"src/a.py": ""}, jobs=[{"name": "job", "source": "true"}])
        self.skelebot("prime", folder=folder)
        first = self.inspect(self.name)["Id"]
        self.skelebot("prime", folder=folder)
        self.assertEqual(self.inspect(self.name)["Id"], first)


# ---- CodeArtifact -----------------------------------------------------------

class CodeArtifact(http.server.BaseHTTPRequestHandler):
    """The two requests that are needed. Source: AWS, CodeArtifact API Reference."""
    asset = wheel("acme_private", "2.1")
    name = "acme_private-2.1-py3-none-any.whl"

    def do_POST(self):
        self.answer("/v1/package/version/assets", json.dumps({
            "format": "pypi", "package": "acme_private", "version": "2.1", "versionRevision": "r1",
            "assets": [{"name": "acme_private-2.1.tar.gz", "size": 1}, {"name": self.name, "size": len(self.asset)}],
        }).encode())

    def do_GET(self):
        self.answer("/v1/package/version/asset", self.asset)

    def answer(self, path, data):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.asked.append((self.command, query))
        wanted = {"domain": "acme", "domain-owner": "111122223333", "repository": "python",
                 "format": "pypi", "package": "acme_private", "version": "2.1"}
        known = (url.path == path and wanted.items() <= query.items()
                 and "AWS4-HMAC-SHA256 Credential=AKIDOFTESTS/" in self.headers.get("Authorization", ""))
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/octet-stream" if self.command == "GET" else "application/json")
        self.send_header("Content-Length", str(len(data) if known else 2))
        for name, value in (("X-AssetName", self.name), ("X-PackageVersion", "2.1"), ("X-PackageVersionRevision", "r1")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data if known else b"{}")

    def log_message(self, *words):
        pass


def aws_folder(top):
    """A folder with the real aws command: the one on PATH, or a new one from PyPI."""
    if prints("aws", "--version"):
        return os.path.dirname(shutil.which("aws"))
    output([sys.executable, "-m", "venv", os.path.join(top, "aws")])
    subprocess.run([os.path.join(top, "aws", "bin", "pip"), "install", "--quiet", "awscli"], check=True, timeout=TIMEOUT)
    return os.path.join(top, "aws", "bin")


@on("BuildKit")
class CodeArtifactDependency(Image):
    """ca_file:, by the aws command line."""

    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), CodeArtifact)
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        write(self.top, {"aws.config": "[profile team]\nregion = eu-west-1\n",
                         "aws.keys": "[team]\naws_access_key_id = AKIDOFTESTS\naws_secret_access_key = secret\n"})
        self.environ = {
            "AWS_ENDPOINT_URL_CODEARTIFACT": f"http://127.0.0.1:{self.server.server_port}",
            "AWS_CONFIG_FILE": os.path.join(self.top, "aws.config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.path.join(self.top, "aws.keys"),
            "PATH": os.pathsep.join([os.path.dirname(self.engine.cli[0]), aws_folder(self.top), os.environ["PATH"]]),
        }

    def project(self, version):
        return self.folder_of({"versions.py": VERSIONS}, jobs=[{"name": "versions", "source": "versions.py"}],
                              dependencies=[f"ca_file:acme:111122223333:python:acme_private:{version}:team"])

    def test_is_fetched_once_and_installed(self):
        folder = self.project("2.1")
        for _ in range(2):
            done = self.skelebot("versions", "--", "acme-private", folder=folder, **self.environ)
            self.assertEqual(done.stdout, b'{"acme-private": "2.1"}\n')
        self.assertEqual([method for method, _ in self.server.asked], ["POST", "GET"])
        self.assertEqual(self.server.asked[1][1]["asset"], CodeArtifact.name)

    def test_that_is_not_there_is_refused(self):
        done = self.skelebot("versions", folder=self.project("9.9"), status=1, **self.environ)
        self.assertRegex(done.stderr, r"^skelebot: .*codeartifact.* failed: .*\n  hint: .*\n$")


PACKAGE = {"pyproject.toml": "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
                             "[project]\nname = 'churn'\nversion = '0.3'\ndependencies = ['toolz==0.12.0']\n"
                             "[tool.setuptools]\npackages = ['churn']\n", "churn/__init__.py": ""}
HELPER = {"libs/helper/setup.py": "from setuptools import setup\nsetup(name='helper', version='0.7', py_modules=['helper'])\n",
          "libs/helper/helper.py": ""}


@on("BuildKit", "legacy")
class LocalRequirements(Image):
    """Requirements files as people have them: with the project itself, its folders and its wheels."""

    def versions(self, files, *names, **config):
        folder = self.folder_of({"versions.py": VERSIONS, **files}, dependencies=["req:requirements.txt"], **config,
                                jobs=[{"name": "versions", "source": "versions.py"}])
        return json.loads(self.skelebot("versions", "--", *names, folder=folder).stdout.decode())

    def test_the_project_itself_is_installed_with_what_it_needs(self):
        for text in ("iniconfig==1.1.1\r\n-e .\r\n".encode("utf-16"), b"\xef\xbb\xbf.\n# coding: utf-8\niniconfig==1.1.1\n"):
            with self.subTest(text):
                found = self.versions({**PACKAGE, "requirements.txt": text}, "churn", "toolz", "iniconfig")
                self.assertEqual(found, {"churn": "0.3", "toolz": "0.12.0", "iniconfig": "1.1.1"})

    def test_folders_and_wheels_are_installed(self):
        files = {**HELPER, "requirements.txt": "-e libs/helper\nwheels/one-0.1-py3-none-any.whl\n--find-links more\ntwo\n",
                 "wheels/one-0.1-py3-none-any.whl": wheel("one", "0.1"), "more/two-0.2-py3-none-any.whl": wheel("two", "0.2")}
        self.assertEqual(self.versions(files, "helper", "one", "two"), {"helper": "0.7", "one": "0.1", "two": "0.2"})
        files = {**HELPER, "requirements.txt": "helper @ file:///app/libs/helper\n"}
        self.assertEqual(self.versions(files, "helper"), {"helper": "0.7"})

    def test_a_variable_has_to_be_set(self):
        """Before anything is built, unless the base image sets it."""
        for files, fault in (
                ({"requirements.txt": "iniconfig\n--extra-index-url https://${INDEX_USER}:${INDEX_TOKEN}@example.com/simple\n"},
                 "requirements.txt: names INDEX_USER"),
                ({"requirements.txt": "-r more/inner.txt\n", "more/inner.txt": "--index-url ${PIP_PLACE}/simple\niniconfig\n"},
                 "requirements.txt: names PIP_PLACE"),
                ({"requirements.txt": "# ${PATH} does not count\nhelper @ https://example.com/${COMMIT}.zip\n".encode("utf-16")},
                 "requirements.txt: names COMMIT")):
            with self.subTest(fault):
                folder = self.folder_of(files, dependencies=["req:requirements.txt"], jobs=[])
                said = self.skelebot("prime", folder=folder, status=1).stderr
                self.assertIn(f"skelebot: {fault}, which is not set in the build\n", said)
                self.assertNotIn("building", said)
        self.assertEqual(self.versions({"requirements.txt": "--find-links ${PATH}\niniconfig==1.1.1\n"},
                                       "iniconfig"), {"iniconfig": "1.1.1"})


# ---- R ----------------------------------------------------------------------

OTHER = {"pkg/other/DESCRIPTION": "Package: other\nVersion: 0.3\nTitle: Other\nDescription: Another one.\n"
                                  "Author: X\nMaintainer: X <x@example.com>\nLicense: MIT\n",
         "pkg/other/NAMESPACE": "export(other)\n", "pkg/other/R/other.R": "other <- function() 3\n"}
LOCK = {"R": {"Version": "4.2.2", "Repositories": [{"Name": "CRAN", "URL": "file:///srv/cran"}]},
        "Packages": {"greeter": {"Package": "greeter", "Version": "1.0", "Source": "Repository", "Repository": "CRAN"}}}


@on("BuildKit")
class RDependencies(Image):
    """R packages, from the CRAN of one package that the base image has."""
    script = {"versions.R": "for (name in commandArgs(TRUE)) cat(name, format(packageVersion(name)), '\\n')\n"}

    def versions(self, names, files=(), **config):
        folder = self.folder_of({**self.script, **dict(files)}, **config,
                                jobs=[{"name": "versions", "source": "versions.R"}])
        return self.skelebot("versions", "--", *names, folder=folder).stdout.decode()

    def test_newest_version_is_installed(self):
        self.assertEqual(self.versions(["greeter"], language="R", dependencies=["greeter"]), "greeter 1.1 \n")

    def test_old_version_and_a_folder_of_the_project_are_installed(self):
        found = self.versions(["greeter", "other"], OTHER, language="R",
                              dependencies=["greeter=1.0", "file:pkg/other:other"])
        self.assertEqual(found, "greeter 1.0 \nother 0.3 \n")

    def test_what_a_lock_file_of_renv_names_is_installed(self):
        if not prints(*self.engine.cli, "run", "--rm", BASE, "Rscript", "-e", "packageVersion('renv')", **self.engine.environ):
            self.skipTest(f"there is no renv in {BASE}: tests/base/Dockerfile brings it")
        found = self.versions(["greeter"], {"renv.lock": json.dumps(LOCK)}, language="R", dependencies=["renv:renv.lock"])
        self.assertEqual(found, "greeter 1.0 \n")

    def test_are_seen_where_the_autoloader_of_renv_would_hide_them(self):
        """A project as renv::init() makes it, also for a user whom the image does not know."""
        if not prints(*self.engine.cli, "run", "--rm", BASE, "Rscript", "-e", "packageVersion('renv')", **self.engine.environ):
            self.skipTest(f"there is no renv in {BASE}: tests/base/Dockerfile brings it")
        script = self.engine.ask("run", "--rm", BASE, "Rscript", "-e",
                                 "cat(readLines(system.file('resources/activate.R', package = 'renv')), sep = '\\n')")
        plain = ["if (!identical(Sys.getenv('RENV_CONFIG_AUTOLOADER_ENABLED'), 'FALSE'))",
                 "  .libPaths('renv/library', include.site = FALSE)"]
        for lines in (plain, [re.sub(r"\.\.(\w+)\.\.", "NULL", line) for line in script]):
            files = {".Rprofile": 'source("renv/activate.R")\n', "renv/activate.R": "\n".join(lines), "renv/library/.keep": "",
                     "renv.lock": json.dumps(LOCK), **OTHER}
            for dependencies, names, versions in (
                    (["renv:renv.lock"], ["greeter"], "greeter 1.0 \n"), (["file:pkg/other:other"], ["other"], "other 0.3 \n")):
                folder = self.folder_of({**self.script, **files}, language="R", dependencies=dependencies, user="host",
                                        jobs=[{"name": "versions", "source": "versions.R"}])
                self.assertEqual(self.skelebot("versions", "--", *names, folder=folder).stdout.decode(), versions)
                done = self.call_as(4321, "-s", "versions", "--", *names, folder=folder)
                self.assertEqual((done.stdout.decode(), done.stderr), (versions, ""))

    def test_one_that_is_not_there_fails_the_build(self):
        for wrong in ("nosuchpackage", "greeter=0.9", "file:pkg/other:another"):
            with self.subTest(dependency=wrong):
                folder = self.folder_of({**self.script, **OTHER}, language="R", dependencies=[wrong],
                                        name=self.name + "-wrong", jobs=[{"name": "versions", "source": "versions.R"}])
                done = self.skelebot("versions", folder=folder, status=1)
                self.assertRegex(done.stderr, r"\nskelebot: the image was not built .*\n  hint: .*\n$")
                self.assertEqual(self.engine.ask("images", "-q", self.name + "-wrong"), [])

    def test_stand_beside_those_of_python(self):
        files = {"lib/handmade-0.1-py3-none-any.whl": wheel("handmade", "0.1"), "versions.py": VERSIONS}
        folder = self.folder_of({**self.script, **files}, language="R+Python", jobs=[
            {"name": "r", "source": "versions.R"}, {"name": "python", "source": "versions.py"}],
            dependencies={"Python": ["file:lib/handmade-0.1-py3-none-any.whl"], "R": ["greeter"]})
        done = self.skelebot("r", "--", "greeter", "+", "python", "--", "handmade", folder=folder)
        self.assertEqual(done.stdout, b'greeter 1.1 \n{"handmade": "0.1"}\n')


# ---- Users ------------------------------------------------------------------

@on("BuildKit")
class OfAnotherUser(Image):
    """What a user without an account in the image does, by `user: host`."""
    write = {"write.py": "import os\nopen('log.txt', 'w').write('x')\nprint(os.getuid())\n"}
    jobs = [{"name": "write", "source": "write.py"}, {"name": "fail", "source": "exit 3"}]

    def test_needs_no_home_that_he_may_write_to(self):
        folder = self.folder_of(self.write, user="host", jobs=self.jobs)
        write(self.top, {"home/kept": "", "file": ""})
        for home in (os.path.join(self.top, "home"), os.path.join(self.top, "file")):
            for words in (("write",), ("-n", "write")):
                with self.subTest(home=home, words=words):
                    done = self.call_as(4321, *words, folder=folder, home=home)
                    self.assertEqual((done.status, done.stdout), (0, b"4321\n"), done.stderr)
                    self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(os.listdir(os.path.join(self.top, "home")), ["kept"])

    def test_is_told_what_a_dockerfile_of_his_own_lacks(self):
        hint = ("it runs as you, who may not read or write all: write RUN chmod -R a+rwX /app at the end of Dockerfile")
        text = f"FROM {BASE}\nLABEL org.opencontainers.image.title={self.name}\nWORKDIR /app\nCOPY . /app\nRUN chmod {{}} /app/write.py\n"
        for mode, more, fault in (("600", "RUN chmod 777 /app\n", hint), ("600", "RUN chmod -R a+rwX /app\n", "")):
            with self.subTest(mode, more=more):
                folder = self.folder_of({**self.write, "Dockerfile": text.format(mode) + more}, user="host", jobs=self.jobs, dockerfile="Dockerfile")
                self.assertEqual(self.call("prime", folder=folder).status, 0)
                done = self.call_as(4321, "-s", "write", folder=folder)
                self.assertEqual((fault in done.stderr, done.status == 0), (True, not fault), done)
                failed = self.call_as(4321, "-s", "fail", folder=folder)
                self.assertEqual((failed.status, hint in failed.stderr), (3, False), failed)


@on("BuildKit")
class DefaultBases(Image):
    """The images that a project starts from when it names none."""

    def runs(self, source, files=(), **config):
        folder = self.folder_of(files, baseImage=None, jobs=[{"name": "job", "source": source}], **config)
        return self.skelebot("job", folder=folder).stdout

    def test_of_each_language_run_its_scripts(self):
        self.assertEqual(self.runs("a.py", {"a.py": "print(6 * 7)\n"}), b"42\n")
        self.assertEqual(self.runs("a.R", {"a.R": "cat(6 * 7, '\\n')\n"}, language="R"), b"42 \n")
        self.assertEqual(self.runs("echo $((6 * 7))", language="NA"), b"42\n")

    def test_of_r_and_python_has_a_python_that_pip_may_change(self):
        found = self.runs("python -c 'import handmade, sys; print(handmade.VERSION, sys.prefix)'; Rscript -e 'cat(6 * 7)'",
                          {"handmade-0.1-py3-none-any.whl": wheel("handmade", "0.1")}, language="R+Python",
                          dependencies={"Python": ["file:handmade-0.1-py3-none-any.whl"]})
        self.assertEqual(found, b"0.1 /opt/python\n42")


# ---- The rest of the image --------------------------------------------------

@on("BuildKit", "podman")
class Contents(Tests):
    """Everything but dependencies, in one image."""
    files = {"config/app.ini": "[app]\n", "data/big.csv": "1,2\n", "data/keep.csv": "3\n", "VERSION": "1.2.3\n",
             "serve.py": "import sys, time\nprint(sys.argv[1:], time.localtime(0).tm_hour)\n"}
    config = {
        "description": "Says \"$HOME\",\nin two lines", "maintainer": "Ada", "contact": "ada@example.com",
        "timezone": "America/New_York", "ignores": ["data/*", "!data/keep.csv"],
        "copy": ["config/app.ini:/etc/my app's.ini", "config:/etc/config"],
        "commands": ["echo \"$((6 * 7)) 'x'\" > /made", "if true\nthen echo two >> /made\nfi", "cat /app/data/keep.csv >> /made"],
        "primaryJob": "serve",
        "jobs": [
            {"name": "serve", "source": "serve.py --fast", "params": [{"name": "port", "default": "80 80"}]},
            {"name": "show", "source": "cat /made '/etc/my app'\\''s.ini' /etc/config/app.ini; ls data; date +%Z; cat /etc/timezone"},
        ]}

    def test_are_files_commands_and_the_time_zone(self):
        lines = self.skelebot("-s", "show").stdout.decode().splitlines()
        self.assertEqual(lines[:6], ["42 'x'", "two", "3", "[app]", "[app]", "keep.csv"])
        self.assertIn(lines[6:], (["EST", "America/New_York"], ["EDT", "America/New_York"]))

    def test_are_labels(self):
        labels = self.inspect(self.name)["Config"]["Labels"]
        prefix = "org.opencontainers.image."
        self.assertEqual({key[len(prefix):]: value for key, value in labels.items() if key.startswith(prefix)}, {
            "title": self.name, "description": "Says \"$HOME\", in two lines", "authors": "Ada <ada@example.com>",
            "version": "1.2.3"})

    def test_are_run_by_plain_docker_run(self):
        self.assertEqual(self.engine.ask("run", "--rm", self.name), ["['--fast', '--port', '80 80'] 19"])
        self.assertEqual(self.engine.ask("run", "--rm", self.name, "echo", "other"), ["other"])


@on("BuildKit", "podman")
class Entrypoint(Tests):
    """primaryExe: ENTRYPOINT."""
    files = {"say.py": "import sys\nprint(sys.argv[1:])\n"}
    config = {"primaryJob": "say", "primaryExe": "ENTRYPOINT", "jobs": [
        {"name": "say", "source": "say.py", "params": [{"name": "who", "default": "<$WHO>"}]},
        {"name": "other", "source": "echo \"other $1\"", "args": ["word"]}]}

    def test_takes_the_words_of_docker_run(self):
        self.assertEqual(self.engine.ask("run", "--rm", "--env", "WHO=a  *", self.name, "-x", "$(id)"),
                         ["['--who', '<a  *>', '-x', '$(id)']"])

    def test_leaves_the_jobs_as_they_are(self):
        self.assertEqual(self.skelebot("-s", "other", "a b").stdout, b"other a b\n")
        self.assertEqual(self.skelebot("-s", "say", "--who", "x y").stdout, b"['--who', 'x y']\n")
        self.assertEqual(self.skelebot("-s", "exec", "--", "pwd").stdout, b"/app\n")


@on("legacy", "BuildKit", "podman")
class Files(Image):
    """What is written into the project's folder, and which of its files come into which image."""
    list = {"name": "list", "source": "ls"}

    def names(self, folder, *words):
        return self.skelebot(*words, folder=folder).stdout.decode().split()

    def test_are_dockerfile_and_dockerignore(self):
        folder = self.folder_of(jobs=[self.list])
        self.skelebot("prime", folder=folder)
        self.assertEqual(sorted(tree(folder)), [".dockerignore", "Dockerfile", "skelebot.yaml"])

    def test_are_not_there_after_an_ephemeral_build(self):
        folder = self.folder_of({"a": "", ".dockerignore": "own\n"}, ephemeral=True, ignores=["b"], jobs=[self.list])
        self.assertIn("a", self.names(folder, "list"))
        self.assertEqual(sorted(path for path in tree(folder) if not path.startswith(".skelebot/runs/")),
                         [".dockerignore", "a", "skelebot.yaml"])
        self.assertEqual(tree(folder)[".dockerignore"], b"own\n")

    def test_a_handwritten_dockerfile_is_built_from_and_stays(self):
        own = f"FROM {BASE}\nLABEL org.opencontainers.image.title={self.name}\nWORKDIR /app\nRUN echo own > own\n"
        folder = self.folder_of({"docker/My Dockerfile": own}, dockerfile="docker/My Dockerfile", jobs=[self.list])
        self.assertEqual(self.names(folder, "list"), ["own"])
        self.assertEqual(tree(folder)["docker/My Dockerfile"].decode(), own)

    def test_a_handwritten_dockerfile_that_is_not_named_is_refused_and_stays(self):
        folder = self.folder_of({"Dockerfile": "FROM mine\n"}, jobs=[self.list])
        done = self.skelebot("list", folder=folder, status=1)
        self.assertRegex(done.stderr, r"^skelebot: Dockerfile: .*\n  hint: add the line dockerfile: Dockerfile .*\n$")
        self.assertEqual(tree(folder)["Dockerfile"], b"FROM mine\n")

    def test_a_handwritten_dockerignore_gets_a_block(self):
        folder = self.folder_of({".dockerignore": "a\n", "a": "", "b": "", "c": ""}, ignores=["b"], jobs=[self.list])
        for _ in range(2):
            found = self.names(folder, "list")
            self.assertEqual(sorted(set("abc").intersection(found)), ["c"])
            self.assertRegex(tree(folder)[".dockerignore"].decode(), r"^a\n# ---- skelebot.*\n[.]skelebot\nb\n# ---- end.*\n$")

    def test_a_job_with_ignores_has_an_image_of_its_own(self):
        folder = self.folder_of({"a": "", "b": ""}, jobs=[self.list, {**self.list, "name": "Light", "ignores": ["a"]}])
        self.assertLessEqual({"a", "b"}, set(self.names(folder, "list")))
        image = self.inspect(self.name)["Id"]
        found = self.names(folder, "Light")
        self.assertEqual(("a" in found, "b" in found), (False, True))
        self.assertEqual(self.inspect(self.name)["Id"], image)
        self.assertEqual(self.inspect(self.name + ":light")["Config"]["WorkingDir"], "/app")
        self.assertEqual(self.names(folder, "-s", "Light"), found)

    def test_two_builds_at_once_do_not_mix(self):
        jobs = [{**self.list, "name": name, "ignores": [name]} for name in ("a", "b")]
        folder = self.folder_of({"a": "", "b": ""}, jobs=jobs)
        running = [self.start(name, folder=folder) for name in ("a", "b")]
        for one, other in zip(running, ("b", "a")):
            self.assertEqual(one.ends(), 0, one.said.decode())
        self.assertEqual([sorted({"a", "b"}.intersection(self.names(folder, "-s", name))) for name in ("a", "b")],
                         [["b"], ["a"]])


@on("BuildKit", "podman")
class Saved(Image):
    """prime --output."""

    def test_image_can_be_loaded_and_run(self):
        folder = self.folder_of({"a.txt": "saved\n"}, jobs=[{"name": "job", "source": "cat a.txt"}], primaryJob="job")
        self.skelebot("prime", "--output", "image.tar", folder=folder)
        self.engine.ask("rmi", self.name)
        self.engine.ask("load", "--input", os.path.join(folder, "image.tar"))
        self.assertEqual(self.engine.ask("run", "--rm", self.name), ["saved"])

    def test_image_is_refused_where_no_file_can_be(self):
        folder = self.folder_of(jobs=[{"name": "job", "source": "true"}])
        done = self.skelebot("prime", "--output", "no/folder/image.tar", folder=folder, status=1)
        self.assertRegex(done.stderr, r"^skelebot: no/folder/image.tar: cannot be written\n  hint: .*\n$")
