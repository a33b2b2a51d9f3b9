"""What bash, zsh and fish make of a Tab: each at a terminal, with the script that skelebot prints."""
import os
import pty
import re
import select
import shutil
import signal
import sys
import time
import unittest

import support
from support import folder

# Whatever is not a question of Tab's is written down, word by word.
COMMAND = """#!/bin/sh
case $1 in --complete | completion) PYTHONPATH=%s exec %s -m skelebot "$@" ;; esac
printf '%%s\\n' "$@" >>"$HOME/typed"
echo DONE
""" % (support.ROOT, sys.executable)

PROJECT = """
name: churn
jobs:
- name: load
  source: load.py
  help: "Load: the customers"
  args: [{name: share, choices: [all, one half]}]
  params: [{name: kind, choices: [forest, tree]}, epochs]
- {name: train:fast, source: train.py, help: Train the model}
components:
  repository: {artifacts: [{name: model, file: model.tar}]}
"""

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "--interactive"],
}
START = {
    "bash": "PS1='READY''> '; source <(skelebot completion bash)\n",
    "zsh": "PS1='READY''> '; autoload -U compinit; compinit -D -u; source <(skelebot completion zsh)\n",
    "fish": "function fish_prompt; echo -n READY; echo '> '; end; skelebot completion fish | source\n",
}
LINES = {       # what is typed -> the words that arrive
    "skelebot loa\tal\t--ep\t3\n": ["load", "all", "--epochs", "3"],
    "skelebot load o\t --kind=f\t\n": ["load", "one half", "--kind=forest"],
    "skelebot load 'o\t\n": ["load", "one half"],
    "skelebot train:\t+ pus\tmo\t\n": ["train:fast", "+", "push", "model"],
    "skelebot -e d\tpull ALL LATEST\t\n": ["-e", "dev", "pull", "ALL", "LATEST"],
    "skelebot -C oth\t ba\t\n": ["-C", "other", "bake"],
    "skelebot --dry\tbump mi\t\n": ["--dry-run", "bump", "minor"],
    "skelebot exec -- wh\t\n": ["exec", "--", "what.txt"],
}
FILES = {"skelebot.yaml": PROJECT, "skelebot-dev.yaml": "gpu: true\n", "what.txt": "",
         "other/skelebot.yaml": "name: b\njobs: [{name: bake, source: b.py}]\n"}


class Terminal:
    """A shell at a terminal of its own, in a folder."""

    def __init__(self, shell, path):
        environ = {"PATH": os.path.join(path, "bin") + os.pathsep + os.environ["PATH"], "HOME": path,
                   "TERM": "xterm", "LC_ALL": "C.UTF-8", "SKELEBOT_HOME": path}
        self.pid, self.master = pty.fork()
        if not self.pid:
            os.chdir(os.path.join(path, "here"))
            os.execvpe(shell, SHELLS[shell], environ)

    def type(self, text, until):
        """Type a text; what is shown until a pattern comes."""
        os.write(self.master, text.encode())
        shown, end = "", time.monotonic() + 60
        while not re.search(until, shown):
            if not select.select([self.master], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"{text!r} shows {shown!r}")
            shown += os.read(self.master, 65536).decode("utf-8", "replace")
        return shown

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


class Tab(unittest.TestCase):
    """One test for each shell."""
    maxDiff = None

    def at(self, shell):
        """A shell that has read the script, and the folder that is its home."""
        if not shutil.which(shell):
            self.skipTest(f"there is no {shell}")
        own = folder({"bin/skelebot": COMMAND, **{"here/" + name: text for name, text in FILES.items()}})
        path = own.__enter__()
        self.addCleanup(own.__exit__, None, None, None)
        os.chmod(os.path.join(path, "bin/skelebot"), 0o755)
        terminal = Terminal(shell, path)
        self.addCleanup(terminal.close)
        terminal.type(START[shell], "READY> ")
        return terminal, path

    def assert_completes(self, terminal, path):
        typed = os.path.join(path, "typed")
        for line, words in LINES.items():
            with self.subTest(line):
                terminal.type(line, r"DONE\s[\s\S]*READY> ")
                with open(typed) as file:
                    self.assertEqual([word.rstrip("/") for word in file.read().splitlines()], words)
            if os.path.exists(typed):
                os.remove(typed)

    def test_bash_completes_jobs_commands_options_choices_environments_artifacts_and_files(self):
        terminal, path = self.at("bash")
        self.assert_completes(terminal, path)
        self.assertIn("load", terminal.type("skelebot \t\t", "train:fast"))

    def test_zsh_completes_them_and_shows_what_jobs_are_for(self):
        terminal, path = self.at("zsh")
        self.assert_completes(terminal, path)
        self.assertIn("Load: the customers", terminal.type("skelebot \t\t", "Train the model"))

    def test_fish_completes_them_and_shows_what_jobs_are_for(self):
        terminal, path = self.at("fish")
        self.assert_completes(terminal, path)
        self.assertIn("Load: the customers", terminal.type("complete -C 'skelebot '\n", "Train the model"))


if __name__ == "__main__":
    unittest.main()
