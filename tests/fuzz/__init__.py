"""Whatever comes from outside, nothing but this package's own errors comes out.

``pytest tests/fuzz tests/protocol/test_fuzz.py --hypothesis-profile=thorough`` draws 100,000 examples a property, other ones
in each run: for hours. ``-k`` picks some; a red one prints what brings it back. Without the profile they are few, and always
the same.
"""
