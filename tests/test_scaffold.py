"""Scaffolding: a template and answers become a project."""
import os
import re
import shutil
import subprocess
import unittest

from support import ROOT, call, contents, drive, folder, process, skelebot, two_lines
from skelebot import Answers, Ignores, Outcome, Words, read_folder

ANSWERS = ("--name", "Churn Model", "--description", "Who leaves", "--maintainer", "Ada", "--contact",
           "ada@example.com")
OURS = ["skelebot.yaml", "VERSION", ".skelebot/", ".skelebot/schema.json"]
HEAD = "# yaml-language-server: $schema=.skelebot/schema.json\n" \
       "# `skelebot --help` explains this project, `skelebot JOB` runs a job of it.\n\n"


def scaffold(*words, folder, typed="", answers=ANSWERS):
    return call("scaffold", *words, *answers, folder=folder, typed=typed)


def template(text, files=(), **more):
    """The files of a folder with a template in tpl/."""
    return {"tpl/template.yaml": text, **{"tpl/" + name: content for name, content in dict(files).items()}, **more}


def made(text, files=(), words=(), **more):
    """(Ending, what is in the new project, what it reads as) for a template with all its answers given."""
    with folder(template(text, files, **more)) as path:
        ending = scaffold("new", "--template", "./tpl", *words, "--yes", folder=path)
        new = os.path.join(path, "new")
        return ending, contents(new), read_folder(new) if not ending.status else None


class BuiltInTemplate(unittest.TestCase):
    maxDiff = None
    FOLDERS = ["config/", "data/", "models/", "notebooks/", "output/", "queries/", "src/", "src/jobs/"]
    KEPT = [name + ".gitkeep" for name in FOLDERS[:6]]
    COMMON = [*OURS, "README.md", ".gitignore"]

    def test_built_in_template_makes_these_files(self):
        for words, expected in (
                (("default",), [*self.FOLDERS, *self.KEPT, *self.COMMON, "src/jobs/example.py"]),
                (("default", "--language", "Python"), [*self.FOLDERS, *self.KEPT, *self.COMMON, "src/jobs/example.py"]),
                (("default", "--language", "R"), [*self.FOLDERS, *self.KEPT, *self.COMMON, "src/jobs/example.R"]),
                (("default", "--language", "R+Python"),
                 [*self.FOLDERS, *self.KEPT, *self.COMMON, "src/jobs/example.R", "src/jobs/example.py"]),
                (("dash",), [*self.COMMON, "data/", "src/", "src/app.py", "data/co2.csv"]),
                (("iris",), [*self.COMMON, "skelebot-r.yaml", "data/", "data/iris.csv", "models/", "output/", "src/",
                             "src/jobs/",
                             *("src/jobs/" + name for name in (
                                 "flowers.py", "lda.py", "loadData.py", "train.py", "score.py", "summary.R",
                                 "summary.sh"))])):
            with self.subTest(words), folder({}) as path:
                self.assertEqual(scaffold("new", "--template", *words, "--yes", folder=path).status, 0)
                self.assertEqual(sorted(contents(os.path.join(path, "new"))), sorted(expected))

    def test_built_in_template_writes_this_skelebot_yaml(self):
        with folder({}) as path:
            ending = scaffold("--yes", folder=path)
            self.assertEqual(ending, (0, "", "skelebot: made 12 files; next: skelebot --help\n"))
            self.assertEqual(contents(path)["skelebot.yaml"].decode(), HEAD + """\
name: Churn Model
description: Who leaves
maintainer: Ada
contact: ada@example.com
user: host
language: Python

# What no published image needs. A job sees a folder of these by its mappings;
# a model to be served by the image must not be among them.
ignores:
- .git
- .env
- .skelebot/schema.json
- .venv
- '**/__pycache__'
- '**/.ipynb_checkpoints'
- data
- models
- notebooks
- output

jobs:
- name: example
  source: src/jobs/example.py
  help: greet somebody and keep the greetings in output/
  mappings: [output/]
  args:
  - {name: who, help: whom to greet}
  params:
  - {name: times, alt: t, default: 1, help: how often, accepts: int}
  - {name: loud, alt: l, help: in capitals, accepts: boolean}
""")

    def test_built_in_template_makes_a_project_that_belongs_to_its_caller(self):
        for words in ("default",), ("default", "--language", "R"), ("dash",), ("iris",):
            with self.subTest(words), folder({}) as path:
                scaffold("--template", *words, "--yes", folder=path)
                project = read_folder(path)
                self.assertEqual((project.user, project.version, project.name), ("host", "0.1.0", "Churn Model"))

    def test_built_in_template_says_what_to_type_next(self):
        with folder({}) as path:
            ending = scaffold("my own", "--template", "iris", "--yes", folder=path)
            self.assertEqual(ending.stderr, "skelebot: made 14 files; next: cd 'my own' && skelebot --help\n")

    def test_built_in_template_leaves_none_of_its_variables_behind(self):
        for name in ("default", "dash", "iris"):
            with self.subTest(name), folder({}) as path:
                scaffold("--template", name, "--yes", folder=path)
                for file, data in contents(path).items():
                    self.assertNotRegex((data or b"").decode(),
                                        r"\{(name|name_simple|description|maintainer|contact)\}", file)


class EditorSchema(unittest.TestCase):
    """The file that the first line of skelebot.yaml names for editors."""
    PATH = ".skelebot/schema.json"

    def test_editor_schema_is_what_the_command_prints_and_stays_out_of_images(self):
        printed = process("schema").stdout
        for words in (*(("--template", name) for name in skelebot.TEMPLATES), *(("--language", name) for name in ("R", "R+Python")),
                      ("--existing",)):
            with self.subTest(words), folder({"a.py": MAIN}) as path:
                self.assertEqual(scaffold(*words, "--yes", folder=path).status, 0)
                self.assertEqual(contents(path)[self.PATH].decode(), printed)
                self.assertTrue(contents(path)["skelebot.yaml"].decode().startswith(HEAD))
                rules = Ignores("\n".join(read_folder(path).ignores))
                self.assertEqual([rules.ignores(name) for name in (self.PATH, skelebot.STAGED_CONF, "a.py")], [True, False, False])

    def test_editor_schema_is_written_again_without_a_note(self):
        with folder({self.PATH: "of an earlier release", ".skelebot/krb5.conf": "mine", "VERSION": "1.0.0\n"}) as path:
            ending = scaffold("--existing", "--yes", folder=path)
            self.assertEqual(ending, (0, "", "skelebot: kept VERSION, which exists already\n"
                                             "skelebot: made 2 files; next: skelebot --help\n"))
            self.assertEqual(contents(path)[self.PATH].decode(), process("schema").stdout)
            self.assertEqual(contents(path)[".skelebot/krb5.conf"], b"mine")

    def test_editor_schema_leaves_a_folder_of_its_name_alone(self):
        with folder({self.PATH + "/a": "mine"}) as path:
            ending = scaffold("--existing", "--yes", folder=path)
            self.assertEqual((ending.status, contents(path)[self.PATH + "/a"]), (0, b"mine"))
            self.assertIn("kept .skelebot/schema.json, which exists already\n", ending.stderr)

    def test_editor_schema_below_a_file_is_a_fault_and_nothing_is_written(self):
        with folder({".skelebot": "mine"}) as path:
            ending = scaffold("--existing", "--yes", folder=path)
            self.assertEqual((ending.status, contents(path)), (1, {".skelebot": b"mine"}))
            self.assertIn("is a file, and has to be a folder for .skelebot/schema.json\n", ending.stderr)

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_editor_schema_is_written_over_a_link_and_not_through_it(self):
        with folder({"mine.json": "{}", ".skelebot/x": ""}) as path:
            os.symlink("../mine.json", os.path.join(path, *self.PATH.split("/")))
            self.assertEqual(scaffold("--existing", "--yes", folder=path).status, 0)
            self.assertEqual(contents(path)["mine.json"], b"{}")
            self.assertEqual(contents(path)[self.PATH].decode(), process("schema").stdout)

    def test_editor_schema_is_a_short_line_of_a_dry_run(self):
        with folder({}) as path:
            lines = call("--dry-run", "scaffold", "new", *ANSWERS, "--yes", folder=path).stdout.split("\n")
            self.assertIn("skelebot schema > " + os.path.join("new", self.PATH), lines)


