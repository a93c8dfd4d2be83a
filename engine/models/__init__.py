"""A model's name → a loaded pipeline: the families, their profiles, and checks before loading."""
