"""The judged tree: what stands in it, which Git state a source names, and what was fetched before."""
