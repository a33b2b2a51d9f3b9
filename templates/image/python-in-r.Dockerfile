# A virtual environment, since the distribution's own Python refuses pip (PEP 668).
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/python
ENV PATH="/opt/python/bin:$PATH"
