from skelebot.systems.scaffolding.prompt import promptUser


def scaffold():
    return {"colour": promptUser("Which colour", options=["red", "blue"])}
