RUN Rscript -e 'remotes::install_github("$repository", upgrade = "never")' \
            -e 'find.package("$name")'
