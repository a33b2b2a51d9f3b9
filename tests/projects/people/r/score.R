args <- commandArgs(trailingOnly = TRUE)
who <- args[1]
cat("scored", who, "\n")
