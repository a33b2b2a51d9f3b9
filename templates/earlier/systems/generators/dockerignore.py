from skelebot.systems.generators.dockerfile import buildDockerfile

buildDockerignore = buildDockerfile
