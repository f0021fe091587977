"""Pure rooms: what ARM says and what it means. No async, clock, randomness or I/O in here."""
