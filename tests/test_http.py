"""What answers of servers mean, and what becomes of a request."""
import json
import unittest

import support  # noqa: F401  (puts skelebot on the path)
import skelebot
from support import two_lines
from skelebot import AccessKey, Digests, Login, Request, Response, Secret, Signing

SHA = "5e" * 32


class ServerWords(unittest.TestCase):

    def test_are_those_of_json_xml_a_page_or_a_line(self):
        for body, said in (
                (b'{"errors": [{"status": 403, "message": "Not enough permissions"}]}', "Not enough permissions"),
                (b'{"message": "no"}', "no"), (b'{"error": "invalid_token"}', "invalid_token"), (b'{"detail": "x"}', "x"),
                (b'{"errors": []}', ""), (b'{"errors": [{"message": 7}]}', ""), (b"{}", ""), (b"[1, 2]", ""),
                (b'{"errors": "odd"}', ""), (b'{"errors": [null]}', ""),
                (b"<?xml version='1.0'?>\n<Error><Code>NoSuchKey</Code><Message>It &amp; is\n gone</Message></Error>",
                 "NoSuchKey: It & is gone"),
                (b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
                (b"<html><head><TITLE lang=en>403 Forbidden</TITLE></head><h1>no</h1>", "403 Forbidden"),
                (b"<html><p>nothing</p>", ""), (b"no room left\nat all", "no room left"), (b"  plain  ", "plain"),
                (b"", ""), (b"{broken", ""), (b"\xff\xfe", "\ufffd\ufffd"), (b"a\x1b[31mred\x00\x07\x9b", "a [31mred \ufffd"),
                (b'{"message": "a\\u001b[2Jb\\r\\nc"}', "a [2Jb c"),
                (b"<title>a&#27;[2J&#x85;b&#10;c</title>", "a[2J\u2026b c"),
                (b'{"message": "\\u009b31m"}', "31m"), (b"x" * 1000, "x" * 300),
                (b"[" * 100000, "")):
            with self.subTest(body[:60]):
                self.assertEqual(Response(500, body=body).words, said)

    def test_can_always_be_written(self):
        Response(500, body=b'{"message": "a\\ud800b"}').words.encode("utf-8")


class Faults(unittest.TestCase):
    maxDiff = None

    S3 = Signing(key=AccessKey("AKID", Secret("s3cret")))

    def fault(self, status, reason="", body=b"", login=Login({"Authorization": Secret("s3cret")}), **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        asked = Request("PUT", "https://ada:s3cret@host/x?sig=s3cret", login=login)
        return f"{skelebot.http_fault(asked, Response(status, reason, headers, body))}\n"

    def test_have_a_hint_for_their_status(self):
        for status, hint in (
                (401, "the server wants another user and token"),
                (403, "ask the repository's administrator for the permission"),
                (404, "look at the address below components.repository"),
                (407, "put the proxy's user and password into https_proxy, as in http://USER:PASSWORD@HOST:PORT"),
                (409, "the server received something else than what was sent, or has something there already: push again, "
                      "or with -f"),
                (412, "another push stored it first; push -f replaces it"),
                (413, "the file exceeds the server's limit; ask its administrator"),
                (429, "the server is too busy: try again later"),
                (507, "the server's disk is full: ask its administrator"),
                (400, "the server's message says what is missing"),
                (500, "try again later, or ask the server's administrator"),
                (503, "try again later, or ask the server's administrator")):
            with self.subTest(status):
                self.assertEqual(self.fault(status), two_lines(f"PUT https://host/x: {status}", hint))

    def test_show_the_servers_own_words(self):
        self.assertEqual(self.fault(403, "Forbidden", b'{"errors": [{"message": "not you"}]}'), two_lines(
            "PUT https://host/x: 403 Forbidden: not you", "ask the repository's administrator for the permission"))

    def test_know_what_s3_says(self):
        for code, hint in (("SignatureDoesNotMatch", "the secret key is not that of the access key: look at the AWS "
                                                     "credentials"),
                           ("RequestTimeTooSkewed", "set this machine's clock"),
                           ("NoSuchBucket", "look at bucket: below components.repository.s3")):
            with self.subTest(code):
                body = f"<Error><Code>{code}</Code><Message>so</Message></Error>".encode()
                self.assertEqual(self.fault(403, body=body, login=self.S3),
                                 two_lines(f"PUT https://host/x: 403: {code}: so", hint))

    def test_name_the_region_of_a_bucket_that_is_elsewhere(self):
        self.assertEqual(self.fault(301, login=self.S3, x_amz_bucket_region="eu-west-1"), two_lines(
            "PUT https://host/x: 301", "add region: eu-west-1 below components.repository.s3"))

    def test_name_where_a_server_sends_on_to(self):
        self.assertEqual(self.fault(302, location="https://ada:s3cret@other/x?t=s3cret"), two_lines(
            "PUT https://host/x: 302", "the server redirects to https://other/x: name that in skelebot.yaml"))

    def test_hold_nothing_that_moves_a_terminal(self):
        for status, headers in ((302, {"location": "https://other/\x1b[2J\x9b1m"}), (301, {"x_amz_bucket_region": "\x1b[2J"}),
                                (302, {"location": "\x1b[2J"})):
            text = self.fault(status, "odd\x1b[2J\x9b", b"\x1b]0;x\x07", **headers)
            self.assertNotRegex(text.replace("\n", ""), r"[\x00-\x1f\x7f-\x9f]")


class Redirects(unittest.TestCase):
    LOGIN = Login({"Authorization": Secret("s3cret")})
    HEADERS = {"Range": "bytes=5-", "If-Range": '"e"', "If-Match": '"e"', "X-Checksum-Sha256": SHA}

    def further(self, url, location, method="GET", status=302):
        asked = Request(method, url, self.HEADERS, self.LOGIN)
        return skelebot.redirected(asked, Response(status, headers={"location": location} if location else {}))

    def test_take_the_login_along_only_to_the_same_host(self):
        for url, location, there, along in (
                ("https://host/a/b", "https://host/c", "https://host/c", True),
                ("https://host/a/b", "/c", "https://host/c", True),
                ("https://host/a/b", "c?d=e", "https://host/a/c?d=e", True),
                ("https://host/a", "https://HOST:443/c", "https://HOST:443/c", True),
                ("https://host/a", "//other/c", "https://other/c", False),
                ("https://host/a", "https://other/c", "https://other/c", False),
                ("https://host/a", "https://host.other/c", "https://host.other/c", False),
                ("https://host/a", "https://host@other/c", "https://host@other/c", False),
                ("https://host/a", "https://host:8443/c", "https://host:8443/c", False),
                ("https://host/a", "http://host/a", "http://host/a", False),
                ("https://host/a", "http://host:443/a", "http://host:443/a", False),
                ("http://host/a", "https://host/a", "https://host/a", True),
                ("http://host/a", "https://host:8443/a", "https://host:8443/a", False),
                ("http://host:81/a", "https://host/a", "https://host/a", False),
                ("http://host/a", "https://other/a", "https://other/a", False)):
            with self.subTest(url=url, location=location):
                further = self.further(url, location)
                kept = {name: value for name, value in self.HEADERS.items() if along or name != "X-Checksum-Sha256"}
                self.assertEqual((further.url, further.login, further.headers),
                                 (there, self.LOGIN if along else Login(), kept))

    def test_of_what_is_sent_are_followed_on_the_same_host_only_and_with_its_method(self):
        for method in ("PUT", "POST", "DELETE"):
            for status, location, follows in ((307, "/c", True), (308, "/c", True), (301, "/c", False), (302, "/c", False),
                                              (303, "/c", False), (307, "https://other/c", False),
                                              (307, "http://host/c", False)):
                with self.subTest(method=method, status=status, location=location):
                    further = self.further("https://host/a", location, method, status)
                    self.assertEqual(further and (further.method, further.url),
                                     (method, "https://host/c") if follows else None)

    def test_lead_nowhere_else(self):
        for status, location in ((302, ""), (200, "/c"), (304, "/c"), (404, "/c"), (302, "ftp://host/c"), (302, "file:///c"),
                                 (302, "javascript:x"), (302, "https://host:port/c"), (302, "https://[host/c")):
            with self.subTest(status=status, location=location):
                self.assertIsNone(self.further("https://host/a", location, status=status))

    def test_to_an_address_with_other_letters_can_be_asked_for(self):
        for location in ("/mod\xc3\xa8le", "/my model", "/mod%C3%A8le"):
            with self.subTest(location):
                self.assertRegex(self.further("https://host/a", location).url, r"\Ahttps://host/[!-~]+\Z")


class Patience(unittest.TestCase):
    NOW = 1445412480.0                  # Wed, 21 Oct 2015 07:28:00 GMT

    def test_is_worth_it_for_answers_that_may_change(self):
        for status in (429, 500, 502, 503, 504, 508, 599):
            self.assertTrue(Response(status).may_pass, status)
        for status in (0, 200, 201, 204, 301, 400, 401, 403, 404, 407, 408, 409, 412, 413, 416, 499, 501, 505, 507):
            self.assertFalse(Response(status).may_pass, status)

    def test_waits_as_the_server_says_and_at_most_five_minutes(self):
        for said, seconds in (("3", 3), ("0", 0), (" 7 ", 7), ("100000", 300), ("Wed, 21 Oct 2015 07:28:10 GMT", 10),
                              ("Wed, 21 Oct 2015 07:27:00 GMT", 0), ("Thu, 22 Oct 2015 07:28:00 GMT", 300)):
            with self.subTest(said):
                self.assertEqual(Response(503, headers={"retry-after": said}).pause(0.5, self.NOW), seconds)

    def test_waits_as_ever_when_the_server_says_nothing_or_nonsense(self):
        for said in ("", "soon", "-5", "1.5", "\u0663", "9" * 400, "Wed, 99 Oct 2015 07:28:00 GMT", "Wed, , ,", "\x00"):
            with self.subTest(said):
                answer = Response(503, headers={"retry-after": said} if said else {})
                self.assertEqual(answer.pause(0.5, self.NOW), 0.5)


class Confirmations(unittest.TestCase):

    def test_compare_the_checksum_that_the_server_names(self):
        for body, found in ((json.dumps({"checksums": {"sha256": SHA}}), True), ("", None), ("{}", None), ("[]", None),
                            (json.dumps({"checksums": {"sha256": SHA.upper()}}), True), ('{"checksums": 1}', None),
                            ('{"checksums": {"sha256": "00"}}', False), ('{"checksums": {"sha256": ""}}', None),
                            ('{"checksums": {"sha256": 7}}', None), ('{"checksums": {"md5": "00"}}', None)):
            with self.subTest(body):
                self.assertIs(Response(201, body=body.encode()).has_stored(Digests(1, SHA)), found)

    def test_read_what_sha256sum_writes(self):
        for data, found in ((f"{SHA}  model.bin\n".encode(), SHA), (SHA.upper().encode(), SHA), (b"", ""), (b"<html>", ""),
                            (SHA[:-1].encode(), ""), ((SHA + "0").encode(), ""), (b"\xff" * 64, "")):
            with self.subTest(data):
                self.assertEqual(skelebot.sha256_of(data), found)

    def test_take_a_length_that_is_one(self):
        for text, size in (("10", 10), ("0", 0), ("", -1), ("-1", -1), ("ten", -1), ("1e3", -1), ("\u0663", -1)):
            self.assertEqual(Response(200, headers={"content-length": text}).size, size)
        self.assertEqual(Response(200).size, -1)


class IndexPages(unittest.TestCase):
    NGINX = """<html>\r
<head><title>Index of /models/</title></head>\r
<body>\r
<h1>Index of /models/</h1><hr><pre><a href="../">../</a>\r
<a href="old/">old/</a>                                               21-Oct-2026 07:28                   -\r
<a href="model_v1.0.0.tar.gz">model_v1.0.0.tar.gz</a>                 21-Oct-2026 07:28          1073741824\r
<a href="my%20model%2B_v1.1.0.tar.gz">my model+_v1.1.0.tar.gz</a>     21-Oct-2026 07:28                   3\r
<a href="mod%C3%A8le_v1.2.0.a_name_that_is_so_long_that_it_is_cut.tar.gz">mod&egrave;le_v1.2.0.a_name_..&gt;</a>  3\r
</pre><hr></body>\r
</html>\r
"""
    JFROG = """<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html>
<head><meta name="robots" content="noindex" />
<title>Index of ml/churn</title>
</head>
<body>
<h1>Index of ml/churn</h1>
<pre>Name                  Last modified      Size</pre><hr/>
<pre><a href="../">../</a>
<a href="old/">old/</a>                   21-Oct-2026 07:28    -
<a href="model_v1.0.0.tar.gz">model_v1.0.0.tar.gz</a>    21-Oct-2026 07:28  1.00 GB
<a href="it's_v1.0.0.bin">it's_v1.0.0.bin</a>    21-Oct-2026 07:28  3 bytes
</pre>
<hr/><address style="font-size:small;">Artifactory/7.77.3 Server</address></body></html>"""
    APACHE = """<table><tr><th><a href="?C=N;O=D">Name</a></th></tr>
<tr><td><A class="x" HREF='model_v1.0.0.tar.gz'>model</A></td></tr>
<tr><td><a href=./a&amp;b_v1.0.0.bin>a&amp;b</a> <a name="top">top</a> <a href="/">root</a></td></tr></table>"""

    def test_link_to_the_files_of_a_folder(self):
        for page, names in (
                (self.NGINX, ["model_v1.0.0.tar.gz", "my model+_v1.1.0.tar.gz",
                              "mod\xe8le_v1.2.0.a_name_that_is_so_long_that_it_is_cut.tar.gz"]),
                (self.JFROG, ["model_v1.0.0.tar.gz", "it's_v1.0.0.bin"]),
                (self.APACHE, ["model_v1.0.0.tar.gz", "a&b_v1.0.0.bin"]), ("", [])):
            self.assertEqual(skelebot.links(page), names)


if __name__ == "__main__":
    unittest.main()
