"""What the company's network and secrets lend to builds and jobs: keys and their faults, what each builder and job gets."""
import os
import re
import time
import unittest

import support
from support import call, drive, environment, folder, project, read, shown, skelebot, two_lines
from skelebot import Call, Command, Loan, Secret

HOME = os.path.expanduser("~")
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
PROXY = "http://proxy.example.com:3128"
CA_NAMES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"]
WRONG = (       # what stands below `name: x` -> place and fault, hint
    ("network: true", "2: network: expected a mapping, found 'true'", "write KEY: VALUE, one on a line"),
    ("network: {proxi: x}", "2: network.proxi: unknown key", "did you mean proxy?"),
    ("network: {proxy: proxy.example.com}", "2: network.proxy: expected the address of a proxy, found 'proxy.example.com'",
     "for example http://proxy.example.com:3128"),
    ("network: {proxy: 'socks5://h:1'}", "2: network.proxy: expected the address of a proxy, found 'socks5://h:1'",
     "for example http://proxy.example.com:3128"),
    ("network: {proxy: 'http://ada:p w@h:1'}", "2: network.proxy: expected the address of a proxy, found 'http://...@h:1'",
     "for example http://proxy.example.com:3128"),
    ("network: {proxy: 'http://h:70000'}", "2: network.proxy: expected the address of a proxy, found 'http://h:70000'",
     "for example http://proxy.example.com:3128"),
    ("network: {proxy: 'http://ada:pw@h:1'}", "2: network.proxy: holds an address with a password in it, which everyone who has "
     "the image could read", "write it into ~/.skelebot/config.yaml"),
    ("network: {noProxy: 'a b'}", "2: network.noProxy: expected names of hosts, found 'a b'", "for example [.example.com, 10.0.0.0/8]"),
    ("network: {no_proxy: a}", "2: network.no_proxy: unknown key", "did you mean noProxy?"),
    ("network: {ca: 'a:b'}", "2: network.ca: expected a file or folder, without : in its path, found 'a:b'",
     "for example /etc/pki/company.pem"),
    ("network: {pip: https://h/simple}", "2: network.pip: expected a mapping, found 'https://h/simple'", "write KEY: VALUE, one on a line"),
    ("network: {pip: {url: https://h}}", "2: network.pip.url: unknown key", "known are: extra, index"),
    ("network: {pip: {index: h/simple}}", "2: network.pip.index: expected an address, found 'h/simple'",
     "for example https://host/artifactory"),
    ("network: {pip: {extra: [https://h, file:///x]}}", "2: network.pip.extra[1]: expected an address, found 'file:///x'",
     "for example https://host/artifactory"),
    ("network: {cran: cloud}", "2: network.cran: expected an address, found 'cloud'", "for example https://host/artifactory"),
    ("network: {apt: deb http://h main}", "2: network.apt: expected an address, found 'deb http://h main'",
     "for example https://host/artifactory"),
    ("network: {registry: https://h}", "2: network.registry: expected the name of a registry, found 'https://h'",
     "for example mirror.example.com:5000/hub"),
    ("network: {registry: hub}", "2: network.registry: expected the name of a registry, found 'hub'",
     "for example mirror.example.com:5000/hub"),
    ("offline: maybe", "2: offline: expected true or false, found 'maybe'", "write true or false"),
    ("secrets: {TOKEN: x}", "2: secrets: expected a list, found a mapping", "write each as an item: - name: ..."),
    ("secrets: [TOKEN]", "2: secrets[0]: expected a mapping, found 'TOKEN'", "write KEY: VALUE, one on a line"),
    ("secrets: [{env: A}]", "2: secrets[0]: needs the key name", "add a line such as name: INDEX_TOKEN"),
    ("secrets: [{name: a-b, env: A}]", "2: secrets[0].name: expected a name of letters, digits and _, found 'a-b'",
     "for example INDEX_TOKEN"),
    ("secrets: [{name: A}]", "2: secrets[0]: needs either env, or file and maybe a target for it",
     "name the variable or file that has its value here"),
    ("secrets: [{name: A, env: A, file: a}]", "2: secrets[0]: needs either env, or file and maybe a target for it",
     "name the variable or file that has its value here"),
    ("secrets: [{name: A, env: A, value: s}]", "2: secrets[0].value: unknown key", "known are: at, env, file, name, target"),
    ("secrets: [{name: A, env: A, target: /a}]", "2: secrets[0]: needs either env, or file and maybe a target for it",
     "name the variable or file that has its value here"),
    ("secrets: [{name: A, file: a, target: etc/a}]", "2: secrets[0].target: expected an absolute path of a file, found 'etc/a'",
     "for example /etc/pip.conf"),
    ("secrets: [{name: A, env: A, at: job}]", "2: secrets[0].at: expected build or run, found 'job'", "choose one of: build, run"),
    ("secrets:\n- {name: A, env: A}\n- {name: A, env: B}", "4: secrets[1].name: the name A is taken by secrets[0].name",
     "give one of them another name"),
)


