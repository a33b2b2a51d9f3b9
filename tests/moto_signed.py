"""moto's S3 server with signatures checked and policies kept; tests/services.sh starts it with moto's Python.

A request has to be signed (Signature Version 4, which botocore computes again) with one of

    key SIGNED, secret "signed/secret", no session token
    key SIGNEDROLE, secret "role/secret", session token "role/token"

Both may do everything in every bucket, but nothing below skelebot-test/denied/.
"""
import json
import sys

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import main
from moto.sts.models import sts_backends

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
    {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::skelebot-test/denied/*"},
]})

iam, sts, s3 = (backends[DEFAULT_ACCOUNT_ID]["aws"] for backends in (iam_backends, sts_backends, s3_backends))

iam.create_user("us-east-1", "tests")
iam.put_user_policy("tests", "tests", POLICY)
key = iam.create_access_key("tests")
key.access_key_id, key.secret_access_key = "SIGNED", "signed/secret"

role = iam.create_role("tests", "{}", "/", None, "", [], 3600)
iam.put_role_policy("tests", "tests", POLICY)
session = sts.assume_role("us-east-1", "tests", role.arn, None, 3600, None)
session.access_key_id, session.secret_access_key, session.session_token = "SIGNEDROLE", "role/secret", "role/token"

s3.create_bucket("skelebot-test", "us-east-1")

settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
main(sys.argv[1:])
