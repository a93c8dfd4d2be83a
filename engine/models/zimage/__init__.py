"""Z-Image: load, encode, sample, decode. The only package that uses the model's tensors."""
