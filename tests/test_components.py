"""Components: sections, hooks, Jupyter, Kerberos, publish, package."""
import contextlib
import io
import json
import os
import stat
import tempfile
import unittest
import zipfile
from typing import List, NamedTuple, Optional, Tuple

import support
from support import (Look, Read, Secrets, call, contents, drive, folder, golden, inside, outlined,
                     project, read, shown, skelebot, two_lines)
from skelebot import (Activation, Answer, Ask, Call, Command, Component, File, Kerberos,
                      Launch, Note, Outcome, Place, Refused, RegistryAws, RegistrySection, Remove, Scratch,
                      Secret, SecretsInside, SkelebotError, Wait, Words, Zip)

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b", python="/usr/bin/python3")
KERBEROS = {"krbConf": "krb5.conf", "keytab": "keys/ada.keytab", "hdfsUser": "ada"}
READS = ["Read .dockerignore", "Read Dockerfile"]
LOOKS = ["Look Dockerfile.dockerignore", "Look .containerignore"]
WRITES = ["Hold .", *READS, "Scratch 0a1b", "File Dockerfile", "File .dockerignore",
          "docker build --force-rm --tag churn --iidfile /tmp/scratch/image --file Dockerfile . >&2",
          "Remove /tmp/scratch", "Release"]
BUILD = [*READS, *LOOKS, *WRITES]
HERE = Place("skelebot.yaml", 1, "components.notify")
PASSWORD = "s3cret password"


def kerberos(path="/home/ada/churn", **changes):
    """The component of a project that lies at a path."""
    it = project(components={"kerberos": {**KERBEROS, **changes}}, folder=path)
    return it.components[0]


def ours(name, it):
    """One of our components, also where it takes no part in a project."""
    return skelebot.our_components(it)[name]


def node(text):
    return skelebot.YamlText(text, "skelebot.yaml").root()


def fault(function, *values):
    """The two lines of what a function refuses, without its exit status."""
    try:
        return f"nothing is wrong: {function(*values)!r}"
    except SkelebotError as error:
        return f"{error}\n"


HOME, BEFORE = tempfile.TemporaryDirectory(), {}
"""A home without plugins, whoever runs the tests, and the variables before."""


def setUpModule():
    BEFORE.update(os.environ)
    os.environ.update(HOME=HOME.name, SKELEBOT_HOME=HOME.name)
    os.chmod(HOME.name, 0o755)


def tearDownModule():
    os.environ.clear()
    os.environ.update(BEFORE)
    HOME.cleanup()


class Case(unittest.TestCase):
    maxDiff = None

    def assertFault(self, done, message, hint):
        self.assertEqual(f"{done.fault}\n", two_lines(message, hint))


# ---- Sections and hooks -----------------------------------------------------

class Server(NamedTuple):
    host: str
    port: int = 25


class Notify(NamedTuple):
    to: str
    times: int = 1
    quiet: bool = False
    share: float = 0.5
    jobs: Tuple[str, ...] = ()
    words: List[str] = ()
    cc: Optional[str] = None
    extra: dict = {}
    server: Optional[Server] = None
    servers: Tuple[Server, ...] = ()


class Late(NamedTuple):
    to: "str"
    times: "int" = 1
    cc: "Optional[str]" = None


class Notifier(Component):
    record = Notify


class SectionOfAPlugin(Case):
    WHOLE = ("to: yes\ntimes: 3\nquiet: on\nshare: 1e-3\njobs: train\nwords: [a, 3.10]\ncc: ''\n"
             "extra: {a: [1, x], b: {c: true}}\nserver: {host: h}\nservers:\n  - host: h\n    port: 26\n")

    def test_has_the_kinds_that_its_record_names(self):
        found = Notifier.read(node(self.WHOLE), HERE)
        self.assertEqual(found._replace(words=tuple(found.words)), Notify(
            "yes", 3, True, 0.001, ("train",), ("a", "3.10"), "", {"a": [1, "x"], "b": {"c": True}},
            Server("h"), (Server("h", 26),)))
        self.assertEqual([type(value) for value in found[:4]], [str, int, bool, float])

    def test_has_the_defaults_for_what_it_leaves_out(self):
        self.assertEqual(Notifier.read(node("to: ada\ncc:\n"), HERE), Notify("ada"))

    def test_may_have_annotations_that_are_texts(self):
        kind = type("Kind", (Component,), {"record": Late})
        self.assertEqual(kind.read(node("{to: a, times: 2, cc: b}"), HERE), Late("a", 2, "b"))

    def test_is_checked_like_our_own(self):
        at = "skelebot.yaml:1: components.notify"
        for text, message, hint in (
                ("", at + ": needs the key to", "add a line such as to: ..."),
                ("{To: ada}", at + ".To: unknown key", "did you mean to?"),
                ("{to: [ada]}", at + ".to: expected text, found a list",
                 "write it as one text, in quotes if it holds ': '"),
                ("{to: a, times: x}", at + ".times: expected a whole number, found 'x'", "write digits only"),
                ("{to: a, quiet: 2}", at + ".quiet: expected true or false, found '2'", "write true or false"),
                ("{to: a, share: x}", at + ".share: expected a number, found 'x'", "for example 0.5"),
                ("{to: a, server: {}}", at + ".server: needs the key host", "add a line such as host: ..."),
                ("{to: a, servers: [{host: h, prt: 1}]}", at + ".servers[0].prt: unknown key", "did you mean port?"),
                ("text", at + ": expected a mapping, found 'text'", "write KEY: VALUE, one on a line")):
            with self.subTest(text):
                self.assertEqual(fault(Notifier.read, node(text) or node("{}"), HERE), two_lines(message, hint))

    def test_takes_no_keys_without_a_record(self):
        self.assertIsNone(Component.read(node("{}"), HERE))
        self.assertEqual(fault(Component.read, node("{a: 1}"), HERE), two_lines(
            "skelebot.yaml:1: components.notify.a: unknown key", "components.notify takes no keys"))


class MisspeltSection(Case):
    def test_is_a_warning_that_names_the_nearest(self):
        for name, hint in (("jupiter", "; did you mean jupyter?"), ("Kerberos", "; did you mean kerberos?"),
                           ("registery", "; did you mean registry?"), ("packages", "; did you mean package?"),
                           ("repo", ""), ("slack", "")):
            with self.subTest(name):
                self.assertEqual(read(f"name: churn\ncomponents:\n  {name}: {{a: 1}}\n").warnings,
                                 (f"skelebot.yaml:3: components.{name}: needs a plugin of that name{hint}",))


class PartOfAProject(Case):
    def test_is_what_its_activation_says(self):
        kinds = {one: type(one.name, (Component,), {"activation": one, "name": one.name}) for one in Activation}
        installed = [(one.name, kind) for one, kind in kinds.items()]
        bare, named = project(), project()._replace(settings={one.name: None for one in Activation})
        for it, taking in ((None, ["EMPTY", "ALWAYS"]), (bare, ["PROJECT", "ALWAYS"]),
                           (named, ["CONFIG", "PROJECT", "ALWAYS"])):
            with self.subTest(taking):
                found = [one.name for one in skelebot.new_components(it, installed)]
                self.assertEqual(sorted(found), sorted(taking))

    def test_is_the_last_around_a_job_when_it_is_ours(self):
        kind = type("Always", (Component,), {"activation": Activation.ALWAYS, "name": "always"})
        it = project(components={"kerberos": KERBEROS}, installed=(("always", kind),))
        self.assertEqual([type(one) for one in it.components], [kind, Kerberos])

    def test_is_one_class_and_one_row(self):
        class Mark(Component):
            name = "mark"
            activation = Activation.PROJECT

            def run_words(self, job):
                return ("--label", f"mark={job.name}")

            def before(self, call, job, launch):
                yield from ()
                return launch._replace(environ={**launch.environ, "MARK": self.project.name})

        skelebot.COMPONENTS["mark"] = Mark
        self.addCleanup(skelebot.COMPONENTS.pop, "mark")
        it = project()
        done = drive(skelebot.plan_job(ADA, it, it.jobs[0], Words()), {Read: None})
        run = next(step for step in done.steps if "run" in getattr(step, "argv", ()))
        self.assertIn("--env MARK", run.line)
        self.assertIn("--label mark=train", run.line)

    def test_knows_the_project_that_it_is_a_part_of(self):
        it = read("name: churn\ncomponents: {kerberos: {krbConf: a, keytab: b, hdfsUser: c}}\n", VERSION="1.2\n")
        self.assertIs(it.components[0].project, it)
        self.assertEqual((it.version, it.components[0].settings), ("1.2", it.settings["kerberos"]))


