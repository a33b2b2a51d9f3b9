"""Adds to all that a plugin can add to: image, context, container, and what runs around a job."""
import json
from typing import NamedTuple

from skelebot import Activation, Command, Component, Note


class Settings(NamedTuple):
    label: str
    mode: str = "plain"


class Stamp(Component):
    record = Settings
    activation = Activation.CONFIG

    def tools(self):
        return "RUN echo tools of stamp\n"

    def dockerfile(self):
        return "LABEL stamp=" + json.dumps(self.settings.label)

    def ignores(self):
        return ["stamps/", "*.stamp"]

    def run_words(self, job):
        return ["--env", f"STAMP={self.settings.label} for {job.name}"]

    def before(self, call, job, launch):
        yield Note(f"before {job.name}")
        outcome = yield Command(("sh", "-c", "echo looked; echo aside >&2"), kept=True)
        return launch._replace(environ={**launch.environ, "STAMPED": outcome.output.strip() + " " + self.settings.label})

    def after(self, call, job, launch, status):
        yield Note(f"after {job.name}: {status}")

    def prompts(self):
        return {"label": "What is stamped?"}
