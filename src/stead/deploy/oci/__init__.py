"""Container images without any engine: layers, manifests, layouts, registries."""
