import os
import sys

from src.data.rows import rows_of


def main(input_path, output_path):
    rows = rows_of(os.path.join(input_path, "customers.csv"))
    os.makedirs(output_path, exist_ok=True)
    with open(os.path.join(output_path, "rows.txt"), "w") as file:
        file.write("%d\n" % len(rows))
    print("rows:", len(rows))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
