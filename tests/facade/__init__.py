"""Tests of the synchronous facade."""
