"""What becomes of a push or a pull when the network, the server, the disk or the machine fails on the way.

Always the real program as a process of its own, and real connections: to the stand-in for Artifactory, which
makes faults on demand; through a Wire, which cuts and holds what passes; to moto and nginx (tests/services.sh).
"""
import concurrent.futures
import contextlib
import email.utils
import fcntl
import filecmp
import hashlib
import io
import itertools
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time
import unittest
import urllib.error
import urllib.request
from typing import NamedTuple
from urllib.parse import urlsplit

from artifactory import Answer, Artifactory, HangUp, Refusal, User
from engine import SKELEBOT, Running, call, deadline, output, write
from program import SOURCE

MOTO = os.environ.get("SKELEBOT_TEST_MOTO", "")
BOTO = os.environ.get("SKELEBOT_TEST_BOTO", "")             # a Python that has boto3
NGINX = os.environ.get("SKELEBOT_TEST_NGINX", "")
NGINX_TLS = os.environ.get("SKELEBOT_TEST_NGINX_TLS", "")
CA = os.environ.get("SKELEBOT_TEST_CA", "")

NAME = "model_v1.0.0.bin"
OLD = b"the model of yesterday"
DATA = random.Random(3).getrandbits(8 * 1500000).to_bytes(1500000, "big")
OTHER = DATA[::-1]
LARGE = 30000000                # more than lies in any buffer on the way
IN_PARTS = 80 << 20             # goes to S3 in five parts
ADA = User("ada", "secret", tokens=("t0ken",))
BARE = {"http_proxy": "", "https_proxy": "", "no_proxy": "", "HTTP_PROXY": "", "HTTPS_PROXY": "", "NO_PROXY": "",
        "SSL_CERT_FILE": "", "REQUESTS_CA_BUNDLE": "", "ARTIFACTORY_USER": "", "ARTIFACTORY_TOKEN": "",
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
        "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}


# ---- Projects ---------------------------------------------------------------

def brief(data):
    """Bytes in a form that fits into a failure's message."""
    return data if len(data) < 100 else f"{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:12]}"


def listing(folder):
    """path -> brief content of all that is below a folder: hidden files too, and folders (`NAME/`) that are empty."""
    found = {}
    for top, folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = brief(file.read())
        if not folders and not names:
            found[os.path.relpath(top, folder) + "/"] = b""
    return found


class Project:
    """A folder with a skelebot.yaml that names one artifact, and what skelebot leaves there."""

    def __init__(self, case, folder, repository, file="models/model.bin", **files):
        self.case, self.folder, self.environ = case, folder, dict(BARE, HOME=os.path.join(case.top, "home"))
        config = {"name": "churn", "components": {"repository": {
            **repository, "artifacts": [{"name": "model", "file": file}]}}}
        self.own = {"skelebot.yaml": json.dumps(config), "VERSION": "1.0.0"}
        write(folder, self.own)
        write(folder, files)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def argv(self, *words):
        return [sys.executable, SKELEBOT, *words]

    def does(self, *words, status=0, **environ):
        """A call of skelebot that has to end with this status; returns what it says."""
        done = call(self.argv(*words), self.folder, **{**self.environ, **environ})
        self.case.assertEqual((done.status, done.stdout), (status, b""), f"skelebot {words}:\n{done.stderr}")
        return done.stderr

    def refuses(self, *words, **environ):
        """The two lines with which a call of skelebot fails."""
        said = self.does(*words, status=1, **environ)
        self.case.assertRegex(said, r"(\n|^)skelebot: [^\n]+\n  hint: [^\n]+\n$")
        return said.split("\n")[-3:-1]

    def start(self, *words, terminal=False, **environ):
        running = Running(self.argv(*words), self.folder, terminal, **{**self.environ, **environ})
        self.case.addCleanup(running.stop)
        return running

    @property
    def left(self):
        """All files but the project's own."""
        return {name: data for name, data in listing(self.folder).items() if name not in self.own}

    def part(self):
        """The file that a pull gathers for models/model.bin, as soon as there is something in it."""
        return appears(self.path("models"), r"\.model.*\.part", lambda path: os.path.getsize(path))


def appears(folder, pattern, fits=bool):
    """The path of a file or folder, as soon as there is one."""
    end = time.monotonic() + 60
    while time.monotonic() < end:       # without a pause: it may be gone soon
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):
                if re.fullmatch(pattern, name) and fits(path):
                    return path
    raise AssertionError(f"{folder} has no {pattern}, but {os.listdir(folder)}")


# ---- Servers with faults ----------------------------------------------------

def kind(request):
    """What a request is for: API (about a file), BESIDE (its checksum), CHECKSUM (deploy by it), or its method."""
    if request.path.startswith("/artifactory/api/"):
        return "API"
    if request.path.endswith(".sha256"):
        return "BESIDE"
    return "CHECKSUM" if "x-checksum-deploy" in request.headers else request.method


class Server(Artifactory):
    """The stand-in, with a fault for the first, second, ... request of a kind.

    A fault is a function of the request; it returns an Answer that is given instead, a function that makes
    another one of the true answer, or None; or it raises HangUp.
    """

    def __init__(self, folder, faults, **options):
        super().__init__(folder, **options)
        self.faults = {name: iter(some) for name, some in faults.items()}

    def before(self, request):
        fault = next(self.faults.get(kind(request), iter(())), None)
        given = fault(request) if fault else None
        request.then = given if callable(given) else lambda answer: answer
        return None if callable(given) else given

    def after(self, request, answer):
        return request.then(answer) if hasattr(request, "then") else answer

    def asked(self, *kinds):
        return [request for request in self.requests if kind(request) in kinds]

    def keeps(self, name, data):
        """Store a file that no request was for."""
        write(self.store.root, {f"generic-local/churn/{name}": data})

    @property
    def kept(self):
        """All that lies in the server's folder."""
        return listing(self.store.root)


def cut(count):
    """The answer's body ends after so many bytes."""
    return lambda request: lambda answer: answer._replace(cut=count)


def says(status, message="no", **headers):
    """Another answer, before a byte of the body is read."""
    return lambda request: Refusal(status, message, **headers).answer


def named(**headers):
    """The true answer with other headers."""
    changes = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda request: lambda answer: answer._replace(headers={**answer.headers, **changes})


def without(*headers):
    """As if the client had not sent these headers."""
    def fault(request):
        for name in headers:
            request.headers.pop(name, None)
    return fault


def plain(request):
    """A server that knows no checksums."""
    return lambda answer: answer._replace(
        headers={name: text for name, text in answer.headers.items() if not name.startswith("X-Checksum")})


def hangs_up(request):
    raise HangUp


def hangs_up_after(count):
    """The connection ends when so many bytes of the body have come."""
    def fault(request):
        for _ in request.body.blocks():
            if request.length >= count:
                raise HangUp
    return fault


def loses_answer(request):
    """All is done, but nothing is answered."""
    def answered(answer):
        raise HangUp
    return answered


def sends_to(url, status=302):
    """A redirect to the same path below another address."""
    return lambda request: Answer(status, {"Location": url + request.path})


class Fault(NamedTuple):
    """What happens to one connection.

    up, down  bytes that pass to the server, and from it, until the connection is cut, or held
    hold      it is held, until somebody lets it go on
    says      what is answered without the server; a connection has one request
    """
    up: int = None
    down: int = None
    hold: bool = False
    says: bytes = b""


