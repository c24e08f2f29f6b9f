"""How well the prompt gate tells harm from its benign look-alikes: figures, plots, peers and counterfactual twins."""
