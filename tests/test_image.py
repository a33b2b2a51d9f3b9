"""The image: Dockerfile, .dockerignore, names, and what an image is built of."""
import itertools
import json
import os
import random
import re
import subprocess
import unittest
import warnings

from support import (Look, Read, drive, folder, golden, inside, job, project, skelebot,
                     two_lines)
from skelebot import (Built, Ignores, Installs, Instructions, Recipe, dockerignore, is_generated,
                      slug)

SHA = "sha256:" + "0a1b" * 16
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
    "user-host": {"user": "host", "commands": ["make"]},
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
    return skelebot.Dockerfile(it, found.status).text()


class Dockerfile(unittest.TestCase):
    maxDiff = None

    def test_dockerfile_is_the_golden_one(self):
        for name, keys in DOCKERFILES.items():
            with self.subTest(name):
                self.assertEqual(dockerfile(**keys), golden(name + ".Dockerfile"))

    def test_dockerfile_keeps_the_lines_above_when_a_dependency_is_appended(self):
        tables = {"Python": ["numpy", "req:requirements.txt", "github:acme/tools", "file:libs/a/", "pandas=2.2"],
                  "R": ["dplyr", "ggplot2=3.5.1", "github:acme/tools:tools", "file:libs/a:a", "renv:renv.lock"]}
        for language, every in tables.items():
            for count in range(len(every)):
                with self.subTest(language, appended=every[count]):
                    before = dockerfile(language=language, dependencies=every[:count])
                    above = before[:before.index("COPY . /app")]
                    after = dockerfile(language=language, dependencies=every[:count + 1])
                    self.assertEqual(after[:len(above)], above)

    def test_dockerfile_does_not_change_above_the_project_when_jobs_or_version_change(self):
        above = dockerfile(dependencies=["numpy"]).partition("COPY . /app")[0]
        other = dockerfile(dependencies=["numpy"], version="9", jobs=[SCORE], primaryJob="score", commands=["make"])
        self.assertEqual(other.partition("COPY . /app")[0], above)

    def test_dockerfile_brings_git_and_remotes_once(self):
        text = dockerfile(dependencies=["github:a/b", "numpy", "github:c/d"])
        self.assertEqual(text.count("apt-get install"), 1)
        text = dockerfile(language="R", dependencies=["a=1.0", "github:a/b:b", "file:c:c"])
        self.assertEqual(text.count('install.packages("remotes")'), 1)

    def test_dockerfile_has_no_line_that_a_value_could_have_started(self):
        text = dockerfile(description="a\nRUN id", maintainer='"', version='1"', copy=["a b:/c"],
                          commands=["a\nUSER 7"])
        words = {line.split(" ")[0] for line in text.split("\n") if line and not line.startswith("#")}
        self.assertEqual(words, {"FROM", "LABEL", "WORKDIR", "COPY", "RUN"})

    def test_dockerfile_says_in_its_first_line_that_skelebot_wrote_it(self):
        self.assertTrue(is_generated(dockerfile()))


def instructions(text, word):
    """What follows a word such as RUN in a Dockerfile, with its continued lines."""
    return re.findall(rf"(?m)^{word} ((?:.*\\\n)*.*)$", text)


@unittest.skipIf(os.name == "nt", "lines for a POSIX shell")
class ShellOfTheImage(unittest.TestCase):
    WORDS = ["", "a b", "it's", '"', "$HOME", "$(id)", "`id`", ";", "*", "a\nb", "--", "-n", "\\", "ü日本"]

    def test_shell_of_the_image_accepts_every_line_that_it_is_given(self):
        for name, keys in DOCKERFILES.items():
            for line in instructions(dockerfile(**keys), "RUN"):
                with self.subTest(name, line=line):
                    script = json.loads(line)[2] if line.startswith("[") else line
                    subprocess.run(["sh", "-n"], input=script.encode(), check=True)

    def test_shell_of_the_image_gives_the_primary_job_its_variables_and_further_words_byte_for_byte(self):
        for source, own in (("show.sh $QUEUE 'a b'", ["it's $HOME", "a b"]), ("show.sh", []), ("printf '<%s>'", [])):
            with self.subTest(source), folder({"show.sh": "printf '<%s>' \"$@\""}) as path:
                text = dockerfile(jobs=[{"name": "a", "source": source}], primaryJob="a", primaryExe="ENTRYPOINT")
                argv = [word.encode() for word in json.loads(instructions(text, "ENTRYPOINT")[0]) + self.WORDS]
                environ = {**os.environ, "QUEUE": "it's $HOME"}
                ended = subprocess.run(argv, cwd=path, env=environ, stdout=subprocess.PIPE)
                self.assertEqual(ended.stdout.decode(), "".join(f"<{word}>" for word in own + self.WORDS))


class GeneratedFile(unittest.TestCase):
    def test_generated_file_is_known_by_the_words_of_every_release(self):
        for text in ("# This Dockerfile was generated by Skelebot\nFROM python\n",
                     "\n# This Dockerfile was generated by Skelebot\n# Editing this file manually is not advised\n",
                     "# This dockerignore was generated by Skelebot\n.git\n"):
            with self.subTest(text):
                self.assertTrue(is_generated(text))

    def test_generated_file_is_not_one_that_only_names_skelebot_further_down(self):
        for text in ("", "FROM python\n", "FROM python\n# for skelebot\n",
                     "FROM python\n" + "\n" * 9 + "# generated by skelebot"):
            with self.subTest(text):
                self.assertFalse(is_generated(text))

    def test_generated_file_is_one_with_our_own_first_line(self):
        for text in (dockerfile(), dockerignore(project(ignores=["x"]), None, None)):
            self.assertTrue(is_generated(text))
            self.assertTrue(is_generated(text.replace("\n", "\r\n")))

    def test_generated_file_is_not_one_whose_comment_mentions_it(self):
        for text in ("# was generated by skelebot, now edited by hand", "# Not generated by Skelebot from skelebot.yaml",
                     "#  # This Dockerfile was generated by Skelebot", "FROM a # This Dockerfile was generated by Skelebot",
                     "# this file was generated by skelebot, and is mine now"):
            with self.subTest(text):
                self.assertFalse(is_generated(text + "\nFROM python\n"))


HEAD = "# Generated by Skelebot from skelebot.yaml: change that file, this one is written again.\n"
BLOCK = "# ---- skelebot: from skelebot.yaml ----\n{}# ---- end of skelebot ----\n"


