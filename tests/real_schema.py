"""The schema of skelebot.yaml, by a validator that others wrote: what it refuses skelebot refuses too, and nearly the other way round."""
import glob
import json
import os
import subprocess
import unittest

import skelebot
import support
import yaml
from support import call, folder

VALIDATOR = os.environ.get("SKELEBOT_TEST_SCHEMA", "")      # a Python that has jsonschema
PROJECTS = os.path.join(support.HERE, "projects")
UNKNOWABLE = {      # what one part says of another, what a text means, and what a reader of YAML passes over
    "arg-and-param", "args-twice", "escaped-nul", "job-names-twice", "job-of-the-projects-image", "job-source-unclosed",
    "jobs-of-one-container", "jobs-of-one-image", "merge-of-itself", "param-alt-as-name", "param-alt-twice", "param-default-list-not-whole",
    "param-default-no-choice", "param-default-unclosed", "port-too-large", "primary-job-unknown", "primary-job-without-jobs",
    "text-then-list", "twice-in-job", "twice", "utf-16", "jupyter-address-colons", "jupyter-address-no-ip", "jupyter-address-too-large",
    "registry-host-port-too-large", "registry-host-without-dot", "registry-port-twice", "repository-artifact-named-twice",
    "repository-deploy-elsewhere"}


def document(data):
    """What an editor sees of a YAML file; None where it is not YAML."""
    try:
        return json.loads(json.dumps(yaml.safe_load(data), default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


def refusal(data):
    """What skelebot says against a skelebot.yaml, also against what only one command needs."""
    with folder({"skelebot.yaml": data}) as path:
        try:
            faults = skelebot.late_faults(tuple(skelebot.read_folder(path).settings.values()))
            return "\n".join(map(str, faults))
        except skelebot.SkelebotError as fault:
            return str(fault)


def files(pattern):
    """name -> the bytes of each of the tests' projects whose path fits."""
    found = {}
    for path in sorted(glob.glob(os.path.join(PROJECTS, pattern))):
        with open(path, "rb") as file:
            found[os.path.relpath(path, PROJECTS)] = file.read()
    return found


@unittest.skipUnless(VALIDATOR, "SKELEBOT_TEST_SCHEMA names no Python that has jsonschema")
class Schema(unittest.TestCase):
    maxDiff = None

    def faults(self, documents):
        """name -> what the validator says against a document."""
        with folder({}) as path:
            schema = json.loads(call("schema", folder=path).stdout)
        done = subprocess.run([VALIDATOR, os.path.join(support.HERE, "clients", "schema.py")], check=True, stdout=subprocess.PIPE,
                              input=json.dumps({"schema": schema, "documents": documents}).encode())
        return json.loads(done.stdout.decode())

    def test_it_accepts_every_good_file(self):
        good = {name: data for name, data in {**files("*/skelebot.yaml"), **files("people/*/skelebot.yaml")}.items()
                if not refusal(data)}
        self.assertGreater(len(good), 3)
        self.assertEqual(self.faults({name: document(data) for name, data in good.items()}), dict.fromkeys(good, []))

    def test_it_refuses_every_broken_file_but_for_what_no_schema_can_know(self):
        broken = {os.path.basename(name)[:-5]: data for name, data in {**files("broken/*.yaml"), **files("late/*.yaml")}.items()}
        known = {name: document(data) for name, data in broken.items() if refusal(data)}
        faults = self.faults({name: one for name, one in known.items() if one is not None})
        self.assertEqual({name for name, said in faults.items() if not said}, UNKNOWABLE)

    def test_it_takes_what_is_a_text_here_and_something_else_for_yaml(self):
        good = ("pythonVersion: 3.10", "version: 7", "description: yes", "contact:", "x-own: {a: 1}", "skelebotVersion: 1.8",
                "ports: 8080", "environment: {A: 1, B: true, C:}", "environment: [A=1, B]", "gpu: on", "dependencies: numpy",
                "dependencies: {R: []}", "jobs: {name: 1, source: 2, params: [größe, {name: n, default: 0.5}]}", "dockerfile: größe/X",
                "language: r\ndependencies: [dplyr=1.1.4]", "commands: |\n  echo a\n\n  echo b\n", "components: {other: [1]}",
                "plugins: [{name: other, config: 1}]", "envFiles: [.env, {path: b.env, required: no}]", "envFiles: .env",
                "resources: {cpus: 2, memory: 8g, gpus: all, time: 4h}", "host: a\nhosts: {a: ssh://b, c: {native: true}, d: {docker: 'tcp://e:1', resources: {cpus: 1}}}", "docker: [--network=host]", "secrets: {name: A, env: A}",
                "jobs: {name: a, source: b, params: [c], sweep: {each: {c: [1, x]}, parallel: 2, best: {max: d}}}",
                "network: {proxy: 'http://proxy:3128', noProxy: a.b, pip: {index: https://host/simple}}", "components: {artifactory: {url: host/a, repo: r, artifacts: []}}")
        for text in good:
            self.assertEqual(refusal(f"name: x\n{text}\n".encode()), "", text)
        self.assertEqual(self.faults({text: document("name: x\n" + text) for text in good}), dict.fromkeys(good, []))

    def test_it_refuses_what_a_part_says_against_another_one_of_its_keys(self):
        faulty = ("secrets: [{name: A}]", "jobs: {name: a, source: b, params: [c], sweep: {each: {c: []}}}",
                  "jobs: {name: a, source: b, sweep: {each: [c]}}", "hosts: {local: ssh://b}", "hosts: {a: {kubernetes: {context: b}}}", "hosts: [a]", "secrets: [{name: A, env: A, file: a.key}]", "secrets: [{name: A, env: A, target: /a}]",
                  "secrets: [{name: a-b, env: A}]", "network: {proxy: proxy.example.com}", "network: {cran: cloud}",
                  "components: {artifactory: {url: 'ftp://host', repo: r}}")
        for text in faulty:
            self.assertNotEqual(refusal(f"name: x\n{text}\n".encode()), "", text)
        self.assertEqual([text for text, said in self.faults({
            text: document("name: x\n" + text) for text in faulty}).items() if not said], [])

    def test_it_has_the_sections_of_installed_plugins_and_what_the_manual_says(self):
        plugin = ("from typing import Dict, List, NamedTuple, Optional\nfrom skelebot import Component\n\n\nclass Room(NamedTuple):\n"
                  "    url: str\n    size: Optional[int] = None\n    names: List[str] = ()\n    faces: Dict[str, str] = {}\n\n\n"
                  "class Chat(Component):\n    record = Room\n")
        with folder({"plugins/chat/chat.py": plugin}) as path, support.environment(SKELEBOT_HOME=path):
            faults = self.faults({text: document("name: x\ncomponents: {chat: {%s}}" % text) for text in (
                "url: a, size: 3, names: [b], faces: {b: c}", "url: a, names: b", "size: 3", "url: a, size: big", "url: a, colour: red",
                "url: a, faces: [b]")})
            schema = json.loads(call("schema", folder=path).stdout)
        self.assertEqual([bool(said) for said in faults.values()], [False, False, True, True, True, True])
        self.assertIn("the base image is `python:X-slim`", schema["properties"]["pythonVersion"]["description"])


if __name__ == "__main__":
    unittest.main()
