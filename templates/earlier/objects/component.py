from skelebot import Activation
from skelebot.objects.skeleYaml import SkeleYaml


class Component(SkeleYaml):
    """What `from skelebot.objects.component import Component` gives."""
    activation = Activation.EMPTY
    commands = []

    def addParsers(self, subparsers):
        return subparsers

    def execute(self, config, args, host=None):
        return None

    def scaffold(self):
        return None

    def appendDockerfile(self):
        return ""

    def prependCommand(self, job, native):
        return ""

    appendDockerignore = addDockerRunParams = appendDockerfile
    appendCommand = prependCommand
