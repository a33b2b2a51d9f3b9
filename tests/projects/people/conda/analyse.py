import sys

print("analysed", sys.argv[1])
