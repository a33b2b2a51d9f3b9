"""Runs a program between our stdin and stdout, and ends one that neither takes nor gives a byte for long: SECONDS WORD..."""
import os
import select
import signal
import subprocess
import sys

seconds, *words = sys.argv[1:]
program = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def kill():
    try:
        os.killpg(program.pid, signal.SIGKILL)  # some are scripts
    except OSError:                     # it has ended
        pass


def end(number, _):
    kill()
    os._exit(128 + number)


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, end)
into, out = program.stdin.fileno(), program.stdout.fileno()
os.set_blocking(into, False)
rest, fed = b"", False
while True:
    waits = bool(rest) or fed       # for the program, not for who feeds us
    ready, free, _ = select.select([out] if waits else [out, 0], [into] if rest else [], [], float(seconds) if waits else None)
    if not ready and not free:
        kill()
        sys.exit("nothing has come or gone for {} s".format(seconds))
    if 0 in ready:
        rest = os.read(0, 65536)
        fed = not rest
        if fed:
            program.stdin.close()
    if free:
        try:
            rest = rest[os.write(into, rest):]
        except BrokenPipeError:
            rest, fed = b"", True
            os.close(0)             # so that nobody feeds it any more
    if out in ready:
        data = os.read(out, 65536)
        if not data:
            break
        while data:
            data = data[os.write(1, data):]
status = program.wait()
sys.exit(status if status >= 0 else 128 - status)
