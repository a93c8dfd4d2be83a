"""Prompts for a model that knows few words: a scene read from any prompt, written in the model's own words."""
