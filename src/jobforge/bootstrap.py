"""The only place that wires concrete adapters and the job catalogue."""
