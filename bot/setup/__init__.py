"""Configuration, start, supervision of the platforms, doctor."""
