"""Language models that write prompts, and the checks that what they write has to pass."""
