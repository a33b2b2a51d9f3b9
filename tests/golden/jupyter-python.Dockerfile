FROM churn

RUN python -m pip install --no-cache-dir jupyterlab notebook
