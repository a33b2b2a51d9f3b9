"""Versions: their order, which of them fits a project, and the next one."""
import os
import unittest

from support import LOADERS, Look, Read, call, contents, drive, inside, loader, project, two_lines
from skelebot import (BUMPS, Answer, Call, File, Hold, Note, Release, Semantic, SkelebotError, Words, latest,
                      next_version, plan_bump, read_folder, shortened)


def fault(function, *values):
    """The two lines of what a function refuses."""
    try:
        return f"nothing is wrong: {function(*values)!r}"
    except SkelebotError as error:
        return f"{error}\n"


class Versions(unittest.TestCase):

    def test_versions_come_in_the_order_of_the_standard(self):
        chain = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
                 "1.0.0-rc.1", "1.0.0", "1.9.0", "1.10.0", "1.11.0", "2.0.0", "2.1.0", "2.1.1"]
        for place, version in enumerate(chain):
            for other, after in enumerate(chain):
                self.assertEqual(Semantic.parse(version) < Semantic.parse(after), place < other, (version, after))

    def test_versions_have_three_numbers_of_which_the_last_may_be_missing(self):
        self.assertEqual(Semantic.parse("1.2"), Semantic.parse("1.2.0"))
        self.assertEqual(Semantic.parse("1.2.3+20130313"), Semantic.parse("1.2.3"))

    def test_versions_are_nothing_else(self):
        for text in ("", "1", "v1.0.0", "1.2.3.4", "1.0.0-", "1..0", "1.0.0-a..b", "2019-a_b", "\uff11.0.0", "1.0.0\n", "-1",
                     "latest", "1.0.0+"):
            with self.subTest(text):
                self.assertIsNone(Semantic.parse(text))

    def test_versions_of_which_the_latest_fits_the_project(self):
        for versions, own, found in (
                (["1.9.0", "1.10.0"], "1.20.0", "1.10.0"),
                (["1.2.0", "1.3.0", "2.0.0"], "1.2.5", "1.2.0"),
                (["1.2.0", "1.2.1"], "1.2.0", "1.2.0"),
                (["0.9.0", "2.0.0"], "1.5.0", ""),
                (["1.2.0-rc.1"], "1.2.0", ""),
                (["1.1.0", "1.2.0-rc.1", "1.2.0-rc.2", "1.2.0-rc.10"], "1.2.0-rc.9", "1.2.0-rc.2"),
                (["1.1.0", "1.2.0-rc.1"], "1.2.0", "1.1.0"),
                (["1.1.0", "1.2.0-rc.1"], "1.3.0-a", "1.2.0-rc.1"),
                (["1.2.0", "1.2.0-rc.1"], "1.2.0-rc.1", "1.2.0-rc.1"),
                (["1.0.0", "junk", "2_old_v1.1.0", ""], "1.9.0", "1.0.0"),
                (["1.2", "1.1.9"], "1.2.0", "1.2"),
                (["1.2.0+b", "1.2.0+a"], "1.2.0", "1.2.0+b"),
                ([], "1.0.0", "")):
            with self.subTest(versions=versions, own=own):
                self.assertEqual(latest(versions, own), found)
                self.assertEqual(latest(versions[::-1], own), found)

    def test_versions_of_which_the_latest_of_all_is_a_pre_release_only_where_there_is_nothing_else(self):
        for versions, found in ((["1.9.0", "1.10.0", "0.1.0"], "1.10.0"), (["1.0.0", "2.0.0-rc.1"], "1.0.0"),
                                (["2.0.0-rc.1", "2.0.0-beta"], "2.0.0-rc.1"), (["junk"], ""), ([], "")):
            with self.subTest(versions):
                self.assertEqual(latest(versions), found)


