"""A run folder: what is in it, how it is written, resumed, and loaded again."""
