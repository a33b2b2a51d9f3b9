"""The stand-in for Artifactory: a public client works with it, and it keeps to what Artifactory documents."""
import base64
import hashlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from urllib.parse import urlsplit

from artifactory import Answer, Artifactory, HangUp, User

HERE = os.path.dirname(os.path.abspath(__file__))
DOHQ = os.environ.get("SKELEBOT_TEST_DOHQ", "")     # a Python that has dohq-artifactory
ADA = User("ada", "secret", tokens=("t0ken",), keys=("k3y",))
REPOSITORY = "/artifactory/generic-local"
DATA = b"0123456789"


def sha(kind, data=DATA):
    return hashlib.new(kind, data).hexdigest()


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Case(unittest.TestCase):
    """A server with an empty repository, and one connection to it.

    faulty   the class of the server
    options  of the server
    """
    faulty = Artifactory
    options = {}

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.server = self.faulty(self.folder, **self.options)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.host = urlsplit(self.server.url).netloc
        self.connection = http.client.HTTPConnection(self.host, timeout=30)
        self.addCleanup(self.connection.close)

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body of an answer, all on the one connection."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.connection.request(method, path, body, named)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def put(self, path="/a.txt", body=DATA, **headers):
        return self.ask("PUT", REPOSITORY + path, body, **headers)

    def get(self, path="/a.txt", **headers):
        return self.ask("GET", REPOSITORY + path, **headers)

    def assertRefused(self, answer, status, message):
        self.assertEqual((answer[0], json.loads(answer[2].decode())),
                         (status, {"errors": [{"status": status, "message": message}]}))

    def stored(self):
        """What lies in the server's folder, with what an upload may have left behind."""
        return sorted(name for _, _, names in os.walk(self.folder) for name in names)


class StandIn(unittest.TestCase):
    @unittest.skipUnless(DOHQ, "SKELEBOT_TEST_DOHQ names no Python that has dohq-artifactory")
    def test_works_with_a_public_client(self):
        with tempfile.TemporaryDirectory() as folder, Artifactory(folder, users=[ADA]) as server:
            done = subprocess.run(
                [DOHQ, "-I", os.path.join(HERE, "clients", "dohq.py"), server.url,
                 ADA.name, ADA.password, *ADA.tokens, *ADA.keys],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))

    def test_is_a_program_as_well(self):
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, os.path.join(HERE, "artifactory.py"), "--root", folder, "--user", "ada:secret"]
            program = subprocess.Popen([*words, "--token", "t0ken"], stdout=subprocess.PIPE, universal_newlines=True)
            url = program.stdout.readline().strip()
            status = [subprocess.run(
                ["curl", "--silent", "--show-error", "--output", os.devnull, "--write-out", "%{http_code}",
                 "--upload-file", __file__, *options, url + "/generic-local/a/"],
                stdout=subprocess.PIPE, universal_newlines=True).stdout
                for options in ([], ["--user", "ada:secret"], ["--header", "Authorization: Bearer t0ken"])]
            program.terminate()
            program.stdout.close()
            self.assertEqual((status, program.wait(60)), (["401", "201", "201"], 0))
            self.assertEqual(os.listdir(os.path.join(folder, "generic-local", "a")), [os.path.basename(__file__)])


