"""What is foreign, mutated: configurations, command lines, answers, archives.

    python3 tests/mutate.py KIND... [--seed N] [--count N] [--first N] [--seconds N] [--keep]

Case N of a seed is the same each time, so what it prints of a fault is what shows it again:

    python3 tests/mutate.py answers --seed 7 --first 1234 --count 1 --keep

Each case is a process of its own with a folder of its own. It has to end by itself within SECONDS,
with one of the statuses that skelebot has, in less than MEMORY, without a traceback or a raw escape
sequence on the terminal, without a temporary file left, and without a file elsewhere.
"""
import argparse
import functools
import glob
import gzip
import hashlib
import io
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from typing import Any, Dict, NamedTuple, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.dirname(HERE))
sys.dont_write_bytecode = True

import skelebot  # noqa: E402  (it lies in the folder above)
import yaml  # noqa: E402

SECONDS = 5             # for all calls of a case, on a machine that has nothing else to do
MEMORY = 256            # MiB
GUARD = 3 << 30         # bytes of address space: what wants more is ended before the machine suffers
LARGEST = 1 << 29       # bytes of one file
BROKEN = 70             # exit status of a case whose call has raised something
PROGRAMS = ("docker", "podman", "git", "aws", "kubectl", "kinit", "ssh", "bash", "python3",
            "Rscript", "ps", "sh")


class Case(NamedTuple):
    """What one process does.

    calls     the words of each call of skelebot, one after the other
    files     path -> bytes below the case's folder: project/, home/, store/
    serve     what answers at a socket, as a function of the one that listens; PORT stands for its port
    engine    what answers at the engine's socket, likewise
    programs  name -> script, instead of those that only note that they were run
    runs      whether programs may be run
    hidden    a word that may be no word of a program's
    """
    calls: Tuple[Tuple[str, ...], ...]
    files: Dict[str, bytes] = {}
    environ: Dict[str, str] = {}
    serve: Any = None
    engine: Any = None
    programs: Dict[str, bytes] = {}
    runs: bool = False
    hidden: str = ""


# ---- Mutations --------------------------------------------------------------

HOSTILE = [
    "\x00", "\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\x07", "\r", "\n", "\t", "\x0b", "\x85", "\xa0",
    "\u2028", "\u3000", "\ufeff",
    "\u202e", "\ud800", "\udcff", "\U0001f600", "\u0661", "\u00b2", "\ufb01", "é", "e\u0301", "İ",
    "$(id)", "`id`", "${HOME}", "$HOME",
    "$", "%s", "%(x)s", "{0}", "{name.__class__}", "\\", "\\1", "\\N", "'", '"', "''", '"""', ";",
    "&&", "|", "*", "?", "[", "[!", "[a-",
    "(", "(?", "**/", "../", "../../..", "/", "//", "~", "~root", "~nobody/x", ".", "..", "-", "--",
    "---", "--help", "--dry-run",
    "--env-file=/etc/passwd", "-v/:/x", "=", "==", ":", "::", "@", "@@", ",", "+", "#", " #", "!",
    "!!", "<", ">", "<<", "&", "&a", "*a",
    "0", "-0", "-1", "1e999", "1e-999", ".inf", "-.inf", ".nan", "nan", "0x10", "0o17", "0b1",
    "1_000", "12:30:45", "2001-01-01", "9" * 30,
    "9" * 400, "1.2.3", "~1", "null", "NULL", "true", "yes", "off", "None", "LATEST", "LATEST!",
    "ALL", "local", "a" * 300, "a/" * 150,
    "unix:///x", "tcp://127.0.0.1:1", "ssh://-oProxyCommand=id/x", "ssh://a@b", "npipe://x",
    "http://[", "http://u:p@h", "https://h:99999/",
    "file:///etc/passwd", "github:a/b", "req:../../x", "!!python/object/apply:os.system [id]",
    "!!binary AAA", "!!set {a}", "!!timestamp x",
    "!!int x", "!!float x", "|", ">-", "? ", "- ", "- - - ", "{", "}", "]", "{a: ", "[a, ",
    "%YAML 9.9", "%TAG ! x", "\r\n", "...",
]
OPENING = ["[", "{", "- ", "? ", "!!seq [", "&a [", "[[", "{a: ", "(", "<", '"', "'", "\\", "*",
           "a", " ", "\n", "\t", "\xa0", "0", "#\n", "- x\n"]


def read_bytes(path, most=-1):
    with open(path, "rb") as file:
        return file.read(most)


def encoded(text):
    return text.encode("utf-8", "surrogatepass")


def some(rng, few=3, many=60):
    """A number that is mostly small."""
    return rng.randint(1, few) if rng.random() < 0.8 else rng.randint(1, many)


def hostile(rng):
    """A text that somebody has thought of: one, two of them, or one very often."""
    luck = rng.random()
    if luck < 0.06:
        return rng.choice(OPENING) * rng.choice([20, 200, 2000, 30000])
    if luck < 0.2:
        return rng.choice(HOSTILE) + rng.choice(HOSTILE)
    return rng.choice(HOSTILE)


def span(rng, size, most=40):
    start = rng.randrange(size + 1)
    return start, min(size, start + rng.randint(0, most))


def by_bytes(rng, data):
    """Flipped, put in, cut out, said twice, cut off."""
    start, end = span(rng, len(data))
    one = bytes([rng.randrange(256)])
    return rng.choice([
        lambda: data[:start] + one + data[start + 1:],
        lambda: data[:start] + one * some(rng) + data[start:],
        lambda: data[:start] + encoded(hostile(rng)) + data[end:],
        lambda: data[:start] + data[end:],
        lambda: data[:end] + data[start:],
        lambda: data[:start],
        lambda: data[:start] + data[start:end] * some(rng, 3, 2000) + data[end:],
        lambda: data[:start] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[start:start + 1])
        + data[start + 1:],
    ])()


def by_lines(rng, data):
    """A line goes, comes twice or very often, moves, or stands further to the right or left."""
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    line = lines[one]
    replaced = rng.choice([
        lambda: [],
        lambda: [line] * rng.choice([2, 2, 3, 100, 5000]),
        lambda: [lines[other]],
        lambda: [b" " * rng.choice([1, 2, 3, 4, 8, 400]) + line],
        lambda: [line.lstrip()],
        lambda: [line.replace(b" ", b"\t")],
        lambda: [line.rstrip() + b" " + lines[other].strip()],
        lambda: [line, encoded(hostile(rng))],
        lambda: [line + rng.choice([b" ", b"\t", b" #", b":", b" |", b" >", b" &a", b" *a", b"\\",
                                    b"\r"])],
    ])()
    return b"\n".join(lines[:one] + replaced + lines[one + 1:])


