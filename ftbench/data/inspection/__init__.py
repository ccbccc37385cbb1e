"""The data checks: what rows give away, what is odd about them, said before anything is trained."""
