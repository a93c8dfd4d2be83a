"""Prompts for a model of few words: a scene read from any prompt, written in that model's own words."""
