"""The image: Dockerfile, .dockerignore, and the names of images."""
import json
import os
import re
import subprocess
import unittest

from support import Look, Read, drive, folder, golden, job, project, skelebot, two_lines
from skelebot import dockerignore, is_generated, slug

WHEEL = ".skelebot/acme-2.1/acme-2.1-py3-none-any.whl"
SCORE = {"name": "score", "source": "src/score.py", "args": ["rows"],
         "params": [{"name": "model", "default": "models/a b.bin"}, {"name": "fast", "accepts": "boolean"}]}
WORKER = {"name": "work", "source": "src/work.py $QUEUE",
          "params": [{"name": "home", "default": "${HOME}/it's"}, {"name": "n", "default": 3}]}
COUNT = {"name": "count", "source": "wc -l data/*.csv | sort -n"}

# tests/golden/NAME.Dockerfile -> the keys that it comes from, beside the plainest project's
DOCKERFILES = {
    "plain": {},
    "python": {"description": "Who leaves, and when", "maintainer": "Ada Lovelace", "contact": "ada@example.com",
               "version": "1.4.0", "pythonVersion": "3.10", "dependencies": [
                   "numpy", "pandas=2.2", "scipy==1.13.*", "dash>=2,!=2.3", "uvicorn[standard]~=0.30",
                   "uvloop>=0.19; sys_platform != 'win32'", "acme @ https://example.com/acme.zip",
                   "req:requirements.txt", "proj:pyproject.toml", "file:vendor/acme.whl", "file:libs/my tools/",
                   "github:acme/tools", "github:acme/models@v2", "github:https://git.example.com/acme/data.git@main",
                   "ca_file:acme:123456789012:pypi:acme:2.1:work"]},
    "r": {"language": "R", "rVersion": "4.4", "dependencies": [
        "dplyr", "ggplot2=3.5.1", "data.table==1.15.4", "file:libs/acme:acme", "github:acme/tools:tools",
        "github:acme/models/r@v2:models", "renv:renv.lock"]},
    "r-python": {"language": "R+Python", "dependencies": {"Python": ["numpy=1.26"], "R": ["dplyr"]}},
    "r-python-version": {"language": "R+Python", "pythonVersion": "3.11", "dependencies": {"Python": ["numpy"]}},
    "na": {"language": "NA", "commands": ["apt-get update && apt-get install --yes jq"]},
    "base-image": {"language": "R+Python", "baseImage": "registry.example.com:5000/acme/base:7",
                   "dependencies": {"Python": ["numpy"], "R": ["dplyr"]}},
    "timezone": {"timezone": "America/Argentina/Buenos_Aires"},
    "labels": {"name": 'The "Churn"', "description": "costs $5\nand $HOME, \\ `id`\n", "maintainer": "Zoë 日本",
               "contact": 'z"@example.com', "version": '1"$2'},
    "copy": {"copy": ["config/app.ini:/etc/app.ini", "my data/:/srv/my data/", "it's \"$5\".txt:/srv/$5\\x"]},
    "commands": {"commands": ["make all", "echo \"$HOME\" > 'a b'", "set -e\nmake one\nmake two\n",
                              "cat <<E\n\"$1\"\nE",
                              "ls \\"]},
    "primary-cmd": {"jobs": [SCORE], "primaryJob": "score"},
    "primary-entrypoint": {"jobs": [SCORE], "primaryJob": "score", "primaryExe": "ENTRYPOINT"},
    "primary-variable-cmd": {"jobs": [WORKER], "primaryJob": "work"},
    "primary-variable-entrypoint": {"jobs": [WORKER], "primaryJob": "work", "primaryExe": "ENTRYPOINT"},
    "primary-shell-cmd": {"jobs": [COUNT], "primaryJob": "count"},
    "primary-shell-entrypoint": {"jobs": [COUNT], "primaryJob": "count", "primaryExe": "ENTRYPOINT"},
}


def dockerfile(**keys):
    """The Dockerfile of a project all of whose files are there."""
    it = project(**keys)
    assets = skelebot.Outcome(output='{"assets": [{"name": "acme-2.1.tar.gz"}, {"name": "acme-2.1-py3-none-any.whl"}]}')
    found = drive(skelebot.plan_required_files(it), {"list-package-version-assets": assets})
    if found.fault:
        raise found.fault
    return skelebot.dockerfile(it, found.status)


