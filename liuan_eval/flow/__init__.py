"Where cases go, and whose they were · 流向与归属"
