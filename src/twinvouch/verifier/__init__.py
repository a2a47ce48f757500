"""Verifies ledgers and receipts offline. Stands alone: stdlib and one crypto library, nothing of twinvouch."""
