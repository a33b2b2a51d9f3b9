# Without a CRAN mirror R installs nothing; one that the base image has chosen stays.
RUN Rscript -e 'if ("@CRAN@" %in% getOption("repos")) cat("options(repos = c(CRAN = \"https://cloud.r-project.org\"))\n", file = file.path(R.home("etc"), "Rprofile.site"), append = TRUE)'
