"""The HTTP API: each route translates, calls one use case and translates back."""
