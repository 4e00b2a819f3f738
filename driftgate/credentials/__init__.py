"""Credentials in the text files of a tree: recognised by their form, told by kind and line, never by value."""

from driftgate.credentials.spot import spot
from driftgate.credentials.tree import CredentialFinder

__all__ = ["CredentialFinder", "spot"]
