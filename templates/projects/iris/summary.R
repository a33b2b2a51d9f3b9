# Print how many flowers each species has, and its mean measures; keep them in output/summary-r.csv.

flowers <- read.csv("data/iris.csv")
means <- aggregate(. ~ species, data = flowers, FUN = mean)
means[-1] <- lapply(means[-1], function(column) sprintf("%.3f", column))
counts <- as.vector(table(flowers$species)[means$species])
summary <- data.frame(species = means$species, flowers = counts, means[-1])

write.csv(summary, row.names = FALSE, quote = FALSE)
dir.create("output", showWarnings = FALSE)
write.csv(summary, "output/summary-r.csv", row.names = FALSE, quote = FALSE)
