"""The command line, `linf`: one file per command, options generated from the catalogue."""
