import argparse
import os


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3, help="how often")
    args = parser.parse_args()
    os.makedirs("models", exist_ok=True)
    with open("models/model.txt", "w") as file:
        file.write("trained %d\n" % args.epochs)
    print("trained", args.epochs)


if __name__ == "__main__":
    main()
