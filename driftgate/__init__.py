"""Policy and drift validation for Argo CD environments."""

from __future__ import annotations

__version__ = "0.1.0"
