"""Model files: where they are, which of their tensors are read, and in which precision."""
