#!/bin/bash
# Print how many flowers each species has, and its mean measures.
set -euo pipefail

awk -F , '
    NR == 1 { print "species,flowers,sepal_length,sepal_width,petal_length,petal_width"; next }
    !count[$5]++ { order[++kinds] = $5 }
    { for (field = 1; field <= 4; field++) sum[$5, field] += $field }
    END {
        for (kind = 1; kind <= kinds; kind++) {
            species = order[kind]
            printf "%s,%d", species, count[species]
            for (field = 1; field <= 4; field++)
                printf ",%.3f", sum[species, field] / count[species]
            printf "\n"
        }
    }
' data/iris.csv
