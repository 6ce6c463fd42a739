"""What the commands share: their start, their flags and files, and how they show their progress."""
