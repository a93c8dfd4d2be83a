"""People, jobs and rules; knows no chat platform and never imports torch."""
