"""Twofold: services behind two doors, and the application that puts them together."""