class Passing(socketserver.BaseRequestHandler):
    def handle(self):
        wire = self.server
        fault = next(wire.faults, None) or Fault()
        with contextlib.suppress(OSError):
            wire.greet(self.request)
            if fault.says:
                return self.say(fault.says)
            with socket.create_connection(wire.target) as other:
                upward = threading.Thread(target=self.pump, args=(self.request, other, fault.up, fault.hold))
                upward.daemon = True
                upward.start()
                self.pump(other, self.request, fault.down, fault.hold)
                upward.join(60)

    def say(self, words):
        head(self.request)
        self.request.sendall(words)
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(10)
        while self.request.recv(1 << 16):
            pass

    def pump(self, source, target, limit, hold):
        """Pass on what comes until its end, or so many bytes."""
        with contextlib.suppress(OSError):
            for data in iter(lambda: source.recv(1 << 16), b""):
                if source is self.request:
                    self.server.heard(source, data)
                if limit is not None and len(data) >= limit:
                    target.sendall(data[:limit])
                    if not hold:
                        break
                    self.server.hold()
                    data, limit = data[limit:], None
                target.sendall(data)
                limit = None if limit is None else limit - len(data)
            else:
                return target.shutdown(socket.SHUT_WR)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def head(connection):
    """The request line and headers; what may follow is not read."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        some = connection.recv(1)
        if not some:
            raise OSError
        data += some
    return data.decode("latin-1")


class Wire(socketserver.ThreadingTCPServer):
    """What lies between skelebot and a server: it passes on what comes, but for a fault in each connection."""
    address = "127.0.0.1"
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, url, faults=()):
        super().__init__((self.address, 0), Passing)
        parts = urlsplit(url)
        self.target, self.faults = (parts.hostname, parts.port), iter(faults)
        self.held, self.count, self.heads, self.tunnels, self.begun = queue.Queue(), 0, [], [], set()
        self.url = f"{parts.scheme}://{parts.hostname}:{self.server_address[1]}{parts.path}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        while not self.held.empty():
            self.held.get().set()

    def process_request(self, *connection):
        self.count += 1
        super().process_request(*connection)

    def greet(self, connection):
        """Called before a connection to the server is made."""

    def heard(self, connection, data):
        """Keep what a connection begins with."""
        if connection not in self.begun:
            self.begun.add(connection)
            self.heads.append(data.partition(b"\r\n\r\n")[0].decode("latin-1") + "\r\n")

    def hold(self):
        event = threading.Event()
        self.held.put(event)
        event.wait(60)

    def holds(self):
        """Wait until a connection is held; returns the event that lets it go on."""
        return self.held.get(timeout=60)


class Elsewhere(Wire):
    """One at an address that no certificate is for."""
    address = "127.0.0.2"


class Tunnel(Wire):
    """A proxy for https: whatever host it is asked for, it leads to the one server."""

    def greet(self, connection):
        self.tunnels.append(head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def http(status, body, *headers):
    """An answer as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def free_port():
    """A port that refuses connections: ours, so that nobody listens at it meanwhile."""
    REFUSING.append(socket.socket())
    REFUSING[-1].bind(("127.0.0.1", 0))
    return REFUSING[-1].getsockname()[1]


REFUSING = []


class Case(unittest.TestCase):
    maxDiff = 3000

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="skelebot-transfers-")
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)
        self.numbers = itertools.count(1)

    def new_folder(self, name):
        path = os.path.join(self.top, f"{name}{next(self.numbers)}")
        os.mkdir(path)
        return path

    def server(self, options=None, **faults):
        """A stand-in whose faults come in turn, by kind of request."""
        server = Server(self.new_folder("server"), faults, **(options or {}))
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def wire(self, url, *faults, made=Wire):
        wire = made(url, *faults)
        wire.__enter__()
        self.addCleanup(wire.__exit__)
        return wire

    def project(self, url, repo="generic-local", path="churn", **options):
        """A project whose artifacts are at this address, and its model of yesterday."""
        return self.project_at({"artifactory": {"url": url, "repo": repo, "path": path}}, **options)

    def nginx_path(self):
        """A path of the test's own at nginx."""
        if not NGINX:
            self.skipTest("SKELEBOT_TEST_NGINX is not set; tests/services.sh starts it")
        path = f"transfers-{os.urandom(4).hex()}"
        self.addCleanup(send, f"{NGINX}/small/{path}/", None, "DELETE")
        return path

    def project_at(self, repository, folder=None, data=OLD, file="models/model.bin"):
        files = {file: data} if data is not None else {}
        return Project(self, folder or self.new_folder("project"), repository, file, **files)

    def folder_project(self, **options):
        """(project, folder of its store)"""
        store = self.new_folder("store")
        return self.project_at({"folder": {"path": store}}, **options), store


LIST = """
import sys, boto3
url, bucket, prefix = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
for upload in s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ()):
    print("upload", upload["Key"])
for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
    print("object", item["Key"], item["Size"])
"""


@contextlib.contextmanager
def bucket(case):
    """(address of a place of the test's own at moto, what makes the `repository:` of an endpoint)"""
    if not MOTO:
        raise unittest.SkipTest("SKELEBOT_TEST_MOTO is not set; tests/services.sh starts it")
    prefix = f"transfers-{os.urandom(4).hex()}"
    try:
        yield f"{MOTO}/skelebot-test/{prefix}", lambda url: {
            "s3": {"bucket": f"skelebot-test/{prefix}", "endpoint": url}}
    finally:
        with contextlib.suppress(urllib.error.URLError):
            send(f"{MOTO}/skelebot-test/{prefix}/{NAME}", None, "DELETE")


def kept_at(url):
    """All below an address at moto, and the uploads that are not finished; boto3 asks for them."""
    name, _, prefix = urlsplit(url).path.lstrip("/").partition("/")
    return output([BOTO, "-I", "-c", LIST, MOTO, name, prefix + "/"]).replace(prefix + "/", "").splitlines()


# ---- Pulling ----------------------------------------------------------------

WHOLE = {NAME: brief(DATA), "models/model.bin": OLD}        # what is there after a pull
BEFORE = {"models/model.bin": OLD}
REPLACED = {"models/model.bin": brief(DATA)}                # after one with --override
PULL = ("pull", "model", "1.0.0")
CHANGED = [f"skelebot: {NAME}: changed while it was being fetched", "  hint: pull it again"]
DAMAGED = [f"skelebot: {NAME}: is damaged: its length or SHA-256 is not that of what is stored",
           "  hint: pull it again; if that does not help, push it again with -f"]


class Cut(Case):
    """Pulls whose connection ends early."""

    def pulled(self, *cuts, words=PULL, left=WHOLE, **faults):
        """(If-Range, Range) of each request for the file."""
        server = self.server(GET=map(cut, cuts), **faults)
        server.keeps(NAME, DATA)
        project = self.project(server.url)
        project.does(*words)
        self.assertEqual(project.left, left)
        return [(each.headers.get("if-range"), each.headers.get("range")) for each in server.asked("GET")]

    def test_goes_on_where_it_was_cut(self):
        tag = hashlib.sha1(DATA).hexdigest()
        self.assertEqual(self.pulled(1, 700000, 799998), [
            (None, None), (tag, "bytes=1-"), (tag, "bytes=700001-"), (tag, "bytes=1499999-")])

    def test_asks_no_more_when_it_was_cut_after_the_last_byte(self):
        self.assertEqual(self.pulled(len(DATA)), [(None, None)])

    def test_asks_again_when_it_was_cut_before_the_first_byte(self):
        self.assertEqual(self.pulled(0), [(None, None), (None, None)])

    def test_does_not_tire_while_it_comes_further(self):
        self.assertEqual(len(self.pulled(*[100000] * 14, words=(*PULL, "-o"), left=REPLACED)), 15)

    def test_gives_up_where_no_try_comes_further_than_another(self):
        head = http("200 OK", "").replace(b"Length: 0", b"Length: 1500000")
        wire = self.wire("http://127.0.0.1:1/artifactory", [
            Fault(says=head), Fault(says=http("404 Not Found", "")), *[Fault(says=head + DATA[:700000])] * 9])
        project = self.project(wire.url)
        self.assertEqual(project.refuses(*PULL)[0].rpartition(": ")[2], "the connection was cut")
        self.assertEqual((project.left["models/model.bin"], wire.count), (OLD, 8))

    def test_begins_anew_where_the_server_knows_no_ranges(self):
        server = self.server(GET=[cut(700000), without("range")])
        server.keeps(NAME, DATA)
        project = self.project(server.url)
        project.does(*PULL)
        self.assertEqual((project.left, len(server.asked("GET"))), (WHOLE, 2))

    def test_begins_anew_when_another_stretch_comes_than_was_asked_for(self):
        def other_stretch(request):
            request.headers["range"] = "bytes=5-"
        server = self.server(GET=[cut(700000), other_stretch])
        server.keeps(NAME, DATA)
        project = self.project(server.url)
        project.does(*PULL)
        self.assertEqual((project.left, len(server.asked("GET"))), (WHOLE, 3))

    def test_notices_when_no_length_was_named(self):
        page = "HTTP/1.0 200 OK\r\nETag: x\r\n\r\n".encode()
        known = http("200 OK", "", f"X-Checksum-Sha256: {hashlib.sha256(DATA).hexdigest()}")
        known = known.replace(b"Length: 0", b"Length: 1500000")
        wire = self.wire("http://127.0.0.1:1/artifactory", [
            Fault(says=known), Fault(says=page + DATA[:700000]), Fault(says=page + DATA)])
        project = self.project(wire.url)
        project.does(*PULL)
        self.assertEqual((project.left, wire.count), (WHOLE, 3))

    def test_goes_on_at_s3_as_well(self):
        with bucket(self) as (url, repository):
            send(f"{url}/{NAME}", DATA, **{"x-amz-meta-sha256": hashlib.sha256(DATA).hexdigest()})
            wire = self.wire(MOTO, [Fault(), Fault(down=1000), Fault(down=700000), Fault(down=0)])
            project = self.project_at(repository(wire.url))
            project.does(*PULL)
        self.assertEqual((project.left, wire.count), (WHOLE, 5))


