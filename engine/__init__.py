"""Prompts, pictures and devices; no user, chat or database."""
