"""The pages of the studies: text in Markdown, numbers and figures from the experiments, formulas in MathML."""
