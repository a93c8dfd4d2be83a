"""From Chinese to English: a bilingual lexicon, and a grammar of clauses."""