class NextVersion(unittest.TestCase):
    def test_next_version_has_a_part_one_higher(self):
        for version, major, minor, patch in (
                ("1.2.3", "2.0.0", "1.3.0", "1.2.4"), ("0.0.0", "1.0.0", "0.1.0", "0.0.1"),
                ("9.99.999", "10.0.0", "9.100.0", "9.99.1000"), ("1.2", "2.0.0", "1.3.0", "1.2.1"),
                ("01.02.03", "2.0.0", "1.3.0", "1.2.4"), ("1.2.3+build.5", "2.0.0", "1.3.0", "1.2.4"),
                ("1.2.3-rc.1", "2.0.0", "1.3.0", "1.2.3"), ("1.2.0-rc.1", "2.0.0", "1.2.0", "1.2.0"),
                ("2.0.0-rc.1", "2.0.0", "2.0.0", "2.0.0"), ("2.0.0-rc.1+b", "2.0.0", "2.0.0", "2.0.0"),
                ("1.2-rc.1", "2.0.0", "1.2.0", "1.2.0")):
            for bump, after in (("major", major), ("minor", minor), ("patch", patch)):
                with self.subTest(version, bump=bump):
                    self.assertEqual(next_version(version, bump), after)

    def test_next_version_is_never_lower_and_a_version_by_the_book(self):
        for version in ("0.0.1-a", "1.0.0-0", "1.2.3-rc.9", "3.0.0", "0.9", "10.20.30-alpha+b"):
            for bump in BUMPS:
                after = next_version(version, bump)
                self.assertGreater(Semantic.parse(after), Semantic.parse(version))
                self.assertEqual(next_version(version, after), after)

    def test_next_version_may_be_typed(self):
        for version in ("0.0.0", "2.0.0", "2.0.0-rc.1", "1.0.0-alpha", "1.0.0-0.3.7", "1.0.0-x.7.z.92", "1.0.0-a-b.-",
                        "1.0.0+20130313144700", "1.0.0-beta+exp.sha.5114f85", "1.0.0+001", "99999999999.0.0",
                        "1.0.0--"):
            with self.subTest(version):
                self.assertEqual(next_version("anything", version), version)

    def test_next_version_that_is_none_is_refused(self):
        hint = "a whole version such as 2.0.0 or 2.0.0-rc.1, or one of: major, minor, patch"
        for typed, help in (("1", hint), ("1.2", hint), ("1.2.3.4", hint), ("01.2.3", hint), ("1.02.3", hint),
                            ("1.2.03", hint),
                            ("1.2.3-", hint), ("1.2.3-01", hint), ("1.2.3-a..b", hint), ("1.2.3+", hint),
                            ("1.2.3-\u00e9", hint), ("1.2.3\n", hint), ("\u0661.0.0", hint), (" 1.2.3", hint), ("",
                                                                                                                hint),
                            ("v1.2.3", "did you mean 1.2.3?"), ("V2.0.0-rc.1", "did you mean 2.0.0-rc.1?"),
                            ("mayor", "did you mean major?"), ("Minor", "did you mean minor?"),
                            ("path", "did you mean patch?")):
            with self.subTest(typed):
                self.assertEqual(fault(next_version, "1.0.0", typed), two_lines(
                    f"bump: expected a semantic version, found {shortened(typed)}", help))

    def test_next_version_of_one_that_is_no_semantic_version_has_to_be_typed(self):
        for version in ("2024-01", "one", "1", "1.2.3.4", "v1.0.0"):
            with self.subTest(version):
                self.assertEqual(fault(next_version, version, "minor"), two_lines(
                    f"'{version}' is no semantic version, so it has no minor part",
                    "type the whole version: skelebot bump 1.0.0"))


class VersionFile(unittest.TestCase):
    def test_version_file_stays_as_it_was_but_for_the_version(self):
        for before, after in (
                (b"1.2.0", b"1.3.0"), (b"1.2.0\n", b"1.3.0\n"), (b"1.2.0\r\n", b"1.3.0\r\n"),
                (b"  1.2.0  \n", b"  1.3.0  \n"), (b"\n\n1.2.0\n", b"\n\n1.3.0\n"),
                (b"\xef\xbb\xbf1.2.0\n", b"\xef\xbb\xbf1.3.0\n"),
                (b"1.2.0\nsince 1.2.0: n\xc3\xb6\n", b"1.3.0\nsince 1.2.0: n\xc3\xb6\n")):
            with self.subTest(before), inside({"skelebot.yaml": "name: churn\n", "VERSION": before}):
                self.assertEqual(call("bump", "minor"), (0, "1.3.0\n", "skelebot: VERSION: 1.2.0 -> 1.3.0\n"))
                self.assertEqual(contents("."), {"skelebot.yaml": b"name: churn\n", "VERSION": after})

    def test_version_file_is_made_where_no_version_is(self):
        for files in ({}, {"VERSION": ""}):
            with self.subTest(files), inside({"skelebot.yaml": "name: churn\n", **files}):
                self.assertEqual(call("bump", "major"), (1, "", two_lines(
                    "churn has no version to bump", "begin with: skelebot bump 0.1.0")))
                self.assertEqual(call("bump", "0.1.0"), (0, "0.1.0\n", "skelebot: VERSION: none -> 0.1.0\n"))
                self.assertEqual(contents(".")["VERSION"], b"0.1.0\n")

    def test_version_file_wins_over_the_file_of_2019_which_stays(self):
        text = "name: churn\nversion: 0.0.1\n"
        with inside({"skelebot.yaml": text, "VERSION": "1.0.0\n"}):
            self.assertEqual(call("bump", "major").stdout, "2.0.0\n")
            self.assertEqual(contents("."), {"skelebot.yaml": text.encode(), "VERSION": b"2.0.0\n"})


