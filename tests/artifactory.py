"""An Artifactory of our tests' own: what pushing and pulling artifacts needs of its REST API.

In a test it is a server on a free port of this machine; its files lie in FOLDER/REPOSITORY/PATH:

    with Artifactory(folder, users=[User("ada", "secret")]) as server:
        call("push", server.url + "/generic-local/churn")
        self.assertEqual([request.method for request in server.requests], ["PUT"])

Beside a test it is a program, which prints its URL and runs until SIGTERM:

    python3 tests/artifactory.py --port 8081 --root FOLDER --user ada:secret --token s3cr3t

source  JFrog, "JFrog REST APIs": Deploy Artifact, Deploy Artifact by Checksum, Retrieve Artifact,
        Delete Item, File Info, Folder Info, System Health Ping, Version Information, Get Repositories
"""
import argparse
import base64
import binascii
import contextlib
import email.utils
import hashlib
import html
import http.server
import json
import mimetypes
import os
import re
import shutil
import signal
import socket
import socketserver
import sys
import threading
import time
import uuid
from typing import Dict, NamedTuple, Tuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

VERSION = "7.77.6"
REVISION = "77706900"
BASE = "/artifactory"
BLOCK = 1 << 20             # bytes that are in memory at a time
DROPPED = 1 << 20           # bytes of a refused body that are read, so that the connection can stay
LINGER = 5                  # seconds for a client to read why its body is not
STILL = 60                  # seconds without a byte after which a connection is given up
KINDS = ("sha1", "md5", "sha256")
LONG = {len(hashlib.new(kind).hexdigest()): kind for kind in KINDS}
NO_NAME = re.compile(r'[\\/:|?*"<>\x00]')


# ---- Who and what -----------------------------------------------------------

class User(NamedTuple):
    """Someone known to the server, and what they may do beside reading.

    tokens  work as Bearer, as X-JFrog-Art-Api, and as a password
    keys    work as X-JFrog-Art-Api and as a password
    """
    name: str
    password: str = ""
    tokens: Tuple[str, ...] = ()
    keys: Tuple[str, ...] = ()
    can_deploy: bool = True
    can_delete: bool = True


class Request:
    """What a client has sent.

    path     as in its request line
    headers  name in lower case -> text
    length   bytes of its body that have been received
    """

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def length(self):
        return self.body.received

    def __iter__(self):
        return iter((self.method, self.path, self.headers, self.length))

    def __repr__(self):
        return f"Request({self.method} {self.path}, {self.length} bytes)"


class Answer(NamedTuple):
    """What is sent back: a body, or a part of a file.

    cut  bytes of the body after which the connection is closed, whatever Content-Length has promised
    """
    status: int
    headers: Dict[str, str] = {}
    body: bytes = b""
    file: str = None
    start: int = 0
    length: int = 0
    cut: int = None


class Refusal(Exception):
    """A request ends here, with an answer."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        errors = {"errors": [{"status": status, "message": message}]}
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.answer = as_json(errors, status=status, headers=named)


class HangUp(Exception):
    """The connection ends here, without an answer."""


def as_json(value, kind="", status=200, headers=None):
    kind = f"vnd.org.jfrog.artifactory.{kind}+json" if kind else "json"
    text = json.dumps(value, indent=2, separators=(",", " : "), ensure_ascii=False)
    return Answer(status, {"Content-Type": f"application/{kind}", **(headers or {})}, text.encode())


class RepoPath(NamedTuple):
    """A file or a folder in a repository."""
    repository: str
    names: Tuple[str, ...] = ()

    def __str__(self):
        return f"{self.repository}:{'/'.join(self.names)}"

    @property
    def path(self):
        return "/" + "/".join(self.names)

    @property
    def quoted(self):
        return quote("/".join([self.repository, *self.names]))

    @property
    def above(self):
        return self._replace(names=self.names[:-1])


def repo_path(quoted):
    """RepoPath of the rest of a URL's path, without its matrix parameters (`;name=value`)."""
    names = []
    for part in quoted.split("/"):
        try:
            name = unquote_to_bytes(part.split(";")[0].encode("latin-1")).decode("utf-8")
        except UnicodeError:
            raise Refusal(400, "Invalid path: it is not UTF-8.")
        if name in (".", "..") or NO_NAME.search(name):
            raise Refusal(400, f"Invalid path. '{name}' is not a valid name.")
        names += [name] if name else []
    if not names:
        raise Refusal(404, "No repository is named in the request.")
    return RepoPath(names[0], tuple(names[1:]))


