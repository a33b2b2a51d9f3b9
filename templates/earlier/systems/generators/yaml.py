import os

from skelebot import (FILE, File, Hold, Release, Words, caller_call, perform, read_entries,
                      read_folder, read_version, yaml_text)
from skelebot.adapters import EarlierConfig


def without_empty(value):
    """A plain value without what is empty in it."""
    if isinstance(value, dict):
        return {key: without_empty(one) for key, one in value.items()
                if one not in ("", None, [], {}, False)}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


def loadConfig(env=None):
    """The project of the current folder."""
    return EarlierConfig(caller_call(Words()), read_folder(os.getcwd(), env))


def loadVersion():
    return read_version(os.getcwd(), "")


def saveConfig(config):
    """Write the top-level keys that have changed; comments are lost."""
    def plan():
        lock = yield Hold(FILE)
        try:
            keys = {name: (entry.key.value, entry.node)
                    for name, entry in read_entries(os.getcwd(), FILE).items()}
            keys.update({key: (key, without_empty(value))
                         for key, value in config.values().items()
                         if value != config._before.get(key)})
            yield File(FILE, yaml_text(keys.values()).encode("utf-8"))
        finally:
            yield Release(lock)
    perform(plan(), config._call)
