"""The pages that explain a project, and the options that answer without running anything."""
import os
import re
import subprocess
import sys
import unittest

import skelebot
import support
from program import SKELEBOT
from support import call, folder, golden, process, two_lines
from test_failing import at_terminal

PROJECTS = os.path.join(support.HERE, "projects")
HELP = os.path.join(PROJECTS, "help")
CHURN = {"skelebot.yaml": "name: churn\nversion: 1.4.0\njobs:\n  - {name: train, source: train.sh}\n",
         "train.sh": "echo trained with \"$@\"\n", "skelebot-dev.yaml": "version: 1.5.0-dev\n"}


def page(*words, **place):
    """What a call of skelebot shows, with the release's number left out."""
    ending = call(*words, **place)
    return ending._replace(stdout=ending.stdout.replace("skelebot " + skelebot.__version__, "skelebot VERSION"))


class Pages(unittest.TestCase):
    maxDiff = None

    def test_page_of_a_project(self):
        for words in ([], ["-h"], ["--help"]):
            with self.subTest(words):
                self.assertEqual(page(*words, folder=HELP), (0, golden("help-project.txt"), ""))

    def test_page_of_a_project_in_an_environment(self):
        with folder(CHURN) as path:
            self.assertEqual(call("-e", "dev", "-h", folder=path).stdout.split("\n")[:2], [
                "churn 1.5.0-dev (environment dev)", "environments: dev"])

    def test_page_of_a_project_without_jobs(self):
        with folder({"skelebot.yaml": "name: churn\n"}) as path:
            self.assertEqual(page("--help", folder=path), (0, golden("help-no-jobs.txt"), ""))

    def test_page_outside_a_project(self):
        with folder({}) as path:
            for words in ([], ["-h"], ["--help"]):
                with self.subTest(words):
                    self.assertEqual(page(*words, folder=path), (0, golden("help-outside.txt"), ""))

    def test_page_of_a_job(self):
        for words in (["load-data", "--help"], ["load-data", "-h"], ["-h", "load-data"], ["load-data", "2020-01-01", "all", "-fh"],
                      ["load-data", "-h", "+", "train"], ["train", "+", "load-data", "-h"]):
            with self.subTest(words):
                self.assertEqual(page(*words, folder=HELP), (0, golden("help-job.txt"), ""))

    def test_page_of_a_job_named_like_a_command(self):
        self.assertEqual(page("envs", "--help", folder=HELP), (0, golden("help-job-envs.txt"), ""))

    def test_page_of_a_command(self):
        for name in ("prime", "push", "pull"):
            with self.subTest(name):
                self.assertEqual(page(name, "--help", folder=HELP), (0, golden(f"help-{name}.txt"), ""))
        with folder({}) as path:
            self.assertEqual(page("scaffold", "-h", folder=path), (0, golden("help-scaffold.txt"), ""))

    def test_pages_are_80_columns_wide_where_there_is_no_terminal(self):
        for words in (["-h"], ["load-data", "-h"], ["envs", "-h"], ["scaffold", "-h"]):
            lines = call(*words, folder=HELP).stdout.split("\n")
            self.assertEqual([line for line in lines if len(line) > 80], [], words)

    def test_pages_carry_no_warning_but_commands_do(self):
        with folder({"skelebot.yaml": "name: churn\ncomponents:\n  slack: {channel: ml}\n"}) as path:
            self.assertEqual(page("--help", folder=path), (0, golden("help-no-jobs.txt"), ""))
            self.assertEqual(call("envs", folder=path), (
                0, "[default]\n",
                "skelebot: warning: skelebot.yaml:3: components.slack: needs a plugin of that name\n"))

    def test_pages_have_bold_headings_only_on_a_terminal_without_NO_COLOR(self):
        page = skelebot.Pages().section("Jobs", [("train", "train the model")])
        self.assertEqual(skelebot.Pages(80, bold=True).shown(page), "\033[1mJobs:\033[0m\n  train  train the model\n")
        self.assertEqual(skelebot.Pages(80).shown(page), "Jobs:\n  train  train the model\n")

    def test_pages_are_as_wide_as_the_terminal(self):
        rows = [("train", "train the model on all that is known of the customers")]
        self.assertEqual(skelebot.Pages(50).section("Jobs", rows),
                         "Jobs:\n  train  train the model on all that is known of\n         the customers\n")

    def test_pages_hold_per_cent_signs_and_braces_as_they_are_typed(self):
        text = "100 % of %s, %(prog)s, {name}, \\n"
        one = support.project(jobs=[{**support.TRAIN, "help": text, "params": [{"name": "epochs", "help": text}]}])
        self.assertIn(text, skelebot.Pages().job(one, one.jobs[0]))
        self.assertIn("epochs VALUE  " + text, skelebot.Pages().job(one, one.jobs[0]))

    def test_pages_need_no_locale(self):
        for locale in ("C", "POSIX", "C.UTF-8", "en_US.ISO-8859-1"):
            with self.subTest(locale):
                ending = process("--help", folder=HELP, LC_ALL=locale, PYTHONIOENCODING="")
                self.assertEqual((ending.status, ending.stdout.split("\n")[0], ending.stderr), (0, "Churn Model 1.4.0", ""))

    def test_pages_end_in_silence_when_the_reader_has_gone(self):
        read, write = os.pipe()
        os.close(read)
        argv = [sys.executable, SKELEBOT, "--help"]
        started = subprocess.Popen(argv, cwd=HELP, stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        self.assertEqual((started.communicate()[1], started.returncode), (b"", 141))

    def test_page_of_a_job_or_command_may_be_asked_for_before_its_name(self):
        for words in (["-h", "load-data"], ["--help", "load-data", "x"], ["-h", "envs"], ["-h", "prime"]):
            with self.subTest(words):
                after = page(words[1], "-h", folder=HELP)
                self.assertEqual(page(*words, folder=HELP), after)


class Answers(unittest.TestCase):

    def test_version_is_the_tools_and_the_projects(self):
        with folder(CHURN) as path:
            for words in (["-v"], ["--version"], ["-vh"], ["-v", "train"]):
                with self.subTest(words):
                    self.assertEqual(page(*words, folder=path), (0, "skelebot VERSION\nchurn 1.4.0\n", ""))

    def test_version_is_the_tools_alone_outside_a_project(self):
        with folder({}) as path:
            self.assertEqual(page("--version", folder=path), (0, "skelebot VERSION\n", ""))

    def test_contact_is_whom_to_ask(self):
        for text, contact in (("contact: ada@example.com\nmaintainer: Ada\n", "ada@example.com"), ("maintainer: Ada\n", "Ada")):
            with self.subTest(text), folder({"skelebot.yaml": "name: churn\n" + text}) as path:
                self.assertEqual(call("-c", folder=path), (0, contact + "\n", ""))

    def test_contact_is_a_fault_where_nobody_is_named(self):
        with folder(CHURN) as path:
            self.assertEqual(call("--contact", folder=path), (
                1, "", two_lines("skelebot.yaml: names neither contact nor maintainer",
                                 "add a line such as contact: ada@example.com")))

    def test_envs_lists_the_environments(self):
        with folder({**CHURN, "skelebot-prod.yaml": ""}) as path:
            self.assertEqual(call("envs", folder=path), (0, "[default]\ndev\nprod\n", ""))

    def test_nothing_is_written(self):
        with folder(CHURN) as path:
            for words in (["-h"], ["-v"], ["envs"], ["train", "-h"], ["--dry-run", "-n", "train"], ["zzz"]):
                call(*words, folder=path)
            self.assertEqual(sorted(os.listdir(path)), sorted(CHURN))


class Manual(unittest.TestCase):
    maxDiff = None

    def topic(self, name):
        return skelebot.template_bytes("help", name + ".md").decode()

    def test_topics_are_listed_with_what_they_are_about(self):
        with folder({}) as path:
            self.assertEqual(call("help", folder=path), (0, self.topic("topics"), ""))
        files = os.listdir(os.path.join(support.ROOT, "templates", "help"))
        self.assertEqual(sorted(name + ".md" for name in skelebot.topics()),
                         sorted(file for file in files if not file.endswith(".svg")))
        for name in skelebot.topics():
            first = self.topic(name).split("\n")[0]
            self.assertIn(f"| [{name}]({name}.md) | {first.partition(': ')[2]} |\n", self.topic("topics"))

    def test_a_topic_is_shown_as_it_is(self):
        with folder({"skelebot.yaml": "nam: faulty\n"}) as path:
            for name in skelebot.topics():
                self.assertEqual(call("help", name, folder=path), (0, self.topic(name), ""))

    def test_a_terminal_gets_tables_as_columns_and_links_as_words(self):
        text = ("See [jobs](jobs.md).\n\n| key | type | default | meaning |\n|---|---|---|---|\n"
                "| `port` | number | `8888` | the first port | \n| `name` | text | | `a \\| b` |\n\n| call |\n|---|\n| x |\n")
        self.assertEqual(skelebot.Pages(80).topic(text), (
            "See jobs.\n\nkey:\n  port  the first port (number; `8888`)\n  name  `a | b` (text)\n\n| call |\n|---|\n| x |\n"))
        with support.environment(PAGER=""), folder(CHURN) as path:
            shown = at_terminal("help", "jupyter", path=path).replace("\r", "")
        self.assertIn("\nkey of `jupyter`:\n  port      the first port that is", shown)
        self.assertNotIn("|---|", shown)

    def test_topics_fit_a_terminal_of_80_columns_but_for_code(self):
        for name in skelebot.topics():
            prose = re.sub(r"(?ms)^```.*?^```$|^\|.*?$", "", skelebot.Pages(80).topic(self.topic(name)))
            self.assertEqual([line for line in prose.split("\n") if len(line) > 80], [], name)

    def test_the_word_help_explains_a_job_or_command_too(self):
        for name in ("load-data", "envs", "prime", "help"):
            with self.subTest(name):
                self.assertEqual(call("help", name, folder=HELP), call(name, "--help", folder=HELP))
        self.assertEqual(call("help", "-h", folder=HELP), call("help", "help", folder=HELP))

    def test_a_job_wins_over_a_topic_and_over_the_word_help(self):
        text = "name: x\njobs:\n- {name: jobs, source: a.py}\n"
        with folder({"skelebot.yaml": text}) as path:
            self.assertIn("runs a.py", call("help", "jobs", folder=path).stdout)
        with folder({"skelebot.yaml": text + "- {name: help, source: echo helped, args: [word]}\n"}) as path:
            self.assertEqual(process("-n", "help", "jobs", folder=path), (0, "helped jobs\n", ""))

    def test_an_unknown_topic_is_told_with_what_was_perhaps_meant(self):
        for words in (["help", "exit_status"], ["exitstatus"]):
            self.assertEqual(call(*words, folder=HELP), (2, "", two_lines(
                f"unknown job or command '{words[-1]}'", "did you mean help exit-status?")))

    def test_it_is_paged_at_a_terminal_as_the_caller_says(self):
        for words, pager, shown in ((("help", "jobs"), "sed s/^#/PAGED/", "PAGED jobs:"), (("help", "jobs"), "", "# jobs:"),
                                    (("help", "jobs"), "no-such-program", "# jobs:"), (("envs",), "sed s/^/PAGED/", "[default]")):
            with self.subTest(words, pager=pager), support.environment(PAGER=pager), folder(CHURN) as path:
                self.assertEqual(at_terminal(*words, path=path).split("\n")[0][:len(shown)], shown)


class Habits(unittest.TestCase):
    def test_what_other_programs_call_it_is_answered_with_what_it_is_here(self):
        rows = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", skelebot.template_bytes("help", "habits.md").decode()))
        self.assertLessEqual({"run", "init", "build", "history", "shell", "lab", "ls", "jobs", "test"}, set(rows))
        self.assertEqual(set(rows) & set(skelebot.COMMANDS), set())
        with folder({"skelebot.yaml": "name: churn\n"}) as path:
            for word, hint in rows.items():
                self.assertEqual(call(word, "train", folder=path), (2, "", two_lines(f"unknown job or command '{word}'", hint)))
        with folder({}) as path:
            self.assertEqual(call("init", folder=path), (2, "", two_lines(
                "no skelebot.yaml here or above, so 'init' means nothing", rows["init"])))

    def test_words_after_a_job_that_are_skelebots_own_are_answered(self):
        for words, message, hint in (
                (["train", "--version"], "train: unknown option '--version'",
                 "skelebot's own options go before the job: skelebot --version train"),
                (["train", "help"], "train: cannot place 'help'", "skelebot train --help shows what it takes; words after -- are passed on")):
            self.assertEqual(call(*words, folder=HELP), (2, "", two_lines(message, hint)))

    def test_a_job_of_that_name_is_run(self):
        with folder({"skelebot.yaml": "name: x\njobs:\n- {name: test, source: echo tested}\n- {name: run, source: echo ran, args: [word]}\n"}) as path:
            self.assertEqual(process("-n", "test", "+", "run", "test", folder=path), (0, "tested\nran test\n", ""))


class GlobalOptions(unittest.TestCase):

    def test_an_environment_is_named_in_every_usual_form(self):
        with folder(CHURN) as path:
            for words in ("-e dev", "-edev", "-e=dev", "--env dev", "--env=dev", "-V -e dev", "-Ve dev", "-Vedev",
                          "-d h -e dev", "-sne dev", "-e prod -e dev", "-e dev -V"):
                with self.subTest(words):
                    self.assertEqual(page(*words.split(), "-v", folder=path).stdout, "skelebot VERSION\nchurn 1.5.0-dev\n")

    def test_they_hold_for_the_whole_chain(self):
        with folder(CHURN) as path:
            self.assertEqual(process("-n", "train", "--", "1", "+", "train", "--", "2", folder=path),
                             (0, "trained with 1\ntrained with 2\n", ""))

    def test_after_the_job_its_own_names_count(self):
        text = "name: churn\njobs:\n  - {name: train, source: train.sh, params: [{name: env, alt: e}]}\n"
        with folder({**CHURN, "skelebot.yaml": text}) as path:
            self.assertEqual(process("-n", "train", "-e", "dev", folder=path), (0, "trained with --env dev\n", ""))

    def test_directory_is_as_if_started_there(self):
        with folder(CHURN) as path, folder({}) as elsewhere:
            for words in (["-C", path], ["-C" + path], ["--directory=" + path]):
                with self.subTest(words):
                    self.assertEqual(page(*words, "-v", folder=elsewhere).stdout, "skelebot VERSION\nchurn 1.4.0\n")

    def test_a_folder_that_is_not_there_is_a_fault(self):
        with folder(CHURN) as path:
            self.assertEqual(call("-C", "gone", "-h", folder=path), (
                1, "", two_lines("gone: no such file or directory", "name a folder that exists, after -C")))

    def test_a_job_may_be_named_like_a_command_or_its_arg_like_an_option(self):
        text = ("name: churn\njobs:\n  - {name: envs, source: train.sh}\n"
                "  - {name: scaffold, source: train.sh, args: [help], params: [version]}\n")
        with folder({**CHURN, "skelebot.yaml": text}) as path:
            self.assertEqual(process("-n", "envs", folder=path), (0, "trained with\n", ""))
            self.assertEqual(process("-n", "scaffold", "me", "--version", "2", folder=path),
                             (0, "trained with me --version 2\n", ""))

    def test_an_unknown_environment_lists_the_known_ones(self):
        with folder({**CHURN, "skelebot-prod.yaml": ""}) as path:
            for env, hint in (("dve", "did you mean dev?"), ("x", "known are: dev, prod"), ("", "known are: dev, prod")):
                with self.subTest(env):
                    self.assertEqual(call("--env=" + env, "envs", folder=path), (
                        2, "", two_lines("unknown environment {!r}".format(env), hint)))

    def test_what_needs_a_project_is_a_fault_outside(self):
        place = "go to a project's folder, or make one with: scaffold"
        with folder({}) as path:
            for words, message, hint in (
                    (["train"], "so 'train' means nothing", place), (["-c"], "so '--contact' means nothing", place),
                    (["envs"], "so 'envs' means nothing", place), (["hosts"], "so 'hosts' means nothing", place),
                    (["scafold"], "so 'scafold' means nothing", "did you mean scaffold?"),
                    (["-e", "dev", "-h"], "so there are no environments", "go to a project's folder")):
                with self.subTest(words):
                    self.assertEqual(call(*words, folder=path), (
                        2, "", two_lines("no skelebot.yaml here or above, " + message, hint)))

    def test_an_option_without_its_dashes_is_explained(self):
        with folder(CHURN) as path:
            for word in ("version", "native"):
                self.assertEqual(call(word, folder=path), (
                    2, "", two_lines("unknown job or command '" + word + "'", "did you mean --" + word + "?")))


if __name__ == "__main__":
    unittest.main()
