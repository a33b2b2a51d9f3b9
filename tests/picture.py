#!/usr/bin/env python3
"""The manual's pictures: the README's session as a terminal shows it, and a call's way through Skelebot.

    tests/picture.py     run the session, write both into templates/help

The session is run natively, in a home of its own, so that it is the same everywhere.
"""
import html
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = "/home/ada"      # what the reader sees instead of the folder that the session was run in


# ---- The session ------------------------------------------------------------

def commands(block):
    """The command lines of a block that shows a session."""
    return [line[2:] for line in block.split("\n") if line.startswith("$ ")]


def session(lines, files=None):
    """The text of a session: each command line, and what it prints on stdout and stderr; `files` (name -> text) are
    there before."""
    with tempfile.TemporaryDirectory() as home:
        home = os.path.realpath(home)
        os.makedirs(os.path.join(home, ".bin"))
        command = os.path.join(home, ".bin", "skelebot")
        for path, text in ((command, f"#!/bin/sh\nexec '{sys.executable}' -m skelebot \"$@\"\n"),
                           *((os.path.join(home, name), text) for name, text in (files or {}).items())):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(command, 0o755)
        around = {name: value for name, value in os.environ.items() if not re.match("SKELEBOT|GIT|XDG", name)}
        environ = {**around, "HOME": home, "NO_COLOR": "1", "GIT_CONFIG_NOSYSTEM": "1",
                   "PYTHONPATH": os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")])),
                   "PATH": os.pathsep.join([os.path.dirname(command), os.environ["PATH"]])}
        folder, text = home, ""
        for line in lines:
            text += f"$ {line}\n"
            if line.startswith("cd "):
                folder = os.path.join(folder, line[3:])
                continue
            done = subprocess.run(["sh", "-c", line], cwd=folder, env=environ, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=60)
            text += re.sub(r"\b0:00:\d\d\b", "0:00:00", done.stdout.replace(home, HOME))    # a busy machine
            if done.returncode:
                raise AssertionError(f"{line} ended with {done.returncode}:\n{done.stdout}")
        return text


def readme_session():
    """The block of the README that shows the session."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        return next(block for block in re.findall(r"(?ms)^```\w*\n(.*?)^```$", file.read()) if block.startswith("$ skelebot"))


# ---- Drawing ----------------------------------------------------------------

MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDE, HIGH = 7.8, 18    # of a character at a size of 13


def svg(width, height, title, parts):
    """A picture; `title` is for whoever cannot see it."""
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                      f'height="{height}" role="img" aria-label="{html.escape(title)}">', *parts, "</svg>", ""])


def terminal(text):
    """A terminal that shows a text, commands brighter than what they print."""
    lines = text.rstrip("\n").split("\n")
    width = round(max(map(len, lines)) * WIDE) + 40
    parts = ['<rect width="100%" height="100%" rx="8" fill="#1b1f27"/>',
             *(f'<circle cx="{20 + 18 * index}" cy="18" r="5.5" fill="{colour}"/>'
               for index, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))),
             f'<g font-family="{MONO}" font-size="13" fill="#c5cbd6">']
    for index, line in enumerate(lines):
        place = f'x="20" y="{54 + HIGH * index}" textLength="{round(len(line) * WIDE, 1)}"'
        shown = html.escape(line, quote=False).replace(" ", "\u00a0")     # else several would be one
        if line.startswith("$ "):
            shown = f'<tspan fill="#6ece7c">$\u00a0</tspan><tspan fill="#ffffff" font-weight="bold">{shown[2:]}</tspan>'
        parts += [f"<text {place}>{shown}</text>"] if line else []
    return svg(width, 54 + HIGH * len(lines), "A session in a terminal", [*parts, "</g>"])


def texts(picture):
    """The lines of text in a picture, from top to bottom."""
    return [html.unescape(re.sub("<[^>]+>", "", text)).replace("\u00a0", " ") for text in re.findall("<text [^>]*>(.*?)</text>", picture)]


def box(x, y, width, title, words="", fill="#ffffff"):
    """A box with a title, and a line of words below it."""
    middle = x + width / 2
    return [f'<rect x="{x}" y="{y}" width="{width}" height="56" rx="8" fill="{fill}" stroke="#5a6577" stroke-width="1.3"/>',
            f'<text x="{middle:g}" y="{y + (24 if words else 33)}" font-weight="bold">{title}</text>',
            *([f'<text x="{middle:g}" y="{y + 43}" font-size="11.5" fill="#4a5463">{words}</text>'] if words else [])]


def arrow(*points):
    path = " ".join(f"{x},{y}" for x, y in points)
    return [f'<polyline points="{path}" fill="none" stroke="#5a6577" stroke-width="1.6" marker-end="url(#tip)"/>']


def way():
    """How a call runs through the program: from what is typed to what is done."""
    say, do = "#e6f0fb", "#fdeedd"
    parts = ['<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
             'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="#5a6577"/></marker></defs>',
             '<rect width="100%" height="100%" rx="8" fill="#ffffff"/>',
             f'<g font-family="{SANS}" font-size="14" text-anchor="middle" fill="#1b1f27">']
    for title, words, y in (("words", "skelebot train -e 50", 24), ("skelebot.yaml", "and skelebot-ENV.yaml", 98)):
        parts += box(16, y, 160, title, words) + arrow((176, y + 28), (200, y + 28), (200, 89), (222, 89))
    for title, words, x in (("read", "checks every key", 224), ("plan", "decides the steps", 416)):
        parts += box(x, 61, 126, title, words, say)
    parts += arrow((350, 89), (414, 89)) + arrow((542, 89), (600, 89)) + box(602, 61, 146, "do", "the only part that acts", do)
    parts += ['<text x="381" y="80" font-size="12">Project</text>', '<text x="570" y="80" font-size="12">steps</text>']
    for index, title in enumerate(("docker, podman", "kinit, git, aws", "HTTP servers", "files")):
        y = 8 + 44 * index
        parts += [f'<rect x="810" y="{y}" width="124" height="34" rx="8" fill="#ffffff" stroke="#5a6577" stroke-width="1.3"/>',
                  f'<text x="872" y="{y + 22}" font-size="13">{title}</text>',
                  *arrow((748, 89), (780, 89), (780, y + 17), (808, y + 17))]
    for x, words in ((381, "--help shows what was read"), (570, "--dry-run shows the steps")):
        parts += [f'<text x="{x}" y="164" font-size="12" fill="#4a5463">{words}</text>',
                  f'<line x1="{x}" y1="98" x2="{x}" y2="150" stroke="#9aa4b2" stroke-dasharray="3 3"/>']
    return svg(950, 184, "Words and skelebot.yaml are read into a Project, planned as steps, and done", [*parts, "</g>"])


PICTURES = {"session.svg": lambda: terminal(session(commands(readme_session()))), "call.svg": way}


def main():
    for name, draw in PICTURES.items():
        with open(os.path.join(ROOT, "templates", "help", name), "w", encoding="utf-8") as file:
            file.write(draw())


if __name__ == "__main__":
    main()