class Dockerfile(unittest.TestCase):
    maxDiff = None

    def test_is_the_golden_one(self):
        for name, keys in DOCKERFILES.items():
            with self.subTest(name):
                self.assertEqual(dockerfile(**keys), golden(name + ".Dockerfile"))

    def test_keeps_the_lines_above_when_a_dependency_is_appended(self):
        tables = {"Python": ["numpy", "req:requirements.txt", "github:acme/tools", "file:libs/a/", "pandas=2.2"],
                  "R": ["dplyr", "ggplot2=3.5.1", "github:acme/tools:tools", "file:libs/a:a", "renv:renv.lock"]}
        for language, every in tables.items():
            for count in range(len(every)):
                with self.subTest(language, appended=every[count]):
                    before = dockerfile(language=language, dependencies=every[:count])
                    above = before[:before.index("COPY . /app")]
                    after = dockerfile(language=language, dependencies=every[:count + 1])
                    self.assertEqual(after[:len(above)], above)

    def test_does_not_change_above_the_project_when_jobs_or_version_change(self):
        above = dockerfile(dependencies=["numpy"]).partition("COPY . /app")[0]
        other = dockerfile(dependencies=["numpy"], version="9", jobs=[SCORE], primaryJob="score", commands=["make"])
        self.assertEqual(other.partition("COPY . /app")[0], above)

    def test_brings_git_and_remotes_once(self):
        text = dockerfile(dependencies=["github:a/b", "numpy", "github:c/d"])
        self.assertEqual(text.count("apt-get install"), 1)
        text = dockerfile(language="R", dependencies=["a=1.0", "github:a/b:b", "file:c:c"])
        self.assertEqual(text.count('install.packages("remotes")'), 1)

    def test_has_no_line_that_a_value_could_have_started(self):
        text = dockerfile(description="a\nRUN id", maintainer='"', version='1"', copy=["a b:/c"],
                          commands=["a\nUSER 7"])
        words = {line.split(" ")[0] for line in text.split("\n") if line and not line.startswith("#")}
        self.assertEqual(words, {"FROM", "LABEL", "WORKDIR", "COPY", "RUN"})

    def test_says_in_its_first_line_that_skelebot_wrote_it(self):
        self.assertTrue(is_generated(dockerfile()))


def instructions(text, word):
    """What follows a word such as RUN in a Dockerfile, with its continued lines."""
    return re.findall(rf"(?m)^{word} ((?:.*\\\n)*.*)$", text)


@unittest.skipIf(os.name == "nt", "lines for a POSIX shell")
class ShellOfTheImage(unittest.TestCase):
    WORDS = ["", "a b", "it's", '"', "$HOME", "$(id)", "`id`", ";", "*", "a\nb", "--", "-n", "\\", "ü日本"]

    def test_accepts_every_line_that_it_is_given(self):
        for name, keys in DOCKERFILES.items():
            for line in instructions(dockerfile(**keys), "RUN"):
                with self.subTest(name, line=line):
                    script = json.loads(line)[2] if line.startswith("[") else line
                    subprocess.run(["sh", "-n"], input=script.encode(), check=True)

    def test_gives_the_primary_job_its_variables_and_further_words_byte_for_byte(self):
        for source, own in (("show.sh $QUEUE 'a b'", ["it's $HOME", "a b"]), ("show.sh", []), ("printf '<%s>'", [])):
            with self.subTest(source), folder({"show.sh": "printf '<%s>' \"$@\""}) as path:
                text = dockerfile(jobs=[{"name": "a", "source": source}], primaryJob="a", primaryExe="ENTRYPOINT")
                argv = [word.encode() for word in json.loads(instructions(text, "ENTRYPOINT")[0]) + self.WORDS]
                environ = {**os.environ, "QUEUE": "it's $HOME"}
                ended = subprocess.run(argv, cwd=path, env=environ, stdout=subprocess.PIPE)
                self.assertEqual(ended.stdout.decode(), "".join(f"<{word}>" for word in own + self.WORDS))


