#!/bin/sh
# Installs Skelebot for one person or a whole machine: ./install.sh --help
#
# Everything is made ready in a temporary folder beside its target and then renamed into place,
# so that whatever goes wrong on the way, what was there before is there still.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--demo | --uninstall | --pyz FILE | --yaml DIR | --help]

  without option   install Skelebot, or bring it up to date
  --demo           install it, put the iris project into ./skelebot-iris and run that
  --uninstall      remove what was installed
  --pyz FILE       write one file that holds all of it, to be run by: python3 FILE JOB
  --yaml DIR       put PyYAML into DIR if PYTHON has none, and do nothing else

variables:
  PREFIX           where to install: PREFIX/bin/skelebot, PREFIX/lib/skelebot, and
                   completion for shells in PREFIX/share                       (~/.local)
  PYTHON           the Python that is to run Skelebot, 3.6 or newer            (python3)

Neither root nor pip is needed, and no network where Python has PyYAML.
END
}

# ---- Saying ------------------------------------------------------------------------------------

say() { printf '%s\n' "$@"; }

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    [ -z "${2-}" ] || printf '  hint: %s\n' "$2" >&2
    exit "${3-1}"
}

# One word as a shell would have to be given it.
quoted() {
    case $1 in
        *[!A-Za-z0-9_./:@%+=,-]* | '') printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}

absolute() {
    case $1 in
        /*) printf '%s' "$1" ;;
        *) printf '%s/%s' "$PWD" "$1" ;;
    esac
}

# ---- Finding -----------------------------------------------------------------------------------

find_checkout() {
    checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    [ -f "$checkout/skelebot.py" ] && [ -d "$checkout/templates" ] ||
        fail "$checkout: no skelebot.py and templates/ here" "run install.sh from a checkout of Skelebot"
}

find_prefix() {
    [ -n "${PREFIX-}" ] || [ -n "${HOME-}" ] || fail "HOME is not set" "say where to install: PREFIX=DIR $0"
    prefix=$(absolute "${PREFIX:-$HOME/.local}")
    prefix=${prefix%/}
    bin=$prefix/bin
    lib=$prefix/lib/skelebot
    marker="# The skelebot command, written by Skelebot's install.sh"
    elsewhere="choose another folder: PREFIX=DIR $(quoted "$0")"
}

find_python() {
    asked=${PYTHON:-python3}
    another="name another one: PYTHON=/path/to/python3 $(quoted "$0")"
    command -v "$asked" >/dev/null || fail "$asked: no such command" "install Python 3.6 or newer, or $another"
    version=$("$asked" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "$asked does not run" "$another"
    case $version in
        2.* | 3.[0-5]) fail "$asked is Python $version, and Skelebot needs 3.6 or newer" "$another" ;;
    esac
    python=$("$asked" -c 'import sys; print(sys.executable)')
}

# Python as it will be wherever Skelebot is run: without PYTHONPATH and, once a program has said
# `sys.path.remove("")`, without the current folder; an installation outside of HOME is not
# only ours, and does without the packages in our home, too.
python_alone() {
    case "${prefix-}/" in
        "${HOME-}"/* | /) "$python" -BE "$@" ;;
        *) "$python" -BEs "$@" ;;
    esac
}

has_yaml() {
    python_alone -c 'import sys; sys.path.remove(""); import yaml; yaml.SafeLoader' 2>/dev/null
}

# ---- Staging -----------------------------------------------------------------------------------

stage=
made=

stage_in() {
    end_cleanly
    stage=$(mktemp -d "$1/.skelebot.XXXXXX" 2>/dev/null) || fail "$1: cannot write there" "${2-}"
}

end_cleanly() {
    trap clean_up EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

clean_up() {
    [ -z "$stage" ] || rm -rf "$stage"
    stage=
    remove_made
}

remove_made() {
    for folder in $made; do
        rmdir "$prefix$folder" 2>/dev/null || :
    done
}

# ---- PyYAML ------------------------------------------------------------------------------------

# An update by the same Python keeps what was fetched for it, and so needs no network.
keep_yaml() {
    [ -d "$lib/yaml" ] && grep -qsF "exec $(quoted "$python") " "$bin/skelebot" && cp -R "$lib/yaml" "$1"
}

# PyYAML into a folder: what pip chooses for this Python or, without pip, the pure-Python part.
fetch_yaml() {
    say "Fetching PyYAML ..."
    ! fetch_yaml_by_pip "$1" || return 0
    no_pip=$("$python" -I -c 'import pip' 2>/dev/null || say " and no pip")
    reason=$(fetch_pure_yaml "$1" 2>&1) ||
        fail "$python has no PyYAML$no_pip, and PyYAML could not be fetched: $reason" \
            "install python3-yaml by the system's package manager, or PyYAML by pip, and run this again"
}

# Not into a path with a $, which the distutils of Python 3.6 to 3.9 take for a variable.
fetch_yaml_by_pip() {
    case $1 in *\$*) return 1 ;; esac
    PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 "$python" -I -m pip --disable-pip-version-check install --quiet \
        --retries 1 --no-deps --only-binary :all: --no-compile --target "$1" PyYAML >/dev/null 2>&1
}

# The last release for Python 3.6, whose pure-Python part is also that of the newest. Its checksum
# is known, so what arrives can be trusted on a machine that has no CA certificates.
fetch_pure_yaml() {
    python_alone - "$1" <<'END'
import sys
sys.path.remove("")
import hashlib, html, io, os, re, ssl, tarfile
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen

SDIST = "PyYAML-6.0.1.tar.gz"
SHA256 = "bfdf460b1736c775f2ba9f6a92bca30bc2095067b8a9d77876d1fad6cc3b4a43"
INDEX = "https://pypi.org/simple"


def body(url, index):
    bundle = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    try:
        return urlopen(url, timeout=60, context=ssl.create_default_context(cafile=bundle)).read()
    except URLError as error:
        if index != INDEX or not isinstance(error.reason, ssl.SSLError):
            raise
        return urlopen(url, timeout=60, context=ssl._create_unverified_context()).read()


def sdist():
    index = os.environ.get("PIP_INDEX_URL", INDEX).rstrip("/")
    page = index + "/pyyaml/"
    link = re.search('href="([^"#]*/%s)' % re.escape(SDIST), body(page, index).decode())
    if not link:
        sys.exit("%s has no %s" % (page, SDIST))
    content = body(urljoin(page, html.unescape(link.group(1))), index)
    if hashlib.sha256(content).hexdigest() != SHA256:
        sys.exit("%s from %s is not what it should be" % (SDIST, index))
    return tarfile.open(fileobj=io.BytesIO(content))


