# No pyproject.toml on purpose: pip would fetch setuptools anew for it, and this one installs offline.
from setuptools import setup

setup(name="acme-hello", version="1", py_modules=["acme_hello"])
