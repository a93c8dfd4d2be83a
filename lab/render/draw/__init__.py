"""Picture-book drawing in unit coordinates: skies, places and subjects, each a few plain shapes."""
