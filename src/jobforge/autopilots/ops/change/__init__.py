"""How a change becomes bytes: patches on JSON and YAML that leave everything else as it was."""