class GeneratedFile(unittest.TestCase):
    def test_is_known_by_the_words_of_every_release(self):
        for text in ("# This Dockerfile was generated by Skelebot\nFROM python\n",
                     "\n# This Dockerfile was generated by Skelebot\n# Editing this file manually is not advised\n",
                     "# This dockerignore was generated by Skelebot\n.git\n"):
            with self.subTest(text):
                self.assertTrue(is_generated(text))

    def test_is_not_one_that_only_names_skelebot_further_down(self):
        for text in ("", "FROM python\n", "FROM python\n# for skelebot\n",
                     "FROM python\n" + "\n" * 9 + "# generated by skelebot"):
            with self.subTest(text):
                self.assertFalse(is_generated(text))

    def test_is_one_with_our_own_first_line(self):
        for text in (dockerfile(), dockerignore(project(ignores=["x"]), None, None)):
            self.assertTrue(is_generated(text))
            self.assertTrue(is_generated(text.replace("\n", "\r\n")))

    def test_is_not_one_whose_comment_mentions_it(self):
        for text in ("# was generated by skelebot, now edited by hand", "# Not generated by Skelebot from skelebot.yaml",
                     "#  # This Dockerfile was generated by Skelebot", "FROM a # This Dockerfile was generated by Skelebot",
                     "# this file was generated by skelebot, and is mine now"):
            with self.subTest(text):
                self.assertFalse(is_generated(text + "\nFROM python\n"))


HEAD = "# Generated by Skelebot from skelebot.yaml: change that file, this one is written anew.\n"
BLOCK = "# ---- skelebot: from skelebot.yaml ----\n{}# ---- end of skelebot ----\n"


class Dockerignore(unittest.TestCase):
    def test_holds_the_ignores_of_the_project(self):
        self.assertEqual(dockerignore(project(ignores=[".git", "data/*.csv"]), None, None), HEAD + ".git\ndata/*.csv\n")

    def test_holds_the_ignores_of_the_job_after_those_of_the_project(self):
        it = project(ignores=["a"], jobs=[{"name": "train", "source": "x.py", "ignores": ["!a", "b"]}])
        self.assertEqual(dockerignore(it, it.jobs[0], None), HEAD + "a\n!a\nb\n")
        self.assertEqual(dockerignore(it, None, None), HEAD + "a\n")

    def test_is_written_anew_when_a_release_of_skelebot_wrote_it(self):
        present = "# This dockerignore was generated by Skelebot\nold\n"
        self.assertEqual(dockerignore(project(ignores=["new"]), None, present), HEAD + "new\n")

    def test_written_by_hand_gets_a_marked_block_at_its_end(self):
        it = project(ignores=["a", "b"])
        self.assertEqual(dockerignore(it, None, "mine\n"), "mine\n" + BLOCK.format("a\nb\n"))
        self.assertEqual(dockerignore(it, None, "mine"), "mine\n" + BLOCK.format("a\nb\n"))
        self.assertEqual(dockerignore(it, None, ""), BLOCK.format("a\nb\n"))

    def test_has_its_block_replaced_and_not_repeated(self):
        present = "mine\n" + BLOCK.format("old\n") + "more\n"
        text = dockerignore(project(ignores=["new"]), None, present)
        self.assertEqual(text, "mine\nmore\n" + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(project(ignores=["new"]), None, text), text)

    def test_has_its_block_found_also_after_an_editor_has_been_there(self):
        it, block = project(ignores=["new"]), BLOCK.format("old\n")
        self.assertEqual(dockerignore(it, None, "mine\n" + block[:-1]), "mine\n" + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(it, None, "mine\r\n" + block.replace("\n", "\r\n")),
                         "mine\r\n" + BLOCK.format("new\n"))

    def test_keeps_every_line_that_is_not_ours_also_when_a_mark_was_deleted(self):
        broken = "# ---- skelebot: from skelebot.yaml ----\nold\nmine\n"
        once = dockerignore(project(ignores=["new"]), None, broken)
        self.assertEqual(once, broken + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(project(ignores=["new"]), None, once), once)

    def test_loses_its_block_when_there_are_no_ignores(self):
        present = "mine\n" + BLOCK.format("old\n") + "more\n"
        self.assertEqual(dockerignore(project(), None, present), "mine\nmore\n")
        self.assertEqual(dockerignore(project(), None, "mine"), "mine")


