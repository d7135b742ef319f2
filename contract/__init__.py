"""What all rooms agree on: how audio becomes samples, and what a bundle is. Imports nothing of ours."""