# ---- Reading a body ---------------------------------------------------------

class Body:
    """The body of a request, read block by block, and not before somebody wants it."""

    def __init__(self, file, headers, go_on):
        self.file, self.go_on, self.received = file, go_on, 0
        self.chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        declared = headers.get("content-length", "0")
        self.declared = int(declared) if declared.isdigit() else 0
        self.waited_for = headers.get("expect", "").lower() == "100-continue"
        self.whole = not (self.chunked or self.declared)

    def blocks(self):
        if self.whole:
            return
        if self.waited_for:
            self.waited_for = False
            self.go_on()
        yield from self.chunks() if self.chunked else self.exactly(self.declared)
        self.whole = True

    def exactly(self, length):
        while length:
            block = self.read(self.file.read, min(length, BLOCK))
            length -= len(block)
            self.received += len(block)
            yield block

    def chunks(self):
        while True:
            size = self.line().split(b";")[0].strip()
            if not re.match(rb"[0-9a-fA-F]{1,15}$", size):
                raise HangUp
            if not int(size, 16):
                break
            yield from self.exactly(int(size, 16))
            self.line()
        while self.line().strip():
            pass

    def line(self):
        line = self.read(self.file.readline, BLOCK)
        if not line.endswith(b"\n"):
            raise HangUp
        return line

    @staticmethod
    def read(how, limit):
        """Some bytes; HangUp where none come any more."""
        try:
            found = how(limit)
        except OSError:
            raise HangUp
        if not found:
            raise HangUp
        return found

    def drop(self):
        """Read a body that nobody wants, if it is small; otherwise the connection has to end."""
        if not self.chunked and not self.waited_for and self.declared - self.received <= DROPPED:
            for _ in self.exactly(0 if self.whole else self.declared - self.received):
                pass
            self.whole = True


# ---- Files ------------------------------------------------------------------

class Item(NamedTuple):
    """What is known about a file or a folder.

    created, modified  seconds since 1970
    size               bytes; None: it is a folder
    checksums          kind -> hexadecimal digits
    originals          those which the client had declared
    """
    created: float
    modified: float
    created_by: str
    modified_by: str
    size: int = None
    checksums: Dict[str, str] = {}
    originals: Dict[str, str] = {}


class Upload(NamedTuple):
    """A file that is whole but has no name yet."""
    file: str
    size: int
    checksums: Dict[str, str]


def hashed(blocks, write=len):
    """Size and checksums of some blocks of bytes, each of which is handed to `write`."""
    sums, size = {kind: hashlib.new(kind) for kind in KINDS}, 0
    for block in blocks:
        for each in sums.values():
            each.update(block)
        size += len(block)
        write(block)
    return size, {kind: each.hexdigest() for kind, each in sums.items()}


