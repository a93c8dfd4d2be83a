"""Prompts as users type them, with what is right by hand, and how the optimizer does on them."""
