RUN Rscript -e 'remotes::install_version("$name", "$version", upgrade = "never")' \
            -e 'stopifnot(packageVersion("$name") == "$version")'
