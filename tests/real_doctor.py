"""`skelebot doctor` on machines that are well, and on those that are not; each remedy is tried."""
import http.server
import json
import os
import shutil
import sys
import threading
import unittest

from engine import BASE, Tests, call, on, prints, write


class Index(http.server.BaseHTTPRequestHandler):
    """An index of packages, or what the doctor wants of one."""

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words):
        pass


@on("BuildKit")
class Machine(Tests):
    """One project, and the machine around it as each test has it."""
    config = {"jobs": [{"name": "greet", "source": "greet.sh"}]}
    files = {"greet.sh": "echo hello\n"}
    build = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.index = http.server.HTTPServer(("127.0.0.1", 0), Index)
        threading.Thread(target=cls.index.serve_forever, daemon=True).start()
        cls.home = os.path.join(cls.top, "home")

    @classmethod
    def tearDownClass(cls):
        cls.index.shutdown()
        cls.index.server_close()
        super().tearDownClass()

    def doctor(self, *words, before=(), **environ):
        """(exit status, the line of each check that is not well, by its name) of a call."""
        url = "http://127.0.0.1:%d/simple/" % self.index.server_port
        done = call([*before, *self.argv("doctor", *words, "--json")], self.folder,
                    **{**self.engine.environ, "PIP_INDEX_URL": url, "HOME": self.home, "SKELEBOT_HOME": self.home, **environ})
        self.assertEqual(done.stderr, "")
        told = json.loads(done.stdout.decode())
        return done.status, {f"{one['group']} {one['name']}": one for one in told if one["state"] not in ("ok", "skipped")}

    def test_that_is_well_has_nothing_to_be_mended(self):
        self.assertEqual(self.doctor(), (0, {}))
        self.assertFalse(os.path.exists(self.home))

    def test_without_docker_is_told_to_install_it_or_to_run_natively(self):
        status, told = self.doctor(PATH="/nowhere")
        self.assertEqual((status, list(told)), (1, ["engine engine"]))
        self.assertEqual(told["engine engine"]["remedy"],
                         "install Docker or podman, or run the job natively: skelebot -n JOB")
        self.assertEqual(self.skelebot("-n", "greet").stdout, b"hello\n")

    def test_with_a_stopped_engine_is_told_to_start_it_or_to_name_another(self):
        status, told = self.doctor(DOCKER_HOST="unix:///nonexistent.sock")
        self.assertEqual((status, list(told)), (1, ["engine engine"]))
        self.assertEqual(told["engine engine"]["remedy"],
                         "start Docker, name another host with -d, or run the job natively with -n")
        host = os.environ.get("SKELEBOT_TEST_REMOTE")
        if host:
            done = self.call("-d", host, "doctor", DOCKER_HOST="unix:///nonexistent.sock")
            self.assertIn(f" at {host}, as root\n", done.stdout.decode())

    @unittest.skipUnless(shutil.which("faketime"), "faketime is not installed")
    def test_with_a_wrong_clock_is_told_to_set_it(self):
        status, told = self.doctor(before=["faketime", "-f", "-1h"])
        self.assertEqual((status, told["engine engine"]["state"]), (1, "bad"))
        self.assertRegex(told["engine engine"]["found"], "^its clock is (0:59:5.|1:00:0.) from this machine's$")
        self.assertEqual(self.doctor(before=["faketime", "-f", "+0s"]), (0, {}))

    @unittest.skipIf(os.name == "nt" or os.getuid(), "only root can mount a small disk")
    def test_with_a_full_disk_is_told_to_free_some_or_to_name_another(self):
        full = os.path.join(self.top, "full")
        os.mkdir(full)
        before = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', full]
        status, told = self.doctor(before=before, SKELEBOT_HOME=full)
        self.assertEqual((status, list(told)), (1, ["python disk"]))
        self.assertRegex(told["python disk"]["found"], rf"^1\.0 MB left for {full}$")
        self.assertEqual(told["python disk"]["remedy"], "free some, or name another folder in SKELEBOT_HOME or TMPDIR")
        self.assertEqual(self.doctor(before=before), (0, {}))

    @unittest.skipUnless(os.environ.get("SKELEBOT_TEST_KDC"), "SKELEBOT_TEST_KDC is not set; tests/services.sh starts a KDC")
    def test_with_kerberos_is_told_whether_the_kdc_gives_a_ticket_which_nobody_keeps(self):
        kdc, folder = os.environ["SKELEBOT_TEST_KDC"], os.path.join(self.top, "krb")
        for conf, keytab, found in (("krb5.conf", "bob", "the KDC gives a ticket"),
                                    ("unreachable.conf", "bob", "kinit: Cannot contact any KDC for realm"),
                                    ("krb5.conf", "stale", "kinit: Keytab contains no suitable keys for bob")):
            with self.subTest(found):
                self.write_project(folder, components={"kerberos": {
                    "krbConf": os.path.join(kdc, conf), "keytab": os.path.join(kdc, keytab + ".keytab"), "hdfsUser": "bob"}})
                told = self.call("doctor", folder=folder, KRB5CCNAME=os.path.join(self.top, "ticket")).stdout.decode()
                self.assertRegex(told, f"(?m)^{'ok ' if 'gives' in found else 'bad'}     logins    kerberos: {found}")
        self.assertFalse(os.path.exists(os.path.join(self.top, "ticket")))

    def test_without_pyyaml_is_told_how_to_get_it(self):
        url = "http://127.0.0.1:%d/" % self.index.server_port
        write(self.top, {"no/yaml.py": "raise ImportError('no')\n"})
        done = self.call("doctor", PYTHONPATH=os.path.join(self.top, "no"), PIP_INDEX_URL=url)
        self.assertEqual(done.status, 1)
        self.assertIn(f"bad     python    Python: PyYAML is not installed for {sys.executable}\n                  "
                      "remedy: python3 -m pip install --user PyYAML", done.stdout.decode())


