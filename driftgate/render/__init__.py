"""Rendering: from a source's files and values to manifests, in workers with limits."""
