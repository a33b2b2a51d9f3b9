def rows_of(path):
    with open(path) as file:
        return file.read().split()
