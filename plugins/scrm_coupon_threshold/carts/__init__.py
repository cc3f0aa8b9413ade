"""Carts: quotes, holds, redemptions, reversals and refunds."""
