"""What the tests start: skelebot.py as byte code, as it is where it is installed.

Of a script, Python translates all 17,000 lines for each call.
"""
import contextlib
import os
import py_compile
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCE = os.path.join(ROOT, "skelebot.py")


def compiled():
    """The byte code for this Python, beside the templates; it is as old as the source that it was made of."""
    folder = os.path.join(ROOT, "__pycache__", sys.implementation.cache_tag)
    program, templates = os.path.join(folder, "skelebot.pyc"), os.path.join(folder, "templates")
    age = os.stat(SOURCE).st_mtime_ns
    if os.path.lexists(program) and os.stat(program).st_mtime_ns == age:
        return program
    os.makedirs(folder, exist_ok=True)
    with contextlib.suppress(FileExistsError):      # other tests may begin just now
        os.symlink(os.path.join(ROOT, "templates"), templates)
    py_compile.compile(SOURCE, program, SOURCE, doraise=True)
    os.utime(program, ns=(age, age))
    return program


def copy_for(python, folder):
    """Put a copy into a new folder, for a Python that somebody else may run; returns its path."""
    shutil.copytree(os.path.join(ROOT, "templates"), os.path.join(folder, "templates"))
    program = os.path.join(folder, "skelebot.pyc")
    subprocess.check_call([python, "-c", "import py_compile, sys; py_compile.compile(*sys.argv[1:], doraise=True)",
                           SOURCE, program, SOURCE])
    return program


PATIENT = [sys.executable, "-c", "import sys; sys.path.insert(1, %r); import skelebot; skelebot.EARLY = skelebot.PATIENCE = 60; "
                                 "sys.exit(skelebot.main())" % ROOT]
"""A call that has a minute, instead of a second, to see that a detached job has ended at once, or until it shows what
a build says: machines are busy."""

try:
    SKELEBOT = compiled()
except OSError:             # no folder of ours, or no links as on Windows
    SKELEBOT = SOURCE
