"""What hosts read before any code runs. It is a package so that an editable install finds it too, for npe2."""
