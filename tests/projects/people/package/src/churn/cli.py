import argparse

from .model import score


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("customer")
    parser.add_argument("--times", type=int, default=2)
    args = parser.parse_args()
    print(args.customer, score(args.times))
