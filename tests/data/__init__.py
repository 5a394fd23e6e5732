"""Test pictures, all drawn by code."""
