"""Lay out an index of one package, `six` in version 99.0, in a folder."""
import os
import sys
import zipfile

folder = sys.argv[1]
wheel, info = "six-99.0-py3-none-any.whl", "six-99.0.dist-info"
os.makedirs(folder, exist_ok=True)
with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
    archive.writestr("six.py", '__version__ = "99.0"\n')
    archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 99.0\n")
    archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    archive.writestr(info + "/RECORD", f"six.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
with open(os.path.join(folder, "index.html"), "w") as file:
    file.write(f'<!DOCTYPE html><html><body><a href="{wheel}">{wheel}</a></body></html>\n')
