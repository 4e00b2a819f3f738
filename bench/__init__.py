"""Measures of whole processes, each as a ratio against something that ran beside it: `python -m bench`."""
