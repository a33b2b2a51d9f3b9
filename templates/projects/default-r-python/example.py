"""Greet somebody and keep the greetings in output/hello-python.txt."""
import argparse
import os


def greetings(who, times, loud):
    """One line for each greeting."""
    line = f"Hello, {who}!"
    return [line.upper() if loud else line] * times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("who", help="whom to greet")
    parser.add_argument("--times", type=int, default=1, help="how often")
    parser.add_argument("--loud", action="store_true", help="in capitals")
    options = parser.parse_args()

    text = "\n".join(greetings(options.who, options.times, options.loud))
    print(text)

    os.makedirs("output", exist_ok=True)
    with open("output/hello-python.txt", "w", encoding="utf-8") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    main()
