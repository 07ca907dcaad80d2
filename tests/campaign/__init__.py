"""The campaign: what `make test` does a slice of, at full length. `make campaign` runs it, and goes on where
it was interrupted.

parts.py is what there is to run, progress.py what was done of it, and __main__.py does it.
"""
