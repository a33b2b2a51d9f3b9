import click


@click.command()
@click.option("--count", default=1, help="Number of greetings.")
@click.option("--name", prompt="Your name", help="The person to greet.")
@click.option("--shout/--no-shout", " /-S", default=False)
@click.option("--hash-type", type=click.Choice(["md5", "sha1"]))
@click.option("--pos", nargs=2, type=float)
@click.option("-v", "--verbose", count=True)
@click.option("--debug", is_flag=True, hidden=True)
@click.argument("filename", type=click.Path())
def hello(count, name, shout, hash_type, pos, verbose, debug, filename):
    """Simple program that greets NAME for a total of COUNT times."""
    for _ in range(count):
        click.echo(f"Hello {name} {shout} {hash_type} {pos} {verbose} {filename}")


if __name__ == "__main__":
    hello()
