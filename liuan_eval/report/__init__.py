"Pages for people · 报告"
