RUN python -m pip install --no-cache-dir "/app/$file"
