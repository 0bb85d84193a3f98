"""Train the classifier from the phrases, and measure its accuracy. Puente runs without this package."""
