"""Schedules, steps and limits of a picture, of no model family."""
