"""skelebot.yaml -> records: three spellings, scalars as typed, environments, faults with their place."""
import copy
import contextlib
import glob
import os
import sys
import unittest
from typing import NamedTuple

import skelebot
import support
from skelebot import Arg, Dependencies, Job, Param, SkelebotError, Variable
from support import LOADERS, plain, read

PROJECTS = os.path.join(support.HERE, "projects")
JOB = "name: churn\njobs:\n  - name: train\n    source: src/train.py\n"
PARAM = JOB + "    params:\n      - name: epochs\n"

TRAIN = Job(
    "train", "src/jobs/train.py", "Train the model", mode="it",
    mappings=("data/", "~/models:/app/models"), ignores=("notebooks/",),
    args=(Arg("date", "the last day of the data"), Arg("speed", choices=("slow", "fast"))),
    params=(Param("epochs", "e", ("20",), ("10", "20"), "rounds of training"),
            Param("log", accepts="boolean")))
REPORT = Job("report", "src/jobs/report.R")
SERVE = Job(
    "serve", "python -m http.server", mode="d", native="never", host="tcp://serve.example.com:2375",
    ports=("8080:80", "127.0.0.1:9000:9000/udp"),
    environment=(Variable("HOME", None), Variable("GREETING", "good morning")),
    args=(Arg("folder"),), params=(Param("bind"),))
ARTIFACTORY = skelebot.Artifactory("https://artifacts.example.com", "ml", "churn")
JUPYTER = skelebot.JupyterSection(1127, "notebooks/", ("data/",))
KERBEROS = skelebot.KerberosSection("krb/krb5.conf", "krb/ada.keytab", "ada")
OWNER = dict(name="Churn Model", description="Predicts who will leave", maintainer="Ada Lovelace",
             contact="ada@example.com")


class Slack(skelebot.Component):
    record = NamedTuple("Settings", [("channel", str)])


def project_in(name, env=None):
    """A project of tests/projects, without what differs from machine to machine."""
    project = skelebot.read_folder(os.path.join(PROJECTS, name), env, [("slack", Slack)])
    return plain(project)._replace(folder="", warnings=(), secret_files=(), installed=(), components=())


def message(text, env=None, **files):
    """The two lines of what is wrong with a skelebot.yaml."""
    try:
        return "nothing is wrong: {}".format(read(text, env, **files))
    except SkelebotError as error:
        return str(error)


class ThreeSpellings(unittest.TestCase):
    maxDiff = None

    def test_the_file_of_2019_loads(self):
        self.assertEqual(project_in("2019"), skelebot.Project(
            **OWNER, version="1.10", ephemeral=True, primaryJob="train", primaryExe="ENTRYPOINT",
            dependencies=Dependencies(("numpy", "pandas=0.25.3", "req:requirements.txt",
                                       "file:libs/tools.tar.gz", "github:ada/churn-tools")),
            copy=("config/app.ini:/etc/app.ini",), ignores=(".git", "**/*.csv"), jobs=(TRAIN, REPORT),
            settings=dict(
                jupyter=JUPYTER, kerberos=KERBEROS, slack=Slack.record("models"),
                repository=skelebot.RepositorySection(artifacts=(skelebot.Artifact(
                    "model", "models/model.pkl", deploy=skelebot.Deploy("artifactory", *ARTIFACTORY[:3])),)))))

    def test_the_file_of_the_1_x_releases_loads(self):
        self.assertEqual(project_in("1.x"), skelebot.Project(
            **OWNER, baseImage="python:3.9", gpu=True, host="ssh://ada@gpu.example.com", ephemeral=True,
            primaryJob="train", primaryExe="ENTRYPOINT",
            dependencies=Dependencies(("numpy", "pandas=0.25.3", "req:requirements.txt",
                                       "file:libs/tools.tar.gz", "github:ada/churn-tools")),
            commands=("rm -rf build/",), copy=("config/app.ini:/etc/app.ini",), ignores=(".git", "**/*.csv"),
            ports=("5000:5000",), params=(Param("level", default=("info",)),), jobs=(TRAIN, REPORT),
            settings=dict(
                jupyter=JUPYTER, kerberos=KERBEROS, slack=Slack.record("models"),
                registry=skelebot.RegistrySection("registry.example.com", 5000, "ada"),
                repository=skelebot.RepositorySection(artifactory=ARTIFACTORY, artifacts=(
                    skelebot.Artifact("model", "models/model.pkl", singular=True),)))))

    def test_the_file_of_the_2_x_releases_loads(self):
        self.assertEqual(project_in("2.x"), skelebot.Project(
            **OWNER, version="2.0.1", language="R+Python", pythonVersion="3.10", rVersion="4.3.1",
            baseImage="python:3.9", timezone="Europe/Berlin", gpu=True, host="ssh://ada@gpu.example.com",
            user="host", environment=(Variable("MODE", "fast"), Variable("TOKEN", None)), ephemeral=True,
            dockerfile="docker/Dockerfile", primaryJob="train", primaryExe="ENTRYPOINT",
            dependencies=Dependencies(
                ("numpy~=1.26", "pandas[parquet]=2.2", "req:requirements.txt", "proj:pyproject.toml",
                 "file:libs/tools", "github:ada/churn-tools@v1",
                 "ca_file:ml:123456789012:models:churn-tools:1.0:dev"),
                ("dplyr", "caret=6.0-94", "file:libs/tools.tar.gz:tools", "github:ada/rtools:rtools",
                 "renv:renv.lock")),
            commands=("rm -rf build/",), copy=("config/app.ini:/etc/app.ini",), ignores=(".git", "**/*.csv"),
            ports=("5000:5000",), params=(Param("level", default=("info",)),), jobs=(TRAIN, REPORT, SERVE),
            settings=dict(
                jupyter=JUPYTER._replace(lab=True), kerberos=KERBEROS, slack=Slack.record("models"),
                registry=skelebot.RegistrySection("registry.example.com", 5000, "ada",
                                           skelebot.RegistryAws("eu-central-1", "dev")),
                package=skelebot.PackageSection("churn.zip", ("data/",)),
                repository=skelebot.RepositorySection(artifactory=ARTIFACTORY, artifacts=(
                    skelebot.Artifact("model", "models/model.pkl", singular=True),))),
            envs=("dev", "eu.west")))

    def test_a_plugin_is_a_warning_that_names_it(self):
        for name, place in (("2019", "40: plugins"), ("1.x", "54: components.slack"), ("2.x", "79: components.slack")):
            with self.subTest(name):
                project = skelebot.read_folder(os.path.join(PROJECTS, name))
                self.assertEqual(project.warnings[0], "skelebot.yaml:" + place + ": needs a plugin of that name")

    def test_the_keys_that_any_release_knew_are_accepted(self):
        self.assertEqual(read("name: churn\nskelebotVersion: 1.1.2\n").name, "churn")

    def test_keys_that_start_with_x_are_the_users_own(self):
        text = JOB + "    x-owner: ada\nx-jobs: {a: [b]}\ncomponents:\n  x-notes: none\n"
        self.assertEqual(read(text).warnings, ())


