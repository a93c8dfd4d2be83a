"""How well the shipped models do: adherence, prompts, upscaling, costs."""
