"""One module for each family of rules; `table` lists them all."""
