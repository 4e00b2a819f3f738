"""The checks, one module per topic. A check sees the model and yields results; it reads no file and runs no tool."""
