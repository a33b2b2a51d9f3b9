#!/usr/bin/env Rscript
suppressPackageStartupMessages(library("optparse"))
option_list <- list(
  make_option(c("-v", "--verbose"), action = "store_true", default = TRUE,
              help = "Print extra output [default]"),
  make_option(c("-q", "--quietly"), action = "store_false", dest = "verbose", help = "Print little output"),
  make_option(c("-c", "--count"), type = "integer", default = 5,  # a comment, with (brackets
              help = "Number of random normals to generate [default %default]", metavar = "number"),
  make_option("--generator", default = "rnorm", help = "Function to generate random deviates"),
  make_option("--mean", default = 0.5, help = "Mean if generator == \"rnorm\"")
)
opt <- parse_args(OptionParser(option_list = option_list))
cat(opt$verbose, opt$count, opt$generator, opt$mean, "\n")
