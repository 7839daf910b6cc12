"""Where images come from: declared sources, download, synthetic slices, reading one image, the manifest."""
