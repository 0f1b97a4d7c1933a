"""The process role `janitor`: ends memories that have expired, tenant by tenant."""
