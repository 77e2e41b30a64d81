"""Procedural drawings for the embedded data sets: Pillow and NumPy only, so that worker processes start in no time."""
