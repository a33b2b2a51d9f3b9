"""What engines, servers and files say, before it is a word of a command or a line for another program."""
import unittest

from support import Look, Read, drive, project, read, shown, skelebot, two_lines
from skelebot import Built, Call, Command, ImageIds, Outcome, Recipe, Request, Response, SkelebotError

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b", python="/usr/bin/python3")
ENGINE = skelebot.Engine(ADA)
ID = "sha256:" + "0123456789abcdef" * 4
NO_IDS = ("--env-file=/home/ada/.secret", "-v/:/host", "--privileged", "churn", "sha256:1", "sha256:" + "0" * 63,
          ID + "\n", ID + "0", ID.upper(), "md5:" + ID[7:], "../" + ID, ID.replace("a", "\u0430"), " " + ID, "0" * 65)


class Ids(unittest.TestCase):
    def test_of_images_are_64_hex_digits_with_their_algorithm_or_as_podman_has_them_without(self):
        for text in (ID, ID[7:]):
            self.assertEqual(skelebot.image_id(text), text)
        for text in (*NO_IDS, ""):
            with self.subTest(text):
                self.assertEqual(skelebot.image_id(text), "")

    def ids(self, call=ADA, **results):
        return drive(skelebot.engine_kind(call.engine)(call).plan_image_ids(("python:3",)), {
            getattr(skelebot, name): value for name, value in results.items()})

    def test_that_are_none_are_refused_from_the_engines_socket(self):
        self.assertEqual(self.ids(ImageIds=(ID,)).status, (ID,))
        self.assertEqual(self.ids(ImageIds=("",)).status, ("",))
        for text in NO_IDS:
            with self.subTest(text):
                self.assertEqual(str(self.ids(ImageIds=(text,)).fault) + "\n", two_lines(
                    f"the engine gives {skelebot.shortened(text)} as the id of image python:3",
                    "an id is sha256: and 64 hex digits: look at who answers there"))

    def test_that_are_none_are_refused_from_the_command_line(self):
        self.assertEqual(self.ids(Command=Outcome(0, ID + "\n")).status, (ID,))
        for text in NO_IDS[:6]:
            with self.subTest(text):
                self.assertIn("as the id of image python:3", self.ids(Command=Outcome(0, text + "\n")).fault.message)

    def test_that_are_none_are_not_remembered_ones(self):
        for text in NO_IDS:
            with self.subTest(text):
                built = Built("k", text, "0a", Recipe())
                self.assertIsNone(skelebot.Built.read(built.cache_text, "k"))

    def test_that_are_none_are_not_run_when_a_builder_tells_them(self):
        for told, run in ((ID, ID), (f"{ID}\n", ID), *((text, "churn") for text in NO_IDS[:6])):
            with self.subTest(told):
                done = drive(skelebot.Image(ENGINE, project()).plan_ready(), {"/tmp/scratch/image": told.encode(), Read: None,
                                                                             ImageIds: None, Command: Outcome(0, "")})
                self.assertEqual((done.status, done.fault), (run, None))