def company(**changes):
    """The call of somebody whose network is in config.yaml."""
    network = project(network=changes).network if changes else skelebot.Network()
    files = (("/home/ada/.skelebot/builds/network-1", b"", "/run/skelebot-ca.pem", tuple(CA_NAMES)),) if "ca" in changes else ()
    return Call(home="/home/ada", environ={"INDEX_TOKEN": "s3cret"}, token="0a1b", network=network, files=files)


class WrongSpellings(unittest.TestCase):
    def test_are_told_with_file_line_key_and_what_is_expected(self):
        for text, fault, hint in WRONG:
            with self.subTest(text), folder({"skelebot.yaml": f"name: x\n{text}\n"}) as path:
                self.assertEqual(call("--help", folder=path), (1, "", two_lines("skelebot.yaml:" + fault, hint)))

    def test_of_the_config_are_told_with_its_own_path(self):
        for text, fault in (("network: {proxy: x}", "1: network.proxy: expected the address of a proxy, found 'x'"),
                            ("jobs: []", "1: jobs: unknown key"), ("- a", "1: expected a mapping, found a list"),
                            ("offline: 3", "1: offline: expected true or false, found '3'"), ("", " is a pipe, no file")):
            with self.subTest(text), folder({"skelebot.yaml": "name: x\n", "home/config.yaml": text}) as path:
                if not text:
                    os.remove(path + "/home/config.yaml")
                    os.mkfifo(path + "/home/config.yaml")
                with environment(SKELEBOT_HOME=path + "/home"):
                    ending = call("--help", folder=path)
                self.assertEqual(ending.stderr.split("\n")[0], f"skelebot: {path}/home/config.yaml:{fault}")


class Config(unittest.TestCase):
    """~/.skelebot/config.yaml."""

    def network(self, config, text=""):
        with folder({"config.yaml": config}) as home, environment(SKELEBOT_HOME=home):
            return read("name: x\n" + text)

    def test_lies_below_the_projects_own_keys(self):
        known = self.network(f"network: {{proxy: '{PROXY}', pip: {{index: https://a, extra: [https://b]}}}}",
                             "network: {cran: https://c, pip: {index: https://d}}").network
        self.assertEqual((known.proxy, known.cran, known.pip.index, known.pip.extra),
                         (PROXY, "https://c", "https://d", ("https://b",)))

    def test_is_taken_back_by_an_empty_key(self):
        self.assertEqual(self.network(f"network: {{proxy: '{PROXY}'}}", "network: {proxy: }").network.proxy, "")

    def test_has_offline_too_which_a_project_may_take_back(self):
        self.assertTrue(self.network("offline: true").offline)
        self.assertFalse(self.network("offline: true", "offline: false\n").offline)

    def test_may_hold_a_password(self):
        self.assertEqual(self.network("network: {proxy: 'http://ada:pw@h:1'}").network.proxy, "http://ada:pw@h:1")

    def test_costs_one_look_where_there_is_none(self):
        looks = []
        with support.disk(looks.append):
            config = skelebot.read_config({}, "/nowhere")
        self.assertEqual((config, looks), (skelebot.Config(places=config.places), []))


