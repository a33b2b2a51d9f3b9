import sys

path = sys.argv[1]
limit = int(sys.argv[2])
suffix = sys.argv[3] if len(sys.argv) > 3 else "txt"
print(path, limit, suffix)