class Changed(Case):
    """Pulls of a file that becomes another one meanwhile."""

    def replaced(self, **faults):
        """(server, project): OTHER takes the place of DATA, as long as it is, when half of it was pulled."""
        def cut_and_replaced(request):
            def half(answer):
                send(f"{server.url}/generic-local/churn/{NAME}", OTHER)
                return answer._replace(file=None, body=DATA, cut=700000)
            return half
        server = self.server(GET=[cut_and_replaced], **faults)
        server.keeps(NAME, DATA)
        return server, self.project(server.url)

    def test_is_a_fault_that_leaves_the_old_file(self):
        server, project = self.replaced()
        self.assertEqual(project.refuses(*PULL, "-o"), DAMAGED)
        self.assertEqual(project.left, BEFORE)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(OTHER)})

    def test_is_no_mixture_even_where_no_checksum_is_known(self):
        server, project = self.replaced(HEAD=[plain], BESIDE=[says(404)])
        self.assertEqual(project.refuses(*PULL, "-o"), CHANGED)
        self.assertEqual(project.left, BEFORE)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(OTHER)})

    def test_is_no_mixture_of_what_two_servers_at_one_address_have(self):
        """The first names DATA, the second sends half of OTHER, the first is asked for the rest."""
        def other_half(request):
            return Answer(200, {"ETag": hashlib.sha1(OTHER).hexdigest()}, OTHER, cut=700000)
        server = self.server(HEAD=[plain], BESIDE=[says(404)], GET=[other_half])
        server.keeps(NAME, DATA)
        project = self.project(server.url)
        self.assertEqual(project.refuses(*PULL, "-o"), CHANGED)
        self.assertEqual(project.left, BEFORE)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, REPLACED)


def send(url, data, method="PUT", **headers):
    """Store a file past skelebot."""
    headers = {"Content-Type": "application/octet-stream", **headers}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=60) as answer:
        return answer.read()


class Damaged(Case):
    """Pulls of what is not what was pushed."""

    def test_is_refused_and_the_old_file_stays(self):
        for fault, faults, content in (
                ("other bytes", {}, OTHER), ("fewer bytes", {}, DATA[:-1]), ("more bytes", {}, DATA + b"x"),
                ("HEAD says more", {"HEAD": itertools.repeat(named(Content_Length="1500001"))}, DATA),
                ("HEAD says fewer", {"HEAD": itertools.repeat(named(Content_Length="1499999"))}, DATA),
                ("no bytes", {}, b"")):
            with self.subTest(fault):
                server = self.server(**faults)
                server.keeps(NAME, DATA)
                send(f"{server.url}/generic-local/churn/{NAME}", DATA)
                server.keeps(NAME, content)         # the server goes on to name DATA's checksum
                project = self.project(server.url)
                for words in (PULL, (*PULL, "-o")):
                    self.assertEqual(project.refuses(*words), DAMAGED)
                    self.assertEqual(project.left, BEFORE)

    def test_is_refused_from_a_folder_as_well(self):
        project, store = self.folder_project()
        write(project.folder, {"models/model.bin": OLD + b"!"})
        project.does("push", "model")
        write(project.folder, {"models/model.bin": OLD})
        write(store, {NAME: OTHER})
        for words in (PULL, (*PULL, "-o")):
            self.assertEqual(project.refuses(*words), DAMAGED)
            self.assertEqual(project.left, BEFORE)


