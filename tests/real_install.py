"""install.sh, `pip install` and the one file, by real programs: wherever Skelebot is put, it is the same."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STATE = os.environ.get("SKELEBOT_TEST_STATE", "/var/tmp/skelebot-tests")
NOT_PASSED_ON = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PREFIX", "PYTHON", "SKELEBOT_DOCKER", "DOCKER_HOST")
NOT_COPIED = (".git", "tests", "__pycache__", "build", "*.egg-info")
NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
NO_INDEX = dict(NO_NETWORK, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="")
NO_ENGINE = {"SKELEBOT_DOCKER": "no-engine-of-this-name"}
SCORE = r"^accuracy: [01]\.\d+$"
JOBS = ["loadData", "+", "train", "+", "score"]


# ---- Programs ---------------------------------------------------------------

def output(argv, **options):
    """What a program prints on stdout; its stderr is the failure's message when it fails."""
    done = run(argv, **options)
    if done.returncode:
        raise AssertionError(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run(argv, **options):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True, **options)


def environment(**changes):
    """The variables around us, without those that would tell a program about this test."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return dict(kept, **changes)


def version(python):
    return tuple(json.loads(output([python, "-c", "import sys; print(list(sys.version_info[:2]))"])))


def pythons():
    """Every Python from 3.6 that pyenv offers and the one that runs this, by version."""
    root = run(["pyenv", "root"]).stdout.strip() if shutil.which("pyenv") else ""
    found = glob.glob(os.path.join(root, "versions", "*", "bin", "python3")) if root else []
    return {version(python): python for python in [*found, sys.executable] if version(python) >= (3, 6)}


def venv(folder, *options, python=sys.executable):
    """The interpreter of a new virtual environment; PyYAML is not in it."""
    output([python, "-m", "venv", *options, folder], env=environment())
    return os.path.join(folder, "bin", "python3")


def give_yaml(python):
    """Copy the PyYAML that runs these tests into another interpreter's packages."""
    import yaml
    packages = output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
    shutil.copytree(os.path.dirname(yaml.__file__), os.path.join(packages, "yaml"))
    return python


def tree(folder):
    """relative path -> (mode, time, size) of all that is in a folder."""
    paths = [os.path.join(top, name) for top, folders, files in os.walk(folder) for name in folders + files]
    return {os.path.relpath(path, folder): fact(path) for path in sorted(paths)}


def fact(path):
    found = os.lstat(path)
    return found.st_mode, found.st_mtime_ns, 0 if os.path.isdir(path) else found.st_size


def files(folder):
    """The paths of the files in a folder, without byte code."""
    return [path for path in tree(folder)
            if os.path.isfile(os.path.join(folder, path)) and "__pycache__" not in path.split(os.sep)]


def write(path, text=""):
    with open(path, "w") as file:
        file.write(text)