def by_tokens(rng, data):
    """A word or a sign becomes another one, of this text or of those that are hostile."""
    tokens = list(re.finditer(rb"[\w.-]+|[^\w\s]", data))
    if not tokens:
        return encoded(hostile(rng))
    token = rng.choice(tokens)
    new = encoded(hostile(rng)) if rng.random() < 0.6 else rng.choice(tokens).group()
    return data[:token.start()] + new + data[token.end():]


def repeated(rng, mutations, data):
    for _ in range(some(rng, 3, 8)):
        data = rng.choice(mutations)(rng, data)[:1 << 22]
    return data


# ---- Configurations ---------------------------------------------------------

@functools.lru_cache(None)
def corpus():
    """The configurations of all three generations, good and broken, in order: (path, bytes)."""
    paths = sorted(glob.glob(os.path.join(HERE, "projects", "**", "*.yaml"), recursive=True))
    return [(path, read_bytes(path)) for path in paths]


@functools.lru_cache(None)
def trees():
    """The values of those that are YAML."""
    found = []
    for _, data in corpus():
        try:
            value = json.loads(json.dumps(yaml.safe_load(data.decode("utf-8")), default=str))
            found += [value] if isinstance(value, dict) else []
        except (TypeError, ValueError, yaml.YAMLError, RecursionError):
            pass
    return found


