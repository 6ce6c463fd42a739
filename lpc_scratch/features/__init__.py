"""Features of any network, from files or a run, to a report of how far they have collapsed."""
