"""Checks of files: Kubernetes, Dockerfile, Compose, Terraform, GitHub Actions, secrets."""
