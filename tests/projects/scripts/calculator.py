import fire


class Calculator:
    """A simple calculator class."""

    def double(self, number):
        return 2 * number

    def power(self, base, exponent=2):
        return base ** exponent

    def _hidden(self):
        return 0


if __name__ == "__main__":
    fire.Fire(Calculator)
