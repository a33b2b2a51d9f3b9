"""Follows the pod of a Job: watch.py WHAT JOB FAILURES FORM KUBECTL...

WHAT   open: until it takes files; follow: to its end, whose exit status is ours, passing on what it prints;
       run:PID: likewise, then its Job is removed, if that is 0 and the caller PID lives; end: send it TERM
FORM   the go-template by which kubectl tells of pods
What it waits for is said on stderr, once. So is what no waiting mends, which removes the Job, and that the cluster
is away: then the status is 125.
"""
import os
import re
import signal
import subprocess
import sys
import time

what, job, failures, form, *kubectl = sys.argv[1:]
ENDED = r"(?m)^main terminated|^phase (?:Succeeded|Failed)$"
BEGUN = ENDED + "|^main running"
OPEN = BEGUN + "|^in running"
AWAY = r"(?i)connection (?:refused|reset)|was refused|i/o timeout|handshake timeout|unexpected EOF|no route|Unable to connect"
TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d) ")
PIECE = 16384           # bytes of a line that a node's engine keeps together
PATIENT = 300           # seconds that a cluster may be away
SETTLED = 20            # and that one that has answered before may refuse to
SILENT = 300            # seconds without a byte, after which a connection may be dead
GRACE = 10
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
pods = ["get", "pods", "--selector", "job-name=" + job, "--output", form]
removal = [*kubectl, "delete", "job", job, "--ignore-not-found", "--wait=false"]
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
what, _, caller = what.partition(":")
told, child, answered = set(), None, False


def visible(text):
    """What a cluster has said, with what a terminal would obey written out."""
    return re.sub("[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", lambda match: ascii(match.group())[1:-1], text)


def say(text):
    if text not in told:
        told.add(text)
        print("skelebot: " + visible(text), file=sys.stderr, flush=True)


