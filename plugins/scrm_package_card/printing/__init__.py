"""Print-ready cards (印刷): faces with QR codes on sheets, as PDF."""
