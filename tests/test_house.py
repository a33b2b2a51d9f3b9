"""How skelebot.py is built."""
import os
import re
import unittest

from support import ROOT, skelebot


class House(unittest.TestCase):
    maxDiff = None

    def test_has_the_sections_that_its_contents_name_in_their_order(self):
        with open(os.path.join(ROOT, "skelebot.py"), encoding="utf-8") as file:
            banners = re.findall(r"(?m)^# ---- (.+?) -+$", file.read())
        contents = skelebot.__doc__.partition("Contents")[2]
        self.assertEqual(banners, [name.strip() for name in re.findall(r"(?m)^ {4}(\S.{14}) ", contents)])


if __name__ == "__main__":
    unittest.main()
