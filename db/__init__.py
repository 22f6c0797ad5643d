"""The ground floor: engine, unit of work, models, repositories and migrations."""
