"""Projects as people have them: made Skelebot's by --existing --yes, run in Docker and natively, and published."""
import concurrent.futures
import functools
import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import unittest
import urllib.request
from typing import Dict, NamedTuple, Sequence

from engine import BASE, ROOT, Tests, deadline, environment, on, output, prints, tree, write
from program import copy_for
from real_jupyter import IMAGE, Server, free_port, make_jupyter
from real_registry import HOST, LOGGED_IN, PORT, REGISTRY, pushed_lines
from real_run import python_for_all

PEOPLE = os.path.join(ROOT, "tests", "projects", "people")
ADA = 4321      # has no account, here or in an image
KEY = "API_KEY=abcd1234efgh\n"
REGISTERED = REGISTRY and f"\ncomponents:\n  registry: {{host: {HOST}, port: {PORT}, user: acme}}\n"
LEFT_OUT = "left out {0}: to install what it names, {1}, and write req:requirements.txt"


class Kind(NamedTuple):
    """A project of tests/projects/people.

    words    what is typed, "" where the test of its own says it
    printed  what that prints
    written  file -> what these leave on this machine
    notes    what scaffold says
    files    path -> text, on top of those in its folder
    links    path -> what it leads to
    """
    words: str = ""
    printed: str = ""
    written: Dict[str, bytes] = {}
    version: str = "0.1.0"
    notes: Sequence[str] = ()
    files: Dict[str, str] = {}
    links: Dict[str, str] = {}


KINDS = {
    "science": Kind("make_dataset data/raw data/processed + train_model + train_model --epochs 5",
                    "rows: 2\ntrained 3\ntrained 5\n", {"models/model.txt": b"trained 5\n", "data/processed/rows.txt": b"2\n"}, "0.2.0",
                    ["left out src/data/rows.py: it has nothing that could be run"], {"data/raw/customers.csv": "ann\nbob\n"}),
    "poetry": Kind("train", "trained by poetry\n", version="0.4.0",
                   notes=[LEFT_OUT.format("poetry.lock", "poetry export --output requirements.txt")]),
    "uv": Kind("main", "Hello from churn!\n", version="1.1.0"),
    "conda": Kind("analyse 'a b'", "analysed a b\n", notes=[
        "left out environment.yml: to install what it names, name its packages here as PyPI has them; or take a baseImage with "
        "conda, and write below commands: conda env update --name base --file environment.yml"]),
    "renv": Kind("greet Zoë", "greeter 1.0 for Zoë \n"),
    "package": Kind("churn Zoë + churn Zoë --times 3", "Zoë 42\nZoë 63\n", version="2.0.0",
                    notes=["left out src/churn/model.py: it has nothing that could be run"]),
    "r": Kind("score Zoë", "scored Zoë \n", version="0.9.1", notes=[
        "left out DESCRIPTION: to install what it names, write file:.:NAME below R for the package NAME with all that it needs"]),
    "notebooks": Kind(),
    "served": Kind(notes=["left out dash.py: it has nothing that could be run"]),
    "linked": Kind("summary", "customers: 2 before: 1\n",
                   files={"../datasets/y2024/customers.csv": "name\nann\nbob\n", "datasets/y2023/customers.csv": "name\nann\n"},
                   links={"data": "../datasets/y2024", "before": "datasets/y2023"}),
    "docker": Kind("train", "trained in docker\n", {"out/key.txt": KEY.encode()}, files={".env": KEY}),
}


