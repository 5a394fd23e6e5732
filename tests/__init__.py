"""Tests of aivsreal; they mirror src/aivsreal/."""
