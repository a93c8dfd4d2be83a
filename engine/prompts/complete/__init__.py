"""From a safe text to what a model is given: optimized, enhanced, with a negative prompt."""
