"""What `skelebot doctor` tells of a machine and a project, line by line."""
import json
import re
import time
import unittest

import skelebot
from skelebot import Answer, Call, Command, Doctor, Finding, Outcome, Remove, Request, Response, SkelebotError, Words
from support import contents, drive, folder, inside, process, project, shown

INFO = "28.2.2|/nowhere/docker|%s|[name=seccomp]map[runc:{}]| \n"
STOPPED = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


def clock(late):
    """The time that an engine's clock shows which is so many seconds late."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - late))


def doctor(words=(), changes=None, **keys):
    """The Doctor of ada's project, or with project=None outside of one."""
    of = keys.pop("project", ()) or project(**keys)
    one = Doctor(Call(environ={}, home="/home/ada", **(changes or {})), of if keys.get("name") != "" else None,
                 Words({word: ("true",) for word in words}))
    one.engine = skelebot.Engine(one.call)
    return one


def lines(check, results=None, one=None):
    """What a check is told with."""
    one = one or doctor()
    row = check if isinstance(check, tuple) else next(row for row in skelebot.CHECKS if row[0] == check)
    return [step.text for step in drive(one.plan_check(*row), results).steps if isinstance(step, Answer)]


class Engine(unittest.TestCase):
    maxDiff = None

    def test_is_told_by_its_state_with_what_helps(self):
        ok, bad = "ok      engine    engine: %s", "bad     engine    engine: %s\n                  remedy: %s"
        refused, native = "no engine answers docker: %s", "%s, or run the job natively with -n"
        clocks = "set the clocks, as by timedatectl set-ntp true, or start Docker again"
        for results, expected in (
                ({"version": SkelebotError("docker: not found on PATH", "install Docker")},
                 [bad % ("docker: not found on PATH", "install Docker")]),
                ({"version": Outcome(1, "", STOPPED)},
                 [bad % (refused % STOPPED, native % "start Docker, name another host with -d")]),
                ({"version": Outcome(1, "", "dial unix /var/run/docker.sock: connect: permission denied")},
                 [bad % (refused % "dial unix /var/run/docker.sock: connect: permission denied",
                         native % "join the group docker and log in again")]),
                ({"version": Outcome(1, "", "client version 1.50 is too new")},
                 [bad % (refused % "client version 1.50 is too new", native % (
                     "client and engine are too far apart: update one of them, or set DOCKER_API_VERSION to what the "
                     "engine speaks, as it says"))]),
                ({"version": Outcome(124, "", "no answer in time")},
                 [bad % (refused % "no answer in time", native % "start Docker, name another host with -d")]),
                ({"info": Outcome(0, "28.2.2|||[name=rootless]map[]| \n")},
                 [ok % "28.2.2 at its own default, rootless"]),
                ({"info": Outcome(0, "28.2.2||%s|[]map[]| \n" % clock(0))},
                 [ok % "28.2.2 at its own default, as root", ok % "its clock is H:MM:SS from this machine's"]),
                ({"info": Outcome(0, "28.2.2||%s|[]map[]| \n" % clock(60).replace("Z", "+00:00"))},
                 [ok % "28.2.2 at its own default, as root",
                  "note    engine    engine: its clock is H:MM:SS from this machine's\n                  remedy: " + clocks]),
                ({"info": Outcome(0, "28.2.2||%s|[]map[]| \n" % clock(-7200).replace("Z", "-01:30"))},
                 [ok % "28.2.2 at its own default, as root",
                  bad % ("its clock is H:MM:SS from this machine's", clocks)])):
            with self.subTest(results):
                told = lines("engine engine", results)
                self.assertEqual([re.sub(r"\d+:\d\d:\d\d", "H:MM:SS", line) for line in told], expected)

    def test_builders_are_told_with_what_is_missing(self):
        remedy = ("\n                  remedy: install Docker's buildx: without it there are no caches between builds and "
                  "no secrets in them")
        for version, buildx, expected in (("28.2.2", 0, "ok      engine    builder: buildkit"),
                                          ("28.2.2", 1, "note    engine    builder: legacy" + remedy),
                                          ("20.10.24", 0, "note    engine    builder: legacy" + remedy)):
            with self.subTest(version, buildx=buildx):
                self.assertEqual(lines("engine builder", {"--version": Outcome(0, f"Docker version {version}"),
                                                          "buildx": Outcome(buildx)}), [expected])

    def test_without_it_what_needs_it_is_skipped(self):
        one = doctor()
        one.engine = None
        self.assertEqual(lines("engine builder", one=one), ["skipped engine    builder: no engine"])
        self.assertEqual(lines("leftovers containers", one=one), ["skipped leftovers containers: no engine"])

    def test_base_images_are_here_or_in_their_registry(self):
        for ids, manifest, expected in (
                (("sha256:" + 64 * "a",), Outcome(), "ok      image     base: python:3.13-slim is here"),
                (("",), Outcome(), "ok      image     base: python:3.13-slim is in its registry"),
                (("",), Outcome(1, "", "unauthorized"),
                 "bad     image     base: unauthorized\n                  remedy: docker pull says more: it may need docker "
                 "login, or a proxy of the engine's own")):
            with self.subTest(expected):
                self.assertEqual(lines("image base", {skelebot.ImageIds: ids, "manifest": manifest,
                                                      "Dockerfile": None}), [expected])


