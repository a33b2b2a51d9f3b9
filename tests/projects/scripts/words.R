args <- commandArgs(trailingOnly = TRUE)
if (length(args) < 2) stop("two words, please")
path <- args[1]
times <- as.numeric(args[[2]])
end <- if (length(args) > 2) args[3] else "!"
cat(path, times * 2, end, "\n")
