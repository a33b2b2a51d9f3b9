"""The same score, files, output and exit status natively, in Docker, on another engine, on Kubernetes and on Slurm."""
import concurrent.futures
import json
import os
import re
import shutil
import unittest

import yaml

import cluster
from engine import Tests, engines, on, prints, tree, write
from mutate import HOSTILE
from real_iris import JOBS, Iris
from real_jupyter import copy_image
from real_registry import LOGGED_IN, REGISTRY
from real_run import DASHED, PLAIN

PLACES = {"in Docker": [], "on another engine": ["-d", "engine"], "natively": ["-n"], "on Kubernetes": ["-d", "cluster"],
          "on Slurm": ["-d", "batch"]}
ENGINES = tuple(PLACES)[:2]
COMPONENTS = {"registry": {**dict(zip(("host", "port"), REGISTRY.split(":"))), "user": "clusters"}}


def setUpModule():
    cluster.wait_for("kubernetes")
    cluster.wait_for("lab")


class Places(Tests):
    """A project, and every place where its jobs may run, by their names in a person's own file."""
    build = False
    setup = ()          # of Slurm
    places = PLACES

    @classmethod
    def setUpClass(cls):
        around, client = cluster.slurm(), cluster.clients()["oldest"]
        super().setUpClass()
        home = os.path.join(cls.top, "home")
        write(home, {"config.json": json.dumps(LOGGED_IN), "hosts.yaml": json.dumps({
            "engine": cls.other().environ["DOCKER_HOST"],
            "cluster": {"kubernetes": {"context": "test", "namespace": "ml", "pullSecrets": [cluster.PULL_SECRET]}},
            "batch": {"slurm": {"container": "none", "setup": cls.setup}},
            "lab": {"slurm": {"login": cluster.LAB, "folder": "/scratch/ada/" + cls.name}}})})
        path = [*(one["PATH"].split(os.pathsep)[0] for one in (around, client)), cls.engine.environ["PATH"]]
        cls.engine = cls.engine._replace(environ={
            **cls.engine.environ, **around, **client, "PATH": os.pathsep.join(path), "DOCKER_CONFIG": home, "SKELEBOT_HOME": home})

    @classmethod
    def tearDownClass(cls):
        prints(*cls.other().cli, "rmi", "--force", cls.name, **cls.other().environ)
        cluster.ended(["ssh", cluster.LAB, "rm -rf /scratch/ada/" + cls.name], **cluster.slurm())
        shutil.rmtree(os.path.expanduser("~/.skelebot/slurm/" + cls.name), ignore_errors=True)
        super().tearDownClass()

    @staticmethod
    def other():
        return engines()["remote"]

    def results(self, place, *words, status=0, **environ):
        """What jobs print, write and record in a place, where they have a copy of the project."""
        folder = os.path.join(self.top, place)
        shutil.copytree(self.folder, folder)
        done = self.call(*self.places[place], *words, folder=folder, **environ)
        self.assertEqual(done.status, status, done.stderr[-2000:])
        files, records = tree(folder), ".skelebot/runs/{}/run.json".format
        metrics = [json.loads(files[records(number)].decode())["metrics"] for number in range(1, 1 + len(words)) if records(number) in files]
        return done.stdout, {path: data for path, data in files.items() if re.match("models/|output/", path)}, metrics

    def everywhere(self, ask):
        """place -> what a function of it returns; two places at a time."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            told = {place: pool.submit(ask, place) for place in self.places}
        for place in told:
            with self.subTest(place):
                told[place].result()
        return {place: one.result() for place, one in told.items()}

    def same_everywhere(self, *words, **more):
        """(what jobs print, files, metrics), which are the same in every place."""
        told = self.everywhere(lambda place: self.results(place, *words, **more))
        for place, results in told.items():
            with self.subTest(place):
                self.assertEqual(results, told["natively"])
        return told["natively"]


@on("BuildKit")
class IrisProject(Places, Iris):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(os.path.join(cls.folder, "skelebot.yaml"), "a") as file:
            file.write("  registry: " + json.dumps(COMPONENTS["registry"]) + "\n")      # below components

    def test_has_the_same_score(self):
        printed, files, metrics = self.same_everywhere(*JOBS)
        self.assertEqual(printed.splitlines()[-1], b"accuracy: 1.000")
        self.assertEqual((len(files), metrics[-1]["accuracy"]["last"]), (5, 1))


@on("BuildKit")
class ScikitLearnProject(Places):
    """What its image has is what a venv of this machine has."""
    files = {"train.py": """
import os, sys
import sklearn.datasets, sklearn.ensemble, sklearn.model_selection

x, y = sklearn.datasets.load_iris(return_X_y=True)
known, new, species, wanted = sklearn.model_selection.train_test_split(x, y, random_state=7)
forest = sklearn.ensemble.RandomForestClassifier(int(sys.argv[2]), random_state=7).fit(known, species)
os.makedirs("output", exist_ok=True)
with open("output/probabilities.csv", "w") as file:
    file.writelines(",".join(map(repr, map(float, row))) + "\\n" for row in forest.predict_proba(new))