def spots(value, found):
    """(container, key) of everything in a value."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        found.append((value, key))
        spots(value[key], found)
    return found


def deep(rng):
    value = rng.choice([{}, [], "x", None])
    for _ in range(rng.choice([3, 30, 90])):
        value = [value] if rng.random() < 0.5 else {"name": value}
    return value


def random_value(rng):
    return rng.choice([
        lambda: None, lambda: True,
        lambda: rng.choice([0, -1, 10 ** 30, 1.5, float("inf"), float("nan")]),
        lambda: [], lambda: {}, lambda: "", lambda: hostile(rng), lambda: hostile(rng),
        lambda: hostile(rng), lambda: [hostile(rng)] * some(rng, 3, 500),
        lambda: {hostile(rng): hostile(rng)}, lambda: b"\xff\x00", lambda: deep(rng),
        lambda: {str(number): number for number in range(rng.choice([3, 2000]))},
    ])()


def by_tree(rng, value):
    """A value, key or branch becomes another one."""
    value = json.loads(json.dumps(value, default=str))
    for _ in range(some(rng, 3, 10)):
        container, key = rng.choice(spots(value, []) or [({"": 0}, "")])
        others = spots(rng.choice(trees()), [])
        other, branch = rng.choice(others)
        change = rng.randrange(9)
        if isinstance(container[key], str) and change > 6:
            start, end = span(rng, len(container[key]), 3)
            container[key] = container[key][:start] + hostile(rng) + container[key][end:]
        elif change == 0:
            container.pop(key)
        elif change == 1:
            container[key] = json.loads(json.dumps(other[branch], default=str))
        elif change == 2:
            container[key] = [container[key]] * some(rng, 2, 400)
        elif change == 3 and isinstance(container, dict):
            container[branch if isinstance(branch, str) else hostile(rng)] = container.pop(key)
        elif change == 4 and isinstance(container[key], list):
            container[key] = container[key] * some(rng, 3, 200)
        else:
            container[key] = random_value(rng)
    return value


def as_yaml(rng, value):
    try:
        if rng.random() < 0.3:
            return encoded(json.dumps(value, ensure_ascii=rng.random() < 0.5, default=str))
        return encoded(yaml.safe_dump(value, allow_unicode=True,
                                      default_flow_style=rng.choice([None, True, False])))
    except (yaml.YAMLError, UnicodeError, ValueError):
        return encoded(json.dumps(value, default=str))


def mutated_yaml(rng, data):
    if rng.random() < 0.35:
        data = as_yaml(rng, by_tree(rng, rng.choice(trees())))
    if rng.random() < 0.2:
        return data
    return repeated(rng, [by_bytes, by_lines, by_tokens, by_tokens], data)


def job_names(data):
    names = re.findall(rb"\bname: *[\"']?([\w.-]+)", data)
    return [name.decode("utf-8", "replace") for name in names] or ["train"]


def configuration(rng):
    """A project whose skelebot.yaml, or that of an environment, was mutated."""
    path, data = rng.choice(corpus())
    mutated, jobs = mutated_yaml(rng, data), job_names(data)
    files = {"project/VERSION": b"1.2.0\n"}
    env = os.path.basename(path).startswith("skelebot-") and rng.random() < 0.7
    if env:
        files["project/skelebot.yaml"] = read_bytes(os.path.join(os.path.dirname(path), "skelebot.yaml"))
        files["project/skelebot-dev.yaml"] = mutated
    else:
        files["project/skelebot.yaml"] = mutated
    before = ("-e", "dev") if env else ()
    job = rng.choice(jobs)
    return Case(calls=tuple((*before, *words) for words in (
        ("--help",), ("--dry-run", job),
        ("-n", "--dry-run", job, *rng.sample(["1", "x", "--epochs", "9"], 2)),
        rng.choice([("--dry-run", "envs"), ("--dry-run", "prime"), ("--dry-run", "publish"),
                    ("--dry-run", "package"), ("--contact",), ("--version",),
                    ("--dry-run", "pull", "ALL", "LATEST"), ("--dry-run", "jupyter"),
                    ("--dry-run", "help", job),
                    ("--help", job), ("--dry-run", "exec"),
                    ("--dry-run", "scaffold", "-e", "-y"), ("--dry-run", "push", "ALL")]))),
                files=files)


# ---- Command lines ----------------------------------------------------------

GOOD = ("1.x", "2.x", "2019", "help")


@functools.lru_cache(None)
def good_files(name):
    folder = os.path.join(HERE, "projects", name)
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    found = {"project/" + os.path.basename(path): read_bytes(path) for path in paths if os.path.isfile(path)}
    return {"project/VERSION": b"1.2.0\n", "project/data/a.csv": b"1\n",
            "project/models/model.pkl": b"m", **found}


def spellings(option):
    return [skelebot.spelling(name) for name in (option.name, option.alt) if name]


@functools.lru_cache(None)
def vocabulary(name):
    """The words that mean something in a project: options, jobs and commands, what may follow them."""
    project = skelebot.read_folder(os.path.join(HERE, "projects", name))
    options = [spelled for option in skelebot.OPTIONS for spelled in spellings(option)]
    commands = [*(job.name for job in project.jobs), *skelebot.COMMANDS]
    params = [param for job in project.jobs for param in job.params]
    params += [param for command in skelebot.COMMANDS.values() for param in command.params]
    args = [arg for job in project.jobs for arg in job.args]
    known = [spelled for param in params for spelled in spellings(param)]
    known += [str(choice) for one in (*params, *args) for choice in one.choices or ()]
    known += ["major", "minor", "patch", "install", "list", "remove", "ALL", "LATEST", "LATEST!",
              "model", "1.2.0", "dev", "--", "+"]
    return options, commands, known


def word_or_other(rng, words):
    luck = rng.random()
    if luck < 0.6:
        return rng.choice(words)
    if luck < 0.75:
        return rng.choice(words) + rng.choice(["=", "="]) + hostile(rng)
    if luck < 0.85:
        data = repeated(rng, [by_bytes], encoded(rng.choice(words)))
        return data.decode("utf-8", "surrogateescape")
    return hostile(rng)


def as_argument(word):
    """A word as the operating system could have given it."""
    data = word.encode("utf-8", "replace" if re.search("[\ud800-\udbff]", word) else "surrogateescape")
    return data[:100000].replace(b"\0", b"").decode("utf-8", "surrogateescape")


INSIDE = ("bump", "envs", "package", "plugin", "schema", "completion", "help", "push", "pull",
          "clean", "runs")


def command_line(rng):
    """`--dry-run` and words; or, for commands that start no program, words that lead nowhere else."""
    name = rng.choice(GOOD)
    options, commands, known = vocabulary(name)
    files = dict(good_files(name))
    inside = [command for command in INSIDE if commands.count(command) == 1]    # twice: also a job
    real = rng.random() < 0.25
    before = () if real else range(rng.choice([0, 0, 0, 1, 2, 4]))
    words = [*([] if real else ["--dry-run"]), *(word_or_other(rng, options) for _ in before)]
    for group in range(rng.choice([1, 1, 1, 2, 3])):
        words += ["+"] if group else []
        words += [rng.choice(inside) if real else word_or_other(rng, commands)]
        words += [word_or_other(rng, known) for _ in range(rng.choice([0, 1, 1, 2, 3, 6]))]
    if rng.random() < 0.02:
        words += [rng.choice(known)] * 3000
    words = list(map(as_argument, words))
    if real:
        words = [re.sub(r"[/~]|\.\.", "x", word) for word in words]
        text = files["project/skelebot.yaml"]
        files["project/skelebot.yaml"] = re.sub(rb"https?://", b"http://127.0.0.1:1/", text)
    return Case(calls=(tuple(words),), files=files)


# ---- Answers ----------------------------------------------------------------

STORED = b"0123456789abcdef" * 300
STATUSES = [100, 101, 102, 103, 199, 200, 201, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400,
            401, 403, 404, 407, 409, 412, 413, 416, 429, 500,
            501, 503, 505, 507, 599, 600, 999, 1000, 0, -1]
NAMES = ["Content-Length", "Content-Type", "Transfer-Encoding", "Content-Range", "ETag", "Location",
         "Retry-After", "Content-Encoding",
         "X-Checksum-Sha256", "x-amz-meta-sha256", "x-amz-bucket-region", "Connection",
         "Set-Cookie", "WWW-Authenticate", "X-Artifactory-Filename"]


class Reply(NamedTuple):
    """An HTTP answer before it is bytes.

    for_ever  what is sent again and again after it, until nobody listens
    pause     seconds between its bytes; or, if there are many, of silence after some of them
    """
    status: str
    headers: Tuple[Tuple[str, str], ...]
    body: bytes
    before: bytes = b""
    for_ever: bytes = b""
    pause: float = 0


def reply(status, body=b"", length=True, **headers):
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Reply(f"HTTP/1.1 {status} {'OK' if status < 300 else 'No'}",
                 (*named, *([("Content-Length", str(len(body)))] if length else [])), body)


def as_bytes(answer, head_only=False):
    head = "\r\n".join([answer.status, *(f"{name}: {value}" for name, value in answer.headers), "",
                        ""])
    return answer.before + head.encode("utf-8", "surrogatepass") + (b"" if head_only else answer.body)


def header_value(rng, name, value):
    number = str(rng.choice([0, 1, -1, 5, 4799, 4800, 4801, 10 ** 6, 10 ** 12, 2 ** 63, 2 ** 64,
                             10 ** 30]))
    fitting = {
        "Content-Length": [number, number, "+5", "0x10", "5, 5", "5, 6", " ", "\u0665"],
        "Transfer-Encoding": ["chunked", "gzip, chunked", "identity", "chunked, chunked",
                              "CHUNKED"],
        "Content-Range": [f"bytes {number}-{number}/{number}", "bytes */0", "bytes 0-",
                          "bytes 10-4799/4800"],
        "Location": ["/", "", "http://127.0.0.1:1/", "//", "http://[", "http://127.0.0.1:PORT/x",
                     "file:///etc/passwd", "ftp://h/x", "https://127.0.0.1:PORT/",
                     "http://u:p@127.0.0.1:PORT/", "http://127.0.0.1:99999/", "?" * 5000,
                     "javascript:1", "http://127.0.0.1:PORT/\x1b[2J"],
        "Retry-After": [number, "Wed, 21 Oct 2999 07:28:00 GMT", "Wed, 99 Xxx 9999 99:99:99 GMT",
                        "-5", "1e9"],
        "ETag": ['"a"', 'W/"a"', "", '"' * 50, '"\x1b"'],
        "Content-Type": ["text/html", "application/json", "text/html; charset=utf-7", "x" * 500],
        "Content-Encoding": ["gzip", "br", "deflate"],
        "X-Checksum-Sha256": ["0" * 64, "x" * 64, "", "0" * 63],
    }.get(name, [])
    return rng.choice([value, hostile(rng), number, *fitting * 3])


def chunked(rng, body):
    """A body in chunks, of which something may be wrong."""
    out, at = b"", 0
    while at < len(body):
        size = rng.choice([1, 7, 100, 4096, 1 << 20])
        part = body[at:at + size]
        told = rng.choice([b"%x" % len(part)] * 12 + [b"%X" % len(part), b"0x5", b"-1", b"", b"f" * 40,
                                                      b"7fffffffffffffff", b"zz"])
        more = rng.choice([b""] * 6 + [b";a=b", b";" + b"x" * 70000])
        out += told + more + b"\r\n" + part + rng.choice([b"\r\n"] * 20 + [b"", b"\n"])
        at += size
    trailers = b"X: y\r\n" * rng.choice([1, 2000])
    return out + rng.choice([b"0\r\n\r\n"] * 4 + [b"", b"0\r\n" + trailers + b"\r\n"])


ENDLESS = [b"x" * 4096, b"X-A: b\r\n" * 500, b"5;" + b"e" * 1000 + b"\r\nabcde\r\n",
           b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b"\0" * 4096,
           b"[" * 4096, b"<a href='x'>" * 300, b"{}," * 1000, b"<Key>a</Key>" * 300, b"\r\n" * 2000]


def mutated_reply(rng, answer):
    for _ in range(some(rng, 2, 5)):
        headers = list(answer.headers)
        index = rng.randrange(len(headers)) if headers else 0
        change = rng.randrange(12)
        if change == 0:
            status = rng.choice([f"HTTP/1.1 {rng.choice(STATUSES)} {hostile(rng)}",
                                 f"HTTP/1.1 {rng.choice(STATUSES)}", hostile(rng), "",
                                 f"HTTP/{rng.choice(['1.0', '2', '0.9', 'x', '1.1.1'])} 200 OK",
                                 "ICY 200 OK", "HTTP/1.1 200 " + "x" * 70000])
            answer = answer._replace(status=status)
        elif change in (1, 2) and headers:
            headers[index] = (headers[index][0], header_value(rng, *headers[index]))
        elif change in (3, 4):
            name = rng.choice(NAMES)
            headers.insert(index, (name, header_value(rng, name, "x")))
        elif change == 5 and headers:
            headers.pop(index)
        elif change == 6:
            headers += [(rng.choice(["X-Many", "", hostile(rng)]),
                         rng.choice(["x", "y" * 70000]))] * rng.choice([1, 50, 200, 5000])
        elif change == 7:
            answer = answer._replace(before=rng.choice([
                b"HTTP/1.1 100 Continue\r\n\r\n" * rng.choice([1, 100, 5000]), b"\r\n", b"\0" * 100,
                b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", b"x" * 70000]))
        elif change == 8:
            headers = [pair for pair in headers if pair[0] != "Content-Length"]
            headers += [("Transfer-Encoding", "chunked")]
            answer = answer._replace(body=chunked(rng, answer.body))
        elif change == 9 and rng.random() < 0.3:
            answer = answer._replace(for_ever=rng.choice(ENDLESS))
        elif change == 10 and rng.random() < 0.3:
            answer = answer._replace(pause=rng.choice([0.02, 0.3, 600]))
        else:
            body = rng.choice([
                lambda: repeated(rng, [by_bytes, by_tokens], answer.body),
                lambda: hostile(rng).encode("utf-8", "replace"),
                lambda: rng.choice([b"[", b"{\"a\":", b"<Code>", b"<title>", b"<a ", b"<Key>",
                                    b"\x1b[2J", b"<a href=", b"{}"]) * rng.choice([1, 400, 40000]),
                lambda: answer.body * rng.choice([0, 2, 50]),
                lambda: answer.body[:rng.randrange(len(answer.body) + 1)]])()
            fitting = rng.random() < 0.6
            headers = [(name, str(len(body)) if name == "Content-Length" and fitting else value)
                       for name, value in headers]
            answer = answer._replace(body=body)
        answer = answer._replace(headers=tuple(headers))
    return answer


def mutated_bytes(rng, data):
    return repeated(rng, [by_bytes, by_bytes, by_lines], data) if rng.random() < 0.2 else data


def received(connection):
    """The head of a request, once its body has come as well."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return ""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    missing = int(length.group(1)) - len(body) if length else 0
    while missing > 0:
        more = connection.recv(65536)
        if not more:
            break
        missing -= len(more)
    return head.decode("latin-1")


