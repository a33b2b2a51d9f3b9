"""The manual, README.md and templates/help, says what is true: its examples work, its tables agree with the records
and options, and its pictures show what happens."""
import http.server
import json
import os
import re
import threading
import unittest

import picture
import skelebot
import support
from support import call, contents, folder, process, read
from skelebot import COMMANDS, OPTIONS, Arg, Job, Param, Project, Words

with open(os.path.join(support.ROOT, "README.md"), encoding="utf-8") as file:
    README = file.read()

RECORDS = {"key": Project, "key of a job": Job, "key of `args`": Arg, "key of `params`": Param,
           "key of `resources`": skelebot.Resources, "key of a host": skelebot.HostRecord, "key of `kubernetes`": skelebot.KubernetesHost,
           "key of `slurm`": skelebot.SlurmHost,
           "key of `sweep`": skelebot.Sweep,
           "key of `best`": skelebot.Best, "key of `envFiles`": skelebot.EnvFile,
           "key of `artifacts`": skelebot.Artifact, "key of `artifactory`": skelebot.Artifactory,
           "key of `auth`": skelebot.Auth, "key of `s3`": skelebot.S3, "key of `folder`": skelebot.Folder,
           "key of `jupyter`": skelebot.JupyterSection, "key of `kerberos`": skelebot.KerberosSection,
           "key of `registry`": skelebot.RegistrySection, "key of `package`": skelebot.PackageSection}


HELP = os.path.join(support.ROOT, "templates", "help")
TOPICS = {}
for one in sorted(os.listdir(HELP)):
    if one.endswith(".md"):
        with open(os.path.join(HELP, one), encoding="utf-8") as file:
            TOPICS[one[:-3]] = file.read()


