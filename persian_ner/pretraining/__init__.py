"""Pre-training of the compact encoder. Free of spaCy, so it also runs where only torch and transformers are."""
