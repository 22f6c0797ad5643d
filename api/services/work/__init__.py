"""Work that waits for nobody: who does the jobs, and what each kind of job does."""
