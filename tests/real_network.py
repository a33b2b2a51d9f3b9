"""A company's network: an index behind a proxy, with certificates and a login of its own, for builds and jobs.

The index is reached by the proxy only, and has `six` in a version that no other index has.
"""
import json
import os
import unittest
import zipfile

from engine import BASE, Tests, on, tree, write
from real_kerberos import own_layers

PROXY, INDEX, CA = (os.environ.get("SKELEBOT_TEST_" + name, "") for name in ("PROXY", "INDEX", "CA"))
LOGIN = "ada:hunter2"                   # which the proxy does not ask for
PROXY = PROXY.replace("://", f"://{LOGIN}@")
TOKEN = "secret"                        # the password of the index's user
CONTENT = "what-only-the-file-has"
SHOW = """import os, ssl, six, urllib.request
print(six.__version__, open("/etc/my.conf").read(), os.environ["https_proxy"], os.environ.get("mine"))
request = urllib.request.Request(os.environ["INDEX"] + "/six/", headers={
    "Authorization": "Basic " + __import__("base64").b64encode(f"token:{os.environ['TOKEN']}".encode()).decode()})
print("six-99.0" in urllib.request.urlopen(request).read().decode())
print([path for path in ("keys/my.conf", "/run/skelebot-env", "/dev/shm/apt.conf") if os.path.exists(path)])
"""
CONFIG = {
    "network": {"noProxy": [".other"]}, "environment": {"INDEX": INDEX, "mine": "own"},
    "dependencies": ["req:requirements.txt"], "commands": ["cp /etc/my.conf /dev/shm/copy && test -n \"$TOKEN\""],
    "secrets": [{"name": "TOKEN", "env": "INDEX_TOKEN", "at": ["build", "run"]},
                {"name": "conf", "file": "keys/my.conf", "target": "/etc/my.conf", "at": ["build", "run"]}],
    "jobs": [{"name": "show", "source": "show.py"}],
    "components": {"package": {"path": "dist/all.zip"}}}
SHOWN = f"99.0 {CONTENT} {PROXY} own\nTrue\n[]\n"


class Company(Tests):
    """A person whose company's network is in ~/.skelebot/config.yaml."""
    build = False
    config = CONFIG
    files = {"requirements.txt": f"--index-url {INDEX.replace('://', '://token:${TOKEN}@')}\nsix\n", "show.py": SHOW,
             "keys/my.conf": CONTENT}

    @classmethod
    def setUpClass(cls):
        if not PROXY:
            raise unittest.SkipTest("SKELEBOT_TEST_PROXY is not set; tests/services.sh says it")
        super().setUpClass()
        cls.home = os.path.join(cls.top, "home")
        write(cls.home, {"config.yaml": json.dumps({"network": {"proxy": PROXY, "ca": CA}})})

    def skelebot(self, *words, **options):
        return super().skelebot(*words, **{"SKELEBOT_HOME": self.home, "INDEX_TOKEN": TOKEN, **options})


@on("BuildKit")
class CompanyBuilds(Company):
    def test_go_out_by_the_proxy_only_and_leave_nothing_of_it_in_the_image(self):
        done = self.skelebot("-V", "show")
        self.assertEqual(done.stdout.decode(), SHOWN)
        self.assertIn("building " + self.name, done.stderr)
        dry = self.skelebot("--dry-run", "--rebuild", "show")
        history = "\n".join(self.engine.ask("history", "--no-trunc", self.name))
        inspected = "\n".join(self.engine.ask("inspect", self.name))
        saved = own_layers(self.engine, [self.name], BASE, os.path.join(self.top, "image.tar"))[self.name + ":latest"]
        layers = b"\0".join(name.encode() + data for name, data in saved)
        kept = b"\0".join(data for top in (self.home, self.folder) for name, data in tree(top).items()
                          if name not in ("config.yaml", "keys/my.conf", ".skelebot/runs/1/log"))     # the job says them itself
        said = done.stderr + dry.stdout.decode() + dry.stderr
        for secret in ("token:" + TOKEN, CONTENT, "INDEX_TOKEN=" + TOKEN, f"TOKEN={TOKEN}", LOGIN):
            with self.subTest(secret):
                for text in (said, history, inspected):
                    self.assertNotIn(secret, text)
                for data in (layers, kept):
                    self.assertNotIn(secret.encode(), data)
        write(self.folder, {"keys/my.conf": CONTENT + "!"})
        changed = self.skelebot("-V", "show")
        self.assertEqual(changed.stdout.decode(), SHOWN.replace(CONTENT, CONTENT + "!"))
        self.assertIn("TOKEN and conf: a new value is no reason to build; --rebuild takes it", changed.stderr)
        self.assertNotIn("building", changed.stderr)

    def test_go_out_like_our_own_requests(self):
        done = self.skelebot("plugin", INDEX + "/a.zip", status=1)
        self.assertIn("401", done.stderr)           # by the proxy, with its certificates, to the index

    def test_need_the_secret(self):
        done = self.skelebot("--rebuild", "show", INDEX_TOKEN="", status=1)
        self.assertIn("secrets[0].env: the variable INDEX_TOKEN is not set", done.stderr)

    def test_packages_have_no_secret_file(self):
        self.skelebot("package")
        with zipfile.ZipFile(os.path.join(self.folder, "dist/all.zip")) as archive:
            self.assertNotIn("keys/my.conf", archive.namelist())


@on("podman")
class PodmanBuilds(Company):
    def test_go_out_by_the_proxy_too(self):
        self.assertEqual(self.skelebot("show").stdout.decode(), SHOWN)
        history = "\n".join(self.engine.ask("history", "--no-trunc", self.name))
        self.assertNotIn("token:" + TOKEN, history)


@on("legacy")
class LegacyBuilds(Company):
    def test_are_refused_before_they_would_keep_a_secret(self):
        done = self.skelebot("show", status=1)
        self.assertEqual(done.stderr.split("\n")[-3:-1], [
            "skelebot: the legacy builder would keep a secret, a login or the network's ca in the image",
            "  hint: build with BuildKit: install Docker's buildx, and leave DOCKER_BUILDKIT=0 out"])


if __name__ == "__main__":
    unittest.main()
