"""Funnels: how far people come, from events."""
