"""How anything reaches a disk whole, and is read back checked."""
