from skelebot import (Dockerfile, File, ignore_file, own_dockerfile, perform,
                      plan_required_files)


def buildDockerfile(config):
    """Write the Dockerfile, and .dockerignore beside it."""
    def plan():
        project = config._project
        files = yield from plan_required_files(project)
        text = Dockerfile(project, files).text()
        present = own_dockerfile()
        ignored, before, _ = ignore_file(project, None)
        for path, new, old in (("Dockerfile", text, present), (".dockerignore", ignored, before)):
            data = new.encode("utf-8", "surrogateescape")
            if data != old:
                yield File(path, data)
    perform(plan(), config._call)