class ScaffoldedProject(unittest.TestCase):
    """A new project runs at once, natively and by the command line."""

    def runs(self, path, *words):
        ending = process("-n", *words, folder=path)
        self.assertEqual((ending.status, ending.stderr), (0, ""))
        return ending.stdout

    def test_scaffolded_project_in_python_runs(self):
        with folder({}) as path:
            scaffold("--yes", folder=path)
            self.assertEqual(self.runs(path, "example", "it's", "-t", "2", "--loud"), "HELLO, IT'S!\n" * 2)
            self.assertEqual(contents(path)["output/hello-python.txt"], b"HELLO, IT'S!\n" * 2)

    @unittest.skipUnless(shutil.which("Rscript"), "needs R")
    def test_scaffolded_project_in_r_runs(self):
        for language, job in (("R", "example"), ("R+Python", "exampleR")):
            with self.subTest(language), folder({}) as path:
                scaffold("--language", language, "--yes", folder=path)
                self.assertEqual(self.runs(path, job, "it's", "-t", "2", "--loud"), "HELLO, IT'S!\n" * 2)
                self.assertEqual(contents(path)["output/hello-r.txt"], b"HELLO, IT'S!\n" * 2)

    def test_scaffolded_project_in_r_and_python_runs_its_python(self):
        with folder({}) as path:
            scaffold("--language", "R+Python", "--yes", folder=path)
            self.assertEqual(self.runs(path, "examplePython", "Bern"), "Hello, Bern!\n")

    def test_scaffolded_project_iris_trains_and_scores_a_classifier(self):
        with folder({}) as path:
            scaffold("--template", "iris", "--yes", folder=path)
            chain = ("loadData", "+", "train", "+", "train", "--shrinkage", "0.3", "+", "score")
            self.assertRegex(self.runs(path, *chain), r"(?s)accuracy: .*loss: .*accuracy: 1\.000$")
            compared = call("compare", "train", "--min", "loss", folder=path).stdout.splitlines()
            self.assertEqual([line.split()[:2] for line in compared], [["run", "shrinkage"], ["2", "0.0"], ["3", "0.3"]])
            self.assertTrue(any(name.startswith("models/") and data for name, data in contents(path).items()))
            self.assertEqual(self.runs(path, "summaryBash").split("\n")[1], "setosa,50,5.006,3.428,1.462,0.246")

    @unittest.skipUnless(shutil.which("Rscript"), "needs R")
    def test_scaffolded_project_iris_has_the_same_summary_in_r_and_bash(self):
        with folder({}) as path:
            scaffold("--template", "iris", "--yes", folder=path)
            self.assertEqual(self.runs(path, "summaryR"), self.runs(path, "summaryBash"))


