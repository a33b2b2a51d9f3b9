"""Plugins on real engines, and in every way in which Skelebot is installed."""
import os
import shutil
import signal

import real_install
from engine import Tests, on

PLUGINS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugins")


class WithPlugins(Tests):
    """A project with plugins of tests/plugins, in a home of its own."""
    plugins = ()

    @classmethod
    def write_project(cls, folder, **config):
        super().write_project(folder, **config)
        for name in cls.plugins:
            shutil.copytree(os.path.join(PLUGINS, name), os.path.join(cls.top, "own", "plugins", name))

    @classmethod
    def call(cls, *words, **options):
        return super().call(*words, **{"SKELEBOT_HOME": os.path.join(cls.top, "own"), **options})

    def start(self, *words, **options):
        return super().start(*words, **{"SKELEBOT_HOME": os.path.join(self.top, "own"), **options})


class Stamped(WithPlugins):
    """A plugin of today adds to image, context, container, and around the job."""
    plugins = ("stamp", "hello")
    config = {
        "components": {"stamp": {"label": "two words"}, "hello": {"greeting": "hi"}},
        "jobs": [{"name": "show", "source": "echo \"$STAMP, $STAMPED, $1\"; ls; exit 5", "args": ["first"]},
                 {"name": "sleep", "source": "echo asleep; exec sleep 60"}],
    }
    files = {"kept.txt": "", "secret.stamp": "", "stamps/x": ""}

    def test_a_job_sees_what_the_plugin_adds(self):
        done = self.skelebot("show", "it's", status=5)
        self.assertEqual(done.stdout.decode(), (
            "two words for show, looked two words, it's\nDockerfile\nkept.txt\nskelebot.yaml\n"))
        self.assertEqual([line for line in done.stderr.splitlines() if line.startswith("skelebot: ")],
                         ["skelebot: before show", "skelebot: after show: 5"])

    def test_the_image_has_the_plugins_text(self):
        self.assertEqual(self.inspect(self.name)["Config"]["Labels"]["stamp"], "two words")

    def test_a_command_of_the_plugin_is_part_of_a_chain(self):
        self.assertEqual(self.skelebot("envs", "+", "greet", "ada", "+", "show", "x", status=3).stdout,
                         b"[default]\nhi ada\n")

    def test_steps_after_come_when_the_job_is_stopped(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number):
                running = self.start("sleep").says("asleep").signal(number)
                self.assertEqual(running.ends(), status)
                self.assertIn(b"skelebot: after sleep: ", running.said)


on("BuildKit", "podman", "remote")(Stamped)


class Earlier(WithPlugins):
    """Plugins of the 1.x and 2.x releases wrap jobs, add to the image, build and run."""
    plugins = ("notify", "timer", "runner")
    config = {
        "components": {"notify": {"server": "s1", "channels": [{"name": "a"}]}},
        "jobs": [{"name": "show", "source": "show.sh", "params": ["epochs"]},
                 {"name": "fail", "source": "echo no; exit 5"}],
    }
    files = {"show.sh": "echo \"$NOTIFY on $(hostname), $*, $TIMED\"; ls /app\n", "notify.log": "", "data/x": "",
             "x.secret": ""}

    def test_a_job_is_wrapped(self):
        self.assertEqual(self.skelebot("show", "--epochs", "a  b").stdout.decode(), (
            "starting show False\ns1 quietly on notify, --epochs a  b, in Docker\n"
            "Dockerfile\ndata\nshow.sh\nskelebot.yaml\nended show\ntimed in Docker\n"))

    def test_a_job_that_fails_has_its_own_status_and_no_end(self):
        self.assertEqual(self.skelebot("fail", status=5).stdout, b"starting fail False\nno\n")

    def test_a_command_builds_and_runs_in_the_image(self):
        done = self.skelebot("in-image", "--", "cat /app/data/x; echo \"$NOTIFY\"; exit 7", status=7)
        self.assertEqual(done.stdout.decode().splitlines()[-1], "s1 quietly")

    def test_a_command_maps_folders(self):
        self.skelebot("in-image", "-m", "out/", "echo made > out/made.txt")
        self.addCleanup(shutil.rmtree, os.path.join(self.folder, "out"))
        with open(os.path.join(self.folder, "out", "made.txt")) as file:
            self.assertEqual(file.read(), "made\n")

    def test_a_command_answers(self):
        self.assertEqual(self.skelebot("notify", "--dry", "hello").stdout.decode(),
                         f"info {self.name} () on None: hello\n")


on("legacy", "podman")(Earlier)


class Installed(real_install.Checkout):
    """However Skelebot is installed, a plugin's `import skelebot` is the module that runs."""

    def assert_one_module(self, argv, **environ):
        own = os.path.join(self.top, "own")
        if not os.path.exists(own):
            shutil.copytree(os.path.join(PLUGINS, "places"), os.path.join(own, "plugins", "places"))
        around = real_install.environment(HOME=self.home, SKELEBOT_HOME=own, **environ)
        self.assertEqual(real_install.output([*argv, "places"], cwd=self.work, env=around, timeout=60),
                         "step done\nTrue True True True True 1\n")

    def test_by_install_sh_as_a_command_and_as_a_module(self):
        self.install()
        self.assert_one_module([self.command])
        self.assert_one_module([self.with_yaml(), "-m", "skelebot"], PYTHONPATH=self.lib)

    def test_as_one_file(self):
        file = os.path.join(self.top, "skele bot.pyz")
        self.install("--pyz", file)
        self.assert_one_module([self.with_yaml(), file])
