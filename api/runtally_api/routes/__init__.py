"""The endpoints, one module for each resource. Thin: parameters in, a pure function or a question, an answer out."""
