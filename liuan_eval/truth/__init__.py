"Cities and a province in which the truth is known; simulated · 真相已知的模拟"
