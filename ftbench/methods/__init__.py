"""What happens to the weights: which are trained (``weights``), towards what (``objectives``), and the trainings."""
