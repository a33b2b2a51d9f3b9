"""Greets, as often as its section says."""
from typing import NamedTuple, Tuple

from skelebot import Answer, Arg, Builtin, Component, flag


class Settings(NamedTuple):
    greeting: str = "hello"
    times: int = 1
    loud: bool = False
    rooms: Tuple[str, ...] = ()


class Hello(Component):
    record = Settings

    def commands(self):
        return {"greet": Builtin("greet somebody", self.greet, (Arg("who", "whom to greet"),),
                                 (flag("loud", "l", "in capitals"),))}

    def greet(self, call, project, words):
        text = " ".join([self.settings.greeting, words.one("who"), *self.settings.rooms])
        for _ in range(self.settings.times):
            yield Answer(text.upper() if words.has("loud") or self.settings.loud else text)
        return 3