class Recorder(Component):
    """Notes what it is asked to do, and may fail there."""
    said, fails = [], ()

    def note(self, what):
        Recorder.said.append(f"{self.name} {what}")
        if f"{self.name} {what}" in Recorder.fails:
            raise SkelebotError(f"{self.name} {what} failed", "mend it")

    def before(self, call, job, launch):
        self.note("before")
        yield Note(f"{self.name} starts")
        return launch._replace(words=(*launch.words, self.name))

    def after(self, call, job, launch, status):
        self.note(f"after {status}")
        yield Note(f"{self.name} ends")


class AroundAJob(Case):
    def driven(self, parts, run):
        runner, it = skelebot.Runner(ADA, project()), skelebot.Run(None, Launch(("train",)))
        return drive(runner.plan_around(it, parts, lambda it: run(it.launch)))

    def around(self, run, *fails):
        """(what two components did, what became of the plan)."""
        Recorder.said, Recorder.fails = [], fails
        parts = [type(name, (Recorder,), {"name": name})() for name in ("outer", "inner")]
        done = self.driven(parts, run)
        return Recorder.said, done

    def test_the_first_is_before_the_second_and_after_it(self):
        def run(launch):
            yield Command(launch.words)
            return 7
        said, done = self.around(run)
        self.assertEqual(said, ["outer before", "inner before", "inner after 7", "outer after 7"])
        self.assertEqual((done.outline, done.status), ([
            "Note outer starts", "Note inner starts", "outer inner", "Note inner ends", "Note outer ends"], 7))

    def test_a_fault_before_ends_only_what_has_begun(self):
        said, done = self.around(None, "inner before")
        self.assertEqual(said, ["outer before", "inner before", "outer after None"])
        self.assertFault(done, "inner before failed", "mend it")
        self.assertEqual(self.around(None, "outer before")[0], ["outer before"])

    def test_a_job_that_fails_or_is_interrupted_has_no_status(self):
        for ending in (SkelebotError("it failed", "mend it"), KeyboardInterrupt()):
            def run(launch):
                yield Note("runs")
                raise ending
            with self.subTest(ending):
                said, done = self.around(run)
                self.assertEqual(said, ["outer before", "inner before", "inner after None", "outer after None"])
                self.assertIs(done.fault, ending)

    def test_a_fault_afterwards_does_not_keep_the_others_from_ending(self):
        def run(launch):
            yield Note("runs")
            return 0
        said, done = self.around(run, "inner after 0")
        self.assertEqual(said, ["outer before", "inner before", "inner after 0", "outer after None"])
        self.assertFault(done, "inner after 0 failed", "mend it")

    def test_nothing_around_it_leaves_it_as_it_is(self):
        def run(launch):
            yield Command(launch.argv)
            return 3
        done = self.driven((), run)
        self.assertEqual((done.outline, done.status), (["train"], 3))


# ---- Kerberos ---------------------------------------------------------------

class KerberosInTheImage(Case):
    def test_brings_the_client_and_its_configuration_late(self):
        one = kerberos(krbConf="krb/krb5.conf")
        self.assertEqual(one.tools(), skelebot.image_part("kerberos-client.Dockerfile"))
        self.assertEqual(one.dockerfile(), "# Many a krb5.conf includes this folder, and does not work without it.\n"
                                           "COPY .skelebot/krb5.conf /etc/krb5.conf\n"
                                           "RUN mkdir -p /etc/krb5.conf.d && chmod a+r /etc/krb5.conf\n")

    def test_takes_its_configuration_from_anywhere_by_way_of_a_copy(self):
        for path in ("/etc/krb5.conf", "~/krb5.conf", "../krb5.conf", "krb[1].conf", "my krb5.conf", "--from=x y"):
            with self.subTest(path):
                one = kerberos(krbConf=path)
                self.assertIn("COPY .skelebot/krb5.conf /etc/krb5.conf\n", one.dockerfile())
                done = drive(one.build(ADA), {Read: b"[libdefaults]", ".skelebot/krb5.conf": None})
                self.assertEqual([outlined(step) for step in done.steps[-3:]], [
                    "Read .skelebot/krb5.conf", "MakeFolder .skelebot .", "File .skelebot/krb5.conf"])
                self.assertEqual(done.steps[-1].data, b"[libdefaults]")

    def test_keeps_the_keytab_out_of_the_build_context(self):
        for keytab, ignored in (
                ("ada.keytab", ["/ada.keytab"]), ("keys/ada.keytab", ["/keys/ada.keytab"]),
                ("./keys/../keys/ada.keytab", ["/keys/ada.keytab"]), ("/home/ada/churn/a.keytab", ["/a.keytab"]),
                ("a*[1]?.keytab", [r"/a\*\[1\]\?.keytab"]), ("/etc/ada.keytab", []), ("~/ada.keytab", []),
                ("../ada.keytab", []), ("/home/ada/churn2/ada.keytab", []), ("!a.keytab", ["/[!]a.keytab"]),
                ("#a.keytab", ["/#a.keytab"]), ("a+(b){c}|^.keytab", [r"/a\+\(b\)\{c\}\|\^.keytab"]),
                ("a ", ["/a[ ]"])):
            with self.subTest(keytab):
                found = skelebot.ignored_by_components(kerberos(keytab=keytab).project)
                self.assertEqual([*found], ["!/.skelebot/krb5.conf", *ignored])

    def test_keeps_out_what_a_link_leads_to_as_well(self):
        with folder({"real/key": "secret", "krb5.conf": ""}) as path:
            os.symlink("real/key", os.path.join(path, "ada.keytab"))
            os.symlink(path, path + "-link")
            try:
                for top in (path, path + "-link"):
                    it = kerberos(top, keytab="ada.keytab").project
                    self.assertEqual(skelebot.ignored_by_components(it)[1:], ("/ada.keytab", "/real/key"))
                    self.assertEqual(skelebot.secret_paths(it), tuple(sorted({os.path.join(top, "ada.keytab"),
                                                                              os.path.join(path, "real/key")})))
            finally:
                os.unlink(path + "-link")

    def test_has_the_last_word_in_dockerignore(self):
        it = project(components={"kerberos": KERBEROS}, ignores=["*.conf", "!keys/"])
        more = skelebot.ignored_by_components(it)
        self.assertEqual(skelebot.dockerignore(it, None, "mine\n", more), "mine\n" + skelebot.BLOCK.format(
            "*.conf\n!keys/\n!/.skelebot/krb5.conf\n/keys/ada.keytab\n"))

    def test_keeps_out_the_keytabs_of_all_environments_also_where_there_is_none(self):
        other = json.dumps({"components": {"kerberos": {**KERBEROS, "keytab": "prod.keytab"}}})
        files = {"skelebot-dev.yaml": "components: {registry: {user: acme}}\n", "skelebot-prod.yaml": other,
                 "skelebot-old.yaml": "kerberos: {keytab: old.keytab}\n", "skelebot-bad.yaml": "kerberos: [keytab\n"}
        text = json.dumps({"name": "churn", "components": {"kerberos": KERBEROS}})
        for env, own in ((None, 1), ("dev", 0), ("prod", 1)):
            with self.subTest(env):
                found = skelebot.ignored_by_components(support.read(text, env, **files))
                self.assertEqual(found[own:], ("/keys/ada.keytab", "/old.keytab", "/prod.keytab"))

    def test_is_in_the_dockerfile_before_the_dependencies_and_after_the_project(self):
        it = project(components={"kerberos": KERBEROS}, dependencies=["numpy"])
        text = skelebot.Dockerfile(it, {}).text()
        order = [text.index(words) for words in ("WORKDIR", "kinit", "numpy", "COPY . /app", "COPY .skelebot/krb5.conf")]
        self.assertEqual(order, sorted(order))

    def test_is_not_built_where_another_file_takes_the_place_of_dockerignore(self):
        it = project(components={"kerberos": KERBEROS})
        for file in ("Dockerfile.dockerignore", ".containerignore"):
            done = drive(skelebot.Image(skelebot.Engine(ADA), it).plan_ready(), {
                Read: None, "Dockerfile.dockerignore": "", ".containerignore": "", file: "file"})
            self.assertFault(done, f"{file}: takes the place of .dockerignore, which keeps the keytab out of the image",
                             "move its lines into .dockerignore, and remove it")
            self.assertFalse([step for step in done.steps if isinstance(step, (File, Command))])


