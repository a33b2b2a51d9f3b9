"""What dohq-artifactory, a public client, does with a server: dohq.py URL USER PASSWORD TOKEN KEY"""
import hashlib
import io
import os
import sys
import tempfile

from artifactory import ArtifactoryPath, walk
from dohq_artifactory.exception import ArtifactoryException

URL, USER, PASSWORD, TOKEN, KEY = sys.argv[1:]
DATA = os.urandom(3000000)
NAME = "a b+c%20d-äöü.pkl"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def refusal(action):
    """The message with which the server refuses something."""
    try:
        action()
    except ArtifactoryException as error:
        return str(error)
    raise AssertionError("it was not refused")


def deploys(top):
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, NAME)
        with open(local, "wb") as file:
            file.write(DATA)
        (top / "1.0").mkdir(parents=True)
        (top / "1.0").deploy_file(local, calc_sha256=True)
        target = top / "1.0" / NAME
        with target.open() as there:
            assert there.read() == DATA
        back = os.path.join(folder, "back")
        target.writeto(back, chunk_size=1 << 16, progress_func=None)
        with open(back, "rb") as file:
            assert file.read() == DATA
    return target


def describes(target):
    stat = target.stat()
    assert (stat.size, stat.is_dir, stat.created_by) == (len(DATA), False, USER), stat
    assert stat.sha256 == sha256(DATA) and stat.md5 == hashlib.md5(DATA).hexdigest(), stat
    assert target.exists() and target.is_file() and target.parent.is_dir()
    assert not (target.parent / "no such file").exists()


def lists(top):
    assert [path.name for path in top] == ["1.0"], list(top)
    assert [path.name for path in top / "1.0"] == [NAME]
    found = [(path.name, folders, files) for path, folders, files in walk(top)]
    assert [(folders, files) for _, folders, files in found] == [(["1.0"], []), ([], [NAME])], found


def deploys_by_checksum(top):
    for number, sums in enumerate([{"sha256": sha256(DATA)}, {"sha1": hashlib.sha1(DATA).hexdigest()},
                                   {"checksum": sha256(DATA)}]):
        copy = top / "copies" / str(number)
        copy.deploy_by_checksum(**sums)
        assert copy.stat().sha256 == sha256(DATA) and copy.read_bytes() == DATA
    absent = top / "copies" / "absent"
    message = refusal(lambda: absent.deploy_by_checksum(sha256=sha256(b"absent")))
    assert message.startswith("Checksum deploy failed. No existing file with SHA256: "), message
    assert not absent.exists()


def overwrites(target):
    target.deploy(io.BytesIO(b"other"), sha256=sha256(b"other"))
    assert target.read_bytes() == b"other" and target.stat().size == 5
    message = refusal(lambda: target.deploy(io.BytesIO(b"broken"), sha256=sha256(b"other")))
    assert "rejected the artifact" in message, message
    assert target.read_bytes() == b"other"
    empty = target.parent / "empty"
    empty.touch()
    assert empty.stat().size == 0 and empty.read_bytes() == b""


def deletes(top, target):
    target.unlink()
    assert not target.exists()
    (top / "copies").rmdir()
    assert [path.name for path in top] == ["1.0"]
    top.unlink()
    assert not top.exists()


def knows_credentials():
    top = URL + "/generic-local"
    for known in ({"auth": (USER, PASSWORD)}, {"auth": (USER, TOKEN)}, {"token": TOKEN}, {"apikey": KEY}):
        assert ArtifactoryPath(top, **known).is_dir(), known
        assert [each.name for each in ArtifactoryPath(URL, **known).get_repositories(lazy=True)] == ["generic-local"]
    for unknown, words in (({"auth": (USER, "wrong")}, "Bad credentials"), ({"apikey": "wrong"}, "Bad credentials"),
                           ({"token": "wrong"}, "Token failed verification: parse"),
                           ({}, "Authentication is required")):
        message = refusal(lambda given=unknown: ArtifactoryPath(top, **given).stat())
        assert message == words, message


def main():
    top = ArtifactoryPath(URL + "/generic-local/churn", auth=(USER, PASSWORD))
    target = deploys(top)
    describes(target)
    lists(top)
    deploys_by_checksum(top)
    overwrites(target)
    deletes(top, target)
    knows_credentials()
    print("ok")


main()
