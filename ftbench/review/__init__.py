"""Human review: blind sheets out, verdicts in, conclusions with intervals. No server, no account."""
