"""A plugin of the 1.x releases: tells a channel what jobs do."""
from skelebot.objects.component import Activation, Component
from skelebot.objects.skeleYaml import SkeleYaml
from skelebot.systems.scaffolding.prompt import promptUser


class Keys:
    """What the package `schema` was used for."""

    def __init__(self, kinds):
        self.kinds = kinds

    def validate(self, found):
        for key, value in (found or {}).items():
            if key not in self.kinds:
                raise KeyError("Wrong key '{}' in {}".format(key, found))
            if not isinstance(value, self.kinds[key]):
                raise ValueError("'{}' must be {}".format(key, self.kinds[key].__name__))
        return found


class Channel(SkeleYaml):
    schema = Keys({"name": str, "urgent": bool})

    name = None
    urgent = None

    def __init__(self, name, urgent=False):
        self.name = name
        self.urgent = urgent


class Notify(Component):
    activation = Activation.CONFIG
    commands = ["notify", "channels"]
    schema = Keys({"server": str, "level": str, "quiet": bool, "channels": list})

    server = None
    level = None
    quiet = None
    channels = None

    def __init__(self, server=None, level=None, quiet=None, channels=None):
        self.server = server
        self.level = level
        self.quiet = quiet
        self.channels = channels or []

    @classmethod
    def load(cls, config):
        cls.validate(config)
        values = dict(config)
        values["channels"] = Channel.loadList(values.get("channels", []))
        return cls(**values)

    def addParsers(self, subparsers):
        parser = subparsers.add_parser("notify", help="Send a message to the channels")
        parser.add_argument("message", help="The message")
        parser.add_argument("-l", "--level", choices=["info", "warn"], default="info", help="How bad it is")
        parser.add_argument("-d", "--dry", action="store_true", help="Only print it")
        parser.add_argument("-n", "--times", type=int, default=1)
        parser = subparsers.add_parser("channels", help="List the channels")
        parser.add_argument("--urgent", action="store_true")
        return subparsers

    def execute(self, config, args, host=None):
        if args.job == "channels":
            for channel in self.channels:
                if channel.urgent or not args.urgent:
                    print(channel.name)
            return 0
        for _ in range(args.times):
            print("{} {} ({}) on {}: {}".format(args.level, config.name, config.version, host, args.message))
        return 0 if args.dry else 4

    def scaffold(self):
        self.server = promptUser("Which server")
        self.quiet = promptUser("Quietly", boolean=True)
        self.level = promptUser("Level", options=["info", "warn"])
        self.channels = [Channel("general", True)]

    def appendDockerfile(self):
        return "RUN echo notify by {}\n".format(self.server)

    def appendDockerignore(self):
        return "notify.log\n*.secret\n"

    def prependCommand(self, job, native):
        return "echo starting {} {} &&".format(job.name, native)

    def appendCommand(self, job, native):
        return "&& echo ended '{}'".format(job.name)

    def addDockerRunParams(self):
        return "--env NOTIFY='{} quietly' --hostname notify".format(self.server)
