"""What we found where notebook 09 asks for a prediction, to be shown by `reveal` and not before.

The texts are not in the notebook, whose code a reader sees before predicting. Their numbers are
those of its outputs on the digits.
"""

FINDINGS = {
    "kurtosis": """
In both networks the classes are nearly points (NC1). With Adam on the classifier the cells have two
strengths; without it there are all strengths, although Adam trains everything else. Theory's number
for Adam is made for a large gamma; at gamma 10 measurements tend to be above it
(docs/why-two-values.md has more seeds).""",
    "code": """
Nearly all of the code was there before training. Be careful with what that shows: gradient descent
keeps the direction of A, and with it most signs too (89 % on the digits, three seeds,
docs/why-two-values.md). Whose signs does not tell the two optimisers apart; two values do.

The basis is the sharper test. Same data, same loss, same function at the start, and the two values
are gone from the axes and found in Q. The axes of the hypercube are those of the optimiser.""",
    "simplex": """
From Paley's code every cell has the same strength, and the ETF distance is about a tenth of the
usual start's. Both properties that training was said to strive for were put in at the start, and it
kept them. From the usual start the distance is well below that of a code drawn by lot, which is
what curvature (section 3) would do.""",
    "onset": """
The diamonds were known before the first step. Their order and their distances are right, to within
a quarter, though nothing was fitted. Where they are off: at gamma 10 learning begins later than
predicted. A likely reason is that the points do not follow at once, since the backbone must learn
as well. If you used the rule of thumb, you were late: initial weights count.""",
    "penalty": """
With the power 4 gradient descent makes a plainly binary code; with the power 2 it keeps the
start's. So it takes no Adam. It takes something that knows the axes: the optimiser, or the penalty.
exp and l2, which this course uses, do not.""",
}
"""By the prediction that they answer."""