class Scalars(unittest.TestCase):
    AS_TYPED = ["3.10", "yes", "no", "1e3", "0x10", "010", "1_000", "8080:22", "2020-01-01", "2020-01-01 10:00:00",
                "null", "~", "NULL", ".inf", "true", "+5", "-5", "5.0", "Zoë", "a#b", "~/models", "$HOME"]

    def test_text_is_as_typed(self):
        for text in self.AS_TYPED:
            with self.subTest(text):
                self.assertEqual(read(PARAM + "        choices: [%s]\n" % text).jobs[0].params[0].choices, (text,))

    def test_quoted_text_is_what_the_quotes_hold(self):
        for text, value in (("'it''s'", "it's"), ('"tab\\tand \\u00eb"', "tab\tand ë"), ("''", ""), ('"null"', "null"),
                            ("|\n    two\n    lines\n", "two\nlines\n"), (">-\n    one\n    line\n", "one line")):
            with self.subTest(text):
                self.assertEqual(read("name: churn\ndescription: " + text + "\n").description, value)

    def test_a_python_version_keeps_its_last_nought(self):
        self.assertEqual(read("name: churn\npythonVersion: 3.10\n").pythonVersion, "3.10")

    def test_a_port_is_no_sexagesimal_number(self):
        self.assertEqual(read("name: churn\nports: [8080:22, 22:22]\n").ports, ("8080:22", "22:22"))

    def test_a_flag_is_any_of_the_words_that_yaml_has_for_it(self):
        for text in ("true", "True", "yes", "on", "false", "No", "OFF"):
            with self.subTest(text):
                self.assertIs(read("name: churn\ngpu: " + text + "\n").gpu, text in ("true", "True", "yes", "on"))

    def test_a_key_without_a_value_is_as_if_it_were_not_there(self):
        for text in ("", " ~", " null"):
            with self.subTest(text):
                project = read("name: churn\nlanguage:{0}\njobs:{0}\ncomponents:{0}\ngpu:{0}\n".format(text))
                self.assertEqual((project.language, project.jobs, project.gpu), ("Python", (), False))

    def test_text_may_be_empty(self):
        self.assertEqual(read("name: churn\ndescription: ''\n").description, "")

    def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_the_text(self):
        with support.folder({"skelebot.yaml": b"\xef\xbb\xbfname: churn\r\ndescription: |\r\n  a\r\n  b\r\n"}) as path:
            self.assertEqual(skelebot.read_folder(path).description, "a\nb\n")

    def test_tabs_within_quotes_and_blocks_are_kept(self):
        for text, value in (("'\ta'", "\ta"), ("|\n    a\tb\n    \tc\n", "a\tb\n\tc\n")):
            with self.subTest(text):
                self.assertEqual(read("name: churn\ndescription: " + text + "\n").description, value)


class Lists(unittest.TestCase):

    def test_a_single_value_stands_for_a_list_of_one(self):
        project = read("name: churn\nports: 80:80\nignores: data/\njobs: {name: train, source: t.py, args: speed}\n")
        self.assertEqual((project.ports, project.ignores), (("80:80",), ("data/",)))
        self.assertEqual(plain(project.jobs), (Job("train", "t.py", args=(Arg("speed"),)),))

    def test_args_and_params_may_be_bare_names(self):
        job = read(JOB + "    args: [nrounds]\n    params: [depth, {name: eta, default: 0.1}]\n").jobs[0]
        self.assertEqual(plain(job.args), (Arg("nrounds"),))
        self.assertEqual(plain(job.params), (Param("depth"), Param("eta", default=("0.1",))))

    def test_environment_is_a_mapping_or_a_list(self):
        for text in ("{MODE: fast, PORT: 0x10, EMPTY: '', HOME: }", "[MODE=fast, PORT=0x10, EMPTY=, HOME]",
                     "\n  MODE: fast\n  PORT: 0x10\n  EMPTY: ''\n  HOME: ~"):
            with self.subTest(text):
                self.assertEqual(read("name: churn\nenvironment: " + text + "\n").environment, (
                    Variable("MODE", "fast"), Variable("PORT", "0x10"), Variable("EMPTY", ""), Variable("HOME", None)))

    def test_dependencies_belong_to_the_projects_language(self):
        self.assertEqual(read("name: churn\ndependencies: [numpy]\n").dependencies, Dependencies(Python=("numpy",)))
        self.assertEqual(read("name: churn\nlanguage: R\ndependencies: dplyr\n").dependencies, Dependencies(R=("dplyr",)))

    def test_dependencies_of_r_and_python_are_named_for_each(self):
        project = read("name: churn\nlanguage: R+Python\ndependencies: {R: [dplyr], Python: [numpy]}\n")
        self.assertEqual(plain(project.dependencies), Dependencies(("numpy",), ("dplyr",)))