class Names(unittest.TestCase):
    def test_of_base_images_in_a_dockerfile_are_no_options(self):
        for text in ("FROM -f{{.}}", "FROM --help\nFROM -x", "FROM a\nCOPY --from=-x /a /a", "ARG A=-x\nFROM $A"):
            with self.subTest(text):
                self.assertIsNone(skelebot.Instructions(text).bases)

    def test_of_a_docker_context_are_no_options_and_lead_to_engines(self):
        call = ADA._replace(context="--help")
        for host, endpoint in (("ssh://ada@box", "ssh://ada@box"), ("unix:///run/x", "unix:///run/x"), ("", "")):
            done = drive(skelebot.Engine(call).plan_endpoint(), {Read: None, Command: Outcome(0, host + "\n")})
            self.assertEqual((done.steps[-1].argv[-2:], done.status), (("--", "--help"), endpoint))
        for host in ("ssh://-oProxyCommand=x", "ssh://ada@-oProxyCommand=x", "-x", "a b"):
            with self.subTest(host):
                meta = '{"Endpoints":{"docker":{"Host":"%s"}}}' % host
                self.assertEqual(skelebot.context_endpoint(meta.encode()), "")
                done = drive(skelebot.Engine(call).plan_endpoint(), {Read: None, Command: Outcome(0, host)})
                self.assertIn("which is no engine's address", done.fault.message)

    def test_of_hosts_in_the_file_are_no_options_either(self):
        for host in ("ssh://-oProxyCommand=x", "ssh://ada@-oProxyCommand=x", "-H", "ssh://a b"):
            with self.subTest(host), self.assertRaisesRegex(SkelebotError, "host: expected a Docker host"):
                project(host=host)
        for host in ("ssh://ada@box:22/run/docker.sock", "tcp://[::1]:2375", "box", "ada@box", "npipe:////./pipe/x"):
            self.assertEqual(project(host=host).host, host)

    def test_of_what_aws_is_told_are_no_options_and_no_files(self):
        for name in ("file:///etc/passwd", "FILEB://x", "https://x", "--debug", "-x"):
            with self.subTest(name):
                for auth in ({"awsSecret": name}, {"awsSecret": "s", "awsProfile": name}, {"awsSecret": "s", "awsRegion": name}):
                    place = {"url": "https://h", "repo": "r", "auth": {"aws": True, **auth}}
                    with self.assertRaisesRegex(SkelebotError, "auth.aws(Secret|Profile|Region): expected"):
                        skelebot.Part.check_section(project(components={"repository": {"artifactory": place}}), "push")
                with self.assertRaisesRegex(SkelebotError, "aws.profile: expected"):
                    skelebot.Part.check_section(project(components={"registry": {"host": "a.b", "aws": {"profile": name}}}), "publish")
        for part in ("-d:o:r:n:1", "d:-o:r:n:1", "d:o:-r:n:1", "d:o:r:-n:1", "d:o:r:n:-1", "d:o:r:n:1:--debug"):
            with self.subTest(part), self.assertRaisesRegex(SkelebotError, "expected a Python dependency"):
                project(dependencies=["ca_file:" + part])
        section = skelebot.RegistrySection("1.dkr.ecr.--debug.amazonaws.com", aws=skelebot.RegistryAws())
        self.assertEqual(skelebot.Registry(settings=section).ecr_argv,
                         ("aws", "ecr", "get-login-password"))

    def test_of_a_package_are_files_in_no_folder(self):
        one = project(dependencies=["ca_file:d:o:r:n:1"]).dependencies.Python[0]
        for name in ("-x.whl", ".x.whl", "a/b.whl", "a b.whl", "x$.whl", "\u00e4.whl", "a\n.whl", "x.exe"):
            with self.subTest(name):
                answer = skelebot.Outcome(0, '{"assets": [{"name": %s}]}' % skelebot.shell_line([name]).replace("'", '"'))
                done = drive(skelebot.plan_code_artifact(one), {Command: answer})
                self.assertTrue(done.fault)
                self.assertFalse([step for step in done.steps if "get-package-version-asset" in getattr(step, "argv", ())])

    def test_of_a_role_are_those_of_aws(self):
        for name, asked in (("churn+role_1", 3), ("../../../latest/user-data", 2), ("a?b", 2), ("a%2e", 2)):
            with self.subTest(name):
                done = drive(skelebot.AwsKeys(ADA, None).plan_by_instance(), {Request: Response(200, body=name.encode())})   # the token as well
                self.assertEqual(len(done.steps), asked)

    def test_of_a_region_in_an_answer_are_shown_only_if_they_are_one(self):
        for region, hint in (("eu-central-1", "add region: eu-central-1 below components.repository.s3"), ("--x", None),
                             ("eu central", None)):
            response = Response(301, "", {"x-amz-bucket-region": region})
            asked = Request("GET", "https://b.s3.amazonaws.com/k", login=skelebot.Signing())
            found = skelebot.http_fault(asked, response).hint
            self.assertEqual(found if hint else "region" in found, hint or False)


