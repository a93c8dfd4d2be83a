"""East Asian characters, as ranges for a regular expression's `[…]`."""

HAN = r"\u3400-\u9fff\uf900-\ufaff"
KANA = r"\u3040-\u30ff"
HANGUL = r"\uac00-\ud7af"
