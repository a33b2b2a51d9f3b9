RUN python -c 'import sys; toml = __import__("tomllib" if sys.version_info >= (3, 11) else "pip._vendor.tomli", fromlist=["load"]); print(*toml.load(open(sys.argv[1], "rb"))["project"].get("dependencies", []), sep="\n")' "/app/$file" > /tmp/requirements.txt \
 && python -m pip install --no-cache-dir $packages \
 && rm /tmp/requirements.txt