class Checkout(unittest.TestCase):
    """A copy of the checkout, a home and a PREFIX, in folders whose names a shell could misread.

    A virtual environment with pip is put into a plainer one: pip's own programs misread a $.
    """

    def setUp(self):
        top = tempfile.mkdtemp(prefix="skelebot's \"$HOME\" ")
        self.addCleanup(shutil.rmtree, top)
        self.here, self.home, self.work = (os.path.join(top, name) for name in ("check out", "ho me", "work *"))
        self.prefix = os.path.join(top, "pre  fix's")
        os.mkdir(self.home)
        os.mkdir(self.work)
        shutil.copytree(CHECKOUT, self.here, ignore=shutil.ignore_patterns(*NOT_COPIED))
        self.plain = tempfile.mkdtemp(prefix="skelebot ")
        self.addCleanup(shutil.rmtree, self.plain)
        self.top, self.lib = top, os.path.join(self.prefix, "lib", "skelebot")
        self.command = os.path.join(self.prefix, "bin", "skelebot")

    def environment(self, python=None, **changes):
        python = python or self.with_yaml()
        return environment(**dict(dict(HOME=self.home, PREFIX=self.prefix, PYTHON=python), **changes))

    def install(self, *options, python=None, **changes):
        """What install.sh says."""
        argv = [os.path.join(self.here, "install.sh"), *options]
        return output(argv, cwd=self.work, env=self.environment(python, **changes))

    def refusal(self, *options, python=None, **changes):
        """(status, stderr) of an install.sh that fails."""
        argv = ["../check out/install.sh", *options]
        done = run(argv, cwd=self.work, env=self.environment(python, **changes))
        return done.returncode, done.stderr

    def pip_installed(self, python=sys.executable):
        """A Python in whose packages pip has put Skelebot."""
        own = venv(os.path.join(self.plain, "{}.{}".format(*version(python))), python=python)
        if output([own, "-m", "pip", "--version"]).split()[1].startswith("18."):
            # The pip of Python 3.6 wants a setup.py; one from 19 on does not.
            output([own, "-m", "pip", "install", "--quiet", "--upgrade", "pip>=19,<22"], env=environment())
        output([own, "-m", "pip", "install", "--quiet", self.here], env=environment(), cwd=self.work)
        return own

    def without_yaml(self, *options):
        return venv(os.path.join(self.plain, "without"), *options)

    def with_yaml(self):
        """A Python that has PyYAML and no pip."""
        folder = os.path.join(self.top, "with")
        if not os.path.exists(folder):
            give_yaml(venv(folder, "--without-pip"))
        return os.path.join(folder, "bin", "python3")


def brings_pip(python=sys.executable):
    """Whether a new virtual environment of this Python has pip."""
    return run([python, "-c", "import ensurepip"]).returncode == 0


# ---- install.sh -------------------------------------------------------------

