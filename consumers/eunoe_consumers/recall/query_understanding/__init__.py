"""What a query says about whom and when, read without a model call."""
