"""What a cluster runs against what Git says: reading it, recording it, and telling what every difference is about."""
