"""Train a classifier with the flowers of output/train.csv and write it to models/iris.json.

It prints two metrics, which Skelebot keeps for each run: accuracy and loss.
"""
import argparse
import json
import math
import os
import sys

import lda
from flowers import MEASURES, SPECIES, read_flowers

FOLDS = 5


def trained(flowers, shrinkage):
    """The model of some flowers."""
    groups = {
        species: [flower.measures for flower in flowers if flower.species == species]
        for species in SPECIES
    }
    try:
        return lda.fit(groups, shrinkage)
    except (ZeroDivisionError, ValueError):
        sys.exit("output/train.csv has too few different flowers of some species")


def validated(flowers, shrinkage):
    """(species, chances) of each flower, by a model trained without that fifth of them."""
    pairs = []
    for fold in range(FOLDS):
        rest = [flower for index, flower in enumerate(flowers) if index % FOLDS != fold]
        model = trained(rest, shrinkage)
        pairs += [
            (flower.species, lda.probabilities(model, flower.measures))
            for flower in flowers[fold::FOLDS]
        ]
    return pairs


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

    pairs = validated(flowers, options.shrinkage)
    right = sum(species == max(chances, key=chances.get) for species, chances in pairs)
    losses = [-math.log(max(chances[species], 1e-9)) for species, chances in pairs]
    print(f"accuracy: {right / len(pairs):.3f}")
    print(f"loss: {math.fsum(losses) / len(pairs):.4f}")


if __name__ == "__main__":
    main()