class Dockerignore(unittest.TestCase):
    def test_dockerignore_holds_the_ignores_of_the_project(self):
        self.assertEqual(dockerignore(project(ignores=[".git", "data/*.csv"]), None, None), HEAD + ".git\ndata/*.csv\n")

    def test_dockerignore_holds_the_ignores_of_the_job_after_those_of_the_project(self):
        it = project(ignores=["a"], jobs=[{"name": "train", "source": "x.py", "ignores": ["!a", "b"]}])
        self.assertEqual(dockerignore(it, it.jobs[0], None), HEAD + "a\n!a\nb\n")
        self.assertEqual(dockerignore(it, None, None), HEAD + "a\n")

    def test_dockerignore_is_written_anew_when_a_release_of_skelebot_wrote_it(self):
        present = "# This dockerignore was generated by Skelebot\nold\n"
        self.assertEqual(dockerignore(project(ignores=["new"]), None, present), HEAD + "new\n")

    def test_dockerignore_written_by_hand_gets_a_marked_block_at_its_end(self):
        it = project(ignores=["a", "b"])
        self.assertEqual(dockerignore(it, None, "mine\n"), "mine\n" + BLOCK.format("a\nb\n"))
        self.assertEqual(dockerignore(it, None, "mine"), "mine\n" + BLOCK.format("a\nb\n"))
        self.assertEqual(dockerignore(it, None, ""), BLOCK.format("a\nb\n"))

    def test_dockerignore_has_its_block_replaced_and_not_repeated(self):
        present = "mine\n" + BLOCK.format("old\n") + "more\n"
        text = dockerignore(project(ignores=["new"]), None, present)
        self.assertEqual(text, "mine\nmore\n" + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(project(ignores=["new"]), None, text), text)

    def test_dockerignore_has_its_block_found_also_after_an_editor_has_been_there(self):
        it, block = project(ignores=["new"]), BLOCK.format("old\n")
        self.assertEqual(dockerignore(it, None, "mine\n" + block[:-1]), "mine\n" + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(it, None, "mine\r\n" + block.replace("\n", "\r\n")),
                         "mine\r\n" + BLOCK.format("new\n"))

    def test_dockerignore_keeps_every_line_that_is_not_ours_also_when_a_mark_was_deleted(self):
        broken = "# ---- skelebot: from skelebot.yaml ----\nold\nmine\n"
        once = dockerignore(project(ignores=["new"]), None, broken)
        self.assertEqual(once, broken + BLOCK.format("new\n"))
        self.assertEqual(dockerignore(project(ignores=["new"]), None, once), once)

    def test_dockerignore_loses_its_block_when_there_are_no_ignores(self):
        present = "mine\n" + BLOCK.format("old\n") + "more\n"
        self.assertEqual(dockerignore(project(), None, present), "mine\nmore\n")
        self.assertEqual(dockerignore(project(), None, "mine"), "mine")