class Store:
    """Folders, one for each repository; what is known about their files is in memory.

    A file that was put there by hand is hashed when somebody asks for it. One that was changed by
    hand keeps its checksums, as in a file store that has gone bad.
    """

    def __init__(self, root, repositories):
        self.root, self.items, self.lock = os.path.realpath(root), {}, threading.RLock()
        self.uploads = os.path.join(self.root, ".uploads")
        for folder in (self.uploads, *(os.path.join(self.root, name) for name in repositories)):
            os.makedirs(folder, exist_ok=True)

    def repositories(self):
        return [name for name in self.names(self.root) if not name.startswith(".")]

    @staticmethod
    def names(folder):
        return sorted(os.fsencode(name).decode("utf-8", "replace") for name in os.listdir(folder))

    def file(self, where):
        names = (where.repository, *where.names)
        return os.path.join(self.root, *(os.fsdecode(name.encode("utf-8")) for name in names))

    def item(self, where):
        """What is known about a file or a folder; None: it is not there."""
        file = self.file(where)
        if where.repository.startswith(".") or not os.path.exists(file):
            return None
        known = self.items.get(where)
        if not known:
            there = os.stat(file)
            known = Item(there.st_mtime, there.st_mtime, "_system_", "_system_")
            if not os.path.isdir(file):
                with open(file, "rb") as content:
                    size, checksums = hashed(iter(lambda: content.read(BLOCK), b""))
                known = known._replace(size=size, checksums=checksums)
            known = self.items.setdefault(where, known)
        return known

    def children(self, where):
        """The RepoPaths right below a folder."""
        return [where._replace(names=where.names + (name,)) for name in self.names(self.file(where))]

    def files(self):
        """Every file of every repository."""
        folders = [RepoPath(name) for name in self.repositories()]
        while folders:
            for where in self.children(folders.pop()):
                if os.path.isdir(self.file(where)):
                    folders.append(where)
                else:
                    yield where

    def alike(self, checksums):
        """A file that has these checksums, or None."""
        for where in self.files():
            item = self.item(where)
            if item and all(item.checksums[kind] == text for kind, text in checksums.items()):
                return where
        return None

    @contextlib.contextmanager
    def receive(self, blocks):
        """The Upload of some blocks of bytes; it is removed afterwards, unless it was placed."""
        with self.nameless() as file:
            with open(file, "xb") as target:
                size, checksums = hashed(blocks, target.write)
            yield Upload(file, size, checksums)

    @contextlib.contextmanager
    def again(self, where):
        """The Upload of a file that is stored already."""
        item = self.item(where)
        with self.nameless() as file:
            os.link(self.file(where), file)
            yield Upload(file, item.size, item.checksums)

    @contextlib.contextmanager
    def nameless(self):
        """A path for an Upload; a file that is still there afterwards was not placed, or onto its own twin."""
        file = os.path.join(self.uploads, uuid.uuid4().hex)
        try:
            yield file
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(file)

    def place(self, upload, where, user, originals):
        """Give an Upload its name, in one step, in the place of what had that name."""
        with self.lock:
            self.make(where.above, user)
            if self.item(where) and os.path.isdir(self.file(where)):
                raise Refusal(409, f"Expected a file but found a folder, for repo path {where}")
            before = self.item(where)
            os.replace(upload.file, self.file(where))
            now = time.time()
            created, by = (before.created, before.created_by) if before else (now, user.name)
            self.items[where] = Item(created, now, by, user.name, upload.size, upload.checksums, originals)
        return self.items[where]

    def make(self, where, user):
        """Make a folder, with those above it."""
        with self.lock:
            if where.names:
                self.make(where.above, user)
            file = self.file(where)
            if os.path.exists(file) and not os.path.isdir(file):
                raise Refusal(409, f"Expected a folder but found a file, for repo path {where}")
            if not os.path.isdir(file):
                os.mkdir(file)
                self.items[where] = Item(time.time(), time.time(), user.name, user.name)
        return self.item(where)

    def remove(self, where):
        """Remove a file, or a folder with all below it; a repository is emptied."""
        with self.lock:
            file = self.file(where)
            if not os.path.isdir(file):
                os.remove(file)
            elif where.names:
                shutil.rmtree(file)
            else:
                for child in self.children(where):
                    self.remove(child)
            gone = [each for each in self.items if each[0] == where[0] and each[1][:len(where[1])] == where[1]]
            for each in gone:
                del self.items[each]


# ---- Shapes -----------------------------------------------------------------

