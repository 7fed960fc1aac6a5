"""The workspace on disk: documents (MongoDB or embedded) and artefacts (Parquet, safetensors, JSON)."""
