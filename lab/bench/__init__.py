"""Measurements of the engine: speed beside the stock pipeline, injected faults, ways to sample."""