def send(connection, data, pause):
    """Send bytes at once, one by one, or only some of them."""
    if not pause:
        return connection.sendall(data)
    if pause > SECONDS:
        connection.sendall(data[:len(data) // 3])
        return select.select([connection], [], [], pause)
    for at in range(len(data)):
        connection.sendall(data[at:at + 1])
        if select.select([connection], [], [], pause)[0]:
            return


def server(rng, good, share):
    """What answers at a socket: as `good` (head, port -> Reply) does, but for a share that is mutated."""
    def serve(listening):
        port = listening.getsockname()[1] if listening.family == socket.AF_INET else 0
        while True:
            connection, _ = listening.accept()
            try:
                head = received(connection)
                answer, head_only = good(head, port), head.startswith("HEAD ")
                if rng.random() < share:
                    answer = mutated_reply(rng, answer)
                data = as_bytes(answer, head_only)
                data = mutated_bytes(rng, data) if share else data
                send(connection, data.replace(b"PORT", str(port).encode()), answer.pause)
                while answer.for_ever:
                    connection.sendall(answer.for_ever)
            except OSError:
                pass
            connection.close()
    return serve


SHA = hashlib.sha256(STORED).hexdigest()


def as_artifactory(head, port):
    """What Artifactory says to a push or pull of a model that is there in two versions, or is not."""
    method, path = (head.split(" ") + ["", ""])[:2]
    if path.startswith("/api/storage"):
        children = [{"uri": f"/model_v{version}.bin",
                     "folder": False} for version in ("1.0.0", "1.2.0", "2.0.0")]
        return reply(200, json.dumps({"repo": "ml", "children": children}).encode(),
                     Content_Type="application/json")
    if method == "PUT":
        return reply(201, json.dumps({"checksums": {"sha256": SHA}}).encode(),
                     Content_Type="application/json")
    if "_v1.1.0" in path or method == "DELETE":
        return reply(404, b'{"errors": [{"status": 404, "message": "File not found."}]}',
                     Content_Type="application/json")
    if path.endswith("/"):
        return reply(200, b'<html><a href="model_v1.0.0.bin">x</a><a href="../">..</a></html>',
                     Content_Type="text/html")
    return reply(200, STORED, Content_Type="application/octet-stream", ETag='"a1"',
                 X_Checksum_Sha256=SHA)


def as_s3(head, port):
    method, path = (head.split(" ") + ["", ""])[:2]
    if "list-type=2" in path:
        keys = "".join(f"<Contents><Key>p/model_v{version}.bin</Key></Contents>"
                       for version in ("1.0.0", "1.2.0"))
        page = f"<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"
        return reply(200, page.encode(), Content_Type="application/xml")
    if "_v1.1.0" in path and method != "PUT":
        return reply(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>",
                     Content_Type="application/xml")
    if method == "PUT":
        return reply(200, ETag='"b2"')
    return reply(200, STORED, ETag='"a1"', x_amz_meta_sha256=SHA)


PLUGIN = "import skelebot\n\n\nclass Stamp(skelebot.Component):\n    pass\n"


def plugin_zip(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {"stamp/stamp.py": PLUGIN, "stamp/README.md": "A plugin.\n" * 50,
                           **files}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return data.getvalue()


def as_plugins(head, port):
    return reply(200, plugin_zip(), Content_Type="application/zip")


def store_project(store):
    return {"project/skelebot.yaml": json.dumps({"name": "churn", "components": {"repository": {
        **store, "artifacts": [{"name": "model", "file": "model.bin"}]}}}).encode(),
            "project/VERSION": b"1.1.0\n", "project/model.bin": STORED}


ARTIFACTORY = {"artifactory": {"url": "http://127.0.0.1:PORT", "repo": "ml", "path": "churn"}}
S3 = {"s3": {"bucket": "b/p", "region": "eu-central-1", "endpoint": "http://127.0.0.1:PORT"}}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "s", "ARTIFACTORY_USER": "ada",
        "ARTIFACTORY_TOKEN": "hunter2"}
TRANSFERS = [("pull", "model", "1.0.0"), ("pull", "model", "LATEST"), ("pull", "model", "LATEST!"),
             ("pull", "model", "1.0.0", "-o"),
             ("push", "model"), ("push", "model", "-f"), ("pull", "model", "1.1.0")]


def store_answers(rng):
    good, store = rng.choice([(as_artifactory, ARTIFACTORY), (as_s3, S3)])
    return Case(calls=(rng.choice(TRANSFERS),), files=store_project(store), environ=KEYS,
                serve=server(rng, good, rng.choice([0.3, 0.6, 1])))


def plugin_answers(rng):
    return Case(calls=(("plugin", "install", "http://127.0.0.1:PORT/stamp.zip"),
                       ("plugin", "list")), serve=server(rng, as_plugins, 1),
                files=store_project(ARTIFACTORY))


IMAGE = "sha256:" + "ab" * 32
FAKE_DOCKER = """#!/bin/sh
printf '%s\\0' "$@" >>"$FAKE/argv"
for word in "$@"; do
  case $before in --iidfile) cat "$FAKE/iid" >"$word" ;; esac
  before=$word
done
case "$*" in
  *inspect*) cat "$FAKE/inspect"; exit $(cat "$FAKE/status") ;;
  *"buildx version"*) cat "$FAKE/buildx" ;;
  *version*) cat "$FAKE/version" ;;
  *context*) cat "$FAKE/context" ;;
  *build*) cat "$FAKE/build"; exit $(cat "$FAKE/status") ;;
  *images*) cat "$FAKE/inspect" ;;
  *) cat "$FAKE/other" ;;
esac
"""
EVIL = ["--env-file=HIDDEN", "-vHIDDEN:/x", "\n--env-file=HIDDEN", IMAGE + "\n--env-file=HIDDEN",
        IMAGE + " --env-file=HIDDEN", "sha256:--env-file=HIDDEN"]
SAID = {"inspect": IMAGE + "\n", "iid": IMAGE, "version": "Docker version 24.0.7, build afdd53b\n",
        "buildx": "github.com/docker/buildx v0.11.2\n",
        "context": "default\n", "build": f"Successfully built {IMAGE[7:19]}\n",
        "other": IMAGE + "\n", "status": "0"}


def said(rng, name, good):
    luck = rng.random()
    if name == "status":
        return rng.choice([b"0", b"0", b"1", b"125", b"137"])
    if luck < 0.35:
        return good.encode()
    if luck < 0.6:
        return rng.choice(EVIL).encode()
    if luck < 0.65:
        return (good * rng.choice([100, 100000])).encode()[:8 << 20]
    return repeated(rng, [by_bytes, by_bytes, by_lines, by_tokens], good.encode())


def as_engine(rng):
    """An engine's socket: what it says of an image."""
    evil = rng.choice([IMAGE, IMAGE, *EVIL])

    def good(head, port):
        return reply(200, json.dumps({"Id": evil, "RepoTags": ["churn:latest"],
                                      "Config": {"Labels": {}}}).encode(),
                     Content_Type="application/json")
    return good


def engine_answers(rng):
    """A build and a job with a command line, and an engine's socket, that say what they like."""
    config = {"name": "churn", "baseImage": "base",
              "jobs": [{"name": "train", "source": "echo hi"}]}
    files = {"project/skelebot.yaml": json.dumps(config).encode(), "fake/argv": b"",
             **{"fake/" + name: said(rng, name, good) for name, good in SAID.items()}}
    for name in ("fake/other", "fake/build"):       # what these say is a job's or docker's own
        files[name] = re.sub(rb"[\x00-\x1f\x7f-\x9f]", b"", files[name])
    calls = rng.choice([(("train",), ("train",)), (("prime",), ("train",)), (("-s", "train"),),
                        (("--dry-run", "train"),), (("train",), ("exec", "--", "ls")),
                        (("publish",),), (("jupyter",),)])
    return Case(calls=calls, files=files, programs={"docker": FAKE_DOCKER.encode()}, runs=True,
                hidden="HIDDEN",
                engine=server(rng, as_engine(rng), rng.choice([0, 0.5, 1])),
                environ={"DOCKER_HOST": rng.choice(["unix://ENGINE"] * 2 + ["tcp://127.0.0.1:PORT"])})


def answers(rng):
    return rng.choice([store_answers, store_answers, plugin_answers, engine_answers])(rng)


# ---- Archives ---------------------------------------------------------------

EVIL_NAMES = ["../x", "/abs", "..", ".", "", "a/../../x", "a//b", "a\\..\\b", "a" * 300,
              "a/" * 400 + "b", "\x1b[2J", "CON", "a\n", "\udcff", ".", "a/.",
              "dir", "dir/a.txt", "é", "a:b", "~"]


PAX = ["path", "linkpath", "size", "mtime", "uid", "gid", "uname", "GNU.sparse.major",
       "GNU.sparse.map",
       "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size", "hdrcharset", "SCHILY.xattr.x"]
PAX_VALUES = ["", "x", "-1", "1e9", "nan", "0,1,0", "1", "9" * 30, "../x", "/abs", "BINARY",
              "1099511627776",
              "x" * 100000]


def mutated_header(rng, info):
    """A member of a tar archive whose header says something else."""
    change = rng.randrange(9)
    if change == 0:
        info.name = rng.choice(EVIL_NAMES)
    elif change == 1:
        info.type = rng.choice([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
                                tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE,
                                tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE,
                                tarfile.XGLTYPE, b"Z", b"\0"])
        info.linkname = rng.choice(["", "a.txt", "../x", "/etc/passwd", "dir", "loop", ".",
                                    "b/c.txt"])
    elif change == 2:
        info.size = rng.choice([0, 1, 511, 512, 513, 10 ** 6, 2 ** 33 - 1, 8 ** 11, 2 ** 62])
    elif change == 3:
        info.mode = rng.choice([0, 0o7777, 0o4755, 2 ** 20])
    elif change == 4:
        info.mtime = rng.choice([-1, 0, 2 ** 33, 2 ** 62, 1.5])
    elif change == 5:
        info.pax_headers = {rng.choice(PAX): rng.choice(PAX_VALUES)}
    elif change == 6:
        info.uid = info.gid = rng.choice([-1, 2 ** 21, 2 ** 40])
    elif change == 7:
        info.name += "/" * rng.randint(0, 3)
    return info


def tar_bytes(rng, mutated):
    """An archive of a small folder; of the mutated one, some headers say something else."""
    data = io.BytesIO()
    form = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    with tarfile.open(fileobj=data, mode="w", format=form, errors="surrogateescape") as archive:
        for name, text in [("a.txt", b"a" * 1000), ("b", None), ("b/c.txt", b"c" * 3),
                           ("b/d", None), ("b/d/e.bin", bytes(range(256)) * 20)]:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(text or b""), tarfile.REGTYPE if text else tarfile.DIRTYPE
            info.mode = 0o644 if text else 0o755
            if mutated and rng.random() < 0.3:
                info = mutated_header(rng, info)
            for _ in range(rng.choice([1] * 30 + [2, 300]) if mutated else 1):
                try:
                    source = io.BytesIO((text or b"") + b"\0" * 4096)
                    archive.addfile(info, source if info.size < 8192 else None)
                except (ValueError, OSError, struct.error, UnicodeError, OverflowError, TypeError):
                    pass                # tarfile itself will not write this one
    return data.getvalue()


def with_checksums(data):
    """The archive's headers again, with the checksums that fit them."""
    out = bytearray(data)
    for start in range(0, len(out) - 511, 512):
        block = out[start:start + 512]
        if block[257:262] == b"ustar":
            total = sum(block[:148]) + sum(block[156:]) + 8 * 32
            out[start + 148:start + 156] = b"%06o\0 " % total
    return bytes(out)


def in_headers(rng, data):
    """A field of a header overwritten."""
    starts = [start for start in range(0, len(data),
                                       512) if data[start + 257:start + 262] == b"ustar"]
    if not starts:
        return data
    field, size = rng.choice([(0, 100), (100, 8), (108, 8), (124, 12), (136, 12), (156, 1),
                              (157, 100), (257, 8), (345, 155), (386, 12), (482, 1), (483, 12)])
    value = rng.choice([b"\xff" * 12, b"\x80" + b"\0" * 10 + b"\x01", b"77777777777\0", b"-1",
                        b"\0", b" " * 12, b"99999", b"x", b"S", b"L", b"K", b"x", b"g",
                        b"1", b"2", b"5", b"../../x\0", b"/abs\0",
                        bytes(rng.randrange(256) for _ in range(12)),
                        b"\x80" + b"\xff" * 11])[:size]
    start = rng.choice(starts) + field
    return data[:start] + value + data[start + len(value):]


def compressed(rng, data):
    """gzip as it is, in two pieces, with something behind it, or something else altogether."""
    whole = gzip.compress(data, rng.choice([1, 6, 9]))
    half = len(data) // 2
    return rng.choice([
        lambda: whole, lambda: whole, lambda: whole, lambda: whole, lambda: whole,
        lambda: gzip.compress(data[:half]) + gzip.compress(data[half:]),
        lambda: whole + b"\0" * rng.choice([1, 5000]), lambda: whole + whole,
        lambda: whole + b"x" * 50, lambda: gzip.compress(whole), lambda: data,
        lambda: gzip.compress(data + b"\0" * rng.choice([10 ** 6] * 9 + [10 ** 8])),
        lambda: __import__("bz2").compress(data), lambda: __import__("lzma").compress(data)])()


def bombs(rng):
    """Archives that are small and say they are large."""
    info = tarfile.TarInfo("a.txt")
    kind = rng.randrange(4)
    if kind == 0:                       # a header that announces a header of 1.5 GB
        info.name, info.type, info.size = "././@PaxHeader", tarfile.XHDTYPE, 1500 * 10 ** 6
        return gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * rng.choice([1024, 10 ** 8]))
    if kind == 1:                       # a file of zeros
        info.size = rng.choice([10 ** 7, 10 ** 8])
        return gzip.compress(info.tobuf() + b"\0" * (info.size // 512 * 512 + 1536))
    if kind == 2:                       # a sparse terabyte
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                            "GNU.sparse.name": "a.txt", "GNU.sparse.realsize": str(10 ** 12)}
        info.size = 512
        sparse = (b"1\n%d\n0\n" % 10 ** 12).ljust(512, b"\0")
        return gzip.compress(info.tobuf(tarfile.PAX_FORMAT) + sparse + b"\0" * 1024)
    many = range(rng.choice([1000, 4000]))
    return gzip.compress(b"".join(tarfile.TarInfo(str(number)).tobuf() for number in many) + b"\0" * 1024)


def mutated_tar(rng):
    if rng.random() < 0.02:
        return bombs(rng)
    data = tar_bytes(rng, rng.random() < 0.7)
    luck = rng.random()
    for _ in range(some(rng, 3, 10) if luck < 0.4 else 0):
        data = in_headers(rng, data)
    if luck < 0.3:
        data = with_checksums(data)
    elif 0.4 < luck < 0.6:
        data = repeated(rng, [by_bytes], data)
    data = compressed(rng, data)
    return repeated(rng, [by_bytes], data) if rng.random() < 0.25 else data


def pulled_archive(rng):
    data, name = mutated_tar(rng), "model_v1.0.0.tar.gz"
    files = {"project/skelebot.yaml": json.dumps({"name": "churn", "components": {"repository": {
        "folder": {"path": "STORE"}, "artifacts": [{"name": "model", "file": "out/"}]}}}).encode(),
             "store/" + name: data}
    if rng.random() < 0.8:
        files[f"store/{name}.sha256"] = f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()
    if rng.random() < 0.3:
        files["project/out/before.txt"] = b"before"
    return Case(calls=(rng.choice([("pull", "model", "1.0.0", "-o"), ("pull", "model", "1.0.0")]),),
                files=files)


def mutated_zip(rng):
    evil = EVIL_NAMES + ["stamp/" + name for name in EVIL_NAMES]
    names = {rng.choice(evil): "x" * rng.choice([0, 5, 100])
             for _ in range(rng.choice([0, 0, 1, 2]))}
    try:
        data = plugin_zip(**names)
    except (ValueError, UnicodeError):
        data = plugin_zip()
    luck = rng.random()
    if luck < 0.05:
        return plugin_zip(**{"stamp/zeros": "\0" * rng.choice([10 ** 7, 10 ** 8])})
    if luck < 0.1:
        return plugin_zip(**{f"stamp/{number}": "" for number in range(rng.choice([500, 4000]))})
    if luck < 0.5:                      # in what the directory at the end says
        start = data.rfind(b"PK\x01\x02")
        return data[:start] + repeated(rng, [by_bytes], data[start:])
    return repeated(rng, [by_bytes, by_bytes, by_tokens], data)


def installed_archive(rng):
    return Case(calls=(("plugin", "install", "stamp.zip"), ("plugin", "list")),
                files={**store_project(ARTIFACTORY), "project/stamp.zip": mutated_zip(rng)})


def archive(rng):
    return rng.choice([pulled_archive, pulled_archive, installed_archive])(rng)


KINDS = {"configurations": configuration, "command-lines": command_line, "answers": answers,
         "archives": archive}


# ---- One case ---------------------------------------------------------------

TRAP = b'''#!/bin/sh
case "${0##*/} $*" in
  *"image inspect "* | "docker --version" | "docker version"* | "docker --host "*" version"*) ;;         # a dry run looks, too
  "docker buildx version" | "git config user."*) ;;
  *) echo "$0 $*" >>"$TRAPPED" ;;
esac
exit 1
'''


def write(top, files, changes):
    for name, data in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        for word, value in changes.items():
            data = data.replace(word.encode(), value.encode())
        with open(path, "wb") as file:
            file.write(data)


def listening(family, address):
    one = socket.socket(family, socket.SOCK_STREAM)
    one.bind(address)
    one.listen(20)
    return one


def beside(serve, one):
    """The pid of a process that answers at a socket."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(120)
            serve(one)
        finally:
            os._exit(0)
    one.close()
    return pid


WRITES = {"open": 0, "os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.link": 1,
          "os.symlink": 1, "os.chmod": 0, "os.truncate": 0}


def watch(top):
    """Let a write elsewhere raise an error: from Python 3.8 on, which tell of it beforehand."""
    fine = (os.path.realpath(top) + os.sep, "/dev/", "/proc/self/")

    def hook(event, args):
        if event not in WRITES:
            return
        path = args[WRITES[event]]
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        if isinstance(path, int) or (event == "open" and not (args[2] or 0) & writing):
            return
        path = os.path.join(os.path.realpath(os.path.dirname(os.fsdecode(path)) or "."), "")
        if not path.startswith(fine):
            raise AssertionError(f"{event} outside of the case's folder: {args}")
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(hook)


def hurry():
    """Wait for nothing: what is patient about a server would only take the tests' time."""
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(seconds, 0.01))
    opens = skelebot.Exchange.__init__
    opens.__defaults__ = tuple(1 if value == skelebot.TIMEOUT else value for value in opens.__defaults__)
    for name, value in (("TIMEOUT", 1), ("SLOW_ANSWER", 1), ("GLANCE", 0.5), ("ASKING", 0.5),
                        ("GRACE", 1), ("PATIENCE", 0.2), ("PAUSES", (0, 0))):
        if not hasattr(skelebot, name):
            raise AssertionError(f"{name} has another name now")
        setattr(skelebot, name, value)


def be_case(case, top, said_to):
    """Become the process of a case; never returns."""
    status = BROKEN
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (GUARD, GUARD))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
        for number, path, flags in ((0, os.devnull, os.O_RDONLY),
                                    (1, said_to, os.O_RDWR | os.O_CREAT),
                                    (2, said_to + ".err", os.O_RDWR | os.O_CREAT)):
            os.dup2(os.open(path, flags, 0o600), number)
        sys.stdin, sys.stdout, sys.stderr = (open(number, mode, encoding="utf-8",
                                                  errors="surrogateescape", closefd=False)
                                             for number, mode in ((0, "r"), (1, "w"), (2, "w")))
        os.chdir(os.path.join(top, "project"))
        hurry()
        watch(top)
        for words in case.calls:
            os.chdir(os.path.join(top, "project"))
            status = skelebot.main(list(words))
            if status not in expected(case, words):
                print(f"\nended with {status}: {words}", file=sys.stderr)
                status = BROKEN
                break
            status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else BROKEN
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def expected(case, words):
    """The statuses that a call may end with: skelebot's own, and those of fake programs."""
    return (0, 1, 2, 125, 137) if case.runs else (0, 1, 2)


RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_text(path):
    return read_bytes(path, 1 << 24).decode("utf-8", "surrogateescape")


def faults(case, top, said_to, ended):
    """What is wrong with how a case ended: (status, seconds, MiB, whether it was killed)."""
    status, seconds, memory, late = ended
    shown, err = read_text(said_to), read_text(said_to + ".err")
    if late:
        yield f"no end within {SECONDS} s"
    elif os.WIFSIGNALED(status):
        yield f"ended by signal {os.WTERMSIG(status)}"
    elif status:
        yield "raised or ended otherwise: " + " | ".join(err.strip().split("\n")[-3:])[-600:]
    if "Traceback" in err and not status:
        yield "a traceback: " + err[-600:]
    if memory > MEMORY:
        yield f"took {memory} MiB"
    raw = RAW.search(shown) or RAW.search(err)
    if raw:
        text = shown if RAW.search(shown) else err
        at = RAW.search(text).start()
        yield f"raw on the terminal: {text[max(at - 60, 0):at + 20]!r}"
    left = sorted(os.listdir(os.path.join(top, "tmp")))
    if left and not late:
        yield f"left in TMPDIR: {left}"
    elsewhere = sorted(set(os.listdir(top)) - {"project", "home", "tmp", "outside", "store", "fake",
                                               "engine", "trapped"})
    if elsewhere or os.listdir(os.path.join(top, "outside")) != ["canary"]:
        yield f"wrote elsewhere: {elsewhere}"
    half = [name for name in os.listdir(os.path.join(top, "project"))
            if re.match(r"\.skelebot-|.*\.(new|old)$", name)]
    if half and not late:
        yield f"left in the project: {half}"
    if not case.runs and os.path.exists(os.path.join(top, "trapped")):
        yield "has run " + read_text(os.path.join(top, "trapped"))[:200]
    if case.hidden:
        argv = read_text(os.path.join(top, "fake", "argv")).split("\0")
        secret = os.path.join(top, "outside", "canary")
        yield from (f"a word of docker's: {word!r}" for word in sorted(set(argv))
                    if word.startswith("-") and secret in word)


