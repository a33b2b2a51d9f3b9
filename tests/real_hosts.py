"""Another engine by its name, from the project's file and from a person's own."""
import json
import os
import unittest

from engine import Tests, engines, on, write

THERE = engines()["remote"].environ["DOCKER_HOST"]


@on("remote")
class Named(Tests):
    """The tests' second engine is named by `hosts`, and by no variable of the call."""
    build = False
    config = {"language": "NA", "hosts": {"far": THERE, "dead": "tcp://127.0.0.1:1", "here": {"native": True}}, "jobs": [
        {"name": "write", "source": "mkdir -p out && echo $SKELEBOT_AT >> out/word", "mappings": ["out/"], "host": "far",
         "environment": {"SKELEBOT_AT": "there"}}]}

    def named(self, *words, status=0, folder=None, **environ):
        return self.skelebot(*words, status=status, folder=folder, **{"DOCKER_HOST": "", **environ})

    def test_of_the_file_runs_the_job_and_gives_its_files_back(self):
        self.named("write")
        self.assertNotEqual(self.images(), [], "it was built there")
        self.named("-d", "here", "write")
        with open(os.path.join(self.folder, "out", "word")) as file:
            self.assertEqual(file.read(), "there\nthere\n")
        self.assertIn("there is no host 'fra'\n  hint: did you mean far?", self.named("-d", "fra", "write", status=2).stderr)

    def test_of_a_persons_file_does_too_and_each_is_asked_whether_it_answers(self):
        home = os.path.join(self.top, "home")
        write(home, {"hosts.yaml": f"mine: {{docker: '{THERE}', resources: {{memory: 96m}}}}\ndead: tcp://127.0.0.1:1\n"})
        other = os.path.join(self.top, "other")
        self.write_project(other, language="NA", host="mine", jobs=[{"name": "say", "source": "echo far"}])
        done = self.named("-V", "say", folder=other, SKELEBOT_HOME=home)
        self.assertEqual(done.stdout, b"far\n")
        self.assertRegex(done.stderr, f"--host {THERE} run .*--memory 96m ")
        self.named("--detach", "say", folder=other, SKELEBOT_HOME=home)
        self.assertEqual(self.named("wait", folder=other, SKELEBOT_HOME=home).stdout, b"far\n")
        told = self.named("hosts", "--check", "--json", folder=other, SKELEBOT_HOME=home, status=1).stdout
        rows = {row["name"]: row for row in json.loads(told.decode())}
        self.assertEqual(("fault" in rows["mine"], rows["mine"]["default"], list(rows)), (False, True, ["local", "mine", "dead"]))
        self.assertIn("no engine answers docker --host tcp://127.0.0.1:1", rows["dead"]["fault"])


if __name__ == "__main__":
    unittest.main()
