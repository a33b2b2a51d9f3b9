"""Mutated configurations, command lines, answers and archives, for a minute in all.

    python3 tests/mutate.py configurations --count 10000 --seed 2      as many as you like
"""
import unittest

import mutate

SECONDS = 15    # for each kind
COUNT = 2000    # of each kind, at most


class Mutations(unittest.TestCase):
    """No traceback, no hang, no memory without end, nothing written elsewhere."""

    def holds(self, kind):
        total, faults = mutate.mutate(kind, count=COUNT, seconds=SECONDS)
        self.assertEqual(list(map(str, faults)), [])
        self.assertGreater(total, 0)

    def test_no_configuration_does_harm(self):
        self.holds("configurations")

    def test_no_command_line_does_harm(self):
        self.holds("command-lines")

    def test_no_answer_does_harm(self):
        self.holds("answers")

    def test_no_archive_does_harm(self):
        self.holds("archives")
