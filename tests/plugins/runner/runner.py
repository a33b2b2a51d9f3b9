"""A plugin of the 2.x releases, which builds, runs and rewrites by what skelebot itself is made of."""
import skelebot
import skelebot.systems.execution.docker as d
from skelebot import common
from skelebot.systems.execution import docker
from skelebot.systems.generators import dockerfile, dockerignore, yaml

assert d is docker and docker.build is d.build


class Runner(skelebot.objects.component.Component):
    activation = skelebot.objects.component.Activation.PROJECT
    commands = ["in-image", "generate", "retitle", "show"]

    def addParsers(self, subparsers):
        parser = subparsers.add_parser("in-image", help="Run words in the image")
        parser.add_argument("words", nargs="+")
        parser.add_argument("-m", "--mapping", action="append", default=[])
        subparsers.add_parser("generate", help="Write Dockerfile and .dockerignore")
        parser = subparsers.add_parser("retitle", help="Change the description")
        parser.add_argument("description")
        subparsers.add_parser("show", help="Show what plugins see")
        return subparsers

    def execute(self, config, args, host=None):
        if args.job == "in-image":
            status = docker.build(config, host=host)
            if status == 0:
                status = docker.run(config, " ".join(args.words), "i", [], args.mapping, "inner", host=host)
            return status
        if args.job == "generate":
            dockerfile.buildDockerfile(config)
            dockerignore.buildDockerignore(config)
            return 0
        if args.job == "retitle":
            config = yaml.loadConfig()
            config.description = args.description
            yaml.saveConfig(config)
            return 0
        print(config.name, config.language, config.version, config.getImageName())
        print([(job.name, job.source, job.mode, [param.name for param in job.params]) for job in config.jobs])
        print(config.dependencies, config.description, config.ephemeral, [type(one).__name__ for one in config.components])
        print(sorted(key for key in config.toDict() if key in ("name", "jobs", "language", "description")))
        print(common.VERSION, common.PLUGINS_HOME.endswith("plugins"))
        return 0
