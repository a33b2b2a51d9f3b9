FROM churn

RUN python -m pip install --no-cache-dir jupyterlab notebook

RUN Rscript -e 'options(warn = 2)' \
            -e 'if (!requireNamespace("IRkernel", quietly = TRUE)) install.packages("IRkernel")' \
            -e 'IRkernel::installspec(user = FALSE)'
