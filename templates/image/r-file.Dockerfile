RUN Rscript -e 'remotes::install_local("/app/$file", upgrade = "never")' \
            -e 'find.package("$name")'
