RUN Rscript -e 'options(warn = 2)' \
            -e 'if (!requireNamespace("remotes", quietly = TRUE)) install.packages("remotes")'
