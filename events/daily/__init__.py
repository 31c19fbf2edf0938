"""The texts of an invented day: what three producers would send, drawn from a few YAML files."""
