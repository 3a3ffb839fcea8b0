"""Keyward's formats in Python, and one module of cases for each part."""