def blocks(kind, text=README):
    """The texts of a page's blocks of a kind."""
    return [block for one, block in re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", text) if one == kind]


def rows(first):
    """The rows of the manual's table whose heading begins with a cell, each as a list of cells."""
    tables = [[[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.strip().split("\n")]
              for table in re.findall(r"(?m)(?:^\|.*\n)+", "\n".join([README, *TOPICS.values()]))]
    return next(table[2:] for table in tables if table[0][0] == first)


def typed(text):
    """The pieces of a text that stand in backquotes."""
    return re.findall(r"`([^`]+)`", text)


class Examples(unittest.TestCase):
    maxDiff = None

    def test_the_skelebot_yaml_is_read_and_its_job_is_the_command_that_is_said(self):
        for page, shown in ((README, next(text for text in blocks("yaml") if "ports" in text)),
                            (TOPICS["yaml"], blocks("yaml", TOPICS["yaml"])[0])):
            it = read(shown)
            job = it.jobs[0]
            parser = skelebot.job_parser(it, job)
            argv = job.argv(parser.words(parser.parse(["-e", "50"])))
            self.assertEqual((it.warnings, it.image_tag()), ((), "churn-model"))
            self.assertIn(f"`{' '.join(argv)}`", page)

    def test_the_job_gets_the_words_that_are_said(self):
        it = read(blocks("yaml", TOPICS["jobs"])[0])
        parser = skelebot.job_parser(it, it.jobs[0])
        argv = it.jobs[0].argv(parser.words(parser.parse(["north", "--fast"])))
        self.assertIn(f"`{' '.join(argv)}`", TOPICS["jobs"].replace("\n", " "))

    def test_the_artifacts_are_read_and_stored_under_the_name_that_is_said(self):
        shown = blocks("yaml", TOPICS["artifacts"])[0]
        artifact = read(shown).settings["repository"].artifacts[0]
        self.assertIn(f"stores `{artifact.file}` as `{artifact.stored_name('1.2.0')}`", TOPICS["artifacts"])

    def test_the_template_yaml_makes_a_project(self):
        with folder({"tpl/template.yaml": blocks("yaml", TOPICS["templates"])[-1], "tpl/main.py": "print('{city}')\n"}) as path:
            ending = call("scaffold", "new", "--template", "tpl", "--name", "Big Churn", "--answer", "city=Bern",
                          "--yes", folder=path)
            self.assertEqual((ending.status, ending.stdout), (0, ""), ending)
            new = os.path.join(path, "new")
            self.assertEqual(contents(new)["src/big_churn.py"], b"print('Bern')\n")
            self.assertEqual([(job.source, job.help) for job in skelebot.read_folder(new).jobs],
                             [("src/big_churn.py", "Look at Bern")])

    def test_the_plugin_tells_a_chat_room_how_each_job_ended(self):
        told = []

        class Room(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                told.append(self.headers["Content-Type"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Room)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        config = {"name": "churn", "jobs": [{"name": "train", "source": "exit 3"}],
                  "components": {"webhook": {"url": "http://127.0.0.1:%d/secret?k=1" % server.server_port}}}
        with folder({"webhook/webhook.py": blocks("python", TOPICS["plugins"])[0], "project/skelebot.yaml": json.dumps(config)}) as path:
            home = {"SKELEBOT_HOME": os.path.join(path, "home")}
            installed = process("plugin", "install", "webhook", folder=path, **home)
            self.assertEqual(installed.stderr, "skelebot: installed the plugin webhook in %s\n"
                             % os.path.join(path, "home", "plugins", "webhook"))
            ending = process("-V", "-n", "train", folder=os.path.join(path, "project"), **home)
        self.assertEqual((ending.status, told), (3, [
            {"text": "churn: train ended with 3"}, "application/json"]))
        self.assertNotIn("secret", ending.stderr)
        self.assertLess(len([line for line in blocks("python", TOPICS["plugins"])[0].split("\n") if line]), 16)

    def test_the_kerberos_section_is_read(self):
        shown = blocks("yaml", TOPICS["kerberos"])[0]
        self.assertEqual(read(shown).settings["kerberos"][:3], ("krb/krb5.conf", "~/ada.keytab", "ada@EXAMPLE.COM"))

    def test_the_fault_is_told_in_these_two_lines(self):
        text = "name: x\njobs:\n- {name: a, source: a}\n- name: b\n  source: b\n" + 8 * "\n" + "  mapping: [data/]\n"
        with self.assertRaises(skelebot.SkelebotError) as caught:
            read(text)
        for page in (README, TOPICS["troubleshooting"]):
            self.assertIn(f"{caught.exception}\n", blocks("", page))


class Keys(unittest.TestCase):
    def test_are_those_of_the_records_in_their_order(self):
        for heading, record in RECORDS.items():
            with self.subTest(heading):
                self.assertEqual([typed(row[0]) for row in rows(heading)], [[key] for key in skelebot.fields(record)])

    def test_have_the_defaults_of_the_records(self):
        words = {"": "", (): "", None: "", False: "false", skelebot.Dependencies(): "",
                 skelebot.Auth(): "", skelebot.Sweep(): "", skelebot.Best(): "", skelebot.Network(): "", skelebot.Resources(): "", True: "true"}
        said = {("key", "gpu"): "false", ("key", "ephemeral"): "false", ("key", "offline"): "false", ("key of `params`", "accepts"): "text",
                ("key of `registry`", "host"): "Docker Hub", ("key", "baseImage"): "by language; `NA`: `debian:stable-slim`",
                **{("key of `s3`", key): row[2] for key, row in zip(skelebot.fields(skelebot.S3), rows("key of `s3`"))
                   if key not in ("bucket",)}}
        for heading, record in RECORDS.items():
            for key, row in zip(skelebot.fields(record), rows(heading)):
                default = record._field_defaults.get(key, "required")
                expected = "required" if key not in record._field_defaults else words.get(default, f"`{default}`")
                with self.subTest(heading, key=key):
                    self.assertEqual(row[2], said.get((heading, key), expected))

    def test_have_the_values_of_the_records(self):
        for heading, record in RECORDS.items():
            for key, row in zip(skelebot.fields(record), rows(heading)):
                with self.subTest(heading, key=key):
                    values = getattr(record.__annotations__[key], "values", ())
                    self.assertEqual(tuple(typed(row[1])) if values else (), values)

    def test_of_the_components_are_those_of_their_records(self):
        sections = {typed(row[0])[0]: row[1] for row in rows("section")}
        self.assertEqual(list(sections), list(skelebot.COMPONENTS))
        for name, kind in skelebot.COMPONENTS.items():
            keys = [re.match(r"\w+", text).group() for text in typed(sections[name])]
            self.assertEqual(keys, list(skelebot.fields(kind.record)), name)


class CommandLine(unittest.TestCase):
    def test_options_before_the_job_are_these(self):
        self.assertEqual([row[0].replace("`", "") for row in rows("option, before the job")],
                         [name for name, _ in skelebot.option_rows(OPTIONS)])

    def test_commands_are_these(self):
        self.assertEqual([typed(row[0])[0].split()[0] for row in rows("command")], list(COMMANDS))

    def test_commands_have_these_options_and_arguments(self):
        for row in rows("command"):
            name, *words = re.findall(r"[\w-]+", typed(row[0])[0])
            command = COMMANDS[name]
            self.assertEqual([word.lower() for word in words if word.lower() in [arg.name for arg in command.args]],
                             [arg.name for arg in command.args])
            for option in command.params if name != "scaffold" else ():
                self.assertIn("-" + option.alt if option.alt else "--" + option.name, words)

    def test_options_of_scaffold_are_these(self):
        spelt = {word for row in rows("option") for text in typed(row[0]) for word in text.split()[:1]}
        self.assertEqual(spelt, {word for option in COMMANDS["scaffold"].params
                                 for word in (["-" + option.alt] if option.alt else []) + ["--" + option.name]})

    def test_options_of_jupyter_and_publish_are_these(self):
        for name in ("jupyter", "publish"):
            spelt = [row[0].replace("`", "") for row in rows(f"option of `{name}`")]
            self.assertEqual(spelt, [name for name, _ in skelebot.option_rows(COMMANDS[name].params)])

    def test_hooks_of_plugins_are_these(self):
        hooks = [name for name in vars(skelebot.Component) if name[0] != "_" and name != "read"
                 and callable(getattr(skelebot.Component, name))]
        self.assertEqual(sorted(typed(row[0])[0].partition("(")[0] for row in rows("hook")), sorted(hooks))

    def test_the_answers_of_a_template_are_those_that_every_project_is_asked_for(self):
        scaffold = skelebot.Scaffold(skelebot.Call(), Words({"yes": ("true",)}))
        support.drive(scaffold.plan_answers())
        self.assertEqual(len(scaffold.answers), 5)
        for name in scaffold.answers:
            self.assertIn("`{%s}`" % name, TOPICS["templates"])


class Readme(unittest.TestCase):
    maxDiff = None

    def test_has_at_most_220_lines_of_at_most_100_columns(self):
        lines = README.split("\n")
        self.assertLess(len(lines), 222)
        self.assertEqual([line for line in lines if len(line) > 100], [])

    def test_links_to_files_that_exist_and_to_each_topic(self):
        links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
        self.assertEqual([path for path in links if not os.path.isfile(os.path.join(support.ROOT, path))], [])
        self.assertEqual([name for name in TOPICS if f"templates/help/{name}.md" not in links], [])

    def test_sessions_end_as_they_are_shown(self):
        sessions = [text for text in blocks("") if text.startswith("$ ")]
        self.assertEqual(len(sessions), 3)
        for shown in sessions:
            files = {"fit.py": blocks("python")[0]} if "--existing" in shown else {}
            self.assertEqual(picture.session(picture.commands(shown), files), shown)

    def test_first_project_from_what_is_there_has_the_job_that_is_shown(self):
        with folder({"fit.py": blocks("python")[0]}) as path:
            self.assertEqual(call("scaffold", "--existing", "--yes", folder=path).status, 0)
            job = skelebot.read_folder(path).jobs[0]
        self.assertEqual((job.name, job.mappings, job.params[0]._replace(places=None)[:3]),
                         ("fit", ("models/",), ("passes", "", ("20",))))
        self.assertIn("a job `fit` with the parameter `--passes`, and maps `models/`", README.replace("\n", " "))

    def test_names_messages_that_there_are(self):
        with open(os.path.join(support.ROOT, "skelebot.py"), encoding="utf-8") as file:
            source = file.read().replace("{FILE}", skelebot.FILE)
        others = {"push", "ModuleNotFoundError", "No such file or directory", "Permission denied"}
        said = {words for page in ("you see", "message") for row in rows(page) for words in typed(row[0])}
        self.assertEqual([words for words in sorted(said - others) if words not in source], [])


class Pictures(unittest.TestCase):
    def shown(self, name):
        with open(os.path.join(HELP, name), encoding="utf-8") as file:
            return file.read()

    def test_session_says_what_the_readme_says(self):
        shown = picture.readme_session()
        self.assertEqual(picture.texts(self.shown("session.svg")), [line for line in shown.split("\n") if line])
        self.assertEqual(self.shown("session.svg"), picture.terminal(shown))

    def test_call_is_as_it_is_drawn(self):
        self.assertEqual(self.shown("call.svg"), picture.way())

    def test_are_xml_that_loads_nothing_from_elsewhere(self):
        import xml.etree.ElementTree
        for name in picture.PICTURES:
            text = self.shown(name)
            xml.etree.ElementTree.fromstring(text)
            self.assertNotRegex(text.replace("http://www.w3.org/2000/svg", ""), "http|<script|href")


class Topics(unittest.TestCase):
    """The pages of templates/help, which `skelebot help` shows."""

    def test_begin_with_their_name_and_a_line_that_says_what_they_are_about(self):
        for name, text in TOPICS.items():
            with self.subTest(name):
                self.assertRegex(text.split("\n")[0], f"^# {name}: [^A-Z].{{10,70}}[^.]$")

    def test_are_no_wider_than_80_columns_but_for_tables_and_code(self):
        for name, text in TOPICS.items():
            prose = re.sub(r"(?ms)^```.*?^```$|^\|.*?$", "", text)
            self.assertEqual([line for line in prose.split("\n") if len(line) > 80], [], name)

    def test_link_only_to_topics_that_exist(self):
        for name, text in TOPICS.items():
            for shown, target in re.findall(r"\[([^\]]+)\]\((?!https?:)([^)]+)\)", text):
                with self.subTest(name, link=target):
                    self.assertIn(target, [one + ".md" for one in TOPICS])

    def test_hold_yaml_that_is_read_without_a_warning(self):
        for name, text in TOPICS.items():
            for shown in blocks("yaml", text):
                if not shown.startswith("prompts:"):
                    env = re.match(r"# skelebot-(\w+)\.yaml\n", shown)
                    files = {f"skelebot-{env.group(1)}.yaml": shown} if env else {}
                    with self.subTest(name, shown=shown):
                        self.assertEqual(read("name: x\n" if env else shown, env and env.group(1), **files).warnings, ())


if __name__ == "__main__":
    unittest.main()
