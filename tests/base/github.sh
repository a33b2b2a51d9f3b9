#!/bin/sh
# Make /srv/git/acme/hello.git, which /etc/gitconfig puts in the place of https://github.com/acme/hello.
# The dates are fixed so that the same files always give the same commits.
set -eu
export GIT_AUTHOR_NAME=acme GIT_AUTHOR_EMAIL=acme@example.com GIT_AUTHOR_DATE=2020-01-01T00:00:00Z
export GIT_COMMITTER_NAME=acme GIT_COMMITTER_EMAIL=acme@example.com GIT_COMMITTER_DATE=2020-01-01T00:00:00Z

cd /srv/src/hello
git init --quiet --initial-branch=main
git add .
git commit --quiet --message='Say hello'
git tag v1

sed -i 's/version="1"/version="2"/' setup.py
sed -i 's/VERSION = 1/VERSION = 2/' acme_hello.py
git commit --quiet --all --message='Say hello again'

git clone --quiet --bare . /srv/git/acme/hello.git
git -C /srv/git/acme/hello.git log --oneline --decorate
