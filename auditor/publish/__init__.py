"""What is known, said to others: JSON, terminal text, metrics, reports, mail. In: model types. Out: text and bytes."""