class AliasesAndMerges(unittest.TestCase):
    DEFAULTS = "x-job: &job\n  mode: d\n  help: common\nx-more: &more\n  help: more\n  native: never\n"

    def job(self, text):
        job = read("name: churn\n" + self.DEFAULTS + "jobs:\n  - name: train\n    source: t.py\n" + text).jobs[0]
        return job.mode, job.help, job.native

    def test_an_alias_stands_for_what_its_anchor_names(self):
        project = read("name: churn\nparams: &common [epochs]\njobs: [{name: a, source: a.py, params: *common}]\n")
        self.assertEqual(plain(project.jobs[0].params), (Param("epochs"),))

    def test_a_merge_adds_the_keys_of_a_mapping(self):
        self.assertEqual(self.job("    <<: *job\n"), ("d", "common", "optional"))

    def test_own_keys_win_over_merged_ones(self):
        self.assertEqual(self.job("    <<: *job\n    help: own\n"), ("d", "own", "optional"))
        self.assertEqual(self.job("    help: own\n    <<: *job\n"), ("d", "own", "optional"))

    def test_the_first_of_several_merged_mappings_wins(self):
        self.assertEqual(self.job("    <<: [*job, *more]\n"), ("d", "common", "never"))
        self.assertEqual(self.job("    <<: [*more, *job]\n"), ("d", "more", "never"))
        self.assertEqual(self.job("    <<: *more\n    <<: *job\n"), ("d", "more", "never"))

    def test_merges_may_be_merged(self):
        self.assertEqual(self.job("    <<: {<<: *job, native: never}\n"), ("d", "common", "never"))

    def test_the_top_level_may_merge_as_well(self):
        self.assertEqual(read("x-all: &all {language: R}\nname: churn\n<<: *all\n").language, "R")

    def test_a_mapping_that_merges_itself_is_a_fault(self):
        self.assertEqual(message("name: churn\njobs:\n  - &train\n    name: train\n    source: t.py\n    <<: *train\n"), (
            "skelebot: skelebot.yaml:6: jobs[0].<<: merges itself\n  hint: merge another mapping"))

    def test_a_fault_in_what_was_merged_stands_where_it_is_written(self):
        self.assertEqual(message("name: churn\nx-job: &job\n  mode: x\njobs:\n  - {name: a, source: a.py, <<: *job}\n"), (
            "skelebot: skelebot.yaml:3: jobs[0].mode: expected i, d or it, found 'x'\n  hint: choose one of: d, i, it"))


class Parameters(unittest.TestCase):

    def default(self, text):
        return read(PARAM + "        " + text.replace("\n", "\n        ") + "\n").jobs[0].params[0].default

    def test_a_default_is_the_words_that_are_passed(self):
        for text, words in (("help: none", ()), ("default: 20", ("20",)), ("default: who leaves", ("who leaves",)),
                            ("default: ''", ("",)), ("default: $HOME", ("$HOME",)), ("default: 1e3", ("1e3",)),
                            ("default: ~", ())):
            with self.subTest(text):
                self.assertEqual(self.default(text), words)

    def test_the_default_of_a_list_is_split_as_a_shell_would(self):
        for text, words in (("default: 1 2 3", ("1", "2", "3")), ("default: [a b, c]", ("a b", "c")),
                            ("default: a 'b c' \"d\"", ("a", "b c", "d")), ("default: [one]", ("one",)),
                            ("default: []", ())):
            with self.subTest(text):
                self.assertEqual(self.default("accepts: list\n" + text), words)

    def test_the_default_of_a_boolean_is_set_or_not(self):
        for text, words in (("true", ("true",)), ("yes", ("true",)), ("False", ()), ("off", ()), ("~", ())):
            with self.subTest(text):
                self.assertEqual(self.default("accepts: boolean\ndefault: " + text), words)

    def test_a_default_that_fits_is_accepted(self):
        for text in ("accepts: int\ndefault: -3", "accepts: float\ndefault: 1e-3", "accepts: float\ndefault: inf",
                     "choices: [yes, no]\ndefault: no", "choices: [3.10, a b]\ndefault: a b",
                     "accepts: int\ndefault: $N", "choices: [a]\ndefault: ${A}"):
            with self.subTest(text):
                self.assertEqual(len(self.default(text)), 1)

    def test_a_default_that_does_not_fit_is_a_fault(self):
        for text, fault in (
                ("accepts: int\ndefault: 2.5", "expected a whole number, found '2.5'\n  hint: for example 20"),
                ("accepts: float\ndefault: 0,5", "expected a number, found '0,5'\n  hint: for example 0.5 or 1e-3"),
                ("accepts: boolean\ndefault: 2", "expected true or false, found '2'\n  hint: write true or false"),
                ("choices: [a, b]\ndefault: c", "expected a or b, found 'c'\n  hint: choose one of: a, b")):
            with self.subTest(text):
                self.assertEqual(message(PARAM + "        " + text.replace("\n", "\n        ")), (
                    "skelebot: skelebot.yaml:8: jobs[0].params[0].default: " + fault))


