library(greeter)

args <- commandArgs(trailingOnly = TRUE)
cat("greeter", format(packageVersion("greeter")), "for", args[1], "\n")
