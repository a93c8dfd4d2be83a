"""Training of the small model and of the upscaler from rendered scenes."""
