"""Model files: where they lie, which tensors are read of them, and in which numbers."""
