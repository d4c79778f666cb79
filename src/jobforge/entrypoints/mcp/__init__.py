"""The way in for agents: tools over the Model Context Protocol, as whoever their key belongs to."""