class Variables(unittest.TestCase):
    def test_are_those_that_programs_read(self):
        known = project(network={"proxy": PROXY, "noProxy": [".a"], "cran": "https://c",
                                 "pip": {"index": "https://i", "extra": ["https://x", "https://y"]}}).network.variables
        direct = ".a,localhost,127.0.0.1,::1"
        self.assertEqual(known, {
            "http_proxy": PROXY, "HTTP_PROXY": PROXY, "https_proxy": PROXY, "HTTPS_PROXY": PROXY, "no_proxy": direct,
            "NO_PROXY": direct, "PIP_INDEX_URL": "https://i", "PIP_EXTRA_INDEX_URL": "https://x https://y",
            "SKELEBOT_CRAN": "https://c", "RENV_CONFIG_REPOS_OVERRIDE": "https://c"})

    def test_that_name_the_callers_are_shown_to_nobody(self):
        text = "name: x\nnetwork: {proxy: 'http://$A@h:1', cran: 'https://c/${A}', pip: {index: 'https://i/$A/x', extra: ['https://$A@i']}}\n"
        with folder({"skelebot.yaml": text}) as path, environment(A="t0k-of-ada", SKELEBOT_HOME=path):
            shown = call("--dry-run", "prime", folder=path)
            told = call("doctor", folder=path)
        self.assertIn("export http_proxy=... HTTP_PROXY=... https_proxy=... ", shown.stdout)
        self.assertEqual([line for line in (*shown, *told) if "t0k-of-ada" in str(line)], [])

    def test_are_in_a_mirror_for_apt_too_byte_for_byte(self):
        with environment(A="p&w\\"):
            script = Loan(company(apt="https://ada:${A}@a"), project(), "build").script
        self.assertIn("""'s#https?://[a-z.-]+\\.(debian\\.org|ubuntu\\.com)#''https://ada:p\\&w\\\\@a''#'""", str.__str__(script))

    def test_are_none_without_a_network(self):
        self.assertEqual(skelebot.Network().variables, {})


class Mirror(unittest.TestCase):
    def test_has_the_images_of_docker_hub_and_no_others(self):
        for image, name in (("python:3.13-slim", "m.example.com/library/python:3.13-slim"), ("rocker/r-ver:4.5", "m.example.com/rocker/r-ver:4.5"),
                            ("quay.io/a/b", "quay.io/a/b"), ("localhost/a", "localhost/a"), ("reg:5000/a", "reg:5000/a")):
            with self.subTest(image):
                self.assertEqual(project(baseImage=image, network={"registry": "m.example.com"}).base, name)


class Authorities(unittest.TestCase):
    def bundle(self, ca, files, **environ):
        with folder(files) as path:
            network = project(network={"ca": ca}).network
            return skelebot.ca_bundle(network, {"SSL_CERT_FILE": path + "/system", **environ}, path, HOME)

    def test_are_added_to_those_of_this_machine(self):
        self.assertEqual(self.bundle("a.pem", {"system": "known", "a.pem": PEM}).decode(), f"known\n{PEM}\n")

    def test_come_from_all_files_of_a_folder(self):
        files = {"system": "known\n", "ca/a.crt": "a\n" + PEM, "ca/b.txt": PEM.replace("MIIB", "MIIC"), "ca/README": "x"}
        self.assertEqual(self.bundle("ca/", files).decode(), f"known\n{PEM}\n{PEM.replace('MIIB', 'MIIC')}\n")

    def test_bring_no_key_along(self):
        key = "-----BEGIN PRIVATE " + "KEY-----\nx\n-----END PRIVATE " + "KEY-----\n"
        self.assertNotIn(b"PRIVATE", self.bundle("a.pem", {"system": "", "a.pem": key + PEM}))

    def test_that_are_none_are_a_fault_at_their_key(self):
        for files, fault in (({}, "does not exist"), ({"a.pem": "x"}, "holds no certificate in PEM form")):
            with self.subTest(fault), self.assertRaises(skelebot.SkelebotError) as caught:
                self.bundle("a.pem", {"system": "", **files})
            self.assertEqual(caught.exception.message, f"skelebot.yaml:1: network.ca: 'a.pem' {fault}")


