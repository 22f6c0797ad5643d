"""Pydantic inputs and outputs, shared by both doors."""