class ImageName(unittest.TestCase):
    def test_image_name_is_the_lower_case_slug_of_the_projects(self):
        for name, expected in {
                "churn": "churn", "Churn Model": "churn-model", "churn_model": "churn_model", "a.b": "a.b",
                "  A  (2) ": "a-2", "--a--": "a", "a__b": "a_b", "a.-b": "a.b", "a/b:c@d": "a-b-c-d",
                "Zoë's": "zo-s", "日本 7": "7", "ÄRGER": "rger"}.items():
            with self.subTest(name):
                self.assertEqual(slug(name), expected)
                self.assertEqual(project(name=name).image_tag(), expected)

    def test_image_name_has_the_environment_at_its_end(self):
        self.assertEqual(project(name="Churn", env="Dev 2").image_tag(), "churn-dev-2")

    def test_image_name_of_an_environment_is_never_that_of_the_default(self):
        for env in ("日本", "_"):
            with self.subTest(env):
                self.assertRegex(project(env=env).image_tag(), r"^churn-[a-z0-9]+$")

    def test_image_name_of_a_job_with_its_own_ignores_is_its_own(self):
        self.assertEqual(project(env="dev").image_tag(job(name="Big Data".replace(" ", "_"), ignores=["x"])),
                         "churn-dev:big_data")
        self.assertEqual(project(env="dev").image_tag(job()), "churn-dev")

    def test_image_name_of_a_job_is_a_tag_that_docker_takes(self):
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

    def test_requirements_file_brings_the_files_that_it_names(self):
        text = "numpy\n-r more.txt\n--requirement=eq.txt # why\n  -c limits.txt\n--constraint other.txt\n-rtight.txt\n"
        self.assertEqual(
            self.required("req:all.txt", all_txt=text, more_txt="x", eq_txt="x", limits_txt="x", other_txt="x",
                          tight_txt="x"),
            [("all.txt", "more.txt", "eq.txt", "limits.txt", "other.txt", "tight.txt")])

    def test_requirements_file_names_files_beside_itself(self):
        self.assertEqual(self.required("req:a/b.txt", a__b_txt="-r c.txt\n-r ../d.txt", a__c_txt="x", d_txt="x"),
                         [("a/b.txt", "a/c.txt", "d.txt")])

    def test_requirements_file_names_each_file_once_also_in_a_circle(self):
        self.assertEqual(self.required("req:a.txt", a_txt="-r b.txt\n-r b.txt", b_txt="-r a.txt"), [("a.txt", "b.txt")])

    def test_requirements_file_may_name_addresses_and_options(self):
        text = "-r https://example.com/x.txt\n--index-url https://example.com\n--require-hashes\n-e .\n# -r no.txt\n"
        self.assertEqual(self.required("req:a.txt", a_txt=text), [("a.txt",)])

    def test_requirements_file_brings_the_folders_and_wheels_that_it_names(self):
        text = ("-e .\n./libs/helper\n-e libs/other[x]\n--editable=libs/third\nlibs/b ; python_version > '3'\nnumpy==1.2\nlocal-1.whl\n"
                "wheels/x-1.tar.gz\n-f wheels\npandas[a,b]>=1\na @ file:///app/libs/a\nb @ https://h/x.whl\n-e git+https://h/x#egg=y\n")
        names = ("libs/helper", "libs/other", "libs/third", "libs/b", "local-1.whl", "wheels/x-1.tar.gz", "libs/a")
        present = {"a.txt": text, **dict.fromkeys(names, "x")}
        looks = {(kind, name): text.encode() for name, text in present.items() for kind in (Look, Read)}
        done = drive(skelebot.plan_required_files(project(dependencies=["req:a.txt"])), {
            **looks, (Look, "wheels"): "folder", Look: ""})
        self.assertEqual(done.status["req:a.txt"], ("a.txt", "wheels", *names))

    def test_requirements_file_that_pip_cannot_read_is_refused(self):
        for entry, hint in (("req:environment.yml", "conda env update --name base --file environment.yml"),
                            ("proj:uv.lock", "uv export"), ("req:a/poetry.lock", "poetry export"), ("req:Pipfile", "pipenv"),
                            ("req:setup.py", "write file:."), ("proj:setup.cfg", "write file:."), ("req:pdm.lock", "pdm export"),
                            ("req:pyproject.toml", "write proj:pyproject.toml"), ("req:renv.lock", "renv:renv.lock")):
            with self.subTest(entry):
                fault = drive(skelebot.plan_required_files(project(dependencies=[entry]))).fault
                self.assertIn(f"pip does not read {entry.partition(':')[2]}\n", f"{fault}\n")
                self.assertIn(hint, fault.hint)

    def test_requirements_file_is_read_by_its_byte_order_mark_or_coding_line(self):
        for text, coding in (("\ufeffx\r\n-r é.txt\n", "utf-16-le"), ("\ufeff-r é.txt\n", "utf-16-be"), ("\ufeff-r é.txt", "utf-8"),
                             ("\ufeff-r é.txt", "utf-32-le"), ("#!x\n# -*- coding: cp1252 -*-\n-r é.txt\n", "cp1252"),
                             ("# coding: nosuch\n-r é.txt", "utf-8"), ("-r é.txt\n", "utf-8")):
            with self.subTest(text, coding=coding):
                self.assertEqual(skelebot.Requirements(skelebot.marked_text(text.encode(coding))).files("a.txt"), ["é.txt"])
        self.assertEqual(skelebot.marked_text(b"x\xff"), "x\ufffd")
        self.assertEqual(skelebot.secret_patterns().kind("requirements.txt", "--index-url https://a:hunter2@h/s\r\n".encode("utf-16")), "a password")
        self.assertEqual(skelebot.secret_patterns().kind(".env", "API_KEY=abcd1234\r\n".encode("utf-16")), "a password")

    def test_lock_file_or_group_of_which_nothing_is_installed_is_told_once(self):
        pyproject = "[project]\nname='x'\ndependencies=['six']\n[dependency-groups]\ndev=['y']\n[tool.poetry.group.docs.dependencies]\n"
        for dependencies, files, more, said in (
                (["proj:pyproject.toml"], "uv.lock pyproject.toml", {}, [
                    "nothing of uv.lock is installed; to install it, uv export --no-emit-project --output-file requirements.txt, and write "
                    "req:requirements.txt", "nothing of [dependency-groups] and [tool.poetry.group.docs.dependencies] in pyproject.toml is "
                    "installed; to install it, move what jobs need to [project] dependencies"]),
                (["req:requirements.txt"], "uv.lock Pipfile setup.py requirements.txt", {}, []),
                (["six"], "Pipfile setup.py", {}, [
                    "nothing of Pipfile is installed; to install it, pipenv requirements > requirements.txt, and write req:requirements.txt",
                    "nothing of setup.py is installed; to install it, write file:. for the project with all that it needs"]),
                (["six"], "conda-lock.yml", {"commands": ["conda env update --file conda-lock.yml"]}, []),
                (["dplyr"], "poetry.lock", {"language": "R"}, []),
                (["renv:renv.lock"], "renv.lock packrat/packrat.lock DESCRIPTION", {"language": "R"}, []),
                (["dplyr"], "packrat/packrat.lock", {"language": "R"}, [
                    "nothing of packrat/packrat.lock is installed; to install it, call renv::migrate() in R, and write renv:renv.lock"]),
                (["six"], "pixi.toml", {}, ["nothing of pixi.toml is installed; to install it, name its packages in skelebot.yaml as PyPI has them"]),
                (["six"], "pixi.toml", {"dockerfile": "Dockerfile"}, [])):
            with self.subTest(files), inside({"pyproject.toml": pyproject}):
                one, now = project(**{"dependencies": dependencies, **more}), dict.fromkeys(files.split(), "100644")
                self.assertEqual(list(skelebot.passed_over(one, {}, now)), said)
                self.assertEqual(list(skelebot.passed_over(one, now, now)), [])

    def test_packrat_is_refused_where_it_would_hide_what_is_installed(self):
        start = 'source("packrat/init.R")\n'
        for changes, words in (({"dependencies": ["dplyr"]}, "starts packrat"), ({"dependencies": ["dplyr"], "ignores": [".Rprofile"]}, ""),
                               ({"dependencies": []}, ""), ({"dependencies": ["renv:packrat/packrat.lock"]}, "renv does not read packrat/")):
            with self.subTest(changes):
                fault = drive(skelebot.plan_required_files(project(language="R", **changes)), {(Read, ".Rprofile"): start.encode()}).fault
                self.assertEqual(bool(fault), bool(words))
                self.assertIn(words, f"{fault}")
                self.assertTrue(not fault or "renv::migrate()" in fault.hint)

    def test_pyproject_of_which_nothing_would_be_installed_is_refused(self):
        for text, words, hint in (
                ("[project]\nname='x'\ndynamic = ['version', 'dependencies']\n", "(dynamic)", "write file:."),
                ("[project]\ndynamic = [\n 'dependencies',\n]\n[tool.setuptools.dynamic]\ndependencies = {file = ['req/a.in']}",
                 "(dynamic)", "write req:req/a.in"),
                ("[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\nx='1'", "Poetry's own table", "poetry export"),
                ("[project]\ndynamic=['dependencies']\n[tool.poetry.dependencies]\nx='1'", "Poetry's own table", "poetry export"),
                ("[tool.ruff]\nline-length = 100\n", "has no [project]", "req:FILE"), ("", "has no [project]", "req:FILE"),
                ("[project]\nname='x'\n[dependency-groups]\ndev=['x']", "only in [dependency-groups]", "move what jobs need")):
            with self.subTest(text):
                fault = drive(skelebot.plan_required_files(project(dependencies=["proj:pyproject.toml"])),
                              {(Read, "pyproject.toml"): text.encode()}).fault
                self.assertIn(words, fault.message)
                self.assertIn(hint, fault.hint)
        for coding in ("utf-16", "utf-8-sig", "latin-1"):
            data = "[project]\ndependencies = ['x']  # é\n".encode(coding)
            self.assertIn("is not in UTF-8", skelebot.project_fault(data)[0])
        for text in ("[project]\nname='x'\ndependencies = []\n", "[ project ] # it\r\nname='x'\r\n", "project.dependencies = ['x']\n",
                     "[project]\ndependencies=['x']\n[dependency-groups]\ndev=['y']\n[tool.poetry.dependencies]\nx='1'"):
            self.assertEqual(skelebot.project_fault(text.encode()), ())

    def test_requirements_file_with_options_is_installed_alone_and_not_named_again(self):
        for line, alone in (("six==1 --hash=sha256:0", True), ("--pre", True), ("six", False), ("-c c.txt", False),
                            ("six # --pre", False), ("--requirement c.txt", False)):
            with self.subTest(line):
                it = project(dependencies=["idna", "req:a.txt", "toml"])
                steps = drive(skelebot.plan_required_files(it), {(Read, "a.txt"): line.encode(),
                                                                          (Read, "c.txt"): b""})
                runs = skelebot.Dockerfile(it, steps.status).text().split("RUN ")[1:]
                self.assertEqual(["idna" in runs[1], "a.txt" in runs[2]], [not alone, not alone])

    def test_requirements_file_cannot_name_a_file_outside_of_the_project(self):
        for name in ("../b.txt", "/etc/b.txt", "b.txt"):
            with self.subTest(name):
                self.assertEqual(self.required("req:a.txt", a_txt="-r " + name), two_lines(
                    f"a.txt: names '{name}', which is not in the project",
                    "only files below skelebot.yaml can be part of the image"))

    def test_requirements_file_that_is_not_there_is_a_fault_with_its_place(self):
        self.assertEqual(self.required("req:a.txt"), two_lines(
            "skelebot.yaml:1: dependencies: 'a.txt' does not exist", "correct the path, or add the file"))