class Network(unittest.TestCase):
    def test_an_index_answers_or_says_why_not(self):
        ok, bad = "ok      network   index: %s", "bad     network   index: %s\n                  remedy: %s"
        date = skelebot.Response(200, headers={"date": "Thu, 01 Jan 2015 00:00:00 GMT"})
        for answer, expected in (
                (Response(200), [ok % "https://pypi.org/simple/ answers"]),
                (SkelebotError("https://pypi.org/simple/: self-signed certificate", "set SSL_CERT_FILE"),
                 [bad % ("https://pypi.org/simple/: self-signed certificate", "set SSL_CERT_FILE")]),
                (Response(403, "Forbidden"),
                 [bad % ("HEAD https://pypi.org/simple/: 403 Forbidden", skelebot.refusal_hint("403", "", "http"))])):
            with self.subTest(answer):
                self.assertEqual(lines("network index", {Request: answer}), expected)
        self.assertRegex(lines("network index", {Request: date})[1], "^bad     network   index: its clock is [0-9]+ days, [0-9:]+ from")

    def test_is_asked_in_one_try_that_has_an_end(self):
        steps = [step for step in drive(doctor(language="R").plan_check("network index", Doctor.plan_indexes)).steps]
        self.assertEqual([(step.url, step.limit) for step in steps if isinstance(step, Request)],
                         [("https://cloud.r-project.org/", skelebot.LIMIT)])

    def test_a_certificate_of_another_time_is_told_as_a_matter_of_clocks(self):
        import ssl
        for words in ("certificate has expired", "certificate is not yet valid"):
            error = ssl.SSLError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {words} (_ssl.c:1)")
            self.assertIn("clock", skelebot.network_fault(error)[1])


