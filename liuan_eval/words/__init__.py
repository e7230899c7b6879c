"What every room takes for granted: words, units, time, calendar, rules · 各处共用的知识"
