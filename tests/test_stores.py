"""Stores: names, versions and requests; the plans of push and pull, with answers handed in."""
import contextlib
import datetime
import hashlib
import io
import json
import os
import shutil
import subprocess
import unittest
import warnings

import support  # noqa: F401  (puts skelebot on the path)
import test_http
import test_runs_asked
import skelebot
from support import (Digest, Listing, Look, Netrc, Open, Read, Readable, call, contents, drive, folder, inside,
                     project, read, shown, two_lines)
from skelebot import (AccessKey, Body, Call, Digests, Download, Keep, Login, MakeFolder, Note, Pack, Release, Request,
                      Response, S3, Secret, Signing, SkelebotError, Stored, Stretch, Take, Unpack, Upload, Words,
                      latest)

MIB = 1024 * 1024
SHA = "5e" * 32
BODY = Body(None, "models/model.tar.gz", 10)
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"      # SHA-256 of no bytes
ARTIFACTORY = {"artifactory": {"url": "https://host/artifactory", "repo": "ml", "path": "churn"}}
BUCKET = {"s3": {"bucket": "models/team", "region": "eu-central-1"}}
SHELF = {"folder": {"path": "/mnt/models"}}
MODEL = {"name": "model", "file": "models/model.tar.gz"}
BERT = {"name": "bert", "file": "models/bert/"}
CARD = {"name": "card", "file": "card.md", "singular": True}
ADA = Call(home="/home/ada", environ={"ARTIFACTORY_TOKEN": "t0ken", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                                      "AWS_SECRET_ACCESS_KEY": "s3cret"})


def storing(*artifacts, place=ARTIFACTORY, **changes):
    """The plainest project with artifacts: one, if none is named."""
    return project(**{"version": "1.2.0", **changes},
                   components={"repository": {**place, "artifacts": list(artifacts or [MODEL])}})


def artifact(file="models/model.tar.gz", **keys):
    return storing({"name": "model", "file": file, **keys}).settings["repository"].artifacts[0]


def words(**typed):
    """A command line, understood; True is a flag that is set."""
    return Words({name: ("true",) if value is True else (value,) for name, value in typed.items()})


def push(call, it, typed):
    return it.components[0].plan_push(call, it, typed)


def pull(call, it, typed):
    return it.components[0].plan_pull(call, it, typed)


def opened(it, **typed):
    """The plan that opens the stores of a project's artifacts."""
    repository = it.components[0]
    transfers = [skelebot.Transfer(ADA, repository, one, "") for one in repository.artifacts]
    return repository.plan_stores(ADA, transfers, words(**typed))


def answered(plan, answers):
    """A plan whose requests get these answers, one after the other; it still hands out every step."""
    waiting, go, result = list(answers), plan.send, None
    while True:
        try:
            step = go(result)
        except StopIteration as end:
            return end.value
        try:
            go, result = plan.send, (yield step)
        except BaseException as fault:
            go, result = plan.throw, fault
        if isinstance(step, (Request, Upload)) and go == plan.send:
            result = waiting.pop(0) if waiting else Response(200)
            result = [result] if isinstance(step, Upload) and isinstance(result, Response) else result


def told(step):
    """A request on one line: what is asked for, its headers, and the stretch of a file that goes or comes."""
    if isinstance(step, Upload):
        return told(*step.stretches) if len(step.stretches) == 1 else [told(one) for one in step.stretches]
    if isinstance(step, Note):
        return step.text
    if not isinstance(step, (Request, Stretch, Download)):
        return f"{type(step).__name__} {step[0]}"
    asked = step if isinstance(step, Request) else step.request
    line = f"{asked.method} {asked.url}" + "".join(f" {name}={value}" for name, value in asked.headers.items())
    if isinstance(step, Stretch):
        line += f" < {step.body.path} {step.start}+{step.size}"
    return line + (f" > {step.path}" if isinstance(step, Download) else "")


def requests(done):
    """The requests among the steps of a plan, in their order."""
    return [told(step) for step in done.steps if isinstance(step, (Request, Upload, Download))]


def doings(done):
    """The steps of a plan but for those that only look, in their order."""
    return [told(step) for step in done.steps if not isinstance(step, (Look, Open, Pack, Digest, Readable, Release))]


def fault_of(action, *values):
    """The two lines of the fault that an action raises."""
    try:
        action(*values)
    except SkelebotError as fault:
        return f"{fault}\n"
    return "no fault"


# ---- Names and versions -----------------------------------------------------

class StoredNames(unittest.TestCase):

    def test_end_as_the_file_does_from_its_first_dot(self):
        for file, name in (("models/model.tar.gz", "model_v1.2.0.tar.gz"),
                           ("./a.b/model.tar.gz", "model_v1.2.0.tar.gz"),
                           ("model", "model_v1.2.0"), ("a.b/model", "model_v1.2.0"), ("model.pkl", "model_v1.2.0.pkl"),
                           ("other.v2.onnx", "model_v1.2.0.v2.onnx"), ("models/bert/", "model_v1.2.0.tar.gz"),
                           ("models/bert.v2/", "model_v1.2.0.tar.gz"), ("~/model.bin", "model_v1.2.0.bin")):
            with self.subTest(file):
                self.assertEqual(artifact(file).stored_name("1.2.0"), name)

    def test_have_no_version_when_the_artifact_is_singular(self):
        self.assertEqual(artifact("a.tar.gz", singular=True).stored_name("1.2.0"), "model.tar.gz")
        self.assertEqual(artifact("a", singular=True).stored_name("1.2.0"), "model")

    def test_begin_with_the_prefix(self):
        self.assertEqual(artifact().stored_name("1.2.0", "team-"), "team-model_v1.2.0.tar.gz")
        self.assertEqual(artifact(singular=True).stored_name("", "team-"), "team-model.tar.gz")

    def test_give_their_version_back(self):
        for version in ("1.2.0", "1.2.0-rc.1", "1.2.0+build.5", "2019_v2", "1"):
            for file in ("model", "model.pkl", "model.tar.gz"):
                name = artifact(file).stored_name(version, "a-")
                self.assertEqual(artifact(file).stored_version(name, "a-"), version)

    def test_of_neighbours_give_no_version_that_could_be_pulled(self):
        for name in ("model.tar.gz", "model_v.tar.gz", "model_v2_old_v1.9.0.tar.gz", "model_v1.9.0.tar", "",
                     "my_model_v1.9.0.tar.gz", "Model_v1.9.0.tar.gz", "model_v1.9.0.tar.gz.sha256",
                     "team-model_v1.9.0.tar.gz", "model1.9.0.tar.gz",
                     "model_v1.9.0xtar.gz", "models_v1.9.0.tar.gz", "model_v1.9.0.tar.gz.part"):
            with self.subTest(name):
                self.assertEqual(latest([artifact().stored_version(name)]), "")


    def test_of_anything_else_give_no_version_at_all(self):
        for name in ("model.tar.gz", "model_v.tar.gz", "my_model_v1.9.0.tar.gz", "Model_v1.9.0.tar.gz", "model_v1.9.0.tar",
                     "model_v1.9.0.tar.gz.sha256", "model_vtar.gz", "model_v1.9.0tar.gz", ""):
            with self.subTest(name):
                self.assertEqual(artifact().stored_version(name), "")


# ---- Text that is shown -----------------------------------------------------

class Sizes(unittest.TestCase):

    def test_have_three_digits_and_the_units_of_disks(self):
        for count, text in ((0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1536, "1.5 kB"), (999940, "999.9 kB"),
                            (999960, "1.0 MB"), (12345678, "12.3 MB"), (5 * 10 ** 9, "5.0 GB"), (5 * 2 ** 40, "5.5 TB"),
                            (2 * 10 ** 15, "2000.0 TB")):
            with self.subTest(count):
                self.assertEqual(skelebot.shown_size(count), text)


class Lines(unittest.TestCase):
    """The line of a transfer that is under way."""

    def test_show_name_bar_share_speed_and_the_time_left(self):
        for values, line in (
                (("sending", "model_v1.2.0.tar.gz", 500000000, 0, 10 ** 9, 5, 80),
                 "sending model_v1.2.0.tar.gz [===========            ]  50% 100.0 MB/s 0:05 left"),
                (("sending", "m", 0, 0, 10 ** 9, 0, 80),
                 "sending m [                                        ]   0%      0 B/s "),
                (("fetching", "m", 10 ** 9, 0, 10 ** 9, 10, 80),
                 "fetching m [========================================] 100% 100.0 MB/s 0:00 left"),
                (("fetching", "m", 1000, 0, 10 ** 9, 10, 60),
                 "fetching m [              ]   0%    100 B/s 2777:46:30 left"),
                (("sending", "m", 0, 0, 0, 1, 80),
                 "sending m [========================================] 100%      0 B/s "),
                (("fetching", "m.bin", 12345678, 0, -1, 2, 80), "fetching m.bin 12.3 MB 6.2 MB/s"),
                (("fetching", "m", 10 ** 9, 9 * 10 ** 8, 2 * 10 ** 9, 1, 80),
                 "fetching m [====================                    ]  50% 100.0 MB/s 0:10 left")):
            with self.subTest(values):
                self.assertEqual(skelebot.progress_line(" ".join(values[:2]), *values[2:]), line)

    def test_are_never_wider_than_the_terminal(self):
        for width in range(20, 130):
            for done, size, seconds in ((0, 0, 0), (0, 10, 1), (5, 10, 1e-9), (10, 10, 1e9), (12, 10, 1), (5, -1, 1),
                                        (1, 5 * 2 ** 40, 9), (5 * 2 ** 40, 5 * 2 ** 40, 9)):
                for name in ("m", "model_v1.2.0.tar.gz", "m" * 200):
                    line = skelebot.progress_line("sending " + name, done, 0, size, seconds, width)
                    self.assertLess(len(line), width, (width, done, size, seconds))

    def test_are_short_where_a_terminal_has_no_width(self):
        self.assertLess(len(skelebot.progress_line("sending " + "m" * 200, 5, 0, 10, 1, 0)), 80)


