"""The paper's protocol and ours in one go: splits, standard scores, read-outs, baselines, tables."""
