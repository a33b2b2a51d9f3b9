# Greet somebody and keep the greetings in output/hello-r.txt.

words <- commandArgs(trailingOnly = TRUE)
if (length(words) == 0) {
  stop("usage: Rscript example.R WHO [--times N] [--loud]", call. = FALSE)
}

# The word after a flag, or the default where the flag is not given.
value_of <- function(flag, default) {
  place <- match(flag, words)
  if (is.na(place)) default else words[place + 1]
}

who <- words[1]
times <- as.integer(value_of("--times", 1))
loud <- "--loud" %in% words

line <- paste0("Hello, ", who, "!")
lines <- rep(if (loud) toupper(line) else line, times)
writeLines(lines)

dir.create("output", showWarnings = FALSE)
writeLines(lines, "output/hello-r.txt")
