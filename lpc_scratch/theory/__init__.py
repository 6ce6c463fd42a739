"""Closed forms and thresholds: what should come of a training, computed without one.

``free_features`` says where the points of the classes lie, from the classifier and gamma; ``onset``
when learning begins, from settings alone; ``balls`` which classifiers are the largest in the norm
of an optimiser; ``codes`` how far apart random codes are; ``simplex_codes`` builds the binary codes
that are a simplex; ``phases`` names what came of a training.
"""
