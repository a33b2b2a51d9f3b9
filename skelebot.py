#!/usr/bin/env python3
"""Skelebot runs the jobs of a machine-learning project that one skelebot.yaml describes.

    argv, skelebot.yaml -> read -> Project -> plan -> steps -> do -> docker, git, HTTP, files

Contents, in the data's order:

    Failing         what a person can mend, and the hint that goes with it; being stopped
    Records         what skelebot.yaml may hold, and where it stood
    Looking         what only reads the disk, and the files in templates/
    Reading         YAML nodes -> records; three spellings, one schema; environments
    Words           command-line words -> arguments and parameters, job -> its command
    Image           Dockerfile and .dockerignore; what an image is built of
    Steps           the values that a plan is made of, each with a line that shows it
    Engine          the Docker (or podman) of a call, at one host: its argv, and what it is asked
    Builds          whether an image has to be built, and its build
    Runs            what ran, as .skelebot/runs in the project has it: records, metrics, sweeps
    Runners         where a job runs: one class for each place, one life of a run
    Versions        which of two versions is the later one, and which fits a project
    HTTP            what answers of servers mean
    Stores          artifacts in Artifactory, S3 or a folder: one class for each
    Components      what the sections below `components` add: one class for each, as plugins have
    Plugins         whose fault it is, what can be installed, and how
    Scaffold        a template and the answers -> the files of a new project
    Doctor          what this machine and the project lack: a row for each check
    Help            the pages that explain the project
    Doing           what changes something, and talks to others
    Command line    options, commands, main
"""
import _signal                          # nothing is as quick to import
import os
import sys

if (os.path.basename(sys.argv[0]).startswith("skelebot")
        and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler):
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)     # nothing of ours has begun yet


def search_path(front, *others):
    """Where modules are looked for: last in our own folder, and in the first, put there for -m."""
    here = os.path.dirname(os.path.abspath(__file__))
    return [*(path for path in others if path != front),
            *(path for path in (front, here) if path in (here, *others))]


if __name__ == "__main__" and not getattr(sys.flags, "safe_path", sys.flags.isolated):
    sys.path[:] = search_path(*sys.path)    # a signal.py of the project's is none of ours

import enum                             # noqa: E402
import errno                            # noqa: E402
import functools                        # noqa: E402
import gc                               # noqa: E402
import io                               # noqa: E402
import itertools                        # noqa: E402
import marshal                          # noqa: E402
import posixpath                        # noqa: E402
import re                               # noqa: E402
import stat                             # noqa: E402
import time                             # noqa: E402
from operator import itemgetter         # noqa: E402

__version__ = "3.0.0"


class Later:
    """A module that is imported when something of it is used first, since few calls need it.

    parts  those of a package that are used
    """

    def __init__(self, name, *parts):
        self._name, self._parts = name, parts

    def __getattr__(self, name):
        whole = f"{self._name}.{name}" if name in self._parts else self._name
        __import__(whole)
        module = sys.modules[whole]
        if whole != self._name:
            setattr(self, name, module)
            return module
        globals()[whole] = module       # so that the next one has it without us
        return getattr(module, name)


(ast, base64, configparser, contextlib, csv, datetime, difflib, fcntl, filecmp, getpass, glob, gzip,
 hashlib, hmac, html, ipaddress, json, math, netrc, queue, random, select, shlex, shutil, socket,
 ssl, subprocess, tarfile, tempfile, textwrap, threading, traceback, types, unicodedata, zipfile,
 zlib) = map(Later, (
     "ast base64 configparser contextlib csv datetime difflib fcntl filecmp getpass glob gzip "
     "hashlib hmac html ipaddress json math netrc queue random select shlex shutil socket ssl "
     "subprocess tarfile tempfile textwrap threading traceback types unicodedata zipfile "
     "zlib").split())
email, http, importlib, urllib = Later("email", "utils"), Later("http", "client"), Later(
    "importlib", "util"), Later("urllib", "parse", "request")


# ---- Failing ----------------------------------------------------------------

class SkelebotError(Exception):
    """A fault that a person can mend: what is wrong and where, what to do, the exit status."""

    place = None

    def __init__(self, message, hint, status=1):
        super().__init__(message)
        self.message = shown_url(message)
        self.hint = hint
        self.status = status
        self.faults = (self,)

    def __str__(self):
        return f"skelebot: {on_one_line(self.message)}\n  hint: {on_one_line(self.hint)}"


def raise_all(faults):
    """Raise all faults, each once, in the order of their places."""
    own = {str(fault): fault for fault in faults}.values()
    if own:
        raise Faults(sorted(own, key=lambda fault: fault.place.order if fault.place else ()))


MOST_FAULTS = 10        # of a file that are shown at once


class Faults(SkelebotError):
    """All that is wrong with a project's files, in their order."""

    def __init__(self, faults):
        first = faults[0]
        super().__init__(first.message, first.hint, first.status)
        self.faults = tuple(faults)

    def __str__(self):
        rest = len(self.faults) - MOST_FAULTS
        more = SkelebotError(f"{rest} more {'faults' if rest > 1 else 'fault'} not shown",
                             "correct these first")
        return "\n".join(map(str, (*self.faults[:MOST_FAULTS], *([more] if rest > 0 else []))))


class Stopped(BaseException):
    """A signal has come: SIGTERM, SIGHUP, SIGQUIT, or SIGINT while a program was being started."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number
        self.status = 128 + number


class NoImage(SkelebotError):
    """The image to run does not exist."""


class Refused(SkelebotError):
    """A fault that the program concerned has reported already."""

    def __init__(self, status=1):
        super().__init__("", "", status)


# What a terminal obeys, or shows in another order than it is: control characters but for newline
# and tab, marks of direction and line ends of Unicode, and surrogates, but for those that are the
# bytes A0 to FF of a file's name.
OBEYED = ("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
          "\ud800-\udc9f\udd00-\udfff]")


def pasted(line):
    """A line of quoted words for any shell and terminal: `'a'"$(printf '\\033')"'b'`."""
    def printf(match):
        data = match.group().encode("utf-8", "surrogateescape")
        return "'\"$(printf '" + "".join(f"\\{byte:03o}" for byte in data) + "')\"'"
    return re.sub(OBEYED, printf, line)


def on_one_line(text):
    """`text` on one line, so that no part of it looks like another message."""
    return visible(text).replace("\n", "\\n")


def visible(text):
    """`text` with what a terminal would obey written out, as in `\\x1b`."""
    return re.sub(OBEYED, lambda match: ascii(match.group())[1:-1], text)


def usage_error(message, hint):
    """The fault of a command line that cannot be understood."""
    return SkelebotError(message, hint, status=2)


def listed(words, last="and", most=10 ** 6):
    """`a, b and c`, or at `most` so many of them `and 4 more`."""
    words = list(words)
    words = [*words[:most], f"{len(words) - most} more"][:len(words)]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), "".join(words[-1:])]))


def did_you_mean(word, known, otherwise="known are"):
    """A hint that names the nearest of the known words, or all of them."""
    return nearest(word, known) or f"{otherwise}: {', '.join(sorted(known)) or 'none'}"


def nearest(word, known):
    """A hint that names the nearest of the known words, "" if none is near."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:99].lower(), lower, n=1)
    return f"did you mean {lower[near[0]]}?" if near else ""


# Who asks, in an address: up to the last @ before its path, or before the end of a password with
# a / in it.
LOGIN = r"((?:^|:)//)([^/?#\s]*|[^/?#\s@:\[]*:(?!\d{1,5}[/?#])[^\s@]{0,200})@"
# What of that is secret: a password, or a token in the place of a user; not the name of a variable.
PASSWORD = r"[^:]*:(?!\$[A-Z_{(]|x-oauth-basic$).+|(?!\$)(?:gh[a-z]_|github_pat_|glpat-|.{20}).*"
TOKEN = (r"(?i)([?&](?:[\w.-]*(?:token|signature|secret|passw(?:or)?d)|sig|api_?key)=)"
         r"(?!\$[A-Z_{(])[^\s&#\"'\\]+")


def bare_url(text):
    """A text without the users and passwords in its addresses."""
    return re.sub(LOGIN, r"\1", text)


def has_password(text):
    """Whether a text has an address with a password or token in it."""
    return shown_url(text) != text


def shell_line(words):
    """Words as a shell takes them, to be shown."""
    return " ".join("..." if isinstance(word, Secret) else shlex.quote(shown_url(word))
                    for word in words)


def shortened(text, most=60):
    """`text` in quotes, on one line, not too long for a message, without passwords in addresses."""
    shown = shown_url(re.sub(r"//[^@\s]{0,99}\s[^@]{0,99}@", "//...@", repr(str(text))))
    return shown if len(shown) <= most else shown[:most - 4] + "..." + shown[-1]


def shown_url(text):
    """A text as it may be shown: with ... for the passwords and tokens in its addresses."""
    if "//" not in text:
        return text

    def shown(login):
        secret = re.fullmatch(PASSWORD, login.group(2))
        return login.group(1) + "...@" if secret else login.group()
    return re.sub(TOKEN, r"\1...", re.sub(LOGIN, shown, text))


# ---- Records ----------------------------------------------------------------
#
# A record's annotations and defaults are the schema: no default means required, Tuple is a list,
# Hidden is not in the file. A scalar is a `str` class that says what it expects.

class Kind:
    """An annotation as typing has it, which would take a tenth of the start: `Tuple[Text, ...]`."""
    known = {}      # equal ones are the same

    def __init__(self, origin, *args):
        self.__origin__, self.__args__ = origin, args

    def __getitem__(self, args):
        args = (*(args if isinstance(args, tuple) else (args,)), *self.__args__)
        return self.known.setdefault((self.__origin__, args), Kind(self.__origin__, *args))


Any, Dict, Optional, Tuple = Kind("Any"), Kind(dict), Kind("Optional", type(None)), Kind(tuple)


class Record(tuple):
    """A tuple with named fields; typing.NamedTuple would take a sixth of the start.

    _former  older spelling of a key -> that of today
    _hints   key that it does not have -> what to do instead
    _bare    the key by whose value alone it may be written, "" for none
    """
    _former = {}
    _hints = {}
    _bare = ""

    def __init_subclass__(cls):
        own = tuple(getattr(cls, "__annotations__", ()))
        above = tuple(name for name in getattr(cls, "_fields", ()) if name not in own)
        defaults = {name: vars(cls)[name] for name in own if name in vars(cls)}
        cls._fields = above + own
        cls._field_defaults = {**getattr(cls, "_field_defaults", {}), **defaults}
        for index, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(index)))

    def __new__(cls, *values, **named):
        if len(values) == len(cls._fields) and not named:
            return tuple.__new__(cls, values)
        rest, known = cls._fields[len(values):], {**cls._field_defaults, **named}
        fits = named.keys() <= set(rest) <= known.keys()
        if len(values) > len(cls._fields) or not fits:
            raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
        return tuple.__new__(cls, (*values, *[known[name] for name in rest]))

    _make = classmethod(tuple.__new__)      # of all its fields, unchecked: as namedtuple has it

    def __getnewargs__(self):           # for copy, which a plugin may call
        return tuple(self)

    def _complete(self):
        """The record, completed; raises a fault if its fields do not fit each other."""
        return self

    def __repr__(self):
        values = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({values})"

    def _asdict(self):
        return dict(zip(self._fields, self))

    def _replace(self, **named):
        changed = tuple.__new__(type(self), map(named.pop, self._fields, self))
        if named:
            raise TypeError(f"{type(self).__name__} has no {', '.join(named)}")
        return changed


class Place(Record):
    """Where a value stands: file, line (from 1) and path, as in `jobs[1].mappings[0]`."""
    file: str
    line: int
    path: str = ""

    def __str__(self):
        return ": ".join(filter(None, [f"{self.file}:{self.line}", self.path]))

    @property
    def order(self):
        """Which of two places comes first: skelebot.yaml lies below its environments."""
        return self.file != FILE, self.line

    def words(self, text):
        """The words of a text here, as a shell would split them."""
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            raise self.fault(f"cannot be split into words: {str(error).lower()}", "close the quote")

    def fault(self, message, hint):
        fault = SkelebotError(f"{self}: {message}", hint)
        fault.place = self
        return fault


class Secret(str):
    """A text that is shown to nobody but its receiver."""

    def __repr__(self):
        return "Secret(...)"


# -- Scalars

class Text(str):
    """Any text, as it was typed.

    expected  what it is, for a message
    hint      what to do where it does not fit
    pattern   what the whole text fits
    values   all that it may be, where these are few
    former    what earlier releases took -> what that is today
    """
    expected = "text"
    hint = "write it as one text, in quotes if it holds ': '"
    pattern = r"[\s\S]*"
    values = ()
    former = {}

    @classmethod
    def meant(cls, text):
        """The text in today's spelling."""
        return cls.former.get(text, text)

    @classmethod
    def advice(cls, text):
        """What to do instead of a text that does not fit."""
        return did_you_mean(text, cls.values, "choose one of") if cls.values else cls.hint

    @classmethod
    def fits(cls, text):
        if cls.values:
            return text in cls.values
        return cls.pattern is Text.pattern or bool(re.fullmatch(cls.pattern, text))


class Line(Text):
    expected = "one line of text"
    hint = "remove the line break"
    pattern = r"[^\n]*"


class Ported(Line):
    """A text whose pattern has a group `ports`, each from 1 to 65535."""

    @classmethod
    def fits(cls, text):
        match = re.fullmatch(cls.pattern, text, re.ASCII)
        ports = re.findall(r"\d+", match.group("ports") or "") if match else []
        return bool(match) and all(0 < int(port) < 65536 for port in ports)

    @classmethod
    def advice(cls, text):
        bare = "$" in text and "//" not in text
        return "write its number: no variable is expanded here" if bare else cls.hint


def scalar_class(expected, hint, pattern, above=Line):
    """A class of texts; each is one row below."""
    return type("Scalar", (above,), {"expected": expected, "hint": hint, "pattern": pattern})


def one_of(*values, **former):
    """The class for such a text."""
    return type("Choice", (Text,), {
        "values": values, "former": former, "expected": listed(values, "or")})


Language = one_of("Python", "R", "R+Python", "NA", python="Python", r="R")
Mode = one_of("i", "d", "it", t="it", ti="it", di="d", id="d", dt="d", td="d", dit="d", itd="d")
NativeUse = one_of("always", "never", "optional")
Accepts = one_of("boolean", "list", "int", "float")
User = one_of("root", "host")
PrimaryExe = one_of("CMD", "ENTRYPOINT")
SecretUse = one_of("build", "run")
ClusterImage = one_of("pushed", "loaded")
SlurmContainer = one_of("apptainer", "podman", "none")

ProjectName = scalar_class(
    "a name with a letter a-z or a digit in it",
    "the Docker image gets its name from it, as in: name: churn-model",
    r"[^\nA-Za-z0-9]*[A-Za-z0-9][^\n]*")
JobName = scalar_class(
    "one word that does not start with - or +",
    "the name is typed as a word, as in: skelebot train", r"[^\s+-]\S*")
ParamName = scalar_class(
    "a name of letters, digits, _ . and -, without leading dashes",
    "write epochs, type --epochs", r"[A-Za-z0-9_][\w.-]*")
Version = scalar_class(
    "a version such as 3.10", "it becomes part of the base image's tag", r"\w[\w.-]*")
ImageName = scalar_class(
    "the name of an image, without blanks", "for example python:3.13-slim",
    r"[A-Za-z0-9][A-Za-z0-9_./:@-]*")
Timezone = scalar_class(
    "the name of a time zone", "for example Europe/Berlin", r"\w[\w+-]*(/[\w+-]+)*")
Host = scalar_class(
    "a Docker host", "for example ssh://user@box", r"(?!(?:\w+://)?(?:[^\s/@]*@)?-)\S+")
HostName = scalar_class("a name of letters, digits, _ . and -, and not local or native",
                        "as in gpu-box", r"(?!(?:local|native)$)[A-Za-z0-9_][A-Za-z0-9_.-]*")
ProjectPath = scalar_class(     # also as a word in a Dockerfile: no quotes, no globs
    "a path inside the project",
    "only files in the folder of skelebot.yaml can be part of the image",
    r"(?!/|~|[A-Za-z]:|(.*/)?\.\.(/|$))[^\x00-\x1f\"'`$\\*?\[\]]+")
Port = scalar_class(
    "HOST:CONTAINER", "for example 8080:80; a port is a number from 1 to 65535",
    r"(?:(?:[\d.]+|\[[\da-fA-F:]+\]):)?"
    r"(?P<ports>(?:\d{1,5}(?:-\d{1,5})?:)?\d{1,5}(?:-\d{1,5})?)(?:/(?:tcp|udp|sctp))?", Ported)
CopyPair = scalar_class(
    "SRC:DEST", "for example config/app.ini:/etc/app.ini",
    r"(?!~|/|(.*/)?\.\.(/|:))[^:\n]+:[^:\n]+")
Ignore = scalar_class("a pattern", "for example data/*.csv", r"[^\n]+")
ShellCommand = scalar_class("a shell command", Text.hint, r"[\s\S]*\S[\s\S]*", Text)
DefaultWord = scalar_class(Text.expected, Text.hint, Text.pattern, Text)    # or words, of a list
MetricSource = scalar_class(
    "the name of a metric, or a JSON file of the project", "for example loss, or output/score.json",
    rf"(?:{ProjectPath.pattern})\.json|(?!.*\.json$)\S(?:.*\S)?")
VariableName = scalar_class(
    "the name of a variable, or NAME=VALUE", "for example MODE=fast, or HOME to pass it on",
    r"[^=\s-][^=\s]*")
VariableWord = scalar_class(VariableName.expected, VariableName.hint, r"(?s)[^=\s-][^=\s]*(=.*)?")
WholeUrl = scalar_class(
    "an address", "for example https://host/artifactory",
    r"https?://([^\s/?#]*@)?(\[[\da-fA-F:.]+\]|[A-Za-z\d_-]{1,63}(\.[A-Za-z\d_-]{1,63})*\.?)"
    r"(:(?P<ports>\d{1,5}))?(/[^\s?#]*)?", Ported)


HostFile = scalar_class(     # in the project, below `~`, or anywhere on this machine
    "a file, without : in its path", "for example krb/ada.keytab, or ~/ada.keytab",
    r"(?:[A-Za-z]:[\\/])?(?:[^\n:]*/)?(?:(?!\n)[\s.~])*[^\s:/.~][^\n:/]*")
CaPath = scalar_class("a file or folder, without : in its path",
                      "for example /etc/pki/company.pem", HostFile.pattern + "/?")
Proxy = scalar_class("the address of a proxy", "for example http://proxy.example.com:3128",
                     WholeUrl.pattern, Ported)
NoProxy = scalar_class("names of hosts", "for example [.example.com, 10.0.0.0/8]",
                       r"[^\s,]+(?:,[^\s,]+)*")
HubMirror = scalar_class(
    "the name of a registry", "for example mirror.example.com:5000/hub", r"(?:localhost|[\w-]+"
    r"(?:\.[\w-]+)+|[\w-]+(?=:))(?::(?P<ports>\d{1,5}))?(?:/[\w.-]+)*", Ported)
SecretName = scalar_class("a name of letters, digits and _", "for example INDEX_TOKEN",
                          r"(?a)[A-Za-z_]\w*")
TargetPath = scalar_class("an absolute path of a file", "for example /etc/pip.conf",
                          r"/(?!(?:.*/)?\.\.(?:/|$))[^\s,:\"'`$\\]*[^\s,:\"'`$\\/]")
LOOPBACK = ("localhost", "127.0.0.1", "::1")    # what no proxy is asked for
PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class Url(WholeUrl):
    """An address that may lack https://, as earlier releases had it."""
    forms = {"typed": WholeUrl.pattern.replace("https?://", "(?:https?://)?", 1)}

    @classmethod
    def meant(cls, text):
        return text if "://" in text or not re.match(r"\w", text) else "https://" + text


Cpus = scalar_class("a number above 0", "such as 2 or 0.5", r"(?=.*[1-9])\d{1,4}(\.\d{1,3})?")
Size = scalar_class("a size with its unit", "such as 512m or 8g", r"[1-9][0-9]{0,8}[mgMG]")
Gpus = scalar_class("a number, all, KIND:NUMBER or device=NUMBER", "such as 1, all or a100:2",
                    r"\d{1,3}|all|[A-Za-z][\w.-]*:[1-9]\d{0,2}|device=[\w/-]+(,[\w/-]+)*")
Duration = scalar_class(
    "a time with its unit", "such as 90s, 30m, 4h, 2d", r"[1-9][0-9]{0,4}[smhd]")
Count = scalar_class("a number from 1 to 999999", "for example 4", r"[1-9][0-9]{0,5}")
DockerWord = scalar_class("a word for docker run", "for example --network=host", r"[^\n]+")
Region = scalar_class("the name of a region", "for example eu-central-1", r"[a-z0-9][a-z0-9-]*")
AwsWord = scalar_class(         # aws takes file:// and https:// for what is there, - for an option
    "a name that AWS knows", "for example artifactory-token",
    r"(?!-|(?i:file|fileb|https?):)[^\n]*")


FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
Flag = scalar_class("true or false", "write true or false", "(?ai)" + "|".join(FLAGS))
Whole = scalar_class("a whole number", "write digits only", "[+-]?[0-9]{1,18}")
Number = scalar_class("a number", "for example 0.5",
                      r"(?ai)[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?(inf|nan)")
PortText = scalar_class("a port", "a number from 1 to 65535", "(?P<ports>[0-9]{1,5})", Ported)


class PortNumber(int):
    """A TCP port, from 1 to 65535."""


class FromFile(str):
    """A word that skelebot.yaml gave: it may name variables."""


INTERPRETERS = {".py": ("python", "-u"), ".R": ("Rscript",), ".r": ("Rscript",), ".sh": ("bash",)}


# What a shell would do something about, behind a script: | > && ; $(...)
SHELL_SIGNS = r"^[;|&<>]+|(?<!\S)(?:[|;&]+|[0-2&]?[<>]\S*)(?!\S)|;(?!\S)"


class Source(Text):
    """A script, with words of its own, or a shell command."""
    expected = "a script or a shell command"
    hint = "for example src/jobs/train.py"
    pattern = r"[\s\S]*\S[\s\S]*"
    # What words have no place in: an escaped character, quotes, a comment; $1 counts in "...".
    opaque = r"""(?s)\\.|("(?:\\.|[^"\\])*")|'[^']*'|(?:^|(?<=\s))(?P<comment>#[^\n]*)"""

    @property
    def script(self):
        """The script that the first word names, or "" for a shell command."""
        first = (self.words or ("",))[0]
        return first if os.path.splitext(first)[1] in INTERPRETERS else ""

    @property
    def words(self):
        """() for a shell command that cannot be split."""
        try:
            return tuple(FromFile(word) for word in shlex.split(self))
        except ValueError:
            return ()

    @property
    def for_shell(self):
        """The shell command that it is meant as, if a script has signs of a shell behind it."""
        bare = re.sub(self.opaque, lambda match: "x" * len(match.group()), self.strip())
        first, rest = re.match(r"([^\s;|&<>]*)(.*)", bare, re.DOTALL).groups()
        argv = INTERPRETERS.get(os.path.splitext(first)[1])
        sign, text = re.search(SHELL_SIGNS, rest), self.strip()
        own = len(first) + sign.start() if sign else len(text)
        needed = argv and (sign or re.search(r"\$\(|`", rest))
        return f'{" ".join(argv)} {text[:own].rstrip()} "$@" {text[own:].strip()}'.strip() if (
            needed) else ""

    @property
    def places_words(self):
        """Whether a shell command says itself where words go: as "$@" or $1."""
        bare = re.sub(self.opaque, lambda match: match.group(1) or "", self.rstrip())
        return bool(re.search(r"\$\{?[@*1]", bare))

    @property
    def takes_words(self):
        """Whether words can follow: not after an operator, a comment or a here-document."""
        text = self.rstrip()
        bare = re.sub(self.opaque, lambda match: ";" if match.group("comment") else "opaque", text)
        above = text[:text.rfind("\n") + 1]
        return bare[-1:] not in (";", "&", "|") and not re.search(r"<<-?\s*[\w'\"]", above)


class Mapping(Line):
    """A path of the host that a job sees: `data/` is /app/data/, `SRC:DEST` any; then `:ro`."""
    expected = "FOLDER/ or SRC:DEST"
    hint = "for example data/ or ~/models:/app/models"
    source_pattern = r"(?P<source>[A-Za-z]:(?:\\[^:\n]*(?=:)|/[^:\n]*(?=:/))|[^:\n]+)"
    options_pattern = r"(?::(?P<options>(?:ro|rw|z|Z)(?:,(?:ro|rw|z|Z))*))?"
    target_pattern = r"(?::(?P<target>(?!(?:ro|rw|z|Z)$)[^:\n,]+))?"
    pattern = (r"(?!(?:~|\.\.)[^:]*(?::(?:ro|rw|z|Z|,)*)?$)" + source_pattern + target_pattern
               + options_pattern)

    @property
    def target(self):
        """The absolute path in the container."""
        target = re.fullmatch(self.pattern, self).group("target") or self.source
        return target if target.startswith("/") else "/app/" + re.sub(r"^(\./)+", "", target)

    @property
    def source(self):
        return re.fullmatch(self.pattern, self).group("source")

    @property
    def options(self):
        options = re.fullmatch(self.pattern, self).group("options")
        return tuple(options.split(",")) if options else ()


class Dependency(Line):
    """An entry of `dependencies`; its form is also the name of the template that installs it.

    files  the name of a file that is taken for a package -> how it is written; "" is not known
    """
    forms = {}
    files = {}

    @classmethod
    def fits(cls, text):
        return (Line.fits(text) and cls.file_way(text) is None
                and any(re.fullmatch(form, text) for form in cls.forms.values()))

    @classmethod
    def advice(cls, text):
        way = cls.file_way(text)
        return f"it is a file: write {way}" if way and ":" in way else cls.hint

    @classmethod
    def file_way(cls, text):
        """How to write an entry that names a file; None if it names no file."""
        name = re.sub(r"^(?:-[re]|--requirement|--editable)\s+|^\./", "", text).rstrip("/")
        fits = (way + name for file, way in cls.files.items() if re.fullmatch(file, name))
        return next(fits, None)

    @property
    def fields(self):
        return {name: value or "" for name, value in
                re.fullmatch(self.forms[self.form], self).groupdict().items()}

    @property
    def form(self):
        return next(name for name, form in self.forms.items() if re.fullmatch(form, self))


class PythonDependency(Dependency):
    expected = "a Python dependency"
    hint = ("write numpy, numpy=1.26, req:FILE, proj:FILE, file:PATH, github:OWNER/REPO@REF "
            "or ca_file:DOMAIN:OWNER:REPO:NAME:VERSION")
    files = {r"[^:=\s]*\.(?:txt|in)": "req:", r"(?:[^:=\s]*/)?pyproject\.toml": "proj:",
             r"[^:=\s]*\.(?:whl|tar\.gz|zip)": "file:", r"[^:=\s]*\.yml|Pipfile|setup\.py": ""}
    version = r"(?:[<>~!=]=|===|[<>=])\s*[\w.*+!-]+"
    forms = {
        "python-req": rf"req:(?P<file>{ProjectPath.pattern})",
        "python-proj": rf"proj:(?P<file>{ProjectPath.pattern})",
        "python-file": rf"file:(?P<file>{ProjectPath.pattern})",
        "python-github": r"github:(?P<repository>https://[^\s\"'`$\\]+"
                         r"|[\w.-]+/[\w.-]+(@[\w./-]+)?)",
        "python-ca": r"ca_file:(?P<domain>\w[^:\s]*):(?P<owner>\w[^:\s]*):(?P<repository>\w[^:\s]*)"
                     r":(?P<name>\w[\w.-]*):(?P<version>\w[\w.+!-]*)"
                     r"(?::(?P<profile>[^:\s-][^:\n]*))?",
        "python-package": r"(?P<package>(?:[A-Za-z0-9][\w.-]*(?:\s*\[[\w\s.,-]*\])?"
                          rf"(?:\s*@\s*\S+|\s*(?:\(\s*)?{version}(?:\s*,\s*{version})*"
                          r"(?:\s*\))?)?|(?:git\+)?https?://\S+)"
                          r"\s*(?:;[^\n]+)?)",
    }


class RDependency(Dependency):
    expected = "an R dependency"
    hint = "write dplyr, dplyr=1.1.4, file:PATH:NAME, github:OWNER/REPO:NAME or renv:LOCKFILE"
    files = {r"[^:=\s]*\.lock": "renv:", r"[^:=\s]*\.(?:txt|[Rr])|DESCRIPTION": ""}
    forms = {
        "r-file": r"file:(?P<file>[^:]+):(?P<name>[A-Za-z][\w.]*)",
        "r-github": r"github:(?P<repository>[\w.-]+/[\w./-]+(?:@[\w./-]+)?)"
                    r":(?P<name>[A-Za-z][\w.]*)",
        "r-renv": rf"renv:(?P<file>{ProjectPath.pattern})",
        "r-version": r"(?P<name>[A-Za-z][\w.]*)={1,2}(?P<version>\d[\w.-]*)",
        "r-package": r"(?P<name>[A-Za-z][\w.]*)",
    }

    @classmethod
    def fits(cls, text):
        file = re.fullmatch(cls.forms["r-file"], text)
        return super().fits(text) and (not file or ProjectPath.fits(file.group("file")))


# -- What skelebot.yaml holds

class Hidden:
    """The kind of a record's field that is not in the file."""


Texts = Tuple[Text, ...]


class Variable(Record):
    """A variable of a job's environment; None is the caller's own value, if there is one."""
    name: str
    value: Optional[str]


VARIABLE = r"(?a)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))"


class Valued(Record):
    """What takes words, each of which has to fit."""
    accepts = ""

    def words(self, value):
        """The words of a value that it has in a point of a sweep; of a list several."""
        return value.split() if self.accepts == "list" else [value]

    def misfit(self, word):
        """(fault, hint) of a word that it cannot take, or None."""
        if self.choices and word not in self.choices:
            return (f"expected {listed(self.choices, 'or')}, found {shortened(word)}",
                    did_you_mean(word, self.choices, "choose one of"))
        if self.accepts == "int" and not re.fullmatch(r"[+-]?[0-9]+", word):
            return f"expected a whole number, found {shortened(word)}", "for example 20"
        if self.accepts == "float" and not Number.fits(word):
            return f"expected a number, found {shortened(word)}", "for example 0.5 or 1e-3"
        return None


class Arg(Valued):
    """A word that a job needs."""
    _bare = "name"
    name: ParamName
    help: Text = ""
    choices: Texts = ()
    places: Hidden = None


class Param(Valued):
    """`--name VALUE` of a job. `default` holds the words that are passed; () is none."""
    _bare = "name"
    name: ParamName
    alt: ParamName = ""
    default: Tuple[DefaultWord, ...] = ()
    choices: Texts = ()
    help: Text = ""
    accepts: Accepts = ""
    places: Hidden = None

    def _complete(self):
        """A default that was written as one text becomes the words that will be passed."""
        place, words = self.places.get("default", self.places[""]), self.default
        if isinstance(words, str):
            words = place.words(words) if self.accepts == "list" else (words,)
        if self.accepts == "boolean":
            if self.choices:
                raise self.places["choices"].fault("a boolean has no choices",
                                                   "remove choices or accepts")
            if len(words) > 1 or (words and words[0].lower() not in FLAGS):
                raise place.fault(f"expected true or false, found {shortened(' '.join(words))}",
                                  "write true or false")
            words = ("true",) if words and FLAGS[words[0].lower()] else ()
        elif len(words) > 1 and self.accepts != "list":
            raise place.fault("expected one value, found a list",
                              "add accepts: list, or keep one value")
        elif not any(re.search(VARIABLE, word) for word in words):
            for problem in filter(None, map(self.misfit, words)):
                raise place.fault(*problem)
        return self if words == self.default else self._replace(default=words)


class Resources(Record):
    """What a job may take; "" is whatever there is."""
    cpus: Cpus = ""
    memory: Size = ""
    gpus: Gpus = ""
    shm: Size = ""
    time: Duration = ""

    def over(self, below):
        """These where they are given, else those below."""
        return Resources(*(own or other for own, other in zip(self, below)))

    @property
    def seconds(self):
        return int(self.time[:-1] or 0) * {"s": 1, "m": 60, "h": 3600}.get(self.time[-1:], 86400)


class HostEntry(Record):
    """A host by its address, or by a key for its kind: HostRecord has those of RUNNERS."""
    _bare = "docker"
    docker: Host = ""
    resources: Resources = Resources()
    places: Hidden = None

    def _complete(self):
        kinds = [name for name in self.places if name in RUNNERS]
        if len(kinds) == 1:
            return self
        raise self.places[""].fault(f"needs one kind of host, found {listed(kinds) or 'none'}",
                                    f"choose one of: {', '.join(RUNNERS)}")

    @property
    def engine(self):
        """The address of the engine that builds for it; "" is the default one."""
        return self.docker if self.kind == "docker" else ""

    @property
    def kind(self):
        """Its row of RUNNERS: by its key, or by how the address begins."""
        return next(one for one in (self.docker.partition(":")[0], *self.places) if one in RUNNERS)


class EnvFile(Record):
    """A file with variables of a job."""
    _bare = "path"
    path: Line
    required: bool = True
    places: Hidden = None


class Axis(Record):
    """The values that a sweep has for an argument or parameter of its job."""
    name: str
    values: Texts
    place: Hidden = None


class Best(Record):
    """Which metric of a sweep says what is best: its greatest value, or its least."""
    max: Line = ""
    min: Line = ""
    places: Hidden = None

    def _complete(self):
        if bool(self.max) == bool(self.min):
            raise self.places[""].fault("needs either max or min", "as in: best: {max: accuracy}")
        return self


class Sweep(Record):
    """What `skelebot sweep JOB` does where nothing else is typed."""
    each: Tuple[Axis, ...] = ()
    parallel: Count = Count(1)
    best: Best = Best()
    places: Hidden = None


class Job(Record):
    """A script or shell command that `skelebot NAME` runs."""
    _former = {"mapped": "mappings", "ignore": "ignores"}
    name: JobName
    source: Source
    help: Text = ""
    mode: Mode = "i"
    native: NativeUse = "optional"
    host: Host = ""
    mappings: Tuple[Mapping, ...] = ()
    ignores: Tuple[Ignore, ...] = ()
    ports: Tuple[Port, ...] = ()
    environment: Tuple[Variable, ...] = ()
    envFiles: Tuple[EnvFile, ...] = ()
    resources: Resources = Resources()
    docker: Tuple[DockerWord, ...] = ()
    metrics: Tuple[MetricSource, ...] = ()
    sweep: Sweep = Sweep()
    args: Tuple[Arg, ...] = ()
    params: Tuple[Param, ...] = ()
    places: Hidden = None

    def _complete(self):
        """Raise a fault if the source cannot be split, or two args or params share a name."""
        first, quoted = self.source.split()[0], re.search(r"[\"'\\]", self.source)
        if quoted and os.path.splitext(first)[1] in INTERPRETERS:
            self.places["source"].words(self.source)
        raise_all([*name_faults((*self.args, *self.params))])
        return self

    @property
    def hidden(self):
        """The paths of the project that it sees as they are now, by its mappings."""
        pairs = [(os.path.normpath(mapping.target), os.path.normpath(mapping.source))
                 for mapping in self.mappings]
        return tuple({*(target[len("/app/"):] for target, _ in pairs if target.startswith("/app/")),
                      *(source for _, source in pairs if source[0] not in "/.~$")})

    def argv(self, words=(), open_ended=False):
        """Its command with words; `open_ended` when more may still be added at its end."""
        source, script = self.source, self.source.script
        if source.for_shell:
            raise self.places["source"].fault(
                "what follows a script is passed to it, and to no shell",
                f"for a shell, write {source.for_shell}")
        if script:
            return (*INTERPRETERS[os.path.splitext(script)[1]], *source.words, *words)
        placed, takes = source.places_words, source.takes_words
        if words and not placed and not takes:
            raise self.places["source"].fault("does not say where its words go",
                                              'put "$@" where they belong')
        added = ' "$@"' if (words or open_ended) and takes and not placed else ""
        return ("bash", "-c", source.rstrip() + added, "bash", *words)


class Dependencies(Record):
    """What is installed, for each language in the order of the list."""
    Python: Tuple[PythonDependency, ...] = ()
    R: Tuple[RDependency, ...] = ()
    places: Hidden = None

    def of(self, language):
        """These, if a project of that language installs them."""
        for name in ("Python", "R"):
            if getattr(self, name) and name not in language.split("+"):
                raise self.places[name].fault(f"language {language} installs no {name} packages",
                                              "write language: R+Python")
        return self


class Pip(Record):
    """Where pip finds packages."""
    index: WholeUrl = ""
    extra: Tuple[WholeUrl, ...] = ()
    places: Hidden = None


class Network(Record):
    """How builds, jobs and skelebot itself get out, and where packages and base images are."""
    proxy: Proxy = ""
    noProxy: Tuple[NoProxy, ...] = ()
    ca: CaPath = ""
    pip: Pip = Pip()
    cran: WholeUrl = ""
    apt: WholeUrl = ""
    registry: HubMirror = ""
    places: Hidden = None

    @property
    def variables(self):
        """name -> value of the variables that tell programs of it, but for those of files."""
        direct = ",".join((*self.noProxy, *LOOPBACK)) if self.proxy or self.noProxy else ""
        pairs = [*zip(PROXIES, (self.proxy, self.proxy, direct)), ("PIP_INDEX_URL", self.pip.index),
                 ("PIP_EXTRA_INDEX_URL", " ".join(self.pip.extra)), ("SKELEBOT_CRAN", self.cran),
                 ("RENV_CONFIG_REPOS_OVERRIDE", self.cran)]
        return {name: self.filled(value) for one, value in pairs if value
                for name in (one, one.upper())}

    @staticmethod
    def filled(text):
        """A text with the caller's variables in it; it is secret what they hold."""
        value = re.sub(VARIABLE, lambda one: os.environ.get(one[1] or one[2], ""), text)
        return value if value == text else Secret(value)

    def image(self, name):
        """An image of Docker Hub by the name that the mirror has for it; any other as it is."""
        host, slash, _ = name.partition("/")
        hub = self.registry and not (slash and re.search(r"[.:]|^localhost$", host))
        return f"{self.registry}/{name if slash else 'library/' + name}" if hub else name


class SecretEntry(Record):
    """A file or variable of the caller that builds or jobs may see, and no image has."""
    name: SecretName
    file: HostFile = ""
    env: SecretName = ""
    target: TargetPath = ""
    at: Tuple[SecretUse, ...] = ("run",)
    places: Hidden = None

    def _complete(self):
        if bool(self.file) == bool(self.env) or self.target and self.env:
            raise self.places[""].fault("needs either env, or file and maybe a target for it",
                                        "name the variable or file that has its value here")
        return self._replace(target=self.target or "/run/secrets/" + self.name)


class Config(Record):
    """What holds for every project of a person or company: config.yaml in ~/.skelebot."""
    network: Network = Network()
    offline: bool = False
    places: Hidden = None


BASES = {"Python": "python:{0.pythonVersion}-slim", "R": "rocker/r-ver:{0.rVersion}",
         "R+Python": "rocker/r-ver:{0.rVersion}", "NA": "debian:stable-slim"}


class Project(Record):
    """One skelebot.yaml, in the canonical spelling.

    components  each Component that takes part, made once
    settings    name -> what a component's section holds
    """
    _former = {"ignore": "ignores"}
    _hints = {"services": "it is Docker Compose's: a job of mode d is what it calls a service"}
    name: ProjectName
    description: Text = ""
    maintainer: Text = ""
    contact: Text = ""
    version: Line = ""
    language: Language = "Python"
    pythonVersion: Version = "3.13"
    rVersion: Version = "4.5"
    baseImage: ImageName = ""
    timezone: Timezone = ""
    gpu: bool = False
    runs: bool = True
    host: Host = ""
    hosts: Tuple[HostEntry, ...] = ()
    network: Network = Network()
    offline: bool = False
    secrets: Tuple[SecretEntry, ...] = ()
    user: User = "root"
    environment: Tuple[Variable, ...] = ()
    envFiles: Tuple[EnvFile, ...] = ()
    resources: Resources = Resources()
    docker: Tuple[DockerWord, ...] = ()
    ephemeral: bool = False
    dockerfile: ProjectPath = ""
    primaryJob: JobName = ""
    primaryExe: PrimaryExe = "CMD"
    dependencies: Dependencies = Dependencies()
    commands: Tuple[ShellCommand, ...] = ()
    copy: Tuple[CopyPair, ...] = ()
    ignores: Tuple[Ignore, ...] = ()
    ports: Tuple[Port, ...] = ()
    params: Tuple[Param, ...] = ()
    jobs: Tuple[Job, ...] = ()
    components: Tuple[Any, ...] = ()
    folder: Hidden = ""
    env: Hidden = ""
    envs: Hidden = ()
    warnings: Hidden = ()
    secret_files: Hidden = ()
    installed: Hidden = ()
    settings: Hidden = {}
    places: Hidden = None

    def _complete(self):
        """Raise the faults of names, also of jobs with the image or container of another."""
        sweeps = [(axis.place, job_parser(self, job).axis_problem(axis.name, axis.values))
                  for job in self.jobs for axis in job.sweep.each]
        raise_all([*self.job_faults(), *name_faults(self.params), *name_faults(self.secrets),
                   *(place.fault(*problem) for place, problem in sweeps if problem)])
        images = {kind.tag: kind.__name__ for kind in COMPONENTS.values() if kind.tag}
        images["latest"] = "the project"
        for taken, own in ((images, lambda job: job.ignores), ({}, lambda job: job.mode == "d")):
            for job in filter(own, self.jobs):
                name = slug(job.name)
                if name in taken:
                    raise job.places["name"].fault(
                        f"{name} is the name of {taken[name]}'s image or container",
                        "give the job another name")
                taken[name] = job.name
        return self

    def job_faults(self):
        """The faults of jobs that share a name, and of a primary job that is none of them."""
        names = {}
        for index, job in enumerate(self.jobs):
            if names.setdefault(job.name, index) != index:
                yield job.places["name"].fault(
                    f"the name {job.name} is taken by jobs[{names[job.name]}]",
                    "give one of them another name")
        if self.primaryJob and self.primaryJob not in names:
            near = did_you_mean(self.primaryJob, names, "jobs are") if names else ""
            yield self.places["primaryJob"].fault(f"no job is named {shortened(self.primaryJob)}",
                                                  near or "add it to jobs, or remove the line")

    def job(self, name):
        return next((job for job in self.jobs if job.name == name), None)

    def image_tag(self, job=None):
        """The image that a job runs from; one with ignores has an image of its own."""
        return self.image + (":" + slug(job.name) if job and job.ignores else "")

    def container(self, job, token=""):
        """The name of a job's container; that of a detached one has no token, for scripts."""
        return "-".join(filter(None, [self.image, slug(job.name), token]))

    @property
    def image(self):
        """The name of its image."""
        return "-".join(filter(None, [slug(self.name), slug(self.env)]))

    @property
    def base(self):
        """The image that its own begins with."""
        return self.network.image(self.baseImage or BASES[self.language].format(self))


def name_faults(parts):
    """The faults of arguments or parameters that share a name or alt."""
    taken = {}
    for one in parts:
        for key in ("name", "alt"):
            name, place = getattr(one, key, ""), one.places.get(key)
            if name in taken and not (key == "alt" and name == one.name):
                yield place.fault(f"the name {name} is taken by {taken[name].path}",
                                  "give one of them another name")
            if name:
                taken.setdefault(name, place)


def slug(text):
    """`text` as part of an image's name: a-z, 0-9 and single separators, or else a checksum."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", text.lower())
    plain = re.sub(r"([._-])[._-]+", r"\1", plain).strip("._-")
    return plain or (f"x{checksum(text):08x}" if text else "")


# ---- Looking ----------------------------------------------------------------
#
# What only reads the disk or the environment, and changes nothing: a dry run does it as well.


class Body(Record):
    """A file that is open for reading: its path as it is shown, its size in bytes."""
    file: Any
    path: str
    size: int
    lock: Any = None


class Digests(Record):
    """Size in bytes and SHA-256 of a file, in hexadecimal digits, and the SHA-256 of its parts."""
    size: int = -1
    sha256: str = ""
    parts: Tuple[str, ...] = ()


def is_as_recorded(path, size, changed):
    """Whether a file is as a run has written it, by its size and time."""
    status = os.lstat(machine_text(path)) if look(path) else None
    return bool(status) and status.st_size == size and abs(status.st_mtime - changed) < 0.001


def root_of(path):
    """What a path has to stay in, links followed: the project, unless it names one outside."""
    return "" if os.path.isabs(path) or os.path.normpath(path).split(os.sep)[0] == ".." else "."


def look(path, root=""):
    """`file`, `folder` or `` for what is at a path; it may have to be inside `root`."""
    path, root = machine_text(path), machine_text(root)
    if root and not is_relative_to(os.path.realpath(path), os.path.realpath(root)):
        where, way = root, ""
        if where == ".":
            where, way = "the project", ", or name the place that it leads to"
        raise SkelebotError(f"{path}: leads outside of {where}, by a link",
                            f"nothing was written; remove the link{way}")
    try:
        os.lstat(path)
    except PermissionError as error:
        raise refused(path, error)
    except (OSError, ValueError):
        return ""
    return "folder" if os.path.isdir(path) else "file"


def listing(path, depth=3):
    """The visible files below a folder, so many levels deep, sorted, as relative paths with `/`."""
    paths, path = [], machine_text(path)

    def refuse(error):
        if error.filename == path and isinstance(error, PermissionError):
            raise refused(path, error)

    for folder, folders, files in os.walk(path, onerror=refuse):
        inner = os.path.relpath(folder, path)
        near = [] if inner == "." else inner.split(os.sep)
        folders[:] = sorted(name for name in folders if
                            not re.match(r"\.|_|node_modules$|venv$", name)
                            and len(near) < depth)
        paths += ["/".join([*near, name]) for name in sorted(files) if name[0] != "."]
    return sorted(map(plain_text, paths))


def folder_names(path):
    """The names of the folders in a folder, without the hidden; none if it does not exist."""
    _, names, _ = next(os.walk(machine_text(path)), ("", (), ()))
    return sorted(plain_text(name) for name in names if name[0] != "." and name != "__pycache__")


def links_in(folder, most=1000):
    """(path, what it names) of links in a folder and below it, among so many entries of these."""
    folders, links = [machine_text(folder)], []
    while folders and most > 0:
        try:
            with os.scandir(folders.pop(0)) as found:
                entries = list(itertools.islice(found, most))
        except OSError:
            continue                    # whoever reads it will say so
        most -= len(entries)
        folders += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        links += [(entry.path, os.readlink(entry.path)) for entry in entries if entry.is_symlink()]
    return [(plain_text(path), plain_text(text)) for path, text in sorted(links)
            if os.path.exists(path)]


def module_files(name):
    """Where a project may have a module that is called as in `churn.cli`."""
    path = name.replace(".", "/")
    return [top + path + end for top in ("", "src/") for end in (".py", "/__init__.py")]


def end_of_link(path):
    """Where a path leads if it is a link, else the path."""
    path = machine_text(path)
    return plain_text(os.path.realpath(path) if os.path.islink(path) else path)


# source: pip, _internal/utils/encoding.py; that of 32 bits begins as that of 16 does
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
         (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
CODING = rb"\A(?:.*\n)?#.*?coding[:=]\s*([-\w.]+)"


def marked_text(data):
    """The text of a file as pip takes it: by its byte order mark or coding line, else UTF-8."""
    named = re.search(CODING, data)
    coding = next((coding for mark, coding in MARKS if data.startswith(mark)),
                  named.group(1).decode() if named else "utf-8")
    try:
        return data.decode(coding, "replace").lstrip("\ufeff")
    except (LookupError, UnicodeError):
        return data.decode("utf-8", "replace")


def check_readable(path):
    """Raise a fault if a file, or anything in a folder, cannot be opened."""
    for one, _ in members(path) if os.path.isdir(path) else [(path, "")]:
        body = None if os.path.isdir(one) else open_file(one)
        if body:
            body.file.close()


def members(folder):
    """What a `tree` has for an archive; links to files are followed, all else is refused."""
    for path, name in tree(folder):
        if os.path.islink(path) and not os.path.isfile(path):
            raise SkelebotError(f"{path}: is a link to a folder, or to nothing",
                                "replace it by what it links to")
        if not os.path.isfile(path) and not os.path.isdir(path):
            raise SkelebotError(f"{path}: is neither a file nor a folder", "remove it")
        yield path, name


def tree(folder, left_out=()):
    """(path, relative path with /) of every file and folder below a folder, sorted."""
    def refuse(error):
        raise refused(error.filename, error)

    for top, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if name not in left_out)
        for name in sorted([*folders, *files]):
            path = os.path.join(top, name)
            yield path, os.path.relpath(path, folder).replace(os.sep, "/")


def open_file(path):
    """The Body of a file, even if another one takes its place; None if it does not exist."""
    path = machine_text(path)
    try:
        return opened_body(open(path, "rb", buffering=0, opener=opened_plain), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(path, error)


def opened_body(file, path):
    return Body(file, path, os.fstat(file.fileno()).st_size, threading.Lock())


def digests_of(body, part=0):
    """The Digests of a Body, with `part` also of each part of so many bytes; empty in a dry run."""
    if not body.file:
        return Digests()
    whole, parts, size = Hashing(), [], body.size
    try:
        for start in range(0, size, part or size or 1):
            own = hashlib.sha256()
            for block in blocks(body, start, min(part or size, size - start), lambda done: None):
                whole.update(block, whole.buffer())
                if part:
                    own.update(block)
            parts.append(own.hexdigest())
    finally:
        sha256 = whole.end()
    return Digests(size, sha256, tuple(parts) if part else ())


class Hashing:
    """SHA-256 in a thread of its own; whoever holds one of its buffers may give it data to hash.

    SimpleQueue, since a signal in the midst of Queue.put would leave that locked for ever; Python
    3.6 has only that.
    """

    def __init__(self):
        kind = getattr(queue, "SimpleQueue", queue.Queue)
        self.hash, self.full, self.free = hashlib.sha256(), kind(), kind()
        for _ in range(4):
            self.free.put(memoryview(bytearray(CHUNK)))
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        for data, buffer in iter(self.full.get, None):
            self.hash.update(data)
            self.free.put(buffer)

    def update(self, data, buffer):
        """Hash data that does not change any more; the buffer is taken back."""
        self.full.put((data, buffer))

    def buffer(self):
        return self.free.get()

    def end(self):
        """The digest, in hexadecimal digits."""
        self.full.put(None)
        self.thread.join()
        return self.hash.hexdigest()


def blocks(body, start, size, tell):
    """The bytes of a stretch of an open file, which several threads may be reading.

    tell  hears how many there have been
    """
    done = 0
    while done < size:
        count, place = min(CHUNK, size - done), start + done
        try:
            if hasattr(os, "pread"):
                data = os.pread(body.file.fileno(), count, place)
            else:
                with body.lock:
                    body.file.seek(place)
                    data = body.file.read(count)
        except OSError as error:
            raise refused(body.path, error)
        if not data:
            raise SkelebotError(f"{body.path}: became shorter during the push",
                                "push it again when it is finished")
        yield data
        done += len(data)
        tell(done)


MOST = 64 * 1000 * 1000     # bytes of a file, or of what a program says, that are kept in memory


def read_bytes(path, most=None):
    """The bytes of a plain file, the first if only so many are wanted; None when there is none."""
    try:
        with open(machine_text(path), "rb", opener=opened_plain) as file:
            # None of a file in /proc that has nothing yet
            data = file.read(most or MOST + 1) or b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SkelebotError(f"{path}: cannot be read: {error.strerror}",
                            "look at the file's permissions")
    if len(data) > MOST:
        raise SkelebotError(f"{path}: is larger than {shown_size(MOST)}",
                            "check that this is the right file")
    return data


def opened_plain(path, flags):
    """The handle of a file; a pipe would wait for ever, and a device has no end."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind == stat.S_IFREG:
        return handle
    os.close(handle)
    said = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}.get(kind, "a device")
    raise SkelebotError(f"{path}: is {said}, no file", "put a plain file there, or remove it")


def refused(path, error):
    return SkelebotError(f"{path}: {(error.strerror or str(error)).lower()}",
                         "look at the folder's permissions and the free disk space")


IN_UTF8 = os.name == "nt" or sys.getfilesystemencoding() == "utf-8"


def machine_text(text):
    """`text` as this machine's interfaces take it: its bytes are UTF-8, whatever the locale says.

    The same, but for Python 3.6 in the C locale, which takes the bytes of anything else for ASCII's
    surrogates.
    """
    return text if IN_UTF8 else os.fsdecode(text.encode("utf-8", "surrogateescape"))


def plain_text(text):
    """What the machine gave, as UTF-8: the other way round."""
    try:
        return text if IN_UTF8 else os.fsencode(text).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text                     # PYTHONIOENCODING has seen to it


def is_alive(pid, begun=""):
    """Whether a process has not ended; `begun` tells it from its successor. 0 is none."""
    now = process_begun(pid) if pid else None
    return now is not None and begun in ("", now)


def process_begun(pid):
    """When a process began, as the kernel says it, "" if that is not to be had; None if it has
    ended. Source: proc(5), /proc/PID/stat
    """
    words = first_bytes(f"/proc/{pid}/stat", 4096).rpartition(b")")[2].split()
    if words or os.path.exists("/proc/self/stat"):
        return words[19].decode() if words and words[0] not in b"ZX" else None
    try:
        getattr(os, "getpgid", int)(pid)
    except OSError as error:            # it may be somebody else's
        return None if isinstance(error, ProcessLookupError) else ""
    return ""


def machine_name():
    """What this machine calls itself."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def user_name(uid, otherwise="user"):
    """The name that this machine has for a user."""
    try:
        import pwd
        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return otherwise


# -- The files of a project

def context_files(rules):
    """(path on this machine, name) of every file of the current folder that the rules leave in."""
    for name, _, facts in (line.partition("//") for line in context_index(rules).split("\n")):
        if facts.startswith("100"):
            yield machine_text(name), name


def context_index(rules, left_out=(), only=()):
    """The files of a Recipe, of the current folder and what is below it, sorted.

    rules     what keeps files out of the build context
    left_out  paths that do not count, and what is below them
    only      paths that alone count, and what is below them; () are all
    """
    lines, folders, now = [], [] if only else [""], int(time.time() * 10 ** 9)
    for path in only:
        place = machine_text(path)
        if os.path.lexists(place) and not rules.ignores(path):
            lines.append(context_line(place, path, os.lstat(place), now))
        folders += [path + "/"] if os.path.isdir(place) else []
    while folders:
        own, inner = folder_lines(folders.pop(), rules, left_out, now)
        lines += own
        folders += inner
    return "\n".join(sorted(set(lines) if only else lines))


def folder_lines(near, rules, left_out, now):
    """(lines, folders) of what is in a folder; what cannot be read has the number of its error."""
    lines, folders, ignores, prunes = [], [], rules.ignores, rules.prunes
    try:
        with os.scandir(machine_text(near) or ".") as entries:
            for entry in entries:
                name = near + (entry.name if IN_UTF8 else plain_text(entry.name))
                is_folder = entry.is_dir(follow_symlinks=False)
                if name in left_out or (is_folder and prunes(name)):
                    continue
                if is_folder:
                    folders.append(name + "/")
                if not ignores(name):
                    status = entry.stat(follow_symlinks=False)
                    lines.append(context_line(entry.path, name, status, now))
    except OSError as error:
        return [f"{near}//{error.errno}"], []
    return lines, folders


RECENT = 50 * 10 ** 6       # nanoseconds in which a file could be changed twice with one time
COARSE = 2100 * 10 ** 6     # and on a disk that counts seconds


def context_line(path, name, status, now):
    """A file, link or folder as a Recipe has it: mode, size, times in nanoseconds, inode.

    What can change again without a trace is unique. The owner does not count, since nobody's is
    kept in an image. Source: racy-git
    """
    mode, changed = status.st_mode, status.st_ctime_ns
    if stat.S_ISREG(mode):
        line = f"{name}//{mode:o} {status.st_size} {status.st_mtime_ns} {changed} {status.st_ino}"
        recent = changed > now - (COARSE if changed % 10 ** 6 == 0 else RECENT)
        return f"{line} {now}" if recent else line
    return f"{name}//{mode:o} {os.readlink(path)!r}" if stat.S_ISLNK(mode) else f"{name}//{mode:o}"


def are_direct(paths):
    """Whether paths of the current folder exist in this spelling, and lead through no link."""
    top = os.path.realpath(".")
    return all(os.path.realpath(path) == os.path.join(top, os.path.normpath(path))
               for path in map(machine_text, paths))


def secrets_in(files, keytabs=()):
    """The files that should be in no image: names, with why.

    files    (path on this machine, name) of each
    keytabs  paths of files that are secret themselves, and whose copies are
    """
    search = SecretSearch(keytabs)
    kinds = ((plain_text(name), search.kind(name, first_bytes(path, search.enough)))
             for path, name in files)
    return [(name, kind) for name, kind in kinds if kind]


HEAD = 64 * 1024            # bytes by which a file shows that it is secret


class SecretSearch:
    """What shows that a file is secret: its name, first bytes, or being a keytab's copy."""

    def __init__(self, keytabs):
        paths = filter(os.path.isfile, map(machine_text, keytabs))
        self.copies = {data for data in map(read_bytes, paths) if data}
        self.enough = max([HEAD, *(len(data) + 1 for data in self.copies)])

    def kind(self, name, start):
        """Why a file of that name, with those first bytes, is secret; "" if it is not."""
        known = start in self.copies
        return "a keytab" if known else secret_patterns().kind(name, start) if start else ""


def first_bytes(path, count):
    """The first bytes of a plain file; empty if it cannot be read."""
    with contextlib.suppress(OSError):
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path, "rb") as file:
                return file.read(count)
    return b""


def netrc_login(path, host):
    """(user, password) of a file in netrc(5)'s form for a host, or None."""
    read_bytes(path)                    # which refuses a pipe, or what is too large
    try:
        login = netrc.netrc(path).authenticators(host)
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:
        raise Place(path, error.lineno or 1).fault(   # error.msg may have a piece of a password
            "is not in netrc's form",
            "write machine HOST login USER password TOKEN; no blanks in them")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "it is not text"
        raise SkelebotError(f"{path}: cannot be read: {reason}", "look at the file's permissions")
    return (login[0] or "", login[2] or "") if login else None


def free_port(number):
    """This port of this machine, or the next one at which nobody listens."""
    for port in range(number, min(number + 100, 65536)) if number else ():
        try:
            with socket.socket() as attempt:
                if os.name != "nt":
                    attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                attempt.bind(("", port))
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return port
    return number


def cache_file(environ, home, name, *key):
    """The file that remembers something about what the key's parts say; "" without a home."""
    folder = skelebot_home(environ, home)
    file = f"{name}-{checksum(chr(0).join(key)):08x}"
    return "" if folder.startswith("~") else os.path.join(folder, "builds", file)


def checksum(text):
    return zlib.crc32(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))


def skelebot_home(environ, home):
    """The folder of plugins and artifacts."""
    return host_path(environ.get("SKELEBOT_HOME") or os.path.join(home, ".skelebot"), "", home)


def host_path(path, folder, home):
    """A path of the file on this machine: `~` is the home, a relative one is of the project."""
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    path = os.path.normpath(os.path.join(folder, path))
    return os.path.join(".", path) if path.startswith("-") else path


def is_relative_to(path, folder):
    """Whether a path is below a folder, both absolute."""
    return (path + os.sep).startswith(os.path.join(folder, ""))


def ancestors(path):
    """The folders above a relative path, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


# -- The files in templates/

def image_part(template, **values):
    """A part of an image's file, with its $lower_case names filled in; $HOME stays the shell's."""
    text = template_bytes("image", template).decode("utf-8")
    return re.sub(r"\$([a-z][a-z_]*)", lambda match: values[match.group(1)], text)


def hints(name):
    """word -> what there is to say of it, as a table in templates/hints has it, each on a line."""
    lines = [line for lines in template_rows("hints", name) for line in lines]
    return dict(line.split(" ", 1) for line in lines)


def refusal_hint(said, otherwise, table="engine", *where):
    """What to do about a program or server that has refused in these words."""
    return refusal(said, table, *where)[0] or otherwise


def refusal(said, table, *where):
    """(what to do, what it means) where somebody refuses in these words; "" for what is unknown."""
    for pattern, hint, *meaning in template_rows("refusals", table):
        match = re.search(pattern, said)
        if match:
            return hint.format(match.group(), *where), "".join(meaning)
    return "", ""


def template_rows(*parts):
    """The paragraphs of a table in templates/, each a list of its lines; # begins a note."""
    paragraphs = template_bytes(*parts).decode("utf-8").strip().split("\n\n")
    return [one.split("\n") for one in paragraphs if one[0] != "#"]


def template_bytes(*parts):
    """A file of templates/."""
    for path in template_paths(*parts):
        with contextlib.suppress(OSError):
            return __loader__.get_data(path)
    raise SkelebotError(f"the template {'/'.join(parts)} is missing beside {HERE}",
                        "copy the folder templates/ with skelebot.py, or run install.sh again")


HERE = os.path.abspath(__file__)


def template_paths(*parts):
    """Where a file of templates/ may be: beside this one or what it is a link to, also in a zip."""
    return [os.path.join(os.path.dirname(own), folder, *parts)
            for folder in ("templates", "skelebot_templates")
            for own in (HERE, os.path.realpath(HERE))]


# ---- Reading ----------------------------------------------------------------
#
# The nodes are read, not the values PyYAML would make of them: so `3.10`, `yes` and `8080:22` stay
# as typed, and every value knows its line.

FILE = "skelebot.yaml"
CONFIG, HOSTS = "config.yaml", "hosts.yaml"     # in ~/.skelebot
MERGE = "tag:yaml.org,2002:merge"
NULL = "tag:yaml.org,2002:null"
TEXT = "tag:yaml.org,2002:str"
ACCEPTED_KEYS = {"skelebotVersion"}     # once written by the tool itself, without a meaning


# -- Projects

def read_folder(folder, env=None, installed=()):
    """The project in a folder, with the environment's keys laid over it."""
    known = environments(folder)
    if env is not None and env not in known:
        check_ending(folder, environment_file(env))
        hint = f"an environment is a file skelebot-{env or 'NAME'}.yaml here"
        raise usage_error(f"unknown environment {shortened(env)}",
                          did_you_mean(env, known) if known else hint)
    base = read_entries(folder, FILE)
    over = read_entries(folder, environment_file(env)) if env else {}
    project = read_project({**base, **over}, Place(FILE, 1), installed)
    secrets = {*project.secret_files, *secret_files(folder, known)}
    config = laid_over(project, read_config(os.environ, os.path.expanduser("~")))
    return with_components(project._replace(
        folder=folder, env=env or "", envs=known, secret_files=tuple(sorted(secrets)),
        version=read_version(folder, project.version), network=config.network,
        offline=config.offline))


def read_project(entries, place, installed=()):
    """The project of the top-level entries, without components; `installed` are the plugins."""
    apart = {*former_keys(), "components", "dependencies"}
    plain = {name: entry for name, entry in entries.items() if name not in apart}
    own = entries.get("dependencies")
    project, dependencies, (ours, plugins, others) = each_of(
        (lambda: Project(**record_values(Project, plain, place))._complete(),
         lambda: own and own.dependencies(entries.get("language")),
         lambda: Sections(entries).read(installed)), lambda read: read())
    if own:
        project.places["dependencies"] = own.place
    secrets = [getattr(ours[name], key) for name in ours for key in COMPONENTS[name].secret_files]
    secrets += [one.file for one in project.secrets if one.file]
    settings, known = {**plugins, **ours}, [name for name, _ in installed]
    return project._replace(
        dependencies=dependencies or project.dependencies, settings=settings,
        secret_files=tuple(secrets), installed=tuple(installed),
        warnings=warnings(project, settings, others, known))


FOR_DOCKERFILE = ("pythonVersion", "rVersion", "baseImage", "timezone", "primaryJob",
                  "dependencies", "commands", "copy")


def warnings(project, settings, sections, known):
    """What is not wrong, but perhaps not what was meant.

    sections  those that are not ours; plugins are `known` by their names
    """
    job, places = project.primaryJob and project.job(project.primaryJob), project.places
    needed = job.args[0].name.upper() if job and job.args and project.primaryExe == "CMD" else ""
    near = {name: nearest(name, [*COMPONENTS, *known]) for name in sections if name not in known}
    return (
        *(fault.message for fault in late_faults(tuple(settings.values()))),
        *(f"{sections[name].place}: needs a plugin of that name" + (hint and f"; {hint}")
          for name, hint in near.items()),
        *([f"{places['primaryJob']}: {job.name} needs {needed}, which docker run cannot pass to "
           "a CMD; primaryExe: ENTRYPOINT takes words"] if needed else []),
        *(f"{place}: has no effect, since {project.dockerfile} is built as it is"
          for key, place in places.items() if project.dockerfile and key in FOR_DOCKERFILE),
    )


def laid_over(record, below):
    """A record on top of another, key by key, as far as that has these."""
    own = {name: getattr(record, name) for name in record.places or () if name in below._fields}
    own.update((name, laid_over(value, getattr(below, name))) for name, value in own.items()
               if hasattr(value, "_fields"))
    return below._replace(**own, places={**(below.places or {}), **(record.places or {})})


# -- Sections of components, in all spellings

PLUGINS = "plugins"     # the key of their list in 2019


class Sections:
    """The sections of a project, by their paths in all spellings; `entries` are the top level's."""

    def __init__(self, entries):
        self.entries = {key: entries[key] for key in former_keys() if key in entries}
        components = entries.get("components")
        if components:
            components.check_tag()
            below = {} if components.is_nothing else components.entries()
            self.entries.update((f"components.{name}", entry) for name, entry in below.items()
                                if not name.startswith("x-"))

    def read(self, installed):
        """name -> settings of our components, of plugins, and name -> Value of what neither has."""
        if not self.entries:
            return {}, {}, {}
        others = self.others()
        plugins = [(name, kind) for name, kind in installed if name in others]
        reads = (*(functools.partial(self.settings, *one) for one in COMPONENTS.items()),
                 *(functools.partial(plugin_settings, kind, others[name])
                   for name, kind in plugins))
        settings, ours = each_of(reads, lambda read: read()), len(COMPONENTS)
        return ({name: section for name, section in zip(COMPONENTS, settings) if section},
                {name: section for (name, _), section in zip(plugins, settings[ours:])}, others)

    def settings(self, name, kind):
        """What the section holds, None without one; of two files the environment's wins."""
        last, settings = None, None
        for path, former in section_paths(name, kind).items():
            entry = self.entries.get(path)
            if entry and last and last.file == entry.place.file:
                raise entry.place.fault(f"given twice, also as {last.path}", "keep one of them")
            if entry and (not last or last.file == FILE):
                last, settings = entry.place, None
                if former and not entry.is_nothing:
                    settings = former[1](entry.read(former[0]))
                elif not entry.is_nothing:
                    settings = kind.read(entry.node, last)
        return settings and completed(settings, last)

    def others(self):
        """name -> Value of each section that is not ours: of today, and of 2019."""
        ours = {path for name, kind in COMPONENTS.items() for path in section_paths(name, kind)}
        others = {path.partition(".")[2]: entry for path, entry in self.entries.items()
                  if path not in ours and path != PLUGINS}
        former = self.entries.get(PLUGINS)
        for plugin in former.read(Tuple[FormerPlugin, ...]) if former else ():
            node = plugin.config or yaml_module().ScalarNode(NULL, "")
            others[plugin.name] = Value(node, former.place)
        return others


def plugin_settings(kind, entry):
    """The section of a plugin, by its own class."""
    try:
        return kind.read(pyyaml_node(entry.node), entry.place)
    except SkelebotError:
        raise
    except Exception as error:              # its author's
        raise entry.place.fault(f"{type(error).__name__}: {error}",
                                "the plugin says so; tell its author")


class FormerPlugin(Record):
    name: Line
    config: Any = None


def section_paths(name, kind):
    """path -> None of a component's section as it is read today, `former` of one of before."""
    return {f"components.{name}": None, **kind.former}


def former_keys():
    """The sections that stood at the top level in 2019."""
    paths = [path for kind in COMPONENTS.values() for path in kind.former]
    return (*(path for path in paths if "." not in path), PLUGINS)


# -- Secret files, of all environments

def secret_files(folder, known):
    """The secret files that skelebot.yaml and its environments name: no image may hold them."""
    keys = [(("secrets",), "file", HostFile)] + [
        (section_paths(name, kind), key, kind.record.__annotations__[key])
        for name, kind in COMPONENTS.items() for key in kind.secret_files]
    return {name for file in map(environment_file, ("", *known)) for paths, key, kind in keys
            for name in names_in(folder, file, paths, key) if kind.fits(name)}


def names_in(folder, file, paths, key):
    """What a file has under a key of a section, in all its spellings."""
    data = b""
    try:
        data = read_bytes(os.path.join(folder, file)) or b""
        words = [path.rpartition(".")[2] for path in paths]
        if key.encode() not in data or not any(word.encode() in data for word in words):
            return set()
        entries = read_entries(folder, file)
        own = [one for path in paths for one in inner_values(entries, path.split("."), key)]
        return {entry.node.value for entry in own if entry.node.id == "scalar"}
    except SkelebotError:               # that environment is not in use, but its secret is here
        pattern = key + r"""["']?\s*:\s*["']?([^\s"',}#]+)"""
        return set(re.findall(pattern, data.decode("utf-8", "replace")))


def inner_values(entries, keys, last):
    """The Values that mappings, or those in a list, have of a key, below other keys."""
    entry = None
    for key in keys:
        entry = entries.get(key)
        entries = entry.entries() if entry and entry.node.id == "mapping" else {}
    listed_below = entry.node.value if entry and entry.node.id == "sequence" else ()
    below = [Value(node, entry.place).entries() for node in listed_below if node.id == "mapping"]
    return [own[last] for own in (entries, *below) if last in own]


# -- Files

def read_config(environ, home):
    """The Config of the caller; without a file it costs one look at the disk."""
    path = os.path.join(skelebot_home(environ, home), CONFIG)
    if not os.path.lexists(path):
        return Config()
    return Config(**record_values(Config, read_entries("", path), Place(path, 1)))


def read_entries(folder, file):
    """name -> Value at the top level of a file; an environment may have none."""
    node = read_root(folder, file)
    if node is None or Value(node, None).is_nothing:
        if file != FILE:
            return {}
        raise Place(file, 1).fault("is empty", "it needs at least a line such as name: churn-model")
    return canonical(Project, Value(node, Place(file, node.start_mark.line + 1)).entries())


def read_root(folder, file):
    """The root node of a YAML file, None for an empty one."""
    path = os.path.join(folder, file)
    data = read_bytes(path) or b""
    known = cache_file(os.environ, os.path.expanduser("~"), "nodes", os.path.abspath(path))
    kept = first_bytes(known, MOST)
    return KnownNodes(data, file).root(kept) or YamlText.of(data, file).root()


def environments(folder):
    """The names of the environments: skelebot-NAME.yaml beside skelebot.yaml."""
    try:
        files = os.listdir(folder)
    except OSError as error:
        raise SkelebotError(f"{folder}: cannot be read: {error.strerror}",
                            "look at the folder's permissions")
    names = [re.fullmatch(r"skelebot-([^\s-][^\s]*)\.yaml", name) for name in files]
    return tuple(sorted(name.group(1) for name in names if name))


def environment_file(env):
    return f"skelebot-{env}.yaml" if env else FILE


def check_ending(folder, file):
    """Raise a fault if a file does not exist, but one of nearly its name does."""
    near = re.escape(os.path.splitext(file)[0]) + r"\.ya?ml"
    for name in os.listdir(folder):
        if re.fullmatch("(?i)" + near, name) and name != file:
            raise SkelebotError(f"{name}: is not read under this name",
                                f"rename it: {shell_line(['mv', name, file])}")


def project_folder(start):
    """The nearest folder from `start` upwards that holds a skelebot.yaml, or None.

    A person has chosen `start`, and nobody what is above; /tmp and the like hold anybody's files.
    """
    folder = start
    while not os.path.isfile(os.path.join(folder, FILE)):
        folder, last = os.path.dirname(folder), folder
        if folder == last:
            return None
    if folder != start or os.stat(folder).st_mode & 0o1002 == 0o1002:
        check_owner(folder, FILE)
    return folder


def check_owner(folder, *names):
    """A folder and its files of some names belong to the caller or root, if it is not trusted.

    Source: git-config(1), safe.directory; sudo(8), SUDO_UID
    """
    trusted = os.environ.get("SKELEBOT_TRUST", "").split(os.pathsep)
    if os.name == "nt" or "*" in trusted or (
            os.path.realpath(folder) in map(os.path.realpath, filter(None, trusted))):
        return
    sudo = os.environ.get("SUDO_UID", "") if os.geteuid() == 0 else ""
    ours = {0, os.geteuid(), int(sudo) if sudo.isdecimal() else 0}
    for path in filter(os.path.exists, [folder, *(f"{folder}/{name}" for name in names)]):
        for uid in {os.lstat(path).st_uid, os.stat(path).st_uid} - ours:
            owner, trust = user_name(uid, f"user {uid}"), os.pathsep.join(
                filter(None, [os.environ.get("SKELEBOT_TRUST"), folder]))
            raise SkelebotError(f"{path}: belongs to {owner}, neither to you nor to root",
                                f"if you trust it: export SKELEBOT_TRUST={shell_line([trust])}")


def read_version(folder, version):
    data = read_bytes(os.path.join(folder, "VERSION"))
    return version if data is None else version_text(data)


def version_text(data):
    """The version in the bytes of a VERSION file."""
    return YamlText.of(data, "VERSION").text.strip().partition("\n")[0].strip()


# -- YAML

class KnownNodes:
    """What is kept of a YAML file from call to call: its bytes, and their nodes.

    PyYAML takes as long to import as all the rest. The bytes are compared, so that what is kept
    is never out of date.
    """

    def __init__(self, data, file):
        self.data, self.file = data, file

    def to_keep(self):
        """What to keep: the nodes, or that they are not simple."""
        try:
            root = YamlText.of(self.data, self.file).root()
            nodes = marshal.dumps(root and Node.flat(root, set()))
        except (SkelebotError, KeyError, RecursionError, ValueError):
            nodes = marshal.dumps(None)
        body = marshal.dumps(self.data) + nodes
        return self.stamp(body) + body

    def root(self, kept):
        """The root node; None if what was kept belongs to other bytes, or is not simple."""
        try:
            return Node.of(marshal.loads(self.nodes(kept)))
        except (ValueError, TypeError, EOFError, RecursionError):
            return None                     # there is none, or what somebody has made up

    def nodes(self, kept):
        """The nodes in what was kept; b"" if that belongs to other bytes."""
        stamp, _, body = kept.partition(b"\n")
        known = marshal.dumps(self.data)
        whole = body.startswith(known) and stamp + b"\n" == self.stamp(body)
        return body[len(known):] if whole else b""

    @staticmethod
    def stamp(body):
        """What says that they are whole, and of this Python and this form of them."""
        return f"skelebot nodes 4 {sys.implementation.cache_tag} {checksum(body):08x}\n".encode()


MOST_TEXT = 500 * 1000      # bytes of a YAML file, of which each byte may become 200 in memory
MOST_NODES = 100 * 1000     # of it when aliases have been followed
DEEPEST = 950               # brackets, or lists, inside each other
PURE = 64 * 1024            # characters that the pure loader reads in a second or two
CONTROL = "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|\ufffe|\uffff"
NO_BREAK = r"(?m)^ *(?! )[^\S\n\r\t][^\S\n]*[\w-]+:"     # a key after a blank that is none for YAML


class YamlText:
    """The text of a YAML file, and what is wrong with it."""

    def __init__(self, text, file):
        self.text, self.file = text, file

    @classmethod
    def of(cls, data, file):
        """The text in a file's bytes: UTF-8, without the characters that YAML forbids."""
        if len(data) > MOST_TEXT:
            raise Place(file, 1).fault(f"is larger than {shown_size(MOST_TEXT)}",
                                       "check that this is the right file")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[:error.start].count(b"\n") + 1
            raise Place(file, line).fault("is not UTF-8", "save the file as UTF-8")
        self = cls(text.replace("\r\n", "\n"), file)
        control, no_break = re.search(CONTROL, self.text), re.search(NO_BREAK, self.text)
        if control:
            raise self.fault(control, f"holds the control character {ascii(control.group())}",
                             "remove it")
        if no_break:
            raise self.fault(no_break, "line starts with a no-break space", "indent with spaces")
        return self

    def root(self, deepest=DEEPEST):
        """The root node, or None when it is empty.

        The words of a fault come from the pure loader, so that they are the same with and without
        libyaml; so does the verdict on tabs, and on ? in brackets, which the two see differently.
        """
        yaml, text = yaml_module(), self.text
        differ = "\t" in text or ("?" in text and ("[" in text or "{" in text))
        fast, named = getattr(yaml, "CSafeLoader", None), type(
            "Named", (io.StringIO,), {"name": self.file})
        kinds = [fast] if fast and not (differ and len(text) <= PURE) else []
        if not kinds or len(text) <= PURE:
            kinds.append(yaml.SafeLoader)
        for kind in kinds:
            try:
                loader = type("Loader", (Bounded, kind), {"deepest": deepest})
                root = yaml.compose(named(text), loader)
                if root and "*" in text and "&" in text:
                    self.check_aliases(root, {})
                return root
            except RecursionError:
                raise self.fault(None, "is nested too deeply",
                                 "use fewer brackets inside each other")
            except (ValueError, OverflowError):
                raise self.fault(re.search(r"\\U(?!000|0010)", text),
                                 "holds an escape that is not a character", "remove it")
            except yaml.YAMLError as error:
                fault = error
        raise self.syntax_error(fault)

    def fault(self, match, message, hint):
        """A fault in the line of a match, in the first line if that is None."""
        line = self.text.count("\n", 0, match.start()) + 1 if match else 1
        return Place(self.file, line).fault(message, hint)

    def syntax_error(self, error):
        """The SkelebotError for what PyYAML says, in the words of templates/hints/yaml."""
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        context, start = getattr(error, "context", ""), getattr(error, "context_mark", None)
        said = f"{context} {problem or 'is not YAML'}"[:300]    # it may have names from the file
        pattern, hint, known, *begin = next(
            row for row in template_rows("hints", "yaml") if re.search(row[0], said))
        message = problem or "is not YAML"
        if known != "-":
            message = re.sub(".*?" + pattern + ".*", known, said)
        elif start and mark and start.line < mark.line and not begin:
            message += f" (in what starts in line {start.line + 1})"
        mark = start if begin and start else mark
        return Place(self.file, mark.line + 1 if mark else 1).fault(message, hint)

    def check_aliases(self, node, sizes):
        """Refuse what is too much with what aliases stand for; its size; `sizes` has the others."""
        if id(node) not in sizes:
            sizes[id(node)], inner = 0, [] if node.id == "scalar" else node.value
            sides = [side for one in inner for side in (one if isinstance(one, tuple) else [one])]
            sizes[id(node)] = 1 + sum([self.check_aliases(side, sizes) for side in sides])
        if sizes[id(node)] > MOST_NODES:
            raise node_place(node).fault(
                f"has more than {MOST_NODES} values when its aliases are followed",
                "remove aliases")
        return sizes[id(node)]


class Bounded:
    """A loader that goes no deeper: far deeper libyaml, which is written in C, would crash."""
    depth = 0

    def descend_resolver(self, parent, index):
        self.depth += 1
        if self.depth > self.deepest:
            raise RecursionError

    def ascend_resolver(self):
        self.depth -= 1


class Node(tuple):
    """A node that is known from an earlier call: of PyYAML's, what is asked of them here."""
    __slots__ = ()
    id, tag, value, style = (property(itemgetter(index)) for index in range(4))
    start_mark, end_mark = (property(lambda self, index=index: Mark._make(self[index]))
                            for index in (4, 5))

    @classmethod
    def flat(cls, node, seen):
        """PyYAML's node as plain tuples; KeyError if an alias has it twice."""
        if id(node) in seen:
            raise KeyError(node.tag)
        seen.add(id(node))
        marks = [(mark.name, mark.index, mark.line, mark.column)
                 for mark in (node.start_mark, node.end_mark)]
        return (node.id, node.tag, each_node(node.id, node.value, lambda one: cls.flat(one, seen)),
                node.style if node.id == "scalar" else node.flow_style, *marks)

    @classmethod
    def of(cls, plain):
        """The Node of what `flat` made."""
        kind, tag, value, *rest = plain
        return cls((kind, tag, each_node(kind, value, cls.of), *rest))


class Mark(Record):
    """A place in a file, as PyYAML counts: from zero."""
    name: str
    index: int
    line: int
    column: int


def pyyaml_node(node):
    """PyYAML's own node for one of ours."""
    if not isinstance(node, Node):
        return node
    yaml, value = yaml_module(), each_node(node.id, node.value, pyyaml_node)
    marks = [yaml.Mark(*mark, None, None) for mark in (node.start_mark, node.end_mark)]
    return getattr(yaml, node.id.title() + "Node")(node.tag, value, *marks, node.style)


def each_node(kind, value, change):
    """The value of a node of a kind, with what `change` makes of each node in it."""
    if kind == "sequence":
        return list(map(change, value))
    return [tuple(map(change, pair)) for pair in value] if kind == "mapping" else value


def yaml_module():
    try:
        import yaml
    except ImportError:
        raise SkelebotError(
            f"PyYAML is not installed for {sys.executable}",
            "python3 -m pip install --user PyYAML, or run install.sh, which brings it")
    return yaml


# -- Nodes -> values

SWITCHES = r"(?:privileged|read-only|no-healthcheck|oom-kill-disable|publish-all|quiet)"


class Value:
    """A node and the place where it stands, for what is read of it; `key` is its own, if any."""
    __slots__ = ("node", "place", "key")

    def __init__(self, node, place, key=None):
        self.node, self.place, self.key = node, place, key

    @property
    def is_nothing(self):
        return self.node.id == "scalar" and self.node.tag == NULL

    def unexpected(self, expected, hint):
        return self.place.fault(f"expected {expected}, found {self.shown}", hint)

    @property
    def shown(self):
        """What it is, in the words of a message."""
        if self.node.id != "scalar":
            return {"sequence": "a list", "mapping": "a mapping"}[self.node.id]
        if self.node.value:
            return shortened(self.node.value)
        return "an empty text" if self.node.style else "nothing"

    # -- Records

    def read(self, kind):
        """Its value as `kind`, which is an annotation of a record."""
        if kind is not Any:
            self.check_tag()
        return reader(kind)(self)

    def check_tag(self):
        if self.node.tag.startswith("!"):
            raise self.place.fault(f"the tag {self.node.tag} has no meaning here",
                                   "put a text that starts with ! in quotes")

    def refuse(self, kind):
        raise self.place.fault(
            f"cannot be read as {getattr(kind, '__name__', kind)}, which a plugin wants",
            "tell the plugin's author: str, int, float, bool, list, dict and records can be read")

    def variables(self):
        """`environment`: a mapping, or a list of NAME (passed on) and NAME=VALUE."""
        if self.node.id == "mapping":
            pairs = [(Value(one.key, one.place).text(VariableName),
                      None if one.is_nothing else one.text(Text))
                     for one in self.entries().values()]
        else:
            words = [text.partition("=") for text in self.items(VariableWord)]
            pairs = [(name, value if equals else None) for name, equals, value in words]
        return tuple(Variable(name, Secret(value) if value and has_password(value) else value)
                     for name, value in pairs)

    def docker_words(self):
        """`docker`: options of `docker run`, each with its value behind it or behind a =."""
        words = tuple(self.items(DockerWord))
        text = re.sub(rf"(?m)^(--(?!{SWITCHES}$)[^=\n]+)\n(?!-)", r"\1=", "\n".join(words))
        for option in text.split("\n") if words else ():
            own = [hint for names, hint in template_rows("hints", "docker-run")
                   if re.fullmatch(rf"--(?:{names})(?:=.*)?", option)]
            if own or not re.fullmatch(rf"--[\w-]+=.*|--{SWITCHES}", option):
                raise self.place.fault(
                    "expected long options of docker run that no key has, found "
                    + shortened(option.partition("=")[0]), *own[:1] or [
                        "write each word as an item, values too: [--network=host, --tmpfs, /run]"])
        return words

    def axes(self):
        """`each` of a sweep: name -> values."""
        return tuple(each_of(self.entries().items(), lambda one: Axis(
            one[0], tuple(one[1].items(Text)), one[1].place)))

    def default(self):
        """`default`: a tuple of words, or one text that is split if the parameter is a list."""
        words = self.node.id == "sequence"
        return tuple(self.items(DefaultWord)) if words else self.text(DefaultWord)

    def dependencies(self, language):
        """`dependencies` as {Python: [...], R: [...]}, whichever way it was written.

        language  the Value of that key, None without it
        """
        if self.is_nothing:
            return Dependencies()
        known = language and not language.is_nothing
        language = language.read(Language) if known else Project._field_defaults["language"]
        if language == "NA":
            raise self.place.fault("language NA installs nothing",
                                   "use commands:, or choose another language")
        if self.node.id == "mapping":
            return self.record(Dependencies).of(language)
        if language == "R+Python":
            raise self.unexpected("Python: [...] and R: [...]", "say for each what it is for, as "
                                  "in: dependencies: {Python: [numpy], R: [dplyr]}")
        kind = {"Python": PythonDependency, "R": RDependency}[language]
        return Dependencies(**{language: tuple(self.items(kind))})

    def record(self, kind):
        bare = getattr(kind, "_bare", "") if self.node.id == "scalar" else ""
        if bare:
            return kind(**{bare: self.text(kind.__annotations__[bare])},
                        places={"": self.place, bare: self.place})
        record = kind(**record_values(kind, self.entries(), self.place))
        return completed(record, self.place) if isinstance(record, Record) else record

    # -- Mappings

    def items(self, kind):
        """The values of a list; a single value stands for a list of one."""
        if self.node.id == "sequence":
            path = self.place.path
            return each_of(enumerate(self.node.value), lambda one: (
                Value(one[1], node_place(one[1], f"{path}[{one[0]}]")).read(kind)))
        if self.node.id == "mapping" and hasattr(kind, "_fields"):
            if not self.entries().keys() & fields(kind).keys():
                raise self.unexpected("a list", "write each as an item: - name: ...")
        return [] if self.is_nothing else [self.read(kind)]

    def entries(self, above=()):
        """name -> Value of a mapping, with `<<` merged; the mapping's own keys win."""
        if self.node.id != "mapping":
            raise self.unexpected("a mapping", "write KEY: VALUE, one on a line")
        own, merged, near = {}, {}, f"{self.place.path}." if self.place.path else ""
        for key, value in self.node.value:
            if key.id != "scalar":
                raise node_place(key).fault(
                    f"a key must be text, found {Value(key, None).shown}", "write KEY: VALUE")
            place = node_place(key, near + key.value)
            if key.tag == MERGE:
                for name, entry in self.from_merge(place, value, (*above, self.node)).items():
                    merged.setdefault(name, entry)
            elif key.value in own:
                raise place.fault(f"given twice, first in line {own[key.value].place.line}",
                                  "keep one of them")
            else:
                own[key.value] = Value(value, place, key)
        return {**merged, **own}

    def from_merge(self, place, sources, above):
        """What `<<` brings: of several mappings the first that has a key."""
        merged = {}
        for source in sources.value if sources.id == "sequence" else [sources]:
            one = Value(source, place)
            if source.id != "mapping":
                raise one.unexpected("a mapping", "name a mapping, as in: <<: *defaults")
            if source in above:
                raise place.fault("merges itself", "merge another mapping")
            merged = {**Value(source, self.place).entries(above), **merged}
        return merged

    def repeated_names(self):
        """The faults of a list's items that have the name of one before them."""
        names, nodes = {}, self.node.value if self.node.id == "sequence" else ()
        for index, node in enumerate(nodes):
            for key, name in node.value if node.id == "mapping" else [(None, node)]:
                path = f"{self.place.path}[{index}]"
                if name.id == "scalar" and getattr(key, "value", "name") == "name" and (
                        names.setdefault(name.value, path) != path):
                    yield node_place(name, path + (".name" if key else "")).fault(
                        f"the name {name.value} is taken by {names[name.value]}",
                        "give one of them another name")

    # -- Scalars

    def word(self, kind):
        """A scalar that fits a kind, which is never of one command only."""
        if self.node.id != "scalar" or not kind.fits(self.node.value):
            raise self.unexpected(kind.expected, kind.hint)
        return self.node.value

    def text(self, kind):
        """A scalar as it was typed, when it fits its kind."""
        node, text = self.node, self.node.value
        if node.id != "scalar" or (self.is_nothing and not text):
            raise self.unexpected(kind.expected, kind.hint)
        if node.style in ("|", ">") and issubclass(kind, Line):
            text = text.rstrip("\n")
        text = kind.meant(text)
        if issubclass(kind, Line) and not node.style and node.start_mark.line < node.end_mark.line:
            raise self.place.fault("continues on the next line",
                                   "keep it on one line, or write each item of a list as - ITEM")
        if node.style == '"' and re.search("[\0\ud800-\udfff]", text):     # by an escape
            raise self.place.fault("holds a character that cannot be passed to a program",
                                   "remove it")
        if not kind.fits(text):
            fault = self.unexpected(kind.expected, kind.advice(text))
            return late(kind(text), fault, self.place)
        if "//" in text and has_password(text) and not self.is_in_no_image:
            raise password_fault(self.place)
        return kind(text)

    @property
    def is_in_no_image(self):
        """Whether what stands in its place is in no image."""
        sections = "|".join(("components", *former_keys()))
        return os.path.isabs(self.place.file) or re.match(
            rf"(?:{sections}|(?:jobs(?:\[\d+\])?\.)?environment)\b", self.place.path)

    # -- Whatever a plugin wants

    def plain_dict(self):
        self.entries()
        return self.plain()

    def plain_list(self):
        """The plain values of a list; one that stands alone is a list of one."""
        value = self.plain()
        return value if isinstance(value, list) else [] if value is None else [value]

    def plain(self):
        """The value that PyYAML makes of it: lists, dicts, texts, numbers."""
        yaml = yaml_module()
        try:
            return yaml.SafeLoader("").construct_document(pyyaml_node(self.node))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            problem = getattr(error, "problem", "") or error
            raise self.place.fault(f"cannot be read: {problem}", "write it in quotes")


READERS = {
    Any: lambda value: value.node, bool: lambda value: FLAGS[value.word(Flag).lower()],
    int: lambda value: int(value.word(Whole)), float: lambda value: float(value.word(Number)),
    PortNumber: lambda value: int(value.word(PortText)), Tuple[Axis, ...]: Value.axes,
    dict: Value.plain_dict, list: Value.plain_list,
    tuple: lambda value: tuple(value.plain_list()), str: lambda value: str(value.text(Text)),
    Tuple[Variable, ...]: Value.variables, Tuple[DefaultWord, ...]: Value.default,
    Tuple[DockerWord, ...]: Value.docker_words,
    Tuple[HostEntry, ...]: lambda value: tuple(each_of(value.entries().values(), lambda one: (
        Value(one.key, one.place).text(HostName), one.read(HostRecord))))}


@functools.lru_cache(None)
def reader(kind):
    """What reads a Value as a kind, which is an annotation of a record."""
    if isinstance(kind, type) and issubclass(kind, Text):
        return lambda value: value.text(kind)
    if kind in READERS:
        return READERS[kind]
    if hasattr(kind, "_fields"):
        return lambda value: value.record(kind)
    if getattr(kind, "__origin__", None) is dict or str(kind).startswith("typing.Dict"):
        return Value.plain_dict
    if not getattr(kind, "__args__", None):
        return lambda value: value.refuse(kind)
    inner, *rest = kind.__args__
    if rest in ([], [Ellipsis]):
        return lambda value: (tuple if rest else list)(value.items(inner))
    return reader(inner)


def record_values(kind, entries, place):
    """name -> value for the entries of a mapping, as the record's annotations have them."""
    known, values, places, hints = fields(kind), {}, {"": place}, []

    def read(name, entry):
        if name not in known:
            hints.append(near_key(kind, name, known))
            raise entry.place.fault("unknown key", hints[-1])
        places[name] = entry.place
        if not entry.is_nothing or known[name] is Any or name not in kind._field_defaults:
            values[name] = entry.read(known[name])

    def need(name):
        if not any(f"did you mean {name}?" in hint for hint in hints):
            raise place.fault(f"needs the key {name}",
                              f"add a line such as {name}: {example(known[name])}")

    entries = {name: entry for name, entry in canonical(kind, entries).items()
               if name not in ACCEPTED_KEYS and not name.startswith("x-")}
    missing = [name for name in known if name not in entries and name not in kind._field_defaults]
    try:
        each_of([*entries.items(), *((name, None) for name in missing)],
                lambda item: read(*item) if item[1] else need(item[0]))
    except SkelebotError as error:
        raise_all([*error.faults, *(fault for name in ("jobs", "args", "params") if name in entries
                                    for fault in entries[name].repeated_names())])
    return {**values, "places": places} if "places" in kind._fields else values


def canonical(kind, entries):
    """The entries by the names that the keys have today; their places keep the older spelling."""
    former, names = getattr(kind, "_former", {}), {}
    for key, entry in entries.items() if former else ():
        name = former.get(key, key)
        if name in names:
            also = names[name].place.path
            raise entry.place.fault(f"given twice, also as {also}", "keep one of them")
        names[name] = entry
    return names if former else entries


def near_key(kind, key, known):
    """The hint for an unknown key; at the top level also the sections of today and of 2019."""
    if key.startswith("-"):
        return f"write a space after the dash: - {key.lstrip('-')}"
    hint, meant = getattr(kind, "_hints", {}).get(key), meant_key(kind, key)
    if hint or meant:
        return hint or f"did you mean {meant}?"
    if kind is not Project:
        return did_you_mean(key, known)
    if key in COMPONENTS:
        return f"did you mean components.{key}?"
    if meant_key(Job, key):
        return f"did you mean {meant_key(Job, key)}? it belongs to a job, below jobs"
    if key in fields(Job) or key in Job._former:
        return f"{key} belongs to a job, below jobs"
    return nearest(key, [*known, *former_keys()]) or did_you_mean(key, known)


def meant_key(kind, key):
    """The key of a record that goes by another name elsewhere, or ""."""
    plain = re.sub("[^a-z]", "", key.lower())
    others = hints("keys")
    return next((name for name in fields(kind) if plain in others.get(name, "").split()), "")


@functools.lru_cache(None)
def fields(kind):
    """name -> annotation of what a record takes from the file; a plugin's may be texts."""
    notes = kind.__annotations__
    if any(type(note).__name__ in ("str", "ForwardRef", "_ForwardRef") for note in notes.values()):
        import typing
        notes = typing.get_type_hints(kind)
    return {name: Any if str(note) == "typing.Any" else note
            for name, note in notes.items() if note is not Hidden}


def example(kind):
    """A value of a kind, as its hint names one."""
    hint = kind.hint if isinstance(kind, type) and issubclass(kind, Text) else ""
    named = re.search(r"(?:for example |as in: .*?)([^ ,]+)(?=,| or |$)", hint)
    return named.group(1) if named else "..."


def completed(record, place):
    """A record whose fields fit each other."""
    try:
        return record._complete()
    except SkelebotError as fault:
        return late(record, fault, place)


def late(value, fault, place):
    """The value with its fault noted, if that matters to the commands of one component only."""
    paths = (path for name, kind in COMPONENTS.items() if kind.of_commands
             for path in section_paths(name, kind))
    if not any(map(place.path.startswith, paths)):
        raise fault
    value.fault = fault.faults
    return value


def late_faults(value):
    """The faults that matter to one command only, in records and lists."""
    inner = value if isinstance(value, tuple) else ()
    return [*getattr(value, "__dict__", {}).get("fault", ()),
            *(fault for one in inner for fault in late_faults(one))]


def each_of(values, read):
    """What `read` makes of each value; the faults of all of them are raised together."""
    results, faults = [], []
    for value in values:
        try:
            results.append(read(value))
        except SkelebotError as error:
            faults += error.faults
    if faults:
        raise_all(faults)
    return results


def password_fault(place):
    return place.fault(
        "holds an address with a password in it, which everyone who has the image could read",
        "write it into ~/.skelebot/config.yaml" if place.path.startswith("network") else
        "use one that needs no login, or fetch it where ~/.netrc has the login and add it as a "
        "file")


def node_place(node, path=""):
    return Place._make((node.start_mark.name, node.start_mark.line + 1, path))


# ---- Words ------------------------------------------------------------------

class Words(Record):
    """A command line, understood: what was typed for each name, and the words after `--`.

    values  name -> tuple of words; a boolean that is set has ("true",)
    typed   all of them, as they were typed
    help    whether skelebot's own --help was among them; then nothing else was looked at
    """
    values: Dict[str, Tuple[str, ...]] = {}
    extra: Tuple[str, ...] = ()
    help: bool = False
    typed: Tuple[str, ...] = ()

    def one(self, name, otherwise=""):
        return self.values.get(name, (otherwise,))[-1]

    def has(self, name):
        return bool(self.values.get(name))


class Args(Arg):
    """All words that are left, for a command of skelebot's own."""
    accepts = "list"


class Option(Valued):
    """A parameter of skelebot's own.

    value    what stands for its value on a page
    outside  it means something without a project too
    """
    name: str
    alt: str
    help: str
    value: str = ""
    accepts: str = ""
    choices: Tuple[str, ...] = ()
    default: Tuple[str, ...] = ()
    outside: bool = False
    former: str = ""    # an older name of it


def flag(name, alt, text, outside=False):
    """An option that takes no value; `text` is its help."""
    return Option(name, alt, text, accepts="boolean", outside=outside)


OPTIONS = (
    flag("help", "h", "explain the project and exit", outside=True),
    flag("version", "v", "show the version of skelebot and of the project, and exit", outside=True),
    Option("directory", "C", "act as if started in this folder", "DIR", outside=True),
    Option("env", "e", "lay skelebot-ENV.yaml over skelebot.yaml", "ENV"),
    Option("host", "d", "where to run: a name of hosts, local, or an address, as in "
           "ssh://user@box", "HOST", "each", former="docker-host"),
    flag("skip-build", "s", "run the image as it is"),
    flag("rebuild", "",
         "build the image again, from the newest base image, without Docker's cache"),
    flag("live", "",
         "run the project's files as they are here, mapped over /app: an edit needs no build"),
    flag("native", "n", "run on this machine, without Docker"),
    flag("detach", "", "let jobs go on by themselves: wait, logs and stop take them up again"),
    flag("offline", "", "use no network, and name what is missing", outside=True),
    Option("resources", "", "what a job may take, as in cpus=2,memory=8g,time=4h", "KEY=VALUE"),
    flag("contact", "c", "show whom to ask about the project, and exit"),
    flag("verbose", "V", "show every command just before it runs", outside=True),
    flag("dry-run", "", "show every step as a line for a shell, and do none", outside=True),
)
HELP = flag("help", "h", "explain and exit")


class Builtin(Record):
    """A command of skelebot's own.

    optional  how many of its arguments, counted from the last, may be missing
    outside   it needs no project
    extras    it takes words after `--`
    raw       it reads its words itself: they are all in `extra`
    changes   it changes skelebot.yaml or VERSION: what follows in a chain reads them again
    alone     plugins have no part in it
    looks     it changes nothing, and has a part of projects: also where these have faults
    check     what is wrong with its words is raised by this, before anything of a chain runs
    foresee   plan of what else can be known then, by asking others, if it is not the first
    offers    name -> words that a shell's Tab offers for an argument or option without choices
    parser    a class of Parser of its own, made of the project and this
    """
    help: str
    plan: Any
    args: Tuple[Arg, ...] = ()
    params: Tuple[Option, ...] = ()
    optional: int = 0
    outside: bool = False
    extras: bool = False
    raw: bool = False
    changes: bool = False
    alone: bool = False
    looks: bool = False
    check: Any = lambda project, words: None
    foresee: Any = lambda call, project, words: ()
    offers: Any = lambda project: {}
    parser: Any = None


def job_parser(project, job):
    """The Parser of a job: it has the project's parameters and --help, if their names are free."""
    taken = {*(param.alt for param in job.params if param.alt),
             *(one.name for one in (*job.args, *job.params))}
    shared = []
    for param in (*project.params, HELP):
        if param.name not in taken:
            shared.append(param._replace(alt="") if param.alt in taken else param)
            taken |= {param.name, param.alt}
    return Parser(job.name, job.args, (*job.params, *shared), script=(project.folder, job.source))


class Parser:
    """How the words of a job or command are typed, and what they become.

    title     what it is called in messages; "" is skelebot itself
    optional  how many of the args, counted from the last, may be missing
    extras    whether words after `--` are passed on
    script    (folder, Source) of the job that they are for
    known     what may be typed -> the parameter it stands for
    """

    def __init__(self, title, args, params, optional=0, extras=True, script=None):
        self.title, self.args, self.params = title, args, params
        self.optional, self.extras, self.script = optional, extras, script
        self.known = {"--" + param.name: param for param in params}     # as all was typed once
        for param in params:
            for name in filter(None, [param.alt, getattr(param, "former", ""), param.name]):
                self.known["-" + name if name == param.alt else spelling(name)] = param
                self.known[spelling(name)] = param

    def parse(self, words):
        """The Words, each checked; behind `--` come first the args that are still missing."""
        values, plain, extra = self.options(words)
        if values.get("help") and isinstance(self.known["--help"], Option):
            return Words(help=True)
        missing = max(len(self.args) - len(plain), 0)
        plain, extra = plain + list(extra[:missing]), extra[missing:]
        self.check_number(words, plain, extra)
        values.update((arg.name, (word,)) for arg, word in zip(self.args, plain))
        if self.takes_all and plain:
            values[self.args[-1].name] = tuple(plain[len(self.args) - 1:])
        for one in (*self.args, *self.params):
            for word in () if one.accepts == "boolean" else values.get(one.name, ()):
                problem = one.misfit(word)
                if problem:
                    name = one.name if one in self.args else spelling(one.name)
                    raise self.fault(f"{name}: {problem[0]}", problem[1])
        return Words(values, extra, typed=tuple(words))

    def words(self, typed):
        """What follows a job's source: arguments, parameters by full name, the words after `--`."""
        named = []
        for param in self.params:
            values = typed.values.get(param.name, tuple(map(FromFile, param.default)))
            if values:
                named += [spelling(param.name), *(() if param.accepts == "boolean" else values)]
        args = (value for arg in self.args for value in typed.values.get(arg.name, ()))
        return (*args, *named, *typed.extra)

    def typed(self, values, extra):
        """What can be typed for values, "" for what no argument has, and words after `--`."""
        named = [f"{spelling(one.name)}={word}" for one in self.params if one.name in values
                 for word in values[one.name] or ["false"] * (one.accepts == "boolean")]
        args = [word for name in (*(arg.name for arg in self.args), "")
                for word in values.get(name, ())]
        apart = extra or any(map(self.is_option, args))
        return (*named, "--", *args, *extra) if apart else (*args, *named)

    @property
    def takes_all(self):
        """Whether the last of its args takes all words that are left."""
        return bool(self.args) and self.args[-1].accepts == "list"

    def fault(self, message, hint):
        return usage_error(": ".join(filter(None, [self.title, message])), hint)

    # -- Options

    def options(self, words, stop=False):
        """(values, positional words, extra words); with `stop` until the first positional word."""
        values, plain, words = {}, [], list(words)
        while words and words[0] != "--":
            word = words.pop(0)
            if not self.is_option(word):
                plain.append(word)
                if stop:
                    return values, plain + words, ()
                continue
            param, value, letters = self.split(word) or self.refuse(word.partition("=")[0])
            taken, count = self.take(param, value, words)
            words = ([letters] if letters else []) + words[count:]
            before = values.get(param.name, ()) if param.accepts in ("list", "each") else ()
            values[param.name] = before + taken
        return values, plain, tuple(words[1:])

    def is_option(self, word):
        number = re.match(r"-\.?\d", word)
        return word in self.known or (len(word) > 1 and word[0] == "-" and not number)

    def split(self, word):
        """(parameter, value or None, letters left, as in -xyz) of an option; None if unknown."""
        known, (head, equals, value) = self.known, word.partition("=")
        if word in known:
            return known[word], None, ""
        if equals and head in known:
            return known[head], value, ""
        if word[:2] in known and word[1] != "-" and "-" + head not in known:
            param = known[word[:2]]
            flags = param.accepts == "boolean"
            return (param, None, "-" + word[2:]) if flags else (param, word[2:], "")
        return None

    def take(self, param, value, rest):
        """(values, how many of the `rest` they are) of an option; `value` is attached to it."""
        name = spelling(param.name)
        if param.accepts == "boolean":
            if value is not None and value.lower() not in FLAGS:
                raise self.fault(f"{name}: expected no value, found {shortened(value)}",
                                 f"write {name} alone")
            return (("true",) if value is None or FLAGS[value.lower()] else ()), 0
        if value is not None:
            return (value,), 0
        if param.accepts == "list":
            count = next((i for i, word in enumerate(rest) if self.is_option(word)), len(rest))
        else:
            count = 1 if rest and rest[0] != "--" and not self.split(rest[0]) else 0
        if not count:
            raise self.fault(f"{name}: needs a value",
                             f"{name}=VALUE takes any text, also one that starts with -")
        return tuple(rest[:count]), count

    def refuse(self, typed):
        """Raise the fault of an unknown option; its hint says what was perhaps meant."""
        name = typed.lstrip("-")
        own = Parser("", (), OPTIONS).known.get(typed) if self.title else None
        near = next((option for option in self.known if option.lstrip("-") == name), "")
        hint = did_you_mean(typed, sorted({spelling(param.name) for param in self.known.values()}))
        if near:
            hint = f"did you mean {near}?"
        elif own:
            hint = ("skelebot's own options go before the job: "
                    f"skelebot {typed}{value_name(own)} {self.title}")
        elif self.is_flag("--" + name[3:]) and name.startswith("no-"):
            hint = f"write --{name[3:]}=false"
        elif self.script_takes(typed):
            hint = ("the script takes it: declare it under params, or pass it after --, as in: "
                    f"skelebot {self.title} -- {typed}")
        raise self.fault(f"unknown option {shortened(typed)}", hint)

    def script_takes(self, option):
        """Whether the script names an option: as it is typed, or by a parameter's name."""
        folder, source = self.script or ("", Source())
        path = source.script and os.path.join(folder, source.script)
        text = path and look(path) == "file" and read_bytes(path)
        name = option.lstrip("-").replace("-", "_")
        made = text and re.search(rb"(?m)^(?:import|from) +(?:fire|typer|tyro)\b", text)
        pattern = rf"(?<![\w-]){re.escape(option)}(?![\w-])" + (
            rf"|def [^)]*\b{re.escape(name)}\b" if made else "")
        return bool(text) and bool(re.search(pattern.encode("utf-8", "surrogateescape"), text))

    # -- What is wrong with words

    def check_number(self, words, plain, extra):
        """Raise a fault if there are too few arguments, or too many, as the value of a flag is."""
        args, shown = self.args, f"skelebot {self.title} --help shows what it takes"
        too_many = len(plain) > len(args) and not self.takes_all
        for word, value in zip(words, words[1:]) if too_many else ():
            if self.is_flag(word) and value.lower() in FLAGS:
                raise self.fault(f"{word}: takes no value, found {shortened(value)}",
                                 f"write {word}={value}")
        if len(plain) + self.optional < len(args):
            arg = args[len(plain)]
            raise self.fault(f"needs {arg.name.upper()}" + (f" ({arg.help})" if arg.help else ""),
                             f"{shown}; words after -- may start with -")
        if too_many or (extra and not self.extras):
            raise self.fault(f"cannot place {shortened([*plain, *extra][len(args)])}",
                             shown + ("; words after -- are passed on" if self.extras else ""))

    def is_flag(self, word):
        return word in self.known and self.known[word].accepts == "boolean"

    def axis_problem(self, name, values):
        """(fault, hint) of values that one of them cannot have in a sweep, or None."""
        known = {one.name: one for one in (*self.args, *self.params) if not isinstance(one, Option)}
        if name not in known:
            return (f"{shortened(name)}: {self.title} has no such parameter",
                    did_you_mean(name, known) if known else "declare it below the job's params")
        if not values:
            return f"{name} needs a value", "name one or more, each of which is a point"
        one = known[name]
        if one.accepts == "boolean":
            one, values = one._replace(choices=("true", "false")), [
                str(FLAGS.get(value.lower(), value)).lower() for value in values]
        words = [word for value in values for word in one.words(value)]
        problem = next(filter(None, map(one.misfit, words)), None)
        return problem and (f"{name}: {problem[0]}", problem[1])


class SweepParser(Parser):
    """Of `sweep`: its first word is a job, whose own parameters go before options of the sweep.

    The Words have of the job what was typed by name, and as "" all positional words.
    """

    def __init__(self, project, command):
        super().__init__("sweep", command.args, (*command.params, HELP))
        self.project = project

    def take(self, param, value, rest):
        words, count = super().take(param, value, rest)
        return ((words,) if param is self.params[0] else words), count     # --each, each apart

    def parse(self, words):
        job = self.project.job(words[0]) if words else None
        own = job_parser(self.project, job).known if job else {}
        self.known = {**self.known, **{name: one for name, one in own.items()
                                       if not isinstance(one, Option)}}
        values, plain, extra = self.options(words)
        if values.get("help"):
            return Words(help=True)
        if not job and (plain or not values.get("failed")):
            raise self.fault(f"expected a job first, found {shortened(*words[:1] or [''])}",
                             did_you_mean(*words[:1] or [""],
                                          [one.name for one in self.project.jobs], "jobs are"))
        for name, one in values.items():
            if name in ("parallel", "random") and not Count.fits(one[-1]):
                raise self.fault(f"{spelling(name)}: expected {Count.expected}, found "
                                 + shortened(one[-1]), Count.hint)
        return Words({**values, "": tuple(plain)}, extra, typed=tuple(words))


VALUES = {"boolean": "", "list": " VALUE...", "int": " INT", "float": " FLOAT", "": " VALUE"}


def value_name(param):
    """What stands for the value, after a blank; our own options have words of their own for it."""
    return f" {param.value}" if getattr(param, "value", "") else VALUES[param.accepts]


def spelling(name):
    return "-" + name if len(name) == 1 else "--" + name


# -- Variables that the file names

NOT_UTF8 = "[\udc80-\udcff]"


def expanding_argv(argv):
    """`argv` that expands the file's variables where it runs; no shell parses typed words.

    What starts a container takes JSON, so bytes that are not UTF-8 come to be in it only then.
    """
    typed = [word for word in argv if not names_variables(word)]
    odd = {word: word.rstrip("\n") for word in typed if re.search(NOT_UTF8, word)}
    if not odd and len(typed) == len(argv):
        return tuple(argv)
    numbers = iter(range(1, len(typed) + 1))
    shown = [shell_word(word) if names_variables(word) else (
        '"$(printf %%b "${%d}")%s"' % (next(numbers), word[len(odd[word]):]) if word in odd else
        '"${%d}"' % next(numbers)) for word in argv]
    return ("sh", "-c", "exec " + " ".join(shown), "sh", *(
        octal(odd[word]) if word in odd else word for word in typed))


def shell_word(word):
    """A word for a shell's eyes: quoted, but for the variables that the file names."""
    if not names_variables(word):
        return shlex.quote(word)
    pieces = re.split(VARIABLE, word)       # text, name in braces, name without, text, ...
    names = ['"${%s}"' % (braced or bare) for braced, bare in zip(pieces[1::3], pieces[2::3])]
    return "".join((shlex.quote(text) if text else "") + name
                   for text, name in zip(pieces[::3], [*names, ""]))


def octal(word):
    """A word in ASCII, of which printf %b makes its bytes again."""
    return re.sub(rb"[^ -\[\]-~]", lambda match: b"\\0%03o" % match.group()[0],
                  word.encode("utf-8", "surrogateescape")).decode()


def expanded(word, environ):
    """The word with the file's variables taken from `environ`; unset ones are empty."""
    if not names_variables(word):
        return word
    names = [name for names in re.findall(VARIABLE, word) for name in names]
    text = re.sub(VARIABLE, lambda match: environ.get(match.group(1) or match.group(2), ""), word)
    return Secret(text) if any(isinstance(environ.get(name), Secret) for name in names) else text


def names_variables(word):
    return isinstance(word, FromFile) and bool(re.search(VARIABLE, word))


# ---- Image ------------------------------------------------------------------

# What has to be in the image before the first dependency of a form; "" is said before any.
TOOLS = {"python-github": "git", "r-version": "r-remotes", "r-file": "r-remotes",
         "r-github": "r-remotes"}

# How pip is told of a dependency. Those of one kind in TOGETHER that follow each other are one RUN.
# What comes below names them again (NAMED_AGAIN), so that pip sees to it that all fits together; it
# installs them only once.
PIP_WORDS = {"python-package": "{package}", "python-req": '--requirement "/app/{file}"',
             "python-file": '"/app/{file}"', "python-ca": '"/app/{file}"',
             "python-github": '"git+{url}"', "python-proj": "--requirement /tmp/requirements.txt"}
TOGETHER = {"python-package": "index", "python-github": "index", "python-req": "list",
            "python-file": "file", "python-ca": "file", "r-package": "CRAN"}
NAMED_AGAIN = ("python-package", "python-req")
PIP_OPTIONS = "options"     # of a requirements file, as --hash, hold for all that is beside it
APPENDED = "# Appended since this image was first built here"
MOST_GROUPS = 20            # of dependencies; each is a layer, and an image has 127 at most


class Dockerfile:
    """The Dockerfile of a project: what changes often comes late, so that what is above is cached.

    files  dependency -> the project's files that it needs in the image, in the order they are
           copied; (dependency, PIP_OPTIONS) is there for a requirements file with options
    more   what one image has on top of the project's: below the dependencies, to be cached
    """

    def __init__(self, project, files, more=()):
        self.project, self.files, self.more = project, files, more

    def text(self, known=()):
        """`known` are the groups of dependencies that were installed together before."""
        project = self.project
        contact = f" <{project.contact}>" if project.contact else ""
        return "\n".join([
            image_part("base.Dockerfile", base=project.base),
            *label_parts(title=project.name, description=project.description.strip(),
                         authors=(project.maintainer + contact).strip()),
            image_part("workdir.Dockerfile"),
            *([image_part("timezone.Dockerfile", timezone=project.timezone)]
              if project.timezone else []),
            *self.of_components("tools"),
            *self.languages(),
            *self.dependencies(self.groups(known)),
            *([image_part("r-no-autoloader.Dockerfile")] if AUTOLOADER in self.files else []),
            *self.more,
            image_part("project.Dockerfile"),
            *map(copy_part, project.copy),
            *self.itself(),
            *(image_part("command.Dockerfile", command=run_command(text))
              for text in project.commands),
            *([image_part("writable.Dockerfile")] if project.user == "host" else []),
            *self.of_components("dockerfile"),
            *label_parts(version=project.version),
            *([self.primary_job()] if project.primaryJob else []),
        ])

    def of_components(self, hook):
        """What components install, or add below the project."""
        texts = [hook_value(one, hook) for one in self.project.components]
        return [text.rstrip("\n") + "\n" for text in texts if text.strip()]

    def itself(self):
        """What installs the project where a requirements file names its folder, as in `-e .`."""
        for one in self.project.dependencies.Python:
            named = self.files.get((one, ITSELF), ())
            words = [line for _, line in named if line[0] != "-"]
            if named:
                packages = " ".join([*self.pip_words([one]), *words])
                yield image_part("python-packages.Dockerfile", packages=packages)

    def languages(self):
        """The languages that the default base image does not bring."""
        project = self.project
        if project.dependencies.R:
            yield image_part("r.Dockerfile")
        if project.language == "R+Python" and not project.baseImage:
            own = "version-" if "pythonVersion" in project.places else ""
            version = project.pythonVersion
            yield image_part(f"python-{own}in-r.Dockerfile", python_version=version)

    def groups(self, known=()):
        """[(language, dependencies)]: those `known` to be together, in their order, then others."""
        dependencies, groups = self.project.dependencies, []
        left = {"Python": dependencies.Python, "R": dependencies.R}
        for language, names in known if len(known) < MOST_GROUPS else ():
            if left[language][:len(names)] != names:
                break
            groups.append((language, left[language][:len(names)]))
            left[language] = left[language][len(names):]
        return [*groups, *((language, names) for language, names in left.items() if names)]

    def dependencies(self, groups):
        """What installs them, in their order: so one more at the end leaves those above cached."""
        brought, seen, above, parts = set(), set(), [], []
        for language, dependencies in groups:
            comment = image_part("appended.Dockerfile", appended=APPENDED)
            comment = comment if language in seen else ""
            seen.add(language)
            for _, pairs in itertools.groupby(enumerate(dependencies), lambda pair: TOGETHER.get(
                    pair[1].form, pair[0])):
                run = [dependency for _, dependency in pairs]
                tools = {TOOLS[one.form] for one in run if one.form in TOOLS} - brought
                brought |= tools
                copies = (image_part("copy-file.Dockerfile", file=file.rstrip("/"))
                          for one in run for file in self.files.get(one, ()))
                first, *rest = [*(image_part(tool + ".Dockerfile") for tool in tools),
                                "".join(copies) + self.install(language, run, above)]
                parts += [comment + first, *rest]
                # pip finds these satisfied when they are named again, and fetches none
                again = [one for one in run if one.form in NAMED_AGAIN and "://" not in one
                         and (one, PIP_OPTIONS) not in self.files]
                above, comment = [*above, *self.pip_words(again)], ""
        return parts

    def install(self, language, run, above):
        """What installs the dependencies of a RUN; `above` are pip's words for those before."""
        form = run[0].form
        if language == "Python":
            alone = any((one, PIP_OPTIONS) in self.files for one in run)
            words = [*([] if alone else above), *self.pip_words(run)]
            template = form if form == "python-proj" else "python-packages"
            packages = words[0] if len(words) == 1 else "\\\n    " + " \\\n    ".join(words)
            text = image_part(template + ".Dockerfile", **self.fields(run[0]), packages=packages)
            return "RUN " + "".join(map(self.before_pip, run)) + text[len("RUN "):]
        if form == "r-package":
            return image_part("r-packages.Dockerfile", names=", ".join(f'"{one}"' for one in run))
        return image_part(form + ".Dockerfile", **self.fields(run[0]))

    def before_pip(self, dependency):
        """What a RUN does before pip: it checks variables, and leaves the project itself out."""
        file = dependency.fields.get("file", "")
        names = dict.fromkeys(self.files.get((dependency, VARIABLES), ()))
        parts = [image_part("variable.sh", name=name, file=file) for name in names]
        if (dependency, ITSELF) in self.files:
            names = dict.fromkeys(name for name, _ in self.files[dependency, ITSELF])
            files = " ".join(f'"/app/{name}"' for name in names)
            parts.append(image_part("without-project.sh", files=files))
        return "".join(part.rstrip("\n") + " \\\n && " for part in parts)

    def pip_words(self, run):
        return [PIP_WORDS[one.form].format(**self.fields(one)) for one in run]

    def fields(self, dependency):
        """What a dependency's form leaves open; its file is the one that is copied."""
        fields = {**dependency.fields}
        if self.files.get(dependency):
            fields["file"] = self.files[dependency][0]
        if dependency.form == "python-package":
            pinned = re.sub(r"^([\w.\[\],-]+?)\s*=\s*(?=[^=])", r"\1==", fields["package"])
            return {"package": shlex.quote(pinned)}     # name=1.2 is pip's name==1.2
        if dependency.form == "python-github" and not fields["repository"].startswith("https://"):
            return {"url": "https://github.com/" + fields["repository"]}
        return {"url": fields.get("repository", ""), **fields}

    def primary_job(self):
        """The job that the image itself runs, with its defaults; an ENTRYPOINT takes more words."""
        job = self.project.job(self.project.primaryJob)
        argv = job.argv(job_parser(self.project, job).words(Words()), open_ended=True)
        if any(map(names_variables, argv)):
            argv = ("sh", "-c", f'exec {" ".join(map(shell_word, argv))} "$@"', "sh")
        return image_part("primary.Dockerfile", instruction=self.project.primaryExe,
                    argv=json.dumps(argv, ensure_ascii=False))


LABEL = "org.opencontainers.image."


def label_parts(**labels):
    """A label for each name that has a value, which stands between double quotes."""
    return [image_part("label.Dockerfile", key=LABEL + name,
                       value=re.sub(r'([\\"$])', r"\\\1", " ".join(value.split("\n"))))
            for name, value in labels.items() if value]


def run_command(text):
    """A shell command for RUN: as it is, or as JSON where Docker would read it otherwise."""
    plain = text.strip(" \t\n")
    one_line = "\n" not in plain and not plain.endswith("\\") and "<<" not in text
    if one_line and plain == text.strip():
        return plain
    return json.dumps(["/bin/sh", "-c", text])


def copy_part(pair):
    """Docker takes quotes, backslashes and dollar signs in COPY as a shell would, even in JSON."""
    source, target = (json.dumps(re.sub(r"([\\\"'$])", r"\\\1", text), ensure_ascii=False)
                      for text in pair.split(":"))
    return image_part("copy.Dockerfile", source=source, target=target)


# -- .dockerignore

RUNS = ".skelebot/runs"

GENERATED = (r"(?m)^# (Generated by Skelebot from skelebot\.yaml\b"
             r"|This \w+ was generated by Skelebot\s*$)")
BLOCK = "# ---- skelebot: from skelebot.yaml ----\n{}# ---- end of skelebot ----\n"
ANY_BLOCK = (r"# ---- skelebot: from skelebot\.yaml ----\r?\n(?:(?!# ---- skelebot).*\n)*?"
             r"# ---- end of skelebot ----(?:\r?\n|\Z)")


def dockerignore(project, job, present, more=()):
    """The text of .dockerignore; a hand-written one (`present`) stays, with our block at its end.

    more  patterns of components; they come last, since the last that matches decides
    """
    fetched = any(one.form == "python-ca" for one in project.dependencies.Python)
    # the whole folder, if the image needs nothing of it: so it is the same before the first run
    runs = [RUNS if fetched else os.path.dirname(RUNS)] if project.runs else []
    patterns = [*runs, *env_files_inside(project), *project.ignores,
                *(job.ignores if job else ()), *more]
    if present is None or is_generated(present):
        return image_part("dockerignore", patterns="\n".join(patterns))
    own = without_block(present)
    end = "" if own.endswith("\n") or not own else "\n"
    return own + end + BLOCK.format("".join(f"{one}\n" for one in patterns)) if patterns else own


def is_generated(text):
    """Ours, and that of every earlier release, says so in its first lines."""
    return bool(re.search(GENERATED, "\n".join(text.split("\n")[:5])))


def without_block(text):
    return re.sub(ANY_BLOCK, "", text)


def ignores_line(path):
    """The item of `ignores` for one path, as YAML takes it."""
    plain = re.fullmatch(r"[\w./][\w./-]*", path)
    return path if plain else "'{}'".format(literal_pattern(path).replace("'", "''"))


def literal_pattern(path):
    """The pattern for one path of the project; any odd sign stands for one that no line can hold.

    Engines take blanks, a byte order mark and ! off its ends, but not out of brackets.
    source  moby/patternmatcher
    """
    pattern = re.sub(r"[\\*?\[\](){}|+^$]", r"\\\g<0>", path.replace(os.sep, "/"))
    pattern = re.sub(r"[\x01-\x1f\x7f\udc80-\udcff]", "[^ -}]", pattern)  # it may become a header
    return "/" + re.sub(r"^[\s!\ufeff]|\s\Z", r"[\g<0>]", pattern)


GLOB = (r"(?P<any>\*\*/?)|(?P<some>\*)|(?P<one>\?)|(?P<set>\[(?:\\.|[^\]\\]){1,99}\])"
        r"|\\(?P<plain>.)|(?P<char>.)")
# What every engine takes alike: no bare sign that some take for a regular expression's, nor the
# like in brackets.
PLAIN_GLOB = (r"(?:\\[^A-Za-z0-9]|\[\^?(?:\\[^A-Za-z0-9]|[^\]\\*?\[&~|])+\]"
              r"|[^\\+(){}|^\[\]\x00-\x1f])*")
BELOW = "(?:/.*)?"
MOST_PATTERNS = 2000    # lines of .dockerignore


class Ignores:
    """What stays out of a build context, by the text of a .dockerignore.

    rules     (pattern, whether it lets in what it is about, pattern of what leads there) of lines
              that say the same; they take linear time but for a ** beside the last one
    cautious  it matters: lines that engines take differently let all in
    lets_in   whether a line lets something in again
    names     of groups that are not taken yet, an iterator
    source    docker build, ".dockerignore file"; Go, filepath.Match and Clean
    """

    def __init__(self, text="", cautious=True):
        if text.count("\n") > MOST_PATTERNS or len(text) > 50 * MOST_PATTERNS:
            size = shown_size(50 * MOST_PATTERNS)
            raise SkelebotError(f".dockerignore: has more than {MOST_PATTERNS} lines, or {size}",
                                "name folders, not each of their files")
        self.cautious, self.names = cautious, map("s{}".format, itertools.count())
        self.shallow = cautious and re.search(r"(?m)^[^\S\n]*!", text)
        lines = filter(None, map(self.line, text.lstrip("\ufeff").split("\n")))
        self.rules = []
        for lets_in, group in itertools.groupby(lines, key=itemgetter(1)):
            patterns, _, leads = zip(*group)
            self.rules.append((re.compile(f"(?s)(?:{'|'.join(patterns)})"), lets_in,
                               re.compile(f"(?s)(?:{'|'.join(leads)})")))
        self.lets_in = any(lets_in for _, lets_in, _ in self.rules)

    def line(self, text):
        """(expression, whether it lets in, expression of what leads there); None without any."""
        pattern = "" if text.startswith("#") else text.strip()
        lets_in = pattern.startswith("!")
        pattern = pattern[lets_in:].strip()
        cleaned = posixpath.normpath(pattern).lstrip("/")
        if cleaned in ("", "."):
            return None
        certain = (re.fullmatch(PLAIN_GLOB, cleaned) and ".." not in pattern.split("/")
                   and not re.search(r"[\x1c-\x1f]", text))     # which are no blanks for Go
        pattern = self.pattern(cleaned) if certain or not self.cautious else ""
        if not pattern:
            return (".*", lets_in, ".*") if self.cautious and lets_in else None
        # engines before 23 look in for a line with !
        below = "" if self.shallow and "**" in cleaned and not lets_in else BELOW
        return pattern + below, lets_in, self.leads(cleaned) if lets_in else "(?!)"

    def pattern(self, glob):
        """The expression of the paths that a pattern is about; "" if it is no pattern."""
        if re.search(r"\[[^\[\]]*--", glob):
            return ""                       # Python will take it for a difference of sets
        try:
            return re.compile(self.expression(glob)).pattern
        except re.error:
            return ""

    def leads(self, glob):
        """The expression of the folders above them; below ** that may be any."""
        parts = glob.split("/")
        near = next((count for count, one in enumerate(parts) if "**" in one), len(parts))
        if near == 0 or len(parts) > 90:
            return ".*"                     # Python takes 100 groups inside each other
        below, leads = BELOW if near < len(parts) else "", "(?!)"
        for one in reversed(parts[:min(near, len(parts) - 1)]):
            leads = self.expression(one) + below
            below = f"(?:/{leads})?"
        return leads

    def expression(self, text):
        if len(text) > 9000 or text.count("*") > 40:
            raise re.error("is no name of a file")
        parts = [self.part(match) for match in re.finditer(GLOB, text)]
        parts = self.settled(parts, ("[^/]*",), ("/", ".*", "(?:.*/)?"))
        parts = self.settled(parts, (".*", "(?:.*/)?"), ())
        if sum(one in (".*", "(?:.*/)?") for one in parts) > 2:
            raise re.error("has too many ** in the midst of names")
        return "".join(parts)

    @staticmethod
    def part(match):
        """A piece of a pattern as a regular expression."""
        if match.group("any"):
            return "(?:.*/)?" if match.end() < len(match.string) else ".*"
        if match.group("set"):
            return "[" + re.sub(r"([\[&~|])", r"\\\1", match.group("set")[1:])
        if match.group("some") or match.group("one"):
            return "[^/]*" if match.group("some") else "[^/]"
        return re.escape(match.group("plain") or match.group("char"))

    def settled(self, parts, star, ends):
        """Parts of which those from a star to the next are not tried again: they take the least.

        (?=(...)) with what it found is how Python before 3.11 can be told so.
        star  the parts for which this holds, if what follows is whole: ** stands for whole folders
        ends  other parts, up to which a star is tried again
        """
        settled, piece = [], []
        for one in [*parts, ""]:
            if piece and one in (*star, *ends, ""):
                if one in star and ("[^/]*" in star or one == ".*" or piece[-1] in ("/", piece[0])):
                    lazy = piece[0].replace("*", "*?", 1).replace(")?", ")??")
                    name = next(self.names)
                    piece = [f"(?=(?P<{name}>{lazy}{''.join(piece[1:])}))(?P={name})"]
                settled += piece
                piece = []
            (piece if piece or one in star else settled).append(one)
        return settled + piece

    def prunes(self, folder):
        """Whether everything below a folder stays out."""
        return self.ignores(folder) and not (self.lets_in and any(
            lets_in and leads.fullmatch(folder) for _, lets_in, leads in self.rules))

    def ignores(self, path):
        """Whether a file stays out: the last rule about it, or about a folder above it, decides."""
        for pattern, lets_in, _ in reversed(self.rules):
            if pattern.fullmatch(path):
                return not lets_in
        return False


# -- Files that name what is to be installed

ITSELF = "itself"       # a requirements file names the project's own folder
VARIABLES = "variables"     # and variables
THE_PROJECT = r"(?:(?:-e|--editable)[ =]*)?(?:file:(?://)?/app|\.)/?(?:\[[^\]]*\])?"
AUTOLOADER = "autoloader"   # the project's .Rprofile would hide the packages that are installed


class Requirements:
    """What a requirements file says; its lines, those that go on joined, without comments."""

    def __init__(self, text):
        lines = re.sub(r"\\\r?\n", " ", text).split("\n")
        self.lines = [re.sub(r"(?:^|\s)#.*", "", line).strip() for line in lines]

    def files(self, file):
        """The files that it names by -r, -c and -f, from the project's folder on."""
        option = r"(?:-r|--requirement|-c|--constraint|-f|--find-links)[ =]?\s*(\S+)"
        names = [match.group(1) for match in (re.match(option, line) for line in self.lines)
                 if match and not re.search(r"://|\$\{", match.group(1))]
        return [posixpath.normpath(posixpath.join(posixpath.dirname(file), name)) for name in names]

    @property
    def local(self):
        """The folders, wheels and archives that it names, as pip does: from the project's own."""
        name = (r"(?:(?:-e|--editable)[ =]?\s*(?P<editable>[^\s\[;:]+)"
                r"|(?P<path>\.{1,2}(?:/[^\s\[;]*)?|[^\s\[;:@=<>~!/]*/[^\s\[;:@]*"
                r"|[^\s\[;:/]+\.(?:whl|tar\.gz|zip)))(?:\[[^\]]*\])?\s*(?:;.*)?")
        local = [re.fullmatch(name, line) for line in self.lines
                 if not re.match(r"-(?!e|-e)", line)]
        return [*(line.group("editable") or line.group("path") for line in local if line),
                *file_addresses("\n".join(self.lines))]


def file_addresses(text):
    """The paths in `NAME @ file:///app/libs/helper` and its like."""
    return re.findall(r"\bfile:(?://(?:localhost)?)?(/?[^\s\"',;#]+)", text)


GROUPS = r"dependency-groups|tool\.(?:poetry\.group\.[\w-]+\.dependencies|pdm\.dev-dependencies)"


def project_fault(data):
    """(fault, hint) of a pyproject.toml from which nothing would be installed; () if it is fine."""
    text = data.decode("utf-8", "replace").lstrip("\ufeff")
    if text.encode() != data:
        return "is not in UTF-8 without a byte order mark, as TOML has to be", "save it as that"
    tables = toml_tables(text)
    own, poetry = tables.get("project", ""), "tool.poetry.dependencies" in tables
    files = re.findall(r"(?<![\w./-])[\w./-]+\.(?:txt|in)\b",
                       tables.get("tool.setuptools.dynamic", ""))
    dynamic = re.search(r"\bdynamic\s*=\s*\[([^\]]*)", own)
    if re.search(r"(?m)^[ \t]*dependencies[ \t]*=", own) or "project.dependencies" in tables[""]:
        return ()
    if dynamic and re.search(r"[\"']dependencies[\"']", dynamic.group(1)) and not poetry:
        return ("leaves its dependencies to the tool that builds it (dynamic)",
                f"write req:{files[0]}" if files else "write file:. for the project with all that "
                "it needs")
    if poetry:
        return "has its dependencies in Poetry's own table", way_of("poetry.lock")
    if "dependency-groups" in tables:
        return ("has dependencies only in [dependency-groups]",
                "pip install takes none of these: move what jobs need to [project] dependencies")
    if "project" not in tables:
        return "has no [project] with dependencies", "name the file that has them, as in req:FILE"
    return ()


def way_of(file):
    """What to do about such a file."""
    return next(way for name, way, _ in foreign_files("Python", "R") if re.fullmatch(name, file))


@functools.lru_cache(None)
def foreign_files(*languages):
    """[pattern of a file's name, what to do, what stands for it] of what no key installs."""
    return [row for language, *row in template_rows("hints", "files") if language in languages]


def toml_tables(text):
    """name -> text of each table of a TOML file; what is above the first has the name "" ."""
    parts = re.split(r"(?m)^[ \t]*\[\[?([\w. \t\"'-]+)\]\]?[ \t]*(?:#.*)?\r?$", text)
    return dict(zip(map(str.strip, ["", *parts[1::2]]), parts[::2]))


# -- What an image is built of
#
# Two images of the same recipe are alike, so one that exists is not built again.

EITHER = "# ---- or else ----"  # between two texts: which is .dockerignore depends on the builder
LARGE_FILES = 500               # so many files, or bytes, make a folder a large one
LARGE_BYTES = 32 * 1024 * 1024
LARGE_CONTEXT = 200 * 1000 * 1000   # bytes that make one say so
LONGEST_PATH = 4095                 # in bytes, from the root on
LONGEST_LINE = 16000            # of a Dockerfile, in characters; Docker takes 65535 bytes
MOST_COPIES = 40                # an image has 127 layers at most
PLAIN_FILE = r"10\d{4}\b"       # how its facts begin; a pipe's mode has one digit less


class Entry(Record):
    """What is at the top of a build context: its mode in octal digits, its files and bytes."""
    mode: str = ""
    files: int = 0
    size: int = 0
    is_folder = property(lambda self: self.mode == "40755")
    is_file = property(lambda self: bool(re.match(PLAIN_FILE, self.mode)))


class Recipe(Record):
    """All that an image is built of, each part a text.

    settings  what else the builder is told, one on a line
    bases     the images that it begins with or copies from, and their ids: `python:3.13 sha256:...`
    text      of the Dockerfile
    ignored   of .dockerignore
    files     the build context, a line for each file, link and folder: its path, //, and its facts
    """
    settings: str = ""
    bases: str = ""
    text: str = ""
    ignored: str = ""
    files: str = ""

    @property
    def facts(self):
        """path -> what tells it from others; a path may hold a line break, but no //."""
        facts, name = {}, ""
        for line in self.files.split("\n"):
            before, slashes, rest = line.partition("//")
            name += before if slashes else before + "\n"
            if slashes:
                facts[name], name = rest, ""
        return facts

    @property
    def is_closed(self):
        """Whether the build context holds what only its owner, or a group, may read."""
        return bool(re.search(r"//(?:10\d{3}[0-3]|4\d{3}[0-46])\b", self.files))

    @property
    def lacks_base(self):
        """Whether a base image did not exist, so that a build has to fetch it."""
        return bool(re.search(r"(?m)^[^\s@]+$", self.bases))

    def live(self, copied):
        """What matters when the project is mapped over its copy: not the files that this hides."""
        version_and_cmd = rf"(?m)^(?:LABEL {re.escape(LABEL)}version=|CMD ).*$"
        files = [f"{path}//{facts}" for path, facts in (self.facts if copied else {}).items()
                 if is_below(path, copied)]
        return self._replace(text=re.sub(version_and_cmd, "", self.text).rstrip("\n"), ignored="",
                             files="\n".join(files))

    def without(self, folders):
        """What matters when something is mounted over paths of the copy; the lines are sorted."""
        files = f"\n{self.files}\n"
        for folder in folders:
            begin, last = files.find(f"\n{folder}/"), files.rfind(f"\n{folder}/")
            if begin >= 0:
                files = files[:begin] + files[files.index("\n", files.index("//", last)):]
        return self._replace(files=files.strip("\n"))

    # -- How it differs from a later one

    def change(self, now):
        """The first thing by which a later recipe differs, in words; "" if it does not."""
        parts = zip(self._fields, self, now)
        name, *texts = next((part for part in parts if part[1] != part[2]), ("",))
        if name in ("", "files"):
            return name and self.changed_file(now)
        lines = enumerate(itertools.zip_longest(*(text.split("\n") for text in texts)), 1)
        changed = [(number, new) for number, (old, new) in lines if old != new]
        below = (pair for pair in changed if (pair[1] or "")[:1] != "#")    # a comment
        number, line = next(below, changed[0])
        if name == "settings":
            return f"DOCKER_DEFAULT_PLATFORM is {(line or '').partition('=')[2] or 'gone'}"
        if name == "bases":
            image = (line or "").partition(" ")[0]
            return ("only a build can know what the Dockerfile fetches" if image == "?" else
                    f"the base image {image} has changed" if image else "a base image is gone")
        what = f"line {number} of {'the Dockerfile' if name == 'text' else '.dockerignore'}"
        return f"{what} is {shown_text(line) if line else 'gone' if line is None else 'empty'}"

    def changed_file(self, now):
        """How the first file that differs has changed, in words."""
        before, now = self.facts, now.facts
        paths = (path for path in {*before, *now} if before.get(path) != now.get(path))
        path = min(paths, default="")
        if not path:
            return "what the cache has of it is damaged"
        if path not in before or path not in now:
            return f"{path} is {'new' if path in now else 'gone'}"
        modes = {facts[path].partition(" ")[0] for facts in (before, now)}
        return f"{path} was changed" if len(modes) == 1 else f"the mode of {path} has changed"

    # -- What the builder gets

    def built_from(self, builder, whole=False):
        """The text of the Dockerfile, but for what BuildKit can do better.

        whole  the project is copied by one COPY; others than BuildKit are no faster by more
        """
        first, _, _ = image_part("base.Dockerfile", base="").partition("\n")
        above, project, below = self.text.partition("\n" + image_part("project.Dockerfile"))
        if builder != "buildkit" or not self.text.startswith(first) or not project:
            return self.text
        base = re.sub(r"sha256:(.{12}).*", r"\1", self.bases.partition("\n")[0])
        above = re.sub(r"(?ms)^RUN .*?(?<!\\)\n",
                       lambda match: with_caches(match.group(), base), above)
        return above + (project if whole else "\n" + self.copies) + below

    @property
    def copies(self):
        """What replaces `COPY . /app`: for a large project a COPY per folder, large ones first."""
        entries = self.entries
        large = {name for name, entry in entries.items()
                 if entry.files >= LARGE_FILES or entry.size >= LARGE_BYTES}
        folders = sorted((name for name, entry in entries.items() if entry.is_folder),
                         key=lambda name: (name not in large, name))
        files = sorted(name for name, entry in entries.items() if entry.is_file)
        copies = [[name, f"/app/{name}"] for name in folders]
        copies += [[*files, "/app/"]] if files else []
        lines = [f"COPY {json.dumps(copy, ensure_ascii=False)}\n" for copy in copies]
        writable = image_part("writable.Dockerfile")
        if writable in self.text:       # what takes long is done where it stays in the cache
            lines.insert(len(large.intersection(folders)), writable)
        split = (large and len(entries) > 1 and len(folders) <= MOST_COPIES
                 and max(map(len, lines), default=0) < LONGEST_LINE
                 and self.are_copied_alike(entries))
        return "".join(lines) if split else image_part("project.Dockerfile")

    def are_copied_alike(self, entries):
        """Whether a COPY for each entry gives just what `COPY . /app` gives.

        Docker follows a link that is named, gives a folder that is named the mode 755, and fails
        for what is ignored.
        """
        named = all(re.fullmatch(r"[\w.+@=, -]+", name) for name in entries)
        usual = all(one.is_file or one.is_folder or not one.mode for one in entries.values())
        return named and usual and EITHER not in self.ignored and all(
            "!" not in line and re.fullmatch(PLAIN_GLOB, line)
            for line in self.ignored.split("\n") if line[:1] != "#")

    @property
    def entries(self):
        """name -> Entry, of what is copied to /app, the files that are being written among them."""
        rules, entries = Ignores(self.ignored), {}
        own = [name for name in ("Dockerfile", ".dockerignore") if not rules.ignores(name)]
        for path, facts in {**self.facts, **dict.fromkeys(own, "100644")}.items():
            name, below, _ = path.partition("/")
            mode, size = (facts.split(" ") + ["0"])[:2]
            entry = entries.get(name, Entry())
            size = entry.size + (int(size) if re.match(PLAIN_FILE, facts) else 0)
            entries[name] = Entry(entry.mode if below else mode, entry.files + 1, size)
        return entries


def is_below(path, paths):
    """Whether a path is among others, or below one."""
    return path in paths or any(path.startswith(above + "/") for above in paths)


def with_caches(run, base):
    """A RUN with what BuildKit can do better: with words of caches.json it gets the mount beside
    them, in which what was downloaded stays, and the words below. `base` tells base images apart.

    A mount is in a tmpfs, so that it leaves no empty folder in the image; each base image has its
    own, since what is built for one need not run in another.
    """
    rows = [row for row in json_value(template_bytes("image", "caches.json")) if row[0] in run]
    for words, _, better in rows:
        better = image_part(better).rstrip("\n") if better.endswith(".Dockerfile") else better
        run = run.replace(words, better)
    words = "".join(f"--mount=type=cache,{mount.format(base=slug(base))} " for _, mount, _ in rows)
    return "RUN " + words + run[4:]


class Built(Record):
    """An image that was built, by its id.

    key    whose it is
    token  of the call that built it
    """
    key: str
    image: str
    token: str
    recipe: Recipe

    @classmethod
    def read(cls, text, key):
        """The one that a text of the cache describes; None for another's, or for no such text."""
        parts = text.split("\0")
        known = len(parts) == 3 + len(Recipe._fields) and parts[0] == key and image_id(parts[1])
        return cls(*parts[:3], Recipe(*parts[3:])) if known else None

    cache_text = property(lambda self: "\0".join((*self[:3], *self.recipe)))


class Installs(Record):
    """How the dependencies were installed when an image of the project was built the last time.

    text    of the Dockerfile
    groups  language and names of what was installed together, each on a line; an empty line between
    """
    key: str
    bases: str = ""
    text: str = ""
    groups: str = ""

    @classmethod
    def read(cls, text, key):
        """The one that a text of the cache describes; empty for another's, or for no such text."""
        parts = text.split("\0")
        return cls(*parts) if len(parts) == len(cls._fields) and parts[0] == key else cls(key)

    @property
    def named(self):
        """(language, names) of each group."""
        groups = [group.split("\n") for group in self.groups.split("\n\n")]
        return [(kind, tuple(names)) for kind, *names in groups if kind in ("Python", "R")]


# Words of a RUN by which it may read any file of the project.
IN_FOLDER = (".", "/app", "make", "cmake", "npm", "yarn", "poetry", "pdm", "uv", "tox", "*")


class Instructions:
    """What a Dockerfile says that anybody may have written.

    lines   (instruction in capitals, its words), those that go on joined, without here-documents
    source  Dockerfile reference, "Parser directives", "Format", "Here-Documents"
    """

    def __init__(self, text):
        text = text.lstrip("\ufeff").replace("\r\n", "\n")
        directive = r"(?i)(?:#[ \t]*\w+[ \t]*=.*\n)*?#[ \t]*escape[ \t]*=[ \t]*`"
        escape = "`" if re.match(directive, text) else r"\\"
        text = "\n".join(self.without_documents(text.split("\n")))
        text = re.sub(r"(?m)^[ \t]*#.*\n?", "", text)
        text = re.sub(escape + r"[ \t]*\n(?:[ \t]*\n)*", "", text)
        lines = [line.split(None, 1) for line in text.split("\n") if line.strip()]
        self.lines = [(words[0].upper(), words[1].strip() if words[1:] else "") for words in lines]

    @staticmethod
    def without_documents(lines):
        """The lines of a Dockerfile without its here-documents."""
        document, end = r"(?i)([ \t]*(?:RUN|COPY|ADD)\b.*?)<<-?([\"']?)(\w+)\2(.*)", None
        for line in lines:
            begin = re.match(document, line) if end is None else None
            if end is None:
                yield f"{begin.group(1)} $heredoc {begin.group(4)}" if begin else line
                end = begin and begin.group(3)
            elif line.lstrip("\t") == end:
                end = None

    @property
    def bases(self):
        """The images that it begins with or copies from; None if only a build can know.

        source  Dockerfile reference, FROM, ARG, COPY --from, RUN --mount, ADD
        """
        args, stages, names, begun = {}, {"scratch"}, [], False
        for instruction, words in self.lines:
            if instruction == "ARG" and not begun:
                default = re.fullmatch(r"(\w+)=(\"?)([^\s\"'$]*)\2", words)
                args.update({default.group(1): default.group(3)} if default else
                            dict.fromkeys(re.findall(r"\w+", words), "$"))      # unknown
            elif instruction == "FROM":
                begun, parts = True, [word for word in words.split() if not word.startswith("--")]
                names += [self.filled(name, args) for name in parts[:1]
                          if name.lower() not in stages]
                stages |= {stage.lower() for stage in parts[2:3]}
            elif instruction in ("COPY", "RUN", "ADD"):
                named = re.findall(r"(?:--from=|[,=]from=)([^\s,]+)", words)
                names += [name for name in named
                          if name.lower() not in stages and not name.isdigit()]
            if instruction == "ADD" and re.search(r"://|git@|\$", words):
                return None
        return tuple(dict.fromkeys(names)) if all(map(ImageName.fits, names)) else None

    @staticmethod
    def filled(text, args):
        """A text with the ARGs before it filled in; what is unknown stays with a $."""
        return re.sub(r"\$(?:\{(?P<name>\w+)(?::-(?P<default>[^}$]*))?\}|(?P<bare>\w+))",
                      lambda match: (args.get(match["name"] or match["bare"])
                                     or match["default"] or "$"), text)

    def may_read_project(self, names):
        """Whether a RUN below `COPY .` may read the project, by `names` of its top or a program."""
        whole = [number for number, (instruction, words) in enumerate(self.lines)
                 if instruction in ("COPY", "ADD") and re.search(r'(?:^|[\s\["])\./?["\s]', words)]
        runs = [words for instruction, words in self.lines[min(whole, default=0):]
                if instruction == "RUN"]
        text = re.sub('(?:-e|--editable) [.]|--requirement "[^"]*"', "", "\n".join(runs))
        words = [re.sub(r"^(?:(?:/app|\.)/)+(?=.)|/$", "", word)
                 for word in re.findall(r"[^\s\"'=;&|()<>,]+", text)]
        return any(word in IN_FOLDER or word.split("/")[0] in names for word in words)

    @property
    def copied(self):
        """The paths of the project that matter when /app is hidden; None if all may."""
        paths, workdir = set(), ""          # the base image's may be any
        if sum(instruction == "FROM" for instruction, _ in self.lines) > 1:
            return None                     # what is in a stage may come into the image elsewhere
        for instruction, words in self.lines:
            workdir = os.path.join(workdir, words) if instruction == "WORKDIR" else workdir
            sources = set()
            if instruction in ("COPY", "ADD") and "--from=" not in words:
                sources = self.copy_sources(re.sub(r"^(?:--\S+\s+)+", "", words), workdir)
            elif instruction == "RUN":
                sources = self.mount_sources(words)
            if sources is None:
                return None
            paths |= sources
        return frozenset(path.replace(os.sep, "/") for path in paths)

    @staticmethod
    def copy_sources(words, workdir):
        """What COPY or ADD copies, besides the project to /app; None if that is not plain."""
        paths = words.split()
        if words.startswith("["):
            try:
                paths = [path + "" for path in json_value(words.encode("utf-8", "surrogateescape"))]
            except TypeError:
                return None
        if re.search(r"[*?$\[\"'<]", "".join(paths[:-1])):
            return None
        home = os.path.normpath(os.path.join(workdir, paths[-1])) == "/app" if paths else False
        plain = [re.sub(r"\\(.)", r"\1", path).strip("/") or "." for path in paths[:-1]]
        sources = {re.sub(r"^(?:\.\./)+", "", os.path.normpath(path)) for path in plain}
        return None if "." in sources and not home else sources - {"."}

    @staticmethod
    def mount_sources(words):
        """The paths of the project that RUN --mount shows; None if it shows all."""
        sources = set()
        for mount in re.findall(r"--mount=(\S+)", words):
            values = dict(pair.partition("=")[::2] for pair in mount.split(","))
            source = values.get("source") or values.get("src") or "."
            if values.get("type", "bind") == "bind" and "from" not in values:
                variable = re.search(r"[*?$\[\"']", source)
                sources.add(None if variable else os.path.normpath(source.strip("/") or "."))
        return None if sources & {None, "."} else sources


# ---- Steps ------------------------------------------------------------------
#
# A step is a value; `line` shows it as a line for a shell. A step without a line only looks, and is
# done in a dry run as well. `yield` hands one out and gives back its result; what a plan returns is
# an exit status. A step that ends badly is thrown in there, so `finally` cleans up after it.

class Call(Record):
    """One call of skelebot: the machine, the caller and the global options.

    program   what tells the engine's file from another
    confined  whether it is a snap, which has another folder for temporary files
    secret    what nobody can guess, for a server of its own
    later     whether a part before it, which a dry run does not do, may make what is missing
    files     (path here, bytes, path in a job, variables that name it) of the network
    """
    environ: Dict[str, str] = {}
    home: str = ""
    uid: int = 0
    gid: int = 0
    login: str = ""
    terminal: bool = False
    engine: str = "docker"
    program: str = ""
    confined: bool = False
    context: str = ""
    python: str = "python3"
    token: str = ""
    secret: Secret = Secret("TOKEN")
    plugins: Tuple = ()
    host: str = ""
    hosts: Tuple = ()       # all that -d names; `host` is the first
    env: str = ""
    skip_build: bool = False
    rebuild: bool = False
    live: bool = False
    native: bool = False
    verbose: bool = False
    dry_run: bool = False
    detach: bool = False
    later: bool = False
    offline: bool = False
    resources: Resources = Resources()
    network: Network = Network()
    files: Tuple = ()

    @property
    def variables(self):
        """name -> value of the variables that tell programs of this machine of the network."""
        return {**self.network.variables,
                **{name: path for path, _, _, names in self.files for name in names}}


class Outcome(Record):
    """How a command ended: its exit status, 128 + N after signal N, and its output if kept."""
    status: int = 0
    output: str = ""
    errors: str = ""


class Command(Record):
    """A program to run, for its Outcome.

    environ  variables on top of the caller's own
    kept     its output is for the plan, not for the terminal
    looks    it changes nothing, and is run in a dry run as well; its output is kept
    aside    its output goes to stderr, since stdout is the job's
    quiet    and that only when it takes longer than PATIENCE, or fails
    title    what is said then, and afterwards how long it took
    apart    no signal of the terminal reaches it: it is ended by way of the programs that it runs
    stop     argv that end what the program started elsewhere: gently, then by force
    packed   a folder (or `file`) that it gets on stdin, as a tar archive, and the name that it has
             in there
    left_out  patterns of what is not in that
    given    a text that it gets on stdin; a Secret is not shown
    beside   argv of a program that runs as long as this one; stdout is its, if that is aside
    stays    whether that goes on, until another one has ended that has the same beside it
    private  its words may be secret, and are not shown
    whole    all that it has started ends with it when it is ended, as in a container
    limit    seconds that it may take, 0 for any; it has LAST_WORDS then, unless its output is kept
    run      folder of the run that it is: it gets the output as `log`, and its `pid`
    log      whether the output is a pipe anyway, else there is a log only without a terminal
    """
    argv: Tuple[str, ...]
    environ: Dict[str, str] = {}
    kept: bool = False
    looks: bool = False
    aside: bool = False
    quiet: bool = False
    title: str = ""
    apart: bool = False
    stop: Tuple[Tuple[str, ...], ...] = ()
    packed: Tuple[str, ...] = ()
    left_out: str = ""
    given: str = ""
    beside: Tuple[str, ...] = ()
    stays: bool = False
    private: bool = False
    whole: bool = False
    limit: float = 0
    run: str = ""
    log: bool = False

    @property
    def line(self):
        if self.private:
            return shell_line([self.argv[0], "..."])
        names = list(map(setting, self.environ.items()))
        timed = self.limit and not (self.kept or self.looks)
        end = ["timeout", "-k", str(LAST_WORDS), str(self.limit)] if timed else []
        start = [*(["env"] if names else []), *names, *end]
        line = shell_line([*start, *self.argv]) + (" >&2" if self.aside else "")
        if not self.beside:
            return self.source + line
        return f"{shell_line([*start, *self.beside])} & {line}; kill $!"

    @property
    def source(self):
        """Where its stdin comes from, as the start of a line."""
        if self.packed:
            return f"{tar_line(*self.packed)} | "
        if isinstance(self.given, Secret):
            return "printf %s ... | "
        return f"printf %s {shell_line([self.given])} | " if self.given else ""


def setting(variable):
    """NAME=VALUE of a pair, to be shown."""
    return f"{variable[0]}={'...' if isinstance(variable[1], Secret) else variable[1]}"


def tar_line(path, name, kind="folder"):
    """A folder, links to it followed, or a file as a tar archive under a name; by GNU's tar."""
    name = re.sub(r"[|&\\]", r"\\\g<0>", name)
    if kind == "folder":
        return shell_line(["tar", "-c", "-f", "-", "-C", path, "--transform", f"s|^[.]|{name}|",
                           "."])
    above, own = os.path.split(path)
    return shell_line(["tar", "-c", "-h", "-f", "-", "-C", above or ".", "--transform",
                       f"s|.*|{name}|", own])


def removal_by(argv):
    """The Command that removes something there, again if a signal has ended it as well."""
    return Command(argv, kept=True, stop=(argv, argv))


class Copy(Record):
    """A mapped folder or file that travels to a container, and back if it `returns`."""
    source: str
    target: str
    folder: bool
    returns: bool


def archived(copy):
    """What an archive calls a Copy."""
    return posixpath.normpath(copy.target).strip("/")


class Merge(Record):
    """A file or folder to put in its place; what is only there already stays."""
    source: str
    target: str
    folder: bool = True
    line = property(lambda self: shell_line(
        ["cp", "-R", "-p", "-P", "--", self.source + "/." * self.folder, self.target]))


class File(Record):
    """A file to write whole or not at all, maybe below `root`; `instead` shows what prints it."""
    path: str
    data: bytes
    root: str = ""
    executable: bool = False
    instead: str = ""

    @property
    def line(self):
        target = shell_line([self.path]) + (f" && chmod +x {shell_line([self.path])}"
                                            if self.executable else "")
        text = self.data.decode("utf-8", "surrogateescape")
        source = self.instead or f"printf %s {shell_line([text])}"
        if not self.instead and re.search("[\0\udc80-\udcff]", text):
            source = f"printf %s {base64.b64encode(self.data).decode()} | base64 -d"
        return f"{source} > {target}"


def plan_new_folder(path, fill, token=""):
    """A folder that the plan `fill` makes whole beside its place, then puts there."""
    scratch = yield Scratch(token, path)
    try:
        new = os.path.join(scratch, "new")
        yield MakeFolder(new)
        yield from fill(new)
        yield Move(new, path)
    finally:
        yield Remove(scratch)


class Scratch(Record):
    """The path of a new folder for what is thrown away afterwards;
    `token` is part of the one that is only shown.

    path  what takes its place from there: it is beside that, and one at a time has it
    """
    token: str = ""
    path: str = ""
    line = property(lambda self: shell_line(["mkdir", "-m", "700", "--", self.shown]))

    @property
    def shown(self):
        near = os.path.join(os.path.dirname(self.path), ".") if self.path else "/tmp/"
        return f"{near}skelebot-{self.token or 'scratch'}"


def shown_as(line):
    """A step's line for a shell, with the texts and words of its {fields} quoted."""
    return property(lambda step: line.format(**{
        name: shell_line([value] if isinstance(value, str) else value)
        for name, value in step._asdict().items() if "{" + name + "}" in line}))


class MakeFolder(Record):
    """A folder to make, unless something is there; a `private` one is for its owner only."""
    path: str
    root: str = ""
    private: bool = False
    line = shown_as("[ -e {path} ] || mkdir -p -- {path}")


class Move(Record):
    """Move a folder of a Scratch into its place, instead of the one that is there."""
    source: str
    target: str
    line = shown_as("rm -rf -- {target} && mv -- {source} {target}")


class Remove(Record):
    """A file or folder to remove, if it is there; or a folder only if it is `empty`."""
    path: str
    empty: bool = False
    line = property(lambda self: shell_line(
        [*(["rmdir"] if self.empty else ["rm", "-rf"]), "--", self.path]))


class Answer(Record):
    """A line for stdout; an address is shown with its token, as that is what was asked for."""
    text: str
    line = property(lambda self: "printf '%s\\n' " + shlex.quote(self.text))


class Note(Record):
    """A line of skelebot's own, for stderr."""
    text: str


class Ask(Record):
    """A question for the person at the terminal; an empty answer is the default.

    ways    what to do where there is no terminal; without it, the answer is read from wherever
            stdin comes
    hidden  the answer is not shown
    """
    question: str
    default: str = ""
    option: str = ""
    ways: str = ""
    hidden: bool = False


class ImageIds(Record):
    """The ids of images at an engine's endpoint, "" for none; None if it cannot be asked."""
    endpoint: str
    names: Tuple[str, ...]


class KeepRun(Record):
    """A RunRecord to write down, and the text of its curves.json; the first time it gets a number
    and a folder. Returns it, with who and where; None if there can be no record.

    No failure of this is a reason to stop a job.
    """
    record: Any
    curves: str = ""


class Background(Record):
    """Go on by ourselves: True in the process that does, what it says being lost; False in the one
    that was called.

    early  seconds for which that one looks on; an int, if the other has ended with that by then
    """
    early: float


class Child(Record):
    """Do a plan in a process of its own, which is noted as `pids[pid] = what`; what it says goes to
    a file.
    """
    plan: Any
    call: Any
    path: str
    pids: Any
    what: Any


class ChildEnded(Record):
    """Wait for the end of one of some processes of ours; returns its pid."""
    pids: Any


class EndChildren(Record):
    """End processes of ours by a signal, as that ends us; then by force."""
    pids: Any
    number: int


class OwnCopies(Record):
    """Copies of paths of the project, for a point of a sweep, in `out` of its folder.

    links  whether there is also `work`, the project with these in it, and links to all else
    """
    folder: str
    paths: Tuple[str, ...]
    links: bool = False


class Tail(Record):
    """Say what a file has beyond `offset` bytes on stdout, after a pause in seconds;
    returns the next offset.
    """
    path: str
    offset: int = 0
    pause: float = 0


class EndProcess(Record):
    """A process to end with all that it has started, as `pid` and `begun` of a RunRecord name it;
    first it has so many seconds to do so itself.

    whole  what it has started does not end with it
    """
    pid: int
    begun: str
    seconds: float
    whole: bool = False


class Hold(Record):
    """A lock on a file or folder, waited for; Release gives it back."""
    path: str


class Release(Record):
    """A lock or a Body that is no longer needed."""
    lock: Any


class Login(Record):
    """The headers that tell a server who asks, which nobody sees; the ways to give others."""
    headers: Dict[str, Secret] = {}
    ways: str = ""

    def sent(self, request, now):
        """All headers of a request, as they are sent at a time (datetime in UTC)."""
        return {**request.headers, **self.headers}

    def hint(self, response, words):
        """What to do about an answer that only this kind of server gives, or ""."""
        return self.ways if response.status == 401 else ""


class Request(Record):
    """A request to a server, for its Response.

    headers  those that may be seen; `login` has the others
    patient  tried again where network or server may recover; else Response() stands for no answer
    direct   past every proxy, at an address that only this machine has
    sealed   no redirect may lead to where it is not encrypted
    limit    seconds without a byte that end it, at its first try; 0 for what networks need
    """
    method: str
    url: str
    headers: Dict[str, str] = {}
    login: Login = Login()
    body: bytes = b""
    patient: bool = True
    direct: bool = False
    sealed: bool = False
    limit: float = 0
    line = property(lambda self: shell_line(
        self.curl(*(("--data-binary", "@-") if self.body else ()))))

    def curl(self, *options):
        """The request as words for curl, without the login."""
        head = ["--head"] if self.method == "HEAD" else []
        headers = [f"{name}: {value}" for name, value in self.headers.items() if value]
        url = public_url(self.url) if isinstance(self.url, Secret) else bare_url(self.url)
        return ["curl", "--fail", "--request", self.method, *head, *each("--header", headers),
                *options, url]


def each(flag, values):
    return tuple(word for value in values for word in (flag, value))


def public_url(url):
    """An address for anyone to see: without its query; of a Secret the host alone."""
    shown = bare_url(url).partition("?")[0]
    return re.sub(r"(?<=[^:/])/.*", "/...", shown) if isinstance(url, Secret) else shown


class Pack(Record):
    """The Body of a .tar.gz of a folder's files; the same for the same files, by one Python."""
    path: str
    line = property(lambda self: shell_line(
        ["tar", "-c", "-z", "-f", packed_name(self.path), "-C", self.path, "."]))


def packed_name(path):
    """What the archive of a folder is called."""
    return os.path.basename(os.path.normpath(path)) + ".tar.gz"


class Stretch(Record):
    """A stretch of a Body, and the request that it goes with."""
    request: Request
    body: Body
    name: str
    start: int = 0
    size: int = 0


class Upload(Record):
    """Stretches that go side by side, for their Responses; the first that fails ends them all."""
    stretches: Tuple[Stretch, ...]

    @property
    def request(self):
        """The first of several, which differ in little."""
        return self.stretches[0].request

    @property
    def line(self):
        count = len(self.stretches)
        line = shell_line(self.request.curl("--upload-file", self.stretches[0].body.path))
        return line if count == 1 else f"{line}  # and {count - 1} more, with a stretch each"


class Stored(Record):
    """A stored artifact and the facts of its run: size in bytes or -1, the others maybe empty."""
    size: int = -1
    sha256: str = ""
    etag: str = ""
    facts: Dict[str, str] = {}

    def fits(self, size, sha256):
        """Whether a file of that size and SHA-256 can be it."""
        return self.size in (-1, size) and self.sha256 in ("", sha256)


class Download(Record):
    """A file to fetch, whole and as it was stored or not at all; an earlier try is continued.

    condition  the header by which the rest of a file is had only while it is the same file
    """
    request: Request
    path: str
    stored: Stored
    name: str
    condition: str = "If-Range"
    line = property(lambda self: shell_line(self.request.curl("--output", self.path)))


class Keep(Record):
    """A Body to keep in a folder, with its SHA-256 beside it; False if its place was taken."""
    body: Body
    path: str
    name: str
    replace: bool = False
    line = property(lambda self: shell_line(
        ["cp", *(() if self.replace else ("-n",)), "--", self.body.path, self.path]))


class Take(Record):
    """A file of a folder to copy, whole and as it was stored or not at all."""
    source: str
    path: str
    stored: Stored
    name: str
    line = shown_as("cp -- {source} {path}")


class Unpack(Record):
    """A .tar.gz in a Scratch to turn into a folder, which replaces the one that is there."""
    source: str
    path: str
    name: str
    line = shown_as("rm -rf -- {path} && mkdir -- {path} && tar -x -z -f {source} -C {path}")


class Wait(Record):
    """Try a command again and again until it succeeds, for its last Outcome.

    seconds  how long, None is as long as it takes
    final    what it says when trying again makes no sense, as a regular expression
    until    what has to be in its output, as another
    """
    command: Command
    seconds: Optional[int]
    final: str
    until: str = ""
    line = property(lambda self: f"until {self.command.line}; do sleep 1; done")


class SecretsInside(Record):
    """What is secret in the one folder that a program writes as a tar archive: names, with why."""
    argv: Tuple[str, ...]
    keytabs: Tuple[str, ...] = ()
    line = shown_as("{argv} | tar -t -f -")


class Zip(Record):
    """A zip file of the project, alike for the same files, by one zlib; returns how many files and
    bytes it has, and what was left out as no file.
    """
    path: str
    rules: Any
    line = shown_as("# zip -X -r {path} ., without itself and what is ignored")


class Act(Record):
    """Code of a plugin, run by a function without arguments, for what that returns."""
    name: str
    function: Any
    line = shown_as("# here the plugin {name} runs code of its own")


# ---- Engine -----------------------------------------------------------------
#
# The Docker (or podman) that a call talks to, at one host. It is found once for each job and passed
# on. Where podman differs, it overrides; nothing else asks which of the two it is.

# exit status of `docker run` when the container was not started; source: docker run(1)
NOT_RUN = 125
NOT_BEGUN = (125, 126)  # that of podman may be either
GRACE = 10      # seconds a container has to end by itself, as in `docker stop`
LAST_WORDS = 30     # and when its time is over
BUILDX = 23     # the first release of Docker's command line that leaves BuildKit to buildx
ENDPOINT = "unix:///var/run/docker.sock"    # where Docker's own engine is, unless one is named
COPYING = 3600  # seconds that what a job has left may take to come back


def plan_engine(call, host):
    """The Engine at a host; without one at its own default, as `local` if that is here."""
    engine = engine_kind(call.engine)(call, "" if host == "local" else host)
    engine = engine._replace(endpoint=(yield from engine.plan_endpoint()))
    away = host == "local" and not engine.is_local
    return engine._replace(host=host, endpoint="") if away else engine


def engine_kind(program):
    """The class for an engine's command line."""
    return Podman if os.path.basename(program).startswith("podman") else Engine


class Engine(Record):
    """Docker's command line for one host; what is named plan_ asks it.

    host      that was asked for, also as context:NAME; "" is the engine's own default
    endpoint  where that is, as in unix://... or ssh://...; "" is this machine's own
    """
    call: Call
    host: str = ""
    endpoint: str = ""
    variable = "DOCKER_HOST"    # the environment's word for the host
    named, here = ("--host",), ("--host", ENDPOINT)     # what leads to another, and to this machine
    docker_hub = ""             # what `login` calls Docker Hub
    apart = False               # whether a build is ended by way of the programs that it runs
    past_events, event = ("--since", "0"), '{{.Action}} {{index .Actor.Attributes "signal"}}'
    has_daemon = True           # which listens at a socket; podman tells images who the caller is
    facts = ("{{.ServerVersion}}|{{.DockerRootDir}}|{{.SystemTime}}|{{.SecurityOptions}}"
             "{{.Runtimes}}|{{.HTTPProxy}} {{.HTTPSProxy}}")

    def plan_endpoint(self):
        """Where the engine is, by the host, the environment or the context in use."""
        if not self.context:
            return self.host or self.call.environ.get(self.variable, "")
        known = context_endpoint(read_bytes(self.context_file))
        if known:
            return known
        argv = "context", "inspect", "--format", "{{.Endpoints.docker.Host}}", "--", self.context
        outcome = yield Command((self.call.engine, *argv), looks=True)
        host = outcome.output.strip()
        if host and not Host.fits(host):
            raise SkelebotError(f"the Docker context {self.context} names {shortened(host)}, which "
                                "is no engine's address", "look at it with docker context inspect")
        return host

    @property
    def argv(self):
        other = ("--context", self.context) if self.context else (*self.named, self.host)
        return (self.call.engine,
                *(self.here if self.host == "local" else other if self.host else ()))

    @property
    def context_file(self):
        """Where Docker keeps its context. Source: docker context(1)"""
        folder = self.call.environ.get("DOCKER_CONFIG") or os.path.join(self.call.home, ".docker")
        digest = hashlib.sha256(self.context.encode("utf-8", "surrogateescape")).hexdigest()
        return os.path.join(folder, "contexts", "meta", digest, "meta.json")

    @property
    def context(self):
        """The Docker context that leads to it, or ""."""
        named = self.host or self.call.environ.get(self.variable, "")
        return (named[8:] if named[:8] == "context:" else "") if named else self.call.context

    is_local = property(lambda self: is_local(self.endpoint))

    def plan_check_image(self, tag):
        """Say so if there is no engine or no image; else the status is the job's own, or told."""
        yield from self.plan_check()
        if (yield self.ask("image", "inspect", tag)).status:
            raise NoImage(f"there is no image {tag}", "leave -s out, so that it is built")

    def plan_check(self, **limits):
        """Raise a fault if the engine does not answer."""
        outcome = yield self.ask("version", **limits)
        if outcome.status:
            hint = refusal_hint(outcome.errors, "start Docker, name another host with -d")
            raise SkelebotError(f"no engine answers {shell_line(self.argv)}: "
                                f"{last_line(outcome.errors)}",
                                f"{hint}, or run the job natively with -n")

    def plan_image_ids(self, names):
        """The ids of images, "" for what does not exist: by the API, else the command line."""
        ids = (yield ImageIds(self.endpoint or ENDPOINT, names)) if self.has_daemon else None
        if ids is None:
            outcome = yield self.inspect("{{.Id}}", *names)
            ids, one = outcome.output.split(), len(names) == 1
            missing = re.search(r"(?i)no such (?!host|file)|not known|not found|unable to find",
                                outcome.errors)
            if len(ids) != len(names):
                if outcome.status and not self.call.dry_run and not missing:
                    yield from self.plan_check()
                ids = [""] if one else []
                for name in () if one else names:
                    ids.append((yield self.inspect("{{.Id}}", name)).output.strip())
        for name, text in zip(names, ids):
            if text and not image_id(text):
                raise SkelebotError(f"the engine gives {shortened(text)} as the id of image {name}",
                                    "an id is sha256: and 64 hex digits: look at who answers there")
        return tuple(ids)

    def plan_user(self, project, job):
        """Words for the caller's uid and gid; a rootless engine's root is the caller already."""
        call = self.call
        if project.user != "host" or not call.uid or (yield from self.plan_rootless()):
            return ()
        return ("--user", f"{call.uid}:{call.gid}",
                *(() if "HOME" in job_variables(project, job) else ("--env", "HOME=/tmp")),
                *(("--env", "USER=" + call.login) if call.login else ()))

    def plan_rootless(self):
        """Whether the engine's root is the caller; asked once."""
        cache = Cache(self.call)
        path = cache.path("rootless", self.call.engine, self.endpoint)
        kind = cache.text(path)
        if kind not in ("rootless", "root"):
            told = yield self.ask("info", "--format", "{{.SecurityOptions}}")
            kind = "rootless" if "rootless" in told.output else "root"
            if not told.status:
                yield from cache.plan_keep(path, kind.encode())
        return kind == "rootless"

    def plan_accounts(self, image, key, home):
        """(path here, path there) of files by which a job knows the caller; `key` tells images."""
        cache, call = Cache(self.call), self.call
        key = (call.engine, self.endpoint, str(call.uid), str(call.gid), call.login, home, *key)
        paths = [cache.path(slug(name), name, *key) for name in ACCOUNTS]
        if not all(map(cache.read, paths)) and not call.dry_run:
            told = yield self.ask("run", "--rm", "--pull", "never", "--network", "none",
                                  "--entrypoint", "sh", image, *ACCOUNTS_ARGV)
            texts = self.account_texts(told.output, home)
            for path, text in zip(paths, () if told.status or call.confined else texts):
                yield from cache.plan_keep(path, text.encode("utf-8", "surrogateescape"))
        known = all(map(cache.read, paths))
        return tuple(zip(map(os.path.abspath, paths), ACCOUNTS)) if known else ()

    def account_texts(self, text, home):
        """Both ACCOUNTS with the caller first; `text` is those of an image, one after the other."""
        uid, gid, home = self.call.uid, self.call.gid, "/tmp" if ":" in home else home
        login = re.sub(r"[:\s]", "_", self.call.login or user_name(uid))
        own = f"{login}:x:{uid}:{gid}::{home}:/bin/sh", f"{login}:x:{gid}:"
        lines = text.split("\n")
        return ["\n".join([first, *(line for line in lines if line.count(":") == colons), ""])
                for first, colons in zip(own, (6, 3))]

    def plan_builder(self, again=False):
        """What an image is built with; asked once for this command line, unless `again`."""
        cache, environ = Cache(self.call), self.call.environ
        path = cache.path("builder", self.call.program, environ.get("DOCKER_BUILDKIT", ""))
        builder = "" if again else cache.text(path)
        if builder not in ("buildkit", "legacy"):
            builder = yield from self.plan_ask_builder()
            yield from cache.plan_keep(path, builder.encode()) if builder or again else ()
        return builder or "legacy"

    def plan_ask_builder(self):
        """What `docker build` builds with, or ""; `lacking` if BuildKit is wanted but missing."""
        program, setting = self.call.engine, self.call.environ.get("DOCKER_BUILDKIT", "").lower()
        wanted = setting in ("1", "t", "true")
        said = yield Command((program, "--version"), looks=True)
        version = re.search(r"version (\d+)", said.output)
        if not version:
            return ""
        major = int(version.group(1))
        if not wanted and (setting or major < BUILDX):
            return "legacy"
        missing = (yield Command((program, "buildx", "version"), looks=True)).status
        return "buildkit" if not missing or major < BUILDX else "lacking" if wanted else "legacy"

    def build(self, tag, file, id_file="", words=(), context="."):
        """--force-rm: the legacy builder leaves containers of what fails; `id_file` gets the id."""
        return (*self.argv, "build", "--force-rm", *words, "--tag", tag,
                *(("--iidfile", id_file) if id_file else ()), "--file", file, context)

    def plan_push(self, reference):
        """(Outcome, what tells the digest) of a push."""
        outcome = yield Command((*self.argv, "push", reference), kept=True, quiet=True)
        return outcome, outcome.output + outcome.errors

    def inspect(self, form, *names):
        return self.ask("image", "inspect", "--format", form, *names)

    def ask(self, *words, **limits):
        """What asks it something; `limits` are fields of a Command."""
        return Command((*self.argv, *words), looks=True, **limits)

    def start(self, name, *options):
        return (*self.argv, "start", *options, name)

    def ends(self, run):
        """What ends its container: gently, then by force."""
        return self.stop(run), self.remove(run.name)

    def stop(self, run):
        seconds = str(LAST_WORDS if run.resources.time else GRACE)
        return (*self.argv, "stop", "--time", seconds, run.name)

    def remove(self, name):
        return (*self.argv, "rm", "--force", "--volumes", name)

    def resource_words(self, resources, gpu=False):
        """What a container may take; with `gpu` all GPUs and the host's /dev/shm, unless given."""
        cpus, memory, gpus, shm, _ = resources
        flags = {"--cpus": cpus, "--memory": memory, "--memory-swap": memory, "--shm-size": shm}
        return (*(word for pair in flags.items() if pair[1] for word in pair),
                *self.gpu_words(gpus or ("all" if gpu else "")),
                *(("--ipc=host",) if gpu and not shm else ()))

    def gpu_words(self, gpus):
        """GPUs by their number, of whatever kind, or by their names."""
        return ("--gpus", csv_row(gpus.rpartition(":")[2])) if gpus not in ("", "0") else ()

    def copy_in(self, name, copy):
        """As an archive that is unpacked above it, so that it keeps its own owner and mode."""
        above, own = posixpath.split(copy.target.rstrip("/")) if copy.folder else (
            "/", copy.target.lstrip("/"))       # what is above a file may not exist
        return Command((*self.argv, "cp", "-", f"{name}:{above or '/'}"), kept=True,
                       packed=(copy.source, own) if copy.folder else (copy.source, own, "file"))

    def copy_back(self, name, copy):
        """The files keep their owners where the caller is root, who alone can see to it."""
        source = f"{name}:{copy.target.rstrip('/')}" + ("/." if copy.folder else "")
        owners = () if self.call.uid else ("--archive",)
        return Command((*self.argv, "cp", *owners, source, copy.source), kept=True, limit=COPYING)


class Podman(Engine):
    """podman, which needs no daemon: its root is the caller, and its endpoint is in no context."""
    variable = "CONTAINER_HOST"
    named, here, context = ("--remote", "--url"), ("--remote=false",), ""
    docker_hub = "docker.io"
    apart = True
    past_events, event = ("--stream=false",), "{{.Status}} "
    has_daemon = False
    facts = ("{{.Version.Version}}|{{.Store.GraphRoot}}||"
             "{{if .Host.Security.Rootless}}rootless{{end}}|")

    def plan_builder(self, again=False):
        yield from ()
        return "podman"

    def plan_push(self, reference):
        """It tells the digest in a file only, and not when it is remote."""
        if self.host:
            return (yield from super().plan_push(reference))
        folder = yield Scratch(self.call.token)
        file = os.path.join(folder, "digest")
        try:
            outcome = yield Command((*self.argv, "push", "--digestfile", file, reference),
                                    kept=True, quiet=True)
            return outcome, Cache(self.call).text(file)
        finally:
            yield Remove(folder)

    def ends(self, run):
        """Its `rm --force` would stop what runs as patiently as `stop`; source: podman-rm(1)."""
        gently, remove = super().ends(run)
        return gently, (*self.argv, "kill", run.name), remove

    def gpu_words(self, gpus):
        """Devices of CDI, since --gpus came late, and had no effect at first."""
        number = gpus.rpartition(":")[2] or "0"
        names = range(int(number)) if number.isdigit() else number[number.find("=") + 1:].split(",")
        return each("--device", [f"nvidia.com/gpu={name}" for name in names])

    def plan_user(self, project, job):
        words = yield from super().plan_user(project, job)
        return ("--userns", "keep-id", *words) if words else ()

    def plan_rootless(self):            # it makes no difference to --userns
        yield from ()
        return False


ACCOUNTS = ("/etc/passwd", "/etc/group")
ACCOUNTS_ARGV = ("-c", "cat /etc/passwd; echo; cat /etc/group")


def is_local(endpoint):
    """Whether an endpoint, as unix:///var/run/docker.sock, is on this machine; "" is so."""
    return not endpoint or endpoint.startswith(("unix://", "npipe://", "fd://"))


def context_endpoint(data):
    """The endpoint in a Docker context's file, "" if it has none. Source: docker context(1)"""
    found = re.search(rb'"docker":\s*\{[^{}]*"Host":\s*"([^"\\]+)"', data or b"")
    host = found.group(1).decode("utf-8", "replace") if found else ""
    return host if Host.fits(host) else ""


def image_id(text):
    """An image's id, as engines give it; "" for any other text, which may look like an option."""
    return text if re.fullmatch(r"(?:sha256:)?[0-9a-f]{64}", text) else ""


def last_line(text):
    text = re.sub(r"\n(?:(?:Run|See) '[^'\n]*--help'|command terminated with)[^\n]*\Z", "",
                  text.strip())
    return (text.strip().split("\n") or [""])[-1].strip() or "it gave no reason"


def mount_words(mapping, folder, home):
    """--mount, which takes any path; --volume for SELinux's labels, which --mount does not know."""
    source, target = host_path(mapping.source, folder, home), mapping.target
    options = mapping.options
    if "z" in options or "Z" in options:
        if ":" in os.path.splitdrive(source)[1]:
            raise SkelebotError(f"{shortened(source)} has a : in its path: Docker cannot label it",
                                "leave z out, or give the folder another name")
        return "--volume", f"{source}:{target}:{','.join(options)}"
    return "--mount", csv_row("type=bind", "source=" + source, "target=" + target,
                              *(["readonly"] if "ro" in options else []))


def csv_row(*values):
    """A row of CSV, as --mount reads it."""
    return ",".join('"' + value.replace('"', '""') + '"' if re.search(r'[,"\r\n]', value)
                    else value for value in values)


def file_variables(call, project, job):
    """The Variables of envFiles, which lie below those of `environment`."""
    variables = []
    for file in (*project.envFiles, *job.envFiles):
        data = read_bytes(host_path(file.path, "", call.home))
        if data is None and file.required:
            raise file.places["path"].fault(f"{file.path} does not exist",
                                            "make it, or write {path: FILE, required: false}")
        variables += env_variables(data or b"", file.path)
    return variables


# A line of an env file. Quotes may hold line breaks; nothing in it is expanded.
ENV_LINE = (r"""[ \t]*(?:(?:export[ \t]+)?([^\s=#'"-][^\s=#'"]*)[ \t]*"""
            r"""(=[ \t]*(?:'([^']*)'[ \t]*|"((?:\\[\s\S]|[^"\\])*)"[ \t]*|(?!['"])([^\n]*)))?)?"""
            r"(?:#[^\n]*)?(?:\n|\Z)")


def env_variables(data, path):
    """The Variables of an env file, in its order; of a name alone the value is the caller's."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")          # as > of PowerShell writes it
    text = marked_text(data) if wide else data.decode("utf-8-sig", "surrogateescape")
    text = re.sub("\r\n?", "\n", text)
    for match in re.finditer(ENV_LINE + r"|([\s\S]+)", text):
        name, equals, single, double, plain, rest = match.groups()
        if rest or "\0" in match.group() or not (equals or re.fullmatch(r"[\w.-]*", name or "")):
            raise Place(path, text.count("\n", 0, match.start()) + 1).fault(
                "expected NAME=VALUE, with quotes around all of the value or none", "write "
                "NAME='any text', a # before a comment, or NAME alone to pass on the caller's")
        double = re.sub(r"\\([nrt\"\\$`])", lambda sign: {"n": "\n", "r": "\r", "t": "\t"}.get(
            sign.group(1), sign.group(1)), double or "")
        plain = re.sub(r"[ \t]#.*", "", equals[1:]).strip(" \t") if plain else ""
        if name:
            yield Variable(name, Secret(single or double or plain) if equals else None)


def variables_file(project, job, environ):
    """The text of an --env-file with the variables that Docker's command line is not to have;
    a Secret if one of them is.
    """
    variables = job_variables(project, job, apart=True)
    whole = {name: environ.get(name, "") if value is None else value
             for name, value in job_variables(project, job).items()}
    for pattern, values, fault, hint in (
            (r"[\r\n]", variables, "has a line break in its value, which Docker cannot be given "
             "in a file", "remove it"),
            (NOT_UTF8, whole, "has a value that is not UTF-8, which Docker cannot be given",
             "give it in UTF-8; natively and on a cluster it goes as it is")):
        for name in [name for name, value in values.items() if re.search(pattern, value)]:
            raise (job.places.get("environment") or project.places.get("environment")
                   or job.places[""]).fault(f"{name} {fault}", hint)
    kind = Secret if any(isinstance(value, Secret) for value in variables.values()) else str
    return kind("".join(f"{name}={value}\n" for name, value in variables.items()))


def variable_words(project, job):
    apart = job_variables(project, job, apart=True)
    return each("--env", [name for name in job_variables(project, job) if name not in apart])


# Variables that Docker's command line, or a program that it runs, would take for its own, or that a
# shell drops on the way.
CLIENTS_OWN = (r"(?ai)(?:DOCKER|BUILDKIT|BUILDX|CONTAINERS?|PODMAN|STORAGE|REGISTRY|LD|DYLD|SSH"
               r"|SSL|XDG|OTEL|DBUS|LISTEN|NOTIFY|BASH|GLIBC|GCONV|RES|)_.*|KRB5.*|GO[A-Z]+"
               r"|.*_PROXY|.*\W.*|(?:TMP|TEMP)(?:DIR)?|PATH(?:EXT)?|HOME|PWD|SHELL"
               r"|LOCPATH|HOSTALIASES|USERPROFILE|(?:LOCAL)?APPDATA|COMSPEC|WINDIR|SYSTEMROOT")


def job_variables(project, job, apart=None):
    """name -> value of a job's variables, None is the caller's own; or of those `apart` or not.

    apart  not in the environment of Docker's command line: the others are, since everybody can
           read an argv
    """
    variables = dict((*project.environment, *job.environment))
    return {name: value for name, value in variables.items() if apart is None or (
        value is not None and bool(re.fullmatch(CLIENTS_OWN, name)) is apart)}


def missing_helper(environ, home):
    """The program that keeps Docker's logins, if it is not on PATH; else ""."""
    text = docker_config(environ, home)
    helpers = re.search(r'"credHelpers"\s*:\s*\{([^{}]*)\}', text)
    names = re.findall(r'"credsStore"\s*:\s*"([^"]+)"', text) + (
        re.findall(r':\s*"([^"]+)"', helpers.group(1)) if helpers else [])
    programs = ["docker-credential-" + name for name in names]
    return next((one for one in programs if not shutil.which(one, path=environ.get("PATH"))), "")


def docker_config(environ, home):
    """The text of Docker's config.json; of one that cannot be read Docker itself will tell."""
    folder = environ.get("DOCKER_CONFIG") or os.path.join(home, ".docker")
    try:
        return (read_bytes(os.path.join(folder, "config.json")) or b"").decode("utf-8", "replace")
    except SkelebotError:
        return ""


# ---- Builds -----------------------------------------------------------------
#
# Whether an image has to be built, and its build. An image whose recipe is that of the one before
# is not built again; what is known of that one is in the cache.
BY_MOUNTS = "buildkit", "podman"        # builders that keep what they mount out of an image


class Image:
    """An image of a project, which is built unless one of the same recipe exists.

    job    whose own it is; None for the project's
    more   what the Dockerfile has on top of the project's, and is in no file
    plain  whether it is to be published: dependencies are not grouped by what was installed before
    """

    def __init__(self, engine, project, job=None, tag="", more=(), plain=False):
        self.engine, self.call, self.project, self.job = engine, engine.call, project, job
        self.tag, self.more, self.plain = tag or project.image_tag(job), more, plain
        self.cache, self.recipe = Cache(self.call), None
        self.kept, self.installs = self.place(self.tag), self.place(project.image, "-installs")
        self.loan = Loan(self.call, project, "build")

    def place(self, name, end=""):
        """(key, path in the cache) of what was built under a name, or of how it was installed."""
        folder = os.path.abspath(self.project.folder or ".")
        key = self.call.engine, self.engine.endpoint, folder, name
        return "\n".join(key), self.cache.path(name.replace(":", "-") + end, *key)

    def plan_ready(self):
        """The image to run, by its id, built unless it exists; with -s by its name."""
        return self.tag if self.call.skip_build else (yield from self.plan_built())

    def plan_built(self, reason=""):
        """Build the image, unless the one that exists has this recipe and there is no reason to."""
        # what is done by one at a time, before the recipe is known
        first = any(getattr(type(one), "build", Component.build) is not Component.build
                    for one in self.project.components) or any(
                        one.form == "python-ca" for one in self.project.dependencies.Python)
        build = None if reason or first else (yield from self.plan_build())
        if build and build.is_fresh(self.call):
            return (yield from self.plan_fresh(build))
        # not skelebot.yaml, which is another file once it is changed
        lock = yield Hold(".")
        try:
            for component in self.project.components:
                yield from plan_hook(component, "build", self.call)
            # others may have built meanwhile, or written the files of all images
            if not build or any(self.cache.read(path) != data for path, data in build.seen):
                build = yield from self.plan_build()
                if not reason and build.is_fresh(self.call):
                    return (yield from self.plan_fresh(build))
            why = reason or build.reason(self.call)
            if self.call.live:          # the image is built of all, also of what is mapped over it
                build = yield from self.plan_build(live=False)
            yield from self.plan_look_ahead(build, why)
            return (yield from self.plan_build_again(build))
        finally:
            yield Release(lock)

    def plan_build(self, live=True):
        """The Build, with what is known of the last one."""
        project, (key, path) = self.project, self.kept
        if project.dockerfile:
            check_there(project.dockerfile, project.places["dockerfile"])
        kept, before = (path, self.cache.read(path)), Built.read(self.cache.text(path), key)
        ignored, ignored_now, undo = ignore_file(project, self.job)
        own = not self.more and not project.dockerfile
        present = own_dockerfile() if own else None
        key, path = self.installs
        known = "" if self.plain or self.call.rebuild else self.cache.text(path)
        installs = Installs.read(known, key)
        (text, groups), grouped = yield from self.plan_texts(installs.named)
        bases, image, tagged = yield from self.plan_bases(text, getattr(before, "image", ""))
        above = grouped[0].partition(APPENDED)[0].rstrip("\n")     # what was appended since
        if installs.bases == bases and installs.text.startswith(above):
            text, groups = grouped
        copied = copied_below(text) if self.call.live and live else None
        self.recipe = self.recipe_of(text, ignored, copied, bases)
        files = [("Dockerfile", text, present)] * own + [(".dockerignore", ignored, ignored_now)]
        writes = (File(name, text.encode("utf-8", "surrogateescape")) for name, text, _ in files)
        seen = tuple((name, now) for name, _, now in reversed(files))
        groups = "\n\n".join("\n".join((language, *names)) for language, names in groups)
        installs = installs._replace(bases=bases, text=text, groups=groups)
        return Build((kept, *seen), self.recipe, installs, before, image, tagged, copied,
                     self.job.hidden if self.job else (),
                     tuple(step for step in writes if (step.path, step.data) not in seen),
                     (*([Remove("Dockerfile")] if own else []), undo))

    def plan_texts(self, groups):
        """(text of the Dockerfile, groups of dependencies), and both by the groups of before."""
        project = self.project
        if project.dockerfile:
            text = (read_bytes(project.dockerfile) or b"").decode("utf-8", "surrogateescape")
            check_passwords(text, project.dockerfile)
            return (text, ()), (text, ())
        files = yield from plan_required_files(project)
        file = Dockerfile(project, files, self.more)
        plain, grouped = file.groups(), file.groups(groups)
        text = file.text()
        check_passwords(text, "Dockerfile")     # a plugin may have added to it
        return (text, plain), (text if grouped == plain else file.text(groups), grouped)

    def plan_bases(self, text, known=""):
        """(the lines of a recipe's bases, a known image's id or "", whether the tag is its)."""
        names = Instructions(text).bases
        bases = [name for name in names or () if "@sha256:" not in name]
        wanted = (*bases, *([known, self.tag] if known else ()))
        ids = dict(zip(wanted, (yield from self.engine.plan_image_ids(wanted)))) if wanted else {}
        lines = ([f"{name} {ids.get(name, '')}".strip() for name in names] if names is not None
                 else [f"? {self.call.token}"])
        tagged = not known or ids.get(self.tag) in (ids.get(known), None)
        return "\n".join(lines), known if ids.get(known) else "", tagged

    def recipe_of(self, text, ignored, copied, bases):
        """The Recipe of a Dockerfile's text."""
        other, environ = other_ignore_file(self.project), self.call.environ
        if other:                       # the builders do not agree on which of the two counts
            others = (read_bytes(other) or b"").decode("utf-8", "surrogateescape")
            ignored = f"{others}\n{EITHER}\n{ignored}"
        folder, own = map(os.path.abspath, (self.project.folder or ".",
                                            skelebot_home(environ, self.call.home)))
        own = os.path.join(own, "builds") if own == folder else own     # may lie in the project
        left_out = (".dockerignore", *([] if self.project.dockerfile else ["Dockerfile"]),
                    *([os.path.relpath(own, folder).replace(os.sep, "/")]
                      if is_relative_to(own, folder) else []))
        files = "" if copied is not None and not copied else context_index(
            Ignores("" if other else ignored), left_out, tuple(sorted(copied or ())))
        platform = environ.get("DOCKER_DEFAULT_PLATFORM")
        settings = f"DOCKER_DEFAULT_PLATFORM={platform}" if platform else ""
        return Recipe(settings, bases, text, ignored, files or "")

    def plan_fresh(self, build):
        """The id of an image that exists; another checkout may have taken its tag, for -s."""
        if not build.tagged:
            yield Command((*self.engine.argv, "tag", build.image, self.tag), kept=True)
        if self.call.verbose and self.loan.secrets:
            names = listed(one.name for one in self.loan.secrets)
            yield Note(f"{names}: a new value is no reason to build; --rebuild takes it")
        return build.image

    def plan_look_ahead(self, build, why):
        """Refuse a build that is known to fail; say what a person may want to know of it."""
        if self.call.verbose:
            yield Note(f"building {self.tag}: {why}")
        if self.call.verbose and build.appended:
            yield Note("appended since the first build here, and installed on top of it: "
                       f"{', '.join(build.appended)}")
        check_sendable(self.project, build.recipe)
        if build.recipe.lacks_base:
            check_online(self.call.offline, f"the base image {self.project.base}, absent here,")
        yield from self.plan_check_variables(build.recipe.text)
        before = build.before.recipe if build.before else Recipe()
        notes = context_notes(before, build.recipe, env_files_inside(self.project))
        yield from map(Note, (*notes, *passed_over(self.project, before.facts, build.recipe.facts)))

    def plan_check_variables(self, text):
        """Raise a fault if no image sets a variable that a requirements file names."""
        lent = [*self.loan.values, *self.loan.files]        # or the fault that one is missing
        named = [pair for pair in re.findall(r"\$\{(\w+):\?is named in ([^$\n]+), and is", text)
                 if pair[0] not in lent]
        told = (yield self.engine.inspect("{{json .Config.Env}}", self.project.base)
                ) if named else None
        for name, file in () if not told or told.status else named:     # it may have to come first
            within = re.search(rf"\n(?:ENV|ARG) .*\b{name}\b", text)
            if f'"{name}=' not in told.output and not within:
                raise SkelebotError(
                    f"{file}: names {name}, which is not set in the build", "write its value, or, "
                    f"for a secret, secrets: [{{name: {name}, env: {name}, at: build}}]")

    def plan_build_again(self, build):
        """Build it, keep of what, and give the id; the tag if no id is told, or in a dry run."""
        call, project = self.call, self.project
        opened = bool(project.dockerfile and project.user == "host" and call.uid
                      and build.recipe.is_closed)
        aside = opened or not os.access(".", os.W_OK)
        told_here = not call.dry_run and not call.confined
        folder = (yield Scratch(call.token)) if told_here or aside else ""
        context = os.path.join(folder, "context") if aside else "."
        id_file = os.path.join(folder, "image") if told_here else ""
        try:
            yield from self.plan_files(build, context, opened)
            yield from self.plan_id(build, id_file, context)
            told = image_id(self.cache.text(id_file).strip())
        finally:
            if aside:
                yield Command(("chmod", "-R", "u+w", context), kept=True)
            if folder:
                yield Remove(folder)
            for step in build.undo if project.ephemeral and not aside else ():
                yield step
        if call.dry_run or (told_here and not told):
            return self.tag
        # as the engine knows it; builders tell other ids (docker/buildx#3952), or none
        ids = yield from self.engine.plan_image_ids((*([told] if told else []), self.tag))
        image = told if (told and ids[0]) or not ids[-1] else ids[-1]
        if image:
            yield from self.plan_keep(build, image)
            yield from self.plan_remove(build.image, image)
        return image or self.tag

    def plan_files(self, build, context, opened):
        """What is written for a build: beside a copy of a project that cannot be written to, or is
        `opened`, so that everybody may read in the image what the caller may here.
        """
        if context != ".":
            out = Ignores(ignore_file(self.project, self.job)[0]).prunes
            names = [os.path.join(".", name) for name in sorted(map(plain_text, os.listdir(".")))
                     if not out(name)]
            yield MakeFolder(context)
            for argv in (*([("cp", "-R", "-p", "--", *names, context)] if names else []),
                         *([("chmod", "-R", "a+rX", context)] if opened else [])):
                told = yield Command(argv, kept=True)
                if told.status:
                    raise SkelebotError("the project, in whose folder nothing can be written, was "
                                        f"not copied: {last_line(told.errors)}",
                                        "look at the folder's permissions, or at its ignores")
        for step in build.writes:
            yield step._replace(path=os.path.normpath(os.path.join(context, step.path)))

    def plan_id(self, build, id_file="", context="."):
        """Build it; its id goes into a file. What is known of the builder may be out of date."""
        builder = yield from self.engine.plan_builder()
        if builder not in BY_MOUNTS and (self.loan.secrets or self.call.network.ca):
            builder = yield from self.engine.plan_builder(again=True)
        if builder == "lacking":
            yield Note("docker has no buildx component: building without BuildKit")
        outcome = yield from self.plan_run_build(build, builder, id_file, context)
        if not outcome.status:
            return
        yield from self.engine.plan_check()
        now = yield from self.engine.plan_builder(again=True)
        if now != builder:
            outcome = yield from self.plan_run_build(build, now, id_file, context)
        if outcome.status:
            raise pip_fault(self.project, outcome.errors) or SkelebotError(
                f"the image was not built ({shell_line(self.engine.argv)} build: exit status "
                f"{outcome.status})", build.hint(self.call, outcome.errors))

    def plan_run_build(self, build, builder, id_file, context):
        """`docker build`, for its Outcome; of the Dockerfile, or a better one for the builder."""
        text = build.recipe.built_from("legacy" if self.call.rebuild else builder, self.plain)
        text, lent, environ = self.loan.build(text, builder, self.project.dockerfile)
        own = text == build.recipe.text and not self.more
        file = self.project.dockerfile or os.path.join(context, "Dockerfile")   # may be ignored
        file = os.path.normpath(file) if own else "-"
        words = (*(("--pull", "--no-cache") if self.call.rebuild else ()), *lent)
        return (yield Command(self.engine.build(self.tag, file, id_file, words, context), environ,
                              aside=True, quiet=not self.call.verbose, apart=self.engine.apart,
                              given="" if own else text, title=f"building {self.tag}"))

    def plan_keep(self, build, image):
        """Keep what it was built of; base images that came with the build have other ids now."""
        recipe = build.recipe
        if self.call.rebuild or recipe.lacks_base:
            bases, _, _ = yield from self.plan_bases(recipe.text)
            recipe = recipe._replace(bases=bases)
        built = Built(self.kept[0], image, self.call.token, recipe).cache_text
        installs = "\0".join(build.installs._replace(bases=recipe.bases))
        for (_, path), text in ((self.kept, built), (self.installs, installs)):
            yield from self.cache.plan_keep(path, text.encode("utf-8", "surrogatepass"))

    def plan_remove(self, before, now):
        """Remove the image that was replaced; the engine keeps one that something else uses."""
        if before in ("", now):
            return
        tags = yield self.engine.inspect("{{len .RepoTags}}", before)
        if tags.output.strip() == "0":
            yield Command((*self.engine.argv, "rmi", before), kept=True)


class Build(Record):
    """What is known of an image before it is built, or found to be there.

    seen    (path, bytes) of the cache's file and of the files that are written, as they were found
    recipe  what it is to be built of
    installs  how the dependencies are installed
    before  what was built under that tag before
    image   its id, "" if it is gone
    tagged  whether the tag is that image's, or has been given to another one
    copied  the paths that matter when the project is mapped over its copy; None if all do
    hidden  the paths of the project that the job has mapped
    """
    seen: Tuple
    recipe: Recipe
    installs: Installs
    before: Optional[Built]
    image: str
    tagged: bool
    copied: Any
    hidden: Tuple[str, ...]
    writes: Tuple
    undo: Tuple

    def is_fresh(self, call):
        """Whether the image that exists will do; --rebuild wants one that this call has built."""
        if not self.before or not self.image or (call.rebuild and self.before.token != call.token):
            return False
        before, now = self.alike(self.before.recipe, self.recipe)
        return before == now

    def reason(self, call):
        """Why it is built, in words."""
        if call.rebuild:
            return "--rebuild asks for it"
        if not self.before:
            return "it was not built here before"
        before, now = self.alike(self.before.recipe, self.recipe)
        return before.change(now) or "its image is gone"

    def alike(self, before, now):
        """Both recipes, without what does not matter here."""
        if self.copied is not None:
            return [recipe.live(self.copied) for recipe in (before, now)]
        if not self.hidden or before.files == now.files:
            return before, now
        copied = copied_below(now.text)
        text = now.text.replace(image_part("writable.Dockerfile"), "")
        names = {*before.entries, *now.entries}
        hidden = () if copied is None or Instructions(text).may_read_project(names) else [
            path for path in self.hidden if not is_below(path, copied)
            and not any(is_below(one, [path]) for one in copied)]
        return [recipe.without(hidden) for recipe in (before, now)]

    def hint(self, call, errors):
        """What to do when its build has failed with these words."""
        base = self.recipe.bases.partition("\n")[0]
        why = f"; {base} was not here, and comes from its registry" * self.recipe.lacks_base
        if call.rebuild:
            why = "; --rebuild needs a base image that is in a registry"
        full, helper = full_disk(), missing_helper(call.environ, call.home)
        told = re.search(r"(?i)no space left on device", errors)
        why += "; " + refusal_hint(helper or told.group(), "") if helper or told else ""
        return "the lines above say which step failed" + why + (
            f"; the disk of {full} is full" if full else "")

    @property
    def appended(self):
        """The dependencies that are installed on top of what was installed together at first."""
        groups = self.installs.named
        first = [next(names for kind, names in groups if kind == one) for one in dict(groups)]
        return [name for _, names in groups if names not in first for name in names]


def copied_below(text):
    """The project's paths that matter when it is mapped over its copy; None if all may."""
    copied = Instructions(text).copied
    return copied if copied is not None and are_direct(tuple(sorted(copied))) else None


def own_dockerfile():
    """The bytes of the Dockerfile that is there, if it may be written."""
    present = read_bytes("Dockerfile")
    if present is not None and not is_generated(present.decode("utf-8", "replace")):
        raise SkelebotError("Dockerfile: was not written by skelebot, so it is not replaced",
                            f"add the line dockerfile: Dockerfile to {FILE} to build from it, or "
                            "rename it")
    return present


def ignore_file(project, job):
    """(text of .dockerignore, the bytes that are there, the step that undoes what is written)."""
    patterns = ignored_by_components(project)
    keytabs = set(patterns) - set(component_words(project, "ignores"))
    file = other_ignore_file(project) if keytabs else ""
    if file:
        raise SkelebotError(f"{file}: takes the place of .dockerignore, which keeps the keytab out "
                            "of the image",
                            "move its lines into .dockerignore, and remove it")
    present = read_bytes(".dockerignore")
    own = None if present is None else present.decode("utf-8", "surrogateescape")
    text = dockerignore(project, job, own, patterns)
    undo = (Remove(".dockerignore") if own is None or is_generated(own)
            else File(".dockerignore", without_block(own).encode("utf-8", "surrogateescape")))
    return text, present, undo


def other_ignore_file(project):
    """The file that BuildKit or podman would read instead of .dockerignore, if there is one."""
    files = f"{project.dockerfile or 'Dockerfile'}.dockerignore", ".containerignore"
    return next(filter(look, files), "")


def plan_required_files(project):
    """dependency -> the files it needs in the image; a fault if one does not exist."""
    files, place = {}, project.places.get("dependencies")
    for dependency in (*project.dependencies.Python, *project.dependencies.R):
        if dependency.form == "python-ca":
            files[dependency] = ((yield from plan_code_artifact(dependency)),)
        elif "file" in dependency.fields:
            file = dependency.fields["file"]
            check_there(file, place)
            text = checked_text(dependency, place)
            files.update(requirements_of(dependency) if dependency.form == "python-req" else {
                dependency: (file, *local_files(file, file_addresses(text)))})
    profile = (read_bytes(".Rprofile") or b"") if project.dependencies.R else b""
    if b"packrat/init.R" in profile and ".Rprofile" not in project.ignores:
        raise SkelebotError(".Rprofile: starts packrat, which hides what is installed in the image",
                            f"{way_of('packrat.lock')}; or add to ignores in {FILE}: - .Rprofile")
    renv = any(one.form == "r-renv" for one in project.dependencies.R)
    if renv or b"renv/activate.R" in profile:
        files[AUTOLOADER] = ()
    return files


def plan_code_artifact(dependency):
    """The path of a package's file from AWS CodeArtifact, fetched unless it is here."""
    fields = dependency.fields
    folder = f".skelebot/{fields['name']}-{fields['version']}"
    present = listing(folder)
    if present:
        return f"{folder}/{present[0]}"
    words = ("--domain", fields["domain"], "--domain-owner", fields["owner"],
             "--repository", fields["repository"], "--format", "pypi",
             "--package", fields["name"], "--package-version", fields["version"],
             *(("--profile", fields["profile"]) if fields["profile"] else ()))
    outcome = yield from plan_must(Command((
        "aws", "codeartifact", "list-package-version-assets", *words, "--output", "json"),
        kept=True))
    name = asset_name(dependency, outcome.output)
    yield MakeFolder(os.path.dirname(folder))
    yield from plan_new_folder(folder, lambda new: plan_must(Command(
        ("aws", "codeartifact", "get-package-version-asset", *words, "--asset", name,
         f"{new}/{name}"), kept=True)))
    return f"{folder}/{name}"


def asset_name(dependency, text):
    """The file to install, in the answer of `aws codeartifact list-package-version-assets`."""
    try:
        assets = json_value(text.encode() or b'{"assets": []}')["assets"]
        names = [str(asset["name"]) for asset in assets]
    except (KeyError, TypeError):
        raise SkelebotError(f"{dependency}: aws gave no list of files, but {shortened(text)}",
                            "update the AWS CLI, or look at the proxy")
    names = [name for end in (".whl", ".tar.gz", ".zip") for name in names
             if name.endswith(end) and re.fullmatch(r"\w[\w.+!-]*", name, re.ASCII)]
    if not names and text:
        raise SkelebotError(f"{dependency}: the version has no wheel and no source distribution",
                            "look at it with aws codeartifact list-package-version-assets")
    return (names or ["package.whl"])[0]


def checked_text(dependency, place):
    """The text of a pyproject.toml, else ""; a fault if pip or R cannot read such a file, or would
    install nothing of it.
    """
    file, form = dependency.fields["file"], dependency.form
    if form not in ("python-req", "python-proj", "r-renv"):
        return ""
    rows = foreign_files("R")[1:] if form == "r-renv" else foreign_files(
        "Python", "R", form.partition("-")[2])
    for name, hint, _ in rows:
        if re.fullmatch(name, file.rpartition("/")[2]):
            raise place.fault(f"{'renv' if form == 'r-renv' else 'pip'} does not read {file}",
                              hint.replace("FILE", file))
    data = None if form == "python-req" else read_bytes(file)
    fault = project_fault(data) if form == "python-proj" and data is not None else ()
    if fault:
        raise place.fault(f"{file} {fault[0]}", fault[1])
    text = (data or b"").decode("utf-8", "replace")
    check_passwords(text, file)
    return text if form == "python-proj" else ""


def requirements_of(dependency):
    """The part of plan_required_files for a requirements file."""
    named, local, lines, itself = requirement_files(dependency.fields["file"]), [], [], []
    for name, own in named.items():
        local += local_files(name, own.local)
        lines += own.lines
        itself += [(name, line) for line in own.lines if re.fullmatch(THE_PROJECT, line)]
    marks = {ITSELF: itself,
             VARIABLES: re.findall(r"\$\{([A-Z0-9_]+)\}", "\n".join(lines)),
             PIP_OPTIONS: [line for line in lines if re.search(
                 r"(?:^|\s)(?:--(?!requirement|constraint|editable)\w|-[fi]\b)", line)]}
    return {dependency: tuple(dict.fromkeys((*named, *local))),
            **{(dependency, mark): tuple(words) for mark, words in marks.items() if words}}


def requirement_files(file, seen={}):
    """path in the project -> Requirements of a file and of those that it names, each once."""
    text = marked_text(read_bytes(file) or b"")
    check_passwords(text, file)
    seen = {**seen, file: Requirements(text)}
    for name in seen[file].files(file):
        if name not in seen:
            check_inside(file, name)
            wheels = look(name) == "folder"
            seen = {**seen, name: Requirements("")} if wheels else requirement_files(name, seen)
    return seen


def local_files(file, names):
    """The paths in the project that a file names, without the project itself."""
    paths = dict.fromkeys(posixpath.normpath(re.sub(r"^/app(?:/|$)", "./", name)) for name in names)
    paths.pop(".", None)
    for path in paths:
        check_inside(file, path)
    return tuple(paths)


def check_inside(file, name):
    """Raise a fault if a file names something outside of the project."""
    if not ProjectPath.fits(name) or not look(name):
        raise SkelebotError(f"{file}: names {shortened(name)}, which is not in the project",
                            "only files below skelebot.yaml can be part of the image")


def check_there(path, place):
    """Raise a fault if a path of the project does not exist."""
    if not look(path):
        raise place.fault(f"{shortened(path)} does not exist", "correct the path, or add the file")


def check_passwords(text, file):
    """Raise a fault if a file of the image holds an address with a password."""
    for number, line in enumerate(text.split("\n") if has_password(text) else (), 1):
        if has_password(line):
            raise password_fault(Place(file, number))


def check_sendable(project, recipe):
    """Nothing, if Docker may read all that it is sent; BuildKit would take a file for empty."""
    longer = re.findall(rf"(?m)^(.*)///{errno.ENAMETOOLONG}$", recipe.files)    # below these
    for path, facts in recipe.facts.items():
        ignored = facts.startswith("/")     # and yet looked into, since a line lets something in
        is_folder, is_file = ignored or facts[:1] == "4", re.match(PLAIN_FILE, facts)
        place, rights = machine_text(path), os.R_OK | os.X_OK if is_folder else os.R_OK
        if (is_folder or is_file) and not os.access(place, rights) and os.path.lexists(place):
            vain = "while one begins with !" if ignored else next(
                (f"since the job {one.name} needs it" for one in project.jobs
                 if is_below(os.path.normpath(one.source.script), [path])), "")
            raise SkelebotError(
                f"{shortened(path)}: you may not read it, so it cannot get into the image",
                f"chmod or chown it; no line of ignores helps {vain}" if vain
                else f"chmod or chown it, or add to ignores in {FILE}: - {ignores_line(path)}")
        if len(os.fsencode(os.path.abspath(place))) > LONGEST_PATH or path in longer:
            raise SkelebotError(
                f"{shortened(path)}: its path is longer than Docker can read",
                f"add to ignores in {FILE}: - {ignores_line(path.split('/')[0])}")


def context_notes(before, now, hidden=(), most=3):
    """What a person may want to know of a build context that was not in the one before."""
    for line in hidden:
        if look(line[1:]) and line not in before.ignored and Ignores(now.ignored).ignores(line[1:]):
            yield f"{line[1:]} of envFiles is not in the image: ignores: ['!{line}'] lets it in"
    entries, new_facts = now.entries, now.facts
    size = sum(entry.size for entry in entries.values())
    if size >= LARGE_CONTEXT > sum(entry.size for entry in before.entries.values()):
        largest = sorted(entries, key=lambda name: -entries[name].size)[:most]
        each_size = listed(f"{name} ({shown_size(entries[name].size)})" for name in largest)
        yield (f"the project sends {shown_size(size)} to Docker, most of it in {each_size}; keep "
               f"out what the image does not need, as in {FILE}: ignores: "
               f"[{ignores_line(largest[0])}]")
    old = before.facts
    for path, facts in new_facts.items():
        if facts[:2] == "14" and len(facts) == 6 and path not in old:
            yield f"{path} is a socket: the image has none, or an empty file"
    new = [path for path, facts in new_facts.items() if old.get(path) != facts and
           re.match(PLAIN_FILE, facts) and int(facts.split(" ")[1]) <= HEAD
           and secret_patterns().is_named(path, secret_patterns().likely)]
    for path, kind in secrets_in(zip(map(machine_text, new), new)) if new else ():
        yield (f"warning: {path} holds {kind}, and goes into the image; to keep it out, add to "
               f"ignores in {FILE}: - {ignores_line(path)}")


def passed_over(project, before, now):
    """Notes on new files of the context whose packages are not installed."""
    own = " ".join([*project.dependencies.Python, *project.dependencies.R, *project.commands])
    rows = [] if project.dockerfile else foreign_files(*project.language.split("+"))
    for path in sorted(path for path in now if path not in before):
        for name, way, others in rows:
            if re.fullmatch(rf"(?:packrat/)?(?:{name})", path) and path not in own and (
                    not re.search(others, own)):
                way = way.replace("FILE", path).replace(" here ", f" in {FILE} ")
                yield f"nothing of {path} is installed; to install it, {way}"
    for file in re.findall(r"proj:(\S+)", own):
        tables = toml_tables((read_bytes(file) or b"").decode("utf-8", "replace"))
        named = [f"[{name}]" for name in tables if re.fullmatch(GROUPS, name)]
        if named and before.get(file) != now.get(file):
            yield (f"nothing of {listed(named)} in {file} is installed; to install it, "
                   "move what jobs need to [project] dependencies")


DEAD = "=http://127.0.0.1:9"    # a proxy that lets nothing out
NOT_KEPT_OUT = ("the legacy builder would keep a secret, a login or the network's ca in the image",
                "build with BuildKit: install Docker's buildx, and leave DOCKER_BUILDKIT=0 out")


class Loan:
    """What a build or a job (`at`) is lent and no image keeps: of the network, and secrets."""

    def __init__(self, call, project, at):
        self.call, self.folder, self.at = call, project.folder, at
        self.secrets = [one for one in project.secrets if at in one.at]

    def build(self, text, builder, own=False):
        """(the Dockerfile, whose RUNs begin with the loan unless it is `own`, words, variables)."""
        known, script, files = builder in BY_MOUNTS, self.script, self.files
        offline = self.call.offline
        apt, cran, pip = (getattr(self.call.network, name) for name in ("apt", "cran", "pip"))
        named = " ".join([apt, cran, pip.index, *pip.extra])
        rows = [*([("skelebot-env", "env=SKELEBOT_BUILD", "/run/skelebot-env")] if script else []),
                *((name, "src=" + path, target) for name, path, target in files)]
        mounts = "".join(f"--mount=type=secret,id={name},target={target},mode=0444 "
                         for name, _, target in rows if known)
        begin = (". /run/skelebot-env; " if known else script + "; ") if script else ""
        lending = text if own or not rows else re.sub(
            r'(?m)^RUN (?!find /app )((?:--\S+ )*)(\["/bin/sh", "-c", ")?', lambda run: (
                f"RUN {run[1]}{mounts}" + (run[2] + json.dumps(begin)[1:-1] if run[2] else begin)),
            text)
        if not known and (self.secrets or lending != text and (
                files or bare_url(script) != script or re.search(VARIABLE, named))):
            raise SkelebotError(*NOT_KEPT_OUT)
        args = [name + DEAD for one in PROXIES[:2] for name in (one, one.upper())] if offline else [
            name for name in self.call.network.variables if name.lower() in PROXIES]
        alone = offline and builder != "buildkit"       # whose cache is of one network
        rows += [(one.name, "env=" + one.env, "") for one in self.secrets if one.env and own]
        secrets = [csv_row("id=" + name, source) for name, source, _ in rows if known]
        words = ("--network", "none") if alone else each("--build-arg", args)
        return lending, (*words, *each("--secret", secrets)), {
            # BuildKit fails where the command line is too new to have it built in
            **({"DOCKER_BUILDKIT": "0"} if builder == "lacking" else {}),
            **({"SKELEBOT_BUILD": script} if known and script else {})}

    @property
    def script(self):
        """What each RUN begins with, for a shell; empty if nothing is lent."""
        network = self.call.network
        apt = re.sub(r"[&\\]", r"\\\g<0>", network.filled(network.apt))     # as sed has it
        exports = {**{name: value for name, value in network.variables.items()
                      if name.lower() not in PROXIES},
                   **dict.fromkeys(CA_NAMES if network.ca else (), CA)}
        parts = [*(f"export {name}={shlex.quote(value)}"
                   for name, value in {**exports, **self.values}.items()),
                 apt and image_part("network-apt.sh", mirror=shlex.quote(apt)),
                 network.ca and image_part("network-ca.sh", file=CA),
                 network.cran and image_part("network-r.sh", profile=image_part("network.R")[:-1])]
        return Secret("; ".join(part.strip() for part in parts if part))

    @property
    def files(self):
        """(name, path here, path there) of what is mounted for reading."""
        return [*(("skelebot-ca", path, target) for path, _, target, _ in self.call.files
                  if target == CA or self.at == "run"),
                *((one.name, self.content(one), one.target) for one in self.secrets if one.file)]

    @property
    def values(self):
        """name -> value of the secrets that are variables."""
        return {one.name: self.content(one) for one in self.secrets if one.env}

    def content(self, one):
        """The value of a secret, or the path of its file."""
        path = host_path(one.file, self.folder, self.call.home)
        if one.env and not self.call.environ.get(one.env):
            raise one.places["env"].fault(f"the variable {one.env} is not set",
                                          f"set it, as in: export {one.env}=...")
        if one.file and look(path) != "file":
            raise one.places["file"].fault(f"{shortened(one.file)} is no file that exists",
                                           "correct the path, or make the file")
        return Secret(self.call.environ[one.env]) if one.env else path


CA = "/run/skelebot-ca.pem"     # in builds and jobs
CA_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO")


def network_files(network, environ, folder, home):
    """The `files` of a Call."""
    rows = ((network.ca and ca_bundle(network, environ, folder, home), CA, CA_NAMES),
            (network.cran and template_bytes("image", "network.R"), "/run/skelebot.R",
             ["R_PROFILE"]))
    return tuple((cache_file(environ, home, "network", data.decode("latin-1")), data, *row)
                 for data, *row in rows if data)


SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem"
CERTIFICATE = rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----"


def ca_bundle(network, environ, folder, home):
    """This machine's authorities and those that the network names, in PEM."""
    place = network.places["ca"]
    path = host_path(network.ca, os.path.dirname(place.file) or folder, home)
    files = [path, *(os.path.join(path, name) for name in listing(path, 0))]
    own = [one for file in filter(os.path.isfile, files)
           for one in re.findall(CERTIFICATE, read_bytes(file))]
    if not own:
        what = "holds no certificate in PEM form" if look(path) else "does not exist"
        raise place.fault(f"{shortened(network.ca)} {what}",
                          "name a file with -----BEGIN CERTIFICATE----- in it, or their folder")
    known = filter(None, (environ.get("SSL_CERT_FILE"), *SYSTEM_CA.split()))
    system = next(map(read_bytes, filter(os.path.isfile, known)), b"")
    return b"\n".join([system.rstrip(), *(one for one in own if one not in system), b""])


def plan_network(call):
    """Keep what programs and jobs read of the network where they find it, and not yet forgotten."""
    for path, data, _, _ in call.files:
        kept = Cache(call).read(path) == data and os.stat(path).st_mtime
        if time.time() - kept > Cache.days * 24 * 3600 / 2:
            yield from Cache(call).plan_keep(path, data)


def check_online(offline, what):
    """Raise a fault if the call is offline: `what` needs the network."""
    if offline:
        raise SkelebotError(f"{what} needs the network, and this call is offline",
                            "leave --offline out, or the line offline: true")


def pip_fault(project, log):
    """What pip has said about the packages that the project names, as a fault; None if nothing."""
    unreached = re.search(r"Retrying \(Retry\(|[Nn]ame resolution|connection broken", log)
    missing = re.search(r"No matching distribution found for (([\w.-]+)[^\s;(]*)", log)
    if missing and not unreached:
        wanted, name = missing.groups()
        versions = re.search(r"from versions: (?!none)([\w., +!-]+)\)", log)
        newest = listed(versions.group(1).split(", ")[-3:], "or") if versions else ""
        package = hints("packages").get(name)
        hint = (f"there is {newest}" if versions else f"it is called {package}" if package else
                "correct the name, or name the index that has it in a requirements file")
        other = re.search("require a different python version", log)
        return place_of_package(project, name).fault(
            f"pip finds no {wanted}" if versions else f"pip finds no package {name}",
            hint + ("; others need another pythonVersion" if other else ""))
    clash = re.search(r"Cannot install (([\w.-]+).{0,300}?) because these package versions", log)
    if clash:
        causes = re.findall(r"(?:The user requested|(?<![\w.-])[\w.-]+ \S+ depends on) .*", log)
        return place_of_package(project, clash.group(2)).fault(
            f"{clash.group(1)} contradict each other",
            "leave one of them out, or let its version be any: " + "; ".join(causes[:3]))
    return None


def place_of_package(project, name):
    """Where a Python package is named: in the project's file, or in one that is named there."""
    place = project.places.get("dependencies") or Place(FILE, 1)
    word = re.sub(r"[-_.]+", "[-_.]+", name)
    files = [(place.file, place.line), *((one.fields["file"], 1) for one in
             project.dependencies.Python if one.form in ("python-req", "python-proj"))]
    for file, first in files:
        lines = marked_text(read_bytes(file) or b"").split("\n")
        for number, line in enumerate(lines, 1):
            if number >= first and re.search(rf"(?i)(?<![\w.-]){word}(?![\w-])", line):
                return Place(file, number)
    return place


def plan_must(command):
    """Run a command; its failure ends the plan, with the last line that it printed."""
    outcome = yield command
    if outcome.status:
        raise SkelebotError(f"{shell_line(command.argv[:4])} ... failed: "
                            f"{last_line(outcome.errors)}",
                            refusal_hint(outcome.errors, "skelebot -V shows every command; try "
                                                         "this one by itself"))
    return outcome


class Cache(Record):
    """What a call keeps in `builds` of ~/.skelebot, where it may be lost at any time."""
    call: Call
    days = 90       # that something stays, unless it is kept again

    def plan_keep(self, path, data):
        """Keep something, if that is possible; what was not kept for too long goes."""
        if not path or self.call.dry_run:
            return
        folder, limit = os.path.dirname(path), time.time() - self.days * 24 * 3600
        try:
            yield MakeFolder(folder, private=True)
            yield File(path, data)
            with contextlib.suppress(OSError):      # it will be found another time
                for one in os.scandir(folder):
                    if (re.search("-[0-9a-f]{8}$", one.name) and one.stat().st_mtime < limit
                            and one.is_file(follow_symlinks=False)):
                        yield Remove(one.path)
        except SkelebotError as error:
            if self.call.verbose:
                yield Note(f"what was built is not kept in the cache: {error.message}")

    def text(self, path):
        """The same as text; "" if it is not text."""
        try:
            return (self.read(path) or b"").decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return ""

    def read(self, path):
        """The bytes that are kept at a path; None if there is nothing that can be read."""
        with contextlib.suppress(SkelebotError):
            return read_bytes(path) if path else None

    def path(self, name, *key):
        """The file for what the key's parts say; "" where there is no home."""
        return cache_file(self.call.environ, self.call.home, name, *key)


# ---- Runs -------------------------------------------------------------------
#
# What ran: .skelebot/runs/N in the project for each run of a job, and in it K for each point of a
# sweep. It holds run.json, `log` (what the job printed), metrics.jsonl (what it said of itself),
# curves.json (metrics over their steps), diff.patch and `git` (what git has no commit of).

STATES = ("waiting", "running", "done", "failed", "stopped", "timeout", "lost")
FAILED = ("failed", "timeout", "lost")


class RunRecord(Record):
    """What run.json says of a run.

    point     of a sweep, from 1; 0 is no point of one
    words     as they were typed after the job's name
    values    name -> text, or a list of them, of each argument and parameter, with defaults
    typed     the names of those that a person has set
    options   what was typed before the job: native, live, skip_build, and host=HOST for each -d
    clean     whether the tree was as its commit has it; None if git is not asked, or not yet
    runner    the row of RUNNERS that it ran by
    host      as it was typed or stands in the file; `endpoint` is the engine's
    begun     when the process `pid`, which is skelebot's, began, as the kernel says it
    mark      of the folder of all runs, which no copy of it has
    chain     common to all runs of one call
    sweep     of a run that has points: {"points": N, "each": {name: [...]}, "best": {"max": name}}
    started   seconds since 1970, as are `made` (its number) and `ended`
    metrics   name -> {"last": X, "min": [X, STEP], "max": [X, STEP], "steps": N}
    outputs   [path, size in bytes, time] of what it wrote into its mappings
    """
    format: int = 1
    number: int = 0
    point: int = 0
    job: str = ""
    words: list = []
    values: dict = {}
    typed: list = []
    options: list = []
    env: str = ""
    version: str = ""
    skelebot: str = __version__
    commit: str = ""
    clean: Any = None
    image: str = ""
    runner: str = ""
    host: str = ""
    endpoint: str = ""
    container: str = ""
    pid: int = 0
    begun: str = ""
    mark: str = ""
    machine: str = ""
    user: str = ""
    resources: dict = {}
    chain: str = ""
    sweep: dict = {}
    detached: bool = False
    made: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    status: Any = None
    state: str = "waiting"
    reason: str = ""
    metrics: dict = {}
    outputs: list = []

    @classmethod
    def of(cls, text, number, point=0):
        """The record in the text of a run.json; one that is damaged, or not ours, says so."""
        try:
            known = json.loads(text, parse_constant=lambda name: None)
            if known["format"] > 1:
                return cls(number=number, point=point, job=str(known.get("job", "")), state="later",
                           reason="a later version of skelebot has recorded it")
            known.update(number=number, point=point)
            return cls(**{name: known[name] for name in cls._fields if name in known}).checked()
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
                RecursionError) as fault:
            return cls(number=number, point=point, state="damaged",
                       reason=f"its run.json is damaged ({type(fault).__name__})" if text else
                       "its run.json cannot be read: is it another's?")

    def checked(self):
        """Itself; raises TypeError or the like if something in it is of another kind."""
        kinds = {"clean": (bool, type(None)), "status": (int, type(None)),
                 **dict.fromkeys(("made", "started", "ended"), (int, float))}
        for name, value in self._asdict().items():
            if not isinstance(value, kinds.get(name, type(self._field_defaults[name]))):
                raise TypeError(name)
        self.sweep.get("best", {}).items()
        numbers = [self.made, self.started, self.ended, *(size for _, size, _ in self.outputs)]
        for one in self.metrics.values():
            numbers += [one["last"], one["min"][0], one["max"][0], int(one["steps"])]
        texts = [*self.words, *self.typed, *self.options, *self.resources.values(), *(
            path for path, _, _ in self.outputs)]
        for value in self.values.values():
            texts += value if isinstance(value, list) else [value]
        "".join(texts)
        if self.state not in STATES or not re.fullmatch(r"(?:\w[\w.-]*)?", self.container) or any(
                not abs(number / 1) < float("inf") for number in numbers):
            raise ValueError("state")
        return self

    @property
    def text(self):
        """As run.json has it; json is imported only where it is read."""
        return "{\n" + ",\n".join(f'"{name}": {as_json(value)}' for name, value
                                  in self._asdict().items()) + "\n}\n"

    @property
    def facts(self):
        """name -> text of what goes along with a file that it wrote; S3 takes 2 KB of it."""
        own, room, facts = {"run": self.name, "job": self.job, "commit": self.commit}, 1800, {}
        last = {name: one["last"] for name, one in self.metrics.items()}
        typed = {name: self.values.get(name, "") for name in self.typed
                 if not re.search("(?i)passw|secret|token|api_?key|credential", name)}
        for name, text in {**own, **last, **typed, **own}.items():
            text = shown_url(" ".join(map(str, text)) if isinstance(text, list) else str(text))
            size = len(name) + len(quoted(text, "")) + 10
            if text and size <= min(room, 400):
                facts[re.sub(r"(?a)[^\w.-]", "_", name)], room = text, room - size
        return facts

    @property
    def told(self):
        """How a person says its state."""
        words = {"failed": "has failed", "stopped": "was stopped", "timeout": "ran out of time"}
        return f"run {self.name} " + words.get(self.state, "is " + self.state)

    @property
    def took(self):
        """How long it ran, as in 0:01:30; "" if it has not ended."""
        seconds = int(min(max(self.ended - self.started, 0), 4e9))
        return str(datetime.timedelta(seconds=seconds)) if self.started and self.ended else ""

    goes_on = property(lambda self: self.state in ("waiting", "running"))

    def own(self, mapping):
        """The mapping for this run: a point of a sweep has a copy of what it writes to."""
        path = os.path.normpath(mapping.source)
        if not self.point or "ro" in mapping.options or not is_inside(path) or path == ".":
            return mapping
        return Mapping(":".join(filter(None, [f"{self.folder}/out/{path}", mapping.target,
                                              ",".join(mapping.options)])))

    @property
    def folder(self):
        """In the project."""
        return "/".join([RUNS, *self.name.split(".")])

    @property
    def name(self):
        """What a person calls it: 12, or 12.3."""
        return f"{self.number}.{self.point}" if self.point else str(self.number)


def as_json(value):
    """A value of lists, dicts, texts and numbers as JSON; NaN and infinity are none of it."""
    if isinstance(value, str):
        if value.isprintable() and not {*'"\\'} & {*value} and max(value, default="") < "\x7f":
            return f'"{value}"'         # nearly all are so
        from _json import encode_basestring_ascii
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_json(str(name))}: {as_json(one)}"
                               for name, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(as_json, value)) + "]"
    if value is None or isinstance(value, float) and not abs(value) < float("inf"):
        return "null"
    return repr(value).lower()


class Runs:
    """The runs of a project: its folder `top`, "" for the current one."""

    def __init__(self, top=""):
        self.top = top

    def named(self, text, jobs=()):
        """The RunRecord that is called so: "" is the newest, 12, 12.3, or a job's newest.

        jobs  the names of the project's jobs, of which one may be a number too
        """
        number = r"(\d{1,9})(?:[.](\d{1,9}))?"
        match = None if text in jobs else re.fullmatch(number, text, re.ASCII)
        known = (self.read(int(match.group(1)), int(match.group(2) or 0)),) if match else (
            one for one in self.all() if text in ("", one.job))
        record = next((one for one in known if os.path.isdir(machine_text(self.path(one)))), None)
        if record:
            return record
        hint = "skelebot runs --all lists them" if self.numbers() else "none is recorded here"
        if match:
            raise SkelebotError(f"there is no run {text}", hint)
        if text in ("", *jobs):
            raise SkelebotError(f"there is no run{' of ' + text if text else ''} yet", hint)
        raise SkelebotError(f"{shortened(text)} is no run, and no job has that name",
                            nearest(text, jobs) or hint)

    def writer(self, path):
        """The newest RunRecord of what is at a path, or in it, as that is now; or None."""
        path = os.path.normpath(path)
        for above in self.all():
            for record in (above, *(self.points(above.number) if above.sweep else ())):
                for row in record.outputs:
                    own = not 0 < record.started - row[2] < 0.05    # else it is of the run before
                    if own and (row[0] + "/").startswith(path + "/") and is_as_recorded(*row):
                        return record

    def plan_old(self, plan_current, limit):
        """The runs that ended before a time, as did their points; damaged ones by their folders."""
        yield from plan_current([one for one in self.going() if one.point])
        going, records = {one.number for one in self.going()}, (
            yield from plan_current([*self.all()]))
        old = [one for one in records if not (one.goes_on or one.ended and one.number in going)
               and (one.state in STATES and (one.ended or one.made) or limit < float("inf")
                    and os.stat(self.path(one)).st_mtime or limit) < limit]
        for one in old:
            try:
                yield from plan_current([one], True)    # what it left elsewhere goes as well
            except SkelebotError as fault:
                yield Note(f"{one.told}, and what it left on {one.host} stays: {fault.message}")
        return old

    def all(self):
        """Every RunRecord, the newest first; without the points of sweeps."""
        return map(self.read, self.numbers())

    def points(self, number):
        """The RunRecords of a sweep's points, in their order."""
        return [self.read(number, point) for point in reversed(self.numbers(number))]

    def going(self):
        """The RunRecords of those whose end nobody has recorded, the newest first."""
        names = [name.partition(".") for name in self.names("going")]
        return itertools.starmap(self.read, sorted((
            (int(number), int(point or 0)) for number, _, point in names
            if (number + (point or "0")).isdigit()), reverse=True))

    def numbers(self, *above):
        """The numbers of all runs, or of the points of the one `above`, the newest first."""
        names = self.names(*map(str, above))
        return sorted((int(name) for name in names if re.fullmatch("[1-9][0-9]{0,8}", name)),
                      reverse=True)

    def names(self, *below):
        """What is in a folder of theirs; nothing where it cannot be read."""
        try:
            return os.listdir(machine_text(os.path.join(self.top, RUNS, *below)))
        except OSError:
            return []

    def read_again(self, record):
        """A record as its file has it by now."""
        return self.read(record.number, record.point)

    def read(self, number, point=0):
        """The RunRecord of a number; its state is "damaged" or "later" if it cannot be read."""
        text = self.text(RunRecord(number=number, point=point), "run.json")
        record = RunRecord.of(text, number, point)
        if record.goes_on and not self.has(record):
            return record._replace(state="unknown", reason="it was not begun in this folder")
        return record

    def has(self, record):
        """Whether a run was begun here: of what came with a project we ask and end nothing."""
        return record.mark == self.mark != ""

    @property
    def mark(self):
        """When the file `mark` of all runs was made, in nanoseconds; "" if it does not exist.

        This time of its status goes with a folder that is moved; neither git nor tar can set it.
        """
        try:
            return str(os.lstat(machine_text(os.path.join(self.top, RUNS, "mark"))).st_ctime_ns)
        except OSError:
            return ""

    def process(self, record):
        """(pid, begun) of the process that a run is, natively."""
        words = self.text(record, "pid").split()
        native = len(words) == 2 and words[0].isdigit() and record.runner == "native"
        return (int(words[0]), words[1].strip("-")) if native else (0, "")

    def with_commit(self, record):
        """A record with what git has said, once it has. Source: git-status(1), --porcelain=v2"""
        told = "" if record.commit else self.text(record, "git")
        commit = re.search("(?m)^# branch.oid ([0-9a-f]{40,64})$", told)
        return record._replace(commit=commit.group(1), clean=not re.search("(?m)^[^#]", told)
                               ) if commit else record

    def curves(self, record, most):
        """name -> [(step, number)...] of its curves, about `most` of each; {} if damaged."""
        curves = {}
        try:
            for name, curve in json.loads(self.text(record, "curves.json") or "{}").items():
                pairs = [(Scale.number(step), Scale.number(value)) for step, value in
                         curve[:-1:len(curve) // most + 1] + curve[-1:]]
                curves[name] = [pair for pair in pairs if None not in pair]
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
        return {name: own for name, own in curves.items() if len(own) > 1}

    def text(self, record, name):
        """A file of a run as text; "" if it does not exist."""
        return first_bytes(machine_text(self.path(record, name)), MOST).decode("utf-8", "replace")

    def last_lines(self, record, count):
        """The last lines that a run has printed, as a terminal showed them in the end."""
        try:
            with open(machine_text(self.path(record, "log")), "rb", opener=opened_plain) as file:
                file.seek(max(os.fstat(file.fileno()).st_size - 2 ** 15, 0))
                lines = last_states(file.read())[-count:]
        except (OSError, SkelebotError):
            return []
        return lines if any(lines) else []

    def path(self, record, *names):
        """A file of a run; or its folder."""
        return os.path.join(self.top, *record.folder.split("/"), *names)


# -- The record of a run, as it comes about

EARLY = 1       # seconds in which a detached job that fails has not started, for those who wait
MOST_OUTPUTS = 1000     # files that a run wrote, which its record names
OWN_FOLDERS = ("__pycache__", "node_modules")   # what no job is run for, as are hidden ones
INSIDE = "/run/skelebot"        # in a container: what a job says of itself


class Recording:
    """What is recorded of one run; with no `record` it leaves no trace.

    metrics  the job's key
    """

    def __init__(self, record=None, metrics=()):
        self.record, self.metrics, self.ending = record, metrics, {}

    @classmethod
    def of(cls, call, project, job, words):
        """Of a job with what was typed for it: Words."""
        if call.dry_run or not project.runs or call.environ.get("SKELEBOT_RUNS") == "0":
            return cls()
        parser, values = job_parser(project, job), {}
        for one in (*parser.args, *parser.params):
            own = words.values.get(one.name, getattr(one, "default", ()))
            if own:
                values[one.name] = list(own) if one.accepts == "list" else own[-1]
        return cls(RunRecord(
            job=job.name, words=list(words.typed), env=project.env or "", version=project.version,
            values=values, typed=list(words.values), chain=call.token, user=call.login,
            options=[*(name for name in ("native", "live", "skip_build") if getattr(call, name)),
                     *map("host={}".format, call.hosts)],
            resources={name: text for name, text in call.resources._asdict().items() if text},
            detached=job.mode == "d" or call.detach), job.metrics)

    records = property(lambda self: (self.record,) if self.record else ())

    folder = property(lambda self: self.record.folder if self.record else "")

    def is_shared(self, project):
        """Whether its `shared` travels to another engine."""
        job = project.job(self.record.job)
        return bool(job) and bool(job.metrics or [
            one for one in job.mappings if not os.path.isabs(one.source)])

    def note(self, **ending):
        """How it ends, by those who see that: its `state` or `reason`."""
        self.ending.update(ending)

    def plan_keep(self, **facts):
        """Write it down with these; the first time it gets a number and a folder."""
        if self.record:
            self.record = yield KeepRun(self.record._replace(**facts))

    def plan_fail(self, fault):
        """Record its end by an exception."""
        number = getattr(fault, "number", 2 if isinstance(fault, KeyboardInterrupt) else 0)
        if number:
            return self.plan_end(128 + number, state="stopped")
        self.ending.setdefault("reason", getattr(fault, "message", "") or "")
        return self.plan_end(getattr(fault, "status", 1))

    def plan_end(self, status, wrote=(), **ending):
        """Record its end, if nobody has: a status, the paths where it may have written, and what is
        not noted of its `state` and `reason`; returns the record.
        """
        if self.record and self.record.goes_on:
            since = self.record.started and self.record.started - 0.05     # a kernel's clock lags
            measured = Metrics(self.record.folder, self.metrics, "", since)
            yield from map(Note, measured.notes)
            facts = {"state": "failed" if status else "done", "reason": "", **ending, **self.ending}
            self.record = yield KeepRun(self.record._replace(
                **facts, status=status, ended=time.time(), metrics=measured.summary,
                outputs=written_since(wrote, since) if since else []),
                as_json(measured.curves) if measured.curves else "")
        return self.record


UNRECORDED = Recording()


def written_since(paths, since):
    """[path, size, time] of the files at and below some paths that were written since a time.

    By the time of their status, which is this machine's own even if a copy keeps another. It looks
    for a hundredth of the time that has passed, and first at what lies nearest.
    """
    written, paths = {}, list(map(machine_text, paths))
    until = time.monotonic() + max((time.time() - since) / 100, 0.003)
    while paths and time.monotonic() < until:
        path = paths.pop(0)
        with contextlib.suppress(OSError):      # it has gone, or is nobody's business
            entries = list(os.scandir(path)) if os.path.isdir(path) else []
            own = [(path, os.stat(path))] if not entries and os.path.isfile(path) else []
            own += [(one.path, one.stat(follow_symlinks=False)) for one in entries
                    if one.is_file(follow_symlinks=False)]
            paths += [one.path for one in entries if one.is_dir(follow_symlinks=False)
                      and one.name[0] != "." and one.name not in OWN_FOLDERS]
            written.update((plain_text(os.path.normpath(path)), (status.st_size, status.st_mtime))
                           for path, status in own if status.st_ctime >= since)
    rows = [[path, *facts] for path, facts in written.items()]
    return sorted(rows, key=lambda row: -row[2])[:MOST_OUTPUTS]


# -- Metrics

MOST_NAMES = 1000               # metrics of a run
MOST_POINTS = 500               # of a curve
MOST_LINES = 128 * 2 ** 20      # bytes that are read of a file of metrics, half of them at its end


class Metrics:
    """What a run has measured, as its output, its metrics.jsonl and its job's files say; of two
    that have the same name, the one with more steps counts. `notes` say what could not be read.

    metrics  the job's: names in lines of the output, and JSON files below `top`
    since    when the run began: a file that is older says nothing of it
    summary  `metrics` of a RunRecord
    curves   name -> [[step, value], ...] of those that have several
    """

    def __init__(self, folder, metrics=(), top="", since=0.0):
        self.since, self.notes, self.summary, self.curves, own = since, [], {}, {}, {}
        files = [name for name in metrics if name.endswith(".json")]
        self.names = {name.encode("utf-8", "surrogateescape"): name for name in metrics}
        for rows, *path in (*[(self.printed, folder, "log")] * (len(files) < len(metrics)),
                            (self.logged, folder, "shared", "metrics.jsonl"),
                            *((self.filed, top, name) for name in files)):
            for name, curve in self.read(rows, machine_text(os.path.join(*path))).items():
                own[name] = max(curve, own.get(name, curve), key=lambda one: len(one[1]))
        for name, curve in itertools.islice(own.items(), MOST_NAMES):
            self.keep(name, *curve)
        if len(own) > MOST_NAMES:
            self.notes.append(f"a run has {MOST_NAMES} metrics at most: others are passed over")

    def read(self, rows, path):
        """name -> (steps, values) of what rows of a file say, until something is wrong with it."""
        curves, infinity = {}, float("inf")
        if rows != self.filed and not first_bytes(path, 1):
            return curves
        from array import array
        try:
            for row in rows(path):
                step = row.pop("step", row.pop("epoch", None))
                for name, value in row.items():
                    if type(value) is float and abs(value) < infinity:
                        room = len(curves) <= MOST_NAMES and 0 < len(name) <= 200
                        steps, values = curves.get(name) or (curves if room else {}).setdefault(
                            name, (array("d"), array("d")))
                        own = type(step) is float and abs(step) < infinity
                        steps.append(step if own else len(values) + 1)
                        values.append(value)
        except (OSError, ValueError, RecursionError, SkelebotError) as error:
            reason = (getattr(error, "strerror", "") or "it is damaged, or too large").lower()
            self.notes.append(f"no metrics of {plain_text(path)}: {reason}")
        return curves

    def printed(self, path):
        """What lines of the output say of the job's names: `NAME: NUMBER` or `NAME=NUMBER`."""
        for line in self.lines(path):
            cut = max(line.rfind(b":"), line.rfind(b"="))
            name = self.names.get(line[:max(cut, 0)].strip())
            try:
                yield {name: float(line[cut + 1:])} if name else {}
            except ValueError:
                pass

    def logged(self, path):
        """What lines of JSON objects say; whole numbers become floats, however long they are."""
        decode = json.JSONDecoder(parse_int=float).decode
        for line in self.lines(path):
            try:
                row = decode(line.decode("utf-8"))
            except (ValueError, RecursionError):
                continue
            yield row if isinstance(row, dict) else {}

    @staticmethod
    def lines(path):
        """The lines of a file, as bytes; \\r ends one too."""
        with open(path, "rb", opener=opened_plain) as file:
            end = os.fstat(file.fileno()).st_size - MOST_LINES // 2
            for line in iter(lambda: file.readline(2 ** 18), b""):
                if MOST_LINES // 2 < file.tell() < end:
                    file.seek(end)
                yield from line.split(b"\r")

    def filed(self, path):
        """The numbers of a JSON file, inner ones as `above.below`; a list has several of a name."""
        if os.stat(path).st_mtime < self.since - 2:
            raise OSError(0, "older than the run")
        text = read_bytes(path, MOST_LISTED).decode("utf-8")

        def below(name, value):
            for key, one in value.items() if isinstance(value, dict) else ():
                yield from below(f"{name}.{key}" if name else key, one)
            for one in value if isinstance(value, list) else ():
                yield from below(name, one)
            yield {name: value}

        yield from below("", json.loads(text, parse_int=float))

    def keep(self, name, steps, values):
        """What a run has of a metric; of many steps those at equal distances."""
        count, ends = len(values), [values.index(min(values)), values.index(max(values))]
        kept = {*range(0, count, -(-count // (MOST_POINTS - 3))), *ends, count - 1}
        points = {index: [steps[index] if steps[index] % 1 else int(steps[index]), values[index]]
                  for index in sorted(kept)}
        low, high = (points[index][::-1] for index in ends)
        self.summary[name] = {"last": values[-1], "min": low, "max": high, "steps": count}
        self.curves.update({name: list(points.values())} if count > 1 else {})


# -- Sweeps

MOST_UNASKED = 1000     # points that are run without a question
MOST_COPIED = 2 ** 30   # bytes that each point may have a copy of


class Points:
    """The points of a sweep, as they were typed on top of what the job says in the file.

    axes  lists of {name: value}: a point has one of each list
    each  name -> its values
    """

    def __init__(self, project, words, rows=()):
        self.words, (name, *args) = words, words.values[""]
        job = project.job(name)
        self.parser = job_parser(project, job)
        self.ones = {one.name: one for one in (*self.parser.args, *self.parser.params)}
        columns, typed = list(rows[0] if rows else ()), words.values.get("each", ())
        fixed = [name for name in words.values if name in self.ones]
        names = [*fixed, *columns, *(name for name, *_ in typed)]
        for name, *values in typed:
            self.check(self.parser.axis_problem(name, values), "--each ")
        for name in names:
            self.check(names.count(name) > 1 and (f"{name}: given twice", "name it once"))
        axes = [*typed, *((axis.name, *axis.values) for axis in job.sweep.each
                          if axis.name not in names and not words.has("from"))]
        self.axes = [*([rows] if rows else []),
                     *([{name: value} for value in values] for name, *values in axes)]
        self.count = functools.reduce(lambda count, axis: count * len(axis), self.axes, 1)
        self.each = {name: list(dict.fromkeys(one[name] for one in axis))
                     for axis in self.axes for name in axis[0]}
        own = [arg.name for arg in self.parser.args if arg.name not in self.each]
        self.base = {**{name: words.values[name] for name in fixed},
                     **{name: (word,) for name, word in zip(own, args)}, "": args[len(own):]}
        if rows or not words.has("from"):
            self.check_points()

    def check_points(self):
        self.check(not self.axes and ("nothing says which values to try",
                                      "for example --each NAME VALUE VALUE"))
        self.check(int(self.words.one("random", 0)) > self.count and (
            f"--random: there are {self.count} points only", "leave it out, or name more values"))
        self.parser.parse(self.typed(0))

    def check(self, problem, place=""):
        if problem:
            raise usage_error(f"sweep: {place}{problem[0]}", problem[1])

    def chosen(self, seed):
        """The numbers of the points: all, or so many that are drawn by lot, alike for one seed."""
        lot, places = random.Random(seed).random, {}    # what every Python draws alike
        count = int(self.words.one("random", self.count))
        for first in range(count) if self.words.has("random") else ():
            other = first + int(lot() * (self.count - first))
            places[first], places[other] = places.get(other, other), places.get(first, first)
        return [places.get(index, index) for index in range(count)]

    def typed(self, index):
        """What is typed after the job's name for a point, from 0; the last axis changes first."""
        values = dict(self.base)
        for axis in reversed(self.axes):
            index, own = divmod(index, len(axis))
            values.update((name, self.ones[name].words(value)) for name, value in axis[own].items())
        return self.parser.typed(values, self.words.extra)

    @staticmethod
    def table(path, parser):
        """{name: value} of each row of a CSV file, each of which has to fit."""
        data, rows = read_bytes(path), []
        try:
            reader = csv.DictReader(io.StringIO((data or b"").decode("utf-8-sig")), strict=True)
            for row in reader:
                problems = [("has another number of values than the first line",
                             "put a value with a comma in quotes")] if None in (
                                 *row, *row.values()) else [
                    parser.axis_problem(name, [value]) for name, value in row.items()]
                for message, hint in filter(None, problems):
                    raise SkelebotError(f"{path}:{reader.line_num}: {message}", hint)
                rows.append(dict(row))
        except (ValueError, csv.Error) as error:
            raise SkelebotError(f"{path}: is no table: {error}", "write it as CSV in UTF-8")
        if not rows:
            raise SkelebotError(f"{path}: " + ("does not exist" if data is None else "has no rows"),
                                "write the names of parameters, then a line for each point")
        return rows


# -- Report


class Report:
    """A page about runs that loads nothing from elsewhere: a table, pictures, a section for each.

    records  RunRecords in the order of the page; a sweep's points follow it
    metrics  name -> run -> the last of its numbers
    ways     name -> "max" or "min", as sweeps among them say; best -> the best run
    """
    FILE = RUNS + "/report.html"        # in no image, package or commit
    NEWEST, MOST, NAMED, WORDS, POINTS, DRAWN = 20, 8, 14, 12, 5000, 50

    def __init__(self, runs, records):
        self.runs, self.records, self.rows = runs, records, max(40 // (1 + len(records) // 250), 8)
        self.ways = {str(name): way for one in records
                     for way, name in one.sweep.get("best", {}).items()}
        names = dict.fromkeys([*self.ways, *(name for one in records for name in one.metrics)])
        self.metrics = {name: {one.name: float(one.metrics[name]["last"]) for one in records if
                               Scale.number(one.metrics.get(name, {}).get("last")) is not None}
                        for name in names}
        self.best = {name: (min if self.ways[name] == "min" else max)(own, key=own.get)
                     for name, own in self.metrics.items() if own and name in self.ways}

    @classmethod
    def plan(cls, call, project, words):
        """Write the page about the runs that are named, or the newest."""
        asked, path = RunCommands(call, project, words, ()), words.one("output", cls.FILE)
        runs, numbers = asked.runs, asked.runs.numbers()
        newest = numbers if words.has("all") else numbers[:cls.NEWEST]
        tops = asked.named or [*map(runs.read, newest)] or [runs.named("")]
        records = {one.name: one for top in tops for one in (
            top, *(() if top.point else runs.points(top.number)))}
        start = first_bytes(path, 1000) if look(path) == "file" else b""
        if look(path) and b'content="skelebot report"' not in start:
            raise SkelebotError(f"{path}: exists, and is no report of runs",
                                "name another file, as in: -o runs.html")
        records = yield from asked.plan_current(records.values())
        about = f"{len(tops)} of {len(numbers)} runs, {when(time.time())}, skelebot {__version__}"
        text = cls(runs, records).html(f"Runs of {project.name}", about)
        if path != "-":
            yield File(path, text.encode("utf-8", "backslashreplace"),
                       instead=shell_line(["skelebot", "report", *words.typed, "-o", "-"]))
        yield Answer(path if path != "-" else text)
        return 0

    def html(self, title, about):
        """The whole page."""
        jobs, params = {}, dict(list(self.params(self.records).items())[:self.MOST])
        for one in self.records:
            if one.metrics:
                jobs.setdefault(one.job, []).append(one)
        points = self.POINTS // max(min(len(self.records), self.DRAWN), 12)
        pictures = [Html.part(
            "job.html", job=job, runs=len(own), most=self.MOST, words=self.WORDS, named=self.NAMED,
            points=points, drawn=self.DRAWN, pictures=Html.of(*self.pictures(own, points)))
            for job, own in list(jobs.items())[:self.MOST]]
        logs = [*("\n".join(self.runs.last_lines(one, 40))[-6000:]
                  for one in self.records[:self.DRAWN]), *[
            f"This page has logs of the first {self.DRAWN} runs only: skelebot logs {one.name}"
            for one in self.records[self.DRAWN:]]]
        heads = ["run", "job", "state", "began", "took", *params, *list(self.metrics)[:self.MOST]]
        rows = [self.row(one, params.values()) for one in self.records]
        style, script = (Html(template_bytes("report", file).decode("utf-8"))
                         for file in ("report.css", "report.js"))
        return Html.part(
            "frame.html", title=title, about=about, style=style, script=script,
            table=self.table(heads, rows, len(rows)), jobs=Html.of(*pictures),
            runs=Html.of(*map(self.section, self.records, logs)))

    def pictures(self, records, points):
        """Of each metric of a job's runs: its curves, and over each value; then all values."""
        records = sorted(records, key=lambda one: one.name not in self.best.values())
        curves = {one.name: self.runs.curves(one, points) if index < self.DRAWN else {}
                  for index, one in enumerate(records)}
        runs, left = sorted(curves, key=lambda run: not curves[run])[:self.NAMED], 2 * self.POINTS
        params = [(name, own) for name, own in self.params(records).items() if len(
            {*own.values()}) <= self.WORDS or isinstance(min(own.values()), float)][:self.MOST]
        names = [name for name, own in self.metrics.items() if any(run in own for run in curves)]
        for metric in names[:self.MOST]:
            numbers, best = self.metrics[metric], self.best.get(metric)
            lines = {run: own[metric] for run, own in curves.items() if metric in own}
            kinds = {run: f"line c{index % 7} d{index // 7}" for index, run in enumerate(runs)}
            if lines:
                yield Picture.graph(metric, "step", lines, {run: kinds.get(run, "line other")
                                    for run in lines}, [run for run in runs if run in lines])
            for name, own in params or [("run", dict(zip(runs, runs)))]:
                dots = {run: [(own[run], numbers[run])] for run in own if run in numbers}
                left -= len(dots)
                if len(dots) > 1 and left > 0:
                    yield Picture.graph(metric, name, dots, {
                        run: "dot best" if run == best else "dot" for run in dots})
        columns = dict([*params, *((name, self.metrics[name]) for name in names[:1])])
        if len(columns) > 2:
            less, best = self.ways.get(names[0]) == "min", self.best.get(names[0])
            yield Picture.parallel(columns, less, best)

    @staticmethod
    def params(records):
        """name -> (run -> value) of what is not alike in records; numbers if all of them are."""
        columns = {}
        for name in dict.fromkeys(name for one in records for name in one.values):
            own = {one.name: as_text(one.values[name]) for one in records if name in one.values}
            numbers = {run: Scale.number(text) for run, text in own.items()}
            if len(set(own.values())) > 1:
                columns[name] = own if None in numbers.values() else numbers
        return columns

    def row(self, one, params):
        """A run in the table of all."""
        numbers = [(own.get(one.name, ""), self.best.get(name) == one.name)
                   for name, own in list(self.metrics.items())[:self.MOST]]
        return [Html.tag("a", one.name, href=f"#run-{one.name}"), one.job,
                Html.tag("span", one.state, class_=f"state {one.state}"), when(one.started),
                one.took, *(as_text(own.get(one.name, ""), 99) for own in params),
                *(Html.tag("b", number) if best else number for number, best in numbers)]

    def section(self, one, log):
        """All that is known of a run, and the end of its log."""
        values = [[name, as_text(value, 2000), "" if name in one.typed else "default"]
                  for name, value in one.values.items()]
        numbers = [[name, *map(float, (own["last"], own["min"][0], own["max"][0])), own["steps"]]
                   for name, own in one.metrics.items()]
        files = [[path, shown_size(size)] for path, size, _ in one.outputs]
        text = Html.part("run.html", **{
            **one._asdict(), "name": one.name, "words": shell_line(one.words)[:2000],
            "began": when(one.started), "ended": when(one.ended), "took": one.took,
            "changes": "changed, and not committed" if one.clean is False else "",
            "given": self.table(["value", "", ""], values, self.rows),
            "numbers": self.table(["metric", "last", "least", "most", "steps"], numbers, self.rows),
            "files": self.table(["output", "size"], files, self.rows),
            "log": Html.part("log.html", log=log) if log else ""})
        return Html(re.sub("<dt>[^<]*</dt><dd></dd>\n", "", text))

    def table(self, heads, rows, most):
        """A table of so many rows, "" without any."""
        rows = [*rows[:most], [f"and {len(rows) - most} more"]][:len(rows)]
        lines = [Html.tag("tr", *(Html.tag(name, one, **{"class": "n"} if isinstance(one, float)
                                           else {}) for one in row))
                 for name, row in [("th", heads), *(("td", row) for row in rows)]]
        head, body = Html.tag("thead", lines[0]), Html.tag("tbody", *lines[1:])
        return rows and Html.tag("table", head, body)


class Picture(list):
    """What a picture in SVG has; its colours and strokes are in templates/report/report.css.

    400 wide has room on a phone; a sign is at most 7 wide. A run is a link to its section.
    """
    WIDTH, TOP, BOTTOM = 400, 34, 206

    @classmethod
    def graph(cls, name, param, curves, kinds, named=()):
        """Of run -> [(x, metric)...]: a line for each, or a dot; `named` have their names beside.

        Where x are words, they have bars up to the mean of their dots.
        kinds  run -> the classes of its line
        """
        picture, points = cls(), [point for curve in curves.values() for point in curve]
        words = dict.fromkeys(word for word, _ in points if isinstance(word, str))
        y = Scale([one for _, one in points] + [0] * bool(words), cls.BOTTOM, 12, name)
        left = 12 + 7 * max(len(text) for _, text in y.ticks)
        right = cls.WIDTH - 10 - (16 + 7 * max(map(len, named)) if named else 0)
        x = Scale([one for one, _ in points], left + 8, right - 8, param, 1e300 if named else 20)
        picture.upright(left, y, right)
        for place, text in x.ticks:
            picture.words(place, cls.BOTTOM + 15, text, "tick")
        picture.words((left + right) / 2, cls.BOTTOM + 30, x.name, "middle")
        for word in words:
            own = [one for value, one in points if value == word]
            picture.path("bar", [(x.at(word), y.at(0)), (x.at(word), y.at(sum(own) / len(own)))])
        for run in sorted(curves, key=lambda run: (run in named, "best" in kinds[run])):
            places = [(x.at(value), y.at(one)) for value, one in curves[run]]
            picture.path(kinds[run], places, run, curves[run][-1][1])
        for row, run in enumerate(sorted(named, key=lambda run: -curves[run][-1][1])):
            picture.path(kinds[run], [(right + 3, 16 + 13 * row), (right + 17, 16 + 13 * row)])
            picture.words(right + 21, 20 + 13 * row, run, "")
        return picture.html(f"{y.name} by {param}")

    @classmethod
    def parallel(cls, columns, less, best):
        """Of name -> (run -> value): an axis for each, a line for each run that has them all.

        less  whether less of the last one is better; the better, the stronger is the line
        """
        *_, metric = columns.values()
        runs = [run for run in metric if all(run in own for own in columns.values())]
        picture, places = cls(), [100 + 110 * index for index in range(len(columns))]
        scales = [Scale([own[run] for run in runs], cls.BOTTOM, cls.TOP, name, 20)
                  for name, own in columns.items() if runs]
        for run in sorted(runs, key=lambda run: run == best):
            heights = [scale.at(own[run]) for scale, own in zip(scales, columns.values())]
            share = (heights[-1] - cls.TOP) / (cls.BOTTOM - cls.TOP)
            kind = f"q{int(4.99 * (share if less else 1 - share))}" if run != best else "best"
            picture.path("line " + kind, list(zip(places, heights)), run, metric[run])
        for place, scale in zip(places, scales):
            picture.path("axis", [(place, cls.BOTTOM), (place, cls.TOP)])
            picture.upright(place, scale, place)
            picture.words(place, 18, scale.name if len(scale.name) < 16 else
                          scale.name.partition(",")[0][:15], "middle")
        return picture.html("all of these values", 110 * len(columns) + 40)

    def upright(self, x, y, end):
        """An upright axis, whose grid goes as far as `end`."""
        for place, text in y.ticks:
            self.path("grid", [(x, place), (end, place)])
            self.words(x - 5, place + 4, text, "tick end")

    def path(self, kind, points, run="", number=0.0):
        """A line through points, or a dot, which may stand for a run."""
        words = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        shape = Html.tag("path", d=f"M{words}h0", class_=kind)
        title = Html.tag("title", f"{run}: {number:.6g}")
        self.append(Html.tag("a", title, shape, href=f"#run-{run}") if run else shape)

    def words(self, x, y, text, kind):
        self.append(Html.tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=kind))

    def html(self, title, width=WIDTH):
        svg = Html.tag("svg", *self, viewBox=f"0 0 {width} 240", role="img")
        return Html.tag("figure", Html.tag("figcaption", title), svg, class_=f"w{width // 401}")


class Scale:
    """Where values stand on an axis, from its place `start` in a picture to its `end`.

    values  numbers, or texts, which stand side by side in their order
    name    of what they are, by which their unit is known
    spread  how many times the least the largest must be for a logarithmic axis
    ticks   (place, text) of round numbers, or of each text
    """
    UNITS = {r"(?:.*[\W_])?(?:seconds?|secs?)":
             ((172800, 86400, "days"), (7200, 3600, "h"), (120, 60, "min"), (0, 1, "s")),
             r"(?:.*[\W_])?bytes": ((1e9, 1e9, "GB"), (1e6, 1e6, "MB"), (1e3, 1e3, "kB"))}

    def __init__(self, values, start, end, name, spread=1000):
        self.start, self.end, self.name = start, end, name
        least, middle, most = min(values), sorted(values)[len(values) // 2], max(values)
        if isinstance(least, str):
            words, room = list(dict.fromkeys(values)), max(end - start, 0) // 7
            self.even, self.low, self.high = words.index, -0.5, len(words) - 0.5
            self.ticks = [(self.at(word), word[:int(room / len(words)) or 14]) for word in words]
            return
        rows = next((rows for one, rows in self.UNITS.items() if re.fullmatch(one, name)), ())
        factor, unit = next((row[1:] for row in rows if most >= row[0]), (1, ""))
        is_log = 0 < least <= most / spread and middle < (least + most) / 4
        self.even = lambda one: math.log10(one / factor) if is_log else one / factor
        rounds = self.rounds(self.even(least), self.even(most), is_log or all(
            one / factor == one // factor for one in values))
        self.low, self.high = rounds[0], rounds[-1]
        rounds = [factor * (10.0 ** one if is_log else one) for one in rounds]
        form = "{:.6g}" if len({f"{one:.6g}" for one in rounds}) == len(rounds) else "{:.10g}"
        self.ticks = [(self.at(one), form.format(one / factor)) for one in rounds]
        self.name = ", ".join(filter(None, [name, unit, is_log and "log"]))

    @staticmethod
    def rounds(low, high, whole):
        """Multiples of 1, 2 or 5 times a power of ten, from below two numbers to above them."""
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-90):
            low, high, whole = low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1), False
        size, power = f"{(high - low) / 4:e}".split("e")
        step = next(one for one in (1, 2, 5, 10) if one >= float(size)) * 10.0 ** int(power)
        step = max(step, 1) if whole else step
        return [count * step for count in range(int(low // step), int(-(-high // step)) + 1)]

    @staticmethod
    def number(value):
        """A value as a number that can be drawn, or None."""
        try:
            return float(value) if abs(float(value)) < 1e100 else None
        except (TypeError, ValueError, OverflowError):
            return None

    def at(self, value):
        """The place of a value."""
        share = (self.even(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


class Html(str):
    """A text that is HTML already; any other is escaped when it gets into one."""

    @classmethod
    def part(cls, file, **values):
        """A file of templates/report with its $names filled in."""
        return cls(re.sub(r"\$([a-z]+)", lambda match: cls.of(values[match.group(1)]),
                          template_bytes("report", file).decode("utf-8")))

    @classmethod
    def tag(cls, name, *inside, **attributes):
        """An element; `class_` is its attribute class."""
        words = "".join(f' {key.strip("_")}="{cls.of(value)}"' for key, value in attributes.items())
        return cls(f"<{name}{words}>{cls.of(*inside)}</{name}>")

    @classmethod
    def of(cls, *values):
        """Values side by side, with what a terminal would obey written out."""
        return cls("".join([one if type(one) is cls else html.escape(visible(
            shown_url(one) if isinstance(one, str) else as_text(one))) for one in values]))


# -- What is asked


class RunCommands:
    """What a person or a program asks about the runs of a project: those that are `named`."""

    def __init__(self, call, project, words, typed=("",)):
        self.call, self.project, self.words, self.runs = call, project, words, Runs()
        self.jobs = [job.name for job in project.jobs]
        self.width = terminal_pages().width if sys.stdout.isatty() else None
        self.typed = words.values.get("run", typed)
        self.named = [self.runs.named(text, self.jobs) for text in self.typed]
        self.plan_current = functools.partial(plan_updated, call, project)
        self.plan_runner = functools.partial(plan_runner_of, call, project)

    def plan_list(self, going=False):
        """What ran, the newest first; and all about those that are named, with their points."""
        if self.words.has("prune"):
            return (yield from self.plan_prune(self.words.one("prune")))
        every, failed, json = map(self.words.has, ("all", "failed", "json"))
        few, names = None if every or json or self.named else 20, [one.name for one in self.named]
        records = self.named + [point for one in self.named if one.sweep
                                for point in self.runs.points(one.number)] or [*itertools.islice(
            self.runs.going() if going else self.runs.all(), None if failed or going else few)]
        records = [one for one in (yield from self.plan_current(records)) if one.name in names or (
            one.goes_on or not going) and (one.state in FAILED or not failed)][:few]
        if json:
            return (yield Answer(self.json({"run": one.name, **one._asdict()} for one in records)))
        yield from (Answer(self.facts(one)) for one in records if one.name in names)
        rows = [self.row(one) for one in records if one.name not in names]
        if rows or not names:
            yield Answer(self.table(["RUN WHEN JOB STATE TIME SET METRICS".split(), *rows]))

    def plan_prune(self, age):
        """Remove the runs that ended so long ago, and damaged ones of that age."""
        if not Duration.fits(age):
            raise usage_error(f"runs: --prune: expected {Duration.expected}, found "
                              f"{shortened(age)}", Duration.hint)
        limit = time.time() - Resources(time=age).seconds
        old = yield from self.runs.plan_old(self.plan_current, limit)
        yield Note(f"removing the runs that ended more than {age} ago: "
                   + (as_text([one.name for one in old], 60) or "none"))
        yield from (Remove(self.runs.path(one)) for one in old)

    def facts(self, record):
        """All that is known of a run."""
        shown = record._replace(
            mark="", outputs={path: shown_size(size) for path, size, _ in record.outputs},
            **{name: when(getattr(record, name)) for name in ("made", "started", "ended")})
        return self.table([f"{name} {key}", one] for name, value in shown._asdict().items()
                          if value or name in ("clean", "status")
                          for key, one in getattr(value, "items", lambda: [("", value)])())

    @classmethod
    def line(cls, record, sweep):
        """A point that has ended, with the values that its sweep has tried."""
        row = cls.row(record._replace(typed=list(sweep.get("each", ()))))
        return "  ".join(filter(None, (as_text(row[part]) for part in (0, 5, 3, 4, 6))))

    @staticmethod
    def row(record):
        """A run in the list."""
        ended = time.time() if record.goes_on else record.ended
        return (record.name, when(record.started or record.made), record.job, record.state,
                record._replace(ended=ended).took,
                [f"{name}={as_text(record.values.get(name), 30)}" for name in record.typed],
                {name: one["last"] for name, one in record.metrics.items()} or record.reason)

    def plan_compare(self):
        """What differs among runs, the best first: of a sweep its points, of a job the newest."""
        own, best = {}, {}
        ways = {way: self.words.one(way) for way in ("max", "min") if self.words.has(way)}
        for text, one in zip(self.typed, self.named):
            best = best or one.sweep.get("best", {})
            own.update((each.name, each) for each in (
                self.runs.points(one.number) if one.sweep else [one] if text not in ("", *self.jobs)
                else itertools.islice((each for each in self.runs.all() if each.job == one.job
                                       and not each.sweep), 10)))
        records = yield from self.plan_current(
            sorted(own.values(), key=lambda one: (-one.number, one.point)))
        known = {name for one in records for name in one.metrics}
        for way, name in (ways or best).items():
            if str(name) not in known and ways:
                raise usage_error(f"compare: none of these runs has measured {shortened(name)}",
                                  did_you_mean(name, known, "measured are"))
            sign = -1 if way == "max" else 1
            worst = {"last": sign * float("inf")}
            records.sort(key=lambda one: sign * one.metrics.get(str(name), worst)["last"])
        yield Answer(self.comparison(list(map(self.cells, records))))

    @staticmethod
    def cells(record):
        """name -> value of all that may differ among runs."""
        row = {"run": record.name, "job": record.job, "state": record.state, "env": record.env,
               "version": record.version,
               "commit": record.commit[:10] + "+" * (record.clean is False)}
        for name, value in record.values.items():
            row[f"values.{name}" if name in row else name] = as_text(value)
        for name, one in record.metrics.items():
            row[f"metrics.{name}" if name in row else name] = one["last"]
        return row

    def comparison(self, rows):
        """What differs of such cells, as it is asked for."""
        names = [name for name in dict.fromkeys(name for row in rows for name in row)
                 if name == "run" or len({row.get(name) for row in rows}) > 1 or not rows[1:]]
        rows = [[row.get(name) for name in names] for row in rows]
        if self.words.has("json"):
            return self.json(dict(zip(names, row)) for row in rows)
        if self.words.has("md"):
            return "\n".join(" | ".join(["", *(as_text(one).replace("|", "\\|") for one in row),
                                         ""])[1:-1] for row in [names, ["---"] * len(names), *rows])
        if self.words.has("csv"):
            file = io.StringIO()
            csv.writer(file, lineterminator="\n").writerows([names, *rows])
            return file.getvalue().rstrip("\n")
        return self.table([names, *rows])

    def table(self, rows):
        """Rows as columns, each cut to the width of the terminal."""
        rows = [list(map(as_text, row)) for row in rows]
        sizes = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join(as_text("  ".join(map(str.ljust, row, sizes)).rstrip(), self.width)
                         for row in rows)

    @staticmethod
    def json(rows):
        """A list for programs, an object on each line, without passwords in addresses."""
        return "[" + ",\n ".join(shown_url(json.dumps(row)) for row in rows) + "]"

    def plan_logs(self):
        """What runs printed; at a terminal each line as it was last, and without colours."""
        follow = self.words.has("follow")
        for record in (yield from self.plan_current(self.named)):
            path = self.runs.path(record, "log")
            if record.goes_on and (follow or record.detached):
                yield from (yield from self.plan_runner(record)).plan_watch(record, follow)
            elif not look(path):
                raise SkelebotError(f"{path} does not exist", "a job that has the terminal has no "
                                    "log; of a sweep its points have one, as 12.1")
            else:
                yield printed(path, self.width)


def printed(path, terminal):
    """The step that shows a log; at a terminal nothing of it is obeyed."""
    return (Answer("\n".join(last_states(first_bytes(path, 2 ** 27))))
            if terminal and os.path.isfile(path) else Tail(path))


def last_states(data):
    """The lines of a log as a terminal showed them in the end, without colours."""
    text = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))", "",
                  data.decode("utf-8", "replace"))
    return [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip().split("\n")]


def when(seconds):
    """A time as a clock here has it; "" for none."""
    there = time.localtime(min(max(0, seconds), 4e9))
    return time.strftime("%Y-%m-%d %H:%M", there) if seconds else ""


def as_text(value, most=None):
    """A value of a record on one line, for a person; or its begin."""
    if isinstance(value, dict):
        value = [f"{name}={as_text(one, most)}" for name, one in value.items()]
    text = " ".join(map(as_text, value)) if isinstance(value, (list, tuple)) else (
        f"{value:.6g}" if isinstance(value, float) else str("" if value is None else value))
    text = on_one_line(shown_url(text))
    return text if not most or len(text) <= most else text[:most - 3] + "..."


class Clean:
    """What of a project can go, also its present images and all ended runs if it is `whole`."""

    def __init__(self, call, project, words):
        self.call, self.project, self.whole = call, project, words.has("all")
        self.yes, self.rows = words.has("yes") or call.dry_run, []      # (what, its removal)

    def plan(self):
        """Show what would go, ask, and remove it; 1 if something could not be removed."""
        status, before = 0, float("inf") if self.whole else time.time() - 30 * 24 * 3600
        yield from [Note("natively only the disk is cleaned: images and containers stay")] if (
            self.call.native) else self.plan_of_engine()
        plan_current = functools.partial(plan_updated, self.call, self.project)
        old = list(map(Runs().path, (yield from Runs().plan_old(plan_current, before))))
        size = shown_size(sum(os.lstat(file).st_size for path in old for file, _ in tree(path)))
        self.rows += [(f"ended runs: {len(old)}, {size}", list(map(Remove, old)))][:len(old)]
        yield from (Answer(what) for what, _ in self.rows)
        if not self.rows:
            yield Note("there is nothing to remove")
        elif not self.yes and not self.call.terminal:
            raise SkelebotError("nothing was removed: there is no terminal to ask at", "add --yes")
        elif self.yes or (yield Ask("Remove all of this", "no")).lower() in ("y", "yes"):
            lock = yield Hold(".")      # nobody builds; an engine keeps what something uses
            for what, (first, *others) in self.rows:
                outcome = (yield first) or Outcome()
                status = status or int(outcome.status > 0)
                yield from others if not outcome.status else [
                    Note(f"{what}: it stays, as {last_line(outcome.errors)}")]
            yield Release(lock)
        return status

    def plan_of_engine(self):
        """Add containers and images, but for an image that another folder has."""
        engine = yield from plan_engine(self.call, Hosts(self.call, self.project).chosen().engine)
        yield from engine.plan_check()
        form, argv = "{{.Id}} {{.Size}}{{range .RepoTags}} {{.}}{{end}}", engine.argv
        busy = [one.container for one in Runs().going()]
        ended = yield from self.plan_ended(engine, "label=skelebot.project=" + self.project.name)
        self.rows += [(f"container {name}, {status}", [
            Command((*argv, "rm", "--volumes", own), kept=True)])
                      for own, status, name in ended if name.partition(",")[0] not in busy]
        known = list(self.builds(engine, skelebot_home(self.call.environ, self.call.home)))
        gone = [one for one in known if self.can_go(*one[1:3])]
        told = yield from plan_must(engine.ask(
            "images", "--quiet", "--no-trunc", "--filter", "dangling=true", "--filter",
            f"label={LABEL}title={self.project.name}", kept=True))
        ids = {*(one[-64:] for one in told.output.split()), *(one[3] for one in gone)}
        ids -= {"", *(one[3] for one in known if one not in gone and look(one[1]))}
        told = yield engine.inspect(form, *sorted(ids))
        for image, size, *names in map(str.split, told.output.strip().splitlines()):
            own = [name for name in names if re.sub("^localhost/|:latest$", "", name)
                   in [one[2] for one in gone]]
            what = f"image {' '.join(own) or image[-64:][:12]}, up to {shown_size(int(size))}"
            files = [Remove(one[0]) for one in gone if one[3] in ("", image[-64:])]
            self.rows += [(what, [Command((*argv, "rmi", *(own or [image])), kept=True), *files])
                          ] if own or not names else []

    @staticmethod
    def plan_ended(engine, label="label=skelebot.project"):
        """[id, status, name and size] of ours; for an hour what one has made may be on its way."""
        told = yield from plan_must(engine.ask(
            "ps", "--all", "--size", "--filter", label, "--filter", "status=exited",
            "--format", "{{.ID}}|{{.Status}}|{{.Names}}, {{.Size}}", kept=True))
        rows = [line.split("|", 2) for line in told.output.splitlines()]
        return [row for row in rows if not re.search("second|minute", row[1])]

    @staticmethod
    def builds(engine, home):
        """(path, folder, tag, 64 digits of the image's id or "") of what is kept of builds."""
        folder = os.path.join(home, "builds")
        for path in (os.path.join(folder, name) for name in listing(folder, 0)):
            kept = (first_bytes(path, HEAD).decode("utf-8", "replace") + "\0").split("\0")
            key = kept[0].split("\n")
            if key[3:] and key[:2] == [engine.call.engine, engine.endpoint]:
                yield path, key[2], key[3], image_id(kept[1])[-64:]

    def can_go(self, folder, tag):
        """Whether the project has built an image, but has no use for it now."""
        it, (name, _, own) = self.project, tag.partition(":")
        names = [it._replace(env=env).image for env in ("", *it.envs)]
        jobs = {"", *(slug(job.name) for job in it.jobs if job.ignores),
                *(kind.tag for kind in COMPONENTS.values())}        # of this environment
        return folder == os.path.abspath(it.folder) and (
            self.whole or name not in names or name == it.image and own not in jobs)


# ---- Runners ----------------------------------------------------------------
#
# Where a job runs. A runner is a class with few hooks and a row of RUNNERS; the life of a run is
# written once, in Runner.plan_run.


def plan_job(call, project, job, words, image=""):
    """Run one job of the project, where it is to run; from an image, if one is named."""
    argv = job_argv(call, project, job, words)
    job = job._replace(mode="d") if call.detach else job
    native = call.native or job.native == "always"
    script = job.source.script
    if script and not image and not call.later and (native or not script.startswith("/")):
        check_there(script, job.places["source"])
    if not call.dry_run:
        yield from plan_remember_nodes(call, project)
    runner = yield from plan_runner(call, project, job)
    return (yield from runner.plan(Run(job, runner.launch(job, argv), image,
                                       recording=Recording.of(call, project, job, words))))


def plan_foresee_job(call, project, job, words):
    """Raise what would stop a later job: its words, where it is to run, a port, its host."""
    job_argv(call, project, job, words)
    file_variables(call, project, job)
    host = Hosts(call, project).chosen(job)
    if call.native or job.native == "always" or not RUNNERS[host.kind].for_image:
        return
    engine = yield from plan_engine(call, host.engine)
    if not engine.is_local or call.context:
        yield from engine.plan_check()
    told = (yield engine.ask("info", "--format", "{{.Runtimes}}")) if project.gpu else Outcome(1)
    if not told.status and "nvidia" not in told.output:
        yield Note("warning: the engine names no runtime nvidia, without which gpu: true may fail")
    script, mapped = job.source.script, any(one.mappings for one in project.jobs)
    if script and not mapped and not script.startswith("/"):
        check_there(script, job.places["source"])
    OnEngine.check_ports(engine, job)


def plan_prime(call, project, words):
    """Write the files, build the image, and save it to a file if one is named."""
    output = words.one("output", None)
    if output == "":
        raise usage_error("prime: --output: expected a file, found ''",
                          "name one, as in --output image.tar")
    if output and (look(os.path.dirname(output) or ".") != "folder" or look(output) == "folder"):
        raise SkelebotError(f"{output}: cannot be written", "name a file in a folder that exists")
    engine = yield from plan_engine(call, Hosts(call, project).chosen().engine)
    image = Image(engine, project, plain=bool(output))
    yield from image.plan_built(reason="prime always does")
    if output:
        outcome = yield Command((*engine.argv, "save", "--output", output, image.tag), kept=True)
        if outcome.status:
            raise SkelebotError(f"{output}: the image was not saved: {last_line(outcome.errors)}",
                                "name a file in a folder that you can write to")
        yield Note(f"saved the image {image.tag} to {output}")
        if is_inside(os.path.relpath(output)):
            yield Note(f"{output} is in the project: every build sends it to Docker, unless it "
                       "is among the ignores")
    return 0


SHELL = ("sh", "-c", "if command -v bash > /dev/null; then exec bash; else exec sh; fi")


def plan_exec(call, project, words):
    """A shell in the project's image, or the command after `--`; -m maps the project at /app."""
    mapped = words.has("map")
    job = Job("exec", Source(), mode="it", places={"": Place(FILE, 1)})
    runner = yield from plan_runner(call._replace(live=call.live or mapped), project, job)
    if mapped and not runner.engine.is_local:
        raise SkelebotError(f"-m cannot map this machine's folder on {runner.engine.endpoint}",
                            "leave -m out: the image has a copy")
    return (yield from runner.plan(Run(job, Launch(words.extra or SHELL))))


def job_argv(call, project, job, words):
    """The argv of a job with words; a fault if -n asks for what the job forbids."""
    argv = job.argv(job_parser(project, job).words(words))
    if call.native and job.native == "never":
        raise job.places["native"].fault(f"{job.name} runs in Docker only (native: never)",
                                         "leave -n out")
    return argv


def plan_remember_nodes(call, project):
    """Keep what the project's files hold, so that the next call need not parse them."""
    cache = Cache(call)
    keys = [b"secrets", *(key.encode() for one in COMPONENTS.values() for key in one.secret_files)]
    used = (CONFIG, call.variables or call.offline), (HOSTS, call.host and ":" not in call.host)
    own = [os.path.join(skelebot_home(call.environ, call.home), name) for name, use in used if use]
    for file in dict.fromkeys((*map(environment_file, ("", *project.envs)), *own)):
        whole = os.path.join(project.folder or ".", file)
        path, data = cache.path("nodes", os.path.abspath(whole)), read_bytes(file) or b""
        read = file in (FILE, environment_file(project.env), *own) or any(map(data.count, keys))
        known = KnownNodes(data, file)
        if data and read and path and not known.nodes(cache.read(path) or b"") and not has_password(
                data.decode("utf-8", "replace")):
            yield from cache.plan_keep(path, known.to_keep())


def plan_runner(call, project, job):
    """The Runner for a job: natively, or at the host that -d, the job or the project names.

    Its project has what the job may take: by --resources, else the job, the project, the host.
    """
    hosts, native = Hosts(call, project), call.native or job.native == "always"
    host = hosts.at("native:") if native and job.source else hosts.chosen(job)
    if not job.source and not RUNNERS[host.kind].for_image:
        host = hosts.at("")
    project = project._replace(
        environment=(*file_variables(call, project, job), *project.environment),
        resources=call.resources.over(job.resources).over(project.resources)
        .over(host.resources))
    runner = yield from RUNNERS[host.kind].plan_at(call, project, host)
    runner.host = host.docker
    return runner


class Hosts(Record):
    """Where a call may run something, and what its hosts are called."""
    call: Call
    project: Any = None

    def plan(self, words):
        """List the hosts, or with --check ask each: 1 if one does not answer."""
        rows, host, told = self.known(), self.chosen(), []
        engine = yield from plan_engine(self.call, host.engine)
        here = "local" if engine.is_local else engine.context or engine.endpoint
        default = next((name for name, one in rows.items() if one == host), host.docker or here)
        for name, one in {**rows, default: rows.get(default, host)}.items():
            kind, own = one.kind, getattr(getattr(one, one.kind), "address", "")
            row = {"name": name, "kind": kind, "address": shown_url(one.docker or f"{kind}:{own}"),
                   "place": str(one.places[""] or ""), "default": name == default}
            try:
                yield from RUNNERS[kind].plan_answers(self.call, one) if words.has("check") else ()
            except SkelebotError as error:
                row["fault"] = on_one_line(f"{error.message}; {error.hint}")
            told.append(row)
            state = row.get("fault", "ok") if words.has("check") else (
                f"{kind:10} {row['address']:22} {row['place']}".rstrip())
            yield from () if words.has("json") else [
                Answer(f"{' *'[name == default]} {name:14} {state}")]
        if words.has("json"):
            yield Answer(json.dumps(told, indent=1))
        return int(any("fault" in row for row in told))

    def chosen(self, job=None):
        """The HostEntry of a job, or of the project."""
        if len(self.call.hosts) > 1:
            raise usage_error("-d: expected one host, found " + listed(self.call.hosts), "name one")
        owners = [one for one in (self.call, job, self.project) if getattr(one, "host", "")]
        return self.of(owners[0].host, owners[0]) if owners else self.at("")

    def of(self, text, owner):
        """The HostEntry of a name or address that a job, a project or, by -d, the call has."""
        place = (getattr(owner, "places", None) or {}).get("host")
        known = self.known() if ":" not in text else {}
        if text in known:
            named = RUNNERS[known[text].kind].schedules and not known[text].docker
            return known[text]._replace(docker=text) if named else known[text]
        engine = engine_kind(self.call.engine)(self.call, "context:" + text)
        if known and engine.context and look(engine.context_file):
            text = engine.host
        elif known and text not in RUNNERS and not re.fullmatch(r"\w[\w-]*(\.[\w-]+)+", text):
            raise (place.fault if place else usage_error)(
                f"{'' if place else '-d: '}there is no host {shortened(text)}",
                did_you_mean(text, [*known, "native"])
                + " (addresses: ssh://user@box, kubernetes://CONTEXT/NAMESPACE, slurm:)")
        return self.at(text, place)

    def known(self):
        """name -> HostEntry: of the project, below that of the caller's own file, and `local`."""
        path, below = os.path.join(skelebot_home(self.call.environ, self.call.home), HOSTS), ()
        own = Value(read_root("", path), Place(path, 1))
        if own.node and not own.is_nothing:
            inner = own.entries().get("hosts", own)     # as skelebot.yaml has them
            below = (inner if inner.node.id == "mapping" else own).read(Tuple[HostEntry, ...])
        return dict([("local", self.at("local")), *below, *getattr(self.project, "hosts", ())])

    @staticmethod
    def at(address, place=None):
        """The HostEntry of an address that stands at a place."""
        return HostRecord(docker=address, places={"": place, "docker": place})


class Launch(Record):
    """How a job's command is about to be run; what comes before it may change that.

    environ   variables on top of the job's
    mappings  on top of the job's, in Docker
    words     for `docker run`
    first     argv of what has to end well in a container before a detached job is started
    beside    argv of a program that runs as long as the job does, natively
    lent      (path here, path there) of files that are secret, where it `travels`
    """
    argv: Tuple[str, ...]
    environ: Dict[str, str] = {}
    mappings: Tuple[Mapping, ...] = ()
    words: Tuple[str, ...] = ()
    first: Tuple[str, ...] = ()
    beside: Tuple[str, ...] = ()
    lent: Tuple = ()
    native: bool = False
    travels: bool = False

    def job(self, job):
        """The job with what is its own here."""
        return job._replace(mappings=(*job.mappings, *self.mappings),
                            environment=(*job.environment,
                                         *(Variable(*pair) for pair in self.environ.items())))


class Run(Record):
    """One run of a job.

    image     what it runs from, an id or a tag; "" where the runner has to make one ready
    name      of its container
    copies    what travels there before it, and back after it
    serve     plan of a server, for this Run, done as soon as its container runs
    user      words by which its container is the caller's
    files     (path here, path there) of those in which its user has a name, and that it is lent
    taken     ports of the project that another job of it has published
    first     file that says that what it wrote was looked at; until then its container stays
    """
    job: Job
    launch: Launch
    image: str = ""
    name: str = ""
    copies: Tuple[Copy, ...] = ()
    serve: Any = None
    user: Tuple[str, ...] = ()
    files: Tuple = ()
    taken: Tuple = ()
    resources: Resources = Resources()
    recording: Any = UNRECORDED
    first: str = ""
    detached = property(lambda self: self.job.mode == "d" and not self.serve)


class Runner:
    """Where a job runs. To add one is a class that overrides some of the hooks,
    and a row of RUNNERS.

    The hooks are plans; `plan_run` calls them in the order in which they stand here. What goes on
    without us has plan_ends, plan_watch and plan_collect, and plan_stop, which waits for its end.
    """
    settings, for_image = Host, True    # what `hosts` says of one; whether exec can be there
    runs_sweeps = False         # whether it begins the points of one itself, which are detached
    in_project = False          # whether jobs run in the project's folder itself
    schedules = False           # whether it chooses machine and GPUs; then a record has its name
    endpoint = ""               # what its record says of where it runs

    def __init__(self, call, project, lent=()):
        self.call, self.loan, self.host = call, Loan(call, project, "run"), ""
        self.project = project._replace(environment=(   # of two of a name the last one counts
            *lent, *(Variable(*pair) for pair in self.loan.values.items()), *project.environment))

    @classmethod
    def plan_at(cls, call, project, host):
        """The Runner for a HostEntry."""
        yield from ()
        return cls(call, project)

    @classmethod
    def plan_answers(cls, call, host):
        """Raise a fault if a host does not answer."""
        return ()

    def launch(self, job, argv):
        """The Launch of a job's command; it is no plan."""
        return Launch(tuple(argv))

    def plan(self, run):
        """A run, between what components do before and after it."""
        record = run.recording.record
        pairs = self.meant(run.job, record)
        job = run.job._replace(mappings=tuple(mapping for mapping, _ in pairs))
        if record and record.point:
            yield OwnCopies(record.folder, self.copied(run.job), self.in_project)
        for mapping, place in pairs:
            if self.is_here(mapping) and not self.call.later:
                check_source(mapping, place, self.call.home)
        run = run._replace(job=job, resources=self.project.resources)
        yield from self.plan_notes(run)
        life = self.plan_recorded if record else self.plan_run
        return (yield from self.plan_around(run, self.project.components, life))

    def meant(self, job, record=None):
        """(Mapping, Place) of what a job sees there, without variables of this machine."""
        own, environ, pairs = record.own if record else Mapping, self.call.environ, []
        for index, one in enumerate(job.mappings):
            place = (job.places or {}).get("mappings") or Place(FILE, 1)
            place = place._replace(path=f"{place.path}[{index}]")
            if self.sees(one):
                mapping = meant_mapping(one, place, environ, self.project.folder)
                pairs.append((own(mapping), place))
        return pairs

    def sees(self, mapping):
        """Whether a mapping means something there."""
        return True

    def copied(self, job):
        """The paths of which each point of a sweep has a copy; none is below another."""
        own, point = self.meant(job), RunRecord(point=1)
        paths = sorted({os.path.normpath(one.source) for one, _ in own if point.own(one) != one})
        return tuple(path for path in paths if not any(
            is_relative_to(path, other) for other in paths if other != path))

    def is_here(self, mapping):
        """Whether it is of something on this machine."""
        return True

    def plan_notes(self, run):
        """Name in notes what the job will not see."""
        return ()

    def plan_around(self, run, parts, plan):
        """A run by `plan(run)`, between what components do before and after it."""
        if not parts:
            return (yield from plan(run))
        hook, status = functools.partial(plan_hook, parts[0]), None
        launch = (yield from hook("before", self.call, run.job, run.launch)) or run.launch
        try:
            status = yield from self.plan_around(run._replace(launch=launch), parts[1:], plan)
            return status
        finally:
            try:
                yield from hook("after", self.call, run.job, launch, status)
            except SkelebotError as fault:
                if status == 0:
                    raise
                yield Note(f"warning: {fault.message}")     # what became of the job matters more

    def plan_recorded(self, run):
        """The life of a run, and its record."""
        recording = run.recording
        yield from recording.plan_keep(runner=self.row, host=self.host,
                                       resources={name: text for name, text in
                                                  run.resources._asdict().items() if text})
        if recording.record:
            run = run._replace(launch=self.told(run))
        try:
            status = yield from self.plan_run(run)
        except BaseException as fault:
            if not isinstance(fault, SkelebotError) or not (yield from self.plan_lost_sight(run)):
                yield from recording.plan_fail(fault)
            raise
        if not run.detached and not (status and (yield from self.plan_lost_sight(run, status))):
            yield from recording.plan_end(status, self.written(run))
        return status

    def told(self, run, shared="", *mappings):
        """The Launch of a run that is recorded; in the folder `shared` it can write metrics."""
        own = {"SKELEBOT_RUN": run.recording.record.name,
               **({"SKELEBOT_METRICS": shared + "/metrics.jsonl"} if shared else {})}
        return run.launch._replace(environ={**run.launch.environ, **own},
                                   mappings=(*run.launch.mappings, *mappings))

    def plan_run(self, run):
        """The life of a run; returns its exit status, which is 0 for one that goes on."""
        run = yield from self.prepare(run)
        goes_on, lost, self.killed = False, 0, killed_for_memory()
        yield from run.recording.plan_keep(
            state="running", started=time.time(), container=run.name, endpoint=self.endpoint,
            image=run.image if self.for_image else "")
        try:
            yield from self.start(run)
            if run.detached:
                goes_on = True
                return (yield from self.leave(run))
            try:
                status = yield from self.follow(run)
                if status and run.job.source:
                    yield from self.plan_tell(run, status)
            finally:
                lost = 1                # until all is back
                lost = yield from self.bring_back(run)
            return status or lost
        finally:
            if not goes_on:
                yield from self.clean_up(run, lost)

    def prepare(self, run):
        """Make ready what it runs from, here what is mapped; returns the Run, completed.

        A failure leaves nothing.
        """
        for mapping in filter(self.is_here, run.job.mappings):
            if mapping.source != ".":
                yield MakeFolder(host_path(mapping.source, "", self.call.home))
        return run

    def start(self, run):
        """Start it, if `follow` does not do that."""
        return ()

    def follow(self, run):
        """Follow it to its end; returns its exit status."""
        raise NotImplementedError

    def plan_timed(self, run, command):
        """The Outcome of a job's command, which is ended when the job's time is over."""
        outcome = yield command._replace(limit=run.resources.seconds)
        if outcome == UNANSWERED:
            run.recording.note(state="timeout")
            yield Note(f"{run.job.name} ended after {run.resources.time}, as resources.time says")
        return outcome

    def plan_tell(self, run, status):
        """Say why a job has failed if it cannot say so itself, each reason in a line."""
        why, job = (yield from self.why(run, status)) or hints("statuses").get(str(status)), run.job
        run.recording.note(reason=why or "", **({"state": "stopped"} if why and why.startswith(
            SOMEBODY) else {}))
        if why:
            limit = run.resources.memory if why == NO_MEMORY else ""
            yield Note(f"{job.name} ended with {status}: {why}"
                       + (f"; resources.memory says {limit}" if limit else ""))
        for file in crlf_files(job.source):
            yield Note(f"{file} has the line ends of Windows, which a shell takes for a part of "
                       f"its words: sed -i 's/\\r$//' {file}")
        module = re.search(r"-m ([\w.]+)|\bfrom ([\w.]+) import", job.source)
        own = module_files(module.group(1) or module.group(2)) if module else []
        script = job.source.script or next(filter(look, own), "")
        if status == 1 and script.endswith(".py"):
            yield from self.plan_missing(run, script)
        disk = full_disk()
        if disk:
            yield Note(f"the disk of {disk} is full")

    def why(self, run, status):
        """Why it ended with a status, if that can be known; or ""."""
        yield from ()
        return NO_MEMORY if status == 137 and killed_for_memory() > self.killed else ""

    def plan_missing(self, run, script):
        """Name the modules that a script in Python lacks."""
        python = self.python(run)
        words = ("-c", template_bytes("image", "missing.py").decode(), script)
        told = yield python._replace(argv=(*python.argv, *words), kept=True, looks=True)
        names = sorted(told.output.split()) if not told.status else []
        if names:
            known = hints("packages")
            packages = listed(known.get(name, name) for name in names)
            yield Note(f"{script} imports {listed(names)}, which "
                       f"{self.lacking.format(packages, self.call.python)}")

    def python(self, run):
        """The start of a Command of the job's Python."""
        raise NotImplementedError

    def bring_back(self, run):
        """Bring back what it wrote; returns 1, after a note, if something is missing, else 0."""
        yield from ()
        return 0

    def clean_up(self, run, lost):
        """Leave nothing behind but what would be `lost`."""
        return ()

    def written(self, run):
        """The paths where it may have written what is worth keeping."""
        return [host_path(one.source, "", self.call.home) for one in run.job.mappings
                if self.is_here(one) and "ro" not in one.options]

    def plan_lost_sight(self, run, status=NOT_RUN):
        """Whether it may go on, though we have to leave it, which is in its record then."""
        return ()

    def plan_image(self, job):
        """What all points of a sweep run from, as in `image` of a Run."""
        yield from ()
        return ""

    def plan_gpus(self, image):
        """The numbers of the GPUs that there are, as far as that can be known."""
        own = self.call.environ.get("CUDA_VISIBLE_DEVICES")
        if own is not None:
            return re.findall(r"[\w-]+", own)
        try:
            told = yield Command(("nvidia-smi", "-L"), kept=True, looks=True)
        except SkelebotError:
            return []
        return re.findall(r"(?m)^GPU (\d+):", told.output)

    # -- What became of a run that nobody follows

    def plan_ends(self, records):
        """name -> exit status of runs that have ended, None where nobody knows how; those that go
        on, or of which nothing can be told, are left out.
        """
        yield from ()
        return {one.name: None for one in records if not is_alive(*Runs().process(one)) and not (
            one.state == "running" and is_alive(one.pid, one.begun))}   # a sweep has what waits

    def plan_collect(self, record, status, back=True, **ending):
        """Record an end, and with `back` bring back what it wrote; returns the RunRecord."""
        recording = Recording(record, self.job_of(record).metrics)
        if status is None:
            words = (self if record.container else Runner).lost_words
            recording.note(state="lost", reason=words if record.started else
                           "skelebot was ended by force before it began")
        elif status == UNANSWERED.status and record.resources.get("time"):
            recording.note(state="timeout")
        recording.note(**ending)
        yield from recording.plan_end(status, self.written(Run(self.job_of(record), Launch(()))))
        return recording.record

    lost_words = "skelebot was ended by force, and nobody has seen how it ended"

    def job_of(self, record):
        """The job of a record, with the mappings that it has there by today's file."""
        job = self.project.job(record.job) or Job(record.job, Source("true"))
        return job._replace(mappings=tuple(mapping for mapping, _ in self.meant(job, record)))

    def plan_watch(self, record, follow=True):
        """Show what it prints, or which of its points end, until it does; or by now."""
        offset, runs, shown = 0, Runs(), set()
        while True:
            begun = time.monotonic()    # a skelebot that lives removes the markers of what ends
            going = {*runs.names("going")} if is_alive(record.pid, record.begun) else set()
            points = {f"{record.number}.{one}": one for one in runs.numbers(record.number)
                      } if record.sweep else {}
            record, *told = yield from plan_updated(self.call, self.project, [
                runs.read_again(record), *(runs.read(record.number, points[name])
                                           for name in points.keys() - going - shown)],
                record.sweep)           # nobody else brings back what points wrote
            for one in sorted(told, key=lambda one: one.ended):
                if not one.goes_on:
                    shown.add(one.name)
                    yield Answer(RunCommands.line(one, record.sweep))
            follow = follow and (record.goes_on or len(shown) < len(points))
            pause = min(max(0.2, 9 * (time.monotonic() - begun)), 10)   # a tenth of a core
            offset = yield Tail(runs.path(record, "log"), offset, pause * follow)
            if not follow:
                return

    def plan_stop(self, record):
        """End the skelebot that has it, which ends it; or itself, if that has gone."""
        own = Runs().process(record)
        for pid, begun in ((record.pid, record.begun), own):
            if is_alive(pid, begun):
                return (yield EndProcess(pid, begun, LAST_WORDS, (pid, begun) == own))


def check_source(mapping, place, home):
    """Raise a fault if a mapped path does not exist and cannot be made as a folder."""
    path = host_path(mapping.source, "", home)
    shown = shortened(mapping.source)
    end = end_of_link(path)
    if end != path and not look(end):
        raise place.fault(f"{shown} is a link to {shortened(end)}, which does not exist",
                          "make that, or let the link lead elsewhere")
    if look(path):
        return
    if "ro" in mapping.options:
        raise place.fault(f"{shown} does not exist", "correct the path, or make it first: "
                                                     "what a job only reads is not made for it")
    if re.search(r"[^/]\.[A-Za-z]\w*$", mapping.source):
        raise place.fault(f"{shown} does not exist, and looks like a file",
                          f"make the file first, or write {mapping.source}/ for a folder")


def meant_mapping(mapping, place, environ, folder):
    """A mapping with what a shell would make of its variables, and of `~ada/`, on this machine."""
    def value(match):
        name = match.group(1) or match.group(2) or "PWD"
        text = folder if name == "PWD" else environ.get(name)
        if not text or re.search(r"(?<!^[A-Za-z]):|\n", text):
            raise place.fault(f"{shortened(mapping)} names {name}, which is "
                              + ("no path" if text else "not set"),
                              f"set it to a path, as in: export {name}=/data")
        return text

    text = re.sub(VARIABLE + r"|\$\(pwd\)", value, mapping)
    if re.match("~[^/:]+", text):
        text = os.path.expanduser(text)
    if not Mapping.fits(text):
        raise place.fault(f"{shortened(text)} cannot be mapped", Mapping.hint)
    source = Mapping(text).source
    if re.match("~[^/]", source):
        raise place.fault(f"{shortened(source)}: there is no such user on this machine",
                          f"~/ is your own home; a folder of that name is ./{source}")
    if os.name != "nt" and re.search(r"\\|^[A-Za-z]:/|%\w+%|[$`]\(|\$\{", source):     # another's
        raise place.fault(f"{shortened(source)} is no path of this machine",
                          "write a path with /, as in data/raw/, or $NAME for a variable")
    return Mapping(text)


SOMEBODY = "somebody ended its container"
NO_MEMORY = "its memory ran out: give it more, or let it take less at once"


def killed_for_memory():
    """How many processes of this machine have been; source: proc(5), /proc/vmstat."""
    count = re.search(rb"(?m)^oom_kill (\d+)", first_bytes("/proc/vmstat", 2 ** 16))
    return int(count.group(1)) if count else 0


def crlf_files(source):
    """The scripts among a source's words, and that they name, which CRLF keeps from running."""
    words = list(source.words)
    for word in words:
        data = first_bytes(word, 2 ** 16)
        by_name = word == source.script and not word.endswith(".sh")    # Python and R take CRLF
        if b"\r\n" in data and (word.endswith(".sh") or data[:2] == b"#!") and not by_name:
            yield word
        named = re.findall(rb"(?<![\w./-])[\w./-]+\.sh\b", data)
        named = [os.path.normpath(os.fsdecode(name)) for name in named]
        words += [name for name in named if name not in words]


def full_disk():
    """The first path that is written to on a full disk, or ""."""
    paths = (".", "/tmp", "/var/lib/docker", "/var/lib/containers")
    for path in paths if hasattr(os, "statvfs") else ():
        try:
            disk = os.statvfs(path)
        except OSError:
            continue
        if disk.f_bavail * disk.f_frsize < 2 ** 20 and not disk.f_flag & os.ST_RDONLY:
            return path
    return ""


class Native(Runner):
    """This machine, without Docker."""
    row, settings, for_image, in_project = "native", bool, False, True

    def launch(self, job, argv):
        """`python` is the caller's python3; variables that the file names are expanded."""
        environ = {**self.call.environ, **self.variables(job)}
        argv = tuple(expanded(word, environ) for word in argv)
        return Launch((self.call.python, *argv[1:]) if argv[0] == "python" else argv, native=True)

    def plan(self, run):
        """One that is detached is done by a process that is on its own; we only see it begin."""
        if not run.detached:
            return (yield from super().plan(run))
        recording = run.recording
        yield from recording.plan_keep(runner=self.row)
        ended = (yield Background(EARLY)) if recording.record else None
        if ended is not None:
            return (yield from plan_left(recording.record, ended))
        if recording.record:
            recording.record = recording.record._replace(pid=0)
        elif not self.call.dry_run:
            yield Note(f"{run.job.name} is not recorded, so it cannot go on by itself, and runs to "
                       "its end")
        return (yield from super().plan(run._replace(job=run.job._replace(mode="i"))))

    def sees(self, mapping):
        """A mapped folder of the project is that folder itself; `SRC:DEST` has no meaning."""
        return os.path.normpath(mapping.target) == os.path.normpath("/app/" + mapping.source)

    def plan_notes(self, run):
        for one in self.loan.secrets:
            if one.file and self.loan.content(one):     # a fault if it does not exist
                yield Note(f"without Docker {one.name} is not at {one.target}, but {one.file}")
        if any(run.resources._replace(time="")):
            yield Note(f"natively {run.job.name} may take more than resources says; only time is "
                       "kept")

    def told(self, run):
        return super().told(run, os.path.abspath(run.recording.folder + "/shared"))

    def follow(self, run):
        environ = {**self.variables(run.job), **run.launch.environ}
        argv, record = run.launch.argv, run.recording.record
        if record and record.point:
            argv = ("sh", "-c", 'cd "$0" && exec "$@"', record.folder + "/work", *argv)
        if run.resources.gpus[:7] == "device=":
            environ["CUDA_VISIBLE_DEVICES"] = run.resources.gpus[7:]
        return (yield from self.plan_timed(run, Command(
            argv, environ, beside=run.launch.beside, whole=True,
            run=run.recording.folder))).status

    lacking = "your {1} lacks: -n uses that one; install {0} there, or leave -n out"

    def python(self, run):
        return Command((self.call.python,), {**self.variables(run.job), **run.launch.environ})

    def written(self, run):
        record = run.recording.record
        return [*super().written(run), *([] if record and record.point else ["."])]

    def variables(self, job):
        """name -> value of the variables that the file sets itself."""
        return {name: value for name, value in job_variables(self.project, job).items()
                if value is not None}


class OnEngine(Runner):
    """This machine's engine: a container of the project's image, mapped folders mounted."""
    row, endpoint = "engine", property(lambda self: self.engine.endpoint)

    def __init__(self, call, project, engine):
        super().__init__(call, project, [
            *(Variable(name, None) for name in call.network.variables),
            *(Variable(name, path) for *_, path, names in call.files for name in names)])
        self.engine, self.lent_files = engine, [pair for _, *pair in self.loan.files]

    @classmethod
    def plan_at(cls, call, project, host):
        engine = yield from plan_engine(call, host.engine)
        return (cls if engine.is_local else OnOtherEngine)(call, project, engine)

    @classmethod
    def plan_answers(cls, call, host):
        yield from (yield from plan_engine(call, host.engine)).plan_check(limit=LIMIT, apart=True)

    def launch(self, job, argv):
        return Launch(expanding_argv(argv))

    # -- The life of a container

    def plan_run(self, run):
        """Keep what Docker's command line would take for its own in a file that only we read."""
        job = run.launch.job(run.job)
        variables = variables_file(self.project, job, self.call.environ)
        if not variables or self.call.confined:     # a snap does not see that file
            words = each("--env", map(Secret, variables.split("\n")[:-1]))
            return (yield from self.plan_attempts(run, words))
        folder = yield Scratch(self.call.token)
        path = os.path.join(folder, "variables")
        try:
            yield File(path, variables.encode("utf-8", "surrogateescape"),
                       instead="printf %s ..." * isinstance(variables, Secret))
            return (yield from self.plan_attempts(run, ("--env-file", path)))
        finally:
            yield Remove(folder)

    def plan_attempts(self, run, words):
        """Build the image again if another call has removed it since its build; take a name of its
        own if another run of the job has the plain one.
        """
        if words:
            run = run._replace(launch=run.launch._replace(words=(*run.launch.words, *words)))
        try:
            return (yield from super().plan_run(run))
        except NameTaken:
            token = run.recording.record.name
            return (yield from super().plan_run(run._replace(
                name=self.project.container(run.job, token))))
        except NoImage:
            if self.call.skip_build or run.image:
                raise
        yield Note("its image is gone, so it is built again")
        return (yield from super().plan_run(run))

    def told(self, run):
        return super().told(run, INSIDE, Mapping(f"{run.recording.folder}/shared:{INSIDE}"))

    def prepare(self, run):
        job = run.launch.job(run.job)
        job = job._replace(mappings=self.mappings(job))
        words = (*component_words(self.project, "run_words", job), *run.launch.words)
        if run.detached and run.recording.record:
            others = [one for one in Runs().going() if one.name != run.recording.record.name]
            yield from plan_updated(self.call, self.project, [      # so that their names are free
                one for one in others if one.detached])
        own = Image(self.engine, self.project, run.job)
        image = run.image or (yield from own.plan_ready())
        yield from super().prepare(run)
        if run.detached and run.launch.first:
            yield from self.plan_first(run, image)
        run = run._replace(
            job=job, launch=run.launch._replace(words=words), image=image,
            name=run.name or self.project.container(job, "" if run.detached else self.call.token),
            first=self.unknown(run.job),
            user=(yield from self.engine.plan_user(self.project, job)),
            taken=(yield from self.plan_taken(job)))
        files = [*(yield from self.plan_accounts(run, own.recipe)), *self.lent_files]
        run = run._replace(files=files, copies=self.copies(job, files))
        if run.detached and run.resources.time:
            argv = ("sh", "-c", template_bytes("image", "alone.sh").decode(),
                    str(run.resources.seconds), str(LAST_WORDS))
            run = run._replace(launch=run.launch._replace(argv=(*argv, *run.launch.argv)))
        if run.copies or run.serve:
            yield from self.plan_create(run)
        return run

    def plan_image(self, job):
        return (yield from Image(self.engine, self.project, job).plan_ready())

    def plan_first(self, run, image):
        """What has to end well in a container before a detached job; it says why it failed."""
        job = run.job._replace(mode="i", ports=())
        launch = run.launch._replace(argv=run.launch.first, first=())
        status = yield from super().plan_run(run._replace(
            job=job, launch=launch, image=image, name="", recording=UNRECORDED))
        if status:
            raise Refused(status)

    def unknown(self, job):
        """The file that says that it is known what the job writes; "" if so, or if it goes on."""
        key = os.path.abspath(self.project.folder), job.name, job.source, *job.mappings
        path = Cache(self.call).path("wrote", *key) if job.source and job.mode != "d" else ""
        return path if os.access(os.path.dirname(path), os.W_OK) and not (
            look(path) or self.call.dry_run or os.name == "nt") else ""

    def plan_taken(self, job):
        """The project's ports that another of its jobs has published: one is enough for them."""
        busy = [port for port in self.project.ports if self.engine.is_local
                and port not in job.ports and free_port(host_port(port)) != host_port(port)]
        if not busy:
            return ()
        own = "label=skelebot.project=" + self.project.name
        told = yield self.engine.ask("ps", "--filter", own, "--format", "{{.Names}} {{.Ports}}")
        lines = [(line.partition(" ")[0], port) for port in busy
                 for line in told.output.split("\n") if f":{host_port(port)}->" in line]
        for name, port in lines:
            yield Note(f"port {host_port(port)} belongs to {name}, which is running: {job.name} "
                       "starts without it")
        return tuple(port for _, port in lines)

    def plan_accounts(self, run, recipe):
        """The files that give the job's user a name, without those that the job maps itself."""
        engine, image = self.engine, run.image
        if not engine.has_daemon or not run.user:
            return ()
        key = (recipe.bases, recipe.text) if recipe else (
            yield from engine.plan_image_ids((image,)))
        home = job_variables(self.project, run.job).get("HOME")
        mapped = [os.path.normpath(one.target) for one in run.job.mappings]
        accounts = (yield from engine.plan_accounts(image, key, home or "/tmp")) if all(key) else ()
        return [pair for pair in accounts if pair[1] not in mapped]

    def plan_create(self, run):
        ends = self.engine.ends(run)
        create = Command(self.container_argv(("create", *self.fleeting(run)[:run.detached]), run),
                         job_variables(self.project, run.job, False), kept=True,
                         stop=() if run.detached else ends)
        if run.detached:                # under that name there may be another one
            return self.check_started(run, (yield create))
        try:
            yield from plan_must(create)
        except BaseException:
            yield Command(ends[-1], kept=True)
            raise

    def start(self, run):
        for copy in run.copies:
            yield from plan_must(self.engine.copy_in(run.name, copy))
        if run.serve or (run.detached and run.copies):
            self.check_started(run, (yield Command(self.engine.start(run.name), kept=True)))
        elif run.detached:
            begun = yield Command(
                self.container_argv(("run", *self.fleeting(run), "--detach"), run),
                job_variables(self.project, run.job, False), kept=True)
            if begun.status and not self.fleeting(run):     # one that runs is another's, and stays
                yield Command((*self.engine.argv, "rm", "--volumes", run.name), kept=True)
            self.check_started(run, begun)

    @staticmethod
    def fleeting(run):
        """Whether the container goes when it ends; else its end is recorded first."""
        return () if run.detached and run.recording.record else ("--rm",)

    def leave(self, run):
        """Let a detached job go on; one that ends within a second is recorded."""
        record = run.recording.record
        if not record:
            yield Answer(run.name)
            return 0
        ended = yield Command((*self.engine.argv, "wait", run.name), kept=True, limit=EARLY)
        if ended != UNANSWERED:
            status = (yield from self.plan_ends([record])).get(record.name)
            record = run.recording.record = yield from self.plan_collect(record, status)
        status = -1 if ended == UNANSWERED else record.status or 0
        if status < 1:
            yield Answer(run.name)
        return (yield from plan_left(record, status))

    def follow(self, run):
        if run.serve:
            return (yield from self.plan_serve(run))
        ends, argv, folder = self.engine.ends(run), self.engine.argv, self.logged(run)
        orphan = self.orphan(run)
        runs = 'TIME=$1; shift; "$@" kill --signal CONT "$0" && "$@" stop --time "$TIME" "$0"'
        ends = (("sh", "-c", runs, run.name, ends[0][-2], *argv) if orphan else ends[0], *ends[1:])
        outcome = yield from self.plan_timed(run, Command(
            self.engine.start(run.name, "--attach", "--interactive"), run=folder, log=True,
            stop=(ends[0], (*argv, "kill", run.name))) if run.copies else Command(
            self.container_argv(("run", *(() if orphan else ("--rm",))), run), beside=orphan,
            stays=True, environ=job_variables(self.project, run.job, False), stop=ends, run=folder,
            log=True))
        if outcome.status == NOT_RUN and not run.copies:
            yield from self.plan_check(run)
        if run.first:
            yield from self.plan_wrote(run, outcome.status)
        return outcome.status

    def logged(self, run):
        """The folder for its log; a job at a terminal has it for itself."""
        return "" if run.job.mode == "it" and self.call.terminal else run.recording.folder

    def plan_check(self, run):
        """Raise a fault if the engine is lost, or the image is gone."""
        try:
            yield from self.engine.plan_check_image(run.image)
        except NoImage:
            raise
        except SkelebotError as fault:
            stop = shell_line([*self.engine.argv, "stop", run.name])
            raise SkelebotError(fault.message, f"{fault.hint}; if its container still runs, "
                                f"{stop} ends it" if image_id(run.image) else fault.hint)

    def plan_wrote(self, run, status):
        """Say what it wrote that is gone with its container."""
        try:
            told = yield self.engine.ask("diff", run.name)
        except SkelebotError:           # it is more than can be taken
            return
        targets = [one.target.rstrip("/") for one in run.job.mappings]
        paths = dict(line.partition(" ")[::-2] for line in told.output.splitlines())
        folders = {above for path in (*paths, *targets) for above in ancestors(path)}
        names = [re.sub("^/app/", "", path) for path, kind in sorted(paths.items())
                 if kind in "AC" and re.match(WANTED, path)
                 and path not in folders and not is_below(path, targets)]
        own = sorted({posixpath.dirname(name) + "/" if "/" in name else name for name in names
                      if name[0] != "/" and ("/" in name or look(name))})
        if names:
            shown = listed(names, most=3)
            remedy = f"add mappings: [{', '.join(own[:3])}]" if own else "let it write to a mapping"
            yield Note(f"{run.job.name} wrote {shown}, gone with its container: {remedy}"
                       + ", or use --live" * self.engine.is_local)
        if names or not status and not told.status:
            yield from Cache(self.call).plan_keep(run.first, b"")

    def plan_serve(self, run):
        """A server, until it ends or is stopped; what it says goes to stderr."""
        yield from run.serve(run)
        logs = (*self.engine.argv, "logs", "--follow", "--tail", "0", run.name)
        if (yield from self.plan_timed(run, Command(logs, aside=True))) == UNANSWERED:
            return UNANSWERED.status
        ended = yield Command((*self.engine.argv, "wait", run.name), kept=True)
        return int(ended.output) if re.fullmatch(r"[0-9]{1,3}\s*", ended.output) else ended.status

    def container_argv(self, verb, run, absent=("--pull", "never")):
        """`docker run`, or `docker create` with empty volumes at the targets of what is copied in.

        absent  by default, an image that does not exist is looked for in no registry
        """
        job, project, copied = run.job, self.project, {copy.target for copy in run.copies}
        return (
            *self.engine.argv, *verb, *absent, "--init", "--name", run.name,
            *each("--label", ["skelebot.project=" + project.name, "skelebot.job=" + job.name,
                              *map("skelebot.run={0.name}".format, run.recording.records)]),
            *(() if job.mode == "d" else ("--interactive",)),
            *(("--tty",) if job.mode == "it" and self.call.terminal else ()),
            *run.user,
            *self.engine.resource_words(run.resources, project.gpu),
            *each("--publish", [port for port in (*project.ports, *job.ports)
                                if port not in run.taken]),
            *variable_words(project, job),
            *(("--entrypoint", "") if project.primaryExe == "ENTRYPOINT" else ()),
            *each("--mount", [csv_row("type=volume", "target=" + copy.target, "volume-nocopy")
                              for copy in run.copies if copy.folder]),
            *(word for mapping in job.mappings if mapping.target not in copied
              for word in mount_words(mapping, project.folder, self.call.home)),
            *each("--mount", [csv_row("type=bind", "source=" + path, "target=" + target, "readonly")
                              for path, target in run.files if target not in copied]),
            *project.docker, *job.docker, *run.launch.words, run.image, *run.launch.argv,
        )

    def check_started(self, run, outcome):
        """The container of a detached job, or of a server, was made and runs."""
        if not outcome.status:
            return
        if re.search(NO_IMAGE, outcome.errors):
            raise NoImage(f"there is no image {run.image}", "leave -s out, so that it is built")
        if re.search(r"name \S+ is already in use", outcome.errors):
            raise (NameTaken if run.recording.record else SkelebotError)(
                f"{run.job.name} is running already, as the container {run.name}",
                                f"{shell_line([*self.engine.argv, 'stop', run.name])} ends it")
        kind = PortTaken if run.serve and re.search(PORT_TAKEN, outcome.errors) else SkelebotError
        raise kind(f"{run.job.name} was not started: {last_line(outcome.errors)}",
                   refusal_hint(outcome.errors, "the engine's message says what is missing"))

    def why(self, run, status):
        if status > 128 or run.resources.memory and status not in (124, *NOT_BEGUN):
            return (yield from self.plan_events(run)) or (      # podman tells nothing of its memory
                (yield from super().why(run, status)) if self.engine.is_local else "")
        if status in NOT_BEGUN:
            for owner in (self.project, run.job):
                self.check_ports(self.engine, owner, run.taken)
            gpus = self.engine.gpu_words(run.resources.gpus or ("all" if self.project.gpu else ""))
            probe = (*self.engine.argv, "run", "--rm", "--pull", "never", *gpus, "--entrypoint",
                     "true", run.image)
            told = (yield Command(probe, kept=True)) if gpus else Outcome()
            if told.status:
                return refusal_hint(told.errors, "")
        lost = status == NOT_RUN or run.copies and status == 1
        state = (yield self.engine.ask("inspect", "--format", "{{.State.Running}}", run.name)
                 ) if lost else Outcome()
        if state.output.strip() == "true":
            show, stop = (shell_line([*self.engine.argv, *words, run.name])
                          for words in (["logs", "--follow"], ["stop"]))
            return f"the connection broke, and the job goes on: {show} shows it, {stop} ends it"
        may_lack = not self.call.live and status in (1, 2, 126)
        return (yield from self.plan_refused(run)) if may_lack else ""

    @staticmethod
    def check_ports(engine, owner, taken=()):
        """Raise a fault if a port that a job, or the project, publishes is in use here."""
        for port in owner.ports if engine.is_local else ():
            number, free = host_port(port), free_port(host_port(port))
            if free != number and port not in taken:
                raise owner.places["ports"].fault(
                    f"port {number} is in use", "stop what listens there, or take "
                    + port.replace(str(number), str(free), 1))

    def plan_events(self, run):
        """What an engine's events tell of the end of a container that is removed already."""
        engine, now = self.engine, f"{time.time():.3f}"
        told = yield engine.ask("events", *engine.past_events, "--until", now, "--filter",
                                "container=" + run.name, "--format", engine.event)
        lines = told.output.split("\n")
        if "oom " in lines or "oom" in lines:
            return NO_MEMORY
        ended = [line.partition(" ")[2] for line in lines if line.startswith("kill ")]
        return f"{SOMEBODY} with signal {ended[-1]}" if ended else ""

    def plan_refused(self, run):
        """What its user may not do there, unless all is as we build it, in words; or ""."""
        named, own = self.engine.inspect("{{.Config.User}}", run.image), self.project.dockerfile
        name = own if run.user else (yield named).output.strip()
        ended = (yield self.engine.ask(
            "run", "--rm", "--pull", "never", *run.user, "--entrypoint", "sh", run.image, "-c",
            'test -w . && test -r "${0:-.}"', run.job.source.script)) if name else Outcome()
        return "" if ended.status != 1 else (
            "it runs as you, who may not read or write all: write RUN chmod -R a+rwX /app at the "
            f"end of {own}" if run.user else f"it runs as {name}, who may not write there: write "
            "user: host, and add what it writes to mappings")

    @property
    def lacking(self):
        if self.project.dockerfile or "Python" not in self.project.language:
            return f"its image lacks: {self.project.dockerfile or 'commands'} can install {{0}}"
        return "its image lacks: " + ("leave -s out, or " if self.call.skip_build else "") + (
            "add {0} to dependencies")

    def python(self, run):
        project, job = self.project, run.job
        live = mount_words(Mapping(".:/app"), project.folder, self.call.home)
        return Command((*self.engine.argv, "run", "--rm", "--pull", "never", "--entrypoint",
                        "python", *variable_words(project, job), *(live if self.call.live else ()),
                        run.image), job_variables(project, job, False))

    def bring_back(self, run):
        if run.serve:
            yield Command(self.engine.stop(run), kept=True)
        return (yield from self.plan_fetch(run.name, run.copies))

    def clean_up(self, run, lost):
        remove = self.engine.remove(run.name)
        if lost and any(copy.returns for copy in run.copies):
            yield Note(f"the container {run.name} stays, for `docker cp`; {shell_line(remove)} "
                       "removes it")
        elif run.copies or run.serve or run.first:
            yield removal_by(remove)._replace(beside=self.orphan(run))

    def orphan(self, run):
        """What removes its container if we are killed; () where the engine does, or it stays."""
        script = template_bytes("image", "orphan.sh").decode()
        return ("sh", "-c", script, run.name, *self.engine.argv) if (
            run.first and not run.copies) else ()

    # -- What another machine does in other ways

    def plan_notes(self, run):
        job, ignores = run.job, self.ignores(run.job)
        own = [in_container(one, ignores) for one in job.mappings if self.is_here(one)]
        links = unseen_links(own, self.call.home, ignores, not self.engine.is_local)
        kind, _, count = run.resources.gpus.rpartition(":")
        if kind and not self.schedules:
            yield Note(f"an engine cannot choose GPUs by kind: {job.name} gets {count} of any kind")
        if links:
            path, text = links[0]
            more = f" (and {len(links) - 1} more)" if links[1:] else ""
            yield Note(f"{path} leads to {text}, which {job.name} will not see{more}: map that "
                       "place too, or put the files into the mapped folder")

    def mappings(self, job):
        """The job's mappings; with --live the project's folder over its copy, below them."""
        mapped = any(os.path.normpath(mapping.target) == "/app" for mapping in job.mappings)
        return (Mapping(".:/app"), *job.mappings) if self.call.live and not mapped else job.mappings

    def ignores(self, job):
        """What reads, once, which files the job's image has not."""
        return functools.lru_cache(1)(lambda: Ignores("\n".join(
            [(read_bytes(".dockerignore") or b"").decode("utf-8", "replace"),
             *self.project.ignores, *job.ignores])))

    def copies(self, job, files=()):
        """The Copy of each mapping, and of each of the Run's files, that travels."""
        return ()

    # -- What became of a container that nobody follows

    def plan_lost_sight(self, run, status=NOT_RUN):
        record = run.recording.record
        if not (record and record.container and record.goes_on) or status not in (1, NOT_RUN):
            return False
        if status == 1 and self.engine.is_local or record.name in (
                yield from self.plan_ends([record])):
            return False
        run.recording.record = yield KeepRun(record._replace(detached=True))
        yield Note(f"the connection broke, and run {record.name} may go on: skelebot wait "
                   f"{record.name} takes it up again, skelebot stop {record.name} ends it")
        return True

    def plan_ends(self, records):
        names = [record.container for record in records if record.container]
        form = "{{.Name}} {{.State.Status}} {{.State.ExitCode}}"
        told = (yield self.engine.ask("inspect", "--type", "container", "--format", form, *names)
                ) if names else Outcome()
        if told.status and not re.search(r"(?i)no (?:such )?(?:container|object)", told.errors):
            yield Note(f"how runs are on {self.engine.endpoint or 'this engine'} cannot be told: "
                       + last_line(told.errors))
            return {}
        rows = (line.lstrip("/").split() for line in told.output.splitlines())
        states = {row[0]: (row[1], int(row[2])) for row in rows if len(row) == 3}
        ends = {record.name: states.get(record.container, ("exited", None)) for record in records}
        return {name: NOT_RUN if state == "created" else status
                for name, (state, status) in ends.items()
                if state in ("created", "exited", "dead", "stopped", "removing")}

    def plan_collect(self, record, status, back=True, **ending):
        copies, begun = self.returning(record), time.time()
        if record.detached and record.goes_on and status is not None:
            yield Command(self.log_argv(record.container), kept=True, log=True, run=record.folder)
        if copies and back and status is not None:
            back = not (yield from self.plan_fetch(record.container, copies))
        if copies and back and status is not None and not record.goes_on:   # it was recorded before
            record = yield KeepRun(record._replace(outputs=written_since(
                self.written(Run(self.job_of(record), Launch(()))), begun - 0.05)))
        record = yield from super().plan_collect(record, status, back, **ending)
        if status is not None and (back or not copies):
            yield Command(self.removal(record.container), kept=True)
        return record

    def log_argv(self, name):
        return (*self.engine.argv, "logs", name)

    def removal(self, name):
        return self.engine.remove(name)

    def plan_fetch(self, name, copies):
        """Bring back what returns; returns 1, after a note, if something is missing, else 0."""
        lost = 0
        for copy in copies:
            outcome = (yield self.engine.copy_back(name, copy)) if copy.returns else Outcome()
            if outcome.status:
                lost = 1
                yield Note(f"{copy.source} was not copied back: {last_line(outcome.errors)}")
            elif copy.returns and not copy.folder and os.path.islink(copy.source):
                yield Remove(copy.source)       # the next run would follow it, and write there
                yield Note(f"{copy.source}: the job put a link in its place, which is not kept")
        return lost

    def returning(self, record):
        """The Copy of each mapping that comes back from its container."""
        return ()

    lost_words = "its container is gone, and nobody has seen how it ended"

    def plan_watch(self, record, follow=True):
        yield Command((*self.engine.argv, "logs", *["--follow"] * follow, record.container))

    def plan_stop(self, record):
        run = Run(self.job_of(record), Launch(()), name=record.container,
                  resources=Resources(time=record.resources.get("time", "")))
        for argv in self.engine.ends(run)[:-1]:
            yield Command(argv, kept=True)


class PortTaken(SkelebotError):
    """A port that the job publishes is in use."""


class NameTaken(SkelebotError):
    """The name of a container is in use."""


PORT_TAKEN = (r"(?i)port is already allocated|address already in use|ports are not available"
              r"|port is in use")
NO_IMAGE = r"(?i)no such image|unable to find image|image not known"
# What somebody may want to keep, unless it is in a hidden folder, or else comes by itself.
WANTED = r"/(?:app|root|home/[^/]+)/(?!(?:.*/)?(?:\.|__pycache__/)|.*\.(?:pyc|lock|log|pid|tmp)$)"


def host_port(port):
    """The number of the port of this machine, as in 127.0.0.1:8080:80; 0 if it is none or many."""
    match = re.match(r"(?:[\d.]*:|\[[^]]*\]:)?(\d+):\d+(?:/tcp)?$", port)
    return int(match.group(1)) if match else 0


def unseen_links(mappings, home, ignores, travel):
    """(path, what it names) of the links in mapped folders that lead nowhere in the container.

    travel  whether the folders travel: then links that lead out of them do not come along
    """
    unseen, targets = [], [posixpath.normpath(one.target) for one in mappings]
    for mapping in mappings:
        source = host_path(mapping.source, "", home)
        for path, text in links_in(source) if look(source) == "folder" else ():
            own = posixpath.join(mapping.target, os.path.relpath(os.path.dirname(path), source))
            end = posixpath.normpath(posixpath.join(own, text))
            inner = posixpath.relpath(end, "/app")
            copied = inner[:2] != ".." and look(inner) and not ignores().ignores(inner)
            if travel and leads_out(posixpath.join(own, "link"), text, mapping.target):
                unseen.append((path, text))
            elif not copied and not any(is_relative_to(end, target) for target in targets) and (
                    not re.match(r"/(?:usr|etc|s?bin|lib\w*|opt|dev|proc|sys)/", end)):
                unseen.append((path, text))
    return unseen


def leads_out(path, text, top):
    """Whether a link leads out of the folder that it is in, by ../ of its text."""
    end = posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
    return not text.startswith("/") and not is_relative_to(end, posixpath.normpath(top))


def in_container(mapping, ignores):
    """The mapping at the place where a link leads that the image has at its target."""
    path = posixpath.relpath(mapping.target, "/app")
    end = end_of_link(path)
    if end == path or path[:2] == ".." or ignores().ignores(path):
        return mapping
    inner = os.path.relpath(end, os.path.realpath("."))
    target = posixpath.normpath(posixpath.join(
        "/app", inner if inner[:2] != ".." else posixpath.join(path, "..", os.readlink(path))))
    return Mapping(":".join(filter(None, [mapping.source, target, ",".join(mapping.options)])))


class OnOtherEngine(OnEngine):
    """Another machine's engine: mapped folders of project and home travel there and back."""

    where = OnEngine.endpoint

    def told(self, run):
        """What the job says of itself travels only where something does anyway, or is expected."""
        shared = run.recording.is_shared(self.project)
        return super().told(run) if shared else Runner.told(self, run)

    def prepare(self, run):
        self.check(run)
        for mapping in itertools.filterfalse(self.is_here, run.job.mappings):
            yield Note(f"{mapping.source} is mapped from {self.where}, not from this machine")
        return (yield from super().prepare(run))

    def check(self, run):
        """Raise a fault if the job cannot run there."""
        giving = [mapping for mapping in run.job.mappings
                  if self.is_here(mapping) and "ro" not in mapping.options]
        if run.detached and giving and not run.recording.record:
            raise run.job.places["mappings"].fault(
                f"a detached job on {self.where} cannot give {giving[0].source} back",
                "use mode: i, map it as :ro, or an absolute path of that machine")

    def mappings(self, job):
        mappings = super().mappings(job)
        if mappings != job.mappings:
            raise SkelebotError(f"--live cannot map this machine's folder on {self.where}",
                                "leave --live out: the image has a copy")
        ignores = self.ignores(job)     # Docker copies no folder over a link
        return tuple(in_container(one, ignores) if self.is_here(one) else one for one in mappings)

    def returning(self, record):
        shared = Mapping(f"{record.folder}/shared:{INSIDE}")
        job, own = self.job_of(record), Recording(record).is_shared(self.project)
        job = job._replace(mappings=(*self.mappings(job), *([shared] if own else [])))
        return [copy for copy in self.copies(job) if copy.returns]

    def copies(self, job, files=()):
        rows = ((end_of_link(host_path(one.source, "", self.call.home)), one)
                for one in job.mappings if self.is_here(one))
        return (*(Copy(source, one.target, look(source) != "file", "ro" not in one.options)
                  for source, one in rows), *(Copy(*pair, False, False) for pair in files))

    def is_here(self, mapping):
        """A relative path, or in the home; an absolute one is that machine's own."""
        return not os.path.isabs(mapping.source)

    def plan_gpus(self, image):
        gpus = self.engine.gpu_words("all")
        told = yield self.engine.ask("run", "--rm", "--pull", "never", *gpus, "--entrypoint",
                                     "nvidia-smi", image, "-L")
        return re.findall(r"(?m)^GPU (\d+):", told.output)


# What a shell has for itself among its variables, and kubernetes/main.sh.
SHELLS_OWN = (r"(?:E?UID|PPID|_|IFS|ENV|LINENO|RANDOM|SECONDS|GROUPS|SHLVL|OPT\w+|BASH\w*"
              r"|SHELLOPTS|time|work|job|late|again|status)$")


class OnCluster(OnOtherEngine):
    """A cluster, which runs when it likes: what is mapped travels to a folder of the run there."""
    lost_words = "the cluster does not know it any more, and its exit status was not written"
    schedules, goes_on = True, False        # it goes on without us, who had to leave it
    back = False                            # all came back, though a signal came meanwhile
    ours = "SKELEBOT_(?:RUN|METRICS)"       # variables
    silent = 300        # seconds without a byte, after which a connection may be dead
    never = ("(?i)no space|wrote only|denied|not permitted|quota|read-only|forbidden|not ?found"
             "|not running|completed pod")          # of files that travel: no other try mends it

    def launch(self, job, argv):
        return super().launch(job, argv)._replace(travels=True)

    def plan_notebook(self, jupyter, run, port, lab, token):
        """Serve Jupyter there, and bring it to a port of this machine."""
        raise SkelebotError(f"Jupyter cannot be reached on {self.where}", "leave -d out")

    def variables(self, run, ours):
        """name -> value of the variables of a run that are ours, or are not, as it has them."""
        environ, own = self.call.environ, job_variables(self.project, run.launch.job(run.job))
        return {name: Secret(environ[name]) if value is None else value
                for name, value in own.items() if (value is not None or name in environ)
                and bool(re.fullmatch(self.ours, name)) is ours}

    def exports(self, run):
        """A script for a shell with a run's variables that are not ours: everybody sees an argv."""
        hidden, quote, lines = self.call.dry_run, shlex.quote, []
        for name, value in self.variables(run, False).items():
            value = "..." if hidden and isinstance(value, Secret) else value
            plain = re.fullmatch(r"(?a)[A-Za-z_]\w*", name) and not re.match(SHELLS_OWN, name)
            lines.append(f"export {name}={quote(value)}" if plain else
                         f"set -- env {quote(name + '=' + value)} \"$@\"")
        return "\n".join(lines)

    plan_run = Runner.plan_run

    def plan_mapped(self, run):
        """The Run with its job as it is there, and what it is lent; what is mapped exists then."""
        job = run.launch.job(run.job)
        run = run._replace(job=job._replace(mappings=self.mappings(job)))
        self.check(run)
        self.lent_files += run.launch.lent
        return (yield from Runner.prepare(self, run))

    def check(self, run):
        super().check(run)
        if not (run.job.source or run.serve):
            raise SkelebotError(f"{self.where} has no terminal for {run.job.name}",
                                f"this machine has one: skelebot -d local {run.job.name}")

    def plan_send(self, name, copies, left_out=""):
        """Let what travels be there, whole."""
        work, doing = self.work(name), "what is mapped was not sent"
        for copy in copies:
            outcome = yield from self.plan_carried(
                ("give.sh", "receive.sh"), ("sh",), name, work + ".new",
                packed=(copy.source, archived(copy), *(() if copy.folder else ("file",))),
                left_out=left_out if copy.source == "." else "")
            if outcome.status:
                raise self.fault(outcome.errors, doing)
        yield from self.plan_there(doing, name, "sh", "-c", 'mkdir -p "$0" && mv "$0" "$1"',
                                   work + ".new", work, limit=self.silent)

    def leave(self, run):
        yield Answer(run.name)
        return (yield from plan_left(run.recording.record, -1)) if run.recording.record else 0

    def bring_back(self, run):
        again = not isinstance(sys.exc_info()[1], (KeyboardInterrupt, Stopped))
        try:
            return 0 if self.goes_on else (yield from self.plan_fetch(run.name, run.copies))
        except (KeyboardInterrupt, Stopped):    # the first of them ends no more than the run
            if again:
                self.back = not (yield from self.plan_fetch(run.name, run.copies))
            raise

    def plan_fetch(self, name, copies):
        copies = [copy for copy in copies if copy.returns]
        if not copies:
            return 0
        folder = yield Scratch(self.call.token, "cluster-" + name)
        try:
            outcome = yield from self.plan_carried(
                ("take.sh", "send.sh"), (folder,), name, self.work(name), *map(archived, copies),
                limit=COPYING)
            for copy in copies if outcome.output or not outcome.status else ():
                new = os.path.join(folder, "new", archived(copy))
                if self.call.dry_run or look(new):
                    yield Merge(new, copy.source, copy.folder)
        finally:
            yield Remove(folder)
        if outcome.status:
            doing = f"{listed(copy.source for copy in copies)}: not all was copied back"
            yield Note(self.fault(outcome.errors, doing).message)
        return int(outcome.status > 0)

    def plan_carried(self, script, words, name, *rest, **more):
        """The Outcome of a command by which files travel; one that was cut is tried again."""
        here, there, patient = (template_bytes("cluster", one).decode()
                                for one in (*script, "patient.py"))
        argv = ("sh", "-c", here, *words, sys.executable, "-IS", "-c", patient,
                str(self.silent), *self.there(name, "sh", "-c", there, "sh", *rest))
        for again in (4, 3, 2, 1, 0):
            outcome = yield Command(argv, kept=True, **more)
            if not again or not outcome.status or re.search(self.never, outcome.errors):
                return outcome
            yield Note(f"files did not travel whole, so again: {last_line(outcome.errors)}")
            yield Wait(Command(self.there(name, "true"), kept=True), READY, self.never)

    def plan_there(self, doing, name, *words, **more):
        """The Outcome of what has to succeed there."""
        outcome = yield Command(self.there(name, *words), kept=True, **more)
        if outcome.status:
            raise self.fault(outcome.errors + outcome.output, doing)
        return outcome

    def fault(self, said, doing):
        """The SkelebotError for what a program of the cluster has said, as `failures` has it."""
        for pattern, message, hint in template_rows(self.row, "failures"):
            match = re.search(pattern, said)
            if match:
                return SkelebotError(f"{doing}: {match.expand(message)}", match.expand(hint))
        return SkelebotError(f"{doing}: {last_line(said)}", f"{self.where} has said this, and "
                             "knows what it means")

    def there(self, name, *words):
        """The argv by which words are run there, for the run of that name."""
        raise NotImplementedError

    def work(self, name):
        """The folder there of what travels: a Copy lies in it at its target."""
        raise NotImplementedError

    def plan_gpus(self, image):
        yield from ()
        return []                       # the cluster counts them

    def plan_collect(self, record, *rest, **ending):
        """Of two calls that do it at once the second has nothing left to do."""
        lock = yield Hold(record.folder)
        try:
            now = Runs().read_again(record)
            if record.goes_on and not now.goes_on:
                return (yield KeepRun(now._replace(**ending)))
            return (yield from super().plan_collect(record, *rest, **ending))
        finally:
            yield Release(lock)


SlurmLogin = scalar_class("a login node, as ssh takes it", "for example ada@login.lab",
                          r"(?!(?:[^\s/]*@)?-)[^\s/]+")


SlurmOption = scalar_class(
    "an option for sbatch that leaves its output, array, folder and waiting to skelebot",
    "for example --exclusive",
    r"(?!-[oaDW]|--(?:ou|ar|ch|te|wait(?![\w-])))[^\n]+")       # also what getopt completes


class SlurmHost(Record):
    """A Slurm cluster: its login node, "" for this machine; a folder there; words for sbatch."""
    _bare = "login"
    login: SlurmLogin = ""
    folder: Line = ".skelebot/slurm"
    partition: Line = ""
    account: Line = ""
    qos: Line = ""
    constraint: Line = ""
    container: SlurmContainer = "apptainer"
    setup: Tuple[Text, ...] = ()
    options: Tuple[SlurmOption, ...] = ()
    places: Hidden = None
    address = property(lambda self: f"//{self.login}" * bool(self.login))

    @classmethod
    def at(cls, address):
        """That of slurm://user@login/FOLDER, or slurm: for this machine."""
        match = re.fullmatch(
            f"slurm:(?://(?P<login>{SlurmLogin.pattern})(?P<folder>/.+)?)?", address)
        if not match:
            raise usage_error(f"{shortened(address)} is no address of a Slurm cluster",
                              "slurm: is here, slurm://user@login/FOLDER is elsewhere")
        return cls(**{name: text for name, text in match.groupdict().items() if text})


class Slurm(OnCluster):
    """A batch job for each run, by sbatch: here, or on a login node that ssh reaches.

    Its folder there has `script`, `id`, `log`, `status` and, in `files`, what travels.
    """
    row, settings, runs_sweeps = "slurm", SlurmHost, True
    known, submits = ("sinfo", "--noheader"), 'ID=$(sbatch --parsable script) && echo "${ID%%;*}"'

    states = {124: "timeout", 143: "stopped", NOT_RUN: "lost", None: "lost"}
    ours = OnCluster.ours + "|KRB5CCNAME"      # a path

    where = property(lambda self: self.host.rstrip(":") or self.row.title())
    endpoint = property(lambda self: f"{self.row}:{self.slurm.address}")
    in_project = property(lambda self: self.slurm.container == "none" and not self.slurm.login)

    @classmethod
    def plan_answers(cls, call, host):
        runner = yield from cls.plan_at(call, Project("hosts"), host)
        yield from runner.plan_there(f"{runner.where} does not answer", "", *cls.known)

    @classmethod
    def plan_at(cls, call, project, host):
        runner = cls(call, project, (yield from plan_engine(call, "")))
        runner.slurm = own = getattr(host, cls.row) or cls.settings.at(host.docker)
        near = () if own.login else (call.home,)
        runner.folder, runner.reasons = os.path.join(*near, re.sub("^~/", "", own.folder)), {}
        name = hashlib.sha256(own.login.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        runner.socket = os.path.join(skelebot_home(call.environ, call.home), "ssh", name)
        if own.login and not os.path.exists(runner.socket):
            yield from runner.plan_reach()
        return runner

    def plan_reach(self):
        """Connect to the login node once for all; a connection that stays must not hold stderr."""
        yield MakeFolder(os.path.dirname(self.socket), private=True)
        said = f"{self.socket}-{self.call.token}"
        outcome = yield Command((
            "sh", "-c", 'S=$("$@" 2> "$0") && [ ! "$S" ] || '
            '{ cat "$0"; echo "${S:+stdout: $S}"; exit 1; } >&2',
            said, *self.there("", "true")), kept=True)
        yield Remove(said)
        if outcome.status:
            raise self.fault(outcome.errors, f"{self.slurm.login} is not reached")

    # -- What it runs from

    def launch(self, job, argv):
        """A machine's own Python may be called python3 alone."""
        own = self.slurm.container == "none" and argv[0] == "python"
        return super().launch(job, ("python3", *argv[1:]) if own else argv)

    def prepare(self, run):
        run = yield from self.plan_mapped(run)
        own = run.image and self.slurm.container != "none"
        image = (yield from self.plan_carry(run.image)) if own else (
            yield from self.plan_image(run.job))
        lent = [Copy(path, target, False, False) for path, target in self.lent_files]
        names = [one.name for one in run.recording.records]
        return run._replace(image=image, copies=(*self.copies(run.job), *lent), name=(
            self.project.container(run.job, "-".join([*names, self.call.token]))))

    def plan_image(self, job):
        """The id of the image, which is there then; "" where jobs have none."""
        if self.slurm.container == "none":
            return ""
        return (yield from self.plan_carry((yield from super().plan_image(job))))

    def plan_carry(self, image):
        """Let an image of this machine be there; returns its id."""
        image = (yield from self.engine.plan_image_ids((image,)))[0] or image
        ending = ".sif" if self.slurm.container == "apptainer" else ".tar"
        path = f"{self.folder}/images/{image[-64:]}{ending}"
        is_there = '[ -O "${0%/*}" ] && [ -e "$0" ] && touch "$0"'      # another's may be a trap
        there = yield Command(self.there("", "sh", "-c", is_there, path), kept=True)
        first = "\n".join(["{", *self.slurm.setup, "} < /dev/null", 'exec "$@"'])
        take = self.there("", *(("bash", "-l", "-c", first, "bash") if self.slurm.setup else ()),
                          "sh", "-c", template_bytes("slurm", "image.sh").decode(), "sh", path)
        save, pipe = (*self.engine.argv, "save", image), template_bytes("slurm", "pipe.sh").decode()
        ended = (yield Command(("sh", "-c", pipe, str(len(save)), *save, *take), quiet=True,
                               kept=True, title=f"bringing the image to {self.where}")) if (
            there.status) else there
        if there.status and ended.status:
            raise self.fault(ended.errors, f"the image did not get to {self.where}")
        return image

    def check(self, run):
        super().check(run)
        if re.match("all|device=", run.resources.gpus):
            raise SkelebotError(f"gpus: {run.resources.gpus}: Slurm counts them",
                                "write a number, or KIND:NUMBER, as in a100:2")

    def copies(self, job):
        """What travels: nothing to this machine; without an image the project as well."""
        whole = Copy(".", "/app", True, False), *super().copies(job)
        return whole[self.slurm.container != "none":] if self.slurm.login else ()

    # -- Its batch job

    def plan_notebook(self, jupyter, run, port, lab, token):
        """A server of Jupyter in a batch job; ssh brings it to a port of this machine."""
        there = 20000 + int(self.call.token, 16) % 20000
        argv = [re.sub("^--port=.*", f"--port={there}", word) for word in run.launch.argv]
        serve = functools.partial(self.plan_served, jupyter, free_port(port), there, lab, token)
        image = "" if self.slurm.container == "none" else (
            yield from jupyter.plan_image(self.engine))
        return (yield from self.plan_run(run._replace(
            serve=serve, image=image, launch=run.launch._replace(argv=tuple(argv)))))

    def start(self, run):
        job, own = run.job, lines_inside(self.project, self.project.secret_files)
        if run.copies:
            mapped = [one.source for one in run.copies if archived(one) == "app/" + one.source]
            own = [ignore_file(self.project, job)[0], *lines_inside(self.project, mapped)] if (
                self.slurm.container == "none") else own
            copies = yield from self.plan_linked(run)
            yield from self.plan_send(run.name, copies, "\n".join([*own, ".skelebot"]))
        keep = ('umask 077; mkdir -p "$0" && cd "$0" || exit 1; '
                '[ -O .. ] || { echo "${0%/*} belongs to another" >&2; exit 1; }; cat > ')
        root = self.root(run.name)
        doing = f"{job.name} was not submitted"
        variables = (str if self.call.dry_run else Secret)(self.exports(run))
        if variables:
            yield from self.plan_there(doing, "", "sh", "-c", keep + "secret", root,
                                       given=variables)
        waits = run.detached and run.recording.record and run.recording.record.point
        submit = keep + "script" + f" && {self.submits} > id" * (not waits)
        yield from self.plan_there(doing, "", "sh", "-c", submit, root,
                                   given=self.script(run))

    def plan_linked(self, run):
        """The copies to send: of what jobs only read, a sweep's first point has links there."""
        record = run.recording.record
        first = record and record.point > 1 and Runs().read(record.number, 1).container
        same = [one for one in run.copies if one.folder and one.source != "." and not one.returns]
        link = 'cd "$0" && mkdir -p "$1" && cp -al --parents -t "$@"'
        linked = (yield Command(self.there("", "sh", "-c", link, self.work(first), (
            f"../../{run.name}/files.new"), *map(archived, same)), kept=True)).status == 0 if (
                first and same) else False
        return [one for one in run.copies if not linked or one not in same]

    def script(self, run):
        """The script for sbatch, with variables and words in it, for a shell byte for byte."""
        own, took = self.slurm, run.resources
        values = {
            "job-name": run.name, "output": "log", "partition": own.partition,
            "account": own.account, "qos": own.qos, "constraint": own.constraint,
            "cpus-per-task": took.cpus and str(-int(-float(took.cpus) // 1)),
            "mem": took.memory.upper(), "gpus-per-node": took.gpus,
            "time": took.time and str(-(-took.seconds // 60))}
        options = [f"--{name}={value}" for name, value in values.items() if value]
        told, words = self.settled(run)
        return pasted("\n".join([
            "#!/bin/bash -l" if own.setup else "#!/bin/sh",
            *map("#SBATCH {}".format, map(shlex.quote, (*options, "--no-requeue", *own.options))),
            *own.setup, *(f"{name}={self.shell([text])}" for name, text in told.items()),
            f"set -- {self.shell(words)}",
            template_bytes("slurm", "job.sh").decode()]))

    def settled(self, run):
        """name -> text of what slurm/job.sh is told of a run, and the job's command there."""
        kind, argv, record = self.slurm.container, run.launch.argv, run.recording.record
        has_home = kind != "apptainer" or "HOME" in self.variables(run, False)
        values = {**({} if has_home else {"HOME": "/tmp"}), **self.variables(run, True)}
        mounts = [(self.source(one), one.target + ":ro" * ("ro" in one.options))
                  for one in run.job.mappings]
        lent = [f"files{target}:{target}:ro" for _, target in self.lent_files]
        top = record.folder + "/work" if self.in_project and record and record.point else "."
        told = {"KIND": kind, "NAME": run.name, "IMAGE": run.image[-64:],
                "GPUS": run.resources.gpus, "LIMIT": str(run.resources.seconds or ""),
                "TOP": self.source(Mapping(top + ":/app")), "MOUNTS": "\n".join(
                    [*map(":".join, mounts), *lent])}
        if kind == "none":
            told.update({"TICKET": TICKET if values.pop("KRB5CCNAME", "") else "", "METRICS": (
                values.pop("SKELEBOT_METRICS", "") and mounts[-1][0] + "/metrics.jsonl")})
        return told, ("env", *map("=".join, values.items()), *argv)

    def source(self, mapping):
        """Where a mapping is there: from the run's folder, or on this machine."""
        if self.is_here(mapping) and self.slurm.login:
            return "files" + mapping.target.rstrip("/")
        return os.path.abspath(host_path(mapping.source, "", self.call.home))

    def follow(self, run):
        served, way = bool(run.serve), ()
        try:
            yield Command(self.watch("begin", run.name), aside=True)
            way = (yield from run.serve(run)) if served else ()
            outcome = yield Command(self.log_argv(run.name, True), aside=served, log=True,
                                    run="" if served else self.logged(run))
        except (KeyboardInterrupt, Stopped):
            yield Command(self.watch("stop", run.name), kept=True, limit=LAST_WORDS + GRACE)
            raise
        finally:
            if way:
                yield Command(self.ssh("-O", "cancel", *way), kept=True)
        if outcome.status:              # a job's own, or how following it has ended
            ends = yield from self.plan_ends([RunRecord(container=run.name)])
            if "0" not in ends and outcome.status == 141:       # nobody reads it any more
                yield Command(self.watch("stop", run.name), kept=True)
            elif "0" not in ends:
                self.goes_on = True
                return NOT_RUN
            elif ends["0"] is not None:
                outcome = outcome._replace(status=ends["0"])
        if self.reasons.get("0"):
            run.recording.note(state=self.states.get(outcome.status, "failed"))
        elif outcome.status == UNANSWERED.status and run.resources.time:
            run.recording.note(state="timeout")
            yield Note(f"{run.job.name} ended after {run.resources.time}, as resources.time says")
        return outcome.status

    def plan_served(self, jupyter, port, there, lab, token, run):
        """Say where the server is, as soon as it answers; returns what ssh forwards."""
        log, begun = (f"{self.root(run.name)}/{name}" for name in ("log", "begun"))
        ended = yield Wait(Command(self.there("", "grep", f":{there}/", log), kept=True), READY,
                           GONE)
        node = (yield Command(self.there("", "cat", begun), kept=True)).output.strip()
        url, login = jupyter.url(port, lab, token), self.slurm.login
        way = ("-L", f"127.0.0.1:{port}:{node}:{there}", login) if login else ()
        tunnel = (yield Command(self.ssh("-O", "forward", *way), kept=True)) if login else ended
        if ended.status or tunnel.status:
            raise self.fault(tunnel.errors or f"its log is {log}", "Jupyter does not answer")
        yield Answer(url if login else url.replace(f"127.0.0.1:{port}", f"{node}:{there}"))
        yield Note(f"it runs on {self.where}, and has a copy of the project, which replaces this "
                   "one when Ctrl-C ends it" if login else "Ctrl-C ends it")
        return way

    def why(self, run, status):
        yield from ()
        return "the connection broke" if self.goes_on else self.reasons.get("0", "")

    def python(self, run):
        return Command(("true",)) if self.slurm.container == "none" else super().python(run)

    def clean_up(self, run, lost):
        record = run.recording.record
        if lost and not self.back:      # then wait and fetch bring it back, and remove it there
            run.recording.record = record and (yield KeepRun(record._replace(detached=True)))
            yield Note(f"what it wrote is in {self.root(run.name)} of {self.where}"
                       + (f": skelebot fetch {record.name} brings it back" if record else ""))
        elif not self.goes_on:
            yield removal_by(self.watch("remove", run.name))

    def plan_points(self, records, most):
        """Begin the points of a sweep, as one array."""
        script = template_bytes(self.row, "array.sh").decode()
        names = "\n".join(record.container for record in records)
        yield from self.plan_there("the sweep was not submitted", "", "sh", "-c", script, "sh",
                                   os.path.dirname(self.root("-")), str(most), given=names)

    def plan_of_all(self, what, records, limit=0):
        """Wait for the end of `any` of some runs, or `stop` all."""
        yield Command((*self.watch(what), "-"), kept=True, limit=limit, given="\n".join(
            self.root(record.container) for record in records))     # an argv has less room

    # -- What became of it

    def plan_ends(self, records):
        names = {record.container: record.name for record in records if record.container}
        told = (yield Command((*self.watch("ends"), "-"), given="\n".join(map(self.root, names)),
                              kept=True, looks=True)) if names else Outcome()
        if told.status:
            yield Note(f"how runs are on {self.where} cannot be told: {last_line(told.errors)}")
            return {}
        ends = {record.name: None for record in records}
        for name, status, why in re.findall(
                r"(?m)^(\S+) (\d{1,3}|goes on|gone)(?!\w):? ?(.*)$", told.output):
            if status == "goes on":
                ends.pop(names.get(name), None)
            elif name in names:         # else its shell has said something as well
                ends[names[name]] = int(status) if status != "gone" else None
                self.reasons[names[name]] = why or "its folder there is gone" * (status == "gone")
        return ends

    def plan_collect(self, record, status, back=True, **ending):
        why = self.reasons.get(record.name)
        told = {"reason": why, "state": self.states.get(status, "failed")}
        return (yield from super().plan_collect(record._replace(detached=True), status, back,
                                                **{**(told if why else {}), **ending}))

    def plan_watch(self, record, follow=True):
        if follow:
            yield Command(self.watch("begin", record.container), aside=True)
        yield Command(self.log_argv(record.container, follow))

    def log_argv(self, name, follow=False):
        return ("sh", "-c", template_bytes(self.row, "follow.sh").decode(), "sh",
                *self.watch("follow" if follow else "log", name))

    def removal(self, name):
        return self.watch("remove", name)

    def plan_stop(self, record):
        yield Command(self.watch("stop", record.container), kept=True)

    # -- How it is reached

    def watch(self, what, *names):
        """The argv of slurm/watch.sh for runs."""
        return self.there("", "sh", "-c", template_bytes(self.row, "watch.sh").decode(), "sh", what,
                          *map(self.root, names))

    def work(self, name):
        return self.root(name) + "/files"

    def root(self, name):
        """The folder of a run there."""
        return f"{self.folder}/{self.project.image}/{name}"

    def there(self, name, *words):
        login = self.slurm.login
        return self.ssh(login, self.shell(words)) if login else words

    def ssh(self, *words):
        path, odd = self.socket.replace("%", "%%"), re.search(r'["$\\\n]', self.socket)
        shared = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o",
                  f'ControlPath="{path}"') if len(path) < 90 and not odd else ()    # 108 at most
        return ("ssh", *shared, "-o", "ServerAliveInterval=20", *words)

    @staticmethod
    def shell(words):
        """Words for a shell to read, and not to be shown."""
        return " ".join(map(shlex.quote, words))


PodUser = scalar_class("auto, none or a number", "auto is 10001, none is who the cluster says",
                       "auto|none|0|[1-9][0-9]*")


class KubernetesHost(Record):
    """A namespace of a cluster, by a context of kubectl, and what a pod has there."""
    context: Line
    namespace: Line
    image: ClusterImage = "pushed"
    pullSecrets: Tuple[Line, ...] = ()
    serviceAccount: Line = ""
    nodeSelector: Tuple[Variable, ...] = ()
    tolerations: Tuple[Line, ...] = ()
    priorityClass: Line = ""
    queue: Line = ""
    user: PodUser = "auto"
    claims: Tuple[Variable, ...] = ()
    keep: Duration = Duration("10m")
    labels: Tuple[Variable, ...] = ()
    pod: Optional[dict] = None
    address = property(lambda self: f"//{self.context}/{self.namespace}")

    @classmethod
    def of(cls, address):
        """That of kubernetes://CONTEXT/NAMESPACE."""
        context, _, namespace = address.partition("://")[2].rpartition("/")
        if context and namespace:
            return cls(context, namespace)
        raise usage_error(f"expected kubernetes://CONTEXT/NAMESPACE, found {shortened(address)}",
                          "kubectl config get-contexts lists the contexts")


LENT, FILES = "/run/skelebot-variables", "/run/skelebot-files"     # in a pod
A_DAY = 24 * 3600       # seconds that an ended Job stays, unless removed; a detached one a week


class OnKubernetes(OnCluster):
    """A cluster of Kubernetes, by kubectl: a Job for each run, in whose pod `main` runs it.

    Before that `in` waits for its files, and beside it `out` keeps what it has written.
    """
    row, settings = "kubernetes", KubernetesHost
    uid, room, pushed, removed = "", "in", "", False    # `room`: where things are done there

    def __init__(self, call, project, engine, host):
        super().__init__(call, project._replace(user="host"), engine)
        self.at, self.over = host.kubernetes or KubernetesHost.of(host.docker), {}
        self.form = "go-template=" + template_bytes("kubernetes", "pods.gotemplate").decode()

    @classmethod
    def plan_at(cls, call, project, host):
        return cls(call, project, (yield from plan_engine(call, "")), host)

    @classmethod
    def plan_answers(cls, call, host):
        """Whether a Job could be made there, a pod be entered, and variables be had."""
        self = cls(call, Project("check"), Engine(call), host)
        run = Run(Job("check", Source("true")), Launch(("true",)), "check", "check")
        yield from self.plan_create(self.manifest(run), words=["--dry-run=server"])
        for what, *words in (("files", "pods", "--subresource=exec"), ("variables", "secrets")):
            told = yield self.kubectl("auth", "can-i", "create", *words)
            if told.status:
                said = f"{words[0]}\n{told.output}{told.errors}"
                raise self.fault(said, f"no {what} can travel")

    where = endpoint = property(lambda self: f"kubernetes:{self.at.address}")

    # -- The life of a Job

    def prepare(self, run):
        run = yield from self.plan_mapped(run)
        image = run.image or (yield from self.plan_image(run.job))
        above = re.sub("[._]", "-", slug(f"{self.project.image}-{run.job.name}"))[:50].strip("-")
        run = run._replace(image=image, copies=self.copies(run.job),
                           name=f"{above}-{self.call.token}")
        self.manifest(run)              # a fault of the file is one before anything is there
        return run

    def plan_notebook(self, jupyter, run, port, lab, token):
        """A server of Jupyter in a pod; kubectl brings it to a port of this machine."""
        registry, image = our_components(self.project)["registry"], (
            yield from jupyter.plan_image(self.engine))
        serve = functools.partial(self.served, jupyter, free_port(port), lab, token)
        yield Note(f"it runs on {self.where}; when it ends, its copy of the project replaces "
                   "this one: change nothing here until then")
        yield from jupyter.plan_reachable("", port)
        return (yield from self.plan_run(run._replace(serve=serve, image=image if (
            self.at.image == "loaded") else (yield from self.plan_pushed(registry, image)))))

    def start(self, run):
        texts, owner = self.lent_texts(run), "" if self.call.dry_run else "OWNER"
        yield from self.plan_create(self.manifest(run), *(
            [self.secret(run, texts, owner)] if texts else []))
        if run.copies:
            told = yield Command(self.watch("open", run.name), aside=True)
            if told.status:
                yield from self.plan_refused()
            yield from self.plan_send(run.name, run.copies, ".skelebot")

    def secret(self, run, texts, uid):
        """The Secret of a run, which goes with its Job."""
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": run.name, "uid": uid}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": run.name, "labels": self.labels(run), "ownerReferences": [owner] * bool(uid)},
            "data": {name: base64.b64encode(text).decode() for name, text in texts.items()}}

    def plan_create(self, *manifests, words=()):
        """Create a Job, and what it owns, in one go."""
        dry = self.call.dry_run
        argv = self.argv("create", f"--validate={bool(self.at.pod)}".lower(), *words, "--output",
                         "jsonpath={.metadata.uid}", "--filename", "-")
        texts = [json.dumps(one, indent=1 if dry else None) for one in manifests]
        if manifests[1:] and not dry:
            script = template_bytes("kubernetes", "create.sh").decode()
            argv, texts = ("sh", "-c", script, "create", *argv), [Secret("\n".join(texts))]
        for text in texts:              # who ends our whole group must not come between the two
            told = yield Command(argv, kept=True, given=text, apart=argv[0] == "sh")
            self.uid = self.uid or told.output.strip()
            if told.status:
                kind = manifests[-1 if self.uid else 0]["kind"]
                raise self.fault(told.errors, f"{self.where} has not taken the {kind}")

    def follow(self, run):
        end, remove = self.watch("end", run.name), self.removal(run.name)
        beside, environ = run.serve(run) if run.serve else ((), {})
        alone = not (run.copies or run.serve or self.call.dry_run)      # nothing comes back
        follow = self.watch(f"run:{os.getpid()}" if alone else "follow", run.name)
        outcome = yield Command(follow, environ, run=run.recording.folder, stop=(
            end,) if run.copies else (end, remove), beside=beside, aside=bool(beside), log=True)
        self.removed = alone and not outcome.status
        if outcome.status == NOT_RUN:
            ends = yield from self.plan_ends([RunRecord(container=run.name)])
            self.goes_on = not ends
            if NOT_RUN not in ends.values():
                yield from self.plan_refused(NOT_RUN if self.goes_on else 1)
        elif outcome.status == UNANSWERED.status and run.resources.time:
            run.recording.note(state="timeout")
            yield Note(f"{run.job.name} ended after {run.resources.time}, as resources.time says")
        elif outcome.status and run.serve:
            why = (yield from self.why(run, outcome.status)) or f"exit status {outcome.status}"
            raise SkelebotError(f"Jupyter has ended: {why}", "the lines above say more")
        return outcome.status

    def served(self, jupyter, port, lab, token, run):
        """The argv of what leads to a server, and says so when it answers; its variables."""
        script, ports = template_bytes("kubernetes", "forward.sh").decode(), (
            f"{port}:{JUPYTER_PORT}")
        return ("sh", "-c", script, run.name, jupyter.settings.address, ports, ANSWERS, *self.argv(
            )), {"URL": Secret(jupyter.url(port, lab, token))}

    def plan_refused(self, status=1):
        """What its watcher has told already; its image may be gone, so the next run pushes it."""
        yield from [Remove(self.pushed)] * bool(self.pushed)
        raise Refused(status)

    def why(self, run, status):
        told = (yield self.kubectl("get", "pods", "--selector", "job-name=" + run.name, "--output",
                                   self.form)).output
        last = Runs().last_lines(run.recording.record, 1) if run.recording.record else ()
        why = re.search(r"(?m)^(?:why|main terminated \d+) (?!Error|Completed)(\w.*)", told) or (
            re.match("(exec .*: exec format error)$", "".join(last)))
        if not told or "\ngone " in told and status > 128:
            self.never = ""             # what it has written has gone with it
            return f"{SOMEBODY}: its pod or its node is gone, as one that is drained"
        return "" if not why else (
            NO_MEMORY if "OOMKilled" in why.group(1) else
            self.fault(why.group(1).rstrip(": "), "").message[2:])

    def plan_fetch(self, name, copies):
        self.room = "out"
        return (yield from super().plan_fetch(name, copies))

    def clean_up(self, run, lost):
        gone, record = self.goes_on or self.removed, run.recording.record
        told = (yield self.kubectl("get", "pods", "--selector", "job-name=" + run.name, "--output",
                                   self.form)) if lost and record and not gone else Outcome()
        if re.search("(?m)^main terminated", told.output) and "\nout running" in told.output:
            run.recording.record = yield KeepRun(record._replace(detached=True))
            return (yield Note(f"what it wrote stays there for {self.at.keep}: skelebot fetch "
                               f"{record.name} brings it back"))
        told = Outcome() if gone else (yield removal_by(self.removal(run.name)))
        if told.status and self.uid:
            yield Note(f"{run.name} stays: {shell_line(self.removal(run.name))} removes it")

    # -- Its image

    def plan_image(self, job):
        """The name of the job's image there: with its digest, if it has to be pushed there."""
        image = Image(self.engine, self.project, job)
        if self.at.image == "loaded":
            yield from image.plan_ready()
            return image.tag + ":latest" * (":" not in image.tag)
        registry = our_components(self.project)["registry"]
        registry.check_words(self.project, Words())
        if self.call.skip_build:
            return f"{registry.image}:{self.project.version or 'latest'}"
        return (yield from self.plan_pushed(registry, (yield from image.plan_ready())))

    def plan_pushed(self, registry, own):
        """The name of an image in the registry, by its digest, once it is there."""
        registry.check_words(self.project, Words())
        cache, name = Cache(self.call), f"{registry.image}:{image_id(own)[7:19] or 'run'}"
        self.pushed = path = cache.path("pushed", registry.image, own)
        lock = None if cache.text(path) else (yield Hold("."))  # a registry may mix up two at once
        try:
            digest = cache.text(path)
            if not digest:
                registry.check_secrets((yield from registry.plan_secrets_in_image(
                    self.engine, own)) if other_ignore_file(self.project) else
                    registry.secrets_in_context())
                yield from plan_must(Command((*self.engine.argv, "tag", own, name), kept=True))
                digest = yield from registry.plan_push(self.engine, name)
                yield Command((*self.engine.argv, "rmi", name), kept=True)      # only this name
                yield from cache.plan_keep(path, digest.encode())
        finally:
            yield from [Release(lock)] * bool(lock)
        return re.sub(":[^:/]+$", "@" + digest, name) if digest else name

    # -- What a Job says

    def manifest(self, run):
        """The Job of a run, as JSON has it; with `pod` kubectl looks for what it does not know."""
        at, labels = self.at, self.labels(run)
        job = merged(json_value(template_bytes("kubernetes", "job.json")), {
            "metadata": {"name": run.name, "labels": {**labels, **(
                {"kueue.x-k8s.io/queue-name": at.queue} if at.queue else {})}},
            "spec": {"ttlSecondsAfterFinished": A_DAY * (7 if run.detached else 1),
                     **({"podFailurePolicy": None} if at.pod else {}),
                     "template": {"metadata": {"labels": labels}, "spec": self.pod(run)}}})
        return merged(job, {"spec": {"template": {"spec": at.pod or {}}}})

    def pod(self, run):
        """What the pod of its Job is, without what `pod` of the host lays over that."""
        at, keep = self.at, Resources(time=self.at.keep).seconds
        limit = run.resources.seconds
        last = limit + keep + 2 * COPYING if limit else 7 * A_DAY if run.serve else None
        volumes, mounts = self.volumes(run)
        beside = [self.container(run, name, mounts[:1], str(keep)) for name in ("in", "out")
                  if run.copies]
        main = self.container(run, "main", mounts, str(limit), *run.launch.argv)
        own = {"HOME": "/tmp", "USER": self.call.login or "skelebot", **self.variables(run, True)}
        return {
            "securityContext": {"runAsNonRoot": None if at.user == "0" else True, **(
                {} if at.user == "auto" else {
                    "runAsUser": int(at.user) if at.user.isdigit() else None})},
            "imagePullSecrets": [{"name": name} for name in at.pullSecrets],
            "serviceAccountName": at.serviceAccount or None,
            "priorityClassName": at.priorityClass or None,
            "nodeSelector": {name: value or "" for name, value in at.nodeSelector},
            "tolerations": [{"key": key.partition("=")[0], "effect": effect, **(
                {"value": key.partition("=")[2]} if "=" in key else {"operator": "Exists"})}
                for key, _, effect in (text.rpartition(":") for text in at.tolerations)],
            "activeDeadlineSeconds": last,      # nobody collects a server
            "volumes": volumes, "initContainers": beside[:1],
            "containers": [*beside[1:], {**main, "env": [
                {"name": name, "value": value} for name, value in own.items()]}]}

    def container(self, run, name, mounts, *words):
        """What does templates/kubernetes/NAME.sh; $( in words is no reference of Kubernetes."""
        script = template_bytes("kubernetes", name + ".sh").decode()
        policy = {"loaded": "Never"}.get(self.at.image, "Always")    # of a digest that asks little
        return merged(json_value(template_bytes("kubernetes", "container.json")), {
            "name": name, "image": run.image, "imagePullPolicy": policy, "volumeMounts": mounts,
            "command": [re.sub(r"\$(?=[$(])", "$$", word) for word in
                        ("sh", "-c", script, name, *words)],
            "resources": self.limits(run.resources, name),
            **({"terminationMessagePolicy": "FallbackToLogsOnError"} if name == "in" else {}),
            **({"securityContext": None} if self.at.user == "0" else {})})

    @staticmethod
    def limits(resources, name):
        """What a container may take, and is promised; `out` takes little beside `main`."""
        cpus, memory, gpus, *_ = resources
        cpus, memory = ("100m" * bool(cpus), "64Mi" * bool(memory)) if name == "out" else (
            cpus, memory and memory.upper() + "i")
        own = {"cpu": cpus, "memory": memory, "nvidia.com/gpu": gpus.rpartition(":")[2] * (
            name == "main" and gpus != "0")}
        own = {key: amount for key, amount in own.items() if amount}
        return {"requests": own, "limits": own}

    def volumes(self, run):
        """(volumes, where `main` sees them, FILES first); what is absolute is below a claim."""
        for name, path in self.at.claims:
            if not (path or "").startswith("/"):
                raise SkelebotError(f"{self.where}: claims: {name} needs an absolute path",
                                    f"for example claims: {{{name}: /data}}")
        size, claims = run.resources.shm, {posixpath.normpath(path): f"claim-{index}"
                                           for index, (_, path) in enumerate(self.at.claims)}
        volumes = {"files": run.copies and {"emptyDir": {}}, "shm": size and {"emptyDir": {
            "medium": "Memory", "sizeLimit": size.upper() + "i"}},
            "lent": self.lent_texts(run) and {"secret": {"secretName": run.name}},
            **{f"claim-{index}": {"persistentVolumeClaim": {"claimName": name}}
               for index, (name, _) in enumerate(self.at.claims)}}
        rows = [("files", FILES, ""), *(("files", copy.target, "files" + posixpath.normpath(
            copy.target)) for copy in run.copies), ("shm", "/dev/shm", ""), ("lent", LENT, ""),
            *(("lent", target, "file-%d" % index) for index, (_, target) in enumerate(
                self.lent_files)), *((name, path, "") for path, name in claims.items())]
        for one in itertools.filterfalse(self.is_here, run.job.mappings):
            above = next((path for path in claims if is_relative_to(one.source, path)), None)
            if not above:
                raise run.job.places["mappings"].fault(
                    f"{one.source} is no folder that a cluster has by itself",
                    f"claims: {{NAME: {one.source}}} of the host mounts a claim there")
            rows.append((claims[above], one.target, posixpath.relpath(one.source, above)))
        fixed = {one.target.rstrip("/") for one in run.job.mappings if "ro" in one.options}
        mounts = {path.rstrip("/"): {"name": name, "mountPath": path, **(
            {"subPath": below} if below.strip(".") else {}), "readOnly": path.rstrip("/") in fixed}
            for name, path, below in rows if volumes[name]}
        return [{"name": name, **row} for name, row in volumes.items() if row], [*mounts.values()]

    def labels(self, run):
        record = run.recording.record or RunRecord()
        own = {"project": self.project.name, "job": run.job.name, "run": record.name,
               "sweep": str(record.number)[:99 * bool(record.point)]}
        words = (*component_words(self.project, "run_words", run.job), *run.job.docker)
        said = [pair.partition("=") for flag, pair in zip(words, words[1:]) if flag == "--label"
                and re.match(r"(?a)([a-z\d.-]+/)?[^\W_]([\w.-]{,61}[^\W_])?=", pair)]
        return {**{name: self.label(text) for name, _, text in said},
                **{f"skelebot.{name}": self.label(text) for name, text in own.items()
                   if text.strip("0")}, **{name: text or "" for name, text in self.at.labels}}

    @staticmethod
    def label(text):
        """A text as a label may have it: at most 63 characters, without a sign at an end."""
        return re.sub(r"(?a)[^\w.-]+", "-", text)[:63].strip("._-")

    # -- Words and variables

    def lent_texts(self, run):
        """name -> what its Secret holds: a script with its variables; the files that it is lent."""
        hidden, script = self.call.dry_run, self.exports(run)
        texts = {f"file-{index}": b"..." if hidden else read_bytes(path) or b""
                 for index, (path, _) in enumerate(self.lent_files)}
        variables = script.encode("utf-8", "surrogateescape")
        return {**({"variables": variables} if script else {}), **texts}

    def variables(self, run, ours):
        """name -> value of the variables of a run that are ours, or are not, as it has them."""
        environ, own = self.call.environ, job_variables(self.project, run.launch.job(run.job))
        return {name: Secret(environ[name]) if value is None else value
                for name, value in own.items() if (value is not None or name in environ)
                and bool(re.fullmatch("SKELEBOT_(?:RUN|METRICS)", name)) is ours}

    # -- What became of it

    def plan_lost_sight(self, run, status=NOT_RUN):
        return self.goes_on and (yield from super().plan_lost_sight(run))

    def plan_collect(self, record, status, *rest, **ending):
        told = self.over.get(record.name)
        record = yield from super().plan_collect(       # its log is there, also after a kill
            record._replace(detached=True), status, *rest, **{**(told or {}), **ending})
        if told is not None:            # what it has not given back by now cannot be had any more
            yield Command(self.removal(record.container), kept=True)
        return record

    def plan_ends(self, records):
        told = yield self.kubectl("get", "jobs,pods", "--selector", "skelebot.project="
                                  + self.label(self.project.name), "--output", self.form)
        if told.status:
            yield Note(f"how runs are on {self.where} cannot be told: {last_line(told.errors)}")
            return {}
        ends, rows = {}, re.findall(r"(?ms)^(?:Job|Pod) (\S+) (\S+)(.*?)(?=^Job |^Pod |\Z)",
                                    told.output)
        for record in records:          # a pod may stay for a while after its Job
            there = record.container in [name for name, *_ in rows]
            pod = next((text for _, job, text in rows if there and job == record.container), "")
            end = re.search(r"(?m)^main terminated (\d+)|^phase (?:Succeeded|Failed)", pod)
            begun = not re.search("(?m)^in terminated [^0]", pod)
            if end or not there:
                ends[record.name] = int(end.group(1) or 137) if end and begun else None
            if "\nphase Succeeded" in pod or "\nphase Failed" in pod:
                self.over[record.name] = {} if begun else {
                    "reason": "skelebot was ended by force before its files were there"}
            if not there and record.pid and 0 <= time.time() - record.made < LAST_WORDS:
                yield Command(("sleep", "1"), kept=True, looks=True)    # its child may be making it
                return (yield from self.plan_ends(records))
        return ends

    def plan_watch(self, record, follow=True):
        yield Command(self.watch("follow", record.container) if follow else
                      self.log_argv(record.container))

    def log_argv(self, name):
        return self.argv("logs", "--container", "main", "job/" + name)

    def removal(self, name):
        return self.argv("delete", "job", name, "--ignore-not-found", "--wait=false")

    def plan_stop(self, record):
        yield Command(self.watch("end", record.container), kept=True)
        yield Command(self.watch("follow", record.container), kept=True, limit=2 * GRACE)

    # -- How it is reached

    def there(self, name, *words):
        return self.argv("exec", "--stdin", "job/" + name, "--container", self.room, "--", *words)

    def work(self, name):
        return FILES + "/files"

    def watch(self, what, name):
        """The argv of kubernetes/watch.py for a run."""
        texts = (template_bytes("kubernetes", file).decode() for file in ("watch.py", "failures"))
        script, failures = texts
        return (sys.executable, "-IS", "-c", script, what, name, failures, self.form,
                *self.argv())

    def kubectl(self, *words, **more):
        return Command(self.argv(*words), kept=True, **more)

    def argv(self, *words):
        return ("kubectl", "--context", self.at.context, "--namespace", self.at.namespace, *words)


def merged(below, above):
    """A value of JSON, and another laid over it: null removes, items with one `name` are one."""
    if isinstance(below, list) and isinstance(above, list):
        rows = [{one.get("mountPath", one["name"]) if isinstance(one, dict) and "name" in one else
                 (index, rows is above): one for index, one in enumerate(rows)}
                for rows in (below, above)]
        return list(merged(*rows).values())
    if not isinstance(above, dict):
        return above
    below = below if isinstance(below, dict) else {}
    over = {key: merged(below.get(key), value) for key, value in above.items()}
    return {key: value for key, value in {**below, **over}.items() if value is not None}


# kind of a host -> where it is
RUNNERS = {"docker": OnEngine, "native": Native, "kubernetes": OnKubernetes, "slurm": Slurm}
HostRecord = type("HostEntry", (HostEntry,), {**dict.fromkeys(RUNNERS, ""), "__annotations__": {
    **{name: kind.settings for name, kind in RUNNERS.items()}, **HostEntry.__annotations__}})


# -- Sweeps, as they run

class Sweeping:
    """A sweep as it runs: a process of ours for each point, so that it is a run as any other.

    children  pid -> (RunRecord, what it runs by) of those that run
    ended     the RunRecords of those that have ended
    """
    AT_ONCE = 10        # seconds in which a point that fails has failed at once

    def __init__(self, call, project, words):
        self.call, self.project, self.words, self.runs = call, project, words, Runs()
        self.job = project.job(*words.values[""][:1] or [""])
        self.number, self.sweep, self.records, self.images = 0, {}, [], {}
        self.children, self.ended, self.over, self.cluster = {}, [], False, None

    @classmethod
    def plan(cls, call, project, words):
        if not hasattr(os, "fork"):
            raise SkelebotError("a sweep needs Linux or macOS", "on Windows, use it within WSL")
        if call.detach:
            raise usage_error("--detach: a sweep does not go on by itself",
                              "leave it in the background, as in: nohup skelebot sweep ... &")
        self = cls(call._replace(terminal=False), project, words)
        typed = (yield from self.plan_again()) if words.has("failed") else self.points()
        if call.dry_run or not typed:
            yield from (Command(("skelebot", self.job.name, *one)) for one in typed.values())
            return 0 if typed else (yield Note(f"all points of run {self.number} are done"))
        if len(typed) > MOST_UNASKED and not words.has("yes") and not re.match("[yY]", (
                yield Ask(f"{len(typed)} points: run them all? (yes or no)", "no",
                          ways="--yes runs them without a question"))):
            raise SkelebotError("no point was run", "--random N draws some of them")
        places = yield from self.plan_places()
        yield from self.plan_written(typed)
        recording = Recording(self.runs.read(self.number)._replace(
            pid=0, state="running", started=time.time(), ended=0.0, status=None, reason=""))
        yield from recording.plan_keep()
        try:
            yield from self.plan_all(places)
        except BaseException as fault:
            yield EndChildren(self.children, 2 if isinstance(fault, KeyboardInterrupt) else 15)
            yield from self.plan_closed()
            yield from recording.plan_fail(fault)
            raise
        yield from self.plan_closed()
        taken = TakenUp(self.call, self.project, Words(), (str(self.number),))
        return (yield from taken.plan_told(recording)).status

    def plan_again(self):
        """The same of the points of a sweep that are not done, or else those not begun."""
        taken = TakenUp(self.call, self.project, Words(), (self.words.one("failed"),))
        record = yield from taken.plan_now(taken.named[0])
        self.call, self.project = taken.again(record)
        points = yield from plan_updated(self.call, self.project, self.runs.points(record.number))
        going = next((one for one in [record, *points] if one.goes_on), None)
        self.job, self.number = self.project.job(record.job), record.number
        self.sweep, name = record.sweep, record.name
        if self.words.has("lost") and self.job:
            yield KeepRun(record._replace(pid=0, state="running"))      # so that nobody else does
            yield Note(f"sweep {name} was killed: what it has not begun runs now; Ctrl-C ends all")
            self.words = SweepParser(self.project, COMMANDS["sweep"]).parse(record.words)
            self.images = {one.host: one.image for one in points if one.started}
            self.records = [one for one in points if one.goes_on]
            points = [one for one in points if one.state == "lost" and not one.started]
        elif going or not (record.sweep and self.job):
            raise usage_error("sweep: --failed: " + (
                f"run {going.name} has not ended" if going else f"run {name} is no sweep"
                if self.job else f"there is no job {record.job} any more"),
                "skelebot runs shows what is running" if going else "name another run")
        return {one.point: tuple(one.words) for one in points if one.state != "done"}

    def points(self):
        """The words of each point, by its number."""
        words = self.words
        rows = Points.table(words.one("from"), job_parser(self.project, self.job)) if words.has(
            "from") else ()
        points, seed = Points(self.project, words, rows), words.one("seed", self.call.token)
        seed = int(seed) if seed.lstrip("-+").isdigit() else checksum(seed)
        chosen, best = points.chosen(seed), self.job.sweep.best
        self.sweep = {"points": len(chosen), "each": points.each, "best": {
            name: getattr(best, name) for name in ("max", "min") if getattr(best, name)},
            **({"seed": seed} if words.has("random") else {})}
        return {number: points.typed(index) for number, index in enumerate(chosen, 1)}

    def plan_places(self):
        """(Call, image) of each point that may run at once, maybe with GPUs of its own."""
        places, most = [], int(self.words.one("parallel", self.job.sweep.parallel))
        for host in self.call.hosts or (self.call.host,):
            call = self.call._replace(host=host, hosts=(host,) if host else ())
            runner = yield from plan_runner(call, self.project, self.job)
            self.check_copies(runner)
            self.cluster = runner if runner.runs_sweeps else None
            image = self.images.get(runner.host) or (yield from runner.plan_image(self.job))
            count = runner.project.resources.gpus.rpartition(":")[2]
            size = int(count) if count.isdigit() else 0
            gpus = (yield from runner.plan_gpus(image)) if size else []
            groups = [gpus[end - size:end] for end in range(size, len(gpus) + 1, size or 1)]
            for group in groups[:most] if gpus else [()] * most:
                own = {"gpus": "device=" + ",".join(group)} if group else {}
                places.append((call._replace(resources=call.resources._replace(**own)), image))
        if not places:
            raise SkelebotError(f"{self.job.name} needs {count} GPUs, and there are {len(gpus)}",
                                "resources: {gpus: ...} says how many it needs")
        return places

    def check_copies(self, runner):
        """Raise a fault if each point would have a copy of too much."""
        for path in runner.copied(self.job):
            size = sum(os.lstat(os.path.join(folder, name)).st_size
                       for folder, _, names in os.walk(path) for name in names)
            if size > MOST_COPIED:
                raise self.job.places["mappings"].fault(
                    f"{path} has {shown_size(size)}, and each point would have a copy of it",
                    f"map it as {path}/:ro if the job only reads it")

    def plan_written(self, typed):
        """Write down the points, each in its folder, before the first of them begins."""
        parser = job_parser(self.project, self.job)
        for number, words in typed.items():
            one = Recording.of(self.call, self.project, self.job, parser.parse(words)).record
            if one and not self.number:
                above = yield KeepRun(one._replace(words=list(self.words.typed), values={},
                                                   typed=[], sweep=self.sweep))
                self.number = above.number if above else 0
            record = one and self.number and one._replace(number=self.number, point=number,
                                                          detached=False)
            if record and look(record.folder):
                yield Remove(record.folder)
            record = (yield KeepRun(record)) if record else None
            if not record:
                raise SkelebotError("the points of a sweep cannot be recorded", "let the project's "
                                    "folder be written to, without runs: false or SKELEBOT_RUNS=0")
            self.records.append(record)

    def plan_all(self, places):
        """Run all, as many at once as there are places, until there is a reason to stop."""
        waiting = self.records[::-1]
        self.first = min(len(waiting), max(len(places), 3))
        begun = []
        while self.children or waiting and not self.over:
            while waiting and places and not self.over:
                record = self.runs.read_again(waiting.pop())
                if record.goes_on:      # else somebody has stopped it already
                    place = places.pop(0)
                    yield Child(self.plan_point(record, *place), place[0],
                                record.folder + "/messages", self.children, (record, place))
            if self.children:
                record, place = self.children.pop((yield ChildEnded(self.children)))
                places.append(place)
                record = self.runs.read_again(record)
                if self.cluster and record.goes_on and record.started:
                    begun.append(record)
                else:
                    yield from self.plan_ended(record)
        if begun:
            yield from self.plan_on_cluster(sorted(begun, key=lambda one: one.point), len(places))

    def plan_point(self, record, call, image):
        """What its process does: the job, as it would be by itself; or to see one to its end."""
        if record.started:
            taken = TakenUp(call, self.project, Words(), (record.name,))
            try:
                return (yield from taken.plan_wait())
            except (KeyboardInterrupt, Stopped):
                yield from taken.plan_stop()
                raise
        token = f"{(int(call.token, 16) + record.point) % 2 ** 32:08x}"
        runner = yield from plan_runner(call._replace(token=token), self.project, self.job)
        mode = "d" if self.cluster else "i"
        parser, job = job_parser(self.project, self.job), self.job._replace(mode=mode)
        launch = runner.launch(job, job.argv(parser.words(parser.parse(record.words))))
        return (yield from runner.plan(Run(job, launch, image, recording=Recording(
            record._replace(pid=0), job.metrics))))

    def plan_on_cluster(self, going, most):
        """Let a cluster run the points, so many at once, and see each to its end."""
        try:
            yield from self.cluster.plan_points(going, most)
            while going and not self.over:
                yield from self.cluster.plan_of_all("any", going)
                told = yield from plan_updated(self.call, self.project, going, True)
                going = [record for record in told if record.goes_on]
                for record in told:
                    yield from () if record.goes_on else self.plan_ended(record)
        finally:
            if going:
                yield from self.cluster.plan_of_all("stop", going, LAST_WORDS + GRACE)
                yield from plan_updated(self.call, self.project, going, True)

    def plan_ended(self, record):
        """Say how a point has ended, and see whether there are to be more."""
        record = self.runs.read_again(record)
        if record.goes_on and record.started:       # its process was ended by force
            record, = yield from plan_updated(self.call, self.project, [record])
        elif record.goes_on:
            said = re.findall("(?m)^skelebot: (.*)$", self.runs.text(record, "messages"))
            record = yield from Recording(record).plan_end(1, reason="".join(said[-1:]))
        self.ended.append(record)
        yield Answer(RunCommands.line(record, self.sweep))
        self.over |= self.words.has("stop-on-failure") and record.state != "done"
        if len(self.ended) == self.first and all(
                one.state == "failed" and one.ended - (one.started or one.ended) < self.AT_ONCE
                for one in self.ended):
            self.over = True
            yield Note("all of the first points have failed at once, so no more are begun; "
                       f"{record.name} said:")
            yield from map(Note, self.runs.last_lines(record, 5) or [record.reason])

    def plan_closed(self):
        """Record the end of the points that were not begun."""
        for record in map(self.runs.read_again, self.records):
            if record.goes_on and not record.started:
                yield from Recording(record).plan_end(
                    None, state="stopped", reason="its sweep ended before it began")


# -- Runs, taken up again


class TakenUp(RunCommands):
    """What is asked of runs that may go on: wait, stop, fetch, rerun."""
    same = ('test "$(git rev-parse HEAD)" = "$1" && git diff --no-ext-diff --no-textconv '
            '--binary HEAD -- . | cmp -s - "$0"')       # as a commit and a patch have it

    def plan_wait(self):
        """Show what a run prints, to its end; returns its exit status."""
        record = yield from self.plan_now(self.named[0])
        points = yield from self.plan_points(record)
        if any(one.state == "lost" and not one.started for one in points):
            return (yield from Sweeping.plan(self.call, self.project, Words(
                {"": (), "failed": (record.name,), "lost": ("",), "yes": ("",)})))
        if record.goes_on or any(one.goes_on for one in points):
            yield from (yield from self.plan_runner(record)).plan_watch(record)
            record = yield from self.plan_now(self.runs.read_again(record))
        else:
            yield printed(self.runs.path(record, "log"), self.width)
        if record.sweep and record.state == "lost":     # it ends as its points have
            recording = Recording(record._replace(state="running", reason=""))
            record = yield from self.plan_told(recording)
        elif record.sweep:
            yield from self.plan_compare()
        if record.reason:
            yield Note(f"{record.told}: {record.reason}")
        return 1 if record.status is None else record.status

    def plan_told(self, recording):
        """The table of a sweep's points; returns its RunRecord, of status 1 if one is not done."""
        yield from self.plan_compare()
        records = self.runs.points(recording.record.number)
        failed = sum(one.state != "done" for one in records)
        reason = f"{failed} of {len(records)} points are not done" if failed else ""
        return (yield from recording.plan_end(int(failed > 0), reason=reason))

    def plan_stop(self):
        records, goes_on = list(self.named), False
        for record in records:
            record = yield from self.plan_now(record)
            records += [one for one in (yield from self.plan_points(record)) if one.goes_on]
            if not record.goes_on:
                yield Note(f"there is nothing to stop: {record.told}")
                continue
            if not record.point or record.state == "running":   # else its sweep has not begun it
                yield from (yield from self.plan_runner(record)).plan_stop(record)
            record = self.runs.read_again(record)
            if record.goes_on:
                runner = yield from self.plan_runner(record)
                ends = yield from runner.plan_ends([record])
                record = record if record.name not in ends else (yield from runner.plan_collect(
                    record, ends[record.name], state="stopped", reason="by skelebot stop"))
            goes_on = goes_on or record.goes_on
            yield Note(record.told + " still" * record.goes_on)
        return int(goes_on)

    def plan_points(self, record):
        """The points of a sweep that has ended, as they are by now."""
        ended = record.sweep and not record.goes_on and self.runs.has(record)
        points = self.runs.points(record.number) if ended else []
        return (yield from self.plan_current(points, True))

    def plan_fetch(self):
        to = self.words.one("to") and host_path(self.words.one("to"), "", self.call.home)
        record = yield from self.plan_now(self.named[0])
        if record.goes_on:
            raise SkelebotError(f"run {record.name} goes on: what it writes is not whole yet",
                                f"skelebot wait {record.name} follows it to its end")
        return (yield from Fetched(record, to).plan())

    @classmethod
    def plan_rerun(cls, call, project, words):
        typed = [one for one in words.extra if one != "--exact"]
        name = typed.pop(0) if typed and typed[0][:1] != "-" else ""
        self = cls(call, project, words, (name,))
        record = self.runs.with_commit((yield from self.plan_now(self.named[0], False)))
        if record.sweep:
            raise usage_error(f"run {record.name} is a sweep",
                              f"name a point of it, as {record.name}.1; or sweep again: "
                              + shell_line(["skelebot", "sweep", *record.words]))
        call, project = self.again(record)
        job = project.job(record.job)
        if not job:
            raise usage_error(f"{shortened(record.job)} is no job of the project any more",
                              did_you_mean(record.job, [one.name for one in project.jobs]))
        image = (yield from self.plan_exact(record)) if "--exact" in words.extra else ""
        return (yield from plan_job(call, project._replace(host=""), job._replace(host=""),
                                    self.words_again(project, job, record.words, typed), image))

    def again(self, record):
        """(Call, Project) as a run had them, but for what is typed now."""
        call, project, own = self.call, self.project, record.options
        if record.env != project.env and not call.env:
            project = read_folder(project.folder, record.env or None, project.installed)
        there = record.host or record.endpoint
        hosts = call.hosts or ((there,) if there else tuple(
            one[5:] for one in own if one[:5] == "host="))
        return call._replace(
            native=call.native or not call.hosts and "native" in (record.runner, *own),
            live=call.live or "live" in own, hosts=hosts, host=(*hosts, "")[0],
            skip_build=call.skip_build or "skip_build" in own and not call.rebuild,
            detach=call.detach or record.detached and not record.sweep, resources=call.resources
            .over([record.resources.get(name, "") for name in Resources._fields])), project

    @staticmethod
    def words_again(project, job, before, now):
        """The Words of a run, with what is typed now in their place."""
        parser, again = job_parser(project, job), job_parser(project, job)
        again.optional, again.title = len(again.args), "rerun RUN"
        before, now = parser.parse(before), again.parse(now)
        if now == Words():
            return before
        values, extra = {**before.values, **now.values}, now.extra or before.extra
        return Words(values, extra, typed=parser.typed(values, extra))

    def plan_exact(self, record):
        """The image of a run if it exists; "" where the tree is as it was; else a fault."""
        runner = yield from self.plan_runner(record)
        named = re.fullmatch(r"\w[\w.:/-]*@sha256:[0-9a-f]{64}", record.image)     # in a registry
        if named or image_id(record.image) and (
                yield from runner.engine.plan_image_ids((record.image,)))[0]:
            return record.image
        patch = self.runs.path(record, "diff.patch")
        told = yield Command(("sh", "-c", self.same, patch, record.commit), kept=True, looks=True)
        if record.commit and not told.status:
            return ""
        git = self.runs.text(record, "git")
        raise SkelebotError(
            f"run {record.name} cannot be had again exactly: it has no image any more, and "
            + ("the tree is another one now" if record.commit else "no commit of it is known"),
            shell_line(["git", "checkout", record.commit])
            + f", git apply {patch}" * bool(first_bytes(patch, 1))
            + ", bring back " * ("\n? " in git) + " ".join(re.findall("(?m)^[?] (.*)", git))
            if record.commit else "leave --exact out")

    def plan_now(self, record, back=True):
        """A RunRecord as it is by now; a fault if it cannot be read."""
        record, = yield from self.plan_current([record], back)
        if record.state in ("damaged", "later"):
            raise usage_error(f"run {record.name}: {record.reason}",
                              f"skelebot logs {record.name} shows what it has printed")
        return record


class Fetched:
    """What a run wrote, on its way to the folder `to`, or the project; a point's is in `own`."""

    def __init__(self, record, to):
        self.record, self.to, self.own = record, to, f"{record.folder}/out/"

    def plan(self):
        """Copy what is as it was recorded; returns an exit status."""
        places, lost, name = [], [], self.record.name
        for row in self.rows():
            if is_as_recorded(*row):
                places.append((yield from self.plan_place(row[0])))
            else:
                lost.append(row[0])
        for paths, end in ((places, "written by"), (lost, "written again or removed since")):
            if paths:
                yield Note(f"{listed(paths, most=3)}: {end} run {name}")
        if not places and not lost:
            points = f": its points did, as {name}.1" * bool(self.record.sweep)
            yield Note(f"nothing is known that run {name} wrote{points}")
        if self.record.point:           # `push` asks whose they are
            others = [row for row in self.record.outputs if row[0] not in places]
            yield KeepRun(self.record._replace(outputs=[*others, *written_since(places, 0)]))
        return 1 if lost else 0

    def rows(self):
        """[path, size, time] of what it has written."""
        files = ((path, os.lstat(path)) for path, _ in (tree(self.own) if look(self.own) else ()))
        return [[plain_text(path), status.st_size, status.st_mtime] for path, status in files
                if stat.S_ISREG(status.st_mode) and status.st_ctime > self.record.started
                ] if self.record.point else self.record.outputs

    def plan_place(self, path):
        """Copy a file to where it goes, unless it is there; returns that place."""
        inner = re.sub(r"^(?:[.]{2}/|/)+", "", path[len(self.own) * bool(self.record.point):])
        place = os.path.join(self.to, inner) if self.record.point or self.to else path
        sha256, kind = digests_of(open_file(path)).sha256, look(place, self.to or ".")
        if place == path or kind == "file" and digests_of(open_file(place)).sha256 == sha256:
            return place
        yield MakeFolder(os.path.dirname(place) or ".", root=self.to or ".")
        yield Take(path, place, Stored(sha256=sha256), inner)
        if kind:
            yield Note(f"{place} was another one, and is replaced")
        return place


def plan_updated(call, project, records, back=False):
    """The RunRecords as they are by now; an end that nobody has recorded is recorded.

    back  whether what a detached one wrote on another machine comes back as well
    """
    asked, told = {}, {}
    for record in records:
        ours = record.goes_on or (back and record.detached and "://" in record.endpoint
                                  and Runs().has(record))
        own = ours and not is_alive(record.pid, record.begun)
        if own and (record.machine == machine_name() or "://" in record.endpoint):
            asked.setdefault((record.runner, record.host, record.endpoint), []).append(record)
    for group in asked.values():
        try:
            runner = yield from plan_runner_of(call, project, group[0])
            ends = yield from runner.plan_ends(group)
        except SkelebotError as fault:      # its login node is away, or kubectl is not here
            there = group[0].host or "this engine"
            yield Note(f"how runs are on {there} cannot be told: {fault.message}")
            continue
        for record in (one for one in group if one.name in ends):
            now = Runs().read_again(record)     # somebody may have recorded it meanwhile
            told[record.name] = now if record.goes_on and now.state in STATES[2:] else (
                yield from runner.plan_collect(record, ends[record.name], back))
    return [told.get(record.name, record) for record in records]


def plan_runner_of(call, project, record):
    """The Runner for a run that is recorded; as long as a skelebot here has it, that is native."""
    kind = RUNNERS.get(record.runner, OnEngine)
    if record.sweep or is_alive(record.pid, record.begun) and (
            kind.schedules or not record.detached):
        kind = Native
    hosts = Hosts(call, project)
    host = (hosts.of(record.host, None) if kind.schedules
            else hosts.at(record.host or record.endpoint))
    runner = yield from kind.plan_at(call, project, host)
    runner.host = record.host
    return runner


def plan_left(record, status):
    """Say how a run that goes on by itself has begun; one that has failed already is a fault.

    status  -1 if it has not ended
    """
    if status > 0:
        yield from map(Note, Runs().last_lines(record, 5))
        raise SkelebotError(f"{record.job} ended with {status} as soon as it had started",
                            f"skelebot logs {record.name} shows all that it has said", status)
    if status:
        yield Note(f"{record.job} is run {record.name}, and goes on: skelebot wait {record.name} "
                   f"follows it, skelebot stop {record.name} ends it")
    return 0


# ---- Versions ---------------------------------------------------------------

BUMPS = ("major", "minor", "patch")
SEMANTIC = (r"(?a)(\d{1,99})\.(\d{1,99})(?:\.(\d{1,99}))?"
            r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?")
NUMBER = r"(?:0|[1-9]\d*)"
IDENTIFIER = rf"(?:{NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
STRICT = (rf"(?a){NUMBER}\.{NUMBER}\.{NUMBER}(?:-{IDENTIFIER}(?:\.{IDENTIFIER})*)?"
          r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")


def check_bump(project, words):
    bump = words.one("version")
    if not bump:
        raise usage_error("bump: needs VERSION",
                          "major, minor, patch, or a version such as 2.0.0-rc.1")
    if bump not in BUMPS:
        next_version("", bump)


def plan_bump(call, project, words):
    """Write the next version where the project's version is, and nothing else; one at a time."""
    bump, place = words.one("version"), project.places.get("version")
    if not project.version and bump in BUMPS:
        raise SkelebotError(f"{project.name} has no version to bump",
                            "begin with: skelebot bump 0.1.0")
    file = place.file if place and read_bytes("VERSION") is None else "VERSION"
    look(file, ".")
    lock = yield Hold(file)
    try:
        own = VersionFile(file)         # which others may have changed since
        version = next_version(own.version, bump)
        if version != own.version:
            path = os.path.realpath(file) if os.path.islink(file) else file
            yield File(path, own.changed(version))
        yield Note(f"{file} has {version} already" if version == own.version else
                   f"{file}: {own.version or 'none'} -> {version}")
    finally:
        yield Release(lock)
    yield Answer(version)
    return 0


class VersionFile:
    """VERSION, or a YAML file with the key `version`."""

    def __init__(self, name):
        self.name, self.data, self.entry = name, read_bytes(name) or b"", None
        self.version = version_text(self.data)
        if name != "VERSION":
            self.yaml = YamlText.of(self.data, name)
            self.entry = Value(self.yaml.root(), Place(name, 1)).entries()["version"]
            self.version = self.entry.node.value

    def changed(self, version):
        """Its bytes with another version; all else in it stays."""
        if self.entry is None:
            old, new = self.version.encode("utf-8"), version.encode("utf-8")
            return self.data.replace(old, new, 1) if old else self.data + new + b"\n"
        text, node = self.yaml.text, self.entry.node
        start, end = node.start_mark.index, node.end_mark.index
        old = text[start:end]
        empty = {"": " " + version, "''": f"'{version}'", '""': f'"{version}"'}
        new = empty.get(old) or old.replace(node.value, version)
        if start < self.entry.key.end_mark.index or (node.value and old.count(node.value) != 1):
            raise self.entry.place.fault("is written in a way that bump cannot change",
                                         f"write version: {node.value}")
        ends = iter(re.findall(rb"\r?\n", self.data))
        bom = b"\xef\xbb\xbf" if self.data.startswith(b"\xef\xbb\xbf") else b""
        changed = (text[:start] + new + text[end:]).encode("utf-8")
        return bom + re.sub(rb"\n", lambda match: next(ends), changed)


def next_version(version, bump):
    """What `bump` makes of a version: a part of it one higher, or the one that is typed; of a
    pre-release its release, if that is the next. Source: semver.org, 7 to 11
    """
    if bump in BUMPS:
        now = Semantic.parse(version)
        if not now:
            raise SkelebotError(
                f"{shortened(version)} is no semantic version, so it has no {bump} part",
                "type the whole version: skelebot bump 1.0.0")
        numbers, kept = now[:3], BUMPS.index(bump) + 1
        if now.released or any(numbers[kept:]):
            numbers = (*numbers[:kept - 1], numbers[kept - 1] + 1, 0, 0)[:3]
        return ".".join(map(str, numbers))
    if not re.fullmatch(STRICT, bump):
        hint = did_you_mean(bump, BUMPS, "a whole version such as 2.0.0 or 2.0.0-rc.1, or one of")
        if bump[:1] in ("v", "V") and re.fullmatch(STRICT, bump[1:]):
            hint = f"did you mean {bump[1:]}?"
        raise usage_error(f"bump: expected a semantic version, found {shortened(bump)}", hint)
    return bump


def latest(versions, own=""):
    """The highest version that fits `own`, if given; a pre-release if there is no other; or ""."""
    known = [(Semantic.parse(text), text) for text in versions]
    known = [(version, text) for version, text in known if version]
    limit, released = Semantic.parse(own), any(version.released for version, _ in known)
    fitting = [(version, text) for version, text in known
               if (version.fits(limit) if limit else version.released or not released)]
    return max(fitting, default=("", ""))[1]


class Semantic(Record):
    """A semantic version that compares as versions do: of two, the later one is the greater.

    released  a pre-release comes before its release
    before    its identifiers: numbers by value and before words
    source    semver.org, 2.0.0, 11; `1.2` is taken for 1.2.0
    """
    major: int
    minor: int
    patch: int
    released: bool
    before: Tuple = ()

    @classmethod
    def parse(cls, text):
        """The version that a text is, or None."""
        match = re.fullmatch(SEMANTIC, text)
        if not match:
            return None
        words = match.group(4).split(".") if match.group(4) else []
        return cls(*(int(number or 0) for number in match.group(1, 2, 3)), not words,
                   tuple((0, int(word), "") if word.isdigit() and len(word) < 99 else (1, 0, word)
                         for word in words))

    def fits(self, own):
        """A fitting one is of the same major and not above; a pre-release fits only another one."""
        return self.major == own.major and self <= own and (self.released or not own.released)


# ---- HTTP -------------------------------------------------------------------
#
# What answers mean, whoever gives them, and what to do about those that are refusals.

ODD_SERVER = "try again later, or ask the server's administrator"
MOST_LISTED = 8 * 1000 * 1000   # bytes of a listing, each of which may become 20 in memory
MOST_WORDS = 64 * 1024          # bytes of an answer in which its words are looked for
REDIRECTS = (301, 302, 303, 307, 308)
TRUSTED = ("127.0.0.1", "localhost", "::1")


def plan_answer(request, fine=(200,)):
    """The Response to a request, if its status is accepted; a dry run has status 0."""
    response = yield request
    if response.status in (0, *fine):
        return response
    if request.method == "HEAD":        # its answer has no words; that of GET has
        headers = {**request.headers, "Range": "bytes=0-0"}
        spoken = yield request._replace(method="GET", headers=headers)
        if not spoken.status < 300:
            response = spoken
    raise http_fault(request, response)


def http_fault(request, response):
    """The fault of an answer that a request cannot use."""
    words, place = response.words, f"{request.method} {public_url(request.url)}"
    reason = " ".join(filter(None, [str(response.status), shown_text(response.reason)]))
    hint = request.login.hint(response, words)
    if not hint and response.location:
        address = shown_text(public_url(response.headers["location"]))
        hint = f"the server redirects to {address}: name that in {FILE}"
    unknown = ODD_SERVER if response.status >= 500 else "the server's message says what is missing"
    return SkelebotError(": ".join(filter(None, [place, reason, words])),
                         hint or refusal_hint(str(response.status), unknown, "http"))


def redirected(request, response):
    """The request that a redirect asks for, or None.

    The login goes to no other host, nor from https to http.
    """
    if not response.location:
        return None
    try:
        url = urllib.parse.urljoin(request.url, response.location)
        before, after = origin(request.url), origin(url)
    except ValueError:
        return None                     # no address at all
    secured = ("http", 80, ("https", before[1], 443))
    same = before == after or (before[0], before[2], after) == secured
    if request.sealed and after[0] != "https" and after[1] not in TRUSTED:
        return None
    if after[0] not in ("http", "https") or (request.method not in ("GET", "HEAD") and not (
            same and response.status in (307, 308))):
        return None
    headers = {name: value for name, value in request.headers.items()
               if same or name in ("Range", "If-Range", "If-Match")}
    login = request.login if same else Login()
    return request._replace(url=url, headers=headers, login=login)


def origin(url):
    """(scheme, host, port) of an address."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class Response(Record):
    """What a server answered; the headers' names are in lower case. Status 0 is no answer."""
    status: int = 0
    reason: str = ""
    headers: Dict[str, str] = {}
    body: bytes = b""

    @property
    def size(self):
        """What it says about the size of a file, or -1."""
        size = self.headers.get("content-length", "")
        return int(size) if re.fullmatch(r"[0-9]{1,18}", size) else -1

    @property
    def location(self):
        """Where it redirects to, or ""."""
        text = self.headers.get("location", "") if self.status in REDIRECTS else ""
        return quoted_url(text.encode("latin-1", "replace").decode("utf-8", "replace"))

    @property
    def may_pass(self):
        """Whether another try may get a better answer."""
        return self.status == 429 or (self.status >= 500 and self.status not in (501, 505, 507))

    def pause(self, otherwise, now):
        """Seconds until another try: as the server says in Retry-After, at most 5 minutes.

        now     seconds since 1970
        source  RFC 9110, 10.2.3: seconds, or a date
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", text):
            return min(int(text), 300)
        try:
            return min(max(email.utils.parsedate_to_datetime(text).timestamp() - now, 0), 300)
        except (TypeError, ValueError, IndexError, OverflowError):
            return otherwise

    def element(self, name):
        return element(name, self.body.decode("utf-8", "replace"))

    @property
    def words(self):
        """Why a server refused: the words of its JSON, XML, page title, or line of text."""
        body = self.body[:MOST_WORDS]
        text, value = body.decode("utf-8", "replace"), json_value(body)
        errors = value.get("errors") if isinstance(value, dict) else None   # Artifactory's
        first = errors[0] if isinstance(errors, list) and errors else value
        said = first if isinstance(first, dict) else {}
        own = [said[key] for key in ("message", "error", "detail")
               if isinstance(said.get(key), str)]
        coded = ": ".join(filter(None, [element("Code", text), element("Message", text)]))
        plain = "" if text.lstrip()[:1] in ("<", "{", "[") else text.strip().partition("\n")[0]
        return shown_text((own or [""])[0] or coded or element("title", text) or plain)

    def has_stored(self, digests):
        """Whether an answer to PUT names the SHA-256 of what was sent; None if it names none."""
        sha256 = json_value(self.body, "checksums", "sha256")
        return sha256.lower() == digests.sha256 if isinstance(sha256, str) and sha256 else None

    def stored(self, header, name, where):
        """The Stored that an answer to HEAD tells of, whose SHA-256 is in a header, or None.

        A fault if the answer is a web page, such as the login of a portal.
        """
        sha256 = sha256_of(self.headers.get(header, "").encode("utf-8", "replace"))
        is_page = self.headers.get("content-type", "").lower().startswith("text/html")
        if self.status != 200:
            return None
        if not sha256 and is_page and not name.lower().endswith((".html", ".htm")):
            raise SkelebotError(f"{where}: is a web page, perhaps for logging in, and no file",
                                refusal_hint("401", "", "http"))
        return Stored(self.size, sha256, self.headers.get("etag", ""))


def shown_text(data):
    """What a server has said, as one line that a terminal can take."""
    text = xml_text(data[:2000]).encode("utf-8", "replace").decode("utf-8")
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).split())[:300]


def element(name, text):
    """The text of the first XML or HTML element with this name; "" if there is none."""
    match = re.search(rf"(?i)<{name}(?:\s[^<>]*)?>", text)
    end = match and re.compile(rf"(?i)</{name}\s*>").search(text, match.end())
    return text[match.end():end.start()] if end else ""


def xml_text(text):
    text = re.sub("&#[0-9]{9,};?", "\ufffd", text)      # html gives up at a number of 4,301 digits
    return html.unescape(text)


def json_value(data, *names):
    """The value of a JSON text, or what is below these names in it, or None."""
    check_listing(data)
    if data.count(b"{") + data.count(b"[") > MOST_LISTED // 40:
        raise SkelebotError(f"an answer has more than {MOST_LISTED // 40} parts", ODD_SERVER)
    try:
        value = json.loads(data.decode("utf-8"), parse_int=lambda digits: int(digits[:20]))
    except (ValueError, RecursionError):
        return None
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def check_listing(data, most=MOST_LISTED):
    if len(data) > most:
        raise SkelebotError(f"an answer is larger than the {shown_size(most)} that can be parsed",
                            ODD_SERVER)


def checksum_line(sha256, name):
    """What sha256sum(1) writes, and sha256_of reads."""
    return f"{sha256}  {name}\n".encode("utf-8", "surrogateescape")


def sha256_of(data):
    """The checksum in a file such as sha256sum makes; "" if it holds none."""
    match = re.match(rb"\s*([0-9a-fA-F]{64})\b", data)
    return match.group(1).decode().lower() if match else ""


# ---- Stores -----------------------------------------------------------------
#
# Where artifacts are kept, and under which names.

CHUNK = 1024 * 1024     # bytes that are read, hashed and sent at once


class Store(Record):
    """Where artifacts are kept. To add one is a class with these hooks, and a row of STORES.

    record                         of its section in `repository`
    token                          the variable that keeps what --token shows, "" if it takes none
    far                            whether it needs the network
    facts                          of the run that wrote what is sent; see Stored
    where(name)                    where a name is, for a message

    The others are plans; plan_open is a classmethod:
    plan_open(call, place, words)  the store at a place, which is its section, by --user and
                                   --token of `words`
    find(name, fine)               a Stored, or None; `fine` are the statuses that are no error
    names(start)                   the names that begin so, at least
    send(name, body, replace)      what is to be said, if anything
    fetch(name, path, stored)
    """
    record, token, far = None, "", True

    def plan_facts(self, name, stored):
        """The facts of the run that wrote it."""
        yield from ()
        return stored.facts

    def where(self, name):
        return public_url(self.address(name))

    def plan_came_through(self, name, digests):
        """Whether an earlier try of a refused push had succeeded, and only its answer was lost."""
        stored = yield from self.find(name, (200, 403, 404))
        return bool(stored) and stored.sha256 == digests.sha256


# -- Artifactory

RepositoryPath = scalar_class(     # also empty; no part of it leads upwards
    "a path without ..", "for example team/models", r"(?!(.*/)?\.\.?(/|$))[^\n?#]*")
RepositoryName = scalar_class(
    "the name of a repository", "for example ml-models", r"(?!\s*$)" + RepositoryPath.pattern)
AuthType = one_of("token", "api_key", "user_pass")


class Auth(Record):
    """How to log in at Artifactory; without authType by user_pass if there is a user."""
    authType: AuthType = ""
    aws: bool = False
    awsSecret: AwsWord = ""
    awsProfile: AwsWord = ""
    awsRegion: Region = ""
    places: Hidden = None

    def _complete(self):
        if self.aws and not self.awsSecret:
            raise self.places["aws"].fault("needs the key awsSecret",
                                           "add a line such as awsSecret: artifactory-token")
        if self.awsSecret and not self.aws:
            raise self.places["awsSecret"].fault("has no meaning without aws: true",
                                                 "add that line, or remove this one")
        return self


class Artifactory(Record):
    url: Url
    repo: RepositoryName
    path: RepositoryPath = ""
    auth: Auth = Auth()


ARTIFACTORY_WAYS = "set ARTIFACTORY_USER and ARTIFACTORY_TOKEN, write ~/.netrc, or give -u and -t"
SECRET_NAMES = {"user": ("user", "username", "ARTIFACTORY_USER"),
                "token": ("token", "password", "api_key", "apiKey", "ARTIFACTORY_TOKEN")}


class ArtifactoryStore(Store):
    """A folder of an Artifactory repository, or of any server that takes PUT.

    url     the folder's address
    info    the address of what Artifactory knows of the folder
    source  JFrog, "Artifactory REST APIs": Deploy Artifact (by Checksum), Folder Info, Retrieve
            Artifact
    """
    record, token = Artifactory, "ARTIFACTORY_TOKEN"
    url: str
    info: str
    login: Login
    facts: Dict[str, str] = {}

    @classmethod
    def plan_open(cls, call, place, words):
        user, token = yield from cls.plan_caller(call, place, words)
        url = quoted_url(bare_url(place.url))
        if token and url.startswith("http:") and host_of(url) not in TRUSTED:
            yield Note(f"warning: user and token go to {host_of(url)} unencrypted; https:// would "
                       "encrypt them")
        login = artifactory_login(place.auth.authType, user, token) if token else Login()
        return cls(url_joined(url, quoted(place.repo), quoted(place.path)) + "/",
                   url_joined(url, "api/storage", quoted(place.repo), quoted(place.path)),
                   login._replace(ways=ARTIFACTORY_WAYS))

    @classmethod
    def plan_caller(cls, call, place, words):
        """(user, token): typed, of the environment, AWS, the address, ~/.netrc, or asked for."""
        address, host = urllib.parse.urlsplit(place.url), host_of(place.url)
        user = (words.one("user") or call.environ.get("ARTIFACTORY_USER")
                or urllib.parse.unquote(address.username or ""))
        token = words.one("token") or call.environ.get("ARTIFACTORY_TOKEN")
        if token and not user and place.auth.authType == "user_pass":
            raise SkelebotError(f"authType user_pass needs a user at {host}",
                                "give -u, or set ARTIFACTORY_USER")
        if token is not None:
            return user, token
        if place.auth.aws:
            found = yield from cls.plan_aws_secret(place.auth)
        elif address.password:
            found = user, urllib.parse.unquote(address.password)
        else:
            netrc = "_netrc" if os.name == "nt" else ".netrc"
            found = netrc_login(os.path.join(call.home, netrc), host)
        if found and (not user or found[0] in (user, "")):
            return found[0] or user, found[1]
        if place.auth.authType not in ("token", "api_key"):
            user = user or (yield Ask(f"User at {host}", ways=ARTIFACTORY_WAYS))
        return user, (yield Ask(f"Token or password at {host}", ways=ARTIFACTORY_WAYS, hidden=True))

    @staticmethod
    def plan_aws_secret(auth):
        """(user, token) from AWS Secrets Manager: a text that is the token, or JSON with both."""
        outcome = yield from plan_must(Command((
            "aws", "secretsmanager", "get-secret-value", "--secret-id=" + auth.awsSecret,
            "--query=SecretString", "--output=text",
            *([f"--profile={auth.awsProfile}"] if auth.awsProfile else []),
            *([f"--region={auth.awsRegion}"] if auth.awsRegion else [])), kept=True))
        values = json_value(outcome.output.encode("utf-8"))
        if not isinstance(values, dict):
            return "", outcome.output.strip()
        user, token = (next((str(values[name]) for name in SECRET_NAMES[kind]
                             if values.get(name)), "") for kind in ("user", "token"))
        if not token:
            raise SkelebotError(f"the secret {shortened(auth.awsSecret)} holds no token",
                                f"name it one of: {', '.join(SECRET_NAMES['token'])}")
        return user, token

    def find(self, name, fine=(200, 404)):
        """Its size and checksum, the latter from a file beside it where the server names none."""
        request = Request("HEAD", self.address(name), login=self.login)
        response = yield from plan_answer(request, fine)
        stored = response.stored("x-checksum-sha256", name, self.where(name))
        if stored and not stored.sha256:
            request = Request("GET", self.address(name + ".sha256"), login=self.login)
            beside = yield from plan_answer(request, (200, 404))
            stored = stored._replace(sha256=sha256_of(beside.body) if beside.status == 200 else "")
        own = "x-artifactory-filename" in response.headers      # no other server has properties
        return stored and stored._replace(facts={"": "unknown yet"} if own else {})

    def names(self, start):
        response = yield from plan_answer(Request("GET", self.info, login=self.login), (200, 404))
        answer = json_value(response.body) if response.body.lstrip()[:1] in (b"{", b"[") else None
        if isinstance(answer, dict):
            children = answer.get("children")
            return [str(child.get("uri") or "").lstrip("/")
                    for child in (children if isinstance(children, list) else ())
                    if isinstance(child, dict) and not child.get("folder")]
        if not response.status:
            return []
        response = yield from plan_answer(Request("GET", self.url, login=self.login), (200, 404))
        check_listing(response.body)
        return links(response.body.decode("utf-8", "replace")) if response.status == 200 else []

    def send(self, name, body, replace):
        """By checksum where the server has the same bytes already; else with them."""
        digests = digests_of(body)
        put = Request("PUT", self.address(name), {"X-Checksum-Sha256": digests.sha256}, self.login)
        known = yield Request("GET", url_joined(self.info, quoted(name)), login=self.login)
        if known.status and not isinstance(json_value(known.body), dict):
            # it would take a deployment by checksum for an empty file
            return (yield from self.send_plainly(name, put, body, digests, replace))
        put = put._replace(url=put.url + "".join(f";skelebot.{key}={quoted(text, '')}"
                                                 for key, text in self.facts.items()))
        response = yield put._replace(headers={**put.headers, "X-Checksum-Deploy": "true"})
        if response.status in (200, 201) and response.has_stored(digests):
            return "the server had these bytes already, none were sent"
        if response.status in (401, 403, 407):
            raise http_fault(put, response)
        return (yield from self.send_bytes(name, put, body, digests))

    def send_plainly(self, name, put, body, digests, replace):
        """With the checksum in a file beside it, which a failure leaves as it was."""
        beside = Request("PUT", self.address(name + ".sha256"), login=self.login,
                         body=checksum_line(digests.sha256, name))
        try:
            if not replace:
                yield from plan_answer(beside, (200, 201, 204))
            yield from self.send_bytes(name, put, body, digests)
        except BaseException:
            if not replace:
                yield beside._replace(method="DELETE", body=b"", patient=False)
            raise
        if replace:
            yield from plan_answer(beside, (200, 201, 204))

    def send_bytes(self, name, put, body, digests):
        response, = yield Upload((Stretch(put, body, name, size=digests.size),))
        refused = response.status in (403, 409, 412)
        if refused and (yield from self.plan_came_through(name, digests)):
            return
        if response.status not in (0, 200, 201, 204):
            raise http_fault(put, response)
        if response.has_stored(digests) is False:
            raise SkelebotError(f"{name}: did not arrive at {self.where(name)} as it was sent",
                                "push it again, with -f")

    def fetch(self, name, path, stored):
        yield Download(Request("GET", self.address(name), login=self.login), path, stored, name)

    def plan_facts(self, name, stored):
        asked = Request("GET", url_joined(self.info, quoted(name)) + "?properties",
                        login=self.login, patient=False)
        known = json_value((yield asked).body, "properties") if stored.facts else {}
        return {key[len("skelebot."):]: text for key, text in (
            known if isinstance(known, dict) else {}).items() if key.startswith("skelebot.")}

    def address(self, name):
        return self.url + quoted(name)


def artifactory_login(kind, user, token):
    """The Login for a user and token, as `authType` wants it; else by Basic if there is a user."""
    user, token = secret_text(user, "the user"), secret_text(token, "the token")
    if kind == "api_key":
        return Login({"X-JFrog-Art-Api": secret_header(token)})
    if kind == "token" or (not kind and not user):
        return Login({"Authorization": secret_header("Bearer " + token)})
    pair = f"{user}:{token}".encode("utf-8", "surrogateescape")
    return Login({"Authorization": secret_header("Basic " + base64.b64encode(pair).decode())})


def links(page):
    """The names of files that the index page of a folder links to."""
    found = re.findall(r"""(?i)<a\s[^<>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^"'\s>]+))""", page)
    names = [urllib.parse.unquote(xml_text("".join(link))) for link in found]
    return [re.sub(r"^(\./)+", "", name) for name in names if not re.search(r"(?<!^\.)/|^\?", name)]


# -- S3

Bucket = scalar_class(
    "a bucket, maybe with a prefix", "for example my-bucket/some/prefix",
    r"(s3://)?[A-Za-z0-9][\w.-]*(/[^\n]*)?")


class S3(Record):
    bucket: Bucket
    region: Region = ""
    profile: AwsWord = ""
    endpoint: Url = ""

    def address(self, region, endpoint):
        """(address of the bucket, prefix of every key in it)."""
        bucket, _, prefix = re.sub("^s3://", "", self.bucket).partition("/")
        prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        domain = f"s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
        if endpoint or "." in bucket:       # the certificate is for one more label only
            return f"{(endpoint or 'https://' + domain).rstrip('/')}/{bucket}/", prefix
        return f"https://{bucket}.{domain}/", prefix


S3_FACT = "x-amz-meta-skelebot-"
MOST_PAGES = 1000       # of 1,000 names
# what S3 has had only for some years; servers that do as it did before refuse it with 501
NEW_IN_S3 = ("If-None-Match", "x-amz-checksum-sha256", "x-amz-checksum-algorithm")
IN_PARTS = 64 * CHUNK   # what is as large goes to S3 in parts
# of at least this size; source: Amazon S3, "multipart upload limits": 5 MiB to 5 GiB ...
PART = 16 * CHUNK
PARTS = 10000           # ... and no more than these


class S3Store(Store):
    """The keys of a bucket that begin with a prefix.

    source  AWS, "Amazon S3 API Reference": PutObject, HeadObject, GetObject, ListObjectsV2,
            CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload,
            ListMultipartUploads
    """
    record = S3
    url: str
    prefix: str
    login: Login
    facts: Dict[str, str] = {}

    @classmethod
    def plan_open(cls, call, place, words):
        environ = call.environ
        profile = AwsProfile.read(call, place.profile or environ.get("AWS_PROFILE") or "default")
        region = (place.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
                  or profile.settings.get("region") or "us-east-1")
        if not Region.fits(region):
            raise SkelebotError(f"expected the name of an AWS region, found {shortened(region)}",
                                Region.hint)
        endpoint = place.endpoint or environment_address(
            environ, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        url, prefix = place.address(region, quoted_url(bare_url(endpoint)))
        key = yield from AwsKeys(call, profile).plan(place.profile)
        return cls(url, prefix, Signing(key=key, region=region))

    def find(self, name, fine=(200, 404)):
        response = yield from plan_answer(self.request("HEAD", name), fine)
        # whoever may not list is told so of what is not there; or the key is wrong
        if response.status == 403:
            spoken = yield self.request("GET", name, {"Range": "bytes=0-0"})
            if refusal_hint(spoken.words, "", "s3"):
                raise http_fault(self.request("HEAD", name), spoken)
        stored = response.stored("x-amz-meta-sha256", name, self.where(name))
        return stored and stored._replace(facts={
            key[len(S3_FACT):]: urllib.parse.unquote(text) for key, text in response.headers.items()
            if key.startswith(S3_FACT)})

    def names(self, start):
        """All pages of the listing, 1,000 keys each."""
        found, token, seen, size = [], "", set(), 0
        while len(seen) < MOST_PAGES:
            query = [("list-type", "2"), ("prefix", self.prefix + start), ("delimiter", "/"),
                     *([("continuation-token", token)] if token else [])]
            response = yield from plan_answer(self.request("GET", None, query=query))
            page, size = response.body.decode("utf-8", "replace"), size + len(response.body)
            check_listing(range(size), 5 * MOST_LISTED)
            if response.status and "<ListBucketResult" not in page:
                raise SkelebotError(f"{public_url(self.url)}: does not answer as S3 does",
                                    "look at endpoint: and bucket:")
            found += [xml_text(key)[len(self.prefix):] for key
                      in re.findall(r"<Key>([^<]*)</Key>", page)]
            token = xml_text(element("NextContinuationToken", page))
            if not token or token in seen:
                return found
            seen.add(token)
        raise SkelebotError(f"{public_url(self.url)}: lists more than {MOST_PAGES} pages",
                            "look at bucket:")

    def fetch(self, name, path, stored):
        yield Download(self.request("GET", name), path, stored, name, condition="If-Match")

    # -- Sending

    def send(self, name, body, replace):
        """Send it, large files in parts; an existing one is replaced only if `replace` says so."""
        part = self.part_size(body.size)
        digests = digests_of(body, part)
        once = {} if replace else {"If-None-Match": "*"}
        if part and digests.parts:
            request, response = yield from self.send_parts(name, body, digests, part, once)
        else:
            request, response = yield from self.plan_either(self.request("PUT", name, {
                **once, **self.metadata, "x-amz-checksum-sha256": base64_of(digests.sha256),
                "x-amz-meta-sha256": digests.sha256, "x-amz-content-sha256": digests.sha256,
            }), body, name, 0, digests.size)
        if response.status in (404, 412) and (yield from self.plan_came_through(name, digests)):
            return
        if response.status not in (0, 200) or response.element("Code"):
            raise http_fault(request, response)

    @staticmethod
    def part_size(size):
        """The size of the parts that a file is sent in; 0 for one that goes as a whole."""
        return 0 if size < IN_PARTS else max(PART, -(-size // PARTS // CHUNK) * CHUNK)

    def send_parts(self, name, body, digests, part, once):
        """Send the parts side by side; remove what a failure or a killed push has left."""
        upload, sums = yield from self.begun(name, digests)
        done = False
        try:
            stretches = tuple(
                Stretch(self.request("PUT", name, {
                    **({"x-amz-checksum-sha256": base64_of(digits)} if sums else {}),
                    "x-amz-content-sha256": digits,
                }, [("partNumber", str(index + 1)), ("uploadId", upload)]),
                       body, name, index * part, min(part, digests.size - index * part))
                for index, digits in enumerate(digests.parts))
            responses = yield Upload(stretches)
            failed = next(((one.request, response) for one, response in zip(stretches, responses)
                           if response.status not in (0, 200)), None)
            if failed:
                return failed
            known = digests.parts if sums else [""] * len(responses)
            complete, response = yield from self.plan_either(self.request(
                "POST", name, once, [("uploadId", upload)], self.part_list(responses, known)))
            if response.element("Code") == "InternalError":
                response = yield complete   # S3 may say so after 200, and asks for another try
            done = response.status in (0, 200) and not response.element("Code")
            return complete, response
        finally:
            for one in (yield from self.uploads(name)) if done else [upload]:
                yield self.request("DELETE", name, {}, [("uploadId", one)])._replace(patient=False)

    def begun(self, name, digests):
        """(id of a new upload in parts, whether checksums go with them)."""
        headers = {"x-amz-checksum-algorithm": "SHA256", "x-amz-meta-sha256": digests.sha256,
                   **self.metadata}
        request, response = yield from self.plan_either(
            self.request("POST", name, headers, [("uploads", "")]))
        upload = xml_text(response.element("UploadId"))
        if response.status not in (0, 200) or (response.status and not upload):
            raise http_fault(request, response)
        return upload, "x-amz-checksum-algorithm" in request.headers

    @staticmethod
    def part_list(responses, sums):
        """The body of CompleteMultipartUpload."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber>"
            f"<ETag>{html.escape(response.headers.get('etag', ''))}</ETag>"
            + (f"<ChecksumSHA256>{base64_of(digits)}</ChecksumSHA256>" if digits else "")
            + "</Part>" for number, (response, digits) in enumerate(zip(responses, sums), 1))
        return ('<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"{parts}</CompleteMultipartUpload>").encode()

    def uploads(self, name):
        """The ids of unfinished uploads of this name; none where the server does not tell."""
        key = self.prefix + name
        request = self.request("GET", None, query=[("uploads", ""), ("prefix", key)])
        response = yield request._replace(patient=False)
        found = response.body.decode("utf-8", "replace").split("<Upload>")[1:]
        return [xml_text(element("UploadId", one)) for one in found
                if xml_text(element("Key", one)) == key]

    def plan_either(self, request, *stretch):
        """(request, Response), without what is NEW_IN_S3 for a server that does not know it; of its
        body, or of a stretch of a file.
        """
        plainer = {name: value for name, value in request.headers.items() if name not in NEW_IN_S3}
        for one in (request, request._replace(headers=plainer)):
            sent = yield Upload((Stretch(one, *stretch),)) if stretch else one
            response = sent[0] if stretch else sent
            if response.status != 501:
                break
        return one, response

    @property
    def metadata(self):
        return {S3_FACT + name.lower(): quoted(text, "") for name, text in self.facts.items()}

    # -- What it asks

    def request(self, method, name, headers={}, query=(), body=b""):
        url = self.url if name is None else self.address(name)
        pairs = [f"{quoted(name, '')}={quoted(value, '')}" for name, value in query]
        url += "?" + "&".join(pairs) if query else ""
        digest = headers.get("x-amz-content-sha256") or hash_of(body)
        return Request(method, url, {**headers, "x-amz-content-sha256": digest}, self.login, body)

    def address(self, name):
        return self.url + quoted(self.prefix + name)


class AwsProfile:
    """What AWS's files say of a profile: its settings, and whether they know it at all."""

    def __init__(self, name, config, credentials):
        """Its section is [profile NAME] in `config`, or for the default one also [default]."""
        words = ["profile", *name.split()]
        own = [section for title, section in config.items()
               if title.replace('"', " ").replace("'", " ").split() == words]
        own = own or [config.get(name) if name == "default" else None]
        sections = [one for one in (*own, credentials.get(name)) if one is not None]
        self.name, self.known, self.settings = name, bool(sections), {}
        for section in sections:
            self.settings.update(section)

    @classmethod
    def read(cls, call, name):
        paths = [call.environ.get(variable) or os.path.join(call.home, ".aws", file)
                 for variable, file in (("AWS_CONFIG_FILE", "config"),
                                        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"))]
        return cls(name, *(cls.sections(read_bytes(path), path) for path in paths))

    @staticmethod
    def sections(data, file):
        """section -> settings. Source: AWS CLI, "Configuration and credential file settings"."""
        parser = configparser.RawConfigParser(strict=False, default_section="\0", delimiters=("=",))
        try:
            parser.read_string((data or b"").decode("utf-8-sig", "replace"))
        except configparser.Error as error:
            errors = getattr(error, "errors", None) or [(1, "")]
            raise Place(file, getattr(error, "lineno", 0) or errors[0][0]).fault(
                "is not in AWS's form", "write [PROFILE], and below it NAME = VALUE")
        return {name: dict(parser.items(name)) for name in parser.sections()}

    @property
    def program(self):
        """The words of its credential_process, () if it has none."""
        text = self.settings.get("credential_process", "")
        try:
            argv = tuple(shlex.split(text))
        except ValueError:
            argv = ()
        if text and not any(argv):
            raise SkelebotError(f"credential_process of the AWS profile {self.name} is no command",
                                "close its quotes")
        return argv


KEY_NAMES = {
    "environment": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "file": ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    "process": ("AccessKeyId", "SecretAccessKey", "SessionToken"),
    "metadata": ("AccessKeyId", "SecretAccessKey", "Token"),
}
BY_CLI = "sso_|role_arn|web_identity|login_session"  # settings that only the aws command can follow
AWS_WAYS = ("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials, "
            "as aws configure does")
METADATA = "http://169.254.169.254"     # source: AWS, "Use the Instance Metadata Service"
CONTAINER = "http://169.254.170.2"      # source: AWS, "Container credential provider"


class AwsKeys:
    """Where a call finds the AccessKey for S3; each plan returns one, or None."""

    def __init__(self, call, profile):
        self.call, self.environ, self.profile = call, call.environ, profile

    def plan(self, named):
        """By the environment, the profile (which may be `named`), the container, the instance."""
        own, (name, secret, _) = self.profile, KEY_NAMES["environment"]
        key = AccessKey.of(self.environ, KEY_NAMES["environment"])
        if bool(self.environ.get(name)) != bool(self.environ.get(secret)):
            raise SkelebotError(f"of {name} and {secret} only one is set", "set both, or none")
        if key and not (named and own.known):
            return key
        if not own.known and (named or self.environ.get("AWS_PROFILE")):
            raise SkelebotError(
                f"no AWS profile is named {shortened(own.name)}",
                "look at ~/.aws/config and ~/.aws/credentials, or at profile: below s3")
        key = AccessKey.of(own.settings, KEY_NAMES["file"])
        for plan in (self.plan_by_program, self.plan_by_container, self.plan_by_instance):
            key = key or (yield from plan())
        if not key and not self.call.dry_run:
            raise SkelebotError("no AWS credentials were found", AWS_WAYS)
        return key

    def plan_by_program(self):
        """By the profile's own program, or by the aws command."""
        own, argv = self.profile, self.profile.program
        by_cli = any(re.match(BY_CLI, name) for name in own.settings)
        if not argv and not by_cli and not self.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return None
        named = ("--profile", own.name) if own.known else ()
        outcome = yield Command(argv or (
            "aws", "configure", "export-credentials", *named, "--format", "process"),
            kept=True, private=bool(argv))
        key = AccessKey.of(json_value(outcome.output.encode("utf-8")), KEY_NAMES["process"])
        if not key and not self.call.dry_run:
            raise SkelebotError(
                f"{argv[0] if argv else 'aws'} gave no AWS credentials for the profile "
                f"{own.name}: {shown_text(last_line(outcome.errors))}",
                "run it by hand, or log in again")
        return key

    def plan_by_container(self):
        """By the container that this is."""
        relative = self.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = CONTAINER + relative if relative else environment_address(
            self.environ, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not url:
            return None
        trusted = (*TRUSTED, "169.254.170.2", "169.254.170.23")
        if not url.startswith("https:") and host_of(url) not in trusted:
            raise SkelebotError("AWS_CONTAINER_CREDENTIALS_FULL_URI names another host, without "
                                "https", "correct it")
        token = self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        file = self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if file:
            token = (read_bytes(file) or b"").decode("utf-8", "replace")
        token = secret_header(secret_text(token, "the container's token"))
        login = Login({"Authorization": token} if token else {})
        return self.of((yield Request("GET", url, login=login, patient=False, direct=True)))

    def plan_by_instance(self):
        """By the EC2 instance that this is, with IMDSv2."""
        if self.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            return None
        base = environment_address(self.environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT") or METADATA
        base = base.rstrip("/") + "/latest/"
        request = Request("PUT", base + "api/token",
                          {"X-aws-ec2-metadata-token-ttl-seconds": "300"},
                          patient=False, direct=True)
        token = yield from self.plan_line(request, "[!-~]+")
        if not token:
            return None
        roles = base + "meta-data/iam/security-credentials/"
        request = Request("GET", roles, login=Login({"X-aws-ec2-metadata-token": Secret(token)}),
                          patient=False, direct=True)
        name = yield from self.plan_line(request, r"[\w+=,.@-]+")
        return self.of((yield request._replace(url=roles + quoted(name)))) if name else None

    def plan_line(self, request, pattern):
        """The first line of an answer, if it is as expected, or ""."""
        response = yield request
        line = response.body.decode("utf-8", "replace").strip().partition("\n")[0]
        return line if response.status == 200 and re.fullmatch(pattern, line, re.ASCII) else ""

    def of(self, response):
        return AccessKey.of(json_value(response.body), KEY_NAMES["metadata"])


def environment_address(environ, *names):
    """The address in the first of these variables that is set, or ""."""
    name = next((name for name in names if environ.get(name)), "")
    if name and not WholeUrl.fits(environ[name].partition("?")[0]):
        raise SkelebotError(f"{name}: expected an address, found {shortened(environ[name])}",
                            Url.hint)
    return environ.get(name, "")


class AccessKey(Record):
    """What signs requests to S3; `token` belongs to a key that expires."""
    id: str
    secret: Secret
    token: Secret = Secret("")

    @classmethod
    def of(cls, values, names):
        """The one that a mapping has under these names for id, secret and token, or None."""
        values = values if isinstance(values, dict) else {}
        key, secret, token = (secret_text(str(values.get(name) or ""), name, plain=True)
                              for name in names)
        return cls(key, Secret(secret), Secret(token)) if key and secret else None


class Signing(Login):
    """The login of S3: a key, and the region that it signs for."""
    key: Optional[AccessKey] = None
    region: str = ""

    def hint(self, response, words):
        region = response.headers.get("x-amz-bucket-region", "")
        if response.status == 401:
            return "look at the AWS credentials"
        if Region.fits(region) and response.status in (301, 307, 400):
            return f"add region: {region} below components.repository.s3"
        return refusal_hint(words, "", "s3")

    def sent(self, request, now):
        """AWS Signature Version 4 among the headers.

        request  its path and query are quoted as they are to be signed; x-amz-content-sha256 is in
                 its headers
        source   AWS, "Authenticating Requests: Using the Authorization Header (AWS Signature
                 Version 4)"
        """
        key, stamp = self.key, now.strftime("%Y%m%dT%H%M%SZ")
        headers = {**request.headers, "Host": urllib.parse.urlsplit(request.url).netloc,
                   "x-amz-date": stamp,
                   **({"x-amz-security-token": key.token} if key.token else {})}
        scope = [stamp[:8], self.region, "s3", "aws4_request"]
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope),
                          hash_of(self.canonical(request, headers).encode("utf-8"))])
        signature = functools.reduce(
            lambda secret, word: hmac.new(secret, word.encode("utf-8"), hashlib.sha256).digest(),
            [*scope, text], ("AWS4" + key.secret).encode("utf-8")).hex()
        names = ";".join(sorted(name.lower() for name in headers))
        return {**headers,
                "Authorization": Secret(f"AWS4-HMAC-SHA256 Credential={key.id}/{'/'.join(scope)},"
                                        f"SignedHeaders={names},Signature={signature}")}

    @staticmethod
    def canonical(request, headers):
        """What is signed: the request in the one form that both sides can make of it."""
        parts = urllib.parse.urlsplit(request.url)
        plain = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        pairs = sorted(pair.partition("=")[::2] for pair in filter(None, parts.query.split("&")))
        return "\n".join([request.method, parts.path or "/", "&".join(map("=".join, pairs)),
                          *(f"{name}:{plain[name]}" for name in sorted(plain)), "",
                          ";".join(sorted(plain)), plain["x-amz-content-sha256"]])


def base64_of(digits):
    """Hexadecimal digits as Base64, the form of S3's checksums."""
    return base64.b64encode(bytes.fromhex(digits)).decode()


def hash_of(data):
    return hashlib.sha256(data).hexdigest()


# -- A folder

FolderPath = scalar_class("a folder", "for example /mnt/models or ~/models", r"[^\S\n]*\S[^\n]*")


class Folder(Record):
    path: FolderPath


class FolderStore(Store):
    """A folder of this machine, or one that is mounted here."""
    record, far = Folder, False
    path: str
    facts: Dict[str, str] = {}

    @classmethod
    def plan_open(cls, call, place, words):
        yield from ()
        return cls(home_path(place.path, call.home))

    def find(self, name, fine=()):
        yield from ()                   # a plan in every store, though here it only looks
        if look(self.where(name)) != "file":
            return None
        facts, sha256 = (read_bytes(self.where(name + end)) or b"" for end in (".json", ".sha256"))
        return Stored(sha256=sha256_of(sha256), facts=json_value(facts or b"{}"))

    def names(self, start):
        yield from ()
        return listing(self.path, 0)

    def send(self, name, body, replace):
        yield MakeFolder(self.path)
        if (yield Keep(body, self.where(name), name, replace)) is False:
            raise SkelebotError(f"{self.where(name)}: another push stored it first",
                                "push -f replaces it")
        beside = self.where(name + ".json")
        if self.facts or replace and look(beside):
            yield File(beside, as_json(self.facts).encode()) if self.facts else Remove(beside)

    def fetch(self, name, path, stored):
        yield Take(self.where(name), path, stored, name)

    def where(self, name):
        return os.path.join(self.path, name)


def home_path(path, home):
    """A path of the file on this machine; one in the caller's home needs a home."""
    path = host_path(path, "", home)
    if path.startswith("~"):
        raise SkelebotError("there is no home folder for artifacts: HOME is not set",
                            "set HOME, or name another folder, as in: repository: {folder: {path: "
                            "/mnt/models}}")
    return path


STORES = {"artifactory": ArtifactoryStore, "s3": S3Store, "folder": FolderStore}


# -- Addresses, secrets and sizes

def host_of(url):
    return urllib.parse.urlsplit(url).hostname or ""


def url_joined(*parts):
    """The parts of an address with one / between them; empty ones are left out."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def quoted_url(text):
    """An address with what cannot stand in one quoted, and nothing else."""
    return quoted(text, safe="%/:=&?#+!$,;'@()*[]")


def quoted(text, safe="/"):
    """`text` as part of an address: all but letters, digits and -_.~ as %XX; RFC 3986, 2.3."""
    return urllib.parse.quote(text.encode("utf-8", "surrogateescape"), safe=safe + "-_.~")


def secret_header(text):
    """The bytes of UTF-8 as http.client takes them."""
    return Secret(text.encode("utf-8", "surrogateescape").decode("latin-1"))


def secret_text(text, what, plain=False):
    """A user or token as part of a header; a plain one has only what is on every keyboard."""
    text = text.strip()
    if not text.isprintable() or (plain and not re.fullmatch("[ -~]*", text)):
        raise SkelebotError(f"{what} holds a character that cannot be part of it",
                            "give it again, without line breaks")
    return text


def progress_line(name, done, before, size, seconds, width):
    """How far a transfer is: name, bar, share, speed, time that is left; no wider than a terminal.

    done, before  bytes in all, and those of them that an earlier try has brought
    size          in bytes; -1 when nobody knows
    seconds       since the start
    """
    speed, width = max(done - before, 0) / seconds if seconds > 0 else 0, max(width, 20)
    if size < 0:
        return f"{name} {shown_size(done)} {shown_size(speed)}/s"[:width - 1]
    share, seconds = done / size if size else 1, int((size - done) / speed) if speed else 0
    hours = f"{seconds // 3600}:{seconds // 60 % 60:02}" if seconds >= 3600 else seconds // 60
    left = f"{hours}:{seconds % 60:02} left" if speed else ""
    facts = f" {share:4.0%} {shown_size(speed):>8}/s {left}"
    label = f"{name} "[:max(width // 2, 20)]
    room = max(min(width - len(label) - len(facts) - 3, 40), 0)
    bar = f"[{'=' * int(share * room):{room}}]" if room else ""
    return (label + bar + facts)[:width - 1]


def shown_size(count):
    """Bytes in the units that disks and networks are sold in: 1 kB is 1,000 B."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.95:
            return f"{count:.{0 if unit == 'B' else 1}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


# ---- Components -------------------------------------------------------------
#
# What a section below `components`, or a plugin, adds to a project's images and jobs. Hooks return
# values; those that are plans yield steps. COMPONENTS are ours, and are written as plugins are.

class Activation(enum.Enum):
    """Where a component takes part."""
    EMPTY = "outside of projects"
    CONFIG = "in projects that have its section"
    PROJECT = "in every project"
    ALWAYS = "everywhere"


class Component:
    """A part of projects; one of its own overrides what it adds.

    record        a Record or NamedTuple, whose fields are the keys of its section; None is none
    name          of the section; a plugin has it of its folder
    example       of its section, for a hint
    former        path of an older spelling of its section -> (what it is read as, what makes the
                  settings of that); None if that is written as today
    secret_files  keys of files that no image may hold, whichever environment names them
    tag           of an image of its own beside the project's
    of_commands   whether its settings matter to its commands only
    activation    where it takes part
    project       the Project, None outside of one
    settings      the section as a `record`, None where there is none
    """
    record = None
    name = ""
    example = ""
    former = {}
    secret_files = ()
    tag = ""
    of_commands = False
    activation = Activation.CONFIG

    def __init__(self, project=None, settings=None):
        self.project = project
        self.settings = settings

    @classmethod
    def read(cls, node, place):
        """The settings of a section; one that is empty has the defaults."""
        section = Value(node, place)
        section.check_tag()
        if cls.example and node.id != "mapping" and not section.is_nothing:
            raise section.unexpected("a mapping", f"as in {cls.name}: {cls.example}")
        entries = {} if section.is_nothing else section.entries()
        if cls.record:
            return cls.record(**record_values(cls.record, entries, place))
        for entry in entries.values():
            raise entry.place.fault("unknown key", f"{place.path} takes no keys")
        return None

    def commands(self):
        """name -> Builtin, for more commands."""
        return {}

    def tools(self):
        """Dockerfile text before the dependencies: what is installed, and seldom changes."""
        return ""

    def dockerfile(self):
        """Dockerfile text when the project is in the image."""
        return ""

    def ignores(self):
        """More lines of .dockerignore."""
        return ()

    def secrets(self):
        """Paths of this machine whose files may be in no image."""
        return ()

    def run_words(self, job):
        """More words for `docker run`."""
        return ()

    def build(self, call):
        """Steps before the image is built."""
        yield from ()

    def before(self, call, job, launch):
        """Steps before a job; returns its Launch, as it was or changed."""
        yield from ()
        return launch

    def after(self, call, job, launch, status):
        """Steps after a job; `status` is None if it did not come to an end."""
        yield from ()

    def checks(self, doctor):
        """Steps of `skelebot doctor`, and a Finding of each thing that it depends on."""
        yield from ()

    def prompts(self):
        """key -> question, asked for its section when a project is made."""
        return {}

    def section(self):
        """Steps that find out more of its section then, and return it as a dict."""
        yield from ()
        return {}


def plan_ask(argv, well, remedy="", environ={}):
    """A Finding of whether a program ends well."""
    told = yield Command(argv, environ)
    yield Finding("bad", last_line(told.errors), remedy) if told.status else Finding("ok", well)


class Finding(Record):
    """What a check has found; the state is ok, note, bad or skipped."""
    state: str
    found: str
    remedy: str = ""


# -- Kerberos

KEYTAB = "/run/skelebot.keytab"         # in the container
STAGED_CONF = ".skelebot/krb5.conf"     # a copy: krb5.conf may be outside of the project, or a link
TICKET = "/run/skelebot-ticket"         # on a cluster

ConfFile = scalar_class(
    HostFile.expected, "for example krb/krb5.conf, or /etc/krb5.conf", HostFile.pattern)
Principal = scalar_class(
    "a Kerberos principal", "for example ada, or ada@EXAMPLE.COM", r"[^\s-]\S*")


class KerberosSection(Record):
    """Who a job is for Kerberos: the principal, and the file with its key."""
    krbConf: ConfFile
    keytab: HostFile
    hdfsUser: Principal
    places: Hidden = None


class Kerberos(Component):
    """A ticket for every job: got from the keytab just before it, and again before it ends.

    The keytab is mounted where a job runs, and kept out of every build context.
    """
    name = "kerberos"
    record = KerberosSection
    example = "{krbConf: krb/krb5.conf, keytab: krb/ada.keytab, hdfsUser: ada}"
    former = {"kerberos": None}
    secret_files = ("keytab",)
    scratch = ""

    def tools(self):
        return image_part("kerberos-client.Dockerfile")

    def dockerfile(self):
        return image_part("krb5-conf.Dockerfile")

    def ignores(self):
        """The pattern that keeps krb5.conf in the image, whatever others say."""
        return ("!" + literal_pattern(STAGED_CONF),)

    def build(self, call):
        self.host_file(call, "keytab")
        data = read_bytes(self.host_file(call, "krbConf"))
        if data != read_bytes(STAGED_CONF):
            yield MakeFolder(os.path.dirname(STAGED_CONF), ".")
            yield File(STAGED_CONF, data, ".")

    def before(self, call, job, launch):
        keytab = self.host_file(call, "keytab")
        if launch.native or launch.travels:
            local = yield from self.before_native(call, launch, keytab)
            return local if launch.native else launch._replace(     # the keytab stays here
                environ={**launch.environ, "KRB5CCNAME": "FILE:" + TICKET},
                lent=(*launch.lent, (os.path.join(self.scratch, "ticket"), TICKET)))
        mapping = Mapping(f"{keytab}:{KEYTAB}:ro")
        script = ("sh", "-c", template_bytes("image", "ticket.sh").decode("utf-8"), "ticket")
        user = self.settings.hdfsUser
        return launch._replace(
            argv=(*script, "run", KEYTAB, user, *launch.argv),
            first=("env", "KRB5CCNAME=/tmp/ticket", *script, "get", KEYTAB, user),
            mappings=(*launch.mappings, mapping))

    def before_native(self, call, launch, keytab):
        """A ticket in a folder of its own, which is removed afterwards."""
        conf, user = self.host_file(call, "krbConf"), self.settings.hdfsUser
        self.scratch = folder = yield Scratch(call.token)
        script = os.path.join(folder, "ticket.sh")
        environ = {"KRB5_CONFIG": os.path.abspath(conf),
                   "KRB5CCNAME": "FILE:" + os.path.join(folder, "ticket")}
        try:
            yield File(script, template_bytes("image", "ticket.sh"))
            outcome = yield Command(("sh", script, "get", keytab, user), environ)
            if outcome.status:
                raise Refused(outcome.status)
        except BaseException:
            yield Remove(folder)
            raise
        return launch._replace(environ={**launch.environ, **environ},
                               beside=("sh", script, "keep", keytab, user))

    def after(self, call, job, launch, status):
        if self.scratch:
            yield Remove(self.scratch)

    def checks(self, doctor):
        """Get a ticket that nobody keeps: KDC, clock and keytab have to do for that."""
        keytab, conf = (self.host_file(doctor.call, key) for key in ("keytab", "krbConf"))
        yield from plan_ask(
            ("kinit", "-k", "-t", keytab, self.settings.hdfsUser), "the KDC gives a ticket",
            "is the KDC up, its port 88 open, the clock right, and the key hdfsUser's? klist -k "
            f"{shell_line([keytab])} shows whose it is",
            {"KRB5_CONFIG": conf, "KRB5CCNAME": "MEMORY:skelebot", "LC_ALL": "C"})

    def host_file(self, call, key):
        """A file of the section as a path of this machine; a fault if it does not exist."""
        path = host_path(getattr(self.settings, key), "", call.home)
        kind = look(path)
        if kind != "file":
            raise self.settings.places[key].fault(
                f"{shortened(path)} {'is a folder' if kind else 'does not exist'}",
                "correct the path, or put the file there")
        return path


# -- Jupyter

JUPYTER_PORT = 8888     # in the container
TRIES = 100             # ports, from the first one on
READY = 120             # seconds that the server may take to answer
GONE = r"(?i)not running|no such container|no container with name|exec sessions on running"

# As soon as the server answers, at an address that only the container has.
ANSWERS = (f"import urllib.request as r; r.build_opener(r.ProxyHandler({{}}))"
           f".open('http://127.0.0.1:{JUPYTER_PORT}/api', timeout=5)")
JUPYTER_ANSWERS = ("sh", "-c", 'exec "$(command -v python3 || command -v python)" -c "$1"', "sh",
                   ANSWERS)


class IpAddress(Line):
    expected = "an IP address of the Docker host"
    hint = "127.0.0.1 is for this machine only, 0.0.0.0 for everybody"

    @classmethod
    def fits(cls, text):
        try:
            return bool(ipaddress.ip_address(text)) and "%" not in text
        except ValueError:
            return False


StartFolder = scalar_class(
    ProjectPath.expected, "it starts in a folder of the project; mappings brings in others",
    ProjectPath.pattern)


class JupyterSection(Record):
    """The server of `skelebot jupyter`: its port on the Docker host, and where it starts."""
    port: PortNumber = 8888
    folder: StartFolder = "."
    mappings: Tuple[Mapping, ...] = ()
    lab: bool = False
    address: IpAddress = "127.0.0.1"
    _former = {"mapped": "mappings"}


class Jupyter(Component):
    """A server in the project's image, or in NAME:jupyter, which has it on top of that."""
    name = "jupyter"
    of_commands = True
    record = JupyterSection
    example = "{port: 8888}"
    former = {"jupyter": None}
    tag = "jupyter"

    def __init__(self, project=None, settings=None):
        super().__init__(project, settings or JupyterSection())

    def commands(self):
        return {"jupyter": Builtin(
            "start Jupyter in the image, with the project's folder mapped", self.plan, (), (
                Option("port", "p", "the port on the Docker host; the next free one if it is taken",
                       "PORT"),
                flag("lab", "l", "start JupyterLab"),
                flag("notebook", "n", "start Jupyter Notebook")),
            check=self.check_words)}

    def check_words(self, project, words):
        port = words.one("port")
        if words.has("port") and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise usage_error(f"jupyter: --port: expected a port, found {shortened(port)}",
                              "a number from 1 to 65535")
        if words.has("lab") and words.has("notebook"):
            raise usage_error("jupyter: --lab and --notebook cannot be used together",
                              "leave one of them out")

    # -- Its life

    def plan(self, call, project, words):
        """A server in the project's image, with the project mapped, until Ctrl-C."""
        settings = self.settings
        lab = words.has("lab") or (settings.lab and not words.has("notebook"))
        port = int(words.one("port") or settings.port)
        job = Job("jupyter", Source(), mode="d", mappings=(Mapping(".:/app"), *settings.mappings),
                  places={"": Place(FILE, 1)})
        yield MakeFolder(host_path(settings.folder, "", call.home))
        runner = yield from plan_runner(call, project._replace(ports=()), job)
        launch = runner.launch(job, self.argv(lab))._replace(environ={"JUPYTER_TOKEN": call.secret})
        run = Run(job, launch, resources=runner.project.resources)
        return (yield from runner.plan_around(
            run, project.components,
            lambda run: self.plan_server(runner, run, port, lab, call.secret)))

    def plan_server(self, runner, run, first, lab, token):
        """Run the server at the first port that is free, until it ends or is stopped."""
        if run.launch.travels:
            return (yield from runner.plan_notebook(self, run, first, lab, token))
        image, engine = (yield from self.plan_image(runner.engine)), runner.engine
        last = min(first + TRIES, 65536) - 1
        for port in range(first, last + 1):
            launch = run.launch._replace(words=(*run.launch.words, *self.words(port)))
            serve = functools.partial(self.plan_served, engine, port, lab, token)
            try:
                return (yield from runner.plan_run(
                    run._replace(image=image, launch=launch, serve=serve)))
            except PortTaken:
                more = "" if port == last else f", so {port + 1} is tried"
                yield Note(f"port {port} is taken{more}")
        raise SkelebotError(f"the ports {first} to {last} are taken" if last > first else
                            f"port {last} is taken, and there is none after it",
                            "name another one: skelebot jupyter --port 9000")

    def plan_served(self, engine, port, lab, token, run):
        """Say where the server is, and who can reach it, as soon as it answers."""
        answers = Command((*engine.argv, "exec", run.name, *JUPYTER_ANSWERS), kept=True)
        outcome = yield Wait(answers, READY, GONE)
        if outcome.status:
            logs = yield Command((*engine.argv, "logs", "--tail", "20", run.name), kept=True)
            ours = re.search(r"(?m)^skelebot: (.+)\n  hint: (.+)", logs.errors + logs.output)
            if ours:
                raise SkelebotError(*ours.groups())
            last = last_line(logs.errors or logs.output or outcome.errors)
            by_hand = shell_line([*engine.argv, "run", "--rm", run.image, *self.argv(lab)])
            raise SkelebotError(f"Jupyter does not answer: {last}", f"try it by hand: {by_hand}")
        yield Answer(self.url(port, lab, token, engine.endpoint))
        yield from self.plan_reachable(engine.endpoint, port)

    def plan_reachable(self, endpoint, port):
        """Say who can reach the server, and how."""
        address, local = self.settings.address, is_local(endpoint)
        if address not in TRUSTED:
            yield Note(f"warning: everyone who can reach {address} finds Jupyter there; "
                       "only its token keeps them out")
        if not local and address in TRUSTED:
            yield Note(f"it runs on {endpoint}; {tunnel_line(endpoint, port)} brings it here")
        if not local:
            yield Note("when it ends, its copy of the project replaces this one: "
                       "change nothing here until then")
        yield Note("Ctrl-C ends it")

    # -- Its image

    def plan_image(self, engine):
        """The project's image if it has the server, else one that is that and the server."""
        image, call = (yield from Image(engine, self.project).plan_ready()), engine.call
        own = f"{self.project.image}:{self.tag}"
        probe = yield Command((*engine.argv, "run", "--rm", "--pull", "never", "--entrypoint", "",
                               image, *self.probe), kept=True)
        if not probe.status and not call.dry_run:
            return image
        if probe.status == NOT_RUN:
            yield from engine.plan_check_image(image)
        if call.skip_build:
            if (yield engine.ask("image", "inspect", own)).status:
                raise SkelebotError(f"the image {image} has no Jupyter",
                                    "leave -s out, so that one with Jupyter is built")
        elif self.project.dockerfile:
            yield from self.plan_on_top(engine, self.project.image_tag(), own)
        else:
            return (yield from Image(engine, self.project, tag=own, more=self.parts).plan_built())
        return own

    @property
    def probe(self):
        """A shell command that fails in an image which lacks the server, or the kernel for R."""
        kernel = " && jupyter kernelspec list 2> /dev/null | grep -q '^ *ir '"
        return ("sh", "-c", "command -v jupyter-lab && command -v jupyter-notebook"
                + kernel * ("R" in self.project.language))

    def plan_on_top(self, engine, image, own):
        """Build the image with the server from one that has a hand-written Dockerfile."""
        text = "\n".join([image_part("jupyter-base.Dockerfile", image=image), *self.parts])
        builder = yield from engine.plan_builder()
        text, words, environ = Loan(engine.call, self.project, "build").build(text, builder)
        argv = (*engine.argv, "build", "--force-rm", *words, "--tag", own, "-")
        outcome = yield Command(argv, environ, aside=True,
                                quiet=not engine.call.verbose, apart=engine.apart, given=text,
                                title=f"building {own}")
        if outcome.status:
            raise SkelebotError(f"the image {own} was not built (exit status {outcome.status})",
                                "the lines above say which step failed; an image that has Jupyter "
                                "needs none")

    @property
    def parts(self):
        """What the image with the server has on top of the project's own."""
        language = self.project.language
        names = ["jupyter" if "Python" in language else "jupyter-alone", "irkernel"]
        return [image_part(name + ".Dockerfile") for name in names[:1 + ("R" in language)]]

    # -- Its words

    def argv(self, lab):
        return ("jupyter", "lab" if lab else "notebook", "--ip=0.0.0.0", f"--port={JUPYTER_PORT}",
                "--no-browser", "--allow-root")

    def words(self, port):
        """Where the server is published, and the folder it starts in."""
        address = self.settings.address
        published = f"[{address}]" if ":" in address else address
        return ("--publish", f"{published}:{port}:{JUPYTER_PORT}",
                "--workdir", f"/app/{self.settings.folder}")

    def url(self, port, lab, token, endpoint=""):
        """The address for a browser: of this machine, unless it listens at another one's."""
        host = self.settings.address
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1" if is_local(endpoint) else host_of(endpoint) or endpoint
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}/{'lab' if lab else 'tree'}?token={token}"


def tunnel_line(endpoint, port):
    """How this machine reaches a port of another Docker host."""
    parts = urllib.parse.urlsplit(endpoint)
    user = f"{parts.username}@" if parts.username else ""
    ssh_port = ["-p", str(parts.port)] if parts.scheme == "ssh" and parts.port else []
    forward = f"{port}:127.0.0.1:{port}"
    return shell_line(["ssh", "-N", *ssh_port, "-L", forward, user + (parts.hostname or endpoint)])


# -- Repository

VERSION_TEXT = r"\w[\w.+-]*"        # what can be part of a stored name

ArtifactName = scalar_class(
    "a name that can be part of a file's name, and is not ALL",
    "the name is typed as a word, as in: skelebot push model",
    r"(?!ALL$)[^\s./\\:*?\"<>|-][^\n/\\:*?\"<>|]*")
ArtifactFile = scalar_class(
    "a file, or a folder with / at its end",
    "for example models/model.tar.gz or models/bert/", r"(?:(?!\n)[\s/.])*[^\s/.][^\n]*")
DeployType = scalar_class(
    "Artifactory",
    "the artifacts of this spelling go there; components.repository knows other stores as well",
    r"(?i)artifactory")


class Deploy(Record):
    """The place that every artifact of the 2019 spelling has for itself."""
    type: DeployType
    url: Url
    repo: RepositoryName
    path: RepositoryPath = ""


class Artifact(Record):
    """A file, or a folder with a / at its end, kept in versions; a singular one has none."""
    name: ArtifactName
    file: ArtifactFile
    singular: bool = False
    deploy: Optional[Deploy] = None
    places: Hidden = None

    @property
    def is_folder(self):
        return self.file.endswith("/")

    def stored_name(self, version, prefix=""):
        """The name that it is kept under: `[PREFIX]NAME_vVERSION.EXT`, or `[PREFIX]NAME.EXT`.

        EXT is all behind the first dot in the last part of its path; a folder travels as tar.gz.
        """
        versioned = "" if self.singular else f"_v{version}"
        end = "tar.gz" if self.is_folder else os.path.basename(self.file).partition(".")[2]
        return ".".join(filter(None, [prefix + self.name + versioned, end]))

    def stored_version(self, name, prefix=""):
        """The version in a stored name of this artifact; "" in the name of any other."""
        start, end = self.stored_name("\0", prefix).split("\0")
        fits = name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end)
        return name[len(start):len(name) - len(end)] if fits else ""


class OneStore(Record):
    def _complete(self):
        """Raise a fault if there are two stores, or two artifacts of one name."""
        stores = [name for name in STORES if getattr(self, name)]
        if len(stores) > 1:
            raise self.places[""].fault(f"names {listed(stores)}", "keep one of them")
        raise_all([*name_faults(self.artifacts)])
        return self


RepositorySection = type("RepositorySection", (OneStore,), {
    "__doc__": "Where artifacts go: one of STORES, or a folder in the caller's home.",
    "__annotations__": {**{name: Optional[store.record] for name, store in STORES.items()},
                        "artifacts": Tuple[Artifact, ...], "places": Hidden},
    **dict.fromkeys([*STORES, "places"]), "artifacts": ()})


class FormerArtifactory(Record):
    """`components.artifactory` of the 1.x releases."""
    url: Url
    repo: RepositoryName
    path: RepositoryPath = ""
    auth: Auth = Auth()
    artifacts: Tuple[Artifact, ...] = ()


class Repository(Component):
    """Artifacts in versions, in one of the stores."""
    name = "repository"
    of_commands = True
    record = RepositorySection
    former = {
        "components.artifactory": (FormerArtifactory, lambda former: RepositorySection(
            artifactory=Artifactory(*former[:4]), artifacts=former.artifacts)),
        "artifacts": (Tuple[Artifact, ...], lambda own: RepositorySection(artifacts=own))}
    storing = (
        Option("prefix", "p", "begin the stored name with this", "TEXT"),
        Option("user", "u", "the user at the store", "USER"),
        Option("token", "t", "the token or password there; other users can see it", "TOKEN"),
    )

    def __init__(self, project=None, settings=None):
        super().__init__(project, settings or RepositorySection())
        self.stores = []                # opened by this call, so that a login is asked for once

    def commands(self):
        name = Arg("name", "the artifact, or ALL")
        version = Arg("version", "as in 1.2.0; LATEST is the highest that fits the project's, "
                                 "LATEST! the highest of all; without it, the stored versions "
                                 "are listed")
        force = flag("force", "f", "replace what is stored under that version")
        override = flag("override", "o",
                        "put it in the artifact's own place, and replace what is there")
        return {
            "push": Builtin("store artifacts under the project's version", self.plan_push, (name,),
                            (force, *self.storing),
                            check=functools.partial(self.check_words, "push"),
                            foresee=functools.partial(self.plan_push, later=True),
                            offers=self.offers),
            "pull": Builtin("fetch artifacts, or list the versions that are stored", self.plan_pull,
                            (name, version), (override, *self.storing), 1,
                            check=functools.partial(self.check_words, "pull"),
                            foresee=self.plan_foresee_pull, offers=self.offers),
        }

    def offers(self, project):
        return {"name": [*(artifact.name for artifact in self.artifacts), "ALL"],
                "version": ("LATEST", "LATEST!")}

    def ignores(self):
        """What `pull` writes without --override, unless that is the artifact's own place."""
        names = [(artifact.stored_name("0"), artifact) for artifact in self.artifacts]
        names = [(name[:-len(".tar.gz")] if artifact.is_folder else name, artifact)
                 for name, artifact in names]
        return [literal_pattern(name) if artifact.singular
                else literal_pattern(name).replace("_v0", "_v[0-9]*")
                for name, artifact in names if os.path.normpath(artifact.file) != name]

    def checks(self, doctor):
        """Whether each store answers whoever asks here."""
        words = Words({"name": ("ALL",)})
        transfers = self.transfers(doctor.call, "pull", words) if self.artifacts else ()
        yield from self.plan_stores(doctor.call, transfers, words)
        for _, store in self.stores:
            yield from store.names("skelebot-doctor")
            yield Finding("ok", f"{store.where('')} answers")

    # -- Commands

    def plan_pull(self, call, project, words):
        """Fetch artifacts whole and as they were pushed; look all up before one is fetched."""
        transfers = self.transfers(call, "pull", words)
        yield from self.plan_stores(call, transfers, words)
        versioned = [transfer for transfer in transfers if not transfer.artifact.singular]
        if versioned and not words.one("version"):
            for transfer in versioned:
                yield from transfer.plan_list(len(transfers) > 1)
            return 0
        for transfer in transfers:
            yield from transfer.plan_find(words.one("version"), words.has("override"))
        if not words.has("override"):
            yield from plan_hide_from_git([transfer.path for transfer in transfers])
        for transfer in transfers:
            yield from transfer.plan_fetch()
        return 0

    def plan_foresee_pull(self, call, project, words):
        """Raise what would stop a later pull: a version that no push before it can make."""
        typed, transfers = words.one("version"), self.transfers(call, "pull", words)
        own = re.sub("^v", "", typed.lower()) in ("", "latest", "latest!", project.version.lower())
        yield from () if own and not call.offline else self.plan_stores(call, transfers, words)
        for transfer in transfers if not own else ():
            if not transfer.artifact.singular:
                yield from transfer.plan_find(typed, False)

    def plan_push(self, call, project, words, later=False):
        """Send artifacts under the project's version; all are checked before one is sent.

        later  whether only what would stop that is to be told, before their files are made
        """
        force, transfers, new = words.has("force"), self.transfers(call, "push", words), []
        yield from self.plan_check_version(transfers)
        for transfer in transfers:
            transfer.name_it(project.version)
            if not later:
                transfer.find_source()
        yield from self.plan_stores(call, transfers, words)
        for transfer in transfers:
            sure = force or later and transfer.artifact.singular
            new += [transfer] if sure or (yield from transfer.plan_is_new()) else []
        for transfer in () if later else new:
            yield from transfer.plan_send(force)
        return 0

    def plan_check_version(self, transfers):
        """Check that a name can hold the project's version; warn if LATEST will not find it."""
        version = self.project.version
        if all(transfer.artifact.singular for transfer in transfers):
            return
        if not re.fullmatch(VERSION_TEXT, version, re.ASCII) or version.upper() == "LATEST":
            raise SkelebotError(
                f"VERSION: expected a version such as 1.2.0, found {shortened(version)}"
                if version else f"{self.project.name} has no version",
                "write one into the file VERSION, as in 1.0.0")
        if not Semantic.parse(version):
            yield Note(f"warning: {version} is not a semantic version such as 1.2.0, "
                       "so LATEST will not find it")

    # -- Which artifacts, and where they are kept

    def check_words(self, command, project, words):
        typed, prefix = words.one("version"), words.one("prefix")
        self.selection(command, words)
        if prefix and not ArtifactName.fits(prefix):
            raise usage_error(f"{command}: expected a prefix that can begin a file's name, "
                              f"found {shortened(prefix)}", "for example --prefix team-")
        if typed and typed.upper() != "LATEST!" and not re.fullmatch(VERSION_TEXT, typed, re.ASCII):
            raise usage_error(f"pull: expected a version, found {shortened(typed)}",
                              "for example 1.2.0, or LATEST")

    def transfers(self, call, command, words):
        return [Transfer(call, self, artifact, words.one("prefix"))
                for artifact in self.selection(command, words)]

    def selection(self, command, words):
        """The artifacts that a command names: one, or ALL."""
        known, name = {artifact.name: artifact for artifact in self.artifacts}, words.one("name")
        if not known:
            raise SkelebotError(f"{FILE}: names no artifacts",
                                "add them below components.repository, as in: "
                                "artifacts: [{name: model, file: models/model.tar.gz}]")
        if not name:
            raise usage_error(f"{command}: needs NAME",
                              f"an artifact, or ALL of them: {', '.join(known)}")
        if name != "ALL" and name not in known:
            raise usage_error(f"{command}: no artifact is named {shortened(name)}",
                              did_you_mean(name, [*known, "ALL"]))
        return list(known.values()) if name == "ALL" else [known[name]]

    @property
    def artifacts(self):
        return self.settings.artifacts

    def plan_stores(self, call, transfers, words):
        """Open the store of each artifact; one that several share asks for a login only once."""
        if words.one("token"):
            yield Note("warning: a token on the command line is visible to other users; " + listed((
                one.token for one in STORES.values() if one.token), "or") + " keeps it hidden")
        own, stores = self.place(call), self.stores
        typed = words.one("user") or words.one("token")
        if typed and not STORES[own[0]].token and getattr(self.settings, own[0]):
            yield Note(f"warning: {own[0]} has no use for --user and --token")
        for transfer in transfers:
            deploy = transfer.artifact.deploy
            kind, place = ("artifactory", Artifactory(*deploy[1:])) if deploy else own
            transfer.store = next((store for known, store in stores if known == place), None)
            if not transfer.store:
                check_online(call.offline and STORES[kind].far, f"the store in {kind}")
                transfer.store = yield from STORES[kind].plan_open(call, place, words)
                stores.append((place, transfer.store))

    def place(self, call):
        """(kind, section) of the store: the one that is named, or a folder in the caller's home."""
        named = [(name, getattr(self.settings, name)) for name in STORES]
        name = self.project.name
        folder = name if re.fullmatch(r"\w[\w .-]*", name) else slug(name)
        home = skelebot_home(call.environ, call.home)
        default = "folder", Folder(os.path.join(home, "artifacts", folder))
        return next((one for one in named if one[1]), default)


class Transfer:
    """An artifact on its way between this machine and its store.

    store   which keeps it, as soon as that is known
    name    that it is kept under
    path    of this machine
    stored  what the store has of that name
    """
    store, name, path, stored = None, "", "", None

    def __init__(self, call, repository, artifact, prefix):
        self.call, self.project, self.artifact = call, repository.project, artifact
        self.artifacts, self.prefix = repository.artifacts, prefix
        self.kind = "folder" if artifact.is_folder else "file"

    # -- From the store

    def plan_list(self, several):
        """The versions that are stored, one on a line; the newest last."""
        versions = yield from self.plan_versions()
        asked = versions[-20:] if sys.stdout.isatty() else ()   # a program wants no more
        for version in versions:
            self.name_it(version)
            told = (yield from self.plan_told()) if version in asked else ""
            yield Answer(f"{self.artifact.name} " * several + version + told)
        if not versions and not self.call.dry_run:
            yield Note(f"no version of {self.artifact.name} is stored at {self.store.where('')}")

    def plan_find(self, typed, override):
        """Set what the store has of it, and its path here; raise a fault if it is not stored."""
        version = yield from self.plan_version(typed)
        plain = re.sub(r"^[vV](?=\d)", "", version)      # of v1.2.0, unless that is what is stored
        for one in dict.fromkeys((plain, version)):
            if not self.stored:
                self.name_it(one)
                self.stored = yield from self.store.find(self.name)
        if not self.stored:
            self.name_it(plain)
        if not self.stored and not self.call.dry_run:
            try:        # the hint names what can be pulled
                versions = [] if self.artifact.singular else (yield from self.plan_versions())
                hint = self.versions_hint(versions)
            except SkelebotError as fault:
                hint = f"what is stored could not be listed: {fault.message}"
            raise SkelebotError(f"{self.name} does not exist: {self.where}", hint)
        self.path  = self.name[:-len(".tar.gz")] if self.artifact.is_folder else self.name
        if override:
            self.path = home_path(self.artifact.file, self.call.home)
        kind = look(self.path, root_of(self.path))
        if kind not in ("", self.kind):
            raise SkelebotError(f"{self.path}: is a {kind}, which {self.name} cannot replace",
                                "move it away")

    def plan_version(self, typed):
        """The version to pull: as typed, or what LATEST (it fits the project) or LATEST! means."""
        if self.artifact.singular or typed.upper() not in ("LATEST", "LATEST!"):
            return typed
        own = "" if typed.endswith("!") else self.project.version
        if not typed.endswith("!") and not Semantic.parse(own):
            raise SkelebotError(
                f"LATEST looks for what fits the project's version, and {shortened(own)} is not a "
                "semantic version",
                "write one into the file VERSION, as in 1.0.0, or pull LATEST!")
        versions = yield from self.plan_versions()
        version = latest(versions, own)
        if not version and not self.call.dry_run:
            what = f"fits {own}" if own else "exists"
            raise SkelebotError(f"no version of {self.artifact.name} {what}",
                                self.versions_hint(versions))
        return version or "VERSION"         # in a dry run nobody knows which

    def plan_versions(self):
        """The versions in the store, the latest last; a singular artifact may look like one."""
        start = self.artifact.stored_name("\0", self.prefix).split("\0")[0]
        names = yield from self.store.names(start)
        others = [other.stored_name("", self.prefix) for other in self.artifacts if other.singular]
        versions = {self.artifact.stored_version(name, self.prefix) for name in names
                    if name not in others}
        own = [one for one in versions if one and not one.endswith((".sha256", ".json"))]
        return sorted(own, key=lambda one: (Semantic.parse(one) or (), one))

    def versions_hint(self, versions):
        known = list(filter(Semantic.parse, versions))
        return (f"known versions: {', '.join(known[-10:])}" if known else
                f"nothing of that name is stored at {self.store.where('')}: "
                f"check the address in {FILE}, or push it")

    def plan_fetch(self):
        """Fetch it, unless it is here; a folder comes as an archive."""
        self.stored = self.stored or Stored()
        if (yield from self.plan_is_here()):
            yield Note(f"{self.path} is up to date")
            return
        if os.path.dirname(self.path):
            yield MakeFolder(os.path.dirname(self.path))
        if self.artifact.is_folder:
            scratch = yield Scratch(self.call.token, self.path)     # beside its place
            try:
                archive = os.path.join(scratch, self.name)
                yield from self.store.fetch(self.name, archive, self.stored)
                yield Unpack(archive, self.path, self.name)
            finally:
                yield Remove(scratch)
        else:
            yield from self.store.fetch(self.name, self.path, self.stored)
        if not self.call.dry_run:
            yield Note(f"pulled {self.name} to {self.path}{(yield from self.plan_told())}")

    def plan_is_here(self):
        """Whether its path holds what is stored."""
        if self.call.dry_run or not self.stored.sha256 or look(self.path) != self.kind:
            return False
        try:
            return (yield from self.plan_with_body(digests_of)).sha256 == self.stored.sha256
        except SkelebotError:
            return False                    # it cannot be read, so it is something else

    def plan_told(self):
        """What is known of the run that wrote it, as in `: run 2, lr 0.1`; else ""."""
        stored = self.stored or (yield from self.store.find(self.name, (200, 403, 404)))
        facts = (yield from self.store.plan_facts(self.name, stored or Stored()))
        facts = facts.items() if isinstance(facts, dict) else ()
        words = ", ".join(f"{name} {as_text(text)}" for name, text in facts)[:500]
        return f": {words}" if words else ""

    # -- To the store

    def find_source(self):
        """Raise a fault if its path is no file or folder that can be read."""
        file, place = self.artifact.file, self.artifact.places["file"]
        self.path = home_path(file, self.call.home)
        kind, shown = look(self.path), shortened(self.path)
        if not kind and not self.call.later:
            raise place.fault(f"{shown} does not exist",
                              "run the job that makes it, or correct the path")
        if kind not in ("", self.kind):
            raise place.fault(f"{shown} is a {kind}", f"write it with a / at its end: {file}/"
                              if kind == "folder" else "write it without the / at its end")
        check_readable(self.path)

    def plan_is_new(self):
        """Whether it is to be sent; if it exists, only a singular one that is the same is fine."""
        stored = yield from self.store.find(self.name, (200, 403, 404))
        if not stored:
            return True
        if self.artifact.singular and stored.sha256:
            digests = yield from self.plan_with_body(digests_of)
            if stored.sha256 == digests.sha256:
                yield Note(f"{self.name} is stored already, with the same content: {self.where}")
                return False
        bump = "" if self.artifact.singular else "bump the version, or "
        raise SkelebotError(f"{self.name} exists already: {self.where}",
                            f"{bump}add -f to replace it")

    def plan_send(self, force):
        run = Runs().writer(self.path)
        store = self.store._replace(facts=run.facts) if run else self.store
        said = yield from self.plan_with_body(lambda body: store.send(self.name, body, force))
        if not self.call.dry_run:
            yield Note(f"pushed {self.name} to {self.where}" + (f", run {run.name}" if run else "")
                       + (f": {said}" if said else ""))

    def plan_with_body(self, function):
        """What a function, or a plan, makes of its open file; that of a folder is its archive."""
        body = (yield Pack(self.path)) if self.artifact.is_folder else open_file(self.path)
        body = Body(None, self.path, 0) if self.call.later and not body else body
        if not body:
            raise self.artifact.places["file"].fault(
                f"{shortened(self.path)} does not exist any more", "push it when it is finished")
        try:
            value = function(body)
            return (yield from value) if hasattr(value, "send") else value
        finally:
            yield Release(body)

    # -- Where it is kept

    def name_it(self, version):
        self.name = self.artifact.stored_name(version, self.prefix)

    @property
    def where(self):
        return self.store.where(self.name)


def plan_hide_from_git(paths):
    """Name paths of the project among those that git, in this clone, leaves out."""
    if not is_in_git(os.path.abspath(".")):
        return
    try:
        outcome = yield Command(("git", "rev-parse", "--show-prefix", "--git-path", "info/exclude"),
                                looks=True)
        prefix, file, *_ = (outcome.output + "\n\n").split("\n")
        if outcome.status or not file:
            return
        present = (read_bytes(file) or b"").decode("utf-8", "surrogateescape")
        new = [line for line in (literal_pattern(prefix + path) for path in paths)
               if line not in present.split("\n")]
        if new:
            text = "\n".join([*filter(None, [present.rstrip("\n")]), *new, ""])
            yield MakeFolder(os.path.dirname(file))
            yield File(file, text.encode("utf-8", "surrogateescape"))
    except SkelebotError as fault:
        yield Note(f"warning: git still sees what was pulled: {fault.message}")


def is_in_git(folder):
    """Whether a folder, or one above it, is a checkout."""
    above = os.path.dirname(folder)
    return bool(look(os.path.join(folder, ".git"))) or (above != folder and is_in_git(above))


# -- Registry

TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"      # source: distribution, reference grammar
ECR = r"\d+\.dkr[.-]ecr(?:-fips)?\.([a-z0-9][a-z0-9-]*)\."
NO_LOGIN = (r"(?i)no basic auth|unauthori[sz]ed|authentication required|authorization"
            r"|access .{0,99}denied|denied: |\b401\b|invalid username/password|forbidden")
REGISTRY_WAYS = ("log in first, with docker login, or set SKELEBOT_REGISTRY_USER and "
                 "SKELEBOT_REGISTRY_PASSWORD")


RegistryHost = scalar_class(
    "the host of a registry",
    "for example registry.example.com, without https:// and without a path",
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::(?P<ports>\d{1,5}))?",
    Ported)
RegistryUser = scalar_class(
    "a user, or a path, of a-z, 0-9 and single separators",
    "for example acme, or acme/models; Docker takes lower-case letters only",
    r"[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")


class RegistryAws(Record):
    region: Region = ""
    profile: AwsWord = ""


class RegistrySection(Record):
    """Where images are published; without a host on Docker Hub."""
    host: RegistryHost = ""
    port: Optional[PortNumber] = None
    user: RegistryUser = ""
    aws: Optional[RegistryAws] = None
    places: Hidden = None
    _hints = dict.fromkeys(("password", "token"), "passwords are not kept here: log in with docker "
                                                 "login, or set SKELEBOT_REGISTRY_PASSWORD")

    @property
    def address(self):
        """The host, with its port if it has one."""
        return f"{self.host}:{self.port}" if self.port else self.host

    def _complete(self):
        """Raise a fault if Docker would take the host for a user of Docker Hub."""
        host, port, places = self.host, self.port, self.places
        if port and ":" in host.rpartition("]")[2]:
            raise places["port"].fault(f"given twice, also in host: {host}", "keep one of them")
        if port and not host:
            raise places["port"].fault("has no meaning without host",
                                       "add a line such as host: registry.example.com")
        if host and not port and not re.search(r"[.:]|^localhost$", host):
            raise places["host"].fault(
                f"Docker takes {shortened(host)} for a user of Docker Hub",
                f"add port:, or write the whole name, such as {host}.example.com")
        if self.aws and not host:
            raise places["aws"].fault("needs the key host",
                                      "as in host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com")
        return self


class Registry(Component):
    """The image, pushed under tags."""
    name = "registry"
    of_commands = True
    record = RegistrySection
    example = "{host: registry.example.com}"

    def commands(self):
        return {"publish": Builtin(
            "push the image to the registry, tagged with the version and latest", self.plan, (), (
                Option("tag", "t", "more tags", "TAG...", accepts="list"),
                flag("omit-version", "v", "leave the version's tag out"),
                flag("omit-latest", "l", "leave the tag latest out")), check=self.check_words,
                foresee=self.plan_foresee)}

    def checks(self, doctor):
        """Whether it answers, and knows who pushes."""
        call, host = doctor.call, self.settings.address or "registry-1.docker.io"
        if self.settings.aws:
            return (yield from plan_ask(self.ecr_argv, "AWS gives a password"))
        scheme = "http" if host_of("//" + host) in TRUSTED else "https"
        answer = yield from plan_answer(Request("GET", f"{scheme}://{host}/v2/"), (200, 401))
        known = (answer.status != 401 or call.environ.get("SKELEBOT_REGISTRY_PASSWORD")
                 or (yield from self.plan_knows_login(call)))
        yield (Finding("ok", f"{host} answers") if known else
               Finding("bad", f"{host} answers, and no login for it is known", REGISTRY_WAYS))

    def check_words(self, project, words):
        if not self.settings:
            raise SkelebotError(f"{FILE}: names no registry", "add it below components, as in: "
                                "registry: {host: registry.example.com, user: team}")
        if not self.settings.host and not self.settings.user:
            raise self.settings.places[""].fault(
                "names neither host nor user",
                "Docker Hub needs a user, as in: registry: {user: team}")
        if not self.tags(words):
            raise usage_error("publish: no tag is left",
                              "give one with --tag, or leave --omit-latest out")

    def plan_foresee(self, call, project, words):
        """Raise what would stop a later publication: its host, or a secret in the context."""
        check_online(call.offline, "publish")
        engine = yield from plan_engine(call, Hosts(call, project).chosen().engine)
        yield from engine.plan_check()
        if not (self.settings.aws or call.environ.get("SKELEBOT_REGISTRY_PASSWORD")
                or engine.docker_hub or (yield from self.plan_knows_login(call))):
            where = self.settings.address or "Docker Hub"
            yield Note(f"warning: no login at {where} is known, if it wants one: {REGISTRY_WAYS}")
        if not call.skip_build and not other_ignore_file(project):
            self.check_secrets(self.secrets_in_context())

    def plan(self, call, project, words):
        """Build the image, tag it and push every tag; check first what can be known to fail."""
        check_online(call.offline, "publish")
        engine = yield from plan_engine(call._replace(live=False),
                                        Hosts(call, project).chosen().engine)
        tags = self.tags(words)
        image = yield from self.plan_image(engine, tags)
        references = [f"{self.image}:{tag}" for tag in tags]
        for reference in references:
            yield from plan_must(Command((*engine.argv, "tag", image, reference), kept=True))
        for reference in references:
            digest = yield from self.plan_push(engine, reference)
            if not call.dry_run:
                yield Answer(reference + (f"@{digest}" if digest else ""))
        return 0

    def tags(self, words):
        """The tags of `publish`, each once: the version, latest, and those that are typed."""
        typed, version = words.values.get("tag", ()), self.project.version
        tags = [*([version] if version and not words.has("omit-version") else []),
                *([] if words.has("omit-latest") else ["latest"]), *typed]
        for tag in tags:
            if not re.fullmatch(TAG, tag, re.ASCII):
                what, more = ("--tag", "") if tag in typed else (
                    "VERSION", "; -v leaves the version out")
                raise usage_error(
                    f"publish: {what}: {shortened(tag)} is not a tag", "a tag has up to 128 "
                    "letters, digits, _ . and -, and does not start with . or -" + more)
        return tuple(dict.fromkeys(tags))

    @property
    def image(self):
        """`[HOST[:PORT]/][USER/]NAME`."""
        above = self.settings.address, self.settings.user
        return "/".join(filter(None, [*above, self.project.image]))

    # -- What must not be in the image

    def plan_image(self, engine, tags):
        """The image, built if need be; secrets are looked for in its context, else in it."""
        other, skip_build = other_ignore_file(self.project), engine.call.skip_build
        if skip_build:
            tag, own = self.project.image_tag(), self.project.version
            yield from engine.plan_check_image(tag)
            label = yield engine.inspect('{{index .Config.Labels "%sversion"}}' % LABEL, tag)
            version = label.output.strip()
            if own in tags and version not in ("", "<no value>", own):
                raise SkelebotError(
                    f"the image {tag} is of version {shown_text(version)}, not {own}",
                    "leave -s out, so that it is built again, or -v leaves the version's tag out")
        elif not other:
            self.check_secrets(self.secrets_in_context())
        image = yield from Image(engine, self.project, plain=True).plan_ready()
        if skip_build or other:
            self.check_secrets((yield from self.plan_secrets_in_image(engine, image)),
                               f" or {other}" if other else ", and leave -s out")
        return image

    def secrets_in_context(self):
        """The names of files in the build context that should be in no image."""
        rules = Ignores(ignore_file(self.project, None)[0])
        return secrets_in(context_files(rules), secret_paths(self.project))

    def plan_secrets_in_image(self, engine, image):
        """The names of files in an image's /app that should be in none."""
        name = f"{self.project.image}-publish-{engine.call.token}"
        create = (*engine.argv, "create", "--pull", "never", "--name", name, "--entrypoint", "",
                  image, "true")
        try:
            yield from plan_must(Command(create, kept=True))
            archive = (*engine.argv, "cp", f"{name}:/app", "-")
            return (yield SecretsInside(archive, secret_paths(self.project)))
        finally:
            yield Command(engine.remove(name), kept=True)

    def check_secrets(self, secrets, more=""):
        for path, kind in secrets or ():
            raise SkelebotError(
                f"{path}: holds {kind}, and would be in the image that is published",
                f"add it to ignores in {FILE}, as - {ignores_line(path)}{more}")

    # -- Pushes

    def plan_push(self, engine, reference):
        """Push one tag, after a login if one is missing; returns the digest, if there is one."""
        outcome, said = yield from engine.plan_push(reference)
        if outcome.status and re.search(NO_LOGIN, outcome.errors):
            yield from self.plan_login(engine, self.push_failure(reference, outcome))
            outcome, said = yield from engine.plan_push(reference)
        if outcome.status:
            hint = ("ask who runs the registry for the permission"
                    if re.search(NO_LOGIN, outcome.errors) else
                    refusal_hint(outcome.errors, "the engine's message says what is missing"))
            raise SkelebotError(self.push_failure(reference, outcome), refusal_hint(
                outcome.errors, hint, "registry", self.settings.address or "Docker Hub"))
        digest = re.search(r"(?:digest: |\A)(sha256:[0-9a-f]{64})", said)
        return digest.group(1) if digest else ""

    def push_failure(self, reference, outcome):
        return f"{reference} was not pushed: {shown_text(last_line(outcome.errors))}"

    # -- Who asks

    def plan_login(self, engine, unpushed):
        """Log in to the registry, for a push that was refused with these words."""
        environ = engine.call.environ
        try:
            user, password = yield from self.plan_ask_login(environ)
        except SkelebotError as fault:
            in_vain = fault.hint == REGISTRY_WAYS       # there is no terminal
            raise SkelebotError(unpushed if in_vain else f"{unpushed}; {fault.message}", fault.hint)
        address = self.settings.address or engine.docker_hub
        outcome = yield Command((*engine.argv, "login", "--username", user, "--password-stdin",
                                 *([address] if address else [])), kept=True, given=password)
        if outcome.status:
            last = shown_text(last_line(outcome.errors))
            helper = re.search(r"docker-credential-[\w.-]+", outcome.errors)
            who = helper.group() if helper else address or "Docker Hub"
            raise SkelebotError(
                f"{who} refuses the login of {user}: {last}",
                refusal_hint(outcome.errors, (
                    "look at SKELEBOT_REGISTRY_USER and SKELEBOT_REGISTRY_PASSWORD" if environ.get(
                        "SKELEBOT_REGISTRY_PASSWORD") else "give another user and password")))

    def plan_ask_login(self, environ):
        """(user, password) for the registry: of AWS, of the environment, or asked for."""
        if self.settings.aws:
            outcome = yield from plan_must(Command(self.ecr_argv, kept=True))
            return "AWS", Secret(outcome.output.strip())
        host = self.settings.host or "Docker Hub"
        user = environ.get("SKELEBOT_REGISTRY_USER", "")
        password = environ.get("SKELEBOT_REGISTRY_PASSWORD", "")
        own = self.settings.user if "/" not in self.settings.user else ""
        user = user or (yield Ask(f"User at {host}", own, ways=REGISTRY_WAYS))
        question = f"Password of {user} at {host}"
        return user, Secret(password or (yield Ask(question, ways=REGISTRY_WAYS, hidden=True)))

    def plan_knows_login(self, call):
        """Whether Docker's file has a login for the registry, or the helper that it names there."""
        address = self.settings.address or "https://index.docker.io/v1/"
        text = docker_config(call.environ, call.home)
        helpers = [name for key in (re.escape(address), "credsStore")
                   for name in re.findall(rf'"{key}"\s*:\s*"([\w.-]+)"', text)]
        asked = Command(("docker-credential-" + "".join(helpers[:1]), "get"), kept=True,
                        given=address)
        return not (yield asked).status if helpers else f'"{address}"' in text

    @property
    def ecr_argv(self):
        """The command that prints a password for a registry of AWS."""
        known, aws = re.match(ECR, self.settings.host), self.settings.aws
        region = aws.region or (known.group(1) if known else "")
        return ("aws", "ecr", "get-login-password", *(("--region", region) if region else ()),
                *(("--profile", aws.profile) if aws.profile else ()))


# -- Package

ZipPath = scalar_class(
    "the file to write", "for example dist/churn.zip",
    r"(?:[^\n]*/)?(?:(?!\n)[\s.])*[^\s/.][^\n/]*")


class PackageSection(Record):
    """The zip file of the project, and the patterns of what stays out."""
    path: ZipPath
    ignores: Tuple[Ignore, ...] = ()
    places: Hidden = None
    _former = {"ignore": "ignores"}


class Package(Component):
    """A zip file of the project."""
    name = "package"
    of_commands = True
    record = PackageSection
    example = "{path: dist/churn.zip}"

    def commands(self):
        return {"package": Builtin("zip the project", self.plan, check=self.check_words)}

    def check_words(self, project, words):
        if not self.settings:
            raise SkelebotError(f"{FILE}: has no section components.package",
                                "add it below components, as in: "
                                "package: {path: dist/churn.zip, ignores: [data/]}")

    def plan(self, call, project, words):
        """Zip the project; the path may hold an earlier zip file, and nothing else."""
        path, place = home_path(self.settings.path, call.home), self.settings.places["path"]
        if look(path) == "folder":
            raise place.fault(f"{shortened(path)} is a folder",
                              f"name a file, as in {path}/project.zip")
        if read_bytes(path, 2) not in (None, b"", b"PK"):
            raise place.fault(f"{shortened(path)} exists, and is not a zip file",
                              "name another file")
        patterns = ["**/.git", *env_files_inside(project), *self.settings.ignores,
                    *ignored_by_components(project)]
        rules = Ignores("\n".join(patterns), cautious=False)
        for name, kind in secrets_in(context_files(rules), secret_paths(project)) or ():
            yield Note(f"warning: {name} holds {kind}, and goes into the zip file; to keep it "
                       f"out, add to ignores below package: - {ignores_line(name)}")
        if os.path.dirname(path):
            yield MakeFolder(os.path.dirname(path))
        files, size, left_out = yield Zip(path, rules)
        for name in left_out:
            yield Note(f"{name} was left out: it leads out of the project, or is not a file")
        if not call.dry_run:
            yield Note(f"packaged {files} files, {shown_size(size)}")
        yield Answer(path)
        return 0


# -- All of them

COMPONENTS = {kind.name: kind for kind in (Jupyter, Kerberos, Repository, Registry, Package)}


def our_components(project):
    """name -> each of ours, also those that take no part in the project."""
    parts = {one.name: one for one in project.components} if project else {}
    return {name: parts.get(name) or kind(project) for name, kind in COMPONENTS.items()}


def with_components(project):
    """The project with its components, of which ours wrap a job's command last, for its ticket."""
    kinds = (*project.installed, *COMPONENTS.items())
    project = project._replace(components=new_components(project, kinds))
    for one in project.components:
        one.project = project
    return project


# -- What all components of a project say

def plan_hook(one, hook, *values):
    """The steps of a hook that is a plan; returns a Launch of `before`, a dict of `section`."""
    with Blamed(one.name, getattr(type(one), hook)) as blamed:
        value = yield from blamed.plan(getattr(one, hook), *values)
        kind = {"before": Launch, "section": dict}.get(hook)
        if kind and value is not None and not isinstance(value, kind):
            raise TypeError(f"{hook}() has to return its {'launch' if kind is Launch else 'keys'}, "
                            f"not {repr(value)[:60]}")
        foreign = kind is Launch and value and one.name not in COMPONENTS
        return well_formed(value) if foreign else value


def well_formed(launch):
    """The Launch that a plugin has changed, with its numbers as texts; else a TypeError."""
    for name in ("argv", "words", "first", "beside", "mappings"):
        value = getattr(launch, name)
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, (str, int, float))
                                                           for one in value):
            raise TypeError(f"{name} of a launch has to be a list of texts, not {repr(value)[:60]}")
    wrong = [text for text in launch.mappings if not Mapping.fits(str(text))]
    if wrong or not isinstance(launch.environ, dict):
        raise TypeError(f"of a launch, {repr(wrong[0] if wrong else launch.environ)[:60]} is no "
                        + (f"mapping such as {Mapping.expected}" if wrong else "dict"))
    environ = {str(name): value if isinstance(value, str) else str(value)
               for name, value in launch.environ.items()}
    return launch._replace(
        environ=environ, argv=tuple(map(str, launch.argv)), words=tuple(map(str, launch.words)),
        mappings=tuple(Mapping(one) for one in launch.mappings))


def ignored_by_components(project):
    """Lines of .dockerignore that come last: those of components, then the secret files inside."""
    return (*component_words(project, "ignores"), *lines_inside(project, project.secret_files))


def secret_paths(project):
    """The files of this machine that are to be in no image that is published."""
    return (*named_paths(project, project.secret_files), *component_words(project, "secrets"))


def env_files_inside(project):
    """Lines for envFiles, also of other environments without faults, but for those that `copy`
    names; one of `ignores` with a ! takes back.
    """
    copied = [os.path.normpath(pair.partition(":")[0]) for pair in project.copy]
    projects = [project]
    for env in sorted({"", *project.envs} - {project.env}):
        file = environment_file(env)
        with contextlib.suppress(SkelebotError):
            if b"envFiles" in (read_bytes(os.path.join(project.folder, file)) or b""):
                base, over = (read_entries(project.folder, one) for one in (FILE, file))
                projects.append(read_project({**base, **over}, Place(FILE, 1), project.installed))
    names = [file.path for it in projects for one in (it, *it.jobs) for file in one.envFiles]
    return lines_inside(project, [name for name in names if os.path.normpath(name) not in copied])


def lines_inside(project, names):
    """A line of .dockerignore for each path of such files that is inside."""
    return sorted({literal_pattern(os.path.relpath(path, folder))
                   for folder in {project.folder, os.path.realpath(project.folder)}
                   for path in named_paths(project, names) if is_relative_to(path, folder)})


def named_paths(project, names):
    """The paths of files that the project names: these, and where links lead."""
    paths = [host_path(name, project.folder, os.path.expanduser("~")) for name in names]
    return tuple(sorted({*paths, *map(os.path.realpath, paths)}))


def component_words(project, hook, *values):
    """What all components list."""
    return tuple(str(word) for one in project.components for word in hook_value(one, hook, *values))


HOOKS = {"commands": dict, "tools": str, "dockerfile": str, "ignores": (list, tuple),
         "secrets": (list, tuple), "run_words": (list, tuple), "prompts": dict}


def hook_value(one, hook, *values):
    """What a component's hook returns, None as nothing of its kind."""
    kind = HOOKS[hook]
    with Blamed(one.name, getattr(type(one), hook)):
        value = getattr(one, hook)(*values)
        if value is not None and not isinstance(value, kind):
            wanted = {str: "a text", dict: "a dict"}.get(kind, "a list of texts")
            raise TypeError(f"{hook}() has to return {wanted}, not {repr(value)[:60]}")
    return value or (kind if isinstance(kind, type) else tuple)()


# -- What must be in no image

class SecretPatterns:
    """What shows that a file should be in no image, as templates/image/kept-out has it.

    kinds   (what it holds, a pattern of its path in lower case, one of its first bytes)
    likely  a pattern of the names of all files that may hold some
    """

    def __init__(self):
        rows = template_rows("image", "kept-out")
        named = {name: "".join(lines) for name, *lines in rows if name.endswith(":")}
        self.marks = named["marks:"].encode().split(b"|")
        self.private_key, self.token = named["private key:"].encode(), named["token:"].encode()
        self.example, self.with_addresses = named["example:"], "|".join(
            [named["addresses:"], named["settings:"]])
        self.kinds = [(kind, names, content.encode()) for kind, names, content in (
            *(row for row in rows if not row[0].endswith(":")),
            ("a password", named["settings:"], named["assigned:"]))]
        self.likely = "|".join([*(names for _, names, _ in self.kinds), named["addresses:"],
                                named["keys:"]])

    def kind(self, path, start):
        """What a file holds, by its name and first bytes; "" if nothing."""
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            start = marked_text(start).encode("utf-8")
        if any(mark in start for mark in self.marks):
            if re.search(self.private_key, start):
                return "a private key"
            if start[:2] in (b"\5\1", b"\5\2") and b"krbtgt" in start:
                return "a keytab"
            if re.search(self.token, start):
                return "a token"
        if not self.is_named(path, self.likely) or self.is_named(path, self.example):
            return ""
        start, text = re.sub(rb"(?m)^[ \t]*[#;].*", b"", start), ""
        if self.is_named(path, self.with_addresses):
            text = start.decode("utf-8", "replace")
        return "a password" if has_password(text) else next((
            kind for kind, names, content in self.kinds
            if self.is_named(path, names) and re.search(content, start)), "")

    @staticmethod
    def is_named(path, names):
        """Whether a path ends in a name, or a folder and a name, that a pattern fits."""
        near = path.lower()[-300:].split("/")[-2:]
        return bool(re.fullmatch(names, near[-1]) or re.fullmatch(names, "/".join(near)))


secret_patterns = functools.lru_cache(None)(SecretPatterns)


# ---- Plugins ----------------------------------------------------------------
#
# A plugin is NAME/NAME.py in ~/.skelebot/plugins, with a class like our own components. Its
# `import skelebot` is this module, however that was started.

PLUGIN = r"[A-Za-z_][\w-]*"
OLD_PLUGIN = "command.py"               # what a plugin of 2019 has instead of NAME.py
QUARANTINE = "plugins-quarantine"
MOST_UNPACKED = 50 * 1000 * 1000        # bytes of a plugin
MOST_FILES = 10000


# -- plugin

class PluginCommand:
    """`skelebot plugin`: install, list or remove plugins."""
    actions = ("install", "remove", "list")

    def __init__(self, call, words):
        self.call, self.home = call, skelebot_home(call.environ, call.home)
        self.action, self.source = words.one("action", "list"), words.one("source")
        self.folder = os.path.join(self.home, "plugins")

    @classmethod
    def check(cls, project, words):
        action, source = words.one("action"), words.one("source")
        if action in ("install", "remove") and not source:
            what = "ZIP, FOLDER or URL" if action == "install" else "NAME"
            raise usage_error(f"plugin {action}: needs {what}",
                              "skelebot plugin list shows what is installed")
        if action not in ("install", "remove") and source:
            raise usage_error(f"plugin: cannot place {shortened(source)}",
                              did_you_mean(action, cls.actions))

    def plan(self):
        known = self.action in self.actions
        yield from getattr(self, "plan_" + (self.action if known else "install"))()
        return 0

    def plan_install(self):
        """Write a plugin beside its place, then move it there; the earlier one stays until then."""
        files, source = PluginFiles(), self.source or self.action
        if re.match(r"https?://", source):
            data = yield from self.plan_download(source)
            if data is None:
                yield Note("what follows depends on the plugin")
                return
            files.add_zip(data)
        else:
            self.read(files, source)
        name = files.name
        place = os.path.join(self.folder, name)
        instead = ", replacing an earlier one" if look(place) else ""
        yield MakeFolder(self.folder)
        yield from plan_new_folder(place, lambda new: self.plan_write(files.files, new),
                                   self.call.token)
        if not self.call.dry_run:
            yield Note(f"installed the plugin {name} in {place}{instead}")

    def plan_download(self, url):
        """The bytes that a web server has; None if a dry run cannot know."""
        trusted = url.startswith("https:") or host_of(url) in TRUSTED
        if not WholeUrl.fits(url.partition("?")[0]) or not trusted:
            raise usage_error(f"plugin: expected https://..., found {shortened(public_url(url))}",
                              "a plugin is code that you will run: it has to come encrypted")
        request = Request("GET", quoted_url(bare_url(url)), sealed=True)
        response = yield request
        if response.status not in (0, 200):
            raise SkelebotError(http_fault(request, response).message,
                                "look at the plugin's address")
        return response.body if response.status else None

    def read(self, files, source):
        """Read a zip file or a folder."""
        path = home_path(source, self.call.home)
        kind = look(path)
        if kind == "folder":
            return files.add_folder(path)
        data = read_bytes(path, MOST_UNPACKED + 1) if kind else None
        if data is None:
            raise usage_error(f"plugin: there is no file or folder {shortened(source)}",
                              did_you_mean(source, self.actions,
                                           "name a zip file or folder; or say"))
        files.add_zip(data)

    @staticmethod
    def plan_write(files, new):
        for path, (data, executable) in sorted(files.items()):
            target = os.path.join(new, *path.split("/")[1:])
            yield MakeFolder(os.path.dirname(target))
            yield File(target, data, executable=executable)

    def plan_remove(self):
        names = self.names
        if self.source not in names:
            raise SkelebotError(f"there is no plugin {shortened(self.source)}",
                                did_you_mean(self.source, names, "there are"))
        yield Remove(names[self.source])
        if not self.call.dry_run:
            yield Note(f"removed the plugin {self.source}")

    def plan_list(self):
        for name, folder in sorted(self.names.items()):
            yield Answer(name + ("  (in quarantine, since it could not be imported)"
                                 if QUARANTINE in folder else ""))
        if not self.names:
            yield Note(f"there are no plugins in {self.folder}")

    @property
    def names(self):
        """name -> folder of the plugins, also of those in quarantine that have no other."""
        return {name: os.path.join(folder, name)
                for folder in (os.path.join(self.home, QUARANTINE), self.folder)
                for name in folder_names(folder)}


# -- What can be installed

class PluginFiles:
    """path -> (bytes, whether it can be run) of a plugin's files, which are within bounds."""
    layout = "a plugin is a folder NAME with a file NAME.py in it"

    def __init__(self):
        self.files, self.room = {}, MOST_UNPACKED

    def add_folder(self, folder):
        """All files of a folder, without byte code and Git's; links are refused."""
        name = os.path.basename(os.path.realpath(folder))
        if not look(os.path.join(folder, f"{name}.py")) and not look(
                os.path.join(folder, OLD_PLUGIN)):
            raise bad_plugin(f"it has no {name}/{name}.py", self.layout)
        for path, inner in tree(machine_text(folder), ("__pycache__", ".git")):
            if os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path)):
                raise bad_plugin(f"{path} is a link, or not a plain file")
            if os.path.isfile(path):
                self.check_room(os.path.getsize(path))
                self.check_path(plain_text(inner))
                self.files[f"{name}/{plain_text(inner)}"] = (
                    read_bytes(path) or b"", bool(os.stat(path).st_mode & 0o100))

    def add_zip(self, data):
        """All files of a zip file, without those that macOS adds."""
        if len(data) > MOST_UNPACKED:
            raise bad_plugin(f"it is larger than {shown_size(MOST_UNPACKED)}")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if len(archive.infolist()) > MOST_FILES:
                    raise bad_plugin(f"it has more than {MOST_FILES} files")
                for entry in archive.infolist():
                    self.add_entry(archive, entry)
        except SkelebotError:
            raise
        except Exception as error:      # zipfile, and what unpacks for it, raise of many kinds
            raise bad_plugin(f"it is not a zip file, or is damaged: {shown_text(str(error))}",
                             "name a zip file or a folder")

    def add_entry(self, archive, entry):
        path, kind = entry.orig_filename, entry.external_attr >> 28
        self.check_path(path)
        if path in self.files:
            raise bad_plugin(f"{shortened(path)} appears twice")
        if kind not in (0, 0o4, 0o10):  # four bits of a Unix mode: folder, file; source: inode(7)
            raise bad_plugin(f"{shortened(entry.filename)} is a link, or not a plain file")
        if entry.flag_bits & 1:
            raise bad_plugin(f"{shortened(entry.filename)} is encrypted")
        with archive.open(entry) as file:
            data = file.read(self.room + 1)
        self.check_room(len(data), " when unpacked")
        if not re.search(r"/$|^__MACOSX/|(^|/)\.DS_Store$", path):
            self.files[path] = data, bool(entry.external_attr >> 16 & 0o100)

    def check_path(self, path):
        """Raise a fault unless the path is plain, so that no machine lets it lead elsewhere."""
        plain = all(part not in ("", ".", "..") and part == part.rstrip(". ")
                    for part in path.rstrip("/").split("/"))
        if not plain or re.search(r"[\x00-\x1f\\:]", path):
            raise bad_plugin(f"{shortened(path)} leads out of its folder, or is no plain path")

    def check_room(self, size, when=""):
        """Raise a fault if there is no room for so many more bytes."""
        if size > self.room:
            raise bad_plugin(f"it is larger than {shown_size(MOST_UNPACKED)}{when}")
        self.room -= size

    @property
    def name(self):
        """The plugin's name, once all its files are known to make one."""
        names = sorted({path.partition("/")[0] for path in self.files})
        if len(names) != 1:
            raise bad_plugin(f"expected one folder, found {listed(names[:5]) or 'nothing'}")
        name = names[0]
        if name in self.files:
            raise bad_plugin(f"{shortened(name)} is in no folder", self.layout)
        if not re.fullmatch(PLUGIN, name, re.ASCII) or name in COMPONENTS:
            raise bad_plugin(f"{shortened(name)} cannot be the name of a plugin",
                             "letters, digits, _ and -, and none of: " + ", ".join(COMPONENTS))
        if not {f"{name}/{name}.py", f"{name}/{OLD_PLUGIN}"} & set(self.files):
            raise bad_plugin(f"it has no {name}/{name}.py", self.layout)
        folders = dict.fromkeys(above for path in self.files for above in ancestors(path))
        lower = {}
        for path in (*self.files, *folders):    # a disk may ignore case, or accents
            same = lower.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
            if same != path or (path in self.files and path in folders):
                raise bad_plugin(f"{shortened(path)} appears twice")
        return name


def bad_plugin(message, hint="ask its author for a corrected one; nothing was changed"):
    return SkelebotError(f"not a plugin that can be installed: {message}", hint)


# -- Whose fault it is

def new_components(project, kinds):
    """The components of these (name, class) that take part in a project, or outside of one."""
    parts, settings = [], project.settings if project else {}
    here = Activation.ALWAYS, Activation.PROJECT if project else Activation.EMPTY
    for name, kind in kinds:
        if kind.activation in here or (
                kind.activation is Activation.CONFIG and name in settings):
            try:
                parts.append(Blamed(name).call(kind, project, settings.get(name)))
            except SkelebotError as fault:
                parts.append(Failed(name, fault))
    return tuple(parts)


class Failed(Component):
    """In place of a plugin that cannot be made: its fault, told where it would be needed."""

    def __init__(self, name, fault):
        super().__init__()
        self.name, self.fault = name, fault

    def fail(self, *values):
        raise self.fault

    commands = tools = dockerfile = ignores = secrets = run_words = build = before = after = fail
    checks = fail


def plugin_commands(one, project):
    """name -> Builtin of one plugin."""
    commands, blamed = hook_value(one, "commands"), Blamed(one.name)
    with Blamed(one.name, type(one).commands):
        for name, command in commands.items():
            if not JobName.fits(str(name)):
                raise TypeError("commands(): expected a name that can be typed as a word, found "
                                f"{repr(name)[:60]}")
            if not isinstance(command, Builtin):
                raise TypeError(f"commands(): expected a Builtin, found {repr(command)[:60]}")

    def plan_status(plan, *values):
        status = yield from blamed.plan(plan, *values)
        return status if isinstance(status, int) else 0
    return {name: command._replace(
        plan=functools.partial(plan_status, command.plan),
        check=functools.partial(blamed.call, command.check),
        outside=command.outside or not project) for name, command in commands.items()}


class Blamed:
    """Where a component's code runs (`with`): a plugin's fault is told as such, ours is a bug."""

    def __init__(self, name, hook=None):
        self.name, self.hook = name, hook

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        foreign = isinstance(error, Exception) and not isinstance(error, SkelebotError)
        if foreign and self.name not in COMPONENTS:
            text = f"{kind.__name__}: {shown_text(error_words(error))}"
            raise SkelebotError(
                f"plugin {self.name}: {self.place_of(error)}{text}",
                f"tell its author, or remove it: skelebot plugin remove {self.name}")

    def place_of(self, error):
        """The last of the plugin's own lines, or where its hook begins."""
        code, lines = getattr(self.hook, "__code__", None), self.lines_of(error, f"plugins{os.sep}")
        begin = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}: " if code else ""
        return f"{lines[-1][0]}: " if lines else begin

    @staticmethod
    def lines_of(error, folder):
        """[(FILE:LINE, its text)] of the lines below a folder by which an error came."""
        return [(f"{os.path.basename(frame.filename)}:{frame.lineno}", frame.line)
                for frame in traceback.extract_tb(error.__traceback__) if folder in frame.filename]

    def call(self, function, *values):
        with self:
            return function(*values)

    def plan(self, function, *values):
        """The steps of a function, if it is a generator; returns what it returns."""
        with self:
            value = function(*values)
            return (yield from value) if hasattr(value, "send") else value


def error_words(error):
    """What an exception says; a KeyError would put it in quotes."""
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


# ---- Scaffold ---------------------------------------------------------------

DEFAULTS = {one: "default-" + one.lower().replace("+", "-") for one in Language.values[:-1]}
TEMPLATES = ("default", "dash", "iris")
GIT = r"(https?|ssh|file)://[^\s]+|[\w.-]+@[\w.-]+:[^\s]+"
SCHEMA = ".skelebot/schema.json"    # what editors check skelebot.yaml against, of this release


# -- What is asked, and what comes of it

class Scaffold:
    """A new project: what was typed and is answered, and the folders and files that come of it."""

    def __init__(self, call, words):
        self.call, self.words = call, words
        self.folder, self.existing = words.one("folder", "."), words.has("existing")
        self.answers, self.sections = Answers(), {}

    def plan(self):
        """Ask, make the files, and say what to type next."""
        self.check()
        existing = Existing(self.folder) if self.existing else None
        yield from self.plan_answers()
        new = yield from (self.plan_existing(existing) if existing else self.plan_template())
        count = (yield from self.plan_make(*new)) if new else 0
        if not new:
            yield Note("what follows depends on the template")
        elif not self.call.dry_run:
            step = f"cd {shell_line([self.folder])} && " if self.folder != "." else ""
            notebooks = existing and ".ipynb" in " ".join(existing.files) and not existing.jobs
            first = "jupyter" if notebooks else "--help"
            yield Note(f"made {count} files; next: {step}skelebot {first}")
        return 0

    def check(self):
        """Raise a fault if what was typed makes no sense here."""
        self.check_no_project()
        if self.existing and look(self.folder) != "folder":
            raise usage_error(
                f"scaffold: there is no folder {shortened(self.folder)} to make a project of",
                "leave --existing out")
        if self.existing and (self.words.has("template") or self.words.has("answer")):
            raise usage_error("scaffold: --existing adds no template",
                              "leave --template and --answer out, or --existing")
        if "template" in self.words.values:
            self.template_folder(self.words.one("template"))

    # -- What comes of the answers

    def plan_existing(self, existing):
        """(folders, [(path, data)]): only files of our own, by what is in the folder."""
        jobs, known = [], existing.jobs
        language = yield from self.plan_option("language", "Language", existing.language,
                                               Language.values)
        for file, own in known.items():
            names = listed(job["name"] for job in own)
            question = f"Make {file} the job{'s' if own[1:] else ''} {names}"
            answer = yield from self.plan_question(question, "yes", ("yes", "no"))
            jobs += own if answer == "yes" else []
        for file, why in existing.left_out(language, known):
            yield Note(f"left out {file}: {why}")
        return (), self.files(existing.keys(language, jobs), version=existing.version)

    def plan_template(self):
        """(folders, [(path, data)]) of a template; None if a dry run cannot know."""
        name, language = yield from self.plan_choice()
        folder = self.template_folder(name)
        if folder is not None:
            return (yield from self.plan_filled(name, folder, language))
        scratch = yield Scratch(self.call.token)
        try:
            clone = os.path.join(scratch, "template")
            git = ("git", "clone", "--quiet", "--depth", "1", "--", name, clone)
            if (yield Command(git, aside=True)).status:
                raise SkelebotError(f"{bare_url(name)} could not be cloned",
                                    "the lines above are git's own; try git clone")
            if self.call.dry_run:
                return None
            return (yield from self.plan_filled(name, clone, language))
        finally:
            yield Remove(scratch)

    def template_folder(self, name):
        """The folder of a template: "" for ours, None for git's; a fault if there can be none."""
        if has_password(name):
            raise usage_error(f"scaffold: {bare_url(name)} was given with a password in it",
                              "leave it out, since others on this machine can see it; git asks, or "
                              "has a credential helper")
        if name in (*TEMPLATES, *DEFAULTS.values()):
            return ""
        folder = None if re.fullmatch(GIT, name) else os.path.expanduser(name)
        if folder is not None and look(folder) != "folder":
            raise usage_error(f"scaffold: unknown template {shortened(name)}",
                              did_you_mean(name, TEMPLATES, "there are")
                              + "; or give a folder, https://... or git@...")
        return folder

    def plan_choice(self):
        """(name, language) of the template; the language is "" where the name says it."""
        name, language = self.words.one("template"), self.words.one("language")
        if name in ("", "default"):
            language = yield from self.plan_option("language", "Language", "Python",
                                                   tuple(DEFAULTS))
        if not name:
            known = f"{', '.join(TEMPLATES)}, a folder, or the address of a Git repository"
            name = yield from self.plan_option("template", f"Template ({known})", "default")
        if name != "default":
            return name, language
        if language not in DEFAULTS:
            raise usage_error(f"scaffold: no template for language {language}",
                              "choose " + listed(DEFAULTS, "or"))
        return DEFAULTS[language], ""

    def plan_filled(self, name, folder, language):
        """(folders, [(path, data)]) of a template; `folder` is "" for one of ours."""
        data = self.template_file(name, folder, "template.yaml")
        template = Template.parse(data, "template.yaml")
        answers, contents, typed = self.answers, [], self.typed_answers(template)
        for prompt in template.prompts:
            answers[prompt.var] = yield from self.plan_question(
                prompt.message, option=f"--answer {prompt.var}=...", answer=typed.get(prompt.var))
        for file in template.files:
            source = answers.fill_path(file.template, file.places["template"])
            text = self.template_file(name, folder, source).decode("utf-8", "surrogateescape")
            data = answers.fill(text).encode("utf-8", "surrogateescape")
            contents.append((answers.fill_path(file.name, file.places["name"]), data))
        folders = [answers.fill_path(path, template.places["dirs"]) for path in template.dirs]
        return folders, self.files(template.keys(answers, language), contents)

    def template_file(self, name, folder, file):
        """The bytes of a template's file: one of ours, or one in a folder, which no link leaves."""
        if not folder:
            return template_bytes("projects", name, file)
        path = os.path.join(folder, *file.split("/"))
        if look(path, folder) != "file":
            raise SkelebotError(f"template {bare_url(name)}: has no file {shortened(file)}",
                                "a template is a folder with a template.yaml, which names the "
                                "files beside it")
        return read_bytes(path)

    def files(self, keys, more=(), version="0.1.0"):
        """[(path, data)] with skelebot.yaml first, whose `keys` win over answers."""
        known = {key: self.answers.get(key) for key
                 in ("name", "description", "maintainer", "contact")}
        config = {**{key: text for key, text in known.items() if text}, "user": "host", **keys}
        if self.sections:
            node = yaml_node(config.pop("components", {}))
            node.value.extend((yaml_node(name), yaml_node(section))
                              for name, section in self.sections.items())
            config["components"] = node
        text = HEADER + re.sub(IGNORED_FOLDERS, WHY_IGNORED, yaml_text(config.items()))
        return [(FILE, text.encode("utf-8")), ("VERSION", f"{version}\n".encode()), *more,
                (SCHEMA, (Schema().text(self.call.plugins) + "\n").encode("utf-8"))]

    def typed_answers(self, template):
        """name -> what --answer NAME=VALUE answers of what the template asks."""
        known, typed = [prompt.var for prompt in template.prompts], {}
        for text in self.words.values.get("answer", ()):
            name, equals, typed[name] = text.partition("=")
            if not equals:
                raise usage_error("scaffold: --answer: expected NAME=VALUE, found "
                                  + shortened(text), "--answer city=Bern")
            if name not in known:
                raise usage_error(f"scaffold: the template does not ask for {shortened(name)}",
                                  did_you_mean(name, known, "it asks for"))
        return typed

    # -- Questions

    def plan_answers(self):
        """Ask what every project is asked, and what plugins ask."""
        path = os.path.basename(os.path.abspath(self.folder)) or "project"
        for name, question, default, key in (
                ("name", "Name of the project", path, ""),
                ("description", "What it is for, in one line", "", ""),
                ("maintainer", "Who maintains it", "", "user.name"),
                ("contact", "How to reach them", "", "user.email")):
            with contextlib.suppress(SkelebotError):    # there may be no git
                if key and name not in self.words.values:
                    git = yield Command(("git", "config", key), looks=True)
                    default = git.output.strip()
            answer = yield from self.plan_option(name, question, default)
            self.answers[name] = " ".join(answer.split())
        name = self.answers["name"]
        if not ProjectName.fits(name):
            raise usage_error(f"scaffold: expected {ProjectName.expected}, found {shortened(name)}",
                              "give it as --name churn-model")
        # for the names of modules and the like
        self.answers["name_simple"] = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        yield from self.plan_sections()

    def plan_option(self, name, question, default="", choices=()):
        """The answer to what an option answers beforehand."""
        typed = self.words.one(name) if name in self.words.values else None
        return (yield from self.plan_question(question, default, choices, f"--{name} ...", typed))

    def plan_sections(self):
        """The sections of the plugins that ask for one when a project is made."""
        for name, kind in self.call.plugins:
            plugin, section = Blamed(name).call(kind), {}
            for key, question in hook_value(plugin, "prompts").items():
                answer = yield from self.plan_question(f"{name}: {question}",
                                                       option=f"{name} below components")
                section.update({key: answer} if answer else {})
            if not self.words.has("yes"):
                section.update((yield from plan_hook(plugin, "section")) or {})
            self.sections.update({name: section} if section else {})

    def plan_question(self, question, default="", choices=(), option="", answer=None):
        """An answer: the default with --yes, else the person's, who is asked until it fits.

        option  what would have answered beforehand
        answer  what has
        """
        if answer is None and self.words.has("yes"):
            answer = default
        lower = {choice.lower(): choice for choice in choices}
        shown = f"{question} ({', '.join(choices)})" if choices else question
        while answer is None:
            typed = yield Ask(shown, default, option)
            answer = lower.get(typed.lower()) if choices else typed
            if answer is None:
                yield Note(f"{shortened(typed)} is none of {listed(choices)}")
        return answer

    # -- Making the files

    def plan_make(self, folders, files):
        """Make all files or none; of two calls at once only one does. Returns how many."""
        place, existed = Place(FILE, 1), look(self.folder)
        root = YamlText(files[0][1].decode("utf-8"), FILE).root()
        read_project(Value(root, place).entries(), place, self.call.plugins)
        yield MakeFolder(self.folder, self.folder)
        try:
            scratch = yield Scratch(self.call.token, os.path.join(self.folder, FILE))
            try:
                self.check_no_project()
                return (yield from self.plan_write(folders, files, os.path.join(scratch, "made")))
            finally:
                yield Remove(scratch)
        except (SkelebotError, KeyboardInterrupt, Stopped):
            if not existed:
                yield Remove(self.folder, empty=True)
            raise

    def check_no_project(self):
        path = os.path.join(self.folder, FILE)
        if look(path):
            hint = "skelebot --help explains the project; to start again, remove the file first"
            raise SkelebotError(f"{path} exists already", hint)

    def plan_write(self, folders, files, note):
        """Write the files that do not exist, having looked at all first; skelebot.yaml last.

        note  the file that says what is made, for whoever tidies up after us
        """
        present, names = {}, [path for path, _ in files]
        for path in (*folders, *names):
            for one in (*ancestors(path), path):
                target = os.path.join(self.folder, one)
                present[one] = look(target, self.folder)
                if present[one] == "file" and one != path:
                    raise SkelebotError(f"{target}: is a file, and has to be a folder for {path}",
                                        "nothing was written; rename the file")
        if present[SCHEMA] == "file":
            present[SCHEMA] = ""        # it is generated, maybe by an earlier release
        folders = sorted({*folders, *(above for path in names for above in ancestors(path))})
        new = [*((path, None) for path in folders), *files[1:], files[0]]
        new = [(path, data) for path, data in new if not present[path]]
        for path in names:
            if present[path]:
                yield Note(f"kept {path}, which exists already")
        yield File(note, self.note_of(new))
        for path, data in new:
            target = os.path.join(self.folder, path)
            yield (MakeFolder(target, self.folder) if data is None
                   else File(target, data, self.folder,
                             instead="skelebot schema" if path == SCHEMA else ""))
        yield Remove(note)
        return sum(not present[path] for path in names)

    @staticmethod
    def note_of(new):
        """A line for each path of what will be made, after the SHA-256 of a file, or nothing."""
        lines = (f"{'' if data is None else hash_of(data)} {path}" for path, data in new)
        return "\n".join(lines).encode("utf-8", "surrogateescape")


# -- A template

class Prompt(Record):
    var: ParamName
    message: Line


class TemplateFile(Record):
    """A file of the new project, and the file beside template.yaml that it is made from."""
    name: Line
    template: Line
    places: Hidden = None


class Answers(dict):
    """name -> what was answered, for the {variables} of a template."""

    def fill_path(self, text, place):
        """A path below the new project or template that git has no use for, as it runs some."""
        path = self.fill(text)
        if not is_inside(path):
            raise place.fault(f"{shortened(path)} is outside of its folder",
                              "name a path below it, without ..")
        if any(name.lower().rstrip(". ") == ".git" for name in re.split(r"[\\/]+", path)):
            raise place.fault(f"{shortened(path)} belongs to git", "a template may not write there")
        return path.rstrip("/")

    def fill_node(self, node, done):
        """Fill the variables into each text of a YAML node, once where aliases are `done`."""
        if node.id == "scalar" and id(node) not in done:
            text = self.fill(node.value)
            node.tag = node.tag if text == node.value else TEXT
            node.style = '"' if re.search(FOLDED, text) else node.style
            node.value = text
        inner = () if node.id == "scalar" or id(node) in done else node.value
        done.add(id(node))
        for item in inner:
            for side in item if node.id == "mapping" else (item,):
                self.fill_node(side, done)
        return node

    def fill(self, text):
        """`text` with the known variables; other braces stay."""
        return re.sub(r"\{([\w.-]+)\}", lambda match: self.get(match.group(1), match.group()), text)


def is_inside(path):
    """Whether a relative path stays below where it starts."""
    parts = re.split(r"[\\/]+", path)
    return bool(path) and not re.match(r"[\\/~]|[A-Za-z]:", path) and ".." not in parts


class Template(Record):
    """template.yaml: what is asked, made, written, and put into skelebot.yaml."""
    prompts: Tuple[Prompt, ...] = ()
    dirs: Tuple[Line, ...] = ()
    files: Tuple[TemplateFile, ...] = ()
    config: Any = None
    places: Hidden = None

    @classmethod
    def parse(cls, data, file):
        node = YamlText.of(data, file).root(deepest=100)   # it will be copied and written
        value = Value(node, Place(file, 1))
        empty = node is None or value.is_nothing
        return cls(places={"": value.place}) if empty else value.read(cls)

    def keys(self, answers, language):
        """key -> node, for skelebot.yaml."""
        own, config = {"language": language} if language else {}, self.config
        value = config and Value(answers.fill_node(config, set()), self.places["config"])
        entries = value.entries() if value and not value.is_nothing else {}
        wanted = entries["language"].node.value if "language" in entries else language
        if language and wanted != language:
            raise usage_error(f"scaffold: this template is for {wanted}, not for {language}",
                              "leave --language out")
        return {**own, **{key: entry.node for key, entry in entries.items()}}


# -- A folder that has files already

# Where a script is one that only acts; elsewhere it has to say that it is one.
SCRIPT_PLACE = r"(?:(?:src|scripts|bin|jobs)/)?(?:jobs/)?[^/]+"
NO_JOB = (r"(?:.*/)?(?:(?:tests?|docs?|renv|packrat)/.*|(?:__\w+__|setup|conftest|test_[^/]*"
          r"|[^/]*_test|install|skelebot|ui|server|global)\.\w+)")
PACKAGE_ITSELF = r"(?:src/)?[^/]+/__main__\.py"
LOADS = r"(?m)^[ \t]*(?:import |from |(?:library|require)\()(\w+)"
RUN_BY = ("Makefile", "dvc.yaml", "README.md", "justfile")     # scripts, with their words
RESULTS = ("checkpoints", "model", "models", "out", "output", "outputs", "results")  # to come
ALWAYS_OUT = (".git", ".venv", SCHEMA, "**/__pycache__", "**/.ipynb_checkpoints")


class Existing:
    """What the files of a folder tell of the project that is to be made of it."""

    def __init__(self, folder):
        self.folder = folder
        self.venvs = [name for name in folder_names(folder) if self.has(name + "/pyvenv.cfg")]
        self.files = [file for file in listing(folder) if file.split("/")[0] not in self.venvs]
        self.texts = {file: self.text(file) for file in self.files
                      if os.path.splitext(file)[1] in INTERPRETERS}
        self.local = {part for file in self.texts for part in re.split(r"[/.]", file)}
        self.web = {library: shown for library, *shown in template_rows("hints", "web")}
        self.pyproject = read_bytes(os.path.join(folder, "pyproject.toml"), 1 << 20) or b""

    def keys(self, language, jobs):
        """The keys of skelebot.yaml."""
        own = self.dockerfile
        entry = own and any(name == "ENTRYPOINT" for name, _ in Instructions(own).lines)
        keys = {"language": language,
                "dockerfile": own and "Dockerfile",
                "primaryExe": entry and "ENTRYPOINT",
                "environment": self.path and [f"PYTHONPATH={self.path}"],
                "dependencies": not own and self.dependencies(language),
                "ignores": self.ignores,
                "jobs": jobs}
        return {key: value for key, value in keys.items() if value}

    def has(self, name):
        return look(os.path.join(self.folder, name))

    @property
    def language(self):
        ends = {os.path.splitext(file)[1].lower() for file in self.files}
        known = dict.fromkeys(SCRIPTS[end].language for end in SCRIPTS if end in ends)
        return "+".join(filter(None, known)) or "Python"

    @property
    def version(self):
        """As one of the files that have it says it, or else 0.1.0."""
        project = toml_texts(self.text("pyproject.toml"), "project", "tool.poetry")
        setup = toml_texts(self.text("setup.cfg"), "metadata")
        others = re.search(r"(?m)^Version:\s*(\S+)", self.text("DESCRIPTION")) or re.search(
            r"\bversion\s*=\s*[\"']([^\"']+)", self.text("setup.py"))
        known = [project.get("version"), setup.get("version"), others and others.group(1)]
        return next((one for one in known if one and Semantic.parse(one)), "0.1.0")

    def text(self, file):
        return marked_text(read_bytes(os.path.join(self.folder, file), 1 << 20) or b"")

    # -- Scripts

    @property
    def jobs(self):
        """file -> the jobs that come of it; a command of a script is a job of its own."""
        jobs, names = {}, set()
        for file in filter(self.is_script, self.texts):
            jobs[file] = [self.job(file, takes, names) for takes in self.takes(file)]
        for name, target in self.entries.items():   # run without the package being installed
            module, _, function = target.partition(":")
            path = next(filter(self.texts.get, module_files(module)), module_files(module)[0])
            call = f"import sys; from {module} import {function}; sys.exit({function}())"
            jobs[f"{name} ({target})"] = [
                self.keys_of(self.named("-".join([name, *takes.command.split()]), names),
                             shell_line(["python3", "-c", call]), f"run {target}", takes, path)
                for takes in self.takes(path)]
        if any(os.path.basename(file) == "server.R" for file in self.files):
            source, port = self.web["shiny"]
            jobs["server.R"] = [{"name": self.named("app", names), "source": source.format("."),
                                 "ports": [f"{port}:{port}"]}]
        return jobs

    def is_script(self, file):
        """Whether a file is there to be run: it says so, or acts, and no other one loads it."""
        name, end = os.path.splitext(file)
        text, place = self.texts[file], re.fullmatch(SCRIPT_PLACE, file)
        if re.fullmatch(PACKAGE_ITSELF, file) and not self.entries:
            return True
        if re.fullmatch(NO_JOB, file) or (end == ".sh" and not place):
            return False
        if re.search(SCRIPTS[end.lower()].says, text):
            return True
        if not place or os.path.basename(name) in set().union(*map(self.loads, self.texts)):
            return False
        return bool(script_says("acts", file, text))

    def job(self, file, takes, names):
        """The keys of a job that runs a script, or a command of it."""
        stem, end = os.path.splitext(os.path.basename(file.replace("/__main__.py", ".py")))
        text, words = self.texts[file], "-".join([stem, *takes.command.split()])
        loads = [self.web[library] for library in re.findall(LOADS, text) if library in self.web]
        source, port, *variables = (loads or [("{}", "")])[0]
        port = port and (re.findall(r"\bport\s*=\s*(\d+)", text) + [port])[0]
        relative = end == ".py" and re.search(r"(?m)^[ \t]*from \.", text)
        if source == "{}" and (relative or re.fullmatch(PACKAGE_ITSELF, file)):
            source = "python3 -m {2}"
        path = re.sub(r"^src/", "", file) if self.path == "src" else file
        module = re.sub(r"(?:/__main__)?\.py$", "", path).replace("/", ".")
        shown = source.format(shell_line([file]), port, module)
        return self.keys_of(self.named(words, names, f"{words}-{end[1:].lower()}",
                                       file[:-len(end)].replace("/", "-")),
                            shown, f"run {file}", takes, file,
                            ports=[f"{port}:{port}"] if port else [],
                            environment=variables)

    def named(self, name, names, *others):
        """A job's name that is not taken yet."""
        name = re.sub(r"\s+", "-", name.strip()).lstrip("+-") or "job"
        name = next((one for one in (name, *others) if one not in names and JobName.fits(one)),
                    f"{name}-{len(names)}")
        names.add(name)
        return name

    def keys_of(self, name, source, about, takes, file, **more):
        """The keys of a job, without those that say nothing."""
        after = f"; after --: {' '.join(takes.more)}" if takes.more else ""
        keys = {"name": name, "source": " ".join(filter(None, [source, takes.command])),
                "help": about + after, "mappings": self.mappings(self.said_of(file)), **more,
                "args": takes.args, "params": takes.params}
        return {key: value for key, value in keys.items() if value}

    def takes(self, file):
        """[Takes] of a script: one for each of its commands, or one of nothing at all."""
        return script_says("takes", file, self.texts.get(file, "")) or [Takes()]

    def said_of(self, file):
        """What a script says, what it loads says, and the lines that run it elsewhere."""
        files = [file] if file in self.texts else []
        for one in files:
            files += [other for other in self.texts if other not in files
                      and os.path.splitext(os.path.basename(other))[0] in self.loads(one)]
        lines = "\n".join(map(self.text, RUN_BY)).replace("\\\n", " ").split("\n")
        return "\n".join([*map(self.texts.get, files), *(line for line in lines if file in line)])

    @functools.lru_cache(None)
    def loads(self, file):
        """The names of what a file loads of the project."""
        names, text = set(), self.texts[file]
        for line in re.findall(r"(?m)^[ \t]*(?:from|import)[ \t]+([.\w][^\n#]*)", text):
            words = re.findall(r"\w+", line)
            names |= set(words) if line[0] == "." or words[0] in self.local else set()
        return names | {os.path.splitext(os.path.basename(path))[0] for path
                        in re.findall(r"\bsource\([\"']([^\"'\n]*)", text)}

    # -- Packages that are to be installed

    def left_out(self, language, jobs):
        """[(file, why)] of what skelebot.yaml does not take over."""
        taken = str(self.dependencies(language))
        others = [] if re.search(r"req:|proj:|renv:", taken) or self.dockerfile else [
            (file, f"to install what it names, {why.replace('FILE', file)}")
            for file in self.files for name, why, _ in foreign_files(*Language.values)
            if re.fullmatch(name, file)]
        if "pyproject.toml" in self.files and not others and not taken.strip("[]{}None"):
            others = [("pyproject.toml", "it " + "; ".join(project_fault(self.pyproject)))]
        own = [path for one in self.entries.values() for path in module_files(one.split(":")[0])]
        idle = [file for file in self.texts if not re.fullmatch(NO_JOB, file)
                and file not in (*jobs, *own)]
        shown = listed(idle[:4] + ([f"{len(idle) - 4} more"] if idle[4:] else []))
        has = "they have" if idle[1:] else "it has"
        return others + ([(shown, f"{has} nothing that could be run")] if idle else [])

    @property
    def path(self):
        """Where Python finds the project's packages; "" if it needs not be told."""
        own = {os.path.dirname(file) for file in self.files
               if re.fullmatch(r"(?:src/)?[^/]+/__init__\.py", file)}
        below = set().union(*(self.loads(file) for file in self.texts if "/" in file))
        return "src" if "src" not in own and "/" in "".join(own) else "." if own & below else ""

    @property
    def entries(self):
        """name -> `module:function` of the commands that its package has."""
        setup = "".join(re.findall(r"\bconsole_scripts\b[^\[\n]*\[?([^\[\]]*)",
                                   self.text("setup.cfg") + self.text("setup.py")))
        pairs = re.findall(r"(?<![\w.-])([\w.-]+)\s*=\s*([\w.]+:\w+)", setup)
        return {**dict(pairs), **toml_texts(
            self.text("pyproject.toml"), "project.scripts", "tool.poetry.scripts")}

    def dependencies(self, language):
        """As skelebot.yaml has them: a list, or one for each language."""
        files = [file for file in self.files
                 if file != "pyproject.toml" or not project_fault(self.pyproject)]
        known = {kind.language: [form + file for file, form in kind.installs.items()
                                 if file in files][:1]
                 for kind in SCRIPTS.values() if kind.language in language.split("+")}
        if "+" not in language:
            return known.get(language)
        return {name: dependencies for name, dependencies in known.items() if dependencies}

    # -- What stays out of the image

    @property
    def ignores(self):
        files = [name for name in (".env", "renv/library", "renv/staging") if self.has(name)]
        return list(dict.fromkeys([*ALWAYS_OUT, *self.venvs, *files, *(
            pattern for pattern in self.ignored.values()
            if pattern.replace("**/", "") not in ALWAYS_OUT)]))

    def mappings(self, text):
        """The folders that a text names: in no image, or without scripts; and a .env."""
        code = {file.split("/")[0] for file in self.texts}
        data = [*self.ignored, *(name for name in (*folder_names(self.folder), *RESULTS)
                                 if name not in (*code, *self.venvs))]
        own = [f"{name}/" for name in data if not re.search(r"[*?]", name) and re.search(
            r"(?:[\"'](?:\./)?{0}[/\"']|[\s=(>](?:\./)?{0}/)".format(re.escape(name)), text)]
        own += [f"{name}/" for library, name in hints("writes").items()
                if re.search(rf"(?m)^[ \t]*(?:import|from) {library}\b", text)]
        secret = self.has(".env") and re.search(r"\.env\b|dotenv", text)
        folder = self.workdir
        return [*(f"{name}:{folder}/{name}" if folder != "/app" else name
                  for name in dict.fromkeys(own)),
                *([f".env:{folder}/.env:ro"] if secret else [])]

    @property
    def ignored(self):
        """folder -> its pattern for .dockerignore, of those that .gitignore names."""
        folders, lines = {}, [line.strip() for line in self.text(".gitignore").split("\n")]
        kept = {line.strip("!/*") for line in lines if line.startswith("!")}
        for line in lines:
            name = re.sub(r"/\*{0,2}$", "", line).lstrip("/")
            is_folder = re.search(r"/\*{0,2}$", line) or self.has(name) == "folder"
            odd = not name or re.match(r"[#!]|.*[\\\[\]]|[*]+$", line)
            if odd or not is_folder or name in (*kept, *self.venvs):
                continue
            anchored = "/" in line.rstrip("/*")
            inner = [file for file in self.texts if f"/{name}/" in f"/{file}"]
            if not anchored and not inner:
                folders[name] = "**/" + re.sub(r"^\*\*/", "", name)
            elif not any(file.startswith(name + "/") for file in self.texts):
                folders[name] = name
        return folders

    # -- A Dockerfile of its own

    @property
    def workdir(self):
        """Where jobs run in an image of its own Dockerfile."""
        folders = [words for name, words in Instructions(self.dockerfile).lines
                   if name == "WORKDIR"]
        return os.path.join("/app" if not folders else "/", *folders).rstrip("/")

    @property
    def dockerfile(self):
        text = self.text("Dockerfile")
        return text if text and not is_generated(text) else ""


def toml_texts(text, *tables):
    """The `key = "text"` lines of tables of a TOML file, as {key: text}."""
    known = toml_tables(text)
    pair = r"(?m)^[ \t]*[\"']?([\w.-]+)[\"']?[ \t]*[=:][ \t]*[\"']?([^\"'\n]+)"
    return {key: one.strip() for table in tables
            for key, one in re.findall(pair, known.get(table, ""))}


# -- What a script takes, by what it says: it is never run

TYPES = {**dict.fromkeys(("int", "INT", "IntRange", "integer"), "int"),
         **dict.fromkeys(("float", "FLOAT", "FloatRange", "double", "numeric"), "float")}
FLAGGED = ("store_true", "store_false", "store_const", "append_const", "count",
           "BooleanOptionalAction")
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, AttributeError, TypeError,
              IndexError)


def script_says(what, file, text):
    """What a script `takes`, or whether it `acts`; None if it cannot be read."""
    usage = what == "takes" and "docopt(" in text and re.search(r"(?i)usage:", text)
    kind = DocoptUsage if usage else SCRIPTS[os.path.splitext(file)[1].lower()]
    with contextlib.suppress(*UNREADABLE):
        return getattr(kind(text), what)


class PythonScript:
    """What a Python script says of the words that it takes; `names` has its constants' values.

    ends      of the files that show its language
    says      a pattern of a file that is there to be run
    installs  the files that name its packages, and how `dependencies` begins with them
    """
    language, ends = "Python", (".py", ".ipynb")
    untyped = ("add_argument", "add_option", "make_option")     # without a type, these take texts
    says = r"(?m)^if[ \t]+__name__\b|\A#!|^app\s*=\s*FastAPI\("
    installs = {"requirements.txt": "req:", "pyproject.toml": "proj:"}

    def __init__(self, text):
        self.tree, self.names = ast.parse(text), {}
        self.nodes = sorted((node for node in ast.walk(self.tree) if hasattr(node, "lineno")),
                            key=lambda node: (node.lineno, node.col_offset))
        for one in self.tree.body:
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
                self.names[one.targets[0].id] = self.value(one.value)
        self.functions = {one.name: one for one in self.nodes
                          if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]

    @property
    def acts(self):
        """Whether it does something at its top level, other than to define and to assign."""
        return any(isinstance(one, (ast.For, ast.While, ast.With)) or (
            isinstance(one, ast.Expr) and isinstance(one.value, ast.Call))
            for one in self.tree.body)

    @property
    def takes(self):
        """[Takes], by the first of the ways that it uses."""
        modules = {(name or "").partition(".")[0] for node in self.nodes
                   for name in [getattr(node, "module", ""), *(
                       one.name for one in getattr(node, "names", ()) if hasattr(one, "asname"))]}
        ways = {"fire": self.fire, "typer": self.typer, "click": self.click,
                "argparse": self.declared, "optparse": self.declared}
        known = next((ways[name] for name in ways if name in modules), self.positions)()
        return [one for one in known if one.command or len(known) == 1]

    def said(self, call):
        """What a call says of an option: its keywords, by their value or else their last name."""
        words = {one.arg: one.value for one in getattr(call, "keywords", ())}
        said = {name: self.value(value) for name, value in words.items()}
        said.update({name: last_name(words[name]) for name in ("type", "action")
                     if name in words and said[name] is None})
        if said.get("type") == "Choice":            # of click
            said["choices"] = self.value(words["type"].args[0])
        if last_name(call) not in self.untyped:
            said.setdefault("type", type(said.get("default")).__name__)
        return {**said, "hidden": said.get("hidden") or last_name(words.get("help")) == "SUPPRESS"}

    def flags(self, values):
        return [text for text in map(self.value, values) if isinstance(text, str)]

    def value(self, node):
        """The value of an expression; None if only a run tells."""
        name = last_name(node)
        if isinstance(node, ast.Name) and name in self.names:
            return self.names[name]
        with contextlib.suppress(*UNREADABLE):
            if not isinstance(node, ast.Call):
                return ast.literal_eval(node)
            if name == "keys":
                return list(self.value(node.func.value))
            if name == "range":
                return list(range(*map(self.value, node.args)))[:100]
            if name in ("list", "sorted", "tuple"):
                return self.value(node.args[0])
        return None

    # -- argparse and optparse

    def declared(self):
        """By add_argument; each parser of a command, or group of one, is known by its name."""
        targets = {id(node.value): dotted(node.targets[0]) for node in self.nodes
                   if isinstance(node, ast.Assign)}
        owners, takes, exclusive = {}, {"": Takes()}, set()
        for call in self.calls:
            method, above = last_name(call), dotted(getattr(call.func, "value", None))
            command, target = owners.get(above, ""), targets.get(id(call))
            if method == "add_parser":
                command = f"{command} {''.join(self.flags(call.args[:1]))}".strip()
                takes.setdefault(command, Takes(command))
            if method in ("add_argument", "add_option", "make_option"):
                takes[command].declare(self.flags(call.args), {
                    **self.said(call), "exclusive": above in exclusive})
            elif target:
                owners[target] = command
                exclusive |= {target} if method == "add_mutually_exclusive_group" else set()
        for one in takes.values():      # words cannot be on both sides of the options
            one.more = [row["name"].upper() for row in one.args if one.more] + one.more
            one.args = [] if one.more else one.args
        return list(takes.values())

    # -- click

    def click(self):
        """By the decorators of functions; a command below a group is called by both names."""
        groups, takes = {}, []
        several = bool(self.decorated("group"))
        for name, function, one in self.decorated("command", "group"):
            above = groups.get(dotted(getattr(one, "func", one)).rpartition(".")[0])
            command = f"{above or ''} {self.named(name, one)}".strip() if several else ""
            if last_name(one) == "group":
                groups[name] = "" if above is None else command
                continue
            takes.append(Takes(command))
            for word in function.decorator_list:
                said = self.said(word)
                if last_name(word) == "argument" and (
                        said.get("nargs") == -1 or said.get("required") is False):
                    said["nargs"] = "*"
                if last_name(word) in ("option", "argument"):
                    takes[-1].declare(self.flags(getattr(word, "args", ())), said)
        return takes

    def decorated(self, *kinds):
        """(name, function, decorator) of the functions that have one of these decorators."""
        return [(name, function, one) for name, function in self.functions.items()
                for one in function.decorator_list if last_name(one) in kinds]

    def named(self, name, decorator):
        """The name of a command: as its decorator has it, or as its function has."""
        texts = self.flags(getattr(decorator, "args", ())) or [self.said(decorator).get("name")]
        return texts[0] or name.lower().replace("_", "-")

    # -- typer and fire: by a function's own parameters

    def typer(self):
        """By functions with @app.command(), or that typer.run() gets."""
        alone = [call.args[0].id for call in self.calls if dotted(call.func) == "typer.run"]
        known = [(self.named(name, one), function)
                 for name, function, one in self.decorated("command")]
        known += [("", self.functions[name]) for name in alone if name in self.functions]
        several = len(known) > 1 or bool(self.decorated("callback"))
        return [self.typed(Takes(command if several else ""), function)
                for command, function in known]

    def typed(self, takes, function):
        """Add what a function takes; Option() or Argument() is its default, or in Annotated."""
        for name, kind, default in self.parameters(function):
            parts = list(ast.walk(kind)) if kind else []
            call = next((one for one in (*parts, default)
                         if last_name(one) in ("Option", "Argument")), None)
            flags = call.args if call else []
            if call and call is default:
                default, *flags = flags or [None]
            names = [last_name(one) for one in parts if one is not call and last_name(one)]
            said = {**self.said(call), **self.said_of(names, default)}
            needed = default is None or self.value(default) is ...
            said["default"] = None if needed else said["default"]
            if last_name(call) == "Argument" or (needed and last_name(call) != "Option"):
                one = needed and not {"List", "list", "Tuple"} & set(names)
                takes.declare([name], {**said, "nargs": None if one else "*"})
            elif "Context" not in names:
                plain = name.replace("_", "-")
                plain += f"/--no-{plain}" if said["is_flag"] else ""
                takes.declare(self.flags(flags) or ["--" + plain], said)
        return takes

    def said_of(self, names, default):
        """What the names in a parameter's annotation, and its default, say of it."""
        kind = next((one for one in names if one in ("bool", *TYPES)), "")
        said = {"type": kind, "is_flag": kind == "bool", "default": self.value(default)}
        for one in names:
            if isinstance(self.functions.get(one), ast.ClassDef):       # an Enum
                members = {last_name(row.targets[0]): self.value(row.value)
                           for row in self.functions[one].body if hasattr(row, "targets")}
                said.update(choices=list(members.values()), default=members.get(last_name(default)))
        return said

    def fire(self):
        """By the function, class or dict that fire.Fire() gets; without one, by all functions."""
        shown = next((one.args[0] for one in self.calls if last_name(one) == "Fire" and one.args),
                     None)
        one = self.functions.get(last_name(shown))
        pairs = [("", one)] if one else [
            (name, one) for name, one in self.functions.items() if one in self.tree.body]
        if isinstance(one, ast.ClassDef):
            pairs = [(method.name, method) for method in one.body
                     if not getattr(method, "name", "_").startswith("_")]
        elif isinstance(shown, ast.Dict):
            pairs = [(str(self.value(key)), self.functions.get(last_name(value)))
                     for key, value in zip(shown.keys, shown.values)]
        takes = [(Takes(name), one) for name, one in pairs if hasattr(one, "args")]
        for one, function in takes:
            for name, kind, default in self.parameters(function):
                value = self.value(default)
                if default is None:
                    one.declare([name], {"nargs": "*" if name.startswith("*") else None})
                elif isinstance(value, bool):
                    one.declare([spelling(f"no{name}" if value else name)], {"is_flag": True})
                else:
                    one.declare([spelling(name)], {"default": value, "type": type(value).__name__})
        return [one for one, _ in takes]

    def parameters(self, function):
        """(name, annotation, default or None) of what a function takes; a * before more words."""
        args = function.args
        both = [*getattr(args, "posonlyargs", ()), *args.args]
        defaults = [None] * (len(both) - len(args.defaults)) + args.defaults
        both = [*zip(both, defaults), *zip(args.kwonlyargs, args.kw_defaults)]
        more = [("*" + args.vararg.arg, None, None)] if args.vararg else []
        return [(arg.arg, arg.annotation, default) for arg, default in both
                if arg.arg not in ("self", "cls")] + more

    # -- sys.argv

    def positions(self):
        """By the words of sys.argv that it looks at; one that a test decides on may be missing."""
        takes, sometimes, targets, known = Takes(), set(), {}, {}
        for node in self.nodes:
            if isinstance(node, (ast.If, ast.IfExp)) and "argv" in ast.dump(node.test):
                parts = node.body if isinstance(node.body, list) else [node.body]
                sometimes |= {id(one) for part in parts for one in ast.walk(part)}
            if isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
                targets.update(dict.fromkeys(map(id, ast.walk(value)), last_name(target)))
                first = 0 if last_name(value) == "argv" else 1
                names = getattr(target, "elts", ()) if "argv" in ast.dump(value) else ()
                known.update(enumerate(map(last_name, names), first))
            if isinstance(node, ast.Subscript) and last_name(node.value) == "argv":
                part = node.slice       # Python had a node around it until 3.8
                index = self.value(part.value if type(part).__name__ == "Index" else part)
                if isinstance(index, int) and index > 0:
                    known.setdefault(index, "" if id(node) in sometimes
                                     else targets.get(id(node)) or f"arg{index}")
        return [takes.place(known)]


class RScript(PythonScript):
    """What an R script says, whose calls are almost Python's."""
    language, ends, installs = "R", (".r", ".rmd"), {"renv.lock": "renv:"}
    untyped = ("add_argument",)
    says = r"\A#!|\bcommandArgs\(|\bdocopt\(|\bOptionParser\(|\bArgumentParser\("
    TEXT = r"{0}(?:\\(?:[\s\S]|\Z)|[^{0}\\])*(?:{0}|\Z)"
    NOTE = (rf"(?P<text>{TEXT.format(chr(34))}|{TEXT.format(chr(39))})|#.*"
            r"|(?P<int>\d+)L\b|\$|::|%[^%\n]*%|\b(?:if|function)[ \t]*\([^()]*\)[^,()]*")
    SET = r"[ \t]*([\w.]+)[ \t]*(?:<-|=)"
    LONGEST, MOST = 4000, 300       # characters of a call, and calls

    def __init__(self, text):
        self.text, self.nodes, self.functions = text, [], {}
        self.names = {"TRUE": True, "T": True, "FALSE": False, "F": False}
        calls = re.finditer(r"\b(?:make_option|add_option|add_argument)\(", text)
        self.calls = list(filter(None, map(self.call, itertools.islice(calls, self.MOST))))

    def flags(self, values):
        words = [one.value for call in self.calls if call.args is values
                 for one in call.keywords if one.arg in ("opt_str", "arg", "short")]
        texts = map(self.value, [*values, *words])
        return [one for text in texts for one in (text if isinstance(text, list) else [text])
                if isinstance(one, str)]

    def call(self, match):
        """The syntax tree of a call, as if it were Python's; None if that is never closed."""
        def plain(piece):
            string = (piece["text"] or "").replace("\n", "\\n")
            return string or piece["int"] or {"#": "", "$": ".", ":": ".", "%": "+"}.get(
                piece.group()[0], "None")       # what if and function give
        text = re.sub(self.NOTE, plain, self.text[match.start():match.end() + self.LONGEST])
        for end in [one.end() for one in re.finditer(r"\)", text)][:50]:
            # else this bracket closes another one, or is in a text
            with contextlib.suppress(*UNREADABLE):
                return ast.parse(text[:end], mode="eval").body
        return None

    def value(self, node):
        if last_name(node) in ("c", "list") and hasattr(node, "args"):
            return list(map(self.value, node.args))
        return super().value(node)

    @property
    def acts(self):
        return bool(re.search(r"(?m)^(?!library|require|suppress|options|set)[\w.:]+\(", self.text))

    @property
    def takes(self):
        """By what it declares, or by the words of commandArgs() that it looks at."""
        known, words = {}, None
        for line in self.text.split("\n"):
            whole = re.match(self.SET + r"[ \t]*commandArgs\(([^)]*)", line)
            name = re.match(self.SET, line)
            words = whole.group(1) if whole and "T" in whole.group(2) else words
            for one in re.finditer(r"\b([\w.]+)\[\[?(\d{1,3})\]", line):
                if one.group(1) == words:
                    index, sometimes = int(one.group(2)), "length(" in line[:one.start()]
                    known[index] = known.get(index) or (
                        "" if sometimes else name.group(1) if name else f"arg{index}")
        return [self.declared()[0].place(known)]


class BashScript:
    """What a shell script says: by getopts, the labels of a case, and what is set to $1, $2, ..."""
    language, ends, says, installs = "", (".sh",), r"\S", {}

    def __init__(self, text):
        self.text = text

    @property
    def takes(self):
        takes, letters = Takes(), re.search(r"\bgetopts[ \t]+[\"']?:?([\w:]+)", self.text)
        _, *parts = re.split(r"(?m)^[ \t]*\(?(-?[\w|][\w| \t-]*|--[\w| \t-]*)\)", self.text)
        cases = [(one, body.partition(";;")[0]) for one, body in zip(parts[::2], parts[1::2])]
        known = {}
        for letter, valued in re.findall(r"(\w)(:?)", letters.group(1)) if letters else ():
            about = re.match(r"\s*(\w+)=", dict(cases).get(letter, ""))
            takes.declare(["-" + letter], {"is_flag": not valued, "help": about and about.group(1)})
        cases = [] if letters else [case for case in cases if case[0].startswith("-")]
        for labels, body in cases:
            flags = [one.strip() for one in labels.split("|")]
            takes.declare(flags, {"is_flag": "$2" not in body})
        for name, index, sign in self.words:
            missing = letters or cases or sign
            known.setdefault(index, "" if missing else name or f"arg{index}")
        return [takes.place(known)]

    @property
    def words(self):
        """[(name, number, sign)] of $1, $2, ... outside of functions; "" where they get no name."""
        inside, words = False, []
        for line in re.sub(r"'[^'\n]*'", "''", self.text).split("\n"):
            starts = re.match(r"(?:function[ \t]+)?[\w-]+[ \t]*\(\)", line)
            inside = not line.rstrip().endswith("}") if starts else \
                inside and not line.startswith("}")
            if not starts and not inside and line[:1] not in (" ", "\t", "#"):
                name = re.match(r"(?:(?:readonly|export|declare)[ \t]+)?(\w+)=", line)
                words += [(name.group(1) if name else "", int(index), sign) for index, sign
                          in re.findall(r"\$\{?([1-9])\b(:?[-=+])?", line)]
        return words


class DocoptUsage:
    """What the text of a usage says, in whichever language. Source: docopt.org"""

    def __init__(self, text):
        text = text[re.search(r"(?i)usage:\s*", text).end():]
        text = re.split(r"(?m)\"\"\"|'''|[\"'](?=[ \t]*(?:->|\)|$))", text)[0]
        usage, _, rest = re.sub(r"(?m)^[ \t]+$", "", text).partition("\n\n")
        self.usage, self.options = usage.split("\n"), []    # (spellings, what is said of them)
        for option in re.split(r"\n[ \t]*(?=-)", "\n" + rest)[1:]:
            flags, _, about = option.partition("\n\n")[0].partition("  ")
            names = re.findall(r"--?\w[\w-]*", flags)
            default = re.search(r"(?i)\[default: ([^\[\]]*)\]", about)
            self.options.append((names, {
                "is_flag": not re.search(r"[ =](<|[A-Z]+\b)", flags), "help": about,
                "hidden": "--version" in names, "default": default and default.group(1)}))

    @property
    def takes(self):
        """By the lines of the usage, each of a command of its own, and those of options."""
        takes = {}
        for line in self.usage:
            _, *words = re.findall(r"\[[^\[\]]*\](?:\.\.\.)?|\([^()]*\)(?:\.\.\.)?|\S+", line)
            if takes and not set(words) - {"-h", "|", "--help", "--version"}:
                continue
            count = next((i for i, word in enumerate(words) if not re.match(r"[a-z][\w-]*$", word)),
                         len(words))
            command = " ".join(words[:count])
            own = takes.setdefault(command, Takes(command))
            for word in words[count:]:
                flags = re.findall(r"(--?\w[\w-]*)(=)?", word)
                for names, said in self.options if word == "[options]" else [
                        next((one for one in self.options if flag in one[0]),
                             ([flag], {"is_flag": not valued})) for flag, valued in flags]:
                    own.declare(names, said)
                if word != "[options]" and not flags:
                    name = re.fullmatch(r"<([^>]+)>|[A-Z][A-Z_-]+", word)
                    own.argue(re.sub(r"[^\w -]", "", word).lower(), None if name else "*", {})
        return list(takes.values())


SCRIPTS = {end: kind for kind in (RScript, PythonScript, BashScript) for end in kind.ends}


class Takes:
    """The words that a script, or one command of it, takes: its args, params, and what may follow.

    command  the words that choose it, after the script
    """

    def __init__(self, command=""):
        self.command, self.args, self.params, self.more, self.names = command, [], [], [], set()

    def declare(self, flags, said):
        """Add what a script declares: its spellings, and name -> what is said of it."""
        kind, number = TYPES.get(said.get("type"), ""), said.get("nargs")
        if not flags or said.get("hidden") or said.get("action") in ("help", "version"):
            return
        if not flags[0].startswith("-"):
            self.argue(flags[0], number, said)
            return
        if said.get("action") == "BooleanOptionalAction":
            flags = [re.sub("^--(.+)", r"--\1/--no-\1", flag) for flag in flags]
        flagged = said.get("action") in FLAGGED or "/" in "".join(flags) or any(
            said.get(name) not in (None, False)
            for name in ("is_flag", "flag", "count", "flag_value"))
        several = "list" if (number or 1) not in (1, "?") else kind
        for side in itertools.zip_longest(*(flag.split("/") for flag in flags), fillvalue=""):
            self.offer([flag.strip() for flag in side], "boolean" if flagged else several, said)

    def place(self, known):
        """Itself, with the names of words by their number; "" for one that may be missing."""
        for index in sorted(set(known) - {0}):
            self.argue(known[index] or f"arg{index}", None if known[index] else "?", {})
        return self

    def argue(self, name, number, said):
        """Add a positional word, or as many as it stands for; one that may be missing follows."""
        name, count = re.sub(r"[^\w.-]+", "-", name).strip("-."), number or 1
        if self.more or not isinstance(count, int) or said.get("default") is not None or count < 1:
            self.more += [name.upper()] if name else []
            return
        for index in range(1, count + 1):
            self.keep(self.args, f"{name}{index}" if count > 1 else name,
                      choices=said.get("choices"), help=said.get("help"))

    def offer(self, flags, accepts, said):
        """Add an option, under the first of its long names."""
        long = [flag[2:] for flag in flags if re.match("--..", flag)]   # --n would be passed as -n
        short = [flag[1:] for flag in flags if re.fullmatch(r"-[A-Za-z0-9]", flag)]
        default, name = said.get("default"), (long or short or [""])[0]
        kind = {"int": int, "float": (int, float), "": str, "list": (list, tuple)}.get(accepts, ())
        fits = isinstance(default, kind) and not isinstance(default, bool) and not re.search(
            r"\$|^-\D", str(default)) and not said.get("exclusive")
        fits = fits and default in (said.get("choices") or [default])
        self.keep(self.params, name, alt=short[0] if long and short else "", accepts=accepts,
                  default=default if fits else None, choices=said.get("choices"),
                  help=said.get("help"))

    def keep(self, rows, name, help=None, choices=None, **said):
        """Add a row, unless its name is no name, or taken."""
        if not ParamName.fits(name) or name in self.names or name == "help" or (
                name == "h" and said.get("accepts") == "boolean"):
            return
        if said.get("alt") in self.names:
            said["alt"] = ""
        self.names |= {name, said.get("alt")}
        text = re.sub(r"%\(default\)\w|%default", str(said.get("default")), str(help or ""))
        said.update(choices=[str(choice) for choice in choices or ()],
                    help=" ".join(text.replace("%%", "%").split()))
        rows.append(Row(name=name, **{
            key: said[key] for key in ("alt", "default", "choices", "help", "accepts")
            if said.get(key) not in ("", None, [], ())}))


def last_name(node):
    """The last name of an expression, or of what it calls: `Choice` of click.Choice()."""
    return dotted(getattr(node, "func", None) or node).rpartition(".")[2]


def dotted(node):
    """`a.b` of such a Python expression; "" of any other."""
    above = dotted(node.value) if hasattr(node, "attr") else ""
    return f"{above}.{node.attr}" if above else getattr(node, "attr", getattr(node, "id", ""))


# -- The text of skelebot.yaml

def yaml_text(keys):
    """YAML for (key, value) pairs in their order; a blank line before what takes several lines."""
    yaml = yaml_module()
    chunks = [yaml.serialize(yaml_node({key: value}), Dumper=yaml.SafeDumper,
                             allow_unicode=True, width=1000) for key, value in keys]
    return "".join("\n" * ("\n" in chunk.rstrip("\n")) + chunk for chunk in chunks)


FOLDED = "[\x85\u2028\u2029]"       # YAML takes these for blanks, but in double quotes


def yaml_node(value):
    """The YAML node of a text, a list or a dict; a node is itself."""
    yaml = yaml_module()
    if hasattr(value, "id"):
        return pyyaml_node(value)
    if isinstance(value, dict):
        items = [(yaml_node(key), yaml_node(item)) for key, item in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", items, flow_style=isinstance(value, Row))
    if isinstance(value, (list, tuple)):
        items = list(map(yaml_node, value))
        return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=False)
    if not isinstance(value, str):
        return yaml.SafeDumper("").represent_data(value)
    return yaml.ScalarNode(TEXT, value, style='"' if re.search(FOLDED, value) else None)


class Row(dict):
    """A mapping that is written in one line."""


IGNORED_FOLDERS = r"(?m)^(?=ignores:\n(?:- .*\n)*- (?:data|models|output)\n)"
HEADER = (f"# yaml-language-server: $schema={SCHEMA}\n"
          "# `skelebot --help` explains this project, `skelebot JOB` runs a job of it.\n\n")
WHY_IGNORED = ("# What no published image needs. A job sees a folder of these by its mappings;\n"
               "# a model to be served by the image must not be among them.\n")


# ---- Doctor -----------------------------------------------------------------
#
# What is not well here, and what helps. Nothing is changed but by --fix, and nobody is asked.

LIMIT = 10              # seconds that a step of a check may take
ROOM = 10 ** 9          # bytes of a disk without which builds fail sooner or later
INDEXES = {"Python": ("PIP_INDEX_URL", "https://pypi.org/simple/"),
           "R": ("SKELEBOT_CRAN", "https://cloud.r-project.org/")}


class Doctor:
    """The checks of a call, and what they find out for those that follow."""
    engine, proxy = None, ""

    def __init__(self, call, project, words):
        self.call, self.project, self.words, self.told = call, project, words, []
        self.jobs, self.network = getattr(project, "jobs", ()), not call.offline
        self.home = os.path.abspath(skelebot_home(call.environ, call.home))

    def plan(self):
        """Do all checks; 1 if something is bad."""
        own = [(f"logins {one.name}", functools.partial(plan_hook, one, "checks"))
               for one in (self.project.components if self.project else ())]
        for check in (*CHECKS, *(row + ("", "", "network") for row in own)):
            yield from self.plan_check(*check)
        if self.words.has("json") and not self.call.dry_run:
            yield Answer(json.dumps(self.told, indent=1))
        return int(any(one["state"] == "bad" for one in self.told) and not self.call.dry_run)

    def plan_check(self, name, look, remedy="", well="", needs=""):
        """Tell what `look` finds, as soon as it does; without what it `needs` it makes no sense."""
        missing = [need for need in needs.split() if not getattr(self, need)]
        steps, result, before = look(self), None, len(self.told)
        try:
            while not missing:
                result = yield from self.plan_step(name, remedy, steps.send(result))
            yield from self.plan_tell(name, "", Finding("skipped", f"no {missing[0]}"))
        except StopIteration:
            if len(self.told) == before and well:
                yield from self.plan_tell(name, "", Finding("ok", well))
        except Exception as error:      # one that is a plugin's, or ours, ends no other check
            own = SkelebotError(f"the check failed: {type(error).__name__}: {error}", remedy)
            for one in getattr(error, "faults", (own,)):
                yield from self.plan_tell(name, "", Finding("bad", one.message, one.hint))

    def plan_step(self, name, remedy, step):
        """A step, with an end and also shown in a dry run, or a Finding; no person is asked."""
        if isinstance(step, Finding):
            return (yield from self.plan_tell(name, remedy, step))
        if isinstance(step, Ask):
            raise SkelebotError(f"nobody has logged in ({step.question})", step.ways)
        if isinstance(step, Command):
            step = step._replace(kept=True, looks=False, apart=True, limit=step.limit or LIMIT)
        return (yield step._replace(limit=LIMIT) if isinstance(step, Request) else step)

    def plan_tell(self, name, remedy, finding):
        (group, _, name), (state, found, own) = name.partition(" "), finding
        remedy = own or remedy if state in ("note", "bad") else ""
        self.told.append(dict(group=group, name=name, state=state, found=found, remedy=remedy))
        if not self.words.has("json") and not self.call.dry_run:
            yield Answer(f"{state:7} {group:9} {name}: {on_one_line(found)}" + (
                f"\n{'':18}remedy: {on_one_line(remedy)}" if remedy else ""))

    def python(self):
        yaml = yaml_module()
        fast = hasattr(yaml, "CSafeLoader")
        yield Finding("ok" if fast else "note", f"{sys.version.split()[0]} at {sys.executable}; "
                      f"PyYAML {yaml.__version__} with{'' if fast else 'out'} libyaml")

    def room(self, path, writes=True):
        """Whether there is room for a path, or nothing can be written where it would be."""
        while not os.path.exists(path):
            path = os.path.dirname(path)
        free, closed = shutil.disk_usage(path).free, writes and not os.access(path, os.W_OK)
        return Finding("bad" if closed or free < ROOM else "ok", f"{path} cannot be written to"
                       if closed else f"{shown_size(free)} left for {path}")

    def clock(self, there):
        """How far another clock is from this machine's; tickets and signatures bear 5 minutes."""
        late = round(abs(there.timestamp() - datetime.datetime.now().timestamp()))
        return Finding("ok" if late < 30 else "note" if late < 300 else "bad",
                       f"its clock is {datetime.timedelta(seconds=late)} from this machine's",
                       "set the clocks, as by timedatectl set-ntp true, or start Docker again")

    def plan_engine(self):
        """What the engine says of itself; nothing of that is remembered."""
        host = Hosts(self.call, self.project).chosen().engine
        engine = yield from plan_engine(self.call._replace(dry_run=True), host)
        yield from engine.plan_check()
        info = yield from plan_must(Command((*engine.argv, "info", "--format", engine.facts)))
        version, root, clock, gives, self.proxy = (info.output.strip() + 4 * "|").split("|")[:5]
        rights, self.engine = "rootless" if "rootless" in gives else "as root", engine
        yield Finding("ok", f"{version} at {engine.endpoint or 'its own default'}, {rights}")
        if root and engine.is_local:
            yield self.room(os.path.abspath(root), writes=False)
        if clock:
            now = re.sub(r"\.\d+|:(?=\d\d$)", "", clock.replace("Z", "+00:00"))
            yield self.clock(datetime.datetime.strptime(now, "%Y-%m-%dT%H:%M:%S%z"))
        wanted = {one.resources.gpus for one in (self.project, *self.jobs) if one} - {"", "0"}
        if ((wanted or getattr(self.project, "gpu", False))
                and "nvidia" not in gives + str(listing("/etc/cdi", 0))):
            hint = refusal_hint("could not select device driver", "")
            yield Finding("bad", "it has no GPU to give", hint)

    def plan_builder(self):
        builder = yield from self.engine.plan_builder(again=True)
        yield Finding("ok" if builder in ("buildkit", "podman") else "note", builder)

    def plan_bases(self):
        file = self.project.dockerfile
        text = ((read_bytes(file) if file else own_dockerfile()) or b"").decode("utf-8", "replace")
        names = tuple(Instructions(text if file else f"FROM {self.project.base}").bases or ())
        for name, known in zip(names, (yield from self.engine.plan_image_ids(names))):
            manifest = (*self.engine.argv, "manifest", "inspect", name)
            yield from ((Finding("ok", f"{name} is here"),) if known else
                        plan_ask(manifest, f"{name} is in its registry"))

    def proxies(self):
        """Those of our requests, and the engine's own."""
        own = [f"{kind} by {public_url(url)}" for kind, url
               in sorted(urllib.request.getproxies().items()) if kind in ("http", "https", "all")]
        yield Finding("note" if own and self.engine and not self.proxy else "ok",
                      f"{listed(own) or 'none'}; the engine has {shown_url(self.proxy) or 'none'}")

    def plan_indexes(self):
        """Whether what packages come from answers, and has the same time."""
        language = getattr(self.project, "language", "Python")
        for variable, usual in (INDEXES[name] for name in INDEXES if name in language.split("+")):
            url = self.call.environ.get(variable) or usual
            answer = yield from plan_answer(Request("HEAD", type(url)(bare_url(url))),
                                            (200, 401, 404, 405))
            yield Finding("ok", f"{public_url(url)} answers")
            if answer.headers.get("date"):
                yield self.clock(email.utils.parsedate_to_datetime(answer.headers["date"]))

    def plan_hosts(self):
        for host in sorted({job.host for job in self.jobs if job.host.startswith("ssh://")}):
            yield from plan_ask(("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", host,
                                 "true"), f"{host} lets you in")

    def file(self):
        folder = project_folder(os.getcwd())
        project = (read_folder(folder, self.call.env or None, self.call.plugins) if folder
                   else read_config(self.call.environ, self.call.home))
        network_files(project.network, self.call.environ, folder or "", self.call.home)
        if folder:
            yield Finding("ok", f"{project.name}, jobs: {len(project.jobs)}")

    def context(self):
        """What Docker is sent, of which all has to be read."""
        recipe = Recipe(files=context_index(Ignores(ignore_file(self.project, None)[0])))
        check_sendable(self.project, recipe)
        for note in context_notes(Recipe(), recipe, most=10):
            yield Finding("note", *note.replace("warning: ", "").split("; ", 1))

    def plan_containers(self):
        for own, status, name in (yield from Clean.plan_ended(self.engine)):
            yield from self.plan_left(f"{name}, {status}", Command(
                (*self.engine.argv, "rm", "--volumes", own)))

    def plan_builds(self):
        """What is kept of builds in folders that do not exist any more, and their images."""
        engine, here, gone = self.engine, {}, {}
        for path, folder, _, image in Clean.builds(engine, self.home):
            (here if look(folder) else gone)[path] = image
        ids = sorted({*gone.values()} - {*here.values(), ""})
        told = (yield engine.inspect("{{.Id}} {{.Size}}", *ids)) if ids else Outcome()
        images = dict(re.findall(r"(?m)^(\S+) (\d+)$", told.output))    # others have gone too
        size = sum(map(os.path.getsize, gone)) + sum(map(int, images.values()))
        if gone:
            yield from self.plan_left(
                f"{len(gone)} files and {len(images)} images of folders that have gone, up to "
                f"{shown_size(size)}", *([Command((*engine.argv, "rmi", *images), limit=600)]
                                         if images else []), *map(Remove, gone))

    def plan_left(self, what, *steps):
        """Tell what skelebot has left; --fix removes it."""
        for step in steps if self.words.has("fix") else ():
            yield from plan_must(step) if isinstance(step, Command) else (step,)
        yield Finding(*(("ok", "removed: " + what) if self.words.has("fix") else ("note", what)))


FIX = "skelebot doctor --fix removes it"
CHECKS = (
    ("python Python", Doctor.python, "the package python3-yaml has libyaml, and is faster"),
    ("python disk", lambda it: (it.room(path) for path in (
        it.home, os.path.abspath(it.call.environ.get("TMPDIR") or "/tmp"))),
     "free some, or name another folder in SKELEBOT_HOME or TMPDIR"),
    ("engine engine", Doctor.plan_engine, "docker system prune frees some space"),
    ("engine builder", Doctor.plan_builder, "install Docker's buildx: without it there are no "
     "caches between builds and no secrets in them", "", "engine"),
    ("image base", Doctor.plan_bases, "docker pull says more: it may need docker login, or a proxy "
     "of the engine's own", "", "engine project"),
    ("network proxy", Doctor.proxies, "name it as proxies in /etc/docker/daemon.json"),
    ("network index", Doctor.plan_indexes, "correct PIP_INDEX_URL, or network", "", "network"),
    ("project " + FILE, Doctor.file, "", "there is none, here or above"),
    ("project scripts", lambda it: (
        Finding("bad", f"{job.source.script} does not exist") for job in it.jobs
        if job.source.script and not look(job.source.script)),
     "correct source, or bring the file", "all exist", "project"),
    ("project line ends", lambda it: (
        Finding("bad", f"{file} has those of Windows", f"sed -i 's/\\r$//' {file}")
        for job in it.jobs for file in crlf_files(job.source)), "", "those of Unix", "project"),
    ("project context", Doctor.context, "", "fine", "project"),
    ("plugins quarantine", lambda it: (Finding("bad", f"{name} could not be imported") for name
                                       in folder_names(os.path.join(it.home, QUARANTINE))),
     "skelebot plugin install brings a corrected one, plugin remove removes it", "empty"),
    ("leftovers containers", Doctor.plan_containers, FIX + "; docker cp saves its files", "none",
     "engine"),
    ("leftovers builds", Doctor.plan_builds, FIX, "none", "engine"),
    ("logins helper", lambda it: (
        Finding("bad", f"{name} is not on PATH", refusal_hint(name, "")) for name
        in [missing_helper(it.call.environ, it.call.home)] if name), "", "none is missing"),
    ("logins ssh", Doctor.plan_hosts, "try it by hand, as ssh USER@HOST", "", "network"),
)


# ---- Help -------------------------------------------------------------------

USAGE = "usage: skelebot [OPTIONS] JOB [ARGS] [--PARAM\0VALUE]... [--\0EXTRA...] [+\0JOB\0...]"
WHERE = {"always": "natively", "never": "in Docker only",
         "optional": "in Docker, or natively with -n"}


class Pages:
    """The pages that explain, for a terminal of a width, and with bold headings if it has them."""

    def __init__(self, width=80, bold=False):
        self.width, self.bold = width, bold

    def shown(self, page):
        """A page as the terminal gets it; a heading ends in a colon, before an indented line."""
        headings = r"(?m)^\S.*:$(?=\n  )" if self.bold else r"(?!)"
        return re.sub(headings, "\033[1m\\g<0>\033[0m", visible(page))

    def topic(self, text):
        """A topic of the manual for a terminal: its tables as columns, its links as words."""
        def columns(table):
            head, _, *rows = [[cell.strip().replace("\\|", "|") for cell in re.split(
                r"(?<!\\)\|", line)[1:-1]] for line in table.group().split("\n")]
            if len(head) not in (2, 4):
                return table.group()
            facts = [f" ({'; '.join(filter(None, row[1:-1]))})" if any(row[1:-1]) else ""
                     for row in rows]
            return self.section(head[0], [(row[0].replace("`", ""), row[-1] + fact)
                                          for row, fact in zip(rows, facts)]).rstrip()
        words = re.sub(r"\[([^][\n]+)\]\([^()\n]+\)", r"\1", text)
        return re.sub(r"(?m)^\|.*(?:\n\|.*)+", columns, words)

    def project(self, project, commands):
        """The page that explains the project to anyone who lands in its folder."""
        jobs = [(job.name, " ".join([*job.help.split(), f"[{shortened_source(job)}]"]))
                for job in project.jobs]
        others = [(name, command.help) for name, command in commands.items()
                  if not project.job(name)]
        return "\n".join(filter(None, [
            self.title(project),
            self.wrapped(USAGE) + "\n",
            self.section("Jobs (skelebot JOB --help explains one)", jobs)
            or f"No jobs yet: add some to {FILE}.\n",
            self.section("Commands (skelebot COMMAND --help explains one)", others),
            self.section("Options, before the job", option_rows(OPTIONS)),
            f"skelebot {__version__}",
        ]))

    def outside(self, commands):
        """The page of a folder that is in no project."""
        rows = [(name, command.help) for name, command in commands.items() if command.outside]
        return "\n".join([
            self.paragraphs(f"Skelebot runs the jobs of a project that a {FILE} describes. "
                            "There is none here or above.") + "\n",
            self.wrapped(USAGE) + "\n",
            self.section("Commands", rows),
            self.section("Options", option_rows(option for option in OPTIONS if option.outside)),
            self.paragraphs("To begin: skelebot scaffold my-project, or "
                            "skelebot scaffold --existing in a project's folder.") + "\n",
            f"skelebot {__version__}",
        ])

    def job(self, project, job):
        """The page of one job."""
        params = job_parser(project, job).params
        options = [f"[{spelling(param.name)}{VALUES[param.accepts]}]".replace(" ", "\0")
                   for param in params if isinstance(param, Param)]
        usage = ["usage: skelebot [OPTIONS]", job.name, *(arg.name.upper() for arg in job.args),
                 *options, "[--\0EXTRA...]"]
        resources = job.resources.over(project.resources)._asdict().items()
        about = [*([job.help] if job.help.strip() else []),
                 f"runs {shortened_source(job)} {WHERE[job.native]}"]
        return "\n".join(filter(None, [
            self.wrapped(" ".join(usage)) + "\n",
            "".join(self.paragraphs(text) + "\n" for text in about),
            self.section("Arguments", option_rows(job.args)),
            self.section("Parameters", option_rows(params)),
            self.section("Resources", [row for row in resources if row[1]]),
            self.section("Files with variables", [
                (file.path, "") for file in (*project.envFiles, *job.envFiles)]),
        ])).rstrip("\n")

    def command(self, name, command):
        """The page of one of skelebot's own commands."""
        needed = len(command.args) - command.optional
        args = [arg.name.upper() if index < needed else f"[{arg.name.upper()}]"
                for index, arg in enumerate(command.args)]
        return "\n".join(filter(None, [
            " ".join(["usage: skelebot [OPTIONS]", name, *args, "[OPTION]...\n"]),
            command.help + "\n",
            self.section("Arguments", option_rows(command.args)),
            self.section("Options", option_rows((*command.params, HELP))),
        ])).rstrip("\n")

    def title(self, project):
        """What the project is: name, version, environment; description; who to ask."""
        env = f" (environment {project.env})" if project.env else ""
        both = project.contact and project.maintainer
        owner = (f"{project.maintainer} <{project.contact}>" if both
                 else project.maintainer or project.contact)
        return "\n".join(filter(None, [
            " ".join(filter(None, [project.name, project.version])) + env,
            self.paragraphs(project.description),
            f"maintained by {owner}" if owner else "",
            f"environments: {', '.join(project.envs)}" if project.envs else "",
        ])) + "\n"

    def section(self, title, rows):
        """A title and two columns; a long name has its text on the next line. "" without rows."""
        column = min(max([len(name) for name, _ in rows] or [0]), 26) + 4
        lines = [f"{title}:"] if rows else []
        for name, text in rows:
            margin = " " * (column - len(name) - 2)
            margin = "\n" + " " * column if len(margin) < 2 else margin
            lines.append(f"  {name}{margin}{self.wrapped(text, column)}".rstrip())
        return "".join(line + "\n" for line in lines)

    def paragraphs(self, text):
        """The lines of a text, those that are too long wrapped."""
        return "\n".join(line if len(line) <= self.width else self.wrapped(line, 0)
                         for line in text.strip().split("\n"))

    def wrapped(self, text, indent=4):
        """`text` in lines, all but the first indented; a \0 is a blank that stays in its line."""
        margin, words = text[:len(text) - len(text.lstrip())], re.split(r"[\t-\r ]+", text.strip())
        lines = textwrap.wrap(margin + " ".join(words), max(self.width - indent, 30),
                              break_long_words=False, break_on_hyphens=False)
        return ("\n" + " " * indent).join(lines).replace("\0", " ")


def option_rows(params):
    """`-e, --epochs INT`, or `FILE` of an argument, and what it means."""
    return [(one.name.upper() if isinstance(one, Arg) else
             (f"-{one.alt}, " if one.alt else "") + spelling(one.name) + value_name(one),
             meaning(one)) for one in params]


def meaning(param):
    """The help of an argument or parameter, with its default and choices."""
    default = [word if word and not re.search(r"\s", word) else f"'{word}'"
               for word in getattr(param, "default", ())]
    facts = "; ".join([*([f"default: {' '.join(default)}"] if default else []),
                       *([f"one of: {', '.join(param.choices)}"] if param.choices else [])])
    return " ".join([*param.help.split(), *([f"({facts})"] if facts else [])])


def shortened_source(job):
    first = job.source.strip().split("\n")[0]
    return first if len(first) < 50 and first == job.source.strip() else first[:46] + " ..."


# -- The manual

def topics():
    """The names of the topics, from the page that lists them."""
    return re.findall(r"\]\(([\w-]+)\.md\)", topic_text("topics"))


def topic_text(name):
    """A topic of the manual; its first line is `# NAME: what it is about`."""
    return template_bytes("help", name + ".md").decode("utf-8")


# -- The schema of skelebot.yaml, for editors. Source: JSON Schema, draft 7

class Schema:
    """What skelebot.yaml may hold, for editors: made of the records, explained by the manual.

    What they do not say is in templates/schema.json: kinds of values, and rules of records.

    meanings  the keys of each table in the manual -> key -> what it means
    """

    def __init__(self):
        tables = re.findall(r"(?m)^\|-.*\n((?:\|.*\n)+)", "".join(map(topic_text, topics())))
        row = r"(?m)^\| `(\w+)` \|.*\| ((?:[^|\\\n]|\\.)*) \|$"
        self.meanings = {tuple(known): known for table in tables
                         for known in [dict(re.findall(row, table))]}
        self.frame = json_value(template_bytes("schema.json"))
        self.defined, self.rules = self.frame["definitions"], self.frame.pop("rules")
        self.defined["Dependencies"] = {"anyOf": [
            self.record(Dependencies), *map(self.of, fields(Dependencies).values())]}
        self.defined["hosts"]["additionalProperties"] = self.of(HostRecord)

    def of(self, kind):
        """The schema of what is read as a kind, which is an annotation of a record."""
        name = getattr(kind, "__name__", getattr(kind, "_name", ""))    # typing's, before 3.10
        name = {Tuple[Variable, ...]: "variables", Tuple[HostEntry, ...]: "hosts",
                Tuple[Axis, ...]: "axes"}.get(kind, name)
        if name in self.defined:
            return {"$ref": "#/definitions/" + name}
        if hasattr(kind, "_fields"):
            bare = [fields(kind)[kind._bare]] if getattr(kind, "_bare", "") else []
            return {"anyOf": [self.record(kind), *map(self.of, bare)]}
        if hasattr(kind, "fits") and kind.values:
            return {"enum": [*kind.values, *kind.former]}
        if hasattr(kind, "fits"):           # 3.10 and yes, which are none for YAML, are texts
            others = {"integer": "1", "number": "1.5", "boolean": "true"}
            pattern = "|".join(getattr(kind, "forms", {}).values()) or kind.pattern
            return {"type": ["string", *(name for name in others if kind.fits(others[name]))],
                    "pattern": self.script_pattern(pattern)}
        inner = getattr(kind, "__args__", None)
        one = self.of(inner[0]) if inner else {}
        return {"anyOf": [{"type": "array", "items": one}, one]} if (
            inner and type(None) not in inner) else one

    @staticmethod
    def script_pattern(pattern):
        """A pattern for JavaScript, where \\w is ASCII: it takes as much, or more; "" takes all."""
        for ours, other in ((r"\(\?P<\w+>", "(?:"), (r"\\([\"'`])", r"\1"),
                            (r"\[\\w", r"[\\w\\u0080-\\uffff"), (r"^\(\?a\)", "")):
            pattern = re.sub(ours, other, pattern)
        return "" if re.search(r"\(\?[a-z]", pattern) else rf"^(?:{pattern})\n*$"

    def text(self, installed):
        """The schema of the file; `installed` are the (name, class) of plugins."""
        below = {name: kind.record or Any for name, kind in (*installed, *COMPONENTS.items())}
        top = {PLUGINS: Tuple[FormerPlugin, ...]}
        for kind in COMPONENTS.values():
            for path, former in kind.former.items():
                names = below if "." in path else top
                names[path.split(".")[-1]] = former[0] if former else kind.record
        top["components"] = type("Components", (Record,), {
            "__annotations__": below, **dict.fromkeys(below)})
        return json.dumps({**self.frame, **self.record(Project, top)}, ensure_ascii=False)

    def record(self, kind, more=()):
        """The keys of a record and `more`, also by their former names, and its rules."""
        meanings, keys = self.meanings.get(tuple(fields(kind)), {}), {}
        needed = [name for name in fields(kind) if name not in kind._field_defaults]
        for name, note in {**fields(kind), **dict(more)}.items():
            schema = [self.of(note), *([] if name in needed else [{"type": "null"}])]
            keys[name] = {"description": meanings.get(name, ""), "anyOf": schema}
        former = {old: keys[new] for old, new in getattr(kind, "_former", {}).items()}
        return {"type": "object", "properties": {**keys, **former}, "required": needed,
                "patternProperties": {"^x-|^skelebotVersion$": {}}, "additionalProperties": False,
                **self.rules.get(kind.__name__, {})}


# ---- Doing ------------------------------------------------------------------

# -- Steps, one by one

def perform(plan, call):
    """Do the steps of a plan, one after the other; returns what the plan returns."""
    go, result, left = plan.send, None, None
    while True:
        try:
            step = go(result)
            go, result = plan.send, do_in_time(step, call, left) if left else do(step, call)
        except StopIteration as finished:
            return finished.value
        except BaseException as fault:
            if plan.gi_frame is None:
                raise                   # the plan has ended by it
            if isinstance(fault, (KeyboardInterrupt, Stopped)):
                left = Ending.of(fault).after(left)
            go, result = plan.throw, fault


def do_in_time(step, call, left):
    """Do a step after a signal: a command has the time that is left, which may be none."""
    if not isinstance(step, Command):
        return do(step, call)
    limited = step._replace(limit=step.limit or max(left.by_force(), FORCE))
    outcome = UNANSWERED if left.unanswered else do(limited, call)
    if outcome == UNANSWERED:
        left.give_up(step.argv)
    return outcome


def do(step, call):
    """Do one step, or only show it; the result is what its plan goes on with."""
    if type(step) not in DOING:
        raise TypeError(f"{repr(step)[:60]} is no step")
    if isinstance(step, Command) and isinstance(step.argv, str):
        raise TypeError("the argv of a Command has to be a list of words, not "
                        f"{shortened(step.argv)}")
    own = step if IN_UTF8 else for_machine(step)
    if call.dry_run and getattr(step, "looks", False):
        try:
            return run_program(own)
        except SkelebotError:
            return Outcome(127)
    line = getattr(step, "line", None) if call.dry_run else None
    if line is not None:
        say(sys.stdout, line, shown=pasted)
    if line is not None or call.dry_run and type(step) in (Hold, Release, Ask):
        return SHOWN.get(type(step), lambda step: None)(step)
    if call.offline and remote(step):
        check_online(True, remote(step))
    if call.verbose and isinstance(step, (Command, Wait, SecretsInside, Request, Upload, Download)):
        say(sys.stderr, "+ " + brief(step).line, shown=pasted)
    try:
        return DOING[type(step)](own)
    except OSError as error:
        if type(step) not in (File, MakeFolder, Move, Scratch, Keep, Take):
            raise                       # it has its own fault, or a reader that has gone
        raise refused(getattr(step, "path", "") or step.target, error)


FOR_MACHINE = ("path", "root", "source", "target", "argv", "packed", "beside", "environ", "stop",
               "keytabs", "command")


def for_machine(value):
    """A step with its paths and words as interfaces take them that are not in UTF-8."""
    if isinstance(value, str):
        return machine_text(value)
    if isinstance(value, dict):
        return {machine_text(name): machine_text(text) for name, text in value.items()}
    if isinstance(value, Record):
        names = [name for name in FOR_MACHINE if name in value._fields]
        return value._replace(**{name: for_machine(getattr(value, name)) for name in names})
    return tuple(map(for_machine, value))


def remote(step):
    """What a step of ours asks of a network, "" if nothing."""
    request, words = getattr(step, "request", step), getattr(step, "argv", ())
    if isinstance(request, Request):
        near = request.direct or host_of(request.url) in LOOPBACK
        return "" if near else public_url(request.url)
    asks = words[:1] == ("aws",) or words[:2] == ("git", "clone") or "push" in words[1:4]
    return shell_line(words[:2]) if asks else ""


def brief(step):
    """A step, the scripts among its words cut to their first line, for a person to read."""
    def cut(word, most=1000):
        long = len(word) >= most and "\n" in word and not isinstance(word, Secret)
        return word.partition("\n")[0] + " ..." if long else word

    if not isinstance(step, Command):
        return step
    return step._replace(argv=tuple(map(cut, step.argv)),
                         beside=tuple(cut(word, 0) for word in step.beside))


# -- Programs

MARK = "SKELEBOT_MARK"      # the variable by which all that a job has started is known
ANSWERED = 20       # seconds that a program may take for an answer which changes nothing
UNANSWERED = Outcome(124, "", "no answer in time")      # the exit status of timeout(1)
UNREAD = 126        # exit status of podman run when its output cannot be written
NO_READER = 141     # exit status when whoever read the output has gone: 128 + SIGPIPE
PATIENCE = 1        # seconds that a build may take before what it says is shown
MOST_SAID = 16 * 1000 * 1000    # bytes that a program may print where that is kept
COMPANIONS = {}     # argv -> what has run beside a command, and stays


def run_program(step):
    """Run a command to its end, for its Outcome; so long runs what is beside it."""
    step = step._replace(kept=step.kept or step.looks)
    kind = QuietProgram if step.quiet else LoggedProgram if step.run else Program
    if not step.beside:
        return kind(step).run()
    companion = COMPANIONS.pop(step.beside, None) or subprocess.Popen(
        step.beside, env={**os.environ, **step.environ}, stdin=subprocess.PIPE,
        stdout=(sys.stdout if step.aside else sys.stderr).fileno(), start_new_session=True)
    try:
        return kind(step).run()
    finally:
        if step.stays:
            COMPANIONS[step.beside] = companion
        else:
            with contextlib.suppress(OSError):      # it has ended by itself
                getattr(os, "killpg", os.kill)(companion.pid, KILL)
            companion.wait()


class Program:
    """The program of a Command, and the container that it may have something run in."""
    process = log = None

    def __init__(self, step):
        self.step = step
        self.mark = {MARK: os.urandom(8).hex()} if step.whole else {}

    def run(self):
        """Its Outcome; an interruption ends the program, and its container as well."""
        try:
            self.start()
            printed = self.wait() or ()
        except (KeyboardInterrupt, Stopped) as cause:
            self.end(cause)
            raise
        except subprocess.TimeoutExpired as cause:
            if self.step.kept:
                self.step = self.step._replace(stop=())
                self.force_end(None)
            else:                       # as by a signal, but that its engine is to kill it
                cause.number, cause.ending = _signal.SIGTERM, Ending(LAST_WORDS + 1)
                self.end(cause)
            return UNANSWERED
        if self.was_left():
            return Outcome(NO_READER)
        status = self.process.returncode
        return Outcome(status if status >= 0 else 128 - status,
                       *((stream or b"").decode("utf-8", "replace") for stream in printed))

    def start(self):
        """Start it; a signal that comes just then must not lose us a program."""
        name, step = self.step.argv[0], self.step
        try:
            with Deferred():
                self.process = subprocess.Popen(
                    step.argv, env={**os.environ, **step.environ, **self.mark},
                    start_new_session=step.apart, **self.streams())
        except FileNotFoundError:
            raise SkelebotError(f"{name}: not found on PATH", refusal_hint(
                os.path.basename(name), "install it, or correct PATH", "programs"))
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise SkelebotError("the command line is too long for this machine",
                                    "put long values into a file")
            raise SkelebotError(f"{name}: cannot be run: {error.strerror}",
                                "look at the file's permissions")

    def streams(self):
        """Where it reads and writes; None is skelebot's own stdin, stdout or stderr."""
        step, pipe = self.step, subprocess.PIPE
        if not step.kept and not step.aside:
            return {}
        source = pipe if step.packed or step.given else subprocess.DEVNULL
        if step.kept and not self.log:
            return {"stdin": source, "stdout": pipe, "stderr": pipe}
        return {"stdin": source, "stdout": self.log or sys.stderr.fileno(), "stderr": self.log}

    def wait(self):
        """(output, errors), None for what is not kept; one that prints without end is ended.

        Raises subprocess.TimeoutExpired if it takes longer than it may.
        """
        self.feed()
        seconds = self.step.limit or (ANSWERED if self.step.looks else None)
        until = seconds and time.monotonic() + seconds
        said, streams = {}, (self.process.stdout, self.process.stderr)
        threads = [threading.Thread(target=self.read, args=(stream, said), daemon=True)
                   for stream in streams if stream]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(until and max(until - time.monotonic(), 0))
        if any(thread.is_alive() for thread in threads):
            raise subprocess.TimeoutExpired(self.step.argv, seconds)
        self.process.wait(until and max(until - time.monotonic(), 0))
        if any(len(text) > MOST_SAID for text in said.values()):
            raise SkelebotError(f"{self.step.argv[0]}: prints more than {shown_size(MOST_SAID)}",
                                "run it by hand, and look at what it prints")
        return tuple(map(said.get, streams))

    def feed(self):
        """Give it what it reads from stdin: a text, or an archive of a folder or file."""
        if not self.process.stdin:
            return
        try:
            with self.process.stdin as stdin:
                if self.step.packed:
                    self.pack(stdin, *self.step.packed[:2])
                else:
                    stdin.write(self.step.given.encode("utf-8", "surrogateescape"))
        except BrokenPipeError as error:
            if isinstance(error.__context__, (KeyboardInterrupt, Stopped)):
                raise error.__context__     # else the program has ended, and says why
        except OSError as error:
            self.process.kill()
            raise refused((self.step.packed or self.step.argv)[0], error)
        self.process.stdin = None

    def pack(self, stdin, folder, name):
        """Write a folder or file as an archive, with the owners and modes of its files."""
        out = Ignores(self.step.left_out).ignores
        with tarfile.open(None, "w|", stdin, CHUNK, format=tarfile.GNU_FORMAT) as archive:
            # docker cp refuses a link that leads out of what it copies
            archive.add(os.path.realpath(folder), arcname=name, filter=lambda one: (
                None if one.issym() and leads_out(one.name, one.linkname, name)
                or out(one.name[len(name) + 1:]) else one))

    def read(self, stream, said):
        with stream:
            said[stream] = stream.read(MOST_SAID + 1)
        if len(said[stream]) > MOST_SAID:
            self.process.kill()

    def was_left(self):
        """Whether it has left its container, as nobody reads; then that is ended, if need be."""
        status, step = self.process.returncode, self.step
        if not status or not step.stop or step.kept or not self.has_no_reader():
            return False
        left = not quiet_status(step.stop[0])
        if left:
            quiet_status(step.stop[-1])
        return left or status == UNREAD

    def has_no_reader(self):
        """Whether nobody can read stdout any more. Source: poll(2), POLLERR of a pipe"""
        try:
            poll = select.poll()
            poll.register(sys.stdout.fileno(), 0)
            return bool(poll.poll(0))
        except (AttributeError, OSError, ValueError):
            return False                # Windows, or a stdout that is no file

    def end(self, cause):
        """End it and its container: gently, then by force; a second Ctrl-C hurries."""
        left = Ending.of(cause)
        ignore_stop_signals()
        try:
            if self.process:
                number = getattr(cause, "number", _signal.SIGINT)
                self.end_gently(number == _signal.SIGINT, left)
        except KeyboardInterrupt:
            left.hurry()
        except subprocess.TimeoutExpired:
            pass
        with Handlers({_signal.SIGINT: _signal.SIG_IGN}):
            self.force_end(left)

    def end_gently(self, interrupted, left):
        """Let it, and its container, end by themselves.

        `podman build` leaves its containers when it is ended itself, and removes them when the
        step that it runs fails.
        """
        if self.step.apart:
            processes, own = Processes(), self.process.pid
            pids = processes.below({own})       # those that run no others are the step's
            send_signals(pids - {own} - {processes.parents.get(pid) for pid in pids}, KILL)
        elif not self.step.stop:
            Family(self.process, self.mark.get(MARK)).end(interrupted, left)
        elif interrupted and not has_terminal() and os.name != "nt":
            self.process.send_signal(_signal.SIGINT)
        elif not interrupted and self.step.kept:
            self.process.terminate()
        elif not interrupted:           # as soon as the engine has created it, unless that hangs
            while (quiet_status(self.step.stop[0], left.gently()) and self.process.poll() is None
                   and left.gently() > 0.1):
                time.sleep(0.3)
        self.process.wait(left.gently())

    def force_end(self, left):
        """End it, then remove its container; the engine may only be creating that now."""
        if self.process and self.process.poll() is None:
            (self.process.terminate if self.step.stop else self.process.kill)()
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pause in (0.1, 0.5, 0) if self.step.stop else ():
            left.hurry()
            for argv in self.step.stop[1:]:
                if quiet_status(argv, left.by_force()) is None:
                    return left.give_up(argv)
            time.sleep(pause)


class QuietProgram(Program):
    """A Program whose output goes to a log, shown if it takes long, or fails and is not kept."""

    def run(self):
        self.log, self.path = Ours("").new_file()
        try:
            outcome = super().run()
            wanted = self.step.kept or outcome.status
            text = read_bytes(self.path, MOST).decode("utf-8", "replace") if wanted else ""
            return outcome._replace(errors=text) if wanted else outcome
        finally:
            os.close(self.log)
            remove(Remove(self.path))

    def wait(self):
        self.feed()
        self.begin, self.slow = time.monotonic(), False
        self.folds = bool(self.step.title) and sys.stderr.isatty() and not self.step.kept
        with open(self.path, "rb") as log:
            ended = threading.Event()
            watcher = threading.Thread(target=self.show_if_slow, args=(log, ended))
            watcher.start()
            try:
                self.process.wait()     # without a limit: with one it looks only every 0.05 s
            finally:
                ended.set()
                watcher.join()
            if self.process.returncode and not self.step.kept:
                log.seek(0 if self.folds else log.tell())
                self.show(log.read())
            elif self.slow and self.step.title and not self.process.returncode:
                tell(f"{self.step.title}: done in {round(time.monotonic() - self.begin)} s")

    def show_if_slow(self, log, ended):
        """Show what is new in the log, or of each piece the last line, over the one before."""
        self.slow = not ended.wait(PATIENCE)
        if self.slow and self.step.title:
            tell(self.step.title)
        goes_on = self.slow
        while goes_on:
            goes_on = not ended.wait(0.1)
            text = log.read()
            if self.folds and text.strip():
                line = visible(last_line(text.decode("utf-8", "replace")))
                text = f"\r\033[K{line[:terminal_pages().width - 1]}".encode()
            self.show(text if text.strip() or not self.folds else b"")
        if self.slow and self.folds:
            self.show(b"\r\033[K")

    def show(self, data):
        """Show bytes; a stderr that nobody reads is no reason to stop a build."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()
            os.write(sys.stderr.fileno(), data)


class LoggedProgram(Program):
    """A Program whose output goes on its way, and into the log of its run.

    A process of ours copies it, byte for byte, which lives as long as anything writes: so neither
    the job nor what it has left behind notices it, whatever becomes of us.
    """
    pipes = ()

    def run(self):
        outcome = super().run()
        if self.pipes:
            # what the job has left running goes on printing, and nobody waits for that
            if select.select([self.ended], [], [], LAST_LINES)[0]:
                os.waitpid(self.copier, os.WNOHANG)
            os.close(self.ended)
            if self.was_left():
                return Outcome(NO_READER)
        return outcome

    def start(self):
        try:
            super().start()
        finally:
            for _, end in self.pipes:
                os.close(end)
        folder, null, pid = os.path.abspath(self.step.run), subprocess.DEVNULL, self.process.pid
        with contextlib.suppress(OSError, SkelebotError):       # no shell, no facts
            if self.step.whole:
                RunFolder.write(folder + "/pid", f"{pid} {process_begun(pid) or '-'}\n")
            if not self.step.kept and (os.environ.get("GIT_DIR") or is_in_git(os.getcwd())):
                script = template_bytes("runs", "git.sh").decode()      # nobody waits for that
                git = subprocess.Popen(("sh", "-c", script, folder), start_new_session=True,
                                       stdin=null, stdout=null, stderr=null)
                git.returncode = 0
        if self.pipes:
            self.copy()

    def streams(self):
        terminal = any(stream.isatty() for stream in (sys.stdout, sys.stderr))
        if not hasattr(os, "fork") or terminal and not self.step.log:
            return super().streams()    # a native job at a terminal has that for itself
        self.pipes = [os.pipe() for _ in range(2)]
        own = {"stdin": subprocess.DEVNULL} if self.step.kept else {}
        return {**own, "stdout": self.pipes[0][1], "stderr": self.pipes[1][1]}

    def copy(self):
        """Start the process that copies."""
        self.ended, begins = os.pipe()
        sys.stdout.flush(), sys.stderr.flush()
        self.copier = os.fork()
        if not self.copier:
            try:
                self.copy_all(begins)
            finally:
                os._exit(0)
        for end in (begins, *[end for end, _ in self.pipes]):
            os.close(end)

    def copy_all(self, begins):
        """In that process: copy until nothing writes any more, or nobody reads that."""
        ignore_stop_signals("SIGINT")
        ways = {self.pipes[0][0]: 1, self.pipes[1][0]: 2}
        log = Log(os.path.join(self.step.run, "log"))
        own = sorted({2, *ways, begins, log.file or 2, 256})
        for low, high in zip(own, own[1:]):
            os.closerange(low + 1, high)    # locks go with whoever has them, and not later
        while ways:
            for source in select.select(list(ways), [], [])[0]:
                data = os.read(source, CHUNK)
                log.add(data)
                if not (data and self.pass_on(ways[source], data)):
                    os.close(source)        # so the job hears of what cannot be written
                    del ways[source]
        os.close(begins)                # the end of a large process takes a while

    def pass_on(self, number, data):
        """Write what the job has said where that leads; returns whether more can follow."""
        try:
            if not self.step.kept:
                Log.write_all(number, data)
        except OSError as error:
            if error.errno == errno.EPIPE:      # it may be long until it writes again
                number = KILL if self.step.stop else _signal.SIGPIPE
                send_signals([self.process.pid], number)
            elif number == 1:
                tell(f"the output cannot be written: {error.strerror.lower()}")
            return False
        return True


MOST_LOGGED = 64 * 2 ** 20      # bytes of a log
KEPT_START, KEPT_END = MOST_LOGGED // 2, MOST_LOGGED // 4       # of one that is longer
LEFT_OUT = b"\n[skelebot: %15d bytes are left out here]\n"
LAST_LINES = 2      # seconds in which all that an ended program has said is copied


class Log:
    """What a program prints, in a file; of too much the middle is left out, which says so.

    A file that cannot be written is left as it is.
    """

    def __init__(self, path):
        self.size, self.lost, self.file = 0, 0, None
        with contextlib.suppress(OSError):
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def add(self, data):
        try:
            while data and self.file is not None:
                count = os.write(self.file, data)
                self.size, data = self.size + count, data[count:]
            if self.size > MOST_LOGGED:
                self.shorten()
        except OSError:
            self.file = None            # a full disk

    def shorten(self):
        """Let its end follow its start."""
        end = os.pread(self.file, KEPT_END, self.size - KEPT_END)
        mark = len(LEFT_OUT % 0)
        self.lost += self.size - KEPT_START - KEPT_END - (mark if self.lost else 0)
        os.pwrite(self.file, LEFT_OUT % self.lost + end, KEPT_START)
        self.size = KEPT_START + mark + KEPT_END
        os.ftruncate(self.file, self.size)
        os.lseek(self.file, self.size, os.SEEK_SET)

    @classmethod
    def show(cls, step):
        """Write what a log has beyond an offset to stdout, as it is; returns the next offset."""
        time.sleep(step.pause)
        try:
            with open(step.path, "rb", opener=opened_plain) as file:
                # of one that was shortened, what comes from now on
                file.seek(min(step.offset, os.fstat(file.fileno()).st_size))
                for data in iter(lambda: file.read(CHUNK), b""):
                    cls.write_all(sys.stdout.fileno(), data)
                return file.tell()
        except FileNotFoundError:
            return step.offset          # it has said nothing yet
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise SkelebotError(f"the output cannot be written: {error.strerror.lower()}",
                                "free some disk space, or redirect the output")

    @staticmethod
    def write_all(number, data):
        """Write bytes to a descriptor, which may not take them all at once; raises OSError."""
        while data:
            try:
                data = data[os.write(number, data):]
            except BlockingIOError:
                select.select([], [number], [])


class Family:
    """The pids of a program and of all that it has started, in whatever session, and not ended.

    What has lost its parent is known from before; or by its mark, where there is /proc.
    """

    def __init__(self, process, mark):
        self.process, self.pids = process, set()
        self.mark = mark and f"{MARK}={mark}".encode()
        self.look()

    def end(self, interrupted, left):
        """End all: gently, then by force.

        Ctrl-C at a terminal has reached them all. A TERM is for the program itself, which may end
        its own; then for those that it has left, or waits for, and for what a shell's `&` has told
        to ignore Ctrl-C.
        """
        own, pause = (set(), 2) if interrupted else ({self.process.pid}, GRACE / 2)
        try:
            if not interrupted:
                send_signals(own, _signal.SIGTERM, *CONTINUE)
            elif not has_terminal() and os.name != "nt":
                send_signals(self.pids, _signal.SIGINT, *CONTINUE)
            self.wait(lambda: self.process.poll() is not None or left.gently() < pause)
            send_signals(self.pids - own, _signal.SIGTERM, *CONTINUE)
            self.wait(lambda: left.gently() <= 0.1)
        finally:
            self.kill()

    def wait(self, is_over):
        """Wait until all have ended, or the time is over."""
        while self.pids and not is_over():
            time.sleep(0.05)
            self.look()

    def kill(self):
        """Kill all, also what they start in the midst of that."""
        for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
            self.look()
            if not self.pids:
                return
            send_signals(self.pids, KILL)
            time.sleep(pause)

    def look(self):
        """Find out who belongs to it by now."""
        processes = Processes()
        own = {self.process.pid} if self.process.poll() is None else set()
        known = {pid for pid in processes.parents if pid in self.pids or (
            self.mark and self.mark in first_bytes(f"/proc/{pid}/environ", 2 ** 20).split(b"\0"))}
        self.pids = (processes.below(own | known) & set(processes.parents)) | own


class Processes:
    """All processes that have not ended; `parents` is pid -> the pid of its parent.

    Source: proc(5), /proc/PID/stat; else ps(1) of POSIX
    """

    def __init__(self):
        lines = [line.partition(b"(")[0] + line.rpartition(b")")[2] for line in (
            first_bytes(path, 4096) for path in glob.glob("/proc/[0-9]*/stat"))]
        argv, null = ("ps", "-A", "-o", "pid=", "-o", "stat=", "-o", "ppid="), subprocess.DEVNULL
        with contextlib.suppress(OSError):      # there is no ps either
            lines = lines or subprocess.run(argv, stdout=subprocess.PIPE,
                                            stderr=null).stdout.splitlines()
        self.parents = {int(row[0]): int(row[2]) for row in map(bytes.split, lines)
                        if len(row) > 2 and row[1][:1] != b"Z"}

    @classmethod
    def end(cls, step):
        """End one gently, then all that it has started: gently too, and by force."""
        until = time.monotonic() + step.seconds
        left = cls().below({step.pid}) if step.whole else set()
        send_signals([step.pid], _signal.SIGTERM, *CONTINUE)
        while is_alive(step.pid, step.begun) and time.monotonic() < until:
            time.sleep(0.05)
        left |= cls().below({step.pid}) if is_alive(step.pid, step.begun) else set()
        for numbers in ((_signal.SIGTERM, *CONTINUE), *[()] * 20, (KILL,)) if left else ():
            left &= set(cls().parents)
            send_signals(left, *numbers)
            time.sleep(0.05 * bool(left))

    def below(self, pids):
        """These with all that they have started, and these have."""
        pids, size = set(pids), -1
        while len(pids) > size:
            size = len(pids)
            pids |= {child for child, parent in self.parents.items() if parent in pids}
        return pids


def send_signals(pids, *numbers):
    """Send signals to processes, as far as these exist."""
    for pid in pids:
        with contextlib.suppress(OSError):      # it has ended by itself
            for number in numbers:
                os.kill(pid, number)


def quiet_status(argv, seconds=2 * GRACE):
    """The exit status of a program which Ctrl-C does not reach; None if it takes longer."""
    try:
        return subprocess.call(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    except OSError:
        return 1


# -- Signals

FORCE = 5       # seconds for ending by force what has not ended in its time


class Ending:
    """The time that is left after a signal, for everything that has to be ended together."""

    def __init__(self, seconds=GRACE):
        self.until = time.monotonic() + seconds
        self.unanswered = False

    @staticmethod
    def of(cause):
        """The Ending that began with the exception of a signal."""
        cause.ending = getattr(cause, "ending", None) or Ending()
        return cause.ending

    def after(self, earlier):
        """This Ending, hurried if somebody has pressed Ctrl-C again."""
        if earlier:
            self.hurry()
            self.unanswered |= earlier.unanswered
        return self

    def hurry(self):
        """End what is left by force, because somebody waits."""
        self.until = min(self.until, time.monotonic())

    def gently(self):
        return max(self.until - time.monotonic(), 0.1)

    def by_force(self):
        return max(self.until + FORCE - time.monotonic(), 0.1)

    def give_up(self, argv):
        """An engine that has not answered is asked no more; a person may ask it later."""
        self.unanswered = True
        fault = SkelebotError(f"{as_text(shell_line(argv), 200)}: no answer in time",
                              "what it ends or removes may still exist: run it by hand later")
        say(sys.stderr, str(fault))


class Handlers:
    """Other handlers of signals, number -> handler, for a while."""

    def __init__(self, handlers):
        self.handlers = handlers

    def __enter__(self):
        self.before = {number: _signal.signal(number, handler)
                       for number, handler in self.handlers.items()}

    def __exit__(self, *fault):
        for number, handler in self.before.items():
            _signal.signal(number, handler)


class Deferred(Handlers):
    """Inside of it a signal waits: a process that is just being started must not be lost."""

    def __init__(self):
        self.came = []
        super().__init__({number: lambda number, frame: self.came.append(number)
                          for number in stop_signals("SIGINT")})

    def __exit__(self, *fault):
        super().__exit__(*fault)
        if self.came:
            raise Stopped(self.came[0])


class Interruptible(Handlers):
    """Inside of it a signal is an exception, so that what was begun is ended.

    Before that and after it there is nothing to end, and a signal ends us as it ends any program.
    """

    def __init__(self):
        super().__init__({number: self.stop for number in stop_signals()})
        if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
            self.handlers[_signal.SIGINT] = _signal.default_int_handler

    def stop(self, number, frame):
        ignore_stop_signals()
        raise Stopped(number)


KILL = getattr(_signal, "SIGKILL", _signal.SIGTERM)
CONTINUE = [_signal.SIGCONT] if os.name != "nt" else []     # one that was stopped hears of no other


def ignore_stop_signals(*more):
    """Ignore further signals: one is enough, what follows is the cleaning up."""
    for number in stop_signals(*more):
        _signal.signal(number, _signal.SIG_IGN)


def stop_signals(*more):
    """The signals that end skelebot, but for those that it was told to ignore (nohup)."""
    names = ("SIGTERM", "SIGHUP", "SIGQUIT", *more)
    numbers = [getattr(_signal, name, None) for name in names]
    return [number for number in numbers if number and _signal.getsignal(number) != _signal.SIG_IGN]


# -- Runs

class RunFolder:
    """The folder of a run, which is written by this process alone."""

    @classmethod
    def keep(cls, step):
        """Write a record over its former; returns it, with what git has said of it meanwhile."""
        record = step.record
        if not record.mark:
            return cls.begin(record)
        if not record.pid:              # another process goes on with it
            record = record._replace(pid=os.getpid(), begun=process_begun(os.getpid()))
        with contextlib.suppress(OSError, SkelebotError):
            record = Runs().with_commit(record)
            if step.curves:
                cls.write(record.folder + "/curves.json", step.curves)
            cls.write(record.folder + "/run.json", record.text)
            if not record.goes_on:
                os.unlink(f"{RUNS}/going/{record.name}")
        return record

    @classmethod
    def begin(cls, record):
        """A record with its number and folder; None if that is not possible."""
        record = record._replace(made=time.time(), pid=os.getpid(), machine=machine_name(),
                                 begun=process_begun(os.getpid()))
        try:
            look(RUNS + "/going", ".")
            flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            if not Runs().mark:         # for nobody else, and not for git
                os.makedirs(RUNS + "/going", exist_ok=True)
                os.chmod(RUNS, 0o700)
                cls.write(RUNS + "/.gitignore", "*\n")
                os.close(os.open(RUNS + "/mark", flags, 0o600))
            record = record._replace(number=record.number or cls.new_number(), mark=Runs().mark)
            shared, metrics = (record.folder + end for end in ("/shared", "/shared/metrics.jsonl"))
            os.makedirs(shared, 0o700, exist_ok=True)
            os.chmod(shared, 0o777)     # in here nobody but its job can reach it
            os.close(os.open(metrics, flags | os.O_EXCL))
            os.chmod(metrics, 0o666)
            cls.write(record.folder + "/run.json", record.text)
            os.close(os.open(f"{RUNS}/going/{record.name}", flags, 0o600))
            if not record.point:
                cls.write(RUNS + "/last", str(record.number))
        except (OSError, SkelebotError, ValueError):
            return shutil.rmtree(record.folder, True)
        return record

    @staticmethod
    def new_number():
        """The number of a new folder; two that begin at once have one each."""
        last = first_bytes(RUNS + "/last", 10).strip()      # or nothing, if it is another's
        number = int(last) if re.fullmatch(rb"\d{1,9}", last) else max(Runs().numbers(), default=0)
        while True:
            number = number % (10 ** 9 - 1) + 1
            try:
                os.mkdir(f"{RUNS}/{number}", 0o700)
                return number
            except FileExistsError:
                pass

    @staticmethod
    def write(path, text):
        """Write a file whole, or not at all; nobody waits for the disk. Raises OSError."""
        part = f"{path}.{os.getpid()}"              # another process may write `last`
        look(part, ".")
        data, flags = text.encode("utf-8", "surrogateescape"), os.O_WRONLY | os.O_CREAT
        try:
            with open(os.open(part, flags | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            os.replace(part, path)
        except OSError:                 # on a full disk a file still has its blocks
            remove(Remove(part))
            if look(path, ".") != "file" or len(data) > -(-os.stat(path).st_size // 4096) * 4096:
                raise
            with open(path, "r+b") as file:
                file.write(data), file.truncate()

    @classmethod
    def copy(cls, step):
        """The copies that a point of a sweep has of its own."""
        out = step.folder + "/out"
        try:
            for path in step.paths:
                own = os.path.join(out, path)
                os.makedirs(os.path.dirname(own), exist_ok=True)
                if os.path.isdir(path):
                    shutil.copytree(path, own, symlinks=True)
                elif os.path.exists(path):
                    shutil.copy2(path, own)
            if step.links:
                cls.link(step, {path: os.path.join(out, path) for path in step.paths})
        except shutil.Error as error:   # (path here, path there, why) of each
            path, _, why = error.args[0][0]
            raise SkelebotError(f"{path}: a point cannot have a copy of it: {why}",
                                "remove it, or map it as :ro if the job only reads it")
        except OSError as error:
            raise refused(out, error)

    @staticmethod
    def link(step, places):
        """Links to its own copies (path -> place), and to what is beside these in the project."""
        names = [path.split(os.sep) for path in step.paths]
        above = {"", *(os.path.join(*own[:end]) for own in names for end in range(1, len(own)))}
        for folder in above:
            os.makedirs(os.path.join(step.folder, "work", folder), exist_ok=True)
            for path in (os.path.join(folder, name) for name in (
                    os.listdir(folder or ".") if os.path.isdir(folder or ".") else ())):
                places.setdefault(path, path)
        for path, place in places.items():
            if path not in above and path != ".skelebot":
                os.symlink(os.path.abspath(place), os.path.join(step.folder, "work", path))


class Fork:
    """Processes of ours beside this one."""

    @classmethod
    def go_on_alone(cls, step):
        """Let a process go on by itself, as daemons do: None in that one.

        The other looks on for a while; it returns the exit status of one that has ended, or -1.
        """
        until, pid = time.monotonic() + step.early, os.fork()
        if not pid:
            return cls.leave_caller()
        while time.monotonic() < until:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            time.sleep(0.02)
        return -1

    @classmethod
    def start(cls, step):
        """It is apart from our terminal: a Ctrl-C is for us, who pass it on."""
        ours, status = os.getpid(), 1
        sys.stdout.flush(), sys.stderr.flush()
        try:
            with Deferred():
                pid = os.fork()
                if pid:
                    step.pids[pid] = step.what
                else:
                    cls.leave_caller()
                    sys.stderr = open(step.path, "w", 1, "utf-8", "surrogateescape")
            if not pid:
                status = status_of(lambda: perform(step.plan, step.call))
        finally:
            if os.getpid() != ours:
                if sys.exc_info()[0]:
                    sys.excepthook(*sys.exc_info())
                os._exit(status)

    @staticmethod
    def leave_caller():
        """Have a session and streams of our own, which lead nowhere."""
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        OWNED.clear()                   # the other one's

    @staticmethod
    def ended(step):
        while True:
            pid, _ = os.waitpid(-1, 0)
            if pid in step.pids:
                return pid

    @staticmethod
    def end(step):
        """A further Ctrl-C is passed on too, which hurries them."""
        until, number, pids = time.monotonic() + GRACE + 2 * FORCE, step.number, set(step.pids)
        while pids:
            try:
                send_signals(pids, number)
                processes = Processes()
                number, pids = 0, pids.intersection(processes.parents)
                if time.monotonic() > until:
                    send_signals(processes.below(pids), KILL)
                time.sleep(0.05)
            except KeyboardInterrupt:
                number, until = _signal.SIGINT, min(until, time.monotonic() + 2 * FORCE)


# -- Questions, and what takes time

def ask_person(step):
    """The answer of whoever is at the terminal, or sends stdin; the default for an empty one."""
    name, default = step.question, f" [{step.default}]" if step.default else ""
    if step.ways and not (sys.stdin and sys.stdin.isatty()):
        raise SkelebotError(f"{name[0].lower()}{name[1:]}: not given", step.ways)
    text = on_one_line(f"{name}{default}: ")
    try:
        if step.hidden:
            return getpass.getpass(text, sys.stderr)
        say(sys.stderr, text, end="")
        line = sys.stdin.readline() if sys.stdin else ""
        if line:
            return re.sub(r"[\x00-\x1f\x7f]", "", plain_text(line)).strip() or step.default
        say(sys.stderr, "")
    except UnicodeDecodeError:
        raise usage_error(f"the answer to {name} is not {sys.stdin.encoding}",
                          "type it again, or set LANG")
    except EOFError:
        pass                            # as an answer that is only the end
    option = step.option and f"answer by an option: {step.option}"
    ways = " or ".join(filter(None, [option, "take the defaults: --yes"]))
    raise usage_error(f"no answer to: {name}", step.ways or ways)


def try_until(step):
    end = float("inf") if step.seconds is None else time.monotonic() + step.seconds
    while True:
        outcome = run_program(step.command)
        ready = not outcome.status and re.search(step.until, outcome.output)
        if ready or re.search(step.final, outcome.errors) or time.monotonic() > end:
            return outcome
        time.sleep(0.5)


# -- What an engine has

def image_ids(step):
    """By the engine's socket, as its command line takes a tenth of a short job: ImageInspect."""
    connections = []
    try:
        for name in step.names if len(step.names) <= 32 else ("",):     # each has one of its own
            plain = re.fullmatch(r"[\w.:/@-]+", name, re.ASCII)
            connection = engine_socket(step.endpoint) if plain else None
            if not connection:
                return None
            connections.append(connection)
            connection.sendall(f"GET /images/{name}/json HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        import subprocess               # noqa: F401  it looks meanwhile, and what comes needs it
        ids = tuple(map(id_in_answer, connections))
        return None if None in ids else ids
    except (OSError, ValueError):
        return None
    finally:
        for connection in connections:
            connection.close()


ASKING = 5      # seconds that an engine may take for an answer


def engine_socket(endpoint):
    """A socket that an engine listens at; None for those that are reached in other ways."""
    kind, _, address = endpoint.partition("://")
    if kind == "unix" and hasattr(socket, "AF_UNIX"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(ASKING)
            connection.connect(address)
            return connection
        except OSError:
            connection.close()
            raise
    host, _, port = address.rpartition(":")
    if kind != "tcp" or os.environ.get("DOCKER_TLS_VERIFY") or not host:
        return None
    return socket.create_connection((host.strip("[]"), int(port)), ASKING)


def id_in_answer(connection):
    """The id that an engine's answer names, "" if it knows no such image; None is no answer."""
    file = Measured(connection.makefile("rb", 0), "the engine", ASKING, MOST_HEAD)
    with io.BufferedReader(file) as reader:
        status, text = reader.readline().split()[1:2], reader.read()
    match = re.search(rb'"Id":"([^"]+)"', text)
    if status == [b"200"] and match:
        return match.group(1).decode()
    return "" if status == [b"404"] else None


def secret_members(step):
    """The secrets in the one folder that a program writes as a tar archive."""
    search, names = SecretSearch(step.keytabs), []
    with tempfile.TemporaryFile() as errors, subprocess.Popen(
            step.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            for archive, entry in archive_members(process.stdout):
                start = archive.extractfile(entry).read(search.enough) if entry.isreg() else b""
                names.append((entry.name.partition("/")[2], search.kind(entry.name, start)))
        except tarfile.TarError:
            pass                            # it has ended early, and says why
        except BaseException:
            process.kill()                  # else it would be waited for
            raise
        while process.stdout.read(CHUNK):
            pass
        errors.seek(0)
        text = errors.read(MOST).decode("utf-8", "replace")
        # there may be no /app
        if process.wait() and not re.search(r"(?i)could not find|no such", text):
            raise SkelebotError(f"the image could not be looked through: {last_line(text)}",
                                "leave -s out")
    return [(name, kind) for name, kind in names if kind]


# -- Transfers

AT_ONCE = 4             # parts that are under way at a time
HONEST = 1000 * 1000 * 1000     # bytes that may come unannounced
ADVANCE = 64 * 1024     # bytes by which a try that was cut off must be further than all before


class Sending:
    """An Upload: the first of its stretches that fails, or is refused, ends the others."""

    def __init__(self, step):
        self.stretches, self.stopped = step.stretches, threading.Event()
        self.responses, self.fault = {}, None
        self.progress = Progress("sending", self.stretches[0].name,
                                 sum(one.size for one in self.stretches))

    def run(self):
        """The Responses in their order; when one is a refusal, those that came before it."""
        waiting, well = enumerate(self.stretches), False
        for _ in range(min(AT_ONCE, len(self.stretches))):
            threading.Thread(target=self.work, args=(waiting,), daemon=True).start()
        try:
            while not self.stopped.wait(0.2):   # one without an end may hear no signals
                pass
            if self.fault:
                raise self.fault
            well = all(response.status < 300 for response in self.responses.values())
            return tuple(self.responses.get(index, Response())
                         for index in range(len(self.stretches)))
        finally:
            self.stopped.set()
            self.progress.end(well)

    def work(self, waiting):
        """Send what is waiting, as one of several threads."""
        try:
            for index, one in waiting:
                response = self.send(one)
                if not self.stopped.is_set():
                    self.responses[index] = response
                if response.status != 200 or len(self.responses) == len(self.stretches):
                    self.stopped.set()  # which cancels what would be next
        except BaseException as fault:
            self.fault = fault if not self.stopped.is_set() else self.fault
            self.stopped.set()

    def send(self, one):
        """The Response to one stretch."""
        def go_on():
            if self.stopped.is_set():
                raise Cancelled()

        def tell(done):
            go_on()
            self.progress.at(one.start, done)

        def attempt():
            tell(0)
            stretch = functools.partial(blocks, one.body, one.start, one.size, tell)
            try:
                with contextlib.closing(Exchange(one.request, stretch, one.size)) as exchange:
                    return exchange.whole()
            finally:
                go_on()                 # an answer to what was given up is no news
        return patiently(one.request, attempt, self.stopped.wait)


class Cancelled(Exception):
    """The stretches beside this one have failed, or skelebot was stopped."""


class Fetch:
    """A Download: it goes on where an earlier try was cut.

    can_resume  whether the rest can be had later: by an ETag that stands for each of its bytes
    whole       whether all has come
    furthest    how many bytes an earlier try has had
    """

    def __init__(self, step):
        self.step, self.part = step, Partial(step.path, str(step.stored))
        self.can_resume = bool(step.stored.etag) and not step.stored.etag.startswith("W/")
        self.progress, self.whole, self.furthest = None, False, 0

    def run(self):
        """Do all of it; what has arrived is kept for the next try, unless it is useless."""
        done = False
        try:
            if not (self.part.waited and self.is_here()):
                self.resume()
                self.part.place()
            done = True
        except OSError as error:
            raise refused(self.part.target, error)
        except (KeyboardInterrupt, Stopped):
            if self.can_resume:
                tell(f"{self.step.name}: stopped; the same command goes on where it was", over=True)
            raise
        finally:
            if self.progress:
                self.progress.end(done)
            self.part.close(leave=self.can_resume and not self.whole and not done)

    def is_here(self):
        """Whether another call has put the stored file into its place."""
        body, sha256 = open_file(self.part.target), self.step.stored.sha256
        return bool(body) and bool(sha256) and digests_of(body).sha256 == sha256

    def resume(self):
        """Fetch all that an earlier try has not left; a refusal is a fault."""
        step, part, stored = self.step, self.part, self.step.stored
        check_room(part.target, stored.size, os.fstat(part.file.fileno()).st_size)
        part.read(part.file)
        if part.size > stored.size >= 0 or not self.can_resume:
            part.restart()
        self.furthest, self.whole = part.size, part.size == stored.size
        self.progress = Progress("fetching", step.name, stored.size, part.size)
        while not self.whole:
            response = patiently(step.request, self.attempt)
            if response.status not in (200, 206):
                part.useless = True
                raise http_fault(step.request, response)
        check_stored(step, part.size, part.digest())

    def attempt(self):
        """Fetch the missing part of the same file, as much of it as arrives."""
        if self.part.size and not self.can_resume:
            self.part.restart()
        step, start = self.step, self.part.size
        rest = {"Range": f"bytes={start}-", step.condition: step.stored.etag} if start else {}
        request = step.request._replace(headers={**step.request.headers, **rest})
        with contextlib.closing(Exchange(request)) as exchange:
            self.check(exchange.response)
            if exchange.response.status not in (200, 206):
                return exchange.whole()
            self.read(exchange)
            return exchange.response

    def check(self, head):
        """Check that the answer has the missing part, or all; else start again."""
        part, stored = self.part, self.step.stored
        rest = head.headers.get("content-range", "").startswith(f"bytes {part.size}-")
        if part.size and (head.status in (412, 416) or (head.status == 206 and not rest)):
            part.restart()
            raise ConnectionResetError("the file has changed on the server")
        if head.status in (200, 206) and not stored.sha256 and \
                head.headers.get("etag", stored.etag) != stored.etag:
            part.useless = True
            raise SkelebotError(f"{self.step.name}: changed while it was being fetched",
                                "pull it again")
        if head.status == 200 and part.size:
            part.restart()

    def read(self, exchange):
        """Take the body of an answer, as much of it as arrives."""
        part, start, known = self.part, self.part.size, self.step.stored.size
        size = exchange.response.size
        expected = size if size >= 0 else known - start
        most = known if known >= 0 else start + max(HONEST, free_beside(part.target) // 2)
        exchange.allow(most - start)
        cut = None
        try:
            part.read(exchange.file, functools.partial(self.progress.at, ""), most)
        except (OSError, http.client.HTTPException) as error:
            cut = error
        if part.size > most and known < 0:
            part.useless = True
            raise SkelebotError(f"{self.step.name}: is larger than {shown_size(most)}, half of the "
                                "free disk space, and the server did not say its size",
                                "free some disk space")
        self.whole = part.size > most or (not cut and part.size - start >= expected)
        if not self.whole and part.size < self.furthest + ADVANCE:
            raise cut or ConnectionResetError("the connection was cut")
        self.furthest = part.size


class FolderCopy:
    """A step that copies a Body to its place, whole or not at all, one at a time."""

    def __init__(self, step):
        self.step, keeps = step, isinstance(step, Keep)
        self.body = step.body if keeps else open_file(step.source)
        if not self.body:
            raise SkelebotError(f"{step.source}: does not exist any more", "pull another version")
        self.progress = Progress("sending" if keeps else "fetching", step.name, self.body.size)
        self.sha256 = ""

    def run(self):
        """Do it; False if its place is taken."""
        path, done = self.step.path, False
        folder = machine_text(make_scratch(Scratch("", path)))
        try:
            check_room(path, self.body.size)
            copy = os.path.join(folder, "copy")
            self.fill(copy)
            os.chmod(copy, mode_of(path))
            if isinstance(self.step, Keep):
                done = self.push(copy, os.path.realpath(path))
            else:
                check_stored(self.step, self.body.size, self.sha256)
                os.replace(copy, os.path.realpath(path))
                done = True
        finally:
            self.progress.end(done)
            remove(Remove(folder))
        return done

    def fill(self, copy):
        hashing, show = Hashing(), functools.partial(self.progress.at, "")
        try:
            with open(copy, "wb") as file:
                for block in blocks(self.body, 0, self.body.size, show):
                    file.write(block)
                    hashing.update(block, hashing.buffer())
        finally:
            self.sha256 = hashing.end()

    def push(self, copy, path):
        """Of a Keep, with its checksum beside it; a wrong one is worse than none."""
        beside = self.step.path + ".sha256"
        if self.step.replace:
            remove(Remove(beside))
            os.replace(copy, path)
        else:
            try:
                os.link(copy, path)
            except OSError:
                if os.path.lexists(path):
                    return False
                os.replace(copy, path)  # this disk has no links
        with open(beside, "wb") as file:
            file.write(checksum_line(self.sha256, self.step.name))
        return True


class Progress:
    """How far a transfer is: on a terminal a line that changes, else one at the start."""

    def __init__(self, verb, name, size, before=0):
        self.name, self.size = f"{verb} {on_one_line(name)}", size
        self.start, self.shown, self.lock = time.monotonic(), 0, threading.Lock()
        self.done, self.before = {}, before
        self.live = sys.stderr.isatty()
        if not self.live:
            earlier = f"; {shown_size(before)} of it are here from an earlier try" if before else ""
            tell(f"{verb} {name}" + (f", {shown_size(size)}" if size >= 0 else "") + earlier)

    def at(self, stretch, count):
        """So many bytes of a stretch (any name for it) are done."""
        self.done[stretch] = count
        now = time.monotonic()
        if self.live and now > self.shown + 0.2 and self.lock.acquire(False):
            self.shown = now
            say(sys.stderr, self.line(), "\r", "\033[K")
            self.lock.release()

    def end(self, well):
        if self.live:
            last = self.line() if well else ""
            say(sys.stderr, last, "\r", "\033[K\n" if well else "\033[K")

    def line(self):
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        return progress_line(self.name, sum(list(self.done.values())), self.before, self.size,
                             time.monotonic() - self.start, columns)


# -- Files that become whole

class Partial:
    """A file that is gathered beside its place until it is whole.

    Its name tells who gathers what, so that the same pull goes on with what a killed one has left;
    it is locked, so that two at once do not write the same.
    """

    def __init__(self, path, mark):
        look(path, root_of(path))
        folder, name = os.path.split(os.path.realpath(path))
        self.target = os.path.join(folder, name)
        if re.fullmatch(OURS, os.path.basename(folder)):
            folder = os.path.dirname(folder)    # which stays when this is killed
        owner = getattr(os, "getuid", int)()
        self.path = os.path.join(folder, f".{name}.{checksum(f'{owner} {mark}'):08x}.part")
        others = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part")   # of other versions
        for other in os.listdir(folder) if os.path.isdir(folder) else ():
            if others.fullmatch(other) and other != os.path.basename(self.path):
                Ours(folder).remove_left(other)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        try:
            lock = Lock.acquire(self.path, lambda path: Lock(os.open(path, flags, 0o600)))
        except OSError as error:
            raise refused(self.target, error)
        self.file, self.waited = os.fdopen(lock.handle, "r+b", buffering=0), lock.waited
        self.hashing, self.size, self.sha256, self.useless = Hashing(), 0, "", False

    def read(self, source, tell=lambda size: None, most=sys.maxsize):
        """Take what a source gives until its end, or until it is more than `most` bytes.

        Of the file itself, what it holds already.
        """
        while self.size <= most:
            buffer, count = self.hashing.buffer(), 0
            try:
                count = source.readinto(buffer)
                if not count:
                    return
                if source is not self.file:
                    self.write(buffer[:count])
                self.size += count
            finally:
                self.hashing.update(buffer[:count], buffer)
            tell(self.size)

    def write(self, data):
        try:
            while data:
                data = data[self.file.write(data):]
        except OSError as error:
            self.useless = True
            raise refused(self.target, error)

    def restart(self):
        """Start again from the first byte."""
        self.digest()
        self.hashing, self.size, self.sha256 = Hashing(), 0, ""
        self.file.seek(0)
        self.file.truncate()

    def digest(self):
        """The SHA-256 of what has arrived, in hexadecimal digits."""
        self.sha256 = self.sha256 or self.hashing.end()
        return self.sha256

    def place(self):
        """Put the file into its place."""
        os.chmod(self.path, mode_of(self.target))
        if os.name == "nt":
            self.file.close()           # Windows moves no open file
        os.replace(self.path, self.target)

    def close(self, leave):
        """Keep what has arrived for the next try, or remove it."""
        self.digest()
        own = os.path.exists(self.path) if self.file.closed else \
            Lock(self.file.fileno()).is_at(self.path)
        if os.name == "nt":
            self.file.close()           # Windows removes no open file
        if own and not (leave and self.size and not self.useless):  # and not the next one's
            os.unlink(self.path)
        self.file.close()


def check_stored(step, size, sha256):
    """Raise a fault if what came is not what was stored; warn if nobody can tell."""
    if not step.stored.fits(size, sha256):
        raise SkelebotError(f"{step.name}: is damaged: its length or SHA-256 is not that "
                            "of what is stored",
                            "pull it again; if that does not help, push it again with -f")
    if not step.stored.sha256:
        tell(f"warning: {step.name}: no checksum is stored with it, so none was compared")


def check_room(path, size, present=0):
    """Raise a fault if the disk has too little room, before anything is written."""
    free = free_beside(path)
    if size - present > free:
        raise SkelebotError(f"{path}: the disk is too full: {shown_size(size)} are needed, "
                            f"{shown_size(free)} are free", "free some disk space")


def free_beside(path):
    """How many bytes there is room for where a file goes."""
    return shutil.disk_usage(os.path.dirname(path) or ".").free


# -- Requests

TIMEOUT = 60            # seconds without a byte until a connection counts as broken
SLOW_ANSWER = 600       # seconds that a server may take to store what it has been sent
GLANCE = 2              # seconds for an address that perhaps does not exist at all
PAUSES = (0.5, 1, 2, 4)     # seconds before another try
MOST_HEAD = 1024 * 1024 # bytes of an answer before its body, and more than it needs beside it
SLOWEST = 1000          # bytes a second of an answer that comes at all


def send_request(step):
    """Send a request that has no file; returns its Response."""

    def attempt():
        seconds = step.limit or (TIMEOUT if step.patient else GLANCE)
        with contextlib.closing(Exchange(step, timeout=seconds)) as exchange:
            return exchange.whole()

    try:
        return patiently(step, attempt)
    except SkelebotError:
        if step.patient:
            raise
        return Response()


def patiently(request, attempt, sleep=time.sleep):
    """The Response of an attempt; after growing pauses, of another where that may go well."""
    for pause in (*(PAUSES if request.patient and not request.limit else ()), None):
        try:
            response = attempt()
            if pause is None or not response.may_pass:
                return response
            why = f"{response.status} {shown_text(response.reason)}"
            pause = response.pause(pause, time.time())
        except (OSError, http.client.HTTPException, UnicodeError, OverflowError) as error:
            why, hint = network_fault(error)
            if pause is None or hint:
                raise SkelebotError(f"{public_url(request.url)}: {why}", hint or (
                    "is the address right, and the server up? proxies are taken from https_proxy"))
        tell(f"{host_of(request.url)}: {why}; trying again in {pause:g} s", over=True)
        sleep(pause)


def network_fault(error):
    """(why there is no answer, what to do about it); "" for what may pass by itself."""
    reason = getattr(error, "reason", error)
    kind = type(reason).__name__
    if kind == "gaierror" and reason.errno == getattr(socket, "EAI_AGAIN", None):
        kind = "EAI_AGAIN"
    text = getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or str(reason)
    hint, why = refusal(f"{kind} {error}", "http")
    late = "no answer in time" if kind in ("timeout", "TimeoutError") else ""
    return why or late or shown_text(text).lower() or kind, hint


class Exchange:
    """A request and the open answer to it, redirects followed.

    body      makes an iterable of `size` bytes, instead of the request's own
    file      the HTTPResponse
    response  the Response, without its body
    """

    def __init__(self, request, body=None, size=0, timeout=TIMEOUT):
        for _ in range(6):
            self.file = self.open(request, body, size, timeout)
            headers = {name.lower(): value for name, value in self.file.headers.items()}
            self.response = Response(self.file.status, self.file.reason or "", headers)
            further = redirected(request, self.response)
            if not further:
                return
            self.file.close()
            request = further
        raise SkelebotError(f"{public_url(request.url)}: too many redirects", "look at the address")

    def open(self, request, body, size, timeout):
        data, more = None, {}
        if request.method in ("PUT", "POST"):
            data = body() if body else request.body
            more = {"Content-Type": "application/octet-stream",
                    "Content-Length": str(size if body else len(data))}
        whole = request._replace(headers={**more, **request.headers})
        headers = request.login.sent(whole, datetime.datetime.now(datetime.timezone.utc))
        return opener(request.direct).open(urllib.request.Request(
            request.url, data, {"User-Agent": f"skelebot/{__version__}", **headers},
            method=request.method), timeout=timeout)

    def whole(self):
        """The Response with its body; urllib returns one that was cut off without a word."""
        self.allow(MOST)
        body = self.file.read(MOST + 1)
        if len(body) > MOST:
            raise SkelebotError(f"an answer is larger than {shown_size(MOST)}", ODD_SERVER)
        if self.file.length:
            raise ConnectionResetError("the connection was cut")
        return self.response._replace(body=body)

    def allow(self, room):
        """Take so many bytes more; the double, since what stands between chunks is sent as well."""
        if self.file.fp:
            self.file.fp.raw.allow(2 * room + MOST_HEAD)

    def close(self):
        self.file.close()


@functools.lru_cache(maxsize=None)
def opener(direct):
    """What opens a urllib request; with the environment's proxies, but for a direct one.

    Every answer is one, also a refusal; and no redirect is followed.
    """
    trusted = functools.lru_cache(maxsize=None)(certificates)

    class Web(urllib.request.AbstractHTTPHandler):
        def http_open(self, request):
            return self.do_open(early(http.client.HTTPConnection), request)

        def https_open(self, request):
            kind = early(http.client.HTTPSConnection)
            return self.do_open(kind, request, context=trusted())

        http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    director = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler({} if direct else None),
                    urllib.request.UnknownHandler(), Web()):
        director.add_handler(handler)
    return director


def early(kind):
    """A connection whose server may answer before it has the whole body, and then take its time."""
    class Early(kind):
        def response_class(self, sock, *given, **named):
            response = super().response_class(sock, *given, **named)
            measured = Measured(response.fp.detach(), self.host, sock.gettimeout())
            response.fp = io.BufferedReader(measured)
            return response

        def request(self, method, url, body=None, headers={}, **options):
            try:
                super().request(method, url, body, headers, **options)
            except ConnectionError:
                if body is None or self.sock is None:
                    raise               # else the answer, if there is one, says why
            if body is not None:
                self.sock.settimeout(SLOW_ANSWER)
    return Early


class Measured(io.RawIOBase):
    """What another machine sends: not more than there is room for, and not for ever.

    seconds  that may be waited in all, after the first byte, until SLOWEST bytes for each have come
    """

    def __init__(self, file, host, seconds, room=MOST_HEAD):
        self.file, self.host, self.seconds = file, host, seconds
        self.waited, self.came = float("-inf"), 0
        self.allow(room)

    def allow(self, room):
        """Allow so many bytes from now on."""
        self.most = self.room = room

    def readable(self):
        return True

    def readinto(self, buffer):
        start = time.monotonic()
        count = self.file.readinto(buffer) or 0
        self.waited, self.came = max(self.waited + time.monotonic() - start, 0), self.came + count
        self.room -= count
        if self.room < 0:
            raise SkelebotError(f"{self.host}: sends more than the {shown_size(self.most)} that "
                                "are expected", ODD_SERVER)
        if self.waited > self.seconds:
            if self.came < self.seconds * SLOWEST:
                raise SkelebotError(f"{self.host}: sends less than {SLOWEST} bytes a second",
                                    ODD_SERVER)
            self.waited, self.came = 0, 0
        return count

    def close(self):
        self.file.close()
        super().close()


def certificates():
    """An SSL context that trusts this machine's authorities, and those in REQUESTS_CA_BUNDLE."""
    context, bundle = ssl.create_default_context(), os.environ.get("REQUESTS_CA_BUNDLE", "")
    try:
        if bundle:
            context.load_verify_locations(
                **{"capath" if os.path.isdir(bundle) else "cafile": bundle})
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise SkelebotError(f"REQUESTS_CA_BUNDLE: {bundle}: cannot be read: {reason}",
                            "name a file with certificates in PEM form")
    return context


# -- Folders that travel as archives

class Packer:
    """A Pack: an archive in which nothing differs from one machine, or day, to the next."""

    @classmethod
    def body(cls, step):
        try:                            # beside the folder, where as much has room
            file = tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(step.path)))
        except OSError:
            file = tempfile.TemporaryFile()
        try:
            with gzip.GzipFile("", "wb", 1, file, mtime=0) as packed, \
                    tarfile.open(None, "w|", packed, format=tarfile.PAX_FORMAT,
                                 dereference=True) as archive:
                for path, name in members(step.path):
                    archive.add(path, plain_text(name), recursive=False, filter=cls.plain)
            file.flush()
        except OSError as error:
            raise refused(error.filename or step.path, error)
        return opened_body(file, packed_name(step.path))

    @staticmethod
    def plain(entry):
        """A member without what is its machine's or its day's."""
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
        entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime = 0, 0, "", "", 0
        return entry


MOST_MEMBERS = 1000 * 1000
MOST_HEADER = 100 * 1000    # bytes that say more of a member: long names, attributes
DENSEST = 300   # bytes of a folder, beyond HONEST, for each of its archive; zeros we pack have 229


class Unpacker:
    """An Unpack: a folder made of an archive beside it, of not more than that can honestly hold."""

    def __init__(self, step):
        self.step, self.file, self.room = step, None, 0
        self.new = os.path.join(os.path.dirname(step.source), "new")

    def run(self):
        step = self.step
        look(step.path, root_of(step.path))
        try:
            os.mkdir(self.new)
            self.unpack()
            move(Move(self.new, os.path.realpath(step.path)))
        except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError,
                RecursionError) as error:
            if getattr(error, "errno", None):
                raise refused(step.path, error)
            raise SkelebotError(f"{step.name}: cannot be unpacked: {error}",
                                "push it again, as a folder")

    def unpack(self):
        self.room = HONEST + DENSEST * os.path.getsize(self.step.source)
        with gzip.open(self.step.source) as file:
            self.file = file
            for archive, entry in archive_members(self):
                self.check(entry.size)
                self.write(archive, entry)
            while self.read(CHUNK):
                pass                    # only at its end does gzip say whether it is whole

    def read(self, size):
        """What tarfile reads, which takes this for a file."""
        data = self.file.read(size)
        self.check(len(data))
        self.room -= len(data)
        return data

    def check(self, size):
        """Raise a fault if there is no room for so many more bytes."""
        if not 0 <= size <= self.room:
            raise bad_archive("unpacks to more than one of its size can hold")

    def write(self, archive, entry):
        """Write a plain file or folder, with its mode but for what only root may give."""
        path = self.path_of(machine_text(entry.name))
        if entry.isdir():
            return os.makedirs(path, exist_ok=True)
        if not entry.isreg():
            raise SkelebotError(f"the archive holds {shortened(entry.name)}, which is neither "
                                "file nor folder", "push it again, without links")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            shutil.copyfileobj(archive.extractfile(entry), file, CHUNK)
        os.chmod(path, mode_of(path, entry.mode & 0o100))

    def path_of(self, name):
        """Where a member goes; it must be inside of the folder."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        odd = os.name == "nt" and re.search(r'[\\:]', name)
        if name.startswith("/") or ".." in parts or "\0" in name or odd:
            raise SkelebotError(f"the archive holds {shortened(name)}, which leads out of its "
                                "folder", "push it again")
        if len(parts) > 200:
            raise bad_archive(f"holds {shortened(name)}, which is in more than 200 folders")
        return os.path.join(self.new, *parts)


def archive_members(file):
    """(archive, member) of all that is in a tar file that is read once, from start to end."""
    try:
        with tarfile.open(None, "r|", file, CHUNK, tarinfo=member_kind()) as archive:
            for count, entry in enumerate(iter(archive.next, None)):
                if count == MOST_MEMBERS:
                    raise bad_archive(f"holds more than {MOST_MEMBERS} files and folders")
                if sum(map(len, archive.pax_headers.values())) > MOST_HEADER:
                    raise bad_archive(f"says more than {shown_size(MOST_HEADER)} about all of its "
                                      "files")
                yield archive, entry
                archive.members.clear()     # else it keeps them all
    except (ValueError, RecursionError, TypeError, LookupError, ArithmeticError) as error:
        raise tarfile.ReadError(f"it is damaged: {error}")      # what tarfile does not catch


@functools.lru_cache(None)
def member_kind():
    """A TarInfo that refuses what tarfile would take into memory whole, or make of nothing."""

    class Member(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, *values):
            entry = super().frombuf(*values)
            if entry.type == tarfile.GNUTYPE_SPARSE:
                raise bad_archive("holds a file with holes")
            if not entry.isreg() and entry.size > MOST_HEADER:
                raise bad_archive(f"says more than {shown_size(MOST_HEADER)} about one of its "
                                  "files")
            return entry

        def _proc_gnusparse_00(self, *values):
            raise bad_archive("holds a file with holes")

        _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_gnusparse_00
    return Member


def bad_archive(message):
    return SkelebotError(f"the archive {message}", "make it again, of plain files and folders")


class Merging:
    """A Merge: nothing is put where a link there leads, no link that leads out of `top` or is what
    was mapped, which the next run would follow, and no right of the owner for who runs a file.
    """

    def __init__(self, step):
        self.top, self.target = step.source, step.target
        try:
            self.put(step.source, step.target)
        except OSError as error:
            raise refused(error.filename or step.target, error)

    def put(self, new, own):
        status = os.lstat(new)
        if stat.S_ISDIR(status.st_mode):
            self.put_folder(new, own, status)
        elif not (stat.S_ISREG(status.st_mode) or os.path.islink(new)) or os.path.islink(
                new) and (new == self.top or leads_out(new, os.readlink(new), self.top)):
            tell(f"{shortened(own)} is no file, or leads out of its folder, and stays there")
        elif not self.is_same(new, own):
            if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
                os.chmod(new, status.st_mode & 0o777)
            self.move(new, own)

    @staticmethod
    def move(new, own):
        """Put a file, or a link, into its place, which may be on another disk."""
        try:
            os.replace(new, own)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            near = os.path.dirname(own) or "."
            with tempfile.TemporaryDirectory(prefix=".skelebot-", dir=near) as folder:
                beside = os.path.join(folder, "file")
                shutil.copy2(new, beside, follow_symlinks=False)
                os.replace(beside, own)

    def put_folder(self, new, own, status):
        os.chmod(new, 0o700)
        if os.path.islink(own) and own != self.target or os.path.isfile(own):
            os.unlink(own)
        os.makedirs(own, exist_ok=True)
        for name in os.listdir(new):
            self.put(os.path.join(new, name), os.path.join(own, name))
        if own != self.target and os.geteuid() in (0, os.stat(own).st_uid):
            os.chmod(own, stat.S_IMODE(status.st_mode))
            os.utime(own, (status.st_mtime, status.st_mtime))

    @staticmethod
    def is_same(new, own):
        """Whether a file is as it was: then its time tells when it was written."""
        if os.path.islink(new) or os.path.islink(own) or not os.path.isfile(own):
            return False
        facts = [(int(one.st_mtime), one.st_size, one.st_mode) for one in map(os.stat, (new, own))]
        return facts[0] == facts[1] and filecmp.cmp(new, own, shallow=False)


MOST_LINKED = 30 * 1000     # files that links lead to: folders that link to each other are endless


class Zipper:
    """A Zip of the current folder, in which nothing differs from one machine, or day, to the next.

    A link is what it leads to, as long as that is in the project and not above the link itself.
    """

    def __init__(self, step):
        look(step.path, root_of(step.path))
        self.step, self.rules, self.linked = step, step.rules, 0
        self.target, self.root = os.path.realpath(step.path), os.path.realpath(".")

    def run(self):
        try:
            entries = [(path, name) for path, name in self.entries("", (self.root,))
                       if path is None or os.path.realpath(path) != self.target]
            write_whole(self.target, lambda file: self.fill(file, entries))
            files = sum(path is not None and not name.endswith("/") for path, name in entries)
            left_out = tuple(name for path, name in entries if path is None)
            return files, os.path.getsize(self.target), left_out
        except OSError as error:
            own = not error.filename or re.fullmatch(OURS, os.path.basename(error.filename))
            raise refused(self.step.path if own else error.filename, error)

    def entries(self, top, above):
        """(path, name) of what goes into it, folders as well; None instead of a path left out."""
        for name in sorted(name for name in os.listdir(top or ".") if not re.fullmatch(OURS, name)):
            path = os.path.join(top, name)
            shown, is_folder = plain_text(path.replace(os.sep, "/")), os.path.isdir(path)
            real = os.path.realpath(path) if os.path.islink(path) else os.path.join(above[-1], name)
            self.linked += bool(top) and above[-1] != os.path.join(self.root, top)
            if self.linked > MOST_LINKED:
                raise SkelebotError(f"{shown}: links lead to more than {MOST_LINKED} files",
                                    "remove some of the links")
            ignored = self.rules.ignores(shown)
            outside = not is_relative_to(real, self.root) or real in above
            left_out = os.path.islink(path) and outside or not (is_folder or os.path.isfile(path))
            if not ignored and left_out:
                yield None, shown
            elif not ignored:
                yield path, shown + ("/" if is_folder else "")
            if is_folder and not left_out and (not ignored or self.rules.lets_in):
                yield from self.entries(path, (*above, real))

    def fill(self, file, entries):
        archive = zipfile.ZipFile(file, "w")
        try:
            for path, name in entries:
                if path is not None:
                    self.add(archive, path, name)
            archive.close()
        finally:
            archive.fp = None           # else it is closed again, which fails in a member's midst

    def add(self, archive, path, name):
        name = name.encode("utf-8", "replace").decode("utf-8")
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED     # 3 is Unix
        if name.endswith("/"):
            entry.external_attr = 0o40755 << 16 | 0x10
            return archive.writestr(entry, b"")
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            entry.external_attr = (0o100755 if status.st_mode & 0o100 else 0o100644) << 16
            entry.file_size = status.st_size
            large = status.st_size > 2 ** 31 - CHUNK
            with archive.open(entry, "w", force_zip64=large) as target:
                shutil.copyfileobj(file, target, CHUNK)


# -- Installed plugins

def installed_plugins():
    """(name, class) of every plugin; one that cannot be imported is moved away."""
    home = skelebot_home(os.environ, os.path.expanduser("~"))
    place, kinds, home = os.path.join(home, "plugins"), [], os.path.abspath(home)
    Ours(place).tidy()
    names = folder_names(place)
    if not names:
        return ()
    check_owner(home, "plugins", *(f"plugins/{part}" for name in names
                                   for part in (name, f"{name}/{name}.py")))
    # plugins import this module as skelebot, what earlier releases had, and each other
    module = sys.modules["skelebot"] = sys.modules[__name__]
    module.__path__ = template_paths("earlier")     # which makes it a package
    sys.path.append(os.path.join(home, "plugins"))
    for plugin in (InstalledPlugin(home, name) for name in names if name not in COMPONENTS):
        try:
            kinds.append((plugin.name, plugin.component()))
        except (Exception, SystemExit) as error:
            plugin.quarantine(error)
    open_streams()                      # exit() in a plugin has closed stdin
    return tuple(kinds)


class InstalledPlugin:
    """A plugin in its folder; the folder is a package, for what lies beside NAME.py."""

    def __init__(self, home, name):
        self.home, self.name = home, name
        self.folder = os.path.join(home, "plugins", name)
        self.package = "skelebot_plugin_" + name.replace("-", "_")

    def component(self):
        """The class of a plugin, of today or of an earlier release, by the hooks of today."""
        old, new = (os.path.isfile(os.path.join(self.folder, file))
                    for file in (OLD_PLUGIN, self.name + ".py"))
        if old and not new:
            return type(self.name, (importlib.import_module("skelebot.adapters").EarlierFolder,), {
                "name": self.name, "installed": self, "module": self.module("command")})
        kind = self.main_class()
        if not isinstance(kind.activation, Activation):
            raise TypeError("activation has to be Activation.CONFIG or the like, "
                            f"not {shortened(kind.activation)}")
        if not issubclass(kind, Component):
            return type(self.name, (importlib.import_module("skelebot.adapters").EarlierPlugin,), {
                "name": self.name, "kind": kind, "activation": kind.activation})
        if kind.record is not None and not hasattr(kind.record, "_fields"):
            raise TypeError(f"record has to be a NamedTuple, not {shortened(kind.record)}")
        kind.name = self.name
        return kind

    def main_class(self):
        """The class that is called like the plugin, or the first one that is a component."""
        module = self.module(self.name)
        earlier = getattr(sys.modules.get("skelebot.objects.component"), "Component", Component)
        kinds = [kind for kind in vars(module).values() if isinstance(kind, type)
                 and issubclass(kind, (Component, earlier))
                 and kind.__module__.partition(".")[0] in (self.package, self.name)]
        if not kinds:
            raise ImportError("there is no class in it that is a Component")
        plain = self.name.replace("-", "").replace("_", "").lower()
        return next((kind for kind in kinds if kind.__name__.lower() == plain), kinds[0])

    def module(self, file):
        """The module of a file in it."""
        package, path = types.ModuleType(self.package), os.path.join(self.folder, file + ".py")
        package.__path__ = [self.folder]
        if os.path.exists(path) and not os.path.isfile(path):
            raise ImportError(f"{file}.py is not a file")  # a pipe would wait for ever
        spec = importlib.util.spec_from_file_location(f"{self.package}.{file}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.package], sys.modules[spec.name] = package, module
        spec.loader.exec_module(module)
        return module

    def quarantine(self, error):
        """Move it out of the way, since it cannot be imported; say why, and its last line."""
        lines = Blamed.lines_of(error, self.folder + os.sep)
        if isinstance(error, SyntaxError) and error.filename:
            place = f"{os.path.basename(error.filename)}:{error.lineno or 1}"
            lines.append((place, error.text or ""))
        place, line = lines[-1] if lines else (self.name + ".py", "")
        at, missing = f": {shown_text(line)}" * bool(line.strip()), getattr(error, "name", "") or ""
        foreign = isinstance(error, ImportError) and missing != self.name and re.fullmatch(
            r"(?!skelebot)\w+", missing)
        install = f" (maybe: {sys.executable} -m pip install {missing})" if foreign else ""
        tell(f"warning: plugin {self.name}: {place}{at}: {type(error).__name__}: "
             f"{shown_text(str(error))}{install}; {self.move_away()}")

    def move_away(self):
        """Move it into quarantine, and say where."""
        place = os.path.join(self.home, QUARANTINE, self.name)
        places = (f"{place}-{count}" for count in itertools.count(1))
        path = next(path for path in itertools.chain([place], places) if not os.path.lexists(path))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.rename(self.folder, path)
            return f"it was moved to {path}"
        except OSError as fault:
            if not os.path.exists(self.folder):
                return "another skelebot has moved it away"
            return f"it could not be moved to {path}: {(fault.strerror or str(fault)).lower()}"


# -- Files and folders

def set_variables(values):
    """Give them to this process and the programs that it starts; an empty one counts as unset."""
    os.environ.update(values)
    for name in [name for name, value in values.items() if not value]:
        del os.environ[name]


def enter(folder):
    """Change to the project's folder: everything runs as if started there."""
    try:
        os.chdir(machine_text(folder))
    except OSError as error:
        raise SkelebotError(f"{folder}: {error.strerror.lower()}",
                            "name a folder that exists, after -C")
    os.environ["PWD"] = os.getcwd()


def write(step):
    """Write a file, whole or not at all."""
    look(step.path, step.root or root_of(step.path))
    write_whole(step.path, lambda file: file.write(step.data), step.executable)


def write_whole(path, fill, executable=False):
    """Let `fill` write a file beside its place, then move it there."""
    handle, beside = Ours(os.path.dirname(path) or ".").new_file(".skelebot-")
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            os.chmod(beside, mode_of(path, executable))
            if os.name == "nt":
                file.close()            # Windows moves no open file; elsewhere it stays locked
            os.replace(beside, path)
    except BaseException:
        remove(Remove(beside))
        raise


def make_folder(step):
    look(step.path, step.root)
    if not os.path.lexists(step.path):
        look(step.path, root_of(step.path) if not step.root else "")
        os.makedirs(step.path, exist_ok=True)
        os.chmod(step.path, 0o700 if step.private else os.stat(step.path).st_mode & 0o7777)


def move(step):
    """Let a folder of a Scratch take its place; what is there waits beside it, to go back maybe."""
    look(step.target, root_of(step.target))
    old = os.path.join(os.path.dirname(step.source), "old")
    if os.path.lexists(step.target):
        os.mkdir(old)
        os.replace(step.target, os.path.join(old, os.path.basename(step.target)))
    os.replace(step.source, step.target)


def remove(step):
    lock = OWNED.pop(step.path, None)
    try:
        if step.empty:
            os.rmdir(step.path)
        elif os.path.isdir(step.path) and not os.path.islink(step.path):
            if re.fullmatch(OURS, os.path.basename(step.path)):
                folder, name = os.path.split(step.path)
                Ours(folder).take_back(name)
            shutil.rmtree(step.path)
        elif os.path.lexists(step.path):
            os.unlink(step.path)
    except OSError as error:
        if not step.empty and not isinstance(error, FileNotFoundError):
            raise refused(step.path, error)
    finally:
        if lock:
            lock.close()


def mode_of(path, executable=False):
    """The mode of a file, or of one that would be made now; maybe with what it takes to run it."""
    mask = os.umask(0)
    os.umask(mask)
    try:
        mode = os.stat(path).st_mode & 0o777
    except OSError:
        mode = 0o666 & ~mask
    return mode | 0o111 & ~mask if executable else mode


# -- Locks, and what is ours for a while
# What is on its way to its place has a name of its own, and is locked by its owner. A lock goes
# with its process, however that ends, so whoever comes next can tell what was left. Where there are
# no locks, nothing is tidied.

OURS = r"\.?skelebot-[0-9a-f]{16}"
OWNED = {}      # path -> Lock, of the folders that this process has made and will remove
TIDIED = set()  # folders that it has tidied: again for each of many files would take too long


def make_scratch(step):
    """The path of a new folder, locked until it is removed."""
    place = step.path and (os.path.realpath(step.path) if os.path.islink(step.path) else step.path)
    look(step.path, root_of(step.path))
    folder, name = os.path.split(place)
    lock, path = Ours(folder).folder_for(name) if place else Ours("").new_folder()
    OWNED[path] = lock
    return plain_text(path)


class Ours:
    """What is ours in a folder and on its way to its place; in "" what is temporary."""

    def __init__(self, folder):
        self.folder = folder

    def new_file(self, prefix="skelebot-"):
        """(descriptor, path) of a new file that only we may read."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        lock, path = self.new(prefix, lambda path: Lock(os.open(path, flags, 0o600)))
        return lock.handle, path

    def new_folder(self, prefix="skelebot-"):
        """(Lock, path) of a new folder that only we may enter."""
        def make(path):
            os.mkdir(path, 0o700)
            return Lock.on(path)
        return self.new(prefix, make)

    def new(self, prefix, make):
        """(Lock, path) of a new name, which `make` opens.

        This is tempfile's work, but its import would take as long as all that is ours between an
        edit and its build.
        """
        near = os.environ.get("TMPDIR") or "/tmp"
        try:
            if not self.folder:
                return Ours(near).new(prefix, make)
        except OSError:
            try:
                return Ours(tempfile.gettempdir()).new(prefix, make)
            except OSError as error:
                raise refused(near, error)
        if self.folder not in TIDIED:
            TIDIED.add(self.folder)
            self.tidy()
        while True:
            path = self.path(prefix + os.urandom(8).hex())
            lock = make(path)
            if lock.is_ours() is not False and os.path.lexists(path):
                return lock, path
            lock.close()                # somebody has tidied it before it was locked

    def folder_for(self, name):
        """(Lock, path) of a new folder for a name; others wait until it has gone.

        Its own name comes from that. Where there are no locks, each has one of its own.
        """
        owner = getattr(os, "getuid", int)() & 0xffffffff
        own = self.path(f".skelebot-{owner:08x}{checksum(name):08x}")
        self.tidy()
        while True:
            try:
                os.mkdir(own, 0o700)
                is_new = True
            except FileExistsError:
                is_new = False
            lock = Lock.acquire(own)
            if lock.is_ours():
                if os.path.isdir(own) and not os.path.islink(own) and not os.listdir(own):
                    return lock, own
                remove(Remove(own))     # one that was killed has left it
            elif not lock.gone:
                return (lock, own) if is_new else Ours(self.folder or ".").new_folder(".skelebot-")
            lock.close()                # whoever had it has removed it; another may have it now

    def tidy(self):
        """Remove what killed calls have left."""
        try:
            names = [name for name in os.listdir(self.folder or ".") if re.fullmatch(OURS, name)]
        except OSError:
            return
        for name in names:
            self.remove_left(name)

    def remove_left(self, name):
        """Remove what is the caller's and is locked by nobody, since its owner was killed."""
        path = self.path(name)
        lock = Lock.on(path, getattr(os, "O_NOFOLLOW", 0))
        try:
            own = lock.handle is not None and os.fstat(lock.handle).st_uid == os.geteuid()
            if own and lock.is_ours() and lock.is_at(path):
                remove(Remove(path))
        except SkelebotError:
            pass                        # whoever can will remove it
        finally:
            lock.close()

    def take_back(self, name):
        """Undo what one that was killed, or failed, has left half done around a Scratch.

        A folder that has made room for another goes back. Of a project without its skelebot.yaml
        go the files that are as they were noted: those of somebody else never.
        """
        old = self.path(name, "old")
        if os.path.isdir(self.path(name, "new")) and os.path.isdir(old) and not os.path.islink(old):
            for one in os.listdir(old):
                if not os.path.lexists(self.path(one)):
                    os.replace(os.path.join(old, one), self.path(one))
        if os.path.lexists(self.path(FILE)):
            return
        note = (read_bytes(self.path(name, "made")) or b"").decode("utf-8", "surrogateescape")
        for line in reversed(note.split("\n")):
            sha256, _, path = line.partition(" ")
            own = self.path(machine_text(path))
            kind = look(own, self.folder or ".") if is_inside(path) else ""
            if sha256 and kind == "file" and hash_of(read_bytes(own) or b"") == sha256:
                os.unlink(own)
            elif not sha256 and kind == "folder":
                remove(Remove(own, empty=True))

    def path(self, *names):
        return os.path.join(self.folder, *names)


class Lock:
    """A file or folder that is open, to be locked; `handle` is None where that cannot be, or if
    there is nothing: then it has `gone`.
    """

    def __init__(self, handle, gone=False):
        self.handle, self.gone, self.waited = handle, gone, False

    @classmethod
    def acquire(cls, path, make=None):
        """One that is locked, on what is at the path then; `make` opens that, or nothing new."""
        waited = False
        while True:
            lock = (make or cls.on)(path)
            lock.waited = waited = lock.wait() or waited
            if lock.handle is None or lock.is_at(path):
                return lock
            lock.close()                    # another one has taken its place, or it was given up

    @classmethod
    def on(cls, path, flags=0):
        """One that is not locked yet."""
        try:
            import fcntl                    # noqa: F401  without it there are no locks
            return cls(os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags))
        except FileNotFoundError:           # or it is a link that leads nowhere
            return cls(None, not os.path.islink(path))
        except (ImportError, OSError):
            return cls(None)

    def wait(self):
        """Lock it; returns whether it had to wait for somebody else."""
        if self.is_ours() is not False:
            return False
        tell("waiting for another skelebot that does the same")
        fcntl.flock(self.handle, fcntl.LOCK_EX)
        return True

    def is_ours(self):
        """Whether we have it locked now, and nobody else has; None where there are no locks."""
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except (ImportError, OSError, TypeError):
            return None

    def is_at(self, path):
        """Whether it is on what is at a path, still."""
        try:
            return os.path.samestat(os.fstat(self.handle), os.stat(path))
        except OSError:
            return False

    def close(self):
        if self.handle is not None:
            os.close(self.handle)


# -- Streams

def show(text):
    """Say an answer; one that is longer than a screen by the caller's pager, as git does."""
    pager = os.environ.get("PAGER", "less").split() if sys.stdout.isatty() else ()
    if text.count("\n") < 20 or not pager or not on_path(pager[0]):
        return say(sys.stdout, text)
    with Handlers({_signal.SIGINT: _signal.SIG_IGN}):       # a Ctrl-C is for the pager
        subprocess.run(pager, input=visible(text).encode("utf-8", "surrogateescape"),
                       env={"LESS": "FRX", **os.environ})


def tell(text, over=False):
    """Say a line of skelebot's own; maybe over that of a Progress."""
    begin = "\r\033[K" if over and sys.stderr.isatty() else ""
    say(sys.stderr, "skelebot: " + shown_url(text), begin, shown=on_one_line)


def say(stream, text, begin="", end="\n", shown=visible):
    """Write text to a stream that may lack some characters; only `begin` and `end` are obeyed."""
    text = begin + shown(text) + end
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            odd = "surrogateescape" if os.name != "nt" else "backslashreplace"
            data = text.encode("utf-8", odd)
            stream.flush()
            stream.buffer.write(data)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(stream)
        raise SkelebotError(f"the output cannot be written: {error.strerror.lower()}",
                            "free some disk space, or redirect the output")


def discard(stream):
    """Discard what is written to a stream from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_streams():
    """A stream that is closed, or not ours, leads nowhere: not to the next file that is opened."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            if number:
                is_open = os.fstat(number)
            elif os.name != "nt" and os.isatty(0):      # which stops a reader in the background
                is_open = os.tcgetpgrp(0) == os.getpgrp()
            else:
                is_open = os.read(0, 0) == b""
        except OSError:
            is_open = False
        if not is_open:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(number, mode, closefd=False))


def has_terminal():
    """Whether Ctrl-C has reached our children as well: then they need no signal from us."""
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


# -- What does each step

DOING = {
    Command: run_program, Merge: Merging,
    File: write, MakeFolder: make_folder, Remove: remove, Move: move,
    Ask: ask_person, Hold: lambda step: Lock.acquire(step.path),
    Release: lambda step: getattr(step.lock, "file", step.lock).close(), Scratch: make_scratch,
    Request: send_request,
    Upload: lambda step: Sending(step).run(),
    Pack: Packer.body, Unpack: lambda step: Unpacker(step).run(),
    Zip: lambda step: Zipper(step).run(), Download: lambda step: Fetch(step).run(),
    Take: lambda step: FolderCopy(step).run(), Keep: lambda step: FolderCopy(step).run(),
    Wait: try_until,
    KeepRun: RunFolder.keep, OwnCopies: RunFolder.copy, Tail: Log.show,
    Background: Fork.go_on_alone, Child: Fork.start, ChildEnded: Fork.ended, EndChildren: Fork.end,
    EndProcess: Processes.end,
    Act: lambda step: Blamed(step.name).call(step.function),
    SecretsInside: secret_members, ImageIds: image_ids,
    Answer: lambda step: show(step.text),
    Note: lambda step: tell(step.text),
}


# What a plan goes on with after a step that was only shown.
SHOWN = {
    Command: lambda step: Outcome(), Request: lambda step: Response(),
    Upload: lambda step: tuple(Response() for _ in step.stretches),
    Pack: lambda step: Body(None, packed_name(step.path), 0),
    Scratch: lambda step: step.shown, Ask: lambda step: step.default,
    Wait: lambda step: Outcome(), Zip: lambda step: (0, 0, ()),
}


# ---- Command line -----------------------------------------------------------

def command():
    """main() as a program: it ends as Python does, but for a long look at each object."""
    status, above = main() or 0, sys._getframe(1).f_back
    if above and above.f_globals.get("__name__") == "runpy":    # of python -m
        above = above.f_back.f_back
    if not (above or sys.flags.inspect or "__path__" in globals()):     # a plugin needs it
        import atexit
        try:
            getattr(sys.modules.get("threading"), "_shutdown", int)()
            for end in (atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
                end()
            os._exit(status)
        except Exception:
            pass                        # Python says what it is
    return status


def main(words=None):
    """Run skelebot; returns the exit status."""
    open_streams()
    gc.disable()                        # what is read stays until it is done
    typed = list(map(plain_text, sys.argv[1:])) if words is None else words
    completes = typed[:1] == ["--complete"]
    return status_of(lambda: (
        Completions(" ".join(typed[1:])) if completes else CommandLine(typed)).run())


def status_of(run):
    """The exit status of what is run: its own, 1 and 2 for faults, 130 after Ctrl-C."""
    try:
        return run()
    except Refused as error:
        return error.status
    except SkelebotError as error:
        say(sys.stderr, str(error))
        return error.status
    except KeyboardInterrupt:
        return 130
    except Stopped as stopped:
        return stopped.status
    except BrokenPipeError:
        discard(sys.stdout)
        return NO_READER
    finally:
        for path in list(OWNED):        # a stop has come between two steps
            with contextlib.suppress(SkelebotError):        # the next one tidies
                remove(Remove(path))


class CommandLine:
    """What was typed, the project that it is about, and all commands that there are here.

    words      what follows the options
    installed  (name, class) of the plugins, where they have a part
    project    None outside of one
    """

    def __init__(self, words):
        values, plain, rest = Parser("", (), OPTIONS).options(words, stop=True)
        self.options, self.words = Words(values), [*plain, *rest]
        if self.options.has("directory"):
            enter(self.options.one("directory"))
        named = self.words[1:] if self.words[:1] == ["help"] and not self.is_job("help") else []
        if named and named[0][:1] != "-" and (named[0] not in topics() or self.is_job(named[0])):
            self.options, self.words = Words({**values, "help": ("true",)}), named
        command = COMMANDS.get(self.words[0]) if self.words else None
        self.outside = bool(command) and command.outside
        self.version, self.installed = self.options.has("version"), ()
        if not self.version and not (command and command.alone and not self.is_job(self.words[0])):
            self.installed = installed_plugins()
        self.project, self.commands = self.chosen_project(), COMMANDS

    def is_job(self, name):
        """Whether a name of a command is that of a job here."""
        try:
            folder = project_folder(self.folder)
            return bool(folder and read_folder(folder).job(name))
        except SkelebotError:
            return False

    def chosen_project(self):
        """The project that is asked about; what needs none is not stopped by its faults."""
        start, env, lenient = self.folder, self.options.one("env", None), self.version
        try:
            folder = project_folder(start)
        except SkelebotError as fault:
            asked = (self.words and not self.outside) or env is not None
            if (asked or self.options.has("contact")) and not lenient:
                raise
            tell(f"warning: {fault.message}")
            folder = None
        lenient = lenient or self.outside
        if not folder and not lenient:
            check_ending(start, FILE)
        if env is not None and not folder:
            raise usage_error(f"no {FILE} here or above, so there are no environments",
                              "go to a project's folder")
        try:
            project = read_folder(folder, env, self.installed) if folder else None
        except SkelebotError:
            if not lenient:
                raise
            project = None
        own = not self.outside or COMMANDS[self.words[0]].looks
        return project if own or project and project.job(self.words[0]) else None

    @property
    def folder(self):
        """The current one."""
        try:
            return os.getcwd()
        except OSError:
            raise SkelebotError("the current folder does not exist any more",
                                "go to a folder that exists: cd")

    # -- Jobs and commands

    def run(self):
        """Read it, show what it asks for or do it; returns the exit status."""
        project, options = self.project, self.options
        if self.version or options.has("contact"):
            return self.show_facts()
        self.commands = commands_here(project, self.installed, lambda message: say(
            sys.stderr, f"skelebot: warning: {message}"))
        if not self.words:
            pages = terminal_pages()
            page = pages.project(project, self.commands) if project else \
                pages.outside(self.commands)
            return say(sys.stdout, page, shown=pages.shown) or 0
        if options.has("help"):
            return self.show_page(Part(self, self.words[0]))
        asked = [Part(self, name).read(project, words) for name, *words in self.chain(self.words)]
        explained = next((one for one in asked if one.typed.help), None)
        return self.show_page(explained) if explained else self.perform(asked)

    @staticmethod
    def chain(words):
        """The words of each job, as `+` parts them."""
        ends = [-1, *(index for index, word in enumerate(words) if word == "+"), len(words)]
        groups = [words[before + 1:end] for before, end in zip(ends, ends[1:])]
        if not all(groups):
            raise usage_error("a + needs a job before and after it",
                              "for example: skelebot prepare + train")
        return groups

    def unknown(self, name):
        """The fault of a first word that means nothing; the manual knows what others call so."""
        habits = dict(re.findall(r"(?m)^\| `(\w+)` \| ([^|\n]*) \|$", topic_text("habits")))
        known = {word for word, one in self.commands.items() if self.project or one.outside}
        known |= {job.name for job in self.project.jobs} if self.project else set()
        options = [spelling(option.name) for option in OPTIONS if self.project]
        near = habits.get(name) or nearest(
            name, [*known, *options, *map("help {}".format, topics())])
        if not self.project:
            return usage_error(f"no {FILE} here or above, so {shortened(name)} means nothing",
                               name not in self.commands and near
                               or "go to a project's folder, or make one with: scaffold")
        if name.startswith("-"):
            return usage_error(f"{shortened(name)}: options go before the first job",
                               "skelebot OPTIONS JOB + JOB")
        return usage_error(f"unknown job or command {shortened(name)}",
                           near or did_you_mean(name, known))

    # -- What becomes of it

    def show_page(self, one):
        """The page of a job or command."""
        pages, job, command = terminal_pages(), one.job, one.command
        if command and command.raw:
            command.check(self.project, Words(extra=("--help",)))
        page = pages.job(self.project, job) if job else pages.command(one.name, command)
        return say(sys.stdout, page, shown=pages.shown) or 0

    def show_facts(self):
        """What --version and --contact are about."""
        project = self.project
        if self.version:
            own = [f"{project.name} {project.version}"] if project and project.version else []
            return say(sys.stdout, "\n".join([f"skelebot {__version__}", *own])) or 0
        if not project:
            raise self.unknown("--contact")
        if not project.contact and not project.maintainer:
            raise SkelebotError(f"{FILE}: names neither contact nor maintainer",
                                "add a line such as contact: ada@example.com")
        return say(sys.stdout, project.contact or project.maintainer) or 0

    def perform(self, parts):
        """Do the parts, one after the other."""
        for warning in self.project.warnings if self.project else ():
            tell(f"warning: {warning}")
        if self.options.has("rebuild") and self.options.has("skip-build"):
            raise usage_error("--rebuild and --skip-build cannot be used together",
                              "leave one of them out")
        try:
            call = caller_call(self.options, self.installed, self.project)
        except SkelebotError:
            if not self.outside or not COMMANDS[self.words[0]].looks:
                raise
            call = caller_call(self.options, self.installed, Config())
        getattr(gc, "freeze", int)()    # it need not look at what exists by now; 3.6 has none
        gc.enable()
        if self.project:
            enter(self.project.folder)
            if call.dry_run:
                say(sys.stdout, "cd " + shell_line([self.project.folder]), shown=pasted)
        if call.dry_run and call.variables:
            words = map(setting, call.variables.items())
            say(sys.stdout, "export " + shell_line(words), shown=pasted)
        with Interruptible():
            return perform(plan_chain(self.plans(call, parts)), call)

    def plans(self, call, parts):
        """The plans of a chain, each made when those before it are done.

        What can be foreseen of the others comes before the first, and before the one that follows
        a change of the project, as far as the project stays as it is.
        """
        project, commands, foreseen = self.project, self.commands, False
        yield plan_network(call)
        for index, part in enumerate(parts):
            foreseen = foreseen or part.changes or call.dry_run
            for later in () if foreseen else parts[index + 1:]:
                yield later.plan("foresee", call, project, commands)
                if later.changes:
                    break
            foreseen = not part.changes
            later = call._replace(later=call.dry_run and index > 0)
            yield part.plan("plan", later, project, commands)
            if part.changes:
                project = read_folder(project.folder, project.env or None, project.installed)
                commands = commands_here(project, project.installed)


def plan_chain(plans):
    """One plan after the other, until one ends with another status than 0."""
    for plan in plans:
        status = yield from plan
        if status:
            return status
    return 0


class Part:
    """A job or command of a chain, with the words that were typed after it.

    changes  whether it changes the project
    typed    the Words, with help where its page is asked for
    """

    def __init__(self, line, name):
        self.name, self.job = name, line.project.job(name) if line.project else None
        command = None if self.job else line.commands.get(name)
        if not self.job and not (command and (line.project or command.outside)):
            raise line.unknown(name)
        self.command = self.of(line.project, line.commands) if command else None
        self.changes = bool(command) and self.command.changes

    def read(self, project, words):
        """Itself, with the words that were typed; a fault if they make no sense."""
        raw = self.command and self.command.raw
        asks = self.name in COMMANDS and ("--help" in words or words[:1] == ["-h"])
        self.typed = Words({}, tuple(words), asks) if raw else self.parser(project).parse(words)
        if self.command and not self.typed.help:
            self.check_section(project, self.name)
            self.command.check(project, self.typed)
        return self

    def parser(self, project):
        if self.job:
            return job_parser(project, self.job)
        one = self.command
        if one.parser:
            return one.parser(project, one)
        lax = self.name in COMMANDS and not one.alone           # ours check more
        optional = len(one.args) if lax else one.optional
        return Parser(self.name, one.args, (*one.params, HELP), optional, one.extras)

    @staticmethod
    def check_section(project, name):
        """Raise the faults in the section of the component that has a command."""
        for one in our_components(project).values():
            if name in one.commands():
                raise_all(late_faults(one.settings))

    def plan(self, hook, call, project, commands):
        """Its `plan`, or what it can `foresee` to stop it before the parts above it are done."""
        if self.job:
            plan = {"plan": plan_job, "foresee": plan_foresee_job}[hook]
            return plan(call, project, self.job, self.typed)
        command = self.of(project, commands) or self.command
        return getattr(command, hook)(call, project, self.typed)

    def of(self, project, commands):
        """The command, by the component of ours that has it, as that is in the project."""
        ours = [one.commands() for one in our_components(project).values() if self.name in COMMANDS]
        return next((own[self.name] for own in ours if self.name in own), commands.get(self.name))


def commands_here(project, installed, warn=lambda message: None):
    """name -> Builtin of all that can be asked for; ours come first, the first of a name counts."""
    known = dict(COMMANDS)
    for one in project.components if project else new_components(None, installed):
        try:
            own = {} if one.name in COMPONENTS else plugin_commands(one, project)
        except SkelebotError as fault:      # it does without commands
            warn(fault.message)
            continue
        for name, command in own.items():
            if name in known:
                warn(f"plugin {one.name}: its command {name} is hidden by another one")
            else:
                known[name] = command
    return known


def answering(text):
    """The plan that says a text, which is made of a call, a project and words."""
    return lambda *values: (Answer(one) for one in [text(*values)])


RUN_ARG = (Arg("run", help="12, 12.3, or a job's name for its newest; without it, the newest"),)
RUN_ARGS = (Args(*RUN_ARG[0]),)

COMMANDS = {
    "scaffold": Builtin("make a new project, or turn what is here into one (--existing)",
                        lambda call, project, words: Scaffold(call, words).plan(),
                        (Arg("folder", "where to make it; here, if not given"),), (
        Option("name", "", "the project's name", "TEXT"),
        Option("description", "", "what it is for, in one line", "TEXT"),
        Option("maintainer", "", "who maintains it", "TEXT"),
        Option("contact", "", "how to reach them", "TEXT"),
        Option("language", "", "the language of its jobs", "TEXT", choices=Language.values),
        Option("template", "", "default, dash, iris, a folder, or the address of a Git repository",
               "TEXT"),
        Option("answer", "", "NAME=VALUE: an answer to a question of the template", "NAME=VALUE...",
               accepts="list"),
        flag("existing", "e", "add only skelebot.yaml, its schema and VERSION, from what is here"),
        flag("yes", "y", "ask nothing: take the default where no option answers")), optional=1,
                        outside=True,
                        offers=lambda project: {"template": ("default", "dash", "iris")}),
    "prime": Builtin("write Dockerfile and .dockerignore, and build the image", plan_prime, (), (
        Option("output", "o", "save the image to this file", "FILE"),)),
    "exec": Builtin(
        "open a shell in the project's image, or run the command after --", plan_exec, (), (
            flag("map", "m", "map the project's folder at /app"),), extras=True),
    "bump": Builtin("raise the project's version", plan_bump,
                    (Arg("version", "major, minor, patch, or the new version itself"),),
                    changes=True, check=check_bump,
                    offers=lambda project: {"version": ("major", "minor", "patch")}),
    "wait": Builtin("follow a run to its end: what it prints, what it wrote, its exit status",
                    lambda *call: TakenUp(*call).plan_wait(), RUN_ARG, optional=1),
    "stop": Builtin("end runs: gently, then by force", lambda *call: TakenUp(*call).plan_stop(),
                    RUN_ARGS, optional=1),
    "report": Builtin("write a page about runs: a table, pictures, and each run", Report.plan, (
        Args("run", "12, 12.3, or a job's name for its newest; without it, the newest 20"),), (
        Option("output", "o", "where to write it; - is stdout", "FILE"),
        flag("all", "a", "all runs of the project")), optional=1),
    "fetch": Builtin("bring what a run wrote to the project, or elsewhere",
                     lambda *call: TakenUp(*call).plan_fetch(), RUN_ARG, (
                         Option("to", "", "the folder to copy it to", "DIR"),), 1),
    "rerun": Builtin("run a job again: its words, but for those typed now", TakenUp.plan_rerun,
                     RUN_ARG, (flag("exact", "", "with the image or tree of then"),), 1, raw=True),
    "sweep": Builtin("run a job with many values, each in a run of its own", Sweeping.plan,
                     (Arg("job", "its own arguments and options may follow"),), (
        Option("each", "", "a point for each of these values of a parameter; again for another "
               "parameter: each with each", "NAME VALUE", accepts="list"),
        Option("from", "f", "CSV: a column for each parameter, a row for each point", "FILE"),
        Option("random", "r", "so many of the points, drawn by lot", "N"),
        Option("seed", "s", "the same number draws the same points", "N", accepts="int"),
        Option("parallel", "j", "so many at once, on each host of -d", "N"),
        flag("stop-on-failure", "x", "begin no more points when one has failed"),
        Option("failed", "", "run the points of sweep RUN again that are not done", "RUN"),
        flag("yes", "y", f"ask nothing, also before more than {MOST_UNASKED} points")), optional=1,
                     extras=True, parser=SweepParser, offers=lambda project: {
                         "job": {job.name: job.help for job in getattr(project, "jobs", ())}},
                     check=lambda project, words: words.values[""] and Points(project, words)),
    "envs": Builtin("list the environments", answering(
        lambda call, project, words: "\n".join(["[default]", *project.envs]))),
    "plugin": Builtin("install, list or remove plugins", lambda call, project, words: (
        PluginCommand(call, words).plan()), (
        Arg("action", "install, list or remove; or what to install"),
        Arg("source", "a zip file, folder or https://... to install; the name of one to remove")),
        optional=2, outside=True, alone=True, check=PluginCommand.check,
        offers=lambda project: {"action": ("install", "list", "remove")}),
    "help": Builtin(
        "show a topic of the manual, or explain a job or command", answering(
            lambda call, project, words: (terminal_pages().topic if sys.stdout.isatty() else str)(
                topic_text(words.one("topic", "topics"))).rstrip()),
        (Arg("topic", "a topic, job or command; without it, the topics are listed"),), optional=1,
        outside=True, alone=True, offers=lambda project: {
            "topic": [*topics(), *COMMANDS, *(job.name for job in getattr(project, "jobs", ()))]}),
    "schema": Builtin(f"print a JSON schema of {FILE}, for editors", answering(
        lambda call, project, words: Schema().text(call.plugins)), outside=True),
    "completion": Builtin(
        "print the script that completes command lines on Tab", answering(
            lambda call, project, words: template_bytes(
                "completion", "skelebot." + words.one("shell")).decode("utf-8").rstrip()),
        (Arg("shell", "whose script it is", choices=("bash", "zsh", "fish")),),
        outside=True, alone=True),
    "doctor": Builtin("look for what this machine and the project lack",
                      lambda *call: Doctor(*call).plan(), (), (
        flag("fix", "f", "remove the leftovers of skelebot that it finds"),
        flag("json", "j", "print a list for programs: group, name, state, found, remedy")),
                      outside=True, looks=True),
    "hosts": Builtin("list the hosts by name; --check asks each whether it answers",
                     lambda call, project, words: Hosts(call, project).plan(words), (), (
        flag("check", "k", "ask each; the exit status is 1 if one does not answer"),
        flag("json", "j", "print a list for programs: name, kind, address, place, default"))),
    "runs": Builtin("list what ran, or tell all about RUN",
                    lambda *call: RunCommands(*call, ()).plan_list(), RUN_ARGS, (
        flag("all", "a", "all, not the newest 20"), flag("failed", "f", "only those that failed"),
        flag("json", "j", "print a list for programs, with all that is recorded of all"),
        Option("prune", "p", "remove those that ended longer ago, as in 30d", "AGE")), optional=1),
    "ps": Builtin("list what is running", lambda *call: RunCommands(*call, ()).plan_list(True),
                  (), (flag("json", "j", "print a list for programs"),)),
    "logs": Builtin("print what RUN, or the newest run, has printed",
                    lambda *call: RunCommands(*call).plan_logs(), RUN_ARGS, (
        flag("follow", "f", "go on until it ends; Ctrl-C only leaves"),), optional=1),
    "compare": Builtin("show what differs among runs, best first",
                       lambda *call: RunCommands(*call).plan_compare(), RUN_ARGS, (
        Option("max", "", "the run with the greatest METRIC comes first", "METRIC"),
        Option("min", "", "the run with the least METRIC comes first", "METRIC"),
        flag("csv", "", "print CSV"), flag("json", "", "print a list for programs"),
        flag("md", "", "print a table of Markdown")), optional=1),
    "clean": Builtin("remove the project's old images, ended containers and old runs",
                     lambda *call: Clean(*call).plan(), (), (
        flag("all", "a", "also all ended runs, and its images"), flag("yes", "y", "ask nothing"))),
    **{name: command for one in our_components(None).values()
       for name, command in one.commands().items()},
}


def caller_call(options, installed=(), project=None):
    """The Call for the machine that skelebot runs on, whose programs get out as the call does."""
    environ, home = dict(os.environ), os.path.expanduser("~")
    config = project or read_config(environ, home)
    files = network_files(config.network, environ, getattr(config, "folder", ""), home)
    call = Call(
        environ=environ, home=home, uid=getattr(os, "getuid", int)(),
        gid=getattr(os, "getgid", int)(),
        login=environ.get("LOGNAME") or environ.get("USER", ""),
        **engine_program(environ), context=docker_context(environ, home),
        terminal=all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)),
        python=on_path("python3") or sys.executable, token=os.urandom(4).hex(),
        plugins=installed, host=options.values.get("host", ("",))[0], env=options.one("env"),
        secret=Secret("TOKEN" if options.has("dry-run") else os.urandom(24).hex()),
        network=config.network, offline=config.offline or options.has("offline"), files=files,
        resources=typed_resources(options.one("resources")), hosts=options.values.get("host", ()),
        **{name.replace("-", "_"): options.has(name) for name in (
            "skip-build", "rebuild", "live", "native", "verbose", "dry-run", "detach")})
    variables = call.variables
    set_variables({"DOCKER_HOST": os.environ.get("DOCKER_HOST", ""),    # Docker 20.10 takes no ""
                   **variables})
    return call._replace(environ={**os.environ, **variables})


def engine_program(environ):
    """The program that a call talks to its engine by, as fields of a Call.

    It is SKELEBOT_DOCKER, else docker, or podman where that is all there is: also as the script
    named docker. `program` tells its file from its successor.
    """
    docker, podman = on_path("docker"), on_path("podman")
    scripted = (docker and os.path.getsize(docker) < 10000
                and b"podman" in (read_bytes(docker) or b""))
    linked = docker and os.path.basename(os.path.realpath(docker)).startswith("podman")
    only = podman and (not docker or scripted or linked)
    name = environ.get("SKELEBOT_DOCKER") or ("podman" if only else "docker")
    path = on_path(name) or name
    status = os.stat(path) if os.path.exists(path) else None
    return {"engine": name,
            "program": f"{path} {status.st_size} {status.st_mtime_ns}" if status else name,
            # a snap is a name of the program `snap`; source: snapcraft.io/docs
            "confined": os.path.basename(os.path.realpath(path)) == "snap"}


def docker_context(environ, home):
    """The Docker context in use; "" is the default one. Source: docker context(1)"""
    named = re.search(r'"currentContext"\s*:\s*"([^"]*)"', docker_config(environ, home))
    name = environ.get("DOCKER_CONTEXT") or (named.group(1) if named else "")
    return "" if name == "default" else name


def on_path(name):
    """The path of a program, or None, without shutil.which, whose import would take too long."""
    if os.name == "nt":
        return shutil.which(name)
    paths = [name] if os.sep in name else [os.path.join(folder, name) for folder
                                           in os.get_exec_path()]
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def typed_resources(text):
    typed = dict(pair.partition("=")[::2] for pair in re.split(",(?=[A-Za-z]+=)", text) if pair)
    for name, value in typed.items():
        kind = fields(Resources).get(name)
        if not (kind and kind.fits(value)):
            raise usage_error(f"--resources: {name if kind else shortened(name)}: " + (
                f"expected {kind.expected}, found {shortened(value)}" if kind else "unknown key"),
                kind.hint if kind else did_you_mean(name, fields(Resources)))
    return Resources(**typed)


def terminal_pages():
    try:
        width = min(os.get_terminal_size(sys.stdout.fileno()).columns or 80, 120)
    except (OSError, ValueError, AttributeError):
        width = 80
    return Pages(max(width, 40), sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


# -- What a shell's Tab asks for

NEXT = "\0"             # stands for the word that is being typed
CLOSED = r"""(?s)\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^'"]"""     # all of a line but a quote still open


class Completions(CommandLine):
    """What may be typed at the end of a line: what begins as `typed`, in a value of --name=."""
    outside = version = False

    def __init__(self, line):
        *words, typed = shlex.split(line + NEXT + re.sub(CLOSED, "", line)[:1])[1:] or [NEXT]
        head, equals, _ = typed.partition("=")
        self.typed, self.before = typed[:-1], head + equals if equals and head[:1] == "-" else ""
        self.line = [*words, *([head] if self.before else []), NEXT]
        values, plain, rest = Parser("", (), OPTIONS).options(self.line, stop=True)
        self.options = Words({name: value for name, value in values.items() if NEXT not in value})
        self.words = [*plain, *rest] or [NEXT]
        if self.options.has("directory"):
            enter(os.path.expanduser(self.options.one("directory")))
        self.installed, self.project, self.hosts = installed_plugins(), None, {}
        with contextlib.suppress(SkelebotError):    # what needs none can still be typed
            self.project = self.chosen_project()
            self.hosts = Hosts(Call(os.environ, os.path.expanduser("~")), self.project).known()
        self.commands = commands_here(self.project, self.installed)

    def run(self):
        """Say each, with what it means, to a shell; returns 1 if there are none."""
        *above, (name, *words) = self.chain(self.words)
        if name == NEXT:
            words, offers = [NEXT] if above else self.line, self.first_offers()
            parser = Parser("", (Arg("job"),), [option for option in OPTIONS if not above and (
                self.project or option.outside)])
        else:
            part = Part(self, name)
            parser = part.parser(self.project)
            offers = part.command.offers(self.project) if part.command else {}
        names = self.typed[:1] == "-" and not self.before and "--" not in words
        rows = ({spelling(param.name): meaning(param) for param in parser.params} if names
                else self.values(parser, words, offers))
        lines = [f"{self.before}{word}\t{' '.join(text.split())}\n" for word, text in rows.items()
                 if (self.before + word).startswith(self.typed) and word.isprintable()]
        return say(sys.stdout, "".join(lines), end="") or int(not lines)

    def first_offers(self):
        """What may be typed where no job or command is named yet."""
        jobs = {job.name: job.help or shortened_source(job)
                for job in getattr(self.project, "jobs", ())}
        known = {name: command.help for name, command in self.commands.items()
                 if self.project or command.outside}
        return {"env": getattr(self.project, "envs", ()), "job": {**jobs, **known, **jobs},
                "host": {name: shown_url(one.docker or "") for name, one in self.hosts.items()}}

    @staticmethod
    def values(parser, words, offers):
        """word -> what it means, of what may stand at NEXT; nothing where that is anything."""
        values, plain, extra = parser.options(words, stop=not parser.title)
        pending = [param for param in parser.params if NEXT in values.get(param.name, ())]
        for one in [] if extra else pending or parser.args[len(plain) - 1:len(plain)]:
            known = one.choices or offers.get(one.name, ())
            return known if isinstance(known, dict) else dict.fromkeys(known, "")
        return {} if extra else {"+": "another job after it"}


if __name__ == "__main__":
    sys.exit(command())