class Deploying(Case):
    def test_answers_with_what_was_created(self):
        status, headers, body = self.put("/churn/a%20b+c.pkl", X_Checksum_Sha256=sha("sha256"))
        created = json.loads(body.decode())
        uri = self.server.url + "/generic-local/churn/a%20b%2Bc.pkl"
        self.assertRegex(created.pop("created"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual((status, headers["Location"], headers["Content-Type"]), (
            201, uri, "application/vnd.org.jfrog.artifactory.storage.ItemCreated+json"))
        self.assertEqual(created, {
            "repo": "generic-local", "path": "/churn/a b+c.pkl", "createdBy": "anonymous", "downloadUri": uri,
            "mimeType": "application/octet-stream", "size": "10", "uri": uri,
            "checksums": {kind: sha(kind) for kind in ("sha1", "md5", "sha256")},
            "originalChecksums": {"sha256": sha("sha256")}})

    def test_stores_nothing_that_is_not_what_the_client_has_meant(self):
        for kind in ("Sha1", "Md5", "Sha256"):
            with self.subTest(kind):
                wrong = sha(kind.lower(), b"other")
                status, _, body = self.put(**{f"X_Checksum_{kind}": wrong})
                message = json.loads(body.decode())["errors"][0]["message"]
                self.assertEqual(status, 409)
                self.assertIn("rejected the artifact 'generic-local:a.txt'. Checksums info: ", message)
                self.assertIn(f"original='{wrong}', actual='{sha(kind.lower())}'", message)
                self.assertEqual(self.stored(), [])

    def test_stores_nothing_that_is_not_whole(self):
        self.put()
        self.connection.putrequest("PUT", REPOSITORY + "/a.txt")
        self.connection.putheader("Content-Length", "1000")
        self.connection.endheaders(b"the beginning")
        self.connection.close()
        while self.server.requests[-1].length < len(b"the beginning"):
            time.sleep(0.01)
        self.assertEqual((self.get()[2], self.stored()), (DATA, ["a.txt"]))

    def test_takes_a_body_in_chunks_as_well(self):
        self.assertEqual(self.put(body=iter([b"01234", b"56789"]))[0], 201)
        self.assertEqual((self.get()[2], self.server.requests[0].length), (DATA, 10))

    def test_by_checksum_transfers_nothing(self):
        checksum = {"X_Checksum_Deploy": "true", "X_Checksum_Sha256": sha("sha256")}
        self.assertRefused(self.put("/b.txt", b"", **checksum), 404,
                           "Checksum deploy failed. No existing file with SHA256: " + sha("sha256"))
        self.assertEqual(self.stored(), [])
        self.put("/a.txt")
        self.assertEqual(self.put("/b.txt", b"", **checksum)[0], 201)
        self.assertEqual(self.put("/b.txt", b"", **checksum)[0], 201)
        self.assertEqual((self.get("/b.txt")[2], self.stored()), (DATA, ["a.txt", "b.txt"]))

    def test_a_checksum_of_a_file_is_compared_and_not_stored(self):
        self.put()
        self.assertEqual(self.put("/a.txt.sha1", sha("sha1").encode())[0], 201)
        self.assertRefused(self.put("/a.txt.sha1", b"00"), 409,
                           f"Checksum error for 'a.txt.sha1': received '00' but actual is '{sha('sha1')}'")
        self.assertEqual(self.put("/b.txt.sha1", b"00")[0], 404)
        self.assertEqual(self.stored(), ["a.txt"])

    def test_goes_nowhere_else(self):
        for path, status in (("/../../out", 400), ("/%2e%2e/out", 400), ("/a%2Fb", 400), ("/a%00", 400),
                             ("/a%5Cb", 400), ("/%FF", 400)):
            with self.subTest(path):
                self.assertEqual((self.put(path)[0], self.get(path)[0]), (status, status))
        for path in ("/artifactory/other/a.txt", "/artifactory/.uploads/a.txt", "/other"):
            with self.subTest(path):
                self.assertEqual(self.ask("PUT", path, DATA)[0], 404)
        self.assertEqual(self.stored(), [])


class Retrieving(Case):
    def setUp(self):
        super().setUp()
        self.put("/data/a.txt")
        self.ask("PUT", REPOSITORY + "/data/folder/")

    def test_says_all_about_a_file_in_headers(self):
        for method, body in (("GET", DATA), ("HEAD", b"")):
            status, headers, found = self.ask(method, REPOSITORY + "/data/a.txt")
            known = {"Content-Length": "10", "Content-Type": "text/plain", "Accept-Ranges": "bytes",
                     "ETag": sha("sha1"), "X-Checksum-Sha1": sha("sha1"), "X-Checksum-Sha256": sha("sha256"),
                     "X-Checksum-Md5": sha("md5"), "X-Artifactory-Filename": "a.txt"}
            self.assertEqual((status, found, {name: headers[name] for name in known}), (200, body, known))

    def test_a_part_or_nothing_where_the_client_has_the_rest(self):
        tag, date = sha("sha1"), self.get("/data/a.txt")[1]["Last-Modified"]
        for headers, status, body, span in (
                ({"Range": "bytes=4-"}, 206, b"456789", "bytes 4-9/10"),
                ({"Range": "bytes=2-3"}, 206, b"23", "bytes 2-3/10"),
                ({"Range": "bytes=-3"}, 206, b"789", "bytes 7-9/10"),
                ({"Range": "bytes=8-100"}, 206, b"89", "bytes 8-9/10"),
                ({"Range": "bytes=4-", "If_Range": tag}, 206, b"456789", "bytes 4-9/10"),
                ({"Range": "bytes=4-", "If_Range": date}, 206, b"456789", "bytes 4-9/10"),
                ({"Range": "bytes=4-", "If_Range": "another"}, 200, DATA, None),
                ({"Range": "lines=4-"}, 200, DATA, None),
                ({"If_None_Match": f'"{tag}"'}, 304, b"", None),
                ({"If_None_Match": "another"}, 200, DATA, None),
                ({"If_Modified_Since": date}, 304, b"", None),
                ({"If_Match": tag}, 200, DATA, None)):
            with self.subTest(headers):
                answer = self.get("/data/a.txt", **headers)
                self.assertEqual((answer[0], answer[2], answer[1]["Content-Range"]), (status, body, span))

    def test_refuses_what_is_not_there(self):
        self.assertRefused(self.get("/data/b.txt"), 404, "File not found.")
        self.assertRefused(self.get("/data/b.txt.sha256"), 404, "File not found.")
        self.assertRefused(self.ask("GET", "/artifactory/api/storage/generic-local/b"), 404, "Unable to find item")
        self.assertRefused(self.get("/data/a.txt", If_Match="another"), 412, "Precondition Failed")
        answer = self.get("/data/a.txt", Range="bytes=10-")
        self.assertEqual((answer[0], answer[1]["Content-Range"]), (416, "bytes */10"))

    def test_has_the_checksums_of_a_file_beside_it(self):
        for kind in ("sha256", "sha1", "md5"):
            self.assertEqual(self.get(f"/data/a.txt.{kind}")[2].decode(), sha(kind))

    def test_shows_a_folder_as_json_and_as_a_page(self):
        info = json.loads(self.ask("GET", "/artifactory/api/storage/generic-local/data")[2].decode())
        self.assertEqual([info[key] for key in ("repo", "path", "children")], [
            "generic-local", "/data",
            [{"uri": "/a.txt", "folder": False}, {"uri": "/folder", "folder": True}]])
        self.assertEqual(self.get("/data")[1]["Location"], self.server.url + "/generic-local/data/")
        page = self.get("/data/")[2].decode()
        self.assertIn("<h1>Index of generic-local/data</h1>", page)
        self.assertRegex(page, r'<a href="a\.txt">a\.txt</a>  \d\d-\w{3}-\d{4} \d\d:\d\d  10 bytes\n')
        self.assertRegex(page, r'<a href="folder/">folder/</a>  \d\d-\w{3}-\d{4} \d\d:\d\d    -\n')

    def test_deletes_a_file_or_a_folder_with_all_below_it(self):
        for path, status in (("/data/a.txt", 204), ("/data/a.txt", 404), ("/data", 204), ("/data/folder", 404)):
            with self.subTest(path):
                self.assertEqual(self.ask("DELETE", REPOSITORY + path)[0], status)
        self.assertEqual(self.stored(), [])


class Permissions(Case):
    reader = User("rob", "r", can_deploy=False, can_delete=False)
    adder = User("ann", "a", can_delete=False)
    options = {"users": [ADA, reader, adder]}

    def test_everything_but_a_ping_needs_credentials(self):
        self.assertEqual(self.ask("GET", "/artifactory/api/system/ping")[::2], (200, b"OK"))
        for headers, message in (({}, "Authentication is required"), (basic("ada", "wrong"), "Bad credentials"),
                                 (basic("nobody", ""), "Bad credentials"),
                                 ({"X-JFrog-Art-Api": "wrong"}, "Bad credentials"),
                                 ({"Authorization": "Bearer k3y"}, "Token failed verification: parse")):
            with self.subTest(headers):
                answer = self.put(**headers)
                self.assertRefused(answer, 401, message)
                self.assertEqual(answer[1]["WWW-Authenticate"], 'Basic realm="Artifactory Realm"')
        for headers in (basic("ada", "secret"), basic("ada", "t0ken"), {"Authorization": "Bearer t0ken"},
                        {"X-JFrog-Art-Api": "k3y"}, {"X-JFrog-Art-Api": "t0ken"}):
            with self.subTest(headers):
                self.assertEqual(self.put(**headers)[0], 201)

    def test_a_reader_only_reads(self):
        self.put(**basic("ada", "secret"))
        self.assertEqual(self.get(**basic("rob", "r"))[2], DATA)
        self.assertRefused(self.put("/data/b.txt", **basic("rob", "r")), 403,
                           "User rob is not permitted to deploy 'data/b.txt' into 'generic-local:data/b.txt'.")

    def test_replacing_needs_the_permission_to_delete(self):
        self.assertEqual(self.put(**basic("ann", "a"))[0], 201)
        refused = ("Not enough permissions to delete/overwrite artifact 'generic-local:a.txt' "
                   "(user 'ann' needs DELETE permission).")
        self.assertRefused(self.put(**basic("ann", "a")), 403, refused)
        self.assertRefused(self.ask("DELETE", REPOSITORY + "/a.txt", **basic("ann", "a")), 403, refused)

    def test_somebody_unknown_may_only_read_where_that_is_allowed(self):
        self.server.anonymous = User("anonymous", can_deploy=False)
        self.assertEqual((self.get()[0], self.put()[0]), (404, 401))


class Connections(Case):
    options = {"users": [ADA]}

    def sent(self, *options):
        """Status and connections of curl's upload of 64 MB to two paths, and whether it was told to go on."""
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(64 << 20)
            url = self.server.url + "/generic-local/"
            done = subprocess.run(
                ["curl", "--silent", "--verbose", "--write-out", "%{http_code} %{num_connects}\n", *options,
                 "--output", os.devnull, "--upload-file", file.name, url + "a",
                 "--output", os.devnull, "--upload-file", file.name, url + "b"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=60)
        return done.stdout.split("\n")[:2], "< HTTP/1.1 100 Continue" in done.stderr

    def test_goes_on_when_a_small_body_was_refused(self):
        self.connection.connect()
        self.connection.auto_open = 0
        self.assertEqual([self.put()[0] for _ in range(3)], [401, 401, 401])
        self.assertEqual(self.put(**basic("ada", "secret"))[0], 201)
        self.assertEqual([request.length for request in self.server.requests], [10] * 4)

    def test_refuses_a_large_body_before_it_is_sent(self):
        self.assertEqual(self.sent(), (["401 1", "401 1"], False))
        self.assertEqual([request.length for request in self.server.requests], [0, 0])

    def test_lets_a_client_that_does_not_wait_read_why_its_large_body_is_refused(self):
        self.assertRefused(self.put(body=bytes(64 << 20)), 401, "Authentication is required")
        self.assertEqual(self.server.requests[0].length, 0)

    def test_takes_large_bodies_on_one_connection(self):
        self.assertEqual(self.sent("--user", "ada:secret"), (["201 1", "201 0"], True))


class Faulty(Artifactory):
    """Ill in one way, which the client names."""

    def before(self, request):
        if "x-hang-up" in request.headers:
            raise HangUp
        return Answer(503, {"Retry-After": "1"}, b"later") if "x-busy" in request.headers else None

    def after(self, request, answer):
        return answer._replace(cut=4) if "x-cut" in request.headers else answer


class Faults(Case):
    faulty = Faulty

    def test_come_from_hooks(self):
        self.put()
        self.assertEqual(self.get(X_Busy="1")[::2], (503, b"later"))
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.get(X_Cut="1")
        self.assertEqual(caught.exception.partial, DATA[:4])
        self.connection.close()
        with self.assertRaises(http.client.RemoteDisconnected):
            self.get(X_Hang_Up="1")
        self.assertEqual([(method, path, length) for method, path, _, length in self.server.requests], [
            ("PUT", REPOSITORY + "/a.txt", 10), *[("GET", REPOSITORY + "/a.txt", 0)] * 3])