class Addresses(unittest.TestCase):

    def test_are_quoted_but_for_letters_digits_and_four_signs(self):
        for text, there in (("a/b", "a/b"), ("a//b", "a//b"), ("a b", "a%20b"), ("1+1", "1%2B1"), ("100%", "100%25"),
                            ("%20", "%2520"), ("-_.~", "-_.~"), ("\xe4\u20ac", "%C3%A4%E2%82%AC"), ("it's", "it%27s"),
                            ("?#&=;:@", "%3F%23%26%3D%3B%3A%40"), ("(a)!*", "%28a%29%21%2A"), ("\udcff", "%FF"), ("", "")):
            with self.subTest(text):
                self.assertEqual(skelebot.quoted(text), there)
        self.assertEqual(skelebot.quoted("a/b", ""), "a%2Fb")

    def test_are_joined_by_one_slash(self):
        self.assertEqual(skelebot.url_joined("https://h/a/", "/b/", "", "/", "c/d"), "https://h/a/b/c/d")

    def test_are_shown_without_user_password_and_query(self):
        for url, there in (("https://host/x", "https://host/x"), ("https://ada:s3cret@host/x", "https://host/x"),
                           ("https://ada@corp.com:s3cret@host:8443/x", "https://host:8443/x"),
                           ("http://s3cret@host", "http://host"), ("https://host/x?X-Amz-Signature=s3cret", "https://host/x"),
                           ("https://host/a//b@c/d", "https://host/a//b@c/d"), ("https://host/a@b", "https://host/a@b")):
            with self.subTest(url):
                self.assertEqual(skelebot.public_url(url), there)

    def test_of_a_folder_at_artifactory(self):
        for keys, url, info in (
                ({"url": "https://host/artifactory/", "repo": "ml"}, "https://host/artifactory/ml/",
                 "https://host/artifactory/api/storage/ml"),
                ({"url": "https://host:8443", "repo": "m l", "path": "/a//b+c/\xfc/"},
                 "https://host:8443/m%20l/a//b%2Bc/%C3%BC/", "https://host:8443/api/storage/m%20l/a//b%2Bc/%C3%BC")):
            it = storing(place={"artifactory": keys}).settings["repository"].artifactory
            store = drive(skelebot.ArtifactoryStore.plan_open(ADA, it, words())).status
            self.assertEqual((store.url, store.info, store.address("a b")), (url, info, url + "a%20b"))

    def test_of_a_bucket(self):
        for bucket, region, endpoint, url, prefix in (
                ("models", "us-east-1", "", "https://models.s3.us-east-1.amazonaws.com/", ""),
                ("models/team", "us-east-1", "", "https://models.s3.us-east-1.amazonaws.com/", "team/"),
                ("s3://models/a/b/", "eu-west-1", "", "https://models.s3.eu-west-1.amazonaws.com/", "a/b/"),
                ("models/", "eu-west-1", "", "https://models.s3.eu-west-1.amazonaws.com/", ""),
                ("my.models", "eu-west-1", "", "https://s3.eu-west-1.amazonaws.com/my.models/", ""),
                ("models", "cn-north-1", "", "https://models.s3.cn-north-1.amazonaws.com.cn/", ""),
                ("my.models", "cn-north-1", "", "https://s3.cn-north-1.amazonaws.com.cn/my.models/", ""),
                ("models/x", "us-east-1", "http://127.0.0.1:9000", "http://127.0.0.1:9000/models/", "x/"),
                ("my.models", "cn-north-1", "http://minio/s3/", "http://minio/s3/my.models/", "")):
            with self.subTest(bucket=bucket, region=region, endpoint=endpoint):
                self.assertEqual(S3(bucket).address(region, endpoint), (url, prefix))


# ---- Credentials ------------------------------------------------------------

class ArtifactoryLogins(unittest.TestCase):

    def test_are_what_the_kind_wants(self):
        for kind, user, token, headers in (
                ("token", "ada", "t0k", {"Authorization": "Bearer t0k"}),
                ("token", "", " t0k\n", {"Authorization": "Bearer t0k"}),
                ("api_key", "ada", "k3y", {"X-JFrog-Art-Api": "k3y"}),
                ("user_pass", "ada", "p", {"Authorization": "Basic YWRhOnA="}),
                ("", "ada", "p", {"Authorization": "Basic YWRhOnA="}),
                ("", "", "t0k", {"Authorization": "Bearer t0k"}),
                ("user_pass", "ad\xe4", "p:p", {"Authorization": "Basic YWTDpDpwOnA="})):
            with self.subTest(kind=kind, user=user):
                self.assertEqual(skelebot.artifactory_login(kind, user, token).headers, headers)

    def test_hold_nothing_that_would_be_another_header(self):
        for user, token, message in (("a\nX: y", "t", "the user holds a character that cannot be part of it"),
                                     ("a", "t\r\nX: y", "the token holds a character that cannot be part of it")):
            self.assertEqual(fault_of(skelebot.artifactory_login, "", user, token),
                             two_lines(message, "give it again, without line breaks"))

    def found(self, results=None, place=None, environ=None, **typed):
        """The headers that tell Artifactory who asks, or the fault."""
        keys = {"artifactory": {**ARTIFACTORY["artifactory"], **(place or {})}}
        it = storing(place=keys).settings["repository"].artifactory
        caller = Call(home="/home/ada", environ=environ or {})
        done = drive(skelebot.ArtifactoryStore.plan_open(caller, it, words(**typed)), results)
        asked = [step.question for step in done.steps if isinstance(step, skelebot.Ask)]
        return (f"{done.fault}" if done.fault else done.status.login.headers), asked

    def test_come_from_the_options_then_the_environment_then_the_files(self):
        given = {"ARTIFACTORY_USER": "eve", "ARTIFACTORY_TOKEN": "env"}
        netrc = {Netrc: ("bob", "net")}
        bearer, basic = {"Authorization": "Bearer typed"}, {"Authorization": "Basic ZXZlOmVudg=="}
        self.assertEqual(self.found(netrc, {"auth": {"authType": "token"}}, given, token="typed"), (bearer, []))
        self.assertEqual(self.found(netrc, None, given), (basic, []))
        self.assertEqual(self.found(netrc), ({"Authorization": "Basic Ym9iOm5ldA=="}, []))
        self.assertEqual(self.found(netrc, user="bob"), ({"Authorization": "Basic Ym9iOm5ldA=="}, []))

    def test_are_asked_for_where_nothing_is_known(self):
        asked = {skelebot.Ask: "x"}
        self.assertEqual(self.found(asked), ({"Authorization": "Basic eDp4"}, ["User at host", "Token or password at host"]))
        self.assertEqual(self.found({**asked, Netrc: ("bob", "net")}, user="ada"),
                         ({"Authorization": "Basic YWRhOng="}, ["Token or password at host"]))

    def test_come_from_aws_with_or_without_a_user(self):
        aws = {"auth": {"aws": True, "awsSecret": "s", "awsRegion": "eu-west-1"}}
        for output, environ, headers in (
                ("t0k\n", {}, {"Authorization": "Bearer t0k"}),
                ('{"user": "ada", "token": "p"}', {}, {"Authorization": "Basic YWRhOnA="}),
                ('{"username": "ada", "password": "p"}', {}, {"Authorization": "Basic YWRhOnA="}),
                ("p", {"ARTIFACTORY_USER": "ada"}, {"Authorization": "Basic YWRhOnA="})):
            with self.subTest(output=output, environ=environ):
                self.assertEqual(self.found({"aws": skelebot.Outcome(0, output)}, aws, environ), (headers, []))

    def test_come_from_the_address(self):
        url = {"url": "https://ada%40corp.com:p%2Fw@host/artifactory"}
        self.assertEqual(self.found(None, url), ({"Authorization": "Basic YWRhQGNvcnAuY29tOnAvdw=="}, []))


class AwsFiles(unittest.TestCase):
    CONFIG = b"""\xef\xbb\xbf# mine
[default]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
[profile dev]
REGION=us-west-2
credential_process = /bin/keys --for "dev 1"
; a comment
[sso-session corp]
sso_region = us-east-1
"""
    CREDENTIALS = b"[default]\naws_access_key_id = AKID\naws_secret_access_key = a=b%c\n[old]\naws_access_key_id = OLD\n"

    def sections(self):
        return skelebot.AwsProfile.sections(self.CONFIG, "config"), skelebot.AwsProfile.sections(self.CREDENTIALS, "credentials")

    def test_are_read_by_section(self):
        config, credentials = self.sections()
        self.assertEqual(config["profile dev"], {"region": "us-west-2", "credential_process": '/bin/keys --for "dev 1"'})
        self.assertEqual(config["default"]["region"], "eu-west-1")
        self.assertEqual(credentials["default"], {"aws_access_key_id": "AKID", "aws_secret_access_key": "a=b%c"})
        self.assertEqual(skelebot.AwsProfile.sections(None, "config"), {})

    def test_make_a_profile_together(self):
        for name, region, key, known in (("default", "eu-west-1", "AKID", True), ("dev", "us-west-2", None, True),
                                         ("old", None, "OLD", True), ("corp", None, None, False), ("gone", None, None, False)):
            with self.subTest(name):
                profile = skelebot.AwsProfile(name, *self.sections())
                found = (profile.settings.get("region"), profile.settings.get("aws_access_key_id"), profile.known)
                self.assertEqual(found, (region, key, known))

    def test_may_spell_a_profile_as_the_aws_command_does(self):
        for title in ("profile  dev", 'profile "dev"', "profile dev"):
            with self.subTest(title):
                config = skelebot.AwsProfile.sections(f"[{title}]\nregion = eu-west-1\n".encode(), "config")
                self.assertEqual(skelebot.AwsProfile("dev", config, {}).settings, {"region": "eu-west-1"})
        config = skelebot.AwsProfile.sections(b"[profile default]\nregion = eu-west-1\n", "config")
        self.assertEqual(skelebot.AwsProfile("default", config, {}).settings, {"region": "eu-west-1"})

    def test_that_are_none_of_aws_say_where(self):
        for data, line in ((b"region = x\n", 1), (b"[default]\nnonsense\n", 2), (b"[default\n", 1), (b"\xff\xfe\n", 1)):
            with self.subTest(data):
                self.assertEqual(fault_of(skelebot.AwsProfile.sections, data, "/home/ada/.aws/config"), two_lines(
                    f"/home/ada/.aws/config:{line}: is not in AWS's form", "write [PROFILE], and below it NAME = VALUE"))

    def test_give_a_key_when_there_are_both_of_its_halves(self):
        names = skelebot.KEY_NAMES["process"]
        for values, key in (({"AccessKeyId": "A", "SecretAccessKey": "S"}, AccessKey("A", "S", "")),
                            ({"AccessKeyId": " A\n", "SecretAccessKey": "S ", "SessionToken": "T"}, AccessKey("A", "S", "T")),
                            ({"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": None}, AccessKey("A", "S", "")),
                            ({"AccessKeyId": "A"}, None), ({"SecretAccessKey": "S"}, None), ({}, None)):
            with self.subTest(values):
                self.assertEqual(AccessKey.of(values, names), key)


