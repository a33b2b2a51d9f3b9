from __future__ import print_function

import argparse


def main():
    parser = argparse.ArgumentParser(description="PyTorch MNIST Example")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N",
                        help="input batch size for training (default: 64)")
    parser.add_argument("--epochs", "-e", type=int, default=14, help="number of epochs (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=1.0, metavar="LR", help="learning rate")
    parser.add_argument("--gamma", type=float, default=0.7)
    parser.add_argument("--no-accel", action="store_true", help="disables accelerator")
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd", help="100%% of the choices")
    parser.add_argument("--layers", type=int, nargs="*", default=[64, 32])
    parser.add_argument("--seed", default=1, help="no type, so a text where it is typed")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    args = parser.parse_args()
    print(sorted(vars(args).items()))


if __name__ == "__main__":
    main()
