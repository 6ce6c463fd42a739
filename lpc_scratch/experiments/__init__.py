"""Many trainings as one experiment: a grid of cells, each a network, and what comes of them.

``grid`` says which networks, ``cells`` trains some of them together, ``scheduling`` spreads that
over processes or machines, ``store`` keeps every result in a file of its own, ``runner`` does all
this in one call, and ``tables`` and ``phases`` say what came out.
"""
