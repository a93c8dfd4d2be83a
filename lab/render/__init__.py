"""Scenes, the pictures drawn of them, and the captions that say what is in them."""
