# uv brings the Python that the distribution does not have.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir uv \
 && UV_PYTHON_INSTALL_DIR=/opt/pythons /opt/uv/bin/uv venv --no-cache --seed --python $python_version /opt/python
ENV PATH="/opt/python/bin:$PATH"
