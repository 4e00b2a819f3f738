"""The exact rules of Go, Argo CD, Helm and Kubernetes, as pure functions over plain values.

Nothing here reads a file, runs a program or imports another part of driftgate. Each module names the source
of the rule it restates; the vectors under ``tests/semantics/vectors`` were written by that source itself.
"""