def run(case, top, programs):
    """Do a case in a folder that is new, for the list of its faults."""
    shutil.rmtree(top, ignore_errors=True)
    for name in ("project", "home", "tmp", "outside"):
        os.makedirs(os.path.join(top, name))
    inet, unix = listening(socket.AF_INET, ("127.0.0.1", 0)), os.path.join(top, "engine")
    changes = {"PORT": str(inet.getsockname()[1]), "STORE": os.path.join(top, "store"),
               "ENGINE": unix, "HIDDEN": os.path.join(top, "outside", "canary")}
    write(top, case.files, changes)
    write(top, {"outside/canary": b"canary"}, {})
    servers = []
    if case.engine:
        servers += [beside(case.engine, listening(socket.AF_UNIX, unix))]
    if case.serve or case.engine:
        servers += [beside(case.serve or case.engine, inet)]
    inet.close()
    own = os.path.join(top, "fake", "bin")
    write(own, case.programs, {})
    for name in case.programs:
        os.chmod(os.path.join(own, name), 0o755)
    environ = {"PATH": os.pathsep.join([own, "/usr/bin", "/bin"] if case.runs else [own, programs]),
               "HOME": os.path.join(top, "home"), "TMPDIR": os.path.join(top, "tmp"),
               "SKELEBOT_HOME": os.path.join(top, "home", ".skelebot"),
               "TRAPPED": os.path.join(top, "trapped"),
               "FAKE": os.path.join(top, "fake"), "LANG": "C.UTF-8",
               "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*",
               "DOCKER_HOST": "unix://" + os.path.join(top, "none"), **case.environ}
    for word, value in changes.items():
        environ = {name: text.replace(word, value) for name, text in environ.items()}
    case = case._replace(calls=tuple(tuple(word.replace("PORT", changes["PORT"]) for word in words)
                                     for words in case.calls))
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None
    said_to = top + ".said"
    for path in (said_to, said_to + ".err"):
        with open(path, "wb"):
            pass
    try:
        ended = watched(case, top, said_to)
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return list(faults(case, top, said_to, ended))