def packed(*members, mode="w:gz"):
    """An archive of (name, content or the fields of a TarInfo)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            fields = {"size": len(content)} if isinstance(content, bytes) else content
            for field, value in fields.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content if isinstance(content, bytes) else b""))
    return data.getvalue()


class Archives(Case):
    """Pulls of a folder whose archive is not one that was pushed."""
    name = "model_v1.0.0.tar.gz"
    faults = [
        ("no archive", b"this is no archive"), ("nothing", b""),
        ("not compressed", packed(("a", b"1"), mode="w:")),
        ("cut off", packed(("a", DATA), ("b", DATA))[:-1000000]),
        ("cut off after the last file", packed(("a", b"1"))[:-8]),
        ("a name with a zero", packed(("a", {"pax_headers": {"path": "a\0b"}}))),
        ("upwards", packed(("a", b"1"), ("../x", b"2"))),
        ("upwards from inside", packed(("a/../../x", b"2"))),
        ("absolute", packed(("/tmp/skelebot-was-here", b"2"))),
        ("a link", packed(("a", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}))),
        ("through a link", packed(("a", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("a/x", b"2"))),
        ("a hard link", packed(("a", b"1"), ("b", {"type": tarfile.LNKTYPE, "linkname": "../skelebot.yaml"}))),
        ("a device", packed(("a", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}))),
        ("a pipe", packed(("a", {"type": tarfile.FIFOTYPE}))),
        ("the folder as a file", packed((".", b"1"))),
        ("below a file", packed(("a", b"1"), ("a/b", b"2"))),
    ]

    def test_are_refused_and_nothing_is_written(self):
        for (fault, data), words in zip(self.faults, itertools.cycle([PULL, (*PULL, "-o")])):
            with self.subTest(fault):
                project, store = self.folder_project(file="models/bert/", data=None)
                write(project.folder, {"models/bert/a": "old"})
                write(store, {self.name: data})
                before = listing(self.top)
                project.refuses(*words)
                self.assertEqual(listing(self.top), before)
                self.assertFalse(os.path.exists("/tmp/skelebot-was-here"))

    def test_give_no_rights_but_to_run(self):
        project, store = self.folder_project(file="models/bert/", data=None)
        write(store, {self.name: packed(("run", {"mode": 0o6755}), ("read", {"mode": 0o6666}), ("none", {"mode": 0}))})
        project.does(*PULL)
        modes = {name: oct(os.stat(project.path("model_v1.0.0", name)).st_mode & 0o7777)
                 for name in os.listdir(project.path("model_v1.0.0"))}
        self.assertEqual(modes, {"run": "0o755", "read": "0o644", "none": "0o644"})


# ---- Trying again -----------------------------------------------------------

class TryingAgain(Case):
    """Answers that may be others a little later, and those that will not."""

    def pulled(self, *faults, kind="GET"):
        """(what is said, how many requests came) of a pull that is right in the end."""
        server = self.server(**{kind: faults})
        server.keeps(NAME, DATA)
        project = self.project(server.url)
        said = project.does(*PULL)
        self.assertEqual(project.left, WHOLE)
        return re.findall("127.0.0.1: (.*)", said), len(server.asked(kind))

    def test_goes_on_after_a_fault_of_the_server(self):
        for kind in ("GET", "HEAD"):
            with self.subTest(kind):
                self.assertEqual(self.pulled(says(500), says(500), kind=kind), (
                    ["500 Internal Server Error; trying again in 0.5 s",
                     "500 Internal Server Error; trying again in 1 s"], 3))

    def test_waits_as_long_as_the_server_asks_for(self):
        past = email.utils.formatdate(time.time() - 100, usegmt=True)
        self.assertEqual(self.pulled(says(429, Retry_After="1"), says(503, Retry_After=past), says(429)), (
            ["429 Too Many Requests; trying again in 1 s", "503 Service Unavailable; trying again in 0 s",
             "429 Too Many Requests; trying again in 2 s"], 4))

    def test_waits_until_the_time_that_the_server_names(self):
        soon = email.utils.formatdate(time.time() + 2, usegmt=True)
        said, count = self.pulled(says(503, Retry_After=soon))
        self.assertRegex(said[0], r"^503 Service Unavailable; trying again in [01](\.\d+)? s$")
        self.assertEqual(count, 2)

    def test_takes_no_other_fault_for_one_that_passes(self):
        for status in (400, 401, 403, 404, 409, 412, 413, 501, 507):
            with self.subTest(status):
                server = self.server(GET=itertools.repeat(says(status, "so it is")))
                server.keeps(NAME, DATA)
                project = self.project(server.url)
                message, _ = project.refuses(*PULL)
                url = f"{server.url}/generic-local/churn/{NAME}"
                self.assertRegex(message, f"^skelebot: GET {url}: {status} .*: so it is$")
                self.assertEqual((project.left, len(server.asked("GET"))), (BEFORE, 1))

    def test_sends_a_request_without_a_file_again(self):
        server = self.server(API=[hangs_up], CHECKSUM=[says(503)])
        project = self.project(server.url, data=DATA)
        project.does("push", "model")
        self.assertEqual([kind(each) for each in server.requests],
                         ["HEAD", "API", "API", "CHECKSUM", "CHECKSUM", "PUT"])


class GivingUp(Case):
    """What fails again and again is an error in the end: one that names the address, and the fault."""

    def cases(self):
        """(title, message, server or its address, whether it leaves what it has got)"""
        always = itertools.repeat
        server = self.server(GET=always(says(500, "sorry")))
        yield "500", "GET {url}: 500 Internal Server Error: sorry", server, False
        server = self.server(GET=always(hangs_up))
        yield "hangs up", "{url}: remote end closed connection without response", server, False
        yield "cut after one byte", "{url}: the connection was cut", self.server(GET=always(cut(1))), True
        yield "HEAD", "HEAD {url}: 503 Service Unavailable", self.server(HEAD=always(says(503))), False
        yield "refused", "{url}: connection refused", f"http://127.0.0.1:{free_port()}/artifactory", False

    def test_leaves_the_old_file(self):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for title, failure in pool.map(lambda case: (case[0], self.gives_up(*case)), list(self.cases())):
                with self.subTest(title):
                    self.assertIsNone(failure)

    def gives_up(self, title, message, server, partly):
        """None, or the failure."""
        url = getattr(server, "url", server)
        if hasattr(server, "keeps"):
            server.keeps(NAME, DATA)
        project = self.project(url)
        try:
            said, _ = project.refuses(*PULL, "-o")
            self.assertEqual(said, "skelebot: " + message.format(url=f"{url}/generic-local/churn/{NAME}"))
            left = project.left
            if partly:
                self.assertEqual(left.pop(next(name for name in left if name.endswith(".part"))), DATA[:5])
            self.assertEqual(left, BEFORE)
        except (AssertionError, StopIteration) as failure:
            return failure


# ---- Pushing ----------------------------------------------------------------

PUSH = ("push", "model")
STORED = {f"generic-local/churn/{NAME}": brief(DATA), ".uploads/": b""}
NOTHING = {"generic-local/": b"", ".uploads/": b""}


class Pushing(Case):
    def pushed(self, data=DATA, options=None, **faults):
        server = self.server(options, **faults)
        return server, self.project(server.url, data=data)

    def test_sends_a_file_again_when_the_connection_was_cut(self):
        server, project = self.pushed(PUT=[hangs_up_after(1000000), hangs_up_after(len(DATA))])
        project.does(*PUSH)
        self.assertEqual((server.kept, len(server.asked("PUT"))), (STORED, 3))

    def test_sends_a_file_again_when_the_answer_was_lost(self):
        server, project = self.pushed(PUT=[loses_answer])
        project.does(*PUSH)
        self.assertEqual((server.kept, len(server.asked("PUT"))), (STORED, 2))

    def test_finds_what_came_there_by_the_try_whose_answer_was_lost(self):
        """Whoever may not replace a file is refused by the second try."""
        ada = ADA._replace(can_delete=False)
        server, project = self.pushed(options={"users": [ada]}, PUT=[loses_answer])
        project.does(*PUSH, ARTIFACTORY_TOKEN="t0ken")
        self.assertEqual(server.kept, STORED)

    def test_shows_why_a_file_is_refused_before_it_was_sent(self):
        for status, reason, hint in (
                (401, "Unauthorized", "set ARTIFACTORY_USER and ARTIFACTORY_TOKEN, write ~/.netrc, or give -u and -t"),
                (413, "Request Entity Too Large", "the file exceeds the server's limit; ask its administrator"),
                (507, "Insufficient Storage", "the server's disk is full: ask its administrator")):
            with self.subTest(status):
                server, project = self.pushed(DATA * 20, PUT=[says(status, "the quota of 1 MB is used up")])
                self.assertEqual(project.refuses(*PUSH), [
                    f"skelebot: PUT {server.url}/generic-local/churn/{NAME}: {status} {reason}: "
                    "the quota of 1 MB is used up", f"  hint: {hint}"])
                self.assertEqual((server.kept, len(server.asked("PUT"))), (NOTHING, 1))

    def test_that_fails_leaves_what_was_there_at_nginx(self):
        path = self.nginx_path()
        project = self.project(NGINX, "small", path)
        project.does(*PUSH)
        write(project.folder, {"models/model.bin": DATA * 20})
        message, _ = project.refuses(*PUSH, "-f")
        self.assertEqual(message, f"skelebot: PUT {NGINX}/small/{path}/{NAME}: "
                                  "413 Request Entity Too Large: 413 Request Entity Too Large")
        project.does(*PULL, "-o")
        self.assertEqual(project.left, BEFORE)

    def test_is_refused_when_the_server_got_something_else(self):
        def other_checksum(request):
            request.headers["x-checksum-sha256"] = "0" * 64
        server, project = self.pushed(PUT=[other_checksum])
        message, hint = project.refuses(*PUSH)
        self.assertRegex(message, rf": 409 Conflict: Checksum policy .* rejected the artifact '.*{NAME}'\.")
        self.assertEqual((server.kept, hint), (NOTHING, "  hint: the server received something else than what was sent, "
                                                        "or has something there already: push again, or with -f"))

    def test_is_refused_when_the_server_stored_something_else(self):
        def other_sum(request):
            return lambda answer: answer._replace(body=json.dumps({"checksums": {"sha256": "0" * 64}}).encode())
        server, project = self.pushed(PUT=[other_sum])
        self.assertEqual(project.refuses(*PUSH), [
            f"skelebot: {NAME}: did not arrive at {server.url}/generic-local/churn/{NAME} as it was sent",
            "  hint: push it again, with -f"])


class Meanwhile(Case):
    """Pushes of a file that somebody writes to while it is sent."""

    def sending(self, change):
        """(status, words, server) of a push during whose PUT `change` is done to the file."""
        def changed(request):
            with open(path, "r+b") as file:
                change(file)
        server = self.server(PUT=[changed])
        project = self.project(server.url, data=b"")
        path = project.path("models", "model.bin")
        with open(path, "r+b") as file:
            file.truncate(LARGE)
        done = call(project.argv(*PUSH), project.folder, **project.environ)
        return done.status, done.stderr, server

    def test_sends_no_more_than_there_was_of_one_that_grows(self):
        status, _, server = self.sending(lambda file: file.seek(0, os.SEEK_END) + file.write(DATA))
        self.assertEqual((status, server.kept), (0, {**STORED, f"generic-local/churn/{NAME}": brief(bytes(LARGE))}))

    def test_stores_nothing_of_one_that_shrinks(self):
        status, words, server = self.sending(lambda file: file.truncate(0))
        self.assertEqual((status, words.split("\n")[-3:-1]), (1, [
            "skelebot: models/model.bin: became shorter during the push", "  hint: push it again when it is finished"]))
        next(True for _ in deadline() if server.kept == NOTHING)    # the server has yet to notice
        self.assertEqual(len(server.asked("PUT")), 1)

    def test_stores_nothing_of_one_that_becomes_another(self):
        status, words, server = self.sending(lambda file: file.seek(LARGE - 1) and file.write(b"x"))
        self.assertIn(": 409 Conflict: Checksum policy ", words)
        self.assertEqual((status, server.kept), (1, NOTHING))


# ---- Redirects --------------------------------------------------------------

class Redirects(Case):
    """Where the login goes along, and where it does not."""

    def redirected(self, url, *words, status=302, first=None, **faults):
        """The Authorization headers, by kind, of what comes at the second server."""
        second = self.server({"users": [ADA], "anonymous": User("anonymous")}, **faults)
        second.keeps(NAME, DATA)
        where = sends_to(url.format(second.server_address[1]) if url else second.url.rpartition("/")[0], status)
        server = self.server(HEAD=[where], GET=[where] * 3, PUT=[where])
        project = self.project(server.url)
        project.does(*words, ARTIFACTORY_TOKEN="t0ken")
        self.assertEqual({each.headers["authorization"] for each in server.requests}, {"Bearer t0ken"})
        self.assertEqual(project.left, WHOLE)
        return [(kind(each), each.headers.get("authorization"), each.headers.get("range")) for each in second.requests]

    def test_go_to_another_host_without_the_login(self):
        for url, status in (("http://localhost:{}", 302), ("http://localhost:{}", 307), ("http://127.0.0.1:{}", 301)):
            with self.subTest(url, status=status):
                self.assertEqual(self.redirected(url, *PULL, status=status), [
                    ("HEAD", None, None), ("GET", None, None)])

    def test_are_followed_again_by_what_goes_on(self):
        self.assertEqual(self.redirected("http://localhost:{}", *PULL, GET=[cut(700000)]), [
            ("HEAD", None, None), ("GET", None, None), ("GET", None, "bytes=700000-")])

    def moved(self, words, status, **faults):
        """A server that sends everything of a kind on to the folder `moved`, with its requests' paths."""
        def there(request):
            if "/moved/" not in request.path:
                return Answer(status, {"Location": request.path.replace("/churn/", "/moved/")})
        server = self.server({"users": [ADA]}, HEAD=itertools.repeat(there), GET=itertools.repeat(there),
                             PUT=itertools.repeat(there), CHECKSUM=itertools.repeat(there))
        write(server.store.root, {f"generic-local/moved/{NAME}": DATA} if words == PULL else {})
        project = self.project(server.url, data=DATA)
        project.does(*words, ARTIFACTORY_TOKEN="t0ken")
        self.assertEqual({each.headers.get("authorization") for each in server.requests}, {"Bearer t0ken"})
        return project, server

    def test_on_the_same_host_keep_the_login(self):
        project, _ = self.moved(PULL, 302)
        self.assertEqual(project.left, {NAME: brief(DATA), "models/model.bin": brief(DATA)})

    def test_on_the_same_host_take_a_file_along(self):
        for status in (307, 308):
            with self.subTest(status):
                _, server = self.moved(PUSH, status)
                self.assertEqual(server.kept, {f"generic-local/moved/{NAME}": brief(DATA), ".uploads/": b""})

    def test_that_go_in_a_circle_are_a_fault(self):
        def circle(request):
            return Answer(302, {"Location": request.path})
        server = self.server(HEAD=itertools.repeat(circle))
        project = self.project(server.url)
        self.assertEqual(project.refuses(*PULL), [
            f"skelebot: {server.url}/generic-local/churn/{NAME}: too many redirects", "  hint: look at the address"])
        self.assertEqual(len(server.requests), 6)

    def test_take_no_file_to_another_host(self):
        for status in (302, 303, 307):
            with self.subTest(status):
                second = self.server()
                other = f"http://localhost:{second.server_address[1]}"
                server = self.server(PUT=[sends_to(other, status)], CHECKSUM=[sends_to(other, status)])
                message, hint = self.project(server.url, data=DATA).refuses(*PUSH, ARTIFACTORY_TOKEN="t0ken")
                self.assertRegex(message, f"^skelebot: PUT {server.url}/generic-local/churn/{NAME}: {status} ")
                there = f"{other}/artifactory/generic-local/churn/{NAME}"
                self.assertEqual(hint, f"  hint: the server redirects to {there}: name that in skelebot.yaml")
                self.assertEqual(second.requests, [])

    def test_to_something_else_than_the_web_are_refused(self):
        server = self.server(HEAD=itertools.repeat(lambda request: Answer(302, {"Location": "file:///etc/passwd"})),
                             GET=itertools.repeat(lambda request: Answer(302, {"Location": "file:///etc/passwd"})))
        project = self.project(server.url)
        message, _ = project.refuses(*PULL)
        self.assertRegex(message, f"{NAME}: 302 ")
        self.assertEqual(project.left, BEFORE)


