"""Reports: they print outcomes and decide nothing."""
