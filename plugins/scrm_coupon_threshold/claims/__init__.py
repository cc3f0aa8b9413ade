"""Claims (领券): who gets a coupon, once, while there are any."""