@functools.lru_cache(None)
def library(program):
    """A tar of what renv::init() brings: its library, with renv and greeter 1.0 in it, and its activate.R."""
    script = ("mkdir /tmp/l && R CMD INSTALL --library=/tmp/l /srv/cran/src/contrib/Archive/greeter/greeter_1.0.tar.gz && "
              "cp -R /usr/lib/R/site-library/renv /tmp/l && tar -C /tmp/l -cf /tmp/l.tar .")
    return subprocess.run([program, "run", "--rm", BASE, "sh", "-c", f"{{ {script}; }} >&2 && cat /tmp/l.tar"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, env=environment()).stdout


def unpack_library(folder, program):
    inner = output(["Rscript", "-e", "cat(paste0('R-', getRversion()[, 1:2]), R.version$platform, sep = '/')"])
    place = os.path.join(folder, "renv", "library", *inner.split("/"))
    os.makedirs(place)
    subprocess.run(["tar", "-C", place, "-xf", "-"], input=library(program), check=True)
    with open(os.path.join(place, "renv", "resources", "activate.R")) as file:
        text = file.read().replace("..version..", '"1.1.2"')
    write(folder, {"renv/activate.R": re.sub(r"\.\.(\w+)\.\.", "NULL", text)})


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can become another user")
@on("legacy", "BuildKit")
class People(Tests):
    """What people bring runs as it is for ada, who lets nobody read her files: in Docker and natively; and is published."""
    build = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_jupyter(cls.engine)
        cls.copy, cls.home = copy_for(python_for_all(), os.path.join(cls.top, "skelebot")), os.path.join(cls.top, "home")
        write(cls.home, {".docker/config.json": json.dumps(LOGGED_IN)})
        cls.give(cls.home)
        os.chmod(cls.top, 0o755)
        cls.engine = cls.engine._replace(environ={
            **cls.engine.environ, "HOME": cls.home, "SKELEBOT_HOME": os.path.join(cls.home, ".skelebot"), "USER": "ada", "LOGNAME": "ada",
            "PATH": os.pathsep.join([os.path.dirname(cls.engine.cli[0]), "/usr/local/bin", "/usr/bin", "/bin"])})

    @classmethod
    def tearDownClass(cls):
        for name, kind in KINDS.items():
            for image in (f"{cls.name}-{name}", f"{REGISTRY}/acme/{cls.name}-{name}:{kind.version}"):
                prints(*cls.engine.cli, "rmi", "--force", image, **cls.engine.environ)
        super().tearDownClass()

    @classmethod
    def containers(cls):
        return sorted(name for name in cls.engine.ask("ps", "--all", "--format", "{{.Names}}") if name.startswith(cls.name))

    @classmethod
    def argv(cls, *words):
        """A call of skelebot by ada, under her umask."""
        group = str(os.stat("/var/run/docker.sock").st_gid)
        return ["setpriv", "--reuid", str(ADA), "--regid", str(ADA), "--groups", group, "sh", "-c", 'umask 077; exec "$@"', "sh",
                python_for_all(), cls.copy, *words]

    @staticmethod
    def give(folder):
        """Let all of a folder be ada's, and for her alone."""
        for top, folders, files in os.walk(folder):
            for path in (top, *(os.path.join(top, name) for name in (*folders, *files))):
                os.chown(path, ADA, ADA, follow_symlinks=False)
                if not os.path.islink(path):
                    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & 0o700)

    def existing(self, name, texts=(), keys=""):
        """(the folder of a project that has become Skelebot's, the notes); `keys` are added to its skelebot.yaml."""
        kind, folder = KINDS[name], os.path.join(self.home, name, "project")
        shutil.copytree(os.path.join(PEOPLE, name), folder)
        write(folder, {**kind.files, **dict(texts)})
        for path, target in kind.links.items():
            os.symlink(target, os.path.join(folder, path))
        if name == "renv":
            unpack_library(folder, self.engine.cli[0])
        self.give(os.path.dirname(folder))
        done = self.skelebot("scaffold", "--existing", "--yes", "--name", f"{self.name}-{name}", folder=folder)
        with open(os.path.join(folder, "VERSION")) as version, open(os.path.join(folder, "skelebot.yaml"), "a") as file:
            self.assertEqual(version.read(), kind.version + "\n")
            file.write(keys + REGISTERED)
        return folder, [line[len("skelebot: "):] for line in done.stderr.splitlines()]

    def runs(self, name, folder):
        """In Docker and natively."""
        kind = KINDS[name]
        for first in ((), ("-n",)):
            done = self.call(*first, *shlex.split(kind.words), folder=folder)
            self.assertEqual((done.status, done.stdout.decode()), (0, kind.printed), done.stderr)
            files = tree(folder)
            self.assertEqual({path: files.get(path) for path in kind.written}, kind.written)
            for path in kind.written:
                os.remove(os.path.join(folder, path))

    def publishes(self, name, folder):
        if REGISTRY:
            done = self.skelebot("publish", "--omit-latest", folder=folder)
            self.assertEqual(done.stdout.decode().splitlines(), pushed_lines(f"{self.name}-{name}", KINDS[name].version))
        self.assertEqual({os.lstat(os.path.join(top, path)).st_uid for top, folders, files in os.walk(folder)
                          for path in (*folders, *files)}, {ADA})

    def lives(self, name):
        """All that is tried with a project that has jobs which end."""
        folder, notes = self.existing(name)
        self.assertEqual(notes, [*KINDS[name].notes, "made 3 files; next: skelebot --help"])
        self.runs(name, folder)
        self.publishes(name, folder)

    def test_run_in_docker_and_natively_and_are_published(self):
        names = [name for name, kind in KINDS.items() if kind.words]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, life in [(name, pool.submit(self.lives, name)) for name in names]:
                with self.subTest(name):
                    life.result()
        if REGISTRY:
            self.is_refused_with_a_secret(os.path.join(self.home, "docker", "project"))

    def is_refused_with_a_secret(self, folder):
        path = os.path.join(folder, "skelebot.yaml")
        with open(path) as file:
            text = file.read()
        with open(path, "w") as file:
            file.write(text.replace("\n- .env\n", "\n"))
        done = self.skelebot("publish", folder=folder, status=1)
        self.assertEqual((done.stdout, done.stderr), (b"", "skelebot: .env: holds a password, and would be in the image that is "
                                                      "published\n  hint: add it to ignores in skelebot.yaml, as - .env\n"))

    def test_of_notebooks_alone_have_jupyter(self):
        folder, notes = self.existing("notebooks", keys=f"\nbaseImage: {IMAGE}\n")
        self.assertEqual(notes, ["made 3 files; next: skelebot jupyter"])
        server = Server(self.argv("jupyter", "--port", str(free_port())), folder, **self.engine.environ)
        self.addCleanup(server.running.stop)
        self.assertIn("explore.ipynb", server.announced().ask("/api/contents")[1])
        self.assertEqual((server.write("new.txt", "written\n"), server.end()), (201, 130))
        self.publishes("notebooks", folder)

    def test_serve_their_app_until_they_are_stopped(self):
        port = free_port()
        with open(os.path.join(PEOPLE, "served", "app.py")) as file:
            text = file.read().replace("8050", str(port))
        folder, notes = self.existing("served", {"app.py": text})
        self.assertEqual(notes[:1], list(KINDS["served"].notes))
        self.skelebot("prime", folder=folder)
        for words, stop, status in ((["app"], lambda app: app.type(b"\x03"), 130),
                                    (["app"], lambda app: app.signal(signal.SIGTERM), 143),
                                    (["-n", "app"], lambda app: app.signal(signal.SIGTERM), 143)):
            running = self.start(*words, terminal=True, folder=folder)
            self.assertEqual(page(port), b"churn by month")
            stop(running)
            self.assertEqual((running.ends(), self.containers_left()), (status, []))
        self.publishes("served", folder)


def page(port):
    """What a browser gets there, as soon as there is something."""
    for _ in deadline():
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read()
        except OSError:
            pass


if __name__ == "__main__":
    unittest.main()
