"""Tests of the docs: every code block runs, the picture is the table's, the site is built strictly."""