class ImageName(unittest.TestCase):
    def test_is_the_lower_case_slug_of_the_projects(self):
        for name, expected in {
                "churn": "churn", "Churn Model": "churn-model", "churn_model": "churn_model", "a.b": "a.b",
                "  A  (2) ": "a-2", "--a--": "a", "a__b": "a_b", "a.-b": "a.b", "a/b:c@d": "a-b-c-d",
                "Zoë's": "zo-s", "日本 7": "7", "ÄRGER": "rger"}.items():
            with self.subTest(name):
                self.assertEqual(slug(name), expected)
                self.assertEqual(project(name=name).image_tag(), expected)

    def test_has_the_environment_at_its_end(self):
        self.assertEqual(project(name="Churn", env="Dev 2").image_tag(), "churn-dev-2")

    def test_of_an_environment_is_never_that_of_the_default(self):
        for env in ("日本", "_"):
            with self.subTest(env):
                self.assertRegex(project(env=env).image_tag(), r"^churn-[a-z0-9]+$")

    def test_of_a_job_with_its_own_ignores_is_its_own(self):
        self.assertEqual(project(env="dev").image_tag(job(name="Big Data".replace(" ", "_"), ignores=["x"])),
                         "churn-dev:big_data")
        self.assertEqual(project(env="dev").image_tag(job()), "churn-dev")

    def test_of_a_job_is_a_tag_that_docker_takes(self):
        for name in ("日本", "_", "a:b", "Ünicode"):
            with self.subTest(name):
                self.assertRegex(project().image_tag(job(name=name, ignores=["x"])), r"^churn:[a-z0-9][a-z0-9._-]*$")


class RequirementsFile(unittest.TestCase):
    def required(self, *dependencies, **present):
        """The files of a Python project's dependencies, in the order they are copied."""
        files = {name.replace("__", "/").replace("_txt", ".txt"): text for name, text in present.items()}
        looks = {(kind, name): text.encode() for name, text in files.items() for kind in (Look, Read)}
        found = drive(skelebot.plan_required_files(project(dependencies=dependencies)),
                      {Look: "", **looks})
        return f"{found.fault}\n" if found.fault else [
            paths for dependency, paths in found.status.items() if isinstance(dependency, str)]

    def test_brings_the_files_that_it_names(self):
        text = "numpy\n-r more.txt\n--requirement=eq.txt # why\n  -c limits.txt\n--constraint other.txt\n-rtight.txt\n"
        self.assertEqual(
            self.required("req:all.txt", all_txt=text, more_txt="x", eq_txt="x", limits_txt="x", other_txt="x",
                          tight_txt="x"),
            [("all.txt", "more.txt", "eq.txt", "limits.txt", "other.txt", "tight.txt")])

    def test_names_files_beside_itself(self):
        self.assertEqual(self.required("req:a/b.txt", a__b_txt="-r c.txt\n-r ../d.txt", a__c_txt="x", d_txt="x"),
                         [("a/b.txt", "a/c.txt", "d.txt")])

    def test_names_each_file_once_also_in_a_circle(self):
        self.assertEqual(self.required("req:a.txt", a_txt="-r b.txt\n-r b.txt", b_txt="-r a.txt"), [("a.txt", "b.txt")])

    def test_may_name_addresses_and_options(self):
        text = "-r https://example.com/x.txt\n--index-url https://example.com\n--require-hashes\n-e .\n# -r no.txt\n"
        self.assertEqual(self.required("req:a.txt", a_txt=text), [("a.txt",)])

    def test_with_options_is_installed_alone_and_not_named_again(self):
        for line, alone in (("six==1 --hash=sha256:0", True), ("--pre", True), ("six", False), ("-c c.txt", False),
                            ("six # --pre", False), ("--requirement c.txt", False)):
            with self.subTest(line):
                it = project(dependencies=["idna", "req:a.txt", "toml"])
                steps = drive(skelebot.plan_required_files(it), {(Read, "a.txt"): line.encode(),
                                                                          (Read, "c.txt"): b""})
                runs = skelebot.dockerfile(it, steps.status).split("RUN ")[1:]
                self.assertEqual(["idna" in runs[1], "a.txt" in runs[2]], [not alone, not alone])

    def test_cannot_name_a_file_outside_of_the_project(self):
        for name in ("../b.txt", "/etc/b.txt", "b.txt"):
            with self.subTest(name):
                self.assertEqual(self.required("req:a.txt", a_txt="-r " + name), two_lines(
                    f"a.txt: names '{name}', which is not in the project",
                    "only files below skelebot.yaml can be part of the image"))

    def test_that_is_not_there_is_a_fault_with_its_place(self):
        self.assertEqual(self.required("req:a.txt"), two_lines(
            "skelebot.yaml:1: dependencies: 'a.txt' is not there", "correct the path, or add the file"))


if __name__ == "__main__":
    unittest.main()
