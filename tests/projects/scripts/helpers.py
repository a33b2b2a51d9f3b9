"""No script: it only defines."""
import os

HERE = os.getcwd()


def size(path):
    return os.path.getsize(path)
