"""Thin resources, a module a surface: they read a request, ask the engine, and word the answer."""