def iso(seconds):
    """A time as Artifactory writes it: 2025-04-06T09:13:04.174Z."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1000) % 1000:03}Z"


def mime_type(name):
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def created_json(where, item, url):
    """ItemCreated: the answer to a deployment."""
    shape = {
        "repo": where.repository, "path": where.path, "created": iso(item.created), "createdBy": item.created_by,
        "downloadUri": f"{url}/{where.quoted}", "mimeType": mime_type(where.path),
        "size": str(item.size), "checksums": item.checksums, "originalChecksums": item.originals,
        "uri": f"{url}/{where.quoted}",
    }
    files_only = ("downloadUri", "mimeType", "size", "checksums", "originalChecksums")
    return {key: value for key, value in shape.items() if item.size is not None or key not in files_only}


def info_json(where, item, url, children):
    """FileInfo or FolderInfo."""
    shape = {
        "repo": where.repository, "path": where.path, "created": iso(item.created), "createdBy": item.created_by,
        "lastModified": iso(item.modified), "modifiedBy": item.modified_by, "lastUpdated": iso(item.modified),
    }
    if item.size is None:
        shape["children"] = [{"uri": "/" + name, "folder": folder} for name, folder in children]
    else:
        shape.update({
            "downloadUri": f"{url}/{where.quoted}", "mimeType": mime_type(where.path), "size": str(item.size),
            "checksums": item.checksums, "originalChecksums": item.originals})
    return {**shape, "uri": f"{url}/api/storage/{where.quoted}"}


def index_html(where, rows):
    """The page that shows a folder.

    rows  (name, Item) of what is in it
    """
    title = html.escape("/".join([where.repository, *where.names]))
    lines = ['<a href="../">../</a>']
    for name, item in rows:
        name += "/" if item.size is None else ""
        when = time.strftime("%d-%b-%Y %H:%M", time.gmtime(item.modified))
        lines.append(f'<a href="{quote(name)}">{html.escape(name)}</a>  {when}  {human(item.size)}')
    listing = "\n".join(lines)
    return (f'<!DOCTYPE html>\n<html>\n<head><meta name="robots" content="noindex" />\n'
            f"<title>Index of {title}</title>\n</head>\n<body>\n<h1>Index of {title}</h1>\n"
            f"<pre>Name    Last modified      Size</pre><hr/>\n<pre>{listing}\n</pre>\n"
            f'<hr/><address style="font-size:small;">Artifactory/{VERSION} Server</address></body></html>').encode()


def human(size):
    if size is None:
        return "  -"
    for unit in ("bytes", "KB", "MB"):
        if size < 1024:
            return f"{size} bytes" if unit == "bytes" else f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def file_headers(where, item):
    name = where.names[-1]
    return {
        "Content-Type": mime_type(name),
        "Last-Modified": email.utils.formatdate(item.modified, usegmt=True),
        "ETag": item.checksums["sha1"],         # without quotes, as Artifactory sends it
        **{f"X-Checksum-{kind.title()}": item.checksums[kind] for kind in KINDS},
        "Accept-Ranges": "bytes",
        "X-Artifactory-Filename": quote(name),
        "Content-Disposition": f"attachment; filename=\"{quote(name)}\"; filename*=UTF-8''{quote(name)}",
    }


# ---- Conditions and ranges --------------------------------------------------

def names_tag(header, item):
    """Whether If-Match, If-None-Match or If-Range names this file."""
    tags = [tag.strip().replace("W/", "").strip('"') for tag in header.split(",")]
    return "*" in tags or item.checksums["sha1"] in tags


def since(header, item):
    """Whether a date in a header is at least the file's; a text that is no date is not."""
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() >= int(item.modified)
    except (TypeError, ValueError):
        return False


def unmodified(headers, item):
    """Whether the client has this very file already."""
    if "if-none-match" in headers:
        return names_tag(headers["if-none-match"], item)
    return "if-modified-since" in headers and since(headers["if-modified-since"], item)


def wanted(headers, item, size):
    """(start, length) of the one range that is asked for; None: the whole; Refusal where there is nothing."""
    asked = re.match(r"bytes=(\d*)-(\d*)$", headers.get("range", "").replace(" ", ""))
    if not asked or asked.groups() == ("", ""):
        return None
    condition = headers.get("if-range")
    if condition and not (names_tag(condition, item) or since(condition, item)):
        return None
    first, last = asked.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        raise Refusal(416, "Requested range not satisfiable", Content_Range=f"bytes */{size}")
    return start, end - start + 1


# ---- Credentials and checksums ----------------------------------------------

def basic(text):
    """(user, password) of Basic credentials, or None."""
    try:
        name, _, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeError):
        return None
    return name, password


def declared_checksums(headers):
    """kind -> hexadecimal digits, of the X-Checksum headers."""
    declared = {kind: headers[f"x-checksum-{kind}"].strip().lower()
                for kind in KINDS if headers.get(f"x-checksum-{kind}")}
    text = headers.get("x-checksum", "").strip().lower()
    return {**({LONG[len(text)]: text} if len(text) in LONG else {}), **declared}


def checksum_of(where):
    """(RepoPath, kind) of the file that FILE.sha256 is the checksum of, or (None, "")."""
    name, _, kind = (where.names or ("",))[-1].rpartition(".")
    return (where.above._replace(names=where.names[:-1] + (name,)), kind) if name and kind in KINDS else (None, "")


