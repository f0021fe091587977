"""How the pipeline signs, repeats and gives up."""
