"""The process role `janitor`: archive expired memories and purge old ones, tenant by tenant."""
