"""How well the prompt gate tells harm from its benign look-alikes: figures, plots and peers."""