class KerberosAroundAJob(Case):
    MISSING = {"Dockerfile.dockerignore": "", ".containerignore": ""}

    def job(self, results=None, call=ADA, **changes):
        it = project(components={"kerberos": {**KERBEROS, **changes}}, folder=os.getcwd())
        return drive(skelebot.plan_job(call, it, it.jobs[0], Words()), {Read: None, **self.MISSING, **(results or {})})

    def test_in_docker_wraps_the_command_and_mounts_the_keytab(self):
        done = self.job()
        script = skelebot.template_bytes("image", "ticket.sh").decode()
        self.assertEqual([word.replace(os.getcwd(), "HERE") for word in done.steps[-1].argv], [
            "docker", "run", "--rm", "--pull", "never", "--init", "--name", "churn-train-0a1b",
            "--label", "skelebot.project=churn", "--label", "skelebot.job=train", "--interactive",
            "--mount", "type=bind,source=HERE/keys/ada.keytab,target=/run/skelebot.keytab,readonly",
            "churn", "sh", "-c", script, "ticket", "run", "/run/skelebot.keytab", "ada",
            "python", "-u", "src/train.py"])
        self.assertFalse([step for step in done.steps if isinstance(step, skelebot.MakeFolder)
                          and not step.private and step.path != ".skelebot"])

    def test_in_docker_needs_no_file_in_the_project_when_nothing_is_built(self):
        done = self.job(call=ADA._replace(skip_build=True))
        self.assertFalse([step for step in done.steps if isinstance(step, (File, skelebot.MakeFolder))])

    def test_natively_has_a_ticket_of_its_own_that_is_removed(self):
        done = self.job(call=ADA._replace(native=True))
        environ = {"KRB5_CONFIG": os.path.abspath("krb5.conf"), "KRB5CCNAME": "FILE:/tmp/scratch/ticket"}
        script = "/tmp/scratch/ticket.sh"
        self.assertEqual(done.steps[3:], [
            Look("krb5.conf"), Scratch("0a1b"), File(script, skelebot.template_bytes("image", "ticket.sh")),
            Command(("sh", script, "get", "keys/ada.keytab", "ada"), environ),
            Command(("/usr/bin/python3", "-u", "src/train.py"), environ,
                    beside=("sh", script, "keep", "keys/ada.keytab", "ada"), whole=True),
            Remove("/tmp/scratch")])

    def test_natively_a_failing_kinit_ends_it_having_told_why(self):
        for ending in (Outcome(1), KeyboardInterrupt()):
            with self.subTest(ending):
                done = self.job({"get": ending}, call=ADA._replace(native=True))
                self.assertEqual(done.outline[-1], "Remove /tmp/scratch")
                self.assertFalse([line for line in done.outline if "train.py" in line and "Look" not in line])
                self.assertIsInstance(done.fault, Refused if isinstance(ending, Outcome) else KeyboardInterrupt)

    def test_natively_an_interrupted_job_leaves_no_ticket(self):
        done = self.job({"src/train.py": KeyboardInterrupt(), (Look, "src/train.py"): "file"},
                        call=ADA._replace(native=True))
        self.assertEqual(done.outline[-1], "Remove /tmp/scratch")
        self.assertIsInstance(done.fault, KeyboardInterrupt)

    def test_a_file_that_is_not_there_is_a_fault_at_its_line(self):
        for key, path, found, message in (
                ("keytab", "keys/ada.keytab", "", "'keys/ada.keytab' does not exist"),
                ("keytab", "keys/ada.keytab", "folder", "'keys/ada.keytab' is a folder"),
                ("krbConf", "krb5.conf", "", "'krb5.conf' does not exist")):
            for native in (False, True):
                with self.subTest(message, native=native):
                    done = self.job({path: found}, ADA._replace(native=native))
                    self.assertFault(done, f"skelebot.yaml:1: components.kerberos.{key}: {message}",
                                     "correct the path, or put the file there")

    def test_leaves_its_script_alone_when_it_is_there(self):
        done = self.job({".skelebot/ticket.sh": skelebot.template_bytes("image", "ticket.sh")})
        self.assertNotIn("File .skelebot/ticket.sh", done.outline)


# ---- Jupyter ----------------------------------------------------------------

class JupyterInTheImage(Case):
    def test_has_the_server_and_the_kernels_of_the_language(self):
        for language, name in (("Python", "python"), ("R", "r"), ("R+Python", "r-python"), ("NA", "na")):
            with self.subTest(language):
                it = project(language=language, dockerfile="Dockerfile.own")
                done = drive(ours("jupyter", it).plan_image(skelebot.Engine(ADA)), {"run": Outcome(1)})
                built = next(step for step in done.steps if isinstance(step, Command) and step.given)
                self.assertEqual(built.given, golden(f"jupyter-{name}.Dockerfile"))
                self.assertEqual(built.argv, ("docker", "build", "--force-rm", "--tag", "churn:jupyter", "-"))

    def test_is_the_projects_own_when_it_has_the_server(self):
        done = drive(ours("jupyter", project()).plan_image(skelebot.Engine(ADA)), {Read: None})
        self.assertEqual(done.outline, [*BUILD, "docker run --rm --pull never --entrypoint '' churn"
                                                " sh -c 'command -v jupyter-lab && command -v jupyter-notebook'"])
        self.assertEqual(done.status, "churn")

    def test_asks_for_the_kernel_of_r_as_well(self):
        probes = {language: " ".join(ours("jupyter", project(language=language)).probe)
                  for language in ("Python", "R", "R+Python", "NA")}
        self.assertEqual({language: "kernelspec" in probe for language, probe in probes.items()},
                         {"Python": False, "R": True, "R+Python": True, "NA": False})

    def test_is_not_built_with_skip_build(self):
        done = drive(ours("jupyter", project()).plan_image(skelebot.Engine(ADA._replace(skip_build=True))),
                     {"run": Outcome(1), "inspect": Outcome(1)})
        self.assertFault(done, "the image churn has no Jupyter", "leave -s out, so that one with Jupyter is built")
        done = drive(ours("jupyter", project()).plan_image(skelebot.Engine(ADA._replace(skip_build=True))), {"run": Outcome(1)})
        self.assertEqual(done.status, "churn:jupyter")


class JupyterAddress(Case):
    def test_is_what_a_browser_on_the_docker_host_takes(self):
        for address, lab, url in (
                ("127.0.0.1", False, "http://127.0.0.1:8889/tree?token=abc"),
                ("127.0.0.1", True, "http://127.0.0.1:8889/lab?token=abc"),
                ("0.0.0.0", True, "http://127.0.0.1:8889/lab?token=abc"),
                ("10.1.2.3", True, "http://10.1.2.3:8889/lab?token=abc"),
                ("::1", True, "http://[::1]:8889/lab?token=abc"),
                ("fe80::1", False, "http://[fe80::1]:8889/tree?token=abc")):
            with self.subTest(address, lab=lab):
                one = skelebot.Jupyter(settings=skelebot.JupyterSection(address=address))
                self.assertEqual(one.url(8889, lab, Secret("abc")), url)

    def test_is_published_there_and_nowhere_else(self):
        for keys, words in (
                ({}, ("--publish", "127.0.0.1:9000:8888", "--workdir", "/app/.")),
                ({"folder": "notebooks/"}, ("--publish", "127.0.0.1:9000:8888", "--workdir", "/app/notebooks/")),
                ({"address": "::1"}, ("--publish", "[::1]:9000:8888", "--workdir", "/app/.")),
                ({"address": "0.0.0.0"}, ("--publish", "0.0.0.0:9000:8888", "--workdir", "/app/."))):
            with self.subTest(keys):
                one = skelebot.Jupyter(settings=skelebot.JupyterSection(**keys))
                self.assertEqual(one.words(9000), words)

    def test_of_another_docker_host_is_reached_by_a_tunnel(self):
        for endpoint, line in (
                ("ssh://ada@gpu.example.com", "ssh -N -L 8888:127.0.0.1:8888 ada@gpu.example.com"),
                ("ssh://gpu.example.com:2222", "ssh -N -p 2222 -L 8888:127.0.0.1:8888 gpu.example.com"),
                ("ssh://ada@gpu:22/run/docker.sock", "ssh -N -p 22 -L 8888:127.0.0.1:8888 ada@gpu"),
                ("tcp://10.0.0.7:2375", "ssh -N -L 8888:127.0.0.1:8888 10.0.0.7"),
                ("tcp://gpu.example.com", "ssh -N -L 8888:127.0.0.1:8888 gpu.example.com")):
            with self.subTest(endpoint):
                self.assertEqual(skelebot.tunnel_line(endpoint, 8888), line)


