"""The network that names what a picture shows, and the measures that use it."""