class Passwords(unittest.TestCase):
    """In addresses."""
    SECRET = ("https://deploy:hunter2@host/p.whl", "git+https://deploy:hunter2@host/p", "https://:hunter2@host/p",
              "https://ghp_hunter2@github.com/a/b", "https://hunter2hunter2hunter2@host/p", "https://u:hunter2/x@host/p",
              "ssh://u:hunter2@host/p", "https://u:p@hunter2@host/p", "https://glpat-hunter2:@host/p", "//u:hunter2@host/p",
              "https://host/p?X-Amz-Signature=hunter2", "https://host/p?a=b&token=hunter2#egg=p", "HTTPS://U:hunter2@HOST",
              "https://u:hunter2%40@[::1]:80/p", "https://$U:hunter2@host/p", "postgres://u:hunter2?x@host/db")
    NONE = ("https://host/p.whl", "git+ssh://git@github.com/a/b", "https://user@host/p", "ssh://ada@box:22", "https://user:@host/p",
            "git@github.com:a/b.git", "https://u:${TOKEN}@host/p", "https://u:$TOKEN@host", "https://${A_LONG_NAME_OF_A_VARIABLE}@host",
            "https://u:$(cat /run/secrets/x)@host", "https://host:8080/a@1.0", "https://host/a:b@c", "https://[::1]:80/a@b",
            "https://${TOKEN}:x-oauth-basic@github.com/a/b", "see https://host: ada@host", "a@b", "https://host/p?page=2", "x//y:z",
            "https://host/p?token=$TOKEN", "python:3@sha256:0a", "// ada: a@b")

    def test_are_told_from_users_ports_paths_and_names_of_variables(self):
        for text in self.SECRET:
            for whole in (text, f"pkg @ {text} ; x", f"'{text}'"):
                with self.subTest(whole):
                    shown = skelebot.shown_url(whole)
                    self.assertEqual(skelebot.has_password(whole), not text.startswith("//") or whole == text)
                    self.assertEqual("hunter2" in shown, whole != text and text.startswith("//"))
                    self.assertEqual("hunter2" in skelebot.shortened(text), text.startswith("//"))
        for text in self.NONE:
            with self.subTest(text):
                self.assertFalse(skelebot.has_password(text))
                self.assertEqual(skelebot.shown_url(text), text)

    def test_are_no_part_of_a_bare_address(self):
        for url, bare in (("https://u:p@h/x@1", "https://h/x@1"), ("https://u@h", "https://h"), ("//u:p@h/x", "//h/x"),
                          ("git+https://u:p@h/x", "git+https://h/x"), ("https://h:80/x@y", "https://h:80/x@y"),
                          ("https://h/a//b@c", "https://h/a//b@c"), ("https://u:p/q@h/", "https://h/")):
            with self.subTest(url):
                self.assertEqual(skelebot.bare_url(url), bare)

    def test_are_looked_for_in_time_that_grows_with_the_text_only(self):
        for text in ("://" * 20000, "https://a:" * 20000, "//" + ":" * 60000, "://u:" + "x" * 60000, "?token" * 20000 + "//", "https://" * 9000 + "@"):
            skelebot.has_password(text)     # or the test does not come to its end
            skelebot.shown_url(text)

    def test_are_refused_in_all_that_gets_into_an_image_with_the_place(self):
        url = "https://deploy:hunter2@host/p.whl"
        for path, text in (
                ("dependencies[1]", f"dependencies:\n- numpy\n- 'pkg @ {url}'"), ("dependencies[1]", f"dependencies:\n- a\n- git+{url}"),
                ("dependencies[1]", f"dependencies:\n- a\n- github:{url}"), ("commands", f"x-a: 1\n\ncommands: curl {url}"),
                ("dependencies.Python[0]", f"dependencies:\n  Python:\n  - {url}"),
                ("description", f"x-a: 1\n\ndescription: see {url}"), ("contact", f"x-a: 1\n\ncontact: {url}"),
                ("baseImage", "x-a: 1\n\nbaseImage: https://u:p@h/x"), ("ignores[1]", f"ignores:\n- a\n- {url}"),
                ("jobs[0].source", f"jobs:\n- name: a\n  source: curl {url}"), ("host", "x-a: 1\n\nhost: ssh://u:hunter2@h"),
                ("jobs[0].params[0].default", f"jobs:\n- name: a\n  params: [{{name: x, default: '{url}'}}]\n  source: b.py")):
            with self.subTest(text):
                with self.assertRaises(SkelebotError) as raised:
                    read(f"name: x\n{text}\n")
                self.assertEqual(str(raised.exception) + "\n", two_lines(
                    f"skelebot.yaml:4: {path}: holds an address with a password in it, which everyone who has the image could read",
                    "use one that needs no login, or fetch it where ~/.netrc has the login and add it as a file"))

    def test_are_refused_in_files_that_get_into_an_image(self):
        text = b"numpy\n--extra-index-url https://u:hunter2@host/simple\n"
        for keys, file in (({"dependencies": ["req:r.txt"]}, "r.txt"), ({"dependencies": ["proj:pyproject.toml"]}, "pyproject.toml"),
                           ({"language": "R", "dependencies": ["renv:renv.lock"]}, "renv.lock"), ({"dockerfile": "D"}, "D")):
            if file == "pyproject.toml":
                text = b'[project]\ndependencies = ["p @ https://u:hunter2@host/p.whl"]\n'
            with self.subTest(file):
                done = drive(skelebot.Image(ENGINE, project(**keys)).plan_ready(), {file: text, (Look, file): "file", Read: None})
                self.assertIn(f"{file}:2: holds an address with a password in it", done.fault.message)
                self.assertFalse([step for step in done.steps if isinstance(step, skelebot.File)])

    def test_are_refused_in_what_a_plugin_adds(self):
        with self.assertRaisesRegex(SkelebotError, "Dockerfile:2: holds an address"):
            skelebot.check_passwords("FROM a\nRUN curl https://u:hunter2@h\n", "Dockerfile")
        self.assertIsNone(skelebot.check_passwords("FROM a\nRUN curl https://u:${P}@h\n", "Dockerfile"))

    def test_in_variables_and_components_may_be_and_are_shown_nowhere(self):
        url = "https://u:hunter2@host/x"
        for environment in ({"DB": url, "HTTP_PROXY": url}, [f"DB={url}", f"HTTP_PROXY={url}"]):
            it = project(environment=environment, jobs=[{"name": "make", "source": "make"}], components={"repository": {"artifactory": {"url": url, "repo": "r"}}})
            for changes in ({}, {"native": True}):
                lines = shown(skelebot.plan_job(ADA._replace(dry_run=True, **changes), it, it.jobs[0], skelebot.Words()), **changes)
                self.assertNotIn("hunter2", lines)
                self.assertIn("DB=... ", lines)
            self.assertEqual(skelebot.job_variables(it, it.jobs[0], False), {"DB": url})

    def test_are_in_no_message_note_or_line(self):
        url = "https://u:hunter2@host/x"
        self.assertNotIn("hunter2", str(SkelebotError(f"{url} is not there", "look")))
        self.assertEqual(Command(("curl", url)).line, "curl https://...@host/x")
        self.assertEqual(Request("GET", url).line, "curl --fail --request GET https://host/x")
        self.assertNotIn("hunter2", skelebot.http_fault(Request("GET", url), Response(404)).message)

    def test_are_not_remembered(self):
        for data, kept in ((b"name: x\n", True), (b"name: x\nenvironment: {A: 'https://u:hunter2@h'}\n", False)):
            done = drive(skelebot.plan_remember_nodes(ADA, project()), {"skelebot.yaml": data, Read: None})
            self.assertEqual(any(isinstance(step, skelebot.File) for step in done.steps), kept)

    def test_are_published_by_no_image(self):
        text = b"components: {repository: {artifactory: {url: 'https://u:hunter2@h', repo: r}}}\n"
        for path, kind in (("skelebot.yaml", "a password"), ("a/skelebot-dev.yaml", "a password"), ("pip.conf", "a password"),
                           ("notes.yaml", "")):
            self.assertEqual(skelebot.secret_patterns().kind(path, text), kind)
        self.assertEqual(skelebot.secret_patterns().kind("skelebot.yaml", b"name: x\n"), "")


