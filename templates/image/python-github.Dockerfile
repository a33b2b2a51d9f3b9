RUN python -m pip install --no-cache-dir "git+$url"
