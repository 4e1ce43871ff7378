"""The program that makes models: corpora, features, losses, fitting, evaluation, export."""