# ---- A full disk ------------------------------------------------------------

class FullDisk(Case):
    """A disk of 2 MB."""

    def disk(self):
        path = self.new_folder("disk")
        try:
            output(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path])
        except (AssertionError, OSError) as error:
            self.skipTest(f"no small disk can be mounted: {error}")
        self.addCleanup(output, ["umount", "--lazy", path])
        return path

    def project_on_disk(self, repository, **options):
        return self.project_at(repository, os.path.join(self.disk(), "project"), **options)

    def test_is_noticed_before_a_pull(self):
        server = self.server()
        server.keeps(NAME, DATA * 2)
        project = self.project_on_disk({"artifactory": {"url": server.url, "repo": "generic-local", "path": "churn"}})
        for words, target in ((PULL, NAME), ((*PULL, "-o"), "models/model.bin")):
            message, hint = project.refuses(*words)
            self.assertEqual((re.sub(r"2\.\d MB are free", "2 MB are free", message), hint), (
                f"skelebot: {project.path(target)}: the disk is too full: 3.0 MB are needed, 2 MB are free",
                "  hint: free some disk space"))
            self.assertEqual(project.left, BEFORE)
        self.assertEqual(server.asked("GET"), [])

    def test_is_noticed_in_a_pull_whose_size_was_not_known(self):
        server = self.server(HEAD=itertools.repeat(named(Content_Length="unknown")))
        server.keeps(NAME, DATA * 2)
        project = self.project_on_disk({"artifactory": {"url": server.url, "repo": "generic-local", "path": "churn"}})
        self.assertEqual(project.refuses(*PULL, "-o"), [
            f"skelebot: {project.path('models/model.bin')}: no space left on device",
            "  hint: look at the folder's permissions and the free disk space"])
        self.assertEqual((project.left, len(server.asked("GET"))), (BEFORE, 1))

    def test_is_noticed_when_a_folder_is_unpacked(self):
        store = self.new_folder("store")
        write(store, {"model_v1.0.0.tar.gz": packed(("a", bytes(3000000)))})
        project = self.project_on_disk({"folder": {"path": store}}, file="models/bert/", data=None)
        write(project.folder, {"models/bert/a": "old"})
        for words in (PULL, (*PULL, "-o")):
            message, _ = project.refuses(*words)
            self.assertRegex(message, ": no space left on device$")
            self.assertEqual(project.left, {"models/bert/a": b"old"})

    def test_is_noticed_by_a_push_to_a_folder(self):
        store = os.path.join(self.disk(), "store")
        project = self.project_at({"folder": {"path": store}}, data=DATA)
        project.does(*PUSH)
        before = listing(store)
        write(project.folder, {"models/model.bin": OTHER})
        message, _ = project.refuses(*PUSH, "-f")
        self.assertRegex(message, rf"^skelebot: {store}/{NAME}: the disk is too full: 1.5 MB are needed, [\d.]+ kB are free$")
        self.assertEqual(listing(store), before)


# ---- S3 ---------------------------------------------------------------------

