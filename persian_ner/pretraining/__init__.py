"""Pre-training of the compact encoder.

Free of spaCy, which keeps transformers at version 4: on another machine it also runs with transformers 5, and
what either version exports is read by the other.
"""