def end_all(mark):
    """Kill every process that has a text among its variables, in whatever session it is."""
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if mark.encode() in file.read():
                    os.kill(int(path.split("/")[2]), signal.SIGKILL)
        except OSError:
            pass                        # it has ended, or is somebody else's


def watched(case, top, said_to):
    """(status, seconds, MiB, whether it had to be killed) of a case in a process of its own."""
    ends, held = os.pipe()
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(ends)
        be_case(case, top, said_to)
    os.close(held)
    busy = max(1, os.getloadavg()[0] / (os.cpu_count() or 1))
    late = not select.select([ends], [], [], SECONDS * busy)[0]
    if late:
        os.kill(pid, signal.SIGKILL)
        end_all("TRAPPED=" + top)
    os.close(ends)
    _, status, usage = os.wait4(pid, 0)
    return status, time.monotonic() - start, usage.ru_maxrss // 1024, late


# ---- Many -------------------------------------------------------------------

class Fault(NamedTuple):
    kind: str
    seed: int
    number: int
    text: str

    def __str__(self):
        return f"{self.kind} --seed {self.seed} --first {self.number} --count 1: {self.text}"


def made(kind, seed, number):
    return KINDS[kind](random.Random(f"{kind} {seed} {number}"))


def tried(kind, seed, number, folder, programs):
    """The faults of one case; one that was late on a busy machine has another chance."""
    found = run(made(kind, seed, number), folder, programs)
    if any(text.startswith("no end") for text in found):
        found = run(made(kind, seed, number), folder, programs)
    return [Fault(kind, seed, number, text) for text in found]


