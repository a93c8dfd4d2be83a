"""A job → what its person sees, in their language."""
