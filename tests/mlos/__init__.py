"""Tests of the mlos_bench service and its command."""
