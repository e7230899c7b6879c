"Waiting times and outcomes case by case, before and after · 逐件的前后"
