RUN Rscript -e 'options(warn = 2)' \
            -e 'install.packages(c($names))'
