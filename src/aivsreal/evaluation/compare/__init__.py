"""Detectors of the literature beside ours: trained on the same pictures under one budget, measured in one way."""
