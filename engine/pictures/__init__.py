"""Encoded pictures, tensors of pixels, and the parameters that files carry."""