def xml(status, code, message):
    return Fault(says=http(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"))


@unittest.skipUnless(MOTO and BOTO, "SKELEBOT_TEST_MOTO and _BOTO are not set; tests/services.sh starts moto")
class S3(Case):
    """Transfers to and from moto."""

    def setUp(self):
        super().setUp()
        stack = contextlib.ExitStack()
        self.url, self.repository = stack.enter_context(bucket(self))
        self.addCleanup(stack.close)

    def wired(self, *faults, data=DATA):
        """(wire, project); a number is that of bytes in a file without any but zeros."""
        wire = self.wire(MOTO, faults)
        project = self.project_at(self.repository(wire.url), data=b"" if isinstance(data, int) else data)
        if isinstance(data, int):
            os.truncate(project.path("models", "model.bin"), data)
        return wire, project

    def assertStored(self, project):
        """It can be pulled as it was, and nothing else is there."""
        own = project.path("models", "model.bin")
        self.assertEqual(kept_at(self.url), [f"object {NAME} {os.path.getsize(own)}"])
        project.does(*PULL)
        self.assertTrue(filecmp.cmp(project.path(NAME), own, shallow=False))

    def test_pulls_no_mixture_of_two_files(self):
        facts = ["Content-Length: 1500000", 'ETag: "former"']
        send(f"{self.url}/{NAME}", OTHER)
        wire, project = self.wired(
            Fault(says=http("200 OK", "", *facts).replace(b"Content-Length: 0\r\n", b"")),
            Fault(says=http("200 OK", "", *facts).replace(b"Content-Length: 0\r\n", b"") + DATA[:700000]), data=OLD)
        self.assertEqual(project.refuses(*PULL, "-o"), CHANGED)
        self.assertEqual(project.left, BEFORE)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(OTHER)})

    def test_goes_on_with_a_pull_that_was_killed(self):
        send(f"{self.url}/{NAME}", DATA * 4, **{"x-amz-meta-sha256": hashlib.sha256(DATA * 4).hexdigest()})
        wire, project = self.wired(Fault(), Fault(down=4000000, hold=True), data=OLD)
        size = killed_pull(project, wire)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(DATA * 4)})
        self.assertRegex(wire.heads[-1], rf"(?i)\r\nif-match: .*\r\n(.*\r\n)*range: bytes={size}-\r\n|"
                                         rf"\r\nrange: bytes={size}-\r\n(.*\r\n)*if-match: ")

    def test_sends_a_file_again_when_the_connection_was_cut(self):
        wire, project = self.wired(Fault(), Fault(up=700000), xml("503 Slow Down", "SlowDown", "please"))
        project.does(*PUSH)
        self.assertStored(project)

    def test_finds_what_came_there_by_the_try_whose_answer_was_lost(self):
        wire, project = self.wired(Fault(), Fault(down=0))
        project.does(*PUSH)
        self.assertStored(project)

    def test_sends_a_part_again(self):
        wire, project = self.wired(Fault(), Fault(), Fault(up=5000000), Fault(down=0), data=IN_PARTS)
        project.does(*PUSH)
        self.assertStored(project)

    def test_finds_the_parts_put_together_when_the_answer_was_lost(self):
        wire, project = self.wired(*[Fault()] * 7, Fault(down=0), data=IN_PARTS)
        project.does(*PUSH)
        self.assertStored(project)

    def test_leaves_nothing_of_an_upload_that_was_refused(self):
        for place, fault in (
                (4, xml("403 Forbidden", "AccessDenied", "not yours")),
                (7, xml("200 OK", "AccessDenied", "it went wrong late"))):
            with self.subTest(place):
                wire, project = self.wired(*[Fault()] * place, fault, data=IN_PARTS)
                message, _ = project.refuses(*PUSH)
                self.assertRegex(message, rf"/{NAME}: (403 Forbidden: AccessDenied: not yours"
                                          r"|200 OK: AccessDenied: it went wrong late)$")
                self.assertEqual(kept_at(self.url), [])

    def test_puts_the_parts_together_again_when_that_went_wrong_late(self):
        _, project = self.wired(*[Fault()] * 7, xml("200 OK", "InternalError", "it went wrong late"), data=IN_PARTS)
        project.does(*PUSH)
        self.assertStored(project)

    def held(self):
        """(project, wire, push) when the parts of a file are on their way."""
        wire, project = self.wired(data=IN_PARTS)
        wire.faults = itertools.repeat(Fault(up=1000000, hold=True))
        push = project.start(*PUSH)
        wire.holds()
        return project, wire, push

    def test_leaves_nothing_of_an_upload_that_was_stopped(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(number):
                project, _, push = self.held()
                self.assertEqual(push.signal(number).ends(), status)
                self.assertEqual(kept_at(self.url), [])

    def test_removes_what_an_upload_has_left_that_was_killed(self):
        project, wire, push = self.held()
        push.signal(signal.SIGKILL).ends()
        self.assertEqual(kept_at(self.url), [f"upload {NAME}"])
        wire.faults = iter(())
        project.does(*PUSH)
        self.assertStored(project)

    def at_once(self, *words):
        """(statuses, projects) of two pushes of different files that have both seen that nothing is there."""
        wire, first = self.wired()
        wire.faults = itertools.repeat(Fault(up=1000000, hold=True))
        second = self.project_at(self.repository(wire.url), data=OTHER)
        pushes = [project.start(*words) for project in (first, second)]
        events = [wire.holds(), wire.holds()]
        events[0].set()
        next(True for _ in deadline() if any(push.process.poll() is not None for push in pushes))
        events[1].set()
        return [push.ends() for push in pushes], (first, second), pushes

    def test_lets_one_of_two_pushes_win(self):
        statuses, projects, pushes = self.at_once(*PUSH)
        self.assertEqual(sorted(statuses), [0, 1])
        self.assertStored(projects[statuses.index(0)])
        self.assertRegex(pushes[statuses.index(1)].said, b"(?i)412 Precondition Failed")
        self.assertIn(b"hint: another push stored it first; push -f replaces it\n", pushes[statuses.index(1)].said)

    def test_lets_both_of_two_forced_pushes_win(self):
        statuses, projects, _ = self.at_once(*PUSH, "-f")
        self.assertEqual(statuses, [0, 0])
        projects[0].does(*PULL)
        self.assertIn(projects[0].left[NAME], (brief(DATA), brief(OTHER)))


def killed_pull(project, wire):
    """Kill a pull as soon as it is held; returns how many bytes it leaves."""
    pull = project.start(*PULL, "-o")
    held = wire.holds()
    part = project.part()
    pull.signal(signal.SIGKILL).ends()
    held.set()
    return os.path.getsize(part)


# ---- Killed -----------------------------------------------------------------

HUGE = 200 << 20    # takes long enough to be killed meanwhile, though it is only zeros


class Killed(Case):
    """kill -9 in the middle, then the same command again."""

    def test_goes_on_with_a_pull(self):
        server = self.server()
        server.keeps(NAME, DATA * 20)
        wire = self.wire(server.url, [Fault(), Fault(down=10000000, hold=True)])
        project = self.project(wire.url)
        size = killed_pull(project, wire)
        self.assertEqual(len(project.left), 2)
        self.assertEqual(project.left["models/model.bin"], OLD)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(DATA * 20)})
        self.assertEqual([each.headers.get("range") for each in server.asked("GET")], [None, f"bytes={size}-"])

    def test_begins_anew_when_another_file_is_there_meanwhile(self):
        server = self.server()
        server.keeps(NAME, DATA * 20)
        wire = self.wire(server.url, [Fault(), Fault(down=10000000, hold=True)])
        project = self.project(wire.url)
        killed_pull(project, wire)
        send(f"{server.url}/generic-local/churn/{NAME}", OTHER)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(OTHER)})
        self.assertEqual([each.headers.get("range") for each in server.asked("GET")], [None, None])

    def test_sends_a_file_anew(self):
        server = self.server()
        wire = self.wire(server.url, [Fault(), Fault(), Fault(), Fault(up=10000000, hold=True)])
        project = self.project(wire.url, data=DATA * 20)
        push = project.start(*PUSH)
        held = wire.holds()
        push.signal(signal.SIGKILL).ends()
        held.set()
        next(True for _ in deadline() if server.kept == NOTHING)
        project.does(*PUSH)
        self.assertEqual(server.kept, {**STORED, f"generic-local/churn/{NAME}": brief(DATA * 20)})

    def test_copies_to_and_from_a_folder_anew(self):
        project, store = self.folder_project()
        own = project.path("models", "model.bin")
        os.truncate(own, HUGE)
        for words, folder, path, names in (
                (PUSH, store, os.path.join(store, NAME), [NAME, NAME + ".sha256"]),
                (PULL, project.folder, project.path(NAME), ["VERSION", NAME, "models", "skelebot.yaml"])):
            with self.subTest(words):
                running = project.start(*words)
                appears(folder, r"\.skelebot-.*", lambda path: "copy" in os.listdir(path))
                self.assertEqual((running.signal(signal.SIGKILL).ends(), os.path.exists(path)), (137, False))
                project.does(*words)
                self.assertEqual(sorted(os.listdir(folder)), names)
                self.assertTrue(filecmp.cmp(path, own, shallow=False))

    def test_unpacks_a_folder_anew(self):
        project, store = self.folder_project(file="models/bert/", data=None)
        write(project.folder, {"models/bert/a": "old"})
        write(store, {"model_v1.0.0.tar.gz": packed(("a", b"1"), ("b", bytes(HUGE)))})
        pull = project.start(*PULL, "-o")
        appears(project.path("models"), r"\.skelebot-[0-9a-f]{16}", lambda path: "new" in os.listdir(path))
        self.assertEqual(pull.signal(signal.SIGKILL).ends(), 137)
        self.assertEqual(os.listdir(project.path("models", "bert")), ["a"])
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/bert/a": b"1", "models/bert/b": brief(bytes(HUGE))})


