import sys


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: usage.py SOURCE TARGET")
    source, target = sys.argv[1:]
    print(source, "->", target)


if __name__ == "__main__":
    main()
