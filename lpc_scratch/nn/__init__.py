"""The mathematics of training a network by hand: layers, losses, optimisers, their checker."""