ODD = (" ", "\t", "\r", "\x85", "\xa0", "\u2028", "\u2029", "\u3000", "\ufeff", "'", '"', "\\", "$", "#", "!",
       ":", "-", "{", "[", ",", "&", "|", "%", "@", "\n", "\U0001f600")


class Lines(unittest.TestCase):
    """For other programs."""

    def test_of_yaml_are_read_back_as_they_were(self):
        for one in ODD:
            for other in ODD:
                text = f"{one}{other}a{one}b {other}{one}"
                with self.subTest(text):
                    source = skelebot.yaml_text([("a", text), ("b", [text])])
                    node = skelebot.YamlText(source, "f").root()
                    found = {key.value: value.value for key, value in node.value}
                    self.assertEqual((found["a"], found["b"][0].value), (text, text))

    def test_of_csv_end_with_no_carriage_return(self):
        for end, quote in (("", ""), ("\r", '"'), (",", '"'), ("\n", '"')):
            self.assertEqual(skelebot.csv_row("a", "b" + end), f"a,{quote}b{end}{quote}")

    def test_of_a_command_end_as_they_did(self):
        for text, command in (("make", "make"), (" make\n", "make"), ("echo a\xa0", '["/bin/sh", "-c", "echo a\\u00a0"]'),
                              ("echo a\\ ", '["/bin/sh", "-c", "echo a\\\\ "]'), ("\u3000", '["/bin/sh", "-c", "\\u3000"]')):
            with self.subTest(text):
                self.assertEqual(skelebot.run_command(text), command)

    def test_of_dependencies_are_one(self):
        for text in ("numpy\n>=1", "numpy @\nhttps://h/x", "numpy [\na]"):
            with self.subTest(text), self.assertRaises(SkelebotError):
                project(dependencies=[text])

    def test_hold_no_path_of_the_project_with_a_control_character(self):
        for text in ("req:a\tb.txt", "file:a\x1fb", "proj:a\rb.toml"):
            with self.subTest(text), self.assertRaises(SkelebotError):
                project(dependencies=[text])

    def test_of_tar_have_a_name_that_is_no_pattern(self):
        self.assertIn(r"s|^[.]|a\|b\&c|", skelebot.tar_line("x", "a|b&c"))

    def test_of_a_volume_have_two_colons(self):
        self.assertEqual(skelebot.mount_words(skelebot.Mapping("data:/d:z"), "/home/a b", ""), ("--volume", "/home/a b/data:/d:z"))
        with self.assertRaisesRegex(SkelebotError, "has a : in its path"):
            skelebot.mount_words(skelebot.Mapping("data:/d:z"), "/home/a:b", "")

    def test_of_jupyter_name_any_folder_of_the_project(self):
        for folder in ("ab:", "a b", "abc:d", "."):
            one = skelebot.Jupyter(settings=skelebot.JupyterSection(folder=folder))
            self.assertEqual(one.words(1)[-1], f"/app/{folder}")


class Numbers(unittest.TestCase):
    def test_of_an_exit_status_are_digits(self):
        lab = project(components={"jupyter": {}})
        for said, status in (("0\n", 0), ("137\n", 137), ("\u00b2", 9), ("1e3", 9), ("9" * 5000, 9), ("", 9)):
            done = drive(lab.components[0].plan(ADA, lab, skelebot.Words()), {
                skelebot.Wait: Outcome(), "wait": Outcome(9, said)})
            with self.subTest(said):
                self.assertEqual(done.status, status)


if __name__ == "__main__":
    unittest.main()
