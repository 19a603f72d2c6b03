"""Pages of parties: getting in, one's account, whom one acts for, a lab's models."""

from registry.parties.pages import account, entry, mandates, models

blueprints = (entry.blueprint, account.blueprint, mandates.blueprint, models.blueprint)