class Answer(unittest.TestCase):
    maxDiff = None
    PROMPTS = "prompts: [{var: city, message: Which city}, {var: zip-code, message: Zip}]\n"

    def test_answer_is_taken_from_options(self):
        ending, files, project = made(self.PROMPTS + "files: [{name: a, template: a}]\n", {"a": "{city} {zip-code}"},
                                      ("--answer", "city=La Paz=x", "--answer=zip-code=-1"))
        self.assertEqual((ending.status, files["a"]), (0, b"La Paz=x -1"))

    def test_answer_is_the_default_with_yes(self):
        ending, files, project = made(self.PROMPTS + "files: [{name: a, template: a}]\n", {"a": "<{city}>"})
        self.assertEqual((ending.status, files["a"]), (0, b"<>"))

    def test_answer_is_asked_for_in_this_order(self):
        typed = "It's mine\nWhat for\nZoë\nzoe@example.com\nr\n./tpl\nBern\n3000\n"
        with folder(template(self.PROMPTS + "files: [{name: a, template: a}]\n",
                             {"a": "{name_simple} {maintainer} {city} {zip-code}"})) as path:
            ending = process("scaffold", folder=path, typed=typed)
            self.assertEqual((ending.status, ending.stdout), (0, ""), ending)
            self.assertEqual(contents(path)["a"].decode(), "it_s_mine Zoë Bern 3000")
            self.assertEqual(contents(path)["skelebot.yaml"].decode(), HEAD + (
                "name: It's mine\ndescription: What for\nmaintainer: Zoë\ncontact: zoe@example.com\nuser: host\n"
                "language: R\n"))
            self.assertEqual(
                re.sub(r" \[[^]]*\]", "", ending.stderr),
                "Name of the project: What it is for, in one line: Who maintains it: How to reach them: "
                "Language (Python, R, R+Python): Template (default, dash, iris, a folder, or the address of a "
                "Git repository): Which city: Zip: "
                "skelebot: made 4 files; next: skelebot --help\n")

    def test_answer_to_a_question_with_choices_is_asked_for_until_it_fits(self):
        with folder({}) as path:
            ending = scaffold(folder=path, typed="cobol\nR+PYTHON\n\n")
            self.assertIn("'cobol' is none of Python, R and R+Python", ending.stderr)
            self.assertEqual(read_folder(path).language, "R+Python")

    def test_answer_that_nobody_gives_is_a_fault_that_names_its_option(self):
        words = [("name", "Name of the project"), ("description", "What it is for, in one line"),
                 ("maintainer", "Who maintains it"),
                 ("contact", "How to reach them")]
        for count, (name, question) in enumerate(words):
            with self.subTest(name), folder({}) as path:
                ending = scaffold(folder=path, answers=ANSWERS[:2 * count])
                self.assertEqual(ending.status, 2)
                self.assertEqual(ending.stderr.split("\n")[-3:], [
                    "skelebot: no answer to: " + question,
                    f"  hint: answer by an option: --{name} ... or take the defaults: --yes", ""])
                self.assertEqual(contents(path), {})

    def test_answer_to_a_templates_question_that_nobody_gives_is_a_fault_that_names_its_option(self):
        with folder(template(self.PROMPTS)) as path:
            ending = scaffold("new", "--template", "./tpl", folder=path)
            self.assertEqual(ending.status, 2)
            self.assertIn("no answer to: Which city\n  hint: answer by an option: --answer city=...", ending.stderr)
            self.assertFalse(os.path.exists(os.path.join(path, "new")))

    def test_answer_that_the_template_does_not_ask_for_is_a_fault(self):
        for word, message in (("citi=x", "the template does not ask for 'citi'\n  hint: did you mean city?"),
                              ("city", "--answer: expected NAME=VALUE, found 'city'")):
            ending, files, _ = made(self.PROMPTS, words=("--answer", word))
            self.assertEqual((ending.status, files), (2, {}))
            self.assertIn("skelebot: scaffold: " + message, ending.stderr)

    def test_answer_of_bytes_or_characters_that_no_file_has_is_no_traceback(self):
        with folder(template(self.PROMPTS + "files: [{name: 'x{city}', template: a}]\n", {"a": ""})) as path:
            for number, typed in enumerate((b"a\0b\n\n", b"\x1b[1m\n\n", b"\xff\n\n", b"ab\n\xff\n", b"\n\n")):
                ending = process("scaffold", f"new{number}", "--template", "./tpl", *ANSWERS, folder=path, typed=typed)
                self.assertIn(ending.status, (0, 2))
                self.assertNotIn("Traceback", ending.stderr)

    def test_answer_is_asked_for_without_what_a_terminal_would_obey(self):
        with folder(template('prompts: [{var: a, message: "\\e]0;x\\a\\x9bA"}]\n')) as path:
            ending = scaffold("new", "--template", "./tpl", folder=path, typed="a\n")
            self.assertEqual(ending.status, 0)
            self.assertNotRegex(ending.stderr, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_answer_as_a_name_without_letters_is_a_fault(self):
        with folder({}) as path:
            ending = scaffold("--yes", "--name", "日本", folder=path, answers=())
            self.assertEqual(ending, (2, "", two_lines(
                "scaffold: expected a name with a letter a-z or a digit in it, found '日本'",
                "give it as --name churn-model")))
            self.assertEqual(contents(path), {})

    def test_answer_is_the_language_also_when_the_default_template_is_named(self):
        with folder({}) as path:
            ending = scaffold("--template", "default", folder=path, typed="R\n")
            self.assertEqual(ending.stderr, "Language (Python, R, R+Python) [Python]: "
                                            "skelebot: made 12 files; next: skelebot --help\n")
            self.assertEqual(read_folder(path).language, "R")


class Variable(unittest.TestCase):
    def test_variable_is_filled_into_names_folders_contents_and_config(self):
        text = ("prompts: [{var: city, message: Which city}]\ndirs: ['out/{city}']\n"
                "files:\n- {name: 'src/{name_simple}.py', template: '{city}.py'}\n"
                "config:\n  language: R\n  x-note: '{name} {description} {maintainer} {contact}'\n"
                "  jobs: [{name: 'go-{city}', source: 'src/{name_simple}.py'}]\n")
        ending, files, project = made(text, {"bern.py": "print('{name}', '{city}')\n"}, ("--answer", "city=bern"))
        self.assertEqual(ending.status, 0, ending)
        self.assertEqual(sorted(files), sorted([*OURS, "out/", "out/bern/", "src/", "src/churn_model.py"]))
        self.assertEqual(files["src/churn_model.py"], b"print('Churn Model', 'bern')\n")
        self.assertEqual((project.jobs[0].name, project.jobs[0].source, project.language),
                         ("go-bern", "src/churn_model.py", "R"))
        self.assertIn(b"x-note: 'Churn Model Who leaves Ada ada@example.com'\n", files["skelebot.yaml"])

    def test_variable_that_is_unknown_stays_as_do_other_braces(self):
        text = "{} {0} {nme} { name } {{name}} ${name} f\"{x!r}\" {\"a\": {b}} {name"
        self.assertEqual(Answers({"name": "N"}).fill(text), "{} {0} {nme} { name } {N} $N f\"{x!r}\" {\"a\": {b}} {name")

    def test_variable_is_not_looked_for_in_what_was_filled_in(self):
        self.assertEqual(Answers({"a": "{b}", "b": "\\1{a}"}).fill("{a}{b}"), "{b}\\1{a}")

    def test_variable_leaves_bytes_that_are_no_text_alone(self):
        ending, files, _ = made("files: [{name: a.bin, template: a.bin}]\n", {"a.bin": b"\x89PNG\r\n\0\xff{name}\xfe"})
        self.assertEqual(files["a.bin"], b"\x89PNG\r\n\0\xffChurn Model\xfe")

    def test_variable_of_the_simple_name_is_a_word(self):
        for name, expected in {"Churn Model": "churn_model", "it's-7!": "it_s_7", "_A__b_": "a_b"}.items():
            with folder(template("files: [{name: a, template: a}]\n", {"a": b"{name} {name_simple}"})) as path:
                scaffold("new", "--template", "./tpl", "--yes", "--name", name, folder=path, answers=())
                self.assertEqual(contents(os.path.join(path, "new"))["a"], f"{name} {expected}".encode())


HOSTILE = [
    "", " ", "'", '"', "it's", 'say "x": y', "a: b", "a:", ": b", "# x", "a # b", "a\nb", "\na", "a\n", "a\n\n b\n", " a",
    "a ", "yes", "no", "null", "~", "1.0", "3.10", "0x1F", "8080:22", "2001-01-01", "- x", "? x", "[a", "]", "{a", "{b}",
    "&a", "*a", "!a", "!!int 7", "|", ">", "%a", "@a", "`a`", "---", "...", "--- x", "<<", "=", "\\", "\\n", "a\\", "$HOME",
    "ü日本", "🌸", "\t", "a\tb", "\x85", "\u2028", "\ufeffa", "x" * 200, "long " * 60, "\x7f", "\x1b[1m"]


class Yaml(unittest.TestCase):
    maxDiff = None
    STYLES = """\
prompts: [{var: x, message: X}]
config:
  x-plain: a {x} b
  jobs:
  - {name: a, source: a.sh, help: '{x}'}
  - {name: b, source: b.sh, help: "{x}"}
  - name: c
    source: c.sh
    help: |-
      {x}
  - name: d
    source: d.sh
    help: >-
      {x}
  - name: e
    source: e.sh
    help: a {x}
  - {name: f, source: f.sh, params: [{name: p, choices: ['{x}', other]}]}
"""

    def test_yaml_made_of_hostile_answers_reads_back_to_the_same_text(self):
        for value in HOSTILE:
            with self.subTest(value):
                ending, files, project = made(self.STYLES, words=("--answer=x=" + value,))
                self.assertEqual(ending.status, 0, ending)
                self.assertEqual([job.help for job in project.jobs], [value, value, value, value, "a " + value, ""])
                self.assertEqual(project.jobs[5].params[0].choices, (value, "other"))

    def test_yaml_made_of_hostile_names_reads_back_to_the_same_text(self):
        for value in HOSTILE:
            words = ("--description=" + value, "--maintainer=" + value, "--contact=" + value)
            with self.subTest(value), folder({}) as path:
                ending = call("scaffold", "--name=n1" + value, *words, "--yes", folder=path)
                self.assertEqual(ending.status, 0, ending)
                project, line = read_folder(path), " ".join(value.split())
                self.assertEqual((project.name, project.description, project.maintainer, project.contact),
                                 (" ".join(("n1" + value).split()), line, line, line))

    def test_yaml_keeps_numbers_and_flags_of_the_template_as_they_are(self):
        ending, files, project = made("config: {pythonVersion: 3.10, gpu: true, version: '{name_simple}'}\n")
        self.assertEqual(files["skelebot.yaml"].decode().split("user: host\n")[1],
                         "pythonVersion: 3.10\ngpu: true\nversion: 'churn_model'\n")

    def test_yaml_keeps_aliases_and_merges_of_the_template(self):
        text = ("config:\n  x-base: &base {mode: d, source: a.sh}\n"
                "  jobs:\n  - {<<: *base, name: a}\n  - {<<: *base, name: b, mode: i}\n")
        ending, files, project = made(text)
        self.assertEqual(ending.status, 0, ending)
        self.assertEqual([(job.name, job.mode, job.source) for job in project.jobs],
                         [("a", "d", "a.sh"), ("b", "i", "a.sh")])

    def test_yaml_that_holds_itself_or_explodes_is_a_fault_at_worst(self):
        laughs = "".join(f"  x-{n + 1}: &a{n + 1} [{', '.join(['*a%d' % n] * 9)}]\n" for n in range(9))
        for text in ("config: &a {language: Python, x-a: *a}\n", "config:\n  x-0: &a0 [{name}]\n" + laughs):
            with self.subTest(text):
                ending, files, _ = made(text)
                self.assertIn(ending.status, (0, 1))


MAIN = 'if __name__ == "__main__":\n    pass\n'


class Existing(unittest.TestCase):
    maxDiff = None

    def test_existing_file_is_kept_and_named(self):
        with folder({"README.md": "mine", "src/jobs/example.py": b"\xff"}) as path:
            ending = scaffold("--yes", folder=path)
            self.assertEqual(ending.stderr.split("\n"), ["skelebot: kept README.md, which exists already",
                                                         "skelebot: kept src/jobs/example.py, which exists already",
                                                         "skelebot: made 10 files; next: skelebot --help", ""])
            self.assertEqual((contents(path)["README.md"], contents(path)["src/jobs/example.py"]), (b"mine", b"\xff"))

    def test_existing_skelebot_yaml_is_refused(self):
        for words in (), ("--existing",), ("--template", "iris"):
            with self.subTest(words), folder({"new/skelebot.yaml": "name: x\n"}) as path:
                ending = scaffold("new", *words, "--yes", folder=path)
                self.assertEqual(ending, (1, "", two_lines(
                    os.path.join("new", "skelebot.yaml") + " exists already",
                    "skelebot --help explains the project; to start again, remove the file first")))
                self.assertEqual(sorted(contents(path)), ["new/", "new/skelebot.yaml"])

    def test_existing_file_where_a_folder_is_needed_is_a_fault_and_nothing_is_written(self):
        with folder({"src": "mine"}) as path:
            ending = scaffold("--yes", folder=path)
            self.assertEqual((ending.status, sorted(contents(path))), (1, ["src"]))
            self.assertIn("is a file, and has to be a folder for src/jobs", ending.stderr)

    def test_existing_file_as_the_projects_folder_is_a_fault(self):
        with folder({"new": "mine"}) as path:
            ending = scaffold("new", "--yes", folder=path)
            self.assertEqual((ending.status, contents(path)), (1, {"new": b"mine"}))

    def test_existing_files_are_read_in_their_own_coding(self):
        script = ("# -*- coding: latin-1 -*-\nimport argparse\np = argparse.ArgumentParser()\n"
                  "p.add_argument('--größe', help='die Größe', default='ü')\np.parse_args()\n")
        with folder({"train.py": script.encode("latin-1"), "requirements.txt": "numpy\r\n".encode("utf-16"),
                     ".gitignore": "data/\r\n".encode("utf-16"), "pyproject.toml": "\ufeff[project]\nversion='2.0.0'\n"}) as path:
            self.assertEqual(scaffold("--existing", "--yes", folder=path).status, 0)
            it = skelebot.read_folder(path)
            self.assertEqual((it.version, it.dependencies.Python, it.jobs[0].params[0][:3]),
                             ("2.0.0", ("req:requirements.txt",), ("größe", "", ("ü",))))
            self.assertIn("**/data", it.ignores)

    def test_existing_project_gets_only_skelebots_files_with_what_was_found(self):
        found = {"requirements.txt": "numpy\n", "src/train.py": MAIN, "src/jobs/score.R": "print(1)\n",
                 "run all.sh": "ls\n", "it's.sh": "ls\n", "setup.py": MAIN,
                 "src/test_x.py": MAIN, "src/__init__.py": "", "lib/deep.py": "", ".hidden.py": MAIN,
                 "train.sh": "ls\n", "VERSION": "2.0\n"}
        with folder(found) as path:
            ending = scaffold("--existing", "--yes", folder=path)
            self.assertEqual((ending.status, set(contents(path)) - {"src/", "src/jobs/", "lib/"}),
                             (0, {*found, *OURS}))
            self.assertEqual(contents(path)["skelebot.yaml"].decode(), HEAD + """\
name: Churn Model
description: Who leaves
maintainer: Ada
contact: ada@example.com
user: host
language: R+Python

dependencies:
  Python:
  - req:requirements.txt

ignores:
- .git
- .venv
- .skelebot/schema.json
- '**/__pycache__'
- '**/.ipynb_checkpoints'

jobs:
- name: it's
  source: '''it''"''"''s.sh'''
  help: run it's.sh
- name: run-all
  source: '''run all.sh'''
  help: run run all.sh
- name: score
  source: src/jobs/score.R
  help: run src/jobs/score.R
- name: train
  source: src/train.py
  help: run src/train.py
- name: train-sh
  source: train.sh
  help: run train.sh
""")
            project = read_folder(path)
            self.assertEqual([job.source.script for job in project.jobs],
                             ["it's.sh", "run all.sh", "src/jobs/score.R", "src/train.py", "train.sh"])
            self.assertEqual(project.version, "2.0")

    def test_existing_project_has_these_dependencies_and_this_language(self):
        for files, language, dependencies in (
                (["a.py"], "Python", ((), ())),
                (["a.py", "pyproject.toml", "requirements.txt"], "Python", (("req:requirements.txt",), ())),
                (["a.R", "renv.lock"], "R", ((), ("renv:renv.lock",))),
                (["a.Rmd", "b.ipynb", "renv.lock", "requirements.txt"], "R+Python",
                 (("req:requirements.txt",), ("renv:renv.lock",))),
                (["a.sh"], "Python", ((), ()))):
            with self.subTest(files), folder(dict.fromkeys(files, "")) as path:
                self.assertEqual(scaffold("--existing", "--yes", folder=path).status, 0)
                project = read_folder(path)
                self.assertEqual((project.language, project.dependencies[:2]), (language, dependencies))

    def test_existing_project_is_asked_about_each_script(self):
        with folder({"a.py": MAIN, "b.py": MAIN}) as path:
            ending = scaffold("-e", folder=path, typed="Python\nno\nYES\n")
            self.assertEqual(ending.status, 0, ending)
            self.assertEqual([job.name for job in read_folder(path).jobs], ["b"])

    def of(self, files):
        """(the project that comes of files, the notes)."""
        with folder(files) as path:
            ending = scaffold("--existing", "--yes", folder=path)
            self.assertEqual((ending.status, ending.stdout), (0, ""), ending)
            notes = [line[len("skelebot: "):] for line in ending.stderr.splitlines()]
            self.assertRegex(notes.pop(), "^made [23] files; ")
            return read_folder(path), notes

    def test_existing_project_has_the_jobs_that_its_scripts_are(self):
        for files, expected in (
                ({"a.py": "print(1)\n"}, ["a.py"]),
                ({"a.py": "from b import c\nc()\n", "b.py": "c = print\nc('loaded')\n"}, ["a.py"]),
                ({"a.py": "def a():\n    pass\n\n\nB = 1\n"}, []),
                ({"a.py": "#!/usr/bin/env python\ndef a(): pass\n"}, ["a.py"]),
                ({"a.py": "print 'Python 2'\n"}, []),
                ({"a.py": "for i in range(3):\n    print(i)\n"}, ["a.py"]),
                ({"a.py": "\ufeff" + MAIN}, ["a.py"]),
                ({"a.py": b"# \xff\n" + MAIN.encode()}, ["a.py"]),
                ({"a.py": MAIN.replace("\n", "\r\n")}, ["a.py"]),
                ({"lib/deep/a.py": MAIN, "lib/deep/b.py": "print(1)\n"}, ["lib/deep/a.py"]),
                ({"tests/a.py": MAIN, "docs/conf.py": MAIN, "env/pyvenv.cfg": "", "env/bin/a.py": MAIN}, []),
                ({"a.R": "f <- function(x) {\n  print(x)\n}\n"}, []),
                ({"a.R": "library(dplyr)\nsaveRDS(1, 'x')\n"}, ["a.R"]),
                ({"analysis/a.r": "x <- commandArgs(trailingOnly = TRUE)\n"}, ["analysis/a.r"]),
                ({"renv/activate.R": "commandArgs()\n", "renv.lock": "{}"}, []),
                ({"R/a.R": "x <- 1\n", "main.R": "source('R/a.R')\n"}, ["main.R"]),
                ({"a.sh": "", "b.sh": "ls\n"}, ["b.sh"])):
            with self.subTest(files):
                project, _ = self.of(files)
                self.assertEqual([job.source.script for job in project.jobs], expected)

    def test_existing_project_names_each_of_its_jobs_in_its_own_way(self):
        files = ["a.py", "jobs/a.py", "scripts/a.py", "a.sh", "my  job.py", "-x.py", "+y.py", "ünï.py"]
        project, _ = self.of(dict.fromkeys(files, MAIN))
        self.assertEqual({job.source.script: job.name for job in project.jobs}, {
            "a.py": "a", "a.sh": "a-sh", "jobs/a.py": "a-py", "scripts/a.py": "scripts-a", "my  job.py": "my-job",
            "-x.py": "x", "+y.py": "y", "ünï.py": "ünï"})

    def test_existing_project_keeps_out_of_images_what_gitignore_names_as_folders(self):
        lines = ["# a comment", "*.pyc", "data/", "/out/*", "!/out/.gitkeep", "logs", "*.egg-info/", "lib/", "keep/",
                 "docs/_build/", ".env", "venv", "notes.txt", "deep", "__pycache__/", "**/tmp/", "", "!keep/"]
        files = {".gitignore": "\n".join(lines), "data/a.csv": "1", "logs/a.txt": "", "lib/a.py": MAIN, "notes.txt": "",
                 "src/deep/a.py": MAIN, "deep/a.csv": "", ".env": "A=1", "venv/pyvenv.cfg": "", "venv/a.py": MAIN}
        project, _ = self.of(files)
        self.assertEqual(list(project.ignores), [
            ".git", ".venv", ".skelebot/schema.json", "**/__pycache__", "**/.ipynb_checkpoints", "venv", ".env", "**/data", "out", "**/logs",
            "**/*.egg-info", "docs/_build", "deep", "**/tmp"])

    def test_existing_project_maps_what_its_scripts_name_and_no_image_has(self):
        files = {".gitignore": "data/\n/models/*\nruns/\n", ".env": "KEY=1\n", "data/a.csv": "1",
                 "train.py": "open('data/a.csv')\nopen('models/m', 'w')\nimport dotenv\n",
                 "show.sh": "cat ./data/a.csv > runs/b\n", "none.py": "print('database', 'my data')\n"}
        project, _ = self.of(files)
        self.assertEqual({job.name: list(job.mappings) for job in project.jobs}, {
            "train": ["data/", "models/", ".env:/app/.env:ro"], "show": ["data/", "runs/"], "none": []})

    def test_existing_project_maps_the_folders_that_a_script_will_leave_its_results_in(self):
        for text, mappings in (("import os\nos.makedirs('models')\nopen('models/line.json', 'w')\n", ("models/",)),
                               ("open('./output/a.txt', 'w')\n", ("output/",)), ("print('the models')\n", ()),
                               ("import models\nprint('models/')\n", ())):
            files = {"fit.py": text, "models/net.py": "X = 1\n"} if "import models" in text else {"fit.py": text}
            with self.subTest(text), folder(files) as path:
                scaffold("--existing", "--yes", folder=path)
                self.assertEqual(read_folder(path).jobs[0].mappings, mappings)

    def test_existing_project_maps_folders_that_a_module_or_a_makefile_names_for_a_script(self):
        config = "ROOT = 'x'\nDATA = ROOT / 'data'\nMODELS = ROOT / \"models\"\n"
        for files, mappings in (
                ({"train.py": "from churn.config import DATA\n" + MAIN, "churn/config.py": config}, ["data/", "models/"]),
                ({"churn/train.py": "from .paths import X\n" + MAIN, "churn/paths.py": "from . import config\n",
                  "churn/config.py": config}, ["data/", "models/"]),
                ({"run.R": "source('R/paths.R')\nsummary(1)\n", "R/paths.R": "x <- 'data/raw'\n"}, ["data/"]),
                ({"train.py": MAIN, "Makefile": "data:\n\tpython train.py \\\n\t\tdata/raw models/m\n"}, ["data/", "models/"]),
                ({"train.py": MAIN, "dvc.yaml": "stages:\n  train:\n    cmd: python train.py data/raw\n"}, ["data/"]),
                ({"train.py": MAIN, "README.md": "See data/raw.\n\n    python train.py --out=models/x\n"}, ["models/"]),
                ({"train.py": "import hydra\n" + MAIN, ".gitignore": "outputs/\n/data/"}, ["outputs/"]),
                ({"train.py": "from pytorch_lightning import Trainer\nimport mlflow.sklearn\n" + MAIN}, ["mlruns/", "lightning_logs/"]),
                ({"train.py": "import wandb_like, hydra_x\n" + MAIN}, []),
                ({"train.py": MAIN, "churn/config.py": config}, []),
                ({"train.py": MAIN + "open('churn/x')\n", "churn/config.py": config}, [])):
            with self.subTest(files):
                project, _ = self.of({"data/raw/a.csv": "1", "models/.gitkeep": "", ".gitignore": "/data/\n", **files})
                self.assertEqual([job.mappings for job in project.jobs], [tuple(mappings)])

    @unittest.skipIf(os.name == "nt", "making a link needs a right there")
    def test_existing_project_maps_a_folder_that_is_a_link(self):
        for target, ignored in (("../elsewhere", ""), ("stored/y2024", ""), ("stored/y2024", "stored/\n"), ("../elsewhere", "data\n")):
            with self.subTest(target, ignored=ignored), folder({"top/elsewhere/a.csv": "1", "top/x/a.py": "open('data/a.csv')\n",
                                                                "top/x/stored/y2024/a.csv": "1", "top/x/.gitignore": ignored}) as path:
                os.symlink(target, os.path.join(path, "top/x/data"))
                self.assertEqual(scaffold("top/x", "--existing", "--yes", folder=path).status, 0)
                self.assertEqual(read_folder(os.path.join(path, "top/x")).jobs[0].mappings, ("data/",))

    def test_existing_project_finds_its_own_packages(self):
        for files, found in (
                ({"src/__init__.py": "", "src/data/__init__.py": "", "src/data/make.py": "from src.data.rows import x\n" + MAIN,
                  "src/data/rows.py": ""}, "."),
                ({"churn/__init__.py": "", "churn/train.py": "import churn.config\n" + MAIN, "churn/config.py": ""}, "."),
                ({"churn/__init__.py": "", "train.py": "import churn\n" + MAIN}, ""),
                ({"churn/__init__.py": "", "src/train.py": "import numpy\n" + MAIN}, ""),
                ({"src/churn/__init__.py": "", "src/churn/train.py": "import churn.x\n" + MAIN, "src/churn/x.py": ""}, "src")):
            with self.subTest(files):
                self.assertEqual(dict(self.of(files)[0].environment).get("PYTHONPATH", ""), found)

    def test_existing_project_of_notebooks_alone_begins_with_jupyter(self):
        for files, words in (({"a.ipynb": "{}"}, "jupyter"), ({"a.ipynb": "{}", "lib.py": "X = 1\n"}, "jupyter"),
                             ({"a.ipynb": "{}", "a.py": MAIN}, "--help"), ({"lib.py": ""}, "--help")):
            with self.subTest(files), folder(files) as path:
                ending = scaffold("--existing", "--yes", folder=path)
                self.assertTrue(ending.stderr.endswith(f"made 3 files; next: skelebot {words}\n"), ending)

    def test_existing_project_is_built_from_its_own_dockerfile(self):
        files = {"Dockerfile": "FROM python:3.13\nWORKDIR /code\nWORKDIR app\nCOPY . .\nENTRYPOINT [\"python\"]\n",
                 "requirements.txt": "numpy\n", "a.py": "open('data/x')\n", ".gitignore": "data/\n"}
        project, _ = self.of(files)
        self.assertEqual((project.dockerfile, project.primaryExe, project.dependencies.Python, project.jobs[0].mappings,
                          project.warnings), ("Dockerfile", "ENTRYPOINT", (), ("data/:/code/app/data/",), ()))
        project, _ = self.of({"Dockerfile": "# This Dockerfile was generated by Skelebot\nFROM x\n", "a.py": MAIN})
        self.assertEqual(project.dockerfile, "")

    def test_existing_project_has_the_version_that_one_of_its_files_names(self):
        for name, text, expected in (
                ("pyproject.toml", '[project]\nname = "x"\nversion = "1.2.3"\n', "1.2.3"),
                ("pyproject.toml", '[build-system]\nversion = "9.0.0"\n\n[tool.poetry]\nversion = "0.4.0"\n', "0.4.0"),
                ("pyproject.toml", '[project]\nname = "x"\ndynamic = ["version"]\n', "0.1.0"),
                ("setup.cfg", "[metadata]\nname = x\nversion = 2.0.1\n", "2.0.1"),
                ("setup.cfg", "[metadata]\nversion = attr: x.__version__\n", "0.1.0"),
                ("setup.py", "setup(name='x',\n      version='3.1.0')\n", "3.1.0"),
                ("DESCRIPTION", "Package: x\nVersion: 0.9.1\n", "0.9.1"),
                ("README.md", "version = '7.0.0'", "0.1.0")):
            with self.subTest(name, text=text):
                self.assertEqual(self.of({name: text})[0].version, expected)

    def test_existing_project_says_what_it_leaves_out(self):
        for files, expected in (
                ({"environment.yml": ""}, [
                    "left out environment.yml: to install what it names, name its packages here as PyPI has them; or take "
                    "a baseImage with conda, and write below commands: conda env update --name base --file environment.yml"]),
                ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '*'\n"}, [
                    "left out pyproject.toml: it has its dependencies in Poetry's own table; poetry export --output "
                    "requirements.txt, and write req:requirements.txt"]),
                ({"pyproject.toml": "[project]\nname = 'x'\ndependencies = []\n", "uv.lock": ""}, []),
                ({"requirements.txt": "", "environment.yml": "", "setup.py": ""}, []),
                ({"DESCRIPTION": "Package: x\nImports: dplyr\n", "a.R": "print(1)\n"}, [
                    "left out DESCRIPTION: to install what it names, write file:.:NAME below R for the package NAME with all "
                    "that it needs"]),
                ({"pyproject.toml": '[project]\ndependencies = []\n[project.scripts]\nx = "x.cli:main"\n', "src/x/cli.py": "",
                  "src/x/lib.py": ""}, ["left out src/x/lib.py: it has nothing that could be run"]),
                ({"lib.py": "X = 1\n"}, ["left out lib.py: it has nothing that could be run"]),
                ({f"m{n}.py": "X = 1\n" for n in range(7)}, [
                    "left out m0.py, m1.py, m2.py, m3.py and 3 more: they have nothing that could be run"]),
                ({"Pipfile": "", "a.py": MAIN}, ["left out Pipfile: to install what it names, pipenv requirements > "
                                                 "requirements.txt, and write req:requirements.txt"])):
            with self.subTest(files):
                self.assertEqual(self.of(files)[1], expected)

    def test_existing_project_runs_the_commands_and_modules_of_its_package(self):
        cli = "import argparse\nfrom .lib import x\n\n\ndef main():\n    p = argparse.ArgumentParser()\n" \
              "    p.add_argument('who')\n"
        project, _ = self.of({"pyproject.toml": '[project]\nname = "x"\n\n[project.scripts]\nchurn = "churn.cli:main"\n',
                              "src/churn/__init__.py": "", "src/churn/cli.py": cli, "src/churn/lib.py": "x = 1\n",
                              "src/churn/score.py": "from . import lib\n" + MAIN})
        self.assertEqual(project.environment, (("PYTHONPATH", "src"),))
        self.assertEqual([(job.name, job.source, [arg.name for arg in job.args]) for job in project.jobs], [
            ("score", "python3 -m churn.score", []),
            ("churn", "python3 -c 'import sys; from churn.cli import main; sys.exit(main())'", ["who"])])
        for name, text in (
                ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n    churn = churn.cli:main\n    other=churn.cli:main\n\n"
                              "[options.extras_require]\ntest = a:b\n"),
                ("setup.py", "setup(entry_points={'console_scripts': ['churn=churn.cli:main', \"other = churn.cli:main\"], 'x': []})"),
                ("pyproject.toml", "[tool.poetry.scripts]\nchurn = 'churn.cli:main'\nother = 'churn.cli:main'\n")):
            project, _ = self.of({name: text, "churn/__init__.py": "", "churn/cli.py": cli, "churn/lib.py": ""})
            self.assertEqual([(job.name, [arg.name for arg in job.args]) for job in project.jobs],
                             [("churn", ["who"]), ("other", ["who"])])
        for top in ("", "src/"):
            files = {top + "churn/__init__.py": "", top + "churn/__main__.py": cli + "main()\n", top + "churn/lib.py": ""}
            project, _ = self.of(files)
            self.assertEqual([(job.name, job.source, len(job.args)) for job in project.jobs], [("churn", "python3 -m churn", 1)])
            project, _ = self.of({**files, "setup.py": "console_scripts=['churn=churn.__main__:main']"})
            self.assertEqual([job.source[:10] for job in project.jobs], ["python3 -c"])
        for place in ("src/churn/__init__.py", "churn/__init__.py", "churn.py"):
            project, notes = self.of({"pyproject.toml": '[project.scripts]\nchurn = "churn:main"\n', place: cli})
            self.assertEqual(([arg.name for arg in project.jobs[-1].args], [note for note in notes if "itself" in note]),
                             (["who"], []))

    def test_existing_project_shows_its_app_to_a_browser(self):
        for files, source, ports, environment in (
                ({"app.py": "from dash import Dash\nDash(__name__).run(debug=True)\n"}, "app.py", ("8050:8050",),
                 (("HOST", "0.0.0.0"),)),
                ({"my app.py": "import dash\ndash.Dash().run(port=8060)\n"}, "'my app.py'", ("8060:8060",),
                 (("HOST", "0.0.0.0"),)),
                ({"app.py": "from flask import Flask\napp = Flask(__name__)\napp.run()\n"},
                 "python3 -m flask --app app.py run --host 0.0.0.0 --port 5000", ("5000:5000",), ()),
                ({"app.py": "import flask\nflask.Flask('x').run(port=80)\n"},
                 "python3 -m flask --app app.py run --host 0.0.0.0 --port 80", ("80:80",), ()),
                ({"src/main.py": "from fastapi import FastAPI\n\napp = FastAPI()\n"},
                 "python3 -m uvicorn src.main:app --host 0.0.0.0 --port 8000", ("8000:8000",), ()),
                ({"churn/app.py": "from .x import y\nimport dash\n" + MAIN, "churn/x.py": ""}, "python3 -m churn.app",
                 ("8050:8050",), (("HOST", "0.0.0.0"),)),
                ({"app.py": "import streamlit as st\nst.title('x')\n"},
                 "python3 -m streamlit run app.py --server.address 0.0.0.0", ("8501:8501",), ()),
                ({"app.R": "library(shiny)\nshinyApp(1, 2)\n"},
                 "Rscript -e 'shiny::runApp(\"app.R\", host = \"0.0.0.0\", port = 3838)'", ("3838:3838",), ()),
                ({"server.R": "shinyServer(1)\n", "ui.R": "shinyUI(1)\n"},
                 "Rscript -e 'shiny::runApp(\".\", host = \"0.0.0.0\", port = 3838)'", ("3838:3838",), ())):
            with self.subTest(files):
                project, _ = self.of(files)
                self.assertEqual([(job.source, job.ports, job.environment) for job in project.jobs],
                                 [(source, ports, environment)])

    def test_existing_project_reads_the_command_lines_of_its_scripts(self):
        with folder({}) as path:
            shutil.copytree(os.path.join(ROOT, "tests", "projects", "scripts"), os.path.join(path, "x"))
            self.assertEqual(scaffold("x", "--existing", "--yes", folder=path).status, 0)
            text = contents(path)["x/skelebot.yaml"].decode()
            with open(os.path.join(ROOT, "tests", "golden", "scripts.yaml"), encoding="utf-8") as golden:
                self.assertEqual(text[text.index("jobs:\n"):], golden.read())

    def test_existing_project_takes_from_a_script_only_what_can_be_known(self):
        for name, text, expected in (
                ("a.py", "import argparse\nN = input()\np.add_argument('--' + N)\np.add_argument('-n', default=N)\n"
                         "p.add_argument('--on', action=argparse.BooleanOptionalAction)\n", ["n", "on", "no-on"]),
                ("a.py", "import argparse\np.add_argument('-abc')\np.add_argument('--x y')\np.add_argument(dest='q')\n"
                         "p.add_argument('--version', action='version')\np.add_argument(*flags)\n", []),
                ("a.py", "import argparse\np.add_argument('--aa', default='$HOME')\np.add_argument('--bb', choices=M)\n"
                         "p.add_argument('--aa')\np.add_argument('-a', '--cc')\n", ["aa", "bb", "cc"]),
                ("a.py", "import argparse\np.add_argument('--n', default=2)\np.add_argument('--k', '--kk')\n"
                         "p.add_argument('--c', '-c')\np.add_argument('--d', '-e')\n", ["kk", "c", "e"]),
                ("a.py", "import fire\ndef f(a, n=1, on=True, v=False): pass\nfire.Fire(f)\n", ["a", "n", "noon", "v"]),
                ("a.py", "import click\n@click.command\n@click.option('--a', '-a', required=True)\n@unknown\n"
                         "def f(a): pass\nf()\n", ["a"]),
                ("a.py", "import fire\nfire.Fire(lambda x: x)\n", []),
                ("a.py", "import fire\ndef f(a, *, b=1, **c): pass\nfire.Fire({'f': f})\n", ["a", "b"]),
                ("a.py", "import typer, x\n@x.command()\ndef f(a: x.Y, b: 'str' = None, *c: int): pass\n"
                         "typer.run(f)\n", None),
                ("a.py", "import sys\nprint(sys.argv[-1], sys.argv[0], sys.argv[x], sys.argv[1:])\n", []),
                ("a.py", "import sys\n_, first, second = sys.argv\nprint(first)\n", ["first", "second"]),
                ("a.R", "library(argparser)\np <- arg_parser('x')\np <- add_argument(p, 'file', help='f')\n"
                        "p <- add_argument(p, '--digits', default=0L, type='integer')\n"
                        "p <- add_argument(p, '--all', flag=TRUE)\nprint(1)\n", ["file", "digits", "all"]),
                ("a.R", "make_option(c('-a', '--b', help = 'never closed\nprint(1)\n", None),
                ("a.sh", "while getopts 'ab:' o; do :; done\n", ["a", "b"]),
                ("a.sh", "f() { echo $1; }\ncp \"$1\" \"$2\"\n", ["arg1", "arg2"])):
            with self.subTest(text):
                project, _ = self.of({name: text})
                names = [one.name for one in (*project.jobs[0].args, *project.jobs[0].params)]
                self.assertEqual(names, names if expected is None else expected)

    def test_existing_project_is_only_read_and_one_odd_script_hides_no_other(self):
        ran = "raise SystemExit('it was run')\n"
        project, _ = self.of({"ast.py": ran, "json.py": ran, "a.py": "import argparse\np.add_argument('--aa')\n",
                              "odd.py": f"import argparse\np.add_argument('--n', default=0x{'f' * 5000})\n",
                              "deep.py": "import argparse\np.add_argument(" + "(" * 5000 + ")" * 5000 + ")\n"})
        self.assertEqual([one.name for job in project.jobs if job.name == "a" for one in job.params], ["aa"])

    def test_existing_project_that_is_not_there_is_a_fault(self):
        with folder({}) as path:
            ending = scaffold("nowhere", "--existing", "--yes", folder=path)
            self.assertEqual((ending.status, contents(path)), (2, {}))

    def test_existing_project_has_no_template(self):
        with folder({}) as path:
            ending = scaffold("--existing", "--template", "iris", "--yes", folder=path)
            self.assertEqual((ending.status, contents(path)), (2, {}))