class Stopped(Case):
    """Ctrl-C, and the end of a session."""

    def test_leaves_of_a_pull_what_the_next_goes_on_with(self):
        server = self.server()
        server.keeps(NAME, DATA * 20)
        wire = self.wire(server.url, [Fault(), Fault(down=10000000, hold=True)])
        project = self.project(wire.url)
        pull = project.start(*PULL, "-o")
        wire.holds()
        part = project.part()
        self.assertEqual(pull.signal(signal.SIGINT).ends(), 130)
        size = os.path.getsize(part)
        self.assertEqual(project.left["models/model.bin"], OLD)
        project.does(*PULL, "-o")
        self.assertEqual(project.left, {"models/model.bin": brief(DATA * 20)})
        self.assertEqual([each.headers.get("range") for each in server.asked("GET")], [None, f"bytes={size}-"])

    def test_leaves_nothing_of_a_push_to_a_folder(self):
        project, store = self.folder_project()
        os.truncate(project.path("models", "model.bin"), HUGE)
        push = project.start(*PUSH)
        appears(store, r"\.skelebot-.*", lambda path: "copy" in os.listdir(path))
        self.assertEqual(push.signal(signal.SIGTERM).ends(), 143)
        self.assertEqual(os.listdir(store), [])

    def test_leaves_nothing_of_a_folder_that_was_being_unpacked(self):
        project, store = self.folder_project(file="models/bert/", data=None)
        write(project.folder, {"models/bert/a": "old"})
        write(store, {"model_v1.0.0.tar.gz": packed(("a", b"1"), ("b", bytes(HUGE)))})
        pull = project.start(*PULL, "-o")
        appears(project.path("models"), r"\.skelebot-[0-9a-f]{16}", lambda path: "new" in os.listdir(path))
        self.assertEqual(pull.signal(signal.SIGHUP).ends(), 129)
        self.assertEqual(project.left, {"models/bert/a": b"old"})


class AtOnce(Case):
    """Two that do the same at the same time."""

    def pulls(self, *second):
        """(server, project, first pull, what lets it go on) while a second pull is on its way."""
        server = self.server()
        server.keeps(NAME, DATA * 20)
        server.keeps(NAME.replace("1.0.0", "2.0.0"), OTHER)
        wire = self.wire(server.url, [Fault(), Fault(down=10000000, hold=True)])
        project = self.project(wire.url)
        pull = project.start(*PULL, "-o")
        held = wire.holds()
        project.part()
        return server, project, pull, held

    def test_pull_the_same_once(self):
        server, project, first, held = self.pulls()
        second = project.start(*PULL, "-o").says("waiting for another skelebot that does the same")
        held.set()
        self.assertEqual((first.ends(), second.ends()), (0, 0))
        self.assertEqual((project.left, len(server.asked("GET"))), ({"models/model.bin": brief(DATA * 20)}, 1))

    def test_go_on_when_the_first_was_killed(self):
        server, project, first, held = self.pulls()
        second = project.start(*PULL, "-o").says("waiting for another skelebot that does the same")
        first.signal(signal.SIGKILL).ends()
        self.assertEqual(second.ends(), 0)
        self.assertEqual((project.left, len(server.asked("GET"))), ({"models/model.bin": brief(DATA * 20)}, 2))

    def test_pull_two_versions_to_one_place(self):
        server, project, first, held = self.pulls()
        second = project.start("pull", "model", "2.0.0", "-o")
        next(True for _ in deadline() if second.process.poll() is not None or b"waiting" in second.said
             or not second.read(0.1))
        held.set()
        self.assertEqual((first.ends(), second.ends()), (0, 0), first.said + second.said)
        self.assertIn(project.left, ({"models/model.bin": brief(DATA * 20)}, {"models/model.bin": brief(OTHER)}))

    def pushes(self, *words):
        """(statuses, words, projects, store) of two pushes to a folder."""
        first, store = self.folder_project()
        second = self.project_at({"folder": {"path": store}})
        os.truncate(first.path("models", "model.bin"), HUGE)
        os.truncate(second.path("models", "model.bin"), HUGE + 1)
        one = first.start(*words)
        appears(store, r"\.skelebot-.*", lambda path: "copy" in os.listdir(path))
        one.signal(signal.SIGSTOP)
        other = second.start(*words).says("waiting for another skelebot that does the same")
        self.assertEqual(one.signal(signal.SIGCONT).ends(), 0)
        status = other.ends()
        self.assertEqual(sorted(os.listdir(store)), [NAME, NAME + ".sha256"])
        return status, other.said.decode().split("\n"), os.path.getsize(os.path.join(store, NAME)), first, store

    def test_push_one_version_once(self):
        status, words, size, project, store = self.pushes(*PUSH)
        self.assertEqual((status, size, words[-3:]), (1, HUGE, [
            f"skelebot: {store}/{NAME}: another push stored it first", "  hint: push -f replaces it", ""]))
        project.does(*PULL, "-o")

    def test_push_one_version_twice_by_force(self):
        status, _, size, project, _ = self.pushes(*PUSH, "-f")
        self.assertEqual((status, size), (0, HUGE + 1))
        project.does(*PULL, "-o")


# ---- Somebody else's files --------------------------------------------------

