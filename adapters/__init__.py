"""One chat platform each; holds no state that matters."""