def verify(where, declared, actual):
    """Raise Refusal unless the checksums are what the client has said."""
    if all(actual[kind] == text for kind, text in declared.items()):
        return
    titles = {"sha1": "SHA-1", "md5": "MD5", "sha256": "SHA-256"}
    infos = ", ".join(
        f"{title}=ChecksumInfo{{type={title}, original='{declared.get(kind, 'null')}', actual='{actual[kind]}'}}"
        for kind, title in titles.items())
    raise Refusal(409, f"Checksum policy 'LocalRepoChecksumPolicy: CLIENT' rejected the artifact '{where}'. "
                       f"Checksums info: ChecksumsInfo{{checksums={{{infos}}}}}")


# ---- Connections ------------------------------------------------------------

class Exchange(http.server.BaseHTTPRequestHandler):
    """Requests of one connection, and their answers."""
    protocol_version = "HTTP/1.1"
    timeout = STILL
    disable_nagle_algorithm = True

    def exchange(self):
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Request(self.command, self.path, headers, Body(self.rfile, headers, self.go_on))
        self.server.requests.append(request)
        try:
            answer = self.answered(request)
            request.body.drop()
            self.send(self.server.after(request, answer), request.body)
        except (HangUp, OSError):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = do_PATCH = do_OPTIONS = exchange

    def answered(self, request):
        try:
            return self.server.before(request) or self.server.answer(request)
        except Refusal as refusal:
            return refusal.answer
        except OSError as error:        # the disk's: the connection's is a HangUp
            return Refusal(500, str(error)).answer

    def handle_expect_100(self):
        """A client that waits is told to go on when its body is wanted, not before."""
        return True

    def go_on(self):
        """What such a client waits for."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, answer, body):
        length = answer.length if answer.file else len(answer.body)
        self.send_response(answer.status)
        headers = {
            "X-JFrog-Version": f"Artifactory/{VERSION} {REVISION}", "X-Artifactory-Node-Id": "tests",
            **({} if answer.status in (204, 304) else {"Content-Length": str(length)}),
            **({} if body.whole else {"Connection": "close"}),
            **answer.headers,
        }
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(answer, length if answer.cut is None else min(length, answer.cut))
        if answer.cut is not None:
            self.close_connection = True
        if not body.whole:
            self.linger()

    def send_body(self, answer, length):
        if not answer.file:
            self.wfile.write(answer.body[:length])
        elif length:
            with open(answer.file, "rb") as file:
                self.connection.sendfile(file, answer.start, length)

    def linger(self):
        """Let a client that still sends read the answer first: closing at once would take it away."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER)
        end = time.monotonic() + LINGER
        while time.monotonic() < end and self.connection.recv(BLOCK):
            pass

    def version_string(self):
        return f"Artifactory/{VERSION}"

    def log_message(self, *_):
        """Tests look at `requests`."""


# ---- The server -------------------------------------------------------------