try:
    archive = sdist()
    folder = os.path.join(sys.argv[1], "yaml")
    os.makedirs(folder)
    for member in archive:
        if re.search("/lib/yaml/[a-z_]+[.]py$", member.name):
            with open(os.path.join(folder, os.path.basename(member.name)), "wb") as module:
                module.write(archive.extractfile(member).read())
except Exception as error:
    sys.exit(str(getattr(error, "reason", error)))
END
}

put_yaml() {
    folder=$(absolute "$1")
    ! has_yaml || return 0
    [ ! -d "$folder/yaml" ] || return 0
    mkdir -p "$folder" 2>/dev/null || fail "$folder: cannot be made"
    stage_in "$folder"
    mkdir "$stage/new"
    fetch_yaml "$stage/new"
    mv "$stage/new/"* "$folder"
}

# ---- Installing --------------------------------------------------------------------------------

install() {
    refuse_what_is_not_ours
    make_folders
    stage_in "$prefix/lib" "$elsewhere"
    stage_module "$stage/skelebot"
    has_yaml || keep_yaml "$stage/skelebot" || fetch_yaml "$stage/skelebot"
    compile "$stage/skelebot"
    say "$made$(cat "$lib/.made" 2>/dev/null)" >"$stage/skelebot/.made"
    write_command >"$stage/command"
    chmod +x "$stage/command"
    version=$("$python" "$stage/skelebot" --version | head -n 1) && [ -n "$version" ] || fail "skelebot.py does not run by $python"

    trap '' HUP INT TERM
    mv -f "$stage/command" "$bin/skelebot"
    [ ! -e "$lib" ] || mv "$lib" "$stage/old"
    mv "$stage/skelebot" "$prefix/lib/" || {
        [ -e "$lib" ] || mv "$stage/old" "$lib"
        exit 1
    }
    made=
    put_completions
    clean_up
    end_cleanly
    say "$version is installed:"
    say "  command  $(quoted "$bin/skelebot")"
    say "  files    $(quoted "$lib")"
    say "  run by   $(quoted "$python")"
    say_path
}

