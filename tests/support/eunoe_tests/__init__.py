"""What the tests share: events to publish, conditions to wait for, processes to start and kill."""