class JupyterServer(Case):
    PROBE = ("docker run --rm --pull never --entrypoint '' churn"
             " sh -c 'command -v jupyter-lab && command -v jupyter-notebook'")
    CREATE = ("env JUPYTER_TOKEN=... docker create --pull never --init --name churn-jupyter-0a1b"
              " --label skelebot.project=churn --label skelebot.job=jupyter --env JUPYTER_TOKEN"
              " --mount type=bind,source=/home/ada/churn,target=/app --publish 127.0.0.1:{}:8888 --workdir /app/."
              " churn jupyter {} --ip=0.0.0.0 --port=8888 --no-browser --allow-root")
    START = "docker start churn-jupyter-0a1b"
    RUNS = ["docker logs --follow --tail 0 churn-jupyter-0a1b >&2", "docker wait churn-jupyter-0a1b"]
    ENDS = ["docker stop --time 10 churn-jupyter-0a1b", "docker rm --force --volumes churn-jupyter-0a1b"]
    URL = "Answer http://127.0.0.1:{}/{}?token=T0KEN"

    def serve(self, results=None, words=None, call=ADA, jupyter=None, **keys):
        call = call._replace(secret=Secret("T0KEN"))
        it = project(**keys, **({"components": {"jupyter": jupyter}} if jupyter else {}))
        usual = {Read: None, Wait: Outcome(), "wait": Outcome(0, "0\n")}
        return drive(ours("jupyter", it).plan(call, it, words or Words()), {**usual, **(results or {})})

    def test_is_built_started_waited_for_and_removed(self):
        done = self.serve()
        self.assertEqual(done.outline, [
            "MakeFolder .", *BUILD, self.PROBE, self.CREATE.format(8888, "notebook"), self.START, "Wait",
            self.URL.format(8888, "tree"), "Note Ctrl-C ends it", *self.RUNS, *self.ENDS])
        self.assertEqual(done.status, 0)

    def test_on_another_machine_brings_nothing_back_before_all_was_there(self):
        for failing in ("create", "cp", "start"):
            with self.subTest(failing):
                done = self.serve({failing: KeyboardInterrupt()}, host="ssh://ada@gpu")
                self.assertIsInstance(done.fault, KeyboardInterrupt)
                self.assertFalse([line for line in done.outline if "churn-jupyter-0a1b:/app/." in line])
                self.assertEqual(done.outline[-1], "docker --host ssh://ada@gpu rm --force --volumes churn-jupyter-0a1b")

    def test_never_shows_its_token_but_in_the_address(self):
        for step in self.serve().steps:
            if not isinstance(step, Answer):
                self.assertNotIn("T0KEN", f"{getattr(step, 'line', '')}{step!r}")

    def test_takes_port_and_kind_from_the_file_and_the_words_before_it(self):
        for jupyter, words, port, kind in (
                ({}, {}, 8888, "notebook"), ({"port": 1127}, {}, 1127, "notebook"), ({"lab": True}, {}, 8888, "lab"),
                ({"port": 1127, "lab": True}, {"port": ("9000",), "notebook": ("true",)}, 9000, "notebook"),
                ({"port": 1127}, {"lab": ("true",)}, 1127, "lab")):
            with self.subTest(jupyter=jupyter, words=words):
                self.assertIn(self.CREATE.format(port, kind), self.serve(None, Words(words), jupyter=jupyter).outline)

    def test_maps_more_folders_and_makes_them_as_the_caller(self):
        outline = self.serve(jupyter={"mappings": ["data/", "~/models:/m:ro"], "folder": "notebooks/"}).outline
        self.assertEqual([line for line in outline if line.startswith("MakeFolder")],
                         ["MakeFolder notebooks", "MakeFolder data", "MakeFolder /home/ada/models"])
        create = next(line for line in outline if " create " in line)
        self.assertIn(" --mount type=bind,source=/home/ada/churn/data,target=/app/data/"
                      " --mount type=bind,source=/home/ada/models,target=/m,readonly ", create)

    def test_has_none_of_the_ports_of_jobs(self):
        create = next(line for line in self.serve(ports=["8080:80"]).outline if " create " in line)
        self.assertEqual(create.count("--publish"), 1)

    def test_takes_the_next_port_when_one_is_taken(self):
        ports = iter([Outcome(1, "", "Error: Bind for 127.0.0.1:8888 failed: port is already allocated\n"),
                      Outcome(1, "", "Error: listen tcp4 127.0.0.1:8889: bind: address already in use\n"), Outcome()])
        it, outline, result = project(), [], None
        plan = ours("jupyter", it).plan(ADA._replace(secret=Secret("T0KEN")), it, Words())
        answers = {Look: "", Wait: Outcome(), Command: Outcome(),
                   skelebot.Scratch: "/tmp/scratch"}
        with self.assertRaises(StopIteration):
            while True:
                step = plan.send(result)
                outline.append(outlined(step))
                result = next(ports) if outline[-1] == self.START else answers.get(type(step))
        remove = self.ENDS[1]
        self.assertEqual(outline[outline.index(self.PROBE) + 1:], [
            self.CREATE.format(8888, "notebook"), self.START, remove, "Note port 8888 is taken, so 8889 is tried",
            self.CREATE.format(8889, "notebook"), self.START, remove, "Note port 8889 is taken, so 8890 is tried",
            self.CREATE.format(8890, "notebook"), self.START, "Wait", self.URL.format(8890, "tree"),
            "Note Ctrl-C ends it", *self.RUNS, *self.ENDS])

    def test_gives_up_when_no_port_is_left(self):
        done = self.serve({"start": Outcome(1, "", "port is already allocated")}, Words({"port": ("65530",)}))
        self.assertFault(done, "the ports 65530 to 65535 are taken", "name another one: skelebot jupyter --port 9000")
        self.assertEqual(done.outline[-2:], [self.ENDS[1], "Note port 65535 is taken"])

    def test_that_cannot_be_started_is_a_fault_in_the_engines_words(self):
        done = self.serve({"start": Outcome(1, "", "x\nno such file: jupyter\n")})
        self.assertFault(done, "jupyter was not started: no such file: jupyter",
                         "the engine's message says what is missing")
        self.assertEqual(done.outline[-1:], self.ENDS[1:])

    def test_that_dies_is_a_fault_in_its_own_words(self):
        done = self.serve({Wait: Outcome(1, "", "container is not running"), "logs": Outcome(0, "",
                                                                                             "x\nno space left\n")})
        self.assertFault(done, "Jupyter does not answer: no space left",
                         "try it by hand: docker run --rm churn jupyter notebook --ip=0.0.0.0 --port=8888"
                         " --no-browser --allow-root")
        self.assertEqual(done.outline[-3:], ["docker logs --tail 20 churn-jupyter-0a1b", *self.ENDS])
        self.assertFalse([step for step in done.steps if isinstance(step, Answer)])

    def test_ends_with_its_container_when_it_is_interrupted(self):
        for step in ("logs", "wait", "start", Wait):
            with self.subTest(step):
                done = self.serve({step: KeyboardInterrupt()})
                self.assertIsInstance(done.fault, KeyboardInterrupt)
                self.assertEqual(done.outline[-1:], self.ENDS[1:])

    def test_gives_the_status_that_it_ends_with(self):
        self.assertEqual(self.serve({"wait": Outcome(0, "137\n")}).status, 137)

    def test_warns_when_others_can_reach_it(self):
        warning = "Note warning: everyone who can reach 0.0.0.0 finds Jupyter there; only its token keeps them out"
        self.assertIn(warning, self.serve(jupyter={"address": "0.0.0.0"}).outline)
        self.assertNotIn("warning", "".join(self.serve(jupyter={"address": "::1"}).outline))

    def test_on_another_machine_has_copies_and_says_how_to_reach_it(self):
        done = self.serve({Look: "folder"}, host="ssh://ada@gpu")
        self.assertEqual(done.outline[done.outline.index("Release") + 1:], [
            self.PROBE.replace("docker", "docker --host ssh://ada@gpu", 1), "Look .",
            "env JUPYTER_TOKEN=... docker --host ssh://ada@gpu create --pull never --init --name churn-jupyter-0a1b"
            " --label skelebot.project=churn --label skelebot.job=jupyter --env JUPYTER_TOKEN"
            " --mount type=volume,target=/app,volume-nocopy --publish 127.0.0.1:8888:8888 --workdir /app/."
            " churn jupyter notebook --ip=0.0.0.0 --port=8888 --no-browser --allow-root",
            "tar -c -f - -C . --transform 's|^[.]|app|' . | docker --host ssh://ada@gpu cp - churn-jupyter-0a1b:/",
            "docker --host ssh://ada@gpu start churn-jupyter-0a1b", "Wait", self.URL.format(8888, "tree"),
            "Note it runs on ssh://ada@gpu; ssh -N -L 8888:127.0.0.1:8888 ada@gpu brings it here",
            "Note when it ends, its copy of the project replaces this one: change nothing here until then",
            "Note Ctrl-C ends it",
            "docker --host ssh://ada@gpu logs --follow --tail 0 churn-jupyter-0a1b >&2",
            "docker --host ssh://ada@gpu wait churn-jupyter-0a1b",
            "docker --host ssh://ada@gpu stop --time 10 churn-jupyter-0a1b",
            "docker --host ssh://ada@gpu cp churn-jupyter-0a1b:/app/. .",
            "docker --host ssh://ada@gpu rm --force --volumes churn-jupyter-0a1b"])

    def test_on_another_machine_stays_when_its_files_do_not_come_back(self):
        done = self.serve({Look: "folder", "churn-jupyter-0a1b:/app/.": Outcome(1, "", "no space left")},
                          host="ssh://ada@gpu")
        self.assertEqual(done.outline[-2:], [
            "Note . was not copied back: no space left",
            "Note the container churn-jupyter-0a1b stays, for `docker cp`;"
            " docker --host ssh://ada@gpu rm --force --volumes churn-jupyter-0a1b removes it"])

    def test_on_another_machine_stays_when_it_is_interrupted_before_they_are_back(self):
        done = self.serve({Look: "folder", "stop": KeyboardInterrupt()}, host="ssh://ada@gpu")
        self.assertIn("Note the container churn-jupyter-0a1b stays", done.outline[-1])

    def test_is_only_shown_in_a_dry_run(self):
        it = project()
        with contextlib.redirect_stderr(io.StringIO()):
            lines = shown(ours("jupyter", it).plan(ADA._replace(dry_run=True), it, Words()))
        self.assertNotIn("T0KEN", lines)
        self.assertIn(self.START + "\nuntil docker exec churn-jupyter-0a1b sh -c ", lines)
        self.assertIn("; do sleep 1; done\nprintf '%s\\n' 'http://127.0.0.1:8888/tree?token=TOKEN'\n", lines)
        self.assertTrue(lines.endswith("\n".join([*self.RUNS, *self.ENDS, ""])))

    def test_is_refused_words_that_it_cannot_take(self):
        for words, message, hint in (
                ({"port": ("0",)}, "jupyter: --port: expected a port, found '0'", "a number from 1 to 65535"),
                ({"port": ("65536",)}, "jupyter: --port: expected a port, found '65536'", "a number from 1 to 65535"),
                ({"port": ("²",)}, "jupyter: --port: expected a port, found '²'", "a number from 1 to 65535"),
                ({"port": ("",)}, "jupyter: --port: expected a port, found ''", "a number from 1 to 65535"),
                ({"lab": ("true",), "notebook": ("true",)}, "jupyter: --lab and --notebook cannot be used together",
                 "leave one of them out")):
            with self.subTest(words):
                self.assertEqual(fault(ours("jupyter", None).check_words, project(), Words(words)), two_lines(message, hint))
        for port in ("1", "65535", "08888"):
            ours("jupyter", None).check_words(project(), Words({"port": (port,)}))


