"""A model's name → a loaded pipeline: the families, their profiles, and what is said of them beforehand."""
