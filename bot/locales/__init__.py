"""What people read and type, in each language: one Fluent file a language, and what reads them."""
