"""Train a classifier with the flowers of output/train.csv and write it to models/iris.json."""
import argparse
import json
import os
import sys

import lda
from flowers import MEASURES, SPECIES, read_flowers


def trained(flowers, shrinkage):
    """The model of some flowers."""
    groups = {
        species: [flower.measures for flower in flowers if flower.species == species]
        for species in SPECIES
    }
    try:
        return lda.fit(groups, shrinkage)
    except ZeroDivisionError:
        sys.exit("output/train.csv has too few different flowers of some species")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shrinkage", type=float, default=0.0,
                        help="from 0 (measures vary together) to 1 (each on its own)")
    options = parser.parse_args()
    if not 0 <= options.shrinkage <= 1:
        parser.error("--shrinkage must be between 0 and 1")

    flowers = read_flowers("output/train.csv", "run loadData first")
    model = trained(flowers, options.shrinkage)
    os.makedirs("models", exist_ok=True)
    with open("models/iris.json", "w", encoding="utf-8") as file:
        json.dump({"measures": MEASURES, "species": model}, file, indent=2)
        file.write("\n")

    right = sum(lda.predicted(model, flower.measures)[0] == flower.species for flower in flowers)
    print(f"accuracy in training {right / len(flowers):.3f} ({right} of {len(flowers)})")


if __name__ == "__main__":
    main()
