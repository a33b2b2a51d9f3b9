"""Plugins of earlier releases, by the hooks of today; what they import lies beside this file."""
import argparse
import functools
import os
import re
import shlex

from skelebot import (Act, Builtin, Component, Dependencies, Hosts, Project, Value, error_words,
                      fields, shown_text)
from skelebot.objects.component import Component as EarlierComponent
from skelebot.objects.skeleYaml import SkeleYaml, plain_value


class EarlierConfig(SkeleYaml):
    """The project, as plugins of earlier releases get it."""

    def __init__(self, call, project):
        for key in fields(Project):
            value = getattr(project, key) if project else None
            is_list = isinstance(value, tuple) and not hasattr(value, "_fields")
            setattr(self, key, list(value) if is_list else value)
        self.env = project.env if project else None
        # the dependencies as they were written: a list, or a dict of two
        lists = {name: list(getattr(project.dependencies, name)) for name in fields(Dependencies)
                 if name in project.language.split("+")} if project else None
        self.dependencies = lists if not lists or len(lists) > 1 else [*lists.values()][0]
        self.components = [one.plugin for one in (project.components if project else ())
                           if hasattr(one, "plugin")]
        self._call, self._project, self._before = call, project, self.values()

    def values(self):
        """key -> plain value of all that skelebot.yaml may hold, but for the components."""
        return {key: plain_value(getattr(self, key)) for key in fields(Project)
                if key != "components"}

    def getImageName(self):
        return self._project.image


class EarlierPlugin(Component):
    """A plugin of the 1.x and 2.x releases, by the hooks of today."""
    kind = EarlierComponent

    def __init__(self, project=None, settings=None):
        super().__init__(project, settings)
        self.plugin = settings
        if settings is None:
            self.plugin = self.kind.load(None) if self.kind.schema is None else self.kind()

    @classmethod
    def read(cls, node, place):
        value = Value(node, place).plain()
        try:
            return cls.kind.load({} if value is None else value)
        except Exception as error:
            raise place.fault(shown_text(error_words(error)) or type(error).__name__,
                              f"the plugin {cls.name} says what it takes")

    def parser(self):
        """(argparse's parser of the plugin's commands, name -> help)."""
        parser = argparse.ArgumentParser(prog="skelebot")
        subparsers = parser.add_subparsers(dest="job")
        self.plugin.addParsers(subparsers)
        helps = {action.dest: action.help or "" for action in subparsers._choices_actions}
        return parser, {name: helps.get(name, "") for name in subparsers.choices}

    def commands(self):
        return {name: Builtin(text or f"a command of the plugin {self.name}",
                              functools.partial(self.plan_command, name), raw=True,
                              check=functools.partial(self.arguments, name))
                for name, text in self.parser()[1].items()}

    def arguments(self, name, project, words):
        return self.parser()[0].parse_args([name, *words.extra])

    def plan_command(self, name, call, project, words):
        config = EarlierConfig(call, project)
        host = Hosts(call, project).chosen().engine or None
        return (yield Act(self.name, lambda: self.plugin.execute(
            config, self.arguments(name, project, words), host)))

    def dockerfile(self):
        return self.plugin.appendDockerfile()

    def ignores(self):
        return (self.plugin.appendDockerignore() or "").splitlines()

    def run_words(self, job):
        return shlex.split(self.plugin.addDockerRunParams() or "")

    def before(self, call, job, launch):
        yield from ()
        first, last = (re.sub(r"^(&&|;)|(&&|;)$", "", (text or "").strip()).strip() for text in (
            self.plugin.prependCommand(job, launch.native),
            self.plugin.appendCommand(job, launch.native)))
        if not first and not last:
            return launch
        return launch._replace(argv=("bash", "-c", " && ".join(filter(None, [first, '"$@"', last])),
                                     "bash", *launch.argv))

    def section(self):
        return (yield Act(self.name, lambda: (self.plugin.scaffold(), self.plugin.toDict())[1]))


class EarlierFolder(Component):
    """A plugin of 2019: command.py has its one command, scaffold.py asks for its keys.

    installed  the InstalledPlugin
    module     that of command.py
    """
    installed = module = None

    @classmethod
    def read(cls, node, place):
        return Value(node, place).plain() or {}

    def commands(self):
        text = getattr(self.module.command, "__doc__", "") or f"a command of the plugin {self.name}"
        return {self.name: Builtin(text.strip().partition("\n")[0], self.plan_command)}

    def plan_command(self, call, project, words):
        config = EarlierConfig(call, project)
        return (yield Act(self.name, lambda: self.module.command(config, self.settings)))

    def section(self):
        if not os.path.isfile(os.path.join(self.installed.folder, "scaffold.py")):
            return {}
        return (yield Act(self.name, lambda: self.installed.module("scaffold").scaffold()))
