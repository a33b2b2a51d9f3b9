#!/bin/sh
# Lay out /srv/cran as CRAN is laid out: the newest release in src/contrib, older ones in
# Archive/ with Meta/archive.rds as their index. Rscript finds it by Rprofile.site.
set -eu
contrib=/srv/cran/src/contrib
archive=$contrib/Archive/greeter
mkdir -p "$archive" "$contrib/Meta"

cd "$contrib"
R CMD build /srv/src/greeter

cd "$archive"
cp -r /srv/src/greeter /srv/src/greeter-1.0
sed -i 's/^Version:.*/Version: 1.0/' /srv/src/greeter-1.0/DESCRIPTION
R CMD build /srv/src/greeter-1.0

# A package that is built already installs like any other. What it needs stays where Debian has put it.
cd "$contrib"
version=$(Rscript -e 'cat(format(packageVersion("IRkernel")))')
tar --create --gzip --file "IRkernel_$version.tar.gz" --directory /usr/lib/R/site-library IRkernel
dpkg --remove r-cran-irkernel

Rscript -e 'tools::write_PACKAGES(type = "source")' -e '
  setwd("Archive")
  releases <- file.info(list.files(pattern = "gz$", recursive = TRUE))
  saveRDS(list(greeter = releases), "../Meta/archive.rds")'
ls PACKAGES greeter_1.1.tar.gz "IRkernel_$version.tar.gz" Archive/greeter/greeter_1.0.tar.gz

echo 'options(repos = c(CRAN = "file:///srv/cran"))' >> /etc/R/Rprofile.site
