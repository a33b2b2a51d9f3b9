RUN python -m pip install --no-cache-dir $packages
