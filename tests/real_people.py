"""Projects as people have them: made Skelebot's with --existing --yes, and run in Docker and natively."""
import os
import shutil
import stat
import subprocess
import unittest

from engine import ROOT, Tests, on, tree

PEOPLE = os.path.join(ROOT, "tests", "projects", "people")

# project -> [(words, what is printed, {file: what is written on this machine})], files on top, whether it runs natively
RUNS = {
    "science": ([(["train_model"], "trained 3\n", {"models/model.txt": b"trained 3\n"}),
                 (["train_model", "--epochs", "5"], "trained 5\n", {"models/model.txt": b"trained 5\n"})], {}, True),
    "poetry": ([(["train"], "trained by poetry\n", {})], {}, True),
    "uv": ([(["main"], "Hello from churn!\n", {})], {}, True),
    "conda": ([(["analyse", "a b"], "analysed a b\n", {})], {}, True),
    "package": ([(["churn", "Zoë"], "Zoë 42\n", {}), (["churn", "Zoë", "--times", "3"], "Zoë 63\n", {})], {}, True),
    "r": ([(["score", "Zoë"], "scored Zoë \n", {})], {}, True),
    "docker": ([(["train"], "trained in docker\n", {"out/key.txt": b"KEY=1\n"})], {".env": "KEY=1\n"}, False),
}
VERSIONS = {"poetry": "0.4.0", "uv": "1.1.0", "package": "2.0.0", "r": "0.9.1"}


@on("legacy", "BuildKit")
class People(Tests):
    """What people bring runs as it is, in Docker and natively, also where only its owner may read it."""
    build = False

    def project(self, name):
        """A folder with the project, which only its owner may read."""
        folder = os.path.join(self.top, "mine", self.name + name)
        shutil.copytree(os.path.join(PEOPLE, name), folder)
        for path, text in RUNS.get(name, ((), {}))[1].items():
            with open(os.path.join(folder, path), "w") as file:
                file.write(text)
        for top, folders, files in os.walk(folder):
            for one in [top, *(os.path.join(top, file) for file in files)]:
                os.chmod(one, stat.S_IMODE(os.stat(one).st_mode) & 0o700)
        self.skelebot("scaffold", "--existing", "--yes", "--name", self.name + name, folder=folder)
        return folder

    def tearDown(self):
        super().tearDown()
        for name in RUNS:
            subprocess.run([*self.engine.cli, "rmi", "--force", self.name + name], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env={**os.environ, **self.engine.environ})
        shutil.rmtree(os.path.join(self.top, "mine"), ignore_errors=True)

    def test_run_in_docker_and_natively(self):
        for name, (runs, _, native) in RUNS.items():
            folder = self.project(name)
            with open(os.path.join(folder, "VERSION")) as file:
                self.assertEqual(file.read(), VERSIONS.get(name, "0.1.0") + "\n")
            for first in ((), ("-n",)) if native else ((),):
                for words, printed, files in runs:
                    with self.subTest(name, first=first, words=words):
                        done = self.skelebot(*first, *words, folder=folder)
                        self.assertEqual(done.stdout.decode(), printed)
                        self.assertEqual({path: tree(folder)[path] for path in files}, files)


if __name__ == "__main__":
    unittest.main()
