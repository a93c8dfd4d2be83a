"""Prompts, pictures and devices; knows no user, chat or database."""
