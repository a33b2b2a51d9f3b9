FROM churn

# A virtual environment, since the distribution's own Python refuses pip (PEP 668).
RUN command -v jupyter-lab > /dev/null || { apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/jupyter \
 && /opt/jupyter/bin/python -m pip install --no-cache-dir jupyterlab notebook; }
ENV PATH="$PATH:/opt/jupyter/bin"

RUN Rscript -e 'options(warn = 2)' \
            -e 'if (!requireNamespace("IRkernel", quietly = TRUE)) install.packages("IRkernel")' \
            -e 'IRkernel::installspec(user = FALSE)'
