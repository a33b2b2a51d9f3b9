"""A plugin of the 1.x releases in several files, for the time before there is a project."""
import os

from skelebot.objects.component import Component, Activation

from .words import WORDS
from helpers.deeper.numbers import NUMBERS

HERE = os.path.dirname(os.path.abspath(__file__))


class Helpers(Component):
    activation = Activation.EMPTY
    commands = ["words"]

    def addParsers(self, subparsers):
        subparsers.add_parser("words", help="Show the words")
        return subparsers

    def execute(self, config, args, host=None):
        with open(os.path.join(HERE, "data.txt")) as file:
            print(WORDS, NUMBERS, file.read().strip(), config.name, config.jobs)