refuse_what_is_not_ours() {
    [ ! -e "$bin/skelebot" ] || command_is_ours ||
        fail "$bin/skelebot: is there already, and not from here" "remove it (pip uninstall skelebot?), or $elsewhere"
    [ ! -e "$lib" ] || files_are_ours ||
        fail "$lib: is there already, and not from here" "$elsewhere"
}

command_is_ours() { grep -qsF "$marker" "$bin/skelebot"; }

files_are_ours() { [ -f "$lib/.made" ]; }

# What is `made` here, the innermost first, is noted in lib/skelebot/.made for uninstalling.
make_folders() {
    for folder in / /lib /bin /share /share/bash-completion /share/bash-completion/completions /share/zsh \
        /share/zsh/site-functions /share/fish /share/fish/vendor_completions.d; do
        [ -d "$prefix$folder" ] || made="$folder $made"
    done
    end_cleanly
    mkdir -p "$prefix/lib" "$bin" 2>/dev/null && [ -w "$bin" ] || fail "$prefix: cannot write there" "$elsewhere"
    for shell in bash zsh fish; do
        mkdir -p "$(dirname "$(completion "$shell")")" 2>/dev/null || fail "$prefix/share: cannot write there" "$elsewhere"
    done
}

# The file in which a shell looks for what completes a command.
completion() {
    case $1 in
        bash) say "$prefix/share/bash-completion/completions/skelebot" ;;
        zsh) say "$prefix/share/zsh/site-functions/_skelebot" ;;
        fish) say "$prefix/share/fish/vendor_completions.d/skelebot.fish" ;;
    esac
}

completion_is_ours() { grep -qsF "Completion of skelebot's command lines" "$(completion "$1")"; }

# One that is there already and not from here stays.
put_completions() {
    for shell in bash zsh fish; do
        [ -e "$(completion "$shell")" ] && ! completion_is_ours "$shell" ||
            { cp "$lib/templates/completion/skelebot.$shell" "$stage/completion" &&
                mv -f "$stage/completion" "$(completion "$shell")"; }
    done
}

stage_module() {
    mkdir "$1"
    cp -R "$checkout/skelebot.py" "$checkout/templates" "$1"
    chmod -R u+w,+rX "$1"
    find "$1" -name __pycache__ -prune -exec rm -rf {} +
    cat >"$1/__main__.py" <<'END'
import _signal
import os
import sys

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)     # Ctrl-C just ends it while it is being read
sys.path[0] = os.path.abspath(sys.path[0])              # where it lies, whatever the current folder becomes

import skelebot

sys.exit(skelebot.command())
END
}

# Only what is imported: the Python files among the templates are none of ours to compile.
compile() {
    "$python" -I -m compileall -q -l "$1"
    [ ! -d "$1/yaml" ] || "$python" -I -m compileall -q -l "$1/yaml"
}

write_command() {
    say '#!/bin/sh'
    say "$marker"
    say "exec $(quoted "$python") $(quoted "$lib") \"\$@\""
}

say_path() {
    case ":$PATH:" in
        *":$bin:"*)
            [ "$(command_name)" = skelebot ] || say "On PATH another one comes first: $(command -v skelebot)"
            ;;
        *)
            say "$(quoted "$bin") is not on PATH yet; this line, in ~/.profile too, puts it there:"
            say "  export PATH=$(quoted "$bin"):\"\$PATH\""
            ;;
    esac
}

command_name() {
    if [ "$(command -v skelebot)" = "$bin/skelebot" ]; then say skelebot; else quoted "$bin/skelebot"; fi
}

uninstall() {
    if ! command_is_ours && ! files_are_ours; then
        say "Nothing to remove: install.sh put nothing under $(quoted "$prefix")"
        return
    fi
    for folder in "$bin" "$prefix/lib"; do
        [ ! -e "$folder" ] || [ -w "$folder" ] || fail "$folder: cannot write there"
    done
    made=$(cat "$lib/.made" 2>/dev/null) || :
    ! command_is_ours || rm "$bin/skelebot"
    ! files_are_ours || rm -rf "$lib"
    for shell in bash zsh fish; do
        ! completion_is_ours "$shell" || rm -f "$(completion "$shell")"
    done
    remove_made
    say "Removed $(quoted "$bin/skelebot") and $(quoted "$lib")"
}

# ---- One file ----------------------------------------------------------------------------------

