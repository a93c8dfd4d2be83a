"""SQLite and files: jobs, accounts and pictures, and what becomes of them with age."""