class Installing(Checkout):
    def assert_reads_yaml(self, lib):
        code = "import yaml; print(yaml.__file__, yaml.safe_load('a: 1'))"
        found = output([os.path.join(self.plain, "without", "bin", "python3"), "-B", "-c", code], cwd=lib)
        self.assertEqual(found, f"{os.path.join(lib, 'yaml', '__init__.py')} {{'a': 1}}\n")

    def test_puts_command_and_files_under_the_prefix_and_says_so(self):
        said = self.install(PATH=os.environ["PATH"] + os.pathsep + os.path.join(self.prefix, "bin"))
        quote = self.quoted
        self.assertEqual(said, (
            f"skelebot 3.0.0 is installed:\n"
            f"  command  {quote(self.command)}\n"
            f"  files    {quote(self.lib)}\n"
            f"  run by   {quote(self.with_yaml())}\n"))
        self.assertEqual(sorted(os.listdir(self.lib)),
                         [".made", "__main__.py", "__pycache__", "skelebot.py", "templates"])
        self.assertEqual(files(os.path.join(self.lib, "templates")), files(os.path.join(self.here, "templates")))
        self.assertEqual(output([self.command, "--version"]), "skelebot 3.0.0\n")

    def quoted(self, path):
        return "'" + path.replace("'", "'\\''") + "'"

    def test_says_its_own_version_only_also_in_a_project(self):
        write(os.path.join(self.work, "skelebot.yaml"), "name: flowers\n")
        write(os.path.join(self.work, "VERSION"), "7.8.9\n")
        for said in (self.install(), self.install("--pyz", "one file")):
            self.assertEqual((said.split("\n")[0][:15], "7.8.9" in said), ("skelebot 3.0.0 ", False))

    def test_says_how_to_put_it_on_path(self):
        line = self.install().splitlines()[-1]
        shell = ["sh", "-c", f"{line}\nskelebot --version"]
        self.assertEqual(output(shell, env=environment(HOME=self.home)), "skelebot 3.0.0\n")

    def test_goes_to_the_home_without_a_prefix(self):
        self.install(PREFIX="")
        self.assertEqual(output([os.path.join(self.home, ".local", "bin", "skelebot"), "--version"]),
                         "skelebot 3.0.0\n")

    def test_takes_a_relative_prefix(self):
        self.install(PREFIX="some where")
        self.assertEqual(output([os.path.join(self.work, "some where", "bin", "skelebot"), "--version"]),
                         "skelebot 3.0.0\n")

    def test_needs_neither_pip_nor_network_where_there_is_yaml(self):
        self.install(python=self.with_yaml(), **NO_INDEX)
        self.assertFalse(os.path.exists(os.path.join(self.lib, "yaml")))

    def test_fetches_yaml_by_pip(self):
        if not brings_pip():
            self.skipTest("this Python has no ensurepip")
        prefix = os.path.join(self.plain, "it's here")
        self.install(python=self.without_yaml(), PREFIX=prefix)
        self.assertEqual(len(glob.glob(os.path.join(prefix, "lib", "skelebot", "[Pp]y[Yy][Aa][Mm][Ll]-*"))), 1)
        self.assert_reads_yaml(os.path.join(prefix, "lib", "skelebot"))

    def test_fetches_yaml_without_pip(self):
        self.install(python=self.without_yaml("--without-pip"))
        self.assertEqual(sorted(os.listdir(os.path.join(self.lib, "yaml")))[:3],
                         ["__init__.py", "__pycache__", "composer.py"])
        self.assert_reads_yaml(self.lib)

    def test_fetches_yaml_into_a_path_that_pip_misreads(self):
        if not brings_pip():
            self.skipTest("this Python has no ensurepip")
        self.assertIn("$", self.prefix)
        self.install(python=self.without_yaml())
        self.assert_reads_yaml(self.lib)

    def test_keeps_fetched_yaml_in_an_update(self):
        python = self.without_yaml("--without-pip")
        self.install(python=python)
        self.install(python=python, **NO_INDEX)
        self.assert_reads_yaml(self.lib)

    def test_says_what_to_do_when_yaml_cannot_be_fetched(self):
        python = self.without_yaml("--without-pip")
        self.assertEqual(self.refusal(python=python, **NO_INDEX), (1, (
            f"install.sh: {python} has no PyYAML and no pip, and PyYAML could not be fetched: "
            f"[Errno 111] Connection refused\n"
            f"  hint: install python3-yaml by the system's package manager, or PyYAML by pip, and run this again\n")))
        self.assertFalse(os.path.exists(self.prefix))

    def test_takes_no_yaml_from_the_current_folder_or_pythonpath(self):
        write(os.path.join(self.work, "yaml.py"), "SafeLoader = 1\n")
        status, stderr = self.refusal(python=self.without_yaml("--without-pip"), PYTHONPATH=self.work, **NO_INDEX)
        self.assertEqual(status, 1)
        self.assertIn("has no PyYAML", stderr)

    def test_replaces_what_it_installed(self):
        self.install()
        before = files(self.prefix)
        write(os.path.join(self.lib, "templates", "stale"))
        write(os.path.join(self.lib, "stale.py"))
        self.install()
        self.assertEqual(files(self.prefix), before)

    def test_runs_where_nothing_can_be_written_and_is_compiled_before(self):
        self.install()
        output(["chmod", "-R", "a-w", self.prefix])
        self.addCleanup(output, ["chmod", "-R", "u+w", self.prefix])
        before = tree(self.prefix)
        output([self.command, "scaffold", "--name", "x", "--template", "iris", "--yes"], cwd=self.work,
               env=environment())
        self.assertEqual(tree(self.prefix), before)

    def test_puts_completion_where_the_shells_look_but_over_none_of_others(self):
        own = {"bash": "bash-completion/completions/skelebot", "zsh": "zsh/site-functions/_skelebot",
               "fish": "fish/vendor_completions.d/skelebot.fish"}
        share = os.path.join(self.prefix, "share")
        os.makedirs(os.path.join(share, "zsh", "site-functions"))
        write(os.path.join(share, own["zsh"]), "#compdef skelebot\n")
        self.install()
        self.assertEqual(sorted(files(share)), sorted(own.values()))
        for shell in ("bash", "fish"):
            with open(os.path.join(share, own[shell])) as file:
                self.assertEqual(file.read(), output([self.command, "completion", shell]))
        self.assertIn("_skelebot", output(["bash", "-c", '. "$0"; complete -p skelebot', os.path.join(share, own["bash"])]))
        self.install("--uninstall")
        self.assertEqual(files(self.prefix), ["share/" + own["zsh"]])

    def test_respects_the_umask(self):
        for mask, mode in (("077", 0o700), ("022", 0o755)):
            with self.subTest(mask):
                output(["sh", "-c", f"umask {mask}; exec \"$0\"", os.path.join(self.here, "install.sh")],
                       env=self.environment(PREFIX=os.path.join(self.top, mask)))
                modes = {os.stat(path).st_mode & 0o755 for path in (
                    os.path.join(self.top, mask, "bin", "skelebot"), os.path.join(self.top, mask, "lib", "skelebot"))}
                self.assertEqual(modes, {mode})

    def test_refuses_what_it_cannot_use_and_changes_nothing(self):
        old, absent = os.path.join(self.top, "old"), os.path.join(self.top, "absent")
        write(old, "#!/bin/sh\necho 3.5\n")
        os.chmod(old, 0o755)
        cases = [
            ({"python": old}, f"{old} is Python 3.5, and Skelebot needs 3.6 or newer"),
            ({"python": absent}, f"{absent}: no such command"),
            ({"PREFIX": os.path.join(old, "x")}, f"{os.path.join(old, 'x')}: cannot write there"),
        ]
        for changes, message in cases:
            with self.subTest(message):
                status, stderr = self.refusal(**changes)
                self.assertEqual((status, stderr.splitlines()[0]), (1, f"install.sh: {message}"))
                self.assertFalse(os.path.exists(self.prefix))

    def test_refuses_to_replace_what_others_installed(self):
        os.makedirs(os.path.dirname(self.command))
        write(self.command, "#!/usr/bin/python3\n")
        before = tree(self.prefix)
        status, stderr = self.refusal()
        self.assertEqual((status, stderr.splitlines()[0]),
                         (1, f"install.sh: {self.command}: is there already, and not from here"))
        self.assertEqual(tree(self.prefix), before)

    def test_takes_wrong_usage_for_2(self):
        for words in (["--nonsense"], ["--pyz"], ["--yaml"], ["--uninstall", "x"], ["--demo", "--uninstall"]):
            with self.subTest(words):
                self.assertEqual(self.refusal(*words)[0], 2)

    def test_runs_by_every_shell(self):
        for shell in filter(shutil.which, ["sh", "dash", "bash", "busybox", "ksh", "mksh", "yash"]):
            with self.subTest(shell):
                applet = ["sh"] if shell == "busybox" else []
                output([shell, *applet, "../check out/install.sh"], cwd=self.work, env=self.environment())
                self.assertEqual(output([self.command, "--version"]), "skelebot 3.0.0\n")