# ---- publish ----------------------------------------------------------------

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


class PublishedName(Case):
    def test_is_the_registry_the_user_and_the_image(self):
        for registry, name in (({}, "churn"), ({"user": "acme"}, "acme/churn"), ({"host": "localhost"},
                                                                                 "localhost/churn"),
                               ({"host": "r.example.com", "user": "acme/ml"}, "r.example.com/acme/ml/churn"),
                               ({"host": "box", "port": 5000}, "box:5000/churn"),
                               ({"host": "r.example.com:5000"}, "r.example.com:5000/churn"),
                               ({"host": "[::1]", "port": 5000, "user": "a"}, "[::1]:5000/a/churn")):
            with self.subTest(registry):
                self.assertEqual(ours("registry", project(components={"registry": registry})).image, name)

    def test_has_the_environment_in_it(self):
        it = project(components={"registry": {"user": "acme"}}, env="dev")
        self.assertEqual(ours("registry", it).image, "acme/churn-dev")


class PublishedTags(Case):
    def tags(self, version="1.2.0", **values):
        return ours("registry", project(version=version)).tags(Words(values))

    def test_are_the_version_latest_and_the_given_ones_each_once(self):
        yes = ("true",)
        for values, tags in (
                ({}, ("1.2.0", "latest")), ({"tag": ("best", "v_1")}, ("1.2.0", "latest", "best", "v_1")),
                ({"tag": ("latest", "1.2.0", "a", "a")}, ("1.2.0", "latest", "a")),
                ({"omit-version": yes}, ("latest",)), ({"omit-latest": yes}, ("1.2.0",)),
                ({"omit-latest": yes, "tag": ("latest",)}, ("1.2.0", "latest")),
                ({"omit-version": yes, "omit-latest": yes, "tag": ("a",)}, ("a",)),
                ({"omit-version": yes, "omit-latest": yes}, ())):
            with self.subTest(values):
                self.assertEqual(self.tags(**values), tags)
        self.assertEqual(self.tags(version=""), ("latest",))

    def test_are_checked_before_anything_is_pushed(self):
        hint = "a tag has up to 128 letters, digits, _ . and -, and does not start with . or -"
        for tag in ("", "-a", ".a", "a b", "a:b", "a/b", "a+b", "a" * 129, "\u00e9", "a\n"):
            with self.subTest(tag):
                self.assertEqual(fault(lambda: self.tags(tag=("ok", tag))),
                                 two_lines(f"publish: --tag: {skelebot.shortened(tag)} is not a tag", hint))
        for tag in ("a" * 128, "_a", "1", "A.b-c_d", "latest"):
            self.assertIn(tag, self.tags(tag=(tag,)))

    def test_have_no_place_for_build_metadata(self):
        self.assertEqual(fault(lambda: self.tags("1.0.0+b1")), two_lines(
            "publish: VERSION: '1.0.0+b1' is not a tag", "a tag has up to 128 letters, digits, _ . and -, and does not"
                                                      " start with . or -; -v leaves the version out"))
        self.assertEqual(self.tags("1.0.0+b1", **{"omit-version": ("true",)}), ("latest",))

    def test_that_are_none_are_refused(self):
        it = project(version="1.0.0", components={"registry": {"user": "acme"}})
        yes = ("true",)
        words = Words({"omit-version": yes, "omit-latest": yes})
        self.assertEqual(fault(ours("registry", it).check_words, it, words), two_lines(
            "publish: no tag is left", "give one with --tag, or leave --omit-latest out"))
        self.assertEqual(fault(ours("registry", project()).check_words, project(), Words()), two_lines(
            "skelebot.yaml: names no registry",
            "add it below components, as in: registry: {host: registry.example.com, user: team}"))


class PasswordOfEcr(Case):
    def test_is_printed_by_aws_for_the_region_of_the_host_or_the_one_that_is_named(self):
        start = ("aws", "ecr", "get-login-password")
        for host, aws, words in (
                (ECR, {}, ("--region", "eu-central-1")), (ECR, {"region": "us-east-1"}, ("--region", "us-east-1")),
                (ECR, {"profile": "ml"}, ("--region", "eu-central-1", "--profile", "ml")),
                (ECR.replace("ecr", "ecr-fips"), {}, ("--region", "eu-central-1")),
                (ECR + ".cn", {}, ("--region", "eu-central-1")), ("r.example.com", {}, ()),
                ("public.ecr.aws", {"region": "us-east-1"}, ("--region", "us-east-1"))):
            with self.subTest(host, aws=aws):
                one = skelebot.Registry(settings=RegistrySection(host, aws=RegistryAws(**aws)))
                self.assertEqual(one.ecr_argv, (*start, *words))


