"""Goes wrong where its section says so."""
from typing import NamedTuple

from skelebot import Activation, Builtin, Command, Component


class Settings(NamedTuple):
    hook: str = ""
    way: str = "raise"


class Wrong(Component):
    record = Settings
    activation = Activation.CONFIG

    def go_wrong(self, hook, right):
        if self.settings.hook != hook:
            return right
        if self.settings.way == "raise":
            return right + 1 / 0
        return {"number": 7, "text": "garbage", "exit": None}[self.settings.way]

    def commands(self):
        return self.go_wrong("commands", {"wrong": Builtin("go wrong", self.command)})

    def command(self, call, project, words):
        if self.settings.hook == "command":
            yield self.go_wrong("command", Command(("true",)))

    def tools(self):
        return self.go_wrong("tools", "")

    def dockerfile(self):
        return self.go_wrong("dockerfile", "")

    def ignores(self):
        return self.go_wrong("ignores", ())

    def run_words(self, job):
        return self.go_wrong("run_words", [])

    def before(self, call, job, launch):
        if self.settings.hook == "step before":
            yield self.go_wrong("step before", Command(("true",)))
        return self.go_wrong("before", launch)

    def after(self, call, job, launch, status):
        yield from ()
        self.go_wrong("after", ())
