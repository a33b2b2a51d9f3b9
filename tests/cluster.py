"""The clusters that the real tests talk to: Slurm and Kubernetes, both real, started by tests/services.sh.

Kubernetes and the lab are made on this machine beside the other tests, so whoever needs one says so in
its module:

    def setUpModule():
        cluster.wait_for("kubernetes")
"""
import faulthandler
import fcntl
import functools
import json
import os
import subprocess
import unittest
from typing import NamedTuple

import engine

BUILD = 2400                # seconds in which Kubernetes is built even on a busy machine
CONTEXTS = ("admin", "test", "no-exec", "forbidden", "expired", "gone")
NAMESPACES = ("ml", "restricted")
NODES = ("node1", "node2")
LOADED = engine.BASE        # an image that both nodes have, and a registry has not
PULL_SECRET = "regcred"     # the login for the tests' registry, in both namespaces
LAB = "lab"                 # what ssh calls the lab's login node: ada's, with a disk of its own
LOGINS = ("changed", "stranger", "refused", "denied")   # hosts that ssh cannot reach, each for another reason


class Ended(NamedTuple):
    """How a client of a cluster ended, and what it said."""
    status: int
    stdout: bytes
    stderr: str


def ended(argv, stdin=None, **environ):
    done = subprocess.run(argv, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, timeout=engine.TIMEOUT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=engine.environment(**environ))
    return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def setting(name):
    """What tests/services.sh has put into the environment; without it the test is skipped."""
    if name not in os.environ:
        raise unittest.SkipTest(f"{name} is not set; tests/services.sh sets it")
    return os.environ[name]


@functools.lru_cache(None)
def wait_for(name):
    """Wait until `kubernetes` or `lab` was made and runs; what of it was stopped starts again."""
    setting("SKELEBOT_TEST_KUBECONFIG")
    faulthandler.cancel_dump_traceback_later()      # of tests/run.py: to make one may take longer than a test
    script = os.path.join(engine.ROOT, "tests", "services.sh")
    done = subprocess.run([script, name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=BUILD)
    if done.returncode:
        raise AssertionError(f"{name} did not start:\n{done.stdout[-3000:]}")


# ---- Slurm ------------------------------------------------------------------

def slurm():
    """What makes Slurm's clients, and an `ssh login`, find the cluster."""
    return {"SLURM_CONF": setting("SKELEBOT_TEST_SLURM_CONF"),
            "PATH": os.pathsep.join([setting("SKELEBOT_TEST_SSH"), os.environ["PATH"]])}


def controller(how):
    """A file that is locked while it is open: with LOCK_EX by who lets the controller stand still, for whom others at
    work on Slurm beside it, in another lane, wait with LOCK_SH.
    """
    file = open(os.path.join(os.path.dirname(setting("SKELEBOT_TEST_SLURM_CONF")), "controller", "lock"), "w")
    fcntl.flock(file, how)
    return file


def job(number):
    """What Slurm knows of a job, as words NAME=VALUE."""
    lines = engine.output(["scontrol", "--oneliner", "show", "job", number], env=engine.environment(**slurm()))
    return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines.splitlines()]


# ---- Kubernetes -------------------------------------------------------------

def clients():
    """name -> the kubectl's environment: the oldest that is meant to do, and a newest."""
    return {name: {"KUBECONFIG": setting("SKELEBOT_TEST_KUBECONFIG"),
                   "PATH": engine.first_on_path(setting("SKELEBOT_TEST_KUBECTL_" + name.upper()))}
            for name in ("oldest", "newest")}


class Namespace(NamedTuple):
    """A namespace as one of the people of a context sees it, by one of the clients."""
    name: str
    context: str = "test"
    client: str = "oldest"

    def kubectl(self, *words, stdin=None):
        around = clients()[self.client]
        program = os.path.join(around["PATH"].split(os.pathsep)[0], "kubectl")
        return ended([program, "--context", self.context, "--namespace", self.name, *words], stdin, **around)

    def ask(self, *words, stdin=None):
        """What kubectl prints; it has to succeed."""
        done = self.kubectl(*words, stdin=stdin)
        if done.status:
            raise AssertionError(f"kubectl {words} ended with {done.status}: {done.stderr}")
        return done.stdout.decode()

    def look(self, *words):
        """What kubectl gets, as values."""
        return json.loads(self.ask("get", *words, "--output", "json"))

    def create(self, manifest):
        return self.ask("create", "--filename", "-", "--output", "name", stdin=json.dumps(manifest).encode()).strip()