class Uninstalling(Checkout):
    def test_leaves_nothing(self):
        self.install()
        self.install()
        self.install("--uninstall")
        self.assertFalse(os.path.exists(self.prefix))

    def test_leaves_what_was_there(self):
        os.makedirs(os.path.join(self.prefix, "bin"))
        write(os.path.join(self.prefix, "bin", "other"))
        before = list(tree(self.prefix))
        self.install()
        self.install("--uninstall")
        self.assertEqual(list(tree(self.prefix)), before)

    def test_leaves_what_others_installed(self):
        os.makedirs(self.lib)
        os.makedirs(os.path.dirname(self.command))
        write(self.command, "#!/usr/bin/python3\n")
        before = tree(self.prefix)
        self.assertEqual(self.install("--uninstall"), (
            "Nothing to remove: install.sh put nothing under '" + self.prefix.replace("'", "'\\''") + "'\n"))
        self.assertEqual(tree(self.prefix), before)


class Yaml(Checkout):
    def test_is_put_into_a_folder_for_a_python_without_it(self):
        self.install("--yaml", "some where", python=self.without_yaml("--without-pip"))
        code = "import yaml; print(yaml.safe_load('a: 1'))"
        found = output([self.without_yaml("--without-pip"), "-c", code],
                       env=environment(PYTHONPATH=os.path.join(self.work, "some where")))
        self.assertEqual(found, "{'a': 1}\n")

    def test_is_not_fetched_for_a_python_with_it(self):
        self.install("--yaml", "some where", **NO_INDEX)
        self.assertEqual(os.listdir(self.work), [])


