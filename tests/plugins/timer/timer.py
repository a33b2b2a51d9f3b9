"""A plugin of the 1.x releases, without a constructor, which only wraps the commands of jobs."""
from skelebot.objects.component import *


class Timer(Component):
    activation = Activation.PROJECT

    def prependCommand(self, job, native):
        if native:
            return "export TIMED=natively; cd ."
        return "export TIMED=$(echo in Docker) && "

    def appendCommand(self, job, native):
        return "echo timed $TIMED && " if job.mode != "d" else None