@on("BuildKit", "podman")
class Leftovers(Tests):
    """What has been left of a project whose folder has gone, and a container that nobody removed."""
    config = {"jobs": [{"name": "greet", "source": "echo hello"}]}
    build = False

    def test_fix_removes_them_and_nothing_else(self):
        home, gone = os.path.join(self.top, "home"), os.path.join(self.top, "gone")
        self.write_project(gone, **self.config)
        self.skelebot("greet", folder=gone, SKELEBOT_HOME=home)
        self.write_project(self.folder, **{**self.config, "name": self.name + "-kept"})
        self.skelebot("prime", SKELEBOT_HOME=home)
        shutil.rmtree(gone)
        cli = self.engine.cli
        for name, words in (("ended", ["true"]), ("runs", ["sleep", "600"])):
            prints(*cli, "run", "--detach", "--name", f"{self.name}-{name}", "--label", f"skelebot.project={self.name}",
                   "--entrypoint", "", BASE, *words, **self.engine.environ)
            self.addCleanup(prints, *cli, "rm", "--force", f"{self.name}-{name}", **self.engine.environ)
        program = os.path.join(self.top, "bin", os.path.basename(cli[0]))
        write(self.top, {os.path.relpath(program, self.top): f"#!/bin/sh\n# an hour later\n"
                         f"case \" $* \" in *' ps '*) {shutil.which(cli[0], path=self.engine.environ.get('PATH'))} \"$@\" | "
                         f"grep {self.name} | sed 's/[0-9A-Za-z ]* \\(second\\|minute\\)s* ago/2 hours ago/' ;; "
                         f"*) exec {shutil.which(cli[0], path=self.engine.environ.get('PATH'))} \"$@\" ;; esac\n"})
        os.chmod(program, 0o755)
        environ = {"SKELEBOT_HOME": home}
        untouched = self.call("doctor", **environ).stdout.decode()
        self.assertIn("note    leftovers builds: 2 files and 1 images of folders that have gone, up to ", untouched)
        self.assertNotIn(f"{self.name}-ended", untouched)       # what it has made may be on its way
        self.assertEqual(len(self.containers()), 2)
        self.assertIn("removed: 2 files and 1 images", self.call("doctor", "--fix", **environ).stdout.decode())
        self.assertEqual(prints(*cli, "image", "inspect", self.name, **self.engine.environ), "")
        self.assertNotEqual(prints(*cli, "image", "inspect", self.name + "-kept", **self.engine.environ), "")
        fixed = self.call("doctor", "--fix", PATH=os.path.dirname(program) + os.pathsep + os.environ["PATH"],
                          SKELEBOT_HOME=home).stdout.decode()
        self.assertIn(f"removed: {self.name}-ended", fixed)
        self.assertEqual(self.containers(), [f"{self.name}-runs"])
        prints(*cli, "rm", "--force", f"{self.name}-runs", **self.engine.environ)
        prints(*cli, "rmi", "--force", self.name + "-kept", **self.engine.environ)


if __name__ == "__main__":
    unittest.main()
