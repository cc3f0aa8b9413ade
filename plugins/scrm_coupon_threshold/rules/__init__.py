"""Rules (优惠规则): pure arithmetic in minor units."""