class Environments(unittest.TestCase):

    def test_each_key_of_an_environment_replaces_the_whole_key_below(self):
        project = project_in("2.x", "dev")
        self.assertEqual(project, project_in("2.x")._replace(
            env="dev", environment=(Variable("MODE", "slow"),), ignores=()))

    def test_the_environments_are_the_files_beside_the_project(self):
        files = {"skelebot-dev.yaml": "", "skelebot-eu.west.yaml": "", "skelebot.dev.yaml": "", "skelebot-.yaml": "",
                 "other-dev.yaml": "", "skelebot-two words.yaml": "", "skelebot-dev.yml": ""}
        self.assertEqual(read("name: churn\n", **files).envs, ("dev", "eu.west"))

    def test_an_environment_may_be_in_another_spelling_than_the_file_below(self):
        overlay = {"skelebot-dev.yaml": "ignore: [b]\njupyter: {port: 1}\n"}
        project = read("name: churn\nignores: [a]\ncomponents: {jupyter: {port: 2, folder: n}}\n", "dev", **overlay)
        self.assertEqual((project.ignores, plain(project.settings["jupyter"])), (("b",), skelebot.JupyterSection(1)))
        overlay = {"skelebot-dev.yaml": "ignores: [b]\ncomponents: {jupyter: {port: 1}}\n"}
        project = read("name: churn\nignore: [a]\njupyter: {port: 2, folder: n}\n", "dev", **overlay)
        self.assertEqual((project.ignores, plain(project.settings["jupyter"])), (("b",), skelebot.JupyterSection(1)))

    def test_a_key_without_a_value_in_an_environment_takes_the_key_away(self):
        self.assertEqual(read("name: churn\nhost: a\n", "dev", **{"skelebot-dev.yaml": "host:\n"}).host, "")

    def test_an_environment_may_merge_within_its_own_file(self):
        overlay = {"skelebot-dev.yaml": "x-a: &a {mode: d}\njobs:\n  - {name: b, source: b.py, <<: *a}\n"}
        self.assertEqual(read(JOB, "dev", **overlay).jobs[0].mode, "d")

    def test_a_fault_names_the_file_it_stands_in(self):
        for base, overlay, lines in (
                (JOB, "jobs:\n  - name: a\n", "skelebot-dev.yaml:2: jobs[0]: needs the key source\n"
                 "  hint: add a line such as source: src/jobs/train.py"),
                (JOB, "ignoer: []\n", "skelebot-dev.yaml:1: ignoer: unknown key\n  hint: did you mean ignores?"),
                (JOB, "language: x\n", "skelebot-dev.yaml:1: language: expected Python, R, R+Python or NA, found 'x'\n"
                 "  hint: choose one of: NA, Python, R, R+Python"),
                (JOB, "a: [\n", "skelebot-dev.yaml:2: expected the node content, but found '<stream end>'"
                 "\n  hint: write a list as [a, b], without gaps, or one - ITEM on a line"),
                (JOB + "naem: x\n", "host: a\n", "skelebot.yaml:5: naem: unknown key\n  hint: did you mean name?"),
                (JOB + "primaryJob: train\n", "jobs: []\n", "skelebot.yaml:5: primaryJob: no job is named 'train'\n"
                 "  hint: add it to jobs, or remove the line")):
            with self.subTest(overlay):
                self.assertEqual(message(base, "dev", **{"skelebot-dev.yaml": overlay}), "skelebot: " + lines)

    def test_an_unknown_environment_lists_the_known_ones(self):
        files = {"skelebot-dev.yaml": "", "skelebot-prod.yaml": ""}
        for env, files, lines in (
                ("dve", files, "unknown environment 'dve'\n  hint: did you mean dev?"),
                ("x", files, "unknown environment 'x'\n  hint: known are: dev, prod"),
                ("x", {}, "unknown environment 'x'\n  hint: an environment is a file skelebot-x.yaml here")):
            with self.subTest(env, files=len(files)):
                self.assertEqual(message(JOB, env, **files), "skelebot: " + lines)


class Version(unittest.TestCase):

    def test_the_file_VERSION_wins(self):
        self.assertEqual(read("name: churn\nversion: 1.10\n", VERSION="2.0\n").version, "2.0")

    def test_the_key_counts_where_there_is_no_file(self):
        self.assertEqual(read("name: churn\nversion: 1.10\n").version, "1.10")

    def test_only_its_first_line_counts(self):
        self.assertEqual(read("name: churn\n", VERSION="\n 2.0 \nof June\n").version, "2.0")


class Project(unittest.TestCase):

    def test_it_is_the_nearest_folder_upwards_that_holds_a_skelebot_yaml(self):
        with support.folder({"skelebot.yaml": "", "src/jobs/train.py": "", "sub/skelebot.yaml": "", "sub/a/b": ""}) as path:
            self.assertEqual(skelebot.project_folder(os.path.join(path, "src", "jobs")), path)
            self.assertEqual(skelebot.project_folder(os.path.join(path, "sub", "a")), os.path.join(path, "sub"))

    def test_a_folder_of_that_name_is_none(self):
        with support.folder({"skelebot.yaml/a": ""}) as path:
            self.assertIsNone(skelebot.project_folder(path))

    def test_a_folder_whose_parents_have_none_is_in_no_project(self):
        with support.folder({}) as path:
            self.assertIsNone(skelebot.project_folder(path))

    def test_what_needs_none_works_where_it_is_broken(self):
        with support.folder({"skelebot.yaml": "name: [\n"}) as path:
            version = f"skelebot {skelebot.__version__}\n"
            self.assertEqual(support.call("--version", folder=path), (0, version, ""))
            ending = support.call("scaffold", "other", "--yes", "--name", "x", folder=path)
            self.assertEqual((ending.status, ending.stdout), (0, ""), ending)
            self.assertTrue(os.path.exists(os.path.join(path, "other", "skelebot.yaml")))
            self.assertEqual(support.call("--contact", folder=path).status, 1)

    def test_names_that_share_an_image_or_container_are_fine_where_there_is_but_one_of_each(self):
        for first, second in (("", ""), ("ignores: [x]", ""), ("mode: d", ""), ("ignores: [x]", "mode: d")):
            text = f"name: x\njobs:\n- {{name: Train, source: a, {first}}}\n- {{name: train, source: a, {second}}}\n"
            with self.subTest(text):
                self.assertEqual([job.name for job in read(text).jobs], ["Train", "train"])
        for mode in ("i", "d"):
            self.assertEqual(read(f"name: x\njobs: [{{name: latest, source: a, mode: {mode}}}]\n").jobs[0].mode, mode)


