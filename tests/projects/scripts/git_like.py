#!/usr/bin/env python3
import argparse


def build():
    parser = argparse.ArgumentParser(prog="PROG")
    parser.add_argument("--foo", action="store_true", help="foo help")
    commands = parser.add_subparsers(dest="command", help="sub-command help")
    first = commands.add_parser("a", help="a help")
    first.add_argument("bar", type=int, help="bar help")
    second = commands.add_parser("b", help="b help")
    group = second.add_argument_group("a group")
    group.add_argument("--baz", choices=("X", "Y", "Z"), help="baz help")
    either = second.add_mutually_exclusive_group()
    either.add_argument("--quiet", "-q", action="store_true")
    either.add_argument("--level", type=int, default=3)
    return parser


if __name__ == "__main__":
    print(sorted(vars(build().parse_args()).items()))