# ---- One file ---------------------------------------------------------------

class OneFile(Checkout):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.work, "skele bot.pyz")

    def test_runs_by_every_python(self):
        self.install("--pyz", "skele bot.pyz")
        for number, python in sorted(pythons().items()):
            with self.subTest(number):
                project = os.path.join(self.work, "{}.{}".format(*number))
                output([python, "-I", self.file, "scaffold", project, "--name", "x", "--template", "iris", "--yes"])
                last = output([python, "-I", self.file, "-C", project, "-n", *JOBS]).splitlines()[-1]
                self.assertRegex(last, SCORE)

    def test_is_a_command_of_its_own(self):
        self.install("--pyz", self.file)
        self.assertEqual(output([self.file, "--version"]), "skelebot 3.0.0\n")

    def test_is_the_same_whoever_makes_it(self):
        self.install("--pyz", self.file)
        self.install("--pyz", self.file + "2", python=give_yaml(self.without_yaml("--without-pip")))
        with open(self.file, "rb") as one, open(self.file + "2", "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_holds_fetched_yaml_when_there_is_none(self):
        self.install("--pyz", self.file, python=self.without_yaml("--without-pip"))
        self.assertEqual(output([self.without_yaml("--without-pip"), self.file, "--version"]), "skelebot 3.0.0\n")

    def test_stays_as_it_was_when_a_new_one_cannot_be_made(self):
        write(self.file, "before")
        self.assertEqual(self.refusal("--pyz", self.file, python=self.without_yaml("--without-pip"), **NO_INDEX)[0], 1)
        self.assertEqual(tree(self.work), {"skele bot.pyz": fact(self.file)})
        with open(self.file) as file:
            self.assertEqual(file.read(), "before")


# ---- All ways ---------------------------------------------------------------

class EveryWay(Checkout):
    """Installed command, module, script, pip's command and the one file answer alike."""

    def ways(self):
        python, pip = self.with_yaml(), self.pip_installed()
        file = os.path.join(self.top, "skelebot.pyz")
        self.install()
        self.install("--pyz", file)
        return {
            "installed": ([self.command], {}),
            "installed folder": ([python, self.lib], {}),
            "module of the installed folder": ([python, "-m", "skelebot"], {"PYTHONPATH": self.lib}),
            "module of the checkout": ([python, "-m", "skelebot"], {"PYTHONPATH": self.here}),
            "script": ([python, os.path.join(self.here, "skelebot.py")], {}),
            "one file": ([python, file], {}),
            "pip's command": ([os.path.join(os.path.dirname(pip), "skelebot")], {}),
            "pip's module": ([pip, "-m", "skelebot"], {}),
        }

    def answers(self, argv, **options):
        project = os.path.join(self.work, "project")
        shutil.rmtree(project, ignore_errors=True)
        output([*argv, "scaffold", project, "--name", "x", "--template", "iris", "--yes"], cwd=self.work, **options)
        return {
            "version": output([*argv, "--version"], cwd=self.work, **options),
            "help": output([*argv, "--help"], cwd=self.work, **options),
            "help of the project": output([*argv, "--help"], cwd=project, **options),
            "files": files(project),
            "score": output([*argv, "-n", *JOBS], cwd=project, **options).splitlines()[-1],
        }

    def test_answers_alike_and_runs_a_job_in_docker(self):
        if not brings_pip():
            self.skipTest("this Python has no ensurepip")
        ways = self.ways()
        expected = self.answers(ways["script"][0], env=environment())
        self.assertRegex(expected["score"], SCORE)
        for name, (argv, variables) in ways.items():
            with self.subTest(name):
                self.assertEqual(self.answers(argv, env=environment(**variables)), expected)
        with self.subTest("in Docker"):
            self.runs_in_docker(ways)

    def runs_in_docker(self, ways):
        if run(["docker", "image", "inspect", "skelebot-test/base"]).returncode:
            self.skipTest("there is no engine with skelebot-test/base")
        name = "skelebot-real-" + os.urandom(4).hex()
        self.addCleanup(run, ["docker", "image", "rm", "--force", name])
        write(os.path.join(self.work, "skelebot.yaml"),
              f"name: {name}\nbaseImage: skelebot-test/base\njobs:\n- {{name: greet, source: echo hello}}\n")
        for way, (argv, variables) in ways.items():
            near = [os.path.relpath(word, self.work) if os.path.isabs(word) else word for word in argv]
            with self.subTest(way):
                said = output([*near, "greet"], cwd=self.work, env=environment(HOME=self.home, **variables))
                self.assertEqual(said, "hello\n")

    def test_finds_its_templates_however_it_is_named(self):
        self.install()
        self.install("--pyz", os.path.join(self.top, "one file"))
        project = os.path.join(self.work, "project")
        os.makedirs(os.path.join(project, "below"))
        write(os.path.join(project, "skelebot.yaml"), "name: x\n")
        programs = [self.command, os.path.join(self.top, "one file"), os.path.join(self.here, "skelebot.py")]
        for program in programs:
            start = [self.with_yaml()] if program.endswith(".py") else []
            link = os.path.join(self.top, "link " + os.path.basename(program))
            os.symlink(program, link)
            for path in (program, link):
                for folder, words in ((project, ()), (os.path.join(project, "below"), ()), (self.top, ("-C", project))):
                    near = os.path.join(".", os.path.relpath(path, folder))
                    on_path = os.pathsep.join([os.path.dirname(near), os.environ["PATH"]])
                    for name in (path, near, *([] if start else [os.path.basename(path)])):
                        with self.subTest(name, folder=folder):
                            said = output(["env", *start, name, *words, "--dry-run", "prime"], cwd=folder,
                                          env=environment(HOME=self.home, PATH=on_path))
                            self.assertIn(" build ", said)

    def test_answers_alike_as_the_module_of_the_current_folder(self):
        expected = output([self.with_yaml(), os.path.join(self.here, "skelebot.py"), "--help"], cwd=self.work,
                          env=environment())
        found = output([self.with_yaml(), "-m", "skelebot", "--help"], cwd=self.here, env=environment())
        self.assertEqual(found, expected)


class Pip(Checkout):
    def test_installs_module_templates_and_command_for_the_oldest_and_the_newest_python(self):
        found = sorted(item for item in pythons().items() if brings_pip(item[1]))
        for number, python in sorted({*found[:1], *found[-1:]}):
            with self.subTest(number):
                own = self.pip_installed(python)
                where = "import os, skelebot; print(os.path.dirname(skelebot.__file__))"
                packages = output([own, "-c", where], cwd=self.work, env=environment()).strip()
                self.assertEqual(files(os.path.join(packages, "skelebot_templates")),
                                 files(os.path.join(self.here, "templates")))
                self.assertEqual(output([os.path.join(os.path.dirname(own), "skelebot"), "--version"]),
                                 "skelebot 3.0.0\n")


# ---- The demonstration ------------------------------------------------------

class Demo(Checkout):
    def demo(self, **changes):
        return self.install("--demo", **changes).splitlines()

    def test_runs_natively_and_says_so_where_no_engine_answers(self):
        lines = self.demo(**NO_ENGINE)
        self.assertIn("No Docker engine answers, so its jobs run natively:", lines)
        self.assertRegex(lines[-3], SCORE)
        self.assertEqual(output(["sh", "-c", lines[-1].replace("Next: ", "")], cwd=self.work, env=environment())[:4],
                         "iris")

    def test_uses_its_project_again(self):
        first = self.demo(**NO_ENGINE)
        again = self.demo(**NO_ENGINE)
        self.assertIn("The project in skelebot-iris is there already, and is used again.", again)
        self.assertEqual(first[-3:], again[-3:])

    def test_runs_in_docker_where_an_engine_answers(self):
        if run(["sh", "-c", "docker info"]).returncode:
            self.skipTest("no Docker engine answers")
        if run(["docker", "image", "inspect", "iris"]).returncode:
            self.addCleanup(run, ["docker", "image", "rm", "--force", "iris"])
        lines = self.demo(SKELEBOT_DOCKER="docker")
        self.assertIn("Its jobs run in an image of their own, by docker:", lines)
        self.assertNotIn("That failed, so its jobs run natively:", lines)
        self.assertEqual(lines[-3:], self.demo(**NO_ENGINE)[-3:])

    def test_runs_natively_where_no_image_can_be_built(self):
        engine = os.path.join(self.top, "engine")
        write(engine, "#!/bin/sh\n[ \"$1\" = info ]\n")
        os.chmod(engine, 0o755)
        lines = self.demo(PATH=self.top + os.pathsep + os.environ["PATH"], SKELEBOT_DOCKER="engine")
        self.assertIn("That failed, so its jobs run natively:", lines)
        self.assertRegex(lines[-3], SCORE)

    def test_ends_with_the_status_of_jobs_that_fail(self):
        self.demo(**NO_ENGINE)
        self.replace_score("raise SystemExit(77)\n")
        self.assertEqual(self.refusal("--demo", **NO_ENGINE)[0], 77)

    def test_leaves_the_jobs_a_signal_that_stops_them(self):
        self.demo(**NO_ENGINE)
        self.replace_score("import signal; print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n")
        self.assertEqual(self.demo(**NO_ENGINE)[-3], "True")

    def replace_score(self, text):
        write(os.path.join(self.work, "skelebot-iris", "src", "jobs", "score.py"), text)


class BareMachine(Checkout):
    """A Debian that has python3 and nothing else: no pip, no PyYAML, no CA certificates, no engine."""

    def machine(self):
        """The folder to chroot to, made once and kept."""
        if os.name != "posix" or os.geteuid() != 0:
            self.skipTest("only root can chroot")
        if not shutil.which("debootstrap"):
            self.skipTest("there is no debootstrap; tests/services.sh installs it")
        folder = os.path.join(STATE, "bare")
        if not os.path.exists(folder):
            shutil.rmtree(folder + ".new", ignore_errors=True)
            output(["debootstrap", "--variant=minbase", "--include=python3", "bookworm", folder + ".new"])
            os.rename(folder + ".new", folder)
        shutil.copy("/etc/resolv.conf", os.path.join(folder, "etc", "resolv.conf"))
        return folder

    def test_shows_the_score(self):
        machine = self.machine()
        place = tempfile.mkdtemp(prefix="skelebot ", dir=os.path.join(machine, "root"))
        self.addCleanup(shutil.rmtree, place)
        shutil.move(self.here, os.path.join(place, "checkout"))
        inside = os.path.join("/", os.path.relpath(place, machine))
        variables = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
        said = output(["chroot", machine, "sh", "-c", 'cd "$HOME" && checkout/install.sh --demo'],
                      env=dict(variables, HOME=inside, PATH="/usr/sbin:/usr/bin:/sbin:/bin"))
        self.assertIn("No Docker engine answers, so its jobs run natively:", said.splitlines())
        self.assertRegex(said.splitlines()[-3], SCORE)


if __name__ == "__main__":
    unittest.main()
