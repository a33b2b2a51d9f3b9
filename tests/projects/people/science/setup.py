from setuptools import find_packages, setup

setup(name="src", packages=find_packages(), version="0.2.0", description="Who leaves", author="Ada")
