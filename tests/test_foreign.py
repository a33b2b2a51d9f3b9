"""What engines, servers and files say, before it is a word of a command or a line for another program."""
import re
import unittest

from support import drive, project, read, shown, skelebot, two_lines
from skelebot import Built, Call, Command, ImageIds, Outcome, Read, Recipe, Request, Response, SkelebotError

ADA = Call(home="/home/ada", uid=1000, gid=100, login="ada", token="0a1b", python="/usr/bin/python3")
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
        return drive(skelebot.plan_image_ids(call, project(), None, "", ("python:3",)), {
            getattr(skelebot, name): value for name, value in results.items()})

    def test_that_are_none_are_refused_from_the_engines_socket(self):
        self.assertEqual(self.ids(ImageIds=(ID,)).status, (ID,))
        self.assertEqual(self.ids(ImageIds=("",)).status, ("",))
        for text in NO_IDS:
            with self.subTest(text):
                self.assertEqual(str(self.ids(ImageIds=(text,)).fault) + "\n", two_lines(
                    f"the engine gives {skelebot.shortened(text)} for the id of the image python:3",
                    "an id is sha256: and 64 hex digits: look at who answers there"))

    def test_that_are_none_are_refused_from_the_command_line(self):
        self.assertEqual(self.ids(Command=Outcome(0, ID + "\n")).status, (ID,))
        for text in NO_IDS[:6]:
            with self.subTest(text):
                self.assertIn("for the id of the image python:3", self.ids(Command=Outcome(0, text + "\n")).fault.message)

    def test_that_are_none_are_not_remembered_ones(self):
        for text in NO_IDS:
            with self.subTest(text):
                built = Built("k", text, "0a", Recipe())
                self.assertIsNone(skelebot.read_built(skelebot.built_text(built), "k"))

    def test_that_are_none_are_not_run_when_a_builder_tells_them(self):
        for told, run in ((ID, ID), (f"{ID}\n", ID), *((text, "churn") for text in NO_IDS[:6])):
            with self.subTest(told):
                done = drive(skelebot.plan_image(ADA, project()), {"/tmp/scratch/image": told.encode(), Read: None,
                                                                   ImageIds: None, Command: Outcome(0, "")})
                self.assertEqual((done.status, done.fault), (run, None))


class Names(unittest.TestCase):
    def test_of_base_images_in_a_dockerfile_are_no_options(self):
        for text in ("FROM -f{{.}}", "FROM --help\nFROM -x", "FROM a\nCOPY --from=-x /a /a", "ARG A=-x\nFROM $A"):
            with self.subTest(text):
                self.assertIsNone(skelebot.base_images(text))

    def test_of_a_docker_context_are_no_options_and_lead_to_engines(self):
        call = ADA._replace(context="--help")
        for host, endpoint in (("ssh://ada@box", "ssh://ada@box"), ("unix:///run/x", "unix:///run/x"), ("", "")):
            done = drive(skelebot.plan_endpoint(call, project()), {Read: None, Command: Outcome(0, host + "\n")})
            self.assertEqual((done.steps[-1].argv[-2:], done.status), (("--", "--help"), endpoint))
        for host in ("ssh://-oProxyCommand=x", "ssh://ada@-oProxyCommand=x", "-x", "a b"):
            with self.subTest(host):
                meta = '{"Endpoints":{"docker":{"Host":"%s"}}}' % host
                self.assertEqual(skelebot.context_endpoint(meta.encode()), "")
                done = drive(skelebot.plan_endpoint(call, project()), {Read: None, Command: Outcome(0, host)})
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
                        project(components={"repository": {"artifactory": place}})
                with self.assertRaisesRegex(SkelebotError, "aws.profile: expected"):
                    project(components={"registry": {"host": "a.b", "aws": {"profile": name}}})
        for part in ("-d:o:r:n:1", "d:-o:r:n:1", "d:o:-r:n:1", "d:o:r:-n:1", "d:o:r:n:-1", "d:o:r:n:1:--debug"):
            with self.subTest(part), self.assertRaisesRegex(SkelebotError, "expected a Python dependency"):
                project(dependencies=["ca_file:" + part])
        self.assertEqual(skelebot.ecr_argv(skelebot.Registry("1.dkr.ecr.--debug.amazonaws.com", aws=skelebot.RegistryAws())),
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
                done = drive(skelebot.plan_instance_key(ADA), {Request: Response(200, body=name.encode())})   # the token as well
                self.assertEqual(len(done.steps), asked)

    def test_of_a_region_in_an_answer_are_shown_only_if_they_are_one(self):
        for region, hint in (("eu-central-1", "add region: eu-central-1 below components.repository.s3"), ("--x", None),
                             ("eu central", None)):
            response = Response(301, "", {"x-amz-bucket-region": region})
            found = skelebot.fault_hint(Request("GET", "https://b.s3.amazonaws.com/k"), response, "")
            self.assertEqual(found if hint else "region" in found, hint or False)


class Numbers(unittest.TestCase):
    def test_of_an_exit_status_are_digits(self):
        lab = project(components={"jupyter": {}})
        for said, status in (("0\n", 0), ("137\n", 137), ("\u00b2", 9), ("1e3", 9), ("9" * 5000, 9), ("", 9)):
            done = drive(skelebot.plan_jupyter(ADA, lab, skelebot.Words()), {
                skelebot.Token: skelebot.Secret("t"), skelebot.Wait: Outcome(), "wait": Outcome(9, said)})
            with self.subTest(said):
                self.assertEqual(done.status, status)


if __name__ == "__main__":
    unittest.main()