TEXT = 'FROM a\n\nRUN python -m pip install x \\\n && b\n\nRUN --mount=type=cache,target=/c d\n\nRUN ["/bin/sh", "-c", "e"]\nRUN find /app x\n'
TOKEN = {"name": "TOKEN", "env": "INDEX_TOKEN", "at": ["build", "run"]}


class Builds(unittest.TestCase):
    def build(self, call, builder, own=False, **changes):
        return Loan(call, project(**changes), "build").build(TEXT, builder, own)

    def test_get_nothing_where_nothing_is_given(self):
        for builder in ("buildkit", "podman", "legacy"):
            self.assertEqual(self.build(company(), builder), (TEXT, (), {}))

    def test_get_the_proxy_by_name_and_no_other_text(self):
        names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]
        for builder in ("buildkit", "podman", "legacy"):
            text, words, environ = self.build(company(proxy=PROXY), builder)
            self.assertEqual((text, list(words), environ), (TEXT, list(skelebot.each("--build-arg", names)), {}))

    def test_get_the_rest_by_mounts(self):
        call = company(ca="a.pem", pip={"index": "https://ada:${PASSWORD}@i"})
        with environment(PASSWORD="pw"):
            text, words, environ = self.build(call, "buildkit", secrets=[TOKEN])
        mounts = "".join(f"--mount=type=secret,id={name},target=/run/{name}{end},mode=0444 "
                         for name, end in (("skelebot-env", ""), ("skelebot-ca", ".pem")))
        begin = ". /run/skelebot-env; "
        self.assertEqual(text, f"FROM a\n\nRUN {mounts}{begin}python -m pip install x \\\n && b\n\n"
                         f"RUN --mount=type=cache,target=/c {mounts}{begin}d\n\nRUN {mounts}[\"/bin/sh\", \"-c\", \"{begin}e\"]\n"
                         "RUN find /app x\n")
        self.assertEqual(list(words), ["--secret", "id=skelebot-env,env=SKELEBOT_BUILD",
                                       "--secret", "id=skelebot-ca,src=/home/ada/.skelebot/builds/network-1"])
        script = environ.pop("SKELEBOT_BUILD")
        self.assertEqual((repr(script), environ), ("Secret(...)", {}))
        self.assertEqual(str.__str__(script), "; ".join([
            "export PIP_INDEX_URL=https://ada:pw@i", *(f"export {name}=/run/skelebot-ca.pem" for name in CA_NAMES),
            "export TOKEN=s3cret", "export APT_CONFIG=/dev/shm/apt.conf; echo 'Acquire::https::CAInfo \"/run/skelebot-ca.pem\";' "
            '>> "$APT_CONFIG"']))

    def test_get_mirrors_from_the_legacy_builder_in_the_text(self):
        text, words, environ = self.build(company(pip={"index": "https://i"}), "legacy")
        self.assertEqual(text, TEXT.replace("RUN python", "RUN export PIP_INDEX_URL=https://i; python").replace(
            "target=/c d", "target=/c export PIP_INDEX_URL=https://i; d").replace('"e"', '"export PIP_INDEX_URL=https://i; e"'))
        self.assertEqual((words, environ), ((), {}))

    def test_get_nothing_from_the_legacy_builder_that_it_would_keep(self):
        for call, changes in ((company(ca="a.pem"), {}), (company(pip={"index": "https://ada:${X}@i"}), {}),
                              (company(pip={"extra": ["https://i", "https://i/$X/simple"]}), {}), (company(cran="https://c/${X}"), {}),
                              (company(apt="https://a/${X}"), {}),
                              (company(), {"secrets": [TOKEN]})):
            with self.subTest(call.network), self.assertRaises(skelebot.SkelebotError) as caught:
                self.build(call, "legacy", **changes)
            self.assertEqual(str(caught.exception) + "\n", two_lines(
                "the legacy builder would keep a secret, a login or the network's ca in the image",
                "build with BuildKit: install Docker's buildx, and leave DOCKER_BUILDKIT=0 out"))

    def test_of_a_hand_written_dockerfile_may_mount_secrets_by_name(self):
        text, words, _ = self.build(company(), "buildkit", True, secrets=[TOKEN])
        self.assertEqual((text, words[-2:]), (TEXT, ("--secret", "id=TOKEN,env=INDEX_TOKEN")))

    def test_reach_nothing_when_offline(self):
        dead = [name + "=http://127.0.0.1:9" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")]
        offline = company()._replace(offline=True)
        self.assertEqual(self.build(offline, "buildkit"), (TEXT, skelebot.each("--build-arg", dead), {}))
        self.assertEqual(self.build(offline, "legacy"), (TEXT, ("--network", "none"), {}))

    def test_name_a_secret_that_is_missing(self):
        for secret, fault in (({"name": "A", "env": "NOT_SET", "at": "build"}, "env: the variable NOT_SET is not set"),
                              ({"name": "A", "file": "no.conf", "at": "build"}, "file: 'no.conf' is no file that exists")):
            with self.assertRaises(skelebot.SkelebotError) as caught:
                self.build(company(), "buildkit", secrets=[secret])
            self.assertEqual(caught.exception.message, f"skelebot.yaml:1: secrets[0].{fault}")


class Jobs(unittest.TestCase):
    def command(self, call, native=False, **changes):
        one = project(**changes)
        plan = skelebot.plan_job(call._replace(native=native, skip_build=True), one, one.jobs[0], skelebot.Words())
        return [step for step in drive(plan).steps if isinstance(step, Command)][-1]

    def test_get_names_of_variables_and_files_for_reading(self):
        done = self.command(company(proxy=PROXY, ca="a.pem"), environment=["no_proxy=mine"],
                            secrets=[TOKEN, {"name": "conf", "file": "a.conf", "target": "/etc/a.conf"}])
        line = " ".join(done.argv)
        self.assertIn("--env http_proxy --env HTTP_PROXY ", line)
        self.assertIn("--mount type=bind,source=/home/ada/.skelebot/builds/network-1,target=/run/skelebot-ca.pem,readonly "
                      "--mount type=bind,source=/home/ada/churn/a.conf,target=/etc/a.conf,readonly", line)
        self.assertEqual((done.environ["TOKEN"], done.environ["REQUESTS_CA_BUNDLE"]), ("s3cret", "/run/skelebot-ca.pem"))
        self.assertNotIn("s3cret", done.line)

    def test_get_what_is_for_builds_only_not(self):
        self.assertNotIn("TOKEN", self.command(company(), secrets=[{**TOKEN, "at": "build"}]).line)

    def test_have_the_variables_natively_too(self):
        done = self.command(company(), native=True, secrets=[TOKEN])
        self.assertEqual((done.environ, "s3cret" in done.line), ({"TOKEN": Secret("s3cret")}, False))

    def test_hear_where_a_secret_file_is_natively(self):
        one = project(secrets=[{"name": "conf", "file": "a.conf"}])
        steps = drive(skelebot.plan_job(Call(native=True), one, one.jobs[0], skelebot.Words())).steps
        self.assertIn(skelebot.Note("without Docker conf is not at /run/secrets/conf, but a.conf"), steps)

    def test_are_refused_natively_too_where_a_secret_file_does_not_exist(self):
        one = project(secrets=[{"name": "conf", "file": "a.conf"}])
        driven = drive(skelebot.plan_job(Call(native=True), one, one.jobs[0], skelebot.Words()), {"/home/ada/churn/a.conf": ""})
        self.assertEqual(str(driven.fault) + "\n", two_lines("skelebot.yaml:1: secrets[0].file: 'a.conf' is no file that exists",
                                                             "correct the path, or make the file"))


class SecretFiles(unittest.TestCase):
    def test_of_all_environments_stay_out_of_images(self):
        text = "name: x\nsecrets: [{name: a, file: a.conf}, {name: b, file: ~/b.conf}]\n"
        known = read(text, **{"skelebot-dev.yaml": "secrets:\n- {name: c, file: keys/c.conf}\n",
                              "skelebot-off.yaml": "secrets: [{name: d, file: d.conf}\n"})
        self.assertEqual(known.secret_files, ("a.conf", "d.conf", "keys/c.conf", "~/b.conf"))
        self.assertEqual(skelebot.ignored_by_components(known._replace(folder="/p")), ("/a.conf", "/d.conf", "/keys/c.conf"))


class Offline(unittest.TestCase):
    def test_asks_no_server_and_names_it(self):
        for words, what in ((("plugin", "https://example.com/a.zip"), "https://example.com/a.zip"), (("publish",), "publish")):
            with self.subTest(words), folder({"skelebot.yaml": "name: x\ncomponents: {registry: {user: team}}\n"}) as path:
                with environment(SKELEBOT_HOME=path):
                    ending = call("--offline", *words, folder=path)
                self.assertEqual(ending, (1, "", two_lines(f"{what} needs the network, and this call is offline",
                                                           "leave --offline out, or the line offline: true")))


    def test_is_known_of_a_store_before_a_chain_begins(self):
        text = ("name: x\nversion: 1.0.0\njobs: [{name: a, source: 'true'}]\ncomponents: {repository: {%s, "
                "artifacts: [{name: m, file: m.bin}]}}\n")
        for store, kind in (("artifactory: {url: 'https://a.example.com', repo: r, path: p}", "artifactory"),
                            ("s3: {bucket: b}", "s3"), ("folder: {path: store}", "")):
            for words in (("push", "m"), ("pull", "m", "1.0.0")) if kind else (("push", "m"),):
                with self.subTest(store, words=words), folder({"skelebot.yaml": text % store, "m.bin": "x"}) as path:
                    with environment(SKELEBOT_HOME=path):
                        ending = call("--offline", "-n", "a", "+", *words, folder=path)
                    fault = two_lines(f"the store in {kind} needs the network, and this call is offline",
                                      "leave --offline out, or the line offline: true")
                    self.assertEqual((ending.status, ending.stderr if kind else ""), (1, fault) if kind else (0, ""))


class DryRun(unittest.TestCase):
    def test_shows_the_variables_first_and_no_password(self):
        with folder({"skelebot.yaml": "name: x\njobs: [{name: a, source: 'true'}]\n",
                     "home/config.yaml": "network: {proxy: 'http://ada:hunter2@h:1', noProxy: a}"}) as path:
            with environment(SKELEBOT_HOME=path + "/home", SKELEBOT_DOCKER="docker"):
                ending = call("--dry-run", "-n", "a", folder=path)
        self.assertIn("\nexport http_proxy=http://...@h:1 HTTP_PROXY=", ending.stdout)
        self.assertNotIn("hunter2", ending.stdout + ending.stderr)


class Files(unittest.TestCase):
    """What programs read of the network, in ~/.skelebot/builds."""

    def test_are_written_unless_they_are_there_and_will_not_be_forgotten_soon(self):
        with folder({"builds/network-1": "x"}) as home:
            path = home + "/builds/network-1"
            for data, days, count in ((b"x", 1, 0), (b"y", 1, 1), (b"x", 60, 1)):
                with self.subTest(data=data, days=days):
                    os.utime(path, (time.time() - days * 24 * 3600,) * 2)
                    steps = list(skelebot.plan_network(Call(files=((path, data, "/run/x", ("X",)),))))
                    self.assertEqual([step.data for step in steps if isinstance(step, skelebot.File)], count * [data])


class Topic(unittest.TestCase):
    """templates/help/network.md."""

    def test_names_the_keys_of_the_records(self):
        text = skelebot.template_bytes("help", "network.md").decode()
        for name, record in (("network", skelebot.Network), ("pip", skelebot.Pip), ("secrets", skelebot.SecretEntry)):
            table = re.search(rf"(?ms)^\| key of `{name}` .*?\n\n", text + "\n").group()
            self.assertEqual(re.findall(r"(?m)^\| `(\w+)`", table), list(skelebot.fields(record)))


if __name__ == "__main__":
    unittest.main()
