"""The engine's process: its start, its watch, its loop over tasks, and what the bot hears of it."""