def traps(folder):
    """The path of programs that only note that they were run."""
    path = os.path.join(folder, "traps")
    write(path, {name: TRAP for name in PROGRAMS}, {})
    for name in PROGRAMS:
        os.chmod(os.path.join(path, name), 0o755)
    return path


def apart(function):
    """What a function returns that is done in a process of its own, as JSON has it."""
    ends, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(held, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(held)
    with os.fdopen(ends, encoding="utf-8") as file:
        text = file.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def worker(kind, seed, numbers, folder, until, tell):
    """Try cases until the time is over; each fault, and in the end the count, as a line of JSON."""
    os.makedirs(folder)
    programs, count = traps(folder), 0
    for number in numbers:
        if time.monotonic() > until:
            break
        count += 1
        for fault in tried(kind, seed, number, os.path.join(folder, "case"), programs):
            tell(fault)
    tell(count)


def mutate(kind, seed=1, count=100, first=0, seconds=3600, workers=0, tell=lambda fault: None,
           keep=False):
    """(number of cases, faults) of so many cases of a kind, or of as many as the seconds allow."""
    workers, until = min(workers or os.cpu_count() or 1, count), time.monotonic() + seconds
    top, total, found, pids = tempfile.mkdtemp(prefix="mutate-"), 0, [], []
    ends, held = os.pipe()
    for index in range(workers):
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ends)
                worker(kind, seed, range(first + index, first + count, workers),
                       os.path.join(top, str(index)), until,
                       lambda one: os.write(held, (json.dumps(one) + "\n").encode()))
            except BaseException:
                os.write(held, (json.dumps([kind, seed, -1, traceback.format_exc()[-3000:]]) + "\n").encode())
            finally:
                os._exit(0)
        pids.append(pid)
    os.close(held)
    with os.fdopen(ends, encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            if isinstance(one, int):
                total += one
            else:
                found.append(Fault(*one))
                tell(found[-1])
    for pid in pids:
        os.waitpid(pid, 0)
    if keep:
        print("kept:", top)
    else:
        shutil.rmtree(top, ignore_errors=True)
    return total, found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=36000)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="leave the folders of the cases")
    options = parser.parse_args()
    broken = 0
    for kind in options.kinds:
        start = time.monotonic()
        total, found = mutate(kind, options.seed, options.count, options.first, options.seconds,
                              options.workers,
                              lambda fault: print(ascii(str(fault))[1:-1], flush=True),
                              options.keep)
        print(f"{kind}: {total} cases, {len(found)} faults, {time.monotonic() - start:.0f} s",
              flush=True)
        broken += len(found)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
