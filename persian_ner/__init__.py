"""Persian named-entity recognition on spaCy: from annotated news to a trained pipeline and its report."""
