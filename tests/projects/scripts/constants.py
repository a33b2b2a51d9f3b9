import argparse
import pathlib

MODELS = {"linear": 1, "forest": 2}
SIZES = ("small", "large")
DEFAULT = "small"


class Tool:
    def __init__(self):
        self.parser = argparse.ArgumentParser()
        self.parser.add_argument("source", type=pathlib.Path)
        self.parser.add_argument("target", type=pathlib.Path, nargs="?", default="out")
        self.parser.add_argument("-m", "--model", choices=sorted(MODELS), default="linear")
        self.parser.add_argument("--size", choices=SIZES, default=DEFAULT)
        self.parser.add_argument("--day", type=int, choices=range(1, 4))
        self.parser.add_argument("-v", action="count", default=0)
        self.parser.add_argument("-w", dest="width", type=float)
        self.parser.add_argument("--pair", nargs=2, type=int)
        self.parser.add_argument("--learning_rate", default=1e-3, type=float)


if __name__ == "__main__":
    print(sorted((name, str(value)) for name, value in vars(Tool().parser.parse_args()).items()))
