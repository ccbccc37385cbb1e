"""Models that answer over HTTP: what they are called, how they are asked, and what their replies mean."""
