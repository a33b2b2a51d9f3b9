RUN Rscript -e 'options(warn = 2)' \
            -e 'if (!requireNamespace("renv", quietly = TRUE)) install.packages("renv")' \
            -e 'options(warn = 1)' \
            -e 'renv::restore(lockfile = "/app/$file", library = .libPaths()[1], exclude = "renv", prompt = FALSE)'
