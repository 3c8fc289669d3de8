"""napari: a dock widget, the catalogue's nodes as commands and widgets, presets, samples and a reader."""
