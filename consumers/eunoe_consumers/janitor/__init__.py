"""The role `janitor`: ends what has lapsed, tenant by tenant."""