class VersionInSkelebotYaml(unittest.TestCase):
    def test_version_in_skelebot_yaml_is_changed_and_all_else_stays_byte_for_byte(self):
        for text in (
                "name: churn\nversion: @\n", "version: @\nname: churn", "name: churn\nversion: @",
                "name: churn\nversion:    @   # not 1.2.0 any more\n\n\n# the end\n", "name: churn\nversion: '@'\n",
                "name: churn\nversion: \"@\"   \n", "{name: churn, version: @, ports: []}\n",
                "{\"name\": \"churn\", \"version\": \"@\"}", "name: churn\r\nversion: @\r\ngpu: no\r\n",
                "name: churn\r\nversion: @\ngpu: no\r\n\n", "\ufeffname: churn\nversion: @\n",
                "# Zo\u00eb \U0001f600 caf\u00e9\nname: churn\ndescription: \u00fcber \U0001f600\nversion: @ # \u20ac\n",
                "name: churn\nversion: &v @\ndescription: *v\n", "name: churn\nversion: !!str @\n",
                "name: churn\nversion: >-\n  @\n\n# so\ngpu: no\n", "name: churn\nversion: |-\n    @\n",
                "name: churn\nversion:\n  @\n", "? version\n: @\n? name\n: churn\n",
                "---\nname: churn\nversion: @\n...\n",
                "name: churn\nversion: @\njobs:\n  - name: version\n    source: 'x 1.2.0'\n",
                "x-all: &all {version: @}\n<<: *all\nname: churn\n"):
            for name in LOADERS:
                with self.subTest(text, loader=name), loader(name):
                    with inside({"skelebot.yaml": text.replace("@", "1.2.0")}):
                        self.assertEqual(call("bump", "minor"), (0, "1.3.0\n",
                                                                 "skelebot: skelebot.yaml: 1.2.0 -> 1.3.0\n"))
                        self.assertEqual(contents("."), {"skelebot.yaml": text.replace("@", "1.3.0").encode()})

    def test_version_in_skelebot_yaml_that_cannot_be_changed_by_itself_is_a_fault(self):
        for text, line in (("x-v: &v 1.2.0\nname: churn\nversion: *v\n", 3),
                           ('name: churn\nversion: "1\\x2e2.0"\n', 2)):
            for name in LOADERS:
                with self.subTest(text, loader=name), loader(name), inside({"skelebot.yaml": text}):
                    self.assertEqual(call("bump", "minor"), (1, "", two_lines(
                        f"skelebot.yaml:{line}: version: is written in a way that bump cannot change",
                        "write version: 1.2.0")))
                    self.assertEqual(contents("."), {"skelebot.yaml": text.encode()})

    def test_version_in_skelebot_yaml_that_is_empty_gets_the_version_that_is_typed(self):
        for text in ("name: churn\nversion:\n", "name: churn\nversion: ''\n", "version: ~\nname: churn\n"):
            with self.subTest(text), inside({"skelebot.yaml": text}) as path:
                self.assertEqual(call("bump", "0.1.0").status, 0)
                self.assertEqual(read_folder(path).version, "0.1.0")

    def test_version_in_skelebot_yaml_of_an_environment_is_changed_where_it_stands(self):
        files = {"skelebot.yaml": "name: churn\nversion: 1.0.0\n", "skelebot-dev.yaml": "version: 2.0.0 # dev\n",
                 "skelebot-test.yaml": "gpu: no\n"}
        with inside(files):
            self.assertEqual(call("-e", "dev", "bump", "patch").stdout, "2.0.1\n")
            self.assertEqual(call("-e", "test", "bump", "patch").stdout, "1.0.1\n")
            self.assertEqual(contents("."), {"skelebot.yaml": b"name: churn\nversion: 1.0.1\n",
                                             "skelebot-dev.yaml": b"version: 2.0.1 # dev\n",
                                             "skelebot-test.yaml": b"gpu: no\n"})