class Warnings(unittest.TestCase):
    """What may be meant otherwise is said where something is run, and not on a page."""
    maxDiff = None
    OWN = ("name: x\ndockerfile: own\npythonVersion: 3.10\nignores: [a]\ncommands: [ls]\nprimaryJob: a\n"
           "dependencies: [numpy]\njobs: [{name: a, source: ls}]\n")

    def test_each_key_without_effect_beside_a_dockerfile_gets_one(self):
        places = ("3: pythonVersion", "5: commands", "6: primaryJob", "7: dependencies")
        self.assertEqual(sorted(read(self.OWN).warnings), [
            f"skelebot.yaml:{place}: has no effect, since own is built as it is" for place in places])
        self.assertEqual(read(self.OWN.replace("dockerfile: own\n", "")).warnings, ())

    def test_a_primary_job_that_cannot_have_its_words_gets_one(self):
        text = "name: x\nprimaryJob: a\njobs: [{name: a, source: ls, args: [rows, cols]}]\n"
        self.assertEqual(read(text).warnings, (
            "skelebot.yaml:2: primaryJob: a needs ROWS, which docker run cannot pass to a CMD; "
            "primaryExe: ENTRYPOINT takes words",))
        self.assertEqual(read(text + "primaryExe: ENTRYPOINT\n").warnings, ())

    def test_jobs_and_commands_show_them_and_pages_do_not(self):
        with support.folder({"skelebot.yaml": self.OWN, "own": ""}) as path:
            for words, count in ((["-n", "--dry-run", "a"], 4), (["envs"], 4), (["-h"], 0), (["a", "-h"], 0),
                                 (["prime", "-h"], 0), (["-v"], 0)):
                with self.subTest(words):
                    ending = support.call(*words, folder=path)
                    self.assertEqual((ending.status, ending.stderr.count("skelebot: warning: ")), (0, count))


class BrokenFiles(unittest.TestCase):
    """tests/projects/broken: a mistake that a person makes, and beside it the two lines that explain it."""
    maxDiff = None

    def broken(self):
        for path in sorted(glob.glob(os.path.join(PROJECTS, "broken", "*.yaml"))):
            with open(path, "rb") as file, open(path[:-5] + ".expected", encoding="utf-8") as expected:
                yield os.path.basename(path)[:-5], file.read(), expected.read()

    def test_each_is_explained_by_two_lines_and_nothing_else_happens(self):
        for name, data, lines in self.broken():
            for loader in LOADERS:
                with self.subTest(name, loader=loader), support.loader(loader):
                    with support.folder({"skelebot.yaml": data}) as path:
                        self.assertEqual(support.call("--help", folder=path), (1, "", lines))
                        self.assertEqual(os.listdir(path), ["skelebot.yaml"])

    def test_each_is_explained_alike_when_its_nodes_are_remembered(self):
        count = 0
        for name, data, lines in self.broken():
            with self.subTest(name), support.folder({"skelebot.yaml": data}) as path, remembered(path) as kept:
                count += bool(kept["skelebot.yaml"])
                self.assertEqual(support.call("--help", folder=path), (1, "", lines))
        self.assertGreater(count, 50)


LATE = {"jupyter": ("jupyter",), "package": ("package",), "registry": ("publish",), "repository": ("push", "model")}


class LateFaults(unittest.TestCase):
    """tests/projects/late: a text that only one command needs, and beside it the two lines that explain it."""
    maxDiff = None

    def late(self):
        for path in sorted(glob.glob(os.path.join(PROJECTS, "late", "*.yaml"))):
            with open(path, encoding="utf-8") as file, open(path[:-5] + ".expected", encoding="utf-8") as expected:
                yield os.path.basename(path)[:-5], file.read(), expected.read()

    def test_are_those_of_their_command_and_nobody_elses(self):
        for name, text, lines in self.late():
            with self.subTest(name), support.folder({"skelebot.yaml": text}) as path:
                command = LATE[name.partition("-")[0]]
                self.assertEqual(support.call("--help", folder=path).status, 0)
                self.assertEqual(support.call(command[0], "--help", folder=path).status, 0)
                self.assertEqual(support.call(*command, folder=path), (1, "", lines))
                self.assertEqual(os.listdir(path), ["skelebot.yaml"])

    def test_are_a_warning_for_all_others(self):
        text = "name: churn\ncomponents:\n  registry: {host: 'a.b/c', user: ada}\n  jupyter: {folder: ../notes}\n"
        self.assertEqual([line.partition(", found")[0] for line in read(text).warnings], [
            "skelebot.yaml:4: components.jupyter.folder: expected a path inside the project",
            "skelebot.yaml:3: components.registry.host: expected the host of a registry"])

    def test_of_a_ticket_that_every_job_needs_are_those_of_the_file(self):
        with self.assertRaisesRegex(skelebot.SkelebotError, "krbConf: expected a file"):
            read("name: churn\ncomponents: {kerberos: {krbConf: 'a:b', keytab: k, hdfsUser: ada}}\n")


