"From any export to a case log, and what is wrong with it · 读入与检查"
