"""The network that says what a picture shows, and what is measured with it."""
