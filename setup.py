"""The list of packages: pyproject.toml can search for them or map one to a folder, but not both at once."""

from __future__ import annotations

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["driftgate", "driftgate.*"]),
        "driftgate.checks",
        *(f"driftgate.checks.{name}" for name in find_packages("checks")),
    ],
)