def start(words):
    """A kubectl that no signal of the terminal reaches."""
    global child
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)     # until it is known, and can be ended with us
    child = subprocess.Popen([*kubectl, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             start_new_session=True, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def kill(program):
    """End a kubectl, and what it is called by: some are scripts."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except OSError:
        program.kill()


def read(words, take, silent):
    """Let `take` have what kubectl prints until it returns True, or nothing comes; returns (status, errors)."""
    import select
    program, status, errors = start(words), 0, ""
    while select.select([program.stdout], [], [], silent)[0]:
        data = os.read(program.stdout.fileno(), 65536)
        if not data:
            errors = program.stderr.read().decode("utf-8", "replace")
            return program.wait(), errors
        if take(data):
            break
    else:                               # only one that watches may have nothing to say
        status, errors = (0, "") if {"--watch", "--follow"} & set(words) else (1, "i/o timeout: nothing has come for long")
    kill(program)
    program.communicate()
    return status, errors


def fault(said):
    """(message, hint) by the first row that fits, or None."""
    for row in failures.strip().split("\n\n"):
        pattern, message, hint = row.split("\n")
        match = re.search(pattern, said)
        if match:
            return match.expand(message), match.expand(hint)


def refuse(said):
    lines = said.strip().split("\n")
    message, hint = fault(said) or (lines[-1], "the cluster has said this, and knows what it means")
    print("skelebot: {} does not go on: {}\n  hint: {}".format(job, visible(message), visible(hint)), file=sys.stderr)
    sys.exit(125)


def ask(words, take=lambda data: False, silent=30):
    """What kubectl prints; a cluster that is away is asked again."""
    global answered
    begun = time.monotonic()
    while True:
        parts = []
        status, errors = read(words, lambda data: parts.append(data) or take(b"".join(parts).decode("utf-8", "replace")), silent)
        # an API server that has just started knows nobody's rights for a moment
        patience = PATIENT if re.search(AWAY, errors) else SETTLED if answered else 0
        if not status or time.monotonic() > begun + patience:
            break
        say("the cluster does not answer, and is asked again")
        time.sleep(2)
    if status:
        refuse(errors)
    answered = True
    return b"".join(parts).decode("utf-8", "replace")


def wait_for(pattern, rather=""):
    """What is told of the pod as soon as it fits; "" of one that is gone, or of which there is a second.

    rather  a pattern that it fits in a moment
    """
    silent = 2
    while True:
        text = ask([*pods, "--watch"], lambda text: re.search(rather or pattern, text), silent)
        names = sorted(set(re.findall("(?m)^Pod (.*?) ", text)))
        if len(names) > 1 or not names and not ask(["get", "job", job, "--ignore-not-found"]):
            return ""
        last = text[text.rfind("\nPod ") + 1:]
        if re.search(pattern, text):
            return last
        explain(names[0] if names else job, last)
        silent = min(2 * silent, 30)


def explain(name, text):
    """Say what it waits for, or end if no waiting mends that."""
    said = text.replace('\\"', '"') + ask(
        ["get", "events", "--field-selector", "type=Warning,involvedObject.name=" + name,
         "--output", 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}'])
    own = '(?m)^FailedMount: .*secret "{}" not found$'.format(job)
    if re.search(own, said):            # mostly the pod was only quicker than its Secret
        errors = read(["get", "secret", job, "--output", "name"], lambda data: False, 30)[1]
        said = errors if '" not found' in errors else re.sub(own, "", said)
    known = fault(said)
    if known and known[0].startswith("waits"):
        say("{} {}; {}".format(job, *known))
    elif known:
        subprocess.call(removal, **quiet)
        refuse(said)


class Output:
    """What of the output of `kubectl logs --timestamps` is the job's, each piece of it once.

    A time stands before each line, and where an engine has cut that into pieces, also before those. What is read
    once more after a cut is known by its times.
    """

    def __init__(self):
        self.recent, self.passes = {}, True     # second -> times in it, of the last two

    def words(self):
        """Those for kubectl, for what came in the last seconds and later."""
        self.rest, self.whole, self.known = b"", True, set().union(*self.recent.values())
        return ["--timestamps", *("--since-time=" + one.decode() for one in list(self.recent)[:1])]

    def is_new(self, time):
        self.recent.setdefault(time.group(1) + time.group(2), set()).add(time.group())
        if len(self.recent) > 2:
            self.recent = dict(list(self.recent.items())[-2:])
        return time.group() not in self.known

    def take(self, data, last=False):
        data, at, ours = self.rest + data, 0, []
        while at < len(data):
            time = TIME.match(data, at)
            begin = time.end() if time else at
            end = data.find(b"\n", begin, begin + PIECE) + 1
            if not end and not last and len(data) < begin + PIECE + 40:
                break
            end = end or min(begin + PIECE, len(data))
            self.passes = self.is_new(time) if time else self.passes and not self.whole
            ours += [data[begin:end]] if self.passes else []
            self.whole, at = data[end - 1:end] == b"\n", end
        self.rest = data[at:]
        write(b"".join(ours))


def write(data):
    while data:
        data = data[os.write(1, data):]


def answer(words):
    """(exit status, what it prints) of a kubectl that has GRACE."""
    try:
        done = subprocess.run([*kubectl, *words], timeout=GRACE, **{**quiet, "stdout": subprocess.PIPE})
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return 1, ""


def end(*_):
    """Send TERM to the job; one that has not begun, or cannot be entered, ends with its Job."""
    for _ in range(3):
        if not answer(["exec", "job/" + job, "--container", "main", "--", "sh", "-c", "kill -TERM 1"])[0]:
            return
        text = answer(pods)[1]          # it may have been the quicker one to end
        if not re.search("(?m)^main running", text):
            break
        time.sleep(1)
    if not re.search(ENDED, text):
        subprocess.call(removal, **quiet)
        if what != "end" and text and not re.search("(?m)^main running", text):
            sys.exit(137)               # it has not begun, and never will


class Removal:
    """Of the Job, by a kubectl that has started by the time when it is told what to remove."""

    def __init__(self):
        words = ["delete", "--ignore-not-found", "--wait=false", "--filename", "-"]
        self.program = subprocess.Popen([*kubectl, *words], **{**quiet, "stdin": subprocess.PIPE})

    def remove(self):
        if str(os.getppid()) != caller:     # it was killed: whoever asks next finds its end there
            return kill(self.program)
        self.program.communicate(('{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "%s"}}' % job).encode())
        if self.program.returncode and subprocess.call(removal, **quiet):
            say("{} stays: {} removes it".format(job, " ".join(removal)))


def follow():
    """Pass on what the job prints, to its end; returns its exit status."""
    output, tries, rather, last, pod = Output(), 10, "", None, "job/" + job
    while True:
        text = wait_for(BEGUN, rather)
        pod = text.split()[1] if text else pod      # there may be a second one that is none of ours
        if what == "run" and re.search("(?m)^main terminated 0 ", text):
            last = last or Removal()
        if re.search("(?m)^in terminated [^0]", text):
            return 137                  # it has not begun, and never will
        ended = not text or re.search(ENDED, text)
        status, errors = read(["logs", "--container", "main", *output.words(), *([] if ended else ["--follow"]), pod],
                              output.take, SILENT)
        if not status:
            output.take(b"", last=True)
        tries, rather = tries - bool(ended), "" if status else ENDED
        if ended and (not status or not text or not tries):
            if status and text:
                say("not all that it has printed could be had: " + errors.strip())
            break
        if status:
            time.sleep(1)
    if last:
        last.remove()
    code = re.search(r"(?m)^main terminated (\d+)", text)
    return int(code.group(1)) if code else 137


def take_files():
    """Wait until the pod takes files; one that has ended before that never does."""
    text = wait_for(OPEN)
    if not text or not re.search(BEGUN, text):
        return 0 if text else refuse("its Job or its node is gone")
    explain("".join(re.findall(r"\APod (\S+)", text)), text)
    refuse(text)


def main():
    if what == "end":
        return end()
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if what == "open":
        return take_files()
    signal.signal(signal.SIGINT, end)
    return follow()


try:
    sys.exit(main())
except BrokenPipeError:
    sys.exit(141)
finally:
    if child and child.poll() is None:
        kill(child)
