"""What becomes of a push or a pull when the network, the server, the disk or the machine fails on the way.

Always the real program as a process of its own, and real connections: to the stand-in for Artifactory, which
makes faults on demand; through a Wire, which cuts and holds what passes; to moto and nginx (tests/services.sh).
"""
import collections
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
        """The file that a pull gathers, as soon as there is something in it."""
        return appears(self.folder, r"\.model.*\.part", lambda path: os.path.getsize(path))


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
    """What a request is for: API (about a file), CHECKSUM (deploy without a body), or its method."""
    if request.path.startswith("/artifactory/api/"):
        return "API"
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


def well(request):
    """No fault."""


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
        with contextlib.suppress(OSError):
            for data in iter(lambda: source.recv(1 << 16), b""):
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
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, url, faults=()):
        super().__init__(("127.0.0.1", 0), Passing)
        parts = urlsplit(url)
        self.target, self.faults = (parts.hostname, parts.port), iter(faults)
        self.held, self.count, self.heads = queue.Queue(), 0, []
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

    def hold(self):
        event = threading.Event()
        self.held.put(event)
        event.wait(60)

    def holds(self):
        """Wait until a connection is held; returns the event that lets it go on."""
        return self.held.get(timeout=60)


class Tunnel(Wire):
    """A proxy for https: whatever host it is asked for, it leads to the one server."""

    def greet(self, connection):
        self.heads.append(head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


def http(status, body, *headers):
    """An answer as bytes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


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

    def project(self, url, repo="generic-local", **options):
        """A project whose artifacts are at this address, and its model of yesterday."""
        return self.project_at({"artifactory": {"url": url, "repo": repo, "path": "churn"}}, **options)

    def project_at(self, repository, folder=None, data=OLD, file="models/model.bin"):
        files = {file: data} if data is not None else {}
        return Project(self, folder or self.new_folder("project"), repository, file, **files)

    def folder_project(self, **options):
        """(project, folder of its store)"""
        store = self.new_folder("store")
        return self.project_at({"folder": {"path": store}}, **options), store
