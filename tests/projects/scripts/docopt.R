'usage: docopt.R [-n <number>] [--quiet] <city>

options:
 -n <number>  how many [default: 4]
 --quiet      say little' -> doc

library(docopt)
opts <- docopt(doc)
cat(opts$city, opts$n, opts$quiet, "\n")
