"""Content: briefs and drafts from the user's own words."""
