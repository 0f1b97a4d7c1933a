"""The demo's sample data: conversations of two users with one agent, and the questions asked about them."""
