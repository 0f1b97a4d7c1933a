"""The process roles, and the supervisor that keeps one process of each running for `eunoe up`."""