class Bump(unittest.TestCase):
    def test_bump_is_known_to_what_follows_in_a_chain(self):
        with inside({"skelebot.yaml": "name: churn\n", "VERSION": "1.2.0\n"}):
            ending = call("bump", "minor", "+", "bump", "patch", "+", "bump", "major")
            self.assertEqual((ending.status, ending.stdout), (0, "1.3.0\n1.3.1\n2.0.0\n"))
            self.assertEqual(contents(".")["VERSION"], b"2.0.0\n")

    @unittest.skipIf(os.name == "nt", "links")
    def test_bump_changes_what_a_link_leads_to(self):
        with inside({"skelebot.yaml": "name: churn\n", "meta/VERSION": "1.2.0\n"}):
            os.symlink("meta/VERSION", "VERSION")
            self.assertEqual(call("bump", "minor").stdout, "1.3.0\n")
            self.assertTrue(os.path.islink("VERSION"))
            self.assertEqual(contents(".")["meta/VERSION"], b"1.3.0\n")

    def test_bump_writes_once_says_so_and_answers_with_the_version(self):
        it = project(version="1.2.0")
        done = drive(plan_bump(Call(), it, Words({"version": ("patch",)})), {Read: b"1.2.0\n"})
        self.assertEqual(done.steps, [
            Read("VERSION"), Look("VERSION", "."), Hold("VERSION"), Read("VERSION"), File("VERSION", b"1.2.1\n"),
            Note("VERSION: 1.2.0 -> 1.2.1"), Release(None), Answer("1.2.1")])

    def test_bump_goes_by_the_version_that_is_there_when_it_has_its_turn(self):
        done = drive(plan_bump(Call(), project(version="1.2.0"), Words({"version": ("patch",)})), {Read: b"1.7.3\n"})
        self.assertEqual(done.steps[-1], Answer("1.7.4"))

    def test_bump_writes_nothing_when_it_has_that_version(self):
        done = drive(plan_bump(Call(), project(version="1.2.0"), Words({"version": ("1.2.0",)})),
                     {Read: b"1.2.0"})
        self.assertEqual(done.outline, ["Read VERSION", "Look VERSION .", "Hold VERSION", "Read VERSION",
                                        "Note VERSION has 1.2.0 already", "Release", "Answer 1.2.0"])

    def test_bump_is_checked_before_anything_of_a_chain_runs(self):
        with inside({"skelebot.yaml": "name: churn\nversion: 1.0.0\n"}):
            for words, message, hint in (
                    (("bump",), "bump: needs VERSION", "major, minor, patch, or a version such as 2.0.0-rc.1"),
                    (("bump", "v2.0.0"), "bump: expected a semantic version, found 'v2.0.0'", "did you mean 2.0.0?")):
                with self.subTest(words):
                    self.assertEqual(call("bump", "minor", "+", *words), (2, "", two_lines(message, hint)))
            self.assertEqual(contents("."), {"skelebot.yaml": b"name: churn\nversion: 1.0.0\n"})

    def test_bump_is_only_shown_in_a_dry_run(self):
        with inside({"skelebot.yaml": "name: churn\n", "VERSION": "1.0.0\n"}):
            self.assertEqual(call("--dry-run", "bump", "major").stdout.partition("\n")[2],
                             "printf %s '2.0.0\n' > VERSION\nprintf '%s\\n' 2.0.0\n")
            self.assertEqual(contents(".")["VERSION"], b"1.0.0\n")


if __name__ == "__main__":
    unittest.main()
