"""Training: request, claim, run, heartbeat, evaluate, promote."""
