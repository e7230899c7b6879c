"Numbers with numerator, denominator and interval · 指标"