# ---- .dockerignore ----------------------------------------------------------

class DockerignoreRules(unittest.TestCase):
    """What engines do with a pattern; tests/real_ignores.py asks them."""
    TREE = ("a", "ab", "b/a", "b/c/a", "b/c.csv", "c.csv", "\u00e9", "d e/f", "q?", "star*", ".x/y")

    def ignored(self, text):
        rules = Ignores(text)
        return [path for path in self.TREE if rules.ignores(path)]

    def test_dockerignore_keeps_out_what_the_last_matching_line_says(self):
        every = list(self.TREE)
        for text, ignored in (
                ("", []), ("# a\n\n  \n", []), ("a", ["a"]), ("/a", ["a"]), ("a/", ["a"]), ("./a", ["a"]), (" a \t\r",
                                                                                                            ["a"]),
                ("b", ["b/a", "b/c/a", "b/c.csv"]), ("b/", ["b/a", "b/c/a", "b/c.csv"]), ("b/c", ["b/c/a"]),
                ("b/../a", []), ("b//c", ["b/c/a"]), (".", []), ("/", []), ("..", []), ("#a", []), (" #a", []),
                ("*", every), ("**", every), ("*.csv", ["c.csv"]), ("*/*.csv", ["b/c.csv"]), ("**/*.csv", ["b/c.csv",
                                                                                                           "c.csv"]),
                ("**/a", ["a", "b/a", "b/c/a"]), ("b/**", ["b/a", "b/c/a", "b/c.csv"]), ("b/**/a", ["b/a", "b/c/a"]),
                ("**.csv", []), ("?", ["a", "b/a", "b/c/a", "b/c.csv", "\u00e9"]), ("a?", ["ab"]),
                ("[a-c]", ["a", "b/a", "b/c/a", "b/c.csv"]), ("[^a]", ["b/a", "b/c/a", "b/c.csv", "\u00e9"]),
                ("[^a-c]", ["\u00e9"]), ("d e", ["d e/f"]), ("q\\?", ["q?"]), ("star\\*", ["star*"]), ("B", []),
                ("*\n!a", [path for path in every if path != "a"]), ("!a\n*", every), ("a\n!a\na", ["a"]),
                ("b\n!b/c", ["b/a", "b/c.csv"]), ("*\n!b/c/a", [path for path in every if path != "b/c/a"]),
                ("**/b", ["b/a", "b/c/a", "b/c.csv"]), ("**/b\n!b/a", []),
                ("b\n! b/a ", ["b/c/a", "b/c.csv"]), ("**\n!**/*.csv\nb", [path for path in every if path != "c.csv"]),
                (".x", [".x/y"]), (".*", [".x/y"]), ("a\x1c", []), ("[", []), ("a\n[b-\n!a", [])):
            with self.subTest(text):
                self.assertEqual(self.ignored(text), ignored)

    def test_dockerignore_says_nothing_of_python_to_the_person(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for text in ("[[]", "x[[]1]", "[a--b]", "[a&&b]", "[a||b]", "[a~~b]", "\\z", "(?x)"):
                with self.subTest(text):
                    Ignores(text)

    def test_dockerignore_has_a_literal_pattern_for_every_path(self):
        for path, pattern in (("a/b c.txt", "/a/b c.txt"), ("a*?[1].txt", r"/a\*\?\[1\].txt"), ("!a", "/[!]a"),
                              ("#a", "/#a"), ("a ", "/a[ ]"), (" a", "/[ ]a"), ("a\xa0", "/a[\xa0]"), ("\u3000", "/[\u3000]"),
                              ("\ufeffa", "/[\ufeff]a"), ("a\t", "/a[^ -}]"), ("a\nb", "/a[^ -}]b"), ("a\udcff", "/a[^ -}]"),
                              ("a\\b", "/a" + r"\\" + "b"), ("a+(b)", r"/a\+\(b\)"), (".x", "/.x"), ("\xfc", "/\xfc")):
            if os.sep == "/":
                with self.subTest(path):
                    self.assertEqual(skelebot.literal_pattern(path), pattern)
                    rules = Ignores(skelebot.literal_pattern(path))
                    self.assertTrue(rules.ignores(path))
                    self.assertFalse(rules.ignores(path + "x") or rules.ignores("x/" + path))


PARTS = ("*", "**", "?", "a", "b", "x", "data", "raw", "deep", "*.csv", "a.csv", "[a-c]", "[^a]", "a*", "*a", "d*",
         ".*", "r?w", "**.csv", "d**", "\\a", "b c", "ü")
PATHS = sorted({"/".join(names) for depth in (1, 2, 3, 4) for names in random.Random(depth).sample(list(
    itertools.product(("a", "b", "x", "data", "raw", "deep", ".git", "b c", "ü"), repeat=depth)), 9 * depth)} | {
        "a.csv", "data/a.csv", "data/raw/a.csv", "data/raw/deep/a.csv", "x/.a", "deep/er/b/a.csv"})


def pattern_files(count, seed=11):
    """Texts of one to five lines, the same at every call."""
    chance = random.Random(seed)
    for _ in range(count):
        lines = []
        for _ in range(chance.randint(1, 5)):
            pattern = "/".join(chance.choice(PARTS) for _ in range(chance.choice((1, 1, 2, 2, 3, 4))))
            start, end = chance.choice(("", "", "", "", "/", "!", "!", "!/")), chance.choice(("", "", "/"))
            lines.append(start + pattern + end)
        yield "\n".join(lines)


WRITTEN = ("*\n!a", "**\n!data/raw", "data\n!data/raw/deep", "*\n!*/a.csv", "*\n!**/a.csv", "data/**\n!data/raw/a.csv",
           "*\n!d*/r?w", "*\n!data\ndata/raw\n!data/raw/deep/a.csv", "*\n!../a", "*\n!(", "data\n!d[a]ta/raw",
           "*\n!\\data/raw", "*\n!./data//raw/", "x\n!x/**/a", "*\n!b c/a", "*\n!ü/a", "*\n!.git/", "*\n!a/b/x/raw",
           "*\n!**", "*\n!data/raw*")


def folders_above(path):
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


class PrunedFolder(unittest.TestCase):
    """One that is not looked into, because nothing below it is let in again."""

    def test_pruned_folder_holds_no_file_of_the_build_context(self):
        pruned = 0
        for text in (*WRITTEN, *pattern_files(400)):
            rules = Ignores(text, cautious=not ("**" in text and "!" in text))
            closed = {folder for path in PATHS for folder in folders_above(path) if rules.prunes(folder)}
            sent = {path for path in PATHS if not rules.ignores(path)}
            self.assertEqual({path for path in sent if closed & {*folders_above(path)}}, set(), text)
            pruned += bool(closed)
        self.assertGreater(pruned, 100)

    def test_pruned_folder_is_what_is_ignored_whole(self):
        for text, path, pruned in (
                ("data", "data", True), ("data", "data/raw", True), ("data/*", "data", False),
                ("data/*", "data/raw", True), ("**/raw", "data/raw", True), ("data\n!data/raw/x", "data", False),
                ("data\n!data/raw/x", "data/raw", False), ("data\n!data/raw/x", "data/deep", True),
                ("data\n!raw/x", "data", True), ("*\n!*.csv", "data", True), ("*\n!*/*.csv", "data", False),
                ("*\n!*/*.csv", "data/raw", True), ("*\n!**/*.csv", "data/raw", False), ("data\n!data", "data", False),
                ("!data\ndata", "data", True), ("data\n!x/**", "data", True), ("*\n!src/**", "data", True),
                ("data\n!d?ta/r*/x", "data/raw", False), ("*\n!data/**.csv", "data/raw/deep", False)):
            with self.subTest(text, path=path):
                self.assertEqual(Ignores(text).prunes(path), pruned)

    def test_pruned_folder_changes_nothing_of_what_is_found_on_a_disk(self):
        leaves = {path: "" for path in PATHS if not any(other.startswith(path + "/") for other in PATHS)}
        with inside(leaves):
            for text in (*WRITTEN, *pattern_files(20, seed=3)):
                rules = Ignores(text)
                expected = sorted(path for path in leaves if not rules.ignores(path))
                found = Recipe(files=skelebot.context_index(rules)).facts
                self.assertEqual(sorted(path for path in found if path in leaves), expected, text)
                names = [skelebot.plain_text(name) for _, name in skelebot.context_files(rules)]
                self.assertEqual(sorted(names), expected, text)


# ---- What two recipes differ by ---------------------------------------------

RECIPE = Recipe("DOCKER_DEFAULT_PLATFORM=linux/arm64", "python:3 sha256:a", "FROM python:3\nRUN make\n", "*.log\n",
                "a//100644 1 2 3\nb//100644 1 2 3")


class Change(unittest.TestCase):
    def test_change_of_a_recipe_is_said_in_words(self):
        for field, now, words in (
                ("settings", "DOCKER_DEFAULT_PLATFORM=linux/amd64", "DOCKER_DEFAULT_PLATFORM is linux/amd64"),
                ("bases", "python:3 sha256:b", "the base image python:3 has changed"),
                ("bases", "ruby:3 sha256:b", "the base image ruby:3 has changed"),
                ("bases", "python:3", "the base image python:3 has changed"),
                ("bases", "? 0a1b", "only a build can know what the Dockerfile fetches"),
                ("text", "FROM python:3\nRUN make it\n", "line 2 of the Dockerfile is RUN make it"),
                ("text", "FROM python:3\nRUN \x1b[31m\n", "line 2 of the Dockerfile is RUN [31m"),
                ("text", "FROM python:3\n\nRUN make\n", "line 2 of the Dockerfile is empty"),
                ("text", "FROM python:3", "line 2 of the Dockerfile is gone"),
                ("ignored", "*.txt\n", "line 1 of .dockerignore is *.txt"),
                ("files", "a//100644 1 2 4\nb//100644 1 2 4", "a was changed"),
                ("files", "a//100755 1 2 4\nb//100644 1 2 3", "the mode of a has changed"),
                ("files", "b//100644 1 2 3", "a is gone"),
                ("files", RECIPE.files + "\nc//40755", "c is new"),
                ("files", "a//100644 1 2 3", "b is gone"),
                ("files", "", "a is gone")):
            with self.subTest(words):
                self.assertEqual(RECIPE.change(RECIPE._replace(**{field: now})), words)

    def test_change_of_a_recipe_is_nothing_for_recipes_that_are_alike(self):
        self.assertEqual(RECIPE.change(Recipe(*RECIPE)), "")

    def test_change_of_a_recipe_is_what_follows_a_comment_that_is_new(self):
        before = Recipe(text="FROM a\nCOPY . /app\n")
        now = Recipe(text="FROM a\n# why\nRUN b\nCOPY . /app\n")
        self.assertEqual(before.change(now), "line 3 of the Dockerfile is RUN b")

    def test_change_of_a_recipe_is_the_damage_when_no_file_differs(self):
        one = Recipe(files="a//100644 1 2 3 4")
        self.assertEqual(one._replace(files=one.files + "\njunk").change(one), "what the cache has of it is damaged")

    def test_change_of_a_recipe_is_always_something_for_others(self):
        for name, value in zip(Recipe._fields, RECIPE):
            for now in ("", value + "\nz//1", "0//1\n" + value):
                for pair in ((RECIPE, RECIPE._replace(**{name: now})), (RECIPE._replace(**{name: now}), RECIPE)):
                    with self.subTest(name, now=now):
                        self.assertRegex(pair[0].change(pair[1]), r"^\S.* (is|was|has|can) \S")

    def test_change_of_a_recipe_comes_first_from_what_comes_first(self):
        now = Recipe(RECIPE.settings, "x y", "x", "x", "x//1")
        self.assertEqual(RECIPE.change(now), "the base image x has changed")
        self.assertEqual(RECIPE.change(now._replace(bases=RECIPE.bases)), "line 1 of the Dockerfile is x")


# ---- Dockerfiles of others --------------------------------------------------

# Dockerfile -> the images that it begins with or copies from; None where only a build can know.
BASES = {
    "": (),
    "# FROM python\n": (),
    "FROM python": ("python",),
    "from python:3.13-slim as base": ("python:3.13-slim",),
    "\ufeffFROM python": ("python",),
    "FROM python\r\nRUN id\r\n": ("python",),
    "FROM registry.example.com:5000/acme/base:7": ("registry.example.com:5000/acme/base:7",),
    "FROM python@sha256:0a1b": ("python@sha256:0a1b",),
    "FROM --platform=linux/arm64 python AS a": ("python",),
    "FROM --platform=$BUILDPLATFORM python": ("python",),
    "FROM scratch\nCOPY a /": (),
    "FROM python\nFROM ruby\nFROM python": ("python", "ruby"),
    # stages
    "FROM python AS a\nFROM a AS b\nFROM b": ("python",),
    "FROM python AS Base\nFROM bASE": ("python",),
    "FROM a\nFROM python AS a": ("a", "python"),
    "FROM python AS a\nFROM ruby\nCOPY --from=a /x /y": ("python", "ruby"),
    "FROM python AS a\nFROM ruby\nCOPY --from=A /x /y": ("python", "ruby"),
    "FROM python\nFROM ruby\nCOPY --from=0 /x /y": ("python", "ruby"),
    "FROM python\nCOPY --from=ruby:3 /x /y": ("python", "ruby:3"),
    "FROM python\nCOPY --chown=1:1 --from=ruby --chmod=755 /x /y": ("python", "ruby"),
    "FROM python\ncopy --link --from=ruby [\"/x\", \"/y\"]": ("python", "ruby"),
    "FROM python\nRUN --mount=type=bind,from=ruby,target=/x id": ("python", "ruby"),
    "FROM python\nRUN --mount=from=ruby,target=/x id": ("python", "ruby"),
    "FROM python AS a\nRUN --mount=from=a,target=/x --mount=type=cache,target=/y id": ("python",),
    # arguments
    "ARG V=3\nFROM python:$V": ("python:3",),
    "ARG V=3\nFROM python:${V}-slim": ("python:3-slim",),
    'ARG IMAGE="python:3"\nFROM $IMAGE': ("python:3",),
    "ARG V\nFROM python:$V": None,
    "FROM python:$V": None,
    "FROM python:${V:-3}": ("python:3",),
    "ARG V=4\nFROM python:${V:-3}": ("python:4",),
    "ARG V=\nFROM python:${V:-3}": ("python:3",),
    "ARG V=3\nFROM python:${V:+4}": None,
    "ARG V=3\nFROM python:${V%.*}": None,
    "FROM python:${V-3}": None,
    "ARG V=3\nARG IMAGE=python:$V\nFROM $IMAGE": None,
    "ARG A=1 B=2\nFROM python:$A": None,
    "ARG V=3 # why\nFROM python:$V": None,
    "ARG V=3\nARG V=4\nFROM python:$V": ("python:4",),
    "FROM python\nARG V=3\nFROM ruby:$V": None,
    "ARG X=python\nFROM scratch AS a\nARG X=ruby\nFROM $X": ("python",),
    "FROM python\nARG V=ruby\nCOPY --from=$V /x /y": None,
    "FROM python\nRUN --mount=from=$V,target=/x id": None,
    # what is fetched
    "FROM python\nADD https://example.com/a.tar.gz /a": None,
    "FROM python\nADD HTTP://example.com/a.tar.gz /a": None,
    "FROM python\nADD [\"https://example.com/a b\", \"/a\"]": None,
    "FROM python\nADD git@github.com:acme/tools.git /a": None,
    "FROM python\nADD git://example.com/tools.git#v1 /a": None,
    "FROM python\nadd --checksum=sha256:0a https://example.com/a /a": None,
    "FROM python\nARG URL\nADD $URL /a": None,
    "FROM python\nADD a.tar.gz /a": ("python",),
    "FROM python\nRUN curl https://example.com/a": ("python",),
    # quotes
    'FROM "python"': None,
    'FROM python\nCOPY --from="ruby" a b': None,
    # lines that go on
    "FROM \\\n  python \\\n  AS a\nFROM a": ("python",),
    "FROM \\\n# why\n   # and that\n\n  python": ("python",),
    "FROM \\  \n  python": ("python",),
    "FROM \\\r\n  python\r\n": ("python",),
    "FROM python\\\n:3": ("python:3",),
    "FROM python\nRUN echo \\\n  FROM ruby": ("python",),
    "FROM python\nRUN id # \\\nFROM ruby": ("python",),
    "FROM python\n# \\\nFROM ruby": ("python", "ruby"),
    "# escape=`\nFROM `\n  python\nRUN dir C:\\\nFROM ruby": ("python", "ruby"),
    "# syntax=docker/dockerfile:1\n#  Escape = `\nFROM `\npython": ("python",),
    "# why\n# escape=`\nFROM \\\n python": ("python",),
    "\n# escape=`\nFROM \\\n python": ("python",),
    # here-documents
    "FROM python\nRUN <<EOF\nFROM debian AS ruby\nEOF\nFROM ruby": ("python", "ruby"),
    "FROM python\nCOPY <<-\"E\" /Dockerfile\nFROM debian AS ruby\n\tE\nFROM ruby": ("python", "ruby"),
    "FROM python\nRUN cat <<EOF > a && id\nARG X=1\nEOF\nCOPY --from=ruby a b": ("python", "ruby"),
}

# Dockerfile -> the paths that matter when /app is hidden; None where all may.
COPIED = {
    "": set(),
    "FROM python\nRUN id\nCOPY . /app": set(),
    "FROM python\nWORKDIR /app\nCOPY . .": set(),
    "FROM python\nWORKDIR /app/\nCOPY ./ ./": set(),
    "FROM python\nWORKDIR /\nWORKDIR app\nADD . .": set(),
    "COPY a /x": {"a"},
    "copy a b/c /x/": {"a", "b/c"},
    "ADD a.tar /x": {"a.tar"},
    "COPY --chown=1:2 --chmod=755 a/ /x": {"a"},
    "COPY ./a//b/../c /x": {"a/c"},
    "COPY /a /x": {"a"},
    "COPY ../a /x": {"a"},
    'COPY ["a b", "c", "/x y"]': {"a b", "c"},
    'COPY ["a\\\\$b", "/x"]': None,
    'COPY ["a b", "/x"': None,
    "COPY a /app/a\nCOPY . /app": {"a"},
    "COPY . /srv": None,
    "COPY . .": None,
    "COPY ./. /x": None,
    "COPY . a /x": None,
    "COPY *.txt /x": None,
    "COPY a? /x": None,
    "COPY [ab] /x": None,
    "COPY $A /x": None,
    "COPY ${A:-b} /x": None,
    'COPY "a" /x': None,
    "COPY <<EOF /x\nCOPY a /y\nEOF": None,
    "RUN <<EOF\nCOPY a /y\nEOF\nCOPY b /x": {"b"},
    "FROM a\nCOPY --from=ruby /x /y\nCOPY c /z": {"c"},
    "FROM a AS one\nFROM b\nCOPY --from=one /x /y\nCOPY c /z": None,
    "COPY a \\\n  # why\n  b \\\n\n /x": {"a", "b"},
    "COPY a \\\r\n  b /x\r\n": {"a", "b"},
    "# escape=`\nCOPY a `\n  b /x": {"a", "b"},
    "RUN --mount=type=bind,source=a.txt,target=/a id": {"a.txt"},
    "RUN --mount=src=./a/b/,target=/a --mount=type=cache,target=/y id": {"a/b"},
    "RUN --mount=type=bind,target=/a id": None,
    "RUN --mount=type=bind,source=.,target=/a id": None,
    "RUN --mount=type=bind,source=$A,target=/a id": None,
    "RUN --mount=type=bind,from=one,source=a,target=/a id": set(),
    "RUN --mount=type=secret,id=a id": set(),
    "FROM a\nWORKDIR /app\nFROM b\nCOPY . .": None,
    "FROM a AS one\nCOPY . /app\nRUN make\nFROM b\nCOPY --from=one /app/dist /opt": None,
    "FROM a\nRUN <<E\nx \\\nE\nCOPY b /x\nRUN <<E\ny\nE": {"b"},
}


class DockerfileOfOthers(unittest.TestCase):
    def test_dockerfile_of_others_begins_with(self):
        for text, images in BASES.items():
            with self.subTest(text):
                self.assertEqual(Instructions(text).bases, images)

    def test_dockerfile_of_others_copies(self):
        for text, paths in COPIED.items():
            with self.subTest(text):
                self.assertEqual(Instructions(text).copied, None if paths is None else frozenset(paths))

    def test_dockerfile_of_others_of_ours_is_understood(self):
        keys = {"dependencies": ["numpy", "req:a.txt", "file:libs/my tools/"], "copy": ["config/x.ini:/etc/x.ini"]}
        it = project(**keys)
        files = {one: (one.fields["file"],) for one in it.dependencies.Python if "file" in one.fields}
        text = skelebot.Dockerfile(it, files).text()
        self.assertEqual(Instructions(text).bases, (it.base,))
        self.assertEqual(Instructions(text).copied, {"a.txt", "libs/my tools", "config/x.ini"})


# ---- What the builder gets ---------------------------------------------------

MANY = skelebot.LARGE_FILES
WHOLE = "COPY . /app\n"


def entry(path, size=1, mode="100644"):
    return f"{path}//{mode} {size} 1 1" if mode.startswith("10") else f"{path}//{mode}"


def many(folder, count=MANY, mode="40755"):
    return [entry(folder, mode=mode), *(entry(f"{folder}/{number}") for number in range(count))]


LARGE = (*many("data"), entry("src", mode="40755"), entry("src/a.py"), entry("job.py"))


class CopiesOfProject(unittest.TestCase):
    """What stands for `COPY . /app` while an image is built."""

    def copies(self, *lines, ignored=".git\n**/__pycache__\n"):
        return Recipe(ignored=ignored, files="\n".join(lines)).copies

    def test_copies_of_the_project_are_one_for_each_folder_large_ones_first_and_one_for_the_files(self):
        self.assertEqual(self.copies(*LARGE, *many("weights"), entry("a b", mode="40755"), entry("a b/x")), """\
COPY ["data", "/app/data"]
COPY ["weights", "/app/weights"]
COPY ["a b", "/app/a b"]
COPY ["src", "/app/src"]
COPY [".dockerignore", "Dockerfile", "job.py", "/app/"]
""")

    def test_copies_of_the_project_are_so_for_one_large_file_as_well(self):
        for size, split in ((skelebot.LARGE_BYTES, True), (skelebot.LARGE_BYTES - 1, False)):
            self.assertEqual(self.copies(entry("data", mode="40755"), entry("data/big", size), entry("job.py")) != WHOLE,
                             split)

    def test_copies_of_the_project_have_no_file_that_is_ignored(self):
        self.assertTrue(self.copies(*LARGE, ignored="Dockerfile\n.dockerignore\n").endswith(
            'COPY ["job.py", "/app/"]\n'))

    def test_copies_of_the_project_are_those_of_every_folder_also_of_an_empty_one(self):
        self.assertIn('COPY ["empty", "/app/empty"]\n', self.copies(*LARGE, entry("empty", mode="40755")))

    def test_copies_of_the_project_are_one_for_all_where_others_would_not_be_alike(self):
        for what, lines in (
                ("a small project", [entry("src", mode="40755"), entry("src/a.py"), entry("job.py")]),
                ("nothing at all", []),
                ("a link at the top", [*LARGE, entry("link", mode="120777")]),
                ("a folder that others may not read", [*LARGE, entry("own", mode="40700")]),
                ("a folder that the group may write", many("data", mode="40775")),
                ("a pipe at the top", [*LARGE, entry("pipe", mode="10644")]),
                ("names that are patterns", [*LARGE, entry("a[b]", mode="40755")]),
                ("a name with a quote", [*LARGE, entry('a"b')]),
                ("a name with a variable", [*LARGE, entry("$HOME")]),
                ("a name with a line break", [*LARGE, entry("a\nb")]),
                ("too many folders", [*LARGE, *(entry(f"d{n}", mode="40755") for n in range(skelebot.MOST_COPIES))]),
                ("a line that is too long", [*LARGE, *(entry(f"{n:0200}") for n in range(100))])):
            with self.subTest(what):
                self.assertEqual(self.copies(*lines), WHOLE)

    def test_copies_of_the_project_are_one_for_all_where_the_ignores_are_not_simple(self):
        for ignored in ("*\n!src\n", "[", "data/[a-z", f"a\n{skelebot.EITHER}\nb\n"):
            with self.subTest(ignored):
                self.assertEqual(self.copies(*LARGE, ignored=ignored), WHOLE)


class BuiltFrom(unittest.TestCase):
    """The text that the builder gets for the one of the Dockerfile."""
    copies = Recipe(files="\n".join(LARGE)).copies

    def text(self, builder, text=None, whole=False, **keys):
        text = text or skelebot.Dockerfile(project(**keys), {}).text()
        recipe = Recipe(bases="0a1b", text=text, files="\n".join(LARGE))
        return text, recipe.built_from(builder, whole)

    def test_text_that_is_built_has_a_copy_for_each_folder_with_buildkit_only(self):
        for builder, copies in (("legacy", WHOLE), ("buildkit", self.copies), ("podman", WHOLE)):
            plain, text = self.text(builder)
            self.assertEqual(text, plain.replace(WHOLE, copies))

    def test_text_that_is_built_has_one_copy_for_all_of_an_image_to_be_published(self):
        plain, text = self.text("buildkit", whole=True)
        self.assertEqual(text, plain)

    def test_text_that_is_built_has_a_mount_for_what_was_downloaded_with_buildkit_only(self):
        plain, text = self.text("legacy", dependencies=["six"])
        self.assertEqual(text, plain)
        text = self.text("buildkit", dependencies=["six"])[1]
        self.assertIn("RUN --mount=type=cache,id=skelebot-pip-0a1b,target=/dev/shm/pip ", text)
        self.assertIn('pip install --cache-dir "/dev/shm/pip/$(id -u)" ', text)
        self.assertNotIn("--no-cache-dir", text)

    def test_text_that_is_built_of_r_has_a_mount_too(self):
        text = self.text("buildkit", language="R", dependencies=["dplyr"])[1]
        self.assertIn("RUN --mount=type=cache,id=skelebot-r-0a1b,target=/dev/shm/r TMPDIR=/dev/shm/r Rscript", text)
        text = self.text("buildkit", language="R", dependencies=["renv:renv.lock"])[1]
        self.assertIn("--mount=type=cache,id=skelebot-renv-0a1b,target=/dev/shm/renv", text)
        self.assertIn("RENV_PATHS_ROOT=/dev/shm/renv", text)

    def test_text_that_is_built_has_mounts_of_its_own_for_each_base_image(self):
        text = skelebot.Dockerfile(project(dependencies=["six"]), {}).text()
        one, two = (Recipe(bases=f"python:3 sha256:{base * 16}\nruby:3", text=text).built_from("buildkit")
                    for base in ("0a1b", "2c3d"))
        self.assertIn("id=skelebot-pip-python-3-0a1b0a1b0a1b,", one)
        self.assertEqual(one.replace("0a1b", "2c3d"), two)

    def test_text_that_is_built_is_the_same_for_a_dockerfile_of_others(self):
        for theirs in ("FROM python\nRUN pip install --no-cache-dir six\nCOPY . /app\n", "", "\n" + WHOLE):
            self.assertEqual(self.text("buildkit", theirs or " ")[1], theirs or " ")

    def test_text_that_is_built_leaves_what_a_project_adds_after_its_copy_as_it_is(self):
        plain, text = self.text("buildkit", commands=["python -m pip install --no-cache-dir ."])
        self.assertEqual(text, plain.replace(WHOLE, self.copies))


class Cached(unittest.TestCase):
    """What the cache has of an image that was built."""

    def test_cached_image_is_read_back_as_it_was(self):
        recipe = Recipe("A=ü", "python sha256:a", "FROM python\n", "\udcff\n", "a\nb//1\n\udcfe//2")
        built = Built("docker\n\n/home/ä\nchurn", SHA, "0a1b", recipe)
        self.assertEqual(Built.read(built.cache_text, built.key), built)
        self.assertEqual(built.cache_text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"),
                         built.cache_text)

    def test_cached_image_is_nobody_elses(self):
        built = Built("mine", SHA, "0a1b", RECIPE)
        self.assertIsNone(Built.read(built.cache_text, "other"))
        self.assertIsNone(Built.read(built.cache_text, ""))

    def test_cached_image_is_nothing_when_it_is_something_else(self):
        for text in ("", "mine", "\0" * 7, "\0" * 9, "mine" + "\0" * 6, "mine" + "\0" * 8):
            with self.subTest(text):
                self.assertIsNone(Built.read(text, "mine"))
                self.assertEqual(Installs.read(text, "mine"), Installs("mine"))


class Groups(unittest.TestCase):
    """Dependencies that were installed together before."""

    def test_groups_of_dependencies_are_by_what_is_known_only(self):
        file = skelebot.Dockerfile(project(dependencies=["p1", "p2", "p3"]), {})
        for groups, expected in (
                ([], [("p1", "p2", "p3")]), ([("Python", ("p1",))], [("p1",), ("p2", "p3")]),
                ([("Python", ("p1",)), ("Python", ("p2",))], [("p1",), ("p2",), ("p3",)]),
                ([("Python", ("p2",))], [("p1", "p2", "p3")]), ([("R", ("p1",))], [("p1", "p2", "p3")]),
                ([("Python", ("p1",)), ("Python", ("p3",))], [("p1",), ("p2", "p3")]),
                ([("Python", ("p0",)), ("Python", ("p1",))], [("p1", "p2", "p3")]),
                ([("Python", ("p1", "p2", "p3", "p4"))], [("p1", "p2", "p3")])):
            with self.subTest(groups):
                self.assertEqual([tuple(names) for _, names in file.groups(groups)], expected)

    def test_groups_of_dependencies_are_not_known_from_what_is_cut_off(self):
        for text in ("", "Pyth", "Python", "Python\n", "\n\n\n", "R\n\nPy", "x\ny\n\nPython\np1"):
            with self.subTest(text):
                named = Installs("k", groups=text).named
                groups = skelebot.Dockerfile(project(dependencies=["p1", "p2"]), {}).groups(named)
                self.assertEqual([name for _, names in groups for name in names], ["p1", "p2"])


if __name__ == "__main__":
    unittest.main()
