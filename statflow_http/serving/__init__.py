"""Starting a server: its folder, its first start, its workers."""
