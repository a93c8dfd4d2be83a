"""Z-Image: load, encode, sample, decode. The only package that knows the model's tensors."""
