#!/usr/bin/env python3
"""Measures Skelebot beside plain docker, python3 and curl, and prints what came out as Markdown tables.

    python3 tests/bench.py --small --runs 3         a first look, some minutes
    python3 tests/bench.py                          everything: hours, because of the legacy builder

    noop        a job when nothing has changed: `docker run`, `docker build -q && docker run`, ours
    edit        a job after a line of its source was edited; ours with --live as well
    train       a job that writes a model of 300 MiB into a mapped folder, run again and again
    deps        the first build with eight dependencies, and the next one with a ninth appended; --heavy: large ones
    record      a job that is recorded, and one that is not: natively and in Docker; what it prints, through the log
    runs        `runs` of 10,000 runs, `compare` and `report` of 1,000
    cli         start-up: help, a shell's Tab, and a job without Docker, with 3 and with 1,000 jobs
    slurm       a job that does nothing, natively on Slurm, where `srun` is the measure; SLURM_CONF names the cluster
    kubernetes  a Job that does nothing beside kubectl's create, wait and logs of the same one, and files beside kubectl cp
    transfers   an artifact to and from a web server of its own, where curl is the measure

The commands of a table take turns, round by round; the first round is thrown away, of the others the
medians are shown. What is timed is a copy of skelebot.py and templates/ that keeps its byte code, as an
installation does. `--peer DIR` adds the earlier tool: a virtual environment in which `pip install skelebot`
was done. It takes PyYAML, a Docker engine (not for the last four tables), PyPI for `deps`, curl for
`transfers`, and some 10 GiB of disk.

Everything is made in a temporary folder and in images that inherit one label; both are removed at the
end, also after Ctrl-C. Of BuildKit's cache only what is large goes; the rest is `docker builder prune`'s.
The figures depend on the machine, so no test asks for them.
"""
import argparse
import contextlib
import datetime
import functools
import http.server
import json
import os
import platform
import random
import resource
import shutil
import signal
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import Dict, NamedTuple, Optional, Tuple

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TIMEOUT = 1200      # seconds for one command
BUILDERS = {"legacy": "0", "buildkit": "1"}     # values of DOCKER_BUILDKIT
NOT_PASSED_ON = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "SKELEBOT_DOCKER")
PACKAGES = ("six", "wheel", "certifi", "colorama", "toml", "tabulate", "click", "attrs")
HEAVY = ("numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "statsmodels", "pillow", "pyarrow")
APPENDED = "idna"

# Ratios: to `docker run`, to `python3 -c pass`, to libyaml, to curl, to the better one of two Dockerfiles.
# Those of an edit in a large project were given as seconds, where `docker run` takes 0.4.
NOOP_GOALS = {"tiny": 1.12, "files": 1.35, "data": 1.12}
EDIT_GOALS = {"tiny buildkit": 1.36, "files buildkit": 2.5, "data buildkit": 1.65}
LIVE_GOALS = {"tiny": 1.12}
TRAIN_GOAL = 1.12
APPEND_GOAL = 1.0   # seconds, for one more of the heavy ones
RECORD_GOAL, RECORD_SHARE = 3.0, 0.01       # ms, or this share of what it takes unrecorded, whichever is more
LOG_GOAL = 2.0
RUNS_GOALS = {"runs": 0.3, "compare": 0.5, "report": 3.0}       # seconds
REPORT_SIZE = 5e6
SLURM_GOAL = 1.5
HELP_GOAL, THOUSAND_GOAL, PUSH_GOAL, PULL_GOAL, PACKAGES_GOAL = 3.9, 1.3, 2.2, 1.0, 1.1


# ---- Records ----------------------------------------------------------------

class Bench(NamedTuple):
    """What the tables share.

    mark     how the names of all images begin, and the value of the label `skelebot.bench`
    folder   the temporary one
    environ  the variables of every command
    builder  `legacy`, `buildkit`, or "" where no image is built
    peer     the earlier tool's program, or ""
    """
    mark: str
    folder: str
    environ: Dict[str, str]
    builder: str
    python: str
    peer: str
    runs: int
    small: bool
    chosen: Tuple[str, ...] = ()
    heavy: bool = False

    @property
    def size(self):
        return (64 if self.small else 1024) * 2 ** 20

    @property
    def kinds(self):
        files, data = ("2,000", "64 MiB") if self.small else ("20,000", "1 GiB")
        names = {"tiny": "tiny project", "files": f"{files} small files", "data": f"{data} data file"}
        return {kind: name for kind, name in names.items() if kind in self.chosen}


class Contestant(NamedTuple):
    """Commands that are timed as one; `instead` is shown when they fail, None ends the program."""
    name: str
    argvs: Tuple[Tuple[str, ...], ...]
    folder: str
    environ: Dict[str, str] = {}
    instead: Optional[str] = None


class Column(NamedTuple):
    """A contestant's column; `goals` go by kind, or by kind and builder, and make a column of their own."""
    name: str
    title: str
    goals: Optional[Dict[str, float]] = None


class Failed(Exception):
    """A command that failed, with what it said."""


# ---- Running ----------------------------------------------------------------

def run(argv, folder, environ):
    """Run a program to its end; returns what it said on both its outputs.

    A timer ends it: Python's own waiting with a time limit is too coarse for what takes milliseconds.
    """
    process = subprocess.Popen(argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    timer = threading.Timer(TIMEOUT, end, [process])
    try:
        timer.start()
        said = process.stdout.read().decode("utf-8", "replace")
        if process.wait():
            raise Failed(f"{' '.join(argv)}\nended with {process.returncode} in {folder}:\n{said}")
        return said
    finally:
        timer.cancel()
        end(process)
        process.stdout.close()


def end(process):
    """End a program, if it still runs, and all that it has started: asked first, then by force."""
    for number, seconds in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(seconds)


def docker(bench, *words):
    return run(["docker", *words], bench.folder, bench.environ)


def lines(bench, *words):
    """The lines that docker prints, none when it fails."""
    try:
        return docker(bench, *words).splitlines()
    except (Failed, OSError):
        return []


def image_id(bench, folder):
    """The image of a project, whose folder bears its name; none where no image is built."""
    words = ("image", "inspect", "--format", "{{.Id}}", os.path.basename(folder))
    return "".join(lines(bench, *words) if bench.builder else [])


def cpu_clock():
    """The seconds that the programs which have ended kept a processor busy."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def timed(bench, contestant, clock=time.perf_counter):
    """The seconds that a contestant needs; the image that it replaces is removed afterwards."""
    before = image_id(bench, contestant.folder)
    start = clock()
    for argv in contestant.argvs:
        run(argv, contestant.folder, {**bench.environ, **contestant.environ})
    seconds = clock() - start
    if before and before != image_id(bench, contestant.folder):
        lines(bench, "rmi", before)
    return seconds


def medians(bench, title, contestants, clock=time.perf_counter, period=0.0):
    """name -> seconds, or what is shown instead.

    contestants(n)  makes everything ready for round n and returns those who run in it, in their order
    period          seconds after which the other side looks again at what there is to do: each begins somewhere in
                    it, or who comes next in turn would always meet the same moment
    """
    times, instead = {}, {}
    for number in range(bench.runs + 1):
        progress(f"{title}, {bench.builder or 'no engine'}: round {number} of {bench.runs}")
        for contestant in contestants(number):
            try:
                if contestant.name not in instead:
                    time.sleep(random.uniform(0, period))
                    times[contestant.name] = times.get(contestant.name, []) + [timed(bench, contestant, clock)]
            except Failed as failure:
                if contestant.instead is None:
                    raise
                progress(f"{contestant.name}: {failure}")
                instead[contestant.name] = contestant.instead
    return {**{name: statistics.median(of[1:] or of) for name, of in times.items()}, **instead}


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# ---- Contestants ------------------------------------------------------------

def ours(bench, folder, *words, name="ours", instead=None):
    place = {"PYTHONPATH": os.path.join(bench.folder, "installed")}
    return Contestant(name, ((bench.python, "-m", "skelebot", *words),), folder, place, instead)


def peers(bench, folder, *words, name="peer"):
    """The earlier tool, where there is one."""
    return [Contestant(name, ((bench.peer, *words),), folder, instead="failed")] if bench.peer else []


def built(name, folder):
    """`docker build -q . && docker run`"""
    return Contestant(name, (("docker", "build", "-q", "-t", os.path.basename(folder), "."), run_argv(folder)), folder)


def run_argv(folder):
    return ("docker", "run", "--rm", os.path.basename(folder), "python", "-u", "job.py")


# ---- Tables -----------------------------------------------------------------

def table(title, notes, columns, rows):
    rule = ["---"] + ["---:"] * (len(columns) - 1)
    return "\n".join([f"\n### {title}\n\n{notes}\n", *(f"| {' | '.join(row)} |" for row in (columns, rule, *rows))])


def cell(value, goal=None, unit=1.0, digits=2):
    """A figure in units, with a mark when it is above its goal; text as it is."""
    if not isinstance(value, float):
        return value or "-"
    figure = round(value / unit, digits)
    return f"{figure:.{digits}f}" + (" **over**" if goal and figure > round(goal, digits) else "")


def titles(columns):
    return [title for column in columns for title in [column.title, "goal"][:1 if column.goals is None else 2]]


def cells(columns, times, unit, *keys):
    """The cells of one row; the goal is that of the first key that has one."""
    for column in columns:
        goal = next(((column.goals or {})[key] for key in keys if key in (column.goals or {})), None)
        yield cell(times.get(column.name), goal, unit)
        if column.goals is not None:
            yield cell(goal)


# ---- Projects ---------------------------------------------------------------

def write(folder, files):
    """Write files (path -> text) below a folder."""
    for name, text in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


def write_data(path, size):
    """A file that cannot be compressed, without asking for a GiB of randomness."""
    block = os.urandom(2 ** 20)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        for number in range(size // len(block)):
            file.write(block[number:] + block[:number])


def write_project(bench, who, folder, base, packages=()):
    """A project with one job: JSON, which is YAML. The earlier tool has no `user`."""
    job = {"name": "job", "source": "job.py", "help": "say one line"}
    config = {"name": os.path.basename(folder), "language": "Python", "baseImage": base, "jobs": [job],
              "dependencies": list(packages), **({} if who == "peer" else {"user": "root"})}
    write(folder, {"skelebot.yaml": json.dumps(config), "job.py": "print('hello')\n"})


def base_of(bench, *names):
    return "-".join([bench.mark, "base", bench.builder, *names])


def make_base(bench, image, base):
    """A base image with the label that all images and containers of the bench inherit.

    It has a file of its own, since BuildKit takes layers from what stands on another base with the same files.
    """
    folder = os.path.join(bench.folder, "bases", base)
    write(folder, {"Dockerfile": f"FROM {image}\nLABEL skelebot.bench={bench.mark}\nCOPY base /\n", "base": base})
    docker(bench, "build", "-q", "-t", base, folder)


def make_context(bench, kind, folder):
    """What lies in a project beside its source."""
    os.makedirs(folder)
    if kind == "files":
        write(folder, {f"data/{number // 100:03}/{number % 100:02}.txt": f"file number {number}\n" * 5
                       for number in range(2000 if bench.small else 20000)})
    if kind == "data":
        write_data(os.path.join(folder, "data", "big.bin"), bench.size)


# ---- Jobs: noop, edit -------------------------------------------------------

BUILD, PEER = Column("build", "docker build -q && run"), Column("peer", "peer")
JOB_COLUMNS = {
    "noop": (BUILD, Column("ours", "ours", NOOP_GOALS), PEER),
    "edit": (BUILD, Column("ours", "ours", EDIT_GOALS), Column("live", "ours --live", LIVE_GOALS), PEER),
}
JOB_TITLES = {"noop": "A job when nothing has changed", "edit": "A job after one line of its source was edited"}


def those(bench, columns):
    return tuple(column for column in columns if column != PEER or bench.peer)


@contextlib.contextmanager
def staged(bench, kind, who):
    """who -> the folder of a project, which shares its large files with the others; they are removed afterwards.

    `build` gets what `skelebot prime` leaves. Without a dependency, the earlier tool builds nothing.
    """
    top = os.path.join(bench.folder, f"{bench.builder}-{kind}")
    folders = {name: os.path.join(top, f"{bench.mark}-{bench.builder}-{kind}-{name}") for name in who}
    make_context(bench, kind, os.path.join(top, "context"))
    for name, folder in folders.items():
        shutil.copytree(os.path.join(top, "context"), folder, copy_function=os.link)
        write_project(bench, name, folder, base_of(bench), PACKAGES[:1] if name == "peer" else ())
    timed(bench, ours(bench, folders["build"], "prime"))
    yield folders
    sweep(bench, kept="-base-")
    shutil.rmtree(top)


def job_contestants(bench, folders, number):
    """Everybody who has a folder; with a number, each gets a source that was never built before."""
    if number is not None:
        forget(bench)
        for name, folder in folders.items():
            write(folder, {"job.py": f"print('hello {number} from {name}')\n"})
    return [
        Contestant("run", (run_argv(folders["build"]),), folders["build"]),
        built("build", folders["build"]),
        ours(bench, folders["ours"], "job"),
        *([ours(bench, folders["live"], "--live", "job", name="live", instead="-")] if "live" in folders else []),
        *peers(bench, folders.get("peer"), "job"),
    ]


def job_row(bench, what, kind):
    columns = those(bench, JOB_COLUMNS[what])
    with staged(bench, kind, [column.name for column in columns]) as folders:
        times = medians(bench, f"{what}, {bench.kinds[kind]}",
                        lambda number: job_contestants(bench, folders, number if what == "edit" else None))
    return [f"{bench.kinds[kind]}, {bench.builder}", cell(times["run"], unit=0.001, digits=0),
            *cells(columns, times, times["run"], f"{kind} {bench.builder}", kind)]


def job_table(what, benches):
    """A job in three projects, with each builder."""
    return table(JOB_TITLES[what], "Ratios to a plain `docker run --rm IMAGE python -u job.py` (= 1.0).",
                 ["project, builder", "docker run, ms", *titles(those(benches[0], JOB_COLUMNS[what]))],
                 [job_row(bench, what, kind) for kind in benches[0].kinds for bench in benches])


# ---- Jobs: train ------------------------------------------------------------

TRAIN = """\
block = bytes(range(256)) * 4096
with open("models/model.bin", "wb") as file:
    for _ in range({}):
        file.write(block)
"""


def train_contestants(bench, folder):
    """The same job, in the image that ours has built, by Docker itself and by ours."""
    volume = f"{os.path.join(folder, 'models')}:/app/models"
    argv = ("docker", "run", "--rm", "--volume", volume, os.path.basename(folder), "python", "-u", "job.py")
    return [Contestant("run", (argv,), folder), ours(bench, folder, "job")]


def train_row(bench):
    folder = os.path.join(bench.folder, "train", f"{bench.mark}-{bench.builder}-train")
    job = {"name": "job", "source": "job.py", "mappings": ["models/"]}
    write(folder, {"job.py": TRAIN.format(64 if bench.small else 300), "skelebot.yaml": json.dumps(
        {"name": os.path.basename(folder), "baseImage": base_of(bench), "user": "root", "jobs": [job]})})
    timed(bench, ours(bench, folder, "job"))
    before = image_id(bench, folder)
    times = medians(bench, "train", lambda number: train_contestants(bench, folder))
    nameless = lines(bench, "images", "--quiet", "--filter", f"label=skelebot.bench={bench.mark}", "--filter",
                     "dangling=true")
    again = "the same" if image_id(bench, folder) == before else "another"
    return [bench.builder, cell(times["run"], unit=0.001, digits=0), cell(times["ours"], TRAIN_GOAL, times["run"]),
            cell(TRAIN_GOAL), again, str(len(nameless))]


def train_table(benches):
    """A job that trains into a folder of the project, as the README has it."""
    size = 64 if benches[0].small else 300
    return table(f"A job that writes a model of {size} MiB into a mapped folder, again",
                 "Ratio to `docker run` with the same folder. The image stays the same one, and none is left behind.",
                 ["builder", "docker run, ms", "ours", "goal", "image", "images left"], list(map(train_row, benches)))


# ---- Dependencies -----------------------------------------------------------

def by_hand(base, runs):
    """A Dockerfile as people write it: each of `runs` is what one RUN installs."""
    return {"Dockerfile": "\n".join([
        f"FROM {base}", "WORKDIR /app",
        *(f"RUN python -m pip install --no-cache-dir {' '.join(packages)}" for packages in runs), "COPY . /app", ""])}


def deps_contestants(bench, packages, number):
    """Each on a base image of its own in each round, so that no layer of another one fits."""
    folders = {name: os.path.join(bench.folder, "deps", f"{bench.mark}-{bench.builder}-deps-{name}-{number}")
               for name in ("each", "all", "ours", *(["peer"] if bench.peer else []))}
    bases = {name: base_of(bench, name, str(number)) for name in folders}
    for name, folder in folders.items():
        make_base(bench, base_of(bench), bases[name])
        write_project(bench, name, folder, bases[name], packages)
    write(folders["each"], by_hand(bases["each"], [[package] for package in packages]))
    write(folders["all"], by_hand(bases["all"], [packages]))
    return [built("each", folders["each"]), built("all", folders["all"]), ours(bench, folders["ours"], "job"),
            *peers(bench, folders.get("peer"), "job")]


def deps_row(bench, what, packages):
    times = medians(bench, f"deps, {what}", lambda number: deps_contestants(bench, packages, number))
    goal = min(times["each"], times["all"]) * PACKAGES_GOAL
    columns = deps_columns(bench, {what: APPEND_GOAL if bench.heavy and APPENDED in packages else goal})
    return [f"{what}, {bench.builder}", *cells(columns, times, 1.0, what)]


def deps_columns(bench, goals):
    each, together = Column("each", "one RUN each"), Column("all", "one RUN for all")
    return those(bench, (each, together, Column("ours", "ours", goals), PEER))


def deps_table(benches):
    """Eight dependencies; then the same projects with one more, a small one."""
    rows, packages = [], HEAVY if benches[0].heavy else PACKAGES
    for bench in benches:
        rows += [deps_row(bench, "first build", packages), deps_row(bench, "one appended", (*packages, APPENDED))]
        sweep(bench, kept="-base-")
    notes = ("Seconds for the build and a job's run. For the first build no layer is in the builder's cache; what pip"
             " once downloaded may be, where a Dockerfile keeps it. Goal: within a tenth of the better Dockerfile;"
             " one more of the heavy ones in a second.")
    return table(f"Eight {'heavy' if benches[0].heavy else 'small'} dependencies, and one more", notes,
                 ["build, builder", *titles(deps_columns(benches[0], {}))], rows)


# ---- Runs -------------------------------------------------------------------

RUN = {"format": 1, "job": "job", "version": "0.1.0", "runner": "native", "state": "done", "status": 0,
       "typed": ["rate"], "commit": "0123456789abcdef0123456789abcdef01234567", "clean": True, "chain": "0123abcd"}
SAY = "head -c 67108864 /dev/zero | tr '\\0' x"


def unrecorded(contestant):
    return contestant._replace(name="unrecorded", environ={**contestant.environ, "SKELEBOT_RUNS": "0"})


def both(bench, folder, *words):
    """The same call, recorded and not. What it prints goes through a pipe, and nobody keeps it."""
    own = ours(bench, folder, *words)
    own = own._replace(argvs=(("sh", "-c", '"$@" | cat > /dev/null', "sh", *own.argvs[0]),))
    return [unrecorded(own), own]


def record_rows(bench, where, folder, *words):
    """A row for the time on the wall, and one for that on processors."""
    timed(bench, ours(bench, folder, *words))
    for what, clock in (("wall", time.perf_counter), ("CPU", cpu_clock)):
        times = medians(bench, f"record, {where}, {what}", lambda number: both(bench, folder, *words), clock)
        before, cost = times["unrecorded"], times["ours"] - times["unrecorded"]
        goal = max(RECORD_GOAL, before * 1000 * RECORD_SHARE)
        yield [f"{where}, {what}", cell(before, unit=0.001, digits=1), cell(times["ours"], unit=0.001, digits=1),
               cell(cost, goal, 0.001, 1), cell(goal, digits=1)]


def record_table(benches):
    """What it costs to record a job that does nothing, and one that prints much."""
    bench = benches[0]
    folder = os.path.join(bench.folder, "record", f"{bench.mark}-{bench.builder}-record")
    write_project(bench, "ours", folder, base_of(bench))
    write(folder, {"loud/skelebot.yaml": json.dumps({"name": "loud", "jobs": [{"name": "job", "source": SAY}]})})
    rows = [row for where, words in (("natively", ("-n", "job")), ("in Docker", ("job",)))
            for row in record_rows(bench, where, folder, *words)]
    times = medians(bench, "record, 64 MiB", lambda number: both(bench, os.path.join(folder, "loud"), "-n", "job"))
    ratio, row = times["ours"] / times["unrecorded"], [cell(times[name], unit=0.001, digits=1)
                                                       for name in ("unrecorded", "ours")]
    notes = ("The job prints one line; in milliseconds. What it costs to record it may be 3 ms, or a hundredth of the"
             " whole. The last row is a native job that prints 64 MiB, with the ratio instead of the difference.")
    return table("A job that is recorded", notes, ["job", "unrecorded, ms", "recorded, ms", "more", "goal"],
                 [*rows, ["64 MiB of output, wall", *row, cell(ratio, LOG_GOAL), cell(LOG_GOAL)]])


def write_runs(folder, count):
    """A project that has run so often, with another rate each time, and curves of 100 steps."""
    curve = [[step, round(1 / step, 4)] for step in range(1, 101)]
    write(folder, {"skelebot.yaml": json.dumps({"name": "runs", "jobs": [{"name": "job", "source": "true"}]})})
    for number in range(1, count + 1):
        started, rate = 1.7e9 + 60 * number, number / count
        record = {**RUN, "number": number, "made": started, "started": started, "ended": started + 50,
                  "values": {"rate": str(rate), "kind": "linear"}, "outputs": [["models/model.bin", 2 ** 20, started]],
                  "metrics": {"loss": {"last": 1 - rate, "min": [1 - rate, 100], "max": [1.0, 1], "steps": 100}}}
        write(os.path.join(folder, ".skelebot", "runs", str(number)), {
            "run.json": json.dumps(record), "curves.json": json.dumps({"loss": curve}), "log": "loss: 0.5\n" * 100})


def runs_table(benches):
    """What is asked of many runs; `runs` shows the newest 20, and with --all each."""
    bench = benches[0]._replace(builder="")
    folders = {count: os.path.join(bench.folder, f"runs-{count}") for count in (1000, 10000)}
    for count, folder in folders.items():
        write_runs(folder, count)
    thousand, report = list(map(str, range(1, 1001))), os.path.join(bench.folder, "report.html")
    calls = {"runs": (10000, "runs"), "runs --all": (10000, "runs", "--all"),
             "compare": (1000, "compare", *thousand, "--min", "loss"),
             "report": (1000, "report", "--all", "-o", report)}
    times, spent = ({name: medians(bench, name, lambda number: [ours(bench, folders[count], *words)], clock)["ours"]
                     for name, (count, *words) in calls.items()} for clock in (time.perf_counter, cpu_clock))
    size, goal = os.path.getsize(report), RUNS_GOALS.get
    rows = [[f"`{name}`, {calls[name][0]:,} runs", cell(seconds, goal(name)), cell(spent[name]), cell(goal(name))]
            for name, seconds in times.items()]
    return table("Many runs", f"Seconds of whole processes. The report has {size / 1e6:.1f} MB"
                 f"{' **over**' if size > REPORT_SIZE else ''}, where {REPORT_SIZE / 1e6:.0f} are the goal.",
                 ["command", "wall", "CPU", "goal of wall"], rows)


# ---- Command line -----------------------------------------------------------

JOB_TEXT = """\
- name: job{number}
  source: "true"
  help: do what is done in step {number} of the night's work
  params:
  - {{name: epochs, alt: e, default: 20, accepts: int, help: passes over the data}}
  - {{name: rate, default: 0.1, accepts: float, help: how fast it learns}}
  - {{name: kind, choices: [linear, tree, forest], default: tree}}
"""
PARSE = "import yaml; yaml.load(open('skelebot.yaml', 'rb'), Loader=yaml.CSafeLoader)"
FEW = "ours: `python3 -m skelebot --help`"
MANY, START = "ours: `--help`, 1,000 jobs", "ours: `-n job500`, 1,000 jobs"


def job_list(bench, jobs):
    """The folder of a project with so many jobs."""
    folder = os.path.join(bench.folder, f"jobs-{jobs}")
    text = "".join(JOB_TEXT.format(number=number) for number in range(1, jobs + 1))
    write(folder, {"skelebot.yaml": f"name: {bench.mark}\nlanguage: Python\njobs:\n{text}"})
    return folder


def few_contestants(bench, folder):
    def python(name, *words):
        return Contestant(name, ((bench.python, *words),), folder)
    return [
        python("`python3 -c pass`", "-c", "pass"),
        python("`python3 -c \"import yaml, argparse\"`", "-c", "import yaml, argparse"),
        ours(bench, folder, "--help", name=FEW),
        python("ours: `python3 skelebot.py --help`", os.path.join(bench.folder, "installed", "skelebot.py"), "--help"),
        ours(bench, folder, "--complete", "skelebot job1 --e", name="ours: a Tab in a shell"),
        *peers(bench, folder, "--help", name="peer: `--help`"),
    ]


def many_contestants(bench, folder):
    return [
        Contestant("libyaml, 1,000 jobs", ((bench.python, "-c", PARSE),), folder),
        ours(bench, folder, "--help", name=MANY),
        ours(bench, folder, "-n", "job500", name=START),
        *peers(bench, folder, "--help", name="peer: `--help`, 1,000 jobs"),
    ]


def ratio_rows(times, goals):
    """A row for each: milliseconds, and the ratio to the first of them."""
    first = next(iter(times.values()))
    return [[name, cell(seconds, unit=0.001, digits=0), cell(seconds, goals.get(name), first), cell(goals.get(name))]
            for name, seconds in times.items()]


def cli_table(benches):
    """Start-up with few jobs, measured by Python's own, and with many, measured by libyaml."""
    bench = benches[0]._replace(builder="")
    few, many = job_list(bench, 3), job_list(bench, 1000)
    few_times = medians(bench, "cli, 3 jobs", lambda number: few_contestants(bench, few))
    many_times = medians(bench, "cli, 1,000 jobs", lambda number: many_contestants(bench, many))
    notes = ("Whole processes. The first have 3 jobs, as ratios to `python3 -c pass`; those with 1,000 are ratios to"
             f" libyaml, which is `python3 -c \"{PARSE}\"`. The job that is started is `true`.")
    return table("The command line", notes, ["command", "ms", "ratio", "goal"], [
        *ratio_rows(few_times, {FEW: HELP_GOAL}),
        *ratio_rows(many_times, {MANY: THOUSAND_GOAL, START: THOUSAND_GOAL})])


def slurm_table(benches):
    """A job that does nothing on Slurm, by srun and by us: with its record, its folder, and its log."""
    bench = benches[0]._replace(builder="")
    folder = os.path.join(bench.folder, "slurm")
    write(folder, {"skelebot.yaml": json.dumps({"name": "slurm", "language": "NA", "jobs": [{"name": "job", "source": "true"}],
                                                "hosts": {"here": {"slurm": {"container": "none"}}}})})
    by_hand = "rm -f done; sbatch --quiet --output=/dev/null --wrap 'touch done'; until [ -e done ]; do sleep 0.02; done"
    times = medians(bench, "slurm", lambda number: [
        Contestant("`srun true`", (("srun", "--quiet", "true"),), folder),
        Contestant("`sbatch`, and waiting for its file", (("sh", "-c", by_hand),), folder),
        ours(bench, folder, "-d", "here", "job")], period=1.0)
    return table("A job on Slurm", "The same cluster; each call is one job. A batch job begins when Slurm next looks at its queue, which"
                 " it does at most once a second; for `srun` it looks at once.", ["command", "ms", "ratio", "goal"],
                 ratio_rows(times, {"ours": SLURM_GOAL}))


# ---- Transfers --------------------------------------------------------------

class Exchange(http.server.BaseHTTPRequestHandler):
    """A web server's folder that takes PUT and gives back what it took."""
    protocol_version = "HTTP/1.1"
    folder = ""

    @property
    def file(self):
        return os.path.join(self.folder, self.path.strip("/").replace("/", "_"))

    def answer(self, status, length=0):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def do_PUT(self):
        left, block = int(self.headers["Content-Length"]), memoryview(bytearray(2 ** 20))
        with open(self.file, "wb", 0) as file:
            while left:
                count = self.rfile.readinto(block[:left])
                if not count:       # the sender has gone
                    return
                file.write(block[:count])
                left -= count
        self.answer(201)

    def do_HEAD(self):
        there = os.path.isfile(self.file)
        self.answer(*((200, os.path.getsize(self.file)) if there else (404,)))
        return there

    def do_GET(self):
        if self.do_HEAD():
            with open(self.file, "rb") as file:
                self.connection.sendfile(file)

    def log_message(self, *words):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@contextlib.contextmanager
def web_server(folder):
    """The address of a web server that keeps what it gets in a folder."""
    os.makedirs(folder)
    server = Server(("127.0.0.1", 0), type("Here", (Exchange,), {"folder": folder}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:{}".format(server.server_address[1])
    server.shutdown()
    server.server_close()


def transfer_contestants(bench, folder, clear, kept, curl_words, words):
    """curl and ours, after a folder was emptied: neither sends or fetches what is there already."""
    for name in set(os.listdir(clear)) - set(kept):
        os.remove(os.path.join(clear, name))
    return [Contestant("curl", (("curl", "-sS", "--fail", *curl_words),), folder), ours(bench, folder, *words)]


def transfers_table(benches):
    """An artifact to a web server and back; what is pulled is what the last push has left there."""
    bench = benches[0]._replace(builder="")
    folder, store = os.path.join(bench.folder, "transfers"), os.path.join(bench.folder, "store")
    write_data(os.path.join(folder, "model.bin"), bench.size)
    with web_server(store) as address:
        curl = f"{address}/curl.bin"
        repository = {"artifactory": {"url": address, "repo": "bench"},
                      "artifacts": [{"name": "model", "file": "model.bin"}]}
        write(folder, {"VERSION": "1.0.0\n", "skelebot.yaml": json.dumps(
            {"name": bench.mark, "components": {"repository": repository}})})
        push = medians(bench, "transfers, push", lambda number: transfer_contestants(
            bench, folder, store, (), ("--upload-file", "model.bin", curl), ("push", "model")))
        pull = medians(bench, "transfers, pull", lambda number: transfer_contestants(
            bench, folder, folder, ("skelebot.yaml", "VERSION"), ("--output", "curl.bin", curl),
            ("pull", "model", "1.0.0", "-o")))
    return table(f"An artifact of {bench.size // 2 ** 20:,} MiB to a local web server and back",
                 "Ratios to `curl`, which computes no checksum; ours sends one ahead, and checks it.",
                 ["transfer", "curl, ms", "ours", "goal"],
                 [[what, cell(times["curl"], unit=0.001, digits=0), cell(times["ours"], goal, times["curl"]),
                   cell(goal)] for what, times, goal in (("push", push, PUSH_GOAL), ("pull", pull, PULL_GOAL))])


# ---- Kubernetes -------------------------------------------------------------

KUBECTL = ("kubectl", "--context", "test", "--namespace", "ml")
BY_HAND = """name=bench-$$ && sed "s/JOB/$name/" job.json | "$@" create --validate=false -f - > /dev/null
"$@" wait --for condition=complete job/$name --timeout 120s > /dev/null && "$@" logs job/$name; "$@" delete job $name --wait=false > /dev/null 2>&1 &"""
COPIES = """name=bench-$$ && sed "s/JOB/$name/; s/\\"true\\"/\\"sleep 600\\"/" job.json | "$@" create --validate=false -f - > /dev/null
until pod=$("$@" get pods --selector job-name=$name --field-selector status.phase=Running --output name) && [ "$pod" ]; do sleep 0.2; done
"$@" cp data/. "${pod#pod/}:/tmp/data" && "$@" cp "${pod#pod/}:/tmp/data" back; "$@" delete job $name --wait=false > /dev/null 2>&1 &"""


def kubernetes_table(benches):
    """On the cluster of the tests: needs the variables that tests/services.sh writes."""
    bench, client = benches[0], os.environ.get("SKELEBOT_TEST_KUBECTL_NEWEST", "")
    if not client:
        return "\nNo cluster: SKELEBOT_TEST_KUBECTL_NEWEST is not set."
    folder = os.path.join(bench.folder, "kubernetes", f"{bench.mark}-kubernetes")
    around = {"PATH": os.pathsep.join([os.path.dirname(client), bench.environ["PATH"]]), "DOCKER_CONFIG": os.path.join(folder, "..", "docker"),
              "KUBECONFIG": os.environ["SKELEBOT_TEST_KUBECONFIG"], "SKELEBOT_REGISTRY_USER": "ada", "SKELEBOT_REGISTRY_PASSWORD": "secret"}
    bench = bench._replace(environ={**bench.environ, **around})
    registry = dict(zip(("host", "port"), os.environ["SKELEBOT_TEST_REGISTRY"].split(":")), user="clusters")
    host = {"kubernetes": {"context": "test", "namespace": "ml", "pullSecrets": ["regcred"]}}
    write(folder, {"skelebot.yaml": json.dumps({
        "name": bench.mark, "language": "NA", "baseImage": "skelebot-test/base", "user": "host", "ignores": ["data", "back"], "host": "ml",
        "hosts": {"ml": host}, "components": {"registry": registry},
        "jobs": [{"name": "noop", "source": "true"}, {"name": "files", "source": "true", "mappings": ["data/"]}]})})
    write_data(os.path.join(folder, "data", "large"), bench.size)
    timed(bench, ours(bench, folder, "noop"))
    shown = run(ours(bench, folder).argvs[0] + ("--dry-run", "noop"), folder, {**bench.environ, **ours(bench, folder).environ})
    image = json.loads(run(ours(bench, folder).argvs[0] + ("runs", "--json"), folder, {**bench.environ, **ours(bench, folder).environ}))[0]["image"]
    job = shown[shown.index("printf %s '{\n") + 11:].partition("' | kubectl")[0].replace("'\"'\"'", "'")
    name, old = json.loads(job)["metadata"]["name"], json.loads(job)["spec"]["template"]["spec"]["containers"][0]["image"]
    write(folder, {"job.json": job.replace(name, "JOB").replace(old, image)})
    rows = []
    for what, script, goal in (("noop", BY_HAND, 1.3), ("files", COPIES, None)):
        times = medians(bench, f"kubernetes, {what}", lambda number: [
            Contestant("kubectl", (("sh", "-c", script, "sh", *KUBECTL),), folder), ours(bench, folder, what)], period=1.0)
        rows.append([what, cell(times["kubectl"]), cell(times["ours"], goal, times["kubectl"]), cell(goal)])
    return table(f"A Job that does nothing, and {bench.size // 2 ** 20:,} MiB to a pod and back",
                 "Ratios to kubectl: create, wait and logs of the same Job; and `kubectl cp` both ways, which checks nothing.",
                 ["job", "kubectl, s", "ours", "goal"], rows)


# ---- Clean-up ---------------------------------------------------------------

def sweep(bench, kept="<none>"):
    """Remove the containers and images that have the label, but for the tags with `kept` in them.

    More than once: a container may just be starting, and an image goes after those that stand on it.
    """
    label = f"label=skelebot.bench={bench.mark}"
    for _ in range(5):
        containers = lines(bench, "ps", "--all", "--quiet", "--filter", label)
        tags = lines(bench, "images", "--filter", label, "--format", "{{.Repository}}:{{.Tag}}")
        named = {tag for tag in tags if "<none>" not in tag and kept not in tag}
        nameless = lines(bench, "images", "--quiet", "--filter", label, "--filter", "dangling=true")
        for words, found in ((("rm", "--force", "--volumes"), containers), (("rmi", "--force"), {*named, *nameless})):
            lines(bench, *words, *found) if found else None
        if not (containers or named or nameless):
            break
    forget(bench, sources=True)


def forget(bench, sources=False):
    """Remove the data file from BuildKit's cache, where its size tells it: from layers that no image has any more.

    sources  also what was sent of the projects
    """
    form = "{{range .BuildCache}}{{.ID}};{{.Parent}};{{.Size}};{{.Shared}};{{.Description}}{{println}}{{end}}"
    records = [line.split(";", 4) for line in lines(bench, "system", "df", "--verbose", "--format", form)
               if line.count(";") >= 4]     # a description may have lines of its own
    for name, _, size, shared, description in records:
        if data_sized(bench, size) and (sources or shared == "false" and not description.startswith("local source")):
            for each in reversed(with_children(records, name)):
                lines(bench, "builder", "prune", "--all", "--force", "--filter", f"id={each}")


def with_children(records, name):
    """A record of the cache and those that stand on it, without which it cannot go."""
    children = [record[0] for record in records if name in record[1]]
    return [name, *(below for child in children for below in with_children(records, child))]


def data_sized(bench, text):
    """Whether `1.07GB` is the data file: Docker counts in powers of 1,000 and rounds."""
    scale = {"MB": 1e6, "GB": 1e9}.get(text[-2:])
    return bool(scale) and abs(float(text[:-2]) * scale - bench.size) < bench.size / 100


@contextlib.contextmanager
def cleaned(bench):
    """Whatever happens, nothing of the bench stays; another Ctrl-C has to wait."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        progress("cleaning up")
        try:
            sweep(bench) if bench.builder else None
        finally:
            shutil.rmtree(bench.folder, ignore_errors=True)


# ---- Main -------------------------------------------------------------------

TABLES = {"noop": functools.partial(job_table, "noop"), "edit": functools.partial(job_table, "edit"),
          "train": train_table, "deps": deps_table, "record": record_table, "runs": runs_table, "cli": cli_table,
          "slurm": slurm_table, "kubernetes": kubernetes_table, "transfers": transfers_table}
IN_DOCKER = {"noop", "edit", "train", "deps", "record", "kubernetes"}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11, metavar="N", help="rounds that count (11)")
    parser.add_argument("--builder", choices=[*BUILDERS, "both"], default="both", help="Docker's builder (both)")
    parser.add_argument("--only", nargs="+", choices=list(TABLES), help="these tables",
                        default=[name for name in TABLES if name != "slurm" or "SLURM_CONF" in os.environ])
    parser.add_argument("--projects", nargs="+", choices=list(NOOP_GOALS), default=list(NOOP_GOALS),
                        help="these projects, for noop and edit")
    parser.add_argument("--heavy", action="store_true", help="heavy dependencies, numpy to pyarrow, not small ones")
    parser.add_argument("--small", action="store_true", help="2,000 files and 64 MiB, not 20,000 and 1 GiB")
    parser.add_argument("--docker", metavar="PATH", help="the docker to use, if not the first on PATH")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="the Python that runs ours")
    parser.add_argument("--peer", metavar="DIR", help="a virtual environment with the earlier tool")
    parser.add_argument("--base", default="python:3.13-slim", metavar="IMAGE", help="the base image")
    return parser


def environment(folder, builder, program):
    """The variables of every command: a state of its own, and for the web server neither proxy nor login."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    first = [os.path.dirname(os.path.abspath(program))] if program else []
    return {**kept, "PATH": os.pathsep.join([*first, os.environ.get("PATH", os.defpath)]),
            **({"DOCKER_BUILDKIT": BUILDERS[builder]} if builder else {}),
            "SKELEBOT_HOME": os.path.join(folder, "home"), "ARTIFACTORY_TOKEN": "",
            "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


def make_benches(chosen):
    """One for each builder. What is timed is a copy of this checkout, as an installation is."""
    mark = f"skelebot-bench-{os.urandom(3).hex()}"
    folder = tempfile.mkdtemp(prefix=mark + "-")
    shutil.copytree(os.path.join(CHECKOUT, "templates"), os.path.join(folder, "installed", "templates"))
    shutil.copy(os.path.join(CHECKOUT, "skelebot.py"), os.path.join(folder, "installed"))
    builders = list(BUILDERS) if chosen.builder == "both" else [chosen.builder]
    return [Bench(mark, folder, environment(folder, builder, chosen.docker), builder,
                  shutil.which(chosen.python) or chosen.python,
                  os.path.join(os.path.abspath(chosen.peer), "bin", "skelebot") if chosen.peer else "",
                  chosen.runs, chosen.small, tuple(chosen.projects), chosen.heavy)
            for builder in (builders if IN_DOCKER.intersection(chosen.only) else [""])]


def header(benches):
    """When, on what, and how it was measured."""
    bench, load = benches[0], os.getloadavg()[0]
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2 ** 30
    python = run([bench.python, "--version"], bench.folder, bench.environ).strip()
    form = "Docker {{.Client.Version}} with engine {{.Server.Version}}"
    engine = docker(bench, "version", "--format", form).strip() if bench.builder else "no Docker"
    return (f"Measured by tests/bench.py on {datetime.date.today()}: {os.cpu_count()} cores of {platform.machine()},"
            f" {gigabytes:.0f} GiB, load {load:.1f} before; {python}; {engine}; builders:"
            f" {', '.join(bench.builder for bench in benches) or 'none'}. Medians of {bench.runs} rounds, in turns."
            f" **over**: above its goal.{' Goals hold for the full sizes.' if bench.small else ''}")


def measure(benches, chosen):
    """Print the tables, each as soon as it is there."""
    print(header(benches), flush=True)
    for bench in benches:
        if bench.builder:
            make_base(bench, chosen.base, base_of(bench))
    for name in chosen.only:
        print(TABLES[name](benches), flush=True)


def stop(number, frame):
    raise SystemExit(128 + number)


def main(argv):
    chosen = options().parse_args(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    benches = make_benches(chosen)
    try:
        with cleaned(benches[0]):
            measure(benches, chosen)
    except (Failed, OSError) as failure:
        progress(failure)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
