"""Linear discriminant analysis: each class gets a linear score, the highest one wins.

All classes share one covariance matrix, as in Fisher's paper of 1936. Sums are made by
math.fsum, which rounds alike everywhere, so every machine finds the same model.
"""
import math


def mean(vectors):
    """The mean of some vectors."""
    return [math.fsum(column) / len(vectors) for column in zip(*vectors)]


def pooled_covariance(groups, shrinkage):
    """The covariance within the groups; shrinkage 1 leaves the variances only."""
    deviations = [
        [value - middle for value, middle in zip(vector, mean(group))]
        for group in groups for vector in group
    ]
    freedom = len(deviations) - len(groups)
    columns = list(zip(*deviations))
    return [
        [
            (1 if one is other else 1 - shrinkage)
            * math.fsum(a * b for a, b in zip(one, other)) / freedom
            for other in columns
        ]
        for one in columns
    ]


def solved(matrix, right):
    """The x of `matrix` * x = `right`; ZeroDivisionError where there is none.

    Gauss elimination without pivoting, which a covariance matrix does not need.
    """
    rows = [list(row) + [value] for row, value in zip(matrix, right)]
    for step, row in enumerate(rows):
        row[:] = [value / row[step] for value in row]
        for other in rows:
            if other is not row:
                factor = other[step]
                other[:] = [a - factor * b for a, b in zip(other, row)]
    return [row[-1] for row in rows]


def fit(groups, shrinkage):
    """The model of `groups`, which maps each class to its vectors: weights and bias per class."""
    covariance = pooled_covariance(list(groups.values()), shrinkage)
    total = sum(len(group) for group in groups.values())
    model = {}
    for label, group in groups.items():
        middle = mean(group)
        weights = solved(covariance, middle)
        bias = math.log(len(group) / total) - dot(weights, middle) / 2
        model[label] = {"weights": [round(w, 6) for w in weights], "bias": round(bias, 6)}
    return model


def dot(one, other):
    """The scalar product of two vectors."""
    return math.fsum(a * b for a, b in zip(one, other))


def probabilities(model, vector):
    """How probable each class of the model is for a vector."""
    scores = {label: dot(part["weights"], vector) + part["bias"] for label, part in model.items()}
    highest = max(scores.values())
    odds = {label: math.exp(score - highest) for label, score in scores.items()}
    total = math.fsum(odds.values())
    return {label: value / total for label, value in odds.items()}


def predicted(model, vector):
    """The most probable class of a vector, and its probability."""
    chances = probabilities(model, vector)
    label = max(chances, key=chances.get)
    return label, chances[label]