class FormerTexts(unittest.TestCase):
    """What earlier releases took and passed on as it was."""

    def test_an_address_may_lack_its_scheme(self):
        for text, url in (("artifacts.example.com", "https://artifacts.example.com"), ("box:8081/artifactory", "https://box:8081/artifactory"),
                          ("http://box", "http://box"), ("10.0.0.7/a", "https://10.0.0.7/a"), ("s3.local", "https://s3.local")):
            with self.subTest(text):
                self.assertEqual(read(f"name: churn\ncomponents:\n  artifactory: {{url: '{text}', repo: ml, path: a}}\n").settings[
                    "repository"].artifactory.url, url)
                self.assertEqual(read(f"name: churn\nartifacts:\n- {{name: m, file: m, deploy: {{type: artifactory, url: '{text}', repo: ml, "
                                      "path: a}}\n").settings["repository"].artifacts[0].deploy.url, url)

    def test_a_mode_may_be_any_of_dockers_letters_in_any_order(self):
        for text, mode in (("i", "i"), ("t", "it"), ("ti", "it"), ("it", "it"), ("d", "d"), ("di", "d"), ("dit", "d")):
            with self.subTest(text):
                self.assertEqual(support.job(mode=text).mode, mode)

    def test_a_language_may_be_in_small_letters(self):
        self.assertEqual([support.project(language=text).language for text in ("python", "r", "R")], ["Python", "R", "R"])

    def test_whom_to_ask_may_be_several_lines(self):
        text = "name: churn\ncontact: |\n  ada@example.com\n  bob@example.com\nmaintainer: >\n  Ada and\n  Bob\n"
        self.assertEqual((read(text).contact, read(text).maintainer), ("ada@example.com\nbob@example.com\n", "Ada and Bob\n"))

    def test_a_line_may_be_a_block(self):
        self.assertEqual(read("name: >\n  churn\nhost: |\n  ssh://ada@box\n")[:1], ("churn",))


class Meant(unittest.TestCase):
    """What other tools call otherwise, and what its hint makes of it."""

    def hint(self, text):
        with self.assertRaises(skelebot.SkelebotError) as caught:
            read("name: churn\n" + text)
        self.assertEqual(len(caught.exception.faults), 1)
        return caught.exception.hint

    def test_a_key_of_the_project_by_another_name(self):
        for key, name in (("requirements", "dependencies"), ("packages", "dependencies"), ("pip", "dependencies"), ("env", "environment"),
                          ("env_vars", "environment"), ("apt", "commands"), ("apt-get", "commands"), ("image", "baseImage"),
                          ("base_image", "baseImage"), ("python", "pythonVersion"), ("author", "maintainer"), ("exclude", "ignores")):
            with self.subTest(key):
                self.assertEqual(self.hint(f"{key}: x\n"), f"did you mean {name}?")
        self.assertEqual(self.hint("volumes: [data/]\n"), "did you mean mappings? it belongs to a job, below jobs")

    def test_a_key_of_a_job_by_another_name(self):
        for key, name in (("script", "source"), ("command", "source"), ("run", "source"), ("cmd", "source"), ("Script", "source")):
            with self.subTest(key):
                self.assertEqual(self.hint(f"jobs: [{{name: a, {key}: a.py}}]\n"), f"did you mean {name}?")
        for key, name in (("volumes", "mappings"), ("mount", "mappings"), ("env", "environment"), ("description", "help"),
                          ("parameters", "params"), ("arguments", "args"), ("port", "ports")):
            with self.subTest(key):
                self.assertEqual(self.hint(f"jobs: [{{name: a, source: a.py, {key}: x}}]\n"), f"did you mean {name}?")

    def test_a_key_of_a_parameter_by_another_name(self):
        for key, name in (("type", "accepts"), ("short", "alt"), ("value", "default"), ("description", "help"), ("enum", "choices")):
            with self.subTest(key):
                self.assertEqual(self.hint(f"params: [{{name: a, {key}: x}}]\n"), f"did you mean {name}?")

    def test_a_dependency_that_is_a_file(self):
        for text, meant in (
                ("requirements.txt", "req:requirements.txt"), ("requirements/base.txt", "req:requirements/base.txt"),
                ("-r dev.txt", "req:dev.txt"), ("./requirements.in", "req:requirements.in"), ("pyproject.toml", "proj:pyproject.toml"),
                ("libs/a-1.0-py3-none-any.whl", "file:libs/a-1.0-py3-none-any.whl"), ("libs/a.tar.gz", "file:libs/a.tar.gz")):
            with self.subTest(text):
                self.assertEqual(self.hint(f"dependencies: ['{text}']\n"), f"it is a file: write {meant}")
        self.assertEqual(self.hint("language: R\ndependencies: [renv.lock]\n"), "it is a file: write renv:renv.lock")
        for text in ("environment.yml", "Pipfile", "setup.py"):
            self.assertEqual(self.hint(f"dependencies: [{text}]\n"), skelebot.PythonDependency.hint)

    def test_a_dependency_whose_name_has_a_dot_is_none(self):
        names = ["ruamel.yaml", "discord.py", "zope.interface", "a @ https://h/a.whl", "https://h/a.zip", "git+https://h/a.txt"]
        self.assertEqual(list(support.project(dependencies=names).dependencies.Python), names)
        self.assertEqual(support.project(language="R", dependencies=["data.table", "R.utils"]).dependencies.R, ("data.table", "R.utils"))

    def test_a_file_whose_name_ends_otherwise(self):
        for name in ("skelebot.yml", "Skelebot.yaml"):
            with self.subTest(name), support.folder({name: "name: churn\n"}) as path:
                lines = support.two_lines(f"{name}: is not read under this name", f"rename it: mv {name} skelebot.yaml")
                for words in ((), ("--help",), ("train",), ("envs",), ("-e", "dev", "envs")):
                    self.assertEqual(support.call(*words, folder=path), (1, "", lines))
                for words in (("--version",), ("scaffold", "--help")):
                    self.assertEqual(support.call(*words, folder=path).status, 0)
        with support.folder({"skelebot.yaml": "name: churn\n", "skelebot-dev.yml": ""}) as path:
            self.assertEqual(support.call("-e", "dev", "envs", folder=path).stderr, support.two_lines(
                "skelebot-dev.yml: is not read under this name", "rename it: mv skelebot-dev.yml skelebot-dev.yaml"))


