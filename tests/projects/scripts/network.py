from enum import Enum
from pathlib import Path
from typing import List, Optional

import typer

try:
    from typing import Annotated
except ImportError:
    from typing_extensions import Annotated

app = typer.Typer()


class NeuralNetwork(str, Enum):
    simple = "simple"
    conv = "conv"
    lstm = "lstm"


@app.command()
def train(config: Path, network: NeuralNetwork = NeuralNetwork.simple,
          rate: Annotated[float, typer.Option("--rate", "-r", help="the learning rate")] = 0.1,
          tags: Optional[List[str]] = typer.Option(None, help="labels"), use_gpu: bool = True):
    print(f"Training {config} {network.value} {rate} {tags} {use_gpu}")


@app.command("check-it")
def check(files: Annotated[List[Path], typer.Argument(help="what to check")],
          force: bool = typer.Option(False, "--force", "-f")):
    print(f"Checking {[str(file) for file in files]} {force}")


if __name__ == "__main__":
    app()
