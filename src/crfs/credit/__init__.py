"""The vocabulary of credit risk: definitions, schemas and values that validate themselves."""
