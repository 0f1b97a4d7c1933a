"""The command line. Each command imports its heavy modules itself, so that the others start fast."""
