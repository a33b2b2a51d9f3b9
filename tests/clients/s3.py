"""A bucket as boto3 sees it: one question per line of stdin, one answer per line of stdout, all of them JSON.

    {"url", "key": [ID, SECRET], "do": "put", "bucket", "files": {KEY: BASE64}}    -> null
    {..., "do": "names" | "uploads" | "clear", "prefix"}                           -> the keys
    {..., "do": "read", "name": KEY}                                               -> BASE64
"""
import base64
import concurrent.futures
import functools
import json
import sys

import boto3
from botocore.config import Config

CONFIG = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required", max_pool_connections=8)


@functools.lru_cache(None)
def client(url, key, secret):
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=CONFIG,
                        aws_access_key_id=key, aws_secret_access_key=secret)


def put(s3, bucket, files):
    def send(pair):
        s3.put_object(Bucket=bucket, Key=pair[0], Body=base64.b64decode(pair[1]))

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(send, files.items()))


def names(s3, bucket, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", ())]


def uploads(s3, bucket, prefix):
    try:
        return [found["Key"] for found in s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", ())]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "NotImplemented":
            return []                   # s3rver
        raise


def clear(s3, bucket, prefix):
    gone = names(s3, bucket, prefix)
    for start in range(0, len(gone), 1000):
        keys = [{"Key": key} for key in gone[start:start + 1000]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    return gone


def read(s3, bucket, name):
    return base64.b64encode(s3.get_object(Bucket=bucket, Key=name)["Body"].read()).decode()


DO = {"put": put, "names": names, "uploads": uploads, "clear": clear, "read": read}

for line in sys.stdin:
    question = json.loads(line)
    s3 = client(question.pop("url"), *question.pop("key"))
    print(json.dumps(DO[question.pop("do")](s3, **question)), flush=True)
