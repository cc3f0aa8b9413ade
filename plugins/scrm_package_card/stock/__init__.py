"""Print batches as stock (批次库存): received, shipped, left; cards with serials of their own."""
