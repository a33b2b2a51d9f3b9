"""Score the model in models/iris.json on the flowers of output/test.csv."""
import argparse
import json
import os
import sys

import lda
from flowers import MEASURES, SPECIES, read_flowers, write_rows


def read_model(path):
    """The model that the job `train` has written."""
    if not os.path.exists(path):
        sys.exit(f"{path} does not exist: run train first")
    with open(path, encoding="utf-8") as file:
        return json.load(file)["species"]


def confusion(flowers, labels):
    """How many flowers of each species were taken for which."""
    pairs = [(flower.species, label) for flower, label in zip(flowers, labels)]
    return {
        actual: {taken: pairs.count((actual, taken)) for taken in SPECIES} for actual in SPECIES
    }


def print_table(table):
    """Print one line per species, one column per prediction."""
    print(f"{'':12}" + "".join(f"{species:>12}" for species in SPECIES) + "  (predicted)")
    for species, row in table.items():
        print(f"{species:12}" + "".join(f"{count:12}" for count in row.values()))


def write_results(flowers, predictions, result):
    """Write output/predictions.csv and output/score.json."""
    rows = [
        flower.measures + (flower.species, label, f"{probability:.4f}")
        for flower, (label, probability) in zip(flowers, predictions)
    ]
    header = MEASURES + ("species", "predicted", "probability")
    write_rows("output/predictions.csv", header, rows)
    with open("output/score.json", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
        file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--min-accuracy", type=float, default=0.9, help="fail (3) below this")
    options = parser.parse_args()

    model = read_model("models/iris.json")
    flowers = read_flowers("output/test.csv", "run loadData first")
    predictions = [lda.predicted(model, flower.measures) for flower in flowers]
    table = confusion(flowers, [label for label, _ in predictions])
    right = sum(table[species][species] for species in SPECIES)
    accuracy = round(right / len(flowers), 3)

    result = {"accuracy": accuracy, "right": right, "of": len(flowers), "confusion": table}
    write_results(flowers, predictions, result)
    print_table(table)
    print(f"accuracy: {accuracy:.3f}")
    if right < options.min_accuracy * len(flowers):
        print(f"the accuracy is below {options.min_accuracy}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
