"""What is answered at once and makes no job."""
