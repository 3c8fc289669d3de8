"""The catalogue's nodes on layers: commands, small widgets, presets."""
