"""What memory there is, how a model is laid out in it, and how that layout is applied and tightened."""
