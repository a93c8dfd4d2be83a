"""Text alone: made safe, cleaned of requests and refusals, rid of contradictions, cut to what is read."""
