"What may leave the office · 对外公布"
