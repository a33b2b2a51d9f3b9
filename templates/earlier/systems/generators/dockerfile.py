from skelebot import (Dockerfile, ignore_file, own_dockerfile, perform,
                      plan_required_files, written)


def buildDockerfile(config):
    """Write the Dockerfile, and .dockerignore beside it."""
    def plan():
        project = config._project
        files = yield from plan_required_files(project)
        text = Dockerfile(project, files).text()
        present = own_dockerfile()
        ignored, before, _ = ignore_file(project, None)
        for step in (*written("Dockerfile", text, present),
                     *written(".dockerignore", ignored, before)):
            yield step
    perform(plan(), config._call)
