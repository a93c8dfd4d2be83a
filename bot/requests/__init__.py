"""What a person wrote or pressed → a request, and a request → the engine's tasks."""