class Files(unittest.TestCase):
    def told(self, check, files, **keys):
        with inside(files):
            return [step.text for step in drive_here(doctor(**keys).plan_check(
                *next(row for row in skelebot.CHECKS if row[0] == check)))]

    def test_faults_of_skelebot_yaml_are_each_a_line(self):
        told = self.told("project skelebot.yaml", {"skelebot.yaml": "name: x\nlangage: R\njobs: [{name: a}]\n"})
        self.assertEqual(told, [
            "bad     project   skelebot.yaml: skelebot.yaml:2: langage: unknown key\n"
            "                  remedy: did you mean language?",
            "bad     project   skelebot.yaml: skelebot.yaml:3: jobs[0]: needs the key source\n"
            "                  remedy: add a line such as source: src/jobs/train.py"])

    def test_one_that_is_well_and_none_at_all(self):
        self.assertEqual(self.told("project skelebot.yaml", {"skelebot.yaml": "name: x\n"}),
                         ["ok      project   skelebot.yaml: x, jobs: 0"])
        self.assertEqual(self.told("project skelebot.yaml", {}),
                         ["ok      project   skelebot.yaml: there is none, here or above"])

    def test_scripts_have_the_line_ends_of_unix(self):
        jobs = [{"name": "a", "source": "bash a.sh"}]
        self.assertEqual(self.told("project line ends", {"a.sh": "echo\r\n"}, jobs=jobs), [
            "bad     project   line ends: a.sh has those of Windows\n                  remedy: sed -i 's/\\r$//' a.sh"])
        self.assertEqual(self.told("project line ends", {"a.sh": "echo\n"}, jobs=jobs),
                         ["ok      project   line ends: those of Unix"])

    def test_what_goes_into_the_image_is_not_large_nor_secret(self):
        self.assertEqual(self.told("project context", {"a.py": ""}), ["ok      project   context: fine"])
        self.assertEqual(self.told("project context", {".netrc": "machine x login y password z"}), [
            "note    project   context: .netrc holds passwords, and goes into the image\n                  remedy: to "
            "keep it out, add to ignores in skelebot.yaml: - .netrc"])
        before, skelebot.LARGE_CONTEXT = skelebot.LARGE_CONTEXT, 100
        try:
            told = self.told("project context", {f"d{number}/x": number * "x" * 20 for number in range(1, 13)})
        finally:
            skelebot.LARGE_CONTEXT = before
        largest = [f"d{number} ({number * 20} B)" for number in range(12, 2, -1)]
        self.assertEqual(told, [
            "note    project   context: the project sends 1.6 kB to Docker, most of it in "
            f"{skelebot.listed(largest)}\n                  remedy: keep out what the image does not need, as in "
            "skelebot.yaml: ignores: [d12]"])

    def test_plugins_in_quarantine_are_named(self):
        with folder({"plugins-quarantine/slack/slack.py": "x"}) as home:
            one = doctor()
            one.home = home
            self.assertEqual([step.text for step in drive_here(one.plan_check(*next(
                row for row in skelebot.CHECKS if row[0] == "plugins quarantine")))], [
                "bad     plugins   quarantine: slack could not be imported\n                  remedy: skelebot plugin install "
                "brings a corrected one, plugin remove removes it"])

    def test_disks_have_room_and_can_be_written_to(self):
        with folder({}) as path:
            self.assertIn(f" left for {path}", doctor().room(f"{path}/a/b").found)
            before, skelebot.ROOM = skelebot.ROOM, 10 ** 20
            try:
                self.assertEqual(doctor().room(path).state, "bad")
            finally:
                skelebot.ROOM = before


def drive_here(plan):
    """The Answers of a plan that looks at this disk, and asks nobody."""
    return [step for step in plan if isinstance(step, Answer)]


class Leftovers(unittest.TestCase):
    maxDiff = None
    PS = ("1a|Exited (0) 2 hours ago|churn-train-1f, 12kB (virtual 457MB)\n"
          "2b|Exited (0) 59 minutes ago|churn-prep-2f, 0B (virtual 457MB)\n")

    def test_images_that_have_gone_already_are_no_reason_to_stop(self):
        kept = "docker\n\n/nowhere\n\0sha256:" + "a" * 64
        with folder({"builds/a": kept, "builds/b": kept.replace("a" * 64, "b" * 64)}) as path:
            one = doctor()
            one.home = path
            told = lines("leftovers builds", {"inspect": Outcome(1, "sha256:1 1000\n\n", "no such image"), "/nowhere": "",
                                              path + "/builds": ("a", "b")}, one)
        self.assertEqual([line[:60] for line in told], ["note    leftovers builds: 2 files and 1 images of folders th"])

    def test_containers_are_told_when_nothing_of_them_can_be_on_its_way_any_more(self):
        self.assertEqual(lines("leftovers containers", {"ps": Outcome(0, self.PS)}), [
            "note    leftovers containers: churn-train-1f, 12kB (virtual 457MB), Exited (0) 2 hours ago\n"
            "                  remedy: skelebot doctor --fix removes it; docker cp saves its files"])

    def test_only_fix_removes_them_and_none_that_runs(self):
        for words, expected in (((), []), (("fix",), ["docker rm --volumes 1a"])):
            one = doctor(words)
            steps = drive(one.plan_check("leftovers containers", Doctor.plan_containers), {"ps": Outcome(0, self.PS)}).steps
            self.assertEqual([step.line for step in steps if isinstance(step, Command) and "rm" in step.argv], expected)
        self.assertEqual(one.told[0]["found"], "removed: churn-train-1f, 12kB (virtual 457MB), Exited (0) 2 hours ago")

    def test_what_could_not_be_removed_is_bad(self):
        one = doctor(["fix"])
        told = lines("leftovers containers", {"ps": Outcome(0, self.PS), "rm": Outcome(1, "", "it runs")}, one)
        self.assertEqual([line.split("\n")[0] for line in told],
                         ["bad     leftovers containers: docker rm --volumes 1a ... failed: it runs"])

    def test_the_engine_is_asked_for_those_of_skelebot_that_have_ended(self):
        steps = drive(doctor().plan_check("leftovers containers", Doctor.plan_containers)).steps
        self.assertEqual(steps[0].line, "docker ps --all --size --filter label=skelebot.project --filter status=exited "
                                        "--format '{{.ID}}|{{.Status}}|{{.Names}}, {{.Size}}'")