class Outside(unittest.TestCase):
    """Nothing is written, and nothing is read, outside of the two folders."""
    maxDiff = None
    PATHS = ["../x", "a/../../x", "/tmp/x", "~/x", "..", "", "C:\\x", "\\x", "..\\x", "a\\..\\..\\x", ".git/config",
             "sub/.GIT/hooks/x"]

    def refused(self, text, files=(), words=()):
        with folder(template(text, files, secret="s3cret")) as path:
            before = contents(path)
            ending = scaffold("new", "--template", "./tpl", *words, "--yes", folder=path)
            self.assertEqual((ending.status, ending.stdout), (1, ""), ending)
            self.assertEqual(contents(path), before)
            return ending.stderr

    def test_a_files_name_is_refused(self):
        for name in self.PATHS:
            with self.subTest(name):
                quoted = "'%s'" % name
                message = self.refused("files:\n- {name: ok, template: a}\n- {name: %s, template: a}\n" % quoted,
                                       {"a": ""})
                self.assertIn("skelebot: template.yaml:3: files[1].name: ", message)

    def test_a_folders_name_is_refused(self):
        for name in self.PATHS:
            with self.subTest(name):
                self.assertIn("skelebot: template.yaml:1: dirs", self.refused("dirs: [ok, '%s']\n" % name))

    def test_a_source_is_refused(self):
        for name in self.PATHS:
            with self.subTest(name):
                message = self.refused("files: [{name: ok, template: '%s'}]\n" % name)
                self.assertIn("skelebot: template.yaml:1: files[0].template: ", message)

    def test_a_name_made_of_answers_is_refused(self):
        text = "prompts: [{var: x, message: X}]\nfiles: [{name: 'a/{x}', template: a}]\n"
        for answer in ("../../secret", "..", "../x"):
            with self.subTest(answer):
                self.assertIn("files[0].name: ", self.refused(text, {"a": ""}, ("--answer", "x=" + answer)))

    def test_the_message_names_the_path_and_what_to_do(self):
        self.assertEqual(self.refused("files: [{name: ../x, template: a}]\n", {"a": ""}), two_lines(
            "template.yaml:1: files[0].name: '../x' is outside of its folder", "name a path below it, without .."))

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_a_link_in_the_project_is_not_followed_out_of_it(self):
        for link, target in (("new/src", "../elsewhere"), ("new/src/jobs", "../../elsewhere"),
                             ("new/README.md", "../elsewhere/readme"), ("new/.skelebot", "../elsewhere"),
                             ("new/.skelebot/schema.json", "../../elsewhere/x")):
            with self.subTest(link), folder({"elsewhere/x": "", "new/x": "",
                                             os.path.dirname(link) + "/x": ""}) as path:
                os.symlink(target, os.path.join(path, *link.split("/")))
                before = contents(path)
                ending = scaffold("new", "--yes", folder=path)
                self.assertEqual((ending.status, contents(path)), (1, before), ending)
                self.assertIn("leads outside of new, by a link\n  hint: nothing was written; remove the link\n",
                              ending.stderr)

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_a_link_in_the_template_is_not_followed_out_of_it(self):
        for name, link, target in (("a", "tpl/a", "../secret"), ("sub/secret", "tpl/sub", ".."),
                                   ("a", "tpl/a", "/etc/passwd")):
            with self.subTest(link, target=target), folder(template("files: [{name: stolen, template: %s}]\n" % name,
                                                                    secret="s3cret")) as path:
                os.symlink(target, os.path.join(path, *link.split("/")))
                ending = scaffold("new", "--template", "./tpl", "--yes", folder=path)
                self.assertEqual((ending.status, os.path.exists(os.path.join(path, "new"))), (1, False), ending)

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_a_template_yaml_that_is_a_link_out_is_refused(self):
        with folder({"elsewhere.yaml": "dirs: [x]\n", "tpl/a": ""}) as path:
            os.symlink("../elsewhere.yaml", os.path.join(path, "tpl", "template.yaml"))
            self.assertEqual(scaffold("new", "--template", "./tpl", "--yes", folder=path).status, 1)

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_a_link_inside_of_the_template_is_followed(self):
        with folder(template("files: [{name: a, template: link}]\n", {"real": "text"})) as path:
            os.symlink("real", os.path.join(path, "tpl", "link"))
            self.assertEqual(scaffold("new", "--template", "./tpl", "--yes", folder=path).status, 0)
            self.assertEqual(contents(path)["new/a"], b"text")