class Publish(Case):
    NAME = "registry.example.com/acme/churn"
    TAGS = [f"docker tag churn {NAME}:1.2.0", f"docker tag churn {NAME}:latest"]
    LOGIN = "printf %s ... | docker login --username ada --password-stdin registry.example.com"
    LABEL = """docker image inspect --format '{{index .Config.Labels "org.opencontainers.image.version"}}' churn"""
    LOOKS = ["Look Dockerfile.dockerignore", "Look .containerignore"]
    DIGEST = "sha256:" + "0123456789abcdef" * 4
    NO_LOGIN = Outcome(1, "", "denied\nno basic auth credentials\n")

    def setUp(self):
        folder = inside({})             # the byte code of tests beside it has keys in it
        folder.__enter__()
        self.addCleanup(folder.__exit__, None, None, None)

    def publish(self, results=None, call=ADA, words=None, **registry):
        keys = {"registry": {"host": "registry.example.com", "user": "acme", **registry}}
        it = project(version="1.2.0", components=keys)
        return drive(ours("registry", it).plan(call, it, words or Words()), {Read: None, Look: "", Secrets: (),
                                                                         **(results or {})})

    def pushes(self, first, *then, call=ADA, results=None, **registry):
        """What a publish did from its first push on; the pushes come out so, the last again and again."""
        outcomes = [first, *then]
        keys = {"host": "registry.example.com", "user": "acme", **registry}
        it = project(version="1.2.0", components={"registry": {key: value for key, value in keys.items()
                                                               if value != ""}})
        plan, steps, result = ours("registry", it).plan(call, it, Words()), [], None
        try:
            while True:
                step = plan.send(result)
                steps.append(step)
                if "push" in getattr(step, "argv", ()):
                    result = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
                else:
                    words = [word for word in getattr(step, "argv", ()) if word in (results or {})]
                    result = (results[words[0]] if words else {Command: Outcome(), Look: "", Secrets: (), Ask: PASSWORD,
                                                               skelebot.Scratch: "/tmp/scratch"}.get(type(step)))
        except StopIteration as end:
            status, found = end.value, None
        except SkelebotError as error:
            status, found = None, error
        outline = [outlined(step) for step in steps]
        start = next(at for at, line in enumerate(outline) if " push " in line)
        return outline[start:], status, found, steps

    def test_builds_tags_and_pushes_and_answers_with_what_is_there_now(self):
        done = self.publish()
        self.assertEqual(done.outline, [
            *self.LOOKS, "Read .dockerignore", "Secrets", *BUILD, *self.TAGS,
            f"docker push {self.NAME}:1.2.0", f"Answer {self.NAME}:1.2.0",
            f"docker push {self.NAME}:latest", f"Answer {self.NAME}:latest"])
        self.assertEqual(done.status, 0)

    def test_answers_with_the_digest_that_the_engine_tells(self):
        done = self.publish({"push": Outcome(0, "", f"1.2.0: digest: {self.DIGEST} size: 528\n")})
        self.assertIn(f"Answer {self.NAME}:1.2.0@{self.DIGEST}", done.outline)

    def test_pushes_nothing_when_a_tag_fails(self):
        done = self.publish({"tag": Outcome(1, "", "no such image")})
        self.assertEqual((done.outline[-1], done.fault.message), (
            self.TAGS[0], f"docker tag churn {self.NAME}:1.2.0 ... failed: no such image"))

    def test_asks_for_a_login_only_when_it_is_missing_and_pushes_again(self):
        outline, status, found, _ = self.pushes(
            self.NO_LOGIN, Outcome(), call=ADA._replace(environ={"SKELEBOT_REGISTRY_USER": "ada",
                                                                 "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}))
        self.assertEqual(outline, [
            f"docker push {self.NAME}:1.2.0", self.LOGIN, f"docker push {self.NAME}:1.2.0", f"Answer {self.NAME}:1.2.0",
            f"docker push {self.NAME}:latest", f"Answer {self.NAME}:latest"])
        self.assertEqual((status, found), (0, None))

    def test_asks_the_person_who_has_set_nothing(self):
        outline, _, _, steps = self.pushes(self.NO_LOGIN, Outcome(), user="team")
        questions = [step for step in steps if isinstance(step, Ask)]
        self.assertEqual(questions, [
            Ask("User at registry.example.com", "team", ways=skelebot.REGISTRY_WAYS),
            Ask(f"Password of {PASSWORD} at registry.example.com", ways=skelebot.REGISTRY_WAYS, hidden=True)])
        steps = self.pushes(self.NO_LOGIN, Outcome(), user="team/ml")[3]
        self.assertEqual([step.default for step in steps if isinstance(step, Ask)], ["", ""])

    def test_never_shows_the_password(self):
        environ = {"SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}
        for found in (self.pushes(self.NO_LOGIN, Outcome(), call=ADA._replace(environ=environ)),
                      self.pushes(self.NO_LOGIN, Outcome(), host=ECR, aws={"profile": "ml"},
                                  results={"get-login-password": Outcome(0, PASSWORD + "\n")})):
            given = [step.given for step in found[3] if getattr(step, "given", "")]
            self.assertEqual((given, type(given[0])), ([PASSWORD], Secret))
            for step in found[3]:
                self.assertNotIn(PASSWORD, f"{getattr(step, 'line', '')} {step!r}")

    def test_a_wrong_login_is_a_fault_and_nothing_more_is_pushed(self):
        outline, _, found, _ = self.pushes(
            self.NO_LOGIN, results={"login": Outcome(1, "", "x\nError: status: 401 Unauthorized\n")},
            call=ADA._replace(environ={"SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}))
        self.assertEqual(outline, [f"docker push {self.NAME}:1.2.0", self.LOGIN])
        self.assertEqual(f"{found}\n", two_lines("registry.example.com refuses the login of ada: Error: status: 401"
                                                 " Unauthorized", "look at SKELEBOT_REGISTRY_USER and SKELEBOT_REGISTRY_PASSWORD"))

    def test_a_login_that_does_not_help_is_a_fault(self):
        outline, _, found, _ = self.pushes(self.NO_LOGIN, call=ADA._replace(environ={
            "SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}))
        self.assertEqual(len(outline), 3)
        self.assertEqual(f"{found}\n", two_lines(f"{self.NAME}:1.2.0 was not pushed: no basic auth credentials",
                                                 "ask who runs the registry for the permission"))

    def test_gets_the_password_of_ecr_from_aws_on_this_machine(self):
        for registry, aws in (({"aws": {}}, ""), ({"aws": {"region": "us-east-1", "profile": "ml"}}, " --profile ml")):
            with self.subTest(registry):
                outline = self.pushes(self.NO_LOGIN, Outcome(), call=ADA._replace(host="ssh://ada@gpu"), host=ECR,
                                      results={"get-login-password": Outcome(0, PASSWORD)}, **registry)[0]
                region = "us-east-1" if aws else "eu-central-1"
                self.assertEqual(outline[1:3], [
                    f"aws ecr get-login-password --region {region}{aws}",
                    f"printf %s ... | docker --host ssh://ada@gpu login --username AWS --password-stdin {ECR}"])

    def test_stops_where_aws_gives_no_password(self):
        found = self.pushes(self.NO_LOGIN, host=ECR, aws={"profile": "ml"},
                            results={"get-login-password": Outcome(253, "", "Unable to locate credentials\n")})[2]
        self.assertIn("Unable to locate credentials", found.message)

    def test_logs_in_at_docker_hub_without_an_address(self):
        outline = self.pushes(self.NO_LOGIN, Outcome(), host="", call=ADA._replace(environ={
            "SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}))[0]
        self.assertEqual(outline[1], "printf %s ... | docker login --username ada --password-stdin")

    def test_with_podman_is_the_same(self):
        outline = self.pushes(
            Outcome(125, "", "Error: trying to reuse blob: unauthorized: authentication required\n"), Outcome(),
            call=ADA._replace(engine="podman", environ={"SKELEBOT_REGISTRY_USER": "ada",
                                                        "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}))[0]
        push = f"podman push --digestfile /tmp/scratch/digest {self.NAME}:1.2.0"
        self.assertEqual([line for line in outline if "/tmp/" in line or "login" in line][:4], [
            push, "Remove /tmp/scratch", self.LOGIN.replace("docker", "podman"), push])

    def test_without_a_build_looks_into_the_image(self):
        done = self.publish(call=ADA._replace(skip_build=True))
        self.assertEqual(done.outline[2:9], [
            "docker version", "docker image inspect churn", self.LABEL,
            "docker create --pull never --name churn-publish-0a1b --entrypoint '' churn true", "SecretsInside",
            "docker rm --force --volumes churn-publish-0a1b", self.TAGS[0]])
        self.assertEqual(done.steps[6].argv, ("docker", "cp", "churn-publish-0a1b:/app", "-"))

    def test_without_a_build_is_refused_for_an_image_of_another_version(self):
        told = {"inspect": Outcome(0, "1.1.0\n")}
        done = self.publish(told, call=ADA._replace(skip_build=True))
        self.assertFault(done, "the image churn is of version 1.1.0, not 1.2.0",
                         "leave -s out, so that it is built again, or -v leaves the version's tag out")
        words = Words({"omit-version": ("true",)})
        done = self.publish(told, ADA._replace(skip_build=True), words)
        self.assertIsNone(done.fault)

    def test_with_another_file_in_the_place_of_dockerignore_looks_into_the_image_as_well(self):
        done = self.publish({Look: "", (Look, "Dockerfile.dockerignore"): "file", "Dockerfile.dockerignore": None,
                             SecretsInside: [(".netrc", "passwords")]})
        self.assertEqual(done.outline, [self.LOOKS[0], *READS, self.LOOKS[0], "Read Dockerfile.dockerignore", *WRITES, (
            "docker create --pull never --name churn-publish-0a1b --entrypoint '' churn true"), "SecretsInside",
            "docker rm --force --volumes churn-publish-0a1b"])
        self.assertFault(done, ".netrc: holds passwords, and would be in the image that is published",
                         "add it to ignores in skelebot.yaml, as - .netrc or Dockerfile.dockerignore")

    def test_refuses_an_image_that_would_hold_a_secret(self):
        hint = "add it to ignores in skelebot.yaml, as - keys/id_rsa"
        for call, found, hint in ((ADA, Secrets, hint), (ADA._replace(skip_build=True), SecretsInside,
                                                         hint + ", and leave -s out")):
            done = self.publish({found: [("keys/id_rsa", "a private key")]}, call)
            self.assertFault(done, "keys/id_rsa: holds a private key, and would be in the image that is published",
                             hint)
            self.assertFalse([line for line in done.outline
                              if " tag " in line or " push " in line or " build " in line])

    def test_says_what_a_failed_push_may_come_from(self):
        for words, hint in (
                ("http: server gave HTTP response to HTTPS client",
                 "the registry speaks plain http: name it among insecure-registries of the Docker engine"),
                ("name unknown: The repository with name 'churn' does not exist in the registry",
                 "make the repository first, as in: aws ecr create-repository --repository-name ..."),
                ("dial tcp 127.0.0.1:1: connect: connection refused",
                 "look at host and port below components.registry: registry.example.com"),
                ("dial tcp: lookup nowhere: no such host",
                 "look at host and port below components.registry: registry.example.com"),
                ("no space left on device", "the engine's message says what is missing"),
                ("blob sha256:aa401bb: no space left on device", "the engine's message says what is missing")):
            with self.subTest(words):
                _, _, found, steps = self.pushes(Outcome(1, "", words + "\n"))
                self.assertEqual(f"{found}\n", two_lines(f"{self.NAME}:1.2.0 was not pushed: {words}", hint))
                self.assertFalse([step for step in steps if isinstance(step, Ask)])

    def test_keeps_control_characters_of_a_registry_from_the_terminal(self):
        evil = Outcome(1, "", "evil \x1b[2J\x9b words\n")
        environ = {"SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": PASSWORD}
        for first, results in ((evil, {}), (self.NO_LOGIN, {"login": evil})):
            found = self.pushes(first, results=results, call=ADA._replace(environ=environ))[2]
            self.assertIn("evil", found.message)
            self.assertNotRegex(found.message, "[\x00-\x1f\x7f-\x9f]")


class SecretFile(Case):
    KEY = b"-----BEGIN %sPRIVATE KEY-----\nMIIB"

    def test_is_known_by_its_name_or_its_first_bytes(self):
        for path, start, kind in (
                (".netrc", b"machine x", "passwords"), ("a/_netrc", b"x", "passwords"), ("a/.pypirc", b"x",
                                                                                         "passwords"),
                (".git-credentials", b"x", "passwords"), ("a/.NETRC", b"x", "passwords"),
                ("id_rsa", b"x", "a private key"), ("keys/id_ed25519", b"x", "a private key"),
                ("a.txt", self.KEY % b"", "a private key"), ("a.pem", self.KEY % b"RSA ", "a private key"),
                ("a", b"# mine\n" + self.KEY % b"EC ", "a private key"), ("k", self.KEY % b"OPENSSH ", "a private key"),
                ("k", self.KEY % b"ENCRYPTED ", "a private key"), ("k.ppk", b"PuTTY-User-Key-File-3: x",
                                                                   "a private key"),
                ("ada.keytab", b"\5\2\0\0", "a keytab"), ("x.bin", b"\5\2\0\0\0\x3c..krbtgt..", "a keytab"),
                ("ada.keytab", b"text", ""), ("x.bin", b"\5\2\0\0", ""), ("id_rsa.pub", b"ssh-rsa AAAA", ""),
                ("netrc", b"machine x", ""), ("a.pem", b"-----BEGIN CERTIFICATE-----", ""),
                ("a.pem", b"-----BEGIN PUBLIC KEY-----", ""), ("docs.md", b"a PRIVATE KEY", ""), ("empty", b"", "")):
            with self.subTest(path, start=start):
                self.assertEqual(skelebot.secret_patterns().kind(path, start), kind)

    def test_is_found_where_it_lies_in_the_build_context(self):
        key = self.KEY % b""
        with inside({"a.py": "x", "keys/id_rsa": "x", "deep/er/k.txt": key, "out/k.pem": key, ".netrc": "",
                     "copy": "KEYTAB",
                     "krb/ada.keytab": "KEYTAB", "late.txt": b"x" * 5000 + key}):
            rules = skelebot.Ignores("out\nkrb")
            found = skelebot.secrets_in(skelebot.context_files(rules), (os.path.abspath("krb/ada.keytab"),))
        self.assertEqual(sorted(found), [("copy", "a keytab"), ("deep/er/k.txt", "a private key"),
                                         ("keys/id_rsa", "a private key")])


# ---- package ----------------------------------------------------------------

PACKAGED = "name: churn\ncomponents:\n  package:\n    path: {}\n    ignores: {}\n"


def members(path="dist/churn.zip"):
    """name -> (mode, bytes) of what is in a zip file."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: (stat.filemode(entry.external_attr >> 16), archive.read(entry))
                for entry in archive.infolist()}


@contextlib.contextmanager
def as_nobody(path):
    """Without root's right to read every file, the folder being the caller's own."""
    if os.geteuid():
        yield
        return
    for top, folders, files in os.walk(path):
        for name in (".", *folders, *files):
            os.chown(os.path.join(top, name), 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class PackagePlan(Case):
    def plan(self, results=None, **package):
        it = project(components={"package": {"path": "dist/churn.zip", **package}})
        return drive(ours("package", it).plan(ADA, it, Words()), {Look: "", Zip: (3, 4200, ()), **(results or {})})

    def test_looks_zips_and_answers_with_the_file(self):
        self.assertEqual(self.plan().outline, ["Look dist/churn.zip", "Read dist/churn.zip", "Secrets",
                                               "MakeFolder dist", "Zip dist/churn.zip",
                                               "Note packaged 3 files, 4.2 kB", "Answer dist/churn.zip"])
        self.assertEqual(self.plan(path="~/churn.zip").outline[-1], "Answer /home/ada/churn.zip")
        self.assertEqual(self.plan(path="churn.zip").outline[:2], ["Look churn.zip", "Read churn.zip"])

    def test_names_what_was_left_out(self):
        done = self.plan({Zip: (1, 100, ("data", "pipe"))})
        self.assertEqual(done.outline[5:7], ["Note data was left out: it leads out of the project, or is not a file",
                                             "Note pipe was left out: it leads out of the project, or is not a file"])

    def test_replaces_no_folder(self):
        self.assertFault(self.plan({Look: "folder"}),
                         "skelebot.yaml:1: components.package.path: 'dist/churn.zip' is a folder",
                         "name a file, as in dist/churn.zip/project.zip")

    def test_needs_its_section(self):
        self.assertEqual(fault(ours("package", project()).check_words, project(), Words()), two_lines(
            "skelebot.yaml: has no section components.package",
            "add it below components, as in: package: {path: dist/churn.zip, ignores: [data/]}"))


@unittest.skipIf(os.name == "nt", "links and modes")
class PackagedProject(Case):
    FILES = {"a.py": "a", "src/b.py": "b", "src/deep/c d.py": "c", "\u00fc/\u00e9.txt": "e", ".hidden": "h",
             ".git/config": "x", "src/.git": "gitdir: ../.git/modules/src\n", "src/deep/.git": "gitdir: /home/ada/.git\n",
             "data/x.csv": "1", "data/keep.csv": "2"}
    CONFIG = PACKAGED.format("dist/churn.zip", "['data/*', '!data/keep.csv']")

    def package(self, *words, status=0):
        ending = call("package", *words)
        self.assertEqual(ending.status, status, ending.stderr)
        return ending

    def test_holds_every_file_that_is_not_ignored(self):
        with inside({"skelebot.yaml": self.CONFIG, **self.FILES}):
            ending = self.package()
            self.assertEqual(ending.stdout, "dist/churn.zip\n")
            self.assertRegex(ending.stderr, r"^skelebot: packaged 7 files, \d[\d.]* k?B\n$")
            plain, folder = "-rw-r--r--", ("drwxr-xr-x", b"")
            self.assertEqual(members(), {
                ".hidden": (plain, b"h"), "a.py": (plain, b"a"), "data/": folder, "data/keep.csv": (plain, b"2"),
                "dist/": folder, "skelebot.yaml": (plain, self.CONFIG.encode()), "src/": folder, "src/b.py": (plain,
                                                                                                              b"b"),
                "src/deep/": folder, "src/deep/c d.py": (plain, b"c"), "\u00fc/": folder, "\u00fc/\u00e9.txt": (plain,
                                                                                                                b"e")})

    def test_replaces_no_file_that_is_no_zip(self):
        for path in ("skelebot.yaml", "README.md"):
            with inside({"skelebot.yaml": PACKAGED.format(path, "[]"), "README.md": "# Churn\n"}):
                before = contents(".")
                self.assertEqual(self.package(status=1).stderr, two_lines(
                    f"skelebot.yaml:4: components.package.path: '{path}' exists, and is not a zip file",
                    "name another file"))
                self.assertEqual(contents("."), before)

    def test_warns_of_what_looks_secret(self):
        with inside({"skelebot.yaml": self.CONFIG, ".netrc": "machine x\n", "data/id_rsa": "k"}):
            self.assertIn("skelebot: warning: .netrc holds passwords, and goes into the zip file; to keep it out, add to ignores below package: - .netrc\n",
                          self.package().stderr)

    def test_is_the_same_bytes_for_the_same_tree(self):
        found = set()
        for backwards in (False, True):
            files = sorted({"skelebot.yaml": self.CONFIG, **self.FILES}.items(), reverse=backwards)
            with inside(dict(files)):
                for number, (name, _) in enumerate(files):
                    os.utime(name, (number * 1e6, 1e9 + number * 1e7 * (backwards + 1)))
                    os.chmod(name, 0o600 if backwards else 0o664)
                for _ in range(2):      # the second time there is a zip file already
                    self.package()
                    found.add(skelebot.read_bytes("dist/churn.zip"))
        self.assertEqual(len(found), 1)

    def test_never_holds_itself_nor_an_earlier_self(self):
        for path in ("churn.zip", "dist/churn.zip", "./dist/../churn.zip"):
            with self.subTest(path), inside({"skelebot.yaml": PACKAGED.format(path, "[]"), "a": "1"}):
                self.package()
                self.package()
                self.assertEqual([name for name in members(os.path.normpath(path)) if not name.endswith("/")],
                                 ["a", "skelebot.yaml"])

    def test_never_holds_itself_by_a_link(self):
        with inside({"skelebot.yaml": PACKAGED.format("out/churn.zip", "[]"), "real/a": "1"}):
            os.symlink("real", "out")
            os.symlink("real/churn.zip", "again.zip")
            self.package()
            self.package()
            self.assertEqual([name for name in members("real/churn.zip") if name.endswith(".zip")], [])

    def test_keeps_only_whether_a_file_can_be_run(self):
        with inside({"skelebot.yaml": self.CONFIG, "run.sh": "x", "read.me": "y"}):
            os.chmod("run.sh", 0o4711)
            os.chmod("read.me", 0o400)
            self.package()
            self.assertEqual([members()[name][0] for name in ("run.sh", "read.me")], ["-rwxr-xr-x", "-rw-r--r--"])

    def test_has_what_links_inside_lead_to_and_none_that_leads_out(self):
        with folder({"secret": "s", "deep/secret": "s"}) as outside:
            with inside({"skelebot.yaml": self.CONFIG, "src/b.py": "b"}) as path:
                for name, target in (("link.py", "src/b.py"), ("folder", "src"), ("out", outside + "/secret"),
                                     ("outfolder", outside), ("src/up", ".."), ("gone", "nothing"), ("loop", "loop"),
                                     ("relative", os.path.relpath(outside, path)), ("again", path + "/src")):
                    os.symlink(target, name)
                os.mkfifo("pipe")
                ending = self.package()
                left = ["again/up", "folder/up", "gone", "loop", "out", "outfolder", "pipe", "relative", "src/up"]
                self.assertEqual(ending.stderr.splitlines()[:-1], [
                    f"skelebot: {name} was left out: it leads out of the project, or is not a file" for name in left])
                self.assertEqual([name for name in members() if not name.endswith("/")],
                                 ["again/b.py", "folder/b.py", "link.py", "skelebot.yaml", "src/b.py"])

    def test_a_file_that_cannot_be_read_leaves_the_old_one(self):
        with inside({"skelebot.yaml": self.CONFIG, "src/b.py": "b"}) as path:
            call("package")     # nobody may not be able to import more of Python
            skelebot.write(File("dist/churn.zip", b"PK old"))
            os.chmod("src/b.py", 0)
            with as_nobody(path):
                self.assertEqual(call("package"), (1, "", two_lines(
                    "src/b.py: permission denied", "look at the folder's permissions and the free disk space")))
            self.assertEqual(contents("dist"), {"churn.zip": b"PK old"})

    def test_leaves_a_folder_that_is_a_file_alone(self):
        with inside({"skelebot.yaml": self.CONFIG, "dist": "file"}):
            ending = self.package(status=1)
            self.assertEqual(ending.stdout, "")
            self.assertRegex(ending.stderr, r"\Askelebot: dist(/churn\.zip)?: .*\n  hint: .*\n\Z")
            self.assertEqual(skelebot.read_bytes("dist"), b"file")

    def test_takes_its_ignores_as_dockerignore_does(self):
        for ignores, left in (("[]", ["a", "b/a", "b/c/a", "skelebot.yaml"]), ("[a]", ["b/a", "b/c/a",
                                                                                       "skelebot.yaml"]),
                              ("['**/a']", ["skelebot.yaml"]), ("[b/]", ["a", "skelebot.yaml"]),
                              ("[b, '!b/c']", ["a", "b/c/a", "skelebot.yaml"]), ("['*', '!b']", ["b/a", "b/c/a"]),
                              ("['*/a']", ["a", "b/c/a", "skelebot.yaml"]), ("['#a']", ["a", "b/a", "b/c/a",
                                                                                        "skelebot.yaml"]),
                              ("['*', '!b+(c)']", ["b+(c)"]), ("['b+(c)', '?']", ["skelebot.yaml"])):
            files = {} if "(" not in ignores else {"b+(c)": "", "bb": ""} if "*" in ignores else {"b+(c)": ""}
            with self.subTest(ignores), inside({"skelebot.yaml": PACKAGED.format("churn.zip", ignores),
                                                "a": "", "b/a": "", "b/c/a": "", **files}):
                self.package()
                self.assertEqual([name for name in members("churn.zip") if not name.endswith("/")], left)

    def test_has_no_keytab_of_the_project(self):
        config = self.CONFIG + "  kerberos: {krbConf: krb5.conf, keytab: keys/k, hdfsUser: ada}\n"
        with inside({"skelebot.yaml": config, "keys/k": "KEY", "krb5.conf": "x"}):
            self.package()
            self.assertNotIn("keys/k", members())

    def test_is_only_shown_in_a_dry_run(self):
        with inside({"skelebot.yaml": self.CONFIG, "a": ""}):
            self.assertEqual(call("--dry-run", "package").stdout.partition("\n")[2], (
                "[ -e dist ] || mkdir -p -- dist\n# zip -X -r dist/churn.zip ., without itself and what is ignored\n"
                "printf '%s\\n' dist/churn.zip\n"))
            self.assertEqual(sorted(contents(".")), ["a", "skelebot.yaml"])


if __name__ == "__main__":
    unittest.main()