class SeveralFaults(unittest.TestCase):
    maxDiff = None

    def faults(self, text, env=None, **files):
        with self.assertRaises(skelebot.SkelebotError) as caught:
            read(text, env, **files)
        return [fault.message for fault in caught.exception.faults]

    def test_are_told_at_once_in_the_order_of_the_file(self):
        text = ("name: churn\njobs:\n- name: train\n  source: a.py\n  mapings: [data/]\n  ports: [http, 80, x]\n"
                "- {name: score}\n- {name: score, source: b.py, mode: x}\ntimezone: a b\ngpu: maybe\n"
                "dependencies: [numpy, '!!', 'a b c']\ncomponents: {kerberos: {}, registry: [a]}\nvolumes: [a]\n")
        self.assertEqual([message.partition(", found")[0] for message in self.faults(text)], [
            "skelebot.yaml:5: jobs[0].mapings: unknown key",
            "skelebot.yaml:6: jobs[0].ports[0]: expected HOST:CONTAINER",
            "skelebot.yaml:6: jobs[0].ports[2]: expected HOST:CONTAINER",
            "skelebot.yaml:7: jobs[1]: needs the key source",
            "skelebot.yaml:8: jobs[2].mode: expected i, d or it",
            "skelebot.yaml:8: jobs[2].name: the name score is taken by jobs[1]",
            "skelebot.yaml:9: timezone: expected the name of a time zone",
            "skelebot.yaml:10: gpu: expected true or false",
            "skelebot.yaml:11: dependencies[1]: expected a Python dependency",
            "skelebot.yaml:11: dependencies[2]: expected a Python dependency",
            *("skelebot.yaml:12: components.kerberos: needs the key " + key for key in ("krbConf", "keytab", "hdfsUser")),
            "skelebot.yaml:12: components.registry: expected a mapping",
            "skelebot.yaml:13: volumes: unknown key"])

    def test_of_an_environment_follow_those_of_the_file_below(self):
        self.assertEqual([message.partition(":")[0] for message in self.faults(
            "name: churn\n\n\ngpu: x\n", "dev", **{"skelebot-dev.yaml": "ports: [x]\n"})], ["skelebot.yaml", "skelebot-dev.yaml"])

    def test_of_names_are_told_at_once_too(self):
        job = "- {name: a, source: b.py, args: [x, x, y, y]}\n"
        self.assertEqual(len(self.faults(f"name: churn\njobs:\n{job}{job}")), 5)
        job = "- {name: a, source: b.py}\n"
        self.assertEqual(len(self.faults(f"name: churn\nprimaryJob: b\nparams: [p, p]\njobs:\n{job}{job}{job}")), 4)

    def test_of_names_stand_among_all_others(self):
        text = ("name: churn\ndependencies: [requirements.txt]\njobs:\n- {name: a, source: a.py, args: [x, {name: x}], mode: no}\n"
                "- {name: b, source: b.py, params: [y, y]}\n- name: a\n  source: c.py\n  <<: {name: b}\nparams: [z, {name: z}, 'z']\ngpu: no way\n")
        name = "skelebot.yaml:{}: {}: the name {} is taken by {}"
        self.assertEqual([message.partition(", found")[0] for message in self.faults(text)], [
            "skelebot.yaml:2: dependencies[0]: expected a Python dependency",
            "skelebot.yaml:4: jobs[0].mode: expected i, d or it", name.format(4, "jobs[0].args[1].name", "x", "jobs[0].args[0]"),
            name.format(5, "jobs[1].params[1]", "y", "jobs[1].params[0]"), name.format(6, "jobs[2].name", "a", "jobs[0]"),
            name.format(9, "params[1].name", "z", "params[0]"), name.format(9, "params[2]", "z", "params[0]"),
            "skelebot.yaml:10: gpu: expected true or false"])
        text = "name: churn\ndependencies: ['!!']\njobs: [{name: a, source: a}, {name: a, source: b}]\n"
        self.assertEqual([message.partition(": ")[2].partition(": ")[0] for message in self.faults(text)], ["dependencies[0]", "jobs[1].name"])

    def test_of_a_port_that_names_a_variable_say_what_to_do(self):
        for port in ("$PORT:80", "${PORT}:80", "127.0.0.1:$PORT:80", "8080:$INNER"):
            with self.assertRaises(skelebot.SkelebotError) as caught:
                read(f"name: churn\nports: ['{port}']\n")
            self.assertEqual(caught.exception.hint, "write its number: no variable is expanded here")

    def test_that_one_mistake_has_are_told_once(self):
        self.assertEqual(self.faults("Name: churn\n"), ["skelebot.yaml:1: Name: unknown key"])
        self.assertEqual(len(self.faults("name: churn\nlanguage: Julia\ndependencies: [a]\n")), 1)

    def test_are_shown_up_to_ten(self):
        for count in (10, 11, 13):
            with self.subTest(count), support.folder({"skelebot.yaml": "name: churn\n" + "".join(
                    f"zz{number}: 1\n" for number in range(count))}) as path:
                lines = support.call("--help", folder=path).stderr.split("\n")
                self.assertEqual(len(lines), 20 + 1 + 2 * (count > 10))
                rest = {10: lines[20:], 11: ["skelebot: 1 more fault not shown", "  hint: correct these first", ""],
                        13: ["skelebot: 3 more faults not shown", "  hint: correct these first", ""]}[count]
                self.assertEqual(lines[20:], rest)


@contextlib.contextmanager
def remembered(path, *envs):
    """What a job remembers of a project's files: file -> bytes."""
    files = ("skelebot.yaml", *(f"skelebot-{env}.yaml" for env in envs))
    with support.folder({}) as home, support.environment(SKELEBOT_HOME=home):
        os.mkdir(os.path.join(home, "builds"))
        found = {file: skelebot.KnownNodes(skelebot.read_bytes(os.path.join(path, file)), file).to_keep()
                 for file in files}
        for file, data in found.items():
            with open(skelebot.cache_file(os.environ, home, "nodes", os.path.abspath(os.path.join(path, file))), "wb") as memory:
                memory.write(data)
        yield found


