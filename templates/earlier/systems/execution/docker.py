from skelebot import (FILE, Hosts, Image, Job, Launch, Mapping, Mode, Place, Run, Source, perform,
                      plan_engine, plan_runner)


def call_of(config, host):
    return config._call._replace(host=host or config._call.host)


def build(config, host=None):
    """Build the image of an EarlierConfig."""
    call, project = call_of(config, host), config._project

    def plan():
        engine = yield from plan_engine(call, Hosts(call, project).chosen().engine)
        yield from Image(engine, project).plan_ready()
    perform(plan(), call)
    return 0


def run(config, command, mode="i", ports=(), mappings=(), task="run", host=None, *rest, **others):
    """A command in the image that exists; returns its exit status."""
    call = call_of(config, host)._replace(skip_build=True, native=False)
    job = Job(task, Source(command), mode=mode if mode in Mode.values else "i",
              ports=tuple(ports or ()), mappings=tuple(map(Mapping, mappings or ())),
              places={"": Place(FILE, 1)})
    argv = ("bash", "-c", command) if isinstance(command, str) else tuple(command)

    def plan():
        runner = yield from plan_runner(call, config._project, job)
        return (yield from runner.plan(Run(job, Launch(argv))))
    return perform(plan(), call)
