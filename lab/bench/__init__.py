"""Measurements of the engine: speed beside the stock pipeline, injected faults, verdicts on schedules."""