class TemplateYaml(unittest.TestCase):
    maxDiff = None
    FAULTS = {
        "dir: [a]\n": ("1: dir: unknown key", "did you mean dirs?"),
        "files: [{nam: a, template: a}]\n": ("1: files[0].nam: unknown key", "did you mean name?"),
        "files:\n- {name: a}\n": ("2: files[0]: needs the key template", "add a line such as template: ..."),
        "prompts:\n- {var: a}\n": ("2: prompts[0]: needs the key message", "add a line such as message: ..."),
        "prompts:\n- {var: --a, message: A}\n": (
            "2: prompts[0].var: expected a name of letters, digits, _ . and -, without leading dashes, found '--a'",
            "write epochs, type --epochs"),
        "files: a\n": ("1: files: expected a mapping, found 'a'", "write KEY: VALUE, one on a line"),
        "config: [a]\n": ("1: config: expected a mapping, found a list", "write KEY: VALUE, one on a line"),
        "- a\n": ("1: expected a mapping, found a list", "write KEY: VALUE, one on a line"),
        "dirs: [a\n": ("2: expected ',' or ']', but got '<stream end>' (in what starts in line 1)",
                       "close the bracket, and put commas between the items"),
    }

    def test_template_yaml_with_a_fault_gets_these_two_lines_and_nothing_is_written(self):
        for text, (message, hint) in self.FAULTS.items():
            with self.subTest(text):
                ending, files, _ = made(text)
                self.assertEqual((ending, files), ((1, "", two_lines("template.yaml:" + message, hint)), {}))

    def test_template_yaml_cannot_name_a_file_that_is_not_beside_it(self):
        ending, files, _ = made("files: [{name: a, template: gone.txt}]\n")
        self.assertEqual((ending, files), ((1, "", two_lines(
            "template ./tpl: has no file 'gone.txt'",
            "a template is a folder with a template.yaml, which names the files beside it")), {}))

    def test_template_yaml_whose_config_is_no_project_writes_nothing(self):
        for config in ("{jobs: [{name: a}]}", "{jbs: []}", "{name: '!'}", "{dependencies: ['/x y']}"):
            with self.subTest(config), folder(template(f"config: {config}\n")) as path:
                ending = scaffold("new", "--template", "./tpl", "--yes", folder=path)
                self.assertEqual((ending.status, os.path.exists(os.path.join(path, "new"))), (1, False))

    def test_template_yaml_that_is_missing_is_a_fault(self):
        with folder({"tpl/x": ""}) as path:
            ending = scaffold("new", "--template", "./tpl", "--yes", folder=path)
            self.assertEqual(ending, (1, "", two_lines(
                "template ./tpl: has no file 'template.yaml'",
                "a template is a folder with a template.yaml, which names the files beside it")))

    def test_template_yaml_may_be_empty(self):
        for text in ("", "# nothing\n", "files:\ndirs:\nprompts:\nconfig:\n"):
            ending, files, project = made(text)
            self.assertEqual((ending.status, sorted(files)), (0, sorted(OURS)))

    def test_template_yaml_has_the_language_of_the_option_unless_it_has_its_own(self):
        self.assertEqual(made("config: {gpu: true}\n", words=("--language", "R"))[2].language, "R")
        ending, files, _ = made("config: {language: Python}\n", words=("--language", "R"))
        self.assertEqual((ending, files), ((2, "", two_lines(
            "scaffold: this template is for Python, not for R", "leave --language out")), {}))

    def test_template_yaml_that_is_unknown_is_a_fault_with_a_hint(self):
        with folder({}) as path:
            ending = scaffold("--template", "irs", "--yes", folder=path)
            self.assertEqual(ending, (2, "", two_lines(
                "scaffold: unknown template 'irs'", "did you mean iris?; or give a folder, https://... or git@...")))
            self.assertEqual(contents(path), {})

    def test_template_yaml_of_language_na_is_a_fault(self):
        with folder({}) as path:
            ending = scaffold("--template", "default", "--language", "NA", "--yes", folder=path)
            self.assertEqual(ending, (2, "", two_lines(
                "scaffold: no template for language NA", "choose Python, R or R+Python")))

    def test_template_yaml_that_is_not_there_is_refused_before_the_first_question(self):
        with folder({"a.yaml": ""}) as path:
            for name in ("../typo", "./typo/", "a.yaml"):
                self.assertEqual(scaffold("new", "--template", name, folder=path, answers=()), (2, "", two_lines(
                    f"scaffold: unknown template '{name}'",
                    "there are: dash, default, iris; or give a folder, https://... or git@...")))


