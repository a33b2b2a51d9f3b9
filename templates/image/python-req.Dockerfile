RUN python -m pip install --no-cache-dir --requirement "/app/$file"
