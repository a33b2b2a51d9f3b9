import click


@click.group()
@click.option("--debug/--no-debug", default=False)
def cli(debug):
    pass


@cli.command()
@click.option("--force", is_flag=True, help="over what is there")
@click.argument("src", nargs=-1)
def initdb(force, src):
    click.echo(f"Initialized the database {force} {src}")


@cli.command("drop")
@click.option("--level", type=click.IntRange(0, 9), default=2, show_default=True)
def drop_db(level):
    click.echo(f"Dropped the database {level}")


@cli.group()
def user():
    pass


@user.command()
@click.argument("name")
def add(name):
    click.echo(f"Added {name}")


if __name__ == "__main__":
    cli()
