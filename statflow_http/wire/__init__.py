"""Outside input becomes engine values here, and nowhere else: bodies, forms, JSON, msgpack, numbers, names, times."""