class Logins(unittest.TestCase):
    maxDiff = None

    def told(self, results, **section):
        one = project(components=section)
        part = next(part for part in one.components if part.name in section)
        return [step.text for step in drive(doctor(project=one).plan_check(
            "logins " + part.name, lambda doctor: skelebot.plan_hook(part, "checks", doctor)), results).steps
            if isinstance(step, Answer)]

    def test_kerberos_is_asked_for_a_ticket_that_nobody_keeps(self):
        section = {"krbConf": "krb5.conf", "keytab": "a.keytab", "hdfsUser": "ada"}
        self.assertEqual(self.told({}, kerberos=section), ["ok      logins    kerberos: the KDC gives a ticket"])
        self.assertEqual(self.told({"kinit": Outcome(1, "", "kinit: Clock skew too great")}, kerberos=section), [
            "bad     logins    kerberos: kinit: Clock skew too great\n                  remedy: is the KDC up, its port 88 "
            "open, the clock right, and the key hdfsUser's? klist -k a.keytab shows whose it is"])
        self.assertEqual(self.told({"a.keytab": ""}, kerberos=section)[0].partition("\n")[0][-50:],
                         "components.kerberos.keytab: 'a.keytab' does not exist"[-50:])

    def test_a_registry_answers_and_knows_the_caller(self):
        for status, expected in (
                (200, "ok      logins    registry: r.example.com answers"),
                (401, "bad     logins    registry: r.example.com answers, and no login for it is known\n"
                      "                  remedy: " + skelebot.REGISTRY_WAYS),
                (502, "bad     logins    registry: GET https://r.example.com/v2/: 502\n"
                      "                  remedy: " + skelebot.ODD_SERVER)):
            with self.subTest(status):
                self.assertEqual(self.told({Request: Response(status)}, registry={"host": "r.example.com"}), [expected])

    def test_a_store_that_wants_a_login_is_not_asked_by_way_of_the_person(self):
        told = self.told({skelebot.Ask: "never", "/home/ada/.netrc": None},
                         repository={
            "artifactory": {"url": "https://a.example.com", "repo": "ml"}, "artifacts": [{"name": "m", "file": "m.bin"}]})
        self.assertEqual(told, ["bad     logins    repository: nobody has logged in (User at a.example.com)\n"
                                "                  remedy: " + skelebot.ARTIFACTORY_WAYS])

    def test_stores_answer(self):
        self.assertEqual(self.told({}, repository={"folder": {"path": "/mnt/models"},
                                                   "artifacts": [{"name": "m", "file": "m.bin"}]}),
                         ["ok      logins    repository: /mnt/models/ answers"])

    def test_a_helper_that_is_missing_is_named(self):
        with folder({"config.json": '{"credsStore": "nowhere"}'}) as path:
            one = doctor()
            one.call = one.call._replace(environ={"DOCKER_CONFIG": path, "PATH": ""})
            row = next(row for row in skelebot.CHECKS if row[0] == "logins helper")
            self.assertEqual(drive_here(one.plan_check(*row))[0].text.split("\n")[0],
                             "bad     logins    helper: docker-credential-nowhere is not on PATH")

    def test_offline_nothing_is_asked_of_them(self):
        one = doctor()
        one.network = False
        self.assertEqual(lines("network index", one=one), ["skipped network   index: no network"])