write_pyz() {
    file=$(absolute "$1")
    [ ! -d "$file" ] || fail "$file: is a folder" "name the file to write"
    stage_in "$(dirname -- "$file")"
    stage_module "$stage/new"
    if ! yaml=$(pure_yaml); then
        fetch_yaml "$stage"
        yaml=$stage/yaml
    fi
    mkdir "$stage/new/yaml"
    cp "$yaml/"*.py "$stage/new/yaml"
    compile_beside "$stage/new"
    zipped "$stage/new" >"$stage/pyz"
    chmod +x "$stage/pyz"
    version=$("$python" "$stage/pyz" --version | head -n 1) && [ -n "$version" ] || fail "skelebot.py does not run by $python"
    mv -f "$stage/pyz" "$file"
    say "$version is in $(quoted "$file"), for any Python from 3.6: python3 $(quoted "$1") --help"
}

# The folder of a PyYAML that runs on every Python we know: older ones stop at Python 3.9.
pure_yaml() {
    python_alone - 2>/dev/null <<'END'
import sys
sys.path.remove("")
import os, yaml
version = tuple(map(int, yaml.__version__.split(".")[:2]))
print(os.path.dirname(yaml.__file__))
sys.exit(not (5, 1) <= version < (7, 0))
END
}

# Beside each module its byte code, for this Python; others read the source. Its date is not looked at.
compile_beside() {
    python_alone - "$1" <<'END'
import sys
sys.path.remove("")
import glob, os, py_compile

mode = getattr(py_compile, "PycInvalidationMode", None)     # Python 3.7
for path in [*glob.glob(sys.argv[1] + "/*.py"), *glob.glob(sys.argv[1] + "/yaml/*.py")] if mode else []:
    name = os.path.relpath(path, sys.argv[1])
    py_compile.compile(path, path + "c", name, doraise=True, invalidation_mode=mode.UNCHECKED_HASH)
END
}

# The same bytes for the same files: sorted, without dates, and stored, since a Python may lack zlib.
zipped() {
    python_alone - "$1" <<'END'
import sys
sys.path.remove("")
import os, zipfile

top, output = sys.argv[1], sys.stdout.buffer
files = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
output.write(b"#!/usr/bin/env python3\n")
with zipfile.ZipFile(output, "w") as archive:
    for file in sorted(files):
        member = zipfile.ZipInfo(os.path.relpath(file, top))
        member.external_attr = 0o644 << 16
        with open(file, "rb") as content:
            archive.writestr(member, content.read())
END
}

# ---- Demonstration -----------------------------------------------------------------------------

demo() {
    install
    folder=skelebot-iris
    if [ -f "$folder/skelebot.yaml" ]; then
        say "" "The project in $folder is there already, and is used again."
    else
        say "" "A project of Fisher's 150 iris flowers is put into $folder."
        "$bin/skelebot" scaffold "$folder" --name iris --template iris --yes
    fi
    if ! find_engine; then
        say "" "No Docker engine answers, so its jobs run natively:"
        run_jobs --native
    elif say "" "Its jobs run in an image of their own, by $engine:" && ! run_jobs; then
        say "" "That failed, so its jobs run natively:"
        run_jobs --native
    fi
    say "" "Next: cd $folder && $(command_name) --help"
}

find_engine() {
    for engine in ${SKELEBOT_DOCKER:-docker podman}; do
        ! limited "$engine" info >/dev/null 2>&1 || return 0
    done
    return 1
}

# An engine's host that is gone would keep us waiting for minutes.
limited() {
    if command -v timeout >/dev/null; then timeout 20 "$@"; else "$@"; fi
}

run_jobs() { SKELEBOT_DOCKER=${engine-} "$bin/skelebot" -C "$folder" "$@" loadData + train + score; }

# ---- Command line ------------------------------------------------------------------------------

[ $# -gt 0 ] || set -- --install
find_checkout
case $1,$# in
    --install,1 | --demo,1)
        find_prefix
        find_python
        "${1#--}"
        ;;
    --uninstall,1)
        find_prefix
        uninstall
        ;;
    --pyz,2)
        find_python
        write_pyz "$2"
        ;;
    --yaml,2)
        find_python
        put_yaml "$2"
        ;;
    -h,1 | --help,1) usage ;;
    --pyz,1) fail "--pyz: which file?" "./install.sh --pyz skelebot.pyz" 2 ;;
    --yaml,1) fail "--yaml: which folder?" "./install.sh --yaml DIR" 2 ;;
    *) fail "cannot read: $*" "./install.sh --help" 2 ;;
esac
