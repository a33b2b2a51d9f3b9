"""Flowers in CSV files, the way all jobs of this project read and write them."""
import collections
import csv
import os
import sys

MEASURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")
COLUMNS = MEASURES + ("species",)

Flower = collections.namedtuple("Flower", "measures species")


def parsed(row):
    """The flower in one row of a CSV file; ValueError says what is wrong with the row."""
    if row["species"] not in SPECIES:
        raise ValueError(f"species must be one of {', '.join(SPECIES)}")
    measures = tuple(float(row[measure]) for measure in MEASURES)
    if not all(0 < centimetres < 100 for centimetres in measures):
        raise ValueError("each measure must be a positive number of centimetres")
    return Flower(measures, row["species"])


def read_flowers(path, hint):
    """The flowers in a CSV file; `hint` is what to do when there is no such file."""
    if not os.path.exists(path):
        sys.exit(f"{path} does not exist: {hint}")
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        if tuple(rows.fieldnames or ()) != COLUMNS:
            sys.exit(f"{path}:1: the columns must be {', '.join(COLUMNS)}")
        try:
            flowers = [parsed(row) for row in rows]
        except ValueError as fault:
            sys.exit(f"{path}:{rows.line_num}: {fault}")
    return flowers or sys.exit(f"{path} has no flowers in it: {hint}")


def write_rows(path, header, rows):
    """Write a CSV file, and the folder for it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_flowers(path, flowers):
    """Write flowers to a CSV file."""
    write_rows(path, COLUMNS, [flower.measures + (flower.species,) for flower in flowers])