@unittest.skipUnless(shutil.which("git"), "needs git")
class GitTemplate(unittest.TestCase):
    maxDiff = None
    TEXT = "prompts: [{var: city, message: Which city}]\nfiles: [{name: '{city}.txt', template: a.txt}]\n"

    def scaffold(self, path, url, *words, first=()):
        temporary = os.path.join(path, "temporary")
        os.makedirs(temporary, exist_ok=True)
        ending = process(*first, "scaffold", "new", "--template", url, *ANSWERS, *words, folder=path, TMPDIR=temporary,
                         GIT_TERMINAL_PROMPT="0")
        self.assertEqual(os.listdir(temporary), [], "the clone is removed")
        self.assertNotIn("Traceback", ending.stderr)
        return ending

    def repository(self, path):
        """The file:// address of a Git repository made of tpl/."""
        tpl, who = os.path.join(path, "tpl"), ("-c", "user.name=A", "-c", "user.email=a@example.com")
        for words in (("init", "--quiet"), ("add", "."), (*who, "commit", "--quiet", "--message", "a")):
            subprocess.check_call(["git", *words], cwd=tpl)
        return "file://" + tpl.replace(os.sep, "/")

    def test_git_template_is_cloned_and_filled_and_the_clone_is_gone(self):
        with folder(template(self.TEXT, {"a.txt": "{name} in {city}\n"})) as path:
            ending = self.scaffold(path, self.repository(path), "--answer", "city=Bern")
            self.assertEqual((ending.status, ending.stdout), (0, ""), ending)
            self.assertEqual(contents(os.path.join(path, "new"))["Bern.txt"], b"Churn Model in Bern\n")

    def test_git_template_leaves_no_clone_when_it_is_refused(self):
        with folder(template("files: [{name: ../x, template: a}]\n", {"a": ""})) as path:
            ending = self.scaffold(path, self.repository(path), "--yes")
            self.assertEqual((ending.status, os.path.exists(os.path.join(path, "new"))), (1, False))

    @unittest.skipIf(os.name == "nt", "links need a right of their own there")
    def test_git_template_has_no_link_out_of_it(self):
        with folder(template("files: [{name: a, template: a}]\n", secret="s3cret")) as path:
            os.symlink(os.path.join(path, "secret"), os.path.join(path, "tpl", "a"))
            ending = self.scaffold(path, self.repository(path), "--yes")
            self.assertEqual((ending.status, os.path.exists(os.path.join(path, "new"))), (1, False))

    def test_git_template_that_cannot_be_cloned_is_a_fault(self):
        with folder({}) as path:
            url = "file://" + path.replace(os.sep, "/") + "/gone"
            ending = self.scaffold(path, url, "--yes")
            self.assertEqual((ending.status, contents(path)), (1, {"temporary/": None}))
            self.assertTrue(ending.stderr.endswith(f"skelebot: {url} could not be cloned\n"
                                                   "  hint: the lines above are git's own; try git clone\n"),
                                                   ending.stderr)

    def test_git_template_never_has_its_password_shown(self):
        for url in ("http://ada:s3cret@127.0.0.1:1/x", "https://ada:pa@s3cret@127.0.0.1:1/x",
                    "ssh://ada:s3cret@127.0.0.1:1/x",
                    "file://ada:s3cret@127.0.0.1/x", "git://ada:s3cret@127.0.0.1:1/x"):
            for first in ((), ("-V",), ("--dry-run",)):
                with self.subTest(url, first=first), folder({}) as path:
                    ending = call(*first, "scaffold", "new", "--template", url, *ANSWERS, folder=path)
                    self.assertEqual((ending.status, contents(path)), (2, {}))
                    self.assertNotIn("s3cret", ending.stdout + ending.stderr)

    def test_git_template_may_have_a_user_in_its_address(self):
        done = drive(skelebot.Scaffold(skelebot.Call(), Words({"template": ("https://org@dev.example.com/x",)})).plan_template(), {
            "clone": Outcome(128)})
        self.assertEqual(done.outline, [
            "Scratch", "git clone --quiet --depth 1 -- https://org@dev.example.com/x /tmp/scratch/template >&2",
            "Remove /tmp/scratch"])
        self.assertEqual(done.fault.message, "https://dev.example.com/x could not be cloned")

    def test_git_template_is_removed_after_an_interruption(self):
        done = drive(skelebot.Scaffold(skelebot.Call(), Words({"template": ("git@example.com:a/b.git",)})).plan_template(), {
            "clone": KeyboardInterrupt()})
        self.assertEqual(done.outline[1:], [
            "git clone --quiet --depth 1 -- git@example.com:a/b.git /tmp/scratch/template >&2", "Remove /tmp/scratch"])

    def test_git_template_is_never_an_option_or_a_program(self):
        for url in ("--upload-pack=id", "ext::sh -c id", "-u", "fd::7"):
            with self.subTest(url), folder({}) as path:
                ending = scaffold("new", "--template=" + url, "--yes", folder=path)
                self.assertEqual((ending.status, contents(path)), (2, {}))
                self.assertIn("unknown template", ending.stderr)

    def test_git_template_never_has_a_token_or_password_in_its_address(self):
        for user in ("ghp_" + 36 * "x", "ada:s3cret", "ada:" + 36 * "x", ":s3cret", "oauth2:s3cret"):
            with self.subTest(user), folder({}) as path:
                ending = scaffold("--template", f"https://{user}@example.com/x", folder=path, answers=())
                self.assertEqual(ending, (2, "", two_lines(
                    "scaffold: https://example.com/x was given with a password in it",
                    "leave it out, since others on this machine can see it; git asks, or has a credential helper")))


class DryRun(unittest.TestCase):
    def test_dry_run_writes_nothing(self):
        for words in (("new",), (".",), (".", "--existing"), ("new", "--template", "./tpl"),
                      ("new", "--template", "https://example.com/x")):
            with self.subTest(words), folder(template("dirs: [a]\n", {"a": ""})) as path:
                before = contents(path)
                ending = call("--dry-run", "scaffold", *words, *ANSWERS, "--yes", folder=path)
                self.assertEqual((ending.status, contents(path)), (0, before))
                self.assertTrue(ending.stdout)

    def test_dry_run_of_a_git_template_shows_the_clone_and_no_file(self):
        with folder({}) as path:
            ending = call("--dry-run", "scaffold", "--template", "https://example.com/x", *ANSWERS, "--yes",
                          folder=path)
            self.assertRegex(ending.stdout, (
                r"\Amkdir -m 700 -- (/tmp/skelebot-[0-9a-f]{8})\n"
                r"git clone --quiet --depth 1 -- https://example.com/x \1/template >&2\nrm -rf -- \1\n\Z"))
            self.assertEqual(ending.stderr, "skelebot: what follows depends on the template\n")


if __name__ == "__main__":
    unittest.main()
