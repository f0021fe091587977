"""Tests of the pure protocol core: no sockets, no clock, no sleeping."""