class KeysForS3(unittest.TestCase):

    def found(self, environ=None, files=None, results=None, **keys):
        """The store of a bucket, or the fault, as a plan finds it."""
        it = storing(place={"s3": {"bucket": "models", **keys}}).settings["repository"].s3
        caller = Call(home="/home/ada", environ={"AWS_EC2_METADATA_DISABLED": "true", **(environ or {})})
        read = {f"/home/ada/.aws/{name}": data for name, data in (files or {}).items()}
        done = drive(skelebot.S3Store.plan_open(caller, it, words()), {Read: None, **read, **(results or {})})
        return f"{done.fault}\n" if done.fault else (done.status.login.key, done.status.login.region, done.status.url)

    def test_come_from_the_environment_before_the_files(self):
        environ = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T"}
        files = {"credentials": b"[default]\naws_access_key_id=F\naws_secret_access_key=S\n[dev]\naws_access_key_id=D\n"
                                b"aws_secret_access_key=S\n", "config": b"[default]\nregion=eu-west-1\n"}
        for given, keys, key in ((environ, {}, AccessKey("E", "S", "T")), ({}, {}, AccessKey("F", "S", "")),
                                 ({"AWS_PROFILE": "dev"}, {}, AccessKey("D", "S", "")),
                                 (environ, {"profile": "dev"}, AccessKey("D", "S", ""))):
            with self.subTest(given=given, keys=keys):
                self.assertEqual(self.found(given, files, **keys)[0], key)

    def test_have_the_region_of_the_file_the_environment_or_the_profile(self):
        key = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "S"}
        files = {"config": b"[default]\nregion=eu-west-1\n"}
        for given, files, keys, region in (
                ({}, {}, {}, "us-east-1"), ({}, files, {}, "eu-west-1"),
                ({"AWS_DEFAULT_REGION": "eu-west-2"}, files, {}, "eu-west-2"),
                ({"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "x"}, files, {}, "eu-west-3"),
                ({"AWS_REGION": "eu-west-3"}, files, {"region": "eu-north-1"}, "eu-north-1")):
            with self.subTest(region):
                self.assertEqual(self.found({**key, **given}, files, **keys)[1:],
                                 (region, f"https://models.s3.{region}.amazonaws.com/"))

    def test_hold_nothing_that_would_be_another_header(self):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environ = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "S", name: "s3cret\nX: y"}
            found = self.found(environ)
            self.assertIn("holds a character that cannot be part of it\n  hint: ", str(found))
            self.assertNotIn("s3cret", str(found))

    def test_are_missed_with_a_word_on_what_to_do(self):
        self.assertEqual(self.found(), two_lines("no AWS credentials were found", skelebot.AWS_WAYS))
        self.assertEqual(self.found(profile="gone"), two_lines(
            "no AWS profile is named 'gone'", "look at ~/.aws/config and ~/.aws/credentials, or at profile: below s3"))

    def test_come_from_a_program_whatever_it_prints(self):
        files = {"config": b"[default]\ncredential_process = keys --for 'me too'\n"}
        good = '{"Version": 1, "AccessKeyId": "P", "SecretAccessKey": "S", "SessionToken": "T"}'
        self.assertEqual(self.found(None, files, {"keys": skelebot.Outcome(0, good)})[0], AccessKey("P", "S", "T"))
        for odd in ("", "[1]", '"x"', "7", "null", "{}", "oh"):
            with self.subTest(odd):
                self.assertEqual(self.found(None, files, {"keys": skelebot.Outcome(0, odd)}), two_lines(
                    "keys gave no AWS credentials for the profile default: it gave no reason",
                    "run it by hand, or log in again"))

    def test_come_from_no_program_that_is_none(self):
        for odd in ("keys 'for me", "''"):
            with self.subTest(odd):
                files = {"config": f"[default]\ncredential_process = {odd}\n".encode()}
                self.assertEqual(self.found(None, files), two_lines(
                    "credential_process of the AWS profile default is no command", "close its quotes"))

    def test_come_from_no_metadata_that_is_a_page(self):
        page = Response(200, body=b"<html>\n<title>Log in</title>\n</html>")
        self.assertEqual(self.found(None, None, {Request: page}),
                         two_lines("no AWS credentials were found", skelebot.AWS_WAYS))

    def test_come_from_the_metadata_whatever_they_say(self):
        uri = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/keys"}
        good = b'{"AccessKeyId": "M", "SecretAccessKey": "S", "Token": "T"}'
        self.assertEqual(self.found(uri, None, {Request: Response(200, body=good)})[0], AccessKey("M", "S", "T"))
        for odd in (b"", b"[1]", b'"x"', b"7", b"\xff"):
            with self.subTest(odd):
                self.assertEqual(self.found(uri, None, {Request: Response(200, body=odd)}),
                                 two_lines("no AWS credentials were found", skelebot.AWS_WAYS))

    def test_are_asked_of_no_other_host_without_encryption(self):
        uri = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://other/keys"}
        self.assertEqual(self.found(uri), two_lines(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI names another host, without https", "correct it"))


class Secrets(unittest.TestCase):
    """What may be seen of a step: its repr, and its line in a dry run or with -V."""
    LOGINS = (Login({"Authorization": Secret("Bearer s3cret")}),
              Signing(key=AccessKey("AKID", Secret("s3cret"), Secret("s3cret"))))

    def test_are_in_no_step(self):
        for login in self.LOGINS:
            for url in ("https://ada:s3cret@host/x", "https://ada@corp.com:s3cret@host/x"):
                asked = Request("PUT", url, {"If-None-Match": "*"}, login, b"body")
                body = Body(None, "model.bin", 10)
                for step in (asked, asked._replace(method="GET"), asked._replace(method="HEAD"),
                             Upload((Stretch(asked, body, "m", 0, 10),)), Download(asked, "m", Stored(), "m")):
                    with self.subTest(step=type(step).__name__, method=asked.method, url=url):
                        self.assertNotIn("s3cret", step.line)
                        self.assertIn("https://host/x", step.line)
                        plain = asked._replace(url="")
                        self.assertNotIn("s3cret", repr(
                            plain if isinstance(step, Request) else Upload((step.stretches[0]._replace(request=plain),))
                            if isinstance(step, Upload) else step._replace(request=plain)))

    def test_are_in_no_repr_of_what_holds_them(self):
        asked = Request("GET", "https://h/", {"x-amz-content-sha256": NOTHING}, self.LOGINS[1])
        headers = asked.login.sent(asked, datetime.datetime(2013, 5, 24))
        signature = str(headers["Authorization"]).partition("Signature=")[2]
        for value in (*self.LOGINS, self.LOGINS[1].key, headers, skelebot.artifactory_login("", "ada", "s3cret"),
                      skelebot.artifactory_login("api_key", "", "s3cret")):
            for text in (repr(value), f"{value}", str([value])):
                self.assertNotIn("s3cret", text)
                self.assertNotIn(signature, text)

    def test_that_are_typed_are_warned_of(self):
        it = storing()
        done = drive(opened(it, token="typed-s3cret"))
        self.assertEqual([step.text for step in done.steps if isinstance(step, Note)],
                         ["warning: a token on the command line is visible to other users; ARTIFACTORY_TOKEN keeps it hidden"])
        self.assertNotIn("typed-s3cret", repr(done))

    def test_go_to_other_hosts_without_encryption_only_with_a_warning(self):
        for url, texts in (("http://host/artifactory", ["warning: user and token go to host unencrypted; https:// would encrypt them"]),
                           ("http://127.0.0.1:8081/artifactory", []), ("https://host/artifactory", [])):
            it = storing(place={"artifactory": {"url": url, "repo": "ml"}})
            done = drive(opened(it))
            self.assertEqual([step.text for step in done.steps if isinstance(step, Note)], texts)


# ---- Signing ----------------------------------------------------------------

class Signatures(unittest.TestCase):
    """Source: AWS, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"."""
    KEY = AccessKey("AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
    NOW = datetime.datetime(2013, 5, 24)
    HOST = "https://examplebucket.s3.amazonaws.com"
    WELCOME = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    EXAMPLES = (
        ("GET", "/test.txt", {"Range": "bytes=0-9"}, NOTHING, "host;range;x-amz-content-sha256;x-amz-date",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("PUT", "/test%24file.text", {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
         WELCOME, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        ("GET", "/?lifecycle", {}, NOTHING, "host;x-amz-content-sha256;x-amz-date",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/?max-keys=2&prefix=J", {}, NOTHING, "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("GET", "/?prefix=J&max-keys=2", {}, NOTHING, "host;x-amz-content-sha256;x-amz-date",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    )

    def request(self, method, path, headers, sha256=NOTHING, key=KEY):
        login = Signing(key=key, region="us-east-1")
        return Request(method, self.HOST + path, {**headers, "x-amz-content-sha256": sha256}, login)

    def signed(self, *values, **named):
        asked = self.request(*values, **named)
        return asked.login.sent(asked, self.NOW)

    def test_are_those_that_aws_has_published(self):
        for method, path, headers, sha256, names, signature in self.EXAMPLES:
            with self.subTest(method=method, path=path):
                signed = self.signed(method, path, headers, sha256)
                self.assertEqual(str(signed["Authorization"]),
                                 "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                                 f"SignedHeaders={names},Signature={signature}")
                self.assertEqual((signed["Host"], signed["x-amz-date"]),
                                 ("examplebucket.s3.amazonaws.com", "20130524T000000Z"))

    def test_are_of_one_form_of_a_request(self):
        asked = self.request("PUT", "/a//b%20c?b=2&a=1&a-b=3&uploads", {"X-Amz-Meta-B": "  two   words ", "Range": "x"})
        headers = {**asked.headers, "Host": "h"}
        self.assertEqual(Signing.canonical(asked, headers), "\n".join([
            "PUT", "/a//b%20c", "a=1&a-b=3&b=2&uploads=", "host:h", "range:x", f"x-amz-content-sha256:{NOTHING}",
            "x-amz-meta-b:two words", "", "host;range;x-amz-content-sha256;x-amz-meta-b", NOTHING]))

    def test_cover_the_token_of_a_key_that_expires(self):
        signed = self.signed("GET", "/", {}, key=self.KEY._replace(token=Secret("T")))
        self.assertEqual(str(signed["x-amz-security-token"]), "T")
        self.assertIn("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,", str(signed["Authorization"]))


class Parts(unittest.TestCase):

    def test_are_of_a_size_that_s3_takes(self):
        sizes = [0, 1, 64 * MIB - 1, 64 * MIB, 64 * MIB + 1, 156 * 2 ** 30, 160 * 2 ** 30, 10000 * 16 * MIB,
                 10000 * 16 * MIB + 1, 2 ** 40 + 7, 5 * 2 ** 40 - 1, 5 * 2 ** 40]
        for size in sizes:
            with self.subTest(size):
                part = skelebot.S3Store.part_size(size)
                self.assertEqual(part > 0, size >= 64 * MIB)
                if part:
                    self.assertLessEqual(-(-size // part), 10000)
                    self.assertEqual(part % MIB, 0)
                    self.assertTrue(5 * MIB <= part <= 5 * 2 ** 30)

    def test_are_no_larger_than_they_need_to_be(self):
        for size, part in ((64 * MIB - 1, 0), (64 * MIB, 16), (10000 * 16 * MIB, 16), (10000 * 16 * MIB + 1, 17),
                           (5 * 2 ** 40, 525)):
            self.assertEqual(skelebot.S3Store.part_size(size), part * MIB)

    def test_are_listed_at_the_end(self):
        answers = [Response(200, headers={"etag": '"a&1"'}), Response(200, headers={"etag": '"b"'})]
        form = ('<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                "<Part><PartNumber>1</PartNumber><ETag>&quot;a&amp;1&quot;</ETag>{}</Part>"
                "<Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag>{}</Part></CompleteMultipartUpload>")
        sums = ["<ChecksumSHA256>AP8=</ChecksumSHA256>", "<ChecksumSHA256>AQ==</ChecksumSHA256>"]
        self.assertEqual(skelebot.S3Store.part_list(answers, ["00ff", "01"]).decode(), form.format(*sums))
        self.assertEqual(skelebot.S3Store.part_list(answers, ["", ""]).decode(), form.format("", ""))


# ---- Plans ------------------------------------------------------------------

class PlanCase(unittest.TestCase):
    maxDiff = None

    def done(self, plan, it, typed, answers=(), results=None, caller=ADA):
        known = {Open: BODY, Pack: Body(None, "bert.tar.gz", 20),
                 Digest: Digests(10, SHA), Read: None, **(results or {})}
        return drive(answered(plan(caller, it, typed), answers), known)

    def push(self, *answers, it=None, results=None, caller=ADA, **typed):
        return self.done(push, it or storing(), words(**{"name": "model", **typed}), answers, results, caller)

    def pull(self, *answers, it=None, results=None, caller=ADA, **typed):
        return self.done(pull, it or storing(), words(**{"name": "model", **typed}), answers,
                         {**dict.fromkeys(("model_v1.2.0.tar.gz", "models/model.tar.gz"), ""), **(results or {})}, caller)

    def assertFault(self, done, message, hint):
        self.assertEqual(f"{done.fault}\n", two_lines(message, hint))


CHURN = "https://host/artifactory/ml/churn/"
INFO = "https://host/artifactory/api/storage/ml/churn"
FULL = f"PUT {CHURN}model_v1.2.0.tar.gz X-Checksum-Sha256={SHA}"
OK, GONE = Response(200), Response(404, "Not Found")
JFROG = Response(404, body=b'{"errors": [{"status": 404, "message": "Unable to find item"}]}')
NO_PAGE = Response(404, body=b"<html><title>404 Not Found</title></html>")


def created(sha256=SHA):
    return Response(201, body=json.dumps({"checksums": {"sha256": sha256}}).encode())


class PushToArtifactory(PlanCase):
    ASKED = [f"HEAD {CHURN}model_v1.2.0.tar.gz", f"GET {INFO}/model_v1.2.0.tar.gz", f"{FULL} X-Checksum-Deploy=true"]
    SENT = f"{FULL} < models/model.tar.gz 0+10"
    BESIDE = f"{CHURN}model_v1.2.0.tar.gz.sha256"

    def test_sends_the_bytes_when_the_server_has_not_got_them(self):
        done = self.push(GONE, JFROG, GONE, created())
        self.assertEqual([told(step) for step in done.steps], [
            "Look models/model.tar.gz", "Readable models/model.tar.gz", self.ASKED[0], "Open models/model.tar.gz",
            told(Digest(BODY)), *self.ASKED[1:], self.SENT, told(Release(BODY)), f"pushed model_v1.2.0.tar.gz to {CHURN}model_v1.2.0.tar.gz"])
        self.assertEqual(done.status, 0)

    def test_sends_nothing_when_the_server_has_the_bytes(self):
        done = self.push(GONE, JFROG, created())
        self.assertEqual(requests(done), self.ASKED)
        self.assertEqual(doings(done)[-1], f"pushed model_v1.2.0.tar.gz to {CHURN}model_v1.2.0.tar.gz: "
                                           "the server had these bytes already, none were sent")

    def test_sends_them_when_the_deployment_by_checksum_is_not_confirmed(self):
        for answer in (Response(200), created("00"), Response(400), Response(409), Response(501)):
            with self.subTest(answer):
                self.assertEqual(requests(self.push(GONE, JFROG, answer, created())), [*self.ASKED, self.SENT])

    def test_sends_the_checksum_beside_to_a_server_of_another_kind(self):
        done = self.push(GONE, NO_PAGE, Response(201), Response(201))
        self.assertEqual(requests(done), [*self.ASKED[:2], f"PUT {self.BESIDE}", self.SENT])
        self.assertEqual(done.steps[-4].body, f"{SHA}  model_v1.2.0.tar.gz\n".encode())

    def test_sends_the_checksum_last_where_it_replaces(self):
        done = self.push(NO_PAGE, Response(204), Response(204), force=True)
        self.assertEqual(requests(done), [self.ASKED[1], self.SENT, f"PUT {self.BESIDE}"])
        self.assertEqual(done.status, 0)

    def test_leaves_no_checksum_without_a_file(self):
        full = Response(507, "Insufficient Storage")
        done = self.push(GONE, NO_PAGE, Response(201), full, Response(204))
        self.assertEqual(requests(done)[-2:], [self.SENT, f"DELETE {self.BESIDE}"])
        self.assertFault(done, f"PUT {CHURN}model_v1.2.0.tar.gz: 507 Insufficient Storage", skelebot.refusal_hint("507", "", "http"))

    def test_takes_a_refusal_for_success_when_its_own_bytes_are_there(self):
        there = Response(200, headers={"x-checksum-sha256": SHA})
        for status in (403, 409, 412):
            done = self.push(GONE, JFROG, GONE, Response(status), there)
            self.assertEqual((requests(done), done.status), ([*self.ASKED, self.SENT, self.ASKED[0]], 0))
            done = self.push(GONE, JFROG, GONE, Response(status, "No"), GONE)
            self.assertEqual(done.fault.message, f"PUT {CHURN}model_v1.2.0.tar.gz: {status} No")

    def test_ends_where_something_is_already(self):
        there = Response(200, headers={"content-length": "10", "x-checksum-sha256": SHA})
        done = self.push(there)
        self.assertEqual(requests(done), self.ASKED[:1])
        self.assertFault(done, f"model_v1.2.0.tar.gz exists already: {CHURN}model_v1.2.0.tar.gz",
                         "bump the version, or add -f to replace it")

    def test_looks_for_nothing_when_it_is_to_replace(self):
        self.assertEqual(requests(self.push(JFROG, GONE, created(), force=True)), [*self.ASKED[1:], self.SENT])

    def test_says_so_when_other_bytes_arrived(self):
        done = self.push(GONE, JFROG, GONE, created("00" * 32))
        self.assertFault(done, f"model_v1.2.0.tar.gz: did not arrive at {CHURN}model_v1.2.0.tar.gz as it was sent",
                         "push it again, with -f")

    def test_ends_by_what_the_server_refuses(self):
        denied = Response(401, "Unauthorized", body=b'{"errors": [{"message": "Bad credentials"}]}')
        hint = skelebot.ARTIFACTORY_WAYS
        for answers, method in (((denied, denied), "HEAD"), ((GONE, JFROG, denied), "PUT"),
                                ((GONE, JFROG, GONE, denied), "PUT")):
            with self.subTest(len(answers)):
                done = self.push(*answers)
                self.assertFault(done, f"{method} {CHURN}model_v1.2.0.tar.gz: 401 Unauthorized: Bad credentials", hint)
                self.assertEqual(len(requests(done)), len(answers))

    def test_takes_the_prefix_and_the_name_of_a_folder(self):
        it = storing(BERT)
        done = self.push(GONE, JFROG, GONE, created(), it=it, results={Look: "folder"}, name="bert", prefix="a b-")
        self.assertEqual(requests(done)[-1], f"PUT {CHURN}a%20b-bert_v1.2.0.tar.gz X-Checksum-Sha256={SHA} < bert.tar.gz 0+10")

    def test_knows_the_spellings_of_earlier_years(self):
        keys = {"url": "https://host/artifactory", "repo": "ml", "path": "churn"}
        for changes in ({"components": {"artifactory": {**keys, "artifacts": MODEL}}},
                        {"artifacts": [{**MODEL, "deploy": {**keys, "type": "Artifactory"}}]}):
            with self.subTest(changes):
                it = read(json.dumps({"name": "churn", **changes}), VERSION="1.2.0\n")
                done = self.push(GONE, JFROG, GONE, created(), it=it)
                self.assertEqual(requests(done), [*self.ASKED, self.SENT])

    def test_takes_any_way_to_say_who_asks(self):
        for kind in ("token", "api_key", "user_pass"):
            place = {"artifactory": {**ARTIFACTORY["artifactory"], "auth": {"authType": kind}}}
            done = self.push(GONE, JFROG, GONE, created(), it=storing(place=place), user="ada")
            self.assertEqual(requests(done), [*self.ASKED, self.SENT])
            self.assertEqual(len({id(step.login) for step in done.steps if isinstance(step, Request)}), 1)


class Chains(unittest.TestCase):

    def test_are_understood_whole_before_anything_runs(self):
        files = {"skelebot.yaml": "name: churn\njobs: [{name: train, source: touch trained}]\n"
                                  "artifacts: [{name: model, file: model.bin}]\n"}
        for words in (["push", "modle"], ["push", "model", "-p", "a/"], ["pull", "modle", "1.0.0"]):
            with self.subTest(words), folder(files) as path:
                self.assertEqual(call("-n", "train", "+", *words, folder=path).status, 2)
                self.assertNotIn("trained", contents(path))


class VersionsOfPlans(PlanCase):

    def test_that_latest_will_not_find_are_warned_of(self):
        done = self.push(GONE, JFROG, GONE, created(), it=storing(version="1.2.0.4"))
        self.assertIn("warning: 1.2.0.4 is not a semantic version such as 1.2.0, so LATEST will not find it",
                      [step.text for step in done.steps if isinstance(step, skelebot.Note)])

    def test_that_are_no_name_of_one_are_refused(self):
        for version in ("1.2/3", "LATEST", "latest", "-1"):
            with self.subTest(version):
                self.assertFault(self.push(it=storing(version=version)),
                                 f"VERSION: expected a version such as 1.2.0, found '{version}'",
                                 "write one into the file VERSION, as in 1.0.0")


class PushAll(PlanCase):

    def test_sends_nothing_when_a_file_is_missing(self):
        it = storing(MODEL, CARD, BERT)
        done = self.push(it=it, name="ALL", results={"card.md": ""})
        self.assertEqual([told(step) for step in done.steps], ["Look models/model.tar.gz", "Readable models/model.tar.gz",
                                                               "Look card.md"])
        self.assertFault(done, "skelebot.yaml:1: components.repository.artifacts[1].file: 'card.md' does not exist",
                         "run the job that makes it, or correct the path")

    def test_sends_nothing_when_one_is_there_already(self):
        it = storing(MODEL, CARD)
        done = self.push(GONE, OK, GONE, it=it, name="ALL")
        self.assertEqual(requests(done), [f"HEAD {CHURN}model_v1.2.0.tar.gz", f"HEAD {CHURN}card.md",
                                          f"GET {CHURN}card.md.sha256"])
        self.assertEqual(done.fault.message, f"card.md exists already: {CHURN}card.md")

    def test_asks_once_for_a_place_that_several_share(self):
        asked = {skelebot.Ask: "x"}
        done = self.push(*[GONE, GONE, JFROG, GONE, created(), JFROG, GONE, created()], it=storing(MODEL, CARD), name="ALL",
                         results=asked, caller=Call(home="/home/ada"))
        self.assertEqual([step.question for step in done.steps if isinstance(step, skelebot.Ask)],
                         ["User at host", "Token or password at host"])
        self.assertEqual((len(requests(done)), done.status), (8, 0))

    def test_refuses_a_file_for_a_folder_and_a_folder_for_a_file(self):
        for one, kind, message, hint in (
                (MODEL, "folder", "'models/model.tar.gz' is a folder", "write it with a / at its end: models/model.tar.gz/"),
                (BERT, "file", "'models/bert' is a file", "write it without the / at its end")):
            done = self.push(it=storing(one), name="ALL", results={Look: kind})
            self.assertFault(done, f"skelebot.yaml:1: components.repository.artifacts[0].file: {message}", hint)
            self.assertEqual(len(done.steps), 1)

    def test_refuses_what_is_gone_when_it_is_opened(self):
        done = self.push(GONE, results={Open: None})
        self.assertEqual(len(requests(done)), 1)
        self.assertIn("models/model.tar.gz' does not exist any more", done.fault.message)

    def test_opens_one_after_the_other(self):
        done = self.push(*[GONE, GONE, JFROG, GONE, created(), JFROG, GONE, created()], it=storing(MODEL, CARD), name="ALL")
        self.assertEqual([told(step).partition("(")[0] for step in done.steps if isinstance(step, (Open, Readable, Release))], [
            "Readable models/model.tar.gz", "Readable card.md", "Open models/model.tar.gz", "Release Body",
            "Open card.md", "Release Body"])

    def test_needs_a_version_unless_all_are_singular(self):
        hint = "write one into the file VERSION, as in 1.0.0"
        for version, message in (("", "churn has no version"),
                                 ("a b", "VERSION: expected a version such as 1.2.0, found 'a b'"),
                                 ("../x", "VERSION: expected a version such as 1.2.0, found '../x'")):
            self.assertFault(self.push(it=storing(version=version)), message, hint)
        self.assertEqual(self.push(GONE, JFROG, created(), it=storing(CARD, version=""), name="card").status, 0)


TEAM = "https://models.s3.eu-central-1.amazonaws.com/team/"
KEY = f"{TEAM}model_v1.2.0.tar.gz"
BASE64 = "Xl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl4="
UNSENT = f" x-amz-content-sha256={NOTHING}"
EXISTS = Response(412, "Precondition Failed",
                  body=b"<Error><Code>PreconditionFailed</Code><Message>At least one</Message></Error>")
LACKS = Response(501, "Not Implemented", body=b"<Error><Code>NotImplemented</Code></Error>")


def same(sha256=SHA):
    return Response(200, headers={"content-length": "10", "x-amz-meta-sha256": sha256, "etag": '"e"'})


class PushToS3(PlanCase):
    ASKED = f"HEAD {KEY}{UNSENT}"
    SENT = (f"PUT {KEY} If-None-Match=* x-amz-checksum-sha256={BASE64} x-amz-meta-sha256={SHA} x-amz-content-sha256={SHA}"
            " < models/model.tar.gz 0+10")
    PLAIN = f"PUT {KEY} x-amz-meta-sha256={SHA} x-amz-content-sha256={SHA} < models/model.tar.gz 0+10"

    def push(self, *answers, **typed):
        return super().push(*answers, it=storing(place=BUCKET), **typed)

    def test_sends_only_where_nothing_is(self):
        done = self.push(GONE, OK)
        self.assertEqual([told(step) for step in done.steps], [
            "Look models/model.tar.gz", "Readable models/model.tar.gz", "Read /home/ada/.aws/config",
            "Read /home/ada/.aws/credentials", self.ASKED, "Open models/model.tar.gz", told(Digest(BODY)),
            self.SENT, told(Release(BODY)), f"pushed model_v1.2.0.tar.gz to {KEY}"])

    def test_does_without_what_a_look_alike_lacks(self):
        self.assertEqual(requests(self.push(GONE, LACKS, OK)), [self.ASKED, self.SENT, self.PLAIN])

    def test_replaces_when_told_to(self):
        self.assertEqual(requests(self.push(OK, force=True)), [self.SENT.replace(" If-None-Match=*", "")])

    def test_takes_a_refusal_for_success_when_its_own_bytes_are_there(self):
        done = self.push(GONE, EXISTS, same())
        self.assertEqual((requests(done), done.status), ([self.ASKED, self.SENT, self.ASKED], 0))

    def test_ends_when_another_was_first(self):
        for found in (same("00" * 32), same(""), GONE):
            done = self.push(GONE, EXISTS, found)
            self.assertFault(done, f"PUT {KEY}: 412 Precondition Failed: PreconditionFailed: At least one",
                             skelebot.refusal_hint("412", "", "http"))

    def test_ends_where_something_is_already(self):
        done = self.push(same())
        self.assertEqual(requests(done), [self.ASKED])
        self.assertEqual(done.fault.message, f"model_v1.2.0.tar.gz exists already: {KEY}")

    def test_goes_on_where_it_may_write_but_not_look(self):
        asked = self.push(Response(403), Response(403, body=b"<Error><Code>AccessDenied</Code></Error>"), OK)
        self.assertEqual([requests(asked)[0], requests(asked)[-1]], [self.ASKED, self.SENT])

    def test_ends_where_the_key_is_wrong(self):
        wrong = b"<Error><Code>SignatureDoesNotMatch</Code><Message>No</Message></Error>"
        self.assertFault(self.push(Response(403), Response(403, "Forbidden", body=wrong)),
                         f"HEAD {KEY}: 403 Forbidden: SignatureDoesNotMatch: No",
                         skelebot.refusal_hint("SignatureDoesNotMatch", "", "s3"))

    def test_finds_a_fault_in_an_answer_that_begins_well(self):
        late = Response(200, body=b"<Error><Code>InternalError</Code><Message>We</Message></Error>")
        self.assertEqual(self.push(GONE, late).fault.message, f"PUT {KEY}: 200: InternalError: We")


SUMS = ("01" * 32, "02" * 32, "03" * 32, "04" * 32, "05" * 32)


class PushToS3InParts(PlanCase):
    """80 MiB are five parts."""
    BEGIN = f"POST {KEY}?uploads= x-amz-checksum-algorithm=SHA256 x-amz-meta-sha256={SHA}{UNSENT}"
    PLAIN = f"POST {KEY}?uploads= x-amz-meta-sha256={SHA}{UNSENT}"
    UPLOAD = Response(200, body=b"<R><UploadId>u/1&amp;=</UploadId></R>")
    ID = "uploadId=u%2F1%26%3D"
    ABORT = f"DELETE {KEY}?{ID}{UNSENT}"
    LIST = f"GET {TEAM[:-5]}?uploads=&prefix=team%2Fmodel_v1.2.0.tar.gz{UNSENT}"
    PARTS = [Response(200, headers={"etag": f'"{digits[:2]}"'}) for digits in SUMS]
    FIRST = f"HEAD {KEY}{UNSENT}"

    def push(self, *answers, results=None, **typed):
        big = {Open: Body(None, "models/model.tar.gz", 80 * MIB), Digest: Digests(80 * MIB, SHA, SUMS), **(results or {})}
        return super().push(*answers, it=storing(place=BUCKET), results=big, **typed)

    def parts(self, sums=True):
        return [f"PUT {KEY}?partNumber={number}&{self.ID}"
                + (f" x-amz-checksum-sha256={skelebot.base64_of(digits)}" if sums else "")
                + f" x-amz-content-sha256={digits} < models/model.tar.gz {(number - 1) * 16 * MIB}+{16 * MIB}"
                for number, digits in enumerate(SUMS, 1)]

    def complete(self, once=True, sums=SUMS):
        sha256 = skelebot.hash_of(skelebot.S3Store.part_list(self.PARTS, sums))
        return f"POST {KEY}?{self.ID}" + (" If-None-Match=*" if once else "") + f" x-amz-content-sha256={sha256}"

    def test_sends_them_side_by_side_and_clears_up_what_lies_about(self):
        left = Response(200, body=b"<Upload><Key>team/model_v1.2.0.tar.gz</Key><UploadId>old</UploadId></Upload>"
                                  b"<Upload><Key>team/model_v1.2.0.tar.gz.sig</Key><UploadId>other</UploadId></Upload>")
        done = self.push(GONE, self.UPLOAD, self.PARTS, OK, left, Response(204))
        self.assertEqual(requests(done), [self.FIRST, self.BEGIN, self.parts(), self.complete(), self.LIST,
                                          f"DELETE {KEY}?uploadId=old{UNSENT}"])
        digest = next(step for step in done.steps if isinstance(step, Digest))
        self.assertEqual((digest.part, done.status), (16 * MIB, 0))

    def test_goes_nowhere_in_a_dry_run(self):
        asked, body = Request("PUT", "http://127.0.0.1:1/k?partNumber=1"), Body(None, "models/big", 80 * MIB)
        step = Upload(tuple(Stretch(asked, body, "big", start, 16 * MIB) for start in range(0, 80 * MIB, 16 * MIB)))
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            responses = skelebot.do(step, skelebot.Call(dry_run=True))
        self.assertEqual(responses, (Response(),) * 5)
        self.assertEqual(stdout.getvalue(), "curl --fail --request PUT --upload-file models/big "
                         "'http://127.0.0.1:1/k?partNumber=1'  # and 4 more, with a stretch each\n")

    def test_has_a_last_part_with_the_rest(self):
        odd = {Open: Body(None, "models/model.tar.gz", 64 * MIB + 1), Digest: Digests(64 * MIB + 1, SHA, SUMS)}
        done = self.push(GONE, self.UPLOAD, self.PARTS, OK, results=odd)
        uploads = next(step for step in done.steps if isinstance(step, Upload)).stretches
        self.assertEqual([(one.start // MIB, one.size) for one in uploads],
                         [(0, 16 * MIB), (16, 16 * MIB), (32, 16 * MIB), (48, 16 * MIB), (64, 1)])

    def test_does_without_what_a_look_alike_lacks(self):
        done = self.push(GONE, LACKS, self.UPLOAD, self.PARTS, LACKS, OK)
        bare = [""] * 5
        self.assertEqual(requests(done), [self.FIRST, self.BEGIN, self.PLAIN, self.parts(sums=False), self.complete(sums=bare),
                                          self.complete(once=False, sums=bare), self.LIST])

    def test_removes_the_parts_when_one_is_refused(self):
        denied = Response(403, "Forbidden", body=b"<Error><Code>AccessDenied</Code></Error>")
        done = self.push(GONE, self.UPLOAD, [*self.PARTS[:2], denied, *self.PARTS[3:]], Response(204))
        self.assertEqual(requests(done), [self.FIRST, self.BEGIN, self.parts(), self.ABORT])
        self.assertEqual(done.fault.message, f"PUT {KEY}: 403 Forbidden: AccessDenied")

    def test_removes_the_parts_when_it_fails_or_is_stopped(self):
        for fault in (SkelebotError("no network", "wait"), KeyboardInterrupt()):
            done = self.push(GONE, self.UPLOAD, results={Upload: fault})
            self.assertEqual(requests(done), [self.FIRST, self.BEGIN, self.parts(), self.ABORT])
            self.assertIs(done.fault, fault)

    def test_takes_a_refusal_for_success_when_its_own_bytes_are_there(self):
        done = self.push(GONE, self.UPLOAD, self.PARTS, GONE, Response(204), same())
        self.assertEqual(requests(done), [self.FIRST, self.BEGIN, self.parts(), self.complete(), self.ABORT, self.FIRST])
        self.assertEqual(done.status, 0)

    def test_ends_when_another_was_first(self):
        done = self.push(GONE, self.UPLOAD, self.PARTS, EXISTS, Response(204), same("00" * 32))
        self.assertEqual(requests(done)[4:], [self.ABORT, self.FIRST])
        self.assertEqual(done.fault.hint, skelebot.refusal_hint("412", "", "http"))

    def test_finds_a_fault_in_an_answer_that_begins_well(self):
        late = Response(200, body=b"<Error><Code>InternalError</Code></Error>")
        done = self.push(GONE, self.UPLOAD, self.PARTS, late, late)     # S3 asks for another try
        self.assertEqual(done.fault.message, f"POST {KEY}: 200: InternalError")
        self.assertIn(self.ABORT, requests(done))

    def test_goes_nowhere_without_an_id(self):
        for body in (b"", b"<html>hello</html>", b"<UploadId></UploadId>"):
            done = self.push(GONE, Response(200, body=body))
            self.assertEqual(requests(done), [self.FIRST, self.BEGIN])
            self.assertIsInstance(done.fault, SkelebotError)


class FactsOfARun(unittest.TestCase):
    def test_are_headers_in_ascii_in_s3(self):
        store = skelebot.S3Store("https://host/", "", None, {"run": "12", "Lr": "ä b\n"})
        self.assertEqual(store.metadata, {"x-amz-meta-skelebot-run": "12", "x-amz-meta-skelebot-lr": "%C3%A4%20b%0A"})

    def test_that_a_server_sends_in_another_form_are_none(self):
        store = skelebot.ArtifactoryStore("https://host/", "https://host/", None)
        for body in (b"", b"[1]", b"{}", b'{"properties": [1]}', b'{"properties": {"other": 1}}', b"<html>"):
            plan = store.plan_facts("a", Stored(facts={"": ""}))
            with self.subTest(body), self.assertRaises(StopIteration) as end:
                next(plan), plan.send(Response(200, body=body))
            self.assertEqual(end.exception.value, {})


class PushToAFolder(PlanCase):

    def test_keeps_the_file_there(self):
        done = self.push(it=storing(place=SHELF), results={"/mnt/models/model_v1.2.0.tar.gz": ""})
        self.assertEqual(done.steps, [
            Look("models/model.tar.gz"), Readable("models/model.tar.gz"), Look("/mnt/models/model_v1.2.0.tar.gz"),
            Open("models/model.tar.gz"), MakeFolder("/mnt/models"),
            Keep(BODY, "/mnt/models/model_v1.2.0.tar.gz", "model_v1.2.0.tar.gz"), Release(BODY),
            Note("pushed model_v1.2.0.tar.gz to /mnt/models/model_v1.2.0.tar.gz")])

    def test_is_in_the_callers_home_where_none_is_named(self):
        it = project(version="1.2.0", components={"repository": {"artifacts": [MODEL]}})
        done = self.push(it=it, results={"/home/ada/.skelebot/artifacts/churn/model_v1.2.0.tar.gz": ""})
        self.assertEqual(done.steps[4], MakeFolder("/home/ada/.skelebot/artifacts/churn"))

    def test_ends_where_something_is_already_or_comes_meanwhile(self):
        done = self.push(it=storing(place=SHELF))
        self.assertEqual(done.fault.message, "model_v1.2.0.tar.gz exists already: /mnt/models/model_v1.2.0.tar.gz")
        done = self.push(it=storing(place=SHELF), results={"/mnt/models/model_v1.2.0.tar.gz": "", Keep: False,
                                                           (Keep, "/mnt/models/model_v1.2.0.tar.gz"): False})
        self.assertFault(done, "/mnt/models/model_v1.2.0.tar.gz: another push stored it first", "push -f replaces it")


class Pull(PlanCase):
    THERE = Response(200, headers={"content-length": "10", "x-checksum-sha256": SHA.upper(), "etag": '"e"'})
    LISTED = Response(200, body=json.dumps({"children": [
        {"uri": "/model_v1.1.0.tar.gz", "folder": False}, {"uri": "/model_v1.2.0.tar.gz", "folder": False},
        {"uri": "/model_v1.3.0.tar.gz", "folder": False}, {"uri": "/model_v1.1.9.tar.gz", "folder": True},
        {"uri": "/model_v2_old_v1.1.5.tar.gz", "folder": False}, {"uri": "/model_v1.1.7.tar.gz.sha256"}]}).encode())
    HEAD = f"HEAD {CHURN}model_v1.2.0.tar.gz"
    GET = f"GET {CHURN}model_v1.2.0.tar.gz"

    def test_fetches_to_the_stored_name(self):
        done = self.pull(self.THERE, version="1.2.0")
        git = "Command ('git', 'rev-parse', '--show-prefix', '--git-path', 'info/exclude')"
        self.assertEqual([one for one in doings(done) if not one.startswith("Look ")],
                         [self.HEAD, git, f"{self.GET} > model_v1.2.0.tar.gz",
                                        "pulled model_v1.2.0.tar.gz to model_v1.2.0.tar.gz"])
        fetched = done.steps[-2]
        self.assertEqual((fetched.stored, fetched.condition), (Stored(10, SHA, '"e"'), "If-Range"))

    def test_finds_the_latest_that_fits(self):
        for asked in ("LATEST", "latest"):
            self.assertEqual(requests(self.pull(self.LISTED, self.THERE, version=asked)),
                             [f"GET {INFO}", self.HEAD, f"{self.GET} > model_v1.2.0.tar.gz"])
        done = self.pull(self.LISTED, self.THERE, version="LATEST!", results={"model_v1.3.0.tar.gz": ""})
        self.assertEqual(requests(done)[-1], f"GET {CHURN}model_v1.3.0.tar.gz > model_v1.3.0.tar.gz")

    def test_finds_the_latest_on_the_page_of_another_server(self):
        page = Response(200, body=test_http.IndexPages.NGINX.replace("1.0.0", "1.2.0").encode())
        self.assertEqual(requests(self.pull(NO_PAGE, page, self.THERE, version="LATEST")),
                         [f"GET {INFO}", f"GET {CHURN}", self.HEAD, f"{self.GET} > model_v1.2.0.tar.gz"])

    def test_says_so_when_nothing_fits(self):
        self.assertFault(self.pull(self.LISTED, it=storing(version="2.0.0"), version="LATEST"),
                         "no version of model fits 2.0.0", "known versions: 1.1.0, 1.2.0, 1.3.0")
        self.assertFault(self.pull(JFROG, version="LATEST!"), "no version of model exists",
                         f"nothing of that name is stored at {CHURN}: check the address in skelebot.yaml, or push it")

    def test_takes_no_listing_for_more_than_it_is(self):
        for body in (b'{"children": [1, null, "x"]}', b'{"children": 7}', b'{"children": [{"uri": null}, {}]}',
                     b'{"children": null}', b"{}"):
            with self.subTest(body):
                done = self.pull(Response(200, body=body), version="LATEST")
                self.assertEqual(done.fault.message, "no version of model fits 1.2.0")

    def test_takes_no_singular_neighbour_for_a_version(self):
        beside = {"name": "model_v2.1", "file": "b.tar.gz", "singular": True}
        listed = Response(200, body=b'{"children": [{"uri": "/model_v2.1.tar.gz"}, {"uri": "/model_v1.2.0.tar.gz"}]}')
        done = self.pull(listed, self.THERE, it=storing(MODEL, beside), version="LATEST!")
        self.assertEqual(requests(done)[1], self.HEAD)

    def test_takes_no_web_page_for_a_file(self):
        page = Response(200, headers={"content-type": "text/html; charset=utf-8", "content-length": "10"})
        self.assertFault(self.pull(page, version="1.2.0"),
                         f"{CHURN}model_v1.2.0.tar.gz: is a web page, perhaps for logging in, and no file",
                         skelebot.refusal_hint("401", "", "http"))

    def test_says_so_when_it_is_not_there(self):
        fault = f"model_v9.0.0.tar.gz does not exist: {CHURN}model_v9.0.0.tar.gz"
        self.assertFault(self.pull(GONE, self.LISTED, version="9.0.0"), fault, "known versions: 1.1.0, 1.2.0, 1.3.0")
        self.assertFault(self.pull(GONE, Response(403, "No"), version="9.0.0"), fault,
                         "what is stored could not be listed: GET https://host/artifactory/api/storage/ml/churn: 403 No")

    def test_fetches_the_checksum_beside_where_the_server_names_none(self):
        size = Response(200, headers={"content-length": "10"})
        done = self.pull(size, Response(200, body=f"{SHA}  x\n".encode()), version="1.2.0")
        self.assertEqual(requests(done), [self.HEAD, f"{self.GET}.sha256", f"{self.GET} > model_v1.2.0.tar.gz"])
        self.assertEqual([step.stored for step in done.steps if isinstance(step, Download)], [Stored(10, SHA)])

    def test_goes_to_the_artifacts_own_place(self):
        done = self.pull(self.THERE, version="1.2.0", override=True)
        self.assertEqual(doings(done), [self.HEAD, "MakeFolder models", f"{self.GET} > models/model.tar.gz",
                                        "pulled model_v1.2.0.tar.gz to models/model.tar.gz"])

    def test_fetches_nothing_that_is_there(self):
        done = self.pull(self.THERE, version="1.2.0", results={"model_v1.2.0.tar.gz": Body(None, "", 10),
                                                               (Look, "model_v1.2.0.tar.gz"): "file"})
        self.assertEqual(requests(done), [self.HEAD])
        self.assertEqual(done.steps[-1].text, "model_v1.2.0.tar.gz is up to date")

    def test_fetches_what_is_there_with_other_bytes(self):
        done = self.pull(self.THERE, version="1.2.0", results={
            (Look, "model_v1.2.0.tar.gz"): "file", (Open, "model_v1.2.0.tar.gz"): Body(None, "", 10), Digest: Digests(10, "00")})
        self.assertEqual(requests(done), [self.HEAD, f"{self.GET} > model_v1.2.0.tar.gz"])

    def test_unpacks_a_folder(self):
        packed = "/tmp/scratch/bert_v1.2.0.tar.gz"
        for typed, path in (({}, "bert_v1.2.0"), ({"override": True}, "models/bert")):
            done = self.pull(self.THERE, it=storing(BERT), results={Look: ""}, name="bert", version="1.2.0", **typed)
            self.assertEqual(doings(done), [
                f"HEAD {CHURN}bert_v1.2.0.tar.gz", *(["MakeFolder models"] if typed else []),
                "Scratch ", f"GET {CHURN}bert_v1.2.0.tar.gz > {packed}", f"Unpack {packed}", "Remove /tmp/scratch",
                f"pulled bert_v1.2.0.tar.gz to {path}"])
            self.assertIn(skelebot.Scratch("", path), done.steps)
            self.assertIn(Unpack(packed, path, "bert_v1.2.0.tar.gz"), done.steps)

    def test_removes_the_archive_of_a_folder_that_could_not_be_unpacked(self):
        fault = SkelebotError("it is damaged", "pull it again")
        done = self.pull(self.THERE, it=storing(BERT), results={Look: "", Unpack: fault, (Unpack, "bert_v1.2.0"): fault},
                         name="bert", version="1.2.0")
        self.assertEqual((doings(done)[-1], done.fault), ("Remove /tmp/scratch", fault))

    def test_replaces_no_folder_by_a_file_and_no_file_by_a_folder(self):
        for one, kind, path in ((MODEL, "folder", "model_v1.2.0.tar.gz"), (BERT, "file", "bert_v1.2.0")):
            done = self.pull(self.THERE, it=storing(one), name=one["name"], version="1.2.0", results={path: kind})
            self.assertFault(done, f"{path}: is a {kind}, which {one['name']}_v1.2.0.tar.gz cannot replace", "move it away")
            self.assertEqual(len(requests(done)), 1)

    def test_of_all_fetches_nothing_when_one_is_missing(self):
        done = self.pull(self.THERE, GONE, it=storing(MODEL, CARD), name="ALL", version="1.2.0")
        self.assertEqual(requests(done), [self.HEAD, f"HEAD {CHURN}card.md"])
        self.assertEqual(done.fault.message, f"card.md does not exist: {CHURN}card.md")

    def test_needs_no_version_for_what_is_singular(self):
        done = self.pull(self.THERE, it=storing(CARD, version=""), name="card", results={"card.md": ""})
        self.assertEqual(requests(done), [f"HEAD {CHURN}card.md", f"GET {CHURN}card.md > card.md"])

    def test_shows_why_the_server_refuses(self):
        words_of = Response(403, "Forbidden", body=b'{"errors": [{"message": "not yours"}]}')
        done = self.pull(Response(403, "Forbidden"), words_of, version="1.2.0")
        self.assertEqual(requests(done), [self.HEAD, f"{self.GET} Range=bytes=0-0"])
        self.assertFault(done, f"HEAD {CHURN}model_v1.2.0.tar.gz: 403 Forbidden: not yours", skelebot.refusal_hint("403", "", "http"))

    def test_needs_a_version_of_the_project_to_find_what_fits_it(self):
        self.assertFault(self.pull(it=storing(version="2019_x"), version="LATEST"),
                         "LATEST looks for what fits the project's version, and '2019_x' is not a semantic version",
                         "write one into the file VERSION, as in 1.0.0, or pull LATEST!")


class PullFromS3(PlanCase):
    LIST = "GET https://models.s3.eu-central-1.amazonaws.com/?list-type=2&prefix=team%2Fmodel_v&delimiter=%2F"

    def test_reads_every_page_of_the_listing(self):
        first = Response(200, body=b"<ListBucketResult><Contents><Key>team/model_v1.0.0.tar.gz</Key></Contents>"
                                   b"<NextContinuationToken>a/b=&amp;</NextContinuationToken>")
        last = Response(200, body=b"<ListBucketResult><Contents><Key>team/model_v1.2.0.tar.gz</Key></Contents>"
                                  b"<Contents><Key>team/model_v1.2.0</Key></Contents><Contents><Key>team/model_v9&amp;.tar.gz</Key></Contents>")
        done = self.pull(first, last, same(), it=storing(place=BUCKET), version="LATEST")
        self.assertEqual(requests(done), [
            f"{self.LIST}{UNSENT}", f"{self.LIST}&continuation-token=a%2Fb%3D%26{UNSENT}", f"HEAD {KEY}{UNSENT}",
            f"GET {KEY}{UNSENT} > model_v1.2.0.tar.gz"])
        fetched = next(step for step in done.steps if isinstance(step, Download))
        self.assertEqual((fetched.stored, fetched.condition), (Stored(10, SHA, '"e"'), "If-Match"))

    def test_takes_no_web_page_for_a_listing_or_a_file(self):
        page = Response(200, headers={"content-type": "text/html"}, body=b"<html>Log in</html>")
        self.assertFault(self.pull(page, it=storing(place=BUCKET), version="LATEST"),
                         "https://models.s3.eu-central-1.amazonaws.com/: does not answer as S3 does",
                         "look at endpoint: and bucket:")
        self.assertEqual(self.pull(page, it=storing(place=BUCKET), version="1.2.0").fault.message,
                         f"{KEY}: is a web page, perhaps for logging in, and no file")

    def test_ends_a_listing_that_goes_in_circles(self):
        page = Response(200, body=b"<ListBucketResult><NextContinuationToken>t</NextContinuationToken>")
        done = self.pull(page, page, page, it=storing(place=BUCKET), version="LATEST!")
        self.assertEqual((len(requests(done)), done.fault.message), (2, "no version of model exists"))
        other = Response(200, body=page.body.replace(b"t</", b"u</"))
        done = self.pull(page, other, page, other, it=storing(place=BUCKET), version="LATEST!")
        self.assertEqual((len(requests(done)), done.fault.message), (3, "no version of model exists"))

    def test_ends_a_listing_without_end(self):
        page = b"<ListBucketResult><NextContinuationToken>%d</NextContinuationToken>"
        done = self.pull(*(Response(200, body=page % one) for one in range(1001)), it=storing(place=BUCKET), version="LATEST!")
        self.assertFault(done, "https://models.s3.eu-central-1.amazonaws.com/: lists more than 1000 pages", "look at bucket:")
        large = (Response(200, body=page % one + bytes(8 * 10 ** 6)) for one in range(9))
        done = self.pull(*large, it=storing(place=BUCKET), version="LATEST!")
        self.assertEqual((len(requests(done)), done.fault.message),
                         (5, "an answer is larger than the 40.0 MB that can be parsed"))


class PullFromAFolder(PlanCase):

    def test_copies_the_file(self):
        shelf = "/mnt/models/model_v1.2.0.tar.gz"
        listed = ("model_v1.1.0.tar.gz", "model_v1.2.0.tar.gz", "model_v1.2.0.tar.gz.sha256")
        done = self.pull(it=storing(place=SHELF), version="LATEST", results={
            Listing: listed, f"{shelf}.sha256": f"{SHA}  x".encode()})
        self.assertEqual(done.steps[-2:], [
            Take(shelf, "model_v1.2.0.tar.gz", Stored(sha256=SHA), "model_v1.2.0.tar.gz"),
            Note("pulled model_v1.2.0.tar.gz to model_v1.2.0.tar.gz")])


class DryRuns(unittest.TestCase):
    """What --dry-run prints: nothing is asked of any server."""
    maxDiff = None
    FILES = {"models/model.tar.gz": "model", "models/bert/a.bin": "a"}

    def setUp(self):
        warnings.simplefilter("ignore", ResourceWarning)    # what a plan has opened is closed as skelebot ends

    def lines(self, plan, it, **typed):
        changes = ADA._replace(environ={**ADA.environ, "ARTIFACTORY_USER": "ada"})._asdict()
        with inside(self.FILES):
            return shown(plan(Call(**{**changes, "dry_run": True}), it, words(**{"name": "model", **typed})),
                         **{name: value for name, value in changes.items() if name != "dry_run"}).splitlines()

    def test_of_a_push(self):
        sha = hashlib.sha256(b"model").hexdigest()
        sent = f"curl --fail --request PUT --header 'X-Checksum-Sha256: {sha}' "
        deploy = f"{sent}--header 'X-Checksum-Deploy: true' {CHURN}model_v1.2.0.tar.gz"
        for place, lines in (
                (ARTIFACTORY, [f"curl --fail --request HEAD --head {CHURN}model_v1.2.0.tar.gz",
                               f"curl --fail --request GET {INFO}/model_v1.2.0.tar.gz",
                               deploy, f"{sent}--upload-file models/model.tar.gz {CHURN}model_v1.2.0.tar.gz"]),
                (BUCKET, [f"curl --fail --request HEAD --head --header 'x-amz-content-sha256: {NOTHING}' {KEY}",
                          "curl --fail --request PUT --header 'If-None-Match: *' --header 'x-amz-checksum-sha256: "
                          f"{skelebot.base64_of(sha)}' --header 'x-amz-meta-sha256: {sha}' "
                          f"--header 'x-amz-content-sha256: {sha}' --upload-file models/model.tar.gz {KEY}"]),
                (SHELF, ["[ -e /mnt/models ] || mkdir -p -- /mnt/models",
                         "cp -n -- models/model.tar.gz /mnt/models/model_v1.2.0.tar.gz"])):
            with self.subTest(place):
                self.assertEqual(self.lines(push, storing(place=place)), lines)

    def test_of_a_folder_that_is_pushed(self):
        lines = self.lines(push, storing(BERT, place=SHELF), name="bert", force=True)
        self.assertEqual(lines, ["tar -c -z -f bert.tar.gz -C models/bert .", "[ -e /mnt/models ] || mkdir -p -- /mnt/models",
                                 "cp -- bert.tar.gz /mnt/models/bert_v1.2.0.tar.gz"])

    def test_of_a_pull(self):
        head = f"curl --fail --request HEAD --head {CHURN}"
        for one, typed, lines in (
                (MODEL, {}, [f"{head}model_v1.0.0.tar.gz",
                             f"curl --fail --request GET --output model_v1.0.0.tar.gz {CHURN}model_v1.0.0.tar.gz"]),
                (MODEL, {"version": "LATEST"}, [f"curl --fail --request GET {INFO}", f"{head}model_vVERSION.tar.gz",
                                                f"curl --fail --request GET --output model_vVERSION.tar.gz {CHURN}model_vVERSION.tar.gz"]),
                (BERT, {"name": "bert", "override": True}, [
                    f"{head}bert_v1.0.0.tar.gz", "[ -e models ] || mkdir -p -- models",
                    "mkdir -m 700 -- models/.skelebot-scratch",
                    f"curl --fail --request GET --output models/.skelebot-scratch/bert_v1.0.0.tar.gz {CHURN}bert_v1.0.0.tar.gz",
                    "rm -rf -- models/bert && mkdir -- models/bert && "
                    "tar -x -z -f models/.skelebot-scratch/bert_v1.0.0.tar.gz -C models/bert",
                    "rm -rf -- models/.skelebot-scratch"])):
            with self.subTest(typed):
                self.assertEqual(self.lines(pull, storing(one), **{"version": "1.0.0", **typed}), lines)

    def test_hold_no_secret(self):
        url = {"artifactory": {"url": "https://ada:s3cret@host/artifactory", "repo": "ml", "path": "churn"}}
        for place in (ARTIFACTORY, BUCKET, url):
            for plan, typed in ((push, {}), (pull, {"version": "LATEST"})):
                text = "\n".join(self.lines(plan, storing(place=place), **typed))
                for secret in ("t0ken", "s3cret", "YWRh", "AKIDEXAMPLE"):
                    self.assertNotIn(secret, text)


class StoredVersions(unittest.TestCase):
    """Versions in a folder, as a person types them."""
    FILE = ("name: churn\nversion: 1.2.0\ncomponents:\n  repository:\n    folder: {path: store}\n    artifacts:\n"
            "    - {name: model, file: models/model.bin}\n    - {name: card, file: docs/card.md, singular: true}\n"
            "    - {name: bert, file: models/bert/}\n    - {name: data, file: data.csv, singular: true}\n")
    FILES = {"skelebot.yaml": FILE, "VERSION": "1.2.0\n", "store/model_v1.10.0.bin": "10", "store/model_v1.9.0.bin": "9",
             "store/model_vv3.bin": "v3", "store/model_vnightly.bin": "n", "store/card.md": "card", "store/model_v2.0.0-rc.1.bin": ""}

    def call(self, path, *words):
        ending = call(*words, folder=path)
        self.assertEqual(ending.status, 0, ending)
        return ending.stdout.splitlines()

    def test_are_listed_without_a_version_the_newest_last(self):
        with folder(self.FILES) as path:
            versions = ["nightly", "v3", "1.9.0", "1.10.0", "2.0.0-rc.1"]
            self.assertEqual(self.call(path, "pull", "model"), versions)
            self.assertEqual(self.call(path, "pull", "ALL"), ["model " + version for version in versions])
            self.assertEqual(self.call(path, "pull", "bert"), [])
            self.assertEqual(sorted(contents(path)), sorted([*self.FILES, "store/"]))

    @unittest.skipIf(os.name == "nt", "there are no terminals of POSIX")
    def test_say_at_a_terminal_which_run_has_written_them(self):
        facts = {"store/model_v1.10.0.bin.json": '{"run": "3", "lr": "0.1"}', "store/model_v1.9.0.bin.json": "[1]"}
        with folder({**self.FILES, **facts}) as path:
            self.assertEqual(test_runs_asked.terminal(path, "pull", "model").splitlines(),
                             ["nightly", "v3", "1.9.0", "1.10.0: run 3, lr 0.1", "2.0.0-rc.1"])

    def test_are_found_with_a_v_before_them(self):
        for typed, expected in (("v1.9.0", "model_v1.9.0.bin"), ("V1.10.0", "model_v1.10.0.bin"),
                                ("1.9.0", "model_v1.9.0.bin"), ("v3", "model_vv3.bin"), ("v2.0.0-rc.1", "model_v2.0.0-rc.1.bin")):
            with self.subTest(typed), folder(self.FILES) as path:
                self.call(path, "pull", "model", typed)
                self.assertIn(expected, contents(path))

    def test_are_not_there_under_the_plain_number(self):
        with folder(self.FILES) as path:
            ending = call("pull", "model", "v7.0.0", folder=path)
            self.assertRegex(ending.stderr, r"\Askelebot: model_v7\.0\.0\.bin does not exist: ")

    def test_stay_out_of_images_unless_they_are_in_their_own_place(self):
        with folder(self.FILES) as path:
            self.assertEqual(skelebot.ignored_by_components(skelebot.read_folder(path)),
                             ("/model_v[0-9]*.bin", "/card.md", "/bert_v[0-9]*"))

    @unittest.skipUnless(shutil.which("git"), "needs git")
    def test_stay_out_of_git_in_this_clone_only(self):
        for inner in ("", "sub/[a] b"):
            with self.subTest(inner), folder({os.path.join(inner, name): text for name, text in self.FILES.items()}) as path:
                here = os.path.join(path, inner)
                subprocess.check_call(["git", "init", "--quiet"], cwd=path)
                subprocess.check_call(["git", "add", "."], cwd=path)
                for _ in range(2):
                    self.call(here, "pull", "model", "1.9.0")
                self.call(here, "pull", "model", "1.10.0", "-o")
                left = subprocess.check_output(["git", "status", "--short", "--untracked-files=all"], cwd=here)
                new = [line for line in left.decode().splitlines() if line.startswith("??")]
                self.assertEqual(new, ["?? models/model.bin"])
                with open(os.path.join(path, ".git", "info", "exclude")) as file:
                    self.assertEqual(file.read().count("model_v1.9.0.bin"), 1)


class ChainsSeenBefore(unittest.TestCase):
    """What a later part of a chain can know is said before the first one starts."""
    FILE = ("name: churn\nversion: 1.2.0\ncomponents:\n  repository:\n    folder: {path: store}\n    artifacts:\n"
            "    - {name: model, file: trained}\n"
            "jobs:\n- {name: train, source: touch trained}\n- {name: docker, source: ls, native: never}\n"
            "- {name: words, source: 'ls;', args: [path]}\n- {name: use, source: cat trained.csv, mappings: [data/, trained.csv]}\n"
            "- {name: run, source: trained.sh, mappings: ['trained.csv:trained.csv:ro']}\n")

    def ended(self, *typed, version="1.2.0"):
        with folder({"skelebot.yaml": self.FILE.replace("version: 1.2.0\n", ""), "VERSION": version + "\n",
                     "store/model_v1.2.0": ""}) as path:
            done = call("-n", *typed, folder=path)
            return done.status, "trained" in contents(path), done.stderr

    def test_is_a_version_that_is_stored_already(self):
        for typed in (("train", "+", "push", "model"), ("train", "+", "train", "+", "push", "ALL")):
            status, trained, said = self.ended(*typed)
            self.assertEqual((status, trained), (1, False), said)
            self.assertRegex(said, r"\Askelebot: model_v1\.2\.0 exists already: .*\n  hint: bump the version, or add -f")

    def test_is_no_version_that_could_be_part_of_a_name(self):
        self.assertEqual(self.ended("train", "+", "push", "model", version="a b")[:2], (1, False))

    def test_is_a_job_that_cannot_run_here_or_take_its_words(self):
        for typed in (("docker",), ("words", "x")):
            status, trained, said = self.ended("train", "+", *typed)
            self.assertEqual((status, trained), (1, False), said)

    def test_is_looked_at_with_the_version_that_it_will_have(self):
        status, trained, said = self.ended("bump", "minor", "+", "train", "+", "push", "model")
        self.assertEqual((status, trained), (0, True), said)
        status, trained, said = self.ended("bump", "1.2.0", "+", "train", "+", "push", "model", version="1.1.0")
        self.assertEqual((status, trained), (1, False), said)

    def test_is_a_version_to_pull_that_is_not_stored_and_that_no_push_before_makes(self):
        for version in ("7.0.0", "v1.2.1"):
            status, trained, said = self.ended("train", "+", "pull", "model", version)
            self.assertEqual((status, trained), (1, False), said)
            self.assertIn("does not exist", said)
        for version in (["1.2.0"], ["LATEST"], ["v1.2.0"], []):
            self.assertEqual(self.ended("train", "+", "pull", "model", *version)[:2], (0, True))
        status, trained, said = self.ended("train", "+", "push", "model", "+", "pull", "model", "V2.0.0", version="2.0.0")
        self.assertEqual((status, trained), (0, True), said)

    def test_is_not_what_an_earlier_part_may_make(self):
        """Also in a dry run, in which that part makes nothing."""
        for typed in (("use",), ("run",), ("push", "model")):
            status, _, said = self.ended("--dry-run", "train", "+", *typed, version="1.3.0")
            self.assertEqual((status, said), (0, ""))
            self.assertEqual(self.ended("--dry-run", *typed, version="1.3.0")[0], 1)
        self.assertIn("skelebot.yaml:11: jobs[3].mappings[1]: 'trained.csv' does not exist", self.ended("train", "+", "use")[2])

    def test_may_be_replaced_or_made_by_what_comes_before(self):
        self.assertEqual(self.ended("train", "+", "push", "model", "-f")[:2], (0, True))
        self.assertEqual(self.ended("train", "+", "push", "model", version="1.3.0")[:2], (0, True))


class WrongUsage(unittest.TestCase):
    FILE = ("name: churn\nversion: 1.2.0\ncomponents:\n  repository:\n    folder: {path: store}\n    artifacts:\n"
            "    - {name: model, file: model.bin}\n    - {name: card, file: card.md, singular: true}\n")

    def ended(self, *typed, file=FILE):
        with folder({"skelebot.yaml": file, "VERSION": "1.2.0\n"}) as path:
            done = call(*typed, folder=path)
        return done.status, done.stdout, done.stderr

    def test_is_said_with_a_way_out(self):
        for typed, status, message, hint in (
                (("push",), 2, "push: needs NAME", "an artifact, or ALL of them: model, card"),
                (("pull",), 2, "pull: needs NAME", "an artifact, or ALL of them: model, card"),
                (("push", "modle"), 2, "push: no artifact is named 'modle'", "did you mean model?"),
                (("push", "all"), 2, "push: no artifact is named 'all'", "did you mean ALL?"),
                (("pull", "zzz", "1.0.0"), 2, "pull: no artifact is named 'zzz'", "known are: ALL, card, model"),
                (("push", "model", "-p", "a/b"), 2, "push: expected a prefix that can begin a file's name, found 'a/b'",
                 "for example --prefix team-"),
                (("pull", "model", "1.0.0", "--prefix=../"), 2,
                 "pull: expected a prefix that can begin a file's name, found '../'", "for example --prefix team-"),
                (("pull", "model", "../1"), 2, "pull: expected a version, found '../1'", "for example 1.2.0, or LATEST"),
                (("pull", "model", "NEWEST!"), 2, "pull: expected a version, found 'NEWEST!'", "for example 1.2.0, or LATEST"),
                (("push", "card"), 1, "skelebot.yaml:8: components.repository.artifacts[1].file: 'card.md' does not exist",
                 "run the job that makes it, or correct the path")):
            with self.subTest(typed):
                self.assertEqual(self.ended(*typed), (status, "", two_lines(message, hint)))

    def test_is_no_artifact_in_the_file(self):
        for file in ("name: churn\n", "name: churn\ncomponents:\n  repository:\n    folder: {path: store}\n"):
            for typed in (("push", "model"), ("pull", "model", "1.0.0"), ("push",)):
                self.assertEqual(self.ended(*typed, file=file), (1, "", two_lines(
                    "skelebot.yaml: names no artifacts",
                    "add them below components.repository, as in: artifacts: [{name: model, file: models/model.tar.gz}]")))


if __name__ == "__main__":
    unittest.main()
