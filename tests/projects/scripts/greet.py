import typer


def main(name: str, lastname: str = "", formal: bool = False, times: int = 2):
    """Say hi to NAME, very gently, like Dirk."""
    for _ in range(times):
        print(f"Good day Ms. {name} {lastname}." if formal else f"Hello {name} {lastname}")


if __name__ == "__main__":
    typer.run(main)