class NotRoot(Case):
    """A caller who may not do all; by Debian's Python, since others may lie where only root can go."""
    PYTHON = "/usr/bin/python3"

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        if subprocess.call([self.PYTHON, "-c", "import yaml"], stderr=subprocess.DEVNULL) != 0:
            self.skipTest("Debian's Python has no PyYAML (tests/services.sh installs it)")
        self.installed = self.new_folder("installed")
        shutil.copy(SOURCE, self.installed)
        os.chmod(self.top, 0o755)
        self.give, self.store = self.folder_project()
        os.chmod(self.store, 0o777)

    def does_as(self, uid, *words, status=0, without=()):
        """What a user's call of skelebot says; `without` are options for env."""
        subprocess.check_call(["chown", "-R", str(uid), self.give.folder])
        argv = ["env", *without, "setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups",
                self.PYTHON, os.path.join(self.installed, "skelebot.py"), *words]
        done = call(argv, self.give.folder, **self.give.environ)
        self.assertEqual(done.status, status, done.stderr)
        return done.stderr

    def test_packs_no_folder_that_cannot_be_read_whole(self):
        self.give, self.store = self.folder_project(file="models/bert/", data=None)
        os.chmod(self.store, 0o777)
        write(self.give.folder, {"models/bert/a": b"a", "models/bert/sub/b": b"b"})
        os.chmod(self.give.path("models", "bert", "sub"), 0)
        said = self.does_as(64321, "push", "model", status=1)
        self.assertIn("skelebot: models/bert/sub: permission denied\n", said)
        self.assertEqual(os.listdir(self.store), [])

    def test_is_not_hindered_by_what_anothers_push_has_left(self):
        os.truncate(self.give.path("models", "model.bin"), HUGE)
        push = self.give.start(*PUSH)
        appears(self.store, r"\.skelebot-.*", lambda path: "copy" in os.listdir(path))
        push.signal(signal.SIGKILL).ends()
        self.does_as(64321, *PUSH)
        self.assertLessEqual({NAME, NAME + ".sha256"}, set(os.listdir(self.store)))

    def test_is_told_that_a_store_is_closed(self):
        self.give.does(*PUSH)
        os.chmod(self.store, 0o700)
        for words in (PULL, ("pull", "model", "LATEST"), PUSH):
            with self.subTest(words):
                self.assertIn(": permission denied\n", self.does_as(64321, *words, status=1))

    def test_needs_a_home_for_the_folder_there(self):
        write(self.give.folder, {"skelebot.yaml": "name: churn\nartifacts: [{name: model, file: models/model.bin}]\n"})
        self.assertIn("skelebot: there is no home folder for artifacts: HOME is not set\n",
                      self.does_as(64321, *PUSH, status=1, without=("--unset=HOME", "--unset=SKELEBOT_HOME")))


# ---- Proxies and certificates -----------------------------------------------

class Proxies(Case):
    """Proxies of the environment."""

    def proxy(self, **faults):
        """A stand-in that is asked for a host of which nobody else knows."""
        server = self.server(**faults)
        take = server.before

        def before(request):
            host, path = urlsplit(request.path).netloc, urlsplit(request.path).path
            server.hosts.append(host)
            request.path = path
            return take(request)

        server.before, server.hosts = before, []
        server.keeps(NAME, DATA)
        return server, f"http://ann:pass@127.0.0.1:{server.server_address[1]}"

    def test_are_used(self):
        server, proxy = self.proxy()
        project = self.project("http://models.example/artifactory")
        said = project.does(*PULL, http_proxy=proxy)
        self.assertEqual((project.left, set(server.hosts)), (WHOLE, {"models.example"}))
        self.assertEqual({each.headers["proxy-authorization"] for each in server.requests}, {"Basic YW5uOnBhc3M="})
        self.assertNotIn("pass@", said)

    def test_are_not_used_for_what_no_proxy_names(self):
        server = self.server()
        server.keeps(NAME, DATA)
        for hosts in ("127.0.0.1", "other.example,127.0.0.1", "*"):
            with self.subTest(hosts):
                project = self.project(server.url)
                project.does(*PULL, http_proxy=f"http://127.0.0.1:{free_port()}", no_proxy=hosts)
                self.assertEqual(project.left, WHOLE)

    def test_that_want_a_password_say_so(self):
        hint = "  hint: put the proxy's user and password into https_proxy, as in http://USER:PASSWORD@HOST:PORT"
        server, proxy = self.proxy(HEAD=itertools.repeat(says(407)), GET=itertools.repeat(says(407, "who are you")))
        project = self.project("http://models.example/artifactory")
        self.assertEqual(project.refuses(*PULL, http_proxy=proxy), [
            f"skelebot: HEAD http://models.example/artifactory/generic-local/churn/{NAME}: "
            "407 Proxy Authentication Required: who are you", hint])
        self.assertEqual(len(server.requests), 2)
        wire = self.wire("http://127.0.0.1:1", [Fault(says=http("407 Proxy Authentication Required", ""))] * 9)
        project = self.project("https://models.example/artifactory")
        message, said = project.refuses(*PULL, https_proxy=wire.url)
        self.assertRegex(message, f"^skelebot: https://models.example/artifactory/generic-local/churn/{NAME}: .*407")
        self.assertEqual((said, wire.count), (hint, 1))


@unittest.skipUnless(NGINX_TLS and CA, "SKELEBOT_TEST_NGINX_TLS and _CA are not set; tests/services.sh starts nginx")
class Certificates(Case):
    """A server whose certificate a company's own authority has signed."""

    def test_are_believed_where_the_authority_is_named(self):
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            with self.subTest(name):
                project = self.project(NGINX_TLS, "small", self.nginx_path(), data=b"by TLS")
                for words in (PUSH, PULL):
                    project.does(*words, **{name: CA})
                self.assertEqual(project.left, {NAME: b"by TLS", "models/model.bin": b"by TLS"})

    def test_are_believed_through_a_proxy(self):
        wire = self.wire(NGINX_TLS, made=Tunnel)
        project = self.project("https://localhost:23773", "small", self.nginx_path(), data=b"by TLS")
        for words in (PUSH, PULL):
            project.does(*words, SSL_CERT_FILE=CA, https_proxy=wire.url.replace("https", "http"))
        self.assertEqual(project.left, {NAME: b"by TLS", "models/model.bin": b"by TLS"})
        self.assertEqual({tunnel.split()[1] for tunnel in wire.tunnels}, {"localhost:23773"})

    def test_are_a_fault_otherwise_and_not_tried_again(self):
        for words in (PUSH, PULL):
            wire = self.wire(NGINX_TLS)
            project = self.project(wire.url, "small")
            message, hint = project.refuses(*words)
            self.assertRegex(message, f"^skelebot: {wire.url}/small/churn/{NAME}: .*certificate")
            self.assertEqual((hint, wire.count), (
                "  hint: set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the certificates of your company's authority", 1))

    def test_of_another_host_are_a_fault_even_so(self):
        wire = self.wire(NGINX_TLS, made=Elsewhere)
        project = self.project(wire.url.replace("localhost", "127.0.0.2"), "small")
        message, _ = project.refuses(*PULL, SSL_CERT_FILE=CA)
        self.assertRegex(message, "(?i)127.0.0.2.*certificate.*127.0.0.2")
        self.assertEqual(wire.count, 1)


# ---- Progress ---------------------------------------------------------------

class Progress(Case):
    """What is shown while a file is on its way."""

    def transfer(self, words, columns=None, **options):
        """What is said of a pull or push, and the server."""
        server = self.server()
        data = DATA * 20
        if words == PULL:
            server.keeps(NAME, data)
        project = self.project(server.url, data=OLD if words == PULL else data)
        running = project.start(*words, **options)
        if columns is not None:
            fcntl.ioctl(running.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.assertEqual(running.ends(), 0)
        return running.said.decode(), server

    def test_is_one_line_on_a_terminal(self):
        for words, verb in ((PULL, "fetching"), (PUSH, "sending")):
            with self.subTest(words):
                said, _ = self.transfer(words, 80, terminal=True)
                line, last = said.replace("\033[K", "").split("\r\n")[:2]
                self.assertRegex(line.split("\r")[-1], rf"^{verb} {NAME} \[=+\] 100% +[\d.]+ [kMG]?B/s 0:00 left$")
                self.assertRegex(last, rf"^skelebot: pu(lled|shed) {NAME} to ")
                self.assertEqual({len(each) for each in line.split("\r") if len(each) > 79}, set())

    def test_is_a_line_on_a_terminal_that_does_not_know_its_width(self):
        said, _ = self.transfer(PULL, 0, terminal=True)
        line = said.replace("\033[K", "").split("\r\n")[0].split("\r")[-1]
        self.assertRegex(line, rf"^fetching {NAME} \[=+\] 100% +[\d.]+ [kMG]?B/s 0:00 left$")

    def test_is_a_line_at_the_start_and_one_at_the_end_elsewhere(self):
        said, _ = self.transfer(PULL)
        self.assertEqual(said, f"skelebot: fetching {NAME}, 30.0 MB\nskelebot: pulled {NAME} to {NAME}\n")
        said, server = self.transfer(PUSH)
        self.assertEqual(said, f"skelebot: sending {NAME}, 30.0 MB\n"
                               f"skelebot: pushed {NAME} to {server.url}/generic-local/churn/{NAME}\n")


if __name__ == "__main__":
    unittest.main()