class Artifactory(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A server of the repositories in a folder.

    users      without any, everybody may do everything
    anonymous  the User that everybody is who brings no credentials, beside `users`
    requests   every Request, in the order in which they came
    properties path of a file -> name -> values, which came as matrix parameters
    """
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, folder, users=(), anonymous=None, repositories=("generic-local",), port=0):
        super().__init__(("127.0.0.1", port), Exchange)
        self.store, self.users, self.requests = Store(folder, repositories), tuple(users), []
        self.properties = {}
        self.anonymous = anonymous or (None if users else User("anonymous"))
        self.url = f"http://127.0.0.1:{self.server_address[1]}{BASE}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that has gone away is not worth a traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    # -- Hooks, for tests that need a server with a fault

    def before(self, request):
        """Called before a request is answered: an Answer instead of the true one, or HangUp raised, or None."""

    def after(self, request, answer):
        """Called before an answer is sent: the Answer to send."""
        return answer

    # -- Who it is

    def user(self, request):
        """The User whose credentials these are."""
        if not self.users:
            return self.anonymous
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        key = request.headers.get("x-jfrog-art-api")
        if kind.lower() == "basic":
            found = [user for user in self.users if basic(text) in self.pairs(user)]
        elif kind.lower() == "bearer":
            found = [user for user in self.users if text.strip() in user.tokens]
            if not found:
                raise self.unauthorized("Token failed verification: parse")
        elif key is not None:
            found = [user for user in self.users if key in user.tokens + user.keys]
        elif self.anonymous:
            found = [self.anonymous]
        else:
            raise self.unauthorized("Authentication is required")
        if not found:
            raise self.unauthorized("Bad credentials")
        return found[0]

    @staticmethod
    def pairs(user):
        return [(user.name, text) for text in (user.password, *user.tokens, *user.keys) if text]

    @staticmethod
    def unauthorized(message):
        return Refusal(401, message, WWW_Authenticate='Basic realm="Artifactory Realm"')

    def forbidden(self, user, message):
        """Somebody unknown is asked who they are; somebody known is not."""
        return self.unauthorized(message) if user is self.anonymous else Refusal(403, message)

    def assert_deploy(self, user, where):
        if where.repository not in self.store.repositories():
            raise Refusal(404, f"Could not find a local repository named {where.repository} to deploy to.")
        if not user.can_deploy:
            path = "/".join(where.names)
            raise self.forbidden(user, f"User {user.name} is not permitted to deploy '{path}' into '{where}'.")

    def assert_delete(self, user, where):
        if not user.can_delete:
            raise self.forbidden(user, f"Not enough permissions to delete/overwrite artifact '{where}' "
                                       f"(user '{user.name}' needs DELETE permission).")

    # -- What is asked for

    def answer(self, request):
        """The Answer to a request, or Refusal raised."""
        path, _, query = request.path.partition("?")
        if not (path + "/").startswith(BASE + "/"):
            raise Refusal(404, "Not Found")
        rest = path[len(BASE):].lstrip("/")
        if rest == "api/system/ping":
            return Answer(200, {"Content-Type": "text/plain"}, b"OK")
        user = self.user(request)
        if rest.startswith("api/"):
            return self.api(request, rest[len("api/"):], dict(parse_qsl(query, keep_blank_values=True)))
        if request.method in ("GET", "HEAD"):
            return self.retrieve(request, repo_path(rest), rest)
        if request.method == "PUT":
            answer = self.deploy(request, user, repo_path(rest), rest.endswith("/"))
            pairs = [unquote_to_bytes(pair).decode().partition("=") for pair in rest.split(";")[1:]]
            self.properties[repo_path(rest)] = {name: [text] for name, _, text in pairs}
            return answer
        if request.method == "DELETE":
            return self.delete(user, repo_path(rest))
        raise Refusal(405, "Method Not Allowed", Allow="GET, HEAD, PUT, DELETE")

    def api(self, request, rest, query):
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "Method Not Allowed", Allow="GET, HEAD")
        if rest == "system/version":
            return as_json({"version": VERSION, "revision": REVISION, "addons": [], "license": "Artifactory"},
                           "system.Version")
        if rest == "repositories":
            return as_json([
                {"key": name, "type": "LOCAL", "url": f"{self.url}/{name}", "packageType": "Generic"}
                for name in self.store.repositories()], "repository.RepositoryDetailsList")
        if rest.startswith("storage/") and not query:
            return self.info(repo_path(rest[len("storage/"):]))
        if rest.startswith("storage/") and query == {"properties": ""}:
            properties = self.properties.get(repo_path(rest[len("storage/"):]))
            if not properties:
                raise Refusal(404, "No properties could be found.")
            return as_json({"properties": properties, "uri": f"{self.url}/api/{rest}"}, "storage.ItemProperties")
        raise Refusal(404, "Not Found")

    def info(self, where):
        item = self.store.item(where)
        if not item:
            raise Refusal(404, "Unable to find item")
        below = self.store.children(where) if item.size is None else []
        children = [(each.names[-1], os.path.isdir(self.store.file(each))) for each in below]
        kind = "storage.FolderInfo" if item.size is None else "storage.FileInfo"
        return as_json(info_json(where, item, self.url, children), kind)

    def retrieve(self, request, where, rest):
        item = self.store.item(where)
        if not item:
            return self.checksum_text(where)
        if item.size is None:
            return self.index(where, rest)
        headers = file_headers(where, item)
        if "if-match" in request.headers and not names_tag(request.headers["if-match"], item):
            raise Refusal(412, "Precondition Failed")
        if unmodified(request.headers, item):
            return Answer(304, {name: headers[name] for name in ("ETag", "Last-Modified")})
        file = self.store.file(where)
        size = os.path.getsize(file)
        part = wanted(request.headers, item, size) if request.method == "GET" else None
        if not part:
            return Answer(200, headers, file=file, length=size)
        start, length = part
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
        return Answer(206, headers, file=file, start=start, length=length)

    def checksum_text(self, where):
        """FILE.sha256 is the checksum of FILE, though it is not stored."""
        target, kind = checksum_of(where)
        item = target and self.store.item(target)
        if not item or item.size is None:
            raise Refusal(404, "File not found.")
        return Answer(200, {"Content-Type": "application/x-checksum"}, item.checksums[kind].encode())

    def index(self, where, rest):
        if not rest.endswith("/"):
            return Answer(302, {"Location": f"{self.url}/{where.quoted}/"})
        rows = [(each.names[-1], self.store.item(each)) for each in self.store.children(where)]
        return Answer(200, {"Content-Type": "text/html;charset=UTF-8"}, index_html(where, rows))

    def deploy(self, request, user, where, folder):
        self.assert_deploy(user, where)
        before = self.store.item(where)
        if before and before.size is not None:
            self.assert_delete(user, where)
        declared = declared_checksums(request.headers)
        if folder or not where.names:
            return self.created(where, self.store.make(where, user))
        if checksum_of(where)[0]:
            return self.check(request, where)
        if request.headers.get("x-checksum-deploy", "").lower() == "true":
            upload = self.store.again(self.alike(declared))
        else:
            upload = self.store.receive(request.body.blocks())
        with upload as whole:
            verify(where, declared, whole.checksums)
            return self.created(where, self.store.place(whole, where, user, declared))

    def created(self, where, item):
        headers = {"Location": f"{self.url}/{where.quoted}"}
        if item.size is not None:
            headers["X-Checksum-Sha256"] = item.checksums["sha256"]
        return as_json(created_json(where, item, self.url), "storage.ItemCreated", 201, headers)

    def alike(self, declared):
        kind = next((kind for kind in ("sha256", "sha1") if kind in declared), None)
        if not kind:
            raise Refusal(400, "Checksum deploy failed. No checksum header "
                               "'X-Checksum-Sha1/X-Checksum-Sha256' was found.")
        found = self.store.alike(declared)
        if not found:
            raise Refusal(404, f"Checksum deploy failed. No existing file with {kind.upper()}: {declared[kind]}")
        return found

    def check(self, request, where):
        """A checksum that is deployed as FILE.sha256 is compared with FILE's and not stored."""
        target, kind = checksum_of(where)
        if request.body.chunked or request.body.declared > 1024:
            raise Refusal(409, f"Suspicious checksum file, content length of {request.body.declared} bytes "
                               "is bigger than allowed.")
        text = b"".join(request.body.blocks()).decode("latin-1").strip()
        item = self.store.item(target)
        if not item:
            raise Refusal(404, f"Target file to set checksum on doesn't exist: {target}")
        if text.lower() != item.checksums.get(kind):
            raise Refusal(409, f"Checksum error for '{'/'.join(where.names)}': received '{text}' but actual is "
                               f"'{item.checksums.get(kind)}'")
        return Answer(201, {"Location": f"{self.url}/{target.quoted}"})

    def delete(self, user, where):
        if not self.store.item(where):
            raise Refusal(404, f"Could not locate artifact '{where}' (Nothing to delete).")
        self.assert_delete(user, where)
        self.store.remove(where)
        return Answer(204)


# ---- Command line -----------------------------------------------------------

def parser():
    line = argparse.ArgumentParser(description="Serve a folder as Artifactory does, until SIGTERM.")
    line.add_argument("--port", type=int, default=0, help="0: a free one")
    line.add_argument("--root", required=True, help="folder of the repositories")
    line.add_argument("--repository", action="append", help="one more repository (generic-local)")
    line.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    line.add_argument("--token", action="append", default=[], help="of the first user")
    return line


def main():
    words = parser().parse_args()
    users = [User(*text.partition(":")[::2]) for text in words.user]
    if words.token:
        first = users.pop(0) if users else User("token")
        users.insert(0, first._replace(tokens=tuple(words.token)))
    server = Artifactory(words.root, users, None, words.repository or ("generic-local",), words.port)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with server:
        print(server.url, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
