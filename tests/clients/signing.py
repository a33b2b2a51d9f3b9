"""Compare skelebot's signatures to those of botocore: signing.py SKELEBOT.PY COUNT; prints `N of COUNT agree`."""
import datetime
import hashlib
import importlib.util
import random
import sys
from unittest import mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode, percent_encode_sequence

PATH, COUNT = sys.argv[1], int(sys.argv[2])
SEED = 20130524
ENDPOINTS = ("https://bucket.s3.eu-west-1.amazonaws.com/", "https://s3.eu-west-1.amazonaws.com/my.bucket/",
             "https://s3.cn-north-1.amazonaws.com.cn/my.bucket/", "https://host/", "http://127.0.0.1:9000/bucket/",
             "http://[::1]:9000/b/")
WORDS = ("a", "A", "model", "two words", " ", "\t", "1+1", "+", "100%", "%20", "%2F", "/", "//", ".", "..", "~", "-_.~",
         "\u00e4\u20ac", "e\u0301", "\U0001f600", "'", '"', "it's", "&", "=", "?", "#", ";", ":", "@", "$", "!", "*", "(", ")",
         ",", "\\", "^", "`", "|", "<x>", "{y}")
NAMES = ("uploads", "uploadId", "partNumber", "prefix", "list-type", "a", "a-b", "a.b", "A", "ab", "X", "~", "\u00e4", "a b",
         "p+q")
HEADERS = ("Range", "If-None-Match", "x-amz-meta-sha256", "X-Amz-Meta-Two", "x-amz-checksum-sha256", "Content-Type",
           "Content-Length", "Cache-Control", "x-amz-storage-class", "If-Match")
VALUES = ("bytes=0-9", "*", "two   inner    blanks", "  around  ", "a\tb", '"quoted  text"', "a,b;c=d", "", "0", "x" * 300)
REGIONS = ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-4")


def loaded(path):
    spec = importlib.util.spec_from_file_location("skelebot", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["skelebot"] = module
    spec.loader.exec_module(module)
    return module


def some(chance, words, most):
    return [chance.choice(words) for _ in range(chance.randint(0, most))]


def generated(chance):
    """One request, not yet signed by anyone: what both sides are given."""
    return {
        "method": chance.choice(("GET", "HEAD", "PUT", "POST", "DELETE")),
        "endpoint": chance.choice(ENDPOINTS),
        "key": "".join(some(chance, WORDS, 6)),
        "query": [(chance.choice(NAMES), chance.choice(("", *WORDS))) for _ in range(chance.choice((0, 0, 1, 2, 4)))],
        "bare": chance.choice(("", "", "uploads", "lifecycle", "uploads&acl")),
        "headers": {name: chance.choice(VALUES) for name in some(chance, HEADERS, 5)},
        "body": bytes(chance.getrandbits(8) for _ in range(chance.choice((0, 0, 1, 1000)))),
        "key_id": "AKID%d" % chance.randint(0, 99999),
        "secret": "".join(chance.choice("abcXYZ019/+=") for _ in range(40)),
        "token": chance.choice(("", "", "T0ken/+==", "x" * 800)),
        "region": chance.choice(REGIONS),
        "now": datetime.datetime.fromtimestamp(chance.randint(10 ** 9, 2 * 10 ** 9), datetime.timezone.utc),
    }


def with_query(url, query, bare):
    text = "&".join(filter(None, [query, bare]))
    return url + ("?" + text if text else "")


def ours(skelebot, it):
    """(address, Authorization) of skelebot."""
    key = skelebot.AccessKey(it["key_id"], skelebot.Secret(it["secret"]), skelebot.Secret(it["token"]))
    query = "&".join(f"{skelebot.quoted(name, '')}={skelebot.quoted(value, '')}" for name, value in it["query"])
    url = with_query(it["endpoint"] + skelebot.quoted(it["key"]), query, it["bare"])
    headers = {**it["headers"], "x-amz-content-sha256": hashlib.sha256(it["body"]).hexdigest()}
    request = skelebot.Request(it["method"], url, headers, skelebot.Signing(key=key, region=it["region"]), it["body"])
    return url, str(request.login.sent(request, it["now"])["Authorization"])


def theirs(it):
    """(address, Authorization) of botocore, which puts blanks after its commas."""
    path, query = percent_encode(it["key"], safe="/-_.~"), percent_encode_sequence(it["query"])
    url = with_query(it["endpoint"] + path, query, it["bare"])
    request = AWSRequest(it["method"], url, it["headers"], it["body"])
    keys = Credentials(it["key_id"], it["secret"], it["token"] or None)
    with mock.patch.object(botocore.auth, "get_current_datetime", lambda *options: it["now"]):
        botocore.auth.S3SigV4Auth(keys, "s3", it["region"]).add_auth(request)
    return url, request.headers["Authorization"].replace(", ", ",")


def compare():
    skelebot, chance, agreed = loaded(PATH), random.Random(SEED), 0
    for _ in range(COUNT):
        it = generated(chance)
        mine, other = ours(skelebot, it), theirs(it)
        agreed += mine == other
        if mine != other:
            print(f"{it}\n  skelebot: {mine}\n  botocore: {other}")
    print(f"{agreed} of {COUNT} agree")


compare()
