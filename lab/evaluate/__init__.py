"""How well the shipped models do what was asked: adherence, prompts, upscaling, costs."""