class Checks(unittest.TestCase):
    def test_one_that_fails_itself_is_told_and_the_others_go_on(self):
        def odd(doctor):
            yield Finding("ok", "so far")
            raise ZeroDivisionError("division by zero")
        self.assertEqual(lines(("logins odd", odd, "ask its author")), [
            "ok      logins    odd: so far",
            "bad     logins    odd: the check failed: ZeroDivisionError: division by zero\n"
            "                  remedy: ask its author"])

    def test_have_no_line_break_or_sign_that_a_terminal_obeys(self):
        def odd(doctor):
            yield Finding("note", "a\nok b \033[1m", "c\nd")
        self.assertEqual(lines(("logins odd", odd)), [
            "note    logins    odd: a\\nok b \\x1b[1m\n                  remedy: c\\nd"])

    def test_are_for_programs_too(self):
        def one(doctor):
            yield Finding("bad", "full", "free some")
        before, skelebot.CHECKS = skelebot.CHECKS, (("python disk", one),)
        try:
            driven = drive(doctor(["json"]).plan())
        finally:
            skelebot.CHECKS = before
        self.assertEqual(driven.status, 1)
        self.assertEqual([json.loads(step.text) for step in driven.steps], [[
            {"group": "python", "name": "disk", "state": "bad", "found": "full", "remedy": "free some"}]])

    def test_bring_a_plugin_its_own_rows_and_its_faults_are_its_own(self):
        class Slack(skelebot.Component):
            name = "slack"

            def checks(self, doctor):
                yield Finding("ok", f"{doctor.project.name} has a room")
                raise KeyError("room")
        before, skelebot.CHECKS = skelebot.CHECKS, ()
        try:
            one = project()
            told = [step.text for step in drive(doctor(project=one._replace(components=(Slack(one),))).plan()).steps]
        finally:
            skelebot.CHECKS = before
        self.assertEqual(told[0], "ok      logins    slack: churn has a room")
        self.assertRegex(told[1], r"^bad     logins    slack: plugin slack: .*KeyError: room\n +remedy: tell its author")

    def test_show_their_commands_in_a_dry_run_and_tell_nothing(self):
        text = shown(Doctor(Call(environ={"DOCKER_HOST": "unix:///nonexistent.sock"}, dry_run=True, home="/home/ada"),
                            project(), Words()).plan())
        self.assertEqual([line for line in text.split("\n") if line.startswith("docker info")], [
            "docker info --format '" + skelebot.Engine.facts + "'"])
        self.assertIn("curl --fail --request HEAD --head https://pypi.org/simple/\n", text)
        self.assertNotIn("ok ", text)

    def test_are_told_as_json_where_what_is_named_for_the_network_cannot_be_read(self):
        from support import process
        for files, fault in (({"home/config.yaml": "foo: 1\n"}, "home/config.yaml:1: foo: unknown key"),
                             ({"p/skelebot.yaml": "name: x\nnetwork: {ca: no.pem}\n"}, "skelebot.yaml:2: network.ca: 'no.pem' does not exist")):
            with folder({"p/skelebot.yaml": "name: x\n", "bin/none": "", **files}) as path:
                ending = process("doctor", "--json", folder=path + "/p", SKELEBOT_HOME=path + "/home", PATH=path + "/bin",
                                 PIP_INDEX_URL="http://127.0.0.1:9/")
            self.assertEqual([one["found"][-len(fault):] for one in json.loads(ending.stdout) if one["name"] == "skelebot.yaml"], [fault])
            self.assertEqual((ending.status, ending.stderr), (1, ""))

    def test_end_where_an_engine_tells_nonsense(self):
        for text in ("1|C:\\x|", "1|b|x|"):
            self.assertIn("1 at its own default, as root", lines("engine engine", {"info": Outcome(0, text)})[0])

    def test_change_nothing(self):
        with folder({"p/skelebot.yaml": "name: churn\n", "bin/none": ""}) as path:
            before = contents(path)
            ending = process("doctor", folder=path + "/p", SKELEBOT_HOME=path + "/home", PATH=path + "/bin",
                             PIP_INDEX_URL="http://127.0.0.1:9/")
            self.assertEqual(contents(path), before)
        self.assertEqual(ending.status, 1)
        self.assertIn("bad     engine    engine: docker: not found on PATH\n                  remedy: install Docker",
                      ending.stdout)
        self.assertIn("ok      project   skelebot.yaml: churn, jobs: 0\n", ending.stdout)
        self.assertNotIn("\033", ending.stdout)


if __name__ == "__main__":
    unittest.main()
