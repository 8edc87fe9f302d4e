"""Reaching out to places that tenants have named: webhooks and sources of uploads."""