score = forest.score(new, wanted)
print("scikit-learn %s\\naccuracy: %.4f" % (sklearn.__version__, score))
sys.exit(0 if score == 1 else 3)
"""}

    @classmethod
    def setUpClass(cls):
        folder = os.path.dirname(cluster.setting("SKELEBOT_TEST_SKLEARN"))
        with open(os.path.join(folder, os.pardir, "installed")) as file:
            cls.config = {"components": COMPONENTS, "dependencies": file.read().split(), "jobs": [
                {"name": "train", "source": "train.py", "mappings": ["output/"], "metrics": ["accuracy"],
                 "params": [{"name": "trees", "default": 20}]}]}
        cls.setup = [f"PATH={folder}:$PATH"]
        super().setUpClass()
        cls.engine.environ["PATH"] = folder + os.pathsep + cls.engine.environ["PATH"]

    def test_has_the_same_score(self):
        printed, files, metrics = self.same_everywhere("train", status=3)
        self.assertRegex(printed, rb"\Ascikit-learn [\d.]+\naccuracy: 0.8684\n\Z")
        self.assertEqual(([*files], metrics[0]["accuracy"]["last"]), (["output/probabilities.csv"], 0.8684))


@on("BuildKit")
class RProject(Places):
    files = {"train.R": """
cars <- mtcars[order(row.names(mtcars)), ]
fit <- glm(am ~ wt + hp, binomial, cars)
dir.create("output", showWarnings = FALSE)
write.csv(data.frame(car = row.names(cars), p = signif(fitted(fit), 9)), "output/fitted.csv", row.names = FALSE)
saveRDS(signif(coef(fit), 9), "output/model.rds")
right <- mean((fitted(fit) > 0.5) == (cars$am == 1))
cat(sprintf("accuracy: %.4f\\n", right))
if (right < as.numeric(commandArgs(TRUE)[2])) quit(status = 3)
"""}
    config = {"language": "R", "components": COMPONENTS, "jobs": [
        {"name": "train", "source": "train.R", "mappings": ["output/"], "metrics": ["accuracy"],
         "params": [{"name": "least", "accepts": "float", "default": 0.99}]}]}

    def test_has_the_same_score(self):
        printed, files, metrics = self.same_everywhere("train", status=3)
        self.assertEqual((printed, metrics[0]["accuracy"]["last"]), (b"accuracy: 0.9375\n", 0.9375))
        self.assertEqual(sorted(files), ["output/fitted.csv", "output/model.rds"])


# ---- Values that somebody has thought of ------------------------------------

def fits(value):
    """Whether a value can be a word of a program at all."""
    return "\0" not in value and not re.search("[\ud800-\udc7f]", value)


def is_utf8(value):
    return not re.search("[\udc80-\udcff]", value)


LATIN = ["\udce9t\udc80\n", "".join(map(chr, range(0xdc80, 0xdd00))) + "\\0101%b\n\n"]
VALUES = [*PLAIN, *DASHED, *filter(fits, HOSTILE), *LATIN, "$(HOME) $$ $$(A)"]
NAMES = sorted({value for value in VALUES if value not in ("", ".", "..") and "/" not in value and len(os.fsencode(value)) < 255})
EXTRA = [value for value in VALUES if value != "+"]     # which would begin the next job


@on("legacy")
class HostileValues(Places):
    """Words, variables, secrets and names of files are what they were, byte for byte; by Apptainer in a lab as well."""
    places = {**PLACES, "in a lab": ["-d", "lab"]}
    files = {"job.sh": "printf '%s\\0' \"$@\" > output/words; cat /proc/$$/environ > output/variables; cp -R data output\nexit 3\n"}
    environment = {f"V{i}": value for i, value in enumerate(filter(is_utf8, VALUES))}
    secrets = {f"S{i}": value for i, value in enumerate(VALUES) if value}
    config = {"language": "NA", "baseImage": "skelebot-test/debian", "components": COMPONENTS,
              "ignores": ["skelebot.yaml", "data", "output"],
              "secrets": [{"name": name, "env": "A_" + name} for name in secrets],
              "jobs": [{"name": "all", "source": "job.sh", "mappings": ["data/:ro", "output/"], "environment": environment,
                        "params": [f"p{i}" for i in range(len(VALUES))]}]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        copy_image(cls.config["baseImage"], cls.engine, cls.other())
        write(cls.folder, {"skelebot.yaml": yaml.safe_dump({"name": cls.name, **cls.config})})   # JSON is no YAML in all signs
        os.makedirs(os.path.join(cls.folder, "data"))
        for name in NAMES:
            with open(os.path.join(cls.folder, "data", name), "wb") as file:
                file.write(os.fsencode(name))

    def arrived(self, place):
        """Nothing, if all that was given to the job has arrived there."""
        secrets = {name: value for name, value in self.secrets.items() if place not in ENGINES or is_utf8(value)}
        given = {"A_" + name: secrets.get(name, "x") for name in self.secrets}
        words = [f"--p{i}={value}" for i, value in enumerate(VALUES)]
        files = self.results(place, "all", *words, "--", *EXTRA, status=3, **given)[1]
        own, variables = (os.fsdecode(files.pop("output/" + name)).split("\0")[:-1] for name in ("words", "variables"))
        self.assertEqual(own, [*(word for i, value in enumerate(VALUES) for word in (f"--p{i}", value)), *EXTRA])
        known, wanted = dict(line.split("=", 1) for line in variables), {**self.environment, **secrets}
        self.assertEqual({name: known.get(name) for name in wanted}, wanted)
        self.assertEqual(files, {"output/data/" + name: os.fsencode(name) for name in NAMES})

    def test_arrive_in_every_place(self):
        self.everywhere(self.arrived)

    def test_that_an_engine_would_change_is_not_given_to_it(self):
        given = {"A_" + name: value for name, value in self.secrets.items()}
        for place in ENGINES:
            with self.subTest(place):
                self.assertIn("has a value that is not UTF-8, which Docker cannot be given\n  hint: give it in UTF-8",
                              self.skelebot(*PLACES[place], "all", status=1, **given).stderr)


if __name__ == "__main__":
    unittest.main()
