"The designs, each a function from a panel to an estimate · 各种设计"
