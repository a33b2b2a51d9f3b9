"""Check the flowers in data/iris.csv and split them into output/train.csv and output/test.csv."""
import argparse
import collections
import random
import sys

from flowers import SPECIES, read_flowers, write_flowers


def check(flowers):
    """Exit unless there are 50 flowers of each species."""
    counts = collections.Counter(flower.species for flower in flowers)
    for species in SPECIES:
        if counts[species] != 50:
            sys.exit(f"data/iris.csv has {counts[species]} flowers of {species}, not 50")


def split(flowers, share, seed):
    """Flowers to train with and flowers to test with, the same share of each species."""
    # Random.random() draws alike on every Python version; shuffle() and sample() do not.
    draw = random.Random(seed).random
    train, test = [], []
    for species in SPECIES:
        of_species = [flower for flower in flowers if flower.species == species]
        of_species.sort(key=lambda flower: draw())
        size = round(len(of_species) * share)
        test += of_species[:size]
        train += of_species[size:]
    return train, test


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1936, help="another seed, another split")
    parser.add_argument("--test-share", type=float, default=0.3, help="share kept for the test")
    options = parser.parse_args()
    if not 0.1 <= options.test_share <= 0.9:
        parser.error("--test-share must be between 0.1 and 0.9")

    flowers = read_flowers("data/iris.csv", "copy it from the iris template")
    check(flowers)
    train, test = split(flowers, options.test_share, options.seed)
    write_flowers("output/train.csv", train)
    write_flowers("output/test.csv", test)
    print(f"{len(flowers)} flowers: {len(train)} to train with, {len(test)} to test with")


if __name__ == "__main__":
    main()
