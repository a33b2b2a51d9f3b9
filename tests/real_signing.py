"""Signatures for S3: skelebot's are those of botocore, AWS's own signer in Python."""
import os
import subprocess
import unittest

from support import HERE, ROOT

BOTO = os.environ.get("SKELEBOT_TEST_BOTO", "")     # a Python that has botocore


@unittest.skipUnless(BOTO, "SKELEBOT_TEST_BOTO is not set; tests/services.sh makes one")
class Signing(unittest.TestCase):
    COUNT = 200

    def test_is_that_of_botocore_for_requests_of_every_kind(self):
        client = os.path.join(HERE, "clients", "signing.py")
        ended = subprocess.run([BOTO, client, os.path.join(ROOT, "skelebot.py"), str(self.COUNT)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                               env={**os.environ, "PYTHONIOENCODING": "utf-8"})
        text = ended.stdout.decode("utf-8", "replace").strip()
        print(text[-3000:])
        self.assertEqual((ended.returncode, text.split("\n")[-1]), (0, f"{self.COUNT} of {self.COUNT} agree"))


if __name__ == "__main__":
    unittest.main()
