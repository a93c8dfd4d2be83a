"""The laboratory: what makes, judges and measures the product's models; not installed with it."""
