"""What a plan brought (数据监测): landing page, adds, rescue, report."""