class RememberedFile(unittest.TestCase):
    """A file that was parsed before, and has not changed."""
    maxDiff = None
    TEXT = JOB + "x-more: {a: [1, yes, ~], b: 'yes'}\n"

    def test_is_read_as_if_it_were_parsed(self):
        for name in ("2019", "1.x", "2.x"):
            folder = os.path.join(PROJECTS, name)
            envs = skelebot.environments(folder)
            for env in (None, *envs):
                with self.subTest(name, env=env):
                    parsed = skelebot.read_folder(folder, env)
                    with remembered(folder, *envs) as kept, support.without_yaml():
                        self.assertEqual([file for file in kept if not kept[file]], [])
                        again = skelebot.read_folder(folder, env)
                    self.assertEqual(plain(again), plain(parsed))
                    self.assertEqual([job.places for job in again.jobs], [job.places for job in parsed.jobs])

    def test_gives_the_values_that_pyyaml_gives(self):
        with support.folder({"skelebot.yaml": self.TEXT}) as path:
            with remembered(path):
                entry = skelebot.read_entries(path, "skelebot.yaml")["x-more"]
                self.assertIsInstance(entry.node, skelebot.Node)
                self.assertEqual(entry.plain(), {"a": [1, True, None], "b": "yes"})
                mark = entry.key.start_mark
                self.assertEqual((mark.name, mark.line), ("skelebot.yaml", 4))

    def test_gives_a_plugin_the_very_nodes_that_pyyaml_gives(self):
        def laid_out(node):
            if isinstance(node, (list, tuple)):
                return [laid_out(item) for item in node]
            if not isinstance(node, skelebot.yaml_module().Node):
                return node
            marks = [(mark.name, mark.index, mark.line, mark.column) for mark in (node.start_mark, node.end_mark)]
            return type(node), node.tag, laid_out(node.value), getattr(node, "style", None), marks

        with support.folder({"skelebot.yaml": self.TEXT + 'b: |\n  x\n"c": []\n'}) as path:
            parsed = skelebot.read_root(path, "skelebot.yaml")
            with remembered(path):
                again = skelebot.read_root(path, "skelebot.yaml")
        self.assertIsInstance(again, skelebot.Node)
        self.assertEqual(laid_out(skelebot.pyyaml_node(again)), laid_out(parsed))

    def test_is_parsed_anew_when_one_byte_is_another(self):
        with support.folder({"skelebot.yaml": self.TEXT}) as path, remembered(path):
            with open(os.path.join(path, "skelebot.yaml"), "w") as file:
                file.write(self.TEXT.replace("churn", "shirt"))
            self.assertEqual(skelebot.read_folder(path).name, "shirt")

    def test_is_parsed_anew_when_what_is_remembered_is_broken(self):
        with support.folder({"skelebot.yaml": self.TEXT}) as path, remembered(path) as kept:
            kept, memory = kept["skelebot.yaml"], skelebot.cache_file(os.environ, "", "nodes", os.path.abspath(os.path.join(path, "skelebot.yaml")))
            flipped = bytearray(kept)
            flipped[-5] ^= 1
            for data in (b"", b"\n", kept[:-1], kept + b"\0", bytes(flipped), kept.replace(b"1", b"2", 1),
                         kept.replace(sys.implementation.cache_tag.encode(), b"cpython-20", 1), bytes(range(256))):
                with self.subTest(data[:60], size=len(data)):
                    with open(memory, "wb") as file:
                        file.write(data)
                    self.assertIsNone(skelebot.KnownNodes(self.TEXT.encode(), "x").root(data))
                    self.assertEqual(skelebot.read_folder(path).name, "churn")
            os.unlink(memory)
            os.mkdir(memory)
            self.assertEqual(skelebot.read_folder(path).name, "churn")

    def test_with_an_alias_or_a_fault_is_parsed_each_time_and_that_is_remembered(self):
        for data in map(str.encode, ("a: &a [1]\nb: *a\n", "a: &a {b: *a}\n", "", "name: [\n", "name: \0")):
            known = skelebot.KnownNodes(data, "skelebot.yaml")
            self.assertIsNone(known.root(known.to_keep()), data)
            self.assertTrue(known.nodes(known.to_keep()), data)

    def test_may_be_as_deep_as_can_be(self):
        for depth in (100, 300, 600, 900):
            with support.folder({"skelebot.yaml": f"name: churn\nx-deep: {'[' * depth}{']' * depth}\n"}) as path:
                with remembered(path):
                    self.assertEqual(skelebot.read_folder(path).name, "churn")


class Loaders(unittest.TestCase):
    """PyYAML's loader in Python and that of libyaml."""

    def test_both_read_the_same(self):
        for name in ("2019", "1.x", "2.x"):
            results = []
            for loader in LOADERS:
                with support.loader(loader):
                    results.append(skelebot.read_folder(os.path.join(PROJECTS, name)))
            self.assertEqual(*map(plain, (results * 2)[:2]), name)
            self.assertEqual(*(result.jobs[0].places for result in (results * 2)[:2]), name)

    def test_both_know_the_line_of_every_value(self):
        for loader in LOADERS:
            with self.subTest(loader), support.loader(loader):
                places = skelebot.read_folder(os.path.join(PROJECTS, "2.x")).jobs[0].params[0].places
                self.assertEqual({key: str(place) for key, place in places.items()}, {
                    "": "skelebot.yaml:97: jobs[0].params[0]",
                    "name": "skelebot.yaml:97: jobs[0].params[0].name",
                    "alt": "skelebot.yaml:98: jobs[0].params[0].alt",
                    "default": "skelebot.yaml:99: jobs[0].params[0].default",
                    "choices": "skelebot.yaml:100: jobs[0].params[0].choices",
                    "help": "skelebot.yaml:101: jobs[0].params[0].help"})


class Records(unittest.TestCase):
    def test_can_be_copied_as_a_plugin_may_do(self):
        it = skelebot.Place("skelebot.yaml", 3, "jobs[0]")
        self.assertEqual((copy.copy(it), copy.deepcopy(it)), (it, it))


if __name__ == "__main__":
    unittest.main()
